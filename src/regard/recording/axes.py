"""What the rows and columns of maps are: which positions are real, and how they are called."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


class Tokenizer(Protocol):
    """What a recording needs of a tokenizer: names for ids."""

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        """One token an id."""


@dataclass(frozen=True)
class Tokens:
    """One axis of the maps: for each batch item, which positions are real, and how they are called."""

    spans: tuple[range, ...]
    labels: tuple[tuple[str, ...], ...] | None = None  # of all positions, padding included

    def real(self, item: int) -> tuple[str, ...] | None:
        """Labels of the real positions of one batch item."""
        if self.labels is None:
            return None
        span = self.spans[item]
        return self.labels[item][span.start : span.stop]


def tokens_of(ids: Tensor, mask: Tensor | None, tokenizer: Tokenizer | None) -> Tokens:
    """Spans from a (batch, positions) padding mask, 1 = real, and labels from the ids."""
    keep = torch.ones_like(ids) if mask is None or mask.shape != ids.shape else mask
    spans = []
    for row in keep.bool():
        real = row.nonzero().flatten()
        spans.append(range(int(real[0]), int(real[-1]) + 1) if len(real) else range(0))
    labels = None
    if tokenizer is not None:
        labels = tuple(tuple(tokenizer.convert_ids_to_tokens(row)) for row in ids.tolist())
    return Tokens(tuple(spans), labels)


def tokens_of_inputs(inputs: dict[str, Any], tokenizer: Tokenizer | None, encoder_decoder: bool) -> dict[str, Tokens]:
    """The axes that follow from the arguments of the last pass."""
    found: dict[str, Tokens] = {}
    ids, mask = inputs.get("input_ids"), inputs.get("attention_mask")
    if isinstance(ids, Tensor):
        found["source"] = tokens_of(ids, mask if isinstance(mask, Tensor) and mask.ndim == 2 else None, tokenizer)
    decoder_ids, decoder_mask = inputs.get("decoder_input_ids"), inputs.get("decoder_attention_mask")
    if encoder_decoder and isinstance(decoder_ids, Tensor):
        found["consumed"] = tokens_of(decoder_ids, decoder_mask, tokenizer)
    return found
