"""Export of relationships: GraphML, GEXF, CSV, JSON; and of a run as a page to watch.

Of a day, or of a whole run. Every file reads back with the same agents, ties and
attributes, and is written part by part: a city is no more trouble than a village. Cells
of a CSV file that a spreadsheet would take for a formula are inert.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import pandas as pd

from sim.model.columns import OFFLINE
from sim.model.parameters import FRIEND
from sim.model.presence import ALIVE
from sim.runs import view
from sim.runs.export import gexf, graphml
from sim.runs.export.gexf import Kinds, Span, Thing
from sim.runs.export.rows import (
    KINDS,
    TIES,
    Rows,
    agent_rows,
    agents_of_all,
    first_rows,
    flags_of,
    kinds_of,
    kinds_of_agents,
    rows_of,
    tie_rows,
    ties_by_day,
    ties_of_all,
)
from sim.runs.export.xml import as_json, lines_of, write_lines
from sim.runs.result import Result
from sim.runs.schemas import TIES_SCHEMA
from sim.utils.errors import InputError
from sim.utils.files import replacing
from sim.utils.signatures import checked_arguments

FORMATS = ("graphml", "gexf", "csv", "json")
PAGE = "html"  # a format for people, not for programs
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# What of an agent is followed over the days in a dynamic file, besides its spells; of
# all other columns the last value is given.
MOVING = (
    *("growth", "condition", "collective", "upgraded", "lovers", "loneliness", "grief"),
    *("acceptance", "personhood", "human_closeness", "os_closeness"),
)
DIGITS = 2  # after the point, of what is followed over the days


class Graph(NamedTuple):
    """Agents and ties, part by part, with the types of what is known of them."""

    node_kinds: Mapping[str, type]
    edge_kinds: Mapping[str, type]
    nodes: Iterator[Rows]
    edges: Iterator[Rows]
    about: dict[str, Any]


@checked_arguments()
def export(
    result: Result,
    path: str | Path,
    kind: str | None = None,
    step: int | None = None,
    *,
    whole: bool = False,
    closest: float = 0.0,
) -> list[Path]:
    """Write the relationships of a day, or of the whole run, for another program.

    Parameters
    ----------
    result
        A run.
    path
        Where to. A CSV file of ties gets one of agents beside it.
    kind
        ``graphml``, ``gexf``, ``csv``, ``json`` or ``html`` (a page that plays the
        run in a browser, offline); None goes by the suffix.
    step
        A snapshot day; None is the last (``html`` has all).
    whole
        All snapshots: GEXF with spells and moving values, CSV with a row a day, GraphML
        and JSON with the first and last day of everything.
    closest
        Leave out ties less close than this, 0..1 (``html`` leaves out those of less
        than 0.4).

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If the format is unknown, there is no snapshot of ``step``, ``closest`` is out
        of range, or nothing can be written there.
    """
    path = Path(path)
    kind = kind or path.suffix.removeprefix(".").lower()
    if kind not in (*FORMATS, PAGE):
        known = ", ".join((*FORMATS, PAGE))
        raise InputError(f"cannot export {path}: use one of {known}")
    if whole and step is not None:
        raise InputError("export one day or the whole run, not both")
    if not 0.0 <= closest <= 1.0:
        raise InputError(f"'closest' is a closeness from 0 to 1, not {closest}")
    if kind == PAGE:
        return [_write_page(result, path, step, closest)]
    if kind == "csv":
        return _write_csv(result, path, result.steps if whole else [step], closest)
    if kind == "gexf" and whole:
        return [_write_dynamic(result, path, closest)]
    graph = _graph(result, step, whole, closest)
    if kind == "gexf":
        agents, ties = Kinds(graph.node_kinds), Kinds(graph.edge_kinds)
        nodes, edges = (agents, graph.nodes), (ties, graph.edges)
        gexf.write(path, nodes, edges, graph.about)
    elif kind == "graphml":
        kinds = graph.node_kinds, graph.edge_kinds
        graphml.write(path, kinds, graph.nodes, graph.edges, graph.about)
    else:
        _write_json(path, graph)
    return [path]


def _write_page(result: Result, path: Path, step: int | None, closest: float) -> Path:
    """Write a page that plays the run."""
    if step is not None:
        raise InputError("a page plays the whole run; leave out the day")
    view.check_place(path)  # before anything is read
    return view.of_result(result, max(closest, FRIEND)).save(path)


def _graph(result: Result, step: int | None, whole: bool, closest: float) -> Graph:
    """Return the relationships of a day, or of all, as they are exported."""
    about = _about(result)
    if whole:
        agents = functools.partial(agents_of_all, result)
        ties = functools.partial(ties_of_all, result, closest)
    else:
        day = result.snapshot_day(step)
        agents = functools.partial(agent_rows, result, day)
        ties = functools.partial(tie_rows, result, day, closest)
        about = {"step": day, **about}
    kinds = kinds_of_agents(agents), kinds_of([next(ties())])
    return Graph(*kinds, map(rows_of, agents()), map(rows_of, ties()), about)


def day_graph(
    result: Result, step: int | None = None, closest: float = 0.0
) -> nx.DiGraph[int]:
    """Return the graph of a snapshot day as it is exported.

    As ``Result.graph``, and of each agent a ``label`` and its ``condition`` in words,
    of each tie its ``flags`` and whom it joins (``tie``) in words.
    """
    return _networkx(_graph(result, step, False, closest))


def whole_graph(result: Result, closest: float = 0.0) -> nx.DiGraph[int]:
    """Return all agents and ties of all snapshots, each as it was last seen.

    Besides what ``day_graph`` gives there are ``first_step`` and ``last_step``, the
    snapshot days between which it was seen, and of ties ``closest``.
    """
    return _networkx(_graph(result, None, True, closest))


def _networkx(content: Graph) -> nx.DiGraph[int]:
    graph: nx.DiGraph[int] = nx.DiGraph(**content.about)
    for rows in content.nodes:
        graph.add_nodes_from((name[0], known) for name, known in _records(rows))
    for rows in content.edges:
        for ends, known in _records(rows):
            graph.add_edge(ends[0], ends[1], **known)
    return graph


def _records(rows: Rows) -> Iterator[tuple[tuple[int, ...], dict[str, Any]]]:
    """Yield each name with what is known of it."""
    for name, *values in zip(rows.names, *rows.columns.values(), strict=True):
        known = zip(rows.columns, values, strict=True)
        yield name, {title: value for title, value in known if value is not None}


def _about(result: Result) -> dict[str, Any]:
    found = result.provenance
    return {"scenario": str(found.get("scenario")), "seed": found.get("seed", 0)}


def inert(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(FORMULA) else text


# ------------------------------------------------------------------------------ JSON


def _write_json(path: Path, graph: Graph) -> None:
    """Write node-link data, as networkx reads and writes them, a line for each."""
    write_lines(path, _json_lines(graph))


def _json_lines(graph: Graph) -> Iterator[str]:
    about = json.dumps(graph.about, ensure_ascii=False, allow_nan=False)
    yield '{"directed": true, "multigraph": false, "graph": ' + about + ","
    for title, parts, begin, end in (
        ("nodes", graph.nodes, lambda name: f'{{"id": {name[0]}', "],"),
        ("edges", graph.edges, lambda e: f'{{"source": {e[0]}, "target": {e[1]}', "]}"),
    ):
        yield f'"{title}": ['
        found = (
            line for rows in parts for line in lines_of(rows, begin, _json_cell, "}")
        )
        yield from _with_commas(found)
        yield end


def _with_commas(lines: Iterator[str]) -> Iterator[str]:
    """Yield lines, a comma after each but the last."""
    before = next(lines, None)
    for line in lines:
        yield f"{before},"
        before = line
    if before is not None:
        yield before


def _json_cell(name: str, value: Any) -> str:
    return f', "{name}": {as_json(value)}'


# ------------------------------------------------------------------------------- CSV


def _write_csv(
    result: Result, path: Path, steps: Sequence[int | None], closest: float
) -> list[Path]:
    agents = path.with_name(f"{path.stem}-agents{path.suffix}")
    _write_table(path, (t for s in steps for t in _tie_tables(result, s, closest)))
    _write_table(agents, (table for s in steps for table in _agent_tables(result, s)))
    return [path, agents]


def _write_table(path: Path, tables: Iterable[pd.DataFrame]) -> None:
    with replacing(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        for number, table in enumerate(tables):
            for name in table.select_dtypes(object).columns:
                table[name] = table[name].map(inert, na_action="ignore")
            table.to_csv(file, index=False, header=number == 0, lineterminator="\n")


def _tie_tables(
    result: Result, step: int | None, closest: float
) -> Iterator[pd.DataFrame]:
    day = result.snapshot_day(step)
    for part in tie_rows(result, day, closest):
        table = part.rename(columns={"owner": "source", "neighbour": "target"})
        table.insert(0, "step", day)
        yield table


def _agent_tables(result: Result, step: int | None) -> Iterator[pd.DataFrame]:
    day, first = result.snapshot_day(step), ["label", "condition", "kind"]
    agents = functools.partial(agent_rows, result, day)
    rest = [name for name in kinds_of_agents(agents) if name not in first]
    for part in agents():
        table = part.reindex(columns=[*first, *rest]).reset_index()
        table.insert(0, "step", day)
        yield table


# ---------------------------------------------------------------------- dynamic GEXF


def _write_dynamic(result: Result, path: Path, closest: float) -> Path:
    days = result.steps
    after = dict(zip(days, [*days[1:], days[-1]], strict=True))
    known = kinds_of_agents(functools.partial(agent_rows, result))
    fixed = {n: kind for n, kind in known.items() if n not in (*MOVING, "label")}
    moving = {name: known[name] for name in MOVING if name in known}
    nodes = Kinds(fixed, moving), _moving_agents(result, after)
    own = _own_of_ties(result)
    kinds = Kinds({"tie": str}, {"weight": float, "flags": str, **own})
    edges = kinds, _moving_ties(result, after, closest, own)
    about = _about(result) | {"snapshots": len(days)}
    return gexf.write(path, nodes, edges, about, (days[0], days[-1]))


def _moving_agents(result: Result, after: Mapping[int, int]) -> Iterator[Thing]:
    """Yield all agents, with spells while they are here or offline."""
    for kind in KINDS:
        days = {
            day: [*map(_moving_part, agent_rows(result, day, [kind], everybody=True))]
            for day in after
        }
        everyone = agent_rows(result, None, [kind], everybody=True)
        for at, last in enumerate(everyone):
            history = {day: parts[at] for day, parts in days.items() if at < len(parts)}
            yield from _agents_with_history(last, history, after)


def _moving_part(part: pd.DataFrame) -> pd.DataFrame:
    return part[[name for name in (*MOVING, "status", "life") if name in part]]


def _agents_with_history(
    last: pd.DataFrame, history: Mapping[int, pd.DataFrame], after: Mapping[int, int]
) -> Iterator[Thing]:
    """Yield some agents: as they were last, and what moved on which day."""
    moments = {day: rows_of(part).columns for day, part in history.items()}
    counts = {day: len(part) for day, part in history.items()}
    for at, (name, known) in enumerate(_records(rows_of(last))):
        there: list[int] = []
        moving: dict[str, dict[int, Any]] = {}
        for day, columns in moments.items():
            if at >= counts[day] or _is_away(columns, at):
                continue
            there.append(day)
            for title in columns:
                if title in MOVING and columns[title][at] is not None:
                    moving.setdefault(title, {})[day] = _rounded(columns[title][at])
        if there:
            fixed = {n: v for n, v in known.items() if n not in (*MOVING, "label")}
            values = {n: _spans(values, after) for n, values in moving.items()}
            yield Thing(name, known["label"], fixed, values, _spells(there, after))


def _is_away(columns: Mapping[str, list[Any]], at: int) -> bool:
    if "life" in columns:
        return bool(columns["life"][at] != ALIVE)
    return "status" in columns and bool(columns["status"][at] > OFFLINE)


def _own_of_ties(result: Result) -> dict[str, type]:
    """Return the types of the columns that mechanisms add to ties."""
    (ties,) = itertools.islice(tie_rows(result), 1)
    known = {*TIES_SCHEMA.names, "flags", "tie"}
    return {n: kind for n, kind in kinds_of([ties]).items() if n not in known}


def _moving_ties(
    result: Result, after: Mapping[int, int], closest: float, own: Iterable[str]
) -> Iterator[Thing]:
    """Yield all ties, their closeness as a weight that moves, and own columns."""
    for table in ties_by_day(result, closest):
        ends = table[["owner", "neighbour"]].to_numpy(np.int64)
        firsts = [*first_rows(table).tolist(), len(table)]
        days, flags = table["step"].tolist(), table["kind"].tolist()
        weights = table["closeness"].astype(float).round(DIGITS).tolist()
        values = {name: table[name].tolist() for name in own}
        for first, end in itertools.pairwise(firsts):
            one, other = ends[first].tolist()
            there = days[first:end]
            words = map(flags_of, flags[first:end])
            moving = {
                "weight": _spans(
                    dict(zip(there, weights[first:end], strict=True)), after
                ),
                "flags": _spans(dict(zip(there, words, strict=True)), after),
            }
            for name, whole in values.items():
                some = map(_rounded, whole[first:end])
                moving[name] = _spans(dict(zip(there, some, strict=True)), after)
            tie = (one >= result.population) + (other >= result.population)
            fixed = {"tie": TIES[tie]}
            yield Thing((one, other), "", fixed, moving, _spells(there, after))


def _spans(values: Mapping[int, Any], after: Mapping[int, int]) -> list[Span]:
    return gexf.spans(
        list(values), [after[day] for day in values], list(values.values())
    )


def _spells(days: Sequence[int], after: Mapping[int, int]) -> list[tuple[int, int]]:
    """Return from when to when something was there, snapshots that touch made one."""
    found = _spans(dict.fromkeys(days), after)
    return [(start, end) for _, start, end in found]


def _rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value
