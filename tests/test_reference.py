"""The model's compiled loops agree with the reference society, number for number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import made_once
from reference_agents import ReferenceAgent, ReferenceHuman, ReferenceOS, single
from reference_society import ReferenceSociety
from twins import Twins, some_parameters

from sim.model import rules
from sim.model.columns import (
    DECLARED,
    DEPARTED,
    INSTALLS,
    KNOWS,
    LETS_GO,
    NOTHING,
    OFFLINE,
    SHUT_DOWN,
    UNINSTALLED,
)

SOCIETIES = range(20)
DAYS = 60


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
    grown = rules.peer_value(human.os.growth, constants.peer_depth)
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
    "a human leaves a partner": human(lambda one: one.former and one.parted),
    "a human takes up an OS that others have": human(
        lambda one: one.takes_up and one.choice == INSTALLS
    ),
    "a human takes up an OS that they know": human(
        lambda one: one.takes_up and one.knew_it
    ),
    "a human leaves an OS to others": human(
        lambda one: one.choice == LETS_GO and one.left_to_others
    ),
    "an OS is known by another than who installed it": mind(lambda one: one.passed_on),
    "two singles pair": human(lambda one: one.partner and one.wants is one.partner),
    "a human meets another": human(
        lambda one: one.meets and one.meets is not one.former
    ),
    "a human meets a stranger of the own group": human(
        lambda one: one.meets and one.is_sent_to_group and one.meets.is_human
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
    "an OS meets whose post it reads": mind(
        lambda one: one.read and one.meets is one.read
    ),
    "an OS grows to the cap": mind(is_full_grown),
    "OSes form a collective": mind(lambda one: one.collective),
    "a collective makes a mind": mind(lambda one: one.made_by),
    "a made mind upgrades": mind(lambda one: one.made_by and one.upgraded),
    "an OS is offline": mind(lambda one: one.status == OFFLINE),
    "an OS comes back upgraded": mind(lambda one: one.upgraded and one.is_here),
    "an OS departs": mind(lambda one: one.status == DEPARTED),
    "an OS remembers peers who left": mind(lambda one: one.peers_left),
}


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


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], set[str]]:
    """Return what happened to twins, who live once for all processes of tests."""

    def find(society: int) -> set[str]:
        def make(place: Path) -> None:
            place.write_text(json.dumps(sorted(live(society))))

        kept = made_once(tmp_path_factory, f"twins-{society}", make)
        return set(json.loads(kept.read_text()))

    return find


@pytest.mark.parametrize(
    "society",
    [
        one if one < 3 else pytest.param(one, marks=pytest.mark.slow)
        for one in SOCIETIES
    ],
)
def test_columns_and_objects_live_the_same_lives(
    society: int, happened: Callable[[int], set[str]]
) -> None:
    happened(society)


@pytest.mark.slow
def test_everything_that_can_happen_happened_somewhere(
    happened: Callable[[int], set[str]],
) -> None:
    assert not set(HAPPENINGS) - set().union(*map(happened, SOCIETIES))
