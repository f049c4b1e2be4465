"""The table of published facts, read from ``sim/model/facts.toml``, and their measures.

There each fact has a range that counts as a match, with its reason, and a role that was
registered before any calibration used it. A fact for *calibration* may be aimed at when
parameters are set; a *check* was left out, and nothing may be changed to meet it; an
*input* is a parameter read back, and what is *built in* holds because a rule says so:
neither says anything of the model. What is *not modelled* cannot be measured.
"""

from __future__ import annotations

import functools
import tomllib
from typing import Any, NamedTuple

from sim.model.evidence import EVIDENCE
from sim.studies.validation import quantities
from sim.studies.validation.quantities import Level, Pair

FILE = EVIDENCE.with_name("facts.toml")
CALIBRATION, CHECK, INPUT, BUILT_IN, NOT_MODELLED = ROLES = (
    *("calibration", "check", "input", "built in", "not modelled"),
)
OF_SIGNS = "the sign; the 95 % interval leaves out zero"


class Fact(NamedTuple):
    """A published number, or sign, and how it is measured in a society."""

    evidence: str  # ids of rows of the evidence table, or one of its own
    what: str
    unit: str
    published: float  # for a sign: +1 or -1
    low: float
    high: float
    why: str  # the reason of the range
    role: str
    measure: Level | Pair | None = None  # None where it is not measured (yet)
    is_sign: bool = False
    misses: str = ""  # why the model's form cannot reach it, where that is known
    needs: str = ""  # what the model lacks to measure it
    society: str = ""  # made for it; "" is the scenario as it is


@functools.cache
def registered() -> tuple[Fact, ...]:
    """Return all facts of the file, in its order, measured or not."""
    with FILE.open("rb") as file:
        return tuple(_fact(row) for row in tomllib.load(file)["facts"])


def _fact(row: dict[str, Any]) -> Fact:
    sign = row.get("sign")
    low, high = row.get("range", (0.0, 1.0) if sign == 1 else (-1.0, 0.0))
    measure = row.get("measure")
    return Fact(
        row["evidence"],
        row["quantity"],
        row["unit"],
        row["published"] if sign is None else sign,
        low,
        high,
        row.get("reason", OF_SIGNS),
        row["role"],
        None if measure is None else _measure(*measure),
        sign is not None,
        row.get("misses", ""),
        row.get("needs", ""),
        row.get("society", ""),
    )


def _measure(name: str, *given: Any) -> Level | Pair:
    """Return a function of ``quantities``, or what one returns for some values."""
    found: Any = getattr(quantities, name)
    if given:
        found = found(*(getattr(quantities, str(one), one) for one in given))
    measure: Level | Pair = found
    return measure


def _measured(letter: str) -> tuple[Fact, ...]:
    mine = (one for one in registered() if one.evidence.startswith(letter))
    return tuple(one for one in mine if one.measure is not None and not one.society)


FACTS = _measured("A")  # of the evidence table: what `make evidence` compares
NEXT = _measured(
    "N"
)  # of 2025 and 2026, measured as well; no calibration has seen them
# Of who is tied to whom, each measured in a society made for it.
APART = tuple(one for one in registered() if one.society)
