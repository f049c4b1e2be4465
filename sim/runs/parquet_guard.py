"""Guard for untrusted Parquet files: footers and pages checked before decoding.

An untrusted table is walked once, without unpacking anything: what its
footer claims must agree with the pages that are there, and with how this software
writes tables. Footers are looked at once, pages before their group of rows is read. The
numbers are those of the format's specification (Apache Parquet, ``parquet.thrift``), in
the compact protocol of Thrift.
"""

from __future__ import annotations

import functools
import mmap
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from sim.utils.untrusted import open_file

MAGIC = b"PAR1"
LONGEST_FOOTER = 2**23  # bytes
LONGEST_KEPT, MOST_KEPT = 2**17, 256  # bytes of a footer that is kept, and how many
DEEPEST = 12  # records within each other
MOST_ROWS = 2**40
LARGEST_GROUP = 2**20  # rows
ROOM = 2**28  # bytes that any table may unpack to, ...
MOST_TIMES = 1000  # ... and so many times its size on top; ...
MOST_TIMES_PACKED = 2000  # ... those that repeat themselves need 1070 at the most

# Kinds of values in the compact protocol.
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, RECORD = 1, 2, 3, 7, 8, 9, 10, 11, 12
NUMBERS = (4, 5, 6)  # of 16, 32 and 64 bits
# Fields of the footer, by number.
ROWS, GROUPS = 3, 4
COLUMNS, GROUP_ROWS = 1, 3
ELSEWHERE, COLUMN = 1, 3
TYPE, ENCODINGS, PATH, CODEC, VALUES, UNPACKED, PACKED = range(1, 8)
FIRST_PAGE, DICTIONARY, STATISTICS = 9, 11, 12
MOST, LEAST = 5, 6  # of the statistics of a column
# Fields of a page, by number.
KIND, PAGE_UNPACKED, PAGE_PACKED, DATA, WORDS = 1, 2, 3, 5, 7
DATA_PAGE, WORDS_PAGE = 0, 2
PAGE_VALUES, PAGE_ENCODING = 1, 2
# How values are written: plain, or as runs for levels and for yes and no.
PLAIN, RUNS, BITS = 0, 3, 4
USUAL = {PLAIN, RUNS, BITS}
STEPS, CODES = 5, 8  # in packed columns: from each to the next; by number, in runs
WIDTHS = {1: 4, 2: 8, 4: 4, 5: 8}  # bytes of a number, by type
WHOLE_NUMBERS = (1, 2)  # types

Record = dict[int, Any]


class Group(NamedTuple):
    """Rows that are written together."""

    rows: int
    columns: dict[str, Record]


class Footer(NamedTuple):
    """What a table says of itself."""

    rows: int
    groups: list[Group]
    end: int  # of its pages, in bytes from the start


def read_footer(file: Path, packed: Collection[str] = ()) -> Footer:
    """Return the footer of a table, if this software can have written it.

    Parameters
    ----------
    file
        Where it is.
    packed
        Columns that may be written by number or by steps, not only plainly.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is damaged, a group has more rows than this software writes, or it would
        unpack to more than its size can explain.
    """
    with open_file(file) as stream:
        size = stream.seek(0, 2)
        if size < 12:
            raise ValueError("it is no Parquet file")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            return _footer(raw, size, packed)


def _record(content: bytes) -> Record:
    return _Reader(content).record()


_known_record = functools.lru_cache(MOST_KEPT)(_record)  # each file is opened often


def _footer(raw: mmap.mmap, size: int, packed: Collection[str]) -> Footer:
    length = int.from_bytes(raw[-8:-4], "little")
    if raw[:4] != MAGIC or raw[-4:] != MAGIC:
        raise ValueError("it is no Parquet file")
    if not 0 < length <= min(size - 12, LONGEST_FOOTER):
        raise ValueError("its footer is damaged")
    end = size - 8 - length
    content = raw[end:-8]
    read = _known_record if length <= LONGEST_KEPT else _record
    footer = read(content)
    left = ROOM + (MOST_TIMES_PACKED if packed else MOST_TIMES) * size
    groups: list[Group] = []
    for group in _list(footer, GROUPS):
        count = _number(group, GROUP_ROWS, LARGEST_GROUP)
        groups.append(Group(count, {}))
        for chunk in _list(group, COLUMNS):
            name, column = _column(chunk)
            left -= _check_column(column, count, name in packed)
            if left < 0:
                raise ValueError("it claims to hold more than its size can explain")
            if name in groups[-1].columns:
                raise ValueError("it has two columns of one name")
            groups[-1].columns[name] = column
    rows = sum(group.rows for group in groups)
    if rows != _number(footer, ROWS, MOST_ROWS):
        raise ValueError("its row groups do not add up")
    return Footer(rows, groups, end)


def _column(chunk: Record) -> tuple[str, Record]:
    """Return the name of a column, and what is said of it."""
    column = chunk.get(COLUMN)
    if not isinstance(column, dict) or ELSEWHERE in chunk:
        raise ValueError("a column is not in it")
    path = _list(column, PATH, bytes)
    if not path:
        raise ValueError("a column has no name")
    return path[0].decode(), column


