"""The parser of the command line: complaints in one line, with what was meant."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from sim.cli.arguments import PROGRAM
from sim.utils.colour import painted
from sim.utils.errors import closest
from sim.utils.synonyms import COMMANDS

_NUMBER = re.compile(r"-\.?\d")


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, and name what was probably meant."""

    _is_sorted = False  # whether options are taken first, and then all other words

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        word = painted("error:", "bad", sys.stderr)
        self.exit(2, f"{PROGRAM}: {word} {message} (see '{self.prog} --help')\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments; an option that there is not is the first to be told.

        Words may stand before and after options.
        """
        self._refuse_unknown(args or ())
        found, left = super().parse_known_args(args, namespace)
        if not left or self._is_sorted or self._commands() is not None:
            return found, left
        self._is_sorted = True
        try:
            found, left = self.parse_known_intermixed_args(args)
        finally:
            self._is_sorted = False
        if left:
            self.error(f"too many arguments: {' '.join(left)}")
        return found, left

    def _refuse_unknown(self, args: Sequence[str]) -> None:
        known = self._option_string_actions
        for word in args:
            if word == "--" or (self._commands() and not word.startswith("-")):
                return
            name = word.partition("=")[0]
            if (
                not word.startswith("-")
                or word == "-"
                or " " in word
                or name in known
                or _NUMBER.match(word)
            ):
                continue
            self.error(f"unknown option {name}{self._meant(name)}")

    def _meant(self, name: str) -> str:
        """Return what to say of the option that was probably meant."""
        known = [one for one in self._option_string_actions if one.startswith("--")]
        meant = closest(name, known)
        return f"; did you mean {meant}?" if meant else ""

    def _commands(self) -> Mapping[str, argparse.ArgumentParser] | None:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return action.choices
        return None

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(one) for one in action.choices]
        if isinstance(action, argparse._SubParsersAction):
            self.error(f"unknown command {value!r}{command_meant(value, known)}")
        hint = closest(str(value), known)
        said = f"did you mean {hint}?" if hint else f"use {', '.join(known)}"
        raise argparse.ArgumentError(action, f"takes no {value!r}; {said}")

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        if action.option_strings and action.nargs is None and arg_strings == ["--"]:
            raise argparse.ArgumentError(action, "expected one argument")
        return super()._get_values(action, arg_strings)


def command_meant(word: str, known: Iterable[str]) -> str:
    """Return what to say of the command that was probably meant."""
    from sim.cli.known import scenario_names

    plain = word.lower().replace("_", "-")
    if plain in scenario_names():
        return f"; did you mean 'run {plain}'?"
    if plain.endswith(".toml"):
        return f"; did you mean 'run {word}'?"
    meant = COMMANDS.get(plain) or closest(plain, known)
    return f"; did you mean {meant!r}?" if meant else f"; there are {', '.join(known)}"
