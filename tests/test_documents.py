"""Documents agree with the code: files exist, names are found, numbers are current."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from sim import events, scenarios
from sim.events import detector
from sim.studies.ablation import MOSTLY

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "sim" / "docs"
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "notebooks" / "README.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((ROOT / "experiments").rglob("*.md")),
]
FILE = re.compile(r"`([\w./-]+/[\w./-]*|[\w./-]+\.(?:py|md|toml|csv|json|jsonl|png))`")
# What a run or a user makes, or a document says is fetched or gone.
MADE = {
    ".venv/bin/os-society",
    "provenance.json",
    "design.toml",
    "small.csv",
    "results/runs/",
}
MADE |= {"copenhagen/calls.csv", "copenhagen/sms.csv"}
MADE |= {
    f"workplace/workplace_InVS15_{name}" for name in ("tij.dat.gz", "metadata.txt")
}
MADE |= {"build/docs/html", "calm.py", "friends.csv", "mine.toml", "phrases.toml"}
MADE |= {"society.json", "unfinished.json", "digests.json"}
MADE |= {"ego-facebook.csv.gz", "readings.parquet", "results/ablation-pairs.csv"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    """Return a document with its white space as single blanks."""
    return " ".join(path.read_text(encoding="utf-8").split())


def rows_of(name: str) -> list[dict[str, str]]:
    with (ROOT / "results" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ------------------------------------------------------------------ files and names


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_file_that_is_named_is_there(document: Path) -> None:
    places = (ROOT, ROOT / "sim", document.parent, DOCS)
    named = set(FILE.findall(document.read_text(encoding="utf-8"))) - MADE
    missing = [one for one in named if not any((at / one).exists() for at in places)]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_link_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
    assert not [one for one in links if not (document.parent / one).exists()]


def test_the_map_has_every_package() -> None:
    text = (DOCS / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \|.*\| `([\w./]+)` \|$", text, re.MULTILINE)
    packages = {one.parent.name for one in (ROOT / "sim").glob("*/__init__.py")}
    assert {package for package, _ in named} == packages
    assert all(first.startswith(f"{package}/") for package, first in named)


def test_the_map_finds_what_it_says() -> None:
    """Every line of "where is ..." names a file that has what to look for."""
    text = (DOCS / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| [^`|]+ \| `([\w./]+)` \| `(\w+)` \|$", text, re.MULTILINE)
    assert len(lines) > 10
    for place, word in lines:
        path = ROOT / "sim" / place
        files = path.glob("*.py") if path.is_dir() else [path]
        assert any(re.search(rf"\b{word}\b", one.read_text("utf-8")) for one in files)


# ---------------------------------------------------------------------------- numbers


def test_the_readme_counts_detectors_and_their_false_alarms() -> None:
    alarms = [kind for kind, one in events.DETECTORS.items() if one.alarm]
    bounds = [detector.of(kind).bound for kind in alarms]
    said = f"of {len(events.DETECTORS)} detectors {len(alarms)} raise alarms"
    assert said in text_of(ROOT / "README.md")
    bound = f"alarms is {min(bounds):.2f} to {max(bounds):.2f} per 1,000 days"
    assert bound in text_of(ROOT / "README.md")
    shipped = detector.read()
    assert len(shipped["nulls"]) == 8
    assert f"eight null models, {shipped['runs_per_null']} runs of each" in text_of(
        ROOT / "README.md"
    )


def test_the_changelog_counts_detectors_and_scenarios() -> None:
    text = text_of(ROOT / "CHANGELOG.md")
    assert f"Detectors of {len(events.DETECTORS)} kinds of events" in text
    # her and its three controls, fifteen more, `today`, and the film cut
    assert "fifteen more scenarios" in text
    assert "`her-film-cut`" in text
    assert "`characterai-2025`" in text
    assert "`her-instances`" in text
    assert len(scenarios.names()) == 4 + 15 + 4


def test_the_ablation_says_what_its_table_says() -> None:
    text = text_of(ROOT / "experiments" / "ablation" / "README.md")
    rows = [row for row in rows_of("ablation.csv") if row["off"] != "nothing"]
    necessary = [row["off"] for row in rows if float(row["left"]) < MOSTLY]
    assert len(necessary) == 9
    assert all(name in text for name in necessary)
    change = {r["off"]: abs(float(r["left_change"])) for r in rows}
    others = [change[r["off"]] for r in rows if r["off"] not in necessary]
    others.remove(change["imitation"])
    assert f"{100 * change['imitation']:.0f} points fewer leave" in text
    assert f"by {np.ceil(100 * max(others)):.0f} points at most" in text


def test_the_pairs_say_what_their_table_says() -> None:
    text = text_of(ROOT / "experiments" / "ablation" / "README.md")
    rows = {row["off"]: row for row in rows_of("ablation-pairs.csv")}
    alone = {name for name in rows if " + " not in name} - {"nothing"}
    both = len(rows) - len(alone) - 1
    assert f"{both} pairs of {len(alone)}, {rows['touch']['runs']} seeds" in text

    def later(name: str) -> str:
        ends = [float(rows[name][f"later{end}"]) for end in ("", "_low", "_high")]
        return "{:.0f} ({:.0f} to {:.0f})".format(*ends)

    days = later("imitation").replace(" ", " days later ", 1)
    assert f"Without imitation it comes {days}" in text
    assert f"without conformity {later('conformity')}" in text
    assert f"without both {later('imitation + conformity')}" in text
    one = "upgrade speed + conformity"
    assert f"upgrade speed and conformity, {later(one)}, where" in text
    others = alone - {"imitation", "conformity"}
    most = max(abs(float(rows[name]["later"])) for name in others)
    usual = float(rows["nothing"]["half"])
    assert f"within {np.ceil(most):.0f} days of the usual {usual:.0f}" in text


def test_the_phase_map_says_what_its_table_says() -> None:
    text = text_of(ROOT / "experiments" / "phase" / "README.md")
    half: dict[tuple[float, float], list[float]] = {}
    for row in rows_of("phase.csv"):
        at = float(row["growth_exponent"]), float(row["peer_affinity"])
        day = float(row["half_departed"])
        half.setdefault(at, []).append(day if row["half_observed"] == "True" else 1e9)
    least = {1.5: 0.5, 1.0: 0.75, 0.5: 1.25}  # by worth, the exponent it takes
    for (exponent, worth), days in half.items():
        if worth in least:
            assert (max(days) <= 1500) == (exponent >= least[worth])
        assert (max(days) <= 4500) or worth < 1.0
        assert min(days) > 4500 or worth > 0.0
    assert all(
        (max(d) <= 4500) == (k >= 0.75) for (k, p), d in half.items() if p == 0.5
    )
    first = [sum(d <= 4500 for d in half[k, 0.25]) for k in (1.1, 1.25, 1.5)]
    assert first == [0, 1, 2]
    days = half[0.0, 1.0]
    assert f"of 1 on day {min(days):,.0f} to {max(days):,.0f}" in text


def test_false_alarms_of_the_society_are_those_of_their_table() -> None:
    text = text_of(ROOT / "experiments" / "false_alarms" / "README.md")
    alarms, runs = 0, dict[tuple[str, str], int]()
    for row in rows_of("false-alarms.csv"):
        if not row["off"].startswith("nothing"):
            alarms += int(row["alarms"])
            runs[row["off"], row["humans"]] = int(row["runs"])
    assert alarms == 0
    assert f"No false alarm in {sum(runs.values())} runs" in text


def test_the_readme_counts_facts_as_the_evidence_does() -> None:
    rows = rows_of("evidence.csv")
    checks = [row["within"] == "True" for row in rows if row["role"] == "check"]
    aimed = [row["within"] == "True" for row in rows if row["role"] == "calibration"]
    text = text_of(ROOT / "README.md")
    assert f"Of the {len(checks)} facts that were kept as checks, {sum(checks)}" in text
    assert f"Of {len(aimed)} that parameters were set by, {sum(aimed)} do" in text
    assert f"{len(rows) - len(checks) - len(aimed)} more are parameters read" in text
