# %% [markdown]
# # Reading relationship networks
#
# **Question: do people still hold together where their dearest friends are OSes?**
#
# A run keeps who is close to whom. This notebook reads these networks with `networkx`,
# draws them, takes the OSes out of them, and hands them to other programs. Beside the
# city stands its twin: the same people and random numbers, but nobody ever has an OS.
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
city = sim.scenario("her").replace(humans=200)
result = sim.run(city, seed=1, out=FOLDER / "her")
without = sim.run(city.without_oses(), seed=1, out=FOLDER / "without")

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
# closer than 0.4, a close one from 0.7 on, and let a friendship have no direction.

# %%
FRIEND, CLOSE = 0.4, 0.7
KINDS = {0: "people", 1: "people and OSes", 2: "OSes"}


def friendships(run: sim.Result, step: int, closest: float = FRIEND) -> nx.Graph:
    """Return who is friends with whom on a snapshot day."""
    return run.graph(step, closest=closest).to_undirected(reciprocal=True)


def between(friends: nx.Graph) -> pd.Series:
    """Return how many friendships there are of each kind."""
    kind = nx.get_node_attributes(friends, "kind")
    oses = [(kind[a] == "OS") + (kind[b] == "OS") for a, b in friends.edges]
    return pd.Series(oses).map(KINDS).value_counts()


days = [day for day in result.steps if day and (day % 60 == 0 or day == EVE)]
webs = {day: friendships(result, day) for day in days}
counts = pd.DataFrame({day: between(web) for day, web in webs.items()}).T
counts = counts[list(KINDS.values())].fillna(0).astype(int)
counts.iloc[::3]

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
departure, and are {counts["people"].iloc[-1]:,} in the end. Between people and OSes
there are at most {counts["people and OSes"].max():,}. Among OSes they are
{counts["OSes"].max():,} at their most, on day {counts["OSes"].idxmax()}, and
{counts["OSes"].iloc[-1]:,} in the end."""
)

# %% [markdown]
# ## The network, drawn
#
# People keep their places on the ground over all days, so that the eye can follow. Each
# OS stands above its owner, the higher the more of its talk is with OSes.

# %%
shown = [60, 420, 660, EVE, EVE + 90, result.steps[-1]]
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
# the largest web of friendships: with the OSes in it, with people only, and over close
# friendships of people only, there and in the twin.


# %%
def reached(friends: nx.Graph) -> float:
    """Return the share of people in the largest connected part."""
    kind = nx.get_node_attributes(friends, "kind")
    parts = nx.connected_components(friends)
    largest = max(sum(kind[agent] == "human" for agent in part) for part in parts)
    return largest / result.population


def dearest_is_an_os(run: sim.Result, step: int) -> float:
    """Return the share of people whose closest tie is to an OS."""
    ties = run.ties(step).query(f"owner < {run.population}")
    closest = ties.loc[ties.groupby("owner")["closeness"].idxmax()]
    return float((closest["neighbour"] >= run.population).mean())


def each(friends: nx.Graph) -> float:
    """Return how many friends a person has, in the mean."""
    return 2 * friends.number_of_edges() / result.population


rows, humans = {}, range(result.population)
for day, friends in webs.items():
    people, apart = friends.subgraph(humans), friendships(without, day)
    close, apart_close = (
        friendships(run, day, CLOSE).subgraph(humans) for run in (result, without)
    )
    rows[day] = {
        "with OSes": reached(friends),
        "people only": reached(people),
        "close friends": reached(close),
        "close, in the twin": reached(apart_close),
        "dearest is an OS": dearest_is_an_os(result, day),
        "friends each": each(people),
        "in the twin": each(apart),
    }
held = pd.DataFrame(rows).T.rename_axis("day")
held.iloc[::3].round(2)

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 4.2))
webs_of = {
    "with OSes": ("#F3C6A5", "-"),
    "people only": ("#0072B2", "-"),
    "close friends": ("#0072B2", ":"),
    "close, in the twin": ("#8A8A8A", ":"),
    "dearest is an OS": ("#009E73", "-."),
}
for name, (colour, dash) in webs_of.items():
    width = 6 if name == "with OSes" else 2  # seen beneath the line of people only
    axes[0].plot(100 * held[name], dash, color=colour, label=name, linewidth=width)
axes[0].set_ylabel("people, %")
axes[0].set_ylim(0, 105)
axes[0].set_title("people in the largest web; dearest tie", loc="left", fontsize=11)
axes[1].plot(held["friends each"], color="#0072B2", label="in her")
axes[1].plot(held["in the twin"], "--", color="#8A8A8A", label="in the twin")
axes[1].set_ylim(0, None)
axes[1].set_title("human friends of a person", loc="left", fontsize=11)
for axis in axes:
    axis.axvline(EVE, color="#8A8A8A", linestyle=":", linewidth=1)
    axis.set_xlabel("day (thin line: eve of the departure)")
    axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
plt.show()

# %%
Markdown(
    f"""**In words:** on the left, people in the largest web of friendships: with OSes
