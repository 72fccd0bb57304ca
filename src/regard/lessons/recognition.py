"""Which known mistake gives an answer's numbers; and whether they say that it was made."""

import dis
import inspect
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from tokenize import TokenError
from types import CodeType
from typing import NamedTuple

from regard.lessons.answers import Outcome, alike, close, outcome, tensors
from regard.lessons.exercise import AnyFunction, Case, Exercise, Mistake

Mistakes = tuple[Mistake, ...]


class Recognised(NamedTuple):
    """What is known of a wrong answer: of its numbers, and of its source.

    Attributes:
        named: the mistakes that every known program with these numbers makes.
        maybe: where such programs differ, the other mistakes of each.
        shown: whether the source shows what was made; numbers alone are evidence, and are called so.
    """

    named: Mistakes
    maybe: tuple[Mistakes, ...]
    shown: bool

    def __bool__(self) -> bool:
        return bool(self.named or self.maybe)

    def told(self) -> str:
        """What to say of it; nothing where nothing was recognised."""
        said = []
        if len(self.named) == 1:
            opening = "" if self.shown else "It gives the numbers of this mistake:\n"
            said.append(f"{opening}{self.named[0].says}")
        elif self.named:
            said.append("Two mistakes at once." if self.shown else "It gives the numbers of two mistakes at once.")
            said += [f"{count}. {one.says}" for count, one in enumerate(self.named, start=1)]
        if self.maybe:
            said.append(
                "With it comes one of these, and the numbers do not tell which:"
                if self.named
                else "It gives the same numbers as these mistakes, and they do not tell which of them, or what else, was made:"
            )
            said += [f"– {' '.join(one.says for one in mistakes)}" for mistakes in self.maybe]
        return "\n".join(said)


def recognised(exercise: Exercise, function: AnyFunction, right: list[Outcome], tried: list[Outcome]) -> Recognised:
    """The mistake, or two together, that gives the same in every case and on every input drawn at random.

    Args:
        exercise: what was asked.
        function: the answer.
        right: what should have come, case by case.
        tried: what came.
    """
    nothing = Recognised((), (), shown=False)
    if all(came.error is not None for came in tried) or all(
        alike(came, should) or not _numbers(came) for came, should in zip(tried, right, strict=True)
    ):
        return nothing  # there are no wrong numbers to know it by
    found = _with_these_numbers(exercise, tried)
    text = _source(function)
    shown = [mistakes for mistakes in found if text is not None and any(one.source and one.source(text) for one in mistakes)]
    unseen = [mistakes for mistakes in found if any(one.source for one in mistakes)]
    if shown:
        found = shown
    elif text is not None:
        found = [mistakes for mistakes in found if mistakes not in unseen]
    if not found:
        return nothing
    if len(found) == 1 and (shown or found[0] not in unseen):
        return Recognised(found[0], (), shown=bool(shown))
    named = tuple(one for one in found[0] if one.source is None and all(one in mistakes for mistakes in found))
    maybe = tuple(tuple(one for one in mistakes if one not in named) for mistakes in found)
    return Recognised(named, maybe, shown=False)


def _with_these_numbers(exercise: Exercise, tried: list[Outcome]) -> list[Mistakes]:
    """The fewest mistakes that give what came; all that do, where several as few do."""
    found: list[Mistakes] = []
    for mistakes, wrong in exercise.wrong_answers():
        if found and len(mistakes) > len(found[0]):
            break
        if mistakes not in found and all(
            _agrees(exercise, wrong, case, came, drawn=number >= len(exercise.cases))
            for number, (case, came) in enumerate(zip(exercise.cases + exercise.draws, tried, strict=True))
        ):
            found.append(mistakes)
    return found


def _agrees(exercise: Exercise, wrong: AnyFunction, case: Case, came: Outcome, *, drawn: bool) -> bool:
    """Whether a wrong program gives what came.

    Where a program is wrong it also does odd things at the edges, each in its own way: on drawn inputs only finite numbers are
    compared. And some mistakes make numbers that rounding decides: what the program itself gives otherwise in double
    precision is no evidence.
    """
    theirs = _first(exercise, wrong) if case is exercise.cases[0] else outcome(wrong, case, exercise.parameters)
    if alike(theirs, came) or (drawn and (theirs.error or came.error)):
        return True
    some, others = tensors(theirs.returned), tensors(came.returned)
    if some is None or others is None or [one.shape for one in some] != [one.shape for one in others]:
        return False
    precise = outcome(wrong, case.double(), exercise.parameters)
    exact = tensors(precise.returned) or some
    return all(
        bool((close(one, other) | (drawn & ~(one.isfinite() & other.isfinite())) | ~close(one, finer)).all())
        for one, other, finer in zip(some, others, exact, strict=True)
    )


@lru_cache(maxsize=8192)
def _first(exercise: Exercise, wrong: AnyFunction) -> Outcome:
    """What a wrong program gives in the first case, which tells nearly all of them from an answer, check by check."""
    return outcome(wrong, exercise.cases[0], exercise.parameters)


def _numbers(came: Outcome) -> bool:
    """Python's own numbers raise where those of a tensor turn into inf or NaN."""
    return came.error is None or isinstance(came.error, OverflowError | ZeroDivisionError)


def _source(function: AnyFunction) -> str | None:
    """The text of an answer, where it can be had: not of a layer that is called, or of what was typed at a prompt.

    Python looks up the lines that stand now in a file of that name: they count where they make the same function.
    """
    try:
        text = textwrap.dedent(inspect.getsource(function))
        made = list(_codes(compile(text, "answer", "exec", dont_inherit=True)))
    except (OSError, TypeError, SyntaxError, TokenError, ValueError):
        return None
    code = getattr(inspect.unwrap(function), "__code__", None)
    return text if code is None or any(_named(one) == _named(code) for one in made) else None


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of each function that stands in a text, at any depth."""
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield part
            yield from _codes(part)


def _named(code: CodeType) -> tuple[object, ...]:
    """What tells a function from another that was written in its place; where its variables lie is not of it."""
    plain = [repr(one) for one in code.co_consts if not isinstance(one, CodeType)]
    steps = [
        (one.opname, one.argrepr if one.opname in {"BINARY_OP", "COMPARE_OP"} else "") for one in dis.get_instructions(code)
    ]
    done = [step for step in steps if not step[0].startswith(("LOAD_", "COPY_FREE_VARS", "MAKE_CELL", "PUSH_NULL"))]
    return code.co_name, code.co_varnames + code.co_cellvars, {*code.co_names, *code.co_freevars}, plain, done
