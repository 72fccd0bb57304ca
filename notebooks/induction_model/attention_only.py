"""A transformer of two attention layers and nothing else: no feed-forward layers, no norms.

What a head writes, later heads read from the same stream. Where a token stands enters queries and keys only, so the stream says
what a token is, and what heads have found, but never where (Press et al. 2021, arXiv 2012.15832, section 5).
"""

import json
import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

START = "<s>"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Alphabet:
    """The tokens: a start, and the letters of the alphabet, small and large."""

    tokens = (START, *LETTERS)

    def __call__(self, text: str) -> Tensor:
        """The ids of a text behind a start, (1, letters + 1)."""
        return torch.tensor([[0, *(self.tokens.index(letter) for letter in text)]])

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        """The name of each id: as much of a tokenizer as a recording needs."""
        return [self.tokens[one] for one in ids]


class AttentionLayer(nn.Module):
    """Multi-head attention that looks back, on PyTorch's fused kernel."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim, bias=False) for _ in range(4))

    def forward(self, stream: Tensor, positions: Tensor) -> Tensor:
        """What the heads add to the stream (batch, n, dim); positions (n, dim) say where a token stands."""
        placed = stream + positions
        q, k, v = (
            layer(given).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (batch, heads, n, dim / heads)
            for layer, given in ((self.query, placed), (self.key, placed), (self.value, stream))
        )
        found = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(found.transpose(1, 2).flatten(2))


class AttentionOnly(nn.Module):
    """Predicts the next token from attention alone."""

    def __init__(self, tokens: int, dim: int, heads: int, layers: int) -> None:
        super().__init__()
        self.sizes = {"tokens": tokens, "dim": dim, "heads": heads, "layers": layers}
        self.embed = nn.Embedding(tokens, dim)
        self.layers = nn.ModuleList(AttentionLayer(dim, heads) for _ in range(layers))
        self.unembed = nn.Linear(dim, tokens, bias=False)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Logits of the next token, (batch, n, tokens), from ids (batch, n)."""
        stream = self.embed(input_ids)
        positions = sinusoids(input_ids.shape[1], stream.shape[2]).to(stream)
        for layer in self.layers:
            stream = stream + layer(stream, positions)
        return self.unembed(stream)


def sinusoids(positions: int, dim: int, shortest: float = 2.5, longest: float = 100.0) -> Tensor:
    """sin and cos of each position, at dim/2 wavelengths from the shortest to the longest, in tokens: (positions, dim)."""
    wavelengths = torch.logspace(math.log10(shortest), math.log10(longest), dim // 2)
    angles = 2 * math.pi * torch.arange(positions)[:, None] / wavelengths  # (positions, dim / 2)
    return torch.cat([angles.sin(), angles.cos()], 1)


def load(folder: str | Path | None = None) -> AttentionOnly:
    """The trained model; from the folder of this file where no other is given."""
    from safetensors.torch import load_file

    folder = Path(folder or Path(__file__).parent)
    model = AttentionOnly(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval()
