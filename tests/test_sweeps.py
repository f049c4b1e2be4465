"""Sweeps: whole after any interruption, the same bytes whoever did the runs."""

from __future__ import annotations

import importlib
import itertools
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forked
import numpy as np
import pytest
import sweep_runs
from sweep_runs import DESIGN, RUNS, Here, at_home, kept, spoil_ledger

import sim
from sim import studies
from sim.scenarios import own_names
from sim.studies import outcomes, store, sweep, workers
from sim.studies.store import Store
from sim.utils.errors import InputError

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> studies.Sweep:
    """Return a small finished sweep; tests only read it."""
    return at_home(tmp_path_factory.mktemp("sweeps") / "small")


def test_a_sweep_has_a_card(small: studies.Sweep) -> None:
    card = small._repr_html_()
    assert "<dt>runs</dt>" in card
    assert f"{len(small)} done" in card
    assert all(name in card for name in small.design.varied)


# ------------------------------------------------------------------------- the table


@pytest.mark.slow
def test_the_table_is_tidy(small: studies.Sweep) -> None:
    table = sim.load_sweep(small.path).table()
    names = ["reach", "growth_exponent", "seed", *DESIGN["outcomes"]]
    assert list(table.columns) == [*names, "state", "error", "run"]
    assert len(table) == RUNS
    assert (table["state"] == "done").all()
    assert table["loneliness_end"].between(0.0, 1.0).all()


@pytest.mark.slow
def test_outcomes_are_those_of_the_same_run_alone(small: studies.Sweep) -> None:
    row = small.table().iloc[-1]
    changes = {"growth_exponent": 1.1, "reach": 3.0}
    society = sim.Society("her", rng=1, **DESIGN["base"], **changes)
    while society.running:
        society.step()
    assert row["loneliness_end"] == society.monitor.latest("loneliness")


@pytest.mark.slow
def test_the_table_can_be_read_while_the_sweep_runs(tmp_path: Path) -> None:
    seen = []

    class Looking(Here):
        def submit(self, *given: Any, **named: Any) -> Any:
            if len(self.jobs) == 5:
                seen.append(sim.load_sweep(tmp_path / "s").counts())
                seen.append(len(sim.load_sweep(tmp_path / "s").table(waiting=True)))
            return super().submit(*given, **named)

    at_home(tmp_path / "s", executor=Looking(), workers=1)
    counts, rows = seen
    assert counts["done"] + counts["waiting"] == rows == RUNS
    assert 0 < counts["done"] < RUNS


@pytest.mark.slow
def test_every_outcome_is_known_by_its_meaning(tmp_path: Path) -> None:
    found = at_home(tmp_path / "s", {"outcomes": [], "seeds": 1})
    assert found.outcomes == outcomes.usual()
    besides = {outcomes.DAYS, *outcomes.EVENTS, *own_names.outcomes()}
    assert {*outcomes.known()} - {*found.outcomes} <= besides
    assert all(outcomes.meaning(name) for name in found.outcomes)


def test_days_between_events() -> None:
    told = {"left": 0.5, "first_love": 30.0, "first_departure": 90.0}
    assert outcomes._value("first_love to first_departure", told) == 60.0


OWN = """
FACTOR = 1.0


def people(society):
    return FACTOR * society.state.humans.n
"""


