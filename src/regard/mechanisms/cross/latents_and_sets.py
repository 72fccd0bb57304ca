"""Attention through a few learned vectors: what it costs no longer grows with the square of the input.

    read      a few learned queries look at all keys                 Perceiver, pooling of sets
    write     all queries look at what was read                      Perceiver IO, induced set attention

No position is added anywhere, so these are functions of a set: the order of the keys does not matter. The blocks of the Set
Transformer are at the end of the file; the Perceiver, with its layers, has a file of its own.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from regard.arguments import whole_number
from regard.errors import ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.attention_layers import MultiHeadAttention
from regard.mechanisms.softmax_attention import attention


class Induced(NamedTuple):
    """What attention through learned vectors makes, and its two maps; write @ read is the map from queries to keys.

    Attributes:
        output: shaped as the queries, or with value_dim in the place of dim.
        write: (batch, heads, queries, latents).
        read: (batch, heads, latents, keys).
    """

    output: Tensor
    write: Tensor
    read: Tensor


def read_into_latents(latents: Tensor, key: Tensor, value: Tensor, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
    """Cross-attention from learned queries: output = softmax(L Kᵀ / √dim) V (Jaegle et al. 2021, Perceiver, section 3.1).

    However many keys there are, the output has as many rows as there are latents, and costs latents · keys. With one latent
    a set becomes a vector: this is also the attention inside of `PoolingByAttention` (Lee et al. 2018, section 3.2).

    Args:
        latents: L (heads, latents, dim), learned, the same for each sequence. They are the queries.

    Example:
        >>> values = torch.tensor([[[[1.0], [5.0], [9.0]]]])
        >>> read_into_latents(torch.zeros(1, 2, 1), values, values)[0].flatten()
        tensor([5., 5.])
    """
    return attention(_for_each(latents, key), key, value, mask)


def induced_attention(
    query: Tensor, inducing: Tensor, key: Tensor, value: Tensor, mask: Tensor | Mask | None = None
) -> Induced:
    """Attention through inducing points: output = softmax(Q K'ᵀ / √dim) V' (Lee et al. 2018, section 3.1).

        read = softmax(I Kᵀ / √dim),   K' = read K,   V' = read V

    A few learned queries I summarise keys and values; queries look at the summaries. The map from queries to keys is
    write · read, of rank at most the number of points: dense attention at the cost 2 · points · length. This is what happens
    inside of `InducedSetAttentionBlock`, without its projections, and between input and output of a Perceiver IO.

    Args:
        inducing: I (heads, points, dim), learned, the same for each sequence.
        mask: which keys are read: as in `attention`, broadcastable to (batch, heads, points, keys).

    Example:
        >>> x = torch.tensor([[[[1.0], [5.0], [9.0]]]])
        >>> seen = induced_attention(x, torch.zeros(1, 2, 1), x, x)
        >>> (seen.write @ seen.read)[0, 0]
        tensor([[0.3333, 0.3333, 0.3333],
                [0.3333, 0.3333, 0.3333],
                [0.3333, 0.3333, 0.3333]])
    """
    inputs.check_attention(query, key, value)
    inputs.check_floats("inducing", inducing)
    wide = (
        torch.float64 if query.dtype == torch.float64 else torch.float32
    )  # summaries are not rounded to a half type in between
    both = torch.cat([key, value], dim=-1).to(wide)  # (batch, kv_heads, keys, dim + value_dim): one read for the two
    summary, read = read_into_latents(inducing.to(wide), key.to(wide), both, mask)  # (batch, heads, points, dim + value_dim)
    keys, values = summary.split((key.shape[-1], value.shape[-1]), dim=-1)
    output, write = attention(query.to(wide), keys, values)  # (batch, heads, queries, value_dim), (..., queries, points)
    return Induced(output.to(value.dtype), write, read)


def _for_each(latents: Tensor, key: Tensor) -> Tensor:
    """The learned queries, once for each sequence of the batch."""
    inputs.check_floats("latents", latents)
    inputs.check_floats("key", key)
    if latents.ndim != 3 or key.ndim != 4:
        raise ShapeError(
            "expected latents (heads, latents, dim) and key (batch, kv_heads, keys, dim), "
            f"got {tuple(latents.shape)} and {tuple(key.shape)}"
        )
    return latents.expand(len(key), *latents.shape)


class MultiHeadAttentionBlock(nn.Module):
    """MAB(X, Y): elements of X look at those of Y, then each goes through a small network (Lee et al. 2018, section 3.1).

        H = LayerNorm(X + Multihead(X, Y, Y)),   MAB(X, Y) = LayerNorm(H + relu(H W))

    A layer of a Transformer encoder without positions and without dropout. The row-wise network rFF is one layer here, as in
    the authors' code. Sizes as in `MultiHeadAttention`.

    Example:
        >>> block = MultiHeadAttentionBlock(6, heads=2)
        >>> output, weights = block(torch.randn(1, 3, 6), torch.randn(1, 5, 6))
        >>> output.shape, weights.shape
        (torch.Size([1, 3, 6]), torch.Size([1, 2, 3, 5]))
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(dim, heads)
        self.row_wise = nn.Linear(dim, dim)
        self.norm_attended = nn.LayerNorm(dim)
        self.norm_output = nn.LayerNorm(dim)

    def forward(self, x: Tensor, y: Tensor, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
        """Attend from x (batch, queries, dim) to y (batch, keys, dim); the mask says which elements of y there are."""
        mixed, weights = self.attention(x, memory=y, mask=mask)  # (batch, queries, dim), (batch, heads, queries, keys)
        attended: Tensor = self.norm_attended(x + mixed)
        output: Tensor = self.norm_output(attended + self.row_wise(attended).relu())  # (batch, queries, dim)
        return output, weights


class SetAttentionBlock(nn.Module):
    """SAB(X) = MAB(X, X): self-attention between the elements of a set (Lee et al. 2018, section 3.1).

    Elements in another order give the same outputs in that order. Sizes as in `MultiHeadAttention`.

    Example:
        >>> SetAttentionBlock(6, heads=2)(torch.randn(1, 5, 6))[0].shape
        torch.Size([1, 5, 6])
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.block = MultiHeadAttentionBlock(dim, heads)

    def forward(self, x: Tensor, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
        """Attend within the set, x (batch, elements, dim); the mask says which elements there are."""
        output, weights = self.block(x, x, mask)
        return output, weights


class InducedSetAttentionBlock(nn.Module):
    """ISAB(X) = MAB(X, MAB(I, X)): the set is read into inducing points I, and reads from them (Lee et al. 2018, section 3.1).

    Elements in another order give the same outputs in that order, at a cost that grows with points · elements. Sizes as in
    `MultiHeadAttention`.

    Args:
        points: how many inducing points.

    Example:
        >>> InducedSetAttentionBlock(6, heads=2, points=3)(torch.randn(1, 5, 6)).read.shape
        torch.Size([1, 2, 3, 5])
    """

    def __init__(self, dim: int, heads: int, points: int) -> None:
        super().__init__()
        self.reading = MultiHeadAttentionBlock(dim, heads)
        self.writing = MultiHeadAttentionBlock(dim, heads)
        self.points = _learned_rows("points", points, dim)

    def forward(self, x: Tensor, mask: Tensor | Mask | None = None) -> Induced:
        """Attend within the set, x (batch, elements, dim): queries and keys are its elements, latents the inducing points.

        The mask, broadcastable to (batch, heads, points, elements), says which elements are read.
        """
        inputs.check_vectors(self.writing.attention.query, x=x)
        summary, read = self.reading(self.points.expand(*x.shape[:-2], -1, -1), x, mask)  # (batch, points, dim)
        output, write = self.writing(x, summary)  # (batch, elements, dim)
        return Induced(output, write, read)


class PoolingByAttention(nn.Module):
    """PMA(Z) = MAB(S, relu(Z W)): a set becomes as many vectors as there are seeds S (Lee et al. 2018, section 3.2).

    Elements in another order give the same output. Where the mean counts all elements alike, each seed weighs them.
    Sizes as in `MultiHeadAttention`.

    Args:
        seeds: how many vectors come out.

    Example:
        >>> PoolingByAttention(6, heads=2, seeds=1)(torch.randn(1, 5, 6))[0].shape
        torch.Size([1, 1, 6])
    """

    def __init__(self, dim: int, heads: int, seeds: int = 1) -> None:
        super().__init__()
        self.block = MultiHeadAttentionBlock(dim, heads)
        self.row_wise = nn.Linear(dim, dim)
        self.seeds = _learned_rows("seeds", seeds, dim)

    def forward(self, z: Tensor, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
        """Read the set, z (batch, elements, dim), into (batch, seeds, dim), with weights (batch, heads, seeds, elements).

        The mask, which broadcasts to the weights, says which elements there are.
        """
        inputs.check_vectors(self.row_wise, z=z)
        output, weights = self.block(self.seeds.expand(*z.shape[:-2], -1, -1), self.row_wise(z).relu(), mask)
        return output, weights


def _learned_rows(name: str, count: int, dim: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(whole_number(name, count, 1, room=inputs.MOST_FEATURES), dim)))
