"""Packed runs: what a view needs of a run, in small integers, deflated.

The bytes are zlib data of a header (JSON, its length before it as four bytes) and
arrays one after the other, each at a multiple of four bytes from the end of the header.
All numbers are little-endian. An array that is kept as differences along its last axis
is summed up, modulo its type, by whoever reads it. ``view.js`` reads what ``pack``
writes; both name the format, and a reader refuses another.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from sim.model.columns import DEPARTED, HERE, OFFLINE
from sim.model.parameters import FRIEND, recorded
from sim.model.presence import ALIVE
from sim.runs import headcount
from sim.runs.selection import informative_days
from sim.runs.view import arrangement
from sim.runs.view.chapters import chapters
from sim.runs.view.marks import marks
from sim.utils.errors import legible
from sim.utils.names import HUMAN_NAMES, LONGEST, OS_NAMES
from sim.utils.typing import Array

if TYPE_CHECKING:
    from sim.runs.result import Result

FORMAT = 1
MOST_DAYS = 61  # snapshots that are packed; of more, those in which more changes
MOST_PEOPLE = 20_000  # who are drawn; of more, some, spread over all
MOST_TIES = 150_000  # between them; of more, some
UNBORN = 5  # status of an OS that is not there yet
STEPS = 15  # of closeness, which is packed in a nibble's worth of values
CURVES = (
    *("adopted", "oses", "here", "departed", "loves", "peer_attention", "grief"),
    *("human_closeness", "loneliness", "largest_collective", "alive"),
)
OF_HUMANS = ("os_closeness", "grief", "loneliness", "human_closeness")
OF_OSES = (
    *("status", "growth", "lovers", "collective", "hours_humans", "hours_oses"),
    "owner",
)
FOREVER = 2**31 - 1  # the day on which what stays ends


class Packed(NamedTuple):
    """An array of the packed run."""

    values: Array
    differences: bool = False  # along the last axis, in place of values


class Frames(NamedTuple):
    """Columns of agents who are drawn, a row an agent and a column a day."""

    humans: dict[str, Array]
    oses: dict[str, Array]


def pack(result: Result, closest: float = FRIEND, level: int = 9) -> bytes:
    """Return what a view needs of a run, as bytes that ``view.js`` reads.

    Parameters
    ----------
    result
        A run, or a society that is read like one.
    closest
        Ties less close than this are left out, 0..1.
    level
        Of deflating: 1 takes the least time, 9 gives the fewest bytes.

    Returns
    -------
    bytes
        Deflated (zlib). The same run gives the same bytes.

    Raises
    ------
    InputError
        If the run has no snapshots, or is damaged.
    """
    days = _days(result)
    rows = _drawn(result, days)
    frames = Frames(
        _over_days(result, "humans", OF_HUMANS, days, rows.humans),
        _over_days(result, "oses", OF_OSES, days, rows.oses),
    )
    ties = _ties(result, days, rows, closest)
    arrays: dict[str, Packed] = {}
    scales = _pack_humans(arrays, result, days, frames.humans, rows.humans)
    scales |= _pack_oses(arrays, result, days, frames.oses, rows)
    _pack_ties(arrays, ties)
    _pack_places(arrays, frames, ties, len(rows.humans))
    scales |= _pack_series(arrays, result)
    header = header_of(result, days, rows) | {"scales": scales, "tie_share": ties.share}
    return deflated(header, arrays, level)


def _days(result: Result) -> list[int]:
    """Return the snapshot days that are packed."""
    result.snapshot_day(None)  # says so if there are none
    if len(result.steps) <= MOST_DAYS:
        return list(result.steps)
    return informative_days(result, MOST_DAYS)


class DrawnRows(NamedTuple):
    """Who is drawn, and how many there are."""

    humans: Array  # int64, ascending
    oses: Array  # int64, ascending
    people: int  # who were there on any of the days


def _drawn(result: Result, days: Sequence[int]) -> DrawnRows:
    """Return who is drawn: of very many, some that are spread over all."""
    owner = result.columns("oses", ["owner"], days[-1])["owner"]
    humans = np.arange(result.population)
    if headcount.changes(result):
        humans = headcount.numbers_there(result, *days)
    people = len(humans)
    if people <= MOST_PEOPLE:
        owned = np.isin(owner, humans)
        return DrawnRows(humans, np.flatnonzero(owned | (owner < 0)), people)
    humans = humans[np.unique(np.linspace(0, people - 1, MOST_PEOPLE).astype(np.int64))]
    kept = np.isin(owner, humans)
    unowned = np.flatnonzero(owner < 0)
    kept[unowned[:: max(1, people // MOST_PEOPLE)]] = True
    return DrawnRows(humans, np.flatnonzero(kept), people)


def _over_days(
    result: Result, table: str, names: Sequence[str], days: Sequence[int], rows: Array
) -> dict[str, Array]:
    """Return columns of some rows over the days; nan where a row was not there yet."""
    found = {
        name: np.full((len(rows), len(days)), np.nan, np.float32) for name in names
    }
    for at, day in enumerate(days):
        columns = result.columns(table, names, day)
        there = rows[: np.searchsorted(rows, len(columns[names[0]]))]
        for name, column in columns.items():
            found[name][: len(there), at] = column[there]
    return found


# ------------------------------------------------------------------------------- ties


class DrawnEdges(NamedTuple):
    """Ties between agents who are drawn, by their places among them."""

    ends: Array  # int64[ties, 2]: lower first; OSes after people
    closeness: Array  # uint8[ties, days]: in STEPS; 0 is none, or less than asked for
    share: float  # of all those ties that are packed, 0..1


def _ties(
    result: Result, days: Sequence[int], rows: DrawnRows, closest: float
) -> DrawnEdges:
    people, n = result.population, len(rows.humans)
    place = np.full(people + int(rows.oses.max(initial=-1)) + 1, -1, np.int64)
    place[rows.humans] = np.arange(n)
    place[people + rows.oses] = n + np.arange(len(rows.oses))
    by_day = [ties_of_day(result, day, place, closest) for day in days]
    everything = np.unique(np.concatenate([code for code, _ in by_day]))
    codes = _thinned(everything)
    closeness = np.zeros((len(codes), len(days)), np.uint8)
    for at, (code, level) in enumerate(by_day):
        where = np.minimum(np.searchsorted(codes, code), max(0, len(codes) - 1))
        known = codes[where] == code if len(codes) else np.zeros(len(code), bool)
        closeness[where[known], at] = level[known]
    share = len(codes) / len(everything) if len(everything) else 1.0
    ends = np.stack([codes >> 32, codes & 0xFFFFFFFF], 1)
    return DrawnEdges(ends, closeness, share)


def ties_of_day(
    result: Result, day: int, place: Array, closest: float
) -> tuple[Array, Array]:
    """Return ties of a day, each once: codes of both ends, rising, and closeness.

    Of two of a kind it is the mean of both sides, of a human and an OS the human's.
    """
    names = ["owner", "neighbour", "closeness", "returned"]
    owner, other, closeness, returned = result.columns("ties", names, day).values()
    is_once = (owner < other) & (owner < len(place)) & (other < len(place))
    owner, other = owner[is_once].astype(np.int64), other[is_once].astype(np.int64)
    closeness, returned = closeness[is_once], returned[is_once]
    people = result.population
    mixed = (owner < people) & (other >= people)
    value = np.where(mixed, closeness, (closeness + returned) / 2.0)
    one, another = place[owner], place[other]
    kept = (one >= 0) & (another >= 0) & (value >= closest)
    code = (one[kept] << 32) | another[kept]
    level = np.clip(np.rint(value[kept] * STEPS), 1, STEPS).astype(np.uint8)
    order = np.argsort(code, kind="stable")
    return code[order], level[order]


def _thinned(codes: Array) -> Array:
    """Return all codes, or as many as can be packed, always the same."""
    if len(codes) <= MOST_TIES:
        return codes
    mixed = codes.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    chosen: Array = codes[np.sort(np.argsort(mixed, kind="stable")[:MOST_TIES])]
    return chosen


def _pack_ties(arrays: dict[str, Packed], ties: DrawnEdges) -> None:
    arrays["tie_from"] = Packed(ties.ends[:, 0].astype(np.uint32), True)
    arrays["tie_to"] = Packed(ties.ends[:, 1].astype(np.uint32), True)
    arrays["tie_closeness"] = Packed(ties.closeness, True)


# ------------------------------------------------------------------------------ agents


def _pack_humans(
    arrays: dict[str, Packed],
    result: Result,
    days: Sequence[int],
    humans: dict[str, Array],
    rows: Array,
) -> dict[str, float]:
    """Add what is packed of people; return by what their bytes are to be multiplied."""
    arrays["human_number"] = Packed(rows.astype(np.uint32), True)
    scales = {}
    for name, column in humans.items():
        known = np.nan_to_num(column)
        scales[name] = _scale(known)
        arrays[name] = Packed(bytes_of(known, scales[name]), True)
    if "life" in result.humans(days[-1]):
        life = _over_days(result, "humans", ["life"], days, rows)["life"]
        arrays["there"] = Packed((life == ALIVE).astype(np.uint8), True)
    return scales


def _pack_oses(
    arrays: dict[str, Packed],
    result: Result,
    days: Sequence[int],
    oses: dict[str, Array],
    rows: DrawnRows,
) -> dict[str, float]:
    """Add what is packed of OSes; return by what their bytes are to be multiplied."""
    last = result.oses(days[-1]).iloc[rows.oses]
    place = np.full(result.population + 1, -1)
    place[rows.humans] = np.arange(len(rows.humans))
    status = np.where(np.isnan(oses["status"]), UNBORN, oses["status"]).astype(np.uint8)
    here = status == HERE
    hours = oses["hours_humans"] + oses["hours_oses"]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(hours > 0.0, oses["hours_oses"] / hours, 0.0)
    share = _held(share, here)
    oses["share"] = share
    columns = {"growth": oses["growth"], "lovers": oses["lovers"], "share": share}
    scales = {"share": 1.0}
    for name, column in columns.items():
        known = np.nan_to_num(column)
        scales.setdefault(name, _scale(known))
        arrays[name] = Packed(bytes_of(known, scales[name]), True)
    arrays["status"] = Packed(status, True)
    collective = np.nan_to_num(oses["collective"], nan=-1.0).astype(np.int64)
    arrays["collective"] = Packed((collective + 1).astype(np.uint32), True)
    arrays["os_number"] = Packed(
        (rows.oses + result.population).astype(np.uint32), True
    )
    owner = _held(oses["owner"], oses["owner"] >= 0, -1.0).astype(np.int64)[:, -1]
    arrays["owner"] = Packed(place[owner].astype(np.int32))
    arrays["os_name"] = Packed((last["name"].to_numpy() % len(OS_NAMES)).astype("u1"))
    arrays["made"] = Packed((last["made_by"].to_numpy() >= 0).astype(np.uint8))
    arrays["born"] = Packed(last["born_step"].to_numpy().astype(np.int32))
    arrays["upgraded"] = Packed(last["upgraded_step"].to_numpy().astype(np.int32))
    arrays["ended"] = Packed(_ended(last, status, days).astype(np.int32))
    return scales


def _held(values: Array, known: Array, never: float = 0.0) -> Array:
    """Return values over the days; where not known, the last known before, or the next.

    ``never`` where none is ever known.
    """
    days = np.arange(values.shape[1])
    last = np.maximum.accumulate(np.where(known, days, -1), axis=1)
    first = np.argmax(known, axis=1)[:, None]
    at = np.where(last >= 0, last, first)
    held = np.take_along_axis(values, at, axis=1)
    ever = np.any(known, axis=1, keepdims=True)
    found: Array = np.where(ever, held, never)
    return found


def _ended(last: pd.DataFrame, status: Array, days: Sequence[int]) -> Array:
    """Return the day on which each OS was gone: the very day of those who departed."""
    gone = (status > OFFLINE) & (status < UNBORN)
    at = np.where(gone.any(1), np.argmax(gone, axis=1), -1)
    day = np.where(at >= 0, np.array([*days, FOREVER])[at], FOREVER)
    left = last["departed_step"].to_numpy()
    departed = (last["status"].to_numpy() == DEPARTED) & (left >= 0)
    return np.where(departed, left, day)


def _scale(values: Array) -> float:
    """Return what a byte's worth is multiplied by: the greatest value, or 1."""
    return float(values.max(initial=0.0)) or 1.0


