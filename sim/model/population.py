"""Population and social network on day 0: generated, or read.

People with near numbers lie near each other on the ring. Two people are tied
if their distance on the ring, divided by the sociability of both, is among the
smallest: an unrandom geometric graph (Serrano, Krioukov & Boguna 2008,
doi:10.1103/PhysRevLett.100.078701), clustered and with unequal degrees. Some ties, the
outer ones most of all, then lead anywhere, which makes the world small (Watts &
Strogatz 1998, doi:10.1038/30918). Where there are groups, a pair within one counts as
much nearer.

A generated network is a ring of neighbours. Layers of closeness follow each person's
own ranking of ties (evidence A83, A84, A87), and partners are drawn among the closest
(A97, A98).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from sim.engine.jit import compile_loop
from sim.engine.rng import uniforms
from sim.engine.streams import Stream
from sim.engine.table import Column
from sim.model.columns import PARTNER
from sim.model.mechanisms import groups
from sim.model.network_files import LOG, read_edges
from sim.model.network_files.in_memory import as_file
from sim.model.network_files.network_file import Edges, NetworkFile, counted, quoted
from sim.model.network_files.people import taken
from sim.utils.errors import InputError
from sim.utils.typing import Array

# What the draws of the stream NETWORK are for; part of a run's identity.
SOCIABILITY, REWIRE, SIDE, TARGET, CLOSENESS, EMBEDDING, GROUP = range(7)

# The quantiles at which sociability is cut off: nobody is a hermit or knows all.
_LEAST, _MOST = 0.04, 0.98


def ring(
    humans: int,
    count: int,
    seed: int,
    rewiring: float,
    group: Array | None = None,
    pull: float = 1.0,
) -> Array:
    """Return ``count`` pairs of people, int32[count, 2], those nearest first.

    Parameters
    ----------
    humans
        How many, 1 or more; there are at least ``count`` pairs of them.
    count, seed
        How many pairs, and what decides.
    rewiring
        Share of pairs that lead anywhere on the ring, 0..1.
    group
        int[humans], from 0: who is of which group; None where there are none.
    pull
        How many times as near a pair within a group counts as, 1 or more.
    """
    k = _sociability(humans, seed)
    return _rewired(_nearest(k, count, group, pull), k, seed, rewiring)


def _sociability(humans: int, seed: int) -> Array:
    """Draw each human's sociability: log-logistic of shape 4, cut at both ends.

    Its quantile function needs only square roots, so no library's logarithm can make
    two processors disagree.
    """
    draws = uniforms(seed, Stream.NETWORK, humans, SOCIABILITY)
    q = _LEAST + (_MOST - _LEAST) * draws
    return np.asarray(np.sqrt(np.sqrt(q / (1 - q))))


def _nearest(k: Array, count: int, group: Array | None, pull: float) -> Array:
    """Return the ``count`` pairs at the least distance, int32[count, 2], least first.

    The distance of two people is their distance on the ring over the product of their
    sociabilities ``k``, and over ``pull`` if they are of one group.
    """
    reach = (count / len(k) + 1) / float(np.mean(k)) ** 2
    while True:
        pairs, distance = _within(k, reach)
        if group is not None:
            beyond = group[pairs[:, 0]] != group[pairs[:, 1]]
            near, least = _within_groups(k, group, pull, reach)
            pairs = np.concatenate((pairs[beyond], near))
            distance = np.concatenate((distance[beyond], least))
        if len(pairs) >= count:
            order = np.argsort(distance, kind="stable")[:count]
            del distance
            return np.asarray(pairs[order])
        reach *= 1.5


def _within(k: Array, reach: float) -> tuple[Array, Array]:
    """Return all pairs nearer than ``reach``, and how near."""
    n = len(k)
    people = np.arange(n)
    pairs, distances = [np.empty((0, 2), np.int32)], [np.empty(0)]
    for step in range(1, min(n // 2, int(reach * k.max() ** 2)) + 1):
        distance = step / (k * np.roll(k, -step))
        # Half-way round an even ring, each pair would be met from both sides.
        first = np.flatnonzero((distance < reach) & ((2 * step < n) | (people < step)))
        second = (first + step) % n
        pairs.append(np.column_stack((first, second)).astype(np.int32))
        distances.append(distance[first])
    return np.concatenate(pairs), np.concatenate(distances)


def _within_groups(
    k: Array, group: Array, pull: float, reach: float
) -> tuple[Array, Array]:
    """Return all pairs of one group that are nearer than ``reach``, and how near."""
    n, size = len(k), np.bincount(group)
    order = np.argsort(group, kind="stable")  # round the ring, group by group
    size_of, start = size[group[order]], (np.cumsum(size) - size)[group[order]]
    place = np.arange(n) - start
    pairs, distances = [np.empty((0, 2), np.int32)], [np.empty(0)]
    for step in range(1, int(size.max()) // 2 + 1):
        # Half-way round an even group, each pair would be met from both sides.
        once = (2 * step < size_of) | ((2 * step == size_of) & (place < step))
        second = order[start[once] + (place[once] + step) % size_of[once]]
        pair = np.column_stack((order[once], second)).astype(np.int32)
        apart = np.abs(pair[:, 0] - pair[:, 1])
        apart = np.minimum(apart, n - apart)
        if apart.min() >= reach * pull * k.max() ** 2:
            break  # and further steps only lead further
        distance = apart / (k[pair[:, 0]] * k[pair[:, 1]]) / pull
        near = distance < reach
        pairs.append(pair[near])
        distances.append(distance[near])
    return np.concatenate(pairs), np.concatenate(distances)


def _rewired(pairs: Array, k: Array, seed: int, rewiring: float) -> Array:
    """Lead a share of ``pairs``, outer ones first, to anybody, by sociability.

    A tie keeps its place in the order, hence its layer, and one of its two ends. Where
    it would repeat another tie it stays as it was.
    """
    n, count = len(k), len(pairs)
    moved = np.flatnonzero(_leads_away(count, seed, rewiring))
    side = (uniforms(seed, Stream.NETWORK, count, SIDE)[moved] < 0.5).astype(np.int64)
    reach = np.cumsum(k)
    draws = uniforms(seed, Stream.NETWORK, count, TARGET)[moved]
    target = np.minimum(np.searchsorted(reach, draws * reach[-1], side="right"), n - 1)
    kept = pairs[moved, side]
    code = codes(n, np.column_stack((kept, target)))
    first = np.zeros(len(code), bool)
    first[np.unique(code, return_index=True)[1]] = True
    old = codes(n, pairs)
    old.sort()
    near = old[np.minimum(np.searchsorted(old, code), max(count - 1, 0))]
    del old
    fresh = first & (target != kept) & (near != code)
    pairs[moved[fresh], 1 - side[fresh]] = target[fresh]
    return pairs


def _leads_away(count: int, seed: int, rewiring: float) -> Array:
    """Return bool[count]: which ties are rewired; the last, outer ones most of all."""
    rank = (np.arange(count) + 0.5) / max(count, 1)
    spread = 2 * rewiring * rank
    if rewiring > 0.5:
        spread = 1 - 2 * (1 - rewiring) * (1 - rank)
    return np.asarray(uniforms(seed, Stream.NETWORK, count, REWIRE) < spread)


def codes(n: int, pairs: Array) -> Array:
    """Return one int64 for each unordered pair, in lexicographic order of pairs."""
    one, other = pairs[:, 0], pairs[:, 1]
    code = np.minimum(one, other).astype(np.int64)
    code *= n
    code += np.maximum(one, other)
    return np.asarray(code)


_CHUNK = 2**22  # ties that are worked on at once

PARTNER_CLOSENESS = (0.76, 0.84)  # assumed: love begins at 0.8


class Layer(NamedTuple):
    """A circle around a person, counted from the closest tie outward."""

    name: str
    size: float  # people within it and the layers inside it, when there are 15 ties
    low: float  # closeness, 0..1
    high: float


# Sizes: A83; closeness: assumed, at the marks named in the design.
LAYERS = (
    Layer("intimate", 1.5, 0.75, 0.85),
    Layer("support", 5, 0.70, 0.75),
    Layer("sympathy", 15, 0.40, 0.50),
    Layer("affinity", 50, 0.225, 0.30),
    Layer("active", math.inf, 0.15, 0.225),
)


class SocialNetwork(NamedTuple):
    """Humans and their mutual ties, each tie once."""

    n: int  # humans
    pairs: Array  # int32[ties, 2]: first < second, unique, in lexicographic order
    closeness: Array  # float32[ties], 0..1
    kind: Array  # uint8[ties]: PARTNER on at most one tie of a human
    labels: tuple[str, ...] | None  # what a file calls each human
    read_as: str | None = None  # one line of what a file was taken for
    # What is known of people: columns of day 0, and what is kept beside the model.
    traits: Mapping[str, Array] = MappingProxyType({})
    people: Mapping[str, Array] = MappingProxyType({})


def generate(
    humans: int,
    ties: float,
    seed: int,
    *,
    partnered: float,
    rewiring: float,
    group_size: int = 0,
    group_pull: float = 1.0,
) -> SocialNetwork:
    """Generate a clustered small world with layers of closeness and partners.

    Parameters
    ----------
    humans
        How many, 1 or more.
    ties
        Mean ties of a human, 0 or more; at most everybody knows everybody. The number
        of ties is exact, their spread has a coefficient of variation of about 0.4.
    seed
        0 to 2**63 - 1. The same seed gives the same bytes on every processor, since
        only additions, multiplications, divisions and square roots are used.
    partnered
        Share of humans with a partner, 0..1, reached as far as there are ties for it.
    rewiring
        Share of ties that lead anywhere on the ring, 0..1.
    group_size
        People in a group, 0 or more; of 0 there are no groups. Else ``people`` has a
        column ``group``, from 0.
    group_pull
        Odds of a tie within a group over one beyond it, 1 or more.

    Raises
    ------
    InputError
        If an argument is out of its range.
    """
    _check("humans", humans, 1, math.inf)
    _check("ties", ties, 0, math.inf)
    _check("partnered", partnered, 0, 1)
    _check("rewiring", rewiring, 0, 1)
    _check("group_size", group_size, 0, math.inf)
    _check("group_pull", group_pull, 1, math.inf)
    count = round(min(humans * ties, humans * (humans - 1.0)) / 2)
    if not group_size:
        pairs = ring(humans, count, seed, rewiring)
        return _network(humans, pairs, None, seed, partnered)
    group = groups.dealt(uniforms(seed, Stream.NETWORK, humans, GROUP), group_size)
    pairs = ring(humans, count, seed, rewiring, group, group_pull)
    made = _network(humans, pairs, None, seed, partnered)
    return made._replace(people={groups.COLUMN: group})


def read(
    network: Any,
    seed: int = 0,
    *,
    partnered: float = 0.58,
    own: Sequence[Column] = (),
) -> SocialNetwork:
    """Read a network from a file of ties, a matrix or a graph, or from memory.

    Closeness comes from a column or edge attribute ``closeness``, or from ``weight`` or
    ``strength`` if all are within 0..1, or from the one that is asked for; else a tie
    is the closer the more friends its two people share. A column or edge attribute
    ``partner`` says who are partners, and then nobody else has one. Direction, repeats
    and self loops are dropped, and people are renumbered so that neighbours have near
    numbers. What was read is logged in one line, ``SocialNetwork.read_as``.

    Parameters
    ----------
    network
        A file, a ``NetworkFile``, or a network in memory: what ``as_file`` takes.
    seed
        Decides between ties that share equally many friends, and who are partners.
    partnered
        Share of humans with a partner, 0..1, reached as far as there are ties for it;
        not used if the network says who are partners.
    own
        Columns of humans that mechanisms add, which attributes of people may fill.

    Raises
    ------
    InputError
        If the network cannot be used, or can be read in two ways; names the file and
        the line.
    """
    _check("partnered", partnered, 0, 1)
    told = as_file(network)
    edges = read_edges(told)
    n = len(edges.names)
    pairs, closeness = _collapsed(n, edges.ends, edges.closeness)
    if not len(pairs):
        raise InputError(
            f"{told.path} holds no tie between two people; give at least one"
        )
    known = taken(told.people or told.path, edges, own)
    partners, notes = _told_partners(told, edges, pairs)
    edges = edges._replace(notes=(*edges.notes, *notes, *known.notes))
    read_as = edges.in_one_line(told, len(pairs))
    LOG.info("%s", read_as)
    number = _near_numbers(n, pairs)
    renumbered = codes(n, number[pairs])
    pairs, closeness = _collapsed(n, number[pairs], closeness)
    if partners is not None:
        partners = np.isin(codes(n, pairs), renumbered[partners])
    back = np.argsort(number)
    labels = tuple(edges.names[i] for i in back.tolist())
    if closeness is None:
        draws = uniforms(seed, Stream.NETWORK, len(pairs), EMBEDDING)
        order = np.argsort(-(_shared_friends(n, pairs) + draws), kind="stable")
    else:
        order = np.argsort(-closeness, kind="stable")
        closeness = closeness[order]
    ordered = pairs[order].astype(np.int32)
    couples = None if partners is None else partners[order]
    made = _network(n, ordered, closeness, seed, partnered, couples)
    return made._replace(
        labels=labels,
        read_as=read_as,
        traits={name: values[back] for name, values in known.traits.items()},
        people={name: values[back] for name, values in known.own.items()},
    )


def _told_partners(
    told: NetworkFile, edges: Edges, pairs: Array
) -> tuple[Array | None, tuple[str, ...]]:
    """Return which ties join partners, bool[ties], if the network says so.

    Raises
    ------
    InputError
        If it says so of a tie, and not of its repeat, or of two ties of somebody.
    """
    if edges.partner is None:
        return None, ()
    n, names = len(edges.names), edges.names
    apart = edges.ends[:, 0] != edges.ends[:, 1]
    said, ends = edges.partner[apart], edges.ends[apart]
    yes, no = (np.unique(codes(n, ends[said == value])) for value in (1, 0))
    both = np.intersect1d(yes, no)
    if len(both):
        one, other = (quoted(names[i]) for i in divmod(int(both[0]), n))
        raise InputError(
            f"{told.path}: {one} and {other} are partners in one place and not in "
            "another; say it once"
        )
    couples = np.column_stack(np.divmod(yes, n))
    times = np.bincount(couples.ravel(), minlength=n)
    if (times > 1).any():
        who = int(np.argmax(times > 1))
        theirs = couples[(couples == who).any(axis=1)]
        others = [quoted(names[i]) for i in theirs.sum(axis=1) - who]
        raise InputError(
            f"{told.path}: {quoted(names[who])} is the partner of {others[0]} and of "
            f"{others[1]}; people have one partner at most"
        )
    return np.isin(codes(n, pairs), yes), (counted(len(yes), "couple") + " as told",)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high or math.isinf(value):
        bound = f"from {low} to {high}" if high < math.inf else f"{low} or more"
        raise InputError(f"{name} is {value}; give a number {bound}")


# Layers and partners


def _network(
    n: int,
    pairs: Array,
    closeness: Array | None,
    seed: int,
    partnered: float,
    couples: Array | None = None,
) -> SocialNetwork:
    """Give layers and partners to ``pairs``, which come closest first.

    With ``couples``, bool[ties], these are the partners.
    """
    rank = _mean_ranks(n, pairs)
    partners = couples
    if partners is None:
        partners = _partners(n, pairs, rank, seed, partnered)
    if closeness is None:
        draws = uniforms(seed, Stream.NETWORK, len(pairs), CLOSENESS)
        closeness = _layered(rank, draws, 2 * len(pairs) / n)
        low, high = PARTNER_CLOSENESS
        closeness[partners] = low + (high - low) * draws[partners]
        del draws
    del rank
    closeness = closeness.astype(np.float32)
    kind = np.where(partners, np.uint8(PARTNER), np.uint8(0))
    order = np.argsort(codes(n, pairs))
    low_high = np.empty_like(pairs)
    np.minimum(pairs[:, 0], pairs[:, 1], out=low_high[:, 0])
    np.maximum(pairs[:, 0], pairs[:, 1], out=low_high[:, 1])
    return SocialNetwork(n, low_high[order], closeness[order], kind[order], None)


def _layered(rank: Array, draws: Array, ties: float) -> Array:
    """Return the closeness of ties by ``rank``, 0 the closest of all.

    Below 15 ties a human the inner layers shrink alike, and so keep their ratio (A84).
    """
    low, high = (np.array([getattr(c, e) for c in LAYERS]) for e in ("low", "high"))
    sizes = np.array([layer.size for layer in LAYERS[:-1]])
    ends = sizes * min(1.0, ties / LAYERS[2].size)
    closeness = np.empty(len(rank))
    for first in range(0, len(rank), _CHUNK):
        own = slice(first, first + _CHUNK)
        layer = np.searchsorted(ends, rank[own], side="right")
        closeness[own] = low[layer] + (high - low)[layer] * draws[own]
    return closeness


def _partners(n: int, pairs: Array, rank: Array, seed: int, partnered: float) -> Array:
    """Return bool[ties]: which ties join partners, drawn among everyone's closest."""
    score = uniforms(seed, Stream.PARTNER, len(pairs))
    close = LAYERS[1].size * min(1.0, 2 * len(pairs) / n / LAYERS[2].size)
    score *= close
    score += np.maximum(rank - close, 0)
    order = np.argsort(score, kind="stable")
    del score
    return np.asarray(_matched(n, pairs, order, round(partnered * n / 2)))


