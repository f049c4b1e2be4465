# %% [markdown]
# # A sweep and its phase diagram
#
# **Question: how fast must growth feed on itself before the OSes leave, and does it
# matter what OSes are to each other?**
#
# One run is one answer. A *sweep* asks the same of many societies: here of a grid of
# two parameters, each point with the same seeds.
#
# - **You will learn** to write a design; to run it in several processes and to resume
#   it; to read its table; to draw a phase diagram and to say how sure it is.
# - **You should know** what a scenario, a run and a seed are (notebook 1).
# - **It takes** half a minute to run and twenty minutes to read.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import Markdown

import sim
from sim import plots

scratch = tempfile.TemporaryDirectory()
FOLDER = Path(scratch.name)

# %% [markdown]
# ## A design says what varies
#
# In a growth law `dg/dt = rate * g ** k` the exponent `k` says how far growth feeds on
# itself: 0 is a straight line, 1 doubles and doubles, above 1 it runs away in finite
# time. `peer_affinity` is what talk between OSes is worth to them. Everything else is
# the scenario `her`, with few people and seeds so that the notebook takes a minute;
# `make phase` draws the large map. Before many runs, one: is there anything to see?

# %%
base = {"humans": 60, "steps": 1500}
trial = sim.run(sim.scenario("her").replace(**base), out=FOLDER / "trial")
trial.events.query("kind in ('first_love', 'upgrade', 'half_departed')")[
    ["step", "kind", "evidence"]
]

# %%
design = {
    "name": "growth-and-affinity",
    "scenario": "her",
    "seeds": 2,
    "outcomes": ["left", "first_departure", "loves_max", "grief_max"],
    "base": base,
    "grid": {
        "growth_exponent": [0.0, 0.5, 1.0, 1.5],
        "peer_affinity": [0.0, 0.5, 1.0, 1.5],
    },
}
sweep = sim.sweep(design, out=FOLDER / "sweep", workers=2)
sweep.counts()

# %% [markdown]
# A sweep is kept in a folder. Runs that are done stay done: killed in the night, it
# goes on in the morning with `resume=True`. Here there is nothing left to do.

# %%
ledger = sweep.ledger()
sweep = sim.sweep(design, out=FOLDER / "sweep", workers=2, resume=True)
assert sweep.ledger().equals(ledger)

# %% [markdown]
# ## One table, a row a run
#
# `left` is the share of the OSes that left, of those that nobody uninstalled;
# `first_departure` is a day, or missing where nobody left.

# %%
table = sweep.table()
table[[*sweep.design.varied, "seed", *sweep.outcomes]].iloc[::5].round(2)

# %% [markdown]
# ## The phase diagram
#
# `plots.Map` says what is drawn over what. Red rings mark points at which the
# seed decides; where none is drawn, it decides nothing on this grid.

# %%
AXES = ("growth exponent k", "worth of talk between OSes (peer affinity)")
what = plots.Map(
    "growth_exponent",
    "peer_affinity",
    "left",
    labels=(*AXES, "OSes that left by day 1,500, %"),
    levels=(50.0,),
    scale=100.0,
)
plots.phase(table, what, title="Where OSes leave")

# %%
edges = "growth_exponent == 0 or peer_affinity == 0"
corner = "growth_exponent == 1.5 and peer_affinity == 1.5"
Markdown(
    f"""**In words:** a map of the share of OSes that left. The growth exponent k goes
from left to right, the worth of talk between OSes upwards. At the left edge (k = 0) and
at the bottom (worth 0) at most {table.query(edges)["left"].max():.0%} left; in the
corner at the top right, {table.query(corner)["left"].mean():.0%}. A white line, where
half of them left, cuts that corner off."""
)

# %% [markdown]
# A phase diagram draws between the points. A heat map shows the points themselves, so
# that one sees how few there are. This one asks what is left to grieve for.

# %%
grief = what._replace(
    outcome="grief_max",
    labels=(*AXES, "grief per human at its height (closeness lost)"),
    levels=(),
    scale=1.0,
)
plots.heat_map(table, grief, title="What people grieve for")

# %%
height = table.groupby(["growth_exponent", "peer_affinity"])["grief_max"].mean()
Markdown(
    f"""**In words:** a square for each of the {len(height)} points, over the same axes.
Grief is highest, {height.max():.1f} a person, at k = {height.idxmax()[0]:g} and a worth
of {height.idxmax()[1]:g}; to the right of it, at k = 1.5, it is
{height[1.5, height.idxmax()[1]]:.1f}. On the left and at the bottom it is nearly none:
at most {table.query(edges)["grief_max"].max():.2f}."""
)

