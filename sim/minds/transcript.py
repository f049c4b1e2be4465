"""Transcripts of model calls: an append-only journal to resume and replay from.

A line counts when it ends. What a kill or a full disk left of a line does not: it is
passed over by who reads, and removed by who continues writing.

A transcript is a text file of JSON lines. The first says how its calls were made:
model, provider, temperature, prompts, what was sent. Every other line is one finished
call, good or failed, under a key made of all that could make its answer another one;
or it says that the calls after it were made at another host; or it notes a request that
gave no answer and was made again, or that only asked whether the endpoint is there. A
call is on the disk before its answer is used, and a request is noted before the next
one is made. So a run that was killed asks nothing twice but what was in flight, and its
budget counts all but that. Once what is sent is known, a line says so.

Every line ends with a digest of itself and of the line before, so that an answer that
was edited is noticed. A line may be taken out: what is left is read, and
`sim.minds.transcript_check` says where.

The first format did not say what was sent, since all was. Its replies are read as they
were then: unmended (`sim.minds.mending`). Before the third, a budget was one of calls,
however often they were tried, and lines had no digests. Before the fourth, what was
said held for no day. So replays have the bytes of their runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import cache
from io import BufferedReader, FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable
from urllib.parse import urlsplit

from sim.minds import dialect
from sim.minds.calls import FAILURES, Request, Response, Settings
from sim.minds.refusals import mapping
from sim.minds.replies import SCHEMAS, schema_digest
from sim.utils.errors import InputError
from sim.utils.files import Lock, expanded, replacing, sync_folder, writing
from sim.utils.provenance import SOFTWARE, software_version
from sim.utils.untrusted import open_file

FORMAT = 4
UNHELD = 3  # the last format of casts whose words hold for no day
PLAIN = 2  # the last format without digests, whose budgets count calls
UNMENDED = 1  # the first format
KINDS = ("encounter", "upgrade", "departure", "letter")
MOST_BYTES_OF_A_HEADER = 10_000
BEGINNING = b'{"transcript":'
MOST_MESSAGES = 1000  # of a call
MOST_FIELDS = 10  # of a message
SEAL = b',"digest":"%b"}\n'  # the end of a line
SEALED = len(SEAL % bytes(64))  # bytes of it

Place = tuple[str, int, int, int, int]  # kind, step, agent, other, draw


class Header(NamedTuple):
    """The first line of a transcript: with what all its calls were made."""

    transcript: int  # version of the format
    software: str
    model: str
    provider: str  # address of the endpoint, without what could be secret
    temperature: float
    prompts: str  # digest of the prompt files, or nothing
    without: Sequence[str] = ()  # what is not sent (`sim.minds.dialect.NAMES`)
    max_tokens: int | None = None  # of any reply
    extra_body: Mapping[str, Any] | None = None  # what else is sent

    @property
    def is_mended(self) -> bool:
        """Whether replies that need a little mending are used."""
        return self.transcript != UNMENDED

    @property
    def words_hold(self) -> bool:
        """Whether what is said holds for days, and is rated by who does not say it."""
        return self.transcript > UNHELD

    @property
    def is_sealed(self) -> bool:
        """Whether every line has a digest."""
        return self.transcript > PLAIN

    @property
    def counts_requests(self) -> bool:
        """Whether a budget counts requests, and not calls."""
        return self.transcript > PLAIN


class Spent(NamedTuple):
    """A request that was made and is no finished call."""

    key: str  # of the call that was tried again; nothing for one of the opening
    failure: str  # one of FAILURES, or nothing


class Opened(NamedTuple):
    """The end of the opening: what is sent is known from here on."""

    requests: int  # that were made for it


class Host(NamedTuple):
    """Where calls are made: the header's host, or one that goes on in its place."""

    model: str
    provider: str
    without: Sequence[str]
    software: str = ""


class Entry(NamedTuple):
    """Any other line of a transcript: one finished call."""

    key: str
    kind: str
    step: int
    agent: int
    other: int
    draw: int
    schema: str
    max_tokens: int
    messages: list[dict[str, str]]
    text: str | None
    failure: str
    attempts: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0  # written only where there are any

    @property
    def request(self) -> Request:
        """The question, as it is kept."""
        asked = tuple(self.messages), self.schema, self.max_tokens
        return Request(*self.place, *asked)

    @property
    def outcome(self) -> Response:
        """What came of the call."""
        return Response(*self[9:])

    @property
    def place(self) -> Place:
        """In whose life the call was made, and when."""
        return self[1:6]

    @property
    def order(self) -> tuple[int, int, str, int, int, int, str]:
        """What entries are sorted by: step, kind, agent, other, draw."""
        kind, step, agent, other, draw = self.place
        rank = KINDS.index(kind) if kind in KINDS else len(KINDS)
        return step, rank, kind, agent, other, draw, self.key


Line = Header | Host | Spent | Opened | Entry  # what a line says


