"""The page of a report: valid, accessible, on its own, and inert whatever is in it."""

from __future__ import annotations

import csv
import html
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import whole_story
from reported import ADDRESS, FORMULA, HOSTILE, copied, undrawn

import sim
from sim.app import fragments
from sim.app.history import AgentStory
from sim.cli import main
from sim.runs import export
from sim.runs.export import rows
from sim.runs.parquet import write_table
from sim.runs.result import Result
from sim.runs.schemas import TALKS_SCHEMA
from sim.utils.html import POLICY, STYLE, code, element, safe
from sim.utils.html import UNSEEN as UNSEEN_CHARACTERS
from sim.utils.html import page as page_of
from sim.utils.html import table as table_of

pytest.importorskip("html5lib", reason="html5lib is not installed: extra 'dev'")
accessible: Any = pytest.importorskip("accessible")

UNSEEN = "a\x00b\x1bc\ud800d\ufffee\u202ef"
FIGURES = 8


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return the quick story with few snapshots, all of which a report reads."""
    return whole_story(tmp_path_factory, every=50)


@pytest.fixture(scope="module")
def page(told: Result) -> str:
    """Return the report of a quick story of 80 humans."""
    return sim.report(told)


# ------------------------------------------------------------------ valid, accessible


@pytest.mark.slow
def test_a_report_is_valid_accessible_and_alone(page: str) -> None:
    assert accessible.faults(page) == []
    assert page.count("<img") == FIGURES
    assert "Content-Security-Policy" in page
    assert "default-src &#x27;none&#x27;" in page
    for rule in (
        "@media print",
        "break-inside: avoid",
        ":focus-visible",
        ".skip:focus",
    ):
        assert rule in page
    assert len(page) < 2_500_000


GOOD = (
    '<!doctype html>\n<html lang="en"><head><title>t</title><style>{style}</style>'
    '</head><body><a href="#m">skip</a><h1>one</h1><main id="m">{inside}</main></body>'
    "</html>"
)
PLAIN = "body {{ color: {ink}; background: #ffffff; }}"
BAD = {
    "<p>open<div>": "not valid",
    "<h3>three</h3>": "from h1 to h3",
    "<h2></h2>": "an empty h2",
    "<h1>two</h1>": "2 headings of the first rank",
    '<img src="data:image/png;base64,x" alt="plot">': "an image says only 'plot'",
    '<img src="http://x/y.png">': "loads 'http://x/y.png'",
    "<figure>x</figure>": "a figure has no caption",
    "<table><tbody><tr><td>1</td></tr></tbody></table>": "a table has no caption",
    "<table><caption>c</caption><tbody><tr><td>1</td></tr></tbody></table>": "no heads",
    "<table><caption>c</caption><tbody><tr><th>1</th></tr></tbody></table>": "no scope",
    '<p id="m"></p>': "id m 2 times",
    '<p aria-labelledby="gone"></p>': "labelled by gone",
    '<div tabindex="0">x</div>': "can be focused and has no name",
    '<input id="i">': "no label for a input",
    '<a href="#gone">x</a>': "nothing is at #gone",
    '<a href="https://x">x</a>': "a link leads to 'https://x'",
    '<a href="javascript:x()">x</a>': "a script in href",
    '<a href="#m"></a>': "an empty link",
    "<script>x()</script>": "a script element",
    '<p onclick="x()">x</p>': "onclick on a p",
    '<p style="background: url(x)">x</p>': "style loads url(",
}


def test_a_good_page_has_no_fault() -> None:
    style = PLAIN.format(ink="#000000")
    assert accessible.faults(GOOD.format(style=style, inside="<h2>two</h2>")) == []


@pytest.mark.parametrize("inside", BAD)
def test_each_check_can_fail(inside: str) -> None:
    found = accessible.faults(GOOD.format(style="", inside=inside))
    assert any(BAD[inside] in fault for fault in found), found


@pytest.mark.parametrize(
    ("part", "instead", "said"),
    [
        (' lang="en"', "", "no language"),
        ("<title>t</title>", "<title></title>", "no title"),
        ('href="#m"', 'href="#x"', "does not skip to the main part"),
        ("<h1>one</h1>", "", "0 headings of the first rank"),
    ],
)
def test_each_check_of_the_whole_page_can_fail(
    part: str, instead: str, said: str
) -> None:
    page = GOOD.format(style="", inside="").replace(part, instead)
    assert any(said in fault for fault in accessible.faults(page))


def test_faint_colours_are_found_in_the_dark_too() -> None:
    assert accessible.contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert accessible.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    grey = PLAIN.format(ink="#777777")
    assert list(accessible.faint(grey)) == [
        "body: #777777 on #ffffff has a contrast of 4.48"
    ]
    dark = "@media (prefers-color-scheme: dark) { p { color: #f0f0f0; } }"
    style = PLAIN.format(ink="#000000") + dark
    assert list(accessible.faint(style)) == []
    assert list(accessible.faint(style, dark=True))


@pytest.mark.parametrize(("colour", "dark"), [("#505860", False), ("#b4bac2", True)])
def test_a_fainter_colour_of_the_report_would_be_found(colour: str, dark: bool) -> None:
    style = STYLE.read_text()
    assert list(accessible.faint(style, dark)) == []
    assert style.count(colour) == 1
    assert list(accessible.faint(style.replace(colour, "#7a7a7a"), dark))


# ------------------------------------------------------------------------------ inert


@pytest.mark.parametrize(
    "figures", [undrawn, pytest.param(nullcontext, marks=pytest.mark.slow)]
)
def test_hostile_words_are_inert(told: Result, tmp_path: Path, figures: Any) -> None:
    mind = {"model": HOSTILE, "calls": 3, "failures": {HOSTILE: 1}}
    lever = {"name": HOSTILE, "at": 3, "set": {HOSTILE: HOSTILE}}
    place = copied(
        told,
        tmp_path / "run",
        scenario=f"{HOSTILE} {ADDRESS} $\\frac{{1}}$",
        command=f"{HOSTILE} {FORMULA}",
        platform=UNSEEN.replace("\ud800", ""),  # which no run can hold
        profile=HOSTILE,
        mind=mind,
        interventions=[lever],
        network={"name": HOSTILE, "sha256": HOSTILE},
        parameters=told.provenance["parameters"] | {HOSTILE: HOSTILE},
    )
    events = told.events.drop(columns="who").assign(kind=HOSTILE, evidence=HOSTILE)
    schema = pq.read_schema(told.path / "events.parquet")
    table = pa.Table.from_pandas(events, schema, preserve_index=False)
    write_table(place / "events.parquet", table)
    line = {"step": 3, "kind": HOSTILE, "agent": 1, "other": 90, "act": HOSTILE}
    said = [HOSTILE, FORMULA, ADDRESS, "\x00\x1b\u202e" + "x" * 9999]
    names = {"speaker": HOSTILE, "listener": HOSTILE}
    talks = pa.Table.from_pylist(
        [line | names | {"said": s} for s in said], TALKS_SCHEMA
    )
    write_table(place / "talks.parquet", talks)
    with figures():
        page = sim.report(place)
    assert accessible.faults(page) == []
    assert "<script" not in page
    assert "<img src=x" not in page
    assert page.count(html.escape(HOSTILE)) > 20
    assert "What the cast said" in page
    assert not UNSEEN_CHARACTERS.search(page)


OBEYED = "\x1b]0;pwned\x07 \u202egnp.exe"


@pytest.mark.slow
def test_no_terminal_and_no_page_obeys_what_was_said(
    told: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = copied(told, tmp_path / "run", mind={"model": "m", "calls": 1})
    line = {"step": 3, "kind": "encounter", "agent": 1, "other": 90, "act": "continue"}
    names = {"speaker": OBEYED, "listener": OBEYED, "said": OBEYED}
    talks = pa.Table.from_pylist([line | names], TALKS_SCHEMA)
    write_table(place / "talks.parquet", talks)
    assert main(["transcript", str(place)]) == 0
    text = capsys.readouterr().out
    assert r"\x1b]0;pwned\x07 \u202egnp.exe" in text
    assert main(["transcript", str(place), "--html"]) == 0
    page = capsys.readouterr().out
    story = AgentStory(1, OBEYED, OBEYED, [], [], 0, [], {}, ((3, OBEYED, OBEYED),))
    with undrawn():
        pages = [page, sim.report(place), fragments.story(story)]
    for shown in pages:
        assert "\ufffd]0;pwned\ufffd \ufffdgnp.exe" in shown
    for shown in [text, *pages]:
        assert not UNSEEN_CHARACTERS.search(shown)
    assert 'http-equiv="Content-Security-Policy"' in page
    assert html.escape(POLICY) in page
    assert accessible.faults(page) == []


def test_what_is_no_html_is_escaped_wherever_it_stands() -> None:
    made = element("p", HOSTILE, code(HOSTILE), title=HOSTILE)
    escaped = html.escape(HOSTILE)
    assert made == f'<p title="{escaped}">{escaped}<code>{escaped}</code></p>'
    assert safe(UNSEEN) == "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf"
    assert "&lt;script" in table_of(HOSTILE, [HOSTILE], [[HOSTILE]])
    assert "<script" not in page_of(HOSTILE, HOSTILE, [HOSTILE], [])


def test_no_cell_of_a_csv_file_is_a_formula(
    told: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of no file that export writes, whatever OSes call themselves."""
    monkeypatch.setattr(rows, "os_name", lambda _: FORMULA)
    monkeypatch.setattr(rows, "STATUS", [FORMULA] * 5)
    monkeypatch.setattr(rows, "TIES", (FORMULA, "@SUM(A1)", "+1"))
    out = str(tmp_path / "ties.csv")
    assert main(["export", str(told.path), "--out", out, "--step", "100"]) == 0
    files = sorted(tmp_path.glob("*.csv"))
    assert len(files) == 2
    cells = [
        cell
        for file in files
        for row in csv.reader(file.read_text().splitlines())
        for cell in row
        if cell.startswith(export.FORMULA)
    ]
    assert [cell for cell in cells if not re.fullmatch(r"-\d+(\.\d+)?", cell)] == []
    assert any(f"'{FORMULA}" in file.read_text().replace('""', '"') for file in files)


