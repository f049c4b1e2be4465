"""What it costs to keep a run of a sweep, and to read all of them as one table.

In one process, in turns: runs are kept by the driver of a sweep, one at a time as they
finish, by the same driver with a sync to disk for each run, and by the scheme that the
ledger replaced: a Parquet file of one row for each run, synced, with its folder, before
its row of the ledger. Then a store of many runs is filled by the driver, and its table
is read. The outcomes are random numbers, a tenth of them missing; nothing is simulated.

    python experiments/benchmarks/store.py [--runs 100000] [--rounds 5] [--json]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import os
import random
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sim.studies import load_sweep, store
from sim.studies.design import make
from sim.studies.job import DONE, Job, JobResult, Tasks
from sim.studies.store import Store, identity_of
from sim.studies.sweeps import Driver
from sim.utils.files import sync_folder

EACH = 200  # runs kept in a turn
POINTS = 1000
TABLE = """CREATE TABLE runs (run TEXT PRIMARY KEY, seed INTEGER, state TEXT,
    stage TEXT, reason TEXT, error TEXT, attempt INTEGER, seconds REAL, digest TEXT,
    bytes INTEGER, finished TEXT, versions TEXT)"""


def tasks_of(runs: int) -> Tasks:
    """Return the runs of a grid of two parameters, with all outcomes of each."""
    exponents = [0.9 + 0.002 * number for number in range(100)]
    reach = [1.0 + 0.1 * number for number in range(POINTS // 100)]
    grid = {"growth_exponent": exponents, "reach": reach}
    return Tasks(make({"seeds": max(1, runs // POINTS), "grid": grid}))


def found(job: Job, draw: random.Random) -> JobResult:
    """Return what might have come of a run."""
    values = [draw.random() if draw.random() > 0.1 else math.nan for _ in job["names"]]
    named = dict(zip(job["names"], values, strict=True))
    return {"run": job["run"], "state": DONE, "values": named, "seconds": 1.0}


def findings(driver: Driver) -> Iterator[JobResult]:
    """Yield what might have come of all runs that a driver hands out."""
    draw = random.Random(0)
    for job in driver.jobs():
        yield found(job | {"names": job["outcomes"]}, draw)


class PartFiles:
    """The scheme that the ledger replaced, as far as keeping a run goes.

    Parameters
    ----------
    place
        Where to.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        self.ledger = sqlite3.connect(place / "ledger.sqlite", isolation_level=None)
        self.ledger.execute("PRAGMA journal_mode = WAL")
        self.ledger.execute("PRAGMA synchronous = FULL")
        self.ledger.execute(TABLE)
        self.ledger.execute("CREATE TABLE points (position INTEGER PRIMARY KEY, run)")
        self.versions = json.dumps(store.versions())

    def add(self, position: int, seed: int, finding: JobResult) -> None:
        """Keep a run."""
        run = finding["run"]
        raw = self.as_bytes(run, seed, finding["values"])
        file = self.place / "parts" / run[:2] / f"{run}.parquet"
        if not file.parent.exists():
            file.parent.mkdir(parents=True)
            sync_folder(file.parent.parent)
        part = file.with_suffix(".part")
        with open(part, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, file)
        sync_folder(file.parent)
        digest = hashlib.sha256(raw).hexdigest()
        details = (run, seed, DONE, None, None, None, 1, finding["seconds"])
        row = (*details, digest, len(raw), "2026-01-01T00:00:00+00:00", self.versions)
        self.ledger.execute("BEGIN IMMEDIATE")
        marks = ", ".join("?" * len(row))
        self.ledger.execute(f"INSERT INTO runs VALUES ({marks})", row)
        self.ledger.execute("INSERT INTO points VALUES (?, ?)", (position, run))
        self.ledger.execute("COMMIT")

    def as_bytes(self, run: str, seed: int, values: dict[str, float]) -> bytes:
        """Return a Parquet file of one row."""
        columns: dict[str, Any] = {"run": pa.array([run]), "seed": pa.array([seed])}
        columns |= {n: pa.array([v], pa.float64()) for n, v in values.items()}
        stream = io.BytesIO()
        pq.write_table(
            pa.table(columns),
            stream,
            version="2.6",
            compression="none",
            use_dictionary=False,
            write_statistics=False,
            store_schema=False,
            write_page_checksum=True,
        )
        return stream.getvalue()


