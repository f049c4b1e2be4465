"""Provenance sections of a report: settings, sources, limits, citation."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from sim.mechanisms import registry
from sim.model.evidence import evidence_ids, read_evidence
from sim.model.parameters import Parameters, about
from sim.runs.result import Result
from sim.utils.errors import InputError
from sim.utils.html import Html, bullets, code, element, pairs, paragraph, table
from sim.utils.provenance import SOFTWARE
from sim.utils.source import source_digest
from sim.utils.text import counted, exact, size

KNOWN = Parameters.model_fields
SPOKEN = "os-society parameters"


def parameter_tables(
    values: Mapping[str, Any],
    usual: Mapping[str, Any] | None,
    mechanisms: Mapping[str, str],
) -> list[Html]:
    """Return the parameters that differ from their defaults, and the evidence.

    All of mechanisms are among them.

    Parameters
    ----------
    values
        By name, as recorded.
    usual
        Those of the scenario as it comes with the package, if there is one.
    mechanisms
        Digests of the run's mechanisms, by name.
    """
    kind = _kind(mechanisms)
    default = Parameters().model_dump()
    changed = {n: v for n, v in values.items() if n not in default or v != default[n]}
    rest = len(values) - len(changed)
    if not changed:
        note = f"All {counted(rest, 'parameter')} have their defaults; '{SPOKEN}' "
        return [paragraph(note, "lists them with unit, range and source.")]
    by = _set_by(changed, usual)
    rows = [(*_parameter(n, v, kind), *by.get(n, ())) for n, v in changed.items()]
    heads = ["parameter", "value", "default", "unit", "range", "meaning", "source"]
    caption = f"Parameters that differ from the default ({len(changed)}); the other "
    caption += f"{rest} have it"
    heads += ["set by"] * bool(by)
    return [table(caption, heads, rows), *evidence(changed)]


def _kind(mechanisms: Mapping[str, str]) -> type[Parameters]:
    """Return the parameters with those of the run's mechanisms that are in use here."""
    known = {one.name: one.digest for one in registry.in_use()}
    same = [name for name, digest in mechanisms.items() if known.get(name) == digest]
    return registry.parameters_with(same)


def _parameter(name: str, value: Any, kind: type[Parameters]) -> tuple[object, ...]:
    if name not in kind.model_fields:
        unknown = "not of this version, nor of a mechanism in use"
        return (code(name), exact(value), "", "", "", unknown, "")
    default = kind().model_dump()[name]
    return (code(name), exact(value), exact(default), *described(name, kind))


def described(
    name: str, kind: type[Parameters] = Parameters
) -> tuple[str, str, str, str]:
    """Return unit, range, meaning and source of a parameter."""
    note = about(name, kind)
    span = f"{exact(note.low)} to {exact(note.high)}"
    if note.unit == "on/off":
        span = "on or off"
    return (note.unit, span, note.meaning, note.source)


def _set_by(
    values: Mapping[str, Any], usual: Mapping[str, Any] | None
) -> dict[str, tuple[str]]:
    """Return who set each value, if it is known how the scenario has it."""
    if usual is None:
        return {}
    own = {name for name, value in values.items() if usual.get(name) != value}
    return {n: ("this run",) if n in own else ("the scenario",) for n in values}


def evidence(names: Iterable[str]) -> list[Html]:
    """Return what is behind the ids in the sources of parameters, if there are any."""
    sources = [about(name).source for name in names if name in KNOWN]
    cited = evidence_ids(" ".join(sources))
    rows = [
        (row["id"], row["statement"], row["value"], row["unit"], row["source"])
        for row in read_evidence()
        if row["id"] in cited
    ]
    if not rows:
        return []
    heads = ("id", "statement", "value", "unit", "source")
    return [table("Evidence that these sources name", heads, rows)]


def interventions(declared: Iterable[Mapping[str, Any]]) -> list[Html]:
    """Return what is changed from outside, and when."""
    rows = [
        (one.get("name"), _when(one), _how_long(one), _set(one.get("set", {})))
        for one in declared
    ]
    if not rows:
        return [paragraph("Nothing is changed from outside during the run.")]
    heads = ("name", "from", "how long", "sets")
    return [table("Interventions: changes from outside, declared", heads, rows)]


def _when(one: Mapping[str, Any]) -> str:
    condition = one.get("when")
    if not condition:
        return f"day {one.get('at')}"
    side = "above" if condition.get("above") is not None else "below"
    return f"the day on which {condition.get('measure')} is {side} {condition[side]}"


def _how_long(one: Mapping[str, Any]) -> str:
    return counted(one["days"], "day") if one.get("days") else "for good"


def _set(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {exact(value)}" for name, value in values.items())


def assumed() -> tuple[int, int]:
    """Return how many parameters have a source that says assumed, and how many are."""
    sources = [about(name).source for name in KNOWN]
    return sum("assumed" in source for source in sources), len(sources)


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
        *_mechanisms(known),
        ("Platform", known.get("platform")),
        ("Processor", known.get("processor")),
        ("Report by", report_by()),
    ]
    return [pairs(rows), _files(result.path)]


def _mechanisms(known: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return which mechanisms a run had, and what rules they replaced, if any."""
    found = []
    if known.get("mechanisms"):
        digests = (f"{n} {digest}" for n, digest in known["mechanisms"].items())
        found.append(("Mechanisms", ", ".join(digests)))
    if known.get("rules"):
        rules = (f"{rule} (by {of})" for rule, of in known["rules"].items())
        found.append(("Rules replaced", ", ".join(rules)))
    return found


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
