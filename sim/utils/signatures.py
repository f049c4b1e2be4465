"""Checked calls: a wrong keyword becomes an InputError with the nearest right word.

``checked_arguments`` decorates what is public. It changes neither the signature that a
type checker or an editor sees, nor the cost of a call that is right. A call that fails
is asked whether a value is of another type than the signature says; ``checked_fields``
asks that of every NamedTuple that is made, since making one never fails.
"""

from __future__ import annotations

import errno
import functools
import inspect
import numbers
import os
import sys
import textwrap
import types
import typing
from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sim.utils.errors import InputError, nearest

# What passes for a type where it is asked for: a library's own numbers, too.
_KINDS: dict[Any, Any] = {
    int: numbers.Integral,
    float: numbers.Real,
    bool: (bool, numbers.Integral),
    Path: os.PathLike,
    types.NoneType: types.NoneType,
}
_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a text",
    Path: "a path",
    types.NoneType: "None",
    None: "None",
}

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Made = TypeVar("Made", bound=tuple[Any, ...])

# Told a keyword that a call lacks and its value: what to type instead, or "".
Hint = Callable[[str, Any], str]


class Decorator(Protocol):
    """A decorator that leaves the type of what it decorates as it is."""

    def __call__(self, target: Decorated, /) -> Decorated:
        """Return the decorated function, or the class itself."""


def checked_arguments(hint: Hint | None = None) -> Decorator:
    """Return a decorator of functions, NamedTuples and pydantic models.

    Arguments that do not fit the signature raise InputError instead of TypeError (or
    of pydantic's ValidationError), in one line with the nearest right word.

    Parameters
    ----------
    hint
        Asked about a keyword that is unknown, before the nearest word is looked for.
    """

    def decorate(target: Decorated) -> Decorated:
        if not isinstance(target, type):
            return _checked_function(target, hint)  # type: ignore[return-value]
        if hasattr(target, "__pydantic_validator__"):
            _check_model(target)
        else:
            make = _checked_function(target.__new__, hint)
            target.__new__ = staticmethod(make)  # type: ignore[method-assign]
        return target

    return decorate


def checked_fields(target: type[Made]) -> type[Made]:
    """Let a NamedTuple refuse, when it is made, values of other types than it says.

    Besides, it is checked as by ``checked_arguments``. What ``_replace`` and ``_make``
    put in is not looked at.

    Raises
    ------
    InputError
        When one is made: ``MindOptions: 'talks' is a number, not 'many'``.
    """
    make: Callable[..., Made] = target.__new__

    @functools.cache
    def signature() -> Signature:
        told = inspect.signature(make)
        known = vars(sys.modules[target.__module__])
        return told.replace(
            parameters=[
                one.replace(annotation=_resolved(one.annotation, known))
                for one in told.parameters.values()
            ]
        )

    @functools.wraps(make)
    def new(cls: type[Made], *args: Any, **keywords: Any) -> Made:
        given = (cls, *args)
        if _fit(signature(), given, keywords):
            wrong = _misfit(target.__qualname__, {}, signature(), given, keywords)
            if wrong:
                raise InputError(wrong)
        return make(cls, *args, **keywords)

    target.__new__ = staticmethod(new)  # type: ignore[method-assign, assignment]
    return checked_arguments()(target)


def unknown_option(name: str, word: str, known: list[str]) -> InputError:
    """Return what to raise for a keyword that a function or class does not have."""
    text = nearest(word, known) or f"; it takes {', '.join(known)}"
    return InputError(f"{name}: unknown option {word!r}{text}")


def _checked_function(
    function: Callable[..., Any], hint: Hint | None
) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        try:
            return function(*args, **keywords)
        except InputError:
            raise
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            where = _plain_name(function.__qualname__)
            raise InputError(f"{where}: no file can have a name that long") from None
        except Exception:
            # An error of the body, whose arguments fit, is none of the caller's.
            if _fit(signature, args, keywords):
                known = getattr(inspect.unwrap(function), "__globals__", {})
                name = function.__qualname__
                wrong = _misfit(name, known, signature, args, keywords)
                if not wrong:
                    raise
                raise InputError(wrong) from None
        raise _explain(function.__qualname__, signature, args, keywords, hint)

    return call


