"""Positions in the scores: a number for each distance, for `attention` to add as its bias."""

import math

import torch
from torch import Tensor

from regard.arguments import MOST, checked_device, dense_tensor, truth, whole_number
from regard.errors import DtypeError, OptionError
from regard.mechanisms import inputs


def t5_buckets(relative: Tensor, buckets: int = 32, max_distance: int = 128, *, causal: bool = False) -> Tensor:
    """Number the bucket of each distance: small ones have one each, larger ones share (Raffel et al. 2019, section 2.1).

    Half of a direction's buckets are for its small distances, the others widen as the distance grows; max_distance is in the
    last one, as is all beyond. Without causal the first half of all buckets looks back, the second ahead. The logarithm is
    float32, as where T5 was trained: in another precision a distance on an edge could change its bucket.

    Args:
        relative: position of the key minus that of the query, integers of any dtype and shape.
        buckets: how many, 2 or more for each direction, and as many for both.
        max_distance: where one bucket more would begin; of 32, with 128, the last begins at 91, or with causal at 113.
            Above the small distances, half of a direction's buckets.
        causal: give all buckets to the past. The future is then in bucket 0, and must be hidden.

    Returns:
        Numbers from 0 to buckets − 1, int64, shaped as relative.

    Example:
        >>> t5_buckets(torch.tensor([-200, -20, -8, -1, 0, 1, 8, 20]))
        tensor([15, 10,  8,  1,  0, 17, 24, 26])
        >>> t5_buckets(torch.tensor([-200, -20, -8, -1, 0, 1, 8, 20]), causal=True)
        tensor([31, 17,  8,  1,  0,  0,  0,  0])
    """
    buckets, max_distance = (
        whole_number("buckets", buckets, 1, room=MOST),
        whole_number("max_distance", max_distance, 1, room=2**53),
    )
    causal = truth("causal", causal)
    numbers = isinstance(relative, Tensor) and relative.dtype != torch.bool and not relative.is_complex()
    if not numbers or relative.is_floating_point():
        given = getattr(relative, "dtype", type(relative).__name__)
        raise DtypeError(f"relative: expected a tensor of whole numbers, got {given}; write torch.as_tensor(relative).long()")
    relative = dense_tensor("relative", relative).long()  # narrow integers have no room for their own negatives
    a_direction = buckets if causal else buckets // 2
    small = a_direction // 2
    if a_direction < 2 or (not causal and buckets % 2) or max_distance <= small:
        raise OptionError(
            f"expected 2 or more buckets for each direction, as many for both, and a max_distance above {small}, the number of "
            f"small distances, got buckets={buckets} and max_distance={max_distance} with causal={causal}"
        )
    distance = (-relative).clamp(min=0) if causal else relative.abs()
    growth = torch.log(distance.clamp(min=1).float() / small) / math.log(max_distance / small)
    large = (small + (growth * (a_direction - small)).long()).clamp(max=a_direction - 1)
    bucket = torch.where(distance < small, distance, large)
    return bucket if causal else bucket + a_direction * (relative > 0)


def t5_bias(table: Tensor, queries: int, keys: int, max_distance: int = 128, *, causal: bool = False) -> Tensor:
    """A learned number for each bucket and head: bias_hij = table[bucket(j − i), h] (Raffel et al. 2019, section 2.1).

    It is (heads, queries, keys), in the dtype of table.

    T5 adds it to plain dot products, without 1/√dim: ``attention(query, key, value, scale=1.0, bias=t5_bias(...))``.

    Args:
        table: (buckets, heads), the embedding of T5's first layer, which all its layers share.
        queries: how many, the last of them at the last key.
        keys: how many.
        max_distance: as in `t5_buckets`.
        causal: a decoder's buckets, as in `t5_buckets`. It does not hide the future: `attention` does.

    Example:
        >>> table = torch.arange(8.0)[:, None]  # one head, which shows the buckets
        >>> t5_bias(table, 3, 5, max_distance=16)
        tensor([[[2., 1., 0., 5., 6.],
                 [2., 2., 1., 0., 5.],
                 [2., 2., 2., 1., 0.]]])
    """
    inputs.check_shape("table", table, {"buckets": None, "heads": None})
    queries, keys = whole_number("queries", queries, 1, room=MOST), whole_number("keys", keys, 1, room=MOST)
    bucket = t5_buckets(distances(queries, keys, table.device), table.shape[0], max_distance, causal=causal)
    return table[bucket].permute(2, 0, 1)  # (heads, queries, keys)


def alibi_slopes(heads: int, device: torch.device | str | None = None) -> Tensor:
    """One slope a head, a geometric series: 2^(−8/heads), 2^(−16/heads) ... 2^(−8) (Press et al. 2021, section 3).

    If heads is no power of two: the slopes of the power below, then every second one of the power above (authors' code).
    They are (heads,), float64.

    Example:
        >>> alibi_slopes(8)
        tensor([0.5000, 0.2500, 0.1250, 0.0625, 0.0312, 0.0156, 0.0078, 0.0039], dtype=torch.float64)
        >>> alibi_slopes(6).log2()
        tensor([-2., -4., -6., -8., -1., -3.], dtype=torch.float64)
    """
    heads = whole_number("heads", heads, 1, room=inputs.MOST_FEATURES)
    below = 2 ** (heads.bit_length() - 1)  # the largest power of two up to heads
    slopes = [2 ** (-8 * step / below) for step in range(1, below + 1)]
    slopes += [2 ** (-8 * step / (2 * below)) for step in range(1, 2 * (heads - below), 2)]
    return torch.tensor(slopes, dtype=torch.float64, device=None if device is None else checked_device(device))


def alibi_bias(
    heads: int, queries: int, keys: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
) -> Tensor:
    """Attention with linear biases: bias_hij = −slope_h · |i − j|, and nothing to learn (Press et al. 2021, section 3).

    The further back, the less weight; steep heads read the last words, flat ones the whole text. The paper is about
    causal models, where |i − j| is i − j. Give it to `attention` as its bias, (heads, queries, keys): it is
    added after 1/√dim.

    Args:
        heads: how many.
        queries: how many, the last of them at the last key.
        keys: how many.
        dtype: of the bias.
        device: where it is made.

    Example:
        >>> alibi_bias(1, 2, 4) * 2**8
        tensor([[[-2., -1., -0., -1.],
                 [-3., -2., -1., -0.]]])
    """
    queries, keys = whole_number("queries", queries, 1, room=MOST), whole_number("keys", keys, 1, room=MOST)
    inputs.check_float_dtype("dtype", dtype)
    device = None if device is None else checked_device(device)
    apart = distances(queries, keys, device).abs()  # (queries, keys)
    return (-alibi_slopes(heads, device)[:, None, None] * apart).to(dtype)  # (heads, queries, keys)


def distances(queries: int, keys: int, device: torch.device | str | None) -> Tensor:
    """From each query i to each key j, j − i: (queries, keys). The last query stands at the last key."""
    return torch.arange(keys, device=device) - torch.arange(keys - queries, keys, device=device)[:, None]
