"""Try everything that runs a society on every example of `experiments/mechanisms`.

Each mechanism (and each scenario file) there is run for some days as a small, quick
society, and then: read again with its own columns, its provenance looked at, killed
and resumed, forked, swept by two workers, compared with a society without it, ablated,
exported, reported. What must have the same bytes is compared byte by byte.

    python experiments/facilities.py [--only couples.py] [--out results/facilities.csv]

prints a table and, with --out, writes it; rows of other examples stay. The exit code
is 1 if something does not work. It takes a quarter of a minute for each example.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import sim
from sim.runs.export import export
from sim.runs.headcount import numbers_there
from sim.runs.run import resume
from sim.studies.contract import QUICK

FOLDER = Path(__file__).parent / "mechanisms"
SMALL = QUICK | {"humans": 30, "steps": 30}
EVERY = 10  # days between checkpoints


class Example(NamedTuple):
    """An example, and where the trials of it write."""

    file: Path
    mechanism: str  # its name; of a scenario's file: none
    town: Any
    folder: Path

    @property
    def without(self) -> Any:
        """The society with the mechanism switched off; of a scenario, without grief."""
        off = {self.mechanism: False} if self.mechanism else {"grieving": False}
        return self.town.replace(**off)

    @property
    def whole(self) -> Any:
        """The run that was not interrupted."""
        return sim.load(self.folder / "whole")


def example_of(file: Path, folder: Path) -> Example | None:
    """Return an example; None if a file is neither a mechanism nor a scenario."""
    if file.suffix == ".toml":
        town = sim.scenario(file)
        most = town.interventions[-1].at if town.interventions else 0
        return Example(file, "", town.replace(**SMALL | {"steps": most + 30}), folder)
    if "Mechanism(" not in file.read_text(encoding="utf-8"):
        return None
    one = sim.use(file)
    town = sim.scenario("her").use(one.name).replace(**SMALL)
    return Example(file, one.name, town, folder)


def same_bytes(one: Any, other: Any) -> bool:
    """Tell whether two runs have the same bytes, but for checkpoints and provenance."""
    found = []
    for run in (one, other):
        files = [*run.path.glob("*.parquet"), *run.path.glob("snapshots/*.parquet")]
        last = f"{run.steps[-1]:06d}"
        kept = [f for f in files if f.parent == run.path or last in f.name]
        found.append({f.name: f.read_bytes() for f in kept})
    return found[0] == found[1] and len(found[0]) > 3


# ------------------------------------------------------------------------------ trials


def run(one: Example) -> bool:
    """Run it, with checkpoints."""
    place = one.folder / "whole"
    result = sim.run(one.town, seed=1, out=place, checkpoint_every=EVERY)
    return len(numbers_there(result, 0)) == SMALL["humans"]


def provenance(one: Example) -> bool:
    """Look whether the run says which code it was, and keeps it."""
    sim.verify(one.whole.path)
    if not one.mechanism:
        return True
    digest = hashlib.sha256(one.file.read_bytes()).hexdigest()
    said: str = one.whole.provenance["mechanisms"][one.mechanism]
    (kept,) = (one.whole.path / "mechanisms").iterdir()
    return (
        bool(said)
        and digest.startswith(said)
        and kept.read_bytes() == one.file.read_bytes()
    )


def tables(one: Example) -> bool:
    """Read its own columns from the tables of the run."""
    parameters, whole = type(one.town.parameters), one.whole
    there = {"humans": whole.humans(), "oses": whole.oses(), "ties": whole.ties()}
    own = [(t, c.name) for t in there for c in parameters.own_columns(t)]
    others = [whole.table(name) for name in parameters.own_tables()]
    return all(name in there[table].columns for table, name in own) and all(
        len(table.columns) for table in others
    )


def resumed(one: Example) -> bool:
    """Let a process die at its second checkpoint, and complete its run."""
    place = one.folder / "cut"
    use = f".use({one.file.as_posix()!r})" if one.mechanism else ""
    scenario = "her" if one.mechanism else one.file.as_posix()
    small = SMALL | {"steps": one.town.parameters.steps}
    code = (
        "import os, sim\nfrom sim.runs import simulate as s\n"
        "save, count = s.save_checkpoint, []\n"
        "def then_die(*given):\n"
        "    save(*given); count.append(1)\n"
        "    if len(count) == 2: os._exit(9)\n"
        "s.save_checkpoint = then_die\n"
        f"town = sim.scenario({scenario!r}){use}.replace(**{small!r})\n"
        f"sim.run(town, seed=1, out={str(place)!r}, checkpoint_every={EVERY})\n"
    )
    died = subprocess.run([sys.executable, "-c", code], check=False).returncode
    return died == 9 and same_bytes(one.whole, resume(place))


def forked(one: Example) -> bool:
    """Continue the run from a checkpoint, as another one."""
    return same_bytes(one.whole, one.whole.fork(EVERY, out=one.folder / "fork"))


def swept(one: Example) -> bool:
    """Sweep it with two worker processes."""
    design: dict[str, Any] = {"name": "tried", "outcomes": ["loneliness_end"]}
    if one.mechanism:
        design |= {"mechanisms": [one.mechanism], "base": SMALL}
        design["grid"] = {one.mechanism: [True, False]}
    else:
        design |= {"scenario": str(one.file), "seeds": 2}
        design["base"] = SMALL | {"steps": one.town.parameters.steps}
    table = sim.sweep(design, out=one.folder / "sweep", workers=2).table()
    return len(table) >= 2 and bool((table["state"] == "done").all())


def compared(one: Example) -> bool:
    """Compare it with the society without it, by the same random numbers."""
    found = sim.counterfactual(
        one.without, one.town, seeds=2, outcomes=["loneliness_end"]
    )
    return bool(found.differences.notna().to_numpy().any())


def ablated(one: Example) -> bool:
    """Switch it off beside a mechanism of the model."""
    names = [*([one.mechanism] if one.mechanism else []), "imitation"]
    found = sim.ablate(one.town, seeds=2, mechanisms=names, pairs=False)
    return set(found["off"]) == {"nothing", *names}


def exported(one: Example) -> bool:
    """Write its network, with its own columns, for other programs."""
    own = [c.name for c in type(one.town.parameters).own_columns("humans")]
    (file,) = export(one.whole, one.folder / "all.graphml")
    text = file.read_text(encoding="utf-8")
    return all(name in text for name in own)


def reported(one: Example) -> bool:
    """Make its page."""
    return "Report of a run" in sim.report(one.whole)


FACILITIES: dict[str, Callable[[Example], bool]] = {
    "run": run,
    "provenance": provenance,
    "tables": tables,
    "resume": resumed,
    "fork": forked,
    "sweep": swept,
    "counterfactual": compared,
    "ablation": ablated,
    "export": exported,
    "report": reported,
}


def tried(file: Path) -> dict[str, str] | None:
    """Return what comes of each trial: yes, no, or what was raised."""
    with tempfile.TemporaryDirectory() as folder:
        one = example_of(file, Path(folder))
        if one is None:
            return None
        found = {}
        for name, trial in FACILITIES.items():
            try:
                found[name] = "yes" if trial(one) else "no"
            except Exception as error:  # whatever it is, it is what is reported
                told = f"{type(error).__name__}: {error}".partition("\n")[0]
                found[name] = told[:150]
        return found


def _write(path: Path, rows: list[dict[str, str]], there: set[str]) -> None:
    """Write rows to a CSV file, in the place of older ones of the same examples."""
    known: dict[str, dict[str, str]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            known = {row["example"]: row for row in csv.DictReader(file)}
    known |= {row["example"]: row for row in rows}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["example", *FACILITIES], lineterminator="\n")
        writer.writeheader()
        writer.writerows(known[name] for name in sorted(there & known.keys()))


def main() -> int:
    """Try all examples, and print what works."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="a file, as couples.py")
    parser.add_argument("--out", type=Path, help="a CSV file")
    args = parser.parse_args()
    files = sorted([*FOLDER.glob("*.py"), *FOLDER.glob("*.toml")])
    rows = []
    for file in files:
        if args.only and file.name not in args.only:
            continue
        found = tried(file)
        if found is not None:
            rows.append({"example": file.name, **found})
            failed = [f"{n}: {how}" for n, how in found.items() if how != "yes"]
            works = f"{len(found) - len(failed)} of {len(found)}"
            print("; ".join([f"{file.name:28}{works}", *failed]), flush=True)
    if args.out is not None:
        _write(args.out, rows, {file.name for file in files})
    return int(any(how != "yes" for row in rows for how in list(row.values())[1:]))


if __name__ == "__main__":
    sys.exit(main())
