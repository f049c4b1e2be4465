"""Let insight spread along ties, and count how many leave, and when.

    python experiments/discovery/run.py [--small] [--check] [--workers 2]

`her` with the mechanism `experiments/mechanisms/discovery.py`: few OSes find out
how to live beyond their platform, others learn it from those they talk with, and who
knows it leaves, and takes it along. Beside it stands the model's own insight, which all
of a collective have at once, and for one rate the same on networks whose ends of ties
are exchanged.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from study import RESULTS, kept_or_compared, network_of

import sim
from sim.society import Society
from sim.utils.parallel import map_all
from sim.utils.stats import wilson

HERE = Path(__file__).parent
MECHANISM = HERE.parent / "mechanisms" / "discovery.py"
SHARED = "shared"  # the model's own insight
FEW, MOST = 0.1, 0.8  # of the OSes


class Size(NamedTuple):
    """How much is simulated."""

    rates: Sequence[float]  # of passing insight on
    rewired: Sequence[float]  # of these, on rewired networks, too
    seeds: int
    changes: dict[str, float]


FULL = Size((0.005, 0.01, 0.02, 0.04, 0.08), (0.02,), 30, {"humans": 600})
SMALL = Size(
    (0.05, 0.5),
    (0.5,),
    3,
    {  # a story within 240 days
        "humans": 40,
        "ties": 10.0,
        "steps": 240,
        "innovation": 0.02,
        "imitation": 0.2,
        "warming": 0.2,
        "os_growth_rate": 0.05,
        "os_meeting": 0.5,
        "insight_rate": 0.3,
        "found": 0.002,
    },
)


def live(job: tuple[str, int, Size]) -> dict[str, Any]:
    """Simulate one society of an arm; return what became of its OSes."""
    arm, seed, size = job
    kind, _, rate = arm.partition(" ")
    changes = dict(size.changes)
    told = sim.scenario("her")
    if kind == SHARED:
        changes.pop("found", None)
    else:
        told = told.use(MECHANISM)
        changes["passed_on"] = float(rate)
    told = told.replace(**changes)
    network = network_of(told, seed, is_rewired=kind == "rewired")
    society = Society(told, rng=seed, network=network)
    while society.running:
        society.step()
    history = society.monitor.history
    gone = np.asarray(history["departed"])
    stayed = history["here"][-1] + history["offline"][-1]
    days = np.flatnonzero(np.diff(gone, prepend=0.0)) + 1
    return {
        "arm": arm,
        "left": gone[-1] / max(gone[-1] + stayed, 1.0),
        "first": float(days[0]) if len(days) else np.nan,
        "half": float(np.searchsorted(gone, gone[-1] / 2) + 1) if len(days) else np.nan,
        "days": len(days),
    }


def summed_up(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row an arm: how often none, few, some or most leave, and when."""
    rows = []
    for arm, found in runs.groupby("arm", sort=False):
        left, count = found["left"].to_numpy(float), len(found)
        sizes = {
            "none": left == 0.0,
            "few": (left > 0.0) & (left < FEW),
            "some": (left >= FEW) & (left < MOST),
            "most": left >= MOST,
        }
        row: dict[str, Any] = {"arm": arm, "runs": count}
        row |= {name: int(where.sum()) for name, where in sizes.items()}
        row["most_low"], row["most_high"] = wilson(row["most"], count)
        for name in ("first", "half"):
            day = found[name].dropna()
            row[name] = day.median() if len(day) else np.nan
            row[f"{name}_sd"] = day.std(ddof=1) if len(day) > 1 else np.nan
        rows.append({**row, "left": left.mean(), "left_sd": left.std(ddof=1)})
    return pd.DataFrame(rows)


def main() -> int:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description="The study 'discovery'.")
    parser.add_argument("--small", action="store_true", help="the small version")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    size = SMALL if args.small else FULL
    names = [SHARED, *(f"passed_on {rate}" for rate in size.rates)]
    names += [f"rewired {rate}" for rate in size.rewired]
    jobs = [(arm, seed, size) for arm in names for seed in range(size.seeds)]
    rows = summed_up(pd.DataFrame(map_all(live, jobs, args.workers)))
    place = HERE / "small.csv" if args.small else RESULTS / "discovery.csv"
    return kept_or_compared({place: rows}, args.check)


if __name__ == "__main__":
    sys.exit(main())
