"""Graphs as text: GML, Pajek, Matrix Market, and lists of who knows whom."""

from __future__ import annotations

import io
import itertools
import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sim.model.network_files.builder import Builder, refuse_large
from sim.model.network_files.closeness import number_of, settled
from sim.model.network_files.edge_lists import checked, decoded
from sim.model.network_files.matrices import of_values
from sim.model.network_files.network_file import (
    Edges,
    Found,
    NetworkFile,
    pairs_of,
    quoted,
)
from sim.model.network_files.opening import as_utf8
from sim.model.network_files.separators import COMMENTS, sample_of, split
from sim.utils.errors import InputError

SMALL = 100_000  # people that may be announced by a file of a few bytes


# --------------------------------------------------------------------------------- GML


_GML = re.compile(
    r"""\s+|\#[^\n]*|(?P<open>\[)|(?P<close>\])|"(?P<text>[^"]*)"|
    (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])|
    (?P<key>[A-Za-z_]\w*)""",
    re.VERBOSE,
)
_DEEPEST = 32


def read_gml(network: NetworkFile, raw: bytes) -> Edges:
    """Read GML: nodes by id with labels, edges with numbers.

    Raises
    ------
    InputError
        If it is malformed; names the line.
    """
    path = Path(network.path)
    refuse_large(path, raw)
    text = decoded(path, as_utf8(path, raw))
    graph = next((v for k, v, _ in _gml(path, text) if k == "graph"), None)
    if not isinstance(graph, list):
        raise InputError(f"{path}: GML without a graph [ ... ]")
    builder = Builder(path)
    for key, known, line in graph:
        if key == "node":
            one = _gml_record(path, known, line)
            builder.node(_gml_end(path, one, "id", line), one)
    for key, known, line in graph:
        if key == "edge":
            one = _gml_record(path, known, line)
            ends = [_gml_end(path, one, end, line) for end in ("source", "target")]
            rest = {k: v for k, v in one.items() if k not in ("source", "target", "id")}
            rest = {k: v for k, v in rest.items() if not isinstance(v, list)}
            builder.tie(ends[0], ends[1], rest, line)
    return settled(network, builder.found("GML"))


def _gml_record(path: Path, known: Any, line: int) -> dict[str, Any]:
    if not isinstance(known, list):
        raise InputError(f"{path}, line {line}: a node or edge without [ ... ]")
    return {key.lower(): value for key, value, _ in known}


def _gml_end(path: Path, known: dict[str, Any], key: str, line: int) -> str:
    value = known.get(key)
    if value is None or isinstance(value, list):
        raise InputError(f"{path}, line {line}: a node or edge without {key}")
    return (
        str(int(value))
        if isinstance(value, float) and value == int(value)
        else str(value)
    )


def _gml(path: Path, text: str) -> list[tuple[str, Any, int]]:
    """Return keys with values and lines; a value in brackets is a list of such."""
    stack: list[list[tuple[str, Any, int]]] = [[]]
    key, line, at = "", 1, 0
    while at < len(text):
        match = _GML.match(text, at)
        where = f"{path}, line {line}"
        if match is None:
            raise InputError(f"{where}: malformed GML: {quoted(text[at : at + 20])}")
        kind, value = match.lastgroup, match[0]
        if kind in ("open", "text", "number") and not key:
            raise InputError(f"{where}: malformed GML: {quoted(value)} without a key")
        if kind == "open":
            inner: list[tuple[str, Any, int]] = []
            stack[-1].append((key.lower(), inner, line))
            stack.append(inner)
            if len(stack) > _DEEPEST:
                raise InputError(f"{where}: GML is nested too deep")
        elif kind == "close":
            stack.pop()
            if key or not stack:
                raise InputError(f"{where}: malformed GML: a bracket closes too soon")
        elif kind == "text":
            stack[-1].append((key.lower(), _unescaped(match["text"]), line))
        elif kind == "number":
            stack[-1].append((key.lower(), _gml_number(value), line))
        elif kind == "key" and key:
            raise InputError(f"{where}: malformed GML: {quoted(key)} without a value")
        if kind is not None:
            key = value if kind == "key" else ""
        line += value.count("\n")
        at = match.end()
    if len(stack) > 1 or key:
        raise InputError(f"{path}, line {line}: GML ends in the middle")
    return stack[0]


