"""Ranges of parameters to sample, as a design tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_HELD = 1_000_000  # points


class Sampled(BaseModel):
    """Ranges of parameters to sample, and how many points."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    n: int = Field(ge=1, le=10**9)
    seed: int = Field(0, ge=0, lt=2**32)
    ranges: dict[str, list[float]] = Field(min_length=1)
    held: ClassVar[bool] = False  # whether all points are made at once

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, told: Any) -> Any:
        """Take every name that is no option for a parameter with its range."""
        if not isinstance(told, Mapping) or "ranges" in told:
            return told
        options = {name: told[name] for name in cls.model_fields if name in told}
        ranges = {name: span for name, span in told.items() if name not in options}
        return options | {"ranges": ranges}

    @property
    def points(self) -> int:
        """How many points there are."""
        return self.n

    @model_validator(mode="after")
    def _fits_memory(self) -> Self:
        """Refuse what would be held in memory and is too much."""
        if self.held and self.points > MOST_HELD:
            raise ValueError(f"at most {MOST_HELD:,} points, not {self.points:,}")
        return self


class SobolSample(Sampled):
    """Saltelli's points for Sobol indices: ``n`` of them, times 2 + ranges."""

    second_order: bool = False
    held: ClassVar[bool] = True

    @property
    def points(self) -> int:
        """How many points there are."""
        count = len(self.ranges)
        return self.n * ((2 * count if self.second_order else count) + 2)


class MorrisSample(Sampled):
    """Morris' trajectories: ``n`` of them, each of 1 + ranges points."""

    levels: int = Field(4, ge=2, le=1000)
    held: ClassVar[bool] = True

    @property
    def points(self) -> int:
        """How many points there are."""
        return self.n * (len(self.ranges) + 1)
