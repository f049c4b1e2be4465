"""Validation of stored tables and provenance before anything relies on them.

Compiled loops do not look whether a number they use to find a row is one. So the
columns of a run, which is untrusted, are looked at when they are read, each
group of rows on its own: no check needs the whole of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sim.engine.table import Column
from sim.model.columns import HUMAN_COLUMNS, OS_COLUMNS, STATUS
from sim.model.parameters import Parameters
from sim.model.presence import LIFE
from sim.runs.digests import check_file, check_listed
from sim.runs.parquet import UNREADABLE, Check, Columns, TableReader
from sim.utils.errors import InputError
from sim.utils.provenance import SOFTWARE
from sim.utils.typing import Array
from sim.utils.untrusted import resolve_inside


def _schema(columns: Sequence[Column]) -> pa.Schema:
    types = {c.name: pa.from_numpy_dtype(np.dtype(c.dtype)) for c in columns}
    return pa.schema({"row": pa.int32(), **types})


def with_own(schema: pa.Schema, own: Sequence[Column]) -> pa.Schema:
    """Return the schema of a table to which mechanisms have added columns."""
    for column in own:
        kind = pa.from_numpy_dtype(np.dtype(column.dtype))
        schema = schema.append(pa.field(column.name, kind))
    return schema


HUMANS, OSES = _schema(HUMAN_COLUMNS), _schema(OS_COLUMNS)
ROWS = pa.schema({"row": pa.int32()})  # what all tables of mechanisms have
# Columns of row numbers, and of which table; -1 is none.
_POINTS_TO = {
    **{"os": "oses", "made_by": "oses", "collective": "oses"},
    **{"owner": "humans", "partner": "humans", "former": "humans", "meets": "agents"},
}
_THERE = {column.name for column in (*HUMAN_COLUMNS, *OS_COLUMNS)}
REFERS = {name: of for name, of in _POINTS_TO.items() if name in _THERE}
CODES = {"status": len(STATUS), "choice": 3}
# The same, of humans where people come and go.
REFERS_IF_THERE = {"parent": "humans", "other_parent": "humans"}
CODES_IF_THERE = {"life": len(LIFE)}
# Without these a run cannot be read, whatever code wrote it.
NEEDED = ("row", "name", *REFERS, *CODES)
LABELS = ("joined", "community")  # notes whose values are rows or agents
CLOSENESS = {"closeness", "returned"}  # columns of ties
KNOWN = Parameters.model_fields.keys()
MOST_CODES = 3  # that stand in the place of agents
LONGEST_NAME = 40  # letters of the name of a note
SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def check_people(columns: Columns, humans: int, oses: int) -> None:
    """Raise ValueError unless a table of humans or of OSes can be one.

    Parameters
    ----------
    columns
        Of ``HUMANS`` or ``OSES``.
    humans, oses
        How many there are.
    """
    rows = {"humans": humans, "oses": oses, "agents": humans + oses}
    refers, codes = REFERS | REFERS_IF_THERE, CODES | CODES_IF_THERE
    for name, column in columns.items():
        if name in refers:
            _within(name, column, -1, rows[refers[name]])
        elif name in codes:
            _within(name, column, 0, codes[name])
        elif column.dtype.kind == "f":
            _finite(name, column)


def check_rows(columns: Columns) -> None:
    """Raise ValueError unless columns can be a table that a mechanism has added."""
    row = columns["row"]
    if len(row) and not (row[0] >= 0 and (np.diff(row) == 1).all()):
        raise ValueError("its column 'row' does not count its rows")
    for name, column in columns.items():
        if column.dtype.kind == "f":
            _finite(name, column)


def ties_of(agents: int) -> Check:
    """Return what looks at ties of ``agents`` agents, part by part, by owner.

    Parts may lack columns, but ``owner``. It raises ValueError if one is wrong.
    """
    latest = 0

    def check(columns: Columns) -> None:
        nonlocal latest
        owner = columns["owner"]
        latest = _check_owners(owner, columns.get("neighbour"), agents, latest)
        for name in CLOSENESS:
            column = columns.get(name, owner[:0])
            if not ((column >= 0.0) & (column <= 1.0)).all():
                raise ValueError(f"its column {name!r} is not within 0 to 1")
        for name in columns.keys() - CLOSENESS:
            if columns[name].dtype.kind == "f":  # a column of a mechanism
                _finite(name, columns[name])

    return check


def _check_owners(
    owner: Array, neighbour: Array | None, agents: int, latest: int
) -> int:
    """Check whom ties join; ``latest`` owned the ties before. Return the last owner."""
    _within("owner", owner, 0, agents)
    rises = not len(owner) or (owner[0] >= latest and (owner[1:] >= owner[:-1]).all())
    leads_home = False
    if neighbour is not None:
        _within("neighbour", neighbour, 0, agents)
        leads_home = bool((owner == neighbour).any())
    if not rises or leads_home:
        raise ValueError("its ties are not in the order of their owners, or lead home")
    return int(owner[-1]) if len(owner) else latest


def readings_of(agents: int | None) -> Callable[[pa.Table], None]:
    """Return what looks at readings of ``agents`` agents, part by part, by day.

    With None, whom they are of is not looked at. It raises ValueError if a part is
    wrong, or on an earlier day than the part before.
    """
    latest: int | None = None

    def check(part: pa.Table) -> None:
        nonlocal latest
        steps = part.column("step").to_numpy()
        if len(steps):
            first = steps[0] if latest is None else latest
            if steps[0] < first or (steps[1:] < steps[:-1]).any():
                raise ValueError("its days are not in order")
            latest = int(steps[-1])
        _check_notes(part, agents)

    return check


def _check_notes(part: pa.Table, agents: int | None) -> None:
    known, codes = dictionary_of(part.column("name"))
    if any(len(name) > LONGEST_NAME for name in known):
        raise ValueError("its column 'name' names what there is not")
    values = part.column("value").to_numpy()
    _finite("value", values)
    if agents is None:
        return
    _within("agent", part.column("agent").to_numpy(), 0, max(agents, MOST_CODES))
    labels = [code for code, name in enumerate(known) if name in LABELS]
    _within("value", values[np.isin(codes, labels)], 0, agents)


def dictionary_of(column: pa.ChunkedArray) -> tuple[list[str], Array]:
    """Return the words in a column, and for each row the number of its word."""
    coded = column.combine_chunks().dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy()


def check_friends(pair: Array, label: Array, agents: int) -> None:
    """Raise ValueError unless pairs of friends, and their circles, can be so."""
    _within("label", label, 0, min(agents, len(label)))
    first, second = pair >> 32, pair & 0xFFFF_FFFF
    _within("pair", first, 0, agents)
    _within("pair", second, 0, agents)
    if len(label) > agents or (pair[1:] <= pair[:-1]).any() or (first >= second).any():
        raise ValueError("its friends are not in order")


def _within(name: str, column: Any, low: int, end: int) -> None:
    if len(column) and not (low <= column.min() and column.max() < end):
        raise ValueError(f"its column {name!r} names what there is not")


def _finite(name: str, column: Array) -> None:
    if not np.isfinite(column).all():
        raise ValueError(f"its column {name!r} holds what is no number")


# -------------------------------------------------------------------------- provenance


class MindRecord(BaseModel):
    """What it says of a cast and of the calls to its model, as far as it does."""

    model_config = ConfigDict(strict=True, extra="allow")

    kind: str = ""
    cast: int | None = None
    shared: bool = False
    model: str = ""
    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    failures: dict[str, int] = {}
    members: list[int] = []


class ProvenanceRecord(BaseModel):
    """Provenance of a run: what it says, as far as others rely on it; it may say more.

    Older versions did not write all of it.
    """

    model_config = ConfigDict(strict=True, extra="allow")

    software: dict[str, str] = Field(description="Name and version of what made it.")
    source_digest: str = Field(
        "", description="16 hex digits of the SHA-256 of all files of the package."
    )
    python: str = Field("", description="Version of Python.")
    libraries: dict[str, str] = Field({}, description="Versions, by name.")
    platform: str = Field("", description="Operating system.")
    processor: str = Field("", description="Name of the processor.")
    command: str = Field("", description="Command line of the process.")
    created: str = Field("", description="When the run was begun: ISO 8601, UTC.")
    scenario: str = Field(description="Name of the scenario.")
    profile: str = Field("", description="Profile of its OSes.")
    parameters: dict[str, bool | int | float | str] = Field(
        description="All parameters, resolved: values by name, as in MODEL.md."
    )
    interventions: list[dict[str, Any]] = Field(
        [], description="What changes parameters, and when."
    )
    seed: int = Field(ge=0, lt=2**63, description="Of all random numbers.")
    steps: int = Field(ge=0, description="Days.")
    network: dict[str, str] | None = Field(
        None,
        description="Network of day 0: its file's name, sha256, how it was read; the "
        "same of a table of people; where it is stored, if it was in memory.",
    )
    options: dict[str, int] = Field(
        {}, description="Days between snapshots, and between checkpoints (0: none)."
    )
    detectors: dict[str, Any] = Field(
        {},
        description="Kinds of event that were looked for, and digests of a user's own.",
    )
    mechanisms: dict[str, str] = Field(
        {}, description="SHA-256 of the file of each mechanism in use, by name."
    )
    rules: dict[str, str] = Field(
        {}, description="Which mechanism replaces a rule of the model, by the rule."
    )
    varies: dict[str, Any] = Field(
        {}, description="How parameters differ between agents, by name."
    )
    profiles: list[dict[str, Any]] = Field(
        [], description="Profiles of OSes, and the share of each."
    )
    mind: MindRecord | None = Field(
        None, description="The cast, and the calls to its model; null without one."
    )
    run: str = Field("", description="SHA-256 that names a run of a sweep.")
    resumed: list[int] = Field(
        [], description="Days from whose checkpoints it was resumed."
    )
    resumed_with: list[dict[str, Any]] = Field(
        [],
        description="Other versions that it was resumed with: step, python, libraries.",
    )
    until: dict[str, str | float] | None = Field(
        None,
        description="Stopping rule: a condition on a measure, or a function and the "
        "SHA-256 of its name and file.",
    )
    stopped: dict[str, str | int] | None = Field(
        None, description="Day on which it ended the run, and the rule in words."
    )
    parent: dict[str, Any] = Field(
        {}, description="Run and day that it is forked from; SHA-256 of its provenance."
    )
    source_changed: list[str] = Field(
        [], description="Files of the package that changed while it was in use."
    )
    duration_seconds: float = Field(0.0, description="Seconds of wall clock it took.")
    files: dict[str, str] = Field(
        {}, description="SHA-256 of every table and checkpoint, by its file's name."
    )
    digest: str = Field(
        "",
        description="SHA-256 of all else here, as JSON of sorted keys in ASCII "
        "without blanks.",
    )

    @field_validator("parameters")
    @classmethod
    def _are_numbers(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Of what this version knows; another one may have others."""
        wrong = [n for n, v in record.items() if isinstance(v, str) and n in KNOWN]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no number")
        return record


