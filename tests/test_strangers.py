"""Files from strangers are data: bounded, refused in one line, never a way out."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from quick import QUICK

from sim import (
    checkpoints,
    footers,
    graphs,
    networks,
    population,
    runs,
    scenarios,
    strangers,
)
from sim.errors import LONGEST, InputError
from sim.living import begun
from sim.minds import entries
from sim.minds.transcript import Transcript
from sim.results import Result, load
from sim.sweeps import designs, load_sweep, sweep

SMALL = QUICK | {"humans": 20, "steps": 20}
DEEP = "[" * 200 + "]" * 200
DIGITS = "9" * 5000


def refusal(read: Callable[[], Any]) -> str:
    """Return why something is not read: one line, fit for a terminal, and soon."""
    begun = time.process_time()
    with pytest.raises(InputError) as refused:
        read()
    assert time.process_time() - begun < 20  # not hours: what is refused may be endless
    told = str(refused.value)
    assert told.isprintable() and len(told) <= 2 * LONGEST
    return told


def test_a_message_is_one_line_that_no_terminal_obeys() -> None:
    told = str(InputError("bad \x1b[2J\nname \u202e \ud800 é"))
    assert told == "bad \\x1b[2J\\nname \\u202e \\ud800 é"
    assert "\\" not in str(InputError("a plain text"))
    assert str(InputError("a" * 10**6)).endswith("aaa")
    assert len(str(InputError("a" * 10**6))) < LONGEST + 10


# ------------------------------------------------------------------------------ network

LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>"""
QUADRATIC = f'<!DOCTYPE x [<!ENTITY d "{"a" * 50_000}">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY d SYSTEM "file:///etc/hostname">]>'
PARAMETER = '<!DOCTYPE x [<!ENTITY % d SYSTEM "file:///etc/hostname"> %d;]>'
RETRIEVED = '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'
PUBLIC = '<!DOCTYPE x PUBLIC "-//X//X//EN" "http://127.0.0.1:9/x.dtd">'


@pytest.mark.parametrize("root", ["graphml", "gexf"])
@pytest.mark.parametrize(
    "head", [LAUGHS, QUADRATIC, EXTERNAL, PARAMETER, RETRIEVED, PUBLIC]
)
def test_xml_attacks_end_at_the_document_type(
    tmp_path: Path, root: str, head: str
) -> None:
    file = tmp_path / f"x.{root}"
    file.write_text(f"{head}<{root}><edge source='&d;' target='b'/></{root}>")
    line = 2 if head == LAUGHS else 1
    told = refusal(lambda: population.read(file))
    assert f"line {line}: document types may hide harmful entities" in told


@pytest.mark.parametrize("code", ["rot13", "idna", "utf-16", "nothing"])
def test_xml_is_read_as_utf8_whatever_it_says(tmp_path: Path, code: str) -> None:
    file = tmp_path / "x.gexf"
    text = f"<?xml version='1.0' encoding='{code}'?><gexf><edge source='é' target='b'/>"
    file.write_text(f"{text}</gexf>", encoding="utf-8")
    assert set(population.read(file).labels or ()) == {"é", "b"}


def test_xml_within_xml_has_an_end(tmp_path: Path) -> None:
    file = tmp_path / "x.graphml"
    file.write_text("<graphml>" + "<graph>" * 10**5)
    assert "nested too deep" in refusal(lambda: population.read(file))


