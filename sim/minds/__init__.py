"""Language-model agents: minds, prompts, clients, transcripts."""

from __future__ import annotations

from sim.minds.calls import Settings
from sim.minds.mind import Policy
from sim.minds.options import CallEstimate, MindOptions
from sim.minds.several import OsModel

__all__ = ["CallEstimate", "MindOptions", "OsModel", "Policy", "Settings"]
