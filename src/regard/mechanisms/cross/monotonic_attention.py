"""Monotonic attention: a walk over the keys from left to right, which stops once for every query and never goes back.

At each key a coin decides whether to stop. What is trained is where the walk stops on average (`expected_alignment`), which
has a closed form; what decodes is the walk itself (`hard_alignment`), and it can begin before the last key has arrived.
Chunkwise attention lets softmax choose among the few keys that end where the walk stops.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from regard.arguments import whole_number
from regard.errors import ScoreError, ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import gather, hide


def expected_alignment(scores: Tensor) -> Tensor:
    """Where a walk from left to right stops, on average over its coin flips: the recurrence (Raffel et al. 2017).

    For each query the walk goes on from the key where it stopped before, and flips a coin at each key: it stops with
    probability p_ij = σ(scores_ij), else it moves on. α_ij, the probability that query i stops at key j, is

        q_ij = (1 − p_i,j−1) q_i,j−1 + α_i−1,j          the walk arrives at key j
        α_ij = p_ij q_ij                                 and stops there

    with α_0 = (1, 0, 0, ...): the first walk begins at the first key. What passes the last key has left for good, so a row
    sums to at most the row before. In the paper scores are e.

    Args:
        scores: (..., queries, keys); −∞ where a key is hidden: the walk passes it; +∞ always stops it.

    Returns:
        α (..., queries, keys) in float32, or float64 where scores are.

    Example:
        >>> expected_alignment(torch.zeros(2, 3))
        tensor([[0.5000, 0.2500, 0.1250],
                [0.2500, 0.2500, 0.1875]])
    """
    scores = _numbers("scores", scores)
    stop, move = torch.sigmoid(scores), torch.sigmoid(-scores)  # p and 1 − p (..., queries, keys)
    previous = pad(torch.ones_like(scores[..., 0, :1]), (0, scores.shape[-1] - 1))  # α_0 (..., keys)
    rows = []
    for i in range(scores.shape[-2]):
        arrives = torch.zeros_like(scores[..., 0, 0])  # (...)
        row = []
        for j in range(scores.shape[-1]):
            passes = move[..., i, j - 1] * arrives if j else arrives
            arrives = passes + previous[..., j]
            row.append(stop[..., i, j] * arrives)
        previous = torch.stack(row, dim=-1)  # (..., keys)
        rows.append(previous)
    return torch.stack(rows, dim=-2)  # (..., queries, keys)


def expected_alignment_parallel(scores: Tensor) -> Tensor:
    """`expected_alignment` with all keys of a row at once, by doubling (its recurrence: Raffel et al. 2017).

    q_ij = Σ_k≤j α_i−1,k Π_k≤l<j (1 − p_il) sums over the keys k where the walk before has stopped. Let the sum over the n keys
    up to j be known for each j. Over 2n keys it is this, and what it was n keys before, times the chance to pass those n: so n
    doubles, and log₂(keys) steps do. All numbers are probabilities, and none is subtracted or divided by. The paper (appendix
    C.1) divides by the chance C to pass all keys before j, α_i = p_i · C_i · cumsum(α_i−1 / C_i): it underflows after a hundred
    keys, and is clipped there.

    Example:
        >>> expected_alignment_parallel(torch.zeros(2, 3))
        tensor([[0.5000, 0.2500, 0.1250],
                [0.2500, 0.2500, 0.1875]])
    """
    scores = _numbers("scores", scores)
    keys = scores.shape[-1]
    stop, move = torch.sigmoid(scores), torch.sigmoid(-scores)  # p and 1 − p (..., queries, keys)
    previous = pad(torch.ones_like(scores[..., 0, :1]), (0, keys - 1))  # α_0 (..., keys)
    rows = []
    for i in range(scores.shape[-2]):
        arrives, passes = previous, pad(move[..., i, :-1], (1, 0))  # from j itself, and past the key before j (..., keys)
        back = 1
        while back < keys:
            arrives = arrives + passes * pad(arrives[..., :-back], (back, 0))  # the sum over 2 · back keys
            passes = passes * pad(passes[..., :-back], (back, 0))
            back *= 2
        previous = stop[..., i, :] * arrives
        rows.append(previous)
    return torch.stack(rows, dim=-2)  # (..., queries, keys)


def hard_alignment(scores: Tensor) -> Tensor:
    """The walk as it decodes: on from where it stopped, to the first key with p ≥ ½ (Raffel et al. 2017, algorithm 1).

    No key after the one that is chosen is looked at, so decoding can begin before the keys have all arrived, and every key is
    scored about once: queries + keys scores in all. A walk that finds nothing has left: its row and all later ones are 0.
    Scores are those of `expected_alignment`.

    Returns:
        (..., queries, keys), 1 at the chosen key and 0 elsewhere, in float32, or float64 where scores are.

    Example:
        >>> hard_alignment(torch.tensor([[-1.0, 2.0, 3.0], [4.0, -1.0, 1.0]]))
        tensor([[0., 1., 0.],
                [0., 0., 1.]])
    """
    scores = _wide("scores", scores)
    keys = scores.shape[-1]
    position = torch.arange(keys, device=scores.device)
    start = torch.zeros_like(scores[..., 0, :1], dtype=torch.int64)  # (..., 1)
    rows = []
    for i in range(scores.shape[-2]):
        stops = (scores[..., i, :] >= 0) & (position >= start)  # (..., keys): p ≥ ½ where the score is ≥ 0
        first = stops.to(torch.int8).argmax(dim=-1, keepdim=True)  # (..., 1)
        start = torch.where(stops.any(dim=-1, keepdim=True), first, keys)
        rows.append((position == start).to(scores))  # (..., keys)
    return torch.stack(rows, dim=-2)  # (..., queries, keys)


def monotonic_attention(scores: Tensor, value: Tensor, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
    """Monotonic attention as it is trained: output = α · values, α the expected alignment (Raffel et al. 2017, section 2.3).

    Rows sum to at most 1: the rest is the chance that the walk found nothing. The paper subtracts a learned offset from the
    scores, so that the walk does not stop too early at first, and adds noise to them, so that p becomes 0 or 1.

    Args:
        scores: (batch, heads, queries, keys), from any function; p = σ(scores).
        mask: as in `attention`. The walk passes a hidden key.

    Example:
        >>> output, weights = monotonic_attention(torch.zeros(2, 3), torch.tensor([[8.0], [16.0], [32.0]]))
        >>> output.flatten()
        tensor([12., 12.])
    """
    masked, allowed = _steps(scores, value, mask)  # (batch, heads, queries, keys)
    return _mixed(expected_alignment_parallel(masked), allowed, scores, value)


def monotonic_decoding(scores: Tensor, value: Tensor, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
    """Monotonic attention as it decodes: output_i = value of the key where `hard_alignment` stops, 0 where it found none.

    Arguments as in `monotonic_attention`; weights are 0 or 1.

    Example:
        >>> monotonic_decoding(torch.tensor([[-1.0, 1.0]]), torch.tensor([[3.0], [5.0]]))
        (tensor([[5.]]), tensor([[0., 1.]]))
    """
    masked, allowed = _steps(scores, value, mask)  # (batch, heads, queries, keys)
    return _mixed(hard_alignment(masked), allowed, scores, value)


def chunkwise(alignment: Tensor, scores: Tensor, width: int) -> Tensor:
    """Share the weight of each key with the keys just before it, by softmax (Chiu & Raffel 2017).

        β_ij = Σ_k α_ik · exp(u_ij) / Σ_l exp(u_il),   k = j ... j + width − 1,  l = k − width + 1 ... k

    A chunk is the key where the walk stops and the width − 1 before it, fewer at the start. Width 1 changes nothing; a width
    of all keys is infinite lookback (Arivazhagan et al. 2019). In the paper width is w and scores are u.

    Args:
        alignment: α (..., queries, keys), expected or hard.
        scores: (..., queries, keys), by which a chunk is weighed; −∞ where a key is hidden.
        width: how many keys a chunk has, 1 or more.

    Returns:
        β (..., queries, keys): rows sum to what those of the alignment do.

    Example:
        >>> chunkwise(torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([[5.0, 0.0, 0.0]]), width=2)
        tensor([[0.0000, 0.5000, 0.5000]])
    """
    alignment = _numbers("alignment", alignment)
    scores = _numbers("scores", scores)
    if bool((scores == math.inf).any()):
        raise ScoreError(
            "scores: expected numbers below infinity, got inf; hide a key with -inf, and look for overflow elsewhere"
        )
    if alignment.shape != scores.shape:
        raise ShapeError(f"expected alignment and scores of one shape, got {tuple(alignment.shape)} and {tuple(scores.shape)}")
    keys = scores.shape[-1]
    width = min(whole_number("width", width, 1), keys)  # no chunk has more
    chunks = pad(scores, (width - 1, 0), value=-math.inf).unfold(-1, width, 1)  # (..., queries, keys, width)
    empty = (chunks == -math.inf).all(dim=-1, keepdim=True)  # (..., queries, keys, 1)
    inside = chunks.masked_fill(empty, 0.0).softmax(dim=-1).masked_fill(empty, 0.0)
    shares = alignment[..., None] * inside  # (..., queries, keys, width): the last of a chunk is its own key
    shifted = [pad(shares[..., t], (t, width - 1 - t)) for t in range(width)]  # (..., queries, width − 1 + keys)
    return torch.stack(shifted).sum(dim=0)[..., -keys:]  # (..., queries, keys)


def mocha_attention(
    scores: Tensor, chunk_scores: Tensor, value: Tensor, width: int, mask: Tensor | Mask | None = None
) -> tuple[Tensor, Tensor]:
    """Monotonic chunkwise attention as it is trained: output = β · values (Chiu & Raffel 2017).

    The walk and its scores are those of `monotonic_attention`, β is that of `chunkwise`.

    Args:
        chunk_scores: shaped as scores: what is looked at in a chunk.

    Example:
        >>> flat = torch.zeros(1, 3)
        >>> mocha_attention(flat, flat, torch.eye(3), width=2)[1]
        tensor([[0.6250, 0.1875, 0.0625]])
    """
    masked, allowed = _steps(scores, value, mask)  # (batch, heads, queries, keys), as the next
    chunked, _ = _steps(chunk_scores, value, mask)
    return _mixed(chunkwise(expected_alignment_parallel(masked), chunked, width), allowed, scores, value)


def mocha_decoding(
    scores: Tensor, chunk_scores: Tensor, value: Tensor, width: int, mask: Tensor | Mask | None = None
) -> tuple[Tensor, Tensor]:
    """Monotonic chunkwise attention as it decodes: softmax over the chunk that ends where the walk stops.

    Arguments as in `mocha_attention`; rows sum to 1, or to 0 where the walk found nothing.

    Example:
        >>> mocha_decoding(torch.tensor([[-1.0, -1.0, 1.0]]), torch.zeros(1, 3), torch.eye(3), width=2)[1]
        tensor([[0.0000, 0.5000, 0.5000]])
    """
    masked, allowed = _steps(scores, value, mask)  # (batch, heads, queries, keys), as the next
    chunked, _ = _steps(chunk_scores, value, mask)
    return _mixed(chunkwise(hard_alignment(masked), chunked, width), allowed, scores, value)


def _steps(scores: Tensor, value: Tensor, mask: Tensor | Mask | None) -> tuple[Tensor, Tensor]:
    """The scores, −∞ where a key is hidden, and where it is not: both (batch, heads, queries, keys)."""
    inputs.check_scores_and_value(scores, value)
    wide = torch.promote_types(torch.promote_types(scores.dtype, value.dtype), torch.float32)
    return hide(inputs.widen(scores).to(wide), mask, causal=False)


def _mixed(weights: Tensor, allowed: Tensor, scores: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    v = inputs.widen(value).to(weights)
    v = v.repeat_interleave(weights.shape[1] // v.shape[1], dim=1)  # (batch, heads, keys, value_dim)
    with torch.autocast(v.device.type, enabled=False):
        output = gather(weights, v, allowed).to(value.dtype)  # (batch, heads, queries, value_dim)
    first = (0,) * (4 - scores.ndim)
    return output[first], weights[first]


def _wide(name: str, tensor: Tensor) -> Tensor:
    inputs.check_computed(name, tensor)
    if tensor.ndim < 2 or 0 in tensor.shape:
        raise ShapeError(f"expected {name} (..., queries, keys) with every size at least 1, got {tuple(tensor.shape)}")
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _numbers(name: str, tensor: Tensor) -> Tensor:
    tensor = _wide(name, tensor)
    if bool(tensor.isnan().any()):
        raise ScoreError(f"{name}: expected numbers, got NaN; look for 0/0, inf - inf or overflow where it was computed")
    return tensor
