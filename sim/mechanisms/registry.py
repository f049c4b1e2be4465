"""Mechanisms in use: put there by the user, or installed; found by their names.

What is untrusted, as a scenario's file or a run, names mechanisms and nothing else. A
name leads to what the user put to use in this process, to what comes along in
``shipped``, or to an installed package: no file is run because another file says so.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import create_model

from sim.mechanisms.heterogeneity import Heterogeneity, check_columns
from sim.mechanisms.mechanism import Mechanism
from sim.model import parameters as base
from sim.model.parameters import Parameters
from sim.utils.errors import InputError, nearest
from sim.utils.files import expanded
from sim.utils.signatures import checked_arguments

GROUP = "os_society.mechanisms"  # of entry points
FOLDER = Path(__file__).with_name("shipped")  # a file for each that comes along
HOW = "put its file to use: sim.use('FILE.py'), or --mechanism FILE.py"

Origin = Mapping[str, str]  # name, file and digest of a mechanism, ready for JSON

_in_use: dict[str, Mechanism] = {}


@checked_arguments()
def use(mechanism: Mechanism | str | Path) -> Mechanism:
    """Put a mechanism to use in this process: its name then stands for it.

    Parameters
    ----------
    mechanism
        A mechanism, the path of the file that declares it, as ``"gossip.py"`` or
        ``"gossip.py:GOSSIP"`` where there are several, or the name of one that is
        installed. A file is run: take none from somebody you do not trust.

    Returns
    -------
    Mechanism
        What was put to use, in the place of another of that name.

    Raises
    ------
    InputError
        If there is no such file or mechanism, or the file cannot be run.

    Examples
    --------
    >>> import sim
    >>> gossip = sim.use("experiments/mechanisms/gossip.py")
    >>> town = sim.scenario("her").use("gossip").replace(hearsay=0.2)
    >>> town.parameters.gossip, town.parameters.hearsay
    (True, 0.2)
    """
    if isinstance(mechanism, Mechanism):
        _in_use[mechanism.name] = mechanism
        return mechanism
    text = str(mechanism)
    file, mark, name = text.partition(".py:")
    if not mark and not text.endswith(".py"):
        return find(text)
    return use(load_file(f"{file}.py" if mark else text, name))


def find(name: str) -> Mechanism:
    """Return the mechanism that a name stands for.

    Raises
    ------
    InputError
        If the name is none, or nothing of that name is in use or installed.
    """
    if not isinstance(name, str) or not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise InputError(
            f"a mechanism is named, as 'gossip', and not given by {name!r}: a file "
            f"cannot say which code is run; {HOW}"
        )
    if name in _in_use:
        return _in_use[name]
    if name in shipped():
        module = importlib.import_module(f"sim.mechanisms.shipped.{name}")
        return use(getattr(module, name.upper()))
    installed = metadata.entry_points(group=GROUP)
    if name not in installed.names:
        hint = nearest(name, [*_in_use, *shipped(), *installed.names])
        raise InputError(f"no mechanism {name!r} is in use or installed{hint}; {HOW}")
    try:
        found = installed[name].load()
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"mechanism {name!r} cannot be loaded: {what}") from error
    if not isinstance(found, Mechanism) or found.name != name:
        raise InputError(f"the entry point {name!r} of {GROUP} is not that mechanism")
    return use(found)


def in_use() -> tuple[Mechanism, ...]:
    """Return all mechanisms that are in use in this process."""
    return tuple(_in_use.values())


def shipped() -> list[str]:
    """Return the names of mechanisms that come with the package, to be asked for."""
    return sorted(file.stem for file in FOLDER.glob("[!_]*.py"))


def installed() -> set[str]:
    """Return the names of mechanisms that this and other installed packages offer."""
    return {*shipped(), *metadata.entry_points(group=GROUP).names}


def load_file(file: str | Path, name: str = "") -> Mechanism:
    """Run a file, and return the mechanism that it declares.

    Parameters
    ----------
    file
        Its path.
    name
        Of the mechanism, or of the variable it is in; not needed where there is one.

    Raises
    ------
    InputError
        If it cannot be run, or declares none, or several and none is named.
    """
    try:
        path = expanded(file).resolve()
        source = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {file}: {reason}") from None
    there = {
        variable: value
        for variable, value in _namespace(path, source).items()
        if isinstance(value, Mechanism) and value.file == path
    }
    found = [m for v, m in there.items() if name in ("", v, m.name)]
    if len({id(one) for one in found}) == 1:
        if found[0].source != source:
            raise InputError(f"{file} was changed while it was run; try again")
        return found[0]
    known = ", ".join(there) or "none"
    what = f"no mechanism {name!r}" if name else "not one mechanism"
    raise InputError(f"{file} declares {what}: there is {known} (FILE.py:NAME)")


@functools.lru_cache(maxsize=256)
def _namespace(path: Path, source: bytes) -> dict[str, Any]:
    """Return what a file defines; it is run once for each content.

    Never its bytecode, which Python takes for that of a file of the same size that was
    written in the same second.
    """
    digest = hashlib.sha256(source).hexdigest()[:16]
    name = f"os_society_mechanism_{path.stem}_{digest}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: {type(error).__name__}: {error}") from error
    return vars(module)


def run_again(mechanism: Mechanism) -> Mechanism:
    """Put a mechanism to use that remembers nothing: its file is run once more.

    Raises
    ------
    InputError
        If it cannot be run, or was changed in the meantime.
    """
    _namespace.cache_clear()
    fresh = load_file(mechanism.file, mechanism.name)
    if fresh.digest != mechanism.digest:
        raise InputError(f"{mechanism.file} was changed in the meantime")
    forget = [key for key in _classes if (fresh.name, fresh.digest) in key[0]]
    for key in forget:
        del _classes[key]
    return use(fresh)


# ------------------------------------------------------------------------- parameters


def parameters_with(
    names: Iterable[str], differing: Heterogeneity | None = None
) -> type[Parameters]:
    """Return the class of parameters that mechanisms have added theirs to.

    Parameters
    ----------
    names
        Of the mechanisms, in the order in which their processes come.
    differing
        What differs between agents, if anything. With nothing of either, it is
        ``Parameters`` itself.

    Raises
    ------
    InputError
        If a mechanism is not there, is named twice, or two add the same name; or values
        of a parameter are to be in a column that is not there.
    """
    listed = list(names)
    for name in listed:
        if listed.count(name) > 1:
            raise InputError(f"mechanism {name!r} is named twice")
    return _extended(tuple(map(find, listed)), differing)


def _extended(
    mechanisms: tuple[Mechanism, ...], differing: Heterogeneity | None = None
) -> type[Parameters]:
    if not mechanisms and differing is None:
        return Parameters
    known = tuple((one.name, one.digest) for one in mechanisms)
    key = known, differing
    if key not in _classes:
        _check_together(mechanisms)
        if differing is not None:
            check_columns(differing, mechanisms)
        fields: Any = {
            name: (constant.type, constant.field)
            for one in mechanisms
            for name, constant in one.parameters.items()
        }
        made = create_model("Parameters", __base__=_Extended, **fields)
        made.mechanisms = mechanisms
        made.heterogeneity = differing
        _classes[key] = made
    return _classes[key]


_Key = tuple[tuple[tuple[str, str], ...], Heterogeneity | None]
_classes: dict[_Key, type[Parameters]] = {}


class _Extended(Parameters):
    """Parameters of the model and of mechanisms; pickled with where those are found."""

    def __reduce__(self) -> tuple[Any, ...]:
        origins = [one.origin() for one in self.mechanisms]
        return revive, (origins, self.model_dump(), self.heterogeneity)


def _check_together(mechanisms: Sequence[Mechanism]) -> None:
    """Raise InputError if two mechanisms add the same name."""
    owners: dict[str, str] = {}
    for one in mechanisms:
        columns = [f"{t}.{c.name}" for t, some in one.columns.items() for c in some]
        tables = [f"table {name}" for name in one.tables]
        told = *one.measures, *one.outcomes, *one.detectors
        for name in (*one.parameters, *columns, *tables, *told):
            if name in owners:
                both = f"mechanisms {owners[name]!r} and {one.name!r}"
                raise InputError(f"{both} both add {name!r}; they do not go together")
            owners[name] = one.name
    _check_rules(mechanisms)


def _check_rules(mechanisms: Sequence[Mechanism]) -> None:
    """Raise InputError if a rule that one mechanism replaces is another's business."""
    owners: dict[str, str] = {}
    for one in mechanisms:
        for rule in one.replacements:
            if rule in owners:
                both = f"mechanisms {owners[rule]!r} and {one.name!r}"
                raise InputError(
                    f"{both} both replace the rule {rule!r}; they do not go together"
                )
            owners[rule] = one.name
    if owners:
        from sim.mechanisms.callers import rules_called_by  # late: it reads source

        for one in mechanisms:
            for function in _functions(one):
                called = rules_called_by(function) & owners.keys()
                for rule in sorted(rule for rule in called if owners[rule] != one.name):
                    name = f"{one.name}.{function.__name__}"
                    raise InputError(
                        f"{name} calls the rule {rule!r}, which mechanism "
                        f"{owners[rule]!r} replaces; they do not go together"
                    )


