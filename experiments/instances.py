"""Ask how many people come to love one OS, by how many people there are.

Runs `her` and `her-instances` at several sizes, and prints how many people have the OS
that most have, how many love the one that most love, and by which power of the
population that grows (least squares through all runs, with a bootstrapped 95 %
interval).

    python experiments/instances.py [--sizes 150 600 2400 9600] [--seeds 6]
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
import pandas as pd

import sim
from sim.society import Society
from sim.utils.parallel import map_all

SCENARIOS = ("her", "her-instances")


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
    return {
        "scenario": name,
        "humans": humans,
        "OSes": society.state.oses.n,
        "had by": had,
        "loved by": max(history["lovers_max"]),
        "left": departed / max(departed + here, 1.0),
    }


def power(runs: pd.DataFrame) -> str:
    """Return the power of the population by which love for one OS grows."""
    rng = np.random.default_rng(1)
    people, loved = (np.log(runs[name]) for name in ("humans", "loved by"))
    picks = [np.arange(len(runs)), *rng.integers(0, len(runs), (2000, len(runs)))]
    slopes = [np.polyfit(people.iloc[i], loved.iloc[i], 1)[0] for i in picks]
    low, high = np.quantile(slopes[1:], [0.025, 0.975])
    return f"{slopes[0]:.2f} (95 %: {low:.2f} to {high:.2f})"


def main() -> None:
    """Run all sizes and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[150, 600, 2400, 9600])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    jobs = list(product(SCENARIOS, args.sizes, range(args.seeds)))
    runs = pd.DataFrame(map_all(observe, jobs, args.workers))
    sizes = runs.groupby(["scenario", "humans"])
    columns = ["OSes", "had by", "loved by", "left"]
    table = sizes[columns].median()
    table["loved by, least"] = sizes["loved by"].min()
    table["loved by, most"] = sizes["loved by"].max()
    print(table.round(3).to_string())
    for name, mine in runs.groupby("scenario"):
        print(f"{name}: the most loved OS, as a power of the people: {power(mine)}")


if __name__ == "__main__":
    main()
