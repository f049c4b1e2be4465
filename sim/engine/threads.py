"""Sharing ranges of a compiled loop out to threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# Below this many half-edges, handing out work costs more than it saves.
WORTH_SHARING = 100_000


def worth_sharing(half_edges: int) -> bool:
    """Tell whether a society is so large that threads save time."""
    return half_edges >= WORTH_SHARING


def share_out(
    run: Callable[..., Any],
    count: int,
    arguments: tuple[Any, ...],
    threads: ThreadPoolExecutor | None,
) -> None:
    """Call ``run(first, last, *arguments)`` for ranges that make up 0 to ``count``.

    With ``threads``, for several at a time; else for all at once.
    """
    if threads is None:
        run(0, count, *arguments)
        return
    ranges = 4 * threads._max_workers
    cuts = [count * part // ranges for part in range(ranges + 1)]
    parts = itertools.pairwise(cuts)
    waiting = [threads.submit(run, a, b, *arguments) for a, b in parts if a < b]
    for done in waiting:
        done.result()
