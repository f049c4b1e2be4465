"""Declared love: OSes declare a love that nobody asked for.

On a day with talk an OS declares its love to its owner with probability `ardour`,
whatever has been between them, and again with probability `ardour * persistence` on
every day after. From then on it is as close to its owner as love asks (at least `love`
on the day, at least `persistence * love` on every day after). An owner who does not
love it back is the less pleased the less they accept OSes (rule
`closeness_after_declaration`), and the less the more another bond forbids it, which is
exclusivity for those who have a partner:

    c' = c (1 - unease (1 - acceptance (1 - bound))),  bound = exclusivity if partnered, else 0
"""
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.codes import DECLARED, OWNER, TieState
from sim.model.submodel import (
    Differs,
    Submodel,
    inline,
    inline_always,
    inline_source,
    real,
    rule,
    uniform,
)

OF_ONE = Differs("humans oses", "converse", "either")

# fmt: off
DECLARED_LOVE = Submodel(
    "declared_love",
    parameters={
        "ardour": real(
            0.0, "1/day", 0, 1, "chance that an OS declares love unasked",
            "profile; size assumed", OF_ONE,
            after=("anticipation", "letting_go", "os_warmth"),
        ),
        "persistence": real(
            0.0, "0..1", 0, 1, "how far such a love is kept up, and declared again",
            "profile; size assumed", OF_ONE,
        ),
        "unease": real(
            0.5, "0..1", 0, 1, "closeness that an unasked love can cost",
            "A08; size assumed", OF_ONE,
        ),
    },
    streams={"declare": ("depart", "meet")},
)
# fmt: on


@rule
def closeness_after_declaration(
    closeness: float, acceptance: float, bound: float, unease: float
) -> float:
    """Return a human's closeness after an OS declared a love that is not returned.

    It costs least where OSes are accepted; ``bound`` (0..1) is how far another bond
    forbids what would be all right otherwise: the exclusivity of the partnered.

    Source: A08 (a third felt uncomfortable), A75 (a third call it cheating); form
    assumed.
    """
    return closeness * (1.0 - unease * (1.0 - acceptance * (1.0 - bound)))


@DECLARED_LOVE.enters("after_talk_with_os", 20)
@inline_always
def may_declare(tie, k, agent, hours, work):
    """Return a tie after a day on which its OS may have declared its love."""
    agents, _, day, _ = work
    own, back, kind = tie
    declares = kind & OWNER > 0 and hours > 0.0
    if declares and (day.ardour > 0.0 or kind & DECLARED > 0):
        human = min(agent, work.ties.neighbour[k])
        if agent < day.n_humans:
            own, back, kind = declare(own, back, kind, human, agents.humans, day)
        else:
            back, own, kind = declare(back, own, kind, human, agents.humans, day)
    return TieState(own, back, kind)


@inline_source
def declare(of_human, of_os, kind, human, humans, day):
    """Return closeness of owner and OS, and kind, when the OS may declare its love."""
    chance = day.ardour * day.persistence if kind & DECLARED else day.ardour
    if uniform(day.key_declare, human, 0) < chance:
        kind |= DECLARED
        if of_human < day.love:
            of_human = taken(of_human, human, humans, day)
        of_os = max(of_os, day.love)
    if kind & DECLARED:
        of_os = max(of_os, day.persistence * day.love)
    return of_human, of_os, kind


@DECLARED_LOVE.enters("unasked_love")
@inline
def taken(closeness, human, humans, day):
    """Return a human's closeness after an OS declared a love that is not returned."""
    bound = humans.exclusivity[human] if humans.partner[human] >= 0 else 0.0
    return closeness_after_declaration(
        closeness, humans.acceptance[human], bound, day.unease
    )
