"""A society stripped to the one process under study, made of the shipped phases."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np

from sim.engine.rng import key, pair_uniform
from sim.engine.streams import Stream
from sim.model import processes
from sim.model.codes import PARTNER
from sim.model.parameters import Parameters
from sim.model.state import State

SEED = 11
ENOUGH = 1e-6  # the least reserve for strangers: next to all hours go to ties

# Nobody installs, meets, grows or leaves; talk adds nothing and nothing cools.
NOTHING_HAPPENS: dict[str, Any] = {
    switch: False
    for switch in (
        "adoption",
        "uninstalling",
        "growth",
        "meeting",
        "influence",
        "collectives",
        "insight",
        "creation",
        "upgrading",
        "departure",
        "comforting",
        "repairing",
    )
} | {
    "warming": 0.0,
    "warmth_noise": 0.0,
    "cooling": 0.0,
    "os_cooling": 0.0,
    "disclosure": 0.0,
    "touch_wear": 0.0,
    "stigma": 0.0,
    "personhood_grief": 0.0,
    "os_reserve": 0.0,
    "focus": 0.0,
    "stranger_reserve": ENOUGH,
    "forgotten": ENOUGH,
}


def make_day(humans: int, **changes: Any) -> Any:
    """Return the record of a society in which only what ``changes`` says happens."""
    usual = {n: v for n, v in NOTHING_HAPPENS.items() if n in Parameters.model_fields}
    parameters = Parameters().replace(**(usual | changes))
    return processes.make_day(parameters, humans, SEED)


def live(state: State, day: Any, *names: str) -> None:
    """Live a day of which only the named phases are left; of all, if none is named."""
    chosen = [p for p in processes.PHASES if p.name in names or not names]
    with mock.patch.object(processes, "PHASES", tuple(chosen)):
        processes.advance(state, day)


def talked(state: State, day: Any, days: int = 1) -> State:
    """Let agents talk for some days, and nothing else happen; return the state."""
    for _ in range(days):
        live(state, day, "present", "attend", "converse")
    return state


def tie(state: State, pairs: np.ndarray, closeness: float, kind: int = 0) -> None:
    """Tie each pair of agents, equally close."""
    each = np.full(len(pairs), closeness)
    kinds = np.full(len(pairs), kind, np.uint8)
    state.ties.insert(pairs.astype(np.int32), each, kinds)


def affinity(pairs: np.ndarray) -> np.ndarray:
    """Return what no trait explains of how well each pair goes together."""
    lasting = key(SEED, Stream.AFFINITY)
    return np.array([pair_uniform(lasting, one, other) for one, other in pairs])


def check_couples(society: Any) -> None:
    """Check that couples are mutual, and that flags of ties say who they are."""
    humans, ties = society.state.humans, society.state.ties.table()
    has_one = np.flatnonzero(humans.partner >= 0)
    assert (humans.partner[humans.partner[has_one]] == has_one).all()
    assert (humans.partner[has_one] != has_one).all()
    flagged = (ties["kind"] & PARTNER) > 0
    assert (humans.partner[ties["owner"][flagged]] == ties["neighbour"][flagged]).all()
    among = (ties["neighbour"] < humans.n) & (ties["owner"] < humans.n)
    owner, other = ties["owner"][among], ties["neighbour"][among]
    is_couple = humans.partner[owner] == other
    assert (flagged[among] == is_couple).all()
    back = {(b, a) for a, b in zip(owner.tolist(), other.tolist(), strict=True)}
    assert back == set(zip(owner.tolist(), other.tolist(), strict=True))
