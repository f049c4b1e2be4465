"""The command ``report``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from sim.cli.arguments import add_command

SUFFIXES = (".html", ".htm")


def add_report(commands: Any) -> None:
    """Add ``os-society report`` to the command line."""
    text = "Write a run or a sweep as one page of HTML, to read offline and to print."
    command = add_command(commands, "report", write_report, text)
    command.add_argument("source", metavar="DIR", help="directory of a run or a sweep")
    command.add_argument(
        "--out", metavar="FILE", required=True, help="file to write, as in report.html"
    )


def write_report(args: argparse.Namespace) -> int:
    """Write the report of a run or a sweep, whole or not at all."""
    from sim import reports
    from sim.cli.plot import short
    from sim.utils.errors import InputError
    from sim.utils.files import write_text

    place = Path(args.out)
    if place.suffix.lower() not in SUFFIXES:
        raise InputError(f"cannot write {place}: a report is a file of .html")
    write_text(place, reports.report(args.source))
    print(short(place))
    return 0
