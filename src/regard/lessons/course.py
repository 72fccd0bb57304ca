"""The exercises in the order in which they are best done, and what can be asked of them by name."""

import difflib
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from regard import arguments
from regard.arguments import whole_number
from regard.errors import DtypeError, OptionError, in_short
from regard.lessons import tries
from regard.lessons.diagnosis import diagnose
from regard.lessons.exercise import Exercise
from regard.lessons.exercises import (
    alignment,
    caches,
    decoding,
    effects,
    experiments,
    heads,
    kernels,
    layers,
    masks,
    normalisers,
    padding,
    positions,
    recurrence,
    senses,
    weights,
)
from regard.lessons.report import Report

EXERCISES: tuple[Exercise, ...] = (
    *weights.EXERCISES,
    *padding.EXERCISES,
    *masks.EXERCISES,
    *heads.EXERCISES,
    *layers.EXERCISES,
    *positions.EXERCISES,
    *normalisers.EXERCISES,
    *decoding.EXERCISES,
    *kernels.EXERCISES,
    *caches.EXERCISES,
    *recurrence.EXERCISES,
    *alignment.EXERCISES,
    *experiments.EXERCISES,
    *effects.EXERCISES,
    *senses.EXERCISES,
)


def exercises() -> list[Exercise]:
    """All exercises, in the order in which they are best done.

    An exercise has ``name``, ``formula``, ``task``, ``start``, ``hints`` and ``solution`` as text.

    Example:
        >>> [exercise.name for exercise in exercises()][:4]
        ['scale', 'softmax', 'attention', 'dropout']
    """
    return list(EXERCISES)


def named(name: str) -> Exercise:
    """The exercise of this name, whatever its case, with blanks, hyphens or underscores.

    Raises:
        OptionError: with the names that are near.

    Example:
        >>> named("Causal-Mask").answer.__name__
        'causal_weights'
    """
    known = {exercise.name: exercise for exercise in EXERCISES}
    if not isinstance(name, str):
        raise OptionError(f"expected the name of an exercise, got {in_short(name)}; there are {', '.join(known)}")
    wanted = " ".join(str(name).lower().replace("-", " ").replace("_", " ").split())
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    near += [one for one in known if one not in near and set(one.split()) & set(wanted.split())]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    raise OptionError(f"expected the name of an exercise, got {in_short(name)}; {hint}")


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
    return named(name).task


def start(name: str) -> str:
    """The text to start from, to be copied.

    Raises:
        OptionError: with the names that are near.
    """
    return named(name).start


def hint(name: str, number: int = 1) -> str:
    """A hint; each tells more than the one before, and none gives the answer.

    Raises:
        OptionError: with the names that are near, or the number of hints that there are.

    Example:
        >>> hint("scale")
        'A dot product multiplies entry by entry and adds up. How many numbers does it add up here?'
    """
    exercise = named(name)
    return exercise.hints[whole_number(f"hint of {exercise.name}", number, 1, len(exercise.hints)) - 1]


def solution(name: str) -> str:
    """A right answer, to be compared with one's own.

    Raises:
        OptionError: with the names that are near.

    Example:
        >>> solution("scale").splitlines()[-1].strip()
        'return query @ key.mT / root'
    """
    return named(name).solution


def check(
    name: str,
    function: Callable[..., Any],
    *,
    student: str | None = None,
    record: str | os.PathLike[str] | None = None,
) -> Report:
    """Try an answer, and name its mistake.

    The answer runs on a handful of small cases and on inputs drawn at random, always the same, and on copies of them. It may
    be written in any style: loops, einsum, NumPy inside. What counts is the numbers, equal to 3 digits. A wrong answer is
    compared with the programs that people write who make the known mistakes, one or two of them at a time. A mistake is named
    where every known program with these numbers makes it, or where the source shows it; where numbers do not tell, the report
    says which mistakes would give them, and names none.

    Args:
        name: of the exercise.
        function: the answer.
        student: who answers: what is right on the inputs drawn for all is tried on this student's own as well.
        record: a file to note the try in: which exercise, how it went, the names of mistakes; no code. `class_report` reads it.

    Returns:
        A report: true if the answer is right. Printed, it names the mistake and its cure, and shows expected and actual numbers
        side by side. What the answer raises is told there.

    Raises:
        OptionError: no exercise of this name; with the names that are near.
        DtypeError: if the function is none.
        OptionError: the record is another student's; FileFormatError: it is something else. Nothing is checked then.

    Example:
        >>> report = check("scale", lambda query, key: query @ key.mT)
        >>> report.passed, report.mistakes
        (False, ('no scale',))
    """
    exercise = named(name)
    if not callable(function):
        raise DtypeError(
            f"answer to {exercise.name}: expected a function, got {type(function).__name__}; "
            f"write lessons.check({exercise.name!r}, {exercise.answer.__name__}), without calling it"
        )
    own = None if student is None else replace(exercise, seed=arguments.text("student", student))
    if record is not None:
        tries.begin(record, student)
    report = diagnose(exercise, function)  # mistakes are known by their numbers on inputs that are the same for all
    if report and own is not None:
        report = diagnose(own, function)
    if record is not None:
        tries.note(record, student, report)
    return report
