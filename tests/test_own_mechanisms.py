"""Mechanisms of one's own: in runs, checkpoints, sweeps and on the command line."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
from quick import QUICK, all_columns
from sweep_runs import at_home

import sim
from sim.cli import main
from sim.mechanisms import registry
from sim.mechanisms.mechanism import Mechanism
from sim.scenarios import Scenario
from sim.scenarios.interventions import Intervention
from sim.society import Society
from sim.utils.errors import InputError
from sim.utils.provenance import sealed

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "experiments" / "mechanisms"
SMALL = QUICK | {"humans": 40, "steps": 30}
HEAD = "from sim.mechanisms import Column, Mechanism, real, uniform\n"


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Let every test begin with no mechanism in use, and leave none behind."""
    registry._in_use.clear()
    yield
    registry._in_use.clear()


@pytest.fixture
def gossip() -> Mechanism:
    return sim.use(EXAMPLES / "gossip.py")


def small(*mechanisms: Any, **changes: Any) -> Scenario:
    return sim.scenario("her").replace(**SMALL).use(*mechanisms).replace(**changes)


def lived(scenario: Scenario, days: int = 30, **options: Any) -> Society:
    society = Society(scenario, seed=1, **options)
    for _ in range(days):
        society.step()
    return society


def written(folder: Path, text: str, name: str = "mine") -> Path:
    file = folder / f"{name}.py"
    file.write_text(HEAD + text)
    return file


# ------------------------------------------------------------------------ what it adds


@pytest.mark.slow
def test_belief_spreads_along_human_ties(gossip: Mechanism) -> None:
    """Where all believe what those around them do, people differ less."""
    alone, together = (
        lived(small("gossip", hearsay=rate), days=60).state.humans
        for rate in (0.0, 0.5)
    )
    assert alone.personhood.std() > 1.5 * together.personhood.std()
    assert together.heard.max() > 0.0


def test_it_runs_between_two_processes_of_the_model(gossip: Mechanism) -> None:
    schedule = Society(small("gossip"), seed=1).own_schedule
    assert schedule is not None
    names = [phase.name for phase in schedule.phases]
    assert names[names.index("grow") : names.index("gather") + 1] == [
        *("grow", "gossip.overhear", "belong", "gossip.believe", "gather")
    ]


def test_processes_after_the_same_one_come_as_they_are_declared() -> None:
    sim.use(EXAMPLES / "income.py")
    schedule = Society(small("income"), seed=1).own_schedule
    assert schedule is not None
    names = [phase.name for phase in schedule.phases]
    at = names.index("mourn")
    assert names[at + 1 : at + 3] == ["income.work", "income.miss_work"]


