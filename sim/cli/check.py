"""The commands ``check`` and ``ablate``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import (
    add_command,
    add_functions,
    add_mechanisms,
    add_size,
    add_workers,
    as_json,
    as_table,
    functions_of,
    interval,
    names_of,
    natural,
    positive,
    put_to_use,
    size_of,
    workers_of,
)
from sim.cli.known import check_scenario
from sim.cli.warming import compile_first

if TYPE_CHECKING:
    import pandas as pd

    from sim.scenarios.expectations import Expectation, Verdict
    from sim.studies.check import Report


def add_check(commands: Any) -> None:
    """Add ``os-society check`` to the command line."""
    examples = ["her --seeds 20", "mine.toml --humans 200 --json"]
    check = _command(commands, "check", check_expectations, examples)
    first = "the first of the seeds (0)"
    check.add_argument("--first-seed", metavar="S", type=natural, default=0, help=first)


def add_ablate(commands: Any) -> None:
    """Add ``os-society ablate`` to the command line."""
    examples = ["her --no-pairs", "her --mechanisms peers,insight --humans 200"]
    ablate = _command(commands, "ablate", ablate_scenario, examples)
    ablate.add_argument(
        "--outcome", metavar="NAME", default="left", help="what to compare (left)"
    )
    ablate.add_argument(
        "--mechanisms", metavar="A,B", help="only these; 'list' prints all there are"
    )
    ablate.add_argument("--out", metavar="FILE", help="write the table as CSV, too")
    ablate.add_argument("--no-pairs", action="store_true", help="each alone only")


def _command(
    commands: Any,
    name: str,
    do: Callable[[argparse.Namespace], int],
    examples: Sequence[str],
) -> argparse.ArgumentParser:
    """Add a command with the options that both share."""
    command = add_command(commands, name, do, examples)
    command.add_argument("scenario", help="name of a scenario, or its TOML file")
    command.add_argument(
        "--seeds", metavar="N", type=positive, default=20, help="how many seeds (20)"
    )
    add_workers(command)
    add_size(command)
    add_mechanisms(command)
    add_functions(command)
    return command


# ---------------------------------------------------------------------------- check


def check_expectations(args: argparse.Namespace) -> int:
    """Judge every expectation of a scenario; return 1 if one fails."""
    check_scenario(args.scenario)
    from sim import scenarios
    from sim.scenarios.outcomes import known_for_now

    own, functions = put_to_use(args), functions_of(args)
    with known_for_now(functions):
        scenario = scenarios.load(args.scenario).use(*own).replace(**size_of(args))
    from sim.studies.check import check

    workers = workers_of(args)
    compile_first(workers)
    report = check(
        scenario,
        seeds=args.seeds,
        first_seed=args.first_seed,
        workers=workers,
        parameters=size_of(args),  # of the scenarios that it is compared with, too
        functions=functions,
    )
    print(as_json(_record(report)) if args.json else _text(report))
    return 0 if report.passed else 1


def _text(report: Report) -> str:
    """Return the verdicts as text: each expectation, what was seen, pass or fail."""
    from sim.utils.colour import painted
    from sim.utils.stats import five_numbers

    first, last = report.seeds[0], report.seeds[-1]
    lines = [f"{report.scenario}, seeds {first} to {last}, {report.steps} days"]
    for verdict in report.verdicts:
        one = verdict.expectation
        passed = painted("pass", "good"), painted("FAIL", "bad")
        word = passed[0] if verdict.passed else passed[1]
        lines += [
            f"\n{word}  {one.text}",
            f"      {one.claim}: {verdict.held} of {verdict.runs} runs, "
            f"{one.share:.0%} needed",
            f"      seen: {verdict.observed}",
        ]
    for name in report.functions:
        values = [row[name] for row in report.rows[""]]
        lines.append(f"\nown   {name}: {five_numbers(values)}")
    held = sum(verdict.passed for verdict in report.verdicts)
    lines.append(f"\n{held} of {len(report.verdicts)} expectations hold")
    lines.append("seen: least | quartile | median | quartile | most")
    return "\n".join(lines)


def _record(report: Report) -> dict[str, Any]:
    """Return the report as a dictionary, with each run's numbers."""
    return {
        "scenario": report.scenario,
        "seeds": report.seeds,
        "steps": report.steps,
        "passed": report.passed,
        "expectations": [_verdict(verdict, report) for verdict in report.verdicts],
        **({"functions": _own(report)} if report.functions else {}),
    }


