"""Network files of every dialect are read right, or refused with what to do.

A table of small files says what each means; random networks are written in each dialect
and read back.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quick import QUICK
from refusing import refusal

import sim
from sim.cli import main
from sim.model import population
from sim.model.network_files import FORMATS, NetworkFile, read_edges
from sim.runs.result import Result
from sim.utils.errors import InputError
from sim.utils.untrusted import ROOM

Ties = dict[frozenset[str], float | None]


def ties(text: str) -> Ties:
    """Return ties written as ``ann-bob 0.5, bob-cy 0.25``."""
    found: Ties = {}
    for part in text.split(", "):
        pair, _, closeness = part.rpartition(" ")
        if not closeness[0].isdigit() or "-" in closeness:
            pair, closeness = part, ""
        found[frozenset(pair.split("-"))] = float(closeness) if closeness else None
    return found


def seen(path: Path, **options: Any) -> Ties:
    """Return the ties of a file by names; None where it says not how close they are."""
    return seen_with_people(path, **options)[1]


def seen_with_people(path: Path, **options: Any) -> tuple[set[str], Ties]:
    edges = read_edges(NetworkFile(path, **options))
    values: dict[frozenset[str], list[float | None]] = {}
    for at, (one, other) in enumerate(edges.ends.tolist()):
        pair = frozenset({edges.names[one], edges.names[other]})
        closeness = None if edges.closeness is None else float(edges.closeness[at])
        values.setdefault(pair, []).append(closeness)
    found: Ties = {}
    for pair, all_of_it in values.items():
        known = [value for value in all_of_it if value is not None]
        found[pair] = round(sum(known) / len(known), 9) if known else None
    return set(edges.names), found


Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file and returns its path."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


# ---------------------------------------------------------------- what each file means

TRIANGLE = "ann-bob 0.5, bob-cy 0.9, ann-cy 0.1"
PATH = "ann-bob, bob-cy"

TABLES: dict[str, tuple[str, str]] = {
    "a star": ("boss,ann\nboss,ben\nboss,cy\n", "boss-ann, boss-ben, boss-cy"),
    "row numbers of pandas": (
        ",source,target,weight\n0,ann,bob,0.5\n1,bob,cy,0.9\n2,cy,ann,0.1\n",
        TRIANGLE,
    ),
    "names of rows from R": (
        '"from" "to" "weight"\n"1" "ann" "bob" 0.5\n"2" "bob" "cy" 0.9\n'
        '"3" "ann" "cy" 0.1\n',
        TRIANGLE,
    ),
    "ids before the people, as Gephi": (
        "Id,Source,Target,Type,Weight\n7,ann,bob,Undirected,0.5\n"
        "8,bob,cy,Undirected,0.9\n9,ann,cy,Undirected,0.1\n",
        TRIANGLE,
    ),
    "weight first": (
        "weight,source,target\n0.5,ann,bob\n0.9,bob,cy\n0.1,cy,ann\n",
        TRIANGLE,
    ),
    "weight first, no header": ("0.5,ann,bob\n0.9,bob,cy\n0.1,cy,ann\n", TRIANGLE),
    "a header of no known words": (
        'Hero,Helper\n"Ann; A.",Bob\nBob,Cy\n',
        "Ann; A.-Bob, Bob-Cy",
    ),
    "person 1 and person 2": ("Person 1;Person 2\nann;bob\nbob;cy\n", PATH),
    "user and friend": ("user,friend\nann,bob\nbob,cy\n", PATH),
    "i and j among others": (
        "w,i,j\n0.5,ann,bob\n0.9,bob,cy\n0.1,cy,ann\n",
        "ann-bob, bob-cy, ann-cy",
    ),
    "sender and recipient after a time": (
        "timestamp,sender,recipient\n184,ann,bob\n391,bob,cy\n",
        PATH,
    ),
    "camel case": ("# FromNodeId\tToNodeId\nann\tbob\nbob\tcy\n", PATH),
    "columns in a comment": (
        "# weight,ego,alter\n0.5,ann,bob\n0.9,bob,cy\n0.1,ann,cy\n",
        TRIANGLE,
    ),
    "semicolons and decimal commas": (
        "ann;bob;0,5\nbob;cy;0,9\nann;cy;0,1\n",
        TRIANGLE,
    ),
    "a strength with decimal commas": (
        "friend_1;friend_2;strength\nann;bob;0,5\nbob;cy;0,9\nann;cy;0,1\n",
        TRIANGLE,
    ),
    "blanks and decimal commas": ("ann bob 0,5\nbob cy 0,9\nann cy 0,1\n", TRIANGLE),
    "Excel says which separator": ("sep=;\nSource;Target\nann;bob\nbob;cy\n", PATH),
    "Excel says an odd separator": ("sep=|\nann|bob\nbob|cy\n", PATH),
    "pipes": ("source|target|weight\nann|bob|0.5\nbob|cy|0.9\ncy|ann|0.1\n", TRIANGLE),
    "a mark, then a time, as KONECT": (
        "% sym positive\n1 2 1 1082040961\n2 3 1 1082155839\n3 1 1 1082414391\n",
        "1-2, 2-3, 1-3",
    ),
    "weights of their own scale": (
        "source,target,weight\nann,bob,5\nbob,cy,1\n",
        PATH,
    ),
    "values of their own name": ("from,to,value\nann,bob,0.2\nbob,cy,0.8\n", PATH),
    "attributes, as networkx writes them": (
        "ann bob {'weight': 0.5, 'since': 2001}\nbob cy {'weight': 0.9}\n"
        "cy ann {'weight': 0.1}\n",
        TRIANGLE,
    ),
    "no attributes, as networkx writes them": ("ann bob {}\nbob cy {}\n", PATH),
    "our own export, OSes left out": (
        "step,source,target,closeness,returned,kind,flags,tie\n"
        "30,0,1,0.5,0.5,0,,human and human\n30,1,0,0.7,0.7,0,,human and human\n"
        "30,0,9,0.8,0.8,2,owner,human and OS\n",
        "0-1 0.6",
    ),
    "a header of words of another language": (
        "von;nach;closeness\nann;bob;0,5\nbob;cy;0,9\nann;cy;0,1\n",
        TRIANGLE,
    ),
    "what kind of tie it is": ("ann,bob,friend\nbob,cy,colleague\n", PATH),
    "who knows whom, as triples": ("ann,knows,bob\nbob,knows,cy\n", PATH),
    "arrows": ("ann -> bob\nbob -> cy\n", PATH),
    "days before the people": ("2020-01-01,ann,bob\n2020-01-02,bob,cy\n", PATH),
    "ids of ties before numbered columns": (
        "id,node1,node2\n7,ann,bob\n8,bob,cy\n",
        PATH,
    ),
    "a name that is a number": ("ann,7\n7,bob\n", "ann-7, 7-bob"),
    "pandas without names of columns": ("0,1\nann,bob\nbob,cy\n", PATH),
    "line ends of an old Macintosh": ("# ties\r\rann,bob\rbob,cy\r", PATH),
    "a column that is left empty": ("ann,bob,\nbob,cy,\n", PATH),
    "people who are named once a line": ("ann,bob\nann,bob\nbob,cy\n", PATH),
    "a matrix": ("0,1,1,0\n1,0,1,0\n1,1,0,1\n0,0,1,0\n", "1-2, 1-3, 2-3, 3-4"),
    "a matrix with names": (
        ",ann,bob,cy\nann,0,0.5,0.1\nbob,0.5,0,0.9\ncy,0.1,0.9,0\n",
        TRIANGLE,
    ),
    "a matrix with numbers for names": (
        ",7,8,9\n7,0,1,0\n8,1,0,1\n9,0,1,0\n",
        "7-8, 8-9",
    ),
    "a matrix with names in the first line": (
        "ann bob cy\n0 1 0\n1 0 1\n0 1 0\n",
        PATH,
    ),
}


def test_names_may_hold_commas_where_semicolons_separate(write: Write) -> None:
    for header in ("", "Source;Target\n"):
        path = write("x.csv", f"{header}Doe, J.;Lee, B.\nLee, B.;Ray, A.\n")
        assert seen_with_people(path)[0] == {"Doe, J.", "Lee, B.", "Ray, A."}


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("user,item\nu1,i1\nu1,i2\nu2,i1\n", "nobody stands in both columns"),
        ("ann,bob\n#cy,dan\nbob,cy\n", "1 line of comment passed over"),
        ("ann,bob,friend\nbob,cy,work\n", "not used: 3"),
    ],
)
def test_what_may_surprise_is_said(write: Write, text: str, note: str) -> None:
    assert note in read_edges(write("x.csv", text)).notes


@pytest.mark.parametrize("meant", TABLES)
def test_a_table_is_read_as_it_is_meant(write: Write, meant: str) -> None:
    text, expected = TABLES[meant]
    path = write("x.csv", text)
    people, found = seen_with_people(path)
    assert found == ties(expected)
    assert people == {name for pair in ties(expected) for name in pair}
    network = population.read(path)
    assert network.n == len(people)
    assert set(network.labels or ()) == people
    assert len(network.pairs) == len(found)


GRAPHML = """<?xml version="1.0"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns"
  xmlns:y="http://www.yworks.com/xml/graphml">{}</graphml>"""
YED = """<key for="node" id="d6" yfiles.type="nodegraphics"/>
<key for="edge" id="d10" yfiles.type="edgegraphics"/>
<graph edgedefault="directed" id="G">
<node id="n0" yfiles.foldertype="group"><data key="d6"><y:ProxyAutoBoundsNode>
<y:Realizers><y:GroupNode><y:NodeLabel>Family</y:NodeLabel></y:GroupNode></y:Realizers>
</y:ProxyAutoBoundsNode></data><graph id="n0:">
<node id="n0::n0"><data key="d6"><y:ShapeNode><y:NodeLabel>ann<y:LabelModel/>
</y:NodeLabel></y:ShapeNode></data></node>
<node id="n0::n1"><data key="d6"><y:ShapeNode><y:NodeLabel>bob</y:NodeLabel>
</y:ShapeNode></data></node>
<edge source="n0::n0" target="n0::n1"><data key="d10"><y:PolyLineEdge>
<y:EdgeLabel>0.5</y:EdgeLabel></y:PolyLineEdge></data></edge></graph></node>
<node id="n1"><data key="d6"><y:ShapeNode><y:NodeLabel>cy</y:NodeLabel></y:ShapeNode>
</data></node><edge source="n0::n1" target="n1"><data key="d10"><y:PolyLineEdge>
<y:EdgeLabel>0.9</y:EdgeLabel></y:PolyLineEdge></data></edge></graph>"""
WEIGHTED = (
    '<node id="a"/><edge source="a" target="b"><data key="w">0.9</data></edge>'
    '<edge source="b" target="c"/>'
)
GEXF = """<gexf xmlns="http://gexf.net/1.3" version="1.3"
xmlns:viz="http://gexf.net/1.3/viz"><graph defaultedgetype="undirected">{}</graph>
</gexf>"""

GRAPHS: dict[str, tuple[str, str]] = {
    "default.graphml": (
        GRAPHML.format(
            '<key id="w" for="edge" attr.name="weight" attr.type="double">'
            f"<default>0.1</default></key><graph>{WEIGHTED}</graph>"
        ),
        "a-b 0.9, b-c 0.1",
    ),
    "no-default.graphml": (
        GRAPHML.format(
            f'<key id="w" for="edge" attr.name="weight"/><graph>{WEIGHTED}</graph>'
        ),
        "a-b, b-c",
    ),
    "labels.graphml": (
        GRAPHML.format(
            '<key id="label" for="node" attr.name="label" attr.type="string"/><graph>'
            '<node id="1"><data key="label">ann</data></node>'
            '<node id="2"><data key="label">bob</data></node>'
            '<edge source="1" target="2"/></graph>'
        ),
        "ann-bob",
    ),
    "yed.graphml": (GRAPHML.format(YED), PATH),
    "prefixed.graphml": (
        '<g:graphml xmlns:g="http://graphml.graphdrawing.org/xmlns"><g:graph>'
        '<g:edge source="ann" target="bob"/></g:graph></g:graphml>',
        "ann-bob",
    ),
    "default.gexf": (
        GEXF.format(
            '<nodes><node id="a" label="ann"><viz:size value="1"/></node>'
            '<node id="b" label="bob"/><node id="c" label="cy"/></nodes>'
            '<edges><edge source="a" target="b" weight="0.25"/>'
            '<edge source="b" target="c"/></edges>'
        ),
        "ann-bob 0.25, bob-cy 1",
    ),
    "groups.gexf": (
        GEXF.format(
            '<nodes><node id="g"><nodes><node id="a"/><node id="b"/></nodes></node>'
            '</nodes><edges><edge source="a" target="b"/></edges>'
        ),
        "a-b",
    ),
    "x.gml": (
        'Creator "someone"\ngraph [\n  node [ id 0 label "ann" ]\n  node [ id 1 label '
        '"Zo&#235;" graphics [ x 1.0 ] ]\n  edge [ source 0 target 1 value 0.5 ]\n]\n',
        "ann-Zoë",
    ),
    "arcs.net": (
        '*Vertices 3\r\n1 "ann" 0.1 0.2 0.5\r\n2 "bob"\r\n3 cy\r\n*Arcs\r\n'
        "1 2 0.5\r\n2 3 0.9\r\n*Edges\r\n1 3 0.1\r\n",
        TRIANGLE,
    ),
    "lists.net": ('*Vertices 3\n1 "ann"\n2 "bob"\n3 "cy"\n*Edgeslist\n2 1 3\n', PATH),
    "matrix.net": (
        '*Vertices 3\n1 "ann"\n2 "bob"\n3 "cy"\n*Matrix\n0 1 0\n1 0 1\n0 1 0\n',
        PATH,
    ),
    "pattern.mtx": (
        "%%MatrixMarket matrix coordinate pattern symmetric\n% said\n3 3 2\n2 1\n3 2\n",
        "1-2, 2-3",
    ),
    "real.mtx": (
        "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 0.5\n",
        "1-2 0.5",
    ),
    "dense.mtx": (
        "%%MatrixMarket matrix array real symmetric\n2 2\n0\n0.5\n0\n",
        "1-2 0.5",
    ),
    "links.json": (
        '{"nodes": [{"id": 1, "name": "ann"}, {"id": 2, "name": "bob"}],'
        '"links": [{"source": 1, "target": 2, "weight": 0.5}]}',
        "ann-bob 0.5",
    ),
    "places.json": (
        '{"nodes": [{"name": "ann"}, {"name": "bob"}],'
        '"links": [{"source": 0, "target": 1, "value": 3}]}',
        "ann-bob",
    ),
    "pairs.json": ('[["ann", "bob"], ["bob", "cy"]]', PATH),
    "records.json": (
        '[{"from": "ann", "to": "bob"}, {"from": "bob", "to": "cy"}]',
        PATH,
    ),
    "lines.jsonl": (
        '{"source": "ann", "target": "bob"}\n{"source": "bob", "target": "cy"}\n',
        PATH,
    ),
    "friends.json": ('{"ann": ["bob"], "bob": ["cy"], "cy": []}', PATH),
    "cytoscape.json": (
        '{"elements": {"nodes": [{"data": {"id": "a", "name": "ann"}}, {"data": '
        '{"id": "b", "name": "bob"}}], "edges": [{"data": {"id": "e", "source": "a",'
        '"target": "b"}}]}}',
        "ann-bob",
    ),
    "x.adjlist": ("# written by hand\nann bob\nbob cy\ncy\n", PATH),
    # What a file is shows in how it begins, if its name does not say it.
    "graphml.xml": (GRAPHML.format(f"<graph>{WEIGHTED}</graph>"), "a-b, b-c"),
    "pajek.txt": ('*vertices 2\n1 "ann"\n2 "bob"\n*edges\n1 2\n', "ann-bob"),
    "json.txt": ('{"links": [{"source": "ann", "target": "bob"}]}', "ann-bob"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_is_read_as_it_is_meant(write: Write, name: str) -> None:
    text, expected = GRAPHS[name]
    path = write(name, text)
    people, found = seen_with_people(path)
    assert found == ties(expected)
    assert people == {name for pair in ties(expected) for name in pair}
    assert set(population.read(path).labels or ()) == people


# ------------------------------------------------------------- when in doubt, it asks

NUMBERS = "1 2 3\n2 1 4\n3 4 2\n"
DOUBTS: dict[str, tuple[str, list[tuple[dict[str, Any], str, str]]]] = {
    "a header or a tie": (
        "ann,bob\ncy,dan\n",
        [
            ({"header": True}, "--network-header yes", "cy-dan"),
            ({"header": False}, "--network-header no", "ann-bob, cy-dan"),
        ],
    ),
    "a weight or a time": (
        NUMBERS,
        [
            (
                {"columns": "1,2", "closeness_from": "none"},
                "--network-columns 1,2",
                "1-2, 3-4",
            ),
            ({"columns": (2, 3)}, "--network-columns 2,3", "2-3, 1-4, 2-4"),
            (
                {"format": "adjacency"},
                "--network-format adjacency",
                "1-2, 1-3, 2-4, 3-4, 2-3",
            ),
        ],
    ),
    "a matrix or weights": (
        "0 3 1\n3 0 2\n1 2 0\n",
        [
            ({"format": "matrix"}, "--network-format matrix", "1-2, 1-3, 2-3"),
            (
                {"format": "edges", "columns": "1,2", "closeness_from": "none"},
                "edges (and --network-columns 1,2)",
                "0-3, 1-2",
            ),
        ],
    ),
    "two pairs of columns": (
        "user_a,user_b,name_a,name_b\n1,2,ann,bob\n2,3,bob,cy\n",
        [
            ({"columns": "user_a,user_b"}, "user_a,user_b", "1-2, 2-3"),
            ({"columns": "Name A,name-b"}, "name_a,name_b", PATH),
        ],
    ),
    "two separators": (
        "ann;x,bob;y\nbob;y,cy;z\n",
        [
            ({"separator": "comma"}, "comma", "ann;x-bob;y, bob;y-cy;z"),
            (
                {"separator": ";", "columns": "1,3", "header": False},
                "semicolon",
                "ann-y, bob-z",
            ),
        ],
    ),
    "several friends in a line": (
        "ego,alter1,alter2,alter3\nann,bob,cy,\nbob,cy,ann,dan\n",
        [
            (
                {"format": "adjacency", "header": True},
                "--network-format adjacency --network-header yes",
                "ann-bob, ann-cy, bob-cy, bob-dan",
            ),
        ],
    ),
    "a person and all they know": (
        "ann,bob,cy\nbob,dan\n",
        [
            (
                {"format": "adjacency"},
                "--network-format adjacency",
                "ann-bob, ann-cy, bob-dan",
            )
        ],
    ),
    "numbers that are no people": (
        "# ann\nbob 0.5\n# bob\ncy 0.7\n",
        [({"columns": "1,2"}, "--network-columns 1,2", "bob-0.5, cy-0.7")],
    ),
    "given and family names": (
        "Anna Karenina\nBob Lee\n",
        [({"header": False}, "--network-header no", "Anna-Karenina, Bob-Lee")],
    ),
    "a table of people": (
        "Id,Label\n1,Ada\n2,Ben\n",
        [({"columns": "Id,Label"}, "--network-columns Id,Label", "1-Ada, 2-Ben")],
    ),
    "people and their groups": (
        "20\tDCAR\n89\tDCAR\n",
        [({"columns": "1,2"}, "--network-columns 1,2", "20-DCAR, 89-DCAR")],
    ),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_file_that_can_be_read_in_two_ways_is_asked_about(
    write: Write, doubt: str
) -> None:
    text, ways = DOUBTS[doubt]
    path = write("x.csv", text)
    asked = refusal(lambda: read_edges(path))
    for options, option, expected in ways:
        assert option in asked
        assert seen(path, **options) == ties(expected)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.dot", "graph { ann -- bob; }", "Graphviz DOT.*read_dot"),
        ("x.txt", 'digraph G {\n "ann" -> "bob" }', "Graphviz DOT.*write_graphml"),
        ("x.dl", "dl n=3\nformat=edgelist1\n", "UCINET DL.*Pajek"),
        ("x.txt", "DL N = 3\ndata:\n1 2\n", "UCINET DL.*Pajek"),
        ("x.gdf", "nodedef>name VARCHAR\nann\n", "GUESS GDF.*Gephi"),
        ("x.g6", b">>graph6<<A_\n", "graph6.*write_graphml"),
        ("x.xlsx", "workbook", "Excel workbook; save the sheet of ties as CSV"),
        ("x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel workbook.*CSV"),
        ("x.parquet", b"PAR1....", "Parquet.*CSV"),
        ("x.pickle", b"\x80\x04\x95", "pickle.*GraphML or CSV"),
        ("x.npy", b"\x93NUMPY\x01", "NumPy.*savetxt"),
        ("x.7z", b"7z\xbc\xaf\x27", "7z.*unpack"),
        ("x.csv.zst", b"\x28\xb5\x2f\xfd.", "zstd"),
        ("x.htm", "<!DOCTYPE html><html></html>", "a web page"),
        ("x.xml", "<svg></svg>", "XML, but neither GraphML nor GEXF"),
        ("x.json", "[[0, 1, 1], [1, 0, 1], [1, 1, 0]]", "a matrix in JSON"),
        ("x.json", '{"title": "x"}', "JSON without ties"),
        (
            "x.json",
            '{"nodes": [{"id": 1}], "links": [{"source": 1, "target": 2}]}',
            "2",
        ),
        ("x.net", "*Vertices 5 2\n*Edges\n1 3\n", "two kinds of nodes"),
        (
            "x.mtx",
            "%%MatrixMarket matrix coordinate real general\n2 3 0\n",
            "2 rows and",
        ),
        ("x.graphml", GRAPHML.format("<graph/><graph/>"), "a second graph"),
        (
            "x.graphml",
            GRAPHML.format(
                '<graph><node id="g"><graph/></node>'
                '<edge source="g" target="a"/></graph>'
            ),
            "a tie of a group",
        ),
        (
            "x.csv",
            "step,source,target,tie\n0,1,2,x\n30,1,2,x\n",
            "days 0 to 30.*--step",
        ),
        ("x.csv", "a b\nc d e\n", "--network-format adjacency"),
        ("x.csv", "from,to\na,b\nfrom,to\nb,c\n", "the header stands again"),
        ("x.net", "a b\nb c\n", "no .Vertices.*--network-format edges"),
        ("x.lgl", "# a\nb 0.5\n", "LGL.*igraph::write_graph"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(
    write: Write, name: str, content: str | bytes, says: str
) -> None:
    path = write(name, content)
    if name == "x.xlsx":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("xl/workbook.xml", content)
    with pytest.raises(InputError, match=says):
        read_edges(path)


# ------------------------------------------------------------------------- closeness

WEIGHTS = "source,target,weight\nann,bob,1\nbob,cy,3\ncy,dan,9\ndan,ann,9\n"


@pytest.mark.parametrize(
    ("scale", "closeness"),
    [
        ("max", [1 / 9, 3 / 9, 1, 1]),
        ("minmax", [0, 0.25, 1, 1]),
        ("rank", [0.25, 0.5, 1, 1]),
        ("log", [0.301029996, 0.602059991, 1, 1]),
    ],
)
def test_weights_are_scaled_on_request(
    write: Write, scale: str, closeness: list[float]
) -> None:
    told = NetworkFile(write("x.csv", WEIGHTS), closeness_from="Weight", scale=scale)
    assert read_edges(told).closeness == pytest.approx(closeness)
    assert f"closeness from weight, scale {scale}" in read_edges(told).notes


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (
            WEIGHTS,
            {"closeness_from": "weight"},
            "line 3: weight 3 .*--scale max, minmax",
        ),
        (WEIGHTS, {"closeness_from": "wieght"}, "no 'wieght'.*did you mean 'weight'"),
        (WEIGHTS, {"closeness_from": "source"}, "holds people, not closeness"),
        (WEIGHTS, {"scale": "sqrt"}, "no scale 'sqrt'; use none, max, minmax"),
        (WEIGHTS, {"closeness_from": "none", "scale": "max"}, "a scale goes with"),
        ("a,b\nb,c\n", {"scale": "max"}, "no weight to scale"),
        ("a,b,-1\nb,c,3\n", {"scale": "max"}, "takes numbers from 0; use minmax or"),
        (
            "a,b,5\nb,c,3\n",
            {},
            "line 1: closeness 5 is not.*--closeness-from 3 --scale",
        ),
        (
            "source,target,closeness\na,b,0.5\nb,c,\n",
            {},
            "line 3: closeness '' is no number.*--closeness-from none",
        ),
    ],
)
def test_closeness_that_does_not_fit_is_asked_about(
    write: Write, text: str, options: dict[str, Any], says: str
) -> None:
    path = write("x.csv", text)
    with pytest.raises(InputError, match=says):
        read_edges(NetworkFile(path, **options))


def test_any_column_or_attribute_may_be_closeness(write: Write) -> None:
    table = write("x.csv", "from,to,value,year\nann,bob,0.2,1\nbob,cy,0.8,2\n")
    assert seen(table, closeness_from="value") == ties("ann-bob 0.2, bob-cy 0.8")
    bare = write("y.csv", "ann,bob,3,0.2\nbob,cy,5,0.8\n")
    assert seen(bare, closeness_from="4") == ties("ann-bob 0.2, bob-cy 0.8")
    assert seen(bare, closeness_from="none") == ties(PATH)
    yed = write("z.graphml", GRAPHML.format(YED))
    assert seen(yed, closeness_from="EdgeLabel") == ties("ann-bob 0.5, bob-cy 0.9")


# ------------------------------------------------------------ one line of what was read


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        (
            "friends.csv",
            "from,to,weight\nann,bob,3\nbob,ann,3\nbob,bob,1\nbob,cy,4\n",
            "friends.csv: comma-separated, header 'from,to,weight', people in columns "
            "from and to; 2 ties between 3 people; weight not used: its values are 1 "
            "to 4; scale it (--closeness-from weight --scale max, minmax, rank or log) "
            "or leave it out (--closeness-from none); 1 repeat and 1 self loop dropped",
        ),
        (
            "value.csv",
            "from,to,value\nann,bob,0.3\n",
            "value.csv: comma-separated, header 'from,to,value', people in columns "
            "from and to; 1 tie between 2 people; not used: value (--closeness-from "
            "value, if it says how close people are)",
        ),
        (
            "x.txt",
            "1 2 1 99\n2 3 1 98\n",
            "x.txt: separated by blanks, people in columns 1 and 2; 2 ties between 3 "
            "people; column 3 not used: it is 1 on every tie; not used: 4",
        ),
        (
            "yed.graphml",
            GRAPHML.format(YED),
            "yed.graphml: GraphML; 2 ties between 3 people; not used: EdgeLabel; "
            "1 group left out",
        ),
    ],
)
def test_one_line_says_what_was_read(
    write: Write, name: str, text: str, line: str
) -> None:
    assert population.read(write(name, text)).read_as == line


def test_the_line_is_printed_kept_and_known_to_the_society(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("friends.csv").write_text(WEIGHTS)
    options = [
        "--network",
        "friends.csv",
        "--closeness-from",
        "weight",
        "--scale",
        "max",
    ]
    assert main(["run", "her", "--steps", "1", "--json", *options]) == 0
    told = capsys.readouterr()
    run = sim.load(json.loads(told.out)["run"])
    network = run.provenance["network"]
    line = network["read_as"]
    assert line.startswith("friends.csv: comma-separated, header")
    assert told.err == f"network  {line}\n"
    assert (network["closeness_from"], network["scale"]) == ("weight", "max")
    file = NetworkFile("friends.csv", closeness_from="weight", scale="max")
    assert sim.Society("her", network=file).read_as == line
    assert sim.run("her", steps=1, network=file).path == run.path
    assert sim.run("her", steps=1, network="friends.csv").path != run.path


def test_an_option_without_a_file_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "her", "--network-columns", "1,2"]) == 2
    assert "--network-columns goes with --network FILE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"format": "xlsx"}, "no network format 'xlsx'; use edges, matrix"),
        ({"separator": "slash"}, "no separator 'slash'; use comma, semicolon"),
        ({"columns": "from"}, "network columns are two, as in 'from,to'"),
        ({"columns": ("a", "a")}, "network columns are two"),
        ({"columns": "a,z"}, "no column 'a'; columns are 'source'"),
        ({"columns": "1,7"}, "no column '7'"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    write: Write, options: dict[str, Any], says: str
) -> None:
    path = write("x.csv", WEIGHTS)
    with pytest.raises(InputError, match=says):
        read_edges(NetworkFile(path, **options))


# ----------------------------------------------------------------- our own exports


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a small run in which there are OSes; tests only read it."""
    scenario = sim.scenario("her-film-cut").replace(
        **(QUICK | {"humans": 20, "steps": 60})
    )
    out = tmp_path_factory.mktemp("runs") / "small"
    return sim.run(scenario, seed=1, out=out, snapshot_every=30)


