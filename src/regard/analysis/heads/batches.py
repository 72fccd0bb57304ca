"""The statistics of every text of a batch at once: those of ``head_statistics`` on each text alone.

Short texts come many at a time, padded on the right to one length; one by one, their maps would cost more in calls than in
numbers. Rows are read in blocks, so that a long text needs O(n) memory here too.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from regard.analysis.heads.sums import diagonal_sums, fewest_keys, gini
from regard.errors import RecordingError, ScoreError
from regard.maps.attention_map import AttentionMap
from regard.maps.reading.parts import Rows

RANKED = 2**16
"""Weights of a head that are ranked for ``span_90`` on one text: all of them up to 256 tokens, evenly chosen rows of longer
texts. Ranking them all would take longer than the model."""


class Axis(NamedTuple):
    """The tokens of one side of a batch's maps, padded on the right."""

    lengths: Tensor  #: (texts,): tokens without padding
    ids: Tensor  #: (texts, positions)
    kinds: Tensor  #: (texts, positions, 2): 1 where a token is special, and where it is punctuation
    repeats: Tensor  #: (texts, positions): whether the token has occurred before


def sentence_statistics(amap: AttentionMap, rows: Tensor, keys: Axis, names: Sequence[str], windows: Sequence[int]) -> Tensor:
    """Statistics of each head on each text, by the formulas of ``head_statistics``.

    Args:
        amap: (texts, heads, queries, keys), padded on the right.
        rows: (texts,): queries without padding.
        keys: the tokens of the keys.
        names: the statistics, in the order wanted.
        windows: widths in which mass is local.

    Returns:
        (texts, heads, statistics) in float64; NaN where a statistic has no meaning.

    Raises:
        RecordingError: the map's axes are not the tokens of the batch.
        ScoreError: negative or NaN weights.
    """
    wanted = (len(rows), int(rows.max()), keys.ids.shape[1])
    if (amap.shape[0], *amap.shape[2:]) != wanted:
        raise RecordingError(
            f"expected maps (texts={wanted[0]}, heads, queries={wanted[1]}, keys={wanted[2]}), got {amap!r}: its axes are not "
            "the tokens of the texts; record such a model text by text: regard.record(model)"
        )
    found = _Pass(amap, rows, keys)
    for block in amap.rows(entropy=True, progress=None):  # no bar of its own: a survey has one
        found.add(block)
    if not bool(found.of["entropy"].isfinite().all()):
        raise ScoreError(f"expected weights of at least 0, got negative or NaN ones in {amap!r}; statistics are of shares")
    values = found.means(windows)
    return torch.stack([values[name] for name in names], -1)


