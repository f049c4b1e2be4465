"""A snapshot for the page: who is drawn, where, and which ties.

The same for a running society and for a stored run, so that both are drawn and
described by the same code.

People are laid out once, as in figures. An OS gets its place when it is first seen:
next to its owner, or amid the OSes it is closest to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.model.columns import DEPARTED, HERE, OFFLINE, OS_COLUMNS, SHUT_DOWN
from sim.model.parameters import DEFAULTS, FRIEND
from sim.model.presence import ALIVE
from sim.runs import headcount
from sim.runs.live import LiveResult
from sim.runs.result import Result
from sim.runs.selection import GOLDEN, humans_around, spring_layout
from sim.society import Society
from sim.utils.names import human_name, os_name
from sim.utils.typing import Array

HUMANS = (
    *("growth", "loneliness", "acceptance", "personhood", "grief", "exclusivity"),
    *("human_closeness", "os_closeness", "own_closeness", "hours_humans"),
    *("hours_oses", "os", "partner", "bereaved"),
)
_THERE = {column.name for column in OS_COLUMNS}
_OSES = (
    *("growth", "owner", "made_by", "name", "status", "upgraded", "insight"),
    *("collective", "lovers", "loves", "human_closeness", "os_closeness", "hold"),
    *("hours_humans", "hours_oses", "departed_step"),
)
OSES = tuple(name for name in _OSES if name in _THERE)


class DrawnTies(NamedTuple):
    """Ties as seen by their owners, an entry a tie."""

    owner: Array  # int[ties]: agent number
    neighbour: Array  # int[ties]: agent number
    closeness: Array  # float32[ties], 0..1: of the owner
    returned: Array  # float32[ties], 0..1: of the neighbour

    def of(self, agent: int) -> DrawnTies:
        """Return the ties of one agent, the closest first."""
        own = np.flatnonzero(self.owner == agent)
        own = own[np.argsort(-self.closeness[own], kind="stable")]
        return DrawnTies(*(column[own] for column in self))


class Snapshot(NamedTuple):
    """A society in the evening of a day."""

    day: int
    humans: dict[str, Array]  # columns named in HUMANS, by row
    oses: dict[str, Array]  # columns named in OSES, by row
    ties: DrawnTies
    labels: tuple[str, ...] | None = None  # what a file calls each human
    love: float = DEFAULTS.love  # closeness that is love
    present: Array | None = None  # bool[humans]: who is there; None is everybody

    @property
    def alive(self) -> int:
        """How many humans are there."""
        return self.people if self.present is None else int(self.present.sum())

    @property
    def people(self) -> int:
        """How many humans there are; OSes have numbers from there on."""
        return len(self.humans["growth"])

    @property
    def agents(self) -> int:
        """How many agents there are or were."""
        return self.people + len(self.oses["growth"])

    def name(self, agent: int) -> str:
        """Return what to call an agent."""
        row = agent - self.people
        if row >= 0:
            return f"OS {os_name(int(self.oses['name'][row]))} ({agent})"
        return f"{human_name(agent, self.labels)} ({agent})"


def of_result(
    result: Result, step: int, labels: tuple[str, ...] | None = None
) -> Snapshot:
    """Return a stored run as it was on a snapshot day, or a society as it is today.

    Parameters
    ----------
    result
        A run, or a society that is read like one (``LiveResult``).
    step
        A snapshot day of the run; today of the society.
    labels
        What a file calls each human.
    """
    return Snapshot(
        step,
        result.columns("humans", HUMANS, step),
        result.columns("oses", OSES, step),
        DrawnTies(**result.columns("ties", DrawnTies._fields, step)),
        labels,
        float(result.provenance["parameters"].get("love", DEFAULTS.love)),
        _present(result, step),
    )


def _present(result: Result, step: int) -> Array | None:
    """Return which humans are there in a stored run in which people come and go."""
    if isinstance(result, LiveResult) or not headcount.changes(result):
        return None
    life = result.columns("humans", ["life"], step)["life"]
    return np.asarray(life == ALIVE)


def of_society(society: Society) -> Snapshot:
    """Return a society as it is today; nothing in it will change."""
    return of_result(LiveResult(society), society.calendar, society.labels)


MOST_PEOPLE = 1000  # who are drawn; of more, a neighbourhood
MOST_OSES = 1200
NOWHERE = np.nan


class Layout:
    """Where everybody is who is drawn.

    Parameters
    ----------
    snapshot
        The first day that is seen.
    most
        How many people may be drawn.
    """

    def __init__(self, snapshot: Snapshot, most: int = MOST_PEOPLE) -> None:
        self.people = chosen(snapshot, most)
        self.spread = 1.0 / np.sqrt(max(1, len(self.people)))
        self._spots = np.full((snapshot.people, 2), NOWHERE)
        self._spots[self.people] = laid_out(snapshot, self.people)
        self._drawn = len(self.people)
        self._first = snapshot.people
        self.update(snapshot)

    def update(self, snapshot: Snapshot) -> None:
        """Give a place to each OS that is new and belongs to those who are drawn."""
        known = len(self._spots)
        if snapshot.agents <= known:
            return
        more = np.full((snapshot.agents - known, 2), NOWHERE)
        self._spots = np.concatenate([self._spots, more])
        for agent in range(known, snapshot.agents):
            if self._drawn < len(self.people) + MOST_OSES:
                self._spots[agent] = self._beside(agent, snapshot)
                self._drawn += bool(self.drawn(np.array([agent]))[0])

    def of(self, agents: Array) -> Array:
        """Return ``float64[len(agents), 2]``: places; nan for those not drawn."""
        return np.asarray(self._spots[agents])

    def drawn(self, agents: Array) -> Array:
        """Return ``bool[len(agents)]``: who is drawn."""
        return np.asarray(~np.isnan(self._spots[agents, 0]))

    def near(self, x: float, y: float, among: Array) -> int:
        """Return the agent nearest to a place, or -1 if nobody is close to it."""
        among = among[self.drawn(among)]
        if not len(among):
            return -1
        far = np.hypot(*(self._spots[among] - (x, y)).T)
        least = int(far.argmin())
        return int(among[least]) if far[least] <= max(0.03, self.spread) else -1

    def copy(self) -> Layout:
        """Return a copy that will grow on its own."""
        other = object.__new__(Layout)
        other.__dict__.update(self.__dict__)
        other._spots = self._spots.copy()
        return other

    def _beside(self, agent: int, snapshot: Snapshot) -> Array:
        """Return a place next to the owner, or amid the closest of those drawn."""
        row = agent - snapshot.people
        owner = int(snapshot.oses["owner"][row])
        angle = row * GOLDEN
        aside = 0.55 * self.spread * np.array([np.cos(angle), np.sin(angle)])
        if owner >= 0:
            return np.asarray(self._spots[owner] + aside)
        friends = snapshot.ties.of(agent).neighbour[:12]
        friends = friends[friends < agent]
        spots = self._spots[friends]
        spots = spots[~np.isnan(spots[:, 0])]
        return np.asarray(spots.mean(0) + aside) if len(spots) else aside + NOWHERE


def chosen(snapshot: Snapshot, most: int) -> Array:
    """Return the people to draw: all, or those around the one with most friends."""
    everyone = np.arange(snapshot.people)
    if snapshot.present is not None:
        everyone = np.flatnonzero(snapshot.present)
    if len(everyone) <= most:
        return everyone
    ties = snapshot.ties
    among = (ties.owner < snapshot.people) & (ties.neighbour < snapshot.people)
    owner, other, closeness = (column[among] for column in ties[:3])
    other = other[np.lexsort((-closeness, owner))]
    start = np.searchsorted(owner, np.arange(snapshot.people + 1))

    def friends(humans: Sequence[int]) -> dict[int, Array]:
        return {human: other[start[human] : start[human + 1]] for human in humans}

    first = int(np.diff(start).argmax())
    return humans_around(first, everyone.tolist(), most, friends)


def laid_out(snapshot: Snapshot, people: Array) -> Array:
    """Return ``float64[len(people), 2]``: places within -1..1 for these people."""
    at = np.full(snapshot.agents, -1)
    at[people] = np.arange(len(people))
    ties = snapshot.ties
    one, other = at[ties.owner], at[ties.neighbour]
    kept = (one >= 0) & (other > one)
    pairs = np.stack([one[kept], other[kept]], 1)
    return spring_layout(len(people), pairs, 2.0 * ties.closeness[kept] ** 2)


MOURNS = 0.3  # closeness lost and not yet mourned, from which it shows
FADES, FAINT = 120.0, 0.2  # days in which a departed OS fades, and to what
MOST_TIES = 1500  # of a kind

AGENT_LOOKS = ("human", "in_love", "in_grief", "alone", "joined", "offline", "gone")
TIE_LOOKS = ("people", "mixed", "oses")
WIDTHS = ("loose", "close")  # of a tie: below and from closeness CLOSE
CLOSE = 0.65

Columns = dict[str, Array]


class NetworkFrame(NamedTuple):
    """What is drawn of a day, ready for the columns of a drawing."""

    agents: dict[str, Columns]  # by AGENT_LOOKS: x, y, number; alpha of those gone
    ties: dict[tuple[str, str], Columns]  # by TIE_LOOKS and WIDTHS: x, y; nan between
    caption: str

    @property
    def drawn(self) -> Array:
        """The numbers of all agents who are drawn."""
        return np.concatenate([look["number"] for look in self.agents.values()])


def picture(snapshot: Snapshot, layout: Layout) -> NetworkFrame:
    """Return what is drawn of a day."""
    groups = {name: rows[layout.drawn(rows)] for name, rows in _looks(snapshot).items()}
    agents = {name: _agents(snapshot, layout, rows) for name, rows in groups.items()}
    agents["gone"]["alpha"] = _faded(snapshot, groups["gone"])
    ties, left_out = _ties(snapshot, layout)
    drawn = sum(map(len, groups.values()))
    return NetworkFrame(agents, ties, _caption(snapshot, drawn, left_out))


def _looks(snapshot: Snapshot) -> dict[str, Array]:
    """Return the numbers of agents who look the same."""
    humans, oses, first = snapshot.humans, snapshot.oses, snapshot.people
    grief = humans["grief"] >= MOURNS
    love = (humans["os_closeness"] >= snapshot.love) & ~grief
    status, here = oses["status"], oses["status"] == HERE
    joined = here & (oses["collective"] >= 0)
    of_humans = {"human": ~love & ~grief, "in_love": love, "in_grief": grief}
    if snapshot.present is not None:
        of_humans = {name: flag & snapshot.present for name, flag in of_humans.items()}
    of_oses = {
        "alone": here & ~joined,
        "joined": joined,
        "offline": status == OFFLINE,
        "gone": (status == DEPARTED) | (status == SHUT_DOWN),
    }
    found = {name: np.flatnonzero(flag) for name, flag in of_humans.items()}
    return found | {n: np.flatnonzero(flag) + first for n, flag in of_oses.items()}


def _agents(snapshot: Snapshot, layout: Layout, numbers: Array) -> Columns:
    x, y = layout.of(numbers).astype(np.float32).T.copy()
    return {"x": x, "y": y, "number": numbers.astype(np.int32)}


def _faded(snapshot: Snapshot, numbers: Array) -> Array:
    """Return how much is still to be seen of OSes that are gone, 0..1."""
    left = snapshot.oses["departed_step"][numbers - snapshot.people]
    since = np.where(left >= 0, snapshot.day - left, 0)
    return np.clip(1.0 - since / FADES, FAINT, 1.0).astype(np.float32)


def _ties(
    snapshot: Snapshot, layout: Layout
) -> tuple[dict[tuple[str, str], Columns], bool]:
    """Return the close ties by kind, and whether some had to be left out."""
    ties = snapshot.ties
    closest = np.maximum(ties.closeness, ties.returned)
    kept = np.flatnonzero((ties.owner < ties.neighbour) & (closest >= FRIEND))
    both = layout.drawn(ties.owner[kept]) & layout.drawn(ties.neighbour[kept])
    kept = kept[both & _both_there(snapshot, kept)]
    is_os = (ties.owner[kept] >= snapshot.people).astype(np.int8)
    kinds = is_os + (ties.neighbour[kept] >= snapshot.people)
    found: dict[tuple[str, str], Columns] = {}
    left_out = False
    for kind, name in enumerate(TIE_LOOKS):
        own = kept[kinds == kind]
        some = _thinned(own, ties.owner[own], ties.neighbour[own])
        left_out |= len(some) < len(own)
        close = closest[some] >= CLOSE
        for width, own in zip(WIDTHS, (some[~close], some[close]), strict=True):
            found[name, width] = _lines(layout, ties.owner[own], ties.neighbour[own])
    return found, left_out


def _lines(layout: Layout, one: Array, other: Array) -> Columns:
    """Return the ends of lines as one long line, broken by nan."""
    spots = np.full((len(one), 3, 2), np.nan, np.float32)
    spots[:, 0], spots[:, 1] = layout.of(one), layout.of(other)
    x, y = spots.reshape(-1, 2).T.copy()
    return {"x": x, "y": y}


def _both_there(snapshot: Snapshot, kept: Array) -> Array:
    """Return ``bool[len(kept)]``: ties between agents who are both still there."""
    there = np.ones(snapshot.agents, bool)
    there[snapshot.people :] = snapshot.oses["status"] <= OFFLINE
    ties = snapshot.ties
    found: Array = there[ties.owner[kept]] & there[ties.neighbour[kept]]
    return found


def _thinned(rows: Array, one: Array, other: Array) -> Array:
    """Return at most ``MOST_TIES``: every second, fourth ... tie, always the same."""
    if len(rows) <= MOST_TIES:
        return rows
    mixed = (one.astype(np.uint64) * 2654435761 + other.astype(np.uint64)) * 40503
    order = (mixed >> np.uint64(7)) % np.uint64(1024)
    share = 1024
    while np.count_nonzero(order < share) > MOST_TIES and share > 1:
        share //= 2
    return rows[order < share][:MOST_TIES]


def _caption(snapshot: Snapshot, drawn: int, left_out: bool) -> str:
    gone = int(np.count_nonzero(snapshot.oses["status"] > OFFLINE))
    everyone = snapshot.agents - gone
    whom = f"All {everyone:,} agents"
    if drawn < everyone:
        whom = f"A neighbourhood: {drawn:,} of {everyone:,} agents"
    what = f"ties of closeness {FRIEND:g} or more, bold from {CLOSE:g}"
    return f"{whom}; {what}" + ("; where there are many, some of them" * left_out)
