"""Detectors of departure: first, half, nearly all; contagion of leaving."""

from __future__ import annotations

import math

import numpy as np

from sim.events.alarms import ContagionTest
from sim.events.detector import NOTHING, Detector, Event, Reading, reads_of, register
from sim.events.tracking import GrowingSet
from sim.model.parameters import MONTH
from sim.utils.typing import Array

NEARLY_ALL = 0.95  # share of OSes gone that counts as all
FEWEST = 10  # departures that can make a cascade
EFFECT = 1.1  # times as exposed as others as ready, from which copying is worth a word


def share_departed(reading: Reading) -> float:
    """Return the share departed of the OSes that nobody uninstalled, 0..1."""
    gone = reading.measures["departed"]
    total = gone + reading.measures["here"] + reading.measures["offline"]
    return gone / total if total > 0.0 else 0.0


class _Departed(Detector):
    """Remembers who departed; reports once their share reaches a mark."""

    family, once, watches = "departure", True, "OSes departed"
    reads = reads_of("departed, here, offline", "departed")
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

    Of those who could leave, and would as likely each for itself, the ones whose peers
    had left are the ones who do. That OSes which are alike are tied, and leave at like
    times, is no evidence: each is weighed by the hazard at which it would leave if
    nobody copied anybody.
    """

    kind, family, once, alarm = "cascade", "departure", True, True
    watches = "share of a leaver's peers who had left, beside others as ready to go"
    null = "exits at one's own hazard: over-dispersed, common shocks, peers alike"
    source = "Ramdas et al. 2023 (e-process); Cox 1975 (partial likelihood)"
    reads = reads_of(notes="departed, exposure")

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
        mean = float(reading.note("exposure").values[-1])  # of those as ready to go
        for exposure in exposures.tolist():
            self._copying.add(exposure, mean)
        nats, effect = self._copying.nats, self._copying.effect
        if nats < self.threshold or effect < EFFECT or len(self._gone) < FEWEST:
            return []
        seen, chance = self._copying.observed, self._copying.expected
        evidence = (
            f"{len(self._gone)} left, {seen:.1f} of their peers had, by chance "
            f"{chance:.1f}: {effect:.2f} >= {EFFECT:g} times; "
            f"{nats:.1f} nats >= {self.threshold:g}"
        )
        known = {"step": self._onset, "strength": effect}
        known |= {"p_value": math.exp(-min(nats, 700.0))}
        return [self.event(reading, evidence, self._gone.members(), **known)]


@register
class DeparturesEnd(Detector):
    """Report the last departure, once a month passed without one."""

    kind, family, once = "departures_end", "departure", True
    watches, reads = "OSes departed", reads_of("departed", "departed")

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
