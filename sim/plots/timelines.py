"""The timeline of a run: measures and events on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sim.plots import findings, style
from sim.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Curve
from sim.runs import headcount
from sim.runs.result import Result
from sim.utils.signatures import checked_arguments

if TYPE_CHECKING:
    from sim.society import Society


LETTERS_ACROSS = 100  # a timeline's width in letters of a label
ABOVE = 2.4  # rows of the strip of events that the days of the axis take
NEAR = 6  # letters, up to which marks in a column share a number


class Panel(NamedTuple):
    """One row of the timeline, of one unit; ``height`` is relative."""

    unit: str
    lines: tuple[Curve, ...]
    height: float = 1.0


class Mark(NamedTuple):
    """The first event of a kind, as labelled in the strip on top."""

    step: int
    text: str


PANELS = (
    Panel(
        "per 100 humans",
        (
            Curve("here", "OSes here", ORANGE),
            Curve("offline", "OSes offline", PURPLE),
            Curve("departed", "OSes departed", RED),
            Curve("adopted", "humans with an OS", BLUE, "--"),
        ),
        1.6,
    ),
    Panel(
        "sum of\ncloseness",
        (Curve("human_closeness", "a human to other humans", BLUE),),
    ),
    Panel(
        "closeness,\n0 to 1",
        (Curve("os_closeness", "an owner to the own OS", ORANGE),),
    ),
    Panel(
        "doublings\nabove human",
        (
            Curve("growth_max", "growth of the fastest OS", RED),
            Curve("growth_mean", "growth of the mean OS", ORANGE),
        ),
        1.2,
    ),
    Panel(
        "hours of\nOSes, %",
        (Curve("peer_attention", "OSes' talk with OSes", GREEN),),
    ),
    Panel("closeness\nlost", (Curve("grief", "grief of a human", BLACK),)),
    Panel("0 to 1", (Curve("loneliness", "loneliness of a human", PURPLE),)),
)
OF_OSES = ("os_closeness", "growth_max", "growth_mean", "peer_attention")


@checked_arguments()
@style.in_own_settings
def timeline(source: Result | Society) -> Figure:
    """Draw what became of the society, day by day, with its events marked.

    Parameters
    ----------
    source
        A run, or a society. A column that its series lacks is left out.

    Returns
    -------
    matplotlib.figure.Figure
        1,320 by some 1,400 dots: a strip of event labels below panels in days, one for
        each quantity. The title says who departed by when.
    """
    result = style.result_of(source)
    days = result.series.index.to_numpy()
    first, last = (int(days[0]), int(days[-1])) if len(days) else (0, 0)
    marks = _marks(result.events, shortly=style.narrow())
    shown = _numbered(marks, last) if style.in_column() else marks
    rows = _rows(shown, last)
    strip = 0.21 * (max(rows, default=0) + 1 + ABOVE)
    whole, title = 12.0 + strip, findings.of_society(result)
    column = (9.5 if style.narrow() else 9.2) + strip + 0.13 * len(marks)
    figure = style.blank(style.WIDE, whole, title, style.about(result), column)
    heights = [1.3 * panel.height for panel in PANELS] + [strip]
    *axes, below = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    style.margins(figure, 0.085, 0.6 / whole, 0.79, 1 - 0.75 / whole, hspace=0.12)
    series = _per_hundred(result)
    style.days_across(axes[-1], first, last)
    for axis, panel in zip(axes, PANELS, strict=True):
        for mark in marks:
            axis.axvline(mark.step, color=GREY, linewidth=0.6, alpha=0.6, zorder=0)
        _draw_panel(axis, panel, series)
    _draw_strip(below, shown, rows)
    if style.in_column():
        _draw_key(figure, marks)
    axes[-1].set_xlabel("day", fontsize=style.usual())
    axes[-1].tick_params(labelbottom=True)
    figure.align_ylabels(axes)
    return figure


def _per_hundred(result: Result) -> pd.DataFrame:
    """Return the series, with heads and shares counted per 100.

    Where there never was an OS, it lacks what only OSes have.
    """
    series = result.series.copy()
    for name in {"here", "offline", "departed"} & set(series.columns):
        series[name] *= 100.0 / headcount.heads(result)
    for name in {"adopted", "peer_attention"} & set(series.columns):
        series[name] *= 100.0
    if "oses" in series and not series["oses"].any():
        series = series.drop(columns=list(OF_OSES), errors="ignore")
    return series


def _draw_panel(axis: Axes, panel: Panel, series: pd.DataFrame) -> None:
    drawn: list[Line2D] = []
    for one in panel.lines:
        if one.column in series:
            look: dict[str, Any] = {"color": one.colour, "label": one.label}
            values = series[one.column]
            drawn += axis.plot(series.index, values, one.dash, linewidth=1.8, **look)
    axis.set_ylim(0, None if any(np.any(line.get_ydata()) for line in drawn) else 1)
    style.frame(axis, y=panel.unit)
    axis.yaxis.set_major_locator(MaxNLocator(4))
    style.label_ends(axis)


def _marks(events: pd.DataFrame, shortly: bool = False) -> list[Mark]:
    """Return the first event of every kind, in the order of days."""
    marks = []
    for kind, group in events.groupby("kind", sort=False):
        first = int(group["step"].min())
        more = f", first of {len(group)}" if len(group) > 1 and not shortly else ""
        marks.append(Mark(first, f"{str(kind).replace('_', ' ')} (day {first}{more})"))
    return sorted(marks)


def _numbered(marks: Sequence[Mark], last: int) -> list[Mark]:
    """Return marks with numbers for texts, one for all that are too near each other."""
    near = NEAR * max(1, last) / style.letters(0.6)
    groups: list[list[int]] = []
    for at, mark in enumerate(marks):
        if groups and mark.step - marks[groups[-1][0]].step <= near:
            groups[-1].append(at)
        else:
            groups.append([at])
    numbers = [sorted({group[0] + 1, group[-1] + 1}) for group in groups]
    return [
        Mark(marks[group[0]].step, "\u2013".join(map(str, number)))
        for group, number in zip(groups, numbers, strict=True)
    ]


def _draw_key(figure: Figure, marks: Sequence[Mark]) -> None:
    """Say at the foot what the numbers of marks mean."""
    handles = [
        Line2D([], [], linestyle="", label=f"{at}  {mark.text}")
        for at, mark in enumerate(marks, 1)
    ]
    look: dict[str, Any] = {"handlelength": 0, "handletextpad": 0, "labelspacing": 0.3}
    style.below(figure, handles, 2 if style.narrow() else 3, **look)


def _rows(marks: Sequence[Mark], last: int) -> list[int]:
    """Return a row for each label so that no label or leader crosses another label.

    A label runs to the right of its leader. Going from the last to the first, each
    goes just below all later labels whose leaders it would otherwise cross.
    """
    across = style.letters(0.6) if style.in_column() else LETTERS_ACROSS
    days_per_letter = max(1, last) / across
    rows: list[int] = []
    for i in reversed(range(len(marks))):
        end = marks[i].step + (len(marks[i].text) + 3) * days_per_letter
        later = zip(marks[i + 1 :], rows, strict=True)
        rows.insert(0, 1 + max((row for m, row in later if m.step < end), default=-1))
    return rows


def _draw_strip(axis: Axes, marks: Sequence[Mark], rows: Sequence[int]) -> None:
    axis.set_axis_off()
    axis.set_ylim(max(rows, default=0) + 0.8, -ABOVE)
    for mark, row in zip(marks, rows, strict=True):
        axis.plot([mark.step] * 2, [-0.8, row], color=GREY, linewidth=0.8)
        axis.plot(mark.step, row, "o", color=RED, markersize=4, clip_on=False)
        axis.annotate(
            mark.text,
            (mark.step, row),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=style.points(10),
            annotation_clip=False,
        )
