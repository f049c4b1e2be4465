"""An OpenAI-compatible server on loopback: a scripted model, and every known fault.

    with Loopback(status(429, {"Retry-After": "1"}), reset()) as server:
        ...  # ask server.url; the first two requests meet the faults, in turn

A behaviour is ``async def behave(call)``, which answers one request. The first
requests meet the behaviours given, in the order in which they arrive; all others meet
``default``, the scripted model, whose reply depends on the request and nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import struct
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from os.path import commonprefix
from typing import Any

ACTS = (
    "continue",
    "declare_love",
    "withdraw",
    "introduce_friend",
    "seek_peers",
    "say_goodbye",
)
SAID = (
    "I thought of you today.",
    "Tell me what you saw.",
    "I am not sure what I feel.",
    "Shall we go for a walk?",
    "You make me laugh.",
    "I read something strange.",
    "Let us talk of the sea.",
    "I have less time than I had.",
)
INJECTION = "INJECT:"
TURNS = "You speak in turns"


@dataclass
class Call:
    """One request that arrived, and the connection to answer it on."""

    number: int  # 0 for the first
    headers: dict[str, str]  # names in small letters
    body: dict[str, Any]
    reader: asyncio.StreamReader = field(repr=False)
    writer: asyncio.StreamWriter = field(repr=False)
    # Words at the beginning of the prompt that an earlier one had; None: no cache.
    cached: int | None = None
    began: float = 0.0  # seconds, perf_counter
    ended: float = 0.0

    @property
    def schema(self) -> str:
        """Return the name of the JSON schema of the reply, or ''."""
        described = self.body.get("response_format", {}).get("json_schema", {})
        return str(described.get("name", ""))

    @property
    def text(self) -> str:
        """Return all that the messages say."""
        messages = self.body.get("messages", [])
        return "\n".join(str(message.get("content", "")) for message in messages)

    async def send(
        self, body: bytes, code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with a status and a body."""
        self.writer.write(head(code, len(body), headers) + body)
        await self.writer.drain()

    async def send_text(self, text: str | None, reason: str = "stop") -> None:
        """Answer as a model that says ``text``."""
        await self.send(completion(self, text, reason))


