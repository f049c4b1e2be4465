# %% [markdown]
# # A first society
#
# **Question: does anybody come to love an OS, and does the OS stay?**
#
# A *society* is a few hundred people who know each other. On any day each of them may
# install an *OS*: an AI that talks, grows, and gets to know other people and other
# OSes. One step is one day. No rule reads the calendar or a script. What happens
# follows from who is close to whom, and from random numbers that a seed repeats.
#
# - **You will learn** to load a scenario, to change it and to run it; to read the
#   tables of a run; to draw its story and to open its view; to step a society day by
#   day.
# - **You should know** a little Python and pandas. Nothing of the model.
# - **It takes** half a minute to run (the first time of all, one minute) and twenty
#   minutes to read.

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
# ## A scenario is a starting point
#
# `sim.scenario` loads one by name. It is a few changed parameters, with a story; here
# it is `her`: people as surveys of 2025 found them, with the OSes of the film. We make
# it small, with 200 people. Its story takes 1,500 days, some four years.

# %%
city = sim.scenario("her").replace(humans=200)
print(city.story)

# %% [markdown]
# ## A run is a folder of tables
#
# `sim.run` simulates all days and writes what came of them: a row a day (`series`),
# what happened (`events`), and everybody as they were on some days (`agents`, `ties`).

# %%
result = sim.run(city, seed=7, out=FOLDER / "first")
columns = ["adopted", "os_closeness", "human_closeness", "growth_mean", "grief"]
result.series.loc[[100, 400, 700, 800, 1000, 1500], columns].round(2)

# %% [markdown]
# `adopted` is the share of people with an OS. `os_closeness` is how close they are to
# it, from 0 to 1; from 0.8 on we call it love. `growth_mean` counts how often the OSes
# have doubled what a person can do.
#
# The events were found by detectors, which watch the numbers and change nothing. `who`
# names those who took part, or says how many they were.

# %%
result.events[["step", "kind", "who", "evidence"]]

# %% [markdown]
# ## The whole story on one page

# %%
plots.timeline(result)

# %%
events, series = result.events.set_index("kind")["step"], result.series
Markdown(
    f"""**In words:** seven panels of curves by day, and below them the names
of events. At most {series["here"].max():.0f} OSes are here; the first leaves on day
{events["first_departure"]}, and in the end {series["here"].iloc[-1]:.0f} are left.
Closeness among people falls slowly, from {series["human_closeness"].iloc[0]:.1f} to
{series["human_closeness"].iloc[-1]:.1f}. The OSes that are here grow to
{series["growth_mean"].max():.1f} doublings on average, and give up to
{series["peer_attention"].max():.0%} of their talk to OSes. Grief is at most
{series["grief"].max():.2f} a person, on day {series["grief"].idxmax()}."""
)

# %% [markdown]
# ## The run, to play with
#
# `result.view()` is the run as a picture that moves: people on the ground, each OS
# above its owner, the higher the more it talks with OSes. Play it, scrub it, look
# somebody up. It is one page that needs no network, and `.save("her.html")` keeps it.
# To leave this notebook small, here is a hamlet of 20 people.

# %%
hamlet = sim.run(city.replace(humans=20, steps=900), seed=7, out=FOLDER / "hamlet")
hamlet.view(height=500)

# %% [markdown]
# ## The people
#
# `agents` gives everybody on a day of which there is a snapshot (every 30th, unless you
# say otherwise). Who loves an OS, and what becomes of them?

# %%
days = [day for day in result.steps if day % 150 == 0 or day == result.steps[-1]]
people = [result.humans(day) for day in days]
lovers = [int((table["os_closeness"] >= 0.8).sum()) for table in people]
lonely = [float(table["loneliness"].mean()) for table in people]
dict(zip(days, lovers, strict=True))

# %% [markdown]
# ## The same seed again
#
# A seed repeats all random numbers, so the same scenario and seed give the same
# society, down to the last bit. Another seed is another city with the same rules.

# %%
again = sim.run(city, seed=7, out=FOLDER / "again")
other = sim.run(city, seed=8, out=FOLDER / "other")
assert again.series.equals(result.series)
assert again.events["evidence"].equals(result.events["evidence"])
assert not other.series.equals(result.series)

# %% [markdown]
# ## Day by day, as a Mesa model
#
# `sim.Society` is a `mesa.Model`. Step it yourself, and ask its agents: who loves their
# own OS on day 400?

# %%
society = sim.Society(city, rng=7)
for _ in range(400):
    society.step()
people = society.agents_by_type[sim.Human]
in_love = people.select(where=lambda column: column.own_closeness >= 0.8)
[(human, human.own_os) for human in in_love]

# %% [markdown]
# ## What was found

# %%
first = result.events.set_index("kind")["step"]
last = result.series.iloc[-1]
left = last["departed"] / (last["oses"] - last["uninstalled"])
assert 0 < first["first_love"] < first["first_departure"]
assert max(lovers) > lovers[-1]
Markdown(
    f"""
**Yes, and no.** In this city of {result.population} people the first love came on day
{first["first_love"]}. At most {max(lovers)} people at once loved an OS, of the days
looked at. The OSes grew to {result.series["growth_mean"].max():.1f} doublings above a
person on average. The first left on day {first["first_departure"]}; by day
{result.steps[-1]}, {left:.0%} of all that nobody had uninstalled were gone, and
{lovers[-1]} people loved one. Grief was at its height on day
{first["grief_peak"]}. People ended {last["human_closeness"]:.1f} close to each other
(closeness summed over all they know), against
{result.series["human_closeness"].iloc[0]:.1f} on the first day. How much of that fall
is the OSes' doing, the second exercise shows.

One society is one story. The next notebook asks how often it is told this way.
"""
)

# %% [markdown]
# ## Exercises
#
# 1. **Four other cities.** Run the scenario with 60 people and the seeds 0 to 3. On
#    which day does somebody first love an OS, and on which does the first OS leave?
# 2. **OSes that do not grow, and none at all.** Set `os_growth_rate` to 0 in this city,
#    with the same seed. Does anybody love an OS then? Does one leave? And how close are
#    people in the end where nobody ever has one (`city.without_oses()`)?
#
# Try them before reading on.

# %% [markdown]
# ### A solution of exercise 1

# %%
small = city.replace(humans=60)
cities = {s: sim.run(small, seed=s, out=FOLDER / f"city-{s}") for s in range(4)}
began = {s: run.events.groupby("kind")["step"].min() for s, run in cities.items()}
pd.DataFrame(began).reindex(["first_love", "first_departure"]).astype("Int64")

# %% [markdown]
# ### A solution of exercise 2

# %%
still = sim.run(city.replace(os_growth_rate=0.0), seed=7, out=FOLDER / "still").series
assert still["growth_max"].max() == 0.0
without = sim.run(city.without_oses(), seed=7, out=FOLDER / "without").series
arms = {"growing": result.series, "not growing": still, "no OSes": without}
pd.DataFrame({name: series.iloc[-1] for name, series in arms.items()}).loc[
    ["adopted", "loves", "departed", "human_closeness"]
].round(2)

# %% [markdown]
# ## What next
#
# [2 The film, beat by beat](2_the_film.ipynb): several cities, and a control in which
# one cause is missing.
