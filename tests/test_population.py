"""Who knows whom: made societies look like human ones, and files are read whole."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.model import population
from sim.model.columns import PARTNER
from sim.model.network_files import NetworkFile, edge_lists, opening, separators, tables
from sim.model.network_files.closeness import settled
from sim.model.population import LAYERS, SocialNetwork, generate, read
from sim.utils.errors import InputError

Write = Callable[[str, str | bytes], Path]


def society(
    humans: int, ties: float = 15, seed: int = 1, **change: float
) -> SocialNetwork:
    settings = {"partnered": 0.58, "rewiring": 0.15} | change
    return generate(humans, ties, seed, **settings)


def as_graph(network: SocialNetwork) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(network.n))
    graph.add_edges_from(network.pairs.tolist())
    return graph


def degrees(
    network: SocialNetwork, keep: np.ndarray | slice = slice(None)
) -> np.ndarray:
    return np.bincount(network.pairs[keep].ravel(), minlength=network.n)


def around_ring(network: SocialNetwork) -> np.ndarray:
    gap = np.diff(network.pairs.astype(int), axis=1).ravel()
    return np.minimum(gap, network.n - gap)


def digest(network: SocialNetwork) -> str:
    columns = (network.pairs, network.closeness, network.kind)
    return hashlib.sha256(b"".join(c.tobytes() for c in columns)).hexdigest()[:16]


def check_form(network: SocialNetwork) -> None:
    pairs, n = network.pairs, network.n
    assert (pairs.dtype, network.closeness.dtype) == (np.int32, np.float32)
    assert network.kind.dtype == np.uint8
    assert pairs.shape == (len(network.closeness), 2) == (len(network.kind), 2)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert ((pairs >= 0) & (pairs < n)).all()
    assert (np.diff(pairs[:, 0].astype(np.int64) * n + pairs[:, 1]) > 0).all()
    assert ((network.closeness >= 0) & (network.closeness <= 1)).all()
    assert degrees(network, network.kind == PARTNER).max(initial=0) <= 1


# Generated societies


@pytest.mark.parametrize("humans", [1, 2, 3, 4, 5, 10])
def test_in_a_small_society_everybody_knows_everybody(humans: int) -> None:
    network = society(humans)
    check_form(network)
    assert len(network.pairs) == humans * (humans - 1) // 2


@given(
    humans=st.integers(1, 60),
    ties=st.floats(0, 70),
    seed=st.integers(0, 2**63 - 1),
    partnered=st.floats(0, 1),
    rewiring=st.floats(0, 1),
)
def test_every_society_is_well_formed(
    humans: int, ties: float, seed: int, partnered: float, rewiring: float
) -> None:
    network = generate(humans, ties, seed, partnered=partnered, rewiring=rewiring)
    check_form(network)
    assert len(network.pairs) == round(min(humans * ties, humans * (humans - 1)) / 2)
    assert (network.kind == PARTNER).sum() <= round(partnered * humans / 2)


@pytest.mark.parametrize("humans", [100, 2_000])
@pytest.mark.parametrize("ties", [10, 15, 40])
def test_ties_are_as_many_as_asked_and_unequal(humans: int, ties: int) -> None:
    degree = degrees(society(humans, ties))
    assert degree.mean() == ties
    assert 0.3 <= degree.std() / degree.mean() <= 0.5
    assert degree.min() >= 1


@pytest.mark.parametrize("humans", [100, 2_000])
def test_friends_of_friends_are_friends_and_the_world_is_small(humans: int) -> None:
    network = society(humans)
    graph = as_graph(network)
    assert nx.average_clustering(graph) >= 0.3
    assert nx.is_connected(graph)
    paths = [nx.single_source_shortest_path_length(graph, i) for i in range(10)]
    assert np.mean([np.mean(list(path.values())) for path in paths]) < 5


def test_without_rewiring_the_world_is_large() -> None:
    graph = as_graph(society(2_000, rewiring=0))
    assert np.mean(list(nx.single_source_shortest_path_length(graph, 0).values())) > 20


def test_rewiring_everything_leaves_no_clusters() -> None:
    assert nx.average_clustering(as_graph(society(2_000, rewiring=1))) < 0.05


@pytest.mark.parametrize("rewiring", [0.1, 0.5, 0.8])
def test_the_share_of_rewired_ties_is_as_asked(rewiring: float) -> None:
    network = society(5_000, rewiring=rewiring)
    # A twentieth of the ties that lead anywhere happens to lead near.
    assert (around_ring(network) > 125).mean() == pytest.approx(0.95 * rewiring, 0.05)


@pytest.mark.parametrize("humans", [100, 2_000])
def test_layers_have_the_sizes_that_people_report(humans: int) -> None:
    network = society(humans, 40)
    closest = degrees(network, network.closeness >= 0.7).mean()
    sympathy = degrees(network, network.closeness >= 0.4).mean()
    assert 4 <= closest <= 6.5  # about 5 (A83)
    assert 12 <= sympathy <= 18  # about 15 (A83)
    assert 2.5 <= sympathy / closest <= 3.5  # about 3 (A84)
    assert 1 <= degrees(network, network.closeness >= 0.75).mean() <= 3


def test_layers_shrink_together_when_there_are_few_ties() -> None:
    network = society(2_000, 9)
    closest = degrees(network, network.closeness >= 0.7).mean()
    sympathy = degrees(network, network.closeness >= 0.4).mean()
    assert 2 <= closest <= 4.5
    assert sympathy <= 9


def test_closeness_lies_in_its_layers() -> None:
    closeness = society(2_000, 40).closeness
    inside = np.zeros(len(closeness), bool)
    for layer in LAYERS:
        held = (closeness >= layer.low - 1e-6) & (closeness <= layer.high + 1e-6)
        assert held.any(), layer.name
        inside |= held
    assert inside.all()


def test_the_closest_live_nearest_and_are_rewired_least() -> None:
    network = society(5_000, 40)
    far = around_ring(network) > 200
    shares = [
        far[(network.closeness >= low) & (network.closeness < high)].mean()
        for low, high in [(0.7, 1), (0.4, 0.7), (0, 0.4)]
    ]
    assert shares == sorted(shares)
    assert shares[0] < 0.05 < 0.15 < shares[2]


@pytest.mark.parametrize("humans", [100, 2_000])
@pytest.mark.parametrize("partnered", [0.0, 0.3, 0.58])
def test_partners_are_as_many_as_asked_and_close(humans: int, partnered: float) -> None:
    network = society(humans, partnered=partnered)
    partners = network.kind == PARTNER
    assert 2 * partners.sum() == round(partnered * humans)
    if partnered:
        assert network.closeness[partners].mean() == pytest.approx(0.8, abs=0.01)
        assert np.ptp(network.closeness[partners]) < 0.1


def test_partners_are_no_more_sociable_than_others() -> None:
    network = society(2_000)
    degree = degrees(network)
    partners = np.unique(network.pairs[network.kind == PARTNER])
    singles = np.setdiff1d(np.arange(network.n), partners)
    assert degree[partners].mean() == pytest.approx(degree[singles].mean(), rel=0.25)


def test_neighbours_have_near_numbers() -> None:
    assert np.median(around_ring(society(2_000))) < 15


def test_the_same_seed_gives_the_same_society_and_another_another() -> None:
    assert digest(society(500, seed=7)) == digest(society(500, seed=7))
    assert digest(society(500, seed=7)) != digest(society(500, seed=8))


def test_a_society_is_the_same_on_every_python_and_processor() -> None:
    assert digest(society(300, 12, seed=7)) == "b5745c61c1fb5f50"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("humans", 0),
        ("ties", -1.0),
        ("ties", np.inf),
        ("partnered", 1.1),
        ("rewiring", -0.1),
        ("rewiring", np.nan),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    settings = {"humans": 10, "ties": 3, "seed": 0, "partnered": 0.5, "rewiring": 0.1}
    with pytest.raises(InputError, match=f"^{name} is {value}; give a number"):
        generate(**settings | {name: value})


# Networks from files


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file and returns its path."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return write_file


def named_ties(network: SocialNetwork) -> dict[frozenset[str], float]:
    assert network.labels is not None
    assert len(network.labels) == network.n
    return {
        frozenset(network.labels[i] for i in pair): float(closeness)
        for pair, closeness in zip(network.pairs, network.closeness, strict=True)
    }


TRIANGLE = {frozenset("ab"), frozenset("bc"), frozenset("ac")}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "a,b\nb,c\na,c\n"),
        ("x.csv", "source,target\na,b\nb,c\na,c\n"),
        ("x.csv", "a;b\nb;c\na;c"),
        ("x.csv", "\ufeffsource,target,year\na,b,1\nb,c,x\na,c,\n"),
        ("x.csv", '"a","b"\r\n"b","c"\r\n"a","c"\r\n'),
        ("x.csv", "# people\n\n# ties\na, b\nb, c\n\n# the last\na, c\n"),
        ("x.csv", "a,b\nb,a\nb,c\na,a\nb,c\nc,a\n"),
        ("x.tsv", "a\tb\nb\tc\na\tc\n"),
        ("x.txt", "a b\n b  c \na\tc\n"),
        ("x.csv.gz", "source,target\na,b\nb,c\na,c\n"),
    ],
)
def test_edge_lists_of_every_form(write: Write, name: str, content: str) -> None:
    network = read(write(name, content))
    check_form(network)
    assert set(named_ties(network)) == TRIANGLE


def test_names_are_text_so_007_is_not_7(write: Write) -> None:
    network = read(write("x.csv", "007,7\n7,8\n"))
    assert set(network.labels or ()) == {"007", "7", "8"}


@pytest.mark.parametrize(
    "content",
    [
        "a,b,0.5\nb,c,0.25\n",
        "source,target,closeness\na,b,0.5\nb,c,0.25\n",
        "source,target,year,Weight\na,b,1,0.5\nb,c,2,0.25\n",
        "a,b,0.4\nb,a,0.6\nb,c,0.25\n",
    ],
)
def test_closeness_from_a_column(write: Write, content: str) -> None:
    ties = named_ties(read(write("x.csv", content)))
    assert ties == {frozenset("ab"): 0.5, frozenset("bc"): 0.25}


@pytest.mark.parametrize("weights", [(1, 1), (3, 40)])
def test_weights_that_are_no_closeness_are_ignored(
    write: Write, weights: tuple[int, int]
) -> None:
    one, two = weights
    plain = read(write("x.csv", "a,b\nb,c\n"))
    weighted = read(write("y.csv", f"source,target,weight\na,b,{one}\nb,c,{two}\n"))
    assert named_ties(weighted) == named_ties(plain)


def two_villages_and_a_road() -> nx.Graph:
    graph = nx.disjoint_union(nx.complete_graph(30), nx.complete_graph(30))
    graph.add_edge(0, 30)
    return graph


def test_ties_that_share_friends_are_closer(write: Write) -> None:
    lines = "\n".join(f"{a},{b}" for a, b in two_villages_and_a_road().edges)
    ties = named_ties(read(write("x.csv", lines)))
    road = ties.pop(frozenset({"0", "30"}))
    assert road < 0.3 < np.mean(list(ties.values()))


def test_shared_friends_are_counted() -> None:
    network = society(200)
    graph = as_graph(network)
    expected = [len(list(nx.common_neighbors(graph, *p))) for p in network.pairs]
    assert population._shared_friends(network.n, network.pairs).tolist() == expected


def test_neighbours_in_a_shuffled_file_get_near_numbers(write: Write) -> None:
    ring = society(1_000, 10, rewiring=0).pairs
    shuffled = ring.astype(int) * 7919 % 1_000
    lines = "\n".join(f"{a},{b}" for a, b in shuffled)
    network = read(write("x.csv", lines))
    assert np.median(np.abs(np.diff(shuffled))) > 200
    assert np.median(np.diff(network.pairs)) < 20


names = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1)


@given(st.lists(st.tuples(names, names), min_size=1, max_size=30))
def test_any_edge_list_comes_back(
    tmp_path_factory: pytest.TempPathFactory, ties: list[tuple[str, str]]
) -> None:
    expected = {frozenset(tie) for tie in ties if tie[0] != tie[1]}
    path = tmp_path_factory.mktemp("list") / "x.csv"
    lines = ["source,target", *(",".join(tie) for tie in ties)]
    path.write_text("\n".join(lines), encoding="utf-8")
    if expected:
        network = read(path)
        check_form(network)
        assert set(named_ties(network)) == expected
        known = {name for tie in ties for name in tie}
        assert set(network.labels or ()) <= known
    else:
        with pytest.raises(InputError, match="holds no tie"):
            read(path)


@given(st.text('ab01.,;"# \t\n\r') | st.binary())
def test_anything_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: str | bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "x.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    try:
        check_form(read(path))
    except InputError as error:
        assert "\n" not in str(error)


@given(st.text("ab01.,;# \t\n", min_size=1))
def test_the_slow_pass_reads_what_the_fast_pass_reads(content: str) -> None:
    told, raw = NetworkFile("x.csv"), content.encode()
    try:
        sample = separators.sample_of(Path("x.csv"), raw)
        layout = tables.layout_of(told, sample, separators.separator_of(told, sample))
        fast = settled(told, edge_lists._parse_fast(told, raw, layout))
    except (ValueError, KeyError):
        return
    slow = settled(told, edge_lists._parse_slowly(told, raw, layout))
    assert sorted(fast.names) == sorted(slow.names)
    assert np.array_equal(*(np.array(one.names)[one.ends] for one in (fast, slow)))
    assert (fast.closeness is None) == (slow.closeness is None)
    assert fast.how == slow.how


# GraphML and GEXF


@pytest.mark.parametrize("attribute", ["closeness", "weight"])
@pytest.mark.parametrize("name", ["x.graphml", "x.gexf", "x.graphml.gz", "x.gexf.gz"])
def test_graph_files_that_networkx_wrote(
    tmp_path: Path, name: str, attribute: str
) -> None:
    graph = nx.Graph()
    graph.add_edge("ann", "bob", **{attribute: 0.75})
    graph.add_edge("bob", "zoë & co", **{attribute: 0.25})
    graph.add_node("hermit")
    save = nx.write_graphml if "graphml" in name else nx.write_gexf
    save(graph, tmp_path / name)
    network = read(tmp_path / name)
    check_form(network)
    assert "hermit" in (network.labels or ())
    assert named_ties(network) == {
        frozenset({"ann", "bob"}): 0.75,
        frozenset({"bob", "zoë & co"}): 0.25,
    }


GEXF = """<?xml version="1.0"?>
<gexf xmlns="http://gexf.net/1.3" version="1.3"><graph>
<nodes><node id="0" label="ann"/><node id="1" label="bob"/></nodes>
<edges><edge source="0" target="1" weight="{weight}"/></edges>
</graph></gexf>"""

GRAPHML = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="d0" for="edge" attr.name="closeness" attr.type="double"/>
<graph edgedefault="directed">
<edge source="a" target="b"><data key="d0">{first}</data></edge>
<edge source="b" target="a">{second}</edge>
</graph></graphml>"""