def test_a_start_draws_on_day_0_with_a_stream_of_its_own() -> None:
    sim.use(EXAMPLES / "income.py")
    first, again, other = (
        Society(small("income"), seed=seed).state.humans.income for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.min() > 0.5  # the least of a Pareto law of exponent 2 and median 1


def test_switched_off_or_not_there_is_the_same(gossip: Mechanism) -> None:
    without, off = lived(small()), lived(small("gossip", gossip=False))
    before, after = all_columns(without.state), all_columns(off.state)
    assert set(after) - set(before) == {"humans.heard"}
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert not off.state.humans.heard.any()


@pytest.mark.slow
def test_random_numbers_of_the_model_stay_the_same() -> None:
    """Who is drawn for what does not depend on which mechanisms draw, too."""
    sim.use(EXAMPLES / "income.py")
    plain, idle = lived(small()), lived(small("income", idle=0.0))
    assert np.array_equal(plain.state.humans.growth, idle.state.humans.growth)
    assert 0 < idle.state.humans.works.sum() < 40
    humans = lived(small("income", idle=0.9)).state.humans
    out = humans.works == 0
    assert humans.loneliness[out].min() > plain.state.humans.loneliness[out].mean()


def test_columns_of_ones_own_are_read_and_written_through_mesa(
    gossip: Mechanism,
) -> None:
    society = lived(small("gossip"), days=5)
    somebody = society.view(3)
    assert somebody.heard == society.state.humans.heard[3]
    somebody.heard = 0.25
    assert society.state.humans.heard[3] == np.float32(0.25)
    with pytest.raises(AttributeError, match="has no column 'overheard'"):
        _ = somebody.overheard


def test_any_number_of_threads_gives_the_same(
    gossip: Mechanism, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = lived(small("gossip"), days=10)
    monkeypatch.setattr("sim.engine.threads.WORTH_SHARING", 0)
    many = lived(small("gossip"), days=10, threads=3)
    assert np.array_equal(one.state.humans.heard, many.state.humans.heard)


def test_a_copied_society_goes_on_as_the_one_it_was_copied_from(
    gossip: Mechanism,
) -> None:
    one = lived(small("gossip"), days=10)
    two = pickle.loads(pickle.dumps(one))
    for society in (one, two):
        society.step()
    assert np.array_equal(one.state.humans.personhood, two.state.humans.personhood)


# -------------------------------------------------------------------------- parameters


def test_its_parameters_are_checked_like_all_others(gossip: Mechanism) -> None:
    town = small("gossip")
    assert town.parameters.hearsay == 0.05  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"'hearsay' must be a number from 0 to 1"):
        town.replace(hearsay=2.0)
    with pytest.raises(InputError, match=r"unknown parameter 'hearsy'; did you mean"):
        town.replace(hearsy=0.1)
    with pytest.raises(InputError, match=r"unknown parameter 'hearsay'"):
        small().replace(hearsay=0.1)
    assert Society(town, seed=1, hearsay=0.3).parameters.hearsay == 0.3  # type: ignore[attr-defined]


def test_an_intervention_changes_them(gossip: Mechanism) -> None:
    hush = Intervention(name="hush", at=10, set={"gossip": False})
    town = small("gossip").model_copy(update={"interventions": [hush]})
    society = lived(town, days=9)
    assert society.parameters.gossip  # type: ignore[attr-defined]
    before = society.state.humans.heard.copy()
    society.step()
    assert not society.parameters.gossip  # type: ignore[attr-defined]
    assert np.array_equal(before, society.state.humans.heard)
    without = small().model_copy(update={"interventions": [hush]})
    with pytest.raises(InputError, match=r"unknown parameter 'gossip'"):
        Society(without, seed=1)


def test_what_has_a_start_is_not_switched_on_later() -> None:
    sim.use(EXAMPLES / "income.py")
    late = Intervention(name="late", at=2, set={"income": True})
    town = small("income", income=False)
    society = Society(town.model_copy(update={"interventions": [late]}), seed=1)
    society.step()
    with pytest.raises(InputError, match="cannot be switched on later"):
        society.step()


def test_a_file_that_changes_while_it_is_run_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from pathlib import Path\n"
        "from sim.mechanisms import Mechanism\n"
        "with Path(__file__).open('a') as file:\n"
        "    file.write('# more')\n"
        "MINE = Mechanism('mine', '')\n"
    )
    with pytest.raises(InputError, match=r"mine\.py was changed while it was run"):
        sim.use(file)


def test_names_that_are_taken_are_refused(tmp_path: Path) -> None:
    for text, what in (
        ("Mechanism('growth', '')", "the name is taken"),
        ("Mechanism('Mine', '')", "a name is of lower-case letters"),
        ("Mechanism('mine', '', parameters={'reach': 1.0})", "the name is taken"),
        ("Mechanism('mine', '', parameters={'far': 1.0})", "is declared by"),
        (
            "Mechanism('mine', '', parameters={'far': real(2, '1', 0, 1, '', '')})",
            "not within 0 to 1",
        ),
        (
            "Mechanism('mine', '', columns={'humans': [Column('os', 'i4', '', '')]})",
            "the name is taken",
        ),
        (
            "Mechanism('mine', '', columns={'humans': [Column('far', 'O', '', '')]})",
            "is of f4, f8",
        ),
        ("Mechanism('mine', '', columns={'firms': []})", "columns of 'firms'"),
    ):
        with pytest.raises(InputError, match=what):
            sim.use(written(tmp_path, f"M = {text}\n"))


def test_two_that_add_the_same_name_do_not_go_together(
    gossip: Mechanism, tmp_path: Path
) -> None:
    own = "{'hearsay': real(0, '1', 0, 1, '', '')}"
    text = f"M = Mechanism('rumour', '', parameters={own})"
    sim.use(written(tmp_path, text))
    with pytest.raises(InputError, match="both add 'hearsay'"):
        small("gossip", "rumour")


