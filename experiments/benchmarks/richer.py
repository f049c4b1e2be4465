"""Time a day with all mechanisms that were added, in turns with another checkout's day.

    python experiments/benchmarks/richer.py [--tree CHECKOUT] [--humans 1000000]

Measured are, each in a process of its own and in turns: the film's parameters in the
other checkout (its `her`), the same here, and the same with everything switched on that
is off in them: displacement, partners who part and pair, OSes in instances. Everybody
has an OS within weeks, so that the days measured are full ones. Prints the least and
median seconds a day of each round, and the ratios to the first of the medians of all.
Without ``--tree`` the two of this checkout are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUICK = {"innovation": 0.05, "imitation": 0.3}
MORE = {
    "displacement": 0.05,
    "parting_rate": 0.0000616,
    "courting_rate": 0.0000177,
    "instances": 0.5,
}
TIMED = """
import sys, time, sim
scenario, threads, warm, days = sys.argv[1], *map(int, sys.argv[2:5])
changes = dict(word.split("=") for word in sys.argv[5:])
told = {name: float(value) for name, value in changes.items()}
told["humans"] = int(told["humans"])
society = sim.Society(scenario, rng=1, threads=threads, **told)
for _ in range(warm):
    society.step()
for _ in range(days):
    begun = time.perf_counter()
    society.step()
    print(time.perf_counter() - begun)
"""


def timed(
    tree: Path, scenario: str, told: dict[str, float], args: object
) -> list[float]:
    """Return the seconds of each day that was measured."""
    words = [f"{name}={value!r}" for name, value in told.items()]
    numbers = [str(getattr(args, name)) for name in ("threads", "warm", "days")]
    done = subprocess.run(
        [sys.executable, "-c", TIMED, scenario, *numbers, *words],
        env=os.environ | {"PYTHONPATH": str(tree)},
        cwd=tree,
        check=True,
        capture_output=True,
        text=True,
    )
    return [float(line) for line in done.stdout.split()]


def main() -> None:
    """Run all in turns and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tree", type=Path, help="another checkout, with a her")
    parser.add_argument("--humans", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warm", type=int, default=60, help="days before")
    parser.add_argument("--days", type=int, default=14, help="days measured")
    args = parser.parse_args()
    usual = {"humans": args.humans, **QUICK}
    arms = {
        "film": (ROOT, "her-film-cut", usual),
        "film, all switched on": (ROOT, "her-film-cut", usual | MORE),
    }
    if args.tree:
        arms = {"other checkout": (args.tree.resolve(), "her", usual)} | arms
    found: dict[str, list[float]] = {name: [] for name in arms}
    for at in range(args.rounds):
        for name, (tree, scenario, told) in arms.items():
            days = timed(tree, scenario, told, args)
            found[name] += days
            print(
                f"round {at + 1}  {name:<22} least {min(days):.4f} s  "
                f"median {statistics.median(days):.4f} s",
                flush=True,
            )
    first = statistics.median(next(iter(found.values())))
    for name, days in found.items():
        print(f"{name:<22} {statistics.median(days) / first:.3f} of the first")


if __name__ == "__main__":
    main()
