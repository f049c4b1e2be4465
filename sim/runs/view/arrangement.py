"""Where agents stand in the view: an order of people, a map of them, and forces.

All of it is computed once, when a run is packed, so that the same run looks the same
for everybody.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.runs.selection import GOLDEN, spring_layout
from sim.utils.typing import Array

LADDER = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)  # shares of pairs that are friends
MOST_COMMUNITIES = 24  # towns that a map of a society can show
LEAST_MEMBERS = 3  # of a community that is shown as one
MOST_OTHERS, LEAST_OTHERS = 160, 40  # OSes of a sample that push an OS away in a round
PUSHES = 400_000  # in a round: of many OSes, each is pushed by fewer
FIRST_ROUNDS, ROUNDS = 60, 14  # of the forces on the first day, and on each other
REPULSION = 0.012  # of the force between OSes, at the radius of the circle of people
TETHER = 0.6  # pull of its owner on an OS that talks with people only


class Arrangement(NamedTuple):
    """Where people stand."""

    community: (
        Array  # int64[people]: number of the community, by its place in the order
    )
    rank: Array  # int64[people]: place in the order of communities, from 0
    places: Array  # float32[people, 2], -1..1: on the map


def arrange(people: int, pairs: Array) -> Arrangement:
    """Return where people stand, by who is tied to whom.

    Parameters
    ----------
    people
        How many there are.
    pairs
        int[ties, 2]: ties among people, each once.

    Returns
    -------
    Arrangement
        Communities in an order in which neighbours have many ties, people in the order
        of their communities, and a map on which each community is a disc of people.
    """
    community = _ordered(_communities(people, pairs), pairs)
    order = np.lexsort((np.arange(people), community))
    rank = np.empty(people, np.int64)
    rank[order] = np.arange(people)
    return Arrangement(community, rank, _map(community, pairs))


def _communities(people: int, pairs: Array) -> Array:
    """Return a label a person, of few enough communities to be told apart."""
    from sim.events.community_detection import friends_of, partition

    if not len(pairs):
        return np.zeros(people, np.int64)
    friends = friends_of(pairs.astype(np.int32), people)
    label = np.zeros(people, np.int64)
    for share in LADDER:
        label = partition(friends, share)
        sizes = np.bincount(label)
        if np.count_nonzero(sizes >= LEAST_MEMBERS) <= MOST_COMMUNITIES:
            break
    sizes = np.bincount(label, minlength=people)
    largest = np.argsort(-sizes, kind="stable")[:MOST_COMMUNITIES]
    told_apart = np.isin(label, largest) & (sizes[label] >= LEAST_MEMBERS)
    label[~told_apart] = people  # whoever belongs nowhere stands together, last
    return np.unique(label, return_inverse=True)[1].astype(np.int64)


def _ordered(label: Array, pairs: Array) -> Array:
    """Return communities numbered so that each follows one it has many ties with."""
    count = int(label.max(initial=0)) + 1
    ends = label[pairs] if len(pairs) else np.zeros((0, 2), np.int64)
    ties = np.zeros((count, count))
    np.add.at(ties, (ends[:, 0], ends[:, 1]), 1.0)
    ties += ties.T
    size = np.bincount(label, minlength=count)
    ties /= np.sqrt(np.outer(size, size))
    np.fill_diagonal(ties, 0.0)
    number, near = np.full(count, -1), np.zeros(count)
    at = 0
    for place in range(count):
        number[at] = place
        near = ties[at] + 0.3 * near  # those before count less and less
        left = np.flatnonzero(number < 0)
        if len(left):
            at = int(left[np.argmax(near[left])])
    found: Array = number[label]
    return found


def _map(community: Array, pairs: Array) -> Array:
    """Return a place on the map for everybody: within the disc of the community."""
    count = int(community.max(initial=0)) + 1
    size = np.bincount(community, minlength=count)
    ends = np.sort(community[pairs], 1) if len(pairs) else np.zeros((0, 2), np.int64)
    codes, ties = np.unique(ends[:, 0] * count + ends[:, 1], return_counts=True)
    between = np.stack([codes // count, codes % count], 1)
    other = between[:, 0] != between[:, 1]
    pull = ties / np.sqrt(size[between[:, 0]] * size[between[:, 1]])
    middles = spring_layout(count, between[other], pull[other].astype(np.float32))
    radius = np.sqrt(size / max(1, len(community))) * 0.78
    middles = _apart(middles, radius)
    order = np.lexsort((np.arange(len(community)), community))
    first = np.concatenate([[0], np.cumsum(size)])
    inside = np.empty(len(community))
    inside[order] = np.arange(len(community)) - first[community[order]]
    far = radius[community] * np.sqrt((inside + 0.5) / size[community]) * 0.9
    turn = GOLDEN * inside
    spots = middles[community] + far[:, None] * np.stack(
        [np.cos(turn), np.sin(turn)], 1
    )
    spots -= (spots.min(0) + spots.max(0)) / 2.0 if len(spots) else 0.0
    framed = spots / np.maximum(np.abs(spots).max(0, initial=0.0), 1e-9)
    found: Array = framed.astype(np.float32)
    return found


def _apart(middles: Array, radius: Array) -> Array:
    """Return the middles of discs, moved until no two of them overlap (or nearly)."""
    spots: Array = middles + 1e-6 * np.arange(len(middles))[:, None]
    for _ in range(200):
        along = spots[:, None] - spots[None, :]
        gap = np.hypot(along[..., 0], along[..., 1])
        np.fill_diagonal(gap, np.inf)
        short = np.maximum(0.0, 1.12 * (radius[:, None] + radius[None, :]) - gap)
        if not short.any():
            break
        push = along / np.maximum(gap, 1e-9)[..., None] * short[..., None] * 0.25
        spots = (spots + push.sum(1)) * 0.999
    return spots


class Pulls(NamedTuple):
    """What draws the OSes of a day."""

    pairs: Array  # int[ties, 2]: ties between OSes, by row
    strength: Array  # float32[ties], 0..1
    anchor: Array  # float32[oses, 2]: where the owner stands on the circle
    share: Array  # float32[oses], 0..1: of talk that is with OSes
    there: Array  # bool[oses]: who is drawn


def circle(rank: Array) -> Array:
    """Return ``float32[people, 2]``: people on a circle, in their order."""
    turn = 2.0 * np.pi * (rank + 0.5) / max(1, len(rank)) - np.pi / 2.0
    return np.stack([np.cos(turn), np.sin(turn)], 1).astype(np.float32)


def draw_together(spots: Array, pulls: Pulls, rounds: int) -> Array:
    """Return the places of OSes after some rounds of forces.

    Ties between OSes draw them together, the more, the greater the share of their talk
    that is with OSes; their owners draw them back to the circle of people; and all push
    each other away (judged by a sample).

    Parameters
    ----------
    spots
        float32[oses, 2]: places to begin with.
    pulls
        What draws them.
    rounds
        How many rounds.
    """
    rows = np.flatnonzero(pulls.there)
    if not len(rows):
        return spots
    at = np.full(len(spots), -1)
    at[rows] = np.arange(len(rows))
    ends = at[pulls.pairs] if len(pulls.pairs) else np.zeros((0, 2), np.int64)
    kept = (ends >= 0).all(1)
    ends, strength = ends[kept], pulls.strength[kept]
    weight = np.bincount(ends[:, 0], strength, len(rows))
    weight += np.bincount(ends[:, 1], strength, len(rows))
    place, share = spots[rows].copy(), pulls.share[rows][:, None]
    anchor = 0.93 * pulls.anchor[rows]
    rng = np.random.default_rng(len(rows))
    others = min(MOST_OTHERS, max(LEAST_OTHERS, PUSHES // len(rows)))
    for left in range(rounds, 0, -1):
        target = _middles(place, ends, strength, weight)
        push = share * (target - place) + TETHER * (1.0 - share) * (anchor - place)
        push += _pushed_by_some(place, rng.integers(0, len(rows), others))
        length = np.maximum(np.hypot(push[:, 0], push[:, 1]), 1e-9)
        most = 0.05 + 0.3 * left / rounds
        place += push * (np.minimum(length, most) / length)[:, None] * 0.5
    moved = spots.copy()
    moved[rows] = np.clip(place, -1.0, 1.0)
    return moved


def _middles(place: Array, ends: Array, strength: Array, weight: Array) -> Array:
    """Return for each OS the middle of those it has ties to, by their strength."""
    found = np.empty_like(place)
    for axis in (0, 1):
        sums = np.bincount(ends[:, 0], strength * place[ends[:, 1], axis], len(place))
        sums += np.bincount(ends[:, 1], strength * place[ends[:, 0], axis], len(place))
        own = place[:, axis]
        found[:, axis] = np.where(weight > 0.0, sums / np.maximum(weight, 1e-9), own)
    return found


def _pushed_by_some(place: Array, some: Array) -> Array:
    """Return how OSes are pushed away from some of them, as if by all."""
    along = [np.subtract.outer(place[:, axis], place[some, axis]) for axis in (0, 1)]
    weight = along[0] * along[0]
    weight += along[1] * along[1]
    weight += np.float32(2e-3)
    np.reciprocal(weight, out=weight)
    push = [np.einsum("ij,ij->i", one, weight) for one in along]
    found: Array = np.stack(push, 1) * np.float32(REPULSION / len(some))
    return found