def write_costs(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Return the seconds that it takes to keep a run, of each way, by round."""
    tasks = tasks_of(2 * rounds * EACH)
    costs: dict[str, list[float]] = {"part files": [], "ledger": [], "each synced": []}
    places = [folder / "ledger", folder / "synced"]
    identity = identity_of("sweep", tasks.identity())
    old = PartFiles(folder / "parts")
    with Store(places[0], identity) as one, Store(places[1], identity) as other:
        drivers = [Driver(tasks, kept, None, {}) for kept in (one, other)]
        coming = [findings(driver) for driver in drivers]
        usual = store.SYNC_EVERY
        for turn in range(rounds):
            made = [[next(which) for _ in range(EACH)] for which in coming]
            began = time.perf_counter()
            for number, finding in enumerate(made[0]):
                old.add(turn * EACH + number, number, finding)
            costs["part files"].append((time.perf_counter() - began) / EACH)
            ways = zip(("ledger", "each synced"), (usual, 0.0), strict=True)
            for (name, every), driver, kept in zip(ways, drivers, made, strict=True):
                store.SYNC_EVERY = every
                began = time.perf_counter()
                for finding in kept:
                    driver.keep_one(finding)
                costs[name].append((time.perf_counter() - began) / EACH)
            store.SYNC_EVERY = usual
    old.ledger.close()
    return costs


def filled(folder: Path, runs: int) -> dict[str, float]:
    """Fill a store; return what that took, and what reading its table takes."""
    tasks = tasks_of(runs)
    place, began = folder / "many", time.perf_counter()
    with Store(place, identity_of("sweep", tasks.identity())) as kept:
        driver = Driver(tasks, kept, None, {})
        driver.keep(findings(driver), progress=False)
    filling = time.perf_counter() - began
    began, worked = time.perf_counter(), time.process_time()
    table = load_sweep(place).table()
    reading, working = time.perf_counter() - began, time.process_time() - worked
    assert len(table) == len(tasks)
    assert (table["state"] == DONE).all()
    began = time.perf_counter()
    with Store(place, identity_of("sweep", tasks.identity()), resume=True):
        checking = time.perf_counter() - began
    return {
        "load": os.getloadavg()[0],
        "runs": len(tasks),
        "outcomes of each": len(tasks.outcomes),
        "seconds to fill": filling,
        "bytes a run": (place / store.LEDGER).stat().st_size / len(tasks),
        "seconds of table()": reading,
        "of the processor": working,
        "seconds to check on a resume": checking,
        "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure(runs: int, rounds: int) -> dict[str, Any]:
    """Return all that is measured."""
    with tempfile.TemporaryDirectory() as folder:
        costs = write_costs(Path(folder), rounds)
        many = filled(Path(folder), runs)
    old = costs["part files"]
    record: dict[str, Any] = {
        f"ms a run, {n}": _ms(found) for n, found in costs.items()
    }
    for name in ("ledger", "each synced"):
        ratios = [new / was for new, was in zip(costs[name], old, strict=True)]
        record[f"{name} / part files"] = statistics.median(ratios)
    return record | many


def _ms(seconds: list[float]) -> list[float]:
    return [1000.0 * one for one in seconds]


def main() -> None:
    """Print what is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.runs, args.rounds)
    if args.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        values = value if isinstance(value, list) else [value]
        print(f"{name:<30} {', '.join(f'{one:.3g}' for one in values)}")


if __name__ == "__main__":
    main()
