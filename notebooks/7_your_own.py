# %% [markdown]
# # A mechanism of your own
#
# **Question: if people who lost an OS warn their friends, do OSes come back more
# slowly?**
#
# Nothing in the model knows how to ask this: it has no warnings. A researcher's own
# rule is the paper, so this notebook adds one from outside, and does with it what can
# be done with the model itself.
#
# - **You will learn** to write a mechanism in one file and to have it tried; to compare
#   societies with and without it on the same random numbers; to sweep its parameter; to
#   put another rule in place of a shipped one.
# - **You should know** what a scenario and a run are (notebook 1), and a little Python.
# - **It takes** a minute to run and half an hour to read.

# %%
# %matplotlib inline
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import sim
from sim import plots

scratch = tempfile.TemporaryDirectory()
FOLDER = Path(scratch.name)
os.chdir(FOLDER)
SEEDS = 8

# %% [markdown]
# ## The society
#
# We need a city in which OSes are lost. A scenario is a TOML file: a story, what
# differs from the usual, what is done from outside, and what is expected. (With
# `based_on = "her"` it would begin from that scenario. This one begins from the
# defaults, whose people are those of `her-film-cut`: they grow close within months, so
# that 600 days are enough.)

# %%
Path("second-chance.toml").write_text(
    """
title = "A second chance"
story = "One day the provider shuts down. People may install another companion."
sources = ["our own; all sizes assumed"]
profile = "companion"

[parameters]
humans = 150
steps = 600
readoption = 0.5
acceptance_pull = 0.6

[[interventions]]
name = "shutdown"
at = 200
days = 1
[interventions.set]
shutdown = 1.0

[[expectations]]
text = "Most people had a companion."
outcome = "adopted_max"
at_least = 0.8
"""
)
city = sim.scenario("second-chance.toml")
print(city.title, city.parameters.readoption, city.interventions[0].name)

# %% [markdown]
# ## The mechanism
#
# One object in one file says what it adds: a *parameter* with its unit, range and
# source; a *column*, one number for each person; a *process* that runs every day; a
# *measure* of each day; an *outcome* of a run; a kind of *event*. (`%%writefile` writes
# the cell to a file. Worker processes, provenance and whoever repeats your work read
# that file, so it is all there is.)

# %%
# %%writefile wary.py
from sim.events import Detector
from sim.mechanisms import Column, Mechanism, real

WARY = Mechanism(
    "wary",
    "People who lost an OS warn those close to them.",
    parameters={
        "warning": real(
            0.01, "1/day", 0, 1, "fall of acceptance among the bereaved", "assumed"
        )
    },
    columns={
        "humans": [Column("warned", "f4", "0..1", "closeness that is to the bereaved")]
    },
)


@WARY.process(
    after="belong",
    over="humans",
    reads=("ties.*", "humans.bereaved"),
    writes=("humans.warned", "humans.acceptance"),
)
def warn(i, s):
    """People hear from the bereaved around them, and accept OSes less."""
    near, lost = 0.0, 0.0
    for k in range(s.ties.start[i], s.ties.start[i] + s.ties.degree[i]):
        other = s.ties.neighbour[k]
        if other < s.day.n_humans:
            near += s.ties.closeness[k]
            lost += s.ties.closeness[k] * (s.humans.bereaved[other] > 0)
    s.humans.warned[i] = lost / near if near > 0.0 else 0.0
    s.humans.acceptance[i] *= 1.0 - s.my.warning * s.humans.warned[i]


@WARY.measure("warned_mean", unit="0..1", reads=("humans.warned",))
def warned_mean(s):
    """Return how much of people's closeness is to the bereaved, on average."""
    return s.humans.warned.mean(dtype=float)


@WARY.outcome("comeback_after", unit="days")
def comeback_after(run):
    """Return the days from the loss until four in five of before have an OS again."""
    adopted = run.series["adopted"]
    most, fell = 0.0, None
    for day, share in enumerate(adopted):
        most = max(most, share)
        if fell is None and share < 0.5 * most:
            fell = day
        if fell is not None and share >= 0.8 * most:
            return float(day - fell)
    return None


@WARY.detector
class Comeback(Detector):
    """Report that OSes are as common again as they were before people lost them."""

    kind, once = "comeback", True
    meaning = "OSes are common again after a loss"

    def start(self):
        self.most, self.fell = 0.0, False

    def look(self, reading):
        adopted = reading.measures["adopted"]
        self.most = max(self.most, adopted)
        self.fell = self.fell or adopted < 0.5 * self.most
        if not self.fell or adopted < 0.8 * self.most:
            return []
        evidence = f"{adopted:.0%} have one, at most it was {self.most:.0%}"
        return [self.event(reading, evidence, strength=adopted)]


# %% [markdown]
# `warn` is called for each person `i`, in no order, and is compiled. All that it may
# read and write is what it declares. It writes its own person's row, and reads of
# others only what nobody writes meanwhile (`bereaved`): that is what makes it give the
# same bytes on any number of threads.
#
# ## Is it sound?
#
# A new rule deserves distrust. `sim.check_mechanism` lives through a small society
# with it and without it, and tries the contract: switched off it changes nothing, to
# the last bit; it touches only what it declares; any cut of the rows and any number
# of threads give the same; the compiled loop does what the Python function says; a run
# resumed from a checkpoint is that of a whole one.

