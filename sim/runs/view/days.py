"""Days of a society that is watched, packed one after the other.

A stream begins with what stays (who there is, where people stand) and goes on with a
day at a time: what is new, and what changes. ``view.js`` adds each to what it has; it
draws them as it draws a stored run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.model.columns import DEPARTED, HERE, OFFLINE
from sim.model.parameters import FRIEND
from sim.model.presence import ALIVE
from sim.runs import headcount
from sim.runs.view import arrangement, packing
from sim.runs.view.chapters import chapters
from sim.runs.view.marks import marks
from sim.runs.view.packing import FOREVER, STEPS, DrawnRows, Packed
from sim.utils.names import OS_NAMES
from sim.utils.typing import Array

if TYPE_CHECKING:
    from sim.runs.result import Result

MOST_HUMANS = 12_000  # of more, some of the ties are packed
FIRST_ROUNDS, ROUNDS = 20, 2  # of the forces: on the first day seen, and on each other
# What a byte's greatest value stands for; what is above it is packed as it.
SCALES = {
    **{"os_closeness": 1.0, "grief": 8.0, "loneliness": 1.0},
    **{"share": 1.0, "lovers": 255.0},
}
OF_HUMANS = ("os_closeness", "grief", "loneliness")
OF_OSES = (
    *("status", "lovers", "collective", "hours_humans", "hours_oses", "owner"),
    *("made_by", "name", "born_step", "departed_step"),
)
QUICK = 1  # level of deflating


class DayStream:
    """A stream of the days of one society.

    Parameters
    ----------
    result
        The society as it is on the first day that is packed, read like a run.
    label
        What it is called.
    until
        The day on which it ends.

    Examples
    --------
    >>> import sim
    >>> from sim.runs.live import LiveResult
    >>> society = sim.Society("her", seed=1, humans=30)
    >>> stream = DayStream(LiveResult(society), "her", 900)
    >>> begun = stream.beginning()
    >>> society.step()
    >>> len(stream.day(LiveResult(society))) > 100
    True
    """

    def __init__(self, result: Result, label: str, until: int) -> None:
        people = result.population
        self._rows = DrawnRows(np.arange(people), np.arange(0), people)
        self._first, self._label, self._until = result, label, until
        self._come_and_go = headcount.changes(result)
        self._kept = min(1.0, MOST_HUMANS / max(1, people))  # share of the ties
        self._arranged = arrangement.arrange(people, _pairs(result))
        self._circle = arrangement.circle(self._arranged.rank)
        self._codes = np.zeros(0, np.int64)  # of ties that were packed, ascending
        self._number = np.zeros(0, np.int64)  # of each, in the order of packing
        self._share, self._spots = np.zeros(0), np.zeros((0, 2), np.float32)
        self._anchor, self._ended = self._spots, np.zeros(0, np.int64)
        self._days = 0  # of the series that were packed
        self._rounds = 0  # of the forces on the day to come

    def copy(self) -> DayStream:
        """Return a copy that goes on for itself."""
        other = object.__new__(DayStream)
        other.__dict__.update(self.__dict__)
        other._ended = self._ended.copy()
        return other

    def draw_forces(self) -> None:
        """Compute places by forces from the next day on, which takes some time."""
        self._rounds = self._rounds or FIRST_ROUNDS

    def beginning(self) -> bytes:
        """Return what stays as it is. Days follow, each with what is new since."""
        found = self._arranged
        arrays = {
            "human_number": Packed(self._rows.humans.astype(np.uint32), True),
            "rank": Packed(found.rank.astype(np.uint32)),
            "community": Packed(found.community.astype(np.uint16)),
            "map": Packed(packing.sixteen_bits(found.places)),
        }
        header = packing.header_of(self._first, [], self._rows)
        header |= {"scenario": self._label, "until": self._until, "scales": SCALES}
        return packing.deflated(header | {"tie_share": self._kept}, arrays, QUICK)

    def day(self, result: Result, news: bool = True) -> bytes:
        """Return what is new and what changed since the day that was packed before.

        Parameters
        ----------
        result
            The society as it is, read like a run.
        news
            Whether events and chapters are looked up again.
        """
        day = result.steps[-1]
        arrays = self._humans(result, day)
        arrays |= self._oses(result, day)
        ties, strength = self._ties(result, day, arrays)
        arrays["force"] = self._forced(ties, strength, arrays["status"].values)
        arrays |= self._series(result)
        header: dict[str, Any] = {"day": day}
        if news:
            told = chapters(result, so_far=True)
            header["chapters"] = [chapter._asdict() for chapter in told]
            header["events"] = [mark._asdict() for mark in marks(result)]
        return packing.deflated(header, arrays, QUICK)

    def _humans(self, result: Result, day: int) -> dict[str, Packed]:
        columns = result.columns("humans", OF_HUMANS, day)
        found = {name: _bytes_of(name, column) for name, column in columns.items()}
        if self._come_and_go:
            life = result.columns("humans", ["life"], day)["life"]
            found["there"] = Packed((life == ALIVE).astype(np.uint8))
        return found

    def _oses(self, result: Result, day: int) -> dict[str, Packed]:
        oses = result.columns("oses", OF_OSES, day)
        status, people = oses["status"], len(self._rows.humans)
        known, count = len(self._share), len(status)
        owner = oses["owner"][known:]
        anchor = np.zeros((count - known, 2), np.float32)
        anchor[owner >= 0] = self._circle[owner[owner >= 0]]
        self._anchor = np.concatenate([self._anchor, anchor])
        self._spots = np.concatenate([self._spots, anchor])
        hours = oses["hours_humans"] + oses["hours_oses"]
        share = oses["hours_oses"] / np.maximum(hours, 1e-9)
        before = np.concatenate([self._share, np.zeros(count - known)])
        self._share = np.where(status == HERE, share, before)
        ended = np.full(count, FOREVER)
        ended[:known] = self._ended
        ended[(status > OFFLINE) & (ended == FOREVER)] = day
        left = (status == DEPARTED) & (oses["departed_step"] >= 0)
        self._ended = np.where(left, oses["departed_step"], ended)
        numbers = np.arange(known, count) + people
        return {
            "status": Packed(status.astype(np.uint8)),
            "share": _bytes_of("share", self._share),
            "lovers": _bytes_of("lovers", oses["lovers"]),
            "collective": Packed((oses["collective"] + 1).astype(np.uint32)),
            "ended": Packed(self._ended.astype(np.int32)),
            "os_number": Packed(numbers.astype(np.uint32)),
            "owner": Packed(owner.astype(np.int32)),
            "os_name": Packed((oses["name"][known:] % len(OS_NAMES)).astype(np.uint8)),
            "made": Packed((oses["made_by"][known:] >= 0).astype(np.uint8)),
            "born": Packed(oses["born_step"][known:].astype(np.int32)),
        }

    def _ties(
        self, result: Result, day: int, arrays: dict[str, Packed]
    ) -> tuple[Array, Array]:
        """Add ties that are new, and how close all are; return those between OSes.

        Returns
        -------
        pairs, strength
            int64[ties, 2] by row, float32[ties].
        """
        people = len(self._rows.humans)
        place = np.arange(people + len(self._share))
        codes, level = packing.ties_of_day(result, day, place, FRIEND)
        if self._kept < 1.0:
            mixed = codes.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            some = mixed >> np.uint64(11) < np.uint64(self._kept * 2.0**53)
            codes, level = codes[some], level[some]
        at = np.searchsorted(self._codes, codes)
        known = np.zeros(len(codes), bool)
        inside = at < len(self._codes)
        known[inside] = self._codes[at[inside]] == codes[inside]
        fresh = codes[~known]
        numbers = len(self._codes) + np.arange(len(fresh))
        self._codes = np.insert(self._codes, at[~known], fresh)
        self._number = np.insert(self._number, at[~known], numbers)
        closeness = np.zeros(len(self._codes), np.uint8)
        closeness[self._number[np.searchsorted(self._codes, codes)]] = level
        arrays["tie_from"] = Packed((fresh >> 32).astype(np.uint32))
        arrays["tie_to"] = Packed((fresh & 0xFFFFFFFF).astype(np.uint32))
        arrays["tie_closeness"] = Packed(closeness)
        one, other = codes >> 32, codes & 0xFFFFFFFF
        both = one >= people
        pairs = np.stack([one[both], other[both]], 1) - people
        return pairs, level[both].astype(np.float32) / STEPS

    def _forced(self, pairs: Array, strength: Array, status: Array) -> Packed:
        if self._rounds:
            share, there = self._share.astype(np.float32), status <= OFFLINE
            pulls = arrangement.Pulls(pairs, strength, self._anchor, share, there)
            moved = arrangement.draw_together(self._spots, pulls, self._rounds)
            self._spots, self._rounds = moved, ROUNDS
        return Packed(np.rint((self._spots + 1.0) * 127.5).astype(np.uint8))

    def _series(self, result: Result) -> dict[str, Packed]:
        series = result.series.iloc[self._days :]
        self._days += len(series)
        found = {"days": Packed(series.index.to_numpy().astype(np.int32))}
        for name in packing.CURVES:
            if name in series:
                values = np.nan_to_num(series[name].to_numpy(np.float32))
                found[f"curve_{name}"] = Packed(values)
        return found


def _pairs(result: Result) -> Array:
    """Return ``int64[ties, 2]``: who is tied to whom of the people, each pair once."""
    names = ["owner", "neighbour"]
    owner, other = result.columns("ties", names, result.steps[-1]).values()
    once = (owner < other) & (other < result.population)
    return np.stack([owner[once], other[once]], 1).astype(np.int64)


def _bytes_of(name: str, values: Array) -> Packed:
    return Packed(packing.bytes_of(values, SCALES[name]))
