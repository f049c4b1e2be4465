"""Minds: what decides an agent's part in an encounter, beside the rules."""

from __future__ import annotations

from sim.minds.calls import Settings
from sim.minds.casting import Estimate, MindOptions
from sim.minds.language import Policy

__all__ = ["Estimate", "MindOptions", "Policy", "Settings"]
