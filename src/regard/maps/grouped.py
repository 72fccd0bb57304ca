"""Weights between groups of positions: words, characters, sentences, spans. Still lazy, and narrower."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import torch
from torch import Tensor

from regard.axes.line import Groups
from regard.errors import OptionError
from regard.maps.reading.parts import BLOCK_BYTES
from regard.maps.view import MapView
from regard.positions import Positions


@dataclass(frozen=True, eq=False)
class GroupedWeights:
    """What a merged map is kept as: what the tokens' map reads, and which of its rows and columns belong together.

    Weights are summed over the tokens of a group of keys, and averaged over those of a group of queries.
    """

    view: MapView
    rows: Groups
    columns: Groups

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, query words, key words)."""
        batch, heads, _, _ = self.view.shape
        return batch, heads, len(self.rows), len(self.columns)

    @property
    def dtype(self) -> torch.dtype:
        """That of the tokens' map."""
        return self.view.source.dtype

    @property
    def nbytes(self) -> int:
        """That of the tokens' map."""
        return self.view.source.nbytes

    @property
    def device(self) -> torch.device:
        """That of the tokens' map."""
        return self.view.source.device

    def describe(self) -> str:
        """In a few words, how the weights are kept."""
        queries, keys = self.view.shape[2:]
        return f"words of a map of {queries} and {keys} tokens; {self.view.source.describe()}"

    def denominators(self, *_: Positions) -> Tensor:
        """Of a sum of weights there are none."""
        raise OptionError(
            "logsumexp: expected a map of tokens, got one of words, whose rows are means of several; ask the tokens'"
        )

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """The weights at these positions, (batch, heads, query words, key words): a block of token rows at a time."""
        whole = keys == range(len(self.columns))
        members = self._all_columns if whole else _Members.of([self.columns[at] for at in keys], self.device)
        narrow = (self._narrowed if whole else self.view.select(keys=members.choice)).select(
            batch=list(batch), heads=list(heads)
        )
        made = torch.zeros(*map(len, (batch, heads, queries, keys)), dtype=self.dtype, device=self.device)
        for first, last in self._row_runs(queries, len(batch) * len(heads) * len(members.choice_list)):
            rows = _Members.of([self.rows[at] for at in queries[first:last]], self.device)
            tokens = narrow.select(queries=rows.choice).weights()  # (batch, heads, tokens of these rows, tokens of the columns)
            summed = tokens.new_zeros(*tokens.shape[:3], len(keys)).index_add_(3, members.word, tokens)
            made[:, :, first:last].index_add_(2, rows.word, summed / rows.size[rows.word][:, None])
        return made

    def _row_runs(self, queries: Positions, width: int) -> list[tuple[int, int]]:
        """Runs of query words whose tokens' weights fit a block, with what is made of them on the way."""
        most = max(1, BLOCK_BYTES // (32 * max(1, width)))
        runs, first, count = [], 0, 0
        for at, word in enumerate(queries):
            if at > first and count + len(self.rows[word]) > most:
                runs.append((first, at))
                first, count = at, 0
            count += len(self.rows[word])
        return [*runs, (first, len(queries))] if len(queries) else []

    @cached_property
    def _all_columns(self) -> "_Members":
        return _Members.of(self.columns, self.device)

    @cached_property
    def _narrowed(self) -> MapView:
        """The tokens' map without the columns of no word: chosen once, for there may be many."""
        return self.view.select(keys=self._all_columns.choice)


@dataclass(frozen=True)
class _Members:
    """Positions of tokens, one word's after another's."""

    choice_list: list[int]
    word: Tensor  # (tokens,): the word of each, counted from 0
    size: Tensor  # (words,): how many tokens each has

    @classmethod
    def of(cls, groups: Sequence[tuple[int, ...]], device: torch.device) -> "_Members":
        size = torch.tensor([len(group) for group in groups], dtype=torch.long, device=device)
        return cls(
            list(chain.from_iterable(groups)), torch.repeat_interleave(torch.arange(len(groups), device=device), size), size
        )

    @property
    def choice(self) -> slice | list[int]:
        """The positions for ``select``: a slice where they are a run, which needs no copy of the keys."""
        places = self.choice_list
        if places and places == list(range(places[0], places[0] + len(places))):
            return slice(places[0], places[0] + len(places))
        return places
