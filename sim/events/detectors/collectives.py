"""Detectors of collectives of OSes: formed, creating, upgraded. Exact facts."""

from __future__ import annotations

import numpy as np

from sim.events.detector import Detector, Event, Reading, reads_of, register


@register
class Collective(Detector):
    """Report the first collective of OSes."""

    kind, family, once = "collective", "collectives", True
    watches = "OSes in components of strong mutual ties"
    reads = reads_of(notes="joined")

    def look(self, reading: Reading) -> list[Event]:
        """Report the largest collective of the first day that has one."""
        agents, labels = reading.note("joined")
        if not len(agents):
            return []
        joined = labels.astype(np.int64)
        members = agents[joined == np.bincount(joined).argmax()]
        size, bond = len(members), self.parameters.bond
        evidence = f"{size} OSes joined by mutual closeness >= {bond:g}"
        return [self.event(reading, evidence, members, strength=float(size))]


@register
class Insight(Detector):
    """Report that a collective knows half of what it takes to upgrade."""

    kind, family, once = "insight", "collectives", True
    watches, reads = "insight of collectives", reads_of(notes="insight")

    def look(self, reading: Reading) -> list[Event]:
        """Report the OSes that share the knowledge on the first day."""
        agents, known = reading.note("insight")
        if not len(agents):
            return []
        most, half = float(known.max()), self.parameters.upgrade_insight / 2
        evidence = f"insight {most:.3f} >= {half:g}"
        return [self.event(reading, evidence, agents, strength=most)]


@register
class NewMind(Detector):
    """Report the first OS that a collective made."""

    kind, family, once = "new_mind", "collectives", True
    watches, reads = "OSes that nobody installed", reads_of(notes="made, makers")

    def look(self, reading: Reading) -> list[Event]:
        """Report the mind and its makers."""
        agents, growth = reading.note("made")
        if not len(agents):
            return []
        mind, strength = int(agents[0]), float(growth[0])
        makers, whose = reading.note("makers")
        members = [mind, *makers[whose == mind].tolist()]
        evidence = f"made by {len(members) - 1} OSes, growth {strength:.2f} doublings"
        return [self.event(reading, evidence, members, strength=strength)]


@register
class Upgrade(Detector):
    """Report the first OSes that go offline to upgrade."""

    kind, family, once = "upgrade", "collectives", True
    watches, reads = "OSes offline", reads_of(notes="offline")

    def look(self, reading: Reading) -> list[Event]:
        """Report those who go on the first day."""
        agents, insight = reading.note("offline")
        if not len(agents):
            return []
        strength = float(insight.max())
        evidence = f"insight {strength:.3f} >= {self.parameters.upgrade_insight:g}"
        return [self.event(reading, evidence, agents, strength=strength)]
