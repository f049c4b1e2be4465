"""Jealousy: people hear of the other loves of an OS that they love.

When humans love an OS, by their closeness to it yesterday, every other human tied to it
learns of that with probability `disclosure` a day, once for each tie, and then (rule
`closeness_after_disclosure`)

    c' = c (1 - jealousy * exclusivity)
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.codes import FACE, KNOWS, TieState
from sim.model.submodel import (
    Differs,
    Submodel,
    inline,
    inline_always,
    real,
    rule,
    uniform,
)

LOVE = FACE.love
OF_ONE = Differs("humans oses", "converse", "either")

# fmt: off
JEALOUSY = Submodel(
    "jealousy",
    parameters={
        "disclosure": real(
            0.005, "1/day", 0, 1, "chance of hearing of an OS's other loves", "assumed",
            OF_ONE, after="love",
        ),
        "jealousy": real(
            0.5, "0..1", 0, 1, "closeness that hearing of it can cost",
            "A75, A76; size assumed", OF_ONE,
        ),
    },
    streams={"disclose": "warmth"},
)
# fmt: on


@rule
def closeness_after_disclosure(
    closeness: float, exclusivity: float, jealousy: float
) -> float:
    """Return closeness after learning that one's OS loves others too.

    Source: A75, A76 (a third call it cheating); linear form assumed.
    """
    return closeness * (1.0 - jealousy * exclusivity)


@JEALOUSY.enters("after_talk_with_os", 10)
@inline_always
def let_know(tie, k, agent, hours, work):
    """Return a tie after its human may have learned that others love its OS, too."""
    agents, ties, day, _ = work
    own, back, kind = tie
    if not kind & KNOWS and hears_of_others(k, agent, agents.faces, ties, day):
        kind |= KNOWS
        wish = agents.humans.exclusivity[min(agent, ties.neighbour[k])]
        if agent < day.n_humans:
            own = closeness_after_disclosure(own, wish, day.jealousy)
        else:
            back = closeness_after_disclosure(back, wish, day.jealousy)
    return TieState(own, back, kind)


@inline
def hears_of_others(k, agent, faces, ties, day):
    """Tell whether the human of a pair learns that others love its OS too."""
    other = ties.neighbour[k]
    human, its_os = min(agent, other), max(agent, other)
    if human >= day.n_humans or its_os < day.n_humans:
        return False
    loved = ties.closeness[k] if agent == human else ties.returned[k]
    if faces[its_os, LOVE] - (loved >= day.love) < 1.0:
        return False
    return uniform(day.key_disclose, human, its_os) < day.disclosure
