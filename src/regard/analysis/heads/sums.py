"""One pass over maps, and what the rows of each head of each text add up to: the formulas of the statistics stand here, once.

Sums along diagonals say nearly everything about positions: the mass on the own key, on its neighbours, in a window, and how far
a head looks. Rows are read in blocks, and what is kept is O(n) numbers a head.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from regard.analysis.heads.keys import Keys, gini_of_some
from regard.analysis.heads.registry import LARGEST_MASS, LOCAL, in_table
from regard.analysis.heads.visibility import visible_counts
from regard.analysis.weighted.weighted_maps import HeadsTogether, Weighted
from regard.errors import ScoreError
from regard.maps.attention_map import AttentionMap
from regard.maps.grouped import GroupedWeights
from regard.maps.reading.parts import Rows

HELD = 0.9
"""Share of a row's mass that ``span_90`` holds."""

NEIGHBOURS = {"own": 0, "previous": -1, "next": 1}
"""Keys by their offset from the row's own."""

SEEN_ENOUGH = 1 / 3
"""A sink is looked for among keys that so many rows may see, of as many as see the key that most see."""


class Pass:
    """One pass over the maps of some texts.

    Args:
        amap: (texts, heads, queries, keys), padded on the right.
        keys: the tokens of its keys.
        rows: (texts,): queries without padding.
        shift: row i stands at the position of key i + shift; None where rows and keys are not the same positions.
        divided: (texts,): whose rows are no shares, and are divided by their mass; None where that is not known.

    Attributes:
        of: sums and numbers of rows by name, (texts, heads) each: of statistics, and of what their means are over.
        offsets: (texts, heads, offsets): mass by the offset from the row's own key.
        lowest: the first offset.
        no_shares: (texts,): whose rows are not, or were divided.
    """

    def __init__(self, amap: AttentionMap, keys: Keys, rows: Tensor, shift: int | None, divided: Tensor | None = None) -> None:
        texts, heads, queries, columns = amap.shape
        source = amap.view.source
        while isinstance(source, GroupedWeights):
            source = source.view.source
        known = isinstance(source, Weighted | HeadsTogether)  # lengths of vectors, and products with gradients
        self.divided = torch.full((texts,), known) if divided is None else divided
        self.no_shares = self.divided.clone()
        self.keys, self.shift, self.queries = keys, shift, queries
        self.of: defaultdict[str, Tensor] = defaultdict(lambda: torch.zeros(texts, heads, dtype=torch.float64))
        self.received = torch.zeros(texts, heads, columns, dtype=torch.float64)
        self.largest = torch.zeros(texts, heads, columns, dtype=torch.float64)  # of what one row gives to each key
        self.real = torch.arange(queries) < rows[:, None]  # (texts, queries)
        self.visible = visible_counts(amap, self.real)
        self.step = -(-rows * keys.lengths // keys.ranked)  # (texts,): from one row that is ranked to the next
        self.own = torch.arange(queries) + (shift or 0)  # the key at each row's own position
        self.lowest = -int(self.own[-1])
        self.offsets = torch.zeros(texts, heads, 0 if shift is None else queries + columns - 1, dtype=torch.float64)
        self.has: dict[str, Tensor] = {}  # which rows have such a key, (texts, queries)
        self.repeating = None
        if shift is not None:
            for name, offset in NEIGHBOURS.items():
                self.has[name] = (self.own + offset >= 0) & (self.own + offset < keys.lengths[:, None])
            self.repeating = keys.repeating(self.own)
        if self.repeating is not None:
            self.has["repeating"] = self.repeating
        self.always = [name for name, has in self.has.items() if bool((has | ~self.real).all())]  # need no counting

    def read(self, amap: AttentionMap, what: str | None) -> None:
        """Read the map's rows, behind a progress bar of this name.

        Raises:
            ScoreError: negative or NaN weights.
        """
        for block in amap.rows(entropy=True, progress=what):
            self.add(block)
        if not bool(self.of["entropy"].isfinite().all()):
            raise ScoreError(f"expected weights of at least 0, got negative or NaN ones in {amap!r}; statistics are of shares")

    def add(self, block: Rows) -> None:
        """Add some whole rows."""
        b, h, q, columns = block.batch, block.heads, block.queries, block.columns
        weights, real = block.weights, self.real[b, None, q]  # (texts, heads, rows, columns), (texts, 1, rows)
        padded = not bool(real.all())
        if padded:
            weights = weights.masked_fill(~real[..., None].to(weights.device), 0)
        mass, found = self.keys.mass(weights, columns)
        seeing = mass > 0
        self.no_shares[b] |= (mass > LARGEST_MASS).flatten(1).any(1)
        nats = torch.zeros_like(mass) if block.entropy is None else block.entropy.to("cpu", torch.float64)
        if padded:
            nats = torch.where(real, nats, 0)
        spread = torch.where(seeing, nats / mass + mass.log(), -math.inf)  # the entropy of the row divided by its mass
        if bool(self.divided[b].any()):
            found["undivided_mass"] = mass.sum(-1)
            by = torch.where(seeing & self.divided[b, None, None], mass, 1)
            weights = weights / by[..., None].to(weights)
            mass, divided = self.keys.mass(weights, columns)
            found |= divided
            nats = torch.where(self.divided[b, None, None] & seeing, spread, nats)
        keys = self.visible.keys[b, h if self.visible.keys.shape[1] > 1 else slice(1), q]
        several = seeing & (keys > 1)
        found |= {
            "rows": seeing.sum(-1),
            "masked_rows": (real & ~seeing).sum(-1),
            "entropy": nats.sum(-1),
            "evenness": torch.where(several, spread / keys.clamp(min=2).double().log(), 0).sum(-1),
            "rows_several": several.sum(-1),
            "span": spread.exp().sum(-1),
        }
        for name, has in self.has.items():
            found[f"rows_{name}"] = found["rows"] if name in self.always else (seeing & has[b, None, q]).sum(-1)
        found["span_90"], found["rows_ranked"] = self._ranked(weights, seeing, b, q)
        if self.repeating is not None and bool(self.repeating[b, q].any()):
            found["duplicate"], found["induction"] = self.keys.repeated(weights, b, self.own[q], columns)
        for name, values in found.items():
            self.of[name][b, h] += values
        self.received[b, h, columns] += weights.sum(2).to("cpu", torch.float64)
        largest = self.largest[b, h, columns]
        torch.maximum(largest, weights.amax(2).to("cpu", torch.float64), out=largest)
        if self.shift is not None:
            # The diagonals of the block among those of the map: both begin at the first key of their last row.
            start = columns.start + self.queries - q.stop
            diagonals = diagonal_sums(weights.flatten(0, 1)).unflatten(0, weights.shape[:2]).to("cpu", torch.float64)
            self.offsets[b, h, start : start + diagonals.shape[2]] += diagonals

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

    def close(self, windows: Sequence[int]) -> None:
        """What follows from the sums over all rows."""
        of, rows = self.of, self.of["rows"]
        of.update(self.keys.received(self.received))
        if "undivided_mass" in of:
            of["mass"] = of.pop("undivided_mass")
        of["keys"] = self.keys.lengths[:, None].double().expand_as(rows)
        of["received_gini"] = self.keys.gini(self.received)
        seen = self.visible.rows
        of["received_per_row_gini"] = gini_of_some(self.received / seen.clamp(min=1), seen > 0)
        of["sink"], of["sink_mass"] = self._sinks()
        there = {"", "names"} if self.keys.named else {""}
        if self.shift is not None:
            there.add("positions")
            offsets = torch.arange(self.lowest, self.lowest + self.offsets.shape[2])
            of["distance"] = self.offsets @ offsets.abs().double()
            for name, offset in NEIGHBOURS.items():
                of[name] = self.offsets[..., offsets == offset].sum(-1)
            for window in windows:
                of[f"{LOCAL}{window}"] = self.offsets[..., offsets.abs() < window].sum(-1)
        if self.repeating is not None:
            there.add("repeats")
            of["repeats"] = of["rows_repeating"]
        for name, known in in_table(windows).items():
            if known.needs not in there:
                of[name] = torch.full_like(rows, math.nan)

    def _sinks(self) -> tuple[Tensor, Tensor]:
        """The key that takes most from the rows that may see it, one of them left out; and how much: (texts, heads) each."""
        seen = self.visible.rows
        enough = (seen >= 2) & (seen >= SEEN_ENOUGH * seen.amax(-1, keepdim=True))
        taken = torch.where(enough, (self.received - self.largest) / (seen - 1).clamp(min=1), -math.inf)
        most, at = taken.max(-1)
        somewhere = enough.any(-1)
        return torch.where(somewhere, at.double(), math.nan), torch.where(somewhere, most, math.nan)


def one_pass(amap: AttentionMap, keys: Keys, rows: Tensor, shift: int | None, windows: Sequence[int], what: str | None) -> Pass:
    """One pass over the maps of some texts; a second where rows turn out to be no shares, to divide them by their mass.

    Args:
        amap: as for ``Pass``.
        keys: as for ``Pass``.
        rows: as for ``Pass``.
        shift: as for ``Pass``.
        windows: widths in which mass is local.
        what: name of the progress bar; None for none.

    Raises:
        ScoreError: negative or NaN weights.
    """
    one = Pass(amap, keys, rows, shift)
    one.read(amap, what)
    if not torch.equal(one.no_shares, one.divided):
        one = Pass(amap, keys, rows, shift, divided=one.no_shares)
        one.read(amap, what)
    one.close(windows)
    return one


def means(of: Mapping[str, Tensor], offsets: Tensor, lowest: int, windows: Sequence[int]) -> dict[str, Tensor]:
    """Every statistic by its name in a table, from sums over rows: NaN where there are none, or it has no meaning.

    Args:
        of: sums and numbers of rows by name, as ``Pass`` has them: (…, heads).
        offsets: mass by offset, (…, heads, offsets); none where there are no positions.
        lowest: the first offset.
        windows: widths in which mass is local.
    """
    rows = of["rows"]
    found = {name: of.get(name, torch.zeros_like(rows)) for name in in_table(windows)}
    if offsets.shape[-1]:
        most, at = offsets.max(-1)
        meaningless = of["own"].isnan()
        found["offset"] = (lowest + at).double().masked_fill(meaningless, math.nan)
        found["offset_mass"] = most.masked_fill(meaningless, math.nan)
    for name, known in in_table(windows).items():
        if known.over == "text":
            found[name] = torch.where(rows > 0, found[name], math.nan)
        elif known.over is not None:
            found[name] = found[name] / of[known.over]
    return found


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


def fewest_keys(weights: Tensor) -> Tensor:
    """How many of the largest weights of each row hold HELD of its mass; to one part in a million."""
    if weights.device.type == "cpu":  # numpy's kernel takes a tenth of the time of PyTorch's
        ranked = torch.from_numpy(np.sort(weights.detach().numpy(), axis=-1)).flip(-1)
    else:
        ranked = weights.sort(-1, descending=True).values
    held = ranked.cumsum(-1, dtype=torch.float64)
    return ((held < HELD * (1 - 1e-6) * held[..., -1:]).sum(-1) + 1).cpu()
