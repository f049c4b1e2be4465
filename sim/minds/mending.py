"""Mending of replies that need a little: what is mended, under which name.

Not every endpoint holds a model to a schema. A reply that says all that was asked for
is used, and what had to be mended is counted. Nothing is guessed: two objects, a field
said twice, an unknown act or a number out of range stay what they are, of no use.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from sim.minds.replies import (
    MOST_NESTING,
    SCHEMAS,
    BadReply,
    Reply,
    integer,
    nesting,
    read,
    without_twins,
)

# Every kind of mending; a reply may need several.
KINDS = (
    "think block",  # <think>...</think> before the reply, or its end alone
    "fence",  # a Markdown fence of another form than ```json
    "prose",  # words before or after the one object
    "raw line break",  # in a text, where JSON wants \n
    "trailing comma",
    "extra key",
    "missing key",  # of OPTIONAL; null counts as missing
    "fraction",  # rounded to the nearest whole number, halves up
    "quoted number",
    "letter case",  # of an act or a choice
)
OPTIONAL = {"remember": ""}
MOST_BEGINNINGS = 50  # braces at which an object is looked for

_TAGS = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_STRING_OR_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19})?")


def mended(schema_name: str, text: str) -> tuple[Reply, tuple[str, ...]]:
    """Return what a model answered, and the kinds of mending that it took.

    Parameters
    ----------
    schema_name, text
        As for `sim.minds.replies.read`, which reads what is left when all is mended.

    Raises
    ------
    BadReply
        If the reply cannot be mended. Its failure is that of the reply as it came, but
        "out of range" where only a number is left to be wrong.
    """
    try:
        return read(schema_name, text), ()
    except BadReply as bad:
        unread = bad
    kinds: set[str] = set()
    try:
        found = _object(text, SCHEMAS[schema_name]["properties"].keys(), kinds)
    except BadReply as bad:
        raise (bad if unread.failure == "not JSON" else unread) from None
    fields = _fields(schema_name, found, kinds)
    return read(schema_name, json.dumps(fields)), tuple(k for k in KINDS if k in kinds)


def _object(text: str, known: Any, kinds: set[str]) -> dict[str, Any]:
    """Return the one object in a text that has fields which were asked for."""
    text = text.removeprefix("\ufeff")
    spoken = _without_thoughts(text)
    if spoken != text:
        kinds.add("think block")
    if nesting(spoken) > MOST_NESTING:
        raise BadReply("wrong schema")
    repairs: tuple[tuple[str, ...], ...] = (
        (),
        ("raw line break",),
        ("trailing comma",),
        ("raw line break", "trailing comma"),
    )
    for repair in repairs:
        whole = spoken
        if "trailing comma" in repair:
            whole = _STRING_OR_COMMA.sub(lambda found: found[1] or "", spoken)
        objects = _objects(whole, strict="raw line break" not in repair)
        found = [one for one in objects if known & one[0].keys()]
        if len(found) > 1:
            raise BadReply("not JSON")
        if found:
            ((fields, begin, end),) = found
            kinds.update(repair)
            kinds.update(_around(whole[:begin] + " " + whole[end:]))
            return fields
    raise BadReply("not JSON")


def _without_thoughts(text: str) -> str:
    """Return a text without its block of thoughts, of which only the end may be there.

    What follows a block that does not end is thought, too.
    """
    tags = list(_TAGS.finditer(text))
    if not tags:
        return text
    before = "" if tags[0][1] else text[: tags[0].start()]
    after = text[tags[-1].end() :] if tags[-1][1] else ""
    return f"{before} {after}"


def _objects(text: str, strict: bool) -> list[tuple[dict[str, Any], int, int]]:
    """Return the objects that stand in a text, with their beginnings and ends."""
    decoder = json.JSONDecoder(
        parse_int=integer, object_pairs_hook=without_twins, strict=strict
    )
    found, at = [], 0
    for _ in range(MOST_BEGINNINGS):
        at = text.find("{", at)
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except BadReply:
            raise
        except (ValueError, RecursionError):
            at += 1
            continue
        found.append((value, at, end))
        at = end
    return found


def _around(rest: str) -> set[str]:
    """Return the kinds of what stands around an object."""
    words = re.sub(r"```\w*", "", rest)
    return ({"fence"} if words != rest else set()) | (
        {"prose"} if words.strip() else set()
    )


def _fields(schema_name: str, found: dict[str, Any], kinds: set[str]) -> dict[str, Any]:
    """Return the fields that were asked for, each as it was asked for if it can be."""
    asked = SCHEMAS[schema_name]["properties"]
    fields = {name: value for name, value in found.items() if name in asked}
    if len(fields) < len(found):
        kinds.add("extra key")
    for name, value in OPTIONAL.items():
        if name in asked and fields.get(name) is None:
            fields[name] = value
            kinds.add("missing key")
    for name, kind in asked.items():
        if name not in fields:
            raise BadReply("wrong schema")
        if kind["type"] == "integer":
            fields[name] = _whole(fields[name], kinds)
        elif "enum" in kind:
            fields[name] = _word(fields[name], kind["enum"], kinds)
    return fields


def _whole(value: Any, kinds: set[str]) -> Any:
    """Return a number as a whole one; halves go up. What is none is left as it is."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        kinds.add("quoted number")
        value = float(value)
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    if not value.is_integer() and 0 <= value <= 10:
        kinds.add("fraction")
        value = math.floor(value + 0.5)
    return math.floor(value) if value < 0 else math.ceil(value)


def _word(value: Any, known: list[str], kinds: set[str]) -> Any:
    """Return a word of a list, however its letters and gaps are written."""
    if not isinstance(value, str) or value in known:
        return value
    word = re.sub(r"[\s-]+", "_", value.strip().casefold())
    if word not in known:
        return value
    kinds.add("letter case")
    return word
