"""What stands in a line of a transcript: its first line, and finished calls."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from sim.errors import InputError
from sim.minds.calls import FAILURES, Outcome, Request
from sim.provenance import SOFTWARE

FORMAT = 1
KINDS = ("encounter", "upgrade", "departure", "letter")
MOST_BYTES_OF_A_HEADER = 10_000
MOST_MESSAGES = 1000  # of a call
MOST_FIELDS = 10  # of a message

Place = tuple[str, int, int, int, int]  # kind, step, agent, other, draw


class Header(NamedTuple):
    """The first line of a transcript: with what all its calls were made."""

    transcript: int  # version of the format
    software: str
    model: str
    provider: str  # address of the endpoint, without what could be secret
    temperature: float
    prompts: str  # digest of the prompt files, or nothing


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

    @property
    def outcome(self) -> Outcome:
        """What came of the call."""
        return Outcome(*self[9:])

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


HEADER_TYPES: dict[str, tuple[type, ...]] = {
    "transcript": (int,),
    "temperature": (float,),
    **dict.fromkeys(("software", "model", "provider", "prompts"), (str,)),
}
ENTRY_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("key", "kind", "schema", "failure"), (str,)),
    **dict.fromkeys(("step", "agent", "other", "draw", "max_tokens"), (int,)),
    **dict.fromkeys(("attempts", "prompt_tokens", "completion_tokens"), (int,)),
    "messages": (list,),
    "text": (str, type(None)),
}


def place_of(request: Request) -> Place:
    """Return in whose life a request is made, and when, as plain integers."""
    step, agent, other = int(request.step), int(request.agent), int(request.other)
    return request.kind, step, agent, other, int(request.draw)


def line_of(record: Header | Entry) -> bytes:
    """Return the line of a transcript, with its line break."""
    return _written(record._asdict())


def read_header(path: Path, line: bytes) -> Header:
    """Return what the first line of the file at ``path`` says.

    Raises
    ------
    InputError
        If it is not the first line of a transcript, or of another format.
    """
    found = (_fields(line) or {}) if len(line) <= MOST_BYTES_OF_A_HEADER else {}
    version = found.get("transcript")
    if type(version) is int and version != FORMAT:
        message = f"{path} is a transcript of format {version}; this {SOFTWARE} reads"
        raise InputError(f"{message} format {FORMAT}; use the version that wrote it")
    if not _fits(found, HEADER_TYPES) or not math.isfinite(found["temperature"]):
        raise InputError(f"{path} is not a transcript of {SOFTWARE}; name another file")
    return Header(**found)


def read_entry(line: bytes) -> Entry | None:
    """Return the finished call in a line, or None if there is none."""
    found = _fields(line)
    if found is None or not _fits(found, ENTRY_TYPES):
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


def _fits(found: dict[str, Any], types: dict[str, tuple[type, ...]]) -> bool:
    same = found.keys() == types.keys()
    return same and all(type(found[name]) in types[name] for name in types)


def _is_message(found: Any) -> bool:
    if not isinstance(found, dict) or len(found) > MOST_FIELDS:
        return False
    return all(isinstance(text, str) for text in found.values())
