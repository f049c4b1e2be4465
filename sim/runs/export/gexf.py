"""GEXF 1.3 writer, dynamic graphs for Gephi included.

Of a whole run, agents and ties have spells: from the snapshot day that first shows them
to the day of the first snapshot that does not. What changes has a value for each span.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sim.runs.export.rows import Rows
from sim.runs.export.xml import as_text, attributes, lines_of, write_lines

NAMESPACE = "http://gexf.net/1.3"
TYPES = {bool: "boolean", int: "integer", float: "double", str: "string"}

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
    """What is known of nodes, or of edges: type by title."""

    fixed: Mapping[str, type]
    moving: Mapping[str, type] = {}


# The types of what is known of nodes or edges, and they themselves.
Things = tuple[Kinds, Iterable[Rows] | Iterable[Thing]]


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


def write(
    path: Path,
    nodes: Things,
    edges: Things,
    about: Values,
    days: tuple[int, int] | None = None,
) -> Path:
    """Write a file of GEXF 1.3, whole or not at all.

    Parameters
    ----------
    path
        Where to.
    nodes, edges
        The types of what is known of them, and they themselves: ``Rows`` of a static
        graph, each ``Thing`` of a dynamic one. The weight of a static edge is its
        closeness.
    about
        What to say of the graph in the description.
    days
        First and last day of a dynamic graph; None writes a static one.

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    return write_lines(path, _lines(nodes, edges, about, days))


def _lines(
    nodes: Things, edges: Things, about: Values, days: tuple[int, int] | None
) -> Iterator[str]:
    said = ", ".join(f"{name} {value}" for name, value in about.items())
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<gexf xmlns="{NAMESPACE}" version="1.3">'
    yield f"<meta><creator>os-society</creator><description>{as_text(said)}"
    yield "</description></meta>"
    yield f"<graph{_graph_options(days)}>"
    yield from _declared("node", nodes[0])
    yield from _declared("edge", edges[0])
    yield "<nodes>"
    for node in nodes[1]:
        yield from _moving(node) if isinstance(node, Thing) else _still_nodes(node)
    yield "</nodes>\n<edges>"
    numbers = itertools.count()
    for edge in edges[1]:
        if isinstance(edge, Thing):
            yield from _moving(edge, next(numbers))
        else:
            yield from _still_edges(edge, numbers)
    yield "</edges>\n</graph>\n</gexf>"


def _still_nodes(rows: Rows) -> Iterator[str]:
    labels = iter(rows.columns["label"])

    def begin(name: tuple[int, ...]) -> str:
        return f"<node{attributes({'id': name[0], 'label': next(labels)})}><attvalues>"

    return lines_of(rows, begin, _value, "</attvalues></node>")


def _still_edges(rows: Rows, numbers: Iterator[int]) -> Iterator[str]:
    weights = iter(rows.columns["closeness"])

    def begin(ends: tuple[int, ...]) -> str:
        known = f'id="{next(numbers)}" source="{ends[0]}" target="{ends[1]}"'
        return f'<edge {known} weight="{next(weights)}"><attvalues>'

    return lines_of(rows, begin, _value, "</attvalues></edge>")


def _value(title: str, value: Any) -> str:
    return f"<attvalue{attributes({'for': _id(title), 'value': value})}/>"


def _graph_options(days: tuple[int, int] | None) -> str:
    record: dict[str, Any] = {"defaultedgetype": "directed", "idtype": "integer"}
    if days is None:
        return attributes(record | {"mode": "static"})
    moving = {"mode": "dynamic", "timeformat": "integer"}
    moving |= {"timerepresentation": "interval"}
    return attributes(record | moving | {"start": days[0], "end": days[1]})


def _declared(name: str, known: Kinds) -> Iterator[str]:
    for mode, titles in (("static", known.fixed), ("dynamic", known.moving)):
        if titles:
            yield f'<attributes class="{name}" mode="{mode}">'
            for title, kind in titles.items():
                values = {"id": _id(title), "title": title, "type": TYPES[kind]}
                yield f"<attribute{attributes(values)}/>"
            yield "</attributes>"


def _moving(thing: Thing, number: int | None = None) -> Iterator[str]:
    element = "node" if number is None else "edge"
    record: dict[str, Any] = {"id": thing.name[0], "label": thing.label}
    if number is not None:
        record = {"id": number, "source": thing.name[0], "target": thing.name[1]}
    yield f"<{element}{attributes(record)}>"
    if thing.fixed or thing.moving:
        yield "<attvalues>"
        for title, fixed in thing.fixed.items():
            yield _value(title, fixed)
        for title, values in thing.moving.items():
            for value, start, end in values:
                said = {"for": _id(title), "value": value, "start": start, "end": end}
                yield f"<attvalue{attributes(said)}/>"
        yield "</attvalues>"
    if thing.spells:
        ends = [attributes({"start": a, "end": b}) for a, b in thing.spells]
        yield "<spells>" + "".join(f"<spell{end}/>" for end in ends) + "</spells>"
    yield f"</{element}>"


def _id(title: str) -> str:
    """Return the name of an attribute within the file: its title, but for one.

    networkx takes an attribute with the id ``weight`` for a static one.
    """
    return "moving_weight" if title == "weight" else title
