"""Humans on day 0, before any day has measured them.

A day ends with what each human did on it and felt about it. On day 0 there is no such
day yet: what follows from ties is worked out here, and what asks for a day is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from sim.model import rules
from sim.utils.typing import Array

# What only a day that was lived can tell.
UNKNOWN = ("hours_humans", "stimulus", "surroundings")
FELT = "loneliness_from_support"  # the rule


def complete(
    humans: dict[str, Any],
    degree: Callable[[], Array],
    support_half: float,
    replaced: Collection[str] = (),
) -> None:
    """Replace the columns of humans on day 0 that nothing has measured yet.

    Parameters
    ----------
    humans
        Columns by name, all or some; those of ``UNKNOWN`` become nan. There are no OSes
        yet, so that zeros in columns about OSes are right.
    degree
        Returns ``int[humans]``: how many ties each has.
    support_half
        The parameter of that name.
    replaced
        Rules that mechanisms replace: loneliness is nan where that of it is one, since
        the mechanism need not be there.
    """
    for name in UNKNOWN:
        if name in humans:
            humans[name] = np.full(len(humans[name]), np.nan, humans[name].dtype)
    if "human_ties" in humans:
        humans["human_ties"] = degree().astype(humans["human_ties"].dtype)
    if "loneliness" in humans and FELT in replaced:
        kind = humans["loneliness"].dtype
        humans["loneliness"] = np.full(len(humans["loneliness"]), np.nan, kind)
    elif "loneliness" in humans:
        close = humans["human_closeness"].astype(np.float64)
        felt = (rules.loneliness_from_support(one, support_half) for one in close)
        humans["loneliness"] = np.fromiter(felt, humans["loneliness"].dtype, len(close))
