"""What may stand where softmax stood: weights that need not sum to 1, and weights that may be negative.

    attention            weights = exp(S) / Σ exp(S)              a row must spend 1, whatever it finds
    off by one           weights = exp(S) / (1 + Σ exp(S))        a row may spend less
    sigmoid              weights = σ(S − log keys)                a key does not compete with the others
    differential         weights = softmax(S₁) − λ softmax(S₂)    what both maps show is cancelled
    talking heads        weights = mix(softmax(mix(S)))           heads hear each other, before and after

Softcap and learned sinks are options of `attention` itself. Normalisers with exact zeros are in `sparse_normalisers`,
learned gates in `gates`.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from regard.arguments import dense_tensor, number
from regard.errors import OptionError, ShapeError, in_short
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention, gather, hide, softmax


def attend(
    normalise: Callable[[Tensor], Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention with the place of softmax left open: weights = normalise(q kᵀ·scale + mask), output = weights · values.

    Args:
        normalise: takes scores (batch, heads, queries, keys), −∞ where hidden, and returns weights of that shape. Hidden places
            get weight 0 whatever it returns there. A row that sees nothing is handed over as zeros.

    Example:
        >>> output, weights = attend(torch.sigmoid, torch.eye(2), torch.eye(2), torch.eye(2), causal=True, scale=1.0)
        >>> weights
        tensor([[0.7311, 0.0000],
                [0.5000, 0.7311]])
    """
    if not callable(normalise):
        raise OptionError(
            f"normalise: expected a function of scores, got {in_short(normalise)}; give torch.sigmoid, for example"
        )
    q, k, v = inputs.prepare(query, key, value)  # (batch, heads, positions, dim or value_dim)
    if scale is None:
        scale = 1 / math.sqrt(q.shape[3])
    scale = number("scale", scale, above=0, advice="leave it out for the default")

    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        masked, allowed = hide(q @ k.mT * scale, mask, causal)  # (batch, heads, queries, keys)
        weights = normalise(masked.masked_fill(~allowed.any(dim=-1, keepdim=True), 0.0))  # of nothing but −∞, most make NaN
        inputs.check_floats("weights", weights)
        if weights.shape != masked.shape:
            raise ShapeError(
                f"normalise: expected a weight for each of the scores {tuple(masked.shape)}, got {tuple(weights.shape)}"
            )
        weights = weights.masked_fill(~allowed, 0.0)
        output = gather(weights, v, allowed)  # (batch, heads, queries, value_dim)
    first = (0,) * (4 - query.ndim)
    return output.to(value.dtype)[first], weights[first]


def off_by_one_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention that may attend to nothing: weights = exp(S) / (1 + Σ exp(S)), with S = q kᵀ·scale (Miller 2023, softmax₁).

    The 1 is exp(0): a key whose score is always 0 and whose value is 0. So it is `attention` with a sink of 0 for each head.
    Rows sum to less than 1.

    Example:
        >>> output, weights = off_by_one_attention(torch.zeros(1, 2), torch.zeros(3, 2), torch.ones(3, 1))
        >>> weights
        tensor([[0.2500, 0.2500, 0.2500]])
    """
    inputs.check_attention(query, key, value)
    nothing = query.new_zeros(inputs.widen(query).shape[1])  # (heads,)
    return attention(query, key, value, mask, causal=causal, scale=scale, sinks=nothing)


def sigmoid_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    offset: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention in which keys do not compete: weights = σ(q kᵀ·scale + offset) (Ramapuram et al. 2024).

    With the offset −log keys, scores of 0 give weights of nearly 1 / keys, as softmax would: training starts as it does there.
    A row may sum to anything from 0 to the number of its keys. Our offset is their b, our keys their n.

    Args:
        offset: added to every score; −log keys if None. Decoding needs the one number that the whole text was read with.

    Example:
        >>> output, weights = sigmoid_attention(torch.zeros(1, 2), torch.zeros(3, 2), torch.ones(3, 1))
        >>> weights
        tensor([[0.2500, 0.2500, 0.2500]])
    """
    inputs.check_attention(query, key, value)
    if offset is None:
        offset = -math.log(key.shape[-2])
    offset = number("offset", offset)
    return attend(lambda masked: torch.sigmoid(masked + offset), query, key, value, mask, causal=causal, scale=scale)


