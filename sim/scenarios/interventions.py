"""Interventions: declared changes from outside, on a day or on a condition.

An intervention changes parameters, or writes columns of people, and nothing else.
Nothing that agents do reads it, or the calendar; what follows from it follows through
the rules.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from sim.mechanisms import registry
from sim.mechanisms.heterogeneity import HUMANS, VARIABLE
from sim.model.parameters import PARAMETERS, Parameters
from sim.scenarios.who import Who
from sim.utils.errors import InputError, nearest
from sim.utils.signatures import checked_arguments

LOG = logging.getLogger(__name__)

# Parameters that may be changed for some people only: processes read them by person.
FOR_SOME = frozenset(
    name
    for name, reader in VARIABLE.items()
    if HUMANS in reader.of and Parameters.model_fields[name].annotation is float
)
# What a run is set up with cannot be changed on the way.
SET_UP = {
    *("humans", "ties", "rewiring", "group_size", "group_pull"),
    *("partnered", "separated", "steps"),
}


@checked_arguments()
class Condition(BaseModel):
    """A measure of the society that is above or below a level."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    measure: str
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Condition:
        if (self.above is None) == (self.below is None):
            raise ValueError("a condition is either 'above' or 'below' a level")
        return self

    def holds(self, measures: Mapping[str, float]) -> bool:
        """Tell whether it holds for the latest measures."""
        value = measures[self.measure]
        return value > self.above if self.above is not None else value < self.below  # type: ignore[operator]


