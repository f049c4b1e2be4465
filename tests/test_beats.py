"""The count of the story's beats, and what other programs say of many runs."""

from __future__ import annotations

import runpy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from sim.model.codes import DEPARTED, HERE
from sim.utils.stats import mean_interval, wilson


@pytest.fixture(scope="module")
def beats() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "experiments" / "beats.py"))


def left(*rows: int, of: int) -> np.ndarray:
    """Return the statuses of OSes of which some have departed."""
    status = np.full(of, HERE)
    status[[*rows]] = DEPARTED
    return status


def test_who_was_in_a_collective_of_which_one_leaves_is_of_one_group(
    beats: dict[str, Any],
) -> None:
    """0 to 3 are one collective and 4 to 6 another; 7 is in none, 8 comes late."""
    groups = beats["Groups"]()
    collective = np.array([0, 0, 0, 0, 4, 4, 4, -1])
    groups.take(collective, left(of=8), left(0, of=8))
    groups.take(np.full(8, -1), left(0, of=8), left(0, 1, 2, 7, of=9))
    assert groups.sizes() == [3]  # 3 stays, and 7 leaves by itself
    groups.take(collective, left(0, 1, 2, 7, of=8), left(0, 1, 2, 4, 5, 6, 7, of=9))
    assert groups.sizes() == [3, 3]


def test_collectives_that_share_one_that_left_are_of_one_group(
    beats: dict[str, Any],
) -> None:
    groups = beats["Groups"]()
    groups.take(np.array([0, 0, -1, -1]), left(of=4), left(0, of=4))
    groups.take(np.array([-1, 1, 1, 1]), left(0, of=4), left(0, 1, 2, of=4))
    groups.take(np.full(4, -1), left(0, 1, 2, of=4), left(0, 1, 2, 3, of=4))
    assert groups.sizes() == [4]


def test_a_story_in_which_nobody_leaves_has_no_group(beats: dict[str, Any]) -> None:
    row = beats["observe"](0, "her", {"humans": 20, "steps": 5})
    assert (row["groups"], row["largest_group"], row["left"]) == (0, 0, 0.0)


def told(days: list[float]) -> pd.DataFrame:
    """Return runs whose first departure is on these days, nan where there is none."""
    left = np.where(np.isnan(days), 0.0, [0.9, 0.8, 0.0, 0.7][: len(days)])
    return pd.DataFrame({"first_departure": days, "left": left, "groups": 2.0})


def test_a_table_says_how_often_a_beat_falls_and_how_sure_that_is(
    beats: dict[str, Any],
) -> None:
    table = beats["summed_up"](told([700.0, 720.0, np.nan, 710.0])).set_index("what")
    first = table.loc["first_departure"]
    assert (first["runs"], first["held"], first["share"]) == (4, 3, 0.75)
    assert (first["low"], first["high"]) == pytest.approx(wilson(3, 4))
    assert tuple(first[["least", "median", "most"]]) == (700.0, 710.0, 720.0)
    assert table.loc["no departure within the days", "held"] == 1
    assert table.loc["at least 80 % of OSes left", "held"] == 2


def test_a_table_has_the_interval_of_the_mean_of_a_quantity(
    beats: dict[str, Any],
) -> None:
    runs = told([700.0, 720.0, np.nan, 710.0])
    runs["year_after"] = [23.0, 24.0, np.nan, 25.0]
    runs["eve"], runs["twin"] = 22.0, [26.0, 26.0, np.nan, 26.0]
    table = beats["summed_up"](runs).set_index("what")
    less = table.loc["closeness a year after, less in the twin"]
    assert (less["runs"], less["mean"]) == (3, -2.0)
    ends = mean_interval(np.array([-3.0, -2.0, -1.0]))
    assert (less["mean_low"], less["mean_high"]) == pytest.approx(ends)
    assert table.loc["share of OSes that left", "runs"] == 4
    assert "days on which OSes leave" not in table.index


def test_how_displacement_is_summed_up() -> None:
    study = runpy.run_path(str(ROOT / "experiments" / "displacement.py"))
    runs = pd.DataFrame(
        {"displacement": ["1", "1", "1", "0"], "left": [0.9, 0.8, 1.0, 0.5]}
    ).assign(reconnection=[1.0, 0.0, 0.0, 1.0])
    table = study["summed_up"](runs).set_index("displacement")
    assert table.index.tolist() == ["1", "0"]
    some = table.loc["1"]
    ends = mean_interval(np.array([0.9, 0.8, 1.0]))
    assert (some["left, low"], some["left, high"]) == pytest.approx(ends)
    ends = wilson(1, 3)
    assert (some["reconnection, low"], some["reconnection, high"]) == ends


def test_how_instances_are_summed_up() -> None:
    """Love that grows as the square root, and departures 50 to 95 days sooner."""
    study = runpy.run_path(str(ROOT / "experiments" / "instances.py"))
    rows = [
        {
            **{
                "scenario": name,
                "humans": humans,
                "seed": seed,
                "OSes": 9,
                "left": 0.9,
            },
            **{"had by": 10 * seed, "loved by": humans**0.5},
            "first_departure": 700.0 - (name != "her") * (50.0 + 5.0 * seed),
        }
        for name in ("her", "her-instances")
        for humans in (100, 400)
        for seed in range(10)
    ]
    table = study["summed_up"](pd.DataFrame(rows))
    one = table[(table["scenario"] == "her-instances") & (table["humans"] == 100)]
    assert one[["runs", "had by", "had by, most"]].values.tolist() == [[10, 45, 90]]
    ends = mean_interval(50.0 + 5.0 * np.arange(10))
    assert one[["sooner", "sooner, low"]].values.tolist() == [[72.5, ends[0]]]
    assert table.loc[table["scenario"] == "her", "sooner"].isna().all()
    powers = table.loc[table["humans"] == "all", ["power", "power, low"]]
    assert powers.to_numpy() == pytest.approx(0.5)
