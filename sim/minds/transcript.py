"""Finished calls, by their questions: a run resumes from them, and replays offline.

A transcript is a text file of JSON lines. The first says how its calls were made:
model, provider, temperature, prompts. Every other line is one finished call, good or
failed, under a key made of all that could make its answer another one. A call is on the
disk before its answer is used, so that a run that was killed asks nothing twice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from sim.errors import InputError
from sim.minds.calls import Outcome, Request, Settings
from sim.minds.entries import (
    FORMAT,
    Entry,
    Header,
    line_of,
    place_of,
    read_entry,
    read_header,
)
from sim.minds.journal import MOST_BYTES_OF_A_LINE, Journal
from sim.minds.replies import schema_digest
from sim.provenance import SOFTWARE, software_version

PUBLIC_PROVIDER = "https://api.openai.com/v1"
# What stands in for a key at servers that need none ("none", "ollama") is a word that
# may well be said; a key is longer.
SHORTEST_SECRET = 12


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
            text = text.replace(form, "[key]")
        text = text.replace(secret, "[key]")
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
    """

    def __init__(self, path: Path | None, header: Header, settings: Settings) -> None:
        self.path = path
        self.header = header
        self.settings = settings._replace(base_url=header.provider)
        self._journal: Journal | None = None
        self._entries: dict[str, Entry] = {}
        self._used: set[str] = set()
        self._lock = threading.Lock()

    @classmethod
    def record(
        cls, path: str | Path | None, settings: Settings, prompts: str = ""
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

        Raises
        ------
        InputError
            If the file cannot be read and written, is no transcript, is damaged
            elsewhere than in a last line that was cut short (which is removed), was
            recorded with another model, provider, temperature or prompts, or is being
            written by another run.
        """
        software = f"{SOFTWARE} {software_version()}"
        provider = provider_of(settings.base_url)
        temperature = float(settings.temperature)
        header = Header(
            FORMAT, software, settings.model, provider, temperature, prompts
        )
        place = None if path is None else Path(path).expanduser()
        found = cls(place, header, settings)
        if place is not None:
            found._journal = Journal.to_write(place)
            try:
                found._resume(found._journal)
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
        place = Path(path).expanduser()
        journal = Journal.to_read(place)
        try:
            lines = journal.lines()
            header = read_header(place, next(lines, b""))
            settings = Settings(header.model, temperature=header.temperature)
            found = cls(place, header, settings)
            found._take(lines)
        finally:
            journal.close()
        return found

    def find(self, request: Request) -> Outcome | None:
        """Return what came of a request, or None if it is not in the transcript."""
        key = key_of(request, self.settings)
        if key not in self._entries:
            return None
        self._used.add(key)
        return self._entries[key].outcome

    def add(self, request: Request, outcome: Outcome) -> Outcome:
        """Add a finished call; it is on the disk when this returns.

        Returns
        -------
        Outcome
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
                self._journal.append(line_of(entry))
            elif self.path is not None:
                raise InputError(f"transcript {self.path} is not open to be added to")
            self._entries[entry.key] = entry
            self._used.add(entry.key)
            return entry.outcome

    def missing(self, request: Request) -> InputError:
        """Return the error of a replay that lacks an answer: whose, where and why."""
        place = place_of(request)
        kind, step, agent, other, draw = place
        whom = f" with agent {other}" if other >= 0 else ""
        what = f"agent {agent}'s {kind}{whom} on step {step} (draw {draw})"
        there = any(entry.place == place for entry in self._entries.values())
        why = "another question was asked there" if there else "nothing was asked there"
        same = (
            "replay with the scenario, seed, parameters, prompts, --cast, --talks, "
            "--max-calls and --on-failure of its run"
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

    def _resume(self, journal: Journal) -> None:
        """Read what is there, or begin; leave the file at the end of a whole line."""
        lines = journal.lines()
        first = next(lines, b"")
        begin = line_of(self.header)
        if not first and begin.startswith(journal.rest()):
            journal.append(begin)
            return
        _refuse_another(journal.path, read_header(journal.path, first), self.header)
        self._take(lines)
        journal.trim()

    def _take(self, lines: Iterator[bytes]) -> None:
        """Read entries; a question may be there twice, but with one answer."""
        for number, line in enumerate(lines, start=2):
            entry = read_entry(line)
            if entry is None or self._entries.setdefault(entry.key, entry) != entry:
                what = "is damaged" if entry is None else "answers a question anew"
                message = f"line {number} of transcript {self.path} {what}; remove it"
                raise InputError(f"{message}, or record to another file")

    def _kept(self, request: Request, outcome: Outcome) -> Entry:
        """Return a finished call as it is kept: it can be read again."""
        text = None if outcome.text is None else without_secrets(outcome.text)
        entry = Entry(
            key_of(request, self.settings),
            *place_of(request),
            request.schema,
            int(request.max_tokens),
            [
                {name: without_secrets(value) for name, value in message.items()}
                for message in request.messages
            ],
            *outcome._replace(text=text),
        )
        if len(line_of(entry)) > MOST_BYTES_OF_A_LINE:
            entry = entry._replace(text=None, failure="too large")
        line = line_of(entry)
        if len(line) > MOST_BYTES_OF_A_LINE:
            raise InputError(f"a request of {len(line):,} bytes is too large to record")
        if read_entry(line) != entry:
            raise ValueError(f"this is no finished call: {request}, {outcome}")
        return entry


def _refuse_another(path: Path, there: Header, asked: Header) -> None:
    """Raise InputError if the calls there were made in another way than is asked."""
    for name in ("model", "provider", "temperature", "prompts"):
        old, new = getattr(there, name), getattr(asked, name)
        if old != new:
            message = f"transcript {path} was recorded with {name} {old!r}, not {new!r}"
            raise InputError(f"{message}; record to another file, or ask for {old!r}")
