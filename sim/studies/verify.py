"""Verify what is stored: a run, a sweep, a checkpoint or a transcript proves itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sim.minds.transcript_check import check_transcript, is_transcript
from sim.runs import checkpoint
from sim.runs.digests import FILES, PROVENANCE, digest_of_file
from sim.runs.proof import (
    FAULT,
    SOUND,
    UNPROVED,
    Finding,
    Findings,
    prove_checkpoint,
    prove_run,
    prove_unfinished,
)
from sim.runs.writer import UNFINISHED, begun_at
from sim.studies import store, store_digests
from sim.studies.job import DONE, Job, Task, Tasks, run_hash
from sim.studies.store_digests import DIGESTS, files_of_store
from sim.studies.sweeps import RUN, Sweep, load_sweep
from sim.utils.errors import InputError
from sim.utils.files import expanded
from sim.utils.provenance import LARGEST, is_sealed
from sim.utils.signatures import checked_arguments
from sim.utils.source import source_digest
from sim.utils.untrusted import parse_json, read_bytes, read_json, resolve_inside

NOT_OF_DESIGN = "that its runs are those of its design cannot be proved"


class Verification(NamedTuple):
    """What was found of all that is stored at a place."""

    findings: list[Finding]

    @property
    def faults(self) -> list[Finding]:
        """What is not as it was written."""
        return [one for one in self.findings if one.state == FAULT]

    @property
    def unproved(self) -> list[Finding]:
        """What nobody can tell whether it is."""
        return [one for one in self.findings if one.state == UNPROVED]

    @property
    def is_proved(self) -> bool:
        """Whether all is as it was written."""
        return all(one.state == SOUND for one in self.findings)


@checked_arguments()
def verify(path: str | Path) -> Verification:
    """Verify a stored run, sweep, checkpoint or transcript, whichever is there.

    All digests and keys are worked out again, all tables read, and it is looked at
    whether files, days, seeds and runs belong together. So a change by accident is
    found, to the bit. One made on purpose is not, if whoever made it wrote the digests
    anew, too: they are no signatures. To have that, keep the ``digest`` of a
    provenance elsewhere.

    Parameters
    ----------
    path
        A directory of a run, finished or not, of a sweep, or of a checkpoint; or the
        file of a transcript.

    Returns
    -------
    Verification
        With ``findings`` (state, kind, path and text of each), ``faults``, ``unproved``
        and ``is_proved``.

    Raises
    ------
    InputError
        If there is nothing of the kind.
    """
    place = expanded(path)
    if place.is_dir():
        return Verification(_of_folder(place))
    if place.is_file():
        if is_transcript(place):
            return Verification(_of_transcript(place))
        raise InputError(
            f"{place} is no transcript; name one, or the directory of a run, a sweep "
            "or a checkpoint"
        )
    if place.name and begun_at(place).is_dir():
        return Verification(prove_unfinished(begun_at(place)))
    raise InputError(f"there is nothing to verify at {place}")


def _of_folder(place: Path) -> list[Finding]:
    if (place / store.LEDGER).exists() or (place / DIGESTS).exists():
        return _of_sweep(place)
    if (place / checkpoint.META).exists() or place.parent.name == checkpoint.FOLDER:
        return prove_checkpoint(place.absolute())
    if (place / PROVENANCE).exists() or (place / "series.parquet").exists():
        return prove_run(place)
    if (place / UNFINISHED).exists():
        return prove_unfinished(place)
    raise InputError(
        f"{place} is neither a run nor a sweep nor a checkpoint: it has no "
        f"{PROVENANCE}, {store.LEDGER} or {checkpoint.META}"
    )


def _of_transcript(place: Path) -> list[Finding]:
    found, known = Findings("transcript", place), check_transcript(place)
    for text in known.faults:
        found.fault(text.removeprefix(f"{place} "))
    for text in known.unproved:
        found.add(UNPROVED, text)
    return found.end(f"{known.calls} calls, each under the key of its question")


# ------------------------------------------------------------------------------- sweep


def _of_sweep(place: Path) -> list[Finding]:
    """Return what can be said of a sweep, its kept runs and its transcripts."""
    found = Findings("sweep", place)
    _prove_store(found, place)
    kept: dict[str, Task] = {}
    count = [0]

    def read() -> None:
        sweep = load_sweep(place)
        try:
            count[0] = _prove_ledger(found, sweep)
            kept.update(_prove_points(found, sweep))
        except (sqlite3.Error, OverflowError) as error:
            raise ValueError(str(error)) from None

    found.tried(read, place / store.LEDGER)
    for folder in sorted((place / store.KEPT).glob("*/")):
        if not folder.name.startswith("."):
            found.found += prove_run(folder)
            _prove_kept(found, folder, kept)
    for file in sorted(place.rglob("*.jsonl")):
        found.found += _of_transcript(file)
    return found.end(f"{count[0]} runs done, their outcomes as they were written")


def _prove_store(found: Findings, place: Path) -> None:
    """Hold all files of a store against the digests of its last driver."""
    file, known = place / DIGESTS, {}
    if not file.exists():
        found.add(
            UNPROVED,
            f"it has no {DIGESTS}, since its driver did not end yet, was killed, or is "
            "an older version: of its ledger only runs and outcomes can be proved",
        )
        return

    def read() -> None:
        known.update(read_json(resolve_inside(place, DIGESTS), LARGEST))
        if not is_sealed(known) or not isinstance(known.get(FILES), dict):
            raise ValueError("other values were written, as its digest says")
        if read_bytes(file, LARGEST) != store_digests.as_text(known).encode():
            raise ValueError("it is not written as it was")

    if not found.tried(read, file):
        return
    for name, digest in known[FILES].items():
        found.tried(partial(_prove_listed, place, name, digest), place / name)
    if store_digests.has_log(place):
        found.fault(
            "has a log beside it, but no driver is at work", place / store.LEDGER
        )
    for name in files_of_store(place):
        if name not in known[FILES] and not name.endswith(f"/{PROVENANCE}"):
            found.fault(
                f"is not of this sweep: {DIGESTS} does not list it", place / name
            )


def _prove_listed(place: Path, name: str, digest: object) -> None:
    """Raise ValueError or OSError unless a file is as the last driver left it."""
    if digest_of_file(resolve_inside(place, name)) != digest:
        raise ValueError("it is not as the last driver left it: other bytes")


def _prove_ledger(found: Findings, sweep: Sweep) -> int:
    """Work out the digest of every row anew; return how many runs are done."""
    encoding, file, count = store.Encoding(sweep.outcomes), sweep.path / store.LEDGER, 0
    with closing(store.connect(file, read_only=True)) as ledger:
        (verdict,) = ledger.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            found.fault(f"is damaged: {verdict}", file)
        for run, state, *kept in ledger.execute(_ROWS):
            if state != DONE:
                continue
            wrong = encoding.damage(run, *kept)
            if wrong is not None:
                found.fault(wrong, file)
            count += 1
    return count


def _prove_points(found: Findings, sweep: Sweep) -> dict[str, Task]:
    """Work out the hash of every run anew from the design; return the tasks by run."""
    file = sweep.path / store.LEDGER
    known: dict[str, Task] = {}
    try:
        tasks = Tasks(sweep.design)
        limit = _limit(tasks, sweep)
    except InputError as error:
        found.add(UNPROVED, f"{NOT_OF_DESIGN}: {error}")
        return known
    wrong = 0
    with closing(store.connect(file, read_only=True)) as ledger:
        for position, run, seed in ledger.execute(_POINTS):
            task = tasks[position] if 0 <= position < len(tasks) else None
            if task is not None:
                made = run_hash(task.job | _as_recorded(sweep))
                known[str(run)] = task
                if (made, task.seed) == (run, seed):
                    continue
            wrong += 1
            if not limit:
                text = f"says that point {position} is run {str(run)[:8]}, seed {seed}"
                found.fault(f"{text}; its design says otherwise", file)
    if wrong and limit:
        found.add(UNPROVED, f"{NOT_OF_DESIGN}: {limit}")
    return known if not wrong else {}


def _limit(tasks: Tasks, sweep: Sweep) -> str:
    """Return why runs may have other names than are worked out now; "" if not so."""
    if sweep.about["source"] != source_digest():
        return f"it was run by other code ({sweep.about['source'][:8]})"
    now = parse_json(tasks.identity())
    for name in ("networks", "minds"):
        if now.get(name) != sweep.about["design"].get(name):
            return f"a file of its {name} is another now"
    return ""


def _as_recorded(sweep: Sweep) -> Job:
    """Return of a job what only the ledger knows: source, and a user's functions."""
    known = sweep.about["design"]["functions"]
    functions = [{"name": name, "digest": digest} for name, digest in known.items()]
    found: Job = {"source": sweep.about["source"], "functions": functions}
    if until := sweep.about["design"].get("until"):
        found["until"] = {"rule": until}
        found["outcomes"] = sweep.about["design"]["outcomes"]
    return found