def test_people_in_gexf_go_by_their_labels(write: Write) -> None:
    assert set(read(write("x.gexf", GEXF.format(weight=1))).labels or ()) == {
        "ann",
        "bob",
    }


def test_both_directions_in_graphml_become_one_tie(write: Write) -> None:
    text = GRAPHML.format(first="0.5", second='<data key="d0">0.7</data>')
    ties = named_ties(read(write("x.graphml", text)))
    assert ties == {frozenset("ab"): pytest.approx(0.6)}


# What is wrong with a file, and where

BOMB = '<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY a "b">]>\n<graphml>&a;</graphml>'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "", "is empty"),
        ("x.csv", "\n \n", "is empty"),
        ("x.csv", "# nothing\n", "holds only comments"),
        ("x.csv", "source,target\n", "holds no tie"),
        ("x.csv", "a,a\n", "holds no tie"),
        ("x.csv", "a,b\nb,c\nc\n", "line 3: one name where a tie has two"),
        ("x.csv", "alone\n", "line 1: one name where a tie has two"),
        ("x.csv", "a,b\n# fine\nb,\n", "line 3: one name where a tie has two"),
        ("x.csv", "a,b\n\nb,c,d\n", "line 3: 3 fields where the first line has 2"),
        ("x.csv", "a,b,0.5\nb,c,near\n", "line 2: closeness 'near' is no number"),
        ("x.csv", "a,b,0.5\nb,c,nan\n", "line 2: closeness 'nan' is no number"),
        ("x.csv", "a,b,0.5\nb,c\n", "line 2: no closeness; give it everywhere"),
        ("x.csv", "a,b,0.5\nb,c,1.5\n", "line 2: closeness 1.5 is not within 0 to 1"),
        ("x.csv", 'a,b\nb,c\n"c,d\n', "line 3: unexpected end of data"),
        ("x.csv", b"a,b\n\xff\xfe,c\n", "line 2: not UTF-8 text"),
        ("x.csv", b"a,b\nb,c\n\0\x01", "line 3: binary data"),
        ("x.graphml", "<graphml>\n  <graph>\n</graphml>", "line 3, column 3: malform"),
        ("x.graphml", BOMB, "line 2: document types"),
        ("x.graphml", "<svg/>", "line 1: the outermost element is <svg>"),
        ("x.graphml", "<graphml/>", "holds no tie"),
        ("x.graphml", "<graphml>\n<edge source='a'/></graphml>", "line 2: an element"),
        (
            "x.graphml",
            GRAPHML.format(first="7", second=""),
            "line 4: closeness 7 is not within",
        ),
        (
            "x.graphml",
            GRAPHML.format(first="0.7", second=""),
            "line 5: an edge without closeness",
        ),
        ("x.gexf", GEXF.format(weight="far"), "line 4: weight 'far' is no number"),
        ("x.gexf", BOMB.replace("graphml", "gexf"), "line 2: document types"),
        ("x.gexf", b"\xff\xfe<\0g\0", "malformed XML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    write: Write, name: str, content: str | bytes, message: str
) -> None:
    for suffix in ("", ".gz"):
        path = write(name + suffix, content)
        with pytest.raises(InputError) as caught:
            read(path)
        assert str(caught.value).startswith(str(path))
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_missing_file_suggests_the_nearest_name(tmp_path: Path, write: Write) -> None:
    write("friends.csv", "a,b\n")
    with pytest.raises(InputError, match=r"no network file .* mean 'friends.csv'"):
        read(tmp_path / "freinds.csv")
    with pytest.raises(InputError, match="no network file"):
        read(tmp_path / "nowhere" / "friends.csv")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name a network file"):
        read(tmp_path)


