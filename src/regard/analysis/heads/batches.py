"""The statistics of every text of a batch at once: those of ``head_statistics`` on each text alone.

Short texts come many at a time, padded on the right to one length; one by one, their maps would cost more in calls than in
numbers. Rows are read in blocks, so that a long text needs O(n) memory here too.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from regard.analysis.heads.keys import PaddedKeys
from regard.analysis.heads.registry import in_table
from regard.analysis.heads.sums import means, one_pass
from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap


def batch_statistics(amap: AttentionMap, rows: Tensor, keys: PaddedKeys, windows: Sequence[int]) -> Tensor:
    """Statistics of each head on each text, by the formulas of ``head_statistics``.

    Args:
        amap: (texts, heads, queries, keys), padded on the right.
        rows: (texts,): queries without padding.
        keys: the tokens of the keys.
        windows: widths in which mass is local.

    Returns:
        (texts, heads, statistics) in float64, in the order of ``in_table``; NaN where a statistic has no meaning.

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
    same = amap.kind != "cross" and amap.shape[2] == amap.shape[3] and bool((rows == keys.lengths).all())
    one = one_pass(amap, keys, rows, 0 if same else None, windows, None)  # without a bar of its own: a survey has one
    found = means(one.of, one.offsets, one.lowest, windows)
    return torch.stack([found[name] for name in in_table(windows)], -1)
