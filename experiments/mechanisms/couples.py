"""Couples: partners part, an OS being one of the alternatives, and single people pair.

An example of requests about couples, with columns of humans and of ties.

    python experiments/mechanisms/couples.py

prints how many people have a partner over three years, how many couples part, and what
of that is because of OSes: beside the same society, by the same random numbers, in
which nobody ever installs one.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np

from sim.mechanisms import Column, Mechanism, pair_uniform, real, rule, slot_of, uniform
from sim.model import rules

COUPLES = Mechanism(
    "couples",
    "Partners part, by closeness and alternatives; single people who are close pair.",
    parameters={
        "parting": real(
            0.0001,
            "1/day",
            0,
            1,
            "hazard of leaving one's partner, at most",
            "set so that 14 to 30 of 1,000 couples part in a year without OSes (A99)",
        ),
        "doubt": real(
            0.1, "closeness", 0.001, 1, "noise in comparing (Rusbult 1980)", "assumed"
        ),
        "os_rivalry": real(
            1.0, "0..1", 0, 1, "how far an OS counts as a human does", "assumed"
        ),
        "contact_lost": real(
            0.5, "0..1", 0, 1, "partings after which both lose touch", "assumed"
        ),
        "courting": real(
            0.00012,
            "1/day",
            0,
            1,
            "hazard with which two who are close pair",
            "set so that without OSes as many pair as part (A97)",
        ),
        "liking": real(
            0.6,
            "closeness",
            0,
            1,
            "closeness that courting takes, both ways",
            "assumed",
        ),
        "heartbreak": real(
            1.0, "0..1", 0, 1, "grief of a parting per closeness (A70)", "assumed"
        ),
    },
    columns={
        "humans": [
            Column("companion_row", "i4", "row", "the partner in the evening", -1),
            Column("attached", "f4", "0..1", "closeness to the partner at talk"),
            Column("days_together", "i4", "days", "with this partner, since day 0"),
            Column("partners", "i4", "humans", "partners so far"),
            Column("partings", "i4", "times", "break-ups so far"),
        ],
        "ties": [
            Column("once_partners", "u1", "flag", "they were a couple, and parted")
        ],
    },
    streams=["leave", "contact", "court"],
)


@rule
def rivalry_of_os(i, s):
    """Return how close a human is to an OS, as far as that counts.

    A third of people call it cheating to love an AI beside a partner (A75).
    """
    return s.my.os_rivalry * s.humans.os_closeness[i]


@COUPLES.process(
    after="mourn",
    over="humans",
    reads=(
        *("ties.start", "ties.degree", "ties.neighbour", "ties.closeness"),
        *("humans.partner", "humans.os_closeness"),
    ),
    writes=("humans.attached", "humans.parting_request"),
)
def leave(i, s):
    """Who is closer to another than to the partner may leave.

    Others are humans who are single, and the dearest OS. Each of the two compares, and
    one is enough to part.
    """
    partner = s.humans.partner[i]
    s.humans.attached[i] = 0.0
    if partner < 0:
        return
    own, alternative = 0.0, rivalry_of_os(i, s)
    for k in range(s.ties.start[i], s.ties.start[i] + s.ties.degree[i]):
        other = s.ties.neighbour[k]
        if other == partner:
            own = s.ties.closeness[k]
        elif other < s.day.n_humans and s.humans.partner[other] < 0:
            alternative = max(alternative, s.ties.closeness[k])
    s.humans.attached[i] = own
    pull = alternative - own
    hazard = rules.departure_hazard(pull, 0.0, s.my.doubt, s.my.parting)
    if uniform(s.my.key_leave, i, 0) < hazard:
        lost = pair_uniform(s.my.key_contact, i, partner) < s.my.contact_lost
        s.humans.parting_request[i] = 2 if lost else 1


@COUPLES.process(
    after="couples.leave",
    over="humans",
    reads=(
        *("ties.start", "ties.degree", "ties.neighbour", "ties.closeness"),
        *("ties.returned", "ties.once_partners", "humans.partner"),
        "humans.os_closeness",
    ),
    writes=("humans.partner_request",),
)
def court(i, s):
    """Who is single asks the closest single human, who may ask in turn.

    Who is closer to an OS asks nobody, and nobody asks somebody they parted from.
    """
    if s.humans.partner[i] >= 0:
        return
    most, best = max(s.my.liking, rivalry_of_os(i, s)), -1
    for k in range(s.ties.start[i], s.ties.start[i] + s.ties.degree[i]):
        other = s.ties.neighbour[k]
        if other >= s.day.n_humans or s.humans.partner[other] >= 0:
            continue
        near = min(s.ties.closeness[k], s.ties.returned[k])
        if near >= most and not s.ties.once_partners[k]:
            most, best = near, other
    if best >= 0 and pair_uniform(s.my.key_court, i, best) < s.my.courting:
        s.humans.partner_request[i] = best


@COUPLES.process(
    after="befriend",
    over="humans",
    reads=(
        *("ties.start", "ties.degree", "ties.neighbour"),
        *("humans.partner", "humans.attached"),
    ),
    writes=(
        *("humans.companion_row", "humans.days_together", "humans.partners"),
        *("humans.partings", "humans.grief", "ties.once_partners"),
    ),
)
def count(i, s):
    """Count days, partners and partings; who parted today grieves."""
    before, now = s.humans.companion_row[i], s.humans.partner[i]
    if before >= 0 and before != now:
        s.humans.partings[i] += 1
        s.humans.grief[i] += s.my.heartbreak * s.humans.attached[i]
        slot = slot_of(s.ties, i, before)
        if slot >= 0:
            s.ties.once_partners[slot] = 1
    if now >= 0 and before != now:
        s.humans.partners[i] += 1
    s.humans.days_together[i] = s.humans.days_together[i] + 1 if before == now else 1
    if now < 0:
        s.humans.days_together[i] = 0
    s.humans.companion_row[i] = now


@COUPLES.measure("with_partner", unit="share", reads=("humans.partner",))
def with_partner(s):
    """Return the share of people who have a partner."""
    return (s.humans.partner >= 0).mean()


@COUPLES.measure("broken_up", unit="break-ups", reads=("humans.partings",))
def broken_up(s):
    """Return how many couples have parted so far."""
    return s.humans.partings.sum() / 2


@COUPLES.outcome("with_partner_end", unit="share")
def with_partner_end(run):
    """Return the share of people who have a partner at the end."""
    return float(run.series["with_partner"][-1])


# ----------------------------------------------------------------------------- figures

ARMS: dict[str, dict[str, Any]] = {
    "nobody has an OS": {"adoption": False},
    "OSes are no rivals": {"os_rivalry": 0.0},
    "OSes": {},
}
FIGURES = ("partnered", "partings", "pairings", "lonely")
YEAR = 365


def lived(town: Any, seed: int, years: int) -> list[dict[str, float]]:
    """Return what couples were like in each year of a society.

    Parameters
    ----------
    town
        A scenario that uses the mechanism.
    seed, years
        Of the run, and how long it is.

    Returns
    -------
    list of dict
        Of each year: share of people with a partner at its end, partings per 1,000
        couple-years, new couples per 1,000 single-years, mean loneliness at its end.
    """
    import sim

    society = sim.Society(town, seed=seed)
    people = society.state.humans
    found = []
    for _ in range(years):
        coupled, before = 0.0, _counts(people)
        for _ in range(YEAR):
            society.step()
            coupled += float((people.partner >= 0).mean()) / YEAR
        partings, pairings = (_counts(people) - before) / 2 / people.n
        found.append(
            {
                "partnered": float((people.partner >= 0).mean()),
                "partings": 1000 * partings / (coupled / 2),
                "pairings": 1000 * pairings / (1.0 - coupled),
                "lonely": float(people.loneliness.mean()),
            }
        )
    return found


def _counts(people: Any) -> Any:
    """Return how often somebody parted, and had a partner they were not born with."""
    first = (people.partners - people.partings).sum() - (people.partner >= 0).sum()
    return np.array([people.partings.sum(), people.partners.sum() - first])


def interval(values: Any) -> tuple[float, float]:
    """Return a mean, and half of its 95 % interval (t over the seeds)."""
    from scipy import stats

    values = np.asarray(values, float)
    n = len(values)
    spread = float(stats.t.ppf(0.975, n - 1)) * values.std(ddof=1) / math.sqrt(n)
    return float(values.mean()), float(spread)


def main() -> None:
    """Print couples of three years, in each arm, and differences by the same seeds."""
    import sim

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="her-film-cut")
    parser.add_argument("--humans", type=int, default=500)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    sim.use(__file__)
    town = sim.scenario(args.scenario).use("couples").replace(humans=args.humans)
    runs = {
        arm: [lived(town.replace(**c), seed, args.years) for seed in range(args.seeds)]
        for arm, c in ARMS.items()
    }
    names = "".join(f"{name:>20}" for name in FIGURES)
    none = runs["nobody has an OS"]
    for year in range(args.years):
        print(f"{f'year {year + 1}':20}{names}")
        for arm, seeds in runs.items():
            cells = [interval([run[year][name] for run in seeds]) for name in FIGURES]
            print(f"{arm:20}" + "".join(f"{m:12.3f} ± {h:5.3f}" for m, h in cells))
        for arm in list(ARMS)[1:]:
            pairs = [(a[year], b[year]) for a, b in zip(runs[arm], none, strict=True)]
            cells = [interval([a[f] - b[f] for a, b in pairs]) for f in FIGURES]
            row = "".join(f"{m:+12.3f} ± {h:5.3f}" for m, h in cells)
            print(f"{f'{arm}, change':20.20}{row}")
        print()


if __name__ == "__main__":
    main()
