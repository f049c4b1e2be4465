"""Atomic files and folders: each appears whole or not at all.

What operating systems do differently with files is here, and nowhere else.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from sim.utils.errors import InputError


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


def sibling(directory: Path, purpose: str) -> Path:
    """Return a hidden, unused name beside ``directory``.

    Raises
    ------
    InputError
        If there can be nothing beside it, as with a root folder.
    """
    if not directory.name or "\0" in str(directory):
        raise InputError(f"{str(directory)!r} is no name of a file or folder")
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


class Lock:
    """The right to write something, until it is released or this process ends.

    It lies in a hidden file that goes with it. A process that is killed leaves the
    file, but not the lock.

    Parameters
    ----------
    file
        The file; its folder must be there.
    refusal
        Returns what to say if another process has the lock, or this one has; takes who.

    Raises
    ------
    InputError
        If somebody has it.
    OSError
        If there cannot be such a file.
    """

    def __init__(self, file: Path, refusal: Callable[[str], str]) -> None:
        import filelock  # late: it takes time

        is_native = filelock.has_fcntl or os.name == "nt"
        self.file = file
        self._lock = filelock.FileLock(
            file,
            blocking=False,
            thread_local=False,
            on_acquired=_sign if is_native else None,
        )
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise InputError(refusal(_signature(file))) from None

    def release(self) -> None:
        """Let others have it; do nothing if it is released."""
        if self._lock.is_locked:
            with suppress(OSError):  # Windows removes it when it is released
                self.file.unlink()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _sign(descriptor: int) -> None:
    """Write who has a lock, after its first byte, which Windows lets nobody read."""
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f" {os.getpid()}\n".encode())


def _signature(file: Path) -> str:
    with suppress(OSError), open(file, "rb", buffering=0) as signed:
        signed.seek(1)
        return signed.read(20).decode(errors="replace").strip() or "unknown"
    return "unknown"


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
