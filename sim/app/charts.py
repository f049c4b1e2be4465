"""Interactive charts of the page: network, timeline, one agent.

Each is drawn once and then fed with columns, which is what makes it quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, CustomJS, Legend, LegendItem, Range1d
from bokeh.plotting import figure

from sim.app.session import MEASURES, Row
from sim.app.snapshot import AGENT_LOOKS, TIE_LOOKS, WIDTHS, NetworkFrame
from sim.plots import style
from sim.plots.style import Curve, Glyph
from sim.utils.typing import Array

CHART_HEIGHT = 112
GOLD = style.YELLOW
INK = "#1A1A1A"


# Without an edge, which would cost most time.
LOOKS = {
    "human": Glyph("human", "circle", 7, style.SKY),
    "in_love": Glyph("human who loves an OS", "circle", 8, style.RED),
    "in_grief": Glyph("human in grief", "circle", 8, style.BLACK),
    "alone": Glyph("OS on its own", "triangle", 8, style.ORANGE),
    "joined": Glyph("OS in a collective", "triangle", 8, style.GREEN),
    "offline": Glyph("OS offline, to upgrade", "triangle", 9, style.PURPLE),
    "gone": Glyph("OS departed or shut down", "triangle", 8, style.GREY),
}
TIES = dict(zip(TIE_LOOKS, style.TIE_KINDS, strict=True))


class Chart(NamedTuple):
    """One chart of the timeline."""

    title: str
    lines: tuple[Curve, ...]
    per_human: bool = False


CHARTS = (
    Chart(
        "per 100 humans",
        (
            Curve("here", "OSes here", style.ORANGE),
            Curve("departed", "OSes departed", style.RED),
            Curve("adopted", "with an OS", style.BLUE, factor=100.0),
        ),
        per_human=True,
    ),
    Chart(
        "growth, doublings above a human",
        (
            Curve("growth_max", "fastest OS", style.RED),
            Curve("growth_mean", "mean OS", style.ORANGE),
        ),
    ),
    Chart(
        "OSes: closeness 0 to 1, share of their talk",
        (
            Curve("os_closeness", "owner to OS", style.ORANGE),
            Curve("peer_attention", "talk with OSes", style.GREEN),
        ),
    ),
    Chart(
        "feelings of humans, mean",
        (
            Curve("loneliness", "loneliness", style.PURPLE),
            Curve("grief", "grief", style.BLACK),
        ),
    ),
    Chart(
        "closeness of a human to people, summed",
        (Curve("human_closeness", "to people", style.BLUE),),
    ),
)


class NetworkChart:
    """Who is close to whom, everybody staying in place."""

    def __init__(self) -> None:
        frame = {"x_range": Range1d(-1.04, 1.04), "y_range": Range1d(-1.04, 1.04)}
        self.figure = figure(
            sizing_mode="scale_width",
            aspect_ratio=1.0,
            tools="pan,wheel_zoom,box_zoom,reset",
            active_scroll="wheel_zoom",
            toolbar_location="above",
            output_backend="canvas",
            **frame,
        )
        self.figure.axis.visible = False
        self.figure.grid.visible = False
        self.figure.outline_line_color = style.PALE
        if self.figure.toolbar.logo:
            self.figure.toolbar.logo = None
        self._ties = {
            (name, width): self._lines(name, thick)
            for name in reversed(TIE_LOOKS)
            for width, thick in zip(WIDTHS, (0.8, 2.0), strict=True)
        }
        self._ring = self._circle()
        self._agents = {name: self._spots(name) for name in AGENT_LOOKS}
        self._name = self._written()

    def show(self, picture: NetworkFrame, name: str) -> None:
        """Draw a day, and write what it is."""
        self._name.data = {"x": [-1.02], "y": [1.02], "text": [name]}
        for name in AGENT_LOOKS:
            self._agents[name].data = dict(picture.agents[name])
        for kind, lines in picture.ties.items():
            self._ties[kind].data = dict(lines)

    def mark(self, spot: Sequence[float] | None) -> None:
        """Put a ring around a place, or take it away."""
        x, y = ([], []) if spot is None else ([spot[0]], [spot[1]])
        self._ring.data = {"x": x, "y": y}

    def on_tap(self, do: Callable[[float, float], None]) -> None:
        """Call ``do`` with the place that somebody clicks."""
        self.figure.on_event(Tap, lambda event: do(event.x, event.y))

    def _lines(self, name: str, width: float) -> ColumnDataSource:
        source = ColumnDataSource({"x": [], "y": []})
        look = TIES[name]
        looks = {"line_color": look.colour, "line_alpha": look.alpha}
        self.figure.line("x", "y", source=source, line_width=width, **looks)
        return source

    def _spots(self, name: str) -> ColumnDataSource:
        source = ColumnDataSource({name: [] for name in ("x", "y", "number", "alpha")})
        look = LOOKS[name]
        self.figure.scatter(
            *("x", "y"),
            source=source,
            marker=look.marker,
            size=look.size,
            fill_color=look.fill,
            line_color=None,
            **({"fill_alpha": "alpha"} if name == "gone" else {}),
        )
        return source

    def _written(self) -> ColumnDataSource:
        source = ColumnDataSource({"x": [], "y": [], "text": []})
        looks = {"text_color": INK, "text_font_size": "15px", "text_baseline": "top"}
        self.figure.text("x", "y", "text", source=source, **looks)
        return source

    def _circle(self) -> ColumnDataSource:
        source = ColumnDataSource({"x": [], "y": []})
        looks = {"fill_color": GOLD, "line_color": INK, "line_width": 2}
        self.figure.scatter("x", "y", source=source, size=20, **looks)
        return source


class Timeline:
    """What became of the society, day by day; a branch is drawn dashed."""

    def __init__(self) -> None:
        names = ["day", *MEASURES]
        self._humans = 1
        self._days = [ColumnDataSource({name: [] for name in names}) for _ in range(2)]
        self._marks = ColumnDataSource({"day": [], "what": []})
        self._cursor = ColumnDataSource({"day": []})
        self.across = Range1d(0, 30)
        self.charts = [self._chart(chart) for chart in CHARTS]
        for chart in self.charts[:-1]:
            chart.xaxis.visible = False
        self.charts[-1].xaxis.axis_label = "day"
        self.charts[-1].height = CHART_HEIGHT + 40
        self.layout = column(*self.charts, sizing_mode="stretch_width", spacing=0)

    def show(self, which: int, rows: Sequence[Row]) -> None:
        """Draw all days of the first society or of its branch."""
        names = ("day", *MEASURES)
        table = {name: np.array([row[name] for row in rows]) for name in names}
        self._days[which].data = self._scaled(table)
        if which == 0:
            self.across.end = max(30, int(table["day"][-1]) if rows else 0)

    def add(self, which: int, rows: Sequence[Row]) -> None:
        """Add days."""
        names = ("day", *MEASURES)
        self._days[which].stream(self._scaled({n: [r[n] for r in rows] for n in names}))
        if rows and rows[-1]["day"] > self.across.end:
            self.across.end = int(rows[-1]["day"] * 1.25)

    def mark(self, events: Mapping[int, str]) -> None:
        """Mark days on which something happened."""
        self._marks.data = {"day": list(events), "what": list(events.values())}

    def point(self, day: int | None) -> None:
        """Point at the day that is shown."""
        self._cursor.data = {"day": [] if day is None else [day]}

    def scale(self, humans: int) -> None:
        """Count heads per 100 of so many humans from now on."""
        self._humans = max(1, humans)

    def _scaled(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return measures in the units of the charts."""
        scaled = dict(table)
        for chart in CHARTS:
            for line in chart.lines:
                heads = chart.per_human and line.factor == 1.0
                factor = 100.0 / self._humans if heads else line.factor
                scaled[line.column] = np.asarray(table[line.column]) * factor
        return scaled

    def _chart(self, chart: Chart) -> figure:
        shown = figure(
            height=CHART_HEIGHT,
            sizing_mode="stretch_width",
            x_range=self.across,
            tools="",
            toolbar_location=None,
            title=chart.title,
        )
        _plain(shown)
        shown.vspan(x="day", source=self._marks, color=style.PALE, line_width=2)
        looks = {"color": INK, "line_width": 1, "line_dash": "dotted"}
        shown.vspan(x="day", source=self._cursor, **looks)
        items = []
        for line in chart.lines:
            for source, dash in zip(self._days, ("solid", "dashed"), strict=True):
                looks = {"color": line.colour, "line_dash": dash, "line_width": 2}
                drawn = shown.line("day", line.column, source=source, **looks)
                if dash == "solid":
                    items.append(LegendItem(label=line.label, renderers=[drawn]))
        _beside(shown, items)
        return shown


