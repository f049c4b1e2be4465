"""Communities of OSes over time as flows (alluvial diagram)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline

from sim.model.columns import DEPARTED, HERE, OFFLINE
from sim.model.parameters import WEEK
from sim.plots import findings, style
from sim.plots.style import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, RED, SKY
from sim.runs.result import Result
from sim.runs.selection import informative_days
from sim.utils.errors import InputError
from sim.utils.names import os_name
from sim.utils.signatures import checked_arguments
from sim.utils.text import counted

if TYPE_CHECKING:
    from sim.society import Society


MOST_DAYS = 9
MOST_FOLLOWED = 500  # collectives of a day, from one day to the next
MOST_NAMED = 4  # collectives with a colour of their own
BAR = 0.16  # width of a day's bar, of the distance between days
GAP = 0.012  # between groups, of all OSes
NOT_YET, ALONE, SMALLER = "not yet here", "on its own", "in a smaller collective"
ENDED, LEFT = "uninstalled or shut down", "departed"
AWAY = "offline"  # for titles: bars show where such an OS belongs
FIXED = {ALONE: ORANGE, SMALLER: SKY, LEFT: GREY, ENDED: "#BBBBBB", NOT_YET: PALE}
NAMED = (GREEN, BLUE, PURPLE, RED)


@checked_arguments()
@style.in_own_settings
def communities(
    source: Result | Society,
    steps: Sequence[int] | None = None,
    groups: pd.DataFrame | None = None,
) -> Figure:
    """Draw how OSes flow between collectives, day after day (an alluvial diagram).

    The title says how many of them are in collectives when most are.

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
    days = informative_days(result, MOST_DAYS) if steps is None else list(steps)
    if len(days) < 2:
        raise InputError("flows between communities take at least two snapshot days")
    word = "collective" if groups is None else "community"
    named = _groups(result, days, groups, word)
    gone = (LEFT, ENDED, NOT_YET, AWAY)
    here = _here(result, days, named)
    title = findings.of_groups(here, ALONE, gone, LEFT, word)
    table = _merged(named)
    order = _order(table)
    count = len(table)
    note = f"{counted(count, 'OS')}; days are not evenly spaced, more of them where "
    note += f"more changes; a {word}'s name goes to its largest heir"
    figure = style.blank(style.WIDE, 7.4, title, style.about(result, note), 7.4)
    style.margins(figure, 0.05, 0.19, 0.985, 0.885)
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
        axis.text(0.5, 0.5, "no OS was ever here", ha="center", fontsize=style.large())
    gaps = max(table[day].nunique() for day in days) if count else 1
    _frame(axis, days, max(1.0, count * (1.0 + GAP * gaps)))
    return figure


@checked_arguments()
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
    result: Result, days: Sequence[int], given: pd.DataFrame | None, word: str
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
        text = _renamed(
            group, lambda labels: [str(n) if n >= 0 else ALONE for n in labels]
        )
        text = text.mask(status == DEPARTED, LEFT).mask(status > DEPARTED, ENDED)
        named[day] = text.reindex(everyone, fill_value=NOT_YET)
    return _lineages(pd.DataFrame(named), result, word)


def _here(result: Result, days: Sequence[int], named: pd.DataFrame) -> pd.DataFrame:
    """Return the groups of those who are here; who is offline is in none."""
    here = {}
    for day in days:
        offline = result.oses(day)["status"] == OFFLINE
        here[day] = named[day].mask(
            offline.reindex(named.index, fill_value=False), AWAY
        )
    return pd.DataFrame(here, named.index)


def _renamed(
    column: pd.Series[Any], name: Callable[[list[Any]], list[str]]
) -> pd.Series[Any]:
    """Return a column with other names for its values, each named once."""
    codes, values = pd.factorize(column)
    names = np.array(name(list(values)), object)
    return pd.Series(names[codes], column.index, object)


def _lineages(
    table: pd.DataFrame, result: Result, word: str = "collective"
) -> pd.DataFrame:
    """Return the table with collectives named, an heir like the one it comes from.

    The largest group in which members of a collective meet again is its heir. Of a
    day's groups, ``MOST_FOLLOWED`` are followed; the others are too small to show.
    """
    traced: dict[Any, pd.Series[Any]] = {}
    before: Any = None
    for day in table.columns:
        codes, labels = pd.factorize(table[day])
        names = [str(label) for label in labels]
        rows = np.split(np.argsort(codes, kind="stable"), np.bincount(codes).cumsum())
        own = [at for at, label in enumerate(names) if label not in FIXED]
        own.sort(key=lambda at: -len(rows[at]))
        taken: set[str] = set()
        for at in own[:MOST_FOLLOWED]:
            origins = [] if before is None else before[rows[at]]
            founder = table.index[rows[at][0]]
            names[at] = _heir(origins, taken) or _founder(result, founder, word)
            taken.add(names[at])
        for at in own[MOST_FOLLOWED:]:
            names[at] = SMALLER
        before = np.array(names, object)[codes]
        traced[day] = pd.Series(before, table.index, object)
    return pd.DataFrame(traced)


def _heir(origins: Sequence[str], taken: set[str]) -> str:
    """Return the name that most bring along and no larger group has, if any."""
    codes, names = pd.factorize(np.asarray(origins, object))
    for at in np.argsort(-np.bincount(codes), kind="stable").tolist():
        if names[at] not in FIXED and names[at] not in taken:
            return str(names[at])
    return ""


def _founder(result: Result, agent: int, word: str) -> str:
    """Return what to call a collective: after its lowest-numbered OS."""
    return f"{word} of {os_name(int(result.called[agent]))} ({agent})"


def _sizes(table: pd.DataFrame) -> pd.Series[Any]:
    """Return the sizes of all groups on all days together, the largest first."""
    counts = [table[day].value_counts(sort=False) for day in table.columns]
    total = pd.concat(counts).groupby(level=0, sort=False).sum()
    return total.sort_values(ascending=False, kind="stable")


def _merged(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with only the largest collectives kept apart."""
    own = [name for name in _sizes(table).index if name not in FIXED]
    apart = {*own[:MOST_NAMED], *FIXED}
    return table.apply(
        lambda column: _renamed(
            column, lambda names: [n if n in apart else SMALLER for n in names]
        )
    )


def _order(table: pd.DataFrame) -> list[str]:
    """Return the groups from bottom to top."""
    sizes = _sizes(table)
    own = [name for name in sizes.index if name not in FIXED]
    order = [*own, SMALLER, ALONE, LEFT, ENDED, NOT_YET]
    return [name for name in order if name in sizes.index]


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
    kind: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": style.points(9)}
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
    axis.set_xlim(-0.36 if style.narrow() else -0.2, len(days) - 0.8)
    axis.set_ylim(0, top)
    axis.set_xticks(np.arange(len(days)), [str(day) for day in days])
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_yticks([])
