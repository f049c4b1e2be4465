"""Switch each mechanism off, alone, and see whether OSes still depart.

python experiments/ablation/run.py [--small] [--check] [--workers 2]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from study import main, paired

from sim.studies import Sweep
from sim.studies.ablation import MECHANISMS, MOSTLY

HERE = Path(__file__).parent


def table(found: Sweep) -> pd.DataFrame:
    """Return the share that left without each mechanism, and the paired change."""
    runs, listed = found.table(), found.design.listed or []
    number = runs.index // len(found.design.seed_list)
    runs["off"] = [name_of(listed[one]) for one in number]
    runs["departure"] = (runs["left"] >= MOSTLY).astype(float)
    result: pd.DataFrame = paired(runs, "off", "nothing", ["left", "departure"])
    return result


def name_of(changes: dict[str, object]) -> str:
    """Return the mechanism that these changes switch off."""
    names = {tuple(off.items()): name for name, off in MECHANISMS.items()}
    return names[tuple(changes.items())] if changes else "nothing"


if __name__ == "__main__":
    sys.exit(main(HERE, table))
