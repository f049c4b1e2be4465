"""The report of a sweep: outcomes by level, with intervals over seeds."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from sim import scenarios
from sim.reports import effects, maps, provenance
from sim.reports.effects import MOST_LEVELS, SAMPLED, Levels, arms_of, in_words, levels
from sim.reports.provenance import described, evidence
from sim.studies import design, outcomes
from sim.studies.design import Design, interventions_of_lever
from sim.studies.job import DONE
from sim.studies.sweeps import DAMAGED, Sweep
from sim.utils.html import Html, Section, code, element, page, pairs, paragraph, table
from sim.utils.provenance import SOFTWARE
from sim.utils.stats import doubt, mean_interval
from sim.utils.text import NONE, counted, exact, listed, number, size

ACROSS = 6  # outcomes, or values of a factor, that are columns of one table


def by_factor(found: Levels, factor: str, names: Sequence[str]) -> list[Html]:
    """Return tables of the mean outcomes for each value of a factor."""
    shown = dict(list(found.items())[:MOST_LEVELS])
    more = len(found) - len(shown)
    note = (
        [paragraph(f"{more:,} more values of {factor} are left out.")] if more else []
    )
    if len(names) > ACROSS >= len(shown):
        rows = [(n, *(cell(runs, n) for runs in shown.values())) for n in names]
        return [table(f"Outcomes by {factor}", ("outcome", *shown), rows), *note]
    parts = [names[at : at + ACROSS] for at in range(0, len(names), ACROSS)]
    tables = []
    for at, part in enumerate(parts, 1):
        rows = [(v, *(cell(runs, n) for n in part)) for v, runs in shown.items()]
        which = f" (part {at} of {len(parts)})" if len(parts) > 1 else ""
        tables.append(table(f"Outcomes by {factor}{which}", (factor, *part), rows))
    return [*tables, *note]


def cell(runs: pd.DataFrame, name: str) -> str:
    """Return the mean of an outcome, its interval, and how many runs have it.

    The mean is of the means of seeds; the interval is of that mean over seeds.
    """
    values = runs[name].astype(float)
    have = int(values.notna().sum())
    if not have:
        return NONE
    by_seed = values.groupby(runs["seed"]).mean().dropna().to_numpy(float)
    text = number(by_seed.mean())
    if len(by_seed) > 1:
        low, high = mean_interval(by_seed)
        text += "" if math.isnan(low) else f" ({number(low)} to {number(high)})"
    return text if have == len(runs) else f"{text}; {have:,} of {len(runs):,} runs"


def overall(runs: pd.DataFrame, names: Sequence[str]) -> list[Html]:
    """Return each outcome over all runs of a sweep that are done."""
    known = [name for name in names if runs[name].notna().any()]
    rows = []
    for name in known:
        values = runs[name].astype(float)
        ends = number(values.min()), number(values.max())
        rows.append((name, cell(runs, name), *ends, outcomes.meaning(name)))
    heads = ("outcome", "mean (95 % interval)", "least", "most", "meaning")
    never = [name for name in names if name not in known]
    caption = f"Outcomes over {counted(len(runs), 'run')}"
    tables = [table(caption, heads, rows)] if rows else []
    if never:
        tables.append(paragraph(f"No run has a value of: {', '.join(never)}."))
    return tables


def is_parameter(name: str) -> bool:
    """Tell whether a factor is a parameter, not a scenario, network, lever or mind."""
    return name not in design.FACTORS


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
    "lever": "a named intervention, and the day on which it begins",
    "mind": "through what a cast speaks",
}
MOST_FAILURES = 20
MOST_ARMS = 12  # with a table each
ARMS = (
    "There are {}: scenarios, networks, levers or minds, and what they are combined "
    "with. No mean is over several of them."
)
LIMITS = (
    "Runs that failed or are not done are left out of all means; if they are the "
    "extreme ones, the means mislead.",
    "An interval is over the seeds of this sweep: it tells how far randomness "
    "moves the mean, not how far the model is from the world. With few seeds it is "
    "too narrow.",
    "A table by one factor averages over all values of the other parameters, as the "
    "design has them, and never over several scenarios, networks, levers or minds.",
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
    cited = provenance.citation({}, str(about["source"]))
    sections = [
        Section("design", "What was varied", _design(design)),
        Section("state", "What was run", _state(sweep, runs)),
        Section("outcomes", "Outcomes", _outcomes(design, done, names)),
        Section("maps", "Figures", maps.section(_figures(sweep, done, names))),
        Section("limits", "Limits", provenance.limits(LIMITS)),
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
        ("Scenario", in_words("scenario", design.scenario)),
        *_story(design),
        (
            "Who knows whom",
            in_words("network", design.network or "made by the model"),
        ),
        ("Lever", design.lever),
        ("Mind", in_words("mind", design.mind) if design.mind else "the rules"),
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
    rows, kind = [], design.parameters()
    for name in design.varied:
        known = ("-", "-", BESIDES.get(name.partition(".")[0], ""), "-")
        if is_parameter(name):
            known = described(name, kind)
        rows.append((code(name), _values(design, name), *known))
    if not rows:
        return []
    heads = ("factor", "values", "unit", "range", "meaning", "source")
    caption = "What varies; the range is what the model allows"
    cited = evidence(filter(is_parameter, design.varied))
    return [table(caption, heads, rows), *cited]


def _levers(design: Design) -> list[Html]:
    """Return what each lever of the design changes, and when."""
    names = [design.lever, *_given(design, "lever")]
    interventions = [
        one for name in dict.fromkeys(names) for one in interventions_of_lever(name)
    ]
    declared = [one.model_dump(mode="json") for one in interventions]
    return provenance.interventions(declared) if declared else []


def _given(design: Design, name: str) -> list[Any]:
    """Return the values that a grid or a list gives a factor."""
    listed = [one[name] for one in design.listed or [] if name in one]
    return [*(design.grid or {}).get(name, []), *listed]


def _values(design: Design, name: str) -> str:
    sample = design.lhs or design.sobol or design.morris
    if sample is not None:
        low, high = sample.ranges[name]
        return f"{exact(low)} to {exact(high)}, sampled"
    values = [in_words(name, value) for value in _given(design, name)]
    return "; ".join(dict.fromkeys(values))


def _base(design: Design) -> list[Html]:
    kind = design.parameters()
    usual = kind().model_dump()
    if not design.base:
        return [paragraph("No parameter is fixed for the whole sweep.")]
    rows = [
        (code(name), exact(value), exact(usual[name]), *described(name, kind))
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
            ", ".join(f"{n} {in_words(n, one[n])}" for n in names),
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
    interval = (
        "in brackets with its 95 % interval over seeds (Student's t of the means "
    )
    interval += f"of {seeds:,} seeds), unless all seeds have the same"
    interval += f"; {doubt(seeds)}" if doubt(seeds) else ""
    alone = "without an interval, since there is one seed only"
    about = paragraph(f"Each number is a mean, {interval if seeds > 1 else alone}.")
    arms = arms_of(done, design)
    found = [about]
    if len(arms) > 1:
        found.append(paragraph(ARMS.format(counted(len(arms), "arm"))))
    for arm, runs in list(arms.items())[:MOST_ARMS]:
        found += [element("h3", arm)] * (len(arms) > 1) + overall(runs, names)
    shown = [name for name in names if done[name].notna().any()]
    for factor in design.varied:
        by = levels(done, factor, design.form in SAMPLED)
        if len(by) > 1:
            found.append(element("h3", f"By {factor}"))
            found += by_factor(_within(by, arms, factor), factor, shown)
    return found


def _within(by: Levels, arms: Levels, factor: str) -> Levels:
    """Return the runs by level and arm, so that no mean is over several arms."""
    if len(arms) < 2:
        return by
    if not is_parameter(factor):
        by = {"": pd.concat(list(by.values()))}
    found = {}
    for level, runs in by.items():
        for arm, those in arms.items():
            rows = runs[runs.index.isin(those.index)]
            if len(rows):
                found[f"{level}; {arm}".removeprefix("; ")] = rows
    return found


def _figures(sweep: Sweep, done: pd.DataFrame, names: Sequence[str]) -> list[Html]:
    """Return each outcome by factor, then maps or sensitivities."""
    found = effects.figures(done, sweep.design, names)
    arms = arms_of(done, sweep.design)
    if sweep.design.form in ("sobol", "morris") and len(arms) < 2:
        return [*found, *maps.bars(sweep, done, names)]
    return [*found, *maps.maps(sweep, arms, names)]


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
        ("Software", provenance.software(recorded, str(about["source"]))),
        ("Source digest", about["source"]),
        ("Design digest", _design_digest(about)),
        ("Digest of all outcomes", provenance.short(digest)),
        ("Created", about["created"]),
        *_times(ledger),
        *(("Libraries", _libraries(text)) for text in versions),
        ("Report by", provenance.report_by()),
    ]
    return [pairs(rows)]


def _design_digest(about: dict[str, Any]) -> str:
    text = json.dumps(about["design"], sort_keys=True)
    return provenance.short(hashlib.sha256(text.encode()))


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