def _fit(signature: Signature, args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    try:
        signature.bind(*args, **keywords)
    except TypeError:
        return False
    return True


def _misfit(
    name: str,
    known: dict[str, Any],
    signature: Signature,
    args: tuple[Any, ...],
    keywords: dict[str, Any],
) -> str:
    """Return what to say of the first value of another type than it should be, or ''.

    Only types that are easily told apart are looked at; others fit.
    """
    for word, value in signature.bind(*args, **keywords).arguments.items():
        parameter = signature.parameters[word]
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            continue
        wanted = _resolved(parameter.annotation, known)
        if not _is(value, wanted):
            shown = textwrap.shorten(repr(value), 80, placeholder=" ...")
            return f"{_plain_name(name)}: {word!r} is {_in_words(wanted)}, not {shown}"
    return ""


def _resolved(annotation: Any, known: dict[str, Any]) -> Any:
    """Return the type of an annotation; Any if it cannot be known at run time."""
    if annotation is Parameter.empty:
        return Any
    if isinstance(annotation, typing.ForwardRef):  # of a NamedTuple
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(known))
    except Exception:  # imported for type checkers only
        return Any


def _is(value: Any, wanted: Any) -> bool:
    """Tell whether a value is of a type, as far as that is easily told."""
    origin, inside = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is None:
        return value is None
    if wanted is Any:
        return True
    if wanted in _KINDS:
        return isinstance(value, _KINDS[wanted])
    if origin in (types.UnionType, typing.Union):
        return any(_is(value, one) for one in inside)
    if isinstance(origin, type):
        taken = (list, tuple) if origin is tuple else origin
        if not isinstance(value, taken) or isinstance(value, bytes):
            return False
        inside = tuple(one for one in inside if one is not ...)
        items = value if isinstance(value, list | tuple | set) else ()
        return len(inside) != 1 or all(_is(one, inside[0]) for one in items)
    return not isinstance(wanted, type) or isinstance(value, wanted)


_SEVERAL = {int: "whole numbers", str: "texts"}


def _in_words(wanted: Any) -> str:
    inside = typing.get_args(wanted)
    if typing.get_origin(wanted) in (types.UnionType, typing.Union):
        return " or ".join(dict.fromkeys(map(_in_words, inside)))
    inside = tuple(one for one in inside if one is not ...)
    if len(inside) == 1:
        kinds = set(typing.get_args(inside[0])) or {inside[0]}
        texts = [text for kind, text in _SEVERAL.items() if kind in kinds]
        return "a list" + (
            f" of {' or '.join(texts)}" if kinds <= _SEVERAL.keys() else ""
        )
    found = typing.get_origin(wanted) or wanted
    return str(_WORDS.get(found) or getattr(found, "__name__", found))


def _plain_name(name: str) -> str:
    return name.removesuffix(".__init__").removesuffix(".__new__")


def _explain(
    name: str,
    signature: Signature,
    args: tuple[Any, ...],
    keywords: dict[str, Any],
    hint: Hint | None,
) -> InputError:
    """Return what to raise for arguments that do not fit a signature."""
    name = _plain_name(name)
    given = signature.parameters.values()
    own = [p.name for p in given if p.name in ("self", "cls", "_cls")]
    first = [p.name for p in given if p.kind <= Parameter.POSITIONAL_OR_KEYWORD]
    variable = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    named = [p.name for p in given if p.kind not in variable]
    known = [word for word in named if word not in own]
    for word, value in keywords.items():
        if word not in known:
            says = hint(word, value) if hint is not None else ""
            if says:
                return InputError(f"{name}: {says}")
            return unknown_option(name, word, known)
    if len(args) > len(first):
        usual = [word for word in first if word not in own]
        rest = [f"{word}=..." for word in known if word not in usual]
        what = f"; give others by name: {', '.join(rest)}" if rest else ""
        taken = f"only {', '.join(usual)}" if usual else "nothing"
        size = f"{len(args) - len(own)} arguments were given"
        return InputError(f"{name} takes {taken} by position, but {size}{what}")
    twice = [word for word in first[: len(args)] if word in keywords]
    if twice:
        return InputError(f"{name}: {twice[0]!r} is given twice")
    needed = [p.name for p in given if p.default is Parameter.empty]
    lacking = [w for w in needed if w not in first[: len(args)] and w not in keywords]
    return InputError(f"{name}: {lacking[0]!r} is missing")


def _check_model(model: Any) -> None:
    """Let a pydantic model raise InputError when it is made by calling it.

    What pydantic itself makes of it, as a part of another, is not concerned.
    """
    make = model.__init__

    @functools.wraps(make)
    def init(self: Any, *args: Any, **keywords: Any) -> None:
        from pydantic import ValidationError

        if args:
            raise InputError(f"{model.__name__}: give everything by name, as in x=1")
        try:
            make(self, **keywords)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden" and where in keywords:
                known = list(model.model_fields)
                raise unknown_option(model.__name__, where, known) from None
            what = first["msg"].removeprefix("Value error, ")
            place = f"{model.__name__}, {where!r}" if where else model.__name__
            raise InputError(f"{place}: {what}") from None

    model.__init__ = init
