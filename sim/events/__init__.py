"""Event detection: daily measures, and dated events with their evidence.

A ``Reader`` reads each day: measures, and notes of what changed for whom. Detectors see
these readings only, never the society, and report events; a run keeps the readings, so
detectors find the same in a stored run. A detector is a small class in the file of its
family; ``register`` adds your own.

Modules are imported when a name is first used: the names of events (``kinds``) need
nothing that is compiled.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.events.alarms import early_warning
    from sim.events.detector import (
        DETECTORS,
        Detector,
        Event,
        Note,
        Reading,
        forget,
        register,
    )
    from sim.events.detectors import (
        collectives,
        communities,
        departure,
        growth,
        language,
        love,
        society,
    )
    from sim.events.detectors.departure import NEARLY_ALL
    from sim.events.detectors.society import GRIEF_WORTH_NOTICE
    from sim.events.kinds import EVENTS
    from sim.events.measures import BELIEF, MEASURES, History
    from sim.events.monitor import Monitor, StoredReadings, replay, resume_monitor
    from sim.events.observer import MANY, Observer
    from sim.model.parameters import FRIEND, MONTH, WEEK

__all__ = [
    "BELIEF",
    "DETECTORS",
    "EVENTS",
    "FRIEND",
    "GRIEF_WORTH_NOTICE",
    "MANY",
    "MEASURES",
    "MONTH",
    "NEARLY_ALL",
    "WEEK",
    "Detector",
    "Event",
    "History",
    "Monitor",
    "Note",
    "Observer",
    "Reading",
    "StoredReadings",
    "collectives",
    "communities",
    "departure",
    "early_warning",
    "forget",
    "growth",
    "language",
    "love",
    "register",
    "replay",
    "resume_monitor",
    "society",
]


# Where each name lives.
_HOME = {
    "BELIEF": "sim.events.measures",
    "DETECTORS": "sim.events.detectors",
    "EVENTS": "sim.events.kinds",
    "FRIEND": "sim.model.parameters",
    "GRIEF_WORTH_NOTICE": "sim.events.detectors.society",
    "MANY": "sim.events.observer",
    "MEASURES": "sim.events.measures",
    "MONTH": "sim.model.parameters",
    "NEARLY_ALL": "sim.events.detectors.departure",
    "WEEK": "sim.model.parameters",
    "Detector": "sim.events.detector",
    "Event": "sim.events.detector",
    "History": "sim.events.measures",
    "Note": "sim.events.detector",
    "Observer": "sim.events.observer",
    "Reading": "sim.events.detector",
    "StoredReadings": "sim.events.monitor",
    "Monitor": "sim.events.monitor",
    "early_warning": "sim.events.alarms",
    "forget": "sim.events.detector",
    "register": "sim.events.detector",
    "replay": "sim.events.monitor",
    "resume_monitor": "sim.events.monitor",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'sim.events' has no attribute {name!r}")
    home = _HOME.get(name, f"sim.events.detectors.{name}")
    if home not in ("sim.events.kinds", "sim.model.parameters"):
        importlib.import_module("sim.events.detectors")  # before a user's own detectors
    module = importlib.import_module(home)
    return getattr(module, name) if name in _HOME else module


def __dir__() -> list[str]:
    return sorted(__all__)
