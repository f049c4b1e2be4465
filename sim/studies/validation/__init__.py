"""Empirical validation: published facts beside what the model shows.

``FACTS`` is the table; ``compare`` simulates societies and puts what is measured in
them beside what was published. Each fact names its row of the evidence table.
"""

from __future__ import annotations

from sim.studies.validation.facts import APART, FACTS, NEXT, Fact, registered
from sim.studies.validation.fit import FactResult, compare, rows, summary
from sim.studies.validation.recorder import Case, Recording, record

__all__ = [
    "APART",
    "FACTS",
    "NEXT",
    "Case",
    "Fact",
    "FactResult",
    "Recording",
    "compare",
    "record",
    "registered",
    "rows",
    "summary",
]