@pytest.mark.parametrize("suffix", ["csv", "graphml", "gexf", "json"])
def test_our_own_exports_come_back_as_the_people_among_them(
    run: Result, tmp_path: Path, suffix: str
) -> None:
    humans = run.population
    assert len(run.oses()) > 0
    kept = run.ties()
    among = kept[(kept["owner"] < humans) & (kept["neighbour"] < humans)]
    expected: dict[frozenset[int], list[float]] = {}
    for one, other, closeness in among[["owner", "neighbour", "closeness"]].to_numpy():
        expected.setdefault(frozenset({int(one), int(other)}), []).append(closeness)
    path = sim.exports.export(run, tmp_path / f"day.{suffix}")[0]
    people, found = seen_with_people(path)
    assert len(people) == humans
    assert {
        frozenset(int(name.removeprefix("human ")) for name in pair): closeness
        for pair, closeness in found.items()
    } == {pair: pytest.approx(sum(c) / len(c)) for pair, c in expected.items()}
    assert "OS" in " ".join(read_edges(path).notes)


@pytest.mark.parametrize(
    ("suffix", "says"), [("csv", "days 0 to 60.*--step"), ("gexf", "changes over time")]
)
def test_an_export_of_many_days_is_asked_about(
    run: Result, tmp_path: Path, suffix: str, says: str
) -> None:
    path = sim.exports.export(run, tmp_path / f"all.{suffix}", whole=True)[0]
    with pytest.raises(InputError, match=says):
        read_edges(path)


