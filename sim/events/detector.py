"""Detector base class, readings and events, registry, calibrated thresholds."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from sim.events import kinds
from sim.model.parameters import Parameters
from sim.utils.errors import InputError, nearest
from sim.utils.typing import Array

FILE = Path(__file__).parent / "calibration" / "thresholds.json"


class Threshold(NamedTuple):
    """What an alarm takes, and how often it is false."""

    threshold: float  # in the unit of the detector's statistic
    bound: float  # false alarms per 1,000 steps: 95 % upper bound on the worst null


NONE = Threshold(0.0, 0.0)  # of what raises no alarms


@functools.cache
def read() -> dict[str, Any]:
    """Return the shipped file: provenance and the thresholds by kind of event."""
    if not FILE.exists():
        return {"thresholds": {}}
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def of(kind: str) -> Threshold:
    """Return the threshold of a kind of event.

    A detector of your own that is not in the file sets its own threshold; until it
    is calibrated, every step may be a false alarm.
    """
    found = read()["thresholds"].get(kind)
    if found is None:
        return Threshold(0.0, 1000.0)
    return Threshold(float(found["threshold"]), float(found["bound"]))


SHOWN = 8  # members that are named one by one


class AgentIds(Sequence[int]):
    """Agent numbers, in the order given; equal to any list of the same numbers.

    Parameters
    ----------
    numbers
        An array, which is copied, or anything that can be gone through.
    """

    __slots__ = ("numbers",)

    def __init__(self, numbers: Iterable[Any] = ()) -> None:
        known = numbers if isinstance(numbers, np.ndarray) else list(numbers)
        self.numbers: npt.NDArray[np.int32] = np.array(known, np.int32)

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> list[int]: ...

    def __getitem__(self, at: int | slice) -> int | list[int]:
        found = self.numbers[at]
        if isinstance(at, slice):
            return found.tolist()  # type: ignore[no-any-return]
        return int(found)

    def __iter__(self) -> Iterator[int]:
        for first in range(0, len(self.numbers), 4096):
            yield from self.numbers[first : first + 4096].tolist()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AgentIds):
            return np.array_equal(self.numbers, other.numbers)
        if isinstance(other, (list, tuple)):
            return len(self) == len(other) and list(self) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if len(self) <= SHOWN:
            return repr(list(self))
        first = ", ".join(map(str, self[:SHOWN]))
        return f"[{first}, ... {len(self):,} in all]"


PACKAGE = "sim.events."  # where shipped detectors are
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


class Reads(NamedTuple):
    """The names of what somebody reads of a day."""

    measures: frozenset[str]
    notes: frozenset[str]


def reads_of(measures: str = "", notes: str = "") -> Reads:
    """Return names as ``Reads``, each given as one text with commas.

    >>> sorted(reads_of("departed, here", "many loves").notes)
    ['many loves']
    """
    both = (frozenset(filter(None, one.split(", "))) for one in (measures, notes))
    return Reads(*both)


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
    # All that it reads; None: anything. Where few detectors look, a society is spared
    # whatever none of them reads.
    reads: ClassVar[Reads | None] = None

    def __init__(self, parameters: Parameters, threshold: float | None = None) -> None:
        self.parameters = parameters
        found = of(self.kind) if self.alarm else NONE
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
        raise InputError(
            f"{detector!r} is no detector; extend sim.events.detector.Detector"
        )
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
