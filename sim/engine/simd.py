"""SIMD primitives for compiled loops: span copies, broadcasts, an 8x8 transpose.

Each of these is a few instructions that no loop over single numbers becomes. They move
numbers and work out nothing, so every processor writes the same; and they check
nothing: what they read and write must be there. Each has a plain loop that does the
same a number at a time, for releases of llvmlite that these instructions are not
written for.
"""

from __future__ import annotations

from typing import Any

import numba.extending
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types

from sim.engine.jit import inline_always, is_plain

SPAN = 16  # numbers that are copied or repeated at once
LINE = 64  # bytes that a processor fetches together
LANES = 8  # numbers in a row that is turned, and rows turned at once


def aligned(size: int, kind: Any) -> npt.NDArray[Any]:
    """Return that many zeros, which begin where a line of the processor's cache does.

    Else every other row of ``faces`` would need two lines.
    """
    width = np.dtype(kind).itemsize
    room = np.zeros(size * width + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    return room[first : first + size * width].view(kind)


def _start(context: Any, builder: Any, signature: Any, arguments: Any, at: int) -> Any:
    """Return where the array that is argument ``at`` begins."""
    view = context.make_array(signature.args[at])
    return view(context, builder, arguments[at]).data


def _load(builder: Any, start: Any, place: Any, count: int) -> Any:
    """Return the numbers that lie side by side from a place in an array on."""
    shape = ir.VectorType(start.type.pointee, count)
    where = builder.bitcast(builder.gep(start, [place]), shape.as_pointer())
    return builder.load(where, align=1)


def _store(builder: Any, numbers: Any, start: Any, place: Any) -> None:
    """Write numbers side by side from a place in an array on."""
    where = builder.bitcast(builder.gep(start, [place]), numbers.type.as_pointer())
    builder.store(numbers, where, align=1)


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def prefetch(_typing: Any, array: Any, _row: Any) -> Any:
    """Ask the processor to fetch a row of an array that will be read soon.

    It changes nothing but time: rows that lie anywhere are then waited for together.
    Asking for a row that is not there does no harm.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, known = signature.args[0], arguments[0]
        view = context.make_array(kind)(context, builder, known)
        rest = [context.get_constant(types.intp, 0)] * (kind.ndim - 1)
        row = context.cast(builder, arguments[1], signature.args[1], types.intp)
        place = cgutils.get_item_pointer(
            context, builder, kind, view, [row, *rest], wraparound=False
        )
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [byte], shape)
        place = builder.bitcast(place, byte)
        builder.call(ask, [place, flag(0), flag(3), flag(1)])  # to read, often, data
        return context.get_dummy_value()

    return types.void(array, _row), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def copy_span(_typing: Any, source: Any, _at: Any, target: Any, _to: Any) -> Any:
    """Copy ``SPAN`` numbers from a place (uint64) in an array to one in another.

    Integers may become wider.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = _start(context, builder, signature, arguments, 0)
        end = _start(context, builder, signature, arguments, 2)
        numbers = _load(builder, start, arguments[1], SPAN)
        if start.type != end.type:
            numbers = builder.zext(numbers, ir.VectorType(end.type.pointee, SPAN))
        _store(builder, numbers, end, arguments[3])
        return context.get_dummy_value()

    return types.void(source, _at, target, _to), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def broadcast(_typing: Any, _value: Any, target: Any, _to: Any) -> Any:
    """Write a number ``SPAN`` times from a place (uint64) in an array on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = context.cast(builder, arguments[0], signature.args[0], target.dtype)
        end = _start(context, builder, signature, arguments, 1)
        shape = ir.VectorType(value.type, SPAN)
        numbers = ir.Constant(shape, ir.Undefined)
        numbers = builder.insert_element(numbers, value, ir.IntType(32)(0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), SPAN), [0] * SPAN)
        numbers = builder.shuffle_vector(numbers, numbers, everywhere)
        _store(builder, numbers, end, arguments[2])
        return context.get_dummy_value()

    return types.void(_value, target, _to), generate


# Of two rows of eight, so far apart, which numbers the one and the other then hold.
TURNS = (
    (1, (0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15)),
    (2, (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)),
    (4, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)),
)


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def transpose8(
    _typing: Any, table: Any, rows: Any, columns: Any, at: Any, _apart: Any
) -> Any:
    """Write eight rows of eight numbers as columns that are ``apart`` from each other.

    Of ``table`` (float32[n, 8]) those rows whose numbers ``rows`` (uint32) holds from
    ``at`` on; ``columns`` (float32) is written from there on.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        known = context, builder, signature, arguments
        word, first = ir.IntType(64), arguments[3]
        lines = []
        for row in range(LANES):
            place = builder.gep(_start(*known, 1), [builder.add(first, word(row))])
            number = builder.zext(builder.load(place), word)
            place = builder.shl(number, word(3))
            lines.append(_load(builder, _start(*known, 0), place, LANES))
        for apart, low, high in TURNS:
            lines = _exchanged(builder, lines, apart, (low, high))
        for column, line in enumerate(lines):
            place = builder.add(first, builder.mul(arguments[4], word(column)))
            _store(builder, line, _start(*known, 2), place)
        return context.get_dummy_value()

    return types.void(table, rows, columns, at, _apart), generate


def _exchanged(builder: Any, lines: list[Any], apart: int, ways: Any) -> list[Any]:
    """Exchange numbers between rows that are ``apart``, a third of a turn."""
    found = list(lines)
    for row in range(len(lines)):
        if row & apart:
            continue
        for at, way in zip((row, row + apart), ways, strict=True):
            mask = ir.Constant(ir.VectorType(ir.IntType(32), len(way)), list(way))
            found[at] = builder.shuffle_vector(lines[row], lines[row + apart], mask)
    return found


# ------------------------------------------------------------------------ plain loops


@inline_always
def _prefetch(array: Any, row: Any) -> None:
    """Do nothing: the processor fetches a row when it is read."""


@inline_always
def _copy(source: Any, at: Any, target: Any, to: Any) -> None:
    """Do as ``copy`` does, a number at a time."""
    for n in range(np.uint64(SPAN)):
        target[to + n] = source[at + n]


@inline_always
def _repeat(value: Any, target: Any, to: Any) -> None:
    """Do as ``repeat`` does, a number at a time."""
    for n in range(np.uint64(SPAN)):
        target[to + n] = value


@inline_always
def _turn(table: Any, rows: Any, columns: Any, at: Any, apart: Any) -> None:
    """Do as ``turn`` does, a number at a time."""
    for column in range(np.uint64(LANES)):
        place = at + np.uint64(apart) * column
        for n in range(np.uint64(LANES)):
            columns[place + n] = table[rows[at + n], column]


if is_plain():
    prefetch, copy_span, broadcast, transpose8 = _prefetch, _copy, _repeat, _turn
