"""Atomic files and folders: each appears whole or not at all.

What operating systems do differently with files is here, in `sim.utils.publish` and
`sim.utils.locks`, and nowhere else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.utils.errors import InputError
from sim.utils.locks import Lock as Lock  # noqa: PLC0414 - it belongs here too
from sim.utils.publish import Draft, hidden, state_of, sweep


def expanded(path: str | Path) -> Path:
    """Return a path in which ``~`` is a home folder.

    Raises
    ------
    InputError
        If nobody has it, or no file can be called so.
    """
    if "\0" in str(path):
        raise InputError(f"{str(path)!r} is no name of a file")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(f"{str(path)!r} begins with a user that is not here") from None


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turn what the file system objects to into an InputError that names the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write {directory}: {reason}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe on disk, where a system lets one ask for it."""
    if os.name == "nt":  # folders cannot be opened; their changes are in a journal
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_at_once(path: Path, flags: int) -> int:
    """Open a file for bytes, for this process alone, and never wait for a pipe.

    Returns
    -------
    int
        A file descriptor.

    Raises
    ------
    OSError, ValueError
        If it cannot be opened, or no file can have that name.
    """
    for name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOINHERIT", "O_BINARY"):
        flags |= getattr(os, name, 0)
    return os.open(path, flags, 0o666)


@contextmanager
def replacing(path: Path, suffix: str = "") -> Iterator[Path]:
    """Give a hidden file to write, which takes the place of ``path`` when all is well.

    Makes the folder if need be; on an error nothing is left and nothing replaced. What
    was there when this began is replaced, be it a link: what that leads to stays.
    ``suffix`` ends the hidden name, for writers who go by it.

    Raises
    ------
    InputError
        If it cannot be written there, something other than a file is there, or
        something came there meanwhile: then what was written is kept beside it.
    """
    hidden(path, "part")  # says so if no file can be called like that
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
        seen = state_of(path)
        _refuse_no_file(path)
        draft = Draft(path, seen, suffix)
        try:
            yield draft.part
            draft.publish()
        finally:
            draft.discard()


def _refuse_no_file(path: Path) -> None:
    """Raise InputError if a folder or a device is at a path, or where it leads to."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise InputError(f"cannot write {path}: Is a directory; name a file in it")
    if not stat.S_ISREG(mode):
        raise InputError(f"cannot write {path}: it is not a file; name another")


def write_text(path: Path, text: str) -> None:
    """Write a file of UTF-8 text, whole or not at all; make its folder if need be.

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    with replacing(path) as part:
        part.write_bytes(text.encode())
