"""What a ledger keeps of each run of a sweep, and the table that it is read back as."""

from __future__ import annotations

import itertools
import json
import math
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sweep_runs import filled, spoil_ledger

import sim
from sim.studies import Sweep, store
from sim.studies.design import make
from sim.studies.job import DONE, Job, JobResult, Tasks, failure
from sim.studies.store import LEDGER, Encoding, Store, identity_of, row_size
from sim.utils.errors import InputError

GRID: dict[str, Any] = {
    "seeds": 3,
    "outcomes": ["left", "first_love", "grief_max"],
    "grid": {"lever": ["none", "price@2"], "reach": [2.0, 3.0], "humans": [9, 12]},
}
LISTED = GRID | {"grid": None, "list": [{"reach": 2.0}, {"lever": "price@2"}, {}]}
ODD = [math.nan, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, 1 / 3]


def done(job: Job, *values: float) -> JobResult:
    named = dict(zip(job["outcomes"], values, strict=True))
    return {"run": job["run"], "state": DONE, "seconds": 0.5, "values": named}


def mixed(number: int, job: Job) -> JobResult | None:
    """Return a finding of each kind in turn: done, failed, not come yet."""
    if number % 4 == 1:
        return failure(job["run"], "day 3", "raised", "ValueError: no", 0.1)
    return None if number % 4 == 2 else done(job, number / 7, math.nan, -float(number))


def one_by_one(found: Sweep, findings: Any, waiting: bool = False) -> pd.DataFrame:
    """Return the table of a sweep, made of one dictionary a run."""
    rows = []
    for task in Tasks(found.design):
        finding = findings(task.position, task.job)
        row: dict[str, Any] = {"position": task.position, **task.point}
        row |= {"seed": task.seed, "error": None}
        if finding is None:
            if waiting:
                rows.append(row | {"state": "waiting", "run": None})
            continue
        row |= {"state": finding["state"], "run": finding["run"]}
        row |= finding.get("values", {})
        if "reason" in finding:
            told = f"{finding['reason']} ({finding['stage']}): {finding['error']}"
            row["error"] = told
        rows.append(row)
    names = ["position", *found.design.varied, "seed", *found.outcomes]
    table = pd.DataFrame(rows, columns=[*names, "state", "error", "run"])
    return table.set_index("position")


@pytest.mark.parametrize("design", [GRID, LISTED], ids=["grid", "list"])
@pytest.mark.parametrize("waiting", [False, True])
def test_a_table_is_that_of_one_row_after_another(
    tmp_path: Path, design: dict[str, Any], waiting: bool
) -> None:
    found = filled(tmp_path / "s", design, mixed)
    table, expected = found.table(waiting), one_by_one(found, mixed, waiting)
    pd.testing.assert_frame_equal(table, expected, check_exact=True)


@pytest.mark.parametrize("state", ["done", "failed", "none"])
def test_columns_have_their_types_when_all_runs_are_alike(
    tmp_path: Path, state: str
) -> None:
    def alike(number: int, job: Job) -> JobResult | None:
        if state == "failed":
            return failure(job["run"], "day 1", "raised", "ValueError", 0.1)
        return done(job, 1.0, 2.0, 3.0) if state == "done" else None

    found = filled(tmp_path / "s", GRID, alike)
    expected = one_by_one(found, alike)
    pd.testing.assert_frame_equal(found.table(), expected, check_exact=True)


def test_every_number_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    triples = list(itertools.islice(itertools.product(ODD, repeat=3), 24))
    found = filled(tmp_path / "s", GRID, lambda n, job: done(job, *triples[n]))
    table = found.table()[GRID["outcomes"]].to_numpy()
    assert table.tobytes() == np.array(triples).tobytes()


def test_equal_outcomes_have_equal_bytes_and_a_digest_says_whose_they_are() -> None:
    encoding = Encoding(["a", "b"])
    raw = encoding.encode({"a": math.nan, "b": 0.0})
    (odd,) = np.array([0xFFF8_0000_0000_0001], np.uint64).view(np.float64).tolist()
    assert math.isnan(odd)
    assert encoding.encode({"b": 0.0, "a": odd}) == raw
    assert encoding.encode({"a": math.nan, "b": -0.0}) != raw
    digests = [
        encoding.digest("ab", 1, raw),
        encoding.digest("ac", 1, raw),
        encoding.digest("ab", 2, raw),
        encoding.digest("ab", 1, raw[::-1]),
        Encoding(["a", "c"]).digest("ab", 1, raw),
    ]
    assert len(set(digests)) == 5


