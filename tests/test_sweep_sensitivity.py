"""Sensitivity indices: right where the answer is known, refused where points lack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sweep_runs import Here, spoil_ledger

from sim.society import Society
from sim.studies import Sweep, sweep
from sim.studies.sensitivity import filled_in, indices
from sim.utils.errors import InputError

pytest.importorskip("SALib")

RANGES = {"loneliness_pull": [0.0, 1.0], "acceptance_pull": [0.0, 1.0]}
STILL = {"base": {"humans": 1, "steps": 0}, "outcomes": ["adopted_end", "first_love"]}


def weighted(society: Society) -> float:
    """Return a sum whose variance one parameter makes nine tenths of."""
    told = society.parameters
    return 3.0 * told.loneliness_pull + told.acceptance_pull


def constant(society: Society) -> float:
    """Return the same for everyone."""
    return 1.0


def swept(place: Path, sample: dict[str, object]) -> Sweep:
    own = {"weighted": weighted, "constant": constant}
    return sweep(STILL | sample, Here(), out=place, functions=own)


@pytest.mark.slow
def test_sobol_shares_out_the_variance(tmp_path: Path) -> None:
    found = swept(tmp_path / "s", {"sobol": {"n": 64, **RANGES}})
    table = indices(found, "weighted")
    for name, share in (("loneliness_pull", 0.9), ("acceptance_pull", 0.1)):
        row = table.loc[name]
        assert row["S1_low"] <= share <= row["S1_high"]
        assert row["ST_low"] <= share <= row["ST_high"]
    assert table.attrs["filled"] == 0


@pytest.mark.slow
def test_morris_finds_the_size_of_each_effect(tmp_path: Path) -> None:
    found = swept(tmp_path / "s", {"morris": {"n": 6, **RANGES}})
    table = indices(found, "weighted")
    assert table["mu_star"].to_dict() == pytest.approx(
        {"loneliness_pull": 3.0, "acceptance_pull": 1.0}
    )
    assert table["sigma"].to_numpy() == pytest.approx(np.zeros(2), abs=1e-9)


@pytest.mark.slow
def test_an_incomplete_design_is_refused_or_says_how_it_was_filled(
    tmp_path: Path,
) -> None:
    found = swept(tmp_path / "s", {"morris": {"n": 2, **RANGES}})
    one = "(SELECT min(run) FROM runs)"
    spoil_ledger(tmp_path / "s", f"UPDATE runs SET outcomes = NULL WHERE run = {one}")
    with pytest.raises(InputError, match=r"1 of 6 points have no 'weighted'.*--resume"):
        indices(found, "weighted")
    table = indices(found, "weighted", fill="mean")
    assert (table.attrs["filled"], table.attrs["fill"]) == (1, "mean")
    with pytest.raises(InputError, match="no point has 'first_love'"):
        indices(found, "first_love", fill="mean")


@pytest.mark.slow
def test_what_has_no_indices_is_refused(tmp_path: Path) -> None:
    found = swept(tmp_path / "s", {"morris": {"n": 2, **RANGES}})
    with pytest.raises(InputError, match="did you mean 'weighted'"):
        indices(found, "weighed")
    with pytest.raises(InputError, match="the same at all points"):
        indices(found, "constant")
    grid = {"grid": {"loneliness_pull": [0.1, 0.2]}}
    with pytest.raises(InputError, match="is a grid design"):
        indices(swept(tmp_path / "g", grid), "weighted")


def test_filling_says_what_it_can_do() -> None:
    values = np.array([1.0, np.nan, 3.0])
    assert filled_in(values, "x", "mean")[0].tolist() == [1.0, 2.0, 3.0]
    assert filled_in(values, "x", "worst")[0].tolist() == [1.0, 3.0, 3.0]
    assert filled_in(values, "x", 9.0)[0].tolist() == [1.0, 9.0, 3.0]
    with pytest.raises(InputError, match="one of mean, worst"):
        filled_in(values, "x", "least")
