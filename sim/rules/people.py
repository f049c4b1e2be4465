"""Rules of people: traits, adoption, meetings, acceptance, grief."""

from __future__ import annotations

from sim.compiled import rule
from sim.rules.forms import LN2, exp_decay, saturation


@rule
def trait_quantile(draw: float, mean: float) -> float:
    """Return a trait in 0..1 with the given mean (0 < mean < 1) from a uniform draw.

    Source: assumed; the power of a uniform draw that has this mean.
    """
    return float(draw ** (1.0 / mean - 1.0))


@rule
def initial_trait(average: float, owner: float, weight: float, noise: float) -> float:
    """Return a new OS's trait: the programmers' average moved toward its owner.

    Source: the film's installation scene; linear form assumed.
    """
    return min(1.0, max(0.0, average + weight * (owner - average) + noise))


@rule
def compatibility(
    openness_gap: float, playfulness_gap: float, affinity: float
) -> float:
    """Return how well two personalities go together, 0..1.

    ``affinity`` is the pair's own draw, 0..1: what no trait explains.

    Source: similarity attracts (Byrne 1971); equal shares assumed.
    """
    alike = 1.0 - 0.5 * (abs(openness_gap) + abs(playfulness_gap))
    return 0.5 * alike + 0.5 * affinity


@rule
def adoption_hazard(innovation: float, imitation: float, exposure: float) -> float:
    """Return the hazard (1/day) of installing an OS, given the share of contacts.

    Source: Bass 1969, doi:10.1287/mnsc.15.5.215 (B01).
    """
    return innovation + imitation * exposure


@rule
def adoption_factor(level: float, slope: float) -> float:
    """Return the factor by which loneliness or acceptance (0..1) changes adoption.

    It is 1 at a level of one half, and at any level when ``slope`` is 0.

    Source: sign from A48 and A51 (who adopts); linear form assumed.
    """
    return max(0.0, 1.0 + slope * (2.0 * level - 1.0))


@rule
def uninstall_hazard(churn: float, closeness: float) -> float:
    """Return the hazard (1/day) of uninstalling an OS: ``churn`` for a stranger.

    Source: early retention A37, A38; the square of what is missing is assumed.
    """
    return churn * (1.0 - closeness) * (1.0 - closeness)


@rule
def adoption_at_price(hazard: float, price: float) -> float:
    """Return the hazard of installing at a price (0..1): lower by that share.

    Source: assumed.
    """
    return hazard * (1.0 - price)


@rule
def churn_at_price(churn: float, price: float) -> float:
    """Return the hazard of uninstalling a stranger that has a price (0..1).

    Source: assumed.
    """
    return churn / (1.0 - price)


@rule
def tie_capacity(spare: float, half: float, crowding: float) -> float:
    """Return how much capacity (0..1) an agent has for a new tie.

    ``spare`` hours are those that the present ties leave; ``crowding`` is the share
    of the ties one can keep that are taken.

    Source: finite attention limits ties (A93, B20); forms assumed.
    """
    return saturation(max(0.0, spare), half) * max(0.0, 1.0 - crowding)


@rule
def homophily(growth_gap: float, reach: float, fit: float) -> float:
    """Return the chance that two who are introduced take to each other.

    Source: design of the model: closeness in growth and personality.
    """
    return exp_decay(abs(growth_gap) / reach) * fit


@rule
def update_acceptance(
    own: float, upbringing: float, others: float, experience: float, rate: float
) -> float:
    """Return tomorrow's acceptance, pulled by upbringing, others and experience.

    Source: Friedkin & Johnsen 1990, doi:10.1080/0022250X.1990.9990069; equal
    weights assumed.
    """
    return own + rate * ((upbringing + others + experience) / 3.0 - own)


@rule
def perceived_personhood(developed: float, claim: float, acceptance: float) -> float:
    """Return how much of someone (0..1) an OS shows a human.

    ``developed`` is what it has grown to be (0..1), ``claim`` what it claims, which
    counts as far as the human accepts OSes.

    Source: A77, A79, A82 (claims convince some); form assumed.
    """
    return max(developed, claim * acceptance)


@rule
def update_personhood(
    personhood: float, hours: float, perceived: float, rate: float
) -> float:
    """Return tomorrow's belief that an OS is someone.

    It moves, the faster the more one talks, toward ``perceived``, what the OS shows of
    itself.

    Source: A78 (rises with use), A79; form assumed.
    """
    return personhood + rate * saturation(hours, 1.0) * (perceived - personhood)


@rule
def loneliness_from_support(support: float, half: float) -> float:
    """Return the loneliness (0..1) of someone whose ties add up to ``support``.

    Source: A48 (fewer ties, lonelier); hyperbolic form assumed.
    """
    return half / (half + max(0.0, support))


@rule
def decay_grief(grief: float, half_life: float, lost: float) -> float:
    """Return tomorrow's grief: half of it gone every ``half_life`` days, plus losses.

    Source: exponential relaxation B21.
    """
    return grief * exp_decay(LN2 / half_life) + lost


@rule
def grief_from_loss(closeness: float, personhood: float, part: float) -> float:
    """Return the grief for closeness lost to an OS that is believed to be someone.

    A mere thing is mourned less by the share ``part``.

    Source: A61 (a loss like a death, taken literally or not); linear form assumed.
    """
    return closeness * (1.0 - part * (1.0 - personhood))


@rule
def repair_probability(rate: float, grief: float) -> float:
    """Return the chance of turning today to someone once close.

    Source: the film's letter to Catherine; saturating form assumed.
    """
    return rate * grief / (grief + 1.0)
