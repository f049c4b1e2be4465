"""Network files: read as what they are, with one line of what was understood.

Whatever is wrong with a file, or can be understood in two ways, is an ``InputError``
that names the place and what to do. What was understood is said in one line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sim.model.network_files import edge_lists, graph_texts, json_graphs, xml_graphs
from sim.model.network_files.in_memory import NetworkData, as_file
from sim.model.network_files.network_file import FORMATS, SCALES, Edges, NetworkFile
from sim.model.network_files.opening import Content, contents, format_of
from sim.model.network_files.people import with_table
from sim.utils.errors import InputError

__all__ = ["FORMATS", "LOG", "SCALES", "Edges", "NetworkFile", "read_edges"]


LOG = logging.getLogger("sim.network_files")  # one line a file: what it was taken for

# What a file may hold at most.
MOST_PEOPLE = 50_000_000
LONGEST_NAME = 1000  # letters

_READERS: dict[str, Callable[[NetworkFile, bytes], Edges]] = {
    "edges": edge_lists.read,
    "matrix": edge_lists.read,
    "adjacency": graph_texts.read_adjacency,
    "json": json_graphs.read,
    "gml": graph_texts.read_gml,
    "pajek": graph_texts.read_pajek,
    "matrixmarket": graph_texts.read_matrix_market,
    "graphml": partial(xml_graphs.read, root="graphml"),
    "gexf": partial(xml_graphs.read, root="gexf"),
}


def read_edges(network: Any) -> Edges:
    """Read a network file, or one in memory; its name and beginning say the format.

    A table of people that goes with it is read, too.

    Raises
    ------
    InputError
        If the file cannot be read, is malformed, or can be read in two ways: names the
        file, the line, and the options that say which.
    """
    file = as_file(network)
    path = Path(file.path)
    if isinstance(file, NetworkData):
        content = Content(file.content, path.name, "")
    else:
        content = contents(path)
    kind = file.format or format_of(path, content)
    edges = _READERS[kind](file, content.raw)
    if content.packing:
        edges = edges._replace(how=f"{content.packing}, {edges.how}")
    if isinstance(file, NetworkData) and file.how:
        edges = edges._replace(how=file.how)
    edges = with_table(file, edges)
    _check_names(path, edges.names)
    return edges


def _check_names(path: Path, names: tuple[str, ...]) -> None:
    """Raise InputError if people are too many or their names too long."""
    if len(names) > MOST_PEOPLE:
        raise InputError(f"{path} names more than {MOST_PEOPLE:,} people; take fewer")
    longest = max(names, key=len, default="")
    if len(longest) > LONGEST_NAME:
        shown = f"{longest[:20]}..."
        raise InputError(f"{path}: the name {shown!r} is longer than {LONGEST_NAME}")
