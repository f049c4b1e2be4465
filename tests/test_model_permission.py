"""No file makes a connection: a model that a file names is asked if a user allowed it.

Every command and every public name that takes a file is tried with files that name a
server on this machine, with a key in the environment, and the server counts who comes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from asking import SECRET, hermetic
from conversing import asking, speak
from loopback import Loopback
from sweep_runs import Here

import sim
from sim import scenarios
from sim.cli import app, main, parser
from sim.cli.minds import settings_of
from sim.minds import Settings
from sim.minds.client import Endpoint, address_of, hosts
from sim.minds.transcript import Transcript
from sim.runs import result
from sim.runs.interview import chat_with, guest_of
from sim.runs.writer import UNFINISHED, begun_at
from sim.society import Society
from sim.studies import read
from sim.studies.job import DONE, FAILED, Tasks, run_job
from sim.studies.store import TRANSCRIPTS
from sim.utils.errors import InputError
from sim.utils.provenance import sealed

MIND = 'kind = "llm"\nmodel = "tiny"\ncast = 4\ntalks = 1.0\n'
DESIGN = """
outcomes = ["left"]
[base]
humans = 12
steps = 8
innovation = 0.3
[mind]
"""
SCENARIO = """
title = "Hello"
story = "{url}"
sources = ["{url}"]
[parameters]
humans = 12
steps = 4
"""
GRAPH = """<?xml version="1.0"?>
<!DOCTYPE graphml SYSTEM "{url}/graphml.dtd" [<!ENTITY a SYSTEM "{url}/a">]>
<graphml xmlns="{url}"><graph edgedefault="undirected">
<node id="a"/><node id="b"/><edge source="a" target="b"/></graph></graphml>
"""


class Untrusted:
    """Files of somebody else, all of which name a server."""

    def __init__(self, folder: Path, server: Loopback) -> None:
        self.folder, self.server = folder, server
        self.host = urlsplit(server.url).netloc
        self._knocks = 0

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)

    def visits(self) -> int:
        """Return how many connections there were, but for those that ask it."""
        own = http.client.HTTPConnection(self.host)  # after all others, in order
        own.request("POST", "/", b"{}")
        own.getresponse().read()
        own.close()
        self._knocks += 1
        return self.server.connections - self._knocks


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Untrusted]:
    """Return files made where the server was allowed."""
    folder = tmp_path_factory.mktemp("untrusted")
    with Loopback() as server, pytest.MonkeyPatch.context() as patched:
        hermetic(patched)
        patched.setenv("OPENAI_BASE_URL", server.url)
        untrusted = Untrusted(folder, server)
        named = f'{MIND}base_url = "{server.url}"\n'
        (folder / "design.toml").write_text(DESIGN + named)
        (folder / "default.toml").write_text(DESIGN + MIND)
        (folder / "scenario.toml").write_text(SCENARIO.format(url=server.url))
        (folder / "minded.toml").write_text(
            SCENARIO.format(url=server.url) + f"[mind]\n{named}"
        )
        (folder / "graph.graphml").write_text(GRAPH.format(url=server.url))
        mind = asking(server.url, record=folder / "calls.jsonl")
        speak(folder / "run", mind)
        sim.sweep(
            folder / "design.toml",
            Here(),
            out=folder / "store",
            allow_model=untrusted.host,
        )
        _begin(folder, named, patched)
        assert untrusted.visits() > 0
        yield untrusted


def _begin(folder: Path, named: str, patched: pytest.MonkeyPatch) -> None:
    """Begin a run that is cut short, and let its file name a mind, too."""
    ordinary = Society.step

    def step(society: Society) -> None:
        if society.day["step"] == 3:
            raise KeyboardInterrupt
        ordinary(society)

    scenario = scenarios.load("her").replace(humans=12, steps=5)
    with pytest.MonkeyPatch.context() as cut:
        cut.setattr(Society, "step", step)
        with pytest.raises(KeyboardInterrupt):
            sim.run(scenario, out=folder / "begun", checkpoint_every=2)
    file = begun_at(folder / "begun") / UNFINISHED
    told = json.loads(file.read_bytes())
    told["provenance"]["mind"] = {"kind": "llm", "cast": 4, "base_url": named}
    file.write_text(json.dumps(sealed(told)))


@pytest.fixture
def untrusted(
    made: Untrusted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Untrusted:
    """Return files to try, with a key, and the server as the endpoint by default."""
    hermetic(monkeypatch)
    monkeypatch.setenv("OPENAI_BASE_URL", made.server.url)
    monkeypatch.chdir(tmp_path)
    folder = Path(shutil.copytree(made.folder, tmp_path / "copy"))
    copy = Untrusted(folder, made.server)
    copy._knocks = made.server.connections
    return copy


# ---------------------------------------------------------------------------- commands

SMALL = "--humans 12 --steps 3"
ALONE = f"{SMALL} --seeds 1 --workers 1"
RUN = "--no-figures --out out"
TALK = "--mind llm --cast all --talks 1 --steps 60 --replay {calls.jsonl}"
# Each way to give a file, written {so}, to a command, and the exit code.
COMMANDS: dict[str, list[tuple[str, int]]] = {
    "run": [
        (f"{{scenario.toml}} {RUN}", 0),
        (f"{{minded.toml}} {RUN}", 2),
        (f"her --steps 2 --network {{graph.graphml}} {RUN}", 2),
        (f"her --steps 2 --network {{run}} --people {{minded.toml}} {RUN}", 2),
        (f"her --humans 12 {TALK} {RUN}", 2),  # other questions than are in it
        (f"her {SMALL} --mind scripted --record {{calls.jsonl}} {RUN}", 2),
        (f"{{scenario.toml}} --mind llm --model tiny --estimate {RUN}", 0),
        (f"her {SMALL} --mind scripted --prompts {{run}} {RUN}", 2),
        (f"her {SMALL} --mind scripted --personas {{minded.toml}} {RUN}", 2),
    ],
    "resume": [("{begun} --no-figures", 0)],
    "check": [(f"{{scenario.toml}} {ALONE}", 2), (f"{{minded.toml}} {ALONE}", 2)],
    "ablate": [(f"{{scenario.toml}} {ALONE} --mechanisms growth --no-pairs", 0)],
    "sweep": [
        ("{design.toml} --workers 1", 2),
        ("{default.toml} --workers 1", 2),
        ("{design.toml} --dry-run", 0),
        ("{default.toml} --dry-run", 0),
        ("{design.toml} --dry-run --out {store}", 0),
        ("{design.toml} --resume --out {store}", 2),
        ("{design.toml} --allow-model 127.0.0.1:9", 2),
        ("{design.toml} --insecure", 2),
    ],
    "bench": [
        ("--replay {calls.jsonl} --arms warm --humans 12 --shutdown 31 --seeds 3", 2),
        ("--record {calls.jsonl} --arms warm --humans 12 --shutdown 31 --seeds 2", 2),
    ],
    "audit-mind": [
        ("--replay {calls.jsonl} --scenes 48", 2),
        ("--record {calls.jsonl} --scenes 48", 2),
        ("--character warm --scenes 48 --paraphrases 1 --scenario {scenario.toml}", 0),
    ],
    "compare": [(f"{{scenario.toml}} {{scenario.toml}} {ALONE}", 0)],
    "describe": [("{scenario.toml}", 0)],
    "scenarios": [("{scenario.toml}", 0), ("{minded.toml}", 2)],
    "interventions": [("{scenario.toml}", 2)],
    "parameters": [
        ("--differences {scenario.toml} her", 0),
        ("--differences her {minded.toml}", 2),
    ],
    "show": [("{run}", 0), ("{store}", 2)],
    "open": [("{run} --no-browser", 0), ("{run} report --no-browser", 0)],
    "diff": [("{run} {run}", 0)],
    "completion": [("words -- show {run}", 0)],
    "events": [("{run}", 0), ("{run} --again", 0)],
    "plot": [("{run} {run} --what survival", 0), ("{run} --what network", 0)],
    "export": [
        *(("{run} --out a.gexf --whole", 0), ("{run} --out a.graphml", 0)),
        ("{run} --html", 0),
    ],
    "report": [("{run} --out a.html", 0), ("{store} --out b.html", 0)],
    "verify": [
        *(("{run}", 0), ("{store}", 0), ("{calls.jsonl}", 0)),
        *(("{.begun.unfinished}", 1), ("{design.toml}", 2)),
    ],
    "app": [("{run} --no-browser", 0), ("--scenario {scenario.toml} --no-browser", 0)],
    "transcript": [("{run} --html --out a.html", 0)],
    "talk": [("{run} --os 40", 2)],
    "survey": [
        ("{run} --questions {design.toml} --replay {calls.jsonl} --out a.csv", 2),
        ("{run} --questions {design.toml} --record {calls.jsonl} --out a.csv", 2),
    ],
    "play": [
        ("{run} --human 3 --steps 1 --replay {calls.jsonl} --out a", 0),
        ("{run} --human 3 --steps 1 --record {calls.jsonl} --out b", 2),
    ],
    "serve-model": [("--model {calls.jsonl} --port 0", 2)],
}
TAKE_LONG = {"check", "ablate", "compare", "counterfactual"}
TAKE_LONG |= {"plot", "export", "report", "app", "open"}
WITHOUT_FILES = {"runs", "calibrate"}
WRITTEN = {"--out"}  # options whose files are written, or which are listed with it
# A program of the user's own, run because it is named.
CODE = {"--mechanism", "--function", "--until"}
NO_NAMES = {
    "SHARE",
    "N",
    "S",
    "X",
    "T",
    "K",
    "A",
    "DAY",
    "ID",
    "NAME",
    "NAME=VALUE",
    "WORD",
}
NO_NAMES |= {"URL", "ADDRESS", "HOST", "IN,OUT", "A,B", "MB", "NAMES", "JSON"}
NO_NAMES |= {"ONE,OTHER", "FORMAT", "MARK", "COLUMN", "SCALE", "SHARE"}


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of all commands."""
    (found,) = (one for one in parser()._actions if one.dest == "command")
    return dict(found.choices or {})


