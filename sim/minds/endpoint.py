"""Ask an OpenAI-compatible endpoint many things at once, each within its deadline.

The only module that makes calls, and with them the only retry loop. A call ends as a
text or as a failure under its own name (`sim.minds.calls.FAILURES`); what no retry
could mend (a wrong key, model or address) is an InputError, which stops everything.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sim.errors import InputError
from sim.minds.calls import Outcome, Request, Settings
from sim.minds.connection import (
    Fault,
    Refusal,
    address_of,
    connect,
    fault_of,
    key_for,
    mapping,
    quote,
)

FIRST_WAIT = 0.5  # seconds before the second attempt; twice that before the third...
LONGEST_WAIT = 8.0  # ...but no more than this
SPACING = 0.002  # seconds between two calls; making one takes about half of it
MOST_TOKENS = 2**31  # nobody can count more; such a count is not believed
SHAPE = "does not take this kind of request for model {model!r}; choose another --model"
ADVICE = {
    400: SHAPE,
    401: "does not accept the key; check OPENAI_API_KEY",
    403: "does not let this key use model {model!r}; check OPENAI_API_KEY and --model",
    404: "knows no model {model!r} at this address; check --model and --base-url",
    422: SHAPE,
}
HELLO = Request("check", 0, -1, -1, 0, ({"role": "user", "content": "Hi"},), "hello", 1)
HELLO_SCHEMA = {
    "type": "object",
    "properties": {"said": {"type": "string"}},
    "required": ["said"],
    "additionalProperties": False,
}


class Endpoint:
    """An endpoint and a model, asked with at most ``settings.slots`` calls in flight.

    A context manager; the connections are kept from one `ask` to the next. The key
    comes from OPENAI_API_KEY and goes to the endpoint, nowhere else.

    Raises
    ------
    InputError
        If the package openai is missing, the settings make no sense, the base URL is
        none or may not be asked (``connection.address_of``), or no key is set for an
        endpoint that is not on this machine.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = _sound(settings)
        self.base_url = address_of(settings)
        self.host = urlsplit(self.base_url).netloc
        self._key = key_for(self.base_url)
        self._gate = _Gate(settings.slots)
        self._client, self._faults = connect(self.base_url, self._key, settings.slots)
        self._create = self._client.chat.completions.with_streaming_response.create
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
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
            self._run(self._runner.close)

    def ask(
        self,
        requests: Sequence[Request],
        schemas: Mapping[str, dict[str, Any]],
        done: Callable[[int, Outcome], None] | None = None,
    ) -> list[Outcome]:
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

        Returns
        -------
        list of Outcome
            One for each request, in the order of the requests.

        Raises
        ------
        InputError
            If the endpoint refuses the key, the model, the address or the kind of
            request. The calls still in flight are broken off.
        """
        calls = [_Call(self._question(one, schemas), _luck(one)) for one in requests]
        outcomes: list[Outcome] = self._run(self._runner.run, self._ask(calls, done))
        return outcomes

    def check(self) -> None:
        """Make sure, with one call for a single token, that the model answers.

        Raises
        ------
        InputError
            If the endpoint cannot be reached, or refuses.
        """
        (outcome,) = self.ask([HELLO], {HELLO.schema: HELLO_SCHEMA})
        if outcome.failure not in ("", "cut short"):
            raise InputError(
                f"{self.host} gives no answer from model {self.settings.model!r} "
                f"({outcome.failure}); check that it runs, --base-url and --model"
            )

    def _question(
        self, request: Request, schemas: Mapping[str, dict[str, Any]]
    ) -> dict[str, Any]:
        """Return what a request is in the endpoint's words."""
        name = request.schema
        schema = {"name": name, "strict": True, "schema": schemas[name]}
        return {
            "model": self.settings.model,
            "messages": request.messages,
            "max_tokens": request.max_tokens,
            "seed": request.draw,
            "temperature": self.settings.temperature,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }

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
        self, calls: Sequence[_Call], done: Callable[[int, Outcome], None] | None
    ) -> list[Outcome]:
        """Share the calls out to as many workers as there are slots."""
        self._asking = asyncio.current_task()
        outcomes: dict[int, Outcome] = {}
        rest = iter(enumerate(calls))

        async def work() -> None:
            for index, call in rest:
                outcomes[index] = outcome = await self._call(call)
                if done is not None:
                    done(index, outcome)

        slots = min(self.settings.slots, len(calls))
        workers = [asyncio.create_task(work()) for _ in range(slots)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return [outcomes[index] for index in range(len(calls))]

    async def _call(self, call: _Call) -> Outcome:
        """Try until there is an answer, the attempts run out, or the time."""
        attempts, failure, settings = 0, "deadline", self.settings
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
                    if isinstance(came, Outcome):
                        self._gate.widen()
                        return came._replace(attempts=attempts)
                    failure, wait = came.name, _wait(came, call, attempts, settings)
                    if came.crowded:
                        self._gate.narrow(cuts, 0 if came.retry_after is None else wait)
                    too_late = now() + wait >= (clock.when() or 0)
                    if attempts == settings.attempts or too_late:
                        break
                    await asyncio.sleep(wait)
        except TimeoutError:
            if not clock.expired():
                raise
        return Outcome(None, failure, attempts)

    async def _attempt(self, question: dict[str, Any]) -> Outcome | Fault:
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
                        return Outcome(None, "too large")
            return _outcome(bytes(content))
        except self._faults as error:
            fault = fault_of(error)
        # Not in the handler: what the client raises carries the key in its headers.
        if isinstance(fault, Refusal):
            raise InputError(self._refused(fault))
        return fault

    def _refused(self, refusal: Refusal) -> str:
        """Say what the endpoint refuses and what to do; never the key."""
        code = refusal.code
        advice = "answers as no endpoint of this kind does; check --base-url"
        if 300 <= code < 400:
            advice = "sends us to another address; give that one as --base-url"
        told = ADVICE.get(code, advice).format(model=self.settings.model)
        said = quote(refusal.content, self._key) if code in (400, 422) else ""
        return f"{self.host} {told} (status {code}){said}"


def _in_a_loop() -> bool:
    """Tell whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Call(NamedTuple):
    """A question to the endpoint, and what names its luck."""

    question: dict[str, Any]
    luck: str


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


def _outcome(content: bytes) -> Outcome:
    """Return what a whole answer amounts to."""
    try:
        answer = mapping(json.loads(content))
    except (ValueError, RecursionError):
        return Outcome(None, "not JSON")
    usage = mapping(answer.get("usage"))
    tokens = [_count(usage.get(f"{kind}_tokens")) for kind in ("prompt", "completion")]
    choices = answer.get("choices")
    choice = mapping(choices[0] if isinstance(choices, list) and choices else None)
    text = mapping(choice.get("message")).get("content")
    if choice.get("finish_reason") == "length":
        return Outcome(None, "cut short", 1, *tokens)
    if not isinstance(text, str) or not text:
        return Outcome(None, "no choices", 1, *tokens)
    # Half a character ("\ud800") is JSON, but no file could hold it.
    return Outcome(text.encode(errors="replace").decode(), "", 1, *tokens)


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
