"""Which keys get the attention: of all rows that may see them, and of the last ones."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from regard.analysis.heads.visibility import visible_counts
from regard.arguments import whole_number
from regard.errors import OptionError, ShapeError
from regard.maps.attention_map import AttentionMap


class KeyStatistics(NamedTuple):
    """A key, in the mean of some heads."""

    key: int
    text: str
    received: float  #: mean weight from the rows that may see it
    last: float  #: mean weight from the last rows
    first_in: int  #: how many of the heads give it more than any other key


@torch.no_grad()
def strongest_keys(maps: Sequence[AttentionMap], *, last: int = 1) -> list[KeyStatistics]:
    """received_k = mean over heads of Σ_i w_ik / #{i that may see k}: every key, the strongest first; one pass over each map.

    Without the quotient early keys of a causal text would win for being seen by more rows. Padding is in nothing.

    Args:
        maps: of one sequence and the same keys, such as the layers of a recording; all of their heads count the same.
        last: how many last rows are looked at by themselves.

    Raises:
        OptionError: no maps, or no such number of rows; ShapeError: several sequences, or maps of several sizes.

    Example:
        >>> amap = AttentionMap.from_dense(torch.tensor([[1.0, 0.0], [0.75, 0.25]]))
        >>> [(one.key, one.received, one.last) for one in strongest_keys([amap])]
        [(0, 0.875, 0.75), (1, 0.25, 0.25)]
    """
    if not maps:
        raise OptionError("maps: expected at least one map, got none")
    size = maps[0].shape[2:]
    whole_number("last", last, 1, size[0])
    received = late = torch.zeros(size[1], dtype=torch.float64)
    firsts, heads = torch.zeros(size[1], dtype=torch.long), 0
    for amap in maps:
        if amap.shape[0] != 1:
            raise ShapeError(f"maps: expected one sequence, got {amap.shape[0]}; take one: recording.sample(0)")
        if amap.shape[2:] != size:
            raise ShapeError(f"maps: expected maps of one size, got {size} and {amap.shape[2:]}")
        rows = list(amap.queries.real(0))
        part = amap.select(queries=rows)
        seen = visible_counts(part, torch.ones(1, len(rows), dtype=torch.bool)).rows[0]
        mean = part.received()[0].double().cpu() / seen.clamp(min=1)
        received = received + mean.sum(0)
        late = late + amap.select(queries=rows[-last:]).received()[0].double().cpu().sum(0) / last
        firsts += mean.argmax(1).bincount(minlength=size[1])
        heads += amap.shape[1]
    texts, real = maps[0].keys[:], maps[0].keys.real(0)
    found = [
        KeyStatistics(key, texts[key], float(received[key] / heads), float(late[key] / heads), int(firsts[key])) for key in real
    ]
    return sorted(found, key=lambda one: -one.received)
