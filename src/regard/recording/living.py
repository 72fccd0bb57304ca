"""What is known of tensors, for as long as they live."""

from collections.abc import Iterator
from typing import Generic, TypeVar
from weakref import ReferenceType, ref

from torch import Tensor

Fact = TypeVar("Fact")


class Living(Generic[Fact]):
    """A fact of each of some tensors, which are told apart as objects.

    Example:
        >>> import torch
        >>> known, tensor = Living(), torch.zeros(3)
        >>> known.hold(tensor, "scores")
        >>> known.get(tensor), known.get(torch.zeros(3))
        ('scores', None)
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[ReferenceType[Tensor], Fact]] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def __iter__(self) -> Iterator[Fact]:
        return iter([fact for _, fact in self._held.values()])

    def hold(self, tensor: Tensor, fact: Fact) -> None:
        """Know this of a tensor until it is gone."""
        place = id(tensor)  # ids of tensors that are gone are used again
        self._held[place] = ref(tensor, lambda _: self._held.pop(place, None)), fact

    def get(self, tensor: object) -> Fact | None:
        """What is known of it."""
        held = self._held.get(id(tensor))
        return held[1] if held is not None and held[0]() is tensor else None

    def drop(self, tensor: object) -> None:
        """Know nothing more of it."""
        self._held.pop(id(tensor), None)
