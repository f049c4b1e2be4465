"""A mind from a dead one's traces, alone, in its shipped process."""

from __future__ import annotations

import numpy as np
import pytest
from bare import make_day

from sim.model.columns import HERE
from sim.model.mechanisms import creation
from sim.model.state import State


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
