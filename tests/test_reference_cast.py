"""A cast lives the same lives in the compiled loops and in the reference society."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import made_once
from reference_agents import ReferenceAgent, ReferenceHuman, Words
from reference_society import ReferenceSociety
from twins import Twins, some_parameters

from sim.model.columns import ACTS, DECLARE, GOODBYE, INTRODUCE, SEEK, WITHDRAW
from sim.model.encounters import DEPARTURE, FAREWELL, GHOST, REPAIR, TALK, UPGRADE

DAYS = 40
SIZES: dict[str, dict[str, Any]] = {
    "nobody": {"size": 0},
    "four": {"size": 4},
    "a dozen": {"size": 12},
    "some by name": {"size": 8, "humans": (3, 0, 17)},
    "everybody": {"size": None},
}
SOCIETIES = range(4)
Happened = Callable[[int, str], set[str]]


def some_twins(society: int, who: str) -> Twins:
    """Draw a small society with a cast that is asked often."""
    rng = np.random.default_rng([2025, society])
    constants = some_parameters(society + 30).replace(
        humans=rng.integers(20, 40, endpoint=True),
        withdrawal=rng.uniform(0.05, 0.6),
        patience=rng.integers(1, 10, endpoint=True),
    )
    talks, ghosts = rng.uniform(0.3, 2.0), society % 2 > 0
    options = SIZES[who] | {"talks": talks, "ghost_writer": ghosts}
    return Twins(constants, society, **options)


# --------------------------------------------------------- what must happen somewhere

Sees = Callable[[ReferenceAgent, Words], Any]


def words(society: ReferenceSociety) -> Iterator[tuple[ReferenceAgent, Words]]:
    """Yield what was decided today, seen from either side."""
    for agent in society.agents:
        yield from ((agent, told) for told in agent.words.values())


def is_introduced(agent: ReferenceAgent, told: Words) -> bool:
    """Tell whether an agent meets somebody today because another sees to it."""
    sent = agent.words_that_send() is told and told.answer == INTRODUCE
    turns_back = isinstance(agent, ReferenceHuman) and agent.meets is agent.former
    return sent and agent.meets is not None and not turns_back


def finds_a_peer(agent: ReferenceAgent, told: Words) -> bool:
    sent = agent.words_that_send() is told and told.act == SEEK
    return bool(
        sent and agent.meets and not agent.is_human and not agent.meets.is_human
    )


def closeness(agent: ReferenceAgent, told: Words) -> float:
    return agent.ties[told.other].closeness if told.other in agent.ties else 0.0


HAPPENINGS: dict[str, Sees] = {
    "two do not talk after all": lambda _, told: not told.held,
    "the rules say how it went": lambda _, told: told.quality is None,
    "a human says how it went": lambda one, told: one.is_human and told.quality,
    "an OS says how it went": lambda one, told: not one.is_human and told.quality,
    "a human hears news": lambda one, told: one.is_human and told.heard > 0.5,
    "an OS hears news": lambda one, told: not one.is_human and told.heard > 0.5,
    "a human says goodbye": lambda one, told: one.is_human and told.act == GOODBYE,
    "an OS says goodbye": lambda one, told: not one.is_human and told.act == GOODBYE,
    "somebody withdraws": lambda one, told: (
        told.act == WITHDRAW and closeness(one, told) > 0.0
    ),
    "words make love": lambda one, told: (
        told.act == DECLARE and closeness(one, told) >= one.constants.love
    ),
    "words make no love": lambda one, told: (
        told.act == DECLARE and 0.0 < closeness(one, told) < one.constants.close
    ),
    "an OS declares love": lambda one, told: (
        one.is_human and not told.other.is_human and told.answer == DECLARE
    ),
    "a friend is introduced": is_introduced,
    "a human is introduced to an OS": lambda one, told: (
        one.is_human and is_introduced(one, told) and not one.meets.is_human
    ),
    "an OS finds a peer": finds_a_peer,
}
QUESTIONS = {TALK, UPGRADE, DEPARTURE, FAREWELL, REPAIR, GHOST}
DECIDED_TO_STAY = "an OS stays"


def live(society: int, who: str) -> frozenset[str]:
    """Let twins live, compare them every day, and return what happened to them."""
    twins = some_twins(society, who)
    happened: set[str] = set()
    for _ in range(DAYS):
        twins.step()
        twins.check()
        told = list(words(twins.reference))
        seen = (
            name for name, sees in HAPPENINGS.items() if any(sees(*t) for t in told)
        )
        happened.update(seen, (ACTS[one.act] for _, one in told))
        if any(one.stays for one in twins.reference.oses):
            happened.add(DECIDED_TO_STAY)
    return frozenset(happened | {question.kind for question in twins.mind.asked})


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Happened:
    """Return what happened to twins, who live once for all processes of tests."""

    def find(society: int, who: str) -> set[str]:
        def make(place: Path) -> None:
            place.write_text(json.dumps(sorted(live(society, who))))

        kept = made_once(tmp_path_factory, f"twins-{society}-{who}", make)
        return set(json.loads(kept.read_text()))

    return find


@pytest.mark.parametrize(
    "who",
    [
        one if one == "four" else pytest.param(one, marks=pytest.mark.slow)
        for one in SIZES
    ],
)
@pytest.mark.parametrize(
    "society",
    [0, *(pytest.param(one, marks=pytest.mark.slow) for one in SOCIETIES if one)],
)
def test_columns_and_objects_ask_the_same_and_live_the_same(
    society: int, who: str, happened: Happened
) -> None:
    happened(society, who)


@pytest.mark.slow
def test_everything_that_can_be_said_was_said_somewhere(happened: Happened) -> None:
    somewhere = set().union(*(happened(one, w) for one in SOCIETIES for w in SIZES))
    assert not {*HAPPENINGS, *ACTS, *QUESTIONS, DECIDED_TO_STAY} - somewhere
    assert not happened(0, "nobody")
