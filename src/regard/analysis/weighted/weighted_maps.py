"""Maps of something more than weights, as lazy as the weights: what ``AttentionMap`` reads from, made of another such source.

A tile of each follows from the same tile of the weights and from vectors of keys and queries: memory O(n), nothing square.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from regard.errors import OptionError
from regard.maps.attention_map import AttentionMap
from regard.maps.source import Source
from regard.positions import Positions, take


@dataclass(frozen=True)
class Weighted:
    """Weights that something was done to, a tile at a time.

    Attributes:
        source: the weights.
        change: a tile of them and its places (batch, heads, queries, keys) to a tile of what this map shows.
        kept: bytes beside those of the weights.
        what: a few words that say what it shows.
    """

    source: Source
    change: Callable[[Tensor, tuple[Positions, Positions, Positions, Positions]], Tensor]
    kept: int
    what: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""
        return self.source.shape

    @property
    def dtype(self) -> torch.dtype:
        """As the weights."""
        return self.source.dtype

    @property
    def device(self) -> torch.device:
        """As the weights."""
        return self.source.device

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self.source.nbytes + self.kept

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """A tile, (batch, heads, queries, keys)."""
        return self.change(self.source.weights(batch, heads, queries, keys), (batch, heads, queries, keys))

    def denominators(self, *_: Positions) -> Tensor:
        """There are none: these rows are no softmax."""
        raise OptionError(f"logsumexp: expected a map of attention weights, got one of {self.what}, whose rows are no softmax")

    def describe(self) -> str:
        """In a few words, what it shows."""
        return f"{self.what}; {self.source.describe()}"


@dataclass(frozen=True)
class HeadsTogether:
    """One map of all heads of a layer: ‖Σ_h α^h f^h‖, from the inner products of what the heads carry.

    Attributes:
        source: the weights of the heads.
        products: f^h(x_j) · f^g(x_j), (batch, keys, heads, heads).
        what: a few words that say what it shows.
    """

    source: Source
    products: Tensor
    what: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, 1, queries, keys)."""
        batch, _, queries, keys = self.source.shape
        return batch, 1, queries, keys

    @property
    def dtype(self) -> torch.dtype:
        """As the weights."""
        return self.source.dtype

    @property
    def device(self) -> torch.device:
        """As the weights."""
        return self.source.device

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self.source.nbytes + self.products.nbytes

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """A tile, (batch, as many as ``heads``, queries, keys): each of these is the same, for there is one."""
        count = self.source.shape[1]
        products = take(take(self.products, 0, batch), 1, keys)  # (batch, keys, heads, heads)
        norms = torch.empty(len(batch), len(queries), len(keys), dtype=self.dtype, device=self.device)
        step = max(1, len(queries) // count)  # all heads of a few rows take what one head of many does
        for start in range(0, len(queries), step):
            some = queries[start : start + step]
            # Sums of products in float64: heads that cancel each other leave a small difference of large numbers.
            alphas = (
                self.source.weights(batch, range(count), some, keys).permute(0, 3, 1, 2).double()
            )  # (batch, keys, heads, some)
            squares = (alphas * (products @ alphas)).sum(dim=2)  # (batch, keys, some)
            norms[:, start : start + step] = squares.clamp_(min=0).sqrt_().mT
        return norms[:, None].expand(-1, len(heads), -1, -1)

    def denominators(self, *_: Positions) -> Tensor:
        """There are none: these rows are no softmax."""
        raise OptionError(f"logsumexp: expected a map of attention weights, got one of {self.what}, whose rows are no softmax")

    def describe(self) -> str:
        """In a few words, what it shows."""
        return f"{self.what}; {self.source.describe()}"


def map_of(source: Source, like: AttentionMap) -> AttentionMap:
    """A map of this source, with the names of another map; that one may be narrowed to some positions, not to some heads."""
    heads = range(source.shape[1]) if source.shape[1] == 1 else like.view.heads
    return AttentionMap.from_data(replace(like.to_data(), view=replace(like.view, source=source, heads=heads)))


def key_heads(tensor: Tensor, heads: Positions, all_heads: int) -> Tensor:
    """For each of these query heads its key head's vectors, (batch, kv_heads, keys, dim) to (batch, heads, keys, dim)."""
    group = all_heads // tensor.shape[1]
    return take(tensor, 1, tuple(head // group for head in heads))
