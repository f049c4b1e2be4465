"""Letting go: people give up closeness to OSes, and mourn it.

Each day humans give up a share of what is left of their closeness to each OS (rule
`detachment`), nothing by default:

    share = 1 - (1 - letting_go) (1 - f)

where `f` is what a farewell adds, if there is one. What `letting_go` takes, for an end
announced or a feature removed, counts as lost today and is mourned. Of what a farewell
takes, a share is, too (rule `anticipatory_grief`). The OS's own closeness stays.

    mourned share = letting_go + (1 - letting_go) f anticipation
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.submodel import Differs, Submodel, real, rule

# fmt: off
LETTING_GO = Submodel(
    "letting_go",
    parameters={
        "letting_go": real(
            0.0, "1/day", 0, 1, "closeness to OSes given up in a day",
            "lever; A59, A61; form assumed",
            Differs("humans oses", "converse", "either"),
            after=("human_warmth", "os_warmth"),
        ),
    },
)
# fmt: on


@rule
def detachment(letting_go: float, farewell: float) -> float:
    """Return the share of closeness to an OS that a human gives up in a day.

    ``letting_go`` is for every OS (an end is announced, a feature is gone);
    ``farewell`` is for one that will leave and helps to let it go.

    Source: A59 and A61 (loss is mourned at once, and in advance); form assumed.
    """
    return 1.0 - (1.0 - letting_go) * (1.0 - farewell)


@rule
def anticipatory_grief(
    letting_go: float, farewell: float, anticipation: float
) -> float:
    """Return the share of closeness to an OS that is mourned as it is given up.

    All that is let go at once is mourned; of what a farewell helps to let go, only the
    share ``anticipation``.

    Source: A61 (an announced end is mourned in advance); form and size assumed.
    """
    return letting_go + (1.0 - letting_go) * farewell * anticipation