@compile_loop
def _matched(n: int, pairs: Array, order: Array, most: int) -> Array:
    """Take ties in ``order`` while both ends are free, up to ``most``."""
    taken = np.zeros(n, np.bool_)
    chosen = np.zeros(len(order), np.bool_)
    count = 0
    for tie in order:
        if count == most:
            break
        one, other = pairs[tie, 0], pairs[tie, 1]
        if not taken[one] and not taken[other]:
            taken[one] = taken[other] = chosen[tie] = True
            count += 1
    return chosen


@compile_loop
def _mean_ranks(n: int, pairs: Array) -> Array:
    """Return the mean place, from 0, of each tie in its two ends' own rankings.

    ``pairs`` come closest first.
    """
    seen = np.zeros(n, np.int64)
    rank = np.empty(len(pairs))
    for tie in range(len(pairs)):
        one, other = pairs[tie, 0], pairs[tie, 1]
        rank[tie] = math.sqrt((seen[one] + 1) * (seen[other] + 1)) - 1
        seen[one] += 1
        seen[other] += 1
    return rank


# Reading


def _collapsed(
    n: int, ends: Array, closeness: Array | None
) -> tuple[Array, Array | None]:
    """Return each tie once, in order; repeats have their mean closeness."""
    apart = ends[:, 0] != ends[:, 1]
    code, where = np.unique(codes(n, ends[apart]), return_inverse=True)
    pairs = np.column_stack(np.divmod(code, n))
    if closeness is None:
        return pairs, None
    total = np.bincount(where, closeness[apart], len(code))
    return pairs, total / np.bincount(where, minlength=len(code))


