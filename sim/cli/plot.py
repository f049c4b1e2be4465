"""The commands ``plot`` and ``export``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import add_command

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.runs.result import Result


AFTER_RUN = ("timeline", "network")
FIGURES = (
    *("story", "timeline", "network", "multiples", "ego", "communities", "growth"),
    *("attention", "survival"),
)
FILM = "film"
FORMATS, FILMS = ("png", "svg", "pdf"), ("gif", "mp4")
FILES = ("graphml", "gexf", "csv", "json", "html")


def add_plot(commands: Any) -> None:
    """Add ``os-society plot`` to the command line."""
    plot = add_command(commands, "plot", plot_run, "Draw a stored run.")
    plot.add_argument("run", help="directory of the run")
    others = "other seeds, for survival and story; story takes controls, too"
    plot.add_argument("more", nargs="*", metavar="RUN", help=others)
    every = "all draws every figure but the film"
    what = (*FIGURES, FILM, "all")
    plot.add_argument("--what", choices=what, default="all", help=every)
    plot.add_argument("--out", metavar="PATH", help="directory, or file for one figure")
    kinds = "png unless given; a film: gif, or mp4 where ffmpeg is found"
    plot.add_argument("--format", choices=(*FORMATS, *FILMS), help=kinds)
    day = "snapshot day, for network (and ego)"
    plot.add_argument("--step", metavar="T", type=int, help=day)
    whom = "whom ego is about: a number, or what the network's file calls a human"
    plot.add_argument("--agent", metavar="ID", help=whom)


def add_export(commands: Any) -> None:
    """Add ``os-society export`` to the command line."""
    text = "Write a stored run as a page to watch, or for another program."
    export = add_command(commands, "export", export_run, text)
    export.add_argument("run", help="directory of the run")
    out = "file to write; a page is called like the run unless given"
    export.add_argument("--out", metavar="PATH", help=out)
    page = "as one page that plays the run in a browser, offline (--format html)"
    export.add_argument("--html", action="store_true", help=page)
    kinds = "as the suffix of --out says, unless given"
    export.add_argument("--format", choices=FILES, help=kinds)
    days = export.add_mutually_exclusive_group()
    days.add_argument("--step", metavar="T", type=int, help="snapshot day (the last)")
    days.add_argument("--whole", action="store_true", help="all days (gexf: spells)")
    least = "leave out ties less close than this (0)"
    export.add_argument("--closest", metavar="X", type=float, default=0.0, help=least)


def plot_run(args: argparse.Namespace) -> int:
    """Draw the figures of a stored run."""
    from sim.runs.result import load
    from sim.utils.errors import InputError

    runs = [load(path) for path in (args.run, *args.more)]
    if args.more and args.what not in ("survival", "story"):
        raise InputError("several runs go with --what survival or story only")
    if args.agent is not None and args.what != "ego":
        raise InputError("--agent goes with --what ego only")
    if args.step is not None and args.what not in ("network", "ego"):
        raise InputError("--step goes with --what network or ego only")
    if args.what == FILM:
        return _film(args, runs[0])
    names = _all_of(runs[0]) if args.what == "all" else (args.what,)
    places = _places(args, runs[0], names)
    for name, place in zip(names, places, strict=True):
        print(short(_draw(name, runs, place, args.step, args.agent)))
    return 0


def _all_of(result: Result) -> tuple[str, ...]:
    """Return the figures that a run has: a story takes a day, flows two snapshots."""
    lacks = {"story"} if result.series.empty else set()
    lacks |= {"communities"} if len(result.steps) < 2 else set()
    return tuple(name for name in FIGURES if name not in lacks)


def draw_after_run(result: Result) -> list[Path]:
    """Draw into the run what is drawn right after it."""
    folder = result.path / "figures"
    return [_draw(name, [result], folder / f"{name}.png") for name in AFTER_RUN]


def _draw(
    name: str,
    runs: Sequence[Result],
    place: Path,
    step: int | None = None,
    agent: str | None = None,
) -> Path:
    from sim import plots

    result, days = runs[0], None if step is None else [step]
    if name == "survival":
        figure: Figure = plots.survival(runs if len(runs) > 1 else result)
    elif name == "story":
        figure = plots.story(result, runs[1:])
    elif name == "network":
        figure = plots.network(result, days)
    elif name == "ego":
        figure = plots.ego(result, agent, days)
    else:
        figure = getattr(plots, name)(result)
    return plots.save(figure, place)


def _film(args: argparse.Namespace, result: Result) -> int:
    from sim import plots
    from sim.utils.errors import InputError

    if args.format in FORMATS:
        raise InputError(f"a film is no {args.format}; use one of {', '.join(FILMS)}")
    out = Path(args.out) if args.out else result.path / "figures"
    if out.suffix.removeprefix(".") not in FILMS:
        out = out / f"{FILM}.{args.format or FILMS[0]}"
    elif args.format not in (None, out.suffix.removeprefix(".")):
        raise InputError(f"--out {out} is not a file of --format {args.format}")
    print(short(plots.animate(result, out)))
    return 0


def _places(
    args: argparse.Namespace, result: Result, names: Sequence[str]
) -> list[Path]:
    """Return the file of each figure, as ``--out`` and ``--format`` ask for."""
    from sim.utils.errors import InputError

    if args.format in FILMS:
        raise InputError(f"--format {args.format} goes with --what {FILM} only")
    out = Path(args.out) if args.out else result.path / "figures"
    kind = out.suffix.removeprefix(".")
    if kind not in FORMATS:
        return [out / f"{name}.{args.format or 'png'}" for name in names]
    if len(names) > 1:
        raise InputError(f"--out {out} is one file; choose one figure with --what")
    if args.format not in (None, kind):
        raise InputError(f"--out {out} is not a file of --format {args.format}")
    return [out]


def export_run(args: argparse.Namespace) -> int:
    """Write a stored run as a page, or its relationships."""
    from sim.runs.export import export as export_run
    from sim.runs.result import load
    from sim.utils.errors import InputError

    kind = args.format
    if args.html and kind not in (None, "html"):
        raise InputError(f"--html and --format {kind} are two formats; give one")
    kind = "html" if args.html else kind
    if args.out is None and kind != "html":
        raise InputError("give --out, the file to write, or --html")
    result = load(args.run)
    files = export_run(
        result,
        args.out or f"{result.path.resolve().name}.html",
        kind,
        args.step,
        whole=args.whole,
        closest=args.closest,
    )
    for file in files:
        print(short(file))
    return 0


def short(path: Path) -> str:
    """Return a path as seen from where one works, if it lies there."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
