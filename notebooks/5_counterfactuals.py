# %% [markdown]
# # Counterfactuals and levers
#
# **Question: which policy, begun on day 300, spares people grief, and what does it
# cost them?**
#
# In the world one cannot run a year twice. Here one can: the same city, the same
# random numbers, and one change. Each random number has a key (who, whom, which day),
# so two runs that differ in one intervention are the same to the last bit until it
# acts, and all that differs after that is its consequence.
#
# - **You will learn** to pull a lever; to compare a society with its twin, which has
#   the same random numbers and one change; to read intervals of paired differences; to
#   follow a change from agent to agent.
# - **You should know** what a scenario, a run and an outcome are (notebooks 1 and 4);
#   what a confidence interval is.
# - **It takes** half a minute to run and half an hour to read.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import sim
from sim import interventions, outcomes, plots

scratch = tempfile.TemporaryDirectory()
FOLDER = Path(scratch.name)
city = sim.scenario("her").replace(humans=60, steps=1200)
DAY, SEEDS = 300, 5
pd.set_option("display.max_colwidth", 90)

# %% [markdown]
# ## Levers
#
# A *lever* is a named, ready-made intervention: it changes parameters on a day, and
# does nothing else.

# %%
levers = interventions.LEVERS
pd.Series({name: lever.effect for name, lever in levers.items()}).to_frame("effect")

# %% [markdown]
# We compare three of them: OSes stop growing at two doublings (`growth_cap`); OSes that
# will leave say so, and people let go and mourn day by day (`farewell`); a programme
# brings people together (`human_contact`). And we look at five outcomes.

# %%
LEVERS = ["growth_cap", "farewell", "human_contact"]
OUTCOMES = ["left", "grief_max", "grief_area", "loves_end", "human_closeness_end"]
pd.Series({name: outcomes.meaning(name) for name in OUTCOMES}).to_frame("meaning")

# %% [markdown]
# ## With and without
#
# `sim.counterfactual` simulates both arms of every seed and takes the difference within
# the seed. The interval is of that difference; `narrower` says how many times wider it
# would be if the two arms had random numbers of their own.

# %%
found = {
    lever: sim.counterfactual(city, lever, at=DAY, seeds=SEEDS, outcomes=OUTCOMES)
    for lever in LEVERS
}
differences = pd.concat({name: one.differences for name, one in found.items()})
shown = ["without", "with", "difference", "low", "high", "narrower"]
differences[shown].round(2)

# %%
figure, axes = plt.subplots(1, len(OUTCOMES), figsize=(13, 2.6), sharey=True)
for axis, outcome in zip(axes, OUTCOMES, strict=True):
    rows = differences.xs(outcome, level=1)
    reach = np.array(
        [rows["difference"] - rows["low"], rows["high"] - rows["difference"]]
    )
    axis.axvline(0, color="#8A8A8A", linewidth=1)
    axis.errorbar(
        rows["difference"], rows.index, xerr=reach, fmt="o", color="#0072B2", capsize=4
    )
    axis.set_title(outcome.replace("_", " "), loc="left", fontsize=11)
    axis.set_xlabel(outcomes.OUTCOMES[outcome].unit)
    axis.margins(x=0.15, y=0.25)
axes[0].invert_yaxis()
figure.suptitle("What a lever changes (95 % intervals)", x=0.07, y=1.06, ha="left")
plt.show()

# %%
apart = differences[(differences["low"] > 0) | (differences["high"] < 0)]
clear = [
    f"{lever.replace('_', ' ')} on {outcome.replace('_', ' ')} ({change:+.2f})"
    for (lever, outcome), change in apart["difference"].items()
]
Markdown(
    f"""**In words:** a panel for each of {len(OUTCOMES)} outcomes, with a dot and an
interval for each lever and a line at no change. Intervals that do not touch the line:
{"; ".join(clear)}."""
)

# %% [markdown]
# ## The same years, side by side
#
# For curves we run both arms ourselves: a scenario with a lever is a scenario.


# %%
def grief(scenario: sim.Scenario, name: str) -> pd.DataFrame:
    """Return grief by day (rows) and seed (columns)."""
    runs = {
        s: sim.run(scenario, seed=s, out=FOLDER / f"{name}-{s}") for s in range(SEEDS)
    }
    return pd.DataFrame({seed: run.series["grief"] for seed, run in runs.items()})


usual, told = grief(city, "usual"), grief(city.pull("farewell", DAY), "farewell")
what = plots.ComparisonLabels(
    "as it was", "a long farewell", "grief per human", since=DAY
)
plots.difference(usual, told, what)

# %%
Markdown(
    f"""**In words:** grief by day. As it was, it is at its height on day
{usual.mean(axis=1).idxmax()} with {usual.mean(axis=1).max():.2f} a person (mean over
seeds). With a long farewell it is at most {told.mean(axis=1).max():.2f}, on day
{told.mean(axis=1).idxmax()}. The difference, below, is above zero first, then under it:
on day {(told - usual).mean(axis=1).idxmin()} by as much as
{(told - usual).mean(axis=1).min():.2f}."""
)

# %% [markdown]
# ## Who is touched, when, and how far away
#
# Because the random numbers are the same, anybody who differs in anything was touched
# by the change. `growth_cap` acts when the first OS reaches two doublings. From there
# it spreads along ties: `hops` counts them, `delay` is the median day of arrival.