# ---------------------------------------------------------- files that mean to do harm


def zeros_packed(name: str) -> bytes:
    """Return more zeros than there is room for, packed as the name says."""
    zeros = bytes(ROOM + 10**7)
    if name.endswith(".zip"):
        return zipped("x.csv", content=zeros)
    return (bz2 if name.endswith(".bz2") else lzma).compress(zeros)


def zipped(*names: str, content: bytes = b"a,b\n") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv.bz2", bz2.compress(b"a,b\n")[:-4], "bzip2 .*ends in the middle"),
        ("x.csv.xz", b"plain text", "is not valid xz"),
        ("x.zip", b"PK\x03\x04", "is not valid zip"),
        ("x.zip", zipped("a.csv", "b.csv"), "a zip archive of 2 files"),
        ("x.net", "*Vertices 999999999\n", "far more vertices"),
        (
            "x.mtx",
            "%%MatrixMarket matrix array real general\n999999999 999999999\n",
            "far more rows",
        ),
        ("x.json", "[" * 100_000, "nested too deep"),
        ("x.gml", "graph [ " + "a [ " * 100_000, "nested too deep"),
        ("x.gml", "graph [ node [ id ] ]", "malformed GML"),
        ("x.csv", "a b {'weight': " + "(" * 5000 + "'}", "no attributes"),
        ("x.csv", "a b {'weight': " + "-" * 5000 + "1}", "no attributes|is no number"),
    ],
)
def test_a_hostile_file_is_refused_within_bounds(
    write: Write, name: str, content: str | bytes, says: str
) -> None:
    path = write(name, content)
    with pytest.raises(InputError, match=says):
        read_edges(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.csv.bz2", "x.csv.xz", "x.zip"])
def test_a_file_that_unpacks_without_end_is_refused(write: Write, name: str) -> None:
    path = write(name, zeros_packed(name))
    with pytest.raises(InputError, match="unpacks to far more"):
        read_edges(path)


# ------------------------------------------------------- random networks, every dialect


class Known(NamedTuple):
    """A random network: closeness of its ties, by its people."""

    people: list[str]
    ties: dict[tuple[str, str], float]

    @property
    def expected(self) -> Ties:
        return {frozenset(pair): value for pair, value in self.ties.items()}


NAMES = (
    *("ann", "Bob Lee", "Doe, John", "Zoë", "O'Neil", "12", "007", "a;b", "x|y"),
    *("李明", "Ann", "weight", "3.5", "Müller-Lüdenscheidt", "N/A"),
)
VALUES = st.integers(1, 19).map(lambda n: n / 20)


@st.composite
def networks(draw: st.DrawFn, names: tuple[str, ...] = NAMES) -> Known:
    """Return a connected network of a few people."""
    people = draw(st.lists(st.sampled_from(names), min_size=3, max_size=6, unique=True))
    pairs = [
        (people[draw(st.integers(0, n - 1))], people[n]) for n in range(1, len(people))
    ]
    more = st.tuples(st.sampled_from(people), st.sampled_from(people))
    for one, other in draw(st.lists(more, max_size=4)):
        if one != other and (one, other) not in pairs and (other, one) not in pairs:
            pairs.append((one, other))
    pairs = draw(st.permutations(pairs))
    return Known(people, {pair: draw(VALUES) for pair in pairs})


HEADS = st.sampled_from(
    [
        *(("source", "target"), ("Source", "Target"), ("from", "to"), ("FROM", "TO")),
        *(("sender", "receiver"), ("ego", "alter"), ("Person 1", "Person 2")),
        *(("person_a", "person_b"), ("user", "friend"), ("node1", "node2"), ("i", "j")),
        *(("source_id", "target_id"), ("FromNodeId", "ToNodeId"), ("caller", "callee")),
    ]
)


class Dialect(NamedTuple):
    """How a table is written."""

    separator: str
    heads: tuple[str, str] | None
    order: list[int]  # of one, other and weight
    index: str | None  # what heads a first column of row numbers, if there is one
    quoting: Any
    decimal: str
    encoding: str
    ends: str
    packing: str
    comment: bool
    excel: bool


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    separator = draw(st.sampled_from([",", ";", "\t", "|", " "]))
    decimals = [".", ","] if separator != "," else ["."]
    heads = draw(st.none() | HEADS)
    return Dialect(
        separator,
        heads,
        draw(st.permutations(range(3))),
        draw(st.sampled_from([None, None, "", "index"])) if separator != " " else None,
        draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])),
        draw(st.sampled_from(decimals)),
        draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom"])),
        draw(st.sampled_from(["\n", "\r\n", "\r"])),
        draw(st.sampled_from(["", "", "gz", "bz2", "xz", "zip"])),
        draw(st.booleans()),
        draw(st.booleans()) if separator != " " else False,
    )


