"""Which communities OSes form, and how they flow into each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline

from sim.errors import InputError
from sim.names import os_name
from sim.plots import style
from sim.plots.style import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, RED, SKY
from sim.results import Result
from sim.sampling import telling
from sim.state import DEPARTED, HERE, OFFLINE

if TYPE_CHECKING:
    from sim.model import Society

MOST_DAYS, WEEK = 9, 7
MOST_NAMED = 4  # collectives with a colour of their own
BAR = 0.16  # width of a day's bar, of the distance between days
GAP = 0.012  # between groups, of all OSes
NOT_YET, ALONE, SMALLER = "not yet here", "on its own", "in a smaller collective"
ENDED, LEFT = "uninstalled or shut down", "departed"
FIXED = {ALONE: ORANGE, SMALLER: SKY, LEFT: GREY, ENDED: "#BBBBBB", NOT_YET: PALE}
NAMED = (GREEN, BLUE, PURPLE, RED)


def communities(
    source: Result | Society,
    steps: Sequence[int] | None = None,
    groups: pd.DataFrame | None = None,
) -> Figure:
    """Draw how OSes flow between collectives, day after day (an alluvial diagram).

    Parameters
    ----------
    source
        A run.
    steps
        Snapshot days, at least two; None takes more of them when more changes.
    groups
        Communities to draw instead of collectives: a row an OS (agent numbers), a
        column a day, with a label of the community or -1; as from
        ``found_communities``.

    Raises
    ------
    InputError
        If there is no snapshot of a day, or fewer than two days.
    """
    result = style.result_of(source)
    days = telling(result, MOST_DAYS) if steps is None else list(steps)
    if len(days) < 2:
        raise InputError("flows between communities take at least two snapshot days")
    table = _groups(result, days, groups)
    order = _order(table)
    count = len(table)
    note = f"{count:,} OS{'es' * (count != 1)}; days are not evenly spaced, more of "
    note += "them where more changes; a collective's name goes to its largest heir"
    figure = style.blank(style.WIDE, 7.4, style.title_of(result), note)
    figure.subplots_adjust(0.05, 0.19, 0.985, 0.885)
    axis = figure.subplots()
    if count:
        colours = _colours(order)
        _draw_flows(axis, table, order, colours)
        handles: list[Any] = [
            Rectangle((0, 0), 1, 1, facecolor=colours[name], label=name)
            for name in order
        ]
        style.below(figure, handles, 4)
    else:
        axis.text(0.5, 0.5, "no OS was ever here", ha="center", fontsize=style.LARGE)
    gaps = max(table[day].nunique() for day in days) if count else 1
    _frame(axis, days, max(1.0, count * (1.0 + GAP * gaps)))
    return figure


def found_communities(result: Result, steps: Sequence[int]) -> pd.DataFrame:
    """Return the communities that the detectors of events found among OSes.

    Parameters
    ----------
    result
        A run that keeps its readings.
    steps
        Snapshot days; each takes what was found in the week before it.

    Returns
    -------
    pandas.DataFrame
        A row an OS, a column a day: label of its community, or -1.

    Raises
    ------
    InputError
        If the run was written without readings.
    """
    everyone = result.oses(steps[-1]).index
    columns = {}
    for day in steps:
        found = result.noted("community", day - WEEK + 1, day)
        recent = found[found["agent"] >= result.population]
        last = recent[recent["step"] == recent["step"].max()]
        labels = pd.Series(last["value"].to_numpy(), last["agent"].to_numpy())
        columns[day] = labels.reindex(everyone).fillna(-1).astype(int)
    return pd.DataFrame(columns)


def _groups(
    result: Result, days: Sequence[int], given: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the name of the group of every OS (rows) on every day (columns)."""
    everyone = result.oses(days[-1]).index
    named = {}
    for day in days:
        oses = result.oses(day)
        label = oses["collective"]
        if given is not None:
            label = given[day].reindex(oses.index).fillna(-1).astype(int)
        status = oses["status"]
        group = label.where(status.isin((HERE, OFFLINE)), -1)
        text = group.astype(str).mask(group < 0, ALONE)
        text = text.mask(status == DEPARTED, LEFT).mask(status > DEPARTED, ENDED)
        named[day] = text.reindex(everyone, fill_value=NOT_YET)
    word = "collective" if given is None else "community"
    return _merged(_lineages(pd.DataFrame(named), result, word))


