"""Calibration of detectors: false-alarm rates on null models.

Every alarm-raising detector watches societies drawn from several null
models at a ladder of thresholds. Its threshold is the lowest at which false alarms
stay below the mark on every null, with 95 % confidence.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sim.events.calibration.nulls import NULLS, Day, NullSociety
from sim.events.detector import FILE, Event, Reading, known, read
from sim.events.detectors import DETECTORS
from sim.model.parameters import Parameters
from sim.utils.errors import InputError
from sim.utils.files import write_text
from sim.utils.parallel import map_all
from sim.utils.progress import progress_shown
from sim.utils.provenance import SOFTWARE, software_version
from sim.utils.source import source_digest
from sim.utils.stats import poisson_bound

MARK = 1.0  # false alarms per 1,000 steps that are at most allowed
AIM = 0.15  # the same, for the choice of a threshold: room for the next calibration
STEPS = 364
MOST_RUNS = 10**6  # of each null

# Thresholds that are tried, in the unit of each detector's statistic.
LADDERS: dict[str, tuple[float, ...]] = {
    "clustering": (3.0, 4.0, 5.0, 6.0, 8.0, 10.0),
    "purity": (0.05, 0.1, 0.15, 0.2, 0.3),
    "modular": (4.0, 6.0, 8.0, 10.0, 14.0, 20.0),
    "community_birth": (7.0, 10.0, 15.0, 20.0),
    "community_growth": (7.0, 10.0, 15.0, 20.0),
    "community_merge": (7.0, 10.0, 15.0, 20.0),
    "community_split": (7.0, 10.0, 15.0, 20.0),
    "community_death": (7.0, 10.0, 15.0, 20.0),
    "cascade": (7.0, 9.0, 12.0),
    "take_off": (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0),
    "adoption_take_off": (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0),
    "norm_tipping": (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0),
    "polarisation": (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0),
    "grief_wave": (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0),
    "obsession": (3.0, 5.0, 7.0, 9.0, 12.0),
    "catchphrase": (7.0, 9.0, 12.0, 15.0, 20.0),
}

# What does happen in a null, so that its alarm is not false.
TRUE = {
    ("adoption", "adoption_take_off"): "adoption quickens: it spreads by imitation",
    ("departures", "community_death"): "the OSes of the standing circles depart",
    ("stationary", "modular"): "friendships are renewed within the standing circles",
    ("departures", "modular"): "friendships are renewed within the standing circles",
    ("circles", "modular"): "friendships are renewed within the standing circles",
}

# What thresholds depend on: detectors, what they see, and what they are tried on.
SOURCES = (
    *("alarms.py", "community_detection.py", "detector.py", "measures.py"),
    *("observer.py", "tracking.py", "detectors/*.py", "calibration/*.py"),
)


class Rate(NamedTuple):
    """How often a detector raised false alarms on a null."""

    kind: str
    null: str
    threshold: float
    alarms: int
    steps: int

    @property
    def per_thousand(self) -> float:
        """False alarms per 1,000 steps."""
        return 1000.0 * self.alarms / self.steps

    @property
    def bound(self) -> float:
        """Upper end of the 95 % interval of false alarms per 1,000 steps (Poisson)."""
        return 1000.0 * poisson_bound(self.alarms) / self.steps


def readings_of(days: Iterable[Day]) -> list[Reading]:
    """Return all days of a null society, as detectors see them."""
    known = Parameters()
    return [
        Reading(step, at, measures, notes, talks, known)
        for at, (step, measures, notes, talks) in enumerate(days, 1)
    ]


def alarms(
    readings: Sequence[Reading], kind: str, threshold: float | None = None
) -> list[Event]:
    """Return the events of one kind in a society.

    Parameters
    ----------
    readings
        Of all its days.
    kind
        What to look for.
    threshold
        Instead of the shipped one.
    """
    detector = DETECTORS[kind](Parameters(), threshold)
    found: list[Event] = []
    for reading in readings:
        found += detector.look(reading)
        if found and detector.once:
            break
    return found


def climb(case: tuple[str, int], kinds: Sequence[str]) -> dict[str, list[int]]:
    """Return the alarms of each kind on one null society, for each rung of its ladder.

    Higher rungs than the first without an alarm have none.
    """
    null, seed = case
    readings = readings_of(NullSociety(null, seed, STEPS).days())
    found = {}
    for kind in kinds:
        counts = [0] * len(LADDERS[kind])
        for rung, threshold in enumerate(LADDERS[kind]):
            counts[rung] = len(alarms(readings, kind, threshold))
            if not counts[rung]:
                break
        found[kind] = counts
    return found


class Calibration(NamedTuple):
    """What came of a calibration."""

    rates: list[Rate]  # every kind, null and rung
    chosen: dict[str, float]  # kind -> threshold
    runs: int

    def of(self, kind: str) -> list[Rate]:
        """Return the rates of a kind at its chosen threshold, null by null."""
        mine = (rate for rate in self.rates if rate.kind == kind)
        return [rate for rate in mine if rate.threshold == self.chosen[kind]]

    def worst(self, kind: str) -> Rate:
        """Return the rate on the null with most false alarms."""
        return max(self.of(kind), key=lambda rate: rate.bound)


def calibrate(
    runs: int = 200,
    *,
    kinds: Sequence[str] | None = None,
    workers: int = 1,
    first_seed: int = 0,
    progress: bool = False,
) -> Calibration:
    """Run detectors on null models; choose the lowest thresholds that keep the mark.

    Parameters
    ----------
    runs
        Simulated societies of each null model.
    kinds
        What to calibrate; None is every alarm-raising detector.
    workers
        Processes; the result is the same for any number.
    first_seed
        The seeds are this one and those that follow it.
    progress
        Whether to show a bar on standard error.

    Raises
    ------
    InputError
        If a kind raises no alarms, ``runs`` or ``workers`` is not positive, or
        there are more than 1,000,000 runs.
    """
    if min(runs, workers) < 1:
        raise InputError(f"runs and workers are 1 or more, not {runs} and {workers}")
    if runs > MOST_RUNS:
        raise InputError(f"at most {MOST_RUNS:,} runs of each null, not {runs:,}")
    asked = [_alarming(kind) for kind in kinds or LADDERS]
    cases = [(null, first_seed + run) for null in NULLS for run in range(runs)]
    with progress_shown(progress):
        found = map_all(partial(climb, kinds=asked), cases, workers, chunk=4)
    rates = []
    for null in NULLS:
        own = [one for (name, _), one in zip(cases, found, strict=True) if name == null]
        for kind in asked:
            if (null, kind) in TRUE:
                continue
            for rung, threshold in enumerate(LADDERS[kind]):
                count = sum(one[kind][rung] for one in own)
                rates.append(Rate(kind, null, threshold, count, runs * STEPS))
    return Calibration(rates, {k: _choose(rates, k) for k in asked}, runs)


def _alarming(kind: str) -> str:
    if not DETECTORS[known(kind)].alarm or kind not in LADDERS:
        can = ", ".join(LADDERS)
        raise InputError(f"{kind!r} has nothing to calibrate; those that have: {can}")
    return kind


def _choose(rates: Sequence[Rate], kind: str) -> float:
    """Return the lowest threshold that keeps the aim on all nulls, or the highest."""
    for threshold in LADDERS[kind]:
        mine = [r for r in rates if r.kind == kind and r.threshold == threshold]
        if all(rate.bound <= AIM for rate in mine):
            return threshold
    return LADDERS[kind][-1]


@functools.cache
def calibrated_source() -> str:
    """Return 16 hex digits that name the code that thresholds are valid for.

    It is that of detectors, of what they see, and of the null models, without comments
    and docstrings. Thresholds that were made with other code are stale.
    """
    folder = Path(__file__).parents[1]
    files = sorted(file for name in SOURCES for file in folder.glob(name))
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(folder).as_posix()}\n".encode())
        found.update(code_of(file.read_text(encoding="utf-8")).encode())
    return found.hexdigest()[:16]


def code_of(text: str) -> str:
    """Return Python source without comments, docstrings and blank lines."""
    lines = text.splitlines(keepends=True)
    for token in reversed(_with_starts(text)):
        is_docstring = token.kind == tokenize.STRING and token.begins
        if token.kind == tokenize.COMMENT or is_docstring:
            (row, first), (end, last) = token.start, token.end
            kept = lines[row - 1][:first] + lines[end - 1][last:]
            lines[row - 1 : end] = [kept]
    shown = (line.rstrip() for line in lines)
    return "\n".join(line for line in shown if line)


class _Token(NamedTuple):
    kind: int
    start: tuple[int, int]
    end: tuple[int, int]
    begins: bool  # a statement


def _with_starts(text: str) -> list[_Token]:
    """Return the tokens of a source, and whether each begins a statement."""
    found, begins = [], True
    silent = (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        found.append(_Token(token.type, token.start, token.end, begins))
        if token.type == tokenize.NEWLINE:
            begins = True
        elif token.type not in (*silent, tokenize.ENCODING):
            begins = False
    return found


def stale(kinds: Iterable[str] | None = None) -> list[str]:
    """Return the kinds of event whose thresholds were made with other code."""
    thresholds = read()["thresholds"]
    mine = calibrated_source()
    chosen = thresholds if kinds is None else kinds
    return [k for k in chosen if thresholds.get(k, {}).get("source") != mine]


def document(found: Calibration, command: str) -> dict[str, Any]:
    """Return thresholds with their provenance, ready for JSON."""
    return {
        "made_by": command,
        "software": {"name": SOFTWARE, "version": software_version()},
        "source_digest": source_digest(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs_per_null": found.runs,
        "steps_per_run": STEPS,
        "nulls": {name: null.meaning for name, null in NULLS.items()},
        "true_in_null": [
            " in ".join(pair[::-1]) + f": {why}" for pair, why in TRUE.items()
        ],
        "bound": "false alarms per 1,000 steps, 95 % upper bound, worst null",
        "thresholds": {kind: _entry(found, kind) for kind in found.chosen},
    }


def _entry(found: Calibration, kind: str) -> dict[str, Any]:
    alarmed = {rate.null: rate.alarms for rate in found.of(kind)}
    bound = round(found.worst(kind).bound, 4)
    told = {"threshold": found.chosen[kind], "bound": bound, "alarms": alarmed}
    return told | {"source": calibrated_source()}


def store(found: Calibration, command: str, file: Path | None = None) -> Path:
    """Write thresholds with their provenance; those of other kinds are kept.

    Parameters
    ----------
    found, command
        What was found, and by what command.
    file
        Where to; None replaces the thresholds that detectors use.
    """
    place = file or FILE
    record = document(found, command)
    before: Mapping[str, Any] = read()["thresholds"]
    record["thresholds"] = {**before, **record["thresholds"]}
    write_text(place, json.dumps(record, indent=2) + "\n")
    read.cache_clear()
    return place
