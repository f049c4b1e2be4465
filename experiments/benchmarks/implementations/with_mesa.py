"""The reference workload in Mesa: an object for each person, lists of their ties."""

from __future__ import annotations

import sys

import mesa
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


class Person(mesa.Agent):  # type: ignore[misc]
    """Somebody, who knows the objects of those they meet."""

    def __init__(self, model: Society, openness: float) -> None:
        super().__init__(model)
        self.openness = openness
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


class Society(mesa.Model):  # type: ignore[misc]
    """People who step in order, or in a new random order each day."""

    shuffled = False
    person = Person

    def __init__(self, work: Workload, threads: int, seed: int) -> None:
        super().__init__(rng=seed)
        self.method = "step_among_others" if work.neighbour else "step"
        people = [self.person(self, openness) for openness in work.openness.tolist()]
        for one, (others, closeness) in zip(people, work.contacts(), strict=True):
            one.others = [people[other] for other in others]
            one.closeness = closeness

    def step(self) -> None:
        """Simulate one day."""
        if self.shuffled:
            self.agents.shuffle_do(self.method)
        else:
            self.agents.do(self.method)

    def simulate(self, days: int) -> None:
        """Simulate so many days."""
        for _ in range(days):
            self.step()

    def columns(self) -> tuple[Array, list[float], list[float]]:
        """Return all closeness, growth and loneliness."""
        closeness = np.concatenate(self.agents.get("closeness"))
        return closeness, self.agents.get("growth"), self.agents.get("loneliness")


class Shuffled(Society):
    """People who step in a new random order each day, as is usual in Mesa."""

    shuffled = True


if __name__ == "__main__":
    serve(mesa.__version__, Shuffled if sys.argv[4] == "shuffle_do" else Society)