def test_a_large_graph_is_given_as_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.graphml"
    file.write_text("<graphml/>")
    monkeypatch.setattr(graphs, "LARGEST_XML", 5)
    assert "larger than 5 bytes" in refusal(lambda: population.read(file))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"a,b\n" + b"c" * 20_000 + b",d\n", "line 2: longer than 10000"),
        ("x.csv", b"a" * 20_000, "line 1: longer than 10000"),
        ("x.csv", b"a," + b"b" * 2000, "'bbbbbbbbbbbbbbbbbbbb...' is longer than 1000"),
        ("x.csv.gz", gzip.compress(bytes(10**8)), "unpacks to far more than its size"),
        ("x.csv.gz", gzip.compress(b"a,b\n") + b"more", "more follows its end|header"),
        ("x.csv.gz", gzip.compress(b"") * 5000, "too many parts"),
    ],
)
def test_a_network_file_has_its_measure(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    told = refusal(lambda: population.read(file))
    assert any(one in told for one in says.split("|"))


def test_people_can_be_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\nb,c\n")
    monkeypatch.setattr(networks, "MOST_PEOPLE", 2)
    assert "names more than 2 people" in refusal(lambda: population.read(file))


def test_a_wide_first_line_does_not_widen_the_table(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("source,target" + ",x" * 4000 + "\n" + "a,b\nb,c\n" * 50_000)
    assert population.read(file).n == 3


def test_gzip_of_several_parts_and_padding_is_sound(tmp_path: Path) -> None:
    file = tmp_path / "x.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\n") + gzip.compress(b"b,c\n") + bytes(512))
    assert population.read(file).n == 3


def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.csv")
    for path in (tmp_path / "x.csv", Path("/dev/zero")):
        assert "is not a file" in refusal(lambda path=path: population.read(path))
    assert "is no name" in refusal(lambda: population.read("a\0b.csv"))
    os.mkfifo(tmp_path / "x.toml")
    assert "is not a file" in refusal(lambda: scenarios.load(tmp_path / "x.toml"))


# --------------------------------------------------------------------- scenario, design

STORY = 'title = "Mine"\nstory = "x"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{STORY}parameters.humans = {DIGITS}", "is not TOML: Exceeds the limit"),
        (f"{STORY}parameters.humans = 0x{'f' * 9000}", "a number in it is too large"),
        (f"x = {DEEP}", "nested too deep"),
        (f"{'a.' * 20_000}a = 1", "a key has too many dots"),
        (f"[{'a . ' * 20_000}a]", "a key has too many dots"),
        (f"""{"'a'." * 20_000}"a" = 1""", "a key has too many dots"),
        (f"{STORY}parameters.self = 1", "unknown parameter 'self'"),
        (f"{STORY}parameters = 3", "'parameters' must be a table"),
        (f"{STORY}profile = ['os1']", "'profile' must be a text"),
        (f"{STORY}profile = '{'a' * 9000}'", "unknown profile 'aaa"),
        (STORY + "[[interventions]]\n" * 1001, "at most 1000"),
        (
            f'{STORY}[[interventions]]\nname = "a"\nat = 1\nset = {{self = 1}}',
            "unknown parameter 'self'",
        ),
    ],
)
def test_a_scenario_has_its_measure(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    assert says in refusal(lambda: scenarios.load(file))


def test_dots_in_a_story_are_no_key(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'title = "Mine"\nstory = "{"And then... " * 99}"\n')
    assert scenarios.load(file).story.startswith("And then...")


@pytest.mark.parametrize("name", ["../up", ".hidden", "a/b", "a\\b", "a\nb", "a" * 300])
def test_a_name_that_makes_a_folder_stays_in_it(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a folder"):
        scenarios.Scenario(name=name, title="", story="")
    told = refusal(lambda: designs.make({"name": name, "scenario": "her"}))
    assert "cannot be the name of a folder" in told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"seeds = {DIGITS}", "is not TOML: Exceeds the limit"),
        ("seeds = 1000000000000", "at most 1,000,000"),
        ("seeds = 10\n[lhs]\nn = 1000000000\nprice = [0, 0.5]", "1,000,000,000 runs"),
        ("[sobol]\nn = 1073741824\nprice = [0, 0.5]", "less than or equal"),
        ("[sobol]\nn = 536870912\nprice = [0, 0.5]", "at most 1,000,000 points"),
        ("[morris]\nn = 900000\nprice = [0, 0.5]", "at most 1,000,000 points"),
        ("[morris]\nn = 2\nlevels = 100000\nprice = [0, 0.5]", "'morris.levels'"),
        ("[lhs]\nn = 2\nprice = [0, inf]", "a range is [low, high]"),
        (f"[grid]\nprice = [{'0.1,' * 100_001}]", "at most 100,000 values"),
        (f"network = '{'../' * 9}etc/hostname'", "is not beside the design"),
        ("network = '/dev/zero'", "is not beside the design"),
        ("[grid]\nnetwork = ['none', '../x.csv']", "is not beside the design"),
        ('network = "x\\u0000y"', "cannot read network file|is no name"),
        ("network = 'link.csv'", "leads out of"),
        ("mind = {kind = 'scripted', humans = 3}", "'humans' of a mind cannot be 3"),
        ("mind = {kind = 'scripted', humans = ['a']}", "'humans' of a mind cannot be"),
        ("mind = {kind = 'scripted', cast = 'all'}", "'cast' of a mind cannot be"),
        ("mind = {kind = 'scripted', talks = true}", "'talks' of a mind cannot be"),
        (f"lever = 'price@{DIGITS}'", "a lever is told as"),
    ],
)
def test_a_design_has_its_measure(tmp_path: Path, text: str, says: str) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("a,b\n")
    file = tmp_path / "mine" / "design.toml"
    file.parent.mkdir()
    (file.parent / "link.csv").symlink_to(outside)
    file.write_text(text)
    told = refusal(lambda: designs.read(file))
    assert any(one in told for one in says.split("|"))