def _check_column(column: Record, rows: int, is_packed: bool) -> int:
    """Check a column of a row group; return the bytes it takes, at most."""
    values = _number(column, VALUES, MOST_ROWS)
    is_list = len(_list(column, PATH, bytes)) > 1
    if values < rows or (values > rows and not is_list):
        raise ValueError("its counts of values are wrong")
    written = set(_list(column, ENCODINGS, int))
    if not written <= (USUAL | {STEPS, CODES} if is_packed else USUAL):
        raise ValueError("it is not written as this software writes tables")
    if DICTIONARY in column and not is_packed:
        raise ValueError("it is not written as this software writes tables")
    unpacked = _number(column, UNPACKED, MOST_ROWS)
    if not is_packed:
        return max(unpacked, values * 8)
    return unpacked + values * WIDTHS.get(_number(column, TYPE, 7), 4)


def bounds(column: Record) -> tuple[int, int] | None:
    """Return the least and the most of whole numbers; None if it is not said."""
    statistics = column.get(STATISTICS)
    if not isinstance(statistics, dict) or column.get(TYPE) not in WHOLE_NUMBERS:
        return None
    least, most = statistics.get(LEAST), statistics.get(MOST)
    if not isinstance(least, bytes) or not isinstance(most, bytes):
        return None
    return (
        int.from_bytes(least, "little", signed=True),
        int.from_bytes(most, "little", signed=True),
    )


def check_group(file: Path, footer: Footer, number: int) -> None:
    """Raise ValueError unless the pages of a group are as the footer says."""
    with (
        open_file(file) as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw,
    ):
        for column in footer.groups[number].columns.values():
            _check_pages(raw, footer.end, column)


def _check_pages(raw: mmap.mmap, end: int, column: Record) -> None:
    at = _number(column, FIRST_PAGE, end)
    has_words = DICTIONARY in column
    if has_words:  # where it is not before the others, pyarrow does not look
        at = _number(column, DICTIONARY, at - 1) or end
    last = at + _number(column, PACKED, end - at)
    left = _number(column, UNPACKED, MOST_ROWS)
    values = _number(column, VALUES, MOST_ROWS)
    while at < last:
        reader = _Reader(raw, at, last)
        page = reader.record()
        if has_words:
            _check_words(page)
        else:
            values -= _check_data(page, column)
        has_words = False
        left -= _number(page, PAGE_UNPACKED, MOST_ROWS)
        at = reader.at + _number(page, PAGE_PACKED, last - reader.at)
    if at != last or values or left < 0:
        raise ValueError("its pages and its footer disagree")


def _check_words(page: Record) -> None:
    """Raise ValueError unless a page holds what others name by number."""
    words = page.get(WORDS)
    if _number(page, KIND, WORDS_PAGE) != WORDS_PAGE or not isinstance(words, dict):
        raise ValueError("its pages and its footer disagree")
    _number(words, PAGE_ENCODING, PLAIN)


def _check_data(page: Record, column: Record) -> int:
    """Check a page of values; return how many there are."""
    data = page.get(DATA)
    if _number(page, KIND, WORDS_PAGE) != DATA_PAGE or not isinstance(data, dict):
        raise ValueError("it is not written as this software writes tables")
    written = _number(data, PAGE_ENCODING, CODES)
    named = {PLAIN, RUNS} | {STEPS, CODES} & set(_list(column, ENCODINGS, int))
    if written not in named or (written == CODES and DICTIONARY not in column):
        raise ValueError("it is not written as this software writes tables")
    return _number(data, PAGE_VALUES, MOST_ROWS)


def _number(record: Record, field: int, most: int) -> int:
    value = record.get(field)
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("a number in its footer or pages is wrong")
    return value


def _list(record: Record, field: int, of: type = dict) -> list[Any]:
    found = record.get(field)
    if not isinstance(found, list) or not all(isinstance(one, of) for one in found):
        raise ValueError("a list in its footer is wrong")
    return found


class _Reader:
    """Reads records of the compact protocol: fields by number, none of them twice."""

    def __init__(self, raw: bytes | mmap.mmap, at: int = 0, end: int = -1) -> None:
        self.raw, self.at = raw, at
        self.end = len(raw) if end < 0 else end

    def record(self, depth: int = 0) -> Record:
        """Return the record that begins here."""
        if depth > DEEPEST:
            raise ValueError("its records are nested too deep")
        found: Record = {}
        field = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            field = field + step if step else self._signed()
            if field in found:
                raise ValueError("its footer or a page says a thing twice")
            found[field] = kind == TRUE if kind <= FALSE else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in NUMBERS:
            return self._signed()
        if kind == BINARY:
            return self._bytes(self._unsigned())
        if kind in (LIST, SET):
            return self._list(depth)
        if kind == RECORD:
            return self.record(depth + 1)
        if kind in (BYTE, DOUBLE):
            return self._bytes(1 if kind == BYTE else 8)
        raise ValueError("its footer or a page is damaged")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 15
        count = self._unsigned() if count == 15 else count
        if count > self.end - self.at:  # each takes a byte
            raise ValueError("a list in it is longer than itself")
        if kind in (TRUE, FALSE):
            return [self._byte() == TRUE for _ in range(count)]
        return [self._value(kind, depth + 1) for _ in range(count)]

    def _byte(self) -> int:
        if self.at >= self.end:
            raise ValueError("its footer or a page ends in the middle")
        self.at += 1
        return self.raw[self.at - 1]

    def _bytes(self, count: int) -> bytes:
        if count > self.end - self.at:
            raise ValueError("its footer or a page ends in the middle")
        self.at += count
        return self.raw[self.at - count : self.at]

    def _unsigned(self) -> int:
        found = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise ValueError("a number in its footer or pages is wrong")

    def _signed(self) -> int:
        found = self._unsigned()
        return (found >> 1) ^ -(found & 1)
