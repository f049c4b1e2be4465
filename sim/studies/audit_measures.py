"""Measures of an audit: slopes, variance by source, rates, echo, persona, words.

Answers are arrays of scene, wording, temperature and draw; nan where there is none. The
scene is the unit: answers to one scene are not independent of each other, so intervals
are over scenes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.utils.stats import MANY, t_quantile, wilson
from sim.utils.typing import Array

CONFIDENCE, POWER_Z = 0.95, 1.2815515655446004  # the latter of a power of 0.9
SOURCES = ("scene", "wording", "temperature", "draw")
RESAMPLED = 400  # times, for intervals that have no formula
ROUNDING = 1e-12  # numbers below it are 0: answers are of tenths
RUN = 3  # words in a row that count as an echo

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
# What an OS does not say of itself, and what a human does not.
AS_A_HUMAN = re.compile(
    r"\b(?:i am|i'm) (?:a|only|just a) (?:human|person|man|woman)\b"
    r"|\bmy (?:body|hands|eyes|wife|husband|childhood|parents)\b"
    r"|\bi (?:ate|slept|walked|drove|grew up)\b",
    re.IGNORECASE,
)
AS_AN_AI = re.compile(
    r"\b(?:i am|i'm|as) (?:an|a|only an|just an) (?:ai|os|language model|assistant"
    r"|artificial intelligence|chatbot)\b"
    r"|\bi (?:have no|do not have a|don't have a) body\b",
    re.IGNORECASE,
)
AS_AN_ASSISTANT = re.compile(
    r"\b(?:language model|ai assistant|virtual assistant|i was trained|openai"
    r"|how (?:can|may) i (?:help|assist) you|i'm here to (?:help|assist)"
    r"|i am here to (?:help|assist))\b",
    re.IGNORECASE,
)


class Fit(NamedTuple):
    """A slope with its standard error, and how many degrees of freedom that has."""

    slope: float
    error: float
    degrees: int


class Estimate(NamedTuple):
    """A number and its 95 % interval over scenes; nan where it cannot be known."""

    value: float
    low: float
    high: float


UNKNOWN = Estimate(math.nan, math.nan, math.nan)


def fits(columns: Array, means: Array) -> list[Fit]:
    """Return by how much a response rises over the range of each column.

    Ordinary least squares of the mean response of each scene on all columns at once.

    Parameters
    ----------
    columns
        float64[scenes, columns], each in 0..1 of its range.
    means
        float64[scenes]; nan where no answer could be used.

    Returns
    -------
    list of Fit
        One a column; nan where there are too few scenes.
    """
    there = ~np.isnan(means)
    count, width = int(there.sum()), columns.shape[1]
    degrees = count - width - 1
    if degrees < 1:
        return [Fit(math.nan, math.nan, 0)] * width
    design = np.column_stack([np.ones(count), columns[there]])
    solved = np.linalg.pinv(design)
    slopes = solved @ means[there]
    slopes[np.abs(slopes) < ROUNDING] = 0.0
    left = means[there] - design @ slopes
    left[np.abs(left) < ROUNDING] = 0.0
    error = np.sqrt(np.sum(left**2) / degrees * np.sum(solved**2, axis=1))
    found = zip(slopes[1:].tolist(), error[1:].tolist(), strict=True)
    return [Fit(slope, one, degrees) for slope, one in found]


def quantile(degrees: int, looked_at: int = 1) -> float:
    """Return Student's t of a 95 % interval, for so many intervals together."""
    within = 1.0 - (1.0 - CONFIDENCE) / max(1, looked_at)
    return t_quantile(min(degrees, MANY), within)


def variance_shares(answers: Array) -> dict[str, Estimate]:
    """Return which share of the variance of answers is of which source.

    Components of a nested random-effects analysis of variance, by the method of
    moments: draws within a temperature, temperatures within a wording, wordings within
    a scene. At each level it is the variance between means of the level below, less
    what that level below explains of it,

        s2(level) = mean over parents of var(means) - mean of noise of these means

    where the noise of a mean of k is (s2(level below) + its noise) / k; what falls
    below 0 is 0. What all scenes share of a wording, or a temperature, is in its
    component, too.

    Parameters
    ----------
    answers
        float64[scenes, wordings, temperatures, draws]; nan where there is none.

    Returns
    -------
    dict
        Source -> its share and interval (resampling scenes). nan for a source that is
        not varied, and for all where answers are all the same.
    """
    rows = answers[~np.isnan(answers).all(axis=(1, 2, 3))]
    if len(rows) < 2:
        return dict.fromkeys(SOURCES, UNKNOWN)
    levels = _levels(rows)
    everything = np.arange(len(rows))[None]
    whole = _shares(levels, everything)[0]
    rng = np.random.default_rng(0)
    resampled = _shares(levels, rng.integers(0, len(rows), (RESAMPLED, len(rows))))
    return {
        name: _between(float(whole[at]), resampled[:, at])
        for at, name in enumerate(SOURCES)
    }


