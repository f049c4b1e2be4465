"""Agents that differ in their parameters, OSes of several profiles, and factors."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick import QUICK, all_columns
from sweep_runs import at_home

import sim
from sim.mechanisms import registry
from sim.mechanisms.factors import SOCKETS
from sim.mechanisms.heterogeneity import EACH_OWN, REASONS, VARIABLE, Variation, drawn
from sim.mechanisms.pair_loops import FIELDS
from sim.model import births, encounters, sockets, traits
from sim.model.encounters import Cast, RuleMind
from sim.model.kernels import blocks, meetings, talk
from sim.model.mechanisms import MODULES
from sim.model.parameters import Parameters
from sim.model.processes import PHASES
from sim.runs.run import resume
from sim.scenarios import Scenario
from sim.scenarios.interventions import Intervention
from sim.scenarios.who import Who
from sim.society import Society
from sim.utils.errors import InputError

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "experiments" / "mechanisms"
# So quick that OSes are loved, found out, and leave.
SMALL: dict[str, Any] = QUICK | {
    **{"humans": 60, "steps": 60, "innovation": 0.1, "os_growth_rate": 0.08},
    **{"insight_rate": 0.6, "disclosure": 0.1, "warming": 0.3},
    **{"upgrade_insight": 0.3, "departure_threshold": 0.0},
}
HALVES = [{"name": "assistant", "share": 0.5}, {"name": "os1", "share": 0.5}]
# Something of all that can differ in talk, and some of the rest.
MANY: dict[str, Any] = {
    "cooling": {"of": "humans", "sd": 0.005},
    "warming": {"of": "oses", "low": 0.1, "high": 0.3},
    "os_charm": {"of": "humans", "low": 0, "high": 8},
    "human_attention": {"of": "humans", "sd": 1.0},
    "jealousy": {"of": "humans", "low": 0, "high": 1},
    "ardour": {"of": "oses", "low": 0, "high": 0.1},
    "innovation": {"of": "humans", "sd": 0.05, "distribution": "lognormal"},
    "longing": {"of": "oses", "sd": 0.3},
    "human_meeting": {"of": "humans", "low": 0, "high": 0.5},
}


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Let every test begin with no mechanism in use, and leave none behind."""
    registry._in_use.clear()
    yield
    registry._in_use.clear()


def small(**changes: Any) -> Scenario:
    return sim.scenario("her-film-cut").replace(**(SMALL | changes))


def lived(scenario: Scenario, days: int = 50, **options: Any) -> Society:
    society = Society(scenario, seed=1, **options)
    for _ in range(days):
        society.step()
    return society


def differing(one: Society, other: Society) -> list[str]:
    """Return the columns of the first that are not, byte for byte, in the other."""
    before, after = all_columns(one.state), all_columns(other.state)
    return [n for n in before if before[n].tobytes() != after[n].tobytes()]


def half_edges(society: Society) -> dict[tuple[int, int], tuple[float, float, int]]:
    """Return own closeness, that of the other, and flags, by owner and neighbour."""
    table = society.state.ties.table()
    names = ("owner", "neighbour", "closeness", "returned", "kind")
    rows = zip(*(table[name].tolist() for name in names), strict=True)
    return {(a, b): (own, back, kind) for a, b, own, back, kind in rows}


@pytest.fixture(scope="module")
def usual() -> Society:
    """Return a society of equals; tests only look at it."""
    return lived(small())


# ---------------------------------------------------------- where parameters are read


