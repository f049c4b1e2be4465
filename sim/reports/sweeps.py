"""The report of a sweep."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pandas as pd

from sim import scenarios
from sim.html import (
    Html,
    Section,
    code,
    element,
    page,
    pairs,
    paragraph,
    table,
)
from sim.parameters import Parameters
from sim.provenance import SOFTWARE
from sim.reports import birth, levels, maps, settings
from sim.reports.settings import described, evidence
from sim.reports.words import counted, exact, listed, number, size
from sim.sweeps import Sweep, factors
from sim.sweeps.designs import Design
from sim.sweeps.reading import DAMAGED
from sim.sweeps.work import DONE

FORMS = {
    "grid": "every combination of the values",
    "list": "a list of points",
    "lhs": "a Latin hypercube",
    "sobol": "Saltelli's points for Sobol indices",
    "morris": "Morris' trajectories",
    "one": "a single point",
}
BESIDES = {
    "scenario": "where the society starts from",
    "network": "who knows whom on day 0",
    "lever": "a policy, and the day on which it is pulled",
    "mind": "through what a cast speaks",
}
SAMPLED = ("lhs", "sobol", "morris")
MOST_FAILURES = 20
LIMITS = (
    "Runs that failed or are not done are left out of all means; if they are the "
    "extreme ones, the means mislead.",
    "An interval is over the seeds of this sweep: it tells how far randomness "
    "moves the mean, not how far the model is from the world. With few seeds it is "
    "too narrow.",
    "A table by one factor averages over all values of the others, as the design "
    "has them.",
    "The day of an event is averaged over the runs in which it happened.",
)


def report(sweep: Sweep) -> str:
    """Return the report of a sweep, a whole page of HTML.

    Raises
    ------
    InputError
        If the sweep is damaged, or its design refers to what is no longer there.
    """
    about, design, runs = sweep.about, sweep.design, sweep.table()
    done = runs[runs["state"] == DONE]
    names = [name for name in sweep.outcomes if name in done]
    cited = birth.citation({}, str(about["source"]))
    sections = [
        Section("design", "What was varied", _design(design)),
        Section("state", "What was run", _state(sweep, runs)),
        Section("outcomes", "Outcomes", _outcomes(design, done, names)),
        Section("maps", "Figures", maps.section(maps.maps(sweep, done, names))),
        Section("limits", "Limits", birth.limits(LIMITS)),
        Section("provenance", "Provenance", _provenance(sweep)),
        Section("cite", "How to cite", cited),
    ]
    title = f"{about['name']}: report of a sweep of OS Society"
    return page(title, f"Report of a sweep: {about['name']}", _lead(sweep), sections)


def _lead(sweep: Sweep) -> list[Html]:
    design, counts = sweep.design, sweep.counts()
    points, seeds = design.layout().total, len(design.seed_list)
    varied = listed([*design.varied]) or "nothing"
    lead = f"The sweep varies {varied}: {counted(points, 'point')} on "
    lead += f"{counted(seeds, 'seed')} each, {counted(len(sweep), 'run')} in all. "
    done = counts.get(DONE, 0)
    lead += "All are done." if done == len(sweep) else f"{done:,} of them are done."
    return [paragraph(lead, class_="lead")]


# --------------------------------------------------------------------------- design


def _design(design: Design) -> list[Html]:
    rows: list[tuple[object, object]] = [
        ("Layout", FORMS[design.form]),
        ("Points", f"{design.layout().total:,}"),
        ("Seeds of each point", _seeds(design.seed_list)),
        ("Scenario", levels.in_words("scenario", design.scenario)),
        *_story(design),
        (
            "Who knows whom",
            levels.in_words("network", design.network or "made by the model"),
        ),
        ("Lever", design.lever),
        ("Mind", levels.in_words("mind", design.mind) if design.mind else "the rules"),
        ("Runs kept in full", "yes" if design.keep_runs else "no, outcomes only"),
    ]
    return [pairs(rows), *_factors(design), *_levers(design), *_base(design)]


def _seeds(seeds: list[int]) -> str:
    if seeds == list(range(len(seeds))) and len(seeds) > 1:
        return f"{len(seeds)}, from 0 to {len(seeds) - 1}"
    return ", ".join(map(str, seeds))


def _story(design: Design) -> list[tuple[object, object]]:
    if "scenario" in design.varied or design.scenario not in scenarios.names():
        return []
    scenario = scenarios.load(design.scenario)
    return [("Title", scenario.title), ("Story", " ".join(scenario.story.split()))]


def _factors(design: Design) -> list[Html]:
    rows = []
    for name in design.varied:
        known = ("-", "-", BESIDES.get(name, ""), "-")
        if levels.is_parameter(name):
            known = described(name)
        rows.append((code(name), _values(design, name), *known))
    if not rows:
        return []
    heads = ("factor", "values", "unit", "range", "meaning", "source")
    caption = "What varies; the range is what the model allows"
    cited = evidence(filter(levels.is_parameter, design.varied))
    return [table(caption, heads, rows), *cited]


def _levers(design: Design) -> list[Html]:
    """Return what each lever of the design changes, and when."""
    names = [design.lever, *_given(design, "lever")]
    pulled = [one for name in dict.fromkeys(names) for one in factors.pulled(name)]
    declared = [one.model_dump(mode="json") for one in pulled]
    return settings.interventions(declared) if declared else []


def _given(design: Design, name: str) -> list[Any]:
    """Return the values that a grid or a list gives a factor."""
    listed = [one[name] for one in design.listed or [] if name in one]
    return [*(design.grid or {}).get(name, []), *listed]


def _values(design: Design, name: str) -> str:
    sample = design.lhs or design.sobol or design.morris
    if sample is not None:
        low, high = sample.ranges[name]
        return f"{exact(low)} to {exact(high)}, sampled"
    values = [levels.in_words(name, value) for value in _given(design, name)]
    return "; ".join(dict.fromkeys(values))


def _base(design: Design) -> list[Html]:
    usual = Parameters().model_dump()
    if not design.base:
        return [paragraph("No parameter is fixed for the whole sweep.")]
    rows = [
        (code(name), exact(value), exact(usual[name]), *described(name))
        for name, value in design.base.items()
    ]
    heads = ("parameter", "value", "default", "unit", "range", "meaning", "source")
    return [table("Parameters fixed for the whole sweep", heads, rows)]


# ---------------------------------------------------------------------------- state


def _state(sweep: Sweep, runs: pd.DataFrame) -> list[Html]:
    counts = sweep.counts()
    if damaged := int((runs["state"] == DAMAGED).sum()):
        counts |= {DAMAGED: damaged, DONE: counts.get(DONE, 0) - damaged}
    rows = [(state, f"{count:,}") for state, count in sorted(counts.items())]
    found = [table(f"States of {counted(len(sweep), 'run')}", ("state", "runs"), rows)]
    failures = sweep.failures()
    if failures.empty:
        return [*found, paragraph("No run failed.")]
    kinds = failures.groupby(["stage", "reason"]).agg(
        runs=("run", "size"), example=("error", "first")
    )
    records: Any = kinds.reset_index().to_dict("records")
    lines = [(o["reason"], o["stage"], f"{o['runs']:,}", o["example"]) for o in records]
    heads = ("reason", "while", "runs", "for example")
    caption = "Runs that failed, by reason"
    return [*found, table(caption, heads, lines), _failed(runs, sweep.design)]


def _failed(runs: pd.DataFrame, design: Design) -> Html:
    """Return where in the design runs failed, or are damaged."""
    failed = runs[runs["state"] != DONE]
    some: Any = failed.head(MOST_FAILURES).to_dict("records")
    names = [*design.varied, "seed"]
    rows = [
        (
            one["run"][:8],
            ", ".join(f"{n} {levels.in_words(n, one[n])}" for n in names),
            one["error"],
        )
        for one in some
    ]
    caption = f"The first {len(rows)} of {counted(len(failed), 'run')} without outcomes"
    return table(caption, ("run", "where", "why"), rows)


# ------------------------------------------------------------------------- outcomes


def _outcomes(design: Design, done: pd.DataFrame, names: list[str]) -> list[Html]:
    if done.empty:
        return [paragraph("No run is done yet.")]
    seeds = done["seed"].nunique()
    interval = "in brackets with its 95 % interval over seeds (bootstrap of the means "
    interval += f"of {seeds:,} seeds)"
    alone = "without an interval, since there is one seed only"
    about = paragraph(f"Each number is a mean, {interval if seeds > 1 else alone}.")
    found = [about, *levels.overall(done, names)]
    shown = [name for name in names if done[name].notna().any()]
    for factor in design.varied:
        by = levels.levels(done, factor, design.form in SAMPLED)
        if len(by) > 1:
            found.append(element("h3", f"By {factor}"))
            found += levels.by_factor(by, factor, shown)
    return found


# ----------------------------------------------------------------------- provenance


def _provenance(sweep: Sweep) -> list[Html]:
    about, ledger = sweep.about, sweep.ledger()
    versions = sorted(set(ledger["versions"]))
    digest = hashlib.sha256()
    done = ledger[ledger["state"] == DONE].sort_values("run")
    for run, part in zip(done["run"], done["digest"], strict=True):
        digest.update(f"{run} {part}\n".encode())
    recorded = (
        json.loads(versions[0]).get(SOFTWARE, "") if versions else "not installed"
    )
    rows: list[tuple[object, object]] = [
        ("Software", birth.software(recorded, str(about["source"]))),
        ("Source digest", about["source"]),
        ("Design digest", _design_digest(about)),
        ("Digest of all outcomes", birth.short(digest)),
        ("Created", about["created"]),
        *_times(ledger),
        *(("Libraries", _libraries(text)) for text in versions),
        ("Report by", birth.report_by()),
    ]
    return [pairs(rows)]


def _design_digest(about: dict[str, Any]) -> str:
    text = json.dumps(about["design"], sort_keys=True)
    return birth.short(hashlib.sha256(text.encode()))


def _times(ledger: pd.DataFrame) -> list[tuple[object, object]]:
    if ledger.empty:
        return []
    seconds, kept = float(ledger["seconds"].sum()), ledger["bytes"].fillna(0).sum()
    return [
        ("First run finished", ledger["finished"].min()),
        ("Last run finished", ledger["finished"].max()),
        ("Time of all runs", f"{number(seconds)} s"),
        ("Outcomes on disk", size(int(kept))),
    ]


def _libraries(text: str) -> str:
    return ", ".join(f"{name} {version}" for name, version in json.loads(text).items())
