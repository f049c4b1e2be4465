"""What of a large run to show: moments, a neighbourhood, and where to put it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.results import Result
from sim.state import UNINSTALLED

PEER_PULL = 0.1  # of a tie between OSes on the layout: else they fall into one spot
TURNING = ("adopted", "largest_collective", "departed", "shut_down")
GRAVITY = 0.02  # pull on every agent towards the middle, so that none drifts away


def moments(result: Result) -> dict[int, str]:
    """Return up to three telling snapshot days, each with what it is.

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


def telling(result: Result, most: int) -> list[int]:
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
    if result.population + len(oses) <= most:
        return np.arange(result.population + len(oses))
    day = steps[len(steps) // 2]
    humans = _circle(result, day, heart(result, steps), most // 2)
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
    graph: Any = nx.Graph()
    graph.add_weighted_edges_from((-1, agent, GRAVITY) for agent in agents.tolist())
    together = pd.concat(relationships).groupby(["one", "another"]).max().reset_index()
    pull = together["closeness"] * np.where(together["oses"] == 2, PEER_PULL, 1.0)
    ends = together["one"].tolist(), together["another"].tolist(), pull.tolist()
    graph.add_weighted_edges_from(zip(*ends, strict=True))
    if fixed:
        return _beside(graph, fixed)
    places: dict[int, npt.NDArray[np.float64]] = nx.spring_layout(
        graph, seed=7, iterations=120, method="force"
    )
    middle = places.pop(-1)
    return _drawn_in(places, middle)


def _beside(
    graph: Any, fixed: Mapping[int, npt.NDArray[np.float64]]
) -> dict[int, npt.NDArray[np.float64]]:
    """Return the places of all, newcomers at the middle of those placed before them."""
    places = {agent: fixed[agent] for agent in graph if agent in fixed}
    known = np.array(list(fixed.values()))
    middle, size = known.mean(axis=0), 0.03 * float(np.ptp(known, axis=0).max() or 1.0)
    for agent in sorted(set(graph) - set(places) - {-1}):
        near = {n: graph[agent][n]["weight"] for n in graph[agent] if n in places}
        spots = np.array([places[n] for n in near])
        weights = list(near.values())
        at = np.average(spots, axis=0, weights=weights) if near else middle
        turn = 2.399963 * agent  # the golden angle: neighbours do not fall together
        places[agent] = at + size * np.array([np.cos(turn), np.sin(turn)])
    return places


def visible(oses: pd.DataFrame, agents: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return those rows of ``oses`` that are among ``agents`` and installed."""
    return oses[oses.index.isin(agents) & (oses["status"] != UNINSTALLED)]


def _drawn_in(
    places: dict[int, npt.NDArray[np.float64]], middle: npt.NDArray[np.float64]
) -> dict[int, npt.NDArray[np.float64]]:
    """Return the places with those far outside drawn in, in their directions."""
    far = {agent: float(np.hypot(*(at - middle))) for agent, at in places.items()}
    usual = float(np.quantile(list(far.values()), 0.95)) or 1.0
    beyond = {agent: max(0.0, r / usual - 1.0) for agent, r in far.items()}
    scale = {agent: (1.0 + 0.3 * np.tanh(b)) / (1.0 + b) for agent, b in beyond.items()}
    return {
        agent: middle + (at - middle) * scale[agent] for agent, at in places.items()
    }


def _peak(values: pd.Series[Any]) -> int:
    """Return the label of the first greatest value."""
    return int(values.index[int(values.to_numpy().argmax())])


def _last(days: Sequence[int], step: int) -> int:
    """Return the last of ``days`` that is not after ``step`` (or the first)."""
    return max((day for day in days if day <= step), default=days[0])


def heart(result: Result, steps: Sequence[int]) -> int:
    """Return the human of the first love, or the one closest to an OS."""
    events = result.events
    for members in events.loc[events["kind"] == "first_love", "members"]:
        for member in members:
            if member < result.population:
                return int(member)
    return _peak(result.humans(steps[len(steps) // 2])["os_closeness"])


def _circle(result: Result, day: int, heart: int, most: int) -> npt.NDArray[np.int64]:
    """Return up to ``most`` humans around ``heart``, nearest first."""
    humans = result.population
    found, queue = {heart}, deque([heart])
    near: dict[int, pd.DataFrame] = {}
    strangers = iter(range(humans))
    while len(found) < min(most, humans):
        if not queue:
            queue.append(next(h for h in strangers if h not in found))
            found.add(queue[0])
        human = queue.popleft()
        if human not in near:
            near |= _ties_of(result, day, [human, *queue])
        own = near[human].sort_values("closeness", ascending=False)
        for friend in own.loc[own["neighbour"] < humans, "neighbour"].tolist():
            if friend not in found and len(found) < most:
                found.add(friend)
                queue.append(friend)
    return np.array(sorted(found))


def _ties_of(
    result: Result, day: int, agents: Sequence[int]
) -> dict[int, pd.DataFrame]:
    """Return the ties of each of some agents."""
    ties = result.ties(day, agents)
    owners = ties["owner"].to_numpy()
    return {
        agent: ties.iloc[slice(*np.searchsorted(owners, [agent, agent + 1]))]
        for agent in agents
    }
