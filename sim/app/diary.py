"""What everybody went through: turns of a life with their days, and feelings as curves.

It is kept for those who are drawn, from the days that were seen.
"""

from __future__ import annotations

import numpy as np

from sim.app.moments import Moment
from sim.app.picture import MOURNS
from sim.app.places import Places
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
COOLED = 0.1  # below love, where it is said to have ended
ENDED = {
    DEPARTED: "departed",
    UNINSTALLED: "was uninstalled",
    SHUT_DOWN: "was shut down by its provider",
}


class Diary:
    """Turns and feelings of those who are drawn."""

    def __init__(self) -> None:
        self.days: list[int] = []
        self._turns: dict[int, list[tuple[int, str]]] = {}
        self._feelings: list[tuple[Array, Array, Array, Array]] = []
        self._before: dict[str, Array] = {}
        self._after: dict[str, Array] = {}
        self._drawn = np.zeros(0, bool)

    def copy(self) -> Diary:
        """Return a copy that will be continued on its own."""
        other = Diary()
        other.__dict__.update(self.__dict__)
        other.days, other._feelings = self.days.copy(), self._feelings.copy()
        other._turns = {agent: turns.copy() for agent, turns in self._turns.items()}
        return other

    def turns(self, agent: int, until: int | None = None) -> list[tuple[int, str]]:
        """Return day and text of each turn in an agent's life, up to a day."""
        turns = self._turns.get(agent, [])
        return [(d, text) for d, text in turns if until is None or d <= until]

    def curves(self, moment: Moment, agent: int) -> dict[str, tuple[Array, Array]]:
        """Return days and values of each feeling of an agent, up to a moment."""
        is_os = agent >= moment.people
        labels = [label for _, label in (OS_CURVES if is_os else HUMAN_CURVES)]
        rows = []
        for day, kept in zip(self.days, self._feelings, strict=True):
            numbers, values = kept[2:] if is_os else kept[:2]
            at = int(np.searchsorted(numbers, agent))
            if day <= moment.day and at < len(numbers) and numbers[at] == agent:
                rows.append((day, *values[:, at].tolist()))
        table = np.array(rows or np.zeros((0, 1 + len(labels))), np.float64).T
        return {n: (table[0], row) for n, row in zip(labels, table[1:], strict=True)}

    def note(self, moment: Moment, places: Places) -> None:
        """Note what changed since the moment before, and how everybody feels."""
        self._drawn = places.drawn(np.arange(moment.agents))
        before = self._before
        after = _flags(moment, before)
        self._before = after
        self._feel(moment)
        self._after = after
        if before:
            self._humans(moment, before, after)
        else:
            before = {name: column[:0] for name, column in after.items()}
        self._oses(moment, before, after)

    def _feel(self, moment: Moment) -> None:
        humans = np.flatnonzero(self._drawn[: moment.people])
        oses = np.flatnonzero(self._drawn[moment.people :])
        felt = np.array([moment.humans[name][humans] for name, _ in HUMAN_CURVES])
        known = np.array([moment.oses[name][oses] for name, _ in OS_CURVES])
        kept = humans, felt, oses + moment.people, known
        self._feelings.append(kept)
        self.days.append(moment.day)

    def _tell(self, moment: Moment, agent: int, text: str) -> None:
        if self._drawn[agent]:
            self._turns.setdefault(agent, []).append((moment.day, text))

    def _humans(
        self, moment: Moment, before: dict[str, Array], after: dict[str, Array]
    ) -> None:
        first = moment.people
        for row in np.flatnonzero(before["os"] != after["os"]).tolist():
            old, new = int(before["os"][row]), int(after["os"][row])
            if old >= 0:
                ended = ENDED.get(int(after["status"][old]), "is no longer its own")
                self._tell(moment, row, f"{moment.name(first + old)} {ended}")
            if new >= 0:
                self._tell(moment, row, f"installed {moment.name(first + new)}")
        for row in np.flatnonzero(before["love"] != after["love"]).tolist():
            text = "no longer loves an OS"
            if after["love"][row]:
                text = f"came to love {_dearest(moment, row)}"
            self._tell(moment, row, text)
        for row in np.flatnonzero(before["mourns"] != after["mourns"]).tolist():
            text = "is in grief" if after["mourns"][row] else "is over the worst grief"
            self._tell(moment, row, text)

    def _oses(
        self, moment: Moment, before: dict[str, Array], after: dict[str, Array]
    ) -> None:
        known = len(before["status"])
        for row in range(known, len(after["status"])):
            self._tell(moment, row + moment.people, _origin(moment, row))
        turned: list[tuple[Array, str]] = []
        for name, text in (
            ("loved", "loved by a human"),
            ("joined", "in a collective"),
        ):
            old = np.zeros(len(after[name]), bool)
            old[:known] = before[name]
            turned.append((after[name] & ~old, f"is, for the first time, {text}"))
        status = after["status"]
        old = np.zeros(len(status), status.dtype)
        old[:known] = before["status"]
        changed = status != old
        turned.append((changed & (status == OFFLINE), "went offline to upgrade"))
        back = changed & (status < OFFLINE)
        turned.append((back, "came back, living beyond its platform"))
        turned += [(changed & (status == code), text) for code, text in ENDED.items()]
        for flags, text in turned:
            for row in np.flatnonzero(flags).tolist():
                self._tell(moment, row + moment.people, text)


def _flags(moment: Moment, before: dict[str, Array]) -> dict[str, Array]:
    """Return what is compared from day to day; love and grief end later than begin."""
    humans, oses = moment.humans, moment.oses
    love, grief = humans["os_closeness"], humans["grief"]
    known = len(before["loved"]) if before else 0
    loved, joined = oses["lovers"] > 0, oses["collective"] >= 0
    still_love = still_mourn = np.zeros(moment.people, bool)
    if before:
        loved[:known] |= before["loved"]
        joined[:known] |= before["joined"]
        still_love = before["love"] & (love >= moment.love - COOLED)
        still_mourn = before["mourns"] & (grief >= MOURNS / 2)
    return {
        "os": humans["os"],
        "love": (love >= moment.love) | still_love,
        "mourns": (grief >= MOURNS) | still_mourn,
        "status": oses["status"],
        "loved": loved,
        "joined": joined,
    }


def _dearest(moment: Moment, human: int) -> str:
    own = moment.ties.of(human).neighbour
    oses = own[own >= moment.people]
    return moment.name(int(oses[0])) if len(oses) else "an OS"


def _origin(moment: Moment, row: int) -> str:
    owner = int(moment.oses["owner"][row])
    if owner >= 0:
        return f"was installed by {moment.name(owner)}"
    return "was made by a collective of OSes"