def bytes_of(values: Array, scale: float) -> Array:
    """Return values as bytes, of which the greatest stands for the scale."""
    return np.clip(np.rint(values / scale * 255.0), 0, 255).astype(np.uint8)


# ------------------------------------------------------------------------------ places


def _pack_places(
    arrays: dict[str, Packed], frames: Frames, ties: DrawnEdges, people: int
) -> None:
    """Add where people stand, and where forces draw the OSes on each day."""
    among = (ties.ends < people).all(1)
    first = among & (ties.closeness[:, 0] > 0)
    known = np.bincount(ties.ends[first].ravel(), minlength=people)[:people] > 0
    later = among & ~known[np.minimum(ties.ends, people - 1)].all(1)
    found = arrangement.arrange(people, ties.ends[first | later])
    arrays["rank"] = Packed(found.rank.astype(np.uint32))
    arrays["community"] = Packed(found.community.astype(np.uint16))
    arrays["map"] = Packed(sixteen_bits(found.places))
    share = frames.oses["share"].astype(np.float32)
    count, days = share.shape
    owner = arrays["owner"].values
    owned = owner >= 0
    circle = arrangement.circle(found.rank)
    anchor = np.zeros((count, 2), np.float32)
    anchor[owned] = circle[owner[owned]]
    spots, places = anchor.copy(), np.zeros((count, 2, days), np.float32)
    both = (ties.ends >= people).all(1)
    pairs, closeness = ties.ends[both] - people, ties.closeness[both]
    for day in range(days):
        there = arrays["status"].values[:, day] <= OFFLINE
        tied = closeness[:, day] > 0
        strength = closeness[tied, day].astype(np.float32) / STEPS
        pulls = arrangement.Pulls(pairs[tied], strength, anchor, share[:, day], there)
        rounds = arrangement.ROUNDS if day else arrangement.FIRST_ROUNDS
        spots = arrangement.draw_together(spots, pulls, rounds)
        places[:, :, day] = spots
    arrays["force"] = Packed(np.rint((places + 1.0) * 127.5).astype(np.uint8), True)


