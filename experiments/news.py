"""Hold worry against two shocks in r/CharacterAI: by a lawsuit (N62), by a ban (N60).

    python experiments/news.py [--scenario characterai-2025] [--seeds 5]
                               [--humans N] [--half-lives 3,6,10]

First N62 alone, without a society: what half-life its first two weeks say, depending on
how many days of the first week were over when the news came; what share of posts weeks
3 to 7 then have, and whether one half-life meets all three numbers (chi-square of one
degree of freedom, by the counts of posts; 3.84 is the mark).

Then societies, each three times with the same random numbers: with no news; with news
of a threat to everybody's OS on day 400, and nothing more; with the ban of the scenario
`characterai-2025` (a tenth is told on day 400, and loses its OS on day 427). Distress
is grief and worry of users, less that of the society with no news. What is asked:

- in how many days worry halves, and distress (grief and worry) of all weeks;
- what distress would rise to, over the society's own grief with no news;
- N60: a share of posts is taken to be a base, published, and a part that is
  proportional to distress. The scale is such that the first week of the lawsuit is as
  N62 says. Nothing else is set, and nothing by N60. How far the lawsuit was a threat to
  a user's OS is not known: it is 1, as that of the ban, and what less makes of it is
  shown.
"""

from __future__ import annotations

import argparse
import math
from typing import Any, NamedTuple

import numpy as np

import sim
from sim.scenarios.interventions import Intervention
from sim.society import Society

# N62: words of distress, % of posts, before, in the first two weeks, in weeks 3 to 7.
BEFORE, FIRST, SECOND, LATER = 0.87, 3.20, 1.94, 0.91
# N60: before, and in the 33 days from the announcement; 11,651 posts in these.
BASE, RATIO, WINDOW, POSTS = 1.28, 1.68, 33, 11_651
WEEK, NEWS, STEPS = 7, 400, 450
A_WEEK = POSTS / WINDOW * WEEK  # posts, taken to have been as many in 2024
THREATS = (1.0, 0.5, 0.25, 0.1)


# ------------------------------------------------------------------------ N62 by itself


def weeks_of(half_life: float, late: int) -> Any:
    """Return float64[3]: a shock in week 1, in week 2, and a week of weeks 3 to 7.

    The shock is 1 on the day of the news, which comes after ``late`` days of week 1.
    """
    daily = np.zeros(7 * WEEK)
    daily[late:] = 0.5 ** (np.arange(7 * WEEK - late) / half_life)
    weeks = daily.reshape(7, WEEK).mean(axis=1)
    return np.array([weeks[0], weeks[1], weeks[2:].mean()])


def half_life_of_two(late: int) -> float:
    """Return the half-life that the first two weeks have, by bisection."""
    wanted = (SECOND - BEFORE) / (FIRST - BEFORE)
    low, high = 0.1, 100.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        first, second, _ = weeks_of(middle, late)
        low, high = (middle, high) if second / first < wanted else (low, middle)
    return low


def misfit(half_life: float, late: int) -> float:
    """Return the least chi-square of the three numbers for a half-life."""
    seen = np.array([FIRST, SECOND, LATER]) - BEFORE
    share = np.array([FIRST, SECOND, LATER]) / 100.0
    posts = A_WEEK * np.array([1.0, 1.0, 5.0])
    weight = 1.0 / (100.0**2 * share * (1.0 - share) / posts)
    shape = weeks_of(half_life, late)
    height = (weight * seen * shape).sum() / (weight * shape * shape).sum()
    return float((weight * (seen - height * shape) ** 2).sum())


def tell_of_n62() -> None:
    """Print what one half-life makes of the three numbers of N62."""
    print(
        "N62: days over | half-life of weeks 1, 2 | weeks 3-7, % | best of all | chi2"
    )
    tried = np.arange(0.1, 15.0, 0.01)
    for late in range(WEEK):
        own = half_life_of_two(late)
        shape = weeks_of(own, late)
        later = BEFORE + (FIRST - BEFORE) * shape[2] / shape[0]
        all_of_them = [misfit(one, late) for one in tried]
        best = tried[int(np.argmin(all_of_them))]
        print(f"{late:14} | {own:23.2f} | {later:12.2f}", end="")
        print(f" | {best:11.2f} | {min(all_of_them):.2f}")
    shape = weeks_of(6.0, 0)
    second, later = (
        BEFORE + (FIRST - BEFORE) * one / shape[0] for one in shape[1:].tolist()
    )
    print(
        f"half-life 6, news on day 1 of week 1: {second:.2f}, then {later:.2f}", end=""
    )
    print(f" (published {SECOND}, {LATER}); chi2 {misfit(6.0, 0):.2f}")


