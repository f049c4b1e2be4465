"""Every family of servers is asked what it takes; what can be mended is not lost."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import families
import loopback
import pytest
from asking import hermetic, settings
from conversing import (
    always,
    asking,
    forbid_sockets,
    mind_of,
    refused,
    society_of,
    speak,
    speaking,
    tables,
)
from families import FAMILIES, OBJECTS, TEXTS, error, seventh
from hypothesis import given
from hypothesis import strategies as st
from loopback import Behaviour, Call, Loopback

from sim.cli import main
from sim.minds import Policy, Settings, dialect
from sim.minds.calls import Request, Response
from sim.minds.client import Endpoint
from sim.minds.dialect import FORMATS, LIMITS, NAMES, sent
from sim.minds.mending import KINDS, mended
from sim.minds.options import check_settings
from sim.minds.refusals import Refusal, named, sentence
from sim.minds.replies import SCHEMAS, BadReply, Encounter, read
from sim.runs.result import Result, load
from sim.utils.errors import InputError

pytest.importorskip("openai")

DOCS = Path(__file__).parents[1] / "sim" / "docs" / "ENDPOINTS.md"
TASKS = {
    "encounter": ({"role": "user", "content": 'Reply in JSON with "warmth".'},),
    "decision": ({"role": "user", "content": 'Reply in JSON with "choice".'},),
    "letter": ({"role": "user", "content": 'Reply in JSON with "letter".'},),
}
RUN = (
    "run",
    "her-film-cut",
    "--humans",
    "40",
    "--steps",
    "3",
    "--out",
    "run",
    "--no-figures",
)
QUIET = (*RUN, "--json")
LLM = ("--mind", "llm", "--model", "tiny", "--cast", "all", "--talks", "0.4")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hermetic(monkeypatch)
    monkeypatch.chdir(tmp_path)


# -------------------------------------------------------------------- what is sent


def documented() -> dict[str, tuple[set[str], list[str]]]:
    """Return what the table of families says: what each refuses, and what is sent."""
    text = DOCS.read_text(encoding="utf-8")
    table = text.split("## What is sent to whom")[1].split("## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if "|" in line]
    cells = [[cell.strip() for cell in row] for row in rows[2:]]
    return {
        name: ({one for one in NAMES if one in re.split(r"\W+", no)}, yes.split(", "))
        for name, no, yes, _ in cells
    }


def test_the_table_of_families_lists_those_that_are_tried() -> None:
    assert list(documented()) == list(FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_is_sent_what_the_table_says(name: str) -> None:
    one, (refuses, expected) = FAMILIES[name], documented()[name]
    assert set(one.refuses) == refuses
    with (
        Loopback(default=families.family(one)) as server,
        Endpoint(settings(server.url)) as it,
    ):
        assert list(sent(it.settle())) == expected
        asked = server.count
        said = [Request("encounter", 1, 2, 3, 0, m, k, 300) for k, m in TASKS.items()]
        outcomes = it.ask(said, SCHEMAS)
        assert server.count == asked + len(said)  # no call is made twice
    assert {tuple(families.parts_of(one.body)) for one in server.requests[asked:]} == {
        tuple(expected)
    }
    for request, outcome in zip(said, outcomes, strict=True):
        _, kinds = mended(request.schema, outcome.text or "")
        assert set(kinds) == (
            {"fence", "prose"} if one.says is families.fenced else set()
        )


class Server:
    """Refuses parts, in words or without a word, and counts how often it is asked."""

    def __init__(self, refuses: set[str], words: families.Words) -> None:
        self.refuses, self.words, self.asked = refuses, words, 0

    def __call__(self, without: tuple[str, ...]) -> Refusal | None:
        self.asked += 1
        for part in sent(without):
            if part in self.refuses:
                code, body = self.words(part)
                return Refusal(code, "", json.dumps(body).encode())
        return None


@given(
    st.sets(st.sampled_from(NAMES)),
    st.sampled_from([families.openai, families.validator, families.silent]),
)
def test_whatever_is_refused_is_left_out_and_no_more(
    refuses: set[str], words: families.Words
) -> None:
    server = Server(refuses, words)
    without = dialect.settle((), server)
    parts = sent(without)
    assert not refuses & set(parts)
    assert server.asked <= 14
    for wanted in (("seed",), ("temperature",), LIMITS, FORMATS):
        taken = [name for name in wanted if name not in refuses]
        assert [name for name in parts if name in wanted] == taken[:1]


def test_an_endpoint_that_takes_nothing_says_its_first_sentence() -> None:
    refusals = iter(
        Refusal(400, "", json.dumps({"error": {"message": f"No. {n}"}}).encode())
        for n in range(100)
    )
    with pytest.raises(Refusal) as raised:
        dialect.settle((), lambda without: next(refusals))
    assert sentence(raised.value.content) == "No. 0"


def test_the_two_names_of_a_limit_are_tried_in_both_directions() -> None:
    takes_the_old = Server({"max_completion_tokens"}, families.openai)
    without = dialect.settle(("max_tokens",), takes_the_old)
    assert without == ("max_completion_tokens",)
    neither = Server(set(LIMITS), families.openai)
    assert dialect.settle(("max_tokens",), neither) == LIMITS
    assert dialect.settle(LIMITS, takes_the_old) == LIMITS  # as the user said


@pytest.mark.parametrize(
    ("body", "said", "part"),
    [
        ({"error": {"message": "no seed", "param": "seed"}}, "no seed", "seed"),
        ([{"error": {"message": "Unknown 'seed'"}}], "Unknown 'seed'", "seed"),
        ({"detail": [{"loc": ["body", "seed"], "msg": "no"}]}, "body.seed: no", "seed"),
        ({"detail": "temperature is 1"}, "temperature is 1", "temperature"),
        ({"error": "json_schema? No."}, "json_schema? No.", "json_schema"),
        ({"message": "hm", "type": "x"}, "hm", None),
        ({"error": {"code": 400}}, "", None),
        ("maxLength is not permitted", "maxLength is not permitted", "bounds"),
        (
            {"error": {"message": "maximum context length is 5", "param": None}},
            "maximum context length is 5",
            None,
        ),
        (
            {"error": {"message": "Provider", "metadata": {"raw": "seed\n\x1b[2J"}}},
            "Provider; seed [2J",
            "seed",
        ),
    ],
)
def test_a_server_is_quoted_and_understood(body: Any, said: str, part: str) -> None:
    content = json.dumps(body).encode()
    assert sentence(content) == said
    assert named(content, sent(())) == part


def test_a_page_is_quoted_without_its_tags_and_a_long_one_in_part() -> None:
    page = b"<html><script>x = 1</script><h1>502</h1>\n<p>Bad gateway</p></html>"
    assert sentence(page) == "502 Bad gateway"
    assert len(sentence(b"word " * 1000)) < 301
    assert sentence(b"") == sentence(b"\xff\xfe" * 0) == ""


def test_a_user_may_leave_out_add_and_allow_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = ("--without", "seed,response_format", "--max-tokens", "900")
    body = ("--extra-body", '{"reasoning_effort": "low"}')
    with Loopback(default=families.family(FAMILIES["Anthropic"])) as server:
        told = [*RUN, *LLM, "--base-url", server.url, "--record", "calls"]
        assert main([*told, *more, *body]) == 0
        out = capsys.readouterr().out
        again = refused_record(capsys, *told)
    line = "is sent temperature, max_tokens; at most 900 tokens a reply; also reasoning"
    assert line in out
    assert "; without seed, json_schema, json_object" in out
    for call in server.requests:
        assert sorted(call.body) == [
            *("max_tokens", "messages", "model", "reasoning_effort", "temperature")
        ]
        assert call.body["max_tokens"] == 900
    assert "was recorded with max_tokens 900, not None" in again
    header = json.loads(Path("calls").read_text().splitlines()[0])
    assert header["extra_body"] == {"reasoning_effort": "low"}
    mind = load("run").provenance["mind"]
    assert (mind["max_tokens"], mind["extra_body"]) == (900, header["extra_body"])


def refused_record(capsys: pytest.CaptureFixture[str], *told: str) -> str:
    assert main([*told, "--force"]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--without", "sed"), "nothing named 'sed' can be left out; did you mean"),
        (("--max-tokens", "0"), "a reply has 1 token or more, not 0"),
        (("--extra-body", "[1]"), "--extra-body takes a JSON object"),
        (("--extra-body", '{"model": "x"}'), "the extra body cannot set 'model'"),
        (("--extra-body", '{"x": NaN}'), "cannot be written as JSON"),
        (("--stop-after", "-1"), "stop after 0 calls or more, not -1"),
    ],
)
def test_wrong_options_are_refused(
    given: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, *RUN, *LLM, *given)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"without": "seed"}, "a tuple of names, not 'seed'"),
        ({"without": ("sed",)}, "nothing named 'sed' can be left out"),
        ({"max_tokens": "5"}, "a reply has 1 token or more, not '5'"),
        ({"max_tokens": 2**31}, "a reply has 1 token or more"),
        ({"extra_body": [1]}, "the extra body is a mapping"),
        ({"extra_body": {"x": {1, 2}}}, "cannot be written as JSON"),
        ({"extra_body": {"x": "y" * 4000}}, "more than 4000 characters"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_sent_are_refused(
    change: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        check_settings(Settings("tiny")._replace(**change))


# --------------------------------------------------------------- replies are mended

REPLY = {
    "said": "Hello.",
    "warmth": 7,
    "disclosure": 5,
    "novelty": 3,
    "act": "continue",
    "remember": "We met.",
}
GOOD = json.dumps(REPLY)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a run in which every reply is in form; tests only read it."""
    with pytest.MonkeyPatch.context() as patch:
        hermetic(patch)
        with Loopback() as server:
            folder = tmp_path_factory.mktemp("plain")
            return speak(folder / "run", asking(server.url), steps=3)


