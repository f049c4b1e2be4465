"""Walk a newcomer's path through the README, in a clone of its own with nothing cached.

    python experiments/newcomer.py                  # all three ways in
    python experiments/newcomer.py --way make       # one of them: make, pip or notebook

The home folder is a new one, there is no cache, and no variable of this project is set.
Each step is a command as the README, or what a command printed, has it; its time on the
clock is printed. Every block of the README is walked through, but for what asks a
language model; commands that run many societies run small ones (``SMALLER``), and the
line that is printed says so. Packages come from the index that pip is set up for, so
this takes minutes. It ends with 1 if a step fails.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FRIENDS = "ann,ben\nben,cleo\ncleo,dora\ndora,ann\nann,cleo\neve,ben\n"
SCENARIO = """title = "My town"
story = "A town like the one of the film, where OSes are slower to grow."
[parameters]
humans = 200
steps = 120
growth_exponent = 0.9
"""
# Of the README's commands: what they are given besides, so that this takes minutes.
SMALLER = {
    **dict.fromkeys(("compare", "check"), "--humans 60 --steps 120 --seeds 3"),
    "ablate": "--humans 60 --steps 60 --seeds 2",
    "sweep": "--resume",  # it was done before
}
SKIPPED = {
    **dict.fromkeys(("NAME", "HOST", "--replay"), "asks a language model"),
    "serve-model": "asks a language model",
    "resume": "no run was cut short",
    "os-society app": "serves a page: see above",
}
LATEST = 90.0  # seconds from the end of installing to the first figure


class Walk:
    """A clone, and an environment without anything of ours.

    Parameters
    ----------
    folder
        An empty one.
    python
        Which Python to install with.
    """

    def __init__(self, folder: Path, python: str) -> None:
        self.clone, home = folder / "os-society", folder / "home"
        home.mkdir()
        self.python, self.failed, self.before = python, 0, ""
        self.environment = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("PYTHON", "OS_SOCIETY", "XDG", "VIRTUAL", "OPENAI"))
        } | {"HOME": str(home), "BROWSER": "true", "MPLBACKEND": "Agg"}
        subprocess.run(["git", "clone", "-q", str(ROOT), str(self.clone)], check=True)

    def step(self, command: str, codes: Collection[int] = (0,)) -> str:
        """Do a step in a shell, which is to end with a code; return what it prints."""
        began = time.monotonic()
        done = subprocess.run(
            ["sh", "-c", f"{self.before}{command}"],
            cwd=self.clone,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        took = time.monotonic() - began
        is_fine = done.returncode in codes
        print(f"{'ok  ' if is_fine else 'FAIL'} {took:7.1f} s  {command}", flush=True)
        if not is_fine:
            self.failed += 1
            print(done.stdout[-2000:])
        return done.stdout

    def serve(self, command: str, pattern: str) -> None:
        """Do a step that serves a page; look at the page, and end it."""
        began, found = time.monotonic(), None
        with subprocess.Popen(
            ["sh", "-c", f"{self.before}exec {command}"],
            cwd=self.clone,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as serving:
            assert serving.stdout is not None
            said = []
            for line in serving.stdout:
                said.append(line)
                found = re.search(pattern, line)
                if found:
                    break
            is_there = bool(found) and self._answers(str(found and found[0]))
            os.killpg(serving.pid, signal.SIGTERM)
            if not self._has_ended(serving):
                os.killpg(serving.pid, signal.SIGKILL)
        took = time.monotonic() - began
        print(f"{'ok  ' if is_there else 'FAIL'} {took:7.1f} s  {command}", flush=True)
        if not is_there:
            self.failed += 1
            print("".join(said)[-2000:])

    @staticmethod
    def _answers(url: str) -> bool:
        """Tell whether a page is there within a minute: some say so before it is."""
        latest = time.monotonic() + 60.0
        while time.monotonic() < latest:
            try:
                with urllib.request.urlopen(url, timeout=60) as answer:
                    return bool(answer.status == 200)
            except urllib.error.URLError:
                time.sleep(0.2)
        return False

    @staticmethod
    def _has_ended(serving: subprocess.Popen[str]) -> bool:
        try:
            serving.wait(timeout=30)
        except subprocess.TimeoutExpired:
            return False
        return True

    def python_blocks(self, python: str) -> None:
        """Run every Python block of the README, as it stands."""
        text = (self.clone / "README.md").read_text("utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        for number, block in enumerate(blocks, 1):
            (self.clone / f"block_{number}.py").write_text(block, "utf-8")
            self.step(f"{python} block_{number}.py")

    def commands(self) -> None:
        """Do every command that stands in the README by itself, in order."""
        with gzip.open(self.clone / "friends.csv.gz", "wt") as file:
            file.write(FRIENDS)
        self.step("os-society run her --seed 1 --humans 60 --no-figures")
        text = (self.clone / "README.md").read_text("utf-8").replace("\\\n", " ")
        lines = re.findall(r"^    (os-society .*?)(?:\s+#.*)?$", text, re.MULTILINE)
        for line in dict.fromkeys(lines):
            if why := next((SKIPPED[word] for word in SKIPPED if word in line), None):
                print(f"skip            {line}  ({why})")
                continue
            name = line.split()[1]
            small = " ".join([line, SMALLER.get(name, "")]).strip()
            command = re.sub(r"\bRUN\b", "latest", self.with_names(small))
            self.step(command, (0, 1) if name == "check" else (0,))

    def with_names(self, line: str) -> str:
        """Return a command with names of stored runs in the place of her-0 and her-1.

        There are several of one seed here, and the README's would be of two.
        """
        if "her-0 her-1" not in line:
            return line
        listed = json.loads(self.step("os-society runs --last 2 --json"))
        return line.replace("her-0 her-1", " ".join(one["run"] for one in listed))


def with_make(walk: Walk) -> None:
    """Walk the first way, and on to a network, a scenario and a sweep of one's own."""
    walk.step(f"make .venv/installed PYTHON={shlex.quote(walk.python)}")
    began = time.monotonic()
    printed = walk.step("make run")
    took = time.monotonic() - began
    print(f"     the first figure came {took:.0f} s after installing")
    walk.failed += took > LATEST
    lines = printed[printed.index("\nnext ") :].splitlines()
    commands = [line[9:].partition(" # ")[0].strip() for line in lines if line]
    for command in commands[:-1]:
        walk.step(command)
    walk.serve(f"{commands[-1]} --no-browser", r"http://[\d.:]+/")
    walk.before = ". .venv/bin/activate; "
    (walk.clone / "friends.csv").write_text(FRIENDS, "utf-8")
    (walk.clone / "mine.toml").write_text(SCENARIO, "utf-8")
    text = (walk.clone / "README.md").read_text("utf-8")
    (design,) = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (walk.clone / "design.toml").write_text(design, "utf-8")
    walk.step("os-society run her --network friends.csv --steps 60")
    walk.step("os-society run mine.toml")
    walk.step("os-society sweep design.toml --workers 2")
    walk.step("os-society show latest")
    walk.step("os-society plot latest --what growth")
    walk.step("os-society report latest --out first.html")
    walk.step("os-society runs")
    walk.python_blocks("python")
    walk.commands()


