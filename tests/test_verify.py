"""What is stored proves itself: every change is named, and what cannot be is said."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import forked
import pyarrow.parquet as pq
import pytest
from digests import without_digests
from quick import QUICK
from sweep_runs import at_home, spoil_ledger

import sim
from sim import scenarios
from sim.cli import main
from sim.docs import describe
from sim.minds.calls import Request, Response, Settings
from sim.minds.transcript import Transcript
from sim.runs import checkpoint, validation
from sim.runs.parquet import write_table
from sim.runs.run import resume
from sim.runs.writer import UNFINISHED, as_text
from sim.studies.store_digests import DIGESTS
from sim.studies.verify import Verification, verify
from sim.utils import provenance
from sim.utils.errors import InputError

PROGRAM = Path(__file__).parents[1] / "experiments" / "benchmarks" / "mutations.py"


def imported() -> ModuleType:
    known = importlib.util.spec_from_file_location("mutations", PROGRAM)
    assert known is not None and known.loader is not None
    module = sys.modules["mutations"] = importlib.util.module_from_spec(known)
    known.loader.exec_module(module)
    return module


mutations = imported()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small run with checkpoints; tests copy it."""
    story = scenarios.load("her-film-cut").replace(**QUICK | {"humans": 12, "steps": 8})
    every = {"checkpoint_every": 4, "snapshot_every": 4}
    return sim.run(
        story, seed=3, out=tmp_path_factory.mktemp("a") / "run", **every
    ).path


@pytest.fixture
def run(lived: Path, tmp_path: Path) -> Path:
    """Return a run that a test may change."""
    return Path(shutil.copytree(lived, tmp_path / "run"))


def faults(found: Verification) -> str:
    """Return what is at fault, as one text."""
    return "\n".join(f"{one.path} {one.text}" for one in found.faults)


def swap_columns(file: Path, first: str, second: str) -> None:
    table, names = pq.read_table(file), {first: second, second: first}
    write_table(
        file, table.rename_columns([names.get(n, n) for n in table.column_names])
    )


def edit(file: Path, **changes: Any) -> None:
    """Change what JSON says, and write it as it was written."""
    file.write_text(as_text(json.loads(file.read_bytes()) | changes))


# --------------------------------------------------------------------------------- runs


def test_a_run_proves_itself(run: Path) -> None:
    found = verify(run)
    assert found.is_proved and not found.faults and not found.unproved
    kinds = [one.kind for one in found.findings]
    assert kinds == ["checkpoint", "checkpoint", "run"]
    (told,) = verify(run / "checkpoints" / "000004").findings
    assert told.state == "sound" and told.text == "day 4, 7 files, seed 3"


def test_swapped_columns_are_refused_by_name(run: Path) -> None:
    swap_columns(run / "series.parquet", "grief", "human_closeness")
    with pytest.raises(InputError, match=r"series\.parquet is damaged \(other bytes"):
        _ = sim.load(run).series
    assert "series.parquet is damaged (other bytes" in faults(verify(run))


def test_an_edited_record_is_refused(run: Path) -> None:
    edit(run / "provenance.json", seed=4)
    with pytest.raises(InputError, match=r"provenance\.json is damaged \(other values"):
        sim.load(run)
    assert "provenance.json other values were written" in faults(verify(run))


def test_a_snapshot_of_another_run_is_refused(run: Path) -> None:
    file = run / "snapshots" / "ties-000004.parquet"
    for name in ("ties", "humans", "oses"):
        shutil.copy(file, run / "snapshots" / f"{name}-000006.parquet")
    with pytest.raises(InputError, match="is not of this run, whose provenance"):
        sim.load(run)
    shutil.copy(run / "snapshots" / "ties-000008.parquet", file)
    assert "ties-000004.parquet is damaged (other bytes" in faults(verify(run))
    with pytest.raises(InputError, match=r"ties-000004\.parquet is damaged"):
        sim.Result(run).ties(4)


