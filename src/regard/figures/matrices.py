"""What can be drawn: weights of any make, read as (heads, queries, keys) with the labels of their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from regard.arguments import dense_tensor, whole_number
from regard.axes.axis import Axis
from regard.axes.given_texts import check_sequences, given_texts
from regard.axes.roles import ROLES, titles
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError, in_short
from regard.tokens.texts import visible

MAX_TOKENS = 400
"""A side with more tokens than this would need a page of more than a metre for labels that one can read."""

_REAL = "fiub"  # numpy's kinds of real numbers


@runtime_checkable
class LazyMap(Protocol):
    """An AttentionMap, or what reads like one; its ``queries``, ``keys``, ``name``, ``kind`` and ``layer`` are used, if any."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(batch, heads, queries, keys)."""

    def dense(self) -> Tensor:
        """All weights, in that shape."""


Weights: TypeAlias = LazyMap | Tensor | NDArray[Any] | Sequence[Any]
Labels: TypeAlias = Sequence[object] | None
Head: TypeAlias = int | Literal["mean"] | None


@dataclass(frozen=True)
class Matrices:
    """The chosen heads of one map."""

    weights: NDArray[np.float64]  # (heads, queries, keys)
    heads: tuple[int, ...]  # numbers of the heads
    queries: tuple[str, ...] | None
    keys: tuple[str, ...] | None
    title: str  # what the map says about itself: its name, and the head where it was one of several
    layer: int | None
    sides: tuple[str, str]  # what rows and columns are


def is_weights(source: object) -> bool:
    """Whether this is a map or weights, whatever may be wrong with its numbers."""
    if isinstance(source, range):
        return False
    # Tensors before the protocol, which asks for their shape: nested ones have none, and torch says so with an error.
    return isinstance(source, Tensor | np.ndarray | list | tuple | LazyMap) or np.asarray(source).dtype.kind in _REAL


def with_shape(source: Weights) -> Weights:
    """The weights, refused where they are a nested tensor: a protocol asks for its shape, which torch does not have.

    Raises:
        DtypeError: a nested tensor.
    """
    if isinstance(source, Tensor) and source.is_nested:
        dense_tensor("weights", source)
    return source


def layers_of(source: Any) -> Sequence[Any]:
    """The maps in a list of maps; one thing otherwise, be it a nested list of numbers.

    Example:
        >>> len(layers_of([np.eye(3), np.eye(5)])), len(layers_of([[1.0, 0.0], [0.5, 0.5]]))
        (2, 1)
    """
    return source if isinstance(source, list | tuple) and source and all(_is_map(part) for part in source) else [source]


def read_matrices(
    source: Weights,
    queries: Labels,
    keys: Labels,
    *,
    batch: int,
    head: Head,
    sides: tuple[str, str] | None = None,
) -> Matrices:
    """The weights of one sequence: all heads, the chosen one, or the mean of all.

    Raises:
        ShapeError, DtypeError, OptionError, ScoreError: weights that cannot be drawn, and why.
    """
    source = with_shape(source)
    lazy = isinstance(source, LazyMap)
    values = source if isinstance(source, LazyMap) else as_array(source)
    shape = tuple(values.shape)
    _check_shape(shape)
    sizes = (1,) * (4 - len(shape)) + shape
    sequence = checked_index("batch", batch, sizes[0])
    chosen = chosen_heads(head, sizes[1])
    own = source if lazy else None
    row_labels = checked_labels("queries", queries, texts_along(own, "queries", sequence), sizes[2], sequence, sizes[0])
    key_labels = checked_labels("keys", keys, texts_along(own, "keys", sequence), sizes[3], sequence, sizes[0])
    weights = heads_of(values, sizes, sequence, chosen)
    rows, columns = (real_places(own, side, sequence) for side in ("queries", "keys"))
    weights, row_labels, key_labels = weights[:, rows][:, :, columns], _at(row_labels, rows), _at(key_labels, columns)
    _check_numbers(weights, chosen)
    name, layer = getattr(own, "name", None), getattr(own, "layer", None)
    parts = [str(name)] if name else []
    if head is not None and sizes[1] > 1:
        parts.append(f"mean of {sizes[1]} heads" if head == "mean" else f"head {chosen[0]}")
    return Matrices(
        weights.mean(axis=0, keepdims=True) if head == "mean" else weights,
        (0,) if head == "mean" else tuple(chosen),
        row_labels,
        key_labels,
        ", ".join(parts),
        layer if isinstance(layer, int) else None,
        sides_of(own, queries, keys, sides),
    )


