"""Networks in memory: graphs of networkx and tables of pandas, read as files are.

They become the bytes of a file of JSON, nodes and links, which the reader of such files
reads: so they are understood, and refused, as files are. These bytes are kept with a
run, and their digest is the network's.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sim.model.network_files.headers import ends_in, heads_people, several_friends
from sim.model.network_files.json_graphs import READ_WITH
from sim.model.network_files.network_file import (
    NetworkFile,
    listed,
    quoted,
)
from sim.model.network_files.people import person_in
from sim.utils.errors import InputError

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

# What may be given as a network; ``as_file`` makes a file of it.
if TYPE_CHECKING:
    Ties: TypeAlias = nx.Graph[Any] | pd.DataFrame
    GivenNetwork: TypeAlias = (
        str | Path | NetworkFile | "Network" | Ties | tuple[Ties, pd.DataFrame]
    )
else:
    GivenNetwork = Any

STORED = "network.json"  # the name of the file
_ENDS = ("source", "target")
_TAKEN = {"nodes": ("id",), "links": _ENDS}  # what attributes cannot be called


@dataclass(frozen=True)
class Network:
    """A network in memory and, where it leaves it open, how to take it.

    Parameters
    ----------
    ties
        A graph of networkx, or a pandas table of ties, one a row. Direction, repeats
        and self loops are dropped, as of a file.
    people
        A pandas table of people, one a row; None goes by the ties.
    columns
        The columns of a tie's two people, as a pair or as ``"from,to"``; needed where
        their names do not say it.
    person
        The column of ``people`` that says who; needed where its name does not say it.
    closeness_from, scale
        As for ``NetworkFile``.

    Raises
    ------
    InputError
        If something could be meant in two ways, or cannot be meant.

    Examples
    --------
    >>> import pandas as pd, sim
    >>> ties = pd.DataFrame({"from": ["ann", "bob"], "to": ["bob", "cem"]})
    >>> people = pd.DataFrame({"id": ["ann", "bob", "cem"], "age": [31, 58, 44]})
    >>> society = sim.Society("her", network=(ties, people))
    >>> sorted(zip(society.labels, society.people["age"].tolist()))
    [('ann', 31), ('bob', 58), ('cem', 44)]
    """

    ties: Ties
    people: pd.DataFrame | None = None
    columns: tuple[str, str] | str | None = None
    person: str | None = None
    closeness_from: str | None = None
    scale: str | None = None

    def file(self) -> NetworkData:
        """Return the network as a file would say it."""
        ties: Any = self.ties
        if not _is_graph(ties) and not _is_table(ties):
            what = type(ties).__name__
            raise InputError(
                "a network is a file, a graph of networkx or a pandas table of ties, "
                f"not a {what}"
            )
        if self.people is not None and not _is_table(self.people):
            what = type(self.people).__name__
            raise InputError(f"people are a pandas table, not a {what}")
        if _is_graph(ties):
            if self.columns is not None:
                raise InputError("a graph of networkx has no columns to choose")
            nodes, links = _of_graph(ties)
            where, how = "graph", f"networkx {type(ties).__name__}"
        else:
            pair = _pair(ties, NetworkFile("ties", self.columns).pair)
            nodes, links = _of_table(ties, pair)
            where = "ties"
            how = f"pandas, people in columns {pair[0]} and {pair[1]}"
        if self.people is not None:
            _add_people(nodes, self.people, self.person)
            how += f", with a table of {len(self.people):,} people"
        elif self.person is not None:
            raise InputError("the column of a person goes with a table of people")
        content: dict[str, Any] = {
            "nodes": [{"id": name, **known} for name, known in nodes.items()],
            "links": links,
        }
        told = NetworkFile(where, closeness_from=self.closeness_from, scale=self.scale)
        if told.given():
            content[READ_WITH] = told.given()
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        raw = text.encode("utf-8", "backslashreplace")
        return NetworkData(Path(where), format="json", content=raw, how=how)


@dataclass(frozen=True)
class NetworkData(NetworkFile):
    """The bytes of a network that is in memory, read as a file of JSON."""

    content: bytes = b""
    how: str = ""

    def given(self) -> dict[str, str]:
        """Return nothing: the bytes say how they are to be read."""
        return {}

    def identity(self) -> dict[str, str]:
        """Return the name that its stored copy has, and its SHA-256."""
        return {"name": STORED, "sha256": self.digest, "stored": f"network/{STORED}"}

    @property
    def stored(self) -> str:
        """The name of the file that its bytes are kept in."""
        return STORED

    @property
    def digest(self) -> str:
        """The SHA-256 of its bytes."""
        return hashlib.sha256(self.content).hexdigest()


def check_humans(network: Any, asked: Iterable[str]) -> None:
    """Raise InputError if a number of humans is asked for beside a network."""
    if network is not None and "humans" in asked:
        raise InputError("'humans' goes without a network, which says who there is")


def as_file(network: Any) -> NetworkFile:
    """Return a network with how to read it, all left to it if nothing is said.

    Parameters
    ----------
    network
        A path, a ``NetworkFile``, a ``Network``, a graph, a table of ties, or a pair of
        a graph or table of ties, and a table of people.

    Raises
    ------
    InputError
        If it is something else, or could be meant in two ways.
    """
    if isinstance(network, NetworkFile):
        return network
    if isinstance(network, str | Path):
        return NetworkFile(network)
    if isinstance(network, Network):
        return network.file()
    if isinstance(network, tuple | list) and len(network) == 2:
        return Network(*network).file()
    return Network(network).file()


def is_in_memory(network: Any) -> bool:
    """Tell whether a network is given as itself, not as the path of a file."""
    return isinstance(network, Network | NetworkData | tuple) or (
        _is_graph(network) or _is_table(network)
    )


def _is_graph(thing: Any) -> bool:
    return all(hasattr(thing, name) for name in ("nodes", "edges", "is_multigraph"))


def _is_table(thing: Any) -> bool:
    return all(hasattr(thing, name) for name in ("columns", "iloc", "itertuples"))


# ------------------------------------------------------------------------------ graphs

Nodes = dict[str, dict[str, Any]]  # what is known of each person, by name


def _of_graph(graph: Any) -> tuple[Nodes, list[dict[str, Any]]]:
    nodes: Nodes = {}
    names: dict[Any, str] = {}
    for node, known in graph.nodes(data=True):
        name = names[node] = _name("graph: a node", node)
        if name in nodes:
            raise InputError(f"graph: two nodes are both called {quoted(name)}")
        own = {k: v for k, v in known.items() if k != "id" or str(v) != name}
        nodes[name] = _plain("graph: a node", own, "nodes")
    links = [
        {"source": names[one], "target": names[other]}
        | _plain("graph: an edge", known, "links")
        for one, other, known in graph.edges(data=True)
    ]
    return nodes, links


def _name(where: str, value: Any) -> str:
    """Return what somebody is called, as text."""
    value = _scalar(value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        text = str(value).strip()
        if text:
            return text
    raise InputError(
        f"{where} is called {quoted(repr(value))}; people are called by texts or "
        "numbers (networkx.convert_node_labels_to_integers)"
    )


def _plain(where: str, known: Mapping[Any, Any], what: str) -> dict[str, Any]:
    """Return attributes as JSON has them, without those that are missing."""
    found: dict[str, Any] = {}
    for title, given in known.items():
        if str(title) in _TAKEN[what]:
            raise InputError(f"{where} has an attribute {str(title)!r}; rename it")
        value = _scalar(given)
        if isinstance(value, float) and math.isinf(value):
            raise InputError(f"{where}: {quoted(str(title))} is infinite")
        if value is not None:
            found[str(title)] = value
    return found


def _scalar(value: Any) -> Any:
    """Return a value as JSON has it: None for none, [] for what is no plain value."""
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return []


# ------------------------------------------------------------------------------ tables


def _columns(where: str, table: pd.DataFrame) -> list[str]:
    """Return the names of a table's columns; refuse what hides others in its index."""
    names = [str(name) for name in table.columns]
    if getattr(table.columns, "nlevels", 1) > 1 or table.index.nlevels > 1:
        raise InputError(f"{where}: rows or columns of several levels; reset_index()")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{where}: two columns are called {quoted(name)}")
    return names


