"""Detectors of communities: segregation of OSes, communities born, merged, split."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from sim.events.detector import Detector, Event, Reading, reads_of, register
from sim.events.observer import EXPECTED, FRESH, WITHIN
from sim.events.tracking import CommunityChange, ToggleSet, Tracker, began
from sim.model.parameters import WEEK

MOST_ROWS = 5  # of one kind and day: those furthest beyond chance
HALF = 0.5
PAST = 26  # readings, the last two of which are compared with those before
RECENT = 8  # readings before these two, in which it may be rising: not compared with
FEWEST_PAST = 4  # readings to compare with
FEWEST_FRESH = 10  # new friends of a week that can say something
REWIRED = "degree-preserving rewiring (configuration model, closed form)"
SCAN = "Traag et al. 2011 (constant Potts model), 2013 (significance)"


@register
class Clustering(Detector):
    """Report that OSes turned to each other: homophily beyond what chance explains.

    For a week most of their talk was with OSes, and the share of their closeness that
    they hold toward OSes exceeds what the same closeness, mixed at random between all
    agents, would give (configuration model) by the threshold in standard deviations.
    """

    kind, family, once, alarm = "clustering", "communities", True, True
    watches = "external-internal index of OSes' closeness; attention to peers"
    null, source = REWIRED, "Krackhardt and Stern 1988 (E-I index)"
    reads = reads_of(
        "peer_attention, peer_share, peer_chance, os_ties, mixed_ties", "turned"
    )

    def start(self) -> None:
        """Begin with nothing seen."""
        self._days = 0
        self._turned = ToggleSet()

    def look(self, reading: Reading) -> list[Event]:
        """Count the days on which it holds; report after a week."""
        self._turned.change(reading.note("turned"), reading.step)
        share, chance, z = mixing(reading)
        holds = reading.measures["peer_attention"] > HALF and z >= self.threshold
        self._days = self._days + 1 if holds else 0
        if self._days < WEEK:
            return []
        evidence = (
            f"E-I index {1 - 2 * share:.3f}: share {share:.3f}, by chance "
            f"{chance:.3f}, z {z:.1f} >= {self.threshold:g}, for {WEEK} days"
        )
        known = {"step": reading.step - WEEK + 1, "strength": share}
        return [self.event(reading, evidence, self._turned.members(), **known)]


def mixing(reading: Reading) -> tuple[float, float, float]:
    """Return the OSes' share of closeness to OSes, that by chance, and its z."""
    measures = reading.measures
    share, chance = measures["peer_share"], measures["peer_chance"]
    ties = measures["os_ties"] + measures["mixed_ties"] / 2
    spread = math.sqrt(chance * (1.0 - chance) / max(ties, 1.0))
    return share, chance, (share - chance) / max(spread, 1e-9)


@register
class Purity(Detector):
    """Report that a good part of the OSes are segregated in communities of their own.

    Of the friendships of all agents, humans too, communities are found; pure are those
    beyond chance of which at least three in four members are OSes. The share of OSes in
    them is compared with the most in months past: communities that stand for ever are
    now beyond chance, now not.
    """

    kind, family, once, alarm = "purity", "communities", True, True
    watches, null, source = "share of OSes in communities of OSes", REWIRED, SCAN
    reads = reads_of("oses", "friends, community, score")

    def start(self) -> None:
        """Begin with nothing seen."""
        self._shares: deque[float] = deque(maxlen=PAST)

    def look(self, reading: Reading) -> list[Event]:
        """Report when the share is up by the threshold, on two readings in a row."""
        if not len(reading.note("friends").agents):
            return []
        agents, labels = reading.note("community")
        found, scores = reading.note("score")
        agents = agents[np.isin(labels, found[scores > 0.0])]
        self._shares.append(len(agents) / max(reading.measures["oses"], 1.0))
        *past, before, share = [math.inf, *self._shares]
        long_ago = [one for one in past[:-RECENT] if one < math.inf]
        if len(long_ago) < FEWEST_PAST:
            return []
        usual = max(long_ago)
        if min(before, share) - usual < self.threshold:
            return []
        evidence = (
            f"{share:.1%} of OSes, up from {usual:.1%} at most by >= "
            f"{self.threshold:.1%}"
        )
        known = {"step": reading.step - 2 * WEEK + 1, "strength": share}
        return [self.event(reading, evidence, agents, **known)]


