"""OS Society: what happens when people form relationships with AIs that grow.

>>> import sim
>>> calm = sim.scenario("her")
>>> bold = calm.replace(growth_exponent=1.3)
>>> bold.parameters.growth_exponent
1.3
"""

from __future__ import annotations

import importlib
import os

TYPE_CHECKING = False  # as in typing, which takes twice as long as all of this package
if TYPE_CHECKING:
    from typing import Any

    from sim.mechanisms import Mechanism as Mechanism
    from sim.mechanisms import use as use
    from sim.minds.options import MindOptions as MindOptions
    from sim.model.network_files.in_memory import Network as Network
    from sim.model.network_files.network_file import NetworkFile as NetworkFile
    from sim.model.parameters import Parameters as Parameters
    from sim.reports import report as report
    from sim.runs.dictionary import columns as columns
    from sim.runs.dictionary import in_words as in_words
    from sim.runs.result import Result as Result
    from sim.runs.result import load as load
    from sim.runs.run import run as run
    from sim.scenarios import Scenario as Scenario
    from sim.scenarios import load as scenario
    from sim.society import Society as Society
    from sim.society.agents import OS as OS
    from sim.society.agents import Human as Human
    from sim.studies.ablation import ablate as ablate
    from sim.studies.contract import check_mechanism as check_mechanism
    from sim.studies.counterfactual import counterfactual as counterfactual
    from sim.studies.inference import simulator as simulator
    from sim.studies.sweeps import load_sweep as load_sweep
    from sim.studies.sweeps import sweep as sweep
    from sim.studies.verify import verify as verify
    from sim.utils.errors import InputError as InputError

__version__ = "0.1.0"

# Where each public name lives: modules are imported when a name is first used.
_HOME = {
    "Human": "sim.society.agents",
    "InputError": "sim.utils.errors",
    "Mechanism": "sim.mechanisms",
    "MindOptions": "sim.minds.options",
    "Network": "sim.model.network_files.in_memory",
    "NetworkFile": "sim.model.network_files.network_file",
    "OS": "sim.society.agents",
    "Parameters": "sim.model.parameters",
    "Result": "sim.runs.result",
    "Scenario": "sim.scenarios",
    "Society": "sim.society",
    "ablate": "sim.studies.ablation",
    "check_mechanism": "sim.studies.contract",
    "columns": "sim.runs.dictionary",
    "counterfactual": "sim.studies.counterfactual",
    "in_words": "sim.runs.dictionary",
    "load": "sim.runs.result",
    "load_sweep": "sim.studies.sweeps",
    "report": "sim.reports",
    "run": "sim.runs.run",
    "scenario": "sim.scenarios:load",
    "simulator": "sim.studies.inference",
    "sweep": "sim.studies.sweeps",
    "use": "sim.mechanisms",
    "verify": "sim.studies.verify",
}

# Modules that are reached as `sim.plots` and so on, without an import of their own.
_MODULES = {
    "checks": "sim.studies.check",
    "events": "sim.events",
    "exports": "sim.runs.export",
    "interventions": "sim.scenarios.interventions",
    "mechanisms": "sim.mechanisms",
    "outcomes": "sim.scenarios.outcomes",
    "plots": "sim.plots",
    "scenarios": "sim.scenarios",
}

__all__ = [
    "OS",
    "Human",
    "InputError",
    "Mechanism",
    "MindOptions",
    "Network",
    "NetworkFile",
    "Parameters",
    "Result",
    "Scenario",
    "Society",
    "ablate",
    "check_mechanism",
    "columns",
    "counterfactual",
    "in_words",
    "load",
    "load_sweep",
    "report",
    "run",
    "scenario",
    "simulator",
    "sweep",
    "use",
    "verify",
]

# Files of this package by how their names end; what else lies there is no part of it.
_ENDINGS = (
    ".py",
    ".json",
    ".toml",
    ".md",
    ".txt",
    ".csv",
    ".css",
    ".js",
    ".html",
    ".bib",
)


def file_stamps(
    folder: str | os.PathLike[str], within: str = ""
) -> dict[str, tuple[int, ...]]:
    """Return sizes and times of the package's files, by their names within it."""
    found: dict[str, tuple[int, ...]] = {}
    try:
        entries = list(os.scandir(folder))
    except OSError:  # imported from an archive
        return found
    for entry in entries:
        if entry.name.endswith(_ENDINGS) and not entry.name.startswith("."):
            known = entry.stat()
            times = known.st_mtime_ns, known.st_ctime_ns
            found[within + entry.name] = known.st_size, *times
        elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
            found |= file_stamps(entry.path, f"{within}{entry.name}/")
    return found


# When this package was imported: see sim.utils.source, which cannot be here so soon.
AS_IMPORTED = file_stamps(os.path.dirname(__file__))


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in _HOME:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])
