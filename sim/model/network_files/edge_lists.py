"""Lists of ties: one tie a line, in columns.

They go through pandas, and only when it balks through the csv module, slowly, line by
line, so that whatever is wrong is an ``InputError`` that names the line.
"""

from __future__ import annotations

import ast
import csv
import io
import itertools
import re
from array import array
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from sim.model.network_files import matrices
from sim.model.network_files.builder import partners_in
from sim.model.network_files.closeness import number_of, partner_of, settled
from sim.model.network_files.network_file import (
    Array,
    Edges,
    Found,
    NetworkFile,
    counted,
    pairs_of,
    quoted,
)
from sim.model.network_files.opening import as_utf8
from sim.model.network_files.separators import (
    COMMENTS,
    rows_of,
    sample_of,
    separator_of,
)
from sim.model.network_files.tables import ADJACENCY, HUMANS, TableLayout, layout_of
from sim.utils.errors import InputError

LONGEST_LINE = 10_000  # bytes of an edge list
_ADVICE = "write one tie a line, as in 'alice,bob' or 'alice,bob,0.7'"


def read(network: NetworkFile, raw: bytes) -> Edges:
    """Read a table of ties, or a matrix of them.

    Raises
    ------
    InputError
        If it is malformed, or can be read in two ways.
    """
    path = Path(network.path)
    raw = checked(path, raw)
    sample = sample_of(path, raw)
    if network.format is None and _attributes_of(sample.lines[0]):
        return settled(network, _read_with_data(path, raw))
    separator = separator_of(network, sample)
    if network.format != "edges" and network.columns is None:
        found = matrices.recognised(network, raw, sample, separator)
        if found is not None:
            return settled(network, found)
    layout = layout_of(network, sample, separator)
    try:
        return settled(network, _parse_fast(network, raw, layout))
    except (ValueError, KeyError):  # pandas' own errors, InputErrors without a line
        return settled(network, _parse_slowly(network, raw, layout))


def checked(path: Path, raw: bytes) -> bytes:
    """Return text as UTF-8, if it is text and no line is too long to be a tie.

    All lines end alike: pandas miscounts those that end in a carriage return.
    """
    raw = as_utf8(path, raw)
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\0" in raw:
        line = _line_at(raw, raw.index(b"\0"))
        raise InputError(f"{path}, line {line}: binary data; save it as UTF-8 text")
    _refuse_long_lines(path, raw)
    return raw


