"""Farewell: an OS that will leave helps people to let it go.

From when an OS is upgraded, people give up the share `farewell` of their closeness to
it each day, beside what they let go of any OS; of that they mourn the share
`anticipation`: people mourn in advance who is about to leave.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.codes import FACE
from sim.model.submodel import Differs, Submodel, inline_source, real

UPGRADED = FACE.touch  # of an OS, that is what stands there
OF_ONE = Differs("humans oses", "converse", "either")

# fmt: off
FAREWELL = Submodel(
    "farewell",
    parameters={
        "farewell": real(
            0.0, "1/day", 0, 1, "the same, to upgraded OSes, and mourned in part",
            "lever; form assumed", OF_ONE, after=("letting_go", "os_warmth"),
        ),
        "anticipation": real(
            0.9, "0..1", 0, 1, "share mourned of what a farewell helps to let go",
            "A61; size assumed", OF_ONE,
        ),
    },
)
# fmt: on


@FAREWELL.enters("farewell")
@inline_source
def farewell_of(share, its_os, faces, day):
    """Return the share of closeness to an OS that its farewell lets people give up."""
    return day.farewell if faces[its_os, UPGRADED] > 0.0 else 0.0


@FAREWELL.enters("mourned_of_farewell")
@inline_source
def mourned_in_advance(share, day):
    """Return the share of that which is mourned."""
    return day.anticipation
