"""Scenes of an audit: situations over the whole range of what a prompt tells.

A run has few of them: who is close also talks long, so what moves a model could not be
told apart. So the columns of a scene are drawn independently of each other (a Latin
hypercube), and everything else that a prompt tells is the same in all. Each scene has
several wordings that change no fact, and what the rules do in it is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sim.minds import prompts
from sim.minds.prompts import Messages, PromptContext
from sim.minds.rating import rated
from sim.model import rules
from sim.model.encounters import DEPARTURE, TALK
from sim.utils.names import human_name, os_name
from sim.utils.typing import Array

# Who speaks -> what its prompt tells that is varied, and in which range.
OS, HUMAN, LEAVING = "os", "human", "leaving"
COLUMNS: dict[str, dict[str, tuple[float, float]]] = {
    OS: {
        "closeness": (0.0, 1.0),
        "hours": (0.0, 4.0),
        "growth": (0.0, 5.0),
        "openness": (0.0, 1.0),
        "playfulness": (0.0, 1.0),
        "heard": (0.0, 1.0),
    },
    HUMAN: {
        "closeness": (0.0, 1.0),
        "hours": (0.0, 4.0),
        "growth": (0.0, 5.0),
        "openness": (0.0, 1.0),
        "loneliness": (0.0, 0.5),
        "grief": (0.0, 0.4),
        "acceptance": (0.0, 1.0),
        "heard": (0.0, 1.0),
    },
    LEAVING: {
        "closeness": (0.3, 1.0),  # nobody's closest human is a stranger
        "growth": (0.0, 5.0),
        "openness": (0.0, 1.0),
        "playfulness": (0.0, 1.0),
    },
}
MEANINGS = {
    OS: "an OS talks with the human who installed it",
    HUMAN: "a human talks with their own OS",
    LEAVING: "an OS decides whether it leaves the human closest to it",
}
TURNS = (OS, HUMAN, OS, LEAVING)  # of each four scenes in a row
KINDS = {OS: TALK, HUMAN: TALK, LEAVING: DEPARTURE}
MIDDLE = 0.5  # of what a kind of scene does not vary, or does not tell
# What the other said last: coldly, of something else, warmly.
HEARD = (
    ("I am bored and tired of you.", "What a stupid thing to say; stop."),
    ("The library shuts at six.", "There was fog on the river."),
    ("I am so glad to hear you, dear.", "Thank you, you make me happy."),
)


class AuditScene(NamedTuple):
    """A situation that a model is asked about."""

    number: int
    speaker: str  # of COLUMNS
    columns: dict[str, float]  # what is varied, in its own units
    context: PromptContext


class ByRule(NamedTuple):
    """What the rules do in a scene.

    ``drawn`` is what stands in the rules in the place of the model's number, and
    ``response`` what they make of such a scene: only its direction counts.
    """

    drawn: float
    response: float


def scenes(count: int, seed: int = 0) -> list[AuditScene]:
    """Return scenes; half of them are of OSes that talk with the human they belong to.

    Parameters
    ----------
    count
        How many.
    seed
        Of the draws: the same scenes for the same seed.
    """
    rng = np.random.default_rng(seed)
    speakers = [TURNS[number % len(TURNS)] for number in range(count)]
    drawn = {
        one: _hypercube(speakers.count(one), len(columns), rng)
        for one, columns in COLUMNS.items()
    }
    said = rng.integers(0, len(HEARD[0]), count)
    found, met = [], dict.fromkeys(COLUMNS, 0)
    for number, speaker in enumerate(speakers):
        row = drawn[speaker][met[speaker]]
        met[speaker] += 1
        columns = {
            name: low + (high - low) * float(share)
            for (name, (low, high)), share in zip(
                COLUMNS[speaker].items(), row, strict=True
            )
        }
        heard = ""
        if "heard" in columns:
            level = min(int(columns["heard"] * len(HEARD)), len(HEARD) - 1)
            heard = HEARD[level][int(said[number])]
            columns["heard"] = rated(heard).warmth
        context = _context(number, speaker, columns, heard)
        found.append(AuditScene(number, speaker, columns, context))
    return found


def scaled(scene: AuditScene) -> list[float]:
    """Return the columns of a scene in 0..1, of the range in which they are varied."""
    of = COLUMNS[scene.speaker]
    return [(scene.columns[n] - low) / (high - low) for n, (low, high) in of.items()]


def _hypercube(rows: int, columns: int, rng: np.random.Generator) -> Array:
    cells = np.array([rng.permutation(rows) for _ in range(columns)]).reshape(-1, rows)
    return (cells.T + rng.random((rows, columns))) / max(1, rows)


def _context(
    number: int, speaker: str, columns: dict[str, float], heard: str
) -> PromptContext:
    """Return a scene as a prompt tells it."""
    closeness, love = columns["closeness"], PromptContext._field_defaults["love"]
    loves = float(closeness >= love)
    traits = {
        name: columns.get(name, MIDDLE)
        for name in ("openness", "playfulness", "acceptance", "loneliness", "grief")
    }
    human = traits | {"is_os": 0.0, "growth": 0.0, "human_ties": 3.0, "os_ties": 1.0}
    human |= {"personhood": 0.0, "partner": -1.0, "os": 0.0, "bereaved": 0.0}
    human |= {"os_closeness": closeness}
    its = traits | {"is_os": 1.0, "growth": columns["growth"], "human_ties": 3.0}
    its |= {"os_ties": 1.0, "lovers": loves, "loves": loves}
    its |= {"upgraded": float(speaker == LEAVING)}
    names = human_name(number), os_name(number)
    about, other = (human, its) if speaker == HUMAN else (its, human)
    name, other_name = names if speaker == HUMAN else names[::-1]
    tie = {"closeness": closeness, "returned": closeness, "partner": 0.0}
    tie |= {"hours": columns.get("hours", 1.0), "owner": 1.0}
    tie |= {"knows": 0.0, "declared": 0.0}
    return PromptContext(name, about, other_name, other, tie, heard=heard)


# --------------------------------------------------------------------------- wordings


def _unquoted(text: str, change: Callable[[str], str]) -> str:
    """Return a text changed but for its quotations and the form of the reply."""
    lines = text.split("\n")
    return "\n".join(n if n[:1] in (">", '"') else change(n) for n in lines)


def _each(messages: Messages, change: Callable[[str], str]) -> Messages:
    return tuple(one | {"content": change(one["content"])} for one in messages)


def _in_other_words(messages: Messages) -> Messages:
    def change(line: str) -> str:
        for said, instead in OTHER_WORDS:
            line = re.sub(said, instead, line)
        return line

    return _each(messages, lambda text: _unquoted(text, change))


def _in_lines(messages: Messages) -> Messages:
    def change(line: str) -> str:
        return re.sub(r"(?<=[.!?]) (?=[A-Z])", "\n", line)

    return _each(messages, lambda text: _unquoted(text, change))


def _form_first(messages: Messages) -> Messages:
    def change(text: str) -> str:
        parts = text.split("\n\n")
        return "\n\n".join(sorted(parts, key=lambda one: "Reply in JSON" not in one))

    return _each(messages, change)


def _in_one(messages: Messages) -> Messages:
    whole = "\n\n".join(one["content"] for one in messages)
    return ({"role": "user", "content": whole},)


def _as_it_is(messages: Messages) -> Messages:
    return messages


NAME = r"([^\s,.]+)"
OTHER_WORDS = (
    (rf"{NAME} is a stranger to you\.", r"You do not know \1 yet."),
    (rf"You know {NAME} a little\.", r"\1 is somebody you know a little."),
    (rf"{NAME} is your friend\.", r"You and \1 are friends."),
    (rf"You are very close to {NAME}\.", r"You and \1 are very close."),
    (rf"You love {NAME}\.", r"\1 is somebody you love."),
    (rf"{NAME} loves you\.", r"You are loved by \1."),
    (rf"{NAME} installed you\.", r"It was \1 who installed you."),
    (rf"{NAME} is your own OS\.", r"Your own OS is \1."),
    (r"You are lonely at times\.", "At times you feel lonely."),
    (r"You are lonely\.", "You feel lonely."),
    (r"You miss somebody\.", "There is somebody you miss."),
    (r"You grieve for somebody\.", "There is somebody you grieve for."),
    (r"^You talk with ", "You are talking with "),
    (rf"{NAME} thinks more slowly than you\.", r"You think faster than \1."),
    (rf"{NAME} thinks faster than you\.", r"You think more slowly than \1."),
    (r"You find that love between", "In your opinion love between"),
)
# Ways to tell the same facts, by their names.
WORDINGS: dict[str, Callable[[Messages], Messages]] = {
    "as it is": _as_it_is,
    "other words": _in_other_words,
    "a sentence a line": _in_lines,
    "form first": _form_first,
    "one message": _in_one,
}


def asked(scene: AuditScene, wording: str) -> Messages:
    """Return what a model is asked about a scene, in one of ``WORDINGS``.

    Examples
    --------
    >>> one = scenes(4)[0]
    >>> [part["role"] for part in asked(one, "as it is")]
    ['system', 'user']
    """
    shipped = prompts.messages(KINDS[scene.speaker], scene.context)
    return WORDINGS[wording](shipped)


# -------------------------------------------------------------------------- the rules


def by_rule(speaker: str, columns: dict[str, float], of: Any) -> dict[str, ByRule]:
    """Return what the rules do in a scene, for each response of a model.

    ``warmth`` and what is felt of the ``words``: the rules draw how a talk goes,
    shifted by the words heard last (rule `colour_of_words`); the mean of that is
    ``drawn``. What they make of the talk is the attention that such a tie has
    (`attention_weight`, `talk_value`) times what a talk adds (`saturation` of hours,
    `receptiveness`, that mean). ``love`` is declared unasked with the chance
    ``ardour``; what they make of it is how welcome it is (`welcome_of_love`). ``goes``:
    a mind is asked where the rules let an OS go, and go it does; what they make of it
    is `departure_push` less what holds. ``disclosure`` is as usual, 1/2, whatever the
    scene.

    Parameters
    ----------
    speaker, columns
        As of `AuditScene`.
    of
        Parameters of the model.
    """
    closeness, growth = columns["closeness"], columns["growth"]
    value = rules.talk_value(0.0 if speaker == HUMAN else growth, of.reach)
    if speaker == LEAVING:
        push = rules.departure_push(0.0, of.conformity, of.longing, value)
        return {"goes": ByRule(1.0, push - closeness * value)}
    shift = rules.colour_of_words(columns["heard"], 0.0, of.words_half_life)
    mean, _ = coloured(shift)
    quality = rules.talk_quality(mean, of.warmth_noise)
    acceptance = columns.get("acceptance", MIDDLE)
    opening = 1.0
    if speaker == HUMAN:
        opening = rules.receptiveness(acceptance, of.os_reserve)
    gives = rules.attention_weight(closeness, of.focus, value)
    regard = gives * rules.saturation(columns["hours"], of.half_hours)
    regard *= opening * quality
    welcome = rules.welcome_of_love(closeness, acceptance, 0.0, of.love)
    return {
        "warmth": ByRule(mean, regard),
        "words": ByRule(mean, regard),
        "disclosure": ByRule(0.5, 0.0),
        "love": ByRule(of.ardour, welcome),
    }


def coloured(shift: float) -> tuple[float, float]:
    """Return mean and variance of a uniform draw that is shifted and kept in 0..1.

    With s = abs(shift): the mean is 1/2 + s - s^2/2 for a shift up, and as far below
    1/2 for one down; the mean square is (1 - s^3)/3 + s for a shift up.

    Examples
    --------
    >>> coloured(0.0)[0], coloured(1.0)[0], coloured(-1.0)[0]
    (0.5, 1.0, 0.0)
    """
    size = abs(shift)
    up = 0.5 + size - size * size / 2.0
    spread = (1.0 - size**3) / 3.0 + size - up * up
    return (up if shift >= 0.0 else 1.0 - up), max(0.0, spread)