def _functions(one: Mechanism) -> list[Any]:
    """Return the functions of a mechanism by which things happen."""
    starts = [one.starts] if one.starts is not None else []
    own = [process.function for process in (*one.processes, *starts)]
    return own + [rule.function for rule in one.replacements.values()]


def extend(parameters: Parameters, names: Iterable[str]) -> Parameters:
    """Return parameters with those of mechanisms, which have their defaults if new.

    What differs between agents stays as it is.
    """
    kind = parameters_with(names, parameters.heterogeneity)
    return kind(**known_to(kind, parameters))


def known_to(kind: type[Parameters], parameters: Parameters) -> dict[str, Any]:
    """Return those values that another class of parameters has, too."""
    values = parameters.model_dump()
    return {name: v for name, v in values.items() if name in kind.model_fields}


def recorded(record: Mapping[str, Any]) -> Parameters:
    """Return the parameters of a stored run, as far as they are known here.

    Those of its mechanisms are among them where these are in use, and the same.

    Parameters
    ----------
    record
        The provenance of the run.
    """
    values, used = record["parameters"], record.get("mechanisms", {})
    names = [n for n, d in used.items() if n in _in_use and _in_use[n].digest == d]
    known = extend(base.recorded(values), names)
    own = type(known).model_fields.keys() - Parameters.model_fields.keys()
    return known.replace(**{name: values[name] for name in own if name in values})


