"""Heads and single edges switched off while a model runs on its own kernel, and what that does to its output.

The output of a head is a slice of what an attention call returns, so a head is off once its slice is 0: neither the kernel nor
the other heads know. An edge, one key hidden from one query, changes one row of one head, which is computed once more from its
queries and keys; everything else is the kernel's. So both work at any length.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from regard.arguments import one_of, several, whole_number
from regard.errors import DtypeError, OptionError, RecordingError, in_short
from regard.recording.block import once
from regard.recording.copies import Copies
from regard.recording.hiding import hide
from regard.recording.layers import listed
from regard.recording.means import TextRows
from regard.recording.observe import observe
from regard.recording.observer import AttentionCall
from regard.recording.text_positions import TextObserver
from regard.recording.torch_modules import unseen

Head = tuple[int, int]
Edge = tuple[int, int, int, int]
Replacement = Literal["zero", "mean"]
"""What may stand in place of a head's output; "mean" is ``TextRows.mean``."""


@once
def ablate(
    model: nn.Module,
    heads: Collection[Head] = (),
    *,
    kind: str | None = None,
    edges: Collection[Edge] = (),
    how: Replacement = "zero",
    keys: Collection[int] | int | None = None,
    queries: Collection[int] | int | None = None,
    layers: Collection[int] | None = None,
) -> Iterator[None]:
    """Switch heads, or edges, of a model off for everything that it computes inside the block.

    The model runs on its own kernel, and is left as it was found, also after an error. With nothing to switch off its output is
    the same to the bit. Blocks may be nested, to switch off heads of several kinds, and inside or outside of ``record``.

    Args:
        model: any model that ``record`` can record.
        heads: (layer, head) pairs, counted as ``record`` counts them: from 0, by kind. A head is off in every call of its
            layer: for each picture, window or slice.
        kind: "encoder", "decoder" or "cross" of an encoder-decoder; "self" of other models, where none is said, or "cross".
        edges: (layer, head, query, key): this query does not see this key in this head, as if a mask had hidden it: its other
            weights grow in proportion. A row that saw nothing else becomes 0. No gradient goes through such a row.
        how: what becomes of a head's output: "zero"; or "mean", its own mean over its text, which keeps what it says always and
            takes what it says here. The mean is over present positions, as the call's mask tells them from padding, and over
            none of the future: where a row sees nothing later than itself, over the text up to it. The rows of
            cross-attention are those of the decoder's self-attention before it. Each call has its own mean, so does each of
            several images.
        keys: places in the text, negative ones from its end, that are hidden as a mask hides them, in ``heads``, or in all
            heads where none are named. Padding has no place. Rows lose them by the sums of the kernel, or are computed
            once more, in blocks, with memory O(n).
        queries: places of those that the keys are hidden from; all, where not given.
        layers: of those heads, where none are named; all, where not given.

    Raises:
        OptionError: heads or edges that the model does not have, which for layers is known when the block ends; a mean where
            a call has not the whole text, as with a cache, or where it is not known which rows are the future of others; keys
            hidden from a row that another block, or an edge of this one, has changed.
        RecordingError: attention whose heads are not known: ``recording.calls`` says where.

    Example:
        >>> import torch
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model, ids = GPT2LMHeadModel(config).eval(), torch.tensor([[1, 2, 3, 4]])
        >>> with torch.no_grad():
        ...     with ablate(model, heads=[(0, 1), (1, 0)]):
        ...         without = model(ids).logits
        ...     bool((without == model(ids).logits).all())
        False
    """
    switch = HeadSwitch(model, heads, edges, kind=kind, how=how, span=_span(heads, keys, queries, layers))
    with observe(model, switch):
        yield
    switch.check_met()


class Span(NamedTuple):
    """Keys that are hidden: places in the text, those of queries, and where; all for None."""

    keys: tuple[int, ...]
    queries: tuple[int, ...] | None
    heads: tuple[Head, ...] | None
    layers: tuple[int, ...] | None

    def heads_in(self, layer: int, count: int) -> list[int]:
        """In which heads of a layer."""
        if self.heads is not None:
            return [head for at, head in self.heads if at == layer]
        return list(range(count)) if self.layers is None or layer in self.layers else []

    def named(self) -> set[int]:
        """The layers that somebody named."""
        return {layer for layer, _ in self.heads or ()} | set(self.layers or ())


