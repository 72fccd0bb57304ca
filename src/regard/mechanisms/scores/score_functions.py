"""Score functions: how well a key fits a query. Softmax and the weighted mean of the values stay what they are.

    weights = softmax(score(q, k)),  output = weights · values

In the order in which they were found, but for the oldest, which comes last: attention is a kernel regression. Every
function ends in `weigh`, and takes what a model would learn as tensors, laid out as in `torch.nn.Linear`: (out, in). Where a
weight stands between them, query and key may differ in dim: query_dim and key_dim.
"""

import torch
from torch import Tensor

from regard.arguments import number
from regard.errors import ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention, weigh


def additive(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    query_weight: Tensor,
    key_weight: Tensor,
    score_weight: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
) -> tuple[Tensor, Tensor]:
    """Additive attention, a small network for each pair: score = v · tanh(W q + U k) (Bahdanau et al. 2014, appendix A.1.2).

    Queries and keys may differ in their dim, since each has a projection of its own. U k is computed once a key.
    In the paper q is the decoder's last state s_{i−1} and k the encoder's annotation h_j, which is the value too.

    Args:
        query_weight: W, (hidden, query_dim), one for all heads; their W_a.
        key_weight: U, (hidden, key_dim); their U_a.
        score_weight: v, (hidden,); their v_a.

    Example:
        >>> query, key = torch.zeros(1, 2), torch.tensor([[0.0], [9.0]])
        >>> additive(query, key, key, torch.ones(1, 2), torch.ones(1, 1), torch.ones(1))[1]
        tensor([[0.2689, 0.7311]])
    """
    q, k = _query_and_key(query, key, value)
    inputs.check_shape("query_weight", query_weight, {"hidden": None, "query_dim": q.shape[-1]})
    hidden = query_weight.shape[0]
    inputs.check_shape("key_weight", key_weight, {"hidden": hidden, "key_dim": k.shape[-1]})
    inputs.check_shape("score_weight", score_weight, {"hidden": hidden})
    with torch.autocast(q.device.type, enabled=False):
        wq = q @ query_weight.to(q).mT  # (batch, heads, queries, hidden)
        uk = k @ key_weight.to(q).mT  # (batch, heads, keys, hidden)
        bent = torch.tanh(wq.unsqueeze(-2) + uk.unsqueeze(-3))  # (batch, heads, queries, keys, hidden)
        scores = (bent @ score_weight.to(q).unsqueeze(-1)).squeeze(-1)  # (batch, heads, queries, keys)
    return weigh(scores, value, mask, causal=causal)


