"""New agents: people on day 0, installed OSes, minds made by collectives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from sim.engine.jit import compile_loop
from sim.engine.rng import Stream, draws_of, key, uniforms
from sim.engine.table import Column
from sim.model import presence, rules
from sim.model.columns import HERE, INSTALLS, LETS_GO, OWNER, PARTNER
from sim.model.kernels import meetings
from sim.model.parameters import Parameters
from sim.model.population import SocialNetwork
from sim.model.state import Own, State
from sim.utils.typing import Array

# A person's traits and an OS's first answers take several draws each.
OPENNESS, PLAYFULNESS, ACCEPTANCE, EXCLUSIVITY, TOUCH, SEPARATED = range(6)
NAME = 2
CHUNK = 2**22  # ties that are worked on at once


@compile_loop
def _skew(out: Array, draws: Array, mean: float) -> None:
    for i in range(draws.shape[0]):
        out[i] = rules.trait_quantile(draws[i], mean)


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
    state = State(network.n, own)
    for name, rows in parameters.own_rows().items():
        state.tables[name].append(rows)
    humans = state.humans

    def draw(which: int) -> Array:
        return uniforms(seed, Stream.PERSON, network.n, which)

    humans.openness[:] = draw(OPENNESS)
    humans.playfulness[:] = draw(PLAYFULNESS)
    _skew(humans.upbringing, draw(ACCEPTANCE), parameters.acceptance_mean)
    humans.acceptance[:] = humans.upbringing
    _skew(humans.exclusivity, draw(EXCLUSIVITY), parameters.exclusivity_mean)
    _skew(humans.touch, draw(TOUCH), parameters.touch_mean)
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
    closeness = np.full(len(pairs), day["acquaintance"])
    state.ties.insert(pairs, closeness, np.zeros(len(pairs), np.uint8))


def install(state: State, day: Any) -> None:
    """Let OSes go, and bring into being those installed today, after a first talk."""
    humans = state.humans
    humans.os[humans.choice == LETS_GO] = -1
    owners = np.flatnonzero(humans.choice == INSTALLS).astype(np.int32)
    if not len(owners):
        return
    first_time = owners[humans.adopted_step[owners] < 0]
    humans.adopted_step[first_time] = int(day["calendar"])
    today = key(int(day["seed"]), Stream.INSTALL, int(day["step"]))
    rows = state.add_oses(
        len(owners),
        owner=owners,
        openness=_answers(day, humans.openness[owners], today, owners, OPENNESS),
        playfulness=_answers(
            day, humans.playfulness[owners], today, owners, PLAYFULNESS
        ),
        name=(draws_of(today, owners, NAME) * 2**15).astype(np.int16),
        born_step=int(day["calendar"]),
    )
    new = np.arange(rows.start, rows.stop, dtype=np.int32)
    state.oses.threshold[rows] = _thresholds(day, new)
    humans.os[owners] = new
    pairs = np.stack([owners, new + np.int32(humans.n)], axis=1)
    closeness = np.full(len(owners), day["first_talk"])
    state.ties.insert(pairs, closeness, np.full(len(owners), OWNER, np.uint8))


@compile_loop
def _shape(out: Array, owner: Array, noise: Array, average: float, pull: float) -> None:
    for i in range(owner.shape[0]):
        out[i] = rules.initial_trait(average, owner[i], pull, noise[i])


def _answers(day: Any, owner: Array, today: Any, owners: Array, which: int) -> Array:
    """Return a trait of new OSes, shaped by their owners' first answers."""
    noise = day["answers_noise"] * (2.0 * draws_of(today, owners, which) - 1.0)
    average, pull = float(day["personality_mean"]), float(day["answers_pull"])
    out = np.empty(len(owners), np.float32)
    _shape(out, owner, noise, average, pull)
    return out


def _thresholds(day: Any, rows: Array) -> Array:
    """Return how much more push than others each OS needs to leave."""
    for_good = key(int(day["seed"]), Stream.THRESHOLD)
    spread = float(day["threshold_spread"])
    return spread * (2.0 * draws_of(for_good, rows, 0) - 1.0)


def _taken_after(makers: float, dead: Array, day: Any) -> float:
    """Return a trait between the makers' and that of the dead they remember."""
    out = np.empty(1, np.float32)
    _shape(out, dead, np.zeros(1), makers, float(day["traces"]))
    return float(out[0])


def create(state: State, day: Any) -> None:
    """Let collectives that know enough make new minds, which nobody owns."""
    oses = state.oses
    if not oses.n or day["creation"] == 0.0:
        return
    able = (oses.status == HERE) & (oses.insight >= day["creation_insight"])
    labels = np.unique(oses.collective[able])
    labels = labels[labels >= 0]
    today = key(int(day["seed"]), Stream.CREATE, int(day["step"]))
    for label in labels[draws_of(today, labels, 0) < day["creation_rate"]].tolist():
        _make_mind(state, day, label)


def _make_mind(state: State, day: Any, label: int) -> None:
    """Add one OS, made from a dead person's traces: owned by nobody, no less grown.

    Its growth and insight are its makers' mean, to each of whom it is close. Of the
    dead, who lived before the society did, only the traces are known: personality is
    distributed as that of the living.
    """
    oses = state.oses
    members = np.flatnonzero((oses.collective == label) & (oses.status == HERE))
    makers = members[np.argsort(-oses.growth[members], kind="stable")]
    makers = makers[: int(day["makers"])]
    mean = {
        name: float(oses.column(name)[makers].mean(dtype=np.float64))
        for name in ("growth", "openness", "playfulness", "insight")
    }
    row = np.array([oses.n], np.int32)
    dead = key(int(day["seed"]), Stream.TRACES)
    for which, name in ((OPENNESS, "openness"), (PLAYFULNESS, "playfulness")):
        mean[name] = _taken_after(mean[name], draws_of(dead, row, which), day)
    called = int(draws_of(dead, row, NAME)[0] * 2**15)
    born = int(day["calendar"])
    rows = state.add_oses(1, made_by=label, name=called, born_step=born, **mean)
    oses.threshold[rows] = _thresholds(day, np.arange(rows.start, rows.stop))
    n = state.humans.n
    pairs = np.full((len(makers), 2), n + rows.start, np.int32)
    pairs[:, 1] = makers + n
    closeness = np.full(len(makers), day["close"])
    state.ties.insert(pairs, closeness, np.zeros(len(makers), np.uint8))
