"""Queries and keys as few bits as a page can do with: balanced, rounded, and held against the exact map."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.maps.attention_map import AttentionMap
from regard.maps.factors import Factors
from regard.maps.softmax_weights import SoftmaxWeights
from regard.maps.view import MapData, MapView
from regard.positions import Positions, take
from regard.viewer.answers.packing import pack
from regard.viewer.page.mask_runs import Runs, runs_of

MOST_ERROR = 2e-3
"""Of a weight that a page shows, against the recorded one."""

Precision = tuple[str, int]
PRECISIONS: dict[str, Precision] = {"int12": ("int12p", 2047), "int16": ("int16p", 32767), "float32": ("float32", 0)}
"""How factors are kept: as codes of a type, the largest of them; float32 as they are."""

COARSE: Precision = ("int12p", 1447)
"""Half a bit less, which large pages save where weights allow it."""

MARGIN_BITS, STEP_BITS, DENOMINATOR_STEPS = 12, 5, 2.0**21
"""Where factors are rounded, what goes with them need not be exact to the last bit: bits after the point of margins and
steps, and steps of denominators in 1, of which a row's sum is off by a quarter of a millionth. Zeros at their ends take no room
when compressed."""

Page = tuple[Factors, dict[str, NDArray[Any]], dict[str, str]]
"""Factors that a reader of the page has, the arrays that say so, and which of these are planes of codes."""


@dataclass(frozen=True)
class PageFactors:
    """The factors of a map of one sequence, in float32 and on the CPU.

    Attributes:
        source: (1, heads, queries, all keys): denominators run over keys that the map may not show.
        columns: the keys that it shows.
        runs: what the mask shows of them; None for everything.
        bias: by name as the page knows it, "bias" or "bias_relative"; empty where there is none.
    """

    source: Factors
    columns: Positions
    runs: Runs | None
    bias: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, amap: AttentionMap) -> "PageFactors":
        """Those of a map of factors."""
        given, columns = amap.factors, amap.view.keys
        if given is None:
            raise TypeError(f"expected a map of factors, got {amap!r}")
        source = Factors(
            query=_plain(given.query),
            key=_plain(given.key),
            scale=float(given.scale),
            mask=given.mask,
            bias=None if given.bias is None else _plain(given.bias),
            softcap=None if given.softcap is None else float(given.softcap),
            sinks=None if given.sinks is None else _plain(given.sinks),
        )
        runs = None if given.mask is None else runs_of(given.mask, *amap.shape[1:3], columns)
        return cls(source, columns, runs, {} if source.bias is None else _bias_arrays(source.bias, source.shape, columns))

    @property
    def nbytes(self) -> int:
        """Bytes of queries and shown keys in float32."""
        heads, queries, dim = self.source.query.shape[1:]
        return 4 * dim * (heads * queries + self.source.key.shape[1] * len(self.columns))

    @property
    def other_bytes(self) -> int:
        """Bytes of what no precision changes."""
        return sum(array.nbytes for array in self.bias.values()) + (self.runs.nbytes if self.runs else 0)

    def packed(
        self, exact: AttentionMap, precisions: Sequence[Precision], margins: dict[str, NDArray[Any]]
    ) -> tuple[bytes, float]:
        """The page's bytes, and the largest error of a weight.

        Args:
            exact: what the weights are held against.
            precisions: how factors may be kept; the first that keeps within MOST_ERROR is taken, or the last.
            margins: exact ones, to be carried along.
        """
        for way in precisions:
            page, error = self._rounded(exact, *way)
            if error <= MOST_ERROR:
                break
        source, arrays, planes = page
        if planes:
            margins = {name: _shortened(array, MARGIN_BITS) for name, array in margins.items()}
        if source.sinks is not None:
            arrays["sinks"] = source.sinks.numpy()
        arrays |= self.bias | (self.runs.arrays() if self.runs else {}) | margins
        meta = {
            "kind": "factors",
            "heads": source.shape[1],
            "kvHeads": source.key.shape[1],
            "queries": source.shape[2],
            "keys": len(self.columns),
            "dim": source.query.shape[3],
            "scale": source.scale,
            "softcap": source.softcap,
        }
        return pack(meta, arrays, planes), error

    def _rounded(self, exact: AttentionMap, dtype: str, most: int) -> tuple[Page, float]:
        """What a page says and a reader computes from, and the largest error of its weights; ``most`` is 0 for float32."""
        source = self.source
        planes: dict[str, str] = {}
        arrays: dict[str, NDArray[Any]] = {"query": source.query[0].numpy()}
        arrays["key"] = take(source.key, 2, self.columns)[0].numpy()
        if most:
            planes = {"query": dtype, "key": dtype}
            (query, query_step), (key, key_step) = (_codes(factor, most) for factor in _balanced(source))
            for axis, codes, steps, shown in (
                ("query", query, query_step, range(query.shape[2])),
                ("key", key, key_step, self.columns),
            ):
                arrays[axis] = take(codes, 2, shown)[0].to(torch.int16).numpy()
                arrays[f"{axis}_step"] = take(steps, 2, shown)[0, :, :, 0].numpy()
            source = replace(source, query=query * query_step, key=key * key_step)
        page = _map_of(source, self.columns)
        denominators = page.view.exact_denominators()  # in the page, too, they meet scores in double precision
        if most:
            denominators = (denominators * DENOMINATOR_STEPS).round_() / DENOMINATOR_STEPS
        arrays["logsumexp"] = denominators[0].numpy()
        return (source, arrays, planes), _largest_error(exact, page)


def _balanced(source: Factors) -> tuple[Tensor, Tensor]:
    """The same products from factors that round better: each channel as large in the keys as in the queries that read them.

    Without a softcap or sinks, the keys' mean goes too: it adds one number to all scores of a row, which softmax forgets.
    """
    key = source.key
    if source.softcap is None and source.sinks is None:
        key = key - key.mean(2, keepdim=True)
    grouped = source.query.unflatten(1, (key.shape[1], -1))  # (1, kv_heads, group, queries, dim)
    of_queries, of_keys = grouped.abs().amax((2, 3)), key.abs().amax(2)  # (1, kv_heads, dim)
    ratio = (of_keys / of_queries).sqrt()
    ratio = torch.where(ratio.isfinite() & (ratio > 0), ratio, 1.0)
    return (grouped * ratio[:, :, None, None]).flatten(1, 2), key / ratio[:, :, None]


def _codes(values: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Whole numbers up to ``most`` and the step of each vector, (…, dim) and (…, 1)."""
    step = values.abs().amax(-1, keepdim=True) / most
    zeros = (1 << (23 - STEP_BITS)) - 1
    step = ((step.view(torch.int32) + zeros) & ~zeros).view(torch.float32)  # upwards, so that no code is above the most
    return torch.where(step > 0, values / step, 0).round_(), step


