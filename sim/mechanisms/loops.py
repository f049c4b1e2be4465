"""Compiled loops over the scalar functions of mechanisms, each kept by itself.

A loop is given the columns its process has declared, those it does not write as arrays
that cannot be written. So what is not declared does not compile, and no loop of the
model is compiled anew.
"""

from __future__ import annotations

import functools
import hashlib
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from numba.core.errors import NumbaError
from numba.extending import overload

from sim.engine import jit
from sim.mechanisms.factors import OwnFactor
from sim.utils.errors import InputError

if TYPE_CHECKING:
    from sim.mechanisms.mechanism import Mechanism, OwnProcess

F = TypeVar("F", bound=Callable[..., Any])


class Scope(NamedTuple):
    """All that a process of a mechanism may read and write.

    ``scope_type`` has the own tables of a mechanism besides, by their names.
    """

    humans: Any  # columns that are declared, arrays by name
    oses: Any
    ties: Any
    day: Any  # the record of the day: parameters of the model, n_humans, step
    my: Any  # parameters of the mechanism, keys of its streams


class NoColumns(NamedTuple):
    """What stands for a table of which nothing is declared."""

    nothing: int = 0


@functools.cache
def columns_type(names: tuple[str, ...]) -> Any:
    """Return the class of a named tuple of columns.

    It is found in this module by a name made of theirs: so the cache of compiled loops
    knows it again in another process.
    """
    return _tuple_type("Columns", names) if names else NoColumns


@functools.cache
def scope_type(tables: tuple[str, ...]) -> Any:
    """Return the class of the scope of a process that uses own tables."""
    return _tuple_type("Scope", (*Scope._fields, *tables)) if tables else Scope


def _tuple_type(kind: str, names: tuple[str, ...]) -> Any:
    digest = hashlib.sha256(" ".join(names).encode()).hexdigest()[:16]
    made: Any = NamedTuple(f"{kind}{digest}", [(name, Any) for name in names])  # type: ignore[misc]
    made.__module__ = __name__
    globals()[made.__name__] = made
    return made


def _each(first: int, last: int, s: Scope) -> None:
    """Run the function of a process for a range of rows; ``_function`` is put in."""
    for i in range(first, last):
        _function(i, s)  # type: ignore[name-defined] # noqa: F821


def _each_tie(first: int, last: int, s: Scope) -> None:
    """Run the function of a process for the ties of a range of agents."""
    for i in range(first, last):
        start = s.ties.start[i]
        for k in range(start, start + s.ties.degree[i]):
            _function(k, i, int(s.ties.neighbour[k]), s)  # type: ignore[name-defined] # noqa: F821


def run_plainly(process: OwnProcess, count: int, s: Any) -> Iterator[int]:
    """Run the function of a process as plain Python; yield whose turn comes."""
    for i in range(count):
        yield i
        if process.over != "ties":
            process.function(i, s)
            continue
        start = s.ties.start[i]
        for k in range(start, start + s.ties.degree[i]):
            process.function(k, i, int(s.ties.neighbour[k]), s)


def _fill(first: int, last: int, s: Scope, found: Any) -> None:
    """Write a factor for a range of rows; ``_function`` is put in."""
    for i in range(first, last):
        found[i] = _function(i, s)  # type: ignore[name-defined] # noqa: F821


@functools.cache
def compiled(mechanism: Mechanism, process: OwnProcess | OwnFactor) -> Any:
    """Return the loop of a process, ``loop(first, last, scope)``.

    That of a factor takes one more, float64[rows], to which it is written.

    It is compiled at its first call, and kept under the digest of the mechanism.
    """
    name = f"{process.name}_{mechanism.digest}".replace(".", "_")
    helper = jit.own_helper(_renamed(process.function, name))
    space = {"__name__": __name__, "_function": helper, "range": range, "int": int}
    each: Any = _each_tie if process.over == "ties" else _each
    if isinstance(process, OwnFactor):
        each = _fill
    loop = _renamed(types.FunctionType(each.__code__, space), f"each_{name}")
    return jit.own_kernel(loop, f"{process.name}-{mechanism.digest}")


def rule(function: F) -> F:
    """Let processes of mechanisms call a scalar function, which stays plain Python.

    Examples
    --------
    >>> from sim.mechanisms import rule
    >>> @rule
    ... def halved(number):
    ...     return 0.5 * number
    >>> halved(3.0)
    1.5
    """
    file = Path(function.__code__.co_filename)
    source = file.read_bytes() if file.is_file() else function.__code__.co_code
    digest = hashlib.sha256(source).hexdigest()[:16]
    renamed = _renamed(function, f"{function.__qualname__}_{digest}")

    def chosen(*given: Any, **named: Any) -> Any:
        return renamed

    options = {"_nrt": False, "error_model": "numpy", "boundscheck": True}
    overload(function, jit_options=options, strict=False)(chosen)
    return function


def _renamed(function: Any, name: str) -> Any:
    """Return a copy of a function that is known by a name in this module.

    What is compiled is kept under its module and name. A user's file may be a module
    of any name, so the cache would not find it again; and names of two files may be
    the same, so their machine code would be mixed up.
    """
    made = types.FunctionType(
        function.__code__,
        function.__globals__,
        name,
        function.__defaults__,
        function.__closure__,
    )
    made.__qualname__, made.__module__ = name, __name__
    return made


@rule
def slot_of(ties, agent, other):  # type: ignore[no-untyped-def]
    """Return where in columns of ties an agent's side of its tie with another is.

    It looks through the ties of the agent.

    Parameters
    ----------
    ties
        ``s.ties`` of a process that reads ``"ties.start"``, ``"ties.degree"`` and
        ``"ties.neighbour"``, as one over ties always does.
    agent, other
        Numbers of two agents.

    Returns
    -------
    int
        The slot, or -1 if there is no such tie.
    """
    for k in range(ties.start[agent], ties.start[agent] + ties.degree[agent]):
        if ties.neighbour[k] == other:
            return k
    return -1


_UNKNOWN = re.compile(r"Unknown attribute '(\w+)'")


def explained(process: OwnProcess | OwnFactor, error: BaseException) -> InputError:
    """Return what to raise for what went wrong in a process of a mechanism."""
    text = str(error)
    unknown = _UNKNOWN.search(text)
    if unknown is not None and isinstance(error, NumbaError):
        return undeclared(process, unknown.group(1))
    if "readonly array" in text or "read-only" in text:
        return InputError(
            f"{process.name} writes a column that it does not declare in writes="
        )
    if isinstance(error, IndexError):
        return InputError(f"{process.name} reads a row that there is not: {text}")
    kind = type(error).__name__
    what = "cannot be compiled" if isinstance(error, NumbaError) else f"broke ({kind})"
    return InputError(f"{process.name} {what}: {telling(text)}")


def undeclared(process: OwnProcess | OwnFactor, name: str) -> InputError:
    """Return what to raise for an attribute that a process's scope does not have."""
    known = ", ".join(process.reads) or "nothing"
    return InputError(
        f"{process.name} uses {name!r}, which is not there: declare columns in reads= "
        f"or writes= (it has {known}), parameters and streams in the mechanism"
    )


def telling(text: str) -> str:
    """Return the line of an error of numba that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    heads = ("Failed in nopython", "During: ", "File ", "def ", "- ", "<source")
    told = [line for line in lines if not line.startswith(heads)]
    wanted = [
        line for line in told if re.search("Untyped|No implement|Invalid|nsup", line)
    ]
    return (wanted or told or lines or ["no reason is given"])[0]
