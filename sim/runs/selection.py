"""Selection of what to show of a large run: days, a neighbourhood, a layout."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.model.columns import UNINSTALLED
from sim.runs.headcount import numbers_there, those_there

if TYPE_CHECKING:
    from sim.runs.result import Result

PEER_PULL = 0.1  # of a tie between OSes on the layout: else they fall into one spot
TURNING = ("adopted", "largest_collective", "departed", "shut_down")
ROUNDS = 60  # of a layout
GRAVITY = 0.6  # pull to the middle, so that none drifts away
GOLDEN = 2.399963  # radians: turns that never come round to the same direction

Array = npt.NDArray[Any]


def moments(result: Result) -> dict[int, str]:
    """Return up to three informative snapshot days, each with what it is.

    They are a day while OSes spread, the eve of the first departure and the end. If no
    OS departs, the height of ties among OSes takes the place of the eve; if they have
    none, the day halfway (or the start).
    """
    days, series, events = result.steps, result.series, result.events
    if series.empty:
        return {days[-1]: "end"}
    departures = events.loc[events["kind"] == "first_departure", "step"]
    if len(departures):
        eve, name = _last(days, int(departures.min()) - 1), "eve of departure"
    elif series["os_ties"].max() > 0:
        eve, name = _last(days, _peak(series["os_ties"])), "peak of OS ties"
    else:
        eve = _last(days, days[-1] // 2)
        name = "halfway" if eve > days[0] else "start"
    half = series["adopted"] >= series["adopted"].max() / 2
    early = min(_last(days, _peak(half)), eve)
    return {early: "early", eve: name} | {days[-1]: "end"}


def informative_days(result: Result, most: int) -> list[int]:
    """Return up to ``most`` snapshot days, more of them when more changes.

    The first, the last, and then again and again the middle of the widest gap. Half of
    a gap's width is time, half is what happens to adoption, collectives and departures.
    """
    days = result.steps
    shares = result.series.reindex(columns=list(TURNING)).fillna(0.0)
    shares = shares.reindex(days, method="ffill").fillna(0.0)
    largest = shares.max().replace(0.0, 1.0)
    moved = (shares / largest).diff().abs().sum(axis=1).to_numpy().cumsum()
    passed = np.linspace(0.0, 1.0, len(days))
    so_far = passed + moved / (moved[-1] or 1.0)
    chosen = sorted({0, len(days) - 1})
    while len(chosen) < min(most, len(days)):
        gaps = [(so_far[b] - so_far[a]) * (b - a > 1) for a, b in pairwise(chosen)]
        first = int(np.argmax(gaps))
        middle = (so_far[chosen[first]] + so_far[chosen[first + 1]]) / 2.0
        inside = np.arange(chosen[first] + 1, chosen[first + 1])
        nearest = inside[np.abs(so_far[inside] - middle).argmin()]
        chosen.insert(first + 1, int(nearest))
    return [days[i] for i in chosen][-most:]


def neighbourhood(
    result: Result, steps: Sequence[int], most: int = 300
) -> npt.NDArray[np.int64]:
    """Return at most ``most`` agents to show: all, or those around one human.

    Starts at the human of the first love (or the one closest to an OS), follows ties
    among humans, and adds the OSes of these humans and then the OSes without an owner
    that are closest to those.

    Parameters
    ----------
    result
        A finished run.
    steps
        The snapshot days to be shown; the middle one decides who is near whom.
    most
        How many agents there is room for.

    Returns
    -------
    numpy.ndarray
        Agent numbers, ascending.
    """
    oses = result.oses(steps[-1])
    there = numbers_there(result, *steps)
    if len(there) + len(oses) <= most:
        return np.concatenate([there, oses.index.to_numpy()])
    day = steps[len(steps) // 2]

    def friends(of: Sequence[int]) -> dict[int, Array]:
        return _friends(result, day, of)

    start = central_human(result, steps)
    start = start if start in there else int(there[0])
    humans = humans_around(start, there.tolist(), most // 2, friends)
    owned = oses.index[oses["owner"].isin(humans)].to_numpy()[: most - len(humans)]
    made = oses.index[oses["owner"] < 0]
    ties = result.ties(day, owned)
    near = ties[ties["neighbour"].isin(made)]
    bonds = near.groupby("neighbour")["closeness"].sum().sort_values(ascending=False)
    room = most - len(humans) - len(owned)
    return np.sort(np.concatenate([humans, owned, bonds.index.to_numpy()[:room]]))


def pairs(
    result: Result, step: int, agents: npt.NDArray[np.int64], closest: float
) -> pd.DataFrame:
    """Return relationships among ``agents``, those of closeness ``closest`` or more.

    Columns: ``one`` < ``another`` (agent numbers), ``closeness`` (the greater of both
    directions, 0..1) and ``oses`` (how many of the two are OSes).
    """
    ties = result.ties(step, agents)
    ties = ties[ties["owner"] < ties["neighbour"]]
    ties = ties[ties["neighbour"].isin(agents)]
    first = result.population
    found = pd.DataFrame(
        {
            "one": ties["owner"],
            "another": ties["neighbour"],
            "closeness": ties[["closeness", "returned"]].max(axis=1),
            "oses": (ties[["owner", "neighbour"]] >= first).sum(axis=1),
        }
    )
    return found[found["closeness"] >= closest]


def layout(
    agents: npt.NDArray[np.int64],
    relationships: Sequence[pd.DataFrame],
    fixed: Mapping[int, npt.NDArray[np.float64]] | None = None,
) -> dict[int, npt.NDArray[np.float64]]:
    """Return one place in the plane for each agent, from all its ``relationships``.

    Agents of ``fixed`` stay there; newcomers go near those they are close to.
    """
    together = pd.concat(relationships).groupby(["one", "another"]).max().reset_index()
    pull = together["closeness"] * np.where(together["oses"] == 2, PEER_PULL, 1.0)
    ends = together[["one", "another"]].to_numpy(np.int64)
    if fixed:
        return _beside(agents, ends, pull.to_numpy(), fixed)
    at = np.searchsorted(agents, ends)
    places = spring_layout(len(agents), at, pull.to_numpy(np.float32))
    return dict(zip(agents.tolist(), places, strict=True))


def spring_layout(count: int, pairs: Array, pull: Array) -> Array:
    """Return a place for each of some agents, near those it is tied to.

    The forces are those of Fruchterman & Reingold (1991, doi:10.1002/spe.4380211102),
    with a pull to the middle. The same ties give the same places.

    Parameters
    ----------
    count
        How many agents there are, 1 or more.
    pairs
        int[ties, 2]: who is tied to whom, as positions from 0 to ``count`` - 1.
    pull
        float[ties]: strength of each tie, 0 or more.

    Returns
    -------
    float64[count, 2]
        Places within -1..1, those far outside drawn in.
    """
    if count == 1:
        return np.zeros((1, 2))
    turn = 2 * np.pi * np.arange(count) / count
    spots = np.stack([np.cos(turn), np.sin(turn)], 1).astype(np.float32)
    usual = np.float32(2.0 / np.sqrt(count))
    for left in range(ROUNDS, 0, -1):
        push = _pushed(spots, usual) + _pulled(spots, pairs, pull / usual)
        push -= GRAVITY * spots
        length = np.maximum(np.hypot(*push.T), 1e-9)
        step = np.minimum(length, 0.2 * left / ROUNDS) / length
        spots += push * step[:, None].astype(np.float32)
    return _drawn_in(spots.astype(np.float64))


def _pushed(spots: Array, usual: np.float32) -> Array:
    """Return how everybody is pushed away by everybody else."""
    square = (spots * spots).sum(1)
    apart = square[:, None] + square[None, :] - 2 * (spots @ spots.T)
    force = usual * usual / np.maximum(apart, np.float32(1e-5))
    np.fill_diagonal(force, 0.0)
    push: Array = spots * force.sum(1)[:, None] - force @ spots
    return push


def _pulled(spots: Array, pairs: Array, pull: Array) -> Array:
    """Return how everybody is drawn to those they know, the more the farther."""
    along = spots[pairs[:, 1]] - spots[pairs[:, 0]]
    along *= (pull * np.hypot(*along.T))[:, None]
    found = np.zeros_like(spots)
    for axis in (0, 1):
        for side, sign in ((0, 1), (1, -1)):
            sums = np.bincount(pairs[:, side], along[:, axis], len(spots))
            found[:, axis] += sign * sums
    return found


def _drawn_in(spots: Array) -> Array:
    """Return the places around the middle, those far outside drawn in."""
    spots = spots - np.median(spots, 0)
    far = np.maximum(np.hypot(*spots.T), 1e-9)
    usual = float(np.quantile(far, 0.95)) or 1.0
    beyond = np.maximum(0.0, far / usual - 1.0)
    scale = (1.0 + 0.3 * np.tanh(beyond)) / (1.0 + beyond) / (1.3 * usual)
    framed: Array = spots * scale[:, None]
    return framed


def _beside(
    agents: npt.NDArray[np.int64],
    ends: Array,
    pull: Array,
    fixed: Mapping[int, npt.NDArray[np.float64]],
) -> dict[int, npt.NDArray[np.float64]]:
    """Return the places of all, newcomers at the middle of those placed before them."""
    near: dict[int, dict[int, float]] = {agent: {} for agent in agents.tolist()}
    for (one, other), strength in zip(ends.tolist(), pull.tolist(), strict=True):
        near[one][other] = near[other][one] = strength
    places = {agent: fixed[agent] for agent in near if agent in fixed}
    known = np.array(list(fixed.values()))
    middle, size = known.mean(axis=0), 0.03 * float(np.ptp(known, axis=0).max() or 1.0)
    for agent in sorted(set(near) - set(places)):
        weights = {n: w for n, w in near[agent].items() if n in places}
        spots = np.array([places[n] for n in weights])
        at = middle
        if weights:
            at = np.average(spots, axis=0, weights=list(weights.values()))
        turn = GOLDEN * agent  # neighbours do not fall together
        places[agent] = at + size * np.array([np.cos(turn), np.sin(turn)])
    return places


def visible(oses: pd.DataFrame, agents: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return those rows of ``oses`` that are among ``agents`` and installed."""
    return oses[oses.index.isin(agents) & (oses["status"] != UNINSTALLED)]


