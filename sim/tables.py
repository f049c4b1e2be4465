"""Columns in Parquet files: equal columns have equal bytes, whatever wrote them.

A table is written and read in groups of rows, so that it may be larger than memory;
where a group ends depends on the number of rows only.
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

Columns = Mapping[str, npt.NDArray[Any]]
Numbers = Sequence[int] | npt.NDArray[Any]

GROUP = 2**20  # rows in a group


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


def read_columns(file: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table as arrays that may be changed.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    with opened(file) as found:
        return columns_of(found)


def columns_of(file: pq.ParquetFile) -> dict[str, npt.NDArray[Any]]:
    """Return numbers as arrays that may be changed, read a group at a time."""
    rows, first = file.metadata.num_rows, 0
    columns = {
        field.name: np.empty(rows, field.type.to_pandas_dtype())
        for field in file.schema_arrow
    }
    for group in range(file.num_row_groups):
        part = file.read_row_group(group)
        for name, column in columns.items():
            column[first : first + len(part)] = part.column(name).to_numpy()
        first += len(part)
    return columns


def rows_of(file: pq.ParquetFile, wanted: Numbers) -> dict[str, npt.NDArray[Any]]:
    """Return the rows whose first column, which rises, is one of some numbers.

    Only groups that can hold one of them are read.
    """
    numbers = np.unique(np.asarray(wanted, np.int64))
    empty = file.schema_arrow.empty_table()
    found = {name: [empty.column(name).to_numpy()] for name in empty.column_names}
    for group in range(file.num_row_groups):
        known = file.metadata.row_group(group).column(0).statistics
        if known is not None and known.has_min_max:
            first, last = np.searchsorted(numbers, [known.min, known.max + 1])
            if first == last:
                continue
        part = file.read_row_group(group)
        keep = np.isin(part.column(0).to_numpy(), numbers)
        for name, pieces in found.items():
            pieces.append(part.column(name).to_numpy()[keep])
    return {name: np.concatenate(pieces) for name, pieces in found.items()}


def read_parts(
    file: Path, names: Iterable[str] | None = None
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Yield a table, or some of its columns, a group of rows at a time.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    chosen = None if names is None else list(names)
    with opened(file) as found:
        for group in range(found.num_row_groups):
            part = found.read_row_group(group, chosen)
            yield {name: part.column(name).to_numpy() for name in part.column_names}


@contextmanager
def opened(file: Path) -> Iterator[pq.ParquetFile]:
    """Open a table; whatever is wrong with it then is an InputError.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as found:
            yield found
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{file} is damaged: {reason}") from None
