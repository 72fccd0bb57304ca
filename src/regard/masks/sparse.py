"""Masks with gaps between the keys that a query sees: steps, pairs of blocks, global positions."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regard.arguments import MOST, dense_tensor, whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks.combined import Or
from regard.masks.mask import Mask
from regard.masks.pattern import Extent, Limits, Pattern, Selection, at, cut, limit, place
from regard.masks.tensors import FromTensor, Padding, check_axes, ends


@dataclass(eq=False, repr=False)
class Dilated(Pattern):
    """Keys a step apart; see `dilated`."""

    name: ClassVar = "dilated"
    step: int
    offset: int

    def __post_init__(self) -> None:
        self.step, self.offset = place("step", self.step, 1), place("offset", self.offset)

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query + self.offset - key) % self.step == 0

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        return Extent.unknown(keys)

    def narrowed(self, kept: Selection) -> Pattern | None:
        return None if kept.first is None else self.changed(offset=self.offset + kept.first)


def dilated(step: int, offset: int = 0) -> Mask:
    """Every ``step``-th key, counted from the query's own: ``(query + offset - key) % step == 0``.

    Joined to others, ``window(step * (W - 1) + 1) & dilated(step)`` are W keys, ``step`` apart: Longformer's dilated window
    (Beltagy et al. 2020, section 3.1). ``causal() & dilated(step)`` is the strided head of Sparse Transformers (Child et al.
    2019, section 4.3), whose other head is a window.

    Args:
        step: from one key to the next, at least 1.
        offset: how many keys came before the first query.

    Raises:
        OptionError: if the step is not a whole number of at least 1.

    Example:
        >>> from regard.masks import causal, window
        >>> print((window(5) & dilated(2)).picture(6, 6))
        0 ■ ⬚ ⬚ ⬚ ⬚ ⬚
        1 ⬚ ■ ⬚ ⬚ ⬚ ⬚
        2 ■ ⬚ ■ ⬚ ⬚ ⬚
        3 ⬚ ■ ⬚ ■ ⬚ ⬚
        4 ■ ⬚ ■ ⬚ ■ ⬚
        5 ⬚ ■ ⬚ ■ ⬚ ■
        >>> print((causal() & (window(3) | dilated(3))).picture(7, 7))
        0 ■ ⬚ ⬚ ⬚ ⬚ ⬚ ⬚
        1 ■ ■ ⬚ ⬚ ⬚ ⬚ ⬚
        2 ■ ■ ■ ⬚ ⬚ ⬚ ⬚
        3 ■ ■ ■ ■ ⬚ ⬚ ⬚
        4 ⬚ ■ ■ ■ ■ ⬚ ⬚
        5 ⬚ ⬚ ■ ■ ■ ■ ⬚
        6 ■ ⬚ ⬚ ■ ■ ■ ■
    """
    return Mask.of(Dilated(step, offset))


@dataclass(eq=False, repr=False)
class GlobalPositions(Pattern):
    """Some positions see everything and are seen by everything; see `global_positions`."""

    name: ClassVar = "global_positions"
    positions: Tensor
    offset: int

    def __post_init__(self) -> None:
        dense_tensor("positions", self.positions)
        if self.positions.is_floating_point() or self.positions.dtype == torch.bool:
            raise DtypeError(
                f"positions: expected whole numbers, got {self.positions.dtype}; of 0 and 1, take positions.nonzero()[:, 0]"
            )
        if self.positions.ndim != 1:
            raise ShapeError(
                f"positions: expected (count,), the same for every sequence and head, got {tuple(self.positions.shape)}"
            )
        self.offset = place("offset", self.offset)
        least = int(self.positions.min()) if len(self.positions) else 0
        if least < 0:
            raise OptionError(f"positions: expected places of at least 0, got {least}; count from the first key")
        # In order, to be found in few steps: a table of all places would be as long as the last one is far.
        none = torch.tensor([torch.iinfo(torch.long).min])
        self._places = torch.cat([none, torch.unique(self.positions.cpu().long())])
        self.positions = self.positions.to(torch.long, copy=True)  # what the table was made of, whatever becomes of the tensor

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        places = self._places.to(key.device)
        asked = query + self.offset, key
        row, column = (places[torch.searchsorted(places, at).clamp(max=len(places) - 1)] == at for at in asked)
        return row | column

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        places = self.positions.cpu()
        all_seeing = torch.isin(torch.arange(rows.start, rows.stop) + self.offset, places)
        seen = torch.isin(torch.arange(keys), places)
        return Extent.within(keys, *ends(seen | all_seeing.any(), seen | all_seeing.all()))

    def narrowed(self, kept: Selection) -> Pattern:
        if (first := kept.first) is not None:
            return self.changed(offset=self.offset + first)
        places = self.positions.cpu()
        rows = torch.isin(torch.tensor(list(kept.queries)) + self.offset, places)
        return Or(FromTensor(rows[:, None]), Padding(torch.isin(torch.arange(kept.keys), places)[None]))

    def __repr__(self) -> str:
        before = f", offset={self.offset}" if self.offset else ""
        return f"global_positions({len(self.positions)} of {max(int(self._places[-1]) + 1, 0)}{before})"


def global_positions(positions: Tensor, offset: int = 0) -> Mask:
    """These positions see every key and are seen by every query; join it to another mask with ``|``.

    Longformer's global attention (Beltagy et al. 2020, section 3.1): a whole row and a whole column for each position.

    Args:
        positions: (count,) whole numbers of at least 0: places of the keys, in any order.
        offset: how many keys came before the first query.

    Raises:
        DtypeError: if positions is no tensor of whole numbers.
        ShapeError: if positions does not have one axis.
        OptionError: if a position is below 0.

    Example:
        >>> from regard.masks import centred_window
        >>> print((centred_window(3) | global_positions(torch.tensor([0, 4]))).picture(7, 7))
        0 ■ ■ ■ ■ ■ ■ ■
        1 ■ ■ ■ ⬚ ■ ⬚ ⬚
        2 ■ ■ ■ ■ ■ ⬚ ⬚
        3 ■ ⬚ ■ ■ ■ ⬚ ⬚
        4 ■ ■ ■ ■ ■ ■ ■
        5 ■ ⬚ ⬚ ⬚ ■ ■ ■
        6 ■ ⬚ ⬚ ⬚ ■ ■ ■
    """
    return Mask.of(GlobalPositions(positions, offset))


@dataclass(eq=False, repr=False)
class BlockPairs(Pattern):
    """Blocks of queries see blocks of keys by a table; see `block_pairs`."""

    name: ClassVar = "block_pairs"
    table: Tensor
    size: int
    offset: int

    def __post_init__(self) -> None:
        dense_tensor("table", self.table)
        if self.table.dtype != torch.bool:
            raise DtypeError(
                f"table: expected torch.bool, True = may attend, got {self.table.dtype}; write table.bool() if 1 means so"
            )
        check_axes("table", self.table, "heads, query blocks, key blocks")
        self.size, self.offset = place("size", self.size, 1), place("offset", self.offset, 0)

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        table = self.table.to(key.device)
        return table[at(head, len(table)), (query + self.offset) // self.size, key // self.size]

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        first, last = ((row + self.offset) // self.size for row in (rows.start, rows.stop - 1))
        pairs = self.table[head if len(self.table) > 1 else 0, first : last + 1]
        return Extent.within(keys, *(self.size * block for block in ends(pairs.any(0), pairs.all(0))))

    def narrowed(self, kept: Selection) -> Pattern | None:
        if kept.first is None:
            return None
        return BlockPairs(cut(self.table, kept.heads), self.size, self.offset + kept.first)

    @property
    def limits(self) -> Limits:
        heads, rows, columns = self.table.shape
        return None, limit(heads), max(0, rows * self.size - self.offset), columns * self.size

    def __repr__(self) -> str:
        before = f", offset={self.offset}" if self.offset else ""
        return f"block_pairs({' x '.join(map(str, self.table.shape))}, size={self.size}{before})"


def block_pairs(table: Tensor, size: int, offset: int = 0) -> Mask:
    """Which blocks see which, from a table: ``table[head, ⌊(query + offset) / size⌋, ⌊key / size⌋]``.

    Args:
        table: (heads, query blocks, key blocks), bool, True = may attend. A single head serves all.
        size: positions of a block, at least 1.
        offset: how many keys came before the first query.

    Raises:
        DtypeError: if table is no boolean tensor.
        ShapeError: if table does not have three axes.
        OptionError: if the size is not a whole number of at least 1, or the offset not one of at least 0.

    Example:
        >>> print(block_pairs(torch.tensor([[[True, False], [True, True]]]), size=2).picture(4, 4))
        0 ■ ■ ⬚ ⬚
        1 ■ ■ ⬚ ⬚
        2 ■ ■ ■ ■
        3 ■ ■ ■ ■
    """
    return Mask.of(BlockPairs(table, size, offset))


def random_blocks(count: int, size: int, blocks: int, heads: int = 1, seed: int = 0) -> Mask:
    """Each block of queries sees ``count`` blocks of keys, drawn once (BigBird, Zaheer et al. 2020, section 2).

    Drawn among the blocks that BigBird does not show anyway: neither the own one and its neighbours, nor the first and the
    last. Fewer where there are no more. What comes out is a `block_pairs` mask: files keep the draw, not the seed.

    Args:
        count: how many blocks of keys, at least 1.
        size: positions of a block, at least 1.
        blocks: how many blocks the sequence has, at least 1.
        heads: how many heads draw for themselves; a single draw serves all.
        seed: the same seed draws the same blocks.

    Raises:
        OptionError: if a number is not whole, or too small.

    Example:
        >>> print(random_blocks(count=1, size=1, blocks=7).picture(7, 7))
        0 ⬚ ⬚ ⬚ ⬚ ⬚ ■ ⬚
        1 ⬚ ⬚ ⬚ ⬚ ■ ⬚ ⬚
        2 ⬚ ⬚ ⬚ ⬚ ⬚ ■ ⬚
        3 ⬚ ⬚ ⬚ ⬚ ⬚ ■ ⬚
        4 ⬚ ■ ⬚ ⬚ ⬚ ⬚ ⬚
        5 ⬚ ⬚ ■ ⬚ ⬚ ⬚ ⬚
        6 ⬚ ⬚ ⬚ ⬚ ■ ⬚ ⬚
    """
    count, blocks, heads = (
        whole_number(name, number, 1) for name, number in (("count", count), ("blocks", blocks), ("heads", heads))
    )
    if heads * blocks**2 > MOST:
        raise OptionError(
            f"blocks: expected heads · blocks² of at most {MOST:,}, got {heads:,} · {blocks:,}²; take larger blocks"
        )
    place = torch.arange(blocks)
    free = ((place[:, None] - place).abs() > 1) & (place > 0) & (place < blocks - 1)  # (query blocks, key blocks)
    luck = torch.rand(heads, blocks, blocks, generator=torch.Generator().manual_seed(whole_number("seed", seed)))
    rank = luck.masked_fill(~free, -1).argsort(-1, descending=True).argsort(-1)  # 0 for the luckiest
    return block_pairs(free & (rank < count), size)
