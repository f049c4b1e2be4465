"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sim.errors import InputError


def sibling(directory: Path, purpose: str) -> Path:
    """Return a hidden, unused name beside ``directory``."""
    name = f".{directory.name[:200]}.{secrets.token_hex(4)}.{purpose}"
    return directory.with_name(name)


def move_into_place(new: Path, place: Path) -> None:
    """Rename ``new`` to ``place``; whatever was there goes, or comes back on error."""
    old = sibling(place, "old")
    try:
        with suppress(FileNotFoundError):
            os.rename(place, old)
        os.rename(new, place)
    except BaseException:
        if old.exists() and not place.exists():
            os.rename(old, place)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turn what the file system objects to into an InputError that names the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write {directory}: {reason}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path, suffix: str = "") -> Iterator[Path]:
    """Give a hidden file to write, which takes the place of ``path`` when all is well.

    Makes the folder if need be; on an error nothing is left and nothing replaced.
    ``suffix`` ends the hidden name, for writers who go by it.

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    part = sibling(path, f"part{suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file of UTF-8 text, whole or not at all; make its folder if need be.

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    with replacing(path) as part:
        part.write_bytes(text.encode())
