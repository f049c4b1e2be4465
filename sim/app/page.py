"""The page: what each control does, and how it is served."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import panel as pn

from sim.app.controls import LIVE, Controls
from sim.app.hosts import answer_only, host_name
from sim.app.session import Session, Setup, StoredScene, pictures
from sim.app.view import Display
from sim.utils.errors import InputError

TITLE = "OS Society"
SLOW = 2  # days a second up to which everything follows every day


def later(do: Callable[[], object], seconds: float = 0.0) -> None:
    """Do something when the page may be changed; at once where nobody is connected."""
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        do()
    elif seconds <= 0.0:
        document.add_next_tick_callback(do)
    else:
        document.add_timeout_callback(do, max(1, int(1000 * seconds)))


class Player:
    """Lets day follow on day, as fast as asked for and as the browser draws them.

    Parameters
    ----------
    step
        Shows one more day, and ends a frame of the page's clock; false at the end.
    speed
        Returns how many days there shall be in a second.
    """

    def __init__(self, step: Callable[[], bool], speed: Callable[[], float]) -> None:
        self._step, self._speed = step, speed
        self.playing = False
        self._started = 0.0
        self._due = False  # whether the next day has been arranged

    def play(self) -> None:
        """Go on until the end, or until it is paused."""
        if not self.playing:
            self.playing = True
            if not self._due:
                self._tick()

    def pause(self) -> None:
        """Stop after this day."""
        self.playing = False

    def drawn(self) -> None:
        """Take note that the browser has drawn what was sent."""
        if self.playing and not self._due:
            self._due = True
            spent = time.perf_counter() - self._started
            later(self._tick, max(0.001, 1.0 / self._speed() - spent))

    def _tick(self) -> None:
        self._due = False
        if self.playing:
            self._started = time.perf_counter()
            self.playing = self._step()


class Page:
    """One visitor's page.

    Parameters
    ----------
    setup
        What to start from.
    runs
        Stored runs that can be opened.
    opened
        The stored run to begin with, if any.
    """

    def __init__(
        self, setup: Setup, runs: Sequence[Path] = (), opened: Path | None = None
    ) -> None:
        self.session = Session(setup)
        self.tape: StoredScene | None = None
        self.view, self.controls = Display(), Controls(setup, runs)
        self.player = Player(self.step, lambda: self.controls.speed.value)
        self.view.clock.on_drawn(self.player.drawn)
        self.view.on_pick(self._pick)
        self._quiet = False  # while the page itself moves its controls
        self._wire()
        self.begin()
        if opened is not None:
            self.controls.run.value = str(opened)

    def layout(self) -> Any:
        """Return all of the page."""
        main = pn.Column(
            *(self.view.head(), self.controls.bar(), self.view.body()),
            sizing_mode="stretch_width",
        )
        return pn.Row(self.controls.sidebar(), main, sizing_mode="stretch_width")

    def begin(self) -> None:
        """Show other scenes: another society, a branch, or a stored run."""
        scenes = [self.tape] if self.tape is not None else self.session.societies
        self._quiet = True
        try:
            self.controls.follow(self.session, self.tape)
        finally:
            self._quiet = False
        self.view.begin(scenes)
        self._show()

    def step(self) -> bool:
        """Simulate one day, or show the next that was kept; return false at the end."""
        if self.tape is not None:
            later = [day for day in self.tape.days if day > self.tape.snapshot.day]
            if later:
                self.controls.day.value = later[0]
            return bool(later)
        stepped = self.session.step()
        if stepped:
            self.view.grow()
            quick = self.player.playing and self.controls.speed.value > SLOW
            self._show(hurry=quick and not self.session.finished)
        return bool(stepped)

    def _show(self, hurry: bool = False) -> None:
        differences = [] if self.tape is not None else self.session.differences()
        self.controls.note(self.session)
        self.view.show(differences, hurry)

    # -------------------------------------------------------------------- wiring

    def _wire(self) -> None:
        """Let every control do what it says."""
        controls = self.controls
        lever, agent = controls.lever, controls.agent
        for name, do in {
            "step": self.step,
            "play": self.player.play,
            "pause": self._pause,
            "reset": lambda: self._anew(self.session.reset),
            "branch": lambda: self._anew(self.session.branch),
            "keep_first": lambda: self._anew(lambda: self.session.keep(0)),
            "keep_second": lambda: self._anew(lambda: self.session.keep(1)),
            "pull": lambda: self._declare(lambda: self.session.pull(lever.value)),
            "find": lambda: self._tell(0, agent.value or 0),
            "defaults": lambda: self._choose(anew=True),
        }.items():
            controls.buttons[name].on_click(lambda _, do=do: self._guarded(do))
        for widget, do in (
            (controls.scenario, lambda: self._choose(anew=True)),
            (controls.seed, self._choose),
            (controls.humans, self._choose),
            (controls.run, self._open),
            (controls.day, self._go),
        ):
            widget.param.watch(lambda _, do=do: self._guarded(do), "value")
        controls.on_change = lambda name, value: self._guarded(
            lambda: self._declare(lambda: self.session.change(name, value))
        )

    def _guarded(self, do: Callable[[], object]) -> None:
        """Do something, and say on the page what was wrong with what was given."""

        def act() -> None:
            try:
                self.view.complain("")
                do()
            except InputError as error:
                self.player.pause()
                self.view.complain(str(error))

        if not self._quiet:
            later(act)

    def _pause(self) -> None:
        self.player.pause()
        self._show()

    def _anew(self, do: Callable[[], object]) -> None:
        do()
        self.begin()

    def _choose(self, anew: bool = False) -> None:
        """Begin again with the scenario, seed and number of humans that are set."""
        self.player.pause()
        controls = self.controls
        changes = {} if anew else dict(self.session.setup.changes)
        changes["humans"] = controls.humans.value or 1
        setup = Setup(controls.scenario.value, controls.seed.value or 0, changes)
        self._anew(lambda: self.session.reset(setup))

    def _declare(self, do: Callable[[], object]) -> None:
        """Do what will change the society tomorrow, or begins it again."""
        if do():
            self.begin()
        self.controls.note(self.session)

    def _open(self) -> None:
        """Open the stored run that is chosen, or go back to the running society."""
        self.player.pause()
        chosen = self.controls.run.value
        self.tape = None if chosen == LIVE else StoredScene(chosen)
        self.begin()

    def _go(self) -> None:
        if self.tape is not None:
            self.tape.go(self.controls.day.value)
            self._show()

    def _pick(self, which: int, x: float, y: float) -> None:
        """Tell the story of the agent nearest to a place that was clicked."""
        scenes = [self.tape] if self.tape is not None else self.session.societies
        (drawn,) = pictures(scenes[which : which + 1])
        agent = scenes[which].layout.near(x, y, drawn.drawn)
        if agent >= 0:
            self.controls.agent.value = agent
            self._tell(which, agent)

    def _tell(self, which: int, agent: int) -> None:
        scenes = [self.tape] if self.tape is not None else self.session.societies
        last = scenes[which].snapshot.agents - 1
        if agent > last:
            raise InputError(f"there is no agent {agent}; agents are 0 to {last}")
        self.view.picked = which, agent
        self.view.tell()


def serve(
    setup: Setup,
    runs: Sequence[Path] = (),
    *,
    opened: Path | None = None,
    address: str = "127.0.0.1",
    port: int = 0,
    hosts: Sequence[str] = (),
) -> Any:
    """Return a server of the page, which is not yet running.

    Parameters
    ----------
    setup
        What each visitor's society starts from.
    runs
        Stored runs that can be opened.
    opened
        The one to begin with, if any.
    address, port
        Where to listen; port 0 takes one that is free.
    hosts
        Names by which this machine may be asked for the page, besides the address and
        those that only this machine has for itself.

    Returns
    -------
    bokeh.server.server.Server
        Its ``port`` is known.

    Raises
    ------
    OSError
        If nothing can listen there.
    InputError
        If a host is neither a name nor an address.
    """
    for host in hosts:
        host_name(host)

    def page() -> Any:
        visitor = Page(setup, runs, opened)
        pn.state.on_session_destroyed(lambda _: visitor.player.pause())
        return visitor.layout()

    pn.config.reuse_sessions = False
    server = pn.serve(
        page,
        port=port,
        address=address,
        title=TITLE,
        show=False,
        start=False,
        verbose=False,
    )
    answer_only(server, (address, *hosts))
    return server
