"""A love that nobody asked for, alone, in the shipped phases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bare import make_day, talked, tie

from sim.model.columns import DECLARED, HERE, OWNER
from sim.model.state import State


def courted(partnered: bool, persistence: float, exclusivity: float = 0.5) -> Any:
    """Return the tie of a human whose OS declares its love, after some days."""
    state = State(2)
    row = state.add_oses(1, owner=0, status=HERE).start
    state.humans.os[0] = row
    state.humans.partner[:] = (1, 0) if partnered else -1
    state.humans.acceptance[:], state.humans.exclusivity[:] = 0.6, exclusivity
    tie(state, np.array([[0, 2 + row]]), 0.4, OWNER)
    day = make_day(2, ardour=1.0, unease=0.3, persistence=persistence, warming=0.0)
    return talked(state, day, 5).ties.of(0)


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
