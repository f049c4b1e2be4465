"""Rules of mechanisms in the place of shipped ones, in all that comes to those.

The functions of the model that come to a replaced rule are made once more from their
source, and call the mechanism's in its place. Its parameters travel with every call, as
a tuple of numbers: so loops are compiled for a rule and not for its parameters, and
interventions may change these. Whatever does not come to a replaced rule is as shipped;
while a mechanism is off, everything is.
"""

from __future__ import annotations

import ast
import copy
import functools
import hashlib
import importlib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba.core.errors import NumbaError

from sim.engine import jit
from sim.mechanisms import callers
from sim.mechanisms.callers import FLAGS, Key, ModelFunction, key_of_rule
from sim.mechanisms.loops import telling
from sim.mechanisms.measured import first_line
from sim.model import rules
from sim.model.parameters import Parameters
from sim.utils.errors import InputError, nearest

if TYPE_CHECKING:
    from sim.mechanisms.mechanism import Mechanism

VALUES = "values_of_mechanisms"  # the parameter that changed copies have, too
DECORATORS = (
    *("kernel", "part", "compile_loop", "inline", "inline_always", "inline_source"),
    *("rule", "wraparound"),
)


class Replacement(NamedTuple):
    """A function of a mechanism in the place of a rule."""

    rule: str
    function: Callable[..., Any]
    of: str  # the mechanism
    digest: str  # of the mechanism's file
    settings: tuple[str, ...]  # parameters of the mechanism that it is given

    @property
    def does(self) -> str:
        """What it returns: the first line of its function's docstring."""
        return first_line(self.function)


def declared(of: Mechanism, name: str, function: Callable[..., Any]) -> Replacement:
    """Return a function of a mechanism as the replacement of a rule.

    Raises
    ------
    InputError
        If there is no such rule in the day, or it takes other arguments.
    """
    known = callers.replaceable()
    if name == callers.ARITHMETIC:
        raise InputError(
            f"{of.name}: {name!r} is how exponentials are computed, to the same bits "
            "on every machine, and is not replaced; replace a rule that calls it: "
            f"{', '.join(callers.called_with_arithmetic())}"
        )
    if name not in known and callable(getattr(rules, name, None)):
        raise InputError(
            f"{of.name}: rule {name!r} cannot be replaced: no loop calls it, it is of "
            "what a cast said; set the parameters that it takes"
        )
    if name not in known:
        hint = nearest(name, known) or f"; there are {', '.join(known)}"
        raise InputError(f"{of.name}: no rule {name!r} to replace{hint}")
    given = inspect.signature(function).parameters
    settings = [p for p in given.values() if p.kind is p.KEYWORD_ONLY]
    wanted = [*inspect.signature(getattr(rules, name)).parameters]
    if [n for n in given if n not in {p.name for p in settings}] != wanted or any(
        one.kind is not one.POSITIONAL_OR_KEYWORD or one.default is not one.empty
        for one in set(given.values()) - set(settings)
    ):
        raise InputError(
            f"{of.name}.{function.__name__} takes {', '.join(wanted)}, as the rule "
            f"{name!r} does, and then parameters of the mechanism after a *"
        )
    for one in settings:
        if one.name not in of.parameters or one.default is not one.empty:
            raise InputError(
                f"{of.name}.{function.__name__}: after the * stand parameters of the "
                f"mechanism, without defaults, and not {one.name!r}"
            )
    return Replacement(
        name, function, of.name, of.digest, tuple(one.name for one in settings)
    )


def in_force(parameters: Parameters) -> dict[str, Replacement]:
    """Return the replacements of mechanisms that are on, by rule."""
    return {
        rule: replacement
        for one in parameters.mechanisms
        if getattr(parameters, one.name)
        for rule, replacement in one.replacements.items()
    }


def rules_replaced(parameters: Parameters) -> dict[str, str]:
    """Return the rules that mechanisms, on or off, replace, and which does."""
    every = (one.replacements.values() for one in parameters.mechanisms)
    return {one.rule: one.of for some in every for one in some}


def is_concerned(function: Callable[..., Any], names: Iterable[str]) -> bool:
    """Tell whether a function of the model comes to one of some rules."""
    key = callers.key_of(function)
    return any(key in callers.reaching(name) for name in names)


