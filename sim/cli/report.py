"""The command ``report``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from sim.cli.arguments import add_command, as_json
from sim.cli.known import run_at
from sim.utils.errors import InputError

SUFFIXES = (".html", ".htm")


def add_report(commands: Any) -> None:
    """Add ``os-society report`` to the command line."""
    examples = ["latest", "latest --out her.html", "results/sweeps/design"]
    command = add_command(commands, "report", write_report, examples)
    what = "a run, as for show, or the directory of a sweep"
    command.add_argument("source", metavar="DIR", help=what)
    out = "file to write (NAME.html, here)"
    command.add_argument("--out", metavar="FILE", help=out)


def write_report(args: argparse.Namespace) -> int:
    """Write the report of a run or a sweep, whole or not at all."""
    source = run_at(args.source, "run or sweep")
    name = source.resolve().name or "report"
    place = Path(args.out if args.out is not None else f"{name}.html")
    if place.suffix.lower() not in SUFFIXES:
        raise InputError(f"cannot write {place}: a report is a file of .html")
    from sim import reports
    from sim.cli.plot import short
    from sim.utils.files import write_text

    write_text(place, reports.report(source))
    print(as_json({"report": str(place)}) if args.json else short(place))
    return 0
