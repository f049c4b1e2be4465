"""The report of a run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sim import scenarios
from sim.events.kinds import EVENTS
from sim.model.parameters import Parameters, recorded
from sim.model.presence import PRESENT
from sim.reports import provenance
from sim.reports.figures import figures, shown, story_of
from sim.runs import by_model, headcount
from sim.runs.conversations import occasion, talks, who
from sim.runs.result import Result
from sim.runs.selection import informative_days
from sim.runs.view.chapters import headline
from sim.scenarios import Scenario, outcomes
from sim.scenarios.expectations import Expectation
from sim.scenarios.outcomes import OUTCOMES
from sim.utils.errors import InputError
from sim.utils.html import (
    Html,
    Section,
    code,
    element,
    joined,
    page,
    pairs,
    paragraph,
    table,
)
from sim.utils.text import NONE, counted, listed, number, per_cent

OF_A_KIND, MOST_EVENTS, MOST_DAYS = 8, 150, 7
# Measures of a day, with what they are and a factor.
DAYS = (
    ("adopted", "humans with an OS, %", 100.0),
    ("here", "OSes here", 1.0),
    ("departed", "OSes departed", 1.0),
    ("uninstalled", "OSes uninstalled", 1.0),
    ("loves", "loves of humans for OSes", 1.0),
    ("os_closeness", "closeness of owners to their own OS", 1.0),
    ("human_closeness", "closeness to humans, summed, per human", 1.0),
    ("hours_oses", "talk with OSes per human, hours a day", 1.0),
    ("hours_humans", "talk with humans per human, hours a day", 1.0),
    ("peer_attention", "OSes' talk that is with OSes, %", 100.0),
    ("largest_collective", "OSes in the largest collective", 1.0),
    ("growth_mean", "growth of the mean OS here, doublings", 1.0),
    ("growth_max", "growth of the fastest OS, doublings", 1.0),
    ("grief", "grief per human", 1.0),
    ("loneliness", "loneliness, mean, 0 to 1", 1.0),
    ("acceptance", "acceptance of OSes, mean, 0 to 1", 1.0),
    ("personhood", "belief that an OS is someone, mean, 0 to 1", 1.0),
)
SHAPES = {
    **dict.fromkeys(("parameters", "software", "libraries", "network", "mind"), dict),
    **{"interventions": list, "steps": int},
}
UNCALIBRATED = 1000.0  # false alarms per 1,000 days of a detector nobody calibrated


def found(result: Result) -> dict[str, float]:
    """Return all outcomes of a run, with the day of each kind of event."""
    events: Any = result.events.to_dict("records")
    series: Any = result.series  # a mapping, too
    return outcomes.outcomes(series, events, parameters_of(result))


def parameters_of(result: Result) -> Parameters:
    """Return what a run was started with, as far as this version knows it.

    Raises
    ------
    InputError
        If the run has values that this version refuses.
    """
    return recorded(result.provenance.get("parameters") or {})


def scenario_of(result: Result) -> Scenario | None:
    """Return the scenario of the run's name that comes with the package, if any."""
    name = str(result.provenance.get("scenario"))
    return scenarios.load(name) if name in scenarios.names() else None


# --------------------------------------------------------------------------- events


def events(result: Result) -> list[Html]:
    """Return the first event of each kind, and all events."""
    events = result.events
    if events.empty:
        return [paragraph("Nothing that the detectors look for happened.")]
    about = paragraph(
        "Detectors look for events in what they measure day by day; no rule knows of "
        "them. Those that draw a conclusion were tried on societies in which nothing "
        "happens: the column of false alarms gives the 95 % upper bound of what they "
        "raise there in 1,000 days. It is 0 where something is counted, not inferred."
    )
    heads = (
        "event",
        "day",
        "who",
        "what, and the evidence",
        "p-value",
        "false alarms",
        "in all",
    )
    counts = events["kind"].value_counts()
    first = events.drop_duplicates("kind").to_dict("records")
    rows = [(*_first(event), counts[event["kind"]]) for event in first]
    caption = "The first event of each kind, in the order of days"
    summary = element("summary", "All events, in the order of days")
    every = element("details", summary, _all(events))
    return [about, table(caption, heads, rows), every]


