"""Maps of weights that one already has: whether they are shares of their rows, and which ids their rows consume and produce."""

import warnings
from collections.abc import Iterable
from dataclasses import replace

from torch import Tensor

from regard.axes.tokens import axis_of_ids
from regard.maps.attention_map import AttentionMap

SUM_ERROR = 0.02
"""By how much a row of shares may sum to more than 1: as bfloat16 rounds them."""


def check_shares(maps: Iterable[AttentionMap]) -> None:
    """Say so where weights are no shares of their rows."""
    for amap in maps:
        for head in range(amap.shape[1]):
            weights = amap[:, head]
            lowest, largest = float(weights.min()), float(weights.sum(-1).max())
            if lowest < 0 or largest > 1 + SUM_ERROR:
                warnings.warn(
                    f"{amap.name or 'weights'}, head {head}: expected rows of weights from 0 that sum to at most 1, got "
                    f"weights from {lowest:.3g} and sums up to {largest:.4g}: scores before the softmax, or dropout of a "
                    "model in training; statistics of them are no shares of attention",
                    stacklevel=3,
                )
                return


def with_ids(maps: list[AttentionMap], sequences: Tensor) -> list[AttentionMap]:
    """The maps of a generation, whose rows know the ids that they consumed and produced."""
    read = axis_of_ids(sequences[:, :-1], role="consumed")
    written = replace(axis_of_ids(sequences[:, 1:], role="produced"), beside=read)
    for amap in maps:
        if amap.queries.role == "produced" and len(amap.queries) == len(read):
            amap.queries = written
            amap.keys = read if amap.keys.role == "consumed" and len(amap.keys) == len(read) else amap.keys
    return maps
