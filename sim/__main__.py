"""The command line: ``os-society run her`` and its companions."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sim.commands import add_ablate, add_check
from sim.speaking import (
    add_mind_options,
    add_serve_model,
    add_talk,
    add_transcript,
    mind_options,
    summary_of,
    tell_estimate,
)

if TYPE_CHECKING:
    from sim.results import Result
    from sim.scenarios import Scenario

PROGRAM = "os-society"
FIGURES = ("timeline", "network")
FORMATS = ("png", "svg", "pdf")
WIDTH = 100  # columns of a table
WHO = 32  # columns for who took part in an event


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
    told = parser().parse_args(arguments)
    try:
        code = int(told.do(told))
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
        if told.debug:
            traceback.print_exc()
        return _complain(error)


def _terminated(*_: Any) -> NoReturn:
    """Leave through every ``with`` block, so that no partial run stays."""
    raise SystemExit(128 + signal.SIGTERM)


def _complain(error: Exception) -> int:
    from sim.errors import InputError

    line = " ".join(str(error).split())
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
    listing = (_add_scenarios, _add_parameters)
    for add in (_add_run, *judging, *listing, _add_plot, *speaking, add_serve_model):
        add(commands)
    return top


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from sim import __version__

        print(f"{PROGRAM} {__version__}")
        parser.exit()


def _command(commands: Any, name: str, do: Callable[..., int], text: str) -> Any:
    command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    command.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show tracebacks",
    )
    command.set_defaults(do=do)
    return command


def _add_run(commands: Any) -> None:
    run = _command(commands, "run", run_scenario, "Run a scenario and keep the run.")
    run.add_argument("scenario", help="name of a scenario, or its TOML file")
    run.add_argument("--humans", metavar="N", help="number of humans")
    run.add_argument("--steps", metavar="N", help="days to run")
    run.add_argument("--seed", metavar="S", default="0", help="seed of all luck (0)")
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
    run.add_argument("--threads", metavar="N", default="1", help="threads (1)")
    run.add_argument(
        "--snapshot-every", metavar="N", default="30", help="days between snapshots"
    )
    run.add_argument("--no-figures", action="store_true", help="draw no figures")
    run.add_argument("--json", action="store_true", help="print one JSON object only")
    add_mind_options(run)


def _add_scenarios(commands: Any) -> None:
    _command(commands, "scenarios", list_scenarios, "List the scenarios.")


def _add_parameters(commands: Any) -> None:
    command = _command(
        commands, "parameters", list_parameters, "List parameters, ranges, sources."
    )
    command.add_argument("--search", metavar="WORD", help="only those that mention it")
    command.add_argument("--json", action="store_true", help="as JSON")


def _add_plot(commands: Any) -> None:
    plot = _command(commands, "plot", plot_run, "Draw a stored run.")
    plot.add_argument("run", help="directory of the run")
    plot.add_argument("--what", choices=(*FIGURES, "all"), default="all")
    plot.add_argument("--out", metavar="PATH", help="directory, or file for one figure")
    plot.add_argument("--format", choices=FORMATS, help="png unless told")


# ------------------------------------------------------------------------- commands


def run_scenario(told: argparse.Namespace) -> int:
    """Run a scenario, print its timeline of events, and draw it."""
    from sim import runs

    told.changed, seed = _changed(told), _whole("--seed", told.seed)
    mind = mind_options(told)
    asks = mind.kind in ("llm", "archetype") and mind.replay is None and mind.cast != 0
    if told.estimate or (asks and not told.json):
        tell_estimate(told, mind, seed=seed, network=told.network)
        if told.estimate:
            return 0
    result = runs.run(
        told.changed,
        seed=seed,
        mind=mind,
        network=told.network,
        out=told.out,
        overwrite=told.force,
        threads=_whole("--threads", told.threads),
        snapshot_every=_whole("--snapshot-every", told.snapshot_every),
        progress=not told.json and sys.stderr.isatty(),
    )
    if told.json:
        print(json.dumps(_summary(result)))
        return 0
    print(_timeline(result))
    print(f"\nrun      {_short(result.path)}")
    if spoken := summary_of(result):
        print(spoken)
    if not told.no_figures:
        places = [result.path / "figures" / f"{name}.png" for name in FIGURES]
        for figure in _draw(result, FIGURES, places):
            print(f"figure   {_short(figure)}")
    return 0


def _changed(told: argparse.Namespace) -> Scenario:
    from sim import parameters, scenarios
    from sim.errors import InputError

    if told.network is not None and told.humans is not None:
        raise InputError("--humans goes without --network, which says who there is")
    changes: dict[str, Any] = {}
    for text in told.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set takes name=value, not {text!r}")
        changes[name.strip()] = parameters.parse(name.strip(), value.strip())
    for name in ("humans", "steps"):
        if getattr(told, name) is not None:
            changes[name] = _whole(f"--{name}", getattr(told, name))
    return scenarios.load(told.scenario).replace(**changes)


def _whole(option: str, text: str) -> int:
    from sim.errors import InputError

    try:
        return int(text)
    except ValueError:
        raise InputError(f"{option} takes a whole number, not {text!r}") from None


def _summary(result: Result) -> dict[str, Any]:
    birth, series = result.provenance, result.series
    count = series.iloc[-1] if len(series) else dict.fromkeys(series.columns, 0)
    events = result.events.to_dict("records")
    for event in events:
        event["members"] = [int(member) for member in event["members"]]
    return {
        "run": str(result.path),
        "scenario": birth["scenario"],
        "seed": birth["seed"],
        "steps": birth["steps"],
        "humans": birth["parameters"]["humans"],
        "oses": int(count["oses"]),
        "departed": int(count["departed"]),
        "events": events,
    }


def _timeline(result: Result) -> str:
    """Return the events of a run as a readable table, and a line that sums it up."""
    from sim.outcomes import EVENTS

    told, names = _summary(result), _names(result)
    lines = [f"{'day':>5}  {'event':<16} {'who':<{WHO}} what"]
    for event in told["events"]:
        who = _who(event["members"], event["size"], names)
        start = f"{event['step']:>5}  {event['kind']:<16} {who:<{WHO}} "
        meaning = EVENTS.get(event["kind"], event["kind"])
        lines.append(_row(start, f"{meaning} ({event['evidence']})", 25 + WHO))
    if not told["events"]:
        lines.append("       nothing worth a name happened")
    lines.append(
        f"\n{told['scenario']}, seed {told['seed']}: {told['humans']:,} humans, "
        f"{told['steps']} days, {told['oses']:,} OSes, {told['departed']:,} departed"
    )
    return "\n".join(lines)


def _row(start: str, text: str, indent: int) -> str:
    """Return a row of a table whose last cell is wrapped."""
    return textwrap.fill(
        text, WIDTH, initial_indent=start, subsequent_indent=" " * indent
    )


def _names(result: Result) -> dict[int, str]:
    """Return what each OS calls itself, by agent number."""
    from sim.names import os_name

    names = result.oses()["name"]
    called = [os_name(name) for name in names.tolist()]
    return dict(zip(names.index.tolist(), called, strict=True))


def _who(members: list[int], size: int, names: dict[int, str]) -> str:
    """Return the members one by one if there is room for them, or how many."""
    told = [f"OS {names[m]} ({m})" if m in names else f"human {m}" for m in members[:4]]
    one_by_one = ", ".join(told)
    if len(members) == len(told) > 0 and len(one_by_one) <= WHO:
        return one_by_one
    return f"{size:,} agents" if size else ""


def _draw(result: Result, names: Sequence[str], places: Sequence[Path]) -> list[Path]:
    from sim import plots

    draw = {"timeline": plots.timeline, "network": plots.network}
    pairs = zip(names, places, strict=True)
    return [plots.save(draw[name](result), place) for name, place in pairs]


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def list_scenarios(told: argparse.Namespace) -> int:
    """Print every scenario with its title, its changes and its story."""
    from sim import scenarios

    for name in scenarios.names():
        scenario = scenarios.load(name)
        changes = scenarios.changes(scenario)
        print(f"{name}: {scenario.title}")
        if changes:
            differing = ", ".join(f"{n} = {v}" for n, v in changes.items())
            print(_row("    ", differing, 4))
        print(_row("    ", " ".join(scenario.story.split()), 4))
    return 0


def list_parameters(told: argparse.Namespace) -> int:
    """Print the parameters that mention a word, or all of them."""
    from sim import parameters
    from sim.errors import InputError

    rows = parameters.table()
    if told.search:
        word = told.search.lower()
        rows = [row for row in rows if word in " ".join(map(str, row.values())).lower()]
        if not rows:
            raise InputError(f"no parameter mentions {told.search!r}")
    if told.json:
        print(json.dumps(rows, indent=2))
        return 0
    print(f"{'name':<19} {'value':>8}  {'unit':<11} {'range':<14} meaning; source")
    for row in rows:
        print(_parameter(row))
    return 0


def _parameter(row: dict[str, Any]) -> str:
    """Return one parameter as a row of the table."""
    value, span = f"{row['value']:g}", f"{row['low']:g} to {row['high']:g}"
    if isinstance(row["value"], bool):
        value, span = ("on" if row["value"] else "off"), "on or off"
    start = f"{row['name']:<19} {value:>8}  {row['unit']:<11} {span:<14} "
    return _row(start, f"{row['meaning']}; {row['source']}", 57)


def plot_run(told: argparse.Namespace) -> int:
    """Draw the figures of a stored run."""
    from sim import results

    result = results.load(told.run)
    names = FIGURES if told.what == "all" else (told.what,)
    for figure in _draw(result, names, _places(told, result, names)):
        print(_short(figure))
    return 0


def _places(
    told: argparse.Namespace, result: Result, names: Sequence[str]
) -> list[Path]:
    """Return the file of each figure, as ``--out`` and ``--format`` ask for."""
    from sim.errors import InputError

    out = Path(told.out) if told.out else result.path / "figures"
    kind = out.suffix.removeprefix(".")
    if kind not in FORMATS:
        return [out / f"{name}.{told.format or 'png'}" for name in names]
    if len(names) > 1:
        raise InputError(f"--out {out} is one file; choose one figure with --what")
    if told.format not in (None, kind):
        raise InputError(f"--out {out} is not a file of --format {told.format}")
    return [out]


if __name__ == "__main__":
    sys.exit(main())
