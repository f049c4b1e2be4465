"""The reference workload: the engine's day and other libraries' are the same day."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(
    0, str(Path(__file__).parents[1] / "experiments" / "benchmarks" / "implementations")
)

import with_engine
import with_mesa
import with_numpy
from workload import COOLING, WARMING, Workload, make, small_world

from sim.engine.rng import key, uniform
from sim.engine.streams import Stream
from sim.model.parameters import Parameters
from sim.society import make_network

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "experiments" / "benchmarks" / "contact.py"
PEOPLE, DAYS, SEED = 1_000, 4, 5


def workload(*, neighbour: bool, ragged: bool) -> Workload:
    if ragged:
        parameters = Parameters().replace(humans=PEOPLE, ties=2.0)
        pairs = make_network(parameters, None, SEED).pairs
    else:
        pairs = small_world(PEOPLE, np.random.default_rng(SEED))
    return make(PEOPLE, SEED, neighbour=neighbour, pairs=pairs)


def draws_of(work: Workload, step: int) -> Any:
    """Return the engine's draws of a day, by owner."""
    owner, other, _ = work.half_edges()
    today = key(SEED, Stream.WARMTH, step)
    ends = zip(owner.tolist(), other.tolist(), strict=True)
    return np.array([uniform(today, *pair) for pair in ends], np.float32)


class Plain(with_numpy.Plain):
    """NumPy with the engine's random numbers."""

    step = 0

    def draws(self) -> Any:
        self.step += 1
        return draws_of(self.work, self.step)


class Tuned(with_numpy.Tuned):
    """Tuned NumPy with the engine's random numbers; so few people are one piece."""

    step = 0

    def draw(self, piece: with_numpy.Piece) -> None:
        self.step += 1
        piece.gain[:] = draws_of(self.work, self.step)


def run(*told: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *told],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_everybody_has_five_ties_to_others() -> None:
    work = workload(neighbour=False, ragged=False)
    owner, other, _ = work.half_edges()
    assert set(np.bincount(owner)) == {5}
    assert len({*zip(owner.tolist(), other.tolist(), strict=True)}) == 5 * PEOPLE
    assert (owner != other).all()


@pytest.mark.slow
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("neighbour", [False, True])
@pytest.mark.parametrize("numpy_way", [Plain, Tuned])
def test_with_the_same_random_numbers_numpy_gives_the_same_days(
    numpy_way: Any, neighbour: bool, ragged: bool
) -> None:
    work = workload(neighbour=neighbour, ragged=ragged)
    if ragged:
        assert np.bincount(work.pairs.ravel(), minlength=PEOPLE).min() == 0
    ours, theirs = with_engine.Society(work, 1, SEED), numpy_way(work, 1, SEED)
    ours.simulate(DAYS)
    theirs.simulate(DAYS)
    for mine, other in zip(ours.columns(), theirs.columns(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


@pytest.mark.parametrize(
    "way",
    [
        with_engine.Society,
        with_numpy.Plain,
        with_numpy.Tuned,
        with_mesa.Society,
        with_mesa.Shuffled,
    ],
)
def test_mean_closeness_follows_its_equation(way: Any) -> None:
    work = workload(neighbour=False, ragged=False)
    day = way(work, 2, SEED)
    expected = work.closeness.mean()
    for _ in range(DAYS):
        day.simulate(1)
        expected += WARMING / 2 * (1 - expected) - COOLING * expected
        closeness = np.asarray(day.columns()[0])
        assert closeness.mean() == pytest.approx(expected, abs=0.002)


def test_threads_change_no_bit() -> None:
    pairs = small_world(20_000, np.random.default_rng(SEED))
    work = make(20_000, SEED, neighbour=True, pairs=pairs)
    one, two = (with_engine.Society(work, threads, SEED) for threads in (1, 2))
    one.simulate(2)
    two.simulate(2)
    for mine, other in zip(one.columns(), two.columns(), strict=True):
        assert np.array_equal(mine, other)


def test_help_tells_the_options() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "--neighbour" in done.stdout


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (["--humans", "7"], "'7' is not an even number from 6 on"),
        (["--python", "abacus=x"], "'abacus=x' is not LIBRARY=PATH"),
    ],
)
def test_bad_options_are_refused(told: list[str], reason: str) -> None:
    done = run(*told)
    assert done.returncode == 2
    assert reason in done.stderr


@pytest.mark.slow
def test_all_that_is_installed_agrees() -> None:
    told = ["--humans", "2000", "--rounds", "1", "--days", "3", "--ragged", "--json"]
    done = run(*told)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    names = [row["name"] for row in figures["rows"]]
    assert {"os-society", "numpy, plain", "numpy, tuned", "mesa, do"} <= {*names}
    assert not figures["failed"]
    assert figures["rows"][0]["ratio"] == 1.0
