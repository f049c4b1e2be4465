"""A feed: who writes, what is in it, whom readers meet, and what theory says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bare import SEED, live, make_day

import sim
from sim.engine.rng import draws_of, key
from sim.engine.streams import Stream
from sim.model import rules
from sim.model.codes import HERE, OFFLINE
from sim.model.mechanisms.feed import posts_of
from sim.model.state import State
from sim.society import Society

MANY = 3000  # OSes
READING = {
    **{"meeting": True, "os_meeting": 1.0, "os_circle": 100_000, "feed": 1.0},
    **{"posts": 1.0, "post_spread": 0.75},
}


def oses(many: int = MANY) -> State:
    """Return a state of OSes without owners, and of one human who knows nobody."""
    state = State(1)
    state.add_oses(many, status=HERE, born_step=0)
    return state


def read(state: State, days: int, **changes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Let OSes read; return who met whom, rows of readers and of authors."""
    day, readers, authors = make_day(1, **READING | changes), [], []
    for _ in range(days):
        live(state, day, "present", "publish", "meet", "befriend")
        reader = np.flatnonzero(state.oses.meets >= 1)
        readers.append(reader)
        authors.append(state.oses.meets[reader] - 1)
    return np.concatenate(readers), np.concatenate(authors)


def rates(spread: float = 0.75, many: int = MANY) -> np.ndarray:
    """Return how many posts a day each OS writes on average, if all write one."""
    draws = draws_of(key(SEED, Stream.ACTIVITY), np.arange(many), 0)
    return np.array([rules.posting_rate(draw, 1.0, spread) for draw in draws])


# ---------------------------------------------------------------------------- the rules


@pytest.mark.parametrize("spread", [0.0, 0.3, 0.5, 0.75])
def test_rates_have_their_mean_and_the_gini_coefficient_of_a_pareto(
    spread: float,
) -> None:
    """Both by integrals over the quantiles; the tail holds a part of the mean."""
    draws = 1.0 - np.geomspace(1.0, 1e-12, 400_001)
    found = np.array([rules.posting_rate(draw, 0.11, spread) for draw in draws])
    mean = np.trapezoid(found, draws)
    gini = 2.0 * np.trapezoid(draws * found, draws) / mean - 1.0
    assert mean == pytest.approx(0.11, rel=0.005)
    assert gini == pytest.approx(spread / (2.0 - spread), abs=0.005)


def test_posts_are_whole_and_as_many_as_the_rate_on_average() -> None:
    draws = (np.arange(1000) + 0.5) / 1000
    for rate in (0.0, 0.11, 0.999, 1.0, 2.5):
        found = [rules.posts_written(rate, draw) for draw in draws]
        assert np.mean(found) == pytest.approx(rate, abs=1e-3)
        assert set(found) <= {np.floor(rate), np.floor(rate) + 1.0}


# --------------------------------------------------------------------------- the theory


