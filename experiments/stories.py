"""Draw the story of `her` over many seeds, and eight stories whose names are hidden.

`her-story.png` has the moments of the first seed, bands over all seeds, and the
controls as thin lines; `her-story.txt` says in words what it shows. In `stories/` are
eight runs, four of `her` and four of controls, in an order that tells nothing;
`key.csv` says which is which.

    python experiments/stories.py [--seeds 30] [--humans 1000] [--out results]

With ``--scenario her-film-cut`` it is `her-film-cut-story.png` and `.txt`, of that
scenario beside `today`.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
from pathlib import Path

from PIL import Image

import sim
from sim import plots
from sim.runs.result import Result
from sim.utils.files import write_text

CONTROLS = {
    "her": ("her-linear", "her-no-insight", "her-no-peers", "today"),
    "her-film-cut": ("today",),
}
SHOWN = 3  # controls as thin lines
HIDDEN = 4  # stories of each kind
LETTERS = "abcdefgh"
WAY = Image.Quantize.FASTOCTREE  # of choosing colours: keeps rare ones


def simulate(name: str, seed: int, humans: int, folder: Path) -> Result:
    """Return a run of a scenario in a folder."""
    place = folder / f"{name}-{seed}"
    return sim.run(name, seed=seed, parameters={"humans": humans}, out=place)


def reduced(file: Path) -> Path:
    """Write a picture again with fewer colours, in a quarter of the bytes."""
    with Image.open(file) as picture:
        few = picture.convert("RGB").quantize(256, WAY, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
    return file


def draw_hidden(runs: list[Result], out: Path) -> None:
    """Draw runs without their names, in a random order, and write the key."""
    out.mkdir(parents=True, exist_ok=True)
    order = random.Random(8).sample(runs, len(runs))
    rows = []
    for letter, result in zip(LETTERS, order, strict=True):
        figure = plots.story(result)
        figure.texts[1].set_text(f"story {letter}")  # in place of the run's name
        print(reduced(plots.save(figure, out / f"{letter}.png")))
        told = result.provenance
        rows.append([letter, told["scenario"], told["seed"]])
    with open(out / "key.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["story", "scenario", "seed"], *rows])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--scenario", choices=CONTROLS, default="her")
    options.add_argument("--seeds", type=int, default=30)
    options.add_argument("--humans", type=int, default=1000)
    options.add_argument("--out", type=Path, default=Path("results"))
    args = options.parse_args()
    name = args.scenario
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        seeds = range(max(HIDDEN, args.seeds))
        runs = [simulate(name, seed, args.humans, place) for seed in seeds]
        controls = [simulate(one, 0, args.humans, place) for one in CONTROLS[name]]
        others = [*runs[1:], *controls[:SHOWN]]
        words = plots.stories.caption(runs[0], others)
        write_text(args.out / f"{name}-story.txt", words + "\n")
        figure = plots.story(runs[0], others)
        print(reduced(plots.save(figure, args.out / f"{name}-story.png")))
        if name == "her":
            draw_hidden([*runs[:HIDDEN], *controls], args.out / "stories")


if __name__ == "__main__":
    main()
