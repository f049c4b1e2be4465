"""Mesa's DataCollector as a view of the history of measures."""

from __future__ import annotations

from functools import partial
from typing import Any

import mesa


class HistoryCollector(mesa.DataCollector):  # type: ignore[misc]
    """Collects what reporters are added to it; the measures of each day it looks up.

    To a user of Mesa it is a ``DataCollector`` with a model reporter a measure. They
    are read from ``model.monitor.history``, so that no day is measured or kept twice.

    Parameters
    ----------
    model
        The society whose measures are shown.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._added: dict[str, list[Any]] = {}
        super().__init__()
        self._names = model.monitor.history.names
        reporters = {name: partial(latest, name=name) for name in self._names}
        self.model_reporters = reporters

    @property
    def model_vars(self) -> dict[str, list[Any]]:
        """The values of every model reporter, a list of one a day each."""
        history = self._model.monitor.history
        return {name: history[name] for name in self._names} | self._added

    @model_vars.setter
    def model_vars(self, added: dict[str, list[Any]]) -> None:
        """Keep the values of added reporters there, as Mesa asks when it sets up."""
        self._added = added

    def _new_model_reporter(self, name: str, reporter: Any) -> None:
        self.model_reporters[name] = reporter
        self._added[name] = []

    def collect(self, model: Any) -> None:
        """Collect today's values of the reporters that were added.

        Parameters
        ----------
        model
            The society, as Mesa hands it over.
        """
        every = self.model_reporters
        added = {name: every[name] for name in self._added}
        if not added and hasattr(self, "_collection_steps"):  # since Mesa 3.5
            self._collection_steps.append(model.time)
        if not (added or self.agent_reporters or self.agenttype_reporters):
            return
        self.model_reporters = added
        try:
            super().collect(model)
        finally:
            self.model_reporters = every


def latest(model: Any, name: str) -> float:
    """Return today's value of a measure of a society."""
    return float(model.monitor.latest(name))