def digests(parameters: Parameters) -> dict[str, str]:
    """Return the digest of every mechanism that adds to parameters, by name."""
    return {one.name: one.digest for one in parameters.mechanisms}


def check_settable(changes: Mapping[str, Any]) -> None:
    """Raise InputError unless some mechanism in use lets all this be changed.

    The names and values are of ``Parameters``, or of any mechanism in use.
    """
    own = {name: m for m in _in_use.values() for name in m.parameters}
    for name in changes:
        if name in own and name not in Parameters.model_fields:
            _extended((own[name],))().replace(**{name: changes[name]})
    rest = {n: v for n, v in changes.items() if n not in own}
    Parameters().replace(**rest)


# -------------------------------------------------------------------- other processes


def refuse_other(known: Mapping[str, str], what: str) -> None:
    """Raise InputError unless mechanisms are those that something was begun with.

    Parameters
    ----------
    known
        Their digests, by name.
    what
        What was begun, as ``"the run results/town"``.
    """
    for name, digest in known.items():
        here = find(name).digest
        if here != digest:
            raise InputError(
                f"{what} was begun with another version of mechanism {name!r} "
                f"({digest}, here {here}); use that file"
            )


def not_the_same(known: Mapping[str, str], what: str) -> list[str]:
    """Return a line for each mechanism that is not the one something was begun with.

    Parameters
    ----------
    known, what
        As for ``refuse_other``.
    """
    lines = []
    for name, digest in known.items():
        try:
            refuse_other({name: digest}, what)
        except InputError as error:
            lines.append(str(error))
    return lines


def difference(origins: Sequence[Origin]) -> str:
    """Put mechanisms of this user's other process to use, or say what differs here.

    Raises
    ------
    InputError
        If a file is not there, or cannot be run.
    """
    for origin in origins:
        here = _in_use.get(origin["name"])
        if here is None or here.digest != origin["digest"]:
            here = use(_found_again(origin))
        if here.digest != origin["digest"]:
            versions = f"{here.digest}, not {origin['digest']}"
            return f"mechanism {origin['name']!r} is another version here ({versions})"
    return ""


def _found_again(origin: Origin) -> Mechanism:
    file = Path(origin["file"])
    if file.is_file():
        return load_file(file, origin["name"])
    return find(origin["name"])  # on another machine it may be installed elsewhere


def revive(
    origins: Sequence[Origin],
    values: Mapping[str, Any],
    differing: Heterogeneity | None = None,
) -> Parameters:
    """Return parameters that another process of this user described, or this one.

    Raises
    ------
    InputError
        If a mechanism is not the same here.
    """
    named = tuple((one["name"], one["digest"]) for one in origins)
    known = _classes.get((named, differing))
    if known is not None:
        return known(**values)
    wrong = difference(origins)
    if wrong:
        raise InputError(wrong)
    return parameters_with((one["name"] for one in origins), differing)(**values)
