"""Monitor: runs observer and detectors, live day by day or over a stored run."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np

from sim.events.detector import (
    PACKAGE,
    AgentIds,
    Detector,
    Event,
    Note,
    Reading,
    Reads,
    known,
)
from sim.events.detectors import DETECTORS
from sim.events.measures import History, measured
from sim.events.observer import Notes, Observer, TodaysValues
from sim.events.spared import SparedObserver
from sim.model.parameters import WEEK, Parameters
from sim.model.state import State
from sim.utils.errors import InputError
from sim.utils.typing import Array

Talks = Sequence[Mapping[str, Any]]
Friends = tuple[Array, Array]
Readings = Mapping[str, Array] | Iterable[tuple[int, Notes]]


class Keeper(Protocol):
    """Keeps what is noted, day by day."""

    def keep(self, step: int, notes: Mapping[str, Note]) -> None:
        """Take the notes of a day; days come in order."""


class NoteBuffer:
    """Keeps all notes in memory: that of a society which no run writes down."""

    def __init__(self) -> None:
        self.notes: list[tuple[int, str, Note]] = []

    def keep(self, step: int, notes: Mapping[str, Note]) -> None:
        """Take the notes of a day; days come in order."""
        self.notes += [(step, name, note) for name, note in notes.items()]

    def columns(self) -> dict[str, Array]:
        """Return a row an agent and note: step, name, agent, value."""
        notes = [note for _, _, note in self.notes]
        counts = [len(note.agents) for note in notes]
        steps = np.array([step for step, _, _ in self.notes], np.int32)
        names = np.array([name for _, name, _ in self.notes], object)
        agents = [note.agents for note in notes] or [np.zeros(0, np.int32)]
        values = [note.values for note in notes] or [np.zeros(0)]
        return {
            "step": np.repeat(steps, counts),
            "name": np.repeat(names, counts),
            "agent": np.concatenate(agents),
            "value": np.concatenate(values),
        }


class Monitor:
    """Measures a society day by day, and lets detectors look at each day's reading.

    What is noted is kept by its ``keeper``: in memory, unless a run puts another there.

    Parameters
    ----------
    parameters
        What the run was started with.
    kinds
        Events to look for, by name; None looks for all that are registered.
    measures
        What else is to be measured than these read; None measures all. Where it is
        given, nothing is measured or noted that nobody reads, or reads any longer, and
        the history has no other names.

    Raises
    ------
    InputError
        If there is no detector for a kind, or one of a user's or a mechanism's breaks;
        it is named, here and on the days that it looks at.
    """

    def __init__(
        self,
        parameters: Parameters,
        kinds: Iterable[str] | None = None,
        measures: Collection[str] | None = None,
    ) -> None:
        self.parameters = parameters
        self.events: list[Event] = []
        every = DETECTORS | _own_detectors(parameters)
        self.kinds = list(every if kinds is None else kinds)
        unknown = (kind for kind in self.kinds if kind not in every)
        self.kinds += map(known, unknown)  # says what is wrong
        self.detectors: list[Detector] = [
            self._started(every[kind], kind) for kind in self.kinds
        ]
        wanted = None if measures is None else self._wanted(measures)
        names = measured(parameters)
        if wanted is not None:
            names = [name for name in names if name in wanted.measures]
        self.history = History(names)
        self._spared = wanted and SparedObserver(parameters, wanted)
        self._reader = self._spared or Observer(parameters)
        self.keeper: Keeper = NoteBuffer()
        self._days = 0
        self._shaken: int | None = None  # day of the first intervention

    def look(
        self,
        step: int,
        state: State,
        talks: Talks = (),
        threads: ThreadPoolExecutor | None = None,
        own: Mapping[str, float] | None = None,
        values: TodaysValues | None = None,
    ) -> list[Event]:
        """Measure today; return the events noticed today.

        Parameters
        ----------
        step
            The number of the day.
        state
            The society in the evening; it is only read.
        talks
            What a cast said today, as rows of ``talks.parquet``.
        threads
            Share the work in large societies; what is found is the same.
        own
            What mechanisms measured of today.
        values
            Returns parameters of OSes as they are today, by name, each one number or
            float64[OSes]; if None they are as the run was started.
        """
        measures, notes = self._reader.read(state, threads, values)
        self.keeper.keep(step, notes)
        return self.take(step, measures | dict(own or {}), notes, talks)

    def take(
        self,
        step: int,
        measures: Mapping[str, float],
        notes: Mapping[str, Note],
        talks: Talks = (),
    ) -> list[Event]:
        """Take a day as it was read; return the events noticed."""
        self._days += 1
        self.history.take(step, measures)
        reading = Reading(step, self._days, measures, notes, talks, self.parameters)
        found: list[Event] = []
        waiting = []
        for detector in self.detectors:
            try:
                events = detector.look(reading)
                found += [self._labelled(event, detector.alarm) for event in events]
            except Exception as error:
                self._blame(type(detector), detector.kind, error)
                raise
            if not (events and detector.once):
                waiting.append(detector)
        if len(waiting) < len(self.detectors):
            self.detectors = waiting
            self._narrow()
        self.events += found
        return found

    def _wanted(self, measures: Collection[str]) -> Reads | None:
        """Return what is read by detectors and others; None if that is not known."""
        wanted, notes = frozenset(measures), frozenset[str]()
        for detector in self.detectors:
            own = type(detector)  # which may read more than the class it extends
            is_told = own.__module__.startswith(PACKAGE) or "reads" in vars(own)
            if detector.reads is None or not is_told:
                return None
            wanted |= detector.reads.measures
            notes |= detector.reads.notes
        return Reads(wanted, notes)

    def _narrow(self) -> None:
        """Note no longer what only detectors read that have seen their event."""
        wanted = self._wanted(()) if self._spared else None
        if self._spared and wanted:
            self._spared.narrow(wanted.notes)

    def _started(self, detector: type[Detector], kind: str) -> Detector:
        try:
            return detector(self.parameters)
        except Exception as error:
            self._blame(detector, kind, error)
            raise

    def _blame(self, detector: type[Detector], kind: str, error: Exception) -> None:
        """Raise InputError that names a detector which broke, unless it is shipped."""
        if isinstance(error, InputError) or detector.__module__.startswith(PACKAGE):
            return
        used = self.parameters.mechanisms
        whose = [f"{one.name}: " for one in used if detector in one.detectors.values()]
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        text = f"{''.join(whose)}detector {kind!r}: {what}"
        raise InputError(" ".join(text.split())) from error

    def _labelled(self, event: Event, is_alarm: bool) -> Event:
        """Say whether an intervention came before; alarms know their week only."""
        latest = event.step + (WEEK - 1 if is_alarm else 0)
        shaken = self._shaken is not None and self._shaken <= latest
        return event._replace(after_intervention=shaken)

    def note(self, step: int, name: str, what: str) -> None:
        """Note an intervention: an event from outside, labelled as such."""
        if self._shaken is None:
            self._shaken = step
        evidence = f"{name}: {what}"
        self.events.append(
            Event("intervention", step, step, AgentIds(), 0, 0.0, evidence)
        )

    def happened(self) -> list[Event]:
        """Return all events in the order of their days."""
        return sorted(self.events, key=lambda event: event.step)

    def rows(self) -> list[dict[str, Any]]:
        """Return all events as dictionaries, in the order of their days."""
        events = self.happened()
        return [event._asdict() | {"members": list(event.members)} for event in events]

    def friends(self) -> tuple[Array, Array]:
        """Return who was friends at the last weekly reading, and in which community."""
        return self._reader.friends()

    def recall(self, stored: StoredReadings, state: State, friends: Friends) -> None:
        """See a stored run once more, and remember whom its notes were of."""
        self._reader.recall(self.replay(stored), state, friends)

    def replay(self, stored: StoredReadings) -> Iterator[Notes]:
        """See a stored run once more, day by day; yield what was noted."""
        ahead = deque(sorted(stored.interventions, key=lambda row: int(row["step"])))
        for day in stored.days():
            while ahead and int(ahead[0]["step"]) <= day.step:
                row = ahead.popleft()
                name, _, what = str(row["evidence"]).partition(": ")
                self.note(int(row["step"]), name, what)
            self.take(*day)
            yield day.notes

    def latest(self, name: str) -> float:
        """Return today's value of a measure (0 before the first day)."""
        row = self.history[name]
        return row[-1] if row else 0.0

    def readings(self) -> dict[str, Array]:
        """Return all that was noted, a row an agent and note: step, name, agent, value.

        With the measures of every day, it is all that detectors saw.

        Raises
        ------
        InputError
            If a run has them on its disk.
        """
        if not isinstance(self.keeper, NoteBuffer):
            raise InputError("the readings are in the run; load it when it is finished")
        return self.keeper.columns()


