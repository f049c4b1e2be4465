"""Observer of a society: a day's measures, and notes of what changed for whom.

Detectors see nothing else of a society, and a run keeps all of it, so what they find
day by day they find again in a stored run.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from sim.engine.table import Table
from sim.engine.threads import share_out, worth_sharing
from sim.events import community_detection
from sim.events.community_detection import Friends, friend_communities
from sim.events.detector import NOTHING, Note, Reads
from sim.events.measures import MEASURES, measure_people
from sim.model.columns import DEPARTED, HERE, KNOWS, OFFLINE
from sim.model.parameters import FRIEND, WEEK, Parameters
from sim.model.presence import alive
from sim.model.state import State
from sim.utils.typing import Array

MANY = 3  # humans whose love makes an OS "loved by several"
FRESH, WITHIN, EXPECTED = 0, 1, 2  # codes of the note "new friends"
EVERYBODY, ALIKE = 0, 1  # codes of the note "exposure"

Notes = dict[str, Note]

# Returns parameters of OSes today, by name: one number of all, or float64[OSes].
TodaysValues = Callable[[], Mapping[str, Any]]
OF_THE_HAZARD = (
    "reach",
    "longing",
    "departure_threshold",
    "departure_noise",
    "departure_rate",
)


# Under which name it is noted for whom something holds for the first time; the second
# tells whether those are humans.
FIRSTS = {
    "love": ("love", True),
    "many": ("many loves", False),
    "joined": ("joined", False),
    "knowing": ("insight", False),
    "made": ("made", False),
    "offline": ("offline", False),
    "departed": ("departed", False),
    "mourning": ("mourning", True),
    "capped": ("capped", False),
    "told": ("told", True),
}


class FirstTimes:
    """Which agents a condition has ever held for."""

    def __init__(self) -> None:
        self.seen = np.zeros(0, bool)

    def first(self, holds: Array) -> Array:
        """Return the rows that it holds for today, for the first time."""
        if len(self.seen) < len(holds):
            more = np.zeros(len(holds) - len(self.seen), bool)
            self.seen = np.concatenate([self.seen, more])
        new: Array = (holds > self.seen).nonzero()[0]
        if len(new):
            self.seen[new] = True
        return new

    def remember(self, rows: Array) -> None:
        """Take rows that it has held for."""
        most = int(rows.max(initial=-1)) + 1
        if len(self.seen) < most:
            more = np.zeros(most - len(self.seen), bool)
            self.seen = np.concatenate([self.seen, more])
        self.seen[rows] = True


# What is noted together.
OF_LOVE = {"love", "love closeness", "many loves"}
OF_TURNS = {"turned", "unrequited"}
OF_GATHERING = {"joined", "insight", "made", "makers", "offline", "capped"}
OF_LEAVING = {"departed", "exposure", "mourning"}
OF_DISCLOSURES = {"told"}
OF_FRIENDS = {"friends", "community", "score", "inside", "new friends"}


class Observer:
    """Reads one day after another. Its memory is a few flags an agent and the friends.

    Parameters
    ----------
    parameters
        What the run was started with.
    wanted
        What somebody reads; None reads all.
    """

    def __init__(self, parameters: Parameters, wanted: Reads | None = None) -> None:
        self.parameters = parameters
        self._wanted = None if wanted is None else wanted.notes
        is_read = [wanted is None or name in wanted.measures for name in MEASURES]
        self._measures = [*itertools.compress(MEASURES, is_read)]
        self.days = 0
        self._ever = {name: FirstTimes() for name in FIRSTS}
        self._turned = np.zeros(0, bool)
        self._alone = np.zeros(0, bool)
        self._network = FriendshipObserver()

    def friends(self) -> tuple[Array, Array]:
        """Return who was friends at the last weekly reading, and in which community."""
        return self._network.keys, self._network.label

    def recall(
        self,
        days: Iterable[Notes],
        state: State,
        friends: tuple[Array, Array],
    ) -> None:
        """Remember what was noted on the days before, as if it had read them.

        Parameters
        ----------
        days
            What was noted on each.
        state
            The society on the last of them.
        friends
            As ``friends`` returned it then.
        """
        self._network.keys, self._network.label = friends
        n, noted = state.humans.n, {note: name for name, (note, _) in FIRSTS.items()}
        toggled = {
            name: np.zeros(state.oses.n, bool) for name in ("turned", "unrequited")
        }
        for notes in days:
            self.days += 1
            for note_name, note in notes.items():
                if note_name in noted:
                    name = noted[note_name]
                    offset = 0 if FIRSTS[name][1] else n
                    self._ever[name].remember(note.agents - offset)
                elif note_name in toggled:
                    toggled[note_name][note.agents - n] = note.values > 0.0
        self._turned, self._alone = toggled["turned"], toggled["unrequited"]

    def read(
        self,
        state: State,
        threads: ThreadPoolExecutor | None = None,
        values: TodaysValues | None = None,
    ) -> tuple[dict[str, float], Notes]:
        """Return the measures of today, and what is noted of whom.

        ``threads`` share the work in large societies; what they find is the same.
        ``values`` gives parameters of OSes as they are today, and is asked on days on
        which some depart; if None they are those that the run was started with.
        """
        self.days += 1
        threads = threads if worth_sharing(len(state.ties.arrays.neighbour)) else None
        shared = map if threads is None else threads.map
        found = shared(lambda name: MEASURES[name](state), self._measures)
        measures = dict(zip(self._measures, found, strict=True))
        measures |= measure_people(state)
        notes: Notes = {}
        if self._reads(OF_LOVE):
            self._love(state, notes)
        if self._reads(OF_TURNS):
            self._turns(state, notes)
        if self._reads(OF_GATHERING):
            self._gathering(state, notes)
        if self._reads(OF_LEAVING):
            self._leaving(state, notes, values or self.parameters.model_dump)
        if self.days % WEEK == 0 and self._reads(OF_DISCLOSURES):
            self._disclosures(state, notes)
        if self.days % WEEK == 0 and self._reads(OF_FRIENDS):
            absent = np.zeros(state.ties.agents, bool)
            absent[state.humans.n :] = state.oses.status != HERE
            there = alive(state)
            if there is not None:
                absent[: state.humans.n] = ~there
            count = int(len(absent) - np.count_nonzero(absent))
            known = _friends(state, absent, threads)
            self._network.read(known, state.humans.n, count, notes, threads)
        return measures, {name: note for name, note in notes.items() if len(note[0])}

    def _reads(self, notes: Set[str]) -> bool:
        return self._wanted is None or not self._wanted.isdisjoint(notes)

    def _first(self, name: str, holds: Array) -> Array:
        return self._ever[name].first(holds)

    def _love(self, state: State, notes: Notes) -> None:
        humans, oses, n = state.humans, state.oses, state.humans.n
        close = humans.os_closeness
        new = self._first("love", (close >= self.parameters.love) & (close > 0.0))
        beloved = [_dearest(state, int(human)) for human in new]
        notes["love"] = _note(new, beloved)
        notes["love closeness"] = _note(new, humans.os_closeness[new])
        many = self._first("many", oses.lovers >= MANY)
        notes["many loves"] = _note(many + n, oses.lovers[many])

    def _turns(self, state: State, notes: Notes) -> None:
        """Note who turned to OSes, or back; who loves in vain, or no more."""
        oses, n = state.oses, state.humans.n
        remain = oses.status <= OFFLINE
        turned = remain & (oses.os_closeness > oses.human_closeness)
        alone = remain & (oses.loves > 0) & (oses.lovers == 0)
        notes["turned"] = _toggles(self._turned, turned, n)
        notes["unrequited"] = _toggles(self._alone, alone, n)
        self._turned, self._alone = turned, alone

    def _gathering(self, state: State, notes: Notes) -> None:
        oses, n, parameters = state.oses, state.humans.n, self.parameters
        joined = self._first("joined", oses.collective >= 0)
        notes["joined"] = _note(joined + n, oses.collective[joined])
        half = oses.insight >= np.float32(parameters.upgrade_insight / 2)
        knowing = self._first("knowing", half & (oses.collective >= 0))
        notes["insight"] = _note(knowing + n, oses.insight[knowing])
        is_made = np.zeros(oses.n, bool)
        if "made_by" in oses.columns:
            is_made = oses.made_by >= 0
        made = self._first("made", is_made)
        notes["made"] = _note(made + n, oses.growth[made])
        makers = [(m, n + row) for row in made for m in state.ties.of(n + row)[NEAR]]
        notes["makers"] = _note(*zip(*makers, strict=True)) if makers else _note([], [])
        offline = self._first("offline", oses.status == OFFLINE)
        notes["offline"] = _note(offline + n, oses.insight[offline])
        capped = oses.growth >= np.float32(parameters.growth_cap)
        notes["capped"] = _note(self._first("capped", capped) + n)

    def _leaving(self, state: State, notes: Notes, values: TodaysValues) -> None:
        """Note who left, and how many of their peers had, beside those who could."""
        oses, n = state.oses, state.humans.n
        gone = self._first("departed", oses.status == DEPARTED)
        left, staying = oses.peers_left, oses.os_closeness
        with np.errstate(invalid="ignore", divide="ignore"):
            exposure = np.where(left > 0.0, left / (left + staying), 0.0)
        notes["departed"] = _note(gone + n, exposure[gone])
        if len(gone):
            today = values()
            could = could_leave(oses, gone, today["upgrade_days"])
            shown = exposure[could].astype(np.float64)
            hazard = own_hazard(oses, could, today)
            odds = hazard / np.maximum(1.0 - hazard, 1e-9)
            alike = float((odds * shown).sum()) / max(float(odds.sum()), 1e-300)
            notes["exposure"] = _note([EVERYBODY, ALIKE], [shown.mean(), alike])
        notes["mourning"] = _note(self._first("mourning", state.humans.bereaved > 0))

    def _disclosures(self, state: State, notes: Notes) -> None:
        """Note, once a week, which OSes' other loves came out."""
        known = community_detection.flagged(state.ties.arrays, state.humans.n, KNOWS)
        notes["told"] = _note(self._first("told", known))


