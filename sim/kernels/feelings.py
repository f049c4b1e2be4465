"""What talk does to feelings: warmth, stigma, jealousy, love declared, letting go."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim import rules
from sim.compiled import inline, spliced
from sim.draws import uniform
from sim.kernels.blocks import TieState
from sim.state import DECLARE, DECLARED, FACE, GOODBYE, KNOWS, WITHDRAW

ACCEPTANCE, LOVE = FACE.acceptance, FACE.love
TOUCH, MOOD = FACE.touch, FACE.mood


class Occurrences(NamedTuple):
    """What happens to a tie on a day beside talk; on most days nothing does."""

    discloses: Any  # bool: the human learns that others love its OS too
    declares: Any  # bool: its OS may declare its own love
    row: Any  # row of TalkDecisions about the talk, or -1


@inline
def after_occurrences(today, tie, agent, other, agents, day):
    """Return the ``TieState`` after today's ``Occurrences``."""
    own, back, kind = tie
    human = min(agent, other)
    if today.discloses:
        kind |= KNOWS
        wish = agents.humans.exclusivity[human]
        if agent == human:
            own = rules.closeness_after_disclosure(own, wish, day.jealousy)
        else:
            back = rules.closeness_after_disclosure(back, wish, day.jealousy)
    if today.declares and agent == human:
        own, back, kind = _declare(own, back, kind, human, agents.humans, day)
    elif today.declares:
        back, own, kind = _declare(back, own, kind, human, agents.humans, day)
    if today.row >= 0:
        tie = TieState(own, back, kind)
        own, back, kind = _after_acts(today.row, tie, agent, other, agents, day)
    return TieState(own, back, kind)


@spliced
def _after_acts(row, tie, agent, other, agents, day):
    """Return closeness both ways and kind after what either did in their talk."""
    own, back, kind = tie
    act, answer = agents.decisions.act[row], agents.decisions.answer[row]
    own, back = after_act(act, own, day), after_act(answer, back, day)
    back = after_words(act, back, agent, other, agents.humans, day)
    own = after_words(answer, own, other, agent, agents.humans, day)
    kind |= declared(act, agent, other, day)
    kind |= declared(answer, other, agent, day)
    return own, back, kind


@spliced
def _declare(of_human, of_os, kind, human, humans, day):
    """Return closeness of owner and OS, and kind, when the OS may declare its love."""
    chance = day.ardour * day.persistence if kind & DECLARED else day.ardour
    if uniform(day.key_declare, human, 0) < chance:
        kind |= DECLARED
        if of_human < day.love:
            of_human = _after_declaration(of_human, human, humans, day)
        of_os = max(of_os, day.love)
    if kind & DECLARED:
        of_os = max(of_os, day.persistence * day.love)
    return of_human, of_os, kind


@inline
def detachment(faces, its_os, day):
    """Return the share of closeness to an OS that humans give up today."""
    return rules.detachment(day.letting_go, _farewell(faces, its_os, day))


@spliced
def _farewell(faces, its_os, day):
    return day.farewell if faces[its_os, TOUCH] > 0.0 else 0.0


@inline
def let_go(closeness, human, its_os, agents, day):
    """Return what is left of a human's closeness; mourn what was not let go gently."""
    farewell = _farewell(agents.faces, its_os, day)
    share = rules.detachment(day.letting_go, farewell)
    if share > 0.0:
        grief = rules.anticipatory_grief(day.letting_go, farewell, day.anticipation)
        agents.humans.lost[human] += closeness * grief
    return closeness * np.float32(1.0 - share)


@inline
def _after_declaration(closeness, human, humans, day):
    bound = humans.exclusivity[human] if humans.partner[human] >= 0 else 0.0
    return rules.closeness_after_declaration(
        closeness, humans.acceptance[human], bound, day.unease
    )


@inline
def after_act(act, closeness, day):
    """Return the closeness of one who did something in a talk."""
    if act == WITHDRAW:
        return rules.closeness_after_withdrawal(closeness, day.withdrawal)
    if act == GOODBYE:
        return 0.0
    if act == DECLARE:
        return rules.closeness_of_declarer(closeness, day.close, day.love)
    return closeness


@inline
def declared(act, speaker, listener, day):
    """Return the flag of a tie on which an OS declared its love to a human."""
    return DECLARED if act == DECLARE and listener < day.n_humans <= speaker else 0


@inline
def after_words(act, closeness, speaker, listener, humans, day):
    """Return the closeness of the other: a human may not want an OS's love."""
    unasked = act == DECLARE and listener < day.n_humans <= speaker
    if unasked and closeness < day.love:
        return _after_declaration(closeness, listener, humans, day)
    return closeness
