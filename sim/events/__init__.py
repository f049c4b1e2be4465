"""What we learn from a society: a row of measures a day, and events worth a name.

A ``Reader`` reads each day: measures, and notes of what changed for whom. Detectors see
these readings only, never the society, and report events; a run keeps the readings, so
detectors find the same in a stored run. A detector is a small class in the file of its
family; ``register`` adds your own.
"""

from __future__ import annotations

from sim.events import (  # each registers its family
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
    MONTH,
    WEEK,
    Detector,
    Event,
    Note,
    Reading,
    forget,
    register,
)
from sim.events.indicators import early_warning
from sim.events.measures import BELIEF, MEASURES, History
from sim.events.reader import FRIEND, MANY, Reader
from sim.events.society import GRIEF_WORTH_NOTICE
from sim.events.watch import Stored, Watch, replay, resume_watch

__all__ = [
    "BELIEF",
    "DETECTORS",
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
