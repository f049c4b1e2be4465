"""Just-in-time compiling with numba, and a cache that never runs stale code.

numba's own cache notices an edit in the file that holds a compiled function, but not
in the files whose functions it inlined. So the cache folder is named by a digest of
all source that a loop could use: an edit there starts a new folder.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numba.extending
from llvmlite import ir

from sim.engine import by_address, cache, guard
from sim.utils.errors import InputError
from sim.utils.source import PACKAGE, digest_of

if numba.config.DISABLE_JIT:
    raise InputError(
        "NUMBA_DISABLE_JIT is set, but loops of the model run only when compiled; "
        "unset it (rules are plain Python functions and can be debugged as they are)"
    )

F = TypeVar("F", bound=Callable[..., Any])

# No reference counts, and no check at every division that the divisor is not zero:
# the ranges of the parameters see to that.
_LEAN: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}

# Nothing here is called from C, and a way in from there takes time to compile.
_PLAIN: dict[str, Any] = {"no_cfunc_wrapper": True}

_FUSED: dict[str, Any] = {"forceinline": True, **_PLAIN}

# Nor does the interpreter call a helper that is compiled as part of loops.
_HELPER: dict[str, Any] = {"no_cpython_wrapper": True, **_PLAIN, **_LEAN}

# What compiled loops of the model can depend on; a loop elsewhere calls only helpers of
# its own file, which numba's cache watches itself.
SOURCES = ("engine", "model")


@functools.cache
def loops_digest() -> str:
    """Return 16 hex digits that name the source of everything compiled loops use."""
    files = (file for name in SOURCES for file in (PACKAGE / name).rglob("*.py"))
    return digest_of(sorted(files))


def cache_folder() -> Path:
    """Return where this version's compiled loops are kept."""
    name = loops_digest() + ("-plain" if is_plain() else "")
    return _cache_root() / name


def _cache_root() -> Path:
    base = os.environ.get(cache.VARIABLE) or os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base).absolute() / "os-society"
    import platformdirs  # late: it is seldom needed, and takes time

    try:
        return platformdirs.user_cache_path("os-society", appauthor=False)
    except RuntimeError:  # a user without a home folder
        return Path("~", ".cache", "os-society")


@functools.cache
def is_plain() -> bool:
    """Tell whether loops do without instructions for several numbers at once.

    So it is if the environment has ``OS_SOCIETY_SIMD=off``, or llvmlite no longer says
    what a pointer points to. Results are the same, and come a little later.
    """
    asked = os.environ.get("OS_SOCIETY_SIMD", "").lower() == "off"
    return asked or not hasattr(ir.IntType(8).as_pointer(), "pointee")


_can_keep = functools.cache(cache.is_usable)


def _compiled(
    function: Callable[..., Any], folder: Path | None = None, **options: Any
) -> Callable[..., Any]:
    folder = folder or cache_folder()
    compiled = numba.njit(**(_PLAIN | options))(function)
    if _can_keep(folder):
        cache.keep(compiled, function, folder)
    return compiled  # type: ignore[no-any-return]


def compile_loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function so that numba compiles it at its first call, once per source.

    It runs without the interpreter's lock. Never with ``fastmath``: it makes sums
    depend on the processor.
    """
    return guard.note(_compiled(function, nogil=True))


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a loop of the model's day, to be compiled at its first call.

    It runs without the interpreter's lock, so Python threads can share out its range;
    and without reference counts, which cost ten times the work itself where columns
    are handed to helpers. So it cannot allocate: its caller hands it room to write.
    """
    return guard.note(_kernel(function))


def _kernel(
    function: Callable[..., Any], folder: Path | None = None
) -> Callable[..., Any]:
    """Return a compiled loop; one that takes columns finds them at an address."""
    if not by_address.takes_columns(function):
        return _compiled(function, folder, nogil=True, **_LEAN)

    def make(function: Callable[..., Any], is_part: bool = False) -> Any:
        if is_part:
            return numba.njit(**_HELPER)(function)
        return _compiled(function, folder, nogil=True, **_LEAN)

    return by_address.Loop(function, make, _unpack)


_unpack = _compiled(by_address.write, nogil=True)


