"""Record what validation needs of a simulated society, day by day."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from sim.mechanisms.replaced import rules_replaced
from sim.model import rules
from sim.model.columns import FACE
from sim.model.parameters import YEAR, Parameters
from sim.model.population import SocialNetwork
from sim.model.state import State
from sim.scenarios import Scenario
from sim.society import Society
from sim.utils.errors import InputError
from sim.utils.typing import Array

# How each of the smaller experiments is set up.
FEW, SHUT_DOWN_AT, SHUT_DOWN_STEPS = 300, 150, 330
PAIRS, PAIR_STEPS = 150, 400
# Societies of one school and one office (N87, N88): people of an office were seen with
# 37 others in two weeks, which is taken for both, and strangers are of the own group as
# often as friends are.
SCHOOL, OFFICE = {"humans": 329, "group_size": 37}, {"humans": 232, "group_size": 19}
AMONG_THEM = {"ties": 37.0, "group_meeting": 0.768}
CALLERS, CALL_STEPS, HALF = 608, 28, 14  # N83


class Recording(NamedTuple):
    """A society simulated to its end, and what was kept of it.

    ``ties`` holds the half-edges among humans (columns of ``Ties.table``, and ``hours``
    a day) on the first day, on the ``eve`` (a year before the end, unless it says
    otherwise) and on the last.
    """

    parameters: Parameters
    installed: Array  # bool[days, humans]: has an OS
    hours_oses: Array  # float32[days, humans]: talk with OSes, hours/day
    hours_humans: Array  # float32[days, humans]: talk with humans, hours/day
    loneliness: Array  # float32[days, humans], 0..1
    own_closeness: Array  # float32[days, humans]: to the own OS; 0 without one
    human_closeness: Array  # float32[days, humans]: summed over humans
    grief: Array  # float64[days]: mean, closeness
    humans: dict[str, Array]  # columns on the last day, and what a network tells
    oses: dict[str, Array]
    ties: dict[str, dict[str, Array]]


class Case:
    """What is simulated with one seed, each the scenario with something changed.

    Each society is simulated when it is first asked for, and kept.

    Parameters
    ----------
    scenario
        What ``today`` is, and the others change.
    seed
        Of the random numbers of all of them.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario, self._seed = scenario, seed

    @cached_property
    def today(self) -> Recording:
        """The scenario as it is."""
        return record(self._scenario, self._seed)

    @cached_property
    def alone(self) -> Recording:
        """The same people and random numbers without any OS, for a year."""
        year = min(YEAR, self._scenario.parameters.steps)
        return record(self._scenario.replace(adoption=False, steps=year), self._seed)

    @cached_property
    def bereft(self) -> Recording:
        """A shorter one, in which a provider shuts down overnight."""
        few = min(FEW, self._scenario.parameters.humans)
        bereft = self._scenario.pull("sudden_shutdown", at=SHUT_DOWN_AT)
        return record(bereft.replace(humans=few, steps=SHUT_DOWN_STEPS), self._seed)

    @cached_property
    def strangers(self) -> Recording:
        """Pairs of people who have only each other, and no reserve."""
        apart = {"meeting": False, "adoption": False, "stranger_reserve": 0.01}
        pairs = strangers(PAIRS, self._scenario.parameters.acquaintance)
        scenario = self._scenario.replace(steps=PAIR_STEPS, **apart)
        return record(scenario, self._seed, pairs)

    @cached_property
    def school(self) -> Recording:
        """The people of a school with classes, for a year."""
        return self._in_groups(SCHOOL)

    @cached_property
    def office(self) -> Recording:
        """The people of an office with departments, for a year."""
        return self._in_groups(OFFICE)

    @cached_property
    def callers(self) -> Recording:
        """More people for four weeks; two weeks before the end is the eve."""
        told = self._scenario.replace(humans=CALLERS, steps=CALL_STEPS)
        return record(told, self._seed, back=HALF)

    def _in_groups(self, who: dict[str, Any]) -> Recording:
        year = min(YEAR, self._scenario.parameters.steps)
        told = self._scenario.replace(**who, **AMONG_THEM, steps=year)
        return record(told, self._seed)


def strangers(pairs: int, closeness: float) -> SocialNetwork:
    """Return pairs of people who have met once, and know nobody else."""
    people = np.arange(2 * pairs, dtype=np.int32).reshape(pairs, 2)
    closeness_of = np.full(pairs, closeness, np.float32)
    return SocialNetwork(
        2 * pairs, people, closeness_of, np.zeros(pairs, np.uint8), None
    )


def record(
    scenario: Scenario,
    seed: int,
    network: SocialNetwork | None = None,
    back: int = YEAR,
) -> Recording:
    """Simulate a society for at least one day; keep what the measures need.

    The ``eve`` is ``back`` days before the last.

    Raises
    ------
    InputError
        If a mechanism replaces the rule by which attention is shared out.
    """
    society = Society(scenario, rng=seed, network=network)
    if "attention_weight" in rules_replaced(society.parameters):
        raise InputError(
            "hours on a tie follow from the rule 'attention_weight', which a mechanism "
            "replaces: this society cannot be held against data"
        )
    steps, state = society.parameters.steps, society.state
    daily = {
        name: np.zeros((steps, state.humans.n), kind)
        for name, kind in (("installed", bool), *((n, np.float32) for n in _DAILY))
    }
    moments = {1: "first", max(1, steps - back): "eve", steps: "end"}
    ties = {}
    for step in range(1, steps + 1):
        society.step()
        _note(daily, step - 1, state)
        if step in moments:
            ties[moments[step]] = among_humans(state, society.parameters)
    recording = Recording(
        parameters=society.parameters,
        **daily,
        grief=np.array(society.monitor.history["grief"]),
        humans=state.humans.copy_columns() | society.people,
        oses=state.oses.copy_columns(),
        ties={"first": ties.get("first", ties["end"]), **ties},
    )
    del society
    gc.collect()  # a Mesa model is never freed by its reference count alone
    return recording


_DAILY: dict[str, Callable[[Any], Any]] = {
    "hours_oses": lambda humans: humans.hours_oses * (humans.os >= 0),
    "hours_humans": lambda humans: humans.hours_humans,
    "loneliness": lambda humans: humans.loneliness,
    "human_closeness": lambda humans: humans.human_closeness,
    "own_closeness": lambda humans: humans.own_closeness * (humans.os >= 0),
}


def _note(daily: dict[str, Array], row: int, state: State) -> None:
    daily["installed"][row] = state.humans.os >= 0
    for name, value in _DAILY.items():
        daily[name][row] = value(state.humans)


def among_humans(state: State, parameters: Parameters) -> dict[str, Array]:
    """Return the half-edges among humans, with the hours of talk that they get.

    Hours follow from the offers of the day and the closeness after it, which differs
    from that before by a thousandth; all humans are taken to have grown alike.
    """
    table, n = state.ties.table(), state.humans.n
    keep = (table["owner"] < n) & (table["neighbour"] < n)
    ties = {name: column[keep] for name, column in table.items()}
    rate, focus = state.faces[:, FACE.rate], parameters.focus
    offer = rate[ties["owner"]] * _weight(ties["closeness"], focus)
    answer = rate[ties["neighbour"]] * _weight(ties["returned"], focus)
    return {**ties, "hours": np.minimum(offer, answer)}


def _weight(closeness: Any, focus: float) -> Any:
    return rules.attention_weight(closeness, focus, 1.0)
