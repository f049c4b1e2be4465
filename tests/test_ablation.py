"""Ablation: which mechanisms a story needs, and what the others change."""

from __future__ import annotations

import json
import math
import runpy
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from quick import QUICK
from test_check import write

import sim
from sim import scenarios
from sim.cli import main
from sim.model.parameters import Parameters
from sim.studies import ablation
from sim.studies.ablation import MECHANISMS
from sim.utils.errors import InputError
from sim.utils.stats import mean_interval, wilson

TRIVIAL = {"adoption", "departure"}


@pytest.fixture(scope="module")
def quick() -> scenarios.Scenario:
    return scenarios.load("her-film-cut").replace(**QUICK)


@pytest.fixture(scope="module")
def table(quick: scenarios.Scenario) -> pd.DataFrame:
    some = ["peers", "insight", "grieving"]
    found = sim.ablate(quick, mechanisms=some, outcome="grief_area", seeds=3)
    return found.set_index("off")


@pytest.mark.slow
def test_there_is_a_row_for_each_mechanism_and_no_needless_pair(
    table: pd.DataFrame,
) -> None:
    assert list(table.index) == [
        "nothing",
        "peers",
        "insight",
        "grieving",
    ]
    assert (table["runs"] == 3).all()


@pytest.mark.slow
def test_some_mechanisms_are_necessary_for_departure(table: pd.DataFrame) -> None:
    assert table.loc["nothing", "departure"] == 1.0
    assert table.loc["peers", "departure"] == 0.0
    needed = table.index[table["necessary"]].tolist()
    assert needed == ["peers", "insight"]


@pytest.mark.slow
def test_others_change_grief_but_not_departure(table: pd.DataFrame) -> None:
    without = table.loc["grieving"]
    assert without["departure"] == 1.0
    assert without["mean"] == 0.0
    assert without["difference_high"] < 0.0


@pytest.mark.slow
def test_intervals_hold_what_they_are_about(table: pd.DataFrame) -> None:
    for name in ("mean", "difference", "departure"):
        known = table.dropna(subset=[f"{name}_low", f"{name}_high"])
        assert not known.empty
        assert (known[f"{name}_low"] <= known[name] + 1e-9).all()
        assert (known[name] <= known[f"{name}_high"] + 1e-9).all()
    full = table.loc["nothing"]
    assert full["difference"] == 0  # and no interval of what does not vary
    assert np.isnan([full["difference_low"], full["difference_high"]]).all()
    assert (table["difference"] - (table["mean"] - full["mean"])).abs().max() < 1e-9


def test_by_default_all_that_is_on_is_switched_off(
    monkeypatch: pytest.MonkeyPatch, quick: scenarios.Scenario
) -> None:
    seen: list[dict[str, Any]] = []

    def observe_all(jobs: Any, **_: Any) -> list[dict[str, float]]:
        seen.extend(scenarios.changes(one) for one, _ in jobs)
        return [{"left": 1.0} for _ in jobs]

    monkeypatch.setattr(ablation, "observe_all", observe_all)
    deaf = quick.replace(disclosure=0.0)
    rows = sim.ablate(deaf, pairs=False, seeds=1)["off"].tolist()
    assert "disclosure" not in rows
    assert {"nothing", "peers", "growth", "conformity"} <= set(rows)
    assert len(seen) == len(rows)
    count = len(rows) - 1
    assert len(sim.ablate(deaf, seeds=1)) == 1 + count + count * (count - 1) // 2


def test_all_rows_start_from_a_network_that_is_given() -> None:
    ring = pd.DataFrame({"source": range(12), "target": [*range(1, 12), 0]})
    small = scenarios.load("her").replace(steps=1)
    asked: dict[str, Any] = {"mechanisms": ["peers"], "seeds": 1, "pairs": False}
    found = sim.ablate(
        small, outcome="people", functions={"people": people}, network=ring, **asked
    )
    assert found["mean"].tolist() == [12.0, 12.0]


def people(society: sim.Society) -> float:
    """Return how many there are."""
    return float(society.state.humans.n)


def test_what_is_necessary_alone_is_not_paired(
    monkeypatch: pytest.MonkeyPatch, quick: scenarios.Scenario
) -> None:
    def observe_all(jobs: Any, **_: Any) -> list[dict[str, float]]:
        return [{"left": float(one.parameters.insight)} for one, _ in jobs]

    monkeypatch.setattr(ablation, "observe_all", observe_all)
    asked = ["insight", "touch", "relief", "stigma"]
    found = sim.ablate(quick, mechanisms=asked, seeds=2).set_index("off")
    assert found.index[found["necessary"]].tolist() == ["insight"]
    pairs = [off for off in found.index if "+" in off]
    assert pairs == ["touch + relief", "touch + stigma", "relief + stigma"]


