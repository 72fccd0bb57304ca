"""Positions in the keys: a vector for each distance, learned or fixed, that a query is multiplied with as well."""

import math

import torch
from torch import Tensor

from regard.errors import ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.positions.score_biases import distances
from regard.mechanisms.positions.sinusoids import sinusoids
from regard.mechanisms.softmax_attention import attention


def shaw(
    query: Tensor, key: Tensor, value: Tensor, table: Tensor, mask: Tensor | Mask | None = None, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Relative keys: score_ij = q_i · (k_j + a_{j−i}) / √dim (Shaw et al. 2018, equation 4).

    Each distance has a learned key, shared by all heads; distances beyond clip share the last one, so the table works
    for any length. The paper's second table, added to the values, is left out: its authors found that the keys' may be enough.

    Args:
        table: (2·clip + 1, dim): a for the distances −clip ... clip; their w^K, with clip their k.

    Example:
        >>> table = torch.tensor([[9.0], [0.0], [-9.0]])  # everything behind is worth a look, nothing ahead is
        >>> shaw(torch.ones(3, 1), torch.zeros(3, 1), torch.ones(3, 1), table)[1].round(decimals=2)
        tensor([[1.0000, 0.0000, 0.0000],
                [1.0000, 0.0000, 0.0000],
                [0.5000, 0.5000, 0.0000]])
    """
    inputs.check_attention(query, key, value)
    inputs.check_floats("table", table)
    if table.ndim != 2 or table.shape[0] % 2 == 0 or table.shape[1] != query.shape[-1]:
        raise ShapeError(
            f"expected table (2·clip + 1, dim={query.shape[-1]}), got {tuple(table.shape)}; give a row for each distance "
            "−clip … clip"
        )
    clip = table.shape[0] // 2
    q = query.to(torch.float64 if query.dtype == torch.float64 else torch.float32)
    rows = distances(query.shape[-2], key.shape[-2], q.device).clamp(-clip, clip) + clip  # (queries, keys)
    with torch.autocast(q.device.type, enabled=False):
        by_row = q @ table.to(q).mT / math.sqrt(q.shape[-1])  # (batch, heads, queries, 2·clip + 1)
    return attention(query, key, value, mask, causal=causal, bias=_pick(by_row, rows))


def transformer_xl(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    content_bias: Tensor,
    position_bias: Tensor,
    position_weight: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
) -> tuple[Tensor, Tensor]:
    """Relative attention with sinusoids: score_ij = ((q_i + u) · k_j + (q_i + v) · W r_{i−j}) / √dim.

    r is the row of `sinusoids` for the distance i − j: it is fixed, so unlike `shaw` no distance is clipped; what is
    learned is how a head reads it. The biases are what a head asks for whatever the query (Dai et al. 2019, section 3.3).

    Args:
        content_bias: u, (heads, dim).
        position_bias: v, (heads, dim).
        position_weight: W, (heads, dim, features), features even; their W_{k,R}.

    Example:
        >>> x = torch.zeros(1, 3, 2)
        >>> near = torch.tensor([[[0.0, 3.0], [0.0, 0.0]]])  # reads the cosine, which is largest at distance 0
        >>> transformer_xl(x, x, x, torch.zeros(1, 2), torch.ones(1, 2), near)[1]
        tensor([[[0.7009, 0.2643, 0.0348],
                 [0.2150, 0.5700, 0.2150],
                 [0.0348, 0.2643, 0.7009]]])
    """
    inputs.check_attention(query, key, value)
    heads, dim = inputs.widen(query).shape[1], query.shape[-1]
    for name, bias in (("content_bias", content_bias), ("position_bias", position_bias)):
        inputs.check_shape(name, bias, {"heads": heads, "dim": dim})
    inputs.check_shape("position_weight", position_weight, {"heads": heads, "dim": dim, "features": None})
    if position_weight.shape[2] % 2:
        raise ShapeError(
            f"expected position_weight (heads, dim, features) with features even, got {tuple(position_weight.shape)}; "
            "a sine and a cosine share a wavelength"
        )
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    q, k, v = (inputs.widen(tensor).to(wide) for tensor in (query, key, value))
    queries, keys = q.shape[2], k.shape[2]
    first = 1 - queries  # the distance i − j of the first query to the last key is the smallest
    rows = -distances(queries, keys, q.device) - first  # (queries, keys)
    with torch.autocast(q.device.type, enabled=False):
        r = sinusoids(queries + keys - 1, position_weight.shape[2], start=first, dtype=wide, device=q.device)
        read = r @ position_weight.to(q).mT  # (heads, distances, dim)
        by_row = (q + position_bias.to(q)[:, None]) @ read.mT / math.sqrt(dim)  # (batch, heads, queries, distances)
    wanted = q + content_bias.to(q)[:, None]  # (batch, heads, queries, dim)
    output, weights = attention(wanted, k, v, mask, causal=causal, bias=_pick(by_row, rows))
    corner = (0,) * (4 - query.ndim)
    return output.to(value.dtype)[corner], weights[corner]


def _pick(by_row: Tensor, rows: Tensor) -> Tensor:
    """For query i and key j the number in row rows[i, j]: (batch, heads, queries, rows) to (batch, heads, queries, keys)."""
    return by_row.gather(-1, rows.expand(*by_row.shape[:-1], -1))
