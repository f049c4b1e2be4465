"""The command ``completion``: what a shell offers when the tab key is pressed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from sim.cli.arguments import add_command
from sim.cli.known import LATEST, kept_runs, scenario_names
from sim.utils.errors import InputError

# Each asks for words: all that is typed so far, the last one unfinished.
SCRIPTS = {
    "bash": """\
_os_society() {
    local IFS=$'\\n'
    COMPREPLY=($("${COMP_WORDS[0]}" completion words -- \\
        "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _os_society os-society
""",
    "zsh": """\
#compdef os-society
_os_society() {
    local -a found
    found=(${(f)"$(${words[1]} completion words -- \\
        "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( ${#found} )); then compadd -a found; else _files; fi
}
if (( ! $+functions[compdef] )); then autoload -Uz compinit && compinit; fi
compdef _os_society os-society
""",
    "fish": """\
function __os_society
    set -l typed (commandline -opc) (commandline -ct)
    $typed[1] completion words -- $typed[2..-1] 2>/dev/null
end
complete -c os-society -a '(__os_society)'
""",
    "powershell": """\
Register-ArgumentCompleter -Native -CommandName os-society -ScriptBlock {
    param($word, $line, $at)
    $typed = @($line.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
    if (-not $word) { $typed += '' }
    os-society completion words -- @typed
}
""",
}
WORDS = "words"
STORED = ("run", "more", "other_run", "path", "source")  # arguments that name a run


def add_completion(commands: Any) -> None:
    """Add ``os-society completion`` to the command line."""
    completion = add_command(
        commands,
        "completion",
        complete,
        ["bash >> ~/.bashrc", "zsh >> ~/.zshrc", "fish | source"],
        has_json=False,
        is_watched=False,
    )
    completion.add_argument("shell", choices=(*SCRIPTS, WORDS), help="which shell")
    completion.add_argument("typed", nargs="*", default=[], help=argparse.SUPPRESS)


def complete(args: argparse.Namespace) -> int:
    """Print the script of a shell, or the words that may follow what is typed."""
    if args.shell != WORDS:
        if args.typed:
            raise InputError(f"too many arguments: {' '.join(args.typed)}")
        print(SCRIPTS[args.shell], end="")
        return 0
    for word in candidates(args.whole, args.typed or [""]):
        print(word)
    return 0


def candidates(parser: argparse.ArgumentParser, typed: Sequence[str]) -> list[str]:
    """Return the words that may stand where the last one is typed.

    Parameters
    ----------
    parser
        Of the whole command line.
    typed
        The words after the program's name; the last may be unfinished, or empty.

    Examples
    --------
    >>> from sim.cli import parser
    >>> candidates(parser(), ["run", "her", "--see"])
    ['--seed']
    """
    *before, last = typed
    (commands,) = (
        action.choices
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    chosen = next((word for word in before if word in commands), None)
    if chosen is None:
        found = [*commands, *_options(parser)]
    else:
        found = list(_following(commands[chosen], before, last))
    return sorted(word for word in dict.fromkeys(found) if word.startswith(last))


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [one for one in parser._option_string_actions if one.startswith("--")]


def _following(
    command: argparse.ArgumentParser, before: Sequence[str], last: str
) -> list[str]:
    known = command._option_string_actions
    option = known.get(before[-1]) if before else None
    if option is not None and option.nargs != 0:
        return _values(option)
    pair = known.get(before[-2]) if len(before) > 1 else None
    if pair is not None and pair.nargs == 2:
        return _values(pair)
    if last.startswith("-"):
        return _options(command)
    places = [one for one in command._actions if not one.option_strings]
    return [word for one in places for word in _values(one)]


def _values(action: argparse.Action) -> list[str]:
    """Return what an argument or option may be, as far as it is known."""
    if action.choices is not None:
        return [str(one) for one in action.choices]
    if action.dest in STORED:
        return [LATEST, *(str(run) for run in kept_runs()), *_names()]
    if action.dest in ("scenario", "other", "differences"):
        return scenario_names()
    if action.dest == "lever":
        from sim.scenarios.interventions import LEVERS

        return list(LEVERS)
    if action.dest == "set":
        from sim.model.parameters import Parameters

        return [f"{name}=" for name in Parameters.model_fields]
    if action.dest == "kind":
        from sim.events.kinds import EVENTS

        return list(EVENTS)
    return []


def _names() -> list[str]:
    return [run.name for run in kept_runs()]
