"""What a map is kept as, and the scores of one tile.

An attention map is ``exp(q kᵀ·scale + bias − logsumexp)``. Everything on the right is O(n), so it is kept, and a tile is
computed when it is looked at: the identity that lets fused kernels forget the matrix (Milakov & Gimelshein 2018, Dao et
al. 2022) lets us read it afterwards.
"""

import math
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import groupby
from typing import Any, cast

import torch
from torch import Tensor

from regard.arguments import float_tensor, number
from regard.errors import ScoreError, ShapeError
from regard.maps.checks import check_broadcast, check_query_key
from regard.maps.key_norms import KeyNorms
from regard.maps.mapped_tensor import MappedTensor, plain
from regard.maps.products_alike import products_alike, products_in_order
from regard.maps.source import Guard, working_dtype
from regard.masks import Mask
from regard.masks.narrowing import narrowed
from regard.positions import Positions, positions_of, take

LEAVE_OUT = "leave it out for the default"


@dataclass(frozen=True, eq=False, repr=False)
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
    guard: Guard = nullcontext  #: stands around reads of the tensors, which may lie in a file

    def __post_init__(self) -> None:
        _check(self)

    def __repr__(self) -> str:
        return f"Factors({self.describe()})"

    def __getstate__(self) -> dict[str, Any]:
        """What pickles hold: no more memory than the tensors, and a mask of your own as what it answers, as files hold it."""
        state = {field.name: getattr(self, field.name) for field in fields(self)}
        state |= {name: _without_rest(value) for name, value in state.items() if isinstance(value, Tensor)}
        if self.mask is not None and self.mask.is_own_function:
            batch, heads, queries, keys = self.shape
            state["mask"] = narrowed(self.mask, range(batch), range(heads), range(queries), keys, self.device)
        return state

    def __deepcopy__(self, memo: dict[int, Any]) -> "Factors":
        """A mask answers the same for all, and is not copied."""
        copied = {field.name: deepcopy(getattr(self, field.name), memo) for field in fields(self) if field.name != "mask"}
        return replace(self, **copied)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""
        batch, heads, queries, _ = self.query.shape
        return batch, heads, queries, self.key.shape[2]

    @property
    def dtype(self) -> torch.dtype:
        """Type of scores and weights: float32, or float64 where the queries are."""
        return working_dtype(self.query)

    @property
    def device(self) -> torch.device:
        """Where the scores are computed."""
        return self.query.device

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors."""
        kept = (self.query, self.key, self.bias, self.sinks)
        return sum(tensor.nbytes for tensor in kept if tensor is not None)

    @property
    def group(self) -> int:
        """How many query heads read one key head."""
        return self.query.shape[1] // self.key.shape[1]

    def describe(self) -> str:
        """In a few words, what there is."""
        parts = [f"q and k of {self.query.shape[-1]}", str(self.query.dtype).removeprefix("torch.")]
        if self.key.shape[1] != self.query.shape[1]:
            parts.append(f"{self.key.shape[1]} key heads")
        if self.mask is not None:
            parts.append(f"mask {self.mask!r}")
        parts += [name for name in ("bias", "softcap", "sinks") if getattr(self, name) is not None]
        return ", ".join(parts)

    @property
    def hidden(self) -> float:
        """Scores from here down count as −∞: a row of nothing else sees nothing. Masks that are added hide by such numbers."""
        return torch.finfo(self.dtype).min / 4

    @cached_property
    def within(self) -> "Factors":
        """The same, for reads that stand ``with factors.guard()`` as a whole: without a guard of their own around each."""
        kept = {name: getattr(self, name) for name in ("query", "key", "bias", "sinks")}
        mapped: dict[str, Any] = {name: plain(one) for name, one in kept.items() if isinstance(one, MappedTensor)}
        return replace(self, **mapped)

    @cached_property
    def key_norms(self) -> KeyNorms:
        """How long the keys are, of which the precision depends that scores need."""
        return KeyNorms(self.key)

    @cached_property
    def query_norms(self) -> KeyNorms:
        """How long the queries are: measured as keys are."""
        return KeyNorms(self.query)

    @cached_property
    def roundings_of_parts(self) -> dict[tuple[int, int], Any]:
        """How parts of the rows of a head are computed, by sequence and head, as far as it is known (``rounding.py``)."""
        return {}

    def scores(
        self,
        batch: Positions,
        heads: Positions,
        queries: Positions,
        keys: Positions,
        *,
        dtype: torch.dtype | None = None,
        centred: bool = False,
        alike: bool = False,
    ) -> Tensor:
        """Scores as the softmax sees them, −inf where hidden: (batch, heads, queries, keys).

        Args:
            batch: which sequences.
            heads: which heads.
            queries: which rows.
            keys: which columns.
            dtype: what they are computed in; that of the weights where not given.
            centred: whether the keys' mean is taken out of all keys, which adds one number to all scores of a row.
            alike: whether a score is to be the same to the last bit, whatever others are computed with it.
        """
        dtype = dtype or self.dtype
        query = take(take(take(self.query, 0, batch), 1, heads), 2, queries).to(dtype)
        key = take(take(self.key, 0, batch), 2, keys)  # a view still: only what is read is cast, or leaves the disk
        read = tuple(head // self.group for head in heads)
        used = sorted(set(read))
        run = range(used[0], used[-1] + 1) if used else ()
        key = take(key, 1, run).to(dtype)
        if centred:
            key = key - self.key_norms.means(batch, run).unsqueeze(2)
        if read != tuple(range(key.shape[1])):
            key = take(key, 1, tuple(head - used[0] for head in read))
        with torch.autocast(query.device.type, enabled=False):  # a map may be read where the model runs in half precision
            if alike:
                multiply = products_alike if dtype == torch.float32 else products_in_order
                scores = multiply(query * self.scale, key)
            else:
                scores = query @ key.transpose(-1, -2) * self.scale
        if self.softcap is not None:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        if self.bias is not None:
            scores = scores + self.taken_bias(batch, heads, queries, keys).to(dtype)
        if self.mask is not None:
            scores = scores.masked_fill(~self.allowed(batch, heads, queries, keys), -torch.inf)
        return scores

    def taken_bias(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """What the bias has at these places, of size 1 along axes where it is the same; there has to be one."""
        bias = cast("Tensor", self.bias)
        for axis, positions in enumerate((batch, heads, queries, keys)):
            bias = bias if bias.shape[axis] == 1 else take(bias, axis, positions)
        return bias

    def allowed(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """Whether the query may attend to the key, a boolean tensor (batch, heads, queries, keys), or one of no axes."""
        axes = (batch, heads, queries, keys)
        index = [torch.tensor(positions, dtype=torch.long, device=self.query.device) for positions in map(list, axes)]
        shaped = [places.view([-1 if at == axis else 1 for at in range(4)]) for axis, places in enumerate(index)]
        mask = self.mask
        return torch.ones((), dtype=torch.bool, device=self.query.device) if mask is None else mask(*shaped)


def _without_rest(tensor: Tensor) -> Tensor:
    """A tensor that is the whole of its storage, which is what a pickle writes."""
    return tensor.clone() if tensor.untyped_storage().nbytes() > tensor.nbytes else tensor


def key_heads_read(heads: Positions, group: int) -> Positions:
    """Which key heads these query heads read, one a group of them, as large as the groups can be."""
    read = [head // group for head in heads]
    together = math.gcd(*(len(list(run)) for _, run in groupby(read))) or 1
    return positions_of(read[::together] or (0,))


def _check(factors: Factors) -> None:
    """Refuse factors that do not fit each other, with the sizes."""
    query, bias, sinks = factors.query, factors.bias, factors.sinks
    check_query_key(query, factors.key)
    if factors.mask is not None:
        factors.mask.check_known(factors.shape)
    if bias is not None:
        check_broadcast("bias", bias, factors.shape)
    if sinks is not None:
        float_tensor("sinks", sinks)
        if tuple(sinks.shape) != (query.shape[1],):
            raise ShapeError(f"expected sinks (heads,)=({query.shape[1]},), got {tuple(sinks.shape)}; give one number a head")
        if (wrong := sinks.isnan() | (sinks == torch.inf)).any():
            head = int(wrong.nonzero()[0])
            raise ScoreError(f"expected finite sinks, got {sinks[head].item()} at head {head}; −inf is a head without one")
    for name in ("scale", "softcap"):
        value = getattr(factors, name)
        if value is not None:
            number(name, value, above=0, advice=LEAVE_OUT)
