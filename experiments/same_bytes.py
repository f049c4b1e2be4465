"""Show that runs still have the bytes that they had at a recorded commit.

python experiments/same_bytes.py record OUT.json [--tree CHECKOUT]
python experiments/same_bytes.py compare REF.json [--only her,sweep] [--tree CHECKOUT]

``record`` runs a fixed set of runs and writes the SHA-256 of each Parquet file that
comes of them; ``compare`` runs them again, prints a line a file, and ends with 1 if one
differs, is missing or is new. The runs are:

- ``her``, ``today``, ``sydney``, ``watts``, ``quiet-goodbye``: 200 humans, full length,
  with the parameters they had then (``her-film-cut``, ``experiments/baseline``);
- ``resumed``: ``her`` once more with checkpoints, its process killed by SIGKILL and the
  run resumed; beside the checkpoints it must have the files of ``her``;
- ``replayed``: LLM agents whose answers come from ``notebooks/cast.jsonl``;
- ``scripted``: scripted agents, who write letters, too;
- ``sweep``: the table of a small sweep, of which only this table is compared, in the
  columns that were recorded. How a sweep is stored is its own affair.

All is done through the command line and names in ``sim.__all__``, so the same script
measures versions that keep their modules elsewhere. ``provenance.json`` is left out:
it says when a run was made and by what. Parquet names the version of pyarrow in each
file, so with another version the decoded content (schema and values) is compared.
All runs together took 54 s on two processors (95 s of processor time).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import llvmlite.binding
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = ("her", "today", "sydney", "watts", "quiet-goodbye")
HOW = ("--humans", "200", "--seed", "7", "--snapshot-every", "100")
CHECKPOINTS = 3  # that are there when the process is killed
PATIENCE = 600.0  # seconds until a first checkpoint, compiling included
BASELINE = ROOT / "experiments" / "baseline"
DESIGN = """
scenario = "{her}"
seeds = 2
[base]
humans = 60
steps = 120
innovation = 0.02
os_growth_rate = 0.03
[grid]
growth_exponent = [0.9, 1.1]
lever = ["none", "growth_cap@60"]
"""
TABLE = """
import sys, sim
table = sim.load_sweep(sys.argv[1]).table().drop(columns="run").reset_index()
table.to_csv(sys.argv[2], index=False, float_format="%.17g", lineterminator="\\n")
"""
HOME = "import sim; print(sim.__file__)"

Digests = dict[str, dict[str, str]]  # by file; "bytes" and "content" of each


class Tree:
    """A checkout whose code is run, and a scratch folder for what comes of it."""

    def __init__(self, path: Path, scratch: Path) -> None:
        self.path, self.scratch = path.resolve(), scratch
        home = Path(self.python("-c", HOME).strip())
        if not home.is_relative_to(self.path):
            raise SystemExit(f"error: {home} is not in {self.path}; give its root")

    def python(self, *arguments: str) -> str:
        """Run this Python on the checkout's code; return its output, or end."""
        lines = [sys.executable, *arguments]
        done = subprocess.run(lines, check=False, capture_output=True, **self._where())
        if done.returncode:
            what = " ".join(arguments[:4])
            raise SystemExit(f"error: {what}: {done.stderr.decode().strip()}")
        return str(done.stdout.decode())

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the checkout's command line."""
        quiet: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
        return subprocess.Popen(
            [sys.executable, "-m", "sim", *arguments], **self._where(), **quiet
        )

    def run(self, name: str, scenario: str, *how: str) -> Path:
        """Run a scenario to its end; return its directory."""
        out = self.scratch / name
        self.python(*("-m", "sim", "run", self.now(scenario), *how, *_to(out)))
        return out

    def now(self, scenario: str) -> str:
        """Return what has the parameters of then in this checkout: a name or a file."""
        film_cut = "her-film-cut"
        library = self.path / "sim" / "scenarios" / "library"
        if not (library / f"{film_cut}.toml").exists():
            return scenario
        return film_cut if scenario == "her" else str(BASELINE / f"{scenario}.toml")

    def commit(self) -> str:
        """Return the commit of the checkout, or say that it is changed."""
        git = ("git", "-C", str(self.path))
        details = ("status", "--porcelain", "--", "sim", "notebooks/cast.jsonl")
        try:
            head = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True)
            changed = subprocess.check_output([*git, *details], text=True)
        except (OSError, subprocess.CalledProcessError):
            return "unknown"
        return head.strip() + (" and changes" if changed.strip() else "")

    def _where(self) -> dict[str, Any]:
        unwanted = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
        kept = {name: text for name, text in os.environ.items() if name not in unwanted}
        environment = kept | {"PYTHONPATH": str(self.path), "MPLBACKEND": "Agg"}
        return {"cwd": self.scratch, "env": environment}


