"""What an exercise is: a task, an answer that is right, and the answers that people give instead.

A mistake is kept as an edit of the right answer: some of its text, and what stands there after a misunderstanding. The
edited program is run like the student's, and an answer that computes the same numbers made the same mistake, in any style.
"""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

AnyFunction = Callable[..., Any]
Edits = Mapping[str, str]


class Case(NamedTuple):
    """Inputs that an answer is tried on."""

    title: str  #: what is special about them
    inputs: tuple[Any, ...]  #: in the order of the answer's parameters


class Result(NamedTuple):
    """One of the tensors that an answer returns."""

    name: str
    axes: tuple[str, ...]


class Mistake:
    """A way to get it wrong.

    Args:
        name: in a few words.
        says: what is wrong, and the cure.
        variants: edits that make it, each {text of the right answer: what stands there instead}. One mistake has several
            where its symptoms depend on how the rest was written.
    """

    def __init__(self, name: str, says: str, *variants: Edits) -> None:
        self.name, self.says, self.variants = name, says, variants

    def __repr__(self) -> str:
        return f"Mistake({self.name}: {self.says})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Exercise:
    """A task, its right answer, and the mistakes that are known by name.

    Attributes:
        name: in lower case.
        text: what to write, and why.
        formula: in plain text.
        returns: the tensors that the answer returns, in order.
        answer: a right one; it needs nothing but torch.
        cases: inputs that answers are tried on, the easiest to read first; every two mistakes differ on one of them.
        mistakes: the likely ones.
        hints: each tells more than the one before.
        without: parts of names of torch functions that the answer is to do without.
    """

    name: str
    text: str
    formula: str
    returns: tuple[Result, ...]
    answer: AnyFunction
    cases: tuple[Case, ...]
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, ...]
    without: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Exercise({self.name}: {self.answer.__name__}({', '.join(self.parameters)}))"

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of what the answer gets."""
        return tuple(inspect.signature(self.answer).parameters)

    @cached_property
    def solution(self) -> str:
        """A right answer as text, to be read when one's own is right, or not to be found."""
        return inspect.getsource(self.answer).strip()

    @cached_property
    def start(self) -> str:
        """The text to start from: the signature and what it means."""
        return f"{self._signature}\n    return ...  # your code"

    @cached_property
    def task(self) -> str:
        """What to do, to be printed."""
        formula = "\n".join(f"    {line}" for line in self.formula.splitlines())
        return (
            f"{self.name}\n{'─' * len(self.name)}\n{textwrap.fill(self.text, 100)}\n\n{formula}\n\n"
            f"Start from\n\n{self.start}\n\n"
            f'and try it with lessons.check("{self.name}", {self.answer.__name__}). A hint: lessons.hint("{self.name}").'
        )

    @cached_property
    def _signature(self) -> str:
        return "\n".join(self.solution.splitlines()[: self._body_starts])

    @cached_property
    def _body_starts(self) -> int:
        """How many lines signature and docstring take."""
        function = ast.parse(self.solution).body[0]
        if not isinstance(function, ast.FunctionDef) or function.body[0].end_lineno is None:
            raise TypeError(f"the answer of {self.name} is not a function with a docstring")
        return function.body[0].end_lineno

    def edited(self, *variants: Edits) -> AnyFunction | None:
        """The right answer with these mistakes in it; None where their edits meet in one place."""
        body = "\n".join(self.solution.splitlines()[self._body_starts :])
        for old, new in (edit for variant in variants for edit in variant.items()):
            if body.count(old) != 1:
                return None
            body = body.replace(old, new)
        names: dict[str, Any] = {"torch": torch}
        exec(f"{self._signature}\n{body}", names)  # noqa: S102 - nothing but our own text
        function: AnyFunction = names[self.answer.__name__]
        return function

    def wrong_answers(self) -> Iterator[tuple[tuple[Mistake, ...], AnyFunction]]:
        """Programs with one mistake each, then with two."""
        for count in (1, 2):
            for mistakes in itertools.combinations(self.mistakes, count):
                for variants in itertools.product(*(mistake.variants for mistake in mistakes)):
                    function = self.edited(*variants) or self.edited(*variants[::-1])
                    if function is not None:
                        yield mistakes, function


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, rounded to eighths so that they can be read and are exact; the same every time.

    Example:
        >>> drawn(2, 3)
        tensor([[ 1.5000, -0.2500, -2.1250],
                [ 0.6250, -1.1250, -1.3750]])
    """
    numbers: Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return numbers.mul(8).round().div(8)
