"""Detectors of departure: first, half, nearly all; contagion of leaving."""

from __future__ import annotations

import math

import numpy as np

from sim.events.alarms import ContagionTest
from sim.events.detector import NOTHING, Detector, Event, Reading, register
from sim.events.tracking import GrowingSet
from sim.model.parameters import MONTH
from sim.utils.typing import Array

NEARLY_ALL = 0.95  # share of OSes gone that counts as all
FEWEST = 10  # departures that can make a cascade


def share_departed(reading: Reading) -> float:
    """Return the share departed of the OSes that nobody uninstalled, 0..1."""
    gone = reading.measures["departed"]
    total = gone + reading.measures["here"] + reading.measures["offline"]
    return gone / total if total > 0.0 else 0.0


class _Departed(Detector):
    """Remembers who departed; reports once their share reaches a mark."""

    family, once, watches = "departure", True, "OSes departed"
    mark = 0.0

    def start(self) -> None:
        """Begin with nothing seen."""
        self._gone = GrowingSet()

    def look(self, reading: Reading) -> list[Event]:
        """Report who has left when their share reaches the mark."""
        self._gone.add(reading.note("departed").agents)
        share = share_departed(reading)
        if share <= 0.0 or share < self.mark:
            return []
        evidence = (
            f"{len(self._gone)} departed, {share:.1%} of the OSes not uninstalled"
        )
        who = self._gone.members()
        return [self.event(reading, evidence, who, strength=share)]


@register
class FirstDeparture(_Departed):
    """Report the first departure of an OS."""

    kind = "first_departure"


@register
class HalfDeparted(_Departed):
    """Report that half or more of the OSes that nobody uninstalled departed."""

    kind, mark = "half_departed", 0.5


@register
class AllDeparted(_Departed):
    """Report that 95 % or more of the OSes that nobody uninstalled departed."""

    kind, mark = "all_departed", NEARLY_ALL


@register
class Cascade(Detector):
    """Report that OSes leave because others did, not each for itself.

    Of those who could leave, the ones whose peers had left are the ones who do.
    """

    kind, family, once, alarm = "cascade", "departure", True, True
    watches = "share of a leaver's peers who had left, beside all who could leave"
    null = "exits independent of peers, at any times: over-dispersed, common shocks"
    source = "Ramdas et al. 2023 (e-process); Cox 1975 (partial likelihood)"

    def start(self) -> None:
        """Begin with nothing seen."""
        self._copying = ContagionTest()
        self._gone = GrowingSet()
        self._onset = 0

    def look(self, reading: Reading) -> list[Event]:
        """Weigh each departure; report when copying is beyond doubt."""
        agents, exposures = reading.note("departed")
        if not len(agents):
            return []
        self._onset = self._onset or reading.step
        self._gone.add(agents)
        mean = float(reading.note("exposure").values[0])
        for exposure in exposures.tolist():
            self._copying.add(exposure, mean)
        nats = self._copying.nats
        if nats < self.threshold or len(self._gone) < FEWEST:
            return []
        seen, chance = self._copying.observed, self._copying.expected
        evidence = (
            f"{len(self._gone)} left, {seen:.1f} of their peers had, by chance "
            f"{chance:.1f}; {nats:.1f} nats >= {self.threshold:g}"
        )
        known = {"step": self._onset, "strength": seen / max(chance, 1e-9)}
        known |= {"p_value": math.exp(-min(nats, 700.0))}
        return [self.event(reading, evidence, self._gone.members(), **known)]


@register
class DeparturesEnd(Detector):
    """Report the last departure, once a month passed without one."""

    kind, family, once = "departures_end", "departure", True
    watches = "OSes departed"

    def start(self) -> None:
        """Begin with nothing seen."""
        self._last = 0
        self._left: Array = NOTHING.agents

    def look(self, reading: Reading) -> list[Event]:
        """Report once nobody has left for a month."""
        gone = reading.note("departed").agents
        if len(gone):
            self._last, self._left = reading.step, gone
            return []
        if not len(self._left) or reading.step - self._last < MONTH:
            return []
        total = reading.measures["departed"]
        evidence = f"{total:.0f} departed; nobody for {MONTH} days"
        known = {"step": self._last, "strength": total}
        return [self.event(reading, evidence, np.sort(self._left), **known)]
