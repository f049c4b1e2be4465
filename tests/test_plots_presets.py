"""Figures for a column of a journal: as wide as that, and legible there."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from legible import complaints, unlabelled
from matplotlib.figure import Figure

from sim import plots
from sim.cli import main, plot
from sim.runs.figure_names import FIGURES, TWO_COLUMNS
from sim.runs.result import Result
from sim.utils.errors import InputError

TALLEST = 9.7  # inches of a page
QUICKLY_DRAWN = ("survival",)
GRID = pd.DataFrame({"x": [0, 0, 1, 1], "y": [0, 1, 0, 1], "outcome": [1, 2, 3, 4]})


def drawn(result: Result, name: str, preset: str) -> Figure:
    """Return a figure that is legible, and no higher than a page."""
    figure: Figure = result.plot(name, preset=preset)
    assert figure.get_figwidth() == plots.PRESETS[preset]
    assert figure.get_figheight() <= TALLEST
    assert complaints(figure, in_print=True) == []
    assert unlabelled(figure) == []
    return figure


@pytest.mark.parametrize("name", QUICKLY_DRAWN)
def test_a_figure_fits_into_a_column(told: Result, name: str) -> None:
    narrow, wide = drawn(told, name, "single"), drawn(told, name, "double")
    assert narrow.get_figwidth() < wide.get_figwidth()
    assert told.plot(name).get_figwidth() == 12.0  # as on a screen, afterwards


@pytest.mark.slow
@pytest.mark.parametrize("preset", plots.PRESETS)
@pytest.mark.parametrize(
    "name", [name for name in FIGURES if name not in QUICKLY_DRAWN]
)
def test_every_figure_fits_into_a_column(told: Result, name: str, preset: str) -> None:
    if preset == "single" and name in TWO_COLUMNS:
        with pytest.raises(InputError, match="takes the preset double"):
            told.plot(name, preset=preset)
    else:
        drawn(told, name, preset)


@pytest.mark.slow
def test_events_in_a_column_have_numbers_with_a_key(told: Result) -> None:
    figure = drawn(told, "timeline", "single")
    key = [text.get_text() for text in figure.legends[0].get_texts()]
    kinds = {str(kind).replace("_", " ") for kind in told.events["kind"]}
    assert {re.sub(r"\d+  (.*) \(day.*", r"\1", line) for line in key} == kinds
    numbers = [text.get_text() for text in figure.axes[-1].texts]
    assert numbers[0].startswith("1")
    assert numbers[-1].endswith(str(len(key)))


def test_a_pdf_is_as_wide_as_a_column_and_carries_its_fonts(
    told: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "survival.pdf"
    wanted = ["--what", "survival", "--preset", "single", "--out", str(file)]
    assert main(["plot", str(told.path), *wanted]) == 0
    page = file.read_bytes()
    assert b"/MediaBox [ 0 0 252 " in page  # points
    assert b"/FontFile2" in page  # TrueType
    assert b"/Type3" not in page


def test_who_asks_for_another_column_hears_which_there_are(
    told: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"no preset 'singel'.*single and double"):
        told.plot("survival", preset="singel")
    with pytest.raises(InputError, match="takes no preset"), plots.preset("double"):
        plots.heat_map(GRID, plots.Map("x", "y", "outcome"))
    assert tuple(plots.PRESETS) == plot.PRESETS
    film = ["plot", str(told.path), "--what", "film", "--preset", "double"]
    assert main(film) == 2
    assert "not with --what film" in capsys.readouterr().err