def instead_of(
    function: Callable[..., Any], parameters: Parameters
) -> Callable[..., Any]:
    """Return a function of the model as it is with mechanisms that are on.

    It is the function itself if it comes to no rule that one replaces.
    """
    there = [
        replacement
        for rule, replacement in sorted(in_force(parameters).items())
        if is_concerned(function, [rule])
    ]
    key = callers.key_of(function)
    if not there or key is None:
        return function
    every = [float(getattr(parameters, n)) for one in there for n in one.settings]
    return Changed(_variant(tuple(there))[key], there, tuple(every) or (0.0,))


class Changed:
    """A function of the model with rules of mechanisms in it; called as it is.

    Parameters
    ----------
    loop
        The changed copy, which takes ``values`` before what the function takes.
    there
        The replacements in it.
    values
        The parameters that they are given.
    """

    def __init__(
        self,
        loop: Callable[..., Any],
        there: list[Replacement],
        values: tuple[float, ...],
    ) -> None:
        self.loop, self.values, self._there = loop, values, there

    def __call__(self, *given: Any) -> Any:
        """Run it.

        Raises
        ------
        InputError
            If a mechanism's rule cannot be compiled into it.
        """
        return self.run(self.loop, self.values, *given)

    def run(self, loop: Callable[..., Any], *given: Any) -> Any:
        """Run it, or a loop around it, and say whose rule cannot be compiled."""
        try:
            return loop(*given)
        except NumbaError as error:
            for one in self._there:
                compiled_rule(one)  # says which it is, where it is by itself
            of = f"{self._there[0].of}.{self._there[0].function.__name__}"
            raise InputError(
                f"{of} cannot be compiled into {self.loop.__name__}: "
                f"{telling(str(error))}"
            ) from error


class Substitute:
    """A function of the model in a society, as it is with mechanisms that are on.

    Parameters
    ----------
    shipped
        The function.
    """

    def __init__(self, shipped: Callable[..., Any]) -> None:
        self.shipped = shipped
        self.now = shipped

    def take(self, parameters: Parameters) -> None:
        """Let parameters hold from now on."""
        self.now = instead_of(self.shipped, parameters)

    def __call__(self, *given: Any) -> Any:
        """Call what stands there now."""
        return self.now(*given)


# --------------------------------------------------------------------- changed copies


@functools.cache
def _variant(there: tuple[Replacement, ...]) -> dict[Key, Callable[..., Any]]:
    """Return changed copies of all functions of the model that come to some rules.

    Loops are compiled when they are first called, by whoever calls them.
    """
    name = _name_of(there)
    wanted = frozenset[Key]().union(*(callers.reaching(one.rule) for one in there))
    # A rule that is replaced is not made once more, though it may call another.
    keys = wanted - {key_of_rule(one.rule) for one in there}
    modules = {name: importlib.import_module(name) for name in callers.MODULES}
    spaces = {name: dict(vars(module)) for name, module in modules.items()}
    stand_ins = {
        _as_name(key_of_rule(one.rule)): _as_helper(one, name) for one in there
    }
    for module, space in spaces.items():
        nodes = [
            _rewritten(part, there, keys)
            for key, part in callers.parts().items()
            if key in keys and key[0] == module
        ]
        for decorator in DECORATORS:
            space[decorator] = _decorator(decorator, name)
        space.update(stand_ins)
        _define(module, nodes, space)
    made = {key: spaces[key[0]][key[1]] for key in keys}
    for space in spaces.values():
        space.update({_as_name(key): function for key, function in made.items()})
    return made


def _name_of(there: tuple[Replacement, ...]) -> str:
    """Return what changed copies are kept under: it names all that they are made of."""
    here = [Path(file).read_bytes() for file in (__file__, str(callers.__file__))]
    known = [(one.rule, one.of, one.digest, one.function.__name__) for one in there]
    text = repr((known, [hashlib.sha256(source).hexdigest() for source in here]))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{there[0].of}_{there[0].rule}_{digest}"


def _as_name(key: Key) -> str:
    """Return the name of a changed copy in the namespaces of others."""
    return "changed_" + "_".join(key).replace(".", "_")


def _decorator(decorator: str, name: str) -> Callable[..., Any]:
    """Return what stands for a decorator of ``sim.engine.jit`` in changed copies."""

    def decorate(function: Any) -> Any:
        function.__name__ = function.__qualname__ = f"{function.__name__}_{name}"
        return jit.again(function, decorator, name)

    return decorate


