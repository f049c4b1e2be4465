"""Store of a sweep: a ledger of runs and outcomes in SQLite.

A run's state and its outcomes are one row, committed at once. So whatever the ledger
calls done is there, whole, and what a crash cut short is done again. Readers may look
in at any time; a second driver is refused.

What holds when
    a process is killed (SIGKILL of the driver or of workers, at any moment): all runs
    that were committed are there. A commit is with the operating system when it
    returns.
    the machine loses power: the ledger is consistent, and all runs are there that were
    committed up to the last sync to disk. A commit is synced if the last sync was
    ``SYNC_EVERY`` seconds ago or more, so that at most the runs that were committed
    within one such span are done again; and all is synced when a driver ends. Where
    each run must be on disk before the next is kept, set it to 0.
    the ledger is damaged or lost: to resume builds a new one from the rows of the old
    that their digests prove, and from the outcomes noted beside each run that was kept
    whole. The damaged file stays, under another name.

A ledger may be anybody's. Before a statement is prepared that could run what it holds,
its schema must be the one below, to the letter: no view, trigger or column that
computes, and nothing besides.
"""

from __future__ import annotations

import functools
import json
import math
import os
import platform
import sqlite3
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

from sim.studies import salvage
from sim.studies.job import DONE, JobResult, failure
from sim.utils.errors import InputError
from sim.utils.files import Lock, sync_folder, write_text, writing
from sim.utils.provenance import LIBRARIES, SOFTWARE, software_version
from sim.utils.source import source_digest
from sim.utils.untrusted import read_json

LEDGER, LOCK, KEPT = "ledger.sqlite", "lock", "runs"
TRANSCRIPTS = "transcripts"  # of the runs whose casts ask a model
FORMAT = "2"  # 1 kept the outcomes of each run in a Parquet file of its own
SYNC_EVERY = 1.0  # seconds between commits that are synced to disk, at least
ROW = 650  # bytes, about, that a ledger takes for a run beside its outcomes
DIFFERS = "differs"
SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE runs (
    run TEXT PRIMARY KEY, seed INTEGER NOT NULL, state TEXT NOT NULL,
    stage TEXT, reason TEXT, error TEXT, attempt INTEGER NOT NULL,
    seconds REAL NOT NULL, digest TEXT, bytes INTEGER, finished TEXT NOT NULL,
    versions TEXT NOT NULL, outcomes BLOB
);
CREATE TABLE points (position INTEGER PRIMARY KEY, run TEXT NOT NULL);
"""
SCHEMA_OF = "SELECT type, name, tbl_name, sql FROM sqlite_master"
_DEFENCES = {
    "SQLITE_DBCONFIG_DEFENSIVE": True,
    "SQLITE_DBCONFIG_ENABLE_TRIGGER": False,
    "SQLITE_DBCONFIG_ENABLE_VIEW": False,
}
LONGEST = 100_000_000  # bytes of a value
LONGEST_OF_SCHEMA = 10_000  # bytes of a row of it
STEPS_OF_SCHEMA = 20_000  # of SQLite's machine: ten times what it takes
STEPS = 10_000_000  # that any query may take, besides those for each byte of the file
STEPS_A_BYTE = 10
PATIENCE = 10_000  # steps between looks at how many there were
ASIDE = f"{LEDGER}.damaged-"  # how the name of a ledger begins that was damaged
ABOUT = """
SELECT key, value FROM about
WHERE key IN ('name', 'design', 'source', 'format', 'created') LIMIT 5
"""
COLUMNS = (
    *("run", "seed", "state", "stage", "reason", "error", "attempt", "seconds"),
    *("digest", "bytes", "finished", "versions", "outcomes"),
)
PROVED = ("run", "seed", "digest", "outcomes")  # by the digest
TOLD = ("finished", "versions")
PUT_RUN = """
INSERT INTO runs VALUES (:run, :seed, :state, :stage, :reason, :error, 1, :seconds,
    :digest, :bytes, :finished, :versions, :outcomes)
