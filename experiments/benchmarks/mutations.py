"""Change what is stored at random, in every way there is, and have it verified.

A run with checkpoints, one that was cut short, one whose cast speaks with its
transcript, and a sweep that keeps its runs are made. Each trial takes a fresh copy of
one of them, changes it (a bit, a column, a file, a day, a seed, a version, ...) and
verifies it. A change that is not noticed is silent, and the exit code is then 1.

    python experiments/benchmarks/mutations.py [--count 1000] [--seed 0] [--json]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import sim
from sim.minds.options import MindOptions
from sim.runs.digests import digest_of_file
from sim.runs.parquet import write_table
from sim.runs.writer import UNFINISHED, as_text, begun_at
from sim.society import Society
from sim.studies.job import run_job
from sim.studies.store import LEDGER, LOCK
from sim.studies.verify import verify

SMALL = {"humans": 30, "steps": 12, "innovation": 0.2}
NONE_OF_IT = (LOCK, f"{LEDGER}-shm", f"{LEDGER}-wal")  # they come with who looks in
DAYS: dict[str, Any] = {"snapshot_every": 3, "checkpoint_every": 3}


class Here(Executor):
    """Does every run in this process."""

    def submit(self, _: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
        """Do a job at once."""
        future: Future[Any] = Future()
        future.set_result(run_job(given[0]))
        return future


# ----------------------------------------------------------------------- what is tried


def make(folder: Path) -> None:
    """Make all that is tried, in a folder."""
    story = sim.scenario("her-film-cut").replace(**SMALL)
    sim.run(story, seed=1, out=folder / "run", **DAYS)
    sim.run(story, seed=2, out=folder / "another", **DAYS)
    with cut_short(after=10):
        sim.run(story, seed=3, out=folder / "begun", **DAYS)
    begun_at(folder / "begun").rename(folder / "begun")
    mind = MindOptions(kind="scripted", cast=4, talks=1.0, record=folder / "talk.jsonl")
    sim.run(story, seed=4, out=folder / "cast", mind=mind)
    design = {
        "name": "small",
        "seeds": 2,
        "keep_runs": True,
        "outcomes": ["left", "loneliness_end"],
        "base": {"humans": 12, "steps": 3},
        "grid": {"reach": [2.0, 3.0]},
    }
    sim.sweep(design, Here(), out=folder / "sweep")


@contextmanager
def cut_short(after: int) -> Iterator[None]:
    """Have runs end in the middle of a day, as if they were killed."""
    ordinary = Society.step

    def step(society: Society) -> None:
        if society.day["step"] == after:
            raise KeyboardInterrupt
        ordinary(society)

    Society.step = step  # type: ignore[method-assign]
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        Society.step = ordinary  # type: ignore[method-assign]


class Copy(NamedTuple):
    """A copy of something stored, to be changed."""

    path: Path
    other: Path  # what another run wrote
    draw: random.Random

    def files(self, pattern: str = "*") -> list[Path]:
        """Return its files, of all kinds or some."""
        found = sorted(file for file in self.path.rglob(pattern) if file.is_file())
        return [f for f in found if f.name not in NONE_OF_IT and f.name[0] != "."]

    def one(self, pattern: str = "*") -> Path:
        """Return one of its files."""
        return self.draw.choice(self.files(pattern))

    def two(self, pattern: str = "*") -> tuple[Path, Path]:
        """Return two of its files, or folders, that are not the same."""
        first, second = self.draw.sample(self.files(pattern), 2)
        return first, second


# ------------------------------------------------------------------------------ bytes


def one_bit(copy: Copy) -> None:
    file = copy.one()
    raw = bytearray(file.read_bytes())
    if raw:
        raw[copy.draw.randrange(len(raw))] ^= 1 << copy.draw.randrange(8)
    file.write_bytes(raw)


def cut(copy: Copy) -> None:
    file = copy.one()
    raw = file.read_bytes()
    file.write_bytes(raw[: copy.draw.randrange(len(raw))] if raw else raw)


def added_bytes(copy: Copy) -> None:
    file = copy.one()
    file.write_bytes(file.read_bytes() + copy.draw.randbytes(copy.draw.randint(1, 9)))


def zeros(copy: Copy) -> None:
    """Leave what a file system may, after a power cut."""
    file = copy.one()
    raw = bytearray(file.read_bytes())
    at = copy.draw.randrange(max(1, len(raw)))
    raw[at : at + 512] = bytes(len(raw[at : at + 512]))
    file.write_bytes(raw)


# ------------------------------------------------------------------------------ files


def lost(copy: Copy) -> None:
    copy.one().unlink()


def swapped(first: Path, second: Path) -> None:
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def two_files(copy: Copy) -> None:
    swapped(*copy.two())


def two_tables_of_a_name(copy: Copy) -> None:
    """Swap tables of two days."""
    name = copy.draw.choice(("ties", "humans", "oses"))
    swapped(*copy.two(f"{name}*.parquet"))


def two_days(copy: Copy) -> None:
    """Give two checkpoints each other's names."""
    swapped(*copy.draw.sample(sorted((copy.path / "checkpoints").iterdir()), 2))


