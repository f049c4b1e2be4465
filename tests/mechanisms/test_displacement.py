"""Displacement: what an hour with an OS takes from people, between nothing and all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sim
from sim.engine import threads
from sim.model import rules
from sim.model.codes import FACE
from sim.society import Society

DAYS = 120  # everybody talks with OSes by then
SOON = {
    "humans": 120,
    "innovation": 0.02,
    "imitation": 0.2,
    "warming": 0.2,
    "os_growth_rate": 0.03,
    "human_meeting": 0.2,
}


def lived(days: int, **changes: Any) -> Society:
    """Return a society in which all goes quickly, after so many days."""
    society = Society("her-film-cut", **({"rng": 1} | SOON | changes))
    for _ in range(days):
        society.step()
    return society


def hours(society: Society) -> tuple[float, float]:
    """Return the mean hours of talk with people and with OSes."""
    humans = society.state.humans
    return float(humans.hours_humans.mean()), float(humans.hours_oses.mean())


def test_people_keep_what_oses_do_not_take() -> None:
    assert rules.attention_left(0.4, 1.0) == pytest.approx(0.6)
    assert rules.attention_left(0.4, 0.0) == 1.0
    assert rules.attention_left(1.0, 0.05) == pytest.approx(0.95)


def test_the_less_is_displaced_the_more_people_talk_with_each_other() -> None:
    """OSes get their share in any case."""
    found = [hours(lived(DAYS, displacement=share)) for share in (1.0, 0.5, 0.0)]
    people, oses = zip(*found, strict=True)
    assert people[0] < 0.9 * people[1]
    assert people[1] < 0.95 * people[2]
    assert oses == pytest.approx([oses[0]] * 3, rel=0.1)
    assert oses[0] > 0.5


def test_with_nothing_displaced_people_offer_each_other_all() -> None:
    """The offers of a day are those of the same ties without those to OSes."""
    society = lived(60, displacement=0.0)
    state, constants = society.state, society.parameters
    ties = state.ties.table()
    people = state.humans.n
    among = (ties["owner"] < people) & (ties["neighbour"] < people)
    closeness = ties["closeness"][among].astype(np.float64)
    assert not among[ties["owner"] < people].all()
    society.step()  # shares out the hours by the ties of the evening before
    weight = closeness * (1.0 - constants.focus + constants.focus * closeness)
    total = np.bincount(ties["owner"][among], weight, people)
    offered = constants.human_attention / (total + constants.stranger_reserve)
    rate = society.state.faces[:people, FACE.rate]
    growth = society.state.humans.growth
    assert np.ptp(growth) < 0.2  # so that talk is worth nearly the same to all
    assert rate == pytest.approx(offered, rel=0.03)


def test_it_is_the_same_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    one, three = (lived(40, displacement=0.3, threads=n) for n in (1, 3))
    for table in ("humans", "oses"):
        first = getattr(one.state, table).copy_columns()
        for name, column in getattr(three.state, table).copy_columns().items():
            assert column.tobytes() == first[name].tobytes(), name


def test_it_may_be_each_ones_own() -> None:
    """Where it differs, another loop shares out the hours."""
    own = {"displacement": {"of": "humans", "low": 0.0, "high": 1.0}}
    scenario = sim.scenario("her-film-cut").replace(**SOON, varies=own)
    society = Society(scenario, rng=1)
    for _ in range(DAYS):
        society.step()
    share = society.agents.select(agent_type=sim.Human).column("displacement")
    talked = society.state.humans.hours_humans / lived(DAYS).state.humans.hours_humans
    assert np.corrcoef(share, talked)[0, 1] < -0.3
