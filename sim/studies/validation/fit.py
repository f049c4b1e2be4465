"""Compare measured quantities with published facts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sim import scenarios
from sim.scenarios import Scenario
from sim.studies.validation.facts import CALIBRATION, CHECK, FACTS, Fact
from sim.studies.validation.recorder import Case
from sim.utils.errors import InputError
from sim.utils.stats import correlation


class FactResult(NamedTuple):
    """A fact, and what was observed of it."""

    fact: Fact
    observed: float
    least: float  # level: of any seed; sign: lower end of the 95 % interval
    most: float

    @property
    def within(self) -> bool:
        """Tell whether it matches: a level's mean, or all of a sign's interval."""
        fact = self.fact
        if math.isnan(self.observed):
            return False
        if fact.is_sign:
            return self.least > 0.0 if fact.published > 0 else self.most < 0.0
        return fact.low <= self.observed <= fact.high

    @property
    def reason(self) -> str:
        """Return why it misses, in words; empty where it does not."""
        if self.within:
            return ""
        return self.fact.misses or (
            "not measured: too few people for it to happen"
            if math.isnan(self.observed)
            else "the interval holds zero: the effect is too weak in so many people"
            if self.fact.is_sign
            else "out of the range, though the model's form would allow it"
        )


def compare(
    scenario: Scenario | str = "today",
    *,
    seeds: int = 3,
    first_seed: int = 0,
    facts: Sequence[Fact] = FACTS,
    **changes: Any,
) -> list[FactResult]:
    """Simulate a scenario with several seeds and compare it with every fact.

    Parameters
    ----------
    scenario
        A scenario or its name.
    seeds, first_seed
        How many seeds, and the first; the others follow it. The same seeds give the
        same lines.
    facts
        What to compare with.
    changes
        Parameters to change, by name.

    Raises
    ------
    InputError
        If the scenario, a parameter or a seed is not valid, or a fact is registered
        and cannot be measured.
    """
    if seeds < 1:
        raise InputError(f"it takes at least one seed, not {seeds}")
    for fact in facts:
        if fact.measure is None:
            raise InputError(
                f"{fact.what!r} is not measured: {fact.needs or 'not yet'}"
            )
    chosen = scenarios.load(scenario) if isinstance(scenario, str) else scenario
    chosen = chosen.replace(**changes)
    numbers = range(first_seed, first_seed + seeds)
    measured = [_measure(Case(chosen, seed), facts) for seed in numbers]
    return [
        line_of(fact, values)
        for fact, values in zip(facts, zip(*measured, strict=True), strict=True)
    ]


def _measure(case: Case, facts: Sequence[Fact]) -> list[Any]:
    return [fact.measure(case) for fact in facts if fact.measure is not None]


def line_of(fact: Fact, values: Sequence[Any]) -> FactResult:
    """Return what was observed: a mean and extremes, or a correlation and interval."""
    if fact.is_sign:
        return FactResult(fact, *correlation(values))
    found = [value for value in values if not math.isnan(value)]
    if not found:
        return FactResult(fact, math.nan, math.nan, math.nan)
    return FactResult(fact, float(np.mean(found)), min(found), max(found))


def rows(lines: Sequence[FactResult]) -> list[dict[str, Any]]:
    """Return the comparison as a table, one dictionary a fact."""
    return [
        {
            "evidence": line.fact.evidence,
            "what": line.fact.what,
            "unit": line.fact.unit,
            "published": line.fact.published,
            "low": line.fact.low,
            "high": line.fact.high,
            "observed": _rounded(line.observed),
            "least": _rounded(line.least),
            "most": _rounded(line.most),
            "within": line.within,
            "role": line.fact.role,
            "range because": line.fact.why,
            "missed because": line.reason,
        }
        for line in lines
    ]


def _rounded(value: float) -> float | None:
    """Return four significant digits, or None for what was not measured."""
    return None if math.isnan(value) else float(f"{value:.4g}")


def summary(lines: Sequence[FactResult]) -> str:
    """Return in one sentence how many facts lie within their ranges, checks first."""
    counted = {
        role: [line.within for line in lines if line.fact.role == role]
        for role in (CHECK, CALIBRATION)
    }
    checks, aimed = counted.values()
    rest = [line for line in lines if line.fact.role not in counted]
    return (
        f"of the {len(checks)} facts kept as checks {sum(checks)} lie within the "
        f"stated range, of the {len(aimed)} aimed at {sum(aimed)}; {len(rest)} more "
        "are inputs read back or built in, and count as neither "
        f"({sum(line.within for line in lines)} of {len(lines)} facts in all)"
    )
