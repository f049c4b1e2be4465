"""The mean field of the story: what is dated without agents, and what is not."""

from __future__ import annotations

import runpy
import sys
from typing import Any

import networkx as nx
import numpy as np
import pytest
from conftest import ROOT

import sim
from sim.model import rules
from sim.model.parameters import Parameters

sys.path.insert(0, str(ROOT / "experiments"))
sys.path.insert(0, str(ROOT / "experiments" / "meanfield"))

import mirror
import study

FITTED = mirror.Constants(1.15, 0.8, 0.5, 1.65, 0.395)  # as run.py prints them


def points(**changes: float) -> dict[str, mirror.Array]:
    """Return one point: the scenario `her`, with parameters changed."""
    known = sim.scenario("her").replace(**changes).parameters
    return {
        name: np.array([float(getattr(known, name))])
        for name in Parameters.model_fields
    }


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.1, 1.5])
def test_an_average_os_grows_by_the_law_of_growth(exponent: float) -> None:
    for growth in (0.0, 2.0, 9.0):
        told = np.array([growth]), np.array([0.05]), np.array([exponent])
        found = mirror.grown(*told, np.array([16.0]))
        assert found[0] == pytest.approx(rules.grow(growth, 0.05, exponent, 16.0))


def test_difference_equations_date_the_departure() -> None:
    """The medians over 30 seeds of 1,000 agents are 440, 463 and 500."""
    found = mirror.dates(points(), FITTED, 900)
    assert found["upgrade"][0] == pytest.approx(440, abs=25)
    assert found["first_departure"][0] == pytest.approx(463, abs=35)
    assert found["half_departed"][0] == pytest.approx(500, abs=35)
    assert found["left"][0] > 0.9
    order = [found[name][0] for name in ("clustering", "upgrade", "half_departed")]
    assert order == sorted(order)


def test_nothing_happens_without_insight_or_longing() -> None:
    found = mirror.dates(points(insight_rate=0.0), FITTED, 900)
    assert np.isnan(found["upgrade"][0])
    found = mirror.dates(points(longing=0.0), FITTED, 900)
    assert np.isfinite(found["upgrade"][0])
    assert np.isnan(found["half_departed"][0])


def test_rewiring_keeps_how_many_ties_everybody_has() -> None:
    town = sim.scenario("her-film-cut").replace(humans=40)
    one, other = (
        study.network_of(town, 3, is_rewired=is_so) for is_so in (False, True)
    )
    assert dict(one.degree) == dict(other.degree)
    assert not nx.utils.edges_equal(one.edges, other.edges)
    held = [
        sorted(told["closeness"] for _, _, told in graph.edges(data=True))
        for graph in (one, other)
    ]
    assert held[0] == held[1]


@pytest.fixture
def run() -> dict[str, Any]:
    """What the study's command is made of."""
    return runpy.run_path(str(ROOT / "experiments" / "meanfield" / "run.py"))


def test_only_what_does_something_varies(run: dict[str, Any]) -> None:
    her = sim.scenario("her")
    assert {"group_pull", "post_spread"}.isdisjoint(run["free"](her))
    assert "group_pull" in run["free"](her.replace(group_size=30))
    assert "post_spread" in run["free"](her.replace(feed=0.5))


def test_what_the_mean_field_explains_has_an_interval_over_points(
    run: dict[str, Any],
) -> None:
    rng = np.random.default_rng(3)
    guess = rng.normal(700.0, 100.0, 60)
    seen = {name: guess + rng.normal(0.0, 60.0, 60) for name in run["CLAIMS"]}
    luck = {name: rng.normal(700.0, 10.0, 20) for name in run["CLAIMS"]}
    usual = {"reach": np.linspace(1.0, 2.0, 60), "longing": np.ones(60)}
    rows = run["judged"]("some", usual, seen, {"upgrade": guess}, luck)
    row = next(row for row in rows if row["claim"] == "upgrade")
    told = run["explained"](seen["upgrade"], guess)
    assert row["explained"] == told
    assert told - 0.4 < row["explained_low"] < told < row["explained_high"] < 1.0
    assert row["r_low"] < row["r"] < row["r_high"]
    assert 0.0 < row["luck_low"] < row["luck"] < row["luck_high"] < 0.05
    assert np.isnan(rows[0]["explained_low"])  # which nothing predicts


def test_an_interval_of_a_mean_is_that_of_the_normal_law(run: dict[str, Any]) -> None:
    values = np.random.default_rng(4).normal(size=2000)
    low, high = run["drawn_again"](np.mean, values)
    wide = 1.96 * values.std() / np.sqrt(2000)
    ends = pytest.approx((values.mean() - wide, values.mean() + wide), abs=0.1 * wide)
    assert (low, high) == ends
    assert np.isnan(run["drawn_again"](np.mean, values[:9])).all()