def sixteen_bits(places: Array) -> Array:
    """Return places within -1..1 as whole numbers of sixteen bits."""
    found: Array = np.rint((places + 1.0) * 32767.5).astype(np.uint16)
    return found


# ------------------------------------------------------------------- series and header


def _pack_series(arrays: dict[str, Packed], result: Result) -> dict[str, float]:
    """Add the society's curves, a value a day; return their scales."""
    series = result.series
    arrays["days"] = Packed(series.index.to_numpy().astype(np.int32), True)
    scales = {}
    for name in CURVES:
        if name not in series:
            continue
        values = np.nan_to_num(series[name].to_numpy(np.float64))
        scale = float(np.abs(values).max(initial=0.0)) or 1.0
        scales[f"curve_{name}"] = scale
        whole = np.clip(np.rint(values / scale * 65535.0), 0, 65535).astype(np.uint16)
        arrays[f"curve_{name}"] = Packed(whole, True)
    return scales


def header_of(result: Result, days: Sequence[int], rows: DrawnRows) -> dict[str, Any]:
    """Return what is said in words; whatever the run says is text and no more."""
    provenance = result.provenance
    labels = result.labels
    return {
        "scenario": _words(provenance.get("scenario", "")),
        "seed": _words(provenance.get("seed", "")),
        "people": rows.people,
        "at_start": headcount.at_start(result),
        "love": recorded(provenance["parameters"]).love,
        "friend": FRIEND,
        "frames": list(map(int, days)),
        "names": {"people": HUMAN_NAMES, "oses": OS_NAMES},
        "labels": labels and [_words(labels[row]) for row in rows.humans],
        "chapters": [chapter._asdict() for chapter in chapters(result)],
        "events": [mark._asdict() for mark in marks(result)],
        "steps": STEPS,
    }


