"""Partners who part and singles who pair: the rules, alone, and in whole societies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bare import check_couples, live, make_day, talked, tie

import sim
from sim.model import rules
from sim.model.columns import HERE, PARTNER
from sim.model.state import State
from sim.society import Society

MANY, ENOUGH = 600, 0.2  # humans; 1/day: in a few days many part
BUSY = {"parting_rate": 0.05, "courting_rate": 0.05, "attraction": 0.4}
SMALL = {"humans": 60, "steps": 30, "ties": 8.0, "warming": 0.2, "innovation": 0.02}


def couples(closeness: float, alternative: float = 0.0) -> State:
    """Return couples of neighbours; with an alternative, each has one close friend."""
    state = State(MANY)
    one = np.arange(0, MANY, 2)
    tie(state, np.stack([one, one + 1], axis=1), closeness, PARTNER)
    state.humans.partner[:] = np.arange(MANY) ^ 1
    if alternative:
        # 1 is a friend of 2, 3 of 4, and so on around.
        tie(state, np.stack([one + 1, (one + 2) % MANY], axis=1), alternative)
    return state


def after_a_day(state: State, **changes: Any) -> float:
    """Return the share of humans who have no partner after a day of partings."""
    day = make_day(state.humans.n, **{"parting_rate": ENOUGH} | changes)
    live(state, day, "part_and_pair")
    return float((state.humans.partner < 0).mean())


def society(seed: int = 1, threads: int = 1, **changes: Any) -> Society:
    town = sim.scenario("her").replace(**SMALL | BUSY | changes)
    return Society(town, seed=seed, threads=threads)


def lived(days: int = 30, **changes: Any) -> Society:
    found = society(**changes)
    for _ in range(days):
        found.step()
        check_couples(found)
    return found


# ---------------------------------------------------------------------------- the rules


def test_the_hazard_rises_with_the_alternative_and_falls_with_closeness() -> None:
    steps = np.linspace(0.0, 1.0, 11)
    by_other = [rules.parting_hazard(a, 0.5, 0.1, 0.01) for a in steps]
    by_own = [rules.parting_hazard(0.5, c, 0.1, 0.01) for c in steps]
    assert (np.diff(by_other) > 0).all() and (np.diff(by_own) < 0).all()
    assert by_other[5] == pytest.approx(0.005)
    assert by_other[0] < 0.0001 and by_other[-1] > 0.0099


def test_an_os_is_an_alternative_as_far_as_it_counts() -> None:
    found = [rules.best_alternative(0.5, 0.8, weight) for weight in (0.0, 0.5, 0.8, 1)]
    assert found == pytest.approx([0.5, 0.5, 0.64, 0.8])


# ----------------------------------------------------------------------------- partings


def test_without_alternatives_next_to_nobody_parts_and_with_close_ones_many() -> None:
    alone = after_a_day(couples(0.8), parting_noise=0.05)
    tempted = after_a_day(couples(0.8, alternative=0.9), parting_noise=0.05)
    hazard = ENOUGH * rules.logistic(2.0)
    either = 1.0 - (1.0 - hazard) ** 2
    spread = np.sqrt(either * (1.0 - either) / (MANY / 2))
    assert alone < 0.005
    assert tempted == pytest.approx(either, abs=4 * spread)


def test_who_parts_stays_tied_as_a_friend_and_grieves_as_both_do() -> None:
    state = couples(0.8, alternative=0.9)
    after_a_day(state, parting_rate=1.0, parting_noise=0.001, parting_grief=0.5)
    humans = state.humans
    assert (humans.partner < 0).all()
    assert (humans.former == np.arange(MANY) ^ 1).all()
    assert humans.grief == pytest.approx(0.4)
    ties = state.ties.table()
    assert len(ties["owner"]) == 2 * MANY and not (ties["kind"] & PARTNER).any()


def test_whoever_leaves_both_are_single_whatever_the_other_would_do() -> None:
    """Only the second of each couple has an alternative."""
    state = State(6)
    tie(state, np.array([[0, 1], [2, 3]]), 0.6, PARTNER)
    tie(state, np.array([[1, 4], [3, 5]]), 0.9)
    state.humans.partner[:4] = 1, 0, 3, 2
    after_a_day(state, parting_rate=1.0, parting_noise=0.001)
    assert (state.humans.partner < 0).all()


def test_partners_who_have_forgotten_each_other_part_without_grief() -> None:
    state = State(3)
    tie(state, np.array([[0, 2]]), 0.9)
    state.humans.partner[:2] = 1, 0
    after_a_day(state, parting_rate=1.0, parting_noise=0.001)
    assert state.humans.partner.tolist() == [-1, -1, -1]
    assert not state.humans.grief.any()


# ------------------------------------------------------------------------------ pairing


def singles(closeness: float) -> State:
    state = couples(closeness)
    state.humans.partner[:] = -1
    state.ties.column("kind")[:] = 0
    return state


def pair(state: State, **changes: Any) -> float:
    return 1.0 - after_a_day(state, **{"parting_rate": 0.0} | changes)


def test_singles_pair_who_are_close_enough_and_only_with_courting() -> None:
    assert pair(singles(0.7), courting_rate=0.0) == 0.0
    assert pair(singles(0.7), parting_rate=1.0, courting_rate=0.0) == 0.0
    assert pair(singles(0.5), courting_rate=1.0, attraction=0.6) == 0.0
    assert pair(singles(0.7), courting_rate=1.0, attraction=0.6) == 1.0
    assert pair(singles(0.7), courting_rate=0.3) == pytest.approx(0.3, abs=0.1)


def test_it_takes_closeness_on_both_sides() -> None:
    state = singles(0.7)
    for human in range(0, MANY, 2):  # one side of each tie
        state.ties.of(human)["closeness"][:] = 0.1
        state.ties.of(human + 1)["returned"][:] = 0.1
    assert pair(state, courting_rate=1.0) == 0.0


def test_who_pairs_again_with_whom_they_left_has_no_former() -> None:
    state = singles(0.7)
    state.humans.former[:] = np.arange(MANY) ^ 1
    state.humans.former[0] = 5
    assert pair(state, courting_rate=1.0) == 1.0
    assert state.humans.former[0] == 5
    assert (state.humans.former[1:] == -1).all()


def test_without_courting_singles_never_pair_and_with_it_they_do() -> None:
    still = lived(courting_rate=0.0, parting_rate=0.0)
    first = society().state.humans.partner
    assert np.array_equal(still.state.humans.partner, first)
    never = lived(courting_rate=0.0, adoption=False).state.humans.partner
    assert (never[first < 0] == -1).all() and (never < 0).sum() > (first < 0).sum()
    pairing = lived(parting_rate=0.0, adoption=False).state.humans.partner
    assert (pairing[first >= 0] == first[first >= 0]).all()
    assert (pairing < 0).sum() < (first < 0).sum()


# --------------------------------------------------------------------------------- OSes


def with_oses(love: float, has_os: bool, **changes: Any) -> np.ndarray:
    """Return who has parted among couples of whom all love an OS, or have none."""
    state = couples(0.6)
    if has_os:
        rows = state.add_oses(MANY, status=HERE)
        others = MANY + np.arange(rows.start, rows.stop)
        tie(state, np.stack([np.arange(MANY), others], axis=1), love)
    talked(state, make_day(MANY))
    after_a_day(state, **changes)
    return np.asarray(state.humans.partner < 0)


def test_more_part_who_love_an_os_than_in_the_twin_without() -> None:
    without = with_oses(0.9, False)
    rivals = with_oses(0.9, True)
    assert (rivals >= without).all()  # by the same draws: those, and more
    assert rivals.mean() > without.mean() + 0.2
    assert np.array_equal(with_oses(0.9, True, os_alternative=0.0), without)
    assert np.array_equal(with_oses(0.3, True), with_oses(0.3, True, courting_rate=0.0))
    assert with_oses(0.3, True).mean() < 0.1


# OSes that many love within weeks, while closeness to humans fades.
RIVALS = {
    **{"humans": 150, "innovation": 0.1, "imitation": 0.2, "os_warmth": 2.0},
    **{"os_reserve": 0.0, "stranger_reserve": 5.0, "cooling": 0.02},
    **{"partner_cooling": 0.02, "courting_rate": 0.0, "parting_rate": 0.02},
    **{"parting_noise": 0.03},
}


def test_in_a_whole_society_with_oses_more_part_than_without() -> None:
    def parted(seed: int, **changes: Any) -> float:
        found = society(seed, **RIVALS | changes)
        first = found.state.humans.partner >= 0
        for _ in range(60):
            found.step()
        return float((found.state.humans.partner[first] < 0).mean())

    arms: list[dict[str, Any]] = [{}, {"adoption": False}, {"os_alternative": 0.0}]
    found = [[parted(seed, **changes) for seed in (1, 2, 3)] for changes in arms]
    with_oses, without, no_rivals = np.array(found)
    assert (with_oses > without).all()
    assert (with_oses - without).mean() > 0.1
    assert (no_rivals <= without).all()  # OSes take time from the other alternatives


# ------------------------------------------------------------------------------- always


def test_any_number_of_threads_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.engine.threads.WORTH_SHARING", 0)
    states = [lived(threads=n).state for n in (1, 3)]
    one, three = ([s.humans.copy_columns(), s.ties.table()] for s in states)
    for left, right in zip(one, three, strict=True):
        for name, values in left.items():
            assert values.tobytes() == right[name].tobytes(), name
    assert (states[0].humans.partner != society().state.humans.partner).sum() > 10


def test_a_run_goes_on_from_a_checkpoint_with_the_same_bytes(tmp_path: Path) -> None:
    town = sim.scenario("her").replace(**SMALL | BUSY)
    whole = sim.run(town, seed=1, out=tmp_path / "a", checkpoint_every=15)
    fork = whole.fork(15, out=tmp_path / "b")
    for name in ("humans-000030", "ties-000030"):
        file = f"snapshots/{name}.parquet"
        assert (whole.path / file).read_bytes() == (fork.path / file).read_bytes()
    late = whole.humans()["former"].to_numpy()
    before = Society(town, seed=1).state.humans.partner
    assert (late[before >= 0] == before[before >= 0]).any()  # some have parted


def test_switched_off_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day costs nothing more where both rates are 0, as they are by default."""
    module = "sim.model.mechanisms.partnership"
    looked: list[int] = []
    monkeypatch.setattr(f"{module}.choose", lambda *_: looked.append(1))
    monkeypatch.setattr(f"{module}._part", lambda *_: None)
    monkeypatch.setattr(f"{module}._pair", lambda *_: None)
    assert sim.Parameters().parting_rate == sim.Parameters().courting_rate == 0.0
    after_a_day(couples(0.8, 0.9), parting_rate=0.0)
    assert not looked
    after_a_day(couples(0.8, 0.9), parting_rate=0.1)
    assert looked
