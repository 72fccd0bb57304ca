"""Softmax attention, from the formula to its weights: read it top to bottom.

    Attention(Q, K, V) = softmax(Q Kᵀ / √dim + mask) V                    Vaswani et al. 2017, equation 1

Every query scores every key; softmax turns a row of scores into weights that sum to 1; the output is the weighted mean
of the values. `trace` is that sentence with every intermediate kept, `attention` is the end of it, `weigh` its second
half for scores that come from elsewhere. `attention_layers` puts learned projections in front.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from regard.arguments import number
from regard.masks import Mask
from regard.masks.patterns import combined
from regard.mechanisms import inputs


class Trace(NamedTuple):
    """Every step of one attention, in order; each is (batch, heads, queries, keys) but the output.

    Attributes:
        scores: q kᵀ, as they come.
        scaled: times the scale.
        capped: after the softcap; the same as scaled without one.
        biased: plus the bias; the same as capped without one.
        masked: −∞ where the query may not attend.
        weights: softmax over the keys; rows sum to 1, to less with sinks, to 0 where everything is masked.
        output: weights times values, (batch, heads, queries, value_dim), in the dtype of value.

    Example:
        >>> steps = trace(*torch.eye(2).expand(3, 1, 1, 2, 2), causal=True)
        >>> steps.masked[0, 0]
        tensor([[0.7071,   -inf],
                [0.0000, 0.7071]])
    """

    scores: Tensor
    scaled: Tensor
    capped: Tensor
    biased: Tensor
    masked: Tensor
    weights: Tensor
    output: Tensor


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    bias: Tensor | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention with its weights (Vaswani et al. 2017, equation 1).

    The batch axis, or batch and heads, may be left out of query, key and value; the results then lack them too. Fewer
    key heads than query heads are grouped-query attention (Ainslie et al. 2023), one is multi-query (Shazeer 2019):
    query head h reads key head ``h // (heads // kv_heads)``. There is no dropout: weights that are looked at sum to 1.
    What is hidden does not reach the output, even if it is NaN or infinite; the gradients of what was multiplied with it are
    NaN all the same (0 · NaN), so before training write numbers there.

    Args:
        query: (batch, heads, queries, dim).
        key: (batch, kv_heads, keys, dim); heads is a multiple of kv_heads.
        value: (batch, kv_heads, keys, value_dim).
        mask: broadcastable to (batch, heads, queries, keys). Boolean: True = may attend. Floating-point: added to the
            scores. Or a `regard.Mask`. A query that may attend to nothing gets weights 0 and output 0.
        causal: hide the future. The last query sees every key, also when there are fewer queries than keys.
        window: how many keys a query sees, its own included: looking back with causal, else centred, and odd.
        scale: what scores are multiplied with; 1/√dim if None.
        bias: floating-point, broadcastable to (batch, heads, queries, keys), added after the softcap (ALiBi, T5 ...). −∞ hides.
        softcap: c in c·tanh(score / c), after the scale and before bias and mask (Gemma 2, 2024).
        sinks: (heads,) logits that enter the denominator only (gpt-oss 2025): rows may sum to less than 1.

    Returns:
        output (batch, heads, queries, value_dim) in the dtype of value, and weights (batch, heads, queries, keys) in
        float32, or float64 where the input is. All is computed in the dtype of the weights.

    Raises:
        ShapeError: sizes that do not fit each other.
        DtypeError: tensors that are not floating-point, of mixed dtypes, or an integer mask.
        OptionError: a scale, softcap or window that is not positive, or an even centred window.
        ScoreError: NaN or +∞ where a query may attend.

    Example:
        >>> query = key = torch.eye(2)
        >>> value = torch.tensor([[1.0], [3.0]])
        >>> output, weights = attention(query, key, value, scale=math.log(3))
        >>> weights
        tensor([[0.7500, 0.2500],
                [0.2500, 0.7500]])
        >>> output
        tensor([[1.5000],
                [2.5000]])
    """
    steps = trace(
        query,
        key,
        value,
        mask,
        causal=causal,
        window=window,
        scale=scale,
        bias=bias,
        softcap=softcap,
        sinks=sinks,
    )
    return steps.output, steps.weights


