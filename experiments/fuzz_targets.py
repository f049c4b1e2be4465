"""Hostile input for each reader: targets, seeds, and grammars of hostile values.

A target takes bytes and lets a reader of `sim` read them, as a user would. It returns
when the reader gave a value or an `InputError`; anything else it lets through is a
finding. Bytes for a folder (a run, a checkpoint, a sweep) say which of its files they
change, and how: see `Folder.changed`. Seeds are valid inputs; examples are drawn by
Hypothesis from grammars of the format with hostile values. `experiments/fuzz.py` runs
them, and `tests/test_fuzz.py` a few of them.
"""

from __future__ import annotations

import atexit
import bz2
import gzip
import io
import json
import lzma
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from sim import scenarios
from sim.minds import MindOptions
from sim.minds.calls import Settings
from sim.minds.transcript import Transcript
from sim.model import population
from sim.runs import checkpoint, conversations, result, run
from sim.studies import design as designs
from sim.studies import load_sweep
from sim.studies.job import Tasks
from sim.studies.verify import verify
from sim.utils.errors import LONGEST, InputError

Examples = st.SearchStrategy[bytes]

QUICK = {
    **{"humans": 12, "steps": 40, "innovation": 0.1, "imitation": 0.3, "warming": 0.3},
    **{"os_growth_rate": 0.06, "insight_rate": 0.5, "human_meeting": 0.3},
    **{"os_meeting": 0.6, "grief_half_life": 5.0},
}
WHOLE, FROM_START, FROM_END, CUT = range(4)  # how bytes change a file of a folder


class Target(NamedTuple):
    """A reader, and what to try on it."""

    about: str
    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    examples: Callable[[], Examples]
    modules: tuple[str, ...]  # whose branches lead the way to new inputs


@cache
def place() -> Path:
    """Return a folder for the files of this process; on memory where there is one."""
    memory = Path("/dev/shm")
    where = memory if memory.is_dir() else None
    made = Path(tempfile.mkdtemp(prefix="os-society-fuzz-", dir=where))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def refused(read: Callable[[], Any]) -> bool:
    """Read; tell whether it was refused, in one line that is fit for a terminal."""
    try:
        read()
    except InputError as error:
        text = str(error)
        assert text.isprintable() and 0 < len(text) <= 2 * LONGEST, text
        return True
    return False


def file_with(name: str, content: bytes) -> Path:
    """Write a file and return where it is."""
    path = place() / name
    path.write_bytes(content)
    return path


# ----------------------------------------------------------------------- hostile values

NUMBERS = st.sampled_from(
    [
        *("0", "1", "-1", "0.5", "1.5", "nan", "inf", "-inf", "1e999", "1e-999", "0x1"),
        *("2147483648", "-9223372036854775809", "9" * 25, "9" * 5000, "٣", "1_0", ""),
    ]
)
WORDS = st.sampled_from(
    [
        *("a", "b", "zoë", "closeness", "weight", "source", "target", "self", "name"),
        *("..", "../../x", "/dev/zero", "x\0y", "\u202eabc", "\x1b[2J", "#", ""),
        "a" * 2000,
    ]
) | st.text(max_size=6)
LEAVES = (
    st.none()
    | st.booleans()
    | st.sampled_from((0, 1, -1, 3, 2**31, -(2**31), 2**62, 2**63, 10**30, 10**4000))
    | st.sampled_from((0.5, -0.0, 1e308, float("inf"), float("nan")))
    | WORDS
)


def nested(depth: int) -> Any:
    """Return lists within lists."""
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


VALUES = st.recursive(
    LEAVES,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(WORDS, one, max_size=3),
    max_leaves=6,
) | st.sampled_from((30, 60, 200)).map(nested)


def broken(examples: Examples) -> Examples:
    """Return examples, some of them cut or with a byte changed."""
    cut = st.tuples(examples, st.integers(0, 10_000)).map(lambda t: t[0][: t[1]])
    flip = st.tuples(examples, st.integers(0, 10_000), st.integers(0, 255)).map(flipped)
    return st.one_of(examples, examples, cut, flip)