def _prove_kept(found: Findings, folder: Path, tasks: Mapping[str, Task]) -> None:
    """See that a run that was kept is the one that its folder is named by."""
    file = folder / PROVENANCE
    if not RUN.fullmatch(folder.name):
        found.fault("is no run of a sweep, which are named by their hashes", folder)
        return
    with suppress(OSError, ValueError):  # which are faults already
        record = read_json(file, LARGEST)
        if record.get("run", folder.name) != folder.name:
            found.fault(f"is of run {str(record['run'])[:8]}, not of this one", file)
        if tasks and folder.name not in tasks:
            found.fault("is of a run that its ledger does not have", folder)
        elif tasks and not _is_made_by(record, tasks[folder.name].job):
            found.fault("has another seed or parameters than its run", file)


def _is_made_by(record: Mapping[str, Any], job: Job) -> bool:
    known, meant = dict(record.get("parameters") or {}), dict(job["parameters"])
    if job["network"] is not None:  # which says how many people there are
        known["humans"] = meant["humans"] = None
    same = all(record.get(name) == job[name] for name in ("seed", "interventions"))
    return same and known == meant


_ROWS = "SELECT run, state, seed, digest, outcomes FROM runs ORDER BY run"
_POINTS = """
SELECT position, points.run, seed FROM points LEFT JOIN runs USING (run)
ORDER BY position
"""
