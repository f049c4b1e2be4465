"""The study of news: one half-life meets N62, and what that makes of N60 is printed."""

from __future__ import annotations

import importlib.util
import math
from types import ModuleType

import pytest
from conftest import ROOT

import sim


@pytest.fixture(scope="module")
def news() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "news", ROOT / "experiments" / "news.py"
    )
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_one_half_life_meets_the_three_numbers_of_n62(news: ModuleType) -> None:
    """That depends on no society; 0.459 a week is a half-life of 6.2 days."""
    assert news.half_life_of_two(0) == pytest.approx(
        7 * math.log(2) / -math.log(1.07 / 2.33)
    )
    first, second, _ = news.weeks_of(4.0, 0)
    assert second / first == pytest.approx(0.5 ** (7 / 4))
    assert news.misfit(4.8, 0) < news.misfit(6.0, 0) < 3.84 < news.misfit(13.0, 0)
    for late in range(news.WEEK):
        assert news.misfit(news.half_life_of_two(late), late) < 3.84


@pytest.mark.slow
def test_the_study_prints_what_n60_would_be(
    news: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    town = sim.scenario("characterai-2025").replace(humans=60, steps=450)
    news.tell_of_societies(town, 6.0, 1)
    told = capsys.readouterr().out
    lines = [line for line in told.splitlines() if " to " in line[61:]]
    rows = {line[:61].strip(): float(line[61:].split()[0]) for line in lines}
    assert rows["worry after news halves in, days"] == pytest.approx(6.0, abs=0.05)
    full, half = (
        rows[f"N60 (1.68; 1.4 to 2), threat of the lawsuit {n}"] for n in ("1", "0.5")
    )
    assert half - 1 == pytest.approx(2 * (full - 1), abs=0.03)
    assert 1.0 < full < 1.4
