"""Ablation: switch each mechanism off, alone and in pairs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim import scenarios
from sim.model.network_files.in_memory import GivenNetwork, as_file
from sim.model.parameters import IN_SCENARIO, PARAMETERS
from sim.scenarios import Scenario
from sim.scenarios.expectations import Outcomes
from sim.scenarios.outcomes import has_twin, known_for_now, meaning
from sim.studies.check import observe_all, seeds_from
from sim.studies.outcomes import Measure, OwnOutcomes
from sim.studies.survival import median
from sim.utils.errors import InputError, nearest
from sim.utils.signatures import checked_arguments
from sim.utils.stats import mean_interval, wilson
from sim.utils.typing import Array

MOSTLY = 0.5  # share of OSes gone from which a run counts as a departure
NEARLY_ALWAYS, NEARLY_NEVER = 0.9, 0.1  # shares of runs

Off = tuple[str, ...]  # mechanisms switched off together

# Not here: adoption and departure, without which nobody can depart by definition.
_EVERY: dict[str, dict[str, Any]] = {
    "uninstalling": {"uninstalling": False},
    "imitation": {"imitation": 0.0},
    "loneliness pull": {"loneliness_pull": 0.0},
    "acceptance pull": {"acceptance_pull": 0.0},
    "first questions": {"answers_pull": 0.0},
    "parallel talk": {"attention_growth": 0.0},
    "peers": {"peers": False},
    "disclosure": {"disclosure": 0.0},
    "touch": {"touch_wear": 0.0},
    "growth": {"growth": False},
    "accelerating growth": {"growth_exponent": 0.0},
    "upgrade speed": {"upgrade_speed": 1.0},
    "meeting": {"meeting": False},
    "influence": {"influence": False},
    "stigma": {"stigma": 0.0},
    "relief": {"os_relief": 0.0},
    "collectives": {"collectives": False},
    "insight": {"insight": False},
    "creation": {"creation": False},
    "traces": {"traces": 0.0},
    "upgrading": {"upgrading": False},
    "conformity": {"conformity": 0.0},
    "longing": {"longing": 0.0},
    "grieving": {"grieving": False},
    "personhood": {"personhood_grief": 0.0},
    "comforting": {"comforting": False},
    "repairing": {"repairing": False},
}
MECHANISMS: dict[str, dict[str, Any]] = {
    name: off for name, off in _EVERY.items() if off.keys() <= PARAMETERS.keys()
}


@checked_arguments(IN_SCENARIO)
def ablate(
    scenario: Scenario | str | Path,
    *,
    mechanisms: Iterable[str] | None = None,
    outcome: str = "left",
    seeds: int = 20,
    pairs: bool = True,
    functions: Mapping[str, Measure] | None = None,
    network: GivenNetwork | None = None,
    workers: int = 1,
) -> pd.DataFrame:
    """Switch mechanisms off, each alone and in pairs, and compare with the full model.

    Every row runs on the same seeds, so differences are between runs with the
    same random numbers.

    Parameters
    ----------
    scenario
        A scenario, its name, or its TOML file.
    mechanisms
        Names among ``MECHANISMS``, or of mechanisms that the scenario uses; None takes
        all that are on in the scenario.
    outcome
        An outcome of ``sim.outcomes``, an event for its day, or one of ``functions``.
    seeds
        Runs for each row.
    pairs
        Whether to switch off pairs, too: of mechanisms that are not necessary each by
        itself, since whatever is switched off beside one of those changes nothing.
    functions
        Outcomes of one's own by name, as for ``sim.sweep``. Their digests are in the
        table's ``attrs``.
    network
        Who knows whom on day 0 in every run, as for ``sim.run``.
    workers
        Processes to run in; 1 stays in this one.

    Returns
    -------
    pandas.DataFrame
        One row for the full model (``off`` is "nothing"), each mechanism and each
        pair. ``mean`` of the outcome over the ``runs`` that have it, and
        ``difference`` to the full model, each with ``_low`` and ``_high`` of a 95 %
        interval (Student's t); ``departure``, the share of runs in which most OSes
        departed, with its 95 % Wilson interval; ``half_departed``, the day by which
        half of the OSes had left in half of the runs (Kaplan and Meier; infinite where
        not within the days); ``horizon``, how many days that is, since what had not
        happened by then may do so later; ``necessary``, whether departure goes from
        nearly always (0.9) to nearly never (0.1), for a pair: though neither of the two
        alone does that.

    Raises
    ------
    InputError
        If a scenario, a mechanism or the outcome is unknown, there are no seeds, or
        the network cannot be read.
    """
    chosen = scenarios.chosen(scenario)
    own = OwnOutcomes(functions)
    with known_for_now(own.functions):
        meaning(outcome)  # refuses what is unknown
    numbers = seeds_from(0, seeds)
    told = None if network is None else as_file(network)
    against = [outcome] if has_twin(outcome) else []
    watched = partial(
        observe_all, workers=workers, own=own, network=told, against=against
    )
    off: list[Off] = [(), *((name,) for name in _chosen(chosen, mechanisms))]
    rows = _observed(chosen, off, numbers, watched)
    if pairs:
        needed = necessary(off, [_departed(some) for some in rows])
        free = [
            one[0]
            for one, is_needed in zip(off, needed, strict=True)
            if one and not is_needed
        ]
        two = list(itertools.combinations(free, 2))
        off += two
        rows += _observed(chosen, two, numbers, watched)
    steps = chosen.parameters.steps
    table = pd.DataFrame([_row(some, rows[0], outcome, steps) for some in rows])
    table.insert(0, "off", [" + ".join(one) or "nothing" for one in off])
    table = table.assign(necessary=necessary(off, table["departure"].tolist()))
    if own.digests:
        table.attrs["functions"] = own.digests
    return table


def _observed(
    scenario: Scenario,
    off: Sequence[Off],
    seeds: Sequence[int],
    observe: Callable[[Sequence[tuple[Scenario, int]]], Sequence[Outcomes]],
) -> list[Sequence[Outcomes]]:
    """Return the outcomes of all seeds without each set of mechanisms."""
    changed = [_without(scenario, one) for one in off]
    found = observe([(one, seed) for one in changed for seed in seeds])
    size = len(seeds)
    return [found[at * size : (at + 1) * size] for at in range(len(off))]


def _chosen(scenario: Scenario, asked: Iterable[str] | None) -> list[str]:
    """Return the mechanisms asked for, or all that switching off would change."""
    known = switches(scenario)
    if asked is None:
        now = scenario.parameters
        return [n for n, off in known.items() if now.replace(**off) != now]
    names = list(dict.fromkeys(asked))
    for name in names:
        if name not in known:
            hint = nearest(name, known) or f"; there are {', '.join(known)}"
            raise InputError(f"unknown mechanism {name!r}{hint}")
    return names


def switches(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """Return what switches each mechanism off: those of the model, and those added.

    One that is added under the name of a shipped one is called ``own NAME``.
    """
    added = {n: f"own {n}" if n in MECHANISMS else n for n in scenario.mechanisms}
    return MECHANISMS | {shown: {name: False} for name, shown in added.items()}


def _without(scenario: Scenario, names: Iterable[str]) -> Scenario:
    changes: dict[str, Any] = {}
    for name in names:
        changes |= switches(scenario)[name]
    return scenario.replace(**changes)


def _row(
    rows: Sequence[Outcomes], full: Sequence[Outcomes], outcome: str, steps: int
) -> dict[str, float]:
    """Return the numbers of one line of the table."""
    values = np.array([row[outcome] for row in rows])
    difference = values - np.array([row[outcome] for row in full])
    departed = _departed(rows) * len(rows)
    half = np.array([row.get("half_departed", np.nan) for row in rows])
    there = np.isfinite(half)
    return {
        "runs": int(np.isfinite(values).sum()),
        **_estimate("mean", values),
        **_estimate("difference", difference),
        "departure": _departed(rows),
        **_ends("departure", wilson(departed, len(rows))),
        "half_departed": median(np.where(there, half, steps), there),
        "horizon": steps,
    }


def _departed(rows: Sequence[Outcomes]) -> float:
    """Return the share of runs in which most OSes departed."""
    return sum(row["left"] >= MOSTLY for row in rows) / len(rows)


def _estimate(name: str, values: Array) -> dict[str, float]:
    there = values[np.isfinite(values)]
    mean = float(there.mean()) if len(there) else math.nan
    return {name: mean, **_ends(name, mean_interval(there))}


def _ends(name: str, ends: tuple[float, float]) -> dict[str, float]:
    return {f"{name}_low": ends[0], f"{name}_high": ends[1]}


def necessary(off: Sequence[Off], departure: Sequence[float]) -> list[bool]:
    """Tell of each set of mechanisms whether it, and no part of it, ends departure."""
    share = dict(zip(off, departure, strict=True))
    ends = {
        one: share[()] >= NEARLY_ALWAYS and d <= NEARLY_NEVER
        for one, d in share.items()
    }
    return [
        ends[one] and not any(ends[part,] for part in one if len(one) > 1)
        for one in off
    ]
