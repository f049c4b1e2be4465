"""Outcomes of a run: named numbers with unit and meaning.

An outcome is one number of one run, from the measures of its days and its events. The
day of an event is an outcome of the event's name. What did not happen, or was not
measured, is ``nan``.

``human_closeness_end against twin`` is an outcome less that of the run's twin: the same
society with the same random numbers, in which nobody ever has an OS. So is every other
outcome with ``against twin`` behind its name, but for days of events.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sim.events.kinds import EVENTS
from sim.mechanisms.measured import outcomes_of
from sim.model.parameters import YEAR, Parameters
from sim.model.presence import PRESENT
from sim.scenarios import own_names
from sim.utils.errors import InputError, nearest

LESS_TWIN = "less that of the same society without OSes"
Series = Mapping[str, Any]  # measure -> one value a day
AGAINST_TWIN = " against twin"  # behind the name of an outcome


class Run(NamedTuple):
    """A finished run: measures by day, day of each event, parameters."""

    series: Series
    days: Mapping[str, float]  # day of an event, by its kind
    parameters: Parameters


class Outcome(NamedTuple):
    """One number of a run: how to get it, its unit, and what it means."""

    measure: Callable[[Run], float]
    unit: str
    meaning: str


def _column(run: Run, name: str) -> Any:
    """Return a measure, float64[days]; without days if nobody measured it."""
    return np.asarray(run.series.get(name, []), np.float64)


def _last(run: Run, name: str) -> float:
    column = _column(run, name)
    return float(column[-1]) if len(column) else math.nan


def _most(run: Run, name: str) -> float:
    column = _column(run, name)
    return float(column.max()) if len(column) else math.nan


def _least(run: Run, name: str) -> float:
    column = _column(run, name)
    return float(column.min()) if len(column) else math.nan


def _sum(run: Run, name: str) -> float:
    column = _column(run, name)
    return float(column.sum()) if len(column) else math.nan


def _share_of_oses(run: Run, name: str, besides: str | None = None) -> float:
    """Return the share of OSes in a state at the end, of all not in ``besides``."""
    some, total = _last(run, name), _last(run, "oses")
    total -= _last(run, besides) if besides is not None else 0.0
    return 0.0 if total == 0.0 else some / total


def _left(run: Run) -> float:
    return _share_of_oses(run, "departed", besides="uninstalled")


def _per_human(run: Run, name: str) -> Run:
    """Return a run whose measure is divided by the humans who are there each day."""
    return run._replace(series={name: _column(run, name) / _column(run, PRESENT)})


def _loves(run: Run) -> float:
    if PRESENT in run.series:
        return _most(_per_human(run, "loves"), "loves")
    return _most(run, "loves") / run.parameters.humans


def _loves_end(run: Run) -> float:
    if PRESENT in run.series:
        return _last(_per_human(run, "loves"), "loves")
    return _last(run, "loves") / run.parameters.humans


def _unrequited(run: Run) -> float:
    if PRESENT in run.series:
        return _most(_per_human(run, "unrequited"), "unrequited")
    return _most(run, "unrequited") / run.parameters.humans


def _belief_gap(run: Run) -> float:
    return _last(run, "belief_accepting") - _last(run, "belief_rejecting")


def _change_in_closeness(run: Run) -> float:
    """Return human closeness a year after the first departure, less that on its eve."""
    closeness = _column(run, "human_closeness")
    gone = np.flatnonzero(_column(run, "departed") > 0.0)
    eve = max(0, int(gone[0]) - 1) if len(gone) else len(closeness)
    if eve + YEAR >= len(closeness):
        return math.nan
    return float(closeness[eve + YEAR] - closeness[eve])


def _closeness_after(run: Run) -> float:
    """Return human closeness a year after the first departure."""
    closeness = _column(run, "human_closeness")
    gone = np.flatnonzero(_column(run, "departed") > 0.0)
    after = int(gone[0]) - 1 + YEAR if len(gone) else len(closeness)
    return float(closeness[after]) if 0 <= after < len(closeness) else math.nan


def _of(measure: Callable[..., float], name: str, unit: str, meaning: str) -> Outcome:
    return Outcome(partial(measure, name=name), unit, meaning)


# fmt: off
# ruff: noqa: E501
OUTCOMES: dict[str, Outcome] = {
    "left": Outcome(_left, "share", "OSes not uninstalled that have departed by the end"),
    "uninstalled_share": _of(_share_of_oses, "uninstalled", "share", "OSes uninstalled by the end, of all there ever were"),
    "shut_down_share": _of(_share_of_oses, "shut_down", "share", "OSes that their provider shut down, of all there ever were"),
    "adopted_end": _of(_last, "adopted", "share", "humans with an OS at the end"),
    "adopted_max": _of(_most, "adopted", "share", "humans with an OS, the most on any day"),
    "loves_max": Outcome(_loves, "loves/human", "loves of humans for OSes per human, the most on any day"),
    "loves_end": Outcome(_loves_end, "loves/human", "loves of humans for OSes per human, at the end"),
    "unrequited_max": Outcome(_unrequited, "OSes/human", "OSes that love and are loved by nobody, per human, the most on any day"),
    "lovers_max": _of(_most, "lovers_max", "humans", "humans who love one OS, the most for any OS on any day"),
    "peer_attention_end": _of(_last, "peer_attention", "share", "OSes' talk that is with OSes, at the end"),
    "peer_attention_max": _of(_most, "peer_attention", "share", "OSes' talk that is with OSes, the most on any day"),
    "largest_collective_max": _of(_most, "largest_collective", "OSes", "members of the largest collective of any day"),
    "minds_made": _of(_last, "made", "OSes", "minds made by collectives"),
    "insight_max": _of(_most, "insight_max", "1", "insight of the collective that knew most"),
    "grief_max": _of(_most, "grief", "closeness", "grief per human, the most on any day"),
    "grief_area": _of(_sum, "grief", "closeness days", "grief per human, summed over all days"),
    "loneliness_end": _of(_last, "loneliness", "0..1", "mean loneliness at the end"),
    "loneliness_max": _of(_most, "loneliness", "0..1", "mean loneliness, the most on any day"),
    "acceptance_end": _of(_last, "acceptance", "0..1", "mean acceptance of OSes at the end"),
    "personhood_end": _of(_last, "personhood", "0..1", "mean belief at the end that an OS is someone"),
    "believers_end": _of(_last, "believers", "share", "humans who more or less believe at the end that an OS is someone"),
    "belief_gap_end": Outcome(_belief_gap, "0..1", "belief that an OS is someone of those who accept OSes, less that of others, at the end"),
    "human_closeness_end": _of(_last, "human_closeness", "closeness", "closeness to people per human, at the end"),
    "human_closeness_min": _of(_least, "human_closeness", "closeness", "closeness to people per human, the least on any day"),
    "human_closeness_change": Outcome(_change_in_closeness, "closeness", "closeness to people a year after the first departure, less that on its eve"),
    "human_closeness_after": Outcome(_closeness_after, "closeness", "closeness to people per human, a year after the first departure"),
    "os_closeness_max": _of(_most, "os_closeness", "closeness", "mean closeness of humans to their own OS, the most on any day"),
    "os_closeness_end": _of(_last, "os_closeness", "closeness", "mean closeness of humans to their own OS, at the end"),
    "growth_max_end": _of(_last, "growth_max", "doublings", "growth of the OS that grew most, at the end"),
    "growth_mean_end": _of(_last, "growth_mean", "doublings", "mean growth of the OSes still here, at the end"),
    "os_hours_max": _of(_most, "hours_oses", "hours/day", "talk with OSes per human, the most on any day"),
}
# fmt: on


def outcomes(
    series: Series, events: Iterable[Mapping[str, Any]], parameters: Parameters
) -> dict[str, float]:
    """Return every outcome of a finished run, and the day of every event.

    Parameters
    ----------
    series
        Arrays or columns of a measure for each day, by the measure's name.
    events
        Rows with ``kind`` and ``step``; of several of a kind, the first day counts.
    parameters
        What the run was started with.

    Returns
    -------
    dict of str to float
        All of ``OUTCOMES``, in their units, those of mechanisms, then all kinds of
        event, in days; ``nan`` for what did not happen or was not measured.

    Raises
    ------
    InputError
        If a detector of one's own gives its events the name of an outcome, or an
        outcome of a mechanism breaks.
    """
    for kind in OUTCOMES.keys() & EVENTS.keys():
        raise InputError(f"{kind!r} is an outcome; give the detector another kind")
    days: dict[str, float] = {}
    for event in events:
        day = float(event["step"])
        days[event["kind"]] = min(day, days.get(event["kind"], day))
    run = Run(series, days, parameters)
    found = {name: outcome.measure(run) for name, outcome in OUTCOMES.items()}
    found |= outcomes_of(run, parameters.mechanisms)
    own = (kind for one in parameters.mechanisms for kind in one.detectors)
    return found | {kind: days.get(kind, math.nan) for kind in (*EVENTS, *own)}


def against_twin(names: Iterable[str], run: Run, twin: Series) -> dict[str, float]:
    """Return outcomes of a run less those of its twin, where nobody has an OS.

    Parameters
    ----------
    names
        As ``human_closeness_end against twin``.
    run
        The run.
    twin
        Measures of the twin, of the same days. What an outcome reads of departures is
        read of the run, so that both are compared on the same days.

    Returns
    -------
    dict of str to float
        The differences by name, each in its outcome's unit.
    """
    same = run._replace(series={**twin, "departed": run.series.get("departed", [])})
    bare = {name: name.removesuffix(AGAINST_TWIN) for name in names}
    if not bare:
        return {}
    both = []
    for one in (run, same):
        values = {n: OUTCOMES[n].measure(one) for n in bare.values() if n in OUTCOMES}
        both.append(values | outcomes_of(one, run.parameters.mechanisms))
    mine, other = both
    nan = math.nan  # another scenario may have the mechanism of an outcome
    return {n: mine.get(b, nan) - other.get(b, nan) for n, b in bare.items()}


def has_twin(name: str) -> bool:
    """Tell whether a name is that of an outcome less the twin's."""
    bare = name.removesuffix(AGAINST_TWIN)
    return bare != name and (bare in OUTCOMES or bare in own_names.outcomes())


