"""Compare societies on a generated network and on a real one.

    python experiments/networks/run.py [--small] [--check] [--workers 2]

The full version reads `ego-facebook.csv.gz` (SNAP) from this folder.
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
    """Return outcomes on both networks; the change is from the generated one."""
    runs = found.table()
    runs["kind"] = runs["network"].map(lambda name: Path(name).name.partition(".")[0])
    result: pd.DataFrame = paired(runs, "kind", "none", found.design.outcomes)
    return result.replace({"kind": {"none": "generated"}})


if __name__ == "__main__":
    sys.exit(main(HERE, table))
