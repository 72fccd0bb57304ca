"""From an answer to its mistake: the same numbers as a known mistake everywhere, or what differs first and where."""

import inspect
import itertools
import traceback
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from regard.lessons import answers
from regard.lessons.answers import EndlessError, Outcome, alike, close, complaint, outcome, tensors
from regard.lessons.exercise import Exercise, Mistake, Result
from regard.lessons.recognition import recognised
from regard.lessons.report import Report, listed, number, place, side_by_side, wrapped

MORE = 4  # times as long for the many drawn inputs as for the cases


def diagnose(exercise: Exercise, function: Callable[..., Any]) -> Report:
    """Try an answer on every case, and say what came of it."""
    right = _right(exercise)
    unfit = _unfit(exercise, function)
    if unfit is not None:
        return _report(exercise, function, right, [], 0, unfit)

    tried: list[Outcome] = []
    try:
        with answers.limited(answers.LIMIT):
            tried.extend(outcome(function, case, exercise.parameters) for case in exercise.cases)
            with answers.Calls() as calls:
                again = outcome(function, exercise.cases[0], exercise.parameters)
        with answers.limited(MORE * answers.LIMIT):
            tried.extend(outcome(function, case, exercise.parameters) for case in exercise.draws)
    except EndlessError:
        shown = min(len(tried), len(right) - 1)
        seconds = answers.LIMIT if shown < len(exercise.cases) else MORE * answers.LIMIT
        message = f"It had not come to an end after {seconds:g} seconds: is there a loop whose condition stays true?"
        return _report(exercise, function, right, tried, shown, message)

    kind = _wrong_kind(exercise, right, tried)
    if kind is not None:
        return _report(exercise, function, right, tried, *kind)
    wrong = [case for case, (ours, theirs) in enumerate(zip(right, tried, strict=True)) if not alike(ours, theirs)]
    if tried[0].error is None and again.error is None and not alike(tried[0], again):
        message = (
            "It gives other numbers each time for the same inputs: leave out random numbers, and dropout other than a layer "
            "that is handed over."
        )
        return _report(exercise, function, right, tried, 0, message)
    if wrong:
        found = recognised(exercise, function, right, tried)
        message = found.told() or _described(exercise, function, right, tried, wrong[0])
        error = tried[wrong[0]].error
        if found and error is not None:
            message += f"\n{_raised(exercise, function, error, wrong[0])}"
        return _report(exercise, function, right, tried, wrong[0], message + _changed(tried, "Also, "), found.named)
    changed = next((case for case, one in enumerate(tried) if one.changed), None)
    if changed is not None:
        message = f"The numbers are right, but {_changed(tried, '').strip()}"
        return _report(exercise, function, right, tried, changed, message)
    used = [name for name in dict.fromkeys(calls.names) if any(part in name for part in exercise.without)]
    if used:
        message = f"The numbers are right, but it calls {listed(used)}, which this exercise is about: write it by hand."
        return _report(exercise, function, right, tried, 0, message)
    return _praise(exercise, right, tried)


@lru_cache(maxsize=128)
def _right(exercise: Exercise) -> list[Outcome]:
    """What should come in each case; the same in every check."""
    return [outcome(exercise.answer, case, exercise.parameters) for case in exercise.cases + exercise.draws]


def _unfit(exercise: Exercise, function: Callable[..., Any]) -> str | None:
    """Why the answer cannot take what it would be given."""
    try:
        inspect.signature(function).bind(*exercise.cases[0].inputs)
    except TypeError as error:
        return f"It cannot be called with ({', '.join(exercise.parameters)}): {error}."
    except ValueError:  # a built-in function without a signature
        return None
    return None


def _wrong_kind(exercise: Exercise, right: list[Outcome], tried: list[Outcome]) -> tuple[int, str] | None:
    """The first case in which something came back that is no tensor, or too few, or of a dtype that will not do."""
    for case, (ours, theirs) in enumerate(zip(right, tried, strict=True)):
        if theirs.error is None:
            told = complaint(theirs.returned, exercise, _row(ours.returned))
            if told is not None:
                return case, told
    return None


