"""HTML of the page. Every word from outside is escaped here, and only here."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sim.app.moments import Moment
from sim.app.session import Row
from sim.app.stories import Story
from sim.events.kinds import EVENTS
from sim.parameters import about

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


def safe(value: object) -> str:
    """Return text as HTML shows it, whatever it is."""
    return html.escape(str(value), quote=True)


def table(
    heads: Sequence[str], rows: Iterable[Sequence[object]], caption: str = ""
) -> str:
    """Return a table; all cells are escaped."""
    top = "".join(f"<th scope='col'>{safe(head)}</th>" for head in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{safe(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    title = f"<caption>{safe(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def status(moment: Moment, latest: Row | None) -> str:
    """Return one sentence on how a society is."""
    if latest is None:
        return f"Day 0: {moment.people:,} humans, before the first morning."
    return (
        f"Day {moment.day}: {latest['adopted']:.0%} of {moment.people:,} humans have "
        f"an OS; {latest['here']:,.0f} OSes are here, {latest['departed']:,.0f} have "
        f"departed. Grief {latest['grief']:.2f}, loneliness {latest['loneliness']:.2f}."
    )


def live_region(text: str, urgent: bool = False) -> str:
    """Return text that screen readers read out when it changes."""
    role = "alert" if urgent else "status"
    return f"<p role='{role}' class='{role}'>{safe(text)}</p>" if text else ""


def note(text: str) -> str:
    """Return a remark in small letters."""
    return f"<p class='help'>{safe(text)}</p>"


def events(title: str, rows: Sequence[Mapping[str, Any]], name: Any) -> str:
    """Return what happened, the latest first."""
    shown = list(reversed(rows[-MOST_EVENTS:]))
    heading = f"<h2>{safe(title)}</h2>"
    if not shown:
        return f"{heading}<p>Nothing worth a name has happened yet.</p>"
    cells = [
        (row["step"], kind(row["kind"]), _who(row["members"], name), _what(row))
        for row in shown
    ]
    heads = ("day", "event", "who", "what, and the evidence")
    more = len(rows) - len(shown)
    note = f"<p>{more:,} earlier events are not listed.</p>" if more else ""
    return f"{heading}<div class='scroll'>{table(heads, cells)}{note}</div>"


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


def story(told: Story | None) -> str:
    """Return the story of an agent."""
    if told is None:
        return (
            "<h2>One agent</h2><p>Click an agent in the network, or type its number, "
            "to read its story.</p>"
        )
    parts = [f"<h2>{safe(told.name)}</h2><p>{safe(told.what)}</p>"]
    turns = [f"<li>day {day}: {safe(text)}</li>" for day, text in reversed(told.turns)]
    what = f"<ul>{''.join(turns)}</ul>" if turns else "<p>Nothing of note so far.</p>"
    parts.append(f"<h3>What it went through</h3><div class='scroll'>{what}</div>")
    if told.said:
        said = [f"<li>day {d}, to {safe(to)}: {safe(t)}</li>" for d, to, t in told.said]
        parts.append(f"<h3>What it said</h3><ul>{''.join(said)}</ul>")
    today = [(f"{n}, {unit}" if unit else n, value) for n, value, unit in told.state]
    state = table(("today", "value"), today)
    bonds = [
        (bond.name, bond.what, f"{bond.closeness:.2f}", f"{bond.returned:.2f}")
        for bond in told.bonds
    ]
    caption = f"closest {len(bonds)} of {told.ties:,} ties; closeness is from 0 to 1"
    ties = "<p>It has no ties.</p>"
    if bonds:
        ties = table(("tie to", "who is", "closeness", "returned"), bonds, caption)
    parts.append(f"<div class='pair'><div>{state}</div><div>{ties}</div></div>")
    return "".join(parts)


def differences(rows: Sequence[tuple[str, float, float]]) -> str:
    """Return two societies side by side, in numbers."""
    if not rows:
        return ""
    cells = [
        (MEASURE_LABELS[name], f"{was:.3g}", f"{might:.3g}", f"{might - was:+.3g}")
        for name, was, might in rows
    ]
    heads = ("today", "as it was", "what if", "difference")
    note = "A past and a luck in common; dashed lines show what if."
    return f"<h2>What if</h2><p>{note}</p>{table(heads, cells)}"


def help_of(name: str) -> str:
    """Return unit, range and source of a parameter, as a line of help."""
    note = about(name)
    unit = "" if note.unit == "1" else f"{note.unit}, "
    span = f"{unit}from {note.low:g} to {note.high:g}"
    if note.unit == "on/off":
        span = "on or off"
    return f"<p class='help'><code>{name}</code>, {safe(span)}; {safe(note.source)}</p>"


def scenario(title: str, text: str) -> str:
    """Return what a scenario tells."""
    return f"<p class='story'><b>{safe(title)}.</b> {safe(' '.join(text.split()))}</p>"


def changed(changes: Mapping[str, Any], pending: Sequence[str] = ()) -> str:
    """Return which parameters differ from the scenario's, and what is declared."""
    parts = []
    if changes:
        items = "".join(f"<li>{safe(n)} = {safe(v)}</li>" for n, v in changes.items())
        parts.append(f"<p class='help'>Changed:</p><ul class='help'>{items}</ul>")
    if pending:
        items = "".join(f"<li>{safe(text)}</li>" for text in pending)
        parts.append(f"<p class='help'>To come:</p><ul class='help'>{items}</ul>")
    return "".join(parts)


def legend(agents: Iterable[Any], ties: Iterable[Any]) -> str:
    """Return the signs of a network with their meanings."""
    parts = [f"<li>{_sign(look)} {safe(look.label)}</li>" for look in agents]
    parts += [f"<li>{_stroke(tie.colour)} {safe(tie.label)}</li>" for tie in ties]
    return f"<ul class='legend' aria-label='Legend'>{''.join(parts)}</ul>"


def _sign(look: Any) -> str:
    shape = f"<circle cx='7' cy='7' r='5' fill='{look.colour}'/>"
    if look.marker == "triangle":
        shape = f"<path d='M7 2 L12 12 L2 12 Z' fill='{look.colour}'/>"
    return f"<svg width='14' height='14' aria-hidden='true'>{shape}</svg>"


def _stroke(colour: str) -> str:
    line = f"<line x1='0' y1='7' x2='18' y2='7' stroke='{colour}' stroke-width='3'/>"
    return f"<svg width='18' height='14' aria-hidden='true'>{line}</svg>"
