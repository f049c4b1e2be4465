"""Graphs in JSON: nodes and links, lists of ties, and who knows whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.model.network_files.builder import Builder, refuse_large
from sim.model.network_files.closeness import settled
from sim.model.network_files.edge_lists import decoded
from sim.model.network_files.network_file import (
    SCALES,
    Edges,
    Found,
    NetworkFile,
    quoted,
)
from sim.model.network_files.opening import as_utf8
from sim.utils.errors import InputError
from sim.utils.untrusted import parse_json

READ_WITH = "read_with"  # under which a file says what is closeness
_ENDS = (("source", "target"), ("from", "to"), ("src", "dst"))


def read(network: NetworkFile, raw: bytes) -> Edges:
    """Read node-link data, Cytoscape's, a list of ties, or lists of who knows whom.

    Raises
    ------
    InputError
        If it is none of them.
    """
    path = Path(network.path)
    refuse_large(path, raw)
    text = decoded(path, as_utf8(path, raw))
    try:
        found = _json_of(text)
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    builder = Builder(path)
    if isinstance(found, dict):
        network = _as_it_says(network, found.get(READ_WITH))
    if isinstance(found, dict) and isinstance(found.get("elements"), dict | list):
        found = _of_cytoscape(found["elements"])
    if isinstance(found, dict) and isinstance(found.get("graph"), dict):
        inner = found["graph"]
        found = inner if any(k in inner for k in ("edges", "links")) else found
    if isinstance(found, dict) and isinstance(found.get("adjacency"), list):
        return settled(network, _of_adjacency_data(builder, found))
    if isinstance(found, dict):
        for key in ("links", "edges"):
            if isinstance(found.get(key), list):
                return settled(network, _of_node_link(network, builder, found, key))
        if found and all(isinstance(v, list | dict) for v in found.values()):
            return settled(network, _of_neighbours(builder, found))
    elif isinstance(found, list) and found:
        if len(found) > 2 and all(
            isinstance(row, list) and len(row) == len(found) for row in found
        ):
            raise InputError(f"{path}: a matrix in JSON; write it as CSV")
        return settled(
            network, _of_node_link(network, builder, {"links": found}, "links")
        )
    raise InputError(
        f"{path}: JSON without ties: give {{'nodes': [...], 'links': [{{'source': .., "
        "'target': ..}]}, as networkx.node_link_data does, or a list of pairs"
    )


def _as_it_says(network: NetworkFile, told: Any) -> NetworkFile:
    """Return how a file is to be read, by what it says where nothing else is asked."""
    asked = network.closeness_from is not None or network.scale is not None
    if asked or not isinstance(told, dict):
        return network
    name, scale = told.get("closeness_from"), told.get("scale")
    return replace(
        network,
        closeness_from=name if isinstance(name, str) else None,
        scale=scale if scale in SCALES else None,
    )


def _json_of(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not all(line.strip()[0] in "{[" for line in lines):
            raise
        return [parse_json(line) for line in lines]


def _of_cytoscape(elements: Any) -> dict[str, Any]:
    if isinstance(elements, dict):
        parts = {kind: elements.get(kind, []) for kind in ("nodes", "edges")}
    else:
        edges = [e for e in elements if "source" in _data(e)]
        parts = {"nodes": [e for e in elements if e not in edges], "edges": edges}
    return {
        kind: [_data(one) for one in found] if isinstance(found, list) else []
        for kind, found in parts.items()
    }


def _data(element: Any) -> dict[str, Any]:
    inner = element.get("data") if isinstance(element, dict) else None
    return inner if isinstance(inner, dict) else {}


def _text_of(path: str | Path, value: Any) -> str:
    """Return the name of a person in JSON."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        text = str(value).strip()
        if text:
            return text
    raise InputError(f"{path}: {quoted(str(value))} is no name of a person")


def _of_node_link(
    network: NetworkFile, builder: Builder, found: dict[str, Any], key: str
) -> Found:
    path = builder.path
    places: list[str] = []
    by_place = False  # ends are places among the nodes, as old d3 has them
    nodes = found.get("nodes", [])
    if isinstance(nodes, dict):  # JSON Graph Format
        nodes = [
            {"id": name} | (known if isinstance(known, dict) else {})
            for name, known in nodes.items()
        ]
    for node in nodes if isinstance(nodes, list) else []:
        known = node if isinstance(node, dict) else {"id": node}
        name = known.get("id", known.get("key", known.get("name")))
        by_place = by_place or not {"id", "key"} & known.keys()
        places.append(_text_of(path, name))
        builder.node(places[-1], {k: v for k, v in known.items() if k != "id"})
    for edge in found[key]:
        ends, known = _edge_of(network, edge)
        names = []
        for end in ends:
            place = isinstance(end, int) and not isinstance(end, bool)
            if by_place and place and 0 <= end < len(places):
                names.append(places[end])
            else:
                names.append(_text_of(path, end))
        if places and not set(names) <= builder.numbers.keys():
            missing = next(name for name in names if name not in builder.numbers)
            raise InputError(f"{path}: a tie of {quoted(missing)}, who is no node")
        builder.tie(names[0], names[1], known)
    how = "JSON, nodes and links" if places else "JSON, a list of ties"
    return builder.found(how)


def _edge_of(network: NetworkFile, edge: Any) -> tuple[tuple[Any, Any], dict[str, Any]]:
    """Return the ends and the attributes of a tie in JSON."""
    if isinstance(edge, list) and len(edge) in (2, 3):
        known = edge[2] if len(edge) == 3 else {}
        if not isinstance(known, dict):
            known = {"weight": known}
        return (edge[0], edge[1]), known
    if isinstance(edge, dict):
        wanted = (network.pair,) if network.pair else _ENDS
        for one, other in wanted:
            if one in edge and other in edge:
                rest = {k: v for k, v in edge.items() if k not in (one, other)}
                return (edge[one], edge[other]), _without_ids(rest)
    shown = quoted(str(edge)[:100])
    raise InputError(
        f"{network.path}: {shown} is no tie; give {{'source': .., 'target': ..}} or "
        "say --network-columns ONE,OTHER"
    )


def _without_ids(known: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in known.items() if k not in ("id", "key")}


def _of_adjacency_data(builder: Builder, found: dict[str, Any]) -> Found:
    nodes, rows = found.get("nodes"), found["adjacency"]
    if not isinstance(nodes, list) or len(nodes) != len(rows):
        raise InputError(
            f"{builder.path}: JSON with as many nodes as rows of adjacency"
        )
    names = []
    for node in nodes:
        known = node if isinstance(node, dict) else {"id": node}
        names.append(_text_of(builder.path, known.get("id")))
        builder.node(names[-1], {k: v for k, v in known.items() if k != "id"})
    mutual = found.get("directed") is not True
    for name, row in zip(names, rows, strict=True):
        for edge in row if isinstance(row, list) else []:
            known = edge if isinstance(edge, dict) else {"id": edge}
            other = _text_of(builder.path, known.get("id"))
            if not mutual or builder.person(name) <= builder.person(other):
                builder.tie(name, other, _without_ids(known))
    return builder.found("JSON, adjacency data of networkx")


def _of_neighbours(builder: Builder, found: dict[str, Any]) -> Found:
    for name, friends in found.items():
        one = _text_of(builder.path, name)
        builder.person(one)
        for friend in friends:
            known = friends[friend] if isinstance(friends, dict) else {}
            if not isinstance(known, dict):
                known = {"weight": known}
            builder.tie(one, _text_of(builder.path, friend), known)
    return builder.found("JSON, who knows whom")
