"""The site: its sources have all there is, and Sphinx builds them without a warning."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from conftest import ROOT

import sim
from sim import scenarios
from sim.cli import parser
from sim.docs import site
from sim.events.kinds import SHIPPED
from sim.model.columns import HUMAN_COLUMNS, OS_COLUMNS
from sim.scenarios.interventions import LEVERS


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return site.reference()


def test_every_public_name_has_a_page(pages: dict[str, str]) -> None:
    names = {f"reference/names/{name}.md" for name in sim.__all__}
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
    ],
)
def test_all_there_is_has_an_entry(
    pages: dict[str, str], page: str, words: list[str]
) -> None:
    text = pages[f"reference/{page}.md"]
    assert not [word for word in words if f"`{word}`" not in text]


def test_every_command_is_described(pages: dict[str, str]) -> None:
    (commands,) = (one for one in parser()._actions if isinstance(one.choices, dict))
    headings = re.findall(r"^## (\S+)$", pages["reference/command_line.md"], re.M)
    assert headings == list(commands.choices or {})


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
