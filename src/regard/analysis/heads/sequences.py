"""What the rows of all sequences of a recording add up to, head by head: their passes, taken together."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from regard.analysis.heads.keys import TextKeys
from regard.analysis.heads.registry import STATISTICS
from regard.analysis.heads.sums import means, one_pass
from regard.errors import ShapeError
from regard.maps.attention_map import AttentionMap
from regard.masks.extents import visible


class HeadSums:
    """What the rows of one module's maps add up to, for each head."""

    def __init__(self, heads: int) -> None:
        self.of: defaultdict[str, Tensor] = defaultdict(lambda: torch.zeros(heads, dtype=torch.float64))
        self.offsets = torch.zeros(heads, 0, dtype=torch.float64)  # (heads, offsets): mass by distance to the own key
        self.lowest = 0  # the first offset
        self.sinks: list[Counter[float]] = [Counter() for _ in range(heads)]  # rows of the texts with a sink at each place
        self.shares = True  # whether the rows of all maps were shares

    def add_map(
        self, amap: AttentionMap, labels: Sequence[Any] | None, special: Collection[str] | None, windows: Sequence[int]
    ) -> None:
        """Add the map of one sequence, in one pass.

        Args:
            amap: (1, heads, queries, keys).
            labels: what its keys are called, or their ids.
            special: the names of tokens that stand for no text; known by themselves where not given.
            windows: widths in which mass is local.

        Raises:
            ShapeError: more or fewer labels than keys.
            ScoreError: negative or NaN weights.
        """
        _, _, queries, keys = amap.shape
        if labels is not None and len(labels) != keys:
            raise ShapeError(f"expected {keys} labels, one a key of {amap!r}, got {len(labels)}")
        if queries == 0 or keys == 0:
            self.of["masked_rows"] += queries
            return
        like = torch.empty(0, dtype=amap.dtype, device=amap.device)
        read = TextKeys(labels, special, keys, like)
        one = one_pass(amap, read, torch.tensor([queries]), _shift(amap), windows, "reading heads")
        self.shares &= not bool(one.no_shares.any())
        for head, (place, rows) in enumerate(zip(one.of["sink"][0].tolist(), one.of["rows"][0].tolist(), strict=True)):
            if place == place:  # NaN is no place
                self.sinks[head][place] += rows
        for name, values in one.of.items():
            known = STATISTICS.get(name)
            self.of[name] += values[0] * one.of["rows"][0] if known and known.over == "text" else values[0]
        if one.shift is not None:
            self._add_offsets(one.offsets[0], one.lowest)

    def _add_offsets(self, mass: Tensor, lowest: int) -> None:
        """Mass by offset, of a map that may have others than those before."""
        first = min(lowest, self.lowest)
        size = max(lowest + mass.shape[1], self.lowest + self.offsets.shape[1]) - first
        both = mass.new_zeros(len(mass), size)
        for part, start in ((self.offsets, self.lowest - first), (mass, lowest - first)):
            both[:, start : start + part.shape[1]] += part
        self.offsets, self.lowest = both, first

    def means(self, windows: Sequence[int]) -> dict[str, list[float]]:
        """Every statistic of each head, by its name in a table."""
        rows = self.of["rows"]
        of = {name: self.of[name] / rows if known.over == "text" else self.of[name] for name, known in STATISTICS.items()}
        of["sink"] = torch.tensor([max(places, key=lambda at: (places[at], -at), default=math.nan) for places in self.sinks])
        return {name: values.tolist() for name, values in means(self.of | of, self.offsets, self.lowest, windows).items()}


def _shift(amap: AttentionMap) -> int | None:
    """Row i stands at the position of key i + shift; None where rows and keys are not the same positions."""
    held, shown, factors = amap.view.held, amap.view.shown, amap.view.whole_factors
    later = held.keys - held.queries  # where the rows are the last ones of the text, by how much
    same = later == 0
    if 1 < held.queries < held.keys and factors is not None:
        # The last queries of a text, if none sees a key after its own.
        ends = [visible(factors.mask, 0, 0, range(at, at + 1), held.keys).stop for at in (0, len(held.rows) - 1)]
        same = ends == [held.rows[0] + later + 1, held.rows[-1] + later + 1]
    if amap.kind == "cross" or not same:
        return None
    if not all(isinstance(places, range) and places.step == 1 for places in (shown.rows, shown.columns)):
        return None
    return shown.rows[0] + later - shown.columns[0]