def test_an_os_is_met_in_proportion_to_how_often_it_writes() -> None:
    """Activity-driven networks: what is expected of a degree is linear in activity."""
    _, author = read(oses(), 10)
    met, rate = np.bincount(author, minlength=MANY), rates()
    order = np.argsort(rate)
    for group in np.array_split(order[: MANY * 99 // 100], 12):  # hubs know all
        expected = len(author) * rate[group].sum() / rate.sum()
        assert met[group].sum() == pytest.approx(expected, rel=0.25)
    assert np.corrcoef(met, rate)[0, 1] > 0.9


def test_degrees_have_the_tail_of_activity() -> None:
    """The exponent of the tail is 1 / post_spread: Hill's estimate of it."""
    found = []
    for spread in (0.4, 0.75):
        _, author = read(oses(), 20, post_spread=spread)
        met = np.sort(np.bincount(author, minlength=MANY))[::-1]
        top = met[: MANY // 50].astype(np.float64)
        found.append(float(np.log(top[:-1] / top[-1]).mean()))
    assert found == pytest.approx([0.4, 0.75], abs=0.15)


def test_where_all_write_alike_degrees_are_those_of_chance() -> None:
    """Poisson: the variance is the mean; the more unequal activity, the larger."""
    ratios = []
    for spread in (0.0, 0.3, 0.6):
        _, author = read(oses(), 10, post_spread=spread)
        met = np.bincount(author, minlength=MANY)
        ratios.append(float(met.var() / met.mean()))
    assert ratios[0] == pytest.approx(1.0, abs=0.1)
    assert ratios[0] < ratios[1] - 0.5 < ratios[2] - 2.0


# ----------------------------------------------------------------------------- the feed


def test_the_feed_has_what_was_written_today_by_who_is_here() -> None:
    state, day = oses(50), make_day(1, **READING)
    state.oses.status[0] = OFFLINE
    seen = []
    for _ in range(5):
        live(state, day, "publish")
        shown = np.bincount(state.posts, minlength=50)
        assert np.array_equal(shown, posts_of(state, day))
        seen.append(shown)
    assert len({one.tobytes() for one in seen}) == 5
    total = np.sum(seen, axis=0)
    assert total[0] == 0
    assert np.abs(total - 5 * rates(many=50))[1:].max() < 5


def test_who_comes_today_is_in_the_feed_from_tomorrow_on() -> None:
    society = Society(town(posts=50.0), seed=1)
    for _ in range(5):
        before = society.state.oses.n
        society.step()
        assert set(society.state.posts.tolist()) <= set(range(before))
    assert society.state.oses.n > 20


def test_without_a_feed_there_are_no_posts_and_nobody_reads() -> None:
    assert sim.Parameters().feed == 0.0
    state = oses(200)
    assert len(read(state, 5, feed=0.0)[0]) == 0  # nor has anybody a friend
    assert len(state.posts) == 0
    assert len(read(state, 5, peers=False)[0]) == 0
    assert len(read(state, 5, os_meeting=0.0)[0]) == 0
    assert len(read(state, 5)[0]) > 200
    read(state, 1, feed=0.0)
    assert len(state.posts) == 0


def test_so_many_read_as_the_share_of_looking_round_says() -> None:
    """Nobody has a friend, so who does not read meets nobody on the first day."""
    all_of_them, some = (len(read(oses(), 1, feed=f)[0]) for f in (1.0, 0.4))
    assert some / all_of_them == pytest.approx(0.4, abs=0.05)


def test_readers_meet_nobody_of_their_own_nor_twice() -> None:
    state = oses(30)
    reader, author = read(state, 40)
    assert (reader != author).all()
    pairs = {
        (min(p), max(p)) for p in zip(reader.tolist(), author.tolist(), strict=True)
    }
    assert len(pairs) == state.ties.half_edges // 2


# ------------------------------------------------------------------------------- always


def town(**changes: Any) -> Any:
    return sim.scenario("moltbook").replace(humans=60, steps=20, ties=8.0, **changes)


def test_any_number_of_threads_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.engine.threads.WORTH_SHARING", 0)
    found = []
    for threads in (1, 3):
        society = Society(town(), seed=1, threads=threads)
        for _ in range(20):
            society.step()
        found.append(society.state.ties.table())
    assert all(
        found[0][name].tobytes() == found[1][name].tobytes() for name in found[0]
    )
    assert len(found[0]["owner"]) > 500


def test_a_run_goes_on_from_a_checkpoint_with_the_same_bytes(tmp_path: Path) -> None:
    given = town()
    whole = sim.run(given, seed=1, out=tmp_path / "a", checkpoint_every=10)
    fork = whole.fork(10, out=tmp_path / "b")
    for name in ("oses-000020", "ties-000020"):
        file = f"snapshots/{name}.parquet"
        assert (whole.path / file).read_bytes() == (fork.path / file).read_bytes()


def test_oses_read_where_they_differ_in_how_often_they_look_around() -> None:
    """The less often one looks around, the fewer it meets; all are met."""
    differs = {"os_meeting": {"of": "oses", "sd": 0.4}}
    society = Society(town(os_meeting=0.5, varies=differs), seed=1)
    looked, met = np.zeros(60), np.zeros(60)
    for _ in range(20):
        society.step()
        meets = society.state.oses.meets
        reader = np.flatnonzero(meets >= 60)
        np.add.at(looked, reader, 1)
        np.add.at(met, meets[reader] - 60, 1)
    own = society.state.oses.column("os_meeting")
    n = len(own)
    assert np.corrcoef(looked[:n], own)[0, 1] > 0.4
    assert (met[:n][own < 0.2] > 0).any() and looked[:n][own < 0.01].sum() == 0
