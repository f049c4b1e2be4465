"""A long farewell, alone, in the shipped phases."""

from __future__ import annotations

import numpy as np
import pytest
from bare import make_day, talked, tie

from sim.model.columns import HERE
from sim.model.state import State


def parted(upgraded: int, anticipation: float) -> tuple[float, float]:
    """Return closeness to an OS after a day of farewell, and what counts as lost."""
    state = State(1)
    row = state.add_oses(1, status=HERE, upgraded=upgraded).start
    tie(state, np.array([[0, 1 + row]]), 0.8)
    talked(state, make_day(1, farewell=0.25, anticipation=anticipation))
    return float(state.ties.of(0)["closeness"][0]), float(state.humans.lost[0])


def test_who_will_leave_is_let_go_and_mourned_in_part() -> None:
    assert parted(1, 0.5) == pytest.approx((0.6, 0.8 * 0.25 * 0.5))
    assert parted(1, 0.0) == pytest.approx((0.6, 0.0))


def test_who_is_not_upgraded_says_no_farewell() -> None:
    assert parted(0, 0.5) == pytest.approx((0.8, 0.0))