@register
class Modular(Detector):
    """Report that new friends are found within last week's communities.

    Communities are found before the friends meet, so chance is known in closed form
    and finding them costs nothing.
    """

    kind, family, once, alarm = "modular", "communities", True, True
    watches = "new friends within communities, weekly"
    null, source = REWIRED, "Page 1954 (CUSUM); Newman 2006 (modularity)"
    reads = reads_of(notes="new friends")

    def start(self) -> None:
        """Begin with nothing seen."""
        self._score, self._onset = 0.0, 0

    def look(self, reading: Reading) -> list[Event]:
        """Add the week's excess to the CUSUM."""
        codes, values = reading.note("new friends")
        if not len(codes) or values[FRESH] < FEWEST_FRESH:
            return []
        within, chance = float(values[WITHIN]), float(values[EXPECTED])
        z = 2.0 * (math.sqrt(within) - math.sqrt(chance))
        if self._score == 0.0:
            self._onset = reading.step - WEEK + 1
        self._score = max(0.0, self._score + min(z, 5.0) - 1.0)
        if self._score < self.threshold:
            return []
        excess = float((within - chance) / values[FRESH])
        known = {"step": self._onset, "strength": excess}
        evidence = (
            f"{within:.0f} of {values[FRESH]:.0f} new friendships within, by chance "
            f"{chance:.1f}; CUSUM {self._score:.1f} >= {self.threshold:g}"
        )
        return [self.event(reading, evidence, size=int(values[FRESH]), **known)]  # type: ignore[arg-type]


class _Lifecycle(Detector):
    """Follows communities of OSes; reports one kind of change."""

    family, alarm, null, source = "communities", True, REWIRED, SCAN
    watches = "communities of OSes among friends, weekly, matched by Jaccard"
    reads = reads_of(notes="friends, community, score, inside")
    said = ""

    def start(self) -> None:
        """Begin with nothing seen."""
        self._tracker = Tracker(self.threshold)

    def look(self, reading: Reading) -> list[Event]:
        """Report the changes of this kind, those furthest beyond chance first."""
        changes = [c for c in self._tracker.follow(reading) if c.kind == self.kind]
        changes.sort(key=lambda change: -change.now.score)
        more = len(changes) - MOST_ROWS
        return [self._reported(change, reading, more) for change in changes[:MOST_ROWS]]

    def _reported(self, change: CommunityChange, reading: Reading, more: int) -> Event:
        now = change.now
        evidence = self.said.format(size=len(now.members), before=change.before)
        evidence += f", {now.inside:.0%} of pairs friends; {now.score:.1f} nats >= "
        evidence += f"{self.threshold:g}"
        if more > 0:
            evidence += f"; {more} more on this day"
        known = {"step": began(change, reading), "strength": now.inside}
        known |= {"p_value": math.exp(-min(now.score, 700.0))}
        return self.event(reading, evidence, now.members, **known)


@register
class CommunityBirth(_Lifecycle):
    """Report communities of OSes that came into being."""

    kind, said = "community_birth", "{size} friends in a circle"


@register
class CommunityGrowth(_Lifecycle):
    """Report communities of OSes that grew by half since they were last reported."""

    kind, said = "community_growth", "{size} friends in a circle that had {before}"


@register
class CommunityMerge(_Lifecycle):
    """Report communities of OSes that became one, for two readings in a row."""

    kind, said = "community_merge", "{size} friends in one circle, {before} in several"


@register
class CommunitySplit(_Lifecycle):
    """Report communities of OSes that fell apart, for two readings in a row."""

    kind, said = (
        "community_split",
        "{size} friends in circles that were one of {before}",
    )


@register
class CommunityDeath(_Lifecycle):
    """Report communities of OSes that have not been seen for three readings."""

    kind, said = "community_death", "{size} friends in a circle that is no more"
