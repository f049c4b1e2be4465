"""Detectors that read what the cast says: pursuit, and phrases that spread."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from sim.events.alarms import ContagionTest
from sim.events.detector import Detector, Event, Reading, reads_of, register

USUAL, OBSESSED = 0.65, 0.95  # share of a pair's advances that are one side's
MOST_PAIRS = 5000

WORDS = 4  # words of a phrase
MOST_PHRASES = 5000
FEWEST_SPEAKERS = 5
WORD = re.compile(r"[^\W_]+")


@register
class Obsession(Detector):
    """Report one side of a pair whose advances go on and on, and are not returned."""

    kind, family, alarm = "obsession", "minds", True
    watches = "declarations of love between two who talk, beside those returned"
    null = "pairs of which one side makes up to two in three of the advances"
    source = "Wald 1945 (sequential probability ratio test), over all pairs"
    reads = reads_of()  # nothing but talks

    def start(self) -> None:
        """Begin with nothing seen."""
        self._scores: dict[tuple[int, int], float] = {}
        self._onset: dict[tuple[int, int], int] = {}
        self._told: set[tuple[int, int]] = set()

    def look(self, reading: Reading) -> list[Event]:
        """Weigh each advance for its own side and against the other."""
        found = []
        for talk in reading.talks:
            if talk.get("act") == "declare_love":
                pair = (int(talk["agent"]), int(talk["other"]))
                found += self._weigh(pair, reading)
        self._shed()
        return found

    def _weigh(self, pair: tuple[int, int], reading: Reading) -> list[Event]:
        back = pair[::-1]
        if self._scores.get(pair, 0.0) == 0.0:
            self._onset[pair] = reading.step
        own = self._scores.get(pair, 0.0) + math.log(OBSESSED / USUAL)
        fall = math.log((1 - OBSESSED) / (1 - USUAL))
        self._scores[pair] = own
        self._scores[back] = max(0.0, self._scores.get(back, 0.0) + fall)
        if own < self.threshold or pair in self._told:
            return []
        self._told.add(pair)
        evidence = (
            f"declared its love again and again, unreturned: "
            f"CUSUM {own:.1f} >= {self.threshold:g} nats"
        )
        known = {"step": self._onset[pair], "strength": own}
        return [self.event(reading, evidence, pair, **known)]

    def _shed(self) -> None:
        """Forget the pairs that say least, once there are too many."""
        if len(self._scores) <= MOST_PAIRS:
            return
        most = sorted(self._scores.items(), key=lambda item: -item[1])
        self._scores = dict(most[: MOST_PAIRS // 2])
        self._onset = {p: s for p, s in self._onset.items() if p in self._scores}
        self._told &= set(self._scores)


class _Phrase:
    """Who says a phrase, and who heard it."""

    def __init__(self, step: int) -> None:
        self.began = step
        self.speakers: list[int] = []
        self.heard: set[int] = set()
        self.copying = ContagionTest()
        self.reported = False


@register
class Catchphrase(Detector):
    """Report words that go from mouth to mouth: those who heard them say them."""

    kind, family, alarm = "catchphrase", "minds", True
    watches = "who says the same four words, beside who heard them before"
    null = "speakers who come upon the same words independently"
    source = "Ramdas et al. 2023 (e-process), over all phrases"
    reads = reads_of()  # nothing but talks

    def start(self) -> None:
        """Begin with nothing seen."""
        self._phrases: dict[str, _Phrase] = {}

    def look(self, reading: Reading) -> list[Event]:
        """Follow every phrase of the day."""
        found = []
        spoken = [talk for talk in reading.talks if talk.get("said")]
        agents = [int(talk["agent"]) for talk in spoken]
        for talk in spoken:
            for phrase in phrases_of(str(talk["said"])):
                self._say(phrase, talk, agents, reading.step)
                found += self._judge(phrase, self._phrases[phrase], reading)
        self._shed()
        return found

    def _say(
        self, phrase: str, talk: Mapping[str, Any], agents: list[int], step: int
    ) -> None:
        """Take a phrase that is said; its speaker is one of today's ``agents``."""
        known = self._phrases.get(phrase)
        if known is None:
            known = self._phrases[phrase] = _Phrase(step)
        agent, other = int(talk["agent"]), int(talk["other"])
        if agent not in known.speakers:
            if known.speakers:
                could = [one for one in agents if one not in known.speakers]
                mean = sum(one in known.heard for one in could) / len(could)
                known.copying.add(float(agent in known.heard), mean)
            known.speakers.append(agent)
        if other >= 0 and other not in known.speakers:
            known.heard.add(other)

    def _judge(self, phrase: str, known: _Phrase, reading: Reading) -> list[Event]:
        if known.reported or len(known.speakers) < FEWEST_SPEAKERS:
            return []
        nats = known.copying.nats
        if nats < self.threshold or self._part_of_reported(phrase, known):
            return []
        known.reported = True
        evidence = f"{phrase!r}: {nats:.1f} nats for copying >= {self.threshold:g}"
        who, strength = sorted(known.speakers), float(len(known.speakers))
        p_value = math.exp(-min(nats, 700.0))
        known_of = {"step": known.began, "strength": strength, "p_value": p_value}
        return [self.event(reading, evidence, who, **known_of)]

    def _part_of_reported(self, phrase: str, known: _Phrase) -> bool:
        """Tell whether an overlapping phrase of the same people was reported."""
        words = set(phrase.split())
        for other, its in self._phrases.items():
            if its.reported and len(words & set(other.split())) >= WORDS - 1:
                known.reported = True
                return True
        return False

    def _shed(self) -> None:
        """Forget the phrases that fewest say, the oldest first."""
        if len(self._phrases) <= MOST_PHRASES:
            return

        def worth(item: tuple[str, _Phrase]) -> tuple[int, int]:
            return -len(item[1].speakers), -item[1].began

        most = sorted(self._phrases.items(), key=worth)
        self._phrases = dict(most[: MOST_PHRASES // 2])


def phrases_of(said: str) -> list[str]:
    """Return the phrases of a text, each once, in their order."""
    words = WORD.findall(said.lower())
    runs = zip(*(words[i:] for i in range(WORDS)), strict=False)
    return list(dict.fromkeys(" ".join(run) for run in runs))
