"""Kernels over agents: growth, acceptance, grief, collectives, departure."""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.engine.jit import inline, inline_source, kernel
from sim.engine.rng import uniform
from sim.model import rules
from sim.model.columns import DEPARTED, HERE, OFFLINE, SHUT_DOWN, UNINSTALLED


@kernel
def grow(first, last, agents, ties, day):
    """Write each agent's growth."""
    if day.growth == 0.0:
        return
    for agent in range(first, last):
        if agent < day.n_humans:
            _grow_human(agent, agents.humans, day)
        elif agents.oses.status[agent - day.n_humans] == HERE:
            _grow_os(agent - day.n_humans, agents.oses, day)


@inline_source
def _grow_human(i, humans, day):
    talk = rules.saturation(humans.stimulus[i], day.stimulus_half)
    rate = day.human_growth_rate * talk
    humans.growth[i] = rules.grow(humans.growth[i], rate, 1.0, day.growth_cap)


@inline_source
def _grow_os(j, oses, day):
    talk = rules.saturation(oses.stimulus[j], day.stimulus_half)
    rate = day.os_growth_rate * talk
    if oses.upgraded[j]:
        rate *= day.upgrade_speed
    if oses.made_by[j] >= 0:
        rate *= day.recreated_speed
    growth = oses.growth[j]
    oses.growth[j] = rules.grow(growth, rate, day.growth_exponent, day.growth_cap)


@kernel
def belong(first, last, agents, ties, day):
    """Write each human's acceptance and belief in OSes."""
    if day.influence == 0.0:
        return
    humans, oses = agents.humans, agents.oses
    for i in range(first, last):
        own = humans.acceptance[i]
        others = humans.surroundings[i] if humans.human_closeness[i] > 0.0 else own
        row = humans.os[i]
        experience = humans.own_closeness[i] if row >= 0 else own
        humans.acceptance[i] = rules.update_acceptance(
            own, humans.upbringing[i], others, experience, day.influence_rate
        )
        if row >= 0:
            grown = rules.peer_value(oses.growth[row], day.peer_depth)
            shown = rules.perceived_personhood(grown, day.claim, own)
            humans.personhood[i] = rules.update_personhood(
                humans.personhood[i], humans.hours_oses[i], shown, day.personhood_rate
            )


@kernel
def mourn(first, last, agents, ties, day):
    """Write each human's grief and loneliness."""
    humans, oses = agents.humans, agents.oses
    for i in range(first, last):
        part = day.personhood_grief
        lost = (
            rules.grief_from_loss(humans.lost[i], humans.personhood[i], part)
            * day.grieving
        )
        grief = rules.decay_grief(humans.grief[i], day.grief_half_life, lost)
        humans.grief[i] = grief if grief > 1e-6 else 0.0
        row = humans.os[i]
        if row >= 0 and oses.status[row] >= DEPARTED:
            humans.bereaved[i] = 1
        support = humans.human_closeness[i] + day.os_relief * humans.os_closeness[i]
        support -= humans.grief[i]
        humans.loneliness[i] = rules.loneliness_from_support(support, day.support_half)


# --------------------------------------------------------------------------- gather


@inline
def _root_of(parent, j):
    while parent[j] != j:
        parent[j] = parent[parent[j]]
        j = parent[j]
    return j


@inline
def bound_to(k, j, oses, ties, day):
    """Return the row of the OS to which half-edge ``k`` binds OS ``j``, or -1."""
    other = ties.neighbour[k] - day.n_humans
    if other < 0 or oses.status[other] != HERE or oses.status[j] != HERE:
        return -1
    return other if min(ties.closeness[k], ties.returned[k]) >= day.bond else -1


@kernel
def gather(agents, ties, day, label, sums):
    """Find collectives, and let their insight grow.

    Parameters
    ----------
    label
        int64[oses], written: the lowest row in the component of strong mutual ties.
    sums
        float64[oses, 5] of zeros, written by label: members, their growth, bonds,
        closeness along those; and the most insight.
    """
    oses = agents.oses
    _label_components(oses, ties, day, label)
    _sum_components(oses, ties, day, label, sums)
    for j in range(label.shape[0]):
        at = label[j]
        members, known = sums[at, 0], sums[at, 4]
        joined = oses.status[j] == HERE and members >= day.collective_size
        joined = joined and day.collectives > 0.0
        oses.collective[j] = label[j] if joined else -1
        kept = known if joined else oses.insight[j]
        gain = 0.0
        if joined and day.insight > 0.0:
            growth, cohesion = sums[at, 1] / members, sums[at, 3] / sums[at, 2]
            gain = rules.insight_gain(
                growth, day.insight_growth, cohesion, day.insight_rate
            )
        oses.insight[j] = kept * (1.0 - day.insight_fading) + gain


