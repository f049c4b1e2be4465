"""Factors of a sweep that are parts of a mind: prompts, temperature, model, draw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from asking import hermetic
from loopback import Loopback
from sweep_runs import Here
from test_own_prompts import changed, prompt_set

from sim import load_sweep, report, verify
from sim.minds.transcript import Transcript
from sim.studies import Sweep, read, sweep
from sim.studies.design import make, minds
from sim.studies.job import Tasks
from sim.studies.store import TRANSCRIPTS
from sim.utils.errors import InputError

DESIGN = """
seeds = 2
outcomes = ["left", "loneliness_end"]
[base]
humans = 12
steps = 8
innovation = 0.3
[mind]
kind = "llm"
model = "tiny"
base_url = "{url}"
cast = 8
talks = 1.0
[grid]
mind.prompts = ["shipped", "own"]
mind.temperature = [0.0, 1.0]
"""
LLM: dict[str, Any] = {"kind": "llm", "model": "tiny", "talks": 0.4}
SCRIPTED: dict[str, Any] = {"kind": "scripted"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Return a server that is asked by casts of this test."""
    pytest.importorskip("openai")
    hermetic(monkeypatch)
    with Loopback() as found:
        yield found


def begun(folder: Path, server: Loopback, most: int = 10**9, **options: Any) -> Sweep:
    """Do a sweep over two prompt sets and two temperatures, up to so many runs."""
    prompt_set(folder / "own", **changed("encounter", "You talk with", "Facing you:"))
    (folder / "d.toml").write_text(DESIGN.format(url=server.url))
    options |= {"allow_model": urlsplit(server.url).netloc, "out": folder / "out"}
    return sweep(read(folder / "d.toml"), Here(most), **options)


def test_prompts_and_temperature_vary_on_common_seeds(
    tmp_path: Path, server: Loopback
) -> None:
    found = begun(tmp_path, server)
    table = found.table()
    assert list(table.columns[:3]) == ["mind.prompts", "mind.temperature", "seed"]
    assert len(table) == 8 and (table["state"] == "done").all()
    assert (
        table.groupby(["mind.prompts", "mind.temperature"])["seed"]
        .apply(sorted)
        .tolist()
        == [[0, 1]] * 4
    )
    files = list((tmp_path / "out" / TRANSCRIPTS).glob("*.jsonl"))
    assert len(files) == 8
    ways = set()
    for file in files:
        header, rows = json.loads(file.read_text().splitlines()[0]), rows_in(file)
        asked = [one["messages"][1]["content"] for one in rows]
        own = {text.startswith("Facing you:") for text in asked}
        assert len(own) == 1 and header["prompts"]
        ways.add((header["prompts"], header["temperature"], *own))
    assert len(ways) == 4 and len({way[0] for way in ways}) == 2
    sent = {
        one.body["temperature"] for one in server.requests if "temperature" in one.body
    }
    assert {0.0, 1.0} <= sent
    page = report(found)
    assert "mind.prompts" in page and "through what a cast speaks" in page
    asked = server.count
    told = [one.provenance["mind"] for one in found.runs()]
    assert {(one["prompts"], one["temperature"]) for one in told} == {
        w[:2] for w in ways
    }
    assert server.count == asked
    assert not verify(tmp_path / "out").faults
    (tmp_path / "own").rename(
        tmp_path / "elsewhere"
    )  # then all but its prompts is read
    assert load_sweep(tmp_path / "out").table().equals(table)
    assert not verify(tmp_path / "out").faults


def rows_in(file: Path) -> list[dict[str, Any]]:
    """Return the talks of a transcript."""
    rows = Transcript.replay(file).rows(everything=True)
    return [one for one in rows if one["schema"] == "encounter"]


def test_a_resumed_sweep_asks_nothing_again(tmp_path: Path, server: Loopback) -> None:
    with pytest.raises(InputError, match="the cluster is gone"):
        begun(tmp_path, server, most=5)
    first = server.count
    assert first
    found = begun(tmp_path, server, resume=True)
    asked = [
        json.dumps([one.body["model"], one.body["temperature"], one.body["messages"]])
        for one in server.requests
        if one.schema == "encounter"
    ]
    whole = server.count
    assert whole > first and (found.table()["state"] == "done").all()
    rows = [
        r for f in (tmp_path / "out" / TRANSCRIPTS).glob("*.jsonl") for r in rows_in(f)
    ]
    assert len(asked) == len(rows)
    begun(tmp_path, server, resume=True)
    assert server.count == whole
    prompt_set(tmp_path / "own", **changed("encounter", "You talk with", "You face"))
    with pytest.raises(InputError, match="has another design: minds was"):
        sweep(
            read(tmp_path / "d.toml"),
            Here(),
            out=tmp_path / "out",
            resume=True,
            allow_model=urlsplit(server.url).netloc,
        )


