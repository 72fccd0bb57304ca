"""Answers about one map: cells of its weights, read in blocks of rows, with memory that does not grow with the map.

Weights of several heads are averaged first; then rows are divided by their sums, where that is asked for; then cells are made.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from regard.maps.attention_map import AttentionMap
from regard.viewer.answers.cost import cost_of_weight
from regard.viewer.answers.requests import Cells, How

BLOCK = 2**22
"""Weights that are in memory together."""

LEAST_ROWS = 16
"""Of an overview, whatever it costs."""

QUICK_WORK = 10**9
"""Multiply-adds of a quick answer: 64 rows of 131,072 keys."""

LONG = 4096
"""Keys of a row from which its denominator takes longer than all else of a question."""

MOST_OVER = 8
"""How many times the work may be exceeded for one query of each cell; beyond, neighbouring cells share what is read."""

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Members:
    """What is read of some cells: positions, one cell's after another's."""

    places: NDArray[np.int64]
    counts: NDArray[np.int64]  #: how many of them each cell has
    sampled: int  #: at most so many were taken of a cell; 0 where all were

    @classmethod
    def of(cls, cells: Cells, size: int, left_out: Collection[int] = (), sample: int = 0) -> "Members":
        """The positions in the cells, but those left out; of n that remain in a cell, sample j of s is number ⌊(2j+1)·n/2s⌋."""
        kept = _kept(size, left_out)
        low, high = np.searchsorted(kept, cells.starts), np.searchsorted(kept, cells.stops)
        inside = high - low
        counts = np.minimum(inside, sample) if sample else inside
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        of_cell = np.repeat(np.arange(len(cells)), counts)
        places = kept[low[of_cell] + (2 * within + 1) * inside[of_cell] // (2 * counts[of_cell])]
        return cls(places, counts, sample if (counts < inside).any() else 0)


class Region(NamedTuple):
    """Cells of a part of a map, and what of it was read."""

    matrices: list[Numbers]  #: (rows, columns), one a way of making cells
    sampled: int  #: at most so many queries were read of a cell; 0 where all were
    every: int  #: of so many neighbouring rows of cells one was read, and stands for the others; 1 where each was


class Reader:
    """Reads one map of one sequence.

    Args:
        amap: (1, heads, queries, keys).
        max_work: multiply-adds of one answer; None where all that is asked for is read, however long that takes.
    """

    def __init__(self, amap: AttentionMap, max_work: int | None = None) -> None:
        self.amap, self.max_work = amap, max_work
        self.cost = cost_of_weight(amap)

    def region(
        self,
        heads: tuple[int, ...],
        rows: Cells,
        columns: Cells,
        hows: tuple[How, ...],
        *,
        hidden_rows: Collection[int] = (),
        hidden_columns: Collection[int] = (),
        renormalise: bool = False,
        sample: int = 0,
        quick: bool = False,
    ) -> Region:
        """Cells of the mean of some heads.

        Args:
            heads: which are averaged.
            rows: cells of queries.
            columns: cells of keys.
            hows: the ways of making cells, a matrix each.
            hidden_rows: queries that are left out.
            hidden_columns: keys that are left out.
            renormalise: whether rows are divided by their sums over the keys that are not left out.
            sample: at most so many queries are read of a cell; 0 reads all.
            quick: whether fewer rows of cells may be read, evenly spaced, where denominators that are not known yet would
                take long; the answer is then one to look at until the whole one is there.
        """
        queries, keys = self.amap.shape[2:]
        every = Members.of(rows, queries, hidden_rows)
        across = Members.of(columns, keys, hidden_columns)
        wide = max(keys, len(across.places))  # cells may overlap
        row_cost = len(heads) * wide * self.cost
        many = self._affordable(every.counts, row_cost)
        step = self._step(every.counts, row_cost)
        if quick:
            read = Members.of(rows, queries, hidden_rows, min(sample or many, many or sample))
            known = self.amap.select(heads=list(heads), queries=_choice(read.places)).view.knows_denominators()
            work = len(read.places) * len(heads) * (len(across.places) if known else wide) * self.cost
            step = max(step, min(len(rows), -(-work // QUICK_WORK)))
        if step > 1:
            some = Cells(rows.starts[::step], rows.stops[::step])
            one = self.region(
                heads,
                some,
                columns,
                hows,
                hidden_rows=hidden_rows,
                hidden_columns=hidden_columns,
                renormalise=renormalise,
                sample=1,
            )
            return Region([np.repeat(cells, step, axis=0)[: len(rows)] for cells in one.matrices], 1, step)
        chosen = min(sample or many, many or sample)
        read = Members.of(rows, queries, hidden_rows, chosen) if chosen else every
        filled = across.counts > 0  # the others stay 0
        sums = np.zeros((len(rows), int(filled.sum())))
        peaks = np.full(sums.shape, -np.inf, np.float32)
        left_out = hidden_columns if renormalise else None
        for part, summed, largest in self._rows_of_cells(heads, read.places, across, left_out, peaks="max" in hows):
            _add_rows(sums, summed, read.counts, part, np.add)
            if largest is not None:
                _add_rows(peaks, largest, read.counts, part, np.maximum)
        mass = sums / np.maximum(read.counts, 1)[:, None]
        made = {"mass": mass, "mean": mass / across.counts[filled], "max": np.where(np.isneginf(peaks), 0, peaks)}
        found = []
        for how in hows:
            cells = np.zeros((len(rows), len(columns)), np.float32)
            cells[:, filled] = made[how]
            found.append(cells)
        return Region(found, read.sampled, 1)

    def prepare(
        self, heads: tuple[int, ...], rows: Cells, columns: Cells, hidden_rows: Collection[int] = (), sample: int = 0
    ) -> bool:
        """Compute the denominators of some rows that a region will read; whether there were any, and more may be left.

        So a region of long rows is read in parts, between which others have their turn. One of most keys needs no preparation:
        its denominators are found on the way.
        """
        queries, keys = self.amap.shape[2:]
        span = int(columns.stops.max(initial=0)) - int(columns.starts.min(initial=0))
        if keys < LONG or self.amap.view.whole_factors is None or 2 * span >= keys:
            return False
        row_cost = keys * self.cost
        every = Members.of(rows, queries, hidden_rows)
        many = self._affordable(every.counts, len(heads) * row_cost)
        places = Members.of(rows, queries, hidden_rows, min(sample or many, many or sample)).places
        for head in heads:
            missing = places[self.amap.select(heads=head, queries=_choice(places)).view.misses_denominators()]
            if len(missing):
                part = missing[: max(1, QUICK_WORK // 2 // row_cost)]
                self.amap.select(heads=head, queries=_choice(part)).logsumexp()
                return True
        return False

    def _rows_of_cells(
        self,
        heads: tuple[int, ...],
        queries: NDArray[np.int64],
        across: Members,
        left_out: Collection[int] | None,
        *,
        peaks: bool,
    ) -> Iterator[tuple[slice, Numbers, Numbers | None]]:
        """Rows whose keys are pooled: which queries, sums to be added up, and largest weights, (rows, cells that have keys).

        Rows are divided by their sums over the keys but those ``left_out``, if this is not None.
        """
        keys = self.amap.shape[3]
        places, filled = across.places, across.counts[across.counts > 0]
        if not len(queries) or not len(places):
            return
        if left_out is None and (len(heads) == 1 or not peaks) and (np.diff(places) == 1).all():
            pooled = self._pooled(heads, queries, int(places[0]) + np.concatenate([[0], np.cumsum(filled)]), peaks=peaks)
            if pooled is not None:
                for part, (summed, *largest) in pooled:
                    yield part, (summed / len(heads)).astype(np.float32), largest[0] if largest else None
                return
        kept = _kept(keys, left_out or ())
        for part, block in self.blocks(heads, queries, places if left_out is None else None, widest=len(places)):
            if left_out is not None:
                total = block[:, kept].sum(1, dtype=np.float64)[:, None]
                block = (block / np.where(total == 0, 1, total)).astype(np.float32)[:, places]
            yield part, _of_cells(block, across.counts, np.add), _of_cells(block, across.counts, np.maximum) if peaks else None

    def _pooled(
        self, heads: tuple[int, ...], queries: NDArray[np.int64], edges: NDArray[np.int64], *, peaks: bool
    ) -> Iterator[tuple[slice, list[Numbers]]] | None:
        """Rows of each head with their keys pooled between the edges as they are read; None where that is not the fast way.

        It is where denominators are known, for then no other key is needed; and on long rows of which most is wanted.
        """
        narrow = self.amap.select(heads=list(heads), queries=_choice(queries))
        pooled = narrow.view.pooled(edges.tolist(), ("mean", "max") if peaks else ("mean",), known=True)
        if pooled is None:
            return None
        return ((rows.queries, [cells.float().cpu().numpy() for cells in rows.cells]) for rows in pooled)

    def overview(self, side: int, *, probabilities: bool) -> tuple[Numbers, Numbers, int]:
        """Each head from afar: means and largest weights, (heads, rows, columns), at most ``side`` of these; and the sample."""
        _, heads, queries, keys = self.amap.shape
        rows, columns = min(queries, side), min(keys, side)
        if probabilities and self.affords(queries, heads):
            found = self.amap.summary(received=False, entropy=False, pool=(rows, columns), how=("mean", "max"))
            mean, largest = (pooled[0].float().numpy() for pooled in found.pool or ())
            return mean, largest, 0
        while rows > LEAST_ROWS and not self.affords(rows, heads):
            rows //= 2
        down, across = Cells.of_span(0, queries, rows), Cells.of_span(0, keys, columns)
        one = Reader(self.amap, max_work=None if self.max_work is None else -(-self.max_work // heads))
        parts = [one.region((head,), down, across, ("mean", "max")) for head in range(heads)]
        mean, largest = (np.stack([part.matrices[at] for part in parts]) for at in (0, 1))
        return mean, largest, parts[0].sampled

    def received(self, heads: tuple[int, ...]) -> tuple[Numbers, int]:
        """Mass that each key gets from all queries, (keys,), mean of the heads; and from how many queries it was estimated."""
        queries, keys = self.amap.shape[2:]
        many = self._affordable(np.array([queries]), len(heads) * keys * self.cost)
        read = Members.of(Cells.of_span(0, queries, 1), queries, sample=many)
        found = np.zeros(keys)
        tall = self.amap.select(heads=list(heads), queries=_choice(read.places))
        for rows in tall.rows():
            found[rows.columns] += rows.weights.sum(2).sum((0, 1), dtype=torch.float64).cpu().numpy()
        return (found * (queries / len(read.places) / len(heads))).astype(np.float32), read.sampled

    def entropy(self, heads: tuple[int, ...], queries: NDArray[np.int64], *, averaged: bool) -> Numbers:
        """Of these rows, in nats: that of the heads' mean, or the mean of the heads'. Negative weights add nothing."""
        found = np.zeros(len(queries))
        if not len(queries):
            return found.astype(np.float32)
        if self.amap.view.whole_factors is not None and (len(heads) == 1 or not averaged):
            tall = self.amap.select(heads=list(heads), queries=_choice(queries))
            for rows in tall.rows(entropy=True):
                if rows.entropy is not None:
                    found[rows.queries] += rows.entropy[0].sum(0).cpu().numpy()
            return (found / len(heads)).astype(np.float32)
        for together in [heads] if averaged else [(head,) for head in heads]:
            for part, block in self.blocks(together, queries, None):
                found[part] += torch.special.entr(torch.from_numpy(block).clamp_(min=0)).sum(1, dtype=torch.float64).numpy()
        return (found / (1 if averaged else len(heads))).astype(np.float32)

    def entropy_sample(self, heads: tuple[int, ...], rows: Cells, hidden: Collection[int]) -> Members:
        """Which queries the entropy of these cells is read from; hidden ones are not."""
        queries, keys = self.amap.shape[2:]
        every = Members.of(rows, queries, hidden)
        many = self._affordable(every.counts, len(heads) * keys * self.cost)
        if (step := self._step(every.counts, len(heads) * keys * self.cost)) > 1:
            places = np.arange(len(rows)) // step * step
            return Members.of(Cells(rows.starts[places], rows.stops[places]), queries, hidden, 1)
        return Members.of(rows, queries, hidden, many) if many else every

    def affords(self, rows: int, heads: int) -> bool:
        """Whether so many rows of so many heads may be read."""
        return self.max_work is None or rows * heads * self.amap.shape[3] * self.cost <= self.max_work

    def blocks(
        self, heads: tuple[int, ...], queries: NDArray[np.int64], keys: NDArray[np.int64] | None, widest: int = 0
    ) -> Iterator[tuple[slice, Numbers]]:
        """The mean of some heads at these queries and keys (all of them: None), block by block: which queries, and weights.

        ``widest`` is how many numbers the caller makes of a row, where these are more.
        """
        width = self.amap.shape[3] if keys is None else len(keys)
        if not len(queries) or not width:
            return
        rows = max(1, BLOCK // max(width, widest))
        together = max(1, BLOCK // (min(rows, len(queries)) * width))
        narrow = self.amap if keys is None else self.amap.select(keys=_choice(keys))
        for start in range(0, len(queries), rows):
            part = slice(start, min(start + rows, len(queries)))
            tall = narrow.select(queries=_choice(queries[part]))
            block = np.zeros((part.stop - part.start, width), np.float32)
            for first in range(0, len(heads), together):
                some = tall.select(heads=list(heads[first : first + together]))
                for found in some.rows():
                    block[found.queries, found.columns] += found.weights[0].sum(0).float().cpu().numpy()
            yield part, block / np.float32(len(heads))

    def _affordable(self, counts: NDArray[np.int64], row_cost: int) -> int:
        """The largest sample of each cell that ``max_work`` pays for, at least 1; 0 where it pays for all."""
        if self.max_work is None or int(counts.sum()) * row_cost <= self.max_work:
            return 0
        low, high = 1, int(counts.max(initial=1))
        while low < high:
            middle = (low + high + 1) // 2
            fits = int(np.minimum(counts, middle).sum()) * row_cost <= self.max_work
            low, high = (middle, high) if fits else (low, middle - 1)
        return low

    def _step(self, counts: NDArray[np.int64], row_cost: int) -> int:
        """Of how many neighbouring cells one is read: 1, unless one query of each were far too much work."""
        if self.max_work is None:
            return 1
        return min(len(counts), max(1, -(-int((counts > 0).sum()) * row_cost // (MOST_OVER * self.max_work))))


def _choice(places: NDArray[np.int64]) -> slice | list[int]:
    """The positions for ``select``: a slice where they keep one distance, which is read without looking each of them up."""
    step = int(places[1] - places[0]) if len(places) > 1 else 1
    if step > 0 and bool((np.diff(places) == step).all()):
        return slice(int(places[0]), int(places[-1]) + 1, step)
    chosen: list[int] = places.tolist()
    return chosen


def _kept(size: int, left_out: Collection[int]) -> NDArray[np.int64]:
    """The positions of an axis but those left out."""
    kept = np.ones(size, np.bool_)
    kept[list(left_out)] = False
    return np.flatnonzero(kept)


def _of_cells(block: Numbers, counts: NDArray[np.int64], how: np.ufunc) -> Numbers:
    """Sums or largest weights over the columns of each cell, (rows, cells that are not empty)."""
    if block.shape[1] == (counts > 0).sum():
        return block
    ends = np.cumsum(counts)
    made: Numbers = how.reduceat(block, (ends - counts)[counts > 0], axis=1)
    return made


def _add_rows(into: NDArray[Any], rows: Numbers, counts: NDArray[np.int64], part: slice, how: np.ufunc) -> None:
    """Add some of the rows that are read, ``part`` of all, to their cells, (cells, columns)."""
    ends = np.cumsum(counts)
    first, last = (int(np.searchsorted(ends, at, side="right")) for at in (part.start, part.stop - 1))
    begins = np.maximum((ends - counts)[first : last + 1] - part.start, 0)
    filled = counts[first : last + 1] > 0
    found = how.reduceat(rows, begins[filled], axis=0, dtype=into.dtype)
    into[first : last + 1][filled] = how(into[first : last + 1][filled], found)
