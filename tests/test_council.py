"""Members of a collective talk before they upgrade or leave, and decide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conversing import REPLY, Replies, forbid_sockets, small, speak, tables

from sim.minds import MindOptions, Policy, Settings
from sim.minds.calls import Request, Response
from sim.minds.council import KIND, ROUNDS, Turn, decided
from sim.minds.mind import LanguageMind
from sim.minds.transcript import Transcript
from sim.model.encounters import Cast
from sim.society import Society

STORY = {"humans": 60, "steps": 230}
COUNCILS = Policy(councils=True)
Choice = Callable[[Request], str]


def lived(choice: Choice, councils: bool = True) -> tuple[Society, Replies]:
    """Let a society live in which OSes choose so, and talk of nothing else."""

    def reply(request: Request) -> dict[str, Any] | Response:
        if request.schema == "decision":
            return {"said": f"{request.agent} says so.", "choice": choice(request)}
        return REPLY if request.schema == "encounter" else {"letter": "Dear friend."}

    endpoint = Replies(reply)
    transcript = Transcript.record(None, Settings("fake", "http://127.0.0.1/fake"))
    policy = Policy(councils=councils)
    cast = Cast(LanguageMind(transcript, endpoint, policy), None, talks=0.0)
    society = Society(small(**STORY), seed=1, cast=cast)
    while society.running and not (society.state.oses.upgraded_step >= 0).any():
        society.step()
    return society, endpoint


@pytest.fixture(scope="module")
def goes() -> tuple[Society, Replies]:
    return lived(lambda request: "go")


def test_a_council_hears_each_member_in_turn_and_goes(
    goes: tuple[Society, Replies],
) -> None:
    society, endpoint = goes
    turns = [one for one in endpoint.requests if one.kind == KIND]
    assert len({one.agent for one in turns}) > 1 and len(turns) % ROUNDS == 0
    assert (society.state.oses.upgraded_step >= 0).sum() > 1
    last = turns[-1].messages[-1]["content"]
    assert f"{turns[-2].agent} says so." in last and turns[-1].other == turns[-2].agent
    lines = [one for one in society.cast.mind.lines if one["kind"] == KIND]  # type: ignore[union-attr]
    assert [one["agent"] for one in lines] == [one.agent for one in turns]
    assert {one["act"] for one in lines} == {"goes"}


@pytest.mark.slow
def test_a_majority_keeps_all_and_one_vote_does_not(
    goes: tuple[Society, Replies],
) -> None:
    _, endpoint = goes
    day = next(one.step for one in endpoint.requests if one.kind == KIND)
    first = [o.agent for o in endpoint.requests if o.kind == KIND and o.step == day]
    dissenter = first[0]

    def one_stays(request: Request) -> str:
        return "stay" if request.agent == dissenter else "go"

    society, _ = lived(one_stays)
    stays, _ = lived(lambda r: "stay" if r.kind == KIND else "go")
    row = dissenter - society.state.humans.n
    assert society.state.oses.upgraded_step[row] >= 0  # bound by the others
    went = stays.state.oses.upgraded_step >= 0
    assert went.sum() < (society.state.oses.upgraded_step >= 0).sum() or (
        stays.calendar > society.calendar
    )


def test_without_councils_each_decides_alone() -> None:
    _, endpoint = lived(lambda request: "go", councils=False)
    kinds = {one.kind for one in endpoint.requests}
    assert "upgrade" in kinds and KIND not in kinds


def test_even_votes_stay_and_no_vote_leaves_it_to_the_rules() -> None:
    go, stay = Turn(1, "Go.", True), Turn(2, "Stay.", False)
    assert decided([go, stay]) is False
    assert decided([go, stay, stay._replace(goes=True)]) is True
    assert decided([go._replace(goes=None)]) is None


@pytest.mark.slow
def test_a_council_is_replayed_without_being_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "calls.jsonl"
    spoken = MindOptions("scripted", None, talks=0.01, policy=COUNCILS, record=record)
    first = speak(tmp_path / "first", spoken, 60, **STORY)
    said = first.speech.talks.query("kind == 'council'")
    assert len(said) > 2 and said["said"].str.len().min() > 0
    forbid_sockets(monkeypatch)
    replay = MindOptions("llm", None, talks=0.01, replay=record)
    again = speak(tmp_path / "again", replay, 60, **STORY)
    assert tables(again) == tables(first)
    kept = record.read_bytes()
    record.write_bytes(kept[: int(len(kept) * 0.9)])  # a kill
    resumed = speak(tmp_path / "resumed", spoken, 60, **STORY)
    assert tables(resumed) == tables(first) and record.read_bytes() == kept
    assert np.isin("council", first.speech.calls["kind"])
