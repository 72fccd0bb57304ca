"""A weighted sum of maps of heads, as lazy as they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from regard.arguments import function, number, text, whole_number, with_all
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.maps.indexing import as_choice
from regard.maps.towers import towers_of
from regard.maps.view import MapView
from regard.positions import Positions

Head = tuple[int, int]


def mixture(
    recording: Any,
    heads: Mapping[Head, float],
    *,
    kind: str | None = None,
    each: Callable[[AttentionMap], AttentionMap] | None = None,
) -> AttentionMap:
    """Σ w_lh · A_lh over chosen heads: one map, lazily.

    Which heads, and how much of each, is for a measured score to say: how well they align, retrieve, or tell times. With
    weights that sum to 1 rows keep their mass. The mean of all heads has no such reason, and is given to nobody unasked.

    Args:
        recording: a recording, or a list of its maps, of one pass.
        heads: what each head counts, by (layer, head).
        kind: "encoder", "decoder", "cross" or "self", where the recording has maps of several.
        each: what is done to a head's map before, (batch, 1, queries, keys): a function that gives such a map again.

    Returns:
        A map (batch, 1, queries, keys) with the labels of the first head's.

    Raises:
        OptionError: a head or a kind that is not there, no heads, or layers of several towers or passes; DtypeError: weights
        that are no numbers; ShapeError: maps of several sizes.

    Example:
        >>> import regard
        >>> recording = regard.translate("The cat sat on the mat.").recording
        >>> mixture(recording, {(0, 3): 0.5, (1, 0): 0.5}, kind="cross").shape
        (1, 1, 10, 9)
    """
    found = maps_of_heads(recording, heads, kind)
    if each is not None:
        function("each", each, advice="it takes the map of a head, and gives a map")
        found = [(_checked(each(amap), amap), weight) for amap, weight in found]
    first = found[0][0]
    source = Mixed(tuple(amap.view for amap, _ in found), tuple(weight for _, weight in found))
    return AttentionMap.from_data(replace(first.to_data(), view=MapView.whole(source), name=None, layer=None))


def maps_of_heads(recording: Any, heads: Mapping[Head, float], kind: str | None) -> list[tuple[AttentionMap, float]]:
    """The map of each head, (batch, 1, queries, keys), with what it counts; checked to be of one size."""
    if not isinstance(heads, Mapping):
        raise DtypeError(f"heads: expected what each head counts, {{(layer, head): number}}, got {in_short(heads)}")
    if not heads:
        raise OptionError("heads: expected at least one head, {(layer, head): number}, got none")
    layers = layers_of(recording, kind)
    found = []
    for place, weight in heads.items():
        if not isinstance(place, tuple) or len(place) != 2:
            raise DtypeError(f"heads: expected (layer, head) for each, got {in_short(place)}")
        layer, head = (whole_number("heads", one, 0, advice="give (layer, head), counted from 0") for one in place)
        if layer not in layers:
            raise OptionError(f"heads: expected layers {', '.join(map(str, sorted(layers)))}, got {layer}; record it as well")
        amap = layers[layer]
        whole_number("heads", head, 0, amap.shape[1] - 1, advice=f"layer {layer} has {amap.shape[1]} heads")
        found.append((amap.select(heads=head), number("heads", weight)))
    sizes = {amap.shape for amap, _ in found}
    if len(sizes) > 1:
        raise ShapeError(f"expected heads of maps of one size, got {', '.join(map(str, sorted(sizes)))}")
    return found


def layers_of(recording: Any, kind: str | None) -> dict[int, AttentionMap]:
    """The maps of one kind, one a layer.

    Raises:
        OptionError: none, maps of several kinds, towers or passes, or several of a layer.
    """
    if isinstance(recording, AttentionMap):
        maps = [recording]
    elif isinstance(recording, list | tuple) and all(isinstance(one, AttentionMap) for one in recording):
        maps = list(recording)
    else:
        maps = list(with_all("recording", recording, "a recording or a list of its maps", ("maps",)).maps)
    if kind is not None:
        text("kind", kind)
        maps = [amap for amap in maps if (amap.kind or "self") == kind]
    if not maps:
        raise OptionError(f"recording: expected maps{f' of kind {kind!r}' if kind else ''}, got none; record them first")
    kinds = sorted({str(amap.kind) for amap in maps})
    if len(kinds) > 1:
        raise OptionError(
            f"kind: expected one of {', '.join(kinds)}, which this recording has, got none; say kind={kinds[0]!r}"
        )
    if len(towers := towers_of(maps)) > 1:
        raise OptionError(f"expected the maps of one tower, got {' and '.join(towers)}; pass recording.tower(…)")
    if len(steps := {amap.step for amap in maps}) > 1:
        raise OptionError(f"expected the maps of one pass, got those of {len(steps)}; pass recording.at({min(steps)})")
    layers: dict[int, AttentionMap] = {}
    for at, amap in enumerate(maps):
        layer = at if amap.layer is None else amap.layer
        if layer in layers:
            raise OptionError(f"expected one map a layer, got several of layer {layer}; pass a list of those that you mean")
        layers[layer] = amap
    return layers


def _checked(made: Any, of: AttentionMap) -> AttentionMap:
    if not isinstance(made, AttentionMap):
        raise DtypeError(f"each: expected a map from it, got {in_short(made)}; regard.AttentionMap.from_dense makes one")
    if made.shape[:2] != of.shape[:2]:
        raise ShapeError(f"each: expected a map (batch={of.shape[0]}, 1, queries, keys) from it, got {made.shape}")
    return made


@dataclass(frozen=True, eq=False)
class Mixed:
    """What a mixture reads: maps of one shape, of one head each or of as many, and what they count."""

    views: tuple[MapView, ...]
    weights_of_views: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""
        return self.views[0].shape

    @property
    def dtype(self) -> torch.dtype:
        """As the maps."""
        return self.views[0].source.dtype

    @property
    def device(self) -> torch.device:
        """As the first map."""
        return self.views[0].source.device

    @property
    def nbytes(self) -> int:
        """Bytes kept, those that several heads share once."""
        return sum({id(view.source): view.source.nbytes for view in self.views}.values())

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """A tile, (batch, heads, queries, keys)."""
        total = torch.zeros(len(batch), len(heads), len(queries), len(keys), dtype=self.dtype, device=self.device)
        for view, weight in zip(self.views, self.weights_of_views, strict=True):
            part = view.select(list(batch), list(heads), as_choice(queries), as_choice(keys)).weights()
            total.add_(part.to(total), alpha=weight)
        return total

    def denominators(self, *_: Positions) -> Tensor:
        """There are none: a sum of rows is no softmax."""
        raise OptionError("logsumexp: expected a map of one softmax, got a mixture of several, whose rows are none; ask those")

    def describe(self) -> str:
        """In a few words, what it shows."""
        return f"mixture of {len(self.views)} {'heads' if self.shape[1] == 1 else 'maps'}"
