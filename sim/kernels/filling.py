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
    row = first
    while agent < last:
        degree, start = ties.degree[agent], ties.start[agent]
        until = min(degree, k + np.int64(first + LENGTH - row))
        show_ties(row, np.uint64(start + k), np.uint64(start + until), agent, work)
        row += np.uint64(until - k)
        if until < degree:
            k = until
            break
        agent, k = agent + 1, 0
    end, os_end = NONE, row
    if of_humans:
        end, os_end = row, _show_oses(row, day.n_humans, block)
    return agent, k, end, os_end


@spliced
def show_ties(i, first, last, agent, work):
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
def _show_oses(end, n_humans, block):
    """Copy rows of humans with OSes to the second part; return where it ends."""
    ends, seen, os_end = block.ends, block.seen, OTHERS
    for i in range(NONE, end):  # never a branch: it would often be foreseen wrongly
        block.row[os_end] = i
        os_end += np.uint64(ends[blocks.OTHER + i] >= n_humans)
    for i in range(OTHERS, os_end):
        row = block.row[i]
        ends[blocks.OWNER + i] = ends[blocks.OWNER + row]
        ends[blocks.OTHER + i] = ends[blocks.OTHER + row]
        ends[blocks.KIND + i] = ends[blocks.KIND + row]
        seen[blocks.CLOSENESS + i] = seen[blocks.CLOSENESS + row]
        seen[blocks.RETURNED + i] = seen[blocks.RETURNED + row]
    return os_end


@spliced
def show_faces(first, last, work):
    """Write what both ends show to rows of a block, and to some after them."""
    faces, ends, seen = work.agents.faces, work.block.ends, work.block.seen
    others = ends[blocks.OTHER :]
    own, its = seen[blocks.GROWTH :], seen[blocks.ITS_GROWTH :]
    # Who is asked for in vain must be there, too.
    repeat(NONE, ends, blocks.OWNER + last)
    repeat(NONE, ends, blocks.OTHER + last)
    for i in range(first, last):
        prefetch(faces, others[i])
    for i in range(first, last, WIDTH):
        turn(faces, ends, own, i, ROOM)
        turn(faces, others, its, i, ROOM)
