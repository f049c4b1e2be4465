"""Trust, an attribute of ties, as a change of the reference workload in Mesa.

The same rule as in ``experiments/mechanisms/trust.py``: each side of a tie comes to
trust the other as it comes to be close to them, slowly up and quickly down, and who has
somebody to rely on is less lonely. What it changes stands in ``with_mesa.py``, where
people keep the closeness of their ties in a list.

    python experiments/benchmarks/implementations/trust_in_mesa.py

prints loneliness and trust after a year, without and with it.
"""

from __future__ import annotations

import statistics

import mesa
import numpy as np
from with_mesa import Person, Society
from workload import make, small_world


class TrustingPerson(Person):
    """Somebody who comes to trust those they are close to."""

    trust: list[float]
    felt: float
    model: TrustingSociety

    def rely(self) -> None:
        """Trust follows closeness; who can rely on somebody feels less lonely."""
        model = self.model
        for k, closeness in enumerate(self.closeness):
            gap = closeness - self.trust[k]
            rate = model.trust_growth if gap > 0.0 else model.trust_loss
            self.trust[k] += rate * gap
        self.felt = self.loneliness * (1.0 - model.reliance * max(self.trust))


class TrustingSociety(Society):
    """People who may come to trust each other."""

    person = TrustingPerson

    def __init__(
        self,
        humans: int = 300,
        trust_growth: float = 0.02,
        trust_loss: float = 0.2,
        reliance: float = 0.5,
        seed: int = 1,
    ) -> None:
        pairs = small_world(humans, np.random.default_rng(seed))
        work = make(humans, seed, neighbour=False, pairs=pairs)
        super().__init__(work, threads=1, seed=seed)
        self.trust_growth, self.trust_loss = trust_growth, trust_loss
        self.reliance = reliance
        for one in self.agents:
            one.trust = [0.0] * len(one.closeness)
        self.datacollector = mesa.DataCollector(
            {"lonely": lonely, "relied on": relied_on}
        )

    def step(self) -> None:
        """Simulate one day."""
        super().step()
        self.agents.do("rely")
        self.datacollector.collect(self)


def lonely(society: TrustingSociety) -> float:
    """Return the mean loneliness that people feel."""
    return statistics.fmean(society.agents.get("felt"))


def relied_on(society: TrustingSociety) -> float:
    """Return the mean trust in who is trusted most."""
    return statistics.fmean(map(max, society.agents.get("trust")))


def main() -> None:
    """Sweep how fast trust grows, by Mesa's own means, and print what comes of it."""
    growth = {"trust_growth": [0.0, 0.02, 0.1]}
    rows = mesa.batch_run(
        TrustingSociety, growth, max_steps=365, display_progress=False
    )
    print(f"{'trust grows by':>15}{'lonely':>9}{'relied on':>11}")
    for row in rows:
        values = f"{row['lonely']:9.3f}{row['relied on']:11.3f}"
        print(f"{row['trust_growth']:15.0%}{values}")


if __name__ == "__main__":
    main()
