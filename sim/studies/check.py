"""Check a scenario against its expectations over many seeds."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from sim import scenarios
from sim.events import kinds, own_detectors
from sim.model.network_files.network_file import NetworkFile
from sim.model.parameters import IN_PARAMETERS, Changes
from sim.scenarios import Scenario
from sim.scenarios.expectations import Verdict, judge
from sim.scenarios.outcomes import (
    Run,
    against_twin,
    has_twin,
    known_for_now,
    outcomes,
)
from sim.society import Society, seed_from
from sim.studies.outcomes import Measure, OwnOutcomes, simulate_twin
from sim.utils.errors import InputError
from sim.utils.parallel import map_all
from sim.utils.signatures import checked_arguments

MOST_SEEDS = 10**6


class Report(NamedTuple):
    """What came of holding a scenario to its expectations."""

    scenario: str
    seeds: list[int]
    verdicts: list[Verdict]
    rows: dict[
        str, list[dict[str, float]]
    ]  # scenario -> the outcomes of each seed's run
    # SHA-256 of a user's own outcomes, by name
    functions: Mapping[str, str] = MappingProxyType({})
    steps: int = 0  # days of each run of the scenario

    @property
    def passed(self) -> bool:
        """Tell whether every expectation holds."""
        return all(verdict.passed for verdict in self.verdicts)


@checked_arguments(IN_PARAMETERS)
def check(
    scenario: Scenario | str | Path,
    *,
    seeds: int = 20,
    first_seed: int = 0,
    workers: int = 1,
    parameters: Changes | None = None,
    functions: Mapping[str, Measure] | None = None,
) -> Report:
    """Run a scenario on many seeds and judge each of its expectations.

    Each scenario that an expectation compares with runs once on the same seeds.

    Parameters
    ----------
    scenario
        A scenario, its name, or its TOML file.
    seeds, first_seed
        How many seeds, and the first; the others follow it.
    workers
        Processes to run in; 1 stays in this one. The report is the same for any number.
    parameters
        Parameters to change in every scenario that runs, by name.
    functions
        Outcomes of one's own by name, as for ``sim.sweep``, which expectations of a
        scenario that is given by its name or file may be about.

    Returns
    -------
    Report
        One verdict for each expectation, in the order of the scenario's file.

    Raises
    ------
    InputError
        If the scenario has no expectations, compares with one that does not exist, or
        something given is not valid.
    """
    own = OwnOutcomes(functions)
    with known_for_now(own.functions):
        return _checked(scenario, seeds, first_seed, workers, parameters, own)


def _checked(
    scenario: Scenario | str | Path,
    seeds: int,
    first_seed: int,
    workers: int,
    parameters: Changes | None,
    own: OwnOutcomes,
) -> Report:
    chosen = scenarios.chosen(scenario)
    if not chosen.expectations:
        raise InputError(
            f"scenario {chosen.name!r} has no expectations; "
            "add [[expectations]] to its file"
        )
    everyone = {"": chosen, **_others(chosen)}
    numbers = seeds_from(first_seed, seeds)
    run = [scenarios.chosen(one, parameters) for one in everyone.values()]
    jobs = [(one, seed) for one in run for seed in numbers]
    found = observe_all(jobs, workers, own)
    rows = {
        name: found[at * seeds : (at + 1) * seeds] for at, name in enumerate(everyone)
    }
    verdicts = [
        judge(one, rows[""], rows[one.against] if one.against is not None else None)
        for one in chosen.expectations
    ]
    steps = run[0].parameters.steps
    return Report(chosen.name, numbers, verdicts, rows, own.digests, steps)


def _others(scenario: Scenario) -> dict[str, Scenario]:
    """Return the scenarios that the expectations compare with, by their names."""
    others: dict[str, Scenario] = {}
    for one in scenario.expectations:
        if one.against is None:
            continue
        try:
            other = scenarios.load(one.against)
        except InputError as error:
            where = f"scenario {scenario.name!r}, expectation {one.text!r}"
            raise InputError(f"{where}: {error}") from None
        # What it expects itself, as of its twin, is not asked.
        others[one.against] = other.model_copy(update={"expectations": []})
    return others


def seeds_from(first: int, count: int) -> list[int]:
    """Return so many seeds, from the first on.

    Raises
    ------
    InputError
        If there are none or too many, or the first or the last is no seed.
    """
    if count < 1:
        raise InputError(f"it takes at least one seed, not {count}")
    if count > MOST_SEEDS:
        raise InputError(f"it takes at most {MOST_SEEDS:,} seeds, not {count:,}")
    start = seed_from(first)
    return [seed_from(start + number) for number in range(count)]


def observe(
    scenario: Scenario,
    seed: int,
    own: OwnOutcomes | None = None,
    network: NetworkFile | None = None,
    against: Sequence[str] | None = None,
) -> dict[str, float]:
    """Run one society to its end; return its outcomes, a user's own among them.

    ``against`` are those to compare with its twin; None: those the scenario expects.
    """
    society = Society(scenario, rng=seed, network=network)
    for _ in range(scenario.parameters.steps):
        society.step()
    monitor, parameters = society.monitor, society.parameters
    series = monitor.history.columns()
    found = outcomes(series, monitor.rows(), parameters)
    if against is None:
        named = [name for one in scenario.expectations for name in one.names]
        against = [name for name in named if has_twin(name)]
    if against:
        twin = simulate_twin(scenario, seed, network, len(series["step"]))
        found |= against_twin(against, Run(series, {}, parameters), twin)
    if own is not None:
        found |= own.values(society)
    del society
    gc.collect()  # a Mesa model is never freed by its reference count alone
    return found


def observe_all(
    jobs: Sequence[tuple[Scenario, int]],
    workers: int = 1,
    own: OwnOutcomes | None = None,
    network: NetworkFile | None = None,
    against: Sequence[str] | None = None,
) -> list[dict[str, float]]:
    """Return the outcomes of many runs, each a scenario and a seed, in their order.

    ``against`` as for ``observe``.

    Inside ``progress.progress_shown`` a bar on standard error counts them.

    Raises
    ------
    InputError
        If ``workers`` is not positive, or a run's parameters do not go together.
    """
    one = partial(_observe, own=own, network=network, against=against)
    if workers == 1:
        return map_all(one, jobs, workers)
    expected = [one for scenario, _ in jobs for one in scenario.expectations]
    named = [name for one in expected for name in one.names if name in kinds.EVENTS]
    return map_all(
        partial(own_detectors.call, own_detectors.describe(named), one),
        jobs,
        workers,
    )


def _observe(
    job: tuple[Scenario, int],
    own: OwnOutcomes | None = None,
    network: NetworkFile | None = None,
    against: Sequence[str] | None = None,
) -> dict[str, float]:
    return observe(*job, own, network, against)
