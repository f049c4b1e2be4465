"""Servers that call themselves OpenAI-compatible, as behaviours of the loopback server.

A family refuses some parts of a request, each in its own words; a mode answers with a
reply that needs mending, or refuses some prompts.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from loopback import Behaviour, Call, completion, scripted

Words = Callable[[str], tuple[int, Any]]  # a part that is refused -> status and body


class Family(NamedTuple):
    """What a kind of servers refuses, how it says so, and what it makes of a form."""

    refuses: tuple[str, ...] = ()
    words: Words = lambda part: (400, {})
    says: Callable[[str], str] = str  # of a good reply


def parts_of(body: Mapping[str, Any]) -> list[str]:
    """Return which parts that a server may refuse are in a request."""
    form = body.get("response_format", {})
    names = [name for name in ("bounds",) if "maxLength" in json.dumps(form)]
    limits = ("max_tokens", "max_completion_tokens")
    names += [name for name in ("seed", "temperature", *limits) if name in body]
    return [*names, *filter(None, [form.get("type")])]


def openai(part: str) -> tuple[int, Any]:
    """Refuse as OpenAI does: a sentence and the name of the parameter."""
    said, param = f"Unsupported parameter: '{part}' with this model.", part
    if part == "max_tokens":
        said += " Try 'max_completion_tokens'."
    if part == "bounds":
        said = "Invalid schema for response_format: 'maxLength' is not permitted."
        param = "response_format"
    return 400, {"error": {"message": said, "param": param, "code": "unsupported"}}


def google(part: str) -> tuple[int, Any]:
    """Refuse as Gemini's compatible address does: in a list, without pointing."""
    said = f"Invalid JSON payload received. Unknown name {part!r}: Cannot find field."
    return 400, [{"error": {"code": 400, "message": said, "status": "INVALID"}}]


def validator(part: str) -> tuple[int, Any]:
    """Refuse as servers with a validator do: 422, and where it is."""
    found = {"type": "extra_forbidden", "loc": ["body", part], "msg": "Extra input"}
    return 422, {"detail": [found]}


def plain(part: str) -> tuple[int, Any]:
    """Refuse in a sentence."""
    thing = "response_format type" if part.startswith("json") else part
    return 400, {"error": {"message": f"This {thing} is unavailable now"}}


def silent(part: str) -> tuple[int, Any]:
    """Refuse and say nothing of use."""
    return 400, {"error": "bad request"}


def fenced(text: str) -> str:
    """Say a reply as a model does that nobody holds to a form."""
    return f"Here it is:\n\n```json\n{text}\n```"


FAMILIES = {
    "OpenAI, chat models": Family(("bounds",), openai),
    "OpenAI, reasoning models": Family(("bounds", "max_tokens", "temperature"), openai),
    "Gemini": Family(("seed",), google),
    "Mistral": Family(("seed",), validator),
    "DeepSeek, and others with JSON mode only": Family(("json_schema",), plain),
    "hosts without any JSON mode": Family(
        ("json_schema", "json_object"), plain, fenced
    ),
    "vLLM, llama.cpp, LM Studio, Ollama": Family(),
    "Anthropic": Family(says=fenced),
    "a host that does not say what it refuses": Family(("seed", "json_schema"), silent),
}


def family(one: Family) -> Behaviour:
    """Behave as a family of servers, behind which the scripted model answers."""

    async def behave(call: Call) -> None:
        for part in parts_of(call.body):
            if part in one.refuses:
                code, body = one.words(part)
                await call.send(json.dumps(body).encode(), code)
                return
        await call.send_text(one.says(json.dumps(reply_to(call))))

    return behave


def reply_to(call: Call) -> dict[str, Any]:
    """Return what the scripted model replies, also where it is told no schema."""
    if call.schema:
        return scripted(call)
    kind = "encounter" if '"warmth"' in call.text else "decision"
    form = {"json_schema": {"name": kind if '"letter"' not in call.text else "letter"}}
    told = call.body | {"response_format": form}
    return scripted(Call(call.number, call.headers, told, call.reader, call.writer))


