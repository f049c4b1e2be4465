"""Sides: one mind for people; one or several for OSes, each OS with one for life."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.model.encounters import Decisions, Mind, Observations, RuleMind
from sim.utils.errors import InputError
from sim.utils.typing import Array


class Share(NamedTuple):
    """A mind that speaks for a share of all OSes."""

    name: str
    mind: Mind
    share: float = 1.0  # 0..1; all shares together are 1


class Sides:
    """A mind made of several: which one decides hangs on who is asked.

    Parameters
    ----------
    oses
        Who speaks for OSes. Which of them speaks for an OS is drawn once, from its
        number and ``seed`` alone: it is the same in any run with this seed.
    people
        Who speaks for people; None leaves them to the rules.
    seed
        Of the draw.

    Raises
    ------
    InputError
        If there is nobody for OSes, two have one name, or shares are not 1 together.

    Examples
    --------
    >>> sides = Sides([Share("a", RuleMind(), 0.5), Share("b", RuleMind(), 0.5)])
    >>> sides.of(1234) == sides.of(1234)
    True
    """

    def __init__(
        self, oses: Sequence[Share], people: Mind | None = None, seed: int = 0
    ) -> None:
        shares = [one.share for one in oses]
        if not oses or min(shares) < 0.0 or abs(sum(shares) - 1.0) > 1e-9:
            raise InputError(f"shares of OSes are 0 or more, 1 together; not {shares}")
        if len({one.name for one in oses}) < len(oses):
            raise InputError("each mind of OSes needs a name of its own")
        self.oses, self.seed = tuple(oses), seed
        self.people: Mind = people or RuleMind()
        self._ends = np.cumsum(shares)
        self._of: dict[int, int] = {}

    def of(self, agent: int) -> str:
        """Return the name of the mind that speaks for an OS, by agent number."""
        return self.oses[self._place(agent)].name

    def decide(self, seen: Observations) -> Decisions:
        """Return what each side decides of its talks."""
        whole = Decisions.by_rule(len(seen))
        felt, of_people = np.full((2, len(seen)), np.nan)
        for mind, rows in self._parts(seen):
            part = mind.decide(seen.rows(rows))
            for name in ("held", "warmth", "disclosure", "novelty", "act"):
                getattr(whole, name)[rows] = getattr(part, name)
            felt[rows] = part.disclosure if part.felt is None else part.felt
            if part.of_people is not None:
                of_people[rows] = part.of_people
        return whole._replace(felt=felt, of_people=of_people)

    def goes(self, seen: Observations) -> Array:
        """Return for each OS whether it goes, as its own mind says."""
        goes = np.ones(len(seen), bool)
        for mind, rows in self._parts(seen):
            goes[rows] = mind.goes(seen.rows(rows))
        return goes

    def write(self, seen: Observations) -> None:
        """Have each side write its letters."""
        for mind, rows in self._parts(seen):
            mind.write(seen.rows(rows))

    def _parts(self, seen: Observations) -> list[tuple[Mind, Array]]:
        """Return who decides which rows, where there are any."""
        whose = np.full(len(seen), -1)
        by_oses = np.flatnonzero(seen.by_oses)
        whose[by_oses] = [self._place(one) for one in seen.agents[by_oses].tolist()]
        minds = (self.people, *(one.mind for one in self.oses))
        parts = [
            (mind, np.flatnonzero(whose == at)) for at, mind in enumerate(minds, -1)
        ]
        return [(mind, rows) for mind, rows in parts if len(rows)]

    def _place(self, agent: int) -> int:
        if agent not in self._of:
            name = hashlib.sha256(f"{self.seed}/{agent}".encode()).digest()
            draw = int.from_bytes(name[:7], "big") / 2.0**56
            place = int(np.searchsorted(self._ends, draw, "right"))
            self._of[agent] = min(place, len(self.oses) - 1)
        return self._of[agent]
