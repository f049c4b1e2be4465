"""A simulator for inference: parameters and a seed in, outcomes and their flags out.

Libraries for simulation-based inference, calibration, emulation and sensitivity ask for
a function of a vector of parameters. ``simulator`` makes one of a scenario. What had
not happened by the last day is no missing value but a censored one, and is flagged so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim import scenarios
from sim.model.network_files.in_memory import GivenNetwork, as_file, check_humans
from sim.model.parameters import IN_SCENARIO, about
from sim.scenarios import Scenario
from sim.society import Society, seed_from
from sim.studies.outcomes import (
    CENSORED,
    MISSING,
    OBSERVED,
    Measure,
    OutcomeRecorder,
    OwnOutcomes,
    check,
    flagged,
    simulate_twin,
)
from sim.utils.errors import InputError
from sim.utils.signatures import checked_arguments
from sim.utils.typing import Array

__all__ = ["CENSORED", "MISSING", "OBSERVED", "Simulated", "Simulator", "simulator"]


class Simulated(NamedTuple):
    """The outcomes of one run, and what kind of number each is."""

    values: Array  # float64[outcomes], in the outcomes' units
    flags: npt.NDArray[np.uint8]  # uint8[outcomes]: OBSERVED, CENSORED or MISSING


class Simulator:
    """A function of parameters and a seed; ``simulator`` makes one.

    It can be pickled, so that worker processes can call it. The same ``theta`` and
    ``seed`` give the same outcomes, the same seed common random numbers.

    Parameters
    ----------
    scenario
        What is simulated where ``theta`` says nothing else.
    names
        The parameters that ``theta`` holds, in its order.
    outcomes
        The outcomes to return, in their order.
    own
        A user's own among them.
    network
        Who knows whom on day 0.
    """

    def __init__(
        self,
        scenario: Scenario,
        names: Sequence[str],
        outcomes: Sequence[str],
        own: OwnOutcomes,
        network: Any = None,
    ) -> None:
        self.scenario = scenario
        self.names, self.outcomes = tuple(names), tuple(outcomes)
        self._own, self._network = own, network

    def __repr__(self) -> str:
        some = f"{len(self.names)} parameters, {len(self.outcomes)} outcomes"
        return f"Simulator({self.scenario.name!r}, {some})"

    @property
    def ranges(self) -> Array:
        """Lowest and highest value that each parameter may have: float64[names, 2]."""
        kind = type(self.scenario.parameters)
        told = [about(name, kind) for name in self.names]
        return np.array([[one.low, one.high] for one in told], np.float64)

    @property
    def usual(self) -> Array:
        """The values that the scenario has: float64[names]."""
        parameters = self.scenario.parameters
        return np.array([float(getattr(parameters, n)) for n in self.names])

    def at(self, theta: Any) -> Scenario:
        """Return the scenario with the parameters of ``theta``.

        Raises
        ------
        InputError
            As for a call.
        """
        try:
            values = np.asarray(theta, np.float64)
        except (TypeError, ValueError):
            raise InputError(f"theta holds numbers, not {theta!r:.80}") from None
        if values.shape != (len(self.names),):
            shape = "x".join(map(str, values.shape)) or "a single number"
            wanted = f"{len(self.names)} numbers ({', '.join(self.names)})"
            raise InputError(f"theta is {wanted}, not {shape}")
        if not np.isfinite(values).all():
            wrong = self.names[int(np.flatnonzero(~np.isfinite(values))[0])]
            raise InputError(f"theta: {wrong!r} is {values[~np.isfinite(values)][0]}")
        fields = type(self.scenario.parameters).model_fields
        changes: dict[str, Any] = {}
        for name, value in zip(self.names, values.tolist(), strict=True):
            kind = fields[name].annotation
            as_kind = {bool: value >= 0.5, int: round(value)}
            changes[name] = as_kind.get(kind, value)  # type: ignore[arg-type]
        return self.scenario.replace(**changes)

    def __call__(self, theta: Any, seed: int) -> Simulated:
        """Simulate one society.

        Parameters
        ----------
        theta
            float[names]: a value for each parameter. One that is a whole number is
            rounded; a switch is on from 0.5.
        seed
            Of its random numbers.

        Returns
        -------
        Simulated
            ``values`` and ``flags``, one for each outcome. A day of an event that had
            not happened by the last day is ``CENSORED``, and its value that day.

        Raises
        ------
        InputError
            If ``theta`` has another length, or a value is out of its range.
        """
        scenario = self.at(theta)
        society = Society(scenario, rng=seed_from(seed), network=self._network)
        shipped = [name for name in self.outcomes if name not in self._own.functions]
        recorder = OutcomeRecorder(shipped, {})
        if not self._own.functions:
            recorder.spare(society)
        while society.running:
            society.step()
            recorder.look(society)
        twin = partial(
            simulate_twin,
            scenario,
            society.seed,
            self._network,
            reads=recorder.reads,
        )
        found = recorder.values(society, twin) | self._own.values(society)
        numbers = np.array([found[name] for name in self.outcomes], np.float64)
        return Simulated(*flagged(self.outcomes, numbers, float(society.calendar)))


@checked_arguments(IN_SCENARIO)
def simulator(
    scenario: Scenario | str | Path,
    names: Sequence[str],
    outcomes: Sequence[str],
    *,
    functions: Mapping[str, Measure] | None = None,
    network: GivenNetwork | None = None,
) -> Simulator:
    """Return a scenario as a function of some parameters and a seed, for inference.

    Parameters
    ----------
    scenario
        A scenario, its name, or its TOML file.
    names
        The parameters that vary, those of mechanisms in use among them.
    outcomes
        What to return of each run: outcomes, days of events, and the days between two
        (``"first_love to first_departure"``).
    functions
        Outcomes of one's own by name, as for ``sim.sweep``; they come after the others
        unless ``outcomes`` names them.
    network
        Who knows whom on day 0, as for ``sim.run``.

    Returns
    -------
    Simulator
        A callable of ``theta`` and ``seed`` that returns ``values`` and ``flags``.

    Raises
    ------
    InputError
        If the scenario, a parameter or an outcome is unknown, or named twice.

    Examples
    --------
    >>> import sim
    >>> town = sim.scenario("her").replace(humans=30, steps=10)
    >>> simulate = sim.simulator(town, ["imitation"], ["adopted_end", "upgrade"])
    >>> found = simulate([0.2], seed=1)
    >>> found.values[1], found.flags.tolist()  # no upgrade within 10 days
    (np.float64(10.0), [0, 1])
    """
    chosen = scenarios.chosen(scenario)
    own = OwnOutcomes(functions)
    varied = _listed("parameter", names)
    wanted = _listed("outcome", outcomes)
    wanted += [name for name in own.functions if name not in wanted]
    check_humans(network, varied)
    for name in varied:
        about(name, type(chosen.parameters))
    for name in wanted:
        if name not in own.functions:
            check(name)
    told = None if network is None else as_file(network)
    return Simulator(chosen, varied, wanted, own, told)


def _listed(what: str, given: Sequence[str]) -> list[str]:
    """Return names that were given as a list, each once."""
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise InputError(f"give {what}s as a list of names, not {given!r:.80}")
    found = list(given)
    if wrong := [name for name in found if not isinstance(name, str)]:
        raise InputError(f"{what}s are named by texts, not {wrong[0]!r:.80}")
    if twice := [name for name in found if found.count(name) > 1]:
        raise InputError(f"{what} {twice[0]!r} is named twice")
    return found
