"""Couples that mechanisms ask to part or to pair, and the example that does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bare import check_couples
from quick import QUICK, all_columns

import sim
from sim.engine.tie_edits import cut_ties, find_slots
from sim.engine.ties import Ties
from sim.mechanisms import registry, requests
from sim.model.columns import PARTNER
from sim.model.processes import advance
from sim.scenarios import Scenario
from sim.society import Society
from sim.utils.errors import InputError

EXAMPLE = Path(__file__).parents[1] / "experiments" / "mechanisms" / "couples.py"
SMALL = QUICK | {"humans": 40, "steps": 30}
# Whoever may ask asks: nothing here is left to chance.
ASKS = """
from sim.mechanisms import Column, Mechanism, real
M = Mechanism("mine", "", columns={"ties": [Column("mark", "f4", "", "", 0.0)]})

@M.process(
    after="mourn", over="humans",
    writes=("humans.parting_request", "humans.partner_request"),
)
def ask(i, s):
    pass
"""
# Much happens in a month.
BUSY = {"parting": 0.1, "courting": 0.3, "liking": 0.4}


@pytest.fixture(autouse=True)
def nothing_in_use() -> Iterator[None]:
    """Let every test begin with no mechanism in use, and leave none behind."""
    registry._in_use.clear()
    yield
    registry._in_use.clear()


@pytest.fixture
def town(tmp_path: Path) -> Scenario:
    """Return a small society in which requests about couples are carried out."""
    file = tmp_path / "mine.py"
    file.write_text(ASKS)
    return sim.scenario("her-film-cut").replace(**SMALL).use(file)


def living(**changes: Any) -> Scenario:
    return (
        sim.scenario("her-film-cut")
        .replace(**SMALL)
        .use(EXAMPLE)
        .replace(**BUSY | changes)
    )


def evening_requests(society: Society) -> None:
    """Carry out what is asked, as the society does once a day."""
    society.state.ties.align()
    requests.part(society.state, society.day)
    society.state.ties.align(changed=True)
    requests.pair_off(society.state, society.day)


def couple_of(society: Society) -> tuple[int, int]:
    one = int(np.flatnonzero(society.state.humans.partner >= 0)[0])
    return one, int(society.state.humans.partner[one])


def singles_who_are_tied(society: Society) -> tuple[int, int]:
    humans, ties = society.state.humans, society.state.ties.table()
    owner, other = ties["owner"], ties["neighbour"]
    among = (owner < humans.n) & (other < humans.n)
    owner, other = owner[among], other[among]
    single = (humans.partner[owner] < 0) & (humans.partner[other] < 0)
    at = int(np.flatnonzero(single)[0])
    return int(owner[at]), int(other[at])


# ----------------------------------------------------------------------------- parting


def test_who_parts_is_single_and_the_tie_stays_one_of_friends(town: Scenario) -> None:
    society = Society(town, seed=1)
    humans = society.state.humans
    one, other = couple_of(society)
    others = np.delete(humans.partner, [one, other])
    humans.parting_request[one] = 1
    evening_requests(society)
    assert humans.partner[[one, other]].tolist() == [-1, -1]
    assert np.array_equal(np.delete(humans.partner, [one, other]), others)
    assert not humans.parting_request.any()
    assert humans.former[one] != other  # they still are in touch
    ties = society.state.ties.of(one)
    assert (ties["neighbour"] == other).sum() == 1
    check_couples(society)


def test_who_parts_for_good_is_whom_the_other_was_close_to(town: Scenario) -> None:
    society = Society(town, seed=1)
    humans, ties = society.state.humans, society.state.ties
    one, other = couple_of(society)
    ties.column("mark")[:] = np.arange(len(ties.column("mark")))
    before = {k: v.copy() for k, v in ties.of(one).items()}
    humans.parting_request[one], humans.parting_request[other] = 1, 2
    evening_requests(society)
    stay = before["neighbour"] != other
    for name, column in ties.of(one).items():  # own columns, too
        assert np.array_equal(column, before[name][stay]), name
    assert not (ties.of(other)["neighbour"] == one).any()
    assert (humans.former[one], humans.former[other]) == (other, one)
    check_couples(society)
    society.step()
    check_couples(society)


def test_own_columns_of_ties_stay_with_them_where_one_is_cut(town: Scenario) -> None:
    society = Society(town, seed=1)
    assert society.own_schedule is not None
    humans, ties = society.state.humans, society.state.ties
    for one in range(humans.n):
        own = ties.of(one)
        own["mark"][:] = 1000 * one + own["neighbour"]
    one, other = couple_of(society)
    tied = {one, other, *ties.of(one)["neighbour"].tolist()}
    stranger = min(set(range(humans.n)) - tied)
    humans.parting_request[one] = 2
    day = [p for p in society.own_schedule.phases if p.name == "part"]
    advance(society.state, society.day, phases=day)
    # As many ties as before: only the day knows that they are not the same.
    ties.insert(np.array([[one, stranger]]), np.array([0.3]), np.zeros(1, np.uint8))
    table = ties.table()
    wanted = 1000 * table["owner"] + table["neighbour"]
    is_new = np.isin(wanted, [1000 * one + stranger, 1000 * stranger + one])
    assert np.array_equal(table["mark"], np.where(is_new, 0, wanted))


def test_a_parting_of_who_has_no_partner_changes_nothing(town: Scenario) -> None:
    society = Society(town, seed=1)
    humans = society.state.humans
    before = all_columns(society.state)
    humans.parting_request[humans.partner < 0] = 2
    evening_requests(society)
    after = all_columns(society.state)
    assert all(np.array_equal(before[n], after[n]) for n in before)


# ----------------------------------------------------------------------------- pairing


def test_two_singles_who_ask_for_each_other_are_a_couple(town: Scenario) -> None:
    society = Society(town, seed=1)
    humans = society.state.humans
    one, other = singles_who_are_tied(society)
    humans.partner_request[one], humans.partner_request[other] = other, one
    evening_requests(society)
    assert (humans.partner[one], humans.partner[other]) == (other, one)
    assert (humans.partner_request == -1).all()
    check_couples(society)
    cooling = society.state.ties.of(one)  # from now on as that of partners
    assert cooling["kind"][cooling["neighbour"] == other] & PARTNER


@pytest.mark.parametrize("what", ["one asks", "one has", "no tie", "an OS", "oneself"])
def test_other_requests_for_a_partner_change_nothing(town: Scenario, what: str) -> None:
    society = Society(town, seed=1)
    humans = society.state.humans
    wants = humans.partner_request
    one, other = singles_who_are_tied(society)
    if what == "one asks":
        wants[one] = other
    elif what == "one has":
        taken, _ = couple_of(society)
        wants[one], wants[taken] = taken, one
    elif what == "no tie":
        tied = society.state.ties.of(one)["neighbour"]
        single = np.flatnonzero(humans.partner < 0)
        stranger = int(single[~np.isin(single, [*tied, one])][0])
        wants[one], wants[stranger] = stranger, one
    elif what == "an OS":
        wants[one], wants[other] = humans.n, 2**31 - 1
    else:
        wants[one] = one
    before = humans.partner.copy()
    evening_requests(society)
    assert np.array_equal(humans.partner, before)
    assert (wants == -1).all()
    check_couples(society)


def test_who_parts_may_pair_on_the_same_day(town: Scenario) -> None:
    society = Society(town, seed=1)
    humans, ties = society.state.humans, society.state.ties
    one, other = couple_of(society)
    near = ties.of(one)["neighbour"]
    third = int(near[(near != other) & (near < humans.n)][0])
    humans.parting_request[[one, third]] = 1
    humans.partner_request[one], humans.partner_request[third] = third, one
    evening_requests(society)
    assert humans.partner[one] == third
    check_couples(society)


@pytest.mark.parametrize("seed", range(3))
def test_no_requests_make_couples_that_cannot_be(town: Scenario, seed: int) -> None:
    """Whatever is asked, on every day, couples and ties stay consistent."""
    society = Society(town, seed=seed)
    draw = np.random.default_rng(seed)
    humans = society.state.humans
    for _ in range(15):
        humans.parting_request[:] = draw.integers(0, 4, humans.n)
        near = [society.state.ties.of(i)["neighbour"] for i in range(humans.n)]
        wild = draw.integers(-5, humans.n + 5, humans.n)
        wants = [draw.choice(some) if len(some) else -1 for some in near]
        humans.partner_request[:] = np.where(draw.random(humans.n) < 0.5, wants, wild)
        mutual = np.flatnonzero(humans.partner_request >= 0)
        mutual = mutual[humans.partner_request[mutual] < humans.n]
        humans.partner_request[humans.partner_request[mutual]] = mutual
        society.step()
        check_couples(society)
    assert (humans.partner >= 0).any()


def test_partners_of_the_model_are_still_not_written(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(ASKS.replace("humans.partner_request", "humans.partner"))
    with pytest.raises(InputError, match=r"humans.partner cannot be written"):
        sim.use(file)
    file.write_text(
        ASKS.replace('{"ties"', '{"humans"').replace('"mark"', '"partner_request"')
    )
    with pytest.raises(InputError, match="the name is taken"):
        sim.use(file)


def test_single_ties_are_found_and_cut() -> None:
    ties = Ties(4)
    pairs = np.array([[0, 1], [0, 2], [1, 2], [2, 3]])
    ties.fill(pairs, np.array([0.1, 0.2, 0.3, 0.4]), np.zeros(4, np.uint8), 2)
    found = find_slots(ties.arrays, np.array([[0, 2], [0, 3]]))
    assert (found[1] == -1).all()
    assert ties.arrays.neighbour[found[0]].tolist() == [2, 0]
    cut_ties(ties.arrays, np.array([[0, 2], [0, 3]]))
    assert [ties.of(i)["neighbour"].tolist() for i in range(4)] == [
        [1],
        [0, 2],
        [1, 3],
        [2],
    ]
    assert np.allclose(ties.of(2)["closeness"], [0.3, 0.4])


# ------------------------------------------------------------------------- the example


def test_people_part_and_pair_and_grieve_for_it() -> None:
    society = Society(living(), seed=1)
    humans = society.state.humans
    for _ in range(30):
        society.step()
        check_couples(society)
    assert humans.partings.sum() > 4
    assert humans.partings.sum() % 2 == 0  # one parts, and so does the other
    has_one = humans.partner >= 0
    assert (humans.days_together[has_one] > 0).all()
    assert (humans.days_together[~has_one] == 0).all()
    new = has_one & (humans.partings > 0)
    assert new.any()
    assert np.array_equal(humans.partners - humans.partings, has_one)
    assert humans.grief[humans.partings > 0].max() > 0.0


@pytest.mark.parametrize(
    ("closeness", "to_os", "rivalry", "hazard"),
    [
        (0.9, 0.1, 1.0, 0.000335),  # 1 / (1 + exp(8))
        (0.6, 0.6, 1.0, 0.5),
        (0.6, 0.8, 1.0, 0.881),  # 1 / (1 + exp(-2))
        (0.6, 0.8, 0.5, 0.119),
    ],
)
def test_the_hazard_of_leaving_follows_closeness_and_alternatives(
    closeness: float, to_os: float, rivalry: float, hazard: float
) -> None:
    """Of 4,000 people with a partner and an OS, about so many leave in a day."""
    many = 4_000
    one = np.arange(many)
    leave = sim.use(EXAMPLE).processes[0].function
    my = {"parting": 1.0, "doubt": 0.1, "os_rivalry": rivalry, "contact_lost": 0.5}
    scope = SimpleNamespace(
        my=SimpleNamespace(**my, key_leave=np.uint64(1), key_contact=np.uint64(2)),
        day=SimpleNamespace(n_humans=many),
        ties=SimpleNamespace(
            start=one,
            degree=np.ones(many, int),
            neighbour=one ^ 1,
            closeness=np.full(many, closeness),
        ),
        humans=SimpleNamespace(
            partner=one ^ 1,
            os_closeness=np.full(many, to_os),
            attached=np.zeros(many),
            parting_request=np.zeros(many, int),
        ),
    )
    for i in range(many):
        leave(i, scope)
    asked = scope.humans.parting_request
    sd = math.sqrt(hazard * (1 - hazard) / many)
    assert (asked > 0).mean() == pytest.approx(hazard, abs=4 * sd)
    if hazard > 0.1:
        assert (asked[asked > 0] == 2).mean() == pytest.approx(0.5, abs=0.1)
    assert (scope.humans.attached == closeness).all()


@pytest.mark.slow
def test_switched_off_it_changes_nothing() -> None:
    towns = living(couples=False), sim.scenario("her-film-cut").replace(**SMALL)
    states = [Society(town, seed=1) for town in towns]
    for society in states:
        for _ in range(30):
            society.step()
    off, plain = (all_columns(society.state) for society in states)
    assert all(np.array_equal(off[name], column) for name, column in plain.items())


def test_a_run_of_it_goes_on_from_a_checkpoint_with_the_same_bytes(
    tmp_path: Path,
) -> None:
    whole = sim.run(living(humans=25), seed=1, out=tmp_path / "a", checkpoint_every=15)
    fork = whole.fork(15, out=tmp_path / "b")
    for name in ("humans-000030", "ties-000030"):
        file = f"snapshots/{name}.parquet"
        assert (whole.path / file).read_bytes() == (fork.path / file).read_bytes()
    parted = whole.humans()["partings"].sum()
    assert 2 * whole.series["broken_up"].iloc[-1] == parted > 0
    has_one = whole.humans()["partner"] >= 0
    assert whole.series["with_partner"].iloc[-1] == has_one.mean()


@pytest.mark.slow
def test_the_example_keeps_the_contract_and_prints_what_it_changes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    town = sim.scenario("her-film-cut").replace(**SMALL | {"humans": 20, "steps": 14})
    assert len(sim.check_mechanism(EXAMPLE, scenario=town)) == 7
    main = registry.use(EXAMPLE).processes[0].function.__globals__["main"]
    words = ["couples.py", "--humans", "20", "--years", "1", "--seeds", "2"]
    monkeypatch.setattr("sys.argv", words)
    main()
    assert "nobody has an OS" in capsys.readouterr().out
