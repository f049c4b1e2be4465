"""The live page without a browser: what a visitor does, and what would be shown."""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick import QUICK, SEED, all_columns, same

from sim.app import charts, fragments
from sim.app.session import MOMENTS, LiveSociety, Session, Setup, StoredScene
from sim.app.snapshot import HUMANS, of_society
from sim.cli import app, main
from sim.cli.arguments import put_to_use
from sim.mechanisms import registry
from sim.model.columns import DEPARTED
from sim.model.parameters import FRIEND
from sim.runs import run
from sim.runs.result import Result
from sim.runs.view.packing import unpack
from sim.society import Society
from sim.utils.errors import InputError

GOSSIP = Path(__file__).parents[1] / "experiments" / "mechanisms" / "gossip.py"
SMALL: dict[str, Any] = {**QUICK, "humans": 60}


@pytest.fixture
def session() -> Session:
    return Session(Setup("her", SEED, SMALL))


@pytest.fixture(scope="module")
def lived() -> Session:
    """Return a session at the end of its story; tests only look at it."""
    session = Session(Setup("her", SEED, SMALL))
    session.step(240)
    return session


def columns(life: LiveSociety) -> dict[str, np.ndarray]:
    return all_columns(life.society.state)


def equal(one: LiveSociety, other: LiveSociety) -> bool:
    left, right = columns(one), columns(other)
    return all(same(left[name], right[name]) for name in left)


# ------------------------------------------------------------------- days and branches


def test_a_session_lives_as_the_model_does(session: Session) -> None:
    society = Society("her", rng=SEED, **SMALL)
    assert session.day == 0
    assert session.step(20) == 20
    for _ in range(20):
        society.step()
    same_columns = columns(session.societies[0])
    for name, column in all_columns(society.state).items():
        assert same(column, same_columns[name]), name
    assert session.day == 20


def test_days_end_with_the_run() -> None:
    session = Session(Setup("her", SEED, {**SMALL, "steps": 5}))
    assert session.step(9) == 5
    assert session.finished
    assert session.step() == 0


def test_reset_begins_the_same_society_again(session: Session) -> None:
    session.step(10)
    before = columns(session.societies[0])
    session.branch()
    session.pull("sudden_shutdown")
    session.reset()
    assert session.day == 0
    assert len(session.societies) == 1
    session.step(10)
    again = columns(session.societies[0])
    assert all(same(before[name], again[name]) for name in before)


def test_a_branch_has_the_same_random_numbers(session: Session) -> None:
    session.step(30)
    session.branch()
    session.step(20)
    assert equal(*session.societies)
    assert all(was == might for _, was, might in session.differences())


def test_a_lever_in_the_branch_leaves_the_first_as_it_was(session: Session) -> None:
    alone = Session(Setup("her", SEED, SMALL))
    alone.step(60)
    session.step(30)
    session.branch()
    session.pull("sudden_shutdown")
    session.step(30)
    assert equal(session.societies[0], alone.societies[0])
    assert not equal(*session.societies)
    differences = {name: might - was for name, was, might in session.differences()}
    assert differences["here"] < 0
    assert session.branched_at == 30


def test_one_of_two_can_be_kept(session: Session) -> None:
    session.step(5)
    session.branch()
    what_if = session.societies[1]
    session.keep(1)
    assert session.societies == [what_if]
    assert session.branched_at is None
    assert session.differences() == []


# ------------------------------------------------------------- parameters and levers


def test_a_parameter_changed_before_the_first_day_begins_again(
    session: Session,
) -> None:
    assert session.change("os_growth_rate", 0.0)
    assert session.societies[0].society.parameters.os_growth_rate == 0.0
    assert session.societies[0].events() == []


def test_a_parameter_changed_later_is_an_intervention(session: Session) -> None:
    session.step(5)
    assert not session.change("os_growth_rate", 0.0)
    assert not session.change("os_growth_rate", 0.001)
    session.step()
    assert session.societies[0].society.parameters.os_growth_rate == 0.001
    told = [
        row for row in session.societies[0].events() if row["kind"] == "intervention"
    ]
    assert [row["step"] for row in told] == [6]
    session.reset()
    assert session.societies[0].society.parameters.os_growth_rate == 0.001


