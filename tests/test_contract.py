"""The contract of a mechanism: examples keep it, and whatever breaks it is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from quick import QUICK

import sim
from sim.mechanisms import registry
from sim.studies import contract
from sim.utils.errors import InputError

EXAMPLES = Path(__file__).parents[1] / "experiments" / "mechanisms"
TOWN = sim.scenario("her-film-cut").replace(**QUICK | {"humans": 20, "steps": 14})
HEAD = """
import numpy as np
from sim.mechanisms import Column, Mechanism, real

MINE = Mechanism(
    "mine",
    "Something that breaks the contract.",
    columns={"humans": [Column("mark", "f4", "0..1", "a mark")]},
)
"""


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Let every test begin with no mechanism in use, and leave none behind."""
    registry._in_use.clear()
    yield
    registry._in_use.clear()


def checked(folder: Path, text: str) -> list[str]:
    """Return what holds for a mechanism whose file has some more lines."""
    file = folder / "mine.py"
    file.write_text(HEAD + text)
    return sim.check_mechanism(file, scenario=TOWN)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gossip", "income"])
def test_the_examples_keep_it(name: str) -> None:
    found = sim.check_mechanism(EXAMPLES / f"{name}.py", scenario=TOWN)
    assert found == list(contract.HELD)


def test_a_column_that_is_read_and_not_declared(tmp_path: Path) -> None:
    text = """
@MINE.process(after="grow", over="humans", writes=["humans.mark"])
def look(i, s):
    s.humans.mark[i] = s.humans.grief[i]
"""
    with pytest.raises(InputError, match=r"mine.look uses 'grief', which is not there"):
        checked(tmp_path, text)


@pytest.mark.slow
def test_a_column_that_is_written_and_only_read(tmp_path: Path) -> None:
    text = """
@MINE.process(after="grow", over="humans", reads=["humans.grief"])
def soothe(i, s):
    s.humans.grief[i] = 0.0
"""
    with pytest.raises(InputError, match=r"mine.soothe writes a column that it does"):
        checked(tmp_path, text)


@pytest.mark.slow
@pytest.mark.parametrize("over", ["humans", "society"])
def test_ties_are_not_written(tmp_path: Path, over: str) -> None:
    arguments = "i, s" if over == "humans" else "s"
    text = f"""
@MINE.process(after="grow", over="{over}", reads=["ties.closeness"])
def estrange({arguments}):
    s.ties.closeness[0] = 0.0
"""
    with pytest.raises(InputError, match=r"mine.estrange writes a column that it does"):
        checked(tmp_path, text)


@pytest.mark.slow
def test_a_function_of_the_society_has_what_it_declares(tmp_path: Path) -> None:
    text = """
@MINE.process(after="grow", over="society", reads=["humans.growth"])
def look(s):
    s.humans.growth.mean() + s.humans.grief.mean()
"""
    with pytest.raises(InputError, match=r"mine.look uses 'grief', which is not there"):
        checked(tmp_path, text)


def test_a_row_that_reads_what_another_row_writes(tmp_path: Path) -> None:
    text = """
@MINE.process(after="grow", over="humans", writes=["humans.mark"])
def follow(i, s):
    s.humans.mark[i] = 0.5 * s.humans.mark[i - 1] + 0.25 if i > 0 else 1.0
"""
    with pytest.raises(InputError, match=r"mine.follow depends on the order of rows"):
        checked(tmp_path, text)


@pytest.mark.slow
def test_a_compiled_function_that_is_not_the_plain_one(tmp_path: Path) -> None:
    """What stands beside it is fixed when it is compiled, and moves on in Python."""
    text = """
COUNT = 0


class Clock:
    def tick(self):
        global COUNT
        COUNT = 1


@MINE.process(before="grow", over="society", reads=["humans.growth"])
def tick(s):
    Clock().tick() if s.day.step > 1 else None


@MINE.process(after="grow", over="humans", writes=["humans.mark"])
def mark(i, s):
    s.humans.mark[i] = 0.5 * COUNT
"""
    with pytest.raises(InputError, match=r"mine.mark differs from its plain function"):
        checked(tmp_path, text)


@pytest.mark.slow
def test_a_plain_function_that_breaks(tmp_path: Path) -> None:
    text = """
@MINE.process(after="grow", over="humans", writes=["humans.mark"])
def divide(i, s):
    s.humans.mark[i] = 1.0 / (1.0 + 1.0 / s.humans.mark[i])
"""
    with pytest.raises(InputError, match=r"its plain function breaks \(ZeroDivision"):
        checked(tmp_path, text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("0.0 / s.humans.mark[i]", "writes what is no finite number to humans.mark"),
        ("2.0 + s.humans.mark[i]", "which is within 0 to 1"),
    ],
)
def test_a_number_that_is_none_or_out_of_range(
    tmp_path: Path, value: str, what: str
) -> None:
    text = f"""
@MINE.process(after="grow", over="humans", writes=["humans.mark"])
def mark(i, s):
    s.humans.mark[i] = {value}
"""
    with pytest.raises(InputError, match=what):
        checked(tmp_path, text)


@pytest.mark.slow
def test_chance_that_has_no_stream(tmp_path: Path) -> None:
    text = """
@MINE.process(after="grow", over="society", writes=["humans.mark"])
def gamble(s):
    s.humans.mark[:] = np.random.default_rng().random(len(s.humans.mark))
"""
    with pytest.raises(InputError, match=r"mine: the same seed gives another run"):
        checked(tmp_path, text)


@pytest.mark.slow
def test_what_is_remembered_beside_the_columns(tmp_path: Path) -> None:
    text = """
SEEN = []


@MINE.process(after="grow", over="society", writes=["humans.mark"])
def remember(s):
    SEEN.append(0.01)
    s.humans.mark[:] = min(1.0, sum(SEEN))
"""
    with pytest.raises(InputError, match=r"mine: .*differs from a whole one|another"):
        checked(tmp_path, text)


@pytest.mark.slow
def test_what_is_remembered_from_the_first_day_on(tmp_path: Path) -> None:
    text = """
FIRST = {}


@MINE.process(after="grow", over="society", writes=["humans.mark"])
def remember(s):
    if s.day.step == 1:
        FIRST["day"] = 0.5
    s.humans.mark[:] = FIRST.get("day", 0.0)
"""
    what = "a run continued from a checkpoint differs from a whole one"
    with pytest.raises(InputError, match=what):
        checked(tmp_path, text)


def test_a_file_that_changes_the_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switched off, such a file would still change bytes."""
    from sim.model import rules

    monkeypatch.setattr(rules, "grow", rules.grow)  # and put it back afterwards
    text = "from sim.model import rules\nrules.grow = lambda *given: 0.0\n"
    with pytest.raises(InputError, match=r"sim.model.rules.grow was replaced"):
        checked(tmp_path, text)
