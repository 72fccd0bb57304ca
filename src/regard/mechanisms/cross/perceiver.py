"""The Perceiver: a few latent vectors read an input of any length and kind, think, and answer any number of questions.

    read       latents look at the input            latents · input
    think      latents look at each other           latents², layer by layer
    write      questions look at the latents        questions · latents          only in Perceiver IO

The depth costs nothing that depends on the input: an image of 50,000 pixels is looked at once.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from regard.arguments import whole_number
from regard.errors import OptionError, ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention

MOST_LAYERS = 4096
"""More than any model has."""


class Perceived(NamedTuple):
    """What a Perceiver answers, and where it looked.

    Attributes:
        output: (batch, questions, question_dim).
        read: (batch, heads, latents, positions), from the latents to the input.
        think: (batch, heads, latents, latents) for each layer.
        write: (batch, heads, questions, latents), from the questions to the latents.
    """

    output: Tensor
    read: Tensor
    think: tuple[Tensor, ...]
    write: Tensor


class PerceiverLayer(nn.Module):
    """Attention and a small network, each with a norm before and a sum after (Jaegle et al. 2021, Perceiver, section 3.1).

        H = X + Attention(norm(X), norm(M)) W,   output = H + W₂ gelu(W₁ norm(H))

    Args:
        dim: features of what looks.
        heads: how many heads; divides dim.
        memory_dim: features of what is looked at; None for a layer that looks at what looks.
        widening: how many times wider the inner layer of the network is.

    Example:
        >>> layer = PerceiverLayer(6, heads=2, memory_dim=5)
        >>> output, weights = layer(torch.randn(1, 3, 6), torch.randn(1, 7, 5))
        >>> output.shape, weights.shape
        (torch.Size([1, 3, 6]), torch.Size([1, 2, 3, 7]))
    """

    def __init__(self, dim: int, heads: int, memory_dim: int | None = None, *, widening: int = 4) -> None:
        super().__init__()
        sizes = {"dim": dim, "heads": heads, "widening": widening}
        dim, heads, widening = (whole_number(name, size, 1, room=inputs.MOST_FEATURES) for name, size in sizes.items())
        memory_dim = None if memory_dim is None else whole_number("memory_dim", memory_dim, 1, room=inputs.MOST_FEATURES)
        if dim % heads:
            raise OptionError(f"expected dim to be a multiple of heads, got dim={dim} and heads={heads}; change one of them")
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.norm_memory = None if memory_dim is None else nn.LayerNorm(memory_dim)
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim if memory_dim is None else memory_dim, dim)
        self.value = nn.Linear(dim if memory_dim is None else memory_dim, dim)
        self.output = nn.Linear(dim, dim)
        self.norm_attended = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, widening * dim)
        self.narrow = nn.Linear(widening * dim, dim)

    def forward(self, x: Tensor, memory: Tensor | None = None, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
        """Attend from x (batch, queries, dim) to a memory (batch, keys, memory_dim), or to x in a layer without memory_dim."""
        if (memory is None) != (self.norm_memory is None):
            wanted = "None, as this layer looks at x" if self.norm_memory is None else "(batch, keys, memory_dim)"
            raise ShapeError(f"memory: expected {wanted}, got {None if memory is None else tuple(memory.shape)}")
        inputs.check_vectors(self.query, x=x)
        looking = self.norm(x)  # (batch, queries, dim)
        looked_at = looking
        if memory is not None and self.norm_memory is not None:
            inputs.check_vectors(self.key, memory=memory)
            looked_at = self.norm_memory(memory)  # (batch, keys, memory_dim)
        q = self._split(self.query(looking))  # (batch, heads, queries, dim / heads)
        k = self._split(self.key(looked_at))  # (batch, heads, keys, dim / heads)
        v = self._split(self.value(looked_at))  # (batch, heads, keys, dim / heads)
        mixed, weights = attention(q, k, v, mask)  # (batch, heads, queries, dim / heads)
        attended: Tensor = x + self.output(mixed.transpose(-3, -2).flatten(-2))  # (batch, queries, dim)
        output: Tensor = attended + self.narrow(gelu(self.widen(self.norm_attended(attended))))
        return output, weights

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(-3, -2)


class Perceiver(nn.Module):
    """Perceiver IO: read the input into latents, think, and write answers (Jaegle et al. 2021, arXiv:2107.14795, section 3).

    The first Perceiver (Jaegle et al. 2021, arXiv:2103.03206) reads, thinks and stops: its latents are averaged. Positions
    are no matter of this module: where order means something, add them to the input and to the questions.

    Args:
        input_dim: features of each position of the input.
        question_dim: features of each question.
        latents: how many latent vectors.
        latent_dim: features of each.
        heads: how many heads everywhere; divides latent_dim and question_dim.
        depth: how many layers think.

    Example:
        >>> model = Perceiver(input_dim=3, question_dim=4, latents=5, latent_dim=8, heads=2, depth=1)
        >>> seen = model(torch.randn(1, 50, 3), torch.randn(1, 2, 4))
        >>> seen.output.shape, seen.read.shape, seen.write.shape
        (torch.Size([1, 2, 4]), torch.Size([1, 2, 5, 50]), torch.Size([1, 2, 2, 5]))
    """

    def __init__(self, input_dim: int, question_dim: int, latents: int, latent_dim: int, heads: int, depth: int) -> None:
        super().__init__()
        sizes = {"input_dim": input_dim, "question_dim": question_dim, "latents": latents, "latent_dim": latent_dim}
        given = (whole_number(name, size, 1, room=inputs.MOST_FEATURES) for name, size in sizes.items())
        input_dim, question_dim, latents, latent_dim = given
        depth = whole_number("depth", depth, 0, room=MOST_LAYERS)
        self.latents = nn.Parameter(0.02 * torch.randn(latents, latent_dim))
        self.read = PerceiverLayer(latent_dim, heads, memory_dim=input_dim)
        self.think = nn.ModuleList(PerceiverLayer(latent_dim, heads) for _ in range(depth))
        self.write = PerceiverLayer(question_dim, heads, memory_dim=latent_dim)

    def forward(self, x: Tensor, questions: Tensor, mask: Tensor | Mask | None = None) -> Perceived:
        """Answer questions (batch, questions, question_dim), such as a class, from the input, x (batch, positions, input_dim).

        The mask, broadcastable to (batch, heads, latents, positions), says which positions there are.
        """
        inputs.check_vectors(self.read.key, x=x)
        latents, read = self.read(self.latents.expand(*x.shape[:-2], -1, -1), x, mask)  # (batch, latents, latent_dim)
        think = []
        for layer in self.think:
            latents, weights = layer(latents)  # (batch, latents, latent_dim)
            think.append(weights)
        output, write = self.write(questions, latents)  # (batch, questions, question_dim)
        return Perceived(output, read, tuple(think), write)
