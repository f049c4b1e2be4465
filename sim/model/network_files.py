"""Network file readers: edge lists, GraphML, GEXF.

Whatever is wrong with a file is an ``InputError`` that names the line. Edge lists go
through pandas, and only when it balks through the csv module, slowly, line by line.

XML goes through defusedxml, in one pass: graph libraries forget on which line an edge
stood, and it refuses a document type before any entity can expand.
"""

from __future__ import annotations

import codecs
import csv
import io
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import InputSource

import numpy as np

from sim.utils.errors import InputError, nearest
from sim.utils.typing import Array
from sim.utils.untrusted import gunzip, read_bytes

_COMMENTS = ("#", "%")
_BREAKS = (b"\n", b"\r")
# Words that head the columns of a tie's two ends.
_ENDS = ("source", "target", "from", "to", "src", "dst", "ego", "alter", "id1", "id2")
# What a file may hold at most.
LARGEST = 2**32  # bytes
MOST_PEOPLE = 50_000_000
LONGEST_LINE = 10_000  # bytes of an edge list
LONGEST_NAME = 1000  # letters

_ADVICE = "write one tie a line, as in 'alice,bob' or 'alice,bob,0.7'"


class _Layout(NamedTuple):
    """How an edge list is written."""

    separator: str  # one character; a blank stands for any white space
    skip: int  # lines before the first tie
    width: int  # fields in that line
    measure: str  # "closeness", "weight" or "": what the column below holds
    column: int


def read_edges(path: Path) -> Edges:
    """Read a network file; its name says the format, anything else is an edge list.

    Raises
    ------
    InputError
        If the file cannot be read or is malformed: names the file and the line.
    """
    raw = _contents(path)
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix in (".graphml", ".gexf"):
        edges = GraphReader(path, suffix[1:]).read(raw)
    else:
        edges = _read_lines(path, raw)
    return edges._replace(names=_checked_names(path, edges.names))


