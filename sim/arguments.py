"""What all commands share: how one is added, and how a number is read."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def add_command(
    commands: Any, name: str, do: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """Add a command that does ``do``, and return its parser.

    Parameters
    ----------
    commands
        What ``add_subparsers`` returned.
    name
        Of the command.
    do
        Takes what was given; returns the exit code.
    text
        What the command is for, in a line.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, allow_abbrev=False
    )
    command.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,  # or it would undo a --debug before the command
        help="show tracebacks",
    )
    command.set_defaults(do=do)
    return command


def positive(text: str) -> int:
    """Return a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number from 1, not {text!r}")
    return int(text)
