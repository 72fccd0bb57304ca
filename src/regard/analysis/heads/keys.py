"""What the tokens of the keys say in a pass: of one text, or of a batch. Here, and nowhere else, the two are read differently.

One text may be long: its repeats are looked up in a sorted list, so that the matrix of equal pairs is never made, and mass on
kinds of keys is summed row by row. Short texts come many at a time, padded on the right: comparing all their ids with
each other takes less time than lists would, and mass on kinds of keys follows from what the keys received.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from regard.tokens.punctuation import is_punctuation_token
from regard.tokens.special import is_special


class Keys(Protocol):
    """The tokens of the keys of some texts."""

    ranked: ClassVar[int]
    """Weights of a head that are ranked for ``span_90`` on one text: all of them, or evenly chosen rows of longer texts."""

    @property
    def lengths(self) -> Tensor:
        """Keys without padding, (texts,)."""

    @property
    def named(self) -> bool:
        """Whether it is known which are special, and which are punctuation."""

    def repeating(self, own: Tensor) -> Tensor | None:
        """Whether the token of each row has occurred before, (texts, rows), from the rows' own keys; None where unknown."""

    def mass(self, weights: Tensor, columns: slice) -> tuple[Tensor, dict[str, Tensor]]:
        """The mass of rows (texts, heads, rows, columns), one by one, in float64; and sums over them that say it by kinds."""

    def repeated(self, weights: Tensor, texts: slice, own: Tensor, columns: slice) -> tuple[Tensor, Tensor]:
        """The mass of such rows, by their own keys, on earlier equal tokens and on what came after: (texts, heads) each."""

    def received(self, received: Tensor) -> dict[str, Tensor]:
        """Sums that follow from what the keys received from all rows, (texts, heads, keys): those that ``mass`` left out."""

    def gini(self, received: Tensor) -> Tensor:
        """The Gini coefficient of what the keys of each text received, (texts, heads)."""


class TextKeys:
    """The keys of one text, by their labels or ids.

    Args:
        labels: one a key; None where there are none.
        special: the names of tokens that stand for no text; known by themselves where not given.
        count: how many keys there are.
        like: a tensor of the type of the weights, where they are.
    """

    ranked: ClassVar[int] = 2**23  # all of them up to 2,896 tokens

    def __init__(self, labels: Sequence[Any] | None, special: Collection[str] | None, count: int, like: Tensor) -> None:
        self.lengths = torch.tensor([count])
        self.named = labels is not None and all(isinstance(label, str) for label in labels)
        kinds = kinds_of_keys(labels or (), special) if self.named else [torch.zeros(count)] * 2
        self._kinds = torch.stack([torch.ones(count), *kinds], 1).to(like)  # (keys, 3)
        self._labels = labels
        self._repeats: _Repeats

    def repeating(self, own: Tensor) -> Tensor | None:
        """Whether the token of each row has occurred before; None where a row's own token is not among the keys."""
        if self._labels is None or not bool(((own >= 0) & (own < len(self._labels))).all()):
            return None
        self._repeats = _Repeats(self._labels)
        return self._repeats.count[None, own] > 0

    def mass(self, weights: Tensor, columns: slice) -> tuple[Tensor, dict[str, Tensor]]:
        """The mass of each row, and sums by kinds of keys."""
        shares = (weights[0] @ self._kinds[columns]).to("cpu", torch.float64)  # (heads, rows, 3)
        found = dict(zip(("mass", "special", "punctuation"), shares.sum(1).T[:, None], strict=True))
        if columns.start == 0:
            found["first"] = weights[..., 0].sum(-1, dtype=torch.float64).cpu()
        return shares[None, ..., 0], found

    def repeated(self, weights: Tensor, texts: slice, own: Tensor, columns: slice) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """The mass on earlier equal tokens, and on what came after them; once ``repeating`` has been asked."""
        rows, earlier = self._repeats.pairs(own)
        duplicate, induction = (_sum_at(weights[0], rows, earlier + step - columns.start)[None] for step in (0, 1))
        return duplicate, induction

    def received(self, received: Tensor) -> dict[str, Tensor]:  # noqa: ARG002 - all of it was summed row by row
        """Nothing is left."""
        return {}

    def gini(self, received: Tensor) -> Tensor:
        """The Gini coefficient of what the keys received."""
        return gini(received)