def _gml_number(text: str) -> int | float:
    return (
        int(text) if text.lstrip("+-").isdecimal() and len(text) < 19 else float(text)
    )


def _unescaped(text: str) -> str:
    """Return text of GML with characters for its entities, once."""
    from html import unescape

    return unescape(text) if "&" in text else text


# ------------------------------------------------------------------------------- Pajek


def read_pajek(network: NetworkFile, raw: bytes) -> Edges:
    """Read a Pajek network: vertices with labels, arcs and edges with values.

    Raises
    ------
    InputError
        If it is malformed, or holds two kinds of nodes.
    """
    path = Path(network.path)
    text = decoded(path, checked(path, raw))
    builder, section, matrix = Builder(path), "", []
    names: dict[str, str] = {}
    vertices = 0
    for line, fields in _pajek_lines(path, text):
        where = f"{path}, line {line}"
        if fields[0].startswith("*"):
            section = fields[0].lower()
            if section == "*vertices":
                vertices = _pajek_count(where, fields, names, SMALL + len(raw))
                names |= {str(n + 1): str(n + 1) for n in range(vertices)}
                for name in names:
                    builder.person(name)
            continue
        if section == "*vertices":
            if fields[0] not in names:
                raise InputError(
                    f"{where}: vertex {quoted(fields[0])} is not one of {vertices}"
                )
            names[fields[0]] = fields[1] if len(fields) > 1 else fields[0]
        elif section in ("*edges", "*arcs"):
            known = {}
            if len(fields) > 2 and not fields[2].startswith("["):
                known["weight"] = number_of(where, "weight", fields[2])
            if len(fields) < 2:
                raise InputError(f"{where}: one vertex where a tie has two")
            ends = _pajek_ends(where, fields[:2], names)
            builder.tie(ends[0], ends[1], known, line)
        elif section in ("*edgeslist", "*arcslist"):
            ends = _pajek_ends(where, fields, names)
            for other in ends[1:]:
                builder.tie(ends[0], other, {}, line)
        elif section == "*matrix":
            matrix.append([number_of(where, "a cell", field) for field in fields])
        elif not section:
            raise InputError(
                f"{where}: no *Vertices, as Pajek has it; say --network-format edges "
                "if this is a list of ties"
            )
        elif section not in ("*network", "*partition", "*vector"):
            raise InputError(f"{where}: {quoted(section)} of Pajek is not read here")
    labels = list(names.values())
    if matrix:
        if len(matrix) != len(names) or {len(row) for row in matrix} != {len(names)}:
            raise InputError(f"{path}: *Matrix has not a row and a column a vertex")
        return settled(
            network, of_values(network, labels, np.array(matrix), "Pajek matrix")
        )
    builder.labels = {builder.person(name): label for name, label in names.items()}
    return settled(network, builder.found("Pajek"))


def _pajek_lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if not line.strip() or line.startswith("%"):
            continue
        fields = line.split()
        if '"' in line:
            fields = re.findall(r'"[^"]*"|[^\s"]+', line)
            fields = [field.strip('"') for field in fields]
        yield number, fields


def _pajek_count(
    where: str, fields: list[str], names: dict[str, str], most: int
) -> int:
    """Return how many vertices a line *Vertices announces."""
    counts = fields[1:]
    if names:
        raise InputError(f"{where}: a second network in the file; save each as its own")
    if not counts or not all(c.isdecimal() and len(c) < 10 for c in counts):
        raise InputError(f"{where}: *Vertices without how many there are")
    if len(counts) > 1:
        raise InputError(
            f"{where}: a network of two kinds of nodes; project it onto people first"
        )
    if int(counts[0]) > most:
        raise InputError(f"{where}: far more vertices than the file has room for")
    return int(counts[0])


def _pajek_ends(where: str, fields: list[str], names: dict[str, str]) -> list[str]:
    ends = [field.removeprefix("-") for field in fields]
    for end in ends:
        if end not in names:
            raise InputError(f"{where}: vertex {quoted(end)} is not among *Vertices")
    return ends


# ------------------------------------------------------------------------ Matrix Market


