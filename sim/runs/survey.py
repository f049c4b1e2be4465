"""A questionnaire that agents of a stored run answer, as they were on a day.

Each agent is told who it is, as for a talk, and asked each question on its own: what it
answers to one cannot colour the next. Answers are numbers of options. They are what a
model makes of a persona, and no measurement of the society: what the model of the
society says of the same agents stands beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sim.minds.calls import Request
from sim.minds.mending import mended
from sim.minds.options import MindOptions, open_model
from sim.minds.prompts import Messages, PromptContext, persona_of, plain
from sim.minds.replies import Answer, BadReply
from sim.minds.transcript import Answers
from sim.runs.interview import seen_on
from sim.runs.result import Result
from sim.utils.errors import InputError
from sim.utils.files import expanded
from sim.utils.untrusted import read_toml

KIND = "survey"  # of its requests
LARGEST_FILE = 100_000  # bytes
MOST_QUESTIONS, MOST_OPTIONS, LONGEST = 50, 10, 300
MOST_TOKENS = 30  # of an answer


class Questionnaire(NamedTuple):
    """Questions that have the same options.

    Examples
    --------
    >>> Questionnaire("mood", ("Are you well?",), ("no", "yes")).options[1]
    'yes'
    """

    title: str
    questions: tuple[str, ...]
    options: tuple[str, ...]  # from the least to the most


def questionnaire(path: str | Path) -> Questionnaire:
    """Read a questionnaire: TOML with ``title``, ``questions`` and ``options``.

    Raises
    ------
    InputError
        If the file cannot be read, or is no questionnaire.
    """
    place = expanded(path)
    found = read_toml(place, LARGEST_FILE)
    unknown = sorted(set(found) - {"title", "questions", "options"})
    if unknown:
        raise InputError(f"{place}: a questionnaire has no {unknown[0]!r}")
    title = found.get("title", place.stem)
    if not isinstance(title, str):
        raise InputError(f"{place}: 'title' must be a text")
    questions = _texts(place, found, "questions", 1, MOST_QUESTIONS)
    options = _texts(place, found, "options", 2, MOST_OPTIONS)
    return Questionnaire(plain(title, LONGEST), questions, options)


def survey(
    result: Result,
    asked: Questionnaire,
    mind: MindOptions,
    *,
    agents: Sequence[int] | None = None,
    step: int | None = None,
) -> pd.DataFrame:
    """Ask agents of a run a questionnaire.

    Parameters
    ----------
    result
        A stored run; it is read, and never changed.
    asked
        The questionnaire.
    mind
        The model that answers, or its transcript.
    agents
        Who is asked, by number; None asks all people.
    step
        The day; None is the last. It is that of the last snapshot up to it.

    Returns
    -------
    pandas.DataFrame
        A row an agent: ``name``; ``q1``, ``q2`` and so on, the number of the option,
        from 1, or missing where no answer could be used; ``mean`` of the answers.

    Raises
    ------
    InputError
        If an agent was not there on that day, or the model cannot be asked.
    """
    who = range(result.population) if agents is None else agents
    scenes = {agent: seen_on(result, agent, step) for agent in who}
    with open_model(mind) as (transcript, endpoint):
        most = transcript.settings.max_tokens or MOST_TOKENS
        requests = [
            Request(
                *(KIND, day, agent, -1, mind.policy.draw),
                *(messages(scene, question, asked.options), "answer", most),
            )
            for agent, (day, scene) in scenes.items()
            for question in asked.questions
        ]
        limit = mind.policy.max_calls
        if limit is not None and len(requests) > limit:
            raise InputError(
                f"{len(requests):,} questions are more than {limit:,} requests; ask "
                "fewer (--agents), or allow more (--max-calls)"
            )
        came = Answers(transcript, endpoint, keep_failures=True).to(requests)
    numbers = [_number(one.text, one.failure, len(asked.options)) for one in came]
    count = len(asked.questions)
    rows = []
    for place, (agent, (_, scene)) in enumerate(scenes.items()):
        own = numbers[place * count : (place + 1) * count]
        each = {f"q{n}": value for n, value in enumerate(own, 1)}
        rows.append({"agent": agent, "name": scene.name} | each)
    table = pd.DataFrame(rows).set_index("agent")
    columns = [f"q{n}" for n in range(1, count + 1)]
    table[columns] = table[columns].astype("Int64")
    table["mean"] = table[columns].astype("float64").mean(axis=1)
    return table


def messages(scene: PromptContext, question: str, options: Sequence[str]) -> Messages:
    """Return what an agent is asked; what all questions share comes first."""
    lines = [f"{number} {option}" for number, option in enumerate(options, 1)]
    system = (
        f"{persona_of(scene)}\nSomebody asks you questions for a "
        'survey. Reply in JSON with one field, "answer": the number of your answer.\n'
        + "\n".join(lines)
    )
    return {"role": "system", "content": system}, {"role": "user", "content": question}


def shares(table: pd.DataFrame, asked: Questionnaire) -> pd.DataFrame:
    """Return for each question how many answered, their mean, and each option's share.

    Parameters
    ----------
    table
        As of `survey`.
    """
    rows = []
    for number, question in enumerate(asked.questions, 1):
        given = table[f"q{number}"].dropna().astype(int)
        row: dict[str, Any] = {"question": question, "answered": len(given)}
        row["mean"] = float(given.mean()) if len(given) else float("nan")
        for place, option in enumerate(asked.options, 1):
            row[option] = float((given == place).mean()) if len(given) else float("nan")
        rows.append(row)
    return pd.DataFrame(rows)


def _number(text: str | None, failure: str, most: int) -> int | None:
    """Return the number of the option that was answered, if one was."""
    if text is None or failure:
        return None
    try:
        reply, _ = mended("answer", text)
    except BadReply:
        return None
    is_one = isinstance(reply, Answer) and 1 <= reply.number <= most
    return reply.number if is_one else None  # type: ignore[union-attr]


def _texts(
    place: Path, found: dict[str, Any], name: str, least: int, most: int
) -> tuple[str, ...]:
    """Return a list of texts of a questionnaire, as they can be asked."""
    given = found.get(name)
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise InputError(f"{place}: {name!r} is a list of texts")
    texts = tuple(plain(one, LONGEST) for one in given)
    if not least <= len(texts) <= most or not all(texts):
        raise InputError(f"{place}: {name!r} has {least} to {most} texts, none empty")
    if len(set(texts)) < len(texts):
        raise InputError(f"{place}: {name!r} names one twice")
    return texts
