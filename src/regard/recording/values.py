"""What attention calls multiply their weights with, and what comes of it: for methods that ask more than where weights went."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass
class CallValues:
    """What belongs to one map of a recording that was asked for values.

    Attributes:
        value: (batch, kv_heads, keys, dim), a copy; None where a model multiplies in an einsum.
        output: what the call returned, on the graph of the pass where gradients were on.
        heads_first: a tensor of the output's shape, seen as (batch, heads, queries, dim).
        projection: the model's projection of the heads' outputs, (heads · dim, features); None where none was seen.
    """

    value: Tensor | None
    output: Tensor
    heads_first: Callable[[Tensor], Tensor]
    projection: Tensor | None = None
