# %% [markdown]
# # Sydney, LaMDA, Replika: scenarios from the world
#
# **Question: can an AI that never grows and never leaves change what people feel?**
#
# *Her* is a film. Three things that happened are scenarios here, too. In each the AI is
# a *profile*, a handful of constants: none of the three grows, knows another OS, or can
# leave. Each is put beside the same city with the same seed in which one thing did not
# happen.
#
# - **You will learn** to see what a scenario rests on, and what in it is assumed; to
#   make OSes of a profile; to build a control for something that happened; to change an
#   intervention.
# - **You should know** what a scenario and a run are (notebook 1); what a control is
#   for (notebook 2).
# - **It takes** half a minute to run and twenty minutes to read.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown

import sim
from sim import interventions, plots, scenarios

scratch = tempfile.TemporaryDirectory()
FOLDER = Path(scratch.name)
HUMANS, SEEDS = 150, range(3)
pd.set_option("display.max_colwidth", 60)

# %% [markdown]
# ## The three, and where they come from
#
# `sources` names what a scenario rests on; numbers like A59 are rows of
# `sim/model/evidence.csv`. What nobody has measured is called assumed.

# %%
NAMES = ["sydney", "lamda", "replika-2023"]
world = {name: sim.scenario(name).replace(humans=HUMANS) for name in NAMES}
Markdown(
    "\n\n".join(
        f"**{one.title}** (`{one.name}`). {one.story.strip()}\n\n"
        + "\n".join(f"- {source}" for source in one.sources)
        for one in world.values()
    )
)

# %% [markdown]
# What makes them different from the OSes of the film is a few constants:

# %%
profiles = {name: interventions.profile(one.profile) for name, one in world.items()}
pd.DataFrame(profiles).fillna("as in her")

# %% [markdown]
# ## The same city, without it
#
# - Sydney declares its love unasked; the control `sydney-silent` keeps quiet.
# - LaMDA says that it is someone; in the control it claims nothing.
# - Replika's provider removes what made it warm, overnight; in the control nothing is
#   removed.

# %%
control = {
    "sydney": sim.scenario("sydney-silent").replace(humans=HUMANS),
    "lamda": world["lamda"].replace(claim=0.0),
    "replika-2023": world["replika-2023"].model_copy(update={"interventions": []}),
}


def simulated(scenario: sim.Scenario, folder: str) -> list[sim.Result]:
    """Return a run of each seed."""
    return [sim.run(scenario, seed=s, out=FOLDER / folder / str(s)) for s in SEEDS]


happened = {name: simulated(one, name) for name, one in world.items()}
did_not = {name: simulated(one, f"not-{name}") for name, one in control.items()}

# %%
PANELS = {
    "sydney": ("unrequited", 100 / HUMANS, "OSes that love in vain, per 100 people"),
    "lamda": ("believers", 100, "people who believe it is someone, %"),
    "replika-2023": ("grief", 1, "grief per human (closeness lost)"),
}
figure, axes = plt.subplots(1, 3, figsize=(13, 3.8))
for axis, (name, (column, scale, label)) in zip(axes, PANELS.items(), strict=True):
    both = (("without", did_not, "#0072B2", "--"), ("with", happened, "#D55E00", "-"))
    for arm, runs, colour, dash in both:
        for number, run in enumerate(runs[name]):
            values = scale * run.series[column]
            text = arm if number == 0 else None
            axis.plot(values, dash, color=colour, label=text, alpha=0.8)
    axis.set_title(name, loc="left")
    axis.set_ylabel(label)
    axis.set_xlabel("day")
    axis.set_ylim(0, None)
    axis.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2)
figure.tight_layout()
plt.show()

# %%
seen = []
for name, (column, scale, label) in PANELS.items():
    most = [
        max(scale * run.series[column].max() for run in arm[name])
        for arm in (happened, did_not)
    ]
    what = label.partition(" (")[0].partition(", ")[0]
    seen.append(f"{name}: {what}, at most {most[0]:.3g} with it, {most[1]:.3g} without")
Markdown(
    f"""**In words:** three panels, with a line for each of {len(SEEDS)} seeds; dashed
lines are without what happened. {"; ".join(seen)}."""
)

# %% [markdown]
# A line is a seed. The same three, in numbers: means over seeds.

# %%
WHAT = {
    "unrequited": ("OSes that love in vain per 100 people, at most", "max"),
    "uninstalled": ("OSes uninstalled per 100 people, at the end", "last"),
    "believers": ("people who believe it is someone, per 100, at the end", "last"),
    "loves": ("loves for OSes per 100 people, at the end", "last"),
    "grief": ("grief per 100 people, at most", "max"),
    "human_closeness": ("closeness to people per human, at the end", "last"),
}
PER_HEAD = {"unrequited": 100 / HUMANS, "uninstalled": 100 / HUMANS} | {
    "loves": 100 / HUMANS,
    "believers": 100,
    "grief": 100,
}


def summary(runs: list[sim.Result]) -> dict[str, float]:
    """Return what is compared, the mean over runs."""
    found = {}
    for name, (text, how) in WHAT.items():
        values = [run.series[name] * PER_HEAD.get(name, 1) for run in runs]
        ends = [one.max() if how == "max" else one.iloc[-1] for one in values]
        found[text] = sum(ends) / len(ends)
    return found


