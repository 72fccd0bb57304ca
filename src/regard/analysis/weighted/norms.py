"""Norm-weighted attention: a weight, times what it carries."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from regard.analysis.weighted.weighted_maps import HeadsTogether, Weighted, map_of
from regard.arguments import float_tensor, one_of, several, with_all
from regard.errors import RecordingError, ShapeError
from regard.maps.attention_map import AttentionMap
from regard.maps.source import Ranges
from regard.positions import take

By = Literal["head", "layer"]


def norm_weighted(recording: Any, by: By = "head", *, projections: list[Tensor] | None = None) -> list[AttentionMap]:
    """‖α f(x)‖ of every recorded map, lazily: how long the vector is that a query takes from a key.

    Kobayashi et al. 2020, "Attention is Not Only a Weight" (arXiv 2004.10102), section 3: the output of a layer is
    Σ_h Σ_j α^h_ij f^h(x_j) plus the bias of the output projection, with f^h(x) = (x W_V^h + b_V^h) W_O^h. A key with a large
    weight and a vector near 0, as separators and first tokens have, adds nothing.

    Args:
        recording: made with ``regard.record(model, values=True)``.
        by: "head": ‖α^h f^h(x)‖, of each head. "layer": ‖Σ_h α^h f^h(x)‖, where heads may add up or cancel: one head in the
            result, which stands for all.
        projections: W_O of each map, (heads · dim, features), where the model's own were not seen: what stands between
            the heads and it, a gate or a norm, hides it.

    Returns:
        One map a recorded map, in the same order and with the same names, (batch, heads or 1, queries, keys).

    Raises:
        RecordingError: the recording has no values, or an output projection was not found; ShapeError: projections of other
        sizes; OptionError: another ``by``.

    Example:
        >>> import torch, regard
        >>> from transformers import BertConfig, BertModel
        >>> config = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)
        >>> model = BertModel(config).eval()
        >>> with torch.no_grad(), regard.record(model, values=True) as recording:
        ...     output = model(input_ids=torch.arange(5)[None])
        >>> norm_weighted(recording)[1].shape, norm_weighted(recording, by="layer")[1].shape
        ((1, 2, 5, 5), (1, 1, 5, 5))
    """
    one_of("by", by, get_args(By))
    with_all("recording", recording, "a recording", ("maps", "passes"), advice="make it with regard.record(model, values=True)")
    maps, values = list(recording.maps), list(getattr(recording, "values", ()))
    if len(values) != len(maps) or not maps:
        raise RecordingError(
            f"expected the values of {len(maps)} attention calls, got {len(values)}; record the model with "
            "regard.record(model, values=True)"
        )
    if projections is None:
        projections = [call.projection for call in values]
    given = several("projections", projections, "tensors, one a map")
    checked = [one if one is None else float_tensor("projections", one) for one in given]
    if len(checked) != len(maps):
        raise ShapeError(f"expected {len(maps)} projections, one a map, got {len(checked)}")
    return [_normed(amap, call, w, by) for amap, call, w in zip(maps, values, checked, strict=True)]


@torch.no_grad()
def _normed(amap: AttentionMap, call: Any, projection: Tensor | None, by: By) -> AttentionMap:
    if projection is None or call.value is None:
        raise RecordingError(
            f"expected the {'output projection' if projection is None else 'values'} of {amap.name}, got none; "
            "give the projections yourself, projections=[(heads · dim, features) of each map], or leave it out with layers="
        )
    source = amap.view.source
    heads = source.shape[1]
    value = call.value.to(source.device, source.dtype)  # (batch, kv_heads, keys, dim)
    dim = value.shape[3]
    if projection.ndim != 2 or projection.shape[0] != heads * dim:
        raise ShapeError(
            f"expected the projection of {amap.name} as (heads · dim, features)=({heads * dim}, …), "
            f"got {tuple(projection.shape)}; nn.Linear keeps it transposed"
        )
    per_head = projection.detach().to(source.device, source.dtype).unflatten(0, (heads, dim))  # (heads, dim, features)
    if by == "layer":
        return map_of(HeadsTogether(source, _inner_products(value, per_head), "norm × weights of all heads"), amap)
    group = heads // value.shape[1]
    # Head by head: the vectors f(x) of all heads together would be as many as there are heads times too large.
    norms = torch.stack([(value[:, head // group] @ per_head[head]).norm(dim=-1) for head in range(heads)], dim=1)
    return map_of(Weighted(source, _TimesNorms(norms), norms.nbytes, "norm × weights"), amap)


@dataclass(frozen=True, eq=False)
class _TimesNorms:
    """Weights times the norms of what they carry, (batch, heads, keys)."""

    norms: Tensor

    def __call__(self, weights: Tensor, places: Ranges) -> Tensor:
        batch, heads, _, keys = places
        return weights * take(take(take(self.norms, 0, batch), 1, heads), 2, keys).unsqueeze(2)  # (batch, heads, 1, keys)


def _inner_products(value: Tensor, per_head: Tensor) -> Tensor:
    """f^h(x_j) · f^g(x_j) of all pairs of heads, (batch, keys, heads, heads), in float64."""
    heads = per_head.shape[0]
    group = heads // value.shape[1]
    batch, _, keys, _ = value.shape
    wide = per_head.double()
    products = value.new_empty(batch, keys, heads, heads, dtype=torch.float64)
    for head in range(heads):
        for other in range(head + 1):
            between = wide[head] @ wide[other].mT  # (dim, dim)
            v, w = value[:, head // group].double(), value[:, other // group].double()  # (batch, keys, dim)
            products[:, :, head, other] = products[:, :, other, head] = ((v @ between) * w).sum(dim=-1)
    return products
