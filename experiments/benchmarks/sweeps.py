"""What a sweep costs beside its runs: overhead, scaling, memory, against Mesa's own.

In one run: the share of a worker's time that is not a run's (runs of about a second);
the throughput of two workers against one, in alternating rounds; the memory of a worker
and of the driver over many short runs; and the wall clock of ``mesa.batch_run`` on the
same model and design.

    python experiments/benchmarks/sweeps.py [--runs 30] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mesa

from sim.society import Society
from sim.studies.design import make
from sim.studies.job import Tasks
from sim.studies.store import Store, identity_of
from sim.studies.sweeps import Driver
from sim.studies.workers import Limits, WorkerPool

SECOND = {"humans": 200, "steps": 700}  # a run of about a second
SHORT = {"humans": 30, "steps": 20}


def exponents(count: int) -> list[float]:
    """Return so many values of the parameter that is varied."""
    return [0.9 + 0.2 * number / count for number in range(count)]


class Timed:
    """A sweep whose findings are timed as they come.

    Parameters
    ----------
    runs, workers
        How many of each.
    base
        What all runs have in common.
    """

    def __init__(self, runs: int, workers: int, base: dict[str, Any]) -> None:
        design = make({"base": base, "grid": {"growth_exponent": exponents(runs)}})
        tasks = Tasks(design)
        self.at: list[float] = []
        self.seconds: list[float] = []
        self.memory: list[tuple[float, float]] = []  # worker, driver: MB
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            identity = identity_of(design.name, tasks.identity())
            with Store(Path(folder) / "sweep", identity) as store:
                driver, pool = (
                    Driver(tasks, store, None, {}),
                    WorkerPool(workers, Limits()),
                )
                for finding in pool.run(driver.jobs()):
                    self.at.append(time.monotonic())
                    self.seconds.append(finding["seconds"])
                    driver.keep_one(finding)
                    pid = pool._workers[0].process.pid
                    self.memory.append((resident(pid), resident(os.getpid())))
        self.wall = time.monotonic() - began

    @property
    def rate(self) -> float:
        """Runs a second, once under way."""
        return (len(self.at) - 1) / (self.at[-1] - self.at[0])

    @property
    def overhead(self) -> float:
        """Time between findings beyond the runs' own, as a share of it; one worker."""
        own = sum(self.seconds[1:])
        return (self.at[-1] - self.at[0]) / own - 1.0


def resident(pid: int) -> float:
    """Return a process' resident memory in megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def with_mesa(runs: int, processes: int) -> float:
    """Return the seconds that ``mesa.batch_run`` takes for the design."""
    values = {"scenario": "her-film-cut", **SECOND, "growth_exponent": exponents(runs)}
    began = time.monotonic()
    mesa.batch_run(
        Society,
        values,
        number_processes=processes,
        max_steps=SECOND["steps"],
        data_collection_period=-1,
        display_progress=False,
    )
    return time.monotonic() - began


def measure(runs: int, rounds: int, many: int) -> dict[str, Any]:
    """Return all that is measured."""
    Timed(2, 1, SHORT)  # the first of all may have to compile
    ones, twos, mesas = [], [], []
    for _ in range(rounds):
        ones.append(Timed(runs, 1, SECOND))
        twos.append(Timed(2 * runs, 2, SECOND))
        mesas.append(with_mesa(2 * runs, 2))
    ratios = [two.rate / one.rate for one, two in zip(ones, twos, strict=True)]
    walls = [two.wall for two in twos]
    short = Timed(many, 1, SHORT)
    worker, driver = zip(*short.memory, strict=True)
    early = many // 5
    return {
        "load": os.getloadavg()[0],
        "seconds a run": statistics.median(ones[0].seconds),
        "overhead": min(one.overhead for one in ones),
        "overheads": [one.overhead for one in ones],
        "throughput of 2 workers to 1": ratios,
        "sweep seconds": walls,
        "mesa.batch_run seconds": mesas,
        "short runs a second": short.rate,
        "worker MB": [worker[early], worker[-1]],
        "driver MB": [driver[early], driver[-1]],
    }


def main() -> None:
    """Print what is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--many", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.runs, args.rounds, args.many)
    if args.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        values = value if isinstance(value, list) else [value]
        print(f"{name:<30} {', '.join(f'{one:.3g}' for one in values)}")


if __name__ == "__main__":
    sys.exit(main())
