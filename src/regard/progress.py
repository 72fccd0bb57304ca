"""Progress bars: on a terminal or in a notebook, and nowhere else, as a log would get a line for each step."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

_asked: ContextVar[bool | None] = ContextVar("progress", default=None)


@contextmanager
def progress(shown: bool | None) -> Iterator[None]:
    """Inside the block bars are shown, or are not, wherever output goes; for None, where somebody sees them move.

    Example:
        >>> with progress(False):
        ...     list(bar(range(3), desc="counting"))
        [0, 1, 2]
    """
    before = _asked.set(shown)
    try:
        yield
    finally:
        _asked.reset(before)


def is_shown() -> bool:
    """Whether bars are to be seen: as was asked, or where standard error is a terminal or a notebook's."""
    asked = _asked.get()
    return _is_watched() if asked is None else asked


def bar(steps: Iterable[Any] | None = None, *, alone: bool = True, **options: Any) -> "tqdm[Any]":
    """A bar of tqdm over some steps, which takes no place where nobody looks.

    Args:
        steps: what is gone through; None where the caller counts.
        alone: False for a bar that another one stands for.
        **options: of tqdm.
    """
    from tqdm import tqdm  # two fifths of what `regard --help` takes, which shows no bar

    return tqdm(steps, disable=not (alone and is_shown()), **options)


def _is_watched() -> bool:
    if sys.stderr is None or os.environ.get("TQDM_DISABLE"):  # tqdm's own switch
        return False
    kernel = sys.modules.get("ipykernel.iostream")
    return sys.stderr.isatty() or (kernel is not None and isinstance(sys.stderr, kernel.OutStream))
