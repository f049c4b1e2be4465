"""Figure of an audit: how a model answers over what a scene tells, and the rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.plots import style
from sim.plots.style import BLACK, BLUE, GREY

BANDS = 5  # that the range of a column is cut into
ACROSS = 4  # panels side by side


@style.in_own_settings
def surfaces(table: pd.DataFrame, title: str, response: str) -> Figure:
    """Draw the mean response of scenes over each column, beside what the rules draw.

    Parameters
    ----------
    table
        A row a scene and column: ``column``, ``value`` (its value there), ``mean`` (the
        mean response; nan where there is none), ``drawn`` (what the rules draw).
    title
        Of the figure.
    response
        What is answered, with its unit.
    """
    names = list(dict.fromkeys(table["column"]))
    rows = -(-len(names) // ACROSS)
    note = "Dots: a scene. Blue: means of fifths of the range. Dashed: the rules."
    figure = style.blank(style.WIDE, 1.0 + 2.6 * rows, title, note)
    figure.subplots_adjust(
        0.07, 0.5 / (1.0 + 2.6 * rows), 0.98, 1 - 0.95 / (1 + 2.6 * rows)
    )
    figure.subplots_adjust(hspace=0.5, wspace=0.22)
    axes = figure.subplots(rows, ACROSS, sharey=True, squeeze=False).ravel()
    for axis, name in zip(axes, names, strict=False):
        _draw(axis, table[table["column"] == name], name)
        axis.set_ylim(-0.04, 1.04)
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    for axis in axes[::ACROSS]:
        axis.set_ylabel(style.plain(response), fontsize=style.small())
    return figure


def _draw(axis: Axes, rows: pd.DataFrame, name: str) -> None:
    there = rows.dropna(subset=["mean"])
    look: dict[str, Any] = {"color": GREY, "markersize": 3.0, "alpha": 0.6}
    axis.plot(there["value"], there["mean"], ".", **look)
    ends = np.linspace(rows["value"].min(), rows["value"].max(), BANDS + 1)
    band = np.clip(np.digitize(there["value"], ends) - 1, 0, BANDS - 1)
    means = there.groupby(band)[["value", "mean", "drawn"]].mean()
    axis.plot(means["value"], means["mean"], "o-", color=BLUE, markersize=4.0)
    axis.plot(means["value"], means["drawn"], "--", color=BLACK, linewidth=1.2)
    style.frame(axis, name)
