"""What everybody went through: turns of a life with their days, and feelings as curves.

What detectors of events are given, too, is taken from there; the rest is kept for those
who are drawn, from the days that were seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from sim.app.moments import Snapshot
from sim.app.picture import MOURNS
from sim.app.places import Layout
from sim.errors import InputError
from sim.results import Result
from sim.state import DEPARTED, OFFLINE, SHUT_DOWN, UNINSTALLED
from sim.ties import Array

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


class LifeHistory:
    """Turns and feelings of those who are drawn."""

    def __init__(self) -> None:
        self.days: list[int] = []
        self._turns: dict[int, Turns] = {}
        self._feelings: list[tuple[Array, Array, Array, Array]] = []
        self._before: dict[str, Array] = {}
        self._after: dict[str, Array] = {}
        self._drawn = np.zeros(0, bool)

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
        labels = [label for _, label in (OS_CURVES if is_os else HUMAN_CURVES)]
        rows = []
        for day, kept in zip(self.days, self._feelings, strict=True):
            numbers, values = kept[2:] if is_os else kept[:2]
            at = int(np.searchsorted(numbers, agent))
            if day <= snapshot.day and at < len(numbers) and numbers[at] == agent:
                rows.append((day, *values[:, at].tolist()))
        table = np.array(rows or np.zeros((0, 1 + len(labels))), np.float64).T
        return {n: (table[0], row) for n, row in zip(labels, table[1:], strict=True)}

    def note(self, snapshot: Snapshot, layout: Layout) -> None:
        """Note what changed since the moment before, and how everybody feels."""
        self._drawn = layout.drawn(np.arange(snapshot.agents))
        before = self._before
        after = _flags(snapshot, before)
        self._before = after
        self._feel(snapshot)
        self._after = after
        if before:
            self._humans(snapshot, before, after)
        else:
            before = {name: column[:0] for name, column in after.items()}
        self._oses(snapshot, before, after)

    def _feel(self, snapshot: Snapshot) -> None:
        humans = np.flatnonzero(self._drawn[: snapshot.people])
        oses = np.flatnonzero(self._drawn[snapshot.people :])
        felt = np.array([snapshot.humans[name][humans] for name, _ in HUMAN_CURVES])
        known = np.array([snapshot.oses[name][oses] for name, _ in OS_CURVES])
        kept = humans, felt, oses + snapshot.people, known
        self._feelings.append(kept)
        self.days.append(snapshot.day)

    def _tell(self, snapshot: Snapshot, agent: int, text: str) -> None:
        if self._drawn[agent]:
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
    own = snapshot.ties.of(human).neighbour
    oses = own[own >= snapshot.people]
    return snapshot.name(int(oses[0])) if len(oses) else "an OS"


def _origin(snapshot: Snapshot, row: int) -> str:
    owner = int(snapshot.oses["owner"][row])
    if owner >= 0:
        return f"was installed by {snapshot.name(owner)}"
    return "was made by a collective of OSes"
