"""GraphML writer (Brandes et al. 2002, doi:10.1007/3-540-45848-4_59)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sim.runs.export.rows import Rows
from sim.runs.export.xml import as_text, attributes, lines_of, write_lines

NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
TYPES = {bool: "boolean", int: "long", float: "double", str: "string"}

Kinds = Mapping[str, type]


def write(
    path: Path,
    kinds: tuple[Kinds, Kinds],
    nodes: Iterable[Rows],
    edges: Iterable[Rows],
    about: Mapping[str, Any],
) -> Path:
    """Write a directed graph, whole or not at all.

    Parameters
    ----------
    path
        Where to.
    kinds
        The types of what is known of nodes, and of edges.
    nodes, edges
        They themselves, part by part.
    about
        What is known of the graph.

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    return write_lines(path, _lines(kinds, nodes, edges, about))


def _lines(
    kinds: tuple[Kinds, Kinds],
    nodes: Iterable[Rows],
    edges: Iterable[Rows],
    about: Mapping[str, Any],
) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<graphml xmlns="{NAMESPACE}">'
    of_graph = {name: type(value) for name, value in about.items()}
    for scope, known in (("graph", of_graph), ("node", kinds[0]), ("edge", kinds[1])):
        for name, kind in known.items():
            key = {"id": f"{scope}.{name}", "for": scope}
            key |= {"attr.name": name, "attr.type": TYPES[kind]}
            yield f"<key{attributes(key)}/>"
    yield '<graph edgedefault="directed">'
    for name, value in about.items():
        yield _cell("graph", name, value)
    for rows in nodes:
        yield from lines_of(rows, _node, lambda n, v: _cell("node", n, v), "</node>")
    for rows in edges:
        yield from lines_of(rows, _edge, lambda n, v: _cell("edge", n, v), "</edge>")
    yield "</graph>\n</graphml>"


def _node(name: tuple[int, ...]) -> str:
    return f'<node id="{name[0]}">'


def _edge(ends: tuple[int, ...]) -> str:
    return f'<edge source="{ends[0]}" target="{ends[1]}">'


def _cell(scope: str, name: str, value: Any) -> str:
    return f'<data key="{scope}.{name}">{as_text(value)}</data>'
