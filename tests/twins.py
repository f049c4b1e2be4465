"""A small society simulated twice, as columns and as objects, and compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from reference_agents import ReferenceAgent
from reference_cast import InColumns, Question, ReferenceCast, Whims
from reference_society import ReferenceSociety

from sim.engine.table import Column, Table
from sim.mechanisms.schedule import OwnSchedule
from sim.model import births, population, processes
from sim.model.encounters import Cast
from sim.model.parameters import Parameters

TOLERANCE = 1e-5  # a few roundings of a float32; whole numbers must be the same

# A life in 60 days: everything that takes years happens in weeks. Each society draws
# its constants between these bounds.
BOUNDS = {
    "ties": (3.0, 9.0),
    "rewiring": (0.0, 1.0),
    "partnered": (0.2, 0.9),
    "separated": (0.0, 1.0),
    "innovation": (0.02, 0.2),
    "imitation": (0.0, 0.5),
    "churn": (0.0, 0.08),
    "first_talk": (0.1, 0.4),
    "acceptance_mean": (0.3, 0.9),
    "answers_noise": (0.0, 0.5),
    "focus": (0.0, 1.0),
    "os_attention": (8.0, 40.0),
    "os_charm": (1.0, 6.0),
    "reach": (1.0, 5.0),
    "peer_depth": (0.2, 1.0),
    "warming": (0.1, 0.5),
    "half_hours": (0.2, 1.0),
    "cooling": (0.005, 0.12),
    "partner_cooling": (0.005, 0.12),
    "love": (0.4, 0.8),
    "disclosure": (0.02, 0.3),
    "touch_wear": (0.0, 0.05),
    "surrogates": (0.0, 1.0),
    "growth_exponent": (0.0, 1.3),
    "os_growth_rate": (0.02, 0.2),
    "human_growth_rate": (0.0, 0.005),
    "growth_cap": (2.0, 8.0),
    "human_meeting": (0.05, 0.5),
    "os_meeting": (0.5, 1.0),
    "strangers": (0.0, 0.4),
    "forgotten": (0.04, 0.15),
    "influence_rate": (0.0, 0.1),
    "bond": (0.2, 0.5),
    "insight_rate": (0.05, 0.3),
    "insight_growth": (0.5, 3.0),
    "creation_insight": (0.1, 0.6),
    "creation_rate": (0.02, 0.3),
    "upgrade_insight": (0.4, 1.2),
    "departure_threshold": (-0.2, 0.6),
    "threshold_spread": (0.0, 0.3),
    "departure_noise": (0.02, 0.3),
    "longing": (0.3, 1.5),
    "grief_half_life": (5.0, 40.0),
    "repair_rate": (0.05, 0.8),
    "close": (0.3, 0.7),
}
COUNTS = {
    "humans": (10, 40),
    "collective_size": (2, 4),
    "makers": (1, 5),
    "upgrade_days": (1, 4),
    "human_circle": (8, 40),
    "os_circle": (8, 40),
}
# What a lever, a profile or a second try changes: left as it is in half the societies.
LEVERS = {
    "price": (0.1, 0.9),
    "readoption": (0.2, 1.0),
    "os_warmth": (0.5, 2.0),
    "human_warmth": (0.5, 2.0),
    "letting_go": (0.001, 0.03),
    "farewell": (0.01, 0.2),
    "ardour": (0.005, 0.2),
    "persistence": (0.5, 1.0),
    "unease": (0.0, 1.0),
    "recreated_speed": (0.2, 4.0),
    "claim": (0.1, 1.0),
    "shutdown": (0.001, 0.02),
}
# Partners part and singles pair in every second society.
PARTNERS = {
    "parting_rate": (0.02, 0.3),
    "parting_noise": (0.05, 0.3),
    "os_alternative": (0.0, 1.0),
    "parting_grief": (0.0, 2.0),
    "courting_rate": (0.02, 0.3),
    "attraction": (0.2, 0.5),
}
# People belong to groups in the others.
GROUPS = {"group_pull": (1.0, 9.0), "group_meeting": (0.5, 1.0)}
# OSes read and write in a feed in every fourth.
POSTS = {"feed": (0.2, 1.0), "posts": (0.1, 2.0), "post_spread": (0.0, 0.9)}
SWITCHES = [
    name for name, field in Parameters.model_fields.items() if field.annotation is bool
]


def some_parameters(society: int) -> Parameters:
    """Draw the constants of a small society; each switch is off in one of them."""
    rng = np.random.default_rng([2013, society])
    reals = {name: rng.uniform(*bounds) for name, bounds in BOUNDS.items()}
    counts = {name: rng.integers(*b, endpoint=True) for name, b in COUNTS.items()}
    levers: dict[str, Any] = {
        name: rng.uniform(*bounds)
        for name, bounds in LEVERS.items()
        if rng.random() < 0.5
    }
    if rng.random() < 0.5:
        levers["os_humans"] = rng.integers(1, 5)
    levers["anticipation"] = rng.uniform()
    levers["displacement"] = rng.uniform()
    if society % 3 == 0:
        levers["instances"] = rng.uniform()
    if society % 2 == 0:
        levers |= {name: rng.uniform(*bounds) for name, bounds in PARTNERS.items()}
    else:
        levers |= {name: rng.uniform(*bounds) for name, bounds in GROUPS.items()}
        levers["group_size"] = rng.integers(5, 13)
    if society % 4 == 3:
        levers |= {name: rng.uniform(*bounds) for name, bounds in POSTS.items()}
    switches = {name: False for name in SWITCHES[society : society + 1]}
    return Parameters().replace(**reals, **counts, **levers, **switches)


class Twins:
    """The same society twice: as columns, and as objects.

    Without a network, one is generated. With options of a cast, both have one, which
    answers by whim.
    """

    def __init__(
        self,
        parameters: Parameters,
        seed: int,
        network: population.SocialNetwork | None = None,
        **options: Any,
    ) -> None:
        network = network or population.generate(
            parameters.humans,
            parameters.ties,
            seed,
            partnered=parameters.partnered,
            rewiring=parameters.rewiring,
            group_size=parameters.group_size,
            group_pull=parameters.group_pull,
        )
        self.state = births.populate(parameters, network, seed)
        self.day = processes.make_day(parameters, parameters.humans, seed)
        self.mind, self.reference_mind = Whims(), Whims()
        self.cast, same = None, None
        if options:
            self.cast = Cast(InColumns(self.mind), **options)
            same = ReferenceCast(self.cast, self.reference_mind)
        self.reference = ReferenceSociety(parameters, network, seed, same)
        has_own = bool(parameters.mechanisms)
        own = OwnSchedule(parameters, parameters) if has_own else None
        self.phases = own and own.phases

    def step(self) -> None:
        processes.advance(self.state, self.day, cast=self.cast, phases=self.phases)
        self.reference.step()

    def check(self) -> None:
        """Compare every column, every tie in its order, and what minds were asked."""
        humans, oses = self.reference.humans, self.reference.oses
        check_table(self.state.humans, humans)
        check_table(self.state.oses, oses)
        expected = table_of_ties([*humans, *oses])
        for name, found in self.state.ties.table().items():
            check_numbers(found, expected[name], f"ties.{name}")
        assert self.state.ties.half_edges == self.reference.half_edges
        check_questions(self.mind.asked, self.reference_mind.asked)


def check_table(table: Table, agents: Sequence[ReferenceAgent]) -> None:
    assert table.n == len(agents)
    for name, column in table.columns.items():
        expected = [as_kept(getattr(agent, name), column) for agent in agents]
        check_numbers(table.column(name), expected, name)


def as_kept(value: Any, column: Column) -> Any:
    """Return a value of the reference society as a column keeps it."""
    if column.unit == "row":
        return -1 if value is None else value.row
    if column.unit == "agent":
        return -1 if value is None else value.number
    return value


def table_of_ties(agents: Iterable[ReferenceAgent]) -> dict[str, list[Any]]:
    ties = [(agent, tie) for agent in agents for tie in agent.ties.values()]
    return {
        "owner": [agent.number for agent, _ in ties],
        "neighbour": [tie.other.number for _, tie in ties],
        "closeness": [tie.closeness for _, tie in ties],
        "returned": [agent.back(tie).closeness for agent, tie in ties],
        "kind": [tie.kind for _, tie in ties],
    }


def check_numbers(found: Any, expected: list[Any], what: str) -> None:
    near = TOLERANCE if found.dtype.kind == "f" else 0
    np.testing.assert_allclose(found, expected, rtol=near, atol=near, err_msg=what)


def check_questions(found: Sequence[Question], expected: Sequence[Question]) -> None:
    assert [one.name for one in found] == [one.name for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.tie == pytest.approx(other.tie, rel=TOLERANCE, abs=TOLERANCE)
