"""Relationships in the formats of other programs: GraphML, GEXF, CSV, JSON.

Of a day, or of a whole run. Every file reads back with the same agents, ties and
attributes. Cells of a CSV file that a spreadsheet would take for a formula are inert.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from sim import gexf
from sim.errors import InputError
from sim.files import replacing
from sim.gexf import Span, Thing
from sim.names import os_name
from sim.results import Result
from sim.state import DECLARED, KNOWS, OFFLINE, OWNER, PARTNER, STATUS, WAS_CLOSE

FORMATS = ("graphml", "gexf", "csv", "json")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
FLAGS = {
    PARTNER: "partner",
    OWNER: "owner",
    KNOWS: "knows",
    WAS_CLOSE: "was close",
    DECLARED: "declared",
}
TIES = ("human and human", "human and OS", "OS and OS")
# What of an agent is followed over the days in a dynamic file, besides its spells; of
# all other columns the last value is given.
MOVING = (
    *("growth", "condition", "collective", "upgraded", "lovers", "loneliness", "grief"),
    *("acceptance", "personhood", "human_closeness", "os_closeness"),
)
DIGITS = 2  # after the point, of what is followed over the days


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
        ``graphml``, ``gexf``, ``csv`` or ``json``; None goes by the suffix.
    step
        A snapshot day; None is the last.
    whole
        All snapshots: GEXF with spells and moving values, CSV with a row a day, GraphML
        and JSON with the first and last day of everything.
    closest
        Leave out ties less close than this, 0..1.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If the format is unknown, there is no snapshot of ``step``, or nothing can be
        written there.
    """
    path = Path(path)
    kind = kind or path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise InputError(f"cannot export {path}: use one of {', '.join(FORMATS)}")
    if whole and step is not None:
        raise InputError("export one day or the whole run, not both")
    if kind == "csv":
        return _write_csv(result, path, result.steps if whole else [step], closest)
    if kind == "gexf" and whole:
        return [_write_dynamic(result, path, closest)]
    graph = whole_graph(result, closest) if whole else day_graph(result, step, closest)
    if kind == "gexf":
        return [gexf.write_graph(graph, path)]
    with replacing(path) as part:
        if kind == "graphml":
            nx.write_graphml_xml(graph, part)
        else:
            known = nx.node_link_data(graph, edges="edges")
            text = json.dumps(known, ensure_ascii=False, allow_nan=False, indent=1)
            part.write_text(text + "\n", encoding="utf-8")
    return [path]


def day_graph(
    result: Result, step: int | None = None, closest: float = 0.0
) -> nx.DiGraph[int]:
    """Return the graph of a snapshot day as it is exported.

    As ``Result.graph``, and of each agent a ``label`` and its ``condition`` in words,
    of each tie its ``flags`` and whom it joins (``tie``) in words.
    """
    graph = result.graph(step, closest)
    graph.graph.update(_about(result))
    for agent, known in graph.nodes(data=True):
        known["label"] = _label(agent, known)
        known["condition"] = _condition(known)
        _clean(known)
    for one, other, known in graph.edges(data=True):
        known["flags"] = _flags(known["kind"])
        known["tie"] = TIES[(one >= result.population) + (other >= result.population)]
        _clean(known)
    return graph


def whole_graph(result: Result, closest: float = 0.0) -> nx.DiGraph[int]:
    """Return all agents and ties of all snapshots, each as it was last seen.

    Besides what ``day_graph`` gives there are ``first_step`` and ``last_step``, the
    snapshot days between which it was seen, and of ties ``closest``.
    """
    graph: nx.DiGraph[int] = nx.DiGraph(**_about(result))
    for day in result.steps:
        today = day_graph(result, day, closest)
        for agent, known in today.nodes(data=True):
            first = graph.nodes[agent]["first_step"] if agent in graph else day
            graph.add_node(agent, **known, first_step=first, last_step=day)
        for one, other, known in today.edges(data=True):
            had = graph.edges[one, other] if graph.has_edge(one, other) else {}
            most = max(known["closeness"], had.get("closest", 0.0))
            dates = {"first_step": had.get("first_step", day), "last_step": day}
            graph.add_edge(one, other, **known, **dates, closest=most)
    return graph


