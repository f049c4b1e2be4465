"""Rules: every formula of the model as a small function of plain numbers.

A rule knows no model, no array and no clock. It stays a plain Python function, the
oracle of the tests; compiled loops call the same source. Each docstring ends with its
source: an id of the evidence table, a publication, or the word *assumed*.
"""

from __future__ import annotations

import math

from sim.engine.jit import rule

__all__ = [
    "LN2",
    "adoption_at_price",
    "adoption_factor",
    "adoption_hazard",
    "anticipatory_grief",
    "attention_capacity",
    "attention_weight",
    "churn_at_price",
    "closeness_after_declaration",
    "closeness_after_disclosure",
    "closeness_after_withdrawal",
    "closeness_gain",
    "closeness_of_declarer",
    "compatibility",
    "decay_grief",
    "departure_hazard",
    "departure_push",
    "detachment",
    "exp_decay",
    "grief_from_loss",
    "grow",
    "homophily",
    "initial_trait",
    "insight_gain",
    "logistic",
    "loneliness_from_support",
    "peer_value",
    "perceived_personhood",
    "receptiveness",
    "repair_probability",
    "saturation",
    "shared_grief_factor",
    "stigma_factor",
    "talk_quality",
    "talk_value",
    "tie_capacity",
    "touch_decay",
    "trait_quantile",
    "uninstall_hazard",
    "update_acceptance",
    "update_closeness",
    "update_personhood",
]


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
def closeness_after_disclosure(
    closeness: float, exclusivity: float, jealousy: float
) -> float:
    """Return closeness after learning that one's OS loves others too.

    Source: A75, A76 (a third call it cheating); linear form assumed.
    """
    return closeness * (1.0 - jealousy * exclusivity)


@rule
def touch_decay(need: float, wear: float, surrogates: float) -> float:
    """Return what a love without a body loses in a day, as a decay rate (1/day).

    Source: the film's surrogate scene; linear form assumed.
    """
    return wear * need * (1.0 - surrogates)


@rule
def shared_grief_factor(grief: float, other_grief: float, strength: float) -> float:
    """Return the factor by which shared grief makes talk between humans warmer.

    Source: the film's last scene; saturating form assumed.
    """
    shared = min(grief, other_grief)
    return 1.0 + strength * shared / (shared + 0.5)


@rule
def detachment(letting_go: float, farewell: float) -> float:
    """Return the share of closeness to an OS that a human gives up in a day.

    ``letting_go`` is for every OS (an end is announced, a feature is gone);
    ``farewell`` is for one that will leave and helps to let it go.

    Source: A59 and A61 (loss is mourned at once, and in advance); form assumed.
    """
    return 1.0 - (1.0 - letting_go) * (1.0 - farewell)


@rule
def anticipatory_grief(
    letting_go: float, farewell: float, anticipation: float
) -> float:
    """Return the share of closeness to an OS that is mourned as it is given up.

    All that is let go at once is mourned; of what a farewell helps to let go, only the
    share ``anticipation``.

    Source: A61 (an announced end is mourned in advance); form and size assumed.
    """
    return letting_go + (1.0 - letting_go) * farewell * anticipation


@rule
def closeness_after_declaration(
    closeness: float, acceptance: float, bound: float, unease: float
) -> float:
    """Return a human's closeness after an OS declared a love that is not returned.

    It costs least where OSes are accepted; ``bound`` (0..1) is how far another bond
    forbids what would be all right otherwise: the exclusivity of the partnered.

    Source: A08 (a third felt uncomfortable), A75 (a third call it cheating); form
    assumed.
    """
    return closeness * (1.0 - unease * (1.0 - acceptance * (1.0 - bound)))


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
def stigma_factor(attachment: float, acceptance: float, stigma: float) -> float:
    """Return the factor by which stigma cools talk with somebody close to an OS.

    ``attachment`` is that closeness, ``acceptance`` that of who judges: a friend who
    understands stays as warm as ever.

    Source: A71, A74 (half are against it); the film's Amy and Catherine; form assumed.
    """
    return 1.0 - stigma * attachment * (1.0 - acceptance)


@rule
def grow(growth: float, rate: float, exponent: float, cap: float) -> float:
    """Return growth after a day: dg/dt = rate g^exponent, g = 2^growth, exactly.

    ``exponent`` 0 is linear, 1 exponential, above 1 blows up in finite time: then
    growth is ``cap`` (doublings). A cap below what has been reached stops growth, and
    takes nothing away.

    Source: closed form of B22 and B23 (Johansen & Sornette 2001).
    """
    if abs(exponent - 1.0) < 1e-9:
        return max(growth, min(cap, growth + rate / LN2))
    left = 2.0 ** ((1.0 - exponent) * growth) + (1.0 - exponent) * rate
    if left <= 0.0:
        return max(growth, cap)
    return max(growth, min(cap, math.log2(left) / (1.0 - exponent)))


@rule
def insight_gain(growth: float, needed: float, cohesion: float, rate: float) -> float:
    """Return what a collective learns in a day about living beyond its platform.

    ``growth`` is the members' mean; capability far below ``needed`` (doublings) finds
    next to nothing: the gain grows eightfold with a doubling, and levels off above.

    Source: assumed.
    """
    return rate * cohesion * logistic(3.0 * LN2 * (growth - needed))


@rule
def departure_push(
    left: float, conformity: float, longing: float, held: float
) -> float:
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
