# %% [markdown]
# # Reading relationship networks
#
# **Question: do people still hold together where their dearest friends are OSes?**
#
# A run keeps who is close to whom. This notebook reads these networks with `networkx`,
# draws them, takes the OSes out of them, and hands them to other programs.
#
# - **You will learn** to read a run's ties with `networkx`; to measure what holds
#   people together, with OSes and without; to export networks to other programs; to
#   begin a society on a network of your own.
# - **You should know** what a run and an event are (notebooks 1 and 2); what a graph
#   is.
# - **It takes** half a minute to run and half an hour to read.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx
import pandas as pd
from IPython.display import Markdown

import sim
from sim import exports, plots

scratch = tempfile.TemporaryDirectory()
FOLDER = Path(scratch.name)
city = sim.scenario("her").replace(humans=200, steps=700)
result = sim.run(city, seed=1, out=FOLDER / "her")

# %% [markdown]
# ## A tie has a direction
#
# `result.graph(step)` is a `networkx.DiGraph`. An edge says how close its first agent
# is to its second, from 0 to 1, and how much of that is returned. Love can be
# unrequited. Nodes carry all that is known of an agent.

# %%
left = result.events.query("kind == 'first_departure'")["step"].min()
EVE = max(day for day in result.steps if day < left)
graph = result.graph(EVE)
one, another, tie = max(graph.edges(data=True), key=lambda edge: edge[2]["closeness"])
print(f"day {EVE}: {graph}")
print(f"the closest tie: {graph.nodes[one]['kind']} to {graph.nodes[another]['kind']},")
print(f"closeness {tie['closeness']:.2f}, of which {tie['returned']:.2f} is returned")

# %% [markdown]
# Most ties are weak: acquaintances. We call it a friendship where both sides are
# closer than 0.4, and let a friendship have no direction.

# %%
FRIEND = 0.4
KINDS = {0: "people", 1: "people and OSes", 2: "OSes"}


def friendships(step: int) -> nx.Graph:
    """Return who is friends with whom on a snapshot day."""
    return result.graph(step, closest=FRIEND).to_undirected(reciprocal=True)


def between(friends: nx.Graph) -> pd.Series:
    """Return how many friendships there are of each kind."""
    kind = nx.get_node_attributes(friends, "kind")
    oses = [(kind[a] == "OS") + (kind[b] == "OS") for a, b in friends.edges]
    return pd.Series(oses).map(KINDS).value_counts()


days = [day for day in result.steps if day > 0]
counts = pd.DataFrame({day: between(friendships(day)) for day in days}).T
counts = counts[list(KINDS.values())].fillna(0).astype(int)
counts.iloc[::4]

# %%
figure, axis = plt.subplots(figsize=(10, 4))
looks = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."))
for name, (colour, dash) in zip(counts, looks, strict=True):
    axis.plot(counts.index, counts[name], dash, color=colour, label=name)
axis.axvline(EVE, color="#8A8A8A", linestyle=":", label="eve of the departure")
axis.set_ylim(0, None)
axis.set_xlabel("day")
axis.set_ylabel(f"friendships (mutual closeness {FRIEND:g} or more)")
axis.legend(title="among", loc="center left", bbox_to_anchor=(1.01, 0.5))
plt.show()

# %%
Markdown(
    f"""**In words:** three curves of friendships by day. Among people they fall from
{counts["people"].iloc[0]:,} to {counts.loc[EVE, "people"]:,} on the eve of the
departure and come back to {counts["people"].iloc[-1]:,}. Between people and OSes there
are at most {counts["people and OSes"].max():,}. Among OSes they are
{counts["OSes"].max():,} at their most, on day {counts["OSes"].idxmax()}, and
{counts["OSes"].iloc[-1]:,} in the end."""
)

# %% [markdown]
# ## The network, drawn
#
# People keep their places on the ground over all days, so that the eye can follow. Each
# OS stands above its owner, the higher the more of its talk is with OSes.

