"""The computation of a head, stage by stage: of all queries, or of one query of a map of any length."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.maps.attention_map import AttentionMap

Numbers = NDArray[np.float32]

TOLD_KEYS = 24
"""Keys of a query in a long map: those that it gives most to."""


def steps_of(
    amap: AttentionMap, head: int, value: Tensor | None, query: int | None = None, key: int | None = None
) -> tuple[dict[str, Any], dict[str, Numbers]]:
    """One head's computation, stage by stage: scalars, and arrays (queries, keys) unless they are vectors of tokens.

    A stage that the map does not have is not there. The map is one of factors.

    Args:
        amap: a map of one sequence.
        head: which head.
        value: (kv_heads, keys, dim), where they are known.
        query: this query alone, with the keys that it gives most to; all where not given.
        key: a key that is among them whatever it gets.
    """
    view, factors = amap.view, amap.view.whole_factors
    if factors is None:
        raise TypeError(f"expected a map of factors, got {amap!r}")
    one = view.select(batch=[0], heads=[head])
    part: dict[str, Any] = {}
    places: list[int] | None = None
    if query is not None:
        one = one.select(queries=[query])
        row = one.weights()[0, 0, 0]
        places = _told(row, key)
        part = {"positions": places, "rest": max(0.0, float(row.double().sum() - row[places].double().sum()))}
        if factors.mask is not None:
            part["hidden"] = int((~factors.allowed(*one.ranges)).sum())
        one = one.select(keys=places)
    (batch,), (at,), queries, keys = one.ranges
    with torch.no_grad():
        asking = factors.query[batch, at][list(queries)].to(factors.dtype)
        asked = factors.key[batch, at // factors.group][list(keys)].to(factors.dtype)
        made = {"query": asking, "key": asked, "scores": asking @ asked.T}
        made["scaled"] = last = made["scores"] * factors.scale
        if factors.softcap is not None:
            made["capped"] = last = factors.softcap * torch.tanh(last / factors.softcap)
        if factors.bias is not None:
            bias = factors.bias.expand(factors.shape)[batch, at][list(queries)][:, list(keys)]
            made["biased"] = last = last + bias
        if factors.mask is not None:
            made["masked"] = last.masked_fill(~factors.allowed(*one.ranges)[0, 0], -torch.inf)
        made["weights"] = one.weights()[0, 0]
        if value is not None:
            made |= _carried(made["weights"] if places is None else row[None], value, head, amap, places)
    sink = None if factors.sinks is None else float(factors.sinks[at])
    meta = {
        "queries": len(queries),
        "keys": len(keys),
        "dim": asking.shape[1],
        "scale": float(factors.scale),
        "softcap": None if factors.softcap is None else float(factors.softcap),
        "sink": None if sink is None or sink == -np.inf else sink,
        "valueDim": 0 if value is None else value.shape[2],
        **part,
    }
    return meta, {name: tensor.float().cpu().numpy() for name, tensor in made.items()}


def _told(row: Tensor, key: int | None) -> list[int]:
    """The keys that a row gives most to, in their order, and the one that is asked for."""
    most = set(row.topk(min(TOLD_KEYS, row.shape[0])).indices.tolist())
    return sorted(most if key is None else most | {key})


def _carried(weights: Tensor, value: Tensor, head: int, amap: AttentionMap, places: list[int] | None) -> dict[str, Tensor]:
    """The values of the keys that are told, and the output of all."""
    own = value[head * value.shape[0] // amap.shape[1]].to(weights.dtype).to(weights.device)
    return {"value": own if places is None else own[places], "output": weights @ own}
