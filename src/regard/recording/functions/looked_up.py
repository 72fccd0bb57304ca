"""What a function of positions looks up beside its arguments: as long as it is the same, so are the answers."""

from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor

PLAIN = (Tensor, int, float, str, type(None), torch.dtype, torch.device, torch.Size, type)


class _UntoldError(Exception):
    """It holds an object."""


def looked_up(function: Any) -> tuple[Any, ...] | None:
    """Tensors and plain values that a function holds or reads, also through functions that it calls.

    None where that cannot be told, as an object may hold anything.

    Example:
        >>> width = 3
        >>> looked_up(lambda query, key: query - key < width)[1:]
        (3,)
    """
    try:
        return tuple(_of(function, set()))
    except _UntoldError:
        return None


def _of(held: Any, met: set[int]) -> Iterator[Any]:
    if isinstance(held, PLAIN):
        yield held
    elif isinstance(held, tuple | list):
        for one in held:
            yield from _of(one, met)
    elif isinstance(held, FunctionType):
        yield held.__code__
        if id(held) not in met:
            met.add(id(held))
            for cell in held.__closure__ or ():
                yield from _of(cell.cell_contents, met)
            yield from _of(held.__defaults__ or (), met)
            for name in _names(held.__code__):
                if name in held.__globals__:
                    yield from _of(held.__globals__[name], met)
    elif not isinstance(held, ModuleType | BuiltinFunctionType):
        raise _UntoldError


def _names(code: CodeType) -> Iterator[str]:
    """Names that a function's code reads, those of functions inside of it included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
