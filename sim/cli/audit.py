"""The command ``audit-mind``: how a model answers scenes, against the rules."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import add_command, as_json, as_table, natural, positive
from sim.cli.minds import (
    add_model_options,
    add_prices,
    asked_model,
    estimate_line,
    settings_of,
)

if TYPE_CHECKING:
    from sim.studies.audit import Audit, AuditPlan


def add_audit_mind(commands: Any) -> None:
    """Add ``os-society audit-mind`` to the command line."""
    examples = [
        "--model NAME --base-url URL --record calls.jsonl --out audit.html",
        "--model NAME --scenes 48 --paraphrases 2 --draws 2 --estimate",
        "--character love-bomber --scenes 48",
    ]
    command = add_command(commands, "audit-mind", run_audit, examples)
    add = command.add_argument
    add("--scenes", metavar="N", type=positive, default=200, help="48 or more (200)")
    text = "wordings of each scene, 1 to 5 (5)"
    add("--paraphrases", metavar="N", type=positive, default=5, help=text)
    add("--draws", metavar="N", type=positive, default=3, help="of each (3)")
    text = "of sampling, each with a transcript of its own (0,1)"
    add("--temperatures", metavar="A,B", default="0,1", help=text)
    text = "whose parameters the rules have (her)"
    add("--scenario", metavar="NAME", default="her", help=text)
    add("--seed", metavar="S", type=natural, default=0, help="of the scenes (0)")
    group = command.add_argument_group("model", "the model that is audited")
    add_model_options(group, has_temperature=False)
    text = "a stand-in of a known kind in its place, as warm or cold"
    group.add_argument("--character", metavar="NAME", help=text)
    text = "requests at most; no more questions than that are begun with"
    add("--max-calls", metavar="N", type=positive, help=text)
    text = "first calls of no use that stop it; 0: none do (10)"
    add("--stop-after", metavar="N", type=natural, default=10, help=text)
    files = command.add_mutually_exclusive_group()
    text = "keep finished calls in FILE-at-T, for each temperature T"
    files.add_argument("--record", metavar="FILE", help=text)
    files.add_argument("--replay", metavar="FILE", help="ask nobody; answers are there")
    add("--estimate", action="store_true", help="only say what would be asked")
    add_prices(command)
    add("--out", metavar="FILE", help="write a page of HTML there")


def run_audit(args: argparse.Namespace) -> int:
    """Audit a model; print what was found."""
    from sim.studies.audit import AuditPlan, audit, audit_character, check
    from sim.utils.errors import InputError
    from sim.utils.files import write_text

    plan = AuditPlan(
        scenes=args.scenes,
        wordings=args.paraphrases,
        draws=args.draws,
        temperatures=_temperatures(args.temperatures),
        scenario=args.scenario,
        seed=args.seed,
    )
    check(plan)
    if args.estimate:
        return _tell_estimate(args, plan)
    if args.character is not None:
        if args.model or args.record or args.replay:
            raise InputError(
                "a character is no model: leave --character, or --model, --record and "
                "--replay"
            )
        found = audit_character(plan, args.character)
    else:
        found = audit(plan, _mind(args))
    if args.out is not None:
        from sim.reports.audit import audit_page

        write_text(Path(args.out), audit_page(found))
    print(as_json(found.record()) if args.json else _text(found))
    return 0


def _mind(args: argparse.Namespace) -> Any:
    """Return how to reach the model, or its transcripts."""
    from sim.utils.errors import InputError

    settings = settings_of(args)
    if settings is None and args.replay is None:
        raise InputError(
            "an audit needs a model: name it (--model), --replay it, or take a "
            "--character"
        )
    return asked_model(args, settings, args.stop_after)


def _temperatures(text: str) -> tuple[float, ...]:
    from sim.utils.errors import InputError

    try:
        return tuple(float(one) for one in text.split(","))
    except ValueError:
        raise InputError(
            f"--temperatures takes numbers, as 0,1; not {text!r}"
        ) from None


def _tell_estimate(args: argparse.Namespace, plan: AuditPlan) -> int:
    from sim.studies.audit import estimate_audit

    found = estimate_audit(plan)
    print(as_json(found._asdict()) if args.json else estimate_line(args, found))
    return 0


def _text(found: Audit) -> str:
    """Return the findings as text."""
    from sim.reports.audit import in_words, lines, spread
    from sim.studies.audit_measures import SOURCES

    plan, mind = found.plan, found.mind
    errors = [f"  {in_words(one)}" for one in found.sign_errors] or ["  none"]
    rows = [
        (name, *(spread(shares[source]) for source in SOURCES))
        for name, shares in found.variance.items()
    ]
    variance = as_table("{:<12} {:<24} {:<24} {:<24} ", ("", *SOURCES), rows)
    shares = as_table("{:<40} ", ("of all answers", "95 % interval"), lines(found))
    failures = ", ".join(f"{n:,} {name}" for name, n in mind["failures"].items())
    return (
        f"{mind['model']}: {plan.scenes} scenes, {plan.wordings} wordings, "
        f"{plan.draws} draws, {len(plan.temperatures)} temperatures; "
        f"{mind['calls']:,} questions, {mind['requests']:,} requests; of no use: "
        f"{failures or 'none'}\n\nsign errors, against the rules:\n"
        + "\n".join(errors)
        + f"\n\nshare of variance by source\n{variance}\n\n{shares}"
    )
