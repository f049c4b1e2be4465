"""Gossip: belief that OSes are someone spreads along human ties, by closeness."""

from __future__ import annotations

from sim.mechanisms import Column, Mechanism, real

GOSSIP = Mechanism(
    "gossip",
    "Belief that an OS is someone spreads along human ties.",
    parameters={
        "hearsay": real(
            0.05, "1/day", 0, 1, "how fast belief follows close people", "assumed"
        ),
    },
    columns={
        "humans": [
            Column("heard", "f4", "0..1", "belief of those around, by closeness")
        ]
    },
)


@GOSSIP.process(
    after="grow",
    over="humans",
    reads=("ties.*", "humans.personhood"),
    writes=("humans.heard",),
)
def overhear(i, s):
    """People hear what those around them believe (DeGroot 1974)."""
    near, total = 0.0, 0.0
    for k in range(s.ties.start[i], s.ties.start[i] + s.ties.degree[i]):
        other = s.ties.neighbour[k]
        if other < s.day.n_humans:
            near += s.ties.closeness[k]
            total += s.ties.closeness[k] * s.humans.personhood[other]
    s.humans.heard[i] = total / near if near > 0.0 else s.humans.personhood[i]


@GOSSIP.process(
    before="gather",
    over="humans",
    reads=("humans.heard",),
    writes=("humans.personhood",),
)
def believe(i, s):
    """Belief follows what is heard."""
    gap = s.humans.heard[i] - s.humans.personhood[i]
    s.humans.personhood[i] += s.my.hearsay * gap


@GOSSIP.measure("heard_spread", unit="0..1", reads=("humans.heard",))
def heard_spread(s):
    """Return the standard deviation of what people hear."""
    return s.humans.heard.std(dtype=float)


@GOSSIP.outcome("heard_peak_day", unit="days")
def heard_peak_day(run):
    """Return the day on which what people hear differs most."""
    spread = run.series["heard_spread"]
    return None if not spread.any() else float(spread.argmax() + 1)
