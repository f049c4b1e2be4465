"""Count what twelve changes of the model take: the tables of sim/docs/COMPARISON.md.

    python experiments/comparison.py            say whether they are current
    python experiments/comparison.py --write    bring them up to date

Lines of code are lines with something on them that is no comment and no docstring, as
the tokeniser sees them. Of a mechanism's file, the change is everything up to the last
function that belongs to the mechanism; what comes after it measures and prints what the
change did. What works is read from results/facilities.csv, which
`experiments/facilities.py` makes by trying it.
"""

from __future__ import annotations

import argparse
import ast
import csv
import difflib
import io
import re
import sys
import tokenize
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "sim" / "docs" / "COMPARISON.md"
EXAMPLES = ROOT / "experiments" / "mechanisms"
TRIED = ROOT / "results" / "facilities.csv"
IN_MESA = ROOT / "experiments/benchmarks/implementations/trust_in_mesa.py"
BLOCK = re.compile(
    r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL
)
SILENT = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT),
    *(tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER),
}


class Change(NamedTuple):
    """One of the twelve, and the files that make it; the first is the change itself."""

    text: str
    files: tuple[str, ...]


TWELVE = (
    Change("another growth law and departure hazard", ("growth_and_departure.py",)),
    Change("wages of microdata change adoption", ("wages.py",)),
    Change("belief spreads along human ties", ("gossip.py",)),
    Change("trust, an attribute of ties", ("trust.py",)),
    Change("companies, a third kind of agent", ("companies.py",)),
    Change("break-ups and new partners", ("couples.py",)),
    Change("half assistant, half OS1", ("half_and_half.toml",)),
    Change("everybody their own cooling", ("own_cooling.toml",)),
    Change("births and deaths", ("life_course.py",)),
    Change("treatment of 30 % and of a community", ("treated.toml", "treated.py")),
    Change("own outcome and stopping rule", ("own_outcome.py",)),
    Change("networks of networkx and pandas", ("own_network.py",)),
)


class Lines(NamedTuple):
    """Lines of code of a file."""

    change: int  # what the change itself takes
    whole: int


# ---------------------------------------------------------------------------- counting


def code_lines(source: str) -> set[int]:
    r"""Return the numbers of the lines that have code on them.

    Parameters
    ----------
    source
        Of a Python file.

    Examples
    --------
    >>> sorted(code_lines('x = 1  # one\n\n# two\ny = (\n    2\n)\n'))
    [1, 4, 5, 6]
    """
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            found |= set(range(token.start[0], token.end[0] + 1))
    return found - _docstrings(ast.parse(source))


def _docstrings(tree: ast.Module) -> set[int]:
    found: set[int] = set()
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, holders) and ast.get_docstring(node) is not None:
            first = node.body[0]
            found |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found


def _is_called(node: ast.stmt, name: str) -> bool:
    """Tell whether a statement assigns what a function of that name returns."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") == name


def last_of_change(source: str) -> int:
    """Return the last line of a change: what follows measures and prints.

    In the file of a mechanism it is that of the last decorated function, or of the
    mechanism itself; else that before ``main``, or before what a script runs.
    """
    body = ast.parse(source).body
    if any(_is_called(node, "Mechanism") for node in body):
        own = [
            node
            for node in body
            if _is_called(node, "Mechanism")
            or (isinstance(node, ast.FunctionDef) and node.decorator_list)
        ]
        return own[-1].end_lineno or 0
    for node in body:
        is_main = isinstance(node, ast.FunctionDef) and node.name == "main"
        if is_main or isinstance(node, ast.If):
            return node.lineno - 1
    return len(source.splitlines())


def lines_of(file: Path) -> Lines:
    """Return how many lines of code a file has, Python or TOML."""
    source = file.read_text(encoding="utf-8")
    if file.suffix == ".toml":
        rows = [line.strip() for line in source.splitlines()]
        some = sum(bool(row) and not row.startswith("#") for row in rows)
        return Lines(some, some)
    lines, last = code_lines(source), last_of_change(source)
    return Lines(sum(line <= last for line in lines), len(lines))


# ------------------------------------------------------------------------------ tables


def trials() -> dict[str, str]:
    """Return by example how many facilities worked when they were tried."""
    if not TRIED.exists():
        return {}
    with TRIED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        name = row.pop("example")
        failed = [facility for facility, how in row.items() if how != "yes"]
        works = f"{len(row) - len(failed)} of {len(row)}"
        found[name] = f"{works} (not {', '.join(failed)})" if failed else works
    return found


def table_of_changes() -> str:
    """Return the table of the twelve changes; those that are not there say so."""
    works = trials()
    rows = [
        "| | change | files | lines, change | lines, all | facilities that work |",
        "|---|---|---|---|---|---|",
    ]
    for number, (text, files) in enumerate(TWELVE, 1):
        there = [name for name in files if (EXAMPLES / name).exists()]
        if len(there) < len(files):
            rows.append(f"| {number} | {text} | not there yet | | | |")
            continue
        counted = [lines_of(EXAMPLES / name) for name in there]
        named = ", ".join(f"[{n}](../../experiments/mechanisms/{n})" for n in there)
        how = next((works[n] for n in there if n in works), "see its tests")
        lines = f"{counted[0].change} | {sum(one.whole for one in counted)}"
        rows.append(f"| {number} | {text} | {named} | {lines} | {how} |")
    return "\n".join(rows) + "\n"


def table_in_mesa() -> str:
    """Return what trust takes here and in Mesa."""
    here, there = lines_of(EXAMPLES / "trust.py"), lines_of(IN_MESA)
    return (
        "| trust | lines, change | lines, all |\n|---|---|---|\n"
        f"| here: `experiments/mechanisms/trust.py` | {here.change} | {here.whole} |\n"
        f"| Mesa: `{IN_MESA.relative_to(ROOT).as_posix()}` "
        f"| {there.change} | {there.whole} |\n"
    )


TABLES = {"twelve-changes": table_of_changes, "trust-in-mesa": table_in_mesa}


def current(text: str) -> str:
    """Return the document with its tables as they are to be."""

    def filled(found: re.Match[str]) -> str:
        return f"{found[1]}\n{TABLES[found['name']]()}\n{found[3]}"

    return BLOCK.sub(filled, text)


def main() -> int:
    """Compare or write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="bring it up to date")
    args = parser.parse_args()
    text = DOCUMENT.read_text(encoding="utf-8")
    wanted = current(text)
    if args.write:
        DOCUMENT.write_text(wanted, encoding="utf-8", newline="\n")
        return 0
    lines = text.splitlines(True), wanted.splitlines(True)
    sys.stdout.writelines(difflib.unified_diff(*lines, "is", "would be"))
    return int(text != wanted)


if __name__ == "__main__":
    sys.exit(main())
