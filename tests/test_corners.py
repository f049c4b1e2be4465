"""Every accepted value of a parameter gives a society that lives, whatever the others.

`experiments/benchmarks/corners.py` looks at a thousand random corners and at all
parameters at both ends; here are a few of them, and what it takes for a violation.
"""

from __future__ import annotations

import importlib.util
import itertools
import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sim.model.parameters import Parameters, fits
from sim.society import Society

FILE = Path(__file__).parents[1] / "experiments" / "benchmarks" / "corners.py"


@pytest.fixture(scope="module")
def corners() -> ModuleType:
    """Return the program, as a module."""
    found = importlib.util.spec_from_file_location("corners", FILE)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_societies_live_at_corners_of_what_parameters_may_be(
    corners: ModuleType,
) -> None:
    for number, (name, corner) in enumerate(corners.corners(5, seed=3)):
        if number < 5 or name in ("all lowest", "all highest"):
            assert (name, corners.live(corner, 50, 5, number)[0]) == (name, "")


def test_a_run_at_a_corner_is_kept_and_read_back(corners: ModuleType) -> None:
    for corner in (corners.drawn(random.Random(1)), {"ties": 0.0, "love": 0.0}):
        assert corners.kept_whole(corner, 20, 4, seed=0) == ""


def test_both_ends_of_every_parameter_are_among_the_corners(
    corners: ModuleType,
) -> None:
    seen = dict(corners.corners(0, seed=0))
    assert set(Parameters.model_fields) - corners.APART == set(corners.NAMES)
    for name, word in itertools.product(corners.NAMES, ("lowest", "highest")):
        (value,) = seen[f"{name} {word}"].values()
        assert fits(name, value)
        beyond = value - 1 if word == "lowest" else value + 1
        assert isinstance(value, bool) or not fits(name, beyond)


@pytest.mark.parametrize(
    ("column", "value"), [("loneliness", np.nan), ("grief", np.inf)]
)
def test_what_is_no_number_is_a_violation(
    corners: ModuleType, column: str, value: float
) -> None:
    society = Society("her", seed=0, humans=20, steps=2)
    society.step()
    assert corners.faults(society) == []
    society.state.humans.column(column)[3] = value
    assert f"humans.{column} is not finite" in corners.faults(society)


def test_what_raises_is_a_violation_and_a_refusal_is_told(
    corners: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Society) -> None:
        raise ZeroDivisionError("by no one")

    assert corners.live({"love": 2.0}, 20, 2, 0)[0].startswith("refused: parameter")
    monkeypatch.setattr(Society, "step", broken)
    assert corners.live({}, 20, 2, 0)[0] == "ZeroDivisionError: by no one"
