"""Runs: the same seed gives the same bytes, and the numbers of a saved run hold.

``python tests/test_runs.py --write`` saves the numbers of the baseline anew (with the
package installed, or on PYTHONPATH). Do so only when a change of the model is meant to
move them, and say so in CHANGELOG.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import other_processor
import pytest
from quick import QUICK, SEED, lived

from sim import scenarios
from sim.engine import cache
from sim.engine import threads as threads_module
from sim.events import MEASURES
from sim.model import population
from sim.runs import run, simulate
from sim.runs.result import Result
from sim.society import Society
from sim.utils.errors import InputError

ROOT = Path(__file__).parents[1]
BASELINE = Path(__file__).with_name("baseline.json")
BASELINE_RUN: dict[str, Any] = {"humans": 200, "steps": 600, "rng": 7}
MOVED = (
    "the numbers of a saved run moved. If that is meant, name the change in "
    "CHANGELOG.md and save them anew: python tests/test_runs.py --write"
)
STORY = scenarios.load("her-film-cut").replace(**(QUICK | {"humans": 60, "steps": 170}))
TINY = STORY.replace(humans=30, steps=5)
SUBPROCESS = """
import sys
import sim
from sim.engine import threads
threads.WORTH_SHARING = 0
changes = eval(sys.argv[3])
story = sim.scenario("her-film-cut").replace(**changes)
sim.run(story, seed=int(sys.argv[1]), out=sys.argv[2], threads=2)
"""


def contents(result: Result) -> dict[str, str]:
    """Return a digest of every table of a run, by file name."""
    files = sorted(result.path.rglob("*.parquet"))
    return {
        file.relative_to(result.path).as_posix(): hashlib.sha256(
            file.read_bytes()
        ).hexdigest()
        for file in files
    }


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a run of a whole quick story; tests only read it."""
    return run.run(STORY, seed=SEED, out=tmp_path_factory.mktemp("runs") / "story")


# ------------------------------------------------------------------- the same bytes


def test_the_same_seed_gives_the_same_bytes(told: Result, tmp_path: Path) -> None:
    again = run.run(STORY, seed=SEED, out=tmp_path / "again")
    assert contents(again) == contents(told)
    names = set(contents(told))
    assert {"series.parquet", "events.parquet", "snapshots/ties-000000.parquet"} < names
    assert len(told.events) >= 9


