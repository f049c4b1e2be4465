"""Safe readers for untrusted files: bounded in size and depth, within one folder.

Whoever reads a file that somebody else may have written opens it here. What comes back
is bytes, or plain values; what is too large, too deep or no regular file is refused
before it costs memory or time.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import tomllib
import zlib
from collections.abc import Callable
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from sim.utils.errors import InputError
from sim.utils.files import open_at_once

DEEPEST = 32  # tables and lists within each other
LONGEST_NAME = 200  # characters of what becomes the name of a file or folder
ROOM = 2**26  # bytes that anything may unpack to, ...
MOST_TIMES = 100  # ... and so many times its size on top
PIECE = 2**16  # bytes unpacked at a time
PARTS = 1000  # of a file of few bytes

# What a dotted key looks like that is nested too deep; tomllib takes quadratic time.
_TOO_DOTTED = re.compile(
    rb"""(?<![\w\\-])  # not within a word, nor at a quote within quotes
    (?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""",
    re.VERBOSE,
)


def open_file(path: Path, flags: int = os.O_RDONLY) -> FileIO:
    """Open a regular file; never wait for a pipe, nor read a device without end.

    Raises
    ------
    OSError
        If it cannot be opened.
    InputError
        If it is no regular file.
    """
    try:
        number = open_at_once(path, flags)
    except ValueError:  # a name that no file system can hold
        raise InputError(f"{str(path)!r} is no name of a file") from None
    try:
        mode = os.fstat(number).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise InputError(f"{path} is not a file; name another")
        return FileIO(number, "r+" if flags & os.O_RDWR else "r")
    except BaseException:
        os.close(number)
        raise


def read_bytes(path: Path, most: int) -> bytes:
    """Return what is in a file, at most ``most`` bytes.

    Raises
    ------
    OSError
        If it cannot be read.
    InputError
        If it is no regular file, or larger.
    """
    with BufferedReader(open_file(path)) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise InputError(f"{path} is larger than such a file can be ({most} bytes)")
        return file.read(size)


def gunzip(raw: bytes) -> bytes:
    """Return what was compressed by gzip, in one part or several.

    Raises
    ------
    ValueError
        If it is damaged, or unpacks to more than ``ROOM`` and ``MOST_TIMES`` its
        size.
    """
    most = ROOM + MOST_TIMES * len(raw)
    pieces: list[bytes] = []
    at, parts = 0, PARTS + len(raw) // PIECE
    while at < len(raw) and raw[at]:
        at, most = _unzip_part(raw, at, most, pieces)
        parts -= 1
        if parts < 0:
            raise ValueError("it has too many parts")
    if raw[at:].strip(b"\0"):  # tapes are padded
        raise ValueError("more follows its end")
    return b"".join(pieces)


def _unzip_part(raw: bytes, at: int, most: int, pieces: list[bytes]) -> tuple[int, int]:
    """Unpack what begins at a byte; return where it ends, and how much may follow."""
    unpacker = zlib.decompressobj(wbits=31)
    while not unpacker.eof:
        piece = raw[at : at + PIECE]
        if not piece:
            raise ValueError("it ends in the middle")
        try:
            pieces.append(unpacker.decompress(piece, most + 1))
        except zlib.error as error:
            raise ValueError(str(error)) from None
        at += len(piece) - len(unpacker.unused_data) - len(unpacker.unconsumed_tail)
        most -= len(pieces[-1])
        if most < 0:
            raise ValueError("it unpacks to far more than its size")
    return at, most


def read_json(path: Path, most: int) -> Any:
    """Return the plain values in a file of JSON.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no JSON, or too large or deep.
    """
    return _plain(json.loads, read_bytes(path, most).decode("utf-8-sig"))


def parse_json(text: str) -> Any:
    """Return the plain values of JSON; ValueError if it is none, or too deep."""
    return _plain(json.loads, text)


def read_toml(path: Path, most: int) -> dict[str, Any]:
    """Return the plain values in a file of TOML.

    Raises
    ------
    InputError
        If it cannot be read, is no TOML, or is too large or deep; names the file.
    """
    try:
        raw = read_bytes(path, most)
        if _TOO_DOTTED.search(raw):
            raise ValueError("a key has too many dots")
        found: dict[str, Any] = _plain(tomllib.loads, raw.decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path} is not TOML: {error}") from None
    return found


def _plain(parse: Callable[[str], Any], text: str) -> Any:
    try:
        found = parse(text)
    except RecursionError:
        raise ValueError("its values are nested too deep") from None
    _refuse_extremes(found)
    return found


def _refuse_extremes(found: Any) -> None:
    """Raise ValueError if values are nested too deep, or no text or number can be so.

    JSON may hold halves of characters, and both formats numbers of any length, which
    no file and no column can hold later.
    """
    level = [found]
    for _ in range(DEEPEST + 1):
        within: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                within += value
                within += value.values()
            elif isinstance(value, list):
                within += value
            elif isinstance(value, str):
                value.encode()
            elif type(value) is int and not -(2**63) <= value < 2**63:
                raise ValueError("a number in it is too large")
        if not within:
            return
        level = within
    raise ValueError("its values are nested too deep")


def is_safe_name(text: str) -> bool:
    """Tell whether a text can be the name of a file or folder that it does not hide."""
    fits = 0 < len(text) <= LONGEST_NAME and not text.startswith(".")
    return fits and text.isprintable() and not set(text) & {"/", "\\"}


def resolve_inside(folder: Path, name: str) -> Path:
    """Return the path of ``name`` in ``folder``, if it does not lead out of it.

    Raises
    ------
    InputError
        If it does, by ``..``, from the root, or by a symbolic link.
    """
    path = folder / name
    try:
        leads = path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a loop of links, a name without end
        leads = False
    if not leads:
        raise InputError(f"{path} leads out of {folder}; put the file itself there")
    return path