def flipped(given: tuple[bytes, int, int]) -> bytes:
    content, at, value = given
    if not content:
        return content
    found = bytearray(content)
    found[at % len(found)] = value
    return bytes(found)


# ----------------------------------------------------------------------------- networks


def read_network(suffix: str) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        path = file_with(f"ties{suffix}", content)

        def check() -> None:
            found = population.read(path)
            assert found.n >= 2 and len(found.pairs) and len(found.labels) == found.n
            assert found.pairs.min() >= 0 and found.pairs.max() < found.n
            assert ((found.closeness >= 0) & (found.closeness <= 1)).all()

        refused(check)

    return read


CELLS = WORDS | NUMBERS | st.sampled_from(('"', '"a', 'a"b', "%", " ", "a" * 12_000))


def edge_lists() -> Examples:
    marks = st.sampled_from((",", "\t", ";", " ", "  ", ",,", '","'))
    breaks = st.sampled_from(("\n", "\r\n", "\r", "\n\n", "\0"))
    rows = st.lists(st.lists(CELLS, max_size=5), max_size=12)

    def joined(given: tuple[list[list[str]], str, str, int]) -> bytes:
        rows, mark, end, times = given
        text = end.join(mark.join(row) for row in rows)
        return (text * times).encode(errors="surrogateescape")

    times = st.sampled_from((1, 1, 1, 1, 50))
    texts = st.tuples(rows, marks, breaks, times).map(joined)
    heads = (b"source,target,weight\n", b"a,b,0.5\n", b"\xef\xbb\xbf", b"")
    return broken(st.tuples(st.sampled_from(heads), texts).map(b"".join))


def edge_list_seeds() -> list[bytes]:
    return [
        b"a,b\nb,c\nc,a\n",
        b"source,target,closeness\na,b,0.5\nb,c,0.25\n",
        b"# ties\n1 2 0.5\n2 3 0.7\n",
        b"source\ttarget\tweight\n1\t2\t0.5\n2\t3\t0.7\n",
        b'"a, x";b;0.1\nb;c;0.9\n',
    ]


ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
    '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    '<?xml version="1.0" encoding="rot13"?>',
    '<?xml version="1.0" encoding="utf-16"?>',
    '<?xml version="1.1"?>',
    "",
    "",
)
NAMES = (
    *("node", "edge", "graph", "key", "data", "attvalue", "attribute", "attributes"),
    *("edges", "nodes", "g:edge", "x", "attvalues", "gexf", "graphml"),
)
ATTRIBUTES = (
    *("id", "source", "target", "weight", "key", "for", "attr.name", "title"),
    *("label", "value", "class", "xmlns", "xmlns:g"),
)


def documents(root: str) -> Examples:
    values = st.sampled_from(("0", "1", "2", "d0", "edge", "all", "closeness", "&a;"))
    pairs = st.dictionaries(
        st.sampled_from(ATTRIBUTES), values | NUMBERS | WORDS, max_size=4
    )

    def element(name: str, pairs: dict[str, str], inside: str, close: bool) -> str:
        text = "".join(f' {n}="{quoted(v)}"' for n, v in pairs.items())
        return f"<{name}{text}>{inside}" + (f"</{name}>" if close else "")

    def quoted(text: str) -> str:
        return text.replace("<", "&lt;").replace('"', "&quot;")

    names, close = st.sampled_from(NAMES), st.sampled_from((True,) * 19 + (False,))
    words = values | NUMBERS | WORDS
    inner = st.recursive(
        words.map(quoted),
        lambda deeper: st.builds(
            element, names, pairs, st.lists(deeper, max_size=4).map("".join), close
        ),
        max_leaves=12,
    )
    ends = st.fixed_dictionaries({"source": values, "target": values})
    edges = st.builds(
        lambda some, more, deeper: element("edge", some | more, deeper, True),
        ends, pairs, inner,
    )  # fmt: skip
    body = st.lists(inner | edges, max_size=6).map("".join)
    deep = st.sampled_from((50, 200, 20_000)).map(lambda n: "<x>" * n + "</x>" * n)
    whole = st.builds(
        lambda head, tag, body: f"{head}<{tag}>{body}</{tag}>".encode(errors="replace"),
        st.sampled_from(ENTITIES),
        st.sampled_from((root, root, root, root, "x")),
        body | deep,
    )
    return broken(whole)


