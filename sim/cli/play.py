"""The command ``play``: a person speaks for one human of a stored run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import add_command, add_run_argument, as_table, positive
from sim.cli.known import run_at
from sim.cli.minds import add_model_options, settings_of, summary_of

if TYPE_CHECKING:
    from sim.runs.result import Result

SHOWN = ("own_closeness", "human_closeness", "loneliness", "grief")


def add_play(commands: Any) -> None:
    """Add ``os-society play`` to the command line."""
    examples = [
        "latest --human 17",
        "latest --human 17 --steps 60 --talks 1 --out mine",
        "latest --human 17 --replay her-0-1b00be8a-human-17.jsonl",
    ]
    command = add_command(
        commands, "play", play_run, examples, has_json=False, is_watched=False
    )
    add_run_argument(command)
    add = command.add_argument
    add("--human", metavar="N", required=True, help="number or name")
    add("--steps", metavar="N", type=positive, help="days (those of the run)")
    text = "talks in words a day, on average (0.2)"
    add("--talks", metavar="X", type=float, default=0.2, help=text)
    text = "turns of a talk with the own OS, 2 to 8; beyond 2 with --model (2)"
    add("--turns", metavar="N", type=int, default=2, help=text)
    add("--out", metavar="DIR", help="where to write the run")
    add("--force", action="store_true", help="replace a run at --out")
    files = command.add_mutually_exclusive_group()
    text = "keep what is typed in it (RUN-human-N.jsonl, here)"
    files.add_argument("--record", metavar="FILE", help=text)
    files.add_argument("--replay", metavar="FILE", help="ask nobody; answers are there")
    group = command.add_argument_group("model", "that speaks for the human's own OS")
    add_model_options(group)


def play_run(args: argparse.Namespace) -> int:
    """Play a run with whoever types; say what came of it."""
    path = run_at(args.run)
    from sim.cli.plot import short
    from sim.runs.play import play
    from sim.runs.result import load
    from sim.utils.errors import InputError, legible

    before = load(path)
    human, record = before.number_of(args.human), args.record
    if record is None and args.replay is None:
        record = f"{before.path.name}-human-{human}.jsonl"
        if Path(record).exists():
            raise InputError(
                f"{record} has what was typed before; go on from it (--record it), ask "
                "nobody (--replay it), or record to another file"
            )
    after = play(
        before,
        human,
        steps=args.steps,
        talks=args.talks,
        turns=args.turns,
        model=settings_of(args),
        record=record,
        replay=args.replay,
        out=args.out,
        overwrite=args.force,
    )
    print()
    print(_became(before, after, human))
    print()
    print(f"run      {short(after.path)}")
    print(legible(summary_of(after)))
    if record is not None:
        print(f"calls    {legible(str(record))} (--replay it: nobody is asked)")
    return 0


def _became(before: Result, after: Result, human: int) -> str:
    """Return what became of the human in both runs, on the last day that both have."""
    day = max({*before.steps} & {*after.steps})
    if not day:
        kept = ", ".join(map(str, before.steps[1:4]))
        return f"To compare, play to a day that the run keeps (--steps {kept}, ...)."
    one, other = (run.humans(day).loc[human] for run in (before, after))
    rows = [
        (name.replace("_", " "), f"{one[name]:.3f}", f"{other[name]:13.3f}")
        for name in SHOWN
    ]
    was = "as it was" if before.provenance.get("mind") else "by the rules"
    return as_table("{:<16} {:>13} ", (f"day {day}", was, " as you spoke"), rows)
