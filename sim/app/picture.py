"""What is drawn of a day: places of agents by how they are, ends of ties by kind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.app.moments import Snapshot
from sim.app.places import Layout
from sim.parameters import FRIEND
from sim.state import DEPARTED, HERE, OFFLINE, SHUT_DOWN
from sim.ties import Array

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
