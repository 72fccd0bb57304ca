"""What the rows and columns of recorded maps are: tokens, which of them are real, and what they are to the model."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

ROLES = {"source": "source tokens", "consumed": "tokens consumed", "produced": "tokens produced"}
"""What tokens are to a model, and what a reader is told: the source is what an encoder reads, or a model with one stack; at
each of its rows, a decoder consumes one token and produces the next."""

ROW_ROLES = {
    "encoder": ("source",),
    "decoder": ("produced", "consumed"),
    "cross": ("produced", "consumed"),
    "self": ("produced", "consumed", "source"),
}
"""The roles of the tokens that may name the rows of a map, by its kind; the first that are known do."""

COLUMN_ROLES = {"encoder": ("source",), "decoder": ("consumed",), "cross": ("source",), "self": ("consumed", "source")}
"""The same for its columns."""


def titles(kind: str | None) -> tuple[str, str]:
    """What the rows and the columns of a map of this kind are, where nothing says more.

    Example:
        >>> titles("cross"), titles(None)
        (('tokens produced', 'source tokens'), ('queries', 'keys'))
    """
    if kind not in ROW_ROLES:
        return "queries", "keys"
    return ("tokens", "tokens") if kind == "self" else (ROLES[ROW_ROLES[kind][0]], ROLES[COLUMN_ROLES[kind][0]])


class Tokenizer(Protocol):
    """What a recording needs of a tokenizer: names for ids."""

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        """One token an id."""


@dataclass(frozen=True)
class Tokens:
    """The tokens along an axis, for each sequence of a batch.

    Attributes:
        spans: the positions that are no padding.
        labels: a name for every position, padding included; None without a tokenizer.
    """

    spans: tuple[range, ...]
    labels: tuple[tuple[str, ...], ...] | None = None

    def real(self, item: int) -> tuple[str, ...] | None:
        """Labels of the real positions of one sequence."""
        if self.labels is None:
            return None
        span = self.spans[item]
        return self.labels[item][span.start : span.stop]


def tokens_of(ids: Tensor, mask: Tensor | None, tokenizer: Tokenizer | None) -> Tokens:
    """The tokens of ids, (batch, positions).

    Args:
        ids: what the model is given.
        mask: 1 where a position is real, 0 where it is padding; of another shape than the ids, it says nothing of padding.
        tokenizer: names the ids.

    Example:
        >>> tokens_of(torch.tensor([[5, 7, 0]]), torch.tensor([[1, 1, 0]]), None)
        Tokens(spans=(range(0, 2),), labels=None)
    """
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
    """The tokens that follow from the arguments of a pass, by their role."""
    found: dict[str, Tokens] = {}
    ids, mask = inputs.get("input_ids"), inputs.get("attention_mask")
    if isinstance(ids, Tensor):
        found["source"] = tokens_of(ids, mask if isinstance(mask, Tensor) and mask.ndim == 2 else None, tokenizer)
    decoder_ids, decoder_mask = inputs.get("decoder_input_ids"), inputs.get("decoder_attention_mask")
    if encoder_decoder and isinstance(decoder_ids, Tensor):
        found["consumed"] = tokens_of(decoder_ids, decoder_mask, tokenizer)
    return found
