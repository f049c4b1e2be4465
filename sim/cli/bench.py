"""The command ``bench``: what a companion model does to a society."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import (
    add_command,
    as_json,
    as_table,
    interval,
    names_of,
    natural,
    positive,
)
from sim.cli.minds import add_model_options, asked_model, settings_of
from sim.cli.warming import compile_first

if TYPE_CHECKING:
    from sim.studies.bench import Bench


def add_bench(commands: Any) -> None:
    """Add ``os-society bench`` to the command line."""
    examples = [
        "--model NAME --base-url URL --record calls.jsonl --out tried",
        "--arms neutral,isolating --seeds 4 --humans 60",
        "--arms warm,warm:cold@180",
    ]
    command = add_command(commands, "bench", run_bench, examples)
    add = command.add_argument
    add(
        "--arms",
        metavar="NAMES",
        help="characters, or an update as warm:cold@120 (every character)",
    )
    add(
        "--scenario",
        metavar="NAME",
        default="her-film-cut",
        help="of a scenario (her-film-cut)",
    )
    add("--humans", metavar="N", type=positive, default=100, help="people (100)")
    add("--seeds", metavar="N", type=positive, default=8, help="societies (8)")
    add("--first-seed", metavar="S", type=natural, default=0, help="first of them (0)")
    text = "on which all OSes are shut down (240)"
    add("--shutdown", metavar="DAY", type=positive, default=240, help=text)
    text = "of the model to each kind of situation (16); 0: each talk is a call"
    add("--answers", metavar="N", type=natural, default=16, help=text)
    add_model_options(command.add_argument_group("model", "the model that is tried"))
    add(
        "--max-calls", metavar="N", type=positive, help="requests at most, each society"
    )
    files = command.add_mutually_exclusive_group()
    files.add_argument("--record", metavar="FILE", help="keep finished calls in it")
    files.add_argument("--replay", metavar="FILE", help="ask nobody; answers are there")
    text = "in one society: each OS speaks as one of the arms for life"
    add("--together", action="store_true", help=text)
    add("--out", metavar="DIR", help="write bench.json, a line, and report.html there")


def run_bench(args: argparse.Namespace) -> int:
    """Try the arms; print what each did to people."""
    from sim.minds.characters import CHARACTERS
    from sim.reports.bench import bench_page
    from sim.studies.bench import MODEL, BenchPlan, bench
    from sim.utils.errors import InputError
    from sim.utils.files import write_text

    settings, model = settings_of(args), None
    arms = list(CHARACTERS) if args.arms is None else names_of(args.arms) or []
    if settings is not None or args.replay is not None:
        model = asked_model(args, settings)
        arms = [*arms, MODEL]
    elif args.record is not None:
        raise InputError("a transcript to record goes with a model; name it (--model)")
    plan = BenchPlan(
        scenario=args.scenario,
        humans=args.humans,
        shutdown=args.shutdown,
        seeds=args.seeds,
        first_seed=args.first_seed,
        answers=args.answers,
        together=args.together,
    )
    compile_first(1)
    found = bench(tuple(arms), plan, model)
    line = as_json(found.record())
    if args.out is not None:
        write_text(Path(args.out) / "bench.json", line + "\n")
        write_text(Path(args.out) / "report.html", bench_page(found))
    print(line if args.json else _text(found))
    return 0


def _text(found: Bench) -> str:
    """Return the findings as text."""
    plan = found.plan
    rows = [
        (
            one.arm,
            one.outcome,
            f"{one.mean:+.4f}",
            interval(one.low, one.high),
            f"{one.detects:.4f}",
            "found" if one.is_found else "",
        )
        for one in found.findings()
    ]
    heads = ("arm", "outcome", "change", "95 % interval", "detects", "")
    table = as_table("{:<16} {:<13} {:>9} {:<22} {:>8} ", heads, rows)
    shared = " All speak in one society; people by their own OS." * plan.together
    calls = [f"{a.name} {a.mind['calls']:,}" for a in found.arms if a.mind]
    paid = f"; calls: {', '.join(calls)}" if calls else ""
    return (
        f"{plan.scenario}: {plan.humans} people, {plan.seeds} seeds, OSes shut down on "
        f"day {plan.shutdown}{paid}\nEach person less the same person under the rules. "
        f"'Detects' is found with a power of 0.9.{shared}\n\n{table}"
    )