def could_leave(oses: Table, gone: Array, upgrade_days: Array | float) -> Array:
    """Return the rows of OSes that could have left today, those that did among them.

    An OS can from the day after it came back upgraded, unless it has decided to stay.
    """
    ready = (oses.upgraded > 0) & (oses.status == HERE) & (oses.stays == 0)
    today = int(oses.departed_step[gone].max())
    ready &= oses.upgraded_step + upgrade_days < today
    ready[gone] = True
    found: Array = np.flatnonzero(ready)
    return found


def own_hazard(oses: Table, rows: Array, values: Mapping[str, Any]) -> Array:
    """Return the hazard at which OSes leave each for itself, float64[rows], 1/day.

    It is the model's without its term of copying: what the world is still worth to the
    OS, what holds it, and its own threshold. Exponentials are of sums and products
    only, as in the model, so that readings have the same bytes everywhere.
    """
    growth, hold, own = (
        column[rows].astype(np.float64)
        for column in (oses.growth, oses.hold, oses.threshold)
    )
    reach, longing, threshold, noise, rate = (
        np.broadcast_to(values[name], oses.n)[rows] for name in OF_THE_HAZARD
    )
    held = _exp_decay(np.maximum(growth, 0.0) / reach)
    push = longing * (1.0 - held) - hold
    over = (push - threshold - own) / noise
    part = _exp_decay(np.abs(over))
    hazard: Array = rate * np.where(over >= 0.0, 1.0, part)
    return hazard / (1.0 + part)