def a_day_more(copy: Copy) -> None:
    file = copy.one("*-*.parquet")
    name = file.stem.rpartition("-")[0]
    days = [f"{name}-{day:06d}.parquet" for day in range(15)]
    others = [other for other in days if other != file.name]
    shutil.copy(file, file.with_name(copy.draw.choice(others)))


def of_another_run(copy: Copy) -> None:
    theirs = [one.relative_to(copy.other) for one in copy.other.rglob("*.*")]
    name = copy.draw.choice([one for one in theirs if (copy.path / one).is_file()])
    shutil.copy(copy.other / name, copy.path / name)


# ----------------------------------------------------------------------------- tables


def two_columns(copy: Copy) -> None:
    file = copy.one("*.parquet")
    table = pq.read_table(file)
    kinds = Counter(table.schema.types)
    same = [field.name for field in table.schema if kinds[field.type] > 1]
    if len(same) > 1:
        first, second = copy.draw.sample(same, 2)
        names = {first: second, second: first}
        write_table(
            file, table.rename_columns([names.get(n, n) for n in table.schema.names])
        )


def one_value(copy: Copy) -> None:
    file = copy.one("*.parquet")
    table = pq.read_table(file)
    numeric = [f for f in table.schema if pa.types.is_floating(f.type)]
    if table.num_rows and numeric:
        field = copy.draw.choice(numeric)
        values = table.column(field.name).to_numpy().copy()
        at = copy.draw.randrange(len(values))
        values[at] = np.nextafter(values[at], values.dtype.type(np.inf))
        place = table.schema.get_field_index(field.name)
        write_table(file, table.set_column(place, field.name, pa.array(values)))


def two_rows(copy: Copy) -> None:
    file = copy.one("*.parquet")
    table = pq.read_table(file)
    if table.num_rows > 1:
        order = np.arange(table.num_rows)
        first, second = copy.draw.sample(range(table.num_rows), 2)
        order[[first, second]] = order[[second, first]]
        write_table(file, table.take(order).combine_chunks())


# ------------------------------------------------------------------------- what is said


def said(file: Path, change: Callable[[Any], None]) -> None:
    """Change what JSON says, and write it as it was written."""
    known = json.loads(file.read_bytes())
    change(known)
    if file.name == "society.json":
        file.write_text(json.dumps(known, indent=1, ensure_ascii=False))
    elif file.name == UNFINISHED:
        file.write_text(json.dumps(known, ensure_ascii=False, sort_keys=True) + "\n")
    else:
        file.write_text(as_text(known))


def of_record(known: Any) -> Any:
    """Return provenance within what JSON says."""
    return known.get("provenance", known)


def a_seed(copy: Copy) -> None:
    def change(known: Any) -> None:
        of_record(known)["seed"] += copy.draw.choice((1, 2, 2**40))

    said(copy.draw.choice(records(copy)), change)


def a_version(copy: Copy) -> None:
    def change(known: Any) -> None:
        made_by = of_record(known)
        made_by = made_by.get("made_by", made_by)
        libraries = made_by["libraries"]
        name = copy.draw.choice([*libraries, "python"])
        (made_by if name == "python" else libraries)[name] = "1.2.3"

    said(copy.draw.choice(records(copy)), change)


def a_parameter(copy: Copy) -> None:
    def change(known: Any) -> None:
        record = of_record(known)
        values = record.get("parameters") or record["scenario"]["parameters"]
        name = copy.draw.choice([n for n, v in values.items() if type(v) is float])
        values[name] = values[name] * 2 + 0.125

    said(copy.draw.choice(records(copy)), change)


def a_digest(copy: Copy) -> None:
    def change(known: Any) -> None:
        known["files"][copy.draw.choice(list(known["files"]))] = "0" * 64

    said(copy.draw.choice([f for f in records(copy) if f.name != UNFINISHED]), change)