def read_matrix_market(network: NetworkFile, raw: bytes) -> Edges:
    """Read a square sparse or dense matrix of the Matrix Market.

    Raises
    ------
    InputError
        If it is malformed or not square.
    """
    path = Path(network.path)
    text = decoded(path, checked(path, raw))
    lines = enumerate(io.StringIO(text, newline=None), 1)
    _, head = next(lines)
    words = head.lower().split()
    if len(words) != 5 or words[0] != "%%matrixmarket" or words[1] != "matrix":
        raise InputError(
            f"{path}, line 1: not '%%MatrixMarket matrix ...' of five words"
        )
    layout, field, symmetry = words[2:]
    if field == "complex" or symmetry == "hermitian":
        raise InputError(f"{path}: a matrix of complex numbers says not who knows whom")
    rows = ((n, line.split()) for n, line in lines if line.strip() and line[0] != "%")
    size = next(rows, (0, [""]))[1]
    if not all(s.isdecimal() and len(s) < 10 for s in size) or len(size) < 2:
        raise InputError(f"{path}: no line says how large the matrix is")
    people = int(size[0])
    if people > SMALL + len(raw):
        raise InputError(f"{path}: a matrix of far more rows than it has entries")
    if size[0] != size[1] or not people:
        raise InputError(
            f"{path}: a matrix of {size[0]} rows and {size[1]} columns; people are in "
            "both rows and columns"
        )
    names = [str(n + 1) for n in range(people)]
    if layout == "array":
        return settled(network, _dense(network, names, list(rows), symmetry))
    ends, values, at = array("q"), array("d"), array("q")
    for line, fields in rows:
        where = f"{path}, line {line}"
        if len(fields) != (2 if field == "pattern" else 3):
            raise InputError(f"{where}: an entry has a row, a column and its value")
        ends.extend(_place(where, part, people) for part in fields[:2])
        values.append(number_of(where, "weight", fields[2]) if fields[2:] else 1.0)
        at.append(line)
    weights = {} if field == "pattern" else {"weight": np.array(values)}
    keep = np.array(values) != 0
    how = f"Matrix Market, {people:,} rows"
    found = Found(tuple(names), pairs_of(ends)[keep], how, lines=np.array(at)[keep])
    kept = {name: values[keep] for name, values in weights.items()}
    return settled(network, found._replace(weights=kept))


def _place(where: str, text: str, people: int) -> int:
    if not text.isdecimal() or len(text) > 10 or not 1 <= int(text) <= people:
        raise InputError(f"{where}: {quoted(text)} is no row or column up to {people}")
    return int(text) - 1


def _dense(
    network: NetworkFile,
    names: list[str],
    rows: list[tuple[int, list[str]]],
    symmetry: str,
) -> Found:
    size = len(names)
    numbers = [
        number_of(f"{network.path}, line {n}", "a cell", f)
        for n, row in rows
        for f in row
    ]
    count = size * size if symmetry == "general" else size * (size + 1) // 2
    if symmetry not in ("general", "symmetric") or len(numbers) != count:
        raise InputError(
            f"{network.path}: a {symmetry} matrix of {len(numbers):,} cells, not "
            f"{count:,}"
        )
    if symmetry == "general":
        values = np.array(numbers).reshape((size, size), order="F")
    else:
        values = np.zeros((size, size))
        column, row = np.triu_indices(size)
        values[row, column] = values[column, row] = numbers
    return of_values(network, names, values, "Matrix Market, dense")


# --------------------------------------------------------------------- adjacency lists


def read_adjacency(network: NetworkFile, raw: bytes) -> Edges:
    """Read lines of a person and all they know.

    Raises
    ------
    InputError
        If it is no text.
    """
    path = Path(network.path)
    raw = checked(path, raw)
    decoded(path, raw)
    sample = sample_of(path, raw)
    mark = network.separator or sample.separator
    if mark is None:
        mark = next((m for m in "\t;|," if any(m in one for one in sample.lines)), " ")
    builder = Builder(path)
    text = io.StringIO(raw.decode(), newline=None)
    above = sample.skip + (network.header is True)
    lines = itertools.islice(enumerate(text, 1), above, None)
    for number, line in lines:
        if not line.strip() or line.startswith(COMMENTS):
            continue
        fields = [field for row in split([line], mark) for field in row]
        names = [
            field.rstrip(":") if n == 0 else field for n, field in enumerate(fields)
        ]
        if not names or not names[0]:
            raise InputError(
                f"{path}, line {number}: no name of a person to begin with"
            )
        for other in filter(None, names[1:]):
            builder.tie(names[0], other, {}, number)
        builder.person(names[0])
    return settled(network, builder.found("adjacency list"))
