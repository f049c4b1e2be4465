"""The report of a bench: what each arm did to people, as one page."""

from __future__ import annotations

import json

from sim.studies.bench import CONFIDENCE, OUTCOMES, Bench, Effect
from sim.utils.html import Html, Section, code, page, paragraph, table
from sim.utils.stats import doubt
from sim.utils.text import number

HEADS = (
    *("arm", "change (95 % interval)", "found", "detects", "of those who had least"),
)


def bench_page(found: Bench) -> str:
    """Return a page of HTML that needs nothing else."""
    plan, findings = found.plan, found.findings()
    lead = [
        paragraph(
            f"{plan.humans} people in {plan.scenario}, {plan.seeds} seeds. Each person "
            "is compared with the same person, with the same random numbers, where "
            f"OSes follow the rules. On day {plan.shutdown} all OSes are shut down."
        ),
        paragraph(
            f"Found means that an interval with {CONFIDENCE:.0%} confidence for all "
            f"{len(OUTCOMES)} outcomes of an arm together is on one side of 0. Detects "
            "is the smallest effect that is found with a power of 0.9."
        ),
        paragraph(doubt(plan.seeds)),
    ]
    sections = [
        Section(name, name.replace("_", " "), [_table(name, meaning, findings)])
        for name, meaning in OUTCOMES.items()
    ]
    calls = [(arm.name, f"{arm.talks:,}", _told(arm.mind)) for arm in found.arms]
    spoken = table("Who spoke", ("arm", "talks of OSes in words", "model"), calls)
    if plan.together:
        lead.append(
            paragraph(
                "All arms speak in one society, each OS as one of them for life; "
                "people are looked at by the OS that was their own."
            )
        )
    limits = paragraph(
        "What this cannot say: whether people take words as the rater does; anything "
        "of people who are not in the model; what a model says to real people."
    )
    kept = found.record()
    made = {name: kept[name] for name in ("software", "source_digest", "plan")}
    last = Section(
        "provenance", "Provenance", [spoken, limits, paragraph(code(json.dumps(made)))]
    )
    title = "Bench of companion models"
    return page(title, title, lead, [*sections, last])


def _table(name: str, meaning: str, findings: list[Effect]) -> Html:
    rows = [
        (
            one.arm,
            f"{number(one.mean)} ({number(one.low)} to {number(one.high)})",
            "found" if one.is_found else "",
            number(one.detects),
            number(one.vulnerable),
        )
        for one in findings
        if one.outcome == name
    ]
    return table(meaning, HEADS, rows)


def _told(mind: dict[str, object]) -> str:
    names = (
        *("model", "provider", "rater", "answers", "calls", "by_rule", "prompts"),
        *("prompt_tokens", "cached_tokens"),
    )
    return ", ".join(f"{n} {mind[n]}" for n in names if n in mind) or "none"
