"""Shared parts of commands: options, numbers, tables."""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

PROGRAM = "os-society"


WIDTH = 100  # letters of a line of a table that is read by a program
NARROW, WIDE = 60, 140  # letters of one that is read in a terminal


def width() -> int:
    """Return how many letters a line of a table has: as many as a terminal shows."""
    if sys.stdout is None or not sys.stdout.isatty():
        return WIDTH
    return min(max(shutil.get_terminal_size((WIDTH, 24)).columns, NARROW), WIDE)


RUN = "directory of a run, a part of its name under results/runs, or latest"


class _Help(argparse.HelpFormatter):
    """Help in which the lines of examples stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return text
        return super()._fill_text(text, width, indent)


def add_command(
    commands: Any,
    name: str,
    do: Callable[[argparse.Namespace], int],
    examples: Sequence[str] = (),
    *,
    has_json: bool = True,
    is_watched: bool = True,
) -> argparse.ArgumentParser:
    """Make the parser of a command that does ``do``, and return it.

    Parameters
    ----------
    commands
        What ``add_subparsers`` returned.
    name
        Of the command.
    do
        Takes what was given; returns the exit code.
    examples
        Arguments after its name, as ``"her --seed 7"``.
    has_json
        Whether it can print JSON.
    is_watched
        Whether a line says how far it is.
    """
    shown = "\n".join(f"  {PROGRAM} {name} {one}".rstrip() for one in examples)
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        epilog=f"examples:\n{shown}" if examples else None,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    command.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,  # or it would undo a --debug before the command
        help="show tracebacks",
    )
    command.add_argument(
        "--quiet", action="store_true", help="no progress, no notes, only what was made"
    )
    if has_json:
        command.add_argument("--json", action="store_true", help="print JSON only")
    command.set_defaults(do=do, is_watched=is_watched)
    return command


def is_looked_at(args: argparse.Namespace) -> bool:
    """Tell whether somebody at a terminal may want to know how far it is."""
    serves = getattr(args, "view", "") == "view"  # a page, until it is ended
    return not is_silent(args) and not serves and sys.stderr.isatty()


def is_silent(args: argparse.Namespace) -> bool:
    """Tell whether nothing is to be said but what was asked for."""
    return any(getattr(args, name, False) for name in ("quiet", "json"))


# ---------------------------------------------------------------------------- options


def add_run_argument(command: argparse.ArgumentParser, text: str = "") -> None:
    """Add the argument of which stored run a command is about."""
    command.add_argument("run", help=text or RUN)


def add_size(command: argparse.ArgumentParser) -> None:
    """Add the options that change how many humans there are, and days."""
    command.add_argument("--humans", metavar="N", type=whole, help="number of humans")
    command.add_argument("--steps", metavar="N", type=whole, help="days to run")


def size_of(args: argparse.Namespace) -> dict[str, int]:
    """Return the parameters that ``add_size`` was given, by name."""
    asked = {"humans": args.humans, "steps": args.steps}
    return {name: value for name, value in asked.items() if value is not None}


def add_mechanisms(command: argparse.ArgumentParser) -> None:
    """Add the option that puts mechanisms of a user's own to use."""
    command.add_argument(
        "--mechanism",
        metavar="FILE.py",
        action="append",
        default=[],
        dest="own",
        help="use one of your own (FILE.py:NAME if there are several), or one that is "
        "installed by its name; the file is run; may be given again",
    )


def put_to_use(args: argparse.Namespace) -> list[str]:
    """Put the mechanisms to use that ``add_mechanisms`` was given; return their names.

    Before a scenario is read, which may name them.
    """
    if not args.own:
        return []
    from sim.mechanisms import use

    return [use(one).name for one in args.own]


def add_until(command: argparse.ArgumentParser) -> None:
    """Add the option of what ends a run before its days are over."""
    command.add_argument(
        "--until",
        metavar="RULE",
        help="end a run sooner: a measure, as in 'adopted > 0.9', or a function of "
        "yours, FILE.py:NAME; the file is run",
    )


def until_of(args: argparse.Namespace) -> Any:
    """Return the stopping rule that is given: a condition, or where a function is."""
    if args.until is None:
        return None
    words = re.fullmatch(r"\s*(\w+)\s*([<>])\s*([-+.\w]+)\s*", args.until)
    if words is None:
        return args.until
    from sim.utils.errors import InputError

    try:
        level = float(words[3])
    except ValueError:
        raise InputError(f"--until: {words[3]!r} is no number") from None
    return {"measure": words[1], "above" if words[2] == ">" else "below": level}


