"""Someone is mourned more than a thing, alone, in the shipped phases."""

from __future__ import annotations

import numpy as np
import pytest
from bare import live, make_day, tie

from sim.model.columns import HERE, OWNER
from sim.model.state import State

TALK = ("present", "attend", "converse")


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
