"""The command line: ``os-society run her`` and its companions."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from sim.arguments import (
    add_command,
    add_size,
    as_json,
    as_table,
    folded,
    size_of,
    whole,
)
from sim.commands import add_ablate, add_check
from sim.drawing import add_export, add_plot, draw_after_run, short
from sim.reporting import add_report
from sim.serving import add_app
from sim.speaking import (
    add_mind_options,
    add_serve_model,
    add_talk,
    add_transcript,
    mind_options,
    summary_of,
    tell_estimate,
)
from sim.sweeping import add_compare, add_sweep
from sim.watching import add_calibrate, add_events, records, table_of

if TYPE_CHECKING:
    from sim.results import Result
    from sim.scenarios import Scenario

PROGRAM = "os-society"


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        self.exit(2, f"{PROGRAM}: error: {message} (see '{self.prog} --help')\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    0 when all went well, 2 for wrong input or a machine that refuses (a full disk),
    1 for an error of ours, 130 when interrupted.
    """
    with suppress(ValueError):  # not in the main thread: leave signals alone
        signal.signal(signal.SIGTERM, _terminated)
    args = parser().parse_args(arguments)
    try:
        code = int(args.do(args))
        print(end="", flush=True)  # a reader that stopped reading shows only now
        return code
    except BrokenPipeError:
        # Nobody reads on; nor shall Python try once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"\n{PROGRAM}: interrupted; no partial run is left", file=sys.stderr)
        return 130
    except Exception as error:
        if args.debug:
            traceback.print_exc()
        return _complain(error)


def _terminated(*_: Any) -> NoReturn:
    """Leave through every ``with`` block, so that no partial run stays."""
    raise SystemExit(128 + signal.SIGTERM)


def _complain(error: Exception) -> int:
    from sim.errors import InputError, legible

    line = legible(" ".join(str(error).split()))
    if isinstance(error, InputError | OSError):
        print(f"{PROGRAM}: error: {line}", file=sys.stderr)
        return 2
    kind = type(error).__name__
    hint = "add --debug for the details"
    print(f"{PROGRAM}: internal error: {kind}: {line}; {hint}", file=sys.stderr)
    return 1


# -------------------------------------------------------------------------- options


def parser() -> Parser:
    """Return the parser of the whole command line."""
    about = "A society of people and AIs that grow."
    top = Parser(prog=PROGRAM, description=about, allow_abbrev=False)
    top.add_argument("--debug", action="store_true", help="show tracebacks")
    top.add_argument("--version", action=_Version, nargs=0, help="show the version")
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    judging, speaking = (add_check, add_ablate), (add_transcript, add_talk)
    many = (add_sweep, add_compare)
    listing = (_add_scenarios, _add_parameters)
    running = (_add_run, _add_resume)
    talking = (*speaking, add_serve_model)
    seeing = (add_events, add_plot, add_export, add_report, add_app)
    for add in (*running, *judging, *many, *listing, *seeing, *talking, add_calibrate):
        add(commands)
    return top


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from sim import __version__

        print(f"{PROGRAM} {__version__}")
        parser.exit()


def _add_run(commands: Any) -> None:
    run = add_command(commands, "run", run_scenario, "Run a scenario and keep the run.")
    run.add_argument("scenario", help="name of a scenario, or its TOML file")
    add_size(run)
    run.add_argument(
        "--seed", metavar="S", type=whole, default=0, help="random seed (0)"
    )
    run.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="change a parameter; may be given again",
    )
    run.add_argument("--network", metavar="FILE", help="who knows whom on day 0")
    run.add_argument("--out", metavar="DIR", help="where to write the run")
    run.add_argument("--force", action="store_true", help="replace a run at --out")
    _add_threads(run)
    snapshots = "days between snapshots (30)"
    run.add_argument(
        "--snapshot-every", metavar="N", type=whole, default=30, help=snapshots
    )
    run.add_argument(
        "--checkpoint-every",
        metavar="N",
        type=whole,
        default=0,
        help="days between checkpoints, to resume a run or fork it (0: none)",
    )
    run.add_argument("--no-figures", action="store_true", help="draw no figures")
    run.add_argument("--json", action="store_true", help="print one JSON object only")
    add_mind_options(run)