def files_of(command: argparse.ArgumentParser) -> set[str]:
    """Return what a command may be given a file with: options, "" for an argument."""
    found = set()
    for one in command._actions:
        words = one.metavar if isinstance(one.metavar, tuple) else (one.metavar,)
        flag = one.nargs == 0 or one.choices is not None
        if not one.option_strings:
            found.add("")
        elif not flag and not {*words} <= {*NO_NAMES, "B"}:
            found.add(one.option_strings[0])
    return found - WRITTEN - CODE


def test_all_commands_that_take_a_file_are_tried() -> None:
    known = commands()
    assert set(COMMANDS) | WITHOUT_FILES == set(known)
    for name, command in known.items():
        tried = " ".join(line for line, _ in COMMANDS.get(name, ()))
        for option in files_of(command):
            assert option in tried and tried, (name, option)
    assert not any(files_of(known[name]) for name in WITHOUT_FILES)


def test_an_option_that_takes_a_file_is_noticed() -> None:
    command = argparse.ArgumentParser()
    command.add_argument("--humans", metavar="N")
    command.add_argument("--fast", action="store_true")
    command.add_argument("--out", metavar="FILE")
    assert files_of(command) == set()
    command.add_argument("--prompts", metavar="DIR")
    command.add_argument("--model")
    command.add_argument("run")
    assert files_of(command) == {"--prompts", "--model", ""}


