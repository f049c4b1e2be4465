"""Studies: designed sets of runs, compared, resumed, analysed."""

from __future__ import annotations

from sim.studies.design import Design, read
from sim.studies.sweeps import Sweep, load_sweep, sweep

__all__ = ["Design", "Sweep", "load_sweep", "read", "sweep"]
