"""Check of a transcript: every line's digest, order and key, worked out once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sim.minds.calls import Settings
from sim.minds.transcript import (
    BEGINNING,
    Entry,
    Header,
    Journal,
    before_in,
    digest_in,
    has_secrets,
    key_of,
    read_entry,
    read_header,
    read_host,
    read_spent,
)
from sim.utils.errors import InputError
from sim.utils.untrusted import open_file


class TranscriptCheck(NamedTuple):
    """What was found in a transcript."""

    calls: int
    faults: list[str]
    unproved: list[str]


def is_transcript(path: Path) -> bool:
    """Tell whether a file begins as a transcript does; OSError if unreadable."""
    with open_file(path) as file:
        return (file.read(len(BEGINNING)) or b"") == BEGINNING


def check_transcript(path: Path) -> TranscriptCheck:
    """Return how many calls a transcript holds, and what is wrong with it.

    Raises
    ------
    InputError
        If it cannot be read, or is none.
    """
    journal = Journal.to_read(path)
    try:
        lines = journal.lines()
        first = next(lines, b"")
        try:
            header = read_header(path, first)
        except InputError as error:
            if not first.startswith(BEGINNING):
                raise
            return TranscriptCheck(0, [str(error)], [])
        found = _LineCheck(header, first)
        for number, line in enumerate(lines, start=2):
            found.look(number, line)
        if journal.rest():
            found.unproved.append("its last line was cut short, and does not count")
        return TranscriptCheck(len(found.answers), found.faults, found.unproved)
    except InputError as error:
        return TranscriptCheck(0, [str(error)], [])
    finally:
        journal.close()


class _LineCheck:
    """Looks at the lines of a transcript, one after another."""

    def __init__(self, header: Header, first: bytes) -> None:
        self.header = header
        self.faults: list[str] = []
        self.unproved: list[str] = []
        self.answers: dict[str, Entry] = {}
        self._last = digest_in(first) or ""
        self._settings = Settings(
            header.model,
            header.provider,
            header.temperature,
            without=tuple(header.without),
            max_tokens=header.max_tokens,
            extra_body=header.extra_body,
        )
        if not header.is_sealed:
            self.unproved.append(
                f"format {header.transcript} has no digests: its answers may have been "
                "edited; its questions fit their keys unless it says otherwise"
            )

    def look(self, number: int, line: bytes) -> None:
        """Look at a line."""
        self.faults += (f"line {number} {what}" for what in self._faults(number, line))
        self._last = digest_in(line) or ""

    def _faults(self, number: int, line: bytes) -> Iterator[str]:
        before = self._last if self.header.is_sealed else None
        if before is not None and digest_in(line) is None:
            yield "is damaged: other bytes were written, as its digest says"
            return
        record = read_host(line) or read_spent(line) or read_entry(line)
        if record is None:
            yield "is damaged: it is no finished call"
            return
        if before is not None and before_in(line) != before:
            yield "does not follow from the line before: one is missing, or was moved"
        if isinstance(record, Entry):
            if self.answers.setdefault(record.key, record) != record:
                yield "answers a question anew"
            if has_secrets(record):
                self.unproved.append(
                    f"line {number} has a key taken out: its question cannot be proved"
                )
            elif not self._is_key_right(record):
                yield "has a key that is not that of its question"

    def _is_key_right(self, record: Entry) -> bool:
        with suppress(InputError, KeyError):  # no address, or no such schema
            return key_of(record.request, self._settings) == record.key
        return False
