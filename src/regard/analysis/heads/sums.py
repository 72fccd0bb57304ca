"""One pass over a map, and what the rows of each head add up to.

Sums along diagonals say nearly everything about positions: the mass on the own key, on its neighbours, in a window, and how far
a head looks. Earlier equal tokens are looked up in a sorted list, so the matrix of equal pairs is never made. What is kept is
O(n) numbers a head.
"""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from regard.errors import ScoreError, ShapeError
from regard.maps.attention_map import AttentionMap
from regard.maps.reading.parts import Rows
from regard.masks.extents import visible
from regard.tokens.special import is_special

HELD = 0.9
"""Share of a row's mass that ``span_90`` holds."""

RANKED = 2**23
"""Weights a head that are ranked for ``span_90``: all of them up to 2,896 tokens, evenly chosen rows of longer maps."""


class HeadSums:
    """What the rows of one module's maps add up to, for each head: sums, and how many rows each is over."""

    def __init__(self, heads: int) -> None:
        self.of: defaultdict[str, Tensor] = defaultdict(lambda: torch.zeros(heads, dtype=torch.float64))
        self.offsets = torch.zeros(heads, 0, dtype=torch.float64)  # (heads, offsets): mass by distance to the own key
        self.lowest = 0  # the first offset

    def mean(self, name: str, head: int, over: str = "rows") -> float:
        """A sum by the number of its rows; NaN where there are none, or where it has no meaning."""
        count = float(self.of[over][head])
        return float(self.of[name][head]) / count if count else math.nan

    def best_offset(self, head: int) -> tuple[float, float]:
        """The offset with the most mass, and its mean over all rows; NaN where a map has no offsets."""
        rows = float(self.of["rows"][head])
        if not rows or math.isnan(float(self.of["own"][head])):
            return math.nan, math.nan
        best = int(self.offsets[head].argmax())
        return float(self.lowest + best), float(self.offsets[head, best]) / rows

    def add_offsets(self, mass: Tensor, lowest: int) -> None:
        """Mass by offset, of a map that may have others than those before."""
        first = min(lowest, self.lowest)
        size = max(lowest + mass.shape[1], self.lowest + self.offsets.shape[1]) - first
        both = mass.new_zeros(len(mass), size)
        for part, start in ((self.offsets, self.lowest - first), (mass, lowest - first)):
            both[:, start : start + part.shape[1]] += part
        self.offsets, self.lowest = both, first


def add_map(
    sums: HeadSums,
    amap: AttentionMap,
    labels: Sequence[Any] | None,
    special: Collection[str] | None,
    windows: Sequence[int],
) -> None:
    """Add the map of one sequence to the sums, in one pass.

    Args:
        sums: what its rows are added to.
        amap: (1, heads, queries, keys).
        labels: what its keys are called, or their ids.
        special: the names of tokens that stand for no text; known by themselves where not given.
        windows: widths in which mass is local.
    """
    if labels is not None and len(labels) != amap.shape[3]:
        raise ShapeError(f"expected {amap.shape[3]} labels, one a key of {amap!r}, got {len(labels)}")
    if amap.shape[2] == 0 or amap.shape[3] == 0:
        sums.of["unseeing"] += amap.shape[2]
        return
    one = _Pass(amap, labels, special)
    for block in amap.rows(entropy=True, progress="reading heads"):
        one.add(block)
    if not bool(one.of["entropy"].isfinite().all()):
        raise ScoreError(f"expected weights of at least 0, got negative or NaN ones in {amap!r}; statistics are of shares")
    one.close(windows)
    for name, values in one.of.items():
        sums.of[name] += values
    if one.shift is not None:
        sums.add_offsets(one.offsets, one.lowest)