def reading() -> dict[str, set[str]]:
    """Return by parameter the processes whose code, or what it calls, reads it."""
    modules = (births, blocks, encounters, meetings, talk, traits, *MODULES)
    called: dict[str, set[str]] = {}
    read: dict[str, set[str]] = {}
    for module in modules:
        for node in ast.parse(inspect.getsource(module)).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            inside = list(ast.walk(node))
            calls = [n.func for n in inside if isinstance(n, ast.Call)]
            called[node.name] = {ast.unparse(f).rpartition(".")[2] for f in calls}
            used = {n.attr for n in inside if isinstance(n, ast.Attribute)}
            used |= {str(n.value) for n in inside if isinstance(n, ast.Constant)}
            read[node.name] = used & {*Parameters.model_fields}
    for socket in sockets.SOCKETS:
        entered = {entry.function for _, entry in sockets.entries(socket)}
        called[socket] = {function.__name__ for function in entered}
        read[socket] = set()
    found: dict[str, set[str]] = {}
    for phase in PHASES:
        seen: set[str] = set()
        todo = [str(phase.run.__name__)]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += [n for n in called[name] if n in called]
        for parameter in set().union(*(read[name] for name in seen)):
            found.setdefault(parameter, set()).add(phase.name)
    return found


def test_what_may_differ_is_read_where_it_is_said_to_be_and_nowhere_else() -> None:
    """A new line that reads such a parameter in another process would ignore it."""
    found = reading()
    minds = {phase.name for phase in PHASES if phase.over == "cast"}  # refused with it
    for name, reader in VARIABLE.items():
        assert found[name] - minds == set(reader.phases), name
    talked = {n for n, r in VARIABLE.items() if {"attend", "converse"} & {*r.phases}}
    assert talked == {*FIELDS, *EACH_OWN}


def test_no_detector_and_no_reading_reads_it_for_all_at_once() -> None:
    for folder in ("events", "society", "plots"):
        for file in (ROOT / "sim" / folder).rglob("*.py"):
            tree = ast.walk(ast.parse(file.read_text()))
            attributes = [node for node in tree if isinstance(node, ast.Attribute)]
            names = {n.attr for n in attributes if "parameters" in ast.unparse(n.value)}
            assert not names & VARIABLE.keys(), file


def test_detectors_are_told_what_differs_between_oses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    society, told = lived(small(varies=MANY), days=20), []
    look = society.monitor.look
    monkeypatch.setattr(
        society.monitor, "look", lambda *given: (told.append(given[-1]()), look(*given))
    )
    society.step()
    own = society.state.oses.column("longing")
    assert len(set(own.tolist())) > 1
    assert told[0]["longing"].tolist() == own.astype(float).tolist()
    assert told[0]["reach"] == society.parameters.reach


def test_of_every_parameter_it_is_said_whether_it_may_differ() -> None:
    for name, field in Parameters.model_fields.items():
        known = [name in VARIABLE, name in REASONS, field.annotation is bool]
        assert sum(known) == 1 or name == "peers", name


# ------------------------------------------------------------------- the same for all


def even(folder: Path, table: str) -> Scenario:
    """Return a scenario in which all have own values, which are the usual ones."""
    town = small()
    usual = town.parameters.model_dump()
    names = [n for n, reader in VARIABLE.items() if table in reader.of]
    names = [n for n in names if Parameters.model_fields[n].annotation is float]
    columns = [f"Column('own_{n}', 'f8', '1', '', {usual[n]!r})" for n in names]
    text = "from sim.mechanisms import Column, Mechanism\n"
    text += f"EVEN = Mechanism('even', '', columns={{{table!r}: ["
    (folder / "even.py").write_text(text + ", ".join(columns) + "]})\n")
    own = {name: f"{table}.own_{name}" for name in names}
    return town.use(folder / "even.py").replace(varies=own)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["humans", "oses"])
def test_values_of_ones_own_that_are_the_usual_ones_change_no_byte(
    table: str, tmp_path: Path, usual: Society
) -> None:
    """All parameters at once: so what differs goes through the model's own rules."""
    assert differing(usual, lived(even(tmp_path, table))) == []
    assert usual.state.oses.lovers.any() and usual.state.humans.lost.any()


@pytest.mark.slow
def test_one_profile_for_all_is_the_profile(usual: Society) -> None:
    assert (
        differing(usual, lived(small(profiles=[{"name": "os1", "share": 1.0}]))) == []
    )
    for name in ("assistant", "companion", "sydney"):
        changes = sim.scenarios.interventions.profile(name)
        whole = lived(small(**changes), days=25)
        each = lived(small(profiles=[{"name": name, "share": 1.0}]), days=25)
        assert differing(whole, each) == [], name


