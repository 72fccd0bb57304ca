"""A head's queries and keys in one picture: their coordinates along the two axes that they spread along most."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.maps.attention_map import AttentionMap

MOST_PLACES = 512
"""Queries, and keys, that are placed; of more, evenly spaced ones."""


def joint_of(
    amap: AttentionMap, head: int, query: int | None = None, key: int | None = None
) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """Where queries and keys of a head lie in one plane.

    The keys have their mean taken off, which takes the same from every score of a row; then both are divided by their
    root-mean-square length, and a and b are the two principal axes of both together, each side with the same say. So
    score = strength · (aq·ak + bq·bk) + what other axes add + what is the same in the whole row.

    Args:
        amap: a map of factors, of one sequence.
        head: which head.
        query: a query that is placed in any case.
        key: a key that is placed in any case.

    Returns:
        ``queryPlaces`` and ``keyPlaces``, which positions are placed. And ``queries``, (placed, 2), ``keys``, (placed, 2),
        ``share``, (2,), what part of both sides' mean squares each axis has, and ``strength``, (1,).

    Example:
        >>> import torch
        >>> meta, placed = joint_of(AttentionMap(torch.eye(4)[None, None], torch.eye(4)[None, None]), 0)
        >>> meta["queryPlaces"], placed["keys"].shape
        ([0, 1, 2, 3], (4, 2))
    """
    factors = amap.view.whole_factors
    if factors is None:
        raise TypeError(f"expected a map of factors, got {amap!r}")
    one = amap.view.select(batch=[0], heads=[head])
    (batch,), (at,), rows, columns = one.ranges
    with torch.no_grad():
        queries, asked = _sample(len(rows)), _with(len(rows), query)
        keys, looked_at = _sample(len(columns)), _with(len(columns), key)
        own = factors.query[batch, at][[rows[place] for place in asked]].double().cpu()
        others = factors.key[batch, at // factors.group][[columns[place] for place in looked_at]].double().cpu()
        # The axes are those of the sample alone: what is asked for besides does not turn them.
        own_sample, others_sample = own[_within(asked, queries)], others[_within(looked_at, keys)]
        middle = others_sample.mean(0)
        sizes = [_size(own_sample), _size(others_sample - middle)]
        own, others = own / sizes[0], (others - middle) / sizes[1]
        own_sample, others_sample = own_sample / sizes[0], (others_sample - middle) / sizes[1]
        spread = own_sample.T @ own_sample / len(own_sample) + others_sample.T @ others_sample / len(others_sample)
        axes, share = _principal(spread)
    made = {"queries": own @ axes, "keys": others @ axes, "share": torch.tensor(share)}
    made["strength"] = torch.tensor([float(factors.scale) * sizes[0] * sizes[1]])
    meta = {"queryPlaces": asked, "keyPlaces": looked_at}
    return meta, {name: tensor.float().numpy() for name, tensor in made.items()}


def _sample(count: int) -> list[int]:
    """All positions; of many, evenly spaced ones."""
    if count <= MOST_PLACES:
        return list(range(count))
    return [(2 * place + 1) * count // (2 * MOST_PLACES) for place in range(MOST_PLACES)]


def _with(count: int, place: int | None) -> list[int]:
    return sorted({*_sample(count), *([] if place is None else [place])})


def _within(places: list[int], sample: list[int]) -> list[int]:
    known = set(sample)
    return [at for at, place in enumerate(places) if place in known]


def _size(vectors: Tensor) -> float:
    """The root of the mean square of their lengths; 1 where all are nothing."""
    return float(vectors.square().sum(1).mean().sqrt()) or 1.0


def _principal(spread: Tensor) -> tuple[Tensor, list[float]]:
    """The two axes, (dim, 2), of which the largest component is above 0, and the part that each has."""
    values, vectors = torch.linalg.eigh(spread)
    values, vectors = values.flip(0)[:2], vectors.flip(1)[:, :2]
    vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
    whole = float(spread.trace()) or 1.0
    missing = 2 - vectors.shape[1]  # vectors of one component have one axis
    axes = torch.nn.functional.pad(vectors, (0, missing))
    return axes, [*(float(value) / whole for value in values), *[0.0] * missing]
