"""Proof of a run or a checkpoint: all that can be worked out again, is.

What is found comes as findings, one for each artefact, fault, or limit of what can be
proved. Nothing here trusts what was read before: every file is read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sim.runs import checkpoint, schemas, validation
from sim.runs.digests import (
    FILES,
    OTHER_BYTES,
    PROVENANCE,
    digest_of_file,
    files_of,
)
from sim.runs.headcount import comes_and_goes
from sim.runs.readings import days
from sim.runs.result import Result
from sim.runs.writer import READINGS, UNFINISHED, as_text, is_ours, snapshot_name
from sim.utils.errors import InputError
from sim.utils.provenance import DIGEST, LARGEST, is_sealed
from sim.utils.untrusted import read_bytes, read_json, resolve_inside

SOUND, FAULT, UNPROVED = "sound", "fault", "unproved"
NO_DIGESTS = (
    "it was made by an older version, which kept no digests: that its files are those "
    "that were written cannot be proved"
)


class Finding(NamedTuple):
    """What was found of an artefact."""

    state: str  # SOUND, FAULT or UNPROVED
    kind: str  # run, unfinished run, checkpoint, sweep, transcript
    path: str
    text: str


class Findings:
    """Findings of one artefact, as they come.

    Parameters
    ----------
    kind, path
        What it is, and where.
    """

    def __init__(self, kind: str, path: Path) -> None:
        self.kind, self.path = kind, path
        self.found: list[Finding] = []

    def add(self, state: str, text: str, path: Path | None = None) -> None:
        """Add one, of the artefact or of a file in it."""
        place = str(self.path if path is None else path)
        self.found.append(Finding(state, self.kind, place, text))

    def fault(self, text: str, path: Path | None = None) -> None:
        """Add a fault."""
        self.add(FAULT, text, path)

    def tried(self, look: Callable[[], object], path: Path | None = None) -> bool:
        """Do something; what it refuses is a fault. Return whether all was well."""
        place = self.path if path is None else path
        try:
            with validation.as_input_error(place, self.path):
                look()
        except InputError as error:
            text = str(error).removesuffix("; run it again").removeprefix(f"{place} ")
            self.fault(text, place)
            return False
        except checkpoint.WRONG as error:
            self.fault(f"is damaged: {error}", place)
            return False
        return True

    @property
    def is_faulty(self) -> bool:
        """Whether there is a fault."""
        return any(one.state == FAULT for one in self.found)

    def end(self, text: str) -> list[Finding]:
        """Return all, with a line on the whole unless something is wrong with it."""
        if all(one.state == SOUND for one in self.found):
            self.add(SOUND, text)
        return self.found


# --------------------------------------------------------------------------------- run


def prove_run(path: Path) -> list[Finding]:
    """Return what can be said of the run in a directory.

    Looked at are its provenance (schema, digest, and how it is written), the digest of
    each file, that no file is missing or too many, the tables as they are read, that
    days, seed and sizes fit each other, and each checkpoint.
    """
    found = Findings("run", path)
    record = _record(found, path)
    if record is None:
        return found.found
    listed = record.get(FILES)
    _prove_files(found, path, listed)
    if not found.is_faulty:
        found.tried(lambda: _read_all(path, record))
    if changed := record.get("source_changed"):
        names = ", ".join(map(str, changed[:3]))
        found.add(UNPROVED, f"the source changed while it was in use: {names}")
    _prove_checkpoints(found, path, record)
    count = len(listed or files_of(path))
    days = (record.get("stopped") or {}).get("day", record["steps"])
    return found.end(f"{count} files, {days} days, seed {record['seed']}")


def _record(found: Findings, path: Path) -> dict[str, Any] | None:
    """Return the provenance of a run, if it can be read at all."""
    file = path / PROVENANCE
    record: dict[str, Any] = {}

    def read() -> None:
        known = read_json(resolve_inside(path, PROVENANCE), LARGEST)
        if not is_ours(known):
            raise InputError(f"{file} is not the provenance of a run")
        validation.check_provenance(file, known)
        record.update(known)

    if not found.tried(read, file):
        return None
    if FILES not in record and DIGEST not in record:
        found.add(UNPROVED, NO_DIGESTS)
    elif not isinstance(record.get(FILES), dict) or not is_sealed(record):
        found.fault("other values were written, as its digest says", file)
    elif read_bytes(file, LARGEST) != as_text(record).encode():
        found.fault("is not written as it was", file)
    return record


def _prove_files(found: Findings, path: Path, listed: Any) -> None:
    """Hold all files of a run against the digests that it lists."""
    if not isinstance(listed, dict):
        return
    for name, digest in listed.items():
        _prove_file(found, path, name, digest)
    for name in files_of(path):
        if name not in listed:
            found.fault(
                f"is not of this run: {PROVENANCE} does not list it", path / name
            )


def _prove_file(found: Findings, folder: Path, name: str, digest: Any) -> None:
    def look() -> None:
        if digest_of_file(resolve_inside(folder, name)) != digest:
            raise ValueError(OTHER_BYTES)

    found.tried(look, folder / name)


def _days_lived(record: Mapping[str, Any], steps: int) -> int:
    """Return how many days a run lived, of which a stopping rule may spare some."""
    stopped = record.get("stopped")
    if stopped is None:
        return steps
    day = stopped.get("day")
    if not record.get("until") or not isinstance(day, int) or not 1 <= day < steps + 1:
        raise ValueError("it says that it was stopped, and not rightly when or by what")
    return day


def _read_all(path: Path, record: Mapping[str, Any]) -> None:
    """Read all tables of a run; InputError or ValueError if they do not fit."""
    result = Result(path)
    steps, humans = record["steps"], record["parameters"].get("humans")
    if record["parameters"].get("steps", steps) != steps:
        raise ValueError("its steps are other than its parameter says")
    steps = _days_lived(record, steps)
    if result.series.index.tolist() != list(range(1, steps + 1)):
        raise ValueError("its series has other days than it has steps")
    if len(result.events) and not result.events["step"].between(0, steps).all():
        raise ValueError("an event is on a day that it does not have")
    for step in result.steps:
        if not 0 <= step <= steps:
            raise ValueError(f"it has a snapshot of day {step}")
        people = result.humans(step)
        if comes_and_goes(people):
            people = people[people["came_step"] == 0]
        if len(people) != humans:
            raise ValueError(f"on day {step} there are not {humans} humans")
        _ = result.oses(step), result.speech.memories(step)
        _ = [result.table(name, step) for name in result.tables]
        check = validation.ties_of(result.agents_in_all)
        with validation.open_table(
            path, snapshot_name("ties", step), schemas.TIES_SCHEMA
        ) as file:
            for part in file.parts():
                check(part)
    _ = result.speech.talks, result.speech.calls
    if (path / READINGS).exists() and result.steps:
        for _note in days([path / READINGS], result.agents_in_all):
            pass


# -------------------------------------------------------------------------- checkpoint


def prove_checkpoint(place: Path) -> list[Finding]:
    """Return what can be said of a checkpoint, by its folder in ``checkpoints``.

    Those before it, on which it builds, are looked at as far as it does.
    """
    found, run = Findings("checkpoint", place), place.parent.parent
    if not place.name.isdecimal() or place.parent.name != checkpoint.FOLDER:
        found.fault("is not where its run keeps it: checkpoints/, by its day")
        return found.found
    day = int(place.name)
    known: dict[int, dict[str, Any]] = {}
    if found.tried(lambda: known.update(checkpoint.metas(run, day))):
        found.tried(lambda: checkpoint.check_files(run, day))
        found.found += _prove_tables(run, day, known[day])
    return found.found


def _prove_checkpoints(found: Findings, run: Path, record: Mapping[str, Any]) -> int:
    """Look at all checkpoints of a run, whose seed and parameters are known."""
    last = max(checkpoint.steps(run), default=-1)
    known: dict[int, dict[str, Any]] = {}
    found.tried(lambda: known.update(checkpoint.metas(run, last)))
    for day, meta in known.items():
        if not _is_of(meta, record):
            file = run / checkpoint.FOLDER / f"{day:06d}" / checkpoint.META
            found.fault("is of another run: its seed or parameters are others", file)
        found.found += _prove_tables(run, day, meta)
    return len(known)


def _prove_tables(run: Path, day: int, known: Mapping[str, Any]) -> list[Finding]:
    """Return what can be said of one checkpoint, by what it says itself.

    Its digests are held against its files whether its mechanisms are in use or not.
    """
    place = run / checkpoint.FOLDER / f"{day:06d}"
    found, file = Findings("checkpoint", place), place / checkpoint.META
    unread = checkpoint.not_here(file, known)
    read = checkpoint.read_outline if unread else checkpoint.read_meta
    if not found.tried(lambda: read(file), file):
        return found.found
    if known["step"] != day:
        found.fault(f"is of day {known['step']}, not of day {day}", file)
    listed = known.get(FILES)
    if not isinstance(listed, dict):
        found.add(UNPROVED, NO_DIGESTS)
        if unread:
            found.add(UNPROVED, f"its tables were not read: {unread}")
        else:
            found.tried(lambda: checkpoint.load(run, day))
        return found.found
    if read_bytes(file, checkpoint.LARGEST) != checkpoint.as_text(known).encode():
        found.fault("is not written as it was", file)
    for name, digest in listed.items():
        _prove_file(found, place, name, digest)
    for other in sorted(place.rglob("*")):
        if other.name not in {checkpoint.META, *listed}:
            found.fault("is not of this checkpoint, which does not list it", other)
    for name, digest in known.get("snapshots", {}).items():
        _prove_file(found, run, name, digest)
    text = f"day {day}, {len(listed)} files, seed {known['seed']}"
    return found.end(f"{text}; by its digests alone: {unread}" if unread else text)


def _is_of(known: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Tell whether a checkpoint can be of a run, by seed and parameters."""
    scenario = known.get("scenario")
    parameters = scenario.get("parameters") if isinstance(scenario, dict) else None
    return (known.get("seed"), parameters) == (record["seed"], record["parameters"])


