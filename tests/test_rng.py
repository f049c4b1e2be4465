"""A draw is a pure function of its name: no order, no state, no favourites."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.engine import rng
from sim.engine.rng import draws_of, each_of, key, name_of, pair_uniform, uniform
from sim.engine.streams import Stream

SEEDS = st.integers(0, 2**63 - 1)
IDS = st.integers(0, 2**32 - 1)
STREAMS = st.sampled_from(Stream)
STEPS = st.integers(0, 100_000)
MASK = 2**64 - 1


def split_mix(key: int, part: int) -> int:
    """SplitMix64's output of state ``key + (part + 1) * golden``, in big integers."""
    z = (key + (part + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def expected(seed: int, stream: int, step: int, name: int, other: int) -> float:
    """A draw, from the formula in the module's first lines."""
    today = 0
    for part in (seed, stream, step):
        today = split_mix(today, part)
    return (split_mix(today, name << 32 | other) >> 11) / 2**53


def test_the_hash_is_splitmix64() -> None:
    """The first numbers of SplitMix64 from seed 0, as published with its code."""
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [split_mix(0, part) for part in range(3)] == published
    assert [int(rng.mix(np.uint64(0), part)) for part in range(3)] == published


@given(seed=SEEDS, stream=STREAMS, step=STEPS, name=IDS, other=IDS)
def test_a_draw_is_what_its_name_hashes_to(
    seed: int, stream: Stream, step: int, name: int, other: int
) -> None:
    draw = uniform(key(seed, stream, step), name, other)
    assert draw == expected(seed, stream, step, name, other)
    assert 0.0 <= draw < 1.0


@given(
    names=st.lists(st.tuples(IDS, IDS), min_size=2, max_size=20, unique=True),
    data=st.data(),
)
def test_the_order_of_asking_changes_nothing(
    names: list[tuple[int, int]], data: st.DataObject
) -> None:
    today = key(7, Stream.WARMTH, 12)
    first = {name: uniform(today, *name) for name in names}
    again = {name: uniform(today, *name) for name in data.draw(st.permutations(names))}
    assert first == again


@given(seed=SEEDS, step=STEPS)
def test_every_part_of_a_name_counts(seed: int, step: int) -> None:
    others = [
        key(seed, Stream.ADOPT, step),
        key(seed ^ 1, Stream.ADOPT, step),
        key(seed, Stream.DEPART, step),
        key(seed, Stream.ADOPT, step + 1),
    ]
    names = [(3, 4), (4, 3), (3, 5)]
    found = {uniform(k, *name) for k, name in itertools.product(others, names)}
    assert len(found) == len(others) * len(names)


def test_streams_do_not_follow_each_other() -> None:
    columns = np.array([rng.uniforms(1, stream, 20_000) for stream in Stream])
    related = np.corrcoef(columns) - np.eye(len(Stream))
    assert np.abs(related).max() < 5 / np.sqrt(20_000)


def test_days_do_not_follow_each_other() -> None:
    ids = np.arange(20_000)
    days = [draws_of(key(1, Stream.MEET, step), ids, 0) for step in range(10)]
    related = np.corrcoef(days) - np.eye(10)
    assert np.abs(related).max() < 5 / np.sqrt(20_000)


@pytest.mark.parametrize("stream", Stream)
def test_draws_are_uniform(stream: Stream) -> None:
    drawn = rng.uniforms(11, stream, 40_000)
    spread = 5 / np.sqrt(len(drawn))
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0
    assert abs(drawn.mean() - 1 / 2) < spread * np.sqrt(1 / 12)
    assert abs((drawn**2).mean() - 1 / 3) < spread * np.sqrt(4 / 45)
    counts = np.histogram(drawn, 20, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 50  # chi2 with 19: p < 0.0002
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < spread


@given(seed=SEEDS, one=IDS, other=IDS)
def test_a_pair_draws_the_same_from_either_side(
    seed: int, one: int, other: int
) -> None:
    today = key(seed, Stream.AFFINITY)
    assert pair_uniform(today, one, other) == pair_uniform(today, other, one)
    pair = np.uint64(name_of(one, other))  # or numba takes the first for int64
    mine, yours = each_of(today, pair, one < other)
    if one != other:
        turned = each_of(today, np.uint64(name_of(other, one)), other < one)
        assert (yours, mine) == turned
    assert 0.0 <= mine < 1.0
    assert 0.0 <= yours < 1.0


def test_the_two_of_a_pair_have_draws_of_their_own() -> None:
    today = key(3, Stream.WARMTH, 5)
    both = np.array([each_of(today, name_of(i, i + 1), True) for i in range(10_000)])
    assert np.abs(both.mean(axis=0) - 0.5).max() < 0.02
    assert abs(np.corrcoef(both.T)[0, 1]) < 0.05


def test_columns_of_draws_are_the_same_draws() -> None:
    today = key(5, Stream.INSTALL, 8)
    ids = np.array([4, 1, 900], np.int32)
    singly = [uniform(today, int(i), 2) for i in ids]
    assert draws_of(today, ids, 2).tolist() == singly
    forever = key(5, Stream.PERSON)
    column = rng.uniforms(5, Stream.PERSON, 3, 2)
    assert column.tolist() == [uniform(forever, i, 2) for i in range(3)]


def test_more_draws_leave_the_first_as_they_were() -> None:
    few = rng.uniforms(5, Stream.PERSON, 10)
    assert rng.uniforms(5, Stream.PERSON, 1000)[:10].tolist() == few.tolist()


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**53 + 1, 2**63 - 1])
def test_a_key_takes_every_documented_seed(seed: int) -> None:
    made = key(seed, Stream.DEPART, 3)
    assert made == key(np.int64(seed), Stream.DEPART, np.int32(3))
    assert int(made) == split_mix(split_mix(split_mix(0, seed), Stream.DEPART), 3)


def test_the_numbers_of_streams_are_never_reused() -> None:
    """They are part of a run's identity: add at the end, never renumber."""
    assert {stream.name: stream.value for stream in Stream} == {
        "NETWORK": 1,
        "PERSON": 2,
        "ADOPT": 3,
        "UNINSTALL": 4,
        "INSTALL": 5,
        "AFFINITY": 6,
        "WARMTH": 7,
        "DISCLOSE": 8,
        "MEET": 9,
        "REPAIR": 10,
        "CREATE": 11,
        "DEPART": 12,
        "THRESHOLD": 13,
        "PARTNER": 14,
        "DECLARE": 15,
        "SHUTDOWN": 16,
        "TRACES": 17,
        "ENCOUNTER": 18,
        "PART": 19,
        "COURT": 20,
        "POST": 21,
        "READ": 22,
        "ACTIVITY": 23,
        "INSTANCE": 24,
    }
