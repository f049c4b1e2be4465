"""People who come and go: born, dead, moved in and away, as mechanisms ask."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from quick import QUICK, differing

import sim
from sim.app import snapshot
from sim.engine import threads
from sim.mechanisms import registry
from sim.model.columns import OWNER, PARTNER, UNINSTALLED
from sim.model.parameters import Parameters
from sim.model.presence import ALIVE, DEAD, MOVED_AWAY, TO_COME, may_pair
from sim.plots import networks, style, timelines, trends
from sim.reports import run as of_runs
from sim.runs import headcount
from sim.runs.export import export
from sim.runs.proof import FAULT, prove_run
from sim.runs.result import Result
from sim.scenarios import Scenario
from sim.scenarios.interventions import Intervention
from sim.scenarios.outcomes import outcomes
from sim.society import Society
from sim.utils.errors import InputError

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


@pytest.mark.parametrize("days", [60, pytest.param(730, marks=pytest.mark.slow)])
def test_on_every_day_those_who_are_not_there_are_in_nothing(days: int) -> None:
    society = Society(small(LIFE_COURSE, steps=days, **FAST), seed=1)
    before = society.state.humans.life.copy()
    for _ in range(days):
        society.step()
        check_whole(society)
        life = society.state.humans.life
        changed = before != life
        begun, ended = before[changed] == TO_COME, before[changed] == ALIVE
        assert (begun | ended).all()
        assert (life[changed][begun] == ALIVE).all()
        before = life.copy()
    many = np.bincount(society.state.humans.life, minlength=4)
    born = society.state.humans.parent >= 0
    assert min(many[DEAD], many[MOVED_AWAY], born.sum()) >= 2
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


# ------------------------------------------------------------------------ what is asked


def neighbours(society: Society, human: int) -> list[int]:
    return sorted(society.state.ties.of(human)["neighbour"].tolist())


def test_who_dies_is_mourned_and_leaves_a_free_partner_and_no_os(
    tmp_path: Path,
) -> None:
    society = lived(asking(tmp_path, comforting=False, churn=0.0), 30)
    humans, oses = society.state.humans, society.state.oses
    who = int(np.flatnonzero((humans.os >= 0) & (humans.partner >= 0))[0])
    partner, its_os = int(humans.partner[who]), int(humans.os[who])
    ties = society.state.ties.of(partner)
    close = float(ties["closeness"][ties["neighbour"] == who][0])
    before = float(humans.grief[partner])
    humans.death_request[who] = 1
    society.step()
    check_whole(society)
    assert (humans.life[who], humans.gone_step[who]) == (DEAD, 31)
    assert humans.partner[partner] == -1
    kept = 0.5 ** (1.0 / society.parameters.grief_half_life)
    assert humans.grief[partner] >= kept * (before + close) - 1e-5 > 0.5
    assert oses.status[its_os] == UNINSTALLED
    lived(society, 2)
    assert not neighbours(society, its_os + humans.n)
    assert "died" not in society.monitor.history.columns()


def test_who_moves_away_is_gone_and_not_mourned(tmp_path: Path) -> None:
    society = lived(asking(tmp_path, adoption=False), 5)
    humans = society.state.humans
    humans.leave_request[3] = 1
    society.step()
    check_whole(society)
    assert (humans.life[3], humans.gone_step[3]) == (MOVED_AWAY, 6)
    assert not humans.grief.any()


def test_a_child_takes_after_its_parents_and_is_close_to_its_family(
    tmp_path: Path,
) -> None:
    society = lived(asking(tmp_path, adoption=False, meeting=False), 3)
    humans, n = society.state.humans, society.state.humans.n
    parents = [int(np.flatnonzero(humans.partner >= 0)[0])]
    parents.append(int(humans.partner[parents[0]]))
    own = float(humans.openness[n - 5])
    humans.birth_request[parents[0]] = 2
    society.step()
    check_whole(society)
    first, second = n - 5, n - 4
    assert neighbours(society, first) == sorted([*parents, second])
    assert humans.came_step[[first, second]].tolist() == [4, 4]
    assert humans.parent[first] == parents[0]
    assert humans.other_parent[first] == parents[1]
    theirs = humans.openness[parents].mean()
    assert humans.openness[first] == pytest.approx(own + 0.4 * (theirs - own))
    humans.birth_request[parents[1]] = 1  # whichever of them asks
    society.step()
    assert neighbours(society, n - 3) == sorted([*parents, first, second])
    closeness = society.state.ties.of(n - 3)["closeness"]
    assert closeness.min() > 0.6


def test_who_moves_in_and_who_is_introduced(tmp_path: Path) -> None:
    society = lived(asking(tmp_path, adoption=False, meeting=False), 3)
    humans, n = society.state.humans, society.state.humans.n
    humans.arrival_request[n - 2] = 1
    society.step()
    check_whole(society)
    assert humans.life[n - 5 :].tolist() == [TO_COME, TO_COME, TO_COME, ALIVE, TO_COME]
    assert neighbours(society, n - 2) == []
    humans.tie_request[n - 2] = 7
    humans.tie_request[7] = n - 2  # the same tie, asked for twice
    society.step()
    check_whole(society)
    assert neighbours(society, n - 2) == [7]


def test_requests_of_and_for_those_who_are_not_there_change_nothing(
    tmp_path: Path,
) -> None:
    society = lived(asking(tmp_path), 20)
    humans, n = society.state.humans, society.state.humans.n
    humans.death_request[4] = 1
    society.step()
    known = neighbours(society, 6)
    alike = lived(asking(tmp_path), 20)
    alike.state.humans.death_request[4] = 1
    lived(alike, 2)
    humans.death_request[[4, n - 1]], humans.leave_request[4] = 1, 1
    humans.birth_request[[4, n - 1]] = 1
    humans.arrival_request[[4, 6]] = 1  # dead, and there already
    humans.tie_request[[4, 5, 6, 8, n - 1]] = [6, 4, 6, n - 1, 6]
    humans.tie_request[known[0]] = 6 if known[0] not in (4, 5, 8) else -1
    society.step()
    check_whole(society)
    assert not differing(society.state, alike.state)


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("birth_request", 6, "day 1: no row is left for a child of human 2; keep more"),
        ("tie_request", 65, "day 1: a tie of human 2 is asked for with 65, and humans"),
    ],
)
def test_what_cannot_be_is_an_error_that_says_of_whom(
    tmp_path: Path, column: str, value: int, what: str
) -> None:
    society = asking(tmp_path)
    society.state.humans.column(column)[2] = value
    with pytest.raises(InputError, match=what):
        society.step()


def test_who_is_under_age_installs_no_os(tmp_path: Path) -> None:
    society = asking(tmp_path, "s.humans.under_age[:30] = 1", innovation=1.0)
    lived(society, 5)
    check_whole(society)
    has = society.state.humans.os >= 0
    assert not has[:30].any() and has[30:60].all() and not has[60:].any()


@pytest.mark.parametrize("column", ["life", "came_step", "parent"])
def test_what_the_model_keeps_is_asked_for_and_not_written(
    tmp_path: Path, column: str
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(ASKS.replace("humans.under_age", f"humans.{column}") + "    pass\n")
    with pytest.raises(InputError, match="the model writes it; ask by a column that"):
        sim.use(file)


def test_rows_to_come_are_no_matter_of_an_intervention() -> None:
    town = small(LIFE_COURSE)
    for change, is_fine in (({"births": False}, True), ({"newcomers": 3}, False)):
        one = Intervention(name="one", at=2, set=change)
        society = lived(
            Society(town.model_copy(update={"interventions": [one]}), seed=1), 1
        )
        if is_fine:
            check_whole(lived(society, 2))
            continue
        with pytest.raises(InputError, match="rows a table has on day 0 is no matter"):
            society.step()


def test_strangers_are_met_as_often_however_many_are_still_to_come(
    tmp_path: Path,
) -> None:
    """Who is met by chance is drawn among those who are there."""
    known = {"strangers": 1.0, "human_meeting": 0.5, "adoption": False}
    few = asking(tmp_path, **known).state.humans.n
    (tmp_path / "many").mkdir()
    file = tmp_path / "many" / "mine.py"
    file.write_text(ASKS.replace('"humans": 5', '"humans": 600') + "    pass\n")
    ties = []
    for rows in (5, 600):
        society = asking(tmp_path, **known)
        if rows == 600:
            society = Society(small(file, **known), seed=1)
        lived(society, 20)
        ties.append(society.monitor.history["human_ties"])
    assert few == 65
    assert ties[0] == ties[1]


def test_who_comes_is_of_no_group_and_the_others_meet_in_theirs(
    tmp_path: Path,
) -> None:
    known = {"strangers": 1.0, "human_meeting": 1.0, "adoption": False, "ties": 4.0}
    grouped = {"group_size": 10, "group_pull": 1.0, "group_meeting": 1.0}
    society = asking(tmp_path, "s.humans.arrival_request[n:] = 1", **known, **grouped)
    group, met, met_by_new = society.people["group"], 0, 0
    assert group[-5:].tolist() == [-1] * 5
    assert (group[:-5] >= 0).all()
    for _ in range(20):
        society.step()
        meets = society.state.humans.meets
        who = np.flatnonzero(meets >= 0)
        is_old = who < 60
        met, met_by_new = met + is_old.sum(), met_by_new + (~is_old).sum()
        assert (group[who[is_old]] == group[meets[who[is_old]]]).all()
    assert met > 50 and met_by_new > 0


def test_societies_are_compared_also_if_they_keep_other_rows() -> None:
    town = small(LIFE_COURSE, **FAST | {"newcomers": 30}, steps=20)
    found = sim.counterfactual(town.replace(deaths=False), town, seeds=1, workers=1)
    assert min(found.first_days.values()) >= 1  # until somebody dies
    without = town.replace(life_course=False)
    other = sim.counterfactual(without, town, seeds=1, workers=1)
    assert min(other.first_days.values()) == 1  # OSes have other luck


# ------------------------------------------------------------------------ copies, runs


def test_threads_and_copies_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "WORTH_SHARING", 1)
    town = small(LIFE_COURSE, **FAST)
    one = lived(Society(town, seed=1), 30)
    several = lived(Society(town, seed=1, threads=3), 15)
    assert not differing(one.state, lived(copy.deepcopy(several), 15).state)
    assert not differing(one.state, lived(several, 15).state)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a run in which many came and went, which was continued from day 30."""
    registry._in_use.clear()
    folder = tmp_path_factory.mktemp("told")
    town = small(LIFE_COURSE, **FAST, steps=60)
    options: dict[str, Any] = {"seed": 1, "snapshot_every": 20}
    whole = sim.run(town, out=folder / "whole", checkpoint_every=30, **options)
    fork = whole.fork(30, out=folder / "fork")
    for file in sorted((whole.path / "snapshots").iterdir()):
        same = fork.path / "snapshots" / file.name
        assert file.read_bytes() == same.read_bytes(), file.name
    assert whole.series.equals(fork.series)
    assert whole.events.equals(fork.events)
    registry._in_use.clear()
    return sim.load(fork.path)


