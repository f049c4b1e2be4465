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


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.7062), (2, 4.3027), (4, 2.7764), (9, 2.2622), (30, 2.0423), (1000, 1.9623)],
)
def test_quantiles_are_those_of_students_table(degrees: int, quantile: float) -> None:
    assert stats.t_quantile(degrees) == pytest.approx(quantile, abs=5e-5)


def test_the_interval_of_a_mean_is_students() -> None:
    # The standard error of the mean of 0..9 is 0.9574; t with 9 degrees is 2.2622.
    assert stats.mean_interval(np.arange(10.0)) == pytest.approx(
        (2.334, 6.666), abs=1e-3
    )
    many = np.tile(np.arange(10.0), 10)
    assert np.diff(stats.mean_interval(many)) < 1.2


@pytest.mark.parametrize("count", [2, 3, 4, 6, 20])
def test_intervals_of_few_values_hold_as_often_as_they_say(count: int) -> None:
    rng = np.random.default_rng(1)
    ends = [stats.mean_interval(rng.normal(0.0, 1.0, count)) for _ in range(2000)]
    held = sum(low < 0.0 < high for low, high in ends) / len(ends)
    assert held == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0, 3.0]])
def test_what_shows_no_spread_has_no_interval(values: list[float]) -> None:
    assert all(math.isnan(end) for end in stats.mean_interval(np.array(values)))


def test_half_widths_are_of_students_t() -> None:
    assert stats.half_width(2.0, 4) == pytest.approx(3.1824, abs=1e-4)
    assert math.isnan(stats.half_width(2.0, 1))


def test_few_values_are_said_to_be_few() -> None:
    assert stats.doubt(4).startswith("4 seeds: too few to rely on an interval")
    assert stats.doubt(5) == ""


def test_intervals_of_independent_samples_are_welchs() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(0.0, 1.0, 400), rng.normal(1.0, 1.0, 400)
    low, high = stats.difference_interval(one, other)
    assert (low + high) / 2 == pytest.approx(other.mean() - one.mean())
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 / 400), rel=0.05)
    # Welch's degrees of these are 2.44, rounded down: 6 -+ 4.3027 * sqrt(1/3 + 9/3).
    few = stats.difference_interval(np.arange(1.0, 4.0), np.array([5.0, 8.0, 11.0]))
    assert few == pytest.approx((-1.8555, 13.8555), abs=1e-3)
    assert all(math.isnan(end) for end in stats.difference_interval(one[:1], other))
    assert all(math.isnan(e) for e in stats.difference_interval(np.ones(3), np.ones(3)))


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


def test_the_interval_of_a_median_is_that_of_brookmeyer_and_crowley() -> None:
    # Weeks to relapse of Freireich et al. (1963): with 6-MP, and with placebo.
    treated = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34]
    weeks, relapsed = np.array([*treated, 35]), np.arange(21) < 9
    assert stats.median_interval(weeks, relapsed) == (13.0, math.inf)
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    assert stats.median_interval(np.array(placebo), np.ones(21, bool)) == (4.0, 11.0)
    nothing = np.zeros(0)
    assert stats.median_interval(nothing, nothing) == (math.inf, math.inf)