def trace(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    bias: Tensor | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> Trace:
    """`attention` with every intermediate kept: the same arguments, the same errors.

    Example:
        >>> steps = trace(torch.eye(2), torch.eye(2), torch.eye(2), causal=True, scale=1.0)
        >>> steps.masked
        tensor([[1., -inf],
                [0., 1.]])
        >>> steps.weights
        tensor([[1.0000, 0.0000],
                [0.2689, 0.7311]])
    """
    inputs.check_attention(query, key, value)
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    q, k, v = (inputs.widen(tensor).to(wide) for tensor in (query, key, value))
    (batch, heads, queries, dim), keys = q.shape, k.shape[2]
    sizes = {"batch": batch, "heads": heads, "queries": queries, "keys": keys}
    if scale is None:
        scale = 1 / math.sqrt(dim)
    scale = number("scale", scale, above=0, advice="leave it out for the default")

    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        k, v = (_for_heads(one, heads) for one in (k, v))  # (batch, heads, keys, dim or value_dim)

        scores = q @ k.mT  # (batch, heads, queries, keys), as everything until the output
        scaled = scores * scale
        capped = scaled
        if softcap is not None:
            softcap = number("softcap", softcap, above=0, advice="leave it out for the default")
            capped = softcap * torch.tanh(scaled / softcap)
        biased = capped
        if bias is not None:
            inputs.check_floats("bias", bias)
            inputs.check_broadcast("bias", bias, sizes)
            biased = (capped + bias.to(q)).masked_fill(bias.to(q) == -math.inf, -math.inf)  # NaN − ∞ would be NaN
        masked, allowed = hide(biased, mask, causal, window)
        if sinks is not None:
            inputs.check_sinks(sinks, heads)
            sinks = sinks.to(q)

        weights = softmax(masked, sinks)
        output = gather(weights, v, allowed)  # (batch, heads, queries, value_dim)

    steps = Trace(scores, scaled, capped, biased, masked, weights, output.to(value.dtype))
    return Trace(*(step[(0,) * (4 - query.ndim)] for step in steps))


def weigh(scores: Tensor, value: Tensor, mask: Tensor | Mask | None = None, *, causal: bool = False) -> tuple[Tensor, Tensor]:
    """The end of every softmax attention, whatever made the scores: weights = softmax(scores), output = weights · values.

    Arguments, axes, results and errors are those of `attention`.

    Args:
        scores: (batch, heads, queries, keys), scaled already.

    Example:
        >>> output, weights = weigh(torch.tensor([[0.0, math.log(3)]]), torch.tensor([[1.0], [3.0]]))
        >>> weights
        tensor([[0.2500, 0.7500]])
        >>> output
        tensor([[2.5000]])
    """
    inputs.check_scores_and_value(scores, value)
    wide = torch.promote_types(torch.promote_types(scores.dtype, value.dtype), torch.float32)
    s, v = (inputs.widen(tensor).to(wide) for tensor in (scores, value))
    v = _for_heads(v, s.shape[1])  # (batch, heads, keys, value_dim)
    with torch.autocast(s.device.type, enabled=False):
        masked, allowed = hide(s, mask, causal)  # (batch, heads, queries, keys)
        weights = softmax(masked, None)
        output = gather(weights, v, allowed)  # (batch, heads, queries, value_dim)
    first = (0,) * (4 - scores.ndim)
    return output.to(value.dtype)[first], weights[first]


def hide(scores: Tensor, mask: Tensor | Mask | None, causal: bool, window: int | None = None) -> tuple[Tensor, Tensor]:
    """The scores, −∞ where a query may not attend, and where it may: both (batch, heads, queries, keys)."""
    batch, heads, queries, keys = scores.shape
    if mask is not None and not isinstance(mask, Mask):
        inputs.check_mask(mask, {"batch": batch, "heads": heads, "queries": queries, "keys": keys})
        hidden = mask.to(scores) == -math.inf if mask.is_floating_point() else ~mask
        scores = scores + mask.to(scores) if mask.is_floating_point() else scores
        scores = scores.masked_fill(hidden, -math.inf)
    visible = combined(mask if isinstance(mask, Mask) else None, causal, window, keys - queries)
    if visible is not None:
        scores = scores.masked_fill(~visible.dense(batch, heads, queries, keys, device=scores.device), -math.inf)
    inputs.check_scores(scores)
    return scores, scores != -math.inf


def softmax(masked: Tensor, sinks: Tensor | None) -> Tensor:
    """exp(score) / Σ exp(scores) over the keys. Sinks enter the sum and take weight away; where nothing is visible, it is 0."""
    blind = (masked == -math.inf).all(dim=-1, keepdim=True)  # (batch, heads, queries, 1)
    some = bool(blind.any())  # filling nothing costs as much as the softmax, and again on the way back
    scores = masked.masked_fill(blind, 0.0) if some else masked  # softmax over nothing but −∞ is not a number
    if sinks is not None:
        scores = torch.cat([scores, sinks[:, None, None].expand(*masked.shape[:-1], 1)], dim=-1)
    weights = torch.softmax(scores, dim=-1)[..., : masked.shape[-1]]
    return weights.masked_fill(blind, 0.0) if some else weights


def _for_heads(shared: Tensor, heads: int) -> Tensor:
    """Keys or values, (batch, key heads, keys, dim), once for each head; no copy where each head has its own."""
    return shared if shared.shape[1] == heads else shared.repeat_interleave(heads // shared.shape[1], dim=1)


def gather(weights: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
    """``weights @ value``, where what is hidden does not leak even if it is NaN or ∞: 0 · NaN and 0 · ∞ would be NaN.

    A visible NaN or ∞ comes out as the product has it.
    """
    broken = ~value.isfinite()  # (batch, heads, keys, value_dim)
    if not bool(broken.any()):
        return weights @ value

    def meets(rows: Tensor, values: Tensor) -> Tensor:
        return rows.to(weights) @ values.to(weights) > 0  # (batch, heads, queries, value_dim)

    above, below = allowed & (weights > 0), allowed & (weights < 0)
    rise = meets(above, value == math.inf) | meets(below, value == -math.inf)
    fall = meets(above, value == -math.inf) | meets(below, value == math.inf)
    lost = meets(allowed, value.isnan()) | meets(allowed & (weights == 0), broken) | (rise & fall)
    output = weights @ value.masked_fill(broken, 0)
    return output.masked_fill(rise, math.inf).masked_fill(fall, -math.inf).masked_fill(lost, math.nan)
