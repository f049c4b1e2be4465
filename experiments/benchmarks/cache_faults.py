"""Damage the cache of compiled loops in every way; run; compare bytes.

Whatever is wrong with the cache, a run must end with 0, have the bytes of a run whose
cache is sound, and say one line at most. For single bits the reader of the cache is
asked about so many of each file; with a bit flipped in every file at once a whole run
is lived, too, several times over. Faults that this machine or user cannot make (giving
files away and mounting need the superuser of Linux) are told as such.

    python experiments/benchmarks/cache_faults.py [--flips 200] [--seed 0] [--json]

It takes ten minutes or more: where nothing can be kept all is compiled anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sim.engine.cache import SUFFIX, VARIABLE, Distrusted, unsealed

ROOT = Path(__file__).resolve().parents[2]
RUN = ("run", "her-film-cut", "--humans", "20", "--steps", "3", "--no-figures", "--out")
NOBODY = 65534
CANNOT = "cannot be tried here"
UNKNOWN_USER = ("unshare", "--user", "--map-user=54321", "--map-group=54321")


@dataclass
class Outcome:
    """What came of a fault: in the run with it, and in the one after."""

    fault: str
    code: int | None = None
    same: bool | None = None
    lines: int | None = None
    then: int | None = None  # lines of the run after
    note: str = ""

    @property
    def holds(self) -> bool:
        """Tell whether the fault cost time only."""
        if self.code is None:
            return self.note == CANNOT
        return self.code == 0 and self.same is True and (self.lines or 0) <= 1


# ----------------------------------------------------------------------------- running


def start(
    cache: Path | None,
    out: Path,
    before: Sequence[str] = (),
    tree: Path = ROOT,
    **places: str,
) -> subprocess.Popen[str]:
    """Begin a small run in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(tree)} | places
    environment = {name: text for name, text in environment.items() if text}
    if cache is not None:
        environment[VARIABLE] = str(cache)
    return subprocess.Popen(
        [*before, sys.executable, "-m", "sim", *RUN, str(out)],
        env=environment,
        cwd=tree,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def bytes_of(run: Path) -> str:
    """Return a digest of all files of a run but its provenance."""
    digest = hashlib.sha256()
    for file in sorted(run.rglob("*")):
        if file.is_file() and file.name != "provenance.json":
            digest.update(f"{file.relative_to(run)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


class Bench:
    """Where faults are made, beside a sound cache and the run that goes with it.

    Parameters
    ----------
    folder
        An empty one.
    rng
        What is damaged, and where.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder, self.rng, self.made = folder, rng, 0
        self.sound = folder / "sound"
        first = start(self.sound, folder / "run")
        if first.wait() != 0:
            raise SystemExit("the run with an empty cache failed")
        self.expected = bytes_of(folder / "run")

    def copy(self) -> Path:
        """Return a copy of the sound cache."""
        self.made += 1
        place = self.folder / f"cache{self.made}"
        shutil.copytree(self.sound, place)
        return place

    def finish(self, fault: str, run: subprocess.Popen[str], out: Path) -> Outcome:
        """Return what came of a run."""
        _, words = run.communicate()
        same = run.returncode == 0 and bytes_of(out) == self.expected
        shutil.rmtree(out, ignore_errors=True)
        first, *_ = [*words.splitlines(), ""]
        reason = first.partition("compiled loops in ")[2].partition(" ")[2]
        told = reason.partition(";")[0] or first
        return Outcome(fault, run.returncode, same, words.count("\n"), note=told)

    def live(
        self,
        fault: str,
        cache: Path | None,
        before: Sequence[str] = (),
        again: bool = False,
        **places: str,
    ) -> Outcome:
        """Live a run with a cache, and perhaps another."""
        self.made += 1
        out = self.folder / f"run{self.made}"
        found = self.finish(fault, start(cache, out, before, **places), out)
        if again:
            other = self.finish(fault, start(cache, out, before, **places), out)
            found.then = other.lines
            found.code = max(found.code or 0, other.code or 0)
            found.same = found.same and other.same
        return found


def kept(cache: Path) -> list[Path]:
    """Return the files of a cache."""
    return sorted(cache.rglob(f"*{SUFFIX}"))


# ------------------------------------------------------------------------ single files


def empty(file: Path, rng: random.Random) -> None:
    file.write_bytes(b"")


def cut(file: Path, rng: random.Random) -> None:
    raw = file.read_bytes()
    file.write_bytes(raw[: rng.randrange(len(raw))])


def flip(file: Path, rng: random.Random) -> None:
    file.write_bytes(flipped(file.read_bytes(), rng))


def flipped(raw: bytes, rng: random.Random) -> bytes:
    """Return bytes of which one bit is another."""
    changed, bit = bytearray(raw), rng.randrange(len(raw) * 8)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def open_to_all(file: Path, rng: random.Random) -> None:
    file.chmod(0o666)


def give_away(file: Path, rng: random.Random) -> None:
    os.chown(file, NOBODY, NOBODY)


FILES: dict[str, Callable[[Path, random.Random], None]] = {
    "empty": empty,
    "cut": cut,
    "one bit flipped": flip,
    "mode 666": open_to_all,
    "foreign owner": give_away,
}


def damaged_files(bench: Bench, whole: int) -> Iterator[Outcome]:
    """Damage one file, or all of them."""
    for name, damage in FILES.items():
        for which in ("a file", "all files"):
            if damage is give_away and not is_superuser():
                yield Outcome(f"{name}, {which}", note=CANNOT)
                continue
            for _ in range(whole if damage is flip and which == "all files" else 1):
                cache = bench.copy()
                files = kept(cache)
                for file in (
                    files if which == "all files" else [bench.rng.choice(files)]
                ):
                    damage(file, bench.rng)
                yield bench.live(f"{name}, {which}", cache, again=True)


def flips(bench: Bench, count: int) -> Outcome:
    """Ask the reader of the cache about single bits of each file."""
    files, taken = kept(bench.sound), 0
    for file in files:
        raw = file.read_bytes()
        unsealed(raw)
        for _ in range(count):
            try:
                unsealed(flipped(raw, bench.rng))
                taken += 1
            except Distrusted:
                pass
    text = f"{taken} of {count * len(files)} taken for sound ({len(files)} files)"
    return Outcome(f"{count} bits flipped a file", 0, taken == 0, 0, note=text)


# ----------------------------------------------------------------- folders and machines


def is_superuser() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def can_map_users() -> bool:
    """Tell whether a process can be given a user that nobody knows."""
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run(
            [*UNKNOWN_USER, "true"], check=False, capture_output=True
        ).returncode
        == 0
    )


@contextmanager
def mounted(place: Path, size: str) -> Iterator[bool]:
    """Mount a small file system in memory, if that is possible."""
    place.mkdir()
    order = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", place]
    is_there = sys.platform == "linux" and shutil.which("mount") is not None
    if is_there:
        is_there = (
            subprocess.run(order, check=False, capture_output=True).returncode == 0
        )
    try:
        yield is_there
    finally:
        if is_there:
            subprocess.run(["umount", place], check=True)


def folders(bench: Bench) -> Iterator[Outcome]:
    """Let the folder be one that others own or can write to."""
    for name, modes in {"mode 777": 0o777, "mode 770": 0o770}.items():
        cache = bench.copy()
        for place in (cache / "os-society").iterdir():
            place.chmod(modes)
        yield bench.live(f"{name}, the folder", cache, again=True)
    if not is_superuser():
        yield Outcome("foreign owner, the folder", note=CANNOT)
        return
    cache = bench.copy()
    for place in (cache / "os-society").rglob("*"):
        os.chown(place, NOBODY, NOBODY)
    yield bench.live("foreign owner, the folder", cache, again=True)


def disks(bench: Bench) -> Iterator[Outcome]:
    """Let the disk be full, or take nothing."""
    for name, size in {"full disk": "200k", "full disk, no room at all": "4k"}.items():
        with mounted(bench.folder / f"disk{size}", size) as is_there:
            place = bench.folder / f"disk{size}"
            yield bench.live(name, place) if is_there else Outcome(name, note=CANNOT)
    for name, is_empty in {"read-only, sound": False, "read-only, empty": True}.items():
        place = bench.folder / name.replace(" ", "")
        with mounted(place, "64m") as is_there:
            if not is_there:
                yield Outcome(name, note=CANNOT)
                continue
            if not is_empty:
                shutil.copytree(bench.sound, place, dirs_exist_ok=True)
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)
            yield bench.live(name, place)


def homes(bench: Bench) -> Iterator[Outcome]:
    """Let there be no home."""
    nowhere = {"HOME": "/proc/nonexistent", "XDG_CACHE_HOME": "", VARIABLE: ""}
    nowhere |= {"MPLCONFIGDIR": str(bench.folder / "figures")}
    yield bench.live("home that is not there", None, **nowhere)
    if can_map_users():
        unknown: Mapping[str, str] = nowhere | {"HOME": ""}
        yield bench.live("no home known", None, UNKNOWN_USER, **unknown)
    else:
        yield Outcome("no home known", note=CANNOT)


def versions_at_once(bench: Bench) -> Iterator[Outcome]:
    """Let two versions of the code run at once, twice each, with one empty cache."""
    trees = [bench.folder / name for name in ("old", "new")]
    for tree in trees:
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "sim", tree / "sim", ignore=leave)
    with (trees[1] / "sim" / "engine" / "rng.py").open("a") as file:
        file.write("# a remark\n")
    cache, runs = bench.folder / "shared", []
    for tree in trees * 2:
        bench.made += 1
        out = bench.folder / f"run{bench.made}"
        runs.append((tree, start(cache, out, tree=tree), out))
    for tree, run, out in runs:
        yield bench.finish(f"two versions at once, the {tree.name} one", run, out)
    for tree in trees:
        out = bench.folder / f"again{tree.name}"
        name = f"two versions at once, {tree.name} after"
        yield bench.finish(name, start(cache, out, tree=tree), out)


# -------------------------------------------------------------------------------- table


def faults(bench: Bench, count: int) -> Iterator[Outcome]:
    """Make each fault in turn."""
    yield bench.live("none", bench.copy())
    yield flips(bench, count)
    yield from damaged_files(bench, whole=3)
    yield from folders(bench)
    yield from disks(bench)
    yield from homes(bench)
    yield from versions_at_once(bench)


def row(outcome: Outcome) -> str:
    """Return a line of the table."""
    cells = [outcome.code, outcome.same, outcome.lines, outcome.then]
    texts = ["-" if cell is None else str(cell) for cell in cells]
    verdict = "" if outcome.holds else "  <-- VIOLATION"
    widths = "".join(f"{text:>7}" for text in texts)
    return f"{outcome.fault:38}{widths}  {outcome.note}{verdict}"


def main() -> int:
    """Print a table; return 1 if a fault cost more than time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=200, help="bits of each file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), random.Random(args.seed))
        if not args.json:
            print(f"{'fault':38}{'code':>7}{'same':>7}{'lines':>7}{'then':>7}  said")
        for outcome in faults(bench, args.flips):
            found.append(outcome)
            if not args.json:
                print(row(outcome), flush=True)
    if args.json:
        print(json.dumps([asdict(outcome) for outcome in found]))
    return int(not all(outcome.holds for outcome in found))


if __name__ == "__main__":
    sys.exit(main())
