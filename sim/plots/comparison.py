"""Figures of a counterfactual comparison."""

from __future__ import annotations

import textwrap
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.plots import findings, style
from sim.plots.style import BLACK, BLUE, GREY, RED
from sim.utils.errors import InputError
from sim.utils.signatures import checked_arguments
from sim.utils.stats import half_width
from sim.utils.text import counted

MIDDLE = (10.0, 90.0)  # percentiles of a band

Array = npt.NDArray[np.float64]


class ComparisonLabels(NamedTuple):
    """What is compared: words for a figure.

    Attributes
    ----------
    base, changed
        What the societies are called, before and after.
    measure
        What is measured, with its unit.
    since
        Day of the change; None draws no mark.
    """

    base: str = "as it was"
    changed: str = "changed"
    measure: str = ""
    since: int | None = None


@checked_arguments()
@style.in_own_settings
def difference(
    base: pd.DataFrame | Array, changed: pd.DataFrame | Array, what: ComparisonLabels
) -> Figure:
    """Draw paired runs: both outcomes, and the difference with its band.

    The title says what the change came to by the last day.

    Parameters
    ----------
    base, changed
        A measure by day (rows) and seed (columns); the same days and seeds in both.
        An array counts days from 0.
    what
        What is compared.

    Raises
    ------
    InputError
        If the two do not have the same days and seeds.
    """
    one, other = _table(base), _table(changed)
    if one.shape != other.shape or not one.index.equals(other.index):
        sizes = f"{one.shape} and {other.shape} (days, seeds)"
        raise InputError(f"pairs need the same days and seeds; these have {sizes}")
    count = one.shape[1]
    against = f"{what.changed}, against {what.base}"
    note = textwrap.shorten(against, style.MOST_OF_A_RUN, placeholder=" ...")
    note += f"; {counted(count, 'pair')} of societies, each with the same random "
    note += "numbers; bands above hold four in five runs"
    figure = style.blank(style.WIDE, 7.6, _finding(other - one, what.measure), note)
    figure.subplots_adjust(0.085, 0.085, 0.765, 0.89, hspace=0.12)
    top, bottom = figure.subplots(2, 1, sharex=True)
    for table, colour, name in ((one, BLUE, what.base), (other, RED, what.changed)):
        _banded(top, table, colour, name)
    style.frame(top, y=what.measure)
    _draw_difference(bottom, other - one)
    style.frame(bottom, "day", f"difference in\n{what.measure}")
    for axis in (top, bottom):
        if what.since is not None:
            axis.axvline(
                what.since, color=GREY, linestyle=":", label="day of the change"
            )
        style.beside(axis)
    style.days_across(bottom, int(one.index[0]), int(one.index[-1]))
    figure.align_ylabels([top, bottom])
    return figure


def _finding(gap: pd.DataFrame, measure: str) -> str:
    """Return what the change came to by the last day."""
    last, count = gap.iloc[-1], gap.shape[1]
    half = float(half_width(float(last.std()), count)) if count > 1 else np.nan
    day = int(str(gap.index[-1]))
    return findings.of_difference(day, float(last.mean()), half, measure)


def _table(curves: pd.DataFrame | Array) -> pd.DataFrame:
    table = pd.DataFrame(curves).astype(float)
    if table.empty:
        raise InputError("a comparison takes at least one day and one seed")
    return table


def _banded(axis: Axes, table: pd.DataFrame, colour: str, name: str) -> None:
    """Draw the median over seeds, and a band if there are several."""
    days = table.index.to_numpy(float)
    if table.shape[1] > 1:
        low, high = np.nanpercentile(table.to_numpy(), MIDDLE, axis=1)
        axis.fill_between(days, low, high, color=colour, alpha=0.2, linewidth=0)
    look: dict[str, Any] = {"color": colour, "linewidth": 2.0}
    axis.plot(days, table.median(axis=1), label=name, **look)


def _draw_difference(axis: Axes, gap: pd.DataFrame) -> None:
    """Draw each pair's difference, their mean and how sure it is."""
    days, count = gap.index.to_numpy(float), gap.shape[1]
    thin = axis.plot(days, gap.to_numpy(), color=GREY, linewidth=0.6, alpha=0.6)
    thin[0].set_label("a pair")
    mean = gap.mean(axis=1)
    if count > 1:
        error = half_width(gap.std(axis=1), count)
        look: dict[str, Any] = {"color": BLACK, "alpha": 0.25, "linewidth": 0}
        axis.fill_between(
            days, mean - error, mean + error, label="95 % interval", **look
        )
    axis.plot(days, mean, color=BLACK, linewidth=2.0, label="mean difference")
    axis.axhline(0.0, color=BLACK, linewidth=0.8)
