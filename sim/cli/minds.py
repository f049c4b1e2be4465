"""The commands ``talk``, ``transcript`` and ``serve-model``; options of minds."""

from __future__ import annotations

import argparse
import logging
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import (
    add_command,
    add_run_argument,
    as_json,
    is_silent,
    positive,
)
from sim.cli.known import run_at

if TYPE_CHECKING:
    from sim.minds.calls import Settings
    from sim.minds.options import CallEstimate, MindOptions
    from sim.minds.several import OsModel
    from sim.runs.result import Result


KINDS = ("rules", "llm", "archetype", "compiled", "scripted")
POLICIES = ("rule", "skip", "abort")
MOST_SAID = 100  # characters of what an endpoint says of a failure
NOTHING_SAID = {"calls": 0, "model": "", "failures": {}, "re_asked": 0, "requests": 0}
NOTHING_SAID |= {"by_rule_from": None, "given_up": 0, "mended": {}, "said": {}}
NOTHING_SAID |= {"prompt_tokens": 0, "cached_tokens": 0}


# Options of a cast, each with the value that it has if it is not given.
OF_A_CAST: dict[str, Any] = {
    "cast": "6",
    "talks": 0.2,
    "turns": 2,
    "answers": 16,
    "ghost_writer": False,
    "max_calls": None,
    "draw": 0,
    "on_failure": "rule",
    "stop_after": 10,
    "councils": False,
    "same_model": False,
    "prompts": None,
    "personas": None,
}


# -------------------------------------------------------------------------- options


def add_mind_options(run: argparse.ArgumentParser) -> None:
    """Add to a command the options of who speaks through which mind."""
    group = run.add_argument_group("minds", "let some agents speak through a mind")
    add = group.add_argument
    add("--mind", choices=KINDS, help="what decides for them (rules)")
    add(
        "--cast",
        metavar="N",
        help="how many, or all, or humans by number or name a,b.. (6)",
    )
    add(
        "--talks",
        metavar="X",
        type=float,
        help="talks a member and day (0.2)",
    )
    add_turns(group)
    text = "of a compiled mind, to each kind of situation (16)"
    add("--answers", metavar="N", type=positive, help=text)
    add("--ghost-writer", action="store_true", help="members write for friends, too")
    add_model_options(group)
    add(
        "--os-model",
        nargs="+",
        action="append",
        metavar=("SHARE", "NAME"),
        help="SHARE NAME [URL]: a model of that share of OSes; again for others",
    )
    add(
        "--rater",
        nargs="+",
        metavar=("NAME", "URL"),
        help="NAME [URL]: a model that says how words feel to who listens (a lexicon)",
    )
    text = "requests at most; then all follow the rules"
    add("--max-calls", metavar="N", type=int, help=text)
    add(
        "--draw",
        metavar="N",
        type=int,
        help="another one: other answers (0)",
    )
    text = "what a call that fails does (rule)"
    add("--on-failure", choices=POLICIES, help=text)
    text = "first calls of no use that stop the run; 0: none do (10)"
    add("--stop-after", metavar="N", type=int, help=text)
    text = "prompts of your own: files as encounter.md, in place of the shipped ones"
    add("--prompts", metavar="DIR", help=text)
    text = "CSV: what prompts tell of people besides, who is in its column person"
    add("--personas", metavar="FILE", help=text)
    text = "collectives talk before members upgrade or leave, and decide"
    add("--councils", action="store_true", help=text)
    files = group.add_mutually_exclusive_group()
    files.add_argument("--record", metavar="FILE", help="keep finished calls in it")
    files.add_argument("--replay", metavar="FILE", help="ask nobody; answers are there")
    text = "go on with a recording at another host: the model is the same"
    add("--same-model", action="store_true", help=text)
    add("--estimate", action="store_true", help="only say what would be asked")
    add_prices(group)


def add_turns(group: Any) -> None:
    """Add the option of how many turns a talk has."""
    text = "turns of a talk at most, 2 to 8; beyond 2 both sides speak (2)"
    group.add_argument("--turns", metavar="N", type=int, help=text)


def add_prices(group: Any) -> None:
    """Add the option of what tokens cost."""
    text = "money per million tokens, to say what it costs"
    group.add_argument("--prices", metavar="IN,OUT", help=text)


