"""The lazy matrix: looks like a (batch, heads, queries, keys) tensor of weights, and computes what is read, when it is read."""

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.amounts import bytes_text
from regard.arguments import number, text, truth, whole_number
from regard.axes.axis import Axis, checked_axis
from regard.errors import DtypeError, TooLargeError, in_short
from regard.maps.checks import AXES
from regard.maps.factors import Factors
from regard.maps.grouped import Asked as Grouping
from regard.maps.grouped import grouped
from regard.maps.indexing import Choice, Index, Tile, as_choice, chosen, narrow, spread, tile_places
from regard.maps.inputs import dense_from, factors_from
from regard.maps.long_table import data_frame
from regard.maps.moving import Mover
from regard.maps.narrowed_factors import narrowed_factors
from regard.maps.products import TransposedMap, times
from regard.maps.reading.parts import Rows
from regard.maps.softmax_weights import SoftmaxWeights
from regard.maps.statistics.of_maps import MapStatistics
from regard.maps.storage.map_file import MapWriter
from regard.maps.view import MapData, MapView
from regard.masks import Mask
from regard.pictured import Pictured


class AttentionMap(MapStatistics, Pictured):
    """Attention weights, kept as the factors that they follow from.

    Args:
        query: (batch, heads, queries, dim), as the kernel gets it: after rotary positions and norms. The shape cannot tell
            (batch, positions, heads, dim), as TransformerLens keeps it: ``.transpose(1, 2)`` first.
        key: (batch, kv_heads, keys, dim); query head h reads key head h // (heads / kv_heads).
        mask: who may attend: a ``Mask``, a boolean tensor (True = may attend) or a float tensor that is added; tensors
            broadcast to (batch, heads, queries, keys).
        causal: a query sees no later key; with fewer queries than keys, the last query sees every key.
        window: each query sees this many keys, its own included: looking back where causal, else centred (odd only).
        scale: factor of the scores; 1/√dim where not given.
        bias: added after the softcap, broadcasts to (batch, heads, queries, keys).
        softcap: scores become softcap·tanh(scores/softcap) (Gemma 2).
        sinks: (heads,) logits that enter the denominator only: rows may then sum to less than 1.

    Weights are float32 (float64 stays), within 1e-5 of a float64 softmax up to scores of 10⁴. Rows sum to 1 at any size.

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
        factors = factors_from(
            query, key, mask, causal=causal, window=window, scale=scale, bias=bias, softcap=softcap, sinks=sinks
        )
        self._set(MapData(MapView.whole(SoftmaxWeights(factors))))

    def _set(self, data: MapData) -> None:
        self._view = data.view
        self.name = data.name  #: qualified name of the module that computed it
        self.kind = data.kind  #: "encoder", "decoder", "cross" or "self"
        self.layer = data.layer  #: its index among the layers of its stack, counted from 0
        self.call, self.step = data.call, data.step  #: which call of the layer in a pass, and in which pass of the model
        self._queries = data.queries or Axis.unknown(self.shape[2])
        self._keys = data.keys or Axis.unknown(self.shape[3])

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
        return cls.from_data(MapData(MapView.whole(dense_from(weights))))

    @classmethod
    def from_data(cls, data: MapData) -> Self:
        """A map put together again from its parts, or from a source of weights of your own."""
        if not isinstance(data, MapData):
            raise DtypeError(f"expected a MapData, as amap.to_data() gives it, got {in_short(data)}")
        made = cls.__new__(cls)
        made._set(data)
        return made

    def to_data(self) -> MapData:
        """The map taken apart: what it reads, what it is called, and its labels."""
        return MapData(self._view, self.name, self.kind, self.layer, self._queries, self._keys, self.call, self.step)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the map to one file, as its factors; ``regard.load`` opens it. A narrowed map saves only what it shows.

        Raises:
            OSError: the file cannot be written; what stood there before still does.
            TooLargeError: its mask is a function of your own that neither is one run of keys a query nor fits as a tensor.

        Example:
            >>> import tempfile, regard
            >>> path = tempfile.mkdtemp() + "/map.safetensors"
            >>> AttentionMap.from_dense(torch.eye(3)).save(path)
        """
        MapWriter().write(path, [self.to_data()])

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def queries(self) -> Axis:
        """What the rows are: a sequence of texts, and more. May be set from a list of texts, one a row."""
        return self._queries

    @queries.setter
    def queries(self, given: Axis | Sequence[Any] | None) -> None:
        self._queries = checked_axis("queries", given, self._queries, self.shape[0])

    @property
    def keys(self) -> Axis:
        """What the columns are, likewise."""
        return self._keys

    @keys.setter
    def keys(self, given: Axis | Sequence[Any] | None) -> None:
        self._keys = checked_axis("keys", given, self._keys, self.shape[0])

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""
        return self._view.shape

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights: float32, or float64 where the factors are."""
        return self._view.source.dtype

    @property
    def device(self) -> torch.device:
        """Where the factors are, and the weights that are read; statistics come to the CPU."""
        return self._view.source.device

    def to(self, device: torch.device | str) -> "AttentionMap":
        """The map on another device, with all that it is made of; itself, where it is there already.

        Raises:
            OptionError: there is no such device; DtypeError: weights that a function of your own computes.

        Example:
            >>> import torch
            >>> AttentionMap.from_dense(torch.eye(2)).to("cpu").device
            device(type='cpu')
        """
        moved = Mover(device).of(self.to_data())
        return self if moved.view.source is self._view.source else AttentionMap.from_data(moved)

    def cpu(self) -> "AttentionMap":
        """The map in the memory of this machine."""
        return self.to("cpu")

    @property
    def nbytes(self) -> int:
        """Bytes that are kept, by this map and every narrowing of it together."""
        return self._view.source.nbytes

    @property
    def factors(self) -> Factors | None:
        """What the weights follow from: query, key, scale, mask, bias, softcap and sinks, as kept; None where they are dense.

        A narrowed map gives the factors of its sequences, heads and queries, and always those of all keys, as its rows'
        denominators run over these: softmax first, then take the keys that the map shows. Tensors are views of what is kept
        where the map shows a run of positions, and copies elsewhere; a mask counts from 0 again.

        Raises:
            TooLargeError: a narrowed map's mask is a function of your own, no run of keys a query, and too large as a tensor.

        Example:
            >>> import torch
            >>> query, key = torch.randn(1, 8, 5, 4), torch.randn(1, 2, 5, 4)
            >>> factors = AttentionMap(query, key, causal=True).select(heads=[4, 5, 6, 7], keys=slice(2)).factors
            >>> factors.query.shape, factors.key.shape, factors.scale, factors.mask
            (torch.Size([1, 4, 5, 4]), torch.Size([1, 1, 5, 4]), 0.5, causal(0))
        """
        return narrowed_factors(self._view)

    @property
    def view(self) -> MapView:
        """The source that the map reads, and the places of it that it shows: for code that makes maps of maps."""
        return self._view

    @property
    def dense_nbytes(self) -> int:
        """Bytes of the weights as one tensor."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __repr__(self) -> str:
        sizes = ", ".join(f"{axis}={size}" for axis, size in zip(AXES, self.shape, strict=True))
        name = f"{self.name}: " if self.name else ""
        cost = f"{bytes_text(self.nbytes)} kept, {bytes_text(self.dense_nbytes)} dense"
        return f"AttentionMap({name}{sizes}; {self._view.source.describe()}; {cost})"

    # -- reading ---------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Index) -> Tensor:
        """The weights at a basic index, computed now: ``amap[b, h, i0:i1, j0:j1]``."""
        choices, reading = spread(index)
        return self._view.select(*choices).weights()[reading]

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
        view = self._view.select(batch, heads, queries, keys)
        items = None if batch is None else narrow("batch", range(self.shape[0]), batch)
        rows, columns = chosen(self._queries, items, "queries", queries), chosen(self._keys, items, "keys", keys)
        return AttentionMap.from_data(MapData(view, self.name, self.kind, self.layer, rows, columns, self.call, self.step))

    def sample(self, item: int) -> "AttentionMap":
        """The map of one sequence of the batch, without the rows and columns that are padding."""
        item = whole_number("item", item, 0, self.shape[0] - 1, advice="sequences are counted from 0")
        rows, columns = (None if not axis.is_padded else axis.real(item) for axis in (self._queries, self._keys))
        return self.select(batch=item, queries=as_choice(rows), keys=as_choice(columns))

    def by(self, queries: Grouping | None = None, keys: Grouping | None = None) -> "AttentionMap":
        """The map between groups of positions: weights are summed over those of keys, and averaged over those of queries.

        Args:
            queries: "words", "characters", a unit that the axis has; a list of words, or a function that cuts a text into
                them; or spans: ``Spans``, ranges or lists of positions. Rows as they are where not given.
            keys: likewise, for the columns.

        Raises:
            OptionError: no such unit, or no texts; ShapeError: spans beyond the map, or several sequences.

        Example:
            >>> AttentionMap.from_dense(torch.eye(4)).by([range(0, 3), [3]], [range(0, 2), range(2, 4)]).dense()[0, 0]
            tensor([[0.6667, 0.3333],
                    [0.0000, 1.0000]])
        """
        return AttentionMap.from_data(grouped(self.to_data(), queries, keys))

    def dense(self, max_bytes: int = 2**30) -> Tensor:
        """The whole map as one tensor, (batch, heads, queries, keys).

        Raises:
            TooLargeError: it would take more than ``max_bytes``.
        """
        size, max_bytes = self.dense_nbytes, whole_number("max_bytes", max_bytes, 0)
        if size > max_bytes:
            raise TooLargeError(
                f"expected at most {max_bytes:,} bytes, got a map of {self.shape} = {size:,} bytes; read a region "
                "(amap[b, h, i0:i1, j0:j1]), a statistic (amap.received(), amap.entropy()), or raise max_bytes="
            )
        return self._view.weights()

    def to_pandas(self, above: float = 0.0) -> Any:
        """A line for each weight: map, kind, layer, batch, head, query, query_label, key, key_label, weight.

        Queries and keys are counted from the first of the text, padding is left out; heads are the model's numbers.

        Args:
            above: weights that are larger; of a row that sums to 1, fewer than 1 / above are.

        Returns:
            A pandas DataFrame, read in one pass.

        Raises:
            ImportError: pandas is not installed.
            TooLargeError: it may have more than 16 million lines.

        Example:
            >>> amap = AttentionMap.from_dense(torch.tensor([[0.75, 0.25], [0.0, 1.0]]))
            >>> amap.queries = amap.keys = ["a", "b"]
            >>> amap.to_pandas(above=0.5)[["query_label", "key_label", "weight"]].values.tolist()
            [['a', 'a', 0.75], ['b', 'b', 1.0]]
        """
        return data_frame(self, number("above", above, least=0, most=1, advice="weights are shares of a row"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The whole map as a numpy array, within ``dense``'s limit."""
        if copy is False:
            raise ValueError("expected copy=None or True, got False; the weights are computed when read")
        return np.asarray(self.dense().detach().cpu().numpy(), dtype=dtype)

    def rows(self, *, entropy: bool = False, progress: str | None = "reading the map") -> Iterator[Rows]:
        """The map's rows, some at a time: what a statistic of your own is made of. One streaming pass.

        Each block has ``weights`` (batch, heads, queries, columns), whole rows but for columns where all are 0, and says with
        the slices ``batch``, ``heads``, ``queries`` and ``columns`` which part of the map that is. Weights are good until the
        next block is asked for: keep what you make of them, or a clone. A block takes 16 MiB, or 32 where scores are large.

        Args:
            entropy: blocks have ``entropy``, (batch, heads, queries) in nats; None otherwise.
            progress: name of a bar, which shows where the pass takes longer than a second; None for no bar.

        Example:
            >>> import torch
            >>> amap = AttentionMap(torch.randn(1, 2, 5, 4), torch.randn(1, 2, 7, 4))
            >>> largest = torch.zeros(1, 2, 5)
            >>> for rows in amap.rows():
            ...     largest[rows.batch, rows.heads, rows.queries] = rows.weights.amax(3)
            >>> torch.equal(largest, amap.dense().amax(3))
            True
        """
        if progress is not None:
            text("progress", progress, advice="give the bar a name, or None for no bar")
        return self._view.rows(progress, entropy=truth("entropy", entropy))

    # -- products and tiles ----------------------------------------------------------------------------------------

    def __matmul__(self, values: Tensor) -> Tensor:
        """``amap @ values``: the weights times (keys, dim) or (batch, heads, keys, dim), without the matrix.

        With the model's own values this is the output of the attention call, (batch, heads, queries, dim).
        """
        return times(self._view, values)

    @property
    def T(self) -> TransposedMap:  # noqa: N802
        """The map from keys to queries, for products: ``amap.T @ x`` sums x over the queries that look at each key."""
        return TransposedMap(self._view)

    def tiles(self, rows: int, cols: int) -> Iterator[Tile]:
        """The map in tiles of ``rows`` queries and ``cols`` keys, row by row; the last ones may be smaller."""
        return (Tile(q, k, self[:, :, q, k]) for q, k in tile_places(self.shape[2:], rows, cols))
