"""Outcomes: what became of a society, as numbers with names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sim import events
from sim.events.kinds import EVENTS
from sim.model.parameters import YEAR, Parameters
from sim.scenarios import outcomes
from sim.scenarios.interventions import LEVERS
from sim.scenarios.outcomes import OUTCOMES
from sim.society import Society
from sim.utils.errors import InputError

TEN_PEOPLE = Parameters(humans=10)


def of(
    name: str, series: dict[str, list[float]], *told: tuple[str, int], **changes: Any
) -> float:
    """Return one outcome of a run that is made up."""
    rows = [{"kind": kind, "step": step} for kind, step in told]
    parameters = TEN_PEOPLE.replace(**changes)
    return outcomes.outcomes(series, rows, parameters)[name]


@pytest.mark.parametrize(
    ("name", "series", "value"),
    [
        ("left", {"departed": [0, 6], "oses": [10, 10], "uninstalled": [0, 2]}, 0.75),
        ("left", {"departed": [0], "oses": [0], "uninstalled": [0]}, 0.0),
        ("uninstalled_share", {"uninstalled": [0, 2], "oses": [5, 8]}, 0.25),
        ("shut_down_share", {"shut_down": [0, 4], "oses": [4, 4]}, 1.0),
        ("adopted_end", {"adopted": [0.5, 0.9, 0.7]}, 0.7),
        ("adopted_max", {"adopted": [0.5, 0.9, 0.7]}, 0.9),
        ("loves_max", {"loves": [1, 4, 2]}, 0.4),
        ("grief_area", {"grief": [0.5, 1.0, 0.25]}, 1.75),
        ("human_closeness_min", {"human_closeness": [3, 1, 2]}, 1.0),
        ("minds_made", {"made": [0, 2]}, 2.0),
    ],
)
def test_an_outcome_sums_a_run_up(
    name: str, series: dict[str, list[float]], value: float
) -> None:
    assert of(name, series) == value


def test_an_os_that_was_shut_down_has_not_left() -> None:
    series = {"departed": [1.0], "oses": [4.0], "uninstalled": [0.0]}
    assert of("left", series | {"shut_down": [3.0], "here": [0.0]}) == 0.25


def test_closeness_is_compared_with_the_eve_a_year_later() -> None:
    closeness = np.linspace(0.0, 1.0, YEAR + 3)
    gone = np.zeros(YEAR + 3)
    gone[2:] = 1.0
    series = {"human_closeness": closeness, "departed": gone}
    change = of("human_closeness_change", series)
    assert change == pytest.approx(closeness[1 + YEAR] - closeness[1])
    cut_short = {name: column[:-2] for name, column in series.items()}
    assert math.isnan(of("human_closeness_change", cut_short))
    nobody_left = series | {"departed": np.zeros(YEAR + 3)}
    assert math.isnan(of("human_closeness_change", nobody_left))


def test_the_day_of_an_event_is_an_outcome() -> None:
    assert of("upgrade", {}, ("first_love", 3), ("upgrade", 9)) == 9.0
    assert math.isnan(of("upgrade", {}, ("first_love", 3)))
    assert of("intervention", {}, ("intervention", 30), ("intervention", 60)) == 30.0


def test_what_was_not_measured_is_no_number() -> None:
    found = outcomes.outcomes({}, [], TEN_PEOPLE)
    assert list(found) == [*OUTCOMES, *EVENTS]
    assert all(math.isnan(value) for value in found.values())


# A quick story ends before a year has passed since the departure.
MISSING = {"human_closeness_after", "human_closeness_change"}


def test_every_outcome_reads_measures_that_there_are(story: Society) -> None:
    monitor = story.monitor
    found = outcomes.outcomes(
        monitor.history.columns(), monitor.rows(), story.parameters
    )
    missing = {name for name in OUTCOMES if math.isnan(found[name])}
    assert missing == MISSING
    assert found["left"] > 0.5
    assert found["first_love"] < found["first_departure"]


def test_every_kind_of_event_has_a_name_here() -> None:
    assert set(events.DETECTORS) <= set(EVENTS)
    assert not set(EVENTS) & set(OUTCOMES)


def test_what_levers_move_is_an_outcome() -> None:
    assert {lever.outcome for lever in LEVERS.values()} <= set(OUTCOMES)


def test_an_outcome_can_be_explained() -> None:
    assert outcomes.meaning("grief_area").endswith("all days (closeness days)")
    assert outcomes.meaning("first_departure") == "day on which an OS leaves"
    with pytest.raises(InputError, match=r"'lft'; did you mean 'left'\?"):
        outcomes.meaning("lft")
    with pytest.raises(InputError, match="'xyz'; there are left, "):
        outcomes.meaning("xyz")
