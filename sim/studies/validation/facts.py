"""The table of published facts: quantity, range, role, reason.

A *calibrated* fact was aimed at when the parameters of ``today`` were set, or follows
from one that was; one that is *built in* holds because a rule says so; a *check* was
left out, and nothing was changed to meet it. The range is what other surveys, the sample, or the
translation into the model leave open; its reason is given.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.model.parameters import ACQUAINTANCE, CLOSE_FRIEND, FRIEND, WEEK, YEAR
from sim.studies.validation import quantities
from sim.studies.validation.quantities import Level, Pair

CALIBRATED, BUILT_IN, CHECK = ROLES = "calibrated", "built in", "check"


class Fact(NamedTuple):
    """A published number, or sign, and how it is measured in a society."""

    evidence: str  # ids of rows of the evidence table
    what: str
    unit: str
    published: float  # for a sign: +1 or -1
    low: float
    high: float
    why: str  # the reason of the range
    role: str
    measure: Level | Pair
    is_sign: bool = False
    misses: str = ""  # why the model's form cannot reach it, where that is known


def _sign(
    evidence: str, what: str, sign: int, role: str, measure: Pair, misses: str = ""
) -> Fact:
    low, high = (0.0, 1.0) if sign > 0 else (-1.0, 0.0)
    why = "the sign; the 95 % interval leaves out zero"
    return Fact(evidence, what, "r", sign, low, high, why, role, measure, True, misses)


# fmt: off
# ruff: noqa: E501
USE = (
    Fact("A14", "humans who used an OS within a year", "%", 33, 28, 38, "a third, of 2,028 adults in one country, give or take a wording", CALIBRATED, quantities.users(YEAR)),
    Fact("A15, A34", "humans who talk a session a week or more", "%", 8, 6, 11, "a session of 17.4 minutes turns hours into sessions", CALIBRATED, quantities.regular_users(WEEK)),
    Fact("A15, A34", "humans who talk a session a day or more", "%", 4, 2.5, 6, "a session of 17.4 minutes turns hours into sessions", CALIBRATED, quantities.regular_users(quantities.DAY)),
    Fact("A36, A34", "of a month's users, those who talk every day", "%", 41, 25, 55, "one product; half of weekly users in A15", CALIBRATED, quantities.daily_of_monthly),
    Fact("A37, A38", "installs kept for a month", "%", 56, 50, 64, "ChatGPT 56, well-kept apps from 64; companion apps 13 to 30", CALIBRATED, quantities.retained),
    Fact("A33", "talk of a month's users", "min/day", 9.8, 7, 20, "one product measured from outside; more in A32", CALIBRATED, quantities.minutes_of_monthly),
    Fact("A32, A33, A36", "talk of those who talk every day", "min/day", 80, 24, 100, "the provider says 80; A33 over A36 makes 24", CHECK, quantities.minutes_of_daily),
    Fact("A25", "months in which those who ever used doubled", "months", 12, 10, 26, "26 months to 2023, then 12", CHECK, quantities.doubling(quantities.ever_users)),
    Fact("A31", "months in which weekly users doubled", "months", 7.5, 6, 9, "8 months, then 7", CHECK, quantities.doubling(quantities.week_users), misses="the wish for an OS has no trend: once as many leave as come, use stands still, while products improved and spread"),
)
ATTACHMENT = (
    Fact("A21", "humans to whom their OS is a friend", "%", 1, 0.5, 2, "1 in mid-2024, under 40, and rising", CALIBRATED, quantities.os_friends),
    Fact("A54", "of days of weekly users, those in love with their OS", "%", 0.15, 0.03, 0.6, "a general assistant, of which few of its users are companions; more on companion products", CALIBRATED, quantities.days_in_love),
    Fact("A17", "humans who ever had a romance with an OS", "%", 19, 15, 23, "men and women, young and old: 10 to 31", CHECK, quantities.ever_loved, misses="the survey asks for one chat with a product made for romance; the model knows love, a closeness that takes months, and no such product"),
    Fact("A62", "talk of those to whom their OS is close", "hours/day", 2.4, 1.2, 3, "58 mourners of a companion, the most attached there are", CALIBRATED, quantities.hours_of_attached),
    Fact("A43", "loneliness after a week of use", "points of 100", -16, -20, -10, "16 over the week, 14 from day to day", CHECK, quantities.loneliness_after(WEEK), misses="the trial asks how lonely one feels after a talk; the model's loneliness is what one's ties add up to, and a week makes no tie"),
    Fact("A44", "loneliness after four weeks of use", "points of 100", 0, -2.5, 2.5, "none found; 981 people would show 2.5", CHECK, quantities.loneliness_after(28)),
    Fact("A52", "users with more contact with people, less those with less", "%", 15, 1, 30, "23 against 8, students who stayed for a month", CHECK, quantities.stimulated, misses="attention is a fixed budget: what an OS gets, people lose; nobody learns from an OS to talk with people"),
)
OPINION = (
    Fact("A74", "humans against (lowest third of acceptance)", "%", 57, 50, 64, "'over half'; what the other two answers leave", CALIBRATED, quantities.in_third("acceptance", 0)),
    Fact("A74", "humans of mixed mind (middle third)", "%", 33, 27, 39, "a third, of 2,000", CALIBRATED, quantities.in_third("acceptance", 1)),
    Fact("A74", "humans open to it (highest third)", "%", 10, 6, 14, "of 2,000", CALIBRATED, quantities.in_third("acceptance", 2)),
    Fact("A75", "humans who call it cheating (highest third of exclusivity)", "%", 33, 28, 38, "of 2,000", CALIBRATED, quantities.in_third("exclusivity", 2)),
    Fact("A76", "humans open to a partner's OS (lowest third)", "%", 31.26, 26, 37, "a survey of one site", CALIBRATED, quantities.in_third("exclusivity", 0)),
    Fact("A77", "humans with some belief (above 1 of 100) in an OS", "%", 67, 61, 73, "300 people", CHECK, quantities.believing(0.01), misses="belief comes from one's own talk alone: who never had an OS never heard of one"),
    Fact("A79", "humans who hold some OS to be someone already", "%", 20, 15, 25, "18 in 2021, 20 in 2023", CHECK, quantities.believing(0.5), misses="belief comes from one's own talk alone; and what an OS shows of itself is held against it by those who accept none"),
)
CIRCLES = (
    Fact("A83, A84", "close ones of a human", "people", 5, 3, 6, "3 to 5 in one review, 5 in another", CALIBRATED, quantities.circle(CLOSE_FRIEND)),
    Fact("A83, A84", "friends and closer", "people", 15, 9, 18, "9 to 15 in one review, 15 in another", CALIBRATED, quantities.circle(FRIEND)),
    Fact("A83, A84", "acquaintances and closer", "people", 50, 30, 60, "30 to 45 in one review, 50 in another", CHECK, quantities.circle(ACQUAINTANCE)),
    Fact("A86", "ties of a human", "people", 154, 78, 250, "the range in the review", CALIBRATED, quantities.circle(0.0)),
    Fact("A86", "humans with 78 to 250 ties", "%", 100, 90, 100, "the range in the review; nine in ten of it", CHECK, quantities.with_ties(78, 250), misses="the scenario keeps about 100 ties a person, to be quick, so that the less sociable fall below the range"),
    Fact("A84, B16", "ratio of each circle to the one inside it", "ratio", 3, 2.5, 3.7, "B16", CALIBRATED, quantities.circle_ratio),
    Fact("A87", "talk that goes to the closest 5", "%", 40, 30, 50, "from secondary sources", CALIBRATED, quantities.time_to(quantities.INNER)),
    Fact("A87", "talk that goes to the closest 15", "%", 60, 50, 70, "from secondary sources", CHECK, quantities.time_to(quantities.SYMPATHY)),
    Fact("A92", "talk among humans", "min/day", 41, 35, 60, "as a main activity; some is besides others", CALIBRATED, quantities.minutes_among_humans),
    Fact("A88", "inner circle (closest 5) changed in a year", "%", 2.5, 1, 6, "1 to 4; five by rank change more than five by calls over years", CALIBRATED, quantities.inner_turnover),
    Fact("A89", "ties made within a year gone a year later", "%", 90, 75, 97, "bankers' bridges, reported by one side", CALIBRATED, quantities.young_ties_ended),
    Fact("A93", "change of the number of ties in a year", "%", 0, -10, 10, "capacity is conserved", CALIBRATED, quantities.tie_change),
    Fact("A91", "hours to a casual friend", "hours", 50, 40, 60, "40 to 60", CALIBRATED, quantities.hours_until(quantities.CASUAL_FRIEND), misses="one rate of warming serves all stages: set for friends and close friends, it makes the first stage too quick"),
    Fact("A91", "hours to a friend", "hours", 90, 70, 110, "80 to 100, of means that vary between two samples", CALIBRATED, quantities.hours_until(FRIEND)),
    Fact("A91", "hours to a close friend", "hours", 200, 180, 400, "over 200", CHECK, quantities.hours_until(CLOSE_FRIEND)),
    Fact("A97", "humans without a partner", "%", 42, 38, 44, "38 to 44 between 2000 and 2023", CALIBRATED, quantities.unpartnered),
    Fact("A99", "partners who part in a year", "%", 1.4, 0.7, 3, "married only; others part more often", CHECK, quantities.partners_parted, misses="who is a partner never changes in a run; a tie only cools, with no quarrel and no other love among humans"),
    Fact("A94, A95", "humans more lonely than not", "%", 24, 16.7, 27, "24 very or fairly lonely, 16.7 in another count", CALIBRATED, quantities.lonely),
)
LOSS_AND_GROWTH = (
    Fact("A70", "grief left after 11 weeks", "%", 29, 20, 40, "71 % feel better, quoted from memory", CALIBRATED, quantities.grief_left(77)),
    Fact("A66", "years in which attachment to a lost love halves", "years", 4.18, 2, 8, "328 adults, years together", CHECK, quantities.grief_half_life, misses="read off the first month of one curve; with A70 on day 77 of it, no sum of decaying exponentials meets both"),
    Fact("A103", "days in which capability doubles", "days", 212, 91, 365, "1 to 4 doublings a year", CALIBRATED, quantities.growth_doubling),
)
SIGNS = (
    _sign("A51", "users were lonelier before than others", 1, CALIBRATED, quantities.use_and_loneliness),
    _sign("A48", "users who know fewer people talk more with their OS", -1, CHECK, quantities.ties_and_use),
    _sign("A45", "more use, lonelier", 1, CALIBRATED, quantities.among_users("hours_oses", "loneliness")),
    _sign("A45", "more use, less time with people", -1, BUILT_IN, quantities.among_users("hours_oses", "hours_humans")),
    _sign("A45", "more use, more attached", 1, BUILT_IN, quantities.among_users("hours_oses", "own_closeness")),
    _sign("A78", "more use, more belief in OSes", 1, BUILT_IN, quantities.use_and_belief),
)
# fmt: on
FACTS: tuple[Fact, ...] = (
    *USE,
    *ATTACHMENT,
    *OPINION,
    *CIRCLES,
    *LOSS_AND_GROWTH,
    *SIGNS,
)