def table_of(known: Known, told: Dialect) -> bytes:
    """Return a network as a table."""
    file = io.StringIO()
    writer = csv.writer(
        file, delimiter=told.separator, quoting=told.quoting, lineterminator=told.ends
    )
    if told.excel:
        file.write(f"sep={told.separator}{told.ends}")
    if told.comment:
        file.write(f"# who knows whom{told.ends}{told.ends}")
    if told.heads is not None:
        words = [*told.heads, "weight"]
        first = [] if told.index is None else [told.index]
        writer.writerow([*first, *(words[c] for c in told.order)])
    for number, (pair, closeness) in enumerate(known.ties.items()):
        fields = [*pair, str(closeness).replace(".", told.decimal)]
        first = [] if told.index is None else [str(number)]
        writer.writerow([*first, *(fields[c] for c in told.order)])
    if told.encoding == "utf-16-be-bom":
        return ("\ufeff" + file.getvalue()).encode("utf-16-be")
    return file.getvalue().encode(told.encoding)


def packed(raw: bytes, packing: str) -> bytes:
    if packing == "zip":
        return zipped("x.csv", content=raw)
    pack: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
    }
    return pack[packing](raw) if packing else raw


often = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
rarely = settings(often, max_examples=25)


@pytest.mark.slow
@often
@given(networks(), dialects())
def test_a_table_of_any_dialect_comes_back_or_is_asked_about(
    tmp_path: Path, known: Known, told: Dialect
) -> None:
    path = tmp_path / ("x.csv" + (f".{told.packing}" if told.packing else ""))
    path.write_bytes(packed(table_of(known, told), told.packing))
    try:
        people, found = seen_with_people(path)
    except InputError as error:
        assert "--network-" in str(error) or "--closeness-from" in str(error)
        assert told.heads is None  # words above the columns leave nothing to ask
    else:
        assert people == set(known.people)
        assert found == known.expected


