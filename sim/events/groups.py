"""Agents that a detector remembers, a few bytes each: those who come, and may go."""

from __future__ import annotations

import numpy as np

from sim.events.detector import Note
from sim.ties import Array

NEVER = np.iinfo(np.int32).max


class Gathered:
    """Agents who come day by day, and stay."""

    def __init__(self) -> None:
        self._days: list[Array] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, agents: Array) -> None:
        """Take in those of today."""
        if len(agents):
            self._days.append(agents)
            self._count += len(agents)

    def members(self) -> Array:
        """Return all of them, int32, rising."""
        return np.sort(np.concatenate([np.zeros(0, np.int32), *self._days]))


class Changing:
    """Agents for whom something holds since a day, or no longer."""

    def __init__(self) -> None:
        self._since = np.zeros(0, np.int32)  # by agent number; NEVER: does not hold

    def change(self, note: Note, step: int) -> None:
        """Take a note of whom it holds for since ``step`` (1), or no longer (0)."""
        most = int(note.agents.max(initial=-1)) + 1
        if most > len(self._since):
            grown = np.full(most + most // 2, NEVER, np.int32)
            grown[: len(self._since)] = self._since
            self._since = grown
        self._since[note.agents] = np.where(note.values > 0.0, step, NEVER)

    def members(self, begun: int = NEVER - 1) -> Array:
        """Return those for whom it holds since ``begun`` or before, rising."""
        return np.flatnonzero(self._since <= begun).astype(np.int32)
