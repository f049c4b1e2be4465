"""Send hostile input to a reader of outside data, and keep what it stumbles over.

Each reader (network files, gzip, scenario and design TOML, transcripts, run folders,
checkpoints, sweeps) gets bytes, and must answer with a value or an `InputError` of one
line that is fit for a terminal. Anything else is a finding: another exception, an input
that takes more than `SECONDS`, memory beyond `MOST_MEMORY`, or the death of the
process. What is tried comes from Hypothesis (grammars of the format with hostile
values, see `experiments/fuzz_targets.py`) or from Atheris (bytes, led by the coverage
of the reader; Linux only, `pip install 'os-society[fuzz]'`).

    python experiments/fuzz.py --list
    python experiments/fuzz.py scenario --minutes 10 --engine atheris --seed 1
    python experiments/fuzz.py scenario --input results/fuzz/scenario/FINDING

The reader runs in a process of its own, watched by this one, so that a fault in a
library written in C is a finding like others. Findings go to `results/fuzz/READER`,
one file for each place in the code, the shortest input that was seen; `--input` reads
one again. The exit code is 1 if there were any.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import mmap
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path("results") / "fuzz"
SECONDS = 10  # of the processor that an input may take
STUCK = 40  # seconds without a sign of life, after which a process is ended
MOST_MEMORY = 2**30  # bytes that an input may add to the most that was used
ADDRESSES = 4 * 2**30  # bytes of address space beyond those of an idle process
MOST_BYTES = 2**16  # of an input that Atheris makes
BATCH = 200  # examples that Hypothesis draws at a time
RESTARTS = 50
OWN_FAULT = 3  # exit code of a process whose examples cannot be drawn


class TooSlow(BaseException):
    """An input takes longer than it may; not for readers to catch."""


# --------------------------------------------------------------------- the process


class Notes:
    """What the watching process sees: how many inputs were read, and the last one."""

    def __init__(self, folder: Path, fresh: bool = False) -> None:
        self.last, counted = folder / ".last", folder / ".count"
        if fresh or not counted.exists():
            counted.write_bytes(bytes(8))
        with counted.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    @property
    def count(self) -> int:
        return int.from_bytes(self._map[:8], "little")

    def add(self, content: bytes) -> None:
        self._map[:8] = (self.count + 1).to_bytes(8, "little")
        self.last.write_bytes(content)


class Trial:
    """Reads one input after another, and keeps findings in a folder."""

    def __init__(self, target: Any, folder: Path) -> None:
        self.target, self.folder, self.notes = target, folder, Notes(folder)
        self.most = used()

    def __call__(self, content: bytes) -> None:
        """Read an input; return whatever happens."""
        self.notes.add(content)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            self.target.read(content)
        except (Exception, TooSlow) as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            keep(self.folder, where(error), content, traceback.format_exc())
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        before, self.most = self.most, used()
        if self.most > before + MOST_MEMORY:
            text = f"{(self.most - before) / 2**20:.0f} MiB more than before"
            keep(self.folder, "memory", content, text)


def used() -> int:
    """Return the most bytes of memory that this process had in use."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def where(error: BaseException) -> str:
    """Return a short name of what went wrong, and where in the package."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/sim/" in f.filename] or frames[-1:]
    last = ours[-1]
    place = f"{Path(last.filename).stem}-{last.name}-{last.lineno}"
    return f"{type(error).__name__}-{place}"


def keep(folder: Path, name: str, content: bytes, text: str) -> None:
    """Keep an input under a name, if it is the first or the shortest."""
    place = folder / name
    if place.exists() and place.stat().st_size <= len(content):
        return
    if not place.exists():
        print(f"finding: {name} ({len(content)} bytes)", flush=True)
    place.write_bytes(content)
    place.with_suffix(".txt").write_text(text, errors="replace")


def limit() -> None:
    """Bound the time of an input and the memory of the process."""

    def ring(*_: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGPROF, ring)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def work(args: argparse.Namespace, folder: Path) -> None:
    """Try inputs until the time is over."""
    import fuzz_targets

    target = fuzz_targets.TARGETS[args.reader]
    for seed in target.seeds():  # compiles, makes folders: before it counts
        target.read(seed)
    limit()
    trial = Trial(target, folder)
    until = time.monotonic() + args.seconds
    try:
        if args.engine == "atheris":
            by_atheris(target, trial, args)
        else:
            by_hypothesis(target, trial, until, args.seed)
    except Exception:
        traceback.print_exc()
        sys.exit(OWN_FAULT)


def by_hypothesis(target: Any, trial: Trial, until: float, seed: int) -> None:
    """Try examples drawn from the target's grammar."""

    def once(content: bytes) -> None:
        if time.monotonic() < until:
            trial(content)

    examples, seeds = target.examples(), random.Random(seed)
    while time.monotonic() < until:
        draw(examples, once, BATCH, seeds.getrandbits(32))


