"""Linking: what files of mechanisms declare becomes part of compiled loops.

Done once, by whatever runs the model: names that stand for something of compiled
modules are replaced by it, and rules and helpers may be called by loops.
"""

from __future__ import annotations

from sim.engine import jit
from sim.model import formulas, mechanisms
from sim.model.submodel import NOTED, Later

_begun: list[bool] = []


def link() -> None:
    """Link all files, the first time that it is called."""
    if _begun:
        return
    _begun.append(True)  # what is imported on the way may ask for it, too
    for decorator, function in NOTED:
        getattr(jit, decorator)(function)
    for module in (formulas, *mechanisms.MODULES):
        for name, value in list(vars(module).items()):
            if isinstance(value, Later):
                setattr(module, name, value.now())