# %%
shown = [60, 240, 360, EVE, EVE + 60, 690]
plots.multiples(result, shown)

# %%
Markdown(
    f"""**In words:** six pictures of ground and sky. OSes rise away from the people
below them, gather at the top, and leave. OSes that are there:
{", ".join(f"{result.series.loc[d, 'here']:.0f} on day {d}" for d in shown)}."""
)

# %% [markdown]
# ## Take the OSes out
#
# Who is dearest to each person? And if all OSes were gone overnight, would people
# still reach each other through friends? Here is the part of all people who are in
# the largest web of friendships: with the OSes in it, and with people only.


# %%
def reached(friends: nx.Graph) -> float:
    """Return the share of people in the largest connected part."""
    kind = nx.get_node_attributes(friends, "kind")
    parts = nx.connected_components(friends)
    largest = max(sum(kind[agent] == "human" for agent in part) for part in parts)
    return largest / result.population


def dearest_is_an_os(step: int) -> float:
    """Return the share of people whose closest tie is to an OS."""
    ties = result.ties(step).query(f"owner < {result.population}")
    closest = ties.loc[ties.groupby("owner")["closeness"].idxmax()]
    return float((closest["neighbour"] >= result.population).mean())


rows = {}
for day in days:
    friends = friendships(day)
    people = friends.subgraph(range(result.population))
    rows[day] = {
        "with OSes": reached(friends),
        "people only": reached(people),
        "clustering": nx.average_clustering(people),
        "friends each": 2 * people.number_of_edges() / result.population,
        "dearest is an OS": dearest_is_an_os(day),
    }
held = pd.DataFrame(rows).T.rename_axis("day")
held.iloc[::4].round(2)

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 3.8))
lines = {
    "with OSes": "#D55E00",
    "people only": "#0072B2",
    "dearest is an OS": "#009E73",
}
dashes = iter(("--", "-", "-."))
for name, colour in lines.items():
    axes[0].plot(held.index, 100 * held[name], next(dashes), color=colour, label=name)
axes[0].set_ylabel("people, %")
axes[0].set_ylim(0, 105)
axes[0].set_title("people in the largest web; dearest tie", loc="left", fontsize=11)
axes[0].legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
axes[1].plot(held.index, held["friends each"], color="#0072B2")
axes[1].set_ylim(0, None)
axes[1].set_title("human friends of a person", loc="left", fontsize=11)
for axis in axes:
    axis.axvline(EVE, color="#8A8A8A", linestyle=":")
    axis.set_xlabel("day (dotted: eve of the departure)")
plt.show()

# %%
Markdown(
    f"""**In words:** on the left, people in the largest web of friendships: with OSes
never less than {held["with OSes"].min():.0%} of all, with people only never less than
{held["people only"].min():.0%}; the share of people whose dearest is an OS rises to
{held["dearest is an OS"].max():.0%} on day {held["dearest is an OS"].idxmax()}. On the
right, a person's human friends: {held["friends each"].iloc[0]:.1f} at first, at least
{held["friends each"].min():.1f} (day {held["friends each"].idxmin()}),
{held["friends each"].iloc[-1]:.1f} in the end."""
)

# %% [markdown]
# ## Which collectives the OSes form
#
# Collectives are OSes joined by strong mutual ties. Bars are days, ribbons are OSes on
# their way from one to another.

# %%
plots.communities(result, [60, 180, 240, 300, EVE, EVE + 30, EVE + 60])

# %%
Markdown(
    f"""**In words:** bars of OSes on seven days, in colours of their collectives, with
ribbons from one day to the next. In a collective are at most
{result.series["largest_collective"].max():.0f} OSes at once, and there are at most
{result.series["collectives"].max():.0f} collectives on a day."""
)

# %% [markdown]
# ## Off to another program
#
# `sim.exports.export` writes GraphML, GEXF (with `whole=True` Gephi plays it), CSV and
# JSON, and what it writes reads back the same.

