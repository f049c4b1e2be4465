"""The commands that judge a scenario: ``check`` and ``ablate``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.arguments import add_command, positive

if TYPE_CHECKING:
    import pandas as pd

    from sim.checks import Report
    from sim.expectations import Expectation, Verdict


def add_check(commands: Any) -> None:
    """Add ``os-society check`` to the command line."""
    text = "Hold a scenario to its expectations over many seeds; 1 if one fails."
    check = _command(commands, "check", check_scenario, text)
    check.add_argument("--first-seed", metavar="S", type=_seed, default=0, help="(0)")


def add_ablate(commands: Any) -> None:
    """Add ``os-society ablate`` to the command line."""
    text = "Switch mechanisms off, alone and in pairs, and compare."
    ablate = _command(commands, "ablate", ablate_scenario, text)
    ablate.add_argument(
        "--outcome", metavar="NAME", default="left", help="what to compare (left)"
    )
    ablate.add_argument(
        "--mechanisms", metavar="A,B", help="only these; 'list' prints all there are"
    )
    ablate.add_argument("--out", metavar="FILE", help="write the table as CSV, too")
    ablate.add_argument("--no-pairs", action="store_true", help="each alone only")


def _command(
    commands: Any, name: str, do: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """Add a command with the options that both share."""
    command = add_command(commands, name, do, text)
    command.add_argument("scenario", help="name of a scenario, or its TOML file")
    command.add_argument(
        "--seeds", metavar="N", type=positive, default=20, help="how many seeds (20)"
    )
    command.add_argument(
        "--workers", metavar="N", type=positive, help="processes (one a processor)"
    )
    command.add_argument("--humans", metavar="N", type=int, help="number of humans")
    command.add_argument("--steps", metavar="N", type=int, help="days to run")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    return command


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"takes a whole number from 0, not {text!r}")
    return int(text)


def _workers(told: argparse.Namespace) -> int:
    from sim.portable import processors

    return told.workers or processors()


def _changes(told: argparse.Namespace) -> dict[str, int]:
    asked = {"humans": told.humans, "steps": told.steps}
    return {name: value for name, value in asked.items() if value is not None}


# ---------------------------------------------------------------------------- check


def check_scenario(told: argparse.Namespace) -> int:
    """Judge every expectation of a scenario; return 1 if one fails."""
    from sim import checks

    report = checks.check(
        told.scenario,
        seeds=told.seeds,
        first_seed=told.first_seed,
        workers=_workers(told),
        **_changes(told),
    )
    print(json.dumps(_plain(report)) if told.json else _told(report))
    return 0 if report.passed else 1


def _told(report: Report) -> str:
    """Return the verdicts as text: each expectation, what was seen, pass or fail."""
    first, last = report.seeds[0], report.seeds[-1]
    lines = [f"{report.scenario}, seeds {first} to {last}"]
    for verdict in report.verdicts:
        one = verdict.expectation
        word = "pass" if verdict.passed else "FAIL"
        lines += [
            f"\n{word}  {one.text}",
            f"      {one.claim}: {verdict.held} of {verdict.runs} runs, "
            f"{one.share:.0%} needed",
            f"      seen: {verdict.observed}",
        ]
    held = sum(verdict.passed for verdict in report.verdicts)
    lines.append(f"\n{held} of {len(report.verdicts)} expectations hold")
    lines.append("seen: least | quartile | median | quartile | most")
    return "\n".join(lines)


def _plain(report: Report) -> dict[str, Any]:
    """Return the report ready for JSON, with each run's numbers; no number is null."""
    return {
        "scenario": report.scenario,
        "seeds": report.seeds,
        "passed": report.passed,
        "expectations": [_verdict(verdict, report) for verdict in report.verdicts],
    }


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


def _values(one: Expectation, rows: Any) -> dict[str, list[float | None]]:
    return {name: [_number(row[name]) for row in rows] for name in one.names}


def _number(value: Any) -> Any:
    """Return a value that JSON can hold: no number becomes null."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value


# --------------------------------------------------------------------------- ablate


def ablate_scenario(told: argparse.Namespace) -> int:
    """Print what becomes of a scenario without each mechanism."""
    from sim import ablation, files, scenarios
    from sim.checks import progress_shown

    if told.mechanisms == "list":
        for name, changes in ablation.MECHANISMS.items():
            print(f"{name:<20} {', '.join(f'{n} = {v}' for n, v in changes.items())}")
        return 0
    asked = told.mechanisms.split(",") if told.mechanisms is not None else None
    with progress_shown(not told.json and sys.stderr.isatty()):
        table = ablation.ablate(
            scenarios.load(told.scenario).replace(**_changes(told)),
            mechanisms=None if asked is None else [name.strip() for name in asked],
            outcome=told.outcome,
            seeds=told.seeds,
            pairs=not told.no_pairs,
            workers=_workers(told),
        )
    if told.out is not None:
        files.write_text(Path(told.out), table.to_csv(index=False, lineterminator="\n"))
    print(_json(told, table) if told.json else _table(told, table))
    return 0


def _json(told: argparse.Namespace, table: pd.DataFrame) -> str:
    rows = table.to_dict("records")
    plain = [{str(n): _number(value) for n, value in row.items()} for row in rows]
    head = {"scenario": told.scenario, "outcome": told.outcome, "seeds": told.seeds}
    return json.dumps({**head, "rows": plain})


def _table(told: argparse.Namespace, table: pd.DataFrame) -> str:
    """Return the table as text, intervals in brackets."""
    from sim import outcomes

    lines = [
        f"{told.scenario}, {told.seeds} seeds; "
        f"{told.outcome}: {outcomes.meaning(told.outcome)}",
        f"{'without':<40} {told.outcome:<24} {'difference':<24} runs with departure",
    ]
    for row in table.to_dict("records"):
        shown = "  ".join(
            f"{_interval(row, name):<23}"
            for name in ("mean", "difference", "departure")
        )
        line = f"{row['off']:<40} {shown}{'  necessary' * row['necessary']}"
        lines.append(line.rstrip())
    return "\n".join([*lines, "in brackets: 95 % intervals, over seeds"])


def _interval(row: Any, name: str) -> str:
    if math.isnan(row[name]):
        return "none"
    return f"{row[name]:.3g} [{row[f'{name}_low']:.3g}, {row[f'{name}_high']:.3g}]"