@pytest.mark.parametrize("threads", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_threads_change_no_byte(
    told: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(threads_module, "WORTH_SHARING", 0)
    shared = run.run(STORY, seed=SEED, out=tmp_path / "shared", threads=threads)
    assert contents(shared) == contents(told)


def run_in_another_process(out: Path) -> str:
    """Run the story elsewhere, with threads; return what is said on standard error."""
    arguments = [str(SEED), str(out), repr(QUICK | {"humans": 60, "steps": 170})]
    done = subprocess.run(
        [sys.executable, "-c", SUBPROCESS, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "5"},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stderr


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(told: Result, tmp_path: Path) -> None:
    assert run_in_another_process(tmp_path / "other") == ""
    assert contents(Result(tmp_path / "other")) == contents(told)


@pytest.mark.slow
def test_another_processor_and_a_home_that_keeps_no_cache_cost_time_only(
    tmp_path: Path,
) -> None:
    """Loops for the oldest processor of the family, plain ones at that, agree.

    Here are some loops; experiments/benchmarks/other_processor.py runs a whole story.
    """
    begun = run.run(STORY, seed=SEED, out=tmp_path / "run", checkpoint_every=60)
    places = {
        "OS_SOCIETY_SIMD": "off",
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "HOME": "/proc/nonexistent",
        "XDG_CACHE_HOME": "",
        cache.VARIABLE: "",
    }
    done = subprocess.run(
        [sys.executable, other_processor.__file__, str(begun.path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | places,
        capture_output=True,
        text=True,
        check=True,
    )
    here = other_processor.digests(begun.path)
    assert json.loads(done.stdout) == here
    assert {"humans.grief", "oses.growth", "rule logistic", "turned"} <= set(here)
    (line,) = done.stderr.splitlines()
    assert cache.VARIABLE in line


def test_another_seed_gives_other_bytes(told: Result, tmp_path: Path) -> None:
    other = contents(run.run(STORY, seed=SEED + 1, out=tmp_path / "other"))
    mine = contents(told)
    assert other["series.parquet"] != mine["series.parquet"]
    assert other["events.parquet"] != mine["events.parquet"]
    ties = "snapshots/ties-000000.parquet"
    assert other[ties] != mine[ties]


def test_snapshots_change_nothing_of_what_comes_out(
    told: Result, tmp_path: Path
) -> None:
    often = run.run(STORY, seed=SEED, out=tmp_path / "often", snapshot_every=50)
    mine, other = contents(told), contents(often)
    shared = set(mine) & set(other)
    assert {"series.parquet", "snapshots/oses-000150.parquet"} <= shared
    assert not [name for name in shared if mine[name] != other[name]]


# ------------------------------------------------------------------- saved baseline


def digests(society: Society) -> dict[str, Any]:
    """Return what the baseline keeps of a run: digests, and the days of its beats.

    They are of the numbers themselves, so no library for files can move them.
    """
    series = hashlib.sha256()
    for name, column in society.monitor.history.columns().items():
        series.update(f"{name} {column.dtype.str}\n".encode() + column.tobytes())
    rows = society.monitor.rows()
    events = json.dumps(rows, sort_keys=True).encode()
    return {
        "run": BASELINE_RUN,
        "beats": {row["kind"]: row["step"] for row in rows},
        "series": series.hexdigest(),
        "events": hashlib.sha256(events).hexdigest(),
    }


def baseline_society() -> Society:
    society = Society("her-film-cut", **BASELINE_RUN)
    while society.running:
        society.step()
    return society


def test_the_numbers_of_the_saved_run_hold() -> None:
    saved = json.loads(BASELINE.read_text())
    found = digests(baseline_society())
    assert found["beats"] == saved["beats"], MOVED
    assert found == saved, MOVED


def test_the_saved_run_tells_the_whole_story() -> None:
    beats = json.loads(BASELINE.read_text())["beats"]
    assert {"first_love", "upgrade", "all_departed", "grief_peak"} <= set(beats)


@pytest.mark.parametrize("last", ["series", "events"])
def test_the_baseline_notices_the_smallest_change(last: str) -> None:
    society = lived(60)
    before = digests(society)
    if last == "series":
        row = society.monitor.history["grief"]
        row[-1] = float(np.nextafter(row[-1], 1.0))
    else:
        first = society.monitor.events[0]
        society.monitor.events[0] = first._replace(strength=first.strength + 1e-12)
    after = digests(society)
    assert [key for key in before if before[key] != after[key]] == [last]


# ------------------------------------------------------------------- what a run is


def test_a_run_is_what_its_society_lived(told: Result) -> None:
    society = lived(170, humans=60, steps=170)
    assert told.series.index.tolist() == list(range(1, 171))
    assert list(told.series.columns) == list(MEASURES)
    columns = society.monitor.history.columns()
    for name in MEASURES:
        assert told.series[name].tolist() == columns[name].tolist()
    assert told.events["kind"].tolist() == [r["kind"] for r in society.monitor.rows()]
    growth = society.state.oses.growth
    assert told.oses()["growth"].tolist() == growth.tolist()


def test_snapshots_are_of_the_first_day_some_and_the_last(told: Result) -> None:
    assert told.steps == [0, 30, 60, 90, 120, 150, 170]
    assert len(told.oses(0)) == 0
    assert len(told.humans(0)) == 60


def test_a_run_knows_where_it_comes_from(told: Result) -> None:
    birth = told.provenance
    assert (birth["scenario"], birth["seed"], birth["steps"]) == (
        "her-film-cut",
        SEED,
        170,
    )
    assert birth["parameters"]["humans"] == 60
    assert birth["network"] is None
    assert (
        Society(
            scenarios.load("her-film-cut").replace(**birth["parameters"]),
            rng=birth["seed"],
        ).parameters
        == STORY.replace(humans=60).parameters
    )


def test_a_run_takes_a_name_a_scenario_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    changes = "humans = 30\nsteps = 5\n"
    file.write_text(f'title = "M"\nstory = "S"\n[parameters]\n{changes}')
    mine = run.run(str(file), out=tmp_path / "mine")
    assert mine.provenance["scenario"] == "mine"
    plain = scenarios.load("her-film-cut").replace(humans=30, steps=5)
    her = run.run(plain, out=tmp_path / "her")
    assert contents(her) == contents(mine)


def test_steps_can_be_given_apart(tmp_path: Path) -> None:
    short = run.run(TINY, steps=2, out=tmp_path / "short")
    assert len(short.series) == 2
    assert short.provenance["parameters"]["steps"] == 2


def test_a_run_of_no_days_is_a_society_on_day_0(tmp_path: Path) -> None:
    still = run.run(TINY, steps=0, out=tmp_path / "still")
    assert still.steps == [0]
    assert len(still.series) == 0
    assert len(still.events) == 0
    assert len(still.humans()) == 30


def test_a_run_on_a_network_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "friends.csv"
    file.write_text("ann,ben\nben,cleo\ncleo,ann\n")
    result = run.run(TINY, network=file, out=tmp_path / "friends")
    assert len(result.humans()) == 3
    assert result.provenance["parameters"]["humans"] == 3
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert result.provenance["network"] == {
        "name": "friends.csv",
        "sha256": digest,
        "read_as": "friends.csv: comma-separated, people in columns 1 and 2; "
        "3 ties between 3 people",
    }


@pytest.mark.parametrize("seed", [None, "5", np.int64(5)])
def test_seeds_come_in_many_shapes(tmp_path: Path, seed: Any) -> None:
    result = run.run(TINY, seed=seed, out=tmp_path / "run")
    assert result.provenance["seed"] == (0 if seed is None else 5)


def test_progress_is_shown_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.run(TINY, out=tmp_path / "quiet")
    assert capsys.readouterr() == ("", "")
    run.run(TINY, out=tmp_path / "shown", progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "5/5" in shown.err


# -------------------------------------------------------------------- where a run is


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_has_a_place_of_its_own(elsewhere: Path) -> None:
    first = run.run(TINY, seed=1)
    assert first.path.parent == (elsewhere / "results" / "runs")
    assert first.path.name.startswith("her-film-cut-1-")
    assert run.run(TINY, seed=1).path == first.path  # the same run replaces itself
    others = [
        simulate.default_path(TINY, 2, None),
        simulate.default_path(TINY.replace(reach=3.0), 1, None),
        simulate.default_path(TINY.replace(steps=6), 1, None),
        simulate.default_path(TINY.pull("price", 2), 1, None),
    ]
    assert len({first.path.name, *(place.name for place in others)}) == 5


def test_the_place_depends_on_the_network(elsewhere: Path) -> None:
    file = elsewhere / "friends.csv"
    places = [simulate.default_path(TINY, 1, None)]
    for text in ("ann,ben\n", "ann,ben\nben,cleo\n"):
        file.write_text(text)
        places.append(simulate.default_path(TINY, 1, file))
    assert len(set(places)) == 3


def test_a_run_at_a_chosen_place_is_kept(tmp_path: Path) -> None:
    kept = contents(run.run(TINY, seed=1, out=tmp_path / "run"))
    with pytest.raises(InputError, match="there is a run in"):
        run.run(TINY, seed=2, out=tmp_path / "run")
    assert contents(Result(tmp_path / "run")) == kept
    replaced = run.run(TINY, seed=2, out=tmp_path / "run", overwrite=True)
    assert contents(replaced) != kept


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"scenario": "hr"}, "did you mean 'her'"),
        ({"scenario": "missing.toml"}, "cannot read missing.toml"),
        ({"steps": -1}, "parameter 'steps' must be a whole number from 0"),
        ({"steps": 1.5}, "parameter 'steps' must be a whole number"),
        ({"seed": -1}, "a seed is from 0"),
        ({"seed": "x"}, "a seed is a whole number"),
        ({"threads": 0}, "threads is a whole number from 1, not 0"),
        ({"threads": "two"}, "threads is a whole number from 1, not 'two'"),
        ({"snapshot_every": 0}, "snapshot_every is a whole number from 1"),
        ({"network": "nowhere.csv"}, "nowhere.csv"),
    ],
)
def test_what_is_wrong_leaves_nothing_behind(
    elsewhere: Path, wrong: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError) as refused:
        run.run(**({"scenario": TINY, "out": "run"} | wrong))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(elsewhere.iterdir()) == []


def test_a_run_that_breaks_leaves_nothing_behind(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = []

    def stumble(society: Society) -> None:
        days.append(1)
        if len(days) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Society, "step", stumble)
    with pytest.raises(KeyboardInterrupt):
        run.run(TINY)
    assert list(elsewhere.rglob("*")) == []


@pytest.mark.slow
def test_a_run_on_a_real_network(data_folder: Path, tmp_path: Path) -> None:
    file = data_folder / "ego-facebook.csv.gz"
    people = population.read(file).n
    result = run.run("her-film-cut", steps=30, network=file, out=tmp_path / "real")
    assert len(result.humans()) == people == 4039
    assert len(result.oses()) > 100


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    BASELINE.write_text(json.dumps(digests(baseline_society()), indent=2) + "\n")