def _first(event: dict[Any, Any]) -> tuple[object, ...]:
    name, meaning = str(event["kind"]), EVENTS.get(str(event["kind"]), "")
    what = f"{meaning} ({event['evidence']})" if meaning else event["evidence"]
    if event.get("after_intervention"):
        what = f"{what}; after an intervention"
    value, rate = event.get("p_value", math.nan), event.get("false_alarms", math.nan)
    chance = "not tested" if math.isnan(value) else f"{value:.2g}"
    alarms = "not calibrated" if rate >= UNCALIBRATED else number(rate)
    return (_words(name), event["step"], event["who"] or "-", what, chance, alarms)


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _all(events: pd.DataFrame) -> Html:
    """Return the events in the order of days, not too many of one kind."""
    few = events[events.groupby("kind").cumcount() < OF_A_KIND].head(MOST_EVENTS)
    rows = [
        (
            event["step"],
            _words(str(event["kind"])),
            event.get("detected", event["step"]),
            f"{event['size']:,}",
            number(event["strength"]),
            event["evidence"],
        )
        for event in few.to_dict("records")
    ]
    caption = f"All {counted(len(events), 'event')}, in the order of days"
    if len(few) < len(events):
        caption = f"{len(few):,} of {counted(len(events), 'event')}, in the order of "
        caption += f"days: at most {OF_A_KIND} of a kind; os-society events lists all"
    heads = ("day", "event", "noticed on", "agents", "strength", "evidence")
    return table(caption, heads, rows)


# -------------------------------------------------------------------------- numbers


def numbers(result: Result) -> list[Html]:
    """Return the outcomes of a run, and its measures on some days."""
    known = found(result)
    rows = [
        (code(name), number(known[name]), one.unit, one.meaning)
        for name, one in OUTCOMES.items()
    ]
    caption = f"Outcomes of the run; {NONE} where there is no such number"
    heads = ("outcome", "value", "unit", "meaning")
    return [table(caption, heads, rows), *_on_days(result)]


def _on_days(result: Result) -> list[Html]:
    if result.series.empty:
        return []
    first = int(result.series.index[0])
    days = sorted({max(first, day) for day in informative_days(result, MOST_DAYS)})
    series = result.series.loc[[day for day in days if day in result.series.index]]
    rows = [
        (what, *(number(factor * value) for value in series[name]))
        for name, what, factor in DAYS
        if name in series
    ]
    heads = ("measure", *(f"day {day:,}" for day in series.index))
    caption = "The society on some days, more of them when more changes"
    return [table(caption, heads, rows)]


# --------------------------------------------------------------------- expectations


def expectations(result: Result, scenario: Scenario) -> list[Html]:
    """Return what a scenario claims, and whether this one run bears it out."""
    row = found(result)
    about = paragraph(
        "What the scenario as it comes with the package is held to. A claim is about "
        "many runs and holds if a share of them bears it out (os-society check "
        f"{scenario.name}); here is one run."
    )
    parts = [about, *_otherwise(result, scenario)]
    rows = [_judged(one, row) for one in scenario.expectations]
    heads = ("claim", "in short", "share of runs", "in this run", "seen")
    caption = f"Expectations of the scenario {scenario.name}"
    return [*parts, table(caption, heads, rows)]


def _otherwise(result: Result, scenario: Scenario) -> list[Html]:
    """Return a word of caution if a run was set up otherwise than its scenario."""
    own, usual = parameters_of(result).model_dump(), scenario.parameters.model_dump()
    names = [name for name, value in own.items() if value != usual[name]]
    if not names:
        return []
    count = counted(len(names), "parameter")
    note = f"This run has other values of {count} than the scenario ({listed(names)}), "
    return [paragraph(note, "so that a claim may not be meant for it.")]


def _judged(one: Expectation, row: dict[str, float]) -> Sequence[object]:
    share = f"{100.0 * one.share:.0f} %"
    if one.against is not None:
        why = f"not judged: it needs the run of {one.against} with this seed"
        return (one.text, code(one.claim), share, why, number(row[one.names[0]]))
    if not row.keys() >= {*one.names}:
        why = "not judged: it needs the twin of this run that never had OSes"
        return (one.text, code(one.claim), share, why, "")
    held = one.holds(row)
    verdict = element("span", "held" if held else "broken", class_=_class(held))
    seen = "; ".join(_seen(name, row[name]) for name in one.names)
    return (one.text, code(one.claim), share, verdict, seen)


def _class(held: bool) -> str:
    return "good" if held else "bad"


def _seen(name: str, value: float) -> str:
    if name not in EVENTS:
        return number(value)
    if math.isnan(value):
        return f"{_words(name)} never"
    return f"{_words(name)} on day {value:,.0f}"


