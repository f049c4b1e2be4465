"""The mechanisms of the shipped model, one file each; whatever file is there counts.

A file is found by being in this folder and is named nowhere else. ``SUBMODELS`` are in
the order of their files' names; what stands where among parameters, columns, processes
and measures is said in the files (``after=``).
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from sim.model.submodel import Submodel

MODULES: tuple[ModuleType, ...] = tuple(
    importlib.import_module(f"{__name__}.{name}")
    for name in sorted(found.name for found in pkgutil.iter_modules(__path__))
)


def _declared(module: ModuleType) -> Submodel:
    """Return the submodel of a file, which has the file's name."""
    name = module.__name__.rpartition(".")[2]
    for value in vars(module).values():
        if isinstance(value, Submodel) and value.name == name:
            return value
    raise ImportError(f"{module.__name__} declares no Submodel({name!r})")


SUBMODELS: tuple[Submodel, ...] = tuple(map(_declared, MODULES))
