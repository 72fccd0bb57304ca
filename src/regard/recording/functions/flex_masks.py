"""Who sees whom in flex attention: its listed blocks of queries and keys, and its function of positions, as a mask."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from regard.errors import RecordingError
from regard.masks import Mask, from_tensor
from regard.masks.recognition import of_edges

MAX_TRUTH_VALUES = 2**30
_ROUND = 2**24  # positions that are asked about together

Modification = Callable[..., Tensor]
"""A mask_mod (batch, head, query, key), or a score_mod (score, batch, head, query, key): of numbers, not of tensors of them."""


class BlockList(NamedTuple):
    """What a BlockMask holds."""

    some: tuple[Tensor, Tensor]  #: count (batch, heads, rows of blocks) and places (…, blocks) of blocks to be asked about
    every: tuple[Tensor, Tensor] | None  #: likewise, of blocks that are seen as a whole
    sizes: tuple[int, int]  #: queries and keys of a block
    mask_mod: Modification

    @classmethod
    def of(cls, block_mask: Any) -> "BlockList":
        """From a BlockMask, or from the tuple that flex attention makes of it."""
        if not isinstance(block_mask, tuple):
            block_mask = block_mask.as_tuple()
        count, places, full_count, full_places = block_mask[2:6]
        every = None if full_count is None else (full_count, full_places)
        return cls((count, places), every, (block_mask[-3], block_mask[-2]), block_mask[-1])

    @property
    def hides_nothing(self) -> bool:
        """Whether it stands for no mask at all."""
        return getattr(self.mask_mod, "__name__", "") == "noop_mask" and min(self.sizes) >= 2**30


def mask_of_blocks(given: BlockList, shape: tuple[int, int, int, int], *, listed: bool) -> Mask | None:
    """The mask of a call, asked now, as what it looks up may change: two numbers a query where each sees one run of keys.

    Args:
        given: the blocks.
        shape: (batch, heads, queries, keys).
        listed: blocks that are not listed are hidden; without its compiled kernel flex attention does not look at the list.

    Raises:
        RecordingError: the mask is no run of keys a query, and too large as truth values.
    """
    if given.hides_nothing:
        return None
    batch, heads, queries, keys = shape
    mod, device = given.mask_mod, given.some[0].device
    lists = [kind[0] for kind in (given.some, given.every) if kind is not None]
    outer = (
        batch if depends_on(mod, 0, device) or max(one.shape[0] for one in lists) > 1 else 1,
        heads if depends_on(mod, 1, device) or max(one.shape[1] for one in lists) > 1 else 1,
    )
    if not listed:
        given = _asking_everywhere(given, queries, keys)
    height = given.some[0].shape[2] * given.sizes[0]
    edges = _Edges(torch.zeros(*outer, height, dtype=torch.long, device=device), keys)
    if given.every is not None:
        edges.add_whole_blocks(_pairs(given.every, outer), given.sizes)
    pairs = _pairs(given.some, outer)
    for rows, columns, bits in _asked(given, pairs, queries, keys):
        edges.add(rows, columns, bits)
    starts, stops = edges.starts[:, :, :queries], edges.stops[:, :, :queries]
    sees = edges.count[:, :, :queries] > 0
    starts, stops = torch.where(sees, starts, 0), torch.where(sees, stops, 0)
    if torch.equal(stops - starts, edges.count[:, :, :queries]):
        return Mask.of(of_edges(starts, stops, keys))
    return from_tensor(_table(given, pairs, outer, queries, keys))


def depends_on(mod: Modification, axis: int, device: torch.device, *before: Tensor) -> bool:
    """Whether what a function of positions says depends on this one of (batch, head, query, key)."""
    zero = torch.zeros((), dtype=torch.long, device=device)
    given = [*before, zero, zero, zero, zero]
    at = axis + len(before)
    given[at] = zero[None]
    try:
        with _looking_up():
            torch.vmap(mod, in_dims=tuple(0 if place == at else None for place in range(len(given))), out_dims=None)(*given)
    except ValueError:  # it refuses to give one answer for all: what comes out has the axis
        return True
    return False


def over_tile(mod: Modification, places: tuple[Tensor, Tensor, Tensor, Tensor], *scores: Tensor) -> Tensor:
    """A function of single positions, of all pairs of these: (batch, heads, queries, keys)."""
    for at in (3, 2, 1, 0):
        mod = torch.vmap(mod, in_dims=(0,) * len(scores) + tuple(0 if at == place else None for place in range(4)))
    with _looking_up():
        return mod(*scores, *places)


def _looking_up() -> Any:
    """Indexing with a number that is many numbers at once, as flex attention itself has it."""
    from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex  # takes a second

    return TransformGetItemToIndex()


def _asking_everywhere(given: BlockList, queries: int, keys: int) -> BlockList:
    down, across = (-(-size // block) for size, block in zip((queries, keys), given.sizes, strict=True))
    device = given.some[0].device
    count = torch.full((1, 1, down), across, device=device)
    return given._replace(some=(count, torch.arange(across, device=device).expand(1, 1, down, across)), every=None)


def _pairs(kind: tuple[Tensor, Tensor], outer: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The batch, head, row and column of each listed block."""
    count, places = (one.expand(*outer, *one.shape[2:]) for one in kind)
    batch, head, row, at = (torch.arange(places.shape[3], device=count.device) < count[..., None]).nonzero(as_tuple=True)
    return batch, head, row, places[batch, head, row, at].long()


