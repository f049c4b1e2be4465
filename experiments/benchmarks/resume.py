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
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sim.writer import begun_at

EACH = 6  # kills of one run at most: then it is let live


def bytes_of(run: Path) -> dict[str, str]:
    """Return a digest of every table of a run."""
    return {
        file.relative_to(run).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(run.rglob("*.parquet"))
    }


def command(place: Path, humans: int) -> list[str]:
    """Return what begins a run, or goes on with it."""
    start = [sys.executable, "-m", "sim"]
    quiet = ["--no-figures", "--json"]
    if begun_at(place).exists():
        return [*start, "resume", str(place), *quiet]
    told = ["run", "her", "--humans", str(humans), "--seed", "5", "--out", str(place)]
    return [*start, *told, "--checkpoint-every", "30", *quiet]


def live(place: Path, humans: int, seconds: float | None) -> bool:
    """Live on, or be killed after some seconds; tell whether it was."""
    out = subprocess.DEVNULL
    process = subprocess.Popen(command(place, humans), stdout=out, stderr=out)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return process.returncode != 0


def main() -> int:
    """Kill and resume; return 1 if any run differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--humans", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    luck = random.Random(told.seed)
    kills = runs = differing = 0
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        live(whole, told.humans, None)
        began = time.monotonic()
        live(Path(folder) / "timed", told.humans, None)
        took, expected = time.monotonic() - began, bytes_of(whole)
        while kills < told.kills:
            runs += 1
            place = Path(folder) / f"run-{runs}"
            for _ in range(EACH):
                if not live(place, told.humans, luck.uniform(0.0, took)):
                    break
                kills += 1
            if not (place / "provenance.json").exists():
                live(place, told.humans, None)
            differing += bytes_of(place) != expected
            print(f"{kills} kills, {runs} runs: {differing} differ", file=sys.stderr)
    seen = {"kills": kills, "runs": runs, "runs that differ": differing}
    if told.json:
        print(json.dumps(seen))
    else:
        print("\n".join(f"{name}: {value}" for name, value in seen.items()))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
