"""A snapshot for the page: what is told of agents, and of their ties.

The same for a running society and for a stored run, so that both are described by the
same code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from sim.model.columns import OS_COLUMNS
from sim.model.parameters import DEFAULTS
from sim.model.presence import ALIVE
from sim.runs import headcount
from sim.runs.live import LiveResult
from sim.runs.result import Result
from sim.society import Society
from sim.utils.names import human_name, os_name
from sim.utils.typing import Array

HUMANS = (
    *("growth", "loneliness", "acceptance", "personhood", "grief", "exclusivity"),
    *("human_closeness", "os_closeness", "own_closeness", "hours_humans"),
    *("hours_oses", "os", "partner", "bereaved"),
)
_THERE = {column.name for column in OS_COLUMNS}
_OSES = (
    *("growth", "owner", "made_by", "name", "status", "upgraded", "insight"),
    *("collective", "lovers", "loves", "human_closeness", "os_closeness", "hold"),
    *("hours_humans", "hours_oses", "departed_step"),
)
OSES = tuple(name for name in _OSES if name in _THERE)


class AgentTies(NamedTuple):
    """Ties as seen by their owners, an entry a tie."""

    owner: Array  # int[ties]: agent number
    neighbour: Array  # int[ties]: agent number
    closeness: Array  # float32[ties], 0..1: of the owner
    returned: Array  # float32[ties], 0..1: of the neighbour

    def of(self, agent: int) -> AgentTies:
        """Return the ties of one agent."""
        own = np.flatnonzero(self.owner == agent)
        return AgentTies(*(column[own] for column in self))

    def sorted(self) -> AgentTies:
        """Return them by closeness, the closest first."""
        order = np.argsort(-self.closeness, kind="stable")
        return AgentTies(*(column[order] for column in self))


class ColumnsOfToday(dict[str, Array]):
    """Columns of a table of a running society, each copied when first asked for.

    Parameters
    ----------
    read
        Returns a column of the table, by name, as long as the day lasts.
    """

    def __init__(self, read: Callable[[str], Array]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, name: str) -> Array:
        """Return a column that was not asked for before."""
        self[name] = found = self._read(name)
        return found


@dataclass(frozen=True)
class Snapshot:
    """A society in the evening of a day.

    Of a running society columns and ties are read when they are first asked for, on the
    same day.
    """

    day: int
    humans: Mapping[str, Array]  # columns named in HUMANS, by row
    oses: Mapping[str, Array]  # columns named in OSES, by row
    read_ties: Callable[[], AgentTies]
    people: int  # how many humans there are; OSes have numbers from there on
    labels: tuple[str, ...] | None = None  # what a file calls each human
    love: float = DEFAULTS.love  # closeness that is love
    present: Array | None = None  # bool[humans]: who is there; None is everybody
    read_ties_of: Callable[[int], AgentTies] | None = None  # where it takes less time

    @functools.cached_property
    def ties(self) -> AgentTies:
        """All ties."""
        return self.read_ties()

    def ties_of(self, agent: int) -> AgentTies:
        """Return the ties of one agent."""
        if self.read_ties_of is None:
            return self.ties.of(agent)
        return self.read_ties_of(agent)

    @property
    def alive(self) -> int:
        """How many humans are there."""
        return self.people if self.present is None else int(self.present.sum())

    @property
    def agents(self) -> int:
        """How many agents there are or were."""
        return self.people + len(self.oses["growth"])

    def name(self, agent: int) -> str:
        """Return what to call an agent."""
        row = agent - self.people
        if row >= 0:
            return f"OS {os_name(int(self.oses['name'][row]))} ({agent})"
        return f"{human_name(agent, self.labels)} ({agent})"


def of_result(
    result: Result, step: int, labels: tuple[str, ...] | None = None
) -> Snapshot:
    """Return a stored run as it was on a snapshot day.

    Parameters
    ----------
    result
        The run.
    step
        A snapshot day of it.
    labels
        What a file calls each human.
    """
    return Snapshot(
        step,
        result.columns("humans", HUMANS, step),
        result.columns("oses", OSES, step),
        lambda: AgentTies(**result.columns("ties", AgentTies._fields, step)),
        result.population,
        labels,
        float(result.provenance["parameters"].get("love", DEFAULTS.love)),
        _present(result, step),
    )


def _present(result: Result, step: int) -> Array | None:
    """Return which humans are there in a stored run in which people come and go."""
    if not headcount.changes(result):
        return None
    life = result.columns("humans", ["life"], step)["life"]
    return np.asarray(life == ALIVE)


def of_society(society: Society) -> Snapshot:
    """Return a society as it is today.

    What it is asked for on a later day for the first time is a ``RuntimeError``.
    """
    result, today = LiveResult(society), society.calendar
    every = AgentTies._fields

    def check_day(what: str) -> None:
        if society.calendar != today:
            raise RuntimeError(f"day {today} is over; it cannot be read: {what}")

    def read(table: str, name: str) -> Array:
        check_day(name)
        if society.day["step"]:
            return np.array(getattr(society.state, table).column(name))
        # Before the first day some of it is worked out, or not known.
        return result.columns(table, [name])[name]

    def all_ties() -> AgentTies:
        check_day("ties")
        return AgentTies(**result.columns("ties", every))

    def ties_of(agent: int) -> AgentTies:
        check_day("ties")
        own = society.state.ties.of(agent)
        owner = np.full(len(own["neighbour"]), agent, np.int32)
        return AgentTies(owner, *(own[name].copy() for name in every[1:]))

    return Snapshot(
        today,
        ColumnsOfToday(partial(read, "humans")),
        ColumnsOfToday(partial(read, "oses")),
        all_ties,
        result.population,
        society.labels,
        society.parameters.love,
        read_ties_of=ties_of,
    )


MOURNS = 0.3  # closeness lost and not yet mourned, from which it shows
