"""What a weight costs, in multiply-adds: what a limit of work is counted in."""

from regard.maps.attention_map import AttentionMap
from regard.maps.source import DenseWeights
from regard.masks.pattern import Pattern

GUESSED = 256
"""Of a map that is neither factors nor dense: of words, of means, of norms."""

EXPONENTIAL = 32
"""And the sums over it; a hyperbolic tangent takes as long."""

BIAS = 8

PART_OF_MASK = 32
"""A part of a mask that is asked about a key: a remainder, a look into a table, a comparison."""


def cost_of_weight(amap: AttentionMap) -> int:
    """Multiply-adds that reading one weight takes, about: the product, the exponential, softcap, bias and mask.

    Example:
        >>> import torch
        >>> from regard import masks
        >>> query, key = torch.zeros(2, 1, 1, 9, 64)
        >>> cost_of_weight(AttentionMap(query, key, causal=True)), cost_of_weight(AttentionMap(query, key, masks.dilated(2)))
        (96, 128)
    """
    factors = amap.view.whole_factors
    if factors is None:
        return 1 if isinstance(amap.view.source, DenseWeights) else GUESSED
    cost = factors.query.shape[-1] + EXPONENTIAL
    if factors.softcap is not None:
        cost += EXPONENTIAL
    if factors.bias is not None:
        cost += BIAS
    queries, keys = factors.shape[2:]
    if factors.mask is not None and queries and keys:
        row = queries // 2
        start, stop, open_start, open_stop = factors.mask.pattern.extent(0, 0, range(row, row + 1), keys)
        asked = stop - start - (open_stop - open_start)  # of the other keys it is known
        cost += PART_OF_MASK * _parts(factors.mask.pattern) * asked // keys
    return cost


def _parts(pattern: Pattern) -> int:
    """How many patterns it is made of."""
    return 1 + sum(map(_parts, pattern.parts().values()))