# ---------------------------------------------------------------------- unfinished run


def prove_unfinished(place: Path) -> list[Finding]:
    """Return what can be said of a run that was cut short, by where it is kept."""
    found, file = Findings("unfinished run", place), place / UNFINISHED
    known: dict[str, Any] = {}
    if not found.tried(lambda: known.update(read_json(file, LARGEST)), file):
        return found.found
    record = known.get("provenance")
    if not isinstance(record, dict) or not is_sealed(known):
        found.fault("other values were written, as its digest says", file)
        return found.found
    if read_bytes(file, LARGEST) != _as_begun(known):
        found.fault("is not written as it was", file)
    if not found.tried(lambda: validation.check_provenance(file, record), file):
        return found.found
    count = _prove_checkpoints(found, place, record)
    bound: set[str] = set()
    found.tried(lambda: bound.update(_bound(place)))
    if not found.is_faulty:
        _name_unbound(found, place, bound)
    return found.end(f"{count} checkpoints, seed {record['seed']}")


def _bound(place: Path) -> set[str]:
    """Return the snapshots that checkpoints list."""
    last = max(checkpoint.steps(place), default=-1)
    metas = checkpoint.metas(place, last)
    return {name for _, meta in metas for name in meta.get("snapshots", {})}


def _name_unbound(found: Findings, place: Path, bound: set[str]) -> None:
    """Name the snapshots that no checkpoint lists: those of days to come are none."""
    last = max(checkpoint.steps(place), default=-1)
    for name in files_of(place):
        day = checkpoint.day_of(name)
        if 0 <= day <= last and name not in bound:
            found.fault("is not of this run: no checkpoint lists it", place / name)


def _as_begun(known: Mapping[str, Any]) -> bytes:
    return (json.dumps(known, ensure_ascii=False, sort_keys=True) + "\n").encode()