GRAPH_NAMES = ("ann", "Bob Lee", "Zoë & Co", "O'Neil", "12", "007", "李明", "x|y")


def graph_of(known: Known) -> nx.Graph[str]:
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(known.people)
    for (one, other), closeness in known.ties.items():
        graph.add_edge(one, other, weight=closeness)
    return graph


def to_json(graph: nx.Graph[str], path: Path) -> None:
    path.write_text(json.dumps(nx.node_link_data(graph, edges="links")))


def to_adjacency_json(graph: nx.Graph[str], path: Path) -> None:
    path.write_text(json.dumps(nx.adjacency_data(graph)))


def to_pajek(graph: nx.Graph[str], path: Path) -> None:
    nx.write_pajek(graph, path)


def to_matrix(graph: nx.Graph[str], path: Path) -> None:
    names = list(graph)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", *names])
        for one in names:
            row = [graph[one].get(other, {}).get("weight", 0) for other in names]
            writer.writerow([one, *row])


WRITERS: dict[str, Callable[[nx.Graph[str], Path], None]] = {
    "x.graphml": nx.write_graphml,
    "x.gexf": nx.write_gexf,
    "x.gml": nx.write_gml,
    "x.net": to_pajek,
    "x.json": to_json,
    "adjacency.json": to_adjacency_json,
    "matrix.csv": to_matrix,
}


