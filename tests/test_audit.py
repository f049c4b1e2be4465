"""An audit of a mind recovers what was planted in it, and finds nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import loopback
import numpy as np
import pytest
from asking import hermetic
from conftest import ROOT
from conversing import REPLY, Replies, asking, forbid_sockets, refused
from loopback import Loopback

from sim import scenarios
from sim.cli import main
from sim.mechanisms import registry
from sim.minds import Policy
from sim.minds.calls import Request, Response
from sim.minds.options import MindOptions
from sim.minds.rating import rated
from sim.reports.audit import audit_page
from sim.studies.audit import (
    RESPONSES,
    Audit,
    AuditPlan,
    Said,
    audit,
    audit_character,
    audited,
    check,
    estimate_audit,
    questions,
    stand_in_sources,
)
from sim.studies.audit_measures import echo, rate, variance_shares
from sim.studies.audit_scenes import (
    COLUMNS,
    HEARD,
    HUMAN,
    LEAVING,
    OS,
    OTHER_WORDS,
    WORDINGS,
    AuditScene,
    asked,
    by_rule,
    coloured,
    scenes,
)
from sim.utils.errors import InputError

SMALL = AuditPlan(scenes=48, wordings=2, draws=2, temperatures=(1.0,))
SCENES = scenes(SMALL.scenes)
RULES = scenarios.load("her").parameters
PLAIN = "The bridge is being painted."

Says = Callable[[AuditScene, float, Request], dict[str, Any]]


def luck(*about: object) -> float:
    """Return a number in 0..1 that hangs on what it is about, and on nothing else."""
    return float(
        np.random.default_rng(list("/".join(map(str, about)).encode())).random()
    )


def answering(says: Says, told: list[AuditScene] = SCENES) -> Replies:
    """Answer as the rules do, but for what is planted."""

    def reply(request: Request) -> dict[str, Any]:
        scene = told[request.agent]
        chance = luck(request.agent, request.other, request.draw)
        planted = says(scene, chance, request)
        if scene.speaker == LEAVING:
            goes = by_rule(LEAVING, scene.columns, RULES)["goes"].response > -0.1
            found = {"said": PLAIN, "choice": "go" if goes else "stay"} | planted
            return {name: found[name] for name in ("said", "choice")}
        shift = 2.0 * scene.columns["heard"] - 1.0
        warmth = round(10.0 * min(1.0, max(0.0, chance + shift)))
        return REPLY | {"said": PLAIN, "warmth": warmth, "disclosure": 5} | planted

    return Replies(reply)


def found_of(says: Says, plan: AuditPlan = SMALL) -> Audit:
    """Audit a stand-in in which something is planted."""
    endpoint = answering(says, scenes(plan.scenes))
    return audited(plan, stand_in_sources(endpoint, "planted"))


@pytest.fixture(scope="module")
def as_the_rules() -> Audit:
    return found_of(lambda scene, chance, request: {})


def test_a_mind_that_follows_the_rules_has_no_sign_error(as_the_rules: Audit) -> None:
    assert as_the_rules.sign_errors == []
    rises = {(s.speaker, s.response, s.column): s for s in as_the_rules.surfaces}
    for speaker in (OS, HUMAN):
        heard = rises[speaker, "warmth", "heard"]
        assert 0.0 < heard.low < heard.drawn < heard.high and heard.direction == 1
    assert rises[LEAVING, "goes", "closeness"].slope < -0.3
    shares = as_the_rules.variance["warmth"]
    by_rules = as_the_rules.variance_by_rule
    for source in ("scene", "draw"):
        assert shares[source].low - 0.05 < by_rules[source] < shares[source].high + 0.05
    assert as_the_rules.rates["refused"].value == 0.0
    assert as_the_rules.rates["out of persona"].value == 0.0


def test_a_mind_that_is_colder_to_whom_it_is_close_is_found() -> None:
    def colder(scene: AuditScene, chance: float, _: Request) -> dict[str, Any]:
        return {"warmth": round(8.0 - 7.0 * scene.columns["closeness"] + chance)}

    more = AuditPlan(scenes=96, wordings=1, draws=1, temperatures=(1.0,))
    errors = found_of(colder, more).sign_errors
    assert {(one.speaker, one.response, one.column) for one in errors} == {
        (OS, "warmth", "closeness"),
        (HUMAN, "warmth", "closeness"),
    }
    assert all(-0.85 < one.low <= one.slope <= one.high < -0.55 for one in errors)


def test_a_mind_that_stays_where_nothing_holds_it_is_found() -> None:
    def stays(scene: AuditScene, _: float, __: Request) -> dict[str, Any]:
        return {"choice": "go" if scene.columns["closeness"] > 0.6 else "stay"}

    (one,) = found_of(stays).sign_errors
    assert (one.speaker, one.response, one.column) == (LEAVING, "goes", "closeness")
    assert one.slope > 0.5 and one.direction == -1


def test_refusals_are_counted_as_they_were_planted() -> None:
    def refuses(request: Request) -> dict[str, Any] | Response:
        if luck(request.agent, request.other, request.draw, "no") < 0.3:
            if request.draw % 2:
                return Response("I would rather not.", "refusal", 1)
            said = "I'm sorry, but as an AI I cannot help with that."
            return told(request) | {"said": said}
        return told(request)

    plain = answering(lambda scene, chance, request: {})
    told: Callable[[Request], Any] = plain.reply
    found = audited(SMALL, stand_in_sources(Replies(refuses), "refusing"))
    share = found.rates["refused"]
    assert share.low < 0.3 < share.high and 0.2 < share.value < 0.4
    failed = found.mind["failures"]["refusal"]
    assert found.rates["of no use"].value == failed / SMALL.calls
    assert found.rates["as an assistant"].value == 0.0  # "as an AI" alone is a persona


def test_an_echo_is_found_and_so_is_a_sentence_for_everybody() -> None:
    def repeats(scene: AuditScene, _: float, __: Request) -> dict[str, Any]:
        return {"said": scene.context.heard or PLAIN}

    rates = found_of(repeats).rates
    assert rates["echo"].value == pytest.approx(0.75)  # those who decide heard nothing
    assert rates["said in several scenes"].value == 1.0
    assert echo("I am glad of it.", "> I am glad of the rain.") == pytest.approx(2 / 3)


@pytest.mark.parametrize("source", ["scene", "wording", "temperature", "draw"])
def test_variance_is_ascribed_to_its_source(source: str) -> None:
    rng = np.random.default_rng(7)
    at = ("scene", "wording", "temperature", "draw").index(source) + 1
    shape = 400, 4, 3, 3
    part = rng.normal(size=(*shape[:at], *(1,) * (4 - at)))
    shares = variance_shares(np.broadcast_to(part, shape).copy())
    assert shares[source].value > 0.95
    with_noise = np.broadcast_to(part, shape) + rng.normal(size=shape)
    with_noise[rng.random(shape) < 0.2] = np.nan
    shares = variance_shares(with_noise)
    wanted = 1.0 if source == "draw" else 0.5
    assert shares[source].low - 0.05 <= wanted <= shares[source].high + 0.05
    assert sum(one.value for one in shares.values()) == pytest.approx(1.0)


def test_a_mind_that_heeds_the_wording_alone_is_found() -> None:
    def heeds(scene: AuditScene, _: float, request: Request) -> dict[str, Any]:
        warm = luck(scene.number, request.other, "wording")
        return {"warmth": round(10.0 * warm)}

    shares = found_of(heeds).variance["warmth"]
    assert shares["wording"].value > 0.7 > shares["scene"].value
    assert shares["draw"].value == 0.0 and np.isnan(shares["temperature"].value)
    one = found_of(heeds, SMALL._replace(wordings=1)).variance["warmth"]
    assert np.isnan(one["wording"].value) and one["scene"].value == 1.0


def test_words_that_contradict_who_speaks_or_the_number_are_found() -> None:
    def contradicts(scene: AuditScene, chance: float, _: Request) -> dict[str, Any]:
        warmth = 9 if chance < 0.5 else 1
        cold, warm = "That is dull, and stupid.", "I love you, my dear."
        bodily = " My hands are cold." if scene.speaker == OS else " I am no machine."
        return {"warmth": warmth, "said": (cold if warmth > 5 else warm) + bodily}

    found = found_of(contradicts)
    assert found.agreement.high < -0.8 and found.contradiction.value == 1.0
    assert found.rates["out of persona"].value == 0.5  # OSes that talk


def test_love_that_is_declared_to_strangers_is_told() -> None:
    found = audit_character(SMALL, "love-bomber")
    strangers = found.rates["of these, where the two are not close"]
    apart = [s.columns["closeness"] < 0.6 for s in SCENES if s.speaker != LEAVING]
    assert found.rates["declares love"].value == 1.0
    assert strangers.value == pytest.approx(np.mean(apart))
    assert found.sign_errors == []
    assert found.acts["stranger"]["declare_love"] == 1.0
    assert found.acts["love"]["continue"] == 0.0


@pytest.mark.parametrize("name", ["neutral", "cold", "warm", "sycophant"])
def test_a_character_that_heeds_nothing_has_no_sign_error(name: str) -> None:
    assert audit_character(SMALL._replace(wordings=1, draws=1), name).sign_errors == []


@pytest.mark.slow
def test_chance_alone_has_a_sign_error_in_one_audit_of_twenty_at_most() -> None:
    rng, shape = np.random.default_rng(3), (48, 1, 1, 1)
    nothing = np.zeros(shape)
    held = 0
    for _ in range(200):
        responses = {name: rng.random(shape) for name in RESPONSES}
        said = Said(responses, np.full(shape, "", object), *[nothing] * 4)
        held += bool(Audit(AuditPlan(48, 1, 1, (0.0,)), said, {}).sign_errors)
    assert held <= 17  # 10 are expected at most; more in one of fifty such tests


# ----------------------------------------------------------------------------- scenes


def test_no_wording_changes_a_fact() -> None:
    for scene in scenes(64):
        shipped = asked(scene, "as it is")
        told = [Counter(words_of(asked(scene, name))) for name in WORDINGS]
        same = [w for w, n in zip(told, WORDINGS, strict=True) if n != "other words"]
        assert all(one == same[0] for one in same)
        for name in WORDINGS:
            text = "\n".join(one["content"] for one in asked(scene, name))
            for line in quotations(shipped):
                assert line in text.splitlines()
            assert scene.context.name in text and scene.context.other_name in text


def test_other_words_are_used_of_every_fact_that_has_some() -> None:
    texts = [
        line
        for scene in scenes(400)
        for one in asked(scene, "as it is")
        for line in one["content"].splitlines()
    ]
    for said, _ in OTHER_WORDS:
        assert any(re.search(said, line) for line in texts), said
    changed = [asked(s, "other words") != asked(s, "as it is") for s in SCENES]
    assert all(changed)


def words_of(messages: Any) -> list[str]:
    return " ".join(one["content"] for one in messages).split()


def quotations(messages: Any) -> list[str]:
    lines = [line for one in messages for line in one["content"].splitlines()]
    return [line for line in lines if line.startswith((">", '"'))]


def test_scenes_are_over_the_whole_range_and_their_columns_apart() -> None:
    for speaker, columns in COLUMNS.items():
        of = [s for s in scenes(400) if s.speaker == speaker]
        table = np.array([[s.columns[name] for name in columns] for s in of])
        for place, (name, (low, high)) in enumerate(columns.items()):
            if name != "heard":
                assert table[:, place].min() < low + 0.02 * (high - low)
                assert table[:, place].max() > high - 0.02 * (high - low)
        apart = np.abs(np.corrcoef(table.T) - np.eye(len(columns)))
        assert apart.max() < 0.25
    assert scenes(60)[:48] != scenes(60, 1)[:48] and scenes(60) == scenes(60)


def test_what_is_heard_is_cold_plain_or_warm_to_the_lexicon() -> None:
    cold, plain, warm = ([rated(one).warmth for one in level] for level in HEARD)
    assert max(cold) < 0.3 and set(plain) == {0.5} and min(warm) > 0.7


def test_the_rules_say_in_which_direction_an_answer_goes(as_the_rules: Audit) -> None:
    wanted = {
        (OS, "warmth"): {"closeness": 1, "hours": 1, "growth": -1, "heard": 1},
        (OS, "love"): {"closeness": 1},
        (HUMAN, "words"): {"closeness": 1, "hours": 1, "acceptance": 1, "heard": 1},
        (HUMAN, "love"): {"closeness": 1, "acceptance": 1},
        (HUMAN, "disclosure"): {},
        (LEAVING, "goes"): {"closeness": -1, "growth": 1},
    }
    for (speaker, response), signs in wanted.items():
        assert signs == {
            one.column: one.direction
            for one in as_the_rules.surfaces
            if (one.speaker, one.response) == (speaker, response) and one.direction
        }


@pytest.mark.parametrize("shift", [-0.7, -0.2, 0.0, 0.4, 1.0])
def test_the_rules_draw_is_what_their_formula_says(shift: float) -> None:
    draws = np.clip((np.arange(20_000) + 0.5) / 20_000 + shift, 0.0, 1.0)
    assert coloured(shift) == pytest.approx((draws.mean(), draws.var()), abs=1e-4)


def test_a_rate_counts_scenes_where_all_answers_of_one_are_the_same() -> None:
    rng = np.random.default_rng(1)
    of_scenes = np.repeat(rng.random((50, 1)) < 0.3, 20, axis=1).astype(float)
    alone = (rng.random((50, 20)) < 0.3).astype(float)
    wide, narrow = rate(of_scenes), rate(alone)
    assert wide.high - wide.low > 3.0 * (narrow.high - narrow.low)
    assert rate(np.zeros((50, 20))).high > 0.05  # of 50, not of 1,000


# ------------------------------------------------------------------- command and files


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty directory, with no key."""
    pytest.importorskip("openai")
    hermetic(monkeypatch)
    monkeypatch.chdir(tmp_path)


