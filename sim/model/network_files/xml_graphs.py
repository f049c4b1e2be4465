"""Graphs in XML: GraphML and GEXF.

They go through defusedxml, in one pass: graph libraries forget on which line an edge
stood, and it refuses a document type before any entity can expand.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import InputSource

import numpy as np

from sim.model.network_files.builder import (
    OS_KIND,
    TITLES,
    among_people,
    labelled,
    table_of,
)
from sim.model.network_files.closeness import (
    MEASURES,
    PARTNERS,
    number_of,
    partner_of,
    settled,
)
from sim.model.network_files.network_file import (
    NONE,
    Array,
    Edges,
    Found,
    NetworkFile,
    counted,
    key_of,
    pairs_of,
    quoted,
)
from sim.model.network_files.opening import xml_as_utf8
from sim.model.network_files.values import inferred
from sim.utils.errors import InputError

LARGEST_XML = 2**30  # bytes
DEEPEST = 100  # elements of XML within each other
_LABELS = ("label", "name")  # of nodes, the first that is there
_EDGE_LABEL = "EdgeLabel"  # what yEd writes beside an edge
_NUMBERS = ("int", "integer", "long", "short", "byte", "float", "double", "decimal")
_TITLES = {"graphml": "GraphML", "gexf": "GEXF"}


def read(network: NetworkFile, raw: bytes, root: str) -> Edges:
    """Read a document of ``root`` "graphml" or "gexf".

    Raises
    ------
    InputError
        If it is malformed, or may be harmful; names the line.
    """
    handler = _Handler(network, root)
    _parse(Path(network.path), raw, handler)
    return settled(network, handler.found())


class _Handler(ContentHandler):
    """Collect people and edges from the XML of GraphML or GEXF, in one pass.

    Attributes are in ``<data>`` under a declared ``<key>`` (GraphML), or in
    ``<attvalue>`` under a declared ``<attribute>``, and weights in ``weight="..."``
    (GEXF). Nodes that hold others are groups, and nobody.
    """

    def __init__(self, network: NetworkFile, root: str) -> None:
        super().__init__()
        self.path, self.root, self.expected = network.path, root, root
        asked = network.closeness_from
        self.wanted = MEASURES if asked in (None, NONE) else (key_of(asked or ""),)
        self.tells_partners = PARTNERS not in self.wanted
        if self.tells_partners:
            self.wanted = (*self.wanted, PARTNERS)
        self.depth = self.graphs = 0
        self.dynamic = False
        self.numbers: dict[str, int] = {}
        self.labels: dict[int, list[str | None]] = {}  # label, name, yEd's
        self.nodes: list[int] = []  # that are open, the innermost last
        self.groups: set[int] = set()
        self.parents: set[str] = set()
        self.oses: set[int] = set()
        self.has_conditions = False
        self.ends = array("q")
        self.lines = array("q")
        self.titles: dict[str, str] = {}  # of wanted attributes of edges, by their key
        self.values: dict[str, array[float]] = {}  # by their key; nan: not given
        self.defaults: dict[str, str] = {}
        self.unused: dict[str, None] = {}
        # Declared ids: of edges' attributes, and of nodes'.
        self.edge_keys: dict[str, str] = {}
        self.node_keys: dict[str, tuple[str, str]] = {}  # title and type
        self.node_defaults: dict[str, str] = {}  # by title
        self.about: dict[int, dict[str, Any]] = {}  # what is known of each person
        self.changing: dict[str, None] = {}  # of that, what changes over time
        self.default_of = self.node_default_of = ""
        self.about_edges = self.in_edge = False
        self.text: list[str] | None = None
        self.take: Callable[[str], None] = self._forget
        self.takes_until = 0

    def setDocumentLocator(self, locator: Any) -> None:
        """Take who knows the line."""
        self.locator = locator

    @property
    def _line(self) -> int:
        return int(self.locator.getLineNumber() or 0)

    def _where(self) -> str:
        return f"{self.path}, line {self._line}"

    def startElement(self, name: str, attrs: Mapping[str, str]) -> None:  # type: ignore[override]
        """Take an element that begins."""
        name = name.rpartition(":")[2]
        self.depth += 1
        if self.depth > DEEPEST:
            raise InputError(f"{self._where()}: elements are nested too deep")
        if self.expected and name != self.expected:
            raise InputError(
                f"{self._where()}: the outermost element is <{name}>, "
                f"where a .{self.root} file has <{self.root}>"
            )
        self.expected = ""
        begin = getattr(self, f"_begin_{name}", None)
        if begin is not None:
            begin(attrs)

    def endElement(self, name: str) -> None:
        """Take the end of an element."""
        name = name.rpartition(":")[2]
        if self.text is not None and self.depth == self.takes_until:
            text, self.text = "".join(self.text).strip(), None
            self.take(text)
        self.depth -= 1
        if name == "edge":
            self.in_edge = False
        elif name == "node" and self.nodes:
            self.nodes.pop()
        elif name in ("key", "attribute"):
            self.default_of = self.node_default_of = ""

    def characters(self, content: str) -> None:
        """Take text; what nobody waits for is passed over."""
        if self.text is not None:
            self.text.append(content)

    def _read_text(self, take: Callable[[str], None]) -> None:
        """Give the text of the element that begins to ``take`` when it ends."""
        if self.text is None:
            self.text, self.take, self.takes_until = [], take, self.depth

    def _forget(self, text: str) -> None:
        """Take text that is not of use."""

    # ------------------------------------------------------------------- declarations

    def _begin_graph(self, attributes: Mapping[str, str]) -> None:
        self.dynamic = self.dynamic or attributes.get("mode") == "dynamic"
        if self.nodes:
            self.groups.add(self.nodes[-1])
            return
        self.graphs += self.depth == 2  # within the outermost element
        if self.graphs > 1:
            raise InputError(f"{self._where()}: a second graph; save each as a file")

    def _begin_nodes(self, attributes: Mapping[str, str]) -> None:
        if self.nodes:
            self.groups.add(self.nodes[-1])

    def _begin_hyperedge(self, attributes: Mapping[str, str]) -> None:
        raise InputError(
            f"{self._where()}: a hyperedge joins many; write a tie for each two people"
        )

    def _begin_attributes(self, attributes: Mapping[str, str]) -> None:
        self.about_edges = attributes.get("class") == "edge"

    def _begin_key(self, attributes: Mapping[str, str]) -> None:
        scope, title = attributes.get("for", "all"), attributes.get("attr.name", "")
        if not title and "yfiles.type" not in attributes:
            title = attributes.get("id", "")
        self._declare(attributes, title, scope in ("edge", "all"), scope != "edge")

    def _begin_attribute(self, attributes: Mapping[str, str]) -> None:
        title = attributes.get("title", "")
        self._declare(attributes, title, self.about_edges, not self.about_edges)

    def _declare(
        self, attributes: Mapping[str, str], title: str, edge: bool, node: bool
    ) -> None:
        known, key = attributes.get("id", ""), key_of(title)
        self.node_default_of = title if node and not edge else ""
        if node and title:
            written = attributes.get("attr.type") or attributes.get("type", "")
            self.node_keys[known] = title, written.lower()
            self.has_conditions = self.has_conditions or key == "condition"
        if edge and key in self.wanted:
            self.edge_keys[known] = key
            self.titles.setdefault(key, title)
            self.default_of = key
        elif edge and title and not node:
            self.unused[title] = None

    def _begin_default(self, attributes: Mapping[str, str]) -> None:
        key = self.default_of
        if key:
            self._read_text(lambda text: self.defaults.update({key: text}))
        title = self.node_default_of
        if title and not key:
            self._read_text(lambda text: self.node_defaults.update({title: text}))

    # -------------------------------------------------------------------------- nodes

    def _person(self, attributes: Mapping[str, str], role: str) -> int:
        if not attributes.get(role):
            raise InputError(f"{self._where()}: an element without {role}='...'")
        return self.numbers.setdefault(attributes[role], len(self.numbers))

    def _begin_node(self, attributes: Mapping[str, str]) -> None:
        number = self._person(attributes, "id")
        self.nodes.append(number)
        if attributes.get("label"):
            self._name(0, attributes["label"])
        if attributes.get("yfiles.foldertype") in ("group", "folder"):
            self.groups.add(number)
        if attributes.get("pid"):
            self.parents.add(attributes["pid"])

    def _name(self, rank: int, text: str) -> None:
        """Take what the innermost node is called."""
        if not self.nodes or not text:
            return
        known = self.labels.setdefault(self.nodes[-1], [None, None, None])
        if known[rank] is None:
            known[rank] = text

    def _begin_NodeLabel(self, attributes: Mapping[str, str]) -> None:
        self._read_text(lambda text: self._name(2, text))

    def _begin_parent(self, attributes: Mapping[str, str]) -> None:
        self.parents.add(attributes.get("for", ""))

    def _describe(self, declared: tuple[str, str], text: str) -> None:
        """Take an attribute of the innermost node: title and type, and value."""
        title, written = declared
        key = key_of(title)
        if key in _LABELS:
            self._name(_LABELS.index(key), text)
            return
        if not self.nodes or key in TITLES:
            return
        if key == "kind" and text == OS_KIND and self.has_conditions:
            self.oses.add(self.nodes[-1])
        known = self.about.setdefault(self.nodes[-1], {})
        value = self._valued(title, written, text)
        if self.dynamic and title in known and known[title] != value:
            self.changing[title] = None
        known[title] = value

    def _valued(self, title: str, written: str, text: str) -> Any:
        """Return an attribute of a node as its type says."""
        if not text or written not in (*_NUMBERS, "boolean"):
            return text or None
        if written == "boolean":
            return text.lower() in ("true", "1")
        try:
            value = float(text)
        except ValueError:
            shown = quoted(text)
            raise InputError(
                f"{self._where()}: {quoted(title)} {shown} is no number, as it is said "
                f"to be ({written})"
            ) from None
        return int(text) if text.lstrip("+-").isdecimal() else value

    # -------------------------------------------------------------------------- edges

    def _begin_edge(self, attributes: Mapping[str, str]) -> None:
        source = self._person(attributes, "source")
        self.ends.extend((source, self._person(attributes, "target")))
        self.lines.append(self._line)
        for values in self.values.values():
            values.append(float("nan"))
        self.in_edge = True
        if "weight" in attributes and self.root == "gexf":
            if "weight" in self.wanted:
                self._keep("weight", attributes["weight"])
            else:
                self.unused["weight"] = None

    def _begin_EdgeLabel(self, attributes: Mapping[str, str]) -> None:
        key = key_of(_EDGE_LABEL)

        def take(text: str) -> None:
            if text and key in self.wanted:
                self._keep(key, text)
            elif text:
                self.unused[_EDGE_LABEL] = None

        self._read_text(take)

    def _begin_data(self, attributes: Mapping[str, str]) -> None:
        self._begin_value(attributes.get("key", ""), None)

    def _begin_attvalue(self, attributes: Mapping[str, str]) -> None:
        key = attributes.get("for") or attributes.get("id", "")
        self._begin_value(key, attributes.get("value", ""))

    def _begin_value(self, known: str, value: str | None) -> None:
        """Take an attribute of an edge or node; its value is text of the element."""
        key: Any = (self.edge_keys if self.in_edge else self.node_keys).get(known)
        take: Callable[[Any, str], None] = (
            self._keep if self.in_edge else self._describe
        )
        if not key:
            return
        if value is None:
            self._read_text(lambda text: take(key, text))
        else:
            take(key, value)

    def _keep(self, key: str, field: str) -> None:
        if key not in self.values:
            self.values[key] = array("d", [float("nan")]) * len(self.lines)
            self.titles.setdefault(key, key)
        values = self.values[key]
        value = self._number(self._where(), key, field)
        if self.dynamic and values[-1] == values[-1] and values[-1] != value:
            raise InputError(
                f"{self._where()}: {self.titles[key]} changes over time; export the "
                "ties of one day"
            )
        values[-1] = value

    def _number(self, where: str, key: str, field: str) -> float:
        """Return the number that an attribute of an edge stands for."""
        if key == PARTNERS and self.tells_partners:
            said = partner_of(where, field)
            return float("nan") if said < 0 else float(said)
        return number_of(where, self.titles[key], field)

    # ----------------------------------------------------------------------- all of it

    def found(self) -> Found:
        """Return people and ties."""
        ends, lines = pairs_of(self.ends), np.array(self.lines, np.int64)
        notes: list[str] = []
        weights = self._weights(notes)
        partner = None
        if self.tells_partners and self.titles.get(PARTNERS) in weights:
            said = weights.pop(self.titles[PARTNERS])
            partner = np.where(np.isnan(said), -1, said).astype(np.int8)
        if self.dynamic:
            notes.append("ties of all times taken together")
        found = Found(
            tuple(self.numbers), ends, _TITLES[self.root], weights,
            unused=tuple(self.unused), notes=tuple(notes), lines=lines,
            partner=partner, known=self._known(notes),
        )  # fmt: skip
        found = self._without_groups(found._replace(notes=tuple(notes)))
        names = {
            number: next(name for name in known if name)
            for number, known in self.labels.items()
            if any(known)
        }
        at = {name: n for n, name in enumerate(found.names)}
        there = {i: n for i, n in self.numbers.items() if n in names and i in at}
        return labelled(found, {at[i]: names[n] for i, n in there.items()})

    def _known(self, notes: list[str]) -> dict[str, list[Any]]:
        """Return what nodes have, with what they have by default, as columns."""
        known = table_of(self.path, self.about, len(self.numbers))
        types = dict(self.node_keys.values())
        for title, default in self.node_defaults.items():
            if key_of(title) in TITLES:
                continue
            value = self._valued(title, types[title], default)
            before = known.get(title, [None] * len(self.numbers))
            known[title] = [value if one is None else one for one in before]
        for title in self.changing:
            del known[title]
            notes.append(f"not used of people: {title} (it changes over time)")
        for title, values in known.items():
            if not types[title]:
                known[title] = inferred(values)
        return known

    def _weights(self, notes: list[str]) -> dict[str, Array]:
        """Return what edges have, with what they have by default."""
        weights: dict[str, Array] = {}
        for key, known in self.values.items():
            values = np.array(known, np.float64)
            default = self.defaults.get(key)
            if default is None and key == "weight" and self.root == "gexf":
                default = "1"
            missing = np.isnan(values)
            if default and missing.any():
                values[missing] = self._number(str(self.path), key, default)
                ties = counted(int(np.count_nonzero(missing)), "tie")
                notes.append(f"{self.titles[key]} {default} by default on {ties}")
            weights[self.titles[key]] = values
        for key, default in self.defaults.items():
            if key not in weights and key not in self.values and self.lines:
                value = self._number(str(self.path), key, default)
                weights[self.titles[key]] = np.full(len(self.lines), value)
        return weights

    def _without_groups(self, found: Found) -> Found:
        """Return only people: no groups of them, no OSes of our own exports."""
        tied = set(found.ends.ravel().tolist()) if self.groups | self.parents else set()
        parents = {self.numbers[p] for p in self.parents if p in self.numbers}
        groups = self.groups | (parents - tied)
        if groups & tied:
            bad = int(np.argmax(np.isin(found.ends, list(groups)).any(axis=1)))
            where = f"{self.path}, line {self.lines[bad]}"
            raise InputError(f"{where}: a tie of a group; tie people to people")
        if groups:
            note = f"{counted(len(groups), 'group')} left out"
            found = found._replace(notes=(*found.notes, note))
        return among_people(found, self.oses, groups)


def _parse(path: Path, raw: bytes, handler: ContentHandler) -> None:
    """Let ``handler`` see a document of XML, which has no document type."""
    from defusedxml import DefusedXmlException
    from defusedxml.expatreader import DefusedExpatParser

    if len(raw) > LARGEST_XML:
        raise InputError(
            f"{path} is larger than {LARGEST_XML} bytes; take an edge list"
        )
    raw = xml_as_utf8(path, raw)
    source = InputSource()
    source.setByteStream(io.BytesIO(raw))
    source.setEncoding("utf-8")
    # In one piece: of long words in pieces, expat reads the beginning again and again.
    parser = DefusedExpatParser(bufsize=len(raw) + 1, forbid_dtd=True)
    parser.setContentHandler(handler)
    try:
        parser.parse(source)
    except SAXParseException as error:
        line, column = error.getLineNumber(), (error.getColumnNumber() or 0) + 1
        where = f"{path}, line {line}, column {column}"
        raise InputError(f"{where}: malformed XML: {error.getMessage()}") from None
    except DefusedXmlException:
        raise InputError(
            f"{path}, line {parser.getLineNumber()}: document types may hide harmful "
            "entities and are refused; delete the <!DOCTYPE ...> declaration"
        ) from None
