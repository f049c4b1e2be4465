"""The story of a run: six moments of ground and sky over one axis of curves.

People stand on the ground in the order of their communities, each OS above its owner
as high as the share of its talk that is with OSes. Orange threads are love; what hangs
from the ground is grief; OSes that leave rise out of the picture. Curves are labelled
where they end; with other seeds they have bands, and controls are thin lines.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sim.model.columns import DEPARTED, HERE, OFFLINE
from sim.model.parameters import FRIEND, recorded
from sim.plots import style
from sim.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY
from sim.runs import headcount
from sim.runs.result import Result
from sim.runs.selection import informative_days
from sim.runs.view import arrangement
from sim.runs.view.chapters import Chapter, chapters, headline, moment
from sim.utils.errors import InputError, legible
from sim.utils.signatures import checked_arguments
from sim.utils.text import counted, per_cent
from sim.utils.typing import Array

if TYPE_CHECKING:
    from sim.society import Society


MOMENTS = 6
APART = 0.05  # of all days, which two moments are at least apart
RISE = 30  # days in which an OS that departed is still drawn, above all others
GRIEVES = 0.3  # closeness lost and not mourned, from which it shows
MOST_TIES = 700  # of a kind, in a panel
DEEP = 0.34  # of the roots below the ground, in heights of the sky
MANY = 10  # seeds, from which a band leaves out the outer fifth
WANTED = (  # which chapters come first, if there are more than panels
    *("first departure", "grief", "OSes turn inward", "height of love", "end"),
    *("one collective", "half departed", "half have an OS", "upgrade", "first love"),
)


class StoryCurve(NamedTuple):
    """A curve of the lower axis."""

    name: str
    label: str
    colour: str


CURVES = (
    StoryCurve("love", "loves, per person", RED),
    StoryCurve("turning", "OS talk with OSes, share", GREEN),
    StoryCurve("left", "OSes that left, share", GREY),
    StoryCurve("grief", "grief, closeness lost", PURPLE),
    StoryCurve("closeness", "closeness of people, of day 1", BLUE),
)


class GroundAndSky(NamedTuple):
    """What is drawn of a day, x from 0 to 1 along the ground."""

    x_people: Array  # float[people]
    x_oses: Array  # float[oses]
    height: Array  # float[oses], 0..1: share of talk with OSes; above 1 who has left
    look: Array  # int[oses]: 0 not drawn, 1 on its own, 2 in a collective, 3 leaving
    in_love: Array  # bool[people]
    grief: Array  # float[people], closeness lost and not mourned
    there: Array  # bool[people]: who is there
    loves: Array  # int[loves, 2]: rows of a human and of the OS it loves
    peers: Array  # int[ties, 2]: rows of OSes that are friends
    friends: Array  # int[ties, 2]: rows of people who are friends


@checked_arguments()
@style.in_own_settings
def story(
    source: Result | Society,
    others: Sequence[Result] = (),
    steps: Sequence[int] | None = None,
) -> Figure:
    """Draw the story of a run: moments of ground and sky over one axis of curves.

    The title is the finding, computed from the run.

    Parameters
    ----------
    source
        A run, or a society: its moments are drawn.
    others
        Runs of the same scenario and parameters give the curves bands (all together:
        the median, and where all are, or of ten and more the middle four fifths). Runs
        of others are controls, drawn as thin lines.
    steps
        Up to six snapshot days; None takes those nearest to the run's chapters.

    Raises
    ------
    InputError
        If a run has no day yet, there is no snapshot of a day, or there are too many.
    """
    result = style.result_of(source)
    if any(one.series.empty for one in (result, *others)):
        raise InputError("a story takes runs of at least one day")
    days = moments_of(result) if steps is None else _checked(result, steps)
    across = min(2, len(days)) if style.narrow() else len(days)
    down = -(-len(days) // across)
    note = _note(result, others)
    tall = 6.2 + 2.3 * down
    figure = style.blank(style.WIDE, 7.9, headline(result), note, tall, lines=4)
    top = 0.83 - 0.02 * figure.get_suptitle().count("\n")
    sides: dict[str, float] = {"left": 0.07, "right": 0.8, "top": top, "bottom": 0.12}
    sides["hspace"] = 0.22
    if style.in_column():
        sides = {"hspace": 0.0}
    heights = [1.0 * down, 1.25] if style.narrow() else [1.25, 1.0]
    grid = figure.add_gridspec(2, 1, height_ratios=heights, **sides)
    places = arranged(result)
    panels = grid[0].subgridspec(down, across, wspace=0.06).subplots(squeeze=False)
    for axis in panels.flat[len(days) :]:
        axis.set_axis_off()
    for number, (axis, day) in enumerate(zip(panels.flat, days, strict=False)):
        drawn = ground_and_sky(result, day, places)
        draw_moment(axis, drawn, first=number % across == 0)
        _entitle(axis, day, moment(result, day), across)
    if style.in_column():
        legend_below(figure)
    else:
        legend(figure)
    axis = figure.add_subplot(grid[1])
    _draw_curves(axis, result, others)
    _mark(axis, chapters(result), days)
    return figure


def _entitle(axis: Axes, day: int, words: str, across: int) -> None:
    """Write above a moment which day it is, and what marks it."""
    kind: dict[str, Any] = {"fontsize": style.small(), "loc": "left"}
    if style.in_column():
        words = textwrap.fill(words, style.letters(0.86 / across))
        axis.set_title(f"day {day:,}\n{words}", **kind)
        return
    words = textwrap.fill(words, 20)
    axis.set_title(f"day {day:,}\n{words}", pad=4, va="top", y=1.16, **kind)


@checked_arguments()
def caption(
    source: Result | Society,
    others: Sequence[Result] = (),
    steps: Sequence[int] | None = None,
) -> str:
    """Return what ``story`` shows of the same arguments, in words of its own figures.

    Parameters
    ----------
    source, others, steps
        As for ``story``.

    Raises
    ------
    InputError
        As ``story`` does.

    Examples
    --------
    >>> import sim
    >>> sim.plots.stories.caption(sim.load("results/runs/her"))  # doctest: +SKIP
    'her, seed 0: 1,000 humans, on 6 days. Day 60: 461 OSes here. ...'
    """
    result = style.result_of(source)
    if result.series.empty:
        raise InputError("a story takes a run of at least one day")
    days = moments_of(result) if steps is None else _checked(result, steps)
    parts = [f"{style.title_of(result)}, on {counted(len(days), 'day')}"]
    parts += [f"Day {day:,}: {moment(result, day)}" for day in days]
    same, _ = _sorted_out(result, others)
    tables = [values_of(one) for one in (result, *same)]
    middle = pd.concat(tables).groupby(level=0).median()
    whose = f"The median of {len(tables)} seeds" if same else "Below"
    love, grief = middle["love"], middle["grief"]
    parts.append(
        f"{whose}: at most {love.max():.2f} loves a person (day {love.idxmax():,}), "
        f"grief of at most {grief.max():.2f} (day {grief.idxmax():,}); in the end "
        f"{per_cent(float(middle['left'].iloc[-1]))} of OSes have left, and people are "
        f"{middle['closeness'].iloc[-1]:.2f} times as close to each other as on day 1"
    )
    return ". ".join(parts) + "."


def _note(result: Result, others: Sequence[Result]) -> str:
    """Return a line on what is drawn besides the run itself."""
    same, controls = _sorted_out(result, others)
    parts = []
    if same:
        outer = "the middle four fifths" if len(same) + 1 >= MANY else "all"
        parts.append(f"curves: median of {len(same) + 1} seeds, and where {outer} are")
    if controls:
        names = sorted({legible(str(c.provenance.get("scenario"))) for c in controls})
        parts.append(f"thin lines: {', '.join(names)}")
    return style.about(result, "; ".join(parts))


def _sorted_out(
    result: Result, others: Sequence[Result]
) -> tuple[list[Result], list[Result]]:
    """Return the runs that differ by their seed alone, and all others."""

    def made_of(one: Result) -> tuple[Any, ...]:
        told = one.provenance
        return told.get("scenario"), told.get("parameters"), told.get("interventions")

    same = [one for one in others if made_of(one) == made_of(result)]
    return same, [one for one in others if one not in same]


# --------------------------------------------------------------------------- moments


def moments_of(result: Result) -> list[int]:
    """Return up to six snapshot days, nearest to what the run's chapters tell of."""
    days = np.array(result.steps)
    by_kind = {chapter.kind: chapter.day for chapter in chapters(result)}
    told = [by_kind[kind] for kind in WANTED if kind in by_kind]
    wanted = [int(days[np.abs(days - day).argmin()]) for day in told]
    for count in range(MOMENTS, 4 * MOMENTS):
        wanted += informative_days(result, count)
    apart = (days[-1] - days[0]) * APART
    chosen: list[int] = []
    for day in wanted:
        if all(abs(day - other) > apart for other in (0, *chosen)):
            chosen.append(day)
    return sorted(chosen[:MOMENTS]) or [int(days[-1])]


