"""Daily measures of a society, and their history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from sim.model.columns import DEPARTED, HERE, OFFLINE, SHUT_DOWN, UNINSTALLED
from sim.model.mechanisms import SUBMODELS, personhood
from sim.model.parameters import Parameters
from sim.model.presence import PRESENT, alive, comes_and_goes
from sim.model.state import State
from sim.model.submodel import chained, in_order
from sim.model.sums import count_of, human_mean, living, mean, most, owners
from sim.utils.typing import Array


def _peer_attention(state: State) -> float:
    peers = float(state.oses.hours_oses.sum(dtype=np.float64))
    people = float(state.oses.hours_humans.sum(dtype=np.float64))
    return peers / (peers + people) if peers + people > 0.0 else 0.0


def _unrequited(state: State) -> float:
    """Count the OSes that love a human while no human loves them."""
    alone = (state.oses.loves > 0) & (state.oses.lovers == 0)
    return float(np.count_nonzero(alone & living(state)))


def _peer_share(state: State) -> float:
    """Return the share of the OSes' closeness that they hold toward OSes."""
    among = float(state.oses.os_closeness.sum(dtype=np.float64))
    held = among + float(state.oses.human_closeness.sum(dtype=np.float64))
    return among / held if held > 0.0 else 0.0


def _peer_chance(state: State) -> float:
    """Return the same share if all closeness were mixed at random between agents.

    It is what the configuration model expects of the same closeness per agent.
    """
    to_humans = float(state.oses.human_closeness.sum(dtype=np.float64))
    held = float(state.oses.os_closeness.sum(dtype=np.float64)) + to_humans
    people = float(state.humans.human_closeness.sum(dtype=np.float64))
    return held / (held + people + to_humans) if held > 0.0 else 0.0


BELIEF = personhood.BELIEF

CORE: dict[str, Callable[[State], float]] = {
    "oses": lambda state: float(state.oses.n),
    "here": count_of(HERE),
    "offline": count_of(OFFLINE),
    "departed": count_of(DEPARTED),
    "uninstalled": count_of(UNINSTALLED),
    "shut_down": count_of(SHUT_DOWN),
    "human_closeness": lambda state: human_mean(state, "human_closeness"),
    "os_closeness": lambda s: mean(s.humans.own_closeness[owners(s)]),
    "loves": lambda state: float(state.oses.lovers.sum(dtype=np.int64)),
    "lovers_max": lambda state: most(state.oses.lovers),
    "unrequited": _unrequited,
    "peer_attention": _peer_attention,
    "peer_share": _peer_share,
    "peer_chance": _peer_chance,
    "hours_humans": lambda state: human_mean(state, "hours_humans"),
    "hours_oses": lambda state: human_mean(state, "hours_oses"),
    "human_ties": lambda state: float(state.humans.human_ties.sum(dtype=np.int64)) / 2,
    "mixed_ties": lambda state: float(state.humans.os_ties.sum(dtype=np.int64)),
    "os_ties": lambda state: float(state.oses.os_ties.sum(dtype=np.int64)) / 2,
}


def _with_mechanisms() -> dict[str, Callable[[State], float]]:
    """Return the measures of the model, those of mechanisms in their places."""
    added = {name: m for one in SUBMODELS for name, m in one.measures.items()}
    follows = [row for one in SUBMODELS for row in chained(one.measures)]
    known = CORE | {name: measure.function for name, measure in added.items()}
    return {name: known[name] for name in in_order(["[measures]", *CORE], follows)[1:]}


MEASURES: dict[str, Callable[[State], float]] = _with_mechanisms()


def measured(parameters: Parameters) -> list[str]:
    """Return the names of all measures, those of mechanisms after the model's.

    How many humans there are is one, if people come and go.
    """
    own = (name for one in parameters.mechanisms for name in one.measures)
    return [*MEASURES, *([PRESENT] if comes_and_goes(parameters) else []), *own]


def measure_people(state: State) -> dict[str, float]:
    """Return how many humans there are, if people come and go."""
    there = alive(state)
    return {} if there is None else {PRESENT: float(np.count_nonzero(there))}


class History:
    """The measures of every day so far, by name; ``days[-1]`` is today.

    Parameters
    ----------
    names
        What is measured: ``MEASURES``, and what mechanisms add to it.
    """

    def __init__(self, names: Iterable[str] = MEASURES) -> None:
        self.days: list[int] = []
        self._rows: dict[str, list[float]] = {name: [] for name in names}

    @property
    def names(self) -> list[str]:
        """What is measured, in order."""
        return list(self._rows)

    def take(self, step: int, measures: Mapping[str, float]) -> None:
        """Take today's measures."""
        self.days.append(step)
        if PRESENT in measures:
            self._rows.setdefault(PRESENT, [])
        for name, row in self._rows.items():
            row.append(measures[name])

    def __getitem__(self, name: str) -> list[float]:
        return self._rows[name]

    def columns(self) -> dict[str, Array]:
        """Return all measures as arrays: ``step`` int32, the others float64."""
        columns: dict[str, Array] = {"step": np.array(self.days, np.int32)}
        return columns | {n: np.array(row) for n, row in self._rows.items()}