def _to(out: Path) -> tuple[str, ...]:
    return ("--no-figures", "--out", str(out))


# ------------------------------------------------------------------------- the runs


def plain(name: str, tree: Tree) -> Digests:
    """Return the digests of a scenario's run."""
    return digests(tree.run(name, name, *HOW), name)


def resumed(tree: Tree) -> Digests:
    """Return the digests of a run that was killed after a checkpoint, and resumed."""
    out = tree.scratch / "resumed" / "run"  # with all that is written on the way
    out.parent.mkdir()
    how = ("run", tree.now("her"), *HOW, "--checkpoint-every", "100", *_to(out))
    with tree.start(*how) as process:
        until = time.monotonic() + PATIENCE
        while _checkpoints(out.parent) < CHECKPOINTS and process.poll() is None:
            if time.monotonic() > until:
                process.kill()
                raise SystemExit(f"error: no checkpoint within {PATIENCE:.0f} s")
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    if process.returncode != -signal.SIGKILL or out.exists():
        raise SystemExit("error: the run ended before it could be killed")
    tree.python("-m", "sim", "resume", str(out), "--no-figures")
    if not json.loads((out / "provenance.json").read_bytes()).get("resumed"):
        raise SystemExit("error: the run was begun anew, not resumed")
    return digests(out, "resumed")


def _checkpoints(folder: Path) -> int:
    """Return how many complete checkpoints there are, wherever they are kept."""
    try:
        found = [one for one in folder.rglob("checkpoints/*") if one.is_dir()]
    except FileNotFoundError:  # one was just renamed, as it is complete
        return 0
    return sum(one.name.isdecimal() for one in found)


def replayed(tree: Tree) -> Digests:
    """Return the digests of a run whose LLM agents answer from a transcript."""
    transcript = tree.path / "notebooks" / "cast.jsonl"
    how = ("--humans", "60", "--steps", "150", "--seed", "1", "--snapshot-every", "50")
    cast = ("--mind", "llm", "--cast", "4", "--replay", str(transcript))
    return digests(tree.run("replayed", "her", *how, *cast), "replayed")


def scripted(tree: Tree) -> Digests:
    """Return the digests of a run with scripted agents, who write letters, too."""
    cast = ("--mind", "scripted", "--cast", "6", "--ghost-writer")
    return digests(tree.run("scripted", "her", *HOW, *cast), "scripted")


def swept(tree: Tree, columns: Iterable[str] | None = None) -> Digests:
    """Return the digest of a sweep's table, in some of its columns or all."""
    design, out = tree.scratch / "design.toml", tree.scratch / "sweep"
    design.write_text(DESIGN.format(her=tree.now("her")))
    how = ("sweep", str(design), "--out", str(out), "--workers", "1")
    tree.python("-m", "sim", *how)
    file = tree.scratch / "table.csv"
    tree.python("-c", TABLE, str(out), str(file))
    with file.open(newline="") as text:
        rows = list(csv.reader(text))
    head = rows[0]
    chosen = list(columns) if columns is not None else head
    places = [head.index(name) if name in head else -1 for name in chosen]
    shown = [[row[at] if at >= 0 else "missing" for at in places] for row in rows]
    digest = hashlib.sha256(json.dumps(shown).encode()).hexdigest()
    found = {"bytes": digest, "content": digest, "columns": ",".join(chosen)}
    return {"sweep/table": found}


def runs(columns: Iterable[str] | None = None) -> dict[str, Callable[[Tree], Digests]]:
    """Return what makes each run, by name; the longest first."""
    named: dict[str, Callable[[Tree], Digests]] = {"resumed": resumed}
    named |= {name: partial(plain, name) for name in SCENARIOS}
    named |= {"scripted": scripted, "replayed": replayed}
    return named | {"sweep": partial(swept, columns=columns)}


# ---------------------------------------------------------------------------- digests


