"""Edges hidden in one call: of one site, and of several that hide keys from the same queries."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from regard.errors import OptionError
from regard.interventions.changes import Change
from regard.interventions.met import Met
from regard.interventions.sites import Edges
from regard.recording.hiding import hide


class Hidden(NamedTuple):
    """What one site hides in one call."""

    sequences: range
    keys: Tensor  #: (sequences, keys)
    queries: Tensor  #: (sequences, queries)
    heads: list[int]


def hide_edges(met: Met, seen: Tensor, changes: Sequence[Change], by: object) -> None:
    """Hide keys from queries, in place, in an output (batch, heads, queries, dim), by an observer that alone changes them."""
    every, sums = [_of(met, seen, change, by) for change in changes], met.call.row_sums()
    if _are_apart([one.sequences for one in every]):
        for one in every:
            part = slice(one.sequences.start, one.sequences.stop)
            amap, own = met.amap.select(batch=one.sequences), None if sums is None else sums[part]
            hide(seen[part], amap, met.value[part], one.keys, one.queries, one.heads, own)
        return
    for item in range(len(seen)):
        amap, value = met.amap.select(batch=item), met.value[item : item + 1]
        own = None if sums is None else sums[item : item + 1]
        for head in range(seen.shape[1]):
            mine = [one for one in every if item in one.sequences and head in one.heads]
            if mine:
                for keys, queries in _together([(one.keys[one.sequences.index(item)], one) for one in mine], item):
                    hide(seen[item : item + 1], amap, value, keys[None], queries[None], [head], own)


def _of(met: Met, seen: Tensor, change: Change, by: object) -> Hidden:
    site = change.site
    if not isinstance(site, Edges):
        raise OptionError(f"site: expected edges, got {site}; edges(keys, queries)")
    rows, columns = met.places
    keys, queries = change.chosen(site.keys, columns), change.chosen(site.queries, rows)
    heads = list(range(seen.shape[1]))
    if site.heads is not None:
        heads = [head for layer, head in site.heads if layer == met.place.layer]
        if wrong := [head for head in heads if head >= seen.shape[1]]:
            raise OptionError(
                f"expected heads from 0 to {seen.shape[1] - 1} in {met.place.kind} layer {met.place.layer}, got {wrong[0]}"
            )
    change.met = change.met or bool(keys.any() & queries.any())
    sequences = range(*change.sequences.indices(len(seen)))
    losing = torch.zeros(len(seen), seen.shape[2], dtype=torch.bool, device=queries.device)
    losing[sequences.start : sequences.stop] = queries
    heads = met.call.changed.hidden(heads, losing, by, f"{met.place.kind} layer {met.place.layer}")
    return Hidden(sequences, keys, queries, heads)


def _are_apart(ranges: Sequence[range]) -> bool:
    """Whether no sequence is in two of them."""
    ordered = sorted(ranges, key=lambda one: one.start)
    return all(one.stop <= after.start for one, after in pairwise(ordered))


def _together(mine: Sequence[tuple[Tensor, Hidden]], item: int) -> list[tuple[Tensor, Tensor]]:
    """The keys that are hidden from queries of one sequence, and these queries: each query once."""
    which = torch.stack([one.queries[one.sequences.index(item)] for _, one in mine], 1)  # (queries, sites)
    keys = torch.stack([keys for keys, _ in mine])  # (sites, keys)
    return [(keys[pattern].any(0), (which == pattern).all(1)) for pattern in which.unique(dim=0) if bool(pattern.any())]
