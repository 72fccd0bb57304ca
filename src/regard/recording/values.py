"""What attention calls multiply their weights with, and what comes of it: for methods that ask more than where weights went."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from regard.maps.attention_map import AttentionMap
from regard.maps.factors import key_heads_read
from regard.maps.storage.map_file import MapFile, MapWriter
from regard.maps.storage.tensor_file import TensorPart


@dataclass
class CallValues:
    """What belongs to one map of a recording that was asked for values: all its source has, whatever it shows.

    Attributes:
        value: (batch, kv_heads, keys, dim), a copy; None where an einsum sums over more than keys.
        output: what the call returned, on the graph of the pass where gradients were on; None in a file's recording.
        heads_first: a tensor of the output's shape, seen as (batch, heads, queries, dim); None likewise.
        projection: the model's projection of the heads' outputs, (heads · dim, features); None where none was seen.
        dropout: the share of weights that were dropped after the map; None where it is not known.
    """

    value: Tensor | None = field(repr=False)
    output: Tensor | None = field(default=None, repr=False)
    heads_first: Callable[[Tensor], Tensor] | None = None
    projection: Tensor | None = field(default=None, repr=False)
    dropout: float | None = 0.0

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles hold what files do: not the graph of the pass, and so not the output."""
        return {"value": self.value, "output": None, "heads_first": None, "projection": self.projection}


def values_as_data(number: int, of: tuple[AttentionMap, CallValues], writer: MapWriter) -> dict[str, str]:
    """What a file keeps of the values of a map: those of the sequences that it shows, and the projection."""
    amap, call = of
    said = {}
    if call.value is not None:
        group = amap.view.source.shape[1] // call.value.shape[1]
        heads = key_heads_read(amap.view.heads, group)
        chosen = amap.view.batch, heads, range(call.value.shape[2]), range(call.value.shape[3])
        said["value"] = writer.tensor(f"values.{number}", TensorPart(call.value.detach(), chosen))
    if call.projection is not None:
        said["projection"] = writer.tensor(f"projections.{number}", TensorPart.whole(call.projection))
    return said


def values_from_data(said: Any, amap: AttentionMap, file: MapFile) -> CallValues:
    """The values of a map, checked against it.

    Raises:
        FileFormatError: they do not belong to the map.
    """
    named = file.fields(said, "values")
    value, projection = (file.tensor(named[name]) if name in named else None for name in ("value", "projection"))
    batch, heads, _, keys = amap.view.source.shape
    fits = value is None or (
        value.ndim == 4 and value.shape[0] == batch and value.shape[2] == keys and heads % max(value.shape[1], 1) == 0
    )
    if not fits or (projection is not None and projection.ndim != 2):
        raise file.tensors.damaged(f"values of {amap!r}", f"{None if value is None else tuple(value.shape)}")
    return CallValues(value, projection=projection)


@torch.no_grad()
def projection_of(module: nn.Module, given: Any, call: CallValues) -> Tensor | None:
    """W_O of a call, (heads · dim, features), if this module is given the heads' outputs side by side, as they are."""
    linear = isinstance(module, nn.Linear)
    if not (linear or type(module).__name__ == "Conv1D") or not isinstance(given, Tensor):  # Transformers' own, as in GPT-2
        return None
    if call.output is None or call.heads_first is None:
        return None
    weight = cast("Tensor", module.weight)
    weight = weight.T if linear else weight
    heads = call.heads_first(call.output.detach()).transpose(1, 2).flatten(2)  # (batch, queries, heads · dim)
    if given.shape[-1] != heads.shape[-1] or given.numel() != heads.numel() or given.dtype != heads.dtype:
        return None
    # Some models keep the sequence before the batch: (queries, batch, heads · dim).
    same = any(torch.equal(given.detach().flatten(), one.flatten()) for one in (heads, heads.transpose(0, 1)))
    return weight.detach() if same else None
