"""What a detector is: a small class that sees a day's reading and reports events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from sim.errors import InputError, nearest
from sim.events import kinds, thresholds
from sim.members import AgentIds
from sim.parameters import Parameters
from sim.ties import Array

FACT = "none: an exact fact"
YOURS = "yours"  # the family of a detector that says no other


class Event(NamedTuple):
    """Something dated that happened, with who took part and the evidence."""

    kind: str
    step: int  # day of onset
    detected: int  # day on which it was noticed
    members: AgentIds  # agent numbers
    size: int
    strength: float
    evidence: str  # statistic and threshold, in words
    p_value: float | None = None  # None where there is nothing to test
    false_alarms: float = 0.0  # per 1,000 steps, at most, on the published nulls
    after_intervention: bool = False


class Note(NamedTuple):
    """What was noted of some agents on a day: a number for each."""

    agents: Array  # int32[rows]: agent numbers, or a code where said so
    values: Array  # float64[rows]


NOTHING = Note(np.zeros(0, np.int32), np.zeros(0))


@dataclass(frozen=True)
class Reading:
    """All that detectors see of a day; a run keeps it, so it can be read again."""

    step: int
    day: int  # days read so far, this one included
    measures: Mapping[str, float]
    notes: Mapping[str, Note]
    talks: Sequence[Mapping[str, Any]]
    parameters: Parameters
    shared: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What one detector worked out of it for others, by name."""

    def note(self, name: str) -> Note:
        """Return what was noted under a name, empty if nothing was."""
        return self.notes.get(name, NOTHING)


class Detector:
    """Watches for one kind of event, with a memory of its own that stays small.

    Extend it, write ``look``, and ``register`` the class.

    Parameters
    ----------
    parameters
        What the run was started with.
    threshold
        For an alarm; None takes the calibrated one.
    """

    kind: ClassVar[str] = ""
    meaning: ClassVar[str] = ""  # what happens, as in "an OS leaves"
    family: ClassVar[str] = YOURS
    watches: ClassVar[str] = ""  # what it looks at
    null: ClassVar[str] = FACT  # what it takes for nothing
    source: ClassVar[str] = "definition"
    alarm: ClassVar[bool] = False  # raises alarms: needs a null and a threshold
    once: ClassVar[bool] = False  # reports the first event only

    def __init__(self, parameters: Parameters, threshold: float | None = None) -> None:
        self.parameters = parameters
        found = thresholds.of(self.kind) if self.alarm else thresholds.NONE
        self.threshold = found.threshold if threshold is None else threshold
        self.false_alarms = found.bound
        self.start()

    def start(self) -> None:
        """Make the detector's memory, empty; by default it has none."""

    def look(self, reading: Reading) -> list[Event]:
        """Return the events that today's reading gives away."""
        raise NotImplementedError

    def event(
        self,
        reading: Reading,
        evidence: str,
        members: Iterable[Any] = (),
        **known: Any,
    ) -> Event:
        """Return an event of this kind, noticed today.

        Parameters
        ----------
        reading
            Today.
        evidence
            The statistic and its threshold, in words.
        members
            Agent numbers.
        known
            ``step`` (onset; today), ``size`` (members), ``strength``, ``p_value``.
        """
        who = AgentIds(members)
        known = {"step": reading.step, "size": len(who), "strength": 0.0} | known
        return Event(
            kind=self.kind,
            detected=reading.step,
            members=who,
            evidence=evidence,
            false_alarms=self.false_alarms,
            **known,
        )


DETECTORS: dict[str, type[Detector]] = {}


def register(detector: type[Detector]) -> type[Detector]:
    """Let every run from now on look for one more kind of event.

    Its kind is then an event like any other: for expectations, outcomes, sweeps and
    reports, which show the class's ``meaning``.

    Use it as a decorator. A class registered under a kind that is there takes its
    place, so that a cell of a notebook can be run again.

    Raises
    ------
    InputError
        If the class has no kind, or cannot look.
    """
    if not isinstance(detector, type) or not issubclass(detector, Detector):
        raise InputError(f"{detector!r} is no detector; extend sim.events.Detector")
    if not detector.kind.isidentifier():
        raise InputError(
            f"{detector.__name__}.kind is {detector.kind!r}; "
            "a kind is a short name such as 'first_love'"
        )
    if detector.look is Detector.look:
        raise InputError(f"{detector.__name__} needs a method look(self, reading)")
    kinds.add(detector.kind, detector.meaning)
    DETECTORS[detector.kind] = detector
    return detector


def forget(kind: str) -> None:
    """Stop looking for a kind of event, from the next run on."""
    del DETECTORS[known(kind)]
    kinds.remove(kind)


def known(kind: str) -> str:
    """Return ``kind`` if there is a detector for it.

    Raises
    ------
    InputError
        If not; says which there are.
    """
    if kind not in DETECTORS:
        hint = nearest(kind, DETECTORS) or f"; there are {', '.join(DETECTORS)}"
        raise InputError(f"no detector for {kind!r}{hint}")
    return kind
