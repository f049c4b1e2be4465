"""Refusals of an endpoint: what the server says, and which parameter it names."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

PLACEHOLDER = "none"  # a key for servers on this machine, which want none
MOST_QUOTED = 300  # characters of what a server says
MOST_OF_A_PAGE = 8000  # bytes that are looked at, where it is no JSON
SENTENCES = ("error", "errors", "message", "msg", "detail", "metadata", "raw")
POINTERS = ("param", "loc", "field", "parameter", "path")
VALUES = r"too (large|high|big|small|low)|at (most|least)|exceed|(less|greater) than"
# How servers speak of what is sent (`sim.minds.dialect.NAMES`).
FORMS = r"response.?format|json.?schema|json.?object|json.?mode|structured.?output"
WORDS = {
    "bounds": r"\b(min|max)Length\b|\b(minimum|maximum)\b"
    r"(?!\s+(context|number|of|allowed|tokens?|length|value|is|output)\b)",
    "seed": r"\bseed\b",
    "temperature": r"\btemperature\b",
    "max_tokens": r"\bmax_tokens\b",
    "max_completion_tokens": r"\bmax_completion_tokens\b",
    "json_schema": FORMS,
    "json_object": FORMS,
}


class Refusal(Exception):
    """An answer with a status other than 2xx, or an error in the place of an answer."""

    def __init__(self, code: int, retry_after: str, content: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after
        self.content = content

    @property
    def is_of_the_account(self) -> bool:
        """Whether it is about the model, the key or the account, not the request."""
        error = _error_in(self.content)
        told = {str(error.get(name)) for name in ("code", "type", "param")}
        return bool(told & {"model", "model_not_found", "invalid_api_key", *QUOTA})

    @property
    def is_of_a_value(self) -> bool:
        """Whether it is about how large a number is, and not about its being sent."""
        said = sentence(self.content)
        return bool(re.search(VALUES, said, re.IGNORECASE))

    @property
    def is_a_filter(self) -> bool:
        """Whether a content filter refused the prompt."""
        code = str(_error_in(self.content).get("code"))
        return "content_filter" in code or "content_policy" in code


QUOTA = {"insufficient_quota", "billing_hard_limit_reached"}


def sentence(content: bytes, key: str = PLACEHOLDER) -> str:
    """Return what a server says of its refusal, in one line; nothing if it says none.

    Parameters
    ----------
    content
        The body of the answer, of whatever form: OpenAI's object, a list of such, the
        list of a validator, a text, a page.
    key
        What must not get out: a text that holds a piece of it is not returned.
    """
    found = _loaded(content)
    if found is None:
        page = content[:MOST_OF_A_PAGE].decode(errors="replace")
        texts = [re.sub(r"(?s)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", page)]
    else:
        texts = list(dict.fromkeys(_sentences(found)))
    said = " ".join("; ".join(texts).split())
    if not said or _tells(said, key):
        return ""
    plain = "".join(letter if letter.isprintable() else " " for letter in said)
    return " ".join(plain[:MOST_QUOTED].split())


def named(content: bytes, sent: Sequence[str]) -> str | None:
    """Return which of the things that were sent a refusal names first, or None.

    What a server points at (``param``, ``loc``) comes before what else its sentence
    mentions, and the bounds of a schema, the first of what is sent, before the schema.
    """
    found = _loaded(content)
    pointed = " ".join(_strings(found, pointed=True))
    everything = " ".join(_strings(found)) or content.decode(errors="replace")
    outside = [name for name in sent if WORDS[name] != FORMS]
    for names, text in (
        (outside, pointed),
        (outside[:1] if "bounds" in sent else (), everything),
        (sent, pointed),
        (sent, everything),
    ):
        for name in names:
            if re.search(WORDS[name], text, re.IGNORECASE):
                return name
    return None


def mapping(value: object) -> dict[str, Any]:
    """Return a JSON object as it is, and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def unpacked(content: bytes, encoding: str, most: int) -> bytes:
    """Return at most ``most + 1`` bytes of a body that a server packed unasked."""
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return content
    try:
        return zlib.decompressobj(47).decompress(content, most + 1)
    except zlib.error:
        return content


def _loaded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _error_in(content: bytes) -> dict[str, Any]:
    found = _loaded(content)
    found = found[0] if isinstance(found, list) and found else found
    return mapping(mapping(found).get("error")) or mapping(found)


def _sentences(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield what is said for people in an answer."""
    if isinstance(value, str) and value.strip():
        yield value
    elif depth < 6 and isinstance(value, list):
        for one in value[:4]:
            yield from _sentences(one, depth + 1)
    elif depth < 6 and isinstance(value, dict):
        where = value.get("loc")
        if isinstance(where, list) and isinstance(value.get("msg"), str):
            yield f"{'.'.join(map(str, where[:9]))}: {value['msg']}"
            return
        for name in SENTENCES:
            yield from _sentences(value.get(name), depth + 1)


def _strings(value: Any, pointed: bool = False, depth: int = 0) -> Iterator[str]:
    """Yield all texts in an answer, or only those that point at a parameter."""
    if isinstance(value, str) and not pointed:
        yield value
    elif depth < 9 and isinstance(value, list):
        for one in value:
            yield from _strings(one, pointed, depth + 1)
    elif depth < 9 and isinstance(value, dict):
        for name, one in value.items():
            yield from _strings(one, pointed and name not in POINTERS, depth + 1)


def _tells(said: str, key: str, piece: int = 6) -> bool:
    """Tell whether a text holds a piece of the key, plain, in base64 or in hex."""
    if key == PLACEHOLDER:
        return False
    raw = key.encode()
    forms = [key, raw.hex()]
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + raw).decode()
        forms += [coded, coded.translate(str.maketrans("+/", "-_"))]
    low = said.lower()
    return any(
        form[at : at + piece].lower() in low
        for form in forms
        for at in range(max(1, len(form) - piece + 1))
    )