def provenance_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``provenance.json``."""
    found = ProvenanceRecord.model_json_schema()
    found["properties"]["software"]["properties"] = {"name": {"const": SOFTWARE}}
    return {"$schema": SCHEMA, **found, "title": "Provenance of an os-society run"}


def check_provenance(file: Path, found: Any) -> None:
    """Raise InputError unless JSON is a provenance record that others can rely on."""
    try:
        ProvenanceRecord.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        text = f"{file} is damaged ({where}: {first['msg']}); run it again"
        raise InputError(text) from None


# --------------------------------------------------------------------- parts of a run


@contextmanager
def as_input_error(path: Path, folder: Path | None = None) -> Iterator[None]:
    """Turn what is wrong with a file of a run into an InputError that names it.

    With ``folder``, the run, a file that is not there is reported as missing.
    """
    try:
        yield
    except InputError:
        raise
    except UNREADABLE as error:
        if folder is not None and not path.exists():
            text = f"{folder} is not a complete run: {path.relative_to(folder)}"
            raise InputError(f"{text} is missing") from error
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} is damaged ({reason}); run it again") from error


@contextmanager
def open_table(
    folder: Path,
    name: str,
    schema: pa.Schema | None = None,
    packed: Collection[str] = (),
    *,
    unread: bool = False,
) -> Iterator[TableReader]:
    """Open a table of a run; whatever is wrong with it then is an InputError.

    The whole file is held against the digest that the provenance of the run has.

    Parameters
    ----------
    folder, name
        The run, and which of its files.
    schema, packed
        As for ``TableReader``.
    unread
        Whether nobody will read its rows now, so that its digest can wait.

    Raises
    ------
    InputError
        If it is missing, damaged, elsewhere or another file than its run wrote.
    """
    path = resolve_inside(folder, name)
    with as_input_error(path, folder):
        (check_listed if unread else check_file)(folder, name)
        with TableReader(path, schema, packed) as file:
            yield file


def known_then(folder: Path, name: str, schema: pa.Schema) -> pa.Schema:
    """Return the part of a schema that a table of a run has.

    It is for runs of other code, which may not know all columns that there are now.
    ``NEEDED`` columns stay in it, so that reading the table says if one is missing.
    """
    with open_table(folder, name) as file:
        there = {*file.schema.names, *NEEDED}
    return pa.schema([field for field in schema if field.name in there])


def count_rows(folder: Path, name: str) -> int:
    """Return how many rows a table of a run has; InputError as for ``opened``."""
    with open_table(folder, name) as file:
        file.check()
        return file.rows


def read_part(
    folder: Path, name: str, schema: pa.Schema, names: Sequence[str] | None = None
) -> pa.Table:
    """Read a table of a run, or some columns; InputError as for ``opened``."""
    with open_table(folder, name, schema) as file:
        return file.whole(names)