def _define(module: str, nodes: list[ast.FunctionDef], space: dict[str, Any]) -> None:
    body: list[ast.stmt] = [*nodes]
    tree = ast.fix_missing_locations(ast.Module(body=body, type_ignores=[]))
    file = str(importlib.import_module(module).__file__)
    exec(compile(tree, file, "exec", FLAGS, dont_inherit=True), space)


def _rewritten(
    part: ModelFunction, there: tuple[Replacement, ...], keys: frozenset[Key]
) -> ast.FunctionDef:
    node = copy.deepcopy(part.node)
    node.body = [_Rewriter(part, there, keys).visit(line) for line in node.body]
    node.args.args.insert(0, ast.arg(arg=VALUES))
    # A copy is compiled as what it is a copy of, and is declared to nobody.
    node.decorator_list = [
        one
        for one in node.decorator_list
        if isinstance(one, ast.Name) and one.id in DECORATORS
    ]
    return node


class _Rewriter(ast.NodeTransformer):
    """Lets a function call mechanisms' rules, and changed copies of others."""

    def __init__(
        self, part: ModelFunction, there: tuple[Replacement, ...], keys: frozenset[Key]
    ) -> None:
        self._part, self._keys = part, keys
        self._places: dict[Key, dict[str, int]] = {}
        before = 0
        for one in there:
            places = {name: before + at for at, name in enumerate(one.settings)}
            self._places[key_of_rule(one.rule)] = places
            before += len(places)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """Change what is called, and what it is given."""
        node.args = [self.visit(one) for one in node.args]
        node.keywords = [self.visit(one) for one in node.keywords]
        key = self._part.refers_to(node.func)
        if key in self._places:
            node.keywords += [
                ast.keyword(arg=name, value=_value(at))
                for name, at in self._places[key].items()
            ]
        elif key in self._keys:
            node.args.insert(0, _load(VALUES))
        else:
            node.func = self.visit(node.func)
            return node
        assert key is not None
        node.func = ast.copy_location(_load(_as_name(key)), node.func)
        return node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Make sure that nothing changed is handed on without being called."""
        self._look_at(node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Make sure of the same."""
        self._look_at(node)
        return self.generic_visit(node)

    def _look_at(self, node: ast.expr) -> None:
        key = self._part.refers_to(node)
        if key is not None and (key in self._keys or key in self._places):
            where = f"{self._part.function.__module__}, line {node.lineno}"
            raise InputError(f"{key[1]} is handed on in {where}, and cannot be changed")


def _load(name: str) -> ast.Name:
    return ast.Name(id=name, ctx=ast.Load())


def _value(at: int) -> ast.Subscript:
    return ast.Subscript(_load(VALUES), ast.Constant(at), ast.Load())


def _as_helper(one: Replacement, name: str) -> Callable[..., Any]:
    """Return the function of a mechanism as a part of whatever loop calls it.

    numba knows no arguments that are given by name only, so they follow the others.
    """
    function: Any = one.function
    code = function.__code__
    code = code.replace(
        co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0
    )
    space, closure = function.__globals__, function.__closure__
    made = FunctionType(code, space, f"{one.rule}_{name}", None, closure)
    made.__qualname__, made.__module__ = made.__name__, __name__
    return jit.own_helper(made)


@functools.cache
def compiled_rule(one: Replacement) -> Callable[..., Any]:
    """Return a loop over rows of arguments, as ``loop(rows, values, out)``.

    Parameters of the mechanism are among the arguments, after the others. It is what a
    test compares with the plain function.

    Raises
    ------
    InputError
        If the function cannot be compiled.
    """
    name = _name_of((one,))
    helper = _as_helper(one, name)
    count = len(inspect.signature(one.function).parameters)
    arguments = ", ".join(f"rows[i, {at}]" for at in range(count))
    lines = (
        f"    for i in range(rows.shape[0]):\n        out[i] = helper({arguments})\n"
    )
    space: dict[str, Any] = {"helper": helper, "__name__": __name__}
    exec(compile(f"def each(rows, out):\n{lines}", __file__, "exec"), space)
    loop = jit.own_kernel(space["each"], f"{name}-alone")
    _try(one, loop, count)
    return loop


def _try(one: Replacement, loop: Any, count: int) -> None:
    try:
        loop(np.zeros((0, count)), np.zeros(0))
    except NumbaError as error:
        text = f"{one.of}.{one.function.__name__} cannot be compiled"
        raise InputError(f"{text}: {telling(str(error))}") from error