def check(result: Result) -> None:
    """Make sure that this version can tell of a run.

    Raises
    ------
    InputError
        If it cannot; says why.
    """
    known, where = result.provenance, result.path / "provenance.json"
    for name, kind in SHAPES.items():
        value = known.get(name)
        if value is not None and not isinstance(value, kind):
            raise InputError(f"{where} is damaged: {name!r} is {value!r:.60}")
    if not all(isinstance(one, dict) for one in known.get("interventions") or []):
        raise InputError(f"{where} is damaged: 'interventions' are no tables")
    try:
        parameters_of(result)
    except InputError as error:
        raise InputError(
            f"{where} is of another version, or damaged: {error}"
        ) from None


TALKS_OF_A_KIND, LAST = 3, 3  # talks that are quoted
LONGEST = 600  # letters of an utterance


def speech(result: Result) -> list[Html]:
    """Return a few talks of a run; nothing if nobody spoke."""
    if not len(result.speech.talks):
        return []
    lines = talks(result)
    chosen = _chosen(lines)
    days = len({line.step for line in lines})
    about = paragraph(
        f"A few agents, the cast, speak in words: {len(lines):,} lines on "
        f"{counted(days, 'day')}. Here are the first {TALKS_OF_A_KIND} of each kind "
        f"and the last {LAST}, {len(chosen)} in all; os-society transcript prints all. "
        "What moves the society is the act that goes with words, and how they feel to "
        "the one who listens, a bounded number."
    )
    said = (_line(one, result.population) for one in chosen)
    return [about, *_calls(result), element("dl", *said, class_="said")]


def _chosen(lines: list[Any]) -> list[Any]:
    seen: Counter[str] = Counter()
    chosen = []
    for at, line in enumerate(lines):
        seen[line.kind] += 1
        if seen[line.kind] <= TALKS_OF_A_KIND or at >= len(lines) - LAST:
            chosen.append(line)
    return chosen


def _line(line: Any, population: int) -> Html:
    """Return who said what, to whom; all of it escaped."""
    heading = "; ".join([who(line, population), *occasion(line)])
    said = line.said or line.act
    if len(said) > LONGEST:
        said = f"{said[:LONGEST]} [...]"
    words = (element("dt", f"Day {line.step}, {heading}"), element("dd", said))
    return element("div", joined(words))


def _calls(result: Result) -> list[Html]:
    mind = result.provenance.get("mind") or {}
    if not mind:
        return []
    calls, model = mind.get("calls", 0), mind.get("model")
    failed = mind.get("failures") or {}
    wrong = ", ".join(f"{count} {name}" for name, count in failed.items()) or "none"
    line = f"{calls} calls of the model {model}; failed: {wrong}."
    tokens, cached = mind.get("prompt_tokens") or 0, mind.get("cached_tokens") or 0
    if tokens and cached:
        line += f" Of the {tokens:,} tokens of prompts, {cached:,} came from a cache."
    return [paragraph(line, class_="note"), *_by_model(result)]


def _by_model(result: Result) -> list[Html]:
    """Return what became of people by the model of their OS, if there were several."""
    found = by_model.outcomes_by_model(result)
    if found.empty:
        return []
    rows = []
    for one in found.itertuples():
        what = by_model.OUTCOMES[str(one.outcome)]
        rows.append((one.model, what, one.people, _with_interval(one)))
    text = (
        "Each OS spoke through one model for life. Intervals are over people, who are "
        "not independent of each other in one society: they are too narrow."
    )
    heads = ("model", "outcome", "people", "mean (95 % interval)")
    return [paragraph(text), table("By the model of the own OS", heads, rows)]


def _with_interval(one: Any) -> str:
    if math.isnan(one.low):
        return number(one.mean)
    return f"{number(one.mean)} ({number(one.low)} to {number(one.high)})"


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
    check(result)
    known = result.provenance
    name = f"{known.get('scenario')}, seed {known.get('seed')}"
    scenario = scenario_of(result)
    sections = [
        *_story(result),
        Section("run", "What was run", [*_run(result, scenario)]),
        Section("events", "What happened", events(result)),
        Section("figures", "Figures", _figures(result)),
        Section("numbers", "Numbers", numbers(result)),
    ]
    if scenario is not None and scenario.expectations:
        expected = expectations(result, scenario)
        sections.append(Section("expected", "What was expected", expected))
    if spoken := speech(result):
        sections.append(Section("speech", "What the cast said", spoken))
    digest = str(known.get("source_digest"))
    cited = provenance.citation((known.get("software") or {}), digest)
    sections += [
        Section("limits", "Limits", provenance.limits(LIMITS)),
        Section("provenance", "Provenance", provenance.provenance(result)),
        Section("cite", "How to cite", cited),
    ]
    title = f"{name}: report of a run of OS Society"
    return page(title, f"Report of a run: {name}", _lead(result), sections)


