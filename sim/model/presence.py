"""Who of the humans is there, in societies in which people come and go.

Their columns are there if a mechanism asks for them; without them, everybody is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.engine.table import Column
from sim.model import sums
from sim.model.parameters import Parameters
from sim.utils.typing import Array

if TYPE_CHECKING:  # who only sets parameters needs no engine
    from sim.model.state import State

ALIVE, TO_COME, DEAD, MOVED_AWAY = sums.ALIVE, 1, 2, 3
alive, of_those_alive = sums.alive, sums.of_those_alive
PRESENT = "alive"  # a measure of those societies alone in which people come and go
LIFE = ("alive", "to come", "dead", "moved away")

PEOPLE_COLUMNS = (
    Column("life", "u1", "code", "alive, to come, dead, or moved away"),
    Column("came_step", "i4", "step", "when born or moved in; 0 at the start; or -1"),
    Column("gone_step", "i4", "step", "when dead or moved away, or -1", -1),
    Column("parent", "i4", "row", "the parent of whom that was asked, or -1", -1),
    Column("other_parent", "i4", "row", "that one's partner at the birth, or -1", -1),
    Column("under_age", "u1", "flag", "installs no OS"),
    Column("death_request", "u1", "flag", "a mechanism asks that this human dies"),
    Column("leave_request", "u1", "flag", "a mechanism asks that this one moves away"),
    Column("birth_request", "u1", "children", "a mechanism asks that so many are born"),
    Column("arrival_request", "u1", "flag", "a mechanism asks that this one moves in"),
    Column("tie_request", "i4", "row", "whom a mechanism introduces, or -1", -1),
)
REQUESTS = tuple(c.name for c in PEOPLE_COLUMNS if c.name.endswith("_request"))
WRITABLE = ("under_age", *REQUESTS)  # by mechanisms


def comes_and_goes(parameters: Parameters) -> bool:
    """Tell whether mechanisms of a society let people come and go."""
    return PEOPLE_COLUMNS[0] in parameters.own_columns("humans")


def keep_rows(state: State, to_come: int) -> None:
    """Let the last rows of humans be those of people to come, who have no ties.

    Parameters
    ----------
    state
        Of day 0; partners and former ones are among the others.
    to_come
        How many, 0 or more.
    """
    if to_come:
        rows = slice(state.humans.n - to_come, None)
        state.humans.life[rows], state.humans.came_step[rows] = TO_COME, -1


def may_pair(state: State, pairs: Array) -> Array:
    """Tell who could be a couple, for all that is known of age and of family.

    Parameters
    ----------
    state
        Of any society; where nobody comes and goes, all could be.
    pairs
        int[any, 2]: rows of humans.

    Returns
    -------
    Array
        bool[any]: whether neither is under age, nor one the parent of the other, nor a
        parent of both the same.
    """
    humans = state.humans
    if "under_age" not in humans.columns:
        return np.ones(len(pairs), np.bool_)
    possible = (humans.under_age[pairs] == 0).all(axis=1)
    known = humans.parent, humans.other_parent
    one, other = (np.stack([p[pairs[:, side]] for p in known]) for side in (0, 1))
    for parent in one:
        possible &= parent != pairs[:, 1]
        possible &= ~((parent >= 0) & (other == parent)).any(axis=0)
    for parent in other:
        possible &= parent != pairs[:, 0]
    return np.asarray(possible)
