"""The largest weights of each row, and where they stand."""

from typing import NamedTuple

import torch
from torch import Tensor

from regard.maps.reading.parts import Rows

SORTED = 128
"""Numbers that are sorted as a whole: numpy needs 0.1 µs for 64, and PyTorch 0.5 to find the 8 largest of them."""

GROUPS = 64
"""Groups of which the strongest are looked into, where up to a quarter as many weights are wanted."""

NEAR = 2048
"""Keys of a row up to which a group is every 64th of them, which is compared fastest; beyond, reading groups costs more."""

RUN = 128
"""Keys of a group beyond that: neighbours."""


class TopWeights(NamedTuple):
    """The largest weights of each row, largest first."""

    values: Tensor  #: (batch, heads, queries, k)
    keys: Tensor  #: (batch, heads, queries, k): their columns, as int64


def strongest(rows: Rows, k: int, keys: int) -> tuple[Tensor, Tensor]:
    """The k largest weights of each row and their columns."""
    weights, columns = rows.weights, rows.columns
    few = min(k, weights.shape[3])
    if rows.blind is None:
        values, places = weights.topk(few, dim=3)
    else:  # none is negative: the same numbers as whole numbers are in the same order, and rank faster
        whole = torch.int64 if weights.dtype == torch.float64 else torch.int32
        bits, places = largest(weights.reshape(-1, weights.shape[3]).view(whole), few)
        values, places = (found.view(*weights.shape[:3], few) for found in (bits.view(weights.dtype), places))
    places = places + columns.start
    if few == k:
        return values, places
    # Where fewer can be seen than are asked for, the others have weight 0 and stand behind, round the end of the row.
    unseen = (columns.stop + torch.arange(k - few, device=weights.device)) % keys
    unseen = unseen.expand(*places.shape[:3], k - few)
    return torch.cat([values, torch.zeros_like(unseen, dtype=values.dtype)], 3), torch.cat([places, unseen], 3)


def largest(numbers: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row of whole numbers of at least 0, (rows, k), and where they stand.

    They stand in the k groups whose largest numbers are largest, so these groups are found first. Ranking is slow, and few are
    ranked.
    """
    lines, count = numbers.shape
    groups = GROUPS * -(-4 * k // GROUPS) if count <= NEAR else count // RUN
    if count <= SORTED or 2 * groups > count or 4 * k > groups:
        return _ranked(numbers, k)
    size = count // groups
    inner, device = numbers[:, : groups * size], numbers.device
    if count <= NEAR:  # group g is g, g + groups, g + 2·groups ...
        laid = inner.unflatten(1, (size, groups))
        chosen = largest(laid.amax(1), k)[1]  # (rows, k)
        near = laid.gather(2, chosen[:, None].expand(lines, size, k)).flatten(1)
        places = (torch.arange(size, device=device)[:, None] * groups + chosen[:, None]).flatten(1)
    else:  # group g is g·size, g·size + 1 ...
        laid = inner.unflatten(1, (groups, size))
        chosen = largest(laid.amax(2), k)[1]
        near = laid[torch.arange(lines, device=device)[:, None], chosen].flatten(1)
        places = (chosen[..., None] * size + torch.arange(size, device=device)).flatten(1)
    if groups * size < count:
        rest = torch.arange(groups * size, count, device=device).expand(lines, -1)
        near, places = torch.cat([near, numbers[:, groups * size :]], 1), torch.cat([places, rest], 1)
    found, at = largest(near, k)
    return found, places.gather(1, at)


def _ranked(numbers: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The same, by ranking all of them: of equal ones the first is first where they are few."""
    count = numbers.shape[1]
    if numbers.device.type != "cpu" or numbers.dtype != torch.int32 or count > SORTED:
        found = numbers.topk(k, dim=1)
        return found.values, found.indices
    marked = numbers.to(torch.int64).bitwise_left_shift_(32).bitwise_or_(torch.arange(count - 1, -1, -1))
    marked.numpy().sort(axis=1)
    top = marked[:, count - k :].flip(1)
    return (top >> 32).to(torch.int32), count - 1 - (top & 0xFFFFFFFF)