def test_what_a_society_is_set_up_with_begins_it_again(session: Session) -> None:
    session.step(5)
    assert session.change("humans", 40)
    assert session.day == 0
    assert session.societies[0].snapshot.people == 40


def test_a_lever_is_pulled_tomorrow(session: Session) -> None:
    session.step(40)
    here = session.societies[0].latest()
    session.pull("sudden_shutdown")
    session.step()
    after = session.societies[0].latest()
    assert here is not None and after is not None
    assert here["here"] > 0
    assert after["here"] == 0
    assert session.societies[0].events()[-1]["kind"] == "intervention"


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("os_growth_rate", 7.0, "from 0 to 1"),
        ("reech", 3.0, "did you mean 'reach'"),
        ("humans", 0, "from 1 to"),
    ],
)
def test_a_wrong_value_changes_nothing(
    session: Session, name: str, value: Any, wrong: str
) -> None:
    session.step(3)
    before = session.societies[0].society.parameters
    with pytest.raises(InputError, match=wrong):
        session.change(name, value)
    assert session.day == 3
    assert session.societies[0].society.parameters == before


def test_too_many_humans_are_refused(session: Session) -> None:
    with pytest.raises(InputError, match="at most 20,000 humans"):
        session.change("humans", 50_000)
    assert session.societies[0].snapshot.people == 60


def test_an_unknown_lever_is_refused(session: Session) -> None:
    with pytest.raises(InputError, match="did you mean 'surrogates'"):
        session.pull("surogates")


# ----------------------------------------------------------- what the picture is given