HEADER_TYPES: dict[str, tuple[type, ...]] = {
    "transcript": (int,),
    "temperature": (float,),
    **dict.fromkeys(("software", "model", "provider", "prompts"), (str,)),
}
SENT_TYPES: dict[str, tuple[type, ...]] = {
    "without": (list,),
    "max_tokens": (int, type(None)),
    "extra_body": (dict, type(None)),
}
OPENED_TYPES: dict[str, tuple[type, ...]] = {"requests": (int,)}
SPENT_TYPES: dict[str, tuple[type, ...]] = {"key": (str,), "failure": (str,)}
HOST_TYPES: dict[str, tuple[type, ...]] = {
    "without": (list,),
    **dict.fromkeys(("software", "model", "provider"), (str,)),
}
ENTRY_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("key", "kind", "schema", "failure"), (str,)),
    **dict.fromkeys(("step", "agent", "other", "draw", "max_tokens"), (int,)),
    **dict.fromkeys(("attempts", "prompt_tokens", "completion_tokens"), (int,)),
    "cached_tokens": (int,),
    "messages": (list,),
    "text": (str, type(None)),
}


def place_of(request: Request) -> Place:
    """Return in whose life a request is made, and when, as plain integers."""
    step, agent, other = int(request.step), int(request.agent), int(request.other)
    return request.kind, step, agent, other, int(request.draw)


NAMES = {"continued": Host, "spent": Spent, "opened": Opened}  # of lines


def line_of(record: Line, before: str | None = None) -> bytes:
    """Return the line of a transcript, with its line break.

    Parameters
    ----------
    record
        What it says.
    before
        The digest of the line before, "" for the first line; None is a transcript whose
        lines have none.
    """
    fields = record._asdict()
    if not fields.get("cached_tokens", 1):
        del fields["cached_tokens"]
    names = [name for name, kind in NAMES.items() if isinstance(record, kind)]
    if names:
        fields = {names[0]: fields}
    if before is None:
        return _written(fields)
    known = _written(fields | {"before": before}).removesuffix(b"}\n")
    return known + SEAL % hashlib.sha256(known).hexdigest().encode()


def digest_in(line: bytes) -> str | None:
    """Return the digest with which a line ends, if it is of that line; else None."""
    known, digest = line[:-SEALED], line[-SEALED:]
    right = hashlib.sha256(known).hexdigest()
    return right if digest == SEAL % right.encode() else None


def before_in(line: bytes) -> str | None:
    """Return the digest that a line says of the line before."""
    found = (_fields(line) or {}).get("before")
    return found if isinstance(found, str) else None


def read_header(path: Path, line: bytes) -> Header:
    """Return what the first line of the file at ``path`` says.

    Raises
    ------
    InputError
        If it is not the first line of a transcript, or of another format.
    """
    found = (_said(line) or {}) if len(line) <= MOST_BYTES_OF_A_HEADER else {}
    version = found.get("transcript")
    if type(version) is int and not UNMENDED <= version <= FORMAT:
        message = f"{path} is a transcript of format {version}; this {SOFTWARE} reads"
        raise InputError(f"{message} format {FORMAT}; use the version that wrote it")
    types = HEADER_TYPES | ({} if version == UNMENDED else SENT_TYPES)
    if (
        not _fits(found, types)
        or not math.isfinite(found["temperature"])
        or not set(map(str, found.get("without", []))) <= set(dialect.NAMES)
    ):
        raise InputError(f"{path} is not a transcript of {SOFTWARE}; name another file")
    header = Header(**found)
    if header.is_sealed and digest_in(line) is None:
        message = f"line 1 of transcript {path} is damaged"
        raise InputError(f"{message}; record to another file")
    return header


def read_host(line: bytes) -> Host | None:
    """Return the host at which the calls after a line were made, or None."""
    found = mapping(mapping(_said(line)).get("continued"))
    if not _fits(found, HOST_TYPES):
        return None
    return (
        Host(**found) if set(map(str, found["without"])) <= set(dialect.NAMES) else None
    )


def read_spent(line: bytes) -> Spent | Opened | None:
    """Return the requests without an answer that a line notes, or None."""
    fields = mapping(_fields(line))
    found = mapping(fields.get("spent"))
    if _fits(found, SPENT_TYPES) and found["failure"] in ("", *FAILURES):
        return Spent(**found)
    found = mapping(fields.get("opened"))
    if _fits(found, OPENED_TYPES) and 0 <= found["requests"] < 2**31:
        return Opened(**found)
    return None


def read_entry(line: bytes) -> Entry | None:
    """Return the finished call in a line, or None if there is none."""
    found = {"cached_tokens": 0} | (_said(line) or {})
    if not _fits(found, ENTRY_TYPES):
        return None
    numbers = (value for value in found.values() if isinstance(value, int))
    failures = FAILURES if found["text"] is None else ("", *FAILURES)
    if found["failure"] not in failures or not all(-1 <= n < 2**31 for n in numbers):
        return None
    messages = found["messages"]
    if len(messages) > MOST_MESSAGES or not all(map(_is_message, messages)):
        return None
    return Entry(**found)


