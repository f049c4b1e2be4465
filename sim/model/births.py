"""People on day 0, and ties between those who got to know each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from sim.engine.rng import uniforms
from sim.engine.streams import Stream, number_of
from sim.engine.table import Column
from sim.model import presence, traits
from sim.model.codes import ACCEPTANCE, OPENNESS, PARTNER, PLAYFULNESS, SEPARATED
from sim.model.kernels import meetings
from sim.model.mechanisms import SUBMODELS, groups
from sim.model.parameters import Parameters
from sim.model.population import SocialNetwork
from sim.model.state import Own, State
from sim.utils.typing import Array

CHUNK = 2**22  # ties that are worked on at once


def populate(
    parameters: Parameters,
    network: SocialNetwork,
    seed: int,
    more: Sequence[Column] = (),
) -> State:
    """Return the state of day 0: people with traits, partners and ties, and no OS.

    ``more`` are columns of humans besides those of the model and of mechanisms.
    """
    own = Own(
        (*parameters.own_columns("humans"), *more),
        parameters.own_columns("oses"),
        parameters.own_columns("ties"),
        parameters.own_tables(),
    )
    state = State(network.n, own, groups.told(network.people.get(groups.COLUMN)))
    for name, rows in parameters.own_rows().items():
        state.tables[name].append(rows)
    humans = state.humans

    def draw(which: int) -> Array:
        return uniforms(seed, Stream.PERSON, network.n, which)

    humans.openness[:] = draw(OPENNESS)
    humans.playfulness[:] = draw(PLAYFULNESS)
    traits.skew(humans.upbringing, draw(ACCEPTANCE), parameters.acceptance_mean)
    humans.acceptance[:] = humans.upbringing
    for one in SUBMODELS:
        for name, trait in one.traits.items():
            draws = (
                uniforms(seed, number_of(one.name, name), network.n)
                if trait.draw is None
                else draw(trait.draw)
            )
            mean = getattr(parameters, trait.mean)
            traits.skew(humans.column(name), draws, mean)
    slack = 4 if network.n > 100_000 else 8
    begin_with(state, network)
    state.ties.fill(network.pairs, network.closeness, network.kind, slack)
    separated = draw(SEPARATED) < parameters.separated
    to_come = parameters.people_to_come()
    separated[network.n - to_come :] = False
    _settle(state, network, separated)
    if to_come:
        presence.keep_rows(state, to_come)
    return state


def begin_with(
    state: State, network: SocialNetwork, names: Collection[str] | None = None
) -> None:
    """Write what is known of people on day 0: traits, and columns of mechanisms.

    Who is known to accept OSes was brought up to, unless that is known as well. With
    ``names``, only these columns are written.
    """
    for name, values in network.traits.items():
        if names is not None and name not in names:
            continue
        told = slice(len(values))  # of those to come nothing is known
        state.humans.column(name)[told] = values
        if name == "acceptance" and "upbringing" not in network.traits:
            state.humans.upbringing[told] = values


def _settle(state: State, network: SocialNetwork, separated: Array) -> None:
    """Write partners, former partners, and the closeness each human has on day 0."""
    humans, n = state.humans, network.n
    couples = network.pairs[(network.kind & PARTNER) > 0]
    for one, other in ((0, 1), (1, 0)):
        humans.partner[couples[:, one]] = couples[:, other]
    single = np.flatnonzero(separated & (humans.partner < 0)).astype(np.int32)
    left, right = single[0 : len(single) // 2 * 2 : 2], single[1::2]
    humans.former[left], humans.former[right] = right, left
    sides = np.zeros((2, n))
    for first in range(0, len(network.pairs), CHUNK):
        own = slice(first, first + CHUNK)
        closeness = network.closeness[own].astype(np.float64)
        for side in (0, 1):
            np.add.at(sides[side], network.pairs[own, side], closeness)
    humans.human_closeness[:] = sides[0] + sides[1]


def befriend(state: State, day: Any) -> None:
    """Tie those who got to know each other today."""
    room = np.empty((state.ties.agents, 2), np.int32)
    pairs = room[: meetings.pair_up(state.humans.meets, state.oses.meets, room)]
    if not len(pairs):
        return
    closeness = np.full(len(pairs), day["acquaintance"])
    state.ties.insert(pairs, closeness, np.zeros(len(pairs), np.uint8))
