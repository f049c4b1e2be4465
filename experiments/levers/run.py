"""Begin each named intervention on one day, with the same seeds, and compare.

python experiments/levers/run.py [--small] [--check] [--workers 2]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from study import main, paired

from sim.studies import Sweep

HERE = Path(__file__).parent


def table(found: Sweep) -> pd.DataFrame:
    """Return departure, grief and what else changes, by lever, paired by seed."""
    names = found.design.outcomes
    result: pd.DataFrame = paired(found.table(), "lever", "none", names)
    return result


if __name__ == "__main__":
    sys.exit(main(HERE, table))