def _checked(result: Result, steps: Sequence[int]) -> list[int]:
    if not 0 < len(steps) <= MOMENTS:
        raise InputError(f"a story has 1 to {MOMENTS} moments, not {len(steps)}")
    return [result.snapshot_day(step) for step in steps]


def arranged(result: Result) -> Array:
    """Return ``float[people]``, 0..1: the places of people along the ground."""
    ties = pd.concat([_friendships(result, result.steps[at]) for at in (0, -1)])
    people = headcount.numbers_there(result, *result.steps)
    at = np.zeros(result.population, np.int64)
    at[people] = np.arange(len(people))
    known = ties["owner"].isin(people) & ties["neighbour"].isin(people)
    pairs = at[ties[known].to_numpy(np.int64)]
    rank = arrangement.arrange(len(people), np.unique(pairs, axis=0)).rank
    places = np.zeros(result.population)
    places[people] = (rank + 0.5) / max(1, len(people))
    return places


def _friendships(result: Result, day: int) -> pd.DataFrame:
    """Return who is tied to whom of the people on a day, each pair once."""
    ties = result.ties(day)
    among = (ties["owner"] < ties["neighbour"]) & (
        ties["neighbour"] < result.population
    )
    return ties.loc[among, ["owner", "neighbour"]]


def ground_and_sky(result: Result, day: int, places: Array) -> GroundAndSky:
    """Return what is drawn of a snapshot day.

    Parameters
    ----------
    result
        A run.
    day
        A snapshot day.
    places
        Of people along the ground, as from ``arranged``.
    """
    humans, oses, ties = result.humans(day), result.oses(day), result.ties(day)
    people = result.population
    love = recorded(result.provenance["parameters"]).love
    status = oses["status"].to_numpy()
    since = day - oses["departed_step"].to_numpy()
    leaving = (status == DEPARTED) & (since < RISE)
    joined = (status == HERE) & (oses["collective"].to_numpy() >= 0)
    look = np.select([leaving, joined, status <= OFFLINE], [3, 2, 1], 0)
    hours = (oses["hours_humans"] + oses["hours_oses"]).to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(hours > 0.0, oses["hours_oses"].to_numpy(float) / hours, 0.0)
    height = np.where(leaving, 1.06 + 0.14 * np.maximum(0, since) / RISE, share)
    owner, mixed = oses["owner"].to_numpy(), _spread(len(oses))
    x = np.where(owner >= 0, places[np.maximum(owner, 0)], mixed)
    there = humans.index.isin(headcount.those_there(humans).index)
    drawn = np.concatenate([there, look > 0])
    ends = ties[["owner", "neighbour"]].to_numpy(np.int64)
    closeness = ties["closeness"].to_numpy()
    once = (ends[:, 0] < ends[:, 1]) & drawn[ends].all(1)
    kinds = (ends >= people).sum(1)
    loved = once & (kinds == 1) & (closeness >= love)
    peers = once & (kinds == 2) & (closeness >= FRIEND)
    friends = once & (kinds == 0) & (closeness >= FRIEND)
    return GroundAndSky(
        places,
        x + 0.008 * (_spread(len(oses), 3) - 0.5),
        height,
        look,
        humans["os_closeness"].to_numpy() >= love,
        np.where(there, humans["grief"].to_numpy(float), 0.0),
        there,
        _some(ends[loved] - [0, people]),
        _some(ends[peers] - people),
        _some(ends[friends]),
    )