# %%
[file] = exports.export(result, FOLDER / "eve.graphml", step=EVE)
back = nx.read_graphml(file, node_type=int)
assert set(back.edges) == set(graph.edges)
assert back.nodes[one]["kind"] == graph.nodes[one]["kind"]
print(file.name, back)

# %% [markdown]
# ## What was found

# %%
eve, early = held.loc[EVE], held.loc[60]
last = held.iloc[-1]
assert eve["dearest is an OS"] > 0.5
assert eve["friends each"] < early["friends each"]
assert eve["people only"] > 0.5
assert last["friends each"] > eve["friends each"]
Markdown(
    f"""
**Yes, by fewer threads.** On the eve of the departure (day {EVE}) the dearest of
{eve["dearest is an OS"]:.0%} of the people is an OS. With the OSes,
{eve["with OSes"]:.0%} of them hang together in one web of friendships; without the
OSes, {eve["people only"]:.0%}. What thins is not the web but its weave: a person has
{eve["friends each"]:.1f} human friends on that day, against {early["friends each"]:.1f}
on day 60. A network can stay connected long after it has grown poor.

By day {held.index[-1]}, with the OSes gone, it is {last["friends each"]:.1f} friends
again. OSes had {counts["OSes"].max():,} friendships among themselves at their most,
and people never more than {counts["people"].max():,}. This is one city; the second
exercise looks at others.
"""
)

# %% [markdown]
# ## Exercises
#
# 1. **A network of your own.** Zachary's karate club (34 people, in `networkx`) is a
#    network that somebody observed. Let `her` begin on it. Does the club still hang
#    together on the eve of the departure?
# 2. **Is it this city's alone?** Take three other seeds, with fewer people. On the eve
#    of the departure, how many people's dearest is an OS, and how many hang together
#    without OSes?
#
# Try them before reading on.

# %% [markdown]
# ### A solution of exercise 1

# %%
club = sim.run(
    sim.scenario("her").replace(steps=600),
    seed=1,
    network=nx.karate_club_graph(),
    out=FOLDER / "club",
)
gone = club.events.query("kind == 'first_departure'")["step"].min()
eves = [day for day in club.steps if day < gone]
members = range(club.population)


def together(step: int) -> float:
    """Return the share of the club in its largest web of friendships."""
    friends = club.graph(step, closest=FRIEND).to_undirected(reciprocal=True)
    return max(map(len, nx.connected_components(friends.subgraph(members)))) / len(
        members
    )


print(f"the first leaves on day {gone:.0f}")
pd.Series({day: together(day) for day in eves}, name="hang together").iloc[::2].round(2)

# %% [markdown]
# ### A solution of exercise 2

# %%
small = city.replace(humans=80, steps=600)
found = {}
for seed in (2, 3, 4):
    run = sim.run(small, seed=seed, out=FOLDER / f"other-{seed}")
    gone = run.events.query("kind == 'first_departure'")["step"].min()
    eve = max(day for day in run.steps if not day >= gone)
    ties = run.ties(eve).query(f"owner < {run.population}")
    dearest = ties.loc[ties.groupby("owner")["closeness"].idxmax(), "neighbour"]
    friends = run.graph(eve, closest=FRIEND).to_undirected(reciprocal=True)
    parts = nx.connected_components(friends.subgraph(range(run.population)))
    found[f"seed {seed}"] = {
        "eve": eve,
        "dearest is an OS": (dearest >= run.population).mean(),
        "people only": max(map(len, parts)) / run.population,
    }
pd.DataFrame(found).T.round(2)

# %% [markdown]
# ## What next
#
# [4 A sweep and its phase diagram](4_sweep_and_phase.ipynb): the same question asked of
# many societies. `sim/docs/NETWORKS.md` says how to bring your own people and ties,
# from a file or from memory.