def _shortened(array: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """The nearest numbers with so many bits after the point."""
    zeros = (1 << (23 - bits)) - 1
    made: NDArray[np.float32] = ((array.view(np.int32) + (zeros + 1) // 2) & ~zeros).view(np.float32)
    return made


def _map_of(factors: Factors, columns: Positions) -> AttentionMap:
    batch, heads, queries, _ = map(range, factors.shape)
    return AttentionMap.from_data(MapData(MapView(SoftmaxWeights(factors), batch, heads, queries, columns)))


def _largest_error(exact: AttentionMap, shown: AttentionMap) -> float:
    """The largest difference of two weights, from one pass over both maps."""
    worst = 0.0
    for rows in exact.rows(progress="checking the page"):
        # What a block does not show is hidden in both maps: their masks are one.
        other = shown.select(heads=rows.heads, queries=rows.queries, keys=rows.columns)[...]
        if other.numel():
            worst = max(worst, float((rows.weights.cpu() - other).abs().max()))
    return worst


def _bias_arrays(bias: Tensor, shape: tuple[int, int, int, int], columns: Positions) -> dict[str, NDArray[Any]]:
    """The bias as the page keeps it: by distance where it depends on that alone."""
    shown = (take(bias, 3, columns) if bias.shape[3] > 1 else bias)[0]
    _, queries, keys = shown.shape
    whole = (queries, keys) == (shape[2], len(columns)) and min(queries, keys) > 1
    if whole and all(torch.equal(one[1:, 1:], one[:-1, :-1]) for one in shown):
        by_distance = torch.cat([shown[:, 1:, 0].flip(1), shown[:, 0]], 1)  # key − query, ascending
        return {"bias_relative": by_distance.numpy()}
    return {"bias": shown.numpy()}


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32)
