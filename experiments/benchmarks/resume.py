"""Kill a checkpointed run at random moments; resume it; compare bytes.

A run of `her` is begun with checkpoints and killed by SIGKILL after a random time, then
resumed and killed again, until it is done; and all that again, until there were enough
kills. Each finished run must have the bytes of one that nothing happened to.

    python experiments/benchmarks/resume.py [--kills 50] [--humans 150] [--json]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sim.runs import checkpoint
from sim.runs.writer import begun_at

EACH = 6  # kills of one run at most: then it may finish


def bytes_of(run: Path) -> dict[str, str]:
    """Return a digest of every table of a run."""
    return {
        file.relative_to(run).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(run.rglob("*.parquet"))
    }


def command(place: Path, humans: int) -> list[str]:
    """Return what begins a run, or resumes it."""
    start = [sys.executable, "-m", "sim"]
    quiet = ["--no-figures", "--json"]
    if checkpoint.steps(begun_at(place)):
        return [*start, "resume", str(place), *quiet]
    lines = [
        "run",
        "her-film-cut",
        "--humans",
        str(humans),
        "--seed",
        "5",
        "--out",
        str(place),
    ]
    return [*start, *lines, "--checkpoint-every", "30", *quiet]


def simulate(place: Path, humans: int, seconds: float | None) -> bool:
    """Simulate, or be killed after some seconds; tell whether it was.

    Raises
    ------
    SystemExit
        If it ended in an error of its own.
    """
    pipes: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command(place, humans), **pipes)
    try:
        _, told = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        _, told = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        sys.exit(f"ended with {process.returncode}: {told.decode()}")
    return process.returncode != 0


def is_done(place: Path) -> bool:
    """Tell whether a run is whole: it may be so although its process was killed."""
    return (place / "provenance.json").exists()


def differing(place: Path, expected: dict[str, str]) -> list[str]:
    """Return the files of a run that are not as expected."""
    found = bytes_of(place)
    names = sorted(found.keys() | expected.keys())
    return [name for name in names if found.get(name) != expected.get(name)]


def main() -> int:
    """Kill and resume; return 1 if any run differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--humans", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    kills = runs = differ = 0
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        simulate(whole, args.humans, None)
        began = time.monotonic()
        simulate(Path(folder) / "timed", args.humans, None)
        took, expected = time.monotonic() - began, bytes_of(whole)
        while kills < args.kills:
            runs += 1
            place = Path(folder) / f"run-{runs}"
            for _ in range(EACH):
                kills += simulate(place, args.humans, rng.uniform(0.0, took))
                if is_done(place):
                    break
            else:
                simulate(place, args.humans, None)
            wrong = differing(place, expected)
            differ += bool(wrong)
            print(f"{kills} kills, {runs} runs: {differ} differ", file=sys.stderr)
            if wrong:
                print(f"run {runs}: {', '.join(wrong)}", file=sys.stderr)
    seen = {"kills": kills, "runs": runs, "runs that differ": differ}
    if args.json:
        print(json.dumps(seen))
    else:
        print("\n".join(f"{name}: {value}" for name, value in seen.items()))
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
