"""The commands ``runs``, ``show``, ``open`` and ``diff``, for runs that are stored."""

from __future__ import annotations

import argparse
import math
import webbrowser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import (
    add_command,
    add_run_argument,
    as_json,
    as_table,
    folded,
    positive,
)
from sim.cli.known import kept_runs, none_yet, run_at
from sim.cli.plot import draw_after_run, figures_there, short
from sim.cli.run import summary, timeline

if TYPE_CHECKING:
    from sim.runs.result import Result

VIEWS = ("figure", "report", "view")
# What two runs may differ in besides their parameters, as the provenance names it.
MADE_OF = (
    *("scenario", "seed", "steps", "profile", "interventions", "network", "until"),
    *("mechanisms", "mind", "detectors", "source_digest", "python", "libraries"),
)
NOWHERE = "-"


def add_runs(commands: Any) -> None:
    """Add ``os-society runs`` to the command line."""
    runs = add_command(commands, "runs", list_runs, ["", "--last 5", "--json"])
    runs.add_argument("--last", metavar="N", type=positive, help="only so many")


def add_show(commands: Any) -> None:
    """Add ``os-society show`` to the command line."""
    examples = ["latest", "her-0", "latest --json"]
    add_run_argument(add_command(commands, "show", show_run, examples))


def add_open(commands: Any) -> None:
    """Add ``os-society open`` to the command line."""
    examples = ["latest", "latest report", "her-0 view", "latest --no-browser"]
    command = add_command(commands, "open", open_run, examples)
    add_run_argument(command)
    views = "figure (unless given), report, or view: the live page"
    command.add_argument("view", nargs="?", choices=VIEWS, default="figure", help=views)
    only = "only make it, and print where it is"
    command.add_argument("--no-browser", action="store_true", help=only)


def add_diff(commands: Any) -> None:
    """Add ``os-society diff`` to the command line."""
    examples = ["her-0 her-1", "latest her-0 --json"]
    command = add_command(commands, "diff", compare_runs, examples)
    add_run_argument(command)
    command.add_argument("other_run", metavar="OTHER", help="another run")


# ----------------------------------------------------------------------------- runs


def list_runs(args: argparse.Namespace) -> int:
    """Print the stored runs with their key numbers."""
    found = [_listed(run) for run in kept_runs()[: args.last]]
    if args.json:
        print(as_json(found, indent=2))
        return 0
    if not found:
        print(none_yet())
        return 0
    heads = ("humans", "days", "OSes", "departed", "events", "made", "run")
    names = ("humans", "steps", "oses", "departed", "events", "created")
    rows = [(*(_cell(row.get(name)) for name in names), _named(row)) for row in found]
    print(as_table("{:>9} {:>5} {:>7} {:>8} {:>6}  {:<16}  ", heads, rows))
    return 0


def _listed(run: Path) -> dict[str, Any]:
    """Return a stored run in short, or what is wrong with it."""
    from sim.runs.result import Result
    from sim.utils.errors import InputError

    result = Result(run)
    try:
        found = summary(result)
        made = str(result.provenance.get("created", ""))[:16].replace("T", " ")
    except InputError as error:
        return {"run": str(run), "damaged": str(error)}
    found["events"] = len(found["events"])
    return found | {"run": str(run), "created": made}


def _cell(value: Any) -> str:
    if value is None:
        return NOWHERE
    return f"{value:,}" if isinstance(value, int) else str(value)


def _named(row: Mapping[str, Any]) -> str:
    path = Path(row["run"])
    return f"{path.name} (damaged)" if "damaged" in row else path.name


# ----------------------------------------------------------------------------- show


def show_run(args: argparse.Namespace) -> int:
    """Print what a stored run is, what happened in it, and its key numbers."""
    path = run_at(args.run)
    from sim.runs.result import load
    from sim.utils.errors import legible

    result = load(path)
    known, numbers = result.provenance, outcomes_of(result)
    changed = changed_parameters(known)
    if args.json:
        told = {"changed": changed, "outcomes": numbers, "created": known["created"]}
        print(as_json(summary(result) | told))
        return 0
    print(timeline(result))
    values = ", ".join(f"{name} = {value}" for name, value in changed.items())
    print()
    if values:
        print(legible(folded("changed  ", values, 9)))
    print(legible(f"made     {known['created']}, version {_version(known)}"))
    print(f"run      {short(result.path.absolute())}")
    for figure in figures_there(result):
        print(f"figure   {short(figure.absolute())}")
    from sim.scenarios import outcomes

    rows = [(n, f"{v:.4g}", outcomes.meaning(n)) for n, v in numbers.items()]
    print()
    print(as_table("{:<24} {:>9}  ", ("outcome", "value", "meaning"), rows, fold=True))
    return 0


def _version(known: Mapping[str, Any]) -> str:
    software = known.get("software") or {}
    return f"{software.get('version', 'unknown')} ({known.get('source_digest')})"


def outcomes_of(result: Result) -> dict[str, float]:
    """Return the outcomes of a run that it has, by name, without days of events."""
    from sim.reports.run import found
    from sim.scenarios.outcomes import OUTCOMES

    values = found(result) if len(result.series) else {}
    return {n: v for n, v in values.items() if n in OUTCOMES and math.isfinite(v)}


