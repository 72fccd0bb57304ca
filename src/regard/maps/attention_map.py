"""The lazy matrix: looks like a (batch, heads, queries, keys) tensor of weights, and computes what is read, when it is read."""

import operator
from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import Any, Self, SupportsIndex

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.errors import DtypeError, OptionError, ShapeError, TooLargeError
from regard.maps.factors import (
    DenseWeights,
    Factors,
    Positions,
    Source,
    _check_broadcast,
    _check_query_key,
    _check_tensor,
    _working_dtype,
    row_blocks,
)
from regard.masks import Mask, centred_window, from_tensor
from regard.masks import causal as causal_mask
from regard.masks import window as window_mask

AXES = ("batch", "heads", "queries", "keys")
Choice = int | slice | Sequence[int] | None
Index = int | slice | EllipsisType | tuple[int | slice | EllipsisType, ...]


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
        >>> amap
        AttentionMap(batch=1, heads=2, queries=3, keys=3; q and k of 3, float32, 1 key heads, mask causal(0))
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
        _check_query_key(query, key)
        shape = (*query.shape[:-1], key.shape[-2])
        if bias is not None:
            _check_tensor("bias", bias)
            _check_broadcast("bias", bias, shape)
            bias = _four_axes(bias)
        allowed = mask if isinstance(mask, Mask) else None
        if mask is not None and allowed is None:
            if not isinstance(mask, Tensor) or not (mask.dtype == torch.bool or mask.is_floating_point()):
                raise DtypeError(
                    "expected a Mask, a boolean tensor (True = may attend) or a float tensor (added) as mask, got "
                    f"{mask.dtype if isinstance(mask, Tensor) else type(mask).__name__}; "
                    "convert a 0/1 mask with torch.as_tensor(mask).bool()"
                )
            _check_broadcast("the mask", mask, shape)
            if mask.dtype == torch.bool:
                allowed = from_tensor(_four_axes(mask))
            else:
                # Added after the bias, and nothing stands between the two: one tensor serves both.
                wide = _working_dtype(query)
                bias = _four_axes(mask) if bias is None else mask.to(wide) + bias.to(wide)
        source = Factors(
            query=query,
            key=key,
            scale=query.shape[-1] ** -0.5 if scale is None else scale,
            mask=_combined(allowed, causal, window, shape[3] - shape[2]),
            bias=bias,
            softcap=softcap,
            sinks=sinks,
        )
        self._open(source)

    def _open(self, source: Source) -> None:
        self._source = source
        self._view: tuple[Positions, ...] = tuple(range(size) for size in source.shape)
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
            AttentionMap(batch=1, heads=1, queries=2, keys=2; dense weights)
        """
        values = weights if isinstance(weights, Tensor) else torch.tensor(np.asarray(weights))
        if not values.is_floating_point():
            raise DtypeError(f"expected weights of a floating type, got {values.dtype}; convert them with .float()")
        if not 2 <= values.ndim <= 4:
            raise ShapeError(f"expected weights (batch, heads, queries, keys), got {tuple(values.shape)}; 2 to 4 axes are read")
        made = cls.__new__(cls)
        made._open(DenseWeights(_four_axes(values)))
        return made

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

    def __repr__(self) -> str:
        sizes = ", ".join(f"{axis}={size}" for axis, size in zip(AXES, self.shape, strict=True))
        name = f"{self.name}: " if self.name else ""
        return f"AttentionMap({name}{sizes}; {self._source.describe()})"

    # -- reading ---------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Index) -> Tensor:
        """The weights at a basic index, computed now: ``amap[b, h, i0:i1, j0:j1]``."""
        choices = _spread(index)
        narrowed = self.select(**dict(zip(AXES, choices, strict=True)))
        tile = narrowed._source.weights(*narrowed._view)
        return tile[tuple(0 if isinstance(choice, int) else slice(None) for choice in choices)]

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
        made._view = tuple(_narrowed(axis, positions, choice) for axis, positions, choice in chosen)
        if self.queries is not None:
            made.queries = tuple(self.queries[at] for at in _narrowed("queries", range(len(self.queries)), queries))
        if self.keys is not None:
            made.keys = tuple(self.keys[at] for at in _narrowed("keys", range(len(self.keys)), keys))
        return made

    def dense(self, max_bytes: int = 2**30) -> Tensor:
        """The whole map as one tensor, (batch, heads, queries, keys).

        Raises:
            TooLargeError: it would take more than ``max_bytes``.
        """
        size = int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize
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
        batch, heads, _, keys = self.shape
        total = torch.zeros(batch, heads, keys, dtype=torch.float64)
        for block in self._blocks():
            total += block.sum(dim=2).to("cpu", torch.float64)
        return total.to(self.dtype)

    def entropy(self) -> Tensor:
        """−Σ w ln w of each row over the keys of this view, in nats, (batch, heads, queries). One streaming pass.

        Example:
            >>> import torch
            >>> AttentionMap.from_dense(torch.full((1, 4), 0.25)).entropy().exp()
            tensor([[[4.]]])
        """
        batch, heads, _, _ = self.shape
        rows = [torch.special.entr(block).sum(dim=3).cpu() for block in self._blocks()]
        return torch.cat([torch.zeros(batch, heads, 0, dtype=self.dtype), *rows], dim=2)

    def logsumexp(self) -> Tensor:
        """Logarithm of each row's denominator, sinks included, (batch, heads, queries); −inf where a row sees nothing."""
        batch, heads, queries, _ = (torch.tensor(list(positions), dtype=torch.long) for positions in self._view)
        return self._source.logsumexp().cpu()[batch[:, None, None], heads[:, None], queries]

    def _blocks(self) -> Iterator[Tensor]:
        """The map as blocks of whole rows that fit the working memory."""
        batch, heads, queries, keys = self._view
        for block in row_blocks(queries, len(batch) * len(heads) * len(keys) * 8):
            yield self._source.weights(batch, heads, queries[block.start : block.stop], keys)


