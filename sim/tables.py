"""Columns in Parquet files: equal columns have equal bytes, whatever wrote them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sim.errors import InputError


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


def read_columns(file: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a table as arrays that may be changed.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    try:
        table = pq.read_table(file, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{file} is damaged: {reason}") from None
    return {
        name: np.array(table.column(name).to_numpy(), copy=True)
        for name in table.column_names
    }
