"""Talking heads as a layer of a model: projections to heads, and across heads before and after softmax (Shazeer et al. 2020).

`talking_heads_attention` is the mixing alone; models have the projections around it, and learn the two matrices by which heads
hear each other.
"""

from torch import Tensor, nn

from regard.arguments import truth, whole_number
from regard.errors import OptionError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.normalisers.dense_normalisers import talking_heads_attention


class TalkingHeadsAttention(nn.Module):
    """The layer of Shazeer et al. 2020 with as many heads throughout, and that of CaiT (Touvron et al. 2021) with ``bias``.

        J = mix_scores(Q Kᵀ / √d),  W = softmax(J) over keys,  U = mix_weights(W),  output = concat(U_1 V_1 ...) W_o

    ``mix_scores`` and ``mix_weights`` are linear maps from heads to heads, the same at every query and key: their weights are
    the paper's P_l and P_w, transposed. The bias of ``mix_weights`` is added to the weight of every key that may be seen;
    softmax does not see that of ``mix_scores``, as it is the same for all keys.

    Args:
        dim: features of every input and output vector.
        heads: how many heads; divides dim.
        bias: whether the six projections have a bias. In the paper none has, in CaiT all have.

    Example:
        >>> import torch
        >>> layer = TalkingHeadsAttention(12, heads=3)
        >>> output, weights = layer(torch.randn(2, 7, 12))
        >>> output.shape, weights.shape
        (torch.Size([2, 7, 12]), torch.Size([2, 3, 7, 7]))
    """

    def __init__(self, dim: int, heads: int, *, bias: bool = False) -> None:
        super().__init__()
        given = {"dim": dim, "heads": heads}
        dim, self.heads = (whole_number(name, size, 1, room=inputs.MOST_FEATURES) for name, size in given.items())
        bias = truth("bias", bias)
        if dim % self.heads:
            raise OptionError(f"expected dim to be a multiple of heads, got dim={dim} and heads={heads}; change one of them")
        self.query, self.key, self.value, self.output = (nn.Linear(dim, dim, bias) for _ in range(4))
        self.mix_scores, self.mix_weights = (nn.Linear(self.heads, self.heads, bias) for _ in range(2))

    def forward(
        self, x: Tensor, memory: Tensor | None = None, mask: Tensor | Mask | None = None, causal: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Attend from x (batch, queries, dim) to a memory (batch, keys, dim), to itself if None.

        Returns:
            The output (batch, queries, dim), and the mixed weights (batch, heads, queries, keys), of any sign and sum.
        """
        memory = x if memory is None else memory
        inputs.check_vectors(self.query, x=x, memory=memory)
        q, k, v = (self._by_heads(one) for one in (self.query(x), self.key(memory), self.value(memory)))
        mixed, weights = talking_heads_attention(
            q,
            k,
            v,
            self.mix_scores.weight.mT,
            self.mix_weights.weight.mT,
            mask,
            weight_bias=self.mix_weights.bias,
            causal=causal,
        )  # (batch, heads, queries, dim / heads)
        return self.output(mixed.transpose(-3, -2).flatten(-2)), weights

    def _by_heads(self, x: Tensor) -> Tensor:
        split: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)
        return split
