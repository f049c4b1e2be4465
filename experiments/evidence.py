"""Compare the scenario `today` with published facts, and say where it misses.

Simulates `today` with a few seeds and prints, for every fact of the table in
`sim/studies/validation`, what was published, the range that counts as a match, and what
was observed: for a level its mean and extremes over seeds, for a sign the correlation
among people and its 95 % interval. Facts marked `check` were not used to set the
parameters; those `built in` hold because a rule says so.

    python experiments/evidence.py [--humans N] [--seeds N] [--json] [--out FILE.csv]

With ``--apart`` the facts are those of 2025 and 2026 on who is tied to whom, each in
people made for it: a school, an office, callers.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

from sim.studies.validation import APART, FACTS, compare, rows, summary
from sim.utils.errors import InputError

WIDTH = 100


def shown(table: list[dict[str, Any]]) -> str:
    """Return the comparison as text: one line a fact, then the misses and why."""
    lines = [
        f"{'':4} {'evidence':13} {'what':53} {'published':>9} {'range':>14} "
        f"{'observed':>9}  {'least to most':18} role"
    ]
    for row in table:
        mark = "ok" if row["within"] else "MISS"
        what = textwrap.shorten(f"{row['what']}, {row['unit']}", 53, placeholder="...")
        low_high = f"{row['low']:g} to {row['high']:g}"
        lines.append(
            f"{mark:4} {row['evidence']:13} {what:53} {row['published']:9g} "
            f"{low_high:>14} {number(row['observed']):>9}  "
            f"{number(row['least']) + ' to ' + number(row['most']):18} {row['role']}"
        )
    return "\n".join([*lines, "", "Misses:", *misses(table)])


def misses(table: list[dict[str, Any]]) -> list[str]:
    """Return a paragraph for each fact that is missed: what, and why."""
    return [
        textwrap.fill(
            f"{row['evidence']}, {row['what']}: {row['missed because']}.",
            WIDTH,
            initial_indent="- ",
            subsequent_indent="  ",
        )
        for row in table
        if not row["within"]
    ]


def number(value: float | None) -> str:
    """Return a number in three digits, or a dash for what was not measured."""
    return "-" if value is None else f"{value:.3g}"


def main() -> int:
    """Run the comparison; print it, and write it where ``--out`` says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--humans", type=int)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--apart", action="store_true", help="a school, an office")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    changes = {} if args.humans is None else {"humans": args.humans}
    try:
        lines = compare(
            "today",
            seeds=args.seeds,
            facts=APART if args.apart else FACTS,
            **changes,
        )
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    table = rows(lines)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(table).to_csv(args.out, index=False)
    print(json.dumps(table, indent=2) if args.json else shown(table))
    if not args.json:
        print(f"\n{summary(lines)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
