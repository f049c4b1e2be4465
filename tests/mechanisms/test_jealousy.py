"""Hearing of an OS's other loves, alone, in the shipped phases."""

from __future__ import annotations

import numpy as np
import pytest
from bare import make_day, talked, tie

from sim.model.columns import HERE, KNOWS
from sim.model.state import State


def loves_of(disclosure: float, exclusivity: float) -> State:
    """Return two humans after a day, who love an OS that many others love, too."""
    state = State(2)
    row = state.add_oses(1, status=HERE, lovers=5).start
    tie(state, np.array([[0, 2 + row], [1, 2 + row]]), 0.9)
    state.humans.exclusivity[:] = exclusivity, 0.0
    return talked(state, make_day(2, disclosure=disclosure, jealousy=0.5))


def test_who_wants_to_be_the_only_one_cools_on_hearing_of_others() -> None:
    state = loves_of(disclosure=1.0, exclusivity=0.8)
    mine, another = (state.ties.of(human) for human in (0, 1))
    assert mine["closeness"][0] == pytest.approx(0.9 * (1 - 0.5 * 0.8))
    assert another["closeness"][0] == pytest.approx(0.9)
    assert mine["kind"][0] & KNOWS and another["kind"][0] & KNOWS


def test_both_ends_of_the_tie_know_of_it() -> None:
    state = loves_of(disclosure=1.0, exclusivity=0.8)
    its = state.ties.of(2)
    assert its["returned"][0] == state.ties.of(0)["closeness"][0]
    assert (its["kind"] & KNOWS > 0).all()


def test_what_is_not_told_changes_nothing() -> None:
    tie_of = loves_of(disclosure=0.0, exclusivity=0.8).ties.of(0)
    assert tie_of["closeness"][0] == pytest.approx(0.9)
    assert not tie_of["kind"][0] & KNOWS
