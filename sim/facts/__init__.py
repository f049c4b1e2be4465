"""Published facts about 2025, and what the scenario ``today`` says about each.

``FACTS`` is the table; ``compare`` lives through societies and puts what is measured in
them beside what was published. Each fact names its row of the evidence table.
"""

from __future__ import annotations

from sim.facts.comparison import FactResult, compare, rows, summary
from sim.facts.lives import Case, Recording, live, live_case
from sim.facts.table import FACTS, Fact

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
