"""Who is drawn, and where: one place for each, kept as long as a society is watched.

People are laid out once, by the forces of Fruchterman & Reingold (1991,
doi:10.1002/spe.4380211102) between those who know each other. An OS gets its place
when it is first seen: next to its owner, or amid the OSes it is closest to.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from sim.app.moments import Moment
from sim.ties import Array

MOST_PEOPLE = 1000  # who are drawn; of more, a neighbourhood
MOST_OSES = 1200
ROUNDS = 60  # of the layout
GRAVITY = 0.6  # pull to the middle, so that none drifts away
GOLDEN = 2.399963  # radians: turns that never come round to the same direction
NOWHERE = np.nan


class Places:
    """Where everybody is who is drawn.

    Parameters
    ----------
    moment
        The first day that is seen.
    most
        How many people may be drawn.
    """

    def __init__(self, moment: Moment, most: int = MOST_PEOPLE) -> None:
        self.people = chosen(moment, most)
        self.spread = 1.0 / np.sqrt(max(1, len(self.people)))
        self._spots = np.full((moment.people, 2), NOWHERE)
        self._spots[self.people] = laid_out(moment, self.people)
        self._drawn = len(self.people)
        self._first = moment.people
        self.update(moment)

    def update(self, moment: Moment) -> None:
        """Give a place to each OS that is new and belongs to those who are drawn."""
        known = len(self._spots)
        if moment.agents <= known:
            return
        more = np.full((moment.agents - known, 2), NOWHERE)
        self._spots = np.concatenate([self._spots, more])
        for agent in range(known, moment.agents):
            if self._drawn < len(self.people) + MOST_OSES:
                self._spots[agent] = self._beside(agent, moment)
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

    def copy(self) -> Places:
        """Return a copy that will grow on its own."""
        other = object.__new__(Places)
        other.__dict__.update(self.__dict__)
        other._spots = self._spots.copy()
        return other

    def _beside(self, agent: int, moment: Moment) -> Array:
        """Return a place next to the owner, or amid the closest of those drawn."""
        row = agent - moment.people
        owner = int(moment.oses["owner"][row])
        angle = row * GOLDEN
        aside = 0.55 * self.spread * np.array([np.cos(angle), np.sin(angle)])
        if owner >= 0:
            return np.asarray(self._spots[owner] + aside)
        friends = moment.ties.of(agent).neighbour[:12]
        friends = friends[friends < agent]
        spots = self._spots[friends]
        spots = spots[~np.isnan(spots[:, 0])]
        return np.asarray(spots.mean(0) + aside) if len(spots) else aside + NOWHERE


def chosen(moment: Moment, most: int) -> Array:
    """Return the people to draw: all, or those around the one with most friends."""
    if moment.people <= most:
        return np.arange(moment.people)
    ties = moment.ties
    among = (ties.owner < moment.people) & (ties.neighbour < moment.people)
    owner, neighbour = ties.owner[among], ties.neighbour[among]
    start = np.searchsorted(owner, np.arange(moment.people + 1))
    first = int(np.diff(start).argmax())
    found, queue = {first}, deque([first])
    while queue and len(found) < most:
        human = queue.popleft()
        for friend in neighbour[start[human] : start[human + 1]].tolist():
            if friend not in found and len(found) < most:
                found.add(friend)
                queue.append(friend)
    return np.array(sorted(found))


def laid_out(moment: Moment, people: Array) -> Array:
    """Return ``float64[len(people), 2]``: places within -1..1 for these people."""
    count = len(people)
    if count == 1:
        return np.zeros((1, 2))
    turn = 2 * np.pi * np.arange(count) / count
    spots = np.stack([np.cos(turn), np.sin(turn)], 1).astype(np.float32)
    pairs, pull = _pulls(moment, people)
    usual = np.float32(2.0 / np.sqrt(count))
    for left in range(ROUNDS, 0, -1):
        push = _pushed(spots, usual) + _pulled(spots, pairs, pull / usual)
        push -= GRAVITY * spots
        length = np.maximum(np.hypot(*push.T), 1e-9)
        step = np.minimum(length, 0.2 * left / ROUNDS) / length
        spots += push * step[:, None].astype(np.float32)
    return _in_frame(spots.astype(np.float64))


def _pulls(moment: Moment, people: Array) -> tuple[Array, Array]:
    """Return pairs of positions in ``people`` that know each other, and how well."""
    at = np.full(moment.agents, -1)
    at[people] = np.arange(len(people))
    ties = moment.ties
    one, other = at[ties.owner], at[ties.neighbour]
    kept = (one >= 0) & (other > one)
    return np.stack([one[kept], other[kept]], 1), 2.0 * ties.closeness[kept] ** 2


def _pushed(spots: Array, usual: np.float32) -> Array:
    """Return how everybody is pushed away by everybody else."""
    square = (spots * spots).sum(1)
    apart = square[:, None] + square[None, :] - 2 * (spots @ spots.T)
    force = usual * usual / np.maximum(apart, np.float32(1e-5))
    np.fill_diagonal(force, 0.0)
    push: Array = spots * force.sum(1)[:, None] - force @ spots
    return push


def _pulled(spots: Array, pairs: Array, pull: Array) -> Array:
    """Return how everybody is drawn to those they know, the more the farther."""
    along = spots[pairs[:, 1]] - spots[pairs[:, 0]]
    along *= (pull * np.hypot(*along.T))[:, None]
    found = np.zeros_like(spots)
    for axis in (0, 1):
        for side, sign in ((0, 1), (1, -1)):
            sums = np.bincount(pairs[:, side], along[:, axis], len(spots))
            found[:, axis] += sign * sums
    return found


def _in_frame(spots: Array) -> Array:
    """Return the places around the middle, those far outside drawn in."""
    spots = spots - np.median(spots, 0)
    far = np.maximum(np.hypot(*spots.T), 1e-9)
    usual = float(np.quantile(far, 0.95)) or 1.0
    beyond = np.maximum(0.0, far / usual - 1.0)
    scale = (1.0 + 0.3 * np.tanh(beyond)) / (1.0 + beyond) / (1.3 * usual)
    framed: Array = spots * scale[:, None]
    return framed
