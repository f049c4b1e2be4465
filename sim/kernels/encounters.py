"""The loop that finds with whom the cast talks today in so many words."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from sim.compiled import inline, kernel
from sim.draws import uniform
from sim.kernels.talk import hours_of_talk


@kernel
def choose_talks(members, agents, ties, day, rate, chosen):
    """Write member, half-edge and hours of each talk, drawn by hours; return how many.

    Each member has ``rate`` such talks a day on average.
    """
    made = 0
    for i in range(members.shape[0]):
        agent = members[i]
        whole = int(rate)
        extra = uniform(day.key_encounter, agent, 0) < rate - whole
        total = 0.0
        for k in range(ties.start[agent], ties.start[agent] + ties.degree[agent]):
            total += _hours_on(agent, k, agents.faces, ties, day)
        if total <= 0.0:
            continue
        for turn in range(whole + extra):
            mark = total * uniform(day.key_encounter, agent, 1 + turn)
            k = _at(mark, agent, agents.faces, ties, day)
            chosen[made, 0], chosen[made, 1] = agent, k
            chosen[made, 2] = _hours_on(agent, k, agents.faces, ties, day)
            made += 1
    return made


@inline
def _hours_on(agent, k, faces, ties, day):
    hours, _, _ = hours_of_talk(agent, k, faces, ties, day)
    return hours


@inline
def _at(mark, agent, faces, ties, day):
    """Return the half-edge in whose hours a mark on the day's talk falls."""
    last = ties.start[agent]
    for k in range(ties.start[agent], ties.start[agent] + ties.degree[agent]):
        hours = _hours_on(agent, k, faces, ties, day)
        if hours > 0.0:
            last = k
        mark -= hours
        if mark < 0.0:
            break
    return last
