"""Recorded casts again: at any number of slots, after kills, and when models are gone.

Two models speak for the OSes of a society whose collectives hold councils: the same
bytes come of it however it is done, and no answer is paid for twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import forked
import loopback
import pytest
from asking import hermetic
from conversing import FEW, asking, forbid_sockets, small, speak, tables
from loopback import Call, Loopback
from quick import QUICK, SEED
from sweep_runs import Here, kept

import sim
from sim.cli import main
from sim.cli.minds import summary_of
from sim.minds.council import KIND
from sim.runs import run
from sim.runs.result import Result, load
from sim.studies.store import LEDGER, TRANSCRIPTS
from sim.utils.errors import InputError

pytest.importorskip("openai")
SLOW = pytest.mark.slow
STORY = QUICK | {"os_growth_rate": 0.1, "insight_rate": 1.0, "os_meeting": 1.0}
STORY |= {"humans": 24, "steps": 53}
GONE = "http://127.0.0.1:9/v1"
IN_COUNCIL = "You are in council with the OSes"


class Servers:
    """Two models on loopback, and a process that may be killed at some request."""

    def __init__(self) -> None:
        self.kill_at = ""  # in a prompt that has heard something
        self.victim: forked.Forked | None = None
        self.asked: list[str] = []  # all questions, each as often as it arrived
        self.each = [Loopback(default=self._behave) for _ in range(2)]

    async def _behave(self, call: Call) -> None:
        if call.schema != "hello":
            self.asked.append(question(call.body["model"], call.body))
        if self.victim and self.kill_at in call.text and "\n> " in call.text:
            victim, self.victim = self.victim, None
            victim.send_signal(signal.SIGKILL)
            await asyncio.sleep(0.01)
        await loopback.answer()(call)


class Spoken(NamedTuple):
    """A run of two models that hold councils, and what it was made of."""

    result: Result
    record: Path
    servers: Servers


def question(model: str, body: dict[str, Any]) -> str:
    return f"{model}: {json.dumps(body['messages'])}"


def answered(folder: Path) -> Counter[str]:
    """Return the questions that transcripts answer; a later day may ask one again."""
    found = Counter[str]()
    for place, model in ((1, "A"), (2, "B")):
        lines = (folder / f"calls-{place}.jsonl").read_text().splitlines()
        known = [json.loads(line) for line in lines if line.endswith("}")]
        found.update(question(model, one) for one in known if "messages" in one)
    return found


def command(out: Path, urls: list[str], slots: int, *files: str) -> list[str]:
    """Return the words of a run of two models, whose collectives hold councils."""
    told = [
        "run",
        "her-film-cut",
        "--seed",
        str(SEED),
        "--snapshot-every",
        "20",
        "--json",
    ]
    told += [f"--set={name}={value}" for name, value in STORY.items()]
    told += ["--no-figures", "--out", str(out), "--mind", "llm", "--cast", "all"]
    told += ["--talks", "0.02", "--councils", "--slots", str(slots), *files]
    for model, url in zip("AB", urls, strict=True):
        told += ["--os-model", "0.5", model, url]
    return told


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoken]:
    folder, servers = tmp_path_factory.mktemp("spoken"), Servers()
    with pytest.MonkeyPatch.context() as patched:
        hermetic(patched)
        with servers.each[0] as one, servers.each[1] as other:
            record = folder / "calls.jsonl"
            told = command(
                folder / "run", [one.url, other.url], 64, "--record", str(record)
            )
            assert main(told) == 0
            yield Spoken(load(folder / "run"), record, servers)


def urls_of(spoken: Spoken) -> list[str]:
    return [server.url for server in spoken.servers.each]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hermetic(monkeypatch)
    monkeypatch.chdir(tmp_path)


def test_both_models_are_in_council(spoken: Spoken) -> None:
    told = spoken.result.provenance["mind"]
    councils = spoken.result.speech.talks.query(f"kind == {KIND!r}")
    models = [{*one["oses"]} for one in told["models"].values()]
    assert all(len(councils[councils["agent"].isin(one)]) > 3 for one in models)
    assert len(spoken.servers.asked) == told["calls"] > len(councils)


@pytest.mark.parametrize("slots", [pytest.param(1, marks=SLOW), 64])
def test_withdrawn_models_are_replayed_at_any_number_of_slots(
    slots: int, spoken: Spoken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_sockets(monkeypatch)
    replay = "--replay", str(spoken.record)
    assert main(command(tmp_path / "run", [GONE, GONE], slots, *replay)) == 0
    assert tables(load("run")) == tables(spoken.result)


@SLOW
def test_one_call_at_a_time_makes_the_same_run_as_many(
    spoken: Spoken, tmp_path: Path
) -> None:
    record = "--record", str(tmp_path / "calls.jsonl")
    assert main(command(tmp_path / "run", urls_of(spoken), 1, *record)) == 0
    assert tables(load("run")) == tables(spoken.result)
    assert answered(tmp_path) == answered(spoken.record.parent)


@SLOW
@pytest.mark.posix
@pytest.mark.parametrize("kill_at", ["You talk with", IN_COUNCIL])
def test_a_run_that_is_killed_in_a_talk_or_a_council_pays_for_no_answer_twice(
    kill_at: str, spoken: Spoken, tmp_path: Path
) -> None:
    servers, record = spoken.servers, ("--record", str(tmp_path / "calls.jsonl"))
    told = command(tmp_path / "run", urls_of(spoken), 4, *record)
    before = len(servers.asked)
    servers.kill_at = kill_at
    servers.victim = forked.Forked(["-m", "sim", *told], tmp_path, dict(os.environ))
    victim = servers.victim
    assert victim.wait(60.0) == -signal.SIGKILL and not Path("run").exists()
    paid, first = answered(tmp_path), servers.asked[before:]
    assert paid and (kill_at != IN_COUNCIL or any(IN_COUNCIL in one for one in paid))
    before += len(first)
    assert main(told) == 0
    again = servers.asked[before:]
    assert again and Counter(again) == answered(tmp_path) - paid
    assert len(first) - paid.total() <= 4  # slots: what was in flight
    assert tables(load("run")) == tables(spoken.result)


@SLOW
def test_a_finished_recording_is_gone_on_with_and_nobody_is_connected_to(
    spoken: Spoken, tmp_path: Path
) -> None:
    before = [server.connections for server in spoken.servers.each]
    files = [spoken.record.with_name(f"calls-{place}.jsonl") for place in (1, 2)]
    content = [file.read_bytes() for file in files]
    record = "--record", str(spoken.record)
    assert main(command(tmp_path / "run", urls_of(spoken), 8, *record)) == 0
    assert tables(load("run")) == tables(spoken.result)
    assert [file.read_bytes() for file in files] == content
    assert [server.connections for server in spoken.servers.each] == before


# ------------------------------------------------------------------- caches of prefixes


def test_half_of_a_bank_comes_from_the_cache_of_its_server_and_a_replay_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Loopback(has_cache=True) as server:
        mind = asking(server.url, record=tmp_path / "calls.jsonl")
        mind = mind._replace(kind="compiled")
        first = speak(tmp_path / "first", mind, steps=4)
        calls = [call for call in server.requests if call.schema != "hello"]
    told = first.provenance["mind"]
    assert told["cached_tokens"] == sum(call.cached or 0 for call in calls)
    assert 0.5 < told["cached_tokens"] / told["prompt_tokens"] < 1.0
    assert "% of prompt tokens from a cache" in summary_of(first)
    forbid_sockets(monkeypatch)
    alone = mind._replace(settings=None, record=None, replay=tmp_path / "calls.jsonl")
    again = speak(tmp_path / "again", alone, steps=4)
    assert again.provenance["mind"]["cached_tokens"] == told["cached_tokens"]
    assert tables(again) == tables(first)


# ----------------------------------------------------------------------------- sweeps

SWEEP: dict[str, Any] = {
    "scenario": "her-film-cut",
    "outcomes": ["left", "loneliness_end", "os_closeness_end"],
    "seeds": 2,
    "base": QUICK | FEW | {"humans": 20, "steps": 3},
}


def forget(which: str = "") -> None:
    """Have a ledger lose outcomes."""
    with closing(sqlite3.connect(Path("s", LEDGER))) as ledger, ledger:
        ledger.execute(f"UPDATE runs SET outcomes = NULL {which}")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the transcript of a model that spoke in two societies, and is gone."""
    folder = tmp_path_factory.mktemp("recorded")
    record = folder / "calls.jsonl"
    with pytest.MonkeyPatch.context() as patched, Loopback() as server:
        hermetic(patched)
        for seed in range(2):
            out, mind = folder / str(seed), asking(server.url, record=record)
            run.run(small(humans=20, steps=3), seed=seed, mind=mind, out=out)
    return record


