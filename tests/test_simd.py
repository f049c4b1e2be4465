"""What a processor does to several numbers at once moves them, and changes none."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import copy as copies
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim.engine import simd
from sim.engine.jit import kernel
from sim.engine.simd import LANES, SPAN, aligned
from sim.engine.ties import Ties
from sim.model.state import State
from sim.society import Society


@kernel  # type: ignore[untyped-decorator]
def copied(source, at, target, to):
    """Call ``lanes.copy``."""
    simd.copy_span(source, np.uint64(at), target, np.uint64(to))


@kernel  # type: ignore[untyped-decorator]
def repeated(value, target, to):
    """Call ``lanes.repeat``."""
    simd.broadcast(value, target, np.uint64(to))


@kernel  # type: ignore[untyped-decorator]
def turned(table, rows, columns, at, apart):
    """Call ``lanes.turn``."""
    simd.transpose8(table, rows, columns, np.uint64(at), np.uint64(apart))


@pytest.mark.parametrize(
    ("source", "target"),
    [("f4", "f4"), ("i4", "u4"), ("u1", "u4")],
)
def test_a_span_is_copied_and_nothing_beside_it(source: str, target: str) -> None:
    numbers = np.arange(40, dtype=source) * 5
    found = np.full(40, 7, target)
    copied(numbers, 3, found, 9)
    assert found[9 : 9 + SPAN].tolist() == numbers[3 : 3 + SPAN].tolist()
    assert (found[:9] == 7).all()
    assert (found[9 + SPAN :] == 7).all()


def test_the_largest_numbers_stay_themselves() -> None:
    found = np.zeros(SPAN, np.uint32)
    copied(np.full(SPAN, 255, np.uint8), 0, found, 0)
    assert (found == 255).all()


@pytest.mark.parametrize(("value", "kind"), [(12, "u4"), (2.5, "f4")])
def test_a_number_is_repeated(value: float, kind: str) -> None:
    found = np.zeros(40, kind)
    repeated(value, found, 5)
    assert found.tolist() == [0] * 5 + [value] * SPAN + [0] * (35 - SPAN)


def test_rows_become_columns() -> None:
    table = np.random.default_rng(1).random((30, LANES), np.float32)
    rows = np.random.default_rng(2).integers(0, 30, 20).astype(np.uint32)
    found = np.zeros((LANES, 50), np.float32)
    turned(table, rows, found.reshape(-1), 6, 50)
    assert np.array_equal(found[:, 6:14], table[rows[6:14]].T)
    assert not found[:, :6].any()
    assert not found[:, 14:].any()


@pytest.mark.parametrize("size", [1, 15, 16, 1000])
def test_aligned_memory_begins_where_a_line_does(size: int) -> None:
    found = aligned(size, np.float32)
    assert (found.dtype, found.size, found.any()) == (np.float32, size, False)
    assert found.ctypes.data % 64 == 0


def test_no_face_lies_across_two_lines() -> None:
    state = State(11)
    assert state.faces.ctypes.data % 64 == 0
    state.add_oses(90)
    assert state.faces.ctypes.data % 64 == 0
    assert state.faces.strides == (32, 4)


def lived() -> Ties:
    """Return the ties of a society after some days."""
    society = Society("her", rng=1, humans=60)
    for _ in range(12):
        society.step()
    return society.state.ties


def compact(ties: Ties) -> Ties:
    """Lay its blocks side by side, with no room left at the end."""
    ties.compact()
    return ties


@pytest.mark.parametrize(
    "change",
    [
        lambda ties: ties,
        compact,
        copies.deepcopy,
        lambda t: pickle.loads(pickle.dumps(t)),
    ],
    ids=["as it is", "compacted", "copied", "pickled"],
)
def test_memory_goes_on_after_the_last_tie(change: Callable[[Ties], Any]) -> None:
    """Loops copy whole spans of ties, so the last may be read beyond its end."""
    ties = change(lived())
    for column in ties.arrays[:4]:
        room = column.base.nbytes - column.nbytes
        assert room >= SPAN * column.itemsize
