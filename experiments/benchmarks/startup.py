"""Time what people wait for before anything happens: help, imports, compiling.

Each is the fastest of some processes, since machines are shared. Compiling is what
numba says it spent on it in the first and in the second run of `her` with a cache that
was empty; on a fresh clone the first is what `make run` waits for.

    python experiments/benchmarks/startup.py [--times 5] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = """
import json, sys, time
from numba.core import event
recorded = event.RecordingListener()
started = time.perf_counter()
import sim
with event.install_listener("numba:compile", recorded):
    sim.run("her-film-cut", out=sys.argv[1])
whole, spent, depth = time.perf_counter() - started, 0.0, 0
for moment, what in recorded.buffer:
    if what.is_start:
        begun = moment if depth == 0 else begun
        depth += 1
    else:
        depth -= 1
        spent += moment - begun if depth == 0 else 0.0
print(json.dumps([spent, whole]))
"""


def seconds(command: list[str], times: int) -> float:
    """Return how long a Python process takes at best, in seconds."""
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
        best = min(best, time.perf_counter() - started)
    return best


def run_her(cache: Path, place: Path) -> list[float]:
    """Return what a run of `her` spends compiling, and what it takes in all."""
    told = subprocess.run(
        [sys.executable, "-c", RUN, str(place)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"OS_SOCIETY_CACHE": str(cache)},
    )
    return [float(value) for value in json.loads(told.stdout)]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    libraries = seconds(["-c", "import numpy, pandas"], args.times)
    figures = {
        "help_seconds": seconds(["-m", "sim", "--help"], args.times),
        "import_seconds": seconds(["-c", "import sim"], args.times),
        "import_beyond_numpy_and_pandas": seconds(
            ["-c", "import numpy, pandas, sim"], args.times
        )
        - libraries,
    }
    with tempfile.TemporaryDirectory() as folder:
        for which in ("first", "second"):
            place = Path(folder) / which
            compiling, whole = run_her(Path(folder) / "cache", place)
            figures[f"{which}_run_compiling"] = compiling
            figures[f"{which}_run_seconds"] = whole
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name.replace('_', ' '):<32} {value:>8.2f} s")


if __name__ == "__main__":
    main()
