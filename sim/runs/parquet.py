"""Parquet tables with reproducible bytes, written and read in parts.

A table is written and read in groups of rows, so that it may be larger than memory;
where a group ends depends on the number of rows only.

Files that are read are untrusted. Their footers are held against their sizes before
a row is read, and only plain columns of the expected types are let in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sim.runs.parquet_guard import (
    LARGEST_GROUP,
    Footer,
    bounds,
    check_group,
    read_footer,
)
from sim.utils.untrusted import open_file

Columns = Mapping[str, npt.NDArray[Any]]
Numbers = Sequence[int] | npt.NDArray[Any]

Check = Callable[[Columns], None]

GROUP = LARGEST_GROUP  # rows in a group
# What may go wrong with a file that is not as it was written.
UNREADABLE = (OSError, ValueError, pa.ArrowException)
# Numbers and texts; nothing that could run code. Null is a column of no rows.
TYPES = {
    *(pa.bool_(), pa.string(), pa.float32(), pa.float64(), pa.null()),
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
    *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
}
WITH_GAPS = {"p_value", "text"}
MOST_COLUMNS = 1000
LONGEST_WORD = 2**20  # bytes, in a footer
LONGEST_LIST = 10**6  # entries, in a footer


class TableWriter:
    """A table on its way to a file, a part at a time, each of ``GROUP`` rows at most.

    Use it as a context manager; without an error the file is then on the disk.

    Parameters
    ----------
    file, schema
        Where to, and the columns.
    encodings
        How columns are encoded (``DELTA_BINARY_PACKED``, ...); the others are plain.
    repeated
        Columns of few values, kept once in each group.
    """

    def __init__(
        self,
        file: Path,
        schema: pa.Schema,
        encodings: Mapping[str, str] | None = None,
        repeated: Iterable[str] = (),
    ) -> None:
        self.schema = schema
        self._stream = open(file, "wb")  # noqa: SIM115
        self._writer = pq.ParquetWriter(
            self._stream,
            schema,
            version="2.6",
            compression="zstd",
            compression_level=1,
            use_dictionary=list(repeated) or False,
            column_encoding=dict(encodings or {}) or None,
            store_schema=False,
            write_page_checksum=True,
        )

    def write(self, table: pa.Table) -> None:
        """Write rows; a table of more than ``GROUP`` of them makes several groups."""
        self._writer.write_table(table, row_group_size=GROUP)

    def close(self) -> None:
        """End the table, and see it safely on the disk."""
        try:
            self._writer.close()
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
        finally:
            self.drop()

    def drop(self) -> None:
        """Let go of a file that will not be finished, whatever state it is in."""
        with suppress(OSError, pa.ArrowException):
            self._writer.close()
        self._writer.is_open = False  # else it would try once more when it is deleted
        with suppress(OSError):
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close() if error is None else self.drop()


def write_table(file: Path, table: pa.Table) -> None:
    """Write a table to a file that is on the disk when this returns."""
    with TableWriter(file, table.schema) as writer:
        writer.write(table)


def write_columns(file: Path, columns: Columns) -> None:
    """Write arrays of one length as a table."""
    write_table(file, arrow_of(columns))


def write_parts(file: Path, parts: Iterable[Columns]) -> None:
    """Write a table that comes in parts, at least one, all but the last ``GROUP`` rows.

    The file is that of all parts written at once.
    """
    coming = map(arrow_of, parts)
    first = next(coming)
    with TableWriter(file, first.schema) as writer:
        writer.write(first)
        del first
        for part in coming:
            writer.write(part)


def arrow_of(columns: Columns) -> pa.Table:
    """Return arrays of one length as an Arrow table."""
    arrays = [pa.array(np.ascontiguousarray(c)) for c in columns.values()]
    return pa.Table.from_arrays(arrays, names=list(columns))


class TableReader:
    """An untrusted table, read in groups of rows.

    Its footer and the types of its columns are checked when it is opened, its pages and
    rows when they are read. Use it as a context manager. Do not ask pyarrow what it
    knows of a column: of a damaged footer, that ends the process (pyarrow 26).

    Parameters
    ----------
    file
        Where it is.
    schema
        Columns that it must have, of these types; there may be more.
    packed
        Columns that may be written by number or by steps. Words among them are read as
        such, with their dictionary.

    Raises
    ------
    One of ``UNREADABLE``
        By all methods, if it cannot be read, holds other than plain columns, claims to
        hold more than its size can explain, or lacks a column; or if a column is of
        another type or has gaps where there can be none.
    """

    def __init__(
        self,
        file: Path,
        schema: pa.Schema | None = None,
        packed: Collection[str] = (),
    ) -> None:
        self.file = file
        self.footer: Footer = read_footer(file, packed)
        wanted = pa.schema([]) if schema is None else schema
        words = [f.name for f in wanted if f.name in packed and f.type == pa.string()]
        try:
            self._found = _opened(file, words)
        except KeyError as error:
            raise ValueError(f"it has no column {error}") from None
        try:
            self.schema: pa.Schema = _expected(
                self._found.schema_arrow, wanted, self.footer.rows
            )
        except BaseException:
            self._found.close(force=True)
            raise
        self._sound: set[int] = set()  # groups whose pages were looked at

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.footer.rows

    def check(self) -> None:
        """Look at all pages; no row is read."""
        for group in range(len(self.footer.groups)):
            self._check(group)

    def _check(self, group: int) -> None:
        if group not in self._sound:
            check_group(self.file, self.footer, group)
            self._sound.add(group)

    def holding(self, name: str, numbers: Numbers) -> list[int]:
        """Return the groups in which a column may be one of some whole numbers."""
        wanted = np.unique(np.asarray(numbers, np.int64))
        found = []
        for at, group in enumerate(self.footer.groups):
            known = bounds(group.columns.get(name, {}))
            ends = None if known is None else (known[0], known[1] + 1)
            if ends is None or np.diff(np.searchsorted(wanted, ends))[0] > 0:
                found.append(at)
        return found

    def tables(
        self, names: Sequence[str] | None = None, groups: Iterable[int] | None = None
    ) -> Iterator[pa.Table]:
        """Yield all groups of rows, or some, with all columns, or some."""
        for group in range(len(self.footer.groups)) if groups is None else groups:
            self._check(group)
            table = self._found.read_row_group(group, names)
            table = table.replace_schema_metadata(None)
            if len(table) != self.footer.groups[group].rows:
                raise ValueError("its row groups do not add up")
            table.validate(full=True)
            for name in table.column_names:
                if name not in WITH_GAPS and _has_gaps(table.column(name)):
                    raise ValueError(f"its column {name!r} has gaps")
            yield table if len(table) else self._empty(table.column_names)

    def parts(
        self, names: Sequence[str] | None = None, groups: Iterable[int] | None = None
    ) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """Yield groups of rows as arrays to look at, copied only if need be."""
        for table in self.tables(names, groups):
            yield views(table)

    def whole(self, names: Sequence[str] | None = None) -> pa.Table:
        """Return all rows, of all columns or some."""
        empty = self._empty(self.schema.names if names is None else names)
        found = [table for table in self.tables(names) if len(table)]
        return pa.concat_tables(found) if found else empty

    def _empty(self, names: Sequence[str]) -> pa.Table:
        return self.schema.empty_table().select(list(names))

    def close(self) -> None:
        """Let go of the file."""
        self._found.close(force=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(file: Path, words: list[str]) -> pq.ParquetFile:
    found = open_file(file)  # never a pipe, which would be waited for
    source: Any = found
    with suppress(UnicodeEncodeError):
        str(file).encode()  # pyarrow takes no path that is not UTF-8
        found.close()
        source = file
    return pq.ParquetFile(
        source,
        read_dictionary=words,
        page_checksum_verification=True,
        thrift_string_size_limit=LONGEST_WORD,
        thrift_container_size_limit=LONGEST_LIST,
    )


def _expected(schema: pa.Schema, wanted: pa.Schema, rows: int) -> pa.Schema:
    """Return the schema of a table, if all columns are plain, with those wanted.

    A column of no rows may be of any type; it is read as of the type wanted.
    """
    if len(schema.names) > MOST_COLUMNS or len(set(schema.names)) < len(schema.names):
        raise ValueError("it has too many columns, or two of one name")
    for field in schema:
        kind = _plain(field.type)
        if (kind.value_type if pa.types.is_list(kind) else kind) not in TYPES:
            raise ValueError(f"its column {field.name!r} holds {field.type}")
    for field in wanted:
        at = schema.get_field_index(field.name)
        if at < 0:
            raise ValueError(f"it has no column {field.name!r}")
        held = _plain(schema.field(at).type)
        if rows and held != field.type:
            raise ValueError(
                f"its column {field.name!r} holds {held}, not {field.type}"
            )
        schema = schema if rows else schema.set(at, field)
    return schema.remove_metadata()


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column, of its words if they are in a dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _has_gaps(column: pa.ChunkedArray) -> bool:
    if column.null_count or not pa.types.is_list(column.type):
        return bool(column.null_count)
    return any(chunk.flatten().null_count for chunk in column.chunks)


def read_table(
    file: Path, schema: pa.Schema | None = None, names: Sequence[str] | None = None
) -> pa.Table:
    """Return an untrusted table, or some of its columns.

    Raises
    ------
    One of ``UNREADABLE``
        As for ``TableReader``.
    """
    with TableReader(file, schema) as found:
        return found.whole(names)


def columns_of(
    file: TableReader, check: Check | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Return columns as arrays that may be changed, read a group at a time.

    Parameters
    ----------
    file
        A table of numbers.
    check
        What looks at each part as it is read, and raises ValueError if it is wrong.
    """
    first = 0
    columns = {
        field.name: np.empty(file.rows, field.type.to_pandas_dtype())
        for field in file.schema
    }
    for part in file.parts():
        if check is not None:
            check(part)
        last = first + len(next(iter(part.values())))
        for name, column in columns.items():
            column[first:last] = part[name]
        first = last
    return columns


def rows_of(
    file: TableReader, key: str, wanted: Numbers, check: Check | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Return the rows in which a column, ``key``, is one of some numbers.

    Only groups that can hold one of them are read, and looked at by ``check``.
    """
    numbers = np.unique(np.asarray(wanted, np.int64))
    found = {n: [column] for n, column in views(file.schema.empty_table()).items()}
    for part in file.parts(groups=file.holding(key, numbers)):
        if check is not None:
            check(part)
        keep = np.isin(part[key], numbers)
        for name, pieces in found.items():
            pieces.append(part[name][keep])
    return {name: np.concatenate(pieces) for name, pieces in found.items()}


def views(table: pa.Table) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table as arrays to look at, copied only if need be."""
    return {name: table.column(name).to_numpy() for name in table.column_names}
