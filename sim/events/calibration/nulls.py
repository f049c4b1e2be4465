"""Null models: synthetic readings without the events that detectors look for.

A hundred people and a hundred OSes make friends, change their minds, leave and talk by
chance alone, in several ways (``NULLS``); into any of these, one event of a known kind,
day, strength and membership can be planted (``planted.PLANTS``). They are quick, and
the truth is known: what detectors are calibrated and judged on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from sim.events.community_detection import friends_of
from sim.events.detector import Note
from sim.events.measures import MEASURES
from sim.events.observer import ALIKE, EVERYBODY, FriendshipObserver
from sim.model.parameters import WEEK
from sim.utils.typing import Array

HUMANS = OSES = 100
AGENTS = HUMANS + OSES
CAST = 24  # agents who talk in so many words
VOCABULARY = 400
STAY = 0.95  # share of friendships that last a week
CLIQUE = 12  # OSes in a clique of friends that was always there
NEXT = 6  # ranks in readiness to leave within which peers are, where they are alike

PARTS = ("friends", "talks")

Talks = list[dict[str, Any]]


class Day(NamedTuple):
    """A day of a null society, as ``Monitor.take`` takes it."""

    step: int
    measures: dict[str, float]
    notes: dict[str, Note]
    talks: Talks


class Null(NamedTuple):
    """A null model: noise and trends, and no event."""

    meaning: str
    spread: float = 0.5  # of the logarithm of how sociable agents are
    stay: float = STAY
    friends: tuple[float, float] = (4.0, 4.0)  # an agent's, on the first and last day
    peers: tuple[float, float] = (0.3, 0.3)  # OSes' attention to OSes
    adopted: bool = True  # whether all OSes are there from the first day
    standing: int = 0  # communities of OSes that were always there
    circle: int = CLIQUE  # OSes in each of them
    dense: tuple[float, float] = (0.85, 0.85)  # share of pairs that are friends
    exits: float = 0.0  # departures a day
    alike: float = 0.0  # spread of the logarithm of hazards; peers have like ones
    shuffled: bool = False  # whether the days change places


NULLS = {
    "stationary": Null(
        "people and circles come and go as ever", standing=2, exits=0.02
    ),
    "rewired": Null(
        "friends drawn anew each week, degrees kept", 1.0, 0.0, (5.0, 5.0), (0.7, 0.7)
    ),
    "shuffled": Null("days in random order", 0.5, 0.5, exits=0.05, shuffled=True),
    "departures": Null(
        "OSes leave in bursts that have a common cause", standing=2, exits=0.1
    ),
    "growth": Null(
        "OSes grow and have ever more friends, of both kinds",
        friends=(1.0, 14.0),
        peers=(0.1, 0.9),
    ),
    "adoption": Null("OSes are adopted, and nothing else", adopted=False),
    "circles": Null(
        "all OSes are in standing communities, loosely and closely knit ones",
        standing=5,
        circle=20,
        dense=(0.2, 0.85),
    ),
    "alike": Null(
        "OSes leave at hazards of their own, and peers have like ones",
        exits=0.5,
        alike=1.5,
    ),
}


class NullSociety:
    """A society drawn from a null model, day by day.

    Parameters
    ----------
    null
        One of ``NULLS``.
    seed, steps
        Seed of its random numbers, and days it lasts.
    parts
        What to simulate, of ``PARTS``; to leave out what nobody looks at is quick.
    """

    def __init__(
        self,
        null: str,
        seed: int,
        steps: int = 364,
        parts: tuple[str, ...] = PARTS,
    ) -> None:
        self.parts = parts
        self.null, self.steps = NULLS[null], steps
        self.rng = np.random.default_rng([list(NULLS).index(null), seed])
        spread = self.null.spread
        self.sociable = np.exp(self.rng.normal(0.0, spread, AGENTS))
        self.series = _series(self)
        self.present = np.ones(AGENTS, bool)
        if not self.null.adopted:
            self.present[HUMANS:] = False
        self.born = self._births()
        self.pairs: Array = np.zeros((0, 2), np.int32)
        self.standing = [
            np.arange(i * self.null.circle, (i + 1) * self.null.circle) + HUMANS
            for i in range(self.null.standing)
        ]
        self.hazards = self._draw_hazards()
        self.peers = self._draw_peers()
        self.stays = np.zeros(AGENTS, bool)
        self.gone = np.zeros(AGENTS, bool)
        self.turned = np.zeros(AGENTS, bool)
        self.network = FriendshipObserver()
        self.extra: Array = np.zeros((0, 2), np.int32)  # friends planted, by day
        self.contagion = 0.0  # how far exits draw exits

    def _births(self) -> Array:
        """Return the day on which each agent comes into being; adoption by Bass."""
        born = np.zeros(AGENTS)
        if self.null.adopted:
            return born
        late = self.rng.logistic(self.steps / 3, self.steps / 20, OSES)
        born[HUMANS:] = np.clip(late, 1, self.steps)
        return born

    def _draw(self, count: float) -> Array:
        """Return about so many pairs of friends, drawn by how sociable they are."""
        chance = self.sociable * self.present
        total = chance.sum()
        many = int(count)
        if total == 0.0 or many < 1:
            return np.zeros((0, 2), np.int32)
        ends = np.searchsorted(
            np.cumsum(chance / total), self.rng.random((many, 2)) * 0.999999
        )
        return _tidy(ends)

    def _draw_hazards(self) -> Array:
        """Return how readily each OS leaves, float64[OSES], rising; 1 on average."""
        if self.null.alike == 0.0:
            return np.ones(OSES)
        drawn = np.sort(np.exp(self.rng.normal(0.0, self.null.alike, OSES)))
        return np.asarray(drawn / drawn.mean())

    def _draw_peers(self) -> Array:
        """Return whom each OS looks at when it thinks of leaving."""
        if self.null.alike == 0.0:
            return _tidy(self.rng.integers(HUMANS, AGENTS, (4 * OSES, 2)))
        near = np.arange(OSES)[:, None] + self.rng.integers(-NEXT, NEXT + 1, (OSES, 4))
        ends = np.stack([np.arange(OSES).repeat(4), near.ravel() % OSES], 1)
        return _tidy(HUMANS + ends)

    def days(self) -> Iterator[Day]:
        """Yield every day."""
        for step in range(1, self.steps + 1):
            yield self.day(step)

    def day(self, step: int) -> Day:
        """Simulate one day."""
        notes: dict[str, Note] = {}
        self.present[HUMANS:] = (self.born[HUMANS:] <= step) & ~self.gone[HUMANS:]
        self._leave(step, notes)
        if "friends" in self.parts:
            self._meet(step, notes)
        measures = self._measures(step)
        kept = {name: note for name, note in notes.items() if len(note.agents)}
        talks = self._talks(step) if "talks" in self.parts else []
        return Day(step, measures, kept, talks)

    def _meet(self, step: int, notes: dict[str, Note]) -> None:
        """Let friendships come and go each week, and read them at its end."""
        if step % WEEK == 1:
            self._befriend(step)
        if step % WEEK == 0:
            count = int(np.count_nonzero(self.present))
            known = friends_of(self.friends(), len(self.present))
            self.network.read(known, HUMANS, count, notes)
        self._turn(notes)

    def friends(self) -> Array:
        """Return all pairs of friends who are here, lower number first."""
        pairs = np.concatenate([self.pairs, self.extra])
        here = self.present[pairs].all(1)
        return _tidy(pairs[here])

    def _befriend(self, step: int) -> None:
        """Let some friendships end, and as many begin."""
        null, part = self.null, step / self.steps
        first, last = null.friends
        want = (first + (last - first) * part) * np.count_nonzero(self.present) / 2
        stay = self.rng.random(len(self.pairs)) < null.stay
        kept = self.pairs[stay]
        fresh = self._draw(want - len(kept))
        drawn = [kept, fresh]
        share = np.linspace(*null.dense, max(null.standing, 1))
        for members, dense in zip(self.standing, share, strict=False):
            near = clique(members)
            inside = np.isin(kept, members).all(1)
            missing = len(near) * dense - np.count_nonzero(inside)
            if missing > 0:
                chosen = self.rng.permutation(len(near))[: int(missing)]
                drawn.append(near[chosen])
        self.pairs = _tidy(np.concatenate(drawn))

    def _leave(self, step: int, notes: dict[str, Note]) -> None:
        """Let OSes leave, at a rate that has bursts; note how exposed they were."""
        rate = self.null.exits * self.series["shock"][step - 1]
        could = np.flatnonzero((self.present & ~self.stays)[HUMANS:]) + HUMANS
        if rate + self.contagion <= 0.0 or not len(could):
            return
        known = np.bincount(self.peers.ravel(), minlength=AGENTS)
        left = self.gone[self.peers[:, ::-1]].ravel()
        lost = np.bincount(self.peers.ravel(), left, AGENTS)
        exposure = (lost / np.maximum(known, 1))[could]
        drawn = self.contagion * (0.02 + exposure**2) * exposure  # many draw most
        own = self.hazards[could - HUMANS] * rate / OSES
        hazard = own + drawn
        leaves = self.rng.random(len(could)) < hazard
        gone = could[leaves]
        if not len(gone):
            return
        notes["departed"] = Note(gone.astype(np.int32), exposure[leaves])
        odds = own / (1.0 - np.minimum(own, 0.999))
        alike = odds @ exposure / odds.sum() if odds.sum() > 0.0 else exposure.mean()
        codes = np.array([EVERYBODY, ALIKE], np.int32)
        notes["exposure"] = Note(codes, np.array([exposure.mean(), alike]))
        self.gone[gone] = True
        self.present[gone] = False

    def _turn(self, notes: dict[str, Note]) -> None:
        toggled = np.flatnonzero(self.turned_today() != self.turned)
        self.turned[toggled] ^= True
        values = self.turned[toggled].astype(float)
        notes["turned"] = Note(toggled.astype(np.int32), values)

    def turned_today(self) -> Array:
        """Return which OSes have more friends among OSes than among humans."""
        pairs = np.concatenate([self.pairs, self.extra])
        both = np.concatenate([pairs, pairs[:, ::-1]])
        to_os = np.bincount(both[both[:, 1] >= HUMANS, 0], minlength=AGENTS)
        to_human = np.bincount(both[both[:, 1] < HUMANS, 0], minlength=AGENTS)
        turned: Array = (to_os > to_human) & self.present
        turned[:HUMANS] = False
        return turned

    def _measures(self, step: int) -> dict[str, float]:
        ends = np.count_nonzero(self.friends() >= HUMANS, axis=1)
        people, mixed, among = np.bincount(ends, minlength=3)[:3].tolist()
        held = 2.0 * among + mixed
        every = held + mixed + 2.0 * people
        here = float(np.count_nonzero(self.present[HUMANS:]))
        measures = dict.fromkeys(MEASURES, 0.0)
        measures |= {
            "oses": float(OSES),
            "here": here,
            "departed": float(np.count_nonzero(self.gone)),
            "peer_share": 2.0 * among / held if held else 0.0,
            "peer_chance": held / every if every else 0.0,
            "os_ties": float(among),
            "mixed_ties": float(mixed),
        }
        if not self.null.adopted:
            measures["adopted"] = here / OSES
        for name, values in self.series.items():
            if name in measures and (name != "adopted" or self.null.adopted):
                measures[name] = float(values[step - 1])
        return measures

    def _talks(self, step: int) -> Talks:
        """Return what the cast said: words by chance, and phrases everybody uses."""
        talks: Talks = []
        for _ in range(int(self.rng.poisson(6))):
            agent = int(CAST * self.rng.random() ** 1.5)
            other = int((agent + 1 + self.rng.geometric(0.3)) % CAST)
            act = "declare_love" if self.rng.random() < 0.1 else "continue"
            ranks = (VOCABULARY ** self.rng.random(9)).astype(int)
            said = " ".join(f"w{rank}" for rank in ranks.tolist())
            if self.rng.random() < 0.1:
                said += " how are you today"
            row = {"step": step, "agent": agent, "other": other, "act": act}
            talks.append(row | {"said": said})
        return talks


def clique(members: Array) -> Array:
    """Return all pairs of some agents."""
    one, another = np.triu_indices(len(members), 1)
    return np.column_stack([members[one], members[another]]).astype(np.int32)


def _tidy(pairs: Array) -> Array:
    """Return pairs, each once, lower number first, nobody with itself."""
    low, high = pairs.min(1), pairs.max(1)
    keys = np.unique((low.astype(np.int64) << 32 | high)[low != high])
    return np.column_stack([keys >> 32, keys & 0xFFFFFFFF]).astype(np.int32)


def _wander(rng: Any, steps: int, lasting: float, spread: float) -> Array:
    """Return autocorrelated noise with the given standard deviation."""
    noise = rng.standard_t(5, steps) * spread * np.sqrt(1.0 - lasting**2) * 0.77
    values = np.empty(steps)
    now = rng.normal(0.0, spread)
    for i in range(steps):
        now = lasting * now + noise[i]
        values[i] = now
    return values


def _series(one: NullSociety) -> dict[str, Array]:
    """Return measures that only wander, or grow steadily."""
    rng, steps, null = one.rng, one.steps, one.null
    days = np.arange(steps)
    first, last = null.peers
    shocks = np.where(rng.random(steps) < 0.03, rng.exponential(20.0, steps), 0.0)
    bursts = rng.gamma(0.5, 2.0, steps) + shocks * (null.exits >= 0.1)
    fade = 0.5 ** (np.arange(120) / 20.0)
    sorrow = 0.002 * np.where(rng.random(steps) < 0.05, rng.exponential(8, steps), 0)
    speed = rng.uniform(0.005, 0.06) + _wander(rng, steps, 0.5, 0.002)
    found = {
        "shock": bursts,
        "peer_attention": first + (last - first) * days / steps,
        "acceptance": 0.5 + _wander(rng, steps, 0.97, 0.03),
        "polarisation": 0.2 + _wander(rng, steps, 0.97, 0.02),
        "grief": np.convolve(sorrow, fade)[:steps],
        "growth_max": np.cumsum(np.maximum(speed, 0.0)),
        "adopted": 0.9 + _wander(rng, steps, 0.8, 0.005),
    }
    found["grief"] = found["grief"] + 0.001 * np.convolve(shocks, fade)[:steps]
    found["peer_attention"] = found["peer_attention"] + _wander(rng, steps, 0.8, 0.03)
    if null.shuffled:
        found = {
            n: c if n == "growth_max" else rng.permutation(c) for n, c in found.items()
        }
    return found
