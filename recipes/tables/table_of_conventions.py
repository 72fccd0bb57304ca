"""What do libraries answer where no formula says what is right? Each is run on tiny inputs, and its numbers are read.

    python -m venv ENV
    ENV/bin/pip install --constraint constraints.txt . entmax jax keras "mlx[cpu]" onnx
    ENV/bin/python recipes/tables/table_of_conventions.py --out docs/conventions.md

Nothing in the tables is typed in: values are the identity matrix, so that an output is the row of weights that made it, and
every cell is what a question below reads off such rows. Rows of libraries that cannot be imported stay as they were.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asked_libraries import LIBRARIES, NORMALISERS, Array, Ask, Attend, Library, Normalise, NotOfferedError

KEYS = 7
WINDOW = 3
SOFTCAP = 0.5
NOT_OFFERED, REFUSED = "·", "refused"


def ask(queries: int = KEYS, keys: int = KEYS, heads: int = 1, kv_heads: int = 1, **options: Any) -> Ask:
    """Random queries and keys; values that are the rows of the identity matrix."""
    random = np.random.default_rng(0)
    query, key = (
        random.standard_normal((1, count, length, keys)).astype(np.float32)
        for count, length in ((heads, queries), (kv_heads, keys))
    )
    value = np.broadcast_to(np.eye(keys, dtype=np.float32), (1, kv_heads, keys, keys)).copy()
    return Ask(query, key, value, **options)


# The questions: what is asked, and how the answer is read off the weights.


def polarity(attend: Attend) -> str:
    mask = np.zeros(KEYS, dtype=bool)
    mask[2] = True
    weights = attend(ask(mask=mask))[0, 0, -1]
    if np.isclose(weights[2], 1):
        return "may attend"
    return "hidden" if weights[2] == 0 and np.isclose(weights.sum(), 1) else f"neither: {weights.round(3)}"


def hiding(attend: Attend, hidden: Array) -> Array:
    """A mask that hides these keys, in the library's own meaning of True."""
    return hidden if polarity(attend) == "hidden" else ~hidden


def blind_row(attend: Attend) -> str:
    asked = ask(mask=hiding(attend, np.ones(KEYS, dtype=bool)))
    weights = attend(asked)[0, 0, -1]
    if np.isnan(weights).all():
        return "NaN"
    if (weights == 0).all():
        return "0"
    return "mean of all values" if np.allclose(weights, 1 / KEYS) else f"{weights.round(3)}"


def causal_side(attend: Attend) -> str:
    seen = (attend(ask(queries=2, causal=True))[0, 0] > 0).sum(-1).tolist()
    return {(1, 2): "top-left", (KEYS - 1, KEYS): "bottom-right"}.get(tuple(seen), f"{seen} keys")


def causal_window(attend: Attend) -> str:
    return f"{(attend(ask(causal=True, window=WINDOW))[0, 0, -1] > 0).sum()} keys"


def centred_window(attend: Attend) -> str:
    return f"{(attend(ask(window=WINDOW))[0, 0, KEYS // 2] > 0).sum()} keys"


def softcap_and_mask(attend: Attend) -> str:
    hidden = np.arange(KEYS) == 0
    asked = ask(softcap=SOFTCAP)
    weights = attend(replace(asked, mask=hiding(attend, hidden)))[0, 0]
    scores = asked.query[0, 0] @ asked.key[0, 0].T / np.sqrt(KEYS)
    capped = SOFTCAP * np.tanh(scores / SOFTCAP)
    for order, masked in (
        ("softcap, mask", np.where(hidden, -np.inf, capped)),
        ("mask, softcap", np.where(hidden, -SOFTCAP, capped)),
        ("softcap ignored", np.where(hidden, -np.inf, scores)),
    ):
        expected = np.exp(masked) / np.exp(masked).sum(-1, keepdims=True)
        if np.allclose(weights, expected, atol=1e-5):
            return order
    return f"neither: {weights[-1].round(3)}"


