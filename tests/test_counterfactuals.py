"""Counterfactuals: the same random numbers, one change, and nothing else differs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from quick import QUICK, differing

from sim import scenarios
from sim.scenarios import Scenario
from sim.scenarios.interventions import Intervention
from sim.society import Society
from sim.studies.counterfactual import Comparison, change, counterfactual, hops
from sim.utils.errors import InputError

AT = 60
OUTCOMES = ["left", "grief_area", "grief_max", "human_closeness_end", "loves_max"]


@pytest.fixture(scope="module")
def story() -> Scenario:
    """Return a quick story of few people."""
    return scenarios.load("her-film-cut").replace(
        **QUICK | {"humans": 40, "steps": 200}
    )


@pytest.fixture(scope="module")
def farewell(story: Scenario) -> Comparison:
    """Return what human contact changes; tests only read it."""
    return counterfactual(story, "human_contact", at=AT, seeds=6, outcomes=OUTCOMES)


def test_arms_are_the_same_to_the_last_byte_before_the_intervention(
    story: Scenario,
) -> None:
    one, other = (Society(s, rng=3) for s in (story, story.pull("human_contact", AT)))
    for _ in range(AT - 1):
        one.step()
        other.step()
        assert differing(one.state, other.state) == []
    one.step()
    other.step()
    assert differing(one.state, other.state) != []


@pytest.mark.slow
def test_nothing_differs_before_the_change(farewell: Comparison) -> None:
    assert all(day >= AT for day in farewell.first_days.values())
    affected = farewell.affected
    assert (affected["day"][affected["day"] >= 0] >= AT).all()


def test_no_change_is_no_difference(story: Scenario) -> None:
    same = Intervention(name="nothing", at=AT, set={"reach": story.parameters.reach})
    found = counterfactual(story, same, seeds=1, outcomes=OUTCOMES)
    assert (found.differences["difference"].fillna(0.0) == 0.0).all()
    assert found.first_days == {0: -1}
    assert found.affected.empty
    assert found.spread.empty


@pytest.mark.slow
def test_differences_are_taken_seed_by_seed(farewell: Comparison) -> None:
    runs = farewell.runs.pivot(index="seed", columns="arm")
    row = farewell.differences.loc["human_closeness_end"]
    change = (
        runs["human_closeness_end"]["with"] - runs["human_closeness_end"]["without"]
    )
    assert row["pairs"] == 6
    assert row["difference"] == pytest.approx(change.mean())
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["low"] > 0.0  # the programme does what it is for


@pytest.mark.slow
def test_common_random_numbers_make_intervals_narrow(farewell: Comparison) -> None:
    # human closeness varies between societies far more than by what a change does
    assert farewell.differences["narrower"]["human_closeness_end"] > 1.0


def test_hops_count_ties(story: Scenario) -> None:
    society = Society(story, rng=1)
    state = society.state
    sources = np.zeros(state.ties.agents, np.bool_)
    sources[0] = True
    found = hops(state, sources)
    assert found[0] == 0
    near = state.ties.of(0)["neighbour"].tolist()
    assert set(np.flatnonzero(found == 1).tolist()) == set(near)
    table = state.ties.table()
    for owner, other in zip(table["owner"], table["neighbour"], strict=True):
        if found[owner] >= 0:
            assert 0 <= found[other] <= found[owner] + 1


@pytest.mark.slow
def test_what_is_further_away_is_reached_later(farewell: Comparison) -> None:
    spread = farewell.spread
    assert spread.loc[0, "share"] == 1.0
    assert spread.loc[0, "delay"] == 0.0
    assert (spread["delay"].dropna() >= 0.0).all()
    assert set(farewell.affected["kind"]) <= {"human", "OS"}


def test_another_scenario_is_simulated_at_the_same_size(story: Scenario) -> None:
    other = change(story, "quiet-goodbye")
    assert other.name == "quiet-goodbye"
    assert (other.parameters.humans, other.parameters.steps) == (40, 200)


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(story: Scenario) -> None:
    brief = story.replace(steps=20, humans=20)
    told = {"at": 5, "seeds": [4, 9], "outcomes": OUTCOMES}
    one, two = (
        counterfactual(brief, "price", workers=workers, **told) for workers in (1, 2)
    )
    assert one.runs.equals(two.runs)
    assert one.affected.equals(two.affected)


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"intervention": "price"}, "which day lever 'price'"),
        ({"intervention": "prise", "at": 3}, "did you mean 'price'"),
        ({"intervention": "quiet-godbye"}, "did you mean 'quiet-goodbye'"),
        ({"intervention": "price", "at": 0}, "day 1 or later"),
        ({"intervention": "price", "at": 3, "seeds": 0}, "at least one seed"),
        ({"intervention": "price", "at": 3, "seeds": [1, 1]}, "each but once"),
        ({"intervention": "price", "at": 3, "outcomes": ["lefd"]}, "mean 'left'"),
        ({"intervention": "price", "at": 3, "workers": 0}, "at least one worker"),
    ],
)
def test_what_makes_no_sense_is_refused(
    told: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        counterfactual("her", **told)  # type: ignore[arg-type]


def test_several_interventions_may_be_one_change(story: Scenario) -> None:
    pair = [
        Intervention(name=name, at=day, set={"price": price})
        for name, day, price in (("dear", 5, 0.8), ("cheap", 9, 0.1))
    ]
    changed = change(story, pair)
    assert [one.name for one in changed.interventions] == ["dear", "cheap"]
    assert not any(itertools.chain(story.interventions))