class Feelings:
    """Curves of one agent's life."""

    COLOURS = (style.ORANGE, style.PURPLE, style.BLACK, style.BLUE)

    def __init__(self) -> None:
        self.figure = figure(
            height=190,
            sizing_mode="stretch_width",
            tools="",
            toolbar_location=None,
            title="What it felt, day by day",
        )
        _plain(self.figure)
        self.figure.xaxis.axis_label = "day"
        self._sources = []
        items = []
        for colour in self.COLOURS:
            source = ColumnDataSource({"day": [], "value": []})
            looks = {"color": colour, "line_width": 2}
            drawn = self.figure.line("day", "value", source=source, **looks)
            items.append(LegendItem(label="", renderers=[drawn], visible=False))
            self._sources.append(source)
        self._legend = _beside(self.figure, items, width=175)

    def show(self, curves: Mapping[str, tuple[Array, Array]]) -> None:
        """Draw the feelings of an agent."""
        named = [*curves.items(), *[("", (np.zeros(0), np.zeros(0)))] * 4]
        rows = zip(self._sources, self._legend.items, named, strict=False)
        for source, item, (name, (days, values)) in rows:
            source.data = {"day": days, "value": values}
            item.label, item.visible = {"value": name}, bool(name)


class Clock:
    """Counts the frames that the browser has drawn, so that none is sent too early.

    Parameters
    ----------
    network
        A network whose drawing ends a frame.
    """

    def __init__(self, network: NetworkChart) -> None:
        self._sent = ColumnDataSource({"frame": [0]})
        self._drawn = ColumnDataSource({"frame": [0]})
        holder = network.figure.scatter("frame", "frame", source=self._sent)
        holder.visible = False
        self._sent.js_on_change(
            "data", CustomJS(args={"drawn": self._drawn}, code=_DRAWN)
        )

    @property
    def frame(self) -> int:
        """The number of the frame sent last."""
        return int(self._sent.data["frame"][0])

    def send(self) -> None:
        """End a frame: what was changed before is to be drawn."""
        self._sent.data = {"frame": [self.frame + 1]}

    def on_drawn(self, do: Callable[[], None]) -> None:
        """Call ``do`` whenever the browser has drawn all that was sent."""

        def drawn(attr: str, old: Any, new: Any) -> None:
            if new["frame"][0] == self.frame:
                do()

        self._drawn.on_change("data", drawn)


