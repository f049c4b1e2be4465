"""Instances: one OS may serve many people at once, in as many instances as have it.

Whoever installs an OS takes up, with probability `instances`, one that a contact has
(process `install`), drawn among the contacts who have one: it knows another human from
then on, with the same memory, traits and growth. Else, and where no contact has one, a
new OS comes into being. (`os_humans` bounds whom an OS gets to know by itself, and not
who takes it up.) So an OS that many have is the likelier to be taken up: the process of
Simon (1955, doi:10.1093/biomet/42.3-4.425), on a network. Were everybody's contacts all
others, the largest would have a number of humans that grows as the power `instances` of
their number.

An OS has its hours in every instance: with `n` humans who have it, `n` times as many
(rule `hours_of_instances`). It is one mind: what it hears from all is what it grows by,
and when it leaves, all lose it. Whoever uninstalls it ends their tie with it, and it
stops when nobody has it any more.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.model.codes import HERE, LETS_GO, OFFLINE, OWNER
from sim.model.submodel import (
    Submodel,
    inline_always,
    inline_source,
    kernel,
    later,
    real,
    rule,
    uniform,
)
from sim.utils.typing import Array

cut_ties = later("sim.engine.tie_edits", "cut_ties")
find_slots = later("sim.engine.tie_edits", "find_slots")
ONE_AT_MOST = later("sim.model.state", "ONE_AT_MOST")

TAKES, WHOSE = 0, 1  # second ids of the draws of a human who installs
NONE = -1

# fmt: off
INSTANCES = Submodel(
    "instances",
    parameters={
        "instances": real(
            0.0, "share", 0, 1, "chance that who installs takes up a contact's OS",
            "0: each has one of their own, as in the film; A109, A110; assumed",
            "it is read where new OSes are made, for all at once",
        ),
    },
    streams={"instance": ""},
)
# fmt: on


@rule
def hours_of_instances(hours: float, users: float) -> float:
    """Return the hours (1/day) of an OS that so many humans have: as many for each.

    Source: A109 (8,316 talks at once); linear form assumed.
    """
    return hours * users


@INSTANCES.enters("hours_of_os")
@inline_always
def in_every_instance(hours, j, agents):
    """Return the hours of an OS in all its instances."""
    if j < agents.users.shape[0] and agents.users[j] > 1:
        return hours_of_instances(hours, agents.users[j])
    return hours


@INSTANCES.process(
    over="society",
    after="present",
    reads=("humans.os", "oses.owner", "oses.status"),
    writes=("oses.owner",),
    does="It is counted in how many instances each OS is, and who has it.",
)
def count_instances(state: Any, day: Any) -> None:
    """Count who has each OS; one whose first human let it go is known by another.

    Where nobody shares an OS, and nobody may, nothing is counted.
    """
    nobody_shares = state.users is not None and not len(state.users)
    if day["instances"] == 0.0 and nobody_shares:
        return
    humans, oses = state.humans, state.oses
    having = np.flatnonzero(humans.os >= 0)
    users = np.bincount(humans.os[having], minlength=oses.n).astype(np.int32)
    may_share = day["instances"] > 0.0 or users.max(initial=0) > 1
    state.users = users if may_share else ONE_AT_MOST
    first = np.full(oses.n, NONE, np.int32)
    first[humans.os[having[::-1]]] = having[::-1]
    had = np.flatnonzero((oses.owner >= 0) & (users > 0) & (oses.status <= OFFLINE))
    lost = had[humans.os[oses.owner[had]] != had]
    oses.owner[lost] = first[lost]


@INSTANCES.process(
    over="society",
    after="adopt",
    reads=("humans.choice", "humans.os", "oses.status", "ties.*"),
    writes=(
        *("ties.neighbour", "ties.closeness", "ties.returned"),
        *("ties.kind", "ties.degree"),
    ),
    does="Whoever uninstalls an OS that others keep ends their tie with it.",
)
def end_instances(state: Any, day: Any) -> None:
    """Cut the ties of people with shared OSes that they uninstall today."""
    if state.users is None or not len(state.users):
        return
    humans = state.humans
    leaving = np.flatnonzero(humans.choice == LETS_GO)
    had = humans.os[leaving]
    is_shared = (had < len(state.users)) & (state.oses.status[had] <= OFFLINE)
    is_shared[is_shared] = state.users[had[is_shared]] > 1
    pairs = np.stack([leaving, had + humans.n], axis=1).astype(np.int64)[is_shared]
    cut_ties(state.ties.arrays, pairs)


def taken_up(state: Any, day: Any, owners: Array) -> Array:
    """Return whose OSes new owners take up, and tie them to these.

    Parameters
    ----------
    state
        Its ties are changed.
    day
        The record of the day.
    owners
        int32[owners]: humans without an OS, who install one now.

    Returns
    -------
    Array
        int32[owners]: the row of the OS that each takes up, or -1 for a new one.
    """
    rows = np.full(len(owners), NONE, np.int32)
    if day["instances"] == 0.0:
        return rows
    choose_instances(owners, state.agents, state.ties.arrays, day, rows)
    sharing = np.flatnonzero(rows >= 0)
    pairs = np.stack([owners[sharing], rows[sharing] + state.humans.n], 1)
    pairs = pairs.astype(np.int64)
    slots = find_slots(state.ties.arrays, pairs)
    is_tied = slots[:, 0] >= 0
    _know_as_owner(state.ties.arrays, slots[is_tied], day)
    new = pairs[~is_tied].astype(np.int32)
    closeness = np.full(len(new), day["first_talk"])
    state.ties.insert(new, closeness, np.full(len(new), OWNER, np.uint8))
    return rows


def _know_as_owner(ties: Any, slots: Array, day: Any) -> None:
    """Let an OS be the own one of people who have known it already."""
    ties.kind[slots.ravel()] |= np.uint8(OWNER)
    for side in (0, 1):
        own = np.maximum(ties.closeness[slots[:, side]], np.float32(day["first_talk"]))
        ties.closeness[slots[:, side]] = own
        ties.returned[slots[:, 1 - side]] = own


@kernel
def choose_instances(owners, agents, ties, day, rows):
    """Write the row of the OS that each new owner takes up, or leave -1."""
    for n in range(owners.shape[0]):
        i = owners[n]
        if uniform(day.key_instance, i, TAKES) < day.instances:
            pick = uniform(day.key_instance, i, WHOSE)
            rows[n] = _of_a_contact(i, pick, agents, ties, day)


@inline_source
def _of_a_contact(i, pick, agents, ties, day):
    """Return the OS of the contact that a draw picks among those who have one."""
    count = 0
    for k in range(ties.start[i], ties.start[i] + ties.degree[i]):
        count += _may_be_shared(ties.neighbour[k], agents, day)
    at = int(pick * count)
    for k in range(ties.start[i], ties.start[i] + ties.degree[i]):
        if _may_be_shared(ties.neighbour[k], agents, day):
            if at == 0:
                return agents.humans.os[ties.neighbour[k]]
            at -= 1
    return NONE


@inline_source
def _may_be_shared(contact, agents, day):
    """Tell whether a contact is a human who has an OS that is here."""
    if contact >= day.n_humans:
        return False
    j = agents.humans.os[contact]
    return j >= 0 and agents.oses.status[j] == HERE
