"""Figures of many runs: maps, phase diagrams, differences, sensitivities."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from legible import complaints

from sim import plots
from sim.utils.errors import InputError

WHAT = plots.Map(
    "k", "a", "left", ("exponent k", "affinity", "departed, %"), (50.0,), 100
)
DAYS = np.arange(100)


@pytest.fixture
def sweep() -> pd.DataFrame:
    """Return a grid of 5 by 4 points, two runs each, that tips from none to all."""
    rows = []
    for k, a, seed in product((0.0, 0.5, 0.75, 1.0, 1.5), (0.0, 0.5, 1.0, 3.0), (0, 1)):
        left = float(k + a > 1.2) if k + a != 1.25 else float(seed)
        rows.append({"k": k, "a": a, "seed": seed, "left": left})
    return pd.DataFrame(rows)


@pytest.fixture
def pairs() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return six paired series that part on day 40."""
    noise = np.random.default_rng(1).normal(0.0, 0.1, (100, 6)).cumsum(axis=0)
    base = pd.DataFrame(2.0 + noise, index=DAYS)
    return base, base + np.clip(DAYS - 40, 0, None)[:, None] * np.linspace(
        0.01, 0.03, 6
    )


# ------------------------------------------------------------------------------ maps


def test_a_heat_map_shows_the_mean_of_each_point(sweep: pd.DataFrame) -> None:
    figure = plots.heat_map(sweep, WHAT, "Where OSes leave")
    assert complaints(figure) == []
    axis, bar = figure.axes
    values = np.asarray(axis.images[0].get_array())
    assert values.shape == (4, 5)
    assert values[0, 0] == 0.0
    assert values[3, 4] == 100.0
    assert {text.get_text() for text in axis.texts} == {"0", "50", "100"}
    assert [t.get_text() for t in axis.get_xticklabels()][:2] == ["0", "0.5"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("exponent k", "affinity")
    assert bar.get_ylabel() == "departed, %"
    assert any("20 points, 2 runs each" in text.get_text() for text in figure.texts)


def test_a_point_without_runs_is_left_blank(sweep: pd.DataFrame) -> None:
    holed = sweep[(sweep["k"] != 0.5) | (sweep["a"] != 0.5)]
    assert len(plots.heat_map(holed, WHAT).axes[0].texts) == 19


def test_points_of_which_no_run_has_the_outcome_are_still_there(
    sweep: pd.DataFrame,
) -> None:
    late = sweep.assign(left=sweep["left"].where(sweep["k"] > 0.0))
    figure = plots.heat_map(late, WHAT)
    assert complaints(figure) == []
    axis = figure.axes[0]
    assert np.asarray(axis.images[0].get_array()).shape == (4, 5)
    assert [text.get_text() for text in axis.texts].count("–") == 4
    assert any("; 8 runs without the outcome" in t.get_text() for t in figure.texts)
    assert len(plots.phase(late, WHAT).axes[0].lines[0].get_xdata()) == 20
    one = plots.heat_map(late[(late["k"] == 0.5) & (late["a"] == 0.5)], WHAT)
    assert any("1 point, 2 runs each" in text.get_text() for text in one.texts)


def test_a_phase_diagram_is_to_scale_and_rings_what_the_seed_decides(
    sweep: pd.DataFrame,
) -> None:
    figure = plots.phase(sweep, WHAT._replace(levels=(25.0, 50.0)))
    assert complaints(figure) == []
    axis = figure.axes[0]
    assert axis.get_xlim() == (0.0, 1.5)
    points, rings = axis.lines
    assert len(points.get_xdata()) == 20
    ringed = {tuple(at) for at in np.transpose(rings.get_data()).tolist()}
    assert ringed == {(0.75, 0.5)}


def test_a_map_of_one_value_can_be_drawn(sweep: pd.DataFrame) -> None:
    for draw in (plots.heat_map, plots.phase):
        assert complaints(draw(sweep.assign(left=1.0), WHAT)) == []


def test_a_map_refuses_what_it_cannot_show(sweep: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no column 'lefd'; did you mean 'left'"):
        plots.heat_map(sweep, WHAT._replace(outcome="lefd"))
    with pytest.raises(InputError, match="a map takes numbers"):
        plots.heat_map(sweep.assign(k="high"), WHAT)
    with pytest.raises(InputError, match="no value of 'left'"):
        plots.heat_map(sweep.assign(left=np.nan), WHAT)
    with pytest.raises(InputError, match="at least two values"):
        plots.phase(sweep[sweep["k"] == 0.5], WHAT)


# ------------------------------------------------------------------------ differences


def test_the_difference_is_that_of_pairs(
    pairs: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    what = plots.ComparisonLabels("her", "her, no peers", "grief (closeness)", since=40)
    figure = plots.difference(*pairs, what)
    assert complaints(figure) == []
    assert figure.texts[1].get_text().startswith("her, no peers, against her; 6 pairs")
    lines = {str(line.get_label()): line for line in figure.axes[1].lines}
    mean = lines["mean difference"].get_ydata()
    assert mean[:41] == pytest.approx(np.zeros(41))
    assert mean[-1] == pytest.approx(59 * 0.02)
    assert any(line.get_label() == "day of the change" for line in figure.axes[0].lines)


def test_names_are_words_whatever_they_hold(
    pairs: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    rude = "her $\\frac{1}$ <script> " + "and so on " * 30
    figure = plots.difference(
        *pairs, plots.ComparisonLabels(rude, "$x", "costs in $ or $$")
    )
    assert complaints(figure) == []
    bars = plots.sensitivity(pd.DataFrame({"name": ["a$b$", "$c"], "S1": [0.1, 0.2]}))
    assert complaints(bars) == []


def test_one_pair_has_no_band(pairs: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    one, other = (table[[0]] for table in pairs)
    figure = plots.difference(
        one.to_numpy(), other.to_numpy(), plots.ComparisonLabels()
    )
    assert not [axis for axis in figure.axes if axis.collections]


def test_what_is_not_paired_is_not_compared(
    pairs: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    one, other = pairs
    with pytest.raises(InputError, match=r"\(100, 6\) and \(100, 5\)"):
        plots.difference(one, other[[0, 1, 2, 3, 4]], plots.ComparisonLabels())
    with pytest.raises(InputError, match="at least one day"):
        plots.difference(one.iloc[:0], other.iloc[:0], plots.ComparisonLabels())


# ---------------------------------------------------------------------- sensitivities


def test_parameters_are_in_order_of_what_they_do() -> None:
    table = pd.DataFrame(
        {
            "name": ["reach", "warming", "growth_exponent"],
            "S1": [0.1, 0.2, 0.3],
            "S1_conf": [0.02, 0.02, 0.02],
            "ST": [0.2, 0.6, 0.4],
            "ST_conf": [0.05, 0.05, 0.05],
        }
    )
    figure = plots.sensitivity(table, "What departure depends on")
    assert complaints(figure) == []
    axis = figure.axes[0]
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["reach", "growth_exponent", "warming"]
    first, total = axis.containers[0], axis.containers[2]
    assert [bar.get_width() for bar in first] == [0.1, 0.3, 0.2]
    assert [bar.get_width() for bar in total] == [0.2, 0.4, 0.6]


def test_confidence_may_be_given_as_limits() -> None:
    rows = {
        "mu_star": [0.2, 0.4],
        "mu_star_low": [0.1, 0.2],
        "mu_star_high": [0.5, 0.6],
    }
    table = pd.DataFrame(rows, index=pd.Index(["reach", "warming"], name="parameter"))
    whiskers = plots.sensitivity(table).axes[0].collections[0].get_segments()
    assert [line[:, 0].tolist() for line in whiskers] == [[0.1, 0.5], [0.2, 0.6]]


def test_the_least_parameters_are_left_out_and_the_figure_says_so() -> None:
    effects = np.arange(30.0)
    table = pd.DataFrame({"mu_star": effects}, index=[f"p{n}" for n in range(30)])
    figure = plots.sensitivity(table, most=4)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["p26", "p27", "p28", "p29"]
    assert any("4 parameters of 30" in text.get_text() for text in figure.texts)
    with pytest.raises(InputError, match="columns S1, ST or mu_star"):
        plots.sensitivity(table.rename(columns={"mu_star": "mu"}))
