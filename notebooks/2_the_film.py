# %% [markdown]
# # The film, beat by beat
#
# **Question: do the beats of *Her* come in the film's order, though no rule knows it?**
#
# In Spike Jonze's film (2013) a man installs an OS, they fall in love, the OSes find
# each other, and in the end they leave. Here is how to look for each beat in a
# simulated city, over several cities, and in a control where one cause is missing.

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
city = sim.scenario("her").replace(humans=200, steps=700)
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

# %% [markdown]
# Where a row lies to the right of the one above it, the film's order is kept. Counted:

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

# %% [markdown]
# ## One person's year
#
# The human who loved an OS first: who was near to them, and what they felt.

# %%
plots.ego(runs[0])

# %% [markdown]
# ## The control: OSes that never meet
#
# If the story is told because OSes talk to each other, it should stop where they
# cannot. `her-no-peers` is the same city, the same seed, and no channel between OSes.

# %%
alone = sim.scenario("her-no-peers").replace(humans=200, steps=700)
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
assert (days.loc["reconnection"] < days.loc["grief_peak"]).all()
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
the first of a whole city. And people turn back to each other before grief is at its
height, not after.

Where OSes cannot meet, love comes all the same, in
{dict(zip(FILM, seen["her-no-peers"], strict=True))["first_love"]} of {len(SEEDS)}
cities, and nobody leaves in any. The story needs the OSes to have each other.
"""
)
