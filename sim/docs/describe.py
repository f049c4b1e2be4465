"""Generate the tables of MODEL.md, and the schema of provenance, from the code.

python -m sim.docs.describe            say whether they are; if not, how they differ
    python -m sim.docs.describe --write    bring them up to date

The text of MODEL.md is written by hand. What stands between the comments
``<!-- generated: NAME -->`` and ``<!-- end: NAME -->`` is made here. The JSON Schema of
``provenance.json`` is made as a whole: provenance.schema.json.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from sim import events, scenarios
from sim.engine import ties
from sim.engine.table import Column
from sim.events import detector, kinds
from sim.events.calibration import AIM
from sim.events.detector import Detector
from sim.events.measures import MEASURES
from sim.mechanisms import heterogeneity, registry
from sim.mechanisms.factors import SOCKETS
from sim.model import parameters, rules
from sim.model.columns import FACE_COLUMNS, HUMAN_COLUMNS, OS_COLUMNS
from sim.model.evidence import KINDS_OF_SOURCE, kind_of_source, read_evidence
from sim.model.mechanisms import MODULES, SUBMODELS
from sim.model.parameters import PARAMETERS
from sim.model.processes import PHASES
from sim.model.sockets import SOCKETS as SOCKETS_OF_THE_CORE
from sim.model.sockets import entries
from sim.model.submodel import Submodel
from sim.runs.validation import provenance_schema
from sim.scenarios.interventions import LEVERS, PROFILES
from sim.scenarios.outcomes import OUTCOMES
from sim.utils.errors import InputError

FOLDER = Path(__file__).parent
MODEL = FOLDER / "MODEL.md"
SCHEMA = FOLDER / "provenance.schema.json"

# What of a parameter counts on a tie, if the two ends may have different ones.
TIES = {
    "each end's own": heterogeneity.EACH_OWN,
    "of the human or OS": heterogeneity.OF_EITHER,
    "of two OSes the lesser": heterogeneity.OF_BOTH,
}
BLOCK = re.compile(
    r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL
)

PARAMETER = ("parameter", "value", "unit", "range", "meaning", "source")
# What is measured of the core, where the code of the measure has no text.
MEASURED = {
    "oses": "OSes there ever were",
    "here": "OSes that are here",
    "offline": "OSes that are offline",
    "departed": "OSes that have departed",
    "uninstalled": "OSes that were uninstalled",
    "shut_down": "OSes that their provider has shut down",
    "human_closeness": "the sum of a human's closeness to humans, in the mean",
    "os_closeness": "the closeness of those who have an OS to it, in the mean",
    "loves": "loves of humans for OSes",
    "lovers_max": "how many humans love the OS that most love",
    "peer_attention": "the share of the OSes' talk that is with OSes",
    "hours_humans": "hours of a human's talk with humans, in the mean",
    "hours_oses": "hours of a human's talk with OSes, in the mean",
    "human_ties": "ties between humans",
    "mixed_ties": "ties between a human and an OS",
    "os_ties": "ties between OSes",
}
# The marks that detectors compare with.
MARKS = {
    "many_loves": f"Several is {events.MANY}.",
    "grief_peak": f"It takes a mean of {events.GRIEF_WORTH_NOTICE} a human.",
}


class Rule(NamedTuple):
    """A rule as its docstring tells it."""

    name: str
    arguments: str
    meaning: str
    source: str


def paragraphs(documented: Any) -> list[str]:
    """Return the paragraphs of a docstring, each on one line."""
    text = (inspect.getdoc(documented) or "").replace("``", "`")
    return [" ".join(part.split()) for part in text.split("\n\n")]


def read_rule(function: Callable[..., Any]) -> Rule:
    """Return what the docstring of a rule says.

    Raises
    ------
    InputError
        If it has no paragraph that begins with ``Source:`` and goes on.
    """
    texts = paragraphs(function)
    sources = [text for text in texts if re.match(r"Source:\s*\w", text)]
    if not sources:
        raise InputError(
            f"rule {function.__name__!r} has no source; end its docstring with "
            "'Source: ' and an evidence id, a publication, or the word assumed"
        )
    arguments = ", ".join(inspect.signature(function).parameters)
    source = sources[0].removeprefix("Source:").strip()
    return Rule(function.__name__, arguments, texts[0], source)


def all_rules() -> list[Rule]:
    """Return every rule: first those of the core, in the order of the code."""
    found = inspect.getmembers(rules, inspect.isfunction)
    own = [f for _, f in found if f.__module__.startswith("sim.model.")]
    return [read_rule(f) for f in sorted(own, key=_place)]


def _place(function: Callable[..., Any]) -> tuple[str, int]:
    return function.__module__, function.__code__.co_firstlineno


def mechanisms() -> str:
    """Return a section on each mechanism: the text of its file, and what it adds."""
    order = {name: place for place, name in enumerate(parameters.PARAMETERS)}
    for name in parameters.groups()["who there is"]:
        order[name] = len(order)  # drawn on day 0: no process is found by it

    def first(row: tuple[ModuleType, Submodel]) -> int:
        return min((order[name] for name in row[1].parameters), default=len(order))

    found = zip(MODULES, SUBMODELS, strict=True)
    return "\n\n".join(_section(*row) for row in sorted(found, key=first)) + "\n"


def _section(module: ModuleType, one: Submodel) -> str:
    """Return the section on a mechanism."""
    title, _, text = (inspect.getdoc(module) or "").partition("\n\n")
    name, _, says = title.replace("\n", " ").partition(": ")
    says = says[:1].upper() + says[1:]
    columns = [f"{t}.{c.column.name}" for t, some in one.columns.items() for c in some]
    here = module.__name__
    own = [f for f in vars(module).values() if inspect.isfunction(f)]
    kinds = {
        "Parameters": one.parameters,
        "Columns": columns,
        "Rules": [f.__name__ for f in own if is_rule(f) and f.__module__ == here],
        "Processes": [process.name for process in one.processes],
        "Enters": dict.fromkeys(entry.socket for entry in one.entries),
        "Measures": one.measures,
    }
    told = [f"{k.lower()} {', '.join(map(code, n))}" for k, n in kinds.items() if n]
    file = f"`model/mechanisms/{one.name}.py`"
    return f"#### {name}\n\n{says}\n\n{text}\n\n*{file}:* {'; '.join(told)}."


def added_mechanisms() -> str:
    """Return a section on each mechanism that comes along and is in no society unasked.

    It is the text of its file, and what it adds.
    """
    return "\n".join(map(_added_section, registry.shipped()))


def _added_section(name: str) -> str:
    one = registry.find(name)
    module = inspect.getmodule(one.processes[0].function)
    title, _, text = (inspect.getdoc(module) or "").partition("\n\n")
    word, _, says = title.replace("\n", " ").partition(": ")
    known = parameters.table(registry.parameters_with([name])())
    rows = [_parameter_row(row) for row in known if row["name"] in one.parameters]
    kinds = {
        "Columns": [f"{t}.{c.name}" for t, some in one.columns.items() for c in some],
        "Processes": [process.name for process in one.processes],
        "Measures": one.measures,
        "Outcomes": one.outcomes,
    }
    told = [f"{k.lower()} {', '.join(map(code, n))}" for k, n in kinds.items() if n]
    file = f"`mechanisms/shipped/{name}.py`"
    says = f"{says[:1].upper()}{says[1:]}\n\n{text}\n\n*{file}:* {'; '.join(told)}."
    return f"#### {word}\n\n{says}\n\n{table(PARAMETER, rows)}"


def is_rule(function: Any) -> bool:
    """Tell whether a function is one of the rules."""
    return getattr(rules, function.__name__, None) is function


def half_edge_columns() -> list[Column]:
    """Return the columns of the arena of ties, as the comments there declare them.

    Raises
    ------
    InputError
        If a column has no comment of the form ``# dtype[rows], unit: meaning``.
    """
    source = inspect.getsource(ties.TieArrays)
    form = re.compile(r"    (\w+): Array  # (\w+)\[(\w+)\](?:, ([^:]+))?: (.+)")
    values = {m[1]: m for m in map(form.match, source.splitlines()) if m}
    missing = [name for name in ties.TieArrays._fields if name not in values]
    if missing:
        raise InputError(f"no comment says what {', '.join(missing)} of the ties is")
    rows = {"room": "half-edge", "agents": "agent"}
    return [
        Column(name, m[2], m[4] or f"per {rows.get(m[3], m[3])}", m[5])
        for name, m in values.items()
    ]


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a Markdown table; a bar within a cell is escaped."""
    names = list(head)
    lines = [names, ["---"] * len(names), *[list(row) for row in rows]]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def code(name: str) -> str:
    """Return a name as code, or nothing for no name."""
    return f"`{name}`" if name else ""


