"""The commands that compare many runs: ``sweep`` and ``compare``."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sim.arguments import add_command, positive

if TYPE_CHECKING:
    from sim.counterfactuals import Comparison
    from sim.sweeps.estimating import Estimate
    from sim.sweeps.reading import Sweep

PROGRAM = "os-society"
SHOWN = 5  # failed runs that are told one by one
INTERRUPTED = 130


def add_sweep(commands: Any) -> None:
    """Add ``os-society sweep`` to the command line."""
    text = "Run a designed set of runs; 1 if a run fails."
    sweep = add_command(commands, "sweep", run_sweep, text)
    sweep.add_argument("design", help="TOML file of the design")
    sweep.add_argument("--out", metavar="DIR", help="folder (results/sweeps/NAME)")
    sweep.add_argument(
        "--workers", metavar="N", type=positive, help="processes (one a processor)"
    )
    sweep.add_argument(
        "--cluster", metavar="ADDRESS", help="a Dask scheduler's address"
    )
    sweep.add_argument(
        "--insecure", action="store_true", help="allow tcp:// to another machine"
    )
    sweep.add_argument(
        "--resume", action="store_true", help="go on; run what failed or is damaged"
    )
    sweep.add_argument(
        "--dry-run", action="store_true", help="print runs, time and disk, and stop"
    )
    sweep.add_argument(
        "--time-limit", metavar="S", type=float, default=3600.0, help="a run (3600)"
    )
    sweep.add_argument(
        "--memory-limit", metavar="MB", type=int, default=0, help="a run (none)"
    )
    sweep.add_argument("--json", action="store_true", help="print one JSON object")


# ---------------------------------------------------------------------------- sweep


def run_sweep(told: argparse.Namespace) -> int:
    """Run a sweep; return 1 if a run failed, 130 if it was interrupted."""
    from sim.sweeps import cluster, designs, driving

    design = designs.read(told.design)
    place = Path(told.out) if told.out is not None else driving.SWEEPS / design.name
    if told.dry_run:
        return _dry_run(told, design, place)
    began = time.monotonic()
    engine: Any = nullcontext()
    if told.cluster is not None:
        engine = cluster.connect(told.cluster, told.insecure)
    try:
        with _interruptible(), engine as executor:
            found = driving.sweep(
                design,
                executor,
                out=place,
                resume=told.resume,
                workers=told.workers,
                time_limit=told.time_limit,
                memory_limit=told.memory_limit,
                progress=not told.json and sys.stderr.isatty(),
                tell=lambda line: print(f"{PROGRAM}: {line}", file=sys.stderr),
            )
    except KeyboardInterrupt:
        return _interrupted(place)
    print(_json(found) if told.json else _summary(found, time.monotonic() - began))
    return 1 if len(found.failures()) else 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM interrupt as Ctrl-C does."""

    def interrupt(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = None
    with suppress(ValueError):  # not in the main thread: leave signals alone
        before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _interrupted(place: Path) -> int:
    from sim.errors import InputError
    from sim.sweeps import load_sweep

    done = "nothing is stored yet"
    with suppress(InputError):
        found = load_sweep(place)
        count, total = found.counts().get("done", 0), len(found)
        done = f"{count:,} of {total:,} runs are done; go on with --resume"
    print(f"\n{PROGRAM}: interrupted; {done}", file=sys.stderr)
    return INTERRUPTED


def _dry_run(told: argparse.Namespace, design: Any, place: Path) -> int:
    from sim.portable import processors
    from sim.sweeps import estimating
    from sim.sweeps.jobs import Tasks

    found = estimating.estimate(Tasks(design), place)
    workers = told.workers or processors()
    if told.json:
        print(json.dumps(found._asdict() | {"wall": found.wall(workers)}))
    else:
        print(_foreseen(design.name, found, workers))
    return 0


def _foreseen(name: str, found: Estimate, workers: int) -> str:
    done = f" ({found.done:,} done)" if found.done else ""
    wall = _duration(found.wall(workers))
    return "\n".join(
        [
            f"sweep    {name}: {found.runs:,} runs{done}",
            f"time     {wall} with {workers} workers; {found.seconds:.2f} s a run",
            f"disk     {_size(found.bytes)}",
            f"from     {found.source}",
        ]
    )


def _duration(seconds: float) -> str:
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    if seconds < 7200.0:
        return f"{seconds / 60.0:.0f} min"
    hours = seconds / 3600.0
    return f"{hours:.0f} h" if hours < 72.0 else f"{hours / 24.0:.0f} days"


def _size(count: int) -> str:
    size, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 1000.0 and len(units) > 1:
        size /= 1000.0
        del units[0]
    return f"{size:.3g} {units[0]}"


def _summary(found: Sweep, seconds: float) -> str:
    counts, failures = found.counts(), found.failures()
    lines = [
        f"sweep    {found.about['name']}: {counts.get('done', 0):,} of "
        f"{len(found):,} runs done, in {_duration(seconds)}"
    ]
    for reason, count in failures["reason"].value_counts().items():
        lines.append(f"failed   {count:,} {reason}")
    for row in failures.head(SHOWN).to_dict("records"):
        lines.append(
            f"         run {row['run'][:8]}, seed {row['seed']}, {row['stage']}: "
            f"{row['error']}"
        )
    if len(failures) > SHOWN:
        lines.append(f"         and {len(failures) - SHOWN:,} more")
    lines.append(f"table    sim.load_sweep({str(found.path)!r}).table()")
    return "\n".join(lines)


def _json(found: Sweep) -> str:
    failures = found.failures()["reason"].value_counts()
    counts = {name: int(count) for name, count in failures.items()}
    head = {"sweep": found.about["name"], "path": str(found.path), "runs": len(found)}
    return json.dumps({**head, **found.counts(), "failures": counts})


# -------------------------------------------------------------------------- compare


def add_compare(commands: Any) -> None:
    """Add ``os-society compare`` to the command line."""
    text = "Live the same luck with one thing changed, and compare."
    compare = add_command(commands, "compare", compare_scenarios, text)
    compare.add_argument("scenario", help="name of a scenario, or its TOML file")
    compare.add_argument("other", nargs="?", help="another one to compare with")
    compare.add_argument("--lever", metavar="NAME", help="a lever to pull instead")
    compare.add_argument("--at", metavar="DAY", type=positive, help="when to pull it")
    compare.add_argument("--seeds", metavar="N", type=positive, default=20, help="(20)")
    compare.add_argument("--humans", metavar="N", type=int, help="number of humans")
    compare.add_argument("--steps", metavar="N", type=int, help="days to run")
    compare.add_argument(
        "--outcomes", metavar="A,B", help="only these outcomes; all unless told"
    )
    compare.add_argument(
        "--workers", metavar="N", type=positive, help="processes (one a processor)"
    )
    compare.add_argument("--out", metavar="FILE", help="write the table as CSV, too")
    compare.add_argument("--json", action="store_true", help="print one JSON object")


def compare_scenarios(told: argparse.Namespace) -> int:
    """Print what one change does to a society, with intervals."""
    from sim import counterfactuals, files, scenarios
    from sim.errors import InputError
    from sim.portable import processors

    if (told.other is None) == (told.lever is None):
        raise InputError("compare with another scenario, or pull a --lever --at a day")
    size = {"humans": told.humans, "steps": told.steps}
    changes = {name: value for name, value in size.items() if value is not None}
    found = counterfactuals.counterfactual(
        scenarios.load(told.scenario).replace(**changes),
        told.other if told.lever is None else told.lever,
        at=told.at,
        seeds=told.seeds,
        outcomes=_asked(told.outcomes),
        workers=told.workers or processors(),
    )
    table = found.differences
    if told.out is not None:
        files.write_text(Path(told.out), table.to_csv(lineterminator="\n"))
    print(_compared_json(told, found) if told.json else _compared(told, found))
    return 0


def _asked(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",")]


