"""Rules of talk: how attention is allocated, and how talk changes closeness."""

from __future__ import annotations

from sim.compiled import rule
from sim.rules.forms import LN2, exp_decay


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
