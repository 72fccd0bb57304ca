"""Which models can be recorded, and how exactly? The zoo of the tests as a table.

    python recipes/tables/table_of_models.py [--out docs/recorded_models.md]

Every model is tiny, random and built from its configuration: nothing is downloaded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
import transformers
from tqdm import tqdm
from transformers.utils import logging

from regard.errors import RegardError

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from other_classes import page_of_others
from support.model_zoo import Zoo
from support.model_zoo_by_hand import BY_HAND, IN_BLOCKS
from support.model_zoo_senses import SENSES
from support.model_zoo_text import TEXT
from support.model_zoo_together import DETECTORS, TOGETHER
from support.zoo_report import kept_in_part, report

HEAD = """# Models that were recorded

Tiny random models of {classes} classes of Transformers {version}, recorded by `regard.record` and compared, map by map, with
the weights that the same model makes on its own eager attention. Recording changed no bit of what any of them returns.

- kept from: `sdpa` or `eager`, the kernel that ran, where queries and keys are kept; `by hand` where a model computes softmax
  itself, and those weights are kept.
- float32: the largest difference of any weight from the model's own, padding aside.
- bfloat16: the largest difference of any weight from the float64 softmax of the queries and keys of the model in bfloat16.

`python recipes/tables/table_of_models.py --out docs/recorded_models.md` makes this page again.
"""


def row(zoo: Zoo) -> str:
    try:
        found = report(zoo)
    except (AssertionError, RegardError) as fault:
        return f"| `{zoo.name}` | differs: {fault} | | | |"
    half = "" if found.half_error is None else f"{found.half_error:.0e}"
    return f"| `{found.name}` | {found.route} | {counted(found.maps)} | {found.error:.0e} | {half} |"


def counted(maps: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in maps.items())


def row_in_part(zoo: Zoo) -> str:
    """What stays of a model of which some attention has no map."""
    maps, missed = kept_in_part(zoo)
    return f"| `{zoo.name}` | {counted(maps)} | {', '.join(sorted(missed))} |"


def page(parts: dict[str, list[Zoo]], blocks: list[Zoo]) -> str:
    entries = [zoo for zoos in parts.values() for zoo in zoos] + blocks
    lines = [HEAD.format(classes=len({zoo.name.split()[0] for zoo in entries}), version=transformers.__version__)]
    for title, zoos in parts.items():
        lines += [f"## {title}\n", "| model | kept from | maps | float32 | bfloat16 |", "|---|---|---|---|---|"]
        lines += [row(zoo) for zoo in tqdm(zoos, desc=title, unit="model")] + [""]
    lines += [
        "## Attention in blocks, at moving points, or for several streams at once\n",
        "| model | maps | not kept |",
        "|---|---|---|",
    ]
    lines += [*(row_in_part(zoo) for zoo in blocks), "", page_of_others({zoo.name.split()[0] for zoo in entries})]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="where the page goes; the screen otherwise")
    options = parser.parse_args()
    logging.set_verbosity_error()
    torch.set_num_threads(1)  # a pool of threads does not survive the fork in which other classes are tried
    parts = {"Text": TEXT, "Pictures, sound, several senses": [*SENSES, *TOGETHER], "Attention written by hand": BY_HAND}
    text = page(parts, [*IN_BLOCKS, *DETECTORS])
    if options.out is None:
        print(text)
    else:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