def _contents(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a network file in it")
    try:
        raw = read_bytes(path, LARGEST)
    except FileNotFoundError:
        near = path.parent.iterdir() if path.parent.is_dir() else ()
        guess = nearest(path.name, [file.name for file in near])
        raise InputError(f"no network file {path}{guess}") from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read network file {path}: {reason}") from error
    if raw.startswith(b"\x1f\x8b") or path.suffix.lower() == ".gz":
        raw = _unzipped(path, raw)
    if not raw.strip():
        raise InputError(f"{path} is empty; {_ADVICE}")
    return raw


def _unzipped(path: Path, raw: bytes) -> bytes:
    try:
        return gunzip(raw)
    except ValueError as error:
        advice = "take .gz off its name if it is plain text"
        raise InputError(f"{path} is not valid gzip ({error}); {advice}") from None


def _checked_names(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of people, if they are not too many or too long."""
    if len(names) > MOST_PEOPLE:
        raise InputError(f"{path} names more than {MOST_PEOPLE:,} people; take fewer")
    longest = max(names, key=len, default="")
    if len(longest) > LONGEST_NAME:
        shown = f"{longest[:20]}..."
        raise InputError(f"{path}: the name {shown!r} is longer than {LONGEST_NAME}")
    return names


# Edge lists


def _read_lines(path: Path, raw: bytes) -> Edges:
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if b"\0" in raw:
        line = _line_at(raw, raw.index(b"\0"))
        raise InputError(f"{path}, line {line}: binary data; save it as UTF-8 text")
    _refuse_long_lines(path, raw)
    layout = _layout(path, raw)
    try:
        return _parse_fast(raw, layout)
    except (ValueError, KeyError):  # pandas' own errors and failed decoding, or width
        return _parse_slowly(path, raw, layout)


def _refuse_long_lines(path: Path, raw: bytes) -> None:
    """Raise InputError if a line is too long to be a tie; a few bytes are looked at."""
    last, at, size = -1, 0, len(raw)
    while size - last > LONGEST_LINE:
        at = max(raw.rfind(mark, last + 1, last + 2 + LONGEST_LINE) for mark in _BREAKS)
        if at < 0:
            where = f"{path}, line {_line_at(raw, last + 1)}"
            raise InputError(f"{where}: longer than {LONGEST_LINE} bytes; {_ADVICE}")
        last = at


def _line_at(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1


def _layout(path: Path, raw: bytes) -> _Layout:
    """Find the separator, a header and a column of closeness from the first lines."""
    lines = io.TextIOWrapper(io.BytesIO(raw), "utf-8", errors="replace", newline=None)
    skip = 0
    for line in lines:
        if line.strip() and not line.startswith(_COMMENTS):
            break
        skip += 1
    else:
        raise InputError(f"{path} holds only comments; {_ADVICE}")
    separator = next((mark for mark in "\t,;" if mark in line), " ")
    fields = _split(line, separator)
    second = _split(lines.readline(), separator)
    if _is_header(fields, second):
        words = [field.lower() for field in fields]
        measure = next((word for word in MEASURES if word in words[2:]), "")
        column = words.index(measure, 2) if measure else 0
        return _Layout(separator, skip + 1, len(fields), measure, column)
    measure = "closeness" if len(fields) > 2 else ""
    return _Layout(separator, skip, len(fields), measure, 2)


def _split(line: str, separator: str) -> list[str]:
    try:
        return next(_rows(io.StringIO(line), separator), (0, [""]))[1]
    except csv.Error:  # reported with its line by the slow pass
        return [""]


def _rows(lines: io.StringIO, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields) for each line that is no comment."""
    text = (line.replace("\t", " ") if separator == " " else line for line in lines)
    rows = csv.reader(text, delimiter=separator, skipinitialspace=True, strict=True)
    for row in rows:
        fields = [field.strip() for field in row]
        if separator == " " and fields and not fields[-1]:
            fields.pop()
        if any(fields) and not fields[0].startswith(_COMMENTS):
            yield rows.line_num, fields


def _is_header(fields: list[str], second: list[str]) -> bool:
    words = [field.lower() for field in fields]
    if len(words) < 2 or any(map(_is_number, words[:2])):
        return False
    known = all(word in _ENDS for word in words[:2])
    return known or words[2:3] in [[m] for m in MEASURES] or _is_number(second[0])


def _is_number(field: str) -> bool:
    try:
        return float(field) == float(field)
    except ValueError:
        return False


def _parse_fast(raw: bytes, layout: _Layout) -> Edges:
    """Parse with pandas; raise ValueError at the least doubt."""
    import pandas

    if layout.width * _lines(raw) > len(raw) + _lines(raw):
        raise ValueError("a table of so many columns would be mostly empty")
    kinds: defaultdict[Any, Any] = defaultdict(lambda: str)
    if layout.measure:
        kinds[layout.column] = "float64"
    table = pandas.read_csv(
        io.BytesIO(raw),
        sep=r"\s+" if layout.separator == " " else layout.separator,
        header=None,
        skiprows=layout.skip,
        dtype=kinds,
        keep_default_na=False,
        skipinitialspace=True,
    )
    ends = [table[0].str.strip(), table[1].str.strip()]
    if any(end.isna().any() or (end == "").any() for end in ends):
        raise ValueError("a name is missing")
    if ends[0].str.startswith(_COMMENTS).any():
        raise ValueError("comments between the ties")
    if not layout.measure:
        return _number(ends, None)
    closeness = table[layout.column].to_numpy(np.float64)
    if layout.measure == "closeness" and not in_range(closeness):
        raise ValueError("closeness is out of range")
    if not np.isfinite(closeness).all():
        raise ValueError("weights are missing")
    return _number(ends, informative(layout.measure, closeness))


def _lines(raw: bytes) -> int:
    return sum(map(raw.count, _BREAKS)) + 1


def _number(ends: list[Any], closeness: Array | None) -> Edges:
    import pandas

    names = pandas.concat([pandas.Series(end) for end in ends])
    numbers, known = pandas.factorize(names)
    return Edges(tuple(map(str, known)), numbers.reshape(2, -1).T, closeness)


def _parse_slowly(path: Path, raw: bytes, layout: _Layout) -> Edges:
    """Parse line by line; raise an InputError at the first line that is wrong."""
    numbers: dict[str, int] = {}
    ends, values = array("q"), array("d")
    number = 0
    try:
        rows = _rows(io.StringIO(raw.decode(), newline=None), layout.separator)
        for number, fields in rows:
            if number <= layout.skip:
                continue
            where = f"{path}, line {number}"
            _check_fields(where, fields, layout)
            ends.extend(numbers.setdefault(name, len(numbers)) for name in fields[:2])
            if layout.measure:
                values.append(measure_of(where, layout.measure, fields[layout.column]))
    except UnicodeDecodeError as error:
        where = f"{path}, line {_line_at(raw, error.start)}"
        raise InputError(f"{where}: not UTF-8 text; save the file as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path}, line {number + 1}: {error}; {_ADVICE}") from None
    measured = informative(layout.measure, np.array(values)) if values else None
    return Edges(tuple(numbers), pairs_of(ends), measured)


def _check_fields(where: str, fields: list[str], layout: _Layout) -> None:
    if len(fields) < 2 or not all(fields[:2]):
        raise InputError(f"{where}: one name where a tie has two; {_ADVICE}")
    if len(fields) > layout.width:
        raise InputError(
            f"{where}: {len(fields)} fields where the first line has {layout.width}; "
            "put names that hold the separator in double quotes"
        )
    if layout.measure and len(fields) <= layout.column:
        raise InputError(f"{where}: no {layout.measure}; give it everywhere or nowhere")


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