def _peak(values: pd.Series[Any]) -> int:
    """Return the label of the first greatest value."""
    return int(values.index[int(values.to_numpy().argmax())])


def _last(days: Sequence[int], step: int) -> int:
    """Return the last of ``days`` that is not after ``step`` (or the first)."""
    return max((day for day in days if day <= step), default=days[0])


def central_human(result: Result, steps: Sequence[int]) -> int:
    """Return the human of the first love, or the one closest to an OS."""
    events = result.events
    for members in events.loc[events["kind"] == "first_love", "members"]:
        for member in members:
            if member < result.population:
                return int(member)
    return _peak(those_there(result.humans(steps[len(steps) // 2]))["os_closeness"])


def humans_around(
    start: int,
    everyone: Sequence[int],
    most: int,
    friends: Callable[[Sequence[int]], dict[int, Array]],
) -> npt.NDArray[np.int64]:
    """Return up to ``most`` humans around one, found breadth first.

    Parameters
    ----------
    start
        The human to begin with.
    everyone
        All humans who are there, by number.
    most
        How many to find; where nobody is left who is connected, the next human is
        taken, by number.
    friends
        Returns for each of some humans the humans it has ties to, the closest first.

    Returns
    -------
    numpy.ndarray
        Agent numbers, ascending.
    """
    found, queue = {start}, deque([start])
    known: dict[int, Array] = {}
    others = iter(everyone)
    while len(found) < min(most, len(everyone)):
        if not queue:
            queue.append(next(h for h in others if h not in found))
            found.add(queue[0])
        human = queue.popleft()
        if human not in known:
            known |= friends([human, *queue])
        for friend in known[human].tolist():
            if friend not in found and len(found) < most:
                found.add(friend)
                queue.append(friend)
    return np.array(sorted(found))


def _friends(result: Result, day: int, humans: Sequence[int]) -> dict[int, Array]:
    """Return for each of some humans those it has ties to, the closest first."""
    ties = result.ties(day, humans)
    ties = ties[ties["neighbour"] < result.population]
    ties = ties.sort_values(["owner", "closeness"], ascending=[True, False])
    owners, others = ties["owner"].to_numpy(), ties["neighbour"].to_numpy()
    return {h: others[slice(*np.searchsorted(owners, [h, h + 1]))] for h in humans}
