"""The command line: parser, exit codes, and the commands it knows."""

from __future__ import annotations

import argparse
import functools
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sim.cli.arguments import PROGRAM, is_looked_at
from sim.cli.commands import Commands
from sim.cli.parsing import Parser
from sim.utils import stopping
from sim.utils.garbage import collect_rarely
from sim.utils.progress import PATIENCE, progress_shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    0 when all went well, 2 for wrong input or a machine that refuses (a full disk),
    1 for an error of ours, 130 when interrupted.
    """
    with suppress(ValueError):  # not in the main thread: leave signals alone
        stopping.listen()
    if arguments is None:
        collect_rarely()
    _open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    whole = parser()
    args = whole.parse_args(_asked_for_help(words), argparse.Namespace(whole=whole))
    try:
        with progress_shown(args.is_watched and is_looked_at(args), PATIENCE):
            code = int(args.do(args))
        print(end="", flush=True)  # a reader that stopped reading shows only now
        return code
    except BrokenPipeError:
        # Nobody reads on; nor shall Python try once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:
        if args.debug:
            traceback.print_exc()
        return _interrupted() if stopping.was_asked() else _complain(error)
    finally:
        stopping.forget()


def _asked_for_help(words: list[str]) -> list[str]:
    """Return ``run --help`` for ``help run``, whatever options stand before."""
    at = next((n for n, word in enumerate(words) if not word.startswith("-")), None)
    if at is None or words[at] != "help":
        return words
    asked = [word for word in words[at + 1 : at + 2] if word != "help"]
    return [*words[:at], *asked, "--help"]


def _open_streams() -> None:
    """Let standard output and error be there, and take any letter.

    Either may be closed, or of an encoding that lacks letters of names and paths.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, stream)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _interrupted() -> int:
    print(f"\n{PROGRAM}: interrupted; no partial run is left", file=sys.stderr)
    return 130


def _complain(error: Exception) -> int:
    from sim.utils.colour import painted
    from sim.utils.errors import InputError, legible

    word = painted("error:", "bad", sys.stderr)
    line = legible(" ".join(str(error).split()))
    if isinstance(error, MemoryError):
        line = f"there is not enough memory for this ({line}); take fewer humans"
        print(f"{PROGRAM}: {word} {line}", file=sys.stderr)
        return 2
    if isinstance(error, InputError | OSError):
        print(f"{PROGRAM}: {word} {line}", file=sys.stderr)
        return 2
    kind = type(error).__name__
    hint = "add --debug for the details"
    print(f"{PROGRAM}: internal {word} {kind}: {line}; {hint}", file=sys.stderr)
    return 1


# -------------------------------------------------------------------------- options


@functools.cache
def parser() -> Parser:
    """Return the parser of the whole command line: always the same."""
    about = "A society of people and AIs that grow."
    first = f"to begin with:\n  {PROGRAM} run her\n  {PROGRAM} open latest"
    top = Parser(
        prog=PROGRAM,
        description=about,
        epilog=f"{first}\n  {PROGRAM} run --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--debug", action="store_true", help="show tracebacks")
    top.add_argument("--version", action=_Version, nargs=0, help="show the version")
    top.add_subparsers(
        action=Commands, required=True, metavar="COMMAND", dest="command"
    )
    return top


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from sim import __version__

        print(f"{PROGRAM} {__version__}")
        parser.exit()
