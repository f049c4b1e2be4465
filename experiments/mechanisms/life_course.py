"""Life course: people have an age, have children, die, and move in and away.

An example of a mechanism that lets people come and go: it asks, and the model carries
out what it asks for. Everybody is of age on day 0. Who is under age has ties and grows,
and installs no OS.
"""

from __future__ import annotations

import math

import numpy as np

from sim.mechanisms import (
    Column,
    Mechanism,
    draws_of,
    real,
    rule,
    switch,
    uniform,
    whole,
)

OF_AGE = 18.0
YEAR = 365.0
ALIVE, TO_COME = 0, 1  # codes of the column life

LIFE_COURSE = Mechanism(
    "life_course",
    "People have children, die, and move in and away.",
    parameters={
        "births": switch("couples have children"),
        "deaths": switch("people die, by their age"),
        "moves": switch("people move in and away"),
        "newcomers": whole(
            1000, "people", 0, 10_000_000, "rows kept for people to come", "assumed"
        ),
        "birth_rate": real(
            0.1,
            "1/year",
            0,
            2,
            "children of a couple within the ages of having some",
            "1.66 children per woman (births in the United States, 2021: National "
            "Vital Statistics Reports 72-1), over 28 years, of those with a partner",
        ),
        "last_birth": real(46, "years", 18, 100, "mean age of a couple", "assumed"),
        "usual_death": real(
            86,
            "years",
            20,
            150,
            "age at which most die",
            "where mortality is low (Canudas-Romo 2008, doi:10.4054/DemRes.2008.19.30)",
        ),
        "ageing": real(
            0.0866,
            "1/year",
            0.01,
            1,
            "growth of mortality with age: it doubles in 8 years",
            "Gompertz 1825; Finch et al. 1990, doi:10.1126/science.2392680",
        ),
        "accidents": real(
            0.0003, "1/year", 0, 1, "mortality at any age", "Makeham 1860; size assumed"
        ),
        "moving_rate": real(
            0.02, "1/year", 0, 1, "households that move away, and people in", "assumed"
        ),
        "welcomes": whole(
            10, "days", 0, 1000, "on which who moved in meets somebody", "assumed"
        ),
    },
    columns={"humans": [Column("age", "f4", "years", "age")]},
    rows={"humans": "newcomers"},
    streams=["age", "birth", "death", "leave", "arrive", "greet"],
)


@rule
def mortality(age, usual, ageing, accidents):
    """Return the hazard of dying (1/year) at an age, by Gompertz and Makeham."""
    return accidents + ageing * math.exp(ageing * (age - usual))


@LIFE_COURSE.start(
    reads=("humans.partner", "humans.life", "humans.came_step"), writes=("humans.age",)
)
def begin(s):
    """Draw ages from 18 on as they are where few are born and as many die.

    The younger one, by number, of a couple has the age of the other.
    """
    ages = np.arange(OF_AGE, 111.0)
    hazard = s.my.accidents + s.my.ageing * np.exp(
        s.my.ageing * (ages - s.my.usual_death)
    )
    there = np.exp(-np.concatenate([[0.0], np.cumsum(hazard)[:-1]]))
    share = np.cumsum(there) / there.sum()
    everybody = np.arange(len(s.humans.age))
    drawn = draws_of(s.my.key_age, everybody, 0)
    s.humans.age[:] = np.interp(drawn, share, ages + 1.0, left=OF_AGE)
    second = (s.humans.partner >= 0) & (s.humans.partner < everybody)
    s.humans.age[second] = s.humans.age[s.humans.partner[second]]
    s.humans.age[s.humans.life == TO_COME] = 0.0


@LIFE_COURSE.process(
    before="present",
    over="humans",
    reads=("humans.life",),
    writes=("humans.age", "humans.under_age", "humans.death_request"),
)
def grow_older(i, s):
    """People grow a day older, and die, the sooner the older they are."""
    if s.humans.life[i] == ALIVE:
        s.humans.age[i] += 1.0 / YEAR
        age, usual = s.humans.age[i], s.my.usual_death
        s.humans.under_age[i] = age < OF_AGE
        rate = s.my.deaths * mortality(age, usual, s.my.ageing, s.my.accidents)
        if uniform(s.my.key_death, i, 0) < 1.0 - math.exp(-rate / YEAR):
            s.humans.death_request[i] = 1


