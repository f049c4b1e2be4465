"""Alarms are calibrated on null models, and judged on planted events."""

from __future__ import annotations

import json
import math
import runpy
from pathlib import Path

import pytest

from sim import scenarios
from sim.cli import main
from sim.events import DETECTORS, calibration
from sim.events.calibration import LADDERS, MARK, alarms, calibrate, readings_of
from sim.events.calibration.nulls import NULLS, NullSociety
from sim.events.calibration.planted import PLANTS, plant
from sim.events.detector import of, read
from sim.utils.errors import InputError

ROOT = Path(__file__).parents[1]
ALARMS = [kind for kind, detector in DETECTORS.items() if detector.alarm]


def test_every_alarm_is_calibrated() -> None:
    told = read()
    assert sorted(told["thresholds"]) == sorted(ALARMS) == sorted(LADDERS)
    assert sorted(PLANTS) == sorted(ALARMS)
    assert told["runs_per_null"] >= 200
    assert {"made_by", "software", "source_digest", "created", "nulls"} <= set(told)
    assert set(told["nulls"]) == set(NULLS)


def test_thresholds_are_those_of_this_code() -> None:
    """If not: os-society calibrate --runs 200 --out FILE, thresholds.json there."""
    assert calibration.stale() == []


def test_thresholds_are_stale_once_code_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibration, "calibrated_source", lambda: "another")
    assert calibration.stale(["cascade"]) == ["cascade"]


def test_comments_and_docstrings_make_no_threshold_stale() -> None:
    one = 'def f(x):\n    """Say so."""\n    return f"{x}"  # yes\n'
    other = 'def f(x):\n    return f"{x}"\n'
    assert calibration.code_of(one) == calibration.code_of(other)
    assert calibration.code_of(one) != calibration.code_of(one.replace("{x}", "{y}"))
    text = 'MESSAGE = """a"""\n"""What it says."""\n'
    assert calibration.code_of(text) == 'MESSAGE = """a"""'


def test_alarms_are_tried_on_the_society_without_what_would_make_them_true() -> None:
    study = runpy.run_path(str(ROOT / "experiments" / "false_alarms" / "run.py"))
    her = scenarios.load("her")
    tried = set()
    for one in study["OFF"]:
        assert her.replace(**one.changes).parameters != her.parameters
        tried |= {*one.kinds}
    assert set(ALARMS) - tried == {"modular", "obsession", "catchphrase"}
    jobs = [({"conformity": 0.0, "steps": 3}, 12, 1, ("cascade",))]
    assert [study["alarms"](job)["cascade"] for job in jobs] == [0]


@pytest.mark.parametrize("kind", ALARMS)
def test_false_alarms_are_rare(kind: str) -> None:
    """The shipped bound: at most 1 in 1,000 steps on the worst null, at 95 %."""
    found = of(kind)
    assert found.threshold in LADDERS[kind]
    assert found.bound <= MARK


@pytest.mark.slow
@pytest.mark.parametrize("null", NULLS)
def test_nothing_is_found_where_nothing_happens(null: str) -> None:
    readings = readings_of(NullSociety(null, 7_000_001).days())
    for kind in ALARMS:
        if (null, kind) not in calibration.TRUE:
            assert alarms(readings, kind) == [], kind


@pytest.mark.parametrize("kind", PLANTS)
def test_what_is_planted_is_found(kind: str) -> None:
    truth, days = plant(kind, "rewired", seed=3)
    found = alarms(readings_of(days), kind)
    assert found
    assert truth.onset - truth.ramp <= found[0].step <= found[0].detected
    assert found[0].detected <= truth.onset + 1.5 * truth.ramp
    if truth.members and found[0].members:
        members = set(found[0].members)
        both = members | set(truth.members)
        assert len(members & set(truth.members)) >= 0.5 * len(both)


def test_peers_who_are_alike_copy_nobody() -> None:
    """Homophily: weighed alike, all OSes that are ready to go seem to copy others."""
    alike, weighed = 0, 0
    for seed in range(6):
        days = list(NullSociety("alike", seed, 250, ()).days())
        weighed += len(alarms(readings_of(days), "cascade"))
        for day in days:
            if "exposure" in day.notes:
                day.notes["exposure"] = day.notes["exposure"]._replace(
                    values=day.notes["exposure"].values[:1]
                )
        alike += len(alarms(readings_of(days), "cascade"))
    assert weighed == 0
    assert alike >= 2


def test_what_is_not_planted_is_not_found() -> None:
    for kind in ("community_birth", "take_off", "cascade", "obsession"):
        _, days = plant(kind, "rewired", seed=3, strength=0.0)
        assert alarms(readings_of(days), kind) == []


def test_a_society_is_made_again_from_its_seed() -> None:
    first, second = (list(NullSociety("departures", 5, 60).days()) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.measures == other.measures
        assert one.talks == other.talks
        assert set(one.notes) == set(other.notes)


@pytest.mark.slow
def test_the_lowest_threshold_that_keeps_the_mark_is_chosen() -> None:
    found = calibrate(2, kinds=["take_off", "obsession"])
    assert found.runs == 2
    assert {rate.null for rate in found.of("take_off")} == set(NULLS)
    by_rung = [
        sum(rate.alarms for rate in found.rates if rate.threshold == threshold)
        for threshold in LADDERS["obsession"]
    ]
    assert by_rung[0] > 0
    assert by_rung == sorted(by_rung, reverse=True)
    assert math.isfinite(found.worst("obsession").bound)


def test_facts_are_not_calibrated() -> None:
    with pytest.raises(InputError, match="'first_love' has nothing to calibrate"):
        calibrate(1, kinds=["first_love"])
    with pytest.raises(InputError, match="did you mean 'take_off'"):
        calibrate(1, kinds=["take_of"])
    with pytest.raises(InputError, match="1 or more"):
        calibrate(0)


@pytest.mark.slow
def test_calibrating_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "mine.json"
    few = ["calibrate", "--runs", "1", "--workers", "1", "--kind", "cascade"]
    assert main([*few, "--out", str(place)]) == 1  # one run a null proves nothing
    out = capsys.readouterr().out
    assert "cascade" in out
    told = json.loads(place.read_text())
    assert told["made_by"] == "os-society calibrate --runs 1 --kind cascade"
    assert told["thresholds"]["cascade"]["threshold"] in LADDERS["cascade"]
    assert set(told["thresholds"]) == set(read()["thresholds"])