def _row(returned: Any) -> tuple[Tensor, ...]:
    return returned if isinstance(returned, tuple) else (returned,)


def _described(
    exercise: Exercise, function: Callable[..., Any], answered: list[Outcome], tried: list[Outcome], case: int
) -> str:
    """A mistake that is not known: the error, the shape, or the first number that differs, and what can be seen from it."""
    error = tried[case].error
    if error is not None:
        return _raised(exercise, function, error, case)
    pairs = list(
        zip(exercise.returns, tensors(answered[case].returned) or (), tensors(tried[case].returned) or (), strict=True)
    )
    for result, expected, actual in pairs:
        if expected.shape != actual.shape:
            return _shape(result, expected, actual)
    result, expected, actual = next(pair for pair in pairs if not bool(close(*pair[1:]).all()))
    first = (~close(expected, actual)).nonzero()[0].tolist()
    right, came = (number(float(tensor[tuple(first)]), 4) for tensor in (expected, actual))
    told = f"The first difference is in {result.name} at {place(first, result.axes)}: expected {right}, got {came}."
    return " ".join([told, *_symptoms(result, expected, actual)])


def _symptoms(result: Result, expected: Tensor, actual: Tensor) -> Iterable[str]:
    """What the numbers have in common, where the mistake is not known."""
    if bool((actual.isnan() & ~expected.isnan()).any()):
        yield "NaN comes from 0 / 0, from inf − inf, or from softmax over a row of nothing but −inf."
        return
    known = expected.isfinite() & (expected.abs() > 1e-3)
    ratio = actual[known] / expected[known]
    if ratio.numel() > 1 and abs(float(ratio[0]) - 1) > 1e-3 and bool(close(expected * ratio[0], actual).all()):
        yield f"All of them are {number(float(ratio[0]), 3)} times what they should be."
    if expected.ndim > 1 and expected.shape[-1] == expected.shape[-2] and bool(close(expected.mT, actual).all()):
        yield f"The numbers are right but {result.axes[-2]} and {result.axes[-1]} are swapped: transpose the two axes."
    if result.name == "weights":
        sums, right = actual.sum(-1), expected.sum(-1)
        if not bool(close(right, sums).all()):
            row = (~close(right, sums)).nonzero()[0].tolist()
            yield (
                f"The weights of {place(row, result.axes[:-1])} sum to {number(float(sums[tuple(row)]), 3)}, "
                f"expected {number(float(right[tuple(row)]), 3)}."
            )
        leaks = (expected == 0) & (actual.abs() > 1e-4)
        if bool(leaks.any()):
            yield f"There is weight at {place(leaks.nonzero()[0].tolist(), result.axes)}, which is hidden."


def _shape(result: Result, expected: Tensor, actual: Tensor) -> str:
    """What is wrong with a shape, and how it may have come to be."""
    axes = f"({', '.join(result.axes)})" if expected.ndim > 1 else f"({result.axes[0]},)"
    told = f"Expected {result.name} {axes} = {tuple(expected.shape)}, got {tuple(actual.shape)}."
    extra = _extra_axes(actual.shape, expected.shape)
    if len(extra) == 1:
        return f"{told} There is an extra axis of size 1: take it away with squeeze({extra[0]})."
    if extra:
        return f"{told} There are extra axes of size 1: take them away with squeeze({extra})."
    if actual.ndim == expected.ndim and sorted(actual.shape) == sorted(expected.shape):
        return f"{told} The axes are in another order: see transpose and permute."
    if actual.ndim == expected.ndim - 1:
        return f"{told} One axis is missing: was it summed, or indexed with a number?"
    return told