def test_many_grids_are_counted_and_not_made(tmp_path: Path) -> None:
    values = ", ".join(f"0.{n:04d}" for n in range(1000))
    grid = "\n".join(f"{name} = [{values}]" for name in ("price", "focus", "unease"))
    file = tmp_path / "mine.toml"
    file.write_text(f"[grid]\n{grid}")
    assert len(designs.read(file).layout().at(10**9 - 1)) == 3
    file.write_text(f"seeds = 2\n[grid]\n{grid}")
    assert "at most 1,000,000,000 runs" in refusal(lambda: designs.read(file))


# --------------------------------------------------------------------------- transcript


def test_a_call_has_only_so_many_messages(tmp_path: Path) -> None:
    empty = dict.fromkeys(entries.ENTRY_TYPES, 0) | {"text": None, "messages": [{}]}
    empty |= dict.fromkeys(("key", "kind", "schema"), "") | {"failure": "reset"}
    assert entries.read_entry(json.dumps(empty).encode()) is not None
    many = empty | {"messages": [{}] * 1001}
    assert entries.read_entry(json.dumps(many).encode()) is None
    wide = empty | {"messages": [{str(n): "" for n in range(11)}]}
    assert entries.read_entry(json.dumps(wide).encode()) is None
    deep = empty | {"messages": json.loads("[" * 500 + "]" * 500)}
    assert entries.read_entry(json.dumps(deep).encode()) is None


def test_a_transcript_is_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "talk.jsonl")
    told = refusal(lambda: Transcript.replay(tmp_path / "talk.jsonl"))
    assert "is not a file" in told


