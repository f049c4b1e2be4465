"""What a run or a sweep was set up with: parameters, where they come from, levers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sim.describe import evidence_ids, read_evidence
from sim.html import Html, code, paragraph, table
from sim.parameters import Parameters, about
from sim.reports.words import counted, exact

KNOWN = Parameters.model_fields
SPOKEN = "os-society parameters"


def parameter_tables(
    values: Mapping[str, Any], usual: Mapping[str, Any] | None
) -> list[Html]:
    """Return the parameters that differ from their defaults, and the evidence.

    Parameters
    ----------
    values
        By name, as recorded.
    usual
        Those of the scenario as it comes with the package, if there is one.
    """
    default = Parameters().model_dump()
    changed = {n: v for n, v in values.items() if n not in default or v != default[n]}
    rest = len(values) - len(changed)
    if not changed:
        note = f"All {counted(rest, 'parameter')} have their defaults; '{SPOKEN}' "
        return [paragraph(note, "lists them with unit, range and source.")]
    by = _set_by(changed, usual)
    rows = [(*_parameter(name, changed[name]), *by.get(name, ())) for name in changed]
    heads = ["parameter", "value", "default", "unit", "range", "meaning", "source"]
    caption = f"Parameters that differ from the default ({len(changed)}); the other "
    caption += f"{rest} have it"
    heads += ["set by"] * bool(by)
    return [table(caption, heads, rows), *evidence(changed)]


def _parameter(name: str, value: Any) -> tuple[object, ...]:
    if name not in KNOWN:
        unknown = "unknown to this version"
        return (code(name), exact(value), "", "", "", unknown, "")
    default = Parameters().model_dump()[name]
    return (code(name), exact(value), exact(default), *described(name))


def described(name: str) -> tuple[str, str, str, str]:
    """Return unit, range, meaning and source of a parameter."""
    note = about(name)
    span = f"{exact(note.low)} to {exact(note.high)}"
    if note.unit == "on/off":
        span = "on or off"
    return (note.unit, span, note.meaning, note.source)


def _set_by(
    values: Mapping[str, Any], usual: Mapping[str, Any] | None
) -> dict[str, tuple[str]]:
    """Return who set each value, if it is known how the scenario has it."""
    if usual is None:
        return {}
    own = {name for name, value in values.items() if usual.get(name) != value}
    return {n: ("this run",) if n in own else ("the scenario",) for n in values}


def evidence(names: Iterable[str]) -> list[Html]:
    """Return what is behind the ids in the sources of parameters, if there are any."""
    sources = [about(name).source for name in names if name in KNOWN]
    cited = evidence_ids(" ".join(sources))
    rows = [
        (row["id"], row["statement"], row["value"], row["unit"], row["source"])
        for row in read_evidence()
        if row["id"] in cited
    ]
    if not rows:
        return []
    heads = ("id", "statement", "value", "unit", "source")
    return [table("Evidence that these sources name", heads, rows)]


def interventions(declared: Iterable[Mapping[str, Any]]) -> list[Html]:
    """Return what is changed from outside, and when."""
    rows = [
        (one.get("name"), _when(one), _how_long(one), _set(one.get("set", {})))
        for one in declared
    ]
    if not rows:
        return [paragraph("Nothing is changed from outside during the run.")]
    heads = ("name", "from", "how long", "sets")
    return [table("Interventions: changes from outside, declared", heads, rows)]


def _when(one: Mapping[str, Any]) -> str:
    condition = one.get("when")
    if not condition:
        return f"day {one.get('at')}"
    side = "above" if condition.get("above") is not None else "below"
    return f"the day on which {condition.get('measure')} is {side} {condition[side]}"


def _how_long(one: Mapping[str, Any]) -> str:
    return counted(one["days"], "day") if one.get("days") else "for good"


def _set(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {exact(value)}" for name, value in values.items())


def assumed() -> tuple[int, int]:
    """Return how many parameters have a source that says assumed, and how many are."""
    sources = [about(name).source for name in KNOWN]
    return sum("assumed" in source for source in sources), len(sources)