def add_model_options(group: Any, has_temperature: bool = True) -> None:
    """Add the options of how to reach a model."""
    add = group.add_argument
    add("--model", metavar="NAME", help="name of the model")
    add("--base-url", metavar="URL", help="endpoint (OPENAI_BASE_URL)")
    text = "allow http:// to another machine: the key can be read on the way"
    add("--insecure", action="store_true", help=text)
    if has_temperature:
        text = "of sampling (0.7)"
        add("--temperature", metavar="X", type=float, default=0.7, help=text)
    add("--slots", metavar="N", type=int, default=4, help="calls in flight (4)")
    add("--deadline", metavar="S", type=float, default=60.0, help="seconds a call (60)")
    add("--max-tokens", metavar="N", type=int, help="of a reply (150 to 500 by kind)")
    text = "parts of a request not to send: bounds, seed, temperature, max_tokens, ..."
    add("--without", metavar="NAMES", default="", help=text)
    add("--extra-body", metavar="JSON", help="what else to send, as an object")


def settings_of(args: argparse.Namespace) -> Settings | None:
    """Return how to reach the model that was named, or None if none was."""
    from sim.minds import dialect
    from sim.minds.calls import Settings

    if args.model is None:
        return None
    return Settings(
        args.model,
        args.base_url,
        getattr(args, "temperature", 0.7),
        deadline=args.deadline,
        slots=args.slots,
        insecure=args.insecure,
        without=dialect.names_of(args.without),
        max_tokens=args.max_tokens,
        extra_body=args.extra_body and dialect.extra_of(args.extra_body),
    )


def mind_options(args: argparse.Namespace) -> MindOptions:
    """Return the options of minds that were given."""
    from sim.minds.mind import Policy
    from sim.minds.options import MindOptions, check

    _tell_what_is_settled(not is_silent(args))
    _take_usual(args)
    cast, humans = _cast(args.cast, getattr(args, "network", None) is not None)
    prices = _prices(args.prices)
    options = MindOptions(
        kind=args.mind,
        cast=cast,
        humans=humans,
        talks=args.talks,
        ghost_writer=args.ghost_writer,
        settings=settings_of(args),
        policy=Policy(
            args.on_failure,
            args.max_calls,
            args.draw,
            args.stop_after,
            args.councils,
        ),
        record=args.record,
        replay=args.replay,
        same_model=args.same_model,
        answers=args.answers,
        oses=_os_models(args),
        rater=_rater(args),
        turns=args.turns,
        prompts=args.prompts,
        personas=args.personas,
        prices=None if args.prices is None else prices,
    )
    check(options)
    if options.kind == "llm" and getattr(args, "network", None) is not None:
        print(
            f"the names in {args.network}, if it has any, are part of what the model "
            "is asked",
            file=sys.stderr,
        )
    return options


def asked_model(
    args: argparse.Namespace, settings: Settings | None, stop_after: int = 10
) -> MindOptions:
    """Return the options of a model that is asked questions, and of no cast."""
    from sim.minds.mind import Policy
    from sim.minds.options import MindOptions

    return MindOptions(
        kind="llm",
        cast=None,
        settings=settings,
        policy=Policy(max_calls=args.max_calls, stop_after=stop_after),
        record=args.record,
        replay=args.replay,
    )


def _take_usual(args: argparse.Namespace) -> None:
    """Give options of a cast that were not given their usual values.

    Raises
    ------
    InputError
        If one was given, but no mind for the cast: nobody would speak.
    """
    from sim.utils.errors import InputError

    for name, usual in OF_A_CAST.items():
        if getattr(args, name) is None or getattr(args, name) is False:
            setattr(args, name, usual)
        elif args.mind is None:
            word = f"--{name.replace('_', '-')}"
            raise InputError(
                f"{word} is of a cast, which needs a mind: add --mind scripted, or "
                "--mind llm and --model NAME"
            )
    args.mind = args.mind or KINDS[0]


def _os_models(args: argparse.Namespace) -> tuple[OsModel, ...]:
    """Return the models that were named for shares of OSes."""
    from sim.minds.several import OsModel
    from sim.utils.errors import InputError

    found = []
    for given in args.os_model or ():
        try:
            part = float(given[0])
        except ValueError:
            part = math.nan
        if len(given) not in (2, 3) or not 0.0 <= part <= 1.0:
            told = " ".join(given)
            raise InputError(f"--os-model takes SHARE NAME [URL], not {told!r}")
        name, url = (*given[1:], args.base_url)[:2]
        one = argparse.Namespace(**vars(args) | {"model": name, "base_url": url})
        settings = settings_of(one)
        assert settings is not None
        found.append(OsModel(part, settings))
    return tuple(found)


