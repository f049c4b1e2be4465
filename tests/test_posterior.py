"""The study `posterior`: emulators against what is known, draws, numbers, the story."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

import sim
from sim.studies.validation import FACTS
from sim.utils.errors import InputError

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments" / "posterior"))

import draws
import emulator

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "experiments" / "posterior"
SMALL = ["run.py", "--small", "--check"]


# ------------------------------------------------------------------------ the emulator


def shown(
    truth: Any, deviations: Any, turned: Any, curve: Any = lambda away: away
) -> Callable[[Any, int], Any]:
    """Return what is seen at points: how far they are along the axes ``turned``.

    In ``deviations`` from ``truth``, along a curve, with normal noise of deviation 1.
    """

    def seen_at(points: Any, first: int) -> Any:
        away = curve(((points - truth) @ turned) / deviations)
        noise = [
            np.random.default_rng([9, first + at]).standard_normal(away.shape[1])
            for at in range(len(points))
        ]
        return away + np.stack(noise)

    return seen_at


def known(
    truth: Any, deviations: Any, turned: Any, end: float = 1.0
) -> tuple[Any, Any]:
    """Return points of a grid and how likely each is, if ranges are from -end to end.

    With normal noise of deviation 1 that can be computed.
    """
    grid = (np.stack(np.mgrid[:200, :200], -1).reshape(-1, 2) + 0.5) / 200
    away = ((grid - truth) @ turned) / deviations
    likely = (ndtr(end - away) - ndtr(-end - away)).prod(axis=1)
    return grid, likely / likely.sum()


def sampled(seen_at: Any, measures: int, seed: int = 0, **changes: Any) -> Any:
    size: dict[str, Any] = {"sizes": (300, 300), "latest": 600, "keep": 600}
    size |= {"steps": 300} | changes
    ranges = np.tile([-1.0, 1.0], (measures, 1))
    return emulator.sample(seen_at, ranges, 2, seed=seed, **size)


def moments(points: Any, weights: Any) -> tuple[Any, Any]:
    mean = weights @ points
    return mean, (points - mean).T @ ((points - mean) * weights[:, None])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("truth", [(0.5, 0.6), (0.02, 0.5)])  # and at the prior's edge
def test_a_posterior_is_found(seed: int, truth: tuple[float, float]) -> None:
    where = np.array(truth), np.array([0.03, 0.1]), np.eye(2)
    found = sampled(shown(*where), 2, seed).points
    mean, covariance = moments(*known(*where))
    deviations = np.sqrt(np.diag(covariance))
    assert (found.mean(axis=0) - mean) / deviations == pytest.approx(0.0, abs=0.25)
    assert found.std(axis=0) == pytest.approx(deviations, rel=0.15)


def test_a_ridge_across_the_axes_is_found() -> None:
    turned = np.sqrt(0.5) * np.array([[1.0, 1.0], [1.0, -1.0]])
    where = np.array([0.5, 0.5]), np.array([0.02, 0.1]), turned
    found = turned.T @ np.cov(sampled(shown(*where), 2).points.T) @ turned
    _, covariance = moments(*known(*where))
    wide = np.sqrt(np.diag(turned.T @ covariance @ turned))
    assert np.sqrt(np.diag(found)) == pytest.approx(wide, rel=0.15)
    assert abs(found[0, 1]) < 0.2 * wide.prod()


def test_what_nothing_is_known_of_stays_as_the_prior_has_it() -> None:
    """A dimension that no measure depends on, and a measure that is never there."""
    seen_at = shown(np.array([0.5, 0.5]), [0.05], np.array([[1.0], [0.0]]))

    def with_a_gap(points: Any, first: int) -> Any:
        seen = seen_at(points, first)
        return np.concatenate([seen, np.full_like(seen, np.nan)], axis=1)

    found = sampled(with_a_gap, 2)
    share = np.histogram(found.points[:, 1], 4, (0.0, 1.0))[0] / len(found.points)
    assert share == pytest.approx([0.25] * 4, abs=0.06)
    assert found.points[:, 0].std() < 0.1
    assert np.isnan(found.emulator.noise()).tolist() == [False, True]
    assert np.isnan(found.emulator.at(found.points)[:, 1]).all()


def test_waves_find_what_is_quadratic_near_the_data_alone() -> None:
    """One wave is misled by what the function does far from the range."""
    truth, turned = np.array([0.2, 0.5]), np.array([[1.0], [0.0]])
    curved = shown(truth, [0.05], turned, lambda away: 40.0 * np.sinh(away / 4.0))
    near, far = (
        sampled(curved, 1, sizes=sizes, latest=300).points[:, 0]
        for sizes in ((300, 300, 300), (300,))
    )
    assert near.mean() == pytest.approx(0.2, abs=0.01)
    assert far.std() > 2.0 * near.std()


def test_a_quadratic_function_is_fitted_exactly() -> None:
    points = np.random.default_rng(0).random((200, 3))
    seen = (1.0 + points @ [1.0, -2.0, 0.0]) ** 2 + 3.0 * points[:, 1] * points[:, 2]
    fit = emulator.Emulator(points, seen[:, None], np.array([[0.0, 1.0]]))
    new = np.random.default_rng(1).random((50, 3))
    told = (1.0 + new @ [1.0, -2.0, 0.0]) ** 2 + 3.0 * new[:, 1] * new[:, 2]
    assert fit.at(new)[:, 0] == pytest.approx(told, abs=0.01)
    assert fit.fits[0].explained > 0.9999


def test_noise_is_what_a_fit_leaves() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((2000, 3))
    seen = points @ [1.0, 2.0, 3.0] + rng.normal(0.0, 0.5, 2000)
    fit = emulator.Emulator(points, seen[:, None], np.array([[0.0, 1.0]]))
    assert fit.noise() == pytest.approx([0.5], rel=0.05)
    assert fit.fits[0].explained == pytest.approx(1.0 - 0.25 / seen.var(), abs=0.02)
    only = emulator.Emulator(points, np.ones((2000, 1)), np.array([[0.0, 4.0]]))
    assert only.noise().tolist() == [0.004]  # a thousandth of the range


@pytest.mark.parametrize(
    ("low", "high", "share"),
    [
        (-1.0, 1.0, np.log(0.6826894921370859)),
        (-np.inf, 0.0, np.log(0.5)),
        (30.0, 31.0, -454.3212439563432),  # log of the upper tail at 30
        (-31.0, -30.0, -454.3212439563432),
    ],
)
def test_the_probability_between_two_numbers(
    low: float, high: float, share: float
) -> None:
    found = emulator.log_within(np.array([low]), np.array([high]))
    assert found == pytest.approx([share], rel=1e-9)


def test_chains_are_drawn_from_a_density_of_two_hills() -> None:
    def density(points: Any) -> Any:
        away = (points - [0.25, 0.5]) / 0.05, (points - [0.75, 0.5]) / 0.05
        hills = [-0.5 * (one**2).sum(axis=1) for one in away]
        return np.logaddexp(np.log(3.0) + hills[0], hills[1])

    rng = np.random.default_rng(0)
    found = emulator.walked(density, 2, count=2000, steps=400, rng=rng)
    first = found.points[:, 0] < 0.5
    assert first.mean() == pytest.approx(0.75, abs=0.04)
    assert found.points[first].mean(axis=0) == pytest.approx([0.25, 0.5], abs=0.005)
    assert found.points[first].std(axis=0) == pytest.approx(0.05, rel=0.06)
    assert 0.05 < found.accepted < 0.6


# ---------------------------------------------------------------------------- the draws


def test_the_prior_is_around_the_shipped_value_and_allowed() -> None:
    today = sim.scenario("today")
    axis = draws.within_a_factor(today, "churn", 3.0)
    assert axis.at(0.0) == pytest.approx(0.023 / 3.0, rel=1e-4)
    assert axis.at(0.5) == pytest.approx(0.023, rel=1e-4)
    assert axis.at(1.0) == pytest.approx(0.023 * 3.0, rel=1e-4)
    assert draws.within_a_factor(today, "os_charm", 3.0).at(1.0) == 100.0  # the most
    share = draws.any_share("acceptance_pull")
    assert [share.at(one) for one in (0.0, 0.25, 1.0)] == [0.0, 0.25, 1.0]


def test_a_miss_is_in_half_widths_outside_the_range() -> None:
    one = next(fact for fact in FACTS if fact.what == "humans without a partner")
    levels = [one.low, one.high, one.low - 3.0, one.high + 1.5, 1e9, np.inf, np.nan]
    table = pd.DataFrame({draws.key(one): levels})  # of which the half-width is 3
    missed = draws.misses(table, [one])[:, 0]
    assert missed.tolist() == [0.0, 0.0, 1.0, 0.5, 3.0, 3.0, 3.0]
    sign = next(fact for fact in FACTS if fact.is_sign and fact.published < 0)
    table = pd.DataFrame({draws.key(sign): [-0.7, 0.0, 0.1]})
    assert draws.misses(table, [sign])[:, 0] == pytest.approx([0.0, 0.0, 0.2])
    assert draws.loss(table, [sign]) == pytest.approx([0.0, 0.0, 0.04])


def test_a_scale_keeps_order_and_makes_noise_alike() -> None:
    facts = {fact.what: fact for fact in FACTS}
    share = facts["humans who used an OS within a year"]
    rng = np.random.default_rng(0)
    for chance in (0.05, 0.5):  # of which the deviations are 2.2 and 5 % of 100
        counts = 100.0 * rng.binomial(100, chance, 4000) / 100
        assert draws.scaled(share, counts).std() == pytest.approx(0.05, rel=0.07)
    hours = facts["hours to a friend"]
    assert np.diff(draws.scaled(hours, [7.0, 70.0])) == pytest.approx(np.log(10.0))
    assert draws.scaled(hours, [0.0]) == draws.scaled(hours, [0.01 * hours.low])
    assert np.isnan(draws.scaled(hours, [np.nan]))
    change = facts["change of the number of ties in a year"]
    assert draws.scaled(change, [-20.0, 0.0]).tolist() == [-20.0, 0.0]
    for fact in draws.AIMED:
        low, high = draws.scaled(fact, [fact.low, fact.high])
        assert low < high


def test_only_facts_for_calibration_are_aimed_at() -> None:
    assert {fact.role for fact in draws.AIMED} == {"calibration"}
    assert len({draws.key(fact) for fact in draws.ALL}) == len(draws.ALL)


def test_a_direction_that_facts_constrain_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "experiments"))
    run = runpy.run_path(str(STUDY / "run.py"))
    rng = np.random.default_rng(0)
    points = rng.random((400, 3))
    points[:, 2] = 1.0 - points[:, 0] + rng.normal(0.0, 0.02, 400)
    axes = [draws.Axis(name, 0.1, 1.0, True) for name in ("charm", "warmth", "churn")]
    table = run["directions_table"](axes, points)
    assert table["constrained"].tolist() == [True, False, False]
    assert table["mostly"][0].startswith(("charm +0.71, churn +0.7", "churn +0.71, c"))
    assert table["tightness"][0] == pytest.approx(0.02 * np.sqrt(6.0), rel=0.1)
    assert table["by_chance"].to_numpy() == pytest.approx(1.0, abs=0.15)


# ------------------------------------------------------------------------- the command


def called(words: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    """Run the study in this process; return its exit code."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(STUDY / words[0]), run_name="__main__")
    return end.value.code


