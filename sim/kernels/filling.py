"""Filling blocks with half-edges, and with what their two ends show."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np

from sim import lanes
from sim.compiled import spliced
from sim.kernels import blocks
from sim.kernels.blocks import LENGTH, NONE, OTHERS, ROOM
from sim.lanes import copy, prefetch, repeat, turn

SPAN, WIDTH = np.uint64(lanes.SPAN), np.uint64(lanes.WIDTH)


@spliced
def fill(agent, k, last, work):
    """Fill a block from half-edge ``k`` of an agent on, until it is full.

    Returns the agent that it did not finish, which of its half-edges comes next, and
    the ends of the two parts of the block. A block is of humans or of OSes.
    """
    _, ties, day, block = work
    of_humans = agent < day.n_humans
    first = NONE if of_humans else OTHERS
    last = min(last, day.n_humans) if of_humans else last
    end = first
    while agent < last:
        degree, start = ties.degree[agent], ties.start[agent]
        until = min(degree, k + np.int64(first + LENGTH - end))
        _show_ties(end, np.uint64(start + k), np.uint64(start + until), agent, work)
        end += np.uint64(until - k)
        if until < degree:
            k = until
            break
        agent, k = agent + 1, 0
    repeat(NONE, block.ends, blocks.OTHER + end)  # asked for in vain, so must be there
    front, back = NONE, end
    if of_humans:
        front, back = end, _show_oses(end, day.n_humans, block)
    return agent, k, front, back


@spliced
def _show_ties(i, first, last, agent, work):
    """Write half-edges of an agent to rows of a block from ``i`` on.

    Always in spans, so that rows after them are written, too: with what is no tie.
    """
    ties, ends, seen = work.ties, work.block.ends, work.block.seen
    for at in range(first, last, SPAN):
        repeat(agent, ends, blocks.OWNER + i)
        copy(ties.neighbour, at, ends, blocks.OTHER + i)
        copy(ties.kind, at, ends, blocks.KIND + i)
        copy(ties.closeness, at, seen, blocks.CLOSENESS + i)
        copy(ties.returned, at, seen, blocks.RETURNED + i)
        i += SPAN


@spliced
def _show_oses(front, n_humans, block):
    """Copy rows of humans with OSes to the second part; return where it ends."""
    ends, seen, back = block.ends, block.seen, OTHERS
    for i in range(NONE, front):  # never a branch: it would often be foreseen wrongly
        block.row[back] = i
        back += np.uint64(ends[blocks.OTHER + i] >= n_humans)
    for i in range(OTHERS, back):
        row = block.row[i]
        ends[blocks.OWNER + i] = ends[blocks.OWNER + row]
        ends[blocks.OTHER + i] = ends[blocks.OTHER + row]
        ends[blocks.KIND + i] = ends[blocks.KIND + row]
        seen[blocks.CLOSENESS + i] = seen[blocks.CLOSENESS + row]
        seen[blocks.RETURNED + i] = seen[blocks.RETURNED + row]
    repeat(NONE, ends, blocks.OTHER + back)
    return back


@spliced
def show_tie(i, at, agent, work):
    """Write half-edge ``at`` of an agent to row ``i`` of a block."""
    ties, ends, seen = work.ties, work.block.ends, work.block.seen
    ends[blocks.OWNER + i], ends[blocks.OTHER + i] = agent, ties.neighbour[at]
    ends[blocks.KIND + i] = ties.kind[at]
    seen[blocks.CLOSENESS + i] = ties.closeness[at]
    seen[blocks.RETURNED + i] = ties.returned[at]


@spliced
def show_faces(first, last, work):
    """Write what both ends show to rows of a block, and to some after them."""
    faces, ends, seen = work.agents.faces, work.block.ends, work.block.seen
    others = ends[blocks.OTHER :]
    own, its = seen[blocks.GROWTH :], seen[blocks.ITS_GROWTH :]
    for i in range(first, last):
        prefetch(faces, others[i])
    for i in range(first, last, WIDTH):
        turn(faces, ends, own, i, ROOM)
        turn(faces, others, its, i, ROOM)
