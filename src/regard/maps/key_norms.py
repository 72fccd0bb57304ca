"""How long the keys of each head are, with their mean and without it: found when it is first asked for, and kept."""

from collections.abc import Iterator

import torch
from torch import Tensor

from regard.maps.source import working_dtype
from regard.positions import Positions, take

TOGETHER = 2**20
"""Numbers that are in memory at a time; keys of no more have the norms of all heads found at once, others head by head."""


class KeyNorms:
    """The longest key of each head, its mean key, and the longest distance of a key from this.

    Args:
        key: (batch, kv_heads, keys, dim). Keys that are no numbers count for nothing: a mask may hide them.
    """

    def __init__(self, key: Tensor) -> None:
        self.key = key
        batch, heads, _, dim = key.shape
        self.found = [False, False]  # whether of all heads: norms, and distances from the mean
        with torch.inference_mode(False):  # they are filled later, perhaps outside of the mode
            self._longest = torch.full((2, batch, heads), torch.nan, dtype=working_dtype(key), device=key.device)
            self._means = torch.zeros(batch, heads, dim, dtype=working_dtype(key), device=key.device)

    def longest(self, batch: Positions, heads: Positions, *, centred: bool) -> Tensor:
        """Of these heads' keys the largest norm, or the largest distance from their mean, (batch, heads)."""
        if not self.found[centred] and bool(take(take(self._longest[int(centred)], 0, batch), 1, heads).isnan().any()):
            if self.key.numel() <= TOGETHER:
                self._find(slice(None), slice(None), centred=centred)
                self.found[centred] = True
            else:
                for one in set(batch):
                    for head in set(heads):
                        self._find(slice(one, one + 1), slice(head, head + 1), centred=centred)
        return take(take(self._longest[int(centred)], 0, batch), 1, heads)

    def means(self, batch: Positions, heads: Positions) -> Tensor:
        """The mean keys of heads whose ``longest`` from it was asked for, (batch, heads, dim)."""
        return take(take(self._means, 0, batch), 1, heads)

    @torch.no_grad()
    def _find(self, batch: slice, heads: slice, *, centred: bool) -> None:
        key = self.key[batch, heads]
        mean = None
        if centred:
            mean = torch.stack([part.sum(2, keepdim=True) for part in self._parts(key)]).sum(0) / max(1, key.shape[2])
            mean = torch.where(mean.isfinite(), mean, 0)
            self._means[batch, heads] = mean[:, :, 0]
        most = torch.zeros_like(self._longest[0, batch, heads])
        for part in self._parts(key):
            norms = (part if mean is None else part - mean).norm(dim=-1).nan_to_num_(nan=0, posinf=torch.inf)
            most = torch.maximum(most, norms.amax(-1) if part.shape[2] else most)
        self._longest[int(centred), batch, heads] = most

    def _parts(self, key: Tensor) -> Iterator[Tensor]:
        """The keys in the type of the weights, some at a time."""
        step = max(1, TOGETHER * key.shape[2] // max(1, key.numel()))
        for start in range(0, max(1, key.shape[2]), step):
            yield key[:, :, start : start + step].to(self._means.dtype)
