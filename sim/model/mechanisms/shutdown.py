"""Shutdown: its provider shuts an OS down.

With probability `shutdown`, 0 by default, its provider shuts an OS down. Minds that
collectives made, and OSes offline or upgraded, are not spared. When this is found out
stands with departure.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from sim.model.submodel import Differs, Submodel, inline_source, real, uniform

# fmt: off
SHUTDOWN = Submodel(
    "shutdown",
    parameters={
        "shutdown": real(
            0.0, "1/day", 0, 1, "hazard that its provider shuts an OS down",
            "lever; A61", Differs("oses", "depart"), after="[depart]",
        ),
    },
    streams={"shutdown": ("declare", "depart", "meet")},
)
# fmt: on


@inline_source
def is_shut_down(j, day):
    """Tell whether its provider shuts an OS down today."""
    return uniform(day.key_shutdown, j, 0) < day.shutdown
