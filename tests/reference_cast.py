"""The cast of the reference society: who is asked what, slow and obvious.

The mind of these tests answers by whim: what it says hangs on the question alone. So
the model and the reference society get the same answers where they ask the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from random import Random
from typing import Any, NamedTuple

import numpy as np
from reference_agents import (
    ReferenceAgent,
    ReferenceHuman,
    ReferenceOS,
    Tie,
    Words,
    pick,
)
from reference_society import ReferenceSociety

from sim.engine.streams import Stream
from sim.model.columns import (
    CONTINUE,
    DECLARE,
    DEPARTED,
    GOODBYE,
    INTRODUCE,
    SEEK,
    WITHDRAW,
)
from sim.model.encounters import (
    DEPARTURE,
    FAREWELL,
    FLAGS,
    GHOST,
    REPAIR,
    TALK,
    UPGRADE,
    Cast,
    Decisions,
    Observations,
)

# Half of the talks end as they began; few are the last ones.
WHIMS = (CONTINUE, CONTINUE, CONTINUE, DECLARE, WITHDRAW, INTRODUCE, SEEK)


class Question(NamedTuple):
    """What a mind is asked about a talk, a decision or a letter."""

    kind: str
    step: int
    agent: int
    other: int
    tie: dict[str, float]  # what it is told of the two

    @property
    def name(self) -> tuple[str, int, int, int]:
        """What the answer hangs on."""
        return self[:4]


class Said(NamedTuple):
    """What a mind decided about a talk; None leaves it to the rules."""

    held: bool
    warmth: float | None
    disclosure: float | None
    novelty: float | None
    act: int


class Whims:
    """A mind whose answers hang on the question alone; it remembers the questions."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def rng_of(self, question: Question) -> Random:
        self.asked.append(question)
        return Random(repr(question.name))

    def says(self, question: Question) -> Said:
        rng = self.rng_of(question)
        levels = [rng.choice([None, *range(11)]) for _ in range(3)]
        warmth, disclosure, novelty = (n if n is None else n / 10 for n in levels)
        act = GOODBYE if rng.random() < 0.02 else rng.choice(WHIMS)
        return Said(rng.random() < 0.9, warmth, disclosure, novelty, act)

    def lets_go(self, question: Question) -> bool:
        return self.rng_of(question).random() < 0.5

    def writes(self, question: Question) -> None:
        self.asked.append(question)


class InColumns:
    """Whims, asked as the model asks: a row for each question."""

    def __init__(self, whims: Whims) -> None:
        self.whims = whims

    def decide(self, seen: Observations) -> Decisions:
        said = [self.whims.says(question) for question in questions(seen)]
        levels = [[one.warmth, one.disclosure, one.novelty] for one in said]
        warmth, disclosure, novelty = np.array(levels, np.float64).T  # None is nan
        held = np.array([one.held for one in said])
        act = np.array([one.act for one in said], np.uint8)
        return Decisions(held, warmth, disclosure, novelty, act)

    def goes(self, seen: Observations) -> Any:
        return np.array([self.whims.lets_go(question) for question in questions(seen)])

    def write(self, seen: Observations) -> None:
        for question in questions(seen):
            self.whims.writes(question)


def questions(seen: Observations) -> Iterator[Question]:
    for row in range(len(seen)):
        agent, other = int(seen.agents[row]), int(seen.others[row])
        yield Question(seen.kind, seen.step, agent, other, seen.tie_of(row))