# -------------------------------------------------------------------- what is drawn


@pytest.mark.slow
def test_everybody_cools_at_their_own_rate() -> None:
    """Where nobody talks, closeness falls by its owner's share each day, exactly."""
    own = {"cooling": {"of": "humans", "low": 0.0, "high": 0.01}}
    quiet = {"warming": 0.0, "partnered": 0.0, "adoption": False, "meeting": False}
    society = Society(small(**quiet, varies=own), seed=1)
    before = half_edges(society)
    for _ in range(20):
        society.step()
    rate = society.state.humans.column("cooling")
    after = half_edges(society)
    assert len(after) > 400 and rate.std() > 0.002
    for (one, other), (felt, returned, _) in after.items():
        was, was_returned, _ = before[one, other]
        assert felt == pytest.approx(was * (1.0 - rate[one]) ** 20, rel=1e-5)
        kept = was_returned * (1.0 - rate[other]) ** 20
        assert returned == pytest.approx(kept, rel=1e-5)


def test_both_ends_of_a_tie_find_the_same() -> None:
    ties = half_edges(lived(small(varies=MANY)))
    assert len(ties) > 500
    for (one, other), (own, back, kind) in ties.items():
        assert ties[other, one] == (back, own, kind)


@pytest.mark.slow
def test_any_cut_of_the_rows_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    one = lived(small(varies=MANY), days=25)
    monkeypatch.setattr("sim.engine.threads.WORTH_SHARING", 0)
    assert differing(one, lived(small(varies=MANY), days=25, threads=3)) == []


@pytest.mark.slow
def test_a_copied_society_goes_on_as_the_one_it_was_copied_from() -> None:
    whole = lived(small(varies=MANY, profiles=[]), days=20)
    copied = pickle.loads(pickle.dumps(lived(small(varies=MANY), days=10)))
    for _ in range(10):
        copied.step()
    assert differing(whole, copied) == []


@pytest.mark.parametrize(
    ("given", "mean", "sd", "low", "high"),
    [
        ({"sd": 0.0005}, 0.005, 0.0005, 0.0, 1.0),
        ({"mean": 0.02, "sd": 0.001}, 0.02, 0.001, 0.0, 1.0),
        ({"distribution": "lognormal", "sd": 0.005}, 0.005, 0.005, 0.0, 1.0),
        ({"low": 0.1, "high": 0.3}, 0.2, 0.2 / 12**0.5, 0.1, 0.3),
        ({"mean": 0.5, "sd": 0.1, "low": 0.5}, 0.5798, 0.0603, 0.5, 1.0),
    ],
)
def test_a_distribution_has_its_mean_and_spread_within_the_range(
    given: dict[str, Any], mean: float, sd: float, low: float, high: float
) -> None:
    draws = (np.arange(20_000) + 0.5) / 20_000
    one = Variation.model_validate({"of": "humans"} | given)
    found = drawn("cooling", one, 0.005, draws)
    assert found.mean() == pytest.approx(mean, rel=0.01)
    assert found.std() == pytest.approx(sd, rel=0.05)
    assert low <= found.min() < found.max() <= high
    assert (np.diff(found) > 0.0).all()  # nobody is heaped at an end