def of_one_text(source: Weights, tokens: Labels) -> tuple[Labels, Labels, tuple[str, str] | None]:
    """Labels of rows and columns that are one text, and what they are, where that is another thing than the map says.

    Of text that was generated the tokens may be all of it: each row produced the one that follows what it consumed. Rows that
    go on from a cache are the last ones of the text.

    Raises:
        ShapeError: they are not those of both sides; DtypeError: no list.
    """
    source = with_shape(source)
    shape = tuple((source if isinstance(source, LazyMap) else as_array(source)).shape)
    _check_shape(shape)
    rows, columns = shape[-2:]
    given = given_texts("tokens", tokens, f"{columns} tokens")
    counts = {len(row) for row in given.rows}
    generated = getattr(getattr(source, "queries", None), "beside", None) is not None
    names = [list(row) for row in given.rows]
    if generated and counts == {columns + 1}:
        made = [row[len(row) - rows :] for row in names]
        return made, [row[:-1] for row in names], (ROLES["produced"], ROLES["consumed"])
    if counts == {columns} and (rows == columns or (rows < columns and getattr(source, "kind", None) in ("self", "decoder"))):
        consumed = (ROLES["consumed"], ROLES["consumed"]) if generated else None
        return [row[columns - rows :] for row in names], names, consumed
    more = f", or {columns + 1} where the last row's product is among them" if generated else ""
    got = " and ".join(map(str, sorted(counts)))
    raise ShapeError(
        f"tokens: expected {columns} tokens, one for each position of one text{more}, got {got} for a map of {rows} queries "
        f"and {columns} keys; give queries= and keys= where these are two texts"
    )


def chosen_heads(head: Head, count: int) -> Sequence[int]:
    """The heads that are meant: one, or all, for None and for their mean."""
    if isinstance(head, str) and head != "mean":
        raise OptionError(f"head: expected a number of a head or 'mean', got {in_short(head)}")
    return range(count) if head is None or isinstance(head, str) else [checked_index("head", head, count)]


def heads_of(
    values: LazyMap | NDArray[np.float64], sizes: tuple[int, ...], sequence: int, heads: Sequence[int]
) -> NDArray[np.float64]:
    """(heads, queries, keys) of one sequence; a map is narrowed before it is read, where it can be."""
    if not isinstance(values, LazyMap):
        return np.asarray(values.reshape(sizes)[sequence, list(heads)])
    narrow = getattr(values, "select", None)
    part = narrow(batch=sequence, heads=list(heads)).dense() if narrow else values.dense()[sequence, list(heads)]
    return as_array(part).reshape(len(heads), *sizes[2:])


def sides_of(own: object, queries: Labels, keys: Labels, sides: object) -> tuple[str, str]:
    """What rows and columns are: as somebody says, as labels say, or as the kind of the map does where labels are its own.

    Raises:
        OptionError: no pair of texts.
    """
    if sides is not None:
        if not isinstance(sides, tuple | list) or len(sides) != 2 or not all(isinstance(side, str) for side in sides):
            raise OptionError(
                f"sides: expected what rows are and what columns are, got {in_short(sides)}; ('queries', 'keys') as usual"
            )
        return sides[0], sides[1]
    usual, by_kind = ("queries", "keys"), titles(getattr(own, "kind", None))
    named: list[str] = []
    for at, (side, given) in enumerate(zip(usual, (queries, keys), strict=True)):
        labels = getattr(own, side, None) if given is None else given
        if isinstance(labels, Axis) and labels.title is not None:
            named.append(labels.title)
        else:
            named.append(by_kind[at] if given is None else side)
    # Of one text by itself it says more which side asks, and which is asked.
    return usual if named == [ROLES["source"]] * 2 else (named[0], named[1])


def as_array(source: Tensor | ArrayLike) -> NDArray[np.float64]:
    """The numbers of a tensor, an array or nested lists, refused where they are not real."""
    if isinstance(source, Tensor):
        if source.is_complex():
            raise DtypeError(f"expected real weights, got a tensor of {source.dtype}; take .abs() or .real")
        if source.is_sparse or source.layout == torch.sparse_csr:
            source = source.to_dense()
        return np.asarray(dense_tensor("weights", source).detach().cpu().double().numpy())
    if isinstance(source, list | tuple):
        if any(isinstance(with_shape(part), LazyMap) or _is_deep(part) for part in source):
            raise OptionError(
                f"expected one map, got a list of {len(source)}; choose one of them, or draw them all with heads_grid(); the "
                "tuples that models return are maps as regard.Recording.of(attentions).maps"
            )
        source = [as_array(part) if isinstance(part, Tensor) else part for part in source]
    if isinstance(source, range):
        raise DtypeError(f"expected weights, got {in_short(source)}; make a list of lists of it, or an array")
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise ShapeError("expected rows of one length (queries, keys), got a ragged list; pad or cut the rows") from error
    if array.dtype.kind not in _REAL:
        raise DtypeError(
            "expected weights: a tensor, an array, a nested list of numbers or a map with .shape and .dense(), "
            f"got {type(source).__name__}"
        )
    return array.astype(np.float64)


