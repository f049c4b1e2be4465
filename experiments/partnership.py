"""Set the rates at which partners part and singles pair, from A100, and try them.

    python experiments/partnership.py [--scenario today] [--seeds 4] [--years 12]

Societies without OSes, twice. First nobody parts or pairs: what share of `parting_rate`
the hazard of parting is in the mean of people with a partner, and how many pairs of
singles could pair; from these and A100 follow the two rates. Then with the scenario's
own rates: what share of the couples of day 0 parted, how many people have a partner
each year, and how many singles know somebody at the end whom they could pair with. That
stands beside N92, which is not modelled: of young singles who expect to marry 31 % date
once a month or more. In the model nobody dates; who is close and single may pair.
"""

from __future__ import annotations

import argparse
import math
from typing import Any, NamedTuple

import numpy as np

import sim
from sim.model import rules
from sim.society import Society

DIVORCED, MEDIAN_YEARS, YEAR = 0.33, 12, 365  # A100: share of the ever-married; years
PER_DAY = -math.log(1.0 - DIVORCED / 2) / (MEDIAN_YEARS * YEAR)


class Years(NamedTuple):
    """What was seen of one society."""

    rows: Any  # float64[years + 1, 3]: `seen` on day 0 and after each year
    shares: Any  # float64[years + 1]: of people with a partner
    parted: float  # of the couples of day 0
    hopeful: float  # of the singles at the end: know somebody whom they could pair with


def seen(society: Any) -> tuple[float, int, float]:
    """Return the mean logistic of people with a partner, and pairs who could pair.

    And what share of the singles are in such a pair.
    """
    humans, ties = society.state.humans, society.state.ties.table()
    given = society.parameters
    owner, other, own = ties["owner"], ties["neighbour"], ties["closeness"]
    is_partner = humans.partner[owner] == other
    to_partner, alternative = np.zeros(humans.n), np.zeros(humans.n)
    to_partner[owner[is_partner]] = own[is_partner]
    np.maximum.at(alternative, owner[~is_partner], own[~is_partner])
    has_one = humans.partner >= 0
    pulls = (alternative - to_partner)[has_one] / given.parting_noise
    single = (humans.partner[owner] < 0) & (humans.partner[other] < 0) & (owner < other)
    could = single & (np.minimum(own, ties["returned"]) >= given.attraction)
    among = np.unique(np.concatenate([owner[could], other[could]]))
    hopeful = len(among) / max(1, int((~has_one).sum()))
    logistic = float(np.mean([*map(rules.logistic, pulls)]))
    return logistic, int(could.sum()), hopeful


def years_of(town: Any, seed: int, years: int) -> Years:
    """Simulate a society for so many years."""
    society = Society(town, seed=seed)
    first = society.state.humans.partner.copy()
    rows, shares = [seen(society)], [float((first >= 0).mean())]
    together = first >= 0
    for _ in range(years):
        for _ in range(YEAR):
            society.step()
            together &= society.state.humans.partner == first
        rows.append(seen(society))
        shares.append(float((society.state.humans.partner >= 0).mean()))
    parted = 1.0 - together.sum() / max(1, (first >= 0).sum())
    return Years(np.array(rows), np.array(shares), float(parted), rows[-1][2])


def main() -> None:
    """Print the rates that A100 asks for, and what comes of those of the scenario."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="today")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--years", type=int, default=MEDIAN_YEARS)
    args = parser.parse_args()
    town = sim.scenario(args.scenario).replace(adoption=False, steps=args.years * YEAR)
    still = town.replace(parting_rate=0.0, courting_rate=0.0)
    before = [years_of(still, seed, args.years) for seed in range(args.seeds)]
    rows = np.mean([one.rows for one in before], axis=0)
    logistic, pairs, _ = ((rows[1:] + rows[:-1]) / 2).mean(axis=0)
    couples = float(before[0].shares[0]) * town.parameters.humans / 2
    print(f"a couple parts by A100, 1/day   {PER_DAY:.3g}")
    print(f"mean logistic over the years    {logistic:.3f}")
    print(f"couples; pairs who could pair   {couples:.0f}; {pairs:.0f}")
    print(f"parting_rate, courting_rate     {PER_DAY / (2 * logistic):.3g}", end=", ")
    print(f"{PER_DAY * couples / pairs:.3g}")
    lived = [years_of(town, seed, args.years) for seed in range(args.seeds)]
    parted = [100 * one.parted for one in lived]
    shares = 100 * np.mean([one.shares for one in lived], axis=0)
    print(f"with {town.parameters.parting_rate:g}, {town.parameters.courting_rate:g}:")
    print(f"couples of day 0 that parted, % {np.mean(parted):.1f}", end=" ")
    print(f"({min(parted):.1f} to {max(parted):.1f})")
    print("people with a partner, %, by year", *(f"{share:.1f}" for share in shares))
    hopeful = [100 * one.hopeful for one in lived]
    print(f"singles who could pair, %       {np.mean(hopeful):.1f}", end=" ")
    print(f"({min(hopeful):.1f} to {max(hopeful):.1f}); N92: 31 % date")


if __name__ == "__main__":
    main()
