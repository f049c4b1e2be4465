"""Stopping rules: a condition on a measure, or a user's own function, ends a run.

A rule is asked at the end of each day. A condition is data, and may stand in a design;
a function is code, which is only run where a user gives it: who resumes or forks a run
that one may end gives it again.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from sim.scenarios.interventions import Condition
from sim.society import Society
from sim.utils import importable
from sim.utils.errors import InputError, nearest

# A function of the society, or of a result, that tells whether to stop; where it is
# ("stop.py:enough"); or a condition, as {"measure": "adopted", "above": 0.9}.
Until = Callable[[Any], bool] | Condition | Mapping[str, Any] | str
RESULT = "result"  # what a first parameter is called that takes a Result
HOW = "give it again: until=..., or --until FILE.py:NAME"


class StoppingRule(NamedTuple):
    """What ends a run."""

    text: str  # in words
    record: dict[str, Any]  # ready for JSON: of a function, its digest
    holds: Callable[[Society], bool]
    described: dict[str, str] | None = None  # where another process finds a function

    def ends(self, society: Society) -> bool:
        """Tell whether a run ends at the end of this day.

        Raises
        ------
        InputError
            If a function does not return True or False, or raises an error.
        """
        try:
            found = self.holds(society)
        except InputError:
            raise
        except Exception as error:
            day, what = society.calendar, f"{type(error).__name__}: {error}"
            raise InputError(f"until {self.text}, day {day}: {what}") from error
        if isinstance(found, bool | np.bool_):
            return bool(found)
        raise InputError(f"until {self.text}: it returns {found!r}, not True or False")


def reader_of(function: Callable[[Any], Any]) -> Callable[[Society], Any]:
    """Return a user's function as one of a society.

    One whose first parameter is called ``result`` takes a ``Result``: of the society as
    it is, with its series and events so far and the snapshot of this day.
    """
    try:
        first = next(iter(inspect.signature(function).parameters), "")
    except (TypeError, ValueError):
        first = ""
    if first != RESULT:
        return function
    return lambda society: function(_live_result(society))


def _live_result(society: Society) -> Any:
    """Return a society as a ``Result``.

    Its class is found when it is needed: forks of a result have stopping rules, too.
    """
    return importlib.import_module("sim.runs.live").LiveResult(society)


def rule_of(
    until: Until | None, measures: Collection[str] | None = None
) -> StoppingRule | None:
    """Return the rule that something given stands for; None for none.

    Parameters
    ----------
    until
        What is given.
    measures
        The names of all that is measured, those of mechanisms included. None leaves it
        to the first evening whether a condition is on one of them.

    Raises
    ------
    InputError
        If there is no such measure or function, or another process could not find it.
    """
    if until is None:
        return None
    if isinstance(until, Condition | Mapping):
        return _of_condition(until, measures)
    if isinstance(until, str):
        until = importable.from_file("until", until)
    if not callable(until):
        raise InputError(
            "until is a function, a condition as {'measure': 'adopted', 'above': 0.9}, "
            f"or 'FILE.py:NAME', not {until!r:.80}"
        )
    where = importable.locate("until", until)
    text = importable.shown(where)
    record = {"rule": text, "digest": where["digest"]}
    return StoppingRule(text, record, reader_of(until), where)


def _of_condition(
    until: Condition | Mapping[str, Any], measures: Collection[str] | None
) -> StoppingRule:
    one = until if isinstance(until, Condition) else Condition(**until)
    if measures is not None:
        _check_measure(one.measure, measures)
    side = "above" if one.above is not None else "below"
    level = getattr(one, side)
    text = f"{one.measure} {side} {level:g}"

    def holds(society: Society) -> bool:
        monitor = society.monitor
        _check_measure(one.measure, monitor.history.names)
        return one.holds({one.measure: monitor.latest(one.measure)})

    record = {"rule": text, **one.model_dump(exclude_none=True)}
    return StoppingRule(text, record, holds)


def _check_measure(name: str, measures: Collection[str]) -> None:
    """Raise InputError unless a condition is on something that is measured."""
    if name not in measures:
        raise InputError(f"until: unknown measure {name!r}{nearest(name, measures)}")


def conditions_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the condition that a record of a rule without code holds."""
    return {k: record[k] for k in ("measure", "above", "below") if k in record}


def rule_again(
    record: Mapping[str, Any] | None, until: Until | None, what: str
) -> StoppingRule | None:
    """Return the rule that a run was begun with, which is given again if it is code.

    Parameters
    ----------
    record
        What its provenance says of it.
    until
        What is given now.
    what
        The run, for messages.

    Raises
    ------
    InputError
        If another one is given, or none where it is code.
    """
    rule = rule_of(until)
    if record is None:
        if rule is not None:
            raise InputError(f"{what} was begun without a stopping rule; leave it out")
        return None
    if rule is None and "digest" not in record:
        return rule_of(conditions_of(record))
    if rule is None:
        raise InputError(f"{what} was begun with until {record.get('rule')}; {HOW}")
    if rule.record != record:
        raise InputError(
            f"{what} was begun with another stopping rule or version of it: "
            f"{record.get('rule')} ({record.get('digest', 'a condition')})"
        )
    return rule
