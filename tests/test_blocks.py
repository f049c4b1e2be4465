"""Half-edges are worked out in blocks; where a block ends changes nothing."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from twins import Twins

from sim.model import births, processes
from sim.model.kernels.blocks import LENGTH
from sim.model.parameters import Parameters
from sim.model.population import SocialNetwork
from sim.model.state import NO_DECISIONS, State

FULL = int(LENGTH)
CHANGES = {"innovation": 0.3, "ties": 6.0, "strangers": 0.3, "forgotten": 0.02}


def network_of(graph: nx.Graph[int]) -> SocialNetwork:
    """Return a graph as who knows whom, at closeness from weak to strong."""
    pairs = np.array(sorted(map(sorted, graph.edges)), np.int32)
    closeness = np.linspace(0.2, 0.9, len(pairs)).astype(np.float32)
    kind = np.zeros(len(pairs), np.uint8)
    return SocialNetwork(graph.number_of_nodes(), pairs, closeness, kind, None)


@pytest.mark.parametrize("friends", [FULL - 1, FULL, FULL + 1, 2 * FULL + 88])
def test_an_agent_may_have_more_ties_than_a_block(friends: int) -> None:
    """Ties of one agent that fill a block, or several, are those of the oracle."""
    known = network_of(nx.star_graph(friends))
    twins = Twins(Parameters().replace(humans=known.n, **CHANGES), 3, known)
    for _ in range(3):
        twins.step()
        twins.check()
    assert twins.state.humans.human_ties[0] > friends * 0.9
    assert twins.state.humans.os_ties.any()


def lived(known: SocialNetwork, cuts: list[int], days: int = 5) -> State:
    """Return a society whose people were done range by range."""
    parameters = Parameters().replace(humans=known.n, **CHANGES)
    state = births.populate(parameters, known, 5)
    day = processes.make_day(parameters, known.n, 5)
    usual = processes.PHASES
    for _ in range(days):
        processes.advance(state, day)
    state.decisions = NO_DECISIONS
    for phase in usual:
        if phase.name in ("present", "attend", "converse"):
            ends = [0, *cuts, state.ties.agents]
            for first, last in pairwise(ends):
                phase.run(first, last, state.agents, state.ties.arrays, day)
    return state


@pytest.mark.parametrize("cuts", [[1], [50], [1, 2, 3, 120], list(range(1, 200, 7))])
def test_where_blocks_begin_changes_nothing(cuts: list[int]) -> None:
    known = network_of(nx.barabasi_albert_graph(200, 9, seed=1))
    whole, parts = lived(known, []), lived(known, cuts)
    for name, column in whole.ties.table().items():
        assert np.array_equal(column, parts.ties.table()[name]), name
    for table, other in ((whole.humans, parts.humans), (whole.oses, parts.oses)):
        for name, column in table.copy_columns().items():
            assert np.array_equal(column, other.column(name)), name