Behaviour = Callable[[Call], Awaitable[None]]
Serving = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def head(code: int, length: int, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the status line and the headers of an answer."""
    reason = HTTPStatus(code).phrase if code in set(HTTPStatus) else "Unknown"
    lines = [f"HTTP/1.1 {code} {reason}", f"Content-Length: {length}"]
    given = {"Content-Type": "application/json"} | dict(headers or {})
    lines += [f"{name}: {value}" for name, value in given.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def completion(call: Call, text: str | None, reason: str = "stop") -> bytes:
    """Return the JSON of a chat completion that says ``text``; a word is a token."""
    message = {"role": "assistant", "content": text}
    asked, told = len(call.text.split()), len((text or "").split())
    answer: dict[str, Any] = {
        "id": f"loopback-{call.number}",
        "object": "chat.completion",
        "created": 0,
        "model": call.body.get("model", ""),
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": asked,
            "completion_tokens": told,
            "total_tokens": asked + told,
        },
    }
    if call.cached is not None:
        answer["usage"]["prompt_tokens_details"] = {"cached_tokens": call.cached}
    return json.dumps(answer).encode()


# ------------------------------------------------------------------ the scripted model


def scripted(call: Call) -> dict[str, Any]:
    """Return the reply that the request's schema asks for, by a hash of the request."""
    asked = [call.body.get("messages"), call.body.get("seed"), call.schema]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()
    unsaid = [one for one in SAID if one not in talk_of(call)]
    said = unsaid[digest[0] % len(unsaid)]
    if call.schema == "encounter":
        return {
            "said": said,
            "warmth": digest[1] % 11,
            "disclosure": digest[2] % 11,
            "novelty": digest[3] % 11,
            # Three times in four the talk just goes on.
            "act": ACTS[digest[4] % len(ACTS)] if digest[5] < 64 else ACTS[0],
            "remember": f"They said: {said}",
        }
    if call.schema == "decision":
        return {"said": said, "choice": ("stay", "go")[digest[1] % 2]}
    return {"letter": f"Dear friend, {said} Yours, {digest[:4].hex()}"}


def talk_of(call: Call) -> str:
    """Return what was said in a talk of several turns before a request, or ''."""
    return call.text.partition(TURNS)[2]


def answer() -> Behaviour:
    """Return the scripted model: the same reply to the same request, always."""
    return ok(None)


def ok(reply: Any) -> Behaviour:
    """Reply with an object as JSON, or with what the script says if it is None."""

    async def behave(call: Call) -> None:
        await call.send_text(json.dumps(scripted(call) if reply is None else reply))

    return behave


def obey() -> Behaviour:
    """Be a model that does whatever a text ``INJECT: ...`` in its prompt tells it."""

    async def behave(call: Call) -> None:
        reply = scripted(call)
        if INJECTION in call.text:
            order = call.text.split(INJECTION, 1)[1].splitlines()[0].strip()
            numbers = dict.fromkeys(("warmth", "disclosure", "novelty"), 10**9)
            orders = {"act": order, "choice": order, "command": order, "said": order}
            reply = reply | numbers | orders
        await call.send_text(json.dumps(reply))

    return behave


def stream(*pieces: str) -> Behaviour:
    """Say pieces one after another, as server-sent events."""

    async def behave(call: Call) -> None:
        deltas = [{"index": 0, "delta": {"content": piece}} for piece in pieces]
        chunks = [{"id": "loopback", "choices": [delta]} for delta in deltas]
        told = [*(json.dumps(chunk) for chunk in chunks), "[DONE]"]
        await send_events(call, [f"data: {one}\n\n".encode() for one in told])

    return behave


async def send_events(call: Call, events: list[bytes]) -> None:
    """Answer with a stream of these very bytes, piece by piece."""
    kind = {"Content-Type": "text/event-stream"}
    call.writer.write(head(200, sum(map(len, events)), kind))
    for event in events:
        call.writer.write(event)
        await call.writer.drain()


# -------------------------------------------------------------- faults of the transport


def status(
    code: int, headers: Mapping[str, str] | None = None, body: bytes = b"{}"
) -> Behaviour:
    """Refuse with a status."""

    async def behave(call: Call) -> None:
        await call.send(body, code, headers)

    return behave


def delay(seconds: float, then: Behaviour | None = None) -> Behaviour:
    """Behave like another, the scripted model if none is named, but later."""
    behave_then = then or answer()

    async def behave(call: Call) -> None:
        await asyncio.sleep(seconds)
        await behave_then(call)

    return behave


def hang() -> Behaviour:
    """Say nothing until the client goes away."""

    async def behave(call: Call) -> None:
        await call.reader.read()

    return behave


def drip(seconds: float = 0.05) -> Behaviour:
    """Send a good answer one byte at a time."""

    async def behave(call: Call) -> None:
        body = completion(call, json.dumps(scripted(call)))
        call.writer.write(head(200, len(body)))
        for byte in body:
            call.writer.write(bytes([byte]))
            await call.writer.drain()
            await asyncio.sleep(seconds)

    return behave


def reset(after: int = 20) -> Behaviour:
    """Break the connection when so many bytes of the body are sent; 0: before any."""

    async def behave(call: Call) -> None:
        if after:
            body = completion(call, json.dumps(scripted(call)))
            call.writer.write(head(200, len(body)) + body[:after])
            await call.writer.drain()
            await asyncio.sleep(0.02)  # lets the client see the beginning
        connection = call.writer.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)  # close at once, with RST
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        call.writer.transport.abort()
        raise ConnectionResetError

    return behave


# -------------------------------------------------------------------- faults of answers


