"""Layers of softmax attention: the bare formula, and many heads with learned projections in front of it."""

import math

from torch import Tensor, nn

from regard.arguments import truth, whole_number
from regard.errors import OptionError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention, gather, hide, softmax


class SimpleAttention(nn.Module):
    """softmax(Q Kᵀ / √input_dim) V: one head, and nothing learned; `MultiHeadAttention` puts projections in front.

    The textbook's class to the bit, in the type of its inputs. Only a query that may attend to nothing has weights 0 and output
    0 here, where filling with −10⁹ gives it even weights on all that is hidden from it.

    Args:
        input_dim: features of queries and keys.

    Example:
        >>> import torch
        >>> layer = SimpleAttention(4)
        >>> words = torch.eye(4)[:3]
        >>> output, weights = layer(words, words, words, mask=torch.tensor([1, 1, 0]))
        >>> weights
        tensor([[0.6225, 0.3775, 0.0000],
                [0.3775, 0.6225, 0.0000],
                [0.5000, 0.5000, 0.0000]])
        >>> output.shape
        torch.Size([3, 4])
    """

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        self.input_dim = whole_number("input_dim", input_dim, 1)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
        """Attend from every query to every key.

        Args:
            query: (batch, queries, input_dim) or (queries, input_dim).
            key: (batch, keys, input_dim) or (keys, input_dim).
            value: (batch, keys, value_dim) or (keys, value_dim).
            mask: broadcastable to (batch, queries, keys): 0 or False = hidden, 1 or True = may attend, of any dtype.

        Returns:
            output (batch, queries, value_dim) or (queries, value_dim), and weights (batch, queries, keys) or (queries, keys).
        """
        inputs.check_features(self.input_dim, query=query, key=key)
        inputs.check_query_key_value(query, key, value)
        if mask is not None and not isinstance(mask, Mask):
            batch = {"batch": query.shape[0]} if query.ndim == 3 else {}
            inputs.check_broadcast("mask", mask, batch | {"queries": query.shape[-2], "keys": key.shape[-2]})
            if not bool(((mask == 0) | (mask == 1)).all()):
                raise OptionError(
                    "mask: expected 0 (hidden) and 1 (may attend), got other values; write mask == 0 for a mask of 0 and -inf "
                    "that is meant to be added, or use regard.attention"
                )
            mask = (mask != 0).unsqueeze(-3) if mask.ndim == 3 else mask != 0

        scores = query @ key.transpose(-2, -1) / math.sqrt(self.input_dim)  # (batch, queries, keys)
        masked, allowed = hide(inputs.widen(scores.unsqueeze(-3)), mask, causal=False)  # (batch, 1, queries, keys)
        weights = softmax(masked, None).reshape(scores.shape)  # (batch, queries, keys)
        return gather(weights, value, allowed.reshape(scores.shape)), weights


class MultiHeadAttention(nn.Module):
    """Several heads side by side, each on its own slice of the features (Vaswani et al. 2017, section 3.2.2).

    With fewer kv_heads than heads it is grouped-query attention (Ainslie et al. 2023), with one multi-query attention
    (Shazeer 2019): the cache of keys and values shrinks by heads / kv_heads.

    Args:
        dim: features of every input and output vector.
        heads: how many heads; divides dim.
        kv_heads: how many heads of keys and values; divides heads. As many as heads if None.
        bias: whether the four projections have a bias.

    Example:
        >>> import torch
        >>> layer = MultiHeadAttention(12, heads=6, kv_heads=2)
        >>> output, weights = layer(torch.randn(3, 5, 12), causal=True)
        >>> output.shape, weights.shape
        (torch.Size([3, 5, 12]), torch.Size([3, 6, 5, 5]))
    """

    def __init__(self, dim: int, heads: int, kv_heads: int | None = None, *, bias: bool = True) -> None:
        super().__init__()
        kv_heads = heads if kv_heads is None else kv_heads
        given = {"dim": dim, "heads": heads, "kv_heads": kv_heads}
        dim, heads, kv_heads = (whole_number(name, size, 1, room=inputs.MOST_FEATURES) for name, size in given.items())
        bias = truth("bias", bias)
        if dim % heads:
            raise OptionError(f"expected dim to be a multiple of heads, got dim={dim} and heads={heads}; change one of them")
        if heads % kv_heads:
            raise OptionError(
                f"expected heads to be a multiple of kv_heads, got heads={heads} and kv_heads={kv_heads}; change one of them"
            )
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, dim // heads
        self.query = nn.Linear(dim, dim, bias)
        self.key = nn.Linear(dim, kv_heads * self.head_dim, bias)
        self.value = nn.Linear(dim, kv_heads * self.head_dim, bias)
        self.output = nn.Linear(dim, dim, bias)

    def forward(
        self, x: Tensor, memory: Tensor | None = None, mask: Tensor | Mask | None = None, causal: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Attend from x (batch, queries, dim) to a memory (batch, keys, dim): cross-attention; to itself if None."""
        memory = x if memory is None else memory
        inputs.check_vectors(self.query, x=x, memory=memory)
        q = self._split(self.query(x), self.heads)  # (batch, heads, queries, head_dim)
        k = self._split(self.key(memory), self.kv_heads)  # (batch, kv_heads, keys, head_dim)
        v = self._split(self.value(memory), self.kv_heads)  # (batch, kv_heads, keys, head_dim)
        mixed, weights = attention(q, k, v, mask, causal=causal)  # (batch, heads, queries, head_dim)
        return self.output(mixed.transpose(-3, -2).flatten(-2)), weights  # (batch, queries, dim)

    def _split(self, x: Tensor, heads: int) -> Tensor:
        return x.reshape(*x.shape[:-1], heads, self.head_dim).transpose(-3, -2)
