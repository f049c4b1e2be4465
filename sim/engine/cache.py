"""A cache of compiled loops that can cost time and nothing else.

numba trusts the files of its cache: one that is empty or cut, as after a power cut or
on a full disk, ends every later run. Here each file begins with a digest of the rest.
What does not fit it, or cannot be read or written, is compiled anew, and one line on
the log says so.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import pickle
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

from sim.engine import guard

LOG = logging.getLogger(__name__)
VARIABLE = "OS_SOCIETY_CACHE"


@functools.cache
def complain(folder: Path, reason: str) -> None:
    """Log, once a process for each folder and reason, that loops are compiled anew."""
    LOG.warning(
        "os-society: the cache of compiled loops in %s %s; loops are compiled anew, "
        "which takes a minute (%s names another folder)",
        folder,
        reason,
        VARIABLE,
    )


class _SealedFiles(caching.IndexDataCacheFile):  # type: ignore[misc]
    """The files of one function: an index of signatures, and one for each of them."""

    def _load_index(self) -> dict[Any, str]:
        try:
            found = self._read(self._index_path)
        except OSError:
            return {}
        stamp, overloads = pickle.loads(found)
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, (self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        return pickle.loads(self._read(self._data_path(name)))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, path: str) -> bytes:
        """Return what is sealed in a file; OSError if there is nothing of use."""
        raw = Path(path).read_bytes()
        digest, _, body = raw.partition(b"\n")
        if digest != self._seal(body):
            if not raw.startswith(b"numba ") or raw.startswith(self._maker()):
                complain(Path(path).parents[1], "has damaged files")
            raise OSError("made by another version, or damaged")
        return body

    def _write(self, path: str, content: Any) -> None:
        body = self._dump(content)
        with self._open_for_write(path) as file:
            file.write(self._seal(body) + b"\n" + body)

    def _seal(self, body: bytes) -> bytes:
        return self._maker() + hashlib.sha256(body).hexdigest().encode()

    def _maker(self) -> bytes:
        return f"numba {numba.__version__} ".encode()


class _InFolderOnly(caching.CompileResultCacheImpl):  # type: ignore[misc]
    """What finds the place of a function's files, beside its source never."""

    _locator_classes = (caching.UserProvidedCacheLocator,)


class LoopCache(caching.FunctionCache):  # type: ignore[misc]
    """The cache of one function, whose faults are misses.

    Parameters
    ----------
    function
        The function, in the file of its source.
    folder
        Where it is kept, for what is logged; ``numba.config.CACHE_DIR`` names it, too.

    Raises
    ------
    RuntimeError
        If nothing can be kept there.
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
        except Exception as error:
            complain(self._folder, f"cannot be read ({_told(error)})")
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for a signature, if that is possible.

        Nothing is kept once code was replaced: it would be found under a wrong name.
        """
        if guard.replaced():
            return
        try:
            super().save_overload(sig, data)
        except Exception as error:
            complain(self._folder, f"cannot be written ({_told(error)})")


def _told(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(reason)
