"""Memories: what agents keep of their talks, and how little room it takes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sim.minds import memory
from sim.minds.memory import COLUMNS, MOST_HEARD, Memories

IDA, SKY, KAI = 3, 203, 204


@pytest.fixture
def talked() -> Memories:
    """Return the memories of Ida and Sky, who talked on three days."""
    found = Memories()
    found.note(1, IDA, SKY, "Ida", "Good morning", "we met")
    found.note(1, SKY, IDA, "Sky", "Hello Ida", "she is shy")
    found.note(2, IDA, SKY, "Ida", "I dreamed of the sea")
    found.note(3, SKY, IDA, "Sky", "Tell me more", "she dreams of the sea")
    return found


def test_both_remember_what_was_said_and_each_what_it_noted(talked: Memories) -> None:
    assert talked.of(IDA, SKY).splitlines() == [
        "you noted: we met",
        "day 1, Sky: Hello Ida",
        "day 2, you: I dreamed of the sea",
        "day 3, Sky: Tell me more",
    ]
    assert talked.of(SKY, IDA).splitlines() == [
        "you noted: she is shy",
        "you noted: she dreams of the sea",
        "day 1, you: Hello Ida",
        "day 2, Ida: I dreamed of the sea",
        "day 3, you: Tell me more",
    ]


def test_one_hears_the_others_last_words(talked: Memories) -> None:
    assert talked.heard(IDA, SKY) == "Tell me more"
    assert talked.heard(SKY, IDA) == "I dreamed of the sea"
    assert talked.heard(IDA, KAI) == ""
    assert talked.of(IDA, KAI) == ""


def test_noting_it_for_the_listener_too_changes_nothing(talked: Memories) -> None:
    before = talked.columns()
    talked.note(3, IDA, SKY, "Sky", "Tell me more")
    assert talked.columns() == before


def test_what_is_said_in_turns_stays_in_their_order() -> None:
    memories = Memories()
    for turn, (one, other) in enumerate(((2, 1), (1, 2), (2, 1)), start=1):
        memories.note(4, one, other, f"agent {one}", f"turn {turn}", turn=turn)
    memories.note(4, 1, 2, "agent 1", "I go.")  # later on that day
    said = ["turn 2", "turn 3", "I go."]
    for agent, other in ((1, 2), (2, 1)):
        lines = memories.of(agent, other).splitlines()
        assert [line.partition(": ")[2] for line in lines] == said
    assert set(memories.columns()) == set(COLUMNS)


def test_two_of_one_name_are_not_confused() -> None:
    found = Memories()
    found.note(1, SKY, KAI, "Sky", "I am Sky")
    found.note(1, KAI, SKY, "Sky", "So am I")
    assert found.heard(SKY, KAI) == "So am I"
    assert found.heard(KAI, SKY) == "I am Sky"


def test_a_tie_keeps_the_last_exchanges(talked: Memories) -> None:
    for step in range(10, 20):
        talked.note(step, IDA, SKY, "Ida", f"words of day {step}")
    assert talked.columns()["agent"].count(IDA) == memory.MOST_EXCHANGES
    assert talked.of(SKY, IDA).endswith("day 19, Ida: words of day 19")


def test_a_summary_is_the_last_lines_that_fit(talked: Memories) -> None:
    for step in range(100):
        talked.note(step, IDA, SKY, "Ida", "Yes", f"thought {step} " + "x" * 60)
    summary = talked.columns()["summary"][-1]
    assert len(summary) <= memory.MOST_OF_A_SUMMARY
    assert summary.splitlines()[-1].startswith("thought 99 ")
    assert "we met" not in summary


@given(said=st.text(), name=st.text(), remember=st.text())
@example(said="a\nb", name="a\u2028b", remember="a\rb\x85c")
def test_nothing_said_takes_more_than_its_line(
    said: str, name: str, remember: str
) -> None:
    found = Memories()
    for step in range(3):
        found.note(step, IDA, SKY, name * 50, said * 50, remember * 50)
    assert len(found.of(SKY, IDA).split("\n")) == 3
    assert len(found.of(IDA, SKY).split("\n")) <= 6
    kept = found.columns()
    assert max(map(len, kept["said"])) <= memory.MOST_SAID
    assert max(map(len, kept["summary"])) <= memory.MOST_OF_A_SUMMARY


def test_ties_that_rested_longest_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "MOST_TIES", 3)
    found = Memories()
    for step, other in enumerate([10, 11, 12, 10, 13]):
        found.note(step, SKY, other, "Sky", "Hello")
    assert len(found) == 3
    assert found.columns()["other"] == [12, 10, 10, 13]


# ---------------------------------------------------------------------- from anybody


def heard_by_ann() -> Memories:
    """Return memories in which agent 1 heard from 2, 3 and 4."""
    memories = Memories()
    memories.note(1, 2, 1, "Bo", "The ferry to the island is blue", closeness=0.1)
    memories.note(9, 3, 1, "Cy", "It rains", closeness=0.1)
    memories.note(10, 4, 1, "Di", "My sister sings", closeness=0.1)
    return memories


def test_what_was_heard_of_anybody_comes_to_mind_with_somebody_else() -> None:
    memories = heard_by_ann()
    told = memories.told_by_others(1, 5, 10).splitlines()
    assert told == [
        "day 9, Cy told you: It rains",
        "day 10, Di told you: My sister sings",
    ]
    assert "Di" not in memories.told_by_others(1, 4, 10)  # who knows it anyway
    assert memories.told_by_others(5, 1, 10) == ""


def test_what_it_is_about_and_who_said_it_counts_beside_how_long_ago() -> None:
    memories = heard_by_ann()
    memories.note(10, 5, 1, "Ed", "Is the ferry to the island blue?")
    assert "ferry" in memories.told_by_others(1, 5, 10)
    memories = Memories()
    for step, by, closeness in ((1, 2, 1.0), (2, 3, 0.0), (2, 4, 0.0)):
        memories.note(step, by, 1, f"N{by}", f"Word{by}", closeness=closeness)
    assert "Word2" in memories.told_by_others(1, 5, 3).splitlines()[-1]


def test_what_two_say_comes_to_mind_once() -> None:
    memories = Memories()
    for by in (2, 3, 4):
        memories.note(by, by, 1, f"N{by}", "The same words")
    assert memories.told_by_others(1, 5, 5) == "day 4, N4 told you: The same words"


def test_what_was_heard_is_bounded() -> None:
    memories = Memories()
    for step in range(3 * MOST_HEARD):
        memories.note(step, 2 + step % 5, 1, "N", f"Word {step}")
    assert len(memories._heard[1]) == MOST_HEARD
