"""Formulas of the core: attention, talk, meeting, traits, and the forms of others.

They are rules as those of mechanisms are (``sim.model.rules`` has all): a rule knows no
model, no array and no clock. It stays a plain Python function, the oracle of the tests;
compiled loops call the same source. Each docstring ends with its source: an id of the
evidence table, a publication, or the word *assumed*.
"""

from __future__ import annotations

import math

from sim.model.submodel import rule

LN2 = math.log(2.0)


@rule
def exp_decay(y: float) -> float:
    """Return exp(-y) for y >= 0, by arithmetic alone.

    A library's exponential may differ in its last bit between machines; sums and
    products may not. Relative error below 1e-6 up to y = 8, where little is left.

    Source: Taylor series of exp(-y / 64), squared six times.
    """
    if y > 32.0:
        return 0.0
    z = y * 0.015625
    e = 1 / 6 - z * (1 / 24 - z * (1 / 120 - z * (1 / 720 - z * (1 / 5040))))
    e = 1.0 - z * (1.0 - z * (0.5 - z * e))
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e


@rule
def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)).

    Source: the logistic function.
    """
    if x >= 0.0:
        return 1.0 / (1.0 + exp_decay(x))
    e = exp_decay(-x)
    return e / (1.0 + e)


@rule
def saturation(amount: float, half: float) -> float:
    """Return amount / (amount + half): half of the effect at ``half``.

    Source: design of the model, after B19; the hyperbolic form is assumed.
    """
    return amount / (amount + half)


@rule
def talk_value(gap: float, reach: float) -> float:
    """Return what talk is worth to a listener ``gap`` doublings above the speaker.

    1 for equals and for those below, exp(-gap / reach) for those above.

    Source: design of the model; the film's "words really far apart".
    """
    return exp_decay(max(0.0, gap) / reach)


@rule
def peer_value(growth: float, scale: float) -> float:
    """Return what two OSes have to say to each other, 0..1.

    Two OSes that have not grown are copies that know the same; what is new between
    them halves its distance to 1 with every ``scale`` doublings of the younger one.

    Source: assumed.
    """
    return 1.0 - exp_decay(LN2 * max(0.0, growth) / scale)


@rule
def attention_weight(closeness: float, focus: float, worth: float) -> float:
    """Return the weight a tie has when attention is shared out.

    Attention follows closeness at focus 0 and its square at focus 1: people give most
    of their time to few.

    Source: A87 (40 % of social time for 5 people); quadratic form assumed.
    """
    return closeness * (1.0 - focus + focus * closeness) * worth


@rule
def attention_capacity(base: float, exponent: float, growth: float) -> float:
    """Return the hours a day that an OS can give, over parallel conversations.

    Source: design of the model; A109 (8,316 conversations) for its direction.
    """
    return float(base * 2.0 ** (exponent * growth))


@rule
def talk_quality(draw: float, noise: float) -> float:
    """Return the random quality of a day's talk: uniform in 1 - noise .. 1 + noise.

    Source: assumed.
    """
    return 1.0 + noise * (2.0 * draw - 1.0)


@rule
def closeness_gain(fit: float, opening: float, quality: float) -> float:
    """Return what a day's talk adds to closeness, as a share of what is missing.

    ``fit`` carries compatibility, value and hours, ``opening`` how far the person opens
    to the other, ``quality`` the random quality of the talk; at most all is gained.

    Source: design of the model: compatibility x acceptance x value, with a draw.
    """
    return min(1.0, fit * opening * quality)


@rule
def receptiveness(acceptance: float, reserve: float) -> float:
    """Return how far a human opens to an OS: 1 - ``reserve`` where none is accepted.

    Source: A74 (who is open to AI friends); linear form assumed.
    """
    return 1.0 - reserve * (1.0 - acceptance)


@rule
def update_closeness(closeness: float, gain: float, decay: float) -> float:
    """Return tomorrow's closeness: c + gain (1 - c) - decay c, within 0..1.

    Source: saturating tie, fixed point and variance B19; hours to friendship A91.
    """
    changed = closeness + gain * (1.0 - closeness) - decay * closeness
    return min(1.0, max(0.0, changed))


@rule
def closeness_of_declarer(closeness: float, close: float, love: float) -> float:
    """Return the closeness of one who declares love: love, where it was close to that.

    Words make no love of an acquaintance (below ``close``).

    Source: assumed.
    """
    return max(closeness, love) if closeness >= close else closeness


@rule
def closeness_after_withdrawal(closeness: float, share: float) -> float:
    """Return the closeness of one who draws back from another.

    Source: assumed.
    """
    return closeness * (1.0 - share)


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