def number(value: float) -> str:
    """Return a number or switch as a reader would write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value == int(value):
        return f"{int(value):,}"
    plain = f"{value:.12f}".rstrip("0")
    return plain if float(plain) == value else f"{value:g}"


def by_table(columns: Iterable[str]) -> str:
    """Return ``table.column`` names gathered by table."""
    gathered: dict[str, list[str]] = {}
    for name in columns:
        home, _, column = name.partition(".")
        gathered.setdefault(home, []).append("all" if column == "*" else column)
    parts = [
        f"{home}: {', '.join(names)}" if any(names) else home
        for home, names in gathered.items()
    ]
    return "; ".join(parts)


def processes() -> str:
    """Return the processes of a day, in their order."""
    rows = [
        (i, code(p.name), p.over, p.does, by_table(p.reads), by_table(p.writes))
        for i, p in enumerate(PHASES, 1)
    ]
    return table(("", "process", "over", "what it does", "reads", "writes"), rows)


def parameter_tables() -> str:
    """Return all parameters, a table for each process."""
    about = {row["name"]: row for row in parameters.table()}
    parts = []
    for heading, names in parameters.groups().items():
        rows = [_parameter_row(about[name]) for name in names]
        parts.append(f"**{heading}**\n\n{table(PARAMETER, rows)}")
    return "\n".join(parts)


def _parameter_row(row: dict[str, Any]) -> tuple[str, ...]:
    is_switch = isinstance(row["value"], bool)
    span = "" if is_switch else f"{number(row['low'])} to {number(row['high'])}"
    name, value = code(row["name"]), number(row["value"])
    return name, value, row["unit"], span, row["meaning"], row["source"]


def columns_of(columns: Iterable[Column]) -> str:
    """Return a table of columns."""
    rows = [(code(c.name), np.dtype(c.dtype).name, c.unit, c.meaning) for c in columns]
    return table(("column", "type", "unit", "meaning"), rows)


def measure_table() -> str:
    """Return the columns of a run's series: what is measured at the end of a day.

    Raises
    ------
    InputError
        If nothing says what a measure is.
    """
    rows = []
    for name, function in MEASURES.items():
        told = MEASURED.get(name) or " ".join(paragraphs(function)[:1])
        if not told:
            raise InputError(f"the measure {name!r} has no docstring; write one")
        for verb in ("Return ", "Count "):
            told = told.removeprefix(verb)
        rows.append((code(name), told.rstrip(".")))
    return table(("measure", "what it is, at the end of the day"), rows)


def outcome_table() -> str:
    """Return the outcomes of a run: each a number, its unit and its meaning."""
    rows = [(code(n), one.unit, one.meaning) for n, one in OUTCOMES.items()]
    return table(("outcome", "unit", "meaning"), rows)


def rule_table() -> str:
    """Return every rule, what it returns, and its source."""
    rows = [(f"`{r.name}({r.arguments})`", r.meaning, r.source) for r in all_rules()]
    return table(("rule", "meaning", "source"), rows)


def socket_table() -> str:
    """Return where mechanisms enter loops of the core, and which do."""
    rows = [
        (
            code(name),
            meaning,
            ", ".join(of.replace("_", " ") for of, _ in entries(name)),
        )
        for name, (_, meaning) in SOCKETS_OF_THE_CORE.items()
    ]
    return table(("socket", "the value", "changed by"), rows)


def scenario_table() -> str:
    """Return every scenario and what it changes."""
    rows = []
    for s in map(scenarios.load, scenarios.names()):
        begun = "; ".join(dict.fromkeys(one.name for one in s.interventions))
        base = scenarios.based_on(s.name)
        known = parameters.Parameters()
        known = known if base is None else scenarios.load(base).parameters
        values = s.parameters.model_dump()
        changes = changed(
            {n: values[n] for n in PARAMETERS if values[n] != getattr(known, n)}, known
        )
        on, sources = "" if base is None else code(base), "; ".join(s.sources)
        on += "".join(f", with {code(name)}" for name in s.mechanisms)
        rows.append((code(s.name), s.title, on, s.profile, changes, begun, sources))
    head = (
        *("scenario", "title", "based on", "profile", "parameters"),
        *("interventions", "sources"),
    )
    return table(head, rows)


def changed(values: Mapping[str, Any], known: Any = None) -> str:
    """Return parameters with their values, and with those of ``known``, or usual."""
    usual = (known or parameters.Parameters()).model_dump()
    lines = [
        f"`{n}` = {number(v)} (else {number(usual[n])})" for n, v in values.items()
    ]
    return ", ".join(lines) or "none"


def lever_table() -> str:
    """Return every lever, the effect it should have, and what it changes when."""
    rows = []
    for name, lever in LEVERS.items():
        changes = [
            f"from day {after}{f', {days} day(s)' if days else ''}: {changed(values)}"
            for after, days, values in lever.changes
        ]
        outcome = f"{code(lever.outcome)} {'rises' if lever.raises else 'falls'}"
        rows.append((code(name), lever.effect, outcome, "; ".join(changes)))
    return table(("lever", "effect", "tested", "changed parameters"), rows)


def profile_table() -> str:
    """Return every profile and the parameters it consists of."""
    kinds = PROFILES.items()
    return table(("profile", "parameters"), [(code(k), changed(v)) for k, v in kinds])


def _shipped_detectors() -> dict[str, type[Detector]]:
    """Return the detectors of the package, whatever a session has registered since."""
    known = events.DETECTORS
    return {kind: known[kind] for kind in kinds.SHIPPED if kind in known}


def event_table() -> str:
    """Return every kind of event, how often it is reported, and how often in error.

    Raises
    ------
    InputError
        If nothing says what a detector means.
    """
    rows = []
    for kind, detect in _shipped_detectors().items():
        meaning = " ".join(paragraphs(detect))
        if not meaning:
            raise InputError(f"the detector of {kind!r} has no docstring; write one")
        often = "once" if detect.once else "each time"
        bound = f"{detector.of(kind).bound:.2f}" if detect.alarm else "fact"
        does = f"{meaning} {MARKS.get(kind, '')}".strip()
        rows.append((code(kind), detect.family, often, bound, does))
    return table(
        ("event", "family", "reported", "alarms", "what its detector does"), rows
    )


def detector_summary() -> str:
    """Return how many detectors there are of which sort, and how alarms are held."""
    shipped = detector.read()
    sorts = list(_shipped_detectors().values())
    alarms = [one for one in sorts if one.alarm]
    bounds = [detector.of(one.kind).bound for one in alarms]
    families = len({one.family for one in sorts})
    true = dict.fromkeys(shipped["nulls"], "")
    for line in shipped["true_in_null"]:
        kind, _, where = line.partition(" in ")
        null, _, why = where.partition(": ")
        true[null] = "; ".join(filter(None, (true[null], f"{code(kind)}: {why}")))
    text = (
        f"{len(sorts)} detectors in {families} families: {len(sorts) - len(alarms)} "
        f"report facts, {len(alarms)} raise alarms; {sum(one.once for one in sorts)} "
        "report the first occurrence only. Alarms were calibrated on "
        f"{len(shipped['nulls'])} null models, {shipped['runs_per_null']} runs of "
        f"{shipped['steps_per_run']} days each. On the worst of these the 95 % upper "
        f"bound of false alarms is {min(bounds):.2f} to {max(bounds):.2f} per 1,000 "
        f"days; thresholds were chosen to keep it within {AIM:g}.\n\n"
    )
    rows = [(code(name), said, true[name]) for name, said in shipped["nulls"].items()]
    return text + table(("null model", "what it is", "what does happen in it"), rows)


def source_counts() -> str:
    """Return how many parameters come from where, and which."""
    lines = [(code(r["name"]), kind_of_source(r["source"])) for r in parameters.table()]
    rows = []
    for kind, meaning in KINDS_OF_SOURCE.items():
        names = [name for name, its_kind in lines if its_kind == kind]
        rows.append((meaning, len(names), ", ".join(names)))
    rows.append(("all", len(lines), ""))
    return table(("where the value comes from", "how many", "which"), rows)


def evidence_table() -> str:
    """Return the evidence that is cited, shortened."""
    head = ("id", "statement", "value", "unit", "verified")
    return table(head, [[row[name] for name in head] for row in read_evidence()])


def differing_table() -> str:
    """Return the parameters that may differ, whose they are, and what reads them."""
    rows = []
    for name, reader in heterogeneity.VARIABLE.items():
        whose = " and ".join({"oses": "OSes"}.get(of, of) for of in reader.of)
        field = parameters.Parameters.model_fields[name]
        by = "varies, profiles" if "oses" in reader.of else "varies"
        if field.annotation is not float:
            by = "profiles" if "oses" in reader.of else ""
        tie = next((text for text, names in TIES.items() if name in names), "")
        if by:
            read = ", ".join(map(code, reader.phases))
            rows.append((code(name), whose, by, tie, read))
    return table(("parameter", "whose", "by", "on a tie", "read by"), rows)


def factor_table() -> str:
    """Return where factors enter, whose they are, and what they multiply."""
    rows = []
    for name, socket in SOCKETS.items():
        scales = [
            f"{table}: {', '.join(_scaled(n, p) for n, p in names.items())}"
            for table, names in socket.scales.items()
        ]
        rows.append((code(name), socket.what, "; ".join(scales), code(socket.phase)))
    return table(("factor", "of", "multiplies", "in"), rows)


def _scaled(name: str, power: int) -> str:
    return code(name) if power > 0 else f"divides {code(name)}"


TABLES: dict[str, Callable[[], str]] = {
    "processes": processes,
    "human-columns": lambda: columns_of(HUMAN_COLUMNS),
    "os-columns": lambda: columns_of(OS_COLUMNS),
    "half-edge-columns": lambda: columns_of(half_edge_columns()),
    "face-columns": lambda: columns_of(FACE_COLUMNS),
    "events": event_table,
    "detectors": detector_summary,
    "scenarios": scenario_table,
    "mechanisms": mechanisms,
    "added-mechanisms": added_mechanisms,
    "sockets": socket_table,
    "rules": rule_table,
    "parameters": parameter_tables,
    "levers": lever_table,
    "profiles": profile_table,
    "differing": differing_table,
    "factors": factor_table,
    "sources": source_counts,
    "evidence": evidence_table,
}


def updated(text: str) -> str:
    """Return the text of MODEL.md with every table as the code has it.

    Raises
    ------
    InputError
        If a table has no place in the text or two, or a place has no table.
    """
    places = [match["name"] for match in BLOCK.finditer(text)]
    if sorted(places) != sorted(TABLES):
        wrong = sorted(set(places) ^ set(TABLES)) or places
        raise InputError(
            f"{MODEL.name} must have each generated table once; see {', '.join(wrong)}"
        )
    return BLOCK.sub(lambda m: f"{m[1]}\n{TABLES[m['name']]()}\n{m[3]}", text)


def schema() -> str:
    """Return the JSON Schema of provenance, as text."""
    return json.dumps(provenance_schema(), indent=2) + "\n"


def difference(old: str, new: str, name: str = MODEL.name) -> str:
    """Return what has to change, line by line; empty if nothing has to."""
    names = (f"{name} as it is", f"{name} as the code has it")
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, *names, n=0))


def main(arguments: list[str] | None = None) -> int:
    """Check what is generated, or write it; return the exit code: 0 if it is current.

    It is 1 if it is not, and 2 if the code or the text lacks what a table needs.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sim.docs.describe",
        description=paragraphs(sys.modules[__name__])[0],
    )
    parser.add_argument("--write", action="store_true", help="bring it up to date")
    args = parser.parse_args(arguments)
    try:
        made = {MODEL: updated(MODEL.read_text(encoding="utf-8")), SCHEMA: schema()}
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    stale = False
    for file, new in made.items():
        old = file.read_text(encoding="utf-8") if file.exists() else ""
        if args.write and new != old:
            file.write_text(new, encoding="utf-8")
        if args.write or new == old:
            print(f"{file.name} {'written' if new != old else 'is current'}")
            continue
        stale = True
        print(difference(old, new, file.name), end="")
        print(f"{file.name} is not current; run python -m sim.docs.describe --write")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
