"""Groups: people belong to a class, a department or a village, and keep to their own.

Off by default (`group_size` 0). The people of a generated network are dealt at random
into `humans / group_size` groups of equal sizes, give or take one, and a pair within a
group counts as `group_pull` times as near on the ring ([section 5](#5-initialisation)).
So where neither group nor ring is used up, the ties of someone whose group is the share
`s` of all people are within it for a share of

    group_pull s / (group_pull s + 1 - s)

as in a planted partition (Holland, Laskey & Leinhardt 1983,
doi:10.1016/0378-8733(83)90021-7): `group_pull` is the odds of a tie within over those
of one beyond. Groups are scattered over the ring, not arcs of it: arcs would be full of
neighbours even where nobody minds groups. So with a `group_pull` of 1 the network is
that without groups, and Coleman's index of homophily (1958,
doi:10.17730/humo.17.4.q5604m676260q8n7) is 0 but for chance. Ties within a group and
ties beyond it both lead to who is near on the ring, so each kind is clustered; circles
that cross are less so than one.

Who meets a stranger meets one of the own group with probability `group_meeting`, 0 by
default, and else anybody. A network that is read tells groups by an attribute `group`
of people, a number or a word; who has none meets anybody, as do OSes and those who are
born or move in. Groups never change. People of one group are not more alike than
others, and their talk is no other: of the sources of homophily (McPherson, Smith-Lovin
& Cook 2001, doi:10.1146/annurev.soc.27.1.415) this is where people meet, not whom they
choose.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.model.codes import OWN_GROUP, WHO
from sim.model.submodel import (
    Differs,
    Submodel,
    inline_source,
    real,
    uniform,
    whole,
)
from sim.utils.typing import Array

DAY_0 = "it is read on day 0, when people are made"
COLUMN = "group"  # of what is known of people beside the model
NONE = -1

# fmt: off
GROUPS = Submodel(
    "groups",
    parameters={
        "group_size": whole(
            0, "people", 0, 50_000_000, "people in a group; 0: there are no groups",
            "0: off; a class has 37 (N87), a department 19 (N88); choice assumed",
            DAY_0,
            after="rewiring",
        ),
        "group_pull": real(
            26.8, "1", 1, 1e6, "odds of a tie within a group over one beyond it",
            "doi:10.1371/journal.pone.0136497 (N87): 0.768 of friends are of one's "
            "class, by chance 0.11; the same for all groups, assumed", DAY_0,
        ),
        "group_meeting": real(
            0.0, "share", 0, 1, "strangers that are met in one's own group",
            "0: off, assumed", Differs("humans", "meet"), after="strangers",
        ),
    },
)
# fmt: on


class Groups(NamedTuple):
    """Who is of which group, as compiled loops take it; empty where there are none."""

    of: Array  # int32[humans], or none: the group of each, from 0, or -1
    start: Array  # int32[groups + 1]: where the members of each begin
    members: Array  # int32[people in groups]: rows, rising within a group


NO_GROUPS = Groups(np.zeros(0, np.int32), np.zeros(1, np.int32), np.zeros(0, np.int32))


def dealt(draws: Array, size: int) -> Array:
    """Return the group of each person: equal groups, give or take one.

    Parameters
    ----------
    draws
        float64[people], uniform in [0, 1): who has the least are the first group.
    size
        People in a group, 1 or more; the number of groups is the nearest to it.

    Returns
    -------
    Array
        int64[people]: groups from 0.

    Examples
    --------
    >>> dealt(np.array([0.9, 0.1, 0.2, 0.5]), 2)
    array([1, 0, 0, 1])
    """
    people = len(draws)
    count = max(1, round(people / size))
    place = np.empty(people, np.int64)
    place[np.argsort(draws, kind="stable")] = np.arange(people)
    return np.asarray(place * count // people)


def told(values: Array | None) -> Groups:
    """Return the groups that an attribute of people tells.

    Parameters
    ----------
    values
        One for each human: int64 or float64, of which those below 0 and nan are none;
        or words, of which the empty one is none. None where nobody tells.

    Examples
    --------
    >>> told(np.array(["B", "", "A", "B"], object)).of
    array([ 1, -1,  0,  1], dtype=int32)
    """
    if values is None:
        return NO_GROUPS
    is_in = values != "" if values.dtype == object else values >= 0
    names, number = np.unique(values[is_in], return_inverse=True)
    of = np.full(len(values), NONE, np.int32)
    of[is_in] = number
    members = np.flatnonzero(is_in)[np.argsort(number, kind="stable")]
    start = np.concatenate(([0], np.cumsum(np.bincount(number, minlength=len(names)))))
    return Groups(of, start.astype(np.int32), members.astype(np.int32))


def of_those(groups: Groups, there: Array) -> Groups:
    """Return groups without the members who are not there.

    Parameters
    ----------
    groups
        All.
    there
        bool[humans].

    Examples
    --------
    >>> both = told(np.array([0, 0, 1, 1]))
    >>> of_those(both, np.array([True, False, True, True])).members
    array([0, 2, 3], dtype=int32)
    """
    is_there = there[groups.members]
    before = np.concatenate(([0], np.cumsum(is_there)))
    start = before[groups.start].astype(np.int32)
    return Groups(groups.of, start, groups.members[is_there])


@GROUPS.enters("stranger")
@inline_source
def of_own_group(other, agent, agents, day):
    """Return the stranger whom an agent is introduced to: some are of its own group."""
    groups = agents.groups
    if agent >= groups.of.shape[0] or groups.of[agent] < 0:
        return other
    if uniform(day.key_meet, agent, OWN_GROUP) >= day.group_meeting:
        return other
    first = groups.start[groups.of[agent]]
    size = groups.start[groups.of[agent] + 1] - first
    if size == 0:
        return other  # nobody of it is there, nor is the agent
    return int(groups.members[first + int(uniform(day.key_meet, agent, WHO) * size)])