def shared_heads(attend: Attend) -> str:
    asked = ask(heads=4, kv_heads=2)
    marks = np.broadcast_to(np.arange(2, dtype=np.float32)[None, :, None, None], asked.value.shape)
    found = attend(replace(asked, value=marks.copy()))[0, :, -1, 0].round().astype(int).tolist()
    return {(0, 0, 1, 1): "h // group", (0, 1, 0, 1): "h % kv_heads"}.get(tuple(found), f"{found}")


QUESTIONS: dict[str, Callable[[Attend], str]] = {
    "True means": polarity,
    "a row that may attend to nothing": blind_row,
    f"causal, 2 queries, {KEYS} keys": causal_side,
    f"window {WINDOW}, causal": causal_window,
    f"window {WINDOW}, both ways": centred_window,
    "softcap and mask": softcap_and_mask,
    "query head h reads": shared_heads,
}


# The same for sparse normalisers: a row of nothing but −∞, and one whose weights should sum to 1.


def nothing_visible(normalise: Normalise) -> str:
    weights = normalise(torch.full((1, 4), -torch.inf))
    return "NaN" if weights.isnan().all() else "0" if (weights == 0).all() else f"{weights[0].tolist()}"


def row_sum(normalise: Normalise) -> str:
    return f"{float(normalise(torch.tensor([[1.0, 0.9, 0.2]])).sum()):.2f}"


NORMALISER_QUESTIONS = {"a row of −∞": nothing_visible, "weights of (1, 0.9, 0.2) sum to": row_sum}


def answer(question: Callable[[Any], str], attend: Callable[[Any], Any]) -> str:
    """The answer, ``·`` where the interface has no such option, or ``refused`` where it has and raises."""
    try:
        with warnings.catch_warnings(), torch.no_grad(), np.errstate(invalid="ignore"):
            warnings.simplefilter("ignore")
            return question(attend)
    except NotOfferedError:
        return NOT_OFFERED
    except Exception as fault:  # noqa: BLE001 - whatever a library raises, it has refused
        return f"{REFUSED}: {type(fault).__name__}"


def row(library: Library, questions: dict[str, Any]) -> str:
    answers = (answer(question, library.attend) for question in questions.values())
    return f"| {' | '.join([library.name, library.version(), *answers])} |"


def table(libraries: Sequence[Library], questions: dict[str, Any], committed: str) -> str:
    """One row a library; those that are not here keep the row that they have in ``committed``."""
    lines = [f"| | version | {' | '.join(questions)} |", "|" + "---|" * (len(questions) + 2)]
    for library in libraries:
        if library.available():
            lines.append(row(library, questions))
        else:
            lines += [line for line in committed.splitlines() if line.startswith(f"| {library.name} |")]
            print(f"{library.name} is not installed; its row stays as it was")
    return "\n".join(lines)


TABLES = {"attention": (LIBRARIES, QUESTIONS), "normalisers": (NORMALISERS, NORMALISER_QUESTIONS)}


def committed_table(page: str, name: str) -> str:
    """What stands between the marks of a table."""
    start, end = f"<!-- {name}: made by recipes/tables/table_of_conventions.py -->\n", f"<!-- {name}: end -->"
    if start not in page or end not in page:
        raise ValueError(
            f"expected a page with the lines {start.strip()} and {end}, got one without; put them where it belongs"
        )
    return page.split(start)[1].split(end)[0]


def renewed(page: str) -> str:
    """The page with its tables made again."""
    for name, (libraries, questions) in TABLES.items():
        committed = committed_table(page, name)
        end = f"<!-- {name}: end -->"
        page = page.replace(committed + end, table(libraries, questions, committed) + "\n" + end)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="the page whose tables are made again; the screen otherwise")
    options = parser.parse_args()
    if options.out is None:
        for libraries, questions in TABLES.values():
            print(table(libraries, questions, ""), end="\n\n")
    else:
        options.out.write_text(renewed(options.out.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
