"""Which models of other libraries can be recorded, and how exactly? Each held against itself, as a page of the documentation.

    pip install --editable . --requirement recipes/tables/libraries.txt
    python recipes/tables/table_of_libraries.py [--only timm] [--known build/libraries.jsonl] [--out docs/recorded_libraries.md]

Every model is random and built from its configuration: nothing is downloaded. Nothing else needs any of these libraries. It
takes long: with ``--known`` a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from outcomes import Outcome, apart, told
from own_runs import Entry, outcome

SECONDS = 300
HEAD = """# Models of other libraries

Random models of {versions}, recorded by `regard.record`: each map against the softmax that its own module computed, or against
what PyTorch's fused attention gave for values that are the identity; and each call against its own output
(`recording.check()`). Recording changed no bit of what any of them returns, but for PyTorch's inference path of
`nn.MultiheadAttention`, which is off here. A softmax of an attention module of which there is neither a map nor a word in
`recording.calls` would read "differs".

- **exact**: every softmax is a map, with its queries and keys.
- **dense**: every softmax is a map, as the weights that the model computed by hand.
- **in part**: some are; `recording.calls` says of the others why not.
- **refused**: none is, and the error says why: mostly linear attention, which has no weights of queries on keys to show.
- **not tried**: with the reason.

`python recipes/tables/table_of_libraries.py --out docs/recorded_libraries.md` makes this page again, where the versions of
`recipes/tables/libraries.txt` are installed.
"""


def libraries() -> dict[str, Callable[[], list[Entry]]]:
    """Where the models of each are, imported when asked for."""
    small = ("torchvision", "open_clip_torch", "sentence-transformers", "x-transformers", "peft")
    return {"timm": of_timm, "diffusers": of_diffusers} | {name: partial(of_small, name) for name in small}


def of_timm() -> list[Entry]:
    import timm_models

    return timm_models.entries()


def of_diffusers() -> list[Entry]:
    import diffusers_models

    return diffusers_models.entries()


def of_small(library: str) -> list[Entry]:
    import small_libraries

    found: list[Entry] = getattr(small_libraries, f"of_{library.removesuffix('_torch').replace('-', '_')}")()
    return found


def section(library: str, outcomes: dict[str, Outcome]) -> str:
    words = [one.word for one in outcomes.values()]
    counted = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(sorted(words)))
    lines = [f"## {library}\n", f"{len(words)} models: {counted}.\n"]
    lines += ["| model | outcome | maps; the largest difference of a weight, and of an output; or why not |", "|---|---|---|"]
    lines += [f"| `{name}` | {one.word} | {told(one.detail)} |" for name, one in outcomes.items()]
    return "\n".join(lines) + "\n"


def found(library: str, entries: list[Entry], known: Path | None) -> dict[str, Outcome]:
    """What came of each; what stands in the file is not tried again, and what is found is added to it, a line each."""
    lines = known.read_text(encoding="utf-8").splitlines() if known and known.exists() else []
    told_before = {(of, name): Outcome(*one) for of, name, one in map(json.loads, lines)}
    outcomes = {}
    for one in tqdm(entries, desc=library, unit="model"):
        outcomes[one.name] = told_before.get((library, one.name)) or apart(partial(outcome, one), SECONDS)
        if known and (library, one.name) not in told_before:
            with known.open("a", encoding="utf-8") as file:
                file.write(json.dumps([library, one.name, outcomes[one.name]]) + "\n")
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=libraries(), action="append", help="these libraries; all of them otherwise")
    parser.add_argument("--known", type=Path, help="a file of what was found: read first, and added to")
    parser.add_argument("--out", type=Path, help="where the page goes; the screen otherwise")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # a pool of threads does not survive the fork in which each model is tried
    asked = {name: of() for name, of in libraries().items() if name in (options.only or libraries())}
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in [*asked, "transformers", "torch"])
    parts = [HEAD.format(versions=versions)]
    parts += [section(library, found(library, entries, options.known)) for library, entries in asked.items()]
    if options.out is None:
        print("\n".join(parts))
    else:
        options.out.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
