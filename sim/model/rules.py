"""Rules: every formula of the model as a small function of plain numbers.

Those of the core are in ``formulas``, those of a mechanism in its file; here are all of
them, by name. What a rule is, and where its source is said, stands in ``formulas``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.engine import guard
from sim.model import formulas, linked, mechanisms
from sim.model.submodel import NOTED

linked.link()
_here = {formulas.__name__, *(module.__name__ for module in mechanisms.MODULES)}
_rules = {
    function.__name__: function
    for decorator, function in NOTED
    if decorator == "rule" and function.__module__ in _here
}
LN2 = formulas.LN2
globals().update(_rules)
guard.note_by_name(__name__, _rules)

__all__ = ["LN2", *sorted(_rules)]  # noqa: PLE0604

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