GEXF = b"""<gexf><graph><attributes class="edge"><attribute id="0" title="closeness"/>
</attributes><nodes><node id="0" label="ann"/><node id="1"/></nodes><edges>
<edge source="0" target="1" weight="0.5"><attvalues><attvalue for="0" value="0.7"/>
</attvalues></edge></edges></graph></gexf>"""
GRAPHML = b"""<graphml><key id="d0" for="edge" attr.name="closeness"/><graph>
<node id="a"/><edge source="a" target="b"><data key="d0">0.5</data></edge></graph>
</graphml>"""


@cache
def bombs() -> list[bytes]:
    """Return little that unpacks to much."""
    large = (b"a,b\n" * 10**5, bytes(10**7), bytes(10**8), b"")
    return [gzip.compress(raw, mtime=0) for raw in large]


def zipped() -> Examples:
    whole = edge_lists().map(lambda raw: gzip.compress(raw, mtime=0))
    many = st.lists(whole | st.sampled_from(bombs()), max_size=3).map(b"".join)
    empty = st.sampled_from((1, 2000)).map(lambda n: gzip.compress(b"", mtime=0) * n)
    tails = st.sampled_from((b"", bytes(100), b"more", b"\x1f\x8b"))
    return broken(st.tuples(many | empty, tails).map(b"".join))


JSON_GRAPH = {
    "nodes": [{"id": 1, "label": "ann"}, {"id": "b"}],
    "links": [{"source": 1, "target": "b", "weight": 0.5}],
}


def json_seeds() -> list[bytes]:
    pairs: list[Any] = [["a", "b"], ["b", "c", 0.5]]
    known: Any = {"a": ["b"], "b": {"c": 0.5}}
    return [json.dumps(one).encode() for one in (JSON_GRAPH, pairs, known)]


def json_graphs() -> Examples:
    ends = LEAVES | st.sampled_from((0, 1, 2, "a", "b", "c"))
    keys = st.sampled_from(("source", "target", "id", "name", "from", "to", "weight"))
    records = st.dictionaries(keys, ends | VALUES, max_size=4)
    edges = records | st.lists(ends, max_size=4) | VALUES
    parts = st.sampled_from(
        ("nodes", "links", "edges", "graph", "adjacency", "elements")
    )
    whole = st.dictionaries(parts, st.lists(edges, max_size=4) | VALUES, max_size=3)
    found = whole | st.lists(edges, max_size=4) | st.dictionaries(WORDS, VALUES)
    return broken(found.map(lambda one: json.dumps(one, default=str).encode()))


def text_seeds() -> list[bytes]:
    return [
        b'graph [ node [ id 0 label "ann" ] node [ id 1 ] edge [ source 0 target 1 ] ]',
        b'*Vertices 2\n1 "ann"\n2 "bob"\n*Edges\n1 2 0.5\n',
        b"%%MatrixMarket matrix coordinate real symmetric\n2 2 1\n2 1 0.5\n",
        b"0,1,1\n1,0,1\n1,1,0\n",
        b"a b {'weight': 0.5}\nb c {}\n",
    ]


def graph_texts() -> Examples:
    heads = (
        *("graph [ ", "*Vertices 3\n", "*Vertices ", "%%MatrixMarket matrix ", "dl n="),
        *("coordinate real general\n", "array real symmetric\n2 2\n", "graph {", ""),
        '*Vertices 2\n1 "ann"\n2 "bob"\n',
    )
    words = st.sampled_from(
        [
            *(
                "node [ id ",
                "edge [ source ",
                " target ",
                " ] ",
                " [ ",
                '"',
                "*Edges\n",
            ),
            *(
                "*Arcslist\n",
                "*Matrix\n",
                "label ",
                "\n",
                " ",
                "1 2\n",
                "% x\n",
                "{'a': ",
            ),
            *("}", "(" * 300, "[ a " * 300, "0 1 0\n1 0 1\n0 1 0\n", "-", ":"),
        ]
    )
    body = st.lists(words | NUMBERS | WORDS, max_size=25).map("".join)
    some = st.lists(st.sampled_from(heads), max_size=2).map("".join)
    whole = st.tuples(some, body).map("".join)
    return broken(whole.map(lambda text: text.encode(errors="replace")))