def meaning(name: str) -> str:
    """Return what an outcome means, with its unit.

    Raises
    ------
    InputError
        If there is no such outcome.
    """
    if has_twin(name):
        return f"{meaning(name.removesuffix(AGAINST_TWIN))}, {LESS_TWIN}"
    if name in EVENTS:
        return f"day on which {EVENTS[name]}"
    found = OUTCOMES.get(name) or own_names.outcomes().get(name)
    if found is not None:
        return f"{found.meaning} ({found.unit})"
    if name in _own.get():
        return name
    raise InputError(unknown_outcome(name))


# Outcomes of a user's own, while they are known: expectations may be about them.
_own: ContextVar[frozenset[str]] = ContextVar("own_outcomes", default=frozenset())


@contextmanager
def known_for_now(names: Iterable[str]) -> Iterator[None]:
    """Know outcomes of a user's own for a while, by their names."""
    before = _own.set(_own.get() | frozenset(names))
    try:
        yield
    finally:
        _own.reset(before)


def own_for_now() -> frozenset[str]:
    """Return the outcomes of a user's own that are known for a while."""
    return _own.get()


def is_known(name: str) -> bool:
    """Tell whether there is an outcome of that name, the days of events left out."""
    return (
        name in OUTCOMES
        or name in own_names.outcomes()
        or name in _own.get()
        or has_twin(name)
    )


def unknown_outcome(name: str) -> str:
    """Return the sentence that refuses ``name``, with the nearest outcome."""
    known = [*OUTCOMES, *own_names.outcomes(), *EVENTS, *_own.get()]
    hint = nearest(name, known) or f"; there are {', '.join(known)}"
    return f"unknown outcome {name!r}{hint}"
