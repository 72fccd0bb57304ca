"""Weights that follow from factors, and the denominators that were found on the way."""

import itertools

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.reading.denominators import denominators_of
from regard.maps.reading.key_chunks import KeyChunks, row_groups
from regard.maps.reading.long_rows import is_long
from regard.maps.reading.parts import blocks
from regard.positions import Positions, index, positions_of, take


class SoftmaxWeights:
    """A softmax over factors, a tile at a time. A row's denominator is computed once, and kept: four bytes a row and head.

    Args:
        factors: what the weights follow from.
        denominators: (batch, heads, queries), their logarithms, where they are known; NaN for rows where they are not.
    """

    def __init__(self, factors: Factors, denominators: Tensor | None = None) -> None:
        self.factors = factors
        self._denominators = denominators

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
        scores = self.factors.scores(batch, heads, queries, keys)
        if keys == range(self.shape[3]) and not self.knows(batch, heads, queries):
            self._enter(batch, heads, queries, scores)
        denominators = self.denominators(batch, heads, queries)
        # A row without visible keys has weights 0: exp(−inf − inf), where exp(−inf + inf) would be NaN.
        denominators = denominators.masked_fill(denominators == -torch.inf, torch.inf)
        return scores.sub_(denominators.unsqueeze(-1)).exp_()

    @torch.no_grad()
    def denominators(self, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
        """Logarithm of these rows' denominators, (batch, heads, queries): computed where they are not known yet, and kept."""
        missing = self.known(batch, heads, queries).isnan().any(1).any(0)
        if missing.any():
            rows = queries if missing.all() else positions_of([queries[int(at)] for at in missing.nonzero()])
            if is_long(self.shape[3]):
                chunks = KeyChunks(self.factors)
                for one, head, some in itertools.product(batch, heads, row_groups(rows)):
                    self.remember(one, head, rows[some], chunks.denominators(one, head, rows[some]))
            else:
                for b, h, q in blocks(len(batch), len(heads), len(rows), self.shape[3]):
                    part = batch[b], heads[h], rows[q]
                    self._enter(*part, self.factors.scores(*part, range(self.shape[3])))
        return self.known(batch, heads, queries)

    def known(self, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
        """The denominators of these rows as far as they are known, NaN elsewhere: (batch, heads, queries)."""
        return take(take(take(self._table(), 0, batch), 1, heads), 2, queries)

    def knows(self, batch: Positions, heads: Positions, queries: Positions) -> bool:
        """Whether the denominators of all of these rows are known."""
        return not self.known(batch, heads, queries).isnan().any()

    def remember(self, batch: int, head: int, queries: Positions, denominators: Tensor) -> None:
        """Keep the denominators of some rows of one head, (queries,)."""
        self._table()[batch, head][index(queries)] = denominators

    def _table(self) -> Tensor:
        if self._denominators is None:
            with torch.inference_mode(False):  # it is filled later, perhaps outside of the mode
                self._denominators = torch.full(self.shape[:3], torch.nan, dtype=self.dtype, device=self.device)
        return self._denominators

    def _enter(self, batch: Positions, heads: Positions, queries: Positions, scores: Tensor) -> None:
        """Keep the denominators of whole rows of scores."""
        found = denominators_of(self.factors, batch, heads, queries, scores)
        places = [torch.tensor(list(at), dtype=torch.long, device=found.device) for at in (batch, heads, queries)]
        self._table()[places[0][:, None, None], places[1][:, None], places[2]] = found
