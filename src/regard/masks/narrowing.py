"""The mask of a part of a map, as patterns that files can keep; functions of the user's own become tensors of their answers."""

from collections.abc import Iterator

import torch
from torch import Tensor

from regard.errors import TooLargeError
from regard.masks.mask import Mask
from regard.masks.pattern import Pattern, Selection
from regard.masks.patterns import Everything
from regard.masks.recognition import of_runs
from regard.masks.tensors import FromTensor, unrepeated
from regard.positions import Positions
from regard.progress import bar

MAX_TENSOR_BYTES = 2**30
_BLOCK = 2**24  # truth values that are looked at together


def narrowed(mask: Mask, batch: Positions, heads: Positions, queries: Positions, keys: int, device: torch.device) -> Mask:
    """The mask of these positions and the first ``keys`` keys, counted from 0 again, made of patterns that a file can keep.

    Raises:
        TooLargeError: it is a function of the user's own, does not show each query one run of keys, and is too large as a
            tensor.
    """

    def evaluate(pattern: Pattern) -> Pattern:
        return _evaluated(pattern, batch, heads, queries, keys, device)

    return Mask.of(Selection(batch, heads, queries, keys, evaluate).of(mask.pattern))


def _evaluated(
    pattern: Pattern, batch: Positions, heads: Positions, queries: Positions, keys: int, device: torch.device
) -> Pattern:
    """What a pattern answers, as the simplest one that answers the same."""
    if not (batch and heads and queries and keys):
        return Everything()  # there is no position to ask about
    ask = Mask.of(pattern)
    b, h, q = (torch.tensor(list(positions), device=device) for positions in (batch, heads, queries))
    k = torch.arange(keys, device=device)
    rows = max(1, _BLOCK // (len(batch) * len(heads) * keys))

    def blocks() -> Iterator[Tensor]:
        for some in bar(q.split(rows), desc="reading the mask", unit="block", delay=1, leave=False):
            block = unrepeated(ask(b[:, None, None, None], h[:, None, None], some[:, None], k))
            yield block
            if block.shape[2] < len(some):  # its answer does not depend on the query
                return

    if (found := of_runs(blocks(), keys)) is not None:
        return found
    first = next(blocks())
    height = len(queries) if len(first[0, 0]) == min(rows, len(queries)) else 1
    size = len(first) * len(first[0]) * height * keys
    if size > MAX_TENSOR_BYTES:
        raise TooLargeError(
            f"expected a mask of regard.masks, one with one run of keys a query, or one of at most {MAX_TENSOR_BYTES:,} truth "
            f"values, got {pattern} with {size:,}; compose it of causal(), window(), documents() and spans() with & and |, or "
            "save fewer heads or queries: amap.select(heads=[0]).save(path)"
        )
    return FromTensor(torch.cat(list(blocks()), dim=2))
