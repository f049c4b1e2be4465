"""A person speaks for one human of a stored run; what is typed is replayed."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import loopback
import pytest
from asking import hermetic
from conversing import REPLY, forbid_sockets, refused, speak, tables, talks_only
from loopback import Loopback

from sim.cli import main
from sim.runs import run
from sim.runs.play import play
from sim.runs.result import Result, load
from sim.studies import design
from sim.utils.errors import InputError

ME = 3
TYPED = (
    *(
        "Hello, my dear friend.",
        "/declare_lov I love you.",
        "/declare_love I love you.",
    ),
    *("", "/withdraw", "\x1b[2JI am glad that you called; see your sister, too."),
)
DAYS = {"humans": 20, "steps": 12}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty directory, without anybody's settings."""
    hermetic(monkeypatch)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a run by the rules alone; tests only read it."""
    return speak(tmp_path_factory.mktemp("story") / "run", None, **DAYS)


def played(
    monkeypatch: pytest.MonkeyPatch, story: Result, typed: tuple[str, ...], *more: str
) -> Result:
    """Play a story with somebody who types these lines and leaves."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{one}\n" for one in typed)))
    told = ["play", str(story.path), "--human", str(ME), "--talks", "1"]
    assert main([*told, "--out", "mine", "--force", *more]) == 0
    return load("mine")


def test_what_is_typed_is_said_and_shown_without_the_form(
    story: Result, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = played(monkeypatch, story, TYPED)
    out = capsys.readouterr().out
    talks = mine.speech.talks
    assert set(talks["agent"]) == {ME} and len(talks) > 6
    assert [*zip(talks["said"], talks["act"], strict=True)][:6] == [
        ("Hello, my dear friend.", "continue"),
        ("I love you.", "declare_love"),
        ("", "(rule)"),
        ("", "withdraw"),
        ("I am glad that you called; see your sister, too.", "continue"),
        ("", "(rule)"),
    ]
    warmth = [json.loads(one)["warmth"] for one in mine.speech.calls["text"].dropna()]
    assert warmth[0] > warmth[2] == 5
    about = mine.provenance["mind"]
    assert (about["kind"], about["model"], about["members"]) == (
        "person",
        "person",
        [ME],
    )
    assert about["failures"] == {"nothing said": len(talks) - 4}
    assert "There is no /declare_lov; did you mean /declare_love? Once more:" in out
    assert out.count("You talk with") == 6 and "JSON" not in out and "\x1b" not in out
    assert "by the rules" in out and "as you spoke" in out


def test_a_played_run_is_replayed_without_the_person(
    story: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tables(played(monkeypatch, story, TYPED, "--record", "calls"))
    kept = Path("calls").read_bytes()
    forbid_sockets(monkeypatch)
    assert tables(played(monkeypatch, story, (), "--replay", "calls")) == first
    # Cut short after three talks, and gone on with: only what is new is asked.
    lines = kept.splitlines(keepends=True)
    Path("calls").write_bytes(b"".join(lines[:4]) + lines[4][:9])
    mine = played(monkeypatch, story, TYPED[4:], "--record", "calls")
    assert tables(mine) == first and Path("calls").read_bytes() == kept


@pytest.mark.slow
def test_who_says_nothing_leaves_the_run_as_it_was(
    story: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = played(monkeypatch, story, ())
    assert mine.series.equals(story.series)
    again = "play", str(story.path), "--human", str(ME), "--out", "another"
    assert main(again) == 2  # the file of what was typed is there
    other = played(monkeypatch, story, TYPED, "--record", "calls")
    assert not other.series.equals(story.series)


@pytest.mark.slow
def test_the_own_os_may_speak_through_a_model(
    story: Result, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai")
    answer = loopback.ok(REPLY | {"said": "I heard that it will rain."})
    with Loopback(default=talks_only(answer)) as server:
        where = "--model", "tiny", "--base-url", server.url, "--record", "calls"
        mine = played(monkeypatch, story, TYPED * 9, *where, "--talks", "3")
    told = mine.provenance["mind"]
    os = int(mine.humans().loc[ME, "os"]) + mine.population
    assert told["members"] == [ME, os] and told["models"]["tiny"]["oses"] == [os]
    talks = mine.speech.talks
    assert set(talks["agent"]) == {ME, os} and told["people"]["model"] == "person"
    assert "> I heard that it will rain." in capsys.readouterr().out
    replay = "--model", "tiny", "--replay", "calls", "--talks", "3"
    forbid_sockets(monkeypatch)
    again = played(monkeypatch, story, (), *replay, "--base-url", "http://127.0.0.1:9")
    assert tables(again) == tables(mine)


def test_what_cannot_be_played_is_refused(
    story: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    for told, who in (("is an OS", "21"), ("no agent 999", "999")):
        err = refused(capsys, "play", str(story.path), "--human", who)
        assert told in err
    assert "have 0 to" in refused(capsys, "play", str(story.path), "--human", "Ann")
    Path("friends.csv").write_text("ann,ben\nben,cleo\ncleo,ann\n")
    known = run.run("her", network="friends.csv", steps=2, out="known")
    with pytest.raises(InputError, match="began on a network file"):
        play(known, "ann")
    with pytest.raises(InputError, match=r"a person speaks in one run \(os-society"):
        design.mind({"kind": "person"})
