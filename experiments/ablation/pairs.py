"""Switch pairs of mechanisms off of which neither is necessary alone.

    python experiments/ablation/pairs.py [--small] [--check] [--workers 2] [--seeds 5]

Which are necessary alone is read from the table of `run.py`, and whatever is switched
off beside one of those changes nothing. A run ends on the day by which half of its OSes
have left; one that keeps them has all 1,500 days of `her`.
"""

from __future__ import annotations

import argparse
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from study import RESULTS, kept_or_compared

from sim.society import Society
from sim.studies import Sweep, sweep
from sim.studies.ablation import MECHANISMS, MOSTLY, necessary
from sim.utils.errors import InputError
from sim.utils.source import source_digest
from sim.utils.stats import mean_interval, wilson

HERE = Path(__file__).parent
HALF = "half_departed"
FULL = {"scenario": "her", "seeds": 5, "base": {"humans": 200}}
SMALL = {
    "scenario": "her-film-cut",
    "seeds": 2,
    "base": {  # a story within 240 days
        **{"humans": 60, "steps": 240, "innovation": 0.02, "imitation": 0.2},
        **{"warming": 0.2, "os_growth_rate": 0.03, "insight_rate": 0.3},
        **{"human_meeting": 0.2, "os_meeting": 0.5, "grief_half_life": 10.0},
    },
}


def half_gone(society: Society) -> bool:
    """Tell whether half of the OSes that nobody uninstalled have left."""
    history = society.monitor.history
    gone = history["departed"][-1]
    there = history["here"][-1] + history["offline"][-1]
    return gone > 0 and gone >= there


def free(alone: pd.DataFrame) -> list[str]:
    """Return the mechanisms without which, each alone, most OSes leave all the same."""
    kept = alone[(alone["off"] != "nothing") & (alone["departure"] >= MOSTLY)]
    return [str(name) for name in kept["off"]]


def sets_of(names: list[str]) -> list[tuple[str, ...]]:
    """Return what is switched off together: nothing, each alone, and all pairs."""
    return [(), *((name,) for name in names), *combinations(names, 2)]


def table(found: Sweep, off: list[tuple[str, ...]]) -> pd.DataFrame:
    """Return how often half of the OSes leave without each set, and how much later.

    ``departed`` of the ``runs``, as a ``share`` with ``low`` and ``high`` of its 95 %
    interval; ``half``, the mean day among these, and ``later``, by how many days it
    comes later than with all mechanisms, paired by seed, with its interval.
    """
    times = found.times(HALF)
    number = times.index // len(found.design.seed_list)
    days = times["time"].where(times["observed"])
    by_set = [days[number == at].to_numpy(float) for at in range(len(off))]
    shares = [float(np.isfinite(one).mean()) for one in by_set]
    needed = necessary(off, shares)
    rows: list[dict[str, Any]] = []
    for one, mine, share, is_needed in zip(off, by_set, shares, needed, strict=True):
        count = int(np.isfinite(mine).sum())
        low, high = wilson(count, len(mine))
        row = {"off": " + ".join(one) or "nothing", "runs": len(mine)}
        row |= {"departed": count, "share": share, "low": low, "high": high}
        later = (mine - by_set[0])[np.isfinite(mine - by_set[0])]
        ends = mean_interval(later)
        row["half"] = np.nanmean(mine) if count else np.nan
        row["later"] = later.mean() if len(later) else np.nan
        row |= {"later_low": ends[0], "later_high": ends[1], "necessary": is_needed}
        rows.append(row)
    return pd.DataFrame(rows)


def read(place: Path) -> pd.DataFrame:
    """Return the table of each mechanism switched off alone."""
    if not place.is_file():
        raise InputError(f"there is no {place}; make it first: make ablation")
    return pd.read_csv(place)


def run(args: argparse.Namespace) -> tuple[Sweep, list[tuple[str, ...]]]:
    """Run, or finish, the sweep; return it, and what is switched off at each point."""
    alone = read(HERE / "small.csv" if args.small else RESULTS / "ablation.csv")
    off = sets_of(free(alone) + ["stigma"] * args.small)
    design: dict[str, Any] = dict(SMALL if args.small else FULL) | {"outcomes": [HALF]}
    design["list"] = [
        {key: value for name in one for key, value in MECHANISMS[name].items()}
        for one in off
    ]
    if args.seeds is not None:
        design["seeds"] = args.seeds
    name = f"pairs{'-small' * args.small}-{design['seeds']}-{source_digest()[:8]}"
    found = sweep(
        design,
        out=args.sweeps / name,
        resume=True,
        until=half_gone,
        workers=args.workers,
        progress=sys.stderr.isatty(),
        tell=print,
    )
    return found, off


def main() -> int:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description="The study of pairs of mechanisms.")
    parser.add_argument("--small", action="store_true", help="the small version")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--sweeps", type=Path, default=RESULTS / "sweeps")
    args = parser.parse_args()
    try:
        found, off = run(args)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    place = HERE / "small-pairs.csv" if args.small else RESULTS / "ablation-pairs.csv"
    wrong = kept_or_compared({place: table(found, off)}, args.check)
    return 1 if len(found.failures()) else wrong


if __name__ == "__main__":
    sys.exit(main())