def _extra_axes(actual: torch.Size, expected: torch.Size) -> tuple[int, ...]:
    """The axes of size 1 without which a shape is the expected one; none if there are no such."""
    ones = [axis for axis, size in enumerate(actual) if size == 1]
    for axes in itertools.combinations(ones, max(0, len(actual) - len(expected))):
        if [size for axis, size in enumerate(actual) if axis not in axes] == list(expected):
            return axes
    return ()


def _raised(exercise: Exercise, function: Callable[..., Any], error: BaseException, case: int) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frame = next((frame for frame in reversed(frames) if frame.filename == file), frames[-1])
    line = f", `{frame.line}`" if frame.line else ""
    shapes = listed(
        [
            f"{name} {tuple(item.shape)}"
            for name, item in zip(exercise.parameters, (exercise.cases + exercise.draws)[case].inputs, strict=True)
            if isinstance(item, Tensor)
        ]
    )
    message = " ".join(str(error).split())
    told = f"It raises {type(error).__name__} in line {frame.lineno}{line}, given {shapes}"
    return f"{told}:\n{message}" if message else f"{told}."


def _changed(tried: list[Outcome], opening: str) -> str:
    """That inputs were written to, if they were."""
    names = list(dict.fromkeys(name for one in tried for name in one.changed))
    if not names:
        return ""
    verb = "was" if len(names) == 1 else "were"
    return (
        f"\n{opening}{listed(names)} {verb} changed in place, which no caller expects: write to a copy, as in "
        f"{names[0]}.clone(), or use functions without an underscore at their end."
    )


def _report(
    exercise: Exercise,
    function: Callable[..., Any],
    right: list[Outcome],
    tried: list[Outcome],
    case: int,
    message: str,
    mistakes: tuple[Mistake, ...] = (),
) -> Report:
    """Everything about one case that is not right."""
    expected = tensors(right[case].returned) or ()
    actual = tensors(tried[case].returned) if case < len(tried) and tried[case].error is None else None
    parts = [f"{exercise.name}: not yet.", wrapped(message)]
    if actual is not None and len(actual) == len(expected):
        pairs = [
            side_by_side(result, ours, theirs)
            for result, ours, theirs in zip(exercise.returns, expected, actual, strict=True)
            if ours.shape == theirs.shape and not bool(close(ours, theirs).all())
        ]
        parts += [f"Case: {(exercise.cases + exercise.draws)[case].title}.", *pairs] if pairs else []
        every = zip(exercise.returns, expected, actual, strict=True)
        shapes = [_shape(result, ours, theirs) for result, ours, theirs in every if ours.shape != theirs.shape]
        parts += [wrapped(one) for one in shapes if mistakes]  # else the message is of them
    good = [one.title for one, ours, theirs in zip(exercise.cases, right, tried, strict=False) if alike(ours, theirs)]
    parts += [wrapped(f"Right in {len(good)} of {len(exercise.cases)} cases: {'; '.join(good)}.")] if good else []
    name = getattr(function, "__name__", "answer")
    called = "my_answer" if name == "<lambda>" else name
    closer = f'Look closer: {called}(*report.inputs). A hint: lessons.hint("{exercise.name}").'
    shown = (exercise.cases + exercise.draws)[case]
    names, inputs = tuple(mistake.name for mistake in mistakes), answers.own(shown.inputs)
    return Report(exercise.name, False, names, message, shown.title, inputs, expected, actual, "\n\n".join(parts), closer)


def _praise(exercise: Exercise, right: list[Outcome], tried: list[Outcome]) -> Report:
    case = exercise.cases[0]
    named = "; ".join(one.title for one in exercise.cases)
    message = f"Tried in {len(exercise.cases)} cases: {named}; and on {len(exercise.draws)} inputs drawn at random."
    expected, actual = tensors(right[0].returned) or (), tensors(tried[0].returned)
    text = f"{exercise.name}: right.\n\n{wrapped(message)}"
    return Report(exercise.name, True, (), message, case.title, answers.own(case.inputs), expected, actual, text)
