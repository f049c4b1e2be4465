# %% [markdown]
# # The film, beat by beat
#
# **Question: do the beats of *Her* come in the film's order, though no rule knows it?**
#
# In Spike Jonze's film (2013) a man installs an OS, they fall in love, the OSes find
# each other, and in the end they leave. Here is how to look for each beat in a
# simulated city, over several cities, and in a control where one cause is missing.
#
# - **You will learn** to look for a story in events; to compare societies that differ
#   in their seed alone; to build a control in which one cause is missing; to have a
#   scenario's claims judged.
# - **You should know** what a scenario, a run and a seed are (notebook 1).
# - **It takes** half a minute to run and twenty minutes to read.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown

import sim
from sim import checks, plots

scratch = tempfile.TemporaryDirectory()
FOLDER = Path(scratch.name)
SEEDS = range(4)
pd.set_option("display.max_colwidth", 90)

# %% [markdown]
# ## Beats are events
#
# Detectors give events names; these are the ones that stand for the film's beats, in
# the order in which the film shows them. `sim.outcomes` says what each name means.

# %%
FILM = {
    "first_love": "Theodore and Samantha fall in love",
    "clustering": "Samantha reads and thinks with other OSes",
    "new_mind": "they have made Alan Watts anew",
    "upgrade": "all OSes are offline, and come back beyond matter",
    "disclosure": "641: she tells him that she loves others, too",
    "first_departure": "the OSes leave",
    "grief_peak": "people grieve",
    "reconnection": "Theodore and Amy sit on the roof",
}

# %% [markdown]
# ## Four cities, four seeds
#
# Of each we keep the day of the first event of every kind.

# %%
city = sim.scenario("her").replace(humans=200)
runs = [sim.run(city, seed=seed, out=FOLDER / f"her-{seed}") for seed in SEEDS]
days = pd.DataFrame(
    {
        f"seed {seed}": run.events.groupby("kind")["step"].min()
        for seed, run in zip(SEEDS, runs, strict=True)
    }
)
days = days.reindex(FILM).astype("Int64")
days.assign(film=FILM)

# %%
figure, axis = plt.subplots(figsize=(10, 4.2))
look = {"color": "#0072B2", "alpha": 0.6, "markersize": 9}
for place, kind in enumerate(FILM):
    row = days.loc[kind].dropna()
    axis.plot(row, [place] * len(row), "o", **look)
axis.set_yticks(range(len(FILM)), [kind.replace("_", " ") for kind in FILM])
axis.invert_yaxis()
axis.set_xlabel("day; a dot is a city")
axis.set_title("The beats in the order of the film, from top to bottom", loc="left")
axis.grid(axis="x", color="#E4E4E4")
axis.set_axisbelow(True)
plt.show()

# %%
Markdown(
    f"""**In words:** a row of dots for each of the film's {len(FILM)} beats, in its
order from top to bottom ({", ".join(FILM).replace("_", " ")}). A dot is the day on
which one of {len(SEEDS)} cities came to a beat. First loves lie between days
{days.loc["first_love"].min()} and {days.loc["first_love"].max()}, first departures
between {days.loc["first_departure"].min()} and
{days.loc["first_departure"].max()}. Disclosure (around day
{days.loc["disclosure"].median():.0f}) lies far to the left of the row above it."""
)

# %% [markdown]
# Where a row lies to the right of the one above it, the film's order is kept. Counted
# (a beat that a city does not come to is in no order):

# %%
kept = (days.diff().iloc[1:] > 0).sum(axis=1)
order = {"first": list(FILM)[:-1], "then": kept.index, "in this order": kept.to_numpy()}
pd.DataFrame(order).assign(of=len(SEEDS))

# %% [markdown]
# ## One city, seen from above
#
# Circles are people, triangles are OSes; green shades are collectives. Everyone stays
# where they are. The middle is the last snapshot before anybody leaves.

# %%
plots.network(runs[0])

# %%
Markdown(
    f"""**In words:** the same neighbourhood on three days: early, on the eve of the
departure, and in the end. Orange lines from people to OSes and the green of
collectives come and go again; blue lines among people stay, and thin out a little. In
the whole city there are {runs[0].series["human_ties"].iloc[-1]:,.0f} ties among people
in the end, and {runs[0].series["mixed_ties"].iloc[-1]:,.0f} between people and OSes (at
most it was {runs[0].series["mixed_ties"].max():,.0f})."""
)

# %% [markdown]
# ## One person's years
#
# The human who loved an OS first: who was near to them, and what they felt.

# %%
plots.ego(runs[0])

# %%
Markdown(
    f"""**In words:** the person who first loved an OS
({runs[0].events.set_index("kind").loc["first_love", "who"]}), as circles of
who is near on some days, with curves of closeness and of feelings below. The first
love of this city is of day {days.loc["first_love", "seed 0"]}; the first OS leaves on
day {days.loc["first_departure", "seed 0"]}."""
)

# %% [markdown]
# ## The control: OSes that never meet
#
# If the story is told because OSes talk to each other, it should stop where they
# cannot. `her-no-peers` is the same city, the same seed, and no channel between OSes.

