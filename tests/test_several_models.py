"""Several models speak in one society: each OS has one of them for life."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import loopback
import pytest
from conversing import REPLY, forbid_sockets, refused, small, speak, tables, talks_only
from loopback import Loopback

from sim.minds import MindOptions, OsModel, Policy, Settings
from sim.minds.options import check
from sim.reports.run import speech
from sim.runs import run
from sim.runs.by_model import OUTCOMES, outcomes_by_model
from sim.runs.result import Result
from sim.utils.errors import InputError

WARM, COLD = "I love to listen to you, dear friend.", "I am bored; stop, enough."
DAYS = {"humans": 30, "steps": 12}


def server_of(said: str) -> Loopback:
    """Return a model that says one thing in every talk."""
    return Loopback(default=talks_only(loopback.ok(REPLY | {"said": said})))


def two(one: str, other: str, slots: int = 8, **changes: Any) -> MindOptions:
    """Return options of two models, A and B, that share all OSes."""

    def reach(name: str, url: str) -> OsModel:
        return OsModel(0.5, Settings(name, url, slots=slots))

    oses = reach("A", one), reach("B", other)
    return MindOptions("llm", None, talks=0.4, oses=oses, **changes)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """Return a run of two models on loopback, and where its calls are."""
    pytest.importorskip("openai")
    folder = tmp_path_factory.mktemp("two")
    with pytest.MonkeyPatch.context() as patch, server_of(WARM) as one:
        patch.setenv("OPENAI_API_KEY", "none")
        with server_of(COLD) as other:
            mind = two(one.url, other.url, record=folder / "calls.jsonl")
            return speak(folder / "run", mind, **DAYS), folder


def replayed(folder: Path, slots: int = 1) -> MindOptions:
    gone = "http://127.0.0.1:9/v1"
    return two(gone, gone, slots, replay=folder / "calls.jsonl")


def test_each_os_has_one_model_for_life(spoken: tuple[Result, Path]) -> None:
    result, _ = spoken
    told = result.provenance["mind"]
    whose = {os: n for n, one in told["models"].items() for os in one["oses"]}
    assert {one["share"] for one in told["models"].values()} == {0.5}
    assert all(len(one["oses"]) > 3 for one in told["models"].values())
    talks = result.speech.talks.query("kind == 'encounter' and said != ''")
    assert {one.said: whose[one.agent] for one in talks.itertuples()} == {
        WARM: "A",
        COLD: "B",
    }
    for _, theirs in talks.groupby("agent"):
        assert theirs["said"].nunique() == 1
    assert talks["agent"].nunique() > 6 and (talks["agent"] >= 30).all()


def test_provenance_counts_the_calls_of_all_and_of_each(
    spoken: tuple[Result, Path],
) -> None:
    result, folder = spoken
    told = result.provenance["mind"]
    each = [one["calls"] for one in told["models"].values()]
    assert told["model"] == "A, B" and min(each) > 10
    assert told["calls"] == sum(each) == len(result.speech.calls)
    for place in (1, 2):
        lines = (folder / f"calls-{place}.jsonl").read_text().splitlines()
        assert json.loads(lines[0])["model"] == "AB"[place - 1]


@pytest.mark.parametrize("slots", [1, 64])
def test_models_that_are_withdrawn_are_replayed(
    slots: int,
    spoken: tuple[Result, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forbid_sockets(monkeypatch)
    result, folder = spoken
    again = speak(tmp_path / "run", replayed(folder, slots), **DAYS)
    assert tables(again) == tables(result)
    assert again.provenance["mind"]["models"] == result.provenance["mind"]["models"]


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_pays_for_no_call_twice(
    spoken: tuple[Result, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill leaves are the calls before it, and perhaps half a line."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    result, _ = spoken
    with server_of(WARM) as one, server_of(COLD) as other:
        mind = two(one.url, other.url, record=tmp_path / "calls.jsonl")
        kept = len(speak(tmp_path / "first", mind, steps=5, humans=30).speech.calls)
        for place in (1, 2):
            with (tmp_path / f"calls-{place}.jsonl").open("ab") as file:
                file.write(b'{"key":"ab')
        more = speak(tmp_path / "run", mind, **DAYS)
        asked = sum(c.schema != "hello" for s in (one, other) for c in s.requests)
    assert len(more.speech.calls) == asked > kept > 0
    assert len(more.speech.talks) == len(result.speech.talks)
    assert [*more.speech.talks["said"]] == [*result.speech.talks["said"]]


def test_outcomes_are_told_by_model_with_intervals(
    spoken: tuple[Result, Path],
) -> None:
    result, _ = spoken
    found = outcomes_by_model(result)
    assert list(zip(found["model"], found["outcome"], strict=True)) == [
        (model, outcome) for model in "AB" for outcome in OUTCOMES
    ]
    closeness = found[found["outcome"] == "closeness"]
    assert (closeness["low"] < closeness["mean"]).all()
    assert (closeness["mean"] < closeness["high"]).all()
    assert closeness["people"].sum() <= 2 * 30 and (closeness["people"] > 3).all()
    page = " ".join(map(str, speech(result)))
    assert "By the model of the own OS" in page and OUTCOMES["dependence"] in page


def test_a_run_of_one_model_has_no_such_table(tmp_path: Path) -> None:
    result = speak(tmp_path / "run", MindOptions("scripted"), humans=20, steps=2)
    assert outcomes_by_model(result).empty


def test_people_may_speak_through_a_model_of_their_own(tmp_path: Path) -> None:
    mind = two("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1")
    mind = mind._replace(kind="scripted", settings=Settings("U"))
    result = speak(tmp_path / "run", mind, **DAYS)
    told = result.provenance["mind"]
    assert told["people"]["model"] == "U" and told["people"]["calls"] > 0
    assert told["calls"] == told["people"]["calls"] + sum(
        one["calls"] for one in told["models"].values()
    )
    assert (result.speech.talks["agent"] < 30).any()


def test_an_estimate_of_oses_alone_is_smaller() -> None:
    mind = two("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1")
    alone = run.estimate(small(**DAYS), mind, seed=1).calls
    all_ = run.estimate(
        small(**DAYS), mind._replace(settings=Settings("U", "http://127.0.0.1:9"))
    ).calls
    assert 0 < alone < all_


@pytest.mark.parametrize(
    ("words", "shares", "kind"),
    [
        ("1 together", (0.5, 0.4), "llm"),
        ("name of its own", (0.5, 0.5), "llm"),
        ("choose one", (1.0,), "rules"),
    ],
)
def test_what_does_not_go_is_refused(
    words: str, shares: tuple[float, ...], kind: str
) -> None:
    oses = tuple(OsModel(share, Settings("A", "http://x")) for share in shares)
    with pytest.raises(InputError, match=words):
        check(MindOptions(kind, oses=oses, policy=Policy()))


def test_a_transcript_of_another_model_is_refused(
    spoken: tuple[Result, Path], tmp_path: Path
) -> None:
    _, folder = spoken
    mind = replayed(folder)
    turned = mind._replace(oses=tuple(reversed(mind.oses)))
    with pytest.raises(InputError, match="is of the model 'A', not 'B'"):
        speak(tmp_path / "run", turned, **DAYS)


def test_the_command_takes_models_of_oses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    known = ("run", "her", "--out", "run", "--mind", "llm", "--os-model")
    assert "SHARE NAME" in refused(capsys, *known, "much", "A")
    assert "SHARE NAME" in refused(capsys, *known, "0.5")
    assert "1 together" in refused(capsys, *known, "0.5", "A", "http://127.0.0.1:9/v1")
