"""The commands ``sweep`` and ``compare``."""

from __future__ import annotations

import argparse
import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sim.cli.arguments import (
    add_command,
    add_functions,
    add_mechanisms,
    add_size,
    add_until,
    add_workers,
    as_json,
    as_table,
    functions_of,
    interval,
    names_of,
    natural,
    positive,
    put_to_use,
    size_of,
    until_of,
    workers_of,
)
from sim.cli.known import check_scenario
from sim.cli.warming import compile_first
from sim.utils.progress import is_shown
from sim.utils.stopping import stop_signals

if TYPE_CHECKING:
    from sim.studies.counterfactual import Comparison
    from sim.studies.design import Design
    from sim.studies.sweeps import Sweep, SweepEstimate


PROGRAM = "os-society"
SHOWN = 5  # failed runs that are listed one by one
INTERRUPTED = 130


def add_sweep(commands: Any) -> None:
    """Add ``os-society sweep`` to the command line."""
    examples = [
        "design.toml --workers 4",
        "design.toml --dry-run",
        "design.toml --resume",
    ]
    sweep = add_command(commands, "sweep", run_sweep, examples)
    sweep.add_argument("design", help="TOML file of the design")
    sweep.add_argument("--out", metavar="DIR", help="folder (results/sweeps/NAME)")
    add_mechanisms(sweep)
    add_functions(sweep)
    add_until(sweep)
    add_workers(sweep)
    sweep.add_argument(
        "--cluster", metavar="ADDRESS", help="a Dask scheduler's address"
    )
    sweep.add_argument(
        "--allow-model",
        metavar="HOST",
        action="append",
        default=[],
        help="let the design ask a model there, with your key; may be given again",
    )
    sweep.add_argument(
        "--insecure",
        action="store_true",
        help="allow tcp:// and http:// to another machine",
    )
    sweep.add_argument(
        "--resume", action="store_true", help="continue; run what failed or is damaged"
    )
    sweep.add_argument(
        "--allow-other-versions",
        action="store_true",
        help="continue with another Python or other libraries; the ledger says so",
    )
    sweep.add_argument(
        "--dry-run", action="store_true", help="print what it will take, and stop"
    )
    sweep.add_argument(
        "--time-limit", metavar="S", type=float, default=3600.0, help="a run (3600)"
    )
    sweep.add_argument(
        "--memory-limit", metavar="MB", type=natural, default=0, help="a run (none)"
    )
    sweep.add_argument(
        "--yes", action="store_true", help="run though memory may not suffice"
    )


# ---------------------------------------------------------------------------- sweep


def run_sweep(args: argparse.Namespace) -> int:
    """Run a sweep; return 1 if a run failed, 130 if it was interrupted."""
    from sim.scenarios.outcomes import known_for_now
    from sim.studies import executors, sweeps
    from sim.studies.design import read

    own, functions = put_to_use(args), functions_of(args)
    with known_for_now(functions):
        design = read(args.design, own)
    place = Path(args.out) if args.out is not None else sweeps.SWEEPS / design.name
    if args.cluster is not None:
        executors.check(args.cluster, args.insecure)
    if args.dry_run:
        return _dry_run(args, design, place)
    if args.cluster is None and not args.yes:
        _check_memory(design, workers_of(args))
    if args.cluster is None:
        compile_first(workers_of(args))
    began = time.monotonic()
    engine: Any = nullcontext()
    if args.cluster is not None:
        engine = executors.connect(args.cluster, args.insecure)
    try:
        with _interruptible(), engine as executor:
            found = sweeps.sweep(
                design,
                executor,
                out=place,
                resume=args.resume,
                functions=functions,
                until=until_of(args),
                allow_model=args.allow_model,
                insecure=args.insecure,
                allow_other_versions=args.allow_other_versions,
                workers=args.workers,
                time_limit=args.time_limit,
                memory_limit=args.memory_limit,
                progress=is_shown(),
                tell=lambda line: print(f"{PROGRAM}: {line}", file=sys.stderr),
            )
    except KeyboardInterrupt:
        return _interrupted(place)
    print(_json(found) if args.json else _summary(found, time.monotonic() - began))
    return 1 if len(found.failures()) else 0


