"""Looking up what minds other than the rules decided for a day's talks."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from sim.compiled import inline
from sim.state import INTRODUCE, SEEK

NOBODY, A_PEER = -1, -2


@inline
def row_of(agent, other, decisions):
    """Return the row of a talk, or -1."""
    wanted = (agent << 32) + other
    row = _first_from(wanted, decisions)
    return (
        row if row < decisions.pair.shape[0] and decisions.pair[row] == wanted else -1
    )


@inline
def _first_from(wanted, decisions):
    """Return the first row whose pair is ``wanted`` or later, by binary search."""
    low, high = 0, decisions.pair.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if decisions.pair[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@inline
def either(decided, by_chance):
    """Return what was decided, or what chance says where nothing was."""
    return by_chance if decided != decided else decided


@inline
def sent_to(agent, may_seek, decisions):
    """Return who introduces an agent to a friend today, A_PEER if it seeks one."""
    row = _first_from(agent << 32, decisions)
    while row < decisions.pair.shape[0] and decisions.pair[row] >> 32 == agent:
        if decisions.answer[row] == INTRODUCE:
            return decisions.pair[row] & 0xFFFFFFFF
        if may_seek and decisions.act[row] == SEEK:
            return A_PEER
        row += 1
    return NOBODY
