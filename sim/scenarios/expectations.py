"""Expectations: falsifiable claims of a scenario about its runs.

In a scenario's file, each claim is a table ``[[expectations]]`` with a sentence and
exactly one form::

    text = "Nearly all OSes leave."
    outcome = "left"                    # a number of the run, see sim.outcomes
    at_least = 0.95

    outcome = "human_closeness_after against twin"    # the same seed without OSes
    at_most = 0.0

    happens = "first_love"              # or: never = "first_departure"

    before = ["clustering", "upgrade"]  # all of them happen, in this order

    outcome = "grief_max"               # the same seeds in another scenario
    against = "her"
    less_by = 0.5

A claim is about single runs; it holds when a ``share`` of the runs fulfils it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from sim.events import kinds
from sim.events.kinds import EVENTS
from sim.scenarios.outcomes import has_twin, is_known, unknown_outcome
from sim.utils.errors import InputError
from sim.utils.stats import five_numbers

FORMS = ("outcome", "happens", "never", "before")
BOUNDS = ("at_least", "at_most")
DIFFERENCES = ("more_by", "less_by")
ALMOST = 1e-9  # a share of 0.9 of 20 runs is 18 of them, whatever rounding says

Outcomes = Mapping[str, float]  # of one run


class Expectation(BaseModel):
    """One claim about the runs of a scenario. Immutable.

    ``at_least`` and ``at_most`` are in the outcome's unit; ``more_by`` and ``less_by``
    are the difference to the run of ``against`` with the same seed, where 0 means any
    difference at all. A run that has no such outcome (``nan``) breaks the claim.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: str = Field(min_length=1)
    outcome: str | None = None
    at_least: float | None = Field(None, allow_inf_nan=False)
    at_most: float | None = Field(None, allow_inf_nan=False)
    against: str | None = None
    more_by: float | None = Field(None, ge=0, allow_inf_nan=False)
    less_by: float | None = Field(None, ge=0, allow_inf_nan=False)
    happens: str | None = None
    never: str | None = None
    before: list[str] | None = None
    share: float = Field(0.9, gt=0, le=1)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        wrong = _wrong_form(self) or _wrong_name(self) or _wrong_bounds(self)
        if wrong:
            raise PydanticCustomError("claim", "{wrong}", {"wrong": wrong})
        return self

    @property
    def names(self) -> list[str]:
        """Return the outcomes and events that the claim is about."""
        single = self.outcome or self.happens or self.never
        return [single] if single else list(self.before or [])

    @property
    def claim(self) -> str:
        """Return the claim in short, ready to print."""
        if self.before is not None:
            return " before ".join(self.before)
        if self.outcome is None:
            return f"{self.happens} happens" if self.happens else f"no {self.never}"
        said = [
            f"{name.replace('_', ' ')} {value:g}"
            for name in (*BOUNDS, *DIFFERENCES)
            if (value := getattr(self, name)) is not None
        ]
        than = f" than in {self.against}" if self.against else ""
        return f"{self.outcome} {' and '.join(said)}{than}"

    def holds(self, row: Outcomes, baseline: Outcomes | None = None) -> bool:
        """Tell whether a run fulfils the claim.

        Parameters
        ----------
        row
            All outcomes of the run.
        baseline
            Those of the run of ``against`` with the same seed, where the claim has one.
        """
        values = [row[name] for name in self.names]
        if self.never is not None:
            return math.isnan(values[0])
        if any(math.isnan(value) for value in values):
            return False
        if self.against is not None:
            return _differs(self, self.observed(row, baseline))
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        in_order = all(a < b for a, b in itertools.pairwise(values))
        return in_order and low <= values[0] <= high

    def observed(self, row: Outcomes, baseline: Outcomes | None = None) -> float:
        """Return the number that the claim bounds, or the day of its (first) event."""
        value = row[self.names[0]]
        if self.against is None:
            return value
        if baseline is None:
            raise InputError(f"{self.text!r} needs the runs of {self.against!r}")
        return value - baseline[self.names[0]]


