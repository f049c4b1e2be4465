"""Compiled loops that find circles of friends; each calls helpers of this file only.

Communities are those of the constant Potts model (Traag, Van Dooren and Nesterov 2011,
Phys. Rev. E 84, 016114): agents stay together where more than a share ``gamma`` of the
pairs are friends. Unlike modularity, it has no resolution limit: a small circle is
found in a society of any size.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np

from sim.compiled import compile_loop


@compile_loop
def friends(ties, absent, floor):
    """Return all pairs of present agents that are both at least ``floor`` close.

    Returns
    -------
    int32[pairs, 2]
        Lower number first, in the order of agents.
    """
    count = 0
    for owner in range(ties.start.shape[0]):
        if absent[owner]:
            continue
        for k in range(ties.start[owner], ties.start[owner] + ties.degree[owner]):
            other = ties.neighbour[k]
            if other > owner and not absent[other]:
                count += min(ties.closeness[k], ties.returned[k]) >= floor
    pairs = np.empty((count, 2), np.int32)
    at = 0
    for owner in range(ties.start.shape[0]):
        if absent[owner]:
            continue
        for k in range(ties.start[owner], ties.start[owner] + ties.degree[owner]):
            other = ties.neighbour[k]
            both = min(ties.closeness[k], ties.returned[k])
            if other > owner and not absent[other] and both >= floor:
                pairs[at, 0], pairs[at, 1] = owner, other
                at += 1
    return pairs


@compile_loop
def rows_of(pairs, weight, nodes):
    """Return a graph by rows: where each node's neighbours start, who, and weights."""
    start = np.zeros(nodes + 1, np.int64)
    for i in range(pairs.shape[0]):
        start[pairs[i, 0] + 1] += 1
        start[pairs[i, 1] + 1] += 1
    start = np.cumsum(start)
    at = start[:-1].copy()
    other = np.empty(2 * pairs.shape[0], np.int32)
    weights = np.empty(2 * pairs.shape[0], np.int64)
    for i in range(pairs.shape[0]):
        for side in range(2):
            node = pairs[i, side]
            other[at[node]] = pairs[i, 1 - side]
            weights[at[node]] = weight[i]
            at[node] += 1
    return start, other, weights


@compile_loop
def move(start, other, weights, size, gamma):
    """Return a label per node, moving nodes to where they gain most until none does.

    A node's gain in a community is its edges there, less ``gamma`` for each pair that
    it makes there. Nodes are visited in their order, so the labels are reproducible.
    """
    nodes = size.shape[0]
    label = np.arange(nodes)
    total = size.copy()
    edges = np.zeros(nodes, np.int64)
    near = np.empty(nodes, np.int64)
    for _ in range(20):
        moved = 0
        for node in range(nodes):
            own, count = label[node], 0
            for k in range(start[node], start[node + 1]):
                there = label[other[k]]
                if edges[there] == 0:
                    near[count] = there
                    count += 1
                edges[there] += weights[k]
            best = edges[own] - gamma * size[node] * (total[own] - size[node])
            at = own
            for i in range(count):
                there = near[i]
                if there != own:
                    gain = edges[there] - gamma * size[node] * total[there]
                    if gain > best + 1e-9 or (gain > best - 1e-9 and there < at):
                        best, at = gain, there
            for i in range(count):
                edges[near[i]] = 0
            if at != own:
                label[node] = at
                total[own] -= size[node]
                total[at] += size[node]
                moved += 1
        if moved == 0:
            break
    return label


@compile_loop
def connected(pairs, label):
    """Return the lowest node of each node's connected part of its community."""
    parent = np.arange(label.shape[0])
    for i in range(pairs.shape[0]):
        one, another = pairs[i, 0], pairs[i, 1]
        if label[one] != label[another]:
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
def flagged(ties, agents, flag):
    """Return for each of the first ``agents`` whether one of its ties has a flag."""
    found = np.zeros(agents, np.bool_)
    for owner in range(agents):
        for k in range(ties.start[owner], ties.start[owner] + ties.degree[owner]):
            if ties.kind[k] & flag:
                found[owner] = True
    return found
