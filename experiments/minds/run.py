"""Weigh how far runs differ by their seed against how far they differ by the mind.

python experiments/minds/run.py [--small] [--check] [--workers 2]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from study import main

from sim.studies import Sweep

HERE = Path(__file__).parent


def table(found: Sweep) -> pd.DataFrame:
    """Return the spread over seeds, and over minds with the same seed."""
    runs = found.table()
    runs["mind"] = runs["mind"].map(lambda mind: json.dumps(mind, sort_keys=True))
    rows = []
    for name in found.design.outcomes:
        wide = runs.pivot(index="seed", columns="mind", values=name)
        rows.append(
            {
                "outcome": name,
                "mean": float(wide.stack().mean()),
                "spread over seeds": float(wide.std().mean()),
                "spread over minds": float(wide.std(axis=1).mean()),
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    sys.exit(main(HERE, table))
