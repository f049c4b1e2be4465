"""The part of the grammar of GEXF 1.3 that our files use, held to the letter.

After the RELAX NG of https://gexf.net (version 1.3): for each element, what attributes
it must and may have with their types, and its children in order.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SPACE = "{http://gexf.net/1.3}"
TEXT, WHOLE, COUNT = r"[\s\S]*", r"[+-]?\d+", r"\d+"
NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|INF|-INF|NaN"
TYPE = "integer|long|double|float|boolean|short|byte|char|string|liststring|anyURI"
WHEN = {"start": NUMBER, "end": NUMBER}


class Rule(NamedTuple):
    """What an element must have, may have, and its children as a pattern of names."""

    must: dict[str, str]
    may: dict[str, str]
    children: str


GRAMMAR = {
    "gexf": Rule({"version": r"1\.3"}, {"variant": TEXT}, "(meta )?graph "),
    "meta": Rule({}, {"lastmodifieddate": r"\d{4}-\d\d-\d\d"}, "creator description "),
    "creator": Rule({}, {}, ""),
    "description": Rule({}, {}, ""),
    "graph": Rule(
        {},
        {
            "defaultedgetype": "directed|undirected|mutual",
            "idtype": "integer|string",
            "mode": "static|dynamic|slice",
            "timeformat": "integer|double|date|dateTime",
            "timerepresentation": "interval|timestamp",
            **WHEN,
        },
        "(attributes )*nodes edges ",
    ),
    "attributes": Rule(
        {"class": "node|edge"}, {"mode": "static|dynamic"}, "(attribute )*"
    ),
    "attribute": Rule({"id": TEXT, "title": TEXT, "type": TYPE}, {}, ""),
    "nodes": Rule({}, {"count": COUNT}, "(node )*"),
    "edges": Rule({}, {"count": COUNT}, "(edge )*"),
    "node": Rule({"id": WHOLE}, {"label": TEXT}, "(attvalues )?(spells )?"),
    "edge": Rule(
        {"source": WHOLE, "target": WHOLE},
        {"id": WHOLE, "weight": NUMBER, "label": TEXT},
        "(attvalues )?(spells )?",
    ),
    "attvalues": Rule({}, {}, "(attvalue )*"),
    "attvalue": Rule({"for": TEXT, "value": TEXT}, WHEN, ""),
    "spells": Rule({}, {}, "(spell )+"),
    "spell": Rule({}, WHEN, ""),
}
VALUES = {
    "integer": WHOLE,
    "double": NUMBER,
    "boolean": "true|false",
    "string": TEXT,
}


def faults(path: Path) -> list[str]:
    """Return what in a file is not GEXF 1.3, or does not hold together."""
    root = ElementTree.parse(path).getroot()
    if root.tag != SPACE + "gexf":
        return [f"the root is {root.tag}"]
    return list(of_grammar(root)) or list(of_references(root))


def of_grammar(element: ElementTree.Element) -> Iterator[str]:
    name = element.tag.removeprefix(SPACE)
    if name not in GRAMMAR:
        yield f"unknown element {element.tag}"
        return
    rule = GRAMMAR[name]
    yield from (f"{name} lacks {key}" for key in rule.must if key not in element.attrib)
    for key, value in element.attrib.items():
        pattern = (rule.must | rule.may).get(key)
        if pattern is None or not re.fullmatch(pattern, value):
            yield f"{name} has {key}={value!r}"
    children = "".join(child.tag.removeprefix(SPACE) + " " for child in element)
    if not re.fullmatch(rule.children, children):
        yield f"{name} holds {children[:60]}"
    for child in element:
        yield from of_grammar(child)


def of_references(root: ElementTree.Element) -> Iterator[str]:
    """Yield values of the wrong type, edges to nowhere, and spells outside spells."""
    graph = root.find(SPACE + "graph")
    assert graph is not None
    types: dict[str, dict[str, str]] = {"node": {}, "edge": {}}
    for group in graph.findall(SPACE + "attributes"):
        known = types[group.attrib["class"]]
        for declared in group:
            if declared.attrib["id"] in known:
                yield f"attribute {declared.attrib['id']} is declared twice"
            known[declared.attrib["id"]] = declared.attrib["type"]
    nodes = {node.attrib["id"]: node for node in graph.iter(SPACE + "node")}
    edges = list(graph.iter(SPACE + "edge"))
    for kind, things in (("node", nodes.values()), ("edge", edges)):
        for value in (v for thing in things for v in thing.iter(SPACE + "attvalue")):
            declared_type = types[kind].get(value.attrib["for"])
            if declared_type is None:
                yield f"{kind} has an undeclared {value.attrib['for']}"
            elif not re.fullmatch(VALUES[declared_type], value.attrib["value"]):
                yield f"{value.attrib} is no {declared_type}"
    for edge in edges:
        ends = [nodes.get(edge.attrib[end]) for end in ("source", "target")]
        if None in ends:
            yield f"an edge joins {edge.attrib}"
            continue
        for start, end in spells(edge):
            for node in ends:
                if not any(a <= start and end <= b for a, b in spells(node)):
                    yield f"a spell of edge {edge.attrib} is outside its node's"


def spells(thing: ElementTree.Element | None) -> list[tuple[int, int]]:
    """Return from when to when a node or an edge is there."""
    assert thing is not None
    found = thing.iter(SPACE + "spell")
    return [(int(s.attrib["start"]), int(s.attrib["end"])) for s in found]
