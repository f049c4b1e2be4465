"""The reference workload in mesa-frames: people and half-edges as two agent sets.

mesa-frames 0.1 has no network, so half-edges are an agent set of their own, as a frame
with an id for each; both sets are changed by Polars expressions.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np
import polars as pl
from mesa_frames import AgentSetPolars, ModelDF
from with_polars import closer, next_people, people_frame, ties_frame, totals
from workload import Workload, serve


class Ties(AgentSetPolars):  # type: ignore[misc]
    """Half-edges."""

    def __init__(self, model: Society) -> None:
        super().__init__(model)
        frame = ties_frame(model.work).with_row_index("unique_id")
        self.add(frame.with_columns(pl.col("unique_id").cast(pl.Int64)))

    def step(self) -> None:
        """Meet."""
        chance = pl.Series("chance", self.model.random.random(len(self), np.float32))
        openness = None
        if self.model.work.neighbour:
            people = self.model.get_agents_of_type(People)
            openness = people["openness"].gather(self.agents["other"])
        self["closeness"] = self.agents.select(closer(chance, openness)).to_series()


class People(AgentSetPolars):  # type: ignore[misc]
    """Those who meet."""

    def __init__(self, model: Society) -> None:
        super().__init__(model)
        first = 2 * len(model.work.pairs)  # ids are unique over both sets
        ids = pl.int_range(pl.len()) + first
        self.add(people_frame(model.work).with_columns(unique_id=ids))

    def step(self) -> None:
        """Feel."""
        ties = self.model.get_agents_of_type(Ties).agents
        people = self.agents.with_columns(totals(len(self), ties))
        self.agents = people.with_columns(next_people()).drop("total")


class Society(ModelDF):  # type: ignore[misc]
    """Ties first, then people."""

    def __init__(self, work: Workload, threads: int, seed: int) -> None:
        super().__init__(seed)
        self.work = work
        self.agents += Ties(self)
        self.agents += People(self)

    def simulate(self, days: int) -> None:
        """Simulate so many days."""
        for _ in range(days):
            self.step()

    def columns(self) -> tuple[Any, Any, Any]:
        """Return all closeness, growth and loneliness."""
        people = self.get_agents_of_type(People)
        ties = self.get_agents_of_type(Ties)
        return ties["closeness"], people["growth"], people["loneliness"]


if __name__ == "__main__":
    serve(importlib.metadata.version("mesa-frames"), Society)
