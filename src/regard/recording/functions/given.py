"""What the attention interface hands to the function that runs, and how that function is run and read."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, cast

from torch import Tensor, nn

from regard.maps.attention_map import AttentionMap
from regard.recording.copies import Copies
from regard.recording.observer import AttentionCall, Inputs

AttentionFunction = Callable[..., tuple[Tensor, Any]]
"""(module, query, key, value, mask, **options) to the output (batch, queries, heads, dim), and weights or whatever it has."""


MakeMap = Callable[[Copies], AttentionMap]


class Arguments(NamedTuple):
    """The arguments of a call after the mask, as the function that runs takes them."""

    named: dict[str, Any]  #: those that its signature names, their defaults included
    collected: dict[str, Any]  #: those that its ``**kwargs`` takes up


@dataclass
class Given:
    """The arguments of one call of an attention function, and what came of it."""

    module: nn.Module
    query: Tensor  #: (batch, heads, queries, dim)
    key: Tensor  #: (batch, kv_heads, keys, dim)
    value: Tensor  #: (batch, kv_heads, keys, dim)
    mask: Any  #: as the function wants it: a tensor, a BlockMask, None
    rest: tuple[Any, ...]
    options: dict[str, Any]
    began: bool = False
    result: tuple[Tensor, Any] | None = None
    ran: AttentionFunction | None = None

    def run(self, function: AttentionFunction) -> tuple[Tensor, Any]:
        """What the function makes of it."""
        self.began, self.ran = True, function
        self.result = function(self.module, self.query, self.key, self.value, self.mask, *self.rest, **self.options)
        return self.result

    def inputs(self) -> Inputs:
        """Queries, keys and values, heads first."""
        return Inputs(self.query, self.key, self.value)

    def again(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """What the function that ran returns for other ones."""
        function = cast("AttentionFunction", self.ran)
        return function(self.module, query, key, value, self.mask, *self.rest, **self.options)[0]

    def arguments(self, function: AttentionFunction) -> Arguments:
        """By the names that the function has for them: what a partial holds counts, and what is given goes before defaults."""
        signature = _signature(function)
        bound = signature.bind(self.module, self.query, self.key, self.value, self.mask, *self.rest, **self.options)
        bound.apply_defaults()
        named = dict(list(bound.arguments.items())[5:])
        collecting = [name for name, one in signature.parameters.items() if one.kind is one.VAR_KEYWORD]
        collected = named.pop(collecting[0], {}) if collecting else {}
        return Arguments(named, collected)


@lru_cache(256)
def _signature(function: AttentionFunction) -> inspect.Signature:
    return inspect.signature(function)


class Reader(Protocol):
    """Runs one kind of attention function as it is, and says what map it has drawn its output with."""

    def __call__(self, function: AttentionFunction, given: Given) -> tuple[tuple[Tensor, Any], AttentionCall]:
        """The function's own result, and the call."""
        ...


def called(given: Given, result: tuple[Tensor, Any], make_map: MakeMap, dropout: float) -> AttentionCall:
    """The call of a function that keeps to the interface's layout."""
    tensors = given.query, given.key
    return AttentionCall(
        given.module,
        "factors",
        tensors,
        make_map,
        result[0],
        heads_first,
        lambda: given.value,
        dropout,
        inputs=given.inputs,
        again=given.again,
    )


def heads_first(output: Tensor) -> Tensor:
    """The interface's (batch, queries, heads, dim) as (batch, heads, queries, dim)."""
    return output.transpose(1, 2)