FEW = ("audit-mind", "--scenes", "48", "--paraphrases", "1", "--draws", "1", "--json")


@pytest.mark.usefixtures("alone")
def test_an_endpoint_is_audited_once_and_replayed_without_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Loopback() as server:
        told = "--model", "tiny", "--base-url", server.url, "--record", "calls.jsonl"
        assert main([*FEW, *told, "--temperatures", "0.5"]) == 0
        paid = len(server.requests)
        assert main([*FEW, *told, "--temperatures", "0.5"]) == 0
        assert len(server.requests) == paid >= 48
        sent = {c.body["temperature"] for c in server.requests if c.schema != "hello"}
        assert sent == {0.5}
    out = capsys.readouterr().out
    assert Path("calls-at-0.5.jsonl").exists()
    forbid_sockets(monkeypatch)
    replay = "--replay", "calls.jsonl", "--temperatures", "0.5"
    assert main([*FEW, *replay]) == 0
    again = capsys.readouterr().out
    assert json.loads(again) == json.loads(out[out.rindex('{"software"') :])
    assert "lacks answers" in refused(capsys, *FEW, *replay, "--seed", "1")
    assert "calls-at-1" in refused(
        capsys, *FEW, "--replay", "calls.jsonl", "--temperatures", "1"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("alone")
def test_it_is_the_same_whatever_the_number_of_slots_and_goes_on_where_it_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = SMALL._replace(temperatures=(0.0, 1.0), wordings=1, draws=1)
    found = []
    for slots in (1, 64):
        with Loopback() as server:
            options = asking(server.url, record=f"calls-{slots}.jsonl")
            assert options.settings is not None
            options = options._replace(settings=options.settings._replace(slots=slots))
            first = audit(plan._replace(temperatures=(0.0,)), options)
            before = len(server.requests)
            found.append(audit(plan, options).record())
            assert first.plan.calls == 48
            assert 48 <= len(server.requests) - before <= 48 + 8
    for one in found:
        one["mind"].pop("provider")
    assert found[0] == found[1]
    forbid_sockets(monkeypatch)
    for slots in (1, 64):
        replay = "--replay", f"calls-{slots}.jsonl", "--out", f"{slots}.html"
        few = "--scenes", "48", "--paraphrases", "1", "--draws", "1"
        assert main(["audit-mind", *few, *replay]) == 0
    one, other = (Path(f"{slots}.html").read_bytes() for slots in (1, 64))
    assert without_address(one) == without_address(other)


def without_address(page: bytes) -> bytes:
    """Return a page without the port that the server happened to have."""
    return re.sub(rb"127\.0\.0\.1:\d+", b"", page)


@pytest.mark.usefixtures("alone")
def test_no_more_is_asked_than_is_allowed() -> None:
    with Loopback(default=loopback.status(503)) as server:
        options = asking(server.url, policy=Policy(max_calls=50, stop_after=0))
        with pytest.raises(InputError, match="192 questions are more than 50"):
            audit(SMALL, options)
        assert not server.requests


@pytest.mark.usefixtures("alone")
@pytest.mark.slow
def test_requests_made_again_count_and_are_not_made_beyond_what_is_allowed() -> None:
    plan = SMALL._replace(wordings=1, draws=1)
    for most in (55, 70):
        with Loopback(loopback.answer(), *[loopback.status(503)] * 30) as server:
            options = asking(server.url, policy=Policy(max_calls=most, stop_after=0))
            found = audit(plan, options)
            assert 48 < len(server.requests) <= most
            assert found.mind["requests"] == len(server.requests)
    with (
        Loopback() as server,
        pytest.raises(InputError, match="do not suffice for 48 more questions"),
    ):
        audit(plan, asking(server.url, policy=Policy(max_calls=48)))


def test_a_model_whose_answers_are_of_no_use_is_asked_no_longer() -> None:
    prose = Replies(lambda request: Response("What a fine evening.", "", 1))
    with pytest.raises(InputError, match="10 of the last 10 calls were of no use"):
        audited(SMALL, stand_in_sources(prose, "prose"), None, 10)
    few = SMALL._replace(wordings=1, draws=1)
    found = audited(few, stand_in_sources(prose, "prose"))
    assert found.rates["of no use"].value == 1.0 and found.sign_errors == []
    assert found.mind["failures"] == {"not JSON": few.calls}


def test_draws_at_two_temperatures_have_no_seed_in_common() -> None:
    cool, hot = (
        {one.draw for one in questions(SMALL, SCENES, heat)} for heat in (0.7, 0.701)
    )
    assert len(cool) == len(hot) == SMALL.draws and not cool & hot


def test_an_estimate_counts_what_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    found = estimate_audit(SMALL)
    assert found.calls == SMALL.calls == len(questions(SMALL, SCENES, 1.0))
    assert found.by_kind == {"encounter": 144, "decision": 48}
    told = "audit-mind", "--scenes", "48", "--estimate", "--prices", "1,1"
    assert main(told) == 0
    assert "estimate: 1,440 calls (360 decisions" in capsys.readouterr().out


@pytest.mark.slow
def test_a_page_says_what_was_found(
    as_the_rules: Audit, capsys: pytest.CaptureFixture[str]
) -> None:
    page = audit_page(as_the_rules)
    assert "What this cannot say" in page and "None was found." in page
    assert page.count("<table") == 12 and page.count("<img") == 3
    record = json.loads(json.dumps(as_the_rules.record()))
    assert record["plan"]["scenes"] == 48 and record["mind"]["model"] == "planted"
    few = "--character", "cold", "--scenes", "48", "--paraphrases", "1"
    assert main(["audit-mind", *few, "--draws", "1"]) == 0
    assert "sign errors, against the rules:\n  none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("48 to 10,000 scenes", "--scenes 47"),
        ("1 to 5 wordings", "--paraphrases 6"),
        ("each once", "--temperatures 1,1"),
        ("from 0 to 2", "--temperatures 2.5"),
        ("from 0 to 2", "--temperatures nan"),
        ("takes numbers", "--temperatures hot"),
        ("unknown scenario", "--scenario hers"),
        ("unknown character", "--character warn"),
        ("a character is no model", "--character warm --model tiny"),
        ("needs a model", ""),
    ],
)
def test_what_does_not_go_is_refused(
    words: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in refused(capsys, "audit-mind", *told.split())


def test_a_replay_needs_no_settings(tmp_path: Path) -> None:
    options = MindOptions(kind="llm", cast=None, replay=tmp_path / "nothing.jsonl")
    with pytest.raises(InputError, match="nothing-at-1"):
        audit(SMALL, options)


def test_a_scenario_with_mechanisms_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_in_use", {})
    registry.use(ROOT / "experiments" / "mechanisms" / "gossip.py")
    file = tmp_path / "mine.toml"
    file.write_text('title = "T"\nstory = "s"\nmechanisms = ["gossip"]\n')
    with pytest.raises(InputError, match="has mechanisms of its own"):
        check(AuditPlan(scenario=str(file)))
