"""What an exercise is: a task, an answer that is right, and the answers that people give instead.

A mistake is kept as an edit of the right answer: some of its text, and what stands there after a misunderstanding; or as a
whole program. Wrong programs are run like the student's, and an answer that computes the same numbers, in the cases and on
inputs drawn at random, is told so.
"""

import ast
import inspect
import itertools
import random
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

AnyFunction = Callable[..., Any]
Edits = Mapping[str, str]
DRAWS = 40  # enough for every shape and size of number that a task allows to come up


class Case(NamedTuple):
    """Inputs that an answer is tried on."""

    title: str  #: what is special about them
    inputs: tuple[Any, ...]  #: in the order of the answer's parameters

    def double(self) -> "Case":
        """The same inputs in double precision."""
        return Case(
            self.title,
            tuple(one.double() if isinstance(one, Tensor) and one.is_floating_point() else one for one in self.inputs),
        )


class Result(NamedTuple):
    """One of the tensors that an answer returns."""

    name: str
    axes: tuple[str, ...]


class Mistake:
    """A way to get it wrong.

    Args:
        name: in a few words.
        says: what is wrong, and the cure.
        variants: what makes it: edits {text of the right answer: what stands there instead}, or whole programs. One mistake
            has several where its symptoms depend on how the rest was written.
        source: whether the source of an answer shows it. Such a mistake is named where its numbers come and the source shows
            it, never by its numbers alone: other programs give the same.
    """

    def __init__(
        self, name: str, says: str, *variants: Edits | AnyFunction, source: Callable[[str], bool] | None = None
    ) -> None:
        self.name, self.says, self.variants, self.source = name, says, variants, source

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
        draw: any inputs that the task allows, of any shape and size.
        mistakes: the likely ones.
        together: mistakes that meet in one place of the answer, by name, and the edits that make them at once.
        hints: each tells more than the one before.
        without: parts of names of torch functions that the answer is to do without.
        seed: other inputs are drawn for another.
    """

    name: str
    text: str
    formula: str
    returns: tuple[Result, ...]
    answer: AnyFunction
    cases: tuple[Case, ...]
    draw: Callable[[random.Random], tuple[Any, ...]]
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, ...]
    together: tuple[tuple[tuple[str, ...], Edits], ...] = ()
    without: tuple[str, ...] = ()
    seed: str = ""

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
        name = self.name
        return (
            f'{self.told}\n\nand try it with lessons.check("{name}", {self.answer.__name__}). A hint: lessons.hint("{name}").'
        )

    @cached_property
    def told(self) -> str:
        """The task without how to try it."""
        formula = "\n".join(f"    {line}" for line in self.formula.splitlines())
        return (
            f"{self.name}\n{'─' * len(self.name)}\n{textwrap.fill(self.text, 100)}\n\n{formula}\n\nStart from\n\n{self.start}"
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

    @cached_property
    def draws(self) -> tuple[Case, ...]:
        """Inputs drawn at random, the same every time: an answer that is right in the cases alone is not right."""
        seeds = [f"{self.seed} {number}" if self.seed else number for number in range(1, DRAWS + 1)]
        return tuple(
            Case(f"drawn at random, number {number}", self.draw(random.Random(seed)))  # noqa: S311 - no secrets
            for number, seed in enumerate(seeds, start=1)
        )

    def edited(self, *variants: Edits | AnyFunction) -> AnyFunction | None:
        """The right answer with these mistakes in it; None where they meet in one place."""
        if any(callable(variant) for variant in variants):
            return variants[0] if len(variants) == 1 and callable(variants[0]) else None
        body = "\n".join(self.solution.splitlines()[self._body_starts :])
        edits = [edit for variant in variants if not callable(variant) for edit in variant.items()]
        for old, new in edits:
            if body.count(old) != 1:
                return None
            body = body.replace(old, new)
        return _program(f"{self._signature}\n{body}", self.answer.__name__)

    def wrong_answers(self, most: int = 2) -> Iterator[tuple[tuple[Mistake, ...], AnyFunction]]:
        """Programs with one mistake each, then with two, then with as many as are asked for."""
        for count in range(1, most + 1):
            for mistakes in itertools.combinations(self.mistakes, count):
                for variants in itertools.product(*(mistake.variants for mistake in mistakes)):
                    function = self._in_any_order(variants)
                    if function is not None:
                        yield mistakes, function
            for names, edits in self.together:
                if len(names) == count and (function := self.edited(edits)) is not None:
                    yield tuple(mistake for mistake in self.mistakes if mistake.name in names), function

    def _in_any_order(self, variants: tuple[Edits | AnyFunction, ...]) -> AnyFunction | None:
        """One edit may take away the text of another, or bring it."""
        for order in itertools.permutations(variants):
            function = self.edited(*order)
            if function is not None:
                return function
        return None


@lru_cache(maxsize=8192)
def _program(text: str, name: str) -> AnyFunction:
    """The function of this name; the next check of an exercise tries the same ones."""
    names: dict[str, Any] = {"torch": torch}
    exec(text, names)  # noqa: S102 - nothing but our own text
    function: AnyFunction = names[name]
    return function


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, rounded to eighths so that they can be read and are exact; the same every time.

    Example:
        >>> drawn(2, 3)
        tensor([[ 1.5000, -0.2500, -2.1250],
                [ 0.6250, -1.1250, -1.3750]])
    """
    numbers: Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return numbers.mul(8).round().div(8)


def drawn_by(rng: random.Random, *shape: int) -> Tensor:
    """Numbers as of ``drawn``, by a generator's next seed.

    Example:
        >>> drawn_by(random.Random(0), 2)
        tensor([-0.3750,  0.6250])
    """
    return drawn(*shape, seed=rng.randrange(2**31))