def _asked(
    given: BlockList, pairs: tuple[Tensor, Tensor, Tensor, Tensor], queries: int, keys: int
) -> Iterator[tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor]]:
    """Blocks with the answers: (batch, head, first row), first column, truth values (blocks, rows, columns)."""
    height, width = given.sizes
    asked: Modification = given.mask_mod
    for dims in ((None, None, None, 0), (None, None, 0, None), (0, 0, 0, 0)):
        asked = torch.vmap(asked, in_dims=dims)
    for some in zip(*(each.split(max(1, _ROUND // (height * width))) for each in pairs), strict=True):
        batch, head, row, column = some
        q = row[:, None] * height + torch.arange(height, device=row.device)
        k = column[:, None] * width + torch.arange(width, device=row.device)
        with _looking_up():
            bits = asked(batch, head, q.clamp(max=queries - 1), k.clamp(max=keys - 1)).bool()
        bits = bits & (q < queries)[:, :, None] & (k < keys)[:, None]
        yield (batch, head, row * height), column * width, bits


class _Edges:
    """The first and the last key that each query sees, and how many: known from blocks in any order."""

    def __init__(self, count: Tensor, keys: int) -> None:
        self.count, self.keys = count, keys
        self.starts, self.stops = torch.full_like(count, keys), torch.zeros_like(count)

    def add_whole_blocks(self, pairs: tuple[Tensor, Tensor, Tensor, Tensor], sizes: tuple[int, int]) -> None:
        """Blocks that every query of theirs sees as a whole."""
        batch, head, row, column = pairs
        start, stop = column * sizes[1], ((column + 1) * sizes[1]).clamp(max=self.keys)
        rows = row[:, None] * sizes[0] + torch.arange(sizes[0], device=row.device)
        self._note(
            batch[:, None], head[:, None], rows, *(each[:, None].expand_as(rows) for each in (start, stop, stop - start))
        )

    def add(self, rows: tuple[Tensor, Tensor, Tensor], columns: Tensor, bits: Tensor) -> None:
        """Blocks with truth values."""
        batch, head, first = rows
        some = bits.any(2)
        start = torch.where(some, columns[:, None] + bits.to(torch.uint8).argmax(2), self.keys)
        stop = torch.where(some, columns[:, None] + bits.shape[2] - bits.flip(2).to(torch.uint8).argmax(2), 0)
        places = first[:, None] + torch.arange(bits.shape[1], device=bits.device)
        self._note(batch[:, None], head[:, None], places, start, stop, bits.sum(2))

    def _note(self, batch: Tensor, head: Tensor, rows: Tensor, start: Tensor, stop: Tensor, count: Tensor) -> None:
        place = ((batch * self.count.shape[1] + head) * self.count.shape[2] + rows).flatten()
        self.starts.view(-1).scatter_reduce_(0, place, start.flatten(), "amin")
        self.stops.view(-1).scatter_reduce_(0, place, stop.flatten(), "amax")
        self.count.view(-1).scatter_add_(0, place, count.flatten())


def _table(
    given: BlockList, pairs: tuple[Tensor, Tensor, Tensor, Tensor], outer: tuple[int, int], queries: int, keys: int
) -> Tensor:
    height, width = given.sizes
    down, across = -(-queries // height), -(-keys // width)
    size = outer[0] * outer[1] * down * height * across * width
    if size > MAX_TRUTH_VALUES:
        raise RecordingError(
            f"expected a mask of flex attention with one run of keys a query, or of at most {MAX_TRUTH_VALUES:,} truth values, "
            f"got one of {size:,}; record shorter sequences, or leave the layer out with layers="
        )
    table = torch.zeros(*outer, down, across, height, width, dtype=torch.bool, device=given.some[0].device)
    if given.every is not None:
        table[_pairs(given.every, outer)] = True
    for (batch, head, row), column, bits in _asked(given, pairs, queries, keys):
        table[batch, head, row // height, column // width] = bits
    return table.transpose(3, 4).flatten(4).flatten(2, 3)[:, :, :queries, :keys].clone()