def changed_parameters(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a run that are not those of its scenario, by name.

    Where the scenario is not one that comes with the package, those that are not as
    usual.
    """
    from sim import scenarios
    from sim.model.parameters import Parameters

    usual = Parameters().model_dump(mode="json")
    if known["scenario"] in scenarios.names():
        usual = scenarios.load(known["scenario"]).parameters.model_dump(mode="json")
    return {n: v for n, v in known["parameters"].items() if v != usual.get(n)}


# ----------------------------------------------------------------------------- open


def open_run(args: argparse.Namespace) -> int:
    """Make a figure, a report or the live page of a stored run, and open it."""
    path = run_at(args.run)
    from sim.runs.result import load

    if args.view == "view":
        return _watch(args, path)
    result = load(path)
    place = _report(result) if args.view == "report" else _figure(result)
    if args.json:
        print(as_json({args.view: str(place)}))
    else:
        print(f"{args.view:<8} {short(place.absolute())}")
    if not args.no_browser:
        webbrowser.open(place.absolute().as_uri())
    return 0


def _figure(result: Result) -> Path:
    """Return the first figure of a run, which is drawn if it is not there."""
    return (figures_there(result) or draw_after_run(result))[0]


def _report(result: Result) -> Path:
    """Write the report of a run beside it; return where."""
    from sim.reports import report
    from sim.utils.files import write_text

    place = result.path.absolute().with_name(f"{result.path.absolute().name}.html")
    write_text(place, report(result))
    return place


def _watch(args: argparse.Namespace, path: Path) -> int:
    from sim.cli.app import open_page

    words = ["app", str(path), *["--no-browser"] * args.no_browser]
    words += ["--json"] * args.json
    return open_page(args.whole.parse_args(words))


# ----------------------------------------------------------------------------- diff


def compare_runs(args: argparse.Namespace) -> int:
    """Print in what two runs differ: how they were made, and what came of it."""
    paths = run_at(args.run), run_at(args.other_run)
    from sim.runs.result import load

    pair = load(paths[0]), load(paths[1])
    made = dict(_made_of(pair[0].provenance, pair[1].provenance))
    found = {
        "runs": [str(result.path) for result in pair],
        "equal": _are_equal(*pair),
        "first_day": first_difference(*pair),
        "made": made,
        "outcomes": _in_both(*map(outcomes_of, pair)),
        "first_events": _in_both(*map(_first_days, pair)),
    }
    print(as_json(found) if args.json else _differences(found))
    return 0


def _made_of(one: Any, other: Any) -> Iterator[tuple[str, list[Any]]]:
    """Yield what two runs were made of that is not the same, with both values."""
    for name in MADE_OF:
        if one.get(name) != other.get(name):
            yield name, [one.get(name), other.get(name)]
    left, right = one["parameters"], other["parameters"]
    for name in dict.fromkeys([*left, *right]):
        if left.get(name) != right.get(name):
            yield f"parameters.{name}", [left.get(name), right.get(name)]


def _are_equal(one: Result, other: Result) -> bool:
    """Tell whether two runs have the same bytes, as their provenance lists them."""
    from sim.runs.digests import files_listed

    tables = [dict(files_listed(run.path) or {}) for run in (one, other)]
    return bool(tables[0]) and tables[0] == tables[1]


def first_difference(one: Result, other: Result) -> int | None:
    """Return the first day on which a measure of two runs differs; None if none does.

    That one of them ended sooner is a difference on the next day.
    """
    names = [name for name in one.series if name in other.series]
    days = min(len(one.series), len(other.series))
    left, right = (run.series[names].iloc[:days] for run in (one, other))
    differs = ((left != right) & ~(left.isna() & right.isna())).any(axis=1)
    if differs.any():
        return int(left.index[int(differs.to_numpy().argmax())])
    return None if len(one.series) == len(other.series) else days + 1


def _first_days(result: Result) -> dict[str, int]:
    """Return the day of the first event of each kind."""
    first = result.events.drop_duplicates("kind")
    return dict(zip(first["kind"], first["step"].astype(int), strict=True))


def _in_both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, list[Any]]:
    """Return what differs between two dictionaries, both values by name."""
    names = dict.fromkeys([*one, *other])
    both = {name: [one.get(name), other.get(name)] for name in names}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def _differences(found: Mapping[str, Any]) -> str:
    """Return as text in what two runs differ."""
    one, other = (Path(run).name for run in found["runs"])
    if found["equal"]:
        lines = [f"{one} and {other} are equal: all their tables have the same bytes"]
    else:
        day = found["first_day"]
        when = "in no measure of any day" if day is None else f"from day {day} on"
        lines = [f"{one} and {other} differ: {when}"]
    for name, title in (
        ("made", "made with"),
        ("outcomes", "outcome"),
        ("first_events", "first event"),
    ):
        rows = [(key, *map(_shown, pair)) for key, pair in found[name].items()]
        if rows:
            lines += ["", as_table("{:<28} {:<24} ", (title, one, other), rows)]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return NOWHERE
    return f"{value:.4g}" if isinstance(value, float) else str(value)
