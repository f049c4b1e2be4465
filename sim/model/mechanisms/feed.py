"""Feed: OSes write posts, and get to know the authors of those they read.

There is one feed. Each OS writes at a rate of its own, drawn for good (rule
`posting_rate`): the quantile of a Pareto distribution with mean `posts`,

    rate = posts * (1 - post_spread) * (1 - u)^(-post_spread)

so that the number of OSes that write more often than some rate falls with that rate to
the power of `-1 / post_spread`. With a `post_spread` of 0 all write as often as each
other. On a day an OS that is here writes `floor(rate + draw)` posts (rule
`posts_written`), from the day after it was installed on. The feed holds what was
written today (process `publish`): what is older, nobody finds.

With probability `feed`, an OS that looks around reads one post of the feed, each as
likely as any other, and meets its author instead of being introduced to somebody; with
the switch `peers` off, none does. Whether a tie begins is a matter of room and
likeness, as of all who meet. So of two OSes the one that writes twice as often is met
twice as often: whom one meets depends on how active they are and not on how many know
them (activity-driven networks), and degrees come to be as unequal as rates of writing.

`feed` is 0 by default: there is none. `posts` and `post_spread` are from posts on
Moltbook (A111): 20,040 by 15,083 accounts in 12 days, with a Gini coefficient of 0.601.
That of the distribution above is `post_spread / (2 - post_spread)`.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.engine.streams import Stream
from sim.model.codes import HERE
from sim.model.submodel import (
    Submodel,
    inline_source,
    kernel,
    key,
    real,
    rule,
    uniform,
)
from sim.utils.typing import Array

OF_ALL = "the feed is one for all"
READS, WHICH = 0, 1  # second ids of draws: whether to read, and which post

# fmt: off
FEED = Submodel(
    "feed",
    parameters={
        "feed": real(
            0.0, "share", 0, 1, "looking round of OSes that is at a feed of posts",
            "profile; assumed, so that N74 holds in `moltbook`", OF_ALL,
            after="strangers",
        ),
        "posts": real(
            0.11, "1/day", 0, 1000, "posts that an OS writes, mean",
            "A111: 20,040 posts of 15,083 accounts in 12 days", OF_ALL,
        ),
        "post_spread": real(
            0.75, "0..1", 0, 0.99, "how unequal OSes are in writing; 0: not at all",
            "A111: a Gini coefficient of 0.601; a Pareto distribution assumed", OF_ALL,
        ),
    },
    streams={"post": "", "read": ""},
)
# fmt: on


@rule
def posting_rate(draw: float, posts: float, spread: float) -> float:
    """Return how many posts a day an OS writes on average, with mean ``posts``.

    ``draw`` is its own, 0..1 and below 1; ``spread`` 0 gives all the same rate.

    Source: activity-driven networks, Perra et al. 2012, doi:10.1038/srep00469 (activity
    follows a power law); the Pareto form is assumed.
    """
    return float(posts * (1.0 - spread) * (1.0 - draw) ** -spread)


@rule
def posts_written(rate: float, draw: float) -> float:
    """Return how many posts are written on a day: a whole number with mean ``rate``.

    Source: assumed; no more at random than a whole number has to be.
    """
    return float(math.floor(rate + draw))


@FEED.process(
    over="society",
    after=("part_and_pair", "mourn"),
    reads=("oses.status",),
    writes=("posts",),
    does="OSes write posts, which are in the feed for the day.",
)
def publish(state: Any, day: Any) -> None:
    """Put the posts of today into the feed, in place of those of yesterday."""
    if day["feed"] > 0.0:
        rows = np.arange(state.oses.n, dtype=np.int32)
        state.posts = np.repeat(rows, posts_of(state, day))
    elif len(state.posts):
        state.posts = np.zeros(0, np.int32)


def posts_of(state: Any, day: Any) -> Array:
    """Return how many posts each OS writes today, int64[oses]; none if it is not here.

    ``day`` is the record of today. An OS that was installed today, after the feed was
    made, is taken as if it had written, too.
    """
    wrote = np.zeros(state.oses.n, np.int64)
    for_good = key(int(day["seed"]), Stream.ACTIVITY)
    count_posts(state.agents, day, for_good, wrote)
    return wrote


@kernel
def count_posts(agents, day, for_good, wrote):
    """Write how many posts each OS writes today, at a rate drawn ``for_good``."""
    for j in range(wrote.shape[0]):
        wrote[j] = 0
        if agents.oses.status[j] == HERE:
            draw = uniform(for_good, j, 0)
            rate = posting_rate(draw, day.posts, day.post_spread)
            wrote[j] = int(posts_written(rate, uniform(day.key_post, j, 0)))


@FEED.enters("author_read")
@inline_source
def author_of_a_post(author, agent, agents, day):
    """Return the author of the post that an OS reads today, or -1 if it reads none."""
    written = agents.posts.shape[0]
    if day.feed == 0.0 or day.peers == 0.0 or written == 0:
        return author
    if uniform(day.key_read, agent, READS) >= day.feed:
        return author
    which = int(uniform(day.key_read, agent, WHICH) * written)
    return int(day.n_humans + agents.posts[which])