# ---------------------------------------------------------------------------- processes


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        ("after='grwo', over='humans'", "no process 'grwo'; did you mean 'grow'"),
        ("over='humans'", "say after= or before="),
        ("after='grow', over='people'", "over= is one of"),
        ("after='grow', over='humans', reads=['humans.grwth']", "no column 'grwth'"),
        ("after='grow', over='humans', writes=['ties.closeness']", "not written"),
        ("after='grow', over='humans', writes=['humans.os']", "cannot be written"),
        ("after='grow', over='humans', reads='humans.os'", "is a list of names"),
    ],
)
def test_a_process_says_what_is_there(tmp_path: Path, declared: str, what: str) -> None:
    text = f"M = Mechanism('mine', '')\n@M.process({declared})\ndef do(i, s): pass\n"
    with pytest.raises(InputError, match=what):
        sim.use(written(tmp_path, text))
        Society(small("mine"), seed=1)


def test_a_row_that_is_not_there_is_an_error_and_not_a_wild_read(
    tmp_path: Path,
) -> None:
    text = (
        "M = Mechanism('mine', '', columns={'humans': [Column('far', 'f4', '', '')]})\n"
        "@M.process(after='grow', over='humans', writes=['humans.far'])\n"
        "def reach(i, s): s.humans.far[i] = s.humans.far[i + 1_000_000]\n"
    )
    sim.use(written(tmp_path, text))
    with pytest.raises(InputError, match=r"mine.reach reads a row that there is not"):
        lived(small("mine"), days=1)


EVERYBODY = """
from sim.mechanisms import pair_uniform, rule, whole
from sim.model import rules

CROWD = Mechanism(
    "crowd",
    "Humans and OSes that talk more than a few others are busy.",
    parameters={"few": whole(3, "ties", 0, 100, "ties that are few", "assumed")},
    columns={
        "humans": [Column("busy", "f8", "0..1", "how busy")],
        "oses": [Column("age", "i4", "days", "since it came into being", -1)],
    },
    streams=["mood"],
)


@rule
def share(ties, few):
    return ties / (ties + few) if ties + few > 0.0 else 0.0


@CROWD.process(after="meet", over="oses", reads=["oses.born_step"], writes=["oses.age"])
def grow_old(j, s):
    s.oses.age[j] = s.day.step - s.oses.born_step[j]


@CROWD.process(
    after="crowd.grow_old", over="agents", reads=["ties.*", "oses.age"],
    writes=["humans.busy", "oses.growth"],
)
def count(agent, s):
    n = int(s.day.n_humans)
    if agent < n:
        s.humans.busy[agent] = share(s.ties.degree[agent], int(s.my.few))
    elif s.oses.age[agent - n] > 0:
        mood = pair_uniform(s.my.key_mood, agent, 0)
        s.oses.growth[agent - n] += 0.01 * mood * rules.peer_value(1.0, 2.0)
"""


@pytest.mark.slow
def test_processes_run_over_oses_and_over_all_agents(tmp_path: Path) -> None:
    file = written(tmp_path, EVERYBODY, "crowd")
    town = small(file)
    state = lived(town, days=20).state
    born = state.oses.born_step
    today = born < 20  # the others came in the evening, after the process
    assert np.array_equal(state.oses.age[today], 20 - born[today])
    assert (state.oses.age[~today] == -1).all()
    assert 0.5 < state.humans.busy.mean() < 1.0
    plain = lived(small(), days=20).state.oses.growth
    assert (state.oses.growth[today] > plain[: today.sum()]).any()
    held = sim.check_mechanism(file, scenario=small(steps=14, humans=20))
    assert len(held) == 7


# ---------------------------------------------------------------- names, and no paths


def test_a_scenario_names_what_is_in_use_and_runs_no_file(tmp_path: Path) -> None:
    town = tmp_path / "town.toml"
    text = 'title = "T"\nstory = "s"\nmechanisms = [{}]\n[parameters]\nhearsay = 0.2\n'
    shutil.copy(EXAMPLES / "gossip.py", tmp_path)
    town.write_text(text.format('"gossip"'))
    with pytest.raises(InputError, match=r"no mechanism 'gossip' is in use or install"):
        sim.scenario(town)
    sim.use(tmp_path / "gossip.py")
    assert sim.scenario(town).parameters.hearsay == 0.2  # type: ignore[attr-defined]
    for path in ("gossip.py", "./gossip.py:GOSSIP", "../x", "gossip.GOSSIP"):
        town.write_text(text.format(f'"{path}"'))
        with pytest.raises(InputError, match="cannot say which code is run"):
            sim.scenario(town)