@pytest.mark.parametrize("name", WRITERS)
@rarely
@given(networks(GRAPH_NAMES))
def test_a_graph_of_any_format_comes_back(
    tmp_path: Path, name: str, known: Known
) -> None:
    path = tmp_path / name
    WRITERS[name](graph_of(known), path)
    people, found = seen_with_people(path)
    assert people == set(known.people)
    assert found == known.expected


def seen_or_asked(path: Path, option: str) -> Ties | None:
    """Return the ties of a file, or None if it is refused naming an option."""
    try:
        return seen(path)
    except InputError as error:
        assert option in str(error)
        return None


@pytest.mark.slow
@rarely
@given(networks(("ann", "bob", "cy", "7", "12", "Zoë")))
def test_lists_that_networkx_writes_come_back_or_are_asked_about(
    tmp_path: Path, known: Known
) -> None:
    graph, path = graph_of(known), tmp_path / "x.edgelist"
    nx.write_edgelist(graph, path)
    assert seen(path) == known.expected
    nx.write_weighted_edgelist(graph, path)
    assert seen(path, columns="1,2") == known.expected
    assert seen_or_asked(path, "--network-columns 1,2") in (None, known.expected)
    nx.write_adjlist(graph, path)
    plain = dict.fromkeys(known.expected)
    assert seen(path, format="adjacency") == plain
    assert seen_or_asked(path, "--network-format adjacency") in (None, plain)


