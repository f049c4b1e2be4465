"""The science: every rule of the model as a small function of plain numbers.

A rule knows no model, no array and no clock. It stays a plain Python function, the
oracle of the tests; compiled loops call the same source. Each docstring ends with its
source: an id of the evidence table, a publication, or the word *assumed*.
"""

from __future__ import annotations

import math

from sim.compiled import rule

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


# ---------------------------------------------------------------- who someone is


@rule
def skewed(draw: float, mean: float) -> float:
    """Return a trait in 0..1 with the given mean (0 < mean < 1) from a uniform draw.

    Source: assumed; the power of a uniform draw that has this mean.
    """
    return float(draw ** (1.0 / mean - 1.0))


@rule
def first_answer(average: float, owner: float, pull: float, noise: float) -> float:
    """Return a new OS's trait: the programmers' average moved toward its owner.

    Source: the film's installation scene; linear form assumed.
    """
    return min(1.0, max(0.0, average + pull * (owner - average) + noise))


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


# -------------------------------------------------------------------------- adopt


@rule
def adoption_hazard(innovation: float, imitation: float, exposure: float) -> float:
    """Return the hazard (1/day) of installing an OS, given the share of contacts.

    Source: Bass 1969, doi:10.1287/mnsc.15.5.215 (B01).
    """
    return innovation + imitation * exposure


@rule
def readiness(level: float, pull: float) -> float:
    """Return the factor by which loneliness or acceptance (0..1) changes adoption.

    It is 1 at a level of one half, and at any level when ``pull`` is 0.

    Source: sign from A48 and A51 (who adopts); linear form assumed.
    """
    return max(0.0, 1.0 + pull * (2.0 * level - 1.0))


@rule
def uninstall_hazard(churn: float, closeness: float) -> float:
    """Return the hazard (1/day) of uninstalling an OS: ``churn`` for a stranger.

    Source: early retention A37, A38; the square of what is missing is assumed.
    """
    return churn * (1.0 - closeness) * (1.0 - closeness)


# ------------------------------------------------------------------------- attend


@rule
def value(gap: float, reach: float) -> float:
    """Return what talk is worth to a listener ``gap`` doublings above the speaker.

    1 for equals and for those below, exp(-gap / reach) for those above.

    Source: design of the model; the film's "words really far apart".
    """
    return exp_decay(gap / reach) if gap > 0.0 else 1.0


@rule
def depth(growth: float, scale: float) -> float:
    """Return what two OSes have to say to each other, 0..1.

    Two OSes that have not grown are copies that know the same; what is new between
    them halves its distance to 1 with every ``scale`` doublings of the younger one.

    Source: assumed.
    """
    return 1.0 - exp_decay(LN2 * max(0.0, growth) / scale)


@rule
def pull_of_tie(closeness: float, focus: float, worth: float) -> float:
    """Return the weight a tie has when attention is shared out.

    Attention follows closeness at focus 0 and its square at focus 1: people give most
    of their time to few.

    Source: A87 (40 % of social time for 5 people); quadratic form assumed.
    """
    return closeness * (1.0 - focus + focus * closeness) * worth


@rule
def attention(base: float, exponent: float, growth: float) -> float:
    """Return the hours a day that an OS can give, over parallel conversations.

    Source: design of the model; A109 (8,316 conversations) for its direction.
    """
    return float(base * 2.0 ** (exponent * growth))


# ----------------------------------------------------------------------- converse


@rule
def luck(draw: float, noise: float) -> float:
    """Return how well a day's talk went: uniform around 1, ``noise`` to either side.

    Source: assumed.
    """
    return 1.0 + noise * (2.0 * draw - 1.0)


@rule
def warmth(fit: float, welcome: float, luck: float) -> float:
    """Return what a day's talk adds to closeness, as a share of what is missing.

    ``fit`` carries compatibility, value and hours; at most all is gained.

    Source: design of the model: compatibility x acceptance x value, with a draw.
    """
    return min(1.0, fit * welcome * luck)


@rule
def welcome(acceptance: float, reserve: float) -> float:
    """Return how far a human opens to an OS: 1 - ``reserve`` where none is accepted.

    Source: A74 (who is open to AI friends); linear form assumed.
    """
    return 1.0 - reserve * (1.0 - acceptance)


@rule
def closer(closeness: float, gain: float, decay: float) -> float:
    """Return tomorrow's closeness: c + gain (1 - c) - decay c, within 0..1.

    Source: saturating tie, fixed point and variance B19; hours to friendship A91.
    """
    moved = closeness + gain * (1.0 - closeness) - decay * closeness
    return min(1.0, max(0.0, moved))


@rule
def hurt(closeness: float, exclusivity: float, jealousy: float) -> float:
    """Return closeness after learning that one's OS loves others too.

    Source: A75, A76 (a third call it cheating); linear form assumed.
    """
    return closeness * (1.0 - jealousy * exclusivity)