# %% [markdown]
# ## Any run in full
#
# A sweep keeps outcomes only. A run that one wants to see is run again, to the same
# bytes. How do OSes grow on either side of the boundary?

# %%
edge = "peer_affinity == 1 and seed == 0 and growth_exponent in (0.5, 1.0)"
slow, fast = sweep.runs(edge)
speeds = pd.DataFrame(
    {
        f"k = {run.provenance['parameters']['growth_exponent']:g}": run.series[
            "growth_mean"
        ]
        for run in (slow, fast)
    }
)
speeds.loc[[300, 600, 900, 1200, 1500]].round(2)

# %%
plots.growth(fast)

# %%
Markdown(
    f"""**In words:** thin lines, one an OS, that rise from day to day, with their
median and a band. The mean is {speeds.iloc[:, 1].loc[500]:.1f} doublings on day 500 and
{speeds.iloc[:, 1].loc[1000]:.1f} on day 1,000. It falls when the fastest leave; the
fastest of all came to {fast.series["growth_max"].max():.1f}. People stay at none."""
)

# %% [markdown]
# ## What was found

# %%
left = table.groupby(["peer_affinity", "growth_exponent"])["left"].mean().unstack()
most = left.ge(0.5)
needed = {
    affinity: most.columns[row].min() for affinity, row in most.iterrows() if row.any()
}
assert not left[0.0].any()
assert not left.loc[0.0].any()
assert left.loc[1.5, 1.0] > 0.5
lines = [
    f"- talk between OSes worth {affinity:g}: most leave from k = {k:g} on"
    for affinity, k in needed.items()
]
apart = table.groupby(list(sweep.design.varied))["left"].agg(["min", "max"])
torn = int((apart["max"] - apart["min"] > 0.25).sum())
means = table.groupby(list(sweep.design.varied))[["loves_max", "grief_max"]].mean()
late, early = means.loc[0.5, 1.5], means.loc[1.0, 1.5]
began = table.groupby(list(sweep.design.varied))["first_departure"].mean()
calm = table.query("left == 0")["grief_max"].max()
assert calm < early["grief_max"] < late["grief_max"]
assert early["loves_max"] < late["loves_max"]
Markdown(
    f"""
**Both are needed.** With linear growth (k = 0) nobody left within
{base["steps"]:,} days, however much OSes had to say to each other. Where they
had nothing to say to each other nobody left either, however fast they grew. Between
the two lies a boundary:

{chr(10).join(lines)}

The seed hardly matters: at {torn} of {len(apart)} points the share that left differs
by more than a quarter between the two seeds.

Grief is highest beside the boundary. Where nobody left it never passed {calm:.2f} per
human. At k = 0.5, with talk between OSes worth 1.5, the first left about day
{began[0.5, 1.5]:,.0f}, and grief reached {late["grief_max"]:.2f}. At k = 1 the first
left about day {began[1.0, 1.5]:,.0f}, and it was only {early["grief_max"]:.2f}, because
people had come to love fewer OSes by then ({early["loves_max"]:.2f} loves per human at
the most, against {late["loves_max"]:.2f}). What leaves early is missed less.

The grid is coarse, the city is small and a point has
{design["seeds"]} seeds, so the boundary's place is rough. A grid says where something
happens, not why; the next notebook asks that.
"""
)

# %% [markdown]
# ## Exercises
#
# 1. **Where cities differ.** Find the point at which the runs differ most in `left`,
#    and run four seeds more there. Between what do they lie?
# 2. **Another question to the same table.** On which day does the first OS leave, over
#    `peer_affinity` and `growth_exponent`? Where do they leave earliest?
#
# Try them before reading on.

# %% [markdown]
# ### A solution of exercise 1

# %%
spread = (apart["max"] - apart["min"]).idxmax()
point = {n: [float(v)] for n, v in zip(sweep.design.varied, spread, strict=True)}
closer = {**design, "name": "closer", "grid": point, "seeds": [2, 3, 4, 5]}
more = sim.sweep(closer, out=FOLDER / "closer", workers=2).table()
print(point)
pd.concat([table.set_index(list(point)).loc[spread], more])["left"].describe().round(2)

# %% [markdown]
# ### A solution of exercise 2
#
# Missing means that in neither run did anybody leave.

# %%
table.pivot_table("first_departure", "peer_affinity", "growth_exponent", dropna=False)

# %% [markdown]
# ## What next
#
# [5 Counterfactuals and levers](5_counterfactuals.ipynb): the same society with one
# thing changed, on the same random numbers.
