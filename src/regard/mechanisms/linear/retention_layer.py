"""Retention as a layer of RetNet: rotary positions before it, a norm for each head and a gate after it (Sun et al. 2023)."""

from torch import Tensor, nn
from torch.nn.functional import rms_norm, silu

from regard.arguments import number, whole_number
from regard.errors import OptionError
from regard.mechanisms import inputs
from regard.mechanisms.linear.retention import retention_parallel, retention_recurrent
from regard.mechanisms.positions.rotary import rotary_interleaved

MOST_FEATURES = 2**20


class MultiScaleRetention(nn.Module):
    """The layer of RetNet: output = (swish(x W_g) ⊙ norm(retention)) W_o, each head with a decay of its own (equation 8).

    Queries and keys are turned by their positions, keys divided by √dim of a head; values are wider than keys. The norm of each
    head makes its size forget how many keys were summed up, so that the divisors of the paper's section on numbers change
    nothing. `forward` and `recurrent` give the same output.

    Args:
        dim: features of every input and output vector.
        heads: how many heads; dim is a multiple of 2·heads.
        value_factor: how many times as wide values are as keys; 2 in RetNet.
        base: of the rotary angles.
        eps: of the norm, above 0.

    Example:
        >>> import torch
        >>> layer = MultiScaleRetention(12, heads=3)
        >>> text = torch.randn(2, 7, 12)
        >>> output, weights = layer(text)
        >>> output.shape, weights.shape
        (torch.Size([2, 7, 12]), torch.Size([2, 3, 7, 7]))
        >>> _, state = layer.recurrent(text[:, :6])
        >>> last, _ = layer.recurrent(text[:, 6:], state, start=6)
        >>> torch.testing.assert_close(last, output[:, 6:])
    """

    def __init__(self, dim: int, heads: int, *, value_factor: int = 2, base: float = 10000.0, eps: float = 1e-6) -> None:
        super().__init__()
        dim, self.heads = whole_number("dim", dim, 1, MOST_FEATURES), whole_number("heads", heads, 1)
        wide = dim * whole_number("value_factor", value_factor, 1, MOST_FEATURES // dim)
        if dim % (2 * self.heads):
            raise OptionError(
                f"expected dim to be a multiple of 2·heads, got dim={dim} and heads={heads}; rotary positions turn pairs"
            )
        self.base, self.eps = number("base", base, above=0), number("eps", eps, above=0)
        self.query, self.key = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.value, self.gate = nn.Linear(dim, wide, bias=False), nn.Linear(dim, wide, bias=False)
        self.output = nn.Linear(wide, dim, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The parallel form on x (batch, positions, dim): output, and the effective weights before norm and gate."""
        mixed, weights = retention_parallel(*self._projected(x, start=0))
        return self._gated(x, mixed), weights

    def recurrent(self, x: Tensor, state: Tensor | None = None, start: int = 0) -> tuple[Tensor, Tensor]:
        """The same one position after the other, going on from a state: output and state.

        Args:
            x: (batch, positions, dim).
            state: what earlier positions left; nothing if None.
            start: how many positions came before.
        """
        mixed, state = retention_recurrent(*self._projected(x, whole_number("start", start, 0)), state=state)
        return self._gated(x, mixed), state

    def _projected(self, x: Tensor, start: int) -> tuple[Tensor, Tensor, Tensor]:
        inputs.check_vectors(self.query, x=x)
        q, k, v = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(-3, -2) for part in (self.query, self.key, self.value)
        )  # (batch, heads, positions, dim / heads and wide / heads)
        q, k = (rotary_interleaved(turned, start=start, base=self.base) for turned in (q, k))
        return q, k / k.shape[-1] ** 0.5, v

    def _gated(self, x: Tensor, mixed: Tensor) -> Tensor:
        normed = rms_norm(mixed, mixed.shape[-1:], eps=self.eps)  # (batch, heads, positions, wide / heads)
        output: Tensor = self.output(silu(self.gate(x)) * normed.transpose(-3, -2).flatten(-2))
        return output
