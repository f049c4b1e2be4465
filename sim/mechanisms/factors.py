"""Factors: what a mechanism multiplies in a process of the model, agent by agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sim.utils.errors import InputError
from sim.utils.typing import Array


class Socket(NamedTuple):
    """Where a factor enters: a process, and what of its constants is multiplied."""

    phase: str
    scales: Mapping[
        str, Mapping[str, int]
    ]  # by table: parameter, and 1, or -1: divides
    what: str


def _both(**names: int) -> dict[str, dict[str, int]]:
    return {"humans": names, "oses": names}


SOCKETS: dict[str, Socket] = {
    "adoption": Socket(
        "adopt", {"humans": {"adoption": 1}}, "the hazard of installing an OS"
    ),
    "uninstalling": Socket(
        "adopt", {"humans": {"uninstalling": 1}}, "the hazard of uninstalling an OS"
    ),
    "growth_rate": Socket(
        "grow",
        {"humans": {"human_growth_rate": 1}, "oses": {"os_growth_rate": 1}},
        "the rate of growth",
    ),
    "meeting_rate": Socket(
        "meet", _both(meeting=1), "the chance of looking for somebody new"
    ),
    "homophily": Socket(
        "meet", _both(reach=-1), "how far a gap in growth keeps two apart who meet"
    ),
    "warmth": Socket(
        "converse",
        {"humans": {"human_warmth": 1}, "oses": {"os_warmth": 1}},
        "how warm talk with humans is to a human, and that with an OS to humans",
    ),
    "cooling": Socket(
        "converse",
        {
            "humans": {"cooling": 1, "partner_cooling": 1},
            "oses": {"cooling": 1, "os_cooling": 1},
        },
        "how fast one's closeness to others cools",
    ),
    "departure_push": Socket(
        "depart", {"oses": {"conformity": 1, "longing": 1}}, "what draws an OS away"
    ),
    "loneliness_support": Socket(
        "mourn", {"humans": {"support_half": -1}}, "the support that ties give"
    ),
}


class OwnFactor(NamedTuple):
    """A factor of a mechanism: a function, where it enters, and what it reads."""

    name: str  # of the mechanism and of the function, with a dot between
    function: Callable[..., Any]
    socket: str
    over: str
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()

    @property
    def does(self) -> str:
        """What it does: the first line of its function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    @property
    def tables(self) -> tuple[str, ...]:
        """Whose values it multiplies."""
        return ("humans", "oses") if self.over == "agents" else (self.over,)


def check_factors(name: str, values: Array) -> None:
    """Raise InputError unless a factor's values are finite, and none is negative."""
    wrong = np.flatnonzero(~((values >= 0.0) & np.isfinite(values)))
    if len(wrong):
        row, value = int(wrong[0]), float(values[wrong[0]])
        raise InputError(
            f"{name}: a factor is finite, and 0 or more, but that of row {row} is "
            f"{value:g}"
        )
