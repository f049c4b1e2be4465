"""Display of one society, of two, or of stored runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

import panel as pn

from sim.app import charts, fragments
from sim.app.controls import CSS
from sim.app.session import LiveSociety, StoredScene
from sim.runs import view as picture

PANES = ("status", "alert", "moment", "charts", "events", "story", "differences")
AROUND = ":host { --around: 520px; }"  # what is above and below the picture
CODE = Path(__file__).with_name("scenes.js")


class Picture(pn.custom.JSComponent):  # type: ignore[misc]
    """The views, in the browser.

    Parameters
    ----------
    params
        As for any component of Panel.
    """

    _esm = picture.source("view.js") + CODE.read_text(encoding="utf-8")
    _stylesheets: ClassVar[list[str]] = [picture.source("view.css"), CSS, AROUND]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.told: dict[str, Callable[[dict[str, Any]], None]] = {}

    def ask(self, do: str, **about: Any) -> None:
        """Let the browser do something, after all that it was asked before."""
        self._send_msg({"do": do, **about})

    def _handle_msg(self, data: Any) -> None:
        for name, do in self.told.items():
            if name in data:
                do(data)


class Display:
    """Views, charts, events and one agent's story."""

    def __init__(self) -> None:
        self.picture = Picture(sizing_mode="stretch_width", min_height=640)
        self.panes = {
            name: pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[CSS])
            for name in PANES
        }
        self.picked: tuple[int, int] | None = None  # which scene, which agent
        self.frame = 0  # the number of the last that was sent
        self.is_ready = False  # whether there is a browser that draws
        self._scenes: Sequence[Any] = ()
        self._events_shown = -1

    # ------------------------------------------------------------------------ scenes

    def begin(self, scenes: Sequence[Any]) -> None:
        """Show other scenes than before, from the day on which they are."""
        self._remember(scenes)
        if not self.is_ready:
            return
        self.picture.ask("only", scenes=len(scenes))
        for at, scene in enumerate(scenes):
            about = {"scene": at, "label": scene.label}
            if isinstance(scene, StoredScene):
                self.picture.ask("stored", packed=scene.packed(), **about)
            else:
                self.picture.ask("live", packed=scene.beginning(), **about)

    def branch(self, scenes: Sequence[LiveSociety]) -> None:
        """Show a copy of the society beside it, with its past."""
        self._remember(scenes)
        if self.is_ready:
            self.picture.ask("branch", labels=[scene.label for scene in scenes])

    def keep(self, which: int, scenes: Sequence[LiveSociety]) -> None:
        """Show one of two societies only."""
        self._remember(scenes)
        if self.is_ready:
            self.picture.ask("keep", which=which, label=scenes[0].label)

    def draw(self, seconds: float) -> None:
        """Draw today, moving there in so many seconds."""
        if not self.is_ready:
            return
        for at, scene in enumerate(self._scenes):
            if isinstance(scene, LiveSociety):
                about = {"scene": at, "seconds": seconds, "label": scene.label}
                self.picture.ask("day", packed=scene.frame(), **about)
        self.frame += 1
        self.picture.ask("frame", frame=self.frame)

    def lead_to(self, address: dict[str, str]) -> None:
        """Let the address of the page lead here."""
        if self.is_ready:
            self.picture.ask("address", query=urlencode(address, safe=":,"))

    def _remember(self, scenes: Sequence[Any]) -> None:
        """Keep to the agent who was picked, as long as the society is the same."""
        if self.picked is not None:
            which, agent = self.picked
            picked = self._scenes[which]
            goes_on = [at for at, scene in enumerate(scenes) if scene is picked]
            self.picked = (goes_on[0], agent) if goes_on else None
        self._scenes, self._events_shown = scenes, -1

    # ------------------------------------------------------------------------- words

    def tell_all(
        self,
        differences: Sequence[Any] = (),
        effect: tuple[int, Sequence[Any]] | None = None,
    ) -> None:
        """Say in words and charts how things are.

        Parameters
        ----------
        differences
            Names and values of measures that two scenes are compared by.
        effect
            The day before the last intervention, and measures then and today.
        """
        first = self._scenes[0]
        with pn.io.hold():
            status = fragments.status(first.snapshot, first.latest())
            self.panes["status"].object = fragments.live_region(status)
            self.panes["differences"].object = self._compared(differences, effect)
            tables = [scene.rows() for scene in self._scenes]
            until = first.last_day
            drawn = charts.timeline(tables, first.snapshot.alive, until)
            self.panes["charts"].object = drawn
            self._show_events()
            self.tell()

    def _compared(
        self, differences: Sequence[Any], effect: tuple[int, Sequence[Any]] | None
    ) -> str:
        if isinstance(self._scenes[-1], StoredScene):
            labels = self._scenes[0].label, self._scenes[-1].label
            caption = "On the day shown; what differs by more than a tenth is bold."
            return fragments.differences(differences, labels, "Side by side", caption)
        if effect is None or differences:
            return fragments.differences(differences)
        day, rows = effect
        heads = f"day {day}", "today"
        caption = "Other things change, too: a branch shows what would have been."
        return fragments.differences(rows, heads, "Since the intervention", caption)

    def complain(self, text: str) -> None:
        """Show what was wrong, or nothing."""
        self.panes["alert"].object = fragments.live_region(text, urgent=True)

    def tell(self) -> None:
        """Show the story of the agent who was picked, if one was."""
        found = None
        if self.picked is not None:
            which, agent = self.picked
            found = self._scenes[which].story(agent)
        self.panes["story"].object = fragments.story(found)

    def pick(self, which: int, agent: int) -> None:
        """Tell of an agent."""
        self.picked = which, agent
        self.tell()

    def head(self) -> Any:
        """Return the title and how the society is."""
        title = pn.pane.HTML("<h1>OS Society</h1>", stylesheets=[CSS])
        panes = (self.panes[name] for name in ("status", "moment", "alert"))
        return pn.Column(title, *panes, sizing_mode="stretch_width", margin=(4, 12))

    def body(self) -> Any:
        """Return the picture, charts and words."""
        wide = {"flex": "1 1 420px", "min-width": "0", "max-width": "100%"}
        story = pn.Column(self.panes["story"], styles=wide)
        events = pn.Column(self.panes["differences"], self.panes["events"], styles=wide)
        words = pn.FlexBox(
            *(story, events), align_items="start", sizing_mode="stretch_width"
        )
        return pn.Column(
            *(self.picture, words, self.panes["charts"]), sizing_mode="stretch_width"
        )

    def _show_events(self) -> None:
        scene = self._scenes[-1]
        rows = scene.events()
        if len(rows) == self._events_shown:
            return
        self._events_shown = len(rows)
        title = "Events" if len(self._scenes) == 1 else f"Events, {scene.label}"
        self.panes["events"].object = fragments.events(title, rows, scene.snapshot.name)