def _lineages(
    table: pd.DataFrame, result: Result, word: str = "collective"
) -> pd.DataFrame:
    """Return the table with collectives named, an heir like the one it comes from.

    The largest group in which members of a collective meet again is its heir.
    """
    traced: dict[Any, pd.Series[Any]] = {}
    before: pd.Series[Any] | None = None
    for day in table.columns:
        today = table[day]
        names: dict[str, str] = {}
        for label in today[~today.isin(FIXED)].value_counts().index:
            members = today.index[today == label]
            name = _founder(result, int(members[0]), word)
            if before is not None:
                origins = before[members]
                known = origins[~origins.isin([*FIXED, *names.values()])].value_counts()
                name = str(known.index[0]) if len(known) else name
            names[label] = name
        before = traced[day] = today.replace(names)
    return pd.DataFrame(traced)


def _founder(result: Result, agent: int, word: str) -> str:
    """Return what to call a collective: after its lowest-numbered OS."""
    name = os_name(int(result.oses()["name"][agent]))
    return f"{word} of {name} ({agent})"


def _merged(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with only the largest collectives told apart."""
    sizes = table.stack().value_counts()
    own = [name for name in sizes.index if name not in FIXED]
    return table.replace(dict.fromkeys(own[MOST_NAMED:], SMALLER))


def _order(table: pd.DataFrame) -> list[str]:
    """Return the groups from bottom to top."""
    there = set(table.to_numpy().ravel().tolist())
    sizes = table.stack().value_counts()
    own = [name for name in sizes.index if name not in FIXED]
    order = [*own, SMALLER, ALONE, LEFT, ENDED, NOT_YET]
    return [name for name in order if name in there]


def _colours(order: Sequence[str]) -> dict[str, str]:
    own = [name for name in order if name not in FIXED]
    return dict(zip(own, NAMED, strict=False)) | FIXED


def _draw_flows(
    axis: Axes, table: pd.DataFrame, order: Sequence[str], colours: Mapping[str, str]
) -> None:
    count = len(table)
    bottoms = [_stack(table[day], order, count) for day in table.columns]
    for at, (before, after) in enumerate(pairwise(table.columns)):
        flows = table.groupby([before, after]).size()
        leave, arrive = dict(bottoms[at]), dict(bottoms[at + 1])
        for one in order:
            for other in order:
                size = int(flows.get((one, other), 0))
                if size:
                    ends = (leave[one], arrive[other])
                    _ribbon(axis, at, ends, size, colours[one])
                    leave[one] += size
                    arrive[other] += size
    for at, day in enumerate(table.columns):
        for name, size in table[day].value_counts().items():
            corner = (at - BAR / 2, bottoms[at][str(name)])
            colour = colours[str(name)]
            axis.add_patch(Rectangle(corner, BAR, size, facecolor=colour, zorder=3))
            if size > 0.035 * count:
                middle = corner[1] + size / 2
                _say(axis, at, middle, f"{size:,}")


def _say(axis: Axes, x: float, y: float, text: str) -> None:
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
    kind: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 9}
    axis.text(x, y, text, bbox=box | {"alpha": 0.85}, zorder=4, **kind)


def _stack(
    column: pd.Series[Any], order: Sequence[str], count: int
) -> dict[str, float]:
    """Return where each group begins on a day."""
    sizes = column.value_counts()
    bottom, found = 0.0, {}
    for name in order:
        found[name] = bottom
        if name in sizes:
            bottom += float(sizes[name]) + GAP * count
    return found


def _ribbon(
    axis: Axes, at: int, ends: tuple[float, float], size: int, colour: str
) -> None:
    """Draw ``size`` OSes that flow from one bar to the next."""
    x0, x1 = at + BAR / 2, at + 1 - BAR / 2
    middle, (y0, y1) = (x0 + x1) / 2, ends
    spots = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
    back = [(x, y + size) for x, y in reversed(spots)]
    codes = [Outline.MOVETO, *[Outline.CURVE4] * 3]
    codes += [Outline.LINETO, *[Outline.CURVE4] * 3, Outline.CLOSEPOLY]
    outline = Outline([*spots, *back, spots[0]], codes)
    look: dict[str, Any] = {"facecolor": colour, "edgecolor": "none"}
    axis.add_patch(PathPatch(outline, alpha=0.4, zorder=2, **look))


def _frame(axis: Axes, days: Sequence[int], top: float) -> None:
    style.frame(axis, "day", "OSes")
    axis.grid(visible=False)
    axis.set_xlim(-0.2, len(days) - 0.8)
    axis.set_ylim(0, top)
    axis.set_xticks(np.arange(len(days)), [str(day) for day in days])
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_yticks([])
