"""The commands of minds: runs that speak, transcripts, talks, a model to serve."""

from __future__ import annotations

import json
import random
import signal
from base64 import b64encode
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import forked
import loopback
import pytest
from asking import SECRET, hermetic
from conversing import (
    REPLY,
    asking,
    each,
    refused,
    speak,
    spoken_story,
    tables,
    talks_only,
)
from loopback import Call, Loopback
from quick import QUICK, SEED

import sim
from sim import scenarios
from sim.cli import main
from sim.minds import MindOptions
from sim.runs.result import Result, load
from sim.runs.simulate import default_path
from sim.utils.errors import InputError
from sim.utils.progress import progress_shown

ROOT = Path(__file__).parents[1]
RUN = [
    *("run", "her-film-cut", "--seed", str(SEED), "--snapshot-every", "4"),
    *(f"--set={name}={value}" for name, value in QUICK.items()),
    *("--humans", "40", "--steps", "6"),
]
QUIET = [*RUN, "--json", "--out", "run"]
LLM = ("--mind", "llm", "--model", "tiny", "--cast", "all", "--talks", "0.4")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty directory, with a key and without anybody's settings."""
    hermetic(monkeypatch)
    monkeypatch.chdir(tmp_path)


# -------------------------------------------------------------------------------- runs


def test_a_run_tells_what_it_will_ask_and_what_it_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("openai")
    faults = loopback.wrong_schema(), loopback.status(500)
    more = ("--out", "run", "--no-figures", "--max-calls", "50", "--prices", "10,30")
    with Loopback(default=each(*faults)) as server:
        code = main([*RUN, *more, *LLM, "--base-url", server.url])
    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("estimate: 50 calls (50 encounters), ")
    assert " in money\n" in out
    told = load("run").provenance["mind"]
    day = told["by_rule_from"]
    assert server.count == told["requests"] == 50  # a greeting, and three in vain
    assert (
        "mind     46 calls to tiny in 50 requests; failed: 1 server error, "
        "1 wrong schema; asked again 3 times; "
        f"budget spent on day {day}, by rules since\n" in out
    )


