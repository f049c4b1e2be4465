"""The reference workload in Starsim 3: a network with closeness, a module for people.

The network's edges are half-edges, ``p1`` their owner; its draws come from one of
Starsim's own distributions. Ages, births and deaths are switched off.
"""

from __future__ import annotations

import numpy as np
import starsim as ss
from workload import (
    COOLING,
    EASING,
    GROWTH,
    LONELINESS,
    WARMING,
    Array,
    Workload,
    serve,
)

MOST_DAYS = 10_000


class Contacts(ss.Network):  # type: ignore[misc]
    """Half-edges with closeness."""

    def __init__(self, work: Workload) -> None:
        owner, other, closeness = work.half_edges()
        beta = np.ones(len(owner), np.float32)
        super().__init__(p1=owner, p2=other, beta=beta, name="contacts")
        self.meta.closeness = ss.dtypes.float
        self.edges.closeness = closeness.astype(ss.dtypes.float)
        self.reads, self.openness = work.neighbour, work.openness
        self.chance = ss.random(name="chance")

    def step(self) -> None:
        """Meet."""
        closeness = self.edges.closeness
        gain = self.chance.rvs(len(closeness)).astype(closeness.dtype)
        gain *= WARMING
        gain *= 1 - closeness
        if self.reads:
            gain *= self.sim.people.feelings.openness.raw[self.edges.p2]
        closeness *= 1 - COOLING
        closeness += gain


class Feelings(ss.Intervention):  # type: ignore[misc]
    """What closeness does to people: an intervention, since those follow networks."""

    def __init__(self, work: Workload) -> None:
        super().__init__(name="feelings")
        self.define_states(
            ss.FloatArr("openness", default=lambda n: work.openness[:n]),
            ss.FloatArr("growth", default=0.0),
            ss.FloatArr("loneliness", default=LONELINESS),
        )

    def step(self) -> None:
        """Feel, after meeting."""
        edges = self.sim.networks.contacts.edges
        total = np.bincount(edges.p1, edges.closeness, len(self.growth))
        self.growth[:] += GROWTH * total
        self.loneliness[:] += EASING * (1 / (1 + total) - self.loneliness.values)


class Society:
    """A simulation that is taken on day by day."""

    def __init__(self, work: Workload, threads: int, seed: int) -> None:
        self.sim = ss.Sim(
            n_agents=work.people,
            networks=Contacts(work),
            interventions=Feelings(work),
            dur=MOST_DAYS,
            dt=ss.days(1),
            rand_seed=seed,
            use_aging=False,
            verbose=0,
        )
        self.sim.init()

    def simulate(self, days: int) -> None:
        """Simulate so many days."""
        for _ in range(days):
            self.sim.run_one_step()

    def columns(self) -> tuple[Array, Array, Array]:
        """Return all closeness, growth and loneliness."""
        feelings = self.sim.people.feelings
        closeness = self.sim.networks.contacts.edges.closeness
        return closeness, feelings.growth.values, feelings.loneliness.values


if __name__ == "__main__":
    serve(ss.__version__, Society)
