"""What a map tells of itself in one streaming pass: the statistics of ``AttentionMap``."""

from typing import cast

from torch import Tensor

from regard.arguments import one_of, truth, whole_number
from regard.axes.axis import Axis
from regard.maps.reading.parts import Pooling
from regard.maps.statistics.cells import WAYS, checked_pool, checked_ways
from regard.maps.statistics.strongest import TopWeights
from regard.maps.statistics.summary import Asked, Summary, summarise
from regard.maps.view import MapView


class MapStatistics:
    """Statistics of what a map shows; padding is in none of them."""

    _view: MapView
    _queries: Axis
    _keys: Axis

    def received(self) -> Tensor:
        """Mass that each key gets from all queries, (batch, heads, keys). One streaming pass; padding is in no statistic."""
        return cast("Tensor", self.summary(entropy=False).received)

    def entropy(self) -> Tensor:
        """−Σ w ln w of each row over the keys of this view, in nats, (batch, heads, queries). One streaming pass."""
        return cast("Tensor", self.summary(received=False).entropy)

    def pool(self, rows: int, cols: int, how: Pooling = "mean") -> Tensor:
        """The map seen from afar, (batch, heads, rows, cols): the mean or the maximum of each cell. One streaming pass.

        Cell (i, j) covers queries ⌊i·queries/rows⌋ to ⌊(i+1)·queries/rows⌋, and keys likewise.

        Example:
            >>> import torch
            >>> from regard import AttentionMap
            >>> AttentionMap.from_dense(torch.eye(4)).pool(2, 2)[0, 0]
            tensor([[0.5000, 0.0000],
                    [0.0000, 0.5000]])
        """
        one_of("how", how, WAYS, advice=".summary(how=(...)) gives both at once")
        return cast("Tensor", self.summary(received=False, entropy=False, pool=(rows, cols), how=how).pool)

    def topk(self, k: int) -> TopWeights:
        """The k largest weights of each row, (values, keys), each (batch, heads, queries, k). One streaming pass.

        Example:
            >>> import torch
            >>> from regard import AttentionMap
            >>> AttentionMap.from_dense(torch.tensor([[0.2, 0.5, 0.3]])).topk(2).keys
            tensor([[[[1, 2]]]])
        """
        k = whole_number("topk", k, 1, self._view.shape[3], advice="a row has as many weights as the map has keys")
        return cast("TopWeights", self.summary(received=False, entropy=False, topk=k).topk)

    def pass_seconds(self) -> float:
        """How long one pass over this map will take on this machine: a few blocks of rows are read now, the others counted.

        Statistics and products take one pass, ranking (``topk``) half as much more, pooling alone of a very long map less.
        """
        return self._view.seconds()

    def summary(
        self,
        *,
        received: bool = True,
        entropy: bool = True,
        pool: tuple[int, int] | None = None,
        how: Pooling | tuple[Pooling, ...] = "mean",
        topk: int = 0,
    ) -> Summary:
        """Several statistics from one streaming pass, as attributes of the same names.

        Args:
            received: mass that each key gets.
            entropy: of each row, in nats.
            pool: (rows, cols) of the pooled map.
            how: "mean", "max", or both as a tuple: ``pool`` is then a tuple in the same order.
            topk: how many of the largest weights of each row.

        Returns:
            A Summary; it also counts the rows without any visible key (``masked_rows``).

        Raises:
            OptionError: more cells or weights than positions, or another way of pooling.

        Example:
            >>> import torch
            >>> from regard import AttentionMap
            >>> AttentionMap.from_dense(torch.eye(4)).summary(pool=(2, 2), how=("mean", "max")).received
            tensor([[[1., 1., 1., 1.]]])
        """
        ways = checked_ways(how)
        if pool is not None:
            pool = checked_pool(pool, *self._view.shape[2:])
        topk = whole_number("topk", topk, 0, self._view.shape[3], advice="a row has as many weights as the map has keys")
        asked = Asked(truth("received", received), truth("entropy", entropy), pool, ways, topk)
        return summarise(self._view, asked, self._queries, self._keys)

    def logsumexp(self) -> Tensor:
        """Logarithm of each row's denominator, sinks included, (batch, heads, queries); −inf where a row has no visible key."""
        return self._view.denominators().to("cpu", self._view.source.dtype, copy=True)
