"""Heads that copy: their largest weight is on the very token that comes next."""

from collections.abc import Sequence
from typing import Any

import torch

from regard.analysis.mixtures.mixture import Head, layers_of
from regard.analysis.passages.answers import answer_of, rows_of
from regard.arguments import several, text, whole_number
from regard.axes.spans import Spans
from regard.errors import OptionError, ShapeError


@torch.no_grad()
def retrieval_heads(
    recording: Any, needle: str | Sequence[int], *, answer: str | Sequence[int], kind: str | None = None
) -> dict[Head, float]:
    """#{different tokens of the needle that a head copies} / #{different tokens of it}: every head, the highest first.

    A head copies a token where the row that produced it has its largest weight on an equal token of the needle. Large models
    have few heads above 0.1, and the same ones whatever the text (Wu et al. 2024, arXiv 2404.15574). One needle says little:
    take means over many, at several depths.

    Args:
        recording: a recording or maps of one sequence, prompt and answer in one pass.
        needle: positions of what has to be found, or its text.
        answer: positions of what was written, or its text.
        kind: as in ``regard.mixture``.

    Raises:
        OptionError: a needle or an answer that is not there, or maps without tokens; ShapeError: several sequences.

    Example:
        >>> import regard
        >>> amap = regard.AttentionMap.from_dense(torch.eye(4).roll(1, 0).tril()[None, None])
        >>> amap.queries = amap.keys = ["a", "b", "a", "b"]  # row 2 looks at "b", and "b" comes next
        >>> retrieval_heads(amap, [0, 1], answer=[3])
        {(0, 0): 0.5}
    """
    layers = layers_of(recording, kind)
    first = layers[min(layers)]
    if first.shape[0] != 1:
        raise ShapeError(f"recording: expected one sequence, got {first.shape[0]}; take one: recording.sample(0)")
    read = first.keys.line
    tokens: Sequence[Any] | None = read.id if read.id is not None else read.spelled
    if first.kind == "cross" or tokens is None:
        what = "cross-attention" if tokens is not None else "maps without tokens"
        raise OptionError(f"recording: expected self-attention over one text of which the tokens are known, got {what}")
    if isinstance(needle, str):
        places = Spans.found(first.keys, [text("needle", needle)]).places[0]
    else:
        places = tuple(
            whole_number("needle", at, 0, len(tokens) - 1) for at in several("needle", needle, "positions, or a text")
        )
    if not places:
        raise OptionError("needle: expected at least one token, got none")
    rows, written = rows_of(first, answer), [tokens[at] for at in answer_of(first, answer)]
    wanted, asked = set(places), {tokens[at] for at in places}
    scores: dict[Head, float] = {}
    for layer in sorted(layers):
        largest = layers[layer].select(queries=list(rows)).topk(1).keys[0, :, :, 0].tolist()  # (heads, rows)
        for head, keys in enumerate(largest):
            copied = {token for key, token in zip(keys, written, strict=True) if key in wanted and tokens[key] == token}
            scores[layer, head] = len(copied) / len(asked)
    return dict(sorted(scores.items(), key=lambda one: -one[1]))
