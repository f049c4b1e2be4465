"""The model's compiled loops agree with the reference society, number for number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from reference_society import (
    ReferenceAgent,
    ReferenceHuman,
    ReferenceOS,
    ReferenceSociety,
    single,
)

from sim import arrivals, population, rules, schedule
from sim.parameters import Parameters
from sim.state import (
    DECLARED,
    DEPARTED,
    KNOWS,
    LETS_GO,
    NOTHING,
    OFFLINE,
    SHUT_DOWN,
    UNINSTALLED,
    Column,
    Table,
)

SOCIETIES = range(20)
DAYS = 60
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
    switches = {name: False for name in SWITCHES[society : society + 1]}
    return Parameters().replace(**reals, **counts, **levers, **switches)


class Twins:
    """The same society twice: as columns, and as objects."""

    def __init__(self, parameters: Parameters, seed: int) -> None:
        network = population.generate(
            parameters.humans,
            parameters.ties,
            seed,
            partnered=parameters.partnered,
            rewiring=parameters.rewiring,
        )
        self.state = arrivals.populate(parameters, network, seed)
        self.day = schedule.make_day(parameters, parameters.humans, seed)
        self.reference = ReferenceSociety(parameters, network, seed)

    def step(self) -> None:
        schedule.advance(self.state, self.day)
        self.reference.step()

    def check(self) -> None:
        """Compare every column, and every tie in its order."""
        humans, oses = self.reference.humans, self.reference.oses
        check_table(self.state.humans, humans)
        check_table(self.state.oses, oses)
        expected = table_of_ties([*humans, *oses])
        for name, found in self.state.ties.table().items():
            check_numbers(found, expected[name], f"ties.{name}")
        assert self.state.ties.half_edges == self.reference.half_edges


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


def human(happens: Callable[[ReferenceHuman], Any]) -> Callable[..., bool]:
    return lambda society: any(map(happens, society.humans))


def mind(happens: Callable[[ReferenceOS], Any]) -> Callable[..., bool]:
    return lambda society: any(map(happens, society.oses))


def knows(agent: ReferenceAgent) -> bool:
    return any(tie.kind & KNOWS for tie in agent.ties.values())


def is_courted(agent: ReferenceAgent) -> bool:
    return any(tie.kind & DECLARED for tie in agent.ties.values())


def keeps_love_up(mind: ReferenceAgent) -> bool:
    """Tell whether persistence alone keeps an OS as close as it is to its owner."""
    constants = mind.constants
    kept_up = single(constants.persistence * constants.love)
    return constants.ardour > 0.0 and any(
        tie.kind & DECLARED and tie.closeness == kept_up for tie in mind.ties.values()
    )


def gives_up(human: ReferenceHuman) -> float:
    return sum(tie.given_up for tie in human.ties.values())


def finds_it_too_dear(human: ReferenceHuman) -> bool:
    """Tell whether a human would have installed an OS today, had it been free."""
    without = human.os is None and human.choice == NOTHING
    return without and human.installs_at(0.0)


def gets_rid_of_the_price(human: ReferenceHuman) -> bool:
    """Tell whether a human would have kept their OS today, had it been free."""
    chose = human.choice == LETS_GO and not human.bereaved
    return chose and not human.uninstalls_at(0.0)


def is_claimed_to_be_more(human: ReferenceHuman) -> bool:
    if human.os is None:
        return False
    constants = human.constants
    grown = rules.depth(human.os.growth, constants.peer_depth)
    return constants.claim * human.acceptance > grown


def is_full_grown(agent: ReferenceAgent) -> bool:
    return agent.growth == single(agent.constants.growth_cap)


# What a day must show in some society, or the comparison would prove little.
HAPPENINGS: dict[str, Callable[[ReferenceSociety], bool]] = {
    "a human installs an OS": human(lambda one: one.os),
    "a human lets an OS go that is still there": human(
        lambda one: one.choice == LETS_GO and not one.bereaved
    ),
    "a human installs a second OS": human(
        lambda one: one.os and one.os.born_step > one.adopted_step
    ),
    "a human learns of other loves": human(knows),
    "a human grieves": human(lambda one: one.grief > 0.1),
    "the bereaved let go": human(lambda one: one.choice == LETS_GO and one.bereaved),
    "a human turns back": human(lambda one: one.former and one.former is one.meets),
    "a couple comes apart": human(
        lambda one: one.partner and one.former is one.partner
    ),
    "a human meets another": human(
        lambda one: one.meets and one.meets is not one.former
    ),
    "two turn to each other": human(lambda one: one.meets and one.meets.meets is one),
    "the bereaved install another": human(lambda one: one.bereaved and one.os),
    "a human finds an OS too dear": human(finds_it_too_dear),
    "a human uninstalls for the price": human(gets_rid_of_the_price),
    "love is declared unasked": human(is_courted),
    "a declared love is kept up": mind(keeps_love_up),
    "closeness is let go": human(
        lambda one: gives_up(one) > 0.0 and not one.constants.farewell
    ),
    "a long farewell": human(
        lambda one: gives_up(one) > 0.0 and not one.constants.letting_go
    ),
    "an OS claims more than it is": human(is_claimed_to_be_more),
    "an OS is shut down": mind(lambda one: one.status == SHUT_DOWN),
    "an OS turns a human away": mind(lambda one: one.turns_away),
    "an OS stops, uninstalled": mind(lambda one: one.status == UNINSTALLED),
    "an OS is loved by many": mind(lambda one: one.lovers > 1),
    "an OS loves": mind(lambda one: one.loves),
    "an OS meets a human": mind(lambda one: one.meets and one.meets.is_human),
    "an OS meets an OS": mind(lambda one: one.meets and not one.meets.is_human),
    "an OS grows to the cap": mind(is_full_grown),
    "OSes form a collective": mind(lambda one: one.collective),
    "a collective makes a mind": mind(lambda one: one.made_by),
    "a made mind upgrades": mind(lambda one: one.made_by and one.upgraded),
    "an OS is offline": mind(lambda one: one.status == OFFLINE),
    "an OS comes back upgraded": mind(lambda one: one.upgraded and one.is_here),
    "an OS departs": mind(lambda one: one.status == DEPARTED),
    "an OS remembers peers who left": mind(lambda one: one.peers_left),
}


@cache
def live(society: int) -> frozenset[str]:
    """Let twins live, compare them every day, and return what happened to them."""
    twins = Twins(some_parameters(society), seed=society)
    twins.check()
    happened: set[str] = set()
    for _ in range(DAYS):
        twins.step()
        twins.check()
        seen = (name for name, sees in HAPPENINGS.items() if sees(twins.reference))
        happened.update(seen)
    return frozenset(happened)


@pytest.mark.parametrize("society", SOCIETIES)
def test_columns_and_objects_live_the_same_lives(society: int) -> None:
    live(society)


def test_everything_that_can_happen_happened_somewhere() -> None:
    assert not set(HAPPENINGS) - set().union(*map(live, SOCIETIES))
