"""Tracking communities over time by Jaccard overlap; sets of agents in few bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.events.community_detection import LEAST
from sim.events.detector import Note, Reading
from sim.model.parameters import WEEK
from sim.utils.typing import Array

NEVER = np.iinfo(np.int32).max


class GrowingSet:
    """Agents who come day by day, and stay."""

    def __init__(self) -> None:
        self._days: list[Array] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, agents: Array) -> None:
        """Take in those of today."""
        if len(agents):
            self._days.append(agents)
            self._count += len(agents)

    def members(self) -> Array:
        """Return all of them, int32, rising."""
        return np.sort(np.concatenate([np.zeros(0, np.int32), *self._days]))


class ToggleSet:
    """Agents for whom something holds since a day, or no longer."""

    def __init__(self) -> None:
        self._since = np.zeros(0, np.int32)  # by agent number; NEVER: does not hold

    def change(self, note: Note, step: int) -> None:
        """Take a note of whom it holds for since ``step`` (1), or no longer (0)."""
        most = int(note.agents.max(initial=-1)) + 1
        if most > len(self._since):
            grown = np.full(most + most // 2, NEVER, np.int32)
            grown[: len(self._since)] = self._since
            self._since = grown
        self._since[note.agents] = np.where(note.values > 0.0, step, NEVER)

    def members(self, begun: int = NEVER - 1) -> Array:
        """Return those for whom it holds since ``begun`` or before, rising."""
        return np.flatnonzero(self._since <= begun).astype(np.int32)


SAME = 0.5  # Jaccard overlap above which two communities are one over time
GROWN = 1.5  # times its size when last reported
PAUSED = 1.1  # times its size at the last reading: growth is reported once it pauses
MISSED = 6  # readings in a row without it, that end a community
OLD = 13  # readings since it was first seen: what is beyond chance now was there before
MOST = 1000  # communities followed, those furthest beyond chance


class Seen(NamedTuple):
    """A community on one day."""

    members: Array  # int32, rising
    score: float  # nats beyond chance
    inside: float  # share of pairs that are friends


class Today(NamedTuple):
    """The communities of a day, those furthest beyond chance first."""

    seen: list[Seen]
    owner: Array  # int64[agents]: in which of them each agent is, or -1
    size: Array  # int64[communities]: members


class Community:
    """A community over time."""

    def __init__(self, seen: Seen, step: int) -> None:
        self.now = seen
        self.most = seen  # furthest beyond chance
        self.since = step  # day of the reading that first saw it
        self.reported_size = len(seen.members)  # its size when last reported
        self.settled = False  # seen twice in a row
        self.doubtful = False  # no further beyond chance than some are by chance
        self.known = step  # day of the reading that first saw it, doubtful or not
        self.missed = 0  # readings in a row without it
        self.last = step


class CommunityChange(NamedTuple):
    """What happened to a community."""

    kind: str
    onset: int
    now: Seen
    before: int  # members, of all that it came from


class Tracker:
    """Compares the communities of each reading with those followed so far.

    Parameters
    ----------
    threshold
        Nats that a community must exceed chance by, to be followed from then on.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.communities: list[Community] = []
        self._doubted: list[tuple[str, list[Community], list[Community]]] = []
        self._begun = False

    def follow(self, reading: Reading) -> list[CommunityChange]:
        """Return what happened since the last reading of friends; [] on other days."""
        if not len(reading.note("friends").agents):
            return []
        today, step = today_of(reading), reading.step
        changes = self._settle(today)
        taken = self._merge(today, step) | self._split(today, step)
        taken |= self._match(today, step, changes)
        self._forget(step, changes)
        for at, seen in enumerate(today.seen):
            if at not in taken and seen.score > 0.0:
                community = Community(seen, step)
                community.doubtful = seen.score < self.threshold
                community.settled = not self._begun  # it was always there
                self.communities.append(community)
        self._begun = True
        return changes

    def _settle(self, today: Today) -> list[CommunityChange]:
        """Confirm last reading's merges and splits, or take them back."""
        changes: list[CommunityChange] = []
        for kind, old, new in self._doubted:
            if all(overlap > SAME for _, overlap in _best(new, today)):
                size = sum(len(community.now.members) for community in old)
                biggest = max(new, key=lambda community: len(community.now.members))
                changes.append(
                    CommunityChange(kind, new[0].since, _union(new, biggest), size)
                )
            else:
                kept = [
                    community for community in self.communities if community not in new
                ]
                self.communities = kept + old
        self._doubted = []
        return changes

    def _merge(self, today: Today, step: int) -> set[int]:
        """Join settled communities that mostly lie in one community of today."""
        into: dict[int, list[Community]] = {}
        held = _counts(self.communities, today)
        for community, counts in zip(self.communities, held, strict=True):
            sure = community.settled and not community.doubtful
            if sure and len(counts) and not community.missed:
                at = int(counts.argmax())
                most = int(counts[at])
                if most >= LEAST and 2 * most > len(community.now.members):
                    into.setdefault(at, []).append(community)
        taken = set()
        for at, parts in into.items():
            if len(parts) > 1:
                self._replace("community_merge", parts, [today.seen[at]], step)
                taken.add(at)
        return taken

    def _split(self, today: Today, step: int) -> set[int]:
        """Part settled communities that lie in several communities of today.

        If chance explains all parts, they are but remains of what fell apart.
        """
        beyond = np.array([seen.score >= self.threshold for seen in today.seen], bool)
        taken: set[int] = set()
        held = _counts(self.communities, today)
        for community, counts in zip(list(self.communities), held, strict=True):
            sure = community.settled and not community.doubtful
            if not sure or community not in self.communities:
                continue
            parts = [
                int(at)
                for at in np.flatnonzero(counts >= LEAST)
                if 2 * counts[at] > today.size[at]
            ]
            covered = sum(int(counts[at]) for at in parts)
            whole = 2 * covered > len(community.now.members)
            if len(parts) > 1 and whole and beyond[parts].any():
                pieces = [today.seen[at] for at in parts]
                self._replace("community_split", [community], pieces, step)
                taken.update(parts)
        return taken

    def _replace(
        self, kind: str, old: list[Community], now: list[Seen], step: int
    ) -> None:
        new = [Community(seen, step) for seen in now]
        for community in new:
            community.settled = True
        self.communities = [one for one in self.communities if one not in old] + new
        self._doubted.append((kind, old, new))

    def _match(
        self, today: Today, step: int, changes: list[CommunityChange]
    ) -> set[int]:
        """Carry communities on to today; tell births and growth."""
        taken = set()
        best = _best(self.communities, today)
        for community, (at, overlap) in zip(self.communities, best, strict=True):
            if overlap <= SAME:
                if community.last != step:
                    community.missed += 1
                continue
            taken.add(at)
            before, size = len(community.now.members), int(today.size[at])
            community.now, community.missed, community.last = today.seen[at], 0, step
            if community.now.score >= community.most.score:
                community.most = community.now
            if community.since == step:
                continue  # merged or split today
            if community.doubtful:
                self._believe(community, step)
                continue
            if not community.settled:
                community.settled, community.reported_size = True, size
                changes.append(
                    CommunityChange(
                        "community_birth", community.since, community.now, 0
                    )
                )
            elif size >= max(
                GROWN * community.reported_size, community.reported_size + LEAST
            ) and (size <= PAUSED * before):
                known = CommunityChange(
                    "community_growth", step, community.now, community.reported_size
                )
                changes.append(known)
                community.reported_size = size
        return taken

    def _believe(self, community: Community, step: int) -> None:
        """Follow a community from the reading on that has it beyond chance.

        If it has been seen for long, or always, it did not come into being.
        """
        if community.now.score < self.threshold:
            return
        community.doubtful, community.since = False, step
        community.reported_size = len(community.now.members)
        community.settled |= step - community.known > OLD * WEEK

    def _forget(self, step: int, changes: list[CommunityChange]) -> None:
        """Tell of deaths; stop following what was seen once only, or is too much."""
        kept = []
        for community in self.communities:
            lasting = community.settled or community.doubtful
            if community.missed < (MISSED if lasting else 1):
                kept.append(community)
            elif community.settled and not community.doubtful:
                onset, size = community.last + 1, len(community.most.members)
                changes.append(
                    CommunityChange("community_death", onset, community.most, size)
                )
        kept.sort(key=lambda community: -community.now.score)
        self.communities = kept[:MOST]