def test_a_pair_is_necessary_only_if_neither_is_alone() -> None:
    off = [(), ("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]
    told = ablation.necessary(off, [1.0, 0.95, 1.0, 0.05, 0.0, 0.0, 0.0])
    needed = [one for one, is_needed in zip(off, told, strict=True) if is_needed]
    assert needed == [("c",), ("a", "b")]
    assert not any(ablation.necessary(off, [0.5, 0, 0, 0, 0, 0, 0]))


def test_every_switch_of_the_model_is_a_mechanism() -> None:
    switches = {n for n, v in Parameters().model_dump().items() if v is True}
    named = {name for changes in MECHANISMS.values() for name in changes}
    assert switches - TRIVIAL <= named
    for changes in MECHANISMS.values():
        Parameters().replace(**changes)


@pytest.mark.slow
def test_the_day_of_an_event_counts_where_it_happened(
    quick: scenarios.Scenario,
) -> None:
    asked = {"mechanisms": ["insight"], "outcome": "upgrade", "pairs": False}
    found = sim.ablate(quick, seeds=2, **asked).set_index("off")
    assert found["runs"].tolist() == [2, 0]
    assert math.isnan(found.loc["insight", "mean"])
    assert found.loc["nothing", "mean"] > 0.0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"mechanisms": ["peer"]}, r"unknown mechanism 'peer'; did you mean 'peers'\?"),
        ({"mechanisms": ["xyz"]}, "'xyz'; there are uninstalling, "),
        ({"outcome": "lefft"}, r"did you mean 'left'\?"),
        ({"seeds": 0}, "at least one seed"),
    ],
)
def test_what_is_not_known_is_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        sim.ablate("her", **asked)


# ------------------------------------------------------------------ the study of pairs

PAIRS = ROOT / "experiments" / "ablation" / "pairs.py"


def test_only_what_is_not_necessary_alone_is_paired() -> None:
    study = runpy.run_path(str(PAIRS))
    alone = pd.DataFrame(
        {
            "off": ["nothing", "peers", "touch", "relief"],
            "departure": [1.0, 0.0, 0.5, 1.0],
        }
    )
    assert study["free"](alone) == ["touch", "relief"]
    sets = study["sets_of"](["touch", "relief", "stigma"])
    assert sets[:4] == [(), ("touch",), ("relief",), ("stigma",)]
    assert sets[4:] == [
        ("touch", "relief"),
        ("touch", "stigma"),
        ("relief", "stigma"),
    ]


def test_a_run_of_the_study_ends_once_half_have_left() -> None:
    half_gone = runpy.run_path(str(PAIRS))["half_gone"]

    def ends(departed: float, here: float, offline: float) -> bool:
        now = {"departed": [9.0, departed], "here": [9.0, here], "offline": [offline]}
        return bool(half_gone(SimpleNamespace(monitor=SimpleNamespace(history=now))))

    assert ends(5.0, 3.0, 2.0)
    assert not ends(5.0, 4.0, 2.0)
    assert not ends(0.0, 0.0, 0.0)


def test_a_pair_without_which_nobody_leaves_is_found() -> None:
    """Without both no OS leaves; without one half have left ten and 20 days later."""
    days = [*(100.0, 120.0), *(110.0, 140.0), *(90.0, 120.0), *(240.0, 240.0)]
    design = SimpleNamespace(seed_list=[0, 1])
    times = pd.DataFrame({"time": days, "observed": [one < 240.0 for one in days]})
    found = SimpleNamespace(design=design, times={"half_departed": times}.__getitem__)
    off = [(), ("touch",), ("relief",), ("touch", "relief")]
    table = runpy.run_path(str(PAIRS))["table"](found, off).set_index("off")
    assert table["departed"].tolist() == [2, 2, 2, 0]
    assert table["necessary"].tolist() == [False, False, False, True]
    assert table.loc["touch", ["half", "later"]].tolist() == [125.0, 15.0]
    ends = mean_interval(np.array([10.0, 20.0]))
    assert table.loc["touch", ["later_low", "later_high"]].tolist() == [*ends]
    assert np.isnan(table.loc["touch + relief", "later"])
    assert table["high"].tolist()[3] == wilson(0, 2)[1]


@pytest.mark.slow
def test_the_study_of_pairs_gives_its_committed_table(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(ROOT)
    told = [str(PAIRS), "--small", "--check", "--sweeps", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*told, "--workers", "1"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(PAIRS), run_name="__main__")
    assert ended.value.code == 0, capsys.readouterr()


# ------------------------------------------------------------------ the command line


@pytest.fixture
def brief(tmp_path: Any) -> list[str]:
    file = write(tmp_path, "mine", "")
    return ["ablate", file, "--seeds", "1", "--workers", "1", "--mechanisms", "peers"]


@pytest.mark.slow
def test_the_command_prints_the_table(
    brief: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(brief) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("nothing ")
    assert lines[3].startswith("peers ")
    assert lines[3].endswith("  necessary")


def test_the_command_speaks_json(
    brief: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    hushed = ["--humans", "30", "--steps", "5", "--outcome", "upgrade", "--json"]
    assert main([*brief, *hushed]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"] == "upgrade"
    assert [row["off"] for row in told["rows"]] == ["nothing", "peers"]
    assert told["rows"][0]["mean"] is None
    assert told["rows"][0]["necessary"] is False


@pytest.mark.slow
def test_the_table_can_be_kept(
    brief: list[str], tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "deep" / "table.csv"
    assert main([*brief, "--steps", "5", "--humans", "30", "--out", str(place)]) == 0
    kept = pd.read_csv(place)
    assert kept["off"].tolist() == ["nothing", "peers"]
    assert main([*brief, "--steps", "5", "--humans", "30", "--out", "/dev/null/x"]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_the_command_lists_mechanisms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ablate", "her", "--mechanisms", "list"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in MECHANISMS)


def test_the_command_refuses_what_it_does_not_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["ablate", "her", "--mechanisms", "peers,insigt"]) == 2
    assert "did you mean 'insight'?" in capsys.readouterr().err
    assert main(["ablate", "her", "--outcome", "griefmax"]) == 2
    assert main(["ablate", "hr"]) == 2