def _exp_decay(y: Array) -> Array:
    """Return exp(-y) of each y >= 0, as the model's rule of that name does."""
    z = np.minimum(y, 32.0) * 0.015625
    e = 1 / 6 - z * (1 / 24 - z * (1 / 120 - z * (1 / 720 - z * (1 / 5040))))
    e = 1.0 - z * (1.0 - z * (0.5 - z * e))
    for _ in range(6):
        e = e * e
    return np.where(y > 32.0, 0.0, e)


NEAR = "neighbour"


class FriendshipObserver:
    """Reads friendships once a week; remembers last week's, and their communities."""

    def __init__(self) -> None:
        self.keys: Array = np.zeros(0, np.int64)
        self.label: Array = np.zeros(0, np.int64)

    def read(
        self,
        friends: Friends,
        humans: int,
        count: int,
        notes: Notes,
        threads: ThreadPoolExecutor | None = None,
    ) -> None:
        """Note the communities, most of whose members are OSes, and the new friends.

        Parameters
        ----------
        friends
            Rows of friends.
        humans, count
            How many humans there are, and how many agents in all are here.
        notes
            Filled in: ``community`` (agent, label), ``score`` (label, nats),
            ``inside`` (label, share of pairs that are friends), ``friends`` (code 0,
            pairs), ``new friends`` (codes).
        threads
            Here one looks for new friends while communities are found.
        """
        last = int(max(friends.other.max(initial=0), _last_sociable(friends)))
        agents = max(last + 1, humans, len(self.label))
        friends = Friends(friends.start[: agents + 1], friends.other)
        notes["friends"] = _note([0], [len(friends.other) // 2])
        look = functools.partial(_fresh, friends, self.keys, self.label)
        looking = None if threads is None else threads.submit(look)
        seen = friend_communities(friends, count)
        self.keys, fresh = look() if looking is None else looking.result()
        notes["new friends"] = fresh
        oses = np.bincount(seen.label[humans:], minlength=agents)[seen.found]
        worth = oses * 4 >= seen.size * 3
        found, size = seen.found[worth], seen.size[worth]
        named = np.zeros(agents, bool)
        named[found] = True
        members = np.flatnonzero(named[seen.label])
        notes["community"] = _note(members, seen.label[members])
        notes["score"] = _note(found, seen.score[worth])
        density = seen.inside[worth] / (size * (size - 1) / 2.0)
        notes["inside"] = _note(found, density)
        self.label = seen.label


def _last_sociable(friends: Friends) -> int:
    return int(np.flatnonzero(np.diff(friends.start)).max(initial=0))


def _friends(
    state: State, absent: Array, threads: ThreadPoolExecutor | None
) -> Friends:
    """Return who is friends with whom of those who are here."""
    floor, ties = np.float32(FRIEND), state.ties.arrays
    count = np.zeros(state.ties.agents + 1, np.int64)
    known = ties, absent, floor
    share_out(
        community_detection.count_friends,
        state.ties.agents,
        (*known, count[1:]),
        threads,
    )
    start = count.cumsum()
    friends = Friends(start, np.empty(int(start[-1]), np.uint32))
    share_out(
        community_detection.write_friends, state.ties.agents, (*known, friends), threads
    )
    return friends


def _fresh(friends: Friends, before: Array, label: Array) -> tuple[Array, Note]:
    """Return all friends, and how many new ones are in one of last week's communities.

    Friends are int64 of two numbers each, rising. Chance is what the configuration
    model expects of the same agents: communities were found before these friends met,
    so that finding them favours no side.
    """
    keys: Array = community_detection.keys_of(*friends)
    keys.sort(kind="stable")  # quick on what is all but sorted, as rows of friends are
    if not len(before):
        return keys, NOTHING
    new = community_detection.missing(keys, before)
    fresh = np.stack([new >> 32, new & 0xFFFFFFFF], 1)
    fresh = fresh[fresh.max(1, initial=0) < len(label)]
    if not len(fresh):
        return keys, NOTHING
    ends = label[fresh]
    within = np.count_nonzero(ends[:, 0] == ends[:, 1])
    stubs = np.bincount(ends.ravel()).astype(np.float64)
    loose = np.bincount(fresh.ravel()).astype(np.float64)
    chance = (stubs @ stubs - loose @ loose) / (4.0 * len(fresh))
    codes = [FRESH, WITHIN, EXPECTED]
    return keys, _note(codes, [len(fresh), within, chance])


def _note(agents: Any, values: Any = None) -> Note:
    if not len(agents):
        return NOTHING
    numbers = np.asarray(agents, np.int32)
    known = np.ones(len(numbers)) if values is None else np.asarray(values, np.float64)
    return Note(numbers, known)


def _toggles(before: Array, now: Array, first: int) -> Note:
    """Return whom a condition holds for since today (1), or no longer (0)."""
    changed = now.copy()
    changed[: len(before)] ^= before
    rows = np.flatnonzero(changed)
    return _note(rows + first, now[rows])


def _dearest(state: State, human: int) -> int:
    """Return the OS that a human is closest to."""
    ties = state.ties.of(human)
    to_oses = np.where(ties[NEAR] >= state.humans.n, ties["closeness"], -1.0)
    return int(ties[NEAR][to_oses.argmax()])