@LIFE_COURSE.process(
    before="present",
    over="humans",
    reads=("humans.partner", "humans.age"),
    writes=("humans.birth_request",),
)
def have_children(i, s):
    """Couples have children; of the two, the lower number asks."""
    other = s.humans.partner[i]
    if other > i and s.my.births > 0.0:
        age = 0.5 * (s.humans.age[i] + s.humans.age[other])
        fertile = OF_AGE <= age < s.my.last_birth
        draw = uniform(s.my.key_birth, i, 0)
        if fertile and draw < 1.0 - math.exp(-s.my.birth_rate / YEAR):
            s.humans.birth_request[i] = 1


@rule
def head_of(i, humans):
    """Return with whom a human moves: a parent, or the first of the couple."""
    head = i
    if humans.under_age[i] and humans.parent[i] >= 0:
        head = humans.parent[i]
        if humans.life[head] != ALIVE and humans.other_parent[i] >= 0:
            head = humans.other_parent[i]
    other = humans.partner[head]
    return other if 0 <= other < head else head


@LIFE_COURSE.process(
    before="present",
    over="humans",
    reads=(
        "humans.life",
        "humans.partner",
        "humans.parent",
        "humans.other_parent",
        "humans.under_age",
    ),
    writes=("humans.leave_request",),
)
def leave(i, s):
    """Households move away: couples, and children with their parents."""
    if s.humans.life[i] == ALIVE and s.my.moves > 0.0:
        draw = uniform(s.my.key_leave, head_of(i, s.humans), 0)
        if draw < 1.0 - math.exp(-s.my.moving_rate / YEAR):
            s.humans.leave_request[i] = 1


@LIFE_COURSE.process(
    before="present",
    over="society",
    reads=("humans.life",),
    writes=("humans.arrival_request", "humans.age"),
)
def arrive(s):
    """Single adults move in, as many as moved away where there are as many people."""
    expected = s.my.moving_rate / YEAR * np.count_nonzero(s.humans.life == ALIVE)
    if s.my.moves:
        count = int(expected + uniform(s.my.key_arrive, 0, 0))
        rows = np.flatnonzero(s.humans.life == TO_COME)[:count]
        s.humans.arrival_request[rows] = 1
        s.humans.age[rows] = OF_AGE + 22.0 * draws_of(s.my.key_arrive, rows, 1)


@LIFE_COURSE.process(
    before="present",
    over="humans",
    reads=("humans.life", "humans.came_step", "humans.parent"),
    writes=("humans.tie_request",),
)
def greet(i, s):
    """Who moved in meets somebody on each of the first days."""
    moved_in = s.humans.came_step[i] > 0 and s.humans.parent[i] < 0
    days = s.day.calendar - s.humans.came_step[i]
    if s.humans.life[i] == ALIVE and moved_in and days < s.my.welcomes:
        other = int(uniform(s.my.key_greet, i, 0) * len(s.humans.life))
        if s.humans.life[other] == ALIVE:
            s.humans.tie_request[i] = other


def main(humans: int = 300, steps: int = 3650) -> None:
    """Print who came and went in a society, and what it changed."""
    import sim

    sim.use(LIFE_COURSE)
    town = (
        sim.scenario("her-film-cut")
        .use("life_course")
        .replace(humans=humans, steps=steps)
    )
    titles = "alive", "born", "died", "came", "left", "grief", "loneliness", "has an OS"
    print(f"{'':18}" + "".join(f"{title:>11}" for title in titles))
    cases = {
        "nobody": {"life_course": False},
        "births, deaths": {"moves": False},
        "and moves": {},
    }
    for name, changes in cases.items():
        society = sim.Society(town.replace(**changes), seed=1)
        grief = 0.0
        for _ in range(steps):
            society.step()
            grief += society.monitor.latest("grief") / steps
        people, latest = society.state.humans, society.monitor.latest
        life, is_child = people.life, people.parent >= 0
        moved_in = (people.came_step > 0) & ~is_child
        some = (life == ALIVE, is_child, life == 2, moved_in, life == 3)
        counts = [int(rows.sum()) for rows in some]
        shares = f"{grief:11.3f}{latest('loneliness'):11.3f}{latest('adopted'):11.3f}"
        print(f"{name:18}" + "".join(f"{count:11}" for count in counts) + shares)


if __name__ == "__main__":
    main()
