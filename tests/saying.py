"""Minds that say what a test wants, and small societies to say it in."""

from __future__ import annotations

from typing import Any

import numpy as np
from bare import make_day, tie
from quick import QUICK, SEED

from sim.model import processes
from sim.model.columns import CONTINUE, HERE, OWNER
from sim.model.encounters import Cast, Decisions, Observations
from sim.model.state import State
from sim.society import Society

CAST_COLUMNS = {"humans.cast", "oses.cast"}


class Says:
    """A mind that says the same of every talk, or of one a day, and notes what it saw.

    What it says nothing about is left to the rules.
    """

    def __init__(
        self, act: int = CONTINUE, *, only: int | None = None, **said: Any
    ) -> None:
        self.act, self.only, self.said = act, only, said
        self.stays = False
        self.seen: list[Observations] = []

    def decide(self, seen: Observations) -> Decisions:
        self.seen.append(seen)
        rows = slice(None) if self.only is None else self.only
        decided = Decisions.by_rule(len(seen))
        for name, value in (self.said | {"act": self.act}).items():
            getattr(decided, name)[rows] = value
        return decided

    def goes(self, seen: Observations) -> np.ndarray:
        self.seen.append(seen)
        return np.full(len(seen), not self.stays)

    def write(self, seen: Observations) -> None:
        self.seen.append(seen)

    def asked(self, *kinds: str) -> list[tuple[int, int, int, dict[str, float]]]:
        """Return day, who, with whom, and what was known of the tie, a row each."""
        return [
            (seen.step, int(seen.agents[row]), int(seen.others[row]), seen.tie_of(row))
            for seen in self.seen
            if seen.kind in kinds
            for row in range(len(seen))
        ]


def a_day(state: State, mind: Says, *members: int, **changes: Any) -> State:
    """Live a day on which each member has one talk; little else happens."""
    n = state.humans.n
    people = [agent for agent in members if agent < n]
    state.humans.cast[people] = 1
    state.oses.cast[[agent - n for agent in members if agent >= n]] = 1
    cast = Cast(mind, size=0, talks=1.0)  # nobody joins those who are in it
    processes.advance(state, make_day(n, **changes), cast=cast)
    return state


def friends(closeness: float = 0.5) -> State:
    """Return two humans, 0 and 1, who are equally close."""
    state = State(2)
    tie(state, np.array([[0, 1]]), closeness)
    return state


def couples(count: int, closeness: float = 0.5) -> State:
    """Return humans 0 .. count - 1, each with an OS of their own."""
    state = State(count)
    owners = np.arange(count)
    state.add_oses(count, owner=owners, status=HERE)
    state.humans.os[:] = owners
    pairs = np.stack([owners, owners + count], 1)
    tie(state, pairs, closeness, OWNER)
    return state


def closeness(state: State, agent: int, to: int) -> float:
    ties = state.ties.of(agent)
    found = ties["closeness"][ties["neighbour"] == to]
    return float(found[0]) if len(found) else 0.0


def pairs_of(state: State) -> set[tuple[int, int]]:
    table = state.ties.table()
    ends = zip(table["owner"].tolist(), table["neighbour"].tolist(), strict=True)
    return {(one, other) for one, other in ends if one < other}


def with_cast(days: int, cast: Cast, **changes: Any) -> Society:
    """Return a quick society with a cast, after so many days."""
    society = Society("her-film-cut", **({"rng": SEED} | QUICK | changes), cast=cast)
    for _ in range(days):
        society.step()
    return society