def test_an_edit_beside_an_own_outcome_makes_another_design(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own_outcomes.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    digests = []
    for text in (OWN, OWN.replace("1.0", "2.0")):
        file.write_text(text, encoding="utf-8")
        sys.modules.pop(file.stem, None)
        importlib.invalidate_caches()
        function = importlib.import_module(file.stem).people
        digests.append(outcomes.describe("people", function)["digest"])
    monkeypatch.delitem(sys.modules, file.stem)
    assert digests[0] != digests[1]


@pytest.mark.slow
def test_a_function_of_ones_own_is_an_outcome(tmp_path: Path) -> None:
    own = {"people": sweep_runs.humans}
    found = at_home(tmp_path / "s", functions=own)
    assert (found.table()["people"] == 12.0).all()
    with pytest.raises(InputError, match=r"another design: functions.people was"):
        at_home(tmp_path / "s", functions={"people": sweep_runs.spoil}, resume=True)
    with pytest.raises(InputError, match="top of a file"):
        at_home(tmp_path / "t", functions={"people": lambda society: 1.0})
    with pytest.raises(InputError, match="name yours otherwise"):
        at_home(tmp_path / "t", functions={"left": sweep_runs.humans})
    for name in ("reach", "state"):
        with pytest.raises(InputError, match=f"a column '{name}' already"):
            at_home(tmp_path / "t", functions={name: sweep_runs.humans})


@pytest.mark.slow
def test_whole_runs_are_kept_or_done_again_on_demand(tmp_path: Path) -> None:
    kept = at_home(tmp_path / "kept", {"keep_runs": True, "seeds": 1})
    folders = [one for one in (tmp_path / "kept" / "runs").iterdir() if one.is_dir()]
    assert len(folders) == RUNS // 2
    lean = at_home(tmp_path / "lean", {"seeds": 1})
    where = "growth_exponent > 1 and reach == 3.0"
    (one,), (other,) = list(kept.runs(where)), list(lean.runs(where))
    assert one.provenance["parameters"] == other.provenance["parameters"]
    assert one.series.equals(other.series)
    with pytest.raises(InputError, match="cannot tell which runs"):
        list(kept.runs("growth_exponen > 1"))


# ------------------------------------------------------------------- resume and bytes


@pytest.mark.slow
def test_processes_and_this_process_write_the_same_bytes(
    small: studies.Sweep, tmp_path: Path
) -> None:
    sweep(DESIGN, out=tmp_path / "s", workers=2)
    assert kept(tmp_path / "s") == kept(small.path)


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 1, 5])
def test_what_was_interrupted_is_gone_on_with(
    small: studies.Sweep, tmp_path: Path, most: int
) -> None:
    with pytest.raises(InputError, match=r"the cluster is gone.*--resume"):
        at_home(tmp_path / "s", executor=Here(most), workers=1)
    done = set(store_of(tmp_path / "s"))
    here = Here()
    at_home(tmp_path / "s", executor=here, resume=True)
    assert not done & {job["run"] for job in here.jobs}
    assert kept(tmp_path / "s") == kept(small.path)


def store_of(place: Path) -> list[str]:
    ledger = sim.load_sweep(place).ledger()
    return ledger[ledger["state"] == "done"]["run"].tolist()


@pytest.mark.slow
def test_nothing_is_done_again(small: studies.Sweep, tmp_path: Path) -> None:
    place = tmp_path / "s"
    at_home(place)
    here = Here()
    again = at_home(place, executor=here, resume=True)
    assert here.jobs == []
    assert (again.ledger()["attempt"] == 1).all()
    with pytest.raises(InputError, match=r"there is a sweep.*--resume"):
        at_home(place)


class Crash(list[int]):
    """Positions that cannot be kept: what a crash in the middle of a commit leaves."""

    def __iter__(self) -> Iterator[int]:
        raise KeyboardInterrupt


