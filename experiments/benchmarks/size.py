"""Run a large society to its end, and tell what it took: memory, time, disk.

With ``--everyone`` each human soon has an OS, by ordinary parameters. The run is then
read back: every day has its measures, every snapshot its agents and ties, and events
are found again in the stored readings, the same ones. With ``--export`` a process of
its own writes the ties of the last day for another program.

    python experiments/benchmarks/size.py --humans 1000000 --days 900 --everyone
    python experiments/benchmarks/size.py --humans 10000000 --days 30
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

import sim
from sim import scenarios
from sim.runs.result import Result
from sim.scenarios import Scenario

TIES = 10.0
EXPORT = """
import json, sys, time
from pathlib import Path
import sim
from sim import exports
started = time.perf_counter()
[file] = exports.export(sim.load(sys.argv[1]), sys.argv[2])
seconds, size = time.perf_counter() - started, file.stat().st_size
# Not ru_maxrss, which begins with that of the process that started this one.
status = Path("/proc/self/status").read_text()
most = int(status.partition("VmHWM:")[2].split()[0]) * 1024
print(json.dumps({"seconds": seconds, "peak_bytes": most, "bytes": size}))
"""
EVERYONE = {"innovation": 0.2, "churn": 0.0}  # a fifth of those without install a day


def peak() -> int:
    """Return the most memory that this process has had at once, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def scenario_of(args: argparse.Namespace) -> Scenario:
    """Return `her` at a size, with ten ties a human."""
    known = {"humans": args.humans, "ties": TIES, "steps": args.days}
    return scenarios.load("her-film-cut").replace(
        **known, **EVERYONE if args.everyone else {}
    )


def measured(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run, read back, and return what it took."""
    scenario = scenario_of(args)
    sim.run(scenario.replace(humans=1000), steps=10, out=folder / "warm")  # compiles
    before, started = peak(), time.perf_counter()
    result = sim.run(
        scenario,
        seed=args.seed,
        out=folder / "run",
        threads=args.threads,
        snapshot_every=args.snapshot_every,
        checkpoint_every=args.checkpoint_every,
        progress=sys.stderr.isatty(),
    )
    seconds, most = time.perf_counter() - started, peak()
    sizes = [_rows(result, step) for step in result.steps]
    agents, half_edges = (max(size[at] for size in sizes) for at in (0, 1))
    return {
        "humans": args.humans,
        "days": args.days,
        "agents": agents,
        "half_edges": half_edges,
        "before_bytes": before,
        "peak_bytes": most,
        "bytes_per_agent": (most - before) / agents,
        "bytes_per_half_edge": (most - before) / half_edges,
        "seconds": seconds,
        "disk_bytes": _disk(result.path),
        "events": len(result.events),
        "wrong": wrong(result, args),
        "reading_peak_bytes": peak(),
        "export": _export(result, folder / f"ties.{args.export}")
        if args.export
        else {},
    }


def _export(result: Result, file: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", EXPORT, str(result.path), str(file)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(ended.stdout))


def _rows(result: Result, step: int) -> tuple[int, int]:
    """Return how many agents and half-edges a snapshot has."""
    folder = result.path / "snapshots"
    humans, oses, ties = (
        pq.read_metadata(folder / f"{name}-{step:06d}.parquet").num_rows
        for name in ("humans", "oses", "ties")
    )
    return humans + oses, ties


def _disk(folder: Path) -> dict[str, int]:
    """Return the bytes of each kind of file, and of all."""
    found: dict[str, int] = {}
    for file in folder.rglob("*"):
        if file.is_file():
            kind = file.stem.partition("-")[0]
            found[kind] = found.get(kind, 0) + file.stat().st_size
    return found | {"all": sum(found.values())}


def wrong(result: Result, args: argparse.Namespace) -> list[str]:
    """Return what is missing in a run; nothing is as it should be."""
    found, series, events = [], result.series, result.events
    if series.index.tolist() != list(range(1, args.days + 1)):
        found.append("days are missing in the series")
    if not np.isfinite(series.to_numpy()).all():
        found.append("measures are missing in the series")
    if args.everyone and series["adopted"].max() < 0.999:
        found.append(f"{series['adopted'].max():.1%} have an OS, not everyone")
    for step in result.steps:
        agents, ties = _rows(result, step)
        oses = series.loc[step, "oses"] if step else 0
        if agents != args.humans + oses or ties % 2:
            found.append(f"agents or ties are missing in the snapshot of day {step}")
    if not _same(events, result.detect()):
        found.append("other events are found in the stored readings")
    return found


def _same(events: Any, again: Any) -> bool:
    """Tell whether two tables of events are the same, to the last member."""
    plain = [table.drop(columns="members").astype(str) for table in (events, again)]
    members = zip(events["members"], again["members"], strict=True)
    return bool(plain[0].equals(plain[1])) and all(a == b for a, b in members)


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    disk = figures["disk_bytes"]
    print(
        f"{figures['humans']:,} humans, {figures['days']} days: at most "
        f"{figures['agents']:,} agents and {figures['half_edges']:,} half-edges\n"
        f"peak memory   {figures['peak_bytes'] / 1e9:.2f} GB "
        f"({figures['before_bytes'] / 1e9:.2f} GB before the run); "
        f"{figures['bytes_per_agent']:.0f} bytes an agent, or "
        f"{figures['bytes_per_half_edge']:.0f} a half-edge\n"
        f"reading back  {figures['reading_peak_bytes'] / 1e9:.2f} GB\n"
        f"time          {figures['seconds']:.0f} s; "
        f"{figures['seconds'] / figures['days']:.2f} s a day\n"
        f"on disk       {disk['all'] / 1e9:.2f} GB"
    )
    for kind, size in sorted(disk.items(), key=lambda item: -item[1]):
        if kind != "all" and size >= 1e6:
            print(f"  {kind:<12}{size / 1e6:>10,.0f} MB")
    if figures["export"]:
        seconds, most, size = (
            figures["export"][name] for name in ("seconds", "peak_bytes", "bytes")
        )
        text = f"{most / 1e9:.2f} GB, {seconds:.0f} s, {size / 1e9:.2f} GB on disk"
        print(f"an export     {text}")
    print(f"events        {figures['events']}")
    print(f"complete      {'; '.join(figures['wrong']) or 'yes'}")


def main() -> None:
    """Run, and print a table or JSON; exit with 1 if something is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--humans", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=900)
    parser.add_argument("--everyone", action="store_true", help="all adopt soon")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--snapshot-every", type=int, default=30)
    parser.add_argument("--checkpoint-every", type=int, default=0)
    parser.add_argument("--limit", type=float, metavar="GB", help="memory allowed")
    parser.add_argument("--export", choices=["graphml", "gexf", "json"])
    parser.add_argument("--within", metavar="FOLDER", help="for what is written")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.within) as folder:
        figures = measured(args, Path(folder))
    if args.limit and figures["peak_bytes"] > args.limit * 1e9:
        figures["wrong"].append(f"more memory than {args.limit:g} GB")
    print(json.dumps(figures, indent=2)) if args.json else show(figures)
    sys.exit(1 if figures["wrong"] else 0)


if __name__ == "__main__":
    main()
