"""Detectors, one family a file; importing this package registers them."""

from __future__ import annotations

from sim.events.detector import DETECTORS, Detector
from sim.events.detectors import (
    collectives,
    communities,
    departure,
    growth,
    language,
    love,
    society,
)

__all__ = ["DETECTORS", "FAMILIES"]

FAMILIES = (love, collectives, communities, departure, growth, language, society)


def _in_order() -> dict[str, type[Detector]]:
    """Return all detectors family by family, then a user's own.

    Events of a day are reported in this order, whichever family was imported first.
    """
    names = [family.__name__ for family in FAMILIES]
    place = {name: number for number, name in enumerate(names)}

    def family_of(row: tuple[str, type[Detector]]) -> int:
        return place.get(row[1].__module__, len(names))

    return dict(sorted(DETECTORS.items(), key=family_of))


_ordered = _in_order()
DETECTORS.clear()
DETECTORS.update(_ordered)
