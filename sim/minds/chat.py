"""Chat at a terminal with an OS as it was on a day, streamed."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from typing import Any

from sim.minds import dialect
from sim.minds.calls import Settings
from sim.minds.client import address_of, base_url_of, connect, fault_of, key_for
from sim.minds.options import check_settings
from sim.minds.prompts import MOST_TYPED, Messages
from sim.minds.refusals import Refusal, named, sentence
from sim.minds.replies import one_line
from sim.minds.transcript import SHORTEST_SECRET, without_secrets
from sim.utils.errors import InputError

MOST_TURNS = 6  # that are sent again; more would not fit a small model
MOST_TOKENS = 200
MOST_CHARACTERS = 4000  # of one answer


class Chat:
    """A conversation with one OS; nothing of it changes the run.

    A context manager.

    Parameters
    ----------
    settings
        How to reach the model.
    persona
        Who the model is to be, as `sim.minds.prompts.messages` says.

    Raises
    ------
    InputError
        If the package openai is missing, the settings make no sense, or the address or
        the key is not right.
    """

    def __init__(self, settings: Settings, persona: Messages) -> None:
        self.settings = settings
        self.said: list[dict[str, str]] = []
        self._persona = persona
        check_settings(settings)
        url = address_of(settings)
        self._key = key_for(url)
        self._client, faults = connect(url, self._key, 1)
        # A ValueError: what came is no stream of JSON.
        ends = (_error_in_a_stream(), TimeoutError, ValueError)
        self._fails: tuple[type[BaseException], ...] = (*faults, *ends)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, *exception: object) -> None:
        self._runner.run(self._client.close())
        self._runner.close()

    def say(self, text: str, tell: Callable[[str], None]) -> str:
        """Say something to the OS; tell its answer piece by piece; return it whole.

        Raises
        ------
        InputError
            If the endpoint fails or refuses; what was said before is kept.
        """
        typed = {"role": "user", "content": one_line(text, MOST_TYPED)}
        turns = [*self.said[-2 * MOST_TURNS :], typed]
        try:
            answer: str = self._runner.run(self._settled_answer(turns, tell))
        except self._fails as error:
            told = _explained(error, self.settings, self._key)
            raise InputError(told) from None
        if not answer.strip():
            raise InputError(_explained(ValueError(), self.settings, self._key))
        self.said += [typed, {"role": "assistant", "content": answer}]
        return answer

    async def _settled_answer(
        self, turns: list[dict[str, str]], tell: Callable[[str], None]
    ) -> str:
        """Answer; leave out from now on what the endpoint refuses by name."""
        while True:
            try:
                return await self._answer(turns, tell)
            except self._fails as error:
                refusal, parts = fault_of(error), self._parts()
                codes = dialect.REFUSES_PARAMETERS
                if not isinstance(refusal, Refusal) or refusal.code not in codes:
                    raise
                name = named(refusal.content, list(parts))
                if name is None:
                    raise
            without = dialect.check_names([*self.settings.without, name])
            self.settings = self.settings._replace(without=without)

    def _parts(self) -> dict[str, Any]:
        """Return what is sent beside model and messages, of what may be left out."""
        kept = dialect.sent(self.settings.without)
        limits = dict.fromkeys(dialect.LIMITS, self.settings.max_tokens or MOST_TOKENS)
        values = {"temperature": self.settings.temperature, **limits}
        return {name: value for name, value in values.items() if name in kept}

    async def _answer(
        self, turns: list[dict[str, str]], tell: Callable[[str], None]
    ) -> str:
        answer = RedactingStream(tell)
        async with asyncio.timeout(self.settings.deadline):
            stream: Any = await self._client.chat.completions.create(
                model=self.settings.model,
                messages=[*self._persona, *turns],
                stream=True,
                extra_body=self._parts() | dict(self.settings.extra_body or {}),
            )
            try:
                async for chunk in stream:
                    if answer.is_full:  # what had come before the stream was closed
                        continue
                    answer.take(_piece(chunk))
                    if answer.is_full:
                        await stream.close()
            except Exception:
                # A closed stream ends with an error, and with it all that the client
                # was reading through; to break off would leave that to the collector.
                if not answer.is_full:
                    raise
        return answer.end()


class RedactingStream:
    """Words on their way to a terminal; the endpoint's key is not among them."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.text = ""
        self._tell = tell
        self._waits = ""
        key = os.environ.get("OPENAI_API_KEY", "").strip()
        hidden = base64.b64encode(os.fsencode(key)).decode().rstrip("=")
        self._secrets = (key, hidden) if len(key) >= SHORTEST_SECRET else ()

    def take(self, piece: str) -> None:
        """Tell what came, but for what could be the beginning of the key."""
        self._waits = without_secrets(self._waits + piece)
        begun = (_begun(secret, self._waits) for secret in self._secrets)
        self._pass_on(len(self._waits) - max(begun, default=0))

    @property
    def is_full(self) -> bool:
        """Whether more has been shown than anybody reads."""
        return len(self.text) > MOST_CHARACTERS

    def end(self) -> str:
        """Show the rest; return all that was shown."""
        self._pass_on(len(self._waits))
        return self.text

    def _pass_on(self, letters: int) -> None:
        if letters > 0:
            self.text += self._waits[:letters]
            self._tell(self._waits[:letters])
            self._waits = self._waits[letters:]


def _begun(secret: str, text: str) -> int:
    """Return how many letters at the end of a text begin a secret."""
    ends = range(min(len(secret) - 1, len(text)), 0, -1)
    return next((n for n in ends if text.endswith(secret[:n])), 0)


def _error_in_a_stream() -> type[Exception]:
    import openai

    return openai.APIError


def _piece(chunk: Any) -> str:
    """Return the words in a piece of a stream, fit for a terminal."""
    choices = getattr(chunk, "choices", None)
    first = choices[0] if isinstance(choices, list) and choices else None
    text = getattr(getattr(first, "delta", None), "content", None)
    if not isinstance(text, str):
        return ""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")


def _explained(error: BaseException, settings: Settings, key: str) -> str:
    said = ""
    if isinstance(error, TimeoutError):
        what = "deadline"
    elif isinstance(error, ValueError):
        what = "no words"
    else:
        fault = fault_of(error)
        refusal = fault if isinstance(fault, Refusal) else fault.refusal
        what = f"status {fault.code}" if isinstance(fault, Refusal) else fault.name
        said = sentence(refusal.content, key) if refusal is not None else ""
    where = base_url_of(settings.base_url)
    return (
        f"no answer from model {settings.model!r} at {where} ({what}); check that it "
        "runs, --base-url, --model and OPENAI_API_KEY"
    ) + (f"; it says: {said}" if said else "")