def test_draws_are_of_the_seed_and_of_nothing_else() -> None:
    own = {"cooling": {"of": "humans", "sd": 0.001}}
    first, again, other = (
        Society(small(varies=own), seed=seed).state.humans.column("cooling")
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    moved = Society(small(varies=own, cooling=0.006), seed=1).state.humans
    assert moved.column("cooling") == pytest.approx(first + 0.001, abs=1e-6)
    more = Society(small(varies=own | MANY), seed=1).state.humans
    assert more.column("innovation").std() > 0.01


def test_a_column_of_a_mechanism_may_change_from_day_to_day(tmp_path: Path) -> None:
    file = tmp_path / "season.py"
    file.write_text(
        "from sim.mechanisms import Column, Mechanism\n"
        "SEASON = Mechanism('season', '', columns={'humans': "
        "[Column('wish', 'f8', '1/day', '')]})\n"
        "@SEASON.process(before='adopt', over='humans', writes=('humans.wish',))\n"
        "def turn(i, s):\n"
        "    s.humans.wish[i] = 1.0 if s.day.step > 5 and i % 2 == 0 else 0.0\n"
    )
    town = small(imitation=0.0, readoption=0.0, price=0.0).use(file)
    society = Society(town.replace(varies={"innovation": "humans.wish"}), seed=1)
    for _ in range(5):
        society.step()
    assert society.state.oses.n == 0
    for _ in range(10):
        society.step()
    assert set(society.state.oses.owner % 2) == {0}
    off = town.replace(season=False)
    own = off.replace(varies={"innovation": "humans.wish"})
    assert differing(lived(off, days=9), lived(own, days=9)) == []
    file.write_text(file.read_text().replace("else 0.0", "else -1.0"))
    town = small().use(file).replace(varies={"innovation": "humans.wish"})
    with pytest.raises(
        InputError, match=r"'innovation' is 0 to 1, but 'humans.wish' h"
    ):
        lived(town, days=1)


# ------------------------------------------------------------------------- profiles


@pytest.mark.slow
def test_each_os_lives_by_its_profile() -> None:
    oses = lived(small(profiles=HALVES)).state.oses
    of_film = oses.column("profile") == 1
    assert 0.3 < of_film.mean() < 0.7
    assert (oses.growth[~of_film] == 0.0).all() and oses.growth[of_film].max() > 1.0
    loved = oses.human_closeness
    assert loved[of_film].mean() > 2.0 * loved[~of_film].mean()


def test_an_intervention_holds_for_all_profiles_while_it_is_in_force() -> None:
    """What it does not set stays that of each profile."""
    cold = Intervention(name="cold", at=11, days=5, set={"os_growth_rate": 0.0077})
    scenario = small(profiles=HALVES).model_copy(update={"interventions": [cold]})
    society = lived(scenario, days=10)
    oses = society.state.oses
    assistants = np.flatnonzero(oses.column("profile") == 0)
    assert not oses.growth[assistants].any()
    for _ in range(5):
        society.step()
    grown = oses.growth[assistants].copy()
    assert grown.max() > 0.0  # as set, though it is the usual value
    society.step()
    assert np.array_equal(oses.growth[assistants], grown)


def test_an_intervention_holds_for_all_where_values_differ(usual: Society) -> None:
    same = Intervention(name="same", at=1, set={"cooling": 0.005})
    own = {"cooling": {"of": "humans", "sd": 0.002}}
    scenario = small(varies=own).model_copy(update={"interventions": [same]})
    assert differing(usual, lived(scenario)) == []


# -------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (
            {"varies": {"coling": "humans.x"}},
            "unknown parameter 'coling'; did you mean",
        ),
        ({"varies": {"cooling": "humans"}}, "say how it is distributed among humans"),
        ({"varies": {"cooling": "humans.x"}}, "'cooling': no column 'humans.x'"),
        ({"varies": {"cooling": "humans.name"}}, "no column 'humans.name'"),
        ({"varies": {"cooling": "ties.x"}}, "is no 'humans.NAME' or 'oses.NAME'"),
        ({"varies": {"cooling": "humans.os"}}, "no column of real numbers"),
        ({"varies": {"cooling": {"of": "humans"}}}, "say sd, or low and high"),
        (
            {"varies": {"cooling": {"of": "humans", "sd": 2, "mean": 3}}},
            "3, not in 0 to",
        ),
        (
            {"varies": {"cooling": {"of": "humans", "low": 0.2, "high": 0.1}}},
            "not below",
        ),
        ({"varies": {"love": "humans.x"}}, "'love' is the same for all: both ends of"),
        ({"varies": {"bond": "oses.x"}}, "it is read for a whole collective"),
        ({"varies": {"touch_mean": "humans.x"}}, "it is read on day 0"),
        ({"varies": {"growth": "humans.x"}}, "it is a switch"),
        ({"varies": {"peers": "oses.x"}}, "it is a switch"),
        ({"varies": {"human_circle": "humans.x"}}, "it is a whole number"),
        ({"varies": {"innovation": "oses.x"}}, "'innovation' is of humans, not oses"),
        ({"varies": 3}, "'varies': Input should be a valid dict"),
        ({"profiles": HALVES[:1]}, "their shares add up to 0.5, not to 1"),
        ({"profiles": [HALVES[0], HALVES[0]]}, "one is named twice"),
        (
            {"profiles": [{"name": "os2", "share": 1.0}]},
            "unknown profile 'os2'; did you",
        ),
        (
            {"profiles": [{"name": "recreated", "share": 1.0}]},
            "'recreated' cannot be that of some OSes only: 'creation_rate' .it is read",
        ),
        (
            {"profiles": HALVES, "varies": {"os_charm": {"of": "humans", "sd": 1}}},
            "'os_charm' differs by humans and by profile",
        ),
    ],
)
def test_what_cannot_differ_is_refused_in_one_line(
    given: dict[str, Any], what: str
) -> None:
    with pytest.raises(InputError, match=what) as caught:
        small().replace(**given)
    assert "\n" not in str(caught.value)


