"""Locks in files, which end with the process that holds them."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from sim.utils.errors import InputError

LONGEST_SIGNATURE = 400  # bytes


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
            holder, _ = signature(file) or ("", "")
            raise InputError(refusal(holder or "unknown")) from None

    def release(self, remove: bool = True) -> None:
        """Let others have it, and remove its file; do nothing if it is released."""
        if self._lock.is_locked:
            if remove:
                with suppress(OSError):  # Windows removes it when it is released
                    self.file.unlink()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _sign(descriptor: int) -> None:
    """Write who has a lock, after its first byte, which Windows lets nobody read."""
    signed = f" {os.getpid()} {platform.node()}\n".encode()
    os.write(descriptor, signed)
    os.ftruncate(descriptor, len(signed))  # ext4 waits for the disk if it was emptied


def signature(file: Path) -> tuple[str, str] | None:
    """Return which process, of which machine, signed a lock last.

    Returns
    -------
    tuple of str, or None
        Both are empty where nobody has signed yet; None if this is no lock of ours, or
        cannot be read.
    """
    try:
        with open(file, "rb", buffering=0) as signed:
            signed.seek(1)
            told = signed.read(LONGEST_SIGNATURE).decode(errors="replace")
    except OSError:
        return None
    process, _, machine = told.strip().partition(" ")
    if process and not process.isdecimal():
        return None
    return process, machine