def _rater(args: argparse.Namespace) -> Settings | None:
    """Return how to reach the model that rates words, if one was named."""
    from sim.utils.errors import InputError

    if args.rater is None:
        return None
    if len(args.rater) > 2:
        raise InputError(f"--rater takes NAME [URL], not {' '.join(args.rater)!r}")
    name, url = (*args.rater, args.base_url)[:2]
    one = argparse.Namespace(**vars(args) | {"model": name, "base_url": url})
    return settings_of(one)


def _cast(text: str, has_names: bool) -> tuple[int | None, tuple[int | str, ...]]:
    """Return the size of the cast, and its humans if they are named.

    Where people have names of their own, a number may be one, too, so it stays a text.
    """
    from sim.utils.errors import InputError

    if text == "all":
        return None, ()
    parts = [part.strip() for part in text.split(",")]
    numbers = all(part.removeprefix("-").isdecimal() for part in parts)
    if not all(parts) or not (numbers or has_names):
        raise InputError(
            f"--cast takes a number of members, all, or humans a,b,.. not {text!r}"
        )
    if len(parts) == 1 and numbers:
        return int(text), ()
    humans = tuple(parts) if has_names else tuple(map(int, parts))
    return 2 * len(humans), humans


def tell_estimate(args: argparse.Namespace, options: MindOptions, **run: Any) -> None:
    """Print what a run would ask of its model, and what that would cost."""
    from sim.runs.run import estimate

    print(estimate_line(args, estimate(args.changed, options, **run)), flush=True)


def estimate_line(args: argparse.Namespace, found: CallEstimate) -> str:
    """Return what would be asked of a model, and what that would cost, as a line."""
    kinds = ", ".join(f"{n:,} {kind}s" for kind, n in sorted(found.by_kind.items()))
    line = (
        f"estimate: {found.calls:,} calls ({kinds or 'none'}), "
        f"{found.prompt_tokens:,} tokens in, {found.completion_tokens:,} out"
    )
    return line + _cost(args, found.prompt_tokens, found.completion_tokens)


def _tell_what_is_settled(is_told: bool) -> None:
    """Let a line say what an endpoint is asked with once that is known, or none."""
    log = logging.getLogger("sim.minds.client")
    log.setLevel(logging.INFO if is_told else logging.WARNING)
    if not any(isinstance(one, _Printer) for one in log.handlers):
        log.addHandler(_Printer())