def test_a_profile_for_all_and_profiles_are_not_both_given() -> None:
    with pytest.raises(InputError, match="it has the profile 'assistant' for all OSes"):
        sim.scenario("assistant").replace(profiles=HALVES)


def test_hardly_anybody_within_the_range_is_refused() -> None:
    own = {"cooling": {"of": "humans", "mean": 0.0, "sd": 0.1, "low": 0.9}}
    with pytest.raises(
        InputError, match=r"hardly any 'cooling' so distributed is in 0.9"
    ):
        Society(small(varies=own), seed=1)


def test_a_cast_is_refused_where_it_would_be_asked_of_what_differs() -> None:
    with pytest.raises(InputError, match=r"a cast does not go with .*: cooling"):
        Society(small(varies=MANY), seed=1, cast=Cast(RuleMind()))
    own = {"innovation": MANY["innovation"]}
    lived(small(varies=own), days=2, cast=Cast(RuleMind()))


# ------------------------------------------------------------------- files, other runs


def test_a_scenario_says_it_in_its_file(tmp_path: Path) -> None:
    half = sim.scenario(EXAMPLES / "half_and_half.toml")
    assert [one.name for one in half.profiles] == ["assistant", "os1"]
    own = sim.scenario(EXAMPLES / "own_cooling.toml")
    assert own.varies["cooling"].kind == "lognormal"
    assert (
        own.replace(varies={}).parameters
        == sim.scenario("her-film-cut").replace(humans=400, steps=300).parameters
    )
    file = tmp_path / "wrong.toml"
    file.write_text('title = ""\nstory = ""\n[varies.love]\nof = "humans"\nsd = 0.1\n')
    with pytest.raises(InputError, match=r"wrong.toml: .*'love' is the same for all"):
        sim.scenario(file)


def test_a_run_says_what_differs_and_is_continued_with_the_same_bytes(
    tmp_path: Path,
) -> None:
    town = small(steps=12, varies=MANY)
    town = town.replace(profiles=[HALVES[0] | {"share": 1.0}], varies={
        name: one for name, one in MANY.items() if name not in ("ardour", "os_charm")
    })  # fmt: skip
    whole = sim.run(town, seed=1, out=tmp_path / "a", checkpoint_every=8)
    fork = whole.fork(8, out=tmp_path / "b")
    for table in ("humans-000012", "oses-000012", "ties-000012"):
        file = f"snapshots/{table}.parquet"
        assert (whole.path / file).read_bytes() == (fork.path / file).read_bytes()
    for one in (whole, fork):
        said = one.provenance
        assert said["profiles"] == [{"name": "assistant", "share": 1.0}]
        assert said["varies"]["cooling"] == {"of": "humans", "sd": 0.005}
    assert {"cooling", "innovation"} <= {*whole.humans().columns}
    assert (whole.oses()["profile"] == 0).all()
    known = json.loads((whole.path / "checkpoints/000008/society.json").read_text())
    assert known["scenario"]["varies"]["jealousy"]["high"] == 1.0
    assert small().differing() == {}


