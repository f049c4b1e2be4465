"""What differs between the agents of one society: parameters, and profiles of OSes.

Which parameters may differ, whose they are, and which processes read them is declared
where the parameters are; ``sim.mechanisms.varying`` runs those processes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.engine.table import Column
from sim.model.columns import HUMAN_COLUMNS, OS_COLUMNS
from sim.model.parameters import PARAMETERS, Parameters, about, fits
from sim.model.submodel import Differs
from sim.utils.errors import InputError, nearest
from sim.utils.signatures import checked_arguments
from sim.utils.typing import Array

HUMANS, OSES = "humans", "oses"
PROFILE = "profile"  # the column of OSes that holds theirs
MOST_PROFILES = 255  # as many as a column of bytes tells apart


class Reader(NamedTuple):
    """Whose a parameter may be, and the processes that read it."""

    of: tuple[str, ...]
    phases: tuple[str, ...]


def _reader(name: str) -> Reader | None:
    differs = PARAMETERS[name].differs
    if isinstance(differs, str):
        return None
    return Reader(tuple(differs.of.split()), tuple(differs.phases.split()))


def _on_tie(how: str) -> tuple[str, ...]:
    return tuple(sorted(n for n, r in _DIFFERS.items() if r.on_tie == how))


VARIABLE: dict[str, Reader] = {
    name: reader for name in PARAMETERS if (reader := _reader(name)) is not None
}
_DIFFERS = {
    name: one.differs
    for name, one in PARAMETERS.items()
    if isinstance(one.differs, Differs)
}
# In talk, what is each end's own rules its own closeness; what is of either end rules
# both, so it is of the human or of the OS of a pair, and not of both at once.
EACH_OWN, OF_EITHER = _on_tie("own"), _on_tie("either")
OF_BOTH = _on_tie("both")  # of two OSes: the lesser counts

REASONS = {
    name: one.differs
    for name, one in PARAMETERS.items()
    if isinstance(one.differs, str) and one.type is not bool
}


def reason(name: str) -> str:
    """Return why a parameter cannot differ between agents, in words."""
    if Parameters.model_fields[name].annotation is bool:
        return "it is a switch"
    return REASONS[name]


# ----------------------------------------------------------------------- declarations


@checked_arguments()
class Variation(BaseModel):
    """How the value of a parameter is distributed among humans, or among OSes.

    Either ``column`` names what holds everybody's own, as ``"humans.my_cooling"``; or
    ``of`` says whose it is, and it is drawn: from a normal distribution by ``mean`` and
    ``sd``, a log-normal one by those of the value itself, or a uniform one by ``low``
    and ``high``. ``mean`` is the parameter's value in the scenario unless it is given.
    ``low`` and ``high`` also cut off the other two; the range of the parameter always
    does, without heaping anybody at its ends.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    column: str | None = None
    of: Literal["humans", "oses"] | None = None
    distribution: Literal["normal", "lognormal", "uniform"] | None = None
    mean: float | None = Field(None, allow_inf_nan=False)
    sd: float | None = Field(None, gt=0, allow_inf_nan=False)
    low: float | None = Field(None, allow_inf_nan=False)
    high: float | None = Field(None, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _may_be_short(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        if given in (HUMANS, OSES):
            how = f"{{of = {given!r}, sd = ...}}, low and high, or a column of them"
            raise ValueError(f"say how it is distributed among {given}: {how}")
        return {"column": given}

    @model_validator(mode="after")
    def _is_whole(self) -> Variation:
        numbers = (self.distribution, self.mean, self.sd, self.low, self.high)
        if self.column is not None:
            if (self.of, *numbers) != (None,) * 6:
                raise ValueError("it has a column, so nothing is drawn: give it alone")
            if self.column.partition(".")[0] not in (HUMANS, OSES):
                raise ValueError(f"{self.column!r} is no 'humans.NAME' or 'oses.NAME'")
            return self
        if self.of is None:
            raise ValueError("say 'of' whom it is: humans or oses")
        if self.kind == "uniform" and (self.low is None or self.high is None):
            raise ValueError("say sd, or low and high")
        if self.kind == "uniform" and (self.mean, self.sd) != (None, None):
            raise ValueError("what is uniform has low and high, not mean and sd")
        if self.kind != "uniform" and self.sd is None:
            raise ValueError(f"what is {self.kind} has an sd")
        if None not in (self.low, self.high) and self.low >= self.high:  # type: ignore[operator]
            raise ValueError(f"low ({self.low:g}) is not below high ({self.high:g})")
        return self

    @property
    def kind(self) -> str:
        """Its distribution."""
        usual = "uniform" if self.mean is self.sd is None else "normal"
        return self.distribution or usual

    @property
    def table(self) -> str:
        """Whose it is: ``"humans"`` or ``"oses"``."""
        return self.of or str(self.column).partition(".")[0]


@checked_arguments()
class ProfileShare(BaseModel):
    """A profile, and the share of all OSes that have it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    share: float = Field(gt=0, le=1)


class Profile(NamedTuple):
    """A profile of OSes: its share, and the parameters that make it."""

    name: str
    share: float
    values: tuple[tuple[str, float], ...]


class Heterogeneity(NamedTuple):
    """All that differs between the agents of a society.

    It is part of the class of its parameters, and tells what columns they add.
    """

    varies: tuple[tuple[str, Variation], ...] = ()
    profiles: tuple[Profile, ...] = ()

    @property
    def columns(self) -> dict[str, tuple[Column, ...]]:
        """The columns that hold what was drawn, by table."""
        found: dict[str, list[Column]] = {HUMANS: [], OSES: []}
        for name, one in self.varies:
            if one.column is None:
                known = about(name)
                usual = float(Parameters.model_fields[name].default)
                text = f"own: {known.meaning}"
                column = Column(name, "f8", known.unit, text, usual)
                found[one.table].append(column)
        if self.profiles:
            names = ", ".join(f"{i}: {p.name}" for i, p in enumerate(self.profiles))
            found[OSES].append(Column(PROFILE, "u1", "code", f"profile ({names})"))
        return {table: tuple(columns) for table, columns in found.items()}

    def varied(self) -> dict[str, list[str]]:
        """Return by parameter what it differs by: tables, and ``"profile"``."""
        found: dict[str, list[str]] = {}
        for name, one in self.varies:
            found.setdefault(name, []).append(one.table)
        for profile in self.profiles:
            for name, _ in profile.values:
                if PROFILE not in found.setdefault(name, []):
                    found[name].append(PROFILE)
        return found


def declared(
    varies: Mapping[str, Variation],
    profiles: Iterable[ProfileShare],
    known: Mapping[str, Mapping[str, float]],
) -> Heterogeneity | None:
    """Return what differs between agents; None if nothing does.

    Parameters
    ----------
    varies
        By parameter, how it differs.
    profiles
        Those that OSes have, and their shares.
    known
        The parameters of those, by the name of the profile.

    Raises
    ------
    InputError
        If a parameter cannot differ so, or shares do not add up to 1.
    """
    made = []
    for one in profiles:
        values = {name: float(v) for name, v in known[one.name].items()}
        made.append(Profile(one.name, one.share, tuple(values.items())))
    found = Heterogeneity(tuple(varies.items()), tuple(made))
    for name, variation in found.varies:
        _check_variation(name, variation)
    _check_profiles(found)
    return found if found.varies or found.profiles else None


def _check_variation(name: str, one: Variation) -> None:
    if name not in Parameters.model_fields:
        raise InputError(f"varies: unknown parameter {name!r}{nearest(name, VARIABLE)}")
    if name not in VARIABLE or name == "peers":
        raise InputError(f"varies: {name!r} is the same for all: {reason(name)}")
    if Parameters.model_fields[name].annotation is not float:
        raise InputError(f"varies: {name!r} is the same for all: it is a whole number")
    if one.table not in VARIABLE[name].of:
        raise InputError(
            f"varies: {name!r} is of {VARIABLE[name].of[0]}, not {one.table}"
        )
    known = about(name)
    for word in ("mean", "low", "high"):
        value = getattr(one, word)
        if value is not None and not known.low <= value <= known.high:
            span = f"{known.low:g} to {known.high:g}"
            raise InputError(f"varies: {word} of {name!r} is {value:g}, not in {span}")


def _check_profiles(found: Heterogeneity) -> None:
    names = [one.name for one in found.profiles]
    if len(set(names)) < len(names):
        raise InputError("profiles: one is named twice")
    if len(names) > MOST_PROFILES:
        raise InputError(f"profiles: there are at most {MOST_PROFILES}")
    total = sum(one.share for one in found.profiles)
    if names and abs(total - 1.0) > 1e-9:
        raise InputError(f"profiles: their shares add up to {total:g}, not to 1")
    for one in found.profiles:
        fixed = [n for n, _ in one.values if OSES not in _of(n) and n not in OF_EITHER]
        if fixed:
            reasons = ", ".join(f"{n!r} ({_why_not(n)})" for n in fixed)
            raise InputError(
                f"profiles: {one.name!r} cannot be that of some OSes only: {reasons}"
            )
    for name, by in found.varied().items():
        is_of_one = name in (*OF_EITHER, "claim") or {OSES, PROFILE} <= {*by}
        if len(by) > 1 and is_of_one:
            both = " and by ".join(by)
            raise InputError(
                f"{name!r} differs by {both}: let it differ by one of them"
            )


def _of(name: str) -> tuple[str, ...]:
    return VARIABLE[name].of if name in VARIABLE else ()


def _why_not(name: str) -> str:
    return "it is of humans" if name in VARIABLE else reason(name)


def check_columns(found: Heterogeneity, mechanisms: Sequence[Any]) -> None:
    """Raise InputError unless columns are there that hold values, and no name is taken.

    Parameters
    ----------
    found
        What differs.
    mechanisms
        Those of the society, which add columns.
    """
    shipped = {HUMANS: HUMAN_COLUMNS, OSES: OS_COLUMNS}
    for table in (HUMANS, OSES):
        own = [column for one in mechanisms for column in one.columns[table]]
        there = {c.name: c for c in (*shipped[table], *own)}
        for column in found.columns[table]:
            if column.name in there:
                full = f"{table}.{column.name}"
                raise InputError(f"varies: a mechanism has a column {full} already")
        for name, one in found.varies:
            if one.column is None or one.table != table:
                continue
            word = one.column.partition(".")[2]
            if word not in there:
                hint = nearest(word, there)
                raise InputError(f"varies: {name!r}: no column {one.column!r}{hint}")
            if not there[word].dtype.startswith("f"):
                text = f"{one.column!r} is no column of real numbers"
                raise InputError(f"varies: {name!r}: {text}")


# ------------------------------------------------------------------------------ draws


def stream_number(of: str, name: str) -> int:
    """Return the number of a random stream that is known by two names."""
    known = hashlib.sha256(f"{of}\0{name}".encode()).digest()
    return 2**62 + int.from_bytes(known[:8], "little") % 2**62


def drawn(name: str, one: Variation, mean: float, draws: Array) -> Array:
    """Return everybody's value of a parameter.

    Parameters
    ----------
    name, one
        The parameter, and how it is distributed.
    mean
        Its mean where the variation has none of its own.
    draws
        float64[agents], uniform in [0, 1).

    Returns
    -------
    float64[agents]
        Within the range of the parameter, by the inverse of the distribution that is
        cut off there.

    Raises
    ------
    InputError
        If next to nothing of the distribution is within the range.
    """
    known = about(name)
    low = known.low if one.low is None else one.low
    high = known.high if one.high is None else one.high
    if one.kind == "uniform":
        return low + (high - low) * draws
    mean, sd = mean if one.mean is None else one.mean, float(one.sd or 0.0)
    if one.kind == "lognormal":
        if mean <= 0.0:
            raise InputError(f"varies: the mean of {name!r} is 0: none is log-normal")
        wide = math.log1p((sd / mean) ** 2)
        normal = NormalDist(math.log(mean) - 0.5 * wide, math.sqrt(wide))
        ends = [math.log(end) if end > 0.0 else -math.inf for end in (low, high)]
    else:
        normal, ends = NormalDist(mean, sd), [low, high]
    first, last = (normal.cdf(end) if end > -math.inf else 0.0 for end in ends)
    if last - first < 1e-3:
        span = f"{low:g} to {high:g}"
        raise InputError(f"varies: hardly any {name!r} so distributed is in {span}")
    shares = np.clip(first + (last - first) * draws, 1e-12, 1.0 - 1e-12)
    found = np.fromiter(map(normal.inv_cdf, shares.tolist()), np.float64, len(shares))
    if one.kind == "lognormal":
        found = np.exp(found)
    return np.clip(found, low, high)


def check_values(name: str, values: Array, column: str) -> None:
    """Raise InputError unless a column holds values that a parameter may have."""
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    known = about(name)
    if not (fits(name, low) and fits(name, high)):  # nan is no value, either
        span = f"{known.low:g} to {known.high:g}"
        raise InputError(
            f"varies: {name!r} is {span}, but {column!r} holds {low:g} to {high:g}"
        )
