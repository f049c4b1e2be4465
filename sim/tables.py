"""Columns in Parquet files: equal columns have equal bytes, whatever wrote them.

Files that are read may be anybody's. Their footers are held against their sizes before
a row is read, and only plain columns of the expected types are let in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sim.footers import check_table
from sim.strangers import open_file

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


def write_table(file: Path, table: pa.Table) -> None:
    """Write a table to a file that is on the disk when this returns."""
    with open(file, "wb") as stream:
        pq.write_table(
            table,
            stream,
            version="2.6",
            compression="zstd",
            compression_level=1,
            use_dictionary=False,
            row_group_size=2**20,
            store_schema=False,
            write_page_checksum=True,
        )
        stream.flush()
        os.fsync(stream.fileno())


def write_columns(file: Path, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays of one length as a table."""
    arrays = [pa.array(np.ascontiguousarray(c)) for c in columns.values()]
    write_table(file, pa.Table.from_arrays(arrays, names=list(columns)))


def open_table(file: Path) -> pq.ParquetFile:
    """Open a table that may be a stranger's, to see how many rows it claims to have.

    Use ``read_table`` to read it. Do not ask pyarrow what it knows of a column: of a
    damaged footer, that ends the process (pyarrow 26).

    Raises
    ------
    One of ``UNREADABLE``
        If it cannot be opened.
    """
    open_file(file).close()  # a pipe would be waited for
    return pq.ParquetFile(
        file,
        page_checksum_verification=True,
        thrift_string_size_limit=LONGEST_WORD,
        thrift_container_size_limit=LONGEST_LIST,
    )


def _check_columns(schema: pa.Schema) -> None:
    """Raise ValueError unless all columns are plain, and each has its own name."""
    if len(schema.names) > MOST_COLUMNS or len(set(schema.names)) < len(schema.names):
        raise ValueError("it has too many columns, or two of one name")
    for field in schema:
        kind = field.type.value_type if pa.types.is_list(field.type) else field.type
        if kind not in TYPES:
            raise ValueError(f"its column {field.name!r} holds {field.type}")


def read_table(file: Path, schema: pa.Schema | None = None) -> pa.Table:
    """Return a table that may be a stranger's.

    Parameters
    ----------
    file
        Where it is.
    schema
        Columns that it must have, of these types; there may be more.

    Raises
    ------
    One of ``UNREADABLE``
        If it cannot be read, holds other than plain columns, claims to hold more than
        its size can explain, or lacks a column; or if a column is of another type or
        has gaps where there can be none.
    """
    check_table(file)
    with open_table(file) as found:
        _check_columns(found.schema_arrow)
        table = found.read().replace_schema_metadata(None)
    table.validate(full=True)
    for field in schema or ():
        table = _with_column(table, field)
    for name in table.column_names:
        if name not in WITH_GAPS and table.column(name).null_count:
            raise ValueError(f"its column {name!r} has gaps")
    return table


def _with_column(table: pa.Table, field: pa.Field) -> pa.Table:
    """Return the table if it has a column, of any type if it has no rows."""
    at = table.schema.get_field_index(field.name)
    if at < 0:
        raise ValueError(f"it has no column {field.name!r}")
    held = table.schema.field(at).type
    if held != field.type and len(table):
        raise ValueError(f"its column {field.name!r} holds {held}, not {field.type}")
    return (
        table if len(table) else table.set_column(at, field, [pa.array([], field.type)])
    )


def as_arrays(table: pa.Table) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table as arrays that may be changed."""
    return {name: np.array(c, copy=True) for name, c in views(table).items()}


def views(table: pa.Table) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table as arrays to look at, copied only if need be."""
    return {name: table.column(name).to_numpy() for name in table.column_names}
