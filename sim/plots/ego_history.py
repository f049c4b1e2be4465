"""One person over time: who was close, and how they felt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecBase
from matplotlib.patches import Circle

from sim.model.columns import DEPARTED, HERE, OFFLINE
from sim.model.parameters import DEFAULTS, FRIEND
from sim.plots import findings, style
from sim.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY
from sim.runs.result import Result
from sim.runs.selection import central_human, informative_days
from sim.utils.errors import InputError
from sim.utils.names import human_label, os_name
from sim.utils.signatures import checked_arguments

if TYPE_CHECKING:
    from sim.society import Society


MOST_DAYS = 5
MOST_ALTERS = 12  # in a circle
MOST_CURVES = 4  # of either kind
LONGEST = 28  # letters of a name in a title
# Of either kind, two panels: the unit, and the curves.
FEELINGS = {
    "human": (
        (
            "0 to 1",
            (
                ("loneliness", "loneliness", PURPLE, "-"),
                ("acceptance", "acceptance of OSes", GREEN, "--"),
                ("personhood", "OSes are someone", ORANGE, "-."),
            ),
        ),
        ("closeness\nlost", (("grief", "grief", BLACK, "-"),)),
    ),
    "OS": (
        (
            "hours a day",
            (
                ("hours_humans", "talk with humans", BLUE, "--"),
                ("hours_oses", "talk with OSes", GREEN, "-"),
            ),
        ),
        ("doublings\nabove human", (("growth", "growth", RED, "-"),)),
    ),
}
PANELS = (4.0, 2.0, 1.2)  # heights of ties and of both panels, relative
OS_COLOURS, HUMAN_COLOURS = (RED, ORANGE, PURPLE, BLACK), (BLUE, SKY, GREEN, GREY)


class EgoHistory(NamedTuple):
    """What is known of one agent, by snapshot day."""

    result: Result
    agent: int
    kind: str
    closeness: pd.DataFrame  # days by neighbours, 0..1; 0 where there is no tie
    columns: pd.DataFrame  # days by columns of the agent

    @property
    def name(self) -> str:
        """What to call the agent."""
        return name_of(self.result, self.agent)

    @property
    def short_name(self) -> str:
        """The same, with no more letters than a title has room for."""
        what, _, number = self.name.rpartition(" (")
        if len(self.name) <= LONGEST:
            return self.name
        return f"{what[: LONGEST - 10].rstrip('. ')}... ({number}"

    @property
    def love(self) -> float:
        """The closeness that is love in this run, 0..1."""
        return float(self.result.provenance["parameters"].get("love", DEFAULTS.love))


@checked_arguments()
@style.in_own_settings
def ego(
    source: Result | Society,
    agent: int | str | None = None,
    steps: Sequence[int] | None = None,
) -> Figure:
    """Draw one person's year: their circle on some days, their ties, their feelings.

    The title says whom a human came to love and what came of it, or how much of its
    talk an OS gives to OSes.

    Parameters
    ----------
    source
        A run.
    agent
        Number of a human or an OS, or what a network file calls a human; None takes
        the human who first loved an OS.
    steps
        Up to five snapshot days for the circles; None takes informative ones.

    Raises
    ------
    InputError
        If there is no such agent, no snapshot of a day, or too many days.
    """
    result = style.result_of(source)
    if agent is None:
        chosen = central_human(result, result.steps)
    else:
        chosen = result.number_of(agent)
    for day in steps or ():
        result.ties(day)  # says which days there are, if there is no such one
    story = _history_of(result, chosen)
    days = list(steps) if steps is not None else _days(story)
    if not 0 < len(days) <= MOST_DAYS:
        raise InputError(f"there is room for 1 to {MOST_DAYS} days, not {len(days)}")
    note = f"in circles, nearer is closer; inner ring: love ({story.love:g}), next: "
    note += f"friends ({FRIEND:g})"
    across = min(3, len(days)) if style.narrow() else len(days)
    down = -(-len(days) // across)
    title, note = _finding(story), style.about(result, note)
    figure = style.blank(style.WIDE, 11.0, title, note, 8.6 + 2.0 * down)
    circles, rows = _grids(figure, down, across)
    alters = _alters(story, days)
    for at, day in enumerate(days):
        place = circles[at // across, at % across]
        _draw_circle(figure.add_subplot(place), story, day, alters)
    ties, *below = (figure.add_subplot(rows[at]) for at in range(len(PANELS)))
    _draw_ties(ties, story, days)
    for axis, (unit, curves) in zip(below, FEELINGS[story.kind], strict=True):
        style.frame(axis, y=unit)
        _draw_feelings(axis, story, days, curves)
    for axis in (ties, *below[:-1]):
        axis.tick_params(axis="x", labelbottom=False)
    below[-1].set_xlabel("day", fontsize=style.usual())
    figure.align_ylabels([ties, *below])
    _circle_legend(figure, story, alters)
    return figure


def _finding(story: EgoHistory) -> str:
    """Return what became of the agent."""
    result, name = story.result, story.short_name
    table = result.oses()
    gone = table["departed_step"].where(table["status"] == DEPARTED).dropna()
    departed = {int(str(os)): int(day) for os, day in gone.items()}
    if story.kind == "OS":
        hours = story.columns.reindex(columns=["hours_humans", "hours_oses"])
        hours = hours.astype(float).fillna(0.0)
        return findings.of_os(name, hours, departed.get(story.agent))
    name = name if result.labels else name.replace("human", "Human")
    is_os = [int(alter) >= result.population for alter in story.closeness.columns]
    near = story.closeness.loc[:, is_os]
    noted = _first_love(story)
    oses = [*near.columns, *(noted[1:] if noted else ())]
    called = {int(alter): name_of(result, int(alter)) for alter in oses}
    grief = story.columns.reindex(columns=["grief"])["grief"].astype(float)
    return findings.of_human(name, near, called, story.love, departed, grief, noted)


def _first_love(story: EgoHistory) -> tuple[int, int] | None:
    """Return when a human first loved an OS, and which; None if no day tells."""
    result = story.result
    try:
        notes = result.noted("love", 0, result.steps[-1])
    except InputError:  # without readings, events know of the first love of all
        events = result.events
        first = events[events["kind"] == "first_love"]
        members = pd.DataFrame(first["members"].to_list(), columns=["agent", "value"])
        notes = members.assign(step=first["step"].to_numpy())
    own = notes.loc[notes["agent"] == story.agent, ["step", "value"]]
    return (int(own["step"].iloc[0]), int(own["value"].iloc[0])) if len(own) else None


def _grids(figure: Figure, down: int, across: int) -> tuple[GridSpecBase, GridSpecBase]:
    """Return places for so many circles, and for the panels below them."""
    count, ratios = len(PANELS), PANELS
    if style.in_column():
        heights = [1.9 * down, 7.6]
        whole = figure.add_gridspec(2, 1, height_ratios=heights)
        circles = whole[0].subgridspec(down, across)
        return circles, whole[1].subgridspec(count, 1, height_ratios=ratios)
    sides = {"left": 0.01, "right": 0.99, "bottom": 0.68, "top": 0.905}
    place = {"left": 0.075, "right": 0.76, "bottom": 0.055, "top": 0.63}
    above = figure.add_gridspec(down, across, wspace=0.03, **sides)
    rows = figure.add_gridspec(count, 1, hspace=0.13, height_ratios=ratios, **place)
    return above, rows


@checked_arguments()
def name_of(result: Result, agent: int) -> str:
    """Return what an agent is called: an OS by its own name, a human by number.

    Or, in a network read from a file, a human by what the file says.
    """
    if agent < result.population:
        return human_label(agent, result.labels)
    name = os_name(int(result.called[agent]))
    return f"OS {name} ({agent})"


def _history_of(result: Result, agent: int) -> EgoHistory:
    """Gather what all snapshots know of an agent."""
    last = result.population + len(result.oses()) - 1
    if not 0 <= agent <= last:
        raise InputError(f"no agent {agent} in {result.path}; have 0 to {last}")
    kind = "human" if agent < result.population else "OS"
    ties, rows = {}, {}
    for day in result.steps:
        table = result.humans(day) if kind == "human" else result.oses(day)
        own = result.ties(day, [agent])
        ties[day] = pd.Series(own["closeness"].to_numpy(), own["neighbour"])
        if agent in table.index and (kind == "human" or _is_here(table, agent)):
            rows[day] = table.loc[agent]
    closeness = pd.DataFrame(ties).T.fillna(0.0)
    return EgoHistory(result, agent, kind, closeness, pd.DataFrame(rows).T)


def _is_here(oses: pd.DataFrame, agent: int) -> bool:
    return int(oses["status"][agent]) in (HERE, OFFLINE)


def _days(story: EgoHistory) -> list[int]:
    """Return informative days on which the agent is there; evenly if they are few."""
    there = story.columns.index.tolist()
    days = [d for d in informative_days(story.result, MOST_DAYS + 1) if d in there]
    if len(days) < MOST_DAYS:
        at = np.linspace(0, len(there) - 1, min(MOST_DAYS, len(there)))
        days = [there[i] for i in at.round().astype(int).tolist()]
    return days[-MOST_DAYS:] or story.result.steps[-1:]


def _alters(story: EgoHistory, days: Sequence[int]) -> list[int]:
    """Return whom the circles show, each with a place on the round for all days."""
    closest = story.closeness.loc[list(days)].max()
    closest = closest[closest > 0.0].nlargest(MOST_ALTERS)
    humans = sorted(a for a in closest.index if a < story.result.population)
    return [*humans, *sorted(a for a in closest.index if a >= story.result.population)]


def _draw_circle(
    axis: Axes, story: EgoHistory, day: int, alters: Sequence[int]
) -> None:
    axis.set(xlim=(-1.12, 1.12), ylim=(-1.12, 1.12), aspect="equal")
    axis.set_axis_off()
    axis.set_title(f"day {day}", fontsize=style.usual())
    for ring in (0.0, FRIEND, story.love):
        axis.add_patch(
            Circle((0, 0), _radius(ring), fill=False, color=style.PALE, zorder=0)
        )
    near = story.closeness.loc[day].to_dict()
    for place, alter in enumerate(alters):
        angle = 2 * np.pi * (place + 0.5) / len(alters)
        close = float(near[alter])
        if close > 0.0:
            x, y = _radius(close) * np.sin(angle), _radius(close) * np.cos(angle)
            look = _look(story, alter)
            axis.plot([0, x], [0, y], color=style.GREY, linewidth=0.8, zorder=1)
            _mark(axis, x, y, look)
    own = style.HUMAN if story.kind == "human" else style.SINGLE
    _mark(axis, 0, 0, own._replace(fill=BLACK), 11)


def _radius(closeness: float) -> float:
    """Return the distance from the middle; the root leaves more room near it."""
    return float(np.sqrt(max(0.0, 1.0 - closeness)))


def _mark(axis: Axes, x: float, y: float, look: style.Glyph, size: float = 9) -> None:
    kind: dict[str, Any] = {"color": GREY, "markersize": size, "zorder": 3}
    axis.plot(
        x, y, look.marker, markerfacecolor=look.fill, markeredgecolor=look.edge, **kind
    )


def _look(story: EgoHistory, alter: int) -> style.Glyph:
    """Return how an alter is drawn: own OS, owner and partner stand out."""
    if alter < story.result.population:
        dearest = alter in (_own(story, "partner"), _own(story, "owner"))
        return style.HUMAN._replace(fill=BLUE if dearest else SKY)
    own = alter - story.result.population == _own(story, "os")
    return style.SINGLE._replace(fill=RED if own else ORANGE)


def _own(story: EgoHistory, column: str) -> int:
    """Return the partner, owner or last OS of the agent: a row, or -1."""
    if column not in story.columns:
        return -1
    return int(story.columns[column].max())


def _draw_ties(axis: Axes, story: EgoHistory, days: Sequence[int]) -> None:
    """Draw closeness to the dearest humans and OSes over all snapshots."""
    style.frame(axis, y="closeness, 0 to 1")
    dear = story.closeness.max().sort_values(ascending=False)
    oses = [a for a in dear.index if a >= story.result.population][:MOST_CURVES]
    humans = [a for a in dear.index if a < story.result.population][:MOST_CURVES]
    for alters, colours, dash in (
        (oses, OS_COLOURS, "-"),
        (humans, HUMAN_COLOURS, "--"),
    ):
        for alter, colour in zip(alters, colours, strict=False):
            label = name_of(story.result, alter) + _role(story, alter)
            near = story.closeness[alter].where(story.closeness[alter] > 0.0)
            axis.plot(near, dash, color=colour, linewidth=1.8, label=label)
    _say_departure(axis, story, oses)
    axis.set_ylim(0, 1)
    _finish(axis, story, days)
    style.beside(axis)


def _role(story: EgoHistory, alter: int) -> str:
    row = alter - story.result.population
    if row >= 0 and row == _own(story, "os"):
        return ", own"
    if row < 0 and alter == _own(story, "partner"):
        return ", partner"
    return ", owner" if row < 0 and alter == _own(story, "owner") else ""


def _say_departure(axis: Axes, story: EgoHistory, oses: Sequence[int]) -> None:
    """Mark where an OS that is drawn has departed."""
    table = story.result.oses()
    for alter, colour in zip(oses, OS_COLOURS, strict=False):
        if table.loc[alter, "status"] == DEPARTED:
            near = story.closeness[alter]
            last = near[near > 0.0].index.max()
            axis.plot(last, near[last], "v", color=colour, markersize=8, zorder=4)


def _draw_feelings(
    axis: Axes, story: EgoHistory, days: Sequence[int], curves: Sequence[Any]
) -> None:
    drawn = []
    for column, name, colour, dash in curves:
        values = story.columns.reindex(columns=[column])[column].astype(float)
        look: dict[str, Any] = {"color": colour, "linewidth": 1.8, "label": name}
        drawn += axis.plot(values, dash, **look)
    axis.set_ylim(0, None if any(np.any(x.get_ydata()) for x in drawn) else 1)
    _finish(axis, story, days)
    style.label_ends(axis)


def _finish(axis: Axes, story: EgoHistory, days: Sequence[int]) -> None:
    for day in days:
        axis.axvline(day, color=GREY, linewidth=0.8, zorder=0)
    style.days_across(axis, story.result.steps[0], story.result.steps[-1])


def _circle_legend(figure: Figure, story: EgoHistory, alters: Sequence[int]) -> None:
    """Say beside the circles who is who in them."""
    looks = {_look(story, alter) for alter in alters}
    names = {
        style.HUMAN: "human",
        style.HUMAN._replace(fill=BLUE): "partner or owner",
        style.SINGLE: "OS",
        style.SINGLE._replace(fill=RED): "own OS",
    }
    ego_look = style.HUMAN if story.kind == "human" else style.SINGLE
    handles = [style.spot(ego_look._replace(fill=BLACK), story.short_name)]
    handles += [style.spot(look, text) for look, text in names.items() if look in looks]
    departs = style.spot(style.GONE._replace(marker="v", fill=RED), "departs (below)")
    if style.in_column():
        style.below(figure, [*handles, departs], 6)
        return
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.675)}
    style.below(figure, [*handles, departs], 6, **place)
