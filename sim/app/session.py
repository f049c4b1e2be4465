"""A session: step, play, intervene, branch, reset a society.

It knows of no browser: the page calls it, and shows what it holds.
"""

from __future__ import annotations

import copy
import functools
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from sim import scenarios
from sim.app import snapshot
from sim.app.history import AgentStory, LifeHistory, Turns, noted_turns, story
from sim.events import MEASURES as SHIPPED
from sim.model.parameters import Parameters
from sim.model.presence import PRESENT
from sim.runs import result
from sim.runs.live import LiveResult
from sim.runs.view.days import QUICK, DayStream
from sim.runs.view.packing import pack
from sim.scenarios import Scenario, interventions
from sim.scenarios.interventions import SET_UP, Intervention
from sim.society import Society, seed_from
from sim.utils.errors import InputError

MOST_HUMANS = 20_000  # a day must stay short
MOST_SAID = 20  # things said that a story tells
BY_HAND = "changed by hand"
MOMENTS = frozenset(
    ("first_love", "clustering", "upgrade", "first_departure", "half_departed")
)
HALF = 0.5  # of people who have an OS, which is a moment, too
MEASURES = (
    *("adopted", "here", "departed", "growth_mean", "growth_max", "os_closeness"),
    *("peer_attention", "human_closeness", "loneliness", "grief"),
)
MOST_DIGITS = 16
Row = dict[str, float]


class Setup(NamedTuple):
    """What a society starts from."""

    scenario: str = "her"
    seed: int = 0
    changes: Mapping[str, Any] = MappingProxyType({})  # parameters that differ
    mechanisms: tuple[str, ...] = ()  # in use, besides those that the scenario names

    @property
    def whole(self) -> Scenario:
        """The scenario with all mechanisms, its parameters changed."""
        named = scenarios.load(self.scenario)
        return named.use(*self.mechanisms).replace(**self.changes)

    @property
    def parameters(self) -> Parameters:
        """The parameters of the scenario, changed."""
        return self.whole.parameters


def check(setup: Setup) -> None:
    """Check that a setup can be shown.

    Raises
    ------
    InputError
        If scenario, seed or a parameter is not valid, or there are too many humans.
    """
    seed_from(setup.seed)
    humans = setup.parameters.humans
    if humans > MOST_HUMANS:
        raise InputError(
            f"the page shows at most {MOST_HUMANS:,} humans, not {humans:,}; "
            "'os-society run' takes more"
        )


class LiveSociety:
    """A society that is watched: its present, its past, and what is drawn of it."""

    def __init__(self, society: Society, label: str = "as it is") -> None:
        self.society, self.label = society, label
        self.by_hand: list[Intervention] = []  # what was done to it, in order
        self.snapshot = snapshot.of_society(society)
        self.history = LifeHistory()
        self.history.note(self.snapshot)
        self._stream: DayStream | None = None
        self._told = -1  # how many events the stream has told

    @property
    def day(self) -> int:
        """How many days have been simulated."""
        return self.snapshot.day

    @property
    def last_day(self) -> int:
        """The day on which it ends."""
        return self.society.parameters.steps

    def step(self) -> bool:
        """Simulate one day; return whether it is a moment of the story."""
        had = self._adopted()
        known = len(self.society.monitor.events)
        self.society.step()
        self.snapshot = snapshot.of_society(self.society)
        self.history.note(self.snapshot)
        kinds = {event.kind for event in self.society.monitor.events[known:]}
        return bool(kinds & MOMENTS) or had < HALF <= self._adopted()

    def _adopted(self) -> float:
        monitor = self.society.monitor
        return float(monitor.latest("adopted")) if monitor.history.days else 0.0

    def beginning(self) -> bytes:
        """Return what is drawn of it and stays; frames follow from here."""
        until = self.society.parameters.steps
        self._stream = DayStream(LiveResult(self.society), self.label, until)
        self._told = -1
        return self._stream.beginning()

    def frame(self) -> bytes:
        """Return what is to be drawn of today, and is not yet known to who draws."""
        if self._stream is None:
            raise RuntimeError("a frame comes after the beginning")
        known = len(self.society.monitor.events)
        news, self._told = known != self._told or self.day % 10 == 0, known
        return self._stream.day(LiveResult(self.society), news)

    def draw_forces(self) -> None:
        """Let frames have places by forces, too."""
        if self._stream is not None:
            self._stream.draw_forces()

    def pull(self, lever: str) -> None:
        """Begin a named intervention tomorrow."""
        self._begin(interventions.lever(lever, self.day + 1))

    def change(self, name: str, value: Any) -> None:
        """Change a parameter from tomorrow on; a second thought replaces the first."""
        self.society.parameters.replace(**{name: value})
        about = {"name": BY_HAND, "at": self.day + 1, "set": {name: value}}
        one = Intervention.model_validate(about)
        waiting = self.society.steering.waiting
        again = [w for w in waiting if w.name == BY_HAND and set(w.set) == {name}]
        self.society.steering.waiting = [w for w in waiting if w not in again]
        self.by_hand = [w for w in self.by_hand if w not in again]
        self._begin([one])

    def _begin(self, some: Sequence[Intervention]) -> None:
        self.society.steering.waiting += some
        self.by_hand += some

    def branch(self, label: str) -> LiveSociety:
        """Return a copy of the society, its random numbers and its past."""
        other = object.__new__(LiveSociety)
        other.society, other.label = copy.deepcopy(self.society), label
        other.by_hand = self.by_hand.copy()
        other.snapshot = snapshot.of_society(other.society)
        other.history = self.history.copy()
        other._stream = None if self._stream is None else self._stream.copy()
        other._told = self._told
        return other

    def rows(self) -> list[Row]:
        """Return ``day`` and what is measured, of every day so far."""
        return [self.row(at) for at in range(len(self.society.monitor.history.days))]

    def latest(self) -> Row | None:
        """Return ``day`` and what is measured, of today; None before the first day."""
        return self.row(-1) if self.day else None

    def row(self, at: int) -> Row:
        """Return ``day``, ``MEASURES`` and those of mechanisms, of one of the days."""
        history = self.society.monitor.history
        own = [n for m in self.society.parameters.mechanisms for n in m.measures]
        found = {name: history[name][at] for name in (*MEASURES, *own)}
        return {"day": history.days[at]} | found

    def events(self) -> list[dict[str, Any]]:
        """Return the events so far, the first one first."""
        return self.society.monitor.rows()

    def story(self, agent: int) -> AgentStory:
        """Return the story of an agent so far."""
        noted = noted_turns(LiveResult(self.society), self.day)
        return story(self.snapshot, self.history, noted, agent)


