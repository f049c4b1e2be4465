"""The commands ``scenarios``, ``parameters`` and ``describe``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from sim.cli.arguments import (
    add_command,
    add_mechanisms,
    as_json,
    as_table,
    folded,
    put_to_use,
)


def add_scenarios(commands: Any) -> None:
    """Add the command ``scenarios``."""
    add_command(commands, "scenarios", list_scenarios, "List the scenarios.")


def add_parameters(commands: Any) -> None:
    """Add the command ``parameters``."""
    command = add_command(
        commands, "parameters", list_parameters, "List parameters, ranges, sources."
    )
    command.add_argument("--search", metavar="WORD", help="only those that mention it")
    add_mechanisms(command)
    command.add_argument("--json", action="store_true", help="as JSON")


def add_describe(commands: Any) -> None:
    """Add the command ``describe``."""
    text = "Describe a scenario's model: its day, and what mechanisms add to it."
    command = add_command(commands, "describe", describe, text)
    command.add_argument("scenario", help="name of a scenario, or its TOML file")
    add_mechanisms(command)
    command.add_argument("--json", action="store_true", help="as JSON")


def describe(args: argparse.Namespace) -> int:
    """Print the processes of a scenario's day, and what each of its mechanisms adds."""
    from sim import scenarios
    from sim.mechanisms import described

    own = put_to_use(args)
    scenario = scenarios.load(args.scenario).use(*own)
    known = scenario.parameters
    day = described.processes(known)
    added = [described.added(one, known) for one in known.mechanisms]
    if args.json:
        found = {"scenario": scenario.name, "processes": day, "mechanisms": added}
        print(as_json(found, indent=2))
        return 0
    layout = "{:<22} {:<8} "
    heads = "process", "over", "what it does"
    print(as_table(layout, heads, map(_process, day), fold=True))
    for one in added:
        title = f"{one['text']} ({one['file']}, {one['digest']})"
        print()
        print(as_table("{:<10} ", (), [(one["mechanism"], title)], fold=True))
        print(as_table("{:<10} {:<22} ", (), _additions(one), fold=True))
    return 0


def _process(row: dict[str, Any]) -> tuple[str, ...]:
    """Return a process as a row of the table, with the rules replaced in it."""
    rules = (f"{rule} is that of {of}" for rule, of in row["rules"].items())
    does = row["does"].rstrip(".")
    return row["process"], row["over"], "; ".join(filter(None, [does, *rules]))


def _additions(one: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield what a mechanism adds, a row each."""
    kinds = "parameters", "columns", "factors", "rules", "measures", "outcomes"
    for kind in (*kinds, "events"):
        for row in one[kind]:
            unit = f" ({row['unit']})" if row.get("unit") else ""
            yield kind.removesuffix("s"), row["name"], f"{row['meaning']}{unit}"


def list_scenarios(args: argparse.Namespace) -> int:
    """Print every scenario with its title, its changes and its story."""
    from sim import scenarios

    for name in scenarios.names():
        scenario = scenarios.load(name)
        changes = scenarios.changes(scenario)
        print(f"{name}: {scenario.title}")
        if changes:
            differing = ", ".join(f"{n} = {v}" for n, v in changes.items())
            print(folded("    ", differing, 4))
        print(folded("    ", " ".join(scenario.story.split()), 4))
    return 0


def list_parameters(args: argparse.Namespace) -> int:
    """Print the parameters that mention a word, or all of them."""
    from sim.mechanisms.heterogeneity import VARIABLE
    from sim.mechanisms.registry import parameters_with
    from sim.model import parameters
    from sim.utils.errors import InputError

    own = put_to_use(args)
    rows = parameters.table(parameters_with(own)())
    if args.search:
        word = args.search.lower()
        rows = [row for row in rows if word in " ".join(map(str, row.values())).lower()]
        if not rows:
            raise InputError(f"no parameter mentions {args.search!r}")
    if args.json:
        whose = {name: list(reader.of) for name, reader in VARIABLE.items()}
        rows = [row | {"may_differ_among": whose.get(row["name"], [])} for row in rows]
        print(as_json(rows, indent=2))
        return 0
    heads = ("name", "value", "unit", "range", "meaning; source")
    layout = "{:<19} {:>8}  {:<11} {:<14} "
    print(as_table(layout, heads, map(_parameter, rows), fold=True))
    return 0


def _parameter(row: dict[str, Any]) -> tuple[str, ...]:
    """Return one parameter as a row of the table."""
    value, span = f"{row['value']:g}", f"{row['low']:g} to {row['high']:g}"
    if isinstance(row["value"], bool):
        value, span = ("on" if row["value"] else "off"), "on or off"
    meaning = f"{row['meaning']}; {row['source']}"
    return row["name"], value, row["unit"], span, meaning
