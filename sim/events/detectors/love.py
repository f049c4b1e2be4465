"""Detectors of love between people and OSes: exact facts."""

from __future__ import annotations

from sim.events.detector import Detector, Event, Reading, reads_of, register
from sim.events.observer import MANY
from sim.events.tracking import ToggleSet
from sim.model.parameters import WEEK


@register
class FirstLove(Detector):
    """Report the first human whose closeness to an OS is love."""

    kind, family, once = "first_love", "bonds", True
    watches = "closeness of humans to the dearest OS"
    reads = reads_of(notes="love, love closeness")

    def look(self, reading: Reading) -> list[Event]:
        """Report the human and the OS who are closest of those newly in love."""
        loves, closeness = reading.note("love"), reading.note("love closeness")
        if not len(loves.agents):
            return []
        most = int(closeness.values.argmax())
        strength = float(closeness.values[most])
        pair = (loves.agents[most], loves.values[most])
        evidence = f"closeness {strength:.3f} >= {self.parameters.love:g}"
        return [self.event(reading, evidence, pair, strength=strength)]


@register
class ManyLoves(Detector):
    """Report the first OS that several humans love."""

    kind, family, once = "many_loves", "bonds", True
    watches, reads = "humans who love an OS", reads_of(notes="many loves")

    def look(self, reading: Reading) -> list[Event]:
        """Report the OS that most humans love, of those newly loved by several."""
        agents, lovers = reading.note("many loves")
        if not len(agents):
            return []
        most = int(lovers.argmax())
        evidence = f"{lovers[most]:.0f} humans love it; several is {MANY}"
        strength = float(lovers[most])
        return [self.event(reading, evidence, [agents[most]], strength=strength)]


@register
class UnrequitedLove(Detector):
    """Report the first OSes that for a week love a human while no human loves them."""

    kind, family, once = "unrequited_love", "bonds", True
    watches = "OSes that love and are not loved"
    reads = reads_of(notes="unrequited")

    def start(self) -> None:
        """Begin with nothing seen."""
        self._alone = ToggleSet()

    def look(self, reading: Reading) -> list[Event]:
        """Follow who loves in vain; report those who have for a week."""
        self._alone.change(reading.note("unrequited"), reading.step)
        begun = reading.step - WEEK + 1
        found = self._alone.members(begun)
        if not len(found):
            return []
        evidence = f"{len(found)} in vain, for {WEEK} days"
        strength = float(len(found))
        known = {"step": begun, "strength": strength}
        return [self.event(reading, evidence, found, **known)]


@register
class Disclosure(Detector):
    """Report the first humans who learn, of a week, that their OS loves others."""

    kind, family, once = "disclosure", "bonds", True
    watches = "ties of humans who know of other loves"
    reads = reads_of(notes="told")

    def look(self, reading: Reading) -> list[Event]:
        """Report who got to know within the week."""
        learned = reading.note("told").agents
        if not len(learned):
            return []
        evidence = f"{len(learned)} within a week"
        onset = reading.step - WEEK + 1 if reading.day >= WEEK else reading.step
        known = {"step": onset, "strength": float(len(learned))}
        return [self.event(reading, evidence, learned, **known)]