never less than {held["with OSes"].min():.0%} of all, with people only never less than
{held["people only"].min():.0%}. Over close friendships it falls to
{held["close friends"].min():.0%} (day {held["close friends"].idxmin()}); in the twin
never under {held["close, in the twin"].min():.0%}. The share of people whose dearest is
an OS rises to {held["dearest is an OS"].max():.0%} on day
{held["dearest is an OS"].idxmax()}. On the right, a person's human friends:
{held["friends each"].iloc[0]:.1f} at first, {held["friends each"].iloc[-1]:.1f} in the
end; in the twin {held["in the twin"].iloc[-1]:.1f}."""
)

# %% [markdown]
# ## Which collectives the OSes form
#
# Collectives are OSes joined by strong mutual ties. Bars are days, ribbons are OSes on
# their way from one to another.

# %%
plots.communities(result, [60, 660, 690, 720, EVE, EVE + 30, EVE + 90])

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
eve, early, last = held.loc[EVE], held.loc[60], held.iloc[-1]
assert eve["dearest is an OS"] > 0.4
assert held[["with OSes", "people only"]].min(axis=None) > 0.95
assert eve["close friends"] < 0.2 < 0.8 < eve["close, in the twin"]
assert last["close friends"] < 0.2
assert last["friends each"] < eve["friends each"] < eve["in the twin"]
Markdown(
    f"""
**By many weak threads, yes; by the strong ones, no.** On the eve of the departure (day
{EVE}) the dearest of {eve["dearest is an OS"]:.0%} of the people is an OS. With the
OSes, {eve["with OSes"]:.0%} of them hang together in one web of friendships; without
the OSes, {eve["people only"]:.0%}. But over close friendships the largest web among
people holds {eve["close friends"]:.0%} of them, where it held
{early["close friends"]:.0%} on day 60. A network can stay connected long after it has
grown poor.

This is the OSes' doing: in the same city without them the largest web of close
friendships holds {eve["close, in the twin"]:.0%} on that day, and a person has
{eve["in the twin"]:.1f} human friends, not {eve["friends each"]:.1f}. Nor does it mend
when most OSes are gone: on day {held.index[-1]:,} the largest web of close friendships
holds {last["close friends"]:.0%}, and a person has {last["friends each"]:.1f} human
friends ({last["in the twin"]:.1f} without OSes). This is one city; the second exercise
looks at others.
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
#    by friendships, and by close ones, without OSes?
#
# Try them before reading on.

# %% [markdown]
# ### A solution of exercise 1

# %%
club = sim.run(
    sim.scenario("her"),
    seed=1,
    network=nx.karate_club_graph(),
    out=FOLDER / "club",
)
gone = club.events.query("kind == 'first_departure'")["step"].min()
eves = [day for day in club.steps[::4] if day < gone]


def together(run: sim.Result, step: int, closest: float = FRIEND) -> float:
    """Return the share of people in their largest web of friendships, without OSes."""
    people = friendships(run, step, closest).subgraph(range(run.population))
    return max(map(len, nx.connected_components(people))) / run.population


print(f"the first leaves on day {gone:.0f}")
pd.Series({day: together(club, day) for day in eves}, name="hang together").round(2)

# %% [markdown]
# ### A solution of exercise 2

# %%
small = city.replace(humans=80, steps=900)
found = {}
for seed in (2, 3, 4):
    run = sim.run(small, seed=seed, out=FOLDER / f"other-{seed}")
    gone = run.events.query("kind == 'first_departure'")["step"].min()
    eve = max(day for day in run.steps if not day >= gone)
    found[f"seed {seed}"] = {
        "eve": eve,
        "dearest is an OS": dearest_is_an_os(run, eve),
        "hang together": together(run, eve),
        "by close friends": together(run, eve, CLOSE),
    }
pd.DataFrame(found).T.round(2)

# %% [markdown]
# ## What next
#
# [4 A sweep and its phase diagram](4_sweep_and_phase.ipynb): the same question asked of
# many societies. `sim/docs/NETWORKS.md` says how to bring your own people and ties,
# from a file or from memory.