ODD: dict[str, tuple[Behaviour, set[str]]] = {
    **{name: (families.saying(say), kinds) for name, (say, kinds) in TEXTS.items()},
    **{name: (families.replying(do), kinds) for name, (do, kinds) in OBJECTS.items()},
    "packed": (families.packed(), set()),
    "in parts": (families.in_parts(), set()),
}


@pytest.mark.parametrize("mode", ODD)
def test_a_reply_that_needs_mending_is_read(mode: str) -> None:
    behave, kinds = ODD[mode]
    asked = Request("encounter", 1, 2, 3, 0, TASKS["encounter"], "encounter", 300)
    with Loopback(default=behave) as server, Endpoint(settings(server.url)) as it:
        (outcome,) = it.ask([asked], SCHEMAS)
        reply, found = mended("encounter", outcome.text or "")
        expected = read("encounter", json.dumps(loopback.scripted(server.requests[0])))
    assert set(found) == kinds
    if kinds == {"missing key"}:
        assert isinstance(expected, Encounter)
        expected = expected._replace(remember="")
    assert reply == expected


def test_a_model_of_many_habits_makes_the_run_of_one_without(
    plain: Result, tmp_path: Path
) -> None:
    """All but those that leave something out, which others would remember."""
    habits = [one for one, kinds in ODD.values() if kinds != {"missing key"}]

    async def behave(call: Call) -> None:
        await habits[call.number % len(habits)](call)

    with Loopback(default=behave) as server:
        result = speak(tmp_path / "run", asking(server.url), steps=3)
    told = result.provenance["mind"]
    assert told["calls"] == told["answered"] > 30
    assert set(told["mended"]) == set(KINDS) - {"missing key"}
    assert society_of(result) == society_of(plain)


