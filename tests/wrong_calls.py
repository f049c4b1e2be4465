"""Calls that are meant well and are wrong, drawn from the grammar of what they call.

Every call is one that works, with one mistake: a word misspelt, a value of the wrong
kind, out of range, empty or huge, a file that is missing or another, two options that
exclude each other. The same seed gives the same calls.
"""

from __future__ import annotations

import argparse
import inspect
import math
import random
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sim
from sim import cli

LETTERS = "abcdefghijklmnopqrstuvwxyz"

# A call of each command that works in a folder made by `furnish`, and is quick.
FEW = ("--humans", "5", "--steps", "1")
PAIR = ("--lever", "price", "--at", "1", "--seeds", "1", "--workers", "1")
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("her", *FEW, "--no-figures"),
    "resume": ("run",),
    "check": ("her", *FEW, "--seeds", "1", "--workers", "1"),
    "ablate": ("her", *FEW, "--seeds", "1", "--workers", "1", "--mechanisms", "peers"),
    "sweep": ("design.toml", "--dry-run"),
    "compare": ("her", *FEW, *PAIR, "--outcomes", "left"),
    "runs": (),
    "show": ("run",),
    "open": ("run", "--no-browser"),
    "diff": ("run", "run"),
    "completion": ("bash",),
    "scenarios": (),
    "interventions": (),
    "parameters": ("--search", "love"),
    "describe": ("her",),
    "events": ("run",),
    "plot": ("run", "--what", "growth"),
    "export": ("run", "--out", "graph.gexf"),
    "report": ("run", "--out", "report.html"),
    "verify": ("run",),
    "app": ("nothing-here", "--no-browser"),
    "transcript": ("run",),
    "bench": ("--arms", "warm", "--humans", "12", "--seeds", "3", "--shutdown", "31"),
    "audit-mind": ("--character", "warm", "--scenes", "48", "--paraphrases", "1"),
    "talk": ("run", "--os", "20"),
    "play": ("run", "--human", "3", "--steps", "1"),
    "survey": ("run", "--questions", "design.toml"),
    "serve-model": ("--model", "nothing.gguf"),
    "calibrate": ("--runs", "1", "--kind", "cascade", "--workers", "1"),
}

# Wrong whatever is asked for, as a number.
NO_NUMBERS = ("ten", "", " ", "1,000", "1e", "0x10", "3 4", "--", "1_0_", "None", "½")
TOO_SMALL = ("-1", "-99999999999")
TOO_LARGE = ("9" * 30, "1" + "0" * 400)
NO_FRACTIONS = ("2.5", "1e3", "nan", "inf")
# No run, sweep, scenario or design is called that.
NO_FILES = (
    *("nowhere", "", " ", "folder", "empty", "binary", "friends.csv", "nowhere/"),
    *("empty/below", "~nobody/a", "na\0me", "n" * 300, "n/" * 3000, "/dev/null"),
    *("broken.toml", "hers", "HER", "her.toml", "https://example.org/her.toml"),
    *("-", "--", "../.."),
)
NO_PLACES = ("folder", "empty/below", "/proc/nowhere/a", "na\0me", "n" * 300, "")
NO_WORDS = ("nothing", "", " ", "LOVE", "left,,", "lef", "left;left", "*", "left left")
PLACES = {"out", "record"}
FILES = {
    *("run", "more", "scenario", "design", "network", "replay", "source", "other"),
    *("model", "other_run", "path", "prompts", "personas"),
}


class Call(NamedTuple):
    """A wrong call of the command line."""

    arguments: tuple[str, ...]
    mistake: str


def furnish(folder: Path) -> None:
    """Make what calls name: a run, a design, and files that are neither."""
    sim.run("her", parameters={"humans": 20, "steps": 3}, out=folder / "run")
    (folder / "folder").mkdir()
    (folder / "empty").touch()
    (folder / "binary").write_bytes(bytes(range(256)) * 20)
    (folder / "friends.csv").write_text("ann,ben\nben,cleo\n")
    (folder / "broken.toml").write_text("title = [\n")
    few = "seeds = 1\noutcomes = ['left']\n[base]\nhumans = 5\nsteps = 1\n"
    (folder / "design.toml").write_text(few)