def test_what_is_lost_is_named(run: Path) -> None:
    (run / "snapshots" / "oses-000004.parquet").unlink()
    assert "snapshots/oses-000004.parquet is missing" in faults(verify(run))


def test_a_checkpoint_of_another_day_is_refused(run: Path) -> None:
    there = run / "checkpoints"
    shutil.copy(there / "000000" / "ties.parquet", there / "000004" / "ties.parquet")
    told = faults(verify(there / "000004"))
    assert "000004/ties.parquet is damaged (other bytes" in told
    with pytest.raises(InputError, match=r"000004/ties\.parquet is damaged"):
        sim.load(run).fork(4, out=run.with_name("fork"))
    assert not run.with_name("fork").exists()


def test_an_older_run_is_loaded_and_says_what_it_cannot_prove(run: Path) -> None:
    found = sim.load(without_digests(run))
    assert len(found.series) == 8 and found.ties().shape[0] > 0
    assert checkpoint.load(run, 4).seed == 3
    told = verify(run)
    assert not told.faults and not told.is_proved
    assert {one.state for one in told.findings} == {"unproved"}
    assert "made by an older version" in told.unproved[0].text
    swap_columns(run / "checkpoints" / "000004" / "series.parquet", "step", "grief")
    assert "000004" in faults(verify(run))  # what does not fit is seen all the same


def test_a_digest_alone_is_not_believed(run: Path) -> None:
    file = run / "provenance.json"
    whole = json.loads(file.read_bytes())
    for name in ("digest", "files"):
        file.write_text(as_text({k: v for k, v in whole.items() if k != name}))
        with pytest.raises(InputError, match="other values were written"):
            sim.load(run)
        assert faults(verify(run))


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"../../../etc/passwd": "0" * 64}},
        {"files": {"a\0b": "", "/dev/zero": "x"}},
        {"files": {"series.parquet": None, "snapshots": {"a": 1}}},
        {"files": ["series.parquet"]},
        {"files": {}, "steps": 7},
        {"seed": 5, "parameters": {}},
        {"source_changed": ["model/rules.py"], "mind": None},
    ],
)
def test_whoever_wrote_a_record_gets_findings(
    run: Path, changes: dict[str, Any]
) -> None:
    file = run / "provenance.json"
    changed = json.loads(file.read_bytes()) | changes
    file.write_text(as_text(provenance.sealed(changed)))
    assert not verify(run).is_proved
    meta = run / "checkpoints" / "000004" / "society.json"
    changed = json.loads(meta.read_bytes()) | changes | {"snapshots": changes}
    meta.write_text(checkpoint.as_text(provenance.sealed(changed)))
    assert verify(run / "checkpoints" / "000004").faults
    (run / UNFINISHED).write_text(
        json.dumps(provenance.sealed({"provenance": changes}))
    )
    file.unlink()
    (run / "series.parquet").unlink()
    assert verify(run).faults