def test_every_kind_of_mending_is_tried() -> None:
    assert set().union(*(kinds for _, kinds in ODD.values())) == set(KINDS)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(6.5, 0.7), (6.4, 0.6), (9.5, 1.0), (0.5, 0.1), ("7", 0.7), (" 7.0 ", 0.7)],
)
def test_halves_go_up(given: Any, kept: float) -> None:
    reply, kinds = mended("encounter", json.dumps(REPLY | {"warmth": given}))
    assert isinstance(reply, Encounter)
    assert reply.warmth == kept
    assert kinds


@pytest.mark.parametrize(
    "text",
    [
        *("", "I would rather talk.", "{}", GOOD + GOOD, f"{GOOD} or {GOOD}"),
        f"<think>{GOOD}",  # it never ended thinking
        f"<think>{GOOD}</think>",
        f"Sure! {json.dumps(REPLY | {'act': 'marry'})}",
        f"Sure! {GOOD[:-30]}",
        json.dumps({"reply": REPLY}),
        *(json.dumps(REPLY | {"warmth": n}) for n in ("ten", "1e1", 10.4, -0.2, True)),
        *(json.dumps(REPLY | {"act": act}) for act in (["continue"], 0, None)),
        json.dumps(families._without(REPLY, "warmth")),
        json.dumps(families._without(REPLY, "said")),
        'Sure! {"said": "a", "said": "b"}',
        "{" * 100_000,
        '{"said": ' * 30_000,
        "<think>" * 30_000 + GOOD,
    ],
    ids=lambda text: text[:30],
)
def test_what_would_have_to_be_guessed_is_of_no_use(text: str) -> None:
    with pytest.raises(BadReply):
        mended("encounter", text)


