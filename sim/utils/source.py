"""Source of this package as it was imported: a digest of it, and what changed since.

Sizes and times of all files are noted when `sim` is imported, which takes a
millisecond; their contents are read when this module is, which is before anything can
run. So a digest names what ran, or it is said that it cannot.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import sim
from sim.utils.errors import InputError

PACKAGE = Path(__file__).parents[1]
DOCUMENTS = "docs/"  # where nothing is read when a society runs


def digest_of(files: Iterable[Path]) -> str:
    """Return 16 hex digits that name files of this package and what is in them."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0")
        digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def contents_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all files of a package, by name, in a folder."""
    return {name: _content(folder / name) for name in sorted(sim.file_stamps(folder))}


def digest_of_contents(contents: Mapping[str, str]) -> str:
    """Return 16 hex digits that name files and what is in them."""
    lines = "".join(f"{digest} {name}\n" for name, digest in contents.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


@functools.cache
def source_digest() -> str:
    """Return 16 hex digits that name all files of this package as it was imported.

    Code, scenarios, prompts, thresholds, evidence and documents.

    Raises
    ------
    InputError
        If a file changed before it could be read: nobody knows what was imported.
    """
    if _CHANGED_BEFORE:
        raise InputError(
            f"the source of os-society changed after it was imported "
            f"({_CHANGED_BEFORE[0]}); start Python anew, so that provenance names "
            "what runs"
        )
    return digest_of_contents(_CONTENTS)


def changed_since_import() -> list[str]:
    """Return the names of the package's files that are other than when imported."""
    if _CHANGED_BEFORE:
        return _CHANGED_BEFORE
    return [n for n in _touched() if _content(PACKAGE / n) != _CONTENTS.get(n)]


def changed_code() -> list[str]:
    """Return the files that changed since import, of those that a run may read."""
    changed = changed_since_import()
    return [n for n in changed if _CHANGED_BEFORE or not n.startswith(DOCUMENTS)]


def _touched() -> list[str]:
    """Return the files whose size or time is another; some may be the same again."""
    now = sim.file_stamps(PACKAGE)
    names = sorted({*now, *sim.AS_IMPORTED})
    return [name for name in names if now.get(name) != sim.AS_IMPORTED.get(name)]


def _content(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return "not there"


_CONTENTS = contents_of(PACKAGE)
_CHANGED_BEFORE = _touched()