# ------------------------------------------------------------- replies to be mended

Change = Callable[[dict[str, Any]], dict[str, Any]]


def _each(reply: dict[str, Any], change: Callable[[int], Any]) -> dict[str, Any]:
    return {k: change(v) if type(v) is int else v for k, v in reply.items()}


def _newline(text: str) -> str:
    return text.replace('"said": "', '"said": "\n', 1)


def _without(reply: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in reply.items() if k != name}


# What is said in the place of a good text or object, and what has to be mended.
TEXTS: dict[str, tuple[Callable[[str], str], set[str]]] = {
    "thinks": (lambda t: f"<think>\nA {{friend}}.\n</think>\n{t}", {"think block"}),
    "ends thinking": (lambda t: f"A friend.\n</think>{t}", {"think block"}),
    "prose before": (lambda t: f"Sure! {t}", {"prose"}),
    "prose after": (lambda t: f"{t}\n\nAnything else?", {"prose"}),
    "fence": (lambda t: f"```JSON\n{t}\n```", {"fence"}),
    "fence in prose": (fenced, {"fence", "prose"}),
    "comma": (lambda t: t[:-1] + ",}", {"trailing comma"}),
    "line break": (_newline, {"raw line break"}),
}
OBJECTS: dict[str, tuple[Change, set[str]]] = {
    "quoted": (lambda r: _each(r, str), {"quoted number"}),
    "halves": (lambda r: _each(r, lambda n: max(n - 0.5, 0)), {"fraction"}),
    "more": (lambda r: r | {"reasoning": "because"}, {"extra key"}),
    "capitals": (
        lambda r: {k: v.title() if k == "act" else v for k, v in r.items()},
        {"letter case"},
    ),
    "null": (lambda r: r | {"remember": None}, {"missing key"}),
    "less": (lambda r: _without(r, "remember"), {"missing key"}),
}


def saying(change: Callable[[str], str]) -> Behaviour:
    """Say every reply in another way."""

    async def behave(call: Call) -> None:
        await call.send_text(change(json.dumps(scripted(call))))

    return behave


def replying(change: Change) -> Behaviour:
    """Reply with an object that is a little different."""
    return saying(lambda text: json.dumps(change(json.loads(text))))


# --------------------------------------------------------------------- odd answers


def packed() -> Behaviour:
    """Pack the answer, unasked."""

    async def behave(call: Call) -> None:
        body = completion(call, json.dumps(scripted(call)))
        await call.send(gzip.compress(body), 200, {"Content-Encoding": "gzip"})

    return behave


def in_parts() -> Behaviour:
    """Answer in parts, the first of which is thought."""

    async def behave(call: Call) -> None:
        answer = json.loads(completion(call, ""))
        text = json.dumps(scripted(call))
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
        parts = [thought, {"type": "text", "text": text}]
        answer["choices"][0]["message"]["content"] = parts
        await call.send(json.dumps(answer).encode())

    return behave


def declining(reason: str = "stop", **message: Any) -> Behaviour:
    """Answer with a message of another kind in the place of words."""

    async def behave(call: Call) -> None:
        answer = json.loads(completion(call, None, reason))
        answer["choices"][0]["message"] |= message
        await call.send(json.dumps(answer).encode())

    return behave


def error(code: int, said: str, status: int = 0, word: str = "") -> Behaviour:
    """Refuse with a sentence; with ``status=200``, in the place of an answer."""

    async def behave(call: Call) -> None:
        body = {"error": {"message": said, "code": word or code}}
        await call.send(json.dumps(body).encode(), status or code)

    return behave


def seventh(behave: Behaviour) -> Behaviour:
    """Behave so at every seventh question; else be the scripted model."""

    async def behave_so(call: Call) -> None:
        if call.number % 7 == 6:
            await behave(call)
        else:
            await call.send_text(json.dumps(scripted(call)))

    return behave_so
