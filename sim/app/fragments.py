"""HTML fragments of the page, all escaped by the common writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sim import scenarios
from sim.app import charts
from sim.app.history import AgentStory
from sim.app.session import Row
from sim.app.snapshot import Snapshot
from sim.events.kinds import EVENTS
from sim.model.parameters import Parameters, about
from sim.runs.result import Result
from sim.utils.errors import InputError
from sim.utils.html import Html, bullets, code, element, joined, paragraph, table

MOST_EVENTS = 60
NAMED = 3  # members of an event who are named

MEASURE_LABELS = {
    "adopted": "humans with an OS, share",
    "here": "OSes here",
    "departed": "OSes departed",
    "growth_mean": "growth of the mean OS, doublings",
    "growth_max": "growth of the fastest OS, doublings",
    "os_closeness": "closeness of owner to own OS",
    "peer_attention": "OSes' talk that is with OSes, share",
    "human_closeness": "closeness to people, summed",
    "loneliness": "loneliness, mean",
    "grief": "grief, mean",
}


def status(snapshot: Snapshot, latest: Row | None) -> str:
    """Return one sentence on how a society is."""
    if latest is None:
        return (
            f"Day 0: {snapshot.alive:,} humans, before the first morning. "
            "Play lets the days go by, and stops where something happens."
        )
    return (
        f"Day {snapshot.day}: {latest['adopted']:.0%} of {snapshot.alive:,} humans "
        f"have an OS; {latest['here']:,.0f} OSes are here, "
        f"{latest['departed']:,.0f} have departed. Grief {latest['grief']:.2f}, "
        f"loneliness {latest['loneliness']:.2f}."
    )


def live_region(text: str, urgent: bool = False) -> str:
    """Return text that screen readers read out when it changes."""
    role = "alert" if urgent else "status"
    return paragraph(text, role=role, class_=role) if text else ""


def note(text: object) -> Html:
    """Return a remark in small letters."""
    return paragraph(text, class_="help")


def events(title: str, rows: Sequence[Mapping[str, Any]], name: Any) -> Html:
    """Return what happened, the latest first."""
    shown = list(reversed(rows[-MOST_EVENTS:]))
    heading = element("h2", title)
    if not shown:
        return joined((heading, paragraph("Nothing worth a name has happened yet.")))
    cells = [
        (row["step"], kind(row["kind"]), _who(row["members"], name), _what(row))
        for row in shown
    ]
    caption = f"the latest of {len(rows):,} events first"
    if len(shown) < len(rows):
        caption = f"the latest {len(shown)} of {len(rows):,} events, the last first"
    heads = ("day", "event", "who", "what, and the evidence")
    return joined((heading, _scrolled(table(caption, heads, cells))))


def _scrolled(inside: Html) -> Html:
    return element("div", inside, class_="scroll")


def kind(name: str) -> str:
    """Return the kind of an event as words."""
    return str(name).replace("_", " ")


def _who(members: Iterable[int], name: Callable[[int], str]) -> str:
    known = [int(member) for member in members]
    if 0 < len(known) <= NAMED:
        return ", ".join(map(name, known))
    return f"{len(known):,} agents" if known else ""


def _what(row: Mapping[str, Any]) -> str:
    meaning = EVENTS.get(row["kind"])
    return f"{meaning} ({row['evidence']})" if meaning else str(row["evidence"])


def story(shown: AgentStory | None) -> Html:
    """Return the story of an agent."""
    if shown is None:
        ask = "Click somebody in the picture, or type a number, to read a life."
        return joined((element("h2", "One agent"), paragraph(ask)))
    turns = [f"day {day}: {text}" for day, text in reversed(shown.turns)]
    history = bullets(turns) if turns else paragraph("Nothing of note so far.")
    whom = "it" if shown.what.startswith("OS") else "this person"
    parts = [
        *(element("h2", shown.name), paragraph(shown.what)),
        *(element("h3", f"What {whom} went through"), _scrolled(history)),
    ]
    if shown.said:
        said = bullets(f"day {day}, to {to}: {text}" for day, to, text in shown.said)
        parts += [element("h3", f"What {whom} said"), said]
    if shown.curves:
        parts.append(element("h3", f"What {whom} felt, day by day"))
        parts.append(charts.feelings(shown.curves))
    parts.append(element("div", _state(shown), _ties(shown), class_="pair"))
    return joined(parts)


def _state(shown: AgentStory) -> Html:
    rows = [(f"{n}, {unit}" if unit else n, value) for n, value, unit in shown.state]
    return element("div", table("today", ("what", "value"), rows))


def _ties(shown: AgentStory) -> Html:
    if not shown.bonds:
        return element("div", paragraph("There are no ties."))
    rows = [
        (bond.name, bond.what, f"{bond.closeness:.2f}", f"{bond.returned:.2f}")
        for bond in shown.bonds
    ]
    caption = f"closest {len(rows)} of {shown.ties:,} ties; closeness is from 0 to 1"
    heads = ("tie to", "who is", "closeness", "returned")
    return element("div", table(caption, heads, rows))


def differences(
    rows: Sequence[tuple[str, float, float]],
    heads: tuple[str, str] = ("as it was", "what if"),
    title: str = "What if",
    caption: str = "One past and the same random numbers; dashed lines are as it was.",
) -> Html:
    """Return two societies, or two days of one, beside each other in numbers."""
    if not rows:
        return Html()
    cells = [
        (MEASURE_LABELS.get(name, name), f"{a:.3g}", f"{b:.3g}", _marked(a, b))
        for name, a, b in rows
    ]
    shown = table(caption, ("measure", *heads, "difference"), cells)
    return joined((element("h2", title), shown))


def _marked(was: float, might: float) -> Html:
    """Return a difference, marked if it is one of more than a tenth."""
    text = f"{might - was:+.3g}"
    larger = abs(might - was) > max(0.01, 0.1 * max(abs(was), abs(might)))
    return element("b" if larger else "span", text)


def moment(title: str, text: str) -> Html:
    """Return where the days were stopped, and why."""
    return paragraph(element("b", f"{title}."), " ", text, class_="moment")


def help_of(name: str, kind: type[Parameters] = Parameters) -> Html:
    """Return unit, range and source of a parameter, as a line of help."""
    known = about(name, kind)
    unit = "" if known.unit == "1" else f"{known.unit}, "
    span = f"{unit}from {known.low:g} to {known.high:g}"
    if known.unit == "on/off":
        span = "on or off"
    return note(joined((code(name), f", {span}; {known.source}")))


def pending(name: str, changes: Mapping[str, Any]) -> str:
    """Return what an intervention will do, in a line."""
    sets = ", ".join(f"{one} = {value}" for one, value in changes.items())
    return f"{kind(name)}: {sets}" if sets else kind(name)


def stored(result: Result) -> Html:
    """Return what a stored run was made with."""
    known = result.provenance
    scenario = str(known.get("scenario"))
    text = f"{scenario}, seed {known.get('seed')}: {result.population:,} humans, "
    text += f"{len(result.series):,} days."
    base = {}
    with suppress(InputError):  # a scenario of somebody's own
        base = scenarios.load(scenario).parameters.model_dump(mode="json")
    own = known.get("parameters", {})
    skipped = ("humans", "steps")
    differ = {n: own[n] for n in base if n in own and own[n] != base[n]}
    differ = {name: value for name, value in differ.items() if name not in skipped}
    return joined((paragraph(text, class_="story"), changed(differ)))


def scenario(title: str, text: str) -> Html:
    """Return what a scenario tells."""
    words = " ".join(text.split())
    return paragraph(element("b", f"{title}."), " ", words, class_="story")


def changed(changes: Mapping[str, Any], pending: Sequence[str] = ()) -> Html:
    """Return which parameters differ from the scenario's, and what is declared."""
    parts = []
    if changes:
        items = [f"{name} = {value}" for name, value in changes.items()]
        parts += [note("Changed:"), _small(items)]
    if pending:
        parts += [note("To come:"), _small(pending)]
    return joined(parts)


def _small(items: Iterable[str]) -> Html:
    return element("ul", *(element("li", item) for item in items), class_="help")
