"""Hold a scenario to its expectations, over many seeds."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

from tqdm import tqdm

from sim import scenarios
from sim.errors import InputError
from sim.expectations import Verdict, judge
from sim.model import Society, seed_from
from sim.outcomes import outcomes
from sim.portable import process_pool
from sim.scenarios import Scenario

_PROGRESS: ContextVar[bool] = ContextVar("progress", default=False)


class Report(NamedTuple):
    """What came of holding a scenario to its expectations."""

    scenario: str
    seeds: list[int]
    verdicts: list[Verdict]
    rows: dict[
        str, list[dict[str, float]]
    ]  # scenario -> the outcomes of each seed's run

    @property
    def passed(self) -> bool:
        """Tell whether every expectation holds."""
        return all(verdict.passed for verdict in self.verdicts)


def check(
    scenario: Scenario | str,
    *,
    seeds: int = 20,
    first_seed: int = 0,
    workers: int = 1,
    **changes: Any,
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
    changes
        Parameters to change in every scenario that runs, by name.

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
    chosen = scenarios.load(scenario) if isinstance(scenario, str) else scenario
    if not chosen.expectations:
        raise InputError(
            f"scenario {chosen.name!r} has no expectations; "
            "add [[expectations]] to its file"
        )
    everyone = {"": chosen, **_others(chosen)}
    numbers = seeds_from(first_seed, seeds)
    jobs = [(one.replace(**changes), s) for one in everyone.values() for s in numbers]
    found = observe_all(jobs, workers)
    rows = {
        name: found[at * seeds : (at + 1) * seeds] for at, name in enumerate(everyone)
    }
    verdicts = [
        judge(one, rows[""], rows[one.against] if one.against is not None else None)
        for one in chosen.expectations
    ]
    return Report(chosen.name, numbers, verdicts, rows)


def _others(scenario: Scenario) -> dict[str, Scenario]:
    """Return the scenarios that the expectations compare with, by their names."""
    others: dict[str, Scenario] = {}
    for one in scenario.expectations:
        if one.against is None:
            continue
        try:
            others[one.against] = scenarios.load(one.against)
        except InputError as error:
            where = f"scenario {scenario.name!r}, expectation {one.text!r}"
            raise InputError(f"{where}: {error}") from None
    return others


def seeds_from(first: int, count: int) -> list[int]:
    """Return so many seeds, from the first on.

    Raises
    ------
    InputError
        If there are none, or the first or the last is no seed.
    """
    if count < 1:
        raise InputError(f"it takes at least one seed, not {count}")
    return [seed_from(first + number) for number in range(count)]


def observe(scenario: Scenario, seed: int) -> dict[str, float]:
    """Run one society to its end; return its outcomes."""
    society = Society(scenario, rng=seed)
    for _ in range(scenario.parameters.steps):
        society.step()
    watch, parameters = society.watch, society.parameters
    found = outcomes(watch.history.columns(), watch.rows(), parameters)
    del society
    gc.collect()  # a Mesa model is never freed by its reference count alone
    return found


def observe_all(
    jobs: Sequence[tuple[Scenario, int]], workers: int = 1
) -> list[dict[str, float]]:
    """Return the outcomes of many runs, each a scenario and a seed, in their order.

    Inside ``progress_shown`` there is a bar on standard error.

    Raises
    ------
    InputError
        If ``workers`` is not positive, or a run's parameters do not go together.
    """
    if workers < 1:
        raise InputError(f"it takes at least one worker, not {workers}")
    watched = partial(tqdm, total=len(jobs), unit="run", disable=not _PROGRESS.get())
    if min(workers, len(jobs)) <= 1:
        return list(watched(observe(scenario, seed) for scenario, seed in jobs))
    with process_pool(min(workers, len(jobs))) as pool:
        return list(watched(pool.map(observe, *zip(*jobs, strict=True))))


@contextmanager
def progress_shown(shown: bool = True) -> Iterator[None]:
    """Show how far many runs have come, on standard error."""
    before = _PROGRESS.set(shown)
    try:
        yield
    finally:
        _PROGRESS.reset(before)
