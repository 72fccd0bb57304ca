"""What a checked answer is told: plain text that reads alike in a terminal and in a notebook."""

import math
import textwrap
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from regard.lessons.answers import close
from regard.lessons.exercise import Result

WIDTH = 100
_SINGULAR = {"batch": "sequence", "queries": "query", "positions": "position", "features": "feature", "dim": "component"}


@dataclass(frozen=True, repr=False, eq=False)
class Report:
    """The verdict on an answer: true if it is right, and printed as text.

    Attributes:
        exercise: the name of the exercise.
        passed: whether the answer is right.
        mistakes: the names of the mistakes that were recognised.
        message: what is wrong, and the cure.
        case: the title of the case that is shown.
        inputs: the inputs of that case, to run the answer on by hand.
        expected: what is right there, in the order of return.
        actual: what came, as float64; None where nothing comparable did.
        text: all of it.
        closer: where to look next in Python; printed below the text.
    """

    exercise: str
    passed: bool
    mistakes: tuple[str, ...]
    message: str
    case: str
    inputs: tuple[Any, ...]
    expected: tuple[Tensor, ...]
    actual: tuple[Tensor, ...] | None
    text: str
    closer: str = ""

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return f"{self.text}\n\n{self.closer}".strip()


def wrapped(text: str) -> str:
    """The text in lines that fit; lines that were there stay."""
    return "\n".join(textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False) for line in text.splitlines())


def listed(items: tuple[str, ...] | list[str], last: str = "and") -> str:
    """As people write lists.

    Example:
        >>> listed(["softmax", "window", "sinks"])
        'softmax, window and sinks'
    """
    return f" {last} ".join(filter(None, (", ".join(items[:-1]), items[-1])))


def singular(axis: str) -> str:
    """One of what an axis counts.

    Example:
        >>> singular("queries"), singular("keys")
        ('query', 'key')
    """
    return _SINGULAR.get(axis, axis.removesuffix("s"))


def place(index: list[int], axes: tuple[str, ...]) -> str:
    """Where an entry stands.

    Example:
        >>> place([0, 2], ("queries", "keys"))
        'query 0, key 2'
    """
    return ", ".join(f"{singular(axis)} {number}" for axis, number in zip(axes, index, strict=True) if axis != "1")


def number(value: float, digits: int) -> str:
    """A number as short as it can be read: whole ones without a point, the rest rounded.

    Example:
        >>> number(0.12345, 3), number(3.0000002, 3), number(float("nan"), 3)
        ('0.123', '3', 'nan')
    """
    if not math.isfinite(value):
        return str(value)
    if abs(value - round(value)) < 1e-6:
        return str(round(value))
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.{digits - 2}f}"


def side_by_side(result: Result, expected: Tensor, actual: Tensor) -> str:
    """Expected and actual numbers of the first slice in which they differ, what differs with a star.

    Example:
        >>> import torch
        >>> print(side_by_side(Result("weights", ("queries", "keys")), torch.eye(2) / 2, torch.ones(2, 2) / 2))
        weights (queries, keys), * where yours differ
           expected  |  yours
        0  0.500  0      |  0.500   0.500*
        1  0      0.500  |  0.500*  0.500
    """
    differs = ~close(expected, actual)
    first = differs.nonzero()[0].tolist()
    outer = first[:-2] if expected.ndim > 2 else []
    expected, actual, differs = expected[tuple(outer)], actual[tuple(outer)], differs[tuple(outer)]
    rows = 1 if expected.ndim < 2 else len(expected)
    right, came, stars = expected.reshape(rows, -1), actual.reshape(rows, -1), differs.reshape(rows, -1).tolist()

    digits = 3  # as many as it takes to see a difference
    while digits < 6 and any(
        star and float(number(a, digits)) == float(number(b, digits))
        for line in zip(right.tolist(), came.tolist(), stars, strict=True)
        for a, b, star in zip(*line, strict=True)
    ):
        digits += 1
    left = [[number(value, digits) for value in row] for row in right.tolist()]
    other = [
        [number(value, digits) + "*" * star for value, star in zip(*line, strict=True)]
        for line in zip(came.tolist(), stars, strict=True)
    ]

    where = f" of {place(outer, result.axes[: len(outer)])}" if outer else ""
    names = [str(row) for row in range(rows)] if expected.ndim > 1 else [""]
    margin = max(map(len, names)) + 2 * (expected.ndim > 1)
    tables = [_columns(left), _columns(other)]
    width = max(len("expected"), *map(len, tables[0]))
    lines = [f"{'':{margin}}{'expected':{width}}  |  yours"]
    lines += [f"{name:{margin}}{a:{width}}  |  {b}".rstrip() for name, a, b in zip(names, *tables, strict=True)]
    axes = ", ".join(result.axes[len(outer) :])
    return f"{result.name}{where} ({axes}), * where yours differ\n" + "\n".join(lines)


def _columns(cells: list[list[str]]) -> list[str]:
    """Each row as one line, its columns below each other."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in cells]