def test_a_run_says_how_many_are_there_and_means_are_of_those(told: Result) -> None:
    humans, last = told.humans(), told.series.iloc[-1]
    there = humans[humans["life"] == ALIVE]
    assert len(humans) == told.population == 460
    assert last["alive"] == len(there) < 100
    for name in ("grief", "loneliness", "acceptance", "human_closeness"):
        mean = float(there[name].astype(float).mean())
        assert last[name] == pytest.approx(mean), name
    assert last["adopted"] == pytest.approx((there["os"] >= 0).mean())
    sim.use(LIFE_COURSE)  # checkpoints are of a society with it
    assert not [one for one in prove_run(told.path) if one.state == FAULT]


def test_outcomes_and_plots_divide_by_those_who_are_there(told: Result) -> None:
    alive = told.series["alive"]
    found = outcomes(told.series, [], Parameters().replace(humans=60))
    loves = told.series["loves"] / alive
    assert found["loves_end"] == loves.iloc[-1]
    assert found["loves_max"] == loves.max()
    assert found["unrequited_max"] == (told.series["unrequited"] / alive).max()
    shown = timelines._per_hundred(told)["here"]
    assert np.allclose(shown, 100.0 * told.series["here"] / alive)
    bands = trends._growth(told)[1]["humans"]
    humans = told.humans()
    there = humans.loc[humans["life"] == ALIVE, "growth"].astype(float)
    assert bands.iloc[-1].to_list() == there.quantile(trends.BAND).to_list()


