"""A day as it is seen: columns of people and OSes, and who is close to whom.

The same for a society that lives and for a stored run, so that both are drawn and told
by the same code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.model import Society
from sim.names import human_name, os_name
from sim.parameters import DEFAULTS
from sim.results import Result
from sim.ties import Array

HUMANS = (
    *("growth", "loneliness", "acceptance", "personhood", "grief", "exclusivity"),
    *("human_closeness", "os_closeness", "own_closeness", "hours_humans"),
    *("hours_oses", "os", "partner", "bereaved"),
)
OSES = (
    *("growth", "owner", "made_by", "name", "status", "upgraded", "insight"),
    *("collective", "lovers", "loves", "human_closeness", "os_closeness", "hold"),
    *("hours_humans", "hours_oses", "departed_step"),
)


class Ties(NamedTuple):
    """Ties as seen by their owners, an entry a tie."""

    owner: Array  # int[ties]: agent number
    neighbour: Array  # int[ties]: agent number
    closeness: Array  # float32[ties], 0..1: of the owner
    returned: Array  # float32[ties], 0..1: of the neighbour

    def of(self, agent: int) -> Ties:
        """Return the ties of one agent, the closest first."""
        own = np.flatnonzero(self.owner == agent)
        own = own[np.argsort(-self.closeness[own], kind="stable")]
        return Ties(*(column[own] for column in self))


class Moment(NamedTuple):
    """A society in the evening of a day."""

    day: int
    humans: dict[str, Array]  # columns named in HUMANS, by row
    oses: dict[str, Array]  # columns named in OSES, by row
    ties: Ties
    labels: tuple[str, ...] | None = None  # what a file calls each human
    love: float = DEFAULTS.love  # closeness that is love

    @property
    def people(self) -> int:
        """How many humans there are; OSes have numbers from there on."""
        return len(self.humans["growth"])

    @property
    def agents(self) -> int:
        """How many agents there are or were."""
        return self.people + len(self.oses["growth"])

    def name(self, agent: int) -> str:
        """Return what to call an agent."""
        row = agent - self.people
        if row >= 0:
            return f"OS {os_name(int(self.oses['name'][row]))} ({agent})"
        called = self.labels[agent] if self.labels else human_name(agent)
        return f"{called} ({agent})"


def of_society(society: Society) -> Moment:
    """Return a living society as it is today; nothing in it will change."""
    state = society.state
    table = state.ties.table()
    names = ("owner", "neighbour", "closeness", "returned")
    return Moment(
        int(society.day["step"]),
        {name: state.humans.column(name).copy() for name in HUMANS},
        {name: state.oses.column(name).copy() for name in OSES},
        Ties(*(table[name] for name in names)),
        society.labels,
        society.parameters.love,
    )


def of_result(result: Result, step: int) -> Moment:
    """Return a stored run as it was on a snapshot day."""
    humans, oses, ties = result.humans(step), result.oses(step), result.ties(step)
    names = ("owner", "neighbour", "closeness", "returned")
    return Moment(
        step,
        {name: humans[name].to_numpy() for name in HUMANS},
        {name: oses[name].to_numpy() for name in OSES},
        Ties(*(ties[name].to_numpy() for name in names)),
        None,
        float(result.provenance["parameters"].get("love", DEFAULTS.love)),
    )
