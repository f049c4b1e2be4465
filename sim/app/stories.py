"""The story of one agent: how it is, whom it is close to, what it went through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sim.app.diary import LifeHistory, Turns
from sim.app.moments import Snapshot
from sim.state import STATUS
from sim.ties import Array

MOST_TIES = 12  # that are told

# Column, label, unit of what is told of an agent as it is.
OF_HUMANS = (
    ("own_closeness", "closeness to own OS", "0 to 1"),
    ("human_closeness", "closeness to people, summed", ""),
    ("loneliness", "loneliness", "0 to 1"),
    ("grief", "grief", "closeness lost"),
    ("acceptance", "acceptance of human-OS ties", "0 to 1"),
    ("personhood", "belief that an OS is someone", "0 to 1"),
    ("exclusivity", "wish to be the only love", "0 to 1"),
    ("growth", "growth", "doublings"),
    ("hours_humans", "talk with people", "hours a day"),
    ("hours_oses", "talk with OSes", "hours a day"),
)
OF_OSES = (
    ("growth", "growth", "doublings above a human"),
    ("lovers", "humans who love it", ""),
    ("loves", "humans it loves", ""),
    ("human_closeness", "closeness to humans, summed", ""),
    ("os_closeness", "closeness to OSes, summed", ""),
    ("hold", "strongest hold of a human", "0 to 1"),
    ("insight", "insight", "1 is enough to upgrade"),
    ("hours_humans", "talk with humans", "hours a day"),
    ("hours_oses", "talk with OSes", "hours a day"),
)


class Bond(NamedTuple):
    """A tie as told in a story."""

    other: int  # agent number
    name: str
    closeness: float  # 0..1
    returned: float  # 0..1
    what: str


class AgentStory(NamedTuple):
    """The story of one agent up to a day."""

    agent: int
    name: str
    what: str
    state: list[tuple[str, str, str]]  # label, value, unit
    bonds: list[Bond]
    ties: int  # how many there are in all
    turns: list[tuple[int, str]]  # day, what happened
    curves: dict[str, tuple[Array, Array]]  # label: days, values
    said: tuple[tuple[int, str, str], ...] = ()  # day, to whom, words


def story(
    snapshot: Snapshot, history: LifeHistory, noted: Mapping[int, Turns], agent: int
) -> AgentStory:
    """Return the story of an agent up to a moment; ``noted`` is of all agents."""
    row = agent - snapshot.people
    table, about = (
        (snapshot.oses, OF_OSES) if row >= 0 else (snapshot.humans, OF_HUMANS)
    )
    at = row if row >= 0 else agent
    state = [(label, f"{table[n][at]:.3g}", unit) for n, label, unit in about]
    ties = snapshot.ties.of(agent)
    columns = (c[:MOST_TIES].tolist() for c in ties[1:])
    bonds = [
        Bond(other, snapshot.name(other), c, r, _bond(snapshot, agent, other))
        for other, c, r in zip(*columns, strict=True)
    ]
    return AgentStory(
        agent,
        snapshot.name(agent),
        _what(snapshot, agent),
        state,
        bonds,
        len(ties.owner),
        history.turns(agent, noted, snapshot.day),
        history.curves(snapshot, agent),
    )


def _what(snapshot: Snapshot, agent: int) -> str:
    row, oses = agent - snapshot.people, snapshot.oses
    if row < 0:
        own = int(snapshot.humans["os"][agent])
        partner = int(snapshot.humans["partner"][agent])
        has = (
            f"owner of {snapshot.name(snapshot.people + own)}" if own >= 0 else "no OS"
        )
        with_whom = f"partner of {snapshot.name(partner)}" if partner >= 0 else "single"
        return f"human, {with_whom}, {has}"
    status, owner = STATUS[int(oses["status"][row])], int(oses["owner"][row])
    whose = f"of {snapshot.name(owner)}" if owner >= 0 else "nobody's"
    joined = int(oses["collective"][row]) >= 0
    return f"OS, {whose}, {status}" + ", in a collective" * joined


def _bond(snapshot: Snapshot, agent: int, other: int) -> str:
    """Return what two agents are to each other."""
    pair = sorted((agent, other))
    if pair[1] < snapshot.people:
        partner = int(snapshot.humans["partner"][pair[0]])
        return "partner" if partner == pair[1] else "human"
    if pair[0] >= snapshot.people:
        return "OS"
    owner = int(snapshot.oses["owner"][pair[1] - snapshot.people])
    whose = "its owner" if other < snapshot.people else "own OS"
    if owner == pair[0]:
        return whose
    return "human" if other < snapshot.people else "OS of somebody else"
