"""What stands at a site in one call, and what a replacement is asked about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from regard.interventions.sites import Where
from regard.maps.attention_map import AttentionMap
from regard.recording.means import TextRows
from regard.recording.text_positions import Places

LAYER = ("attention", "feed_forward", "stream")
"""Parts of a layer: they have no heads."""


@dataclass(frozen=True)
class Spot:
    """One part of one call of a layer: "the queries of the first call of decoder layer 3"."""

    kind: str
    layer: int
    call: int
    part: str

    def __str__(self) -> str:
        return f"{self.part} of {self.kind} layer {self.layer}" + (f", call {self.call}" if self.call else "")


@dataclass(frozen=True)
class Piece:
    """What stands at a site, for some sequences of the batch.

    Attributes:
        spot: where.
        heads: which heads of the layer; key/value heads for keys and values, (0,) for parts of a layer.
        values: what stands there, (sequences, heads, positions, dim).
        places: where the positions stand in their texts.
        at: the places that are meant, or the name of a span; None for everywhere.
        chosen: the positions that are meant, (sequences, positions).
        spans: the positions of the names of each sequence, where there are any.
        text_rows: who of the rows may look at whom.
        pattern: of the part "pattern": the weights, whose product with the values of the call is ``values``.
        multiplied: of the part "pattern": what weights are multiplied with, as (sequences, heads, keys, dim).
    """

    spot: Spot
    heads: tuple[int, ...]
    values: Tensor
    places: Places
    at: Where
    chosen: Tensor
    text_rows: Callable[[], TextRows]
    spans: Sequence[Mapping[str, Sequence[int]]] = ()
    pattern: AttentionMap | None = None
    multiplied: Tensor | None = None

    def count(self) -> int | None:
        """How many positions are meant in each sequence; None where they are not as many in all of them."""
        counts = self.chosen.sum(1)
        first = int(counts[0])
        return first if bool((counts == first).all()) else None
