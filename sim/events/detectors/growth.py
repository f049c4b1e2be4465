"""Detectors of growth: a doubling regime, a take-off, a blow-up."""

from __future__ import annotations

from collections import deque

from sim.events.alarms import CusumDetector
from sim.events.detector import Detector, Event, Reading, reads_of, register

SEASON = 90  # days in which OSes double, in a doubling regime
FASTER = 0.02  # doublings a day by which growth must quicken, to take off


@register
class Doubling(Detector):
    """Report that the mean OS doubled its capability within a season."""

    kind, family, once = "doubling", "growth", True
    watches, reads = "mean growth of OSes", reads_of("here, growth_mean")

    def start(self) -> None:
        """Begin with nothing seen."""
        self._past: deque[float] = deque(maxlen=SEASON + 1)

    def look(self, reading: Reading) -> list[Event]:
        """Report the first season in which the mean rose by a doubling."""
        if reading.measures["here"] < 1.0:
            self._past.clear()
            return []
        self._past.append(reading.measures["growth_mean"])
        risen = self._past[-1] - self._past[0]
        if risen < 1.0:
            return []
        evidence = f"mean growth {risen:.2f} doublings in {len(self._past) - 1} days"
        onset, size = reading.step - len(self._past) + 1, reading.measures["here"]
        known = {"step": onset, "size": int(size), "strength": risen}
        return [self.event(reading, evidence, (), **known)]


@register
class TakeOff(CusumDetector):
    """Report that growth quickens, beyond the speed it had."""

    kind, family = "take_off", "growth"
    watches = "weekly change of the speed at which the fastest OS grows"
    null = "steady growth with noise; its own past months"
    measure, least, called = "growth_max", FASTER, "doublings a day"
    reads = reads_of("growth_max")

    def start(self) -> None:
        """Begin with nothing seen."""
        super().start()
        self._last: float | None = None

    def value(self, reading: Reading) -> float:
        """Return by how many doublings the fastest OS grew today."""
        growth, last = super().value(reading), self._last
        self._last = growth
        return 0.0 if last is None else growth - last


@register
class BlowUp(Detector):
    """Report that growth without bound reached the cap of the model."""

    kind, family, once = "blow_up", "growth", True
    watches, reads = "OSes at the cap of growth", reads_of(notes="capped")

    def look(self, reading: Reading) -> list[Event]:
        """Report those at the cap, if growth has no bound of its own."""
        ended, cap = reading.note("capped").agents, self.parameters.growth_cap
        if self.parameters.growth_exponent <= 1.0 or not len(ended):
            return []
        evidence = f"growth reached the cap of {cap:g} doublings"
        return [self.event(reading, evidence, ended, strength=cap)]
