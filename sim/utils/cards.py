"""Cards: what a thing is, in a notebook, in a few lines and curves.

All that a card says is escaped by the common writer of HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sim.utils.errors import legible
from sim.utils.html import Html, code, element, joined, pairs

WIDTH, HEIGHT = 160, 34
POINTS = 160


def card(
    title: str,
    facts: Iterable[tuple[str, object]],
    curves: Mapping[str, Sequence[float]] | None = None,
    following: Sequence[str] = (),
) -> Html:
    """Return a card.

    Parameters
    ----------
    title
        What it is, in a line.
    facts
        Names and values.
    curves
        Values over the days, by name; each from 0 to its greatest.
    following
        Lines of code that may come next.

    Examples
    --------
    >>> card("A run", [("people", 60)]).count("<dt>")
    1
    """
    shown = [(name, legible(str(value))) for name, value in facts]
    drawn = [_sparkline(name, values) for name, values in (curves or {}).items()]
    parts = [element("strong", legible(title)), pairs(shown)]
    if drawn:
        row = "display:flex;flex-wrap:wrap;gap:6px 18px"
        parts.append(element("div", *drawn, style=row))
    if following:
        parts.append(element("div", "Next: ", joined(_listed(following))))
    return element("div", *parts, style="line-height:1.4")


def _listed(lines: Sequence[str]) -> Iterable[object]:
    for number, line in enumerate(lines):
        yield from (", " if number else "", code(line))


def _sparkline(name: str, values: Sequence[float]) -> Html:
    """Return a small curve with its name and its last value."""
    last = len(values) - 1
    top = max([1e-12, *values])
    some = sorted({round(last * at / (POINTS - 1)) for at in range(POINTS)})
    points = " ".join(
        f"{at / max(1, last) * WIDTH:.1f},"
        f"{HEIGHT - 1 - max(0.0, values[at]) / top * (HEIGHT - 2):.1f}"
        for at in some
        if last >= 0
    )
    line = element(
        "polyline", points=points, fill="none", stroke="currentColor", stroke_width=1.5
    )
    words = f"{name}, {values[-1]:.3g} in the end" if last >= 0 else name
    drawing = element(
        "svg", line, width=WIDTH, height=HEIGHT, role="img", aria_label=words
    )
    label = element("figcaption", words, style="font-size:smaller")
    return element("figure", drawing, label, style="margin:0")
