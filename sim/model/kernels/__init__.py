"""Kernels: the compiled loops of a day; every formula is in ``rules``.

A kernel that runs over agents takes a range of them, reads anything, and writes only
the rows and half-edges of its own agents. So ranges may run on different threads, in
any order, with the same result. ``agents`` and ``ties`` are named tuples of columns;
``day`` is a record of every constant, of the day's stream keys, and of the calendar.
"""

from __future__ import annotations