# -------------------------------------------------------------------------- transcripts


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Return a transcript of three calls."""
    asked = ({"role": "user", "content": "Who are you?"},)
    first = Request("encounter", 1, 0, -1, 0, asked, "encounter", 200)
    path = tmp_path / "calls.jsonl"
    with Transcript.record(path, Settings("small", "http://127.0.0.1:1/v1")) as kept:
        for agent in range(3):
            kept.add(first._replace(agent=agent), Response(f"I am {agent}."))
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b"I am", b"I um"), lines[3]], "3"),
        (lambda lines: [*lines[:3], lines[3].replace(b"Who", b"Why")], "line 4 is dam"),
        (lambda lines: [*lines[:2], lines[3]], "line 3 does not follow"),
        (lambda lines: [*lines[:2], lines[3], lines[2]], "line 3 does not follow"),
        (lambda lines: [lines[0].replace(b"small", b"large"), *lines[1:]], "line 1 "),
    ],
)
def test_a_transcript_proves_itself(
    recorded: Path, change: Callable[[list[bytes]], list[bytes]], says: str
) -> None:
    (told,) = verify(recorded).findings
    assert told.state == "sound" and "3 calls, each under the key" in told.text
    lines = recorded.read_bytes().splitlines(keepends=True)
    recorded.write_bytes(b"".join(change(lines)))
    assert says in faults(verify(recorded))


def test_questions_of_an_older_transcript_are_held_against_their_keys(
    recorded: Path,
) -> None:
    older = []
    for line in map(json.loads, recorded.read_bytes().splitlines()):
        kept = {k: v for k, v in line.items() if k not in ("before", "digest")}
        older.append(kept | ({"transcript": 2} if "transcript" in kept else {}))
    text = "".join(
        json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
        for line in older
    )
    recorded.write_text(text)
    assert "format 2 has no digests" in verify(recorded).unproved[0].text
    recorded.write_text(text.replace("Who are you?", "Where are you?", 1))
    assert "line 2 has a key that is not that of its question" in faults(
        verify(recorded)
    )
    asked = ({"role": "user", "content": "Who are you?"},)
    first = Request("encounter", 1, 0, -1, 0, asked, "encounter", 200)
    with pytest.raises(InputError, match="has another question under key"):
        Transcript.replay(recorded).find(first)


# ------------------------------------------------------------------------------- sweeps


@pytest.mark.slow
def test_a_sweep_proves_itself(tmp_path: Path) -> None:
    few = {"grid": {"reach": [2.0, 3.0]}, "keep_runs": True}
    place = at_home(tmp_path / "s", few).path
    assert verify(place).is_proved
    assert sim.load_sweep(place).table()["left"].notna().all()
    assert verify(place).is_proved  # who looks changes nothing
    (place / DIGESTS).unlink()
    assert "has no digests.json" in verify(place).unproved[0].text
    spoil_ledger(place, "UPDATE runs SET seed = 7 WHERE seed = 0")
    assert "are damaged" in faults(verify(place))


@pytest.mark.slow
def test_a_sweep_goes_on_with_other_versions_only_if_that_is_allowed(
    tmp_path: Path,
) -> None:
    place = at_home(tmp_path / "s").path
    old = "UPDATE runs SET versions = json_set(versions, '$.numpy', '1.0.0')"
    spoil_ledger(place, f"{old} WHERE seed = 0")
    assert "is not as the last driver left it" in faults(verify(place))
    with pytest.raises(InputError, match=r"begun with other versions \(numpy 1\.0\.0,"):
        at_home(place, resume=True)
    told: list[str] = []
    at_home(place, resume=True, allow_other_versions=True, tell=told.append)
    assert "is not as its last driver left it" in told[0]
    assert len(set(sim.load_sweep(place).ledger()["versions"])) == 2


# -------------------------------------------------------------------- what can change


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder of all that is stored: runs, a sweep, a transcript."""
    folder = tmp_path_factory.mktemp("stored")
    mutations.make(folder)
    yield folder


@pytest.mark.slow
def test_every_change_is_named(made: Path) -> None:
    """A few of the thousand that the benchmark tries."""
    assert all(verify(made / what).is_proved for what in mutations.CHANGES)
    draw = random.Random(1)
    known = draw.sample(mutations.kinds(), 25)
    tried = [mutations.trial(made, *one, draw) for one in known]
    assert [one for one in tried if one.is_silent] == []


