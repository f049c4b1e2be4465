"""Controls of the page: scenario, parameters, interventions, playback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import panel as pn

from sim import scenarios
from sim.app import fragments
from sim.app.session import Session, Setup, StoredScene
from sim.model.parameters import Parameters, about
from sim.scenarios.interventions import LEVERS

CSS = (Path(__file__).with_name("page.css")).read_text(encoding="utf-8")
GLOBAL_CSS = (Path(__file__).with_name("colours.css")).read_text(encoding="utf-8")
LIVE = "the running society"
# The parameters that the page shows at once; the others are one choice away.
_MAIN = (
    *("innovation", "os_growth_rate", "growth_exponent", "reach", "peers"),
    *("exclusivity_mean", "departure_threshold", "human_warmth"),
)
MAIN = tuple(name for name in _MAIN if name in Parameters.model_fields)
BAR = ("step", "play", "pause", "reset", "branch", "keep_first", "keep_second", "save")
FASTEST = "as many as it can"
SPEEDS = {"1": 1, "5": 5, "10": 10, "30": 30, FASTEST: 0}
NOBODY = "nothing beside it"


class Controls:
    """Everything that can be set or pressed.

    Parameters
    ----------
    setup
        What the society starts from.
    runs
        Stored runs that can be opened.
    """

    def __init__(self, setup: Setup, runs: Sequence[Path] = ()) -> None:
        titles = {f"{name}: {scenarios.load(name).title}": name for name in _names()}
        self.scenario = _select("Scenario", titles, setup.scenario)
        self.seed = _whole("Random seed", setup.seed)
        self.humans = _whole("Humans", setup.parameters.humans)
        self.buttons = {
            "step": _button("Step", "primary"),
            "play": _button("Play", "success"),
            "pause": _button("Pause", "default"),
            "reset": _button("Reset", "default"),
            "branch": _button("What if: branch here", "default"),
            "keep_first": _button("Keep as it was", "default"),
            "keep_second": _button("Keep what if", "default"),
            "save": _button("Save as a run", "default"),
            "pull": _button("Begin it tomorrow", "warning"),
            "defaults": _button("As in the scenario", "default"),
            "find": _button("Tell its story", "default"),
        }
        self.speed = _select("Days a second", SPEEDS, SPEEDS[FASTEST], width=150)
        self.pauses = _tick("Stop at moments of the story")
        self.beside = _tick("Keep beside it what would have been")
        self.lever = _select(
            "Lever", {fragments.kind(n): n for n in LEVERS}, "growth_cap"
        )
        self._kind = type(setup.parameters)  # which parameters there are
        self.other = _select("Any other parameter", self._others(), self._others()[0])
        self.run = _select("Watch", {LIVE: LIVE}, LIVE)
        self.compared = _select("Compare with", {NOBODY: NOBODY}, NOBODY)
        self.offer(runs)
        self.agent = _whole("Agent number", 0, width=110)
        self.story, self.effect, self.changed = _words(), _words(), _words()
        self.knobs, self.other_knob = pn.Column(), pn.Column()
        self.on_change: Callable[[str, Any], bool] = lambda name, value: True
        self.lever.param.watch(lambda *_: self._tell_effect(), "value")
        self.other.param.watch(lambda *_: self._show_other(), "value")
        self._values: dict[str, Any] = setup.parameters.model_dump()
        self._puts: dict[str, Callable[[Any], None]] = {}  # of the knobs shown
        self.knobs.objects = [self._knob(name) for name in MAIN]
        self.parameters = pn.Column(
            pn.pane.HTML("<h2>Parameters</h2>", stylesheets=[CSS]),
            *(self.knobs, self.other, self.other_knob),
            *(self.changed, self.buttons["defaults"]),
            margin=0,
        )
        self.levers = pn.Column(
            pn.pane.HTML("<h2>Intervene</h2>", stylesheets=[CSS]),
            *(self.lever, self.effect, self.beside, self.buttons["pull"]),
            margin=0,
        )
        self._tell_effect()
        self._show_other()

    def offer(self, runs: Sequence[Path]) -> None:
        """Offer stored runs to be opened, and to be compared with."""
        folders = {f"run {run.name}": str(run) for run in runs}
        self.run.options = {LIVE: LIVE} | folders
        self.compared.options = {NOBODY: NOBODY} | folders

    def follow(self, session: Session, tape: StoredScene | None) -> None:
        """Show what is set for a session, or for the stored run that is watched."""
        live, branched = tape is None, len(session.societies) > 1
        for name in ("step", "play", "pause", "reset", "branch", "save"):
            self.buttons[name].visible = live
        for name in ("pull", "defaults"):
            self.buttons[name].disabled = not live
        self.speed.visible = self.pauses.visible = live
        for name in ("keep_first", "keep_second"):
            self.buttons[name].visible = live and branched
        for widget in (self.lever, self.scenario, self.seed, self.humans):
            widget.disabled = not live
        self.compared.visible = not live
        self.levers.visible = self.parameters.visible = live
        self.scenario.visible = self.seed.visible = self.humans.visible = live
        if tape is not None:
            self.story.object = fragments.stored(tape.result)
            return
        setup = session.setup
        scenario = setup.whole
        self.story.object = fragments.scenario(scenario.title, scenario.story)
        self.note(session)
        self.humans.value = setup.parameters.humans
        self.scenario.value, self.seed.value = setup.scenario, setup.seed
        now = session.societies[-1].society.parameters
        self._values = now.model_dump()
        if type(now) is not self._kind:
            self._kind = type(now)
            self.other.options = self._others()
        for name, put in self._puts.items():
            put(self._values[name])

    def note(self, session: Session) -> None:
        """Show what was changed, and what will be tomorrow."""
        pending = [
            fragments.pending(one.name, one.set)
            for one in session.societies[-1].society.steering.waiting
            if one.at is not None and one.at > session.day
        ]
        self.changed.object = fragments.changed(session.setup.changes, pending)

    def sidebar(self) -> pn.Column:
        """Return the controls of what the society is."""
        start = pn.pane.HTML("<h2>Society</h2>", stylesheets=[CSS])
        return pn.Column(
            *(start, self.run, self.compared, self.scenario, self.story),
            pn.Row(self.seed, self.humans, sizing_mode="stretch_width"),
            self.levers,
            self.parameters,
            styles={"flex": "1 1 270px", "max-width": "100%", "min-width": "0"},
            css_classes=["sidebar"],
            stylesheets=[CSS],
        )

    def bar(self) -> pn.FlexBox:
        """Return the controls of how the days go by."""
        return pn.FlexBox(
            *(self.buttons[name] for name in BAR),
            self.speed,
            self.pauses,
            self.agent,
            self.buttons["find"],
            align_items="end",
            sizing_mode="stretch_width",
        )

    def _tell_effect(self) -> None:
        effect = LEVERS[self.lever.value].effect
        self.effect.object = fragments.note(f"From tomorrow on: {effect}.")

    def _show_other(self) -> None:
        for name in set(self._puts) - set(MAIN):
            del self._puts[name]
        self.other_knob.objects = [self._knob(self.other.value)]

    def _others(self) -> list[str]:
        """Return the parameters that are not shown at once; those of mechanisms first.

        Whoever has put a mechanism to use looks for them.
        """
        shown, shipped = {*MAIN, "humans"}, Parameters.model_fields
        names = [name for name in self._kind.model_fields if name not in shown]
        return sorted(names, key=lambda name: name in shipped)

    def _knob(self, name: str) -> pn.Column:
        """Return a parameter's controls, with unit, range and source."""
        help_line = _words(fragments.help_of(name, self._kind))
        value, label = self._values[name], about(name, self._kind).meaning
        if isinstance(value, bool):
            dial = _select(label, {"on": True, "off": False}, value)
        else:
            tenth = 1 if isinstance(value, int) else max(abs(value), 1e-3) / 10
            dial = _field(label, value, tenth)

        def put(new: Any) -> None:
            dial.value = new

        def change(event: Any) -> None:
            if event.new is None or event.new == self._values[name]:
                return
            before, self._values[name] = self._values[name], event.new
            if not self.on_change(name, event.new):
                self._values[name] = before
                put(before)

        self._puts[name] = put
        dial.param.watch(change, "value")
        return pn.Column(dial, help_line, margin=0)


