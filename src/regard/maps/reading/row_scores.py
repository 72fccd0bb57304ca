"""Scores of some rows of one head as their softmax sees them: a stretch of keys at a time, into memory that is there."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from regard.masks.extents import visible

if TYPE_CHECKING:
    from regard.maps.factors import Factors, Positions


class RowScores:
    """Some rows of one head: what they can see, and their scores. Rows that are no neighbours cost what stands between them."""

    def __init__(self, source: "Factors", batch: int, head: int, rows: "Positions") -> None:
        self.source, self.batch, self.head, self.rows = source, batch, head, rows
        self.extent = visible(source.mask, batch, head, range(min(rows), max(rows) + 1), source.shape[3])
        self.query = source.query[batch, head][index(rows)].to(source.dtype) * source.scale
        self.key_head = head // (source.query.shape[1] // source.key.shape[1])
        self.hidden = torch.finfo(source.dtype).min / 4  # finite: 0 · −∞ would be NaN in an entropy

    def write(self, start: int, keys: Tensor, out: Tensor) -> None:
        """Scores with the keys from ``start`` on, hidden where the mask or −∞ in the bias hides.

        Args:
            start: place of the first of the keys.
            keys: (columns, dim), in the type of the weights.
            out: (rows, columns).
        """
        source, stop = self.source, start + len(keys)
        torch.mm(self.query, keys.T, out=out)  # out= also keeps autocast away, where the model runs in half precision
        if source.softcap is not None:
            out.div_(source.softcap).tanh_().mul_(source.softcap)
        if source.bias is not None:
            bias = source.bias[self.batch if source.bias.shape[0] > 1 else 0, self.head if source.bias.shape[1] > 1 else 0]
            bias = bias[:, start:stop] if bias.shape[1] > 1 else bias
            out.add_(bias[index(self.rows)] if bias.shape[0] > 1 else bias).clamp_(min=self.hidden)
        if source.mask is not None:
            opened = max(self.extent.open_start, start), min(self.extent.open_stop, stop)
            for left, right in ((start, opened[0]), (opened[1], stop)) if opened[1] > opened[0] else ((start, stop),):
                if right > left:
                    b, h, queries = (torch.tensor(at, device=out.device) for at in (self.batch, self.head, tuple(self.rows)))
                    seen = source.mask.function(b, h, queries[:, None], torch.arange(left, right, device=out.device))
                    out[:, left - start : right - start].masked_fill_(~seen, self.hidden)

    def checked(self, lse: Tensor) -> Tensor:
        """The rows' logsumexp, (rows,), −∞ where a row sees nothing.

        Raises:
            ScoreError: some score is no number, with its place.
        """
        if bool(lse.isnan().any()):
            everything = range(self.source.shape[3])
            for row in (row for row, wrong in zip(self.rows, lse.isnan().tolist(), strict=True) if wrong):
                places = (self.batch,), (self.head,), (row,)
                self.source._enter(*places, self.source.scores(*places, everything))  # says where, and raises
        hides = self.source.mask is not None or self.source.bias is not None
        return lse.masked_fill(lse <= self.hidden / 2, -torch.inf) if hides else lse

    def with_sinks(self, lse: Tensor) -> Tensor:
        """The rows' denominators, of which the head's sink is a part."""
        return lse if self.source.sinks is None else torch.logaddexp(lse, self.source.sinks[self.head].to(lse))


def logsumexp(scores: Tensor, strongest: Tensor) -> Tensor:
    """Logarithm of the denominators of rows of scores: the strongest weight of a row gives it, weight = exp(score − lse).

    A row of −∞ alone has no weights, and −∞ as its denominator.
    """
    top = scores.amax(-1)
    return torch.where(top == -torch.inf, top, top - strongest.log())


def index(rows: "Positions") -> slice | list[int]:
    """The rows as an index of a tensor: a view where that can be."""
    return slice(rows.start, rows.stop, rows.step) if isinstance(rows, range) and rows.step > 0 else list(rows)
