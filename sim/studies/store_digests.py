"""Digests of a sweep's store at rest, and the versions that its runs were done with.

A ledger changes as long as a driver is at work. When it ends, ``digests.json`` says
what all files of the store hold: of a kept run its provenance, which says the rest. The
next driver removes it before it writes. So a store whose driver was killed has none,
and what no digest of its own covers cannot be proved until a driver has ended well.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sim.runs.digests import PROVENANCE, digest_of_file, digests_of
from sim.studies import store
from sim.studies.store import Store, StoreIdentity
from sim.utils.errors import InputError
from sim.utils.files import write_text
from sim.utils.provenance import LARGEST, SOFTWARE, other_versions, sealed
from sim.utils.provenance import versions as versions_here
from sim.utils.untrusted import parse_json, read_json

DIGESTS = "digests.json"
# What comes and goes with who looks in.
NOT_LISTED = (DIGESTS, store.LOCK, f"{store.LEDGER}-wal", f"{store.LEDGER}-shm")


def files_of_store(path: Path) -> list[str]:
    """Return the names of the files of a store that tell what is in it."""
    return sorted(_within(path, path))


def _within(folder: Path, path: Path) -> Iterator[str]:
    for entry in folder.iterdir():
        name = entry.relative_to(path).as_posix()
        if entry.name.startswith(".") or name in NOT_LISTED:
            continue
        if not entry.is_dir():
            yield name
        elif (entry / PROVENANCE).exists():
            yield f"{name}/{PROVENANCE}"
        elif not entry.is_symlink():
            yield from _within(entry, path)


@contextmanager
def driving(
    path: Path,
    identity: StoreIdentity,
    resume: bool,
    allow_other_versions: bool,
    tell: Callable[[str], None],
) -> Iterator[Store]:
    """Open a store for its one driver; it has no digests as long as that is at work.

    Parameters
    ----------
    path, identity, resume
        As for ``Store``.
    allow_other_versions
        Whether its runs may have been done with other Python or libraries.
    tell
        Told if its ledger is not as the last driver left it.

    Raises
    ------
    InputError
        As ``Store``, and if runs were done with other versions and may not.
    """
    is_open, other = False, is_changed(path)
    try:
        with Store(path, identity, resume) as found:
            if not allow_other_versions:
                _refuse_other_versions(path)
            (path / DIGESTS).unlink(missing_ok=True)
            is_open = True
            if other and not found.damaged:
                tell(f"{path / store.LEDGER} is not as its last driver left it")
            yield found
    finally:
        if is_open:
            seal(path)


def is_changed(path: Path) -> bool:
    """Tell whether a ledger is another than the digests of its store say."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = read_json(path / DIGESTS, LARGEST)["files"][store.LEDGER]
        return bool(digest_of_file(path / store.LEDGER) != known)
    return False


def seal(path: Path) -> None:
    """Write the digests of a store that no driver is changing; leave others alone."""
    with suppress(OSError, InputError), store.locked(path):
        if not has_log(path):
            found = digests_of(path, files_of_store(path))
            record = sealed({"software": SOFTWARE, **versions_here(), "files": found})
            write_text(path / DIGESTS, as_text(record))


def has_log(path: Path) -> bool:
    """Tell whether more was written to a ledger than is in its file."""
    log = path / f"{store.LEDGER}-wal"
    return log.exists() and log.stat().st_size > 0


def as_text(record: object) -> str:
    """Return a record of digests as it stands in its file."""
    return json.dumps(record, indent=1) + "\n"


def versions_of(path: Path) -> list[dict[str, str]]:
    """Return the versions that the runs of a ledger were done with, each set once."""
    text = "SELECT DISTINCT versions FROM runs ORDER BY versions LIMIT 1000"
    with closing(store.connect(path / store.LEDGER, read_only=True)) as ledger:
        found = [parse_json(versions) for (versions,) in ledger.execute(text)]
    return [one for one in found if isinstance(one, dict)]


def _refuse_other_versions(path: Path) -> None:
    try:
        found = versions_of(path)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise InputError(f"cannot read {path / store.LEDGER}: {error}") from None
    for one in found:
        other = other_versions({"python": one.get("python", ""), "libraries": one})
        if other:
            raise InputError(
                f"the sweep in {path} was begun with other versions ({other}), which "
                "may give other numbers; continue with those, or --allow-other-versions"
            )
