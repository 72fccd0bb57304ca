"""Witnesses that were written without looking at the package: dense attention in float64, as loops over Python numbers.

Slow on purpose: each line is a sentence of the definition, so a mistake here is not the mistake over there.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Dense(NamedTuple):
    """What attention is: (B, H, Q, Dv), (B, H, Q, K) and (B, H, Q), all float64."""

    output: Tensor
    weights: Tensor
    logsumexp: Tensor


def dense_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    bias: Tensor | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> Dense:
    """Attention of query (B, H, Q, D) to key (B, G, K, D) and value (B, G, K, Dv).

    A boolean mask says who may attend, a float mask is added. The queries are the last Q of K positions. A window has
    `window` keys, the query's own included. The logsumexp includes the sink.
    """
    batches, heads, queries, dim = query.shape
    groups, keys = key.shape[1], key.shape[2]
    full = (batches, heads, queries, keys)
    q, k, v = query.tolist(), key.tolist(), value.tolist()
    may = mask.expand(full).tolist() if mask is not None and mask.dtype == torch.bool else None
    added = mask.expand(full).tolist() if mask is not None and mask.dtype != torch.bool else None
    offsets = bias.expand(full).tolist() if bias is not None else None
    factor = dim**-0.5 if scale is None else scale

    output = torch.zeros(batches, heads, queries, value.shape[3], dtype=torch.float64)
    weights = torch.zeros(full, dtype=torch.float64)
    logsumexp = torch.full(full[:3], -math.inf, dtype=torch.float64)
    for b in range(batches):
        for h in range(heads):
            g = h * groups // heads
            for i in range(queries):
                own = i + keys - queries
                logits = {}
                for j in range(keys):
                    if causal and j > own:
                        continue
                    if window is not None and causal and own - j >= window:
                        continue
                    if window is not None and not causal and 2 * abs(own - j) >= window:
                        continue
                    if may is not None and not may[b][h][i][j]:
                        continue
                    logit = factor * math.fsum(x * y for x, y in zip(q[b][h][i], k[b][g][j], strict=True))
                    if softcap is not None:
                        logit = softcap * math.tanh(logit / softcap)
                    if offsets is not None:
                        logit += offsets[b][h][i][j]
                    if added is not None:
                        logit += added[b][h][i][j]
                    if logit > -math.inf:
                        logits[j] = logit
                rivals = list(logits.values()) + ([] if sinks is None else [float(sinks[h])])
                if not rivals:
                    continue
                highest = max(rivals)
                logsumexp[b, h, i] = highest + math.log(math.fsum(math.exp(rival - highest) for rival in rivals))
                for j, logit in logits.items():
                    weights[b, h, i, j] = math.exp(logit - float(logsumexp[b, h, i]))
                for d in range(value.shape[3]):
                    output[b, h, i, d] = math.fsum(float(weights[b, h, i, j]) * v[b][g][j][d] for j in logits)
    return Dense(output, weights, logsumexp)
