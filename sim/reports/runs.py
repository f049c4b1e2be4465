"""The report of a run."""

from __future__ import annotations

import math

from sim.html import Html, Section, element, page, pairs, paragraph
from sim.parameters import Parameters
from sim.reports import birth, happenings, settings, speech
from sim.reports.figures import figures
from sim.reports.pictures import shown
from sim.reports.words import counted, listed, number, per_cent
from sim.results import Result
from sim.scenarios import Scenario

LIMITS = (
    "One run is one random realisation. What happens in it need not happen in another "
    "with the same parameters; os-society check and os-society sweep look at many.",
    "Days are counted from the first day of the society; they are no dates.",
    "Figures of a large society show a neighbourhood of it, and say so.",
)
# Events that are named at the top, if they happened.
STORY = (
    ("first_love", "the first love"),
    ("clustering", "OSes' turn to each other"),
    ("upgrade", "the first upgrade"),
    ("first_departure", "the first departure"),
    ("grief_peak", "the height of grief"),
)


def report(result: Result) -> str:
    """Return the report of a run, a whole page of HTML.

    Raises
    ------
    InputError
        If the run is not complete, or of a version that this one cannot read.
    """
    happenings.check(result)
    known = result.provenance
    name = f"{known.get('scenario')}, seed {known.get('seed')}"
    scenario = happenings.scenario_of(result)
    sections = [
        Section("run", "What was run", [*_run(result, scenario)]),
        Section("events", "What happened", happenings.events(result)),
        Section("figures", "Figures", _figures(result)),
        Section("numbers", "Numbers", happenings.numbers(result)),
    ]
    if scenario is not None and scenario.expectations:
        expected = happenings.expectations(result, scenario)
        sections.append(Section("expected", "What was expected", expected))
    if spoken := speech.speech(result):
        sections.append(Section("speech", "What the cast said", spoken))
    digest = str(known.get("source_digest"))
    cited = birth.citation((known.get("software") or {}), digest)
    sections += [
        Section("limits", "Limits", birth.limits(LIMITS)),
        Section("provenance", "Provenance", birth.provenance(result)),
        Section("cite", "How to cite", cited),
    ]
    title = f"{name}: report of a run of OS Society"
    return page(title, f"Report of a run: {name}", _lead(result), sections)


def _lead(result: Result) -> list[Html]:
    """Return what became of the society, in a few sentences."""
    days, people = len(result.series), counted(result.population, "human")
    sentences = [f"{people} over {counted(days, 'day')}."]
    if days:
        last, most = result.series.iloc[-1], float(result.series["adopted"].max())
        sentences.append(f"At the height, {per_cent(most)} of them had an OS.")
        oses, gone = counted(last["oses"], "OS"), number(last["departed"])
        sentences.append(f"Of {oses} that came to be, {gone} had departed in the end.")
    row = happenings.found(result)
    dates = [
        f"{what} on day {row[k]:,.0f}" for k, what in STORY if not math.isnan(row[k])
    ]
    if dates:
        sentences.append(f"The detectors of events date {listed(dates)}.")
    return [paragraph(" ".join(sentences), class_="lead")]


def _run(result: Result, scenario: Scenario | None) -> list[Html]:
    known = result.provenance
    rows: list[tuple[object, object]] = [("Scenario", known.get("scenario"))]
    if scenario is not None:
        rows.append(("Title", scenario.title))
        rows.append(("Story", " ".join(scenario.story.split())))
        rows.append(("Its sources", "; ".join(scenario.sources)))
    else:
        rows.append(
            ("Story", "not known: no scenario of this name comes with the package")
        )
    rows += [
        ("Profile of the OSes", known.get("profile", "not recorded")),
        ("Humans", f"{result.population:,}"),
        ("Days", f"{known.get('steps') or 0:,}"),
        ("Seed of all random numbers", known.get("seed")),
        ("Who knows whom", _network(result)),
        ("Minds", _mind(result)),
        ("Snapshots", counted(len(result.steps), "day")),
    ]
    usual = None if scenario is None else scenario.parameters.model_dump(mode="json")
    values = known.get("parameters") or {}
    return [
        pairs(rows),
        element("h3", "Parameters"),
        *_parameters(values, usual),
        element("h3", "Interventions"),
        *settings.interventions(known.get("interventions") or []),
    ]


def _parameters(
    values: dict[str, object], usual: dict[str, object] | None
) -> list[Html]:
    """Return what differs from the defaults, and what is not as the scenario has it."""
    tables = settings.parameter_tables(values, usual)
    differing = [n for n, v in (usual or {}).items() if n in values and values[n] != v]
    back = [n for n in differing if values[n] == Parameters().model_dump()[n]]
    if back:
        note = f"Set by the scenario, but not in this run: {', '.join(back)}."
        tables.append(paragraph(note, class_="note"))
    return tables


def _network(result: Result) -> str:
    network = result.provenance.get("network")
    if not network:
        return "a network made by the model"
    digest = str(network.get("sha256"))[:16]
    return f"read from {network.get('name')} (SHA-256 {digest})"


def _mind(result: Result) -> str:
    mind = result.provenance.get("mind")
    if not mind:
        return "all agents follow the rules"
    model = mind.get("model")
    return f"a cast speaks through the model {model}; the others follow the rules"


def _figures(result: Result) -> list[Html]:
    pictures = figures(result)
    if not pictures:
        return [paragraph("The run has no days, so that there is nothing to draw.")]
    return [shown(picture) for picture in pictures]
