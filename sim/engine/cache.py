"""A cache of compiled loops that can cost time and nothing else.

numba trusts the files of its cache: one that is empty or cut, as after a power cut or
on a full disk, ends every later run; one with a flipped bit may give other results; and
one that somebody else wrote runs that person's code. Here each compiled loop is a file
of its own, and no index is shared. It begins with digests of what it was made from and
by (source, signature, processor, versions) and of all bytes. It is read only if nobody
else could have written it. What does not fit, or cannot be read or written, is compiled
anew, and one line on the log says so.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import sys
import threading
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import caching
from numba.core.serialize import dumps

from sim.engine import guard
from sim.utils.portable import strangers_access
from sim.utils.source import PACKAGE

LOG = logging.getLogger(__name__)
VARIABLE = "OS_SOCIETY_CACHE"
KIND = b"os-society loop"
SUFFIX = ".nbc"
# What may have made a loop; the processor is in numba's own key.
MAKERS = (numba.__version__, llvmlite.__version__, np.__version__)

_told: set[Path] = set()  # the folders of which something was logged
_naming = threading.Lock()  # numba has one name for the folder of all threads


def complain(folder: Path, reason: str) -> None:
    """Log, once a process for each folder, that loops are compiled anew."""
    if folder in _told:
        return
    _told.add(folder)
    LOG.warning(
        "os-society: the cache of compiled loops in %s %s; loops are compiled anew, "
        "which takes a minute (%s names another folder)",
        folder,
        reason,
        VARIABLE,
    )


def forget_complaints() -> None:
    """Let ``complain`` begin anew, as in a new process."""
    _told.clear()


def is_usable(folder: Path) -> bool:
    """Tell whether loops may be kept in a folder, which is made; if not, it is said."""
    if not folder.is_absolute():  # nobody knows this user's home: do not make a "~"
        complain(folder, "cannot be made: the home folder is not known")
        return False
    try:
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        for place in (folder.parent, folder):
            place.mkdir(mode=0o700, exist_ok=True)
        reason = strangers_access(folder.stat())
    except OSError as error:
        reason = f"cannot be made ({_said(error)})"
    if reason is not None:
        complain(folder, reason)
    return reason is None


class Distrusted(Exception):
    """A file of the cache that is not used, and why."""


class _SealedFiles:
    """The files of one function, one for each signature; numba names them by a key.

    Parameters
    ----------
    place
        Their folder.
    name
        How their names begin.
    stamp
        What tells one state of the function's source file from another.
    """

    def __init__(self, place: str, name: str, stamp: Any) -> None:
        self._place, self._name, self._stamp = Path(place), name, stamp

    def load(self, key: Any) -> Any:
        """Return what was kept under a key; None if there is nothing of this version.

        Raises
        ------
        OSError
            If it cannot be read.
        Distrusted
            If it is damaged, or may be somebody else's.
        """
        path = self._path(key)
        try:
            binding, body = unsealed(_read(path))
        except FileNotFoundError:
            return None
        if binding != self._binding(key, path):
            return None
        return pickle.loads(body)

    def save(self, key: Any, data: Any) -> None:
        """Keep something under a key; it appears whole or not at all."""
        path = self._path(key)
        body = dumps(data)
        head = _head(self._binding(key, path), body)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:16]}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            with open(os.open(part, flags, 0o600), "wb") as file:
                file.write(head + b"\n" + body)
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise

    def flush(self) -> None:
        """Remove what is kept of the function."""
        for path in self._place.glob(f"{self._name}.*{SUFFIX}"):
            path.unlink(missing_ok=True)

    def _path(self, key: Any) -> Path:
        name = _digest(MAKERS, self._stamp, key).decode()[:16]
        return self._place / f"{self._name}.{name}{SUFFIX}"

    def _binding(self, key: Any, path: Path) -> bytes:
        makers = (*MAKERS, sys.implementation.cache_tag)
        return _digest(path.name, makers, self._stamp, key)


def unsealed(raw: bytes) -> tuple[bytes, bytes]:
    """Return what a file of the cache is bound to, and what was kept in it.

    Raises
    ------
    Distrusted
        If any of its bytes is not as it was written.
    """
    head, _, body = raw.partition(b"\n")
    binding = head.split(b" ")[-2:][0]
    if head != _head(binding, body):
        raise Distrusted("has damaged files")
    return binding, body


def _head(binding: bytes, body: bytes) -> bytes:
    seal = hashlib.sha256(binding + b"\n" + body).hexdigest().encode()
    return b" ".join((KIND, binding, seal))


def _digest(*what: Any) -> bytes:
    return hashlib.sha256(repr(what).encode()).hexdigest().encode()


def _read(path: Path) -> bytes:
    """Return the bytes of a file that nobody else could have written."""
    with open(path, "rb") as file:
        reason = strangers_access(os.fstat(file.fileno()))
        if reason is not None:
            raise Distrusted(f"has a file that {reason}")
        return file.read()


class _PrivateLocator(caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """Where a function's files are: in a folder for this user alone.

    All copies of this package share what was compiled from the same source.
    """

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """Return a folder's name, which for this package does not tell where it is."""
        place = Path(py_file).absolute().parent
        if not place.is_relative_to(PACKAGE):
            return str(super().get_suitable_cache_subpath(py_file))
        return "-".join(("sim", *place.relative_to(PACKAGE).parts))

    def ensure_cache_path(self) -> None:
        """Make the folder."""
        place = Path(self.get_cache_path())
        place.mkdir(mode=0o700, exist_ok=True)
        reason = strangers_access(place.stat())
        if reason is not None:
            raise Distrusted(f"has a folder that {reason}")

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        """Return where a function's files are; None if it is in no file."""
        if not Path(py_file).exists():
            return None
        found = cls(py_func, py_file)
        found.ensure_cache_path()
        return found


