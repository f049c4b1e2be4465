"""Ledgers that are a stranger's, and ledgers that are damaged or lost."""

from __future__ import annotations

import math
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sweep_runs import at_home, filled, kept

import sim
from sim import cli
from sim.studies import salvage
from sim.studies.design import make
from sim.studies.job import DONE, Job, JobResult, Tasks
from sim.studies.store import COLUMNS, LEDGER, Encoding, Store, identity_of
from sim.utils.errors import InputError

GRID: dict[str, Any] = {
    "seeds": 6,
    "outcomes": ["left", "first_love", "grief_max"],
    "grid": {"reach": [2.0, 3.0], "humans": [9, 12, 15]},
}
RUNS = 36
PAGE = 4096


def done(number: int, job: Job) -> JobResult:
    values = dict(zip(job["outcomes"], (number / 7, math.nan, -1.5), strict=True))
    return {"run": job["run"], "state": DONE, "seconds": 0.5, "values": values}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of finished runs; tests only copy it."""
    return filled(tmp_path_factory.mktemp("whole") / "s", GRID, done).path


@pytest.fixture
def place(whole: Path, tmp_path: Path) -> Path:
    """Return a store of finished runs, to be spoiled."""
    return Path(shutil.copytree(whole, tmp_path / "s"))


def spoil(place: Path, text: str) -> None:
    with closing(sqlite3.connect(place / LEDGER)) as ledger, ledger:
        ledger.executescript(text)


def opened(place: Path) -> Store:
    """Open a store to go on with it."""
    return Store(place, identity_of("small", Tasks(make(GRID)).identity()), resume=True)


# ----------------------------------------------------------------- a stranger's ledger

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
FOREIGN = {
    "an endless view": f"DROP TABLE about; CREATE VIEW about AS {ENDLESS} "
    "SELECT x AS key, x AS value FROM c",
    "an endless view of runs": f"DROP TABLE runs; CREATE VIEW runs AS {ENDLESS} "
    "SELECT x AS run, x AS seed, 'done' AS state, x AS digest, x AS outcomes FROM c",
    "a trigger": "CREATE TRIGGER evil AFTER INSERT ON runs BEGIN "
    "UPDATE runs SET state = 'failed'; END",
    "a trigger on what is known": "CREATE TRIGGER evil AFTER UPDATE ON about BEGIN "
    "DELETE FROM runs; END",
    "a table besides": "CREATE TABLE more (a)",
    "a column that computes": "DROP TABLE points; CREATE TABLE points (position "
    "INTEGER PRIMARY KEY, run TEXT GENERATED ALWAYS AS (hex(zeroblob(1e8))))",
    "a check": "DROP TABLE points; CREATE TABLE points (position INTEGER PRIMARY KEY, "
    "run TEXT NOT NULL CHECK (length(randomblob(1e9)) > 0))",
    "an index that computes": "CREATE INDEX i ON runs (upper(state))",
    "a table that is missing": "DROP TABLE points",
    "a schema of very many": "BEGIN;"
    + "".join(f"CREATE VIEW v{number} AS SELECT 1;" for number in range(2600))
    + "COMMIT",
    "a schema that is very long": f"CREATE VIEW v AS SELECT '{'long' * 5000}'",
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_strangers_ledger_is_refused_before_any_of_it_runs(
    place: Path, what: str
) -> None:
    spoil(place, FOREIGN[what])
    before = (place / LEDGER).read_bytes()
    readers: list[Callable[[], Any]] = [
        lambda: opened(place),
        lambda: sim.load_sweep(place),
        lambda: sim.report(place),
    ]
    for read in readers:
        with pytest.raises(
            InputError, match=r"is no sweep's: it (has|lacks) a "
        ) as told:
            read()
        assert str(told.value).count("\n") == 0
    assert (place / LEDGER).read_bytes() == before
    assert not list(place.glob("*.damaged-*"))


@pytest.mark.posix
def test_an_endless_view_and_a_trigger_take_no_memory(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import resource

    spoil(place, FOREIGN["a trigger"])
    spoil(place, FOREIGN["an endless view"])
    design = place.parent / "design.toml"
    design.write_text(
        'seeds = 6\noutcomes = ["left", "first_love", "grief_max"]\n'
        "[grid]\nreach = [2.0, 3.0]\nhumans = [9, 12, 15]\n"
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    given = ["sweep", str(design), "--out", str(place), "--resume", "--workers", "1"]
    assert cli.main(given) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "that no sweep has" in line
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < (50 * 2**20 if sys.platform == "darwin" else 50 * 2**10)


def test_a_journal_that_no_sweep_leaves_is_not_rolled_back(place: Path) -> None:
    (place / f"{LEDGER}-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" * 64)
    for read in (lambda: opened(place), lambda: sim.load_sweep(place)):
        with pytest.raises(InputError, match="a journal beside it"):
            read()
    assert (place / f"{LEDGER}-journal").exists()


@pytest.mark.slow
def test_a_ledger_whose_pages_lead_in_circles_comes_to_an_end(
    tmp_path: Path,
) -> None:
    """A page that is named by many others is read over and over, by a few bytes."""
    place = filled(tmp_path / "s", GRID | {"seeds": 600}, done).path
    raw = bytearray((place / LEDGER).read_bytes())
    with closing(sqlite3.connect(place / LEDGER)) as ledger:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'runs'"
        ((root,),) = ledger.execute(query)
    at = PAGE * (root - 1)
    assert raw[at] == 5  # a page of pages
    count = int.from_bytes(raw[at + 3 : at + 5])
    cells = [int.from_bytes(raw[at + 12 + 2 * k :][:2]) for k in range(count)]
    for cell in cells:
        raw[at + cell : at + cell + 4] = raw[at + cells[0] : at + cells[0] + 4]
    (place / LEDGER).write_bytes(raw)
    with opened_again(place, 600) as store:
        assert "was damaged" in store.told[0]


def opened_again(place: Path, seeds: int) -> Store:
    tasks = Tasks(make(GRID | {"seeds": seeds}))
    return Store(place, identity_of("small", tasks.identity()), resume=True)


# ----------------------------------------------------------------------------- rescuing


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) * 3 // 4]


def overwritten(raw: bytes) -> bytes:
    return b"\xff" * PAGE + raw[PAGE:]


def without_a_page(raw: bytes) -> bytes:
    return raw[:-PAGE] + bytes(PAGE)


@pytest.mark.parametrize("damage", [cut, overwritten, without_a_page])
def test_what_is_sound_of_a_damaged_ledger_is_saved(
    place: Path, whole: Path, damage: Callable[[bytes], bytes]
) -> None:
    spoiled = damage((place / LEDGER).read_bytes())
    (place / LEDGER).write_bytes(spoiled)
    ran: list[int] = []
    with opened(place) as store:
        saved = len(store.done)
        (line,) = store.told
    assert f"{saved} runs were saved, the others run again" in line
    assert 0 < saved < RUNS or damage is overwritten
    assert kept(place).items() <= kept(whole).items()
    filled(place, GRID, lambda n, job: ran.append(n) or lookup(whole, job), resume=True)
    assert len(ran) == RUNS - saved
    table, expected = (sim.load_sweep(one).table() for one in (place, whole))
    pd.testing.assert_frame_equal(table, expected, check_exact=True)
    assert (place / f"{LEDGER}.damaged-1").read_bytes() == spoiled


def lookup(whole: Path, job: Job) -> JobResult:
    """Return what a run has given before."""
    table = sim.load_sweep(whole).table().set_index("run")
    values = table.loc[job["run"]][job["outcomes"]].to_dict()
    return {"run": job["run"], "state": DONE, "seconds": 0.5, "values": values}


def test_a_damaged_ledger_of_rubbish_begins_anew(place: Path) -> None:
    (place / LEDGER).write_bytes(b"\x0d" * 40_000)
    with opened(place) as store:
        assert store.done == set()
        assert "0 runs were saved" in store.told[0]
    (place / LEDGER).write_bytes(b"no ledger at all" * 500)
    with opened(place):
        assert (place / f"{LEDGER}.damaged-2").exists()


def test_a_row_that_was_changed_is_not_saved(place: Path) -> None:
    raw = (place / LEDGER).read_bytes()
    with closing(sqlite3.connect(place / LEDGER)) as ledger:
        query = "SELECT run, outcomes FROM runs ORDER BY run LIMIT 1"
        ((run, numbers),) = ledger.execute(query)
    assert raw.count(numbers) == 1
    changed = raw.replace(numbers, numbers[:-1] + b"\x01")
    (place / LEDGER).write_bytes(overwritten(changed))
    with opened(place) as store:
        assert len(store.done) == RUNS - 1
        assert run not in store.done


def test_what_only_the_log_of_a_ledger_holds_is_saved(tmp_path: Path) -> None:
    """So it is where a driver was killed."""
    place, copy = tmp_path / "s", tmp_path / "t"
    tasks = Tasks(make(GRID))
    with Store(place, identity_of("small", tasks.identity())) as store:
        for task in tasks:
            store.add(done(task.position, task.job), task.seed, [task.position])
        shutil.copytree(place, copy)
    (copy / LEDGER).write_bytes(b"\xff" * PAGE)
    (copy / f"{LEDGER}-shm").unlink()
    with opened(copy) as saved:
        assert len(saved.done) == RUNS
    assert kept(copy) == kept(place)


def test_rows_longer_than_a_page_are_read_back(tmp_path: Path) -> None:
    encoding = Encoding([f"outcome {number}" for number in range(2000)])
    values = {name: 1.0 / (2 + k) for k, name in enumerate(encoding.names)}
    place = filled(tmp_path / "s", GRID, done).path
    raw = encoding.encode(values)
    with closing(sqlite3.connect(place / LEDGER)) as ledger, ledger:
        ledger.execute("UPDATE runs SET outcomes = ?", [raw])
    rows = list(salvage.rows(place / LEDGER, len(COLUMNS)))
    assert len(rows) >= RUNS
    assert sum(row[-1] == raw for row in rows) >= RUNS


def test_a_lost_ledger_is_made_again_from_what_lies_beside_kept_runs(
    tmp_path: Path,
) -> None:
    whole = at_home(tmp_path / "s", {"keep_runs": True})
    expected, before = whole.table(), kept(whole.path)
    (whole.path / LEDGER).unlink()
    with pytest.raises(InputError, match=r"lost its ledger; continue with --resume"):
        at_home(whole.path, {"keep_runs": True})
    one, *_ = sorted((whole.path / "runs").glob("*.json"))
    one.write_text(one.read_text().replace("a", "b"))
    told: list[str] = []
    again = at_home(whole.path, {"keep_runs": True}, resume=True, tell=told.append)
    (line,) = told
    assert f"{len(expected) - 1} runs were saved, the others run again" in line
    assert kept(again.path) == before
    pd.testing.assert_frame_equal(again.table(), expected, check_exact=True)


def test_a_folder_that_is_no_sweep_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="is no sweep; choose another"):
        at_home(tmp_path / "s", resume=True)
