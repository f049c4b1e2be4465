"""Community detection in friendship networks (constant Potts model), compiled.

Communities are those of the constant Potts model (Traag, Van Dooren and Nesterov 2011,
Phys. Rev. E 84, 016114): agents stay together where more than a share ``gamma`` of the
pairs are friends. Unlike modularity, it has no resolution limit: a small community is
found in a society of any size.

A community is judged against degree-preserving rewiring in closed form: its pairs of
friends against those that the configuration model expects among the same agents, less
the number of ways in which so many agents could have been picked (a scan over all
groups; after Traag, Krings and Van Dooren 2013, Sci. Rep. 3, 2930). The score is in
nats: rewired networks reach ``s`` with a probability of about ``exp(-s)``.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sim.engine.jit import compile_loop, inline, kernel
from sim.engine.simd import prefetch
from sim.utils.typing import Array


@inline
def _joins_friends(k, ties, absent, floor):
    both = min(ties.closeness[k], ties.returned[k])
    return (both >= floor) & (absent[ties.neighbour[k]] == 0)


@kernel
def count_friends(first, last, ties, absent, floor, count):
    """Write how many friends each agent of a range has.

    Friends are both here, and each at least ``floor`` close to the other.
    """
    for owner in range(first, last):
        found = 0
        if not absent[owner]:
            start = np.uint64(ties.start[owner])
            for k in range(start, start + np.uint64(ties.degree[owner])):
                found += _joins_friends(k, ties, absent, floor)
        count[owner] = found


@kernel
def write_friends(first, last, ties, absent, floor, friends):
    """Write who the friends of each agent of a range are, where its row begins."""
    for owner in range(first, last):
        if absent[owner]:
            continue
        at, begin = np.uint64(friends.start[owner]), np.uint64(ties.start[owner])
        for k in range(begin, begin + np.uint64(ties.degree[owner])):
            if _joins_friends(k, ties, absent, floor):
                friends.other[at] = ties.neighbour[k]
                at += np.uint64(1)


@compile_loop
def keys_of(start, other):
    """Return each pair of friends, int64 of 2**32 times the lower number + the other.

    In the order of the lower number only. Ties of an untrusted checkpoint may lead one
    way only, so that there may be more pairs than half as many as friends.
    """
    keys, made = np.empty(other.shape[0], np.int64), 0
    for owner in range(start.shape[0] - 1):
        for k in range(start[owner], start[owner + 1]):
            if other[k] > owner:
                keys[made] = (owner << 32) | np.int64(other[k])
                made += 1
    return keys[:made]  # what was not written takes no memory


@compile_loop
def _summed(counts):
    """Turn counts into sums of them and those before, and return all but the last."""
    first = np.empty(counts.shape[0] - 1, np.int64)
    for i in range(first.shape[0]):
        first[i] = counts[i]
        counts[i + 1] += counts[i]
    return first


@compile_loop
def rows_of(pairs, weight, nodes):
    """Return a graph by rows: where each node's neighbours start, who, and weights."""
    start = np.zeros(nodes + 1, np.int64)
    for i in range(pairs.shape[0]):
        start[pairs[i, 0] + 1] += 1
        start[pairs[i, 1] + 1] += 1
    at = _summed(start)
    other = np.empty(2 * pairs.shape[0], np.uint32)
    weights = np.empty(2 * pairs.shape[0], np.int32)
    for i in range(pairs.shape[0]):
        for side in range(2):
            node = pairs[i, side]
            other[at[node]] = pairs[i, 1 - side]
            weights[at[node]] = weight[i]
            at[node] += 1
    return start, other, weights


# Of each community: edges of the node that is visited, and how many agents are in it.
EDGES, TOTAL = 0, 1
NEAR, FAR = np.uint64(48), np.uint64(96)  # edges ahead: what is asked for is then there


@compile_loop
def move(start, other, weights, size, gamma):
    """Return a label per node, moving nodes to where they gain most until none does.

    A node's gain in a community is its edges there, less ``gamma`` for each pair that
    it makes there. Nodes are visited in their order, so the labels are reproducible.
    From the third time on, only those are whose gains may have changed.
    """
    nodes, most = size.shape[0], np.uint64(max(other.shape[0], 1) - 1)
    label, near = np.empty(nodes, np.uint32), np.empty(nodes + 1, np.uint32)
    known, due = np.empty((nodes, 2), np.int32), np.empty(nodes, np.bool_)
    members = np.empty((3, nodes), np.int32)
    for node in range(nodes):
        label[node], due[node] = node, True
        known[node, EDGES], known[node, TOTAL] = 0, size[node]
        members[FIRST, node], members[BEFORE, node], members[AFTER, node] = node, -1, -1
    for turn in range(20):
        moved = 0
        for node in range(nodes):
            if not due[node]:
                continue
            due[node] = turn == 0
            own, count = label[node], 0
            for k in range(np.uint64(start[node]), np.uint64(start[node + 1])):
                prefetch(label, other[min(k + FAR, most)])
                prefetch(known, label[other[min(k + NEAR, most)]])
                there = label[other[k]]
                near[count] = there
                count += known[there, EDGES] == 0
                known[there, EDGES] += weights[k]
            rest = known[own, TOTAL] - size[node]
            at, best = own, known[own, EDGES] - gamma * size[node] * rest
            for i in range(np.uint64(count)):
                there = near[i]
                gain = known[there, EDGES] - gamma * size[node] * known[there, TOTAL]
                as_good = (gain > best - 1e-9) & (there < at)
                better = ((gain > best + 1e-9) | as_good) & (there != own)
                best, at = gain if better else best, there if better else at
                known[there, EDGES] = 0
            if at == own:
                continue
            moved += 1
            label[node] = at
            known[own, TOTAL] -= size[node]
            known[at, TOTAL] += size[node]
            _leave(node, own, members)
            if turn > 0:
                _call(node, (own, at), start, other, members, due)
            _enter(node, at, members)
        if moved == 0:
            break
    return label.astype(np.int64)


