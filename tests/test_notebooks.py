"""The notebooks: each runs clean and offline, and says what its source makes it say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.minds import scripted
from sim.runs.result import Result

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("jupytext", reason="jupytext is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

from IPython.core.formatters import DisplayFormatter  # noqa: E402

from notebooks import execute  # noqa: E402

ROOT = Path(__file__).parents[1]
EIGHT = 8
MOST_BYTES = 3_000_000  # of all notebooks with their outputs
MOST_OF_A_TRANSCRIPT = 300_000
SCRIPT = "<script>x()</script>"  # short, or events say "1 agent"
SHOWN = ("image/png", "text/html")

# Lets a Python and all its children reach this machine, and no other.
OFFLINE = """
import socket

HERE = ("127.0.0.1", "::1", "localhost")
connect, look_up = socket.socket.connect, socket.getaddrinfo

def stay(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in HERE:
        raise OSError(f"offline: {address}")
    return connect(self, address)

def stay_here(host, *rest, **options):
    if host not in (*HERE, None, ""):
        raise OSError(f"offline: {host}")
    return look_up(host, *rest, **options)

socket.socket.connect, socket.getaddrinfo = stay, stay_here
"""

each = pytest.mark.parametrize("source", execute.sources(), ids=lambda one: one.stem)


def cells(notebook: Any, kind: str) -> list[str]:
    """Return the texts of all cells of a kind."""
    return [cell["source"] for cell in notebook.cells if cell["cell_type"] == kind]


def outputs(notebook: Any) -> list[Any]:
    """Return all outputs of a notebook."""
    return [one for cell in notebook.cells for one in cell.get("outputs", [])]


def displayed(thing: Any) -> dict[str, str]:
    """Return what a notebook shows of a thing, by MIME type."""
    formatter = DisplayFormatter()
    formatter.active_types = formatter.format_types
    return dict(formatter.format(thing)[0])


# ------------------------------------------------------------------- as they are kept


def test_there_are_eight_and_their_list_names_them() -> None:
    names = [source.stem for source in execute.sources()]
    assert [name[0] for name in names] == [str(n) for n in range(1, EIGHT + 1)]
    listed = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}.ipynb)" in listed for name in names)


@each
def test_a_notebook_asks_and_says_what_was_found(source: Path) -> None:
    texts = cells(execute.read(source), "markdown")
    question = re.search(r"\*\*Question:\s(.+?\?)\*\*", texts[0], re.DOTALL)
    assert texts[0].startswith("# ")
    assert question is not None
    assert texts.count("## What was found") == 1
    listed = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    asked = " ".join(question[1].split())
    assert asked[0].upper() + asked[1:] in listed


@each
def test_a_notebook_says_what_one_learns_and_what_one_needs(source: Path) -> None:
    first = " ".join(execute.stored(source).cells[0]["source"].split())
    names = ("You will learn", "You should know", "It takes")
    found = re.search(" - ".join(rf"\*\*{name}\*\* (.+)" for name in names), first)
    assert found is not None
    points = found[1].split("; ")
    assert 2 <= len(points) <= 4
    assert all(point.startswith("to ") for point in points)


@each
def test_a_notebook_has_exercises_with_solutions_that_ran(source: Path) -> None:
    kept = execute.stored(source).cells
    starts = [cell["source"].partition("\n")[0] for cell in kept]
    place = starts.index("## Exercises")
    exercises = re.findall(r"^(\d)\. \*\*.+?\*\*", kept[place]["source"], re.MULTILINE)
    assert len(exercises) >= 2
    headings = [start for start in starts[place:] if start.startswith("###")]
    assert headings == [f"### A solution of exercise {number}" for number in exercises]
    for heading in headings:
        solution = kept[starts.index(heading) + 1]
        following = kept[starts.index(heading) + 1 : starts.index("## What next")]
        ran = [cell for cell in following if cell["cell_type"] == "code"]
        assert solution["cell_type"] == "code"
        assert solution["outputs"]
        assert all(cell["execution_count"] for cell in ran)
    assert starts.index("## What was found") < place
    assert starts[-1] == "## What next"


def test_each_notebook_leads_to_the_next() -> None:
    names = [source.stem for source in execute.sources()]
    for source, following in zip(
        execute.sources(), [*names[1:], names[0]], strict=True
    ):
        assert f"]({following}.ipynb)" in execute.stored(source).cells[-1]["source"]


@each
def test_a_figure_has_alternative_text_that_is_computed(source: Path) -> None:
    kept = execute.stored(source)
    said = " ".join(" ".join(execute.texts(kept)).split())
    figures = [one for one in outputs(kept) if "image/png" in one.get("data", {})]
    words = [code for code in cells(kept, "code") if execute.IN_WORDS in code]
    assert len(words) == len(figures) > 0
    for figure in figures:
        alternative = figure["metadata"]["image/png"]["alt"]
        assert f"{execute.IN_WORDS} {alternative}" in said
        assert re.search(r"\d", alternative)
    for code in words:
        assert re.search(r"\{\w+[^{}]*\}", code.partition(execute.IN_WORDS)[2])


def test_a_run_can_be_played_in_the_first_notebook() -> None:
    kept = execute.stored(execute.sources()[0])
    pages = [one["data"].get("text/html", "") for one in outputs(kept) if "data" in one]
    assert any("<iframe" in "".join(page) for page in pages)


@each
def test_a_notebook_is_that_of_its_source(source: Path) -> None:
    made, kept = execute.read(source), execute.stored(source)
    known = [(cell["cell_type"], cell["source"]) for cell in made.cells]
    assert [(cell["cell_type"], cell["source"]) for cell in kept.cells] == known, (
        f"{source.name} has changed since; run: make notebooks"
    )


@each
def test_a_notebook_has_run_clean_and_shows_something(source: Path) -> None:
    kept = execute.stored(source)
    found = outputs(kept)
    kinds = {kind for one in found for kind in one.get("data", {})}
    assert not [one for one in found if one["output_type"] == "error"]
    assert not [one for one in found if one.get("name") == "stderr"]
    assert kinds & set(SHOWN)
    sources = [cell["source"] for cell in kept.cells]
    said = kept.cells[sources.index("## What was found") + 1]
    assert said["outputs"][0]["data"].get("text/markdown")
    ran = [cell["execution_count"] for cell in kept.cells if "outputs" in cell]
    assert ran == list(range(1, len(ran) + 1))


@each
def test_a_notebook_keeps_nothing_that_changes_by_itself(source: Path) -> None:
    kept = execute.stored(source)
    assert kept.metadata == execute.METADATA
    assert not any(cell["metadata"] for cell in kept.cells)
    told = "\n".join(execute.texts(kept))
    assert not re.search(r"/tmp/|object at 0x|\b20\d\d-\d\d-\d\dT", told)
    pages = [one["data"].get("text/html", "") for one in outputs(kept) if "data" in one]
    assert not [page for page in pages if "<script" in "".join(page).lower()]


def test_the_notebooks_are_small() -> None:
    sizes = [one.with_suffix(".ipynb").stat().st_size for one in execute.sources()]
    assert sum(sizes) < MOST_BYTES
    for name in ("cast.jsonl", "bank.jsonl"):
        transcript = ROOT / "notebooks" / name
        assert transcript.stat().st_size < MOST_OF_A_TRANSCRIPT


# ------------------------------------------------------------------------ as they run


# `.ci/run` executes all of them; this is the one that could ask a model.
@pytest.mark.slow
def test_a_notebook_runs_offline_and_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(OFFLINE)
    unwanted = {"OPENAI_API_KEY", "OPENAI_BASE_URL", "MPLBACKEND"}
    kept = {name: text for name, text in os.environ.items() if name not in unwanted}
    before = sorted((ROOT / "notebooks").iterdir())
    done = subprocess.run(
        [sys.executable, "-B", execute.__file__, "8_a_cast", "--check"],
        env=kept
        | {"PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path)}
        | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "the same as" in done.stdout, f"{done.stdout}; run: make notebooks"
    assert sorted((ROOT / "notebooks").iterdir()) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["sitecustomize.py"]


@pytest.mark.slow
def test_a_notebook_that_raises_fails_and_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "1_wrong.py").write_text("# %%\nraise ValueError('as it must')\n")
    (tmp_path / "2_right.py").write_text("# %%\n1 + 1\n")
    script = shutil.copy(execute.__file__, tmp_path)
    command = [sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "1_wrong.py: a cell raises" in done.stderr
    assert "as it must" in done.stderr
    assert not (tmp_path / "1_wrong.ipynb").exists()
    assert '"text/plain": [\n       "2"' in (tmp_path / "2_right.ipynb").read_text()


def test_an_unknown_notebook_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        execute.main(["9_nothing"])
    assert refused.value.code == 2
    assert "no notebook '9_nothing'" in capsys.readouterr().err


def test_a_kernel_gets_no_key_and_the_code_beside_the_notebooks() -> None:
    given = {"OPENAI_API_KEY": "secret", "HOME": "here", "PYTHONPATH": "mine"}
    found = execute.environment(given, "place")
    assert "secret" not in found.values()
    assert found["HOME"] == "here"
    assert found["PYTHONPATH"].split(os.pathsep) == [str(ROOT), "mine"]


# --------------------------------------------------------------------- hostile texts


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Return a run in which agents have a script for a name, and say one."""
    monkeypatch.setattr(scripted, "WORDS", (SCRIPT,))
    monkeypatch.setattr("sim.utils.names.OS_NAMES", (SCRIPT,))
    city = sim.scenario("her").replace(humans=40, innovation=0.1, warming=0.5)
    mind = sim.MindOptions(kind="scripted", cast=6, talks=1.0)
    return sim.run(city, steps=40, out=tmp_path / "run", mind=mind)


def test_hostile_names_and_words_are_inert_in_tables(hostile: Result) -> None:
    tables = {
        "events": hostile.events,
        "talks": hostile.speech.talks,
        "calls": hostile.speech.calls,
    }
    for name, table in tables.items():
        assert SCRIPT in table.to_string(), name
        page = displayed(table)["text/html"]
        assert "<script" not in page, name
        assert "&lt;script" in page, name


def test_other_things_of_ours_display_themselves_as_text(hostile: Result) -> None:
    society = sim.Society("her", humans=20)
    society.step()
    person = society.agents[0]
    things = [hostile.speech, society.agents, person]
    things += [hostile.graph(), society.monitor]
    for thing in things:
        assert set(displayed(thing)) == {"text/plain"}


def test_what_is_worked_with_has_a_card(hostile: Result) -> None:
    society = sim.Society("her", seed=3, humans=20)
    society.step()
    bad = sim.scenario("her").model_copy(update={"title": SCRIPT, "story": SCRIPT})
    for thing, words in (
        (hostile, ("her, seed 0", "<dt>days</dt><dd>40</dd>", "grief,")),
        (society, ("<dt>seed</dt><dd>3</dd>", "<dt>day</dt><dd>1</dd>")),
        (bad, ("her: &lt;script", "<dd>600, 1,500</dd>")),
    ):
        page = displayed(thing)["text/html"]
        assert "<script" not in page
        for some in words:
            assert some in page, (some, page)