class HeadSwitch(TextObserver):
    """Sees every attention call, and changes the output of those that it is told to.

    Attributes:
        kind: the kind of attention whose heads are meant.
        heads: how many heads each layer has, as far as it has run.
    """

    def __init__(
        self,
        model: nn.Module,
        heads: Collection[Head] = (),
        edges: Collection[Edge] = (),
        *,
        kind: str | None = None,
        how: Replacement = "zero",
        span: Span | None = None,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise DtypeError(f"model: expected a torch module, got {type(model).__name__}")
        super().__init__(model, unpadded=span is None)
        self.span = span
        self.how = one_of("how", how, get_args(Replacement))
        self.kind = self.kinds.checked(kind)
        self.heads: dict[int, int] = {}
        self._off: dict[int, list[int]] = {}  # layer to heads
        for layer, head in _pairs(heads) if span is None else ():
            self._off.setdefault(layer, []).append(head)
        self._cut: dict[int, dict[tuple[int, int], list[int]]] = {}  # layer to (head, query) to keys
        for edge in several("edges", edges, "(layer, head, query, key)", advice="for example edges=[(0, 3, 7, 2)]"):
            layer, head, query, key = _whole_numbers("edges", edge, "(layer, head, query, key)")
            self._cut.setdefault(layer, {}).setdefault((head, query), []).append(key)
        self._before: AttentionCall | None = None  # self-attention over the same rows, before cross-attention

    @property
    def asks_sums(self) -> bool:
        """For rows that lose keys."""
        return self.span is not None

    def enter_outermost(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        """Nothing else of the model runs."""
        super().enter_outermost(module, given)
        self._before = None

    def look_at(self, call: AttentionCall) -> None:
        """Change the output of a call that has something to be switched off."""
        place, _ = self.placed(call)
        kind, layer = place.kind, place.layer
        if self.how == "mean" and self.kind == "cross" and kind in ("decoder", "self"):
            self._before = call
        if kind != self.kind:
            return
        with unseen():
            self.heads[layer] = 1 if call.heads_first is None else call.heads_first(call.output).shape[1]
            heads, edges = self._off.get(layer, []), self._cut.get(layer, {})
            if heads or edges or (self.span is not None and self.span.heads_in(layer, self.heads[layer])):
                call.output = self._changed(call, layer, heads, edges)

    def check_met(self) -> None:
        """Refuse heads of layers that never ran, where the model did."""
        hidden = set() if self.span is None else self.span.named()
        if missing := (self._off.keys() | self._cut.keys() | hidden) - self.heads.keys():
            if not self.heads and not self.passes:
                return  # nothing ran at all
            raise OptionError(
                f"expected {self.kind} layers that ran, {listed(self.heads)}, got layer {min(missing)}; nothing was switched "
                "off there"
            )

    def _check_heads(self, layer: int, heads: list[int]) -> None:
        count = self.heads[layer]
        if wrong := [head for head in heads if head >= count]:
            raise OptionError(f"expected heads from 0 to {count - 1} in {self.kind} layer {layer}, got {wrong[0]}")

    def _changed(self, call: AttentionCall, layer: int, heads: list[int], edges: Mapping[tuple[int, int], list[int]]) -> Tensor:
        """The output of a call without these heads, and without these edges, (head, query) to keys."""
        value = call.value()
        if value is None or call.heads_first is None or call.doubt is not None:
            raise RecordingError(
                f"expected attention in {self.names[id(call.module)]} whose heads are known, got a call where "
                f"{call.doubt or 'the output has other axes than heads'}; cut queries, keys and values from their projections "
                "by view and transpose, or write the product as an einsum with a letter h"
            )
        self._check_heads(layer, [*heads, *(head for head, _ in edges)])
        changed = call.output.clone(memory_format=torch.contiguous_format)
        seen = call.heads_first(changed)  # (batch, heads, queries, dim), a view
        if edges:
            self._cut_edges(call, seen, value, layer, edges)
        if self.span is not None and (asked := self.span.heads_in(layer, seen.shape[1])):
            self._check_heads(layer, asked)
            own, columns = self.places(call, self.kind)
            queries = own.are(self.span.queries) & (own.place >= 0)
            hidden = call.changed.hidden(asked, queries, self.span, f"{self.kind} layer {layer}")
            sums = None if edges else call.row_sums()  # which rows without an edge have no more
            hide(seen, call.make_map(Copies()), value, columns.are(self.span.keys), queries, hidden, sums)
        rows = self._rows(call, seen.shape) if heads and self.how == "mean" else None
        for head in heads:
            seen[:, head] = 0 if rows is None else rows.mean(seen[:, head])
        call.changed.off.update(heads)
        return changed if call.as_given is None else call.as_given(seen)

    @torch.no_grad()
    def _cut_edges(
        self, call: AttentionCall, seen: Tensor, value: Tensor, layer: int, edges: Mapping[tuple[int, int], list[int]]
    ) -> None:
        """Compute the rows of these edges once more, without their keys."""
        amap = call.make_map(Copies())
        batch, _, queries, columns = amap.shape
        for (head, query), keys in edges.items():
            self._check_query(query, queries, layer)
            if wrong := [key for key in keys if key >= columns]:
                raise OptionError(f"expected edges to keys from 0 to {columns - 1}, got {wrong[0]}")
            hidden = torch.zeros(batch, columns, dtype=torch.bool, device=seen.device)
            hidden[:, keys] = True
            row = torch.zeros(batch, queries, dtype=torch.bool, device=seen.device)
            row[:, query] = True
            hide(seen, amap, value, hidden, row, call.changed.hidden([head], row, self, f"{self.kind} layer {layer}"))

    def _check_query(self, query: int, queries: int, layer: int) -> None:
        if query >= queries:
            raise OptionError(
                f"expected edges of queries from 0 to {queries - 1} in {self.kind} layer {layer}, got {query}; "
                "in generation with a cache each call has one query: switch edges off in one pass over the whole text"
            )

    @torch.no_grad()
    def _rows(self, call: AttentionCall, sizes: torch.Size) -> TextRows:
        """What the rows of a call are to their text: those of self-attention say it, also for cross-attention after it."""
        if self.kind != "cross":
            return TextRows.of(call.make_map(Copies()))
        if self._before is not None:
            amap = self._before.make_map(Copies())
            if (amap.shape[0], amap.shape[2]) == (sizes[0], sizes[2]):
                return TextRows.of(amap)
        raise OptionError(
            f"how: expected self-attention over the same {sizes[2]} rows before {self.names[id(call.module)]}, got none, so "
            "that it is not known whether they may see each other; take how='zero'"
        )


def _pairs(heads: Any) -> list[Head]:
    """Heads as whole numbers."""
    listed = several("heads", heads, "(layer, head)", advice="for example heads=[(0, 3)]")
    return [(layer, head) for layer, head in (_whole_numbers("heads", place, "(layer, head)") for place in listed)]


def _span(heads: Any, keys: Any, queries: Any, layers: Any) -> Span | None:
    """What is hidden; None where no keys are named."""
    if keys is None:
        for name, given in (("queries", queries), ("layers", layers)):
            if given is not None:
                raise OptionError(f"{name}: expected keys= beside it, got none; keys=[3] are hidden from queries, in layers")
        return None
    pairs = tuple(_pairs(heads)) or None
    if pairs is not None and layers is not None:
        raise OptionError("layers: expected heads or layers, got both; a head says its layer")
    return Span(
        _places("keys", keys),
        None if queries is None else _places("queries", queries),
        pairs,
        None if layers is None else tuple(whole_number("layers", one, 0) for one in several("layers", layers, "layers")),
    )


def _places(name: str, given: Any) -> tuple[int, ...]:
    """Places in a text: one, or several."""
    single = hasattr(given, "__index__") and not getattr(given, "ndim", False)
    listed = [given] if single else several(name, given, "places in the text", advice=f"for example {name}=[3, -1]")
    return tuple(whole_number(name, one, advice="places in the text, from 0, or from −1 back") for one in listed)


def _whole_numbers(name: str, given: Any, axes: str) -> tuple[int, ...]:
    """A head or an edge as whole numbers from 0."""
    if not isinstance(given, tuple | list) or len(given) != axes.count(",") + 1:
        raise OptionError(f"{name}: expected {axes} of whole numbers from 0, got {in_short(given)}")
    return tuple(whole_number(name, one, 0, advice=f"give {axes}, counted from 0") for one in given)