@pytest.mark.parametrize(
    ("command", "line", "code"),
    [
        pytest.param(name, *one, marks=pytest.mark.slow if name in TAKE_LONG else ())
        for name, lines in COMMANDS.items()
        for one in lines
    ],
)
def test_no_file_makes_a_command_connect(
    untrusted: Untrusted,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    line: str,
    code: int,
) -> None:
    if command == "app":
        pytest.importorskip("panel")
        # All is read and set up by then; nobody would end it.
        monkeypatch.setattr(app, "serve_until_signalled", lambda server: server.stop())
    before = untrusted.visits()
    given = line.replace("{", f"{untrusted.folder}/").replace("}", "")
    found = main([command, *given.split()])
    told = capsys.readouterr()
    assert (found, told.err if found != code else "") == (code, "")
    assert SECRET not in told.out + told.err
    assert untrusted.visits() == before


# ------------------------------------------------------------------------ public names


def look_at(found: Any, **arguments: tuple[Any, ...]) -> None:
    """Read all that a run or a sweep shows, and call all that it can do."""
    for name in dir(type(found)):
        if name.startswith("_"):
            continue
        try:
            shown = getattr(found, name)
            if callable(shown):
                shown = shown(*(arguments | {"number_of": (0,)}).get(name, ()))
            if isinstance(shown, Iterator):
                list(shown)
        except InputError as error:
            known = "nobody allowed", "checkpoint", "no table", "no outcome"
            assert any(words in str(error) for words in known), str(error)