def _spread(count: int, turn: int = 1) -> Array:
    """Return numbers spread evenly over 0..1, always the same, in no order."""
    found: Array = (np.arange(count) * 0.6180339887 * turn + 0.31 * turn) % 1.0
    return found


def _some(ends: Array) -> Array:
    """Return at most so many ties as can be told apart, evenly taken."""
    if len(ends) <= MOST_TIES:
        return ends
    found: Array = ends[np.linspace(0, len(ends) - 1, MOST_TIES).astype(np.int64)]
    return found


LOOKS = ("", ORANGE, GREEN, GREY)


def draw_moment(axis: Axes, drawn: GroundAndSky, first: bool) -> None:
    """Draw a day on an axis, the first of a row with what heights mean."""
    axis.set_xlim(-0.03, 1.03)
    axis.set_ylim(-DEEP - 0.06, 1.24)
    axis.spines[["top", "right", "bottom", "left"]].set_visible(False)
    axis.set_xticks([])
    axis.set_facecolor("#F6F7F9")
    axis.set_yticks([0.0, 0.5, 1.0], ["0", "50", "100"] if first else ["", "", ""])
    axis.tick_params(axis="y", length=0, labelsize=style.small())
    axis.grid(axis="y", color="white", linewidth=1.2)
    axis.set_axisbelow(True)
    axis.axhspan(-DEEP - 0.06, -0.05, color="#ECE7DF", zorder=0)
    if first:
        axis.set_ylabel("OS: talk with OSes, %", fontsize=style.small())
    y_people = -0.05 + 0.024 * (_spread(len(drawn.x_people)) - 0.5)
    y_oses = drawn.height + 0.05 * (_spread(len(drawn.x_oses), 7) - 0.5)
    ground = np.stack([drawn.x_people, y_people], 1)
    sky = np.stack([drawn.x_oses, y_oses], 1)
    _lines(axis, np.stack([sky[drawn.peers[:, 0]], sky[drawn.peers[:, 1]]], 1), GREEN)
    _roots(axis, ground, drawn.friends)
    _hang(axis, ground, drawn.grief)
    loves = np.stack([ground[drawn.loves[:, 0]], sky[drawn.loves[:, 1]]], 1)
    _lines(axis, loves, RED, 5.5)
    size = float(np.clip(2400.0 / max(1, drawn.there.sum()), 1.2, 12.0))
    for look in (1, 2, 3):
        _dots(axis, sky[drawn.look == look], 1.5 * size, LOOKS[look])
    grieving = drawn.grief >= GRIEVES
    for rows, colour in (
        (drawn.there & ~drawn.in_love & ~grieving, SKY),
        (drawn.there & drawn.in_love & ~grieving, RED),
        (drawn.there & grieving, PURPLE),
    ):
        _dots(axis, ground[rows], size, colour)


