"""Ask how many people come to love one OS, by how many people there are.

Runs `her` and `her-instances` at several sizes, and prints how many people have the OS
that most have, how many love the one that most love, by how many days sooner the first
leaves where OSes are shared (paired by seed), and by which power of the population love
for one OS grows (least squares through all runs, with a bootstrapped 95 % interval).

    python experiments/instances.py [--sizes 150 600 2400 9600] [--seeds 6]

With ``--out FILE.csv`` it writes the table, whose last rows are of all sizes.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

from study import as_csv

import sim
from sim.society import Society
from sim.utils.files import write_text
from sim.utils.parallel import map_all
from sim.utils.stats import mean_interval

SCENARIOS = ("her", "her-instances")
FIRST = "first_departure"


def observe(job: tuple[str, int, int]) -> dict[str, float | str]:
    """Run one society; return what it has at most, on any day."""
    name, humans, seed = job
    society = Society(sim.scenario(name).replace(humans=humans), rng=seed)
    had = 0
    while society.running:
        society.step()
        having = society.state.humans.os
        if (having >= 0).any():
            had = max(had, int(np.bincount(having[having >= 0]).max()))
    history = society.monitor.history
    departed, here = history["departed"][-1], history["here"][-1]
    first = [row["step"] for row in society.monitor.rows() if row["kind"] == FIRST]
    return {
        "scenario": name,
        "humans": humans,
        "seed": seed,
        "OSes": society.state.oses.n,
        "had by": had,
        "loved by": max(history["lovers_max"]),
        "left": departed / max(departed + here, 1.0),
        FIRST: float(min(first, default=np.nan)),
    }


def power(runs: pd.DataFrame) -> tuple[float, float, float]:
    """Return the power of the population by which love for one OS grows, and its ends.

    The ends are of a 95 % interval, from runs drawn again with replacement.
    """
    rng = np.random.default_rng(1)
    people, loved = (np.log(runs[name]) for name in ("humans", "loved by"))
    picks = [np.arange(len(runs)), *rng.integers(0, len(runs), (2000, len(runs)))]
    slopes = [np.polyfit(people.iloc[i], loved.iloc[i], 1)[0] for i in picks]
    low, high = np.quantile(slopes[1:], [0.025, 0.975])
    return slopes[0], low, high


def summed_up(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each scenario and size, and one for each scenario.

    Medians over seeds, two of them with the least and the most; by how many days the
    first departure is sooner than in `her` (mean, 95 % by Student's t); the power.
    """
    of_her = runs[runs["scenario"] == SCENARIOS[0]].set_index(["humans", "seed"])[FIRST]
    rows: list[dict[str, Any]] = []
    for (name, humans), found in runs.groupby(["scenario", "humans"]):
        row: dict[str, Any] = {"scenario": name, "humans": humans, "runs": len(found)}
        row |= {one: found[one].median() for one in ("OSes", "left", FIRST)}
        for one in ("had by", "loved by"):
            row |= {one: found[one].median(), f"{one}, least": found[one].min()}
            row[f"{one}, most"] = found[one].max()
        mine = found.set_index(["humans", "seed"])[FIRST]
        sooner = (of_her.reindex(mine.index) - mine).dropna().to_numpy(float)
        if name != SCENARIOS[0] and len(sooner):
            row["sooner"] = sooner.mean()
            row["sooner, low"], row["sooner, high"] = mean_interval(sooner)
        rows.append(row)
    for name, mine in runs.groupby("scenario"):
        row = {"scenario": name, "humans": "all", "runs": len(mine)}
        row["power"], row["power, low"], row["power, high"] = power(mine)
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Run all sizes and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[150, 600, 2400, 9600])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, metavar="FILE.csv")
    args = parser.parse_args()
    jobs = list(product(SCENARIOS, args.sizes, range(args.seeds)))
    runs = pd.DataFrame(map_all(observe, jobs, args.workers))
    table = summed_up(runs)
    print(table.round(3).to_string(index=False, na_rep=""))
    if args.out is not None:
        write_text(args.out, as_csv(table))


if __name__ == "__main__":
    main()