def _check_shape(shape: tuple[int, ...]) -> None:
    if not 2 <= len(shape) <= 4:
        raise ShapeError(
            "expected weights of 2 axes (queries, keys), 3 (heads, queries, keys) or 4 (batch, heads, queries, keys), "
            f"got {len(shape)}: {shape}; index or add the leading axes"
        )
    if 0 in shape:
        raise ShapeError(f"expected at least one of everything, got weights of shape {shape}: there is nothing to draw")
    if max(shape[-2:]) > MAX_TOKENS:
        raise ShapeError(
            f"expected at most {MAX_TOKENS} queries and {MAX_TOKENS} keys, whose labels one can still read, "
            f"got {shape[-2]} and {shape[-1]}; select a region first: amap.select(queries=slice(0, {MAX_TOKENS}), "
            f"keys=slice(0, {MAX_TOKENS})), or weights[..., :{MAX_TOKENS}, :{MAX_TOKENS}]"
        )


def checked_index(name: str, index: int, size: int) -> int:
    """The index counted from 0, refused where the weights have none such."""
    return whole_number(name, index, -size, size - 1, advice=f"the weights have {size}") % size


def texts_along(own: object, side: str, sequence: int) -> Labels:
    """What a map says of one of its sides; None where that has no texts."""
    axis = getattr(own, side, None)
    return axis.sequence(sequence).text if isinstance(axis, Axis) else axis


def real_places(own: object, side: str, sequence: int) -> slice | list[int]:
    """The positions of one sequence along a side that are no padding: padding is in no picture and in no table."""
    axis = getattr(own, side, None)
    return list(axis.real(sequence)) if isinstance(axis, Axis) and axis.is_padded else slice(None)


def _at(labels: tuple[str, ...] | None, places: slice | list[int]) -> tuple[str, ...] | None:
    if labels is None or isinstance(places, slice):
        return labels
    return tuple(labels[place] for place in places)


def checked_labels(
    name: str, given: Labels, own: Labels, count: int, sequence: int = 0, batch: int = 1
) -> tuple[str, ...] | None:
    """The labels as pictures show them, refused where they are not one for each."""
    labels = fitting_labels(name, given, own, count, sequence, batch)
    return None if labels is None else tuple(map(visible, labels))


def said(text: object) -> str:
    """A title or a name as pictures show it: as visible as a label, but for none at all."""
    return visible(str(text)) if str(text) else ""


def title_said(title: object, name: str = "title") -> str:
    """A title that somebody gives, as pictures show it.

    Raises:
        DtypeError: it is no text.
    """
    if not isinstance(title, str):
        raise DtypeError(f"{name}: expected a text, got {in_short(title)}; write str() around it")
    return said(title)


def fitting_labels(
    name: str, given: Labels, own: Labels, count: int, sequence: int = 0, batch: int = 1
) -> tuple[str, ...] | None:
    """The labels that were given, or the map's own, refused where they are not one for each."""
    if given is None and own is None:
        return None
    read = given_texts(name, own if given is None else given, f"{count} labels")
    check_sequences(name, read, batch)
    labels = read.rows[sequence if len(read.rows) > 1 else 0]
    if len(labels) != count:
        raise ShapeError(
            f"{name}: expected {count} labels, one for each of the weights' {name}, got {len(labels)}; "
            "special tokens such as </s> have a row or a column too"
        )
    return tuple(map(str, labels))


def _check_numbers(weights: NDArray[np.float64], heads: Sequence[int]) -> None:
    wrong = np.argwhere(~np.isfinite(weights))
    if len(wrong):
        at, query, key = wrong[0]
        raise ScoreError(
            f"expected finite weights, got {weights[at, query, key]} at head {heads[at]}, query {query}, key {key} "
            f"({len(wrong)} of {weights.size} in all); a plain softmax gives NaN where all keys are masked: set such rows to 0"
        )


def check_amounts(name: str, values: NDArray[np.float64]) -> None:
    """Refuse what is negative, NaN or infinite."""
    wrong = np.argwhere(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise ScoreError(f"expected {name} of at least 0, got {values[place]} at {place if len(place) > 1 else place[0]}")


def _is_deep(part: object) -> bool:
    """Whether this is a layer, or a step with its layers, and no row of a matrix."""
    if isinstance(part, list | tuple):
        return any(isinstance(one, Tensor | np.ndarray) and one.ndim >= 2 for one in part)
    return isinstance(part, Tensor | np.ndarray) and part.ndim >= 3


def _is_map(part: object) -> bool:
    return part.ndim >= 2 if isinstance(part, Tensor | np.ndarray) else isinstance(part, LazyMap)
