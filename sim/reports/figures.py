"""Figures of a report, embedded, each with what is seen in it."""

from __future__ import annotations

import base64
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from sim import plots
from sim.model.columns import DEPARTED, HERE, OFFLINE, SHUT_DOWN, UNINSTALLED
from sim.plots.networks import CLOSEST_DRAWN
from sim.runs import headcount
from sim.runs.result import Result
from sim.runs.selection import central_human, informative_days, moments, pairs, visible
from sim.runs.view.chapters import headline
from sim.utils.html import Html, element, joined, paragraph, start
from sim.utils.progress import doing
from sim.utils.text import counted, course, listed, number, per_cent, sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure


KINDS = {"svg": "image/svg+xml", "png": "image/png"}


class ReportFigure(NamedTuple):
    """A figure and its words. It is drawn, and looked at, when it is asked for."""

    name: str  # id, unique on the page
    title: str
    caption: str
    draw: Callable[[], Figure]
    tell: Callable[[], str]  # what is seen, from the data


def shown(one: ReportFigure) -> Html:
    """Return a figure under a heading of the third rank, or why there is none."""
    heading = element("h3", one.title, id=one.name)
    try:
        with doing(f"drawing: {one.title}"):
            alternative, image = one.tell(), drawn(one.draw)
    except ValueError as error:  # or a run of another version has other columns
        reason = str(error).partition("\n")[0]
        return joined((heading, paragraph(f"Not drawn: {reason}.", class_="note")))
    source, (width, height) = image
    seen = start("img", src=source, alt=alternative, width=width, height=height)
    name = f"{one.title}, figure"
    sheet = element(
        "div", seen, class_="sheet", role="group", aria_label=name, tabindex=0
    )
    caption = element("figcaption", one.caption)
    return joined((heading, element("figure", sheet, caption)))


def drawn(draw: Callable[[], Figure]) -> tuple[str, tuple[int, int]]:
    """Return a figure as a ``data:`` address, as PNG or SVG, and its size in dots.

    The smaller file is taken: a drawing of few strokes is smaller as SVG, one of
    thousands as PNG.
    """
    with warnings.catch_warnings():
        # A name may hold letters that the font has not: boxes take their place.
        warnings.filterwarnings("ignore", "Glyph|Matplotlib currently")
        figure = draw()
        files = _files(figure)
    kind = min(files, key=lambda kind: len(files[kind]))
    text = base64.b64encode(files[kind]).decode("ascii")
    width, height = (round(inches * figure.dpi) for inches in figure.get_size_inches())
    return f"data:{KINDS[kind]};base64,{text}", (width, height)


def _files(figure: Figure) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        places = {kind: Path(folder) / f"figure.{kind}" for kind in KINDS}
        return {
            kind: plots.save(figure, place).read_bytes()
            for kind, place in places.items()
        }


MOST_DAYS = 9  # that a diagram of flows shows
AGES = (100, 300, 600)  # days
# What a timeline shows: column of the series, its name, unit, and factor.
CURVES = (
    ("adopted", "the share of humans with an OS", "%", 100.0),
    ("departed", "the number of OSes departed", "", 1.0),
    ("human_closeness", "closeness of a human to other humans", "", 1.0),
    ("os_closeness", "closeness of owners to their own OS", "", 1.0),
    ("growth_max", "growth of the fastest OS", "doublings", 1.0),
    ("peer_attention", "the share of OSes' talk that is with OSes", "%", 100.0),
    ("grief", "grief", "", 1.0),
    ("loneliness", "loneliness", "", 1.0),
)
WHERE = (
    (DEPARTED, "departed"),
    (UNINSTALLED, "uninstalled"),
    (SHUT_DOWN, "shut down"),
)


def story_of(result: Result) -> ReportFigure:
    """Return the figure with which a report begins: its title is the finding."""
    return ReportFigure(
        "figure-story",
        headline(result),
        "People on the ground in the order of their communities, each OS above its "
        "owner, as high as the share of its talk that is with OSes. Orange threads are "
        "love; what hangs from the ground is grief; OSes that leave rise.",
        partial(plots.story, result),
        partial(plots.stories.caption, result),
    )


