"""Give the model only who knows whom, and compare how hours are shared out with data.

    python experiments/contacts/run.py [--small] [--check] [--data FOLDER] [--workers 2]

The data are contacts of an office and calls and texts of students, see README.md; they
are no part of the repository. `FOLDER` is that of $OS_SOCIETY_DATA unless it is given.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from study import RESULTS, kept_or_compared

from sim.model.population import read
from sim.society import Society
from sim.studies.validation.recorder import among_humans
from sim.utils.errors import InputError
from sim.utils.parallel import map_all
from sim.utils.stats import mean_interval

HERE = Path(__file__).parent
FILES = {
    "office": (
        "workplace/workplace_InVS15_tij.dat.gz",
        "workplace/workplace_InVS15_metadata.txt",
    ),
    "students": ("copenhagen/calls.csv", "copenhagen/sms.csv"),
}
ARMS = ("shared friends", "shuffled", "equal")
CLOSEST = (1, 5, 15)
FEWEST = 6  # contacts of those of whom shares by rank are taken
WITHIN = ("time_within", "pairs_within")  # nan where nobody is of a group
DATA = "data"


class Contacts(NamedTuple):
    """Who was in contact with whom, how often, and of which group they are."""

    times: dict[tuple[str, str], int]  # each pair once, the lesser name first
    group: dict[str, str]  # "" is none


def office(folder: Path) -> Contacts:
    """Return who stood face to face, in intervals of 20 seconds."""
    contacts, departments = (folder / name for name in FILES["office"])
    lines = (line.split() for line in departments.read_text().splitlines())
    group = {person: department for person, department in lines}
    with gzip.open(contacts, "rt") as text:
        return Contacts(_counted(line.split()[1:] for line in text), group)


def students(folder: Path) -> Contacts:
    """Return who called and wrote texts to each other, and how often."""

    def pairs() -> Iterator[list[str]]:
        for name in FILES["students"]:
            with (folder / name).open(newline="") as text:
                yield from (row[1:3] for row in list(csv.reader(text))[1:])

    times = _counted(pairs())
    return Contacts(times, dict.fromkeys((one for pair in times for one in pair), ""))


def _counted(pairs: Any) -> dict[tuple[str, str], int]:
    found = Counter((min(p), max(p)) for p in map(tuple, pairs) if p[0] != p[1])
    return dict(sorted(found.items()))


def shares(
    owner: np.ndarray, time: np.ndarray, within: np.ndarray, degree: np.ndarray
) -> dict[str, float]:
    """Return how time is shared out, by rank of the contact and by group.

    Parameters
    ----------
    owner, time, within
        Of each contact, seen from either side: whose it is, its time (any unit), and
        whether both are of one group.
    degree
        Contacts of each person in the data.
    """
    order = np.lexsort((-time, owner))
    place = np.arange(len(owner)) - np.searchsorted(owner[order], owner[order])
    total = np.bincount(owner, time, len(degree))
    who = (degree >= FEWEST) & (total > 0.0)
    row = {}
    for most in CLOSEST:
        near = order[place < most]
        theirs = np.bincount(owner[near], time[near], len(degree))
        row[f"closest_{most}"] = float(np.mean(theirs[who] / total[who]))
    row["time_within"] = float(time[within].sum() / time.sum())
    row["pairs_within"] = float(within.mean())
    return row if within.any() else row | dict.fromkeys(WITHIN, np.nan)


def of_data(contacts: Contacts) -> dict[str, float]:
    """Return how the people of the data share out their time."""
    people = sorted({one for pair in contacts.times for one in pair})
    number = {name: row for row, name in enumerate(people)}
    pairs = np.array([[number[one] for one in pair] for pair in contacts.times])
    owner = np.concatenate((pairs[:, 0], pairs[:, 1]))
    time = np.tile(np.array([*contacts.times.values()], float), 2)
    same = [_is_within(contacts, *pair) for pair in contacts.times]
    degree = np.bincount(owner)
    return shares(owner, time, np.tile(same, 2), degree) | {"agreement": np.nan}


def _is_within(contacts: Contacts, one: str, other: str) -> bool:
    return contacts.group[one] == contacts.group[other] != ""


def live(job: tuple[str, str, int], folder: Path, days: int) -> dict[str, Any]:
    """Let people of `today` live who know whom the data say; return their shares."""
    name, arm, seed = job
    contacts = READ[name](folder)
    told = read(nx.Graph([*contacts.times]), seed, partnered=0.0)
    if arm == "shuffled":
        dealt = np.random.default_rng(seed).permutation(told.closeness)
        told = told._replace(closeness=dealt)
    elif arm == "equal":
        told = told._replace(
            closeness=np.full_like(told.closeness, np.mean(told.closeness))
        )
    society = Society("today", seed=seed, network=told, steps=days)
    while society.running:
        society.step()
    ties = among_humans(society.state, society.parameters)
    owner, other, hours = ties["owner"], ties["neighbour"], ties["hours"]
    names = np.array(told.labels)
    same = np.array(
        [
            _is_within(contacts, *pair)
            for pair in zip(names[owner], names[other], strict=True)
        ]
    )
    row = shares(owner, hours, same, np.bincount(told.pairs.ravel(), minlength=told.n))
    known = {
        (min(pair), max(pair)): time
        for *pair, time in zip(names[owner], names[other], hours, strict=True)
    }
    lived = pd.Series([known.get(pair, 0.0) for pair in contacts.times])
    times = pd.Series([*contacts.times.values()])
    row["agreement"] = float(lived.rank().corr(times.rank()))
    return {"contacts": name, "arm": arm, **row}


READ = {"office": office, "students": students}


def table(folder: Path, seeds: int, days: int, workers: int) -> pd.DataFrame:
    """Return a row for the data and each arm: means over seeds, and intervals."""
    jobs = [(name, arm, seed) for name in READ for arm in ARMS for seed in range(seeds)]
    runs = pd.DataFrame(map_all(partial(live, folder=folder, days=days), jobs, workers))
    rows = []
    for name, of_folder in READ.items():
        rows.append(
            {"contacts": name, "arm": DATA, "runs": 1} | of_data(of_folder(folder))
        )
        for arm in ARMS:
            found = runs[(runs["contacts"] == name) & (runs["arm"] == arm)]
            measured = found.drop(columns=["contacts", "arm"])
            row = {"contacts": name, "arm": arm, "runs": len(found)}
            rows.append(row | measured.mean().to_dict() | _intervals(measured))
    return pd.DataFrame(rows)


def _intervals(measured: pd.DataFrame) -> dict[str, float]:
    """Return the 95 % intervals of the means over seeds, by Student's t."""
    found = {}
    for name in measured:
        low, high = mean_interval(measured[name].to_numpy(float))
        found |= {f"{name}_low": low, f"{name}_high": high}
    return found


def _folder(given: Path | None) -> Path:
    """Return the folder of the data.

    Raises
    ------
    InputError
        If nobody says where it is, or a file is not there.
    """
    named = os.environ.get("OS_SOCIETY_DATA", "")
    folder = given or (Path(named) if named else None)
    if folder is None:
        raise InputError("no data: say --data FOLDER, or set OS_SOCIETY_DATA to it")
    for file in (folder / name for names in FILES.values() for name in names):
        if not file.is_file():
            raise InputError(f"no file {file}; see experiments/contacts/README.md")
    return folder


def main() -> int:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description="The study 'contacts'.")
    parser.add_argument("--small", action="store_true", help="the small version")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--data", type=Path, help="folder of the data")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    seeds, days = (1, 3) if args.small else (10, 60)
    try:
        rows = table(_folder(args.data), seeds, days, args.workers)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    place = HERE / "small.csv" if args.small else RESULTS / "contacts.csv"
    return kept_or_compared({place: rows}, args.check)


if __name__ == "__main__":
    sys.exit(main())
