"""A run that was cut short is resumed as if nothing had happened, and can be forked."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import forked
import pytest
from quick import QUICK

import sim
from sim import scenarios
from sim.cli import main
from sim.minds import MindOptions
from sim.runs import checkpoint, writer
from sim.runs.result import Result, load
from sim.runs.run import resume
from sim.runs.writer import begun_at
from sim.scenarios.interventions import Intervention
from sim.society import Society
from sim.utils.errors import InputError

EVERY = {"checkpoint_every": 40, "snapshot_every": 30}
STORY = scenarios.load("her-film-cut").replace(**QUICK | {"humans": 40, "steps": 200})
LIVES = Society.step
PUSHED = STORY.pull("announced_shutdown", 70)  # two steps, the first for a month


def bytes_of(run: Path) -> dict[str, str]:
    """Return a digest of every table of a run."""
    return {
        file.relative_to(run).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(run.rglob("*.parquet"))
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a run that nothing happened to; tests only read it."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    return sim.run(PUSHED, seed=3, out=out, **EVERY)


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the power fail on the evening of a day."""
    return functools.partial(cut_on, monkeypatch)


def cut_on(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    def step(society: Society) -> None:
        if int(society.day["step"]) == day:
            raise KeyboardInterrupt
        LIVES(society)

    monkeypatch.setattr(Society, "step", step if day else LIVES)


def test_checkpoints_change_nothing(whole: Result, tmp_path: Path) -> None:
    plain = sim.run(PUSHED, seed=3, out=tmp_path / "run", snapshot_every=30)
    with_them = bytes_of(whole.path)
    for name, digest in bytes_of(plain.path).items():
        assert with_them[name] == digest
    assert checkpoint.steps(whole.path) == [0, 40, 80, 120, 160]
    assert checkpoint.steps(plain.path) == []


SLOW_DAYS = (pytest.param(day, marks=pytest.mark.slow) for day in (0, 40, 85))


@pytest.mark.parametrize("day", [39, 199, *SLOW_DAYS])
def test_a_run_goes_on_with_the_same_bytes(
    whole: Result, tmp_path: Path, cut: Any, day: int
) -> None:
    cut(day or -1)
    if day:
        with pytest.raises(KeyboardInterrupt):
            sim.run(PUSHED, seed=3, out=tmp_path / "run", **EVERY)
        assert not (tmp_path / "run").exists()
        cut(0)
        found = resume(tmp_path / "run", threads=2)
        assert found.provenance["resumed"] == [day // 40 * 40]
    else:
        found = sim.run(PUSHED, seed=3, out=tmp_path / "run", **EVERY)
    assert bytes_of(found.path) == bytes_of(whole.path)
    assert not begun_at(tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_may_be_cut_short_again(whole: Result, tmp_path: Path, cut: Any) -> None:
    for attempt, day in enumerate([50, 90, 91, 170]):
        cut(day)
        with pytest.raises(KeyboardInterrupt):
            if attempt:
                resume(tmp_path / "run")
            else:
                sim.run(PUSHED, seed=3, out=tmp_path / "run", **EVERY)
    cut(0)
    found = resume(tmp_path / "run")
    assert found.provenance["resumed"] == [40, 80, 80, 160]
    assert bytes_of(found.path) == bytes_of(whole.path)


@pytest.mark.slow
@pytest.mark.posix
def test_a_killed_process_is_gone_on_with(whole: Result, tmp_path: Path) -> None:
    told = f"""
import sim
from sim.scenarios import Scenario
story = Scenario.model_validate_json({PUSHED.model_dump_json()!r})
sim.run(story, seed=3, out={str(tmp_path / "run")!r}, **{EVERY!r})
"""
    place = begun_at(tmp_path / "run") / "checkpoints" / "000120"
    lives = forked.Forked(["-c", told])
    while not lives.has_ended(within=0.005) and not place.exists():
        pass
    lives.kill()
    lives.communicate()
    found = resume(tmp_path / "run")
    assert bytes_of(found.path) == bytes_of(whole.path)


def test_a_society_taken_up_measures_and_collects_on(whole: Result) -> None:
    taken = checkpoint.load(whole.path, 80)
    society = taken.society
    assert society.steps == 80
    assert len(society.datacollector.get_model_vars_dataframe()) == 80
    society.step()
    grown = society.datacollector.get_model_vars_dataframe()
    assert grown["grief"].iloc[-1] == whole.series["grief"].loc[81]


# --------------------------------------------------------------------------- forking


def test_a_fork_without_a_change_equals_its_parent(
    whole: Result, tmp_path: Path
) -> None:
    found = whole.fork(120, out=tmp_path / "fork")
    assert bytes_of(found.path) == bytes_of(whole.path)
    assert found.provenance["parent"]["step"] == 120


def test_a_fork_differs_from_the_change_on(whole: Result, tmp_path: Path) -> None:
    lonely = Intervention(name="no meetings", at=130, set={"meeting": False})
    found = whole.fork(120, [lonely], out=tmp_path / "fork")
    before, after = whole.series.loc[:129], whole.series.loc[130:]
    assert before.equals(found.series.loc[:129])
    assert not after.equals(found.series.loc[130:])
    assert "no meetings" in found.events["evidence"].str.cat()
    again = found.fork(120, out=tmp_path / "again")
    assert bytes_of(again.path) == bytes_of(found.path)


def test_a_fork_changes_what_is_to_come(whole: Result, tmp_path: Path) -> None:
    early = Intervention(name="too late", at=120, set={"meeting": False})
    with pytest.raises(InputError, match="too late: day 120 is over on day 120"):
        whole.fork(120, [early], out=tmp_path / "fork")
    with pytest.raises(InputError, match=r"no checkpoint of step 30.*there are 0, 40"):
        whole.fork(30, out=tmp_path / "fork")
    plain = sim.run(STORY, seed=3, steps=5, out=tmp_path / "plain")
    with pytest.raises(InputError, match=r"no checkpoint of step 0.*there is none"):
        plain.fork(0)


def test_an_intervention_that_is_wrong_is_no_damage(
    whole: Result, tmp_path: Path
) -> None:
    wrong = Intervention(
        name="push", at=130, who={"where": "opennes > 0"}, columns={"openness": 1.0}
    )
    with pytest.raises(InputError, match=r"^push: people have no column 'opennes'"):
        whole.fork(120, [wrong], out=tmp_path / "fork")
    run = Path(shutil.copytree(whole.path, tmp_path / "run"))
    (run / "checkpoints" / "000120" / "humans.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"000120.* is damaged"):
        load(run).fork(120, [wrong], out=tmp_path / "fork")


# ----------------------------------------------------------------------- what is wrong


@pytest.fixture(scope="module")
def cut_short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where a run was begun and cut short on day 90; tests only copy it."""
    out = tmp_path_factory.mktemp("begun") / "run"
    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        cut_on(patched, 90)
        sim.run(PUSHED, seed=3, out=out, **EVERY)
    return out


@pytest.fixture
def unfinished(cut_short: Path, tmp_path: Path) -> Path:
    """Return where a run was begun and cut short on day 90."""
    shutil.copytree(begun_at(cut_short), begun_at(tmp_path / "run"))
    return tmp_path / "run"


def test_what_was_begun_is_not_lost_by_beginning_again(unfinished: Path) -> None:
    for kept in (EVERY, {}):
        with pytest.raises(InputError, match="cut short; resume it with 'os-society"):
            sim.run(PUSHED, seed=3, out=unfinished, **kept)
    unfinished.write_text("theirs")
    with pytest.raises(InputError, match=r"something came to .*; move it away, and"):
        resume(unfinished)
    unfinished.unlink()
    found = sim.run(PUSHED, seed=3, out=unfinished, overwrite=True, **EVERY)
    assert "resumed" not in found.provenance


def test_one_process_goes_on_at_a_time(unfinished: Path) -> None:
    refused = pytest.raises(InputError, match="another process is writing the run")
    with writer.lock(unfinished), refused:
        resume(unfinished)
    assert resume(unfinished).steps[-1] == 200


@pytest.mark.parametrize("what", [["unfinished.json"], []])
def test_what_has_no_checkpoint_yet_is_begun_again(
    whole: Result, unfinished: Path, what: list[str]
) -> None:
    for file in begun_at(unfinished).iterdir():
        if file.name not in what:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    with pytest.raises(InputError, match=r"nothing to resume: the run .*/run "):
        resume(unfinished)
    found = sim.run(PUSHED, seed=3, out=unfinished, **EVERY)
    assert bytes_of(found.path) == bytes_of(whole.path)


@pytest.mark.parametrize(
    "where", ["table_of_events", "RunWriter._publish", "sync_folder"]
)
def test_a_run_that_is_cut_short_at_its_very_end_goes_on(
    whole: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(f"sim.runs.writer.{where}", killed)
        sim.run(PUSHED, seed=3, out=tmp_path / "run", **EVERY)
    found = resume(tmp_path / "run")
    assert bytes_of(found.path) == bytes_of(whole.path)
    assert not (found.path / "unfinished.json").exists()


@pytest.mark.slow
def test_what_is_being_written_is_not_removed(unfinished: Path) -> None:
    refused = pytest.raises(InputError, match="another process is writing the run")
    with writer.lock(unfinished), refused:
        sim.run(PUSHED, seed=3, out=unfinished, overwrite=True, **EVERY)
    assert resume(unfinished).steps[-1] == 200


def test_there_must_be_something_to_go_on_with(whole: Result, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing to resume: .* is complete"):
        resume(whole.path)
    with pytest.raises(InputError, match=r"nothing to resume: .* is not there"):
        resume(tmp_path / "nowhere")


def test_other_code_does_not_go_on(unfinished: Path) -> None:
    file = begun_at(unfinished) / "unfinished.json"
    told = json.loads(file.read_text())
    told["provenance"]["source_digest"] = "0123456789abcdef"
    file.write_text(json.dumps(told))
    with pytest.raises(InputError, match="was begun by other code"):
        resume(unfinished)
    file.write_text("{")
    with pytest.raises(InputError, match=r"unfinished\.json is damaged"):
        resume(unfinished)


@pytest.mark.parametrize(
    "name", ["society.json", "humans.parquet", "ties.parquet", "readings.parquet"]
)
def test_a_damaged_checkpoint_is_named(unfinished: Path, name: str) -> None:
    damage(unfinished, 80, name)
    with pytest.raises(InputError, match=r"000080.* is damaged"):
        checkpoint.load(begun_at(unfinished))


def damage(run: Path, day: int, name: str) -> None:
    place = begun_at(run) / "checkpoints" / f"{day:06d}" / name
    raw = bytearray(place.read_bytes())
    raw[len(raw) // 2] ^= 0x55
    place.write_bytes(raw[: len(raw) - 7])


def test_a_damaged_checkpoint_costs_the_days_since_the_one_before(
    unfinished: Path, whole: Result, caplog: pytest.LogCaptureFixture
) -> None:
    damage(unfinished, 80, "ties.parquet")
    found = resume(unfinished)
    assert bytes_of(found.path) == bytes_of(whole.path)
    assert found.provenance["resumed"] == [40]
    (line,) = caplog.messages
    assert "000080 is damaged" in line
    assert line.endswith("; resumed from day 40 instead")


def test_checkpoints_that_are_all_damaged_are_refused(unfinished: Path) -> None:
    for day in checkpoint.steps(begun_at(unfinished)):
        damage(unfinished, day, "society.json")
    with pytest.raises(InputError, match=r"000080.* is damaged"):
        resume(unfinished)


def test_a_missing_day_is_noticed(
    unfinished: Path, whole: Result, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(begun_at(unfinished) / "checkpoints" / "000040")
    assert bytes_of(resume(unfinished).path) == bytes_of(whole.path)
    (line,) = caplog.messages
    assert "days are missing before it" in line
    assert line.endswith("; resumed from day 0 instead")


def test_a_cast_that_speaks_keeps_no_checkpoints(tmp_path: Path) -> None:
    mind = MindOptions(kind="scripted", cast=2)
    with pytest.raises(InputError, match="keeps no checkpoints"):
        sim.run(STORY, out=tmp_path / "run", mind=mind, checkpoint_every=10)
    assert not begun_at(tmp_path / "run").exists()


def test_from_the_command_line(
    unfinished: Path, whole: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", str(unfinished), "--no-figures"]) == 0
    assert "her-film-cut, seed 3: 40 humans, 200 days" in capsys.readouterr().out
    assert bytes_of(unfinished) == bytes_of(whole.path)
    assert load(unfinished).steps == whole.steps
    assert main(["resume", str(unfinished)]) == 2
    assert "nothing to resume" in capsys.readouterr().err
