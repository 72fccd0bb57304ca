"""Weights as a long table with labels: a line for each weight, for whoever reads tables and not maps."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from regard.axes.axis import Axis
from regard.errors import TooLargeError
from regard.extras import require
from regard.maps.reading.parts import Rows
from regard.maps.view import MapView
from regard.progress import bar

COLUMNS = ("map", "kind", "layer", "batch", "head", "query", "query_label", "key", "key_label", "weight")


class Map(Protocol):
    """What a table needs of an ``AttentionMap``, which gives itself to it."""

    name: str | None
    kind: str | None
    layer: int | None

    @property
    def shape(self) -> tuple[int, int, int, int]: ...  # noqa: D102
    @property
    def queries(self) -> Axis: ...  # noqa: D102
    @property
    def keys(self) -> Axis: ...  # noqa: D102
    @property
    def view(self) -> MapView: ...  # noqa: D102
    def sample(self, item: int) -> "Map": ...  # noqa: D102
    def rows(self, *, progress: str | None) -> Iterator[Rows]: ...  # noqa: D102


def long_table(maps: Sequence[Map], above: float, most: int, advice: str) -> Iterator[dict[str, Any]]:
    """The weights above a bound, some at a time: arrays of one length by column.

    Queries and keys are counted in the text, without padding, as ``amap.sample(i)`` has them; heads are the model's.

    Args:
        maps: all of them are read once.
        above: weights that are larger are written; of them a row that sums to 1 has fewer than 1 / above.
        most: rows that the table may have.
        advice: for whoever asks for more.

    Raises:
        TooLargeError: there may be more rows than that; nothing was read.
    """
    asked = sum(math.prod(amap.shape[:3]) * min(amap.shape[3], 1 / above if above > 0 else math.inf) for amap in maps)
    if asked > most:
        raise TooLargeError(f"expected at most {most:,} weights, got up to {asked:,.0f}; {advice}")
    return (
        part for amap in bar(maps, desc="writing weights", unit="map", delay=1, leave=False) for part in _parts(amap, above)
    )


def data_frame(amap: Map, above: float) -> Any:
    """The table of one map as a pandas DataFrame."""
    require("for a DataFrame", "pandas")
    advice = "select heads or rows, say above=0.01, or write a file: regard export"
    parts = list(long_table([amap], above, 2**24, advice))
    import pandas as pd

    columns: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) if parts else [] for name in COLUMNS}
    return pd.DataFrame(columns)


def _parts(amap: Map, above: float) -> Iterator[dict[str, Any]]:
    for item in range(amap.shape[0]):
        of_item = amap.sample(item)
        queries, keys = (np.array(axis[:], dtype=object) for axis in (of_item.queries, of_item.keys))
        for block in of_item.rows(progress=None):
            weights = block.weights[0].cpu()  # (heads, rows, columns)
            head, row, column = (weights > above).nonzero().numpy().T
            values = weights.numpy()[head, row, column].astype(np.float64)
            row, column = row + block.queries.start, column + block.columns.start
            heads = np.asarray(amap.view.heads)[head + block.heads.start]
            place = (amap.name, amap.kind, amap.layer, item)
            same = (np.full(len(values), one, dtype=None if isinstance(one, int) else object) for one in place)
            found = (*same, heads, row, queries[row], column, keys[column], values)
            yield dict(zip(COLUMNS, found, strict=True))