def misspelt(word: str, draw: random.Random, known: Collection[str] = ()) -> str:
    """Return a word with a letter lost, doubled, changed, or two swapped."""
    while True:
        found = _spelt(word, draw)
        if found and found != word and found not in known:
            return found


def _spelt(word: str, draw: random.Random) -> str:
    at = draw.randrange(len(word))
    one, rest = word[at], word[at + 1 :]
    return draw.choice(
        (
            word[:at] + rest,
            word[:at] + one + one + rest,
            word[:at] + draw.choice(LETTERS) + rest,
            word[:at] + rest[:1] + one + rest[1:],
            word + draw.choice(LETTERS),
            word.upper(),
        )
    )


def grammar() -> dict[str, list[argparse.Action]]:
    """Return the options and arguments of each command."""
    top = cli.parser()
    (commands,) = (a for a in top._actions if a.dest == "command")
    return {
        name: [a for a in one._actions if a.dest not in ("help", "debug")]
        for name, one in commands.choices.items()
    }


def values(action: argparse.Action) -> tuple[str, ...]:
    """Return values that are wrong for an option or argument."""
    if action.choices is not None:
        return ("nothing", "", "LLM", "1", *(f"{one}s" for one in action.choices))
    if action.dest in PLACES:
        return NO_PLACES
    if action.dest in FILES:
        return NO_FILES
    kind = getattr(action.type, "__name__", "")
    if kind == "float":
        return (*NO_NUMBERS, *TOO_SMALL, "nan", "-inf")
    if kind in ("int", "whole", "natural", "positive", "processes", "port"):
        least = ("0",) if kind in ("positive", "processes") else ()
        return (*NO_NUMBERS, *NO_FRACTIONS, *TOO_SMALL, *TOO_LARGE, *least)
    return NO_WORDS


def replaced(given: tuple[str, ...], option: str, value: str) -> tuple[str, ...]:
    """Return arguments in which an option has another value."""
    if option in given:
        at = given.index(option)
        given = given[:at] + given[at + 2 :]
    return (*given, f"{option}={value}")


def calls_of(name: str, draw: random.Random) -> Iterator[Call]:
    """Yield wrong calls of a command, without end."""
    given = COMMANDS[name]
    actions = grammar()[name]
    options = [a for a in actions if a.option_strings]
    valued = [a for a in options if a.nargs != 0]
    places = [a for a in actions if not a.option_strings]
    while True:
        mistake = draw.randrange(7)
        if mistake == 0:
            yield Call((misspelt(name, draw), *given), "command")
        elif mistake == 1 and options:
            word = draw.choice(options).option_strings[-1]
            known = {one[2:] for a in options for one in a.option_strings}
            wrong = "--" + misspelt(word[2:], draw, known)
            yield Call((name, *given, wrong, "1"), "option")
        elif mistake == 2 and valued:
            yield Call((name, *given, draw.choice(valued).option_strings[-1]), "value")
        elif mistake == 3:
            extra = draw.choice(("her", "run", "1", "extra", ""))
            yield Call((name, *given, *(extra,) * 4), "extra")
        elif mistake == 4 and places and given:
            wrong = draw.choice(values(places[0]))
            yield Call((name, wrong, *given[1:]), f"argument {wrong[:20]!r}")
        elif valued:
            action = draw.choice(valued)
            option, value = action.option_strings[-1], draw.choice(values(action))
            called = f"{option} {value[:20]!r}"
            yield Call((name, *replaced(given, option, value)), called)