class _Pass:
    """One pass over the maps of a batch."""

    def __init__(self, amap: AttentionMap, rows: Tensor, keys: Axis) -> None:
        texts, heads, queries, columns = amap.shape
        self.queries, self.keys = queries, keys
        self.of: defaultdict[str, Tensor] = defaultdict(lambda: torch.zeros(texts, heads, dtype=torch.float64))
        self.received = torch.zeros(texts, heads, columns, dtype=torch.float64)
        self.positions = amap.kind != "cross" and queries == columns and bool((rows == keys.lengths).all())
        self.offsets = torch.zeros(texts, heads, queries + columns - 1 if self.positions else 0, dtype=torch.float64)
        self.real = torch.arange(queries) < rows[:, None]  # (texts, queries)
        self.step = -(-rows * keys.lengths // RANKED)  # (texts,): from one row that is ranked to the next
        places = torch.arange(queries)
        self.has_place = {
            "previous": (places > 0).expand(texts, -1),
            "next": places + 1 < keys.lengths[:, None],
            "repeating": keys.repeats[:, :queries] if self.positions else self.real,
        }

    def add(self, block: Rows) -> None:
        """Add some whole rows."""
        b, h, q, columns = block.batch, block.heads, block.queries, block.columns
        real = self.real[b, None, q]  # (texts, 1, rows)
        weights = block.weights  # (texts, heads, rows, columns)
        if not bool(real.all()):
            weights = weights.masked_fill(~real[..., None].to(weights.device), 0)
        mass = weights.sum(-1).to("cpu", torch.float64)
        seeing = mass > 0
        nats = torch.zeros_like(mass) if block.entropy is None else block.entropy.to("cpu", torch.float64)
        nats = torch.where(real, nats, 0)
        spread = torch.where(seeing, nats / mass + mass.log(), -math.inf).exp()
        found = {"rows": seeing.sum(-1), "unseeing": (real & ~seeing).sum(-1), "entropy": nats.sum(-1), "span": spread.sum(-1)}
        for name, has in self.has_place.items():
            found[f"rows_{name}"] = (seeing & has[b, None, q]).sum(-1)
        found["span_90"], found["rows_ranked"] = self._ranked(weights, seeing, b, q)
        if self.positions:
            if bool(self.has_place["repeating"][b, q].any()):
                found["duplicate"], found["induction"] = self._repeated(weights, b, q, columns)
            # The diagonals of the block among those of the map: both begin at the first key of their last row.
            start = columns.start + self.queries - q.stop
            diagonals = diagonal_sums(weights.flatten(0, 1)).unflatten(0, weights.shape[:2]).to("cpu", torch.float64)
            self.offsets[b, h, start : start + diagonals.shape[2]] += diagonals
        self.received[b, h, columns] += weights.sum(2).to("cpu", torch.float64)
        for name, values in found.items():
            self.of[name][b, h] += values

    def _ranked(self, weights: Tensor, seeing: Tensor, b: slice, q: slice) -> tuple[Tensor, Tensor]:
        """Sum of the fewest keys over the rows that are ranked, and how many these are: (texts, heads) each."""
        ranked = torch.arange(q.start, q.stop) % self.step[b, None] == 0  # (texts, rows)
        some = ranked.any(0)
        if not bool(some.any()):
            return torch.zeros(seeing.shape[:2]), torch.zeros(seeing.shape[:2])
        if not bool(some.all()):
            weights, seeing, ranked = weights[:, :, some.to(weights.device)], seeing[:, :, some], ranked[:, some]
        counted = seeing & ranked[:, None]
        return torch.where(counted, fewest_keys(weights), 0).sum(-1), counted.sum(-1)

    def _repeated(self, weights: Tensor, b: slice, q: slice, columns: slice) -> tuple[Tensor, Tensor]:
        """Mass on earlier equal tokens, and on what came after them: (texts, heads) each."""
        ids = self.keys.ids[b].int()
        own, key = torch.arange(q.start, q.stop)[:, None], torch.arange(columns.start, columns.stop)
        now = ids[:, q, None]
        earlier = ids.new_full((len(ids), len(key) + 1), -1)  # the keys, and the one before them: (texts, 1 + columns)
        earlier[:, 1 - min(columns.start, 1) :] = ids[:, max(columns.start - 1, 0) : columns.stop]
        equal = (earlier[:, None, 1:] == now) & (key < own)  # (texts, rows, columns)
        after = (earlier[:, None, :-1] == now) & (key <= own)
        places = torch.stack([equal, after], -1).to(weights.device, weights.dtype)
        found = torch.einsum("thrc,trcp->thrp", weights, places).to("cpu", torch.float64).sum(2)
        return found[..., 0], found[..., 1]

    def means(self, windows: Sequence[int]) -> dict[str, Tensor]:
        """Every statistic, (texts, heads) each."""
        of, rows = self.of, self.of["rows"]
        nothing = torch.full_like(rows, math.nan)
        kinds = (self.received[..., None] * self.keys.kinds[:, None]).sum(2)  # (texts, heads, 2)
        sums = {"mass": self.received.sum(-1), "entropy": of["entropy"], "span": of["span"], "first": self.received[..., 0]}
        sums |= {"special": kinds[..., 0], "punctuation": kinds[..., 1]}
        found = {name: total / rows for name, total in sums.items()}
        found |= {"rows": rows, "unseeing": of["unseeing"], "span_90": of["span_90"] / of["rows_ranked"]}
        found["keys"] = torch.where(rows > 0, self.keys.lengths[:, None].double(), math.nan)
        found["received_gini"] = torch.where(rows > 0, self._gini(), math.nan)
        positional = ("distance", "own", "previous", "next", "offset", "offset_mass", "repeats", "duplicate", "induction")
        found |= dict.fromkeys((*positional, *(f"local_{window}" for window in windows)), nothing)
        if not self.positions:
            return found
        lowest = 1 - self.queries
        offsets = torch.arange(lowest, lowest + self.offsets.shape[2])
        best, at = self.offsets.max(-1)
        found["distance"] = self.offsets @ offsets.abs().double() / rows
        found["offset"] = torch.where(rows > 0, offsets[at].double(), math.nan)
        found["offset_mass"] = best / rows
        found["own"] = self.offsets[..., -lowest] / rows
        for name, offset in (("previous", -1), ("next", 1)):
            place = offset - lowest
            there = 0 <= place < self.offsets.shape[2]
            found[name] = self.offsets[..., place] / of[f"rows_{name}"] if there else nothing
        found["repeats"] = of["rows_repeating"] / rows
        found["duplicate"] = of["duplicate"] / of["rows_repeating"]
        found["induction"] = of["induction"] / of["rows_repeating"]
        for window in windows:
            found[f"local_{window}"] = self.offsets[..., offsets.abs() < window].sum(-1) / rows
        return found

    def _gini(self) -> Tensor:
        """Gini coefficients of what the real keys receive: padding received nothing, stands first in order, is taken out."""
        columns = self.received.shape[2]
        real = self.keys.lengths[:, None]
        padded = gini(self.received.flatten(0, 1)).view(self.received.shape[:2])
        return torch.where(self.received.sum(-1) > 0, (padded * columns - (columns - real)) / real, 0)
