"""Client of an OpenAI-compatible endpoint: address, key, deadlines, retries.

The key comes from the environment and goes into the client. No message, representation
or exception that leaves this package carries it.

The only module that makes calls, and with them the only retry loop. A call ends as a
text or as a failure under its own name (`sim.minds.calls.FAILURES`); what no retry
could mend (a wrong key, model or address) is an InputError, which stops everything.
What is sent is settled once, at the opening (`sim.minds.dialect`).
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import json
import logging
import os
import re
import ssl
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sim.minds import dialect
from sim.minds.calls import Request, Response, Settings
from sim.minds.environment import naming_variables
from sim.minds.refusals import PLACEHOLDER, Refusal, mapping, sentence, unpacked
from sim.minds.replies import SCHEMAS
from sim.minds.transcript import Answering
from sim.utils.errors import InputError

log = logging.getLogger(__name__)

DEFAULT_URL = "https://api.openai.com/v1"
HOST = re.compile(r"[a-z0-9_.:%-]+")  # in ASCII, so that no letter passes for another
MOST_BYTES_OF_A_REFUSAL = 20_000
SECONDS_FOR_A_REFUSAL = 1.0  # to read its body, which is hardly needed


class Fault(NamedTuple):
    """Why an attempt failed, where the next may not."""

    name: str  # one of FAILURES
    retry_after: float | None = None  # seconds, as the server wishes
    crowded: bool = False  # the server has too much to do
    refusal: Refusal | None = None  # what the server answered, if it did


def address_of(settings: Settings) -> str:
    """Return the address of a model's endpoint, if that may be asked.

    Whatever opens a connection to a model has its address from here.

    Raises
    ------
    InputError
        If it is no address, the model was named by a file and its host is not among
        those that were allowed, or the key would leave this machine in clear text.
    """
    url = base_url_of(settings.base_url)
    parts = urlsplit(url)
    if settings.allowed is not None and not _is_among(settings.allowed, url):
        host = parts.netloc
        raise InputError(
            f"a file names a language model at {host}, which nobody allowed; if your "
            f"key may go there: --allow-model {host} (in Python allow_model={host!r})"
        )
    if parts.scheme == "http" and not (settings.insecure or _on_this_machine(url)):
        raise InputError(
            f"your key would go to {parts.netloc} in clear text (http://); use "
            "https://, or allow it with --insecure (in Python insecure=True)"
        )
    return url


def hosts(allowed: str | Iterable[str]) -> tuple[str, ...]:
    """Return hosts that may be asked, from one or several as a user writes them.

    Raises
    ------
    InputError
        If one is no host, with or without a port.
    """
    listed = (allowed,) if isinstance(allowed, str) else tuple(allowed)
    for one in listed:
        try:
            _split(one)
        except ValueError:
            raise InputError(
                f"--allow-model takes a host as api.openai.com or 127.0.0.1:8012, not "
                f"{one!r}"
            ) from None
    return listed


def _split(host: str) -> tuple[str, int | None]:
    """Return name and port of a host; ValueError if it is none."""
    parts = urlsplit(f"//{host}")
    name = parts.hostname or ""
    if parts.netloc != host or "@" in host or not HOST.fullmatch(name):
        raise ValueError(host)
    return name, parts.port


def _is_among(allowed: Iterable[str], url: str) -> bool:
    """Tell whether an address is on one of the hosts; one without a port has all."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    found = [at for name, at in map(_split, allowed) if name == parts.hostname]
    return None in found or port in found


