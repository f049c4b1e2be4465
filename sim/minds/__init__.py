"""Language-model agents: minds, prompts, clients, transcripts."""

from __future__ import annotations

from sim.minds.calls import Settings
from sim.minds.mind import Policy
from sim.minds.options import CallEstimate, MindOptions

__all__ = ["CallEstimate", "MindOptions", "Policy", "Settings"]
