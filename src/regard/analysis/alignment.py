"""From soft attention to hard word alignment, and how far it is from what people drew.

Cross-attention is read at one head: averaged over heads it says little (Garg et al. 2019, arXiv 1909.02074). The row of a
target token can be the query that *produced* it, or the one that *consumed* it a step later, when the token is known (Chen et
al. 2020, arXiv 2004.14837, "Shift-Att"); which of the two aligns better is a property of the head, and measured.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from regard.analysis.words import SPECIAL, Words, words_of
from regard.errors import OptionError, ShapeError
from regard.maps.attention_map import AttentionMap

Link = tuple[int, int]
ROWS = ("produced", "consumed")


class Reading(NamedTuple):
    """Where cross-attention is read: layer, head, and by the row that "produced" a token or the one that "consumed" it."""

    layer: int
    head: int
    rows: str


@dataclass(frozen=True)
class Alignment:
    """Which source word each target word looked at.

    Attributes:
        links: pairs (source word, target word), counted from 0, words split at blanks.
        weights: (target words, source words); attention summed over the tokens of a source word and averaged over those of
            a target word. Special tokens are left out, so a row sums to 1 less what it spent on them.
        source_words: the words of the source.
        target_words: the words of the target.
        reading: the layer, head and rows that were read.
    """

    links: frozenset[Link]
    weights: Tensor
    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    reading: Reading


def align(
    cross: Sequence[AttentionMap],
    layer: int | None = None,
    head: int | None = None,
    *,
    rows: str | None = None,
    threshold: float = 0.0,
) -> Alignment:
    """Word alignment from the cross-attention of one sentence pair.

    Every target word is linked to the source word that it gave the most weight, if that is more than ``threshold``.

    Args:
        cross: ``recording.cross`` of one sequence, with token labels; or the recording itself.
        layer: which layer; without ``layer`` and ``head``, what ``guess_reading`` takes.
        head: which head.
        rows: read the query that "produced" a token (where not given), or the one that "consumed" it.
        threshold: least weight of a link, from 0 to 1.

    Raises:
        OptionError: no such layer, head or rows; ShapeError: several sequences, or no labels.

    Example:
        >>> import torch
        >>> amap = AttentionMap.from_dense(torch.tensor([[0.1, 0.8, 0.1], [0.7, 0.2, 0.1], [0.2, 0.1, 0.7]]))
        >>> amap.queries, amap.keys = ("▁chat", "▁noir", "</s>"), ("▁black", "▁cat", "</s>")
        >>> sorted(align([amap]).links)
        [(0, 1), (1, 0)]
    """
    maps: Sequence[AttentionMap] = getattr(cross, "cross", cross)
    if not isinstance(maps, list | tuple) or not maps or not all(isinstance(amap, AttentionMap) for amap in maps):
        raise OptionError("expected cross-attention maps by layer, such as recording.cross, got none or something else")
    if rows not in (None, *ROWS):
        raise OptionError(f"expected rows of {' or '.join(ROWS)}, got {rows!r}")
    if not 0 <= threshold < 1:
        raise OptionError(f"expected a threshold from 0 to below 1, got {threshold}")
    for amap in maps:
        if amap.shape[0] != 1:
            raise ShapeError(f"expected the maps of one sequence, got a batch of {amap.shape[0]}; take recording.sample(0)")
        if amap.queries is None or amap.keys is None:
            raise ShapeError("expected maps with token labels, got none; give record or generate a tokenizer=")
    if (layer is None) != (head is None):
        raise OptionError(f"expected layer and head together or neither, got layer={layer} and head={head}")
    if layer is None or head is None:
        layer, head, guessed = guess_reading(maps)
        rows = rows or guessed
    rows = rows or ROWS[0]
    if not 0 <= layer < len(maps):
        raise OptionError(f"expected a layer from 0 to {len(maps) - 1}, got {layer}")
    if not 0 <= head < maps[layer].shape[1]:
        raise OptionError(f"expected a head from 0 to {maps[layer].shape[1] - 1}, got {head}")
    amap = maps[layer]
    source, target = words_of(amap.keys or ()), words_of(amap.queries or ())
    weights = word_weights(amap[0, head], source, target, rows)
    links: set[Link] = set()
    if source.texts:
        best, places = weights.max(dim=1)
        links = {(int(s), t) for t, (s, weight) in enumerate(zip(places, best, strict=True)) if weight > threshold}
    return Alignment(frozenset(links), weights, source.texts, target.texts, Reading(layer, head, rows))


def word_weights(weights: Tensor, source: Words, target: Words, rows: str = "produced") -> Tensor:
    """Token weights (queries, keys) as word weights (target words, source words): summed over keys, averaged over queries."""
    if rows == "consumed":
        # Row t consumed what row t - 1 produced; the last token is consumed by nobody and reads its own row.
        weights = torch.cat([weights[1:], weights[-1:]])
    summed = [weights[:, list(tokens)].sum(dim=1) for tokens in source.tokens]
    columns = torch.stack(summed, dim=1) if summed else weights[:, :0]
    means = [columns[list(tokens)].mean(dim=0) for tokens in target.tokens]
    return torch.stack(means) if means else columns[:0]


def guess_reading(maps: Sequence[AttentionMap]) -> Reading:
    """A reading for a model whose heads nobody has measured: the head that looks most at one real source token a row.

    Rows: in the lower half of the decoder a query still encodes the token that it consumed, in the upper half it already
    prepares the one that it produces (Chen et al. 2020, section 3).
    """
    scores: dict[tuple[int, int], float] = {}
    for layer, amap in enumerate(maps):
        rows = [i for i, token in enumerate(amap.queries or ()) if token not in SPECIAL]
        columns = [i for i, token in enumerate(amap.keys or ()) if token not in SPECIAL]
        if rows and columns:
            best = amap.select(queries=rows, keys=columns).dense()[0].amax(dim=-1).mean(dim=-1)
            scores |= {(layer, head): float(score) for head, score in enumerate(best)}
    layer, head = max(scores, key=lambda place: scores[place], default=(0, 0))
    return Reading(layer, head, "consumed" if 2 * (layer + 1) <= len(maps) else "produced")


def aer(
    links: Collection[Link] | Sequence[Collection[Link]],
    sure: Collection[Link] | Sequence[Collection[Link]],
    possible: Collection[Link] | Sequence[Collection[Link]],
) -> float:
    """Alignment error rate, 1 − (|A∩S| + |A∩P|) / (|A| + |S|) (Och & Ney 2003), of one pair or of a whole corpus.

    Args:
        links: A, pairs (source word, target word); or a list of such sets, one a sentence pair.
        sure: S, links that everybody drew.
        possible: P, links that are not wrong; the sure ones count as possible whether they are listed or not.

    Returns:
        0 (perfect) to 1.

    Example:
        >>> aer({(0, 0), (1, 2)}, sure={(0, 0)}, possible={(1, 1), (1, 2)})
        0.0
    """
    corpora = [_corpus(name, given) for name, given in (("links", links), ("sure", sure), ("possible", possible))]
    if len({len(corpus) for corpus in corpora}) != 1:
        counts = ", ".join(f"{n} {len(c)}" for n, c in zip(("links", "sure", "possible"), corpora, strict=True))
        raise ShapeError(f"expected the same number of sentence pairs, got {counts}")
    hits = total = 0
    for found, certain, allowed in zip(*corpora, strict=True):
        hits += len(found & certain) + len(found & (allowed | certain))
        total += len(found) + len(certain)
    if total == 0:
        raise OptionError("expected at least one link, found or sure, got none; the error rate of nothing is not defined")
    return 1 - hits / total


def _corpus(name: str, given: Collection[Link] | Sequence[Collection[Link]]) -> list[set[Link]]:
    """One set of links a sentence pair, from one such set or a list of them."""
    sets = [given] if isinstance(given, set | frozenset) else list(given) if isinstance(given, list | tuple) else [given]
    for links in sets:
        if not isinstance(links, set | frozenset) or any(not isinstance(link, tuple) or len(link) != 2 for link in links):
            raise OptionError(f"expected {name} as a set of (source word, target word) pairs, or a list of sets, got {links!r}")
    return [set(links) for links in sets]  # type: ignore[arg-type]
