"""Trying an answer: what it returns or raises, what it does to its inputs, and whether it comes to an end."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise

LIMIT = 5.0  # seconds for all cases of an exercise; right answers take milliseconds
_CLOSE = {"rtol": 1e-3, "atol": 1e-4}  # what single precision gives in any order, and far less than a mistake makes
SLACK = 10  # times that, between two programs that are wrong alike: some mistakes make large numbers


class Outcome(NamedTuple):
    """What came of an answer in one case."""

    returned: Any  #: as it came; None if it raised
    error: Exception | None
    changed: tuple[str, ...]  #: inputs that are not what they were


class EndlessError(BaseException):
    """The answer ran too long. No ``Exception``, so that an answer's own ``except`` does not swallow it."""


def outcome(function: Callable[..., Any], case: Case, parameters: tuple[str, ...]) -> Outcome:
    """Run an answer on copies of the inputs."""
    copies = [item.clone() if isinstance(item, Tensor) else item for item in case.inputs]
    returned, error = None, None
    try:
        returned = function(*copies)
    except Exception as caught:  # noqa: BLE001 - whatever somebody's first try raises
        error = caught
    changed = tuple(
        name
        for name, before, after in zip(parameters, case.inputs, copies, strict=True)
        if isinstance(before, Tensor) and not torch.equal(before, after)
    )
    return Outcome(returned, error, changed)


def tensors(returned: object) -> tuple[Tensor, ...] | None:
    """What was returned as float64 numbers, if it is a tensor of real numbers or a row of them."""
    row = returned if isinstance(returned, tuple | list) else (returned,)
    if not all(isinstance(tensor, Tensor) and not tensor.is_complex() for tensor in row):
        return None
    return tuple(tensor.detach().cpu().double() for tensor in row)


def close(one: Tensor, other: Tensor, slack: float = 1) -> Tensor:
    """Where two tensors of one shape agree; NaN agrees with NaN."""
    return torch.isclose(one, other, equal_nan=True, **{name: slack * size for name, size in _CLOSE.items()})


def alike(one: Outcome, other: Outcome, slack: float = 1) -> bool:
    """Whether two answers did the same: raised, or returned the same numbers in the same shapes."""
    for raised, returned in ((one, other), (other, one)):
        if raised.error is not None:
            return returned.error is not None or _overflows(raised.error, returned.returned)
    ours, theirs = tensors(one.returned), tensors(other.returned)
    if ours is None or theirs is None or len(ours) != len(theirs):
        return False
    return all(a.shape == b.shape and bool(close(a, b, slack).all()) for a, b in zip(ours, theirs, strict=True))


def _overflows(error: Exception, returned: object) -> bool:
    """Python's own numbers raise where those of a tensor turn into inf or NaN."""
    numbers = tensors(returned) or ()
    return isinstance(error, ArithmeticError | ValueError) and not all(bool(tensor.isfinite().all()) for tensor in numbers)


def complaint(returned: object, exercise: Exercise, expected: tuple[Tensor, ...]) -> str | None:
    """What is wrong with the kind of thing that came back, shapes aside."""
    count = len(exercise.returns)
    names = f"{exercise.returns[0].name} alone" if count == 1 else f"({', '.join(result.name for result in exercise.returns)})"
    if returned is ...:
        return "It still returns the ... of the starting point: put what you computed there."
    if returned is None:
        return f"It returns nothing. End it with a return of {names}."
    row = returned if isinstance(returned, tuple | list) else (returned,)
    for item in row:
        if not isinstance(item, Tensor):
            inside = "" if item is returned else f" with {_a(item)} in it"
            return (
                f"It returns {_a(returned)}{inside}; expected {'a tensor' if count == 1 else 'tensors'}: "
                "torch.as_tensor makes one of numbers, lists and arrays, torch.stack of a list of tensors."
            )
    if len(row) != count or (count == 1 and isinstance(returned, tuple | list)):
        came = f"{_a(returned)} of {len(row)}" if isinstance(returned, tuple | list) else "one tensor"
        return f"It returns {came}; expected {'one tensor' if count == 1 else f'{count} tensors'}: {names}."
    for result, tensor, right in zip(exercise.returns, row, expected, strict=True):
        whole = not right.is_floating_point()
        if whole and (tensor.is_floating_point() or tensor.dtype == torch.bool):
            return f"{result.name} came back as {tensor.dtype}; expected whole numbers, as argmax gives them."
        if not whole and tensor.dtype not in (torch.float32, torch.float64):
            return (
                f"{result.name} came back as {tensor.dtype}; expected torch.float32 or torch.float64: "
                "make new tensors with the dtype of the inputs, as in torch.zeros(2, dtype=query.dtype)."
            )
    return None


def _a(thing: object) -> str:
    name = type(thing).__name__
    return f"an {name}" if name.startswith(("a", "e", "i", "o", "u", "nd")) else f"a {name}"


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Stop what runs longer, where the system has an alarm clock: not on Windows, not off the main thread.

    Raises:
        EndlessError: inside of what runs too long.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: object) -> None:
        raise EndlessError

    before = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left, interval)
        signal.signal(signal.SIGALRM, before)
