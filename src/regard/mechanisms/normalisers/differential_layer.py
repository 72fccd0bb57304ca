"""Differential attention as a layer of a model: projections, positions, λ, and the norm of each head (Ye et al. 2024).

`differential_attention` is the bare difference of two maps; models have around it what makes it train: a λ that is learned, by
two pairs of vectors for each layer, and a norm for each head, since what is left of two maps that cancel is small.
"""

import math

import torch
from torch import Tensor, nn

from regard.arguments import number, whole_number
from regard.errors import OptionError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.normalisers.dense_normalisers import differential_attention, differential_lambda, differential_norm
from regard.mechanisms.positions.rotary import rotary_half

MOST_FEATURES = 2**20


class DifferentialAttention(nn.Module):
    """The layer of the Differential Transformer (Ye et al. 2024, section 2.1): causal, with rotary positions.

        head_h = (1 − λ_init) · norm((softmax(Q₁ K₁ᵀ/√d) − λ softmax(Q₂ K₂ᵀ/√d)) V_h),  output = concat(head_1 ...) W_o

    Each head has two queries and two keys of d channels and a value of 2d: half as many heads as a Transformer of this size.
    Row h of the projections' heads is [q₁ q₂], or [k₁ k₂]. λ_init is 0.8 − 0.6·exp(−0.3·(layer − 1)).

    Args:
        dim: features of every input and output vector.
        heads: how many heads; dim is a multiple of 2·heads.
        layer: which layer of the model it is, from 1: λ_init follows from it.
        base: of the rotary angles.
        eps: of the norm, above 0.

    Example:
        >>> layer = DifferentialAttention(24, heads=3)
        >>> output, weights = layer(torch.randn(2, 7, 24))
        >>> output.shape, weights.shape
        (torch.Size([2, 7, 24]), torch.Size([2, 3, 7, 7]))
        >>> layer.lambda_init
        0.2
    """

    def __init__(self, dim: int, heads: int, *, layer: int = 1, base: float = 10000.0, eps: float = 1e-5) -> None:
        super().__init__()
        dim, self.heads = whole_number("dim", dim, 1, MOST_FEATURES), whole_number("heads", heads, 1)
        if dim % (4 * self.heads):
            raise OptionError(
                f"expected dim to be a multiple of 4·heads, got dim={dim} and heads={heads}; each head has two maps, whose "
                "rotary positions turn pairs"
            )
        self.base, self.eps = number("base", base, above=0), number("eps", eps, above=0)
        self.lambda_init = round(0.8 - 0.6 * math.exp(-0.3 * (whole_number("layer", layer, 1) - 1)), 12)
        half = dim // (2 * self.heads)  # d
        self.query, self.key, self.value, self.output = (nn.Linear(dim, dim, bias=False) for _ in range(4))
        self.query1, self.key1, self.query2, self.key2 = (nn.Parameter(0.1 * torch.randn(half)) for _ in range(4))

    def forward(self, x: Tensor, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
        """Attend from each position of x (batch, positions, dim) to those before it, and itself."""
        inputs.check_vectors(self.query, x=x)
        q, k, v = (self._by_heads(part(x)) for part in (self.query, self.key, self.value))  # (batch, heads, positions, 2d)
        lam = differential_lambda(self.query1, self.key1, self.query2, self.key2, self.lambda_init)
        output, weights = differential_attention(self._turned(q), self._turned(k), v, lam, mask, causal=True)
        output = differential_norm(output, self.lambda_init, self.eps)  # (batch, heads, positions, 2d)
        return self.output(output.transpose(-3, -2).flatten(-2)), weights  # (batch, positions, dim)

    def _by_heads(self, x: Tensor) -> Tensor:
        split: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)
        return split

    def _turned(self, x: Tensor) -> Tensor:
        """Each of the two maps has positions of its own."""
        first, second = x.chunk(2, dim=-1)
        return torch.cat([rotary_half(first, base=self.base), rotary_half(second, base=self.base)], dim=-1)