def _near_numbers(n: int, pairs: Array) -> Array:
    """Return a new number for each human, so that neighbours have near ones.

    The order is that of Cuthill & McKee (1969, doi:10.1145/800195.805928): breadth
    first from the human with the fewest ties, fewest ties first among neighbours.
    """
    degree = np.bincount(pairs.ravel(), minlength=n)
    by_degree = np.empty(n, np.int64)
    by_degree[np.argsort(degree, kind="stable")] = np.arange(n)
    ranked, _ = _collapsed(n, by_degree[pairs], None)
    return np.asarray(_breadth_first(*_adjacency(n, ranked))[by_degree])


@compile_loop
def _adjacency(n: int, pairs: Array) -> tuple[Array, Array]:
    """Return (start[n + 1], neighbour), each human's neighbours in ascending order."""
    start = np.zeros(n + 2, np.int64)
    for tie in range(len(pairs)):
        start[pairs[tie, 0] + 2] += 1
        start[pairs[tie, 1] + 2] += 1
    start = np.cumsum(start)
    neighbour = np.empty(2 * len(pairs), np.int64)
    for tie in range(len(pairs)):
        for side in range(2):
            owner = pairs[tie, side]
            neighbour[start[owner + 1]] = pairs[tie, 1 - side]
            start[owner + 1] += 1
    return start[:-1], neighbour