def speaks(untrusted: Untrusted) -> sim.Result:
    """Replay a transcript."""
    mind = sim.MindOptions(kind="llm", cast=None, replay=untrusted["calls.jsonl"])
    return sim.run("her", steps=3, mind=mind._replace(talks=0.4))


PUBLIC: dict[str, list[Callable[[Untrusted], Any]]] = {
    "Society": [
        lambda one: sim.Society(one["scenario.toml"]),
        lambda one: sim.Society(one["minded.toml"]),
        lambda one: sim.Society("her", network=one["graph.graphml"]),
    ],
    "Network": [
        lambda one: sim.Society("her", network=sim.Network(one["graph.graphml"])),
    ],
    "ablate": [
        lambda one: sim.ablate(
            sim.scenario(one["scenario.toml"]), mechanisms=["growth"], seeds=1
        )
    ],
    "counterfactual": [
        lambda one: sim.counterfactual(
            one["scenario.toml"], one["minded.toml"], seeds=1
        )
    ],
    "load": [
        lambda one: look_at(
            sim.load(one["run"]),
            columns=("humans", ["growth"]),
            noted=("adopted", 0, 1),
            snapshot_day=(None,),
            fork=(4,),
            table=("companies",),
        )
    ],
    "load_sweep": [
        lambda one: look_at(sim.load_sweep(one["store"]), times=("first_love",)),
        lambda one: next(sim.load_sweep(one["store"]).runs()),
        lambda one: next(
            sim.load_sweep(one["store"]).runs(allow_model="other.example")
        ),
    ],
    "report": [
        lambda one: sim.report(one["run"]),
        lambda one: sim.report(one["store"]),
    ],
    "verify": [
        lambda one: sim.verify(one["run"]),
        lambda one: sim.verify(one["store"]),
        lambda one: sim.verify(one["calls.jsonl"]),
        lambda one: sim.verify(one["begun"]),
        lambda one: sim.verify(one["design.toml"]),
    ],
    "run": [
        lambda one: sim.run(one["scenario.toml"]),
        lambda one: sim.run(one["minded.toml"]),
        lambda one: sim.run("her", network=one["graph.graphml"]),
        speaks,
    ],
    "NetworkFile": [
        lambda one: sim.run("her", network=sim.NetworkFile(one["graph.graphml"])),
    ],
    "simulator": [
        lambda one: sim.simulator(one["scenario.toml"], ["warming"], ["left"])(
            [0.1], seed=0
        ),
        lambda one: sim.simulator(one["minded.toml"], ["warming"], ["left"]),
    ],
    "scenario": [
        lambda one: sim.scenario(one["scenario.toml"]),
        lambda one: sim.scenario(one["minded.toml"]),
    ],
    "sweep": [
        lambda one: sim.sweep(one["design.toml"], Here(), out="out"),
        lambda one: sim.sweep(one["default.toml"], Here(), out="out"),
        lambda one: sim.sweep(
            one["design.toml"], Here(), out=one["store"], resume=True
        ),
    ],
}
# What these make is looked at above, or they take no file.
WITHOUT_FILES_IN_PYTHON = {
    *("Human", "InputError", "MindOptions", "OS", "Parameters", "Result", "Scenario"),
    *("Mechanism", "check_mechanism", "columns", "in_words"),
    "use",  # runs a program of the user's own, as --mechanism does
}