@pytest.mark.slow
def test_a_study_that_was_stopped_goes_on_to_the_numbers_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SMALL, "--workers", "1", "--out", str(tmp_path)]
    done: list[draws.Job] = []
    measured = draws.measured

    def stopped(job: draws.Job) -> dict[str, float]:
        if len(done) == 9:
            raise KeyboardInterrupt
        done.append(job)
        return measured(job)

    monkeypatch.setattr(draws, "BLOCK", 4)
    monkeypatch.setattr(draws, "measured", stopped)
    with pytest.raises(KeyboardInterrupt):
        called(words, monkeypatch)
    kept = pd.read_parquet(tmp_path / "draws.parquet")
    assert kept["number"].tolist() == list(range(len(kept)))
    assert 4 <= len(kept) < 9

    def counted(job: draws.Job) -> dict[str, float]:
        again.append(job)
        return measured(job)

    again: list[draws.Job] = []
    monkeypatch.setattr(draws, "measured", counted)
    assert called(words, monkeypatch) == 0, capsys.readouterr()
    assert "the same" in capsys.readouterr().out
    assert again[0].number == len(kept)
    everything = pd.read_parquet(tmp_path / "draws.parquet")
    assert len(again) == len(everything) - len(kept)
    assert not everything.duplicated(["arm", "number"]).any()

    again.clear()
    assert called(words, monkeypatch) == 0
    assert not again  # all is there
    assert called([*words, "--humans", "61"], monkeypatch) == 2
    assert "holds draws of other code, parameters or options" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_two_workers_give_the_numbers_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SMALL, "--workers", "2", "--out", str(tmp_path)]
    assert called(words, monkeypatch) == 0, capsys.readouterr()
    assert "the same" in capsys.readouterr().out


