"""The reference workload in Polars: two frames, lazy expressions, one plan a day.

Polars draws no random columns of its own in an expression, so NumPy's generator hands
it the day's draws, which costs no copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from workload import (
    COOLING,
    EASING,
    GROWTH,
    LONELINESS,
    WARMING,
    Workload,
    serve,
)


def people_frame(work: Workload) -> pl.DataFrame:
    """Return the people, a row each."""
    return pl.DataFrame(
        {
            "openness": work.openness,
            "growth": np.zeros(work.people, np.float32),
            "loneliness": np.full(work.people, LONELINESS, np.float32),
        }
    )


def ties_frame(work: Workload) -> pl.DataFrame:
    """Return the half-edges, sorted by owner."""
    owner, other, closeness = work.half_edges()
    columns = {"owner": owner, "other": other, "closeness": closeness}
    return pl.DataFrame(columns).with_columns(pl.col("owner").set_sorted())


def closer(chance: Any, openness: Any) -> pl.Expr:
    """Return the new closeness; what is gained is multiplied by ``openness``."""
    old = pl.col("closeness")
    gain = chance * (1 - old) * pl.lit(WARMING, pl.Float32)
    if openness is not None:
        gain = gain * openness
    return old + gain - old * pl.lit(COOLING, pl.Float32)


def next_people() -> list[pl.Expr]:
    """Return the new growth and loneliness, from the sum of closeness ``total``."""
    total, lonely = pl.col("total"), pl.col("loneliness")
    eased = 1 / (1 + total) - lonely
    return [
        pl.col("growth") + total * pl.lit(GROWTH, pl.Float32),
        lonely + eased * pl.lit(EASING, pl.Float32),
    ]


def totals(people: int, ties: pl.DataFrame) -> pl.Series:
    """Return the sum of closeness of each person, in their order."""
    by_owner = ties.lazy().group_by("owner", maintain_order=True)
    sums = by_owner.agg(total=pl.col("closeness").sum()).collect()
    if len(sums) < people:  # some have no ties
        everybody = pl.DataFrame({"owner": np.arange(people, dtype=np.int32)})
        sums = everybody.join(sums, on="owner", how="left", maintain_order="left")
    return sums["total"].fill_null(0)


class Society:
    """People and half-edges as frames."""

    def __init__(self, work: Workload, threads: int, seed: int) -> None:
        self.work = work
        self.rng = np.random.default_rng(seed)
        self.people, self.ties = people_frame(work), ties_frame(work)

    def simulate(self, days: int) -> None:
        """Simulate so many days."""
        for _ in range(days):
            self.ties = self._met()
            self.people = self._next_people()

    def _met(self) -> pl.DataFrame:
        chance = pl.Series("chance", self.rng.random(len(self.ties), np.float32))
        seen = None
        if self.work.neighbour:
            seen = pl.lit(self.people["openness"]).gather(pl.col("other"))
        met = closer(pl.lit(chance), seen).alias("closeness")
        return self.ties.lazy().with_columns(met).collect()

    def _next_people(self) -> pl.DataFrame:
        people = self.people.lazy().with_columns(totals(len(self.people), self.ties))
        return people.with_columns(next_people()).drop("total").collect()

    def columns(self) -> tuple[Any, Any, Any]:
        """Return all closeness, growth and loneliness."""
        people = self.people
        return self.ties["closeness"], people["growth"], people["loneliness"]


if __name__ == "__main__":
    serve(pl.__version__, Society)
