"""Kill drivers and workers of short sweeps at random moments; resume; compare bytes.

Every sweep is killed several times, by SIGKILL to its driver or to one of its workers,
at random moments from its start on, and resumed until it is done. Then the outcomes in
its ledger must have the bytes of a sweep that one worker did undisturbed, and no run
that the ledger called done may have been done again.

    python experiments/benchmarks/kills.py [--kills 200] [--runs 40] [--seed 0] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from sim.society import Society
from sim.studies import load_sweep, sweep
from sim.studies.store import LEDGER

LOG = "SWEEP_LOG"
EACH = 5  # kills of one sweep


def done(society: Society) -> float:
    """Note that a run was done, by the one number in which the runs differ."""
    with open(os.environ[LOG], "a") as log:
        log.write(f"{society.parameters.reach}\n")
    return society.parameters.reach


def design(runs: int) -> dict[str, object]:
    """Return a sweep of short runs."""
    reach = [1.0 + number / 100.0 for number in range(runs)]
    return {
        "base": {"humans": 60, "steps": 40},
        "grid": {"reach": reach},
        "outcomes": ["left", "loneliness_end"],
    }


def drive(place: Path, runs: int, workers: int) -> None:
    """Do, or continue, a sweep."""
    functions = {"done": done}
    sweep(design(runs), out=place, resume=True, workers=workers, functions=functions)


def kept(place: Path) -> list[tuple[object, ...]]:
    """Return what a ledger holds of all runs that are done, to the last byte."""
    text = "SELECT run, seed, digest, outcomes FROM runs WHERE state = 'done'"
    ledger = sqlite3.connect(place / LEDGER)
    with closing(ledger):
        runs = ledger.execute(f"{text} ORDER BY run").fetchall()
        return runs + ledger.execute("SELECT * FROM points ORDER BY 1").fetchall()


def ledger_done(place: Path) -> set[float]:
    """Return the runs that the ledger calls done, as they are named in the log."""
    if not (place / LEDGER).exists():
        return set()
    try:
        table = load_sweep(place).table()
    except (ValueError, sqlite3.Error):  # killed before the ledger was begun
        return set()
    return set(table[table["state"] == "done"]["reach"])


class Trial:
    """One sweep, to be killed and resumed.

    Parameters
    ----------
    place
        Its folder.
    runs
        How many runs it has.
    rng
        When to kill, and whom.
    """

    def __init__(self, place: Path, runs: int, rng: random.Random) -> None:
        self.place, self.runs, self.rng = place, runs, rng
        self.log = place.with_suffix(".log")
        self.log.touch()
        self.again: list[float] = []
        self.killed = {"driver": 0, "worker": 0}
        self.takes = 6.0  # seconds that a driver takes, as seen last

    def start(self) -> subprocess.Popen[bytes]:
        """Start a driver."""
        lines = ["--drive", str(self.place), "--runs", str(self.runs)]
        return subprocess.Popen(
            [sys.executable, __file__, *lines],
            env=os.environ | {LOG: str(self.log)},
            stderr=subprocess.PIPE,
        )

    def attempt(self, kill: bool) -> bool:
        """Start or resume, and kill if told so; return whether all went well."""
        before, seen = ledger_done(self.place), len(self._logged())
        driver, began = self.start(), time.monotonic()
        if kill:
            self._kill(driver)
        _, words = driver.communicate()
        if driver.returncode == 0:
            self.takes = time.monotonic() - began
        if driver.returncode not in (0, -signal.SIGKILL):
            raise SystemExit(f"driver ended with {driver.returncode}: {words.decode()}")
        self.again += [one for one in self._logged()[seen:] if one in before]
        return driver.returncode == 0 and len(ledger_done(self.place)) == self.runs

    def _logged(self) -> list[float]:
        return [float(line) for line in self.log.read_text().split()]

    def _kill(self, driver: subprocess.Popen[bytes]) -> None:
        """Kill the driver or one of its workers at a random moment."""
        with suppress(subprocess.TimeoutExpired):
            driver.wait(self.rng.uniform(0.0, self.takes))
            return  # it was done before
        workers = children(driver.pid)
        victim = self.rng.choice([driver.pid, *workers])
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            self.killed["driver" if victim == driver.pid else "worker"] += 1


def children(pid: int) -> list[int]:
    """Return the workers that a driver has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            told = stat.with_name("cmdline").read_bytes()
            if int(fields[1]) == pid and b"sim.studies.worker" in told:
                found.append(int(stat.parent.name))
    return sorted(found)


def torment(kills: int, runs: int, seed: int, folder: Path) -> dict[str, object]:
    """Kill so many times; return what was seen."""
    rng, killed, again, differing = random.Random(seed), 0, 0, 0
    os.environ[LOG] = str(folder / "serial.log")
    drive(folder / "serial", runs, workers=1)
    serial = kept(folder / "serial")
    victims = {"driver": 0, "worker": 0}
    sweeps = 0
    while killed < kills:
        trial = Trial(folder / f"sweep{sweeps}", runs, rng)
        while sum(trial.killed.values()) < min(EACH, kills - killed):
            if trial.attempt(kill=True):
                break
        for _ in range(3):
            if trial.attempt(kill=False):
                break
        killed += sum(trial.killed.values())
        victims = {who: victims[who] + trial.killed[who] for who in victims}
        again += len(trial.again)
        differing += kept(trial.place) != serial
        sweeps += 1
        text = f"{differing} differ, {again} runs done again"
        print(f"{killed} kills, {sweeps} sweeps: {text}", file=sys.stderr)
    return {
        "kills": killed,
        "of drivers": victims["driver"],
        "of workers": victims["worker"],
        "sweeps": sweeps,
        "sweeps whose outcomes differ": differing,
        "done runs that were done again": again,
    }


def main() -> int:
    """Print what was seen; return 1 if a byte differed or a run was done again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--drive", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.drive is not None:
        drive(args.drive, args.runs, workers=2)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        seen = torment(args.kills, args.runs, args.seed, Path(folder))
    if args.json:
        print(json.dumps(seen))
    else:
        print("\n".join(f"{value:5} {name}" for name, value in seen.items()))
    wrong = ("sweeps whose outcomes differ", "done runs that were done again")
    return int(any(seen[name] for name in wrong))


if __name__ == "__main__":
    sys.exit(main())
