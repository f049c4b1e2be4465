"""Write graphs as GEXF 1.3, the format that Gephi plays as a film.

Of a whole run, agents and ties have spells: from the snapshot day that first shows them
to the day of the first snapshot that does not. What changes has a value for each span.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import networkx as nx

from sim.files import replacing

NAMESPACE = "http://gexf.net/1.3"
TYPES = {bool: "boolean", int: "integer", float: "double", str: "string"}
# What XML 1.0 cannot hold, however it is escaped.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Values = Mapping[str, Any]


class Span(NamedTuple):
    """A value from one day to another, both included."""

    value: Any
    start: int
    end: int


class Thing(NamedTuple):
    """A node or an edge with what is known of it.

    ``name`` is the number of a node, or source and target of an edge. Moving values
    are lists of ``Span``; spells are pairs of days, none if it is always there.
    """

    name: tuple[int, ...]
    label: str
    fixed: Values
    moving: Mapping[str, Sequence[Span]]
    spells: Sequence[tuple[int, int]]


class Kinds(NamedTuple):
    """The attributes of nodes, and those of edges: type by title."""

    fixed: Mapping[str, str]
    moving: Mapping[str, str]


def spans(
    days: Sequence[int], after: Sequence[int], values: Sequence[Any]
) -> list[Span]:
    """Return the values of some snapshot days, equal ones that touch made one.

    Parameters
    ----------
    days
        Days on which something was seen, rising.
    after
        The snapshot day that follows each.
    values
        Its value on each day.
    """
    found: list[Span] = []
    for day, end, value in zip(days, after, values, strict=True):
        if found and found[-1].end == day and found[-1].value == value:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(Span(value, day, end))
    return found


def write_graph(graph: nx.DiGraph[int], path: Path) -> Path:
    """Write a graph of one day. The weight of an edge is its closeness."""
    nodes = [
        Thing((agent,), str(known.get("label", agent)), known, {}, ())
        for agent, known in graph.nodes(data=True)
    ]
    edges = [
        Thing((one, other), "", known, {}, ())
        for one, other, known in graph.edges(data=True)
    ]
    return write(path, nodes, edges, about=dict(graph.graph))


def write(
    path: Path,
    nodes: Sequence[Thing],
    edges: Sequence[Thing],
    about: Values,
    days: tuple[int, int] | None = None,
) -> Path:
    """Write a file of GEXF 1.3, whole or not at all.

    Parameters
    ----------
    path
        Where to.
    nodes, edges
        What is in the graph.
    about
        What to say of it in the description.
    days
        First and last day of a dynamic graph; None writes a static one.

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    with replacing(path) as part, open(part, "w", encoding="utf-8") as file:
        for line in _lines(nodes, edges, about, days):
            file.write(line + "\n")
    return path


def _lines(
    nodes: Sequence[Thing],
    edges: Sequence[Thing],
    about: Values,
    days: tuple[int, int] | None,
) -> Iterator[str]:
    said = ", ".join(f"{name} {value}" for name, value in about.items())
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<gexf xmlns="{NAMESPACE}" version="1.3">'
    yield f"<meta><creator>os-society</creator><description>{_text(said)}"
    yield "</description></meta>"
    yield f"<graph{_graph_options(days)}>"
    for name, things in (("node", nodes), ("edge", edges)):
        yield from _declared(name, kinds(things))
    yield f'<nodes count="{len(nodes)}">'
    for node in nodes:
        options = {"id": node.name[0], "label": node.label}
        yield from _thing("node", options, node)
    yield f'</nodes>\n<edges count="{len(edges)}">'
    for number, edge in enumerate(edges):
        source, target = edge.name
        options = {"id": number, "source": source, "target": target}
        if "closeness" in edge.fixed:
            options["weight"] = edge.fixed["closeness"]
        yield from _thing("edge", options, edge)
    yield "</edges>\n</graph>\n</gexf>"


def _graph_options(days: tuple[int, int] | None) -> str:
    options: dict[str, Any] = {"defaultedgetype": "directed", "idtype": "integer"}
    if days is None:
        return _options(options | {"mode": "static"})
    moving = {"mode": "dynamic", "timeformat": "integer"}
    moving |= {"timerepresentation": "interval"}
    return _options(options | moving | {"start": days[0], "end": days[1]})


def kinds(things: Iterable[Thing]) -> Kinds:
    """Return the attributes that things have, with their types."""
    found = Kinds({}, {})
    for thing in things:
        for title, value in thing.fixed.items():
            _widen(found.fixed, title, value)
        for title, values in thing.moving.items():
            for span in values:
                _widen(found.moving, title, span.value)
    return found


def _widen(types: Any, title: str, value: Any) -> None:
    """Note the type of a value; a number with a fraction makes all of them such."""
    kind = TYPES[type(value)]
    if types.setdefault(title, kind) != kind:
        both = {types[title], kind}
        types[title] = "double" if both == {"integer", "double"} else "string"


def _declared(name: str, known: Kinds) -> Iterator[str]:
    for mode, titles in (("static", known.fixed), ("dynamic", known.moving)):
        if titles:
            yield f'<attributes class="{name}" mode="{mode}">'
            for title, kind in titles.items():
                options = {"id": _id(title), "title": title, "type": kind}
                yield f"<attribute{_options(options)}/>"
            yield "</attributes>"


def _thing(element: str, options: Mapping[str, Any], thing: Thing) -> Iterator[str]:
    yield f"<{element}{_options(options)}>"
    if thing.fixed or thing.moving:
        yield "<attvalues>"
        for title, value in thing.fixed.items():
            yield f"<attvalue{_options({'for': _id(title), 'value': value})}/>"
        for title, values in thing.moving.items():
            for value, start, end in values:
                said = {"for": _id(title), "value": value, "start": start, "end": end}
                yield f"<attvalue{_options(said)}/>"
        yield "</attvalues>"
    if thing.spells:
        ends = [_options({"start": a, "end": b}) for a, b in thing.spells]
        yield "<spells>" + "".join(f"<spell{end}/>" for end in ends) + "</spells>"
    yield f"</{element}>"


def _id(title: str) -> str:
    """Return the name of an attribute within the file: its title, but for one.

    networkx takes an attribute with the id ``weight`` for a static one.
    """
    return "moving_weight" if title == "weight" else title


def _options(options: Mapping[str, Any]) -> str:
    return "".join(f" {name}={_quoted(value)}" for name, value in options.items())


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return quoteattr(NOT_XML.sub("", value))
    return f'"{str(value).lower() if isinstance(value, bool) else value}"'


def _text(text: str) -> str:
    return escape(NOT_XML.sub("", text))
