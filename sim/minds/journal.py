"""A file of lines that only grows, that survives a kill, and that one writes at a time.

A line counts when it ends. What a kill or a full disk left of a line does not: it is
passed over by who reads, and removed by who goes on writing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Self

from sim.errors import InputError
from sim.files import Lock, sync_folder, writing
from sim.strangers import open_file

MOST_BYTES_OF_A_LINE = 2_000_000
MOST_BYTES_OF_A_FILE = 2**31


class Journal:
    """A journal that is open; use ``Journal.to_read`` or ``Journal.to_write``."""

    def __init__(self, path: Path, file: FileIO, lock: Lock | None = None) -> None:
        self.path = path
        self._file, self._lock = file, lock
        self._end = 0  # bytes of the whole lines that were read or written

    @classmethod
    def to_read(cls, path: Path) -> Self:
        """Open a journal, also one that somebody is writing.

        Raises
        ------
        InputError
            If there is no such file, or it cannot be read.
        """
        try:
            return cls(path, open_file(path, os.O_RDONLY))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot read {path}: {reason}") from error

    @classmethod
    def to_write(cls, path: Path) -> Self:
        """Open a journal to read and then to add to; make it if it is missing.

        Raises
        ------
        InputError
            If it cannot be written, or another process, or this one, is writing it.
        """
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open_file(path, os.O_RDWR | os.O_CREAT)
            try:
                lock = _locked(path)
            except BaseException:
                file.close()
                raise
            try:
                sync_folder(path.parent)
            except BaseException:
                file.close()
                lock.release()
                raise
        return cls(path, file, lock)

    def lines(self) -> Iterator[bytes]:
        """Yield the whole lines, each with its line break; read them before writing.

        A first line that is far too long is not yielded: this is another kind of file.

        Raises
        ------
        InputError
            If a later line, or the file, is far too long.
        """
        if os.fstat(self._file.fileno()).st_size > MOST_BYTES_OF_A_FILE:
            most = f"{MOST_BYTES_OF_A_FILE:,} bytes"
            raise InputError(f"{self.path} is larger than {most}; name another file")
        self._file.seek(0)
        self._end = number = 0
        reader = BufferedReader(self._file)
        while (line := reader.readline(MOST_BYTES_OF_A_LINE + 1)).endswith(b"\n"):
            number += 1
            self._end += len(line)
            yield line
        reader.detach()
        if number and len(line) > MOST_BYTES_OF_A_LINE:
            where = f"line {number + 1} of {self.path}"
            most = f"{MOST_BYTES_OF_A_LINE:,} bytes"
            raise InputError(f"{where} is longer than {most}; name another file")

    def rest(self) -> bytes:
        """Return what follows the last whole line that was read, if it is short."""
        self._file.seek(self._end)
        return self._file.read(MOST_BYTES_OF_A_LINE) or b""

    def trim(self) -> None:
        """Remove what follows the last whole line that was read or written."""
        with writing(self.path):
            self._file.truncate(self._end)

    def append(self, line: bytes) -> None:
        """Write a line, and see it to the disk.

        What an error leaves of it goes with the next line, or when the journal is
        opened to write again.

        Raises
        ------
        InputError
            If it cannot be written, or the file would be too long to be read again.
        """
        if self._end + len(line) > MOST_BYTES_OF_A_FILE:
            raise InputError(f"{self.path} is full; name another file")
        with writing(self.path):
            self._file.truncate(self._end)
            self._file.seek(self._end)
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        self._end += len(line)

    def close(self) -> None:
        """Close the file and let others write it."""
        self._file.close()
        if self._lock is not None:
            self._lock.release()


def _locked(path: Path) -> Lock:
    """Be the one writer of a journal, by whatever name it is known."""
    real = path.resolve()
    message = f"{path} is being written by another run; wait for it"
    place = real.with_name(f".{real.name[:200]}.lock")
    return Lock(place, lambda _: f"{message} or name another file")
