"""Build the site: documents, tutorials and reference, with Sphinx; see ``make docs``.

    python -m sim.docs.site build/docs

A folder of sources is put together in ``build/docs/source``: documents and notebooks in
their places, and pages of reference from the code (public names, the command line,
parameters, events, scenarios, interventions, columns). Sphinx makes ``build/docs/html``
of it. A warning is an error, and so is a link that leads nowhere or a misspelt word
(``sim.docs.checks``). Nothing of it is fetched: links to other sites stay links, and
``--links`` alone asks whether they are there.

What ``examples/`` says of a public name stands on the name's page, where an example in
its docstring is not enough; tests run both.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import sim
from sim.cli import parser
from sim.docs import checks, describe
from sim.model.columns import FACE_COLUMNS, HUMAN_COLUMNS, OS_COLUMNS

ROOT = Path(__file__).parents[2]
COPIED = (
    *("sim/docs/*.md", "sim/docs/*.json", "notebooks/*.ipynb", "notebooks/README.md"),
    *("results/*.png", "experiments/mechanisms/*", "experiments/CLUSTER.md"),
    *("CHANGELOG.md", "LICENSE"),
)
NEEDED = ("sphinx", "myst_nb", "pydata_sphinx_theme", "codespell_lib")
EXAMPLES = Path(__file__).parent / "examples"
# What is public of the modules that `dir(sim)` shows: functions and classes.
MODULES: dict[str, tuple[str, ...]] = {
    "checks": ("check", "Report"),
    "events": (
        *("register", "forget", "Detector", "Event", "Note", "Reading"),
        *("Monitor", "StoredReadings", "replay", "early_warning"),
    ),
    "exports": ("export", "day_graph", "whole_graph"),
    "interventions": ("lever", "profile", "Intervention", "Condition"),
    "mechanisms": ("Column", "real", "whole", "switch", "rule", "slot_of", "draws_of"),
    "outcomes": ("outcomes", "meaning", "is_known", "has_twin", "Outcome"),
    "plots": (
        *("timeline", "story", "network", "multiples", "scene", "animate", "ego"),
        *("communities", "growth", "attention", "survival", "staying", "difference"),
        *("effects", "heat_map", "phase", "sensitivity", "save", "preset"),
        *("ComparisonLabels", "Map", "NetworkLayout"),
    ),
    "scenarios": ("load", "names"),
}
# Classes of other packages, whose members are theirs to describe.
OTHERS = {
    **{"Human": "Agent", "OS": "Agent", "Society": "Model"},
    **{"Parameters": "BaseModel", "Scenario": "BaseModel"},
}
# Of pydantic, and no part of what is public here.
LEFT_OUT = "model_config, model_fields, model_computed_fields, model_post_init"

CONF = '''"""Settings of Sphinx, written by sim.docs.site."""

project = "OS Society"
author = "OS Society contributors"
version = release = {version!r}
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
source_suffix = {{".md": "myst-nb", ".ipynb": "myst-nb"}}
exclude_patterns = ["experiments/mechanisms/*.md", "sim/docs/paper.md"]
nb_execution_mode = "off"
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
maximum_signature_line_length = 80
default_role = "code"
html_theme = "pydata_sphinx_theme"
html_title = "OS Society"
html_show_sourcelink = False
html_sidebars = {{"gallery": []}}
html_theme_options = {{"show_toc_level": 2, "navigation_with_keys": False}}


def without_type(app, what, name, obj, options, lines):
    """Let napoleon not take the words before a colon for the type of a property."""
    if what == "property" and lines:
        lines[0] = lines[0].replace(": ", " \\N{{EN DASH}} ", 1)


def setup(app):
    """Do so before napoleon reads them."""
    app.connect("autodoc-process-docstring", without_type, priority=1)
'''

# The parts of the site: a title, a line, and pages with what they are about.
PARTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "guides": (
        "Guides",
        "How to do what comes up.",
        {
            "sim/docs/HOWTO": "recipes: network, scenario, mechanism, sweep, cast",
            "sim/docs/FAQ": "questions that come up",
            "sim/docs/NETWORKS": "a network of your own",
            "sim/docs/MECHANISMS": "a rule, process, measure or detector of your own",
            "sim/docs/ENDPOINTS": "a cast that speaks through a language model",
            "experiments/CLUSTER": "sweeps on a cluster",
        },
    ),
    "model": (
        "The model",
        "What is modelled, and why it is built so.",
        {
            "sim/docs/MODEL": "the model, described by the ODD protocol",
            "sim/docs/DESIGN": "why the code is built as it is",
            "sim/docs/SCALING": "what a run takes, by its size",
            "sim/docs/PROVENANCE": "what a result proves, and what it cannot",
            "sim/docs/COMPARISON": "twelve changes, here and elsewhere",
            "sim/docs/GLOSSARY": "words, as they are used here",
        },
    ),
    "reference": (
        "Reference",
        "Made from the code.",
        {
            "reference/python": "the public names of Python, with examples",
            "reference/command_line": "the commands, with their options and examples",
            "reference/parameters": "parameters: value, unit, range, meaning, source",
            "reference/events": "kinds of events, and their rates of false alarms",
            "reference/scenarios": "scenarios, and what each changes",
            "reference/interventions": "interventions that have names",
            "reference/outcomes": "outcomes: what a run comes to, in numbers",
            "reference/columns": "columns of humans, OSes, ties, and daily series",
        },
    ),
    "gallery": ("Gallery", "What figures look like.", {}),
    "project": (
        "Project",
        "How it changes, and how to take part.",
        {
            "CHANGELOG": "what has changed",
            "sim/docs/ROADMAP": "what is likely to come, and what is not",
            "sim/docs/CONTRIBUTING": "where things are, and how to add to them",
            "sim/docs/RELEASING": "what stays stable, and how a release is made",
        },
    ),
}


def assemble(place: Path) -> None:
    """Write the sources of the site into a folder, which is made anew."""
    shutil.rmtree(place, ignore_errors=True)
    for pattern in COPIED:
        for file in (one for one in ROOT.glob(pattern) if one.is_file()):
            to = place / file.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to)
    readme = (ROOT / "README.md").read_text("utf-8")
    tutorials = sorted(one.stem for one in (ROOT / "notebooks").glob("*.ipynb"))
    pages = {
        "conf.py": CONF.format(version=sim.__version__),
        "index.md": readme + toctree(["Tutorials <notebooks/README>", *PARTS]),
        **{f"{name}.md": part(*known) for name, known in PARTS.items()},
        "gallery.md": gallery(),
        "notebooks/README.md": (ROOT / "notebooks" / "README.md").read_text("utf-8")
        + toctree(tutorials),
        **reference(),
    }
    for name, text in pages.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, "utf-8")


def toctree(names: Iterable[str]) -> str:
    """Return a list of pages that a page leads to."""
    return "\n".join(["\n```{toctree}", ":hidden:", *names, "```\n"])


def part(title: str, about: str, pages: Mapping[str, str]) -> str:
    """Return the page of a part of the site, which leads to its pages."""
    links = [f"- [{text}]({name}.md)" for name, text in pages.items()]
    return "\n".join([f"# {title}", "", about, "", *links, toctree(pages)])


def reference() -> dict[str, str]:
    """Return the pages that are made from the code, by their files."""
    names = (*public(), *MODULES)
    columns = [
        ("Humans", describe.columns_of(HUMAN_COLUMNS)),
        ("OSes", describe.columns_of(OS_COLUMNS)),
        ("What anybody sees of an agent", describe.columns_of(FACE_COLUMNS)),
        ("Ties, a half-edge each", describe.columns_of(describe.half_edge_columns())),
        ("The series of a run, a row a day", describe.measure_table()),
    ]
    tables = "\n\n".join(f"## {title}\n\n{table}" for title, table in columns)
    made = {
        "parameters": ("Parameters", describe.parameter_tables()),
        "events": ("Events", describe.event_table()),
        "scenarios": ("Scenarios", describe.scenario_table()),
        "interventions": ("Interventions", describe.lever_table()),
        "outcomes": ("Outcomes", describe.outcome_table()),
        "columns": ("Columns", tables),
        "command_line": ("Command line", command_line()),
        "python": ("Python", names_table() + toctree(f"names/{n}" for n in names)),
    }
    pages = {f"reference/{n}.md": f"# {t}\n\n{body}\n" for n, (t, body) in made.items()}
    described = {name: name_page(name) for name in public()}
    described |= {name: module_page(name) for name in MODULES}
    return pages | {f"reference/names/{name}.md": t for name, t in described.items()}


def public() -> list[str]:
    """Return the public names, in order."""
    return sorted(sim.__all__, key=str.lower)


def names_table() -> str:
    """Return a table of the public names and what each is, in a line."""
    rows = []
    for name in (*public(), *MODULES):
        said = (inspect.getdoc(getattr(sim, name)) or "").partition("\n")[0]
        rows.append((f"[sim.{name}](names/{name}.md)", said.replace("|", "\\|")))
    return describe.table(("name", "what it is"), rows) + "\n"


def name_page(name: str) -> str:
    """Return the page of a public name: what it is, and examples."""
    what = getattr(sim, name)
    shown = ["## Examples", "", examples(name)] if examples(name) else []
    lines = directive(f"sim.{name}", what, OTHERS.get(name, ""))
    described = ["```{eval-rst}", *lines, "```", ""]
    if inspect.isclass(what):  # long: its examples come first
        parts = [*shown, "## Reference", "", *described]
    else:
        parts = [*described, *shown]
    return "\n".join([f"# sim.{name}", "", *parts])


def module_page(name: str) -> str:
    """Return the page of a public module: what it is for, examples, and its names."""
    module = getattr(sim, name)
    about = (inspect.getdoc(module) or "").replace("``", "`")
    lines = [f"# sim.{name}", "", about, "", "## Examples", "", examples(name)]
    lines += ["## Names", "", "```{eval-rst}"]
    for one in MODULES[name]:
        lines += directive(f"{module.__name__}.{one}", getattr(module, one))
    return "\n".join([*lines, "```", ""])


def directive(path: str, what: object, of_others: str = "") -> list[str]:
    """Return the lines by which Sphinx describes a function or a class.

    Parameters
    ----------
    path
        Where it can be imported from.
    what
        The function or class itself.
    of_others
        The class from which on inherited members are of another package.
    """
    if not inspect.isclass(what):
        return [f".. autofunction:: {path}", ""]
    inherited = [f"   :inherited-members: {of_others}"] if of_others else []
    left_out = [f"   :exclude-members: {LEFT_OUT}"] if of_others == "BaseModel" else []
    is_tuple = issubclass(what, tuple)  # its fields are described where it is
    members = [] if is_tuple else ["   :members:"]
    return [f".. autoclass:: {path}", *members, *inherited, *left_out, ""]


def examples(name: str) -> str:
    """Return the examples of a public name or module, as Markdown; '' if none."""
    file = EXAMPLES / f"{name}.md"
    return file.read_text("utf-8") if file.exists() else ""


def gallery() -> str:
    """Return the page of figures: what each shows, and how to draw it."""
    from sim import plots
    from sim.cli.plot import FILM
    from sim.runs.figure_names import FIGURES

    rows = []
    for name in MODULES["plots"]:
        draw = getattr(plots, name)
        if inspect.isclass(draw) or name in ("save", "preset"):
            continue
        called = {"animate": FILM}.get(name, name)
        command = f"`plot RUN --what {called}`" if called in (*FIGURES, FILM) else ""
        said = (inspect.getdoc(draw) or "").partition("\n")[0]
        rows.append((f"[`plots.{name}`](reference/names/plots.md)", said, command))
    heads = ("function", "what it draws", "`os-society ...`")
    shown = (
        ("her-story", "The story of `her` over 30 seeds, its controls as thin lines"),
        ("her-timeline", "One run of `her`: what happened, and when"),
        ("phase", "Where half of the OSes have departed, over two parameters"),
        ("gallery", "Every figure there is, drawn by `make gallery`"),
    )
    images = (f"## {said}\n\n![{said}](results/{name}.png)\n" for name, said in shown)
    about = "A figure is drawn by a function of `sim.plots`, or from the command line."
    table = describe.table(heads, rows)
    return "\n".join(["# Gallery", "", about, "", table, "", *images])


def command_line() -> str:
    """Return the help of every command."""
    (commands,) = (
        action.choices
        for action in parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return "\n".join(
        f"## {name}\n\n```text\n{command.format_help()}```\n"
        for name, command in commands.items()
    )


def main(arguments: list[str] | None = None) -> int:
    """Put the sources together, build, and look at words and links.

    Return 1 if Sphinx has a warning, a word is misspelt, or a link leads nowhere.
    """
    about = (__doc__ or "").partition("\n")[0]
    options = argparse.ArgumentParser(description=about)
    options.add_argument("place", type=Path, help="folder to build in")
    options.add_argument("--only-assemble", action="store_true", help="build nothing")
    asks = "ask whether pages of other sites are there, too; needs a network"
    options.add_argument("--links", action="store_true", help=asks)
    args = options.parse_args(arguments)
    place = args.place.resolve()
    assemble(place / "source")
    if args.only_assemble:
        return 0
    if missing := [one for one in NEEDED if importlib.util.find_spec(one) is None]:
        install = "pip install '.[docs]'"
        options.error(f"the site needs {', '.join(missing)}: {install}")
    from sphinx.cmd.build import main as build

    html = ["-W", "--keep-going", "-b", "html", "-j", "auto", "-q"]
    shutil.rmtree(place / "html", ignore_errors=True)
    code = int(build([*html, str(place / "source"), str(place / "html")]))
    faults = [*checks.misspelt(place / "source"), *checks.broken(place / "html")]
    if args.links:
        faults += checks.unreachable(place / "html")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(place / "html" / "index.html")
    return 1 if code or faults else 0


if __name__ == "__main__":
    sys.exit(main())
