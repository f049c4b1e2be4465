"""The command ``verify``."""

from __future__ import annotations

import argparse
from typing import Any

from sim.cli.arguments import (
    add_command,
    add_mechanisms,
    as_json,
    as_table,
    put_to_use,
)
from sim.cli.known import run_at


def add_verify(commands: Any) -> None:
    """Add ``os-society verify`` to the command line."""
    examples = ["latest", "results/sweeps/design", "talks.jsonl --json"]
    command = add_command(commands, "verify", verify_what_is_stored, examples)
    command.add_argument(
        "path", help="directory of a run, sweep or checkpoint, or file of a transcript"
    )
    add_mechanisms(command)


def verify_what_is_stored(args: argparse.Namespace) -> int:
    """Print a line for each artefact and each fault; return 0 if all is proved."""
    path = run_at(args.path, "run, sweep, checkpoint or transcript")
    from sim.studies.verify import verify

    put_to_use(args)
    found = verify(path)
    if args.json:
        told = [one._asdict() for one in found.findings]
        print(as_json({"proved": found.is_proved, "findings": told}, indent=2))
    else:
        rows = [(s, kind, f"{path}: {text}") for s, kind, path, text in found.findings]
        print(as_table("{:<8} {:<14} ", (), rows))
    return 0 if found.is_proved else 1