def zip_of(raw: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("ties.csv"), raw)
    return file.getvalue()


PACKERS: tuple[Callable[[bytes], bytes], ...] = (bz2.compress, lzma.compress, zip_of)


def archives() -> Examples:
    packed = st.tuples(st.sampled_from(PACKERS), edge_lists())
    whole = packed.map(lambda given: given[0](given[1]))
    tails = st.sampled_from((b"", b"", bytes(100), b"more", b"PK\x01\x02" * 2000))
    return broken(st.tuples(whole, tails).map(b"".join))


# --------------------------------------------------------------------- scenario, design


def toml_of(value: Any) -> str:
    """Return a value as TOML would hold it, or nearly."""
    if isinstance(value, dict):
        inside = (f"{json.dumps(str(n))} = {toml_of(v)}" for n, v in value.items())
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_of, value))}]"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**50:
        return "9" * 5000
    return json.dumps(value) if value is not None else "1979-05-27T07:32:00Z"


def tables_of(keys: tuple[str, ...], heads: tuple[str, ...], usual: Any) -> Examples:
    """Return TOML of keys under heads, most of them known."""
    names = st.sampled_from(keys) | WORDS.map(json.dumps)
    dotted = st.sampled_from((2, 40, 3000)).map(lambda n: ".".join("a" * n))
    deep = st.sampled_from(("[" * 5000, "[" * 2000 + "]" * 2000, "{a=" * 900))
    values = st.one_of(*[(usual | VALUES).map(toml_of)] * 9, deep)
    keys_of = st.one_of(names, names, names, dotted)
    lines = st.tuples(keys_of, values).map(" = ".join).map(lambda line: f"{line}\n")
    blocks = st.lists(lines, max_size=4, unique_by=lambda line: line.split(" =")[0])
    parts = st.tuples(st.sampled_from(heads), blocks.map("".join)).map("\n".join)
    top = blocks.map("".join)
    whole = st.tuples(top, st.lists(parts, max_size=4).map("\n".join)).map("".join)
    return broken(whole.map(lambda text: text.encode(errors="replace")))


SCENARIO = b"""title = "Mine"
story = "A story."
profile = "os1"
[parameters]
humans = 50
[[interventions]]
name = "a"
at = 3
set = {meeting = false}
[[interventions]]
name = "b"
when = {measure = "grief", above = 0.5}
days = 2
set = {price = 0.5}
[[expectations]]
text = "Most leave."
outcome = "left"
at_least = 0.9
"""
STORY = 'title = "Mine"\nstory = "x"\n'


def scenario_texts() -> Examples:
    usual = st.sampled_from(("os1", "her", "grief", "left", 3, 0.5, True))
    usual |= st.just({"meeting": False}) | st.just({"measure": "grief", "above": 0.5})
    keys = ("title", "story", "profile", "sources", "parameters", "interventions")
    keys += ("name", "at", "when", "days", "set", "text", "outcome", "at_least")
    keys += (
        "share",
        "humans",
        "steps",
        "ties",
        "price",
        "before",
        "happens",
        "against",
    )
    heads = ("[parameters]", "[[interventions]]", "[[expectations]]", "[[sources]]")
    some = tables_of(keys, heads, usual)
    return some | some.map(lambda raw: STORY.encode() + raw)


def read_scenario(content: bytes) -> None:
    path = file_with("mine.toml", content)

    def check() -> None:
        found = scenarios.load(path)
        again = scenarios.Scenario.model_validate_json(found.model_dump_json())
        assert again == found
        scenarios.changes(found)

    refused(check)


def read_design(content: bytes) -> None:
    file_with("ties.csv", b"a,b\n")
    path = file_with("mine-design.toml", content)

    def check() -> None:
        design = designs.read(path)
        if design.form in ("sobol", "morris"):
            assert design.as_dict()
            return
        tasks = Tasks(design)
        assert tasks.identity()
        for position in {0, len(tasks) - 1}:
            assert len(tasks[position].run) == 64

    refused(check)