def _own_detectors(parameters: Parameters) -> dict[str, type[Detector]]:
    """Return the detectors of mechanisms, by kind of event."""
    return {
        kind: detector
        for one in parameters.mechanisms
        for kind, detector in one.detectors.items()
    }


class DailyReading(NamedTuple):
    """What is read of a day."""

    step: int
    measures: Mapping[str, float]
    notes: Notes
    talks: Talks


class StoredReadings:
    """What a run keeps of its days, to be read again.

    Parameters
    ----------
    series
        Measures by name, an array each, with ``step``.
    readings
        As returned by ``Monitor.readings``; or the notes of each day that has some, by
        name, in order of days.
    talks
        Rows of what a cast said.
    interventions
        Rows of interventions: ``step`` and ``evidence``.
    """

    def __init__(
        self,
        series: Mapping[str, Array],
        readings: Readings,
        talks: Talks = (),
        interventions: Talks = (),
    ) -> None:
        self.steps = [int(step) for step in series["step"]]
        self.series = {n: np.asarray(c) for n, c in series.items() if n != "step"}
        daily = _by_day(readings) if isinstance(readings, Mapping) else readings
        self._notes: Iterable[tuple[int, Notes]] = daily
        self.talks: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for talk in talks:
            self.talks[int(talk["step"])].append(talk)
        self.interventions = list(interventions)

    def days(self) -> Iterator[DailyReading]:
        """Yield all days in order; readings that are streamed can be read once."""
        noted = iter(self._notes)
        ahead = next(noted, None)
        for at, today in enumerate(self.steps):
            while ahead is not None and ahead[0] < today:
                ahead = next(noted, None)
            measures = {name: float(column[at]) for name, column in self.series.items()}
            notes = ahead[1] if ahead is not None and ahead[0] == today else {}
            yield DailyReading(today, measures, notes, self.talks.get(today, []))