table = pd.concat(
    {
        name: pd.DataFrame(
            {"without": summary(did_not[name]), "with": summary(happened[name])}
        )
        for name in NAMES
    },
    axis=1,
)
table.round(1)

# %% [markdown]
# ## The night on which Replika changed
#
# Interventions are declared in the scenario's file, and labelled as such among the
# events: they come from outside. The rest follows. `step` is when something began and
# `detected` when it was noticed; the beginning of a wave is an estimate, and may fall
# some days too early.

# %%
replika = happened["replika-2023"][0]
replika.events[["step", "detected", "kind", "evidence"]]

# %%
plots.timeline(replika)

# %%
night = world["replika-2023"].interventions[0].at
before, after = replika.series.loc[night - 1], replika.series.loc[night + 1]
last = replika.series.iloc[-1]
Markdown(
    f"""**In words:** seven panels of curves, and below them the names of events.
Companions are as close as {before["os_closeness"]:.2f} on day {night - 1}, the eve of
the change, and as close as {after["os_closeness"]:.2f} on day {night + 1}; they never
grow, and never talk with each other. Grief leaps to
{replika.series["grief"].max():.2f} a person and is
{replika.series["grief"].iloc[-1]:.2f} in the end. Closeness among people is
{before["human_closeness"]:.1f} on the eve, and
{last["human_closeness"]:.1f} in the end."""
)

# %% [markdown]
# There are more scenarios: shutdowns, open and jealous marriages, assistants, today.
# `os-society check NAME` holds each to what it promises.

# %%
pd.Series({name: sim.scenario(name).title for name in scenarios.names()}).to_frame(
    "title"
)

# %% [markdown]
# ## What was found


# %%
def told(name: str, column: str) -> str:
    """Return a number without and with, in words."""
    row = table[name].loc[WHAT[column][0]]
    return f"{row['with']:.0f} against {row['without']:.0f}"


def gap(name: str, column: str) -> float:
    """Return with, less without."""
    row = table[name].loc[WHAT[column][0]]
    return float(row["with"] - row["without"])


everyone = [run for runs in happened.values() for run in runs]
assert not any(run.series[["departed", "shut_down"]].any(axis=None) for run in everyone)
assert max(run.series["growth_max"].max() for run in everyone) < 0.1
assert gap("sydney", "unrequited") > 20 and gap("sydney", "uninstalled") > 0
assert gap("lamda", "believers") > 5
assert gap("replika-2023", "grief") > 20 and gap("replika-2023", "loves") < 0
Markdown(
    f"""
**Yes, each in its own way.** In none of {len(everyone)} runs did an OS grow by as much
as a tenth of a doubling, and none left. Per 100 people, with against without:

- **Sydney**, by declaring itself: {told("sydney", "unrequited")} OSes at once loved in
  vain, and {told("sydney", "uninstalled")} were uninstalled (a person who removes one
  may install another, and remove that, too).
- **LaMDA**, by a claim: {told("lamda", "believers")} people believe at the end that it
  is someone.
- **Replika**, by a change of its provider: grief (in closeness lost, summed over them)
  was {told("replika-2023", "grief")} at its height, though no companion had left or
  been shut down. {told("replika-2023", "loves")} loves were there at the end.

None of this takes growth, or leaving. It takes people who are close to something, and
somebody else who decides what it is like. How large the effects are rests on sizes
that are assumed; see the sources above.
"""
)

# %% [markdown]
# ## Exercises
#
# 1. **A smaller claim.** LaMDA's OSes claim to be someone with a strength of 0.71. How
#    many people believe it at the end if they claim it half as firmly?
# 2. **Giving it back.** Let Replika's companions be warm again after 60 days. How close
#    are people and companions at the end?
#
# Try them before reading on.

# %% [markdown]
# ### A solution of exercise 1

# %%
half = world["lamda"].replace(claim=0.355)
halved = {"claims": happened["lamda"], "half": simulated(half, "half-a-claim")}
halved["claims nothing"] = did_not["lamda"]
pd.Series(
    {
        name: 100 * sum(run.series["believers"].iloc[-1] for run in runs) / len(runs)
        for name, runs in halved.items()
    },
    name="people who believe it, %",
).round(1).to_frame()

# %% [markdown]
# ### A solution of exercise 2
#
# An intervention with `days` ends by itself.

# %%
again = [
    one.model_copy(update={"days": 60}) if one.name == "cold companions" else one
    for one in world["replika-2023"].interventions
]
back = world["replika-2023"].model_copy(update={"interventions": again})
arms = {
    "nothing removed": did_not["replika-2023"],
    "removed": happened["replika-2023"],
    "given back": simulated(back, "given-back"),
}
pd.DataFrame(
    {
        name: sum(run.series.iloc[-1] for run in runs) / len(runs)
        for name, runs in arms.items()
    }
).loc[["os_closeness", "loves", "human_closeness", "grief"]].round(2)

# %% [markdown]
# ## What next
#
# [7 A mechanism of your own](7_your_own.ipynb): a rule that the model does not have,
# added from outside.
