"""The site: its sources have all there is, and Sphinx builds them without a warning."""

from __future__ import annotations

import importlib.util
import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from conftest import ROOT

import sim
from sim import scenarios
from sim.cli import parser
from sim.cli.plot import FIGURES
from sim.docs import checks, site
from sim.events.kinds import SHIPPED
from sim.events.measures import MEASURES
from sim.model.columns import HUMAN_COLUMNS, OS_COLUMNS
from sim.runs.schemas import TIES_SCHEMA
from sim.scenarios.interventions import LEVERS
from sim.scenarios.outcomes import OUTCOMES
from sim.utils.errors import InputError


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return site.reference()


def test_every_public_name_has_a_page(pages: dict[str, str]) -> None:
    wanted = set(dir(sim)) - {"__version__"}
    names = {f"reference/names/{name}.md" for name in wanted}
    assert names == {page for page in pages if page.startswith("reference/names/")}
    listed = re.findall(
        r"\[sim\.\w+\]\((names/\w+\.md)\)", pages["reference/python.md"]
    )
    assert {f"reference/{one}" for one in listed} == names


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("parameters", [*sim.Parameters.model_fields]),
        ("events", [kind for kind in SHIPPED if kind != "intervention"]),
        ("scenarios", scenarios.names()),
        ("interventions", [*LEVERS]),
        ("columns", [column.name for column in (*HUMAN_COLUMNS, *OS_COLUMNS)]),
        ("columns", [*MEASURES, *TIES_SCHEMA.names]),
        ("outcomes", [*OUTCOMES]),
    ],
)
def test_all_there_is_has_an_entry(
    pages: dict[str, str], page: str, words: list[str]
) -> None:
    text = pages[f"reference/{page}.md"]
    assert not [word for word in words if f"`{word}`" not in text]


def test_every_command_is_described(pages: dict[str, str]) -> None:
    (commands,) = (one for one in parser()._actions if one.dest == "command")
    headings = re.findall(r"^## (\S+)$", pages["reference/command_line.md"], re.M)
    assert headings == list(commands.choices or {})


def test_the_gallery_shows_every_figure() -> None:
    text = site.gallery()
    assert not [name for name in FIGURES if f"`plots.{name}`" not in text]
    images = re.findall(r"\]\((results/\S+\.png)\)", text)
    assert len(images) == len([one for one in images if (ROOT / one).is_file()]) > 3


def test_documents_are_in_british_spelling() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "sim" / "docs").rglob("*.md")]
    assert len(pages) > 20
    found = {page.name: [*checks.american(page.read_text("utf-8"))] for page in pages}
    assert not {name: words for name, words in found.items() if words}


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#there">b</a><a href="#top">a</a>'
        '<a href="b.html#gone">b</a><a href="c.html">c</a><img src="d.png">'
        '<a href="https://example.org/none">elsewhere</a>'
    )
    (tmp_path / "b.html").write_text('<p id="there">B</p>')
    found = checks.broken(tmp_path)
    assert [one.split()[1] for one in found] == ["b.html#gone", "c.html", "d.png"]


class Pages(BaseHTTPRequestHandler):
    """A site of one page."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/there" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_page_of_another_site_that_is_gone_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        site = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        page = tmp_path / "a.html"
        page.write_text(f'<a href="{site}/there">a</a><a href="{site}/gone">b</a>')
        assert checks.unreachable(tmp_path) == [f"{site}/gone: 404"]
        server.shutdown()
    with pytest.raises(InputError, match="try it with a network"):
        checks.unreachable(tmp_path)


def test_a_misspelt_word_is_found(tmp_path: Path) -> None:
    pytest.importorskip("codespell_lib", reason="codespell is not installed")
    (tmp_path / "page.md").write_text("It is seperate.\n\nThe color `color`.\n")
    found = checks.misspelt(tmp_path)
    assert [one.partition(":")[2] for one in found] == [
        "3: color ==> colour",
        "1: seperate ==> separate",
    ]


def test_every_document_is_on_the_site() -> None:
    listed = {page for _, _, known in site.PARTS.values() for page in known}
    documents = {f"sim/docs/{one.stem}" for one in (ROOT / "sim/docs").glob("*.md")}
    assert documents - listed == {"sim/docs/paper"}


def test_without_sphinx_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(site, "assemble", lambda place: None)
    monkeypatch.setattr(site, "NEEDED", ("no_such_package",))
    with pytest.raises(SystemExit) as end:
        site.main([str(tmp_path)])
    assert end.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith("the site needs no_such_package: pip install '.[docs]'")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Sphinx's parts about each other
def test_the_site_is_built_without_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if any(importlib.util.find_spec(one) is None for one in site.NEEDED):
        pytest.skip("Sphinx is not installed: extra 'docs'")
    assert site.main([str(tmp_path)]) == 0, capfd.readouterr().err
    links = re.findall(
        r'href="([\w/.]+\.html)', (tmp_path / "html/index.html").read_text()
    )
    assert "reference.html" in links
    assert all((tmp_path / "html" / link).is_file() for link in links)