def test_what_differs_is_part_of_the_default_place_and_of_the_hash_of_a_run(
    tmp_path: Path,
) -> None:
    from sim.runs.simulate import default_path
    from sim.studies.design import make
    from sim.studies.job import Tasks, scenario_of

    own = small(varies={"cooling": MANY["cooling"]})
    places = {default_path(one, 1, None) for one in (small(), own)}
    assert len(places) == 2
    text = (EXAMPLES / "half_and_half.toml").read_text()
    runs = set()
    for share in ("0.5", "0.25"):
        file = tmp_path / f"{share}.toml"
        rest = f"{1.0 - float(share)}"
        file.write_text(text.replace("share = 0.5", f"share = {rest}", 1).replace(
            "share = 0.5", f"share = {share}"
        ))  # fmt: skip
        design = make({"scenario": str(file), "grid": {"cooling": [0.01]}, "seeds": 1})
        task = Tasks(design)[0]
        again = scenario_of(json.loads(json.dumps(task.job)))
        assert again.parameters.heterogeneity is not None
        assert again.profiles[1].share == float(share)
        runs.add(task.run)
    assert len(runs) == 2


@pytest.mark.slow
def test_a_run_that_was_cut_short_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = small(steps=20, varies={"jealousy": MANY["jealousy"]}, profiles=HALVES)
    whole = sim.run(town, seed=1, out=tmp_path / "whole", checkpoint_every=8)
    step = Society.step

    def cut_short(society: Society) -> None:
        if society.calendar == 13:
            raise KeyboardInterrupt
        step(society)

    monkeypatch.setattr(Society, "step", cut_short)
    with pytest.raises(KeyboardInterrupt):
        sim.run(town, seed=1, out=tmp_path / "part", checkpoint_every=8)
    monkeypatch.undo()
    resumed = resume(tmp_path / "part")
    assert resumed.provenance["profiles"] == HALVES
    for name in ("series", "events", "snapshots/oses-000020", "snapshots/ties-000020"):
        file = f"{name}.parquet"
        assert (resumed.path / file).read_bytes() == (whole.path / file).read_bytes()
    page = sim.report(resumed)
    assert "0.5 assistant, 0.5 os1" in page and "jealousy differs" in page


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.slow
def test_workers_give_what_this_process_gives(tmp_path: Path) -> None:
    file = tmp_path / "town.toml"
    file.write_text(
        'title = ""\nstory = ""\n[varies.cooling]\nof = "humans"\nsd = 0.002\n'
        + '[[profiles]]\nname = "assistant"\nshare = 0.5\n'
        + '[[profiles]]\nname = "os1"\nshare = 0.5\n'
    )
    design = {
        "scenario": str(file),
        "outcomes": ["loneliness_end"],
        "base": SMALL | {"humans": 20, "steps": 12},
        "grid": {"cooling": [0.005, 0.02]},
        "seeds": 1,
    }
    design["base"].pop("cooling", None)
    here = at_home(tmp_path / "here", design).table()
    there = sim.sweep(design | {"name": "s"}, out=tmp_path / "there", workers=1).table()
    assert (here["state"] == "done").all() and here.equals(there)
    assert here["loneliness_end"].nunique() == 2
    town = small(steps=15, varies={"cooling": MANY["cooling"]})
    given: dict[str, Any] = {"seeds": 2, "outcomes": ["loneliness_end"]}
    one, two = (
        sim.counterfactual(town, town.replace(profiles=HALVES), workers=n, **given)
        for n in (1, 2)
    )
    assert one.differences.equals(two.differences)
    assert min(one.first_days.values()) > 1  # the same until the first assistant comes


# --------------------------------------------------------------------------- factors

FACTORS = """
from sim.mechanisms import Column, Mechanism, real
{name} = Mechanism('{name}', '', parameters={{'of_{name}':
    real(1.0, '1', -9, 1e9, 'a number', 'assumed')}})
"""
FACTOR = """
@{name}.factor({socket!r}, over={over!r})
def at_{socket}(i, s):
    return {value}
"""


