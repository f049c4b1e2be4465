"""The commands ``events`` and ``calibrate``: what happened, and how far to trust it."""

from __future__ import annotations

import argparse
import json
import math
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.arguments import add_command, positive

if TYPE_CHECKING:
    import pandas as pd

    from sim.events.calibration import Calibration

WIDTH, KIND, WHO = 100, 17, 32  # columns of the table, of a kind, of who


def add_events(commands: Any) -> None:
    """Add ``os-society events`` to the command line."""
    text = "List the events of a stored run."
    command = add_command(commands, "events", list_events, text)
    command.add_argument("run", help="directory of the run")
    command.add_argument(
        "--kind", metavar="K", action="append", help="only these; may be given again"
    )
    again = "look for them again, with the detectors of this version"
    command.add_argument("--again", action="store_true", help=again)
    command.add_argument("--json", action="store_true", help="as JSON")


def add_calibrate(commands: Any) -> None:
    """Add ``os-society calibrate`` to the command line."""
    text = "Calibrate the detectors on societies in which nothing happens."
    command = add_command(commands, "calibrate", calibrate_detectors, text)
    command.add_argument(
        "--runs", metavar="N", type=positive, default=200, help="societies a null (200)"
    )
    command.add_argument(
        "--kind", metavar="K", action="append", help="only these; may be given again"
    )
    command.add_argument(
        "--workers", metavar="N", type=positive, default=2, help="processes (2)"
    )
    out = "file of thresholds; else that of this package is replaced"
    command.add_argument("--out", metavar="FILE", help=out)
    command.add_argument("--json", action="store_true", help="print one JSON object")


# --------------------------------------------------------------------------- events


def list_events(told: argparse.Namespace) -> int:
    """Print the events of a stored run, of all kinds or some."""
    from sim import results

    result = results.load(told.run)
    events = result.detect() if told.again else result.events
    if told.kind:
        kinds = [_known(kind, events) for kind in told.kind]
        events = events[events["kind"].isin(kinds)]
    if told.json:
        print(json.dumps(plain(events), indent=2))
    else:
        print(table_of(events))
    return 0


def _known(kind: str, events: pd.DataFrame) -> str:
    from sim.errors import InputError
    from sim.events import DETECTORS
    from sim.events.kinds import EVENTS, unknown

    if kind not in {*EVENTS, *DETECTORS, *events["kind"]}:
        raise InputError(unknown(kind))
    return kind


def plain(events: pd.DataFrame) -> list[dict[str, Any]]:
    """Return events ready for JSON: plain numbers, ``None`` for a missing one."""
    rows: list[dict[str, Any]] = []
    for event in events.to_dict("records"):
        row = {str(name): value for name, value in event.items()}
        row["members"] = [int(member) for member in event["members"]]
        row["p_value"] = None if math.isnan(row["p_value"]) else row["p_value"]
        rows.append(row)
    return rows


def table_of(events: pd.DataFrame, first_only: bool = False) -> str:
    """Return events as text, a row each.

    Parameters
    ----------
    events
        As ``Result.events``.
    first_only
        Whether to tell the first of each kind only, and how many more there are.
    """
    from sim.errors import legible
    from sim.events.kinds import EVENTS

    lines = [f"{'day':>5}  {'event':<{KIND}} {'who':<{WHO}} what"]
    counts = events["kind"].value_counts()
    shown = events.drop_duplicates("kind") if first_only else events
    for event in plain(shown):
        kind = event["kind"]
        start = f"{event['step']:>5}  {kind:<{KIND}} {event['who']:<{WHO}} "
        text = f"{EVENTS.get(kind, kind)} ({event['evidence']})"
        if first_only and kind != "intervention" and counts[kind] > 1:
            text += f"; the first of {counts[kind]}"
        indent = " " * (WHO + KIND + 9)
        folded = textwrap.fill(
            text, WIDTH, initial_indent=start, subsequent_indent=indent
        )
        lines.append(folded)
    if not len(events):
        lines.append("       nothing worth a name happened")
    return legible("\n".join(lines))


# ------------------------------------------------------------------------ calibrate


def calibrate_detectors(told: argparse.Namespace) -> int:
    """Calibrate, print the rates of false alarms, and store the thresholds.

    Returns 1 if a detector raises too many on some null, whatever its threshold.
    """
    from sim.events import calibration

    found = calibration.calibrate(
        told.runs,
        kinds=told.kind,
        workers=told.workers,
        progress=not told.json and sys.stderr.isatty(),
    )
    command = f"os-society calibrate --runs {told.runs}"
    command += "".join(f" --kind {kind}" for kind in told.kind or [])
    place = calibration.store(found, command, Path(told.out) if told.out else None)
    if told.json:
        print(json.dumps(calibration.document(found, command)))
    else:
        print(_rates(found))
        print(f"\nthresholds   {place}")
    worst = [found.worst(kind).bound for kind in found.chosen]
    return 0 if max(worst) <= calibration.MARK else 1


def _rates(found: Calibration) -> str:
    """Return the calibrated thresholds as text."""
    lines = [
        "false alarms per 1,000 steps on the worst null; 95 % upper bound in brackets",
        f"{'event':<{KIND}} threshold   false alarms     null",
    ]
    for kind, threshold in found.chosen.items():
        rate = found.worst(kind)
        seen = f"{rate.per_thousand:.3f} [{rate.bound:.3f}]"
        lines.append(f"{kind:<{KIND}} {threshold:>9g}   {seen:<16} {rate.null}")
    return "\n".join(lines)
