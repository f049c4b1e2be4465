"""The commands ``scenarios``, ``interventions``, ``parameters``, ``describe``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import (
    add_command,
    add_mechanisms,
    as_json,
    as_table,
    folded,
    put_to_use,
)
from sim.cli.known import called, check_scenario
from sim.utils.errors import InputError, legible

if TYPE_CHECKING:
    from sim.scenarios import Scenario


def add_scenarios(commands: Any) -> None:
    """Add the command ``scenarios``."""
    examples = ["", "her", "--json"]
    command = add_command(commands, "scenarios", list_scenarios, examples)
    command.add_argument("scenario", nargs="?", help="only this one, in detail")


def add_interventions(commands: Any) -> None:
    """Add the command ``interventions``."""
    examples = ["", "human_contact", "--json"]
    command = add_command(commands, "interventions", list_interventions, examples)
    command.add_argument("name", nargs="?", help="only this one")


def add_parameters(commands: Any) -> None:
    """Add the command ``parameters``."""
    examples = ["", "--search growth", "--differences today her"]
    command = add_command(commands, "parameters", list_parameters, examples)
    command.add_argument("--search", metavar="WORD", help="only those that mention it")
    text = "those in which two scenarios differ, and whose they are"
    pair = "SCENARIO", "OTHER"
    command.add_argument("--differences", nargs=2, metavar=pair, help=text)
    add_mechanisms(command)


def add_describe(commands: Any) -> None:
    """Add the command ``describe``."""
    examples = ["her", "mine.toml --json"]
    command = add_command(commands, "describe", describe, examples)
    command.add_argument("scenario", help="name of a scenario, or its TOML file")
    add_mechanisms(command)


def describe(args: argparse.Namespace) -> int:
    """Print the processes of a scenario's day, and what each of its mechanisms adds."""
    check_scenario(args.scenario)
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
    for table, count in one["bytes_per_row"].items():
        yield "memory", table, f"{count:,} bytes a row, and as much in a snapshot"


def list_scenarios(args: argparse.Namespace) -> int:
    """Print every scenario, or one: its title, its changes and its story."""
    if args.scenario is not None:
        check_scenario(args.scenario)
    from sim import scenarios

    names = scenarios.names() if args.scenario is None else [args.scenario]
    found = [scenarios.load(name) for name in names]
    if args.json:
        print(as_json([_scenario(one) for one in found], indent=2))
        return 0
    for scenario in found:
        changes = scenarios.changes(scenario)
        print(f"{scenario.name}: {scenario.title}")
        if changes:
            differing = ", ".join(f"{n} = {v}" for n, v in changes.items())
            print(folded("    ", differing, 4))
        print(folded("    ", " ".join(scenario.story.split()), 4))
        if args.scenario is not None:
            print(_in_detail(scenario))
    return 0


def _scenario(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario, ready for JSON."""
    from sim import scenarios

    kept = {"name", "title", "story", "sources", "profile", "mechanisms"}
    told = scenario.model_dump(mode="json", include=kept)
    expected = [{"text": one.text, "claim": one.claim} for one in scenario.expectations]
    events = [one.model_dump(mode="json") for one in scenario.interventions]
    return told | {
        "parameters": scenarios.changes(scenario),
        "interventions": events,
        "expectations": expected,
    }


def _in_detail(scenario: Scenario) -> str:
    """Return what a scenario expects, and where it is from."""
    lines = [folded("source  ", one, 8) for one in scenario.sources]
    lines += [
        folded("expects ", f"{one.text} ({one.claim})", 8)
        for one in scenario.expectations
    ]
    return legible("\n".join(["", *lines]))


def list_interventions(args: argparse.Namespace) -> int:
    """Print the interventions that have names, or one of them."""
    from sim.scenarios.interventions import LEVERS, unknown_lever

    if args.name is not None and args.name not in LEVERS:
        raise unknown_lever(args.name)
    found = LEVERS if args.name is None else {args.name: LEVERS[args.name]}
    if args.json:
        told = [
            {
                "name": name,
                "effect": lever.effect,
                "outcome": lever.outcome,
                "raises": lever.raises,
                "changes": [
                    {"after": after, "days": days, "set": changes}
                    for after, days, changes in lever.changes
                ],
            }
            for name, lever in found.items()
        ]
        print(as_json(told, indent=2))
        return 0
    rows = [
        (name, f"{lever.effect}: {'; '.join(map(_change, lever.changes))}")
        for name, lever in found.items()
    ]
    print(
        as_table("{:<20} ", ("intervention", "effect: what it sets"), rows, fold=True)
    )
    if args.name is None:
        print(f"\nto try one: {called()} compare her --lever price --at 200")
    return 0


def _change(one: tuple[int, int | None, dict[str, Any]]) -> str:
    """Return in words what an intervention sets, and when."""
    from sim.utils.text import counted

    after, days, changes = one
    text = ", ".join(f"{name} = {value}" for name, value in changes.items())
    text += f" {counted(after, 'day')} later" if after else ""
    return text + (f" for {counted(days, 'day')}" if days else "")


def list_parameters(args: argparse.Namespace) -> int:
    """Print the parameters that mention a word, or all of them."""
    from sim.mechanisms.heterogeneity import VARIABLE
    from sim.mechanisms.registry import parameters_with
    from sim.model import parameters

    own = put_to_use(args)
    if args.differences:
        return _list_differences(args, own)
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


def _list_differences(args: argparse.Namespace, own: list[str]) -> int:
    """Print the parameters in which two scenarios differ."""
    if args.search:
        raise InputError("--search does not go with --differences; give one of them")
    for name in args.differences:
        check_scenario(name)
    from sim import scenarios

    pair = [scenarios.load(name).use(*own) for name in args.differences]
    rows = scenarios.compare_parameters(*pair)
    if args.json:
        print(as_json(rows, indent=2))
        return 0
    heads = ("name", "whose", *args.differences, "unit")
    layout = "{:<19} {:<9} {:>12} {:>12}  "
    cells = []
    for row in rows:
        values = _value(row["one"]), _value(row["other"])
        cells.append((row["name"], row["side"], *values, row["unit"]))
    print(as_table(layout, heads, cells))
    return 0


def _value(value: float | None) -> str:
    """Return a parameter's value in words; "-" where a scenario has no such one."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "-" if value is None else f"{value:g}"


def _parameter(row: dict[str, Any]) -> tuple[str, ...]:
    """Return one parameter as a row of the table."""
    is_switch = isinstance(row["value"], bool)
    span = "on or off" if is_switch else f"{row['low']:g} to {row['high']:g}"
    meaning = f"{row['meaning']}; {row['source']}"
    return row["name"], _value(row["value"]), row["unit"], span, meaning
