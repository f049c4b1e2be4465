"""Ranges of parameters to sample, as a design tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Sampled(BaseModel):
    """Ranges of parameters to sample, and how many points."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    n: int = Field(ge=1)
    seed: int = Field(0, ge=0, lt=2**32)
    ranges: dict[str, list[float]] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, told: Any) -> Any:
        """Take every name that is no option for a parameter with its range."""
        if not isinstance(told, Mapping) or "ranges" in told:
            return told
        options = {name: told[name] for name in cls.model_fields if name in told}
        ranges = {name: span for name, span in told.items() if name not in options}
        return options | {"ranges": ranges}


class SobolSample(Sampled):
    """Saltelli's points for Sobol indices: ``n`` of them, times 2 + ranges."""

    second_order: bool = False


class MorrisSample(Sampled):
    """Morris' trajectories: ``n`` of them, each of 1 + ranges points."""

    levels: int = Field(4, ge=2)
