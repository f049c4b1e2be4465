"""A model as mechanisms have extended it, in tables: its day, and what each adds."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.mechanisms import replaced
from sim.mechanisms.factors import SOCKETS
from sim.mechanisms.mechanism import Mechanism
from sim.mechanisms.schedule import OwnSchedule
from sim.model.parameters import Parameters, table
from sim.model.processes import PHASES, Phase

Row = dict[str, Any]  # ready for JSON


def processes(parameters: Parameters) -> list[Row]:
    """Return the processes of a day, in order.

    Parameters
    ----------
    parameters
        Of the model and of mechanisms, on or off.

    Returns
    -------
    list of dict
        ``process``, what it is ``over``, what it ``does``, what it ``reads`` and
        ``writes``, and which mechanism replaces rules in it (``rules``, by rule).
    """
    used = parameters.mechanisms
    extended = used or parameters.heterogeneity is not None
    phases = OwnSchedule(parameters, parameters).phases if extended else PHASES
    over = {phase.name: phase.over for phase in PHASES}
    over |= {process.name: process.over for one in used for process in one.processes}
    rules = replaced.rules_replaced(parameters)
    shipped = {phase.name: phase.run for phase in PHASES}

    def row(phase: Phase) -> Row:
        run = shipped.get(phase.name)
        there = {
            rule: of
            for rule, of in rules.items()
            if run is not None and replaced.is_concerned(run, [rule])
        }
        return {
            "process": phase.name,
            "over": over.get(phase.name, phase.over),
            "does": phase.does,
            "reads": list(phase.reads),
            "writes": list(phase.writes),
            "rules": there,
        }

    return [row(phase) for phase in phases]


def added(one: Mechanism, parameters: Parameters) -> Row:
    """Return what a mechanism adds, ready for JSON: a list of rows for each kind."""
    rows = {row["name"]: row for row in table(parameters)}
    tables = {**one.columns, **one.tables}
    columns = [(t, column) for t, some in tables.items() for column in some]
    return {
        "mechanism": one.name,
        "text": one.text,
        "file": one.file.name,
        "digest": one.digest,
        "parameters": [rows[name] for name in one.parameters],
        "columns": [
            {"name": f"{t}.{c.name}", "unit": c.unit, "meaning": c.meaning}
            for t, c in columns
        ],
        "bytes_per_row": {
            t: sum(np.dtype(c.dtype).itemsize for c in some)
            for t, some in tables.items()
            if some
        },
        "factors": [
            {
                "name": f.socket,
                "meaning": f"{SOCKETS[f.socket].what}, times: {f.does or 'a factor'}",
            }
            for f in one.factors
        ],
        "rules": [
            {"name": rule, "meaning": replacement.does}
            for rule, replacement in one.replacements.items()
        ],
        "measures": [_told(m) for m in one.measures.values()],
        "outcomes": [_told(outcome) for outcome in one.outcomes.values()],
        "events": [
            {"name": kind, "meaning": str(getattr(detector, "meaning", ""))}
            for kind, detector in one.detectors.items()
        ],
    }


def _told(one: Any) -> Row:
    return {"name": one.name, "unit": one.unit, "meaning": one.meaning}
