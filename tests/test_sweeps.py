"""Sweeps: whole after any interruption, the same bytes whoever did the runs."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sweep_runs
from sweep_runs import DESIGN, RUNS, Here, at_home, part_bytes

import sim
from sim.errors import InputError
from sim.sweeps import measures, parts, processes, store, sweep

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> sim.sweeps.Sweep:
    """Return a small finished sweep; tests only read it."""
    return at_home(tmp_path_factory.mktemp("sweeps") / "small")


# ------------------------------------------------------------------------- the table


@pytest.mark.slow
def test_the_table_is_tidy(small: sim.sweeps.Sweep) -> None:
    table = sim.load_sweep(small.path).table()
    names = ["reach", "growth_exponent", "seed", *DESIGN["outcomes"]]
    assert list(table.columns) == [*names, "state", "error", "run"]
    assert len(table) == RUNS
    assert (table["state"] == "done").all()
    assert table["loneliness_end"].between(0.0, 1.0).all()


@pytest.mark.slow
def test_outcomes_are_those_of_the_same_run_alone(small: sim.sweeps.Sweep) -> None:
    row = small.table().iloc[-1]
    changes = {"growth_exponent": 1.1, "reach": 3.0}
    society = sim.Society("her", rng=1, **DESIGN["base"], **changes)
    while society.running:
        society.step()
    assert row["loneliness_end"] == society.watch.latest("loneliness")


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
    assert found.outcomes == measures.known()
    assert all(measures.meaning(name) for name in found.outcomes)


def test_days_between_events_and_inequality_of_love() -> None:
    told = {"left": 0.5, "first_love": 30.0, "first_departure": 90.0}
    assert measures._value("first_love to first_departure", told) == 60.0
    assert measures.gini([1, 1, 1, 1]) == pytest.approx(0.0)
    assert measures.gini([0, 0, 0, 1]) == pytest.approx(0.75)
    assert np.isnan(measures.gini([0, 0]))


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


@pytest.mark.slow
def test_whole_runs_are_kept_or_done_again_on_demand(tmp_path: Path) -> None:
    kept = at_home(tmp_path / "kept", {"keep_runs": True, "seeds": 1})
    assert len(list((tmp_path / "kept" / "runs").iterdir())) == RUNS // 2
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
    small: sim.sweeps.Sweep, tmp_path: Path
) -> None:
    sweep(DESIGN, out=tmp_path / "s", workers=2)
    assert part_bytes(tmp_path / "s") == part_bytes(small.path)


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 1, 5])
def test_what_was_interrupted_is_gone_on_with(
    small: sim.sweeps.Sweep, tmp_path: Path, most: int
) -> None:
    with pytest.raises(InputError, match=r"the cluster is gone.*--resume"):
        at_home(tmp_path / "s", executor=Here(most), workers=1)
    done = set(store_of(tmp_path / "s"))
    here = Here()
    at_home(tmp_path / "s", executor=here, resume=True)
    assert not done & {job["run"] for job in here.jobs}
    assert part_bytes(tmp_path / "s") == part_bytes(small.path)


def store_of(place: Path) -> list[str]:
    ledger = sim.load_sweep(place).ledger()
    return ledger[ledger["state"] == "done"]["run"].tolist()


@pytest.mark.slow
def test_nothing_is_done_again(small: sim.sweeps.Sweep, tmp_path: Path) -> None:
    place = tmp_path / "s"
    at_home(place)
    here = Here()
    again = at_home(place, executor=here, resume=True)
    assert here.jobs == []
    assert (again.ledger()["attempt"] == 1).all()
    with pytest.raises(InputError, match=r"there is a sweep.*--resume"):
        at_home(place)


@pytest.mark.slow
def test_a_crash_between_part_and_ledger_costs_one_run(
    small: sim.sweeps.Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, count = tmp_path / "s", itertools.count()
    real = parts.write

    def crash(file: Path, raw: bytes) -> None:
        real(file, raw)
        if next(count) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(parts, "write", crash)
    with pytest.raises(KeyboardInterrupt):
        at_home(place, workers=1)
    assert len(part_bytes(place)) == len(store_of(place)) + 1 == 4
    monkeypatch.undo()
    here = Here()
    at_home(place, executor=here, resume=True)
    assert len(here.jobs) == RUNS - 3
    assert part_bytes(place) == part_bytes(small.path)


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
    next(place.glob("parts/*/*.parquet")).unlink()
    found = at_home(place, functions=own, resume=True)
    (failed,) = found.failures().to_dict("records")
    assert failed["reason"] == "differs"


# ------------------------------------------------------------------------ what breaks


def damage_nothing(file: Path) -> None:
    file.unlink()


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def flip_a_bit(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


def swap(file: Path) -> None:
    other = next(f for f in file.parents[1].glob("*/*.parquet") if f != file)
    file.write_bytes(other.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [damage_nothing, truncate, flip_a_bit, swap])
def test_a_damaged_part_is_told_and_done_again_by_a_resume(
    small: sim.sweeps.Sweep, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    place, told = tmp_path / "s", []
    at_home(place)
    file = sorted(place.glob("parts/*/*.parquet"))[3]
    spoil(file)
    table = sim.load_sweep(place).table()
    (bad,) = table[table["state"] == "damaged"].to_dict("records")
    assert bad["run"] == file.stem
    assert np.isnan(bad["left"])
    here = Here()
    at_home(place, executor=here, resume=True, tell=told.append)
    assert [job["run"] for job in here.jobs] == [file.stem]
    assert file.stem in told[0]
    assert part_bytes(place) == part_bytes(small.path)


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
def test_a_worker_with_other_code_stops_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.sweeps.work.source_digest", lambda: "0123456789abcdef")
    with pytest.raises(InputError, match="source changed while the sweep ran"):
        at_home(tmp_path / "s")
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
    small: sim.sweeps.Sweep, tmp_path: Path, most: int
) -> None:
    place = tmp_path / "s"
    told = [sys.executable, "-c", FULL, str(place), str(TESTS), str(most)]
    done = subprocess.run(told, capture_output=True, text=True, check=True)
    assert "InputError cannot write" in done.stdout, done
    at_home(place, resume=True)
    assert part_bytes(place) == part_bytes(small.path)


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
    monkeypatch.setattr(processes, "PROGRAM", wrong)
    with pytest.raises(InputError, match=r"workers end before they begin.*no sim here"):
        sweep(DESIGN, out=tmp_path / "s", workers=1)