# Who is in a community is a chain: row 0 says who is first in it, rows 1 and 2 who
# comes before and after a node, all by node or label; -1 is nobody.
FIRST, BEFORE, AFTER = 0, 1, 2


@inline
def _leave(node, label, members):
    one, other = members[BEFORE, node], members[AFTER, node]
    if one >= 0:
        members[AFTER, one] = other
    else:
        members[FIRST, label] = other
    if other >= 0:
        members[BEFORE, other] = one


@inline
def _enter(node, label, members):
    first = members[FIRST, label]
    if first >= 0:
        members[BEFORE, first] = node
    members[BEFORE, node], members[AFTER, node] = -1, first
    members[FIRST, label] = node


@inline
def _call(node, way, start, other, members, due):
    """Say whose gains changed when a node went from one community to another.

    Its neighbours' did; those of the neighbours of what it left, which is smaller and
    so costs less to join; and those of who was where it went, which costs more to
    stay in.
    """
    for k in range(start[node], start[node + 1]):
        due[other[k]] = True
    left, entered = way
    member = members[FIRST, left]
    while member >= 0:
        for k in range(start[member], start[member + 1]):
            due[other[k]] = True
        member = members[AFTER, member]
    member = members[FIRST, entered]
    while member >= 0:
        due[member] = True
        member = members[AFTER, member]


@compile_loop
def renumbered(label):
    """Return how many labels there are, and each node's, numbered from 0 in order."""
    nodes = label.shape[0]
    number = np.zeros(nodes, np.int64)
    for node in range(nodes):
        number[label[node]] = 1
    found = 0
    for one in range(nodes):
        if number[one]:
            number[one] = found
            found += 1
    own = np.empty(nodes, np.int64)
    for node in range(nodes):
        own[node] = number[label[node]]
    return found, own


@compile_loop
def between(start, other, weights, number, found):
    """Return the edges between communities, each once, lower first; and their weights.

    Parameters
    ----------
    start, other, weights
        A graph by rows.
    number, found
        The community of each node, and how many there are.
    """
    nodes = number.shape[0]
    begin = np.zeros(found + 1, np.int64)
    for node in range(nodes):
        begin[number[node] + 1] += 1
    at, order = _summed(begin), np.empty(nodes, np.uint32)
    for node in range(nodes):
        order[at[number[node]]] = node
        at[number[node]] += 1
    sums, near = np.zeros(found, np.int64), np.empty(found, np.uint32)
    pairs = np.empty((other.shape[0], 2), np.int32)
    weight = np.empty(other.shape[0], np.int64)
    made = 0
    for own in range(found):
        count = 0
        for i in range(begin[own], begin[own + 1]):
            node = order[i]
            for k in range(start[node], start[node + 1]):
                there = number[other[k]]
                if there > own:
                    if sums[there] == 0:
                        near[count] = there
                        count += 1
                    sums[there] += weights[k]
        for i in range(count):
            there = near[i]
            pairs[made, 0], pairs[made, 1], weight[made] = own, there, sums[there]
            sums[there] = 0
            made += 1
    return pairs[:made].copy(), weight[:made].copy()


@compile_loop
def connected(start, other, label):
    """Return the lowest node of each node's connected part of its community."""
    parent = np.empty(label.shape[0], np.int64)
    for node in range(label.shape[0]):
        parent[node] = node
    for node in range(label.shape[0]):
        for k in range(start[node], start[node + 1]):
            one, another = np.int64(node), np.int64(other[k])
            if another < node or label[one] != label[another]:
                continue
            while parent[one] != one:
                parent[one] = parent[parent[one]]
                one = parent[one]
            while parent[another] != another:
                parent[another] = parent[parent[another]]
                another = parent[another]
            parent[max(one, another)] = min(one, another)
    for node in range(label.shape[0]):
        parent[node] = parent[parent[node]]
    for node in range(label.shape[0]):
        while parent[node] != parent[parent[node]]:
            parent[node] = parent[parent[node]]
    return parent


