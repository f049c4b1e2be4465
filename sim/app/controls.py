"""Controls of the page: scenario, parameters, interventions, playback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import panel as pn

from sim import scenarios
from sim.app import fragments
from sim.app.session import MOST_HUMANS, Session, Setup, StoredScene
from sim.model.parameters import Parameters, about
from sim.scenarios.interventions import LEVERS

CSS = (Path(__file__).with_name("page.css")).read_text(encoding="utf-8")
LIVE = "the running society"
# The parameters that the page shows at once; the others are one choice away.
_MAIN = (
    *("innovation", "os_growth_rate", "growth_exponent", "reach", "peers"),
    *("exclusivity_mean", "departure_threshold", "human_warmth"),
)
MAIN = tuple(name for name in _MAIN if name in Parameters.model_fields)
BAR = ("step", "play", "pause", "reset", "branch", "keep_first", "keep_second")
SPEEDS = {"1": 1, "2": 2, "5": 5, "10": 10, "as many as it can": 1000}


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
        self.seed = _whole("Random seed", setup.seed, 0, 2**53 - 1)
        humans = setup.parameters.humans
        self.humans = _whole("Humans", humans, 1, MOST_HUMANS)
        self.buttons = {
            "step": _button("Step", "primary"),
            "play": _button("Play", "success"),
            "pause": _button("Pause", "default"),
            "reset": _button("Reset", "default"),
            "branch": _button("What if: branch here", "default"),
            "keep_first": _button("Keep as it was", "default"),
            "keep_second": _button("Keep what if", "default"),
            "pull": _button("Begin it tomorrow", "warning"),
            "defaults": _button("As in the scenario", "default"),
            "find": _button("Tell its story", "default"),
        }
        self.speed = _select("Days a second", SPEEDS, 5, width=150)
        self.lever = _select(
            "Lever", {fragments.kind(n): n for n in LEVERS}, "growth_cap"
        )
        self.other = _select("Any other parameter", _others(), _others()[0])
        folders = {LIVE: LIVE} | {f"run {run.name}": str(run) for run in runs}
        self.run = _select("Watch", folders, LIVE)
        self.day = pn.widgets.DiscreteSlider(
            label="Day", options=[0], sizing_mode="stretch_width", stylesheets=[CSS]
        )
        self.agent = _whole("Agent number", 0, 0, 10**9, width=110)
        self.story, self.effect, self.changed = _words(), _words(), _words()
        self.knobs, self.other_knob = pn.Column(), pn.Column()
        self.on_change: Callable[[str, Any], None] = lambda name, value: None
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
        self._tell_effect()
        self._show_other()

    def follow(self, session: Session, tape: StoredScene | None) -> None:
        """Show what is set for a session, or for the stored run that is watched."""
        live, branched = tape is None, len(session.societies) > 1
        for name in ("reset", "branch", "pull", "defaults"):
            self.buttons[name].disabled = not live
        for name in ("keep_first", "keep_second"):
            self.buttons[name].visible = live and branched
        for widget in (self.lever, self.scenario, self.seed, self.humans):
            widget.disabled = not live
        self.day.visible = not live
        self.parameters.visible = live
        if tape is not None:
            self.day.param.update(options=tape.days, value=tape.snapshot.day)
            return
        setup = session.setup
        scenario = scenarios.load(setup.scenario)
        self.story.object = fragments.scenario(scenario.title, scenario.story)
        self.note(session)
        self.humans.value = setup.parameters.humans
        self._values = session.societies[-1].society.parameters.model_dump()
        for name, put in self._puts.items():
            put(self._values[name])

    def note(self, session: Session) -> None:
        """Show what was changed, and what will be tomorrow."""
        pending = [
            f"{one.name}: {one.set}"
            for one in session.societies[-1].society.steering.waiting
            if one.at is not None and one.at > session.day
        ]
        self.changed.object = fragments.changed(session.setup.changes, pending)

    def sidebar(self) -> pn.Column:
        """Return the controls of what the society is."""
        start = pn.pane.HTML("<h2>Society</h2>", stylesheets=[CSS])
        levers = pn.pane.HTML("<h2>Intervene</h2>", stylesheets=[CSS])
        return pn.Column(
            *(start, self.run, self.day, self.scenario, self.story),
            pn.Row(self.seed, self.humans, sizing_mode="stretch_width"),
            *(levers, self.lever, self.effect, self.buttons["pull"]),
            self.parameters,
            width=310,
            css_classes=["sidebar"],
            stylesheets=[CSS],
        )

    def bar(self) -> pn.FlexBox:
        """Return the controls of how the days go by."""
        return pn.FlexBox(
            *(self.buttons[name] for name in BAR),
            self.speed,
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

    def _knob(self, name: str) -> pn.Column:
        """Return a parameter's controls, with unit, range and source."""
        help_line = _words(fragments.help_of(name))
        value, label = self._values[name], about(name).meaning
        dials: tuple[Any, ...] = (
            (_select(label, {"on": True, "off": False}, value),)
            if isinstance(value, bool)
            else _dials(name, label, value)
        )

        def put(new: Any) -> None:
            for dial in dials:
                dial.value = new

        def change(event: Any) -> None:
            if event.new is None or event.new == self._values[name]:
                return
            self._values[name] = event.new
            put(event.new)
            self.on_change(name, event.new)

        self._puts[name] = put
        dials[0].param.watch(change, "value")
        for slider in dials[1:]:
            slider.param.watch(change, "value_throttled")
        return pn.Column(*dials, help_line, margin=0)


def _dials(name: str, label: str, value: Any) -> tuple[Any, Any]:
    """Return a field for a number, and a slider for what is near to it."""
    note, whole = about(name), isinstance(value, int)
    kind = int if whole else float
    high = kind(min(note.high, 4 * abs(value) or 1))
    low = kind(note.low)
    step = 1 if whole else (high - low) / 100
    box = {"sizing_mode": "stretch_width", "stylesheets": [CSS]}
    span = {"start": low, "end": kind(note.high)}
    make = pn.widgets.IntInput if whole else pn.widgets.FloatInput
    field = make(label=label, value=value, step=step, **span, **box)
    slide = pn.widgets.IntSlider if whole else pn.widgets.FloatSlider
    span = {"start": low, "end": max(high, value)}
    slider = slide(value=value, step=step, show_value=False, **span, **box)
    slider.margin = (0, 14)
    return field, slider


def _names() -> list[str]:
    names = scenarios.names()
    return sorted(names, key=lambda name: name != "her")


def _others() -> list[str]:
    shown = {*MAIN, "humans"}
    return [name for name in Parameters.model_fields if name not in shown]


def _select(
    name: str, options: Any, value: Any, width: int | None = None
) -> pn.widgets.Select:
    box = {"sizing_mode": None if width else "stretch_width", "width": width}
    return pn.widgets.Select(
        label=name, options=options, value=value, stylesheets=[CSS], **box
    )


def _whole(
    name: str, value: int, low: int, high: int, width: int | None = None
) -> pn.widgets.IntInput:
    box = {"sizing_mode": None if width else "stretch_width", "width": width}
    return pn.widgets.IntInput(
        label=name, value=value, start=low, end=high, stylesheets=[CSS], **box
    )


def _button(name: str, kind: str) -> pn.widgets.Button:
    return pn.widgets.Button(label=name, color=kind, stylesheets=[CSS])


def _words(text: str = "") -> pn.pane.HTML:
    return pn.pane.HTML(
        text, sizing_mode="stretch_width", stylesheets=[CSS], margin=(0, 10)
    )
