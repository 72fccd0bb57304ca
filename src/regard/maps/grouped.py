"""Weights between groups of positions: words, characters, sentences, spans. Still lazy, and narrower."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from regard.arguments import whole_number
from regard.axes.axis import Axis
from regard.axes.line import Groups
from regard.axes.spans import Spans
from regard.errors import OptionError, ShapeError, in_short
from regard.maps.reading.parts import BLOCK_BYTES
from regard.maps.view import MapData, MapView
from regard.positions import Positions
from regard.tokens.words import Words

Asked = Words | Spans | Callable[[str], Iterable[str]] | str | Sequence[str] | Sequence[Sequence[int]]
"""How positions are put together: a unit, words that are given or a function that cuts a text into them, or spans."""


def grouped(data: MapData, queries: Asked | None, keys: Asked | None) -> MapData:
    """A map between groups of positions, lazily; a side of which nothing is asked stays as it is.

    Raises:
        OptionError: a unit that the side has not, no texts, or words of another text; ShapeError: spans beyond the map.
    """
    sides = ("queries", data.queries, queries, data.view.shape[2]), ("keys", data.keys, keys, data.view.shape[3])
    (rows, row_axis), (columns, column_axis) = (_groups(name, axis, asked, size) for name, axis, asked, size in sides)
    view = MapView.whole(GroupedWeights(data.view, rows, columns))
    return replace(data, view=view, queries=row_axis, keys=column_axis)


def _groups(name: str, own: Axis | None, asked: Asked | None, size: int) -> tuple[Groups, Axis]:
    axis = own or Axis.unknown(size)
    if asked is None:
        return tuple((at,) for at in range(size)), axis
    if isinstance(asked, Words | Spans):
        units = asked.words if isinstance(asked, Spans) else asked
    elif not isinstance(asked, str) and isinstance(asked, Sequence) and asked and not isinstance(asked[0], str):
        units = _of_spans(name, asked, axis)
    else:
        units = axis.units(asked)  # type: ignore[arg-type]
    if wrong := sorted({place for places in units.tokens for place in places if not 0 <= place < size}):
        raise ShapeError(f"{name}: expected positions from 0 to {size - 1}, the map's, got {wrong[0]}")
    made = Axis.unknown(len(units.texts)).with_text(units.texts)
    if not axis.is_padded:
        return units.tokens, made
    there = axis.present
    real = tuple(tuple(at for at in places if there[at]) for places in units.tokens)  # padding is in no mean
    return real, replace(made, lines=(replace(made.line, present=tuple(map(bool, real))),))


def _of_spans(name: str, spans: Sequence[Any], axis: Axis) -> Words:
    """Ranges, slices or lists of positions, named by the texts that stand there."""
    groups = []
    for span in spans:
        places = range(len(axis))[span] if isinstance(span, slice) else span
        if isinstance(places, str) or not isinstance(places, Iterable):
            raise OptionError(
                f"{name}: expected spans as ranges or lists of positions, got {in_short(span)}; for example range(0, 3)"
            )
        groups.append(tuple(whole_number(name, at, 0, len(axis) - 1) for at in places))
    return Words(tuple(" ".join(axis[at] for at in group) for group in groups), tuple(groups))


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