def test_an_installed_package_is_found_by_the_name_of_its_mechanism(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.cli import main

    (tmp_path / "their_package.py").write_bytes((EXAMPLES / "gossip.py").read_bytes())
    about = tmp_path / "their_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\n")
    (about / "entry_points.txt").write_text(
        f"[{registry.GROUP}]\ngossip = their_package:GOSSIP\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert small("gossip").mechanisms == ["gossip"]
    assert registry.find("gossip").file.name == "their_package.py"
    registry._in_use.clear()
    words = ["run", "her", "--humans", "20", "--steps", "2", "--no-figures", "--json"]
    words += ["--set", "gossip=true", "--set", "gossip.hearsay=0.2"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    known = sim.load(tmp_path / "run").provenance
    assert (known["parameters"]["hearsay"], list(known["mechanisms"])) == (
        0.2,
        ["gossip"],
    )
    with pytest.raises(InputError, match=r"add mechanisms = \['gossip'\]"):
        sim.sweep({"base": {"gossip": True}})


def test_a_report_says_what_parameters_of_a_mechanism_mean(
    gossip: Mechanism, tmp_path: Path
) -> None:
    from sim.reports.provenance import parameter_tables

    values = small("gossip", hearsay=0.2).parameters.model_dump()
    (table, *_) = parameter_tables(values, None, {"gossip": gossip.digest})
    assert "how fast belief follows close people" in str(table)
    other = {"gossip": "another"}
    (table, *_) = parameter_tables(values, None, other)
    assert "nor of a mechanism in use" in str(table)


def test_what_is_in_no_file_is_refused() -> None:
    with pytest.raises(InputError, match="in a notebook: %%writefile"):
        exec("from sim.mechanisms import Mechanism\nMechanism('mine', '')", {})


def test_a_process_from_elsewhere_is_refused(gossip: Mechanism) -> None:
    """Else the digest in the provenance would not be of what was run."""
    with pytest.raises(InputError, match=r"gossip.do does not stand in .*gossip.py"):

        @gossip.process(after="grow", over="society")
        def do(s: Any) -> None: ...

    with pytest.raises(TypeError):
        gossip.parameters["more"] = None  # type: ignore[index]


def test_what_was_made_with_an_older_version_stays_with_it(
    gossip: Mechanism, tmp_path: Path
) -> None:
    town = small("gossip")
    other = tmp_path / "gossip.py"
    other.write_text(gossip.file.read_text() + "# edited\n")
    sim.use(other)
    again = pickle.loads(pickle.dumps(town))
    assert again == town
    assert [m.digest for m in again.parameters.mechanisms] == [gossip.digest]
    assert small("gossip").parameters.mechanisms[0].digest != gossip.digest


def test_a_file_that_breaks_or_declares_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mine.py: ZeroDivisionError"):
        sim.use(written(tmp_path, "1 / 0"))
    with pytest.raises(InputError, match=r"declares not one mechanism: there is none"):
        sim.use(written(tmp_path, "X = 1"))
    with pytest.raises(InputError, match="cannot read"):
        sim.use(tmp_path / "none.py")


# ------------------------------------------------------------------ runs, checkpoints


def test_a_run_says_which_mechanisms_it_had_and_keeps_their_source(
    gossip: Mechanism, tmp_path: Path
) -> None:
    run = sim.run(small("gossip"), seed=1, out=tmp_path / "run")
    assert run.provenance["mechanisms"] == {"gossip": gossip.digest}
    kept = tmp_path / "run" / "mechanisms" / "gossip.py"
    assert kept.read_bytes() == gossip.file.read_bytes()
    assert sim.use(kept).digest == gossip.digest
    plain = sim.run(small(), seed=1, out=tmp_path / "plain")
    assert "mechanisms" not in plain.provenance
    assert not (tmp_path / "plain" / "mechanisms").exists()


@pytest.mark.slow
def test_a_run_is_read_without_its_mechanism(gossip: Mechanism, tmp_path: Path) -> None:
    run = sim.run(small("gossip"), seed=1, out=tmp_path / "run")
    heard = run.humans()["heard"]
    registry._in_use.clear()
    found = sim.load(tmp_path / "run")
    assert found.humans()["heard"].equals(heard)
    assert found.detect().equals(run.events)
    assert "hearsay" in sim.report(found)


@pytest.mark.slow
def test_its_digest_is_part_of_the_default_place(
    gossip: Mechanism, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = gossip.file.read_text()
    places = []
    for version in (text, text + "# edited\n"):
        (tmp_path / "gossip.py").write_text(version)
        town = small(tmp_path / "gossip.py").replace(steps=1)
        places.append(sim.run(town, seed=1).path)
    assert places[0] != places[1]


@pytest.mark.slow
def test_a_run_is_continued_from_a_checkpoint_with_the_same_bytes(
    tmp_path: Path,
) -> None:
    names = [sim.use(EXAMPLES / f"{name}.py").name for name in ("gossip", "income")]
    whole = sim.run(small(*names), seed=1, out=tmp_path / "a", checkpoint_every=10)
    fork = whole.fork(20, out=tmp_path / "b")
    for table in ("humans-000030", "oses-000030", "ties-000030"):
        file = f"snapshots/{table}.parquet"
        assert (whole.path / file).read_bytes() == (fork.path / file).read_bytes()
    assert fork.provenance["mechanisms"] == whole.provenance["mechanisms"]
    hush = Intervention(name="hush", at=21, set={"hearsay": 0.0})
    changed = whole.fork(20, [hush], out=tmp_path / "c").humans()
    assert not changed["personhood"].equals(whole.humans()["personhood"])


def test_another_version_is_refused_by_name_and_digest(
    gossip: Mechanism, tmp_path: Path
) -> None:
    run = sim.run(small("gossip"), seed=1, out=tmp_path / "a", checkpoint_every=10)
    registry._in_use.clear()
    with pytest.raises(InputError, match="no mechanism 'gossip' is in use"):
        run.fork(10, out=tmp_path / "b")
    other = tmp_path / "gossip.py"
    other.write_text(gossip.file.read_text() + "# edited\n")
    here = sim.use(other).digest
    text = rf"another version of mechanism 'gossip' \({gossip.digest}, here {here}\)"
    with pytest.raises(InputError, match=text):
        run.fork(10, out=tmp_path / "b")
    known = {n: v for n, v in run.provenance.items() if n != "mechanisms"}
    (run.path / "provenance.json").write_text(json.dumps(sealed(known)))
    with pytest.raises(InputError, match=text):  # the checkpoint says so, too
        sim.load(run.path).fork(10, out=tmp_path / "b")


def test_checkpoints_are_proved_without_the_mechanism(
    gossip: Mechanism, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = small("gossip", humans=12, steps=4)
    run = sim.run(town, seed=1, out=tmp_path / "a", checkpoint_every=2)
    other = tmp_path / "gossip.py"
    other.write_text(gossip.file.read_text() + "# edited\n")
    for here, reason in (
        ([other], f"another version of mechanism 'gossip' ({gossip.digest}"),
        ([], "by its digests alone: no mechanism 'gossip' is in use"),
    ):
        registry._in_use.clear()
        _ = [sim.use(one) for one in here]
        found = sim.verify(run.path)
        assert found.is_proved and reason in found.findings[0].text
        assert sim.verify(run.path / "checkpoints" / "000002").is_proved
    file = run.path / "checkpoints" / "000002" / "humans.parquet"
    assert main(["verify", str(run.path), "--mechanism", str(gossip.file)]) == 0
    assert "alone" not in capsys.readouterr().out
    registry._in_use.clear()
    file.write_bytes(file.read_bytes()[:-1])
    assert {one.path for one in sim.verify(run.path).faults} == {str(file)}


# ---------------------------------------------------------------- many runs, workers


@pytest.mark.slow
def test_a_counterfactual_of_it_keeps_the_random_numbers(gossip: Mechanism) -> None:
    town = small("gossip", steps=20)
    found = sim.counterfactual(
        town.replace(gossip=False), town, seeds=2, outcomes=["loneliness_end"]
    )
    assert min(found.first_days.values()) > 1  # the same until somebody believes
    plain = sim.counterfactual(
        small(steps=20), town, seeds=2, outcomes=["loneliness_end"]
    )
    assert plain.differences.equals(found.differences)


@pytest.mark.slow
def test_ablation_switches_it_off(gossip: Mechanism) -> None:
    found = sim.ablate(small("gossip", steps=5), seeds=2, mechanisms=["gossip"])
    assert found["off"].tolist() == ["nothing", "gossip"]
    with pytest.raises(InputError, match="unknown mechanism 'gossip'"):
        sim.ablate(small(steps=5), seeds=2, mechanisms=["gossip"])


DESIGN: dict[str, Any] = {
    "mechanisms": ["gossip"],
    "outcomes": ["left", "loneliness_end"],
    "base": QUICK | {"humans": 20, "steps": 12},
    "grid": {"hearsay": [0.0, 0.5], "gossip": [True, False]},
    "seeds": 1,
}


@pytest.mark.slow
def test_a_sweep_varies_its_parameters(gossip: Mechanism, tmp_path: Path) -> None:
    found = at_home(tmp_path / "s", DESIGN).table()
    assert (found["state"] == "done").all()
    assert found["run"].nunique() == 4
    assert at_home(tmp_path / "s", DESIGN, resume=True).table().equals(found)
    assert "hearsay" in sim.report(tmp_path / "s")
    other = tmp_path / "gossip.py"
    other.write_text(gossip.file.read_text() + "# edited\n")
    sim.use(other)
    with pytest.raises(InputError, match=r"mechanisms.gossip was"):
        at_home(tmp_path / "s", DESIGN, resume=True)


def test_a_sweep_says_what_is_wrong_with_them(gossip: Mechanism) -> None:
    for changes, what in (
        ({"grid": {"hearsay": [2.0]}}, "'grid.hearsay': parameter 'hearsay' must be"),
        ({"mechanisms": []}, "unknown parameter 'hearsay'"),
        ({"mechanisms": ["gosip"]}, "no mechanism 'gosip'.*did you mean 'gossip'"),
        ({"grid": None, "lhs": {"n": 2, "gossip": [0, 1]}}, "is true or false"),
        ({"grid": None, "lhs": {"n": 2, "hearsay": [0, 3]}}, "'lhs.hearsay': paramete"),
    ):
        with pytest.raises(InputError, match=what):
            sim.studies.design.make(DESIGN | changes)


def test_a_worker_with_another_version_refuses_the_job(
    gossip: Mechanism, tmp_path: Path
) -> None:
    from sim.studies.design import make
    from sim.studies.job import Tasks, run_job

    job = Tasks(make(DESIGN))[0].job
    assert run_job(job)["state"] == "done"
    other = tmp_path / "gossip.py"
    other.write_text(gossip.file.read_text() + "# edited\n")
    origin = job["mechanisms"][0] | {"file": str(other)}
    registry._in_use.clear()
    found = run_job(job | {"mechanisms": [origin]})
    assert (found["state"], found["reason"]) == ("failed", "other code")
    assert "mechanism 'gossip' is another version here" in found["error"]


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_workers_give_what_this_process_gives(
    gossip: Mechanism, tmp_path: Path
) -> None:
    here = at_home(tmp_path / "here", DESIGN).table()
    there = sim.sweep(DESIGN | {"name": "s"}, out=tmp_path / "there", workers=1).table()
    assert here.equals(there)
    town = small("gossip", steps=10)
    given: dict[str, Any] = {"seeds": 2, "outcomes": ["loneliness_end"]}
    one, two = (
        sim.counterfactual(town.replace(gossip=False), town, workers=n, **given)
        for n in (1, 2)
    )
    assert one.differences.equals(two.differences)


# ------------------------------------------------------------------------ command line


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return forked.run(["-m", "sim", *words], folder)


def test_the_command_line_puts_a_file_to_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sim.cli import main

    file = str(EXAMPLES / "gossip.py")
    words = ["run", "her", "--humans", "20", "--steps", "5", "--no-figures", "--json"]
    own = ["--mechanism", f"{file}:GOSSIP", "--set", "hearsay=0.2"]
    assert main([*words, *own, "--out", str(tmp_path / "a")]) == 0
    assert sim.load(tmp_path / "a").provenance["parameters"]["hearsay"] == 0.2
    dotted = ["--mechanism", file, "--set", "gossip.hearsay=0.3"]
    assert main([*words, *dotted, "--out", str(tmp_path / "b")]) == 0
    assert sim.load(tmp_path / "b").provenance["parameters"]["hearsay"] == 0.3
    capsys.readouterr()
    assert main(["parameters", "--mechanism", file, "--search", "hearsay"]) == 0
    assert "how fast belief follows" in capsys.readouterr().out
    assert main(["ablate", "her", "--mechanism", file, "--mechanisms", "list"]) == 0
    assert "gossip = False" in capsys.readouterr().out
    assert main([*words, "--mechanism", str(tmp_path / "none.py")]) == 2
    assert "cannot read" in capsys.readouterr().err


def killed_run(folder: Path, files: list[str]) -> None:
    """Begin a run with checkpoints, and end its process at its second checkpoint."""
    code = (
        "import os, sim, sys; from sim.runs import simulate as s\n"
        "save, count = s.save_checkpoint, []\n"
        "def then_die(*given):\n"
        "    save(*given); count.append(1)\n"
        "    if len(count) == 2: os._exit(9)\n"
        "s.save_checkpoint = then_die\n"
        f"town = sim.scenario('her').replace(**{SMALL!r}).use(*{files!r})\n"
        "sim.run(town, seed=1, out='run', checkpoint_every=10)\n"
    )
    done = forked.run(["-c", code], folder)
    assert done.returncode == 9


@pytest.mark.slow
def test_a_run_that_was_cut_short_is_resumed(tmp_path: Path) -> None:
    """With columns of humans and of ties, and with a table of companies."""
    names = ["gossip", "trust", "companies"]
    files = [str(EXAMPLES / f"{name}.py") for name in names]
    killed_run(tmp_path, files)
    refused = command(tmp_path, "resume", "run", "--no-figures")
    assert refused.returncode == 2
    assert "no mechanism 'companies' is in use or installed" in refused.stderr
    own = [word for file in files for word in ("--mechanism", file)]
    assert command(tmp_path, "resume", "run", "--no-figures", *own).returncode == 0
    whole = sim.run(small(*files), seed=1, out=tmp_path / "whole")
    snapshots = {file.name for file in (whole.path / "snapshots").iterdir()}
    assert {"ties-000030.parquet", "companies-000030.parquet"} < snapshots
    tables = [f"snapshots/{name}" for name in snapshots if "000030" in name]
    for name in ("series.parquet", "events.parquet", *tables):
        resumed = (tmp_path / "run" / name).read_bytes()
        assert resumed == (whole.path / name).read_bytes()


# --------------------------------------------------------------------------- the cache


def test_loops_of_the_model_are_not_compiled_anew(gossip: Mechanism) -> None:
    """An own loop has a type of its own; the loops of the model know nothing of it."""
    from sim.model.mechanisms import acceptance

    lived(small(), days=1)
    loop: Any = acceptance.belong
    before = loop.entries
    lived(small("gossip"), days=1)
    assert loop.entries == before
    assert len(before) >= 1


@pytest.mark.slow
def test_what_is_compiled_is_found_again_whatever_the_module_is_called(
    tmp_path: Path,
) -> None:
    """A file put to use by its path, and the same one imported by its name."""
    folder = tmp_path / "their"
    folder.mkdir()
    text = EVERYBODY + f"# {tmp_path}\n"  # no test has compiled this
    lived(small(written(folder, text, "their_package")), days=1)
    code = (
        "import sim, their_package\n"
        "from sim.mechanisms import loops\n"
        "m = sim.use(their_package.CROWD)\n"
        f"town = sim.scenario('her').replace(**{SMALL!r}).use('crowd')\n"
        "sim.Society(town, seed=1).step()\n"
        "for process in m.processes:\n"
        "    stats = loops.compiled(m, process).stats\n"
        "    assert stats.cache_hits and not stats.cache_misses, stats\n"
    )
    there = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    done = forked.run(["-c", code], env=there)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_of_the_benchmark_runs() -> None:
    file = ROOT / "experiments" / "benchmarks" / "own_process.py"
    spec = importlib.util.spec_from_file_location("own_process", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in module.PROCESSES:
        assert module.measured(half_edges=2000, days=2, name=name).min() > 0.0
