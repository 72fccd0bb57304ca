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

from regard.recording.modes import aside
from regard.recording.stand_ins import StandIns
from regard.recording.way_out import WayOut

MASKS = "transformers.masking_utils"
MAKES_MASKS = "create_block_mask"
"""Transformers compiles what makes block masks, outside of the attention function."""


class _Blocks:
    """The compiler's stance belongs to the process: that of the first block until the last has ended, in any thread."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.open: set[object] = set()
        self.way_out = WayOut()
        self.found: str | None = None  # the stance outside
        self.mask_makers: StandIns[object] = StandIns()

    def begin(self, block: object) -> None:
        with self.lock:
            self.open.add(block)
            place = sys.modules.get(MASKS)
            self.mask_makers.begin(block, [(place, MAKES_MASKS, _as_outside)] if hasattr(place, MAKES_MASKS) else [])
            if len(self.open) == 1 and "torch._dynamo" in sys.modules:  # else nothing was compiled; importing it takes a second
                self.found, held = _stance(), list[Any]()
                self.way_out.then(lambda: self._end_stance(held))
                held.append(torch.compiler.set_stance("force_eager"))

    def end(self, block: object) -> None:
        with self.lock:
            self.open.discard(block)
            self.mask_makers.end(block)
            if not self.open:
                self.way_out.leave()
                self.found = None

    def _end_stance(self, held: list[Any]) -> None:
        if held:
            held.pop().__exit__(None, None, None)
        elif self.found is not None and _stance() != self.found:  # interrupted as it was set
            torch.compiler.set_stance(self.found)


_blocks = _Blocks()


def uncompiled(way_out: WayOut) -> None:
    """From now on, what was compiled runs as it was written."""
    block = object()
    way_out.then(lambda: _blocks.end(block))
    _blocks.begin(block)


@contextmanager
def as_outside() -> Iterator[None]:
    """What was compiled runs compiled, if it did outside of the block, and without the modes of the block."""
    with ExitStack() as stack:
        if _blocks.found is not None:
            stack.enter_context(torch.compiler.set_stance(_blocks.found))
        stack.enter_context(aside())
        yield


def is_compiled_outside() -> bool:
    """Whether what is compiled runs compiled outside of the block."""
    return (_blocks.found or _stance()) != "force_eager"


def _stance() -> str:
    stance: Any = getattr(sys.modules.get("torch._dynamo.eval_frame"), "_stance", None)
    return getattr(stance, "stance", "default")


def _as_outside(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def outside(*args: Any, **kwargs: Any) -> Any:
        with as_outside():
            return function(*args, **kwargs)

    return outside