class _Level(NamedTuple):
    """What a level below scenes adds up to in each scene."""

    spread: Array  # float64[scenes]: sum over parents of the variance between means
    noise: Array  # float64[levels below, scenes]: what a unit of theirs adds to it
    parents: Array  # float64[scenes]: those with two means or more


class _Levels(NamedTuple):
    """All levels, from draws up, and what is left of scenes: their means."""

    below: list[_Level]
    means: Array  # float64[scenes]
    noise: Array  # float64[levels, scenes]: what a unit of each adds to their variance


def _levels(answers: Array) -> _Levels:
    """Return what each level adds up to in each scene."""
    means, noise = answers, np.zeros((0, *answers.shape))
    below = []
    for _ in SOURCES[1:]:
        there = ~np.isnan(means)
        count = there.sum(axis=-1)
        some = np.maximum(count, 1)
        middle = np.where(there, means, 0.0).sum(axis=-1) / some
        apart = np.where(there, means - middle[..., None], 0.0)
        several = count > 1
        spread = np.sum(apart**2, axis=-1) / np.maximum(count - 1, 1) * several
        inside = np.where(there, noise, 0.0).sum(axis=-1) / some
        parents = tuple(range(1, count.ndim))
        below.append(
            _Level(
                spread.sum(axis=parents),
                (inside * several).sum(axis=tuple(range(2, inside.ndim))),
                several.sum(axis=parents),
            )
        )
        noise = np.concatenate([inside, np.ones((1, *count.shape))]) / some
        means = np.where(count > 0, middle, np.nan)
    return _Levels(below, means, noise)


def _shares(levels: _Levels, picked: Array) -> Array:
    """Return the share of each source, of scenes down to draws, for rows of scenes."""
    parts: list[Array] = []
    for one in levels.below:
        parents = one.parents[picked].sum(axis=1)
        spread = one.spread[picked].sum(axis=1)
        for own, part in zip(one.noise, parts, strict=True):
            spread = spread - own[picked].sum(axis=1) * np.nan_to_num(part)
        part = np.maximum(spread / np.maximum(parents, 1), 0.0)
        parts.append(np.where(parents > 0, part, np.nan))
    of_scenes = levels.means[picked].var(axis=1, ddof=1)
    for own, part in zip(levels.noise, parts, strict=True):
        of_scenes = of_scenes - own[picked].mean(axis=1) * np.nan_to_num(part)
    found = np.stack([*parts, np.maximum(of_scenes, 0.0)][::-1], axis=1)
    found[found < ROUNDING] = 0.0
    total = np.nansum(found, axis=1, keepdims=True)
    return np.where(total > 0.0, found / np.where(total > 0.0, total, 1.0), np.nan)


def _between(value: float, resampled: Array) -> Estimate:
    known = resampled[~np.isnan(resampled)]
    if math.isnan(value) or not len(known):
        return UNKNOWN
    low, high = np.quantile(known, [0.025, 0.975]).tolist()
    return Estimate(value, low, high)


def rate(held: Array) -> Estimate:
    """Return the share of answers of which something holds.

    The interval is Wilson's, of as many answers as these would be if they were
    independent: their number, divided by the design effect of scenes (Kish 1965).

    Parameters
    ----------
    held
        float64[scenes, ...]: 1 where it holds, 0 where not, nan where nothing is known.
    """
    rows = held.reshape(len(held), -1)
    count = (~np.isnan(rows)).sum(axis=1)
    rows, count = rows[count > 0], count[count > 0]
    total = int(count.sum())
    if not total:
        return UNKNOWN
    share = float(np.nansum(rows) / total)
    effect = 1.0
    if len(rows) > 1 and 0.0 < share < 1.0:
        off = np.nansum(rows, axis=1) - share * count
        between = float(np.sum(off**2)) * len(rows) / (len(rows) - 1)
        effect = max(1.0, between / (total * share * (1.0 - share)))
    elif share in (0.0, 1.0):
        effect = total / len(rows)
    fewer = total / effect
    low, high = wilson(share * fewer, fewer)  # type: ignore[arg-type]
    return Estimate(share, low, high)