DESIGN = b"""scenario = "her"
seeds = 3
outcomes = ["left"]
[base]
humans = 20
[grid]
growth_exponent = [0.9, 1.1]
network = ["none", "ties.csv"]
lever = ["none", "price@3"]
"""


def design_texts() -> Examples:
    usual = st.sampled_from(("her", "none", "left", "price@3", "ties.csv", 3, 0.5))
    usual |= st.lists(st.sampled_from((0.5, 1, True, "none", [0.1, 0.2])), max_size=3)
    usual |= st.just({"kind": "scripted", "cast": 2}) | st.just([{"price": 0.1}])
    usual |= st.fixed_dictionaries({"kind": st.just("llm")}, optional={"model": VALUES})
    keys = ("scenario", "network", "lever", "mind", "seeds", "outcomes", "keep_runs")
    keys += ("name", "n", "seed", "levels", "price", "humans", "reach", "kind", "cast")
    keys += ("talks", "replay", "model", "temperature", "growth_exponent", "adoption")
    heads = ("[base]", "[grid]", "[[list]]", "[lhs]", "[sobol]", "[morris]", "[mind]")
    return tables_of(keys, heads, usual)


# --------------------------------------------------------------------------- transcript


def read_transcript(content: bytes) -> None:
    path = file_with("talk.jsonl", content)

    def replay() -> None:
        with Transcript.replay(path) as found:
            assert len(found.rows(everything=True)) == len(found)

    def record() -> None:
        with Transcript.record(path, Settings("small", "http://127.0.0.1:9/v1")):
            pass

    refused(replay)
    refused(record)
    refused(lambda: verify(path))


@cache
def transcript_seed() -> bytes:
    path = place() / "recorded.jsonl"
    mind = MindOptions(kind="scripted", cast=3, talks=0.5, record=path)
    story = scenarios.load("her").replace(**QUICK | {"innovation": 0.5})
    run.run(story.replace(steps=4), out=place() / "recorded", mind=mind)
    return b"".join(path.read_bytes().splitlines(keepends=True)[:4])


def transcript_lines() -> Examples:
    lines = [json.loads(line) for line in transcript_seed().splitlines()]
    some = st.lists(st.sampled_from(lines[1:]).flatmap(mutated), max_size=3)
    whole = st.tuples(mutated(lines[0]) | st.just(lines[0]), some).map(
        lambda t: b"".join(as_json(line) + b"\n" for line in (t[0], *t[1]))
    )
    return broken(whole)


def as_json(value: Any) -> bytes:
    text = json.dumps(value, default=str, ensure_ascii=False)
    longer = text.replace(f"1{'0' * 4000}", "9" * 5000)  # beyond what Python reads
    return longer.encode(errors="surrogatepass")


def mutated(value: Any) -> st.SearchStrategy[Any]:
    """Return plain values like ``value``, with parts of it replaced or gone."""
    if isinstance(value, dict) and value:
        return st.tuples(st.sampled_from(sorted(value)), st.integers(0, 9)).flatmap(
            lambda told: _mutated_key(value, *told)
        )
    if isinstance(value, list) and value:
        return st.sampled_from(value).flatmap(mutated).map(lambda one: [one, *value])
    return VALUES


def _mutated_key(value: dict[str, Any], key: str, what: int) -> st.SearchStrategy[Any]:
    rest = {name: one for name, one in value.items() if name != key}
    if what == 0:
        return st.just(rest)
    if what == 1:
        return st.tuples(WORDS, VALUES).map(lambda pair: {**value, pair[0]: pair[1]})
    if what < 6:
        return mutated(value[key]).map(lambda one: {**value, key: one})
    return VALUES.map(lambda one: {**value, key: one})


# ------------------------------------------------------------------------------ folders


