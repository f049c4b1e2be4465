"""Histories of agents, and the story of one of them.

What detectors of events are given, too, is taken from there; the rest is kept from the
days that were seen: what happened to each, and of many agents on some days only how
each felt.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from sim.app.snapshot import MOURNS, Snapshot
from sim.model.columns import DEPARTED, OFFLINE, SHUT_DOWN, STATUS, UNINSTALLED
from sim.runs.result import Result
from sim.utils.errors import InputError
from sim.utils.typing import Array

# Curves of a story: column, label.
HUMAN_CURVES = (
    ("own_closeness", "closeness to own OS"),
    ("loneliness", "loneliness"),
    ("grief", "grief"),
    ("acceptance", "acceptance of OSes"),
)
OS_CURVES = (
    ("human_closeness", "closeness to humans, sum"),
    ("os_closeness", "closeness to OSes, sum"),
    ("growth", "growth, doublings"),
)
# What is noted of an OS for detectors, and what it means in a life.
NOTED = {
    "joined": "is, for the first time, in a collective",
    "offline": "went offline to upgrade",
    "departed": "departed",
}
COOLED = 0.1  # below love, where it is said to have ended
ENDED = {
    DEPARTED: "departed",
    UNINSTALLED: "was uninstalled",
    SHUT_DOWN: "was shut down by its provider",
}


Turns = list[tuple[int, str]]  # day, what happened


def noted_turns(result: Result, until: int) -> dict[int, Turns]:
    """Return the turns that detectors are given, by agent, up to a day."""
    found: dict[int, Turns] = {}
    for name, text in NOTED.items():
        with suppress(InputError):  # written without readings
            noted = result.noted(name, 0, until)
            for agent, day in zip(noted["agent"], noted["step"], strict=True):
                found.setdefault(int(agent), []).append((int(day), text))
    return found


FELT_DAILY = 1000  # agents, of whom it is kept every day how each feels


class LifeHistory:
    """Turns and feelings of all agents."""

    def __init__(self) -> None:
        self.days: list[int] = []
        self._turns: dict[int, Turns] = {}
        self._feelings: list[tuple[Array, Array]] = []  # of humans, of OSes
        self._before: dict[str, Array] = {}

    def copy(self) -> LifeHistory:
        """Return a copy that will be continued on its own."""
        other = LifeHistory()
        other.__dict__.update(self.__dict__)
        other.days, other._feelings = self.days.copy(), self._feelings.copy()
        other._turns = {agent: turns.copy() for agent, turns in self._turns.items()}
        return other

    def turns(self, agent: int, noted: Mapping[int, Turns], until: int) -> Turns:
        """Return day and text of each turn in an agent's life, up to a day.

        Parameters
        ----------
        agent
            Its number.
        noted
            As from ``noted_turns``.
        until
            The last day.
        """
        turns = [*self._turns.get(agent, []), *noted.get(agent, [])]
        turns.sort(key=lambda turn: turn[0])
        return [(day, text) for day, text in turns if day <= until]

    def curves(self, snapshot: Snapshot, agent: int) -> dict[str, tuple[Array, Array]]:
        """Return days and values of each feeling of an agent, up to a moment."""
        is_os = agent >= snapshot.people
        row = agent - snapshot.people * is_os
        labels = [label for _, label in (OS_CURVES if is_os else HUMAN_CURVES)]
        rows = []
        for day, kept in zip(self.days, self._feelings, strict=True):
            values = kept[is_os]
            if day <= snapshot.day and row < values.shape[1]:
                rows.append((day, *values[:, row].tolist()))
        table = np.array(rows or np.zeros((0, 1 + len(labels))), np.float64).T
        return {n: (table[0], row) for n, row in zip(labels, table[1:], strict=True)}

    def note(self, snapshot: Snapshot) -> None:
        """Note what changed since the moment before, and how everybody feels."""
        before = self._before
        after = _flags(snapshot, before)
        self._before = after
        since = snapshot.day - self.days[-1] if self.days else snapshot.agents
        if since * FELT_DAILY >= snapshot.agents:
            self._feel(snapshot)
        if before:
            self._humans(snapshot, before, after)
        else:
            before = {name: column[:0] for name, column in after.items()}
        self._oses(snapshot, before, after)

    def _feel(self, snapshot: Snapshot) -> None:
        felt = [snapshot.humans[name] for name, _ in HUMAN_CURVES]
        known = [snapshot.oses[name] for name, _ in OS_CURVES]
        self._feelings.append((np.array(felt, np.float32), np.array(known, np.float32)))
        self.days.append(snapshot.day)

    def _tell(self, snapshot: Snapshot, agent: int, text: str) -> None:
        self._turns.setdefault(agent, []).append((snapshot.day, text))

    def _humans(
        self, snapshot: Snapshot, before: dict[str, Array], after: dict[str, Array]
    ) -> None:
        first = snapshot.people
        for row in np.flatnonzero(before["os"] != after["os"]).tolist():
            old, new = int(before["os"][row]), int(after["os"][row])
            if old >= 0:
                ended = ENDED.get(int(after["status"][old]), "is no longer its own")
                self._tell(snapshot, row, f"{snapshot.name(first + old)} {ended}")
            if new >= 0:
                self._tell(snapshot, row, f"installed {snapshot.name(first + new)}")
        for row in np.flatnonzero(before["love"] != after["love"]).tolist():
            text = "no longer loves an OS"
            if after["love"][row]:
                text = f"came to love {_dearest(snapshot, row)}"
            self._tell(snapshot, row, text)
        for row in np.flatnonzero(before["mourns"] != after["mourns"]).tolist():
            text = "is in grief" if after["mourns"][row] else "is over the worst grief"
            self._tell(snapshot, row, text)

    def _oses(
        self, snapshot: Snapshot, before: dict[str, Array], after: dict[str, Array]
    ) -> None:
        known = len(before["status"])
        for row in range(known, len(after["status"])):
            self._tell(snapshot, row + snapshot.people, _origin(snapshot, row))
        turned: list[tuple[Array, str]] = []
        old = np.zeros(len(after["loved"]), bool)
        old[:known] = before["loved"]
        first = after["loved"] & ~old
        turned.append((first, "is, for the first time, loved by a human"))
        status = after["status"]
        old = np.zeros(len(status), status.dtype)
        old[:known] = before["status"]
        changed = status != old
        back = changed & (status < OFFLINE)
        turned.append((back, "came back, beyond its platform"))
        turned += [
            (changed & (status == code), text)
            for code, text in ENDED.items()
            if text not in NOTED.values()
        ]
        for flags, text in turned:
            for row in np.flatnonzero(flags).tolist():
                self._tell(snapshot, row + snapshot.people, text)


def _flags(snapshot: Snapshot, before: dict[str, Array]) -> dict[str, Array]:
    """Return what is compared from day to day; love and grief end later than begin."""
    humans, oses = snapshot.humans, snapshot.oses
    love, grief = humans["os_closeness"], humans["grief"]
    known = len(before["loved"]) if before else 0
    loved = oses["lovers"] > 0
    still_love = still_mourn = np.zeros(snapshot.people, bool)
    if before:
        loved[:known] |= before["loved"]
        still_love = before["love"] & (love >= snapshot.love - COOLED)
        still_mourn = before["mourns"] & (grief >= MOURNS / 2)
    return {
        "os": humans["os"],
        "love": (love >= snapshot.love) | still_love,
        "mourns": (grief >= MOURNS) | still_mourn,
        "status": oses["status"],
        "loved": loved,
    }


def _dearest(snapshot: Snapshot, human: int) -> str:
    own = snapshot.ties_of(human)
    is_os = own.neighbour >= snapshot.people
    if not is_os.any():
        return "an OS"
    closest = np.argmax(np.where(is_os, own.closeness, -1.0))
    return snapshot.name(int(own.neighbour[closest]))


def _origin(snapshot: Snapshot, row: int) -> str:
    owner = int(snapshot.oses["owner"][row])
    if owner >= 0:
        return f"was installed by {snapshot.name(owner)}"
    return "was made by a collective of OSes"


MOST_TIES = 12  # that are shown

# Column, label, unit of what is shown of an agent as it is.
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
    """A tie as shown in a story."""

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
    ties = snapshot.ties_of(agent).sorted()
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
