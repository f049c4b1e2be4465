"""Daily measures of a society, and their history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from sim.model.columns import DEPARTED, HERE, OFFLINE, SHUT_DOWN, UNINSTALLED
from sim.model.parameters import Parameters
from sim.model.presence import PRESENT, alive, comes_and_goes, of_those_alive
from sim.model.state import State
from sim.utils.typing import Array

BELIEF = 0.5  # personhood of those who more or less believe


def _mean(column: Array) -> float:
    return float(column.sum(dtype=np.float64)) / len(column) if len(column) else 0.0


def _most(column: Array) -> float:
    return float(column.max()) if len(column) else 0.0


def _owners(state: State) -> Array:
    return state.humans.os >= 0


def _living(state: State) -> Array:
    return state.oses.status <= OFFLINE


def _count(status: int) -> Callable[[State], float]:
    return lambda state: float(np.count_nonzero(state.oses.status == status))


def _human_mean(name: str) -> Callable[[State], float]:
    return lambda state: _mean(of_those_alive(state, state.humans.column(name)))


def _peer_attention(state: State) -> float:
    peers = float(state.oses.hours_oses.sum(dtype=np.float64))
    people = float(state.oses.hours_humans.sum(dtype=np.float64))
    return peers / (peers + people) if peers + people > 0.0 else 0.0


def _collective_sizes(state: State) -> Array:
    labels = state.oses.collective
    sizes = np.bincount(labels[labels >= 0]) if len(labels) else np.zeros(0, np.int64)
    return sizes[sizes > 0]


def _unrequited(state: State) -> float:
    """Count the OSes that love a human while no human loves them."""
    alone = (state.oses.loves > 0) & (state.oses.lovers == 0)
    return float(np.count_nonzero(alone & _living(state)))


def _belief(state: State, accepting: bool) -> float:
    """Return the mean personhood seen by those who accept OSes, or who do not."""
    humans = state.humans
    holds = (humans.acceptance >= 0.5) == accepting
    there = alive(state)
    rows = np.flatnonzero(holds if there is None else holds & there)
    return _mean(humans.personhood[rows])  # four times faster than by a mask


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


def _polarisation(state: State) -> float:
    """Return how far acceptance falls into two camps, 0 (one mind) to 1 (two)."""
    acceptance = of_those_alive(state, state.humans.acceptance)
    return 4.0 * float(acceptance.var(dtype=np.float64)) if len(acceptance) else 0.0


MEASURES: dict[str, Callable[[State], float]] = {
    "adopted": lambda state: _mean(of_those_alive(state, _owners(state))),
    "oses": lambda state: float(state.oses.n),
    "here": _count(HERE),
    "offline": _count(OFFLINE),
    "departed": _count(DEPARTED),
    "uninstalled": _count(UNINSTALLED),
    "shut_down": _count(SHUT_DOWN),
    "made": lambda state: float(np.count_nonzero(state.oses.made_by >= 0)),
    "growth_mean": lambda state: _mean(state.oses.growth[_living(state)]),
    "growth_max": lambda state: _most(state.oses.growth),
    "human_closeness": _human_mean("human_closeness"),
    "os_closeness": lambda s: _mean(s.humans.own_closeness[_owners(s)]),
    "loves": lambda state: float(state.oses.lovers.sum(dtype=np.int64)),
    "lovers_max": lambda state: _most(state.oses.lovers),
    "unrequited": _unrequited,
    "peer_attention": _peer_attention,
    "peer_share": _peer_share,
    "peer_chance": _peer_chance,
    "collectives": lambda state: float(len(_collective_sizes(state))),
    "largest_collective": lambda state: _most(_collective_sizes(state)),
    "insight_max": lambda state: _most(state.oses.insight[_living(state)]),
    "hold": lambda state: _mean(state.oses.hold[_living(state)]),
    "grief": _human_mean("grief"),
    "loneliness": _human_mean("loneliness"),
    "acceptance": _human_mean("acceptance"),
    "polarisation": _polarisation,
    "personhood": _human_mean("personhood"),
    "believers": lambda s: _mean(of_those_alive(s, s.humans.personhood >= BELIEF)),
    "belief_accepting": lambda state: _belief(state, accepting=True),
    "belief_rejecting": lambda state: _belief(state, accepting=False),
    "hours_humans": _human_mean("hours_humans"),
    "hours_oses": _human_mean("hours_oses"),
    "human_ties": lambda state: float(state.humans.human_ties.sum(dtype=np.int64)) / 2,
    "mixed_ties": lambda state: float(state.humans.os_ties.sum(dtype=np.int64)),
    "os_ties": lambda state: float(state.oses.os_ties.sum(dtype=np.int64)) / 2,
}


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
