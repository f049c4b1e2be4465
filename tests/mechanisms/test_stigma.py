"""Stigma: who judges whom, each alone, in the shipped phases."""

from __future__ import annotations

import numpy as np
from bare import make_day, talked, tie

from sim.model.columns import HERE
from sim.model.state import State


def friends_of_a_lover(stigma: float, acceptance: float) -> float:
    """Return how close two friends are in the end, one of whom loves an OS."""
    state = State(2)
    tie(state, np.array([[0, 1]]), 0.5)
    row = state.add_oses(1, owner=0, status=HERE).start
    state.humans.os[0] = row
    tie(state, np.array([[0, 2 + row]]), 0.95)
    state.humans.acceptance[:] = 1.0, acceptance
    talked(state, make_day(2, stigma=stigma, warming=0.1, cooling=0.01), 60)
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
    talked(state, make_day(2, stigma=0.8, warmth_noise=0.0), 30)
    half = state.ties.of(0)
    assert half["closeness"][0] == half["returned"][0]
