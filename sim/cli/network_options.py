"""The command line's options for a network file, and the line of what was read."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.model.network_files.network_file import NetworkFile


_ANSWERS = {"yes": True, "no": False}
# Options of ``NetworkFile`` by what the command line calls them.
_OPTIONS = {
    "columns": "--network-columns",
    "format": "--network-format",
    "separator": "--network-separator",
    "header": "--network-header",
    "closeness_from": "--closeness-from",
    "scale": "--scale",
    "people": "--people",
    "person": "--person-column",
}


def add_network_options(command: argparse.ArgumentParser) -> None:
    """Add the options of who knows whom on day 0."""
    command.add_argument("--network", metavar="FILE", help="who knows whom on day 0")
    command.add_argument(
        "--network-columns",
        metavar="ONE,OTHER",
        help="columns of a tie's two people, by name or number, as in from,to or 2,3",
    )
    command.add_argument(
        "--network-format",
        metavar="FORMAT",
        help="edges, matrix, adjacency, json, graphml, gexf, gml, pajek, matrixmarket",
    )
    command.add_argument(
        "--network-separator",
        metavar="MARK",
        help="comma, semicolon, tab, pipe or blank",
    )
    command.add_argument(
        "--network-header",
        choices=tuple(_ANSWERS),
        help="whether the first line names the columns",
    )
    command.add_argument(
        "--closeness-from",
        metavar="COLUMN",
        help="column or attribute of ties that says how close they are; none: no one",
    )
    command.add_argument(
        "--scale",
        metavar="SCALE",
        help="how its values become 0 to 1: none, max, minmax, rank or log",
    )
    command.add_argument(
        "--people", metavar="FILE", help="a table of what is known of the people"
    )
    command.add_argument(
        "--person-column",
        metavar="COLUMN",
        help="its column that says who they are, as the ties name them",
    )


def network_file(args: argparse.Namespace) -> NetworkFile | None:
    """Return the network file that is given, and how to read it.

    Raises
    ------
    InputError
        If an option has no such value, or there is no file that it is for.
    """
    from sim.model.network_files.network_file import NetworkFile
    from sim.utils.errors import InputError

    given = {
        name: getattr(args, option.removeprefix("--").replace("-", "_"))
        for name, option in _OPTIONS.items()
    }
    if args.network is None:
        for name, value in given.items():
            if value is not None:
                raise InputError(f"{_OPTIONS[name]} goes with --network FILE")
        return None
    if given["header"] is not None:
        given["header"] = _ANSWERS[given["header"]]
    return NetworkFile(args.network, **given)


@contextmanager
def network_shown() -> Iterator[None]:
    """Within, print what a network file was taken for as soon as it is read."""
    from sim.model.network_files import LOG

    shown = _Lines()
    level = LOG.level
    LOG.addHandler(shown)
    LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOG.removeHandler(shown)
        LOG.setLevel(level)


class _Lines(logging.Handler):
    """Print each message once."""

    def __init__(self) -> None:
        super().__init__()
        self.printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message to standard error."""
        line = record.getMessage()
        if line not in self.printed:
            self.printed.add(line)
            print(f"network  {line}", file=sys.stderr, flush=True)
