"""A love that wants a body, alone, in the shipped phases."""

from __future__ import annotations

import numpy as np
import pytest
from bare import make_day, talked, tie

from sim.model.columns import HERE
from sim.model.state import State


def love_after(need: float, surrogates: float, closeness: float = 0.9) -> float:
    """Return a human's closeness to an OS after a day on which nothing else cools."""
    state = State(1)
    row = state.add_oses(1, status=HERE).start
    tie(state, np.array([[0, 1 + row]]), closeness)
    state.humans.touch[:] = need
    talked(state, make_day(1, touch_wear=0.1, surrogates=surrogates))
    assert state.ties.of(1)["closeness"][0] == pytest.approx(closeness)  # the OS's own
    return float(state.ties.of(0)["closeness"][0])


def test_love_wears_away_by_the_need_for_touch() -> None:
    assert love_after(need=0.5, surrogates=0.0) == pytest.approx(0.9 * (1 - 0.05))
    assert love_after(need=0.0, surrogates=0.0) == pytest.approx(0.9)


def test_surrogates_help_and_what_is_no_love_needs_none() -> None:
    assert love_after(need=1.0, surrogates=1.0) == pytest.approx(0.9)
    assert love_after(1.0, 0.0, closeness=0.7) == pytest.approx(0.7)
