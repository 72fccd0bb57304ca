"""What a cache holds when a stack begins: how many positions, which they are, and marks that tell beams apart."""

from typing import Any, NamedTuple

from torch import Tensor

from regard.axes.axis import Axis


class Held(NamedTuple):
    """What a cache holds: its positions, and a number for each of them in each sequence of a batch, which tells beams apart."""

    axis: Axis
    marks: Tensor | None


def length_of(held: Any) -> int | None:
    """How many positions a cache holds; None where it is no cache, or holds them in places of its own (a static cache)."""
    if held is None or getattr(held, "is_compileable", False) or not hasattr(held, "get_seq_length"):
        return None
    return int(held.get_seq_length())


def marks_of(keys: Tensor) -> Tensor:
    """(batch, heads, keys, dim) to a number for each position of each sequence."""
    return keys.detach().double().sum((1, 3))
