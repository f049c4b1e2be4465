"""Turning back to somebody once close, alone, in the shipped phases."""

from __future__ import annotations

import numpy as np
from bare import live, make_day

from sim.model.state import State


def turned(grief: float, **changes: float) -> np.ndarray:
    """Return which of a thousand humans turn back to the one they were close to."""
    state = State(1000)
    state.humans.former[:] = np.arange(1000) ^ 1
    state.humans.grief[:] = grief
    live(state, make_day(1000, **{"repairing": True} | changes), "present", "meet")
    return np.asarray(state.humans.meets == state.humans.former)


def test_those_who_grieve_turn_back() -> None:
    assert not turned(grief=0.0, repair_rate=1.0).any()
    assert abs(turned(grief=1.0, repair_rate=1.0).mean() - 0.5) < 0.06
    assert turned(grief=1e6, repair_rate=1.0).mean() > 0.99


def test_nobody_does_without_the_mechanism() -> None:
    assert not turned(grief=1e6, repair_rate=1.0, repairing=False).any()
