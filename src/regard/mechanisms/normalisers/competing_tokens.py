"""Softmax attention whose tokens speak about each other: one may mask another, take what it leaves, or weigh by the length.

selective        a token lowers the scores of tokens that it makes needless, for all that come after it
stick-breaking   the nearest token takes its share first, the next one a share of what is left
scalable         scores grow with the logarithm of how many keys compete
multi-token      a score hears the scores around it, before softmax
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, pad

from regard.arguments import MOST, number, whole_number
from regard.errors import ShapeError
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention, gather, weigh


def selective_attention(
    query: Tensor, key: Tensor, value: Tensor, *, masking_head: int = 0, scale: float | None = None
) -> tuple[Tensor, Tensor]:
    """Causal attention in which tokens mask what they make needless: softmax(S − F) (Leviathan et al. 2024, section 3).

        M_ij = ReLU(S_ij) of one head for 0 < j < i, else 0;  F_ij = M_0j + ... + M_{i−1,j};  weights = softmax(S − F)

    One head's positive scores say what a token would have masked: from the next token on, in all heads, and for good. The
    first token is never masked, and none masks itself. There are no new parameters; what is masked can leave the cache.

    Args:
        query: as many as keys: what a token masks follows from its query.
        masking_head: whose scores are the masking, from 0.

    Example:
        Each token would mask those before it by 1; the first is spared:

        >>> one = torch.ones(4, 1)
        >>> selective_attention(one, one, torch.eye(4), scale=1.0)[1]
        tensor([[1.0000, 0.0000, 0.0000, 0.0000],
                [0.5000, 0.5000, 0.0000, 0.0000],
                [0.3333, 0.3333, 0.3333, 0.0000],
                [0.2969, 0.1092, 0.2969, 0.2969]])
    """
    inputs.check_attention(query, key, value)
    if query.shape[-2] != key.shape[-2]:
        raise ShapeError(f"expected as many queries as keys, got {query.shape[-2]} and {key.shape[-2]}; give a whole sequence")
    masked = masking(query, key, masking_head=masking_head, scale=scale)  # (batch, keys, keys)
    before = pad(masked.cumsum(-2)[..., :-1, :], (0, 0, 1, 0))  # F: what the tokens before have masked
    return attention(query, key, value, causal=True, scale=scale, bias=-before[(0,) * (3 - masked.ndim)].unsqueeze(-3))


def masking(query: Tensor, key: Tensor, *, masking_head: int = 0, scale: float | None = None) -> Tensor:
    """How much each token masks each token before it, M (batch, queries, keys), of one head; the last queries of the keys.

    Args:
        masking_head: as in `selective_attention`.

    Example:
        >>> one = torch.ones(3, 1)
        >>> masking(one, one, scale=1.0)[0]
        tensor([[0., 0., 0.],
                [0., 0., 0.],
                [0., 1., 0.]])
    """
    q, k, _ = inputs.prepare(query, key, key)
    heads, (queries, keys) = q.shape[1], (q.shape[2], k.shape[2])
    masking_head = whole_number("masking_head", masking_head, 0, heads - 1)
    scale = number("scale", 1 / math.sqrt(q.shape[3]) if scale is None else scale, above=0)
    own, places = torch.arange(keys - queries, keys, device=q.device)[:, None], torch.arange(keys, device=q.device)
    scores = torch.relu(q[:, masking_head] @ k[:, masking_head].mT * scale)  # (batch, queries, keys)
    return scores.masked_fill((places >= own) | (places == 0), 0)


def stick_breaking_attention(query: Tensor, key: Tensor, value: Tensor, *, scale: float | None = None) -> tuple[Tensor, Tensor]:
    """Each token breaks its share off what nearer ones have left: A_ij = β_ij Π_{j<k<i} (1 − β_ik) (Tan et al. 2024).

    β_ij = σ(S_ij), for j < i: a token does not look at itself. The nearest key that fits wins, so that no position is needed
    to know what came last. A row sums to less than 1, and to 0 for the first token: what is left of the stick is nobody's.

    Args:
        query: the last of the keys; there may be fewer.

    Example:
        >>> stick_breaking_attention(torch.zeros(4, 1), torch.zeros(4, 1), torch.eye(4))[1]
        tensor([[0.0000, 0.0000, 0.0000, 0.0000],
                [0.5000, 0.0000, 0.0000, 0.0000],
                [0.2500, 0.5000, 0.0000, 0.0000],
                [0.1250, 0.2500, 0.5000, 0.0000]])
    """
    q, k, v = inputs.prepare(query, key, value)  # (batch, heads, positions, dim or value_dim)
    queries, keys = q.shape[2], k.shape[2]
    if queries > keys:
        raise ShapeError(
            f"expected the queries to be the last of the keys, got {queries} queries and {keys} keys; give all keys"
        )
    scale = number("scale", 1 / math.sqrt(q.shape[3]) if scale is None else scale, above=0)
    with torch.autocast(q.device.type, enabled=False):  # autocast would lower the precision of the products
        earlier = torch.arange(keys, device=q.device) < torch.arange(keys - queries, keys, device=q.device)[:, None]
        scores = q @ k.mT * scale  # (batch, heads, queries, keys)
        inputs.check_scores(scores.masked_fill(~earlier, -math.inf))
        left = logsigmoid(-scores).masked_fill(~earlier, 0)  # log(1 − β)
        nearer = pad(left[..., 1:], (0, 1)).flip(-1).cumsum(-1).flip(-1)  # of all keys between this one and the query
        weights = (logsigmoid(scores) + nearer).exp().masked_fill(~earlier, 0)
        output = gather(weights, v, earlier.expand_as(weights))  # (batch, heads, queries, value_dim)
    first = (0,) * (4 - query.ndim)
    return output.to(value.dtype)[first], weights[first]


def scaled_by_length(query: Tensor, keys: int, strength: Tensor | float = 1.0) -> Tensor:
    """Scalable softmax: queries times s · log n, with n the keys that a causal row sees (SSMax, Nakanishi 2025).

    Softmax of a growing row grows flat: the same best score competes with more others. Scores that grow with log n keep
    the largest weight where it was: exp(s z log n) = n^(s z). Give the queries to `attention` with causal=True.

    Args:
        query: (batch, heads, queries, dim), the last of the keys.
        keys: how many keys there are.
        strength: s, a number, or (heads,), learned.

    Returns:
        As query.

    Example:
        >>> scaled_by_length(torch.ones(3, 1), keys=3).flatten()
        tensor([0.0000, 0.6931, 1.0986])
    """
    inputs.check_floats("query", query)
    inputs.check_axes("query", query)
    queries, heads = query.shape[-2], inputs.widen(query).shape[1]
    if not isinstance(strength, Tensor):
        strength = torch.tensor(number("strength", strength), device=query.device)
    inputs.check_floats("strength", strength)
    if strength.shape not in ((), (heads,)):
        raise ShapeError(f"expected strength as one number or (heads,)=({heads},), got {tuple(strength.shape)}")
    keys = whole_number("keys", keys, queries, MOST)
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    seen = torch.arange(keys - queries + 1, keys + 1, dtype=torch.float64, device=query.device)  # (queries,)
    factor = seen.log().to(wide)[:, None]  # (queries, 1)
    if strength.ndim and query.ndim > 2:
        strength = strength[:, None, None]
    return (query.to(wide) * (factor * strength.to(wide))).to(query.dtype)


def multi_token_attention(
    query: Tensor, key: Tensor, value: Tensor, kernel: Tensor, *, scale: float | None = None
) -> tuple[Tensor, Tensor]:
    """Causal attention whose scores hear those around them: softmax of convolved scores (MTA, Golovneva et al. 2025).

        C_ij = Σ_a Σ_b θ_ab S_{i−a, j+middle−b},  a < c_q, b < c_k, S of the future taken as 0;  weights = softmax(C)

    The kernel looks back over c_q queries, and to both sides over c_k keys: a weight can depend on several queries and keys
    that fit near each other, as where the two words of a name stand together.

    Args:
        query: as many as keys.
        kernel: θ (heads, c_q, c_k), learned, c_k odd; 1 at [:, 0, c_k // 2] and 0 elsewhere is plain attention.

    Example:
        >>> kernel = torch.zeros(1, 2, 3)
        >>> kernel[:, 0, 1] = 1
        >>> x = torch.randn(1, 5, 4)
        >>> torch.equal(multi_token_attention(x, x, x, kernel)[1], attention(x, x, x, causal=True)[1])
        True
    """
    q, k, _ = inputs.prepare(query, key, value)
    heads, length = q.shape[1], q.shape[2]
    if length != k.shape[2]:
        raise ShapeError(f"expected as many queries as keys, got {length} and {k.shape[2]}; give a whole sequence")
    inputs.check_floats("kernel", kernel)
    if kernel.ndim != 3 or kernel.shape[0] != heads or not kernel.shape[1] or not kernel.shape[2] % 2:
        raise ShapeError(f"expected kernel (heads={heads}, c_q, c_k) with c_k odd, got {tuple(kernel.shape)}")
    scale = number("scale", 1 / math.sqrt(q.shape[3]) if scale is None else scale, above=0)
    back, wide = kernel.shape[1:]
    with torch.autocast(q.device.type, enabled=False):
        scores = (q @ k.mT * scale).tril()  # (batch, heads, queries, keys): what comes later adds nothing
        inputs.check_scores(scores)
        room = pad(scores, (wide // 2, wide // 2, back - 1, 0))
        heard = [
            kernel[:, a, b, None, None].to(q) * room[:, :, back - 1 - a :][:, :, :length, wide - 1 - b :][..., :length]
            for a in range(back)
            for b in range(wide)
        ]
        convolved = torch.stack(heard).sum(0)  # (batch, heads, queries, keys)
    return weigh(convolved[(0,) * (4 - query.ndim)], value, causal=True)