@pytest.mark.slow
def test_a_crash_within_a_commit_costs_one_run(
    small: studies.Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, count, real = tmp_path / "s", itertools.count(), Store.add

    def add(self: Store, finding: Any, seed: int, positions: list[int]) -> Any:
        crash = next(count) == 3
        return real(self, finding, seed, Crash() if crash else positions)

    monkeypatch.setattr(Store, "add", add)
    with pytest.raises(KeyboardInterrupt):
        at_home(place, workers=1)
    assert len(kept(place)) == len(store_of(place)) == 3
    monkeypatch.undo()
    here = Here()
    at_home(place, executor=here, resume=True)
    assert len(here.jobs) == RUNS - 3
    assert kept(place) == kept(small.path)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from sim.studies.store import Store
from sweep_runs import at_home
real = Store.add
def add(self, *given):
    found = real(self, *given)
    if len(self.done) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return found
Store.add = add
at_home(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_run_that_was_kept_survives_a_kill_at_once(
    small: studies.Sweep, tmp_path: Path
) -> None:
    place = tmp_path / "s"
    told = ["-c", KILLED, str(place), str(TESTS)]
    assert forked.run(told).returncode == -signal.SIGKILL
    assert sim.load_sweep(place).counts()["done"] == 3
    here = Here()
    at_home(place, executor=here, resume=True)
    assert len(here.jobs) == RUNS - 3
    assert kept(place) == kept(small.path)


@pytest.mark.slow
def test_equal_runs_are_done_once(tmp_path: Path) -> None:
    here = Here()
    told = {"grid": None, "list": [{"reach": 2.0}, {"reach": 3.0}, {"reach": 2.0}]}
    table = at_home(tmp_path / "s", told, executor=here).table()
    assert len(here.jobs) == 4
    assert len(table) == 6
    assert table["run"].nunique() == 4


@pytest.mark.slow
def test_other_bytes_for_the_same_run_are_reported(tmp_path: Path) -> None:
    place, own = tmp_path / "s", {"fickle": sweep_runs.fickle}
    at_home(place, functions=own)
    spoil_ledger(place, "UPDATE runs SET outcomes = NULL WHERE seed = 0")
    found = at_home(place, functions=own, resume=True)
    failures = found.failures()
    assert failures["reason"].tolist() == ["differs"] * (RUNS // 2)
    assert (failures["seed"] == 0).all()


# ------------------------------------------------------------------------ what breaks


DAMAGE = {
    "missing": "UPDATE runs SET outcomes = NULL WHERE run = :run",
    "cut": "UPDATE runs SET outcomes = substr(outcomes, 1, 9) WHERE run = :run",
    "text": "UPDATE runs SET outcomes = 'outcomes' WHERE run = :run",
    "another's": "UPDATE runs SET outcomes = (SELECT other.outcomes FROM runs AS other "
    "WHERE other.outcomes != runs.outcomes) WHERE run = :run",
    "another seed": "UPDATE runs SET seed = seed + 1 WHERE run = :run",
    "a bit": "UPDATE runs SET outcomes = CAST(substr(outcomes, 1, 8) || x'01' || "
    "substr(outcomes, 10) AS BLOB) WHERE run = :run",
}


@pytest.mark.slow
@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_outcomes_are_told_and_a_resume_does_the_run_again(
    small: studies.Sweep, tmp_path: Path, how: str
) -> None:
    place, told = tmp_path / "s", []
    shutil.copytree(small.path, place)
    run = sorted(kept(place))[3]
    spoil_ledger(place, DAMAGE[how].replace(":run", "?"), run)
    table = sim.load_sweep(place).table()
    (bad,) = table[table["state"] == "damaged"].to_dict("records")
    assert bad["run"] == run
    assert np.isnan(bad["left"])
    assert run in bad["error"]
    here = Here()
    at_home(place, executor=here, resume=True, tell=told.append)
    assert [job["run"] for job in here.jobs] == [run]
    assert run in told[0]
    assert kept(place) == kept(small.path)


@pytest.mark.slow
def test_another_design_under_the_same_name_is_refused(tmp_path: Path) -> None:
    at_home(tmp_path / "s")
    with pytest.raises(InputError, match=r"another design: base.steps was 5, now 6"):
        changed = {"base": DESIGN["base"] | {"steps": 6}}
        at_home(tmp_path / "s", changed, resume=True)


@pytest.mark.slow
def test_other_code_under_the_same_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_home(tmp_path / "s")
    monkeypatch.setattr(store, "source_digest", lambda: "0123456789abcdef")
    with pytest.raises(InputError, match=r"run by other code.*now 01234567"):
        at_home(tmp_path / "s", resume=True)


@pytest.mark.slow
def test_a_worker_with_other_code_stops_the_sweep(tmp_path: Path) -> None:
    class Elsewhere(Here):
        def submit(self, function: Any, /, job: Any, *more: Any, **named: Any) -> Any:
            given_out_by_others = job | {"source": "0123456789abcdef"}
            return super().submit(function, given_out_by_others, *more, **named)

    with pytest.raises(InputError, match="source changed while the sweep ran"):
        at_home(tmp_path / "s", executor=Elsewhere())
    assert sim.load_sweep(tmp_path / "s").ledger().empty


@pytest.mark.slow
def test_a_second_driver_is_refused(tmp_path: Path) -> None:
    class Nosy(Here):
        def submit(self, *given: Any, **named: Any) -> Any:
            with pytest.raises(InputError, match=r"another process .* is driving"):
                at_home(tmp_path / "s", resume=True)
            return super().submit(*given, **named)

    found = at_home(tmp_path / "s", executor=Nosy())
    assert found.counts()["done"] == RUNS


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="is no sweep"):
        at_home(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        at_home(tmp_path / "thesis.tex")
    with pytest.raises(InputError, match="no sweep at"):
        sim.load_sweep(tmp_path)


FULL = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from sweep_runs import at_home
most = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    at_home(Path(sys.argv[1]), resume=True)
except ValueError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("most", [1000, 40_000])
@pytest.mark.posix
def test_a_full_disk_ends_in_a_message_and_a_store_to_go_on_with(
    small: studies.Sweep, tmp_path: Path, most: int
) -> None:
    place = tmp_path / "s"
    told = ["-c", FULL, str(place), str(TESTS), str(most)]
    done = forked.run(told, check=True)
    assert done.stdout.startswith(("InputError cannot write", "InputError cannot use"))
    at_home(place, resume=True)
    assert kept(place) == kept(small.path)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        at_home(tmp_path / "file" / "s")


@pytest.mark.slow
def test_a_run_that_raises_is_a_row_and_the_others_finish(tmp_path: Path) -> None:
    told = {"base": {"steps": 2}, "grid": {"humans": [10, 11, 12, 17]}, "seeds": 1}
    found = at_home(tmp_path / "s", told, functions={"spoil": sweep_runs.spoil})
    table = found.table().set_index("humans")
    assert table["state"].tolist() == ["done", "failed", "failed", "done"]
    assert table["error"][11] == "raised (outcome spoil): RuntimeError: no such luck"
    assert table["error"][12] == "exited (outcome spoil): exit code 7"
    assert found.counts() == {"done": 2, "failed": 2, "waiting": 0}


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
@pytest.mark.posix
def test_runs_that_kill_or_eat_memory_are_rows(tmp_path: Path) -> None:
    several = [10, 11, 12, 13, 14, 16, 17]
    told = {"base": {"steps": 2}, "grid": {"humans": several}, "seeds": 1}
    limits = {"memory_limit": 1500, "workers": 2}
    own = {"spoil": sweep_runs.spoil}
    found = sweep(DESIGN | told, out=tmp_path / "s", functions=own, **limits)
    failed = found.failures().set_index("run")["reason"]
    table = found.table().set_index("humans")
    reasons = table["run"].map(failed).dropna()
    assert reasons.to_dict() == {
        11: "raised",
        12: "exited",
        13: "exited",
        14: "killed by SIGKILL",
        16: "out of memory",
    }
    assert (found.failures()["stage"] == "outcome spoil").all()
    assert table["state"][[10, 17]].tolist() == ["done", "done"]


@pytest.mark.slow
def test_a_run_that_hangs_is_a_row(tmp_path: Path) -> None:
    told = {"base": {"steps": 2, "humans": 15}, "grid": {}, "seeds": 1}
    own = {"spoil": sweep_runs.spoil}
    found = sweep(
        DESIGN | told, out=tmp_path / "s", functions=own, time_limit=2.0, workers=1
    )
    (failed,) = found.failures().to_dict("records")
    assert failed["reason"] == "timed out"
    assert failed["error"] == "took more than 2 s"


def test_workers_that_never_start_end_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = ["-c", "raise SystemExit('no sim here')"]
    monkeypatch.setattr(workers, "PROGRAM", wrong)
    with pytest.raises(InputError, match=r"workers end before they begin.*no sim here"):
        sweep(DESIGN, out=tmp_path / "s", workers=1)
