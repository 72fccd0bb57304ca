"""A call of a layer as it is met, and what is asked of it."""

from functools import cached_property

import torch
from torch import Tensor

from regard.errors import RecordingError
from regard.interventions.pieces import Spot
from regard.maps.attention_map import AttentionMap
from regard.recording.copies import Copies
from regard.recording.observer import AttentionCall, Inputs, Place
from regard.recording.text_positions import Places, TextObserver


class Met:
    """A call, and what is asked of it: each thing is made where somebody asks.

    Args:
        observer: who sees it.
        call: as it was seen.
        place: where it was made.
    """

    def __init__(self, observer: TextObserver, call: AttentionCall, place: Place) -> None:
        self._observer, self.call, self.place = observer, call, place

    def spot(self, part: str) -> Spot:
        """One part of the call."""
        return Spot(self.place.kind, self.place.layer, self.place.call, part)

    @cached_property
    def places(self) -> tuple[Places, Places]:
        """Where rows and keys stand in their texts."""
        return self._observer.places(self.call, self.place.kind)

    @cached_property
    def amap(self) -> AttentionMap:
        """Its map."""
        with torch.no_grad():
            return self.call.make_map(Copies())

    @cached_property
    def value(self) -> Tensor:
        """Its values, (batch, kv_heads, keys, dim).

        Raises:
            RecordingError: it is not known which axes are heads.
        """
        value = self.call.value()
        if value is None:
            raise self._unknown_heads()
        return value

    def seen(self, output: Tensor) -> Tensor:
        """An output as (batch, heads, queries, dim): a view.

        Raises:
            RecordingError: it is not known which axes are heads.
        """
        if self.call.heads_first is None or self.call.doubt is not None:
            raise self._unknown_heads()
        return self.call.heads_first(output)

    def inputs(self) -> Inputs:
        """What went in.

        Raises:
            RecordingError: the model computes its weights itself.
        """
        if self.call.inputs is None or self.call.again is None or self.call.doubt is not None:
            raise RecordingError(
                f"expected attention on a fused kernel in {self.place.name}, or through Transformers' interface, got weights "
                "that the model computes itself, whose queries and keys are not known; change its output or its pattern"
            )
        return self.call.inputs()

    def pattern(self, sequences: slice, heads: list[int]) -> tuple[AttentionMap, Tensor]:
        """The weights of some heads, and what each multiplies, (sequences, heads, keys, dim)."""
        group = self.amap.shape[1] // self.value.shape[1]
        chosen = range(*sequences.indices(self.amap.shape[0]))
        return self.amap.select(batch=chosen, heads=heads), self.value[sequences][:, [head // group for head in heads]]

    def give(self, inputs: Inputs) -> None:
        """Let the same kernel run once more, on other queries, keys and values."""
        call, before, make_map = self.call, self.inputs(), self.call.make_map
        if call.again is not None:
            call.output, call.sums = call.again(*inputs), None
        call.inputs, call.value = (lambda: inputs), (lambda: inputs.value)

        def map_of_these(copies: Copies) -> AttentionMap:
            factors = make_map(copies).factors
            if factors is None or not torch.equal(factors.query, before.query.detach()):
                raise RecordingError(
                    f"expected attention in {self.place.name} whose map has the queries it was given, got others; change "
                    "queries or keys, and who sees whom, in runs of their own"
                )
            query, key = copies.own(inputs.query), copies.own(inputs.key)
            kept = {"scale": factors.scale, "bias": factors.bias, "softcap": factors.softcap, "sinks": factors.sinks}
            return AttentionMap(query, key, factors.mask, **kept)  # type: ignore[arg-type]

        call.make_map = map_of_these
        for made in ("amap", "value"):
            self.__dict__.pop(made, None)

    def _unknown_heads(self) -> RecordingError:
        return RecordingError(
            f"expected attention in {self.place.name} whose heads are known, got a call where "
            f"{self.call.doubt or 'the output has other axes than heads'}; cut queries, keys and values from their projections "
            "by view and transpose, or write the product as an einsum with a letter h"
        )
