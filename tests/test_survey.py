"""Agents of a stored run answer a questionnaire, as they were on a day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import loopback
import pandas as pd
import pytest
from asking import hermetic
from conversing import forbid_sockets, refused, speak
from loopback import Call, Loopback

from sim.cli import main
from sim.runs.result import Result

LONELY = """
title = "UCLA-3"
questions = [
  "How often do you feel that you lack companionship?",
  "How often do you feel left out?",
]
options = ["hardly ever", "some of the time", "often"]
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty directory, with a questionnaire."""
    pytest.importorskip("openai")
    hermetic(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("lonely.toml").write_text(LONELY)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a short run; tests only read it."""
    return speak(tmp_path_factory.mktemp("story") / "run", None, humans=20, steps=12)


async def answers(call: Call) -> None:
    """Answer as somebody who is lonely if it is told so, and else not by a number."""
    if call.schema == "answer":
        lonely = "You are lonely" in call.text
        number: Any = 3 if lonely else 1 if "left out" in call.text else 9
        await call.send_text(json.dumps({"answer": number}))
    else:
        await loopback.answer()(call)


def asked(story: Result, *more: str) -> int:
    told = ["survey", str(story.path), "--questions", "lonely.toml", "--json"]
    return main([*told, *more])


def test_answers_are_a_table_that_is_made_again_without_the_model(
    story: Result, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Loopback(default=answers) as server:
        reach = "--model", "tiny", "--base-url", server.url, "--record", "calls"
        assert asked(story, *reach, "--out", "table.csv") == 0
        calls = [call for call in server.requests if call.schema == "answer"]
    out = capsys.readouterr().out
    found = json.loads(out[out.index("{") :])
    lonely = story.humans()["loneliness"] >= 0.2
    assert 0 < lonely.sum() < 20 and len(calls) == 40
    table = pd.read_csv("table.csv", index_col="agent")
    assert (table["q1"].notna() == lonely).all()  # 9 is no option
    assert (table["q2"] == lonely.map({True: 3, False: 1})).all()
    first, second = found["questions"]
    assert (first["answered"], second["answered"]) == (lonely.sum(), 20)
    assert second["often"] == pytest.approx(lonely.mean())
    assert first["mean"] == 3.0 and found["title"] == "UCLA-3"
    assert calls[0].text.startswith("You are ")
    assert "1 hardly ever\n2 some of the time\n3 often" in calls[0].text
    forbid_sockets(monkeypatch)
    assert asked(story, "--replay", "calls", "--out", "again.csv") == 0
    assert Path("again.csv").read_bytes() == Path("table.csv").read_bytes()
    assert json.loads(capsys.readouterr().out) == found


@pytest.mark.slow
def test_people_oses_or_some_are_asked_on_a_day(
    story: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    known = [int(agent) for agent in story.oses().index]
    with Loopback(default=answers) as server:
        reach = "--model", "tiny", "--base-url", server.url
        for told, who in (("oses", known), ("3,1", [3, 1]), (str(known[0]), known[:1])):
            assert asked(story, *reach, "--agents", told) == 0
            out = capsys.readouterr().out
            found = json.loads(out[out.index("{") :])
            assert [one["agent"] for one in found["agents"]] == who
        where = "survey", str(story.path), "--questions", "lonely.toml"
        assert main([*where, *reach, "--step", "4", "--agents", "3"]) == 0
    assert "1 asked, in " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("questions = []\noptions = ['a', 'b']", "'questions' has 1 to 50 texts"),
        ("questions = ['a']\noptions = ['a']", "'options' has 2 to 10 texts"),
        ("questions = ['a']\noptions = ['a', 'a']", "'options' names one twice"),
        ("questions = 'a'\noptions = ['a', 'b']", "'questions' is a list of texts"),
        ("question = ['a']", "a questionnaire has no 'question'"),
        ("title = 3\n" + LONELY.partition("\n")[2].partition("\n")[2], "'title'"),
    ],
)
def test_what_is_no_questionnaire_is_refused(
    text: str, said: str, story: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("lonely.toml").write_text(text)
    told = "survey", str(story.path), "--questions", "lonely.toml", "--model", "tiny"
    assert said in refused(capsys, *told)


@pytest.mark.slow
def test_a_survey_needs_a_model_and_room(
    story: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "survey", str(story.path), "--questions", "lonely.toml"
    assert "needs a model" in refused(capsys, *told)
    with Loopback(default=answers) as server:
        reach = "--model", "tiny", "--base-url", server.url, "--max-calls", "39"
        assert "40 questions are more than 39" in refused(capsys, *told, *reach)
        assert "no agent 999" in refused(capsys, *told, *reach, "--agents", "999")
