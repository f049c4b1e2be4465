"""Dialect of an endpoint: which parts of a request it takes, and how that is found.

Servers that are called OpenAI-compatible do not take the same requests. All is sent at
first; what a server refuses is left out or replaced, once, at the opening of a run. The
parts that are left out are the dialect. It is stored with the recording and goes into
the key of every call, since it could change an answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim.minds.calls import Request, Settings
from sim.minds.refusals import Refusal, named
from sim.utils.errors import InputError, nearest

# What may be left out. Each of the last two pairs is one thing in two forms; the second
# is sent only without the first.
FORMATS = ("json_schema", "json_object")
LIMITS = ("max_tokens", "max_completion_tokens")
NAMES = ("bounds", "seed", "temperature", *LIMITS, *FORMATS)
GROUPS = {"response_format": FORMATS}  # other names of several
OURS = ("model", "messages", "stream")
MOST_OF_AN_EXTRA = 4000  # characters of JSON
BOUNDS = ("minimum", "maximum", "maxLength")  # of a schema; the reader checks them, too
REFUSES_PARAMETERS = (400, 422)

Without = tuple[str, ...]
Attempt = Callable[[Without], Refusal | None]


def sent(without: Sequence[str]) -> Without:
    """Return what is sent, beside model and messages: what is missed least first."""
    form = next((name for name in FORMATS if name not in without), "")
    limit = next((name for name in LIMITS if name not in without), "")
    names = ("bounds", "seed", "temperature")
    kept = [name for name in names if name not in without]
    if form != FORMATS[0] and "bounds" in kept:
        kept.remove("bounds")
    return (*kept, *filter(None, (limit, form)))


def question(
    request: Request, schema: Mapping[str, Any], settings: Settings
) -> dict[str, Any]:
    """Return the body of a request, without what the dialect leaves out."""
    name, parts = request.schema, sent(settings.without)
    asked = schema if "bounds" in parts else _unbounded(schema)
    described = {"name": name, "strict": True, "schema": asked}
    values: dict[str, dict[str, Any]] = {
        "seed": {"seed": request.draw},
        "temperature": {"temperature": settings.temperature},
        **{limit: {limit: request.max_tokens} for limit in LIMITS},
        "json_schema": {"type": "json_schema", "json_schema": described},
        "json_object": {"type": "json_object"},
    }
    body: dict[str, Any] = {"model": settings.model, "messages": request.messages}
    for part in parts:
        if part in FORMATS:
            body["response_format"] = values[part]
        elif part != "bounds":
            body |= values[part]
    return body | dict(settings.extra_body or {})


def settle(given: Sequence[str], attempt: Attempt) -> Without:
    """Return what an endpoint is to be asked without.

    A refusal that names a part is followed. One that names none is answered by leaving
    out one part at a time; if that does not help, by leaving out all and putting back
    what is taken.

    Parameters
    ----------
    given
        What is left out from the beginning, as the user said. Of the two names of the
        limit of tokens, the one left out is tried after all if the other is refused.
    attempt
        Asks without these parts; returns the refusal, or None if there is an answer.

    Raises
    ------
    Refusal
        The first one, if nothing that can be left out helps; one that finds the limit
        of tokens too large or too small, which is for the user to say.
    """
    without, first, again = _ordered(given), None, set(given) & {LIMITS[0]}
    while True:
        refusal = attempt(without)
        if refusal is None:
            return without
        first = first or refusal
        if refusal.code not in REFUSES_PARAMETERS or refusal.is_of_the_account:
            raise refusal
        name = named(refusal.content, sent(without))
        if name in LIMITS and refusal.is_of_a_value:
            raise refusal  # without a limit it would be the user who pays
        if name is None:
            found = _search(without, attempt)
            if found is None:
                raise first
            return found
        left = {*without, name}
        if name == LIMITS[1] and LIMITS[1] not in given:
            left -= again  # the reverse
            again = set()
        without = _ordered(left)


def _search(without: Without, attempt: Attempt) -> Without | None:
    """Return what to leave out where a server does not say; None if nothing helps."""
    parts = sent(without)
    for part in parts:
        fewer = _ordered((*without, part))
        if attempt(fewer) is None:
            return fewer
    least: Without = NAMES
    if attempt(least) is not None:
        return None
    for part in sorted(set(NAMES) - set(without), key=NAMES.index, reverse=True):
        more = tuple(name for name in least if name != part)
        if sent(more) != sent(least) and attempt(more) is None:
            least = more
    return least


def described(settings: Settings) -> str:
    """Return in words what is sent, and what is not."""
    text = ", ".join(sent(settings.without)) or "model and messages only"
    if settings.max_tokens is not None:
        text += f"; at most {settings.max_tokens:,} tokens a reply"
    if settings.extra_body:
        text += f"; also {', '.join(settings.extra_body)}"
    return text + (
        f"; without {', '.join(settings.without)}" if settings.without else ""
    )


def names_of(text: str) -> Without:
    """Return the parts that are named in a text such as ``seed,json_schema``.

    Raises
    ------
    InputError
        If one is none.
    """
    given = [name.strip() for name in text.split(",") if name.strip()]
    return check_names([part for name in given for part in GROUPS.get(name, (name,))])


def check_names(without: Sequence[str]) -> Without:
    """Return names of parts in their order; raise InputError if one is none."""
    if isinstance(without, str) or not isinstance(without, Sequence):
        raise InputError(f"what is not sent is a tuple of names, not {without!r}")
    for name in without:
        if name not in NAMES:
            hint = nearest(str(name), NAMES) or f"; there are {', '.join(NAMES)}"
            raise InputError(f"nothing named {str(name)!r} can be left out{hint}")
    return _ordered(without)


def extra_of(text: str) -> dict[str, Any]:
    """Return the JSON object in a text.

    Raises
    ------
    InputError
        If there is none.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(
            f'--extra-body takes a JSON object, as {{"top_k": 20}}, not {text!r}'
        )
    return check_extra(found)


def check_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else is sent as it is; raise InputError if it cannot be."""
    if not isinstance(extra, Mapping):
        raise InputError(f"the extra body is a mapping, not {extra!r}")
    try:
        text = json.dumps(dict(extra), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise InputError("the extra body cannot be written as JSON") from None
    if len(text) > MOST_OF_AN_EXTRA:
        raise InputError(f"the extra body has more than {MOST_OF_AN_EXTRA} characters")
    if taken := [name for name in OURS if name in extra]:
        raise InputError(f"the extra body cannot set {taken[0]!r}; leave it out")
    found: dict[str, Any] = json.loads(text)
    return found


def _ordered(names: Sequence[str] | set[str]) -> Without:
    return tuple(name for name in NAMES if name in names)


def _unbounded(schema: Any) -> Any:
    """Return a schema without the bounds of numbers and lengths."""
    if not isinstance(schema, dict):
        return schema
    return {k: _unbounded(one) for k, one in schema.items() if k not in BOUNDS}
