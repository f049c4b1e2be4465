"""Where a result comes from, what it cannot say, and how to cite it."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from sim.compiled import source_digest
from sim.errors import InputError
from sim.html import Html, bullets, element, pairs, paragraph, table
from sim.provenance import SOFTWARE
from sim.reports.settings import assumed
from sim.reports.words import counted, size
from sim.results import Result

# As CITATION.cff has it, which is not installed with the package.
TITLE = "OS Society: an agent-based model of a society of humans and AIs that grow"
AUTHORS = "OS Society contributors"
LICENCE = "MIT"
TABLES = (
    *("provenance.json", "series.parquet", "events.parquet", "readings.parquet"),
    *("talks.parquet", "calls.parquet"),
)
SNAPSHOTS = "snapshots"
DIGITS = 16  # of a digest


def version() -> str:
    """Return the version of this code."""
    from sim import __version__

    return __version__


def report_by() -> str:
    """Return what makes the report."""
    return f"{SOFTWARE} {version()}, source digest {source_digest()}"


def software(recorded: str, digest: str) -> str:
    """Return which version made a result; one that was not installed is said so."""
    if recorded != "not installed":
        return f"{SOFTWARE} {recorded}"
    if digest == source_digest():
        return f"{SOFTWARE} {version()}, from source"
    return f"{SOFTWARE}, from source; its digest tells which"


def provenance(result: Result) -> list[Html]:
    """Return the provenance of a run, and its files."""
    known = result.provenance
    digest = str(known.get("source_digest"))
    recorded = str((known.get("software") or {}).get("version"))
    values = json.dumps((known.get("parameters") or {}), sort_keys=True).encode()
    libraries = known.get("libraries") or {}
    rows = [
        ("Software", software(recorded, digest)),
        ("Source digest", digest),
        ("Parameters digest", short(hashlib.sha256(values))),
        ("Seed", known.get("seed")),
        ("Command, paths shortened", command(str(known.get("command", "")))),
        ("Created", known.get("created")),
        ("Took", f"{known.get('duration_seconds')} s"),
        ("Python", known.get("python")),
        ("Libraries", ", ".join(f"{n} {v}" for n, v in libraries.items())),
        ("Platform", known.get("platform")),
        ("Processor", known.get("processor")),
        ("Report by", report_by()),
    ]
    return [pairs(rows), _files(result.path)]


def short(digest: Any) -> str:
    """Return a digest, shortened."""
    return str(digest.hexdigest()[:DIGITS])


def command(recorded: str) -> str:
    """Return the command line of a run, without where on a machine things lay."""
    try:
        program, *words = shlex.split(recorded)
    except ValueError:
        return recorded
    if Path(program).name in ("__main__.py", SOFTWARE):
        program = SOFTWARE
    return " ".join(map(_shortened, (program, *words)))


def _shortened(word: str) -> str:
    """Return a word of a command as a shell takes it; of a long path, its end."""
    is_long = word.startswith(("/", "~")) or PureWindowsPath(word).is_absolute()
    return f".../{PureWindowsPath(word).name}" if is_long else shlex.quote(word)


def _files(folder: Path) -> Html:
    """Return the files of a run with their sizes and digests, snapshots as one."""
    rows = [
        (name, size((folder / name).stat().st_size), _digest([folder / name]))
        for name in TABLES
        if (folder / name).exists()
    ]
    parts = sorted((folder / SNAPSHOTS).glob("*.parquet"))
    total = sum(part.stat().st_size for part in parts)
    name = f"{SNAPSHOTS}/ ({counted(len(parts), 'file')})"
    rows.append((name, size(total), _digest(parts)))
    caption = f"Files of the run, with the first {DIGITS} digits of their SHA-256"
    return table(caption, ("file", "size", "digest"), rows)


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            digest.update(file.read_bytes())
        except OSError as error:
            raise InputError(f"cannot read {file}: {error.strerror}") from None
    return short(digest)


# ------------------------------------------------------------------------ the limits


def limits(more: Iterable[str]) -> list[Html]:
    """Return in plain words what a result cannot say.

    Parameters
    ----------
    more
        What goes for this kind of result alone.
    """
    some, total = assumed()
    lines = [
        "This is a thought experiment with numbers. It shows what follows from "
        "assumptions; it does not forecast.",
        f"Of {total} parameters, {some} name something assumed in their source.",
        "People are neither born nor die, move or work. They have two traits, one "
        "network, and no families beyond partners.",
        "Growth is one number: what an OS could do with it, other than outgrow a "
        "conversation, is not in the model.",
        *more,
    ]
    return [bullets(lines)]


# ------------------------------------------------------------------------- citation


def citation(recorded: Mapping[str, Any], digest: str) -> list[Html]:
    """Return how to cite what made a result, as a sentence and for BibTeX."""
    known = str(recorded.get("version", "not installed"))
    number = known
    if known == "not installed":
        number = version() if digest == source_digest() else ""
    release = f" Version {number}." if number else ""
    sentence = (
        f"{AUTHORS}. {TITLE}.{release} Source digest {digest}. {LICENCE} licence."
    )
    fields = {
        "title": f"{{{TITLE}}}",
        "author": f"{{{AUTHORS}}}",
        "version": number,
        "license": LICENCE,
        "note": f"source digest {digest}",
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    entry = "@software{os-society,\n" + ",\n".join(lines) + "\n}"
    about = paragraph("If you use this in research, please cite the software:")
    return [about, paragraph(sentence), element("pre", entry)]
