"""Which functions of the model come to a rule: its graph of calls, read from source.

A function of the model calls others by the names of its module, or of modules that it
imports; what it calls is what these names stand for. Nothing else calls a rule, as a
test makes sure of, but what looks at stored runs.
"""

from __future__ import annotations
import __future__

import ast
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from sim.model import formulas, mechanisms, rules, sockets, traits
from sim.utils.errors import InputError

Key = tuple[str, str]  # the module of a function, and its name there

MODULES = (
    formulas.__name__,
    *(module.__name__ for module in mechanisms.MODULES),
    *(sockets.__name__, traits.__name__),
    *(f"sim.model.kernels.{name}" for name in ("blocks", "talk", "meetings")),
    *("sim.model.births", "sim.model.encounters", "sim.model.processes"),
)
ARITHMETIC = "exp_decay"  # how exponentials are computed, and no law of a society
FLAGS = __future__.annotations.compiler_flag


class ModelFunction(NamedTuple):
    """A function of the model, and its source."""

    function: Any  # as Python runs it
    node: ast.FunctionDef

    def refers_to(self, node: ast.expr) -> Key | None:
        """Return the function of the model that an expression in it stands for."""
        space: dict[str, Any] = self.function.__globals__
        if isinstance(node, ast.Name):
            if node.id in self.function.__code__.co_varnames:
                return None
            return key_of(space.get(node.id))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of = space.get(node.value.id)
            if isinstance(of, ModuleType):
                return key_of(getattr(of, node.attr, None))
        return None


def key_of(value: Any) -> Key | None:
    """Return where a function of the model stands, compiled or not; else None."""
    function = getattr(value, "py_func", value)
    if isinstance(function, FunctionType) and function.__module__ in MODULES:
        return function.__module__, function.__name__
    return None


def key_of_rule(name: str) -> Key:
    """Return where a rule stands."""
    function = getattr(rules, name)
    return function.__module__, function.__name__


@functools.cache
def parts() -> dict[Key, ModelFunction]:
    """Return all functions of the model that may come to a rule, in order of source.

    Raises
    ------
    InputError
        If a file is no longer what was imported.
    """
    found: dict[Key, ModelFunction] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        tree, codes = _parsed(module)
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef):
                continue
            there = getattr(module, node.name)
            function = getattr(there, "py_func", there)
            if not isinstance(function, FunctionType):
                continue  # it writes machine code, and calls nothing
            if (function.__module__, function.__name__) != (name, node.name):
                continue  # it stands elsewhere
            if function.__code__ != codes[node.name]:
                raise InputError(
                    f"{module.__file__} was changed since it was imported; begin anew"
                )
            found[name, node.name] = ModelFunction(function, node)
    return found


def _parsed(module: ModuleType) -> tuple[ast.Module, dict[str, CodeType]]:
    file = str(module.__file__)
    try:
        source = getattr(module, "SOURCE", "") or inspect.getsource(module)
        tree = ast.parse(source, file)
        whole = compile(tree, file, "exec", FLAGS, dont_inherit=True)
    except (OSError, SyntaxError) as error:
        raise InputError(
            f"rules cannot be replaced without the source of {module.__name__}: {error}"
        ) from None
    parts = (code for code in whole.co_consts if isinstance(code, CodeType))
    return tree, {code.co_name: code for code in parts}


@functools.cache
def calls() -> dict[Key, frozenset[Key]]:
    """Return what each function of the model calls of the others."""
    return {
        key: frozenset(filter(None, map(part.refers_to, expressions(part.node))))
        for key, part in parts().items()
    }


def expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what may stand for a function, in the body of one."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name | ast.Attribute):
            yield one


@functools.cache
def reaching(rule: str) -> frozenset[Key]:
    """Return all functions of the model that call a rule, or call one that does."""
    found, new = set[Key](), {key_of_rule(rule)}
    while new:
        new = {key for key, called in calls().items() if called & new} - found
        found |= new
    return frozenset(found)


@functools.cache
def replaceable() -> tuple[str, ...]:
    """Return the rules that something in the day, or on day 0, comes to.

    Not that of ``ARITHMETIC``, which says nothing of a society.
    """
    return tuple(
        n for n in rules.__all__ if n not in ("LN2", ARITHMETIC) and reaching(n)
    )


def called_with_arithmetic() -> list[str]:
    """Return the rules that call that of ``ARITHMETIC``, or one that does."""
    calling = reaching(ARITHMETIC)
    return [name for name in replaceable() if key_of_rule(name) in calling]


def rules_called_by(function: Callable[..., Any]) -> set[str]:
    """Return the rules that a user's function comes to, as far as its file shows."""
    file, found = function.__code__.co_filename, set[Key]()
    seen, waiting = set[Any](), [function]
    while waiting:
        one = waiting.pop()
        key = key_of(one)
        if key is not None:
            found.add(key)
        elif one not in seen and one.__code__.co_filename == file:
            seen.add(one)
            waiting += _named_in(one)
    every = [
        name for name in replaceable() if found & {key_of_rule(name), *reaching(name)}
    ]
    return set(every)


def _named_in(function: Any) -> list[Any]:
    """Return the functions that names in another may stand for."""
    names, codes = set[str](), [function.__code__]
    while codes:
        code = codes.pop()
        names |= set(code.co_names)
        codes += [part for part in code.co_consts if isinstance(part, CodeType)]
    found = [function.__globals__.get(name) for name in names]
    found += [cell.cell_contents for cell in function.__closure__ or ()]
    for module in [one for one in found if isinstance(one, ModuleType)]:
        found += [getattr(module, name, None) for name in names]
    plain = (getattr(one, "py_func", one) for one in found)
    return [one for one in plain if isinstance(one, FunctionType)]