@compile_loop
def internal_ties(start, other, label):
    """Return the friendships inside each community."""
    found = np.zeros(label.shape[0], np.int64)
    for node in range(label.shape[0]):
        own = label[node]
        for k in range(start[node], start[node + 1]):
            found[own] += (other[k] > node) & (label[other[k]] == own)
    return found


@compile_loop
def missing(numbers, among):
    """Return those of rising numbers that are not among others, which rise too."""
    found, made, at = np.empty(numbers.shape[0], np.int64), 0, 0
    for number in numbers:
        while at < among.shape[0] and among[at] < number:
            at += 1
        if at == among.shape[0] or among[at] != number:
            found[made] = number
            made += 1
    return found[:made].copy()


@compile_loop
def flagged(ties, agents, flag):
    """Return for each of the first ``agents`` whether one of its ties has a flag."""
    found = np.zeros(agents, np.bool_)
    for owner in range(agents):
        for k in range(ties.start[owner], ties.start[owner] + ties.degree[owner]):
            if ties.kind[k] & flag:
                found[owner] = True
    return found


GAMMA = 0.12  # share of pairs that are friends, in a community
LEAST = 5  # agents in a community worth a look
LEVELS = 10


class Partition(NamedTuple):
    """A partition of agents, and what is known of each community worth a look."""

    label: Array  # int64[agents]: the lowest number in the agent's community
    found: Array  # int64[communities]: labels, rising
    size: Array  # int64[communities]: agents
    inside: Array  # int64[communities]: pairs of friends
    score: Array  # float64[communities]: nats against degree-preserving rewiring


class Friends(NamedTuple):
    """Who is friends with whom: a row of friends for each agent."""

    start: Array  # int64[agents + 1]: where each row begins, and the end of the last
    other: Array  # uint32[2 * friendships]

    @property
    def agents(self) -> int:
        """How many agents there are."""
        return len(self.start) - 1


def friends_of(pairs: Array, agents: int) -> Friends:
    """Return pairs of friends (int32[m, 2], each once) as rows."""
    start, other, _ = rows_of(pairs, np.ones(len(pairs), np.int64), agents)
    return Friends(start, other)


def partition(friends: Friends, gamma: float = GAMMA) -> Array:
    """Return the community of each agent, named by its lowest number.

    Parameters
    ----------
    friends
        The network.
    gamma
        Share of pairs that must be friends for agents to stay together, 0..1.
    """
    label = np.arange(friends.agents)
    rows = (*friends, np.ones(len(friends.other), np.int32))
    size = np.ones(friends.agents, np.int64)
    for _ in range(LEVELS):
        found, moved = renumbered(move(*rows, size, gamma))
        if found == len(size):
            break
        label = moved[label]
        size = np.bincount(moved, size).astype(np.int64)
        rows = rows_of(*between(*rows, moved, found), found)
    return connected(*friends, label)  # type: ignore[no-any-return]


def friend_communities(friends: Friends, count: int, gamma: float = GAMMA) -> Partition:
    """Return the communities of a network of friends.

    Parameters
    ----------
    friends, gamma
        As in ``partition``.
    count
        How many agents could have been picked for a community.
    """
    agents, label = friends.agents, partition(friends, gamma)
    sizes = np.bincount(label, minlength=agents)
    found = np.flatnonzero(sizes >= LEAST)
    size = sizes[found]
    degree = np.diff(friends.start).astype(np.float64)
    inside = internal_ties(*friends, label)[found]
    stubs = np.bincount(label, degree, agents)[found]
    squares = np.bincount(label, degree * degree, agents)[found]
    expected = (stubs * stubs - squares) / max(2.0 * len(friends.other), 1.0)
    score = surprise(inside, expected, size, count)
    return Partition(label, found, size, inside, score)


def surprise(inside: Array, expected: Array, size: Array, count: int) -> Array:
    """Return how far communities exceed chance, float64, in nats.

    Pairs times the divergence of their density from the expected one, less the
    logarithm of the number of ways to pick so many agents; 0 if there are no
    more friends than expected.
    """
    pairs = size * (size - 1) / 2.0
    seen, chance = inside / pairs, np.minimum(expected / pairs, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        both = np.where(seen > 0.0, seen * np.log(seen / chance), 0.0)
        rest = (1.0 - seen) * np.log((1.0 - seen) / (1.0 - chance))
    distance = both + np.where(seen < 1.0, rest, 0.0)
    sizes, which = np.unique(size, return_inverse=True)
    ways = np.array([log_ways(max(count, s), s) for s in sizes.tolist()])[which]
    score = np.where(seen > chance, pairs * distance, 0.0) - ways
    found: Array = np.nan_to_num(np.maximum(score, 0.0), posinf=1e9)
    return found


def log_ways(count: int, size: int) -> float:
    """Return the logarithm of the number of ways to pick ``size`` of ``count``."""
    gamma = math.lgamma
    return gamma(count + 1) - gamma(size + 1) - gamma(count - size + 1)