def _check_memory(design: Design, workers: int) -> None:
    """Raise InputError if as many of the largest runs may not fit into memory."""
    from sim.model.parameters import Parameters
    from sim.runs.foresight import check_memory

    largest = Parameters(humans=design.most("humans"), ties=design.most("ties"))
    check_memory(largest, workers)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM, and a closed terminal, interrupt as Ctrl-C does."""

    def interrupt(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = {}
    with suppress(ValueError):  # not in the main thread: leave signals alone
        for number in stop_signals():
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted(place: Path) -> int:
    from sim.studies.sweeps import load_sweep
    from sim.utils.errors import InputError

    done = "nothing is stored yet"
    with suppress(InputError):
        found = load_sweep(place)
        count, total = found.counts().get("done", 0), len(found)
        done = f"{count:,} of {total:,} runs are done; continue with --resume"
    print(f"\n{PROGRAM}: interrupted; {done}", file=sys.stderr)
    return INTERRUPTED


def _dry_run(args: argparse.Namespace, design: Any, place: Path) -> int:
    from sim.studies import sweeps
    from sim.studies.job import Tasks

    tasks = Tasks(design, functions_of(args), until_of(args))
    found = sweeps.estimate(tasks, place)
    workers = workers_of(args)
    if args.json:
        print(as_json(found._asdict() | {"wall": found.wall(workers)}))
    else:
        print(_foreseen(design.name, found, workers))
    return 0


def _foreseen(name: str, found: SweepEstimate, workers: int) -> str:
    done = f" ({found.done:,} done)" if found.done else ""
    wall = _duration(found.wall(workers))
    asked = [f"asks     about {found.requests:,} requests"] if found.requests else []
    return "\n".join(
        [
            f"sweep    {name}: {found.runs:,} runs{done}",
            f"time     {wall} with {workers} workers; {found.seconds:.2f} s a run",
            f"disk     {_size(found.bytes)}",
            *asked,
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
    from sim.utils.errors import legible

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
    return legible("\n".join(lines))


def _json(found: Sweep) -> str:
    failures = found.failures()["reason"].value_counts()
    counts = {name: int(count) for name, count in failures.items()}
    head = {"sweep": found.about["name"], "path": str(found.path), "runs": len(found)}
    asked = {"endpoints": endpoints} if (endpoints := found.endpoints()) else {}
    return as_json({**head, **found.counts(), "failures": counts, **asked})


# -------------------------------------------------------------------------- compare


def add_compare(commands: Any) -> None:
    """Add ``os-society compare`` to the command line."""
    examples = ["her --lever human_contact --at 200", "her her-no-peers --humans 300"]
    compare = add_command(commands, "compare", compare_scenarios, examples)
    compare.add_argument("scenario", help="name of a scenario, or its TOML file")
    compare.add_argument("other", nargs="?", help="another one to compare with")
    compare.add_argument("--lever", metavar="NAME", help="an intervention by name")
    compare.add_argument(
        "--twin",
        action="store_true",
        help="compare with the same society in which nobody ever has an OS",
    )
    compare.add_argument("--at", metavar="DAY", type=positive, help="the day it begins")
    seeds = "pairs, each with a seed of its own (20)"
    compare.add_argument("--seeds", metavar="N", type=positive, default=20, help=seeds)
    add_size(compare)
    add_mechanisms(compare)
    add_functions(compare)
    compare.add_argument(
        "--outcomes", metavar="A,B", help="only these outcomes; all unless given"
    )
    add_workers(compare)
    compare.add_argument("--out", metavar="FILE", help="write the table as CSV, too")


def compare_scenarios(args: argparse.Namespace) -> int:
    """Print what one change does to a society, with intervals."""
    check_scenario(args.scenario)
    from sim import scenarios
    from sim.scenarios.outcomes import known_for_now, meaning
    from sim.utils import files
    from sim.utils.errors import InputError

    if (args.other is not None) + (args.lever is not None) + args.twin != 1:
        raise InputError(
            "compare with another scenario, with a --lever --at a day, or with --twin"
        )
    own, functions = put_to_use(args), functions_of(args)
    with known_for_now(functions):
        scenario = scenarios.load(args.scenario).use(*own).replace(**size_of(args))
        for name in names_of(args.outcomes) or ():
            meaning(name)  # refuses what is unknown
    _check_change(args)
    from sim.studies import counterfactual

    compile_first(workers_of(args))
    change: Any = args.other if args.lever is None else args.lever
    found = counterfactual.counterfactual(
        scenario.without_oses() if args.twin else scenario,
        scenario if args.twin else change,
        at=args.at,
        seeds=args.seeds,
        outcomes=names_of(args.outcomes),
        functions=functions,
        workers=workers_of(args),
    )
    table = found.differences
    if args.out is not None:
        files.write_text(Path(args.out), table.to_csv(lineterminator="\n"))
    print(_compared_json(args, found) if args.json else _compared(args, found))
    return 0


def _check_change(args: argparse.Namespace) -> None:
    """Refuse a lever or a scenario that there is not, before studies are loaded."""
    from sim.scenarios.interventions import LEVERS, unknown_lever

    if args.other is not None:
        check_scenario(args.other)
    elif not args.twin and args.lever not in LEVERS:
        raise unknown_lever(args.lever)


def _compared(args: argparse.Namespace, found: Comparison) -> str:
    """Return the comparison as text: differences, then how far they went."""
    from sim.utils.stats import doubt

    what = args.other if args.lever is None else f"{args.lever} on day {args.at}"
    what = "OSes" if args.twin else what
    title = f"{args.scenario} without and with {what}, {args.seeds} seeds"
    heads = ("", "without", "with", " difference", "narrower")
    rows = [
        (str(name), *_difference(row))
        for name, row in found.differences.iterrows()
        if row["pairs"]
    ]
    lines = [title, as_table("{:<24} {:>9} {:>9} {:<31} ", heads, rows)]
    days = [day for day in found.first_days.values() if day >= 0]
    first = f"day {min(days)} to {max(days)}" if days else "never"
    lines.append(f"\nthe same to the last bit until the first difference: {first}")
    lines += [_hop(row) for row in found.spread.reset_index().to_dict("records")]
    lines.append(
        "in brackets: 95 % intervals over pairs with the same random numbers; * zero "
        "is\noutside; narrower than between runs with independent ones"
    )
    if says := doubt(args.seeds):
        lines.append(says)
    return "\n".join(lines)


def _difference(row: Any) -> tuple[str, str, str, str]:
    """Return both means, their difference with a star if clear, how much narrower."""
    clear = "*" if row["low"] > 0.0 or row["high"] < 0.0 else " "
    span = f"{row['difference']:.3g} {interval(row['low'], row['high'])}"
    ratio = "" if math.isnan(row["narrower"]) else f"{row['narrower']:.1f}x"
    means = f"{row['without']:.4g}", f"{row['with']:.4g}"
    return *means, f"{clear}{span}", ratio


def _hop(row: Any) -> str:
    where = f"{row['hops']} ties away" if row["hops"] >= 0 else "not connected"
    later = "" if math.isnan(row["delay"]) else f", {row['delay']:.0f} days later"
    return f"{where:<14} {row['share']:.0%} of {row['agents']:.0f} affected{later}"


def _compared_json(args: argparse.Namespace, found: Comparison) -> str:
    outcomes = found.differences.reset_index().to_dict("records")
    spread = found.spread.reset_index().to_dict("records")
    head = {"scenario": args.scenario, "other": args.other, "lever": args.lever}
    head |= {"twin": args.twin, "at": args.at, "seeds": args.seeds}
    found_days = {"first_days": found.first_days, "spread": spread}
    return as_json({**head, "outcomes": outcomes, **found_days})