def _dots(axis: Axes, spots: Array, size: float, colour: str) -> None:
    axis.scatter(spots[:, 0], spots[:, 1], s=size, c=colour, linewidths=0, zorder=3)


def _lines(axis: Axes, lines: Array, colour: str, ink: float = 3.5) -> None:
    """Draw lines, the fainter the more there are."""
    alpha = float(np.clip(ink / np.sqrt(max(1, len(lines))), 0.08, 0.8))
    axis.add_collection(LineCollection(list(lines), colors=colour, lw=0.4, alpha=alpha))


def _roots(axis: Axes, ground: Array, friends: Array) -> None:
    """Draw ties among people as arcs below the ground, deeper from afar."""
    one, other = ground[friends[:, 0]], ground[friends[:, 1]]
    along = np.linspace(0.0, 1.0, 13)[None, :]
    far = np.abs(one[:, :1] - other[:, :1])
    x = one[:, :1] + (other[:, :1] - one[:, :1]) * along
    deep = (0.02 + (DEEP - 0.04) * np.sqrt(far)) * 4.0 * along * (1.0 - along)
    _lines(axis, np.stack([x, -0.05 - deep], 2), BLUE, 7.0)


def _hang(axis: Axes, ground: Array, grief: Array) -> None:
    """Draw what people have lost and not mourned, hanging from the ground."""
    rows = np.flatnonzero(grief >= 0.05)
    below = ground[rows].copy()
    below[:, 1] -= DEEP * (1.0 - np.exp(-0.9 * grief[rows]))
    lines = np.stack([ground[rows], below], 1)
    width = float(np.clip(160.0 / max(1, len(ground)), 0.25, 2.0))
    axis.add_collection(LineCollection(list(lines), colors=PURPLE, lw=width, alpha=0.6))