@given(st.text(), st.text())
def test_a_good_reply_reads_the_same_in_any_prose(before: str, after: str) -> None:
    try:
        reply, _ = mended("encounter", f"{before}\n{GOOD}\n{after}")
    except BadReply:
        assert set('{[<"`') & set(before + after)
    else:
        assert reply == read("encounter", GOOD)


@given(st.sampled_from(sorted(SCHEMAS)), st.text())
def test_any_text_is_mended_or_refused_by_name(schema: str, text: str) -> None:
    try:
        mended(schema, text)
    except BadReply as bad:
        assert bad.failure in ("not JSON", "wrong schema", "out of range")


# --------------------------------------------------- prompts and replies of no use

NO = "filtered by policy"
REFUSED: dict[str, tuple[Behaviour, str]] = {
    "400": (error(400, NO), "refused prompt"),
    "403": (error(403, NO), "refused prompt"),
    "413": (error(413, NO), "refused prompt"),
    "422": (error(422, NO), "refused prompt"),
    "a filter": (error(400, NO, 400, word="content_filter"), "content filter"),
    "filtered": (families.declining("content_filter"), "content filter"),
    "a model": (families.declining(refusal="I will not."), "refusal"),
}


@pytest.mark.parametrize("mode", REFUSED)
def test_a_refused_prompt_is_a_failure_of_its_call(mode: str) -> None:
    behave, name = REFUSED[mode]
    with (
        Loopback(loopback.answer(), default=behave) as server,
        Endpoint(settings(server.url)) as it,
    ):
        it.settle()
        asked = Request("encounter", 1, 2, 3, 0, TASKS["encounter"], "encounter", 300)
        (outcome,) = it.ask([asked], SCHEMAS)
    said = {"filtered": None, "a model": "I will not."}.get(mode, NO)
    assert outcome._replace(prompt_tokens=0) == Response(said, name)


