"""What the attention interface hands to the function that runs, and how that function is run and read."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from regard.recording.observer import AttentionCall

AttentionFunction = Callable[..., tuple[Tensor, Any]]
"""(module, query, key, value, mask, **options) to the output (batch, queries, heads, dim), and weights or whatever it has."""


class Given(NamedTuple):
    """The arguments of one call of an attention function."""

    module: nn.Module
    query: Tensor  #: (batch, heads, queries, dim)
    key: Tensor  #: (batch, kv_heads, keys, dim)
    value: Tensor  #: (batch, kv_heads, keys, dim)
    mask: Any  #: as the function wants it: a tensor, a BlockMask, None
    rest: tuple[Any, ...]
    options: dict[str, Any]

    def run(self, function: AttentionFunction) -> tuple[Tensor, Any]:
        """What the function makes of it."""
        return function(self.module, self.query, self.key, self.value, self.mask, *self.rest, **self.options)


class Reader(Protocol):
    """Runs one kind of attention function as it is, and says what map it has drawn its output with."""

    def __call__(self, function: AttentionFunction, given: Given) -> tuple[tuple[Tensor, Any], AttentionCall]:
        """The function's own result, and the call."""
        ...


def heads_first(output: Tensor) -> Tensor:
    """The interface's (batch, queries, heads, dim) as (batch, heads, queries, dim)."""
    return output.transpose(1, 2)
