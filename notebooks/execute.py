"""Make every notebook, with its outputs, from its source of plain Python.

    python notebooks/execute.py                     # all of them
    python notebooks/execute.py 4_sweep_and_phase   # one
    python notebooks/execute.py --check             # execute, and write nothing

A notebook is executed by the Python that runs this script, offline and without keys.
What would change from run to run without meaning anything is left out of the file.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

FOLDER = Path(__file__).resolve().parent
SECONDS = 600  # of a cell; far more than any takes
LONGEST = 80  # letters of a folder whose sockets' names the system still takes
COLOURS = 256  # of a figure in a file; more cannot be told apart, and take room
SECRETS = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
# What tqdm says on import where ipywidgets is missing; nothing here draws a bar.
QUIET = "ignore:IProgress not found"
METADATA = {
    "jupytext": {"formats": "ipynb,py:percent"},
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
IN_WORDS = "**In words:**"  # begins what a figure shows, said to who cannot see it
TEXTS = ("text/markdown", "text/plain")


def sources() -> list[Path]:
    """Return the sources of all notebooks, in order."""
    return sorted(FOLDER.glob("[0-9]*_*.py"))


def read(source: Path) -> Any:
    """Return the notebook of a source, without outputs."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number}"
        cell.metadata = nbformat.from_dict({})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(source: Path) -> Any:
    """Return the notebook of a source, executed.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises: says which, with its traceback.
    """
    notebook = read(source)
    with tempfile.TemporaryDirectory() as place:
        client = NotebookClient(
            notebook,
            km=kernel(place),
            timeout=SECONDS,
            record_timing=False,
            resources={"metadata": {"path": str(FOLDER)}},
        )
        client.execute(cleanup_kc=True, env=environment(os.environ, place))
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", []):
            _tidy(output)
    _describe(notebook)
    notebook.metadata = nbformat.from_dict(METADATA)
    return notebook


def kernel(place: str) -> AsyncKernelManager:
    """Return the manager of a kernel that is this very Python, reached by files."""
    # With no folder to look for kernels in, the running Python is what is left.
    known = KernelSpecManager(kernel_dirs=[], ensure_native_kernel=True)
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=known)
    manager.connection_file = str(Path(place) / "kernel.json")
    if hasattr(socket, "AF_UNIX") and len(place) < LONGEST:
        manager.transport, manager.ip = "ipc", str(Path(place) / "kernel")
    return manager


def environment(given: Mapping[str, str], place: str) -> dict[str, str]:
    """Return a kernel's environment: no keys, nothing of the user's own settings.

    The code beside the notebooks comes first, installed or not. Whatever the kernel
    leaves behind is in ``place``.
    """
    unwanted = {*SECRETS, "MPLBACKEND", "PYTHONSTARTUP"}
    kept = {name: value for name, value in given.items() if name not in unwanted}
    paths = [str(FOLDER.parent), *filter(None, [given.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": QUIET}
    places = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "TMPDIR", "TEMP", "TMP")
    return kept | own | dict.fromkeys(places, place)


def _tidy(output: Any) -> None:
    """Leave out of an output what means nothing, and make its figure small."""
    output.pop("metadata", None)
    if output["output_type"] in ("display_data", "execute_result"):
        output["metadata"] = nbformat.from_dict({})
        if "image/png" in output["data"]:
            output["data"]["image/png"] = _smaller(output["data"]["image/png"])


def _describe(notebook: Any) -> None:
    """Give each figure, as its alternative text, the words that stand after it."""
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    words = ""
    for output in reversed(outputs):
        data = output.get("data", {})
        said = data.get("text/markdown", "")
        if said.lstrip().startswith(IN_WORDS):
            words = " ".join(said.replace(IN_WORDS, "", 1).split())
        if "image/png" in data and words:
            output["metadata"] = nbformat.from_dict({"image/png": {"alt": words}})
            words = ""


def _smaller(figure: str) -> str:
    """Return a PNG, in base64, with a palette and without metadata."""
    raw, made = io.BytesIO(base64.b64decode(figure)), io.BytesIO()
    with Image.open(raw) as image:
        flat = Image.new("RGB", image.size, "white")
        flat.paste(image, mask=image.convert("RGBA").getchannel("A"))
    small = flat.quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(made, "PNG", optimize=True)
    return base64.b64encode(made.getvalue()).decode()


def stored(source: Path) -> Any:
    """Return the notebook that lies beside its source."""
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def texts(notebook: Any) -> list[str]:
    """Return all that the cells of a notebook say in words and numbers."""
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    said = []
    for output in outputs:
        data = output.get("data", {})
        said += [data[kind] for kind in TEXTS if kind in data]
        said += [output["text"]] if "text" in output else []
    return said


def make(source: Path, check: bool) -> bool:
    """Execute one notebook, and write it unless it is only checked.

    Returns
    -------
    bool
        Whether every cell ran.
    """
    try:
        notebook = execute(source)
    except CellExecutionError as error:
        print(f"{source.name}: a cell raises\n{error}", file=sys.stderr)
        return False
    target = source.with_suffix(".ipynb")
    if not check:
        target.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        print(f"{target.name}: written", flush=True)
        return True
    fresh = target.exists() and texts(notebook) == texts(stored(source))
    word = "the same as in its .ipynb" if fresh else "other than in its .ipynb"
    print(f"{source.name}: runs; what it says is {word}", flush=True)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute the notebooks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="all if none is named")
    parser.add_argument("--check", action="store_true", help="write nothing")
    told = parser.parse_args(arguments)
    known = {source.stem: source for source in sources()}
    names = [Path(name).stem for name in told.names] or list(known)
    for name in names:
        if name not in known:
            parser.error(f"no notebook {name!r}; there are {', '.join(known)}")
    made = [make(known[name], told.check) for name in names]
    return 0 if all(made) else 1


if __name__ == "__main__":
    raise SystemExit(main())