ON CONFLICT (run) DO UPDATE SET seed = :seed, state = :state, stage = :stage,
    reason = :reason, error = :error, attempt = attempt + 1, seconds = :seconds,
    digest = coalesce(:digest, digest), bytes = coalesce(:bytes, bytes),
    finished = :finished, versions = :versions, outcomes = coalesce(:outcomes, outcomes)
"""
PUT_POINT = "INSERT OR IGNORE INTO points VALUES (?, ?)"
ALL_DONE = "SELECT run, seed, digest, outcomes FROM runs WHERE state = 'done'"
OTHER_FORMAT = (
    "was made by another version, which kept outcomes in another way; read it with "
    "that version, or do the sweep anew in another folder (--out)"
)


class DamagedLedger(InputError):
    """A ledger that is no longer as it was written."""

    def __init__(self, ledger: Path, reason: str) -> None:
        super().__init__(
            f"{ledger} is damaged: {reason}; restore it from a copy, or continue with "
            "--resume, which saves what is sound of it"
        )
        self.reason = reason


class StoreIdentity(NamedTuple):
    """What a store is for: nothing else may be mixed into it."""

    name: str
    design: str  # JSON, see Tasks.identity
    source: str


class Encoding:
    """How outcomes are kept: as float64 numbers, in the order of their names.

    Equal outcomes have equal bytes: there is one NaN. A digest covers the names, the
    run, its seed and the numbers, so that no row can stand in for another.

    Parameters
    ----------
    names
        The names of the outcomes of each run of a sweep.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._numbers = struct.Struct(f"<{len(self.names)}d")
        self._begun = sha256(json.dumps(self.names).encode())

    def encode(self, values: Mapping[str, float]) -> bytes:
        """Return the outcomes of a run as bytes."""
        ordered = [values[name] for name in self.names]
        return self._numbers.pack(*[v if v == v else math.nan for v in ordered])

    def digest(self, run: str, seed: int, raw: bytes) -> str:
        """Return the SHA-256 of a run's outcomes, and of whose they are."""
        whole = self._begun.copy()
        whole.update(f"{run} {seed} ".encode())
        whole.update(raw)
        return whole.hexdigest()

    def damage(self, run: str, seed: int, digest: str, raw: object) -> str | None:
        """Return what is wrong with what a ledger holds of a run, or None."""
        if raw is None:
            return f"the outcomes of run {run} are missing"
        is_one = isinstance(raw, bytes) and len(raw) == self._numbers.size
        if not is_one or self.digest(run, seed, cast(bytes, raw)) != digest:
            return f"the outcomes of run {run} are damaged: other bytes were written"
        return None


