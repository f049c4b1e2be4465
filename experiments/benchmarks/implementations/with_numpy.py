"""The reference workload in NumPy: plainly with ``bincount``, or tuned.

Tuned means: float32 throughout, as in the engine; pieces small enough for the cache;
no allocation; sums column by column where everybody has as many ties, and else by
``reduceat``; and pieces shared out over threads, each piece with a generator of its
own.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from workload import (
    COOLING,
    EASING,
    GROWTH,
    LONELINESS,
    WARMING,
    Array,
    Workload,
    serve,
)

PIECE = 16_384  # people


class Plain:
    """Whole columns at once."""

    def __init__(self, work: Workload, threads: int, seed: int) -> None:
        self.work = work
        self.rng = np.random.default_rng(seed)
        self.owner, self.other, self.closeness = work.half_edges()
        self.growth = np.zeros(work.people, np.float32)
        self.loneliness = np.full(work.people, LONELINESS, np.float32)

    def draws(self) -> Array:
        """Return the day's draws, one a half-edge."""
        return self.rng.random(len(self.closeness), np.float32)

    def simulate(self, days: int) -> None:
        """Simulate so many days."""
        for _ in range(days):
            gain = WARMING * self.draws() * (1 - self.closeness)
            if self.work.neighbour:
                gain *= self.work.openness[self.other]
            self.closeness += gain - COOLING * self.closeness
            total = np.bincount(self.owner, self.closeness, self.work.people)
            self.growth += GROWTH * total
            self.loneliness += EASING * (1 / (1 + total) - self.loneliness)

    def columns(self) -> tuple[Array, Array, Array]:
        """Return all closeness, growth and loneliness."""
        return self.closeness, self.growth, self.loneliness


class Piece(NamedTuple):
    """Some people, with their half-edges: views, and room to write."""

    other: Array
    closeness: Array
    tied: Array  # those who have ties, by number in the piece
    begins: Array  # where their half-edges begin
    growth: Array
    loneliness: Array
    gain: Array
    spare: Array
    total: Array
    rng: np.random.Generator


class Tuned:
    """A piece at a time, in place."""

    def __init__(self, work: Workload, threads: int, seed: int) -> None:
        self.work = work
        owner, self.other, self.closeness = work.half_edges()
        self.degree = np.bincount(owner, minlength=work.people)
        self.equal = int(self.degree.max()) == int(self.degree.min())
        self.growth = np.zeros(work.people, np.float32)
        self.loneliness = np.full(work.people, LONELINESS, np.float32)
        self.threads = ThreadPoolExecutor(threads)
        firsts = range(0, work.people, PIECE)
        seeds = np.random.SeedSequence(seed).spawn(len(firsts))
        begins = np.cumsum(self.degree) - self.degree
        self.pieces = [
            self._piece(first, begins, np.random.default_rng(one))
            for first, one in zip(firsts, seeds, strict=True)
        ]

    def _piece(self, first: int, begins: Array, rng: np.random.Generator) -> Piece:
        who = slice(first, min(first + PIECE, self.work.people))
        degree, begin = self.degree[who], begins[who]
        edges = slice(int(begin[0]), int(begin[-1] + degree[-1]))
        size, people = edges.stop - edges.start, who.stop - who.start
        return Piece(
            self.other[edges],
            self.closeness[edges],
            np.flatnonzero(degree),
            (begin - edges.start)[degree > 0],
            self.growth[who],
            self.loneliness[who],
            np.empty(size, np.float32),
            np.empty(size, np.float32),
            np.zeros(people, np.float32),
            rng,
        )

    def _live(self, piece: Piece) -> None:
        """Simulate a day, for some people."""
        gain, spare, total = piece.gain, piece.spare, piece.total
        self.draw(piece)
        np.subtract(1, piece.closeness, out=spare)
        gain *= spare
        gain *= np.float32(WARMING)
        if self.work.neighbour:
            np.take(self.work.openness, piece.other, out=spare, mode="clip")
            gain *= spare
        np.multiply(piece.closeness, np.float32(1 - COOLING), out=piece.closeness)
        np.add(piece.closeness, gain, out=piece.closeness)
        self._sum(piece)
        np.multiply(total, np.float32(GROWTH), out=gain[: len(total)])
        np.add(piece.growth, gain[: len(total)], out=piece.growth)
        np.add(total, 1, out=total)
        np.divide(np.float32(EASING), total, out=total)
        np.multiply(piece.loneliness, np.float32(1 - EASING), out=piece.loneliness)
        np.add(piece.loneliness, total, out=piece.loneliness)

    def draw(self, piece: Piece) -> None:
        """Write the day's draws of a piece where its gains will be."""
        piece.rng.random(dtype=np.float32, out=piece.gain)

    def _sum(self, piece: Piece) -> None:
        piece.total[:] = 0
        if self.equal:
            by_person = piece.closeness.reshape(len(piece.total), -1)
            for column in by_person.T:
                np.add(piece.total, column, out=piece.total)
        else:
            sums = np.add.reduceat(piece.closeness, piece.begins)
            piece.total[piece.tied] = sums

    def simulate(self, days: int) -> None:
        """Simulate so many days."""
        for _ in range(days):
            list(self.threads.map(self._live, self.pieces))

    def columns(self) -> tuple[Array, Array, Array]:
        """Return all closeness, growth and loneliness."""
        return self.closeness, self.growth, self.loneliness


WAYS: dict[str, Any] = {"plain": Plain, "tuned": Tuned}

if __name__ == "__main__":
    serve(np.__version__, WAYS[sys.argv[4]])
