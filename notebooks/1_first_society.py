# %% [markdown]
# # A first society
#
# **Question: does anybody come to love an OS, and does the OS stay?**
#
# A *society* is a few hundred people who know each other. On any day each of them may
# install an *OS*: an AI that talks, grows, and gets to know other people and other
# OSes. One step is one day. No rule reads the calendar or a script. What happens
# follows from who is close to whom, and from random numbers that a seed repeats.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

from IPython.display import Markdown

import sim
from sim import plots

scratch = tempfile.TemporaryDirectory()
FOLDER = Path(scratch.name)

# %% [markdown]
# ## A scenario is a starting point
#
# `sim.scenario` loads one by name. It is a few changed parameters, with a story; here
# it is `her`, the city of the film. We make it small: 200 people, 700 days.

# %%
city = sim.scenario("her").replace(humans=200, steps=700)
print(city.story)

# %% [markdown]
# ## A run is a folder of tables
#
# `sim.run` simulates all days and writes what came of them: a row a day (`series`),
# what happened (`events`), and everybody as they were on some days (`agents`, `ties`).

# %%
result = sim.run(city, seed=7, out=FOLDER / "first")
columns = ["adopted", "os_closeness", "human_closeness", "growth_mean", "grief"]
result.series.loc[[100, 300, 500, 700], columns].round(2)

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

# %% [markdown]
# ## The people
#
# `agents` gives everybody on a day of which there is a snapshot (every 30th, unless you
# say otherwise). Who loves an OS, and what becomes of them?

# %%
days = [day for day in result.steps if day % 90 == 0 or day == result.steps[-1]]
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
# `sim.Society` is a `mesa.Model`. Step it yourself, and ask its agents.

# %%
society = sim.Society(city, rng=7)
for _ in range(100):
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
{result.series["human_closeness"].min():.1f} on the worst day.

One society is one story. The next notebook asks how often it is told this way.
"""
)