class Session:
    """One visitor's societies: one, or two that share their past and random numbers.

    Parameters
    ----------
    setup
        What to start from.

    Raises
    ------
    InputError
        If scenario, seed or a parameter is not valid, or there are too many humans.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = self.begun = setup  # as it would be begun again, as it was begun
        self.societies: list[LiveSociety] = []
        self.branched_at: int | None = None
        self.done: list[Act] = []
        self._to_do: list[Act] = []
        self._until = 0
        self.reset(setup)

    @property
    def day(self) -> int:
        """How many days have been simulated."""
        return self.societies[0].day

    @property
    def finished(self) -> bool:
        """Whether the last day has been simulated."""
        return self.day >= self.societies[0].society.parameters.steps

    @property
    def is_catching_up(self) -> bool:
        """Whether days are to come that an address asks for."""
        return self.day < self._until and not self.finished

    def reset(self, setup: Setup | None = None) -> None:
        """Begin again on day 0; without a branch or an intervention."""
        setup = self.setup if setup is None else setup
        check(setup)
        society = Society(setup.whole, rng=setup.seed)
        self.setup = self.begun = setup
        self.societies, self.branched_at = [LiveSociety(society)], None
        self.done, self._to_do, self._until = [], [], 0

    def step(self, days: int = 1) -> int:
        """Simulate some days in every society; return how many were left."""
        done = 0
        while done < days and not self.finished:
            for society in self.societies:
                society.step()
            done += 1
        return done

    def advance(self, seconds: float, most: int, pauses: bool = False) -> bool:
        """Simulate days for some time.

        Parameters
        ----------
        seconds
            How long; at least a day is simulated.
        most
            How many days at most.
        pauses
            Whether to stop on a day that is a moment of the story.

        Returns
        -------
        bool
            Whether it stopped on such a day.
        """
        ends = time.perf_counter() + seconds
        for _ in range(most):
            self._do_what_is_due()
            if self.finished:
                return False
            catches_up, before = self.is_catching_up, self.societies
            moments = [society.step() for society in self.societies]
            self._do_what_is_due()
            if self.societies is not before:
                return False
            if pauses and any(moments) and not catches_up:
                return True
            if time.perf_counter() >= ends or (catches_up and not self.is_catching_up):
                return False
        return False

    def change(self, name: str, value: Any) -> bool:
        """Change a parameter; return whether that began the society again.

        Before the first day, and for what a society is set up with, it begins again.
        Later it changes tomorrow, from outside, and in the branch if there is one.
        """
        changed = self.setup._replace(changes={**self.setup.changes, name: value})
        if name in SET_UP or (self.day == 0 and len(self.societies) == 1):
            self.reset(changed)
            return True
        self.societies[-1].change(name, value)
        self._note("set", f"{name}:{json.dumps(value)}")
        if len(self.societies) == 1:
            self.setup = changed
        return False

    def pull(self, lever: str) -> None:
        """Begin a named intervention tomorrow, in the branch if there is one.

        Raises
        ------
        InputError
            If there is no such lever.
        """
        self.societies[-1].pull(lever)
        self._note("pull", lever)

    def branch(self) -> None:
        """Run a copy of the society beside it, in place of any other."""
        first = self.societies[0]
        first.label = "as it was"
        self.societies = [first, first.branch("what if")]
        self.branched_at = self.day
        self._note("branch")

    def keep(self, which: int) -> None:
        """Keep one of two societies only."""
        self.societies = [self.societies[which]]
        self.societies[0].label = "as it is"
        self.branched_at = None
        self._note("keep", str(which))

    def copy(self) -> Session:
        """Return a copy with the same past, which goes on for itself."""
        other = copy.copy(self)
        other.societies = [society.branch(society.label) for society in self.societies]
        other.done, other._to_do = self.done.copy(), self._to_do.copy()
        return other

    def differences(self) -> list[tuple[str, float, float]]:
        """Return name and latest value, as it was and what if, of every measure."""
        return differences(self.societies)

    def effect(self) -> tuple[int, list[tuple[str, float, float]]] | None:
        """Return what was measured before the last intervention by hand, and today.

        Returns
        -------
        day, rows
            The day before it; name, value on that day, latest value of every measure.
            None if there was none, or it begins tomorrow, or before the first day.
        """
        society = self.societies[-1]
        days = [one.at - 1 for one in society.by_hand if one.at is not None]
        latest = society.latest()
        if not days or latest is None or not 0 < max(days) < self.day:
            return None
        before = society.row(max(days) - 1)
        return max(days), _compared(before, latest)

    def as_scenario(self) -> Scenario:
        """Return the society, or the branch, as a scenario: with what was done to it.

        A run of it with the same seed is what was watched, day for day.
        """
        days = self.day or self.societies[-1].society.parameters.steps
        begun = self.begun.whole
        more = [*begun.interventions, *self.societies[-1].by_hand]
        return begun.replace(steps=days).model_copy(update={"interventions": more})

    # ---------------------------------------------------------------------- addresses

    def address(self) -> dict[str, str]:
        """Return what it takes to come here again, for the address of the page."""
        changes = self.begun.changes.items()
        found = {
            "scenario": self.begun.scenario,
            "seed": str(self.begun.seed),
            "set": ",".join(f"{name}:{json.dumps(value)}" for name, value in changes),
            "did": ",".join(f"{day}:{what}" for day, what in self.done),
            "day": str(self.day),
        }
        return {name: value for name, value in found.items() if value}

    def follow(self, address: Mapping[str, str]) -> None:
        """Begin again with what an address says; ``advance`` simulates its days.

        Raises
        ------
        InputError
            If there is something in it that cannot be.
        """
        changes = dict(self.setup.changes)
        if "set" in address:
            changes = dict(map(_assigned, _listed(address["set"])))
        seed = _whole("seed", address.get("seed", str(self.setup.seed)))
        name = address.get("scenario", self.setup.scenario)
        if name != self.setup.scenario and name not in scenarios.names():
            raise InputError(f"unknown scenario {name!r:.80} in the address")
        setup = self.setup._replace(scenario=name, seed=seed, changes=changes)
        acts = [_act(text) for text in _listed(address.get("did", ""))]
        until = _whole("day", address.get("day", "0"))
        self.reset(setup)
        self._to_do = sorted(acts, key=lambda act: act.day)
        self._until = max([until, *(act.day for act in acts)])
        self._do_what_is_due()

    def _note(self, what: str, about: str = "") -> None:
        self.done.append(Act(self.day, f"{what}:{about}" if about else what))

    def _do_what_is_due(self) -> None:
        while self._to_do and self._to_do[0].day <= self.day:
            what, _, about = self._to_do.pop(0).what.partition(":")
            if what == "branch":
                self.branch()
            elif what == "keep":
                which = _whole("keep", about)
                if which >= len(self.societies):
                    raise InputError(
                        f"the address keeps society {which}: there is none"
                    )
                self.keep(which)
            elif what == "pull":
                self.pull(about)
            else:
                self.change(*_assigned(about))


class Act(NamedTuple):
    """What was done on a day: ``branch``, ``keep:1``, ``pull:NAME``, ``set:NAME:2``."""

    day: int
    what: str


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _whole(name: str, text: str) -> int:
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise InputError(f"{name!r} of the address is a whole number, not {text!r:.80}")
    return int(text)


def _assigned(text: str) -> tuple[str, Any]:
    """Return name and value of a parameter in an address."""
    name, _, value = text.partition(":")
    try:
        return name, json.loads(value)
    except ValueError:
        raise InputError(
            f"a parameter in the address is NAME:VALUE, not {text!r:.80}"
        ) from None


def _act(text: str) -> Act:
    day, _, what = text.partition(":")
    if what.partition(":")[0] not in ("branch", "keep", "pull", "set"):
        raise InputError(f"the address asks for {text!r:.80}, which cannot be done")
    return Act(_whole("did", day), what)


def differences(scenes: Sequence[Any]) -> list[tuple[str, float, float]]:
    """Return name and latest value of every measure in two scenes; none of one."""
    rows = [row for scene in scenes if (row := scene.latest())]
    if len(rows) < 2:
        return []
    return _compared(*rows)


def _compared(was: Row, now: Row) -> list[tuple[str, float, float]]:
    """Return name and both values of what two rows measure alike."""
    names = [name for name in was if name in now and name != "day"]
    return [(name, was[name], now[name]) for name in names]


class StoredScene:
    """A stored run, seen on the days that were kept.

    Parameters
    ----------
    path
        The run directory.

    Raises
    ------
    InputError
        If there is no complete run, or no day of it was kept.
    """

    def __init__(self, path: str | Path) -> None:
        self.result = result.load(path)
        self.days = self.result.steps
        if not self.days:
            raise InputError(f"{self.result.path} has no snapshots; run it again")
        self.label = self.result.path.name
        self.snapshot = snapshot.of_result(self.result, self.days[-1])

    @functools.cached_property
    def _past(self) -> tuple[LifeHistory, dict[int, Turns]]:
        """The lives of all, which are read when the first story is asked for."""
        history = LifeHistory()
        for day in self.days:
            history.note(snapshot.of_result(self.result, day))
        return history, noted_turns(self.result, self.days[-1])

    def read_past(self) -> None:
        """Read what stories are told from, so that they are told at once."""
        assert self._past

    def packed(self) -> bytes:
        """Return what is drawn of it."""
        changed = (self.result.path / "provenance.json").stat().st_mtime_ns
        return _packed(self.result.path, changed)

    @property
    def last_day(self) -> int:
        """The last day of the run."""
        return max(int(self.result.series.index[-1]), self.days[-1])

    def go(self, day: int) -> None:
        """Show the last kept day up to ``day``."""
        day = max((d for d in self.days if d <= day), default=self.days[0])
        self.snapshot = snapshot.of_result(self.result, day)

    def rows(self) -> list[Row]:
        """Return ``day`` and what is measured, of every day of the run."""
        series = self.result.series
        table = series.reindex(columns=self._measures, fill_value=0.0)
        table.insert(0, "day", series.index)
        rows: list[Row] = table.to_dict("records")  # type: ignore[assignment]
        return rows

    def latest(self) -> Row | None:
        """Return ``day`` and what is measured, of the day shown; None of day 0."""
        series = self.result.series
        if self.snapshot.day not in series.index:
            return None
        row: Any = series.loc[self.snapshot.day]
        found: Row = {"day": self.snapshot.day}
        return found | {name: float(row.get(name, 0.0)) for name in self._measures}

    @functools.cached_property
    def _measures(self) -> list[str]:
        """``MEASURES`` and those of mechanisms, which no shipped name is of."""
        names = map(str, self.result.series)
        own = [name for name in names if name not in SHIPPED and name != PRESENT]
        return [*MEASURES, *own]

    def events(self) -> list[dict[str, Any]]:
        """Return the events of the run up to the day shown."""
        events = self.result.events.sort_values("step", kind="stable")
        rows: Any = events[events["step"] <= self.snapshot.day].to_dict("records")
        return list(rows)

    def story(self, agent: int) -> AgentStory:
        """Return the story of an agent up to the day shown, with what it said."""
        found = story(self.snapshot, *self._past, agent)
        talks = self.result.speech.talks
        own = talks[(talks["agent"] == agent) & (talks["step"] <= self.snapshot.day)]
        words = zip(own["step"], own["listener"], own["said"], strict=True)
        said = [(int(d), str(to), str(text)) for d, to, text in words if text]
        return found._replace(said=tuple(said[-MOST_SAID:]))


@functools.lru_cache(maxsize=4)
def _packed(path: Path, changed: int) -> bytes:
    """Return a run as a view reads it; the same as before if it has not changed."""
    return pack(result.load(path), level=QUICK)
