"""Trying an answer: what it returns or raises, what it does to its inputs, and whether it comes to an end."""

import copy
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from regard.lessons.exercise import Case, Exercise

LIMIT = 5.0  # seconds for all cases of an exercise; right answers take milliseconds
AGAIN = 0.02  # seconds until an alarm that was swallowed rings again
_CLOSE = {"rtol": 1e-3, "atol": 1e-4}  # what single precision gives in any order, and far less than a mistake makes


class Outcome(NamedTuple):
    """What came of an answer in one case."""

    returned: Any  #: as it came; None if it raised
    error: Exception | SystemExit | None
    changed: tuple[str, ...]  #: inputs that are not what they were


class EndlessError(BaseException):
    """The answer ran too long. No ``Exception``, so that an answer's own ``except`` does not swallow it."""


def outcome(function: Callable[..., Any], case: Case, parameters: tuple[str, ...]) -> Outcome:
    """Run an answer on copies of the inputs."""
    copies = own(case.inputs)
    returned, error = None, None
    try:
        returned = function(*copies)
    except (Exception, SystemExit) as caught:  # noqa: BLE001 - a first try may raise anything
        error = caught
    changed = tuple(
        name
        for name, before, after in zip(parameters, case.inputs, copies, strict=True)
        if isinstance(before, Tensor) and not torch.equal(before, after)
    )
    return Outcome(returned, error, changed)


def own(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copies, layers among them, that may be written to without harm to the exercise."""
    return tuple(item.clone() if isinstance(item, Tensor) else copy.deepcopy(item) for item in inputs)


class Calls(TorchFunctionMode):
    """Writes down the names of the torch functions and methods that are called in its ``with`` block."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Write the name down and call the function."""
        self.names.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


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


def _overflows(error: BaseException, returned: object) -> bool:
    """Python's own numbers raise where those of a tensor turn into inf or NaN."""
    numbers = tensors(returned) or ()
    return isinstance(error, OverflowError | ZeroDivisionError) and not all(bool(tensor.isfinite().all()) for tensor in numbers)


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
                f"Expected {'a tensor' if count == 1 else 'tensors'}, got {_a(returned)}{inside}; "
                "torch.as_tensor makes one of numbers, lists and arrays, torch.stack of a list of tensors."
            )
    if len(row) != count or (count == 1 and isinstance(returned, tuple | list)):
        came = f"{_a(returned)} of {len(row)}" if isinstance(returned, tuple | list) else "one tensor"
        return f"Expected {'one tensor' if count == 1 else f'{count} tensors'}, {names}, got {came}."
    for result, tensor, right in zip(exercise.returns, row, expected, strict=True):
        whole = not right.is_floating_point()
        if whole and (tensor.is_floating_point() or tensor.dtype == torch.bool):
            return f"{result.name}: expected whole numbers, as argmax gives them, got {tensor.dtype}."
        if not whole and tensor.dtype not in (torch.float32, torch.float64):
            return (
                f"{result.name}: expected torch.float32 or torch.float64, got {tensor.dtype}; "
                "make new tensors with the dtype of the inputs, as in torch.zeros(2, dtype=query.dtype)."
            )
    return None


def _a(thing: object) -> str:
    name = type(thing).__name__
    return f"an {name}" if name.startswith(("a", "e", "i", "o", "u", "nd")) else f"a {name}"


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Stop an answer that runs longer, where the system has an alarm clock: not on Windows, not off the main thread.

    An answer's own ``except:`` may swallow the alarm. So it rings again and again, and each time another of the lines that are
    run next raises as well: first the line of the ``except:`` itself, then one after another, until one is outside of it.

    Raises:
        EndlessError: inside of what runs too long.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    rings, lines = 0, 0

    def stop(_signal: int, frame: FrameType | None) -> None:
        nonlocal rings, lines
        running = list(_frames_of_the_answer(frame))
        if running:  # and not the lines here, before and after it
            rings, lines = rings + 1, 0
            for one in running:
                one.f_trace = count
            sys.settrace(lambda *_: None)  # without one, those of the frames are not asked
            raise EndlessError

    def count(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        if lines == rings:
            raise EndlessError
        return count

    tracer = sys.gettrace()
    before = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left, interval)
        signal.signal(signal.SIGALRM, before)
        if rings:
            sys.settrace(tracer)


def _frames_of_the_answer(frame: FrameType | None) -> Iterator[FrameType]:
    """From the innermost to the answer's own; none outside of an answer."""
    inner = []
    while frame is not None and frame.f_code is not outcome.__code__:
        inner.append(frame)
        frame = frame.f_back
    yield from inner if frame is not None else ()