@pytest.mark.slow
def test_a_run_goes_on_with_other_versions_only_if_that_is_allowed(
    made: Path, tmp_path: Path
) -> None:
    left = Path(shutil.copytree(made / "begun", tmp_path / ".run.unfinished"))
    assert verify(tmp_path / "run").is_proved
    known = json.loads((left / UNFINISHED).read_bytes())
    known["provenance"]["libraries"]["numpy"] = "1.0.0"
    (left / UNFINISHED).write_text(json.dumps(provenance.sealed(known), sort_keys=True))
    with pytest.raises(InputError, match=r"other versions \(numpy 1\.0\.0, now "):
        resume(tmp_path / "run")
    assert main(["resume", str(tmp_path / "run")]) == 2
    told = resume(tmp_path / "run", allow_other_versions=True).provenance
    assert told["libraries"]["numpy"] == "1.0.0"
    assert told["resumed_with"] == [{"step": 9, **provenance.versions()}]
    assert verify(tmp_path / "run").is_proved


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("checkpoints/000009", "that of day 9 follows from another one than is there"),
        ("snapshots/ties-000006.parquet", "ties-000006.parquet is damaged"),
    ],
)
def test_a_run_does_not_go_on_with_what_is_not_its_own(
    made: Path, tmp_path: Path, name: str, says: str
) -> None:
    left = Path(shutil.copytree(made / "begun", tmp_path / ".run.unfinished"))
    checkpoint.check_files(left, 9, snapshots=True)
    theirs = made / "another" / name
    for file in theirs.iterdir() if theirs.is_dir() else [theirs]:
        shutil.copy(file, left / file.relative_to(made / "another"))
    with pytest.raises(ValueError, match=says):
        checkpoint.check_files(left, 9, snapshots=True)
    assert says in faults(verify(tmp_path / "run"))


# -------------------------------------------------------------------------- the command


def test_the_command_says_what_it_found(
    run: Path, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(line.startswith("sound") for line in lines)
    edit(run / "provenance.json", seed=4)
    assert main(["verify", str(run)]) == 1
    assert "fault    run" in capsys.readouterr().out
    assert main(["verify", str(recorded), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["proved"] and told["findings"][0]["kind"] == "transcript"
    for nothing in (run / "series.parquet", run.parent, run / "nowhere"):
        assert main(["verify", str(nothing)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


# ------------------------------------------------------------------- what was imported

EDITS = """
import importlib, json, sys
from pathlib import Path
import sim
from sim.utils import source
from sim.utils.provenance import provenance
from sim.runs.writer import RunWriter

package, told = Path(sim.__file__).parent, {}
names = ["model/rules.py", "events/calibration/thresholds.json"]
for name in [*names, "minds/templates/talk.md"]:
    file = package / name
    raw = file.read_bytes()
    record = provenance(sim.scenario("her"), 0, 1)
    file.write_bytes(raw + b"\\n")
    with RunWriter(package.parent / "run", record, overwrite=True) as writer:
        writer.finish({"step": __import__("numpy").zeros(0, "int32")}, [])
    late = json.loads((package.parent / "run" / "provenance.json").read_bytes())
    importlib.reload(sim)
    file.write_bytes(raw + b"\\n\\n")
    importlib.reload(source)
    try:
        refused = source.source_digest()
    except ValueError as error:
        refused = str(error)
    importlib.reload(sim)
    importlib.reload(source)
    told[name] = [record["source_digest"], late["source_changed"], refused]
    told[name] += [source.source_digest()]
    file.write_bytes(raw)
    importlib.reload(sim)
    importlib.reload(source)
print(json.dumps(told))
"""


@pytest.mark.slow
def test_provenance_names_what_was_imported_or_says_that_it_changed(
    tmp_path: Path,
) -> None:
    package = Path(sim.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, tmp_path / "sim", ignore=ignored)
    there = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = forked.run(["-c", EDITS], tmp_path, there)
    assert done.returncode == 0, done.stderr
    here, seen = provenance.source_digest(), set()
    for name, (ran, changed, refused, after) in json.loads(done.stdout).items():
        assert ran == here
        assert changed == [name]
        assert f"changed after it was imported ({name}); start Python" in refused
        seen.add(after)
    assert len(seen) == 3 and here not in seen


def test_the_schema_is_that_of_what_is_written(run: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(describe.SCHEMA.read_text(encoding="utf-8"))
    assert schema == validation.provenance_schema()
    record = json.loads((run / "provenance.json").read_bytes())
    jsonschema.validate(record, schema)
    assert set(record) <= set(schema["properties"])
    for wrong in ({"seed": -1}, {"files": ["a"]}, {"software": {"name": "x"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(record | wrong, schema)