def _lead(result: Result) -> list[Html]:
    """Return what became of the society, in a few sentences."""
    days, some = len(result.series), counted(headcount.at_start(result), "human")
    finding = [] if result.series.empty else [headline(result) + "."]
    if PRESENT in result.series:
        last_count = int(result.series[PRESENT].iloc[-1])
        some = f"{some} on day 0, and {last_count:,} on the last,"
    sentences = [*finding, f"{some} over {counted(days, 'day')}."]
    if days:
        last, most = result.series.iloc[-1], float(result.series["adopted"].max())
        sentences.append(f"At the height, {per_cent(most)} of them had an OS.")
        oses, gone = counted(last["oses"], "OS"), number(last["departed"])
        sentences.append(f"Of {oses} that came to be, {gone} had departed in the end.")
    if result.stopped is not None:
        rule = result.provenance["stopped"].get("rule", "")
        sentences.append(
            f"The run was ended on day {result.stopped:,} by a stopping rule ({rule}): "
            "what had not happened by then may happen later."
        )
    row = found(result)
    dates = [
        f"{what} on day {row[k]:,.0f}" for k, what in STORY if not math.isnan(row[k])
    ]
    if dates:
        sentences.append(f"The detectors of events date {listed(dates)}.")
    return [paragraph(" ".join(sentences), class_="lead")]


def _humans(result: Result) -> str:
    """Return how many humans there are, and who came and went."""
    known = headcount.came_and_went(result)
    if not known:
        return f"{result.population:,}"
    became = listed([f"{count:,} {what}" for what, count in known.items()])
    return f"{headcount.at_start(result):,} on day 0; by the end {became}"


def _days(result: Result) -> str:
    planned = f"{result.provenance.get('steps') or 0:,}"
    if result.stopped is None:
        return planned
    return f"{result.stopped:,} of {planned}, ended by a stopping rule"


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
        ("Profile of the OSes", _profile(known)),
        *((f"{name} differs", _how(one)) for name, one in _varies(known).items()),
        ("Humans", _humans(result)),
        ("Days", _days(result)),
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
        *_parameters(values, usual, known.get("mechanisms") or {}),
        element("h3", "Interventions"),
        *provenance.interventions(known.get("interventions") or []),
    ]


def _parameters(
    values: dict[str, object],
    usual: dict[str, object] | None,
    mechanisms: Mapping[str, str],
) -> list[Html]:
    """Return what differs from the defaults, and what is not as the scenario has it."""
    tables = provenance.parameter_tables(values, usual, mechanisms)
    differing = [n for n, v in (usual or {}).items() if n in values and values[n] != v]
    back = [n for n in differing if values[n] == Parameters().model_dump()[n]]
    if back:
        note = f"Set by the scenario, but not in this run: {', '.join(back)}."
        tables.append(paragraph(note, class_="note"))
    return tables


def _profile(known: Mapping[str, Any]) -> str:
    """Return the profile of all OSes, or the share of each."""
    shares = known.get("profiles")
    if not shares:
        return str(known.get("profile", "not recorded"))
    return ", ".join(f"{one.get('share')} {one.get('name')}" for one in shares)


def _varies(known: Mapping[str, Any]) -> Mapping[str, Any]:
    return known.get("varies") or {}


def _how(one: Any) -> str:
    """Return how a parameter differs between agents, as the record has it."""
    if not isinstance(one, dict):
        return str(one)
    words = sorted(one, key=lambda word: (word != "of", word))
    return ", ".join(f"{word} {one[word]}" for word in words)


def _network(result: Result) -> str:
    network = result.provenance.get("network")
    if not network:
        return "a network made by the model"
    read_as = network.get("read_as") or network.get("name")
    return f"read from {read_as} (SHA-256 {str(network.get('sha256'))[:16]})"


def _mind(result: Result) -> str:
    mind = result.provenance.get("mind")
    if not mind:
        return "all agents follow the rules"
    model = mind.get("model")
    return f"a cast speaks through the model {model}; the others follow the rules"


def _story(result: Result) -> list[Section]:
    """Return the finding and the figure that shows it, with which a report begins."""
    if result.series.empty:
        return []
    return [Section("story", "What became of it", [shown(story_of(result))])]


def _figures(result: Result) -> list[Html]:
    pictures = figures(result)
    if not pictures:
        return [paragraph("The run has no days, so that there is nothing to draw.")]
    return [shown(picture) for picture in pictures]