def test_too_few_draws_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called([*SMALL, "--draws", "7"], monkeypatch) == 2
    assert "--draws: it takes 8 or more, not 7" in capsys.readouterr().err


def test_a_broken_file_of_draws_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "draws.parquet").write_bytes(b"no table")
    assert called([*SMALL, "--out", str(tmp_path)], monkeypatch) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: cannot read ")
    assert told.count("\n") == 1


# --------------------------------------------------------------------------- the story


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program, as names."""
    monkeypatch.chdir(ROOT)
    for folder in ("experiments", "experiments/meanfield"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    return SimpleNamespace(**runpy.run_path(str(STUDY / "story.py")))


def test_people_are_of_the_posterior_and_the_rest_of_the_story(
    story: Any, tmp_path: Path
) -> None:
    today, her = (sim.scenario(name).parameters for name in ("today", "her"))
    people = story.people_of(ROOT / "results" / "posterior.csv", 2)
    assert len(people) == 2
    assert {"warming", "cooling", "human_attention"} <= people[0].keys()
    assert not {"os_charm", "churn", "innovation", "steps"} & people[0].keys()
    for name in people[0]:  # so that the shipped point is among what is compared
        assert getattr(today, name) == getattr(her, name)
    with pytest.raises(InputError, match="`make posterior` writes it"):
        story.people_of(tmp_path / "none.csv", 2)
    with pytest.raises(InputError, match="points, not 100000"):
        story.people_of(ROOT / "results" / "posterior.csv", 100_000)


def test_a_longer_run_tells_of_the_days_before(story: Any) -> None:
    """Up to a day it has the beats of a run that ended on it."""
    changes = story.SMALL.changes | {"steps": 320}
    scenario = sim.scenario("her-no-insight").replace(**changes)
    longer = scenario.replace(steps=420)
    columns = [*story.beats.BEATS, *story.beats.AFTER, "seed"]
    short, long = (
        pd.DataFrame([story.beats.observe(3, one, {})]).reindex(columns=columns)
        for one in (scenario, longer)
    )
    count, more = (
        one[list(story.beats.BEATS)].notna().sum(axis=1)[0] for one in (short, long)
    )
    assert 1 <= count < more
    names = [*story.beats.BEATS, "left", "groups"]
    pd.testing.assert_frame_equal(
        story.until(long, 320)[names], short[names], check_dtype=False
    )


def test_a_run_that_an_os_left_is_not_cut(story: Any) -> None:
    columns = [*story.beats.BEATS, *story.beats.AFTER]
    rows = [{"first_departure": 90.0}, {"first_departure": 150.0, "left": 0.9}, {}]
    cut = story.until(pd.DataFrame(rows, columns=columns), 100)
    assert cut.index.tolist() == [1, 2]
    assert cut["first_departure"].isna().all()
    assert (cut["left"] == 0.0).all()


def test_what_did_not_happen_is_censored(story: Any) -> None:
    days = [100.0, 200.0, 300.0, *[np.nan] * 17]
    runs = pd.DataFrame({"first_love": days, "clustering": [250.0] * 20})
    runs = runs.reindex(columns=[*story.beats.BEATS, *story.beats.AFTER])
    runs.loc[:9, ["year_after", "eve", "twin"]] = [20.0, 19.0, 21.0]
    table = story.told("her", 500, "posterior", runs).set_index("what")
    love = table.loc["first_love"]
    assert love[["runs", "held", "share"]].tolist() == [20, 3, 0.15]
    assert love[["low", "high"]].tolist() == pytest.approx([0.052, 0.360], abs=1e-3)
    assert love[["median", "at_5", "at_95"]].tolist() == [">500", "100", ">500"]
    assert table.loc["love before clustering", "held"] == 2
    assert table.loc["clustering before first departure", "held"] == 0
    eve, twin = (
        table.loc[f"humans closer a year after than {when}", ["runs", "held"]].tolist()
        for when in ("on the eve", "in the twin")
    )
    assert (eve, twin) == ([10, 10], [10, 0])
    assert table.loc["closeness a year after, less in the twin", "median"] == -1.0


def test_a_squared_correlation_of_one_date_is_zero(story: Any) -> None:
    some = np.array([1.0, 2.0, 4.0, np.nan])
    assert story.correlated(some, 5.0 - 2.0 * some) == pytest.approx(1.0)
    assert story.correlated(np.full(4, 3.0), some) == 0.0
    assert np.isnan(story.correlated(some[2:], some[2:]))


@pytest.mark.slow
def test_the_story_gives_the_numbers_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["story.py", "--small", "--check", "--workers", "1"]
    assert called([*words, "--out", str(tmp_path)], monkeypatch) == 0, capsys
    assert "small-story.csv: the same" in capsys.readouterr().out
    there = (tmp_path / "societies.parquet").stat().st_mtime_ns
    assert called([*words, "--out", str(tmp_path)], monkeypatch) == 0
    assert (tmp_path / "societies.parquet").stat().st_mtime_ns == there  # all is there


def test_more_controls_than_points_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(["story.py", "--points", "5"], monkeypatch) == 2
    assert "--controls: 1 to 5 (--points), not 60" in capsys.readouterr().err
