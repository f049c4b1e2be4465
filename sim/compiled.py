"""Compile loops with numba, and never run a stale one.

numba's own cache notices an edit in the file that holds a compiled function, but not
in the files whose functions it inlined. So the cache folder is named by a digest of
the whole package's source: any edit starts a new folder.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numba.extending

PACKAGE = Path(__file__).parent
F = TypeVar("F", bound=Callable[..., Any])

# No reference counts, and no check at every division that the divisor is not zero:
# the ranges of the parameters see to that.
_LEAN: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}


@functools.cache
def source_digest() -> str:
    """Return 16 hex digits that name this package's Python source."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0")
        digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return where this version's compiled loops are kept."""
    base = os.environ.get("OS_SOCIETY_CACHE") or os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "os-society" / source_digest()


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    finally:
        numba.config.CACHE_DIR = before


def compile_loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function so that numba compiles it at its first call, once per source.

    Never with ``fastmath``: it makes sums depend on the processor.
    """
    return _compiled(function)


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a loop of the model's day, to be compiled at its first call.

    It runs without the interpreter's lock, so Python threads can share out its range;
    and without reference counts, which cost ten times the work itself where columns
    are handed to helpers. So it cannot allocate: its caller hands it room to write.
    """
    return _compiled(function, nogil=True, **_LEAN)


def inline(function: F) -> F:
    """Decorate a helper that only kernels call; like them, it cannot allocate."""
    return numba.njit(**_LEAN)(function)  # type: ignore[no-any-return]


def rule(function: F) -> F:
    """Let compiled loops call a scalar rule, which stays a plain Python function."""
    numba.extending.register_jitable(**_LEAN)(function)
    return function