class Folder:
    """A valid folder, of which one file at a time is changed by bytes."""

    def __init__(self, make: Callable[[Path], None], name: str) -> None:
        self.make, self.path = make, place() / name

    @cached_property
    def files(self) -> dict[str, bytes]:
        """What is in it when it is valid, by name."""
        self.make(self.path)
        return {
            file.relative_to(self.path).as_posix(): file.read_bytes()
            for file in sorted(self.path.rglob("*"))
            if file.is_file()
        }

    def changed(self, content: bytes) -> tuple[str, bytes]:
        """Return which file bytes change, and what is in it then.

        The first byte is the number of the file, the second says how the others are
        taken: as the whole file; as places (two bytes) and values (one), from its
        start or its end; or as the length to which it is cut.
        """
        names = list(self.files)
        (number, how, *_), rest = (*content[:2], 0, 0), content[2:]
        name = names[number % len(names)]
        if how % 4 == WHOLE:
            return name, rest
        found = bytearray(self.files[name])
        if how % 4 == CUT:
            return name, bytes(found[: int.from_bytes(rest[:3], "big")])
        for at in range(0, len(rest) - 2, 3):
            where = int.from_bytes(rest[at : at + 2], "big") % max(len(found), 1)
            if found:
                found[where if how % 4 == FROM_START else -1 - where] = rest[at + 2]
        return name, bytes(found)

    def trying(self, content: bytes, read: Callable[[Path], Any]) -> None:
        """Read the folder with a file changed, and put the file back."""
        name, changed = self.changed(content)
        file = self.path / name
        file.write_bytes(changed)
        try:
            refused(lambda: read(self.path))
        finally:
            file.write_bytes(self.files[name])

    def seeds(self) -> list[bytes]:
        """Return every file as it is, and a few changes of its end."""
        whole = [bytes([n, WHOLE]) + c for n, c in enumerate(self.files.values())]
        return whole + [bytes([n, FROM_END, 0, 9, 1]) for n in range(len(self.files))]

    def examples(self, only: Callable[[str], bool] = lambda name: True) -> Examples:
        """Return hostile contents of its files, and changes of bytes."""
        names = list(self.files)
        numbers = st.sampled_from([n for n, name in enumerate(names) if only(name)])
        how = st.sampled_from((FROM_START, FROM_END, FROM_END, CUT))
        patch = st.tuples(numbers, how, st.binary(min_size=3, max_size=12))
        patches = patch.map(lambda told: bytes(told[:2]) + told[2])

        def hostile(number: int) -> Examples:
            raw = self.files[names[number]]
            made = parquets(raw) if names[number].endswith(".parquet") else jsons(raw)
            return made.map(lambda content: bytes([number, WHOLE]) + content)

        return patches | numbers.flatmap(hostile) | numbers.flatmap(hostile)


def jsons(raw: bytes) -> Examples:
    try:
        return mutated(json.loads(raw)).map(as_json)
    except ValueError:
        return st.binary()


TYPES = (
    *(pa.int8(), pa.int32(), pa.int64(), pa.uint64(), pa.float32(), pa.float64()),
    *(pa.string(), pa.bool_(), pa.binary(), pa.list_(pa.int32()), pa.date32()),
    *(pa.large_string(), pa.decimal128(38, 2), pa.struct({"a": pa.int32()}), pa.null()),
)
MOST_ROWS = 2000  # of a table that is repeated
EXTREMES = (0, -1, 1, 5, 10**6, 2**31 - 1, -(2**31), 2**62, 1e300)
EXTREMES += (float("nan"), float("inf"), -0.5, None, "x", "\x1b[2J")


def parquets(raw: bytes) -> Examples:
    """Return tables like the one in ``raw``, with columns other than they should be."""
    table = pq.read_table(io.BytesIO(raw))
    names = st.sampled_from(table.column_names)
    change = st.tuples(names, st.integers(0, 7), st.sampled_from(EXTREMES))
    kinds = st.sampled_from(TYPES)
    changes = st.lists(st.tuples(change, kinds), min_size=1, max_size=3)
    packed = st.sampled_from((False, False, True, ["step", "name"]))
    options = st.fixed_dictionaries(
        {"use_dictionary": packed, "store_schema": st.booleans()},
        optional={
            **{"version": st.just("1.0"), "data_page_version": st.just("2.0")},
            "row_group_size": st.sampled_from((1, 7)),
            "column_encoding": st.just({"agent": "DELTA_BINARY_PACKED"}),
        },
    )
    return st.tuples(changes, options).map(
        lambda told: written(changed(table, told[0]), told[1])
    )


