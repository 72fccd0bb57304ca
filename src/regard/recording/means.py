"""The mean of a head's output over its own text: never over padding, and never over what a row cannot look at."""

from dataclasses import dataclass

import torch
from torch import Tensor

from regard.errors import OptionError
from regard.maps.attention_map import AttentionMap
from regard.masks.pattern import Extent

TILE = 2**24
"""Places of a mask that are looked at together."""


@dataclass(frozen=True)
class TextRows:
    """What the rows of a self-attention call are to their text, (batch, rows) each.

    In a causal model a row ends where it stands, in a model that sees everything at the end of its text; a block of
    positions that see each other ends together. Texts that are packed into one sequence begin each at its own place.

    Attributes:
        present: whether it is no padding: some row may look at it.
        first: the first position that it can look at, itself or through the rows that it looks at.
        last: the last one.
    """

    present: Tensor
    first: Tensor
    last: Tensor

    @classmethod
    def of(cls, amap: AttentionMap) -> "TextRows":
        """The rows of a map, from who may look at whom.

        Raises:
            OptionError: not as many queries as keys.

        Example:
            >>> amap = AttentionMap(torch.ones(1, 1, 3, 2), torch.ones(1, 1, 3, 2), causal=True)
            >>> TextRows.of(amap).last
            tensor([[0, 1, 2]])
        """
        batch, _, rows, keys = amap.shape
        if rows != keys:
            raise OptionError(
                f"expected a whole text in one pass for its mean, got {rows} queries and {keys} keys, as in generation with a "
                "cache, of beams or not, where the rows before are gone; take zero, or generate with use_cache=False"
            )
        own = torch.arange(rows, device=amap.device).expand(batch, rows)
        present = torch.zeros(batch, keys, dtype=torch.bool, device=amap.device)
        first, last = own.clone(), own.clone()
        step = max(1, TILE // (batch * keys))
        for start in range(0, rows, step):
            part = slice(start, min(start + step, rows))
            visible = _visible(amap, part)  # (batch, rows of the part, keys)
            present |= visible.any(dim=1)
            some, places = visible.any(dim=2), visible.to(torch.uint8)
            first[:, part] = torch.where(some, torch.minimum(places.argmax(2), first[:, part]), first[:, part])
            last[:, part] = torch.where(some, torch.maximum(keys - 1 - places.flip(2).argmax(2), last[:, part]), last[:, part])
        return cls(present, _through_others(first), _through_others(last))

    def mean(self, output: Tensor) -> Tensor:
        """For each row the mean over rows of its text that look no further than it does; 0 for padding.

        Args:
            output: (batch, rows, dim).

        Example:
            >>> amap = AttentionMap(torch.ones(1, 1, 3, 2), torch.ones(1, 1, 3, 2), causal=True)
            >>> TextRows.of(amap).mean(torch.tensor([[[1.0], [3.0], [8.0]]])).flatten()
            tensor([1., 2., 4.])
        """
        rows = output.shape[1]
        # Rows in the order of their texts, then of how far they look; padding last. Sums up to a row are sums of its past.
        places = (self.first * rows + self.last).masked_fill(~self.present, rows * rows)
        ordered, order = places.sort(dim=1, stable=True)
        through = torch.searchsorted(ordered, places, right=True) - 1
        before = torch.searchsorted(ordered, (self.first * rows).contiguous())  # rows of texts before this one
        kept = output.masked_fill(~self.present.unsqueeze(2), 0)  # rows of padding may be NaN
        wide = torch.float32 if output.device.type == "mps" else torch.float64
        sums = kept.to(wide).take_along_dim(order.unsqueeze(2), dim=1).cumsum(dim=1)
        sums = torch.cat([torch.zeros_like(sums[:, :1]), sums], dim=1)  # of the first 0, 1, 2 ... rows
        totals = sums.take_along_dim(through.unsqueeze(2) + 1, dim=1) - sums.take_along_dim(before.unsqueeze(2), dim=1)
        means = totals / (through + 1 - before).clamp(min=1).unsqueeze(2)
        return means.masked_fill(~self.present.unsqueeze(2), 0).to(output.dtype)


def seen_keys(amap: AttentionMap) -> Tensor:
    """Which keys some row may look at, (batch, keys): the others are padding.

    Example:
        >>> seen_keys(AttentionMap(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 2), causal=True))
        tensor([[True, True, True]])
    """
    batch, _, rows, keys = amap.shape
    seen = torch.zeros(batch, keys, dtype=torch.bool, device=amap.device)
    factors = amap.factors
    if factors is not None and factors.bias is None:  # the last row of a causal text sees all of it
        for item in range(batch):
            pattern = None if factors.mask is None else factors.mask.pattern
            last = Extent.everything(keys) if pattern is None else pattern.extent(item, 0, range(rows - 1, rows), keys)
            seen[item, last.open_start : last.open_stop] = True
        if bool(seen.all()):
            return seen
    step = max(1, TILE // (batch * keys))
    for start in range(0, rows, step):
        seen |= _visible(amap, slice(start, min(start + step, rows))).any(dim=1)
    return seen


def _visible(amap: AttentionMap, rows: slice) -> Tensor:
    """Who may look at whom in some head, (batch, rows, keys)."""
    batch, heads, _, keys = amap.shape
    factors = amap.factors
    if factors is None:  # weights that the model computed: what has none is hidden
        return (amap.select(queries=rows).dense() != 0).any(dim=1)
    count = rows.stop - rows.start
    visible = torch.ones(batch, 1, count, keys, dtype=torch.bool, device=amap.device)
    if factors.mask is not None:
        asked = heads if factors.mask.pattern.differs_by_head else 1
        visible = factors.mask.dense(batch, asked, count, keys, device=amap.device, query_start=rows.start)
    if factors.bias is not None:
        bias = factors.bias.expand(*factors.bias.shape[:-2], amap.shape[2], keys)[..., rows, :]
        visible = visible & (bias != -torch.inf)
    return visible.any(dim=1)


def _through_others(place: Tensor) -> Tensor:
    """The place that a row comes to by going from place to place, (batch, rows): each step doubles the way."""
    while True:
        further = place.gather(1, place)
        if torch.equal(further, place):
            return place
        place = further
