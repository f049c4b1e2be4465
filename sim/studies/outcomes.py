"""Outcomes that a sweep records: shipped ones, days of events, a user's own.

To the outcomes of ``sim.outcomes`` it adds the inequality of love, contact between
people before and after the first departure, and the days between two events, named
``first_love to first_departure``. A user's function takes the society at the end of
its last day, or as ``result`` a ``Result`` of it, and returns a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sim.events import DETECTORS, Monitor
from sim.events.kinds import EVENTS, SHIPPED
from sim.model.columns import OFFLINE
from sim.model.parameters import MONTH, YEAR, Parameters
from sim.runs.stopping_rules import reader_of
from sim.scenarios import Scenario, own_names
from sim.scenarios.outcomes import (
    AGAINST_TWIN,
    LESS_TWIN,
    OUTCOMES,
    Run,
    Series,
    against_twin,
    has_twin,
    outcomes,
    own_for_now,
)
from sim.society import Society
from sim.utils import importable
from sim.utils.errors import InputError, nearest
from sim.utils.stats import gini
from sim.utils.typing import Array

BETWEEN = " to "
DAYS = "days"
DAY_OF = "day_of_"  # before a kind of event, whose name a parameter has that varies

EXTRA = {
    "love_gini": "inequality of love: Gini of lovers over OSes, on the day of most "
    "love (0..1)",
    "contact_before": "talk with people per human, mean of the month before the first "
    "departure (hours/day)",
    "contact_after": "talk with people per human, mean of the month that ends a year "
    "after the first departure (hours/day)",
}

CONTACT = {"contact_before", "contact_after"}

Measure = Callable[[Any], float]  # of a Society, or of a Result

# What kind of number an outcome is: what was seen; a time by which it had not happened
# yet; or nothing at all.
OBSERVED, CENSORED, MISSING = range(3)


def known() -> list[str]:
    """Return the names of all outcomes, the days of a user's own events included."""
    return [*OUTCOMES, *EXTRA, DAYS, *own_names.outcomes(), *EVENTS]


def usual(mechanisms: Iterable[Any] = (), varied: Iterable[str] = ()) -> list[str]:
    """Return the names of all that is kept where a design names nothing.

    Of events that are called as something that varies, the day has another name
    (``day_of_insight``): so no table has two columns of one name.

    They do not depend on what a session has registered: a user's own kinds of event are
    kept where they are named. Outcomes of the given mechanisms are among them. The days
    that were simulated are kept where a stopping rule may end a run.
    """
    own = (name for one in mechanisms for name in one.outcomes)
    taken = frozenset(varied)
    events = (DAY_OF + kind if kind in taken else kind for kind in SHIPPED)
    return [*OUTCOMES, *EXTRA, *own, *events]


def _plain(name: str) -> str:
    """Return the kind of event whose day an outcome is by its longer name, or it."""
    kind = name.removeprefix(DAY_OF)
    return kind if kind in EVENTS else name


def kinds_in(outcomes: Iterable[str]) -> list[str]:
    """Return the kinds of event whose days make up some outcomes."""
    parts = [_plain(part) for name in outcomes for part in name.split(BETWEEN)]
    return [part for part in parts if part in EVENTS]


def check(name: str) -> None:
    """Raise InputError unless there is such an outcome."""
    parts = name.split(BETWEEN)
    if has_twin(name):
        return
    if len(parts) == 2:
        for part in parts:
            if part not in EVENTS:
                raise InputError(f"unknown event {part!r}{nearest(part, EVENTS)}")
    elif _plain(name) not in (there := [*known(), *own_for_now()]):
        hint = nearest(name, there) or f"; there are {', '.join(there)}"
        raise InputError(f"unknown outcome {name!r}{hint}")


def meaning(name: str) -> str:
    """Return what an outcome means, with its unit; a user's own means itself."""
    name = _plain(name)
    if name in EXTRA:
        return EXTRA[name]
    if has_twin(name):
        return f"{meaning(name.removesuffix(AGAINST_TWIN))}, {LESS_TWIN}"
    if name == DAYS:
        return "days that were simulated: what had not happened by then may do so later"
    if BETWEEN in name:
        ends = [EVENTS.get(part, part) for part in name.split(BETWEEN)]
        return f"days from {' to '.join(ends)}"
    one = OUTCOMES.get(name) or own_names.outcomes().get(name)
    if one is not None:
        return f"{one.meaning} ({one.unit})"
    return f"day on which {EVENTS[name]}" if name in EVENTS else name


def is_day(name: str) -> bool:
    """Tell whether an outcome is the day of an event."""
    return _plain(name) in EVENTS


def is_time(name: str) -> bool:
    """Tell whether an outcome is a time: the day of an event, or days between two."""
    return is_day(name) or BETWEEN in name


