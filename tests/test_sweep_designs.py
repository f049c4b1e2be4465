"""Designs of sweeps: lazy points, and every mistake named with its file and key."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.model.network_files.network_file import NetworkFile
from sim.studies import points
from sim.studies.design import make, read
from sim.studies.given_networks import of_job
from sim.studies.job import Tasks, run_job
from sim.utils.errors import InputError

GRID = {"grid": {"growth_exponent": [0.9, 1.1], "reach": [2.0, 3.0, 4.0]}}
FILE = """
scenario = "her"
seeds = 6
[base]
humans = 100
steps = 120
[grid]
growth_exponent = [0.9, 1.1]
"""


def all_points(told: dict[str, Any]) -> list[dict[str, Any]]:
    layout = make(told).layout()
    return [layout.at(number) for number in range(layout.total)]


def test_a_file_is_a_design_named_after_it(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(FILE)
    design = read(tmp_path / "mine.toml")
    assert design.name == "mine"
    assert len(Tasks(design)) == 12
    assert design.varied == ["growth_exponent"]
    (tmp_path / "design.toml").write_text(FILE)
    assert read(tmp_path / "design.toml").name == tmp_path.name


def test_a_grid_is_every_combination_in_order() -> None:
    found = [tuple(point.values()) for point in all_points(GRID)]
    assert found == [(one, other) for one in (0.9, 1.1) for other in (2.0, 3.0, 4.0)]


def test_replicates_share_their_seeds() -> None:
    tasks = Tasks(make(GRID | {"seeds": [5, 9]}))
    assert [task.seed for task in tasks] == [5, 9] * 6
    assert len({task.run for task in tasks}) == 12


def test_a_latin_hypercube_hits_every_stratum_once() -> None:
    ranges = {"reach": [2.0, 4.0], "humans": [10, 1000]}
    found = all_points({"lhs": {"n": 50, **ranges}})
    strata = sorted(int((point["reach"] - 2.0) / 2.0 * 50) for point in found)
    assert strata == list(range(50))
    assert all(isinstance(point["humans"], int) for point in found)
    assert found == all_points({"lhs": {"n": 50, **ranges}})
    assert found != all_points({"lhs": {"n": 50, "seed": 1, **ranges}})


@given(st.integers(1, 300), st.text(max_size=3))
def test_shuffling_is_a_permutation(n: int, key: str) -> None:
    assert sorted(map(points.Permutation(n, key).at, range(n))) == list(range(n))


def test_ten_million_points_cost_nothing_to_start_with() -> None:
    many = [number / 1e4 for number in range(10_000)]
    began = time.process_time()
    for told in (
        {"grid": {"loneliness_pull": many, "price": many[:1000]}},
        {"lhs": {"n": 10_000_000, "reach": [2.0, 4.0]}},
    ):
        tasks = Tasks(make(told))
        assert len(tasks) == 10_000_000
        assert tasks[9_999_999].point
    assert time.process_time() - began < 60.0  # making them all would take an hour


def test_sobol_and_morris_points_come_in_their_numbers() -> None:
    pytest.importorskip("SALib")
    ranges = {"reach": [2.0, 4.0], "price": [0.0, 0.5]}
    assert len(all_points({"sobol": {"n": 8, **ranges}})) == 8 * 4
    assert len(all_points({"sobol": {"n": 8, "second_order": True, **ranges}})) == 48
    assert len(all_points({"morris": {"n": 5, **ranges}})) == 5 * 3


def test_a_point_may_vary_scenario_lever_network_and_mind(tmp_path: Path) -> None:
    (tmp_path / "ties.csv").write_text("a,b\nb,c\nc,a\n")
    (tmp_path / "d.toml").write_text(
        """
        [[list]]
        scenario = "watts"
        [[list]]
        lever = "growth_cap@40"
        [[list]]
        network = "ties.csv"
        [[list]]
        mind = {kind = "scripted", cast = 2}
        """
    )
    first, second, third, fourth = (t.job for t in Tasks(read(tmp_path / "d.toml")))
    assert first["scenario"] == "watts"
    assert second["interventions"][0]["at"] == 40
    assert Path(third["network"]).is_file()
    assert fourth["mind"]["cast"] == 2
    assert len({job["run"] for job in (first, second, third, fourth)}) == 4


def test_a_design_says_how_its_network_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("a,b,calls\nann,bo,9\nbo,cy,1\ncy,ann,3\n")
    plain = 'network = "calls.csv"\n[base]\nsteps = 2\n'
    scaled = plain + '[network_options]\ncloseness_from = "calls"\nscale = "log"\n'
    jobs = []
    for text in (plain, scaled):
        (tmp_path / "d.toml").write_text(text)
        (task,) = Tasks(read(tmp_path / "d.toml"))
        jobs.append(task.job)
    assert jobs[0]["run"] != jobs[1]["run"]
    assert of_job(jobs[0]) == NetworkFile(str(tmp_path / "calls.csv"))
    file = of_job(jobs[1])
    assert file is not None and file.given() == {
        "closeness_from": "calls",
        "scale": "log",
    }
    assert run_job(jobs[1])["state"] == "done"


def test_equal_runs_are_one_run_whatever_their_names() -> None:
    twice = {"list": [{"reach": 2.5}, {"growth_exponent": 1.0}, {"reach": 2.5}]}
    one, _, again = (task.run for task in Tasks(make(twice)))
    assert one == again


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"grid": {"reech": [1.0]}}, "'grid.reech'.*did you mean 'reach'"),
        ({"grid": {"reach": [-1.0]}}, "'grid.reach'.*from 0.1 to 100"),
        ({"grid": {"reach": []}}, "'grid.reach'.*at least one value"),
        ({"base": {"human": 5}}, "'base.human'.*did you mean 'humans'"),
        ({"base": {"reach": 2.0}, "grid": {"reach": [2.0]}}, "'base.reach'"),
        ({"sceanrio": "her"}, "unknown key 'sceanrio'.*did you mean 'scenario'"),
        ({"scenario": "hers"}, "'scenario'.*did you mean 'her'"),
        ({"lever": "growth_cap"}, "'lever'.*name@day"),
        ({"lever": "growth_cop@3"}, "'lever'.*did you mean 'growth_cap'"),
        ({"mind": {"kid": "rules"}}, "'mind'.*did you mean 'kind'"),
        ({"outcomes": ["lefd"]}, "'outcomes'.*did you mean 'left'"),
        ({"outcomes": ["first_love to nothing"]}, "'outcomes'.*unknown event"),
        ({"seeds": 0}, "'seeds'"),
        ({"seeds": [1, 1]}, "'seeds'.*twice"),
        ({"seeds": [-1]}, "'seeds'.*from 0"),
        ({"seeds": "many"}, "'seeds"),
        ({"grid": {"reach": [1.0]}, "lhs": {"n": 2, "reach": [1.0, 2.0]}}, "one of"),
        ({"lhs": {"n": 5}}, "'lhs.ranges'"),
        ({"lhs": {"n": 0, "reach": [1.0, 2.0]}}, "'lhs.n'"),
        ({"lhs": {"n": 5, "reach": [2.0, 1.0]}}, "'lhs.reach'.*low, high"),
        ({"lhs": {"n": 5, "peers": [0.0, 1.0]}}, "'lhs.peers'"),
        ({"sobol": {"n": 5, "reach": [1.0, 2.0]}}, "'sobol.n'.*powers of 2"),
        ({"list": [{"reach": 1.0}, {"reich": 1.0}]}, r"list.reich \(2\).*'reach'"),
        ({"network": "nowhere.csv"}, "'network'.*nowhere.csv"),
        ({"network_options": {"scale": "log"}}, "'network_options'.*network file"),
        ({"network_options": {"scala": "log"}}, "'network_options'.*'scale'"),
        ({"network_options": {"scale": "lag"}}, "'network_options'.*'log'"),
        ({"network_options": {"header": "no"}}, "'network_options'.*true or false"),
        ({"name": "../up"}, "'name'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key(told: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        make(told)


@pytest.mark.parametrize("text", ["[grid", "\xff", "seeds = 1\nseeds = 2"])
def test_a_file_that_is_no_design_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"wrong\.toml"):
        read(file)
    with pytest.raises(InputError, match=r"cannot read .*missing\.toml"):
        read(tmp_path / "missing.toml")