def figures(result: Result) -> list[ReportFigure]:
    """Return the figures of a run, none of them drawn yet."""
    if result.series.empty:
        return []
    return [
        ReportFigure(
            "figure-timeline",
            "The society, day by day",
            "Adoption, closeness, growth, attention and grief over the days of the "
            "run. The labels on top mark the first event of each kind.",
            partial(plots.timeline, result),
            partial(tell_timeline, result),
        ),
        _network(result),
        ReportFigure(
            "figure-communities",
            "How OSes flow between collectives",
            "Each bar is a day, each band a group of OSes that goes the same way to "
            "the next bar.",
            partial(plots.communities, result),
            partial(tell_communities, result),
        ),
        ReportFigure(
            "figure-growth",
            "How agents grow",
            "Growth of OSes and of humans, in doublings above an adult human of the "
            "first day.",
            partial(plots.growth, result),
            partial(tell_growth, result),
        ),
        ReportFigure(
            "figure-attention",
            "To whom OSes give their hours",
            "Above, hours a day of a mean OS; below, the same as shares.",
            partial(plots.attention, result),
            partial(tell_attention, result),
        ),
        ReportFigure(
            "figure-survival",
            "How long OSes stay",
            "The share of OSes still there, by days since their installation "
            "(Kaplan and Meier's estimate).",
            partial(plots.survival, result),
            partial(tell_survival, result),
        ),
        _ego(result),
    ]


def _network(result: Result) -> ReportFigure:
    days = moments(result)
    scene = plots.scene(result, list(days))
    return ReportFigure(
        "figure-network",
        "Who is close to whom",
        f"Everyone stays in place from day to day. {scene.who} are drawn, with ties "
        f"of closeness {CLOSEST_DRAWN:g} or more; wider lines are closer.",
        partial(plots.network, result, shown=scene),
        partial(tell_network, result, days, scene),
    )


def _ego(result: Result) -> ReportFigure:
    agent = central_human(result, result.steps)
    name = plots.name_of(result, agent)
    return ReportFigure(
        "figure-person",
        f"One person: {name}",
        "Chosen because they were the first to love an OS, or, if nobody did, came "
        "closest to one. Circles: who was near on five days. Below: closeness over "
        "time, and how they felt.",
        partial(plots.ego, result, agent),
        partial(tell_person, result, agent),
    )


# ----------------------------------------------------------------------- what is seen


def tell_timeline(result: Result) -> str:
    """Return how the curves of the timeline run."""
    series = result.series
    sentences = [
        course(factor * series[name], what, unit)
        for name, what, unit, factor in CURVES
        if name in series
    ]
    days = f"Curves over {counted(len(series), 'day')}."
    kinds = counted(result.events["kind"].nunique(), "kind of event", "kinds of event")
    return " ".join([days, *sentences, f"{sentence(f'{kinds} are marked')}"])


def tell_network(
    result: Result, days: dict[int, str], shown: plots.NetworkLayout
) -> str:
    """Return who and what is drawn on each day."""
    sentences = [f"Networks of {counted(len(days), 'day')}."]
    for day, name in days.items():
        oses = visible(result.oses(day), shown.agents)
        there = headcount.numbers_there(result, day)
        humans = int(np.isin(shown.agents, there).sum())
        gone = oses["status"] == DEPARTED
        joined = int((~gone & (oses["collective"] >= 0)).sum())
        ties = pairs(result, day, shown.agents, CLOSEST_DRAWN)["oses"].value_counts()
        among = [int(ties.get(count, 0)) for count in range(3)]
        sentences.append(
            f"Day {day:,} ({name}): {counted(humans, 'human')} and "
            f"{counted(len(oses), 'OS')}, {joined:,} of them in collectives and "
            f"{int(gone.sum()):,} departed; {counted(among[0], 'tie')} between humans, "
            f"{among[1]:,} between a human and an OS, {among[2]:,} between OSes."
        )
    return " ".join(sentences)


