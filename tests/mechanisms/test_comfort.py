"""Shared grief, alone, in the shipped phases."""

from __future__ import annotations

import numpy as np
import pytest
from bare import make_day, talked, tie

from sim.model.state import State


def gained(own: float, others: float, **changes: float) -> float:
    """Return what a day's talk adds to the closeness of two who may grieve."""
    state = State(2)
    tie(state, np.array([[0, 1]]), 0.5)
    state.humans.grief[:] = own, others
    day = make_day(2, warming=0.05, **{"comforting": True, "comfort": 1.0} | changes)
    return float(talked(state, day).ties.of(0)["closeness"][0]) - 0.5


def test_two_who_grieve_grow_closer() -> None:
    usual = gained(0.0, 0.0)
    assert usual > 0.0
    assert gained(1.0, 1.0) == pytest.approx(usual * (1 + 1 / 1.5), rel=1e-3)


def test_grief_that_is_not_shared_helps_nobody() -> None:
    assert gained(1.0, 0.0) == gained(0.0, 0.0)
    assert gained(1.0, 1.0, comforting=False) == gained(0.0, 0.0)
