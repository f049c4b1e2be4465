"""Run a sweep on a Dask cluster while its worker, then its scheduler, is killed.

Starts a scheduler and two workers on this machine, begins a sweep through the command
line, kills a worker with SIGKILL, then the scheduler; starts it anew with one worker,
and resumes.
The outcomes in the ledger must have the bytes of a sweep that one local worker did
undisturbed.

    python experiments/benchmarks/cluster.py [--runs 200] [--json]
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from sim.studies import load_sweep, sweep
from sim.studies.store import LEDGER
from sim.utils.errors import InputError

DESIGN = """
scenario = "her-film-cut"
seeds = {seeds}
outcomes = ["left", "loneliness_end", "first_love"]
[base]
humans = 100
steps = 120
[grid]
growth_exponent = [0.9, 1.1]
"""
HOST = "127.0.0.1"


class Cluster:
    """A scheduler and workers on loopback, as processes that one can kill.

    Parameters
    ----------
    folder
        Where they may write.
    workers
        How many workers there are.
    """

    def __init__(self, folder: Path, workers: int = 2) -> None:
        self.folder = folder
        file = folder / f"scheduler-{time.monotonic_ns()}.json"
        lines = ["--host", HOST, "--port", "0", "--no-dashboard"]
        self.scheduler = self._start(
            "distributed.cli.dask_scheduler", *lines, "--scheduler-file", str(file)
        )
        while not file.exists() or not file.read_text().strip():
            time.sleep(0.1)
        self.address = json.loads(file.read_text())["address"]
        self.workers = [self._worker() for _ in range(workers)]

    def _worker(self) -> subprocess.Popen[bytes]:
        lines = ["--host", HOST, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        place = ["--local-directory", str(self.folder)]
        module = "distributed.cli.dask_worker"
        return self._start(module, self.address, *lines, *place)

    def _start(self, module: str, *text: str) -> subprocess.Popen[bytes]:
        log = open(self.folder / "dask.log", "ab")  # noqa: SIM115
        return subprocess.Popen(
            [sys.executable, "-m", module, *text], stdout=log, stderr=log
        )

    def stop(self) -> None:
        """End all processes."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def drive(design: Path, place: Path, address: str) -> subprocess.Popen[bytes]:
    """Start or resume the sweep on a cluster."""
    lines = ["sweep", str(design), "--out", str(place), "--resume"]
    return subprocess.Popen(
        [sys.executable, "-m", "sim", *lines, "--cluster", address, "--workers", "2"],
        stderr=subprocess.PIPE,
    )


def wait_for(place: Path, count: int, driver: subprocess.Popen[bytes]) -> int:
    """Wait until so many runs are done; return how many are."""
    done = 0
    while done < count and driver.poll() is None:
        time.sleep(0.2)
        with suppress(InputError):  # it is not begun yet
            done = load_sweep(place).counts().get("done", 0)
    return done


def kept(place: Path) -> list[tuple[object, ...]]:
    """Return what a ledger holds of all runs that are done, to the last byte."""
    text = "SELECT run, seed, digest, outcomes FROM runs WHERE state = 'done'"
    ledger = sqlite3.connect(place / LEDGER)
    with closing(ledger):
        runs = ledger.execute(f"{text} ORDER BY run").fetchall()
        return runs + ledger.execute("SELECT * FROM points ORDER BY 1").fetchall()


def trial(runs: int, folder: Path) -> dict[str, object]:
    """Run, kill, resume; return what was seen."""
    design, place = folder / "cluster.toml", folder / "cluster"
    design.write_text(DESIGN.format(seeds=runs // 2))
    cluster = Cluster(folder)
    driver = drive(design, place, cluster.address)
    try:
        seen: dict[str, object] = {"runs": runs}
        seen["done when a worker was killed"] = wait_for(place, runs // 4, driver)
        cluster.workers[0].send_signal(signal.SIGKILL)
        seen["done when the scheduler was killed"] = wait_for(place, runs // 2, driver)
        cluster.scheduler.send_signal(signal.SIGKILL)
        _, words = driver.communicate(timeout=180.0)
        seen["exit code then"], seen["message"] = driver.returncode, words.decode()
    finally:
        cluster.stop()
    cluster = Cluster(folder, workers=1)
    try:
        driver = drive(design, place, cluster.address)
        driver.communicate(timeout=600.0)
        seen["exit code after --resume"] = driver.returncode
    finally:
        cluster.stop()
    sweep(design, out=folder / "serial", workers=1)
    ledger = load_sweep(place).ledger()
    seen["done in the end"] = int((ledger["state"] == "done").sum())
    seen["outcomes are the same bytes"] = kept(place) == kept(folder / "serial")
    return seen


def main() -> int:
    """Print what was seen; return 1 if a byte differed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        seen = trial(args.runs, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = "\n".join(f"{name}: {value}" for name, value in seen.items())
    print(json.dumps(seen) if args.json else rows)
    return 0 if seen["outcomes are the same bytes"] else 1


if __name__ == "__main__":
    sys.exit(main())