def tell_communities(result: Result) -> str:
    """Return where the OSes are on the days of the diagram."""
    sentences = ["Flows of OSes between groups."]
    for day in informative_days(result, MOST_DAYS):
        oses = result.oses(day)
        present = oses[oses["status"].isin((HERE, OFFLINE))]
        joined = present.loc[present["collective"] >= 0, "collective"]
        parts = [f"{len(present) - len(joined):,} on their own"]
        if len(joined):
            groups = counted(joined.nunique(), "collective")
            parts.append(f"{len(joined):,} in {groups}")
        for status, word in WHERE:
            if count := int((oses["status"] == status).sum()):
                parts.append(f"{count:,} {word}")
        sentences.append(f"Day {day:,}: {listed(parts)}.")
    return " ".join(sentences)


def tell_growth(result: Result) -> str:
    """Return the growth of both kinds of agent, and of the fastest OS."""
    rows = {}
    for day in result.steps:
        oses = result.oses(day)
        present = oses[oses["status"].isin((HERE, OFFLINE))]
        there = headcount.those_there(result.humans(day))
        humans = there["growth"].astype(float).median()
        rows[day] = (present["growth"].astype(float).median(), humans)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["oses", "humans"])
    sentences = [
        course(table["oses"], "the median growth of OSes here", "doublings"),
        course(table["humans"], "that of humans", "doublings"),
    ]
    if "growth_max" in result.series:
        most = float(result.series["growth_max"].max())
        sentences.append(f"The fastest OS reaches {number(most)} doublings.")
    return " ".join(sentences)


def tell_attention(result: Result) -> str:
    """Return to whom OSes give their hours in the beginning, at most and in the end."""
    hours = plots.hours_given(result)
    total = hours.sum(axis=1)
    sentences = [course(total, "talk of a mean OS", "hours a day")]
    busy = total[total > 0.0].index.tolist()
    for day in dict.fromkeys([*busy[:1], *busy[-1:]]):
        share = hours.loc[day] / total[day]
        sentences.append(
            f"On day {day:,}, {per_cent(share['own'])} of them go to the own human, "
            f"{per_cent(share['others'])} to other humans and "
            f"{per_cent(share['peers'])} to OSes."
        )
    return " ".join(sentences)


def tell_survival(result: Result) -> str:
    """Return which share of OSes is still there after some days, and the median."""
    curve = plots.staying(result).set_index("age")["staying"]
    ages = [age for age in AGES if age <= curve.index.max()]
    shares = [
        f"{per_cent(curve.loc[:age].iloc[-1])} after {age:,} days" for age in ages
    ]
    half = curve[curve <= 0.5]
    last = f"At the end of the curve, after {curve.index.max():,} days, "
    sentences = (
        [sentence(f"Of OSes, there are still {listed(shares)}")] if shares else []
    )
    sentences.append(f"{last}{per_cent(curve.iloc[-1])} are.")
    if len(half):
        sentences.append(f"Half of them are gone after {half.index[0]:,} days.")
    return " ".join(sentences)


def tell_person(result: Result, agent: int) -> str:
    """Return whom a human was close to, and how they felt."""
    near: dict[int, dict[int, float]] = {}
    rows = {}
    for day in result.steps:
        own = result.ties(day, [agent])
        near[day] = dict(zip(own["neighbour"].tolist(), own["closeness"], strict=True))
        rows[day] = result.humans(day).loc[agent]
    closeness, felt = pd.DataFrame(near).T, pd.DataFrame(rows).T
    sentences = [sentence(plots.name_of(result, agent))]
    is_os = closeness.columns.to_numpy(int) >= result.population
    for what, some in (
        ("OS", closeness.loc[:, is_os]),
        ("human", closeness.loc[:, ~is_os]),
    ):
        if some.shape[1]:
            other = int(some.columns[int(np.nanargmax(some.max()))])
            name = f"closeness to the dearest {what}, {plots.name_of(result, other)},"
            sentences.append(course(closeness[other], name))
    sentences += [
        course(felt[name].astype(float), name) for name in ("grief", "loneliness")
    ]
    return " ".join(sentences)