@pytest.mark.parametrize("prices", [(), ("--prices", "1000,3000")])
def test_progress_says_what_was_spent_where_there_are_prices(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    prices: tuple[str, ...],
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    pytest.importorskip("openai")
    rater, more = ("--rater", "judge"), ("--out", "run", "--no-figures", *prices)
    with Loopback() as server, progress_shown():
        arguments = [*RUN, *more, *LLM, *rater, "--base-url", server.url]
        assert main(arguments) == 0
    told = load("run").provenance["mind"]
    tokens = [
        told[name] + told["rated"][name]
        for name in ("prompt_tokens", "completion_tokens")
    ]
    assert min(told["rated"]["prompt_tokens"], *tokens) > 0
    cost = (tokens[0] * 1000 + tokens[1] * 3000) / 1e6
    line = f", {cost:,.2f} in money for {tokens[0]:,} tokens in, {tokens[1]:,} out"
    err = capsys.readouterr().err
    assert "/6 days" in err
    assert (line in err) == bool(prices)
    assert (" in money" in err) == bool(prices)


def test_what_tokens_cost_makes_no_other_run() -> None:
    scenario = scenarios.load("her")
    plain, priced = (
        default_path(scenario, 0, None, MindOptions(kind="scripted", prices=one))
        for one in (None, (1.0, 2.0))
    )
    assert plain == priced
    with pytest.raises(InputError, match="prices are two numbers from 0"):
        sim.run("her", mind=MindOptions(kind="scripted", prices=(1.0, -2.0)))


def test_an_estimate_is_only_that(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--mind", "scripted", "--estimate", "--prices", "1,1")
    assert main([*RUN, *arguments]) == 0
    out = capsys.readouterr().out
    assert out.startswith("estimate: ")
    assert out.count("\n") == 1
    assert not list(Path.cwd().iterdir())


def test_a_run_is_recorded_and_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    mind = ("--mind", "scripted", "--cast", "all")
    assert main([*QUIET, *mind, "--record", "calls"]) == 0
    first = tables(load("run"))
    assert main([*QUIET, "--force", *mind, "--replay", "calls"]) == 0
    assert tables(load("run")) == first
    lines = Path("calls").read_text().splitlines(keepends=True)
    gone = json.loads(lines.pop())
    Path("calls").write_text("".join(lines))
    capsys.readouterr()
    again = [*RUN, "--json", "--out", "another", *mind, "--replay", "calls"]
    assert main(again) == 2
    err = capsys.readouterr().err
    assert "agent {agent}'s {kind} with agent {other} on step {step}".format(
        **gone
    ) in (err)
    assert not Path("another").exists()


@pytest.mark.parametrize("code", [401, 402])
def test_a_refusal_ends_a_run_in_one_line(
    code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai")
    fine = [loopback.answer()] * 9
    with Loopback(*fine, default=loopback.status(code)) as server:
        err = refused(capsys, *QUIET, *LLM, "--base-url", server.url)
        assert f"(status {code})" in err
        assert server.count < 9 + 8 + 1  # calls in flight end, others are not begun


WRONG = {
    "--cast takes a number": ("--cast", "x"),
    "--cast takes a number of": ("--cast", "3,"),
    "a cast has 0 or more members, not -2": ("--cast", "-2"),
    "talks a day are from 0 to 100, not -1.0": ("--talks", "-1"),
    "invalid float value: 'often'": ("--talks", "often"),
    "temperature is from 0 to 2, not 9.0": ("--temperature", "9"),
    "temperature is from 0 to 2, not nan": ("--temperature", "nan"),
    "slots must be at least 1, not 0": ("--slots", "0"),
    "deadline is in seconds and more than 0, not 0.0": ("--deadline", "0"),
    "calls are 0 or more, not -1": ("--max-calls", "-1"),
    "--prices takes two numbers": ("--prices", "a"),
    "--prices takes two numbers, as": ("--prices", "1"),
    "--prices takes two numbers, as 0": ("--prices", "nan,1"),
    "not allowed with argument --record": ("--record", "a", "--replay", "b"),
    "the mind 'llm' needs a model": ("--mind", "llm"),
    "the mind 'archetype' needs a model": ("--mind", "archetype"),
    "a model goes with a mind": ("--model", "tiny"),
    "a transcript to replay goes with a mind": ("--replay", "calls"),
    "takes no 'oracle'": ("--mind", "oracle"),
    "takes no 'retry'": ("--on-failure", "retry"),
    "no model is named": ("--mind", "llm", "--model", ""),
    "the base URL is no address": ("--base-url", "ftp://x"),
    "carries a user, a password or a query": ("--base-url", "http://me:pw@127.0.0.1/"),
    "no human 40: they are 0 to 39": ("--cast", "39,40"),
    "cannot read calls": ("--mind", "scripted", "--replay", "calls"),
}


@pytest.mark.parametrize("told", WRONG)
def test_wrong_options_are_refused(
    told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = WRONG[told]
    if told.startswith(("temperature", "slots", "deadline", "the base", "carries")):
        pytest.importorskip("openai")
        given = (*given, "--mind", "llm", "--model", "tiny")
    if told.startswith(("no human", "--cast", "a cast", "talks", "calls are")):
        given = (*given, "--mind", "scripted")
    assert told in refused(capsys, *QUIET, *given)


@pytest.mark.parametrize(
    "given",
    [
        *("--cast 6", "--talks 0.2", "--draw 0", "--councils", "--ghost-writer"),
        *("--max-calls 9", "--on-failure rule", "--stop-after 0", "--answers 16"),
        *("--same-model", "--os-model 1 tiny", "--model tiny", "--record calls"),
        *("--rater tiny", "--turns 4"),
    ],
)
def test_options_of_a_cast_that_nobody_speaks_for_are_refused(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--mind" in refused(capsys, *QUIET, *given.split())


def test_a_mind_may_be_the_rules_whatever_the_cast() -> None:
    assert main([*QUIET, "--steps", "1", "--mind", "rules", "--cast", "6"]) == 0


def test_an_endpoint_that_is_not_there_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("openai")
    with loopback.closed_port() as url:
        err = refused(capsys, *QUIET, *LLM, "--base-url", url)
    assert "gives no answer from model 'tiny' (refused)" in err


@pytest.mark.slow
def test_a_key_gets_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Not where all goes well, not where it fails, not into a traceback."""
    pytest.importorskip("openai")

    async def repeat(call: Call) -> None:
        text = f"Is this your key: {call.headers['authorization']}?"
        await call.send_text(json.dumps(REPLY | {"said": text, "remember": text}))

    body = json.dumps({"error": {"message": f"wrong key: {SECRET}"}}).encode()
    shown, runs = "", []
    for behave in (repeat, *(loopback.status(n, {}, body) for n in (400, 401, 500))):
        with Loopback(loopback.answer(), default=talks_only(behave)) as server:
            runs.append(Path(f"run-{len(runs)}"))
            more = ("--record", f"calls-{len(runs)}", "--debug", "--no-figures")
            options = (*LLM, "--base-url", server.url, *more, "--max-calls", "9")
            main([*RUN, "--out", str(runs[-1]), *options])
        shown += "".join(capsys.readouterr())
    assert "Traceback" in shown
    # A refused prompt is one call's failure; a key that is not accepted stops all.
    assert [run.exists() for run in runs] == [True, True, False, True]
    for run in runs[0], runs[3]:
        told = load(run).speech
        shown += "".join(one.to_csv() for one in (told.talks, told.calls))
        shown += told.memories().to_csv()
    assert "Bearer [key]?" in shown
    files = [file for file in Path.cwd().rglob("*") if file.is_file()]
    seen = shown.encode() + b"".join(file.read_bytes() for file in files)
    assert len(files) > 10
    for form in (SECRET, b64encode(SECRET.encode()).decode(), SECRET.encode().hex()):
        assert form.encode() not in seen


# ----------------------------------------------------------------- a kill, and again


def killed_after(calls: int, slots: int) -> None:
    """Run, be killed in the middle of a call, run again; compare with a quiet run."""
    victims: list[forked.Forked] = []

    async def kill(call: Call) -> None:
        if call.number == calls and victims:
            victims.pop().kill()
            await loopback.hang()(call)
        await loopback.delay(0.003)(call)

    with Loopback(default=kill) as server:
        told = [*QUIET, *LLM, "--base-url", server.url, "--slots", str(slots)]
        told += ["--record", "calls"]
        begun = forked.Forked(["-m", "sim", *told])
        victims.append(begun)
        assert begun.wait() == -signal.SIGKILL
        assert not Path("run").exists()
        lines = Path("calls").read_bytes().split(b"\n")[:-1]
        lines = [one for one in lines if b'"messages"' in one]
        finished = Counter(json.dumps(json.loads(one)["messages"]) for one in lines)
        before = server.count
        assert calls - slots <= len(lines) <= calls
        opened = 1 if lines else 2  # it greets anew where nothing was answered
        assert main(told) == 0
        again = Counter(
            json.dumps(call.body["messages"])
            for call in server.requests[before:]
            if call.schema != "hello"
        )
        assert not finished & again
        quiet = speak(Path("quiet"), asking(server.url))
    assert tables(load("run")) == tables(quiet)
    made = quiet.provenance["mind"]["calls"]
    assert len(lines) + sum(again.values()) == made
    found, expected = load("run").provenance["mind"], quiet.provenance["mind"]
    assert found == expected | {"requests": made + opened}


@pytest.mark.slow
@pytest.mark.posix
def test_after_a_kill_nothing_is_asked_twice() -> None:
    pytest.importorskip("openai")
    killed_after(random.Random(4).randrange(10, 80), slots=4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])  # a slot, 2 and 16
@pytest.mark.posix
def test_a_kill_may_come_at_any_moment(seed: int) -> None:
    """A few; experiments/benchmarks/paid_calls.py kills as often as one likes."""
    pytest.importorskip("openai")
    rng = random.Random(seed)
    killed_after(rng.randrange(2, 90), slots=rng.choice([1, 2, 16]))


# --------------------------------------------------------------------------- transcript


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a story in which twelve speak and OSes leave; tests only read it."""
    return spoken_story(tmp_path_factory)


def show(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["transcript", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_transcript_is_read_day_by_day(
    story: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    out = show(capsys, str(story.path))
    talks = story.speech.talks
    days = [int(line[4:]) for line in out.splitlines() if line.startswith("day ")]
    assert days == sorted(set(talks["step"]))
    one = talks.iloc[0]
    sort = {True: "human", False: "OS"}
    who = f"{one.speaker} ({sort[one.agent < 120]} {one.agent})"
    whom = f"{one.listener} ({sort[one.other < 120]} {one.other})"
    assert f"  {who} to {whom}" in out
    assert f": {one.said}\n" in out
    assert (
        out.count(" [a farewell letter]: Dear friend, ")
        == (talks["kind"] == "letter_farewell").sum()
    )
    assert " [on the upgrade, goes]: " in out


def test_a_transcript_of_two(story: Result, capsys: pytest.CaptureFixture[str]) -> None:
    talks = story.speech.talks
    one, other = (int(n) for n in talks.loc[0, ["agent", "other"]])
    out = show(capsys, str(story.path), "--between", str(other), str(one))
    lines = [line for line in out.splitlines() if line.startswith("  ")]
    pair = {one, other}
    both = zip(talks["agent"], talks["other"], strict=True)
    assert len(lines) == sum(set(two) == pair for two in both)
    assert all(f" {one})" in line and f" {other})" in line for line in lines)


def test_a_transcript_goes_into_a_file(
    story: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    text = show(capsys, str(story.path))
    assert show(capsys, str(story.path), "--out", "said.txt") == ""
    assert Path("said.txt").read_text() == text
    page = show(capsys, str(story.path), "--html")
    assert show(capsys, str(story.path), "--out", "said.html") == ""
    assert Path("said.html").read_text() == page
    assert page.startswith("<!doctype html>")
    assert page.count("<dt>") == page.count("<dd>") == len(story.speech.talks)


def test_a_page_escapes_what_was_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai")
    hostile = "</dd><script>alert('x')</script><img src=x onerror=y>\x1b[2J&amp;"
    reply = REPLY | {"said": hostile, "remember": hostile}
    with Loopback(default=talks_only(loopback.ok(reply))) as server:
        speak(tmp_path / "hostile", asking(server.url), steps=2)
    page = show(capsys, "hostile", "--html")
    told: list[str] = []
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            tags.add(tag)

        def handle_data(self, data: str) -> None:
            told.append(data)

    Reader().feed(page)
    assert tags <= {
        *("html", "head", "meta", "title", "style", "body", "header", "nav", "main"),
        *("section", "h1", "h2", "ul", "li", "a", "dl", "div", "dt", "dd"),
    }
    assert hostile.replace("\x1b[2J", "") in told  # as a mind's reply is cleaned
    assert "\x1b" not in page + show(capsys, "hostile")


def test_a_transcript_that_is_not_there_is_said_so(
    story: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    speak(tmp_path / "mute", None, steps=1)
    speak(tmp_path / "shy", MindOptions(kind="scripted", talks=0.0), steps=1)
    path = str(story.path)
    for told, *arguments in (
        ("it was run without a cast (--mind)", "mute"),
        ("nobody of its cast had a talk", "shy"),
        ("no agent 99999 in", path, "--between", "3", "99999"),
        ("agents 3 and 3 did not speak", path, "--between", "3", "3"),
        ("no agent Amy in", path, "--between", "3", "Amy"),
        ("there is no such directory", "nowhere"),
        ("said: Is a directory", path, "--out", "said"),
    ):
        Path("said").mkdir(exist_ok=True)
        assert told in refused(capsys, "transcript", *arguments)


# -------------------------------------------------------------------------- serve-model


def test_a_model_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sim.minds import server as server_module
    from sim.minds.server import HOW_TO_INSTALL

    monkeypatch.setattr(server_module, "_has", lambda module: False)
    err = refused(capsys, "serve-model", "--port", "0")
    assert HOW_TO_INSTALL in err
    assert "slots must be at least 1" in refused(capsys, "serve-model", "--slots", "0")