class _Printer(logging.Handler):
    """Prints what is logged to the standard output of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        from sim.utils.errors import legible

        print(legible(record.getMessage()), flush=True)


def _cost(args: argparse.Namespace, tokens_in: int, tokens_out: int) -> str:
    if args.prices is None:
        return ""
    from sim.minds.options import money

    cost = money(_prices(args.prices), tokens_in, tokens_out)
    return f", {cost:,.2f} in money"


def _prices(text: str | None) -> tuple[float, float]:
    """Return the prices of a million tokens, in and out."""
    from sim.utils.errors import InputError

    try:
        price_in, price_out = (float(part) for part in (text or "0,0").split(","))
    except ValueError:
        price_in = price_out = -1.0
    if not (0.0 <= price_in < math.inf and 0.0 <= price_out < math.inf):
        raise InputError(f"--prices takes two numbers, as 0.15,0.60; not {text!r}")
    return price_in, price_out


# ------------------------------------------------------------------------- commands


def add_transcript(commands: Any) -> None:
    """Add ``os-society transcript`` to the command line."""
    examples = ["latest", "latest --between 3 1004", "latest --html --out said.html"]
    command = add_command(commands, "transcript", show_transcript, examples)
    add_run_argument(command)
    command.add_argument(
        "--between", nargs=2, metavar=("A", "B"), help="of two agents only"
    )
    command.add_argument("--html", action="store_true", help="as a page of HTML")
    command.add_argument("--out", metavar="FILE", help="write it there")


def add_talk(commands: Any) -> None:
    """Add ``os-society talk`` to the command line."""
    examples = ["latest --os Ada --step 300 --model NAME --base-url URL"]
    command = add_command(
        commands, "talk", talk, examples, has_json=False, is_watched=False
    )
    add_run_argument(command)
    command.add_argument("--os", metavar="ID", required=True, help="agent or name")
    command.add_argument("--step", metavar="T", type=int, help="the day (its last)")
    add_model_options(command)


def add_serve_model(commands: Any) -> None:
    """Add ``os-society serve-model`` to the command line."""
    examples = ["", "--model small.gguf --port 8012"]
    command = add_command(
        commands,
        "serve-model",
        serve_model,
        examples,
        has_json=False,
        is_watched=False,
    )
    add = command.add_argument
    add("--port", metavar="N", type=int, default=8012, help="to serve at (8012)")
    add("--model", metavar="FILE", help="a GGUF file")
    add("--threads", metavar="N", type=int, default=1, help="threads (1)")
    add("--slots", metavar="N", type=int, default=4, help="calls at a time (4)")
    command.add_argument(
        "--context", metavar="N", type=int, default=8192, help="tokens (8192)"
    )


def show_transcript(args: argparse.Namespace) -> int:
    """Print or write what the cast of a run said."""
    path = run_at(args.run)
    from sim.runs import conversations
    from sim.runs.result import load
    from sim.utils import files

    result = load(path)
    pair = None
    if args.between:
        one, other = map(result.number_of, args.between)
        pair = one, other
    lines, population = conversations.talks(result, pair), result.population
    page = args.html or str(args.out or "").endswith((".html", ".htm"))
    title = f"{result.provenance['scenario']}, seed {result.provenance['seed']}"
    if args.json:
        told = [one._asdict() for one in lines]
        text = as_json({"run": str(path), "talks": told}, indent=2) + "\n"
    elif page:
        text = conversations.conversation_page(lines, population, title)
    else:
        text = "\n".join(conversations.as_text(lines, population)) + "\n"
    if args.out is None:
        print(text, end="")
    else:
        files.write_text(Path(args.out), text)
    return 0


def talk(args: argparse.Namespace) -> int:
    """Hold a conversation with an OS of a run, until whoever types ends it."""
    path = run_at(args.run)
    from sim.runs import interview
    from sim.runs.result import load
    from sim.utils.errors import InputError, legible

    settings = settings_of(args)
    if settings is None:
        raise InputError("a talk needs a model: name it (--model)")
    result = load(path)
    guest = interview.guest_of(result, args.os, args.step)
    print(f"{guest.name}, as on day {guest.step}. An empty line ends the talk.")
    with interview.chat_with(guest, settings) as chat:
        for line in sys.stdin if not sys.stdin.isatty() else _typed():
            if not line.strip():
                break
            print(f"{guest.name}: ", end="", flush=True)
            try:
                chat.say(line, lambda one: print(legible(one), end="", flush=True))
            finally:
                print(flush=True)
    return 0


def _typed() -> Any:
    """Yield the lines that a person types."""
    while True:
        try:
            yield input("you: ")
        except EOFError:
            print()
            return


def serve_model(args: argparse.Namespace) -> int:
    """Serve a small model until interrupted."""
    from sim.minds import server

    server.serve(
        args.port,
        model=args.model,
        threads=args.threads,
        slots=args.slots,
        context=args.context,
    )
    return 0


def summary_of(result: Result) -> str:
    """Return a line about the calls of a run, or nothing."""
    mind = result.provenance.get("mind")
    if not mind:
        return ""
    mind = {**NOTHING_SAID, **mind}  # the run may be of another version, or untrusted
    why = {name: f" ({said[:MOST_SAID]})" for name, said in mind["said"].items()}
    counts = mind["failures"].items()
    failed = ", ".join(f"{n} {name}{why.get(name, '')}" for name, n in counts)
    line = f"mind     {mind['calls']:,} calls to {mind['model']}"
    if mind["requests"] > mind["calls"]:
        line += f" in {mind['requests']:,} requests"
    line += f"; failed: {failed}" if failed else "; none failed"
    if mended := ", ".join(f"{n:,} {kind}" for kind, n in mind["mended"].items()):
        line += f"; mended: {mended}"
    if mind["re_asked"]:
        line += f"; asked again {mind['re_asked']:,} times"
    if mind["cached_tokens"] and mind["prompt_tokens"]:
        share = mind["cached_tokens"] / mind["prompt_tokens"]
        line += f"; {share:.0%} of prompt tokens from a cache"
    if mind["by_rule_from"] is not None:
        end = "no answer for long" if mind["given_up"] else "budget spent"
        line += f"; {end} on day {mind['by_rule_from']}, by rules since"
    return line
