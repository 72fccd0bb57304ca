"""What a picture shows, as numbers with their labels: the lines of a table."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regard.errors import DtypeError, ScoreError, ShapeError, TooLargeError
from regard.figures.matrices import (
    Head,
    Labels,
    LazyMap,
    Weights,
    as_array,
    checked_index,
    chosen_heads,
    fitting_labels,
    is_weights,
    real_places,
    sides_of,
    texts_along,
    with_shape,
)

Lines: TypeAlias = Iterator[Sequence[object]]

MOST_NUMBERS = 2**26
"""More numbers than this are no table that a program for tables opens."""

_BLOCK = 2**20  # numbers that are computed at once


def lines_of(thing: Any, **options: Any) -> Lines:
    """The table of a thing, its header first: of a finding its own, ``thing.table``; of a map or weights the weights.

    Raises:
        DtypeError: a thing without numbers.
    """
    if not isinstance(thing, type) and callable(table := getattr(thing, "table", None)):
        return iter(table(**options))
    if not is_weights(thing):
        raise DtypeError(
            "expected what has a table: something with a method table(), a map or weights, got "
            f"{type(thing).__name__}; save one of its maps"
        )
    return weight_lines(thing, **options)


def weight_lines(
    source: Weights,
    queries: Labels = None,
    keys: Labels = None,
    *,
    batch: int | None = None,
    head: Head = None,
    sides: tuple[str, str] | None = None,
) -> Lines:
    """The weights of one head as a matrix; of several heads or sequences, a line for each weight.

    A matrix has the keys in its header, and a line for each query, which begins with its label. Otherwise a line is batch,
    head, query, its label, key, its label, weight. All numbers are exact: reading them as float64 gives the weights back.

    Args:
        source: what ``heatmap`` accepts, of any length.
        queries: labels of the rows; the map's own, else positions, where not given.
        keys: labels of the columns, likewise.
        batch: which sequence; all where not given.
        head: which head, or "mean"; all where not given.
        sides: as in ``heatmap``; it heads the labels of a matrix.

    Raises:
        OptionError, ShapeError, DtypeError, ScoreError: as ``heatmap``.
        TooLargeError: too many numbers.

    Example:
        >>> list(weight_lines([[0.75, 0.25], [0.5, 0.5]], queries=["le", "chat"], keys=["the", "cat"]))
        [['queries', 'the', 'cat'], ['le', 0.75, 0.25], ['chat', 0.5, 0.5]]
    """
    source = with_shape(source)
    values = source if isinstance(source, LazyMap) else as_array(source)
    shape = tuple(values.shape)
    if not 2 <= len(shape) <= 4 or 0 in shape:
        raise ShapeError(f"expected weights of 2 to 4 axes (batch, heads, queries, keys) that are not empty, got {shape}")
    sizes = (1,) * (4 - len(shape)) + shape
    own = source if isinstance(source, LazyMap) else None
    sequences = range(sizes[0]) if batch is None else [checked_index("batch", batch, sizes[0])]
    heads = chosen_heads(head, sizes[1])
    shown = 1 if head == "mean" else len(heads)
    if len(sequences) * shown * sizes[2] * sizes[3] > MOST_NUMBERS:
        raise TooLargeError(
            f"expected at most {MOST_NUMBERS:,} numbers in a table, got {len(sequences) * shown * sizes[2] * sizes[3]:,}; "
            "select a region or a head first, or amap.save(path) for all of it"
        )

    def labels(sequence: int) -> tuple[Sequence[str], Sequence[str]]:
        made = []
        for name, given, count in (("queries", queries, sizes[2]), ("keys", keys, sizes[3])):
            places = real_places(own, name, sequence)
            known = fitting_labels(name, given, texts_along(own, name, sequence), count)
            real = range(count)[places] if isinstance(places, slice) else places
            made.append(tuple(map(str, range(len(real)))) if known is None else tuple(known[at] for at in real))
        return made[0], made[1]

    labelled = [(sequence, *labels(sequence)) for sequence in sequences]

    def block(sequence: int, head: int, start: int, stop: int) -> NDArray[np.float64]:
        rows, columns = (real_places(own, side, sequence) for side in ("queries", "keys"))
        chosen = slice(start, stop) if isinstance(rows, slice) else rows[start:stop]
        found = _block(values, sizes, sequence, head, chosen)[:, columns]
        if not np.isfinite(found).all():
            raise ScoreError(
                f"expected finite weights, got NaN or infinite ones of head {head}; set rows that see nothing to 0"
            )
        return found

    if len(sequences) == shown == 1:
        return _matrix(block, labelled[0], heads, sides_of(own, queries, keys, sides)[0])
    return _long(block, labelled, heads, mean=head == "mean")


Block: TypeAlias = Callable[[int, int, int, int], NDArray[np.float64]]
Labelled: TypeAlias = tuple[int, Sequence[str], Sequence[str]]
"""The number of a sequence, and the labels of its rows and columns."""


def _matrix(block: Block, labelled: Labelled, heads: Sequence[int], name: str) -> Lines:
    sequence, rows, columns = labelled
    yield [name, *columns]
    for start, stop in _spans(len(rows), len(columns)):
        found = np.mean([block(sequence, head, start, stop) for head in heads], axis=0)
        for label, weights in zip(rows[start:stop], found.tolist(), strict=True):
            yield [label, *weights]


def _long(block: Block, labelled: Sequence[Labelled], heads: Sequence[int], *, mean: bool) -> Lines:
    yield ["batch", "head", "query", "query label", "key", "key label", "weight"]
    parts = [("mean", heads)] if mean else [(head, [head]) for head in heads]
    for sequence, rows, columns in labelled:
        for name, together in parts:
            for start, stop in _spans(len(rows), len(columns)):
                found = np.mean([block(sequence, head, start, stop) for head in together], axis=0)
                for query, weights in enumerate(found.tolist(), start):
                    for key, weight in enumerate(weights):
                        yield [sequence, name, query, rows[query], key, columns[key], weight]


def _spans(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    step = max(1, _BLOCK // columns)
    return ((start, min(rows, start + step)) for start in range(0, rows, step))


def _block(
    values: LazyMap | NDArray[np.float64], sizes: tuple[int, ...], sequence: int, head: int, rows: slice | list[int]
) -> NDArray[np.float64]:
    """(queries, keys) of a few rows; a map is narrowed before it is read, where it can be."""
    if not isinstance(values, LazyMap):
        return np.asarray(values.reshape(sizes)[sequence, head, rows])
    narrow = getattr(values, "select", None)
    part = narrow(batch=sequence, heads=[head], queries=rows).dense() if narrow else values.dense()[sequence, head, rows]
    return as_array(part).reshape(-1, sizes[3])