def with_factors(
    folder: Path, sockets: dict[str, str], name: str = "more", value: str = ""
) -> Path:
    """Write a mechanism with factors of one number, by socket and whose they are."""
    text = FACTORS.format(name=name)
    for socket, over in sockets.items():
        returned = value or f"s.my.of_{name}"
        text += FACTOR.format(name=name, socket=socket, over=over, value=returned)
    (folder / f"{name}.py").write_text(text)
    return folder / f"{name}.py"


ALL_SOCKETS = {
    socket: "agents" if len(known.scales) == 2 else next(iter(known.scales))
    for socket, known in SOCKETS.items()
}
# What a doubling of each is, in parameters of the model.
DOUBLED: dict[str, list[str]] = {
    "adoption": ["innovation", "imitation"],
    "uninstalling": ["churn"],
    "growth_rate": ["human_growth_rate", "os_growth_rate"],
    "meeting_rate": ["human_meeting", "os_meeting"],
    "warmth": ["human_warmth", "os_warmth"],
    "cooling": ["cooling", "partner_cooling", "os_cooling"],
    "departure_push": ["conformity", "longing"],
}


@pytest.mark.slow
def test_factors_of_1_change_no_byte(tmp_path: Path, usual: Society) -> None:
    town = small().use(with_factors(tmp_path, ALL_SOCKETS))
    assert differing(usual, lived(town)) == []
    assert differing(usual, lived(town.replace(more=False, of_more=9.0))) == []


USUAL_SUITE = ("adoption", "cooling")  # the rest in the slow one


@pytest.mark.parametrize(
    "socket",
    [
        pytest.param(name, marks=() if name in USUAL_SUITE else pytest.mark.slow)
        for name in (*DOUBLED, "loneliness_support")
    ],
)
def test_a_factor_of_2_is_a_doubling(
    socket: str, tmp_path: Path, usual: Society
) -> None:
    """Doubling is exact, so the bytes are those of doubled parameters."""
    known = small().parameters.model_dump()
    changes = {name: 2.0 * known[name] for name in DOUBLED.get(socket, ())}
    changes = changes or {"support_half": 0.5 * known["support_half"]}
    town = small().use(with_factors(tmp_path, {socket: ALL_SOCKETS[socket]}))
    found = lived(town.replace(of_more=2.0), days=40)
    assert differing(lived(small(**changes), days=40), found) == []
    assert differing(usual, found)


@pytest.mark.slow
def test_homophily_is_how_far_growth_keeps_apart(tmp_path: Path) -> None:
    """At 0, no gap does: then OSes that have grown are still met."""
    file = with_factors(tmp_path, {"homophily": "agents"})
    town = small(os_growth_rate=0.2).use(file)
    none, strong = (
        lived(town.replace(of_more=factor), days=40).state.humans.os_ties.mean()
        for factor in (0.0, 1e9)
    )
    assert none > 1.1 * strong


@pytest.mark.slow
def test_factors_of_several_mechanisms_multiply(tmp_path: Path, usual: Society) -> None:
    files = [with_factors(tmp_path, ALL_SOCKETS, name) for name in ("more", "less")]
    town = small().use(*files).replace(of_more=4.0, of_less=0.25)
    own = {"cooling": {"of": "humans", "sd": 0.001}}
    assert differing(usual, lived(town)) == []
    varied = lived(small(varies=own), days=20)
    assert differing(varied, lived(town.replace(varies=own), days=20)) == []


@pytest.mark.parametrize("value", ["-1.0", "s.my.of_more / 0.0", "0.0 / (1.0 - 1.0)"])
def test_a_factor_is_finite_and_not_negative(value: str, tmp_path: Path) -> None:
    file = with_factors(tmp_path, {"adoption": "humans"}, value=value)
    text = r"more.at_adoption: a factor is finite, and 0 or more, but that of row 0 is"
    with pytest.raises(InputError, match=text):
        lived(small().use(file), days=1)


