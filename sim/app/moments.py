"""A day as it is seen: columns of people and OSes, and who is close to whom.

The same for a running society and for a stored run, so that both are drawn and
described by the same code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.model import Society
from sim.names import human_name, os_name
from sim.parameters import DEFAULTS
from sim.present import Present
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


class Snapshot(NamedTuple):
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


def of_result(
    result: Result, step: int, labels: tuple[str, ...] | None = None
) -> Snapshot:
    """Return a stored run as it was on a snapshot day, or a society as it is today.

    Parameters
    ----------
    result
        A run, or a society that is read like one (``present.Present``).
    step
        A snapshot day of the run; today of the society.
    labels
        What a file calls each human.
    """
    return Snapshot(
        step,
        result.columns("humans", HUMANS, step),
        result.columns("oses", OSES, step),
        Ties(**result.columns("ties", Ties._fields, step)),
        labels,
        float(result.provenance["parameters"].get("love", DEFAULTS.love)),
    )


def of_society(society: Society) -> Snapshot:
    """Return a society as it is today; nothing in it will change."""
    return of_result(Present(society), society.calendar, society.labels)