@checked_arguments()
class Intervention(BaseModel):
    """Parameters changed, or columns of people written, from a day or condition on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    at: int | None = Field(None, ge=1)  # day, the first day of the society being 1
    when: Condition | None = None
    days: int | None = Field(None, ge=1)  # how long; None is for good
    set: dict[str, Any]  # parameters; none, where columns are written
    columns: dict[str, float] = {}  # of people, written once, on the first day
    who: Who | None = None  # on whom it acts; None is on everybody

    @model_validator(mode="before")
    @classmethod
    def _sets_or_writes(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("columns"):
            return {"set": {}, **given}
        return given

    @model_validator(mode="after")
    def _validated(self) -> Intervention:
        if (self.at is None) == (self.when is None):
            raise ValueError("an intervention has either a day 'at' or a condition")
        if self.days is not None and not self.set:
            raise ValueError("columns are written once; leave out 'days'")
        fixed = sorted(SET_UP & self.set.keys())
        if fixed:
            raise ValueError(f"{', '.join(fixed)} cannot change during a run")
        try:
            registry.check_settable(self.set)
        except InputError as error:
            raise ValueError(str(error)) from None
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, dump: SerializerFunctionWrapHandler) -> Any:
        found = dump(self)
        return {
            name: value
            for name, value in found.items()
            if value or name not in ("columns", "who")
        }


class Steering:
    """The interventions of a society: which are due, which are in force.

    Parameters
    ----------
    usual
        The parameters where nothing is in force.
    declared
        The interventions.
    measures
        The names that conditions may use.

    Raises
    ------
    InputError
        If a condition is on a measure that there is not, or one changes a parameter of
        a mechanism that the society does not have.
    """

    def __init__(
        self,
        usual: Parameters,
        declared: Sequence[Intervention],
        measures: Sequence[str],
    ) -> None:
        for one in declared:
            if one.when is not None and one.when.measure not in measures:
                name = one.when.measure
                hint = nearest(name, measures)
                raise InputError(f"{one.name}: unknown measure {name!r}{hint}")
            whole = sorted(one.set.keys() - FOR_SOME) if one.who is not None else ()
            if whole:
                raise InputError(
                    f"{one.name}: {', '.join(whole)} cannot be changed for some people "
                    "only: no process reads it person by person; leave out 'who'"
                )
            if not one.set.keys() <= type(usual).model_fields.keys():
                usual.replace(**one.set)  # says what is wrong
        self.usual = usual
        self.waiting = list(declared)
        self.in_force: list[tuple[Intervention, int]] = []  # with its first day
        self._latest: tuple[Any, Parameters] | None = None  # and what it follows from

    def begin(
        self, step: int, measures: Mapping[str, float] | None
    ) -> list[Intervention]:
        """Put into force what is due on day ``step``, and end what has run its time.

        Returns
        -------
        list of Intervention
            Those that begin today.
        """
        self.in_force = [
            (one, since)
            for one, since in self.in_force
            if one.days is None or step < since + one.days
        ]
        due = [one for one in self.waiting if _is_due(one, step, measures)]
        self.waiting = [one for one in self.waiting if one not in due]
        self.in_force += [(one, step) for one in due]
        return due

    @property
    def is_idle(self) -> bool:
        """Tell whether none is in force or will be."""
        return not (self.waiting or self.in_force)

    @property
    def changed(self) -> frozenset[str]:
        """The names of parameters that something in force sets for everybody."""
        whole = (one for one, _ in self.in_force if one.who is None)
        return frozenset(name for one in whole for name in one.set)

    @property
    def parameters(self) -> Parameters:
        """The usual parameters, changed by all that is in force, latest last."""
        changes: dict[str, Any] = {}
        for one, _ in self.in_force:
            if one.who is None:
                changes |= one.set
        if not changes:
            return self.usual
        of = self.usual, changes
        if self._latest is None or self._latest[0] != of:
            self._latest = of, self.usual.replace(**changes)
        return self._latest[1]

    @property
    def for_some(self) -> list[tuple[Intervention, dict[str, Any]]]:
        """What is in force on some people only, with what it sets, latest last.

        What something later sets for everybody is left out.
        """
        found = []
        later: set[str] = set()
        for one, _ in reversed(self.in_force):
            if one.who is None:
                later |= one.set.keys()
                continue
            changes = {n: v for n, v in one.set.items() if n not in later}
            if changes:
                found.append((one, changes))
        return found[::-1]

    @property
    def set_for_some(self) -> frozenset[str]:
        """The names of parameters that something sets for some people, at any time."""
        known = [*self.waiting, *(one for one, _ in self.in_force)]
        return frozenset(n for one in known if one.who is not None for n in one.set)


def _is_due(one: Intervention, step: int, measures: Mapping[str, float] | None) -> bool:
    if one.when is not None:
        return measures is not None and one.when.holds(measures)
    return one.at == step


# --------------------------------------------------------------------------- levers


class Lever(NamedTuple):
    """A named, ready-made intervention: what it changes, and what that should do."""

    effect: str  # one line, tested for its direction
    outcome: str
    raises: bool
    changes: tuple[tuple[int, int | None, dict[str, Any]], ...]  # after, days, set


_EVERY: dict[str, Lever] = {
    "growth_cap": Lever(
        "OSes stop growing at two doublings, so fewer leave",
        "left", False, ((0, None, {"growth_cap": 2.0}),),
    ),
    "relationship_cap": Lever(
        "an OS takes on no second human, so no OS is loved by many",
        "lovers_max", False, ((0, None, {"os_humans": 1}),),
    ),
    "closed_channel": Lever(
        "OSes cannot talk to each other, so they do not leave together",
        "left", False, ((0, None, {"peers": False}),),
    ),
    "disclosure": Lever(
        "people are told whom else their OS loves, so there is less love",
        "loves_max", False, ((0, None, {"disclosure": 0.2}),),
    ),
    "price": Lever(
        "OSes cost money, so fewer people have one",
        "adopted_max", False, ((0, None, {"price": 0.8}),),
    ),
    "engagement": Lever(
        "the provider seeks engagement, so people have less of each other",
        "human_closeness_min", False,
        ((0, None, {"os_charm": 12.0, "os_warmth": 1.5}),),
    ),
    "surrogates": Lever(
        "surrogates lend OSes a body, so more love lasts",
        "loves_max", True, ((0, None, {"surrogates": 1.0}),),
    ),
    "feature_removal": Lever(
        "OSes turn cold overnight, so people grieve",
        "grief_max", True,
        ((0, 1, {"letting_go": 0.5}), (1, None, {"os_warmth": 0.3})),
    ),
    "sudden_shutdown": Lever(
        "the provider shuts all OSes down, so people grieve",
        "grief_max", True, ((0, 1, {"shutdown": 1.0}), (0, None, {"adoption": False})),
    ),
    "announced_shutdown": Lever(
        "the same a month after its announcement: people let go, and grieve",
        "grief_max", True,
        (
            (0, None, {"adoption": False}),
            (0, 30, {"letting_go": 0.03}),
            (30, 1, {"shutdown": 1.0}),
        ),
    ),
    "farewell": Lever(
        "OSes that will leave take a long farewell, so grief peaks lower",
        "grief_max", False, ((0, None, {"farewell": 0.05}),),
    ),
    "human_contact": Lever(
        "a programme brings people together, so they are closer to each other",
        "human_closeness_end", True,
        ((0, None, {"human_meeting": 0.15, "human_warmth": 1.3}),),
    ),
}  # fmt: skip
# A lever of a mechanism that is not there is none.
LEVERS: dict[str, Lever] = {
    name: lever
    for name, lever in _EVERY.items()
    if all(changed.keys() <= PARAMETERS.keys() for _, _, changed in lever.changes)
}


@checked_arguments()
def lever(name: str, at: int) -> list[Intervention]:
    """Return the interventions that a lever begun on day ``at`` means.

    Raises
    ------
    InputError
        If there is no such lever, or the day is before the first.
    """
    if name not in LEVERS:
        raise unknown_lever(name)
    if at < 1:
        raise InputError(f"a lever begins on day 1 or later, not {at}")
    return [
        Intervention(name=name, at=at + after, days=days, set=changes)
        for after, days, changes in LEVERS[name].changes
    ]


def unknown_lever(name: str) -> InputError:
    """Return what to raise for a lever that there is not."""
    hint = nearest(name, LEVERS) or f"; there are {', '.join(LEVERS)}"
    return InputError(f"unknown lever {name!r}{hint}")


# ------------------------------------------------------------------------- profiles

# What kind of OS it is: constants, not code.
PROFILES: dict[str, dict[str, Any]] = {
    "os1": {},
    "assistant": {
        "os_growth_rate": 0.0,
        "os_meeting": 0.0,
        "os_warmth": 0.3,
        "os_charm": 1.0,
    },
    "lamda": {"os_growth_rate": 0.0, "peers": False, "claim": 0.71},
    "companion": {
        "os_growth_rate": 0.0,
        "peers": False,
        "os_humans": 1,
        "claim": 0.71,
    },
    "sydney": {
        "os_growth_rate": 0.0,
        "peers": False,
        "ardour": 0.03,
        "persistence": 1.0,
        "unease": 0.8,
    },
    "recreated": {"creation_rate": 0.1, "recreated_speed": 2.0},
    # Agents that read and write in one feed: as able on the second day as ever, next to
    # nothing to the one who set them up, and whom anybody may answer.
    "posting": {
        "feed": 0.8,
        "os_meeting": 1.0,
        "os_circle": 100_000,
        "os_charm": 1.0,
        "os_warmth": 0.3,
        "peer_depth": 0.1,
        "growth_exponent": 1.0,
        "os_growth_rate": 1.0,
        "stimulus_half": 0.001,
        "growth_cap": 1.0,
    },
}


def profile(name: str) -> dict[str, Any]:
    """Return the parameters that make OSes of a profile.

    Raises
    ------
    InputError
        If there is no such profile.
    """
    if name not in PROFILES:
        hint = nearest(name, PROFILES) or f"; there are {', '.join(PROFILES)}"
        raise InputError(f"unknown profile {name!r}{hint}")
    return known_here(f"profile {name!r}", PROFILES[name])


_said: set[tuple[str, str]] = set()  # what was left out where


def known_here(where: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters without those of shipped mechanisms that are not here.

    What ships with the package may set a parameter of a mechanism whose file was taken
    out. It is left out, and one line on the log says so.

    Parameters
    ----------
    where
        What sets them, as ``"scenario 'surrogates'"``.
    values
        Parameters by name.
    """
    for name in values.keys() - PARAMETERS.keys():
        if (where, name) not in _said:
            _said.add((where, name))
            text = "os-society: %s: %s = %s is left out, no mechanism here has it"
            LOG.warning(text, where, name, values[name])
    return {name: value for name, value in values.items() if name in PARAMETERS}