class Store:
    """The store of a sweep, open for its one driver.

    Use it as a context manager.

    Parameters
    ----------
    path
        Its folder; made if need be.
    identity
        What it is for.
    resume
        Whether to continue a sweep that is there already.

    Raises
    ------
    InputError
        If there is a sweep already and it shall not be resumed, or it is another; if
        another driver is at work there; or if nothing can be written there.
    """

    def __init__(
        self, path: Path, identity: StoreIdentity, resume: bool = False
    ) -> None:
        self.path = path
        self.told: list[str] = []  # what a user should know
        _refuse_foreign(path, resume)
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
            self._lock = locked(path)
        known = json.loads(identity.design)
        self._encoding = Encoding([*known["outcomes"], *known["functions"]])
        self._synced = -math.inf  # when, by the monotonic clock
        self._is_synced = True  # whether all commits were
        self._versions = json.dumps(versions())
        self.done: set[str] = set()  # runs whose outcomes are as they were written
        self.damaged: dict[str, str] = {}  # what is wrong with the others
        self.noted: set[int] = set()
        try:
            self._open(identity, resume)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, identity: StoreIdentity, resume: bool) -> None:
        """Open the ledger that is there, or a new one; mend one that is damaged."""
        file, reason = self.path / LEDGER, "was lost"
        try:
            is_new = not _has_ledger(file)
            if not is_new and not resume:
                raise InputError(
                    f"there is a sweep in {self.path}; continue with --resume"
                )
            if not is_new:
                self._ledger = _open_ledger(self.path, identity)
                self._look_through()
                return
        except DamagedLedger as error:
            if not resume:
                raise
            reason = f"was damaged and is kept as {_set_aside(file)} ({error.reason})"
        saved = list(_saved(self.path, self._encoding)) if resume else []
        self._ledger = _open_ledger(self.path, identity, saved)
        self._look_through()
        if saved or "damaged" in reason:
            self.told.append(
                f"{file} {reason}; {len(saved)} runs were saved, the others run again"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(sqlite3.Error, InputError):  # the disk may be full
            self._ledger.rollback()
            self._sync()
        self._ledger.close()
        self._lock.release()

    def _look_through(self) -> None:
        """Find out what is there, and whether it is as it was written."""
        file = self.path / LEDGER
        try:
            with _reading(file):
                query = "PRAGMA integrity_check(1)"
                (verdict,) = self._ledger.execute(query).fetchone()
                if verdict != "ok":
                    raise sqlite3.DatabaseError(verdict)
                for row in self._ledger.execute(ALL_DONE):
                    wrong = self._encoding.damage(*row)
                    if wrong is None:
                        self.done.add(row[0])
                    else:
                        self.damaged[row[0]] = wrong
                noted = self._ledger.execute("SELECT position FROM points")
                self.noted.update(position for (position,) in noted)
        except BaseException:
            self._ledger.close()
            raise
        self._ledger.set_progress_handler(None, 0)

    def add(self, finding: JobResult, seed: int, positions: list[int]) -> JobResult:
        """Keep what came of a run; return what the ledger now says of it.

        Raises
        ------
        InputError
            If it cannot be written: the disk is full, for example.
        """
        row = dict.fromkeys(("stage", "reason", "error", "digest", "bytes", "outcomes"))
        if finding["state"] == DONE:
            raw = self._encoding.encode(finding["values"])
            finding = self._compared(finding, seed, raw)
            row["outcomes"] = raw if finding["state"] == DONE else None
        row |= {name: value for name, value in finding.items() if name != "values"}
        row |= {"seed": seed, "versions": self._versions, "finished": _now()}
        with self._transaction():
            self._ledger.execute(PUT_RUN, row)
            pairs = [(position, finding["run"]) for position in positions]
            self._ledger.executemany(PUT_POINT, pairs)
        self.noted.update(positions)
        if finding["state"] == DONE:
            self.done.add(finding["run"])
            if (self.path / KEPT / finding["run"]).is_dir():
                _note_beside(self.path, row)
        return finding

    def _compared(self, finding: JobResult, seed: int, raw: bytes) -> JobResult:
        run = finding["run"]
        digest, before = self._encoding.digest(run, seed, raw), self._digest(run)
        if before is not None and before != digest:
            text = f"the same run gave other bytes before ({before[:8]}, {digest[:8]})"
            return failure(run, "writing", DIFFERS, text, finding["seconds"])
        return finding | {"digest": digest, "bytes": len(raw)}

    def _digest(self, run: str) -> str | None:
        found = self._ledger.execute("SELECT digest FROM runs WHERE run = ?", (run,))
        row = found.fetchone()
        return row[0] if row is not None else None

    def note_point(self, position: int, run: str) -> None:
        """Keep that a point of the design is a run that is done."""
        with self._transaction():
            self._ledger.execute(PUT_POINT, (position, run))
        self.noted.add(position)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        is_due = time.monotonic() - self._synced >= SYNC_EVERY
        level = "FULL" if is_due else "NORMAL"  # FULL syncs all earlier commits, too
        try:
            self._ledger.execute(f"PRAGMA synchronous = {level}")
            self._ledger.execute("BEGIN IMMEDIATE")
            yield
            self._ledger.execute("COMMIT")
        except sqlite3.Error as error:
            raise InputError(f"cannot write {self.path / LEDGER}: {error}") from error
        self._is_synced = is_due
        if is_due:
            self._synced = time.monotonic()

    def _sync(self) -> None:
        """See all commits safely on the disk."""
        if not self._is_synced:
            self._synced = -math.inf
            with self._transaction():
                self._ledger.execute("UPDATE about SET value = value")


@contextmanager
def _reading(ledger: Path) -> Iterator[None]:
    """Turn what SQLite finds wrong with a ledger into an InputError."""
    try:
        yield
    except sqlite3.Error as error:
        is_text = "decode" in str(error)
        if type(error) is sqlite3.DatabaseError or is_text:
            raise DamagedLedger(ledger, str(error)) from None
        raise InputError(f"cannot use {ledger}: {error}") from None


def versions() -> dict[str, str]:
    """Return what software makes the runs."""
    found = {name: metadata.version(name) for name in LIBRARIES}
    return {SOFTWARE: software_version(), "python": platform.python_version()} | found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _refuse_foreign(path: Path, resume: bool) -> None:
    """Raise InputError unless there is a sweep, or nothing, at ``path``."""
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(f"{path} is a file; choose another place for the sweep")
    there = {entry.name for entry in path.iterdir()}
    if not there - {LOCK} or LEDGER in there:
        return
    if next(_notes(path), None) is None and not _set_aside_before(path):
        raise InputError(f"{path} is there already and is no sweep; choose another")
    if not resume:
        text = f"the sweep in {path} lost its ledger; continue with --resume"
        raise InputError(f"{text}, which saves what is sound")


def locked(path: Path) -> Lock:
    """Be the one driver of a store."""
    busy = f"is driving the sweep in {path}; wait for it, or stop it"
    return Lock(path / LOCK, lambda who: f"another process ({who}) {busy}")


# ------------------------------------------------------------------- a ledger's schema


def connect(path: Path, read_only: bool = False) -> sqlite3.Connection:
    """Open a ledger, which may be anybody's.

    Raises
    ------
    InputError
        If it holds anything but what a sweep keeps, or has another format.
    sqlite3.Error
        If it is damaged, or cannot be opened.
    """
    _refuse_journal(path, read_only)
    address, is_uri = str(path), False
    if read_only:
        # Without its write-ahead log it is at rest, and may lie on a read-only disk.
        is_live = path.with_name(f"{path.name}-wal").exists()
        mode = (
            "mode=ro" if is_live or os.access(path.parent, os.W_OK) else "immutable=1"
        )
        address, is_uri = f"{path.resolve().as_uri()}?{mode}", True
    ledger = sqlite3.connect(address, uri=is_uri, isolation_level=None, timeout=30.0)
    try:
        _distrust(ledger, path)
        if not read_only:
            ledger.execute("PRAGMA journal_mode = WAL")
            ledger.execute("PRAGMA synchronous = FULL")
    except BaseException:
        ledger.close()
        raise
    return ledger


def _refuse_journal(path: Path, read_only: bool) -> None:
    """Raise InputError if SQLite would roll back what no sweep has begun.

    A journal names another file that is deleted then, and may name any.
    """
    journal = path.with_name(f"{path.name}-journal")
    if not path.exists() or not journal.exists():
        return
    if read_only or path.stat().st_size > salvage.PAGE:
        raise InputError(f"{path} has a journal beside it, which no sweep leaves")
    for file in (journal, path):  # a driver was killed before it began its ledger
        file.unlink()


def _distrust(ledger: Any, path: Path) -> None:
    """See that a ledger holds a sweep's tables, or none, and nothing that computes."""
    ledger.execute("PRAGMA trusted_schema = OFF")
    ledger.execute("PRAGMA cell_size_check = ON")
    for name, is_on in _DEFENCES.items():
        if hasattr(sqlite3, name):  # from Python 3.12 on
            ledger.setconfig(getattr(sqlite3, name), is_on)
    ledger.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_OF_SCHEMA)
    _bound(ledger, STEPS_OF_SCHEMA, every=100)
    try:
        found = set(ledger.execute(SCHEMA_OF))
    except UnicodeDecodeError as error:  # from an error that quotes the ledger
        raise sqlite3.DatabaseError(str(error)) from None
    except (sqlite3.OperationalError, sqlite3.DataError) as error:
        if "interrupted" not in str(error) and "too big" not in str(error):
            raise
        raise InputError(f"{path} is no sweep's: it has a schema without end") from None
    ledger.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    size = path.stat().st_size if path.exists() else 0
    _bound(ledger, STEPS + STEPS_A_BYTE * size)
    if found & {row for row in _schema() if row[1] == "about"}:
        _refuse_format(ledger, path.parent)
    for kind, name, *_ in sorted(found - _schema(), key=str):
        what = f"a {kind} {str(name)[:50]!r} that no sweep has"
        raise InputError(f"{path} is no sweep's: it has {what}")
    if found and found != _schema():
        raise InputError(f"{path} is no sweep's: it lacks a table")


