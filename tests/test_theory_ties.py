"""Known theory of ties comes out of the shipped phases.

A tie that saturates, attention that limits how many ties there are, and the layers of
closeness around a person. Keys such as B19 name rows of the evidence table.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from bare import NOTHING_HAPPENS, SEED, affinity, live, make_day, tie

from sim.model import births, processes
from sim.model.parameters import Parameters
from sim.model.population import generate
from sim.model.state import State

FIT = 0.5


def suit(state: State, pairs: np.ndarray) -> None:
    """Make all pairs go together equally well, ``FIT``: traits make up for affinity."""
    apart = affinity(pairs)
    for tables in (state.humans, state.oses):
        tables.openness[:], tables.playfulness[:] = 0.0, 0.0
    state.humans.openness[pairs[:, 0]] = apart
    state.humans.playfulness[pairs[:, 0]] = apart


# ------------------------------------------------------------- a saturating tie: B19

COUPLES = 200
COUPLE = np.arange(2 * COUPLES).reshape(COUPLES, 2)


def couples(gain: float, cooling: float, noise: float, closeness: float) -> Any:
    """Return couples, and days on which talk brings them closer by ``gain`` (mean)."""
    state = State(2 * COUPLES)
    day = make_day(
        2 * COUPLES,
        human_attention=1.0,
        half_hours=1.0,
        warming=gain / (0.5 * FIT),
        cooling=cooling,
        warmth_noise=noise,
    )
    suit(state, COUPLE)
    tie(state, COUPLE, closeness)
    return state, day


def lived_closeness(state: State, day: Any, days: int) -> np.ndarray:
    """Return float64[days, ties in both directions]."""
    found = []
    for _ in range(days):
        live(state, day, "present", "attend", "converse")
        found.append(state.ties.table()["closeness"])
    return np.array(found, np.float64)


def spread(gain: float, cooling: float, noise: float) -> float:
    """Return the standard deviation of closeness in the long run.

    With c' = (1 - g - d) c + g + g n U (1 - c), U uniform in -1 .. 1, the second
    moment is closed.
    """
    kept, noise_share = 1 - gain - cooling, (gain * noise) ** 2 / 3
    missing = cooling / (gain + cooling)
    return math.sqrt(noise_share * missing**2 / (1 - kept**2 - noise_share))


@pytest.mark.parametrize(
    ("gain", "cooling", "noise"),
    [(0.2, 0.05, 0.5), (0.2, 0.05, 1.0), (0.05, 0.05, 1.0), (0.02, 0.08, 1.0)],
)
def test_closeness_has_the_mean_and_spread_of_a_saturating_tie(
    gain: float, cooling: float, noise: float
) -> None:
    mean = gain / (gain + cooling)
    state, day = couples(gain, cooling, noise, closeness=mean)
    lived_closeness(state, day, 60)
    closeness = lived_closeness(state, day, 400)
    assert closeness.mean() == pytest.approx(mean, rel=0.01)
    assert closeness.std() == pytest.approx(spread(gain, cooling, noise), rel=0.03)


@pytest.mark.parametrize("start", [0.1, 0.99])
def test_closeness_relaxes_in_the_time_of_a_saturating_tie(start: float) -> None:
    gain, cooling = 0.008, 0.002  # B19 in steps of a 25th: its tau of 4 is 100 days
    state, day = couples(gain, cooling, noise=0.0, closeness=start)
    left = lived_closeness(state, day, 200).mean(1) - 0.8
    assert left[[24, 99, 199]] == pytest.approx(
        (start - 0.8) * 0.99 ** np.array([25, 100, 200]), rel=0.001
    )
    assert -100 / math.log(left[199] / left[99]) == pytest.approx(100, rel=0.01)


# ---------------------------------------------------- attention limits ties: B20


def befriend(state: State, hubs: np.ndarray, sizes: np.ndarray) -> None:
    """Give each hub so many friends of its own, who all suit it equally."""
    friends = np.arange(int(sizes.sum()))
    pairs = np.stack([friends, np.repeat(hubs, sizes)], 1)
    suit(state, pairs)
    tie(state, pairs, 0.5)


def kept(state: State, day: Any, hubs: np.ndarray, closeness: float) -> int:
    """Return the most friends whom a hub can keep at ``closeness`` in the long run."""
    for _ in range(500):
        live(state, day, "present", "attend", "converse")
    able = [hub for hub in hubs if state.ties.of(hub)["closeness"].min() >= closeness]
    return max(len(state.ties.of(hub)["closeness"]) for hub in able)


def kept_by_human(hours: float, closeness: float, around: int, **talk: float) -> int:
    """Return how many of its friends a human with so many hours a day keeps."""
    sizes = np.arange(max(1, around - 4), around + 5)
    hubs = int(sizes.sum()) + np.arange(len(sizes))
    state = State(int(hubs[-1]) + 1)
    befriend(state, hubs, sizes)
    day = make_day(state.humans.n, human_attention=hours, **talk)
    return kept(state, day, hubs, closeness)


def capacity(hours: float, closeness: float, day: dict[str, float]) -> float:
    """Return how many ties can be kept at ``closeness``, by the model's own terms.

    With A hours over n ties, each gains w h / (h + half) with h = A / n and loses d:
    the fixed point is at least m as long as n <= A (w (1 - m) - d m) / (d m half).
    """
    warming, cooling = day["warming"] * FIT, day["cooling"]
    surplus = warming * (1 - closeness) - cooling * closeness
    return hours * surplus / (cooling * closeness * day["half_hours"])


TALK = {"warming": 0.2, "cooling": 0.02, "half_hours": 1.0}


@pytest.mark.parametrize("hours", [3.0, 6.0, 12.0])
def test_how_many_ties_one_keeps_is_linear_in_ones_hours(hours: float) -> None:
    most = capacity(hours, 0.5, TALK)
    assert most == pytest.approx(4 * hours)
    assert abs(kept_by_human(hours, 0.5, round(most), **TALK) - most) <= 1


def test_ten_hours_keep_the_published_twenty_ties() -> None:
    # B20's gain of 0.1 per contact and decay of 0.05, in steps of a tenth; talk has
    # next to its linear effect where half of the whole effect takes 24 hours.
    talk = {"warming": 0.48, "cooling": 0.005, "half_hours": 24.0}
    assert abs(kept_by_human(10.0, 0.5, 20, **talk) - 20) <= 1


@pytest.mark.parametrize(("times", "loves"), [(1, 5), (128, 641)])
def test_641_loves_need_128_times_the_hours_that_keep_5(times: int, loves: int) -> None:
    talk = {"warming": 0.2, "cooling": 0.005, "half_hours": 1.0}
    hours = times * 1.252
    sizes = np.arange(loves - 3, loves + 4)
    state = State(int(sizes.sum()))
    rows = np.arange(len(sizes))
    state.add_oses(len(sizes))
    befriend(state, state.humans.n + rows, sizes)
    day = make_day(state.humans.n, os_attention=hours, human_attention=24.0, **talk)
    love = day["love"]
    assert capacity(hours, love, talk) == pytest.approx(loves, abs=0.1)
    assert abs(kept(state, day, state.humans.n + rows, love) - loves) <= 1


# --------------------------------------------------- layers of closeness: B16, B17

LOWEST = (0.70, 0.40, 0.225, 0.0)  # of the support clique, sympathy, affinity, all


def layers(closeness: np.ndarray, humans: int, lowest: tuple[float, ...]) -> np.ndarray:
    """Return how many ties a human has in each layer and the closer ones."""
    return np.array([2 * (closeness >= low).sum() / humans for low in lowest])


def mu(cumulative: np.ndarray) -> float:
    """Return Tamarit's mu, by maximum likelihood, from cumulative layer sizes.

    The share of layer k is proportional to exp(mu k); the likelihood is greatest where
    the mean layer is as observed.
    """
    share = np.diff(cumulative, prepend=0.0) / cumulative[-1]
    k = np.arange(len(share))
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        weight = np.exp(middle * (k - k[-1] / 2))
        if (weight * k).sum() / weight.sum() < (share * k).sum():
            low = middle
        else:
            high = middle
    return low


def test_the_measure_of_layers_finds_the_published_value() -> None:
    assert mu(np.array([5, 15, 50, 150])) == pytest.approx(1.069, abs=0.001)
    assert mu(np.array([1, 2, 3, 4])) == pytest.approx(0.0, abs=1e-6)
    assert mu(np.array([100, 135, 145, 150])) == pytest.approx(-1.069, abs=0.001)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_generated_society_of_150_ties_has_the_layers_of_dunbar(seed: int) -> None:
    humans = 1_000
    network = generate(humans, 150, seed, partnered=0.58, rewiring=0.2)
    sizes = layers(network.closeness, humans, LOWEST)
    assert sizes == pytest.approx([5, 15, 50, 150], rel=0.1)
    assert ((sizes[1:] / sizes[:-1] > 2.5) & (sizes[1:] / sizes[:-1] < 3.7)).all()
    slope = np.polyfit(np.arange(4), np.log(sizes), 1)[0]
    assert 2.5 < math.exp(slope) < 3.7
    assert mu(sizes) == pytest.approx(1.07, abs=0.1)


def settled_layers(ties: float) -> np.ndarray:
    """Return layers of equal width after a year and a half of talk, shipped rates."""
    humans = 200
    shipped = ("warming", "warmth_noise", "cooling", "focus", "stranger_reserve")
    defaults = Parameters().model_dump()
    changes = NOTHING_HAPPENS | {name: defaults[name] for name in shipped}
    parameters = Parameters().replace(**(changes | {"ties": ties}))
    network = generate(humans, ties, SEED, partnered=0.58, rewiring=0.2)
    state = births.populate(parameters, network, SEED)
    day = processes.make_day(parameters, humans, SEED)
    for _ in range(300):
        live(state, day, "present", "attend", "converse")
    closeness = state.ties.table()["closeness"]
    return layers(closeness, 2 * humans, (0.75, 0.5, 0.25, 0.0))


def test_layers_turn_inside_out_when_there_are_few_to_know() -> None:
    # Attention divided among many makes most ties weak; among few, most are strong.
    few, some, many = (mu(settled_layers(ties)) for ties in (4.0, 15.0, 100.0))
    assert few < -0.5
    assert few < some < many
    assert many > 0.5
