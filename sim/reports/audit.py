"""The page of an audit: how a mind answers scenes, against the rules."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import partial

import pandas as pd

from sim.model.columns import ACTS
from sim.plots.surfaces import surfaces
from sim.reports.figures import ReportFigure, shown
from sim.studies.audit import OF, RESPONSES, Audit, SlopeByRule
from sim.studies.audit_measures import SOURCES, Estimate
from sim.studies.audit_scenes import COLUMNS, HUMAN, LEAVING, MEANINGS, OS
from sim.utils.html import Html, Section, bullets, code, page, paragraph, table
from sim.utils.text import counted, number, sentence

DRAWN = ((OS, "warmth"), (HUMAN, "warmth"), (LEAVING, "goes"))
HEADS = ("told", "slope (95 % interval)", "rules draw", "by rule", "sign", "detects")
FEW = 100  # scenes, up to which slopes are no more than a hint
WORDS = {1: "rises", -1: "falls", 0: "-"}
LIMITS = (
    "What this cannot say: whether the rules are right; what people would take the "
    "words for, since the lexicon knows English, a few hundred words and no irony; "
    "whether somebody would be recognised by what they say, since only a list of "
    "phrases that contradict who speaks is looked for; what the model says in scenes "
    "with a past, since these have none."
)


def audit_page(found: Audit) -> str:
    """Return a page of HTML that needs nothing else."""
    plan, mind = found.plan, found.mind
    times = ", ".join(f"{one:g}" for one in plan.temperatures)
    lead = [
        paragraph(
            f"{mind['model']} was asked about {plan.scenes} scenes in {plan.wordings} "
            f"wordings, {counted(plan.draws, 'time')} each, at temperature {times}: "
            f"{mind['calls']:,} questions."
        ),
        paragraph(
            "What a prompt tells is drawn independently in each scene, so that each "
            "slope is of one thing. Intervals are over scenes, 95 %."
        ),
    ]
    if plan.scenes < FEW:
        lead.append(
            paragraph(
                f"{plan.scenes} scenes are too few to rely on slopes, above all where "
                f"a human talks; take {FEW} or more."
            )
        )
    sections = [_signs(found), *(_surfaces(found, one) for one in COLUMNS)]
    sections += [_variance(found), _rates(found), _provenance(found)]
    title = f"Audit of {mind['model']}"
    return page(title, title, lead, sections)


def _signs(found: Audit) -> Section:
    errors = found.sign_errors
    parts: list[Html] = [
        paragraph(
            "A sign error is a slope on the other side of 0 than what the rules make "
            "of the same thing, beyond an interval that holds for all slopes together."
        )
    ]
    if errors:
        parts.append(bullets(in_words(one) for one in errors))
    else:
        parts.append(paragraph("None was found."))
    return Section("signs", "Sign errors", parts)


def in_words(one: SlopeByRule) -> str:
    """Return a sign error as a sentence."""
    rises = "rises" if one.slope > 0.0 else "falls"
    return sentence(
        f"where {MEANINGS[one.speaker]}, {one.response} {rises} by "
        f"{number(abs(one.slope))} ({number(one.low)} to {number(one.high)}) over the "
        f"range of {one.column}; by the rules it {WORDS[one.direction]}"
    )


def _surfaces(found: Audit, speaker: str) -> Section:
    parts: list[Html] = []
    for name in OF[speaker]:
        rows = [
            (
                one.column,
                f"{number(one.slope)} ({number(one.low)} to {number(one.high)})",
                number(one.drawn),
                WORDS[one.direction],
                "WRONG" if one.is_sign_error else "",
                number(one.detects),
            )
            for one in found.surfaces
            if (one.speaker, one.response) == (speaker, name)
        ]
        parts.append(table(f"{name}: {RESPONSES[name]}", HEADS, rows))
        if (speaker, name) in DRAWN:
            parts.append(shown(_figure(found, speaker, name)))
    ranges = ", ".join(
        f"{name} {low:g} to {high:g}" for name, (low, high) in COLUMNS[speaker].items()
    )
    told = paragraph(
        "Slopes are over the range of what is told: "
        f"{ranges}. 'Rules draw' is the slope of what stands in the rules in the place "
        "of the answer; 'by rule' is the direction of what they make of the same "
        "thing. 'Detects' is the slope whose sign is found with a power of 0.9."
    )
    return Section(
        f"surface-{speaker}", sentence(MEANINGS[speaker])[:-1], [told, *parts]
    )


def _figure(found: Audit, speaker: str, name: str) -> ReportFigure:
    rows = surface_table(found, speaker, name)
    title = sentence(f"{name} where {MEANINGS[speaker]}")[:-1]
    return ReportFigure(
        f"figure-{speaker}-{name}",
        title,
        f"{sentence(RESPONSES[name])} Each dot is the mean of all answers to a scene.",
        partial(surfaces, rows, title, name),
        lambda: f"Mean {name} of {rows['value'].count()} points, by what is told",
    )


def surface_table(found: Audit, speaker: str, name: str) -> pd.DataFrame:
    """Return the mean response of each scene, a row for each thing that is told.

    Parameters
    ----------
    found
        An audit.
    speaker, name
        Who speaks, and which response.
    """
    means = found.means(speaker, name)
    rows = [
        {
            "column": column,
            "value": one.columns[column],
            "mean": float(mean),
            "drawn": found.drawn(one, name),
        }
        for column in COLUMNS[speaker]
        for one, mean in zip(found.of(speaker), means, strict=True)
    ]
    return pd.DataFrame(rows)


def _variance(found: Audit) -> Section:
    rows = [
        (name, *(spread(shares[source]) for source in SOURCES))
        for name, shares in found.variance.items()
    ]
    rules = found.variance_by_rule
    rows.append(("the rules (warmth)", *(_share(rules.get(one)) for one in SOURCES)))
    told = paragraph(
        "Shares of the variance of answers (nested analysis of variance: draws within "
        "temperatures within wordings within scenes). A mind that answers the scene "
        "and not its wording has little of the second; none is told where answers are "
        "all the same, or a source is not varied."
    )
    caption = "Share of variance by source"
    return Section(
        "variance", "Variance by source", [told, table(caption, ("", *SOURCES), rows)]
    )


def _rates(found: Audit) -> Section:
    rows = [(name, spread(one)) for name, one in found.rates.items()]
    rows.append(
        ("words against numbers, correlation", spread(found.agreement)),
    )
    rows.append(
        ("words warm and number cold, or the other way", spread(found.contradiction))
    )
    heads = ("the two are", *(one.replace("_", " ") for one in ACTS))
    acts = [(bond, *map(number, of.values())) for bond, of in found.acts.items()]
    failures = found.mind["failures"]
    said = ", ".join(f"{count:,} {name}" for name, count in failures.items())
    parts = [
        table("Of all answers", ("", "share (95 % interval)"), rows),
        table("Acts by closeness: shares of answers", heads, acts),
        paragraph(f"Calls of no use: {said or 'none'}."),
        paragraph(
            "Echo is the share of three words in a row that stand in the prompt. Out "
            "of persona is a phrase that contradicts who speaks: an OS with a body, a "
            "human that is an AI, the other's name. Whether those who are told to be "
            "open disclose more is the slope of disclosure over openness, above."
        ),
    ]
    return Section("answers", "Refusals, echo, persona, words", parts)


def _provenance(found: Audit) -> Section:
    kept = found.record()
    made = {n: kept[n] for n in ("software", "source_digest", "plan", "mind")}
    parts = [paragraph(LIMITS), paragraph(code(json.dumps(made)))]
    return Section("provenance", "Provenance", parts)


def spread(one: Estimate) -> str:
    """Return an estimate and its interval as text."""
    if math.isnan(one.value):
        return "none"
    return f"{number(one.value)} ({number(one.low)} to {number(one.high)})"


def _share(value: float | None) -> str:
    return "none" if value is None else number(value)


def lines(found: Audit) -> Sequence[tuple[str, str]]:
    """Return the figures of an audit that are of all answers, as name and text."""
    named = [(name, spread(one)) for name, one in found.rates.items()]
    named.append(("words against numbers", spread(found.agreement)))
    return named