# Options that exclude or need each other, and parameters that are none.
COMBINED: tuple[tuple[str, ...], ...] = (
    ("run", "her", "--network", "friends.csv", "--humans", "5"),
    ("run", "her", *FEW, "--set", "humans"),
    ("run", "her", *FEW, "--set", "humens=5"),
    ("run", "her", *FEW, "--set", "ties=many"),
    ("run", "her", *FEW, "--set", "=5"),
    ("run", "her", *FEW, "--set", "peers=maybe"),
    ("run", "her", *FEW, "--set", "ties=1e99"),
    ("run", "her", *FEW, "--set", "ties=nan"),
    ("run", "her", *FEW, "--set", "ties="),
    ("run", "her", *FEW, "--set", "humans=2.5"),
    ("run", "her", *FEW, "--record", "a.jsonl", "--replay", "b.jsonl"),
    ("run", "her", *FEW, "--mind", "llm"),
    ("run", "her", *FEW, "--personas", "friends.csv"),
    ("run", "her", *FEW, "--mind", "scripted", "--personas", "friends.csv"),
    ("run", "her", *FEW, "--mind", "scripted", "--personas", "binary"),
    ("run", "her", *FEW, "--prompts", "folder"),
    ("run", "her", *FEW, "--mind", "scripted", "--prompts", "folder"),
    ("run", "her", *FEW, "--mind", "scripted", "--prompts", "n" * 300),
    ("run", "her", *FEW, "--mind", "llm", "--model", "x", "--base-url", "ftp://x"),
    ("run", "her", *FEW, "--prices", "1", "--estimate"),
    ("run", "her", *FEW, "--out", "run"),
    ("run", "her", "her", *FEW),
    ("compare", "her", *FEW),
    ("compare", "her", "her-no-peers", "--lever", "price", "--at", "1"),
    ("compare", "her", "her-no-peers", "--at", "1", "--seeds", "1", *FEW),
    ("compare", "her", "--lever", "price", *FEW),
    ("compare", "her", "--lever", "pric", "--at", "1", *FEW),
    ("plot", "run", "--agent", "3"),
    ("plot", "run", "--what", "ego", "--agent", "99"),
    ("plot", "run", "--what", "ego", "--agent", "-1"),
    ("plot", "run", "--what", "network", "--step", "2"),
    ("plot", "run", "run", "--what", "growth"),
    ("plot", "run", "--format", "gif"),
    ("plot", "run", "--what", "film", "--format", "png"),
    ("plot", "run", "--what", "growth", "--out", "a.svg", "--format", "png"),
    ("export", "run", "--out", "a.xyz"),
    ("export", "run", "--out", "a.gexf", "--step", "0", "--whole"),
    ("export", "run", "--out", "a.gexf", "--closest", "2"),
    ("export", "run", "--html", "--step", "0"),
    ("export", "run", "--html", "--format", "gexf"),
    ("report", "run", "--out", "a.pdf"),
    ("report", "run"),
    ("events", "run", "--kind", "first_lov"),
    ("transcript", "run", "--between", "a", "b"),
    ("transcript", "run", "--between", "1"),
    ("talk", "run"),
    ("talk", "run", "--os", "3"),
    ("sweep", "design.toml", "--cluster", "http://x"),
    ("sweep", "design.toml", "--cluster", "tcp://far.example:1"),
    ("sweep", "design.toml", "--time-limit", "nan"),
    ("sweep", "design.toml", "--time-limit", "-1"),
    ("calibrate", "--kind", "first_love"),
    ("ablate", "her", "--mechanisms", "nothing", *FEW),
    ("ablate", "her", "--outcome", "lef", *FEW),
    ("app", "--port", "70000", "--no-browser"),
    ("app", "--scenario", "hers", "--no-browser"),
    ("app", "--humans", "0", "--no-browser"),
    ("app", "--seed", "-1", "--no-browser"),
    (),
    ("",),
    ("--verson",),
    ("--debug",),
    ("help",),
)


def command_line(count: int, seed: int = 17) -> list[Call]:
    """Return so many wrong calls of the command line, all different."""
    draw = random.Random(seed)
    sources = [calls_of(name, draw) for name in COMMANDS]
    found = {one: Call(one, "together") for one in COMBINED[:count]}
    while len(found) < count:
        call = next(draw.choice(sources))
        found.setdefault(call.arguments, call)
    calls = list(found.values())
    draw.shuffle(calls)
    return calls


