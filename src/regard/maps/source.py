"""What a map reads its weights from."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from regard.errors import OptionError
from regard.positions import Positions, take

Guard = Callable[[], AbstractContextManager[None]]
"""What stands around a read of tensors that may lie in a file: ``with guard(): ...``."""

Ranges = tuple[Positions, Positions, Positions, Positions]
"""Places of all four axes: batch, heads, queries, keys."""


class Source(Protocol):
    """What an AttentionMap reads from."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights: float32, or float64 where the model runs in it."""

    @property
    def nbytes(self) -> int:
        """Bytes kept."""

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """The weights at these positions, (batch, heads, queries, keys)."""

    @property
    def device(self) -> torch.device:
        """Where the weights are computed."""

    def denominators(self, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
        """Logarithm of these rows' denominators, (batch, heads, queries); −inf where a row has no visible key."""

    def describe(self) -> str:
        """In a few words, how the weights are kept."""


@dataclass(frozen=True)
class DenseWeights:
    """Weights that are already there: a model that computes its own, or a matrix of the user's."""

    values: Tensor  # (batch, heads, queries, keys)
    guard: Guard = nullcontext

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""
        batch, heads, queries, keys = self.values.shape
        return batch, heads, queries, keys

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights: float32, or float64 where the values are."""
        return working_dtype(self.values)

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self.values.nbytes

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """The weights at these positions, (batch, heads, queries, keys)."""
        tile = self.values
        with self.guard():
            for axis, positions in enumerate((batch, heads, queries, keys)):
                tile = take(tile, axis, positions)
            # What lies in a file is copied while it is known to be there.
            return tile.to(self.dtype, copy=self.guard is not nullcontext)

    @property
    def device(self) -> torch.device:
        """Where the values are."""
        return self.values.device

    def denominators(self, *_: Positions) -> Tensor:
        """They are not known."""
        raise OptionError(
            "logsumexp: expected a map kept as queries and keys, got one kept as dense weights, whose denominators are "
            "not known; record the model on its fused kernel, or build AttentionMap(query, key)"
        )

    def describe(self) -> str:
        """In a few words, how the weights are kept."""
        return "dense weights"


def working_dtype(tensor: Tensor) -> torch.dtype:
    """What is computed in: float64 for float64, float32 for everything narrower."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32