def _four_axes(tensor: Tensor) -> Tensor:
    """The tensor with leading axes of size 1 added up to four."""
    return tensor[(None,) * (4 - tensor.ndim)] if tensor.ndim < 4 else tensor


def _combined(allowed: Mask | None, causal: bool, window: int | None, offset: int) -> Mask | None:
    """The one mask that mask=, causal= and window= make together; ``offset`` is keys − queries (bottom-right)."""
    parts = [] if allowed is None else [allowed]
    if causal:
        parts.append(causal_mask(offset))
    if window is not None:
        parts.append(window_mask(window, offset) if causal else centred_window(window, offset))
    whole = None
    for part in parts:
        whole = part if whole is None else whole & part
    return whole


def _spread(index: Index) -> list[int | slice]:
    """An index as one choice an axis."""
    given = index if isinstance(index, tuple) else (index,)
    parts = [part if isinstance(part, slice | EllipsisType) else _integer("index", part) for part in given]
    gaps = sum(part is Ellipsis for part in parts)
    if gaps > 1 or len(parts) - gaps > 4:
        raise ShapeError(f"expected at most 4 indices (batch, heads, queries, keys) and one ..., got {len(parts)} parts")
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    missing = [slice(None)] * (4 - (len(parts) - gaps))
    return [part for part in (*parts[:at], *missing, *parts[at + gaps :]) if not isinstance(part, EllipsisType)]


def _narrowed(axis: str, positions: Positions, choice: Choice) -> Positions:
    """The chosen ones of these positions."""
    if choice is None:
        return positions
    if isinstance(choice, slice):
        return positions[choice]
    one_only = np.ndim(choice) == 0
    wanted = [_integer(axis, one) for one in ([choice] if one_only else choice)]  # type: ignore[union-attr,arg-type]
    for one in wanted:
        if not -len(positions) <= one < len(positions):
            raise OptionError(
                f"{axis}: expected positions from {-len(positions)} to {len(positions) - 1}, got {one}; "
                f"the axis has {len(positions)}"
            )
    if one_only:
        one = wanted[0] % len(positions)
        return positions[one : one + 1]
    return tuple(positions[one] for one in wanted)


def _integer(axis: str, choice: SupportsIndex) -> int:
    """One position as a Python integer; a list of True and False would be taken for the positions 1 and 0."""
    truth = isinstance(choice, bool) or (isinstance(choice, Tensor) and choice.dtype == torch.bool)
    if truth or not hasattr(choice, "__index__"):
        raise OptionError(
            f"{axis}: expected integers, slices and ..., got {'bool' if truth else type(choice).__name__}; "
            "use .select(heads=[0, 3]) for lists of positions, and mask.nonzero() for a mask"
        )
    return operator.index(choice)
