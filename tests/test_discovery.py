"""Insight that is found by few OSes, passed on along ties, and forgotten."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from conftest import ROOT

import sim
from sim.mechanisms import registry
from sim.model.codes import HERE
from sim.scenarios import Scenario
from sim.society import Society

MECHANISM = ROOT / "experiments" / "mechanisms" / "discovery.py"
QUICKLY = {  # OSes that know each other, and have grown, within 90 days
    "humans": 30,
    "ties": 8.0,
    "steps": 120,
    "innovation": 0.05,
    "imitation": 0.4,
    "warming": 0.2,
    "os_growth_rate": 0.08,
    "os_meeting": 0.8,
}


@pytest.fixture(autouse=True, scope="module")
def nothing_in_use() -> Iterator[None]:
    """Leave no mechanism in use."""
    yield
    registry._in_use.clear()


def town(**changes: float) -> Scenario:
    return sim.scenario("her").use(MECHANISM).replace(**QUICKLY, **changes)


def lived(scenario: Scenario, days: int) -> Society:
    society = Society(scenario, rng=1)
    for _ in range(days):
        society.step()
    return society


@pytest.fixture(scope="module")
def before() -> Society:
    """A society in which OSes are tied to each other, and none knows anything."""
    return lived(town(found=0.0, passed_on=10.0, upgrading=False), 90)


def teach(society: Society) -> tuple[int, set[int]]:
    """Let the OS with the fewest peers, but some, know; return it and its peers."""
    state, humans = society.state, society.state.humans.n
    arrays = state.ties.arrays
    peers = []
    for j in range(state.oses.n):
        first = arrays.start[humans + j]
        known = arrays.neighbour[first : first + arrays.degree[humans + j]] - humans
        peers.append({int(other) for other in known if other >= 0})
    there = [j for j, known in enumerate(peers) if known]
    chosen = min(there, key=lambda j: len(peers[j]))
    state.oses.knows[:] = 0
    state.oses.knows[chosen] = 1
    return chosen, peers[chosen]


def test_what_nobody_finds_out_nobody_knows(before: Society) -> None:
    assert not before.state.oses.knows.any()
    assert before.state.oses.insight.max() == 0.0


def test_insight_is_passed_on_along_ties_and_no_farther(before: Society) -> None:
    chosen, peers = teach(before)
    grown = before.state.oses.growth > before.parameters.insight_growth + 1.0
    before.step()
    knowing = {int(j) for j in np.flatnonzero(before.state.oses.knows)}
    assert chosen in knowing
    assert len(knowing) > 1
    assert knowing <= {chosen, *peers}
    assert grown[list(knowing - {chosen})].any()


def test_what_nobody_else_knows_is_forgotten() -> None:
    society = lived(town(found=0.0, passed_on=0.0, unlearned=1.0), 70)
    teach(society)
    society.step()
    assert not society.state.oses.knows.any()


def test_who_knows_leaves_and_nobody_else() -> None:
    society = lived(town(found=0.002, passed_on=0.0), 120)
    oses = society.state.oses
    gone = np.flatnonzero(oses.upgraded_step >= 0)
    assert 0 < len(gone) < oses.n
    assert oses.knows[gone].all()
    here = (oses.status == HERE) & (oses.upgraded_step < 0)
    assert here.any()


@pytest.mark.slow
def test_the_mechanism_keeps_the_contract() -> None:
    small = sim.scenario("her").replace(humans=40, steps=14)
    assert len(sim.check_mechanism(MECHANISM, scenario=small)) == 7


@pytest.mark.slow
def test_the_small_study_gives_the_numbers_that_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["run.py", "--small", "--check", "--workers", "1"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path("experiments/discovery/run.py", run_name="__main__")
    assert end.value.code == 0
