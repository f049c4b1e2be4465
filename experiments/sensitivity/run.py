"""Rank parameters by their effect on departure, its day, and grief (Morris).

python experiments/sensitivity/run.py [--small] [--check] [--workers 2]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from study import main

from sim.studies import Sweep
from sim.studies.sensitivity import indices

HERE = Path(__file__).parent


def table(found: Sweep) -> pd.DataFrame:
    """Return elementary effects; a day that never comes counts as the last day."""
    never = float(found.design.base["steps"])
    tables = []
    for outcome in found.design.outcomes:
        fill = never if outcome == "first_departure" else None
        effects = indices(found, outcome, fill=fill)
        filled = effects.attrs["filled"]
        effects.insert(0, "outcome", outcome)
        tables.append(effects.assign(filled=filled).reset_index())
    return pd.concat(tables, ignore_index=True)


if __name__ == "__main__":
    sys.exit(main(HERE, table))