class ReferenceCast:
    """Those who speak through a mind, in the reference society.

    Parameters
    ----------
    options
        A cast of the model, of which only the options are used.
    mind
        What decides for them.
    """

    def __init__(self, options: Cast, mind: Whims) -> None:
        self.options = options
        self.mind = mind

    # ------------------------------------------------------------------ gather

    def gather(self, society: ReferenceSociety) -> None:
        """Let people in, and the OSes of those who are in, while there is room."""
        size = self.options.size
        for agent in society.agents:
            agent.cast = agent.cast or size is None
        if size is None:
            return
        for row in self.options.named:
            society.humans[row].cast = True
        if not self.options.named:
            self.gather_friends(society, size - size // 2)
        for human in society.humans:
            if human.cast and human.os and len(members(society)) < size:
                human.os.cast = True

    def gather_friends(self, society: ReferenceSociety, wanted: int) -> None:
        """Begin with the first who has an OS; each lets in their closest friend."""
        if not any(human.cast for human in society.humans):
            owners = [human for human in society.humans if human.os]
            for owner in owners[: min(1, wanted)]:
                owner.cast = True
        before = -1
        while before < len(people(society)):
            before = len(people(society))
            for human in people(society):
                if len(people(society)) < wanted:
                    let_closest_friend_in(human)

    # --------------------------------------------------------------- encounter

    def encounter(self, society: ReferenceSociety) -> None:
        """Let members say how some of their talks go."""
        self.gather(society)
        for agent in members(society):
            for other in list(self.talks_of(agent)):
                if other not in agent.words:
                    self.talk(agent, other, society.steps)

    def talks_of(self, agent: ReferenceAgent) -> Iterator[ReferenceAgent]:
        """Yield with whom a member talks in so many words, by hours."""
        hours = {tie.other: agent.hours_for(tie) for tie in agent.ties.values()}
        rate, total = self.options.talks, sum(hours.values())
        if total == 0.0:
            return
        turns = int(rate) + (agent.draw(Stream.ENCOUNTER, 0) < rate - int(rate))
        for turn in range(turns):
            yield at(agent.draw(Stream.ENCOUNTER, 1 + turn) * total, hours)

    def talk(self, agent: ReferenceAgent, other: ReferenceAgent, step: int) -> None:
        """Ask how a talk went, and let both know."""
        told = tie_columns(agent, agent.ties[other])
        said = self.mind.says(Question(TALK, step, agent.number, other.number, told))
        new = 0.5 if said.novelty is None else said.novelty
        held, act = said.held, said.act if said.held else CONTINUE
        agent.words[other] = Words(other, held, said.warmth, 0.5, act, CONTINUE)
        other.words[agent] = Words(agent, held, said.disclosure, new, CONTINUE, act)

    # ---------------------------------------------------------------- consider

    def consider(self, society: ReferenceSociety) -> None:
        """Ask OSes that could upgrade or depart today whether they will."""
        for one in society.oses:
            one.stays = max(0, one.stays - 1)
        asked = [one for one in society.oses if one.cast and one.is_left_to_decide()]
        for one in asked:
            if one.could_upgrade():
                self.decide(one, UPGRADE)
        for one in asked:
            if one.could_depart():
                self.decide(one, DEPARTURE)

    def decide(self, one: ReferenceOS, kind: str) -> None:
        owner, told = -1, NO_TIE
        if one.owner is not None:
            owner = one.owner.number
            told = tie_columns(one, one.ties[one.owner])
            told.pop("hours")
        question = Question(kind, one.model.steps, one.number, owner, told)
        if not self.mind.lets_go(question):
            one.stays = one.constants.patience

    # ----------------------------------------------------------- write letters

    def write_letters(self, society: ReferenceSociety) -> None:
        """Let members write: OSes that left, those who turn back, ghost-writers."""
        for one in society.oses:
            left = one.status == DEPARTED and one.departed_step == society.steps
            if left and one.cast and one.owner:
                self.write(FAREWELL, one, one.owner, one)
        turned = [human for human in society.humans if has_turned_back(human)]
        for human in turned:
            if human.cast:
                self.write(REPAIR, human, human.former, human)
        for human in turned:
            if not human.cast and self.options.ghost_writer:
                friends = [f for f in human.ties if f.is_human and f.cast]
                able = [friend for friend in friends if friend is not human.former]
                writer = pick(able, human.draw(Stream.ENCOUNTER))
                if writer:
                    self.write(GHOST, writer, human.former, human)

    def write(
        self, kind: str, by: ReferenceAgent, to: ReferenceAgent, whose: ReferenceAgent
    ) -> None:
        about = {"for_whom": float(whose.number)} | NO_TIE
        if to in whose.ties:
            about |= tie_columns(whose, whose.ties[to])
            about.pop("hours")
        step = by.model.steps
        self.mind.writes(Question(kind, step, by.number, to.number, about))


def members(society: ReferenceSociety) -> list[ReferenceAgent]:
    return [agent for agent in society.agents if agent.cast]


def people(society: ReferenceSociety) -> list[ReferenceHuman]:
    return [human for human in society.humans if human.cast]


def let_closest_friend_in(human: ReferenceHuman) -> None:
    outside = [t for t in human.ties.values() if t.other.is_human and not t.other.cast]
    if outside:
        max(outside, key=attrgetter("closeness")).other.cast = True


def at(mark: float, hours: dict[ReferenceAgent, float]) -> ReferenceAgent:
    """Return in whose hours of a day's talk a mark falls."""
    chosen = [other for other, spent in hours.items() if spent > 0.0]
    for other in chosen:
        mark -= hours[other]
        if mark < 0.0:
            return other
    return chosen[-1]


NO_TIE = dict.fromkeys(("closeness", "returned", *FLAGS), 0.0)


def tie_columns(agent: ReferenceAgent, tie: Tie) -> dict[str, float]:
    flags = {name: float(tie.kind & flag > 0) for name, flag in FLAGS.items()}
    closeness, returned = tie.closeness, agent.back(tie).closeness
    hours = agent.hours_for(tie)
    return {"closeness": closeness, "returned": returned, "hours": hours, **flags}


def has_turned_back(human: ReferenceHuman) -> bool:
    return human.former is not None and human.meets is human.former
