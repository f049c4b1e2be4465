"""A scenario as a function of parameters, for inference; censored times; twins."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from quick import QUICK
from sweep_runs import Here

import sim
from sim.cli import main
from sim.events.kinds import EVENTS
from sim.scenarios.outcomes import AGAINST_TWIN, meaning
from sim.studies import outcomes
from sim.studies.inference import CENSORED, MISSING, OBSERVED, Simulator
from sim.studies.survival import median, within
from sim.utils.errors import InputError

NAMES = ["imitation", "human_circle", "peers"]
WANTED = ["left", "first_love", "upgrade", "first_love to upgrade", "contact_after"]


@pytest.fixture(scope="module")
def town() -> sim.Scenario:
    """Return a quick story of few people, which ends before anybody upgrades."""
    return sim.scenario("her-film-cut").replace(**QUICK | {"humans": 40, "steps": 90})


@pytest.fixture(scope="module")
def simulate(town: sim.Scenario) -> Simulator:
    return sim.simulator(town, NAMES, WANTED)


def test_it_gives_what_a_sweep_gives(simulate: Simulator, tmp_path: Path) -> None:
    base = sim.scenarios.changes(simulate.scenario)
    about = {"scenario": "her-film-cut", "seeds": [3], "outcomes": WANTED}
    design = about | {"base": base | {"imitation": 0.1}}
    row = sim.sweep(design, Here(), out=tmp_path / "sweep").table().iloc[0]
    found = simulate([0.1, 50, 1.0], seed=3)
    seen = found.flags == OBSERVED
    assert seen.any()
    assert found.values[seen].tolist() == row[WANTED].to_numpy(float)[seen].tolist()
    assert row[WANTED][~seen].isna().all()


def test_what_has_not_happened_yet_is_censored_not_missing(
    simulate: Simulator,
) -> None:
    values, flags = simulate(simulate.usual, seed=3)
    told = dict(
        zip(WANTED, zip(values.tolist(), flags.tolist(), strict=True), strict=True)
    )
    assert told["upgrade"] == (90.0, CENSORED)
    day, flag = told["first_love"]
    assert flag == OBSERVED
    assert told["first_love to upgrade"] == (90.0 - day, CENSORED)
    assert math.isnan(told["contact_after"][0])
    assert told["contact_after"][1] == MISSING


def test_it_can_be_sent_to_a_worker(simulate: Simulator) -> None:
    theta = [0.1, 49.6, 0.0]
    copy = pickle.loads(pickle.dumps(simulate))
    one, other = simulate(theta, 1), copy(theta, 1)
    assert np.array_equal(one.values, other.values, equal_nan=True)
    parameters = copy.at(theta).parameters
    assert (parameters.human_circle, parameters.peers) == (50, False)
    assert copy.ranges[0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("theta", "says"),
    [
        ([0.1], "theta is 3 numbers"),
        ([0.1, 50, math.nan], "'peers' is nan"),
        ([7.0, 50, 1], "'imitation' must be a number from 0 to 1"),
        ("abc", "theta holds numbers"),
    ],
)
def test_wrong_parameters_are_refused(
    simulate: Simulator, theta: object, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        simulate(theta, 0)


@pytest.mark.parametrize(
    ("names", "wanted", "says"),
    [
        (["imitatoin"], ["left"], "did you mean 'imitation'"),
        (["reach", "reach"], ["left"], "'reach' is named twice"),
        (["reach"], ["lef"], "did you mean 'left'"),
        ([], ["left"], "give parameters as a list"),
        (["reach"], "left", "give outcomes as a list"),
    ],
)
def test_unknown_names_are_refused(names: list[str], wanted: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        sim.simulator("her-film-cut", names, wanted)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------ times


def test_a_sweep_tells_times_of_events_as_censored(
    town: sim.Scenario, tmp_path: Path
) -> None:
    base = sim.scenarios.changes(town)
    design = {"base": base, "seeds": 2, "outcomes": ["first_love", "upgrade", "left"]}
    found = sim.sweep(design, Here(), out=tmp_path / "sweep")
    times = found.times("upgrade")
    assert times["time"].tolist() == [90.0, 90.0]
    assert not times["observed"].any()
    assert found.times("first_love")["observed"].all()
    for name, says in (("left", "no day of an event"), ("upgrad", "did you mean")):
        with pytest.raises(InputError, match=says):
            found.times(name)


def test_times_of_scenarios_end_with_their_own_days(tmp_path: Path) -> None:
    names = []
    for days in (3, 5):
        file = tmp_path / f"days{days}.toml"
        told = f'title = "T"\nstory = "S"\n[parameters]\nsteps = {days}\nhumans = 6\n'
        file.write_text(told)
        names.append(str(file))
    design = {"grid": {"scenario": names}, "seeds": 1, "outcomes": ["upgrade"]}
    found = sim.sweep(design, Here(), out=tmp_path / "sweep")
    assert found.times("upgrade")["time"].tolist() == [3.0, 5.0]


def test_times_of_runs_that_a_rule_ended_end_then(
    town: sim.Scenario, tmp_path: Path
) -> None:
    design = {"base": sim.scenarios.changes(town), "seeds": 1, "outcomes": ["upgrade"]}
    until = {"measure": "adopted", "above": 0.1}
    found = sim.sweep(design | {"until": until}, Here(), out=tmp_path / "sweep")
    (time,) = found.times("upgrade")["time"]
    assert 0.0 < time == found.table()["days"][0] < 90.0


def test_shares_within_days_are_those_of_kaplan_and_meier() -> None:
    """Six leukaemia patients by hand: 1, 2, 2+, 4, 5+, 6 (a + is censored)."""
    days = pd.DataFrame(
        {
            "time": [1, 2, 2, 4, 5, 6],
            "observed": [True, True, False, True, False, True],
        }
    )
    table = within(days, [1, 2, 4, 6])
    by_hand = [1 - 5 / 6, 1 - 5 / 6 * 4 / 5, 1 - 4 / 6 * 2 / 3, 1.0]
    assert table["share"].tolist() == pytest.approx(by_hand)
    assert (table["low"] <= table["share"]).all()
    assert (table["share"] <= table["high"]).all()
    assert table["median"].tolist() == [4.0] * 4


def test_beyond_the_longest_run_nothing_is_known() -> None:
    days = pd.DataFrame({"time": [90.0, 90.0], "observed": [False, False]})
    table = within(days, [90, 91])
    assert table["share"].tolist()[0] == 0.0
    assert math.isnan(table["share"][1])
    assert table["median"].tolist() == [math.inf] * 2
    assert median([3.0, 5.0], [True, True]) == 3.0
    with pytest.raises(InputError, match="more than 0 days"):
        within(days, [0])
    with pytest.raises(InputError, match="'horizons'"):
        within(days, ["soon"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="no column 'place'"):
        within(days, [90], by=["place"])


# ------------------------------------------------------------------------------ twins


def test_a_twin_is_the_same_society_without_oses(town: sim.Scenario) -> None:
    closed = town.pull("sudden_shutdown", 20)
    for one in (town.without_oses(), closed.without_oses()):
        society = sim.Society(one, seed=2)
        for _ in range(40):
            society.step()
        assert society.state.oses.n == 0
    one, other = (sim.Society(s, seed=2) for s in (town, town.without_oses()))
    humans = one.state.humans, other.state.humans
    assert humans[0].acceptance.tolist() == humans[1].acceptance.tolist()


def test_an_outcome_against_the_twin_is_the_paired_difference(
    town: sim.Scenario,
) -> None:
    bare = ["human_closeness_end", "loneliness_end"]
    names = [name + AGAINST_TWIN for name in bare]
    found = sim.simulator(town, ["reach"], names)([2.5], seed=4)
    pairs = sim.counterfactual(town.without_oses(), town, seeds=[4], outcomes=bare)
    assert found.values.tolist() == pairs.differences["difference"].tolist()
    assert (found.values != 0.0).all()
    assert meaning(names[0]).endswith("less that of the same society without OSes")
    assert outcomes.meaning(names[0]) == meaning(names[0])


def test_days_of_events_have_no_twin() -> None:
    for name in ("first_love", "nothing"):
        assert name == "nothing" or name in EVENTS
        with pytest.raises(InputError, match="unknown outcome"):
            outcomes.check(name + AGAINST_TWIN)


def test_comparing_with_the_twin(capsys: pytest.CaptureFixture[str]) -> None:
    size = ["--humans", "12", "--steps", "5", "--seeds", "1", "--workers", "1"]
    told = ["compare", "her-film-cut", "--twin", "--outcomes", "adopted_end", *size]
    assert main(told) == 0
    out = capsys.readouterr().out
    assert out.startswith("her-film-cut without and with OSes, 1 seeds")
    assert main([*told, "--lever", "price", "--at", "2"]) == 2
