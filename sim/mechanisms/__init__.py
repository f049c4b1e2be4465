"""Mechanisms of one's own: what a file needs to add to the model.

``sim/docs/MECHANISMS.md`` says how to write one. Names are imported when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.engine.rng import draws_of as draws_of
    from sim.engine.rng import pair_uniform as pair_uniform
    from sim.engine.rng import uniform as uniform
    from sim.engine.table import Column as Column
    from sim.mechanisms.loops import rule as rule
    from sim.mechanisms.loops import slot_of as slot_of
    from sim.mechanisms.mechanism import Mechanism as Mechanism
    from sim.mechanisms.mechanism import real as real
    from sim.mechanisms.mechanism import switch as switch
    from sim.mechanisms.mechanism import whole as whole
    from sim.mechanisms.registry import use as use

_HOME = {
    "Column": "sim.engine.table",
    "Mechanism": "sim.mechanisms.mechanism",
    "draws_of": "sim.engine.rng",
    "pair_uniform": "sim.engine.rng",
    "real": "sim.mechanisms.mechanism",
    "rule": "sim.mechanisms.loops",
    "slot_of": "sim.mechanisms.loops",
    "switch": "sim.mechanisms.mechanism",
    "uniform": "sim.engine.rng",
    "use": "sim.mechanisms.registry",
    "whole": "sim.mechanisms.mechanism",
}

__all__ = [
    "Column",
    "Mechanism",
    "draws_of",
    "pair_uniform",
    "real",
    "rule",
    "slot_of",
    "switch",
    "uniform",
    "use",
    "whole",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sim.mechanisms' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
