"""What comes of what minds say of a talk: as much as they said, and only that."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from bare import make_day, tie
from quick import differing, lived
from saying import (
    CAST_COLUMNS,
    Says,
    a_day,
    closeness,
    couples,
    friends,
    pairs_of,
    with_cast,
)

from sim.engine import threads
from sim.model import processes, rules
from sim.model.columns import (
    CONTINUE,
    DECLARE,
    DECLARED,
    DEPARTED,
    GOODBYE,
    INTRODUCE,
    SEEK,
    UNINSTALLED,
    WITHDRAW,
)
from sim.model.encounters import (
    DEPARTURE,
    FAREWELL,
    FLAGS,
    GHOST,
    TALK,
    Cast,
    Observations,
    RuleMind,
    _half_edges,
    _tie_columns,
    write_letters,
)
from sim.model.state import State
from sim.society import Society

# --------------------------------------------------------------- nothing but the rules


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"size": 11, "talks": 3.5},
        {"size": None, "talks": 1.0, "ghost_writer": True},
        {"humans": (5, 100, 5)},
    ],
    ids=str,
)
def test_a_mind_that_adds_nothing_changes_nothing(options: dict[str, Any]) -> None:
    told = with_cast(130, Cast(RuleMind(), **options))
    assert set(differing(told.state, lived(130).state)) == CAST_COLUMNS


def test_a_cast_of_nobody_is_no_cast() -> None:
    mind = Says(GOODBYE)
    told = with_cast(40, Cast(mind, size=0, talks=9.0))
    assert not differing(told.state, lived(40).state)
    assert not mind.seen


def test_a_silent_cast_is_asked_nothing_about_talk() -> None:
    mind = Says(GOODBYE)
    told = with_cast(40, Cast(mind, size=None, talks=0.0))
    assert set(differing(told.state, lived(40).state)) == CAST_COLUMNS
    assert not mind.asked(TALK)


def test_the_same_on_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    one, two = (
        with_cast(60, Cast(Says(INTRODUCE, warmth=0.9), None, talks=1.0), threads=n)
        for n in (1, 2)
    )
    assert not differing(one.state, two.state)


# ------------------------------------------------------------------------------- talk


def test_a_mind_sees_who_talks_and_how_close_they_are() -> None:
    mind = Says()
    state = a_day(couples(3, 0.4), mind, 1)
    ((step, agent, other, known),) = mind.asked(TALK)
    assert (step, agent, other) == (1, 1, 4)
    assert known["closeness"] == known["returned"] == pytest.approx(0.4)
    assert known["hours"] == pytest.approx(state.humans.hours_oses[1])
    assert known["owner"] and not known["partner"]
    about = mind.seen[0].about(4)
    assert about["is_os"] and about["agent"] == 4 and about["owner"] == 1


def test_an_os_that_may_go_is_asked_about_the_tie_that_it_has() -> None:
    class Looks(Says):
        """Notes how close each who may go is to its owner, and what it is told."""

        def goes(self, seen: Observations) -> np.ndarray:
            for row, (one, owner) in enumerate(
                zip(seen.agents, seen.others, strict=True)
            ):
                told = seen.tie_of(row)
                near = closeness(lives.state, one, owner)
                assert bool(told["owner"]) == (owner >= 0)
                about[seen.kind].append((near, told))
            return super().goes(seen)

    about: dict[str, list[tuple[float, dict[str, float]]]] = defaultdict(list)
    cast = Cast(Looks(), size=None, talks=0.0)
    lives = with_cast(0, cast, humans=60, steps=300)
    while lives.running and not (len(about) == 2 and len(about[DEPARTURE]) > 3):
        lives.step()
    for known in about.values():
        assert len(known) > 3
        assert all(told["closeness"] == near for near, told in known)
        assert max(near for near, _ in known) > 0.3


def test_who_writes_is_told_the_tie_of_whom_the_letter_is_for() -> None:
    leaves, today = couples(1, 0.9), make_day(1)
    leaves.oses.status[0], leaves.oses.cast[0] = DEPARTED, 1
    leaves.oses.departed_step[0] = int(today["calendar"])
    turns = State(3)  # 0 turns back to 1; 2 is a friend of 0, and writes
    tie(turns, np.array([[0, 1]]), 0.9)
    tie(turns, np.array([[0, 2]]), 0.2)
    turns.humans.meets[0] = turns.humans.former[0] = 1
    turns.humans.cast[2] = 1
    for state, kind in ((leaves, FAREWELL), (turns, GHOST)):
        mind = Says()
        write_letters(state, today, Cast(mind, size=1, ghost_writer=True))
        ((*_, told),) = mind.asked(kind)
        assert told["closeness"] == told["returned"] == pytest.approx(0.9)


def test_an_os_without_an_owner_is_asked_about_nobody() -> None:
    state = couples(1)
    none = np.array([[1, -1]], np.int32)
    known = _tie_columns(state, _half_edges(state, none))
    assert {*known} == {"closeness", "returned", *FLAGS}
    assert not any(column.any() for column in known.values())


def test_talks_go_to_ties_by_their_hours() -> None:
    state, mind, day = State(3), Says(), make_day(3)
    for other, close in ((1, 0.8), (2, 0.2)):
        tie(state, np.array([[0, other]]), close)
    cast = Cast(mind, size=1, humans=[0], talks=1.0)
    for _ in range(400):
        processes.advance(state, day, cast=cast)
    talks = mind.asked(TALK)
    assert len(talks) == 400
    assert 0.75 < np.mean([other == 1 for _, _, other, _ in talks]) < 0.85


def test_two_talk_once_a_day_whoever_turns_to_whom() -> None:
    mind = Says()
    with_cast(60, Cast(mind, size=None, talks=1.0))
    talks = mind.asked(TALK)
    whom = [(step, *sorted((one, other))) for step, one, other, _ in talks]
    assert len(set(whom)) == len(whom) > 1000
    assert all(known["hours"] > 0.0 for *_, known in talks)


def test_there_are_as_many_talks_a_day_as_asked_for() -> None:
    for rate in (0.3, 1.6):
        mind = Says()
        cast = Cast(mind, size=12, humans=range(0, 120, 10), talks=rate)
        with_cast(100, cast)
        assert len(mind.asked(TALK)) == pytest.approx(12 * 100 * rate, rel=0.1)


def test_warmth_brings_the_speaker_closer_and_disclosure_the_other() -> None:
    noise = {"warming": 0.3, "warmth_noise": 0.5}

    def after(**said: Any) -> tuple[float, float]:
        state = a_day(friends(), Says(**said), 0, **noise)
        return closeness(state, 0, 1), closeness(state, 1, 0)

    cold, cool, warm = (after(warmth=w, disclosure=0.5) for w in (0.0, 0.5, 1.0))
    assert 0.5 < cold[0] < cool[0] < warm[0] < 0.8
    assert cold[1] == cool[1] == warm[1] == cool[0]
    shut, open_ = (after(warmth=0.5, disclosure=d) for d in (0.0, 1.0))
    assert shut == cold[::-1] and open_ == warm[::-1]
    by_chance = a_day(friends(), Says(), **noise)  # nobody is in the cast
    assert after() == (closeness(by_chance, 0, 1), closeness(by_chance, 1, 0))


def test_what_is_new_moves_who_hears_it() -> None:
    usual, dull, rich = (
        a_day(friends(), Says(**said), 0, warmth_noise=0.5).humans.stimulus.copy()
        for said in ({}, {"novelty": 0.0}, {"novelty": 1.0})
    )
    assert usual[0] == usual[1] == dull[0] == rich[0] > 0.0
    assert dull[1] / usual[1] == pytest.approx(0.5)
    assert rich[1] / usual[1] == pytest.approx(1.5)


def test_a_talk_that_is_not_held_is_not_had() -> None:
    said = Says(held=False, warmth=1.0, disclosure=1.0, novelty=1.0)
    state = a_day(friends(), said, 0, warming=0.3, cooling=0.1)
    assert closeness(state, 0, 1) == closeness(state, 1, 0) == pytest.approx(0.45)
    for column in ("hours_humans", "stimulus"):
        assert not state.humans.column(column).any()


# ------------------------------------------------------------------------------- acts


def test_one_who_withdraws_draws_back_alone() -> None:
    state = a_day(friends(), Says(WITHDRAW), 0, withdrawal=0.3)
    assert closeness(state, 0, 1) == pytest.approx(0.35)
    assert closeness(state, 1, 0) == 0.5


def test_a_goodbye_ends_a_tie_once_the_other_lets_go() -> None:
    state = a_day(friends(), Says(GOODBYE), 0)
    assert closeness(state, 0, 1) == 0.0
    assert closeness(state, 1, 0) == 0.5
    for _ in range(30):
        a_day(state, Says(), cooling=0.1, forgotten=0.05)
    assert not pairs_of(state)


def test_a_goodbye_to_one_who_does_not_care_ends_it_at_once() -> None:
    state = friends()
    state.ties.of(0)["returned"][:] = state.ties.of(1)["closeness"][:] = 0.01
    assert not pairs_of(a_day(state, Says(GOODBYE), 0, forgotten=0.05))


def test_who_owns_an_os_stays_tied_to_it_after_a_goodbye() -> None:
    state = a_day(couples(1), Says(GOODBYE), 0)
    for _ in range(60):
        a_day(state, Says(), cooling=0.2, forgotten=0.05)
    assert pairs_of(state) == {(0, 1)}
    assert closeness(state, 1, 0) < 0.05
    assert state.humans.os[0] == 0


def test_words_make_love_of_closeness_but_not_of_an_acquaintance() -> None:
    levels = {"close": 0.6, "love": 0.8}
    for before, after in ((0.65, 0.8), (0.9, 0.9), (0.3, 0.3)):
        state = a_day(friends(before), Says(DECLARE), 0, **levels)
        assert closeness(state, 0, 1) == pytest.approx(after)
        assert closeness(state, 1, 0) == pytest.approx(before)


@pytest.mark.parametrize(("loved", "costs"), [(0.3, True), (0.7, True), (0.9, False)])
def test_an_os_that_declares_love_may_cost_itself_closeness(
    loved: float, costs: bool
) -> None:
    state = couples(1, loved)
    state.humans.acceptance[0] = 0.4
    levels = {"unease": 0.5, "close": 0.6, "love": 0.8}
    a_day(state, Says(DECLARE), 1, **levels)
    left = rules.closeness_after_declaration(loved, 0.4, 0.0, 0.5) if costs else loved
    assert closeness(state, 0, 1) == pytest.approx(left)
    assert closeness(state, 1, 0) == pytest.approx(
        {0.3: 0.3, 0.7: 0.8, 0.9: 0.9}[loved]
    )
    assert state.ties.of(0)["kind"][0] & state.ties.of(1)["kind"][0] & DECLARED


def test_a_human_who_loves_their_os_makes_nobody_uneasy() -> None:
    state = a_day(couples(1, 0.7), Says(DECLARE), 0, unease=1.0, close=0.6, love=0.8)
    assert closeness(state, 0, 1) == pytest.approx(0.8)
    assert closeness(state, 1, 0) == pytest.approx(0.7)


SOCIABLE = {
    "meeting": True,
    "human_meeting": 0.0,
    "os_meeting": 0.0,
    "strangers": 0.0,
    "stranger_reserve": 1.0,  # some hours are left for somebody new
}


def trios(count: int) -> State:
    """Return speakers 0 .. count - 1, each with two friends who do not know others."""
    state = State(3 * count)
    speakers = np.arange(count)
    for nth in (1, 2):
        tie(state, np.stack([speakers, speakers + nth * count], 1), 0.3)
    return state


def test_a_friend_introduced_is_a_friend_of_who_introduces() -> None:
    before, mind = pairs_of(trios(60)), Says(INTRODUCE)
    new = pairs_of(a_day(trios(60), mind, *range(60), **SOCIABLE)) - before
    assert 5 < len(new) < 60  # some pick the listener themselves, not all take to it
    assert new <= {(60 + speaker, 120 + speaker) for speaker in range(60)}
    assert pairs_of(a_day(trios(60), Says(), *range(60), **SOCIABLE)) == before


def test_nobody_is_introduced_where_nobody_meets() -> None:
    closed = SOCIABLE | {"meeting": False}
    state = a_day(trios(60), Says(INTRODUCE), *range(60), **closed)
    assert pairs_of(state) == pairs_of(trios(60))


def test_an_os_that_seeks_peers_finds_oses() -> None:
    before = pairs_of(couples(60))
    anybody = SOCIABLE | {"strangers": 1.0}
    state = a_day(couples(60), Says(SEEK), *range(60, 90), **anybody)
    new = pairs_of(state) - before
    assert len(new) >= 3
    assert all(60 <= one < 120 and 60 <= other < 120 for one, other in new)
    assert all(min(one, other) < 90 for one, other in new)  # only those who seek


def test_a_human_who_seeks_finds_people() -> None:
    anybody = SOCIABLE | {"strangers": 1.0}
    state = a_day(couples(60), Says(SEEK), *range(30), **anybody)
    new = pairs_of(state) - pairs_of(couples(60))
    assert len(new) >= 3
    assert all(other < 60 for _, other in new)


def test_an_os_that_stops_today_meets_nobody_any_more() -> None:
    state = couples(60)
    state.humans.os[:30] = -1  # they let their OSes go, who do not know it yet
    mind = Says(SEEK)
    a_day(state, mind, *range(60, 120), **(SOCIABLE | {"strangers": 1.0}))
    assert len(mind.asked(TALK)) == 60
    assert (state.oses.status[:30] == UNINSTALLED).all()
    assert (state.oses.meets[:30] == -1).all()
    assert (state.oses.meets[30:] >= 0).any()


SAID: list[Says] = [
    Says(only=0, warmth=1.0),
    Says(only=0, warmth=0.0, disclosure=1.0, novelty=1.0),
    Says(DECLARE, only=0),
    Says(WITHDRAW, only=0),
    Says(GOODBYE, only=0),
]


@pytest.fixture(scope="module")
def morning() -> Society:
    """Return a society to which a day comes; tests live it in copies."""
    return lived(60)


def next_day(society: Society, mind: Any) -> State:
    """Return the state after one more day with a cast of everybody."""
    twin = copy.deepcopy(society)
    twin.cast = Cast(mind, size=None, talks=0.3)
    twin.step()
    return twin.state


def touched(one: State, other: State) -> set[int]:
    """Return the agents in whose columns, or in whose ties, two states differ."""
    n, found = one.humans.n, set()
    for table, first in (("humans", 0), ("oses", n)):
        left, right = getattr(one, table), getattr(other, table)
        for name in left.columns:
            rows = np.flatnonzero(left.column(name) != right.column(name))
            found |= set((rows + first).tolist())
    for agent in range(one.ties.agents):
        left, right = one.ties.of(agent), other.ties.of(agent)
        if any(left[name].tobytes() != right[name].tobytes() for name in left):
            found.add(agent)
    return found


@pytest.mark.parametrize("said", SAID, ids=lambda said: f"{said.act} {said.said}")
def test_on_its_day_a_talk_is_felt_by_the_two_and_nobody_else(
    morning: Society, said: Says
) -> None:
    by_rule, told = next_day(morning, RuleMind()), next_day(morning, said)
    _, one, other, _ = said.asked(TALK)[0]
    felt = touched(by_rule, told)
    assert felt <= {one, other}
    # Words make no love of an acquaintance.
    assert one in felt or said.act == DECLARE


# -------------------------------------------------------------------- after that day


@pytest.mark.parametrize("cast", [None, Cast(Says(WITHDRAW), size=0)])
def test_what_was_said_is_said_once(cast: Cast | None) -> None:
    state = a_day(friends(), Says(WITHDRAW), 0, withdrawal=0.3)
    state.humans.cast[:] = 0
    processes.advance(state, make_day(2), cast=cast)
    assert closeness(state, 0, 1) == pytest.approx(0.35)


def test_ties_show_no_trace_of_it() -> None:
    kinds = [
        with_cast(30, Cast(mind, size=None, talks=1.0)).state.ties.table()["kind"]
        for mind in (RuleMind(), Says(CONTINUE))
    ]
    assert (kinds[0] == kinds[1]).all()
    assert (kinds[0] < 32).all()


def test_whatever_is_said_closeness_stays_closeness() -> None:
    loud = Says(DECLARE, warmth=1.0, disclosure=1.0, novelty=1.0)
    quiet = Says(WITHDRAW, warmth=0.0, disclosure=0.0, novelty=0.0)
    for mind in (loud, quiet):
        state = with_cast(60, Cast(mind, size=None, talks=2.0)).state
        found = state.ties.table()["closeness"]
        assert (found >= 0.0).all() and (found <= 1.0).all()
        assert np.isfinite(state.oses.growth).all()
