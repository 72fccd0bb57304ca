"""Weights that follow from factors, and the denominators that were found on the way."""

import itertools

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.reading.key_chunks import KeyChunks, row_groups
from regard.maps.reading.long_rows import is_long
from regard.maps.reading.parts import blocks
from regard.maps.reading.rounding import FAR, Rounding, is_far, of_mean_keys, places_of_one_rounding, wide_dtype
from regard.maps.reading.whole_rows import denominators_of, weights_of
from regard.positions import Positions, index, positions_of, take


class SoftmaxWeights:
    """A softmax over factors, a tile at a time. A row's denominator is computed once, and kept: eight bytes a row and head.

    Whole rows are divided by their own sums, and parts of rows by the denominators: see ``rounding.py``.

    Args:
        factors: what the weights follow from.
    """

    def __init__(self, factors: Factors) -> None:
        self.factors = factors

    def __getstate__(self) -> dict[str, Factors]:
        """Copies and pickles leave out what is computed once more when it is asked for."""
        return {"factors": self.factors}

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""
        return self.factors.shape

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights: float32, or float64 where the factors are."""
        return self.factors.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are computed."""
        return self.factors.device

    @property
    def nbytes(self) -> int:
        """Bytes of the factors."""
        return self.factors.nbytes

    def describe(self) -> str:
        """In a few words, how the weights are kept."""
        return self.factors.describe()

    @torch.no_grad()
    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """The weights at these positions, (batch, heads, queries, keys)."""
        with self.factors.guard():  # once around all, as the system is asked each time
            if keys == range(self.shape[3]):
                return weights_of(self.factors.within, batch, heads, queries)
            self.denominators(batch, heads, queries)
            parts = self._places_of_one_rounding(batch, heads)
            if len(parts) == 1:
                return self._tile(batch, heads, queries, keys, parts[0][2])
            made = torch.empty(len(batch), len(heads), len(queries), len(keys), dtype=self.dtype, device=self.device)
            for at, (one, head, way) in enumerate(parts):
                made[at // len(heads), at % len(heads)] = self._tile(one, head, queries, keys, way)[0, 0]
            return made

    @torch.no_grad()
    def denominators(self, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
        """Logarithm of these rows' denominators, (batch, heads, queries), in double precision: computed once, and kept."""
        missing = self.known(batch, heads, queries).isnan().any(1).any(0)
        if missing.any():
            rows = queries if missing.all() else positions_of([queries[int(at)] for at in missing.nonzero()])
            if is_long(self.shape[3]):
                chunks = KeyChunks(self.factors.within)
                for one, head, some in itertools.product(batch, heads, row_groups(rows)):
                    with self.factors.guard():
                        found = chunks.denominators(one, head, rows[some])
                    self.remember(one, range(head, head + 1), rows[some], found)
            else:
                for some, read, way in self._places_of_one_rounding(batch, heads):
                    for b, h, q in blocks(len(some), len(read), len(rows), self.shape[3]):
                        self._enter(some[b], read[h], rows[q], way)
        return self.known(batch, heads, queries)

    @torch.no_grad()
    def exact_denominators(self, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
        """``denominators`` of scores in double precision, for who computes scores so: a page. They are not kept."""
        chunks, way = KeyChunks(self.factors.within), Rounding(wide_dtype(self.factors))
        found = torch.empty(len(batch), len(heads), len(queries), dtype=way.dtype, device=self.device)
        if is_long(self.shape[3]):
            places = itertools.product(range(len(batch)), range(len(heads)), row_groups(queries))
            for b, h, rows in places:
                with self.factors.guard():
                    found[b, h, rows] = chunks.denominators(batch[b], heads[h], queries[rows], exact=True)
            return found
        for block in blocks(len(batch), len(heads), len(queries), self.shape[3]):
            with self.factors.guard():
                found[block] = denominators_of(self.factors.within, batch[block[0]], heads[block[1]], queries[block[2]], way)
        return found

    def known(self, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
        """The denominators of these rows as far as they are known, NaN elsewhere: (batch, heads, queries)."""
        return take(take(take(self._table(), 0, batch), 1, heads), 2, queries)

    def knows(self, batch: Positions, heads: Positions, queries: Positions) -> bool:
        """Whether the denominators of all of these rows are known, and tell apart what parts of the rows weigh."""
        return not self.known(batch, heads, queries).isnan().any() and not self.coarse(batch, heads, queries)

    def coarse(self, batch: Positions, heads: Positions, queries: Positions) -> bool:
        """Whether scores of these rows are so large that denominators, as far as known, do not tell what parts weigh."""
        known = self.known(batch, heads, queries)
        if bool((known.isfinite() & (known.abs() > FAR)).any()):
            return True
        with self.factors.guard():
            return is_far(self.factors.within, batch, heads, queries)

    def remember(self, batch: int, heads: range, queries: Positions, denominators: Tensor) -> None:
        """Keep the denominators of some rows of neighbouring heads, (heads, queries), but for those that are NaN."""
        table, places = self._table()[batch, heads.start : heads.stop], index(queries)
        table[:, places] = torch.where(denominators.isnan(), table[:, places], denominators)

    def _table(self) -> Tensor:
        table: Tensor | None = self.__dict__.get("_denominators")
        if table is None:
            with torch.inference_mode(False):  # it is filled later, perhaps outside of the mode
                table = torch.full(self.shape[:3], torch.nan, dtype=wide_dtype(self.factors), device=self.device)
            # One table for all threads: what another one has entered meanwhile is not lost.
            table = self.__dict__.setdefault("_denominators", table)
        return table

    def _places_of_one_rounding(self, batch: Positions, heads: Positions) -> list[tuple[Positions, Positions, Rounding]]:
        with self.factors.guard():
            return list(places_of_one_rounding(self.factors.within, batch, heads))

    def _tile(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions, way: Rounding) -> Tensor:
        """Parts of rows whose denominators are known, computed in the way of their heads."""
        if not way.alike and self.coarse(batch, heads, queries):
            return self._parts_of_rows(batch, heads, queries, keys)
        centred, denominators = way.mean is not None, self.known(batch, heads, queries)
        # A row without visible keys has weights 0: exp(−inf − inf), where exp(−inf + inf) would be NaN.
        denominators = denominators.masked_fill(denominators == -torch.inf, torch.inf)
        with self.factors.guard():
            if centred:
                denominators = denominators - of_mean_keys(self.factors.within, batch, heads, queries)
            scores = self.factors.within.scores(batch, heads, queries, keys, dtype=way.dtype, centred=centred, alike=way.alike)
        if way.dtype == denominators.dtype:
            return scores.sub_(denominators.unsqueeze(-1)).to(self.dtype).exp_()
        near = denominators.to(way.dtype)  # in two parts: one float32 number would move all weights of the row
        rest = (denominators - near).nan_to_num_(nan=0).to(way.dtype)
        return scores.sub_(near.unsqueeze(-1)).sub_(rest.unsqueeze(-1)).exp_()

    def _enter(self, batch: Positions, heads: Positions, queries: Positions, way: Rounding) -> None:
        """Keep the denominators of some rows."""
        with self.factors.guard():
            found = denominators_of(self.factors.within, batch, heads, queries, way)
        places = [torch.tensor(list(at), dtype=torch.long, device=found.device) for at in (batch, heads, queries)]
        self._table()[places[0][:, None, None], places[1][:, None], places[2]] = found

    def _parts_of_rows(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """Weights from whole rows, of which the rest is forgotten: the scores of a row are the same each time."""
        sizes = len(batch), len(heads), len(queries)
        made = torch.empty(*sizes, len(keys), dtype=self.dtype, device=self.device)
        for b, h, q in blocks(*sizes, self.shape[3]):
            with self.factors.guard():
                made[b, h, q] = take(weights_of(self.factors.within, batch[b], heads[h], queries[q]), 3, keys)
        return made
