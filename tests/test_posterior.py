"""The study `posterior`: its sampler against what is known, its draws, its numbers."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from sim.studies.validation import FACTS

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments" / "posterior"))

import draws
import sampler

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "experiments" / "posterior"
SMALL = ["run.py", "--small", "--check"]


# ------------------------------------------------------------------------- the sampler


def gaussian(truth: Any, deviations: Any, turned: Any) -> Callable[[Any, int], Any]:
    """Return distances to data of zero that a point predicts with Gaussian noise.

    Noise has the deviation 1 along each axis once scaled, so that the posterior, but
    for the tolerance, has ``deviations`` around ``truth`` along the axes ``turned``.
    """

    def distances_of(points: Any, first: int) -> Any:
        seen = ((points - truth) @ turned) / deviations
        noise = [
            np.random.default_rng([9, first + at]).standard_normal(seen.shape[1])
            for at in range(len(points))
        ]
        return np.abs(seen + np.stack(noise)).max(axis=1)

    return distances_of


def sampled(distances_of: Any, seed: int = 0, **changes: int) -> sampler.Sample:
    size = {"first": 2000, "more": 1500, "rounds": 6, "keep": 500} | changes
    return sampler.sample(distances_of, 2, seed=seed, **size)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_posterior_of_a_gaussian_is_found(seed: int) -> None:
    """Within a fifth of a deviation, and its deviations within 15 %.

    The tolerance adds what a uniform error within it has to the variance.
    """
    truth, deviations = np.array([0.5, 0.6]), np.array([0.03, 0.1])
    found = sampled(gaussian(truth, deviations, np.eye(2)), seed)
    wider = deviations * np.sqrt(1.0 + found.distances.max() ** 2 / 3.0)
    assert found.distances.max() < 1.0
    away = (found.weights @ found.points - truth) / wider
    assert away == pytest.approx(0.0, abs=0.2)
    spread = np.sqrt(np.diag(sampler.covariance(found.points, found.weights)))
    assert spread == pytest.approx(wider, rel=0.15)


def test_a_ridge_across_the_axes_is_found() -> None:
    half = np.sqrt(0.5)
    turned, deviations = half * np.array([[1.0, 1.0], [1.0, -1.0]]), [0.02, 0.1]
    found = sampled(gaussian(np.array([0.5, 0.5]), deviations, turned))
    wider = np.array(deviations) * np.sqrt(1.0 + found.distances.max() ** 2 / 3.0)
    across = turned.T @ sampler.covariance(found.points, found.weights) @ turned
    assert np.sqrt(np.diag(across)) == pytest.approx(wider, rel=0.15)
    assert abs(across[0, 1]) < 0.2 * wider.prod()


def test_the_edge_of_the_prior_cuts_the_posterior_off() -> None:
    truth, deviations = np.array([0.02, 0.5]), np.array([0.1, 0.1])
    found = sampled(gaussian(truth, deviations, np.eye(2)))
    wide = 0.1 * np.sqrt(1.0 + found.distances.max() ** 2 / 3.0)
    known = np.random.default_rng(4).normal(0.02, wide, 100_000)
    known = known[known > 0.0]
    mean = found.weights @ found.points
    assert mean[0] == pytest.approx(known.mean(), abs=0.2 * known.std())
    spread = np.sqrt(np.diag(sampler.covariance(found.points, found.weights)))
    assert spread[0] == pytest.approx(known.std(), rel=0.15)


def test_what_data_say_nothing_of_stays_as_the_prior_has_it() -> None:
    """Where kernels stand does not show in the weights: a uniform stays one."""
    turned = np.array([[1.0], [0.0]])
    found = sampled(gaussian(np.array([0.5, 0.5]), [0.05], turned))
    share = np.histogram(found.points[:, 1], 4, (0.0, 1.0), weights=found.weights)[0]
    assert share == pytest.approx([0.25] * 4, abs=0.06)


def test_a_mixture_is_a_density_within_the_cube() -> None:
    rng = np.random.default_rng(3)
    centres = rng.random((5, 2)) * [0.2, 1.0]
    weights = np.array([1.0, 2.0, 3.0, 4.0, 0.5])
    mixture = sampler.Mixture(centres, weights, 100, rng)
    grid = (np.stack(np.mgrid[:200, :200], -1).reshape(-1, 2) + 0.5) / 200
    assert mixture.density(grid).mean() == pytest.approx(1.0, rel=0.01)
    drawn = mixture.draw(100_000)
    assert ((drawn >= 0.0) & (drawn <= 1.0)).all()
    told = (mixture.density(grid)[:, None] * grid).mean(axis=0)
    assert drawn.mean(axis=0) == pytest.approx(told, abs=0.005)


def test_a_mixture_goes_on_until_enough_of_it_is_within_the_cube(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampler, "TRIES", 200)
    monkeypatch.setattr(sampler, "BLOCK", 100)
    rng = np.random.default_rng(3)
    mixture = sampler.Mixture(rng.random((30, 6)), np.ones(30), 250, rng)
    assert len(mixture.draw(250)) == 250
    assert mixture.share_inside < 0.2


@pytest.mark.parametrize(
    ("weights", "share", "value"),
    [
        ([1.0, 1.0, 1.0, 1.0], 0.5, 2.0),
        ([1.0, 1.0, 1.0, 1.0], 0.51, 3.0),
        ([0.0, 0.0, 1.0, 3.0], 0.5, 4.0),
        ([9.0, 1.0, 1.0, 1.0], 0.05, 1.0),
    ],
)
def test_a_quantile_counts_weights(
    weights: list[float], share: float, value: float
) -> None:
    values = np.array([4.0, np.nan, 1.0, 2.0, 3.0])
    told = np.array([weights[3], 7.0, *weights[:3]])
    assert sampler.quantile(values, told, share) == value


def test_a_quantile_of_nothing_is_none() -> None:
    assert np.isnan(sampler.quantile(np.array([np.nan]), np.ones(1), 0.5))


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
    weights = np.full(400, 1.0 / 400)
    axes = [draws.Axis(name, 0.1, 1.0, True) for name in ("charm", "warmth", "churn")]
    found = sampler.Sample(points, weights, weights, np.arange(400), [])
    table = run["directions_table"](axes, found)
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
        runpy.run_path(str(STUDY / "run.py"), run_name="__main__")
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
    assert called([*words, "--draws", "16"], monkeypatch) == 2
    assert "holds draws of other code, parameters or options" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_two_workers_give_the_numbers_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SMALL, "--workers", "2", "--out", str(tmp_path)]
    assert called(words, monkeypatch) == 0, capsys.readouterr()
    assert "the same" in capsys.readouterr().out


def test_fewer_draws_than_are_kept_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called([*SMALL, "--draws", "5"], monkeypatch) == 2
    assert "--draws: 6 are kept of 12 or more, not of 5" in capsys.readouterr().err


def test_a_broken_file_of_draws_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "draws.parquet").write_bytes(b"no table")
    assert called([*SMALL, "--out", str(tmp_path)], monkeypatch) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: cannot read ")
    assert told.count("\n") == 1
