"""Untrusted files are data: bounded, refused in one line, never a way out."""

from __future__ import annotations

import functools
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from refusing import DEEP, DIGITS, refusal

from sim import scenarios
from sim.minds import transcript
from sim.minds.transcript import Transcript
from sim.model import network_files, population
from sim.model.network_files import xml_graphs
from sim.runs import conversations
from sim.studies import design
from sim.utils import untrusted
from sim.utils.errors import LONGEST, InputError, legible

zipped = functools.partial(gzip.compress, mtime=0)  # a name is one on every day


def test_a_message_is_one_line_that_no_terminal_obeys() -> None:
    told = str(InputError("bad \x1b[2J\nname \u202e \ud800 é"))
    assert told == "bad \\x1b[2J name \\u202e \\ud800 é"
    assert "\\" not in str(InputError("a plain text"))
    assert str(InputError("a" * 10**6)).endswith("aaa")
    assert len(str(InputError("a" * 10**6))) < LONGEST + 10


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b]0;mine\x07\x1b[2J", "\\x1b]0;mine\\x07\\x1b[2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("one\r\ntwo\tthree", "one\\r\ntwo\tthree"),
        ("👩‍❤️‍👨 “Héllo”, 日本語", "👩‍❤️‍👨 “Héllo”, 日本語"),
    ],
)
def test_untrusted_text_is_shown_and_not_obeyed(said: str, shown: str) -> None:
    assert legible(said) == shown
    line = SimpleNamespace(
        step=3, agent=1, other=9, speaker=said, listener="Samantha", said="Yes.",
        act="continue", kind="encounter",
    )  # fmt: skip
    day, text = conversations.as_text([line], 5)
    assert day == "day 3"
    assert shown in text


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


def declaring(folder: Path, code: str, written: str) -> Path:
    file = folder / "x.gexf"
    text = f"<?xml version='1.0' encoding='{code}'?><gexf><edge source='é' target='b'/>"
    file.write_text(f"{text}</gexf>", encoding=written)
    return file


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("utf-8", "utf-8"),
        ("ISO-8859-1", "latin-1"),
        ("windows-1252", "cp1252"),
        ("UTF-16", "utf-16"),
        ("utf-16", "utf-8"),  # as programs write that first make a text of it
    ],
)
def test_xml_is_read_in_the_encoding_that_it_declares(
    tmp_path: Path, code: str, written: str
) -> None:
    file = declaring(tmp_path, code, written)
    assert set(population.read(file).labels or ()) == {"é", "b"}


@pytest.mark.parametrize(
    "code", ["rot13", "idna", "utf-7", "unicode_escape", "nothing"]
)
def test_xml_in_no_encoding_of_text_is_refused(tmp_path: Path, code: str) -> None:
    file = declaring(tmp_path, code, "utf-8")
    assert f"encoding {code!r} is not read" in refusal(lambda: population.read(file))


def test_xml_within_xml_has_an_end(tmp_path: Path) -> None:
    file = tmp_path / "x.graphml"
    file.write_text("<graphml>" + "<graph>" * 10**5)
    assert "nested too deep" in refusal(lambda: population.read(file))


def test_a_large_graph_is_given_as_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.graphml"
    file.write_text("<graphml/>")
    monkeypatch.setattr(xml_graphs, "LARGEST_XML", 5)
    assert "larger than 5 bytes" in refusal(lambda: population.read(file))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "x.csv",
            lambda: b"a,b\n" + b"c" * 20_000 + b",d\n",
            "line 2: longer than 10000",
        ),
        ("x.csv", lambda: b"a" * 20_000, "line 1: longer than 10000"),
        ("x.csv", lambda: b"a," + b"b" * 2000, f"'{'b' * 20}...' is longer than 1000"),
        ("x.csv.gz", lambda: zipped(bytes(10**8)), "unpacks to far more than its size"),
        ("x.csv.gz", lambda: zipped(b"a,b\n") + b"more", "more follows its end|header"),
        ("x.csv.gz", lambda: zipped(b"") * 5000, "too many parts"),
    ],
)
def test_a_network_file_has_its_measure(
    tmp_path: Path, name: str, content: Callable[[], bytes], says: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content())
    told = refusal(lambda: population.read(file))
    assert any(one in told for one in says.split("|"))


