"""The reference workload in agentpy: an agent list, every agent with its contacts."""

from __future__ import annotations

import agentpy as ap
import numpy as np
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


class Person(ap.Agent):  # type: ignore[misc]
    """Somebody, who knows the objects of those they meet."""

    def setup(self) -> None:
        """Begin alone; agentpy calls this."""
        self.openness = 0.0
        self.growth = 0.0
        self.loneliness = LONELINESS
        self.others: list[Person] = []
        self.closeness: list[float] = []

    def step(self) -> None:
        """Simulate a day."""
        draw = self.model.random.random
        self.closeness = [
            c + WARMING * draw() * (1.0 - c) - COOLING * c for c in self.closeness
        ]
        self.feel()

    def step_among_others(self) -> None:
        """Simulate a day, and read each neighbour."""
        draw = self.model.random.random
        self.closeness = [
            c + WARMING * draw() * (1.0 - c) * other.openness - COOLING * c
            for c, other in zip(self.closeness, self.others, strict=True)
        ]
        self.feel()

    def feel(self) -> None:
        """Let the day's closeness do what it does."""
        total = sum(self.closeness)
        self.growth += GROWTH * total
        self.loneliness += EASING * (1.0 / (1.0 + total) - self.loneliness)


class Model(ap.Model):  # type: ignore[misc]
    """People who step in the order of their list."""

    def setup(self) -> None:
        """Make the people and their ties; agentpy calls this."""
        work = self.p.work
        self.people = ap.AgentList(self, work.people, Person)
        self.people.openness = ap.AttrIter(work.openness.tolist())
        people = list(self.people)
        for one, (others, closeness) in zip(people, work.contacts(), strict=True):
            one.others = [people[other] for other in others]
            one.closeness = closeness

    def step(self) -> None:
        """Simulate one day."""
        if self.p.work.neighbour:
            self.people.step_among_others()
        else:
            self.people.step()


class Society:
    """A simulation that is taken on day by day."""

    def __init__(self, work: Workload, threads: int, seed: int) -> None:
        self.model = Model({"work": work, "seed": seed})
        self.model.sim_setup()

    def simulate(self, days: int) -> None:
        """Simulate so many days."""
        for _ in range(days):
            self.model.sim_step()

    def columns(self) -> tuple[Array, list[float], list[float]]:
        """Return all closeness, growth and loneliness."""
        people = list(self.model.people)
        closeness = np.concatenate([one.closeness for one in people])
        growth = [one.growth for one in people]
        return closeness, growth, [one.loneliness for one in people]


if __name__ == "__main__":
    serve(ap.__version__, Society)
