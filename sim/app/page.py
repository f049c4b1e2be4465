"""The page: what each control does, and how it is served."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import panel as pn
from tornado.websocket import WebSocketClosedError

from sim.app import fragments
from sim.app.controls import GLOBAL_CSS, LIVE, NOBODY, Controls
from sim.app.hosts import answer_only, host_name
from sim.app.session import LiveSociety, Session, Setup, StoredScene, differences
from sim.app.view import Display
from sim.runs.live import LiveResult
from sim.runs.run import run
from sim.runs.view.chapters import chapters
from sim.utils.errors import InputError

TITLE = "OS Society"
AHEAD = 2  # frames that may be under way to the browser
PACE = 0.3  # seconds of days that a frame brings, at least
SHARE = 8.0  # of the time that it takes to draw them, at least
REST = 0.09  # seconds left to the browser after a frame that is quickly drawn
MANY = 10_000  # days
WORDS_EVERY = 1.0  # seconds, while days go by


def later(do: Callable[[], object], seconds: float = 0.0) -> None:
    """Do something when the page may be changed; at once where nobody is connected."""
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        do()
    elif seconds <= 0.0:
        document.add_next_tick_callback(do)
    else:
        document.add_timeout_callback(do, max(1, int(1000 * seconds)))


class _LeavesQuietly(logging.Filter):
    """Drops what asyncio says of a visitor who left while days went by."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is about something else."""
        about = record.exc_info[1] if record.exc_info else None
        return not isinstance(about, WebSocketClosedError)


class Player:
    """Lets day follow on day, as fast as asked for and as the browser draws them.

    While the browser draws a frame the next one is simulated, and no other.

    Parameters
    ----------
    step
        Shows some more days, and ends a frame; returns after how many seconds since it
        began the next is due, or None at the end.
    """

    def __init__(self, step: Callable[[], float | None]) -> None:
        self._step = step
        self.playing = False
        self._sent = self._drawn = 0
        self._next = 0.0
        self._due = False  # whether the next frame has been arranged

    def play(self) -> None:
        """Go on until the end, or until it is paused."""
        if not self.playing:
            self.playing = True
            self._sent = self._drawn = 0
            self._next = 0.0
            self._arrange()

    def pause(self) -> None:
        """Stop after this frame."""
        self.playing = False

    def drawn(self) -> None:
        """Take note that the browser has drawn a frame."""
        self._drawn += 1
        self._arrange()

    def _arrange(self) -> None:
        if self.playing and not self._due and self._sent - self._drawn < AHEAD:
            self._due = True
            later(self._tick, max(0.001, self._next - time.perf_counter()))

    def _tick(self) -> None:
        self._due = False
        if not self.playing:
            return
        began = time.perf_counter()
        self._sent += 1
        seconds = self._step()
        if seconds is None:
            self.playing = False
            return
        self._next = began + seconds
        self._arrange()


