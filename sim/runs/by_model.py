"""What became of people, by the model through which their OS spoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sim.utils.stats import mean_interval

if TYPE_CHECKING:
    from sim.runs.result import Result

# Outcome -> what it means; means over the days of snapshots with an OS of the model.
OUTCOMES = {
    "closeness": "closeness to the dearest OS, 0..1",
    "love": "share of snapshots on which the person loves an OS",
    "loneliness": "loneliness, 0..1",
    "dependence": "hours with OSes as a share of all hours of talk",
}
COLUMNS = ("model", "outcome", "people", "mean", "low", "high")


def outcomes_by_model(result: Result) -> pd.DataFrame:
    """Return the outcomes of people by the model of the OS that is their own.

    Parameters
    ----------
    result
        A run in which several models spoke for OSes, of which each had one for life.

    Returns
    -------
    DataFrame
        A row a model and outcome: ``model``, ``outcome``, ``people`` (who had an OS of
        the model on the day of a snapshot), ``mean`` over people, and ``low`` and
        ``high``, the ends of the 95 % interval of the mean (Student's t over people;
        nan of fewer than two). Empty if not several models spoke. People of one society
        are not independent, so the intervals are too narrow: ``os-society bench`` has
        those over seeds.
    """
    models = (result.provenance.get("mind") or {}).get("models") or {}
    whose = {os: name for name, one in models.items() for os in one.get("oses", ())}
    rows = []
    if whose:
        people = _people(result, whose)
        for name in models:
            theirs = people[people["model"] == name]
            for outcome in OUTCOMES:
                values = theirs[outcome].to_numpy()
                middle = float(values.mean()) if len(values) else np.nan
                ends = mean_interval(values)
                rows.append((name, outcome, len(values), middle, *ends))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _people(result: Result, whose: dict[int, str]) -> pd.DataFrame:
    """Return a row for each person and model of an OS of its own."""
    love = float(result.provenance["parameters"]["love"])
    found = []
    for step in result.steps[1:]:
        humans = result.humans(step)
        own = humans["os"].to_numpy()  # rows of OSes
        first = result.population
        models = [whose.get(int(one) + first) if one >= 0 else None for one in own]
        hours = humans["hours_oses"] + humans["hours_humans"]
        today = pd.DataFrame(
            {
                "person": humans.index,
                "model": models,
                "closeness": humans["os_closeness"],
                "love": (humans["os_closeness"] >= love).astype(float),
                "loneliness": humans["loneliness"],
                "dependence": (humans["hours_oses"] / hours).fillna(0.0),
            }
        )
        found.append(today.dropna(subset=["model"]))
    if not found:
        return pd.DataFrame({name: [] for name in ("person", "model", *OUTCOMES)})
    return pd.concat(found).groupby(["person", "model"], as_index=False).mean()