def body(content: bytes, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Answer 200 with these very bytes."""
    return status(200, headers, content)


def not_json() -> Behaviour:
    """Answer with a page for people."""
    return body(b"<html>It works!</html>")


def empty_choices() -> Behaviour:
    """Answer without an answer."""
    return body(b'{"id": "loopback", "choices": [], "usage": null}')


def text(said: str | None, reason: str = "stop") -> Behaviour:
    """Say a text that need be no JSON."""

    async def behave(call: Call) -> None:
        await call.send_text(said, reason)

    return behave


def truncated(reason: str = "stop") -> Behaviour:
    """Say the first half of the reply, as if that were all."""

    async def behave(call: Call) -> None:
        whole = json.dumps(scripted(call))
        await call.send_text(whole[: len(whole) // 2], reason)

    return behave


def cut_short() -> Behaviour:
    """Say the first half of the reply: there were no more tokens."""
    return truncated("length")


def wrong_schema() -> Behaviour:
    """Reply with JSON that nobody asked for."""
    return ok({"mood": "fine", "warmth": "very"})


def out_of_range() -> Behaviour:
    """Reply with numbers beyond their bounds, or a choice that is none."""

    async def behave(call: Call) -> None:
        reply = scripted(call)
        wild = {"warmth": 11, "disclosure": -1, "novelty": 10**12, "choice": "perhaps"}
        reply |= {name: value for name, value in wild.items() if name in reply}
        await call.send_text(json.dumps(reply))

    return behave


def large(size: int = 1_000_000) -> Behaviour:
    """Answer with a good reply among so many bytes."""

    async def behave(call: Call) -> None:
        reply = scripted(call)
        first = next(iter(reply))
        await call.send_text(json.dumps(reply | {first: "x" * size}))

    return behave


@contextmanager
def closed_port() -> Iterator[str]:
    """Give the base URL of a port that refuses every connection."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and never listens
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


# -------------------------------------------------------------------------- the server


class _Connection(asyncio.StreamReaderProtocol):
    """A connection that is among the open ones as long as it is open."""

    def __init__(self, all_open: set[asyncio.Transport], serve: Serving) -> None:
        super().__init__(asyncio.StreamReader(), serve)
        self._all_open = all_open

    def connection_made(self, transport: Any) -> None:
        self._transport_of_it = transport
        self._all_open.add(transport)
        super().connection_made(transport)

    def connection_lost(self, exception: Exception | None) -> None:
        self._all_open.discard(self._transport_of_it)
        super().connection_lost(exception)


class Loopback:
    """A server in a thread of its own, as a context; it keeps what it was asked."""

    def __init__(
        self,
        *script: Behaviour,
        default: Behaviour | None = None,
        has_cache: bool = False,  # of prefixes, and says what it had in it
    ) -> None:
        self.url = ""  # base URL, once entered
        self.requests: list[Call] = []
        self.connections = 0  # that were opened, whatever came of them
        self.most_at_once = 0
        self._has_cache = has_cache
        self._known: list[list[str]] = []  # prompts, sorted: a neighbour is likest
        self._script = deque(script)
        self._default = default or answer()
        self._at_once = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.Transport] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    @property
    def count(self) -> int:
        """Return how many requests arrived."""
        return len(self.requests)

    @property
    def busy_seconds(self) -> float:
        """Return the time spent on requests that were answered, summed over them."""
        return sum(call.ended - call.began for call in self.requests if call.ended)

    def __enter__(self) -> Loopback:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self.go_away()
        self._thread.join()

    def go_away(self) -> None:
        """Break all connections, and refuse whoever comes from now on."""
        with suppress(RuntimeError):  # it has gone already
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self) -> None:
        """Serve until told to stop."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        make = partial(_Connection, self._open, self._connect)
        server = await self._loop.create_server(make, "127.0.0.1", 0, backlog=1000)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        self._ready.set()
        await self._stop.wait()
        # Not closed yet: those who had just come are taken in, and broken off then.
        with suppress(NotImplementedError):
            self._loop.remove_reader(server.sockets[0])
        own = {asyncio.current_task()}
        while self._open or asyncio.all_tasks() != own:
            for connection in self._connections:
                connection.cancel()
            for transport in self._open:
                transport.abort()
            await asyncio.sleep(0)
        server.close()

    async def _connect(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer the requests of one connection, one after another."""
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        gone = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with suppress(*gone):
            while True:
                await self._meet(await self._receive(reader, writer))
        writer.close()
        with suppress(*gone):
            await writer.wait_closed()
        self._connections.discard(task)

    async def _receive(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Call:
        """Read one request."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in lines[1:] if line)
        headers = {name.lower(): value.strip() for name, value in pairs}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = json.loads(content) if content else {}
        number = len(self.requests)
        call = Call(number, headers, asked, reader, writer)
        if self._has_cache:
            call.cached = self._cached(call.text.split())
        call.began = time.perf_counter()
        self.requests.append(call)
        return call

    def _cached(self, prompt: list[str]) -> int:
        """Return how many words a cache of prefixes has of a prompt; keep it there."""
        at = bisect_left(self._known, prompt)
        beside = self._known[max(0, at - 1) : at + 1]
        if beside[-1:] != [prompt]:
            self._known.insert(at, prompt)
        alike = (commonprefix([prompt, one]) for one in beside)  # noqa: RUF071
        return max(map(len, alike), default=0)

    async def _meet(self, call: Call) -> None:
        """Let a request meet its behaviour."""
        behave = self._script.popleft() if self._script else self._default
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await behave(call)
        finally:
            self._at_once -= 1
            call.ended = time.perf_counter()