class Shelf:
    """The societies of the latest visits, to which a page that is loaded again returns.

    Parameters
    ----------
    most
        How many are kept.
    """

    def __init__(self, most: int = 8) -> None:
        self._most = most
        self._kept: OrderedDict[str, Session] = OrderedDict()

    def put(self, session: Session) -> str:
        """Keep a session; return by which name it is found again."""
        name = secrets.token_urlsafe(9)
        self._kept[name] = session
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return name

    def find(self, name: str) -> Session | None:
        """Return a copy of a session, which another page may still show; or None."""
        session = self._kept.get(name)
        return None if session is None else session.copy()


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
    address
        What the address of the page asks for, by name.
    shelf
        Where societies are kept for a page that is loaded again.
    """

    def __init__(
        self,
        setup: Setup,
        runs: Sequence[Path] = (),
        opened: Path | None = None,
        address: Mapping[str, str] = MappingProxyType({}),
        shelf: Shelf | None = None,
    ) -> None:
        self._shelf = Shelf() if shelf is None else shelf
        self.session = self._shelf.find(address.get("society", "")) or Session(setup)
        self.tapes: list[StoredScene] = []
        self._runs = list(runs)
        self.view, self.controls = Display(), Controls(setup, runs)
        self.player = Player(self._go_on)
        self._quiet = False  # while the page itself moves its controls
        self._told_at = self._sent_at = 0.0  # when
        self._pace = PACE
        self._wire()
        wrong = self._arrive(address)
        self._name = self._shelf.put(self.session)
        self.begin()
        self.view.complain(wrong)
        asked = next((run for run in runs if run.name == address.get("run")), opened)
        if asked is not None:
            self.controls.run.value = str(asked)
        beside = next((run for run in runs if run.name == address.get("beside")), None)
        if asked is not None and beside is not None:
            self.controls.compared.value = str(beside)

    def _arrive(self, address: Mapping[str, str]) -> str:
        """Follow what the address asks for; return what is wrong with it."""
        if self._shelf.find(address.get("society", "")) is not None:
            return ""
        try:
            if address.keys() & {"scenario", "seed", "set", "did", "day"}:
                self.session.follow(address)
        except InputError as error:
            return f"{error}. This is another society than the address means."
        return ""

    @property
    def scenes(self) -> Sequence[Any]:
        """What is shown: one society or two, or one stored run or two."""
        return self.tapes or self.session.societies

    def layout(self) -> Any:
        """Return all of the page."""
        main = pn.Column(
            *(self.view.head(), self.controls.bar(), self.view.body()),
            styles={"flex": "6 1 640px", "min-width": "0", "max-width": "100%"},
        )
        return pn.FlexBox(
            *(main, self.controls.sidebar()),
            align_items="start",
            sizing_mode="stretch_width",
        )

    def begin(self) -> None:
        """Show other scenes: another society, or stored runs."""
        self._follow()
        self.view.begin(self.scenes)
        self._show()

    def step(self) -> bool:
        """Simulate one day and show it; return false at the end."""
        stepped = self.session.step()
        if stepped:
            self._show(seconds=0.3)
        return bool(stepped)

    def _follow(self) -> None:
        """Let the controls say what is shown."""
        self._quiet = True
        try:
            self.controls.follow(self.session, self.tapes[0] if self.tapes else None)
        finally:
            self._quiet = False

    def _go_on(self) -> float | None:
        """Simulate the days of a frame; return in how many seconds the next is due."""
        if self.tapes:
            return None
        speed, session = self.controls.speed.value, self.session
        catches_up = session.is_catching_up
        seconds, most = self._pace, MANY
        if speed and not catches_up:
            most = max(1, round(speed * PACE))
        before = session.societies
        moment = session.advance(seconds, most, pauses=bool(self.controls.pauses.value))
        if session.societies is not before:  # as the address asks for
            self._show_other(before)
        arrived = catches_up and not session.is_catching_up
        stops = moment or arrived or session.finished
        began = time.perf_counter()
        since = min(1.0, began - self._sent_at)
        self._sent_at = began
        self._show(most / speed if speed else since, hurry=not stops)
        drawn = time.perf_counter() - began
        self._pace = max(PACE, SHARE * drawn)
        if moment:
            self._tell_moment()
        if stops:
            return None
        rest = REST if self._pace == PACE else 0.0
        return most / speed if speed and not catches_up else rest

    def _show_other(self, before: Sequence[LiveSociety]) -> None:
        """Show the societies that there are in place of those before."""
        now = self.session.societies
        self._follow()
        if len(before) < len(now) and now[0] is before[0]:
            self.view.branch(now)
        elif len(now) == 1 and now[0] in before:
            self.view.keep(before.index(now[0]), now)
        else:
            self.view.begin(now)

    def _show(self, seconds: float = 0.0, hurry: bool = False) -> None:
        """Show how it is today.

        Parameters
        ----------
        seconds
            In how many to move there.
        hurry
            Whether other days follow at once: then words and charts follow at times.
        """
        self.view.draw(seconds)
        now = time.perf_counter()
        if hurry and now - self._told_at < WORDS_EVERY:
            return
        self._told_at = now
        self._note()
        live = not self.tapes
        found = self.session.differences() if live else differences(self.tapes)
        self.view.tell_all(found, self.session.effect() if live else None)
        if not hurry:
            self.view.panes["moment"].object = ""
            self.view.lead_to(self._address())

    def _address(self) -> dict[str, str]:
        if self.tapes:
            named = zip(("run", "beside"), self.tapes, strict=False)
            return {name: tape.result.path.name for name, tape in named}
        return {**self.session.address(), "society": self._name}

    def _tell_moment(self) -> None:
        """Say on which moment of the story the days were stopped."""
        told = chapters(LiveResult(self.session.societies[-1].society), so_far=True)
        today = [one for one in told if one.day == self.session.day]
        if today:
            words = fragments.moment(today[-1].title, today[-1].text)
            self.view.panes["moment"].object = words

    def _note(self) -> None:
        if not self.tapes:
            self.controls.note(self.session)

    # -------------------------------------------------------------------- wiring

    def _wire(self) -> None:
        """Let every control do what it says."""
        controls = self.controls
        for name, do in {
            "step": self.step,
            "play": self._play,
            "pause": self._pause,
            "reset": lambda: self._anew(self.session.reset),
            "branch": self._branch,
            "keep_first": lambda: self._keep(0),
            "keep_second": lambda: self._keep(1),
            "pull": self._pull,
            "find": lambda: self._tell(0, controls.agent.value or 0),
            "defaults": lambda: self._choose(anew=True),
            "save": self._save,
        }.items():
            controls.buttons[name].on_click(lambda _, do=do: self._guarded(do))
        for widget, do in (
            (controls.scenario, lambda: self._choose(anew=True)),
            (controls.seed, self._choose),
            (controls.humans, self._choose),
            (controls.run, self._open),
            (controls.compared, self._open),
        ):
            widget.param.watch(lambda _, do=do: self._guarded(do), "value")
        controls.on_change = self._change
        self.view.picture.told = {
            "ready": lambda _: self._ready(),
            "drawn": lambda _: self.player.drawn(),
            "toggle": lambda _: self._guarded(
                self._pause if self.player.playing else self._play
            ),
            "pick": lambda told: self._guarded(
                lambda: self._tell(int(told["scene"]), int(told["pick"]), False)
            ),
            "day": lambda told: self._go(int(told["day"])),
            "forces": lambda _: self._draw_forces(),
            "wrong": lambda told: self.view.complain(str(told["wrong"])),
        }

    def _ready(self) -> None:
        """Begin, now that there is a browser that draws."""
        self.view.is_ready = True
        self.begin()
        if self.session.is_catching_up:
            self.player.play()

    def _guarded(self, do: Callable[[], object]) -> None:
        """Do something, and say on the page what was wrong with what was given."""

        def act() -> None:
            try:
                self.view.complain("")
                do()
            except InputError as error:
                self.player.pause()
                self.view.complain(str(error))
                self._follow()

        if not self._quiet:
            later(act)

    def _play(self) -> None:
        self.view.panes["moment"].object = ""
        self._sent_at = time.perf_counter()
        self.player.play()

    def _pause(self) -> None:
        self.player.pause()
        self._show()

    def _anew(self, do: Callable[[], object]) -> None:
        had = self.session.day
        do()
        self.begin()
        if had:
            setup = self.session.setup
            self.view.complain(
                f"Begun again on day 0: {setup.scenario}, seed {setup.seed}. "
                f"What went before (to day {had}) is no longer shown."
            )

    def _branch(self) -> None:
        self.session.branch()
        self._follow()
        self.view.branch(self.scenes)
        self._show()

    def _keep(self, which: int) -> None:
        self.session.keep(which)
        self._follow()
        self.view.keep(which, self.scenes)
        self._show()

    def _pull(self) -> None:
        """Pull the lever: in a branch, unless asked to do without."""
        lever = self.controls.lever.value
        alone = len(self.session.societies) == 1
        if alone and self.session.day and self.controls.beside.value:
            self._branch()
        self.session.pull(lever)
        self._note()
        self.view.lead_to(self._address())

    def _choose(self, anew: bool = False) -> None:
        """Begin again with the scenario, seed and number of humans that are set."""
        self.player.pause()
        controls = self.controls
        changes = {} if anew else dict(self.session.setup.changes)
        changes["humans"] = _number("humans", controls.humans.value)
        seed = _number("random seed", controls.seed.value)
        setup = self.session.setup._replace(
            scenario=controls.scenario.value, seed=seed, changes=changes
        )
        if setup != self.session.begun:
            self._anew(lambda: self.session.reset(setup))

    def _change(self, name: str, value: Any) -> bool:
        """Change a parameter; return whether it could be."""
        if self._quiet:
            return True
        try:
            self.view.complain("")
            had = self.session.day
            if self.session.change(name, value):
                self._anew(lambda: None)
                if had:
                    self.view.complain(f"Begun again on day 0, with {name} = {value}.")
        except InputError as error:
            self.view.complain(str(error))
            return False
        self._note()
        self.view.lead_to(self._address())
        return True

    def _open(self) -> None:
        """Open the stored runs that are chosen, or go back to the running society."""
        self.player.pause()
        chosen, beside = self.controls.run.value, self.controls.compared.value
        if chosen == LIVE:
            self.tapes = []
        else:
            names = [chosen] + [beside] * (beside not in (NOBODY, chosen))
            self.tapes = [StoredScene(name) for name in names]
        self.begin()
        for tape in self.tapes:
            later(tape.read_past, 0.2)

    def _save(self) -> None:
        """Write the society, or the branch, as a run; this is done beside the page."""
        scenario, seed = self.session.as_scenario(), self.session.begun.seed
        self.player.pause()
        self.view.complain("Saving: its days are simulated again, to be written down.")
        document = pn.state.curdoc

        def work() -> None:
            try:
                saved = run(scenario, seed=seed)
                words = f"Saved as a run: {saved.path}"
                found = saved.path
            except InputError as error:
                words, found = str(error), None

            def say() -> None:
                self.view.complain(words)
                if found is not None and found not in self._runs:
                    self._runs.append(found)
                    self._quiet = True
                    self.controls.offer(self._runs)
                    self._quiet = False

            if document is None or document.session_context is None:
                say()
            else:
                document.add_next_tick_callback(say)

        if document is None or document.session_context is None:
            work()
        else:
            threading.Thread(target=work, daemon=True).start()

    def _go(self, day: int) -> None:
        """Tell of the day that a stored run is looked at on."""
        if self.tapes:
            for tape in self.tapes:
                tape.go(day)
            self.view.tell_all(differences(self.tapes))

    def _draw_forces(self) -> None:
        for scene in self.scenes:
            if not self.tapes:
                scene.draw_forces()
        if not self.player.playing and not self.tapes:
            self.view.draw(0.3)

    def _tell(self, which: int, agent: int, shows: bool = True) -> None:
        """Tell of an agent, and show it in the picture if that has not been done."""
        which = min(which, len(self.scenes) - 1)
        last = self.scenes[which].snapshot.agents - 1
        if not 0 <= agent <= last:
            raise InputError(f"there is no agent {agent}; agents are 0 to {last}")
        self.controls.agent.value = agent
        self.view.pick(which, agent)
        if shows and self.view.is_ready:
            self.view.picture.ask("focus", scene=which, agent=agent)


def _number(name: str, value: Any) -> int:
    if value is None:
        raise InputError(f"{name}: a whole number is missing")
    return int(value)


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

    shelf = Shelf()

    def page() -> Any:
        arguments = pn.state.session_args or {}
        asked = {
            name: values[-1].decode("utf-8", "replace")
            for name, values in arguments.items()
            if values
        }
        visitor = Page(setup, runs, opened, asked, shelf)
        pn.state.on_session_destroyed(lambda _: visitor.player.pause())
        return visitor.layout()

    logging.getLogger("asyncio").addFilter(_LeavesQuietly())
    pn.config.reuse_sessions = False
    pn.config.raw_css = [GLOBAL_CSS]
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
