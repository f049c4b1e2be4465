"""Casts of runs: who speaks through which mind, at what cost, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import loopback
import numpy as np
import pytest
from asking import hermetic
from bare import make_day, tie
from conversing import (
    REPLY,
    Replies,
    always,
    asking,
    forbid_sockets,
    mind_of,
    small,
    society_of,
    speak,
    speaking,
    tables,
)
from loopback import Loopback
from quick import SEED

from sim import scenarios
from sim.minds import MindOptions, Policy, Settings
from sim.minds.calls import Response
from sim.minds.mind import ArchetypeMind, LanguageMind
from sim.minds.transcript import Transcript
from sim.model.columns import DEPARTED
from sim.model.encounters import GHOST, REPAIR, Cast, write_letters
from sim.model.state import State
from sim.runs import run
from sim.runs.result import Result
from sim.utils.errors import InputError
from sim.utils.names import human_name

SCRIPTED = MindOptions(kind="scripted", cast=None, talks=0.4)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    hermetic(monkeypatch)


# ------------------------------------------------------------------------ an empty cast


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the tables of a run in which everybody lives by the rules."""
    result = speak(tmp_path_factory.mktemp("without") / "run", None, 15, steps=30)
    assert len(result.oses()) > 10
    return tables(result)


NOWHERE = Settings("tiny", "http://127.0.0.1:9/v1", temperature=1.5, slots=64)


