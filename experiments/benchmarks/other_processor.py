"""Run a whole story for the oldest processor of the family; compare bytes.

A story of `her` is run here, and again in a process whose loops are compiled anew for a
generic processor, without instructions for several numbers at once. All tables of the
two must have the same bytes.

    python experiments/benchmarks/other_processor.py [--humans 60] [--days 170] [--json]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLAIN = {"OS_SOCIETY_SIMD": "off", "NUMBA_CPU_NAME": "generic"}
PLAIN |= {"NUMBA_CPU_FEATURES": ""}


def bytes_of(run: Path) -> dict[str, str]:
    """Return a digest of every table of a run."""
    return {
        file.relative_to(run).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(run.rglob("*.parquet"))
    }


def told(place: Path, size: list[str], **changes: str) -> dict[str, str]:
    """Run a story in a process of its own; return a digest of each of its tables."""
    quick = ["insight_rate=0.3", "innovation=0.02", "imitation=0.2", "warming=0.2"]
    quick += ["os_growth_rate=0.03", "human_meeting=0.2", "os_meeting=0.5"]
    line = [
        sys.executable,
        "-m",
        "sim",
        "run",
        "her-film-cut",
        "--no-figures",
        "--json",
        *size,
    ]
    line += [word for one in quick for word in ("--set", one)]
    told = subprocess.run(
        [*line, "--out", str(place)],
        env=os.environ | changes,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if told.returncode:
        raise SystemExit(f"a run ended with {told.returncode}")
    return bytes_of(place)


def main() -> int:
    """Print what differs; return 1 if something does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--humans", type=int, default=60)
    parser.add_argument("--days", type=int, default=170)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    size = ["--humans", str(args.humans), "--steps", str(args.days), "--seed", "1"]
    with tempfile.TemporaryDirectory() as folder:
        here = told(Path(folder, "here"), size)
        began = time.monotonic()
        there = told(
            Path(folder, "there"), size, OS_SOCIETY_CACHE=f"{folder}/cache", **PLAIN
        )
        took = time.monotonic() - began
    differ = sorted(
        name for name in here.keys() | there.keys() if here.get(name) != there.get(name)
    )
    if args.json:
        print(json.dumps({"tables": len(here), "differ": differ}))
    else:
        print(f"{len(here):5} tables")
        print(f"{len(differ):5} differ {' '.join(differ)}")
        print(f"{took:5.0f} s to compile for a generic processor, and to run")
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
