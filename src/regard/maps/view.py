"""A source of weights and the places of it that are read: the one thing behind a map, and the door to its rows."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.axes.axis import Axis
from regard.maps.factors import Factors
from regard.maps.indexing import Choice, narrow
from regard.maps.reading.key_chunks import KeyChunks, row_groups
from regard.maps.reading.long_rows import ROWS, LongRowBlock, LongRows, is_long
from regard.maps.reading.parts import Block, PooledRows, Pooling, Rows, blocks
from regard.maps.reading.timing import predicted_seconds, with_progress
from regard.maps.softmax_weights import SoftmaxWeights
from regard.maps.source import DenseWeights, Ranges, Source
from regard.positions import Positions, through

POOLED_ROW, POOLED_CELL = 2**15, 128
"""Rows and cells of so many keys are pooled in chunks: shorter rows are as fast whole, and narrower cells slower one by one."""


@dataclass(frozen=True)
class Cut:
    """Rows and columns, and of how many: some places of a larger map."""

    rows: Positions
    queries: int
    columns: Positions
    keys: int


@dataclass(frozen=True, eq=False)
class MapView:
    """What a map reads: a source of weights, and which of its sequences, heads, queries and keys, in which order.

    Attributes:
        cut: what the source holds of the map that was recorded: a file of a narrowed map has not all of its rows. None where it
            holds all.
    """

    source: Source
    batch: Positions
    heads: Positions
    queries: Positions
    keys: Positions
    cut: Cut | None = None

    @classmethod
    def whole(cls, source: Source) -> "MapView":
        """All of a source."""
        batch, heads, queries, keys = map(range, source.shape)
        return cls(source, batch, heads, queries, keys)

    @property
    def ranges(self) -> Ranges:
        """The places of the four axes."""
        return self.batch, self.heads, self.queries, self.keys

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""
        return len(self.batch), len(self.heads), len(self.queries), len(self.keys)

    @property
    def held(self) -> Cut:
        """What the source holds of the map that was recorded."""
        queries, keys = self.source.shape[2:]
        return self.cut or Cut(range(queries), queries, range(keys), keys)

    @property
    def shown(self) -> Cut:
        """What the view shows of the map that was recorded: where its rows and columns stand."""
        held = self.held
        return Cut(through(held.rows, self.queries), held.queries, through(held.columns, self.keys), held.keys)

    def select(self, batch: Choice = None, heads: Choice = None, queries: Choice = None, keys: Choice = None) -> "MapView":
        """Some of these places, counted within the view."""
        return MapView(
            self.source,
            narrow("batch", self.batch, batch),
            narrow("heads", self.heads, heads),
            narrow("queries", self.queries, queries),
            narrow("keys", self.keys, keys),
            self.cut,
        )

    def weights(self) -> Tensor:
        """All weights of the view, (batch, heads, queries, keys)."""
        return self.source.weights(*self.ranges)

    def denominators(self) -> Tensor:
        """Logarithm of the rows' denominators, (batch, heads, queries): over all keys, whatever the view shows of them."""
        return self.source.denominators(self.batch, self.heads, self.queries)

    def knows_denominators(self) -> bool:
        """Whether parts of the rows are read without their rest: denominators are known, or weights are kept one by one."""
        if isinstance(self.source, SoftmaxWeights):
            return self.source.knows(*self.ranges[:3])
        return isinstance(self.source, DenseWeights)

    def misses_denominators(self) -> NDArray[np.bool_]:
        """Of each row, whether its denominator is not known yet for one of the sequences and heads, (queries,)."""
        if not isinstance(self.source, SoftmaxWeights):
            return np.zeros(len(self.queries), np.bool_)
        missing: NDArray[np.bool_] = self.source.known(*self.ranges[:3]).isnan().any(1).any(0).cpu().numpy()
        return missing

    def exact_denominators(self) -> Tensor:
        """The same, in double precision, as of scores in double precision: for who computes weights from these."""
        if not isinstance(self.source, SoftmaxWeights):
            return self.denominators()
        return self.source.exact_denominators(self.batch, self.heads, self.queries)

    @property
    def whole_factors(self) -> Factors | None:
        """The factors of all places of the source; None where it is kept otherwise. Costs nothing."""
        return self.source.factors if isinstance(self.source, SoftmaxWeights) else None

    @torch.no_grad()
    def rows(self, progress: str | None, *, entropy: bool = False) -> Iterator[Rows]:
        """Blocks of whole rows. The weights of a block are good until the next one is asked for.

        Long rows of factors are read on a path of their own (``long_rows.py``), everything else as tiles.

        Args:
            progress: name of a bar, which shows where a pass takes longer than a second; None for no bar.
            entropy: whether it is wanted.
        """
        read = self._reader(entropy)
        for block in with_progress(self._blocks(), progress, math.prod(self.shape), read):
            yield from read(block)

    def pooled(self, edges: Sequence[int], ways: Sequence[Pooling], *, known: bool = False) -> Iterator[PooledRows] | None:
        """Blocks of rows whose keys are pooled as they are read; None where that is not faster than from whole ``rows``.

        Long rows of factors are pooled in chunks of keys (``key_chunks.py``), if enough of each row is wanted.

        Args:
            edges: rising, among the view's keys: weights are pooled between neighbouring ones.
            ways: of pooling.
            known: whether rows whose denominators are known may be computed from these, and from no key beyond the edges.
                Faster, but the last bits then depend on what was asked before.
        """
        source, keys = self.source, len(self.keys)
        if not isinstance(source, SoftmaxWeights):
            return None
        if known and isinstance(self.keys, range) and self.keys.step == 1 and source.knows(*self.ranges[:3]):
            return self._pooled_from_known(source, edges, ways)
        ends = sorted({0, *edges, keys})
        wide = keys >= max(POOLED_ROW, (len(ends) - 1) * POOLED_CELL) and 2 * (edges[-1] - edges[0]) >= keys
        return self._pooled_in_chunks(source, edges, ends, ways) if wide and self._is_whole_long_rows() else None

    def seconds(self, edges: Sequence[int] = ()) -> float:
        """Seconds that a pass will take here, from a sample of its blocks: of whole rows, or pooled between edges, if given."""
        if edges and isinstance(self.source, SoftmaxWeights):
            return predicted_seconds(self._single_rows(), self._pooler(self.source, edges, ("mean",)))
        return predicted_seconds(self._blocks(), self._reader(entropy=True))

    def _blocks(self) -> list[Block]:
        return list(blocks(*self.shape, most_rows=ROWS if self._is_much_of_long_rows() else None))

    def _is_whole_long_rows(self) -> bool:
        keys = self.source.shape[3]
        return self.keys == range(keys) and is_long(keys)

    def _is_much_of_long_rows(self) -> bool:
        """Whether reading rows whole, and taking these keys of them, costs less than their sums and then the weights."""
        keys, size = self.keys, self.source.shape[3]
        much = isinstance(keys, range) and keys.step == 1 and 2 * len(keys) >= size
        return much and is_long(size) and isinstance(self.source, SoftmaxWeights)

    def _of_view(self, columns: slice, weights: Tensor) -> tuple[slice, Tensor]:
        """Of weights of some of the source's keys those of the view's, and where they stand in it."""
        first = self.keys[0]
        start, stop = max(columns.start, first), max(columns.start, first, min(columns.stop, self.keys[-1] + 1))
        return slice(start - first, stop - first), weights[..., start - columns.start : stop - columns.start]

    def _reader(self, entropy: bool) -> Callable[[Block], Iterator[Rows]]:
        """How a block of the view becomes rows."""
        source = self.source
        if isinstance(source, SoftmaxWeights) and self._is_much_of_long_rows():
            whole = self._is_whole_long_rows()
            long_rows = LongRows(source.factors.within, entropy=entropy and whole)

            def long(block: Block) -> Iterator[Rows]:
                b, h, q = block
                for one in range(b.start, b.stop):
                    sequence, queries, first = self.batch[one], self.queries[q], h.start
                    with source.factors.guard():
                        together = long_rows.together(sequence, self.heads[h], queries)
                    for heads in together:
                        with source.factors.guard():
                            found = long_rows.read(sequence, heads, queries)
                        if found.denominators is not None:
                            source.remember(sequence, heads, queries, found.denominators)
                        yield of_block((slice(one, one + 1), slice(first, first + len(heads)), q), found)
                        first += len(heads)

            def of_block(places: Block, found: LongRowBlock) -> Rows:
                weights, nats = found.weights[None], found.entropy
                if whole:
                    return Rows(*places, found.columns, weights, None if nats is None else nats[None], found.blind[None])
                columns, weights = self._of_view(found.columns, weights)
                return Rows(*places, columns, weights, torch.special.entr(weights).sum(3) if entropy else None)

            return long

        def general(block: Block) -> Iterator[Rows]:
            b, h, q = block
            weights = source.weights(self.batch[b], self.heads[h], self.queries[q], self.keys)
            nats = torch.special.entr(weights).sum(3) if entropy else None
            yield Rows(b, h, q, slice(0, len(self.keys)), weights, nats)

        return general

    @torch.no_grad()
    def _pooled_from_known(self, source: SoftmaxWeights, edges: Sequence[int], ways: Sequence[Pooling]) -> Iterator[PooledRows]:
        chunks, places = KeyChunks(source.factors.within), [self.keys[0] + edge for edge in edges]
        for b, h, q in self._single_rows():
            at = self.batch[b.start], self.heads[h.start], self.queries[q]
            denominators = source.known(at[:1], at[1:2], at[2])[0, 0]
            with source.factors.guard():
                cells = chunks.known_cells(*at, denominators, places, ways)
            yield PooledRows(b.start, h.start, q, cells)

    @torch.no_grad()
    def _pooled_in_chunks(
        self, source: SoftmaxWeights, edges: Sequence[int], ends: Sequence[int], ways: Sequence[Pooling]
    ) -> Iterator[PooledRows]:
        """Between all ends, as denominators need every key; what lies between edges is given."""
        first = ends.index(edges[0])
        read = self._pooler(source, ends, ways)
        for block in with_progress(self._single_rows(), "pooling the map", math.prod(self.shape), read):
            for rows in read(block):
                yield rows._replace(cells=[cells[:, first : first + len(edges) - 1] for cells in rows.cells])

    def _pooler(
        self, source: SoftmaxWeights, ends: Sequence[int], ways: Sequence[Pooling]
    ) -> Callable[[Block], Iterator[PooledRows]]:
        """How a block of rows of one head becomes rows whose keys are pooled."""
        chunks = KeyChunks(source.factors.within)

        def read(block: Block) -> Iterator[PooledRows]:
            b, h, q = block[0].start, block[1].start, block[2]
            at = self.batch[b], self.heads[h], self.queries[q]
            with source.factors.guard():
                cells, denominators = chunks.cells(*at, ends, ways)
            if denominators is not None:
                source.remember(at[0], range(at[1], at[1] + 1), at[2], denominators)
            yield PooledRows(b, h, q, cells)

        return read

    def _single_rows(self) -> list[Block]:
        """Blocks of one sequence and head each, of as many rows as are read in chunks of keys together."""
        places = product(range(len(self.batch)), range(len(self.heads)), row_groups(self.queries))
        return [(slice(b, b + 1), slice(h, h + 1), q) for b, h, q in places]


@dataclass(frozen=True, eq=False)
class MapData:
    """What a map consists of; ``AttentionMap`` takes itself apart into it, and is put together from it."""

    view: MapView
    name: str | None = None
    kind: str | None = None
    layer: int | None = None
    queries: Axis | None = None
    keys: Axis | None = None
    call: int = 0
    step: int = 0