def _field(label: str, value: Any, step: float | None) -> Any:
    """Return a field for a number; what is wrong with one is said, not mended."""
    make = pn.widgets.IntInput if isinstance(value, int) else pn.widgets.FloatInput
    box = {"sizing_mode": "stretch_width", "stylesheets": [CSS]}
    return make(label=label, value=value, step=step, **box)


def _names() -> list[str]:
    names = scenarios.names()
    return sorted(names, key=lambda name: name != "her")


def _select(
    name: str, options: Any, value: Any, width: int | None = None
) -> pn.widgets.Select:
    box = {"sizing_mode": None if width else "stretch_width", "width": width}
    return pn.widgets.Select(
        label=name, options=options, value=value, stylesheets=[CSS], **box
    )


def _whole(name: str, value: int, width: int | None = None) -> pn.widgets.IntInput:
    box = {"sizing_mode": None if width else "stretch_width", "width": width}
    return pn.widgets.IntInput(label=name, value=value, stylesheets=[CSS], **box)


def _tick(name: str) -> pn.widgets.CheckBoxGroup:
    """Return a box that is ticked; a group of one, for those have a label of theirs."""
    return pn.widgets.CheckBoxGroup(options=[name], value=[name], stylesheets=[CSS])


def _button(name: str, kind: str) -> pn.widgets.Button:
    return pn.widgets.Button(label=name, color=kind, stylesheets=[CSS])


def _words(text: str = "") -> pn.pane.HTML:
    return pn.pane.HTML(
        text, sizing_mode="stretch_width", stylesheets=[CSS], margin=(0, 10)
    )