def base_url_of(given: str | None) -> str:
    """Return the address of the endpoint: given, from the environment, or OpenAI's."""
    url = given or os.environ.get("OPENAI_BASE_URL", "").strip() or DEFAULT_URL
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        valid = valid and parts.port != 0
        valid = valid and HOST.fullmatch(parts.hostname or "") is not None
    except ValueError:
        valid = False
    # Never quoted: whoever puts a key into an address should not read it in a log.
    if not valid:
        raise InputError(
            "the base URL is no address of an endpoint; write --base-url (or "
            "OPENAI_BASE_URL) like http://127.0.0.1:8012/v1"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError(
            "the base URL carries a user, a password or a query; leave them out of "
            "--base-url (or OPENAI_BASE_URL) and put the key into OPENAI_API_KEY"
        )
    return url


def _on_this_machine(url: str) -> bool:
    """Tell whether an address is on loopback."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def key_for(base_url: str) -> str:
    """Return the key from the environment."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if re.search(r"[^!-~]", key):
        raise InputError("OPENAI_API_KEY holds characters that no key has; set it anew")
    if not key and not _on_this_machine(base_url):
        raise InputError(
            f"no key for {urlsplit(base_url).netloc}; set OPENAI_API_KEY to one"
        )
    return key or PLACEHOLDER


@naming_variables
def connect(
    base_url: str, key: str, slots: int
) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return a client, and all that it raises when a connection or a request fails."""
    try:
        import anyio
        import openai
    except ImportError:
        raise InputError(
            "a language model needs the package openai; "
            "install it with: pip install 'os-society[llm]'"
        ) from None
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)
    client = openai.AsyncOpenAI(
        api_key=key,
        base_url=base_url,
        max_retries=0,
        timeout=None,  # a call has one deadline, and that is ours
        default_headers={"Accept-Encoding": "identity"},  # nothing swells when unpacked
        http_client=openai.DefaultAsyncHttpxClient(
            timeout=None,
            limits=limits(max_connections=None, max_keepalive_connections=slots),
            follow_redirects=False,
            trust_env=not _on_this_machine(base_url),  # proxies are for elsewhere
            **_unread_certificates(base_url),
            event_hooks={"response": [_turn_back]},
        ),
    )
    # openai 2 rests on httpx, openai 3 on httpx2.
    web = sys.modules[limits.__module__.partition(".")[0]]
    ends = (openai.APIConnectionError, web.HTTPError, anyio.EndOfStream, OSError)
    return client, (Refusal, *ends)


def _unread_certificates(base_url: str) -> dict[str, Any]:
    """Return options that spare a plain connection to this machine all certificates.

    They take longer to read than hundreds of such calls, and none is ever used.
    """
    is_plain = urlsplit(base_url).scheme == "http" and _on_this_machine(base_url)
    return {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)} if is_plain else {}


async def _turn_back(response: Any) -> None:
    """Raise a Refusal for a bad status; the client would read its body without end."""
    if 200 <= response.status_code < 300:
        return
    content = bytearray()
    with suppress(Exception):  # a refusal is one, however its body ends
        async with asyncio.timeout(SECONDS_FOR_A_REFUSAL):
            async for part in response.aiter_raw():
                content += part
                if len(content) > MOST_BYTES_OF_A_REFUSAL:
                    break
    headers = response.headers
    packing = headers.get("content-encoding", "")
    said = unpacked(bytes(content), packing, MOST_BYTES_OF_A_REFUSAL)
    if 300 <= response.status_code < 400:
        said = headers.get("location", "").encode(errors="replace")
    raise Refusal(response.status_code, headers.get("retry-after", ""), said)


def fault_of(error: BaseException) -> Fault | Refusal:
    """Return the fault behind what the client raised, or a refusal that will stay."""
    cause = error.__cause__ or error
    if isinstance(cause, Refusal):
        crowded = cause.code in (429, 503)
        passes = cause.code in (408, 409, 429) or cause.code >= 500
        if not passes or (cause.code == 429 and cause.is_of_the_account):
            return cause
        name = "rate limited" if cause.code == 429 else "server error"
        return Fault(name, _seconds(cause.retry_after), crowded, cause)
    unconnected = type(cause).__name__ in ("ConnectError", "ConnectTimeout")
    return Fault(UNCONNECTED if unconnected else "reset")


def _seconds(retry_after: str) -> float | None:
    """Return the seconds that a Retry-After header asks for; None if it is garbage."""
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", retry_after):
        return float(retry_after)
    try:
        date = email.utils.parsedate_to_datetime(retry_after)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None


UNCONNECTED = "refused"  # before a request was sent
GONE = "not found"  # the model, at one attempt
FIRST_WAIT = 0.5  # seconds before the second attempt; twice that before the third...
LONGEST_WAIT = 8.0  # ...but no more than this
SPACING = 0.002  # seconds between two calls; making one takes about half of it
MOST_TOKENS = 2**31  # nobody can count more; such a count is not believed
SHAPE = "does not take this kind of request for model {model!r}; choose another --model"
ADVICE = {
    400: SHAPE,
    401: "does not accept the key; check OPENAI_API_KEY",
    402: "wants to be paid before it answers; look after the account of the key",
    403: "does not let this key use model {model!r}; check OPENAI_API_KEY and --model",
    404: "knows no model {model!r} at this address; check --model and --base-url",
    413: "takes no request of this size for model {model!r}; choose another --model",
    422: SHAPE,
    429: "has no quota left for this key; look after its account",
}
OF_A_PROMPT = (400, 403, 413, 422)  # refusals of one prompt, once others are answered
MOST_TOKENS_AT_ONCE = 500  # of any reply
ASK = """Say hello. Reply in JSON with these fields:
"said": a greeting, one sentence
"remember": one sentence about it
"warmth", "disclosure", "novelty": integers from 0 (none) to 10 (most)
"act": "continue"
"""
HELLO = Request(
    *("check", 0, -1, -1, 0, ({"role": "user", "content": ASK},), "hello"),
    max_tokens=MOST_TOKENS_AT_ONCE,
)
# The schema with everything that others have.
HELLO_SCHEMAS = {HELLO.schema: SCHEMAS["encounter"]}


class Endpoint:
    """An endpoint and a model, asked with at most ``settings.slots`` calls in flight.

    A context manager; the connections are kept from one `ask` to the next. The key
    comes from OPENAI_API_KEY and goes to the endpoint, nowhere else.

    Parameters
    ----------
    settings
        How to reach the model.
    other
        An endpoint whose loop it shares, so that talks may go from one to the other;
        it is closed later than this one.

    Raises
    ------
    InputError
        If the package openai is missing, the settings make no sense, the base URL is
        none or may not be asked (`address_of`), or no key is set for an
        endpoint that is not on this machine.
    """

    def __init__(self, settings: Settings, other: Endpoint | None = None) -> None:
        self.settings = _sound(settings)
        self.base_url = address_of(settings)
        self.host = urlsplit(self.base_url).netloc
        self.has_answered = False  # whether it has given a good answer before
        self._key = key_for(self.base_url)
        self._gate = _Gate(settings.slots)
        self._client, self._faults = connect(self.base_url, self._key, settings.slots)
        self._create = self._client.chat.completions.with_streaming_response.create
        self._is_guest = other is not None
        own = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._runner: asyncio.Runner = own if other is None else other._runner
        self._asking: asyncio.Task[Any] | None = None

    def __repr__(self) -> str:
        return f"Endpoint(model={self.settings.model!r}, base_url={self.base_url!r})"

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def limit(self) -> int:
        """Return how many calls may be in flight now, in 1..slots."""
        return int(self._gate.limit)

    def close(self) -> None:
        """Close the connections; the endpoint cannot be asked any more."""
        if not self._client.is_closed():
            self._run(self._runner.run, self._client.close())
            if not self._is_guest:
                self._run(self._runner.close)

    def ask(
        self,
        requests: Sequence[Request],
        schemas: Mapping[str, dict[str, Any]],
        done: Callable[[int, Response], None] | None = None,
        again: Callable[[int, str], bool] | None = None,
    ) -> list[Response]:
        """Make all calls, as many at once as the endpoint bears; wait for the last.

        Parameters
        ----------
        requests
            What to ask.
        schemas
            The JSON schemas of replies, by the names that the requests use.
        done
            Told the index and the outcome of each call once it has ended for good.
            What it raises goes on to the caller, and breaks off the other calls.
        again
            Told the index and the failure of a call that would be tried again; says
            whether it may.

        Returns
        -------
        list of Response
            One for each request, in the order of the requests.

        Raises
        ------
        InputError
            If the endpoint refuses the key, the model, the address or the kind of
            request. The calls still in flight are broken off.
        """
        refusal: Refusal | None = None
        try:
            return self._ask_all(requests, schemas, done, again)
        except Refusal as error:
            refusal = error
        # Not in the handler: what the client raises carries the key in its headers.
        raise InputError(self._refused(refusal))

    @property
    def slots(self) -> int:
        """How many calls are in flight at most."""
        return self.settings.slots

    def beside(self, works: Sequence[Answering], slots: int) -> None:
        """Do works that wait for an `answer` of this endpoint, or one of its loop.

        Parameters
        ----------
        works
            Each is called once, and what it returns is awaited. What one raises goes
            on to the caller, and breaks off the others.
        slots
            How many are done at a time.
        """
        self._run(self._runner.run, self._side_by_side(works, slots))

    async def answer(
        self, request: Request, schema: dict[str, Any], again: Callable[[str], bool]
    ) -> Response:
        """Make one call, in a work of `beside`; raise InputError as `ask` does."""
        question = dialect.question(request, schema, self.settings)
        refusal: Refusal | None = None
        try:
            return await self._call(_Call(question, _luck(request), again))
        except Refusal as error:
            refusal = error
        # Not in the handler: what the client raises carries the key in its headers.
        raise InputError(self._refused(refusal))

    def settle(
        self,
        before: Callable[[], None] = lambda: None,
        after: Callable[[], None] = lambda: None,
    ) -> tuple[str, ...]:
        """Find out with a question of the real form what the model is to be asked with.

        What the endpoint refuses is left out from now on (`sim.minds.dialect.settle`).

        Parameters
        ----------
        before, after
            Called before each request, and after each that reached the endpoint. What
            they raise goes on to the caller.

        Returns
        -------
        tuple of str
            What is left out, as ``settings.without`` says from now on.

        Raises
        ------
        InputError
            If the endpoint cannot be reached, or refuses whatever is left out.
        """
        refusal: Refusal | None = None
        try:
            without = dialect.settle(
                self.settings.without,
                lambda parts: self._greeting(parts, before, after),
            )
        except Refusal as error:
            refusal = error
        if refusal is not None:
            raise InputError(self._refused(refusal))
        self.use(without)
        log.info("endpoint %s is sent %s", self.host, dialect.described(self.settings))
        return without

    def use(self, without: tuple[str, ...]) -> None:
        """Leave out what was found out before; the endpoint has given answers."""
        self.settings = self.settings._replace(without=without)
        self.has_answered = True

    def _greeting(
        self,
        without: tuple[str, ...],
        before: Callable[[], None],
        after: Callable[[], None],
    ) -> Refusal | None:
        """Ask for a greeting without some parts; return the refusal, if it is one."""
        self.settings = self.settings._replace(without=without)
        self.has_answered = False
        most = self.settings.max_tokens or HELLO.max_tokens
        hello = HELLO._replace(max_tokens=most)

        def again(index: int, failure: str) -> bool:
            if failure != UNCONNECTED:
                after()
            before()
            return True

        before()
        try:
            (came,) = self._ask_all([hello], HELLO_SCHEMAS, again=again)
        except Refusal as refusal:
            after()
            return refusal
        if came.failure != UNCONNECTED:
            after()
        model = self.settings.model
        if came.failure == "cut short" and not came.text:
            raise InputError(
                f"model {model!r} at {self.host} spent {most} tokens before it said "
                "anything; let it say more (--max-tokens)"
            )
        if came.failure not in ("", "cut short"):
            said = sentence((came.text or "").encode(), self._key)
            raise InputError(
                f"{self.host} gives no answer from model {model!r} ({came.failure}); "
                "check that it runs, --base-url and --model"
                + (f"; it says: {said}" if said else "")
            )
        return None

    def _ask_all(
        self,
        requests: Sequence[Request],
        schemas: Mapping[str, dict[str, Any]],
        done: Callable[[int, Response], None] | None = None,
        again: Callable[[int, str], bool] | None = None,
    ) -> list[Response]:
        """Do as `ask` says, but raise the Refusal itself."""
        calls = [
            _Call(
                dialect.question(one, schemas[one.schema], self.settings),
                _luck(one),
                partial(again, index) if again is not None else _always,
            )
            for index, one in enumerate(requests)
        ]
        outcomes: list[Response] = self._run(self._runner.run, self._ask(calls, done))
        return outcomes

    def _run(self, work: Callable[..., Any], *given: Any) -> Any:
        """Do work of the loop; in a thread where this one has a loop (a notebook)."""
        if not _in_a_loop():
            return work(*given)
        with ThreadPoolExecutor(1) as thread:
            ended = thread.submit(work, *given)
            try:
                return ended.result()
            except KeyboardInterrupt:
                if self._asking is not None:
                    self._runner.get_loop().call_soon_threadsafe(self._asking.cancel)
                raise

    async def _ask(
        self, calls: Sequence[_Call], done: Callable[[int, Response], None] | None
    ) -> list[Response]:
        """Make calls, as many at a time as there are slots."""
        outcomes: dict[int, Response] = {}

        async def make(index: int, call: _Call) -> None:
            outcomes[index] = outcome = await self._call(call)
            if done is not None:
                done(index, outcome)

        works = [partial(make, index, call) for index, call in enumerate(calls)]
        await self._side_by_side(works, self.settings.slots)
        return [outcomes[index] for index in range(len(calls))]

    async def _side_by_side(self, works: Sequence[Answering], slots: int) -> None:
        """Share works out to so many workers."""
        self._asking = asyncio.current_task()
        rest = iter(works)

        async def work() -> None:
            for one in rest:
                await one()

        workers = [asyncio.create_task(work()) for _ in range(min(slots, len(works)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _call(self, call: _Call) -> Response:
        """Try until there is an answer, the attempts run out, or the time."""
        attempts, failure, settings = 0, "deadline", self.settings
        refusal: Refusal | None = None
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(None) as clock:
                while True:
                    cuts = await self._gate.enter()
                    attempts, failure = attempts + 1, "deadline"
                    if attempts == 1:
                        clock.reschedule(now() + settings.deadline)
                    try:
                        came = await self._attempt(call.question)
                    finally:
                        self._gate.leave()
                    if isinstance(came, Response):
                        self._gate.widen()
                        return came._replace(attempts=attempts)
                    failure, wait = came.name, _wait(came, call, attempts, settings)
                    refusal = came.refusal
                    if came.crowded:
                        self._gate.narrow(cuts, 0 if came.retry_after is None else wait)
                    too_late = now() + wait >= (clock.when() or 0)
                    if attempts == settings.attempts or too_late:
                        break
                    if not call.again(failure if failure != GONE else "server error"):
                        break
                    await asyncio.sleep(wait)
        except TimeoutError:
            if not clock.expired():
                raise
        if failure == GONE and refusal is not None:
            raise refusal
        return Response(self._said(refusal) or None, failure, attempts)

    async def _attempt(self, question: dict[str, Any]) -> Response | Fault:
        """Ask once; return an outcome, or a fault that may pass."""
        content = bytearray()
        try:
            async with (
                # As a whole and as it is: the client's own look at it takes long.
                self._create(model="", messages=(), extra_body=question) as response,
                aclosing(response.http_response.aiter_raw()) as parts,
            ):
                async for part in parts:
                    content += part
                    if len(content) > self.settings.most_bytes:
                        return Response(None, "too large")
                packing = response.headers.get("content-encoding", "")
            return self._understood(bytes(content), packing)
        except self._faults as error:
            fault = fault_of(error)
        # Not in the handler: what the client raises carries the key in its headers.
        return self._judged(fault) if isinstance(fault, Refusal) else fault

    def _understood(self, content: bytes, packing: str) -> Response:
        """Return what a whole answer amounts to; raise a Refusal if it is an error."""
        most = self.settings.most_bytes
        content = unpacked(content, packing, most)
        if len(content) > most:
            return Response(None, "too large")
        outcome = _outcome(content)
        self.has_answered |= not outcome.failure
        said = outcome.text
        if outcome.failure == "refusal" and said:
            said = sentence(said.encode(), self._key)
        return outcome._replace(text=said or None)

    def _judged(self, refusal: Refusal) -> Response | Fault:
        """Return what a refusal means for its call; raise it if it stops all calls.

        Of an endpoint that has answered before, a prompt may be refused; and a model
        that is gone may be back, since one of several servers may lack it.
        """
        if self.has_answered and refusal.code in OF_A_PROMPT:
            name = "content filter" if refusal.is_a_filter else "refused prompt"
            return Response(self._said(refusal) or None, name)
        if self.has_answered and refusal.code == 404:
            return Fault(GONE, refusal=refusal)
        raise refusal

    def _said(self, refusal: Refusal | None) -> str:
        """Return the server's own sentence; never the key."""
        return "" if refusal is None else sentence(refusal.content, self._key)

    def _refused(self, refusal: Refusal) -> str:
        """Say what the endpoint refuses and what to do; never the key."""
        code = refusal.code
        advice = "answers as no endpoint of this kind does; check --base-url"
        said = self._said(refusal)
        if 300 <= code < 400:
            advice = "sends us to another address; give that one as --base-url"
            said = said.removesuffix("/chat/completions")
        text = ADVICE.get(code, advice).format(model=self.settings.model)
        if code in (404, 405) and not urlsplit(self.base_url).path.strip("/"):
            text += " (most end in /v1)"
        return f"{self.host} {text} (status {code})" + (
            f"; it says: {said}" if said else ""
        )


def _in_a_loop() -> bool:
    """Tell whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Call(NamedTuple):
    """A question to the endpoint, what names its luck, and who may stop it."""

    question: dict[str, Any]
    luck: str
    again: Callable[[str], bool]  # told why it failed; says whether it is tried again


def _always(failure: str) -> bool:
    return True


class _Gate:
    """How many calls are in flight, and how many may be.

    The limit is halved when the server has too much to do, once for all calls that were
    in flight together, and grows by one with each round of successes.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.limit = float(slots)
        self.cuts = 0  # how often the limit was halved
        self.in_flight = 0
        self._next_turn = 0.0
        self._closed_until = 0.0
        self._changed = asyncio.Event()

    async def enter(self) -> int:
        """Wait for a place and take it; return the number of cuts so far."""
        await self._take_turn()
        while True:
            pause = self._closed_until - asyncio.get_running_loop().time()
            if pause > 0:
                await asyncio.sleep(pause)
            elif self.in_flight >= int(self.limit):
                self._changed.clear()
                await self._changed.wait()
            else:
                self.in_flight += 1
                return self.cuts

    async def _take_turn(self) -> None:
        """Keep a little distance from the call before.

        Answers to calls made all at once come all at once, and wait for each other.
        """
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next_turn)
        self._next_turn = turn + SPACING
        if turn > now:
            await asyncio.sleep(turn - now)

    def leave(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._changed.set()

    def widen(self) -> None:
        """Let a little more in."""
        self.limit = min(self.slots, self.limit + 1 / self.limit)

    def narrow(self, cuts: int, pause: float) -> None:
        """Let half as many in, and nobody for some seconds."""
        if cuts == self.cuts:
            self.limit = max(1.0, self.limit / 2)
            self.cuts += 1
        until = asyncio.get_running_loop().time() + pause
        self._closed_until = max(self._closed_until, until)


def _wait(fault: Fault, call: _Call, attempts: int, settings: Settings) -> float:
    """Return the seconds to wait after so many attempts: the server's wish, or ours."""
    if fault.retry_after is not None:
        return min(fault.retry_after, settings.retry_after_cap)
    longest = min(FIRST_WAIT * 2.0 ** (attempts - 1), LONGEST_WAIT)
    jitter = zlib.crc32(f"{call.luck} {attempts}".encode()) / 2**32
    return longest * (0.5 + 0.5 * jitter)


def _luck(request: Request) -> str:
    """Name a request, so that its waits are its own and always the same."""
    one = request
    return f"{one.kind} {one.step} {one.agent} {one.other} {one.draw}"


def _outcome(content: bytes) -> Response:
    """Return what a whole answer amounts to; raise a Refusal if it is an error."""
    try:
        answer = mapping(json.loads(content))
    except (ValueError, RecursionError):
        return Response(None, "not JSON")
    usage = mapping(answer.get("usage"))
    tokens = [_count(usage.get(f"{kind}_tokens")) for kind in ("prompt", "completion")]
    tokens.append(min(tokens[0], _cached(usage)))
    choices = answer.get("choices")
    choice = mapping(choices[0] if isinstance(choices, list) and choices else None)
    if answer.get("error") and not choice:
        raise Refusal(_status(mapping(answer["error"]).get("code")), "", content)
    message, ending = mapping(choice.get("message")), str(choice.get("finish_reason"))
    text, refusal = _words(message.get("content")), message.get("refusal")
    failure = {"length": "cut short", "content_filter": "content filter"}.get(
        ending, ""
    )
    if not failure and not text:
        failure = "refusal" if refusal and isinstance(refusal, str) else "no choices"
        text = _words(refusal) if failure == "refusal" else ""
    # Half a character ("\ud800") is JSON, but no file could hold it.
    said = text.encode(errors="replace").decode()
    return Response(said or None, failure, 1, *tokens)


def _words(content: object) -> str:
    """Return the text of a message, which may come in parts, some of them thoughts."""
    if isinstance(content, list):
        parts = [mapping(part) for part in content]
        texts = [part.get("text") for part in parts if part.get("type") == "text"]
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _status(code: object) -> int:
    """Return the status that an error in the place of an answer stands for."""
    found = int(code) if re.fullmatch("[45][0-9][0-9]", str(code)) else 502  # type: ignore[call-overload]
    return int(found)


def _cached(usage: Mapping[str, Any]) -> int:
    """Return how many tokens of a prompt were in a cache, by any of its names."""
    details = mapping(usage.get("prompt_tokens_details"))
    return _count(details.get("cached_tokens")) or _count(
        usage.get("prompt_cache_hit_tokens")
    )


def _count(value: object) -> int:
    """Return a number of tokens, 0 for what cannot be one."""
    counted = type(value) is int and 0 <= value < MOST_TOKENS
    return value if counted else 0  # type: ignore[return-value]


def _sound(settings: Settings) -> Settings:
    """Return settings with which a call can be made."""
    if not settings.model:
        raise InputError("no model is named; give one with --model")
    least = {"slots": 1, "attempts": 1, "most_bytes": 1, "retry_after_cap": 0}
    for name, bound in least.items():
        if not (value := getattr(settings, name)) >= bound:
            raise InputError(f"{name} must be at least {bound}, not {value}")
    if not settings.deadline > 0:
        raise InputError(f"deadline must be positive, not {settings.deadline}")
    return settings
