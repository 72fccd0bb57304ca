"""Who sees whom in a kernel of FlashAttention: every mask that these kernels know is one run of keys a query."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from regard.masks import Mask, padding
from regard.masks.recognition import of_edges


class Sides(NamedTuple):
    """How many keys a query sees on either side of its own; None where there is no end.

    Its own is counted from the right: the last query's own key is the last one.
    """

    left: int | None
    right: int | None

    @classmethod
    def of(cls, causal: bool, window: Any) -> "Sides":
        """From the arguments of a kernel: −1 and None stand for no end, and causal ends at the query's own key."""
        left, right = (None if side is None or side < 0 else int(side) for side in window or (None, None))
        return cls(left, 0 if causal else right)


class Documents(NamedTuple):
    """Sequences that are laid end to end, each of which sees itself only, and where they stand in the batch."""

    query_places: Tensor  #: (rows,) in batch · queries
    key_places: Tensor  #: (columns,) in batch · keys
    rows: Tensor  #: (documents + 1,) where each one's rows begin, and where the last end
    columns: Tensor  #: likewise
    at_start: bool = False  #: whether a query's own key is counted from the first one, and not from the last

    @classmethod
    def packed(cls, rows: Tensor, columns: Tensor) -> "Documents":
        """Documents between which nothing was taken out."""
        query_places, key_places = (torch.arange(int(ends[-1]), device=ends.device) for ends in (rows, columns))
        return cls(query_places, key_places, rows, columns)

    @classmethod
    def whole(cls, queries: int, keys: int, device: torch.device) -> "Documents":
        """A single one."""
        return cls.packed(*(torch.tensor([0, size], device=device) for size in (queries, keys)))


@dataclass(frozen=True)
class Runs:
    """The mask of a call.

    Attributes:
        mask: of (batch, ·, queries, keys); of the items one after the other, where a document lies in several of them.
        apart: whether items stay apart.
    """

    mask: Mask
    apart: bool


def mask_of_runs(documents: Documents, sides: Sides, batch: int, queries: int, keys: int) -> Runs:
    """The mask of a kernel call, two numbers a query.

    Real tokens are counted, not positions: between them there may be padding, over which a window reaches.

    Args:
        documents: what sees itself.
        sides: how far.
        batch: how many items there are.
        queries: of each item.
        keys: of each item.
    """
    rows, columns = documents.rows.long(), documents.columns.long()
    total = int(rows[-1])
    lengths, seen = rows.diff(), columns.diff()
    document = torch.arange(len(lengths), device=rows.device).repeat_interleave(lengths, output_size=total)
    here, there = seen[document], columns[:-1][document]
    own = torch.arange(total, device=rows.device) - rows[document]
    if not documents.at_start:
        own = own + here - lengths[document]
    first = torch.zeros_like(own) if sides.left is None else (own - sides.left).clamp(min=0)
    last = here if sides.right is None else torch.minimum(own + sides.right + 1, here).clamp(min=0)
    sees = first < last
    key_places = documents.key_places
    if not len(key_places):
        key_places = key_places.new_zeros(1)  # nobody sees it
    starts = key_places[torch.where(sees, there + first, 0)]
    ends = key_places[torch.where(sees, there + last - 1, 0)]
    places = documents.query_places[:total].long()
    item = places // queries
    apart = bool((((starts // keys == item) & (ends // keys == item)) | ~sees).all())
    if apart:
        starts, ends = starts - item * keys, ends - item * keys
    else:
        batch, queries, keys = 1, batch * queries, batch * keys
    edges = torch.zeros(2, batch * queries, dtype=torch.long, device=rows.device)
    edges[:, places] = torch.where(sees, torch.stack((starts, ends + 1)), 0)
    starts, stops = edges.view(2, batch, 1, queries)
    mask = Mask.of(of_edges(starts, stops, keys))
    real = torch.zeros(batch * keys, dtype=torch.bool, device=rows.device)
    real[documents.key_places] = True
    counted = torch.nn.functional.pad(real.view(batch, keys).cumsum(1), (1, 0))
    inside = counted.gather(1, stops[:, 0]) - counted.gather(1, starts[:, 0])
    holes = bool((inside != (stops - starts)[:, 0]).any())
    return Runs(mask & padding(real.view(batch, keys)) if holes else mask, apart)
