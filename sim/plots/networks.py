"""Figures of relationship networks: who is close to whom, on one day or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from sim.model.columns import DEPARTED
from sim.model.parameters import FRIEND
from sim.plots import findings, style
from sim.plots.style import (
    GONE,
    GREEN,
    GREY,
    HUMAN,
    JOINED,
    SINGLE,
    TIE_KINDS,
    Glyph,
)
from sim.runs import headcount
from sim.runs.result import Result
from sim.runs.selection import (
    layout,
    moments,
    neighbourhood,
    pairs,
    visible,
)
from sim.utils.errors import InputError
from sim.utils.signatures import checked_arguments

if TYPE_CHECKING:
    from sim.society import Society


MOST_DRAWN = 240
CLOSEST_DRAWN, CLOSEST_LAID_OUT = FRIEND, 0.1
FADING = 90.0  # days in which a departed OS fades to FAINT
FAINT = 0.25

Place = npt.NDArray[np.float64]
Places = dict[int, Place]


class NetworkLayout(NamedTuple):
    """Who is drawn, and where each stays."""

    agents: npt.NDArray[np.int64]
    places: Places
    everyone: int  # agents there are in all
    sampled: bool

    @property
    def who(self) -> str:
        """Whether all are drawn, or how many of them."""
        if self.sampled:
            whole = f"{self.everyone:,} agents (not all of them)"
            return f"A neighbourhood of {len(self.agents)} of {whole}"
        return f"All {self.everyone} agents" if self.everyone > 1 else "The only agent"


@checked_arguments()
def scene(
    result: Result, steps: Sequence[int], most: int | None = None, known: Any = None
) -> NetworkLayout:
    """Choose who is drawn, and lay them out by their ties on all ``steps``.

    Parameters
    ----------
    result
        A run.
    steps
        Snapshot days to be shown.
    most
        How many agents there is room for (``MOST_DRAWN``).
    known
        An earlier scene, whose agents stay where they are.

    Raises
    ------
    InputError
        If there is no snapshot of one of ``steps``.
    """
    agents = neighbourhood(result, steps, most or MOST_DRAWN)
    there = headcount.numbers_there(result, *steps)
    everyone = len(there) + len(result.oses(steps[-1]))
    sampled = len(agents) < everyone
    seen = [visible(result.oses(day), agents).index.to_numpy() for day in steps]
    agents = np.unique(np.concatenate([agents[np.isin(agents, there)], *seen]))
    ties = [pairs(result, day, agents, CLOSEST_LAID_OUT) for day in steps]
    fixed = known.places if known is not None else {}
    return NetworkLayout(agents, layout(agents, ties, fixed), everyone, sampled)


def draw(
    axis: Axes, result: Result, day: int, shown: NetworkLayout, scale: float = 1
) -> None:
    """Draw who is close to whom on a day; ``scale`` multiplies sizes."""
    _draw_collectives(axis, result, day, shown.places, scale)
    ties = pairs(result, day, shown.agents, CLOSEST_DRAWN)
    _draw_ties(axis, ties, shown.places, scale)
    _draw_agents(axis, result, day, shown.places, scale)
    axis.set_xticks([])
    axis.set_yticks([])
    x, y = np.array(list(shown.places.values())).T
    for limit, values in ((axis.set_xlim, x), (axis.set_ylim, y)):
        room = 0.06 * (float(np.ptp(values)) or 1.0)
        limit(float(values.min()) - room, float(values.max()) + room)


def legend() -> list[Any]:
    """Return the signs of agents, ties and collectives."""
    ties = [style.stroke(kind.colour, kind.label) for kind in TIE_KINDS]
    shade = style.stroke(GREEN, "a collective", linewidth=9, alpha=0.2)
    return [*map(style.spot, style.AGENTS), *ties, shade]


def _draw_ties(axis: Axes, ties: pd.DataFrame, places: Places, scale: float) -> None:
    for oses in (2, 0, 1):  # the most numerous kind lies lowest
        some, look = ties[ties["oses"] == oses], TIE_KINDS[oses]
        ends = zip(some["one"], some["another"], strict=True)
        lines = [(places[one], places[another]) for one, another in ends]
        widths = scale * (0.4 + 2.4 * (some["closeness"] - CLOSEST_DRAWN))
        kind: dict[str, Any] = {
            "colors": look.colour,
            "linewidths": widths.to_list(),
            "alpha": look.alpha,
        }
        axis.add_collection(LineCollection(lines, **kind))


def _draw_agents(
    axis: Axes, result: Result, day: int, places: Places, scale: float
) -> None:
    there = set(headcount.numbers_there(result, day).tolist())
    humans = [places[agent] for agent in places if agent in there]
    _scatter(axis, humans, HUMAN, scale)
    oses = visible(result.oses(day), np.array(list(places)))
    gone = oses["status"] == DEPARTED
    joined = ~gone & (oses["collective"] >= 0)
    for some, look in ((joined, JOINED), (~gone & ~joined, SINGLE)):
        _scatter(axis, [places[agent] for agent in oses.index[some]], look, scale)
    ago = day - oses.loc[gone, "departed_step"].to_numpy(np.float64)
    strength = np.clip(1.0 - (1.0 - FAINT) * ago / FADING, FAINT, 1.0)
    edges = [to_rgba(GREY, alpha) for alpha in strength.tolist()]
    spots = [places[agent] for agent in oses.index[gone]]
    _scatter(axis, spots, GONE, scale, edges)


def _scatter(
    axis: Axes,
    spots: Sequence[Place],
    look: Glyph,
    scale: float,
    edges: Any = None,
) -> None:
    if not spots:
        return
    x, y = np.array(spots).T
    kind: dict[str, Any] = {
        "facecolors": look.fill,
        "edgecolors": look.edge if edges is None else edges,
        "linewidths": 0.8 * scale,
    }
    size = look.size * scale * scale
    axis.scatter(x, y, size, marker=look.marker, zorder=5, **kind)


def _draw_collectives(
    axis: Axes, result: Result, day: int, places: Places, scale: float
) -> None:
    """Shade the shortest tree through the members of each collective."""
    oses = visible(result.oses(day), np.array(list(places)))
    oses = oses[(oses["collective"] >= 0) & (oses["status"] != DEPARTED)]
    for _, members in oses.groupby("collective"):
        spots = np.array([places[agent] for agent in members.index])
        ends = spots[_tree(spots)].reshape(-1, 2)
        if len(ends):
            codes = [Outline.MOVETO, Outline.LINETO] * (len(ends) // 2)
            shade: dict[str, Any] = {
                "linewidth": 15 * scale,
                "edgecolor": to_rgba(GREEN, 0.16),
                "capstyle": "round",
                "joinstyle": "round",
                "zorder": 0,
            }
            axis.add_patch(PathPatch(Outline(ends, codes), fill=False, **shade))


def _tree(spots: Place) -> npt.NDArray[np.int64]:
    """Return the edges of the shortest tree through ``spots`` (Prim), int[n-1, 2]."""
    count = len(spots)
    nearest, gap = np.zeros(count, np.int64), np.full(count, np.inf)
    outside = np.ones(count, bool)
    edges, at = [], 0
    for _ in range(count - 1):
        outside[at] = False
        distance = np.hypot(*(spots - spots[at]).T)
        closer = outside & (distance < gap)
        nearest[closer], gap[closer] = at, distance[closer]
        at = int(np.where(outside, gap, np.inf).argmin())
        edges.append((int(nearest[at]), at))
    return np.array(edges, np.int64).reshape(-1, 2)


@checked_arguments()
@style.in_own_settings
def network(
    source: Result | Society,
    steps: int | Sequence[int] | None = None,
    shown: NetworkLayout | None = None,
) -> Figure:
    """Draw who is close to whom on some days, everyone staying in place.

    The title says which share of the ties is between OSes, or with them.

    Parameters
    ----------
    source
        A run, or a society as it is now. Of one over ``staging.MOST_DRAWN`` agents a
        neighbourhood is drawn, which the figure says.
    steps
        A snapshot day, or several; None chooses an early one, the eve of the
        departure (or the peak of ties among OSes) and the end.
    shown
        Who is drawn and where, to keep a layout over several figures.

    Raises
    ------
    InputError
        If there is no snapshot of one of ``steps``, or no day is given.
    """
    result = style.result_of(source)
    days = [steps] if isinstance(steps, int) else steps
    named = moments(result) if days is None else dict.fromkeys(days, "")
    if not named:
        raise InputError("give at least one snapshot day to draw")
    days, shown = list(named), shown or scene(result, list(named))
    single = len(days) == 1
    width, height = (10.0, 9.4) if single else (5.0 * len(days), 6.9)
    title, note = _finding(result, days, shown), style.about(result, _caption(shown))
    figure = style.blank(width, height, title, note, -1.0)
    top = 1 - 0.95 / height
    style.margins(figure, 0.01, 0.75 / height, 0.99, top, wspace=0.02)
    axes = figure.subplots(1, len(days), squeeze=False, sharex=True, sharey=True)[0]
    for axis, day in zip(axes, days, strict=True):
        _panel(axis, result, day, shown, 1.4 if single else 1.0)
        if named[day]:
            axis.set_title(f"{named[day]}: day {day}", fontsize=style.points(12))
    style.below(figure, legend(), 4)
    return figure


def _panel(
    axis: Axes, result: Result, day: int, shown: NetworkLayout, scale: float = 1.0
) -> None:
    draw(axis, result, day, shown, scale)
    axis.set_title(f"day {day}", fontsize=style.points(12))


def _finding(result: Result, days: Sequence[int], shown: NetworkLayout) -> str:
    ties = {}
    for day in days:
        kinds = pairs(result, day, shown.agents, CLOSEST_DRAWN)["oses"]
        ties[day] = [int((kinds == oses).sum()) for oses in range(3)]
    return findings.of_ties(ties)


def _caption(shown: NetworkLayout) -> str:
    close = f"ties of closeness {CLOSEST_DRAWN:g} or more, wider when closer"
    return f"{shown.who[:1].lower()}{shown.who[1:]}; {close}; departed OSes fade"