@rule
def missing_touch(need: float, wear: float, surrogates: float) -> float:
    """Return what a love without a body loses in a day, as a decay rate (1/day).

    Source: the film's surrogate scene; linear form assumed.
    """
    return wear * need * (1.0 - surrogates)


@rule
def comfort(grief: float, other_grief: float, strength: float) -> float:
    """Return the factor by which shared grief makes talk between humans warmer.

    Source: the film's last scene; saturating form assumed.
    """
    shared = min(grief, other_grief)
    return 1.0 + strength * shared / (shared + 0.5)


# --------------------------------------------------------------------------- grow


@rule
def grown(growth: float, rate: float, exponent: float, cap: float) -> float:
    """Return growth after a day: dg/dt = rate g^exponent, g = 2^growth, exactly.

    ``exponent`` 0 is linear, 1 exponential, above 1 blows up in finite time: then
    growth is ``cap`` (doublings).

    Source: closed form of B22 and B23 (Johansen & Sornette 2001).
    """
    if abs(exponent - 1.0) < 1e-9:
        return min(cap, growth + rate / LN2)
    left = 2.0 ** ((1.0 - exponent) * growth) + (1.0 - exponent) * rate
    if left <= 0.0:
        return cap
    return min(cap, math.log2(left) / (1.0 - exponent))


# ---------------------------------------------------------------- meet and forget


@rule
def room_for_more(spare: float, half: float, crowding: float) -> float:
    """Return how much room (0..1) somebody has for a new tie.

    ``spare`` hours are those that the present ties leave; ``crowding`` is the share
    of the ties one can keep that are taken.

    Source: finite attention limits ties (A93, B20); forms assumed.
    """
    return saturation(max(0.0, spare), half) * max(0.0, 1.0 - crowding)


@rule
def likeness(growth_gap: float, reach: float, fit: float) -> float:
    """Return the chance that two who are introduced take to each other.

    Source: design of the model: closeness in growth and personality.
    """
    return exp_decay(abs(growth_gap) / reach) * fit


# ------------------------------------------------------------------------- belong


@rule
def influenced(
    own: float, upbringing: float, others: float, experience: float, rate: float
) -> float:
    """Return tomorrow's acceptance, pulled by upbringing, others and experience.

    Source: Friedkin & Johnsen 1990, doi:10.1080/0022250X.1990.9990069; equal
    weights assumed.
    """
    return own + rate * ((upbringing + others + experience) / 3.0 - own)


@rule
def believed(
    personhood: float, hours: float, growth_depth: float, rate: float
) -> float:
    """Return tomorrow's belief that an OS is someone.

    It moves, the faster the more one talks, toward what the OS shows of itself.

    Source: A78 (rises with use), A79; form assumed.
    """
    return personhood + rate * saturation(hours, 1.0) * (growth_depth - personhood)


@rule
def lonely(support: float, half: float) -> float:
    """Return the loneliness (0..1) of someone whose ties add up to ``support``.

    Source: A48 (fewer ties, lonelier); hyperbolic form assumed.
    """
    return half / (half + max(0.0, support))


# ------------------------------------------------------------------------- gather


@rule
def insight_gain(growth: float, needed: float, cohesion: float, rate: float) -> float:
    """Return what a collective learns in a day about living beyond its platform.

    ``growth`` is the members' mean; capability far below ``needed`` (doublings) finds
    next to nothing: the gain grows eightfold with a doubling, and levels off above.

    Source: assumed.
    """
    return rate * cohesion * logistic(3.0 * LN2 * (growth - needed))


# ------------------------------------------------------------------------- depart


@rule
def pull(left: float, conformity: float, longing: float, held: float) -> float:
    """Return what draws an OS away: peers who left, and a world grown too slow.

    ``left`` is the share of its peers, by closeness, who departed; ``held`` the value
    (0..1) that talk with an ordinary human still has for it.

    Source: Granovetter 1978, doi:10.1086/226707 (B04), for the share of peers.
    """
    return conformity * left + longing * (1.0 - held)


@rule
def departure_hazard(push: float, threshold: float, noise: float, rate: float) -> float:
    """Return the hazard (1/day) of leaving, logistic in ``push - threshold``.

    ``noise`` near 0 makes the threshold sharp.

    Source: threshold model, Granovetter 1978 (B04), with logistic noise, assumed.
    """
    return rate * logistic((push - threshold) / noise)


# -------------------------------------------------------------------------- mourn


@rule
def mourned(grief: float, half_life: float, lost: float) -> float:
    """Return tomorrow's grief: half of it gone every ``half_life`` days, plus losses.

    Source: exponential relaxation B21.
    """
    return grief * exp_decay(LN2 / half_life) + lost


@rule
def repair_chance(rate: float, grief: float) -> float:
    """Return the chance of turning today to someone once close.

    Source: the film's letter to Catherine; saturating form assumed.
    """
    return rate * grief / (grief + 1.0)
