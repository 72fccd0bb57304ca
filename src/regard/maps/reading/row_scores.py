"""Scores of some rows of one head as their softmax sees them: a stretch of keys at a time, into memory that is there."""

import torch
from torch import Tensor

from regard.maps.factors import Factors
from regard.maps.reading.denominators import denominators_of
from regard.masks.extents import visible
from regard.positions import Positions, index


class RowScores:
    """Some rows of one head: what they can see, and their scores. Rows that are no neighbours cost what stands between them."""

    def __init__(self, factors: Factors, batch: int, head: int, rows: Positions) -> None:
        self.factors, self.batch, self.head, self.rows = factors, batch, head, rows
        self.extent = visible(factors.mask, batch, head, range(min(rows), max(rows) + 1), factors.shape[3])
        self.query = factors.query[batch, head][index(rows)].to(factors.dtype) * factors.scale
        self.key_head = head // factors.group
        self.hidden = torch.finfo(factors.dtype).min / 4  # finite: 0 · −∞ would be NaN in an entropy

    def write(self, start: int, keys: Tensor, out: Tensor) -> None:
        """Scores with the keys from ``start`` on, hidden where the mask or −∞ in the bias hides.

        Args:
            start: place of the first of the keys.
            keys: (columns, dim), in the type of the weights.
            out: (rows, columns).
        """
        factors, stop = self.factors, start + len(keys)
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

    def checked(self, lse: Tensor) -> Tensor:
        """The rows' logsumexp, (rows,), −∞ where a row has no visible key.

        Raises:
            ScoreError: some score is no number, with its place.
        """
        if bool(lse.isnan().any()):
            everything = range(self.factors.shape[3])
            for row in (row for row, wrong in zip(self.rows, lse.isnan().tolist(), strict=True) if wrong):
                places = (self.batch,), (self.head,), (row,)
                denominators_of(self.factors, *places, self.factors.scores(*places, everything))  # says where, and raises
        hides = self.factors.mask is not None or self.factors.bias is not None
        return lse.masked_fill(lse <= self.hidden / 2, -torch.inf) if hides else lse

    def with_sinks(self, lse: Tensor) -> Tensor:
        """The rows' denominators, of which the head's sink is a part."""
        return lse if self.factors.sinks is None else torch.logaddexp(lse, self.factors.sinks[self.head].to(lse))


def logsumexp(scores: Tensor, strongest: Tensor) -> Tensor:
    """Logarithm of the denominators of rows of scores: the strongest weight of a row gives it, weight = exp(score − lse).

    A row of −∞ alone has no weights, and −∞ as its denominator.
    """
    top = scores.amax(-1)
    return torch.where(top == -torch.inf, top, top - strongest.log())
