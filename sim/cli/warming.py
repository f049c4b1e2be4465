"""Compiling the model before many processes would, each for itself."""

from __future__ import annotations


def compile_first(workers: int = 2) -> None:
    """Compile the loops of the model, if several processes need them and none is there.

    They are kept in the cache, where the processes find them. A single process compiles
    what it needs as it comes.
    """
    if workers < 2:
        return
    from sim.society.compiled import compile_loops, is_compiled

    if not is_compiled():
        compile_loops()