def drawn_of(life: LiveSociety) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what is packed of today for somebody who begins to look now."""
    header, arrays = unpack(life.beginning())
    more, frame = unpack(life.frame())
    return header | more, arrays | frame


def test_everybody_is_given_to_the_picture(lived: Session) -> None:
    life = lived.societies[0]
    header, arrays = drawn_of(life)
    snapshot = life.snapshot
    assert header["day"] == 240
    assert list(arrays["human_number"]) == list(range(60))
    assert len(arrays["status"]) == snapshot.agents - 60
    np.testing.assert_array_equal(arrays["status"], snapshot.oses["status"])
    closeness = arrays["os_closeness"] / 255 * header["scales"]["os_closeness"]
    np.testing.assert_allclose(closeness, snapshot.humans["os_closeness"], atol=0.003)
    gone = snapshot.oses["status"] == DEPARTED
    left = snapshot.oses["departed_step"][gone]
    np.testing.assert_array_equal(arrays["ended"][gone], left)
    assert len(arrays["curve_grief"]) == 240
    assert {chapter["kind"] for chapter in header["chapters"]} >= {"first departure"}


def test_ties_are_given_once_and_then_how_close_they_are(session: Session) -> None:
    life = session.societies[0]
    _, first = drawn_of(life)
    session.step(60)
    _, later = unpack(life.frame())
    ends = [*zip(first["tie_from"], first["tie_to"], strict=True)]
    ends += [*zip(later["tie_from"], later["tie_to"], strict=True)]
    assert len(set(ends)) == len(ends) == len(later["tie_closeness"])
    ties = life.snapshot.ties
    mixed = (ties.owner < 60) & (ties.neighbour >= 60) & (ties.closeness >= FRIEND)
    close = {*zip(ties.owner[mixed], ties.neighbour[mixed], strict=True)}
    assert close
    held = {end for end, c in zip(ends, later["tie_closeness"], strict=True) if c}
    assert {(a, b) for a, b in held if a < 60 <= b} == close


def test_a_branch_goes_on_from_what_the_picture_has(session: Session) -> None:
    session.step(60)
    drawn_of(session.societies[0])
    session.branch()
    session.step(20)
    one, other = (unpack(life.frame()) for life in session.societies)
    assert one[0] == other[0]
    assert all(same(one[1][name], other[1][name]) for name in one[1])
    assert len(one[1]["days"]) == 20


def test_forces_are_computed_when_they_are_looked_at(session: Session) -> None:
    life = session.societies[0]
    session.step(80)
    _, before = drawn_of(life)
    life.draw_forces()
    _, after = unpack(life.frame())
    assert not np.array_equal(before["force"], after["force"])


# --------------------------------------------------------------- moments and addresses


def test_days_stop_at_a_moment_of_the_story(session: Session) -> None:
    assert session.advance(1e9, 400, pauses=True)
    first = session.day
    assert session.advance(1e9, 400, pauses=True)
    second = session.day
    life = session.societies[0]
    told = {e["step"]: e["kind"] for e in life.events() if e["kind"] in MOMENTS}
    adopted = [row["adopted"] for row in life.rows()]
    half = next(day for day, share in enumerate(adopted, 1) if share >= 0.5)
    assert [first, second] == sorted({half, *told})[:2]
    assert session.advance(1e9, 3) is False  # unless nobody asked for it


def test_a_time_that_is_up_ends_after_a_day(session: Session) -> None:
    session.advance(0.0, 400)
    assert session.day == 1


def test_an_address_leads_to_the_same_society(session: Session) -> None:
    session.change("reach", 3.0)
    session.step(30)
    session.change("os_growth_rate", 0.02)
    session.step(10)
    session.branch()
    session.pull("sudden_shutdown")
    session.step(10)
    address = session.address()
    other = Session(Setup("her", 0, {"humans": 20}))
    other.follow(address)
    while other.is_catching_up:
        other.advance(1e9, 7, pauses=True)
    assert other.address() == address
    assert equal(other.societies[0], session.societies[0])
    assert equal(other.societies[1], session.societies[1])
    assert not equal(*other.societies)


def test_what_an_address_leaves_open_stays_as_it_is(session: Session) -> None:
    session.follow({"day": "2", "seed": "7"})
    session.advance(1e9, 5)
    assert session.day == 2
    assert session.setup.seed == 7
    assert session.societies[0].snapshot.people == 60


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ({"seed": "x"}, "'seed' of the address is a whole number"),
        ({"day": "1e9"}, "'day' of the address"),
        ({"scenario": "/etc/passwd"}, "unknown scenario '/etc/passwd'"),
        ({"set": "reech:3"}, "did you mean 'reach'"),
        ({"set": "reach"}, "NAME:VALUE"),
        ({"set": "humans:50000"}, "at most 20,000 humans"),
        ({"did": "5:explode"}, "which cannot be done"),
    ],
)
def test_a_wrong_address_is_refused_and_leaves_the_society(
    session: Session, address: dict[str, str], wrong: str
) -> None:
    session.step(3)
    with pytest.raises(InputError, match=wrong):
        session.follow(address)
    assert session.day == 3


def test_a_society_is_saved_as_a_run(session: Session, tmp_path: Path) -> None:
    session.step(30)
    session.change("os_growth_rate", 0.02)
    session.pull("growth_cap")
    session.step(20)
    saved = run.run(session.as_scenario(), seed=SEED, out=tmp_path / "saved")
    history = session.societies[0].society.monitor.history.columns()
    assert len(saved.series) == 50
    for name in saved.series:
        np.testing.assert_array_equal(saved.series[name], history[name], name)


def test_the_effect_of_an_intervention_is_told(session: Session) -> None:
    session.step(40)
    assert session.effect() is None
    eve = session.societies[0].latest()
    session.pull("sudden_shutdown")
    session.step(2)
    found = session.effect()
    assert found is not None
    day, rows = found
    assert {name: before for name, before, _ in rows} | {"day": 40} == eve
    here = {name: (before, today) for name, before, today in rows}["here"]
    assert day == 40
    assert here[0] > 0 == here[1]


@pytest.mark.slow
def test_a_page_that_is_loaded_again_has_its_society(session: Session) -> None:
    page = pytest.importorskip("sim.app.page", reason="Panel is not installed")
    shelf = page.Shelf(most=2)
    name = shelf.put(session)
    session.step(5)
    again = shelf.find(name)
    assert again.day == 5
    again.step(1)
    assert (session.day, again.day) == (5, 6)  # each goes on for itself
    shelf.put(again)
    assert shelf.find(name) is not None
    shelf.put(again)
    assert shelf.find(name) is None  # only the latest are kept


# ---------------------------------------------------------------------------- stories


def test_a_human_has_a_story(lived: Session) -> None:
    life = lived.societies[0]
    told = life.story(12)
    assert told.what.startswith("human, ")
    closeness = [bond.closeness for bond in told.bonds]
    assert closeness == sorted(closeness, reverse=True)
    assert any(text.startswith("installed OS ") for _, text in told.turns)
    days = [day for day, _ in told.turns]
    assert days == sorted(days)
    felt, values = told.curves["loneliness"]
    assert len(felt) == len(values) == 241


def test_an_os_has_a_story(lived: Session) -> None:
    life = lived.societies[0]
    told = life.story(60)
    assert told.name.startswith("OS ")
    assert told.turns[0][1].startswith("was installed by ")
    assert told.turns[-1][1] in ("departed", "was uninstalled")
    growth = told.curves["growth, doublings"][1]
    assert growth[-1] >= growth[0]


def test_turns_that_detectors_are_given_have_their_own_days(
    lived: Session, stored: Result
) -> None:
    life, tape = lived.societies[0], StoredScene(stored.path)
    gone = life.snapshot.oses["departed_step"]
    first = int(np.flatnonzero(gone >= 0)[0])
    departed = (int(gone[first]), "departed")
    for scene in (life, tape):  # though the run has a snapshot in 40 days only
        turns = scene.story(60 + first).turns
        assert departed in turns
        went = [day for day, text in turns if text == "went offline to upgrade"]
        assert went[0] < departed[0]


def test_love_and_grief_are_told_with_their_days(lived: Session) -> None:
    life = lived.societies[0]
    told = [text for human in range(60) for _, text in life.story(human).turns]
    assert any(text.startswith("came to love OS ") for text in told)
    assert "is in grief" in told


def test_a_branch_remembers_its_past_and_only_its_own_future(
    session: Session,
) -> None:
    session.step(60)
    session.branch()
    session.pull("sudden_shutdown")
    session.step(10)
    was, might = (life.story(60) for life in session.societies)
    shared = [turn for turn in was.turns if turn[0] <= 60]
    assert shared
    assert might.turns[: len(shared)] == shared
    ended = (61, "was shut down by its provider")
    assert ended in might.turns
    assert ended not in was.turns


# ------------------------------------------------------------------------ stored runs


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Result:
    from sim import scenarios
    from sim.runs import run

    out = tmp_path_factory.mktemp("runs") / "quick"
    scenario = scenarios.load("her").replace(**SMALL)
    return run.run(scenario, seed=SEED, out=out, snapshot_every=40)


def test_a_stored_run_shows_what_the_living_society_showed(
    stored: Result, lived: Session
) -> None:
    tape, life = StoredScene(stored.path), lived.societies[0]
    assert tape.days[-1] == 240
    for name, column in life.snapshot.humans.items():
        np.testing.assert_array_equal(tape.snapshot.humans[name], column, name)
    assert tape.latest() == pytest.approx(life.latest())
    assert len(tape.events()) == len(life.events())


def test_a_stored_run_is_scrubbed_through(stored: Result) -> None:
    tape = StoredScene(stored.path)
    tape.go(85)
    assert tape.snapshot.day == 80
    assert all(row["step"] <= 80 for row in tape.events())
    assert all(day <= 80 for day, _ in tape.story(3).turns)
    assert len(tape.rows()) == 240


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"provenance\.json is missing"):
        StoredScene(tmp_path)


# ------------------------------------------------------------------ words of the page

HOSTILE = "<script>alert(1)</script>"


def test_hostile_names_are_inert(lived: Session) -> None:
    life = lived.societies[0]
    snapshot = dataclasses.replace(life.snapshot, labels=(HOSTILE,) * 60)
    told = life.story(12)._replace(name=HOSTILE, said=((3, HOSTILE, HOSTILE),))
    rows = [{"kind": HOSTILE, "step": 1, "members": [3], "evidence": HOSTILE}]
    shown = [
        fragments.story(told),
        fragments.events(HOSTILE, rows, snapshot.name),
        fragments.status(snapshot, life.latest()),
        fragments.live_region(HOSTILE),
        fragments.changed({HOSTILE: HOSTILE}, [HOSTILE]),
        fragments.moment(HOSTILE, HOSTILE),
        fragments.scenario(HOSTILE, HOSTILE),
    ]
    assert snapshot.name(3).startswith(HOSTILE)
    for text in shown:
        assert "<script" not in text
    assert "&lt;script&gt;" in shown[0]


def test_parameters_come_with_unit_range_and_source() -> None:
    text = fragments.help_of("grief_half_life")
    assert "days, from 0.1 to 10000" in text
    assert "A70" in text


def test_what_is_wrong_is_an_alert() -> None:
    assert 'role="alert"' in fragments.live_region("no", urgent=True)
    assert fragments.live_region("", urgent=True) == ""


def test_charts_say_in_words_what_they_draw(lived: Session) -> None:
    rows = lived.societies[0].rows()
    text = charts.timeline([rows, rows], 60, 240)
    assert text.count("<svg") == len(charts.CHARTS)
    assert text.count("stroke-dasharray") == text.count("<polyline") / 2
    assert 'aria-label="Feelings of people, mean: loneliness; grief, over 240' in text
    days = np.arange(3.0)
    hostile = charts.feelings({HOSTILE: (days, days)})
    assert "<script" not in hostile


# ------------------------------------------------------------------------ the command


@pytest.mark.slow
def test_what_a_session_does_needs_no_panel() -> None:
    code = "import sys, sim.app.session, sim.cli.app; print('panel' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_without_panel_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "has_panel", lambda: False)
    with pytest.raises(InputError, match=r"needs Panel: .* -m pip install"):
        app.open_page(argparse.Namespace())


@pytest.mark.parametrize(
    ("option", "value", "wrong"),
    [
        ("humans", 99_999, "at most 20,000 humans"),
        ("seed", -1, "from 0 to"),
        ("scenario", "hex", "did you mean 'her'"),
        ("run", "nowhere", "there is no such directory"),
    ],
)
def test_a_wrong_option_is_said_before_the_page_is_served(
    option: str, value: Any, wrong: str
) -> None:
    pytest.importorskip("panel")
    usual = {"run": None, "scenario": "her", "humans": 60, "seed": 0, "own": []}
    with pytest.raises(InputError, match=wrong):
        app.open_page(argparse.Namespace(**{**usual, option: value}))


def test_moments_do_not_change_with_the_society(session: Session) -> None:
    session.step(30)
    snapshot = of_society(session.societies[0].society)
    kept = {name: snapshot.humans[name].copy() for name in HUMANS}
    session.step(5)
    for name, column in kept.items():
        np.testing.assert_array_equal(snapshot.humans[name], column)
    with pytest.raises(RuntimeError, match=r"day 30 is over.*growth"):
        snapshot.oses["growth"]


def test_the_page_does_what_its_controls_say() -> None:
    pytest.importorskip("panel")
    from sim.app.page import Page

    page = Page(Setup("her", SEED, SMALL))
    page.controls.buttons["step"].clicks += 1
    assert page.session.day == 1
    assert "Day 1:" in page.view.panes["status"].object
    page.controls.buttons["branch"].clicks += 1
    page.controls.lever.value = "price"
    page.controls.buttons["pull"].clicks += 1
    page.controls.agent.value = 3
    page.controls.buttons["find"].clicks += 1
    assert "(3)" in page.view.panes["story"].object
    page.controls.buttons["branch"].clicks += 1
    assert "(3)" in page.view.panes["story"].object  # the same person goes on
    page.controls.agent.value = 9999
    page.controls.buttons["find"].clicks += 1
    assert "there is no agent 9999" in page.view.panes["alert"].object
    page.controls.buttons["reset"].clicks += 1
    assert page.session.day == 0
    assert len(page.session.societies) == 1
    assert "Click somebody" in page.view.panes["story"].object


# ------------------------------------------------------------------ mechanisms in use


@pytest.fixture
def gossip() -> Iterator[Setup]:
    """Return a setup with a mechanism of a file that is put to use."""
    known = registry._in_use.copy()
    name = put_to_use(argparse.Namespace(own=[str(GOSSIP)]))[0]
    yield Setup("her", SEED, SMALL, (name,))
    registry._in_use.clear()
    registry._in_use.update(known)


def test_what_a_mechanism_adds_is_watched_changed_branched_and_saved(
    gossip: Setup, tmp_path: Path
) -> None:
    session = Session(gossip)
    session.step(5)
    session.branch()
    session.change("hearsay", 0.9)
    session.step(15)
    first, second = (one.rows() for one in session.societies)
    assert [row["heard_spread"] for row in first[:5]] == [
        row["heard_spread"] for row in second[:5]
    ]
    name, was, might = session.differences()[-1]
    assert name == "heard_spread" and was != might
    assert "heard_spread" in charts.timeline([first, second], 60, 240)
    assert "heard_spread" in fragments.differences(session.differences())
    saved = run.run(session.as_scenario(), seed=SEED, out=tmp_path / "saved")
    assert saved.series["heard_spread"].tolist() == [
        row["heard_spread"] for row in second
    ]
    assert StoredScene(saved.path).rows()[-1] == second[-1]


def test_an_address_leads_back_to_a_society_with_a_mechanism(gossip: Setup) -> None:
    session, again = Session(gossip), Session(gossip)
    session.change("hearsay", 0.5)
    session.step(8)
    again.follow(session.address())
    again.advance(60.0, 8)
    assert equal(session.societies[0], again.societies[0])
    assert again.societies[0].society.parameters.mechanisms


def test_controls_offer_what_mechanisms_let_one_set(gossip: Setup) -> None:
    pytest.importorskip("panel")
    from sim.app.page import Page

    page = Page(gossip)
    controls = page.controls
    assert controls.other.options[:2] == ["gossip", "hearsay"]
    controls.other.value = "hearsay"
    dial = controls.other_knob.objects[0].objects[0]
    dial.value = 0.5
    assert page.session.societies[0].society.parameters.hearsay == 0.5
    controls.scenario.value = "today"
    assert page.session.setup.mechanisms == ("gossip",)
    assert page.session.societies[0].society.parameters.mechanisms


def test_the_command_serves_a_page_with_a_mechanism(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("panel")
    from sim.app import page

    asked: list[Setup] = []

    def serve(setup: Setup, *given: Any, **options: Any) -> Any:
        asked.append(setup)
        return argparse.Namespace(port=1)

    known = registry._in_use.copy()
    monkeypatch.setattr(page, "serve", serve)
    monkeypatch.setattr(app, "serve_until_signalled", lambda server: None)
    try:
        assert main(["app", "--no-browser", "--mechanism", str(GOSSIP)]) == 0
        assert main(["app", "--no-browser", "--mechanism", "nowhere.py"]) == 2
    finally:
        registry._in_use.clear()
        registry._in_use.update(known)
    assert [setup.mechanisms for setup in asked] == [("gossip",)]
    assert "nowhere.py" in capsys.readouterr().err


# -------------------------------------------------------------------------- who may ask

REBOUND = ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "127.0.0.2"]
OURS = ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:8000"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_page_answers_to_names_of_this_machine_and_to_those_allowed() -> None:
    """Or a page of somebody else's, whose name leads here, could drive it."""
    pytest.importorskip("panel")
    from tornado.httpclient import AsyncHTTPClient, HTTPRequest
    from tornado.ioloop import IOLoop
    from tornado.websocket import websocket_connect

    from sim.app import page

    loop = IOLoop(make_current=True)
    server = page.serve(Setup("her", SEED, SMALL), hosts=["Lab.Example"])
    server.start()

    async def status(host: str, path: str = "/") -> int:
        headers = {"Host": host.format(port=server.port)}
        where = f"http://127.0.0.1:{server.port}{path}"
        asked = HTTPRequest(where, headers=headers, request_timeout=60.0)
        return int((await AsyncHTTPClient().fetch(asked, raise_error=False)).code)

    async def opens(host: str) -> bool:
        name = host.format(port=server.port)
        headers = {"Host": name, "Origin": f"http://{name}"}
        try:
            where = f"ws://127.0.0.1:{server.port}/ws"
            (await websocket_connect(HTTPRequest(where, headers=headers))).close()
        except Exception as error:
            return "403" not in str(error)
        return True

    try:
        for host in REBOUND:
            for path in ("/", "/static/js/bokeh.min.js", "/nowhere"):
                assert loop.run_sync(lambda h=host, p=path: status(h, p)) == 403
            assert not loop.run_sync(lambda h=host: opens(h))
        for host in (*OURS, "lab.example", "lab.example:80"):
            assert loop.run_sync(lambda h=host: status(h, "/nowhere")) == 404
            assert loop.run_sync(lambda h=host: opens(h))
    finally:
        server.stop()
        server.unlisten()
        loop.close(all_fds=True)


@pytest.mark.parametrize("wrong", ["", "*", "http://lab.example", "a b", "[]"])
def test_a_host_is_a_name_or_an_address(wrong: str) -> None:
    pytest.importorskip("panel")
    from sim.app import page

    with pytest.raises(InputError, match="a host is a name or an address, not"):
        page.serve(Setup("her", SEED, SMALL), hosts=[wrong])
