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


def measured(half_edges: int, days: int) -> np.ndarray:
    """Return nanoseconds per half-edge of so many days."""
    people = max(2, round(half_edges / 15.0))
    scenario = sim.scenario("her").use(GOSSIP).replace(humans=people, steps=1)
    society = sim.Society(scenario, seed=1)
    (phase,) = [
        phase
        for phase in society.own_schedule.phases
        if phase.name == "gossip.overhear"
    ]
    phase.run(society.state, society.day, None)  # compiled, or read from the cache
    took = []
    for _ in range(days):
        began = time.thread_time()
        phase.run(society.state, society.day, None)
        took.append(time.thread_time() - began)
    return 1e9 * np.array(took) / society.state.ties.half_edges


def main() -> None:
    """Print what the process took, at best and in the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half-edges", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=20)
    args = parser.parse_args()
    took = measured(args.half_edges, args.days)
    print(f"{'half-edges':>12} {'best':>8} {'median':>8}  (ns per half-edge and day)")
    print(f"{args.half_edges:>12,} {took.min():>8.2f} {np.median(took):>8.2f}")


if __name__ == "__main__":
    main()