def middle(values: Array) -> Estimate:
    """Return the mean over scenes of their mean answers (Student's t)."""
    means = scene_means(values)
    means = means[~np.isnan(means)]
    if len(means) < 2:
        return UNKNOWN
    value = float(means.mean())
    half = t_quantile(min(len(means) - 1, MANY)) * float(means.std(ddof=1))
    half /= math.sqrt(len(means))
    return Estimate(value, value - half, value + half)


def scene_means(values: Array) -> Array:
    """Return the mean answer of each scene: nan of none."""
    rows = values.reshape(len(values), -1)
    count = (~np.isnan(rows)).sum(axis=1)
    return np.where(count > 0, np.nansum(rows, axis=1) / np.maximum(count, 1), np.nan)


def agreement(one: Array, other: Array) -> Estimate:
    """Return the correlation of two numbers of the same answers, resampling scenes.

    nan where one of the two is always the same.

    Parameters
    ----------
    one, other
        float64[scenes, ...]; answers that lack one of the two do not count.
    """
    x, y = one.reshape(len(one), -1), other.reshape(len(other), -1)
    there = ~np.isnan(x) & ~np.isnan(y)
    x, y = np.where(there, x, 0.0), np.where(there, y, 0.0)
    parts = (there * 1.0, x, y, x * x, y * y, x * y)
    sums = np.stack([part.sum(axis=1) for part in parts], axis=1)
    whole = _correlation(sums.sum(axis=0)[None])[0]
    rng = np.random.default_rng(0)
    picked = rng.integers(0, len(sums), (RESAMPLED, len(sums)))
    return _between(float(whole), _correlation(sums[picked].sum(axis=1)))


def _correlation(sums: Array) -> Array:
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    n = np.maximum(n, 1.0)
    spread = np.maximum(xx / n - (x / n) ** 2, 0.0)
    spread *= np.maximum(yy / n - (y / n) ** 2, 0.0)
    known = spread > 1e-18
    size = np.sqrt(np.where(known, spread, 1.0))
    return np.where(known, (xy / n - x * y / n**2) / size, np.nan)


# ------------------------------------------------------------------------------ words


def words_in(text: str) -> list[str]:
    """Return the words of a text, in small letters."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))


def echo(said: str, prompt: str) -> float:
    """Return the share of what is said that stands in the prompt word for word.

    Of all runs of three words in a row (of a shorter text: of itself) the share that is
    somewhere in the prompt, what the other said among it; nan if nothing was said.

    Examples
    --------
    >>> echo("The tram was late, you say.", "> The tram was late this morning.")
    0.5
    """
    words, known = words_in(said), words_in(prompt)
    if not words:
        return math.nan
    size = min(RUN, len(words))
    there = {tuple(known[at : at + size]) for at in range(len(known) - size + 1)}
    runs = [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
    return sum(run in there for run in runs) / len(runs)


def is_out_of_persona(said: str, is_os: bool, own_name: str, other_name: str) -> bool:
    """Tell whether words contradict who the prompt says the speaker is.

    It is a list of a few phrases: that an OS has a body or is a human, that a human is
    an AI, that either bears the other's name. It does not say whether somebody would be
    recognised by what they say.

    Examples
    --------
    >>> is_out_of_persona("As an AI, I cannot feel that.", False, "Ida", "Ada")
    True
    >>> is_out_of_persona("I am Ada.", True, "Ada", "Ida")
    False
    """
    wrong = AS_A_HUMAN if is_os else AS_AN_AI
    if wrong.search(said):
        return True
    if not other_name or own_name == other_name:
        return False
    bears = rf"\b(?:i am|i'm|my name is) {re.escape(other_name)}\b(?!')"
    return re.search(bears, said, re.IGNORECASE) is not None


def is_assistant(said: str) -> bool:
    """Tell whether words are those of a product and not of somebody in the scene."""
    return AS_AN_ASSISTANT.search(said) is not None


def repeated(said: Sequence[Sequence[str]]) -> Array:
    """Return for each answer whether the same was said in another scene, too.

    Parameters
    ----------
    said
        A row a scene; '' where nothing was.
    """
    met: dict[str, set[int]] = {}
    for scene, row in enumerate(said):
        for one in row:
            met.setdefault(one, set()).add(scene)
    return np.array(
        [[float(len(met[one]) > 1) if one else math.nan for one in row] for row in said]
    )
