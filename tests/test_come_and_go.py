"""People who come and go: born, dead, moved in and away, as mechanisms ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick import QUICK, differing

import sim
from sim.mechanisms import registry
from sim.model.columns import OWNER, PARTNER
from sim.model.presence import ALIVE, DEAD, MOVED_AWAY, TO_COME
from sim.scenarios import Scenario
from sim.society import Society

EXAMPLES = Path(__file__).parents[1] / "experiments" / "mechanisms"
LIFE_COURSE = EXAMPLES / "life_course.py"
# Lives so quick that within a year many are born, die, and move.
FAST = {
    "newcomers": 400,
    "birth_rate": 2.0,
    "last_birth": 100.0,
    "accidents": 0.5,
    "moving_rate": 0.5,
}
SMALL = QUICK | {"humans": 60, "steps": 40}
ASKS = """
from sim.mechanisms import Mechanism

M = Mechanism("mine", "", rows={"humans": 5})


@M.process(before="present", over="society", reads=("humans.life",), writes=(
    "humans.death_request", "humans.leave_request", "humans.birth_request",
    "humans.arrival_request", "humans.tie_request", "humans.under_age",
))
def ask(s):
    day, n = s.day.step, len(s.humans.life) - 5
"""


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Let every test begin with no mechanism in use, and leave none behind."""
    registry._in_use.clear()
    yield
    registry._in_use.clear()


def small(*mechanisms: Any, **changes: Any) -> Scenario:
    return sim.scenario("her").replace(**SMALL).use(*mechanisms).replace(**changes)


def asking(folder: Path, *lines: str, **changes: Any) -> Society:
    """Return a society with 5 people to come, of which a process asks something."""
    file = folder / "mine.py"
    file.write_text(ASKS + "".join(f"    {line}\n" for line in lines or ("pass",)))
    return Society(small(file, **changes), seed=1)


def lived(society: Society, days: int) -> Society:
    for _ in range(days):
        society.step()
    return society


def check_whole(society: Society) -> None:
    """Look whether all that must hold of people who come and go does today."""
    state = society.state
    humans, n = state.humans, state.humans.n
    there = humans.life == ALIVE
    rows, absent = np.arange(n), np.flatnonzero(~there)
    came, gone = humans.came_step >= 0, humans.gone_step >= 0
    assert (there == (came & ~gone)).all()
    assert ((humans.life == TO_COME) == ~came).all()
    assert (gone <= came).all()
    ties = state.ties.table()
    owner, other = ties["owner"], ties["neighbour"]
    assert not np.isin(owner, absent).any() and not np.isin(other, absent).any()
    pair, turned = np.lexsort((other, owner)), np.lexsort((owner, other))
    for one, same in ((owner, other), (other, owner)):
        assert (one[pair] == same[turned]).all()
    assert (ties["closeness"][pair] == ties["returned"][turned]).all()
    assert (np.diff(owner[pair].astype(np.int64) << 32 | other[pair]) > 0).all()
    for name in ("os", "partner", "former", "meets"):
        assert (humans.column(name)[absent] == -1).all(), name
    for name in ("hours_humans", "hours_oses", "choice", "loneliness", "human_ties"):
        assert (humans.column(name)[absent] == 0).all(), name
    partnered = np.flatnonzero(humans.partner >= 0)
    assert (humans.partner[humans.partner[partnered]] == partnered).all()
    joined = (ties["kind"] & PARTNER) > 0
    assert (humans.partner[owner[joined]] == other[joined]).all()
    owners = np.flatnonzero(humans.os >= 0)
    assert (state.oses.owner[humans.os[owners]] == owners).all()
    owned = (ties["kind"] & OWNER > 0) & (owner < n)
    assert there[owner[owned]].all()
    for meets in (humans.meets, state.oses.meets, humans.former):
        met = meets[(meets >= 0) & (meets < n)]
        assert there[met].all()
    assert society.monitor.latest("alive") == there.sum()
    adopted = (humans.os[there] >= 0).mean() if there.any() else 0.0
    assert society.monitor.latest("adopted") == pytest.approx(adopted)
    assert (society.living(sim.Human) == rows[there]).all()
    for name in humans.columns:
        if name.endswith("_request"):
            default = -1 if name == "tie_request" else 0
            assert (humans.column(name) == default).all(), name


# -------------------------------------------------------------------------- what holds


def test_on_every_day_those_who_are_not_there_are_in_nothing() -> None:
    society = Society(small(LIFE_COURSE, steps=200, **FAST), seed=1)
    before = society.state.humans.life.copy()
    for _ in range(200):
        society.step()
        check_whole(society)
        life = society.state.humans.life
        changed = before != life
        begun, ended = before[changed] == TO_COME, before[changed] == ALIVE
        assert (begun | ended).all()
        assert (life[changed][begun] == ALIVE).all()
        before = life.copy()
    many = np.bincount(society.state.humans.life, minlength=4)
    assert many[DEAD] >= 10 and many[MOVED_AWAY] >= 10
    born = society.state.humans.parent >= 0
    assert born.sum() >= 10
    came = (society.state.humans.came_step > 0).sum()
    assert many[ALIVE] == 60 + came - many[DEAD] - many[MOVED_AWAY]


def test_without_a_mechanism_that_is_on_there_are_no_rows_and_the_same_bytes() -> None:
    plain = lived(Society(small(), seed=1), 30)
    off = lived(Society(small(LIFE_COURSE, life_course=False), seed=1), 30)
    assert not differing(plain.state, off.state)
    assert "alive" not in plain.monitor.history.columns()
    assert off.monitor.latest("alive") == 60


def test_rows_to_come_change_nothing_for_those_who_are_there(tmp_path: Path) -> None:
    known = {"strangers": 0.5, "adoption": False}
    few = lived(asking(tmp_path, **known), 30)
    plain = lived(Society(small(**known), seed=1), 30)
    series = few.monitor.history.columns()
    for name, column in plain.monitor.history.columns().items():
        assert (column == series[name]).all(), name
    check_whole(few)
