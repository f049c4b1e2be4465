"""OS Society: what happens when people form relationships with AIs that grow.

>>> import sim
>>> calm = sim.scenario("her")
>>> bold = calm.replace(growth_exponent=1.3)
>>> bold.parameters.growth_exponent
1.3
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.ablation import ablate as ablate
    from sim.agents import OS as OS
    from sim.agents import Human as Human
    from sim.counterfactuals import counterfactual as counterfactual
    from sim.errors import InputError as InputError
    from sim.minds import MindOptions as MindOptions
    from sim.model import Society as Society
    from sim.parameters import Parameters as Parameters
    from sim.reports import report as report
    from sim.results import Result as Result
    from sim.results import load as load
    from sim.runs import run as run
    from sim.scenarios import Scenario as Scenario
    from sim.scenarios import load as scenario
    from sim.sweeps import load_sweep as load_sweep
    from sim.sweeps import sweep as sweep

__version__ = "0.1.0"

# Where each public name lives: modules are imported when a name is first used.
_HOME = {
    "Human": "sim.agents",
    "InputError": "sim.errors",
    "MindOptions": "sim.minds",
    "OS": "sim.agents",
    "Parameters": "sim.parameters",
    "Result": "sim.results",
    "Scenario": "sim.scenarios",
    "Society": "sim.model",
    "ablate": "sim.ablation",
    "counterfactual": "sim.counterfactuals",
    "load": "sim.results",
    "load_sweep": "sim.sweeps",
    "report": "sim.reports",
    "run": "sim.runs",
    "scenario": "sim.scenarios:load",
    "sweep": "sim.sweeps",
}

# Modules that are reached as `sim.plots` and so on, without an import of their own.
_MODULES = (
    *("checks", "events", "exports", "interventions"),
    *("outcomes", "plots", "scenarios"),
)

__all__ = [
    "OS",
    "Human",
    "InputError",
    "MindOptions",
    "Parameters",
    "Result",
    "Scenario",
    "Society",
    "ablate",
    "counterfactual",
    "load",
    "load_sweep",
    "report",
    "run",
    "scenario",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"sim.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])