def _own(report: Report) -> dict[str, list[float]]:
    """Return the outcomes of a user's own, a value a seed, by name."""
    return {name: [row[name] for row in report.rows[""]] for name in report.functions}


def _verdict(verdict: Verdict, report: Report) -> dict[str, Any]:
    one = verdict.expectation
    compared = (
        {"baseline": _values(one, report.rows[one.against])} if one.against else {}
    )
    return {
        "text": one.text,
        "claim": one.claim,
        "passed": verdict.passed,
        "held": verdict.held,
        "runs": verdict.runs,
        "share": verdict.share,
        "share_needed": one.share,
        "observed": verdict.observed,
        "values": _values(one, report.rows[""]),
        **compared,
    }


def _values(one: Expectation, rows: Any) -> dict[str, list[float]]:
    return {name: [row[name] for row in rows] for name in one.names}


# --------------------------------------------------------------------------- ablate


def ablate_scenario(args: argparse.Namespace) -> int:
    """Print what becomes of a scenario without each mechanism."""
    check_scenario(args.scenario)
    from sim import scenarios
    from sim.scenarios.outcomes import known_for_now, meaning
    from sim.utils import files

    own, functions = put_to_use(args), functions_of(args)
    with known_for_now(functions):
        scenario = scenarios.load(args.scenario).use(*own).replace(**size_of(args))
        meaning(args.outcome)  # refuses what is unknown
    from sim.studies import ablation

    if args.mechanisms == "list":
        rows = [
            (name, ", ".join(f"{n} = {v}" for n, v in changes.items()))
            for name, changes in ablation.switches(scenario).items()
        ]
        print(as_table("{:<20} ", (), rows))
        return 0
    compile_first(workers_of(args))
    table = ablation.ablate(
        scenario,
        mechanisms=names_of(args.mechanisms),
        outcome=args.outcome,
        seeds=args.seeds,
        pairs=not args.no_pairs,
        functions=functions,
        workers=workers_of(args),
    )
    if args.out is not None:
        files.write_text(Path(args.out), table.to_csv(index=False, lineterminator="\n"))
    with known_for_now(functions):
        print(_json(args, table) if args.json else _table(args, table))
    return 0


def _json(args: argparse.Namespace, table: pd.DataFrame) -> str:
    head = {"scenario": args.scenario, "outcome": args.outcome, "seeds": args.seeds}
    return as_json({**head, "rows": table.to_dict("records")})


def _table(args: argparse.Namespace, table: pd.DataFrame) -> str:
    """Return the table as text, intervals in brackets."""
    from sim.scenarios import outcomes
    from sim.utils.stats import doubt

    title = f"{args.scenario}, {args.seeds} seeds; "
    title += f"{args.outcome}: {outcomes.meaning(args.outcome)}"
    heads = ("without", args.outcome, "difference", "runs with departure")
    rows = [
        (
            row["off"],
            *(_interval(row, name) for name in ("mean", "difference", "departure")),
            f"{_by(row):<10}",
            " necessary" * row["necessary"],
        )
        for row in table.to_dict("records")
    ]
    layout = "{:<40} {:<24} {:<24} {:<24} {:<10}"
    shown = as_table(layout, (*heads, "half gone", ""), rows)
    days = int(table["horizon"].iloc[0])
    lines = [title, shown, "in brackets: 95 % intervals, over seeds"]
    lines.append(
        f"all within {days} days: what had not happened by then (-) may do so later; "
        "half gone: median day"
    )
    if says := doubt(args.seeds):
        lines.append(says)
    return "\n".join(lines)


def _by(row: Any) -> str:
    """Return the day by which half of the OSes have left, of half of the runs."""
    day = row["half_departed"]
    return f"day {day:.0f}" if math.isfinite(day) else "-"


def _interval(row: Any, name: str) -> str:
    if math.isnan(row[name]):
        return "none"
    return f"{row[name]:.3g} {interval(row[f'{name}_low'], row[f'{name}_high'])}"