def part(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate what loops of the model's day call at an address, compiled by itself.

    See ``sim.engine.by_address.Part``: it is compiled when it is first asked where it
    is, and a loop that calls it is not compiled anew when it changes.
    """
    return guard.note(_part(function))


def _part(
    function: Callable[..., Any], folder: Path | None = None
) -> Callable[..., Any]:
    def make(function: Callable[..., Any], is_part: bool = False) -> Any:
        if is_part:
            return numba.njit(**_HELPER)(function)
        options = {"nogil": True, "no_cfunc_wrapper": False}
        return _compiled(function, folder, **options, **_LEAN)

    return by_address.Part(function, make, _unpack)


def own_kernel(
    function: Callable[..., Any], name: str, is_checked: bool = True
) -> Callable[..., Any]:
    """Return a loop beside those of the model, compiled at its first call as they are.

    In a user's own loop indices are looked at, so that a wrong one is an error and not
    a wild read.

    Parameters
    ----------
    function
        The loop. What it calls must be compiled by ``own_helper``, or be a helper of
        the model.
    name
        Names all that the loop is made of beside the model, as a digest does: what is
        compiled is kept under this name, apart from the loops of the model.
    is_checked
        Whether indices are looked at.
    """
    place = _own_folder(name)
    return _compiled(function, place, nogil=True, boundscheck=is_checked, **_LEAN)


def _own_folder(name: str) -> Path:
    folder = cache_folder()
    return folder.with_name(f"{folder.name}-own") / name


def own_helper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a user's own scalar function as a part of whatever own loop calls it."""
    options = {"forceinline": True, "boundscheck": True, **_PLAIN, **_LEAN}
    return numba.njit(**options)(function)  # type: ignore[no-any-return]


def again(
    function: Callable[..., Any], decorator: str, name: str
) -> Callable[..., Any]:
    """Return a changed copy of a function of the model, as its decorator treats those.

    Parameters
    ----------
    function
        The copy, of a name that nothing else has.
    decorator
        The name of one in this module.
    name
        As for ``own_kernel``: a loop is kept under it, apart from those of the model.
    """
    if decorator in ("kernel", "part", "compile_loop"):
        place = _own_folder(name)
        if decorator == "kernel":
            return _kernel(function, place)
        if decorator == "part":
            return _part(function, place)
        return _compiled(function, place, nogil=True)
    if decorator in ("wraparound", "inline_source"):
        how = {"inline": "always"} if decorator == "inline_source" else _FUSED
        return numba.njit(**how, **_LEAN)(function)  # type: ignore[no-any-return]
    fused = {"forceinline": True} if decorator == "inline_always" else {}
    numba.extending.register_jitable(**fused, **_HELPER)(function)
    return function


def inline(function: F) -> F:
    """Decorate a helper that only kernels call; like them, it cannot allocate.

    To Python it stays a plain function: a compiled way in would take longer to compile
    than most helpers themselves.
    """
    numba.extending.register_jitable(**_HELPER)(function)
    return guard.note(function)


def inline_always(function: F) -> F:
    """Decorate a helper that becomes part of whatever loop calls it.

    A loop is worked out several elements at a time only if it calls nothing.
    """
    numba.extending.register_jitable(forceinline=True, **_HELPER)(function)
    return guard.note(function)


def wraparound(function: F) -> F:
    """Decorate a fused helper whose integers wrap around, called by Python or not."""
    compiled: F = numba.njit(**_FUSED, **_LEAN)(function)
    return guard.note(compiled)


def inline_source(function: F) -> F:
    """Decorate a helper whose source is written into whatever calls it."""
    compiled: F = numba.njit(inline="always", **_LEAN)(function)
    return guard.note(compiled)


def inline_by_type(choose: F) -> F:
    """Decorate what returns, for the types of its arguments, the helper of loops.

    So one source of a loop is compiled in two ways, and neither asks at run time which
    it is. Only loops call it.
    """
    numba.extending.overload(choose, jit_options=_HELPER)(choose)
    return guard.note(choose)


def rule(function: F) -> F:
    """Let compiled loops call a scalar rule, which stays a plain Python function."""
    numba.extending.register_jitable(**_HELPER)(function)
    return guard.note(function)