def decoded(path: Path, raw: bytes) -> str:
    """Return text of UTF-8; InputError names the line where it is none."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        where = f"{path}, line {_line_at(raw, error.start)}"
        raise InputError(f"{where}: not UTF-8 text; save the file as UTF-8") from None


def _refuse_long_lines(path: Path, raw: bytes) -> None:
    """Raise InputError if a line is too long to be a tie; a few bytes are looked at."""
    last, at, size = -1, 0, len(raw)
    while size - last > LONGEST_LINE:
        at = raw.rfind(b"\n", last + 1, last + 2 + LONGEST_LINE)
        if at < 0:
            where = f"{path}, line {_line_at(raw, last + 1)}"
            raise InputError(f"{where}: longer than {LONGEST_LINE} bytes; {_ADVICE}")
        last = at


def _line_at(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1


# ---------------------------------------------------------------------------- by pandas


def _parse_fast(network: NetworkFile, raw: bytes, layout: TableLayout) -> Found:
    """Parse with pandas; raise ValueError at the least doubt."""
    import pandas

    lines = raw.count(b"\n") + 1
    if layout.width * lines > len(raw) + lines:
        raise ValueError("a table of so many columns would be mostly empty")
    kinds: defaultdict[Any, Any] = defaultdict(lambda: str)
    if layout.measure >= 0:
        kinds[layout.measure] = "float64"
    table = pandas.read_csv(
        io.BytesIO(raw),
        sep=r"\s+" if layout.separator == " " else layout.separator,
        header=None,
        skiprows=layout.skip,
        dtype=kinds,
        decimal=layout.decimal,
        keep_default_na=False,
        skipinitialspace=True,
    )
    if table.shape[1] > layout.width:
        raise ValueError("a line is wider than the first")
    if layout.measure != 0 and table[0].str.startswith(COMMENTS).any():
        raise ValueError("comments between the ties")
    table, left = _of_one_day(network, table, layout)
    ends = [table[column].str.strip() for column in layout.ends]
    if any(end.isna().any() or (end == "").any() for end in ends):
        raise ValueError("a name is missing")
    values = None
    if layout.measure >= 0:
        values = table[layout.measure].to_numpy(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("weights are missing")
    said = None
    if layout.partner >= 0:
        said = table[layout.partner].map(lambda field: partner_of("", field))
        said = said.to_numpy(np.int8)
    header = _is_header(network, layout, *ends)
    if layout.first is not None and not header:
        first = [pandas.Series([layout.first[c]]) for c in layout.ends]
        ends = [pandas.concat(pair) for pair in zip(first, ends, strict=True)]
        values = _with_first(network, layout, values)
    names = pandas.concat([pandas.Series(end) for end in ends])
    numbers, known = pandas.factorize(names)
    people, pairs = tuple(map(str, known)), numbers.reshape(2, -1).T
    found = _found(layout, (people, pairs), values, header, left)
    return found._replace(partner=said)


def _of_one_day(
    network: NetworkFile, table: Any, layout: TableLayout
) -> tuple[Any, tuple[str, ...]]:
    """Return the ties among people of our own export of one day, and what is left."""
    day, kind = layout.only
    if kind < 0:
        return table, ()
    _refuse_days(network, table[day].unique().tolist())
    among = table[kind] == HUMANS
    return table[among], _left_out(len(table) - int(among.sum()))


def _refuse_days(network: NetworkFile, days: list[str]) -> None:
    if len(days) > 1:
        raise InputError(
            f"{network.path} holds the ties of days {days[0]} to {days[-1]}; export "
            "one day, as in 'os-society export RUN --step 0 --out ties.csv'"
        )


def _left_out(count: int) -> tuple[str, ...]:
    return (f"{counted(count, 'tie')} with OSes left out",) if count else ()


def _with_first(
    network: NetworkFile, layout: TableLayout, values: Array | None
) -> Array | None:
    """Return closeness with that of a first line that is no header."""
    if values is None or layout.first is None:
        return values
    where = f"{network.path}, line {layout.skip}"
    first = number_of(where, layout.name, layout.first[layout.measure], layout.decimal)
    return np.append(first, values)


def _is_header(network: NetworkFile, layout: TableLayout, one: Any, other: Any) -> bool:
    """Tell whether there is a header; a first line is if none of its names recurs.

    Raises
    ------
    InputError
        If other ties stand as alone as a first line, so that it may be one, or if a
        header stands again among the ties.
    """
    if layout.header:
        names = [layout.names[column] for column in layout.ends]
        if ((one == names[0]) & (other == names[1])).any():
            raise InputError(
                f"{network.path}: the header stands again among the ties; delete it "
                "there"
            )
    if layout.first is None:
        return layout.header
    names = [layout.first[column] for column in layout.ends]
    if any((one == name).any() or (other == name).any() for name in names):
        return False
    if layout.likely:
        return True
    import pandas

    counts = pandas.concat([one, other]).value_counts()
    alone = (one.map(counts) == 1) & (other.map(counts) == 1)
    if alone.any():
        shown = quoted(layout.separator.join(layout.first))
        raise InputError(
            f"{network.path}: the first line {shown} may name the columns or be a tie; "
            "say which: --network-header yes or --network-header no"
        )
    return True


def _found(
    layout: TableLayout,
    edges: tuple[tuple[str, ...], Array],
    values: Array | None,
    header: bool,
    notes: tuple[str, ...],
    lines: Array | None = None,
) -> Found:
    if layout.first is not None and not header:
        numbers = tuple(str(c + 1) for c in range(len(layout.names)))
        unused = tuple(numbers[layout.names.index(name)] for name in layout.unused)
        layout = layout._replace(names=numbers, unused=unused, numeric=())
    one, other = (np.unique(side) for side in edges[1].T)
    if min(len(one), len(other)) > 1 and not len(np.intersect1d(one, other)):
        notes = (*notes, "nobody stands in both columns")
    return Found(
        *edges,
        layout.how(header),
        {} if values is None else {layout.name: values},
        layout.positional,
        layout.unused,
        layout.numeric,
        notes,
        lines,
    )


# ------------------------------------------------------------------------ line by line


def _parse_slowly(network: NetworkFile, raw: bytes, layout: TableLayout) -> Found:
    """Parse line by line; raise an InputError at the first line that is wrong."""
    import pandas

    path = Path(network.path)
    ends: tuple[list[str], list[str]] = ([], [])
    values, lines, said = array("d"), array("q"), array("b")
    days: dict[str, None] = {}
    number = skipped = 0
    text = decoded(path, raw)
    try:
        for number, fields in rows_of(io.StringIO(text), layout.separator):
            if number <= layout.skip:
                continue
            where = f"{path}, line {number}"
            _check_fields(where, fields, layout)
            day, kind = layout.only
            if kind >= 0:
                days[fields[day]] = None
                skipped += fields[kind] != HUMANS
                if fields[kind] != HUMANS:
                    continue
            for end, column in zip(ends, layout.ends, strict=True):
                end.append(fields[column])
            lines.append(number)
            if layout.partner >= 0:
                is_there = layout.partner < len(fields)
                field = fields[layout.partner] if is_there else None
                said.append(partner_of(where, field))
            if layout.measure >= 0:
                name = "closeness" if layout.positional else layout.name
                field = fields[layout.measure]
                values.append(number_of(where, name, field, layout.decimal))
    except csv.Error as error:
        where = f"{path}, line {number + 1}"
        raise InputError(
            f"{where}: {error}; {_ADVICE}, or say what separates columns "
            "(--network-separator)"
        ) from None
    _refuse_days(network, list(days))
    measured = np.array(values) if layout.measure >= 0 else None
    header = _is_header(network, layout, *map(pandas.Series, ends))
    if layout.first is not None and not header:
        for end, column in zip(ends, layout.ends, strict=True):
            end.insert(0, layout.first[column])
        measured = _with_first(network, layout, measured)
        lines.insert(0, layout.skip)
    edges = _numbered(*ends)
    at = np.array(lines, np.int64)
    notes = _left_out(skipped)
    after = itertools.islice(io.StringIO(text), layout.skip, None)
    comments = sum(line.lstrip(' "').startswith(COMMENTS) for line in after)
    if comments:
        notes = (*notes, f"{counted(comments, 'line')} of comment passed over")
    found = _found(layout, edges, measured, header, notes, at)
    partner = np.array(said, np.int8) if layout.partner >= 0 else None
    return found._replace(partner=partner)


def _numbered(one: list[str], other: list[str]) -> tuple[tuple[str, ...], Array]:
    """Return people in the order of their first tie, and the ties by their numbers."""
    numbers: dict[str, int] = {}
    pairs = [
        numbers.setdefault(name, len(numbers))
        for tie in zip(one, other, strict=True)
        for name in tie
    ]
    return tuple(numbers), pairs_of(pairs)


def _check_fields(where: str, fields: list[str], layout: TableLayout) -> None:
    last = max(layout.ends)
    if len(fields) <= last or not all(fields[c] for c in layout.ends):
        raise InputError(
            f"{where}: one name where a tie has two; {_ADVICE}, or say {ADJACENCY}"
        )
    if len(fields) > layout.width:
        raise InputError(
            f"{where}: {len(fields)} fields where the first line has {layout.width}; "
            f"put names that hold the separator in double quotes, or say {ADJACENCY}"
        )
    if len(fields) <= layout.measure:
        name = "closeness" if layout.positional else layout.name
        more = f", or say {ADJACENCY}" if layout.positional else ""
        raise InputError(f"{where}: no {name}; give it everywhere or nowhere{more}")
    if len(fields) <= max(layout.only):
        raise InputError(f"{where}: a line is cut short; export the ties again")


# ------------------------------------------------------------- as networkx writes them


def _read_with_data(path: Path, raw: bytes) -> Found:
    """Read a list in which each tie is followed by its attributes in braces."""
    numbers: dict[str, int] = {}
    ends, lines = array("q"), array("q")
    known: list[dict[str, Any]] = []
    text = io.StringIO(decoded(path, raw), newline=None)
    for number, line in enumerate(text, 1):
        if not line.strip() or line.startswith(COMMENTS):
            continue
        where = f"{path}, line {number}"
        data = _attributes_of(line)
        left = line.partition("{")[0].rstrip(", ;|\t") if data else ""
        names = (
            re.split(r"[,;\t|]", left) if re.search(r"[,;\t|]", left) else left.split()
        )
        if len(names) != 2 or not all(name.strip() for name in names):
            raise InputError(f"{where}: not two names and attributes in braces")
        ends.extend(numbers.setdefault(n.strip(), len(numbers)) for n in names)
        known.append(_attributes(where, data))
        lines.append(number)
    partner = partners_in(path, known, lines)
    titles = dict.fromkeys(title for one in known for title in one)
    weights, unused = {}, []
    for title in titles:
        values = [one.get(title) for one in known]
        if all(v is None or isinstance(v, int | float) for v in values):
            weights[title] = np.array(
                [np.nan if v is None else v for v in values], float
            )
        else:
            unused.append(title)
    how = "edge list with attributes, as networkx writes it"
    return Found(
        tuple(numbers), pairs_of(ends), how, weights, unused=tuple(unused),
        lines=np.array(lines, np.int64), partner=partner,
    )  # fmt: skip


def _attributes_of(line: str) -> str:
    """Return the attributes in braces at the end of a line, or ''."""
    _, brace, rest = line.rstrip().partition("{")
    is_data = rest == "}" or (rest[:1] in ("'", '"') and rest.endswith("}"))
    return brace + rest if is_data else ""


def _attributes(where: str, text: str) -> dict[str, Any]:
    if text == "{}":
        return {}
    try:
        found = ast.literal_eval(text)
        if not isinstance(found, dict):
            raise ValueError("no attributes by name")
        known = {str(k): float(v) if _is_real(v) else v for k, v in found.items()}
    except (ValueError, SyntaxError, OverflowError, RecursionError, MemoryError):
        raise InputError(
            f"{where}: {quoted(text)} are no attributes; save the list as GraphML"
        ) from None
    return known


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
