"""What a network file says, and the reading of GraphML and GEXF.

XML goes through defusedxml, in one pass: graph libraries forget on which line an edge
stood, and it refuses a document type before any entity can expand.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import InputSource

import numpy as np
import numpy.typing as npt

from sim.errors import InputError

Array = npt.NDArray[Any]

MEASURES = ("closeness", "weight")
LARGEST_XML = 2**30  # bytes
DEEPEST = 100  # elements of XML within each other


class Edges(NamedTuple):
    """What a network file says, as it says it: repeats and self loops included."""

    names: tuple[str, ...]  # of each person, by number
    ends: Array  # int64[edges, 2]: the numbers of both people
    closeness: Array | None  # float64[edges], 0..1, where the file has it


def in_range(closeness: Array) -> bool:
    """Tell whether all values can be closeness, 0..1."""
    return bool(((closeness >= 0) & (closeness <= 1)).all())


def informative(measure: str, values: Array) -> Array | None:
    """Return ``values`` unless they are weights of another unit, or all the same."""
    if measure == "weight" and (not in_range(values) or np.ptp(values) == 0):
        return None
    return values


def measure_of(where: str, measure: str, field: str) -> float:
    """Return the number in a field; InputError says where there is none, or another."""
    try:
        value = float(field)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(f"{where}: {measure} {field!r} is no number; give 0 to 1")
    if measure == "closeness" and not 0 <= value <= 1:
        raise InputError(
            f"{where}: closeness {field} is not within 0 to 1; rescale it, or head the "
            "column 'weight' in a first line 'source,target,weight' to have it ignored"
        )
    return value


def pairs_of(ends: array[int]) -> Array:
    """Return the two ends of each edge, int64[edges, 2], from one after another."""
    return np.array(ends, np.int64).reshape(-1, 2)


class GraphReader(ContentHandler):
    """Collect people and edges from the XML of GraphML or GEXF, in one pass.

    An edge's closeness is in ``<data>`` under a declared ``<key>`` (GraphML), or in
    ``weight="..."`` or ``<attvalue>`` under a declared ``<attribute>`` (GEXF).
    """

    def __init__(self, path: Path, root: str) -> None:
        super().__init__()
        self.path, self.root = path, root
        self.depth = 0
        self.numbers: dict[str, int] = {}
        self.labels: dict[int, str] = {}
        self.ends = array("q")
        self.lines = array("q")
        self.values = {name: array("d") for name in MEASURES}  # nan: not given
        self.keys: dict[str, str] = {}  # declared id of an attribute -> what it is
        self.about_edges = False
        self.in_edge = False
        self.text: list[str] | None = None
        self.key = ""

    def read(self, raw: bytes) -> Edges:
        """Parse the document ``raw``."""
        _parse(self.path, raw, self)
        names = tuple(self.labels.get(i, name) for name, i in self.numbers.items())
        if len(set(names)) < len(names):
            names = tuple(self.numbers)
        return Edges(names, pairs_of(self.ends), self._closeness())

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
        if self.root and name != self.root:
            raise InputError(
                f"{self._where()}: the outermost element is <{name}>, "
                f"where a .{self.root} file has <{self.root}>"
            )
        self.root = ""
        if name == "node":
            self._add_node(attrs)
        elif name == "edge":
            self._add_edge(attrs)
        elif name in ("data", "attvalue") and self.in_edge:
            self._add_value(attrs)
        elif name == "attributes":
            self.about_edges = attrs.get("class") == "edge"
        elif name == "key" or (name == "attribute" and self.about_edges):
            self._declare(attrs)

    def endElement(self, name: str) -> None:
        """Take the end of an element."""
        name = name.rpartition(":")[2]
        self.depth -= 1
        if name == "edge":
            self.in_edge = False
        elif name == "data" and self.text is not None:
            self._keep(self.key, "".join(self.text).strip())
            self.text = None

    def characters(self, content: str) -> None:
        """Take text; what is not within the closeness of an edge is passed over."""
        if self.text is not None:
            self.text.append(content)

    def _person(self, attributes: Mapping[str, str], role: str) -> int:
        if not attributes.get(role):
            raise InputError(f"{self._where()}: an element without {role}='...'")
        return self.numbers.setdefault(attributes[role], len(self.numbers))

    def _add_node(self, attributes: Mapping[str, str]) -> None:
        number = self._person(attributes, "id")
        if attributes.get("label"):
            self.labels[number] = attributes["label"]

    def _add_edge(self, attributes: Mapping[str, str]) -> None:
        source = self._person(attributes, "source")
        self.ends.extend((source, self._person(attributes, "target")))
        self.lines.append(self._line)
        for values in self.values.values():
            values.append(float("nan"))
        self.in_edge = True
        if "weight" in attributes:
            self._keep("weight", attributes["weight"])

    def _declare(self, attributes: Mapping[str, str]) -> None:
        title = (attributes.get("attr.name") or attributes.get("title", "")).lower()
        if attributes.get("for", "edge") in ("edge", "all") and title in MEASURES:
            self.keys[attributes.get("id", "")] = title

    def _add_value(self, attributes: Mapping[str, str]) -> None:
        declared = attributes.get("key") or attributes.get("for")
        key = self.keys.get(declared or attributes.get("id", ""))
        if key and "value" in attributes:
            self._keep(key, attributes["value"])
        elif key:
            self.key, self.text = key, []

    def _keep(self, measure: str, field: str) -> None:
        value = measure_of(self._where(), measure, field)
        self.values[measure][-1] = value

    def _closeness(self) -> Array | None:
        for measure, known in self.values.items():
            values = np.array(known, np.float64)
            missing = np.flatnonzero(np.isnan(values))
            if not len(missing) and len(values):
                return informative(measure, values)
            if len(missing) < len(values) and measure == "closeness":
                raise InputError(
                    f"{self.path}, line {self.lines[missing[0]]}: an edge without "
                    "closeness; give it on every edge or on none"
                )
        return None


def _parse(path: Path, raw: bytes, handler: ContentHandler) -> None:
    """Let ``handler`` see a document of UTF-8, which has no document type."""
    from defusedxml import DefusedXmlException
    from defusedxml.expatreader import DefusedExpatParser

    if len(raw) > LARGEST_XML:
        raise InputError(
            f"{path} is larger than {LARGEST_XML} bytes; take an edge list"
        )
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
