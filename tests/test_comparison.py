"""Lines of code are counted right, and the document of comparisons is current."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.mechanisms import registry

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))
sys.path.insert(
    0, str(Path(__file__).parents[1] / "experiments" / "benchmarks" / "implementations")
)

import comparison
import facilities
import trust_in_mesa

ROOT = Path(__file__).parents[1]
COUPLES = comparison.EXAMPLES / "couples.py"
SOURCE = '''"""What it is.

More of it.
"""

import sim  # a comment

M = Mechanism(
    "m",
    # alone on its line
    "a text",
)
NOTE = """not
a docstring"""


@M.process()
def one(i, s):
    """Do something."""
    return i


def main():
    print("figures")
'''


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Let every test begin with no mechanism in use, and leave none behind."""
    registry._in_use.clear()
    yield
    registry._in_use.clear()


def test_comments_blank_lines_and_docstrings_are_no_code(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text(SOURCE)
    assert sorted(comparison.code_lines(SOURCE)) == [
        *(6, 8, 9, 11, 12, 13, 14),
        *(17, 18, 20, 23, 24),
    ]
    assert comparison.lines_of(file) == (10, 12)


def test_without_a_mechanism_the_change_ends_before_main(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text("x = 1\n\n\ndef f():\n    return x\n\n\nif x:\n    f()\n")
    assert comparison.lines_of(file) == (3, 5)
    file = tmp_path / "m.toml"
    file.write_text("# why\ntitle = 'one'\n\n[parameters]\nhumans = 3\n")
    assert comparison.lines_of(file) == (3, 3)


def test_the_document_is_current() -> None:
    """If not: python experiments/comparison.py --write."""
    text = comparison.DOCUMENT.read_text(encoding="utf-8")
    assert text == comparison.current(text)
    assert set(comparison.TABLES) == {
        m["name"] for m in comparison.BLOCK.finditer(text)
    }


def test_every_facility_was_tried_on_every_example_that_is_there() -> None:
    """If not: python experiments/facilities.py --out results/facilities.csv."""
    known = {
        file.name
        for file in comparison.EXAMPLES.iterdir()
        if file.suffix == ".toml"
        or (file.suffix == ".py" and "Mechanism(" in file.read_text(encoding="utf-8"))
    }
    assert comparison.trials().keys() == known
    head = comparison.TRIED.read_text(encoding="utf-8").partition("\n")[0]
    assert head.split(",")[1:] == list(facilities.FACILITIES)


@pytest.mark.slow
def test_facilities_are_tried_and_a_failure_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = {
        n: facilities.FACILITIES[n] for n in ("run", "provenance", "tables", "fork")
    }
    monkeypatch.setattr(facilities, "FACILITIES", some)
    assert set((facilities.tried(COUPLES) or {}).values()) == {"yes"}
    # No run was made that could be forked.
    monkeypatch.setattr(facilities, "FACILITIES", {"fork": facilities.forked})
    found = facilities.tried(COUPLES)
    assert found is not None
    assert "InputError" in found["fork"]
    assert facilities.tried(ROOT / "experiments" / "comparison.py") is None


def test_trust_in_mesa_follows_the_rule_of_the_example() -> None:
    society = trust_in_mesa.TrustingSociety(humans=12)
    trust: dict[int, list[float]] = {}
    for _ in range(20):
        society.step()
        for one in society.agents:
            before = trust.get(one.unique_id, [0.0] * len(one.closeness))
            gaps = [c - t for c, t in zip(one.closeness, before, strict=True)]
            after = [
                t + (0.02 if gap > 0.0 else 0.2) * gap
                for t, gap in zip(before, gaps, strict=True)
            ]
            assert one.trust == pytest.approx(after)
            assert one.felt == pytest.approx(one.loneliness * (1 - 0.5 * max(after)))
            trust[one.unique_id] = after