def _written(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _fields(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a line, if it can be written as UTF-8 again."""
    try:
        found = json.loads(line.decode())
        _written(found)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _said(line: bytes) -> dict[str, Any] | None:
    """Return what a line says besides its digests."""
    found = _fields(line)
    if found is not None and "before" in found:
        found = {k: v for k, v in found.items() if k not in ("before", "digest")}
    return found


def _fits(found: dict[str, Any], types: dict[str, tuple[type, ...]]) -> bool:
    same = found.keys() == types.keys()
    return same and all(type(found[name]) in types[name] for name in types)


def _is_message(found: Any) -> bool:
    if not isinstance(found, dict) or len(found) > MOST_FIELDS:
        return False
    return all(isinstance(text, str) for text in found.values())


MOST_BYTES_OF_A_LINE = 2_000_000
MOST_BYTES_OF_A_FILE = 2**31


class Journal:
    """A journal that is open; use ``Journal.to_read`` or ``Journal.to_write``."""

    def __init__(self, path: Path, file: FileIO, lock: Lock | None = None) -> None:
        self.path = path
        self._file, self._lock = file, lock
        self._end = 0  # bytes of the whole lines that were read or written

    @classmethod
    def to_read(cls, path: Path) -> Self:
        """Open a journal, also one that somebody is writing.

        Raises
        ------
        InputError
            If there is no such file, or it cannot be read.
        """
        try:
            return cls(path, open_file(path, os.O_RDONLY))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot read {path}: {reason}") from error

    @classmethod
    def to_write(cls, path: Path) -> Self:
        """Open a journal to read and then to add to; make it if it is missing.

        Raises
        ------
        InputError
            If it cannot be written, or another process, or this one, is writing it.
        """
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open_file(path, os.O_RDWR | os.O_CREAT)
            try:
                lock = _locked(path)
            except BaseException:
                file.close()
                raise
            try:
                sync_folder(path.parent)
            except BaseException:
                file.close()
                lock.release()
                raise
        return cls(path, file, lock)

    def lines(self) -> Iterator[bytes]:
        """Yield the whole lines, each with its line break; read them before writing.

        A first line that is far too long is not yielded: this is another kind of file.

        Raises
        ------
        InputError
            If a later line, or the file, is far too long.
        """
        if os.fstat(self._file.fileno()).st_size > MOST_BYTES_OF_A_FILE:
            most = f"{MOST_BYTES_OF_A_FILE:,} bytes"
            raise InputError(f"{self.path} is larger than {most}; name another file")
        self._file.seek(0)
        self._end = number = 0
        reader = BufferedReader(self._file)
        while (line := reader.readline(MOST_BYTES_OF_A_LINE + 1)).endswith(b"\n"):
            number += 1
            self._end += len(line)
            yield line
        reader.detach()
        if number and len(line) > MOST_BYTES_OF_A_LINE:
            where = f"line {number + 1} of {self.path}"
            most = f"{MOST_BYTES_OF_A_LINE:,} bytes"
            raise InputError(f"{where} is longer than {most}; name another file")

    def rest(self) -> bytes:
        """Return what follows the last whole line that was read, if it is short."""
        self._file.seek(self._end)
        return self._file.read(MOST_BYTES_OF_A_LINE) or b""

    def trim(self) -> None:
        """Remove what follows the last whole line that was read or written."""
        with writing(self.path):
            self._file.truncate(self._end)

    def begin_anew(self, lines: Sequence[bytes]) -> None:
        """Let there be these lines in the place of all others, at once.

        Raises
        ------
        InputError
            If they cannot be written; then the others are still there.
        """
        real = self.path.resolve()
        with replacing(real) as part:
            with open(part, "xb") as new:
                new.writelines(lines)
                new.flush()
                os.fsync(new.fileno())
            self._file.close()  # no system replaces what is open on Windows
        with writing(self.path):
            sync_folder(real.parent)
            self._file = open_file(real, os.O_RDWR)
        self._end = sum(map(len, lines))

    def append(self, line: bytes) -> None:
        """Write a line, and see it to the disk.

        What an error leaves of it goes with the next line, or when the journal is
        opened to write again.

        Raises
        ------
        InputError
            If it cannot be written, or the file would be too long to be read again.
        """
        if self._end + len(line) > MOST_BYTES_OF_A_FILE:
            raise InputError(f"{self.path} is full; name another file")
        with writing(self.path):
            self._file.truncate(self._end)
            self._file.seek(self._end)
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        self._end += len(line)

    def close(self) -> None:
        """Close the file and let others write it."""
        self._file.close()
        if self._lock is not None:
            self._lock.release()


class InUse(InputError):
    """A transcript that another run is writing."""


def _locked(path: Path) -> Lock:
    """Be the one writer of a journal, by whatever name it is known."""
    real = path.resolve()
    message = f"{path} is being written by another run; wait for it"
    place = real.with_name(f".{real.name[:200]}.lock")
    try:
        return Lock(place, lambda _: f"{message} or name another file")
    except InputError as error:
        raise InUse(str(error)) from None


Answering = Callable[[], Coroutine[Any, Any, None]]


class Asks(Protocol):
    """What answers requests: an endpoint, or what stands in for one."""

    def ask(
        self,
        requests: Sequence[Request],
        schemas: Mapping[str, dict[str, Any]],
        done: Callable[[int, Response], None] | None = None,
        again: Callable[[int, str], bool] | None = None,
    ) -> list[Response]:
        """Return what came of each request; ask ``again`` before it is repeated."""


@runtime_checkable
class AsksBeside(Asks, Protocol):
    """An endpoint that may be asked more as answers come, while others are waited for.

    Everything that works on the same loop of `beside` may wait for answers of
    endpoints that share it.
    """

    @property
    def slots(self) -> int:
        """How many calls it has in flight at most."""

    def beside(self, works: Sequence[Answering], slots: int) -> None:
        """Do works side by side, so many at a time; wait for the last."""

    async def answer(
        self, request: Request, schema: dict[str, Any], again: Callable[[str], bool]
    ) -> Response:
        """Return what came of one request, in a work of `beside`."""


class AnswersAtOnce:
    """What answers every request by itself, one after the other."""

    def ask(
        self,
        requests: Sequence[Request],
        schemas: Mapping[str, dict[str, Any]],
        done: Callable[[int, Response], None] | None = None,
        again: Callable[[int, str], bool] | None = None,
    ) -> list[Response]:
        """Return an answer to each request, in their order; each is kept at once."""
        found = []
        for index, request in enumerate(requests):
            found.append(self.answer(request))
            if done is not None:
                done(index, found[-1])
        return found

    def answer(self, request: Request) -> Response:
        """Return what is answered."""
        raise NotImplementedError


class Answers:
    """What came of requests: from a transcript, or from an endpoint into it.

    Parameters
    ----------
    transcript
        Finished calls, and where new ones go.
    endpoint
        Who answers what the transcript does not; None is a strict replay.
    keep_failures
        Whether calls without an answer are finished, too. If not, a later run asks
        them again.
    watch
        Told of each call that was made now, when it is kept; what it raises breaks off
        the others.
    """

    def __init__(
        self,
        transcript: Transcript,
        endpoint: Asks | None,
        keep_failures: bool,
        watch: Callable[[Request, Response], None] | None = None,
    ) -> None:
        self.transcript = transcript
        self._watch = watch
        self._endpoint = endpoint
        # The endpoint, if it may be asked more as answers come.
        self.beside = endpoint if isinstance(endpoint, AsksBeside) else None
        self._keep_failures = keep_failures
        self._failed: dict[str, Response] = {}
        self._spare = math.inf

    def allow(self, spare: float) -> None:
        """Allow so many requests beyond the first one of each call that is to come."""
        self._spare = spare

    def one_now(self, request: Request) -> Response:
        """Return what came of one request, of those that `allow` is about."""
        self._spare -= max(0, self.transcript.requests_for(request) - 1)
        (found,) = self.to([request], self._spare)
        return found

    async def one(self, request: Request) -> Response:
        """Do as `one_now`, in a work of `beside`."""
        self._spare -= max(0, self.transcript.requests_for(request) - 1)
        endpoint, tried = self.beside, self.transcript.tries(request)
        if self._find(request) is None and endpoint is not None:
            if tried and not self._may_repeat():
                self._add(request, Response(None, tried[-1], 0), len(tried))
            else:

                def again(failure: str) -> bool:
                    may = self._may_repeat()
                    if may:
                        self.transcript.spend(request, failure)
                    return may

                asked = request, SCHEMAS[request.schema], again
                self._add(request, await endpoint.answer(*asked), len(tried))
        (found,) = self.to([request], self._spare)
        return found

    def to(
        self, requests: Sequence[Request], spare: float = math.inf
    ) -> list[Response]:
        """Return what came of each request.

        Parameters
        ----------
        requests
            What is asked.
        spare
            How many requests may be made beyond the first one of each.

        Raises
        ------
        InputError
            If a replay lacks one, the endpoint refuses, or one cannot be kept.
        """
        missing = self._missing(requests)
        if missing and self._endpoint is None:
            raise self.transcript.missing(missing[0])
        if missing and self._endpoint is not None:
            self._spare = spare
            self._ask(self._endpoint, missing)
        found = [self._find(one) for one in requests]
        return [one for one in found if one is not None]

    def _ask(self, endpoint: Asks, missing: Sequence[Request]) -> None:
        """Ask what nobody has answered, within the budget, and keep what comes."""
        tried = [self.transcript.tries(one) for one in missing]
        asked = [
            index
            for index, failures in enumerate(tried)
            if not failures or self._may_repeat()
        ]
        for index in sorted(set(range(len(missing))) - set(asked)):
            failures = tried[index]
            self._add(missing[index], Response(None, failures[-1], 0), len(failures))
        if not asked:
            return

        def done(at: int, outcome: Response) -> None:
            index = asked[at]
            self._add(missing[index], outcome, len(tried[index]))

        def again(at: int, failure: str) -> bool:
            if not self._may_repeat():
                return False
            self.transcript.spend(missing[asked[at]], failure)
            return True

        endpoint.ask([missing[index] for index in asked], SCHEMAS, done, again)

    def _may_repeat(self) -> bool:
        """Take one of the requests that may be made beyond the first of each call."""
        if self._spare < 1:
            return False
        self._spare -= 1
        return True

    def _missing(self, requests: Sequence[Request]) -> list[Request]:
        """Return the requests that nobody has answered yet, each once."""
        settings = self.transcript.settings
        unanswered = (one for one in requests if self._find(one) is None)
        return list({key_of(one, settings): one for one in unanswered}.values())

    def _find(self, request: Request) -> Response | None:
        found = self.transcript.find(request)
        if found is None and self._failed:
            found = self._failed.get(key_of(request, self.transcript.settings))
        return found

    def _add(self, request: Request, outcome: Response, tries: int) -> None:
        """Keep what came of a call, of which so many tries are noted already."""
        made = outcome.attempts
        outcome = _without_hidden_key(outcome)._replace(attempts=made + tries)
        if outcome.failure and not self._keep_failures:
            if made:
                self.transcript.spend(request, outcome.failure)
            self._failed[key_of(request, self.transcript.settings)] = outcome
        else:
            outcome = self.transcript.add(request, outcome)
        if self._watch is not None:
            self._watch(request, outcome)


def _without_hidden_key(outcome: Response) -> Response:
    """Take out the key where a reply spells it in escapes, as JSON may."""
    if outcome.text is None or "\\u" not in outcome.text:
        return outcome
    try:
        spelled_out = json.dumps(json.loads(outcome.text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return outcome
    clean = without_secrets(spelled_out)
    found = clean != spelled_out.encode(errors="replace").decode()
    return outcome._replace(text=clean) if found else outcome


PUBLIC_PROVIDER = "https://api.openai.com/v1"
# What stands in for a key at servers that need none ("none", "ollama") is a word that
# may well be said; a key is longer.
SHORTEST_SECRET = 12
HIDDEN = "[key]"  # in the place of one


def provider_of(base_url: str | None) -> str:
    """Return scheme, host, port and path of an endpoint: no password, key or query.

    None is the endpoint that the environment names (``OPENAI_BASE_URL``), or the public
    one.

    Raises
    ------
    InputError
        If it is no address of a server. Does not repeat it: it may hold a key.
    """
    url = base_url or os.environ.get("OPENAI_BASE_URL") or PUBLIC_PROVIDER
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in ("http", "https") or not host:
        raise InputError("the base URL is not one; it looks like http://host:port/v1")
    where = f"[{host}]" if ":" in host else host
    if port not in (None, {"http": 80, "https": 443}[scheme]):
        where = f"{where}:{port}"
    return f"{scheme}://{where}{without_secrets(parts.path).rstrip('/')}"


def key_of(request: Request, settings: Settings) -> str:
    """Return 64 hex digits that name a question: all that could change its answer."""
    asked = {
        "provider": provider_of(settings.base_url),
        "model": settings.model,
        "temperature": float(settings.temperature),
        "max_tokens": int(request.max_tokens),
        "messages": list(request.messages),
        "schema": schema_digest(request.schema),
        "place": place_of(request),
    }
    if settings.without:
        asked["without"] = sorted(settings.without)
    if settings.extra_body:
        asked["extra_body"] = dict(settings.extra_body)
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def without_secrets(text: str) -> str:
    """Return text without the endpoint's key, should somebody have put it there.

    As it is, in hexadecimal, or in base64 with whatever stands before and after it.
    Lone surrogates become question marks, so that it can be written as UTF-8.
    """
    secret = os.environ.get("OPENAI_API_KEY", "").strip()
    if len(secret) >= SHORTEST_SECRET:
        for form in _disguises(os.fsencode(secret)):
            text = text.replace(form, HIDDEN)
        text = text.replace(secret, HIDDEN)
    return text.encode(errors="replace").decode()


@cache
def _disguises(secret: bytes) -> tuple[str, ...]:
    """Return how a key may look in hexadecimal and in base64, at any offset."""
    forms = {secret.hex(), secret.hex().upper()}
    for before in range(3):
        coded = base64.b64encode(bytes(before) + secret).decode().rstrip("=")
        # The first and last letters hold bits of what stands around the key, too.
        inside = coded[
            (0, 2, 3)[before] : len(coded) - ((before + len(secret)) % 3 > 0)
        ]
        forms |= {coded} if before == 0 else set()
        forms |= {inside, inside.translate(str.maketrans("+/", "-_"))}
    return tuple(sorted(forms, key=len, reverse=True))


# Finds out what is not sent; calls what it is given before and after each request.
Settle = Callable[[Callable[[], None], Callable[[], None]], Sequence[str]]


class Transcript:
    """Finished calls by their questions, kept in a file or in memory.

    Use ``Transcript.record`` or ``Transcript.replay``, and close it: it is a context
    manager.

    Attributes
    ----------
    path
        Its file; None where it is in memory only.
    header
        How its calls were made.
    settings
        What goes into the key of every request. A replay has them from the file.
    opening
        How many requests were made before the first call, to find out what is sent.
    """

    def __init__(self, path: Path | None, header: Header, settings: Settings) -> None:
        self.path = path
        self.opening = 0  # requests before the first call
        self.is_opened = False  # whether the opening is at its end
        self.hosts: list[Host] = []  # that went on in the place of the header's
        self._take_header(header, settings)
        self._journal: Journal | None = None
        self._last = ""  # digest of the last line
        self._entries: dict[str, Entry] = {}
        self._tries: dict[str, list[str]] = {}  # failures by the key of a call
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def _take_header(self, header: Header, settings: Settings) -> None:
        """Have requests named as the header says, wherever new ones are asked."""
        self.header = header
        self.settings = settings._replace(
            model=header.model,
            base_url=header.provider,
            without=tuple(header.without),
            max_tokens=header.max_tokens,
            extra_body=header.extra_body,
        )

    @property
    def host(self) -> Host:
        """Where calls are made now."""
        first = Host(self.header.model, self.header.provider, self.header.without)
        return self.hosts[-1] if self.hosts else first

    @classmethod
    def record(
        cls,
        path: str | Path | None,
        settings: Settings,
        prompts: str = "",
        *,
        settle: Settle | None = None,
        most: int | None = None,
        same_model: bool = False,
    ) -> Self:
        """Open a transcript to add to; what it holds already is found again.

        Parameters
        ----------
        path
            The file; it and its folders are made if missing. None keeps all in memory.
        settings
            How the calls are made.
        prompts
            Digest of the prompt files.
        settle
            Finds out what is not sent to the endpoint, where the transcript does not
            say it; None leaves it to the settings. Is given what to call before and
            after each request.
        most
            How many requests of a new transcript it may make; None is no limit.
        same_model
            Whether calls may go on at another provider, or under another name of the
            model: whoever says so knows that the model is the same.

        Raises
        ------
        InputError
            If the file cannot be read and written, is no transcript, is damaged
            elsewhere than in a last line that was cut short (which is removed), was
            recorded with another model, provider, temperature, prompts or request, or
            is being written by another run.
        """
        header = Header(
            FORMAT,
            f"{SOFTWARE} {software_version()}",
            settings.model,
            provider_of(settings.base_url),
            float(settings.temperature),
            prompts,
            list(settings.without),
            settings.max_tokens,
            _public(settings.extra_body),
        )
        place = None if path is None else expanded(path)
        found = cls(place, header, settings)
        if place is None:
            found._begin(settle, most)
            return found
        found._journal = Journal.to_write(place)
        try:
            found._resume(found._journal, settle, most, same_model)
        except BaseException:
            found.close()
            raise
        return found

    @classmethod
    def replay(cls, path: str | Path) -> Self:
        """Open a finished transcript to read; its first line says the settings.

        Raises
        ------
        InputError
            If the file cannot be read, is no transcript, or is damaged elsewhere than
            in a last line that was cut short (which does not count).
        """
        place = expanded(path)
        journal = Journal.to_read(place)
        try:
            lines = journal.lines()
            header = read_header(place, first := next(lines, b""))
            settings = Settings(header.model, temperature=header.temperature)
            found = cls(place, header, settings)
            found._take(first, lines, header.is_sealed)
        finally:
            journal.close()
        return found

    def find(self, request: Request) -> Response | None:
        """Return what came of a request, or None if it is not in the transcript."""
        key = key_of(request, self.settings)
        if key not in self._entries:
            return None
        entry = self._entries[key]
        if not _is_question(entry, request):
            message = f"transcript {self.path} has another question under key {key}"
            raise InputError(f"{message}; remove that line, or record to another file")
        self._used.add(key)
        return entry.outcome

    def add(self, request: Request, outcome: Response) -> Response:
        """Add a finished call; it is on the disk when this returns.

        Returns
        -------
        Response
            What is kept, which a replay will find: use it in the place of what you
            gave. It lacks the endpoint's key if the text held it; it is a failure, "too
            large", if the text does not go into a line; and it is the first answer if
            the request had one already.

        Raises
        ------
        InputError
            If it cannot be written; the calls before it are safe.
        """
        with self._lock:
            known = self.find(request)
            if known is not None:
                return known
            entry = self._kept(request, outcome)
            if self._journal is not None:
                self._append(self._journal, entry)
            elif self.path is not None:
                raise InputError(f"transcript {self.path} is not open to be added to")
            self._entries[entry.key] = entry
            self._used.add(entry.key)
            return entry.outcome

    def holds(self, kind: str) -> bool:
        """Tell whether a call of a kind is in the transcript."""
        return any(entry.kind == kind for entry in self._entries.values())

    def tries(self, request: Request) -> list[str]:
        """Return the failures of earlier requests for an answer that is not there."""
        return list(self._tries.get(key_of(request, self.settings), ()))

    def requests_for(self, request: Request) -> int:
        """Return how many requests were made for an answer, as far as is known."""
        key = key_of(request, self.settings)
        entry = self._entries.get(key)
        return entry.attempts if entry else len(self._tries.get(key, ()))

    def spend(self, request: Request, failure: str) -> None:
        """Note a request that failed, whose call is not finished.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        key = key_of(request, self.settings)
        self._note(Spent(key, failure))
        self._tries.setdefault(key, []).append(failure)

    def _note(self, spent: Spent) -> None:
        """Write a request down; a file of an earlier format has no room for it."""
        if self._journal is not None and self.header.counts_requests:
            with self._lock:
                self._append(self._journal, spent)

    def missing(self, request: Request) -> InputError:
        """Return the error of a replay that lacks an answer: whose, where and why."""
        place = place_of(request)
        kind, step, agent, other, draw = place
        whom = f" with agent {other}" if other >= 0 else ""
        what = f"agent {agent}'s {kind}{whom} on step {step} (draw {draw})"
        there = any(entry.place == place for entry in self._entries.values())
        why = "another question was asked there" if there else "nothing was asked there"
        same = (
            "replay with the scenario, seed, parameters, prompts, personas, --cast, "
            "--talks, --turns, --max-calls and --on-failure of its run"
        )
        where = f"transcript {self.path}" if self.path else "the transcript"
        return InputError(f"no answer in {where} for {what}: {why}; {same}")

    def rows(self, everything: bool = False) -> list[dict[str, Any]]:
        """Return the calls that were found or added since it was opened.

        They are in the order of step, kind, agent, other and draw, whatever the order
        in which they came, so that a run and its replay have the same rows.

        Parameters
        ----------
        everything
            Return also what else the transcript holds.
        """
        keys = self._entries if everything else self._used
        entries = sorted((self._entries[key] for key in keys), key=lambda e: e.order)
        return [entry._asdict() for entry in entries]

    def close(self) -> None:
        """Close the file and let others write it; do nothing the second time."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def __len__(self) -> int:
        return len(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, settle: Settle | None, most: int | None) -> None:
        """Find out how calls are made from now on, and make it the header."""
        self.opening += sum(map(len, self._tries.values()))
        self._tries.clear()
        if self._journal is not None:
            self._begin_anew(self._journal, *[Spent("", "")] * self.opening)
        if settle is None:
            return

        def before_one() -> None:
            if most is not None and self.opening >= most:
                raise InputError(
                    f"all {most:,} requests of the budget were made to find out what "
                    f"{self.header.provider} takes; allow more (--max-calls), or say "
                    "what not to send (--without)"
                )

        def after_one() -> None:
            self._note(Spent("", ""))
            self.opening += 1

        without = settle(before_one, after_one)
        self.is_opened, before = True, self.header
        self._take_header(before._replace(without=list(without)), self.settings)
        if self._journal is not None:
            if self.header == before:
                self._append(self._journal, Opened(self.opening))
            else:
                self._begin_anew(self._journal, Opened(self.opening))

    def _resume(
        self,
        journal: Journal,
        settle: Settle | None,
        most: int | None,
        same_model: bool,
    ) -> None:
        """Read what is there, or begin; leave the file at the end of a whole line."""
        asked, lines = self.header, journal.lines()
        first = next(lines, b"")
        rest = b"" if first else journal.rest()
        is_begun = BEGINNING.startswith(rest[: len(BEGINNING)])
        if not first and is_begun and self._line(self.header).startswith(rest):
            self._begin(settle, most)
            return
        there = read_header(journal.path, first)
        self._take(first, lines, there.is_sealed)
        known = [(one.model, one.provider) for one in self.hosts]
        known.append((there.model, there.provider))
        is_same = same_model or (asked.model, asked.provider) in known
        _refuse_another(journal.path, there, asked, is_same)
        journal.trim()
        if self._entries or (self.is_opened and _is_same_way(there, asked)):
            self._take_header(there, self.settings)
            self._go_on(journal, asked, settle)
            return
        self.hosts, self.is_opened = [], False
        self._begin(settle, most)

    def _go_on(
        self,
        journal: Journal,
        asked: Header,
        settle: Settle | None,
    ) -> None:
        """Note where calls are made from now on, if that is another host."""
        where = (asked.model, asked.provider)
        first = Host(self.header.model, self.header.provider, self.header.without)
        known = [one for one in (first, *self.hosts) if one[:2] == where]
        host = known[-1] if known else Host(*where, asked.without)
        if not known and settle is not None:
            found = settle(lambda: None, lambda: self._note(Spent("", "")))
            host = host._replace(without=list(found))
        if missing := [name for name in asked.without if name not in host.without]:
            raise InputError(
                f"transcript {journal.path} was recorded with {missing[0]}, not "
                "without; record to another file, or leave it out of --without"
            )
        if self.host[:2] != where:
            host = host._replace(software=asked.software)
            self._append(journal, host)
            self.hosts.append(host)

    def _line(self, record: Line) -> bytes:
        return line_of(record, self._last if self.header.is_sealed else None)

    def _begin_anew(self, journal: Journal, *records: Line) -> None:
        """Have the header and some records be all that there is."""
        self._last, lines = "", []
        for record in (self.header, *records):
            lines.append(self._line(record))
            self._last = digest_in(lines[-1]) or ""
        journal.begin_anew(lines)

    def _append(self, journal: Journal, record: Line) -> None:
        line = self._line(record)
        journal.append(line)
        self._last = digest_in(line) or ""

    def _take(self, first: bytes, lines: Iterator[bytes], is_sealed: bool) -> None:
        """Read entries; a question may be there twice, but with one answer."""
        self._last = digest_in(first) or ""
        for number, line in enumerate(lines, start=2):
            digest = digest_in(line)
            sound, self._last = digest or not is_sealed, digest or ""
            if sound and (host := read_host(line)) is not None:
                self.hosts.append(host)
                continue
            if sound and (spent := read_spent(line)) is not None:
                self._take_spent(spent)
                continue
            entry = read_entry(line) if sound else None
            if entry is None or self._entries.setdefault(entry.key, entry) != entry:
                what = "is damaged" if entry is None else "answers a question anew"
                message = f"line {number} of transcript {self.path} {what}; remove it"
                raise InputError(f"{message}, or record to another file")

    def _take_spent(self, spent: Spent | Opened) -> None:
        """Count a request that was noted; another host's opening is on top."""
        if isinstance(spent, Opened):
            self.opening, self.is_opened = spent.requests, True
        elif spent.key:
            self._tries.setdefault(spent.key, []).append(spent.failure)
        elif not self._entries:
            self.opening += 1

    def _kept(self, request: Request, outcome: Response) -> Entry:
        """Return a finished call as it is kept: it can be read again."""
        text = None if outcome.text is None else without_secrets(outcome.text)
        asked = request.schema, int(request.max_tokens), _without_secrets(request)
        key, came = key_of(request, self.settings), outcome._replace(text=text)
        entry = Entry._make([key, *place_of(request), *asked, *came])
        if len(self._line(entry)) > MOST_BYTES_OF_A_LINE:
            entry = entry._replace(text=None, failure="too large")
        line = self._line(entry)
        if len(line) > MOST_BYTES_OF_A_LINE:
            raise InputError(f"a request of {len(line):,} bytes is too large to record")
        if read_entry(line) != entry:
            raise ValueError(f"this is no finished call: {request}, {outcome}")
        return entry


def _without_secrets(request: Request) -> list[dict[str, str]]:
    """Return the messages of a request as they are kept."""
    return [
        {name: without_secrets(value) for name, value in message.items()}
        for message in request.messages
    ]


def has_secrets(entry: Entry) -> bool:
    """Tell whether a key was taken out of a question, which cannot be proved then."""
    return any(
        HIDDEN in text for message in entry.messages for text in message.values()
    )


def _is_question(entry: Entry, request: Request) -> bool:
    """Tell whether an entry answers a request; its line may have been edited."""
    asked = place_of(request), request.schema, int(request.max_tokens)
    if (entry.place, entry.schema, entry.max_tokens) != asked:
        return False
    return has_secrets(entry) or entry.messages == _without_secrets(request)


def _public(extra: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what else is sent, without the endpoint's key; None if that is nothing."""
    found: dict[str, Any] = json.loads(without_secrets(json.dumps(dict(extra or {}))))
    return found or None


def _is_same_way(there: Header, asked: Header) -> bool:
    """Tell whether an opening found out what is asked for now."""
    same = (there.model, there.provider) == (asked.model, asked.provider)
    return same and set(asked.without) <= set(there.without)


def _refuse_another(path: Path, there: Header, asked: Header, is_same: bool) -> None:
    """Raise InputError if the calls there were made in another way than is asked."""
    ways = ("temperature", "prompts", "max_tokens", "extra_body")
    for name in (*(() if is_same else ("model", "provider")), *ways):
        old, new = getattr(there, name), getattr(asked, name)
        if old != new:
            message = f"transcript {path} was recorded with {name} {old!r}, not {new!r}"
            message += f"; record to another file, or ask for {old!r}"
            if name in ("model", "provider"):
                message += "; or say that the model is the same (--same-model)"
            raise InputError(message)