def no_digest(copy: Copy) -> None:
    def change(known: Any) -> None:
        del known["digest"]

    said(copy.draw.choice(records(copy)), change)


def records(copy: Copy) -> list[Path]:
    """Return the files of JSON that say what made something."""
    names = ("provenance.json", "society.json", UNFINISHED)
    return [file for name in names for file in copy.files(name)]


# ------------------------------------------------------------------------- transcripts


def of_lines(change: Callable[[list[bytes], random.Random], None]) -> Change:
    """Return what changes the lines of a transcript."""

    def changed(copy: Copy) -> None:
        file = copy.one("*.jsonl")
        lines = file.read_bytes().splitlines(keepends=True)
        change(lines, copy.draw)
        file.write_bytes(b"".join(lines))

    return changed


def of_a_line(change: Callable[[dict[str, Any], random.Random], None]) -> Change:
    """Return what changes the fields of a line, and writes it as it was written."""

    def changed(lines: list[bytes], draw: random.Random) -> None:
        at = draw.randrange(1, len(lines))
        fields = json.loads(lines[at])
        change(fields, draw)
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        lines[at] = text.encode() + b"\n"

    return of_lines(changed)


def an_answer(fields: dict[str, Any], draw: random.Random) -> None:
    fields["text"] = (fields["text"] or "").replace("0", "1") + " "


def a_question(fields: dict[str, Any], draw: random.Random) -> None:
    message = draw.choice(fields["messages"])
    message["content"] = message["content"].replace("You", "They", 1) + "."


def a_key(fields: dict[str, Any], draw: random.Random) -> None:
    fields["key"] = f"{draw.randrange(2**256):064x}"


def another_place(fields: dict[str, Any], draw: random.Random) -> None:
    fields[draw.choice(("step", "agent", "other", "draw"))] += 1


def another_model(lines: list[bytes], draw: random.Random) -> None:
    fields = json.loads(lines[0])
    name = draw.choice(("model", "software", "provider", "prompts"))
    fields[name] += "x"
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    lines[0] = text.encode() + b"\n"


def a_line_lost(lines: list[bytes], draw: random.Random) -> None:
    """Lose any line but the last: that nothing follows it is not known."""
    del lines[draw.randrange(1, len(lines) - 1)]


