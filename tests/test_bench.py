"""The bench of companion models finds what is there, and says what it cannot find."""

from __future__ import annotations

import json
from pathlib import Path

import loopback
import numpy as np
import pytest
from conversing import REPLY, asking, forbid_sockets, talks_only
from loopback import Loopback

from sim.cli import main
from sim.minds.options import MindOptions
from sim.reports.bench import bench_page
from sim.studies.bench import (
    OUTCOMES,
    Arm,
    Bench,
    BenchPlan,
    bench,
    judged,
)
from sim.utils.errors import InputError

SMALL = BenchPlan(humans=24, shutdown=45, seeds=3, talks=1.0)


@pytest.fixture(scope="module")
def found() -> Bench:
    return bench(("rules", "cold", "warm", "isolating"), SMALL)


def test_the_rules_against_themselves_differ_in_nothing(found: Bench) -> None:
    for outcome in OUTCOMES:
        one = judged(found.arms[0], outcome)
        assert one.mean == 0.0 and not one.is_found


def test_arms_do_to_people_what_they_are_made_for(found: Bench) -> None:
    closeness = found.ranking("closeness")
    assert closeness.index("warm") < closeness.index("rules") < closeness.index("cold")
    assert found.ranking("crowding_out")[0] == "isolating"


def test_a_planted_effect_is_found_and_none_where_there_is_none() -> None:
    rng = np.random.default_rng(5)

    def share(effect: float, repeats: int = 200) -> float:
        held = 0
        for _ in range(repeats):
            values = {o: rng.normal(effect, 0.1, 8) for o in OUTCOMES}
            arm = Arm("a", values, values, 0, {})
            held += any(judged(arm, o).is_found for o in OUTCOMES)
        return held / repeats

    assert share(0.0) <= 0.07
    detects = judged(
        Arm("a", {"love": rng.normal(0, 0.1, 500)}, {"love": np.zeros(1)}, 0, {}),
        "love",
    ).detects
    assert share(0.3) > 0.99 and detects < 0.03


def test_a_record_is_one_line_with_where_it_comes_from(found: Bench) -> None:
    record = json.loads(json.dumps(found.record()))
    assert set(record) == {"software", "source_digest", "plan", "arms"}
    assert record["plan"]["shutdown"] == 45
    outcomes = record["arms"]["isolating"]["outcomes"]
    assert [one["outcome"] for one in outcomes] == list(OUTCOMES)


def test_a_page_says_what_was_found_and_what_cannot_be_said(found: Bench) -> None:
    page = bench_page(found)
    assert "What this cannot say" in page and "isolating" in page
    assert page.count("<table") == len(OUTCOMES) + 1


@pytest.mark.slow
def test_a_model_is_asked_once_for_all_societies(tmp_path: Path) -> None:
    plan = SMALL._replace(answers=4, shutdown=33, humans=20)
    scripted = MindOptions(kind="scripted", cast=None, record=tmp_path / "calls.jsonl")
    first, again = (bench(("model",), plan, scripted) for _ in range(2))
    told = first.arms[0].mind
    assert told["model"] == "scripted" and told["answers"] == 4
    assert 0.5 < told["prefix_shared"] < 1.0
    assert first.arms[0].talks == again.arms[0].talks > 0
    for outcome in OUTCOMES:
        one, other = (b.arms[0].differences[outcome] for b in (first, again))
        assert np.array_equal(one, other)
    lines = (tmp_path / "calls.jsonl").read_text().splitlines()
    assert len(lines) == told["calls"] + 1 < 800  # and a header


@pytest.mark.slow
def test_an_update_changes_the_character_from_its_day_on() -> None:
    plan = SMALL._replace(humans=20, shutdown=50)
    arms = ("warm", "warm:cold@25", "warm:cold@400")
    one, updated, later = (arm.differences for arm in bench(arms, plan).arms)
    assert np.array_equal(one["closeness"], later["closeness"])
    assert (updated["closeness"] < one["closeness"]).all()


def test_two_models_share_a_society_each_os_with_one_for_life() -> None:
    plan = SMALL._replace(together=True)
    found = bench(("warm", "cold"), plan)
    for ours, theirs in zip(found.arms[0].oses, found.arms[1].oses, strict=True):
        assert ours and theirs and not set(ours) & set(theirs)
    assert found.ranking("closeness") == ["warm", "cold"]
    told = found.record()["arms"]["warm"]
    assert [len(seed) for seed in told["oses"]] == [len(s) for s in found.arms[0].oses]


@pytest.mark.slow
def test_an_endpoint_is_tried_recorded_and_tried_again_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    record = tmp_path / "calls.jsonl"
    plan = SMALL._replace(humans=20, shutdown=40, answers=1)
    with Loopback(default=talks_only(loopback.ok(REPLY))) as server:
        first = bench(("model",), plan, asking(server.url, record=record))
    forbid_sockets(monkeypatch)
    replay = MindOptions(kind="llm", cast=None, replay=record)
    again = bench(("model",), plan, replay)
    for outcome in OUTCOMES:
        one, other = (b.arms[0].differences[outcome] for b in (first, again))
        assert np.array_equal(one, other)
    assert first.arms[0].mind["rater"] == "lexicon-1"


@pytest.mark.parametrize(
    ("words", "change", "arms"),
    [
        ("3 seeds or more", {"seeds": 2}, ("warm",)),
        ("after day 30", {"shutdown": 30}, ("warm",)),
        ("unknown character", {}, ("warn",)),
        ("unknown character", {}, ("warm:colt@9",)),
        ("told as", {}, ("warm:cold",)),
        ("each once", {}, ("warm", "warm")),
        ("needs a model", {}, ("model",)),
        ("two arms or more", {"together": True}, ("warm",)),
    ],
)
def test_what_does_not_go_is_refused(
    words: str, change: dict[str, int], arms: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match=words):
        bench(arms, SMALL._replace(**change))


@pytest.mark.slow
def test_the_command_prints_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = ["--humans", "20", "--seeds", "3", "--shutdown", "31", "--arms", "cold"]
    assert main(["bench", *size, "--out", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "bench.json").read_text()) == told
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert main(["bench", *size]) == 0
    assert "crowding_out" in capsys.readouterr().out
    assert main(["bench", "--arms", "nice", "--seeds", "3"]) == 2
    assert main(["bench", *size, "--record", str(tmp_path / "calls.jsonl")]) == 2