class _InFolderOnly(caching.CompileResultCacheImpl):  # type: ignore[misc]
    """What finds the place of a function's files, beside its source never."""

    _locator_classes = (_PrivateLocator,)


class LoopCache(caching.FunctionCache):  # type: ignore[misc]
    """The cache of one function, whose faults are misses.

    Parameters
    ----------
    function
        The function, in the file of its source.
    folder
        Where it is kept, for what is logged; ``numba.config.CACHE_DIR`` names it, too.
    """

    _impl_class = _InFolderOnly

    def __init__(self, function: Any, folder: Path) -> None:
        super().__init__(function)
        self._folder = folder
        place = self._impl.locator
        self._cache_file = _SealedFiles(
            place.get_cache_path(), self._impl.filename_base, place.get_source_stamp()
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was compiled for a signature; None if there is nothing of use."""
        try:
            return super().load_overload(sig, target_context)
        except Distrusted as error:
            complain(self._folder, str(error))
        except Exception as error:
            complain(self._folder, f"cannot be read ({_said(error)})")
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for a signature, if that is possible.

        Nothing is kept once code was replaced: it would be found under a wrong name.
        """
        if guard.replaced():
            return
        try:
            super().save_overload(sig, data)
        except Distrusted as error:
            complain(self._folder, str(error))
        except Exception as error:
            complain(self._folder, f"cannot be written ({_said(error)})")


def keep(compiled: Any, function: Any, folder: Path) -> None:
    """Let a compiled function look for its loops in a folder, and keep them there.

    Where that cannot be it is compiled in each process, and a line says why.
    """
    with _naming:
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(folder)
        try:
            compiled._cache = LoopCache(function, folder)
        except Distrusted as error:
            complain(folder, str(error))
        except (OSError, RuntimeError) as error:
            complain(folder, f"cannot be used ({_said(error)})")
        finally:
            numba.config.CACHE_DIR = before


def _said(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(reason)