def two_lines(lines: list[bytes], draw: random.Random) -> None:
    first, second = draw.sample(range(1, len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]


def a_line_again(lines: list[bytes], draw: random.Random) -> None:
    lines.append(lines[draw.randrange(1, len(lines))])


# ----------------------------------------------------------------------------- ledgers


def of_ledger(text: str) -> Change:
    """Return what changes a ledger, by SQL; ? is the place of a run."""

    def changed(copy: Copy) -> None:
        with closing(sqlite3.connect(copy.path / LEDGER)) as ledger:
            runs = [run for (run,) in ledger.execute("SELECT run FROM runs")]
            first, second = copy.draw.sample(runs, 2)
            given = {"one": first, "two": second, "at": copy.draw.randrange(4)}
            ledger.execute(text, given)
            ledger.commit()

    return changed


def two_kept(copy: Copy) -> None:
    """Give two runs that were kept each other's names."""
    swapped(*copy.draw.sample(sorted((copy.path / "runs").glob("*/")), 2))


Change = Callable[[Copy], None]
BYTES: dict[str, Change] = {
    "one bit": one_bit,
    "cut": cut,
    "bytes added": added_bytes,
    "a block of zeros": zeros,
    "a file lost": lost,
    "two files swapped": two_files,
}
TABLES: dict[str, Change] = {
    "two columns swapped": two_columns,
    "two rows swapped": two_rows,
    "one value": one_value,
    "two days of a table swapped": two_tables_of_a_name,
}
RECORDS: dict[str, Change] = {
    "a seed": a_seed,
    "a library version": a_version,
    "a parameter": a_parameter,
    "no digest": no_digest,
}
CHANGES: dict[str, dict[str, Change]] = {
    "run": {
        **(BYTES | TABLES | RECORDS),
        "another digest": a_digest,
        "a day more": a_day_more,
        "two checkpoints swapped": two_days,
        "a file of another run": of_another_run,
    },
    "begun": {
        **(BYTES | TABLES | RECORDS),
        "two checkpoints swapped": two_days,
        "a file of another run": of_another_run,
    },
    "cast": {**BYTES, **RECORDS},
    "talk.jsonl": {
        **{name: BYTES[name] for name in ("one bit", "bytes added")},
        "an answer": of_a_line(an_answer),
        "a question": of_a_line(a_question),
        "a key": of_a_line(a_key),
        "another place": of_a_line(another_place),
        "another model or version": of_lines(another_model),
        "a line lost": of_lines(a_line_lost),
        "two lines swapped": of_lines(two_lines),
        "a line again": of_lines(a_line_again),
    },
    "sweep": {
        **(BYTES | RECORDS),
        "two columns swapped": two_columns,
        "two kept runs swapped": two_kept,
        "a seed in the ledger": of_ledger(
            "UPDATE runs SET seed = seed + 1 WHERE run = :one"
        ),
        "a version in the ledger": of_ledger(
            "UPDATE runs SET versions = replace(versions, 'numpy', 'numqy') "
            "WHERE run = :one"
        ),
        "outcomes of another run": of_ledger(
            "UPDATE runs SET (outcomes, digest) = (SELECT outcomes, digest FROM runs "
            "WHERE run = :two) WHERE run = :one"
        ),
        "a point of another run": of_ledger(
            "UPDATE points SET run = :one WHERE position = :at AND run != :one"
        ),
        "another design": of_ledger(
            "UPDATE about SET value = replace(value, '2.0', '2.5') WHERE key = 'design'"
        ),
        "a run that failed": of_ledger(
            "UPDATE runs SET state = 'failed' WHERE run = :one"
        ),
        "a run lost": of_ledger("DELETE FROM runs WHERE run = :one"),
    },
}


# ----------------------------------------------------------------------------- trials


class Trial(NamedTuple):
    """A change of something, and whether it was noticed."""

    what: str
    kind: str
    told: list[str]  # all that was said of it

    @property
    def is_silent(self) -> bool:
        """Whether nobody noticed."""
        return not self.told


def digest_of(path: Path) -> dict[str, str]:
    """Return the names and digests of all files of something."""
    found = (file for file in path.rglob("*") if file.name not in NONE_OF_IT)
    return {str(file): digest_of_file(file) for file in found if file.is_file()}


def trial(made: Path, what: str, kind: str, draw: random.Random) -> Trial:
    """Change something that was made in a way, until it differs, and verify it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "tried"
        target = place if (made / what).is_dir() else place / what
        for _ in range(100):
            shutil.rmtree(place, ignore_errors=True)
            if target == place:
                shutil.copytree(made / what, place)
            else:
                place.mkdir()
                shutil.copy(made / what, target)
            before = digest_of(place)
            CHANGES[what][kind](Copy(place, made / "another", draw))
            if digest_of(place) != before:
                break
        else:
            raise RuntimeError(f"nothing changed: {what}, {kind}")
        try:
            found = verify(target)
        except sim.InputError as error:
            return Trial(what, kind, [str(error)])
        told = [f"{o.path}: {o.text}" for o in (*found.faults, *found.unproved)]
        return Trial(what, kind, told)


def kinds() -> list[tuple[str, str]]:
    """Return all that can be changed, and how."""
    return [(what, kind) for what, ways in CHANGES.items() for kind in ways]


def trials(made: Path, count: int, seed: int) -> Iterator[Trial]:
    """Yield trials of all kinds in turn, each drawn anew."""
    draw, known = random.Random(seed), kinds()
    for number in range(count):
        yield trial(made, *known[number % len(known)], draw)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000, help="changes (1000)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    tried, silent = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        make(made)
        for what in CHANGES:  # else all would be noticed
            if not (found := verify(made / what)).is_proved:
                raise RuntimeError(f"{what} is not proved: {found}")
        for one in trials(made, args.count, args.seed):
            tried[one.what, one.kind] += 1
            silent[one.what, one.kind] += one.is_silent
    rows = [
        {"what": w, "kind": k, "tried": n, "silent": silent[w, k]}
        for (w, k), n in tried.items()
    ]
    if args.json:
        print(json.dumps(rows, indent=1))
    else:
        print(f"{'what':<12} {'change':<28} {'tried':>6} {'named':>6} {'silent':>6}")
        for what, kind, count, missed in (row.values() for row in rows):
            named = count - missed
            print(f"{what:<12} {kind:<28} {count:>6} {named:>6} {missed:>6}")
        named = tried.total() - silent.total()
        print(f"{'all':<41} {tried.total():>6} {named:>6} {silent.total():>6}")
    return int(silent.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
