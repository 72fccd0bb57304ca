"""Normalisers with exact zeros: sparsemax, and the family between it and softmax.

p = entmax_α(z) is the distribution that maximises p·z + H_α(p), with H_α Tsallis' entropy. Its closed form is

    p = [(α − 1) z − τ]₊ ^ (1 / (α − 1))             Peters, Niculae & Martins 2019

with the one threshold τ for which p sums to 1. α = 1 is softmax, in the limit; α = 2 is sparsemax, where p is the nearest
distribution to z. τ is found exactly by sorting for α = 2 and 1.5, and by bisection for any other α.

The normalisers take scores (..., keys), −∞ where hidden, to weights of that shape in float32, or float64 where the scores are:
rows sum to 1, to 0 where everything is −∞. NaN and +∞ are a ScoreError.
"""

import math

import torch
from torch import Tensor

from regard.arguments import dense_tensor
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.normalisers.dense_normalisers import attend


def sparsemax(scores: Tensor) -> Tensor:
    """The nearest distribution to the scores: p = [z − τ]₊ with Σ p = 1 (Martins & Astudillo 2016, algorithm 1).

    Sorted, z₁ ≥ z₂ ≥ ..., the support is the first k for which 1 + k·z_k > z₁ + ... + z_k still holds; there, all sums are
    known, and τ = (z₁ + ... + z_k − 1) / k. Gradients go through the sorted sum: equal shares of what τ takes.

    Example:
        >>> sparsemax(torch.tensor([1.0, 0.8, 0.1]))
        tensor([0.6000, 0.4000, 0.0000])
    """
    z, blind = _from_the_highest(scores, reach=1.0)  # (..., keys), (..., 1)
    ranked = z.sort(dim=-1, descending=True).values
    rank = torch.arange(1, z.shape[-1] + 1, device=z.device, dtype=z.dtype)
    sums = ranked.cumsum(dim=-1)
    size = (1 + rank * ranked > sums).sum(dim=-1, keepdim=True)  # (..., 1)
    threshold = (sums.gather(-1, size - 1) - 1) / size
    return (z - threshold).clamp(min=0).masked_fill(blind, 0.0)


def entmax15(scores: Tensor) -> Tensor:
    """Half-way between softmax and sparsemax: p = [z/2 − τ]₊² with Σ p = 1 (Peters et al. 2019).

    Over the first k of the sorted z/2, with mean M and sum of squared distances from it V, Σ p = 1 is a quadratic equation
    in τ, and τ = M − √((1 − V) / k). The support is the largest k whose own τ does not pass its last member.

    Example:
        >>> entmax15(torch.tensor([1.0, 0.0, -2.0]))
        tensor([0.8307, 0.1693, 0.0000])
    """
    z, blind = _from_the_highest(scores, reach=2.0)  # (..., keys), (..., 1)
    z = z / 2
    ranked = z.sort(dim=-1, descending=True).values
    rank = torch.arange(1, z.shape[-1] + 1, device=z.device, dtype=z.dtype)
    means = ranked.cumsum(dim=-1) / rank
    spreads = ranked.square().cumsum(dim=-1) - rank * means.square()
    thresholds = means - ((1 - spreads).clamp(min=0) / rank).sqrt()
    size = (thresholds <= ranked).sum(dim=-1, keepdim=True)  # (..., 1)

    # The running sums choose the support, and the threshold is computed over it anew: there, no root is of 0, whose gradient
    # would be no number, and squares of distances keep the digits that differences of sums of squares lose in long rows.
    inside = rank <= size  # (..., keys)
    mean = ranked.where(inside, 0).sum(dim=-1, keepdim=True) / size  # (..., 1)
    spread = (ranked - mean).square().where(inside, 0).sum(dim=-1, keepdim=True)
    threshold = mean - ((1 - spread) / size).sqrt()
    return (z - threshold).clamp(min=0).square().masked_fill(blind, 0.0)


def entmax(scores: Tensor, alpha: float | Tensor) -> Tensor:
    """The whole family: p = [(α − 1) z − τ]₊ ^ (1 / (α − 1)) with Σ p = 1, for any α above 1 (Peters et al. 2019).

    With τ = (α − 1) c − 1 it reads p = [1 + (α − 1)(z − c)]₊ ^ (1 / (α − 1)), which is exp(log(1 + (α − 1)(z − c)) / (α − 1)):
    near α = 1 the power would make much of rounding, the logarithm does not, and c becomes the log of softmax' denominator.

    The sum falls as c rises, so halving the interval that must hold c finds it. One step of Newton's method from there
    takes the rest of the error, and carries the gradients: a step f / f' whose f' is held fixed has the derivatives of the
    root itself. So α may be learned too (Correia et al. 2019).

    Args:
        scores: (..., keys).
        alpha: above 1, where softmax is the limit: a number, or a tensor that broadcasts to (..., 1), as (heads, 1, 1) for
            scores with heads.

    Example:
        >>> entmax(torch.tensor([1.0, 0.8, 0.1]), alpha=2.0)
        tensor([0.6000, 0.4000, 0.0000])
        >>> entmax(torch.tensor([1.0, 0.0, -2.0]), alpha=1.5)
        tensor([0.8307, 0.1693, 0.0000])
    """
    slope = _check_alpha(alpha, scores) - 1  # (..., 1), in the dtype of the weights
    z, blind = _from_the_highest(scores, reach=1 / slope.detach())  # (..., keys), (..., 1)
    with torch.no_grad():
        low = torch.zeros_like(z[..., :1])  # the highest alone would have weight 1: the sum is 1 or more
        # Here the highest has weight 1/keys, no other more: the sum is 1 or less. It is (1 − keys^(1−α)) / (α − 1).
        high = -torch.expm1(-slope * math.log(z.shape[-1])).expand_as(low) / slope
        for _ in range(torch.finfo(z.dtype).bits):
            middle = (low + high) / 2
            above = _power(slope * (z - middle), 1 / slope).sum(dim=-1, keepdim=True) >= 1
            low, high = torch.where(above, middle, low), torch.where(above, high, middle)
        fall = _power(slope * (z - low), 1 / slope - 1).sum(dim=-1, keepdim=True)  # how fast the sum falls as c rises
    excess = _power(slope * (z - low), 1 / slope).sum(dim=-1, keepdim=True) - 1
    return _power(slope * (z - low - excess / fall), 1 / slope).masked_fill(blind, 0.0)