def _pair(ties: pd.DataFrame, asked: tuple[str, str] | None) -> tuple[str, str]:
    """Return the columns of a tie's two people.

    Raises
    ------
    InputError
        If they could be others.
    """
    names = _columns("ties", ties)
    have = f"columns are {listed(map(quoted, names))}"
    if asked is not None:
        for name in asked:
            if name not in names:
                raise InputError(f"ties have no column {quoted(name)}; {have}")
        return asked
    found = ends_in(names)
    if len(found) == 1 and not several_friends(names):
        one, other = found[0].columns
        return names[one], names[other]
    if len(names) == 2 and not found and not heads_people(names):
        first, second = (set(ties.iloc[:, column].tolist()) for column in (0, 1))
        if first & second:
            return names[0], names[1]
    raise InputError(
        f"ties: which two columns are a tie's people? {have}; say it: "
        "sim.Network(ties, columns=('from', 'to'))"
    )


def _of_table(
    ties: pd.DataFrame, pair: tuple[str, str]
) -> tuple[Nodes, list[dict[str, Any]]]:
    names = _columns("ties", ties)
    values = {name: ties.iloc[:, at].tolist() for at, name in enumerate(names)}
    ends = [_named(f"ties, column {quoted(name)}", values.pop(name)) for name in pair]
    links = []
    for row, (one, other) in enumerate(zip(*ends, strict=True)):
        known = {title: of_ties[row] for title, of_ties in values.items()}
        own = _plain(f"ties, row {row + 1}", known, "links")
        links.append({"source": one, "target": other} | own)
    people = dict.fromkeys((*ends[0], *ends[1]))
    return {name: {} for name in people}, links


def _named(where: str, values: Iterable[Any]) -> list[str]:
    who = enumerate(values)
    return [_name(f"{where}, row {row + 1}: somebody", one) for row, one in who]


def _add_people(nodes: Nodes, people: pd.DataFrame, person: str | None) -> None:
    """Add what a table says of people, and those who have no tie."""
    names = _columns("people", people)
    at = person_in(Path("people"), names, person)
    who = _named(f"people, column {quoted(names[at])}", people.iloc[:, at].tolist())
    if len(set(who)) < len(who):
        twice = next(name for n, name in enumerate(who) if name in who[:n])
        raise InputError(f"people: {quoted(twice)} stands twice; give each one row")
    for name in nodes.keys() - set(who):
        raise InputError(
            f"people: {quoted(name)} of the ties is not in column {quoted(names[at])}; "
            "give everybody a row, or say which column names them (person='...')"
        )
    columns = {
        name: people.iloc[:, c].tolist() for c, name in enumerate(names) if c != at
    }
    for row, name in enumerate(who):
        told = {title: values[row] for title, values in columns.items()}
        known = nodes.setdefault(name, {})
        for title in told.keys() & known.keys():
            raise InputError(f"people: the ties' nodes have {quoted(title)}, too")
        known |= _plain(f"people, row {row + 1}", told, "nodes")