def digests(folder: Path, name: str) -> Digests:
    """Return the digests of all Parquet files in a folder."""
    files = sorted(folder.rglob("*.parquet"))
    return {
        f"{name}/{file.relative_to(folder).as_posix()}": {
            "bytes": hashlib.sha256(file.read_bytes()).hexdigest(),
            "content": content_digest(pq.read_table(file)),
        }
        for file in files
    }


def content_digest(table: pa.Table) -> str:
    """Return the SHA-256 of a table's schema and values, however they are encoded."""
    found = hashlib.sha256()
    for field, column in zip(table.schema, table.columns, strict=True):
        found.update(f"{field.name} {field.type} {len(column)} ".encode())
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            found.update(column.is_null().to_numpy().tobytes())
            found.update(column.fill_null(0).to_numpy().tobytes())
        else:
            found.update(json.dumps(column.to_pylist()).encode())
    return found.hexdigest()


def made_with() -> dict[str, Any]:
    """Return what could change bytes without a change of code."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "llvm": ".".join(map(str, llvmlite.binding.llvm_version_info)),
        "machine": platform.machine(),
        "processor": llvmlite.binding.get_host_cpu_name(),
        "features": sorted({*simd.get("baseline", ()), *simd.get("found", ())}),
    }


def measure(tree: Path, only: list[str], workers: int, columns: Any) -> dict[str, Any]:
    """Return the digests of the runs that are asked for, and whose code made them."""
    known = runs(columns)
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(workers) as pool:
        there = Tree(tree, Path(scratch))
        makes = (known[name] for name in known if name in only)
        parts = list(pool.map(lambda make: make(there), makes))
        found = {name: told for part in parts for name, told in part.items()}
        _refuse_other_than_whole(found)
        return {"commit": there.commit(), "made_with": made_with(), "files": found}


def _refuse_other_than_whole(found: Digests) -> None:
    """End if the resumed run has other bytes than the one that was left alone."""
    for name, told in found.items():
        run, _, file = name.partition("/")
        again = found.get(f"resumed/{file}")
        if run == "her" and again is not None and again != told:
            raise SystemExit(f"error: resumed/{file} is not as in the whole run")


# ------------------------------------------------------------------------ the commands


def main() -> int:
    """Record or compare; return 1 if a file differs."""
    parser = argparse.ArgumentParser(description="Compare runs byte by byte.")
    parser.add_argument("do", choices=("record", "compare"))
    parser.add_argument("file", type=Path, help="JSON file of the digests")
    parser.add_argument("--only", metavar="A,B", help="only these runs")
    parser.add_argument("--tree", type=Path, default=ROOT, help="checkout to run")
    parser.add_argument("--workers", type=int, default=2, help="runs at once (2)")
    args = parser.parse_args()
    only = args.only.split(",") if args.only else list(runs())
    if unknown := set(only) - set(runs()):
        parser.error(
            f"no run is called {min(unknown)!r}; there are {', '.join(runs())}"
        )
    if args.do == "record":
        found = measure(args.tree, only, args.workers, None)
        args.file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        print(f"{args.file}: {len(found['files'])} files of {found['commit']}")
        return 0
    known = json.loads(args.file.read_text())
    columns = known["files"].get("sweep/table", {}).get("columns", "").split(",")
    return tell(known, measure(args.tree, only, args.workers, columns), only)


def tell(known: dict[str, Any], found: dict[str, Any], only: list[str]) -> int:
    """Print a line a file; return 1 if one is not as it was."""
    before, now = known["made_with"], found["made_with"]
    how = "bytes" if before["pyarrow"] == now["pyarrow"] else "content"
    wanted = {
        name: told
        for name, told in known["files"].items()
        if name.partition("/")[0] in only
    }
    wrong = 0
    for name in sorted({*wanted, *found["files"]}):
        one, other = wanted.get(name, {}), found["files"].get(name, {})
        word = "same" if one.get(how) == other.get(how) else "DIFFERS"
        word = "NEW" if not one else "MISSING" if not other else word
        wrong += word != "same"
        print(f"{word:<8} {name}")
    print(f"{len(wanted) - wrong} of {len(wanted)} files have the {how} of", end=" ")
    print(f"{known['commit']}; this is {found['commit']}")
    for name in before:
        if before[name] != now.get(name):
            print(f"note: {name} was {before[name]}, is {now.get(name)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
