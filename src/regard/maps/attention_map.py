"""The lazy matrix: looks like a (batch, heads, queries, keys) tensor of weights, and computes what is read, when it is read."""

import math
import os
from collections.abc import Iterator
from typing import Any, NamedTuple, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.amounts import bytes_text
from regard.errors import DtypeError, OptionError, ShapeError, TooLargeError
from regard.maps.factors import DenseWeights, Factors, Source, check_broadcast, check_query_key, check_tensor, working_dtype
from regard.maps.indexing import AXES, Choice, Index, narrow, spread, tile_places
from regard.maps.products import TransposedMap, times
from regard.maps.reading.key_chunks import How
from regard.maps.reading.rows import View, predicted_seconds
from regard.maps.statistics.summary import Summary, TopWeights, check_how, check_pool, check_topk, summarise
from regard.maps.storage.map_file import MapData, MapWriter
from regard.masks import Mask, from_tensor
from regard.masks.patterns import combined


class Tile(NamedTuple):
    """A region of a map: which queries and keys, and the weights there."""

    queries: slice
    keys: slice
    weights: Tensor  #: (batch, heads, queries, keys)


class AttentionMap:
    """Attention weights, kept as the factors that they follow from.

    Args:
        query: (batch, heads, queries, dim), as the kernel gets it: after rotary positions and norms.
        key: (batch, kv_heads, keys, dim); query head h reads key head h // (heads / kv_heads).
        mask: who may attend: a ``Mask``, a boolean tensor (True = may attend) or a float tensor that is added; tensors
            broadcast to (batch, heads, queries, keys).
        causal: a query sees no later key; with fewer queries than keys, the last query sees every key.
        window: each query sees this many keys, its own included: looking back where causal, else centred (odd only).
        scale: factor of the scores; 1/√dim where not given.
        bias: added after the softcap, broadcasts to (batch, heads, queries, keys).
        softcap: scores become softcap·tanh(scores/softcap) (Gemma 2).
        sinks: (heads,) logits that enter the denominator only: rows may then sum to less than 1.

    Weights are float32, computed in float32 whatever the type of the factors; float64 stays float64.

    Raises:
        ShapeError, DtypeError, OptionError: factors that do not fit each other.

    Example:
        >>> import torch
        >>> from regard import AttentionMap
        >>> q, k = torch.eye(3).expand(1, 2, 3, 3), torch.eye(3).expand(1, 1, 3, 3)
        >>> amap = AttentionMap(q, k, causal=True)
        >>> amap  # doctest: +ELLIPSIS
        AttentionMap(batch=1, heads=2, queries=3, keys=3; q and k of 3, ..., mask causal(0); 108 B kept, 72 B dense)
        >>> amap[0, 0, 1]
        tensor([0.3595, 0.6405, 0.0000])
    """

    def __init__(
        self,
        query: Tensor,
        key: Tensor,
        mask: Mask | Tensor | None = None,
        *,
        causal: bool = False,
        window: int | None = None,
        scale: float | None = None,
        bias: Tensor | None = None,
        softcap: float | None = None,
        sinks: Tensor | None = None,
    ) -> None:
        check_query_key(query, key)
        shape = (*query.shape[:-1], key.shape[-2])
        if bias is not None:
            check_tensor("bias", bias)
            check_broadcast("bias", bias, shape)
            bias = _four_axes(bias)
        allowed = mask if isinstance(mask, Mask) else None
        if mask is not None and allowed is None:
            if not isinstance(mask, Tensor) or not (mask.dtype == torch.bool or mask.is_floating_point()):
                raise DtypeError(
                    "expected a Mask, a boolean tensor (True = may attend) or a float tensor (added) as mask, got "
                    f"{mask.dtype if isinstance(mask, Tensor) else type(mask).__name__}; "
                    "convert a 0/1 mask with torch.as_tensor(mask).bool()"
                )
            check_broadcast("the mask", mask, shape)
            if mask.dtype == torch.bool:
                allowed = from_tensor(_four_axes(mask))
            else:
                # Added after the bias, and nothing stands between the two: one tensor serves both.
                wide = working_dtype(query)
                bias = _four_axes(mask) if bias is None else mask.to(wide) + bias.to(wide)
        source = Factors(
            query=query,
            key=key,
            scale=query.shape[-1] ** -0.5 if scale is None else scale,
            mask=combined(allowed, causal, window, shape[3] - shape[2]),
            bias=bias,
            softcap=softcap,
            sinks=sinks,
        )
        self._open(source)

    def _open(self, source: Source) -> None:
        self._source = source
        batch, heads, queries, keys = source.shape
        self._view: View = (range(batch), range(heads), range(queries), range(keys))
        self.name: str | None = None  #: qualified name of the module that computed it
        self.kind: str | None = None  #: "encoder", "decoder", "cross" or "self"
        self.layer: int | None = None  #: counted from 0 among the maps of its kind
        self.queries: tuple[str, ...] | None = None  #: labels of the rows
        self.keys: tuple[str, ...] | None = None  #: labels of the columns

    @classmethod
    def from_dense(cls, weights: Tensor | NDArray[np.floating[Any]]) -> Self:
        """A map over weights that exist already.

        Args:
            weights: (batch, heads, queries, keys), or without the leading axes.

        Example:
            >>> import torch
            >>> AttentionMap.from_dense(torch.eye(2))
            AttentionMap(batch=1, heads=1, queries=2, keys=2; dense weights; 16 B kept, 16 B dense)
        """
        values = weights if isinstance(weights, Tensor) else torch.tensor(np.asarray(weights))
        if not values.is_floating_point():
            raise DtypeError(f"expected weights of a floating type, got {values.dtype}; convert them with .float()")
        if values.layout != torch.strided:
            raise DtypeError(f"expected dense weights, got a tensor of layout {values.layout}; convert it with .to_dense()")
        if not 2 <= values.ndim <= 4:
            raise ShapeError(f"expected weights (batch, heads, queries, keys), got {tuple(values.shape)}; 2 to 4 axes are read")
        made = cls.__new__(cls)
        made._open(DenseWeights(_four_axes(values)))
        return made

    @classmethod
    def _of(cls, data: MapData) -> Self:
        made = cls.__new__(cls)
        made._open(data.source)
        made._view, made.name, made.kind, made.layer = data.view, data.name, data.kind, data.layer
        made.queries, made.keys = data.queries, data.keys
        return made

    def _data(self) -> MapData:
        return MapData(self._source, self._view, self.name, self.kind, self.layer, self.queries, self.keys)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the map to one file, as its factors; ``regard.load`` opens it. A narrowed map saves only what it shows.

        Raises:
            OSError: the file cannot be written; what stood there before still does.
            TooLargeError: its mask is a function of your own that neither is one run of keys a query nor fits as a tensor.

        Example:
            >>> import tempfile, regard
            >>> path = tempfile.mkdtemp() + "/map.safetensors"
            >>> AttentionMap.from_dense(torch.eye(3)).save(path)
            >>> regard.load(path)[0, 0, 1]
            tensor([0., 1., 0.])
        """
        MapWriter().write(path, [self._data()])

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""
        batch, heads, queries, keys = map(len, self._view)
        return batch, heads, queries, keys

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights: float32, or float64 where the factors are."""
        return self._source.dtype

    @property
    def nbytes(self) -> int:
        """Bytes that are kept, by this map and every narrowing of it together."""
        return self._source.nbytes

    @property
    def _dense_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __repr__(self) -> str:
        sizes = ", ".join(f"{axis}={size}" for axis, size in zip(AXES, self.shape, strict=True))
        name = f"{self.name}: " if self.name else ""
        cost = f"{bytes_text(self.nbytes)} kept, {bytes_text(self._dense_bytes)} dense"
        return f"AttentionMap({name}{sizes}; {self._source.describe()}; {cost})"

    # -- reading ---------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Index) -> Tensor:
        """The weights at a basic index, computed now: ``amap[b, h, i0:i1, j0:j1]``."""
        choices, reading = spread(index)
        narrowed = self.select(**dict(zip(AXES, choices, strict=True)))
        return narrowed._source.weights(*narrowed._view)[reading]

    def select(
        self, *, batch: Choice = None, heads: Choice = None, queries: Choice = None, keys: Choice = None
    ) -> "AttentionMap":
        """A narrower view of the same map; computes nothing, and keeps the rows' denominators.

        Each argument is an integer (the axis stays, with one position), a slice, or a sequence of integers.

        Example:
            >>> import torch
            >>> amap = AttentionMap.from_dense(torch.eye(5))
            >>> amap.select(queries=slice(1, 3), keys=[4, 1]).dense()[0, 0]
            tensor([[0., 1.],
                    [0., 0.]])
        """
        made = AttentionMap.__new__(AttentionMap)
        made._open(self._source)
        made.name, made.kind, made.layer = self.name, self.kind, self.layer
        chosen = zip(AXES, self._view, (batch, heads, queries, keys), strict=True)
        b, h, q, k = (narrow(axis, positions, choice) for axis, positions, choice in chosen)
        made._view = (b, h, q, k)
        made.queries = _chosen_labels("queries", self.queries, queries)
        made.keys = _chosen_labels("keys", self.keys, keys)
        return made

    def dense(self, max_bytes: int = 2**30) -> Tensor:
        """The whole map as one tensor, (batch, heads, queries, keys).

        Raises:
            TooLargeError: it would take more than ``max_bytes``.
        """
        size = self._dense_bytes
        if size > max_bytes:
            raise TooLargeError(
                f"expected at most {max_bytes:,} bytes, got a map of {self.shape} = {size:,} bytes; read a region "
                "(amap[b, h, i0:i1, j0:j1]), a statistic (amap.received(), amap.entropy()), or raise max_bytes="
            )
        return self._source.weights(*self._view)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The whole map as a numpy array, within ``dense``'s limit."""
        if copy is False:
            raise ValueError("expected copy=None or True, got False; the weights are computed when read")
        return np.asarray(self.dense().detach().cpu().numpy(), dtype=dtype)

    # -- statistics ------------------------------------------------------------------------------------------------

    def received(self) -> Tensor:
        """Mass that each key gets from all queries, (batch, heads, keys). One streaming pass.

        Example:
            >>> import torch
            >>> AttentionMap.from_dense(torch.tensor([[1.0, 0.0], [0.5, 0.5]])).received()
            tensor([[[1.5000, 0.5000]]])
        """
        return cast("Tensor", self.summary(entropy=False).received)

    def entropy(self) -> Tensor:
        """−Σ w ln w of each row over the keys of this view, in nats, (batch, heads, queries). One streaming pass.

        Example:
            >>> import torch
            >>> AttentionMap.from_dense(torch.full((1, 4), 0.25)).entropy().exp()
            tensor([[[4.]]])
        """
        return cast("Tensor", self.summary(received=False).entropy)

    def pool(self, rows: int, cols: int, how: How = "mean") -> Tensor:
        """The map seen from afar, (batch, heads, rows, cols): the mean or the maximum of each cell. One streaming pass.

        Cell (i, j) covers queries ⌊i·queries/rows⌋ to ⌊(i+1)·queries/rows⌋, and keys likewise.

        Raises:
            OptionError: more cells than positions, or another way of pooling.

        Example:
            >>> import torch
            >>> AttentionMap.from_dense(torch.eye(4)).pool(2, 2)[0, 0]
            tensor([[0.5000, 0.0000],
                    [0.0000, 0.5000]])
        """
        if not isinstance(how, str):
            raise OptionError(f"pool: expected how='mean' or 'max', got {how!r}; .summary(how=(...)) gives both at once")
        return cast("Tensor", self.summary(received=False, entropy=False, pool=(rows, cols), how=how).pool)

    def topk(self, k: int) -> TopWeights:
        """The k largest weights of each row, (values, keys), each (batch, heads, queries, k). One streaming pass.

        Raises:
            OptionError: more than there are keys.

        Example:
            >>> import torch
            >>> AttentionMap.from_dense(torch.tensor([[0.2, 0.5, 0.3]])).topk(2).keys
            tensor([[[[1, 2]]]])
        """
        if k == 0:
            check_topk(-1, self.shape[3])
        return cast("TopWeights", self.summary(received=False, entropy=False, topk=k).topk)

    def pass_seconds(self) -> float:
        """How long one pass over this map will take on this machine: a few blocks of rows are read now, the others counted.

        Statistics and products take one pass, ranking (``topk``) half as much more, pooling alone of a very long map less.

        Example:
            >>> import torch
            >>> query, key = torch.randn(2, 1, 1, 2000, 8)
            >>> AttentionMap(query, key).pass_seconds() < 10
            True
        """
        return predicted_seconds(self._source, self._view)

    def summary(
        self,
        *,
        received: bool = True,
        entropy: bool = True,
        pool: tuple[int, int] | None = None,
        how: How | tuple[How, ...] = "mean",
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
            A Summary; it also counts the rows without any weight (``unseeing``).

        Raises:
            OptionError: more cells or weights than positions, or another way of pooling.

        Example:
            >>> import torch
            >>> found = AttentionMap.from_dense(torch.eye(4)).summary(pool=(2, 2), how=("mean", "max"))
            >>> found.received
            tensor([[[1., 1., 1., 1.]]])
            >>> found.pool[1][0, 0]
            tensor([[1., 0.],
                    [0., 1.]])
        """
        ways = check_how(how)
        if pool is not None:
            check_pool(pool, *self.shape[2:])
        check_topk(topk, self.shape[3])
        return summarise(self._source, self._view, received=received, entropy=entropy, pool=pool, how=ways, topk=topk)

    def logsumexp(self) -> Tensor:
        """Logarithm of each row's denominator, sinks included, (batch, heads, queries); −inf where a row sees nothing."""
        return self._source.denominators(*self._view[:3]).to("cpu", copy=True)

    # -- products and tiles ----------------------------------------------------------------------------------------

    def __matmul__(self, values: Tensor) -> Tensor:
        """``amap @ values``: the weights times (keys, dim) or (batch, heads, keys, dim), without the matrix.

        With the model's own values this is the output of the attention call, (batch, heads, queries, dim).
        """
        return times(self._source, self._view, values)

    @property
    def T(self) -> TransposedMap:  # noqa: N802
        """The map from keys to queries, for products: ``amap.T @ x`` sums x over the queries that look at each key."""
        return TransposedMap(self._source, self._view)

    def tiles(self, rows: int, cols: int) -> Iterator[Tile]:
        """The map in tiles of ``rows`` queries and ``cols`` keys, row by row; the last ones may be smaller.

        Raises:
            OptionError: sizes below 1.

        Example:
            >>> import torch
            >>> for tile in AttentionMap.from_dense(torch.eye(3)).tiles(2, 3):
            ...     print(tile.queries, tile.weights.shape)
            slice(0, 2, None) torch.Size([1, 1, 2, 3])
            slice(2, 3, None) torch.Size([1, 1, 1, 3])
        """
        return (Tile(q, k, self[:, :, q, k]) for q, k in tile_places(self.shape[2:], rows, cols))


def _four_axes(tensor: Tensor) -> Tensor:
    """The tensor with leading axes of size 1 added up to four."""
    return tensor[(None,) * (4 - tensor.ndim)] if tensor.ndim < 4 else tensor


def _chosen_labels(axis: str, labels: tuple[str, ...] | None, choice: Choice) -> tuple[str, ...] | None:
    if labels is None or choice is None:  # all of them: a long tuple is not copied for nothing
        return labels
    return tuple(labels[at] for at in narrow(axis, range(len(labels)), choice))
