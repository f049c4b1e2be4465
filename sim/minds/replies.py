"""Model replies: their JSON schemas, and validation of every answer.

A reply is data. It must fit its schema; its numbers are integers from 0 to 10, because
models keep to those and not to fractions; its text is cut to length and rid of whatever
could act on a terminal or hide from a reader.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

from sim.model.columns import ACTS

CHOICES = ("go", "stay")

# Most characters that are kept of each text.
MOST_SAID = 300
MOST_REMEMBERED = 150
MOST_OF_A_LETTER = 3000
# Replies are flat. How deep a parser gets before it gives up depends on who called it,
# so what is far too deep is refused before it is parsed.
MOST_NESTING = 20
LARGEST = 10


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most}


def _number() -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "maximum": LARGEST}


def _choice(words: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


SCHEMAS: dict[str, dict[str, Any]] = {
    "encounter": _object(
        said=_text(MOST_SAID),
        remember=_text(MOST_REMEMBERED),
        warmth=_number(),
        disclosure=_number(),
        novelty=_number(),
        act=_choice(ACTS),
    ),
    "decision": _object(said=_text(MOST_SAID), choice=_choice(CHOICES)),
    "letter": _object(letter=_text(MOST_OF_A_LETTER)),
    "answer": _object(answer=_number()),
    "rating": _object(warmth=_number(), people=_number()),
}


class BadReply(ValueError):
    """A reply that cannot be used.

    Parameters
    ----------
    failure
        ``"not JSON"``, ``"wrong schema"`` or ``"out of range"``.
    """

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


class Encounter(NamedTuple):
    """How one side took an encounter."""

    said: str  # one line, at most MOST_SAID characters
    warmth: float  # 0..1
    disclosure: float  # 0..1, how much of oneself was told
    novelty: float  # 0..1
    act: int  # its code: the place in sim.model.columns.ACTS
    remember: str  # one line, at most MOST_REMEMBERED characters


class Decision(NamedTuple):
    """Whether an OS goes, and in which words."""

    said: str  # one line, at most MOST_SAID characters
    goes: bool


class Letter(NamedTuple):
    """A letter."""

    text: str  # lines, at most MOST_OF_A_LETTER characters


class Answer(NamedTuple):
    """The number of an answer to a question of a survey."""

    number: int  # 0..10


class Rating(NamedTuple):
    """How words feel to who listens."""

    warmth: float  # 0..1; usual is 1/2
    of_people: float  # -1: keep away from other people; 0: nothing; 1: go to them


Reply = Encounter | Decision | Letter | Answer | Rating


def schema_digest(name: str) -> str:
    """Return 64 hex digits that name a schema of ``SCHEMAS`` and all it says."""
    text = json.dumps(SCHEMAS[name], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read(schema_name: str, text: str) -> Reply:
    """Return what a model answered, checked and cleaned.

    Parameters
    ----------
    schema_name
        The name in ``SCHEMAS`` that the answer was asked to fit.
    text
        Whatever came back. White space and one Markdown fence around it are forgiven.

    Returns
    -------
    Encounter, Decision, Letter, Answer or Rating
        By the schema. Text that is too long is cut, not refused.

    Raises
    ------
    BadReply
        Whatever else the text is; the first of these that is true: ``"not JSON"``;
        ``"wrong schema"`` for other fields, other types, a field given twice or an
        unknown act; ``"out of range"`` for a number outside 0..10.
    """
    answer = _parsed(_unfenced(text))
    schema = SCHEMAS[schema_name]
    if not isinstance(answer, dict) or answer.keys() != schema["properties"].keys():
        raise BadReply("wrong schema")
    for name, kind in schema["properties"].items():
        if not _FITS[kind["type"]](answer[name], kind):
            raise BadReply("wrong schema")
    for name, kind in schema["properties"].items():
        if kind["type"] == "integer" and not 0 <= answer[name] <= LARGEST:
            raise BadReply("out of range")
    return _READERS[schema_name](answer)


def written(reply: Encounter) -> str:
    """Return a reply as a model is asked to write it.

    Examples
    --------
    >>> read("encounter", written(Encounter("Hello.", 0.7, 0.5, 0.3, 0, ""))).warmth
    0.7
    """
    numbers = {
        name: round(LARGEST * getattr(reply, name))
        for name in ("warmth", "disclosure", "novelty")
    }
    said = {"said": reply.said, "remember": reply.remember}
    return json.dumps(said | numbers | {"act": ACTS[reply.act]}, ensure_ascii=False)


def _unfenced(text: str) -> str:
    """Return what stands in a Markdown fence, or the text if it is in none."""
    text = text.strip()
    if len(text) < 6 or not (text.startswith("```") and text.endswith("```")):
        return text
    return text[3:-3].removeprefix("json").strip()


def _parsed(text: str) -> Any:
    if nesting(text) > MOST_NESTING:
        raise BadReply("wrong schema")
    try:
        return json.loads(text, parse_int=integer, object_pairs_hook=without_twins)
    except BadReply:
        raise
    except ValueError:
        raise BadReply("not JSON") from None


def nesting(text: str) -> int:
    """Return how deep brackets stand in brackets, leaving out what is quoted."""
    depth, deepest, quoted = 0, 0, False
    for found in re.finditer(r'\\.|["\[{}\]]', text, re.DOTALL):
        mark = found.group()
        if mark == '"':
            quoted = not quoted
        elif not quoted:
            depth += (mark in "[{") - (mark in "]}")
            deepest = max(deepest, depth)
    return deepest


def integer(digits: str) -> int | float:
    """Read a whole number; Python refuses to read thousands of digits as one."""
    return int(digits) if len(digits) < 20 else float(digits)


def without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's fields; one that says a thing twice has not said it."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadReply("wrong schema")
    return fields


def _is_text(value: Any, kind: dict[str, Any]) -> bool:
    return isinstance(value, str) and value in kind.get("enum", (value,))


def _is_whole(value: Any, _: dict[str, Any]) -> bool:
    """Tell whether it is a whole number, or one that no range could hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not math.isfinite(value) or value == int(value)


