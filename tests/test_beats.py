"""The count of the story's beats: in which groups OSes leave."""

from __future__ import annotations

import runpy
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from sim.model.codes import DEPARTED, HERE


@pytest.fixture(scope="module")
def beats() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "experiments" / "beats.py"))


def left(*rows: int, of: int) -> np.ndarray:
    """Return the statuses of OSes of which some have departed."""
    status = np.full(of, HERE)
    status[[*rows]] = DEPARTED
    return status


def test_who_was_in_a_collective_of_which_one_leaves_is_of_one_group(
    beats: dict[str, Any],
) -> None:
    """0 to 3 are one collective and 4 to 6 another; 7 is in none, 8 comes late."""
    groups = beats["Groups"]()
    collective = np.array([0, 0, 0, 0, 4, 4, 4, -1])
    groups.take(collective, left(of=8), left(0, of=8))
    groups.take(np.full(8, -1), left(0, of=8), left(0, 1, 2, 7, of=9))
    assert groups.sizes() == [3]  # 3 stays, and 7 leaves by itself
    groups.take(collective, left(0, 1, 2, 7, of=8), left(0, 1, 2, 4, 5, 6, 7, of=9))
    assert groups.sizes() == [3, 3]


def test_collectives_that_share_one_that_left_are_of_one_group(
    beats: dict[str, Any],
) -> None:
    groups = beats["Groups"]()
    groups.take(np.array([0, 0, -1, -1]), left(of=4), left(0, of=4))
    groups.take(np.array([-1, 1, 1, 1]), left(0, of=4), left(0, 1, 2, of=4))
    groups.take(np.full(4, -1), left(0, 1, 2, of=4), left(0, 1, 2, 3, of=4))
    assert groups.sizes() == [4]


def test_a_story_in_which_nobody_leaves_has_no_group(beats: dict[str, Any]) -> None:
    row = beats["observe"](0, "her", {"humans": 20, "steps": 5})
    assert (row["groups"], row["largest_group"], row["left"]) == (0, 0, 0.0)