# %%
sim.check_mechanism("wary.py")

# %% [markdown]
# What happens when the contract is broken? Here is the same mechanism with a mistake
# that is easily made: it writes to *others*, whose rows another thread may be at.

# %%
text = Path("wary.py").read_text()
add_up = "            lost +="
to_others = "            s.humans.warned[other] = 1.0\n"
Path("careless.py").write_text(text.replace(add_up, to_others + add_up))
try:
    sim.check_mechanism("careless.py")
except sim.InputError as error:
    print(error)

# %% [markdown]
# ## A run
#
# Put to use, its name stands for it in everything: scenarios, sweeps, the command line
# (`os-society run second-chance.toml --mechanism wary.py --set warning=0.02`).

# %%
sim.use("wary.py")
wary = city.use("wary")
result = sim.run(wary, seed=0, out="run")
result.events[["step", "kind", "who", "evidence"]]

# %% [markdown]
# Its column is in every snapshot, its measure in the series, its event among the
# others. And the run says what it was made with: a digest of the file, and the file.

# %%
print(result.humans(300)["warned"].describe().round(2).to_string())
print(result.provenance["mechanisms"], os.listdir("run/mechanisms"))

# %%
figure, axis = plt.subplots(figsize=(9, 3))
series = result.series
for name, colour, label in (
    ("adopted", "#0072B2", "people with an OS"),
    ("warned_mean", "#D55E00", "closeness to the bereaved"),
    ("acceptance", "#009E73", "acceptance of OSes"),
):
    axis.plot(100 * series[name], color=colour, linewidth=2)
    axis.text(604, 100 * series[name].iloc[-1], label, color=colour, va="center")
axis.axvline(200, color="#8A8A8A", linewidth=1)
axis.text(206, 72, "the provider\nshuts down", color="#5A5A5A")
axis.set_xlim(0, 600)
axis.set_ylim(0, 104)
axis.set_xlabel("day")
axis.set_ylabel("%")
back = series["adopted"].iloc[-1]
title = f"Acceptance stays low, and yet on day 600 {back:.0%} have an OS again"
axis.set_title(title, loc="left")
plt.show()

# %%
Markdown(
    f"""**In words:** three curves by day, with a line on day 200, when the provider
shuts down. People with an OS: {series.loc[199, "adopted"]:.0%} on the eve,
{series["adopted"].loc[200:].min():.0%} at the lowest, {back:.0%} in the end. Closeness
to the bereaved leaps from {series.loc[199, "warned_mean"]:.0%} to
{series["warned_mean"].max():.0%}. Acceptance falls from
{series.loc[199, "acceptance"]:.0%} to {series["acceptance"].min():.0%}."""
)

# %% [markdown]
# ## With and without, on the same random numbers
#
# The switch of a mechanism has its name. Two societies that differ in it draw the same
# numbers for everything else, so that the difference is the mechanism's alone; here it
# is over pairs of societies with one seed each.

# %%
OUTCOMES = ["comeback_after", "adopted_end", "loneliness_end", "human_closeness_end"]
pair = sim.counterfactual(
    wary.replace(wary=False), wary, seeds=SEEDS, outcomes=OUTCOMES
)
shown = ["without", "with", "difference", "low", "high"]
pair.differences[shown].round(3)


# %%
def adopted(scenario: sim.Scenario, name: str) -> pd.DataFrame:
    """Return the share of people with an OS, in %, by day (rows) and seed (columns)."""
    runs = {s: sim.run(scenario, seed=s, out=f"{name}-{s}") for s in range(SEEDS)}
    return pd.DataFrame({s: 100 * run.series["adopted"] for s, run in runs.items()})


curves = adopted(wary.replace(wary=False), "usual"), adopted(wary, "wary")
labels = plots.ComparisonLabels(
    "the usual people", "wary people", "people with an OS, %", since=200
)
plots.difference(*curves, labels)

# %%
gap = (curves[1] - curves[0]).mean(axis=1)
Markdown(
    f"""**In words:** people with an OS by day, above, and the difference, below. Until
the shutdown they are at most {gap.loc[:199].abs().max():.0f} points apart. In the end
the usual people have
{curves[0].iloc[-1].mean():.0f} % (mean over seeds) and wary people
{curves[1].iloc[-1].mean():.0f} %; on day {gap.idxmin()} the difference is widest,
{gap.min():.0f} points."""
)

# %% [markdown]
# ## How much warning does it take?
#
# A sweep varies own parameters as it does the model's, in as many processes as there
# are processors. Each row is known by a hash of all that made it, the mechanism's file
# among it: edit the file, and no stale row is taken for a new one.

