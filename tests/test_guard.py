"""Shipped code that was replaced while the program runs is refused, never run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from quick import QUICK
from sweep_runs import at_home

import sim
from sim import events
from sim.engine import guard
from sim.model import processes, rules
from sim.model.kernels import talk
from sim.society import Society
from sim.utils.errors import InputError


def nothing(*_: Any) -> float:
    return 0.0


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (rules, "grow", nothing),
        (talk, "present", nothing),
        (processes, "PHASES", processes.PHASES[1:]),
        (processes, "advance", nothing),
    ],
    ids=lambda what: what if isinstance(what, str) else "",
)
def test_what_was_replaced_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Any, name: str, value: Any
) -> None:
    society = Society("her", humans=20)
    monkeypatch.setattr(place, name, value)
    says = rf"^{place.__name__}\.{name} was replaced while the program runs"
    with pytest.raises(InputError, match=says):
        Society("her", humans=20)
    with pytest.raises(InputError, match=says):
        sim.run("her-film-cut", out=tmp_path / "run", parameters=QUICK)
    assert not any(tmp_path.iterdir())
    monkeypatch.undo()
    society.step()
    assert not guard.replaced()


def test_a_measure_that_workers_would_not_know_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(events.MEASURES, "mine", nothing)
    with pytest.raises(InputError, match=r"measures\.MEASURES was replaced"):
        at_home(tmp_path / "sweep")
    assert not any(tmp_path.iterdir())


REPLACED = """
from sim.model import rules

rules.grow = lambda *given: 0.0
from sim.society import Society
from sim.model import processes

try:
    Society("her", humans=20)
except Exception as error:
    print(error)
"""


@pytest.mark.slow
def test_it_is_noticed_though_replaced_before_the_society_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REPLACED], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("sim.model.rules.grow was replaced")


def test_no_loop_is_kept_once_code_was_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sim.engine.cache import LoopCache

    kept: list[Any] = []
    monkeypatch.setattr(
        "numba.core.caching.FunctionCache.save_overload",
        lambda self, sig, data: kept.append(sig),
    )
    cache = object.__new__(LoopCache)
    cache.save_overload("before", None)
    monkeypatch.setattr(rules, "grow", nothing)
    cache.save_overload("after", None)
    assert kept == ["before"]
