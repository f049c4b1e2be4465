"""A person as a mind: what somebody types speaks for one human of a society.

A situation is shown as a model would be told it, without the form. What is typed is one
line. It is kept in a transcript like any answer, so that the run is replayed without
the person.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from sim.minds import rating
from sim.minds.calls import Request, Response
from sim.minds.replies import LARGEST, MOST_OF_A_LETTER, one_line
from sim.minds.transcript import AnswersAtOnce
from sim.model.columns import ACTS
from sim.utils.errors import closest, legible

NOTHING_SAID = "nothing said"  # of calls.FAILURES
USUAL = LARGEST // 2
FORM = ("Reply in JSON", '"')  # lines that tell a model in which form to answer
ALL = ", ".join(f"/{act}" for act in ACTS[1:])
HOW = (
    "Type what you say, in one line. To do more than go on, begin it with one of "
    f"{ALL}. An empty line leaves the talk, or the rest of it, to the "
    "rules; the end of input (Ctrl-D) leaves all that is to come to them."
)


def read_line() -> str | None:
    """Return a line of standard input, None at its end; a terminal shows a mark."""
    if sys.stdin.isatty():
        try:
            return input("> ")
        except EOFError:
            return None
    line = sys.stdin.readline()
    return line if line else None


class PersonEndpoint(AnswersAtOnce):
    """Answers every request by what a person types.

    How warm the words are, of the person's own side, is said by the rater that says how
    they felt to who listened.

    Parameters
    ----------
    read
        Returns a line, or None when there are no more.
    tell
        Shows a text to the person.
    """

    def __init__(
        self,
        read: Callable[[], str | None] = read_line,
        tell: Callable[[str], None] = print,
    ) -> None:
        self._read, self._show = read, tell
        self._is_new = True  # nothing was shown yet
        self._has_left = False

    def answer(self, request: Request) -> Response:
        """Return what the person answers."""
        if not self._has_left:
            self._tell(request)
        act, words = self._line()
        if request.schema == "letter":
            reply: dict[str, Any] = {"letter": words}
            is_said = bool(words)
        else:
            warmth = round(LARGEST * rating.rated(words).warmth)
            reply = {"said": words, "remember": "", "act": act, "warmth": warmth}
            reply |= {"disclosure": USUAL, "novelty": USUAL}
            is_said = bool(words) or act != ACTS[0]
        if not is_said or request.schema == "decision":
            return Response(None, NOTHING_SAID)
        return Response(json.dumps(reply, ensure_ascii=False))

    def _tell(self, request: Request) -> None:
        """Show a situation, and at first who one is."""
        persona, *rest = (one["content"] for one in request.messages)
        if any(one["role"] == "assistant" for one in request.messages):
            rest = rest[-1:]  # the talk goes on: what was said before was shown
        if self._is_new:
            about = [line for line in persona.splitlines() if "quotations" not in line]
            self._say("\n".join([*about, HOW]))
            self._is_new = False
        lines = [line for text in rest for line in text.splitlines()]
        told = [line for line in lines if line and not line.startswith(FORM)]
        self._say("\n".join([f"\nDay {request.step}", *told]))

    def _line(self) -> tuple[str, str]:
        """Return the act and the words of a line; ask again for an unknown act."""
        while not self._has_left:
            line = self._read()
            if line is None:
                self._has_left = True
                break
            words = one_line(line, MOST_OF_A_LETTER)
            if not words.startswith("/"):
                return ACTS[0], words
            word, _, words = words[1:].partition(" ")
            if word in ACTS:
                return word, words.strip()
            meant = closest(word, ACTS)
            hint = f"did you mean /{meant}?" if meant else f"there are {ALL}."
            self._say(f"There is no /{word}; {hint} Once more:")
        return ACTS[0], ""

    def _say(self, text: str) -> None:
        for line in text.split("\n"):
            self._show(legible(line))
