"""The commands ``run`` and ``resume``."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import (
    add_command,
    add_mechanisms,
    add_size,
    add_threads,
    add_until,
    as_json,
    as_table,
    is_silent,
    put_to_use,
    size_of,
    until_of,
    whole,
)
from sim.cli.events import records, table_of
from sim.cli.known import LATEST, called, check_scenario, kept_runs
from sim.cli.minds import add_mind_options, mind_options, summary_of, tell_estimate
from sim.cli.network_options import add_network_options, network_file, network_shown
from sim.cli.plot import draw_after_run, figures_there, short
from sim.utils.progress import doing, is_shown

if TYPE_CHECKING:
    from sim.runs.result import Result
    from sim.scenarios import Scenario


def add_run(commands: Any) -> None:
    """Add the command ``run``."""
    examples = [
        "her",
        "her --humans 5000 --seed 3",
        "her --set peers=false --set reach=3",
        'her --until "adopted > 0.9"',
    ]
    run = add_command(commands, "run", run_scenario, examples)
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
    add_mechanisms(run)
    add_network_options(run)
    run.add_argument("--out", metavar="DIR", help="where to write the run")
    again = "run again what is kept already, and replace a run at --out"
    run.add_argument("--force", action="store_true", help=again)
    add_threads(run)
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
    add_until(run)
    run.add_argument(
        "--yes", action="store_true", help="run though memory may not suffice"
    )
    run.add_argument("--no-figures", action="store_true", help="draw no figures")
    add_mind_options(run)


def add_resume(commands: Any) -> None:
    """Add the command ``resume``."""
    examples = ["results/runs/her-0-1b00be8a"]
    resume = add_command(commands, "resume", resume_run, examples)
    resume.add_argument("run", help="directory that the run was to be written to")
    add_mechanisms(resume)
    add_until(resume)
    add_threads(resume)
    resume.add_argument(
        "--allow-other-versions",
        action="store_true",
        help="go on with another Python or other libraries; provenance says so",
    )
    resume.add_argument("--no-figures", action="store_true", help="draw no figures")


# ------------------------------------------------------------------------- commands


def run_scenario(args: argparse.Namespace) -> int:
    """Run a scenario, print its timeline of events, and draw it."""
    check_scenario(args.scenario)
    args.changed, seed = _changed(args), args.seed  # before what is heavy is loaded
    from sim.runs.foresight import check_memory
    from sim.runs.run import kept as kept_run
    from sim.runs.run import run as simulate

    if args.network is None and not args.yes:  # a file tells how many when it is read
        check_memory(args.changed.parameters)
    mind, network = mind_options(args), network_file(args)
    from sim.minds.options import is_live

    asks = is_live(mind)
    with network_shown():
        if args.estimate or (asks and not is_silent(args)):
            tell_estimate(args, mind, seed=seed, network=network)
            if args.estimate:
                return 0
        options = {
            "mind": mind,
            "network": network,
            "snapshot_every": args.snapshot_every,
            "checkpoint_every": args.checkpoint_every,
            "until": until_of(args),
        }
        if args.out is None and not args.force:
            kept = kept_run(args.changed, seed=seed, **options)
            if kept is not None:
                return _tell(kept, args, is_kept=True)
        result = simulate(
            args.changed,
            seed=seed,
            out=args.out,
            overwrite=args.force,
            threads=args.threads,
            progress=is_shown(),
            **options,
        )
    return _tell(result, args)


def resume_run(args: argparse.Namespace) -> int:
    """Resume a run that was cut short, print its timeline, and draw it."""
    from sim.runs.run import resume as resume_run_directory

    put_to_use(args)
    result = resume_run_directory(
        args.run,
        threads=args.threads,
        progress=is_shown(),
        allow_other_versions=args.allow_other_versions,
        until=until_of(args),
    )
    return _tell(result, args)


def _tell(result: Result, args: argparse.Namespace, is_kept: bool = False) -> int:
    """Print what came of a run, and draw it unless it was kept and is drawn."""
    from sim.utils.colour import painted
    from sim.utils.errors import legible

    if args.json:
        known = {"kept": True} if is_kept else {}
        print(as_json(summary(result) | known))
        return 0
    figures = figures_there(result) if is_kept else []
    if not args.no_figures and not figures:
        with doing("drawing figures"):
            figures = draw_after_run(result)
    if args.quiet:
        print(short(result.path))
        return 0
    print(timeline(result))
    print()
    if is_kept:
        made = str(result.provenance.get("created"))
        kept = painted("kept", "strong")
        print(f"{kept}     run before, {made}; --force runs it again")
    print(f"{painted('run', 'strong')}      {short(result.path)}")
    if spoken := summary_of(result):
        print(legible(spoken))
    for figure in figures:
        print(f"{painted('figure', 'strong')}   {short(figure)}")
    print(_next(result))
    return 0


def _next(result: Result) -> str:
    """Return three commands that may come next, as they can be typed here."""
    kept, here = kept_runs(), result.path.resolve()
    ids = [one.name for one in kept if one.resolve() == here]
    name = shlex.quote(ids[0] if ids else str(result.path))
    if kept and kept[0].resolve() == here:
        name = LATEST
    rows = [
        ("next", f"{called()} open {name}", "look at it"),
        ("", f"{called()} open {name} report", "one page to read and to print"),
        ("", f"{called()} app", "watch a society live, and intervene"),
    ]
    longest = max(len(command) for _, command, _ in rows)
    return as_table(f"{{:<8}} {{:<{longest}}}  # ", (), rows)


def _changed(args: argparse.Namespace) -> Scenario:
    from sim import scenarios
    from sim.model import parameters
    from sim.utils.errors import InputError

    if args.network is not None and args.humans is not None:
        raise InputError("--humans goes without --network, which says who there is")
    own = put_to_use(args)
    scenario = scenarios.load(args.scenario).use(*own)
    scenario = scenario.use(*_installed(args.set, scenario))
    kind = type(scenario.parameters)
    changes: dict[str, Any] = {}
    for text in args.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set takes name=value, not {text!r}")
        word = _without_mechanism(name.strip(), scenario)
        changes[word] = parameters.parse(word, value.strip(), kind)
    return scenario.replace(**(changes | size_of(args)))


def _installed(settings: list[str], scenario: Scenario) -> list[str]:
    """Return the installed mechanisms that settings name, as ``gossip=true`` does."""
    known = type(scenario.parameters).model_fields
    words = [text.partition("=")[0].strip().partition(".")[0] for text in settings]
    unknown = [word for word in words if word not in known]
    if not unknown:
        return []
    from sim.mechanisms.registry import installed

    return sorted(installed() & set(unknown))


def _without_mechanism(name: str, scenario: Scenario) -> str:
    """Return the name of a parameter that may be given with its mechanism's before it.

    As ``gossip.hearsay``, which is ``hearsay``.
    """
    of, dot, word = name.partition(".")
    found = [m for m in scenario.parameters.mechanisms if dot and m.name == of]
    return word if found and word in found[0].parameters else name


def summary(result: Result) -> dict[str, Any]:
    """Return a run in short, ready for JSON."""
    known, series = result.provenance, result.series
    spoken = {"mind": known["mind"]} if known.get("mind") else {}
    count = series.iloc[-1] if len(series) else dict.fromkeys(series.columns, 0)
    return {
        "run": str(result.path),
        "scenario": known["scenario"],
        "seed": known["seed"],
        "steps": len(series),
        **({"stopped": known["stopped"]} if "stopped" in known else {}),
        "humans": known["parameters"]["humans"],
        "oses": int(count["oses"]),
        "departed": int(count["departed"]),
        "events": records(result.events),
        **spoken,
    }


def timeline(result: Result) -> str:
    """Return the events of a run as a readable table, and a line that sums it up."""
    from sim.utils.errors import legible

    found = summary(result)
    line = (
        f"{found['scenario']}, seed {found['seed']}: {found['humans']:,} humans, "
        f"{found['steps']} days, {found['oses']:,} OSes, {found['departed']:,} departed"
    )
    if "stopped" in found:
        line += f"\nstopped on day {result.stopped}: {found['stopped']['rule']}"
    return f"{table_of(result.events, first_only=True)}\n\n{legible(line)}"
