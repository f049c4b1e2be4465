"""Figures of sweeps: outcomes by factor, heat maps, phase diagrams, sensitivity."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.ticker import MaxNLocator

from sim.plots import findings, style
from sim.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY
from sim.utils.errors import InputError, nearest
from sim.utils.signatures import checked_arguments

SENSITIVITIES = (
    ("S1", "first order (S1): alone", BLUE),
    ("ST", "total (ST): with all interactions", ORANGE),
    ("mu_star", "mean absolute effect (mu*)", BLUE),
    ("sigma", "spread of effects (sigma): interaction, curvature", ORANGE),
)


class Map(NamedTuple):
    """An outcome over two parameters: what to call things, where to draw contours.

    Attributes
    ----------
    x, y, outcome
        Columns of the table.
    labels
        What to write for x, y and the outcome, with units; '' takes the column's name.
    levels
        Values of the outcome at which contours are drawn.
    scale
        What to multiply the outcome with (100 for a share in %).
    """

    x: str
    y: str
    outcome: str
    labels: tuple[str, str, str] = ("", "", "")
    levels: tuple[float, ...] = ()
    scale: float = 1.0

    def texts(self) -> list[str]:
        """Return what to write for x, y and the outcome."""
        names = (self.x, self.y, self.outcome)
        return [text or name for text, name in zip(self.labels, names, strict=True)]


@checked_arguments()
@style.in_own_settings
def heat_map(table: pd.DataFrame, what: Map, title: str = "") -> Figure:
    """Draw the mean of an outcome as a coloured, numbered cell for each grid point.

    A point of which no run has the outcome has a dash, one without runs is blank. The
    title says where the outcome is least and most.

    Parameters
    ----------
    table
        A row a run (or a point), with the columns that ``what`` names.
    what
        What is drawn over what.
    title
        What the table is of: stands below the finding.

    Raises
    ------
    InputError
        If a column is missing, or has no numbers.
    """
    grid = _grid(table, what)
    tried = table.groupby([what.y, what.x]).size().unstack(fill_value=0)
    figure, axis = _map_figure(table, what, title, grid)
    values = np.ma.masked_invalid(grid.to_numpy(float))
    image = axis.imshow(values, origin="lower", aspect="auto", cmap=style.SHADES)
    low, high = _limits(values)
    image.set_clim(low, high)
    for (row, column), value in np.ndenumerate(grid.to_numpy(float)):
        if np.isfinite(value):
            bright = value > low + 0.55 * (high - low)
            colour = "black" if bright else "white"
            text = f"{value:.0f}" if high - low >= 20 else f"{value:.2g}"
            axis.text(column, row, text, ha="center", va="center", color=colour)
        elif tried.iloc[row, column]:
            axis.text(column, row, "–", ha="center", va="center", color=BLACK)
    across, up = np.arange(grid.shape[1]), np.arange(grid.shape[0])
    _contours(axis, across, up, values, what)
    axis.set_xticks(across, [f"{value:g}" for value in grid.columns])
    axis.set_yticks(up, [f"{value:g}" for value in grid.index])
    _colour_bar(figure, image, axis, what)
    return figure


@checked_arguments()
@style.in_own_settings
def phase(table: pd.DataFrame, what: Map, title: str = "") -> Figure:
    """Draw an outcome over two parameters to scale, with contours between the points.

    Parameters
    ----------
    table, what, title
        As for ``heat_map``; points where runs differ by over a quarter of the whole
        range are ringed: there, the seed decides.

    Raises
    ------
    InputError
        If a column is missing, or there are not at least two values of x and of y.
    """
    grid = _grid(table, what)
    if min(grid.shape) < 2:
        raise InputError("a phase diagram takes at least two values of x and of y")
    figure, axis = _map_figure(table, what, title, grid)
    x, y = grid.columns.to_numpy(float), grid.index.to_numpy(float)
    values = np.ma.masked_invalid(grid.to_numpy(float))
    low, high = _limits(values)
    bands = MaxNLocator(10).tick_values(low, high)
    image = axis.contourf(x, y, values, bands, cmap=style.SHADES, extend="neither")
    _contours(axis, x, y, values, what)
    spots = np.array([(a, b) for b in y for a in x])
    axis.plot(*spots.T, ".", color="white", markeredgecolor=BLACK, markersize=6)
    spread = table.groupby([what.y, what.x])[what.outcome].std().unstack() * what.scale
    unsure = (spread > 0.25 * (high - low)).to_numpy().ravel()
    look: dict[str, Any] = {"markerfacecolor": "none", "markersize": 13}
    if unsure.any():
        ring = axis.plot(*spots[unsure].T, "o", markeredgecolor=RED, **look)
        ring[0].set_label("runs disagree (spread over a quarter of the range)")
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0.0, -0.1)}
        axis.legend(frameon=False, fontsize=style.small(), **place)
    axis.set_xlim(x[0], x[-1])
    axis.set_ylim(y[0], y[-1])
    for spines in axis.spines.values():
        spines.set_zorder(0)
    for line in axis.lines:
        line.set_clip_on(False)
    _colour_bar(figure, image, axis, what)
    return figure


def _grid(table: pd.DataFrame, what: Map) -> pd.DataFrame:
    """Return the mean outcome, rows by y and columns by x; nan where no run has it."""
    for name in (what.x, what.y, what.outcome):
        if name not in table:
            hint = nearest(name, map(str, table.columns))
            raise InputError(f"the table has no column {name!r}{hint}")
    try:
        numbers = table[[what.x, what.y, what.outcome]].astype(float)
    except (TypeError, ValueError):
        raise InputError(f"a map takes numbers; {what} has others") from None
    if numbers[what.outcome].isna().all():
        raise InputError(f"the table has no value of {what.outcome!r}")
    grid = numbers.pivot_table(what.outcome, what.y, what.x) * what.scale
    every = (np.unique(numbers[name].dropna()) for name in (what.y, what.x))
    return grid.reindex(index=next(every), columns=next(every))


def _map_figure(
    table: pd.DataFrame, what: Map, title: str, grid: pd.DataFrame
) -> tuple[Figure, Axes]:
    points = len(table[[what.x, what.y]].drop_duplicates())
    runs = len(table) / max(1, points)
    note = f"{points} point{'s' * (points != 1)}, {runs:g} run{'s' * (runs != 1)} each"
    lacking = table[what.outcome].astype(float).isna()
    if lacking.any():
        count = int(lacking.sum())
        note += f"; {count} run{'s' * (count != 1)} without the outcome"
    if what.levels:
        levels = ", ".join(f"{level:g}" for level in what.levels)
        note += f"; white line{'s' * (len(what.levels) > 1)} at {levels}"
    columns = (what.x, what.y, what.outcome)
    finding = findings.of_map(
        grid, what.texts(), (*columns[:2], what.texts()[2]), columns
    )
    figure = style.blank(10.0, 7.0, finding, f"{title}; {note}" if title else note)
    figure.subplots_adjust(0.09, 0.14, 0.98, 0.885)
    axis = figure.subplots()
    axis.set_xlabel(style.plain(what.texts()[0]), fontsize=style.usual())
    axis.set_ylabel(style.plain(what.texts()[1]), fontsize=style.usual())
    return figure, axis


def _limits(values: Any) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _contours(axis: Axes, x: Any, y: Any, values: Any, what: Map) -> None:
    """Draw and label the contours, if there is anything on both sides of them."""
    low, high = float(values.min()), float(values.max())
    levels = sorted(level for level in what.levels if low < level < high)
    if levels and min(values.shape) > 1:
        lines = axis.contour(x, y, values, levels=levels, colors="white", linewidths=2)
        edged: list[AbstractPathEffect] = [withStroke(linewidth=4, foreground=BLACK)]
        lines.set_path_effects(edged)
        if len(levels) > 1:
            named = axis.clabel(
                lines, fmt=lambda level: f"{level:g}", fontsize=style.usual()
            )
            for text in named:
                text.set_path_effects(edged)


def _colour_bar(figure: Figure, image: Any, axis: Axes, what: Map) -> None:
    bar = figure.colorbar(image, ax=axis, pad=0.02)
    bar.set_label(style.plain(what.texts()[2]), fontsize=style.usual())


@checked_arguments()
@style.in_own_settings
def sensitivity(table: pd.DataFrame, title: str = "", most: int = 15) -> Figure:
    """Draw bars of how much an outcome depends on each parameter, largest on top.

    Parameters
    ----------
    table
        A row a parameter: its ``name`` (or ``parameter``, or the index), then ``S1``
        and ``ST`` (shares of variance) or ``mu_star`` (units of the outcome) and
        ``sigma``, each with its half-width of confidence in a column ``..._conf``, or
        its limits in ``..._low`` and ``..._high``, if there are such.
    title
        What the outcome is: stands below the finding.
    most
        How many parameters there is room for; the figure says how many are left out.

    Raises
    ------
    InputError
        If the table has none of these columns.
    """
    known = [one for one in SENSITIVITIES if one[0] in table]
    if not known:
        raise InputError("a table of sensitivities has columns S1, ST or mu_star")
    for name in ("name", "parameter"):
        table = table.set_index(name) if name in table else table
    order = "ST" if "ST" in table else known[0][0]
    shown = table.sort_values(order).tail(most)
    left_out = len(table) - len(shown)
    note = f"{len(shown)} parameters"
    note += f" of {len(table)}, the others matter less" if left_out else ""
    if any(_reach(table, name) is not None for name, _, _ in known):
        note += "; whiskers: 95 % confidence"
    height = 2.0 + 0.46 * len(shown)
    note = f"{title or 'what the outcome depends on'}; {note}"
    shares = known[0][0] in ("S1", "ST")
    finding = findings.of_sensitivities(shown[order], _reach(shown, order), shares)
    figure = style.blank(11.0, height, finding, note)
    letters = max(len(str(name)) for name in shown.index)
    left = min(0.35, 0.03 + 0.0082 * letters)
    figure.subplots_adjust(left, 0.95 / height, 0.97, 1 - 0.85 / height)
    axis = figure.subplots()
    _bars(axis, shown, known)
    axis.set_yticks(
        np.arange(len(shown)), [style.plain(str(name)) for name in shown.index]
    )
    label = "share of the outcome's variance" if shares else "effect on the outcome"
    style.frame(axis, label)
    axis.grid(axis="x", color=style.PALE, linewidth=0.8)
    axis.grid(visible=False, axis="y")
    axis.axvline(0, color=GREY, linewidth=0.8)
    axis.set_ylim(-0.6, len(shown) - 0.4)
    axis.legend(loc="lower right", fontsize=style.small(), framealpha=0.9)
    return figure


def _bars(
    axis: Axes, shown: pd.DataFrame, known: Sequence[tuple[str, str, str]]
) -> None:
    thick = 0.8 / len(known)
    rows: npt.NDArray[np.float64] = np.arange(len(shown), dtype=float)
    for at, (name, label, colour) in enumerate(known):
        middle = rows + (len(known) - 1 - 2 * at) * thick / 2
        value = shown[name].to_numpy(float)
        axis.barh(middle, value, 0.92 * thick, color=colour, label=label)
        reach = _reach(shown, name)
        if reach is not None:
            line: dict[str, Any] = {"fmt": "none", "ecolor": BLACK, "elinewidth": 1}
            axis.errorbar(value, middle, xerr=reach, **line)


def _reach(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64] | None:
    """Return how far confidence reaches to either side of a value, float[2, n]."""
    if f"{name}_conf" in table:
        width = table[f"{name}_conf"].to_numpy(float)
        return np.array([width, width])
    if f"{name}_low" in table and f"{name}_high" in table:
        value = table[name].to_numpy(float)
        left = value - table[f"{name}_low"].to_numpy(float)
        return np.array([left, table[f"{name}_high"].to_numpy(float) - value])
    return None


EFFECTS = ("factor", "level", "arm", "mean", "low", "high")
INKS = (BLUE, ORANGE, RED, GREEN, PURPLE, BLACK, SKY)


@checked_arguments()
@style.in_own_settings
def effects(table: pd.DataFrame, outcome: str, title: str = "") -> Figure:
    """Draw the mean of an outcome at each level of each factor, with its interval.

    Parameters
    ----------
    table
        A row a level and arm: ``factor``, ``level``, ``arm`` ('' if there is one only),
        ``mean``, and its interval from ``low`` to ``high`` (nan for none).
    outcome
        What it is the mean of.
    title
        The finding; the outcome if it is empty.

    Raises
    ------
    InputError
        If the table lacks a column, or has no row.
    """
    lacking = [name for name in EFFECTS if name not in table]
    if lacking or table.empty:
        lack = f"lacks {', '.join(lacking)}" if lacking else "has no row"
        raise InputError(f"a table of effects has {', '.join(EFFECTS)}; this {lack}")
    arms = list(dict.fromkeys(table["arm"]))
    places, ticks, heads = _rows_down(table)
    height = 1.75 + 0.27 * (max(places) + 1)
    note = "mean over seeds"
    if table[["low", "high"]].notna().all(axis=1).any():
        note += ", with its 95 % interval"
    figure = style.blank(style.WIDE, height, title or outcome, note)
    axis = figure.add_axes((0.27, 0.75 / height, 0.53, 1 - 1.5 / height))
    for arm, rows in table.assign(at=places).groupby("arm", sort=False):
        ink = INKS[arms.index(arm) % len(INKS)] if arm else BLACK
        line: dict[str, Any] = {"color": ink, "linestyle": "", "elinewidth": 1.4}
        value = rows["mean"].to_numpy(float)
        reach = np.nan_to_num(np.abs(rows[["low", "high"]].to_numpy(float).T - value))
        axis.errorbar(value, rows["at"], xerr=reach, marker="o", label=arm, **line)
    axis.set_yticks(list(ticks), [style.plain(text) for text in ticks.values()])
    axis.tick_params(axis="y", length=0, labelsize=style.small())
    for at, factor in heads.items():
        axis.text(
            -0.01, at, style.plain(factor), transform=axis.get_yaxis_transform(),
            ha="right", va="center", fontsize=style.small(), fontweight="bold",
        )  # fmt: skip
    style.frame(axis, outcome)
    axis.grid(axis="x", color=style.PALE, linewidth=0.8)
    axis.grid(visible=False, axis="y")
    axis.set_ylim(max(places) + 0.7, -0.7)
    if len([arm for arm in arms if arm]) > 1:
        handles = axis.get_legend_handles_labels()[0]
        style.beside(axis, [one for one in handles if str(one.get_label()) in arms])
    return figure


def _rows_down(
    table: pd.DataFrame,
) -> tuple[list[float], dict[float, str], dict[float, str]]:
    """Return where each row of a table of effects is, and each level and factor."""
    places: list[float] = []
    ticks: dict[float, str] = {}
    heads: dict[float, str] = {}
    at, before = -1.0, ("", "")
    for factor, level in zip(table["factor"], table["level"], strict=True):
        if factor != before[0]:
            at += 1.4 if heads else 1.0
            heads[at] = textwrap.shorten(str(factor), 40, placeholder=" ...")
        if (factor, level) != before:
            at += 1.0
            ticks[at] = textwrap.shorten(str(level), 40, placeholder=" ...")
        else:
            at += 0.5
        before = factor, level
        places.append(at)
    return places, ticks, heads
