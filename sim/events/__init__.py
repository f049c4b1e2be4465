"""What we learn from a society: a row of measures a day, and events worth a name.

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
    from sim.events import (
        bonds,
        collectives,
        communities,
        departure,
        growth,
        minds,
        society,
    )
    from sim.events.departure import NEARLY_ALL
    from sim.events.detector import (
        DETECTORS,
        Detector,
        Event,
        Note,
        Reading,
        forget,
        register,
    )
    from sim.events.indicators import early_warning
    from sim.events.kinds import EVENTS
    from sim.events.measures import BELIEF, MEASURES, History
    from sim.events.reader import MANY, Reader
    from sim.events.society import GRIEF_WORTH_NOTICE
    from sim.events.watch import Stored, Watch, replay, resume_watch
    from sim.parameters import FRIEND, MONTH, WEEK

# Where each name lives.
_HOME = {
    "BELIEF": "sim.events.measures",
    "DETECTORS": "sim.events.shipped",
    "EVENTS": "sim.events.kinds",
    "FRIEND": "sim.parameters",
    "GRIEF_WORTH_NOTICE": "sim.events.society",
    "MANY": "sim.events.reader",
    "MEASURES": "sim.events.measures",
    "MONTH": "sim.parameters",
    "NEARLY_ALL": "sim.events.departure",
    "WEEK": "sim.parameters",
    "Detector": "sim.events.detector",
    "Event": "sim.events.detector",
    "History": "sim.events.measures",
    "Note": "sim.events.detector",
    "Reader": "sim.events.reader",
    "Reading": "sim.events.detector",
    "Stored": "sim.events.watch",
    "Watch": "sim.events.watch",
    "early_warning": "sim.events.indicators",
    "forget": "sim.events.detector",
    "register": "sim.events.detector",
    "replay": "sim.events.watch",
    "resume_watch": "sim.events.watch",
}

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
    "Note",
    "Reader",
    "Reading",
    "Stored",
    "Watch",
    "bonds",
    "collectives",
    "communities",
    "departure",
    "early_warning",
    "forget",
    "growth",
    "minds",
    "register",
    "replay",
    "resume_watch",
    "society",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'sim.events' has no attribute {name!r}")
    home = _HOME.get(name, f"sim.events.{name}")
    if home not in ("sim.events.kinds", "sim.parameters"):
        importlib.import_module("sim.events.shipped")  # before a user's own detectors
    module = importlib.import_module(home)
    return getattr(module, name) if name in _HOME else module


def __dir__() -> list[str]:
    return sorted(__all__)
