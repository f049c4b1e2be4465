"""Footers and pages of Parquet files, looked at before a library in C++ trusts them.

A table that may be a stranger's is walked once, without unpacking anything: what its
footer claims must agree with the pages that are there, and with how this software
writes tables. The numbers are those of the format's specification (Apache Parquet,
``parquet.thrift``), in the compact protocol of Thrift.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

from sim.strangers import open_file

MAGIC = b"PAR1"
LONGEST_FOOTER = 2**26  # bytes
DEEPEST = 12  # records within each other
MOST_ROWS = 2**40
ROOM = 2**28  # bytes that any table may unpack to, ...
MOST_TIMES = 1000  # ... and so many times its size on top

# Kinds of values in the compact protocol.
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, RECORD = 1, 2, 3, 7, 8, 9, 10, 11, 12
NUMBERS = (4, 5, 6)  # of 16, 32 and 64 bits
# Fields of the footer, by number.
ROWS, GROUPS = 3, 4
COLUMNS, GROUP_ROWS = 1, 3
ELSEWHERE, COLUMN = 1, 3
TYPE, ENCODINGS, PATH, CODEC, VALUES, UNPACKED, PACKED = range(1, 8)
FIRST_PAGE, DICTIONARY, STATISTICS = 9, 11, 12
HIGHEST, LOWEST = 5, 6  # of the statistics of a column
# Fields of a page, by number.
KIND, PAGE_UNPACKED, PAGE_PACKED, DATA = 1, 2, 3, 5
DATA_PAGE, DICTIONARY_PAGE = 0, 2
PAGE_VALUES, PAGE_ENCODING = 1, 2
# How values are written: plain, as numbers in a dictionary, as runs (levels, and yes or
# no), or as differences.
PLAIN, NUMBERED_OLD, RUNS, BITS, DIFFERENCES, NUMBERED = 0, 2, 3, 4, 5, 8
OWN = {PLAIN, NUMBERED_OLD, RUNS, BITS, DIFFERENCES, NUMBERED}

Record = dict[int, Any]


def check_table(file: Path) -> None:
    """Raise ValueError unless a file can be a table that this software wrote.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If its footer or its pages are damaged or disagree, or it would unpack to more
        than its size can explain.
    """
    with open_file(file) as stream:
        size = stream.seek(0, 2)
        if size < 12:
            raise ValueError("it is no Parquet file")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            _check(raw, size)


def spans(file: Path, name: str) -> list[tuple[int, int] | None]:
    """Return the least and the greatest number of a column in each group of rows.

    None is where the footer does not say. Raises as ``check_table``.
    """
    with open_file(file) as stream:
        size = stream.seek(0, 2)
        stream.seek(max(size - 8 - LONGEST_FOOTER, 0))
        footer, _ = _footer(stream.read() or b"", size)
    return [
        _span(chunk.get(COLUMN, {}).get(STATISTICS))
        for group in _list(footer, GROUPS)
        for chunk in _list(group, COLUMNS)
        if chunk.get(COLUMN, {}).get(PATH) == [name.encode()]
    ]


def _span(statistics: Any) -> tuple[int, int] | None:
    known = statistics if isinstance(statistics, dict) else {}
    low, high = known.get(LOWEST), known.get(HIGHEST)
    if not isinstance(low, bytes) or not isinstance(high, bytes):
        return None
    numbers = (int.from_bytes(end, "little", signed=True) for end in (low, high))
    return next(numbers), next(numbers)


def _footer(raw: bytes | mmap.mmap, size: int) -> tuple[Record, int]:
    """Return the footer of a file of so many bytes, and where it begins."""
    if size < 12 or raw[-4:] != MAGIC:
        raise ValueError("it is no Parquet file")
    length = int.from_bytes(raw[-8:-4], "little")
    if not 0 < length <= min(size - 12, LONGEST_FOOTER):
        raise ValueError("its footer is damaged")
    return _Reader(raw[-8 - length : -8]).record(), size - 8 - length


def _check(raw: mmap.mmap, size: int) -> None:
    footer, end = _footer(raw, size)
    if raw[:4] != MAGIC:
        raise ValueError("it is no Parquet file")
    left, rows = ROOM + MOST_TIMES * size, 0
    for group in _list(footer, GROUPS):
        count = _number(group, GROUP_ROWS, MOST_ROWS)
        for chunk in _list(group, COLUMNS):
            left -= _check_column(raw, end, chunk, count)
            if left < 0:
                raise ValueError("it claims to hold more than its size can explain")
        rows += count
    if rows != _number(footer, ROWS, MOST_ROWS):
        raise ValueError("its row groups do not add up")


def _check_column(raw: mmap.mmap, end: int, chunk: Record, rows: int) -> int:
    """Check a column of a row group; return the bytes it takes, at most."""
    column = chunk.get(COLUMN)
    if not isinstance(column, dict) or ELSEWHERE in chunk:
        raise ValueError("a column is not in it")
    values = _number(column, VALUES, MOST_ROWS)
    is_list = len(_list(column, PATH, bytes)) > 1
    if values < rows or (values > rows and not is_list):
        raise ValueError("its counts of values are wrong")
    if not set(_list(column, ENCODINGS, int)) <= OWN:
        raise ValueError("it is not written as this software writes tables")
    words = _check_pages(raw, end, column, values)
    # A value may be as long as the whole dictionary.
    return max(_number(column, UNPACKED, MOST_ROWS), values * max(8, words))


def _check_pages(raw: mmap.mmap, end: int, column: Record, values: int) -> int:
    """Check that pages are as a footer says; return the bytes of the dictionary."""
    first = DICTIONARY if DICTIONARY in column else FIRST_PAGE
    at = _number(column, first, end)
    last = at + _number(column, PACKED, end - at)
    left, words = _number(column, UNPACKED, MOST_ROWS), 0
    while at < last:
        reader = _Reader(raw, at, last)
        page = reader.record()
        size = _number(page, PAGE_UNPACKED, MOST_ROWS)
        if page.get(KIND) == DICTIONARY_PAGE and first == DICTIONARY and not words:
            words = size
        else:
            values -= _values(page)
        left -= size
        at = reader.at + _number(page, PAGE_PACKED, last - reader.at)
    if at != last or values or left < 0:
        raise ValueError("its pages and its footer disagree")
    return words


def _values(page: Record) -> int:
    """Return how many values are in a page that is no dictionary."""
    data = page.get(DATA)
    if page.get(KIND) != DATA_PAGE or not isinstance(data, dict):
        raise ValueError("it is not written as this software writes tables")
    if data.get(PAGE_ENCODING) not in OWN:
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
