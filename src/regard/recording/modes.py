"""Torch function modes of blocks: put onto the modes of their thread, and taken off wherever they stand among these."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class BlockMode(TorchFunctionMode):
    """A mode that belongs to a block: blocks of two tasks of a thread need not end in the order that modes are made for.

    Attributes:
        is_over: whether the block has ended. A mode cannot be taken off from another thread: it stays as one that does nothing,
            until the next block of its thread begins.
    """

    is_over = False

    def put_on(self) -> None:
        """From now on, see what this thread calls."""
        for left in [mode for mode in _modes() if isinstance(mode, BlockMode) and mode.is_over]:
            _take_out(left)
        torch._C._push_on_torch_function_stack(self)

    def take_off(self) -> None:
        """See nothing more; in any thread, and as often as one likes."""
        self.is_over = True
        _take_out(self)


@contextmanager
def aside() -> Iterator[None]:
    """Without the modes of blocks of this thread."""
    modes = _modes()
    try:
        _set([mode for mode in modes if not isinstance(mode, BlockMode)])
        yield
    finally:
        _set(modes)


def _modes() -> list[Any]:
    """Those of this thread, the outermost first."""
    return [torch._C._get_function_stack_at(at) for at in range(torch._C._len_torch_function_stack())]


def _take_out(mode: BlockMode) -> None:
    modes = _modes()
    if any(one is mode for one in modes):
        rest = [one for one in modes if one is not mode]
        try:
            _set(rest)
        finally:
            _set(rest)  # an interrupt may have come in the middle


def _set(modes: list[Any]) -> None:
    same = 0
    now = _modes()
    while same < min(len(now), len(modes)) and now[same] is modes[same]:
        same += 1
    for _ in range(len(now) - same):
        torch._C._pop_torch_function_stack()
    for mode in modes[same:]:
        torch._C._push_on_torch_function_stack(mode)
