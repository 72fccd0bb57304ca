"""Masks as data: the names of patterns, and their arguments. A file never holds code."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from torch import Tensor

from regard.arguments import whole_number
from regard.errors import OptionError
from regard.maps.storage.tensor_file import HIGHEST
from regard.masks import Mask
from regard.masks.pattern import MAX_DEPTH, Pattern
from regard.masks.registry import PATTERNS


def as_data(mask: Mask, name_of: Callable[[str, Tensor], str]) -> dict[str, Any]:
    """A mask that ``regard.masks.narrowing.narrowed`` made, as JSON; ``name_of`` keeps a tensor and says under which name."""
    return _as_data(mask.pattern, name_of)


def from_data(data: object, tensor: Callable[[object], Tensor]) -> Mask:
    """The mask that ``as_data`` wrote down; ``tensor`` finds one by its name.

    Raises:
        RegardError: it is no such mask.
    """
    return Mask.of(_from_data(data, tensor, 0))


def _as_data(pattern: Pattern, name_of: Callable[[str, Tensor], str]) -> dict[str, Any]:
    if PATTERNS.get(pattern.name) is not type(pattern):
        raise OptionError(f"expected a mask of regard.masks, got {pattern}; narrow it first")
    data: dict[str, Any] = {"made": pattern.name}
    for argument, value in pattern.arguments().items():
        if isinstance(value, Pattern):
            data[argument] = _as_data(value, name_of)
        else:
            data[argument] = name_of(argument, value) if isinstance(value, Tensor) else value
    return data


def _from_data(data: object, tensor: Callable[[object], Tensor], depth: int) -> Pattern:
    if not isinstance(data, dict) or depth > MAX_DEPTH:
        raise OptionError(f"expected a mask of at most {MAX_DEPTH} levels, got {type(data).__name__} at level {depth}")
    name = data.get("made")
    if not isinstance(name, str) or name not in PATTERNS:
        raise OptionError(f"expected a mask of {', '.join(PATTERNS)}, got {name!r}")
    wanted = {field.name: field.type for field in fields(PATTERNS[name])}
    if data.keys() != wanted.keys() | {"made"}:
        raise OptionError(f"expected the mask {name} of {', '.join(wanted) or 'nothing'}, got {', '.join(sorted(data))}")
    values: dict[str, int | Tensor | Pattern] = {}
    for argument, kind in wanted.items():
        value = data[argument]
        if kind is int:
            values[argument] = whole_number(f"{argument} of {name}", value, 1 - HIGHEST, HIGHEST - 1)
        else:
            values[argument] = _from_data(value, tensor, depth + 1) if kind is Pattern else tensor(value)
    return PATTERNS[name](**values)