def changed(table: pa.Table, told: list[Any]) -> pa.Table:
    for (name, how, value), kind in told:
        at = table.schema.get_field_index(name)
        if at < 0:
            continue
        try:
            table = _changed(table, at, how, value, kind)
        except (pa.ArrowException, ValueError, TypeError, OverflowError, IndexError):
            continue
    return table


def _changed(table: Any, at: int, how: int, value: Any, kind: pa.DataType) -> pa.Table:
    name, column = table.column_names[at], table.column(at)
    if how == 0:
        return table.remove_column(at)
    if how == 1:
        return table.append_column(name, column)
    if how == 2:
        return table.set_column(at, name, column.cast(kind, safe=False))
    if how == 3:
        return table.slice(0, int(value) % (len(table) + 1))
    if how == 4:
        times = 2 + int(value) % 50 if len(table) < MOST_ROWS else 1
        return pa.concat_tables([table] * times)
    if how == 5:
        return table.replace_schema_metadata({"pandas": '{"index_columns": ["x"]}'})
    values = column.to_pylist()
    rows = range(len(values)) if how == 6 else [int(np.float64(len(values) - 1) / 2)]
    for row in rows:
        values[row] = value
    return table.set_column(at, name, pa.array(values, column.type))


def written(table: pa.Table, options: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    if "row_group_size" in options:  # enough groups, yet not one for each row
        least = max(1, len(table) // 20)
        options = options | {"row_group_size": max(least, options["row_group_size"])}
    try:
        pq.write_table(table, stream, compression="zstd", **options)
    except (pa.ArrowException, ValueError, OSError):
        return b""
    return stream.getvalue()


# ----------------------------------------------------------------- runs and checkpoints


def make_run(path: Path) -> None:
    mind = MindOptions(kind="scripted", cast=3, talks=0.3)
    story = scenarios.load("her").replace(**QUICK)
    run.run(story.pull("price", 9), seed=1, out=path, mind=mind, snapshot_every=20)
    forget_digests(path)


def forget_digests(path: Path) -> None:
    """Take digests out, as of an older version: else they are all that is tried."""
    bound = ("digest", "files", "snapshots", "before", "made_by")
    for file in (path / "provenance.json", *path.glob("checkpoints/*/society.json")):
        known = json.loads(file.read_bytes())
        kept = {name: value for name, value in known.items() if name not in bound}
        file.write_text(json.dumps(kept))


def make_checkpoints(path: Path) -> None:
    run.run(
        scenarios.load("her").replace(**QUICK).pull("announced_shutdown", 12),
        seed=1, out=path, checkpoint_every=20, snapshot_every=20,
    )  # fmt: skip
    forget_digests(path)
    for name in ("snapshots", "figures"):
        shutil.rmtree(path / name, ignore_errors=True)
    for file in path.glob("*.*"):
        file.unlink()


RUN, CHECKPOINTS = Folder(make_run, "run"), Folder(make_checkpoints, "checkpoints")


def read_run(path: Path) -> None:
    found = result.load(path)
    parts: list[Callable[[], Any]] = [
        lambda: found.provenance,
        lambda: found.series,
        lambda: found.events,
        lambda: found.readings,
        lambda: found.noted("turned", 0, 9),
        lambda: found.ties(owners=[0, 5]),
        lambda: found.population,
        found.agents,
        lambda: found.graph(found.steps[0]),
        found.speech.memories,
        lambda: list(
            conversations.as_text(conversations.talks(found), found.population)
        ),
        lambda: found.speech.calls,
        found.detect,
        lambda: verify(path),
    ]
    for part in parts:
        refused(part)


def read_checkpoint(path: Path) -> None:
    refused(lambda: verify(path / "checkpoints" / "000020"))
    society = checkpoint.load(path).society
    society.step()


def make_sweep(path: Path) -> None:
    from sim.studies import sweep

    design = {"base": {**QUICK, "steps": 2}, "seeds": 2, "outcomes": ["left"]}
    design |= {"grid": {"price": [0.0, 0.5]}, "name": "small"}
    sweep(design, out=path, workers=1)
    for file in path.glob("ledger.sqlite-*"):
        file.unlink()


SWEEP = Folder(make_sweep, "sweep")


def read_sweep(path: Path) -> None:
    refused(lambda: verify(path))
    found = load_sweep(path)
    for part in (found.counts, found.failures, found.ledger, found.table):
        value: Any = part
        refused(value)
    refused(lambda: pd.DataFrame(found.table(waiting=len(found) < 10**4)))


MODULES = (
    *(
        "sim.model.network_files.tables",
        "sim.model.network_files.edge_lists",
        "sim.model.network_files.matrices",
    ),
    *(
        "sim.model.network_files.separators",
        "sim.model.network_files.json_graphs",
        "sim.model.network_files.builder",
    ),
    *(
        "sim.model.network_files.xml_graphs",
        "sim.model.network_files.graph_texts",
        "sim.model.network_files.opening",
    ),
    "sim.utils.untrusted",
)
PARSERS = ("sim.model.parameters", "sim.utils.untrusted", "tomllib._parser")
TABLES = (
    "sim.runs.validation",
    "sim.runs.parquet",
    "sim.runs.parquet_guard",
    "sim.utils.untrusted",
)
TARGETS: dict[str, Target] = {
    "network-edges": Target(
        "an edge list", read_network(".csv"), edge_list_seeds, edge_lists,
        (*MODULES, "csv"),
    ),
    "network-graphml": Target(
        "GraphML", read_network(".graphml"), lambda: [GRAPHML],
        lambda: documents("graphml"), (*MODULES, "defusedxml.expatreader"),
    ),
    "network-gexf": Target(
        "GEXF", read_network(".gexf"), lambda: [GEXF], lambda: documents("gexf"),
        (*MODULES, "defusedxml.expatreader"),
    ),
    "gzip": Target(
        "an edge list in gzip", read_network(".csv.gz"),
        lambda: [gzip.compress(raw, mtime=0) for raw in edge_list_seeds()], zipped,
        MODULES,
    ),
    "network-json": Target(
        "a graph in JSON", read_network(".json"), json_seeds, json_graphs, MODULES,
    ),
    "network-texts": Target(
        "GML, Pajek, Matrix Market, an adjacency list", read_network(".txt"),
        text_seeds, graph_texts, MODULES,
    ),
    "archives": Target(
        "an edge list in bzip2, xz or zip", read_network(".txt"),
        lambda: [pack(raw) for pack in PACKERS for raw in edge_list_seeds()],
        archives, MODULES,
    ),
    "scenario": Target(
        "a scenario in TOML", read_scenario, lambda: [SCENARIO], scenario_texts,
        (
            *("sim.scenarios", "sim.scenarios.interventions"),
            *("sim.scenarios.expectations", *PARSERS),
        ),
    ),
    "design": Target(
        "the design of a sweep in TOML", read_design, lambda: [DESIGN], design_texts,
        (*("sim.studies.design", "sim.studies.design", "sim.studies.points"), *PARSERS),
    ),
    "transcript": Target(
        "a transcript of calls", read_transcript, lambda: [transcript_seed()],
        transcript_lines,
        ("sim.minds.transcript", "sim.minds.transcript", "sim.minds.transcript"),
    ),
    "run-directory": Target(
        "a run", lambda raw: RUN.trying(raw, read_run), RUN.seeds, RUN.examples,
        ("sim.runs.result", "sim.runs.readings", *TABLES),
    ),
    "checkpoint": Target(
        "a checkpoint", lambda raw: CHECKPOINTS.trying(raw, read_checkpoint),
        CHECKPOINTS.seeds, CHECKPOINTS.examples,
        ("sim.runs.checkpoint", "sim.runs.readings", *TABLES),
    ),
    "sweep": Target(
        "the folder of a sweep", lambda raw: SWEEP.trying(raw, read_sweep),
        SWEEP.seeds, SWEEP.examples,
        ("sim.studies.sweeps", "sim.studies.store", "sim.utils.untrusted"),
    ),
}  # fmt: skip