def _add_threads(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--threads", metavar="N", type=whole, default=1, help="threads (1)")


def _add_resume(commands: Any) -> None:
    text = "Go on with a run that was cut short, from its last checkpoint."
    resume = add_command(commands, "resume", resume_run, text)
    resume.add_argument("run", help="directory that the run was to be written to")
    _add_threads(resume)
    resume.add_argument("--no-figures", action="store_true", help="draw no figures")
    resume.add_argument("--json", action="store_true", help="print one JSON object")


def _add_scenarios(commands: Any) -> None:
    add_command(commands, "scenarios", list_scenarios, "List the scenarios.")


def _add_parameters(commands: Any) -> None:
    command = add_command(
        commands, "parameters", list_parameters, "List parameters, ranges, sources."
    )
    command.add_argument("--search", metavar="WORD", help="only those that mention it")
    command.add_argument("--json", action="store_true", help="as JSON")


# ------------------------------------------------------------------------- commands


def run_scenario(args: argparse.Namespace) -> int:
    """Run a scenario, print its timeline of events, and draw it."""
    from sim import runs

    args.changed, seed = _changed(args), args.seed
    mind = mind_options(args)
    asks = mind.kind in ("llm", "archetype") and mind.replay is None and mind.cast != 0
    if args.estimate or (asks and not args.json):
        tell_estimate(args, mind, seed=seed, network=args.network)
        if args.estimate:
            return 0
    result = runs.run(
        args.changed,
        seed=seed,
        mind=mind,
        network=args.network,
        out=args.out,
        overwrite=args.force,
        threads=args.threads,
        snapshot_every=args.snapshot_every,
        checkpoint_every=args.checkpoint_every,
        progress=not args.json and sys.stderr.isatty(),
    )
    return _tell(result, args)


def resume_run(args: argparse.Namespace) -> int:
    """Go on with a run that was cut short, print its timeline, and draw it."""
    from sim import runs

    shown = not args.json and sys.stderr.isatty()
    result = runs.resume(args.run, threads=args.threads, progress=shown)
    return _tell(result, args)


def _tell(result: Result, args: argparse.Namespace) -> int:
    """Print what came of a run, and draw it."""
    from sim.errors import legible

    if args.json:
        print(as_json(_summary(result)))
        return 0
    print(_timeline(result))
    print(f"\nrun      {short(result.path)}")
    if spoken := summary_of(result):
        print(legible(spoken))
    if not args.no_figures:
        for figure in draw_after_run(result):
            print(f"figure   {short(figure)}")
    return 0


def _changed(args: argparse.Namespace) -> Scenario:
    from sim import parameters, scenarios
    from sim.errors import InputError

    if args.network is not None and args.humans is not None:
        raise InputError("--humans goes without --network, which says who there is")
    changes: dict[str, Any] = {}
    for text in args.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set takes name=value, not {text!r}")
        changes[name.strip()] = parameters.parse(name.strip(), value.strip())
    return scenarios.load(args.scenario).replace(**(changes | size_of(args)))


def _summary(result: Result) -> dict[str, Any]:
    known, series = result.provenance, result.series
    count = series.iloc[-1] if len(series) else dict.fromkeys(series.columns, 0)
    return {
        "run": str(result.path),
        "scenario": known["scenario"],
        "seed": known["seed"],
        "steps": known["steps"],
        "humans": known["parameters"]["humans"],
        "oses": int(count["oses"]),
        "departed": int(count["departed"]),
        "events": records(result.events),
    }


def _timeline(result: Result) -> str:
    """Return the events of a run as a readable table, and a line that sums it up."""
    from sim.errors import legible

    found = _summary(result)
    line = (
        f"{found['scenario']}, seed {found['seed']}: {found['humans']:,} humans, "
        f"{found['steps']} days, {found['oses']:,} OSes, {found['departed']:,} departed"
    )
    return f"{table_of(result.events, first_only=True)}\n\n{legible(line)}"


def list_scenarios(args: argparse.Namespace) -> int:
    """Print every scenario with its title, its changes and its story."""
    from sim import scenarios

    for name in scenarios.names():
        scenario = scenarios.load(name)
        changes = scenarios.changes(scenario)
        print(f"{name}: {scenario.title}")
        if changes:
            differing = ", ".join(f"{n} = {v}" for n, v in changes.items())
            print(folded("    ", differing, 4))
        print(folded("    ", " ".join(scenario.story.split()), 4))
    return 0


def list_parameters(args: argparse.Namespace) -> int:
    """Print the parameters that mention a word, or all of them."""
    from sim import parameters
    from sim.errors import InputError

    rows = parameters.table()
    if args.search:
        word = args.search.lower()
        rows = [row for row in rows if word in " ".join(map(str, row.values())).lower()]
        if not rows:
            raise InputError(f"no parameter mentions {args.search!r}")
    if args.json:
        print(as_json(rows, indent=2))
        return 0
    heads = ("name", "value", "unit", "range", "meaning; source")
    layout = "{:<19} {:>8}  {:<11} {:<14} "
    print(as_table(layout, heads, map(_parameter, rows), fold=True))
    return 0


def _parameter(row: dict[str, Any]) -> tuple[str, ...]:
    """Return one parameter as a row of the table."""
    value, span = f"{row['value']:g}", f"{row['low']:g} to {row['high']:g}"
    if isinstance(row["value"], bool):
        value, span = ("on" if row["value"] else "off"), "on or off"
    meaning = f"{row['meaning']}; {row['source']}"
    return row["name"], value, row["unit"], span, meaning


if __name__ == "__main__":
    sys.exit(main())
