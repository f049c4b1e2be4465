"""Income: people have one, of a Pareto law, and the poor grow lonelier when it falls.

An example of a start, which draws traits on day 0, and of a process over people.
"""

from __future__ import annotations

import numpy as np

from sim.mechanisms import Column, Mechanism, draws_of, real, uniform

INCOME = Mechanism(
    "income",
    "People have an income, and losing work makes them lonelier.",
    parameters={
        "pareto": real(2.0, "1", 1.05, 20, "exponent of the law of incomes", "assumed"),
        "job_loss": real(0.002, "1/day", 0, 1, "hazard of losing work", "assumed"),
        "job_found": real(0.01, "1/day", 0, 1, "hazard of finding work", "assumed"),
        "idle": real(
            0.2, "0..1", 0, 1, "loneliness that having no work adds", "assumed"
        ),
    },
    columns={
        "humans": [
            Column("income", "f4", "medians", "income when at work"),
            Column("works", "u1", "flag", "is at work", 1),
        ]
    },
    streams=["earn", "lose"],
)


@INCOME.start(reads=("humans.works",), writes=("humans.income",))
def earn(s):
    """Draw incomes; the median is 1."""
    everybody = np.arange(len(s.humans.income))
    rank = draws_of(s.my.key_earn, everybody, 0)
    s.humans.income[:] = (2.0 * (1.0 - rank)) ** (-1.0 / s.my.pareto)


@INCOME.process(after="mourn", over="humans", writes=("humans.works",))
def work(i, s):
    """People lose their work, and find some."""
    luck = uniform(s.my.key_lose, i, 0)
    if s.humans.works[i]:
        s.humans.works[i] = luck >= s.my.job_loss
    else:
        s.humans.works[i] = luck < s.my.job_found


@INCOME.process(
    after="mourn",
    over="humans",
    reads=("humans.works", "humans.income"),
    writes=("humans.loneliness",),
)
def miss_work(i, s):
    """Who has no work is lonelier, the more so the more it paid."""
    if not s.humans.works[i]:
        lost = s.humans.income[i] / (1.0 + s.humans.income[i])
        gap = 1.0 - s.humans.loneliness[i]
        s.humans.loneliness[i] += s.my.idle * lost * gap
