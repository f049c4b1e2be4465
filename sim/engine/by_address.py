"""Handing a compiled loop the address of its columns, in place of all of them.

To call a loop, numba looks at each array that it is handed, and unpacks it: for the
hundred and more columns of a society this takes as long as a loop over two hundred
people itself. So they are unpacked once, for all loops, into memory as numba lays it
out, and loops are handed the address. Once more when columns move, as when rows come.
"""

from __future__ import annotations

import hashlib
import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_getattr_generic,
    register_model,
)

from sim.utils.typing import Array

COLUMNS = ("agents", "ties", "day")  # the arguments that are handed over by address
GIVEN = ("decisions", "block", "day")  # the last arguments of a part, those it has
ROOM = 1 << 15  # bytes for what is unpacked
ALIGNED = 16  # bytes
BYTES = 8  # of a number
_making = threading.Lock()  # what several threads call first is made once


class Maker(Protocol):
    """What compiles a function."""

    def __call__(self, function: Callable[..., Any], is_part: bool = False) -> Any:
        """Return a compiled function; one that is a part is called by loops alone."""


class _Bound:
    """Numbers that parts find at an address, after that of their columns.

    Parameters
    ----------
    columns
        The address of columns, or 0.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._kept: dict[tuple[float, ...], tuple[Array, int]] = {}

    def at(self, values: tuple[float, ...]) -> int:
        """Return the address of numbers, which stay there."""
        found = self._kept.get(values)
        if found is None:
            memory = np.empty(1 + len(values), np.int64)
            memory[0], memory.view(np.float64)[1:] = self._columns, values
            found = self._kept[values] = memory, memory.ctypes.data
        return found[1]


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
        self.bound = _Bound(self.address)
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
        self._is_of_a_range = self._first == 2 and self._after == len(self._names)
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
        held = _known(agents, ties, day) or _held(agents, ties, day, self._unpack)
        entry = self._entries.get(held.kind)
        if entry is None:
            with _making:
                entry = self._entries.get(held.kind) or self._entry(held)
        if self._is_of_a_range:  # as most are, of short ones by the ten thousand
            entry(given[0], given[1], held.address, held.day_address)
            return
        places = held.address, held.day_address
        entry(*given[: self._first], *places, *given[self._after :])

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
        space = {"columns_at": _columns_at(columns), "day_at": _record_at(day)}
        space |= {"loop": self.part, "__name__": self.__module__}
        exec(compile(lines, self.py_func.__code__.co_filename, "exec"), space)
        entry = self._entries[held.kind] = self._make(space[name])
        return entry


class Part:
    """A function that compiled loops call at an address, compiled apart from them.

    A loop that changes does not let it be compiled anew, nor it the loop. It takes
    whole numbers, then columns, then some of ``GIVEN``, and returns a whole number. One
    more argument before all others, a tuple of numbers, is bound, as the columns are:
    loops hand them on unseen.

    Parameters
    ----------
    function
        What is compiled.
    make
        Compiles, without reference counts; what is no part may be called from C.
    unpack
        ``write``, compiled.

    Examples
    --------
    >>> where = blocks.talk(block, day)  # doctest: +SKIP
    >>> ended = call_at(where, (end, os_end, block, day))  # doctest: +SKIP
    """

    def __init__(self, function: Any, make: Maker, unpack: Callable[..., int]) -> None:
        self.py_func = function
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.__module__ = function.__module__
        self._names = list(inspect.signature(function).parameters)
        self._given = [name for name in self._names if name in GIVEN]
        self._takes_columns = COLUMNS[0] in self._names
        self._make, self._unpack = make, unpack
        self._addresses: dict[Any, int] = {}
        self._compiled_for: list[Any] = []  # kept alive, as is what is at an address
        self._bound = _Bound(0)

    def __call__(self, *given: Any) -> tuple[int, int]:
        """Return where it is, compiled for what it is given, and what is bound.

        Parameters
        ----------
        *given
            All arguments but the whole numbers.
        """
        last, before = given[-len(self._given) :], given[: -len(self._given)]
        day, held, bound = last[-1], None, self._bound
        if self._takes_columns:
            held = _held(before[-2], before[-1], day, self._unpack)
            before, bound = before[:-2], held.bound
        values = before[0] if before else ()
        kind = held.kind if held else day.dtype, len(values)
        address = self._addresses.get(kind)
        if address is None:
            with _making:
                address = self._addresses.get(kind)
                if address is None:
                    address = self._compiled(held, last, len(values))
                    self._addresses[kind] = address
        return address, bound.at(values)

    def _compiled(self, held: Unpacked | None, last: Sequence[Any], count: int) -> int:
        given = dict(zip(self._given, map(numba.typeof, last), strict=True))
        columns = COLUMNS[:2] if held else ()
        names = self._names[1:] if count else self._names
        names = [name for name in names if name not in columns]
        kinds = [given.get(name, types.int64) for name in names]
        of_columns = numba.typeof(held.columns) if held else types.none
        name = f"{self.__name__}_at_{_digest(of_columns, *kinds).hex()[:16]}"
        lines = []
        if held:
            lines.append("agents, ties = columns_at(columns_of(bound))")
        if count:
            lines.append(f"{self._names[0]} = values_at(bound + {BYTES})")
        # Last: an argument may be called as what was needed so far.
        lines.append(f"{', '.join(names)} = arguments_at(place)")
        lines.append(f"return function({', '.join(self._names)})")
        text = f"def {name}(place, bound):\n" + "".join(f"    {x}\n" for x in lines)
        space = {
            "arguments_at": _held_at(types.Tuple(kinds)),
            "columns_of": _held_at(types.int64),
            "values_at": _held_at(types.UniTuple(types.float64, count)),
            "function": self._make(self.py_func, is_part=True),
            "__name__": self.__module__,
        }
        if held:
            space["columns_at"] = _columns_at(of_columns)
        exec(compile(text, self.py_func.__code__.co_filename, "exec"), space)
        made = self._make(space[name])
        signature = types.int64(types.int64, types.int64)
        made.compile(signature)
        self._compiled_for.append(made)
        found = made.overloads[signature.args]
        return int(
            found.library.get_pointer_to_function(found.fndesc.llvm_cfunc_wrapper_name)
        )


@intrinsic  # type: ignore[untyped-decorator]
def call_at(_: Any, where: Any, arguments: Any) -> Any:
    """Call a ``Part`` with a tuple of its arguments; return what it returns.

    A part is compiled for named tuples by value.
    """
    by_value = types.Tuple(
        [one.tuple_type if isinstance(one, FieldsAt) else one for one in arguments]
    )

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        values = cgutils.unpack_tuple(builder, given[1])
        for i, one in enumerate(arguments):
            if isinstance(one, FieldsAt):
                values[i] = _loaded(context, builder, one.tuple_type, values[i])
        place = cgutils.alloca_once(builder, context.get_value_type(by_value))
        builder.store(context.make_tuple(builder, by_value, values), place)
        number = ir.IntType(64)
        address, bound = cgutils.unpack_tuple(builder, given[0])
        kind = ir.FunctionType(number, [number, number]).as_pointer()
        part = builder.inttoptr(address, kind)
        return builder.call(part, [builder.ptrtoint(place, number), bound])

    return types.int64(where, arguments), code


def _held_at(kind: Any) -> Any:
    """Return a function for loops, which returns what a loop holds at an address."""

    @intrinsic  # type: ignore[untyped-decorator]
    def held_at(_: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
            pointer = context.get_value_type(kind).as_pointer()
            return builder.load(builder.inttoptr(given[0], pointer))

        return kind(address), code

    return held_at


def _held(agents: Any, ties: Any, day: Any, unpack: Callable[..., int]) -> Unpacked:
    """Return columns as loops find them, and keep them where there is room."""
    held = _known(agents, ties, day)
    if held is not None:
        return held
    with _making:  # once: another thread may have been given an address in it
        held = _known(agents, ties, day)
        if held is None:
            held = Unpacked(agents, ties, unpack)
            held.take(day)
            if hasattr(agents, "__dict__"):
                agents.unpacked = held
    return held


def _known(agents: Any, ties: Any, day: Any) -> Unpacked | None:
    """Return columns as they were unpacked, unless they moved since."""
    held: Unpacked | None = getattr(agents, "unpacked", None)
    if held is not None and held.columns[1] is ties and held.day is day:
        return held
    return None


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


class FieldsAt(types.Type):  # type: ignore[misc]
    """The type of a named tuple that stays where it is: its address is handed on.

    A field is read where a loop asks for it. Handed on by value, the tuple of all
    columns takes longer to compile than most loops that use a few of them.

    Parameters
    ----------
    tuple_type
        The type of the named tuple.
    """

    def __init__(self, tuple_type: Any) -> None:
        self.tuple_type = tuple_type
        self.fields: tuple[str, ...] = tuple_type.fields
        super().__init__(f"at({tuple_type})")


@register_model(FieldsAt)
class _FieldsAtModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: FieldsAt) -> None:
        data = manager.lookup(kind.tuple_type).get_data_type()
        super().__init__(manager, kind, data.as_pointer())


@infer_getattr
class _FieldsAtAttributes(AttributeTemplate):  # type: ignore[misc]
    key = FieldsAt

    def generic_resolve(self, kind: FieldsAt, name: str) -> Any:
        if name not in kind.fields:
            return None
        field = kind.tuple_type.types[kind.fields.index(name)]
        return FieldsAt(field) if isinstance(field, types.NamedTuple) else field


@lower_getattr_generic(FieldsAt)  # type: ignore[untyped-decorator]
def _read_field(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    place = kind.fields.index(name)
    pointer = cgutils.gep_inbounds(builder, value, 0, place)
    field = kind.tuple_type.types[place]
    if isinstance(field, types.NamedTuple):
        return pointer
    return _loaded(context, builder, field, pointer)


def _loaded(context: Any, builder: Any, kind: Any, pointer: Any) -> Any:
    """Load what does not change while a loop runs, which the compiler may rely on."""
    block, before = builder.block, len(builder.block.instructions)
    value = context.unpack_value(builder, kind, pointer)
    nothing = builder.module.add_metadata([])
    for made in block.instructions[before:]:
        if isinstance(made, ir.LoadInstr):
            made.set_metadata("invariant.load", nothing)
    return value


def _columns_at(kinds: Any) -> Any:
    """Return a function for loops, which returns agents and ties at an address.

    Agents stay where they are. Ties are few columns, which every loop over them uses.
    """
    agents, ties = kinds.types
    handed_on = types.Tuple([FieldsAt(agents), ties])

    @intrinsic  # type: ignore[untyped-decorator]
    def columns_at(_: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
            data = context.get_data_type(kinds).as_pointer()
            pointer = builder.inttoptr(given[0], data)
            first = cgutils.gep_inbounds(builder, pointer, 0, 0)
            second = cgutils.gep_inbounds(builder, pointer, 0, 1)
            both = first, _loaded(context, builder, ties, second)
            return context.make_tuple(builder, handed_on, both)

        return handed_on(address), code

    return columns_at


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
