"""A ``with`` block that is entered once: what was made for it is of no other."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

from regard.errors import RecordingError

Given = ParamSpec("Given")
Kept = TypeVar("Kept")


class Block(AbstractContextManager[Kept], Generic[Kept]):
    """A context manager that says what is wrong where it is entered twice."""

    def __init__(self, name: str, inside: AbstractContextManager[Kept]) -> None:
        self._name, self._inside, self._entered = name, inside, False

    def __enter__(self) -> Kept:
        if self._entered:
            raise RecordingError(
                f"expected a new regard.{self._name}(...) for each with block, got one that was entered before; write it in "
                "the with statement"
            )
        self._entered = True
        return self._inside.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if not self._entered:
            raise RecordingError(
                f"expected the end of a block that was entered, got one of regard.{self._name}(...) that was not; write it in "
                "the with statement"
            )
        self._inside.__exit__(kind, error, traceback)


def once(function: Callable[Given, Iterator[Kept]]) -> Callable[Given, Block[Kept]]:
    """As ``contextlib.contextmanager``, for a block that is entered once.

    Example:
        >>> @once
        ... def record():
        ...     yield "a recording"
        >>> block = record()
        >>> with block as kept:
        ...     print(kept)
        a recording
    """
    managed = contextmanager(function)

    @wraps(function)
    def made(*given: Given.args, **named: Given.kwargs) -> Block[Kept]:
        return Block(function.__name__, managed(*given, **named))

    return made