def _words(text: object) -> str:
    """Return a text in one short line."""
    shown = legible(str(text))
    return shown if len(shown) <= LONGEST else shown[:LONGEST] + "..."


def deflated(
    header: Mapping[str, Any], arrays: Mapping[str, Packed], level: int = 9
) -> bytes:
    """Return the bytes of a header and of arrays, deflated."""
    listed, parts, at = [], [], 0
    for name, packed in arrays.items():
        values = np.ascontiguousarray(packed.values)
        kind = values.dtype.newbyteorder("<")
        if packed.differences and values.shape[-1]:
            values = np.diff(values, axis=-1, prepend=values.dtype.type(0))
        content = values.astype(kind).tobytes()
        content += bytes(-len(content) % 4)
        shape = list(packed.values.shape)
        known = {"name": name, "type": kind.str[1:], "shape": shape, "at": at}
        listed.append(known | {"differences": packed.differences})
        parts.append(content)
        at += len(content)
    told = {"format": FORMAT, **header, "arrays": listed}
    head = json.dumps(told, allow_nan=False, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 4)
    whole = len(head).to_bytes(4, "little") + head + b"".join(parts)
    return zlib.compress(whole, level)


def unpack(content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the header and the arrays of what ``pack`` returned, as a view has them.

    What is a byte's worth of a scale is left so: ``values / 255 * scales[name]``.
    """
    whole = zlib.decompress(content)
    end = 4 + int.from_bytes(whole[:4], "little")
    header: dict[str, Any] = json.loads(whole[4:end])
    arrays = {}
    for known in header["arrays"]:
        kind, shape = np.dtype(f"<{known['type']}"), known["shape"]
        count = int(np.prod(shape, dtype=np.int64))
        values = np.frombuffer(whole, kind, count, end + known["at"]).reshape(shape)
        if known["differences"]:
            values = np.cumsum(values, axis=-1, dtype=kind)
        arrays[known["name"]] = values
    return header, arrays
