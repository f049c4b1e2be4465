"""How often Python looks for garbage."""

from __future__ import annotations

import gc


def collect_rarely() -> None:
    """Look for garbage after every 50,000 new objects, not 700.

    It is for a process of ours only. Most of what imports make stays, and looking
    through it over and over is a sixth of the time of a short command.
    """
    gc.set_threshold(50_000, 20, 20)
