"""Keyed random streams: each draw hashes (seed, stream, step, id, other id).

No generator keeps state: the same key and ids give the same draw in any order, on any
number of threads, after a resume, and in two societies that differ only by an
intervention (common random numbers).

The hash is the output function of SplitMix64 (Steele, Lea & Flood 2014,
doi:10.1145/2660193.2660195), applied to seed, stream and step in turn, which gives a
key for the day, and then once to the two ids together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.engine.jit import compile_loop, wraparound

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_S32, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
_UNIT, _HALF_UNIT = 2.0**-53, 2.0**-32


@wraparound
def mix(key: np.uint64, part: int | np.uint64) -> np.uint64:
    """Return ``key`` with one more part hashed in."""
    z = key + (np.uint64(part) + np.uint64(1)) * _GOLDEN
    z = (z ^ (z >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    return z ^ (z >> _S31)


@wraparound
def hashed(key: np.uint64, name: int, other: int) -> np.uint64:
    """Return the 64 bits that ``key`` keeps for two numbers from 0 to 2**32 - 1."""
    return mix(key, (np.uint64(name) << _S32) | np.uint64(other))


@wraparound
def name_of(one: int, another: int) -> np.uint64:
    """Return the name of an unordered pair of numbers from 0 to 2**32 - 1."""
    low, high = np.uint64(min(one, another)), np.uint64(max(one, another))
    return (low << _S32) | high


@wraparound
def draw(key: np.uint64, name: np.uint64) -> float:
    """Return the draw in [0, 1) that ``key`` keeps for a name."""
    return float(mix(key, name) >> _S11) * _UNIT


@wraparound
def each_of(key: np.uint64, pair: np.uint64, first: bool) -> tuple[float, float]:
    """Return a draw for either of a named pair: for oneself, who may be the first."""
    bits = mix(key, pair)
    low, high = float(bits & _LOW) * _HALF_UNIT, float(bits >> _S32) * _HALF_UNIT
    return (low if first else high), (high if first else low)


@wraparound
def uniform(key: np.uint64, name: int, other: int) -> float:
    """Return the draw in [0, 1) that ``key`` keeps for (``name``, ``other``)."""
    return float(hashed(key, name, other) >> _S11) * _UNIT


@wraparound
def pair_uniform(key: np.uint64, one: int, another: int) -> float:
    """Return the draw of an unordered pair: the same seen from either side."""
    return uniform(key, min(one, another), max(one, another))


@compile_loop
def _key(seed: int, stream: int, step: int) -> np.uint64:
    return mix(mix(mix(np.uint64(0), seed), stream), step)


def key(seed: int, stream: int, step: int = 0) -> np.uint64:
    """Return the key of a stream on a step, from which ``uniform`` draws.

    Parameters
    ----------
    seed
        Any integer from 0 to 2**63 - 1.
    stream
        What the draws are for: a ``Stream``, or a number from 2**62 to 2**63 - 1 that a
        mechanism made of a name.
    step
        Days since the society began; draws that hold for good use 0.
    """
    return np.uint64(_key(int(seed), int(stream), int(step)))


@compile_loop
def _fill_keys(
    seed: int, streams: npt.NDArray[np.int64], step: int, out: npt.NDArray[np.uint64]
) -> None:
    for i in range(streams.shape[0]):
        out[i] = mix(mix(mix(np.uint64(0), seed), streams[i]), step)


def write_keys(
    seed: int,
    streams: npt.NDArray[np.int64],
    step: int,
    out: npt.NDArray[np.uint64],
) -> None:
    """Write the keys of several streams on a step, each as ``key`` returns it."""
    _fill_keys(seed, streams, step, out)


@compile_loop
def _fill(out: npt.NDArray[np.float64], key: np.uint64, other: int) -> None:
    for i in range(out.shape[0]):
        out[i] = uniform(key, i, other)


def uniforms(
    seed: int, stream: int, count: int, other: int = 0
) -> npt.NDArray[np.float64]:
    """Return ``float64[count]`` draws in [0, 1), named 0 .. count - 1 and ``other``."""
    out = np.empty(count)
    _fill(out, key(seed, stream), int(other))
    return out


@compile_loop
def _fill_of(
    out: npt.NDArray[np.float64], key: np.uint64, ids: npt.NDArray[Any], other: int
) -> None:
    for i in range(ids.shape[0]):
        out[i] = uniform(key, ids[i], other)


def draws_of(
    key: np.uint64, ids: npt.NDArray[Any], other: int
) -> npt.NDArray[np.float64]:
    """Return ``float64[len(ids)]``: the draws that ``key`` keeps for these ids."""
    out = np.empty(len(ids))
    _fill_of(out, key, ids, int(other))
    return out