def draw(examples: Any, take: Callable[[bytes], Any], count: int, seed: int) -> None:
    """Draw examples one after another, and never shrink them."""
    import hypothesis

    def one(content: bytes) -> None:
        take(content)

    told = hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.seed(seed)(told(hypothesis.given(examples)(one)))()


def by_atheris(target: Any, trial: Trial, args: argparse.Namespace) -> None:
    """Try bytes that reach new branches; does not return."""
    import atheris

    for module in target.modules:
        for function in functions(importlib.import_module(module)):
            atheris.instrument_func(function)
    corpus = trial.folder / ".corpus"
    corpus.mkdir(exist_ok=True)
    for seed in [*target.seeds(), *drawn(target, args.seed)]:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    options = {
        "max_total_time": args.seconds,
        "seed": args.seed + 1,
        "max_len": MOST_BYTES,
        "rss_limit_mb": 0,
        "timeout": 10 * STUCK,
        "print_final_stats": 0,
        "verbosity": 0,
        "artifact_prefix": f"{corpus}/",
    }
    given = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *given, str(corpus)], trial)
    atheris.Fuzz()


def drawn(target: Any, seed: int) -> list[bytes]:
    """Return some examples of the grammar, for Atheris to begin with."""
    found: list[bytes] = []
    draw(target.examples(), found.append, BATCH, seed)
    return [one for one in found if len(one) <= MOST_BYTES]


def functions(module: types.ModuleType) -> Iterator[types.FunctionType]:
    """Yield the functions and methods that a module defines."""
    for value in vars(module).values():
        inside = vars(value).values() if isinstance(value, type) else [value]
        for one in inside:
            plain = getattr(one, "__func__", one)
            is_function = isinstance(plain, types.FunctionType)
            if is_function and plain.__module__ == module.__name__:
                yield plain


# ------------------------------------------------------------------------- watching


class Report(NamedTuple):
    """What came of it."""

    seconds: float
    inputs: int
    findings: list[Path]


def watch(args: argparse.Namespace, folder: Path) -> Report:
    """Let a process try inputs, and others go on where it dies."""
    notes, begun = Notes(folder, fresh=True), time.monotonic()
    until = begun + 60 * args.minutes
    for number in range(RESTARTS):
        left = int(until - time.monotonic())
        if left < 1:
            break
        before = notes.count
        ended = supervise(args, notes, left, number)
        if ended == "in time":
            break
        if notes.count == before or ended == f"exit code {OWN_FAULT}":
            sys.exit(f"the reader cannot be tried: {ended}")
        keep(folder, f"died-{number}", notes.last.read_bytes(), ended)
    left_over = [one for one in folder.glob("[!.]*") if one.suffix != ".txt"]
    return Report(time.monotonic() - begun, notes.count, sorted(left_over))


def supervise(args: argparse.Namespace, notes: Notes, left: int, number: int) -> str:
    """Run a process until its time is over; tell how it ended."""
    command = [sys.executable, __file__, args.reader, "--engine", args.engine]
    command += ["--seed", str(args.seed + 1000 * number), "--work", str(left)]
    with subprocess.Popen(command) as child:
        seen, since, begun = notes.count, time.monotonic(), False
        while child.poll() is None:
            time.sleep(0.5)
            now = time.monotonic()
            if notes.count != seen:
                seen, since, begun = notes.count, now, True
            if begun and now - since > STUCK:
                child.kill()
                return f"no sign of life for {STUCK} seconds"
    if child.returncode == 0:
        return "in time"
    return f"exit code {child.returncode}"


def main() -> int:
    readers = "see --list"
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("reader", nargs="?", help=readers)
    parser.add_argument("--list", action="store_true", help="list the readers")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--engine", choices=["atheris", "hypothesis"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--input", type=Path, help="read this, and show what happens")
    parser.add_argument("--work", dest="seconds", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    import fuzz_targets

    if args.list or args.reader not in fuzz_targets.TARGETS:
        for name, target in fuzz_targets.TARGETS.items():
            print(f"{name:16} {target.about}")
        return 0 if args.list else 2
    if args.input is not None:
        fuzz_targets.TARGETS[args.reader].read(args.input.read_bytes())
        return 0
    has_atheris = importlib.util.find_spec("atheris") is not None
    args.engine = args.engine or ("atheris" if has_atheris else "hypothesis")
    folder = FOLDER / args.reader
    folder.mkdir(parents=True, exist_ok=True)
    if args.seconds is not None:
        work(args, folder)
        return 0
    report = watch(args, folder)
    print(
        f"{args.reader}, {args.engine}, seed {args.seed}: {report.inputs:,} inputs in "
        f"{report.seconds:.0f} s, {len(report.findings)} findings"
    )
    for finding in report.findings:
        print(f"  python experiments/fuzz.py {args.reader} --input {finding}")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