def differential_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    lam: float | Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The difference of two maps: (softmax(q₁ k₁ᵀ·scale) − λ softmax(q₂ k₂ᵀ·scale)) v (Ye et al. 2024, equation 1).

    Noise that both maps share is cancelled, as between the two wires of a differential amplifier. Queries and keys hold both
    parts side by side, [q₁ q₂] and [k₁ k₂]; our dim is their 2d. `differential_lambda` makes λ as the paper does, and
    `differential_norm` is what the paper does to each head's output afterwards.

    Args:
        query: the first half of dim is q₁, the second q₂.
        key: in the same halves.
        lam: λ, how much of the second map is taken away: a number, or (heads,).
        scale: what scores are multiplied with; 1/√(dim/2) if None.

    Returns:
        The output, and the difference of the maps: weights may be negative, and rows sum to 1 − λ.

    Example:
        >>> query = key = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
        >>> output, weights = differential_attention(query, key, torch.eye(2), lam=0.5, scale=math.log(3))
        >>> weights
        tensor([[0.5000, 0.0000],
                [0.2500, 0.2500]])
    """
    inputs.check_attention(query, key, value)
    heads, dim = inputs.widen(query).shape[1], query.shape[-1]
    if dim % 2:
        raise ShapeError(f"expected query and key of an even dim, got {dim}; each half makes one of the maps")
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    lam = dense_tensor("lam", lam) if isinstance(lam, Tensor) else number("lam", lam)
    lam = torch.as_tensor(lam, dtype=wide, device=query.device)
    if lam.shape not in ((), (heads,)):
        raise ShapeError(f"expected lam as one number or (heads,)=({heads},), got {tuple(lam.shape)}")
    if not bool(lam.isfinite().all()):
        raise OptionError(f"lam: expected finite numbers, got {lam.tolist()}; λ is learned, and may have overflowed")
    lam = lam[..., None, None] if query.ndim > 2 else lam  # (heads, 1, 1)

    v = value.to(wide)
    first, second = (
        attention(q.to(wide), k.to(wide), v, mask, causal=causal, scale=scale)
        for q, k in zip(query.chunk(2, dim=-1), key.chunk(2, dim=-1), strict=True)  # (batch, heads, positions, dim/2)
    )
    output, weights = (one - lam * other for one, other in zip(first, second, strict=True))
    return output.to(value.dtype), weights


def differential_lambda(query1: Tensor, key1: Tensor, query2: Tensor, key2: Tensor, lambda_init: float) -> Tensor:
    """How much of the second map a layer takes away: λ = exp(q₁·k₁) − exp(q₂·k₂) + λ_init (Ye et al. 2024, equation 2).

    The four vectors are learned, one set a layer; while they are near 0, λ is λ_init. The paper takes
    λ_init = 0.8 − 0.6·exp(−0.3·(layer − 1)), with layers counted from 1. λ is (...), in float32 or float64: exp(q₁·k₁) is
    soon too large for half precision.

    Args:
        query1: (..., dim/2), their λ_q1, as the next three.
        key1: their λ_k1.
        query2: their λ_q2.
        key2: their λ_k2.
        lambda_init: the value to start from.

    Example:
        >>> differential_lambda(torch.zeros(3), torch.zeros(3), torch.zeros(3), torch.zeros(3), lambda_init=0.2)
        tensor(0.2000)
    """
    lambda_init = number("lambda_init", lambda_init)
    wide = torch.float32
    for name, vector in {"query1": query1, "key1": key1, "query2": query2, "key2": key2}.items():
        inputs.check_computed(name, vector)
        if vector.ndim == 0 or vector.shape != query1.shape:
            raise ShapeError(
                f"expected query1 and {name} of one shape, (..., dim/2), got {tuple(query1.shape)} and {tuple(vector.shape)}"
            )
        wide = torch.promote_types(wide, vector.dtype)
    first, second = ((one.to(wide) * other.to(wide)).sum(-1) for one, other in ((query1, key1), (query2, key2)))
    return first.exp() - second.exp() + lambda_init


def differential_norm(output: Tensor, lambda_init: float, eps: float = 1e-5) -> Tensor:
    """Each head's output at one size: (1 − λ_init) · output / √(mean(output²) + eps) (Ye et al. 2024, equation 3).

    The two maps nearly cancel, in some heads more than in others; this gives all heads one size again, and the factor makes
    gradients as large as in a Transformer without differences.

    Args:
        output: (batch, heads, queries, value_dim), of `differential_attention`.
        lambda_init: the value that went into `differential_lambda`.
        eps: keeps an output of 0 at 0; above 0.

    Example:
        >>> differential_norm(torch.tensor([[3.0, 4.0]]), lambda_init=0.5)
        tensor([[0.4243, 0.5657]])
    """
    inputs.check_computed("output", output)
    lambda_init = number("lambda_init", lambda_init)
    eps = number("eps", eps, above=0)
    wide = output.to(torch.promote_types(output.dtype, torch.float32))
    size = (wide.square().mean(dim=-1, keepdim=True) + eps).sqrt()  # (batch, heads, queries, 1)
    return ((1 - lambda_init) * wide / size).to(output.dtype)


def talking_heads_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mix_scores: Tensor,
    mix_weights: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    weight_bias: Tensor | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Heads that mix: A_i = softmax(Σ_h S_h·P_hi), output_i = (Σ_h A_h·W_hi) v_i (Shazeer et al. 2020).

    P is mix_scores, their P_l; W is mix_weights, their P_w.

    Args:
        mix_scores: (heads, heads): row h says what the scores of head h give to each head.
        mix_weights: (heads, heads): row h says what the weights of head h give to each head.
        weight_bias: (heads,), added to the mixed weights of all that may be seen; in CaiT, not in the paper.
        mask: as in `attention`, but it hides the same from all heads: what one sees, all would see after mixing.

    Returns:
        The output, and the mixed weights, which may be negative and sum to anything.

    Example:
        >>> swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> query, key = torch.tensor([[[1.0]], [[0.0]]]), torch.tensor([[[math.log(3)], [0.0]]] * 2)
        >>> talking_heads_attention(query, key, key, torch.eye(2), swap)[1][:, 0]
        tensor([[0.5000, 0.5000],
                [0.7500, 0.2500]])
    """
    q, k, v = inputs.prepare(query, key, value)  # (batch, heads, positions, dim or value_dim)
    heads = q.shape[1]
    for name, matrix in (("mix_scores", mix_scores), ("mix_weights", mix_weights)):
        inputs.check_floats(name, matrix)
        if matrix.shape != (heads, heads):
            raise ShapeError(f"expected {name} (heads, heads)=({heads}, {heads}), got {tuple(matrix.shape)}")
    if weight_bias is not None:
        inputs.check_floats("weight_bias", weight_bias)
        if weight_bias.shape != (heads,):
            raise ShapeError(f"expected weight_bias (heads,)=({heads},), got {tuple(weight_bias.shape)}; give one a head")
    if scale is None:
        scale = 1 / math.sqrt(q.shape[3])
    scale = number("scale", scale, above=0, advice="leave it out for the default")

    with torch.autocast(q.device.type, enabled=False):
        scores = q @ k.mT * scale  # (batch, heads, queries, keys), as everything until the output
        mixed = torch.einsum("bhqk,hi->biqk", scores, mix_scores.to(q))
        masked, allowed = hide(mixed, mask, causal)
        if not bool((allowed == allowed[:, :1]).all()):
            raise ShapeError(
                "expected a mask that hides the same keys from all heads, got one that differs; heads mix what they see"
            )
        weights = torch.einsum("bhqk,hi->biqk", softmax(masked, None), mix_weights.to(q))
        if weight_bias is not None:
            weights = weights + weight_bias.to(q)[:, None, None] * allowed
        output = gather(weights, v, allowed)  # (batch, heads, queries, value_dim)
    first = (0,) * (4 - query.ndim)
    return output.to(value.dtype)[first], weights[first]
