"""Charts of the page: all measures day by day, and how one agent felt.

They are SVG in the page's own colours: dark or light, and as sharp on any screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sim.app.session import Row
from sim.utils.html import Html, element
from sim.utils.typing import Array

WIDTH, HEIGHT = 300, 70  # units of a drawing, which is as wide as there is room
POINTS = 240  # of a line; of more days, some


class ChartLine(NamedTuple):
    """A line of a chart."""

    measure: str
    label: str
    ink: str  # a colour of the page
    per_human: bool = False
    factor: float = 1.0


CHARTS: tuple[tuple[str, tuple[ChartLine, ...]], ...] = (
    (
        "Per 100 people",
        (
            ChartLine("here", "OSes here", "single", True, 100.0),
            ChartLine("departed", "OSes departed", "left", True, 100.0),
            ChartLine("adopted", "with an OS", "person", False, 100.0),
        ),
    ),
    (
        "Growth, doublings above a human",
        (
            ChartLine("growth_max", "fastest OS", "love"),
            ChartLine("growth_mean", "mean OS", "single"),
        ),
    ),
    (
        "OSes, 0 to 1",
        (
            ChartLine("os_closeness", "closeness of owner to OS", "love"),
            ChartLine("peer_attention", "talk with OSes", "joined"),
        ),
    ),
    (
        "Feelings of people, mean",
        (
            ChartLine("loneliness", "loneliness", "person"),
            ChartLine("grief", "grief", "grief"),
        ),
    ),
    (
        "Closeness of a person to people",
        (ChartLine("human_closeness", "summed", "person"),),
    ),
)
INKS = ("love", "person", "grief", "joined")


class DrawnCurve(NamedTuple):
    """What is drawn of a line."""

    label: str
    ink: str
    days: Array
    values: Array
    dashed: bool = False


def timeline(tables: Sequence[Sequence[Row]], humans: int, until: int) -> Html:
    """Return charts of all measures; of two societies, the first is dashed.

    What mechanisms measure has a chart each, after those of the model.

    Parameters
    ----------
    tables
        The days of each, as from ``rows`` of a scene.
    humans
        How many people there are.
    until
        The last day of the axis.
    """
    tables = [table for table in tables if table]
    charts = []
    for title, lines in (*CHARTS, *_own(tables)) if tables else ():
        curves = []
        for at, table in enumerate(tables):
            days = np.array([row["day"] for row in table])
            for line in lines:
                scale = line.factor / (max(1, humans) if line.per_human else 1)
                values = np.array([row.get(line.measure, 0.0) for row in table])
                values = values * scale
                curves.append(
                    DrawnCurve(line.label, line.ink, days, values, at + 1 < len(tables))
                )
        charts.append(chart(title, curves, until))
    return element("div", *charts, class_="charts")


def _own(tables: Sequence[Sequence[Row]]) -> list[tuple[str, tuple[ChartLine, ...]]]:
    """Return a chart of each measure that none of ``CHARTS`` shows."""
    shown = {"day", *(line.measure for _, lines in CHARTS for line in lines)}
    named = dict.fromkeys(name for table in tables for name in table[-1])
    return [
        (name, (ChartLine(name, "of a mechanism", "single"),))
        for name in named
        if name not in shown
    ]


def feelings(curves: Mapping[str, tuple[Array, Array]]) -> Html:
    """Return a chart of what one agent felt."""
    named = zip(curves.items(), INKS, strict=False)
    drawn = [
        DrawnCurve(name, ink, *about) for (name, about), ink in named if len(about[0])
    ]
    if not drawn:
        return Html()
    until = max(float(curve.days[-1]) for curve in drawn)
    each = [chart(curve.label, [curve], int(until)) for curve in drawn]
    return element("div", *each, class_="charts")


def chart(title: str, curves: Sequence[DrawnCurve], until: int) -> Html:
    """Return a chart with its title, and a label and the latest value of each line."""
    top = max([1e-9, *(float(curve.values.max(initial=0.0)) for curve in curves)])
    keys: list[Any] = []
    for curve in curves:
        if not curve.dashed and len(curve.values):
            words = f"{curve.label} {curve.values[-1]:.3g}"
            keys.append(element("span", words, class_=f"ink-{curve.ink}"))
    words = "; ".join(str(key.label) for key in curves if not key.dashed)
    lines = [_drawn(curve, until, top) for curve in curves]
    drawing = element(
        "svg",
        *lines,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{title}: {words}, over {until} days; the top is {top:.3g}",
    )
    heading = element("figcaption", element("b", title), *keys)
    return element("figure", heading, drawing)


def _drawn(curve: DrawnCurve, until: int, top: float) -> Html:
    count = len(curve.days)
    some = np.unique(np.linspace(0, count - 1, min(count, POINTS)).astype(int))
    x = curve.days[some] / max(1, until) * WIDTH
    y = HEIGHT - 2 - curve.values[some] / top * (HEIGHT - 4)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    looks = {"stroke_dasharray": "4 3"} if curve.dashed else {}
    return element("polyline", points=points, class_=f"ink-{curve.ink}", **looks)
