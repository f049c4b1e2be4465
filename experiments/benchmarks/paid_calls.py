"""Kill runs and sweeps whose casts ask a model; count at the server what was paid.

Each round has a server of its own on loopback. It refuses some part of a request, as
families of servers do, and answers slowly, late, in halves, with faults of all kinds
and absurd waits, at random. A run or a sweep asks it, and is killed by SIGKILL several
times: in a sweep its driver or one of its workers, when so many requests have arrived.
It is begun again until it is done. Then must hold:

- the requests that arrived are at most the budget, and what was in flight at each kill;
- the answers that were sent are in the transcripts, but for what was in flight;
- a replay makes no request and gives the same bytes.

    python experiments/benchmarks/paid_calls.py [--rounds 10] [--seed 0] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import loopback
from families import FAMILIES, Family, parts_of, reply_to
from kills import children, kept
from loopback import Call, Loopback

from sim.studies import load_sweep
from sim.studies.store import LEDGER, TRANSCRIPTS

PATIENCE = 300.0  # seconds for a start of a program
MOST_STARTS = 30  # of one round
ROOT = Path(__file__).parents[2]
KEY = "sk-loopback-only"
WORKERS = 2
SLOTS = 4  # of a run of a sweep
WAITS = ("0", "1e300", "-1", "nan")
LONG_WAITS = ("9" * 400, "Wed, 21 Oct 9999 07:28:00 GMT")  # 20 s or the deadline
FAULTS = (
    loopback.status(500),
    loopback.status(503),
    loopback.reset(0),
    loopback.reset(),
    loopback.empty_choices(),
    loopback.not_json(),
    *(loopback.status(429, {"Retry-After": text}) for text in WAITS),
)
LONG_FAULTS = [loopback.status(429, {"Retry-After": text}) for text in LONG_WAITS]
ALL_SPENT = "of the budget were made to find out"
DESIGN = """
seeds = {runs}
outcomes = ["left", "loneliness_end", "os_closeness_end"]
[base]
humans = 30
steps = 6
[mind]
kind = "llm"
model = "tiny"
base_url = "{url}"
cast = 30
talks = 1.0
max_calls = {budget}
stop_after = 0
"""


class Round(NamedTuple):
    """What was seen in one round."""

    kind: str
    kills: int
    requests: int  # that arrived before the replay
    bound: int
    finished: int  # answers that were sent whole
    kept: int  # of them, in transcripts
    in_flight: int  # answers that kills may have cost
    replay_requests: int
    same_bytes: bool

    @property
    def holds(self) -> bool:
        """Whether nothing was paid twice but what was in flight."""
        lost = self.finished - self.kept
        return (
            self.requests <= self.bound
            and lost <= self.in_flight
            and self.replay_requests == 0
            and self.same_bytes
        )


class Server:
    """A server of some family, with faults, that can have somebody killed.

    Parameters
    ----------
    rng
        What goes wrong, and when.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._family: Family = rng.choice(list(FAMILIES.values()))
        self._share = rng.choice([0.0, 0.1, 0.3])  # of requests that meet a fault
        self._slowest = rng.choice([0.0, 0.03, 0.3])  # seconds
        self.faults = list(FAULTS)
        self.finished = 0
        self.kill_at: int | None = None  # requests
        self.kill: Any = None  # called then
        self.loopback = Loopback(default=self.behave)

    async def behave(self, call: Call) -> None:
        """Answer, or not."""
        if self.kill_at is not None and call.number >= self.kill_at:
            self.kill_at = None
            await asyncio.sleep(self._rng.uniform(0.0, 0.02))
            self.kill()
        for part in parts_of(call.body):
            if part in self._family.refuses:
                code, body = self._family.words(part)
                await call.send(json.dumps(body).encode(), code)
                return
        await asyncio.sleep(self._rng.uniform(0.0, self._slowest))
        if self._rng.random() < self._share:
            await self._rng.choice(self.faults)(call)
            return
        is_greeting = "Say hello." in call.text
        said = json.dumps(reply_to(call))
        if not is_greeting and self._rng.random() < self._share:
            said = said[: len(said) // 2]
        await call.send_text(self._family.says(said))
        self.finished += not is_greeting


class Trial:
    """One run or sweep that is killed and begun again until it is done.

    Parameters
    ----------
    server
        Who is asked.
    folder
        Where it may write.
    rng
        When to kill, and whom.
    """

    kind = ""
    budget = 0  # requests
    allowed = 0  # requests in flight at the kills

    def __init__(self, server: Server, folder: Path, rng: random.Random) -> None:
        self.server, self.folder, self.rng = server, folder, rng
        self.kills = 0
        self.is_spent = False  # finding out what the server takes took the budget

    def command(self) -> list[str]:
        """Return the arguments that begin it, or go on with it."""
        raise NotImplementedError

    def victims(self, driver: int) -> list[tuple[int, int]]:
        """Return processes to kill, and how many calls each has in flight."""
        raise NotImplementedError

    def is_done(self) -> bool:
        """Tell whether all is there."""
        raise NotImplementedError

    def transcripts(self) -> list[Path]:
        """Return the transcripts."""
        raise NotImplementedError

    def _is_spent(self, words: str) -> bool:
        return ALL_SPENT in words

    def replayed(self) -> bool:
        """Replay; tell whether the bytes are the same."""
        raise NotImplementedError

    def run(self, kills: int) -> Round:
        """Kill so many times, finish, and replay."""
        starts = 0
        while not self.is_done() and not self.is_spent:
            starts += 1
            if starts > MOST_STARTS:
                raise SystemExit(f"a {self.kind} is not done after {starts} starts")
            self._start(self.kills < kills)
        requests, finished = self.server.loopback.count, self.server.finished
        kept_answers = sum(map(answers, self.transcripts()))
        same = self.is_spent or self.replayed()
        return Round(
            self.kind,
            self.kills,
            requests,
            self.budget + self.allowed,
            finished,
            kept_answers,
            self.allowed,
            self.server.loopback.count - requests,
            same,
        )

    def _start(self, is_killed: bool) -> None:
        """Start, and be killed at some request if told so."""
        program = program_of(self.command(), self.folder)

        def kill() -> None:
            with suppress(ProcessLookupError, IndexError):
                victim, in_flight = self.rng.choice(self.victims(program.pid))
                os.kill(victim, signal.SIGKILL)
                self.kills += 1
                self.allowed += in_flight

        self.server.kill = kill
        if is_killed:
            soon = self.server.loopback.count + self.rng.randrange(self.budget // 2)
            self.server.kill_at = soon
        _, words = program.communicate(timeout=PATIENCE)
        self.server.kill_at = None
        if program.returncode not in (0, 1, 2, -signal.SIGKILL):
            raise SystemExit(f"ended with {program.returncode}: {words.decode()}")
        if b"Traceback" in words or b"internal error" in words:
            raise SystemExit(words.decode())
        self.is_spent = self.is_spent or self._is_spent(words.decode())


class Run(Trial):
    """A run that records."""

    kind = "run"

    def __init__(self, server: Server, folder: Path, rng: random.Random) -> None:
        super().__init__(server, folder, rng)
        self.budget = rng.randrange(20, 90)
        self.slots = rng.choice([1, 4, 12])
        self.place, self.record = folder / "run", folder / "calls.jsonl"
        server.faults += rng.choice([LONG_FAULTS, [], []])

    def _told(self, place: Path) -> list[str]:
        size = [
            "run",
            "her-film-cut",
            "--humans",
            "40",
            "--steps",
            "6",
            "--out",
            str(place),
        ]
        cast = ["--mind", "llm", "--cast", "all", "--talks", "0.4", "--no-figures"]
        return [*size, *cast, "--json", "--max-calls", str(self.budget)]

    def command(self) -> list[str]:
        url = self.server.loopback.url
        model = ["--model", "tiny", "--base-url", url, "--slots", str(self.slots)]
        more = ["--deadline", "3", "--stop-after", "0", "--record", str(self.record)]
        return [*self._told(self.place), *model, *more]

    def victims(self, driver: int) -> list[tuple[int, int]]:
        return [(driver, self.slots)]

    def is_done(self) -> bool:
        return (self.place / "provenance.json").exists()

    def transcripts(self) -> list[Path]:
        return [self.record]

    def replayed(self) -> bool:
        again = self.folder / "again"
        told = [*self._told(again), "--replay", str(self.record)]
        program = program_of(told, self.folder)
        _, words = program.communicate(timeout=PATIENCE)
        if program.returncode:
            print(words.decode(), file=sys.stderr)
        return tables(again) == tables(self.place) != {}


class Sweep(Trial):
    """A sweep of several runs, by two workers."""

    kind = "sweep"

    def __init__(self, server: Server, folder: Path, rng: random.Random) -> None:
        super().__init__(server, folder, rng)
        self.runs, each = 4, rng.randrange(25, 45)
        self.budget = each * self.runs
        self.place, self.file = folder / "sweep", folder / "design.toml"
        url = server.loopback.url
        told = DESIGN.format(runs=self.runs, url=url, budget=each)
        self.file.write_text(told)

    def command(self) -> list[str]:
        host = urlsplit(self.server.loopback.url).netloc
        told = ["sweep", str(self.file), "--out", str(self.place), "--resume"]
        return [*told, "--workers", str(WORKERS), "--allow-model", host, "--json"]

    def victims(self, driver: int) -> list[tuple[int, int]]:
        workers = [(pid, SLOTS) for pid in children(driver)]
        return [(driver, SLOTS * WORKERS), *workers]

    def is_done(self) -> bool:
        return (self.place / LEDGER).exists() and len(done(self.place)) == self.runs

    def _is_spent(self, words: str) -> bool:
        if not (self.place / LEDGER).exists():
            return False
        failed = load_sweep(self.place).failures()["error"]
        return bool(failed.str.contains(ALL_SPENT).any())

    def transcripts(self) -> list[Path]:
        return sorted((self.place / TRANSCRIPTS).glob("*.jsonl"))

    def replayed(self) -> bool:
        """Lose the outcomes, and have them found again."""
        before = kept(self.place)
        with closing(sqlite3.connect(self.place / LEDGER)) as ledger, ledger:
            ledger.execute("UPDATE runs SET outcomes = NULL")
        program = program_of(self.command(), self.folder)
        _, words = program.communicate(timeout=PATIENCE)
        if program.returncode:
            print(words.decode(), file=sys.stderr)
        return kept(self.place) == before and self.is_done()


def program_of(told: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start the command line."""
    return subprocess.Popen(
        [sys.executable, "-m", "sim", *told],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=os.environ
        | {"OPENAI_API_KEY": "sk-loopback-only", "PYTHONPATH": str(ROOT)},
    )


def done(place: Path) -> list[object]:
    """Return the runs that a ledger calls done."""
    try:
        return [row for row in kept(place) if len(row) == 4]
    except sqlite3.Error:  # killed before the ledger was begun
        return []


def tables(run: Path) -> dict[str, bytes]:
    """Return the bytes of all tables of a run."""
    files = sorted(run.rglob("*.parquet"))
    return {file.relative_to(run).as_posix(): file.read_bytes() for file in files}


def answers(transcript: Path) -> int:
    """Return how many calls in a transcript have an answer."""
    lines = transcript.read_bytes().split(b"\n")[1:-1]
    found = [json.loads(line) for line in lines]
    return sum(one.get("text") is not None and not one["failure"] for one in found)


HEADS = ("kind", "kills", "requests", "bound", "answers", "kept", "lost", "replay")


def shown(seen: Round) -> str:
    """Return a round as a line of the table."""
    lost = f"{seen.finished - seen.kept}<={seen.in_flight}"
    numbers = (seen.kind, seen.kills, seen.requests, seen.bound, seen.finished)
    cells = [*numbers, seen.kept, lost, seen.replay_requests]
    line = " ".join(f"{cell!s:>8}" for cell in cells)
    return f"{line}  {'same' if seen.same_bytes else 'OTHER'}" + (
        "" if seen.holds else "  VIOLATED"
    )


def main() -> int:
    """Print a line for each round; return 1 if something was paid twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kills", type=int, default=4, help="at most, a round")
    parser.add_argument("--kind", choices=("run", "sweep"), help="both in turn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rounds = []
    if not args.json:
        print(" ".join(f"{head:>8}" for head in HEADS) + "  bytes")
    for number in range(args.rounds):
        rng = random.Random(f"{args.seed} {number}")
        server = Server(rng)
        with tempfile.TemporaryDirectory() as folder, server.loopback:
            kind = args.kind or ("run", "sweep")[number % 2]
            make = Run if kind == "run" else Sweep
            trial = make(server, Path(folder), random.Random(rng.random()))
            rounds.append(trial.run(rng.randint(1, args.kills)))
        if not args.json:
            print(shown(rounds[-1]), flush=True)
    violated = sum(not seen.holds for seen in rounds)
    kills = sum(seen.kills for seen in rounds)
    if args.json:
        print(json.dumps([seen._asdict() for seen in rounds]))
    else:
        print(f"{len(rounds)} rounds, {kills} kills, {violated} violated")
    return int(violated > 0)


if __name__ == "__main__":
    sys.exit(main())