@pytest.mark.slow
def test_refused_prompts_are_counted_and_a_run_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    modes = [behave for behave, _ in REFUSED.values()]

    async def refuse(call: Call) -> None:
        await modes[call.number // 7 % len(modes)](call)

    with Loopback(default=seventh(refuse)) as server:
        options = ("--base-url", server.url, "--record", "calls", "--steps", "5")
        assert main([*RUN, *LLM, *options]) == 0
        asked = server.count
        lines = capsys.readouterr().out.splitlines()
        mind = load("run").provenance["mind"]
        assert main([*RUN, *LLM, *options, "--force"]) == 0  # with the same recording
        assert server.count == asked
    failed = mind["failures"]
    assert set(failed) == {name for _, name in REFUSED.values()}
    assert sum(failed.values()) == mind["by_rule"] == asked // 7 >= len(modes)
    assert mind["calls"] == mind["answered"] + mind["by_rule"] == asked - 1
    said = {"refused prompt": NO, "content filter": NO, "refusal": "I will not."}
    assert mind["said"] == said
    told = ", ".join(f"{n} {name} ({said[name]})" for name, n in failed.items())
    made = f"{mind['calls']} calls to tiny in {mind['requests']} requests"
    assert f"mind     {made}; failed: {told}" in lines


def test_a_fault_that_passes_costs_no_call(tmp_path: Path) -> None:
    """A balanced server that lacks the model, a provider that is overloaded."""
    for number, behave in enumerate((error(404, "pull it"), error(502, "busy", 200))):
        with Loopback(default=seventh(behave)) as server:
            mind = asking(server.url)
            assert mind.settings is not None
            alone = mind._replace(settings=mind.settings._replace(slots=1))
            result = speak(tmp_path / str(number), alone, steps=2)
        told = result.provenance["mind"]
        assert told["calls"] == told["answered"]
        assert told["re_asked"] == server.count // 7 > 2


def test_a_model_that_stays_away_stops_the_run_and_keeps_what_was_answered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Loopback(*[loopback.answer()] * 9, default=error(404, NO)) as server:
        told = (*RUN, *LLM, "--base-url", server.url, "--record", "calls")
        err = refused(capsys, *told, "--slots", "1")
        assert server.count == 9 + 4  # attempts of the one call
    assert "knows no model 'tiny' at this address; check --model and" in err
    assert err.endswith(f"(status 404); it says: {NO}\n")
    text = Path("calls").read_text()
    kinds = [next(iter(json.loads(one))) for one in text.splitlines()]
    notes = ["spent"] * 3  # of the attempts before the last
    assert kinds == ["transcript", "spent", "opened", *["key"] * 8, *notes]


AT_THE_START = {
    "401": (error(401, NO), "does not accept the key"),
    "402": (error(402, NO), "wants to be paid"),
    "403": (error(403, NO), "does not let this key use model 'tiny'"),
    "404": (error(404, NO), "knows no model 'tiny'"),
    "413": (error(413, NO), "takes no request of this size"),
    "no quota": (error(429, NO, 429, word="insufficient_quota"), "has no quota left"),
    "a limit": (error(400, NO + ": max_tokens is too large"), "does not take this"),
    "no model": (error(400, NO, 400, word="model_not_found"), "does not take this"),
}


@pytest.mark.parametrize("mode", AT_THE_START)
def test_what_cannot_be_settled_stops_at_once(
    mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    behave, told = AT_THE_START[mode]
    with Loopback(default=behave) as server:
        err = refused(capsys, *QUIET, *LLM, "--base-url", server.url)
        assert server.count == 1
    assert told in err
    assert f"; it says: {NO}" in err


def test_an_overloaded_provider_is_quoted_at_the_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for behave, name in (
        (error(502, NO, 200), "server error"),
        (error(429, NO), "rate limited"),
        (families.declining(refusal=NO), "refusal"),
    ):
        with Loopback(default=behave) as server:
            err = refused(capsys, *QUIET, *LLM, "--base-url", server.url)
        assert f"gives no answer from model 'tiny' ({name})" in err
        assert err.endswith(f"; it says: {NO}\n")


def test_a_model_that_only_thinks_wants_more_tokens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Loopback(default=loopback.text(None, "length")) as server:
        err = refused(capsys, *QUIET, *LLM, "--base-url", server.url)
    assert "spent 500 tokens before it said anything" in err
    assert "--max-tokens" in err


def test_an_address_without_its_end_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def moved(call: Call) -> None:
        there = {"Location": "http://host/v1/chat/completions"}
        await call.send(b"", 308, there)

    for behave, told in (
        (moved, "give that one as --base-url (status 308); it says: http://host/v1\n"),
        (loopback.status(404, {}, b"page not found"), "(most end in /v1) (status 404)"),
    ):
        with Loopback(default=behave) as server:
            url = server.url.removesuffix("/v1")
            assert told in refused(capsys, *QUIET, *LLM, "--base-url", url)


USELESS: dict[str, tuple[Behaviour, str, str]] = {
    "prose": (loopback.text("I'd rather talk."), "not JSON", "I'd rather talk."),
    "half": (loopback.cut_short(), "cut short", "(--max-tokens)"),
    "refused": (error(403, NO), "refused prompt", NO),
}


@pytest.mark.parametrize("mode", USELESS)
def test_calls_of_no_use_stop_a_run_early_with_a_sample(
    mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    behave, name, sample = USELESS[mode]
    with Loopback(loopback.answer(), default=behave) as server:
        told = [*QUIET, *LLM, "--base-url", server.url, "--record", "calls"]
        err = refused(capsys, *told)
        assert server.count <= 1 + 10 + 2 * 4  # and those that were begun
        assert f"10 of the last 10 calls were of no use (10 {name})" in err
        assert sample in err
        assert main([*told, "--stop-after", "0"]) == 0
        mind = load("run").provenance["mind"]
    assert mind["failures"] == {name: mind["calls"]}
    assert mind["calls"] > 20


def test_a_sample_does_not_tell_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    async def repeat(call: Call) -> None:
        await call.send_text(f"You sent {call.headers['authorization']}.")

    for more in ((), ("--on-failure", "abort")):
        with Loopback(loopback.answer(), default=repeat) as server:
            err = refused(capsys, *QUIET, *LLM, "--base-url", server.url, *more)
        assert "You sent Bearer [key]." in err


def test_most_of_the_first_calls_of_no_use_or_many_in_a_row_stop_a_run() -> None:
    def model(pattern: str) -> Any:
        """Return a stand-in that follows a pattern: ``.`` is good, ``x`` of no use."""
        letters = iter(pattern + "." * 10_000)

        def reply(request: Request) -> Response:
            return Response("No." if next(letters) == "x" else GOOD)

        fake = always()
        fake.reply = reply
        return fake

    for pattern, asked in (
        ("x" * 9 + "." + "x" * 10, 20),  # 95 % of the first 20
        ("x." * 15 + "x" * 20, 50),  # 20 in a row
        ("." * 5 + "x" * 20, 25),
    ):
        fake = model(pattern)
        with pytest.raises(InputError, match="were of no use"):
            speaking(fake)
        assert len(fake.requests) == asked
    for pattern in (
        "x" * 9 + "..." + "x" * 9,
        "x." * 20,
        "." + "x" * 15 + "..." + "x" * 19,
    ):
        told = mind_of(speaking(model(pattern))).summary()
        assert told["failures"] == {"not JSON": pattern.count("x")}
        assert told["calls"] > 40


# -------------------------------------------------------------------- recordings

MISTRAL = families.family(FAMILIES["Mistral"])


@pytest.mark.slow
def test_a_dialect_is_recorded_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "calls"
    with Loopback(default=MISTRAL) as server:
        mind = asking(server.url, record=record)
        first = speak(tmp_path / "first", mind, steps=3)
        asked = server.count
        again = speak(tmp_path / "again", mind, steps=3)
        assert server.count == asked  # all was found, nothing was settled anew
        longer = speak(tmp_path / "longer", mind, steps=4)
        new = len(longer.speech.calls) - len(first.speech.calls)
        assert server.count == asked + new
    header, *lines = map(json.loads, record.read_text().splitlines())
    end, *entries = lines
    assert header["transcript"] == 4
    assert header["without"] == ["seed"]
    assert end["opened"] == {"requests": 2}
    assert {entry["key"] for entry in entries} == set(longer.speech.calls["key"])
    forbid_sockets(monkeypatch)
    other = mind._replace(settings=None, record=None, replay=record)
    replayed = speak(tmp_path / "replayed", other, steps=3)
    assert tables(again) == tables(replayed) == tables(first)
    assert replayed.provenance["mind"]["without"] == ["seed"]


def test_what_is_not_sent_changes_the_key_of_a_call() -> None:
    from sim.minds.transcript import key_of

    asked = Request("encounter", 1, 2, 3, 0, (), "encounter", 300)
    base = Settings("tiny", "http://127.0.0.1/v1")
    keys = Counter(
        key_of(asked, base._replace(**change))
        for change in (
            {},
            {"without": ("seed",)},
            {"without": ("seed", "bounds")},
            {"extra_body": {"top_k": 1}},
        )
    )
    assert len(keys) == 4
    either_order = base._replace(without=("bounds", "seed"))
    assert key_of(asked, either_order) in keys


def test_a_recording_of_the_first_format_is_read_as_it_was_made(tmp_path: Path) -> None:
    """Its replies were not mended; a replay has the bytes of its run."""
    record, old = tmp_path / "calls", tmp_path / "old"
    with Loopback(default=seventh(families.saying(families.fenced))) as server:
        mind = asking(server.url, record=record)
        new = speak(tmp_path / "run", mind, steps=1)
    header, *entries = record.read_text().splitlines(keepends=True)
    fields = json.loads(header)
    for name in ("without", "max_tokens", "extra_body"):
        del fields[name]
    first = json.dumps(fields | {"transcript": 1}) + "\n"
    old.write_text(first + "".join(entries))
    replay = mind._replace(settings=None, record=None, replay=old)
    told = speak(tmp_path / "again", replay, steps=1).provenance["mind"]
    broken = new.provenance["mind"]["mended"]["prose"]
    assert broken >= 1
    assert told["failures"] == {"not JSON": broken}
    assert told["mended"] == {}


@pytest.mark.slow
def test_a_recording_goes_on_at_another_host_if_the_model_is_the_same(
    tmp_path: Path,
) -> None:
    record = tmp_path / "calls"
    with Loopback() as here, Loopback(default=MISTRAL) as there:
        speak(tmp_path / "here", asking(here.url, record=record), steps=2)
        kept = record.read_bytes()
        other = asking(there.url, record=record)
        with pytest.raises(InputError, match=r"say that the model.*--same-model"):
            speak(tmp_path / "no", other, steps=3)
        assert record.read_bytes() == kept
        result = speak(tmp_path / "run", other._replace(same_model=True), steps=3)
        asked = there.count
        speak(tmp_path / "again", other, steps=3)  # it is known by now
        assert there.count == asked
        back = speak(tmp_path / "back", asking(here.url, record=record), steps=3)
    assert tables(back) == tables(result)
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    went, came = (line["continued"] for line in lines if "continued" in line)
    assert (went["provider"], went["without"]) == (there.url, ["seed"])
    assert (came["provider"], came["without"]) == (here.url, [])
    assert asked == len(lines) - kept.count(b"\n") - 2  # but the two changes
    replay = other._replace(settings=None, record=None, replay=record)
    again = speak(tmp_path / "replay", replay, steps=3)
    assert tables(again) == tables(result)
    assert result.provenance["mind"]["continued"] == [went]


def test_a_recording_is_not_continued_without_what_it_was_asked_with(
    tmp_path: Path,
) -> None:
    record = tmp_path / "calls"
    with Loopback() as server:
        mind = asking(server.url, record=record)
        speak(tmp_path / "run", mind, steps=1)
        assert mind.settings is not None
        other = mind._replace(settings=mind.settings._replace(without=("seed",)))
        with pytest.raises(InputError, match="was recorded with seed, not without"):
            speak(tmp_path / "again", other, steps=1)


def test_the_limit_of_a_reply_is_that_of_all_replies() -> None:
    with Loopback() as server, Endpoint(settings(server.url, max_tokens=7)) as it:
        it.settle()
        assert server.requests[0].body["max_tokens"] == 7
    assert Policy().stop_after == 10
