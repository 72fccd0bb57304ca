"""What a map is kept as, and one tile of weights from it.

An attention map is ``exp(q kᵀ·scale + bias − logsumexp)``. Everything on the right is O(n), so it is kept, and a tile is
computed when somebody looks at it: the identity that lets fused kernels forget the matrix (Milakov & Gimelshein 2018, Dao et
al. 2022) lets us read it afterwards.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from numbers import Real
from typing import Protocol

import torch
from torch import Tensor

from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.maps.reading.key_chunks import KeyChunks, row_groups
from regard.maps.reading.long_rows import reads
from regard.maps.reading.row_scores import index
from regard.masks import Mask

Positions = range | tuple[int, ...]
"""Which places of an axis a view reads, in order."""

BLOCK_BYTES = 2**24
"""Working memory of one block of rows: large enough to keep the cores busy, small enough to stay out of the way."""


class Source(Protocol):
    """What an AttentionMap reads from."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights: float32, or float64 where the model runs in it."""

    @property
    def nbytes(self) -> int:
        """Bytes kept."""

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """The weights at these positions, (batch, heads, queries, keys)."""

    @property
    def device(self) -> torch.device:
        """Where the weights are computed."""

    def denominators(self, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
        """Logarithm of these rows' denominators, (batch, heads, queries); −inf where a row sees nothing."""

    def describe(self) -> str:
        """In a few words, how the weights are kept."""


@dataclass(frozen=True)
class DenseWeights:
    """Weights that are already there: a model that computes its own, or a matrix of the user's."""

    values: Tensor  # (batch, heads, queries, keys)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        batch, heads, queries, keys = self.values.shape
        return batch, heads, queries, keys

    @property
    def dtype(self) -> torch.dtype:
        return working_dtype(self.values)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        tile = self.values
        for axis, positions in enumerate((batch, heads, queries, keys)):
            tile = take(tile, axis, positions)
        return tile.to(self.dtype)

    @property
    def device(self) -> torch.device:
        return self.values.device

    def denominators(self, *_: Positions) -> Tensor:
        raise OptionError(
            "logsumexp: expected a map kept as queries and keys, got one kept as dense weights, whose denominators are "
            "not known; record the model on its fused kernel, or build AttentionMap(query, key)"
        )

    def describe(self) -> str:
        return "dense weights"


@dataclass(frozen=True)
class Factors:
    """Queries, keys and what happens to their scores: scale, softcap, bias, mask, sinks, in that order.

    Shapes: query (batch, heads, queries, dim); key (batch, kv_heads, keys, dim); bias broadcasts to
    (batch, heads, queries, keys); sinks (heads,).
    """

    query: Tensor
    key: Tensor
    scale: float
    mask: Mask | None = None
    bias: Tensor | None = None
    softcap: float | None = None
    sinks: Tensor | None = None
    _denominators: list[Tensor] = field(default_factory=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        batch, heads, queries, _ = self.query.shape
        return batch, heads, queries, self.key.shape[2]

    @property
    def dtype(self) -> torch.dtype:
        return working_dtype(self.query)

    @property
    def device(self) -> torch.device:
        return self.query.device

    @property
    def nbytes(self) -> int:
        kept = (self.query, self.key, self.bias, self.sinks)
        return sum(tensor.nbytes for tensor in kept if tensor is not None)

    def describe(self) -> str:
        parts = [f"q and k of {self.query.shape[-1]}", str(self.query.dtype).removeprefix("torch.")]
        if self.key.shape[1] != self.query.shape[1]:
            parts.append(f"{self.key.shape[1]} key heads")
        if self.mask is not None:
            parts.append(f"mask {self.mask!r}")
        parts += [name for name in ("bias", "softcap", "sinks") if getattr(self, name) is not None]
        return ", ".join(parts)

    def scores(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """Scores as the softmax sees them, −inf where hidden: (batch, heads, queries, keys)."""
        group = self.query.shape[1] // self.key.shape[1]
        query = take(take(take(self.query, 0, batch), 1, heads), 2, queries).to(self.dtype)
        key = take(take(self.key, 0, batch), 2, keys)  # a view still: only what is read is cast, or leaves the disk
        read = tuple(head // group for head in heads)
        used = sorted(set(read))
        key = take(key, 1, range(used[0], used[-1] + 1) if used else ()).to(self.dtype)
        if read != tuple(range(key.shape[1])):
            key = take(key, 1, tuple(head - used[0] for head in read))
        with torch.autocast(query.device.type, enabled=False):  # a map may be read where the model runs in half precision
            scores = query @ key.transpose(-1, -2) * self.scale
        if self.softcap is not None:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        if self.bias is not None:
            bias = self.bias
            for axis, positions in enumerate((batch, heads, queries, keys)):
                bias = bias if bias.shape[axis] == 1 else take(bias, axis, positions)
            scores = scores + bias.to(self.dtype)
        if self.mask is not None:
            scores = scores.masked_fill(~self._allowed(batch, heads, queries, keys), -torch.inf)
        return scores

    def _allowed(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        axes = (batch, heads, queries, keys)
        index = [torch.tensor(positions, dtype=torch.long, device=self.query.device) for positions in map(list, axes)]
        shaped = [places.view([-1 if at == axis else 1 for at in range(4)]) for axis, places in enumerate(index)]
        mask = self.mask
        return torch.ones((), dtype=torch.bool, device=self.query.device) if mask is None else mask(*shaped)

    @torch.no_grad()
    def denominators(self, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
        """Logarithm of these rows' denominators, (batch, heads, queries): computed where nobody asked before, and kept."""
        missing = self._known(batch, heads, queries).isnan().any(1).any(0)
        if missing.any():
            rows = queries if missing.all() else _neighbours(tuple(queries[int(at)] for at in missing.nonzero()))
            if reads(self.shape[3]):
                chunks = KeyChunks(self)
                for one, head, some in itertools.product(batch, heads, row_groups(rows)):
                    chunks.denominators(one, head, rows[some])
            else:
                for b, h, q in blocks(len(batch), len(heads), len(rows), self.shape[3]):
                    part = batch[b], heads[h], rows[q]
                    self._enter(*part, self.scores(*part, range(self.shape[3])))
        return self._known(batch, heads, queries)

    @torch.no_grad()
    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        scores = self.scores(batch, heads, queries, keys)
        if keys == range(self.shape[3]) and self._known(batch, heads, queries).isnan().any():
            self._enter(batch, heads, queries, scores)
        denominators = self.denominators(batch, heads, queries)
        # A row that sees nothing has weights 0: exp(−inf − inf), where exp(−inf + inf) would be NaN.
        denominators = denominators.masked_fill(denominators == -torch.inf, torch.inf)
        return scores.sub_(denominators.unsqueeze(-1)).exp_()

    def remember(self, batch: int, head: int, queries: Positions, denominators: Tensor) -> None:
        """Keep denominators that somebody else has computed."""
        self._table()[batch, head][index(queries)] = denominators

    def _known(self, batch: Positions, heads: Positions, queries: Positions) -> Tensor:
        """The denominators of these rows as far as they are known, NaN elsewhere."""
        return take(take(take(self._table(), 0, batch), 1, heads), 2, queries)

    def _table(self) -> Tensor:
        if not self._denominators:
            with torch.inference_mode(False):  # it is filled later, perhaps outside of the mode
                empty = torch.full(self.shape[:3], torch.nan, dtype=self.dtype, device=self.query.device)
            self._denominators.append(empty)
        return self._denominators[0]

    def _enter(self, batch: Positions, heads: Positions, queries: Positions, scores: Tensor) -> None:
        """Keep the denominators of whole rows of scores."""
        if self.sinks is not None:
            sinks = take(self.sinks.to(self.dtype), 0, heads).view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
            scores = torch.cat([scores, sinks], dim=-1)
        found = torch.logsumexp(scores, dim=-1)
        wrong = found.isnan() | (found == torch.inf)
        if wrong.any():
            b, h, row = (int(place) for place in wrong.nonzero()[0])
            column = int((scores[b, h, row].isnan() | (scores[b, h, row] == torch.inf)).nonzero()[0])
            raise ScoreError(
                f"expected finite scores, got {scores[b, h, row, column].item()} at batch {batch[b]}, head {heads[h]}, query "
                f"{queries[row]}, key {column}; look for NaN or overflow in the model's activations there"
            )
        places = [torch.tensor(list(at), dtype=torch.long, device=found.device) for at in (batch, heads, queries)]
        self._table()[places[0][:, None, None], places[1][:, None], places[2]] = found


def take(tensor: Tensor, axis: int, positions: Positions) -> Tensor:
    """The given positions of one axis: a view where they are a run, a copy where they are not."""
    if isinstance(positions, range) and positions.step > 0:
        start, stop = (positions[0], positions[-1] + 1) if len(positions) else (0, 0)
        return tensor[(slice(None),) * axis + (slice(start, stop, positions.step),)]
    return tensor.index_select(axis, torch.tensor(list(positions), dtype=torch.long, device=tensor.device))


def blocks(batch: int, heads: int, queries: int, keys: int, edges: Sequence[int] = ()) -> Iterator[tuple[slice, slice, slice]]:
    """Parts of (batch, heads, queries) that cover all of it, each so small that its whole rows fit BLOCK_BYTES.

    A block takes as many rows of one head as fit, then as many heads, then as many sequences: long products run fastest.
    None of them crosses one of the ``edges`` of queries.
    """
    rows = max(1, BLOCK_BYTES // max(1, keys * 8))
    many_heads = max(1, rows // max(1, queries))
    many_sequences = max(1, many_heads // max(1, heads))
    for b in _runs(batch, many_sequences):
        for h in _runs(heads, many_heads):
            for first, last in pairwise(edges or (0, queries)):
                for q in _runs(last - first, rows):
                    yield b, h, slice(first + q.start, first + q.stop)


def _neighbours(positions: tuple[int, ...]) -> Positions:
    """The positions as a range where they are one."""
    run = range(positions[0], positions[0] + len(positions))
    return run if positions == tuple(run) else positions


def _runs(size: int, step: int) -> Iterator[slice]:
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))


def working_dtype(tensor: Tensor) -> torch.dtype:
    """What is computed in: float64 for float64, float32 for everything narrower."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def _check(factors: Factors) -> None:
    """Refuse factors that do not fit each other, with the sizes."""
    query, bias, sinks = factors.query, factors.bias, factors.sinks
    check_query_key(query, factors.key)
    if factors.mask is not None:
        factors.mask._check_known(factors.shape)
    if bias is not None:
        check_broadcast("bias", bias, factors.shape)
    if sinks is not None:
        check_tensor("sinks", sinks)
        if tuple(sinks.shape) != (query.shape[1],):
            raise ShapeError(f"expected sinks (heads,)=({query.shape[1]},), got {tuple(sinks.shape)}; give one number a head")
        if (wrong := sinks.isnan() | (sinks == torch.inf)).any():
            head = int(wrong.nonzero()[0])
            raise ScoreError(f"expected finite sinks, got {sinks[head].item()} at head {head}; −inf is a head without one")
    for name in ("scale", "softcap"):
        value = getattr(factors, name)
        if value is not None and not (isinstance(value, Real) and 0 < float(value) < math.inf):
            raise OptionError(f"expected {name} above 0 and finite, got {value!r}; leave it out for the default")


def check_query_key(query: Tensor, key: Tensor) -> None:
    """Refuse queries and keys that have no product."""
    for name, tensor, axes in (
        ("query", query, "(batch, heads, queries, dim)"),
        ("key", key, "(batch, kv_heads, keys, dim)"),
    ):
        check_tensor(name, tensor)
        if tensor.ndim != 4:
            raise ShapeError(
                f"expected {name} {axes}, got {tuple(tensor.shape)}; add the missing axes, e.g. {name}.unsqueeze(0)"
            )
        if tensor.shape[3] == 0:
            raise ShapeError(f"expected {name} {axes} with dim of at least 1, got {tuple(tensor.shape)}")
    if query.dtype != key.dtype:
        raise DtypeError(f"expected query and key of one type, got {query.dtype} and {key.dtype}; convert one of them")
    if query.shape[0] != key.shape[0]:
        raise ShapeError(f"expected one batch size, got query {query.shape[0]} and key {key.shape[0]}; expand one of them")
    if query.shape[3] != key.shape[3]:
        raise ShapeError(
            f"expected query and key of one dim, got {query.shape[3]} and {key.shape[3]}; their product needs equal last axes"
        )
    if key.shape[1] == 0 or query.shape[1] % key.shape[1]:
        raise ShapeError(
            f"expected heads to be a multiple of kv_heads, got query heads={query.shape[1]} and key heads={key.shape[1]}"
            "; each key head is read by heads/kv_heads query heads"
        )


def check_tensor(name: str, tensor: Tensor) -> None:
    """Refuse what is not a tensor of floats."""
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"expected {name} as a tensor, got {type(tensor).__name__}; convert it with torch.as_tensor({name})")
    if not tensor.is_floating_point():
        raise DtypeError(f"expected {name} of a floating type, got {tensor.dtype}; convert it with {name}.float()")


def check_broadcast(name: str, tensor: Tensor, shape: Sequence[int]) -> None:
    """Refuse a (…)-shaped tensor that does not stretch to (batch, heads, queries, keys)."""
    axes = ("batch", "heads", "queries", "keys")
    if tensor.ndim > 4:
        raise ShapeError(f"expected {name} of at most 4 axes (batch, heads, queries, keys), got {tuple(tensor.shape)}")
    for axis in range(-tensor.ndim, 0):
        if tensor.shape[axis] not in (1, shape[axis]):
            raise ShapeError(
                f"the map is ({', '.join(f'{n}={s}' for n, s in zip(axes, shape, strict=True))}) but {name} is "
                f"{tuple(tensor.shape)}; expected axis {axis} ({axes[axis]}) to be {shape[axis]} or 1"
            )
