"""No answer of a model is paid twice: budgets in requests, kills, sweeps that go on."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import forked
import loopback
import pytest
from asking import ask, hermetic
from conversing import asking, forbid_sockets, speak, tables
from families import FAMILIES, family
from loopback import Behaviour, Call, Loopback
from sweep_runs import Here, kept

import sim
from sim.cli import main
from sim.cli.sweep import _json
from sim.minds import MindOptions, Policy, Settings, client
from sim.minds.calls import Request, Response
from sim.minds.transcript import Answers, Journal, Transcript
from sim.studies import design
from sim.studies.job import Tasks, run_job
from sim.studies.store import LEDGER, TRANSCRIPTS
from sim.studies.workers import Limits, WorkerPool
from sim.utils.errors import InputError

pytest.importorskip("openai")
ROOT = Path(__file__).parents[1]
SLOW = pytest.mark.slow
SETTINGS = Settings("tiny", "http://127.0.0.1:8012/v1")
REASONING = family(FAMILIES["OpenAI, reasoning models"])


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hermetic(monkeypatch)
    monkeypatch.setattr(client, "FIRST_WAIT", 0.001)
    monkeypatch.chdir(tmp_path)


def moody(seed: int, otherwise: Behaviour | None = None) -> Behaviour:
    """Return a server with a fault at one request in three, of any kind."""
    rng = random.Random(seed)
    faults = loopback.status(500), loopback.reset(0), loopback.reset()
    faults += loopback.empty_choices(), loopback.status(429, {"Retry-After": "0"})

    async def behave(call: Call) -> None:
        wrong = rng.random() < 1 / 3 and call.schema != "hello"
        good = otherwise or loopback.answer()
        await (rng.choice(faults) if wrong else good)(call)

    return behave


def budget(most: int, **more: Any) -> dict[str, Any]:
    """Return options of a mind that may make so many requests."""
    return {"policy": Policy(max_calls=most, stop_after=0), **more}


def replayed(mind: MindOptions, record: Path, out: Path) -> dict[str, bytes]:
    """Return the tables of a run that asks a transcript."""
    with pytest.MonkeyPatch.context() as patched:
        forbid_sockets(patched)
        told = mind._replace(settings=None, record=None, replay=record)
        return tables(speak(out, told, steps=3))


# --------------------------------------------------------------------------- a budget


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=SLOW) for n in (0, 2))])
def test_no_more_requests_arrive_than_the_budget_whatever_fails(
    seed: int, tmp_path: Path
) -> None:
    most, record = 5 + 9 * seed, tmp_path / "calls"
    with Loopback(default=moody(seed, REASONING)) as server:
        mind = asking(server.url, **budget(most, record=record))
        result = speak(tmp_path / "run", mind, steps=3)
        arrived = server.count
    told = result.provenance["mind"]
    assert arrived == told["requests"] == most
    assert told["calls"] < most - 3  # the opening took four
    assert told["by_rule_from"] is not None
    assert replayed(mind, record, tmp_path / "again") == tables(result)


def test_a_budget_that_the_opening_takes_says_so(tmp_path: Path) -> None:
    with Loopback(default=REASONING) as server:
        mind = asking(server.url, **budget(3, record=tmp_path / "calls"))
        for _ in range(2):
            with pytest.raises(InputError, match="all 3 requests of the budget were"):
                speak(tmp_path / "run", mind)
        assert server.count == 3


def test_an_endpoint_that_is_not_there_takes_nothing_of_the_budget(
    tmp_path: Path,
) -> None:
    record = tmp_path / "calls"
    with loopback.closed_port() as url, pytest.raises(InputError, match="no answer"):
        speak(tmp_path / "run", asking(url, **budget(3, record=record)))
    with Transcript.replay(record) as transcript:
        assert transcript.opening == 0


def test_an_old_recording_counts_calls_as_it_did(tmp_path: Path) -> None:
    record = tmp_path / "calls"
    faults = [loopback.answer(), *[loopback.status(500)] * 3]
    with Loopback(*faults) as server:
        mind = asking(server.url, record=record)
        free = speak(tmp_path / "free", mind, steps=1)
    # Two, if all three faults fall upon one call, which is then given up.
    assert free.provenance["mind"]["re_asked"] in (2, 3)
    header, *lines = record.read_text().splitlines(keepends=True)
    header = header.replace('"transcript":4', '"transcript":2')
    record.write_text(header + "".join(one for one in lines if '"messages"' in one))
    told = mind._replace(**budget(9), settings=None, record=None, replay=record)
    result = speak(tmp_path / "run", told, steps=1)
    assert result.provenance["mind"]["calls"] == 9


# -------------------------------------------------------------- stops at every write


class Stopped(BaseException):
    """The end of a process, as far as a file is concerned."""


def stopped_at(monkeypatch: pytest.MonkeyPatch, line: int) -> Iterator[None]:
    """Let a process end when it has written so many lines of a transcript."""
    written, append = 0, Journal.append

    def stop(journal: Journal, text: bytes) -> None:
        nonlocal written
        append(journal, text)
        written += 1
        if written == line:
            raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", stop)
        yield


@pytest.mark.parametrize(
    "line", [6, *(pytest.param(line, marks=SLOW) for line in (1, 4, 5, 9, 14))]
)
def test_what_was_answered_before_a_stop_is_not_asked_again(
    line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, slots, record = 18, 4, tmp_path / "calls"
    with Loopback(default=moody(line, REASONING)) as server:
        mind = asking(server.url, **budget(most, record=record))
        assert mind.settings is not None
        mind = mind._replace(settings=mind.settings._replace(slots=slots))
        for _ in stopped_at(monkeypatch, line):
            with pytest.raises(Stopped):
                speak(tmp_path / "run", mind, steps=3)
        before = answers(record)
        asked = len(server.requests)
        result = speak(tmp_path / "run", mind, steps=3)
        again = {question(call.body) for call in server.requests[asked:]}
    assert not again & before
    assert server.count <= most + slots
    assert result.provenance["mind"]["requests"] <= most
    assert replayed(mind, record, tmp_path / "again") == tables(result)


def answers(record: Path) -> set[str]:
    """Return the questions that a transcript answers."""
    lines = map(json.loads, record.read_text().splitlines())
    return {question(one) for one in lines if "messages" in one}


def question(body: dict[str, Any]) -> str:
    return json.dumps(body["messages"])


# -------------------------------------------------------------------------- the notes


class Counting:
    """An endpoint at which some calls fail so often before they are answered."""

    def __init__(self, *failures: int) -> None:
        self.failures, self.requests = failures, 0

    def ask(
        self, requests: Any, schemas: Any, done: Any = None, again: Any = None
    ) -> list[Response]:
        outcomes = []
        for index, request in enumerate(requests):
            tries = 1
            while tries <= self.failures[request.agent] and again(index, "reset"):
                tries += 1
            is_answered = tries > self.failures[request.agent]
            outcome = Response("{}" if is_answered else None)
            outcome = outcome._replace(failure="" if is_answered else "reset")
            self.requests += tries
            outcomes.append(outcome._replace(attempts=tries))
            done(index, outcomes[-1])
        return outcomes


def asked(count: int) -> list[Request]:
    talk = ({"role": "user", "content": "Hello."},)
    return [
        Request("encounter", 1, number, 9, 0, talk, "encounter", 9)
        for number in range(count)
    ]


@pytest.mark.parametrize(("spare", "made"), [(0, 3), (1, 4), (2, 5), (9, 6)])
def test_each_call_has_one_request_and_all_share_the_others(
    spare: int, made: int
) -> None:
    endpoint = Counting(0, 2, 1)
    answers = Answers(Transcript.record(None, SETTINGS), endpoint, keep_failures=True)
    outcomes = answers.to(asked(3), spare)
    assert endpoint.requests == made == sum(one.attempts for one in outcomes)
    assert (outcomes[1].failure == "reset") == (spare < 2)


def test_tries_before_a_stop_count_and_take_of_what_is_spare(tmp_path: Path) -> None:
    first, second = asked(2)
    with Transcript.record(tmp_path / "calls", SETTINGS) as transcript:
        transcript.spend(first, "reset")
        transcript.spend(first, "server error")
    with Transcript.record(tmp_path / "calls", SETTINGS) as transcript:
        # The two are noted; without an opening's end they belong to the opening.
        assert (transcript.opening, transcript.requests_for(first)) == (2, 0)
        transcript.add(second, Response("{}"))
        transcript.spend(first, "reset")
    for spare, made, attempts in ((0, 0, 1), (1, 1, 2)):
        endpoint = Counting(0, 0)
        copy = shutil.copy(tmp_path / "calls", tmp_path / f"calls {spare}")
        with Transcript.record(copy, SETTINGS) as transcript:
            assert transcript.requests_for(first) == 1
            (outcome,) = Answers(transcript, endpoint, True).to([first], spare)
        assert (endpoint.requests, outcome.attempts) == (made, attempts)
        assert outcome.failure == ("" if spare else "reset")


def test_a_note_that_is_none_is_refused(tmp_path: Path) -> None:
    record = tmp_path / "calls"
    with Transcript.record(record, SETTINGS) as transcript:
        transcript.spend(asked(1)[0], "reset")
    text = record.read_text()
    for old, new in (('"reset"', '"bad luck"'), ('"spent"', '"lent"'), ('"key"', "7")):
        record.write_text(text.replace(old, new))
        with pytest.raises(InputError, match="line 2 of transcript"):
            Transcript.replay(record)


# ------------------------------------------------------------------------------ waits

ABSURD = {
    "far": "Wed, 21 Oct 9999 07:28:00 GMT",
    "farther": "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
    "a zone": "Sat, 01 Jan 0001 00:00:00 +2359",
    "large": "1e300",
    "digits": "9" * 400,
    "negative": "-5",
    "none": "nan",
    "endless": "inf",
    "empty": "",
}


def test_an_absurd_wait_is_bounded_or_passed_over() -> None:
    faults = [loopback.status(429, {"Retry-After": one}) for one in ABSURD.values()]
    (outcome,), server = ask(
        *faults, deadline=30.0, attempts=99, retry_after_cap=0.01, slots=1
    )
    assert (outcome.failure, server.count) == ("", len(faults) + 1)
    assert client._seconds(ABSURD["farther"]) is client._seconds("nan") is None
    assert client._seconds(ABSURD["a zone"]) == 0.0


# ----------------------------------------------------------------------------- sweeps


def sweep_design(url: str, **mind: Any) -> dict[str, Any]:
    """Return a sweep of two runs whose casts ask a model."""
    told = {"kind": "llm", "model": "tiny", "base_url": url, "cast": None}
    return {
        "outcomes": ["left", "loneliness_end"],
        "seeds": 2,
        "base": {"humans": 20, "steps": 3},
        "mind": told | {"talks": 0.4, "stop_after": 0} | mind,
    }


def swept(url: str, here: Here | None = None, **mind: Any) -> sim.Sweep:
    """Do, or continue, such a sweep in this process."""
    told = sweep_design(url, **mind)
    host = urlsplit(url).netloc
    return sim.sweep(told, here or Here(), out="s", resume=True, allow_model=host)


@pytest.mark.slow
def test_a_sweep_that_goes_on_pays_no_answer_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Loopback(default=moody(1)) as server:
        for _ in stopped_at(monkeypatch, 9):
            with pytest.raises(Stopped):
                swept(server.url, max_calls=12)
        (record,) = Path("s", TRANSCRIPTS).glob("*.jsonl")
        before, asked = answers(record), server.count
        assert before
        found = swept(server.url, max_calls=12)
        again = {question(call.body) for call in server.requests[asked:]}
        assert not again & before
        assert server.count <= 2 * 12 + 4  # calls in flight of a run
        assert found.counts()["done"] == 2
        names = {file.stem for file in Path("s", TRANSCRIPTS).glob("*.jsonl")}
        assert names == set(found.table()["run"])

        # Outcomes that are lost, and runs that were not kept, cost nothing.
        asked, outcomes = server.connections, kept(Path("s"))
        with closing(sqlite3.connect(Path("s", LEDGER))) as ledger, ledger:
            ledger.execute("UPDATE runs SET outcomes = NULL")
        assert swept(server.url, max_calls=12).counts()["done"] == 2
        assert kept(Path("s")) == outcomes
        runs = list(sim.load_sweep("s").runs())
        assert [run.provenance["mind"]["requests"] for run in runs] == [12, 12]
        assert server.connections == asked


def test_a_run_that_another_process_does_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages: list[str] = []
    with Loopback() as server:
        swept(server.url, max_calls=5)
        (file, *_) = sorted(Path("s", TRANSCRIPTS).glob("*.jsonl"))
        tasks = Tasks(design.make(sweep_design(server.url, max_calls=5)))
        (job,) = [task.job for task in tasks if task.run == file.stem]
        reach = {"allow_model": [urlsplit(server.url).netloc]}
        job |= {"reach": reach, "record": str(file)}
        other, asked = Journal.to_write(file), server.count
        monkeypatch.setattr(time, "sleep", lambda _: other.close())
        finding = run_job(job, stages.append)
        assert server.count == asked
    assert finding["state"] == "done"
    assert stages[1] == "waiting for another process that does the run"


def test_a_link_out_of_the_store_is_not_written_to(tmp_path: Path) -> None:
    with Loopback() as server:
        swept(server.url)
        shutil.rmtree(Path("s", TRANSCRIPTS))
        Path("elsewhere").mkdir()
        Path("s", TRANSCRIPTS).symlink_to(Path("elsewhere").resolve())
        with closing(sqlite3.connect(Path("s", LEDGER))) as ledger, ledger:
            ledger.execute("UPDATE runs SET outcomes = NULL")
        asked = server.count
        with pytest.raises(InputError, match="leads out of"):
            swept(server.url)
        assert server.count == asked and not list(Path("elsewhere").iterdir())


def test_what_a_design_says_of_a_mind_is_what_is_sent() -> None:
    more: dict[str, Any] = {"extra_body": {"top_k": 5}, "max_tokens": 77, "draw": 3}
    with Loopback() as server:
        swept(server.url, without=["bounds", "json_schema"], max_calls=5, **more)
        for call in server.requests:
            assert (call.body["top_k"], call.body["max_tokens"]) == (5, 77)
            assert call.body["response_format"] == {"type": "json_object"}
        assert {call.body["seed"] for call in server.requests} == {0, 3}
    without = ["bounds", "json_schema"]
    known = {"model": "tiny", "provider": server.url, "without": without}
    assert sim.load_sweep("s").endpoints() == [known]
    assert json.loads(_json(sim.load_sweep("s")))["endpoints"] == [known]
    told = {"kind": "llm", "model": "tiny", "stop_after": 3, "on_failure": "skip"}
    policy = design.mind(told).policy
    assert (policy.stop_after, policy.on_failure) == (3, "skip")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("without", ["sead"], "nothing named 'sead' can be left out; did you mean"),
        ("without", "seed", "'without' of a mind cannot be 'seed'"),
        ("without", [1], "'without' of a mind cannot be [1]"),
        ("max_tokens", 0, "a reply has 1 token or more, not 0"),
        ("max_tokens", "9", "'max_tokens' of a mind cannot be '9'"),
        ("extra_body", [1], "'extra_body' of a mind cannot be [1]"),
        ("extra_body", {"model": "x"}, "the extra body cannot set 'model'"),
        ("stop_after", -1, "stop after 0 calls or more, not -1"),
        ("stop_after", True, "'stop_after' of a mind cannot be True"),
        ("on_failure", "cry", "on failure: one of rule, skip, abort; not 'cry'"),
        ("stop", 1, "unknown key 'stop' of a mind; did you mean 'stop_after'?"),
        ("oses", {}, "'oses' of a mind cannot be {}"),
        ("oses", [1], "'oses' of a mind cannot be [1]"),
        ("oses", [{"model": "A"}], "a model of OSes has a 'share' and a 'model'"),
        ("oses", [{"shar": 1}], "unknown key 'shar' of a model of OSes; did you mean"),
        ("oses", [{"share": "x"}], "'share' of a model of OSes cannot be 'x'"),
        ("kind", "person", "a person speaks in one run (os-society play), not in a"),
    ],
)
def test_what_a_design_cannot_say_of_a_mind_is_refused(
    key: str, value: Any, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        design.make(sweep_design("http://127.0.0.1:9/v1", **{key: value}))
    assert said in str(refused.value)


# ---------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MindOptions(talks="many"), "'talks' is a number, not 'many'"),
        (lambda: MindOptions(cast="6"), "'cast' is a whole number or None, not '6'"),
        (lambda: MindOptions(humans=(1.5,)), "a list of whole numbers or texts, not"),
        (lambda: MindOptions("llm", 6, 5), "a list of whole numbers or texts, not 5"),
        (lambda: MindOptions(policy=None), "'policy' is Policy, not None"),
        (lambda: MindOptions(settings="x"), "'settings' is Settings or None, not 'x'"),
        (lambda: MindOptions(record=5), "'record' is a text or a path or None, not 5"),
        (lambda: MindOptions(tlaks=1), "unknown option 'tlaks'; did you mean 'talks'"),
        (lambda: Policy(max_calls=1.5), "'max_calls' is a whole number or None"),
        (lambda: Settings("m", without="seed"), "'without' is a list of texts"),
        (lambda: Settings("m", deadline=None), "'deadline' is a number, not None"),
    ],
)
def test_options_of_another_type_are_refused_when_they_are_made(
    make: Any, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert said in str(refused.value)


def test_options_that_fit_are_as_they_were_given() -> None:
    made = MindOptions("llm", None, [1, 2], 1, settings=SETTINGS, record=Path("a"))
    assert made[:4] == ("llm", None, [1, 2], 1)
    assert made._replace(talks=2.0).talks == 2.0


# ---------------------------------------------------------------------- command line


def test_json_says_what_is_sent_to_the_endpoint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = ["run", "her", "--humans", "20", "--steps", "2", "--json", "--out", "run"]
    cast = ["--mind", "llm", "--cast", "all", "--talks", "1", "--model", "tiny"]
    with Loopback(default=REASONING) as server:
        more = ["--base-url", server.url, "--max-calls", "9", "--no-figures"]
        assert main([*told, *cast, *more]) == 0
    mind = json.loads(capsys.readouterr().out)["mind"]
    assert mind["without"] == ["bounds", "temperature", "max_tokens"]
    assert (mind["requests"], mind["model"]) == (9, "tiny")
    assert main([*told, "--force"]) == 0
    assert "mind" not in json.loads(capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.posix
def test_random_servers_and_kills_cost_no_more_than_was_in_flight() -> None:
    """One sweep, killed once; the program does as many as one likes."""
    program = ROOT / "experiments" / "benchmarks" / "paid_calls.py"
    told = [str(program), "--rounds", "1", "--kind", "sweep", "--kills", "1"]
    done = forked.run([*told, "--json"])
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads(done.stdout)
    assert found["finished"] > 10 and found["kills"] > 0


# ------------------------------------------------------------------------ descriptors


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Have so many files open, and room for more."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < count + 500:
        pytest.skip(f"this system allows {limits[1]:,} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 500, limits[1]))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        for _ in range(count):
            stack.enter_context(open(os.devnull))
        yield


@pytest.mark.posix
def test_an_endpoint_is_asked_beyond_1024_descriptors() -> None:
    with many_files(1100):
        outcomes, server = ask(calls=3)
    assert [one.failure for one in outcomes] == ["", "", ""]
    assert server.count == 3


@pytest.mark.slow
@pytest.mark.posix
def test_workers_are_heard_beyond_1024_descriptors() -> None:
    with many_files(1100):
        told = sweep_design("", kind="scripted") | {"seeds": 1}
        del told["mind"]["base_url"]
        assert sim.sweep(told, out="s", workers=2).counts()["done"] == 1


@pytest.mark.posix
def test_many_workers_are_given_room_or_refused_in_one_line() -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, limits[1]))
        WorkerPool(100, Limits())
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 656
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    with pytest.raises(InputError, match=r"4,000,000,256 open files.*\(--workers\)"):
        WorkerPool(10**9, Limits())
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