@dataclass(frozen=True)
class PaddedKeys:
    """The keys of a batch of texts, padded on the right."""

    ranked: ClassVar[int] = 2**16  # up to 256 tokens: ranking more would take longer than the model
    named: ClassVar[bool] = True

    lengths: Tensor  #: (texts,): tokens without padding
    ids: Tensor  #: (texts, positions)
    kinds: Tensor  #: (texts, positions, 2): 1 where a token is special, and where it is punctuation
    repeats: Tensor  #: (texts, positions): whether the token has occurred before

    def repeating(self, own: Tensor) -> Tensor | None:
        """Whether the token of each row has occurred before."""
        return self.repeats[:, own]

    def mass(self, weights: Tensor, columns: slice) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002 - see ``received``
        """The mass of each row; by kinds it follows from what keys received."""
        return weights.sum(-1).to("cpu", torch.float64), {}

    def repeated(self, weights: Tensor, texts: slice, own: Tensor, columns: slice) -> tuple[Tensor, Tensor]:
        """The mass on earlier equal tokens, and on what came after them."""
        ids, key = self.ids[texts].int(), torch.arange(columns.start, columns.stop)
        now = ids[:, own, None]
        earlier = ids.new_full((len(ids), len(key) + 1), -1)  # the keys, and the one before them: (texts, 1 + columns)
        earlier[:, 1 - min(columns.start, 1) :] = ids[:, max(columns.start - 1, 0) : columns.stop]
        equal = (earlier[:, None, 1:] == now) & (key < own[:, None])  # (texts, rows, columns)
        after = (earlier[:, None, :-1] == now) & (key <= own[:, None])
        places = torch.stack([equal, after], -1).to(weights.device, weights.dtype)
        found = torch.einsum("thrc,trcp->thrp", weights, places).to("cpu", torch.float64).sum(2)
        return found[..., 0], found[..., 1]

    def received(self, received: Tensor) -> dict[str, Tensor]:
        """The mass of all rows, and that on the first key and on kinds of keys."""
        kinds = (received[..., None] * self.kinds[:, None]).sum(2)  # (texts, heads, 2)
        found = {"mass": received.sum(-1), "first": received[..., 0]}
        return found | {"special": kinds[..., 0], "punctuation": kinds[..., 1]}

    def gini(self, received: Tensor) -> Tensor:
        """The Gini coefficients of what real keys received."""
        return gini_of_some(received, torch.arange(received.shape[2]) < self.lengths[:, None, None])


class _Repeats:
    """Where the tokens of a text have occurred before."""

    def __init__(self, labels: Sequence[Any]) -> None:
        numbers: dict[Any, int] = {}
        ids = torch.tensor([numbers.setdefault(label, len(numbers)) for label in labels])
        places = torch.arange(len(ids))
        self.order = ids.argsort(stable=True)  # equal tokens stand together, the earliest first
        new = torch.ones(len(ids), dtype=torch.bool)
        new[1:] = ids[self.order].diff() != 0
        begins = torch.where(new, places, 0).cummax(0).values
        self.begin = torch.empty_like(places)  # where the run of a token's equals begins in the order
        self.count = torch.empty_like(places)  # how many of them are earlier
        self.begin[self.order], self.count[self.order] = begins, places - begins

    def pairs(self, own: Tensor) -> tuple[Tensor, Tensor]:
        """The rows, given by their own positions, and each earlier position with the same token: (pairs,), (pairs,)."""
        count = self.count[own]
        rows = torch.arange(len(own)).repeat_interleave(count)
        within = torch.arange(len(rows)) - (count.cumsum(0) - count)[rows]
        return rows, self.order[self.begin[own][rows] + within]


def _sum_at(weights: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Sum of (heads, rows, columns) over pairs of row and column, (heads,); nothing stands outside."""
    inside = (columns >= 0) & (columns < weights.shape[2])
    chosen = weights[:, rows[inside].to(weights.device), columns[inside].to(weights.device)]
    return chosen.sum(1, dtype=torch.float64).cpu()


def gini(received: Tensor) -> Tensor:
    """Gini coefficients along the last axis; 0 where there is nothing."""
    keys = received.shape[-1]
    ranks = 2 * torch.arange(1, keys + 1, dtype=torch.float64) - keys - 1
    total = received.sum(-1)
    return torch.where(total > 0, received.sort(-1).values @ ranks / (keys * total), 0)


def gini_of_some(received: Tensor, counted: Tensor) -> Tensor:
    """Gini coefficients along the last axis of what is counted; the rest received nothing, stands first in order, is taken out.

    Args:
        received: (…, keys), 0 where nothing is counted.
        counted: whether a key is counted; broadcasts to ``received``.
    """
    columns, real = received.shape[-1], counted.sum(-1).clamp(min=1)
    return torch.where(received.sum(-1) > 0, (gini(received) * columns - (columns - real)) / real, 0)


def kinds_of_keys(labels: Sequence[str], special: Collection[str] | None) -> list[Tensor]:
    """1 where a key is a special token, and where it is punctuation, each (keys,)."""
    stands_for_nothing = [is_special(label, special) for label in labels]
    marks = [not out and is_punctuation_token(label) for label, out in zip(labels, stands_for_nothing, strict=True)]
    return [torch.tensor(stands_for_nothing).float(), torch.tensor(marks).float()]
