"""Empirical validation: published facts beside what the model shows.

``FACTS`` is the table; ``compare`` lives through societies and puts what is measured in
them beside what was published. Each fact names its row of the evidence table.
"""

from __future__ import annotations

from sim.studies.validation.facts import FACTS, Fact
from sim.studies.validation.fit import FactResult, compare, rows, summary
from sim.studies.validation.recorder import Case, Recording, live, live_case

__all__ = [
    "FACTS",
    "Case",
    "Fact",
    "FactResult",
    "Recording",
    "compare",
    "live",
    "live_case",
    "rows",
    "summary",
]
