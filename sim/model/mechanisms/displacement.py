"""Displacement: how much of the time with OSes people take from each other.

Attention is shared out by weight (`attend`). If OSes draw the share `o` of a human's,
people get the share `1 - displacement * o` (rule `attention_left`), among whom it goes
by weight as if there were no OSes; OSes get `o` in any case. With `displacement` 1 all
hours are of one budget; below it, OSes are talked with in time that else went to
screens, rest or work.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.submodel import Differs, Submodel, real, rule

# fmt: off
DISPLACEMENT = Submodel(
    "displacement",
    parameters={
        "displacement": real(
            1.0, "0..1", 0, 1, "of an hour with an OS, the share that people lose",
            "doi:10.3386/w19549: 0.05 of an hour online is taken from socialising; the "
            "default is one budget, assumed",
            Differs("humans", "attend meet"), after="human_attention",
        ),
    },
)
# fmt: on


@rule
def attention_left(drawn: float, displacement: float) -> float:
    """Return the share of a human's attention that is left for people.

    ``drawn`` is the share (0..1) that OSes draw, by the weight of all ties.

    Source: time diaries, Wallsten 2013, doi:10.3386/w19549; linear form assumed.
    """
    return 1.0 - displacement * drawn