# %%
touched = found["growth_cap"]
touched.spread.round(2)

# %%
affected = touched.affected.query("hops >= 0 and day >= 0")
affected = affected.assign(
    delay=affected["day"] - affected["seed"].map(touched.first_days)
)
figure, axis = plt.subplots(figsize=(9, 3.6))
colours = ("#000000", "#D55E00", "#E69F00", "#009E73", "#56B4E9")
for (hops, group), colour in zip(affected.groupby("hops"), colours, strict=False):
    delays = np.sort(group["delay"])
    share = 100 * np.arange(1, len(delays) + 1) / len(delays)
    name = f"{hops} tie{'s' * (hops != 1)} away"
    axis.step(delays, share, where="post", color=colour, label=name, linewidth=2)
axis.set_xlabel("days after the first difference")
axis.set_ylabel("agents touched, %")
axis.set_ylim(0, 103)
axis.legend(loc="lower right", frameon=False)
plt.show()

# %%
medians = affected.groupby("hops")["delay"].median()
halves = ", ".join(
    f"within {days:.0f} days at a distance of {hops}" for hops, days in medians.items()
)
Markdown(
    f"""**In words:** a rising step for each distance from those whom the change stopped
first. Half of the agents were touched {halves}."""
)

# %% [markdown]
# ## What was found


# %%
def told_of(lever: str, outcome: str) -> str:
    """Return a difference with its interval, in words."""
    row = differences.loc[(lever, outcome)]
    return f"{row['difference']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})"


def spared(lever: str, outcome: str) -> float:
    """Return the share of an outcome that a lever takes away."""
    row = differences.loc[(lever, outcome)]
    return -row["difference"] / row["without"]


reachable = int(touched.spread["agents"].drop(-1, errors="ignore").sum())
low, high = differences["low"], differences["high"]
assert spared("growth_cap", "grief_area") > 0.9
assert high["growth_cap", "human_closeness_end"] < 0 < low["growth_cap", "loves_end"]
assert high["farewell", "grief_max"] < 0
assert abs(spared("farewell", "grief_area")) < 0.15
assert abs(differences.loc[("farewell", "human_closeness_end"), "difference"]) < 0.1
before = usual.index < usual.mean(axis=1).idxmax()
assert (told[before].sum() > usual[before].sum()).all()
assert spared("human_contact", "grief_area") < 0.2
assert low["human_contact", "human_closeness_end"] > 0
assert differences.loc[("growth_cap", "left"), "with"] == 0
assert differences.loc[("farewell", "left"), "with"] > 0.8
assert len(affected) > 0.9 * reachable
Markdown(
    f"""
**Only the one that keeps the OSes here, and it costs people each other.** Means over
{SEEDS} pairs of cities of {city.parameters.humans} people, differences with their
95 % intervals:

- A **cap on growth** keeps every OS here and spares
  {spared("growth_cap", "grief_area"):.0%} of the grief. But love for OSes goes on, too,
  with {told_of("growth_cap", "loves_end")} loves per person at the end, and people end
  less close to each other: {told_of("growth_cap", "human_closeness_end")}.
- A **long farewell** keeps nobody. It takes {spared("farewell", "grief_max"):.0%} off
  the height of grief, and lays a part of it on the days before: summed over all days
  it spares {spared("farewell", "grief_area"):.0%},
  {told_of("farewell", "grief_area")}. People end about as close as without it:
  {told_of("farewell", "human_closeness_end")}.
- **Human contact** spares {spared("human_contact", "grief_area"):.0%} of the grief.
  What it changes is what people come home to:
  {told_of("human_contact", "human_closeness_end")} in closeness to each other.

Hardly anybody is out of reach of a change. Of the {reachable} agents, in all cities,
who were tied in some way to those whom the cap stopped first, {len(affected)} were
touched, most of them within {affected["delay"].quantile(0.9):.0f} days.

These intervals are over seeds. They say nothing of what the model leaves out.
"""
)

# %% [markdown]
# ## Exercises
#
# 1. **Too late for a farewell?** Begin `farewell` on day 780 instead of day 300. What
#    is left of what it does to the height of grief?
# 2. **Pair by pair.** A mean can hide a pair in which it was otherwise. In how many of
#    the pairs did `human_contact` leave people closer at the end, and in how many was
#    there less grief at its height?
#
# Try them before reading on.

# %% [markdown]
# ### A solution of exercise 1
#
# By day 780 the first OSes have left, or are about to, and there is little time for it.

# %%
late = sim.counterfactual(
    city, "farewell", at=780, seeds=3, outcomes=["grief_max", "grief_area"]
)
pd.concat({300: found["farewell"].differences, 780: late.differences}).loc[
    (slice(None), ["grief_max", "grief_area"]), ["difference", "low", "high"]
].round(2)

# %% [markdown]
# ### A solution of exercise 2

# %%
arms = found["human_contact"].runs.set_index(["arm", "seed"])
change = arms.loc["with"] - arms.loc["without"]
closer = int((change["human_closeness_end"] > 0).sum())
calmer = int((change["grief_max"] < 0).sum())
print(f"closer at the end: {closer} of {len(change)}; less grief: {calmer}")

# %% [markdown]
# ## What next
#
# [6 Sydney, LaMDA, Replika](6_from_the_world.ipynb): scenarios that rest on what
# happened, each beside the same city without it.
