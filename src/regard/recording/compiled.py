"""What a block of recording does to compiled code: it runs as it was written, but for what only a compiled kernel can do.

A compiled graph shows none of its calls, and would be compiled anew under a mode. Flex attention shows its arguments before its
kernel runs, and without that kernel it makes n² scores and forgets which blocks it was told to leave out: it runs as outside.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import torch

MASKS = "transformers.masking_utils"


class _Depth(threading.local):
    """How many modes there were in this thread before the outermost block began; None outside of any."""

    def __init__(self) -> None:
        self.modes: int | None = None


class _Blocks:
    """The compiler's stance belongs to the process: that of the first block until the last has ended, in any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.own = ExitStack()
        self.found: str | None = None  # the stance outside


_here = _Depth()
_blocks = _Blocks()


@contextmanager
def uncompiled() -> Iterator[None]:
    """What was compiled runs as it was written; must be entered before any mode of the block."""
    before = _here.modes
    _here.modes = torch._C._len_torch_function_stack() if before is None else before
    with _blocks.lock:
        _blocks.count += 1
        if _blocks.count == 1 and "torch._dynamo" in sys.modules:  # else nothing was compiled, and importing it takes a second
            _blocks.found = _stance()
            _blocks.own.callback(_make_masks_as_outside())
            _blocks.own.enter_context(torch.compiler.set_stance("force_eager"))
    try:
        yield
    finally:
        _here.modes = before
        with _blocks.lock:
            _blocks.count -= 1
            if not _blocks.count:
                _blocks.own.close()
                _blocks.found = None


@contextmanager
def as_outside() -> Iterator[None]:
    """What was compiled runs compiled, if it did outside of the block, and without the modes of the block."""
    with ExitStack() as stack:
        if _blocks.found is not None:
            stack.enter_context(torch.compiler.set_stance(_blocks.found))
        aside: list[Any] = []
        while _here.modes is not None and torch._C._len_torch_function_stack() > _here.modes:
            aside.append(torch._C._pop_torch_function_stack())
        try:
            yield
        finally:
            while aside:
                torch._C._push_on_torch_function_stack(aside.pop())


def is_compiled_outside() -> bool:
    """Whether what is compiled runs compiled outside of the block."""
    return (_blocks.found or _stance()) != "force_eager"


def _stance() -> str:
    stance: Any = getattr(sys.modules.get("torch._dynamo.eval_frame"), "_stance", None)
    return getattr(stance, "stance", "default")


def _make_masks_as_outside() -> Callable[[], None]:
    """Transformers compiles what makes block masks, outside of the attention function. Returns what undoes it."""
    place = sys.modules.get(MASKS)
    original = getattr(place, "create_block_mask", None)
    if place is None or original is None:
        return lambda: None
    place.create_block_mask = _as_outside(original)  # type: ignore[attr-defined]
    return lambda: setattr(place, "create_block_mask", original)


def _as_outside(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def outside(*args: Any, **kwargs: Any) -> Any:
        with as_outside():
            return function(*args, **kwargs)

    return outside
