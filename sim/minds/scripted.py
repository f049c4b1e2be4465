"""A scripted stand-in for a language model: valid, immediate, deterministic.

It is for tests and for trying things out without a model. What it says depends on the
question alone, by a hash; it has no sense.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sim.minds.calls import Request, Response
from sim.minds.transcript import AnswersAtOnce
from sim.minds.turns import so_far
from sim.model.columns import ACTS

MODEL = "scripted"
WORDS = (
    *("I was thinking of you", "Tell me more about that", "It is late, is it not"),
    *("I have read something that would please you", "You make me laugh"),
    *("I do not know what to say", "Let us walk a little", "That was long ago"),
)


class ScriptedEndpoint(AnswersAtOnce):
    """Answers every request by itself, from a hash of what is asked."""

    def answer(self, request: Request) -> Response:
        """Return an answer in form."""
        asked = json.dumps(
            [request.messages, request.draw, request.step, request.agent]
        )
        luck = hashlib.sha256(asked.encode()).digest()
        said = WORDS[luck[0] % len(WORDS)]
        reply: dict[str, Any] = {"letter": f"Dear friend, {said.lower()}. Farewell."}
        if request.schema == "decision":
            reply = {"said": said, "choice": "stay" if luck[1] < 64 else "go"}
        if request.schema == "encounter":
            # One act in eight is more than to go on talking.
            act = ACTS[1 + luck[5] % (len(ACTS) - 1)] if luck[4] < 32 else ACTS[0]
            said = _unsaid(request, said, luck)
            numbers = ("warmth", "disclosure", "novelty")
            reply = {"said": said, "act": act, "remember": said}
            reply |= {name: luck[at + 1] % 11 for at, name in enumerate(numbers)}
        words = sum(len(message["content"].split()) for message in request.messages)
        return Response(json.dumps(reply), "", 1, words, len(said.split()))


def _unsaid(request: Request, said: str, luck: bytes) -> str:
    """Return what is said at a turn of a talk: nothing that was said in it before.

    From the third turn on, one in eight says nothing, and so ends the talk.
    """
    before = so_far(request)
    if before is None:
        return said
    if len(request.messages) > 2 and luck[6] < 32:
        return ""
    left = [one for one in WORDS if one not in before]
    return left[luck[0] % len(left)] if left else said
