"""Who an intervention acts on: a share at random, a condition, a column, a community.

All of it is data: a condition is one column, one comparison and one value, taken apart
here, and nothing of it is ever run.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

from sim.utils.signatures import checked_arguments

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    **{"<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne},
    **{"<": operator.lt, ">": operator.gt},
}
_WHERE = re.compile(
    r"\s*(?P<column>[^<>=!]+?)\s*(?P<sign><=|>=|==|!=|<|>)\s*([^<>=!]+?)\s*"
)
_EXAMPLE = "as in 'loneliness > 0.6' or 'city == Ulm'"


class Where(NamedTuple):
    """A column of people, a comparison, and a number or a word."""

    column: str
    sign: str
    value: float | str


def parsed(text: str) -> Where:
    """Return the parts of a condition.

    Raises
    ------
    ValueError
        If it is not a column, a comparison and a value.
    """
    found = _WHERE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"a condition is one column, one comparison and one value, {_EXAMPLE}, not "
            f"{text!r}"
        )
    word = found[3].strip("'\"")
    try:
        value: float | str = float(word)
    except ValueError:
        value = word
    if value != value:
        raise ValueError(f"a condition compares with a number or a word, {_EXAMPLE}")
    if isinstance(value, str) and found["sign"] not in ("==", "!="):
        raise ValueError(f"{word!r} is no number; words are == or !=, {_EXAMPLE}")
    return Where(found["column"], found["sign"], value)


@checked_arguments()
class Who(BaseModel):
    """The people that an intervention acts on, found on its first day.

    Parameters
    ----------
    share
        So many at random, 0..1 of all: those of the lowest draws of a random stream
        that the intervention's name has. So a larger share holds the smaller, and two
        societies of one seed draw the same people.
    where
        Those for whom a condition holds as the day begins, ``"loneliness > 0.6"``: a
        column of people, of the model, a mechanism or the network, with <, <=, >, >=,
        == or != and a number; or == or != and a word.
    column
        Those who have something other than 0 there.
    community
        Those in the so many largest community of friends (1 is the largest, by its
        humans; of equals, the one with the lowest agent number) of the last weekly
        reading before that day. Nobody, if there are fewer.

    Raises
    ------
    InputError
        If not one of these is given, or it is out of its range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    share: float | None = Field(None, gt=0, le=1)
    where: str | None = None
    column: str | None = None
    community: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _one(self) -> Who:
        names = list(type(self).model_fields)
        if sum(getattr(self, name) is not None for name in names) != 1:
            raise ValueError(f"'who' is one of {', '.join(names)}")
        if self.where is not None:
            parsed(self.where)
        return self

    @model_serializer
    def _given(self) -> dict[str, Any]:
        return {n: v for n, v in self.__dict__.items() if v is not None}
