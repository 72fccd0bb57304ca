"""Copies of what attention calls were given. What several calls share, a mask above all, is read and copied once."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import Tensor

from regard.arguments import checked_device
from regard.maps.moving import Mover
from regard.masks import Mask, recognised

Shared = TypeVar("Shared")


class Copies:
    """Factors of the maps of one recording, safe from what the model does to its tensors later.

    Args:
        device: where they go; each stays where it is for None.
    """

    def __init__(self, device: torch.device | str | None = None) -> None:
        self._device = None if device is None else checked_device(device)
        self._shared: dict[Hashable, tuple[tuple[Any, ...], Any]] = {}

    def forget(self) -> None:
        """A pass has ended: what comes next is not shared with what has been."""
        self._shared.clear()

    def own(self, tensor: Tensor) -> Tensor:
        """A copy for one map: a cache may overwrite the original, and a view would keep a larger buffer alive."""
        device = tensor.device if self._device is None else self._device
        return tensor.detach().to(device, copy=True, memory_format=torch.contiguous_format)

    def bias(self, given: Tensor) -> Tensor:
        """What is added to the scores."""
        return self.shared((given,), "bias", lambda: self.own(_once_each(given)))

    def mask(self, given: Tensor) -> Mask | Tensor:
        """Who may attend: True in a boolean mask; what is far below zero in one that is added is hidden.

        A mask that only hides becomes a predicate. One that also adds stays a tensor, with −∞ where it hides.
        """

        def read() -> Mask | Tensor:
            table = _once_each(given.detach())
            if table.dtype == torch.bool:
                return recognised(table)
            hidden = table <= torch.finfo(table.dtype).min / 2
            only_hides = bool((table.masked_fill(hidden, 0) == 0).all())
            return recognised(~hidden) if only_hides else table.masked_fill(hidden, -torch.inf)

        return self.shared((given,), "mask", read)

    def shared(self, read: tuple[Any, ...], use: Hashable, make: Callable[[], Shared]) -> Shared:
        """What was made of the same tensors, or other objects, for the same use in this pass; else it is made now."""
        # Held until the pass ends: the address of a tensor that is gone may belong to another one.
        place = (use, *(_place(one) for one in read))
        if place not in self._shared:
            made: Any = make()
            self._shared[place] = (read, made if self._device is None else Mover(self._device).of(made))
        return self._shared[place][1]  # type: ignore[no-any-return]


def _place(read: Any) -> Hashable:
    """What tells a tensor that has not been written to since from any other; or an object from any other."""
    if not isinstance(read, Tensor):
        return id(read)
    version = 0 if read.is_inference() else read._version
    return read.data_ptr(), read.shape, read.stride(), read.dtype, read.device, version


def _once_each(tensor: Tensor) -> Tensor:
    """What is repeated along an axis without memory, is there once: factors stretch as tensors do."""
    return tensor[tuple(slice(1 if stride == 0 else None) for stride in tensor.stride())]