@SLOW
def test_a_sweep_over_a_recorded_model_goes_on_for_nothing(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_sockets(monkeypatch)
    mind = {"kind": "llm", "replay": str(recording), "cast": None, "talks": 0.4}
    told = SWEEP | {"mind": mind}
    sim.sweep(told, Here(), out="s")
    outcomes = kept(Path("s"))
    forget("WHERE run = (SELECT min(run) FROM runs)")
    found = sim.sweep(told, rest := Here(), out="s", resume=True)
    assert found.counts()["done"] == 2 and len(rest.jobs) == 1
    assert kept(Path("s")) == outcomes


@SLOW
def test_a_sweep_of_societies_with_two_models_goes_on_for_nothing() -> None:
    with Loopback() as one, Loopback() as other:
        sides = [
            {"share": 0.5, "model": model, "base_url": server.url}
            for model, server in (("A", one), ("B", other))
        ]
        mind = {"kind": "llm", "cast": None, "talks": 1.0, "oses": sides}
        told = SWEEP | {"base": SWEEP["base"] | {"steps": 10}, "mind": mind}
        hosts = {"allow_model": [urlsplit(side.url).netloc for side in (one, other)]}
        with pytest.raises(InputError, match="allow"):
            sim.sweep(told, Here(), out="s")
        sim.sweep(told, Here(), out="s", **hosts)
        assert one.count > 1 and other.count > 1
    outcomes = kept(Path("s"))
    runs = {file.stem for file in Path("s", TRANSCRIPTS).glob("*.jsonl")}
    assert len(runs) == 4 and all(name.endswith(("-1", "-2")) for name in runs)
    forget()
    found = sim.sweep(told, Here(), out="s", resume=True, **hosts)
    assert found.counts()["done"] == 2 and kept(Path("s")) == outcomes
    models = [one.provenance["mind"]["models"] for one in found.runs()]
    assert all({*one} == {"A", "B"} for one in models)
    assert all(any(one[name]["oses"] for one in models) for name in "AB")
    assert [one["model"] for one in found.endpoints()] == ["A", "B"]


@SLOW
def test_a_sweep_whose_model_is_withdrawn_finds_its_outcomes_again() -> None:
    with Loopback() as server:
        mind = {"kind": "llm", "model": "tiny", "base_url": server.url}
        told = SWEEP | {"mind": mind | {"cast": None, "talks": 0.4}}
        host = {"allow_model": urlsplit(server.url).netloc, "out": "s"}
        sim.sweep(told, Here(), **host)
        assert server.count > 2
    outcomes = kept(Path("s"))
    forget()
    assert sim.sweep(told, Here(), resume=True, **host).counts()["done"] == 2
    assert kept(Path("s")) == outcomes