def test_the_page_shows_those_who_are_there(told: Result) -> None:
    last = told.steps[-1]
    shown = snapshot.of_result(told, last)
    there = headcount.numbers_there(told, last)
    assert shown.alive == len(there) == told.series["alive"].iloc[-1]


def test_who_is_not_there_is_not_drawn(told: Result) -> None:
    last = told.steps[-1]
    there = headcount.numbers_there(told, last)
    shown = networks.scene(told, [last])
    assert np.isin(shown.agents[shown.agents < told.population], there).all()
    assert shown.everyone == len(there) + len(told.oses())
    graph = told.graph()
    assert [a for a in graph if a < told.population] == there.tolist()
    assert "60 humans on day 0" in style.title_of(told)
    few = networks.scene(told, [last], 20)
    assert np.isin(few.agents[few.agents < told.population], there).all()


def test_reports_and_exports_say_who_came_and_went(
    told: Result, tmp_path: Path
) -> None:
    known = headcount.came_and_went(told)
    assert known["there"] == 60 + known["born"] + known["moved in"] - (
        known["died"] + known["moved away"]
    )
    assert min(known.values()) > 0
    text = " ".join([*map(str, of_runs._lead(told)), of_runs._humans(told)])
    assert f"60 humans on day 0, and {known['there']} on the last" in text
    assert f"{known['died']} died, {known['moved away']} moved away" in text
    (file,) = export(told, tmp_path / "town.gexf", whole=True)
    (_, table) = export(told, tmp_path / "town.csv")
    nodes = {int(word) for word in re.findall(r'<node id="(\d+)"', file.read_text())}
    humans = told.humans()
    seen = {  # on the day of a snapshot
        human
        for step in told.steps
        for human in headcount.numbers_there(told, step).tolist()
    }
    assert {node for node in nodes if node < told.population} == seen
    words = pd.read_csv(table, index_col="agent")["condition"]
    ever = humans.index[humans["life"] != TO_COME]
    assert words.index[words.index < told.population].tolist() == ever.tolist()
    assert set(words[ever]) == {"here", "dead", "moved away"}


