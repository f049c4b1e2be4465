"""Digests of the files of a run: taken when they are written, held against when read.

The provenance of a run lists the SHA-256 of every file of it but itself and figures;
a checkpoint lists those of its own tables.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sim.utils.errors import InputError
from sim.utils.provenance import LARGEST, is_sealed
from sim.utils.untrusted import open_file, read_json, resolve_inside

PROVENANCE = "provenance.json"
FILES = "files"  # where provenance lists them
FOLDERS = ("snapshots", "checkpoints", "mechanisms", "network")
OTHER_BYTES = "other bytes were written, as its SHA-256 says"


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a regular file, as 64 hex digits; OSError if it is none."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of files of a folder, by name."""
    return {name: digest_of_file(folder / name) for name in sorted(names)}


def files_of(folder: Path) -> list[str]:
    """Return the names of tables, checkpoints and mechanisms of a run, in order."""
    found = [file.name for file in folder.glob("[!.]*.parquet")]
    for name in FOLDERS:
        for file in (folder / name).rglob("*"):
            inside = file.relative_to(folder)
            if not file.is_dir() and not any(p.startswith(".") for p in inside.parts):
                found.append(inside.as_posix())
    return sorted(found)


def files_listed(folder: Path) -> Mapping[str, str] | None:
    """Return the SHA-256 of each file of a run, by name, as its provenance says.

    None is a run that is not finished, or whose provenance does not list them since
    it was made by an older version.

    Raises
    ------
    InputError, OSError, ValueError
        If there is provenance that is damaged.
    """
    file = folder / PROVENANCE
    try:
        known = os.stat(file)
    except FileNotFoundError:
        return None
    return _listed(str(file), _stamp(known))


@functools.lru_cache(maxsize=64)
def _listed(file: str, stamp: tuple[int, ...]) -> Mapping[str, str] | None:
    return listed_in(Path(file), read_json(Path(file), LARGEST))


def listed_in(file: Path, record: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return what a provenance record says of the files of its run.

    Raises
    ------
    InputError
        If the record is not as it was written.
    """
    found = record.get(FILES)
    if found is None and "digest" not in record:
        return None
    if not isinstance(found, dict) or not is_sealed(record):
        raise InputError(
            f"{file} is damaged (other values were written, as its digest says); "
            "run it again"
        )
    return found


def check_listed(folder: Path, name: str) -> str | None:
    """Return the SHA-256 that a file of a run must have; None if nobody knows.

    Raises
    ------
    InputError
        If it is not among the files of the run.
    """
    known = files_listed(folder)
    if known is None:
        return None
    if name not in known:
        raise InputError(
            f"{folder / name} is not of this run, whose {PROVENANCE} does not list "
            "it; move it away"
        )
    return str(known[name])


def check_file(folder: Path, name: str) -> None:
    """Raise InputError unless a file of a run is the one that was written.

    A file is read once for it and then known by its size and times, in this process.

    Raises
    ------
    ValueError, OSError
        If it is another one, or cannot be read.
    """
    expected = check_listed(folder, name)
    if expected is None:
        return
    path = resolve_inside(folder, name)
    if _digest(str(path), _stamp(os.stat(path))) != expected:
        raise ValueError(OTHER_BYTES)


@functools.lru_cache(maxsize=4096)
def _digest(path: str, stamp: tuple[int, ...]) -> str:
    return digest_of_file(Path(path))


def _stamp(known: os.stat_result) -> tuple[int, ...]:
    times = known.st_mtime_ns, known.st_ctime_ns
    return known.st_dev, known.st_ino, known.st_size, *times
