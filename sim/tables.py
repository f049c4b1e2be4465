"""Columns in Parquet files: equal columns have equal bytes, whatever wrote them.

A table is written and read in groups of rows, so that it may be larger than memory;
where a group ends depends on the number of rows only. Files that are read may be
anybody's: footers and pages are looked at before a row is read, and only plain columns
of the expected types are let in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sim.errors import InputError
from sim.footers import check_table

Columns = Mapping[str, npt.NDArray[Any]]
Numbers = Sequence[int] | npt.NDArray[Any]

GROUP = 2**20  # rows in a group

# What may go wrong with a file that is not as it was written.
UNREADABLE = (OSError, ValueError, pa.ArrowException)
# Numbers and texts; nothing that could run code.
TYPES = {
    *(pa.bool_(), pa.string(), pa.float32(), pa.float64()),
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


def read_columns(
    file: Path, schema: pa.Schema | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table as arrays that may be changed.

    Parameters
    ----------
    file
        Where it is.
    schema
        Columns that it must have, of these types; there may be more.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    with opened(file, schema) as found:
        return columns_of(found)


def group_of(
    file: pq.ParquetFile, group: int, columns: list[str] | None = None
) -> pa.Table:
    """Return a group of rows, or some of its columns, if they are sound.

    Raises
    ------
    One of ``UNREADABLE``
        If they cannot be read, are no texts, or have gaps where there can be none.
    """
    return _sound(file.read_row_group(group, columns))


def read_table(file: pq.ParquetFile, columns: list[str] | None = None) -> pa.Table:
    """Return a whole table, or some of its columns; raises as ``group_of``."""
    return _sound(file.read(columns))


def _sound(table: pa.Table) -> pa.Table:
    table = table.replace_schema_metadata(None)
    table.validate(full=True)
    for name in table.column_names:
        if name not in WITH_GAPS and table.column(name).null_count:
            raise ValueError(f"its column {name!r} has gaps")
    return table


def views(table: pa.Table) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table as arrays to look at, copied only if need be."""
    return {name: table.column(name).to_numpy() for name in table.column_names}


def columns_of(file: pq.ParquetFile) -> dict[str, npt.NDArray[Any]]:
    """Return numbers as arrays that may be changed, read a group at a time."""
    rows, first = file.metadata.num_rows, 0
    columns = {
        field.name: np.empty(rows, field.type.to_pandas_dtype())
        for field in file.schema_arrow
    }
    for group in range(file.num_row_groups):
        part = group_of(file, group)
        for name, column in columns.items():
            column[first : first + len(part)] = part.column(name).to_numpy()
        first += len(part)
    return columns


def rows_of(
    file: pq.ParquetFile, wanted: Numbers, spans: Sequence[tuple[int, int] | None]
) -> dict[str, npt.NDArray[Any]]:
    """Return the rows whose first column, which rises, is one of some numbers.

    Only groups that can hold one of them are read, as far as their spans are known.
    """
    numbers = np.unique(np.asarray(wanted, np.int64))
    empty = file.schema_arrow.empty_table()
    found = {name: [empty.column(name).to_numpy()] for name in empty.column_names}
    for group in range(file.num_row_groups):
        known = spans[group]
        if known is not None:
            first, last = np.searchsorted(numbers, [known[0], known[1] + 1])
            if first == last:
                continue
        part = group_of(file, group)
        keep = np.isin(part.column(0).to_numpy(), numbers)
        for name, pieces in found.items():
            pieces.append(part.column(name).to_numpy()[keep])
    return {name: np.concatenate(pieces) for name, pieces in found.items()}


def read_parts(
    file: Path, names: Iterable[str] | None = None, schema: pa.Schema | None = None
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Yield a table, or some of its columns, a group of rows at a time.

    Raises
    ------
    InputError
        If the file is missing or damaged, or lacks columns.
    """
    chosen = None if names is None else list(names)
    with opened(file, schema) as found:
        for group in range(found.num_row_groups):
            part = group_of(found, group, chosen)
            yield views(part)


@contextmanager
def opened(file: Path, schema: pa.Schema | None = None) -> Iterator[pq.ParquetFile]:
    """Open a table; whatever is wrong with it then is an InputError.

    Parameters
    ----------
    file
        Where it is.
    schema
        Columns that it must have, of these types; there may be more.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    try:
        with open_table(file, schema) as found:
            yield found
    except InputError:
        raise
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{file} is damaged: {reason}") from None


def open_table(file: Path, schema: pa.Schema | None = None) -> pq.ParquetFile:
    """Open a table that may be a stranger's; see ``opened``.

    Do not ask pyarrow what it knows of a column: of a damaged footer, that ends the
    process (pyarrow 26). ``sim.footers.spans`` tells it.

    Raises
    ------
    One of ``UNREADABLE``
        If it cannot be read, holds other than plain columns, claims to hold more than
        its size can explain, or lacks a column.
    """
    check_table(file)
    found = pq.ParquetFile(
        file,
        page_checksum_verification=True,
        thrift_string_size_limit=LONGEST_WORD,
        thrift_container_size_limit=LONGEST_LIST,
    )
    try:
        _check_columns(found.schema_arrow, schema)
    except BaseException:
        found.close()
        raise
    return found


def _check_columns(there: pa.Schema, wanted: pa.Schema | None) -> None:
    """Raise ValueError unless columns are plain, and those that must be are there."""
    if len(there.names) > MOST_COLUMNS or len(set(there.names)) < len(there.names):
        raise ValueError("it has too many columns, or two of one name")
    for field in there:
        kind = field.type.value_type if pa.types.is_list(field.type) else field.type
        if kind not in TYPES:
            raise ValueError(f"its column {field.name!r} holds {field.type}")
    for field in wanted or ():
        if field.name not in there.names:
            raise ValueError(f"it has no column {field.name!r}")
        held = there.field(field.name).type
        if held != field.type:
            told = f"its column {field.name!r} holds {held}, not {field.type}"
            raise ValueError(told)
