"""Keys that take much of every row, whatever the answer is about: found, not supposed."""

import math

import torch
from torch import Tensor

from regard.analysis.heads.visibility import visible_keys
from regard.maps.attention_map import AttentionMap

SINK = 0.05
"""A key that so much of a row goes to, in the mean of rows that have nothing to do with the answer, may be a sink."""

TIMES = 5.0
"""It is one if that is so many times what it had if attention were spread evenly."""

LISTENED = 256
"""Rows in which sinks are looked for: evenly chosen from the second half of those before the answer."""

FEWEST = 16
"""Rows that have to see a key before it can be called a sink."""


def sinks_of(amap: AttentionMap, rows: tuple[int, ...], sink: float) -> Tensor:
    """Which keys are sinks of which heads, (heads, keys), by rows before the answer."""
    before = [row for row in range(min(rows) // 2, min(rows)) if amap.queries.present[row]]
    heard = before[:: max(1, math.ceil(len(before) / LISTENED))]
    if len(heard) < FEWEST:
        return torch.zeros(amap.shape[1], amap.shape[3], dtype=torch.bool)
    part = amap.select(queries=heard)
    count = even = torch.zeros(1, amap.shape[3], dtype=torch.float64)  # rows that see each key, and its even share of them
    for _, seen in visible_keys(part):
        seen = seen.double()
        count = count + seen.sum(1)
        even = even + (seen / seen.sum(-1, keepdim=True).clamp(min=1)).sum(1)
    taken = part.received()[0].double().cpu()
    return (taken >= sink * count) & (taken >= TIMES * even) & (count >= FEWEST)