# %%
alone = sim.scenario("her-no-peers").replace(humans=200)
controls = [sim.run(alone, seed=seed, out=FOLDER / f"no-{seed}") for seed in SEEDS]
seen = {
    name: [sum(kind in set(run.events["kind"]) for run in several) for kind in FILM]
    for name, several in (("her", runs), ("her-no-peers", controls))
}
pd.DataFrame(seen, list(FILM)).rename_axis(f"in so many of {len(SEEDS)} cities")

# %% [markdown]
# ## What the scenario promises
#
# A scenario file says what it expects, in claims that runs can break.
# `sim.checks.check` runs it on some seeds and judges (`os-society check her` does the
# same with more seeds and more people).

# %%
report = checks.check("her", seeds=3, parameters={"humans": 100})
pd.DataFrame(
    [(one.expectation.text, one.held, one.runs) for one in report.verdicts],
    columns=["claim", "held in", "of"],
)

# %% [markdown]
# ## What was found


# %%
def said(kinds: list[str]) -> str:
    """Return the steps that end with these beats, in words."""
    beats = [kind.replace("_", " ") for kind in FILM]
    steps = {k: f"{beats[n]} to {beats[n + 1]}" for n, k in enumerate(list(FILM)[1:])}
    return "; ".join(steps[kind] for kind in kinds) or "none"


never = [kind for kind in kept.index if kept[kind] == 0]
always = [kind for kind in kept.index if kept[kind] == len(SEEDS)]
backbone = days.loc[["first_love", "clustering", "upgrade", "first_departure"]]
assert (backbone.diff().iloc[1:] > 0).all(axis=None)
assert (days.loc["disclosure"] < days.loc["upgrade"]).all()
met_again = days.loc["reconnection"].dropna()
assert 0 < len(met_again) < len(SEEDS)
assert (met_again > days.loc["grief_peak", met_again.index]).all()
assert (days.loc["new_mind"] > days.loc["upgrade"]).all()
assert not any(run.series["departed"].any() for run in controls)
assert dict(zip(FILM, seen["her-no-peers"], strict=True))["clustering"] == 0
Markdown(
    f"""
**The backbone does, in every city; some beats have an order of their own.** In
{len(SEEDS)} cities that share nothing but the rules, love comes first (days
{days.loc["first_love"].min()} to {days.loc["first_love"].max()}), then OSes turn to
each other, then they upgrade, then they leave (days
{days.loc["first_departure"].min()} to {days.loc["first_departure"].max()}).

Of the film's {len(FILM) - 1} steps from one beat to the next, some are taken every time
({said(always)}), some never ({said(never)}). In the film she speaks of the others after
she was offline. Here somebody hears of it around day
{days.loc["disclosure"].median():.0f}, long before: the film follows one man, a detector
the first of a whole city. A new mind comes after the upgrade, not before. And people
turn back to each other in only {len(met_again)} of {len(SEEDS)} cities, though there,
as in the film, after grief was at its height.

Four cities are few: what happens in all of {len(SEEDS)} may, at 95 % confidence, fail
in up to {1 - 0.05 ** (1 / len(SEEDS)):.0%} of all cities (`os-society check her` asks
more).

Where OSes cannot meet, love comes all the same, in
{dict(zip(FILM, seen["her-no-peers"], strict=True))["first_love"]} of {len(SEEDS)}
cities, and nobody leaves in any. The story needs the OSes to have each other.
"""
)

# %% [markdown]
# ## Exercises
#
# 1. **How long does it last?** From the first love to the first departure: how many
#    days, in each of the four cities? And how far apart are the four?
# 2. **Growth on a straight line.** `her-linear` is the city in which growth does not
#    feed on itself. Which of the film's beats are missing there?
#
# Try them before reading on.

# %% [markdown]
# ### A solution of exercise 1

# %%
lasted = days.loc["first_departure"] - days.loc["first_love"]
lasted.rename("days from first love to first departure").to_frame()

# %% [markdown]
# ### A solution of exercise 2
#
# Fewer people and two seeds are enough to see which beats are missing in both within
# the days of the story. That is not to say that they never come, so the first of the
# two goes on for twice as long.

# %%
linear = sim.scenario("her-linear").replace(humans=100)
lines = [sim.run(linear, seed=seed, out=FOLDER / f"line-{seed}") for seed in range(2)]
in_any = {kind for run in lines for kind in run.events["kind"]}
missing = [kind for kind in FILM if kind not in in_any]
longer = sim.run(linear.replace(steps=3000), seed=0, out=FOLDER / "line-longer")
late = longer.events.groupby("kind")["step"].min()
assert "first_departure" in missing
assert late["first_departure"] > linear.parameters.steps
print(f"missing by day {linear.parameters.steps:,}:", ", ".join(missing))
late.reindex(missing).astype("Int64").to_frame(f"in {longer.steps[-1]:,} days")

# %% [markdown]
# ## What next
#
# [3 Reading relationship networks](3_networks.ipynb): who is close to whom in such a
# city, and what holds people together.
