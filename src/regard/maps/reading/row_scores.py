"""Scores of some rows of one head as their softmax sees them: a stretch of keys at a time, into memory that is there."""

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.products_alike import LEAST, products_alike, products_in_order
from regard.maps.reading.rounding import Rounding, of_mean_keys, rounding_of_parts, wide_dtype
from regard.maps.reading.whole_rows import name_wrong_score
from regard.masks.extents import visible
from regard.positions import Positions, index


class RowScores:
    """Some rows of one head: what they can see, and their scores. Rows that are no neighbours cost what stands between them.

    Args:
        factors: what scores follow from.
        batch: which sequence.
        head: which head.
        rows: which queries.
        rounding: how they are computed.
    """

    def __init__(self, factors: Factors, batch: int, head: int, rows: Positions, rounding: Rounding) -> None:
        self.factors, self.batch, self.head, self.rows = factors, batch, head, rows
        self.extent = visible(factors.mask, batch, head, range(min(rows), max(rows) + 1), factors.shape[3])
        self.rounding = rounding
        self.are_alike = True  # whether the scores, so far, are those that other reads find
        self.query = factors.query[batch, head][index(rows)].to(self.rounding.dtype) * factors.scale
        self.key_head = head // factors.group
        self.hidden = torch.finfo(self.rounding.dtype).min / 4  # finite: 0 · −∞ would be NaN in an entropy

    @property
    def wide(self) -> bool:
        """Whether scores are wider than weights: computed apart, then less the largest of their row."""
        return self.rounding.dtype != self.factors.dtype

    def keys(self, start: int, stop: int) -> Tensor:
        """Some keys as ``write`` takes them, (columns, dim)."""
        keys = self.factors.key[self.batch, self.key_head, start:stop].to(self.rounding.dtype)
        return keys if self.rounding.mean is None else keys - self.rounding.mean

    def write(self, start: int, keys: Tensor, out: Tensor) -> None:
        """Scores with the keys from ``start`` on, hidden where the mask or −∞ in the bias hides.

        Args:
            start: place of the first of the keys.
            keys: (columns, dim), as ``keys`` gives them.
            out: (rows, columns), in the type of the rounding.
        """
        factors, stop = self.factors, start + len(keys)
        few = min(out.shape) < LEAST
        if self.rounding.alike and self.wide:
            out.copy_(products_in_order(self.query, keys))
        elif self.rounding.alike and few:
            out.copy_(products_alike(self.query, keys))
        else:
            self.are_alike &= self.wide or not few
            torch.mm(self.query, keys.T, out=out)  # out= also keeps autocast away, where the model runs in half precision
        if factors.softcap is not None:
            out.div_(factors.softcap).tanh_().mul_(factors.softcap)
        if factors.bias is not None:
            bias = factors.bias[self.batch if factors.bias.shape[0] > 1 else 0, self.head if factors.bias.shape[1] > 1 else 0]
            bias = bias[:, start:stop] if bias.shape[1] > 1 else bias
            out.add_(bias[index(self.rows)] if bias.shape[0] > 1 else bias).clamp_(min=self.hidden)
        if factors.mask is not None:
            opened = max(self.extent.open_start, start), min(self.extent.open_stop, stop)
            for left, right in ((start, opened[0]), (opened[1], stop)) if opened[1] > opened[0] else ((start, stop),):
                if right > left:
                    b, h, queries = (torch.tensor(at, device=out.device) for at in (self.batch, self.head, tuple(self.rows)))
                    seen = factors.mask.pattern.sees(b, h, queries[:, None], torch.arange(left, right, device=out.device))
                    out[:, left - start : right - start].masked_fill_(~seen, self.hidden)

    def write_less_top(self, start: int, keys: Tensor, out: Tensor, wide: Tensor | None) -> Tensor:
        """Scores in the type of the weights: as they are, or less the largest of their row where they are computed in ``wide``.

        Args:
            start: place of the first of the keys.
            keys: (columns, dim), as ``keys`` gives them.
            out: (rows, columns), in the type of the weights.
            wide: (rows, columns), in the type of the rounding, where this is wider; None elsewhere.

        Returns:
            The largest score of each row, (rows,), in double precision.
        """
        if wide is None:
            self.write(start, keys, out)
            return out.amax(-1).to(wide_dtype(self.factors))
        self.write(start, keys, wide)
        top = wide.amax(-1)
        out.copy_(wide.sub_(top[:, None])).clamp_(min=self.factors.hidden)
        return top

    def blind(self, top: Tensor) -> Tensor:
        """Which rows see nothing, (rows,), from their largest scores.

        Raises:
            ScoreError: some score is no number, with its place.
        """
        wrong = top.isnan() | (top > -4 * self.factors.hidden)
        if bool(wrong.any()):
            name_wrong_score(self.factors, self.batch, self.head, self.rows[int(wrong.nonzero()[0])])
        return top <= self.factors.hidden

    def denominators(self, found: Tensor) -> Tensor | None:
        """Logarithms of denominators as other reads of the rows take them; None where these compute scores in another way."""
        parts = rounding_of_parts(self.factors, self.batch, self.head)
        if not self.are_alike or (parts.dtype, parts.mean is None) != (self.rounding.dtype, self.rounding.mean is None):
            return None
        if self.rounding.mean is None:
            return found
        return found + self.of_mean_key()

    def of_mean_key(self) -> Tensor:
        """What all scores of a row are short of where the mean key is taken out, (rows,)."""
        places = range(self.batch, self.batch + 1), range(self.head, self.head + 1), self.rows
        return of_mean_keys(self.factors, *places)[0, 0]

    def with_sinks(self, rest: Tensor, top: Tensor) -> Tensor:
        """What denominators are beyond exp(top), as logarithms: with the head's sink as a part."""
        sinks = self.factors.sinks
        return rest if sinks is None else torch.logaddexp(rest, sinks[self.head].to(top) - top)