def sparsemax_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention with exact zeros: weights = sparsemax(q kᵀ·scale + mask) (Martins & Astudillo 2016).

    Example:
        >>> query, key = torch.tensor([[1.0]]), torch.tensor([[1.0], [0.8], [0.1]])
        >>> sparsemax_attention(query, key, torch.eye(3))[1]
        tensor([[0.6000, 0.4000, 0.0000]])
    """
    return attend(sparsemax, query, key, value, mask, causal=causal, scale=scale)


def entmax_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    alpha: float | Tensor = 1.5,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention between softmax and sparsemax: weights = entmax_α(q kᵀ·scale + mask) (Peters et al. 2019; Correia et al. 2019).

    Args:
        alpha: above 1, the higher the sparser: a number, or (heads, 1, 1), as Correia et al. learn it.

    Example:
        >>> query, key = torch.tensor([[1.0]]), torch.tensor([[1.0], [0.0], [-2.0]])
        >>> entmax_attention(query, key, torch.eye(3))[1]
        tensor([[0.8307, 0.1693, 0.0000]])
    """
    if isinstance(alpha, float) and alpha == 1.5:
        return attend(entmax15, query, key, value, mask, causal=causal, scale=scale)
    return attend(lambda masked: entmax(masked, alpha), query, key, value, mask, causal=causal, scale=scale)


def _from_the_highest(scores: Tensor, reach: float | Tensor) -> tuple[Tensor, Tensor]:
    """The scores less their highest, (..., keys), and which rows are all hidden, (..., 1).

    A score more than ``reach`` below the highest has no weight wherever it is, so none stays lower than twice that: −∞ would
    make the sums over sorted scores no numbers, and a finite floor changes nothing.
    """
    inputs.check_computed("scores", scores)
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise ShapeError(f"expected scores (..., keys) with one key or more, got {tuple(scores.shape)}")
    if bool((scores.isnan() | (scores == torch.inf)).any()):
        raise ScoreError("scores: expected numbers below infinity, got NaN or inf; hide a key with -inf, and look for overflow")
    z = scores.to(torch.promote_types(scores.dtype, torch.float32))
    highest = z.detach().amax(dim=-1, keepdim=True)  # a shift of all scores changes no weight: no gradient is lost
    blind = highest == -torch.inf
    below = (z - highest).masked_fill(blind, 0.0)
    floor = torch.as_tensor(-2 * reach, dtype=z.dtype, device=z.device)
    return torch.maximum(below, floor), blind


def _power(x: Tensor, exponent: Tensor) -> Tensor:
    """[1 + x]₊ ^ exponent, and 0 where 1 + x is not positive, whatever the exponent; so are its gradients."""
    positive = x > -1
    return torch.where(positive, (x.where(positive, 0).log1p() * exponent).exp(), 0)


def _check_alpha(alpha: float | Tensor, scores: Tensor) -> Tensor:
    """α as a tensor, in the dtype of the weights."""
    inputs.check_computed("scores", scores)
    if isinstance(alpha, Tensor):
        dense_tensor("alpha", alpha)
    if isinstance(alpha, bool) or not isinstance(alpha, Tensor | int | float):
        raise DtypeError(f"alpha: expected a number above 1 or a tensor of them, got {type(alpha).__name__}")
    wide = torch.promote_types(scores.dtype, torch.float32)
    alpha = torch.as_tensor(alpha, dtype=wide, device=scores.device)
    rows = (*scores.shape[:-1], 1)
    paired = zip(reversed(alpha.shape), reversed(rows), strict=False)
    if alpha.ndim > len(rows) or any(size not in (1, wanted) for size, wanted in paired):
        raise ShapeError(
            f"expected alpha as one number, or to broadcast to {rows} for scores {tuple(scores.shape)}, got "
            f"{tuple(alpha.shape)}; all keys of a row share it"
        )
    if not bool(((alpha > 1) & alpha.isfinite()).all()):
        raise OptionError(
            f"alpha: expected finite numbers above 1, got {alpha.tolist()}; at 1 it is softmax: use regard.attention"
        )
    return alpha