@pytest.mark.slow
def test_a_flipped_bit_anywhere_gives_no_other_number(tmp_path: Path) -> None:
    whole = filled(tmp_path / "s", GRID, lambda n, job: done(job, n, n + 0.5, math.nan))
    raw = (whole.path / LEDGER).read_bytes()
    numbers = whole.table().set_index("run")[GRID["outcomes"]]
    draw, seen = random.Random(0), {"refused": 0, "damaged": 0, "as it was": 0}
    shutil.copytree(whole.path, tmp_path / "t")
    for _ in range(80):
        changed = bytearray(raw)
        changed[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        (tmp_path / "t" / LEDGER).write_bytes(changed)
        try:
            table = sim.load_sweep(tmp_path / "t").table()
        except InputError:
            seen["refused"] += 1
            continue
        is_done = table["state"] == DONE
        read = table[is_done].set_index("run")[GRID["outcomes"]]
        pd.testing.assert_frame_equal(read, numbers.loc[read.index], check_exact=True)
        seen["as it was" if is_done.all() else "damaged"] += 1
    assert min(seen.values()) > 0, seen


def test_a_ledger_with_a_damaged_page_is_not_read_but_made_again(
    tmp_path: Path,
) -> None:
    found = filled(tmp_path / "s", GRID, mixed)
    ledger = found.path / LEDGER
    raw = bytearray(ledger.read_bytes())
    with sqlite3.connect(ledger) as known:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'runs'"
        ((page,),) = known.execute(query)
    known.close()
    raw[4096 * (page - 1) : 4096 * (page - 1) + 8] = b"\xff" * 8
    ledger.write_bytes(raw)
    with pytest.raises(InputError, match="damaged"):
        found.table()
    with pytest.raises(InputError, match="continue with --resume"):
        filled(tmp_path / "s", GRID, mixed)
    again = filled(tmp_path / "s", GRID, lambda *_: None, resume=True)
    assert set(again.ledger()["state"]) == {DONE}


def test_a_ledger_of_very_many_outcomes_is_refused_before_they_take_memory(
    tmp_path: Path,
) -> None:
    filled(tmp_path / "s", GRID, mixed)
    change = "UPDATE about SET value = json_set(value, '$.outcomes', json(?))"
    names = json.dumps(["left"] * 5000)
    spoil_ledger(tmp_path / "s", f"{change} WHERE key = 'design'", names)
    with pytest.raises(InputError, match="is no sweep, or damaged"):
        sim.load_sweep(tmp_path / "s")


OLD = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY, seed INTEGER NOT NULL, state TEXT NOT NULL,
    stage TEXT, reason TEXT, error TEXT, attempt INTEGER NOT NULL,
    seconds REAL NOT NULL, digest TEXT, bytes INTEGER, finished TEXT NOT NULL,
    versions TEXT NOT NULL
)
"""


def test_a_store_of_part_files_is_refused_with_what_to_do(tmp_path: Path) -> None:
    filled(tmp_path / "s", GRID, mixed)
    spoil_ledger(tmp_path / "s", "DROP TABLE runs")
    spoil_ledger(tmp_path / "s", OLD)
    spoil_ledger(tmp_path / "s", "UPDATE about SET value = '1' WHERE key = 'format'")
    told = "made by another version.*read it with that version, or do the sweep anew"
    with pytest.raises(InputError, match=told):
        sim.load_sweep(tmp_path / "s")
    with pytest.raises(InputError, match=told):
        filled(tmp_path / "s", GRID, mixed, resume=True)


def test_a_commit_is_synced_if_the_last_sync_was_long_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = Tasks(make(GRID))
    with Store(tmp_path / "s", identity_of("small", tasks.identity())) as kept:
        levels = []
        for every, task in zip((1e9, 1e9, 0.0, 0.0, 1e9), tasks, strict=False):
            monkeypatch.setattr(store, "SYNC_EVERY", every)
            kept.add(done(task.job, 1.0, 2.0, 3.0), task.seed, [task.position])
            (level,) = kept._ledger.execute("PRAGMA synchronous").fetchone()
            levels.append({1: "normal", 2: "full"}[level])
        told: list[str] = []
        kept._ledger.set_trace_callback(told.append)
    assert levels == ["full", "normal", "full", "full", "normal"]
    assert told[0] == "PRAGMA synchronous = FULL"  # the end of a driver is a sync
    assert told[-1] == "COMMIT"


def test_an_estimate_of_a_ledgers_size_is_near(tmp_path: Path) -> None:
    design = GRID | {"seeds": 50}
    found = filled(tmp_path / "s", design, lambda n, job: done(job, n, n, n))
    size = (found.path / LEDGER).stat().st_size
    assert 0.8 < len(found) * row_size(3) / size < 1.25