def inert(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(FORMULA) else text


def _about(result: Result) -> dict[str, Any]:
    found = result.provenance
    return {"scenario": str(found.get("scenario")), "seed": found.get("seed", 0)}


def _label(agent: int, known: dict[str, Any]) -> str:
    if known["kind"] == "human":
        return f"human {agent}"
    return f"{os_name(int(known['name']))} ({agent})"


def _condition(known: dict[str, Any]) -> str:
    return STATUS[known["status"]] if known["kind"] == "OS" else STATUS[0]


def _flags(kind: int) -> str:
    return ", ".join(word for flag, word in FLAGS.items() if kind & flag)


def _clean(known: dict[str, Any]) -> None:
    """Leave out numbers that are none; make the others plain Python ones."""
    for name, value in list(known.items()):
        if isinstance(value, np.generic):
            known[name] = value.item()
        if isinstance(known[name], float) and not math.isfinite(known[name]):
            del known[name]


# ------------------------------------------------------------------------------- CSV


def _write_csv(
    result: Result, path: Path, steps: Sequence[int | None], closest: float
) -> list[Path]:
    agents = path.with_name(f"{path.stem}-agents{path.suffix}")
    _write_table(path, (_tie_table(result, step, closest) for step in steps))
    _write_table(agents, (_agent_table(result, step) for step in steps))
    return [path, agents]


def _write_table(path: Path, tables: Iterator[pd.DataFrame]) -> None:
    with replacing(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        for number, table in enumerate(tables):
            for name in table.select_dtypes(object).columns:
                table[name] = table[name].map(inert, na_action="ignore")
            table.to_csv(file, index=False, header=number == 0, lineterminator="\n")


def _tie_table(result: Result, step: int | None, closest: float) -> pd.DataFrame:
    ties = result.ties(step)
    ties = ties[ties["closeness"] >= closest].reset_index(drop=True)
    ends = ties[["owner", "neighbour"]] >= result.population
    ties["flags"] = ties["kind"].map({k: _flags(k) for k in ties["kind"].unique()})
    ties["tie"] = ends.sum(axis=1).map(dict(enumerate(TIES))).astype(object)
    ties["flags"] = ties["flags"].astype(object)
    ties = ties.rename(columns={"owner": "source", "neighbour": "target"})
    ties.insert(0, "step", result.steps[-1] if step is None else step)
    return ties


def _agent_table(result: Result, step: int | None) -> pd.DataFrame:
    agents = result.agents(step)
    rows: Any = agents[["kind", "name", "status"]].to_dict("index")
    text = pd.DataFrame(
        {
            "label": [_label(agent, known) for agent, known in rows.items()],
            "condition": [_condition(known) for known in rows.values()],
        },
        index=agents.index,
        dtype=object,
    )
    table = pd.concat([text, agents.astype({"kind": object})], axis=1).reset_index()
    table.insert(0, "step", result.steps[-1] if step is None else step)
    return table


# ---------------------------------------------------------------------- dynamic GEXF


def _write_dynamic(result: Result, path: Path, closest: float) -> Path:
    days = result.steps
    after = dict(zip(days, [*days[1:], days[-1]], strict=True))
    nodes, edges = _moving_agents(result, after), _moving_ties(result, after, closest)
    about = _about(result) | {"snapshots": len(days)}
    return gexf.write(path, nodes, edges, about, (days[0], days[-1]))


def _moving_agents(result: Result, after: dict[int, int]) -> list[Thing]:
    """Return all agents, with spells while they are here or offline."""
    seen: dict[int, list[int]] = {}
    values: dict[int, dict[str, list[Any]]] = {}
    last: dict[int, dict[str, Any]] = {}
    for day in after:
        for agent, known in _plain_agents(result, day).items():
            last[agent] = known
            if known["kind"] == "human" or known["status"] <= OFFLINE:
                seen.setdefault(agent, []).append(day)
                kept = values.setdefault(agent, {})
                for name in MOVING:
                    if name in known:
                        kept.setdefault(name, []).append(_rounded(known[name]))
    things = []
    for agent, known in last.items():
        there = seen.get(agent, [])
        ends = [after[day] for day in there]
        moving = {
            name: gexf.spans(there, ends, row)
            for name, row in values.get(agent, {}).items()
        }
        fixed = {name: value for name, value in known.items() if name not in MOVING}
        label = fixed.pop("label")
        things.append(Thing((agent,), label, fixed, moving, _spells(there, ends)))
    return [thing for thing in things if thing.spells]


def _plain_agents(result: Result, day: int) -> dict[int, dict[str, Any]]:
    """Return what is known of all agents on a day, by number."""
    found: dict[int, dict[str, Any]] = {}
    for kind, table in (("human", result.humans(day)), ("OS", result.oses(day))):
        rows: Any = table.assign(kind=kind).to_dict("records")
        for agent, known in zip(table.index.tolist(), rows, strict=True):
            known["label"], known["condition"] = _label(agent, known), _condition(known)
            _clean(known)
            found[agent] = known
    return found


def _moving_ties(result: Result, after: dict[int, int], closest: float) -> list[Thing]:
    """Return all ties, their closeness as a weight that moves."""
    tables = []
    for day in after:
        ties = result.ties(day)
        tables.append(ties[ties["closeness"] >= closest].assign(step=day))
    table = pd.concat(tables).sort_values(["owner", "neighbour", "step"])
    ends = table[["owner", "neighbour"]].to_numpy(np.int64)
    new = np.any(np.diff(ends, axis=0, prepend=-1) != 0, axis=1)
    firsts = np.append(np.flatnonzero(new), len(table))
    days, flags = table["step"].tolist(), table["kind"].tolist()
    weights = table["closeness"].round(DIGITS).astype(float).round(DIGITS).tolist()
    things = []
    for first, end in zip(firsts[:-1].tolist(), firsts[1:].tolist(), strict=True):
        one, other = ends[first].tolist()
        there = days[first:end]
        until = [after[day] for day in there]
        moving = {
            "weight": gexf.spans(there, until, weights[first:end]),
            "flags": gexf.spans(there, until, [_flags(k) for k in flags[first:end]]),
        }
        tie = TIES[(one >= result.population) + (other >= result.population)]
        spells = _spells(there, until)
        things.append(Thing((one, other), "", {"tie": tie}, moving, spells))
    return things


def _spells(days: Sequence[int], after: Sequence[int]) -> list[tuple[int, int]]:
    """Return from when to when something was there, snapshots that touch made one."""
    found: list[Span] = gexf.spans(days, after, [None] * len(days))
    return [(start, end) for _, start, end in found]


def _rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value