@pytest.mark.parametrize(
    "options",
    [
        MindOptions(kind="rules", cast=6, talks=9.0),
        MindOptions(kind="rules", cast=0, settings=NOWHERE, record="calls"),
        MindOptions(kind="scripted", cast=0, record="calls"),
        MindOptions(kind="scripted", cast=0, replay="nothing"),
        MindOptions(kind="llm", cast=0),
        MindOptions("llm", 0, (), 100.0, True, NOWHERE, Policy("abort", 0), "calls"),
        MindOptions("archetype", 0, (), 0.0, False, NOWHERE, Policy("skip", 7)),
    ],
    ids=lambda one: f"{one.kind}-{one.cast}-{one.talks}",
)
def test_an_empty_cast_changes_no_byte(
    options: MindOptions,
    without: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = speak(tmp_path / "run", options, 15, steps=30)
    assert tables(result) == without
    assert result.provenance["mind"] is None
    assert [one.name for one in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_a_cast_changes_some(without: dict[str, bytes], tmp_path: Path) -> None:
    result = speak(tmp_path / "run", SCRIPTED, 15, steps=30)
    assert society_of(result) != without
    assert society_of(result).keys() == without.keys()


# ------------------------------------------------------------------------------- budget


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["her", "one-to-one", "replika-2023"])
def test_the_estimate_is_near_the_calls_made(scenario: str, tmp_path: Path) -> None:
    chosen = scenarios.load(scenario).replace(humans=150, steps=90)
    mind = MindOptions(kind="scripted", cast=12, talks=0.5)
    told = run.estimate(chosen, mind, seed=SEED)
    result = run.run(chosen, seed=SEED, mind=mind, out=tmp_path / "run")
    calls = result.provenance["mind"]["calls"]
    assert calls > 200
    assert told.calls == pytest.approx(calls, rel=0.25)
    assert sum(told.by_kind.values()) == told.calls


def test_an_estimate_asks_nobody_and_knows_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forbid_sockets(monkeypatch)
    free = run.estimate(small(), asking("http://127.0.0.1:9/v1"), seed=SEED)
    policy = Policy(max_calls=free.calls // 2)
    told = asking("http://127.0.0.1:9/v1", policy=policy)
    half = run.estimate(small(), told, seed=SEED)
    assert half.calls == free.calls // 2 > 20
    assert half.prompt_tokens == pytest.approx(free.prompt_tokens / 2, rel=0.05)
    assert run.estimate(small(), MindOptions()).calls == 0


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a run without a budget; tests only look at it."""
    return speak(tmp_path_factory.mktemp("free") / "run", SCRIPTED)


@pytest.mark.parametrize("most", [0, 1, 30])
def test_when_the_budget_is_spent_life_goes_on_by_the_rules(
    most: int, free: Result, tmp_path: Path
) -> None:
    mind = SCRIPTED._replace(policy=Policy(max_calls=most))
    result = speak(tmp_path / "run", mind)
    told, talks = result.provenance["mind"], result.speech.talks
    assert told["calls"] == len(result.speech.calls) == most
    assert told["over_budget"] == len(talks) - most > 20
    assert len(result.series) == len(free.series)
    day = talks["step"][talks["act"] == "(rule)"].min()
    assert told["by_rule_from"] == day
    before = free.speech.talks
    assert talks[:most].equals(before[:most])
    assert (talks["act"][most:] == "(rule)").all()


def test_a_server_is_asked_no_more_than_the_budget_allows(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    for most, greetings in ((0, 0), (1, 1), (25, 1)):
        with Loopback() as server:
            mind = asking(server.url, policy=Policy(max_calls=most))
            told = speak(tmp_path / str(most), mind).provenance["mind"]
        assert server.count == told["requests"] == most
        assert told["calls"] == most - greetings


# --------------------------------------------------------------------------- archetypes


@pytest.mark.slow
def test_archetypes_cost_as_much_in_a_large_society_as_in_a_small() -> None:
    calls = {}
    for humans in (100, 400):
        endpoint = always()
        society = speaking(
            endpoint, 20, kind=ArchetypeMind, talks=0.2, humans=humans, steps=20
        )
        told = mind_of(society).summary()
        assert told["shared"]
        assert told["calls"] == told["answered"] == len(endpoint.requests)
        assert told["prompt_tokens"] == 100 * told["calls"]
        calls[humans] = told["calls"]
        asked = [request.messages for request in endpoint.requests]
        assert all(asked.count(one) == 1 for one in asked)
        assert {(one.step, one.agent) for one in endpoint.requests} == {(0, -1)}
    assert calls[400] < 1.25 * calls[100] < 100


def test_archetypes_that_fail_are_counted_once_and_felt_by_all() -> None:
    endpoint = Replies(lambda request: Response(None, "no choices", 1, 7, 0))
    policy = Policy(stop_after=0)
    society = speaking(endpoint, 10, kind=ArchetypeMind, talks=0.5, policy=policy)
    told = mind_of(society).summary()
    assert told["failures"] == {"no choices": told["calls"]}
    assert told["prompt_tokens"] == 7 * told["calls"]
    assert told["by_rule"] > 3 * told["calls"]
    assert told["given_up"] == 0


@pytest.mark.parametrize("kind", ["archetype", "compiled"])
def test_a_run_of_archetypes_says_so(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("openai")
    with Loopback() as server:
        mind = asking(server.url, record=tmp_path / "calls")._replace(kind=kind)
        result = speak(tmp_path / "run", mind)
        estimate = run.estimate(small(), mind, seed=SEED)
        other = mind._replace(settings=None, record=None, replay=tmp_path / "calls")
        again = speak(tmp_path / "again", other)
    told = result.provenance["mind"]
    assert told["shared"]
    assert told["calls"] == server.count - 1
    assert estimate.calls == pytest.approx(told["calls"], rel=0.25)
    assert not len(result.speech.talks)
    assert not len(result.speech.memories())
    assert tables(again) == tables(result)


# ------------------------------------------------------------------ letters, decisions


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a quick story to its end; half of all people, and their OSes, speak."""
    people = tuple(range(0, 120, 2))
    mind = MindOptions("scripted", 120, people, talks=0.02)
    out = tmp_path_factory.mktemp("story") / "run"
    return speak(out, mind, 60, humans=120, steps=240)


def test_there_is_a_letter_at_each_farewell(story: Result) -> None:
    oses, talks = story.oses(), story.speech.talks
    left = oses[(oses["status"] == DEPARTED) & (oses["cast"] > 0)]
    letters = talks[talks["kind"] == "letter_farewell"]
    assert set(letters["agent"]) == set(left.index[left["owner"] >= 0])
    assert len(letters) > 3
    days = left["departed_step"].loc[letters["agent"]]
    assert days.tolist() == letters["step"].tolist()
    assert letters["said"].str.startswith("Dear friend, ").all()
    assert (letters["act"] == "writes").all()


@pytest.mark.parametrize(("member", "kind", "speaker"), [(0, REPAIR, 0), (2, GHOST, 2)])
def test_who_turns_to_somebody_again_writes_or_lets_a_friend_write(
    member: int, kind: str, speaker: int
) -> None:
    state = State(3)
    tie(state, np.array([[0, 2]]), 0.5)
    state.humans.meets[0] = state.humans.former[0] = 1
    state.humans.cast[member] = 1
    endpoint = Replies(lambda request: {"letter": "Dear Amy,\n\nI was wrong."})
    mind = LanguageMind(Transcript.record(None, NOWHERE), endpoint)
    cast = Cast(mind, size=1, humans=[member], ghost_writer=True)
    write_letters(state, make_day(3), cast)
    (line,) = mind.lines
    assert (line["kind"], line["agent"], line["other"]) == (kind, member, 1)
    assert line["said"] == "Dear Amy,\n\nI was wrong."
    assert line["speaker"] == human_name(speaker)
    (request,) = endpoint.requests
    persona, task = (message["content"] for message in request.messages)
    assert ("You write letters in the names of people" in persona) == (kind == GHOST)
    assert f'ends with "{human_name(0)}"' in task  # whose letter it is
    assert human_name(1) in task


def test_oses_say_whether_they_go(story: Result) -> None:
    oses, talks = story.oses(), story.speech.talks
    for kind, column in (("upgrade", "upgraded_step"), ("departure", "departed_step")):
        said = talks[talks["kind"] == kind]
        assert set(said["act"]) == {"goes", "stays"}
        goes = said[said["act"] == "goes"]
        went = oses[(oses["cast"] > 0) & (oses[column] >= 0)]
        assert set(goes["agent"]) == set(went.index)
        assert (went[column].loc[goes["agent"]].to_numpy() == goes["step"]).all()
        assert said["said"].str.len().min() > 0


def test_an_upgrade_can_be_talked_out_of() -> None:
    def stay(request: Any) -> dict[str, Any]:
        if request.schema == "decision":
            return {"said": "I stay with you.", "choice": "stay"}
        return REPLY if request.schema == "encounter" else {"letter": "Dear friend."}

    endpoint = Replies(stay)
    society = speaking(endpoint, 130, talks=0.0, humans=120, steps=240)
    assert any(request.kind == "upgrade" for request in endpoint.requests)
    assert (society.state.oses.upgraded_step == -1).all()
    goes = speaking(
        Replies(lambda one: {"said": "Farewell.", "choice": "go"}),
        *(130,),
        talks=0.0,
        humans=120,
        steps=240,
    )
    assert (goes.state.oses.upgraded_step >= 0).any()


def test_who_speaks_is_told(story: Result, tmp_path: Path) -> None:
    told = story.provenance["mind"]
    members = told["members"]
    assert told["model"] == "scripted"
    assert (told["kind"], told["cast"], told["talks"]) == ("scripted", 120, 0.02)
    assert not told["ghost_writer"]
    assert [one for one in members if one < 120] == list(range(0, 120, 2))
    speakers = story.speech.talks["agent"].unique()
    assert set(speakers.tolist()) <= set(members)
    assert told["calls"] == told["answered"] == len(story.speech.talks)


# ---------------------------------------------------------------------------- refusals

MODEL = Settings("tiny", "http://127.0.0.1:9/v1")
WRONG = {
    "unknown mind 'lm'; did you mean 'llm'?": {"kind": "lm"},
    "either records a transcript or replays one": {"record": "a", "replay": "b"},
    "the mind 'llm' needs a model: name it": {"settings": None},
    "the mind 'archetype' needs a model": {"kind": "archetype", "settings": None},
    "a model goes with a mind; choose one": {"kind": "rules"},
    "a transcript to record goes with a mind": {
        **{"kind": "rules", "settings": None, "record": "a"}
    },
    "a transcript to replay goes with a mind": {
        **{"kind": "rules", "settings": None, "replay": "a"}
    },
    "a cast has 0 or more members, not -1": {"cast": -1},
    "talks a day are from 0 to 100, not -1": {"talks": -1.0},
    "talks a day are from 0 to 100, not nan": {"talks": np.nan},
    "no human 40: they are 0 to 39": {"humans": (40,)},
    "on failure: one of rule, skip, abort; not 'x'": {"policy": Policy("x")},
    "calls are 0 or more, not -5": {"policy": Policy(max_calls=-5)},
    "no model is named": {"settings": MODEL._replace(model="")},
    "temperature is from 0 to 2, not 9": {"settings": MODEL._replace(temperature=9.0)},
    "slots must be at least 1, not 0": {"settings": MODEL._replace(slots=0)},
    "deadline is in seconds and more than 0, not 0": {
        "settings": MODEL._replace(deadline=0.0)
    },
    "cannot read .*nothing": {"settings": None, "replay": "nothing"},
}


@pytest.mark.parametrize("told", WRONG)
def test_what_does_not_go_together_is_refused(
    told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = MindOptions(kind="llm", settings=MODEL)._replace(**WRONG[told])
    if "humans" in WRONG[told]:
        options = options._replace(kind="scripted")
    pattern = told if "*" in told else re.escape(told)
    with pytest.raises(InputError, match=pattern):
        speak(tmp_path / "run", options)
    assert not list(tmp_path.iterdir())


def test_a_model_that_does_not_answer_is_missed_before_the_run(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    with loopback.closed_port() as url:
        mind = asking(url)
        with pytest.raises(InputError, match="gives no answer from model 'tiny'"):
            speak(tmp_path / "run", mind)
    assert not list(tmp_path.iterdir())


def test_a_transcript_of_other_prompts_is_not_replayed(tmp_path: Path) -> None:
    record = tmp_path / "calls"
    speak(tmp_path / "run", SCRIPTED._replace(record=record))
    text = record.read_text()
    found = re.sub('"prompts":"[0-9a-f]+"', f'"prompts":"{64 * "0"}"', text, count=1)
    found = re.sub(',"before":"","digest":"[0-9a-f]+"', "", found, count=1)
    record.write_text(found.replace('"transcript":4', '"transcript":2', 1))
    with pytest.raises(InputError, match="recorded with other prompts"):
        speak(tmp_path / "again", SCRIPTED._replace(replay=record))
