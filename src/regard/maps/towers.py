"""The towers of a model, stacks of layers that stand beside each other: what they are called, and which maps are theirs."""

import re
from collections.abc import Sequence

from regard.errors import OptionError, in_short
from regard.maps.attention_map import AttentionMap


def towers_of(maps: Sequence[AttentionMap]) -> dict[str, list[int]]:
    """The numbers of the self-attention maps of each stack of layers that stands beside others, by the stack's name.

    The name is the part of the modules' path in which they differ: ``vision_model`` beside ``text_model``. Maps whose modules
    have no number, such as a head's, belong to none.

    Example:
        >>> import torch
        >>> maps = [AttentionMap.from_dense(torch.eye(2)) for _ in range(3)]
        >>> for amap, name in zip(maps, ("m.vision.layers.0.attn", "m.vision.layers.1.attn", "m.text.layers.0.attn")):
        ...     amap.name, amap.kind = name, "self"
        >>> towers_of(maps)
        {'vision': [0, 1], 'text': [2]}
    """
    stacks: dict[str, list[int]] = {}
    for at, amap in enumerate(maps):
        stack = None if amap.name is None or amap.kind == "cross" else stack_of_name(amap.name)
        if stack is not None:
            stacks.setdefault(stack, []).append(at)
    paths = {stack: stack.split(".") for stack in stacks}
    shared = 0
    while len(paths) > 1 and len({tuple(path[: shared + 1]) for path in paths.values()}) == 1:
        shared += 1
    found: dict[str, list[int]] = {}
    for stack, path in paths.items():
        found.setdefault(path[shared] if shared < len(path) else path[-1], []).extend(stacks[stack])
    return found


def chosen_tower(maps: Sequence[AttentionMap], tower: str) -> list[int]:
    """The numbers of the maps whose modules stand in a tower, its cross-attention and heads included.

    Raises:
        OptionError: there is no such tower.
    """
    chosen = [at for at, amap in enumerate(maps) if amap.name is not None and f".{tower}." in f".{amap.name}."]
    if not chosen or not tower:
        names = ", ".join(towers_of(maps)) or "none"
        raise OptionError(f"tower: expected a part of the model that has maps, one of {names}, got {in_short(tower)}")
    return chosen


def stack_of_name(name: str) -> str | None:
    """The name of the stack that a layer's name stands in: what comes before its first number; None without one."""
    found = re.match(r"(.*?)\.?(?<![^.])[0-9]+(?![^.])", name)
    return None if found is None else found[1]
