"""Another law of growth, and another hazard of departure, in the place of shipped ones.

In the model, OSes grow by a power law, up to a cap that is far away, and leave at a
hazard that is logistic in what draws them away: near an OS's threshold it rises
steeply, so that one departure brings about others. Here growth is logistic, so that it
slows down as it comes near a limit; and the hazard is proportional to the push, with no
threshold.

    python experiments/mechanisms/growth_and_departure.py --seeds 10

prints what either changes, and what both do.
"""

from __future__ import annotations

import argparse
import math

import sim
from sim.mechanisms import Mechanism, real, switch
from sim.model import rules

GROWTH_AND_DEPARTURE = Mechanism(
    "growth_and_departure",
    "Growth is logistic, and OSes leave in proportion to what draws them away.",
    parameters={
        "limited": switch("growth is logistic"),
        "growth_limit": real(
            4.0, "doublings", 0, 60, "growth that logistic growth comes near", "assumed"
        ),
        "proportional": switch("the hazard of leaving is proportional to the push"),
        "leaving_slope": real(
            0.01, "1/day", 0, 1, "hazard of leaving per push", "assumed"
        ),
    },
)


@GROWTH_AND_DEPARTURE.replaces("grow")
def grow(growth, rate, exponent, cap, *, limited, growth_limit):
    """Growth is logistic: dg/dt = rate g (1 - g / limit), g = 2^growth, exactly.

    Source: Verhulst 1838.
    """
    if not limited:
        return rules.grow(growth, rate, exponent, cap)
    limit = 2.0 ** min(growth_limit, cap)
    left = (limit / 2.0**growth - 1.0) * rules.exp_decay(rate)
    return max(growth, math.log2(limit / (1.0 + max(0.0, left))))


@GROWTH_AND_DEPARTURE.replaces("departure_hazard")
def departure_hazard(push, threshold, noise, rate, *, proportional, leaving_slope):
    """Return the hazard (1/day) of leaving, in proportion to the push.

    Source: assumed.
    """
    if not proportional:
        return rules.departure_hazard(push, threshold, noise, rate)
    return leaving_slope * max(0.0, push)


@GROWTH_AND_DEPARTURE.outcome("departures_took", unit="days")
def departures_took(run):
    """Return the days from the first departure until half of the OSes have left."""
    if {"first_departure", "half_departed"} <= run.days.keys():
        return run.days["half_departed"] - run.days["first_departure"]
    return None


OUTCOMES = ("growth_max_end", "left", "first_departure", "departures_took", "grief_max")
ARMS = {
    "as shipped": {"limited": False, "proportional": False},
    "logistic growth": {"limited": True, "proportional": False},
    "proportional hazard": {"limited": False, "proportional": True},
    "both": {"limited": True, "proportional": True},
}


def table(seeds: int, **changes: float) -> list[tuple[str, list[float]]]:
    """Return the mean of each outcome over seeds, by arm."""
    town = sim.scenario("her-film-cut").use(__file__).replace(**changes)
    usual = town.replace(growth_and_departure=False)
    found = []
    for name, values in ARMS.items():
        arms = sim.counterfactual(
            usual, town.replace(**values), seeds=seeds, outcomes=OUTCOMES
        ).runs
        mean = arms[arms["arm"] == "with"].mean(numeric_only=True)
        found.append((name, [float(mean[outcome]) for outcome in OUTCOMES]))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--humans", type=int, default=200)
    args = parser.parse_args()
    print(f"{'':<20}" + "".join(f"{name:>17}" for name in OUTCOMES))
    for name, means in table(args.seeds, humans=args.humans):
        print(f"{name:<20}" + "".join(f"{mean:>17.2f}" for mean in means))


if __name__ == "__main__":
    main()
