"""Rows of a ledger that SQLite no longer reads: what can still be proved is kept.

The pages of the file and of its write-ahead log are looked through one by one, whatever
the others hold. A row counts if its digest fits: it covers the run, its seed and the
outcomes with their names, so it does not matter where a row is found, nor whether it
was committed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

RUN = re.compile("[0-9a-f]{64}")  # the name of a run
HEADER = 100  # bytes before the first page's own
LEAF = 13  # the kind of page that holds rows of a table
PAGE = 4096  # bytes, where the file does not tell
FRAME, LOG_HEADER = 24, 32  # bytes before each page of a log, and before them all
INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # bytes, by the kind of a value

BROKEN = 64  # bytes that a row counts for that cannot be read

Row = list[Any]


def rows(ledger: Path, columns: int) -> Iterator[Row]:
    """Yield what looks like a row of so many columns that begins with a run's name.

    Parameters
    ----------
    ledger
        The file, whole or not; its log is read, too, if it lies beside.
    columns
        Of the table; rows of other tables have another number.

    Yields
    ------
    list
        Values as SQLite would give them: None, int, float, str or bytes. None of them
        has been checked.
    """
    pages = _Pages(ledger)
    for page, start in pages:
        room = len(page)  # rows do not overlap, unless somebody made it so
        for at in _cells(page, start):
            found: Row = []
            taken = BROKEN
            with suppress(IndexError, ValueError, struct.error):
                found, taken = _row(pages, page, at)
            room -= taken
            if room < 0:
                break
            if len(found) == columns and RUN.fullmatch(str(found[0])):
                yield found


class _Pages:
    """The pages of a ledger and of its log, each with where its own header begins."""

    def __init__(self, ledger: Path) -> None:
        self._ledger, self._log = ledger, ledger.with_name(f"{ledger.name}-wal")
        with ledger.open("rb") as file:
            head = file.read(HEADER)
        told = int.from_bytes(head[16:18]) if len(head) == HEADER else 0
        told = 65536 if told == 1 else told
        is_size = 512 <= told <= 65536 and told.bit_count() == 1
        self.size = told if is_size else PAGE
        self._left = ledger.stat().st_size  # no page follows two others
        self.count = -(-self._left // self.size)

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        with self._ledger.open("rb") as file:
            for number in range(self.count):
                yield file.read(self.size), HEADER if number == 0 else 0
        if not self._log.is_file():
            return
        with self._log.open("rb") as file:
            file.seek(LOG_HEADER)
            while len(frame := file.read(FRAME + self.size)) > FRAME:
                is_first = int.from_bytes(frame[:4]) == 1
                yield frame[FRAME:], HEADER if is_first else 0

    def chained(self, number: int, size: int) -> bytes:
        """Return the rest of a row that did not fit its page: ``size`` bytes."""
        self._left -= size
        if self._left < 0:
            raise ValueError("more than the file holds")
        parts: list[bytes] = []
        with self._ledger.open("rb") as file:
            while size > 0 and 0 < number <= self.count:
                file.seek((number - 1) * self.size)
                page = file.read(self.size)
                number = int.from_bytes(page[:4])
                parts.append(page[4 : 4 + size])
                size -= self.size - 4
        return b"".join(parts)


def _cells(page: bytes, start: int) -> Iterator[int]:
    """Yield where the rows of a page begin; none if it holds no rows."""
    if len(page) < start + 8 or page[start] != LEAF:
        return
    count = int.from_bytes(page[start + 3 : start + 5])
    for place in range(start + 8, min(start + 8 + 2 * count, len(page) - 1), 2):
        yield int.from_bytes(page[place : place + 2])


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return an integer of one to nine bytes, and where it ends."""
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | raw[place] & 0x7F
        if raw[place] < 0x80:
            return value, place + 1
    return value << 8 | raw[at + 8], at + 9


def _row(pages: _Pages, page: bytes, at: int) -> tuple[Row, int]:
    """Return the row that begins at a byte of a page, and its bytes in that page."""
    length, at = _varint(page, at)
    _, at = _varint(page, at)  # the number of the row
    most = pages.size - 35
    if length > pages.size * pages.count:
        raise ValueError("longer than the file")
    if length <= most:
        return _values(page[at : at + length]), length
    least = (pages.size - 12) * 32 // 255 - 23
    here = least + (length - least) % (pages.size - 4)
    here = here if here <= most else least
    follows = int.from_bytes(page[at + here : at + here + 4])
    rest = pages.chained(follows, length - here)
    return _values(page[at : at + here] + rest), here


def _values(raw: bytes) -> Row:
    """Return the values of a row: first come their kinds, then all that they are."""
    end, at = _varint(raw, 0)
    if end > len(raw):
        raise ValueError("it has no end")
    kinds, found = [], []
    while at < end:
        kind, at = _varint(raw, at)
        kinds.append(kind)
    for kind in kinds:
        value, at = _value(raw, kind, at)
        found.append(value)
    return found


def _value(raw: bytes, kind: int, at: int) -> tuple[Any, int]:
    """Return a value, and where it ends."""
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    if kind == 7:
        return struct.unpack_from(">d", raw, at)[0], at + 8
    if kind in INTEGERS:
        end = at + INTEGERS[kind]
        return int.from_bytes(raw[at:end], signed=True), end
    end = at + (kind - 12) // 2
    if kind < 12 or end > len(raw):
        raise ValueError("no such value")
    return raw[at:end] if kind % 2 == 0 else raw[at:end].decode(), end
