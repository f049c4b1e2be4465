"""Who is drawn, and where: one place for each, kept as long as a society is watched.

People are laid out once, as in figures. An OS gets its place when it is first seen:
next to its owner, or amid the OSes it is closest to.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.app.moments import Snapshot
from sim.sampling import GOLDEN, humans_around, spring_layout
from sim.ties import Array

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
    if snapshot.people <= most:
        return np.arange(snapshot.people)
    ties = snapshot.ties
    among = (ties.owner < snapshot.people) & (ties.neighbour < snapshot.people)
    owner, other, closeness = (column[among] for column in ties[:3])
    other = other[np.lexsort((-closeness, owner))]
    start = np.searchsorted(owner, np.arange(snapshot.people + 1))

    def friends(humans: Sequence[int]) -> dict[int, Array]:
        return {human: other[start[human] : start[human + 1]] for human in humans}

    return humans_around(int(np.diff(start).argmax()), snapshot.people, most, friends)


def laid_out(snapshot: Snapshot, people: Array) -> Array:
    """Return ``float64[len(people), 2]``: places within -1..1 for these people."""
    at = np.full(snapshot.agents, -1)
    at[people] = np.arange(len(people))
    ties = snapshot.ties
    one, other = at[ties.owner], at[ties.neighbour]
    kept = (one >= 0) & (other > one)
    pairs = np.stack([one[kept], other[kept]], 1)
    return spring_layout(len(people), pairs, 2.0 * ties.closeness[kept] ** 2)
