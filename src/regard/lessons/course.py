"""The exercises in the order in which they are best done, and what can be asked of them by name."""

import difflib
from collections.abc import Callable
from typing import Any

from regard.arguments import whole_number
from regard.errors import DtypeError, OptionError
from regard.lessons.diagnosis import diagnose
from regard.lessons.exercise import Exercise
from regard.lessons.exercises import alignment, decoding, heads, masks, normalisers, padding, positions, recurrence, weights
from regard.lessons.report import Report

EXERCISES: tuple[Exercise, ...] = (
    *weights.EXERCISES,
    *padding.EXERCISES,
    *masks.EXERCISES,
    *heads.EXERCISES,
    *positions.EXERCISES,
    *normalisers.EXERCISES,
    *decoding.EXERCISES,
    *recurrence.EXERCISES,
    *alignment.EXERCISES,
)


def exercises() -> list[Exercise]:
    """All exercises, in the order in which they are best done.

    An exercise has ``name``, ``formula``, ``task``, ``start``, ``hints`` and ``solution`` as text.

    Example:
        >>> [exercise.name for exercise in exercises()][:4]
        ['scale', 'softmax', 'attention', 'dropout']
    """
    return list(EXERCISES)


def task(name: str) -> str:
    """What to do in an exercise: the formula, the shapes, and a text to start from. Print it.

    Raises:
        OptionError: with the names that are near.

    Example:
        >>> print(task("scale"))
        scale
        ─────
        Score every query against every key...
    """
    return _named(name).task


def start(name: str) -> str:
    """The text to start from, to be copied.

    Raises:
        OptionError: with the names that are near.
    """
    return _named(name).start


def hint(name: str, number: int = 1) -> str:
    """A hint; each tells more than the one before, and none gives the answer.

    Raises:
        OptionError: with the names that are near, or the number of hints that there are.

    Example:
        >>> hint("scale")
        'A dot product multiplies entry by entry and adds up. How many numbers does it add up here?'
    """
    exercise = _named(name)
    return exercise.hints[whole_number(f"hint of {exercise.name}", number, 1, len(exercise.hints)) - 1]


def solution(name: str) -> str:
    """A right answer, to be compared with one's own.

    Raises:
        OptionError: with the names that are near.
    """
    return _named(name).solution


def check(name: str, function: Callable[..., Any]) -> Report:
    """Try an answer, and name its mistake.

    The answer runs on a handful of small cases and on inputs drawn at random, always the same, and on copies of them. It may
    be written in any style: loops, einsum, NumPy inside. What counts is the numbers, equal to 3 digits. A wrong answer is
    compared with the programs that people write who make the known mistakes, one or two of them at a time. A mistake is named
    where every known program with these numbers makes it, or where the source shows it; where numbers do not tell, the report
    says which mistakes would give them, and names none.

    Args:
        name: of the exercise.
        function: the answer.

    Returns:
        A report: true if the answer is right. Printed, it names the mistake and its cure, and shows expected and actual numbers
        side by side. What the answer raises is told there.

    Raises:
        OptionError: no exercise of this name; with the names that are near.
        DtypeError: if the function is none.

    Example:
        >>> report = check("scale", lambda query, key: query @ key.mT)
        >>> report.passed, report.mistakes
        (False, ('no scale',))
    """
    exercise = _named(name)
    if not callable(function):
        raise DtypeError(
            f"answer to {exercise.name}: expected a function, got {type(function).__name__}; "
            f"write lessons.check({exercise.name!r}, {exercise.answer.__name__}), without calling it"
        )
    return diagnose(exercise, function)


def _named(name: str) -> Exercise:
    """The exercise of this name, whatever its case, with blanks or hyphens."""
    named = {exercise.name: exercise for exercise in EXERCISES}
    wanted = " ".join(str(name).lower().replace("-", " ").replace("_", " ").split())
    if wanted in named:
        return named[wanted]
    near = difflib.get_close_matches(wanted, named, n=3, cutoff=0.5)
    near += [one for one in named if one not in near and set(one.split()) & set(wanted.split())]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(named)}"
    raise OptionError(f"expected the name of an exercise, got {name!r}; {hint}")
