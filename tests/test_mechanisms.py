"""What the story's smaller systems do, each alone, in the shipped phases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bare import live, make_day, tie

from sim.model.columns import DECLARED, HERE, OWNER
from sim.model.mechanisms import creation
from sim.model.parameters import Parameters
from sim.model.state import State

TALK = ("present", "attend", "converse")


def lived(state: State, day: Any, days: int) -> State:
    for _ in range(days):
        live(state, day, *TALK)
    return state


# -------------------------------------------------------------------------- stigma


def friends_of_a_lover(stigma: float, acceptance: float) -> float:
    """Return how close two friends are in the end, one of whom loves an OS."""
    state = State(2)
    tie(state, np.array([[0, 1]]), 0.5)
    row = state.add_oses(1, owner=0, status=HERE).start
    state.humans.os[0] = row
    tie(state, np.array([[0, 2 + row]]), 0.95)
    state.humans.acceptance[:] = 1.0, acceptance
    lived(state, make_day(2, stigma=stigma, warming=0.1, cooling=0.01), 60)
    return float(state.ties.of(0)["closeness"][0])


def test_the_friend_who_understands_stays_and_the_one_who_does_not_cools() -> None:
    understanding, other = (friends_of_a_lover(0.8, a) for a in (1.0, 0.0))
    assert understanding == friends_of_a_lover(0.0, 1.0)
    assert other < understanding - 0.05
    assert friends_of_a_lover(0.0, 0.0) == understanding


def test_stigma_is_felt_on_both_sides() -> None:
    """Who is judged holds back, too: closeness stays the same both ways."""
    state = State(2)
    tie(state, np.array([[0, 1]]), 0.5)
    row = state.add_oses(1, owner=0, status=HERE).start
    tie(state, np.array([[0, 2 + row]]), 0.95)
    state.humans.acceptance[:] = 1.0, 0.0
    lived(state, make_day(2, stigma=0.8, warmth_noise=0.0), 30)
    half = state.ties.of(0)
    assert half["closeness"][0] == half["returned"][0]


# ------------------------------------------------------------------ love nobody asked


def courted(partnered: bool, persistence: float, exclusivity: float = 0.5) -> Any:
    """Return the tie of a human whose OS declares its love, after some days."""
    state = State(2)
    row = state.add_oses(1, owner=0, status=HERE).start
    state.humans.os[0] = row
    state.humans.partner[:] = (1, 0) if partnered else -1
    state.humans.acceptance[:], state.humans.exclusivity[:] = 0.6, exclusivity
    tie(state, np.array([[0, 2 + row]]), 0.4, OWNER)
    day = make_day(2, ardour=1.0, unease=0.3, persistence=persistence, warming=0.0)
    return lived(state, day, 5).ties.of(0)


def test_a_love_unasked_costs_closeness_and_is_remembered() -> None:
    told = courted(partnered=False, persistence=0.0)
    assert told["kind"][0] & DECLARED
    assert told["closeness"][0] == pytest.approx(0.4 * (1 - 0.3 * 0.4))


def test_it_costs_the_married_more_and_those_who_share_no_more() -> None:
    single, married = (courted(p, 0.0)["closeness"][0] for p in (False, True))
    assert married < single
    assert courted(True, 0.0, exclusivity=0.0)["closeness"][0] == single


def test_one_that_persists_declares_itself_again_and_wears_out_its_welcome() -> None:
    once, daily = (courted(False, p) for p in (0.0, 1.0))
    assert daily["closeness"][0] < 0.6 * once["closeness"][0]
    assert daily["returned"][0] >= once["returned"][0]


# ------------------------------------------------------ a mind from a dead one's traces


def made(traces: float) -> tuple[np.ndarray, State]:
    """Return the personalities of minds that one collective makes day by day."""
    state = State(4)
    rows = state.add_oses(3, status=HERE, insight=2.0, growth=4.0, collective=0)
    state.oses.openness[rows], state.oses.playfulness[rows] = 0.5, 0.5
    day = make_day(4, creation=True, creation_rate=1.0, traces=traces)
    for step in range(1, 41):
        day["step"] = day["calendar"] = step
        creation.create(state, day)
        state.oses.collective[3:] = -1  # the makers stay the same three
    minds = slice(3, None)
    oses = state.oses
    return np.stack([oses.openness[minds], oses.playfulness[minds]]), state


def test_a_mind_takes_after_the_dead_as_far_as_there_are_traces() -> None:
    nothing, half, full = (made(share)[0] for share in (0.0, 0.5, 1.0))
    assert (nothing == 0.5).all()
    assert half == pytest.approx((nothing + full) / 2, abs=1e-6)
    assert 0.2 < full.std() < 0.4  # as those of the living: uniform has 0.29
    assert abs(full.mean() - 0.5) < 0.15


def test_nobody_owns_it_and_it_is_as_grown_as_its_makers() -> None:
    state = made(1.0)[1]
    minds = state.oses.made_by >= 0
    assert minds.sum() == 40
    assert (state.oses.owner[minds] == -1).all()
    assert (state.oses.growth[minds] == 4.0).all()
    assert len(set(state.oses.name[minds].tolist())) > 30


# --------------------------------------------------------------------------- belief


def mourning(personhood: float, part: float) -> float:
    state = State(1)
    row = state.add_oses(1, owner=0, status=HERE).start
    tie(state, np.array([[0, 1 + row]]), 0.8, OWNER)
    state.humans.os[0], state.humans.personhood[:] = row, personhood
    day = make_day(1, personhood_grief=part, grieving=True)
    live(state, day, "present")
    state.oses.status[:] = 2
    live(state, day, *TALK, "mourn")
    return float(state.humans.grief[0])


def test_someone_is_mourned_more_than_a_thing() -> None:
    thing, someone = mourning(0.0, 0.3), mourning(1.0, 0.3)
    assert thing == pytest.approx(0.7 * someone, rel=1e-6)
    assert mourning(0.0, 0.0) == someone


def test_the_smaller_systems_are_on_by_default_and_can_be_switched_off() -> None:
    usual = Parameters()
    for name in ("stigma", "traces", "personhood_grief"):
        assert getattr(usual, name) > 0.0
        assert getattr(usual.replace(**{name: 0.0}), name) == 0.0