def test_people_can_be_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\nb,c\n")
    monkeypatch.setattr(network_files, "MOST_PEOPLE", 2)
    assert "names more than 2 people" in refusal(lambda: population.read(file))


def test_a_wide_first_line_does_not_widen_the_table(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("source,target" + ",x" * 4000 + "\n" + "a,b\nb,c\n" * 50_000)
    assert population.read(file).n == 3


def test_gzip_of_several_parts_and_padding_is_sound(tmp_path: Path) -> None:
    file = tmp_path / "x.csv.gz"
    file.write_bytes(zipped(b"a,b\n") + zipped(b"b,c\n") + bytes(512))
    assert population.read(file).n == 3


@pytest.mark.posix
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
        ('"\\"".' * 20_000 + "a = 1", "a key has too many dots"),
        ("a" * 900_000, "is not TOML"),
        ('"' + '\\"' * 400_000, "is not TOML"),
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
    told = refusal(lambda: design.make({"name": name, "scenario": "her"}))
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
        ("mind = {kind = 'scripted', humans = [1.5]}", "'humans' of a mind cannot be"),
        ("mind = {kind = 'scripted', cast = 'all'}", "'cast' of a mind cannot be"),
        ("mind = {kind = 'scripted', talks = true}", "'talks' of a mind cannot be"),
        (f"lever = 'price@{DIGITS}'", "a lever is written as"),
    ],
)
@pytest.mark.posix
def test_a_design_has_its_measure(tmp_path: Path, text: str, says: str) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("a,b\n")
    file = tmp_path / "mine" / "design.toml"
    file.parent.mkdir()
    (file.parent / "link.csv").symlink_to(outside)
    file.write_text(text)
    told = refusal(lambda: design.read(file))
    assert any(one in told for one in says.split("|"))


def test_many_grids_are_counted_and_not_made(tmp_path: Path) -> None:
    values = ", ".join(f"0.{n:04d}" for n in range(1000))
    grid = "\n".join(f"{name} = [{values}]" for name in ("price", "focus", "unease"))
    file = tmp_path / "mine.toml"
    file.write_text(f"[grid]\n{grid}")
    assert len(design.read(file).layout().at(10**9 - 1)) == 3
    file.write_text(f"seeds = 2\n[grid]\n{grid}")
    assert "at most 1,000,000,000 runs" in refusal(lambda: design.read(file))


# --------------------------------------------------------------------------- transcript


def test_a_call_has_only_so_many_messages(tmp_path: Path) -> None:
    empty = dict.fromkeys(transcript.ENTRY_TYPES, 0) | {"text": None, "messages": [{}]}
    empty |= dict.fromkeys(("key", "kind", "schema"), "") | {"failure": "reset"}
    assert transcript.read_entry(json.dumps(empty).encode()) is not None
    many = empty | {"messages": [{}] * 1001}
    assert transcript.read_entry(json.dumps(many).encode()) is None
    wide = empty | {"messages": [{str(n): "" for n in range(11)}]}
    assert transcript.read_entry(json.dumps(wide).encode()) is None
    deep = empty | {"messages": json.loads("[" * 500 + "]" * 500)}
    assert transcript.read_entry(json.dumps(deep).encode()) is None


@pytest.mark.posix
def test_a_transcript_is_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "talk.jsonl")
    told = refusal(lambda: Transcript.replay(tmp_path / "talk.jsonl"))
    assert "is not a file" in told


@pytest.mark.posix
def test_names_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("../x", "/etc/hostname", "a/../../x", "a\0b"):
        assert "leads out of" in refusal(
            lambda name=name: untrusted.resolve_inside(tmp_path, name)
        )
    assert untrusted.resolve_inside(tmp_path, "a/b") == tmp_path / "a" / "b"