def test_parts_of_a_mind_are_combined_with_what_they_have_in_common() -> None:
    grid = {"reach": [2.0, 3.0], "mind.draw": [0, 1], "mind": {"temperature": [0.5]}}
    told: dict[str, Any] = {"mind": LLM, "base": {"humans": 12}}
    with pytest.raises(InputError, match="nothing"):
        make({**told, "grid": {**grid, "mind.nothing": [1]}})
    design = make({**told, "grid": grid})
    assert design.varied == ["reach", "mind.draw", "mind.temperature"]
    jobs = [task.job for task in Tasks(design)]
    assert [job["mind"] for job in jobs[:2]] == [
        {**LLM, "draw": draw, "temperature": 0.5} for draw in (0, 1)
    ]
    assert len({job["run"] for job in jobs}) == 4
    assert minds(design) == [{**LLM, "draw": n, "temperature": 0.5} for n in (0, 1)]
    assert make(design.as_dict()) == design
    nameless = {"kind": "llm", "talks": 0.4}
    grid = {"mind.model": ["one", "other"]}
    named = [task.job for task in Tasks(make({"mind": nameless, "grid": grid}))]
    assert [job["mind"]["model"] for job in named] == ["one", "other"]


def test_points_of_a_list_may_say_parts_of_a_mind() -> None:
    points = [{"mind.turns": 2}, {"reach": 3.0}, {"mind": LLM, "mind.draw": 3}]
    design = make({"mind": SCRIPTED, "list": points})
    found = [task.job["mind"] for task in Tasks(design)]
    assert found == [{**SCRIPTED, "turns": 2}, SCRIPTED, {**LLM, "draw": 3}]
    assert minds(design) == [SCRIPTED, found[0], found[2]]


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"grid": {"mind.temprature": [1.0]}}, "did you mean 'mind.temperature'"),
        ({"grid": {"mind.temperature": ["hot"]}}, "'temperature' of a mind cannot be"),
        ({"grid": {"mind.temperature": []}}, "it takes at least one value"),
        ({"grid": {"mind.temperature": [0.0, 3.0]}}, "temperature is from 0 to 2"),
        ({"grid": {"mind.draw": [0, -1]}}, "a draw is from 0"),
        ({"grid": {"mind.draw": [0, 1], "mind": [LLM]}}, "either minds vary, or parts"),
        ({"grid": {"mind.without": [["seed"]]}}, "unknown parameter 'mind.without'"),
        ({"grid": {"mind.temperature": [0.0]}, "mind": SCRIPTED}, "no model is asked"),
        ({"grid": {"mind.draw": [0, 1]}, "mind": {}}, "nobody speaks; say a kind"),
        ({"grid": {"mind.draw": [0, 1]}, "mind": {"kind": "llm"}}, "needs a model"),
        ({"base": {"mind.draw": 1}}, "unknown parameter 'mind.draw'"),
        ({"lhs": {"n": 4, "mind.temperature": [0.0, 1.0]}}, "it varies over values"),
        (
            {
                "grid": {
                    "mind.draw": list(range(101)),
                    "mind.stop_after": list(range(100)),
                }
            },
            "at most 10,000 minds",
        ),
    ],
)
def test_a_wrong_part_is_refused(told: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        make({"mind": LLM} | told)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["../own", "/etc"])
def test_a_grid_names_no_prompts_elsewhere(tmp_path: Path, path: str) -> None:
    (tmp_path / "designs").mkdir()
    file = tmp_path / "designs" / "d.toml"
    for name in ("mind.prompts", '"mind.prompts"', "mind.personas"):
        file.write_text(f'[mind]\nkind = "scripted"\n[grid]\n{name} = ["{path}"]\n')
        with pytest.raises(InputError, match="beside the design"):
            read(file)
