"""Open a network file: unpack it within bounds, decode it, and tell its format."""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sim.model.network_files.network_file import listed, quoted
from sim.utils.errors import InputError, nearest
from sim.utils.untrusted import MOST_TIMES, PIECE, ROOM, gunzip, read_bytes

LARGEST = 2**32  # bytes
PACKED_MEMORY = 2**27  # bytes that unpacking may take
MEMBERS = 1000  # of a zip archive

_ADVICE = "write one tie a line, as in 'alice,bob' or 'alice,bob,0.7'"


class Content(NamedTuple):
    """A file's bytes, unpacked, and how they were packed."""

    raw: bytes
    name: str  # in lower case, without the suffix of what packed it
    packing: str  # "" if it was not


def contents(path: Path) -> Content:
    """Return what is in a network file, unpacked.

    Raises
    ------
    InputError
        If it cannot be read or unpacked, is empty, or is a packing not known here.
    """
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
    found = _unpacked(path, raw)
    if not found.raw.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise InputError(f"{path} is empty; {_ADVICE}")
    return found


# ------------------------------------------------------------------------- unpacking


def _unpacked(path: Path, raw: bytes) -> Content:
    name = path.name.lower()
    packed = (p for p in _PACKINGS if raw.startswith(p[1]) or name.endswith(p[2]))
    packing, _, suffix, unpack = next(packed, ("", b"", "", None))
    if unpack is None:
        return Content(raw, name, "")
    name = name.removesuffix(suffix)
    try:
        found = unpack(raw)
    except InputError as error:
        raise InputError(f"{path} is {error}") from None
    except _UNSOUND as error:
        advice = f"take {suffix} off its name if it is plain text"
        raise InputError(f"{path} is not valid {packing} ({error}); {advice}") from None
    if isinstance(found, Content):
        return found
    return Content(found, name, packing)


def _bunzipped(raw: bytes) -> bytes:
    return _piecewise(raw, bz2.BZ2Decompressor)


def _unxzed(raw: bytes) -> bytes:
    def unpacker() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=PACKED_MEMORY)

    return _piecewise(raw, unpacker)


def _piecewise(
    raw: bytes, make: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]
) -> bytes:
    """Unpack one stream after another, ``PIECE`` by ``PIECE``, within bounds."""
    most = ROOM + MOST_TIMES * len(raw)
    pieces: list[bytes] = []
    at, streams = 0, 0
    while at < len(raw):
        unpacker, streams = make(), streams + 1
        if streams > 1000 + len(raw) // PIECE:
            raise ValueError("it has too many parts")
        while not unpacker.eof:
            piece = raw[at : at + PIECE] if unpacker.needs_input else b""
            if unpacker.needs_input and not piece:
                raise ValueError("it ends in the middle")
            pieces.append(unpacker.decompress(piece, most + 1))
            at += len(piece)
            most -= len(pieces[-1])
            if most < 0:
                raise ValueError("it unpacks to far more than its size")
        at -= len(unpacker.unused_data)
        if not raw[at:].strip(b"\0"):
            break
    return b"".join(pieces)