@rarely
@given(networks(("1", "2", "3", "4", "5", "6")), st.booleans())
def test_sparse_matrices_come_back(tmp_path: Path, known: Known, dense: bool) -> None:
    people = sorted(known.people)
    size, path = len(people), tmp_path / "x.mtx"
    at = {name: n + 1 for n, name in enumerate(people)}
    cells = {
        (max(at[a], at[b]), min(at[a], at[b])): w for (a, b), w in known.ties.items()
    }
    kind = "array" if dense else "coordinate"
    head = f"%%MatrixMarket matrix {kind} real symmetric\n{size} {size}"
    if dense:
        body = [
            cells.get((r, c), 0) for c in range(1, size + 1) for r in range(c, size + 1)
        ]
        lines = [str(value) for value in body]
    else:
        head += f" {len(cells)}"
        lines = [f"{r} {c} {value}" for (r, c), value in cells.items()]
    path.write_text("\n".join([head, *lines, ""]))
    names = {name: str(at[name]) for name in people}
    assert seen(path) == {
        frozenset(names[name] for name in pair): value
        for pair, value in known.expected.items()
    }


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("{}", {"format": "edges", "header": True}),
        ("alone", {"header": True}),
        ('"ann bob\n', {"format": "adjacency"}),
        (",ann,bob\n", {"format": "adjacency"}),
        ("ann,bob\n", {"format": "matrix"}),
        ("ann,bob\n", {"columns": "2,3"}),
        ("ann bob\n", {"separator": "comma"}),
    ],
)
def test_what_is_said_of_a_file_and_is_not_so_is_refused(
    write: Write, text: str, options: dict[str, Any]
) -> None:
    path = write("x.csv", text)
    assert str(path) in refusal(lambda: population.read(NetworkFile(path, **options)))


def test_every_format_has_a_reader(write: Write) -> None:
    for name in FORMATS:
        path = write("x", "ann bob\nbob cy\n")
        try:
            assert seen(path, format=name) == ties(PATH)
        except InputError as error:
            assert str(error).startswith(str(path))