def test_an_unreadable_file_says_why(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, most: int) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = write("x.csv", "a,b\n")
    monkeypatch.setattr(opening, "read_bytes", refuse)
    with pytest.raises(InputError, match=r"cannot read .*x.csv: Permission denied"):
        read(path)


CUT_SHORT = gzip.compress(b"a,b\n" * 99, mtime=0)[:-12]


@pytest.mark.parametrize("content", [b"a,b\n", CUT_SHORT])
def test_gzip_that_is_none_or_cut_off_is_refused(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not valid gzip"):
        read(path)


def test_libraries_load_only_when_a_file_needs_them() -> None:
    program = (
        "import sys, sim.model.population;"
        "assert not {'pandas', 'networkx', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# The real network


def test_the_real_network(data_folder: Path) -> None:
    file = data_folder / "ego-facebook.csv.gz"
    if not file.exists():
        pytest.skip(f"no {file}")
    network = read(file, seed=3)
    check_form(network)
    assert (network.n, len(network.pairs)) == (4_039, 88_234)
    assert 2 * (network.kind == PARTNER).sum() == 2 * round(0.58 * 4_039 / 2)
    labels = np.array(network.labels, dtype=int)
    original = np.loadtxt(file, dtype=int, delimiter=",", skiprows=1)
    gap, before = (np.median(np.abs(np.diff(p))) for p in (network.pairs, original))
    assert gap < before
    assert set(labels.tolist()) == set(range(4_039))
    assert digest(network) == digest(read(file, seed=3))
    assert digest(network) != digest(read(file, seed=4))