def _compared(told: argparse.Namespace, found: Comparison) -> str:
    """Return the comparison as text: differences, then how far they went."""
    what = told.other if told.lever is None else f"{told.lever} on day {told.at}"
    lines = [
        f"{told.scenario} without and with {what}, {told.seeds} seeds",
        f"{'':<24} {'without':>9} {'with':>9}  {'difference':<30} narrower",
    ]
    for name, row in found.differences.iterrows():
        if not row["pairs"]:
            continue
        span = f"{row['difference']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"
        clear = "*" if row["low"] > 0.0 or row["high"] < 0.0 else " "
        ratio = "" if math.isnan(row["narrower"]) else f"{row['narrower']:.1f}x"
        lines.append(
            f"{name:<24} {row['without']:>9.4g} {row['with']:>9.4g} {clear}{span:<30} "
            f"{ratio}".rstrip()
        )
    days = [day for day in found.first_days.values() if day >= 0]
    first = f"day {min(days)} to {max(days)}" if days else "never"
    lines.append(f"\nthe same to the last bit until the first difference: {first}")
    lines += [_hop(row) for row in found.spread.reset_index().to_dict("records")]
    lines.append(
        "in brackets: 95 % intervals over pairs of equal luck; * zero is outside; "
        "narrower\nthan between runs of independent luck"
    )
    return "\n".join(lines)


def _hop(row: Any) -> str:
    where = f"{row['hops']} ties away" if row["hops"] >= 0 else "not connected"
    later = "" if math.isnan(row["delay"]) else f", {row['delay']:.0f} days later"
    return f"{where:<14} {row['share']:.0%} of {row['agents']:.0f} affected{later}"


def _compared_json(told: argparse.Namespace, found: Comparison) -> str:
    rows = found.differences.reset_index().to_dict("records")
    plain = [{str(n): _number(value) for n, value in row.items()} for row in rows]
    spread = found.spread.reset_index().to_dict("records")
    reached = [{str(n): _number(value) for n, value in row.items()} for row in spread]
    head = {"scenario": told.scenario, "other": told.other, "lever": told.lever}
    head |= {"at": told.at, "seeds": told.seeds}
    days = {str(seed): day for seed, day in found.first_days.items()}
    return json.dumps(
        {**head, "outcomes": plain, "first_days": days, "spread": reached}
    )


def _number(value: Any) -> Any:
    """Return a value that JSON can hold: no number becomes null."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
