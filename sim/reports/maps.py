"""Heat maps and sensitivity figures of a sweep's report."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sim import plots
from sim.model.parameters import Parameters
from sim.reports.figures import ReportFigure, shown
from sim.reports.provenance import described
from sim.scenarios.outcomes import OUTCOMES
from sim.studies import outcomes, sensitivity
from sim.studies.design import FACTORS
from sim.studies.sweeps import Sweep
from sim.utils.html import Html, element, joined, table
from sim.utils.text import counted, exact, listed, number, sentence

MOST_MAPS = 4
ENOUGH = 4  # values of x and of y for a diagram to scale; with fewer, cells
MOST_COLUMNS, MOST_CELLS = 12, 400
HALF = 0.5  # of a share: where a contour is drawn


def bars(sweep: Sweep, runs: pd.DataFrame, names: Sequence[str]) -> list[Html]:
    """Return figures of what outcomes depend on, of a design made for that."""
    chosen = enumerate(_varying(runs, names)[:MOST_MAPS], 1)
    return [shown(_bars(sweep, name, number)) for number, name in chosen]


def maps(
    sweep: Sweep, arms: Mapping[str, pd.DataFrame], names: Sequence[str]
) -> list[Html]:
    """Return maps of outcomes over two factors, each over a table of what it shows.

    Parameters
    ----------
    sweep
        A sweep.
    arms
        Its runs that are done, by arm; each arm has maps of its own.
    names
        Outcomes, of which the first that differ between runs are drawn.
    """
    found: list[Html] = []
    for arm, runs in arms.items():
        axes = _axes(runs, sweep.design.varied)
        for name in _varying(runs, names) if axes else ():
            if axes is None or len(found) == MOST_MAPS:
                break
            there = runs[runs[name].notna()]
            grid = there.pivot_table(name, axes[1], axes[0])
            one = _map(sweep, there, (*axes, name), len(found) + 1)
            if len(arms) > 1:
                one = one._replace(title=f"{one.title}, {arm}")
            found.append(joined((shown(one), _numbers(grid, axes, name))))
    return found


def _varying(runs: pd.DataFrame, names: Sequence[str]) -> list[str]:
    return [name for name in names if runs[name].dropna().nunique() > 1]


def _axes(runs: pd.DataFrame, varied: Sequence[str]) -> tuple[str, str] | None:
    """Return the first two factors that are numbers and make a grid, if any."""
    varied = [n for n in varied if n not in FACTORS]
    numeric = [n for n in varied if pd.api.types.is_numeric_dtype(runs[n])]
    numeric = [n for n in numeric if runs[n].dtype != bool and runs[n].nunique() > 1]
    if len(numeric) < 2:
        return None
    x, y = numeric[:2]
    cells = runs[x].nunique() * runs[y].nunique()
    points = len(runs[[x, y]].drop_duplicates())
    return (x, y) if cells <= min(MOST_CELLS, 2 * points) else None


def _label(name: str, kind: type[Parameters]) -> str:
    unit, _, meaning, _ = described(name, kind)
    return f"{meaning} ({name}{'' if unit == '1' else f', {unit}'})"


def _map(
    sweep: Sweep, runs: pd.DataFrame, what: tuple[str, str, str], at: int
) -> ReportFigure:
    x, y, name = what
    is_share = name in OUTCOMES and OUTCOMES[name].unit == "share"
    kind = sweep.design.parameters()
    labels = (_label(x, kind), _label(y, kind), outcomes.meaning(name))
    drawing = plots.Map(x, y, name, labels, (HALF,) if is_share else ())
    grid = runs.pivot_table(name, y, x)
    full = min(grid.shape) >= ENOUGH and bool(grid.notna().all(axis=None))
    others = [n for n in sweep.design.varied if n not in (x, y, *FACTORS)]
    mean = f", and over all values of {listed(others)}" if others else ""
    caption = f"{sentence(outcomes.meaning(name))} Mean over the seeds{mean}, of runs "
    caption += "that have it."
    if is_share:
        caption += f" The line is where it is {HALF:g}."
    return ReportFigure(
        f"map-{at}",
        f"{name} over {x} and {y}",
        caption,
        partial(plots.phase if full else plots.heat_map, runs, drawing, title=name),
        partial(tell_map, grid, name),
    )


def tell_map(grid: pd.DataFrame, name: str) -> str:
    """Return where an outcome is least and most, and how it goes with each factor."""
    x, y = str(grid.columns.name), str(grid.index.name)
    values = grid.to_numpy(float)
    sentences = [f"{name} at {counted(int(np.isfinite(values).sum()), 'point')}."]
    for word, at in (("Least", np.nanargmin(values)), ("Most", np.nanargmax(values))):
        row, column = divmod(int(at), values.shape[1])
        where = f"{x} {exact(grid.columns[column])} and {y} {exact(grid.index[row])}"
        sentences.append(f"{word}, {number(values[row, column])}, at {where}.")
    for axis, means in ((x, grid.mean()), (y, grid.mean(axis=1))):
        first, last = (number(means.iloc[end]) for end in (0, -1))
        ends = f"{exact(means.index[0])} to {exact(means.index[-1])}"
        sentences.append(f"From {axis} {ends}, the mean goes from {first} to {last}.")
    return " ".join(sentences)


def _numbers(grid: pd.DataFrame, axes: tuple[str, str], name: str) -> Html:
    """Return the cells of a map as a table, if there is room for it."""
    if grid.shape[1] > MOST_COLUMNS:
        return Html("")
    heads = (f"{axes[1]} / {axes[0]}", *(exact(value) for value in grid.columns))
    rows = [
        (exact(y), *map(number, row))
        for y, row in zip(grid.index, grid.to_numpy(float), strict=True)
    ]
    return table(f"Mean of {name}: {axes[1]} down, {axes[0]} across", heads, rows)


# ----------------------------------------------------------------------- sensitivity


def _bars(sweep: Sweep, name: str, at: int) -> ReportFigure:
    @functools.cache
    def indices() -> pd.DataFrame:
        found: pd.DataFrame = sensitivity.indices(sweep, name)
        return found

    def draw() -> Any:
        return plots.sensitivity(indices(), f"What {name} depends on")

    return ReportFigure(
        f"map-{at}",
        f"What {name} depends on",
        f"{sentence(outcomes.meaning(name))} Indices of the {sweep.design.form} "
        "design with 95 % intervals, from the mean over seeds at each point.",
        draw,
        lambda: tell_bars(indices(), name),
    )


def tell_bars(table: pd.DataFrame, name: str) -> str:
    """Return the parameters in the order in which an outcome depends on them."""
    column = "ST" if "ST" in table else "mu_star"
    what = {"ST": "total share of variance", "mu_star": "mean absolute effect"}[column]
    order = table[column].sort_values(ascending=False)
    parts = [f"{parameter} {number(value)}" for parameter, value in order.items()]
    return f"Bars of what {name} depends on, by {what}: {listed(parts)}."


def section(found: list[Html]) -> list[Html]:
    """Return figures, or why there are none."""
    if found:
        return found
    why = "No figure: one takes a factor that varies, and outcomes that differ between "
    why += "runs."
    return [element("p", why)]
