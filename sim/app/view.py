"""Display of one society, of two, or of a stored run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import panel as pn

from sim.app import fragments
from sim.app.charts import LOOKS, TIES, Clock, Feelings, NetworkChart, Timeline
from sim.app.controls import CSS
from sim.app.session import Row, StoredScene, pictures

WORDS_EVERY = 5  # days, while they go by quickly
PANES = ("status", "alert", "caption", "events", "story", "differences")


class Display:
    """Networks, timeline, events and one agent's story."""

    def __init__(self) -> None:
        self.networks = [NetworkChart(), NetworkChart()]
        self.timeline, self.feelings = Timeline(), Feelings()
        self.clock = Clock(self.networks[0])
        self.panes = {
            name: pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[CSS])
            for name in PANES
        }
        self.drawn = [_square(network.figure) for network in self.networks]
        self.curves = pn.Column(_bokeh(self.feelings.figure))
        self.picked: tuple[int, int] | None = None  # which scene, which agent
        self._scenes: Sequence[Any] = ()
        self._events_shown = -1
        self._new: list[list[Row]] = []  # days that the timeline has not yet

    def begin(self, scenes: Sequence[Any]) -> None:
        """Show other scenes than before, from their first day on."""
        self._keep_picked(scenes)
        self._scenes, self._events_shown = scenes, -1
        self._new = [[] for _ in scenes]
        self.timeline.scale(scenes[0].snapshot.alive)
        self.drawn[1].visible = len(scenes) > 1
        for which, network in enumerate(self.networks):
            there = which < len(scenes)
            self.timeline.show(which, scenes[which].rows() if there else [])
            network.mark(None)

    def _keep_picked(self, scenes: Sequence[Any]) -> None:
        """Keep to the agent who was picked, as long as the society is the same."""
        if self.picked is not None:
            which, agent = self.picked
            picked = self._scenes[which]
            goes_on = [at for at, scene in enumerate(scenes) if scene is picked]
            self.picked = (goes_on[0], agent) if goes_on else None

    def show(self, differences: Sequence[Any] = (), hurry: bool = False) -> None:
        """Show the day on which the scenes are.

        Parameters
        ----------
        differences
            Names and values of measures that two societies are compared by.
        hurry
            Whether other days follow at once: then words and curves follow at times.
        """
        with pn.io.hold():
            first, drawn = self._scenes[0], pictures(self._scenes)
            shown = zip(self.networks, self._scenes, drawn, strict=False)
            for network, scene, picture in shown:
                name = f"{scene.label}, day {scene.snapshot.day}"
                network.show(picture, name)
            if not hurry or first.snapshot.day % WORDS_EVERY == 0:
                self._tell_all(drawn[0].caption, differences)
            self.clock.send()

    def _tell_all(self, caption: str, differences: Sequence[Any]) -> None:
        """Show all that is not a network."""
        first = self._scenes[0]
        for which, rows in enumerate(self._new):
            if rows:
                self.timeline.add(which, rows)
        self._new = [[] for _ in self._scenes]
        status = fragments.status(first.snapshot, first.latest())
        self.panes["status"].object = fragments.live_region(status)
        self.panes["caption"].object = fragments.note(caption)
        self.panes["differences"].object = fragments.differences(differences)
        stored = isinstance(first, StoredScene)
        self.timeline.point(first.snapshot.day if stored else None)
        self._show_events()
        self.tell()

    def grow(self) -> None:
        """Take note of one more day for the timeline."""
        for rows, scene in zip(self._new, self._scenes, strict=True):
            rows.append(scene.latest())

    def complain(self, text: str) -> None:
        """Show what was wrong, or nothing."""
        self.panes["alert"].object = fragments.live_region(text, urgent=True)

    def tell(self) -> None:
        """Show the story of the agent who was picked, if one was."""
        if self.picked is None:
            self.panes["story"].object = fragments.story(None)
            self.curves.visible = False
            return
        which, agent = self.picked
        found = self._scenes[which].story(agent)
        spot = self._scenes[which].layout.of(agent).tolist()
        drawn = spot[0] == spot[0]  # those not drawn are nowhere, which is nan
        self.networks[which].mark(spot if drawn else None)
        self.networks[1 - which].mark(None)
        self.panes["story"].object = fragments.story(found)
        self.curves.visible = True  # the column, for a figure stays once it was seen
        self.feelings.show(found.curves)

    def on_pick(self, do: Callable[[int, float, float], None]) -> None:
        """Call ``do`` with the network and the place that somebody clicks."""
        for which, network in enumerate(self.networks):
            network.on_tap(partial(do, which))

    def head(self) -> Any:
        """Return the title and how the society is."""
        title = pn.pane.HTML("<h1>OS Society</h1>", stylesheets=[CSS])
        panes = self.panes["status"], self.panes["alert"]
        return pn.Column(title, *panes, sizing_mode="stretch_width", margin=(4, 12))

    def body(self) -> Any:
        """Return figures and words."""
        legend = pn.pane.HTML(
            fragments.legend(LOOKS.values(), TIES.values()),
            sizing_mode="stretch_width",
            stylesheets=[CSS],
        )
        aside = (legend, self.panes["caption"], _bokeh(self.timeline.layout))
        side = pn.Column(*aside, styles={"flex": "1 1 400px"})
        figures = pn.FlexBox(
            *self.drawn, side, align_items="start", sizing_mode="stretch_width"
        )
        story = pn.Column(
            *(self.panes["story"], self.curves), styles={"flex": "3 1 480px"}
        )
        events = pn.Column(
            *(self.panes["differences"], self.panes["events"]),
            styles={"flex": "2 1 400px"},
        )
        words = pn.FlexBox(
            events, story, align_items="start", sizing_mode="stretch_width"
        )
        return pn.Column(figures, words, sizing_mode="stretch_width")

    def _show_events(self) -> None:
        scene = self._scenes[-1]
        rows = scene.events()
        if len(rows) == self._events_shown:
            return
        self._events_shown = len(rows)
        title = "Events" if len(self._scenes) == 1 else "Events, what if"
        self.panes["events"].object = fragments.events(title, rows, scene.snapshot.name)
        marks = {int(row["step"]): fragments.kind(row["kind"]) for row in rows}
        self.timeline.mark(marks)


def _bokeh(shown: Any) -> pn.pane.Bokeh:
    return pn.pane.Bokeh(shown, sizing_mode="stretch_width")


def _square(shown: Any) -> pn.Column:
    styles = {"flex": "1 1 420px", "max-width": "640px"}
    pane = pn.pane.Bokeh(shown, sizing_mode="scale_width")
    return pn.Column(pane, styles=styles)
