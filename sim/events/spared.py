"""Observer of a society of which little is wanted: it looks for what is news.

``Observer`` works out all that it notes together, every day. In a sweep next to nothing
of it is wanted, and that happens on few days, so it is first asked whether it did.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sim.events.detector import Reads
from sim.events.observer import (
    FIRSTS,
    MANY,
    OF_GATHERING,
    OF_LEAVING,
    OF_LOVE,
    Notes,
    Observer,
    TodaysValues,
)
from sim.model.columns import DEPARTED, OFFLINE
from sim.model.parameters import Parameters
from sim.model.state import State
from sim.utils.typing import Array

Holds = Callable[[State, Parameters], Array]


def _made(state: State, _: Parameters) -> Array:
    oses = state.oses
    return oses.made_by >= 0 if "made_by" in oses.columns else np.zeros(oses.n, bool)


# For whom a condition holds today, bool[humans] or bool[oses], as ``Observer`` has it:
# of each of ``FIRSTS`` that is looked at every day.
HOLDS: dict[str, Holds] = {
    "love": lambda s, p: (
        (s.humans.os_closeness >= p.love) & (s.humans.os_closeness > 0.0)
    ),
    "many": lambda s, _: s.oses.lovers >= MANY,
    "joined": lambda s, _: s.oses.collective >= 0,
    "knowing": lambda s, p: (
        (s.oses.insight >= np.float32(p.upgrade_insight / 2)) & (s.oses.collective >= 0)
    ),
    "made": _made,
    "offline": lambda s, _: s.oses.status == OFFLINE,
    "departed": lambda s, _: s.oses.status == DEPARTED,
    "mourning": lambda s, _: s.humans.bereaved > 0,
    "capped": lambda s, p: s.oses.growth >= np.float32(p.growth_cap),
}
# What ``Observer`` notes together, by number.
LOVE, GATHERING, LEAVING = range(3)
TOGETHER = OF_LOVE, OF_GATHERING, OF_LEAVING
# What is noted on the days on which something else is.
ALONG = {"love closeness": "love", "makers": "made", "exposure": "departed"}


class SparedObserver(Observer):
    """Notes what somebody reads as ``Observer`` does, and nothing else.

    Parameters
    ----------
    parameters
        What the run was started with.
    wanted
        What somebody reads.
    """

    def __init__(self, parameters: Parameters, wanted: Reads) -> None:
        super().__init__(parameters, wanted)
        self.narrow(wanted.notes)

    def narrow(self, notes: Collection[str]) -> None:
        """Note no more than this from now on; it is some of what was noted so far."""
        self._wanted = frozenset(notes)
        noted = {ALONG.get(name, name) for name in self._wanted}
        asked = [name for name in HOLDS if FIRSTS[name][0] in noted]
        self._asked = [
            [name for name in asked if FIRSTS[name][0] in group] for group in TOGETHER
        ]

    def read(
        self,
        state: State,
        threads: ThreadPoolExecutor | None = None,
        values: TodaysValues | None = None,
    ) -> tuple[dict[str, float], Notes]:
        """Return measures and notes of today, of those that are wanted."""
        measures, notes = super().read(state, threads, values)
        wanted = self._wanted or ()
        return measures, {name: notes[name] for name in notes if name in wanted}

    def _love(self, state: State, notes: Notes) -> None:
        if self._is_news(LOVE, state):
            super()._love(state, notes)

    def _gathering(self, state: State, notes: Notes) -> None:
        if self._is_news(GATHERING, state):
            super()._gathering(state, notes)

    def _leaving(self, state: State, notes: Notes, values: TodaysValues) -> None:
        if self._is_news(LEAVING, state):
            super()._leaving(state, notes, values)

    def _is_news(self, group: int, state: State) -> bool:
        """Tell whether something wanted of a group holds for somebody new."""
        for name in self._asked[group]:
            holds = HOLDS[name](state, self.parameters)
            if not np.count_nonzero(holds):
                continue
            seen = self._ever[name].seen
            before = len(seen)
            new = np.count_nonzero(holds[:before] > seen)
            if new or np.count_nonzero(holds[before:]):
                return True
        return False