def _of_archive(raw: bytes) -> Content:
    """Return the one file of a zip archive."""
    if raw.count(b"PK\x01\x02") > MEMBERS:
        raise ValueError("it holds too many files; save the network as one")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        infos = [
            info
            for info in archive.infolist()
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")
        ]
        names = [info.filename for info in infos]
        for sign, program in _WORKBOOKS.items():
            if any(name.startswith(sign) for name in names):
                raise InputError(f"{program}; save the sheet of ties as CSV")
        if len(infos) != 1:
            raise InputError(
                f"a zip archive of {len(infos)} files ({listed(map(quoted, names))}); "
                "unpack it and name the one of ties"
            )
        if infos[0].flag_bits & 1:
            raise InputError("a zip archive with a password; unpack it")
        if infos[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError("a zip archive packed in a rare way; pack it by gzip")
        most = ROOM + MOST_TIMES * len(raw)
        with archive.open(infos[0]) as file:
            found = file.read(most + 1)
    if len(found) > most:
        raise ValueError("it unpacks to far more than its size")
    return Content(found, Path(names[0]).name.lower(), "zip")


# What the libraries that unpack say of bytes that are not sound.
_UNSOUND = (
    *(ValueError, EOFError, OSError, OverflowError, IndexError, struct.error),
    *(lzma.LZMAError, zlib.error, zipfile.BadZipFile, RuntimeError),
)
_WORKBOOKS = {
    "xl/": "an Excel workbook",
    "content.xml": "an OpenDocument sheet",
    "word/": "a Word document",
}
_PACKINGS: tuple[tuple[str, bytes, str, Callable[[bytes], bytes | Content]], ...] = (
    ("gzip", b"\x1f\x8b", ".gz", gunzip),
    ("bzip2", b"BZh", ".bz2", _bunzipped),
    ("xz", b"\xfd7zXZ\0", ".xz", _unxzed),
    ("zip", b"PK\x03\x04", ".zip", _of_archive),
)


# ---------------------------------------------------------------------------- formats

# Formats that are named, not read, by how their files begin: what to do instead.
_TABLE = "save its table of ties as CSV"
_NETWORKX = "convert it, as in networkx.write_graphml({}, 'x.graphml')"
_NOT_READ: tuple[tuple[bytes | tuple[bytes, ...], str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet of ties as CSV"),
    (b"PAR1", "a Parquet file", _TABLE + ": pandas.read_parquet(..).to_csv(..)"),
    (b"ARROW1", "an Arrow file", _TABLE),
    (b"\x93NUMPY", "a NumPy array", "numpy.savetxt('x.csv', a, delimiter=',')"),
    (b"\x89HDF", "an HDF5 file", _TABLE),
    (b"SQLite format 3", "an SQLite database", _TABLE),
    (b"MATLAB 5.0", "a MATLAB file", _TABLE),
    (b"RDX", "an R data file", "in R: igraph::write_graph(g, 'x.graphml', 'graphml')"),
    (b"%PDF", "a PDF", _TABLE),
    (
        (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        "a pickle, which can run code",
        "save it as GraphML or CSV",
    ),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (b"Rar!", "a rar archive", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it, or pack it by gzip"),
    (b"\x1f\x9d", "packed by compress", "unpack it"),
    (b"\x04\x22\x4d\x18", "packed by lz4", "unpack it"),
    (b">>graph6<<", "graph6", _NETWORKX.format("networkx.read_graph6('x.g6')")),
    (b">>sparse6<<", "sparse6", _NETWORKX.format("networkx.read_sparse6('x.s6')")),
    (b"LEDA.GRAPH", "LEDA", _NETWORKX.format("networkx.read_leda('x.gw')")),
)
_SUFFIXES_NOT_READ = {
    ".g6": ("graph6", _NETWORKX.format("networkx.read_graph6('x.g6')")),
    ".s6": ("sparse6", _NETWORKX.format("networkx.read_sparse6('x.s6')")),
    ".gw": ("LEDA", _NETWORKX.format("networkx.read_leda('x.gw')")),
    ".dot": ("Graphviz DOT", _NETWORKX.format("networkx.nx_pydot.read_dot('x.dot')")),
    ".gv": ("Graphviz DOT", _NETWORKX.format("networkx.nx_pydot.read_dot('x.gv')")),
    ".lgl": ("LGL", "in R: igraph::write_graph(g, 'x.graphml', 'graphml')"),
    ".gdf": ("GUESS GDF", "open it in Gephi and export GraphML"),
    ".dl": ("UCINET DL", "export it from UCINET as a Pajek file (.net)"),
    ".vna": ("NetDraw VNA", "export it from UCINET as a Pajek file (.net)"),
    ".tlp": ("Tulip TLP", "open it in Tulip and export GEXF"),
    ".yaml": ("YAML", "save it as JSON"),
    ".yml": ("YAML", "save it as JSON"),
}
_SUFFIXES = {
    **{".graphml": "graphml", ".gexf": "gexf", ".json": "json", ".jsonl": "json"},
    **{".ndjson": "json", ".gml": "gml", ".net": "pajek", ".paj": "pajek"},
    **{".mtx": "matrixmarket", ".adjlist": "adjacency"},
}
_OPENINGS: tuple[tuple[str, str], ...] = (  # after comments
    (r"%%matrixmarket\b", "matrixmarket"),
    (r"(?:[#%][^\n]*\n|\s)*\*(?:vertices|network|arcs|edges)\b", "pajek"),
    (
        r"(?:[#%][^\n]*\n|\s|(?:creator|version|comment)\b[^\n]*\n)*graph\s*\[",
        "gml",
    ),
    (r"\s*[\[{]\s*(?:[\[{\"]|[\]}]|-?\d|$)", "json"),
    (
        r"(?:\s|//[^\n]*\n|/\*(?:(?!\*/).)*\*/)*(?:strict\s+)?(?:di)?graph\b[^\n\[]*\{",
        "dot",
    ),
    (r"\s*dl\s+n\s*=?|\s*dl\s*\n|\s*dl\s*nr", "dl"),
    (r"\s*nodedef\s*>", "gdf"),
    (r"\s*<(?:!doctype\s+)?html\b", "html"),
)
_NAMED = {
    "dot": _SUFFIXES_NOT_READ[".dot"],
    "dl": _SUFFIXES_NOT_READ[".dl"],
    "gdf": _SUFFIXES_NOT_READ[".gdf"],
    "html": ("a web page", "download the file itself"),
}


def format_of(path: Path, content: Content) -> str:
    """Return the format of a file, by its suffix or how it begins.

    Raises
    ------
    InputError
        If it is one that is not read here: says which, and what to convert it to.
    """
    suffix = Path(content.name).suffix
    for mark, name, advice in _NOT_READ:
        if content.raw.startswith(mark):
            raise _refusal(path, name, advice)
    if content.raw[257:262] == b"ustar":
        raise _refusal(path, "a tar archive", "unpack it and name the file of ties")
    if suffix in _SUFFIXES_NOT_READ:
        raise _refusal(path, *_SUFFIXES_NOT_READ[suffix])
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    head = _head(content.raw)
    if re.match(r"\s*(?:<\?xml|<!--|<!DOCTYPE (?!html)|<\w)", head):
        root = re.search(r"<(?:\w+:)?(graphml|gexf)\b", head)
        if root:
            return root[1]
    openings = (o for o in _OPENINGS if re.match(o[0], head, re.I | re.DOTALL))
    for _, name in openings:
        if name in _NAMED:
            raise _refusal(path, *_NAMED[name])
        return name
    if re.match(r"\s*<(?:\?xml|\w+[\s>])", head) and suffix not in (".csv", ".tsv"):
        raise InputError(f"{path} is XML, but neither GraphML nor GEXF; convert it")
    return "edges"


def _refusal(path: Path, name: str, advice: str) -> InputError:
    return InputError(f"{path} is {name}, which is not read here; {advice}")


def _head(raw: bytes) -> str:
    """Return the first letters of a file, however it is encoded."""
    first = raw[:2000]
    for mark, code in _BOMS:
        if first.startswith(mark):
            return first[len(mark) :].decode(code, "replace")
    return first.decode("utf-8", "replace")


# ---------------------------------------------------------------------------- decoding

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Encodings that XML may declare: they decode to text, and to no more than they hold.
_DECLARED = re.compile(
    r"""utf-?8|us-ascii|ascii|latin-?\d+|iso[-_]?8859[-_]\d+|(?:windows-|cp)125\d|
    cp437|cp85[02]|koi8-[ru]|mac-?roman|macintosh|shift[-_]jis|euc-(?:jp|kr)|
    gb2312|gbk|gb18030|big5""",
    re.VERBOSE | re.IGNORECASE,
)


def as_utf8(path: Path, raw: bytes) -> bytes:
    """Return text as UTF-8 without a byte order mark, as its mark says.

    Raises
    ------
    InputError
        If it does not hold what its mark says.
    """
    for mark, code in _BOMS:
        if raw.startswith(mark):
            raw = raw[len(mark) :]
            if code == "utf-8":
                return raw
            return _recoded(path, raw, code)
    if len(raw) > 3 and len(raw) % 2 == 0:  # UTF-16 of Latin letters without a mark
        first = raw[:200]
        for start, code in ((1, "utf-16-le"), (0, "utf-16-be")):
            zeros, letters = first[start::2], first[1 - start :: 2]
            if not any(zeros) and all(letters):
                return _recoded(path, raw, code)
    return raw


def xml_as_utf8(path: Path, raw: bytes) -> bytes:
    """Return a document of XML as UTF-8, decoded as it declares.

    Raises
    ------
    InputError
        If it declares an encoding that is not read, or is not in it.
    """
    decoded = as_utf8(path, raw)
    if decoded is not raw:
        return decoded
    declared = re.match(rb"""\s*<\?xml[^>]*?\bencoding\s*=\s*["']([^"']*)["']""", raw)
    if declared is None:
        return raw
    code = declared[1].decode("ascii", "replace")
    if re.fullmatch(r"utf-?8|utf-?16|ucs-?2", code, re.IGNORECASE):
        return raw  # no UTF-16 begins with the letters that say so
    if not _DECLARED.fullmatch(code):
        raise InputError(
            f"{path}, line 1: the encoding {quoted(code)} is not read here; save the "
            "file as UTF-8"
        )
    return _recoded(path, raw, code)


def _recoded(path: Path, raw: bytes, code: str) -> bytes:
    try:
        return raw.decode(code).encode()
    except (UnicodeError, LookupError):
        raise InputError(
            f"{path} is not the {code} text it says it is; save it as UTF-8"
        ) from None
