"""Memories of agents: a short list for each tie, and what each heard from anybody.

A tie's list holds the last things said, and what the one who remembers found worth
remembering, in the model's own words. What an agent heard from anybody is found again
by how long ago it was, how close it was to who said it, and how many words it has in
common with what is being talked about. All of it is bounded, whatever a model writes.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any, NamedTuple

from sim.minds import prompts
from sim.minds.prompts import MOST_OF_A_NAME, plain

MOST_TIES = 10_000  # beyond that, those are forgotten that rested longest
MOST_EXCHANGES = 3  # by each side
# Most characters.
MOST_SAID = 240
MOST_OF_A_LINE = 160
MOST_OF_A_SUMMARY = 500
MOST_LISTENERS = (
    10_000  # beyond that, those are forgotten who heard nothing for longest
)
LAST = 100  # in place of the turn of what is no turn: after all that are
MOST_HEARD = 30  # things that each heard, from anybody
MOST_RECALLED = 2  # of them, from others than whom one talks with
RECALL_HALF_LIFE = 14.0  # days after which what was heard comes to mind half as easily

COLUMNS = ("agent", "other", "step", "speaker", "said", "summary")


class Exchange(NamedTuple):
    """Something that was said."""

    step: int
    speaker: str
    said: str
    turn: int = LAST  # of the talk, where that day's had several


class Side(NamedTuple):
    """What one side of a tie said to the other, and what it wants to remember."""

    exchanges: tuple[Exchange, ...] = ()  # the latest last
    summary: tuple[str, ...] = ()  # lines, the latest last


NOTHING = Side()


class Heard(NamedTuple):
    """Something that an agent heard from anybody."""

    exchange: Exchange
    by: int
    closeness: float  # of the one who heard it to who said it, 0..1
    words: frozenset[str]


class Memories:
    """The memories of all ties, by agent and other.

    The order in which talks are noted decides what is forgotten, and nothing else.
    """

    def __init__(self) -> None:
        self._sides: dict[tuple[int, int], Side] = {}  # the latest last
        self._heard: dict[int, deque[Heard]] = {}  # by who heard it, the latest last

    def __len__(self) -> int:
        """Return how many directed ties have a memory."""
        return len(self._sides)

    def note(
        self,
        step: int,
        agent: int,
        other: int,
        speaker: str,
        said: str,
        remember: str = "",
        closeness: float = 0.0,
        turn: int = LAST,
    ) -> None:
        """Note what ``agent`` said to ``other``; both will remember it.

        To note the same once more from the listener's side changes nothing.

        Parameters
        ----------
        step
            The day.
        agent, other
            Who said it, and to whom.
        speaker
            The name of ``agent``.
        said
            What was said; cut to ``MOST_SAID`` characters, and made fit to be quoted.
        remember
            What ``agent`` wants to remember of this talk, in one sentence, or nothing.
        closeness
            How close ``other`` is to ``agent``, 0..1.
        turn
            Which turn of the two's talk of that day it was, if that had several.
        """
        exchange = _exchange(step, speaker, said)._replace(turn=turn)
        if self._of(other, agent).exchanges[-1:] == (exchange,):
            return
        side = self._sides.pop((agent, other), NOTHING)
        exchanges = (*side.exchanges, exchange)[-MOST_EXCHANGES:]
        line = plain(remember, MOST_OF_A_LINE)
        summary = _latest((*side.summary, line)) if line else side.summary
        self._sides[agent, other] = Side(exchanges, summary)
        there = self._heard.pop(other, deque(maxlen=MOST_HEARD))
        there.append(Heard(exchange, agent, closeness, _words(exchange.said)))
        self._heard[other] = there
        self._forget()

    def of(self, agent: int, other: int, say: prompts.Say = str) -> str:
        """Return what ``agent`` remembers of ``other``, in lines for a prompt.

        First what it wanted to remember, then what both said last, the latest last.
        ``say`` says shipped phrases in other words (`sim.minds.prompts.saying`).
        """
        own = self._of(agent, other)
        spoken = [(agent, one, prompts.YOU_SAID) for one in own.exchanges]
        for one in self._of(other, agent).exchanges:
            spoken.append((other, one, prompts.YOU_HEARD))
        spoken.sort(key=lambda one: (*one[1][::3], one[0]))  # by day, turn and agent
        noted = [prompts.put(say(prompts.YOU_NOTED), text=one) for one in own.summary]
        last = spoken[-MOST_EXCHANGES:]
        return "\n".join([*noted, *(_recalled(say(how), one) for _, one, how in last)])

    def heard(self, agent: int, other: int) -> str:
        """Return the last thing that ``other`` said to ``agent``, or nothing."""
        exchanges = self._of(other, agent).exchanges
        return exchanges[-1].said if exchanges else ""

    def said_by(self, agent: int, other: int) -> list[str]:
        """Return the last things that ``agent`` said to ``other``."""
        return [one.said for one in self._of(agent, other).exchanges]

    def told_by_others(
        self, agent: int, other: int, step: int, say: prompts.Say = str
    ) -> str:
        """Return what comes to ``agent``'s mind of what it heard from others, in lines.

        At most ``MOST_RECALLED`` things, that which comes to mind most easily last:
        each counts 2^(-days / `RECALL_HALF_LIFE`) (1 + closeness + overlap), where
        the overlap is the share of its words that ``other`` or ``agent`` said last.
        """
        about: frozenset[str] = frozenset()
        for one, two in ((agent, other), (other, agent)):
            for exchange in self._of(one, two).exchanges[-1:]:
                about |= _words(exchange.said)

        def ease(place: tuple[int, Heard]) -> tuple[float, int]:
            at, known = place
            overlap = len(known.words & about) / max(1, len(known.words))
            age = max(0, step - known.exchange.step)
            fresh = 2.0 ** (-age / RECALL_HALF_LIFE)
            return fresh * (1.0 + known.closeness + overlap), at

        there = enumerate(self._heard.get(agent, ()))
        others = sorted((p for p in there if p[1].by != other), key=ease, reverse=True)
        said: dict[str, str] = {}  # each thing once, whoever says it
        for _, found in others:
            told = _recalled(say(prompts.TOLD_YOU), found.exchange)
            said.setdefault(found.exchange.said, told)
        return "\n".join(list(said.values())[:MOST_RECALLED][::-1])

    def columns(self) -> dict[str, list[Any]]:
        """Return everything as columns, one row for each thing said.

        Ties that rested longest come first. ``summary`` has lines, and is that of the
        tie in each of its rows.
        """
        rows = [
            (*tie, *exchange[:3], "\n".join(side.summary))
            for tie, side in self._sides.items()
            for exchange in side.exchanges
        ]
        return {name: [row[at] for row in rows] for at, name in enumerate(COLUMNS)}

    def _forget(self) -> None:
        if len(self._sides) > MOST_TIES:
            del self._sides[next(iter(self._sides))]
        if len(self._heard) > MOST_LISTENERS:
            del self._heard[next(iter(self._heard))]

    def _of(self, agent: int, other: int) -> Side:
        return self._sides.get((agent, other), NOTHING)


def _exchange(step: int, speaker: str, said: str) -> Exchange:
    name, text = plain(speaker, MOST_OF_A_NAME), plain(said, MOST_SAID)
    return Exchange(int(step), name, text)


def _recalled(phrase: str, one: Exchange) -> str:
    """Return something that was said, in a phrase that names day, speaker and text."""
    return prompts.put(phrase, day=str(one.step), speaker=one.speaker, text=one.said)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W_]+", text.lower()))


def _latest(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return the last lines that a summary has room for."""
    while sum(map(len, lines)) + len(lines) > MOST_OF_A_SUMMARY:
        lines = lines[1:]
    return lines