def _by_day(readings: Mapping[str, Array]) -> list[tuple[int, Notes]]:
    """Return the notes of each day; rows of a note lie side by side."""
    days: dict[int, Notes] = defaultdict(dict)
    steps, names = readings["step"], readings["name"]
    if not len(steps):
        return []
    turns = (steps[1:] != steps[:-1]) | (names[1:] != names[:-1])
    cuts = [0, *(np.flatnonzero(turns) + 1).tolist(), len(steps)]
    for first, last in itertools.pairwise(cuts):
        own = slice(first, last)
        note = Note(readings["agent"][own], readings["value"][own])
        days[int(steps[first])][str(names[first])] = note
    return list(days.items())


def replay(
    stored: StoredReadings, parameters: Parameters, kinds: Iterable[str] | None = None
) -> Monitor:
    """Let detectors look at a stored run, day by day, as if it happened now.

    Parameters
    ----------
    stored
        What the run kept.
    parameters, kinds
        As for ``Monitor``.

    Raises
    ------
    InputError
        If there is no detector for a kind, one of a user's or a mechanism's breaks, or
        our own stumble over the readings.
    """
    monitor = Monitor(parameters, kinds)
    try:
        for _ in monitor.replay(stored):
            pass
    except InputError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"no society gives such readings: {error!r}") from error
    return monitor


def resume_monitor(
    stored: StoredReadings,
    parameters: Parameters,
    kinds: Iterable[str] | None,
    state: State,
    friends: Friends,
) -> Monitor:
    """Return a monitor that has seen a stored run, ready to see its next day.

    It keeps what is noted from then on.

    Parameters
    ----------
    stored, parameters, kinds
        As for ``replay``.
    state
        The society on the evening of the last stored day.
    friends
        As ``Monitor.friends`` returned it on that day.
    """
    monitor = Monitor(parameters, kinds)
    monitor.recall(stored, state, friends)
    return monitor