def dot(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | Mask | None = None, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Dot-product attention without a scale: score = q · k (Luong et al. 2015, section 3.1, "dot").

    Their q is the decoder's state h_t, their k and value the encoder's states h_s. Transformers divide by √dim, because
    the variance of the score grows with dim and would saturate the softmax: `attention`.

    Example:
        >>> dot(torch.eye(2), torch.eye(2), torch.eye(2))[1]
        tensor([[0.7311, 0.2689],
                [0.2689, 0.7311]])
    """
    return attention(query, key, value, mask, causal=causal, scale=1.0)


def general(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weight: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
) -> tuple[Tensor, Tensor]:
    """Bilinear attention: score = qᵀ W k (Luong et al. 2015, section 3.1, "general").

    A transformer's score is this with W = W_Qᵀ W_K / √dim: one matrix of low rank for each head.

    Args:
        weight: W, (query_dim, key_dim), one for all heads; their W_a.

    Example:
        >>> swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> general(torch.eye(2), torch.eye(2), torch.eye(2), swap)[1]
        tensor([[0.2689, 0.7311],
                [0.7311, 0.2689]])
    """
    q, k = _query_and_key(query, key, value)
    inputs.check_shape("weight", weight, {"query_dim": q.shape[-1], "key_dim": k.shape[-1]})
    with torch.autocast(q.device.type, enabled=False):
        scores = q @ weight.to(q) @ k.mT  # (batch, heads, queries, keys)
    return weigh(scores, value, mask, causal=causal)


def concat(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weight: Tensor,
    score_weight: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
) -> tuple[Tensor, Tensor]:
    """Attention by concatenation: score = v · tanh(W [q; k]) (Luong et al. 2015, section 3.1, "concat").

    W [q; k] is W_q q + W_k k for the two halves of W: this is `additive`, written with one matrix.

    Args:
        weight: W, (hidden, query_dim + key_dim), the queries' columns first; their W_a.
        score_weight: v, (hidden,); their v_a.

    Example:
        >>> query, key = torch.zeros(1, 2), torch.tensor([[0.0], [9.0]])
        >>> concat(query, key, key, torch.ones(1, 3), torch.ones(1))[1]
        tensor([[0.2689, 0.7311]])
    """
    q, k = _query_and_key(query, key, value)
    inputs.check_shape("weight", weight, {"hidden": None, "query_dim + key_dim": q.shape[-1] + k.shape[-1]})
    query_weight, key_weight = weight.split((q.shape[-1], k.shape[-1]), dim=1)  # (hidden, query_dim), (hidden, key_dim)
    return additive(query, key, value, query_weight, key_weight, score_weight, mask, causal=causal)


def location(
    query: Tensor, value: Tensor, weight: Tensor, mask: Tensor | Mask | None = None, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Location-based attention: score_j = w_j · q, a row of W for each place, and no keys (Luong et al. 2015, equation 8).

    The query says where to look, and never learns what stands there. Rows beyond the last key are not used.

    Args:
        weight: W, (positions, dim), with at least as many positions as there are keys; their W_a.

    Example:
        >>> value = torch.tensor([[1.0], [3.0]])
        >>> location(torch.ones(1, 1), value, torch.tensor([[0.0], [1.0], [5.0]]))[1]
        tensor([[0.2689, 0.7311]])
    """
    inputs.check_attention(query, query, query)  # there is no key; `weigh` refuses values that do not fit
    inputs.check_floats("value", value)
    inputs.check_shape("weight", weight, {"positions": None, "dim": query.shape[-1]})
    keys = inputs.widen(value).shape[2]
    if weight.shape[0] < keys:
        raise ShapeError(
            f"expected weight (positions, dim) with a row for each of {keys} keys, got {tuple(weight.shape)}; shorten the "
            "values, or learn a longer weight"
        )
    q = query.to(torch.float64 if query.dtype == torch.float64 else torch.float32)
    with torch.autocast(q.device.type, enabled=False):
        scores = q @ weight[:keys].to(q).mT  # (batch, heads, queries, keys)
    return weigh(scores, value, mask, causal=causal)


def cosine(
    query: Tensor, key: Tensor, value: Tensor, scale: Tensor, mask: Tensor | Mask | None = None, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Cosine attention: score = scale · cos(q, k) (Graves et al. 2014, equations 5 and 6; Liu et al. 2021, Swin V2).

    The length of a vector no longer counts, and no score exceeds the scale: it alone says how sharp a row may be. A
    query or key of length 0 has cosine 0 with everything.

    Args:
        scale: (heads,), learned: the key strength β of Graves et al., 1/τ in Swin V2, g in Henry et al. 2020.

    Example:
        >>> key = torch.tensor([[0.01, 0.0], [0.0, 700.0]])
        >>> cosine(torch.eye(2), key, torch.eye(2), torch.tensor([1.0]))[1]
        tensor([[0.7311, 0.2689],
                [0.2689, 0.7311]])
    """
    inputs.check_attention(query, key, value)
    q, k = _query_and_key(query, key, value)
    inputs.check_shape("scale", scale, {"heads": inputs.widen(query).shape[1]})
    q, k = _direction(q), _direction(k)
    per_head = scale.to(q)[:, None, None] if q.ndim > 2 else scale.to(q)  # (heads, 1, 1)
    with torch.autocast(q.device.type, enabled=False):
        scores = q @ k.mT * per_head  # (batch, heads, queries, keys)
    return weigh(scores, value, mask, causal=causal)


def qk_norm(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    query_gain: Tensor,
    key_gain: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
    eps: float = 1e-6,
) -> tuple[Tensor, Tensor]:
    """Attention of normalised queries and keys with a learned gain: softmax(norm(Q) norm(K)ᵀ / √dim) V.

    norm(x) = gain · x / √(mean(x²) + eps), the RMS norm of today's models, which gives each channel a gain. Henry et al.
    2020 (Query-Key Normalization for Transformers, section 3) have a single g for all of them: softmax(g · cos(q, k)),
    which is this with g = √dim · query_gain · key_gain, and `cosine`. Either way no score can grow without bound while
    a model trains.

    Args:
        query_gain: (dim,), one for all heads.
        key_gain: (dim,).
        eps: above 0, keeps a vector of length 0 from being divided by 0.

    Example:
        >>> gain = torch.ones(2)
        >>> weights = qk_norm(torch.eye(2), 700 * torch.eye(2), torch.eye(2), gain, gain)[1]
        >>> weights.allclose(torch.softmax(2**0.5 * torch.eye(2), dim=-1))
        True
    """
    inputs.check_attention(query, key, value)
    eps = number("eps", eps, above=0)
    q, k = _query_and_key(query, key, value)
    for name, gain in (("query_gain", query_gain), ("key_gain", key_gain)):
        inputs.check_shape(name, gain, {"dim": q.shape[-1]})
    q, k = query_gain.to(q) * _rms_norm(q, eps), key_gain.to(k) * _rms_norm(k, eps)
    with torch.autocast(q.device.type, enabled=False):
        scores = q @ k.mT / q.shape[-1] ** 0.5  # (batch, heads, queries, keys)
    return weigh(scores, value, mask, causal=causal)


def kernel_regression(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    bandwidth: float = 1.0,
    causal: bool = False,
) -> tuple[Tensor, Tensor]:
    """Kernel regression with a Gaussian: weights ∝ exp(−‖q − k‖² / 2·bandwidth²) (Nadaraya 1964; Watson 1964).

    The estimate at q is the mean of the values that are known at k, each counted as much as its place is near: attention, fifty
    years early. ‖q − k‖² = ‖q‖² − 2 q · k + ‖k‖², and ‖q‖² is the same for all keys: it is dot-product attention with
    scale 1/bandwidth² and a bias of −‖k‖² / 2·bandwidth².

    Args:
        bandwidth: the Gaussian's standard deviation, above 0, their h: small copies the nearest value, large averages all.

    Example:
        >>> known = torch.tensor([[0.0], [1.0], [2.0]])
        >>> kernel_regression(torch.tensor([[1.0]]), known, known, bandwidth=0.5)[1]
        tensor([[0.1065, 0.7870, 0.1065]])
    """
    inputs.check_attention(query, key, value)
    bandwidth = number("bandwidth", bandwidth, above=0)
    q, k = _query_and_key(query, key, value)
    apart = q.unsqueeze(-2) - k.unsqueeze(-3)  # (batch, heads, queries, keys, dim)
    scores = -apart.square().sum(dim=-1) / (2 * bandwidth**2)  # (batch, heads, queries, keys)
    return weigh(scores, value, mask, causal=causal)


def _direction(x: Tensor) -> Tensor:
    """Each vector over its length, or 0. Dividing by the largest number first keeps squares from overflow and underflow."""
    largest = x.detach().abs().amax(dim=-1, keepdim=True)  # (batch, heads, positions, 1)
    x = x / largest.masked_fill(largest == 0, 1)
    length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)  # (batch, heads, positions, 1), 1 … √dim, or 0
    return x / length.masked_fill(length == 0, 1)


def _rms_norm(x: Tensor, eps: float) -> Tensor:
    """The norm x / √(mean(x²) + eps), as (x/c) / √(mean((x/c)²) + eps/c²): the squares of long vectors would overflow."""
    c = x.detach().abs().amax(dim=-1, keepdim=True).clamp(min=1)  # (batch, heads, positions, 1)
    x = x / c
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps / c / c)


def _query_and_key(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Query and key in the dtype that scores are computed in, a key head for each query head. Their dims may differ."""
    inputs.check_places(query, key, value)
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    if query.ndim > 2:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    return query.to(wide), key.to(wide)