def with_pip(walk: Walk) -> None:
    """Walk the second way, in an environment of its own."""
    walk.step(f"{shlex.quote(walk.python)} -m venv their && . their/bin/activate")
    walk.before = ". their/bin/activate; "
    walk.step("pip install --quiet -c .ci/constraints.txt '.[app]'")
    walk.step("os-society run her")
    walk.step("os-society open latest")
    walk.step("os-society app --help")


def in_a_notebook(walk: Walk) -> None:
    """Walk the third way, as far as the page of JupyterLab, and run the first one."""
    walk.step(f"make .venv/installed-lab PYTHON={shlex.quote(walk.python)}")
    walk.serve(
        "make lab ARGS='--no-browser --allow-root notebooks/1_first_society.ipynb'",
        r"http://(?:localhost|127)\S+",
    )
    execute = "jupyter execute notebooks/1_first_society.ipynb"
    walk.step(f".venv/bin/{execute}")


WAYS = {"make": with_make, "pip": with_pip, "notebook": in_a_notebook}


def main() -> int:
    """Walk; return 1 if a step failed."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--way", choices=WAYS, action="append", help="only this one")
    options.add_argument("--python", default=sys.executable, help="to install with")
    args = options.parse_args()
    failed = 0
    for name in args.way or WAYS:
        with tempfile.TemporaryDirectory() as place:
            print(f"--- {name}")
            walk = Walk(Path(place), os.path.realpath(args.python))
            WAYS[name](walk)
            failed += walk.failed
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