# --------------------------------------------------------------------------- societies


class Shock(NamedTuple):
    """What was seen of one society from the day of the news on."""

    worry: Any  # float64[days]: mean of users
    distress: Any  # float64[days]: the same of grief and worry


def lived(town: Any, seed: int) -> Shock:
    """Simulate a society; return what it feels from the day of the news on."""
    society = Society(town, seed=seed)
    for _ in range(town.parameters.steps):
        society.step()
    history = society.monitor.history
    return Shock(
        *(np.array(history[n])[NEWS - 1 :] for n in ("worry_mean", "distress"))
    )


def halved(series: Any) -> float:
    """Return in how many days a series halves, by least squares of its logarithm.

    Over the first four weeks, as long as it is above a hundredth of its first day.
    """
    first = series[: 4 * WEEK]
    last = int(np.argmax(first < first[0] / 100.0)) or len(first)
    slope = np.polyfit(np.arange(last), np.log(first[:last]), 1)[0]
    return float(-math.log(2.0) / slope)


def said(name: str, values: list[float], digits: int = 2) -> None:
    """Print a mean over seeds, with the least and the most."""
    mean, low, high = (f(values) for f in (np.mean, np.min, np.max))
    print(f"  {name:58} {mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")


def tell_of_societies(town: Any, half_life: float, seeds: int) -> None:
    """Print what a lawsuit and a ban do with a half-life, and what N60 would be."""
    ban = sim.scenario("characterai-2025").interventions
    news = Intervention(name="news", at=NEWS, columns={"threat": 1.0})
    calm, sued, banned = (
        [
            lived(at.model_copy(update={"interventions": told}), seed)
            for seed in range(seeds)
        ]
        for at in [town.replace(worry_half_life=half_life)]
        for told in ([], [news], ban)
    )
    own = [float(one.distress[:WINDOW].mean()) for one in calm]
    by_news = [a.distress - b.distress for a, b in zip(sued, calm, strict=True)]
    by_ban = [a.distress - b.distress for a, b in zip(banned, calm, strict=True)]
    first = [float(one[:WEEK].mean()) for one in by_news]
    rise = [float(one[:WINDOW].mean()) for one in by_ban]
    worry = [float(one.worry[:WINDOW].mean()) for one in banned]
    print(f"half-life {half_life:g} days")
    said("worry after news halves in, days", [halved(one.worry) for one in sued])
    said("distress after news halves in, days", [halved(one) for one in by_news])
    weeks = [BEFORE + (FIRST - BEFORE) * one / one[:WEEK].mean() for one in by_news]
    said(f"week after, % (N62: {SECOND})", [float(w[7:14].mean()) for w in weeks])
    said(f"weeks 3 to 7, % (N62: {LATER})", [float(w[14:49].mean()) for w in weeks])
    share = [100 * w / r for w, r in zip(worry, rise, strict=True)]
    said("of the ban's distress, worry, %", share, 0)
    base = float(np.mean(own))
    over = [1 + float(np.mean(o)) / base if base else math.inf for o in (first, rise)]
    print(f"  own base (grief with no news) {base:.4f}, of all seeds; over it:")
    print(
        f"    first week after news {over[0]:.0f} (N62: {FIRST / BEFORE:.1f})", end=""
    )
    print(f", ban {over[1]:.0f} (N60: {RATIO})")
    scaled = [(FIRST - BEFORE) * r / f / BASE for r, f in zip(rise, first, strict=True)]
    for threat in THREATS:
        ratios = [1 + one / threat for one in scaled]
        said(f"N60 ({RATIO}; 1.4 to 2), threat of the lawsuit {threat:g}", ratios)
    needed = [one / (RATIO - 1) for one in scaled]
    said(f"threat of the lawsuit that would make {RATIO} of it", needed)


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="characterai-2025")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--humans", type=int)
    parser.add_argument("--half-lives", default="3,6,10")
    args = parser.parse_args()
    tell_of_n62()
    town = sim.scenario(args.scenario).use("worry").replace(steps=STEPS)
    if args.humans:
        town = town.replace(humans=args.humans)
    for half_life in args.half_lives.split(","):
        tell_of_societies(town, float(half_life), args.seeds)


if __name__ == "__main__":
    main()
