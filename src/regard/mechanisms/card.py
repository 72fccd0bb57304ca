"""One card a mechanism: its formula, where it comes from, what it costs, and a way to run it on any input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from regard.errors import OptionError

Family = Literal["scores", "heads", "positions", "patterns", "normalisers", "linear", "cross"]
Rows = Literal["one", "at most one", "any"]
Asking = Literal["query", "key"]


class Attended(NamedTuple):
    """What a mechanism makes of queries, keys and values."""

    output: Tensor  #: (batch, heads, queries, value_dim)
    weights: Tensor  #: (batch, heads, queries, keys); without a softmax the effective matrix, output = weights · values


class Sizes(NamedTuple):
    """What costs are counted for: one sequence, all heads."""

    heads: int
    queries: int
    keys: int
    dim: int
    value_dim: int
    itemsize: int  #: bytes of a number


@dataclass(frozen=True)
class Cost:
    """A cost as a formula, and as a number."""

    text: str  #: in the names of Sizes, of one sequence and all heads
    count: Callable[[Sizes], int]


Apply = Callable[[Tensor, Tensor, Tensor], Attended]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A mechanism on one page.

    Attributes:
        name: how it is called here, in lower case with hyphens.
        title: its name as people write it.
        family: which problem it answers.
        formula: in plain text, in this package's symbols.
        latex: the same for a page.
        symbols: our symbols in the paper's words, where they differ.
        paper: authors, year, title, where.
        year: of the first version.
        change: what it changed, and why.
        use: where it runs today.
        wins: a task that it is the better choice for.
        loses: a task that it is the worse choice for.
        flops: operations of its matrix products, two a multiply-add, for one sequence.
        cache_per_token: bytes that decoding keeps for each key; 0 for what does not decode token by token.
        state: bytes that decoding keeps whatever the length.
        code: the function or module to read, under ``regard.mechanisms``.
        apply: runs it on (batch, heads, positions, dim) queries, keys and values of as many heads; what a model would learn is
            drawn once and for all (`learned`). `catalogue.example` says which sizes suit every card.
        kept: what decoding holds after these keys and values: the tensors of which cache_per_token and state tell the bytes.
        runs_as: the form whose products are ``flops``; ``apply`` itself where None.
        sparse: only visible pairs cost: the readable form computes all of them and hides.
        causal: no output depends on later positions.
        rows: what a row of weights sums to.
        permutable: keys and values in another order give the same output.
        reconstructs: output = weights · values.
        without_gradient: which of query and key training does not reach, because nobody looks at it, or none could be had.
    """

    name: str
    title: str
    family: Family
    formula: str
    latex: str
    paper: str
    year: int
    change: str
    use: str
    wins: str
    loses: str
    flops: Cost
    cache_per_token: Cost
    state: Cost
    code: str
    apply: Apply
    kept: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]
    symbols: str = ""
    runs_as: Callable[[Tensor, Tensor, Tensor], object] | None = None
    sparse: bool = False
    causal: bool = False
    rows: Rows = "one"
    permutable: bool = False
    reconstructs: bool = True
    without_gradient: tuple[Asking, ...] = ()

    def __repr__(self) -> str:
        return f"Card({self.name}: {self.title}, {self.year})"


def pairs(s: Sizes, seen: Callable[[int], int]) -> int:
    """How many places of one map are visible, if position i sees ``seen(i)`` keys. The queries are the last of the keys.

    >>> pairs(Sizes(heads=1, queries=2, keys=5, dim=1, value_dim=1, itemsize=4), lambda i: i + 1)
    9
    """
    return sum(seen(i) for i in range(s.keys - s.queries, s.keys))


def one_sequence(s: Sizes) -> int:
    """The length of a sequence that looks at itself, as some patterns must.

    Raises:
        OptionError: other queries than keys.
    """
    if s.queries != s.keys:
        raise OptionError(f"queries={s.queries} and keys={s.keys}; expected the same: the pattern is one of a whole sequence")
    return s.keys


NOTHING = Cost("0", lambda _: 0)
FULL_PRODUCTS = Cost(
    "2·heads·queries·keys·(dim + value_dim)", lambda s: 2 * s.heads * s.queries * s.keys * (s.dim + s.value_dim)
)
KEYS_AND_VALUES = Cost("heads·(dim + value_dim)·itemsize", lambda s: s.heads * (s.dim + s.value_dim) * s.itemsize)


def keys_and_values(_query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
    """What most mechanisms keep when they decode."""
    return key, value


def nothing(_query: Tensor, _key: Tensor, _value: Tensor) -> tuple[Tensor, ...]:
    """What is kept by mechanisms that do not decode token by token."""
    return ()


def learned(*shape: int, like: Tensor, seed: int = 0) -> Tensor:
    """Stands for parameters that a model would learn: normal numbers / √(first size), the same every time.

    >>> learned(2, 3, like=torch.ones(1, dtype=torch.float64)).dtype
    torch.float64
    """
    numbers: Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return numbers.div_(shape[0] ** 0.5).to(like.device, like.dtype)
