"""The commands by name: what each is for, and the parser of the one that is called.

A command's module is imported, and its parser made, when the command is asked for: the
list of them all, and every other command, need neither.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from sim.cli.parsing import Parser

# By name: the module of this package whose ``add_NAME`` adds it, and what it is for.
COMMANDS = {
    "run": (
        "run",
        "Run a scenario and keep the run; one that is kept already is not run again.",
    ),
    "resume": (
        "run",
        "Resume a run that was cut short, from its last checkpoint.",
    ),
    "runs": (
        "stored",
        "List the runs that are stored here, the latest first.",
    ),
    "show": (
        "stored",
        "Show a stored run: what was run, what happened, and its key numbers.",
    ),
    "open": (
        "stored",
        "Open a stored run's figure, its report, or the page to watch it on.",
    ),
    "diff": (
        "stored",
        "Compare two stored runs: how they were made, and what came of it.",
    ),
    "events": (
        "events",
        "List the events of a stored run.",
    ),
    "plot": (
        "plot",
        "Draw a stored run.",
    ),
    "export": (
        "plot",
        "Write a stored run as a page to watch, or for another program.",
    ),
    "report": (
        "report",
        "Write a run or a sweep as one page of HTML, to read offline and to print.",
    ),
    "app": (
        "app",
        "Open a page on which to watch a society run, and to change it.",
    ),
    "verify": (
        "verify",
        "Verify that a run, a sweep, a checkpoint or a transcript is as it was "
        "written; 1 if something is not, or cannot be proved.",
    ),
    "sweep": (
        "sweep",
        "Run a designed set of runs; 1 if a run fails.",
    ),
    "compare": (
        "sweep",
        "Simulate with the same random numbers and one thing changed, and compare.",
    ),
    "check": (
        "check",
        "Test a scenario's expectations over many seeds; 1 if one fails.",
    ),
    "ablate": (
        "check",
        "Switch mechanisms off, alone and in pairs, and compare.",
    ),
    "bench": (
        "bench",
        "Try a companion model in a society, against the rules and known characters.",
    ),
    "audit-mind": (
        "audit",
        "Ask a model about scenes in several wordings; hold it against the rules.",
    ),
    "scenarios": (
        "catalogue",
        "List the scenarios, or show one of them.",
    ),
    "interventions": (
        "catalogue",
        "List the interventions that have names: what each changes, and its effect.",
    ),
    "parameters": (
        "catalogue",
        "List parameters, ranges, sources.",
    ),
    "describe": (
        "catalogue",
        "Describe a scenario's model: its day, and what mechanisms add to it.",
    ),
    "transcript": (
        "minds",
        "Read what the cast of a run said.",
    ),
    "talk": (
        "minds",
        "Talk with an OS as it was on a day. It never changes the run.",
    ),
    "play": (
        "play",
        "Play a stored run once more, and speak for one of its humans.",
    ),
    "survey": (
        "survey",
        "Ask agents of a stored run a questionnaire; print a table of their answers.",
    ),
    "serve-model": (
        "minds",
        "Serve a small language model on this machine, for tests and trying out.",
    ),
    "calibrate": (
        "events",
        "Calibrate the detectors on null models.",
    ),
    "completion": (
        "completion",
        "Print what lets a shell complete commands, options, scenarios and runs.",
    ),
}


class Commands(argparse._SubParsersAction):  # type: ignore[type-arg]
    """All commands; the parser of each is made when it is first asked for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.made: dict[str, Parser] = {}
        self._name_parser_map = self.choices = _Parsers(self)  # type: ignore[assignment]
        self._choices_actions = [
            self._ChoicesPseudoAction(name, (), about)
            for name, (_, about) in COMMANDS.items()
        ]

    def add_parser(self, name: str, **options: Any) -> Parser:
        """Return the parser of a command, which has no options yet."""
        _, about = COMMANDS[name]
        prog = f"{self._prog_prefix} {name}"
        self.made[name] = Parser(prog=prog, description=about, **options)
        return self.made[name]


class _Parsers(Mapping[str, Parser]):
    """The parser of each command by its name, made when it is first looked up."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def __getitem__(self, name: str) -> Parser:
        if name not in self._commands.made:
            where, _ = COMMANDS[name]
            module = importlib.import_module(f"sim.cli.{where}")
            getattr(module, f"add_{name.replace('-', '_')}")(self._commands)
        return self._commands.made[name]

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)