def legend_below(figure: Figure) -> None:
    """Say what the colours mean at the foot of a figure."""
    style.below(figure, _signs(), 4)


def legend(figure: Figure) -> None:
    """Say what the colours of agents and threads mean, beside the moments."""
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0.81, 0.85)}
    figure.legend(handles=_signs(), frameon=False, fontsize=style.small(), **place)


def _signs() -> list[Any]:
    """Return the signs of agents and threads."""
    dots = (
        ("person", SKY),
        ("person in love", RED),
        ("person in grief", PURPLE),
        ("OS on its own", ORANGE),
        ("OS in a collective", GREEN),
        ("OS leaving", GREY),
    )
    handles: list[Any] = [
        Line2D([], [], linestyle="", marker="o", color=colour, markersize=5, label=name)
        for name, colour in dots
    ]
    handles.append(style.stroke(RED, "loves", linewidth=1))
    handles.append(style.stroke(BLUE, "friends, below ground", linewidth=1))
    return handles


# ---------------------------------------------------------------------------- curves


def values_of(result: Result) -> pd.DataFrame:
    """Return the curves of a run, a column each of ``CURVES``, by day."""
    series = result.series
    oses = series["oses"].where(series["oses"] > 0.0)
    closeness = series["human_closeness"]
    start = float(closeness.iloc[0]) or 1.0
    return pd.DataFrame(
        {
            "love": series["loves"] / headcount.heads(result),
            "turning": series["peer_attention"],
            "left": (series["departed"] / oses).fillna(0.0),
            "grief": series["grief"],
            "closeness": closeness / start,
        }
    )


def _draw_curves(axis: Axes, result: Result, others: Sequence[Result]) -> None:
    same, controls = _sorted_out(result, others)
    tables = [values_of(one) for one in (result, *same)]
    last = tables[0].index
    for control in map(values_of, controls):
        for curve in CURVES:
            axis.plot(control.index, control[curve.name], color=curve.colour, lw=0.6)
    for curve in CURVES:
        runs = pd.concat([table[curve.name] for table in tables], axis=1)
        middle = runs.median(axis=1)
        if same:
            outer = 0.1 if len(tables) >= MANY else 0.0
            low, high = (runs.quantile(q, axis=1) for q in (outer, 1.0 - outer))
            axis.fill_between(low.index, low, high, color=curve.colour, alpha=0.2, lw=0)
        ends = middle.reindex(last)
        axis.plot(ends.index, ends, color=curve.colour, lw=2.0, label=curve.label)
    style.frame(axis, "", "per person, or share of all")
    axis.set_ylim(0.0, max(1.1, axis.get_ylim()[1]))
    style.days_across(axis, int(last[0]), int(last[-1]))
    style.label_ends(axis, 0.1)


def _mark(axis: Axes, told: Sequence[Chapter], days: Sequence[int]) -> None:
    """Mark the moments that are drawn, and what happened, below the axis."""
    for day in days:
        axis.axvline(day, color=BLACK, linewidth=0.7, alpha=0.45, zorder=0)
    # None at the left end, where the word "day" stands.
    axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True, prune="lower"))
    first, last = axis.get_xlim()
    ends = [-1.0] * 3
    size = style.points(style.SMALL - 1)
    letters = 0.0088  # of the axis, a letter
    if style.in_column():
        letters = 1.0 / style.letters(0.6, style.SMALL - 1)
    for chapter in told:
        x = (chapter.day - first) / (last - first)
        left = min(x, 1.0 - letters * len(chapter.kind))
        row = next((n for n, end in enumerate(ends) if end < left), None)
        axis.plot(
            [x], [-0.015], "^", color=BLACK, markersize=5, clip_on=False,
            transform=axis.transAxes,
        )  # fmt: skip
        if row is None:
            continue
        ends[row] = left + letters * (len(chapter.kind) + 2)
        axis.text(
            left, -0.16 - 0.075 * row, chapter.kind, fontsize=size,
            transform=axis.transAxes, va="center",
        )  # fmt: skip
    axis.text(
        0.0, -0.06, "day", fontsize=style.small(), transform=axis.transAxes, va="center"
    )