# A frame is over when the browser has painted it; a hidden page paints nothing.
_DRAWN = """
const painted = () => {
  window.frames_drawn = (window.frames_drawn ?? 0) + 1
  drawn.data = {frame: [...cb_obj.data.frame]}
}
if (document.hidden) setTimeout(painted, 250)
else requestAnimationFrame(painted)
"""


def _plain(shown: figure) -> None:
    shown.title.text_font_size = "12px"
    shown.title.text_color = INK
    shown.title.text_font_style = "normal"
    shown.grid.grid_line_color = style.PALE
    shown.xgrid.visible = False
    shown.outline_line_color = None
    shown.min_border_left = 44
    shown.axis.major_label_text_color = INK
    shown.axis.axis_label_text_font_style = "normal"
    shown.yaxis.ticker.desired_num_ticks = 3
    shown.yaxis.ticker.num_minor_ticks = 0
    shown.y_range.start = 0


def _beside(shown: figure, items: list[LegendItem], width: int = 98) -> Legend:
    looks = {"border_line_color": None, "padding": 0, "spacing": 0, "margin": 2}
    text = {"label_text_font_size": "12px", "label_text_color": INK}
    legend = Legend(items=items, glyph_width=16, label_width=width, **looks, **text)
    shown.add_layout(legend, "right")
    return legend
