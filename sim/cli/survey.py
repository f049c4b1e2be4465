"""The command ``survey``: agents of a stored run answer a questionnaire."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import (
    add_command,
    add_run_argument,
    as_json,
    as_table,
    names_of,
    positive,
    whole,
)
from sim.cli.known import run_at
from sim.cli.minds import add_model_options, asked_model, settings_of

if TYPE_CHECKING:
    import pandas as pd

    from sim.runs.result import Result
    from sim.runs.survey import Questionnaire

LONGEST = 60  # letters of a question that are shown


def add_survey(commands: Any) -> None:
    """Add ``os-society survey`` to the command line."""
    examples = [
        "latest --questions lonely.toml --model NAME --base-url URL",
        "latest --questions lonely.toml --agents 3,17,Ada --step 300 --replay asked",
    ]
    command = add_command(commands, "survey", ask_survey, examples)
    add_run_argument(command)
    add = command.add_argument
    text = "TOML: a title, questions, and options from the least to the most"
    add("--questions", metavar="FILE", required=True, help=text)
    text = "numbers or names, or people, oses, all (people)"
    add("--agents", metavar="NAMES", default="people", help=text)
    add("--step", metavar="T", type=whole, help="the day (the last)")
    add("--out", metavar="FILE", help="write each agent's answers there, as CSV")
    add_model_options(command.add_argument_group("model", "the model that answers"))
    add("--max-calls", metavar="N", type=positive, help="refuse more questions")
    files = command.add_mutually_exclusive_group()
    files.add_argument("--record", metavar="FILE", help="keep finished calls in it")
    files.add_argument("--replay", metavar="FILE", help="ask nobody; answers are there")


def ask_survey(args: argparse.Namespace) -> int:
    """Ask, print how many gave which answer, and write who did."""
    path = run_at(args.run)
    from sim.runs.result import load
    from sim.runs.survey import questionnaire, survey
    from sim.utils.errors import InputError
    from sim.utils.files import write_text

    settings = settings_of(args)
    if settings is None and args.replay is None:
        raise InputError("a survey needs a model: name it (--model), or --replay it")
    asked, result = questionnaire(args.questions), load(path)
    mind = asked_model(args, settings)
    who = _agents(result, args.agents)
    table = survey(result, asked, mind, agents=who, step=args.step)
    if args.out is not None:
        write_text(Path(args.out), table.to_csv())
    print(_json(table, asked) if args.json else _text(result, table, asked))
    return 0


def _agents(result: Result, text: str) -> list[int]:
    """Return the numbers of those who are asked."""
    people = list(range(result.population))
    oses = [int(agent) for agent in result.called.index]
    groups = {"people": people, "oses": oses, "all": people + oses}
    if text in groups:
        return groups[text]
    named = [result.number_of(one) for one in names_of(text) or []]
    return list(dict.fromkeys(named))


def _text(result: Result, table: pd.DataFrame, asked: Questionnaire) -> str:
    """Return for each question its mean and how many gave which answer."""
    from sim.runs.survey import shares
    from sim.utils.errors import legible

    rows = []
    for one in shares(table, asked).to_dict("records"):
        question = str(one["question"])
        short = question[:LONGEST] + "..." * (len(question) > LONGEST)
        parts = (f"{one[option]:.0%} {option}" for option in asked.options)
        rows.append((short, one["answered"], f"{one['mean']:.2f}", ", ".join(parts)))
    shown = as_table(
        "{:<64} {:>8} {:>5}  ", (asked.title, "answered", "mean", "options"), rows
    )
    return legible(shown) + f"\n\n{len(table):,} asked, in {legible(str(result.path))}"


def _json(table: pd.DataFrame, asked: Questionnaire) -> str:
    from sim.runs.survey import shares

    agents = table.reset_index().astype(object).where(table.reset_index().notna(), None)
    return as_json(
        {
            "title": asked.title,
            "options": list(asked.options),
            "questions": shares(table, asked).to_dict("records"),
            "agents": agents.to_dict("records"),
        }
    )
