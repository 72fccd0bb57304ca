"""Tensors that lie in a file which must not change: whatever is done with one is done while the file is known to be whole."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.maps.source import Guard

_NOTHING_READ = {
    *("__get__", "size", "stride", "dim", "numel", "nelement", "element_size", "storage_offset", "data_ptr", "untyped_storage"),
    *("select", "narrow", "view", "view_as", "expand", "unsqueeze", "squeeze", "transpose", "permute", "as_strided", "detach"),
}
"""Attributes and methods that tell of a tensor, or show it otherwise, and do not look into its memory."""


class MappedTensor(Tensor):
    """A view of a file. What is computed from it is a tensor like any other; a part of it is such a view again.

    Each operation stands within the guard of the file: memory of a file that another program has cut short would end the
    process with a signal. NumPy gets a copy. What leads around torch (``data_ptr``, DLPack) leads around the guard, too.

    Example:
        >>> from contextlib import nullcontext
        >>> there = MappedTensor.of(torch.arange(6.0).view(2, 3), nullcontext)
        >>> type(there[0]).__name__, type(there.sum(0)).__name__, there.sum().item()
        ('MappedTensor', 'Tensor', 15.0)
    """

    guard: Guard

    @classmethod
    def of(cls, tensor: Tensor, guard: Guard) -> "MappedTensor":
        """A tensor that lies in a file, with what stands around reads of it."""
        made = tensor.as_subclass(cls)
        made.guard = guard
        return made

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Do it within the guard."""
        given = list(_mapped((*args, *(kwargs or {}).values())))
        with torch._C.DisableTorchFunctionSubclass():
            if _is_view(func, args):
                return _kept(func(*args, **(kwargs or {})), given)
            with contextlib.ExitStack() as stack:
                for guard in {id(one.guard): one.guard for one in given}.values():
                    stack.enter_context(guard())
                return _kept(func(*args, **(kwargs or {})), given)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A copy has memory of its own."""
        return memo.setdefault(id(self), self.clone())  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """So has what comes out of a pickle."""
        return self.clone().__reduce_ex__(protocol)


def plain(tensor: Tensor) -> Tensor:
    """The same memory, to be read by who holds the guard himself: around many operations it costs less than around each."""
    with torch._C.DisableTorchFunctionSubclass():
        return tensor.as_subclass(Tensor)


def _is_view(func: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    name = getattr(func, "__name__", "")
    if name == "__getitem__":
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        return all(one is None or one is ... or isinstance(one, int | slice) for one in index)
    return name in _NOTHING_READ


def _mapped(values: Iterable[Any]) -> Iterator[MappedTensor]:
    """Those among arguments, and among lists of them."""
    for one in values:
        if isinstance(one, MappedTensor):
            yield one
        elif isinstance(one, list | tuple):
            yield from _mapped(one)


def _kept(result: Any, given: list[MappedTensor]) -> Any:
    """A result: what is still memory of the file stays guarded."""
    if isinstance(result, np.ndarray):
        return result.copy()
    if isinstance(result, tuple | list):
        made = [_kept(one, given) for one in result]
        return made if isinstance(result, list) else type(result)(made) if type(result) is not tuple else tuple(made)
    if type(result) is Tensor and result.device.type == "cpu" and result.layout is torch.strided:
        at = result.untyped_storage().data_ptr()
        for one in given:
            if one.untyped_storage().data_ptr() == at:
                return MappedTensor.of(result, one.guard)
    return result