@functools.cache
def _schema() -> frozenset[tuple[Any, ...]]:
    """Return what SQLite says of a new ledger."""
    with closing(sqlite3.connect(":memory:")) as made:
        made.executescript(SCHEMA)
        return frozenset(made.execute(SCHEMA_OF))


def _bound(ledger: sqlite3.Connection, steps: int, every: int = PATIENCE) -> None:
    """Let what a ledger makes SQLite do end after so many steps of its machine."""
    left = iter(range(steps // every))
    ledger.set_progress_handler(lambda: next(left, None) is None, every)


def _refuse_format(ledger: sqlite3.Connection, place: Path) -> None:
    """Raise InputError if a ledger has another format than this version's."""
    query = "SELECT value FROM about WHERE key = 'format'"
    if ledger.execute(query).fetchone() not in (None, (FORMAT,)):
        raise InputError(f"the sweep in {place} {OTHER_FORMAT}")


def _has_ledger(path: Path) -> bool:
    """Tell whether a ledger was begun: a driver killed before that leaves none."""
    if not path.exists():
        return False
    with _reading(path), closing(connect(path)) as ledger:
        return bool(about(ledger))


def about(ledger: sqlite3.Connection) -> dict[str, str]:
    """Return what a ledger says of its sweep; empty if nothing yet."""
    tables = "SELECT count(*) FROM sqlite_master WHERE name = 'about'"
    if not ledger.execute(tables).fetchone()[0]:
        return {}
    return dict(ledger.execute(ABOUT))


def _open_ledger(
    path: Path, identity: StoreIdentity, saved: list[dict[str, Any]] | None = None
) -> sqlite3.Connection:
    """Open the ledger that is there, or begin one with the rows that were saved."""
    file = path / LEDGER
    with _reading(file):
        ledger = connect(file)
        try:
            if saved is None:
                _refuse_other(path, about(ledger), identity)
            else:
                _begin(ledger, identity, saved)
                sync_folder(path)
        except BaseException:
            ledger.close()
            raise
    return ledger


def _begin(
    ledger: sqlite3.Connection, identity: StoreIdentity, saved: list[dict[str, Any]]
) -> None:
    known = identity._asdict() | {"format": FORMAT, "created": _now()}
    ledger.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        if statement.strip():
            ledger.execute(statement)
    ledger.executemany("INSERT INTO about VALUES (?, ?)", list(known.items()))
    ledger.executemany(PUT_RUN, saved)
    ledger.execute("COMMIT")


def _refuse_other(path: Path, known: dict[str, str], identity: StoreIdentity) -> None:
    """Raise InputError if a store is not for what it shall now be used for."""
    advice = "finish it as it was, or start another (--out)"
    if known.get("format") != FORMAT:
        raise InputError(f"the sweep in {path} {OTHER_FORMAT}")
    if known["design"] != identity.design:
        what = difference(json.loads(known["design"]), json.loads(identity.design))
        raise InputError(f"the sweep in {path} has another design: {what}; {advice}")
    if known["source"] != identity.source:
        codes = f"{known['source'][:8]}, now {identity.source[:8]}"
        raise InputError(
            f"the sweep in {path} was run by other code ({codes}); {advice}"
        )


# ---------------------------------------------------------------------------- rescuing


def _set_aside(ledger: Path) -> str:
    """Give a damaged ledger, and its log, another name; return it."""
    number = 1
    while (aside := ledger.with_name(f"{ASIDE}{number}")).exists():
        number += 1
    with writing(ledger.parent):
        for end in ("-wal", ""):
            with suppress(FileNotFoundError):
                os.replace(f"{ledger}{end}", f"{aside}{end}")
        Path(f"{ledger}-shm").unlink(missing_ok=True)
    return aside.name


def _set_aside_before(path: Path) -> list[Path]:
    """Return the damaged ledgers that lie in a store, oldest first."""
    found = path.glob(f"{ASIDE}[0-9]*")
    return sorted(one for one in found if one.name.removeprefix(ASIDE).isdecimal())


def _notes(path: Path) -> Iterator[Path]:
    """Yield the files of outcomes beside the runs that were kept whole."""
    return (path / KEPT).glob("*.json")


def _note_beside(path: Path, row: Mapping[str, Any]) -> None:
    """Keep the outcomes of a run beside it, should the ledger be lost."""
    note = {name: value for name, value in row.items() if value is not None}
    note["outcomes"] = row["outcomes"].hex()
    write_text(path / KEPT / f"{row['run']}.json", json.dumps(note))


def _saved(path: Path, encoding: Encoding) -> Iterator[dict[str, Any]]:
    """Yield each row once that damaged ledgers and notes hold, and that is sound."""
    seen = set()
    for row in _found(path):
        run, seed, digest, raw = map(row.get, PROVED)
        if not isinstance(run, str) or not isinstance(seed, int) or run in seen:
            continue
        if salvage.RUN.fullmatch(run) is None or not isinstance(raw, bytes):
            continue
        if encoding.damage(run, seed, str(digest), raw) is not None:
            continue
        seen.add(run)
        told: dict[str, Any] = {name: str(row.get(name, "")) for name in TOLD}
        seconds = row.get("seconds")
        told["seconds"] = seconds if isinstance(seconds, float) else 0.0
        blank = dict.fromkeys(("stage", "reason", "error"))
        sound = {name: row[name] for name in PROVED}
        yield blank | sound | told | {"state": DONE, "bytes": len(raw)}


def _found(path: Path) -> Iterator[dict[str, Any]]:
    """Yield all that may be a row: the latest ledger first, then the notes."""
    for file in reversed(_set_aside_before(path)):
        for values in salvage.rows(file, len(COLUMNS)):
            yield dict(zip(COLUMNS, values, strict=True))
    for note in sorted(_notes(path)):
        with suppress(OSError, ValueError):
            row = read_json(note, LONGEST)
            if isinstance(row, dict):
                yield row | {"outcomes": bytes.fromhex(str(row.get("outcomes")))}


def difference(old: Any, new: Any, where: str = "") -> str:
    """Return in words the first thing in which two plain values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                inside = f"{where}.{key}" if where else str(key)
                return difference(old.get(key), new.get(key), inside)
        return "its keys stand in another order"
    return f"{where.removeprefix('design.')} was {old!r}, now {new!r}"


def row_size(outcomes: int) -> int:
    """Return about how many bytes a run takes in a ledger, with so many outcomes."""
    return ROW + 8 * outcomes


def identity_of(name: str, design: str) -> StoreIdentity:
    """Return the identity of a store that this version makes."""
    return StoreIdentity(name, design, source_digest())
