"""The commands ``plot`` and ``export``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import add_command, add_run_argument, as_json
from sim.cli.known import run_at
from sim.runs.figure_names import FIGURES, TWO_COLUMNS
from sim.utils.progress import doing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.runs.result import Result


AFTER_RUN = ("timeline", "network")
FILM = "film"
PRESETS = ("single", "double")
FORMATS, FILMS = ("png", "svg", "pdf"), ("gif", "mp4")
FILES = ("graphml", "gexf", "csv", "json", "html")


def add_plot(commands: Any) -> None:
    """Add ``os-society plot`` to the command line."""
    examples = [
        "latest",
        "latest --what network --step 450 --format svg",
        "her-0 --what ego --agent 17",
        "latest --what film",
        "latest --what story --preset single --format pdf",
    ]
    plot = add_command(commands, "plot", plot_run, examples)
    add_run_argument(plot)
    others = "other seeds, for survival and story; story takes controls, too"
    plot.add_argument("more", nargs="*", default=[], metavar="RUN", help=others)
    every = "all draws every figure but the film"
    what = (*FIGURES, FILM, "all")
    plot.add_argument("--what", choices=what, default="all", help=every)
    plot.add_argument("--out", metavar="PATH", help="directory, or file for one figure")
    kinds = "png unless given; a film: gif, or mp4 where ffmpeg is found"
    plot.add_argument("--format", choices=(*FORMATS, *FILMS), help=kinds)
    column = "for a journal: one column (3.5 inches wide) or two (7.2)"
    plot.add_argument("--preset", choices=PRESETS, help=column)
    day = "snapshot day, for network (and ego)"
    plot.add_argument("--step", metavar="T", type=int, help=day)
    whom = "whom ego is about: a number, or what the network's file calls a human"
    plot.add_argument("--agent", metavar="ID", help=whom)


def add_export(commands: Any) -> None:
    """Add ``os-society export`` to the command line."""
    examples = [
        "latest --html",
        "latest --whole --out her.gexf",
        "her-0 --step 450 --out ties.csv",
    ]
    export = add_command(commands, "export", export_run, examples)
    add_run_argument(export)
    out = "file to write (of a page: NAME-view.html, here)"
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
    paths = [run_at(text) for text in (args.run, *args.more)]
    from sim.runs.result import load
    from sim.utils.errors import InputError

    runs = [load(path) for path in paths]
    if args.more and args.what not in ("survival", "story"):
        raise InputError("several runs go with --what survival or story only")
    if args.agent is not None and args.what != "ego":
        raise InputError("--agent goes with --what ego only")
    if args.step is not None and args.what not in ("network", "ego"):
        raise InputError("--step goes with --what network or ego only")
    if args.what == FILM:
        return _film(args, runs[0])
    names = _names(args, runs[0])
    places = _places(args, runs[0], names)
    drawn = []
    for name, place in zip(names, places, strict=True):
        with doing(f"drawing {name}"):
            drawn.append(_draw(name, runs, place, args.step, args.agent, args.preset))
        if not args.json:
            print(short(drawn[-1]))
    return _as_json(args, drawn)


def _as_json(args: argparse.Namespace, files: Sequence[Path]) -> int:
    """Print which files were written, if JSON is asked for; return the exit code."""
    if args.json:
        print(as_json({"files": [str(file) for file in files]}))
    return 0


def _names(args: argparse.Namespace, result: Result) -> tuple[str, ...]:
    """Return the figures that are asked for, or of all those that the preset holds."""
    if args.what != "all":
        return (args.what,)
    lacks = TWO_COLUMNS if args.preset == "single" else ()
    if lacks and not args.json:
        print(f"without {', '.join(lacks)}: one column has no room", file=sys.stderr)
    return tuple(name for name in _all_of(result) if name not in lacks)


def _all_of(result: Result) -> tuple[str, ...]:
    """Return the figures that a run has: a story takes a day, flows two snapshots."""
    lacks = {"story"} if result.series.empty else set()
    lacks |= {"communities"} if len(result.steps) < 2 else set()
    return tuple(name for name in FIGURES if name not in lacks)


def draw_after_run(result: Result) -> list[Path]:
    """Draw into the run what is drawn right after it."""
    folder = result.path / "figures"
    return [_draw(name, [result], folder / f"{name}.png") for name in AFTER_RUN]


def figures_there(result: Result) -> list[Path]:
    """Return the files in which a run was drawn by ``draw_after_run``, if they are."""
    files = [result.path / "figures" / f"{name}.png" for name in AFTER_RUN]
    return [file for file in files if file.is_file()]


def _draw(
    name: str,
    runs: Sequence[Result],
    place: Path,
    step: int | None = None,
    agent: str | None = None,
    preset: str | None = None,
) -> Path:
    from sim import plots

    with plots.preset(preset):
        figure = _figure(name, runs, None if step is None else [step], agent)
    return plots.save(figure, place)


def _figure(
    name: str, runs: Sequence[Result], days: list[int] | None, agent: str | None
) -> Figure:
    from sim import plots

    result = runs[0]
    if name == "survival":
        return plots.survival(runs if len(runs) > 1 else result)
    if name == "story":
        return plots.story(result, runs[1:])
    if name == "network":
        return plots.network(result, days)
    if name == "ego":
        return plots.ego(result, agent, days)
    figure: Figure = getattr(plots, name)(result)
    return figure


def _film(args: argparse.Namespace, result: Result) -> int:
    from sim import plots
    from sim.utils.errors import InputError

    if args.preset:
        raise InputError("--preset goes with figures, not with --what film")
    out = Path(args.out) if args.out else result.path / "figures"
    for kind in (args.format, out.suffix.removeprefix(".")):
        if kind in FORMATS:
            raise InputError(f"a film is no {kind}; use one of {', '.join(FILMS)}")
    if out.suffix.removeprefix(".") not in FILMS:
        out = out / f"{FILM}.{args.format or FILMS[0]}"
    elif args.format not in (None, out.suffix.removeprefix(".")):
        raise InputError(f"--out {out} is not a file of --format {args.format}")
    place = plots.animate(result, out)
    if not args.json:
        print(short(place))
    return _as_json(args, [place])


def _places(
    args: argparse.Namespace, result: Result, names: Sequence[str]
) -> list[Path]:
    """Return the file of each figure, as ``--out`` and ``--format`` ask for."""
    from sim.utils.errors import InputError

    if args.format in FILMS:
        raise InputError(f"--format {args.format} goes with --what {FILM} only")
    out = Path(args.out) if args.out else result.path / "figures"
    kind = out.suffix.removeprefix(".")
    if kind in FILMS:
        raise InputError(f"--out {out} goes with --what {FILM} only")
    if kind not in FORMATS:
        return [out / f"{name}.{args.format or 'png'}" for name in names]
    if len(names) > 1:
        raise InputError(f"--out {out} is one file; choose one figure with --what")
    if args.format not in (None, kind):
        raise InputError(f"--out {out} is not a file of --format {args.format}")
    return [out]


def export_run(args: argparse.Namespace) -> int:
    """Write a stored run as a page, or its relationships."""
    path = run_at(args.run)
    from sim.runs.export import export as export_run
    from sim.runs.result import load
    from sim.utils.errors import InputError

    kind = args.format
    if args.html and kind not in (None, "html"):
        raise InputError(f"--html and --format {kind} are two formats; give one")
    kind = "html" if args.html else kind
    if args.out is None and kind != "html":
        raise InputError("give --out, the file to write, or --html")
    result = load(path)
    files = export_run(
        result,
        args.out or f"{result.path.resolve().name}-view.html",
        kind,
        args.step,
        whole=args.whole,
        closest=args.closest,
    )
    if not args.json:
        for file in files:
            print(short(file))
    return _as_json(args, files)


def short(path: Path) -> str:
    """Return a path as seen from where one works, if it lies there."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