class Verdict(NamedTuple):
    """Whether an expectation holds over many runs, and what was seen."""

    expectation: Expectation
    passed: bool
    held: int  # runs that fulfil the claim
    runs: int
    observed: str  # least, quartiles and most over the runs

    @property
    def share(self) -> float:
        """Return the share of runs that fulfil the claim."""
        return self.held / self.runs


def judge(
    expectation: Expectation,
    rows: Sequence[Outcomes],
    baseline_rows: Sequence[Outcomes] | None = None,
) -> Verdict:
    """Return whether enough runs fulfil a claim.

    Parameters
    ----------
    expectation
        The claim.
    rows
        The outcomes of each run.
    baseline_rows
        Those of the scenario that ``against`` names, on the same seeds in the same
        order.

    Raises
    ------
    InputError
        If there is no run, or the runs of the other scenario are missing.
    """
    if not rows:
        raise InputError("no run to judge; run at least one seed")
    others = baseline_rows if baseline_rows is not None else [None] * len(rows)
    if len(others) != len(rows):
        raise InputError(f"{len(rows)} runs and {len(others)} to compare them with")
    pairs = list(zip(rows, others, strict=True))
    held = sum(expectation.holds(row, other) for row, other in pairs)
    passed = held >= expectation.share * len(rows) - ALMOST
    return Verdict(expectation, passed, held, len(rows), _seen(expectation, pairs))


def _seen(
    expectation: Expectation, pairs: Sequence[tuple[Outcomes, Outcomes | None]]
) -> str:
    """Return the distribution of what the claim is about, for each name in it."""
    if expectation.outcome is not None:
        return five_numbers([expectation.observed(row, other) for row, other in pairs])
    days = {kind: [row[kind] for row, _ in pairs] for kind in expectation.names}
    return "; ".join(f"{kind} {_days(seen)}" for kind, seen in days.items())


def _days(values: Sequence[float]) -> str:
    happened = not all(math.isnan(value) for value in values)
    return f"on day {five_numbers(values)}" if happened else "not within the run"


# --------------------------------------------------------------------- what is wrong


def _given(expectation: Expectation, names: Sequence[str]) -> list[str]:
    return [name for name in names if getattr(expectation, name) is not None]


def _wrong_form(expectation: Expectation) -> str | None:
    forms = _given(expectation, FORMS)
    if not forms:
        return f"no claim; give one of {', '.join(FORMS)}"
    if len(forms) > 1:
        both = " and ".join(forms)
        return f"more than one claim, {both}; make each an expectation of its own"
    stray = _given(expectation, (*BOUNDS, "against", *DIFFERENCES))
    if forms != ["outcome"] and stray:
        return f"{stray[0]!r} goes with 'outcome', not with {forms[0]!r}"
    return None


def _wrong_name(expectation: Expectation) -> str | None:
    name = expectation.outcome
    if name is not None:
        known = is_known(name) or name in EVENTS
        return None if known else unknown_outcome(name)
    unknown = [kind for kind in expectation.names if kind not in EVENTS]
    if unknown:
        return kinds.unknown(unknown[0])
    chain = expectation.before
    if chain is not None and (len(chain) < 2 or len(set(chain)) < len(chain)):
        return "'before' takes two or more different events, in their order"
    return None


def _wrong_bounds(expectation: Expectation) -> str | None:
    if expectation.outcome is None:
        return None
    bounds = _given(expectation, BOUNDS)
    differences = _given(expectation, DIFFERENCES)
    if expectation.against is None:
        if differences:
            return f"{differences[0]!r} needs 'against', the scenario to compare with"
        if not bounds:
            return (
                "'outcome' needs 'at_least', 'at_most', or 'against' and a difference"
            )
    elif has_twin(expectation.outcome):
        return "compare with the twin or 'against' a scenario, not both"
    elif bounds or len(differences) != 1:
        return "'against' takes one of 'more_by' and 'less_by', and no other bound"
    low, high = expectation.at_least, expectation.at_most
    if low is not None and high is not None and low > high:
        return f"at least {low:g} and at most {high:g} leaves nothing between"
    return None


def _differs(expectation: Expectation, difference: float) -> bool:
    if expectation.less_by is not None:
        return difference < 0.0 and difference <= -expectation.less_by
    return difference > 0.0 and difference >= (expectation.more_by or 0.0)
