"""What maps read, on another device."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from regard.arguments import checked_device
from regard.errors import DtypeError
from regard.maps.softmax_weights import SoftmaxWeights
from regard.maps.view import MapData, MapView
from regard.masks import Mask


class Mover:
    """Moves tensors, masks and sources of weights to a device; what several maps share is moved once.

    Args:
        device: where to; "cpu", "cuda", "cuda:1".

    Raises:
        OptionError: there is no such device.
    """

    def __init__(self, device: torch.device | str) -> None:
        self.device = checked_device(device)
        self._moved: dict[int, tuple[Any, Any]] = {}  # with the original, whose id is another's when it is gone

    def of(self, given: Any) -> Any:
        """The same on the device: itself, where all of it is there already, or nothing of it is anywhere."""
        if id(given) not in self._moved:
            self._moved[id(given)] = given, self._made(given)
        return self._moved[id(given)][1]

    def _made(self, given: Any) -> Any:
        if isinstance(given, Tensor):
            return given.to(self.device)
        if isinstance(given, Mask):
            pattern = self.of(given.pattern)
            return given if pattern is given.pattern else Mask.of(pattern)
        if isinstance(given, SoftmaxWeights):
            factors = self.of(given.factors)
            return given if factors is given.factors else SoftmaxWeights(factors)
        if isinstance(given, MapView):
            return replace(given, source=self._source(given.source))
        if isinstance(given, MapData):
            return replace(given, view=self.of(given.view))
        if isinstance(given, tuple) and given and hasattr(given[0], "to_data"):
            return tuple(type(one).from_data(self.of(one.to_data())) for one in given)
        if is_dataclass(given) and not isinstance(given, type):
            parts = {field.name: getattr(given, field.name) for field in fields(given)}
            moved = {name: new for name, old in parts.items() if (new := self.of(old)) is not old}
            return replace(given, **moved) if moved else given
        return given

    def _source(self, source: Any) -> Any:
        moved = self.of(source)
        parts = [getattr(source, field.name) for field in fields(source)] if is_dataclass(source) else []
        own_function = any(callable(part) and not is_dataclass(part) for part in parts)
        if moved.device != self.device or (own_function and moved is not source):
            raise DtypeError(
                f"expected a map whose weights can be moved, got {source.describe()}; move the maps that it is made of, "
                "or take amap.dense()"
            )
        return moved
