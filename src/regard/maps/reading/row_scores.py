"""Scores of some rows as their softmax sees them: a stretch of keys at a time, into memory that is there."""

from typing import cast

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.products_alike import LEAST, product, products_alike, products_in_order
from regard.maps.reading.rounding import Rounding, of_mean_keys, rounding_of_parts, wide_dtype
from regard.maps.reading.whole_rows import name_wrong_score
from regard.masks import Mask
from regard.masks.extents import visible
from regard.positions import Positions, index


class RowScores:
    """Some rows of neighbouring heads: what they see, and their scores. Rows far apart cost what stands between them.

    Args:
        factors: what scores follow from.
        batch: which sequence.
        heads: which heads; the mask is one for all of them.
        rows: which queries.
        rounding: how they are computed; several heads have no mean key, which is each one's own.
    """

    def __init__(self, factors: Factors, batch: int, heads: range, rows: Positions, rounding: Rounding) -> None:
        self.factors, self.batch, self.heads, self.rows = factors, batch, heads, rows
        self.extent = visible(factors.mask, batch, heads[0], range(min(rows), max(rows) + 1), factors.shape[3])
        self.rounding = rounding
        self.are_alike = True  # whether the scores, so far, are those that other reads find
        query = factors.query[batch, heads.start : heads.stop][:, index(rows)]
        self.query = query.to(self.rounding.dtype) * factors.scale  # (heads, rows, dim)
        self.key_heads = slice(heads[0] // factors.group, heads[-1] // factors.group + 1)
        self.hidden = torch.finfo(self.rounding.dtype).min / 4  # finite: 0 · −∞ would be NaN in an entropy
        self.hiding: dict[tuple[int, int], Tensor] = {}  # what the mask answered, by stretches of keys

    @property
    def wide(self) -> bool:
        """Whether scores are wider than weights: computed apart, then less the largest of their row."""
        return self.rounding.dtype != self.factors.dtype

    def keys(self, start: int, stop: int) -> Tensor:
        """Some keys, (key heads, columns, dim)."""
        keys = self.factors.key[self.batch, self.key_heads, start:stop].to(self.rounding.dtype)
        return keys if self.rounding.mean is None else keys - self.rounding.mean

    def write(self, start: int, keys: Tensor, out: Tensor, at: int = 0, *, adding: bool = False) -> None:
        """Scores of one head with the keys from ``start`` on, hidden where the mask or −∞ in the bias hides.

        Args:
            start: place of the first of the keys.
            keys: (key heads, columns, dim), as ``keys`` gives them.
            out: (rows, columns), in the type of the rounding.
            at: which of the heads.
            adding: whether the mask hides by adding a low number, which is fast and leaves what is no number as it is.
        """
        factors, stop, head = self.factors, start + keys.shape[1], self.heads[at]
        query, key = self.query[at], keys[head // factors.group - self.key_heads.start]
        few = min(out.shape) < LEAST
        if self.rounding.alike and self.wide:
            out.copy_(products_in_order(query, key))
        elif self.rounding.alike and few:
            out.copy_(products_alike(query, key))
        else:
            self.are_alike &= self.wide or not few
            product(query, key, out=out)
        if factors.softcap is not None:
            out.div_(factors.softcap).tanh_().mul_(factors.softcap)
        if factors.bias is not None:
            bias = factors.bias[self.batch if factors.bias.shape[0] > 1 else 0, head if factors.bias.shape[1] > 1 else 0]
            bias = bias[:, start:stop] if bias.shape[1] > 1 else bias
            out.add_(bias[index(self.rows)] if bias.shape[0] > 1 else bias).clamp_(min=self.hidden)
        self._hide(start, stop, out, adding=adding)

    def _hide(self, start: int, stop: int, out: Tensor, *, adding: bool) -> None:
        """Hide what the mask hides of the scores with the keys from ``start`` to ``stop``: it is asked where that is open."""
        if self.factors.mask is None:
            return
        opened = max(self.extent.open_start, start), min(self.extent.open_stop, stop)
        for left, right in ((start, opened[0]), (opened[1], stop)) if opened[1] > opened[0] else ((start, stop),):
            if right > left:
                part = out[:, left - start : right - start]
                if adding:
                    part.add_(self._hiding(left, right))
                else:
                    part.masked_fill_(self._hiding(left, right) < 0, self.hidden)

    def _hiding(self, left: int, right: int) -> Tensor:
        """What hides scores with these keys where it is added, (rows, columns): 0 where the mask lets see."""
        if (left, right) not in self.hiding:
            device, mask = self.query.device, cast("Mask", self.factors.mask)
            b, h, queries = (torch.tensor(at, device=device) for at in (self.batch, self.heads[0], tuple(self.rows)))
            seen = mask.pattern.sees(b, h, queries[:, None], torch.arange(left, right, device=device))
            self.hiding[left, right] = seen.to(self.query.dtype).sub_(1).mul_(-self.hidden)
        return self.hiding[left, right]

    def write_less_top(self, start: int, keys: Tensor, out: Tensor, wide: Tensor | None, at: int = 0) -> Tensor:
        """Scores in the type of the weights: as they are, or less the largest of their row where they are computed in ``wide``.

        Args:
            start: place of the first of the keys.
            keys: (key heads, columns, dim), as ``keys`` gives them.
            out: (rows, columns), in the type of the weights.
            wide: (rows, columns), in the type of the rounding, where this is wider; None elsewhere.
            at: which of the heads.

        Returns:
            The largest score of each row, (rows,), in double precision.
        """
        if wide is None:
            self.write(start, keys, out, at, adding=True)
            top = out.amax(-1)
            if self.factors.mask is not None and bool(self._are_wrong(top).any()):  # perhaps where nobody sees them
                self._hide(start, start + keys.shape[1], out, adding=False)
                top = out.amax(-1)
            return top.to(wide_dtype(self.factors))
        self.write(start, keys, wide, at)
        top = wide.amax(-1)
        out.copy_(wide.sub_(top[:, None])).clamp_(min=self.factors.hidden)
        return top

    def _are_wrong(self, top: Tensor) -> Tensor:
        return top.isnan() | (top > -4 * self.factors.hidden)

    def blind(self, top: Tensor) -> Tensor:
        """Which rows see nothing, (heads, rows), from their largest scores.

        Raises:
            ScoreError: some score is no number, with its place.
        """
        wrong = self._are_wrong(top)
        if bool(wrong.any()):
            head, row = (int(place) for place in wrong.nonzero()[0])
            name_wrong_score(self.factors, self.batch, self.heads[head], self.rows[row])
        return top <= self.factors.hidden

    def denominators(self, found: Tensor) -> Tensor | None:
        """Logarithms of denominators as other reads of the rows take them; None where these compute scores in another way."""
        own = self.rounding.dtype, self.rounding.mean is None
        parts = [rounding_of_parts(self.factors, self.batch, head) for head in self.heads]
        if not self.are_alike or any((part.dtype, part.mean is None) != own for part in parts):
            return None
        return found if self.rounding.mean is None else found + self.of_mean_key()

    def of_mean_key(self) -> Tensor:
        """What all scores of a row are short of where the mean key is taken out, (heads, rows)."""
        return of_mean_keys(self.factors, range(self.batch, self.batch + 1), self.heads, self.rows)[0]

    def with_sinks(self, rest: Tensor, top: Tensor) -> Tensor:
        """What denominators are beyond exp(top), as logarithms: with the heads' sinks as parts."""
        sinks = self.factors.sinks
        if sinks is None:
            return rest
        return torch.logaddexp(rest, sinks[self.heads.start : self.heads.stop, None].to(top) - top)