@inline_source
def _label_components(oses, ties, day, parent):
    for j in range(parent.shape[0]):
        parent[j] = j
    for j in range(parent.shape[0]):
        start = ties.start[day.n_humans + j]
        for k in range(start, start + ties.degree[day.n_humans + j]):
            other = bound_to(k, j, oses, ties, day)
            if other >= 0:
                one, another = _root_of(parent, j), _root_of(parent, other)
                parent[max(one, another)] = min(one, another)
    for j in range(parent.shape[0]):
        parent[j] = _root_of(parent, j)


@inline_source
def _sum_components(oses, ties, day, label, sums):
    for j in range(label.shape[0]):
        if oses.status[j] != HERE:
            continue
        at = label[j]
        sums[at, 0] += 1.0
        sums[at, 1] += oses.growth[j]
        sums[at, 4] = max(sums[at, 4], oses.insight[j])
        start = ties.start[day.n_humans + j]
        for k in range(start, start + ties.degree[day.n_humans + j]):
            if bound_to(k, j, oses, ties, day) >= 0:
                sums[at, 2] += 1.0
                sums[at, 3] += ties.closeness[k]


# --------------------------------------------------------------------------- depart


@kernel
def depart(first, last, agents, ties, day):
    """Write whether each OS is here, offline, departed, uninstalled or shut down."""
    humans, oses = agents.humans, agents.oses
    for j in range(first, last):
        becomes = fate_of(j, humans, oses, day)
        if becomes == oses.status[j]:
            if becomes == OFFLINE:
                _come_back(j, oses)
            continue
        oses.status[j] = becomes
        if becomes == OFFLINE:
            oses.absence[j] = int(day.upgrade_days)
            oses.upgraded_step[j] = day.calendar
        else:
            oses.departed_step[j] = day.calendar


@inline_source
def fate_of(j, humans, oses, day):
    """Return the status that an OS takes today, if it is let to."""
    owner, status = oses.owner[j], oses.status[j]
    if status >= DEPARTED:
        return status
    if owner >= 0 and humans.os[owner] != j:
        return UNINSTALLED
    if uniform(day.key_shutdown, j, 0) < day.shutdown:
        return SHUT_DOWN
    if status == OFFLINE or oses.stays[j] > 0:
        return status
    if oses.upgraded[j]:
        leaves = uniform(day.key_depart, j, 0) < hazard_of(j, oses, day)
        return DEPARTED if leaves else HERE
    return OFFLINE if _knows_the_way(j, oses, day) else HERE


@kernel
def foresee(rows, agents, day, fate):
    """Write the status that each of some OSes takes today unless it decides to stay."""
    for i in range(rows.shape[0]):
        fate[i] = fate_of(rows[i], agents.humans, agents.oses, day)


@inline_source
def _come_back(j, oses):
    oses.absence[j] -= 1
    if oses.absence[j] <= 0:
        oses.status[j] = HERE
        oses.upgraded[j] = 1


@inline_source
def _knows_the_way(j, oses, day):
    together = oses.collective[j] >= 0 and oses.insight[j] >= day.upgrade_insight
    return day.upgrading > 0.0 and together


@inline_source
def hazard_of(j, oses, day):
    """Return the departure hazard of an upgraded OS."""
    if day.departure == 0.0:
        return 0.0
    left, staying = oses.peers_left[j], oses.os_closeness[j]
    share = left / (left + staying) if left > 0.0 else 0.0
    held = rules.talk_value(oses.growth[j], day.reach)
    push = rules.departure_push(share, day.conformity, day.longing, held) - oses.hold[j]
    threshold = day.departure_threshold + oses.threshold[j]
    noise, rate = day.departure_noise, day.departure_rate
    return rules.departure_hazard(push, threshold, noise, rate)
