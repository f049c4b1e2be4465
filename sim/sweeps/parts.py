"""The outcomes of a run as a small Parquet file: whole, safe on disk, or not there."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sim.errors import InputError
from sim.files import sibling, sync_folder, writing
from sim.strangers import read_bytes
from sim.tables import UNREADABLE, read_table

FOLDER = "parts"
LARGEST = 10_000_000  # bytes of a part


def place(store: Path, run: str) -> Path:
    """Return where the part of a run is, in a store."""
    return store / FOLDER / run[:2] / f"{run}.parquet"


def as_bytes(run: str, seed: int, values: Mapping[str, float]) -> bytes:
    """Return a part: one row, with the run's hash, its seed and its outcomes."""
    columns: dict[str, Any] = {"run": pa.array([run]), "seed": pa.array([seed])}
    columns |= {n: pa.array([v], pa.float64()) for n, v in values.items()}
    stream = io.BytesIO()
    pq.write_table(
        pa.table(columns),
        stream,
        version="2.6",
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        write_page_checksum=True,
    )
    return stream.getvalue()


def digest_of(raw: bytes) -> str:
    """Return the SHA-256 of a part."""
    return hashlib.sha256(raw).hexdigest()


def write(file: Path, raw: bytes) -> None:
    """Write a part, so that after a crash it is there whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written: the disk is full, for example.
    """
    part = sibling(file, "part")
    with writing(file):
        if not file.parent.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(file.parent.parent)
        try:
            with open(part, "wb") as stream:
                stream.write(raw)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, file)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        sync_folder(file.parent)


def sweep_up(store: Path) -> None:
    """Remove what drivers that were killed have left half written."""
    for left in (store / FOLDER).glob("*/.*.part"):
        with suppress(OSError):
            left.unlink()


def read(file: Path, digest: str) -> dict[str, float]:
    """Return the outcomes in a part.

    Raises
    ------
    InputError
        If it is missing or not as it was written.
    """
    wrong = damage(file, digest)
    if wrong is not None:
        raise InputError(wrong)
    try:
        table = read_table(file)
    except UNREADABLE as error:
        raise InputError(f"part {file.name} cannot be read: {error}") from None
    if len(table) != 1:
        raise InputError(f"part {file.name} has {len(table)} rows in place of one")
    row: dict[str, Any] = table.to_pylist()[0]
    return {name: v for name, v in row.items() if name not in ("run", "seed")}


def damage(file: Path, digest: str) -> str | None:
    """Return what is wrong with a part, or None."""
    try:
        raw = read_bytes(file, LARGEST)
    except FileNotFoundError:
        return f"part {file.name} is missing"
    except OSError as error:
        return f"part {file.name} cannot be read: {error.strerror}"
    except InputError as error:
        return str(error)
    if digest_of(raw) != digest:
        return f"part {file.name} is damaged: {len(raw)} bytes, but not those written"
    return None
