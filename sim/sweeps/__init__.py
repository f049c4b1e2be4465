"""Designed sets of runs that survive the night, on one machine or on a cluster."""

from __future__ import annotations

from sim.sweeps.designs import Design, read
from sim.sweeps.driving import sweep
from sim.sweeps.reading import Sweep, load_sweep

__all__ = ["Design", "Sweep", "load_sweep", "read", "sweep"]
