"""One card a mechanism: its formula, where it comes from, what it costs, how it runs, decodes and is kept as a map."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from regard.errors import OptionError
from regard.mechanisms.softmax_attention import attention
from regard.pictured import Pictured

Family = Literal["scores", "heads", "positions", "patterns", "normalisers", "linear", "caches", "cross"]
RowSum = Literal["one", "at most one", "any"]
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


Function = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]  #: query, key and value to output and weights
MapArguments = dict[str, Any]
Kept = tuple[Tensor, ...]
Step = Callable[[Tensor, Tensor, Tensor, Kept], Tensor]


class Beside(NamedTuple):
    """A second picture of a card, whose weights alone look like those of another: what is not in the first."""

    title: str
    numbers: Callable[[Tensor, Tensor, Tensor], Tensor]  #: query, key and value to (heads, queries, columns)
    columns: str = "keys"
    unit: str = "difference of weights"


def no_map(_query: Tensor, _key: Tensor) -> MapArguments | None:
    """The factors of a mechanism whose weights are no softmax over scores that a map can keep."""
    return None


@dataclass(frozen=True, kw_only=True)
class Card(Pictured):
    """A mechanism on one page.

    Attributes:
        name: how it is called here, in lower case with hyphens.
        title: its name as people write it.
        family: which problem it answers.
        formula: in plain text, in this package's symbols.
        latex: the same for a page.
        symbols: our symbols in the paper's words, where they differ.
        leaves_out: what models have around it, and this card has not.
        also: other names that it goes by, abbreviations first; `catalogue.find` knows them.
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
        kept: what decoding holds after these keys and values: the tensors of which cache_per_token and state tell the bytes.
        function: what ``apply`` runs; where None, attention over the factors.
        factors: of query and key, the arguments of an ``AttentionMap`` that has these weights: it shows how they come about,
            step by step. None where no such map can be had.
        step_function: what ``step`` runs; where None, ``apply`` on the keys and values that were kept and the new ones.
        runs_as: the form whose products are ``flops``; ``apply`` itself where None.
        sparse: only visible pairs cost: the readable form computes all of them and hides.
        causal: no output depends on later positions.
        rows: what a row of weights sums to.
        permutable: keys and values in another order give the same output.
        reconstructs: output = weights · values.
        drawn: the head that its picture shows: one in which it differs from its neighbours, where the first does not.
        beside: what a second picture shows, where the weights look like those of another card.
        without_gradient: which of query and key training does not reach, because the weights ignore it, or none could be had.
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
    kept: Callable[[Tensor, Tensor, Tensor], Kept]
    function: Function | None = None
    factors: Callable[[Tensor, Tensor], MapArguments | None] = no_map
    step_function: Step | None = None
    symbols: str = ""
    leaves_out: str = ""
    also: tuple[str, ...] = ()
    runs_as: Callable[[Tensor, Tensor, Tensor], object] | None = None
    sparse: bool = False
    causal: bool = False
    rows: RowSum = "one"
    permutable: bool = False
    reconstructs: bool = True
    drawn: int = 0
    beside: Beside | None = None
    without_gradient: tuple[Asking, ...] = ()

    def __repr__(self) -> str:
        return f"Card({self.name}: {self.title}, {self.year})"

    def apply(self, query: Tensor, key: Tensor, value: Tensor) -> Attended:
        """Runs it on queries, keys and values (batch, heads, positions, dim) of as many heads.

        What a model would learn is drawn once and for all (`learned`). `catalogue.example` says which sizes suit every card.
        """
        if self.function is not None:
            return Attended(*self.function(query, key, value))
        factors = self.factors(query, key)
        if factors is None:
            raise OptionError(f"expected a card with a function or with factors, got {self!r} with neither; give it one")
        return Attended(*attention(value=values_for(factors["key"], value), **factors))

    def step(self, query: Tensor, key: Tensor, value: Tensor, kept: Kept) -> Tensor:
        """The output of one more token, (batch, heads, 1, value_dim), from itself and what is ``kept`` of those before.

        Raises:
            OptionError: a mechanism that does not decode so.
        """
        if self.step_function is not None:
            return self.step_function(query, key, value, kept)
        if not kept:
            raise OptionError(f"expected a mechanism that decodes token by token, got {self.name}; apply it to all tokens")
        keys, values = kept
        return self.apply(query, appended(keys, key), appended(values, value)).output


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
        raise OptionError(f"queries: expected as many as keys, {s.keys}, got {s.queries}; ask for a whole sequence")
    return s.keys


NOTHING = Cost("0", lambda _: 0)
FULL_PRODUCTS = Cost(
    "2·heads·queries·keys·(dim + value_dim)", lambda s: 2 * s.heads * s.queries * s.keys * (s.dim + s.value_dim)
)
KEYS_AND_VALUES = Cost("heads·(dim + value_dim)·itemsize", lambda s: s.heads * (s.dim + s.value_dim) * s.itemsize)


def keys_and_values(_query: Tensor, key: Tensor, value: Tensor) -> Kept:
    """What most mechanisms keep when they decode."""
    return key, value


def nothing(_query: Tensor, _key: Tensor, _value: Tensor) -> Kept:
    """What is kept by mechanisms that do not decode token by token."""
    return ()


def appended(kept: Tensor, new: Tensor) -> Tensor:
    """What was kept, (..., positions, dim), and what is new after it.

    >>> appended(torch.ones(1, 3, 2), torch.ones(1, 1, 2)).shape
    torch.Size([1, 4, 2])
    """
    return torch.cat([kept, new], dim=-2)


def values_for(key: Tensor, value: Tensor) -> Tensor:
    """The heads of values that go with the heads of keys, where several query heads share one.

    >>> values_for(torch.ones(1, 2, 5, 3), torch.ones(1, 4, 5, 3)).shape
    torch.Size([1, 2, 5, 3])
    """
    return value[:, :: value.shape[1] // key.shape[1]]


def query_and_key(**options: Any) -> Callable[[Tensor, Tensor], MapArguments]:
    """Factors of a mechanism that scores queries and keys as they are: options of ``AttentionMap`` say the rest.

    >>> sorted(query_and_key(causal=True)(torch.ones(2, 3), torch.ones(2, 3)))
    ['causal', 'key', 'query']
    """
    return lambda query, key: {"query": query, "key": key, **options}


def learned(*shape: int, like: Tensor, seed: int = 0) -> Tensor:
    """Stands for parameters that a model would learn: normal numbers / √(first size), the same every time.

    >>> learned(2, 3, like=torch.ones(1, dtype=torch.float64)).dtype
    torch.float64
    """
    numbers: Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return numbers.div_(shape[0] ** 0.5).to(like.device, like.dtype)
