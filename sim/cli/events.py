"""The commands ``events`` and ``calibrate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import (
    add_command,
    add_mechanisms,
    add_run_argument,
    as_json,
    as_table,
    positive,
    processes,
    put_to_use,
)
from sim.cli.known import run_at
from sim.cli.warming import compile_first
from sim.utils.progress import is_shown

if TYPE_CHECKING:
    import pandas as pd

    from sim.events.calibration import Calibration


KIND, WHO = 17, 32  # letters of a kind, of who


def add_events(commands: Any) -> None:
    """Add ``os-society events`` to the command line."""
    examples = ["latest", "latest --kind first_love", "her-0 --again --json"]
    command = add_command(commands, "events", list_events, examples)
    add_run_argument(command)
    command.add_argument(
        "--kind", metavar="K", action="append", help="only these; may be given again"
    )
    again = "look for them again, with the detectors of this version"
    command.add_argument("--again", action="store_true", help=again)
    add_mechanisms(command)


def add_calibrate(commands: Any) -> None:
    """Add ``os-society calibrate`` to the command line."""
    examples = ["--runs 20 --kind clustering --out mine.json"]
    command = add_command(commands, "calibrate", calibrate_detectors, examples)
    runs = "societies to run of each null model (200)"
    command.add_argument("--runs", metavar="N", type=positive, default=200, help=runs)
    command.add_argument(
        "--kind", metavar="K", action="append", help="only these; may be given again"
    )
    command.add_argument(
        "--workers", metavar="N", type=processes, default=2, help="processes (2)"
    )
    command.add_argument(
        "--out",
        metavar="FILE",
        default="thresholds.json",
        help="file of thresholds to write (thresholds.json)",
    )


# --------------------------------------------------------------------------- events


def list_events(args: argparse.Namespace) -> int:
    """Print the events of a stored run, of all kinds or some."""
    path = run_at(args.run)
    if not args.own:
        for kind in args.kind or ():
            _check_shipped(kind, path)
    from sim.runs.result import load

    put_to_use(args)
    result = load(path)
    events = result.detect(_sought(args.kind)) if args.again else result.events
    if args.kind:
        kinds = [_known(kind, events) for kind in args.kind]
        events = events[events["kind"].isin(kinds)]
    if args.json:
        print(as_json(records(events), indent=2))
    else:
        print(table_of(events))
    return 0


def _sought(kinds: list[str] | None) -> list[str] | None:
    """Return the kinds to look for again: None, all, if one has no detector here."""
    from sim.events.detectors import DETECTORS

    return kinds if kinds and set(kinds) <= DETECTORS.keys() else None


def _check_shipped(kind: str, path: Path) -> None:
    """Refuse a kind that nobody detects before what is heavy is loaded.

    A run that mechanisms are part of may have kinds of its own.
    """
    from sim.events.kinds import EVENTS, unknown
    from sim.utils.errors import InputError

    if kind not in EVENTS and not (path / "mechanisms").is_dir():
        raise InputError(unknown(kind))


def _known(kind: str, events: pd.DataFrame) -> str:
    from sim.events.detectors import DETECTORS
    from sim.events.kinds import EVENTS, unknown
    from sim.utils.errors import InputError

    if kind not in {*EVENTS, *DETECTORS, *events["kind"]}:
        raise InputError(unknown(kind))
    return kind


def records(events: pd.DataFrame) -> list[dict[str, Any]]:
    """Return events as dictionaries."""
    rows = events.to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def table_of(events: pd.DataFrame, first_only: bool = False) -> str:
    """Return events as text, a row each.

    Parameters
    ----------
    events
        As ``Result.events``.
    first_only
        Whether to tell the first of each kind only, and how many more there are.
    """
    from sim.events.kinds import EVENTS

    counts = events["kind"].value_counts()
    rows = []
    for event in records(events.drop_duplicates("kind") if first_only else events):
        kind = event["kind"]
        text = f"{EVENTS.get(kind, kind)} ({event['evidence']})"
        if first_only and kind != "intervention" and counts[kind] > 1:
            text += f"; the first of {counts[kind]}"
        rows.append((event["step"], kind, event["who"], text))
    heads = ("day", "event", "who", "what")
    table = as_table(f"{{:>5}}  {{:<{KIND}}} {{:<{WHO}}} ", heads, rows, fold=True)
    return table if rows else f"{table}\n       nothing worth a name happened"


# ------------------------------------------------------------------------ calibrate


def calibrate_detectors(args: argparse.Namespace) -> int:
    """Calibrate, print the rates of false alarms, and store the thresholds.

    Returns 1 if a detector raises too many on some null, whatever its threshold.
    """
    from sim.events import calibration

    compile_first(args.workers)
    found = calibration.calibrate(
        args.runs,
        kinds=args.kind,
        workers=args.workers,
        progress=is_shown(),
    )
    command = f"os-society calibrate --runs {args.runs}"
    command += "".join(f" --kind {kind}" for kind in args.kind or [])
    place = calibration.store(found, command, Path(args.out))
    if args.json:
        print(as_json(calibration.document(found, command)))
    else:
        print(_rates(found))
        print(f"\nthresholds   {place}")
    worst = [found.worst(kind).bound for kind in found.chosen]
    return 0 if max(worst) <= calibration.MARK else 1


def _rates(found: Calibration) -> str:
    """Return the calibrated thresholds as text."""
    title = "false alarms per 1,000 steps on the worst null; 95 % upper bound in"
    rows = []
    for kind, threshold in found.chosen.items():
        rate = found.worst(kind)
        seen = f"{rate.per_thousand:.3f} [{rate.bound:.3f}]"
        rows.append((kind, f"{threshold:g}", seen, rate.null))
    heads = ("event", "threshold", "false alarms", "null")
    table = as_table(f"{{:<{KIND}}} {{:>9}}   {{:<16}} ", heads, rows)
    return f"{title} brackets\n{table}"