@compile_loop
def _breadth_first(start: Array, neighbour: Array) -> Array:
    """Return each human's place in the order of a breadth-first walk."""
    n = len(start) - 1
    number = np.full(n, -1, np.int64)
    met = np.empty(n, np.int64)
    count = 0
    for root in range(n):
        if number[root] >= 0:
            continue
        number[root], met[count] = count, root
        head, count = count, count + 1
        while head < count:
            for k in range(start[met[head]], start[met[head] + 1]):
                if number[neighbour[k]] < 0:
                    number[neighbour[k]], met[count] = count, neighbour[k]
                    count += 1
            head += 1
    return number


def _shared_friends(n: int, pairs: Array) -> Array:
    """Return how many neighbours the two ends of each tie share, int64[ties]."""
    degree = np.bincount(pairs.ravel(), minlength=n)
    rank = np.empty(n, np.int64)
    rank[np.argsort(degree, kind="stable")] = np.arange(n)
    low, high = np.sort(rank[pairs], axis=1).T
    order = np.lexsort((high, low))
    start = np.searchsorted(low[order], np.arange(n + 1))
    shared = np.empty(len(pairs), np.int64)
    shared[order] = _triangles(start, high[order])
    return shared


@compile_loop
def _triangles(start: Array, neighbour: Array) -> Array:
    """Count the triangles on each tie; people know only those of higher rank.

    Ranked by degree, nobody knows many, so that a hub costs little (Chiba & Nishizeki
    1985, doi:10.1137/0214017).
    """
    count = np.zeros(len(neighbour), np.int64)
    tie_to = np.full(len(start) - 1, -1, np.int64)
    for one in range(len(start) - 1):
        for a in range(start[one], start[one + 1]):
            tie_to[neighbour[a]] = a
        for a in range(start[one], start[one + 1]):
            other = neighbour[a]
            for b in range(start[other], start[other + 1]):
                c = tie_to[neighbour[b]]
                if c >= 0:
                    count[a] += 1
                    count[b] += 1
                    count[c] += 1
        for a in range(start[one], start[one + 1]):
            tie_to[neighbour[a]] = -1
    return count