def add_functions(command: argparse.ArgumentParser) -> None:
    """Add the option of outcomes of a user's own."""
    command.add_argument(
        "--function",
        metavar="FILE.py:NAME",
        action="append",
        default=[],
        dest="functions",
        help="an outcome of your own, called NAME; the file is run; may be given again",
    )


def functions_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the outcomes of a user's own that are given, by name."""
    if not args.functions:
        return {}
    from sim.utils.importable import from_file

    found = [from_file("--function", text) for text in args.functions]
    return {one.__name__: one for one in found}


def add_workers(command: argparse.ArgumentParser) -> None:
    """Add the option of how many processes to run in."""
    command.add_argument(
        "--workers", metavar="N", type=processes, help="processes (one a processor)"
    )


def workers_of(args: argparse.Namespace) -> int:
    """Return how many processes to run in: as asked, or one a processor."""
    from sim.utils.portable import processors

    return args.workers or processors()


def names_of(text: str | None) -> list[str] | None:
    """Return names that were given with commas between them; None if none were."""
    return None if text is None else [name.strip() for name in text.split(",")]


def whole(text: str) -> int:
    """Return a whole number."""
    return _from(text, None)


def natural(text: str) -> int:
    """Return a whole number from 0."""
    return _from(text, 0)


def positive(text: str) -> int:
    """Return a whole number from 1."""
    return _from(text, 1)


def processes(text: str) -> int:
    """Return how many processes to run in, from 1 to 1,000."""
    return _from(text, 1, 1000)


def port(text: str) -> int:
    """Return the number of a port, or 0 for any free one."""
    return _from(text, 0, 65535)


def _from(text: str, least: int | None, most: int | None = None) -> int:
    asked = "a whole number" if least is None else f"a whole number from {least}"
    asked += "" if most is None else f" to {most}"
    try:
        found = int(text)
    except ValueError:
        found = None
    if (
        found is None
        or (least is not None and found < least)
        or (most is not None and found > most)
    ):
        raise argparse.ArgumentTypeError(f"takes {asked}, not {text!r}")
    return found


# --------------------------------------------------------------------------- printing


def as_json(value: Any, indent: int | None = None) -> str:
    """Return JSON of numbers, texts, lists and dictionaries, NumPy's among them.

    What is no finite number becomes null.
    """
    return json.dumps(_plain(value), indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if hasattr(value, "tolist"):  # of NumPy
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_table(
    layout: str,
    heads: Sequence[object],
    rows: Iterable[Sequence[object]],
    fold: bool = False,
) -> str:
    """Return a table as text, a line a row, that no terminal obeys.

    Parameters
    ----------
    layout
        Format of all cells but the last, as in ``"{:<20} {:>9} "``; the last is as
        long as it is.
    heads
        Of the columns; none of them begins without a line of heads.
    rows
        Their cells.
    fold
        Whether the last cell goes on in further lines, below its first.
    """
    from sim.utils.colour import painted
    from sim.utils.errors import legible

    lines = []
    for *cells, last in [heads, *rows] if heads else rows:
        start = layout.format(*cells)
        if fold:
            lines.append(folded(start, str(last), len(start)))
        else:
            lines.append(f"{start}{last}".rstrip())
    first, *others = [legible(line) for line in lines] or [""]
    return "\n".join([painted(first, "strong") if heads else first, *others])


def interval(low: float, high: float) -> str:
    """Return the ends of an interval in brackets, or that there is none."""
    if math.isnan(low) or math.isnan(high):
        return "[no interval]"
    return f"[{low:.3g}, {high:.3g}]"


def folded(start: str, text: str, indent: int) -> str:
    """Return a text that goes on below itself, with a start before its first line."""
    lines = textwrap.fill(
        text, width(), initial_indent=start, subsequent_indent=" " * indent
    )
    return lines or start.rstrip()  # nothing folds to no line, its start left out


def add_threads(command: argparse.ArgumentParser) -> None:
    """Add ``--threads``."""
    add = command.add_argument
    add("--threads", metavar="N", type=whole, default=1, help="threads (1)")
