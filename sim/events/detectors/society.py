"""Detectors of society: adoption, norms, polarisation, grief, repaired ties."""

from __future__ import annotations

from collections import deque

from sim.events.alarms import CusumDetector
from sim.events.detector import Detector, Event, Reading, reads_of, register
from sim.events.detectors.departure import share_departed
from sim.events.tracking import GrowingSet
from sim.model.parameters import MONTH, WEEK

GRIEF_WORTH_NOTICE = 0.1  # mean closeness lost per human
RECOVERED = 0.1  # share of the peak of grief that counts as over


@register
class AdoptionTakeOff(CusumDetector):
    """Report that adoption quickens, beyond the speed it had."""

    kind, family, watches = (
        "adoption_take_off",
        "society",
        "weekly change of the speed of adoption",
    )
    measure, least, called = "adopted", 0.003, "adoption a day"
    reads = reads_of("adopted")

    def start(self) -> None:
        """Begin with nothing seen."""
        super().start()
        self._week: deque[float] = deque(maxlen=WEEK + 1)

    def value(self, reading: Reading) -> float:
        """Return the share of humans who install an OS a day, this week, net, or 0."""
        self._week.append(reading.measures["adopted"])
        return max(0.0, self._week[-1] - self._week[0]) / WEEK


@register
class NormTipping(CusumDetector):
    """Report that acceptance of OSes rises within weeks, beyond its trend."""

    kind, family, watches = "norm_tipping", "society", "mean acceptance"
    measure, called, reads = "acceptance", "acceptance", reads_of("acceptance")


@register
class Polarisation(CusumDetector):
    """Report that acceptance falls apart into two camps, beyond its trend."""

    kind, family, watches = "polarisation", "society", "spread of acceptance"
    measure, called = "polarisation", "polarisation"
    reads = reads_of("polarisation")


@register
class GriefWave(CusumDetector):
    """Report that grief rises across society, beyond its usual changes."""

    kind, family, watches = "grief_wave", "society", "mean grief"
    measure, least, called = "grief", 1.5 * GRIEF_WORTH_NOTICE, "grief"
    reads = reads_of("grief")


class _Grief(Detector):
    """Remembers the peak of grief, and who mourns."""

    family, once, watches = "society", True, "mean grief"
    reads = reads_of("grief", "mourning")

    def start(self) -> None:
        """Begin with nothing seen."""
        self._most, self._at = 0.0, 0
        self._mourners = GrowingSet()

    def fallen_to(self, reading: Reading, share: float) -> bool:
        """Tell whether grief, once worth notice, has fallen to a share of its peak."""
        self._mourners.add(reading.note("mourning").agents)
        grief = reading.measures["grief"]
        if grief > self._most:
            self._most, self._at = grief, reading.step
        return self._most >= GRIEF_WORTH_NOTICE and grief <= self._most * share


@register
class GriefPeak(_Grief):
    """Report the day of most grief, once grief has fallen to half of it."""

    kind = "grief_peak"

    def look(self, reading: Reading) -> list[Event]:
        """Report the peak."""
        if not self.fallen_to(reading, 0.5):
            return []
        most = self._most
        evidence = f"mean grief {most:.3f}, fallen to half by day {reading.step}"
        known = {"step": self._at, "strength": most}
        return [self.event(reading, evidence, self._mourners.members(), **known)]


@register
class Recovery(_Grief):
    """Report that grief has fallen to a tenth of its peak."""

    kind = "recovery"

    def look(self, reading: Reading) -> list[Event]:
        """Report the day."""
        if not self.fallen_to(reading, RECOVERED):
            return []
        now = reading.measures["grief"]
        evidence = (
            f"mean grief {now:.3f}, a tenth of {self._most:.3f} on day {self._at}"
        )
        members, strength = self._mourners.members(), float(reading.step - self._at)
        return [self.event(reading, evidence, members, strength=strength)]


@register
class Reconnection(Detector):
    """Report that closeness among people has recovered: it is above that of the eve.

    It takes that half of the OSes left, and that it holds for a month. It says nothing
    of what people would be to each other had there been no OSes: that is their twin's.
    """

    kind, family, once = "reconnection", "society", True
    watches = "closeness between humans"
    reads = reads_of("human_closeness, departed, here, offline")

    def start(self) -> None:
        """Begin with nothing seen."""
        self._eve: float | None = None
        self._last: float | None = None
        self._month: deque[float] = deque(maxlen=MONTH)

    def look(self, reading: Reading) -> list[Event]:
        """Compare the past month with the eve of the first departure."""
        closeness, last = reading.measures["human_closeness"], self._last
        self._last = closeness
        if self._eve is None:
            if reading.measures["departed"] <= 0.0:
                return []
            self._eve = closeness if last is None else last
        self._month.append(closeness)
        far = len(self._month) < MONTH or min(self._month) <= self._eve
        if far or share_departed(reading) < 0.5:
            return []
        evidence = f"closeness to people {closeness:.3f}, on the eve {self._eve:.3f}"
        known = {"size": self.parameters.humans, "strength": closeness}
        known |= {"step": reading.step - MONTH + 1}
        return [self.event(reading, evidence, (), **known)]