# ------------------------------------------------------------------------ run directory


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small run with checkpoints; tests copy it."""
    place = tmp_path_factory.mktemp("runs") / "run"
    story = scenarios.load("her").replace(**SMALL)
    every = {"checkpoint_every": 10, "snapshot_every": 10}
    return runs.run(story, seed=3, out=place, **every).path


@pytest.fixture
def run(lived: Path, tmp_path: Path) -> Path:
    """Return a run that a test may spoil."""
    return Path(shutil.copytree(lived, tmp_path / "run"))


def change(file: Path, **columns: Any) -> None:
    """Give a table other columns, or take those that are None away."""
    table = pq.read_table(file)
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table if at < 0 else table.remove_column(at)
        if values is not None:
            made = values if isinstance(values, pa.Array) else pa.array(values)
            table = table.append_column(name, made)
    pq.write_table(table, file, use_dictionary=False, store_schema=False)


def column(file: Path, name: str) -> Any:
    """Return a column that may be changed."""
    return pq.read_table(file).column(name).to_numpy().copy()


@pytest.mark.parametrize(
    ("name", "spoil", "says"),
    [
        ("events", {"members": None}, "it has no column 'members'"),
        ("series", {"step": [1.0]}, "its column 'step' holds double, not int32"),
        ("series", {"step": None}, "it has no column 'step'"),
        ("readings", {"agent": 10**6}, "its column 'agent' names what there is not"),
        ("readings", {"agent": -1}, "its column 'agent' names what there is not"),
        ("readings", {"value": float("inf")}, "'value' holds what is no number"),
        ("snapshots/ties-000020", {"neighbour": 10**6}, "'neighbour' names what there"),
        ("snapshots/ties-000020", {"owner": -1}, "'owner' names what there is not"),
        ("snapshots/ties-000020", {"closeness": 2.0}, "'closeness' is not within"),
        ("snapshots/ties-000020", {"returned": float("nan")}, "'returned' is not"),
        ("snapshots/humans-000020", {"os": 999}, "'os' names what there is not"),
        ("snapshots/humans-000020", {"growth": float("nan")}, "'growth' holds what"),
        ("snapshots/oses-000020", {"status": 200}, "'status' names what there is not"),
        ("snapshots/oses-000020", {"owner": 20}, "'owner' names what there is not"),
    ],
)
def test_columns_are_what_they_must_be(
    run: Path, name: str, spoil: dict[str, Any], says: str
) -> None:
    file = run / f"{name}.parquet"
    for key, value in spoil.items():
        if isinstance(value, list):
            change(file, **{key: value * pq.read_table(file).num_rows})
        elif value is None:
            change(file, **{key: None})
        else:
            values = column(file, key)
            values[-1] = value
            change(file, **{key: values})

    def read() -> None:
        found = load(run)
        _ = found.events, found.series, found.readings, found.agents(), found.ties()

    assert says in refusal(read)


def test_gaps_and_strange_types_are_refused(run: Path) -> None:
    file = run / "series.parquet"
    steps = pq.read_table(file).column("step").to_pylist()
    change(file, step=pa.array([None, *steps[1:]], pa.int32()))
    assert "its column 'step' has gaps" in refusal(lambda: load(run).series)
    change(file, step=pa.array(steps, pa.int32()), more=pa.array(steps, pa.date32()))
    assert "'more' holds date32" in refusal(lambda: load(run).series)
    pq.write_table(pq.read_table(file).select(["step"]), file)  # with a dictionary
    assert "not written as this software" in refusal(lambda: load(run).series)


def test_a_table_holds_no_more_than_its_size_explains(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = run / "series.parquet"
    zeros = pa.array(np.zeros(4_000_000, np.int32))
    options: Any = {"use_dictionary": False, "store_schema": False}
    pq.write_table(pa.table({"step": zeros}), file, compression="zstd", **options)
    assert file.stat().st_size < 20_000
    assert len(load(run).series) == 4_000_000
    monkeypatch.setattr(footers, "ROOM", 2**20)
    assert "more than its size can explain" in refusal(lambda: load(run))


@pytest.mark.parametrize("name", ["events", "series", "snapshots/ties-000020"])
def test_no_byte_of_a_footer_ends_the_process(run: Path, name: str) -> None:
    file = run / f"{name}.parquet"
    raw = file.read_bytes()
    length = 8 + int.from_bytes(raw[-8:-4], "little")
    reading: dict[str, Callable[[Result], Any]] = {
        "events": lambda found: found.events,
        "series": lambda found: found.series,
    }
    refused = 0
    for at in range(len(raw) - length, len(raw), 13):
        file.write_bytes(raw[:at] + bytes([raw[at] ^ 0x21]) + raw[at + 1 :])
        try:
            reading.get(name, lambda found: found.ties())(load(run))
        except InputError as error:
            assert str(error).isprintable()
            refused += 1
    assert refused > 10


def test_a_footer_must_agree_with_its_pages(run: Path) -> None:
    file = run / "series.parquet"
    whole = file.read_bytes()
    for spoiled, says in (
        (whole[:4], "too short"),
        (b"PARX" + whole[4:], "no Parquet file"),
        (whole[:-8] + bytes(4) + b"PAR1", "footer is damaged"),
        (whole[:-8] + b"\xff" * 4 + b"PAR1", "footer is damaged"),
        (whole[:200] + whole[260:], "footer|page|number|list|pages"),
        (b"PAR1" + b"\x1c" * 50 + b"\x32\0\0\0PAR1", "nested too deep"),
        (b"PAR1\x15\2\x05\2\2\0\6\0\0\0PAR1", "says a thing twice"),
        (b"PAR1\x19\xfc\xff\xff\xff\x7f\6\0\0\0PAR1", "longer than itself"),
    ):
        file.write_bytes(spoiled)
        told = refusal(lambda: load(run))
        assert any(one in told for one in says.split("|"))


def test_metadata_of_a_stranger_decides_nothing(run: Path) -> None:
    file = run / "events.parquet"
    table = pq.read_table(file)
    hostile = {"pandas": '{"index_columns": ["nowhere"], "columns": 3}'}
    table = table.replace_schema_metadata(hostile)
    pq.write_table(table, file, use_dictionary=False, store_schema=False)
    assert list(load(run).events["kind"]) == table.column("kind").to_pylist()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("seed", "7", "seed: Input should be a valid integer"),
        ("parameters", [1], "parameters: Input should be a valid dictionary"),
        ("network", {"name": 3}, "network.name: Input should be a valid string"),
        ("mind", {"kind": "llm"}, "mind.cast: Field required"),
        ("scenario", "\ud800", "surrogates"),
        ("scenario", json.loads("[" * 99 + "]" * 99), "nested too deep"),
        ("seed", 2**63, "a number in it is too large"),
    ],
)
def test_a_birth_certificate_says_what_it_must(
    run: Path, key: str, value: Any, says: str
) -> None:
    file = run / "provenance.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    told = refusal(lambda: load(run))
    assert "provenance.json is damaged" in told
    assert says in told


def test_readings_that_no_society_gives_are_told(run: Path) -> None:
    rows = {"step": [7], "name": ["new friends"], "agent": [0], "value": [50.0]}
    types = [pa.int32(), pa.string(), pa.int32(), pa.float64()]
    columns = [pa.array(c, t) for c, t in zip(rows.values(), types, strict=True)]
    table = pa.Table.from_arrays(columns, names=list(rows))
    file = run / "readings.parquet"
    pq.write_table(table, file, use_dictionary=False, store_schema=False)
    assert "no society gives such readings" in refusal(lambda: load(run).detect())


def test_a_run_does_not_lead_out_of_its_folder(run: Path, tmp_path: Path) -> None:
    for name in ("series.parquet", "provenance.json", "snapshots"):
        elsewhere = tmp_path / f"elsewhere-{name}"
        shutil.move(run / name, elsewhere)
        (run / name).symlink_to(elsewhere)
        assert "leads out of" in refusal(lambda: load(run))
        (run / name).unlink()
        shutil.move(elsewhere, run / name)
    assert load(run).steps == [0, 10, 20]


def test_a_fork_copies_nothing_from_elsewhere(run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not yours")
    (run / "snapshots" / "ties-000003.parquet").symlink_to(secret)
    told = refusal(lambda: Result(run).fork(10, out=tmp_path / "fork"))
    assert "leads out of" in told
    assert not (tmp_path / "fork").exists()


# -------------------------------------------------------------------------- checkpoints


def tell(run: Path, **changes: Any) -> None:
    """Change what a checkpoint says besides its tables."""
    file = run / "checkpoints" / "000010" / "society.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"step": "10"}, "step: Input should be a valid integer"),
        ({"step": 7}, "000007/humans.parquet is missing"),
        ({"calendar": 2**40}, "calendar: Input should be less than"),
        ({"labels": ["ann"]}, "other names than people"),
        ({"detectors": ["x"]}, "no detector"),
        ({"in_force": [[{"name": "x"}, 1]]}, "in_force.0.0.set: Field required"),
        ({"more": 1}, "more: Extra inputs are not permitted"),
        ({"waiting": DEEP}, "waiting: Input should be a valid array"),
    ],
)
def test_a_checkpoint_says_what_it_must(
    run: Path, changes: dict[str, Any], says: str
) -> None:
    tell(run, **changes)
    assert says in refusal(lambda: checkpoints.take_up(run, 10))


def test_a_checkpoint_has_the_people_of_its_scenario(run: Path) -> None:
    file = run / "checkpoints" / "000010" / "society.json"
    told = json.loads(file.read_text())["scenario"]
    parameters = told["parameters"] | {"humans": 50_000_000}
    tell(run, scenario=told | {"parameters": parameters})
    assert "other people than its" in refusal(lambda: checkpoints.take_up(run, 10))
    tell(run, scenario=told | {"name": "../../x"})
    assert "the name of a folder" in refusal(lambda: checkpoints.take_up(run, 10))


@pytest.mark.parametrize(
    ("table", "name", "value", "says"),
    [
        ("ties", "neighbour", 10**6, "'neighbour' names what there is not"),
        ("ties", "owner", 2**31 - 1, "'owner' names what there is not"),
        ("humans", "partner", 20, "'partner' names what there is not"),
        ("oses", "collective", -2, "'collective' names what there is not"),
        ("circles", "label", 2**40, "'label' names what there is not"),
        ("friends", "pair", 2**62, "'pair' names what there is not"),
        ("readings", "agent", 2**31 - 1, "'agent' names what there is not"),
        ("series", "step", 99, "days are missing before it"),
    ],
)
def test_no_loop_is_led_astray(
    run: Path, table: str, name: str, value: int, says: str
) -> None:
    file = run / "checkpoints" / "000010" / f"{table}.parquet"
    values = column(file, name)
    if not len(values):
        values = np.zeros(1, values.dtype)
    values[-1] = value
    change(file, **{name: values})
    assert says in refusal(lambda: checkpoints.take_up(run, 10))


@pytest.mark.parametrize(
    "told",
    [
        "[]",
        '{"provenance": []}',
        '{"provenance": {"options": 3}, "overwrite": 1}',
        f'{{"provenance": {DEEP}}}',
        f'{{"provenance": {DIGITS}}}',
    ],
)
def test_what_was_begun_is_told_soundly(tmp_path: Path, told: str) -> None:
    place = tmp_path / ".run.unfinished"
    place.mkdir()
    (place / "unfinished.json").write_text(told)
    assert "unfinished.json is damaged" in refusal(lambda: begun(tmp_path / "run"))


# ---------------------------------------------------------------------------- the sweep


def test_a_ledger_holds_tables_and_nothing_that_computes(tmp_path: Path) -> None:
    import sqlite3

    design = {"base": SMALL | {"steps": 1}, "outcomes": ["left"], "seeds": 2}
    place = sweep(design, out=tmp_path / "sweep", workers=1).path
    assert len(load_sweep(place).table()) == 2

    def spoil(text: str) -> Path:
        spoiled = Path(shutil.copytree(place, tmp_path / f"{abs(hash(text))}"))
        ledger = sqlite3.connect(spoiled / "ledger.sqlite")
        with ledger:
            ledger.executescript(text)
        ledger.close()
        return spoiled

    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
    view = f"DROP TABLE about; CREATE VIEW about AS {endless} SELECT x, x FROM c"
    assert "view 'about' that no sweep" in refusal(lambda: load_sweep(spoil(view)))
    wrong = "UPDATE about SET value = '[]' WHERE key = 'design'"
    assert "is no sweep, or damaged" in refusal(lambda: load_sweep(spoil(wrong)))
    out = "UPDATE points SET run = '../../x'; UPDATE runs SET run = '../../x'"
    for change in (
        f"{out} WHERE seed = 0",
        "UPDATE points SET position = position + 99",
    ):
        found = load_sweep(spoil(change))
        assert "it has a run" in refusal(found.table)


def test_names_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("../x", "/etc/hostname", "a/../../x", "a\0b"):
        assert "leads out of" in refusal(
            lambda name=name: strangers.inside(tmp_path, name)
        )
    assert strangers.inside(tmp_path, "a/b") == tmp_path / "a" / "b"