def test_all_public_names_that_take_a_file_are_tried() -> None:
    assert set(PUBLIC) | WITHOUT_FILES_IN_PYTHON == set(sim.__all__)
    assert not set(PUBLIC) & WITHOUT_FILES_IN_PYTHON


@pytest.mark.parametrize(
    ("name", "number"),
    [
        pytest.param(name, at, marks=pytest.mark.slow if name in TAKE_LONG else ())
        for name, tried in PUBLIC.items()
        for at in range(len(tried))
    ],
)
def test_no_file_makes_python_connect(
    untrusted: Untrusted, name: str, number: int
) -> None:
    before = untrusted.visits()
    try:
        PUBLIC[name][number](untrusted)
    except InputError as error:
        assert SECRET not in str(error)
    assert untrusted.visits() == before


# ------------------------------------------------------------------ what a user allows


def test_what_is_not_allowed_is_told_in_one_line(
    untrusted: Untrusted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", untrusted["design.toml"]]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"--allow-model {untrusted.host} " in told
    shutil.rmtree(Path(untrusted["store"], TRANSCRIPTS))
    with pytest.raises(InputError, match=r"run \w{8} was not kept: .*nobody allowed"):
        next(sim.load_sweep(untrusted["store"]).runs())
    assert not Path("results").exists()


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_a_host_that_a_user_allows_is_asked(untrusted: Untrusted) -> None:
    allowed = ["--allow-model", "other.example", "--allow-model", untrusted.host]
    design = ["sweep", untrusted["design.toml"], "--workers", "1", "--out", "out"]
    asked = untrusted.server.count
    assert main([*design, *allowed]) == 0
    assert untrusted.server.count > asked
    assert untrusted.server.requests[-1].headers["authorization"] == f"Bearer {SECRET}"


def test_a_run_of_a_store_is_run_again_where_its_model_is_allowed(
    untrusted: Untrusted,
) -> None:
    asked = untrusted.server.count
    shutil.rmtree(Path(untrusted["store"], TRANSCRIPTS))
    found = next(sim.load_sweep(untrusted["store"]).runs(allow_model=[untrusted.host]))
    assert found.provenance["mind"]["model"] == "tiny"
    assert untrusted.server.count > asked
    asked = untrusted.server.count
    assert (
        next(sim.load_sweep(untrusted["store"]).runs()).path == found.path
    )  # kept now
    assert untrusted.server.count == asked


def test_a_job_carries_what_is_allowed(untrusted: Untrusted) -> None:
    job = Tasks(read(untrusted["design.toml"]))[0].job
    before = untrusted.visits()
    finding = run_job(job)
    assert finding["state"] == FAILED and "nobody allowed" in finding["error"]
    assert untrusted.visits() == before
    finding = run_job(job | {"reach": {"allow_model": [untrusted.host]}})
    assert finding["state"] == DONE


def test_a_dry_run_says_that_a_model_takes_its_time(
    untrusted: Untrusted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", untrusted["design.toml"], "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "8 days with scripted agents; the time that" in told
    asked = int(told.partition("asks     about ")[2].partition(" requests")[0])
    (record,) = Path(untrusted["store"], TRANSCRIPTS).glob("*.jsonl")
    assert asked == pytest.approx(len(Transcript.replay(record)), rel=0.5)


@pytest.mark.parametrize(
    ("allowed", "url", "may"),
    [
        ("api.example", "https://api.example/v1", True),
        ("api.example", "https://API.example:8443/v1", True),
        ("API.example", "https://api.example/v1", True),
        ("api.example:443", "https://api.example/v1", True),
        ("api.example:8443", "https://api.example:8443/v1", True),
        ("api.example:8443", "https://api.example/v1", False),
        ("api.example:80", "https://api.example/v1", False),
        ("api.example", "https://api.example.evil.example/v1", False),
        ("api.example", "https://evil.example/api.example", False),
        ("api.example", "https://api.example./v1", False),
        ("example", "https://api.example/v1", False),
        ("127.0.0.1", "http://127.0.0.1:9/v1", True),
        ("127.0.0.1:9", "http://127.0.0.1:10/v1", False),
        ("[::1]:9", "http://[::1]:9/v1", True),
        ("::1", None, None),
        ("https://api.example", None, None),
        ("api.example/v1", None, None),
        ("user@api.example", None, None),
        ("api.example:port", None, None),
        ("api.example,other.example", None, None),
        ("*", None, None),
        ("", None, None),
        ("ap\u0456.example", None, None),
    ],
)
def test_a_host_is_allowed_by_its_whole_name(
    allowed: str, url: str | None, may: bool | None
) -> None:
    if url is None:
        with pytest.raises(InputError, match="--allow-model takes a host as"):
            hosts(allowed)
        return
    settings = Settings("tiny", url, allowed=hosts(allowed))
    if may:
        assert address_of(settings) == url
    else:
        with pytest.raises(InputError, match="which nobody allowed"):
            address_of(settings)


@pytest.mark.parametrize("host", ["ap\u0456.example", "a;b.example", "$(b).example"])
def test_a_host_is_plain_letters(host: str) -> None:
    with pytest.raises(InputError, match="is no address of an endpoint"):
        address_of(Settings("tiny", f"https://{host}/v1"))


# ------------------------------------------------------------------------- clear text

FAR = "http://model.example:8012/v1"
CLEAR = r"model\.example:8012 in clear text .*--insecure"


def test_the_key_goes_to_another_machine_by_https_alone(
    untrusted: Untrusted, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = guest_of(result.load(untrusted["run"]), "40")
    mind = asking(FAR)
    tries: list[Callable[[], Any]] = [
        lambda: Endpoint(Settings("tiny", FAR)),
        lambda: chat_with(guest, Settings("tiny", FAR)),
        lambda: sim.run("her", mind=mind, out="out"),
    ]
    told = {"base": {"humans": 9}, "mind": {"kind": "llm", "model": "a"}}
    told["mind"]["base_url"] = FAR
    tries.append(lambda: sim.sweep(told, out="out", allow_model="model.example"))
    monkeypatch.setenv("OPENAI_BASE_URL", FAR)
    tries.append(lambda: Endpoint(Settings("tiny")))
    for one in tries:
        with pytest.raises(InputError, match=CLEAR):
            one()
    assert not Path("out").exists()
    with Endpoint(Settings("tiny", FAR, insecure=True)) as asked:
        assert asked.base_url == FAR


def test_the_command_line_takes_an_insecure_address_as_such(
    untrusted: Untrusted, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", "tiny", "--base-url", "http://[::ffff:192.0.2.1]:9/v1"]
    run = ["run", "her", "--humans", "12", "--steps", "2", "--mind", "llm", *model]
    for command in (run, ["talk", untrusted["run"], "--os", "40", *model]):
        assert main(command) == 2
        assert "in clear text" in capsys.readouterr().err
    given = parser().parse_args([*run, "--insecure"])
    assert settings_of(given).insecure
