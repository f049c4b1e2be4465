"""Loops that find their columns at an address: called once they moved, too."""

from __future__ import annotations

import copy
import pickle
from typing import Any, NamedTuple

import numpy as np

from sim.engine import by_address, jit
from sim.society import Society

DAY = np.dtype([("step", "i8"), ("share", "f8")])


class _Columns(NamedTuple):
    growth: Any


class Columns(_Columns):
    """Columns with room for what loops find at an address."""


class Ties(NamedTuple):
    closeness: Any


def add(first, last, agents, ties, day):  # type: ignore[no-untyped-def]
    for i in range(first, last):
        agents.growth[i] += day.step * ties.closeness[i]


def plainly(function: Any, is_part: bool = False) -> Any:
    options: Any = {"no_cpython_wrapper": True} if is_part else {}
    return jit.numba.njit(_nrt=False, **options)(function)


def loop() -> by_address.Loop:
    return by_address.Loop(add, plainly, plainly(by_address.write))


def today(step: int) -> Any:
    day = np.zeros(1, DAY)[0]
    day["step"] = step
    return day


def test_it_reads_and_writes_the_columns_themselves() -> None:
    agents, ties, day = Columns(np.zeros(3)), Ties(np.array([1.0, 2, 3])), today(2)
    run = loop()
    run(0, 3, agents, ties, day)
    assert agents.growth.tolist() == [2, 4, 6]
    day["step"] = 10  # a record changes from day to day, and is read where it is
    ties.closeness[0] = 0.0
    run(0, 2, agents, ties, day)
    assert agents.growth.tolist() == [2, 24, 6]


def test_columns_that_moved_are_found_where_they_are_now() -> None:
    agents, day, run = Columns(np.zeros(2)), today(1), loop()
    run(0, 2, agents, Ties(np.ones(2)), day)
    before = agents.unpacked  # type: ignore[attr-defined]
    run(0, 2, agents, Ties(np.full(2, 5.0)), day)
    assert agents.growth.tolist() == [6, 6]
    run(0, 2, Columns(agents.growth), Ties(np.ones(2)), today(100))
    assert agents.growth.tolist() == [106, 106]
    assert agents.unpacked is not before  # type: ignore[attr-defined]


def test_columns_of_other_types_are_compiled_for() -> None:
    day, run = today(1), loop()
    for kind in (np.float64, np.float32, np.float32):
        agents = Columns(np.zeros(2, kind))
        run(0, 2, agents, Ties(np.ones(2, kind)), day)
        assert agents.growth.tolist() == [1, 1]
    assert len(run.entries) == 2


def test_columns_without_room_are_unpacked_each_time() -> None:
    agents, run = _Columns(np.zeros(2)), loop()
    for _ in range(3):
        run(0, 2, agents, Ties(np.ones(2)), today(1))
    assert agents.growth.tolist() == [3, 3]


def test_only_loops_that_take_columns_side_by_side_find_them_so() -> None:
    assert by_address.takes_columns(add)
    assert not by_address.takes_columns(lambda rows, agents, day: None)
    assert not by_address.takes_columns(lambda day, agents, ties: None)
    assert isinstance(jit._kernel(add), by_address.Loop)


def test_a_copied_society_knows_no_address_of_the_first() -> None:
    society = Society("her", seed=1, humans=20)
    society.step()
    state = society.state
    assert state.agents is state.agents
    for copied in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        assert copied._agents is None  # nor are columns copied twice
        assert copied.agents is not state.agents
        assert not hasattr(copied.agents, "unpacked")
        assert copied.agents.humans is copied.humans.arrays


def test_new_oses_are_seen_by_loops() -> None:
    state = Society("her", seed=1, humans=20).state
    before = state.agents
    state.add_oses(100, owner=0)
    after = state.agents
    assert after is not before
    assert len(after.oses.growth) == 100
    assert len(after.faces) == 120


# ------------------------------------------------------------------------------ parts


class Block(NamedTuple):
    seen: Any


def add_up(first, bound, agents, ties, block, day):  # type: ignore[no-untyped-def]
    for i in range(first, len(agents.growth)):
        block.seen[i] = agents.growth[i] * ties.closeness[i] + day.step
    return bound


def scale(values, first, last, block, day):  # type: ignore[no-untyped-def]
    for i in range(first, last):
        block.seen[i] = values[0] * values[1] * day.share
    return last


def called(where, arguments):  # type: ignore[no-untyped-def]
    return by_address.call_at(where, arguments)


def to_call(function: Any, is_part: bool = False) -> Any:
    options: Any = {"no_cpython_wrapper": True} if is_part else {}
    return jit.numba.njit(_nrt=False, **options)(function)


def part(function: Any) -> by_address.Part:
    return by_address.Part(function, to_call, plainly(by_address.write))


def test_a_part_is_called_by_loops_at_its_address() -> None:
    agents, ties, day = Columns(np.ones(3)), Ties(np.array([1.0, 2, 3])), today(2)
    block, one, loop = Block(np.zeros(3)), part(add_up), plainly(called)
    where = one(agents, ties, block, day)
    assert loop(where, (1, 7, block, day)) == 7  # an argument may be called ``bound``
    assert block.seen.tolist() == [0, 4, 5]
    moved = one(agents, Ties(np.full(3, 10.0)), block, day)
    assert moved[0] == where[0]  # compiled once
    loop(moved, (0, 0, block, day))
    assert block.seen.tolist() == [12, 12, 12]


def test_numbers_are_bound_to_a_part() -> None:
    block, day, one, loop = Block(np.zeros(2)), today(1), part(scale), plainly(called)
    day["share"] = 0.5
    half, more = one((2.0, 3.0), block, day), one((20.0, 3.0), block, day)
    assert half[0] == more[0]
    assert loop(more, (0, 2, block, day)) == 2
    assert block.seen.tolist() == [30, 30]
    loop(half, (0, 1, block, day))
    assert block.seen.tolist() == [3, 30]
    assert one((2.0, 3.0), block, day) == half


class _Nested(NamedTuple):
    growth: Any
    chosen: Any


class Nested(_Nested):
    """Columns, and others among them."""


class Chosen(NamedTuple):
    step: Any
    share: Any


def take_chosen(first, decisions, block, day):  # type: ignore[no-untyped-def]
    for i in range(first, len(decisions.share)):
        block.seen[i] = decisions.step[i] + decisions.share[i]
    return len(decisions.step)


def hand_on(first, last, agents, ties, day, block, where):  # type: ignore[no-untyped-def]
    chosen = agents.chosen
    known = by_address.call_at(where, (first, chosen, block, day))
    for i in range(first, last):
        agents.growth[i] = known + agents.chosen.share[i] + chosen.step[i]


def test_columns_among_columns_stay_in_place_and_are_handed_to_parts() -> None:
    chosen, day = Chosen(np.arange(4), np.full(4, 0.5)), today(1)
    agents, block = Nested(np.zeros(4), chosen), Block(np.zeros(4))
    where = part(take_chosen)(chosen, block, day)
    run = by_address.Loop(hand_on, plainly, plainly(by_address.write))
    run(1, 4, agents, Ties(np.ones(4)), day, block, where)
    assert block.seen.tolist() == [0, 1.5, 2.5, 3.5]
    assert agents.growth.tolist() == [0, 5.5, 6.5, 7.5]
