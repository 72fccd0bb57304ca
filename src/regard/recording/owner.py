"""Whose a block is: the thread's that entered it, and in this thread the task's."""

import threading
from contextvars import ContextVar

_open: ContextVar[tuple[object, ...]] = ContextVar("open blocks", default=())
"""The owners whose blocks are open in this context: tasks that a block starts inherit it, others do not."""


class Owner:
    """The thread that makes it, and of its tasks (``asyncio``) the one that enters, with those that this one starts meanwhile.

    Example:
        >>> owner = Owner()
        >>> owner.enter()
        >>> owner.is_here()
        True
        >>> owner.leave()
        >>> owner.is_here()
        False
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._key = object()  # all that contexts keep of it that were copied meanwhile

    def enter(self) -> None:
        """The block begins."""
        _open.set((*_open.get(), self._key))

    def leave(self) -> None:
        """It has ended, wherever it does."""
        self._thread = 0
        _open.set(tuple(one for one in _open.get() if one is not self._key))

    def is_here(self) -> bool:
        """Whether the block is open in the thread and the task that run now."""
        return threading.get_ident() == self._thread and self._key in _open.get()