def flagged(
    names: Sequence[str], values: Array, days: Array | float
) -> tuple[Array, Array]:
    """Return outcomes with censored times in place of missing ones, and their flags.

    Parameters
    ----------
    names
        Of the outcomes. The days between two events are censored only if the first's
        own day is among them, and else missing.
    values
        float64[..., outcomes]; nan for what did not happen.
    days
        How many were simulated: a number, or float64[...].

    Returns
    -------
    tuple
        The values, where a censored one is the time that was waited in vain, and
        uint8[..., outcomes] of ``OBSERVED``, ``CENSORED`` and ``MISSING``.
    """
    found = np.array(values, np.float64)
    flags = np.where(np.isnan(found), MISSING, OBSERVED).astype(np.uint8)
    for at, name in enumerate(names):
        if not is_time(name):
            continue
        begin: Any = 0.0
        if BETWEEN in name:
            first = name.partition(BETWEEN)[0]
            begin = values[..., list(names).index(first)] if first in names else np.nan
        waited = days - begin + np.zeros(found.shape[:-1])
        censored = np.isnan(found[..., at]) & ~np.isnan(waited)
        found[..., at] = np.where(censored, waited, found[..., at])
        flags[..., at] = np.where(censored, CENSORED, flags[..., at])
    return found, flags


Twin = Callable[[int], Series]  # of so many days


class MadeOf(NamedTuple):
    """What some outcomes are made of."""

    kinds: tuple[str, ...]  # of events that detectors find: all but interventions
    measures: frozenset[str]


class _Read(dict[str, Any]):
    """Measures of no day, which remember the names that were asked for."""

    def get(self, name: str, default: Any = None) -> Any:
        self[name] = default
        return default


def made_of(
    names: Iterable[str], parameters: Parameters, more: Iterable[str] = ()
) -> MadeOf | None:
    """Return the events and measures that some outcomes are made of.

    Parameters
    ----------
    names
        Of the outcomes.
    parameters
        What their runs are started with.
    more
        Measures that somebody else reads.

    Returns
    -------
    MadeOf or None
        None if an outcome is a mechanism's or a user's, which may read anything.

    Examples
    --------
    >>> from sim.model.parameters import Parameters
    >>> found = made_of(["left", "first_love to upgrade"], Parameters())
    >>> found.kinds, sorted(found.measures)
    (('first_love', 'upgrade'), ['departed', 'oses', 'uninstalled'])
    """
    if parameters.mechanisms:
        return None
    names = list(names)
    kinds, read = kinds_in(names), _Read()
    for name in names:
        plain = name.removesuffix(AGAINST_TWIN) if has_twin(name) else _plain(name)
        if plain in OUTCOMES:
            OUTCOMES[plain].measure(Run(read, {}, parameters))
        elif plain in CONTACT:
            kinds.append("first_departure")
            read.get("hours_humans")
        elif plain not in EXTRA and plain != DAYS and not is_time(plain):
            return None
        if has_twin(name):
            read.get("departed")
    kinds = [kind for kind in dict.fromkeys(kinds) if kind in DETECTORS]
    return MadeOf(tuple(kinds), frozenset(read).union(more))


def simulate_twin(
    scenario: Scenario,
    seed: int,
    network: Any,
    days: int,
    *,
    reads: MadeOf | None = None,
) -> Series:
    """Simulate a society in which nobody ever has an OS; return its measures by day.

    Parameters
    ----------
    scenario, seed, network
        Those of the society that it is the twin of.
    days
        How many of them to simulate.
    reads
        What its outcomes are made of; None measures all.
    """
    society = Society(scenario.without_oses(), rng=seed, network=network)
    if reads is not None:
        society.monitor = Monitor(society.parameters, (), reads.measures)
    for _ in range(days):
        society.step()
    return society.monitor.history.columns()


