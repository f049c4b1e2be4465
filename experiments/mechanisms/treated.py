"""Treatment and control within one society: a course for some people only.

Run it to see, by who took the course, what people thought of human-OS ties in the end,
beside the same people of the same society without a course. What differs for the others
is what reached them through the treated.

    python experiments/mechanisms/treated.py
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import sim
from sim.scenarios.interventions import Intervention
from sim.scenarios.who import Who

TOWN = Path(__file__).with_name("treated.toml")


def variants() -> dict[str, tuple[sim.Scenario, sim.Scenario]]:
    """Return the society with a course and the one without, by whom it is given to.

    Without a course the same people are marked, and nothing is done.
    """
    town = sim.scenario(TOWN)
    (course,) = town.interventions
    block = course.model_copy(update={"who": Who(community=1)})
    found = {}
    for name, one in (("three in ten", course), ("largest community", block)):
        none = Intervention(name=one.name, at=one.at, who=one.who, set={})
        found[name] = (
            town.model_copy(update={"interventions": [one]}),
            town.model_copy(update={"interventions": [none]}),
        )
    return found


def by_group(treated: sim.Result, control: sim.Result) -> pd.DataFrame:
    """Return means over the treated and the others, with and without the course."""
    tables = {}
    for name, result in (("course", treated), ("no course", control)):
        humans = result.humans()
        group = humans["treated_course"].map({0: "others", 1: "treated"})
        tables[name] = humans.groupby(group)[["acceptance", "surroundings"]].mean()
        tables[name]["people"] = group.value_counts()
    return pd.concat(tables, names=["society", "group"]).round(3)


if __name__ == "__main__":
    for name, arms in variants().items():
        found = by_group(*(sim.run(arm, seed=1) for arm in arms))
        print(f"{name}\n{found}\n")
