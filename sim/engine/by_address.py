"""Handing a compiled loop the address of its columns, in place of all of them.

To call a loop, numba looks at each array that it is handed, and unpacks it: for the
hundred and more columns of a society this takes as long as a loop over two hundred
people itself. So they are unpacked once, for all loops, into memory as numba lays it
out, and loops are handed the address. Once more when columns move, as when rows come.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any, Protocol

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

COLUMNS = ("agents", "ties", "day")  # the arguments that are handed over by address
ROOM = 1 << 15  # bytes for what is unpacked
ALIGNED = 16  # bytes


class Maker(Protocol):
    """What compiles a function."""

    def __call__(self, function: Callable[..., Any], is_part: bool = False) -> Any:
        """Return a compiled function; one that is a part is called by loops alone."""


class Unpacked:
    """Columns of agents and of ties as loops find them, and where a day's record is.

    Parameters
    ----------
    agents, ties
        Named tuples of arrays, which are kept alive.
    unpack
        ``write``, compiled.
    """

    def __init__(self, agents: Any, ties: Any, unpack: Callable[..., int]) -> None:
        self.columns = agents, ties
        self._memory = np.empty(ROOM + ALIGNED, np.uint8)
        self.address = -(-self._memory.ctypes.data // ALIGNED) * ALIGNED
        self._number = unpack(self.address, self.columns)
        self.day: Any = None

    def take(self, day: Any) -> None:
        """Let loops find the record of a day."""
        self.day = day
        self.day_address: int = np.frombuffer(day, np.uint8).ctypes.data
        self.kind = self._number, day.dtype


class Loop:
    """A compiled loop whose columns are handed over by address; called as it is.

    Parameters
    ----------
    function
        What is compiled; ``COLUMNS`` are among its arguments, side by side.
    make
        Compiles, without reference counts: columns at an address are nobody's.
    unpack
        ``write``, compiled.
    """

    def __init__(self, function: Any, make: Maker, unpack: Callable[..., int]) -> None:
        self.py_func = function
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.__module__ = function.__module__
        self._names = list(inspect.signature(function).parameters)
        self._first = self._names.index(COLUMNS[0])
        self._after = self._first + len(COLUMNS)
        self._make, self._unpack = make, unpack
        self._part: Any = None
        self._entries: dict[Any, Any] = {}

    @property
    def part(self) -> Any:
        """What other compiled loops call, with columns as they have them."""
        if self._part is None:
            self._part = self._make(self.py_func, is_part=True)
        return self._part

    @property
    def entries(self) -> list[Any]:
        """What was compiled to be called: a function for each type of columns."""
        return list(self._entries.values())

    def __call__(self, *given: Any) -> None:
        """Run the loop, on arguments as the function takes them."""
        agents, ties, day = given[self._first : self._after]
        held: Unpacked | None = getattr(agents, "unpacked", None)
        if held is None or held.columns[1] is not ties or held.day is not day:
            held = self._unpacked(held, agents, ties, day)
        entry = self._entries.get(held.kind) or self._entry(held)
        places = held.address, held.day_address
        entry(*given[: self._first], *places, *given[self._after :])

    def _unpacked(
        self, held: Unpacked | None, agents: Any, ties: Any, day: Any
    ) -> Unpacked:
        """Return columns as loops find them, and keep them where there is room."""
        made = Unpacked(agents, ties, self._unpack)
        made.take(day)
        if hasattr(agents, "__dict__"):
            agents.unpacked = made
        return made

    def _entry(self, held: Unpacked) -> Any:
        """Return what runs the loop, given the addresses of columns and a day."""
        columns, day = numba.typeof(held.columns), numba.typeof(held.day)
        name = f"{self.__name__}_by_address_{_digest(columns, day).hex()[:16]}"
        before, after = self._names[: self._first], self._names[self._after :]
        lines = (
            f"def {name}({', '.join([*before, 'address', 'day_address', *after])}):\n"
            f"    agents, ties = columns_at(address)\n"
            f"    day = day_at(day_address)\n"
            f"    loop({', '.join(self._names)})\n"
        )
        space = {"columns_at": _value_at(columns), "day_at": _record_at(day)}
        space |= {"loop": self.part, "__name__": self.__module__}
        exec(compile(lines, self.py_func.__code__.co_filename, "exec"), space)
        entry = self._entries[held.kind] = self._make(space[name])
        return entry


def takes_columns(function: Callable[..., Any]) -> bool:
    """Tell whether ``COLUMNS`` are among a function's arguments, side by side."""
    names = tuple(inspect.signature(function).parameters)
    first = names.index(COLUMNS[0]) if COLUMNS[0] in names else len(names)
    return names[first : first + len(COLUMNS)] == COLUMNS


def write(address, value):  # type: ignore[no-untyped-def]
    """Write a value to an address, as numba lays it out; return what names its type.

    It is to be compiled.
    """
    return _write(address, value)


@intrinsic  # type: ignore[untyped-decorator]
def _write(_: Any, address: Any, value: Any) -> Any:
    number = int.from_bytes(_digest(value)[:8], "little", signed=True)

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        kind = context.get_data_type(value)
        if context.get_abi_sizeof(kind) > ROOM:
            raise ValueError(f"there is no room for columns of {kind}")
        place = builder.inttoptr(given[0], kind.as_pointer())
        context.pack_value(builder, value, given[1], place)
        return context.get_constant(types.int64, number)

    return types.int64(address, value), code


def _value_at(kind: Any) -> Any:
    """Return a function for loops, which returns the value of a type at an address."""

    @intrinsic  # type: ignore[untyped-decorator]
    def value_at(_: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
            pointer = context.get_data_type(kind).as_pointer()
            return context.unpack_value(
                builder, kind, builder.inttoptr(given[0], pointer)
            )

        return kind(address), code

    return value_at


def _record_at(kind: Any) -> Any:
    """Return a function for loops, which returns the record at an address, itself."""

    @intrinsic  # type: ignore[untyped-decorator]
    def record_at(_: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
            return builder.inttoptr(given[0], context.get_value_type(kind))

        return kind(address), code

    return record_at


def _digest(*kinds: Any) -> bytes:
    return hashlib.sha256(repr([str(kind) for kind in kinds]).encode()).digest()