@pytest.mark.parametrize(
    ("socket", "over", "what"),
    [
        ("adopton", "humans", "multiplied at 'adopton'; did you mean 'adoption'?"),
        ("adoption", "oses", "'adoption' is of humans, not of oses"),
        ("departure_push", "agents", "'departure_push' is of oses, not of agents"),
        ("warmth", "society", "'warmth' is of humans or oses, not of society"),
    ],
)
def test_a_factor_that_enters_nowhere_is_refused(
    socket: str, over: str, what: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=what):
        sim.use(with_factors(tmp_path, {socket: over}))


def test_a_factor_reads_what_it_declares(tmp_path: Path) -> None:
    file = with_factors(tmp_path, {"adoption": "humans"}, value="s.humans.touch[i]")
    text = "more.at_adoption uses 'touch', which is not there: declare columns"
    with pytest.raises(InputError, match=text):
        lived(small().use(file), days=1)


@pytest.mark.slow
def test_one_that_is_not_the_plain_one_breaks_the_contract(tmp_path: Path) -> None:
    """What stands beside it is fixed when it is compiled, and moves on in Python."""
    text = """
from sim.mechanisms import Mechanism

MINE = Mechanism("mine", "")
COUNT = 1.0


@MINE.process(before="grow", over="society")
def tick(s):
    global COUNT
    COUNT = 2.0 if s.day.step > 1 else 1.0


@MINE.factor("adoption", over="humans")
def wish(i, s):
    return COUNT
"""
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(InputError, match=r"mine.wish differs from its plain function"):
        sim.check_mechanism(tmp_path / "mine.py", scenario=small(humans=20, steps=15))


@pytest.mark.slow
def test_wages_of_a_survey_change_who_installs_an_os(tmp_path: Path) -> None:
    town = small(imitation=0.0, innovation=0.02).use(EXAMPLES / "wages.py")
    equal, unequal = (
        lived(town.replace(wage_pull=pull), days=30).state.humans for pull in (0.0, 0.9)
    )
    rich = equal.column("wage_rank") > 0.5
    before, after = (one.adopted_step >= 0 for one in (equal, unequal))
    assert after[~rich].sum() < 0.6 * before[~rich].sum()
    assert after[rich].sum() > 0.75 * before[rich].sum()
    sim.check_mechanism(EXAMPLES / "wages.py", scenario=small(steps=15))
    for name in ("wages.py", "wages_synthetic.csv"):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes() + b"\n")
    with pytest.raises(InputError, match=r"wages_synthetic.csv holds other data"):
        Society(small().use(tmp_path / "wages.py"), seed=1)


@pytest.mark.slow
def test_the_tables_and_the_benchmark_are_made() -> None:
    files = EXAMPLES / "what_changed.py", ROOT / "experiments/benchmarks/differing.py"
    tables, cost = (_module(file) for file in files)
    found = tables.own_cooling(1, humans=200, steps=120)["human_closeness, own cooling"]
    assert found["lowest fifth"] > 1.2 * found["highest fifth"]
    found = tables.half_and_half(1, humans=100, steps=60)["human_closeness"]
    assert found["assistants"] < 0.7 * found["os1"]
    took = cost.measured(humans=30, days=1)
    assert all(min(days) > 0.0 for days in took.values())


def _module(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ------------------------------------------------------------------ interventions


def test_a_factor_of_oses_is_refused_where_people_are_set_what_it_multiplies(
    tmp_path: Path,
) -> None:
    """What counts on a tie is one of the two, and the factor would be of nobody."""
    some = Intervention(name="some", at=2, set={"os_warmth": 1.0}, who=Who(share=1.0))
    town = small().use(with_factors(tmp_path, {"warmth": "oses"}))
    lived(town, days=1)
    with pytest.raises(InputError, match="'os_warmth' differs by humans"):
        lived(town.model_copy(update={"interventions": [some]}), days=1)


def test_what_is_written_to_own_values_is_in_the_range_of_the_parameter() -> None:
    far = Intervention(name="far", at=2, columns={"innovation": -5.0})
    town = small(varies={"innovation": {"of": "humans", "sd": 0.001}})
    with pytest.raises(InputError, match=r"'innovation' is 0 to 1, but 'humans.innov"):
        lived(town.model_copy(update={"interventions": [far]}), days=3)
