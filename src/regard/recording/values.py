"""What attention calls multiply their weights with, and what comes of it: for methods that ask more than where weights went."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D


@dataclass
class Outcome:
    """The output of an attention call on its way to the model. Who sees the call may put another in its place."""

    output: Tensor
    heads_first: Callable[[Tensor], Tensor]
    """A tensor of the output's shape, seen as (batch, heads, queries, dim)."""
    value: Callable[[], Tensor | None]
    """The values, (batch, kv_heads, keys, dim); None where their axes are not known."""


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


@torch.no_grad()
def projection_of(module: nn.Module, given: Any, call: CallValues) -> Tensor | None:
    """W_O of a call, (heads · dim, features), if this module is given the heads' outputs side by side, as they are."""
    if not isinstance(module, nn.Linear | Conv1D) or not isinstance(given, Tensor):
        return None
    weight = module.weight.T if isinstance(module, nn.Linear) else module.weight
    heads = call.heads_first(call.output.detach()).transpose(1, 2).flatten(2)  # (batch, queries, heads · dim)
    if given.shape[-1] != heads.shape[-1] or given.numel() != heads.numel() or given.dtype != heads.dtype:
        return None
    # Some models keep the sequence before the batch: (queries, batch, heads · dim).
    same = any(torch.equal(given.detach().flatten(), one.flatten()) for one in (heads, heads.transpose(0, 1)))
    return weight.detach() if same else None
