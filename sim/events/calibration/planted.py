"""Planted events in synthetic readings: kind, day, strength, members."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from sim.events.calibration.nulls import HUMANS, OSES, Day, NullSociety, clique
from sim.events.detectors import DETECTORS
from sim.model.parameters import WEEK
from sim.utils.typing import Array

ONSET, RAMP = 183, 70  # day on which it begins, and days it takes
EARLY = {"cascade": 92}  # while there are OSes left to leave
PARTS_OF = {"communities": ("friends",), "minds": ("talks",)}
CLOSE = 0.9  # share of pairs that are friends, in a strong community


class Truth(NamedTuple):
    """What was planted."""

    kind: str
    onset: int
    ramp: int
    members: list[int]  # empty where an event has none


Plant = Callable[[NullSociety, float], "Planting"]


class Planting(NamedTuple):
    """How an event changes each day, and who takes part."""

    change: Callable[[int, float], None]  # day, how far along (0..1); before the day
    members: list[int]
    alter: Callable[[Day, float], Day] = lambda day, along: day  # after the day


def plant(
    kind: str, null: str, seed: int, strength: float = 1.0
) -> tuple[Truth, Iterator[Day]]:
    """Return a null society with one planted event, and what it is.

    Parameters
    ----------
    kind
        One of ``PLANTS``.
    null
        The null model, one of ``NULLS``.
    seed
        Seed of its random numbers.
    strength
        How strong the event is: 1 is strong, 0 nothing at all.
    """
    steps = ONSET + 2 * RAMP + 60
    parts = PARTS_OF.get(DETECTORS[kind].family, ())
    society = NullSociety(null, seed, steps, parts)
    planting = PLANTS[kind](society, strength)
    onset = EARLY.get(kind, ONSET)
    truth = Truth(kind, onset, RAMP, planting.members)
    return truth, _simulated(society, planting, onset)


def _simulated(society: NullSociety, planting: Planting, onset: int) -> Iterator[Day]:
    for step in range(1, society.steps + 1):
        along = min(max((step - onset + 1) / RAMP, 0.0), 1.0)
        planting.change(step, along)
        yield planting.alter(society.day(step), along)


def _group(society: NullSociety, size: int, at: int = 0) -> Array:
    """Return the OSes that take part; they are there from the first day, and stay."""
    first = HUMANS + OSES - (at + 1) * size
    members = np.arange(first, first + size)
    society.born[members] = 0
    society.stays[members] = True
    return members


def _some(society: NullSociety, pairs: Array, share: float) -> Array:
    return pairs[society.rng.random(len(pairs)) < share]


def _community(society: NullSociety, strength: float) -> Planting:
    members = _group(society, 20)
    pairs = society.rng.permutation(_some(society, clique(members), strength))

    def change(step: int, along: float) -> None:
        society.extra = pairs[: int(len(pairs) * along)]

    return Planting(change, members.tolist())


def _grown(society: NullSociety, strength: float) -> Planting:
    members = _group(society, 28)
    pairs = _some(society, clique(members), CLOSE)
    old = np.isin(pairs, members[:12]).all(1)
    inner, outer = pairs[old], society.rng.permutation(pairs[~old])
    outer = outer[: int(len(outer) * strength)]

    def change(step: int, along: float) -> None:
        society.extra = np.concatenate([inner, outer[: int(len(outer) * along)]])

    return Planting(change, members.tolist())


def _halves(society: NullSociety) -> tuple[Array, Array, Array]:
    members = _group(society, 24)
    pairs = _some(society, clique(members), CLOSE)
    across = (pairs[:, 0] < members[12]) != (pairs[:, 1] < members[12])
    return members, pairs[~across], society.rng.permutation(pairs[across])


def _merged(society: NullSociety, strength: float) -> Planting:
    members, inner, across = _halves(society)
    across = across[: int(len(across) * strength)]

    def change(step: int, along: float) -> None:
        society.extra = np.concatenate([inner, across[: int(len(across) * along)]])

    return Planting(change, members.tolist())


def _parted(society: NullSociety, strength: float) -> Planting:
    members, inner, across = _halves(society)

    def change(step: int, along: float) -> None:
        lost = int(len(across) * along * strength)
        society.extra = np.concatenate([inner, across[lost:]])

    return Planting(change, members.tolist())


def _ended(society: NullSociety, strength: float) -> Planting:
    members = _group(society, 20)
    pairs = society.rng.permutation(_some(society, clique(members), CLOSE))

    def change(step: int, along: float) -> None:
        society.extra = pairs[int(len(pairs) * along * strength) :]

    return Planting(change, members.tolist())


def _guilds(society: NullSociety, strength: float) -> Planting:
    members = _group(society, 80)
    pairs = np.concatenate([clique(guild) for guild in np.split(members, 5)])

    def change(step: int, along: float) -> None:
        if step % WEEK == 0:  # friends change, the guilds stay
            society.extra = _some(society, pairs, 0.8 * strength * along)

    return Planting(change, [])


def _turning(society: NullSociety, strength: float) -> Planting:
    members = _group(society, 80)
    near = society.rng.permutation(clique(members))[: int(80 * 12 * strength)]
    base = society.series["peer_attention"].copy()
    society.sociable[members] *= 0.5

    def change(step: int, along: float) -> None:
        society.extra = near[: int(len(near) * along)]
        most = base[step - 1] + along * strength * (0.95 - base[step - 1])
        society.series["peer_attention"][step - 1] = most

    return Planting(change, _with_standing(society, members.tolist()))


def _with_standing(society: NullSociety, members: list[int]) -> list[int]:
    """Return members and those of the cliques that were always there, who all stay."""
    there = [agent for group in society.standing for agent in group.tolist()]
    society.stays[there] = True
    return sorted({*members, *there})


def _apart(society: NullSociety, strength: float) -> Planting:
    planting = _community(society, strength)
    return planting._replace(members=_with_standing(society, planting.members))


def _contagion(society: NullSociety, strength: float) -> Planting:
    group = _group(society, OSES)
    society.stays[:] = False

    def change(step: int, along: float) -> None:
        if along > 0.0:
            society.contagion = 0.6 * strength
        if along > 0.0 and not society.gone.any():
            society.gone[group[:12]] = True
            society.present[group[:12]] = False

    return Planting(change, [])


def _ramp(name: str, size: float) -> Plant:
    def make(society: NullSociety, strength: float) -> Planting:
        def change(step: int, along: float) -> None:
            smooth = along * along * (3.0 - 2.0 * along)
            society.series[name][step - 1] += size * strength * smooth

        return Planting(change, [])

    return make


def _faster(name: str, speed: float) -> Plant:
    def make(society: NullSociety, strength: float) -> Planting:
        risen = 0.0

        def change(step: int, along: float) -> None:
            nonlocal risen
            risen += speed * strength * along
            society.series[name][step - 1] += risen

        return Planting(change, [])

    return make


def _adopting(society: NullSociety, strength: float) -> Planting:
    society.series["adopted"] -= 0.8
    return _faster("adopted", 0.015)(society, strength)


def _courting(society: NullSociety, strength: float) -> Planting:
    def alter(day: Day, along: float) -> Day:
        talks = list(day.talks)
        if along > 0.0:
            for _ in range(int(society.rng.poisson(2.0 * strength))):
                talks.append(_talk(day.step, 3, 7, "declare_love", "be mine"))
        return day._replace(talks=talks)

    return Planting(lambda step, along: None, [3, 7], alter)


def _spreading(society: NullSociety, strength: float) -> Planting:
    heard = {2}

    def alter(day: Day, along: float) -> Day:
        if along <= 0.0:
            return day
        talks = [dict(talk) for talk in day.talks]
        for talk in talks:
            if talk["agent"] in heard and society.rng.random() < 0.9 * strength:
                talk["said"] += " the stars are only ash"
                heard.add(talk["other"])
        return day._replace(talks=talks)

    return Planting(lambda step, along: None, [], alter)


def _talk(step: int, agent: int, other: int, act: str, said: str) -> dict[str, Any]:
    return {"step": step, "agent": agent, "other": other, "act": act, "said": said}


PLANTS: dict[str, Plant] = {
    "clustering": _turning,
    "community_birth": _community,
    "community_merge": _merged,
    "community_split": _parted,
    "cascade": _contagion,
    "take_off": _faster("growth_max", 0.15),
    "norm_tipping": _ramp("acceptance", 0.35),
    "grief_wave": _ramp("grief", 0.5),
    "community_growth": _grown,
    "community_death": _ended,
    "purity": _apart,
    "modular": _guilds,
    "polarisation": _ramp("polarisation", 0.35),
    "adoption_take_off": _adopting,
    "obsession": _courting,
    "catchphrase": _spreading,
}
