"""Attention to the queries of a resampler, handed on to the patches that these looked at."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from regard.arguments import several, whole_number
from regard.axes.pictures import Picture, pictures_of
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap

Handed = Callable[[Tensor], Tensor]


def composed(
    through: Any, queries: Sequence[int] | None, pictures: Sequence[Picture] | None, size: int
) -> tuple[tuple[Picture, ...], Handed, list[tuple[int, ...]]]:
    """Σ_q A_text[t, q] · A_resampler[q, patch] for each picture, as keys after those of the text.

    Args:
        through: the resampler's map, (pictures, 1, queries, patches).
        queries: their positions in the text, pictures one after another.
        pictures: where patches stand among the resampler's keys; as its map knows it where not given.
        size: keys of the text.

    Returns:
        The pictures among all keys; a function of weights (words, keys of the text) to (words, keys of the resampler); and the
        positions of each picture's queries.

    Raises:
        OptionError: several heads, or positions that are not said; ShapeError: other numbers of them.
    """
    if not isinstance(through, AttentionMap):
        raise DtypeError(f"through: expected the resampler's map from queries to patches, got {in_short(through)}")
    count, heads, each, keys = through.shape
    if heads != 1:
        raise OptionError(f"through: expected one head, got {heads}; choose: amap.select(heads=0), or regard.mixture")
    if queries is None:
        raise OptionError(f"queries: expected the {count * each} positions of the resampler's queries in the text, got none")
    places = [whole_number("queries", at, 0, size - 1) for at in several("queries", queries, "positions")]
    if len(places) != count * each or len(set(places)) < len(places):
        raise ShapeError(f"queries: expected {count * each} positions, each once, got {len(places)}")
    own = [tuple(places[at * each : (at + 1) * each]) for at in range(count)]
    known = pictures is not None
    shown = (
        several("pictures", pictures, "pictures")
        if known
        else [pictures_of(through.keys.sequence(at))[0] for at in range(count)]
    )
    if len(shown) != count or not all(isinstance(one, Picture) for one in shown):
        raise ShapeError(f"pictures: expected {count}, one each of the resampler's sequences, got {len(shown)}")
    if max(at for one in shown for at in one.positions) >= keys:
        raise ShapeError(f"pictures: expected positions from 0 to {keys - 1}, the resampler's keys")

    def handed(weights: Tensor) -> Tensor:
        parts = []
        for at, positions in enumerate(own):
            given = weights[:, list(positions)].mT.to(through.dtype)  # (queries, words)
            parts.append((through.select(batch=at).T @ given)[0, 0].mT.to(weights))
        return torch.cat(parts, 1)

    return tuple(_moved(one, size + at * keys) for at, one in enumerate(shown)), handed, own


def _moved(picture: Picture, by: int) -> Picture:
    views = tuple(replace(view, positions=tuple(at + by for at in view.positions)) for view in picture.views)
    return replace(picture, views=views, ends=())
