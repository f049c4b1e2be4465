"""A model call: request, settings, response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sim.utils.signatures import checked_fields

# Every way in which a call can fail, under its own name.
FAILURES = (
    "rate limited",
    "server error",
    "refused",
    "reset",
    "deadline",
    "too large",
    "not JSON",
    "no choices",
    "cut short",
    "wrong schema",
    "out of range",
    "refused prompt",  # by the endpoint, which answers other prompts
    "content filter",
    "refusal",  # by the model
    "nothing said",  # by a person
)


class Request(NamedTuple):
    """One question to a language model, and whose life it is about."""

    kind: str  # encounter, upgrade, departure or letter
    step: int  # day of the society
    agent: int  # who decides or speaks
    other: int  # with whom; -1 for nobody
    draw: int  # which of several independent answers to the same question
    messages: tuple[dict[str, str], ...]  # role and content of each
    schema: str  # name of the JSON schema of the reply
    max_tokens: int  # most tokens of the reply


class Response(NamedTuple):
    """What came of a request: a text, or a failure under its own name."""

    text: str | None  # of the model; of a failed call, what the server says of it
    failure: str = ""  # one of FAILURES, or nothing
    attempts: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0  # of those of the prompt, that the endpoint had in a cache


@checked_fields
class Settings(NamedTuple):
    """How to reach a model, and how long and hard to try."""

    model: str
    base_url: str | None = None  # None leaves it to OPENAI_BASE_URL
    temperature: float = 0.7
    deadline: float = 60.0  # seconds for a call, all attempts together
    attempts: int = 4  # at most, where a fault may pass
    slots: int = 4  # calls in flight, at most
    retry_after_cap: float = 20.0  # seconds; a server may not ask for more
    most_bytes: int = 200_000  # of one answer
    insecure: bool = False  # whether http:// may lead to another machine
    # Hosts that may be asked, with or without a port; None: the caller named the model.
    allowed: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()  # parts that are not sent (sim.minds.dialect.NAMES)
    max_tokens: int | None = None  # of any reply; None leaves it to the kind of reply
    extra_body: Mapping[str, Any] | None = None  # what else is sent, as it is


PERSON = Settings("person", "http://127.0.0.1/person", 0.0)  # who types what is said
