"""Compiling of all loops that a society needs, before there is one."""

from __future__ import annotations

from sim.engine import cache, jit
from sim.model import processes
from sim.society import Society

DAYS = 8  # on which a society is looked at, so that all its detectors are at work


def is_compiled() -> bool:
    """Tell whether there are compiled loops of this version, or they cannot be kept."""
    folder = jit.cache_folder()
    if not cache.is_usable(folder):
        return True
    return any(folder.rglob(f"*{cache.SUFFIX}"))


def compile_loops() -> None:
    """Compile the loops of the model's day and of its detectors, and keep them."""
    society = Society("her", seed=0, humans=20)
    state = society.state
    for phase in processes.PHASES:
        if phase.over in ("agents", "humans", "oses"):
            phase.run(0, 0, state.agents, state.ties.arrays, society.day)
    for day in range(DAYS):
        society.monitor.look(day, state)
    for _ in range(DAYS):
        society.step()
