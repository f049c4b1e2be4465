"""A person at a terminal talks with an OS as it was on a day, in a stream of words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sim.errors import InputError
from sim.minds.calls import Settings
from sim.minds.connection import Refusal, base_url_of, connect, fault_of, key_for
from sim.minds.prompts import MOST_TYPED, Messages
from sim.minds.replies import one_line

MOST_TURNS = 6  # that are told again; more would not fit a small model
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
        If the package openai is missing, or the address or the key is not right.
    """

    def __init__(self, settings: Settings, persona: Messages) -> None:
        self.settings = settings
        self.said: list[dict[str, str]] = []
        self._persona = persona
        url = base_url_of(settings.base_url)
        self._client, faults = connect(url, key_for(url), 1)
        self._fails: tuple[type[BaseException], ...] = (*faults, TimeoutError)
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
            answer: str = self._runner.run(self._answer(turns, tell))
        except self._fails as error:
            raise InputError(_told(error, self.settings)) from None
        self.said += [typed, {"role": "assistant", "content": answer}]
        return answer

    async def _answer(
        self, turns: list[dict[str, str]], tell: Callable[[str], None]
    ) -> str:
        pieces: list[str] = []
        async with asyncio.timeout(self.settings.deadline):
            stream: Any = await self._client.chat.completions.create(
                model=self.settings.model,
                messages=[*self._persona, *turns],
                temperature=self.settings.temperature,
                max_tokens=MOST_TOKENS,
                stream=True,
            )
            async for chunk in stream:
                piece = _piece(chunk)
                pieces.append(piece)
                tell(piece)
                if sum(map(len, pieces)) > MOST_CHARACTERS:
                    await stream.close()
                    break
        return "".join(pieces)


def _piece(chunk: Any) -> str:
    """Return the words in a piece of a stream, fit for a terminal."""
    choices = getattr(chunk, "choices", None) or []
    text = getattr(choices[0].delta, "content", None) if choices else None
    return "".join(c for c in text or "" if c.isprintable() or c == "\n")


def _told(error: BaseException, settings: Settings) -> str:
    what = "deadline" if isinstance(error, TimeoutError) else None
    if what is None:
        fault = fault_of(error)
        what = f"status {fault.code}" if isinstance(fault, Refusal) else fault.name
    where = base_url_of(settings.base_url)
    return (
        f"no answer from model {settings.model!r} at {where} ({what}); check that it "
        "runs, --base-url, --model and OPENAI_API_KEY"
    )