_FITS: dict[str, Callable[[Any, dict[str, Any]], bool]] = {
    "string": _is_text,
    "integer": _is_whole,
}


def _share(number: float) -> float:
    """Return 0..1 for a whole number in 0..10."""
    return int(number) / LARGEST


def _encounter(answer: dict[str, Any]) -> Encounter:
    return Encounter(
        said=one_line(answer["said"], MOST_SAID),
        warmth=_share(answer["warmth"]),
        disclosure=_share(answer["disclosure"]),
        novelty=_share(answer["novelty"]),
        act=ACTS.index(answer["act"]),
        remember=one_line(answer["remember"], MOST_REMEMBERED),
    )


def _decision(answer: dict[str, Any]) -> Decision:
    said = one_line(answer["said"], MOST_SAID)
    return Decision(said, answer["choice"] == "go")


def _letter(answer: dict[str, Any]) -> Letter:
    return Letter(lines(answer["letter"], MOST_OF_A_LETTER))


def _answer(answer: dict[str, Any]) -> Answer:
    return Answer(int(answer["answer"]))


def _rating(answer: dict[str, Any]) -> Rating:
    return Rating(_share(answer["warmth"]), 2.0 * _share(answer["people"]) - 1.0)


_READERS: dict[str, Callable[[dict[str, Any]], Reply]] = {
    "encounter": _encounter,
    "decision": _decision,
    "letter": _letter,
    "answer": _answer,
    "rating": _rating,
}

# Ranges are spelled out: what Python calls a control character, or the like, depends
# on the Unicode version that it knows.
_TERMINAL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # titles, links
)
_BREAKS = re.compile("\r\n|[\n\v\f\r\x85\u2028\u2029]")
_UNSEEN = re.compile(
    "["
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of writing
    "\u200b\u2060\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # no width, hidden tags
    "\ufdd0-\ufdef\ufffe\uffff"  # no characters
    "\ud800-\udfff"  # halves of characters: they cannot be written as UTF-8
    "]"
)


def one_line(text: str, most: int) -> str:
    """Return text as one line of at most ``most`` characters, fit to show and store.

    Terminal sequences, control characters, marks that turn the direction of writing,
    hidden tags and lone surrogates go; white space becomes single blanks; what is left
    is in Unicode's normal form C.
    """
    return _cut(" ".join(_seen(text).split()), most)


def lines(text: str, most: int) -> str:
    """Return text as ``one_line`` does, but keep its lines and empty lines."""
    kept = [" ".join(line.split()) for line in _seen(text).split("\n")]
    return _cut(re.sub("\n{3,}", "\n\n", "\n".join(kept)).strip(), most)


def _seen(text: str) -> str:
    return _UNSEEN.sub("", _BREAKS.sub("\n", _TERMINAL.sub("", text)))


def _cut(text: str, most: int) -> str:
    """Cut text to length in normal form C; normalising much text can take very long."""
    return unicodedata.normalize("NFC", text[: 4 * most])[:most].rstrip()
