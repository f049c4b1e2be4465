"""What own processes cost: nanoseconds of one thread per half-edge and day.

    python experiments/benchmarks/own_process.py --half-edges 1000000 --days 20

It lives through days of a society with an example: ``gossip``, whose first process
reads all ties, or ``trust``, whose first process writes a column of ties. What it takes
to bring such columns to where their half-edges are is measured with it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import sim

EXAMPLES = Path(__file__).parents[1] / "mechanisms"
PROCESSES = {"gossip": "gossip.overhear", "trust": "trust.rely"}


class Watch:
    """Adds up the time that some functions take on a thread, each second once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._is_running = False

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that is timed unless it is called by one that is."""

        def call(*given: Any, **named: Any) -> Any:
            if self._is_running:
                return function(*given, **named)
            self._is_running, began = True, time.thread_time()
            try:
                return function(*given, **named)
            finally:
                self.seconds += time.thread_time() - began
                self._is_running = False

        return call


def measured(half_edges: int, days: int, name: str = "gossip") -> np.ndarray:
    """Return nanoseconds per half-edge of so many days, after three that are not."""
    people = max(2, round(half_edges / 15.0))
    scenario = sim.scenario("her-film-cut").use(EXAMPLES / f"{name}.py")
    society = sim.Society(scenario.replace(humans=people, steps=days + 3), seed=1)
    watch, ties = Watch(), society.state.ties
    ties.align = watch.timed(ties.align)
    society.own_schedule.phases = tuple(
        phase._replace(run=watch.timed(phase.run))
        if phase.name == PROCESSES[name]
        else phase
        for phase in society.own_schedule.phases
    )
    took = []
    for _ in range(days + 3):
        watch.seconds = 0.0
        society.step()
        took.append(1e9 * watch.seconds / ties.half_edges)
    return np.array(took[3:])


def main() -> None:
    """Print what each process took, at best and in the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half-edges", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=20)
    args = parser.parse_args()
    print(f"{'process':16}{'half-edges':>12}{'best':>8}{'median':>8}{'most':>8}")
    for name, process in PROCESSES.items():
        took = measured(args.half_edges, args.days, name)
        numbers = f"{took.min():8.2f}{np.median(took):8.2f}{took.max():8.2f}"
        print(f"{process:16}{args.half_edges:>12,}{numbers}")


if __name__ == "__main__":
    main()
