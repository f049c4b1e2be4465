"""What own columns cost: compiling, days, snapshots and memory, with many or none.

    python experiments/benchmarks/own_columns.py [--columns 100] [--humans 10000]

A mechanism adds so many columns to people, and as many processes, or one that declares
them all (``--together``), write one each. Beside the run without it: seconds of
processor until everything is compiled (new to the cache), milliseconds of processor a
day after that, bytes of the last snapshot of people, and megabytes of memory.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import sim

PROCESS = '''
@MANY.process(after="mourn", over="humans", reads=("humans.grief",), writes=({writes}))
def process_{number}(i, s):
    """Follow grief, each column at its own pace."""
{lines}
'''


def written(folder: Path, count: int, together: bool) -> Path:
    """Write a mechanism of so many columns, new to the cache."""
    names = [f"own_{number}" for number in range(count)]
    groups = [names] if together else [[name] for name in names]
    text = [
        f"# {uuid.uuid4()}",
        "from sim.mechanisms import Column, Mechanism",
        f"NAMES = {names!r}",
        "MANY = Mechanism('many', 'Columns that follow grief.', columns={'humans': [",
        "    Column(name, 'f4', '0..1', 'follows grief') for name in NAMES]})",
    ]
    for number, group in enumerate(groups):
        lines = "\n".join(
            f"    s.humans.{name}[i] += 0.1 * (s.humans.grief[i] - s.humans.{name}[i])"
            for name in group
        )
        writes = ", ".join(f'"humans.{name}"' for name in group) + ","
        text.append(PROCESS.format(number=number, writes=writes, lines=lines))
    file = folder / "many.py"
    file.write_text("\n".join(text), encoding="utf-8")
    return file


def measured(file: str, humans: int, days: int) -> list[float]:
    """Return seconds to compile, seconds a day, bytes of a snapshot, megabytes."""
    town = sim.scenario("her-film-cut").replace(humans=humans, steps=days)
    if file:
        town = town.use(file)
    began = time.process_time()
    society = sim.Society(town, seed=1)
    society.step()
    first = time.process_time() - began
    took = []
    for _ in range(days - 1):
        began = time.process_time()
        society.step()
        took.append(time.process_time() - began)
    with tempfile.TemporaryDirectory() as folder:
        run = sim.run(town, seed=1, out=Path(folder) / "run", threads=1)
        size = max(f.stat().st_size for f in run.path.glob("snapshots/humans-*"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    day = sorted(took)[len(took) // 2]
    return [first - day, day, size, memory]


def main() -> None:
    """Print what columns cost, each case in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--humans", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one is not None:
        print(*measured(args.one, args.humans, args.days))
        return
    print(f"{'case':34}{'compile s':>10}{'day ms':>9}{'snapshot kB':>13}{'MB':>7}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cases = {"without": ""}
        for together in (True, False):
            (place / str(together)).mkdir()
            name = (
                f"{args.columns} columns, {'one process' if together else 'each one'}"
            )
            cases[name] = str(written(place / str(together), args.columns, together))
        for name, file in cases.items():
            size = ["--humans", str(args.humans), "--days", str(args.days)]
            told = [sys.executable, __file__, "--one", file, *size]
            done = subprocess.run(told, capture_output=True, text=True, check=True)
            first, day, stored, memory = map(float, done.stdout.split())
            row = f"{first:10.1f}{1e3 * day:9.2f}{stored / 1e3:13.0f}{memory:7.0f}"
            print(f"{name:34}{row}", flush=True)


if __name__ == "__main__":
    main()
