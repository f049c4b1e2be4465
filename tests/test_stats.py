"""Statistics, against what books and other libraries say."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from sim.utils import stats


def test_intervals_of_shares_are_wilsons() -> None:
    assert stats.wilson(0, 10) == pytest.approx((0.0, 0.27753), abs=1e-5)
    assert stats.wilson(18, 20) == pytest.approx((0.69897, 0.97213), abs=1e-4)
    assert stats.wilson(20, 20)[1] == 1.0


def test_intervals_of_means_repeat_and_narrow() -> None:
    few, many = np.arange(10.0), np.tile(np.arange(10.0), 10)
    assert stats.bootstrap(few) == stats.bootstrap(few)
    assert np.diff(stats.bootstrap(many)) < np.diff(stats.bootstrap(few))
    # The standard error of the mean of 0..9 is 0.908, so the interval is 4.5 -+ 1.78.
    assert stats.bootstrap(few) == pytest.approx((2.72, 6.28), abs=0.25)
    assert all(math.isnan(end) for end in stats.bootstrap(few[:0]))


def test_a_normal_interval_is_as_wide_as_its_standard_errors() -> None:
    assert stats.half_width(2.0, 4) == pytest.approx(1.96)


def test_unpaired_intervals_are_those_of_independent_samples() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(0.0, 1.0, 400), rng.normal(1.0, 1.0, 400)
    low, high = stats.bootstrap_unpaired(one, other)
    assert (low + high) / 2 == pytest.approx(other.mean() - one.mean(), abs=0.02)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 / 400), rel=0.15)
    assert all(math.isnan(end) for end in stats.bootstrap_unpaired(one[:0], other))


@pytest.mark.parametrize(("count", "bound"), [(0, 2.996), (1, 4.744), (10, 16.962)])
def test_the_bound_is_that_of_a_poisson_count(count: int, bound: float) -> None:
    assert stats.poisson_bound(count) == pytest.approx(bound, abs=0.001)


def test_five_numbers_say_how_many_are_missing() -> None:
    assert stats.five_numbers([4.0, 0.0, 1.0, 2.0, 3.0]) == "0 | 1 | 2 | 3 | 4"
    shown = stats.five_numbers([2.0, math.nan])
    assert shown == "2 | 2 | 2 | 2 | 2 (none in 1 of 2 runs)"
    assert stats.five_numbers([math.nan]) == "none in 1 runs"


def test_means_and_shares_of_nothing_are_nan() -> None:
    assert stats.mean([1.0, 2.0]) == 1.5
    assert stats.percent([True, False, False, False]) == 25.0
    assert math.isnan(stats.mean([]))
    assert math.isnan(stats.percent([]))


def test_the_gini_coefficient_is_0_for_equals_and_nears_1_for_one_who_has_all() -> None:
    assert stats.gini([1, 1, 1, 1]) == pytest.approx(0.0)
    assert stats.gini([0, 0, 0, 1]) == pytest.approx(0.75)
    assert math.isnan(stats.gini([0, 0]))


def test_a_correlation_is_within_samples() -> None:
    """Two samples that differ in level only: no correlation comes of that."""
    one = (np.array([1.0, 2.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0, 2.0]))
    other = (one[0] + 100.0, one[1] + 100.0)
    r, low, high = stats.correlation([one, other])
    assert r == 0.0
    assert low < 0.0 < high
    assert math.isnan(stats.correlation([(np.ones(9), np.arange(9.0))])[0])


def test_survival_is_kaplan_and_meiers() -> None:
    # 6 subjects; one is censored at 2, one at 5: at risk 6, 5, 3, 1.
    age = np.array([1, 2, 2, 4, 5, 4])
    ended = np.array([True, True, False, True, False, False])
    ages, share = stats.kaplan_meier(age, ended)
    assert ages.tolist() == [0, 1, 2, 4, 5]
    expected = [1.0, 5 / 6, 5 / 6 * 4 / 5, 5 / 6 * 4 / 5 * 2 / 3, 4 / 9]
    assert share == pytest.approx(expected)
    nobody = stats.kaplan_meier(age[:0], ended[:0])
    assert [one.tolist() for one in nobody] == [[0], [1]]


@pytest.mark.slow
def test_statistics_compile_nothing() -> None:
    code = (
        "import sys, sim.utils.stats, sim.utils.parallel; print('numba' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True
    )
    assert found.stdout == b"False\n"
