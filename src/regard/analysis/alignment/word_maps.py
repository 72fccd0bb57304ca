"""A map from tokens to tokens, read as one from words to words: still lazy, and narrower."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.maps.view import MapView
from regard.positions import Positions, positions_of
from regard.tokens.words import Words


def merge(amap: AttentionMap, queries: Words | None = None, keys: Words | None = None) -> AttentionMap:
    """The map between words: weights are summed over the tokens of a key's word, and averaged over those of a query's word.

    W[i, j] = 1/|Qᵢ| · Σ_{q ∈ Qᵢ} Σ_{k ∈ Kⱼ} w[q, k]: a row keeps its mass, whatever the number of pieces, and says where the
    word looked on average. Special tokens belong to no word and are left out, so that a row sums to 1 less what it spent on
    them. A word without tokens has weights of 0.

    Nothing is computed here: regions, statistics and products read the tokens' map in blocks when they are asked for.

    Args:
        amap: a map with token labels.
        queries: the words of its rows; those of its labels, split at blanks, where not given.
        keys: the words of its columns, likewise.

    Returns:
        A map (batch, heads, query words, key words), labelled with the words.

    Raises:
        ShapeError: no labels and no words, or words with tokens that the map does not have.

    Example:
        >>> import torch
        >>> amap = AttentionMap.from_dense(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.6, 0.3], [0.0, 0.0, 1.0]]))
        >>> amap.queries = amap.keys = ("▁cat", "s", "</s>")
        >>> merge(amap).dense()
        tensor([[[[0.7250]]]])
    """
    if not isinstance(amap, AttentionMap):
        raise DtypeError(f"amap: expected a map, got {in_short(amap)}; for example recording.cross[0]")
    chosen: list[Words] = []
    for name, given, axis in (("queries", queries, amap.queries), ("keys", keys, amap.keys)):
        if given is None and axis.spelled is None:
            raise ShapeError(f"expected a map with labels of its {name}, got none; give {name}=words_of(tokens)")
        if not isinstance(given, Words | None):
            raise OptionError(f"{name}: expected Words, as words_of(tokens) gives them, got {type(given).__name__}")
        chosen.append(axis.units() if given is None else given)
    return amap.by(*chosen)


def mean_of(maps: Sequence[AttentionMap]) -> AttentionMap:
    """The mean of several maps of one shape, as a map that computes what is read when it is read.

    A map that stands in the list twice counts twice. Name, kind, layer and labels are those of the first.

    Raises:
        OptionError: no maps; ShapeError: maps of several shapes.

    Example:
        >>> import torch
        >>> mean_of([AttentionMap.from_dense(torch.eye(2)), AttentionMap.from_dense(torch.ones(2, 2) / 2)])[0, 0]
        tensor([[0.7500, 0.2500],
                [0.2500, 0.7500]])
    """
    if not maps:
        raise OptionError("expected at least one map, got none; the mean of nothing is not defined")
    if len(shapes := {amap.shape for amap in maps}) > 1:
        raise ShapeError(f"expected maps of one shape, got {', '.join(map(str, sorted(shapes)))}; select the same part of each")
    first = maps[0]
    if len(maps) == 1:
        return first
    return AttentionMap.from_data(replace(first.to_data(), view=MapView.whole(MeanWeights(tuple(maps)))))


@dataclass(frozen=True, eq=False)
class MeanWeights:
    """What a mean of maps is kept as: the maps."""

    maps: tuple[AttentionMap, ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""
        return self.maps[0].shape

    @property
    def dtype(self) -> torch.dtype:
        """That of the first map."""
        return self.maps[0].dtype

    @property
    def nbytes(self) -> int:
        """Of all of them."""
        return sum(amap.nbytes for amap in set(self.maps))

    @property
    def device(self) -> torch.device:
        """That of the first map."""
        return self.maps[0].device

    def describe(self) -> str:
        """In a few words, how the weights are kept."""
        return f"mean of {len(self.maps)} maps; {self.maps[0].view.source.describe()}"

    def denominators(self, *_: Positions) -> Tensor:
        """Of a mean of weights there are none."""
        raise OptionError("logsumexp: expected one map, got a mean of several, whose denominators differ; ask each of them")

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """The weights at these positions, (batch, heads, queries, keys)."""
        made = torch.zeros(*map(len, (batch, heads, queries, keys)), dtype=self.dtype, device=self.device)
        for amap in self.maps:
            ranges = zip(amap.view.ranges, (batch, heads, queries, keys), strict=True)
            chosen = (positions_of([at[one] for one in positions]) for at, positions in ranges)
            made += amap.view.source.weights(*chosen).to(made)
        return made / len(self.maps)