@pytest.mark.slow
def test_the_same_run_gives_the_same_words(told: Result, tmp_path: Path) -> None:
    with undrawn():
        first = sim.report(told)
        assert sim.report(copied(told, tmp_path / "elsewhere")) == first


@pytest.mark.slow
def test_the_same_run_and_code_give_the_same_bytes(
    told: Result, page: str, tmp_path: Path
) -> None:
    assert sim.report(copied(told, tmp_path / "elsewhere")) == page


# ------------------------------------------------------------------------- a browser


@pytest.fixture(scope="module")
def report_of_the_film(film: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("her") / "report.html"
    assert main(["report", str(film.path), "--out", str(out)]) == 0
    return out


@pytest.mark.slow
def test_the_report_of_the_film_is_small(report_of_the_film: Path) -> None:
    assert report_of_the_film.stat().st_size < 5_000_000
    text = report_of_the_film.read_text(encoding="utf-8")
    assert accessible.faults(text) == []


@pytest.mark.slow
def test_the_report_opens_offline_asks_nobody_and_can_be_printed(
    report_of_the_film: Path, chromium: Any
) -> None:
    errors: list[str] = []
    asked: list[str] = []
    context = chromium.new_context(viewport={"width": 390, "height": 800})
    context.set_offline(True)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report_of_the_film.as_uri())
    seen = page.evaluate(
        "[...document.images].map(image => image.complete && image.naturalWidth)"
    )
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    reached = page.evaluate("document.activeElement.id")
    pages = page.pdf(format="A4").count(b"/Type /Page\n")
    context.close()
    assert errors == []
    visited = [url for url in asked if not url.startswith("data:")]
    assert visited == [report_of_the_film.as_uri()]
    assert len(seen) == FIGURES
    assert all(seen)
    assert wide == 390  # nothing sticks out of a phone's window
    assert reached == "content"
    assert pages < 30