# ------------------------------------------------------------------------- the example


@pytest.mark.slow
def test_the_example_keeps_the_contract(tmp_path: Path) -> None:
    """Made so quick that in some days people are born, die, and move."""
    text = LIFE_COURSE.read_text()
    for usual, fast in (
        ("0.1,", "2.0,"),
        ("0.0003,", "0.5,"),
        ("0.02,", "0.5,"),
        ("1000,", "100,"),
    ):
        assert text.count(usual) >= 1
        text = text.replace(usual, fast, 1)
    file = tmp_path / "life_course.py"
    file.write_text(text)
    town = sim.scenario("her").replace(**SMALL)
    assert len(sim.check_mechanism(file, scenario=town)) == 7
    society = lived(Society(town.use("life_course"), seed=1), 40)
    assert np.bincount(society.state.humans.life, minlength=4).min() >= 1


@pytest.mark.slow
def test_the_example_prints_what_it_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sim.use(LIFE_COURSE).processes[0].function.__globals__["main"](humans=20, steps=5)
    assert "births, deaths" in capsys.readouterr().out


@pytest.mark.slow
def test_years_of_a_small_town(tmp_path: Path) -> None:
    """Six years, continued from the sixth; twenty of a thousand take half a minute."""
    registry.use(LIFE_COURSE)
    town = sim.scenario("her").use("life_course").replace(humans=100, steps=2190)
    options: dict[str, Any] = {"snapshot_every": 1000, "checkpoint_every": 2000}
    whole = sim.run(town, seed=1, out=tmp_path / "a", **options)
    fork = whole.fork(2000, out=tmp_path / "b")
    assert whole.series.equals(fork.series)
    assert whole.humans().equals(fork.humans())
    assert whole.ties().equals(fork.ties())
    known = headcount.came_and_went(whole)
    assert min(known.values()) > 0


# ---------------------------------------------------------------------------- couples


def test_who_could_be_a_couple_is_grown_up_and_not_of_one_family(
    tmp_path: Path,
) -> None:
    """Of six, 2 and 3 are children of 0 and 1, and 4 of 0 alone."""
    society = asking(tmp_path)
    humans = society.state.humans
    humans.parent[[2, 3, 4]], humans.other_parent[[2, 3]] = 0, 1
    humans.parent[3], humans.other_parent[3] = 1, 0  # of the same two
    pairs = np.array([[0, 1], [0, 2], [3, 1], [2, 3], [3, 4], [1, 4], [4, 5]])
    wanted = [True, False, False, False, False, True, True]
    assert may_pair(society.state, pairs).tolist() == wanted
    assert may_pair(society.state, pairs[:, ::-1]).tolist() == wanted
    humans.under_age[5] = 1
    assert may_pair(society.state, pairs).tolist() == [*wanted[:-1], False]


def test_where_people_come_and_go_couples_part_and_pair_as_they_may() -> None:
    rates = {"parting_rate": 0.2, "courting_rate": 0.5, "attraction": 0.2}
    society = Society(small(LIFE_COURSE, **FAST | rates), seed=1)
    humans = society.state.humans
    first, new = humans.partner.copy(), 0
    for _ in range(60):
        society.step()
        check_whole(society)
        one = np.flatnonzero(humans.partner >= 0)
        pairs = np.stack([one, humans.partner[one]], axis=1)
        assert may_pair(society.state, pairs).all()
        new += int((humans.partner[one] != first[one]).sum())
    assert new > 0 and (humans.life == DEAD).any() and (humans.parent >= 0).any()


# ----------------------------------------------------------------------------- groups


def meetings(society: Society, days: int) -> int:
    """Return how many people meet somebody on so many days."""
    met = 0
    for _ in range(days):
        society.step()
        met += int((society.state.humans.meets >= 0).sum())
    return met


def test_who_meets_in_a_group_meets_those_who_are_there(tmp_path: Path) -> None:
    """In one group of all, it is the same whether one meets in it or anywhere."""
    known = {"strangers": 1.0, "human_meeting": 1.0, "adoption": False, "ties": 4.0}
    alike = {"group_size": 60, "group_pull": 1.0}
    found = []
    for share in (0.0, 1.0):
        society = asking(tmp_path, group_meeting=share, **known, **alike)
        society.state.humans.death_request[:40] = 1
        society.step()
        found.append(meetings(society, 10))
    assert found[0] == found[1] > 0
