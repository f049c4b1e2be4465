"""Counterfactuals: one change, common random numbers, paired differences.

Both arms draw common random numbers (``sim.engine.rng``), so they are the same to the
last bit until the change acts, and all that differs after that is its consequence.
Differences are taken seed by seed, and who was affected is seen by comparing all
columns every day.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sim import scenarios
from sim.engine.table import Table
from sim.events import own_detectors
from sim.model.network_files.in_memory import GivenNetwork, as_file
from sim.model.network_files.network_file import NetworkFile
from sim.model.parameters import IN_SCENARIO
from sim.model.state import State
from sim.scenarios import Scenario
from sim.scenarios.interventions import LEVERS, Intervention
from sim.society import Society
from sim.studies.check import seeds_from
from sim.studies.outcomes import (
    Measure,
    OutcomeRecorder,
    OwnOutcomes,
    check,
    kinds_in,
    simulate_twin,
    usual,
)
from sim.utils.errors import InputError
from sim.utils.parallel import map_all
from sim.utils.signatures import checked_arguments
from sim.utils.stats import difference_interval, mean_interval
from sim.utils.typing import Array

WITHOUT, WITH = "without", "with"
NEVER = -1  # day or hops of what did not happen

Change = str | Scenario | Intervention | Sequence[Intervention]


class Pair(NamedTuple):
    """Both arms of one seed."""

    seed: int
    without: dict[str, float]  # outcomes
    changed: dict[str, float]
    first_day: int  # of any difference; -1 for none
    affected: dict[str, list[int]]  # columns of a table, one row an agent


class Comparison:
    """What one change did to a society, over seeds.

    Parameters
    ----------
    without, changed
        The two arms.
    pairs
        What came of each seed.
    functions
        SHA-256 of the name and file of each outcome of a user's own, by name.
    """

    def __init__(
        self,
        without: Scenario,
        changed: Scenario,
        pairs: Sequence[Pair],
        functions: Mapping[str, str] | None = None,
    ) -> None:
        self.without, self.changed = without, changed
        self.pairs = list(pairs)
        self.functions = dict(functions or {})

    def __repr__(self) -> str:
        names = f"{self.without.name!r}, {self.changed.name!r}"
        return f"Comparison({names}, seeds={len(self.pairs)})"

    @property
    def runs(self) -> pd.DataFrame:
        """One row a run: ``seed``, ``arm`` ("without" or "with"), and its outcomes."""
        rows: list[dict[str, Any]] = []
        for pair in self.pairs:
            rows.append({"seed": pair.seed, "arm": WITHOUT} | pair.without)
            rows.append({"seed": pair.seed, "arm": WITH} | pair.changed)
        return pd.DataFrame(rows)

    @property
    def differences(self) -> pd.DataFrame:
        """One row an outcome: both means, their difference, and 95 % intervals.

        ``low`` and ``high`` are of the difference within seeds (Student's t over
        pairs), ``unpaired_low`` and ``unpaired_high`` what independent arms would have
        given, and ``narrower`` how many times wider the latter are. Seeds without the
        outcome in both arms are left out; ``pairs`` is how many are in.
        """
        rows = [self._difference(name) for name in self.pairs[0].without]
        return pd.DataFrame(rows).set_index("outcome")

    def _difference(self, name: str) -> dict[str, Any]:
        arms = np.array([[p.without[name], p.changed[name]] for p in self.pairs])
        there = arms[np.isfinite(arms).all(axis=1)]
        means = there.mean(axis=0) if len(there) else np.array([math.nan, math.nan])
        low, high = mean_interval(there[:, 1] - there[:, 0])
        unpaired = difference_interval(there[:, 0], there[:, 1])
        wide, narrow = unpaired[1] - unpaired[0], high - low
        return {
            "outcome": name,
            "pairs": len(there),
            WITHOUT: means[0],
            WITH: means[1],
            "difference": means[1] - means[0],
            "low": low,
            "high": high,
            "unpaired_low": unpaired[0],
            "unpaired_high": unpaired[1],
            "narrower": wide / narrow if narrow > 0.0 else math.nan,
        }

    @property
    def affected(self) -> pd.DataFrame:
        """One row an agent and seed: who was affected, when, and how far away.

        ``agent`` is its number and ``kind`` "human" or "OS"; ``day`` the first on
        which it differs between the arms; ``hops`` its distance from those who differ
        first, along the ties of that day (-1: not connected). OSes that come later
        than the first difference are not among them. -1 in ``day``: never affected.
        """
        tables = [
            pd.DataFrame(pair.affected).assign(seed=pair.seed) for pair in self.pairs
        ]
        table = pd.concat(tables, ignore_index=True)
        table["kind"] = np.where(table.pop("is_human"), "human", "OS")
        return table[["seed", "agent", "kind", "day", "hops"]]

    @property
    def spread(self) -> pd.DataFrame:
        """How far it went: by ``hops``, agents, share affected, and median delay.

        The delay is in days after the first difference.
        """
        first = {pair.seed: pair.first_day for pair in self.pairs}
        table = self.affected
        table = table[table["seed"].map(first) != NEVER]
        reached = table["day"] != NEVER
        delay = (table["day"] - table["seed"].map(first)).where(reached)
        groups = table.assign(reached=reached, delay=delay).groupby("hops")
        return groups.agg(
            agents=("agent", "size"),
            share=("reached", "mean"),
            delay=("delay", "median"),
        )

    @property
    def first_days(self) -> dict[int, int]:
        """The first day on which the arms differ, by seed; -1 where they never do."""
        return {pair.seed: pair.first_day for pair in self.pairs}


@checked_arguments(IN_SCENARIO)
def counterfactual(
    scenario: Scenario | str | Path,
    intervention: Change,
    *,
    at: int | None = None,
    seeds: int | Iterable[int] = 20,
    outcomes: Sequence[str] | None = None,
    functions: Mapping[str, Measure] | None = None,
    network: GivenNetwork | None = None,
    workers: int = 1,
) -> Comparison:
    """Simulate with the same random numbers with and without one change, and compare.

    Parameters
    ----------
    scenario
        What there is without the change: a scenario, its name, or its TOML file.
    intervention
        The change: the name of a lever (``at`` says when), an intervention, several,
        or another scenario.
    at
        The day on which a lever begins (the first being 1).
    seeds
        How many seeds (from 0 on), or which.
    outcomes
        What to compare, by name; None takes all there is.
    functions
        Outcomes of one's own by name, to be compared as well: functions at the top of
        a file that take the ``Society`` at the end of its last day, or as ``result`` a
        ``Result`` of it, and return a number.
    network
        Who knows whom on day 0 in both arms, as for ``sim.run``.
    workers
        Processes to run in; 1 stays in this one. The comparison is the same.

    Returns
    -------
    Comparison
        Paired differences with intervals; who was affected, when, and how far away.

    Raises
    ------
    InputError
        If anything given is not valid.
    """
    without = scenarios.chosen(scenario)
    changed = change(without, intervention, at)
    numbers = seeds_from(0, seeds) if isinstance(seeds, int) else _listed(seeds)
    used = dict.fromkeys(without.parameters.mechanisms + changed.parameters.mechanisms)
    wanted = list(outcomes) if outcomes is not None else usual(used)
    for name in wanted:
        check(name)
    told = None if network is None else as_file(network)
    own = OwnOutcomes(functions)
    arms = partial(simulate_pair, without, changed)
    one = partial(arms, wanted=wanted, network=told, own=own)
    if workers > 1:
        one = partial(own_detectors.call, own_detectors.describe(kinds_in(wanted)), one)
    found = map_all(one, numbers, workers)
    return Comparison(without, changed, found, own.digests)


def _listed(seeds: Iterable[int]) -> list[int]:
    found = [seeds_from(seed, 1)[0] for seed in seeds]
    if not found or len(set(found)) < len(found):
        raise InputError("it takes at least one seed, and each but once")
    return found


def change(scenario: Scenario, given: Change, at: int | None = None) -> Scenario:
    """Return a scenario with one change made.

    Raises
    ------
    InputError
        If there is no such lever or scenario, or a lever is given without its day.
    """
    if isinstance(given, str) and (given in LEVERS or at is not None):
        if at is None:
            raise InputError(f"say on which day lever {given!r} begins (at, --at)")
        return scenario.pull(given, at)
    if at is not None:
        raise InputError("only a lever begins 'at' a day")
    if isinstance(given, str | Scenario):
        if isinstance(given, Scenario):
            return given
        other = scenarios.load(given)
        # A named scenario is as many people and days as the one it is compared with.
        size = scenario.parameters.model_dump(include={"humans", "steps"})
        return other.replace(**size)
    more = [given] if isinstance(given, Intervention) else list(given)
    both = [*scenario.interventions, *more]
    return scenario.model_copy(update={"interventions": both})


# ------------------------------------------------------------------------ both arms


def simulate_pair(
    without: Scenario,
    changed: Scenario,
    seed: int,
    wanted: list[str],
    network: NetworkFile | None = None,
    own: OwnOutcomes | None = None,
) -> Pair:
    """Simulate both arms of one seed day by day, and note where they part."""
    arms = [Society(one, rng=seed, network=network) for one in (without, changed)]
    observers = [OutcomeRecorder(wanted, {}) for _ in arms]
    tracks = Tracks()
    while any(arm.running for arm in arms):
        for arm, observer in zip(arms, observers, strict=True):
            if arm.running:
                arm.step()
                observer.look(arm)
        tracks.look(max(arm.calendar for arm in arms), arms[0].state, arms[1].state)
    twins = [partial(simulate_twin, one, seed, network) for one in (without, changed)]
    found = [
        observer.values(arm, twin)
        for observer, arm, twin in zip(observers, arms, twins, strict=True)
    ]
    if own is not None:
        found = [kept | own.values(a) for kept, a in zip(found, arms, strict=True)]
    columns = tracks.columns(arms[0].state)
    return Pair(seed, found[0], found[1], tracks.first_day, columns)


class Tracks:
    """Follows who differs between two societies, and since when."""

    def __init__(self) -> None:
        self.first_day = NEVER
        self._days: Array = np.zeros(0, np.int64)
        self._hops: Array = np.zeros(0, np.int64)

    def look(self, day: int, one: State, other: State) -> None:
        """Compare two states at the end of a day."""
        if self.first_day != NEVER and (self._days != NEVER).all():
            return
        differs = differing(one, other)
        if self.first_day == NEVER:
            if not differs.any():
                return
            self.first_day = day
            self._days = np.full(len(differs), NEVER)
            self._hops = hops(one, differs)
        differs = differs[: len(self._days)]
        new = np.flatnonzero(differs & (self._days[: len(differs)] == NEVER))
        self._days[new] = day

    def columns(self, state: State) -> dict[str, list[int]]:
        """Return the table of agents: ``agent``, ``is_human``, ``day``, ``hops``."""
        count = len(self._days)
        agents = np.arange(count)
        return {
            "agent": agents.tolist(),
            "is_human": (agents < state.humans.n).tolist(),
            "day": self._days.tolist(),
            "hops": self._hops.tolist(),
        }


def differing(one: State, other: State) -> Array:
    """Return which agents differ in any column, bool[agents], by agent number.

    An OS that is there in one of the two alone is left out, but for the first such,
    which differs; columns that a mechanism adds to one of the two alone are, too. If
    rows are kept for people to come in one alone, OSes have other numbers in it, and
    the humans who are in both are compared.
    """
    parts = []
    tables = [(one.humans, other.humans), (one.oses, other.oses)]
    if one.humans.n != other.humans.n:
        common = min(one.humans.n, other.humans.n)
        return differing_rows(one.humans, other.humans, common)
    for left, right in tables:
        common = min(left.n, right.n)
        found = np.zeros(common + (left.n != right.n), np.bool_)
        found[common:] = True
        found[:common] = differing_rows(left, right, common)
        parts.append(found)
    return np.concatenate(parts)


def differing_rows(left: Table, right: Table, count: int) -> Array:
    """Return which first rows of two tables differ in a column that both have."""
    found = np.zeros(count, np.bool_)
    both = [name for name in left.columns if name in right.columns]
    for name in both if count else ():
        pair = (table.column(name)[:count] for table in (left, right))
        a, b = (np.ascontiguousarray(c).reshape(count, -1) for c in pair)
        found |= (a.view(np.uint8) != b.view(np.uint8)).any(axis=1)
    return found


def hops(state: State, sources: Array) -> Array:
    """Return the distance of each agent from the nearest source, along ties.

    Parameters
    ----------
    state
        Whose ties.
    sources
        bool[agents].

    Returns
    -------
    int64[agents]
        0 for a source, -1 for who is not connected to any.
    """
    count = len(sources)
    table = state.ties.table()
    owner, neighbour = (table[n].astype(np.int64) for n in ("owner", "neighbour"))
    inside = (owner < count) & (neighbour < count)
    owner, neighbour = owner[inside], neighbour[inside]
    found = np.where(sources, 0, NEVER).astype(np.int64)
    for distance in range(1, count + 1):
        edge = found[owner] == distance - 1
        reached = neighbour[edge]
        reached = reached[found[reached] == NEVER]
        if not len(reached):
            break
        found[reached] = distance
    return found
