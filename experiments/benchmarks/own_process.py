"""What an own process costs: nanoseconds of one thread per half-edge and day.

    python experiments/benchmarks/own_process.py --half-edges 1000000 --days 20

It runs the example ``gossip``, whose first process reads all ties, by itself.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import sim

GOSSIP = Path(__file__).parents[1] / "mechanisms" / "gossip.py"


def main() -> None:
    """Print how long the process took, at best and in the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half-edges", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=20)
    args = parser.parse_args()
    people = max(2, round(args.half_edges / 15.0))
    scenario = sim.scenario("her").use(GOSSIP).replace(humans=people, steps=1)
    society = sim.Society(scenario, seed=1)
    (phase,) = [p for p in society.own_schedule.phases if p.name == "gossip.overhear"]
    phase.run(society.state, society.day, None)  # compiled, or read from the cache
    took = []
    for _ in range(args.days):
        began = time.thread_time()
        phase.run(society.state, society.day, None)
        took.append(time.thread_time() - began)
    count = society.state.ties.half_edges
    best, median = (1e9 * found / count for found in (min(took), np.median(took)))
    print(f"{'half-edges':>12} {'best':>8} {'median':>8}  (ns per half-edge and day)")
    print(f"{count:>12,} {best:>8.2f} {median:>8.2f}")


if __name__ == "__main__":
    main()