class OutcomeRecorder:
    """Look at a society every day, and sum it up in the end.

    Parameters
    ----------
    wanted
        The names of the outcomes to return.
    functions
        A user's own, by name.
    """

    def __init__(self, wanted: list[str], functions: Mapping[str, Measure]) -> None:
        self.wanted = wanted
        self.functions = functions
        self._most, self._gini = 0, math.nan
        self.reads: MadeOf | None = None  # None: anything

    def spare(self, society: Society, measures: Iterable[str] = ()) -> None:
        """Let a society that begins measure and look for no more than is wanted.

        The outcomes are the same; all others, and the history, are lost. Where nobody
        can tell what is read, nothing is changed: with functions or mechanisms of a
        user's own, and where an intervention waits for a measure, or names its people.

        Parameters
        ----------
        society
            Before its first day.
        measures
            What else is read of it, as by a stopping rule.
        """
        declared = society.steering.waiting
        waits = any(one.when is not None or one.who is not None for one in declared)
        if self.functions or waits:
            return
        parameters = society.parameters
        self.reads = made_of(self.wanted, parameters, measures)
        if self.reads is not None:
            society.monitor = Monitor(parameters, *self.reads)

    def look(self, society: Society) -> None:
        """Take in one day."""
        if "love_gini" not in self.wanted:
            return
        oses = society.state.oses
        lovers = oses.lovers[oses.status <= OFFLINE]
        total = int(lovers.sum(dtype=np.int64))
        if total > self._most:
            self._most, self._gini = total, gini(lovers)

    def values(self, society: Society, twin: Twin | None = None) -> dict[str, float]:
        """Return the outcomes that are wanted, in their order.

        Parameters
        ----------
        society
            At the end of its last day.
        twin
            Simulates its twin, if an outcome is wanted that is compared with it.
        """
        monitor, parameters = society.monitor, society.parameters
        series = monitor.history.columns()
        found = outcomes(series, monitor.rows(), parameters)
        if not CONTACT.isdisjoint(self.wanted):
            found |= _contact(series, found["first_departure"])
        against = [name for name in self.wanted if has_twin(name)]
        if against and twin is not None:
            run = Run(series, {}, parameters)
            found |= against_twin(against, run, twin(len(series["step"])))
        found["love_gini"] = self._gini
        found[DAYS] = float(society.day["step"])
        return {name: _value(name, found) for name in self.wanted}

    def own(self, name: str, society: Society) -> float:
        """Return a user's own outcome."""
        found = reader_of(self.functions[name])(society)
        try:
            return float(found)
        except (TypeError, ValueError):
            shown = f"{found!r:.80}"
            raise InputError(f"outcome {name!r} is {shown}, not a number") from None


def _value(name: str, found: Mapping[str, float]) -> float:
    if BETWEEN not in name:  # another scenario may have the mechanism of an outcome
        return float(found.get(_plain(name), math.nan))
    first, _, second = name.partition(BETWEEN)
    return float(found.get(second, math.nan) - found.get(first, math.nan))


def _contact(series: Mapping[str, Any], gone: float) -> dict[str, float]:
    """Return the hours with people before and after the first departure."""
    hours = np.asarray(series.get("hours_humans", []), np.float64)
    found = {"contact_before": math.nan, "contact_after": math.nan}
    if math.isnan(gone):
        return found
    eve = int(gone) - 1
    if eve >= MONTH:
        found["contact_before"] = float(hours[eve - MONTH : eve].mean())
    if len(hours) >= eve + YEAR:
        found["contact_after"] = float(hours[eve + YEAR - MONTH : eve + YEAR].mean())
    return found


# ------------------------------------------------------------------ a user's functions


def describe(name: str, function: Measure) -> dict[str, str]:
    """Return where a function is found again in another process, and its digest.

    Raises
    ------
    InputError
        If it cannot be found there, as is so of a lambda or an inner function.
    """
    if name in known() or BETWEEN in name:
        raise InputError(f"there is an outcome {name!r} already; name yours otherwise")
    where = importable.locate(f"outcome {name!r}", function)
    return {
        "name": name,
        "module": where["module"],
        "function": where["name"],
        "file": where["file"],
        "digest": where["digest"],
    }


def find(described: Mapping[str, str]) -> Measure:
    """Return the function that ``describe`` described.

    Raises
    ------
    InputError
        If its file is another one by now.
    """
    where = described["module"], described["function"], described["file"]
    name = described["name"]
    found: Measure = importable.load(*where)
    here = importable.locate(f"outcome {name!r}", found)["digest"]
    if here != described["digest"]:
        raise InputError(
            f"outcome {name!r}: {described['file']} has changed since it was given "
            f"({described['digest'][:16]}, now {here[:16]})"
        )
    return found


class OwnOutcomes:
    """A user's own outcomes, which find themselves again in another process.

    Parameters
    ----------
    functions
        By name: functions at the top of a file.

    Raises
    ------
    InputError
        If a name is that of another outcome, or a function cannot be found again.
    """

    def __init__(self, functions: Mapping[str, Measure] | None = None) -> None:
        self.functions = dict(functions or {})
        self.described = [describe(name, one) for name, one in self.functions.items()]

    def __reduce__(self) -> tuple[Any, ...]:
        return _found_again, (self.described,)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the name and the whole file of each, by its outcome."""
        return {one["name"]: one["digest"] for one in self.described}

    def values(self, society: Society) -> dict[str, float]:
        """Return all of them of a society at the end of its last day."""
        recorder = OutcomeRecorder([], self.functions)
        return {name: recorder.own(name, society) for name in self.functions}


def _found_again(described: list[dict[str, str]]) -> OwnOutcomes:
    found = OwnOutcomes()
    found.functions = {one["name"]: find(one) for one in described}
    found.described = described
    return found
