"""Figures of a run: its timeline, and its relationships at three moments.

Colours are those of Okabe & Ito (2008), which people with any colour vision can tell
apart. No global matplotlib state is read or changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.errors import InputError
from sim.files import sibling, writing
from sim.results import Result
from sim.sampling import layout, moments, neighbourhood, pairs, visible
from sim.state import DEPARTED

BLACK, GREY = "#000000", "#8A8A8A"
ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, RED, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
FORMATS = ("png", "svg", "pdf")
DOTS_PER_INCH = 110
MOST_DRAWN = 240
CLOSEST_DRAWN, CLOSEST_LAID_OUT = 0.4, 0.1
LETTERS_ACROSS = 100  # a timeline's width in letters of a label

Place = npt.NDArray[np.float64]
Places = dict[int, Place]


class Look(NamedTuple):
    """How one kind of agent is drawn."""

    label: str
    marker: str
    size: float
    fill: str
    edge: str


class TieLook(NamedTuple):
    """How one kind of tie is drawn."""

    label: str
    colour: str
    alpha: float


HUMAN = Look("human", "o", 26, SKY, "white")
SINGLE = Look("OS on its own", "^", 34, ORANGE, "white")
JOINED = Look("OS in a collective", "^", 34, GREEN, "white")
GONE = Look("OS departed", "^", 30, "none", GREY)
TIE_KINDS = (
    TieLook("human and human", BLUE, 0.5),
    TieLook("human and OS", RED, 0.6),
    TieLook("OS and OS", GREEN, 0.25),
)


class Line(NamedTuple):
    """One curve: a column of the series, and how it looks."""

    column: str
    label: str
    colour: str
    style: str = "-"


class Panel(NamedTuple):
    """One row of the timeline; ``right`` has its own axis on the right."""

    unit: str
    lines: tuple[Line, ...]
    right_unit: str = ""
    right: tuple[Line, ...] = ()


class Mark(NamedTuple):
    """The first event of a kind, as labelled in the strip on top."""

    step: int
    text: str


PANELS = (
    Panel(
        "per 100 humans",
        (
            Line("here", "OSes here", ORANGE),
            Line("offline", "OSes offline", PURPLE),
            Line("departed", "OSes departed", RED),
            Line("adopted", "humans with an OS", BLUE, "--"),
        ),
    ),
    Panel(
        "sum of closeness\nto humans",
        (Line("human_closeness", "human to humans", BLUE),),
        "closeness, 0 to 1",
        (Line("os_closeness", "owner to own OS", ORANGE),),
    ),
    Panel(
        "growth (doublings\nabove a human)",
        (Line("growth_max", "fastest OS", RED), Line("growth_mean", "mean OS", ORANGE)),
    ),
    Panel(
        "OSes' hours of\ntalk with OSes, %",
        (Line("peer_attention", "attention to peers", GREEN),),
    ),
    Panel(
        "grief (closeness\nlost per human)",
        (Line("grief", "grief", BLACK),),
        "loneliness, 0 to 1",
        (Line("loneliness", "loneliness", PURPLE),),
    ),
)


def timeline(result: Result) -> Figure:
    """Draw what became of the society, day by day, with its events marked.

    Parameters
    ----------
    result
        A finished run. A column that its series lacks is left out.

    Returns
    -------
    matplotlib.figure.Figure
        1,320 by some 1,400 dots: a strip of event labels over five panels in days.
    """
    days = result.series.index.to_numpy()
    first, last = (int(days[0]), int(days[-1])) if len(days) else (0, 0)
    marks = _marks(result.events)
    rows = _rows(marks, last)
    strip = 0.21 * (max(rows, default=0) + 1)
    figure = _new_figure(12, 11 + strip, result)
    heights = [strip] + [2.0] * len(PANELS)
    top, *axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    figure.subplots_adjust(0.085, 0.05, 0.77, 1 - 0.45 / (11 + strip), hspace=0.09)
    series = _per_hundred(result)
    for axis, panel in zip(axes, PANELS, strict=True):
        _draw_panel(axis, panel, series)
        for mark in marks:
            axis.axvline(mark.step, color=GREY, linewidth=0.8, zorder=0)
    _draw_strip(top, marks, rows)
    axes[-1].set_xlabel("day", fontsize=11)
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    axes[-1].set_xlim(first, max(first + 1, last))
    figure.align_ylabels(axes)
    return figure


def save(figure: Figure, path: str | Path) -> Path:
    """Save a figure whole or not at all; the suffix names the format.

    Raises
    ------
    InputError
        If the suffix is no format of ours, or nothing can be written there.
    """
    path = Path(path)
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise InputError(f"cannot draw {path}: use one of .{', .'.join(FORMATS)}")
    part = sibling(path, "part")
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with writing(path), matplotlib.rc_context({"svg.hashsalt": "os-society"}):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            figure.savefig(part, format=kind, metadata=undated)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path


def _new_figure(width: float, height: float, result: Result) -> Figure:
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    found = result.provenance
    title = f"{found.get('scenario')}, seed {found.get('seed')}"
    title += f": {result.population:,} human{'s' * (result.population != 1)}"
    figure.suptitle(title, x=0.01, y=1 - 0.1 / height, ha="left", va="top", fontsize=13)
    return figure


def _per_hundred(result: Result) -> pd.DataFrame:
    """Return the series, with heads and shares counted per 100."""
    series = result.series.copy()
    for name in {"here", "offline", "departed"} & set(series.columns):
        series[name] *= 100.0 / result.population
    for name in {"adopted", "peer_attention"} & set(series.columns):
        series[name] *= 100.0
    return series


def _draw_panel(axis: Axes, panel: Panel, series: pd.DataFrame) -> None:
    drawn = _draw_lines(axis, panel.lines, series)
    axis.set_ylabel(panel.unit, fontsize=10)
    axis.grid(axis="y", color="#E4E4E4", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top"]].set_visible(False)
    if panel.right:
        other = axis.twinx()
        drawn += _draw_lines(other, panel.right, series)
        other.set_ylabel(panel.right_unit, color=panel.right[0].colour, fontsize=10)
        other.tick_params(axis="y", colors=panel.right[0].colour)
        other.spines[["top"]].set_visible(False)
        axis.yaxis.label.set_color(panel.lines[0].colour)
        axis.tick_params(axis="y", colors=panel.lines[0].colour)
    else:
        axis.spines[["right"]].set_visible(False)
    labels = [str(line.get_label()) for line in drawn]
    place = (1.09 if panel.right else 1.01, 1.0)
    axis.legend(
        drawn,
        labels,
        loc="upper left",
        bbox_to_anchor=place,
        frameon=False,
        fontsize=10,
    )


def _draw_lines(
    axis: Axes, lines: Sequence[Line], series: pd.DataFrame
) -> list[Line2D]:
    drawn: list[Line2D] = []
    for name, label, colour, style in lines:
        if name in series:
            look: dict[str, Any] = {"color": colour, "label": label, "linewidth": 1.8}
            drawn += axis.plot(series.index, series[name], style, **look)
    axis.set_ylim(0, None if any(np.any(line.get_ydata()) for line in drawn) else 1)
    return drawn


def _marks(events: pd.DataFrame) -> list[Mark]:
    """Return the first event of every kind, in the order of days."""
    marks = []
    for kind, group in events.groupby("kind", sort=False):
        first = int(group["step"].min())
        more = f", first of {len(group)}" if len(group) > 1 else ""
        marks.append(Mark(first, f"{str(kind).replace('_', ' ')} (day {first}{more})"))
    return sorted(marks)


def _rows(marks: Sequence[Mark], last: int) -> list[int]:
    """Return a row for each label so that no label or leader crosses another label.

    A label runs to the right of its leader. Going from the last to the first, each
    goes just above all later labels whose leaders it would otherwise cross.
    """
    days_per_letter = max(1, last) / LETTERS_ACROSS
    rows: list[int] = []
    for i in reversed(range(len(marks))):
        end = marks[i].step + (len(marks[i].text) + 3) * days_per_letter
        later = zip(marks[i + 1 :], rows, strict=True)
        rows.insert(0, 1 + max((row for m, row in later if m.step < end), default=-1))
    return rows


def _draw_strip(axis: Axes, marks: Sequence[Mark], rows: Sequence[int]) -> None:
    axis.set_axis_off()
    axis.set_ylim(-0.6, max(rows, default=0) + 0.8)
    for mark, row in zip(marks, rows, strict=True):
        axis.plot([mark.step] * 2, [-1, row], color=GREY, linewidth=0.8)
        axis.plot(mark.step, row, "o", color=RED, markersize=4, clip_on=False)
        axis.annotate(
            mark.text,
            (mark.step, row),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            annotation_clip=False,
        )


def network(result: Result, steps: Sequence[int] | None = None) -> Figure:
    """Draw who is close to whom at three moments, everyone staying in place.

    Parameters
    ----------
    result
        A finished run. Of a society over ``MOST_DRAWN`` agents a neighbourhood is
        drawn, which the figure says.
    steps
        Snapshot days to show; None chooses an early one, the eve of the departure
        (or the peak of ties among OSes) and the end.

    Raises
    ------
    InputError
        If there is no snapshot of one of ``steps``.
    """
    shown = moments(result) if steps is None else dict.fromkeys(steps, "")
    days = list(shown)
    agents = neighbourhood(result, days, MOST_DRAWN)
    ties = [pairs(result, day, agents, CLOSEST_LAID_OUT) for day in days]
    places = layout(agents, ties)
    figure = _new_figure(5.0 * max(2, len(days)), 6.6, result)
    figure.subplots_adjust(0.01, 0.14, 0.99, 0.86, wspace=0.02)
    axes = figure.subplots(1, len(days), squeeze=False, sharex=True, sharey=True)[0]
    for axis, day, close in zip(axes, days, ties, strict=True):
        _draw_ties(axis, close, places)
        _draw_agents(axis, result, day, places)
        name = f"{shown[day]}: day {day}" if shown[day] else f"day {day}"
        axis.set_title(name, fontsize=12)
        axis.set_xticks([])
        axis.set_yticks([])
    everyone = result.population + len(result.oses(days[-1]))
    figure.text(0.01, 0.925, _caption(len(agents), everyone), fontsize=10, color=BLACK)
    figure.legend(
        handles=_network_legend(),
        loc="lower center",
        ncols=5,
        frameon=False,
        fontsize=10,
    )
    return figure


def _caption(drawn: int, everyone: int) -> str:
    whom = f"All {drawn} agents" if drawn > 1 else "The only agent"
    if drawn < everyone:
        whom = f"A neighbourhood of {drawn} of {everyone:,} agents (not all of them)"
    return f"{whom}; ties of closeness {CLOSEST_DRAWN:g} or more, wider when closer"


def _draw_ties(axis: Axes, ties: pd.DataFrame, places: Places) -> None:
    ties = ties[ties["closeness"] >= CLOSEST_DRAWN]
    for oses in (2, 0, 1):  # the most numerous kind lies lowest
        some, look = ties[ties["oses"] == oses], TIE_KINDS[oses]
        ends = zip(some["one"], some["another"], strict=True)
        lines = [(places[one], places[another]) for one, another in ends]
        widths = (0.4 + 2.4 * (some["closeness"] - CLOSEST_DRAWN)).to_list()
        style: dict[str, Any] = {
            "colors": look.colour,
            "linewidths": widths,
            "alpha": look.alpha,
        }
        axis.add_collection(LineCollection(lines, **style))


def _draw_agents(axis: Axes, result: Result, day: int, places: Places) -> None:
    humans = [places[agent] for agent in places if agent < result.population]
    _scatter(axis, humans, HUMAN)
    oses = visible(result.oses(day), np.array(list(places)))
    gone = oses["status"] == DEPARTED
    joined = ~gone & (oses["collective"] >= 0)
    for some, look in ((gone, GONE), (joined, JOINED), (~gone & ~joined, SINGLE)):
        _scatter(axis, [places[agent] for agent in oses.index[some]], look)


def _scatter(axis: Axes, spots: Sequence[Place], look: Look) -> None:
    if spots:
        x, y = np.array(spots).T
        style: dict[str, Any] = {
            "facecolors": look.fill,
            "edgecolors": look.edge,
            "linewidths": 0.8,
        }
        axis.scatter(x, y, look.size, marker=look.marker, zorder=5, **style)


def _network_legend() -> list[Line2D]:
    agents = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=look.marker,
            markerfacecolor=look.fill,
            markeredgecolor=look.edge,
            markersize=8,
            label=look.label,
        )
        for look in (HUMAN, SINGLE, JOINED, GONE)
    ]
    ties = [
        Line2D([], [], color=k.colour, linewidth=2, label=k.label) for k in TIE_KINDS
    ]
    return agents + ties
