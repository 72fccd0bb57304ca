"""The layers that flow through one another: what methods that multiply maps take, and how they name rows and heads."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex

import torch
from torch import Tensor

from regard.arguments import number, several, whole_number
from regard.errors import OptionError, ShapeError
from regard.maps.attention_map import AttentionMap
from regard.maps.given_weights import given_maps
from regard.maps.towers import towers_of
from regard.positions import Positions


def stack_of(given: Any) -> list[AttentionMap]:
    """The self-attention maps of one stack of layers, from the lowest up.

    Args:
        given: a list of maps, such as ``recording.encoder``; a recording with one stack; or weights, as ``regard.Recording.of``
            takes them.

    Raises:
        OptionError: no maps, or several stacks; ShapeError: maps that do not follow one another.
    """
    if isinstance(given, list | tuple) and all(isinstance(amap, AttentionMap) for amap in given):
        maps = list(given)
    else:
        found = given.maps if hasattr(given, "maps") else given_maps(given)
        kinds = sorted({str(amap.kind) for amap in found} - {"cross"})
        if len(kinds) > 1:
            raise OptionError(
                f"expected the maps of one stack of layers, got {' and '.join(kinds)} maps; pass recording.{kinds[0]}"
            )
        stack = getattr(given, kinds[0]) if kinds and hasattr(given, "maps") else found
        maps = [amap for amap in stack if amap.kind != "cross"]
    if not maps:
        raise OptionError("expected a recording or its maps of one stack, such as recording.self, got none or something else")
    _check_one_stack(maps)
    batch, _, size, _ = maps[0].shape
    for layer, amap in enumerate(maps):
        if (amap.shape[0], *amap.shape[2:]) != (batch, size, size):
            raise ShapeError(
                f"expected maps (batch={batch}, heads, {size}, {size}) in every layer, got {amap.shape} in layer {layer}; "
                "what flows through layers needs self-attention over one and the same sequence"
            )
    return maps


def _check_one_stack(maps: Sequence[AttentionMap]) -> None:
    """Refuse layers that do not flow through one another: of several towers, passes, pictures."""
    if len(towers := towers_of(maps)) > 1:
        raise OptionError(
            f"expected the maps of one stack of layers, got those of {' and '.join(towers)}, which stand beside each other; "
            f"pass recording.tower({next(iter(towers))!r})"
        )
    if len(steps := {amap.step for amap in maps}) > 1:
        raise OptionError(f"expected the maps of one pass, got those of {len(steps)}; pass recording.at({min(steps)})")
    counts = Counter((amap.name, amap.kind, amap.layer) for amap in maps if amap.layer is not None)
    for (name, _, layer), count in counts.most_common(1):
        if count == 1:
            break
        raise OptionError(
            f"expected one map a layer, got {count} of layer {layer}, in {name}: of several pictures, windows or "
            "slices; pass those of one: [amap for amap in recording.maps if amap.call == 0]"
        )


def is_padded(maps: Sequence[AttentionMap]) -> bool:
    """Whether some of the positions are known to be padding."""
    return any(amap.queries.is_padded or amap.keys.is_padded for amap in maps)


def text_by_text(maps: Sequence[AttentionMap], find: Callable[[list[AttentionMap]], Tensor], axes: Sequence[int]) -> Tensor:
    """What each text of a padded batch gives without its padding, put where it stands among it: 0 is at the padding.

    Args:
        maps: of one stack.
        find: what is asked of the maps of one text, with a batch of 1.
        axes: which axes of the answer are positions.
    """
    size, found = maps[0].shape[2], []
    for item in range(maps[0].shape[0]):
        alone = find([amap.sample(item) for amap in maps])
        found.append(among_padding(alone, maps[0].queries.real(item), size, axes))
    return torch.cat(found)


def among_padding(values: Tensor, places: Positions, size: int, axes: Sequence[int]) -> Tensor:
    """Values of the places of a text along some axes, and 0 elsewhere."""
    for axis in axes:
        whole = values.new_zeros(*values.shape[:axis], size, *values.shape[axis + 1 :])
        values = whole.index_copy_(axis, torch.tensor(list(places), dtype=torch.int64, device=values.device), values)
    return values


def positions(name: str, chosen: int | Sequence[int] | None, size: int) -> list[int]:
    """The chosen places of a text, counted from its beginning: all of them for None, negative ones from its end."""
    if chosen is None:
        return list(range(size))
    one_only = isinstance(chosen, SupportsIndex) and getattr(chosen, "ndim", 0) == 0  # a tensor of one number is one
    wanted = [chosen] if one_only else several(name, chosen, "positions", advice="or give one whole number")
    if not wanted:
        raise OptionError(f"{name}: expected at least one, got none; leave it out for all")
    return [whole_number(name, one, -size, size - 1) % size for one in wanted]


def check_residual(residual: float) -> None:
    """Refuse a share of the residual connection that is no share."""
    number("residual", residual, least=0, below=1, advice="the papers take 0.5")