class _Pass:
    """One pass over one map."""

    def __init__(self, amap: AttentionMap, labels: Sequence[Any] | None, special: Collection[str] | None) -> None:
        _, self.heads, self.queries, self.keys = amap.shape
        self.of: defaultdict[str, Tensor] = defaultdict(lambda: torch.zeros(self.heads, dtype=torch.float64))
        self.received = torch.zeros(self.heads, self.keys, dtype=torch.float64)
        self.offsets = torch.zeros(self.heads, self.queries + self.keys - 1, dtype=torch.float64)
        self.shift = _shift(amap)
        self.own = torch.arange(self.queries) + (self.shift or 0)  # the key at each row's own position
        self.lowest = -int(self.own[-1])  # the offset of the first key from the last row
        steps = {"own": 0, "previous": -1, "next": 1}
        places = {name: (self.own + step >= 0) & (self.own + step < self.keys) for name, step in steps.items()}
        self.repeats = None
        if labels is not None and self.shift is not None and bool(places["own"].all()):
            self.repeats = _Repeats(labels)
            places["repeating"] = self.repeats.count[self.own] > 0
        self.places = list(places)
        self.has_place = torch.stack(list(places.values()), 1).double()  # (queries, places)
        self.named = labels is not None and all(isinstance(label, str) for label in labels)
        kinds = kinds_of_keys(labels or (), special) if self.named else [torch.zeros(self.keys)] * 2
        self.kinds = torch.stack([torch.ones(self.keys), *kinds], 1)  # (keys, 3)
        self.kinds = self.kinds.to(amap.device, amap.dtype)
        self.step = -(-self.queries * self.keys // RANKED)  # from one row that is ranked to the next

    def add(self, block: Rows) -> None:
        """Add some whole rows."""
        weights, h, q, columns = block.weights[0], block.heads, block.queries, block.columns  # weights (heads, rows, columns)
        shares = (weights @ self.kinds[columns]).to("cpu", torch.float64)  # (heads, rows, 3)
        mass = shares[..., 0]
        seeing = mass > 0
        nats = torch.zeros_like(mass) if block.entropy is None else block.entropy[0].to("cpu", torch.float64)
        spread = torch.where(seeing, nats / mass + mass.log(), -math.inf).exp()
        found = {"rows": seeing.sum(1), "unseeing": (~seeing).sum(1), "entropy": nats.sum(1), "span": spread.sum(1)}
        found |= dict(zip(("mass", "special", "punctuation"), shares.sum(1).T, strict=True))
        found |= {
            f"rows_{name}": count for name, count in zip(self.places, (seeing.double() @ self.has_place[q]).T, strict=True)
        }
        if columns.start == 0:
            found["first"] = weights[..., 0].sum(1, dtype=torch.float64).cpu()
        ranked = torch.arange(q.start, q.stop) % self.step == 0
        if bool(ranked.any()):
            fewest = fewest_keys(weights[:, ranked.to(weights.device)])
            found["span_90"] = torch.where(seeing[:, ranked], fewest, 0).sum(1)
            found["rows_ranked"] = seeing[:, ranked].sum(1)
        if self.repeats is not None:
            rows, earlier = self.repeats.pairs(self.own[q])
            found["duplicate"] = _sum_at(weights, rows, earlier - columns.start)
            found["induction"] = _sum_at(weights, rows, earlier + 1 - columns.start)
        for name, values in found.items():
            self.of[name][h] += values
        self.received[h, columns] += weights.sum(1).to("cpu", torch.float64)
        if self.shift is not None:
            # The diagonals of the block among those of the map: both begin at the first key of their last row.
            start = columns.start + self.queries - q.stop
            diagonals = diagonal_sums(weights).to("cpu", torch.float64)
            self.offsets[h, start : start + diagonals.shape[1]] += diagonals

    def close(self, windows: Sequence[int]) -> None:
        """What follows from the sums over all rows."""
        of, rows = self.of, self.of["rows"]
        of["keys"], of["gini"] = self.keys * rows, gini(self.received) * rows
        if not self.named:
            of["special"] = of["punctuation"] = torch.full_like(rows, math.nan)
        if self.repeats is None:
            of["rows_repeating"] = of["duplicate"] = of["induction"] = torch.full_like(rows, math.nan)
        by_offset = self.offsets if self.shift is not None else torch.full_like(self.offsets, math.nan)
        offsets = torch.arange(self.lowest, self.lowest + by_offset.shape[1])
        of["distance"] = by_offset @ offsets.abs().double()
        for name, offset in (("own", 0), ("previous", -1), ("next", 1)):
            of[name] = by_offset[:, offsets == offset].sum(1)
        for window in windows:
            of[f"local_{window}"] = by_offset[:, offsets.abs() < window].sum(1)
        if self.shift is None:
            of["own"] = torch.full_like(rows, math.nan)


def diagonal_sums(weights: Tensor) -> Tensor:
    """Sums along the diagonals of (heads, rows, columns): (heads, rows + columns − 1), entry d is column − row = d − rows + 1.

    Rows are laid one after another with some room before each, and read again as rows that are longer by one: each then stands
    one place further to the left than the one above, and diagonals stand upright.
    """
    heads, rows, columns = weights.shape
    wide = rows + columns
    laid = weights.new_zeros(heads, rows * (wide + 1))
    laid[:, : rows * wide].view(heads, rows, wide)[..., rows:] = weights
    return laid.view(heads, rows, wide + 1).sum(1)[:, 1:-1]


class _Repeats:
    """Where the tokens of a sequence have occurred before."""

    def __init__(self, labels: Sequence[Any]) -> None:
        numbers: dict[Any, int] = {}
        ids = torch.tensor([numbers.setdefault(label, len(numbers)) for label in labels])
        places = torch.arange(len(ids))
        self.order = ids.argsort(stable=True)  # equal tokens stand together, the earliest first
        new = torch.ones(len(ids), dtype=torch.bool)
        new[1:] = ids[self.order].diff() != 0
        begins = torch.where(new, places, 0).cummax(0).values
        self.begin = torch.empty_like(places)  # where the run of a token's equals begins in the order
        self.count = torch.empty_like(places)  # how many of them are earlier
        self.begin[self.order], self.count[self.order] = begins, places - begins

    def pairs(self, own: Tensor) -> tuple[Tensor, Tensor]:
        """The rows, given by their own positions, and each earlier position with the same token: (pairs,), (pairs,)."""
        count = self.count[own]
        rows = torch.arange(len(own)).repeat_interleave(count)
        within = torch.arange(len(rows)) - (count.cumsum(0) - count)[rows]
        return rows, self.order[self.begin[own][rows] + within]


def _sum_at(weights: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Sum of (heads, rows, columns) over pairs of row and column, (heads,); nothing stands outside."""
    inside = (columns >= 0) & (columns < weights.shape[2])
    chosen = weights[:, rows[inside].to(weights.device), columns[inside].to(weights.device)]
    return chosen.sum(1, dtype=torch.float64).cpu()


def fewest_keys(weights: Tensor) -> Tensor:
    """How many of the largest weights hold HELD of each row's mass, (heads, rows); to one part in a million."""
    held = weights.sort(-1, descending=True).values.cumsum(-1, dtype=torch.float64)
    return ((held < HELD * (1 - 1e-6) * held[..., -1:]).sum(-1) + 1).cpu()


def gini(received: Tensor) -> Tensor:
    """Gini coefficient of each row of (heads, keys); 0 where there is nothing."""
    keys = received.shape[1]
    ranks = 2 * torch.arange(1, keys + 1, dtype=torch.float64) - keys - 1
    total = received.sum(1)
    return torch.where(total > 0, received.sort(1).values @ ranks / (keys * total), 0)


def kinds_of_keys(labels: Sequence[str], special: Collection[str] | None) -> list[Tensor]:
    """1 where a key is a special token, and where it is punctuation, each (keys,)."""
    stands_for_nothing = [is_special(label, special) for label in labels]
    marks = [not out and _is_punctuation(label) for label, out in zip(labels, stands_for_nothing, strict=True)]
    return [torch.tensor(stands_for_nothing).float(), torch.tensor(marks).float()]


def _is_punctuation(token: str) -> bool:
    """Whether a token is nothing but punctuation, beside its tokenizer's marks of words."""
    text = token.removeprefix("##").removesuffix("</w>").strip("▁Ġ ")
    return bool(text) and all(unicodedata.category(character).startswith("P") for character in text)


def _shift(amap: AttentionMap) -> int | None:
    """Row i stands at the position of key i + shift; None where rows and keys are not the same positions."""
    queries, keys = amap.view.queries, amap.view.keys
    of_rows, of_keys = amap.view.source.shape[2:]
    factors = amap.view.whole_factors
    same = of_rows == of_keys
    if 1 < of_rows < of_keys and factors is not None:  # the last queries of a text, if the first sees no later key
        same = visible(factors.mask, 0, 0, range(1), of_keys).stop == of_keys - of_rows + 1
    if amap.kind == "cross" or not same:
        return None
    if not all(isinstance(axis, range) and axis.step == 1 for axis in (queries, keys)):
        return None
    return queries[0] + of_keys - of_rows - keys[0]
