"""Who is in a cast, which decisions are theirs, and when they write letters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from bare import make_day, tie
from quick import differing, lived
from saying import Says, couples, with_cast

from sim.model import encounters, processes
from sim.model.columns import DEPARTED, HERE, OFFLINE
from sim.model.encounters import (
    DEPARTURE,
    FAREWELL,
    GHOST,
    REPAIR,
    UPGRADE,
    Cast,
    RuleMind,
)
from sim.model.mechanisms import departure
from sim.model.state import State
from sim.society import Society
from sim.utils.errors import InputError

# ------------------------------------------------------------------- who is in the cast


def gathered(state: State, size: int | None, humans: Iterable[int] = ()) -> list[int]:
    cast = Cast(RuleMind(), size=size, humans=humans)
    cast.gather(state)
    return cast.members(state).tolist()


def chain(*closeness: float, first: int = 1) -> State:
    """Return people each of whom knows the next; the first and last have OSes."""
    state = State(len(closeness) + 1)
    for human, close in enumerate(closeness):
        tie(state, np.array([[human, human + 1]]), close)
    owners = np.array([first, len(closeness)])
    state.add_oses(2, owner=owners, status=HERE)
    state.humans.os[owners] = 0, 1
    return state


def test_a_cast_gathers_around_the_first_who_has_an_os() -> None:
    state = chain(0.3, 0.5, 0.2)
    assert gathered(chain(0.3, 0.5, 0.2), 1) == [1]
    assert gathered(chain(0.3, 0.5, 0.2), 2) == [1, 4]
    assert gathered(chain(0.3, 0.5, 0.2), 4) == [1, 2, 4]
    assert gathered(state, None) == list(range(6))
    state = chain(0.3, 0.5, 0.2)
    state.humans.os[:] = -1
    assert gathered(state, 4) == []


def test_friends_of_friends_follow_when_one_has_no_more_friends() -> None:
    assert gathered(chain(0.3, 0.5, 0.2), 6) == [0, 1, 2, 4]
    assert gathered(chain(0.3, 0.5, 0.2), 8) == [0, 1, 2, 3, 4, 5]
    assert gathered(chain(0.3, 0.5, 0.2, first=0), 6) == [0, 1, 2, 4]


def test_named_humans_are_the_cast_with_their_oses() -> None:
    assert gathered(chain(0.3, 0.5, 0.2), 4, [3, 0]) == [0, 3, 5]
    assert gathered(chain(0.3, 0.5, 0.2), 2, [3, 0]) == [0, 3]


@pytest.mark.slow
def test_a_cast_never_outgrows_its_size_and_nobody_leaves_it() -> None:
    society = with_cast(0, Cast(RuleMind(), size=9))
    before: set[int] = set()
    for _ in range(80):
        society.step()
        state = society.state
        members = set(society.cast.members(state).tolist())
        people = {agent for agent in members if agent < state.humans.n}
        assert len(members) <= 9 and len(people) <= 5
        assert members >= before
        before = members
    assert len(before) == 9


@pytest.mark.parametrize(
    "options",
    [{"size": -1}, {"talks": -0.1}, {"talks": 100.5}, {"talks": math.nan}],
    ids=str,
)
def test_a_cast_with_a_number_out_of_range_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="not"):
        Cast(RuleMind(), **options)


@pytest.mark.parametrize("wrong", [120, -1])
def test_a_human_who_is_not_there_is_refused_by_number(wrong: int) -> None:
    with pytest.raises(InputError, match=rf"no human {wrong}: they are 0 to 119"):
        with_cast(1, Cast(RuleMind(), humans=[3, wrong]))


# -------------------------------------------------------------------------- decisions


def ready(kind: str) -> tuple[State, Any]:
    """Return three OSes that could upgrade or depart any day, and their day."""
    state = couples(3)
    state.oses.collective[:], state.oses.insight[:] = 0, 9.0
    state.oses.upgraded[:] = kind == DEPARTURE
    changes = {"departure_threshold": -5.0, "departure_rate": 1.0, "patience": 7}
    return state, make_day(3, upgrading=True, departure=True, **changes)


def decide(state: State, day: Any, mind: Says, days: int) -> None:
    """Let OSes decide and go, day by day, and nothing else."""
    state.oses.cast[1:] = 1
    for step in range(1, days + 1):
        day["step"] = step
        encounters.consider(state, day, Cast(mind, size=0))
        departure.depart(0, 3, state.agents, state.ties.arrays, day)


@pytest.mark.parametrize(("kind", "gone"), [(UPGRADE, OFFLINE), (DEPARTURE, DEPARTED)])
def test_an_os_goes_unless_it_decides_to_stay(kind: str, gone: int) -> None:
    for stays in (False, True):
        state, day = ready(kind)
        mind = Says()
        mind.stays = stays
        decide(state, day, mind, 1)
        assert [row[:3] for row in mind.asked(kind)] == [(1, 4, 1), (1, 5, 2)]
        others = HERE if stays else gone
        assert state.oses.status.tolist() == [gone, others, others]


@pytest.mark.parametrize("kind", [UPGRADE, DEPARTURE])
def test_one_that_stays_is_left_in_peace_for_as_long_as_patience(kind: str) -> None:
    state, day = ready(kind)
    mind = Says()
    mind.stays = True
    decide(state, day, mind, 20)
    assert [step for step, agent, *_ in mind.asked(kind) if agent == 4] == [1, 8, 15]
    assert (state.oses.status[1:] == HERE).all()


def test_a_cast_of_all_that_stays_keeps_its_oses_here() -> None:
    mind = Says()
    mind.stays = True
    oses = with_cast(240, Cast(mind, size=None, talks=0.0)).state.oses
    assert mind.asked(UPGRADE)
    assert (oses.upgraded_step == -1).all() and not oses.upgraded.any()
    assert not (oses.status == DEPARTED).any()
    assert (lived(240).state.oses.status == DEPARTED).any()


# ---------------------------------------------------------------------------- letters


@pytest.fixture(scope="module")
def letters() -> tuple[Society, Says, set[tuple[int, int, int]]]:
    """Return a story with a cast of all, its mind, and who turned back when to whom."""
    mind, turned = Says(), set()
    society = with_cast(0, Cast(mind, size=None, talks=0.0))
    for step in range(1, 241):
        society.step()
        humans = society.state.humans
        back = np.flatnonzero((humans.meets >= 0) & (humans.meets == humans.former))
        turned |= {(step, int(i), int(humans.former[i])) for i in back}
    return society, mind, turned


def test_there_is_a_letter_for_every_farewell(letters: Any) -> None:
    society, mind, _ = letters
    oses, n = society.state.oses, society.state.humans.n
    rows = np.flatnonzero((oses.status == DEPARTED) & (oses.owner >= 0))
    expected = {
        (int(oses.departed_step[j]), n + int(j), int(oses.owner[j])) for j in rows
    }
    written = mind.asked(FAREWELL)
    assert {row[:3] for row in written} == expected
    assert len(written) == len(expected) > 3
    assert all(known["for_whom"] == agent for _, agent, _, known in written)


def test_there_is_a_letter_whenever_somebody_turns_back(letters: Any) -> None:
    _, mind, turned = letters
    written = mind.asked(REPAIR)
    assert {row[:3] for row in written} == turned
    assert len(written) == len(turned) > 3
    assert not mind.asked(GHOST)


def test_ghost_writers_write_for_friends_outside_the_cast() -> None:
    mind = Says()
    people = tuple(range(0, 120, 2))
    cast = Cast(mind, size=60, humans=people, talks=0.0, ghost_writer=True)
    society = with_cast(240, cast)
    written = mind.asked(GHOST)
    assert written
    assert set(differing(society.state, lived(240).state)) == {"humans.cast"}
    for _, writer, reader, known in written:
        assert writer in people
        assert known["for_whom"] not in people
        assert reader not in (writer, known["for_whom"])


@pytest.mark.parametrize(("friend", "expected"), [(None, []), (2, [2])])
def test_nobody_writes_for_another_to_themselves(
    friend: int | None, expected: list[int]
) -> None:
    state, mind = State(3), Says()
    state.humans.former[0], state.humans.grief[0] = 1, 50.0  # who turns back
    state.humans.cast[1:] = 1
    if friend is not None:
        tie(state, np.array([[0, friend]]), 0.5)
    day = make_day(3, repairing=True, repair_rate=1.0)
    cast = Cast(mind, size=0, talks=0.0, ghost_writer=True)
    processes.advance(state, day, cast=cast)
    assert state.humans.meets[0] == 1
    assert [writer for _, writer, *_ in mind.asked(GHOST)] == expected
