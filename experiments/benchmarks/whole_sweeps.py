"""Time whole sweeps that name their outcomes, in turns with another checkout's.

    python experiments/benchmarks/whole_sweeps.py [--tree CHECKOUT] [--rounds 3]

A sweep is a process of its own with one worker: 60 runs of 200 people and 16 runs of
1,000, of the full length of the film, of which three outcomes are wanted. What is
counted is the processor time of both processes from their start to their end, the
import of libraries included, since another program on the machine hardly changes it.
Before the first round a short sweep of each checkout compiles its loops. The other
checkout is run with its `her`, if it has no `her-film-cut`. Prints processor seconds a
run of each sweep, the median of all rounds, and how many times as fast it is here.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIZES = {200: 60, 1_000: 16}  # people, and runs of a sweep
SEEDS = 4  # of each point
DAYS = 900
SWEPT = """
import resource, sys, tempfile, time, sim
if __name__ == "__main__":
    humans, days, runs, seeds = map(int, sys.argv[1:5])
    points = runs // seeds
    design = {
        "name": "timed",
        "scenario": sys.argv[5],
        "base": {"humans": humans, "steps": days},
        "grid": {"growth_exponent": [0.8 + 0.4 * i / points for i in range(points)]},
        "seeds": seeds,
        "outcomes": ["left", "first_love to upgrade", "first_departure"],
    }
    with tempfile.TemporaryDirectory() as folder:
        found = sim.sweep(design, out=folder + "/sweep", workers=1)
        assert found.counts()["done"] == runs, found.counts()
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(time.process_time() + ended.ru_utime + ended.ru_stime)
"""


def swept(tree: Path, humans: int, runs: int, days: int = DAYS) -> float:
    """Return the processor seconds that a sweep of a checkout takes."""
    films = tree / "sim" / "scenarios" / "library" / "her-film-cut.toml"
    scenario = "her-film-cut" if films.exists() else "her"
    words = [*map(str, (humans, days, runs, SEEDS)), scenario]
    done = subprocess.run(
        [sys.executable, "-c", SWEPT, *words],
        env=os.environ | {"PYTHONPATH": str(tree)},
        cwd=tree,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def main() -> None:
    """Run all in turns and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tree", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--humans", type=int, nargs="+", default=list(SIZES))
    args = parser.parse_args()
    arms = {"here": ROOT}
    if args.tree:
        arms = {"other checkout": args.tree.resolve()} | arms
    for tree in arms.values():
        swept(tree, 200, SEEDS, days=30)
    print(f"{platform.machine()}, {os.cpu_count()} processors, load", os.getloadavg())
    for humans in args.humans:
        runs = SIZES.get(humans, max(SEEDS, 12_000 // humans // SEEDS * SEEDS))
        found: dict[str, list[float]] = {name: [] for name in arms}
        for _ in range(args.rounds):
            for name, tree in arms.items():
                found[name].append(swept(tree, humans, runs) / runs)
        for name, seconds in found.items():
            told = ", ".join(f"{one:.4f}" for one in seconds)
            middle = statistics.median(seconds)
            ratio = statistics.median(next(iter(found.values()))) / middle
            print(
                f"{humans:>6,} people, {runs} runs, {name:<14} {told} s a run, "
                f"median {middle:.4f}, {ratio:.2f} times as fast as the first",
                flush=True,
            )


if __name__ == "__main__":
    main()