# %%
design = {
    "name": "warnings",
    "scenario": str(FOLDER / "second-chance.toml"),
    "mechanisms": ["wary"],
    "grid": {"warning": [0.0, 0.003, 0.01, 0.03]},
    "seeds": SEEDS,
    "outcomes": ["comeback_after", "adopted_end"],
}
table = sim.sweep(design, out="sweep", workers=2).table()
by_warning = table.groupby("warning")
summary = pd.DataFrame(
    {
        "came back": by_warning["comeback_after"].count(),
        "of": by_warning.size(),
        "after, median days": by_warning["comeback_after"].median(),
        "with an OS at the end": by_warning["adopted_end"].mean(),
    }
)
summary.round(2)

# %% [markdown]
# The days are *censored*: where OSes did not come back within the run, all that is
# known is that it takes longer. A median over those that did would flatter the strong
# warnings, so the table says how many there were.

# %% [markdown]
# ## What was found

# %%
rows = pair.differences
low, high = rows["low"], rows["high"]
none, strong = summary.iloc[0], summary.iloc[-1]
assert (table.groupby("warning")["adopted_end"].mean().diff().dropna() < 0).all()
assert high["adopted_end"] < 0
assert none["came back"] > strong["came back"]
off = table.query("warning == 0").set_index("seed")["adopted_end"]
assert np.allclose(off.mean(), rows.loc["adopted_end", "without"])
Markdown(
    f"""
**Yes.** With warnings at their usual strength, {rows.loc["adopted_end", "with"]:.0%} of
people have an OS at the end, instead of {rows.loc["adopted_end", "without"]:.0%}: a
difference of {100 * rows.loc["adopted_end", "difference"]:+.0f} points
({100 * low["adopted_end"]:+.0f} to {100 * high["adopted_end"]:+.0f}, over {SEEDS} pairs
of cities). Without warnings OSes came back in {none["came back"]:.0f} of
{none["of"]:.0f} cities; with the strongest, in {strong["came back"]:.0f}.

The strength of warnings is made up, and the intervals are over seeds. What is shown is
how little it takes to ask: one file, and everything else is as it was.
"""
)

# %% [markdown]
# ## Exercises
#
# 1. **Only the close are heard.** Let warnings come only over ties of at least
#    `s.day.close`. Do OSes come back sooner?
# 2. **Another rule in place of a shipped one.** Adoption has a part that nobody
#    imitates, and one that follows others (`sim/docs/MODEL.md`, Bass). Write a
#    mechanism whose people install only what three in ten around them have, by
#    replacing the rule `adoption_hazard`. Does anybody begin?
#
# Try them before reading on.

# %% [markdown]
# ### A solution of exercise 1

# %%
text = Path("wary.py").read_text()
text = text.replace('"wary"', '"close_only"').replace("comeback", "comeback_close")
text = text.replace("warned_mean", "warned_close_mean")
text = text.replace(
    "if other < s.day.n_humans:",
    "if other < s.day.n_humans and s.ties.closeness[k] >= s.day.close:",
)
Path("close_only.py").write_text(text)
sim.check_mechanism("close_only.py")
close_only = sim.counterfactual(
    city.use("close_only.py").replace(close_only=False),
    city.use("close_only.py"),
    seeds=SEEDS,
    outcomes=["adopted_end"],
)
heard_by_all = rows.loc["adopted_end", "difference"]
heard_by_few = close_only.differences.loc["adopted_end", "difference"]
print(f"all are heard: {heard_by_all:+.3f}; only the close: {heard_by_few:+.3f}")
assert abs(heard_by_all - heard_by_few) < 0.02
print("A shutdown bereaves nearly all on one day: it matters little who speaks.")

# %% [markdown]
# ### A solution of exercise 2

# %%
# %%writefile threshold.py
from sim.mechanisms import Mechanism, real
from sim.model import rules

CAUTIOUS = Mechanism(
    "cautious",
    "People install an OS only if enough of those around them have one.",
    parameters={"enough": real(0.3, "1", 0, 1, "share that it takes", "assumed")},
)


@CAUTIOUS.replaces("adoption_hazard")
def adoption_hazard(innovation, imitation, exposure, *, enough):
    """Nobody is the first (Granovetter 1978)."""
    if exposure < enough:
        return 0.0
    return rules.adoption_hazard(innovation, imitation, exposure)


# %%
cautious = city.use("threshold.py")
curve = sim.run(cautious, seed=0, out="cautious").series["adopted"]
print("three in ten:", curve.max())
brave = cautious.replace(enough=0.0)
brave_curve = sim.run(brave, seed=0, out="brave").series["adopted"]
assert brave_curve.equals(sim.run(city, seed=0, out="city").series["adopted"])
print("none in ten: as in the city without the mechanism, on every day")

# %% [markdown]
# ## What next
#
# [8 A cast with a language model](8_a_cast.ipynb): some of the people and OSes speak.
#
# `sim/docs/MECHANISMS.md` has the rest: columns of ties, other kinds of agents,
# measures and events, what each costs, and the contract in full.
# `experiments/mechanisms` holds a dozen examples, each a file. To let others use yours
# by its name, put the file into a package with an entry point in the group
# `os_society.mechanisms`.
