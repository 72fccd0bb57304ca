"""Tensor product attention: each token's queries, keys and values as sums of a few products (TPA, Zhang et al. 2025).

    K_t = (1 / rank) Σ_r a_tr b_trᵀ          a_tr has a number for each head, b_tr one for each channel

and so for queries and values. Both factors are computed from the token, and only they are kept: rank · (heads + dim) numbers in
place of heads · dim. A rotation of all heads by the position is a rotation of b: rotary positions go into the factors.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from regard.errors import DtypeError, ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention


class Factors(NamedTuple):
    """What one token's heads are made of.

    Attributes:
        heads: a (batch, positions, rank, heads).
        channels: b (batch, positions, rank, dim), turned to its position for queries and keys.
    """

    heads: Tensor
    channels: Tensor


def multiplied(factors: Factors) -> Tensor:
    """The heads that factors stand for, (1 / rank) Σ_r a_r b_rᵀ: (batch, heads, positions, dim) (Zhang et al. 2025, section 3).

    Args:
        factors: of queries, keys or values.

    Example:
        >>> multiplied(Factors(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[[3.0, 5.0]]]])))
        tensor([[[[ 3.,  5.]],
        <BLANKLINE>
                 [[ 6., 10.]]]])
    """
    if not isinstance(factors, Factors):
        raise DtypeError(f"factors: expected Factors, got {type(factors).__name__}; write Factors(heads, channels)")
    for name, tensor in zip(factors._fields, factors, strict=True):
        inputs.check_floats(name, tensor)
    a, b = factors
    if a.ndim != 4 or b.ndim != 4 or a.shape[:3] != b.shape[:3] or 0 in (*a.shape, *b.shape):
        raise ShapeError(
            "expected heads (batch, positions, rank, heads) and channels (batch, positions, rank, dim), got "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    made: Tensor = torch.einsum("bprh,bprd->bhpd", a, b) / a.shape[2]
    return made


def tensor_product_attention(
    query: Factors, key: Factors, value: Factors, mask: Tensor | Mask | None = None, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """`attention` of heads that are given as factors (Zhang et al. 2025, section 3).

    With rank 1 and a fixed a it is multi-query attention, with a that choose one of rank groups grouped-query attention, up to
    the factor 1 / rank.

    Args:
        query: factors of the queries; ranks may differ.
        key: factors of the keys.
        value: factors of the values, of as many heads as the keys.

    Example:
        >>> make = lambda rank, dim: Factors(torch.randn(1, 5, rank, 6), torch.randn(1, 5, rank, dim))
        >>> output, weights = tensor_product_attention(make(3, 4), make(2, 4), make(2, 7), causal=True)
        >>> output.shape, weights.shape
        (torch.Size([1, 6, 5, 7]), torch.Size([1, 6, 5, 5]))
    """
    return attention(multiplied(query), multiplied(key), multiplied(value), mask, causal=causal)