# ------------------------------------------------------------------------ from Python


class Wrong(NamedTuple):
    """A wrong call of a function or class."""

    name: str
    given: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.name}(**{self.given!r:.200})"


SMALL = {"humans": 5, "steps": 1}
TINY: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "Society": (sim.Society, {"scenario": "her", "seed": 1, **SMALL}),
    "Parameters": (sim.Parameters, {"humans": 5}),
    "Scenario": (sim.Scenario, {"name": "a", "title": "A", "story": "So it was."}),
    "MindOptions": (sim.MindOptions, {"kind": "scripted"}),
    "scenario": (sim.scenario, {"name": "her"}),
    "run": (sim.run, {"scenario": "her", "parameters": SMALL, "out": "again"}),
    "load": (sim.load, {"path": "run"}),
    "load_sweep": (sim.load_sweep, {"path": "sweep"}),
    "report": (sim.report, {"source": "run"}),
    "verify": (sim.verify, {"path": "run"}),
    "ablate": (sim.ablate, {"mechanisms": ["peers"], "seeds": 1}),
    "counterfactual": (
        sim.counterfactual,
        {"intervention": "price", "at": 1, "seeds": 1, "outcomes": ["left"]},
    ),
    "sweep": (sim.sweep, {"design": {"seeds": 1, "base": SMALL}, "workers": 1}),
    "check": (sim.checks.check, {"parameters": SMALL, "seeds": 1}),
    "simulator": (
        sim.simulator,
        {"scenario": "her", "names": ["reach"], "outcomes": ["left"]},
    ),
}
# These are asked of a run.
OF_A_RUN: dict[str, tuple[Callable[..., Any], str]] = {
    **{
        name: (getattr(sim.Result, name), "self")
        for name in (
            *("humans", "oses", "ties", "agents", "graph", "detect", "fork"),
            "view",
        )
    },
    **{
        name: (getattr(sim.plots, name), "source")
        for name in ("timeline", "growth", "ego", "network", "communities")
    },
}
NOT_SO = (
    *("ten", "", " ", b"ten", -1, 0, 2.5, math.nan, math.inf, -math.inf, 10**30),
    *([], ["ten"], {}, {"a": 1}, (), object(), int, [None], 1j),
    *("n" * 5000, "na\0me", "~nobody/a"),
)
# With these the call is none that could end soon, or none that is wrong.
LEFT_OUT = {
    *("executor", "progress", "tell", "overwrite", "pairs", "insecure", "resume"),
    *("self", "workers", "sweep out", "sweep allow_model", "sweep memory_limit"),
}


def function_of(name: str) -> Callable[..., Any]:
    """Return what is called by a name."""
    return TINY[name][0] if name in TINY else OF_A_RUN[name][0]


def api(count: int, seed: int = 18) -> list[Wrong]:
    """Return so many calls of public functions, each with one mistake."""
    draw = random.Random(seed)
    found: list[Wrong] = []
    few, run = sim.scenario("her").replace(**SMALL), sim.load("run")
    while len(found) < count:
        name = draw.choice([*TINY, *OF_A_RUN])
        function = function_of(name)
        given = {OF_A_RUN[name][1]: run} if name in OF_A_RUN else TINY[name][1]
        if name in ("ablate", "counterfactual", "check"):
            given = {"scenario": few, **given}
        known = [
            one.name
            for one in inspect.signature(function).parameters.values()
            if one.kind is not one.VAR_KEYWORD
            and not {one.name, f"{name} {one.name}"} & LEFT_OUT
        ]
        if name in ("Society", "Parameters"):
            known = [*known, *draw.sample(sorted(sim.Parameters.model_fields), 5)]
        word = draw.choice(known)
        if draw.random() < 0.3:
            wrong = misspelt(word, draw, [*known, *sim.Parameters.model_fields])
            found.append(Wrong(name, {**given, wrong: 1}))
        else:
            found.append(Wrong(name, {**given, word: draw.choice(NOT_SO)}))
    return found