def today_of(reading: Reading) -> Today:
    """Return today's communities, found once for all who follow them."""
    if "communities" not in reading.shared:
        seen = _communities(reading)
        size = np.array([len(one.members) for one in seen], np.int64)
        reading.shared["communities"] = Today(seen, _owners(seen), size)
    found: Today = reading.shared["communities"]
    return found


def _communities(reading: Reading) -> list[Seen]:
    labels, scores = reading.note("score")
    agents, whose = reading.note("community")
    inside = reading.note("inside").values
    order = np.argsort(whose, kind="stable")
    begins = np.searchsorted(whose, labels, "left", sorter=order)
    ends = np.searchsorted(whose, labels, "right", sorter=order)
    found = []
    for at in np.argsort(-scores, kind="stable")[:MOST]:
        members = agents[order[begins[at] : ends[at]]]
        found.append(Seen(members, float(scores[at]), float(inside[at])))
    return found


def _owners(today: list[Seen]) -> Array:
    """Return for each agent in which of today's communities it is, or -1."""
    last = max((int(seen.members[-1]) for seen in today), default=-1)
    owner = np.full(last + 1, -1)
    for at, seen in enumerate(today):
        owner[seen.members] = at
    return owner


def _counts(communities: Sequence[Community], today: Today) -> Array:
    """Return how many members of each community are in each of today's.

    It is int64[communities, communities of today].
    """
    width = len(today.seen)
    members = [community.now.members for community in communities]
    row = np.arange(len(members)).repeat([len(one) for one in members])
    every = np.concatenate([np.zeros(0, np.int32), *members])
    known = every < len(today.owner)
    where, row = today.owner[every[known]], row[known]
    row = row[where >= 0] * width + where[where >= 0]
    counts = np.bincount(row, minlength=len(members) * width)
    return counts.reshape(len(members), width)


def _best(
    communities: Sequence[Community], today: Today
) -> Sequence[tuple[int, float]]:
    """Return for each community that of today with the largest Jaccard index, and it.

    It is (-1, 0.0) where none overlaps.
    """
    counts = _counts(communities, today)
    if not counts.size:
        return [(-1, 0.0)] * len(communities)
    sizes = np.array([len(community.now.members) for community in communities])
    overlap = counts / (today.size + sizes[:, None] - counts)
    at, most = overlap.argmax(1), overlap.max(1)
    at[most == 0.0] = -1
    return list(zip(at.tolist(), most.tolist(), strict=True))


def _union(communities: list[Community], like: Community) -> Seen:
    members = np.unique(
        np.concatenate([community.now.members for community in communities])
    )
    return Seen(members, like.now.score, like.now.inside)


def began(change: CommunityChange, reading: Reading) -> int:
    """Return the first day on which a change may have happened, within its week."""
    return max(change.onset - WEEK + 1, reading.step - reading.day + 1)
