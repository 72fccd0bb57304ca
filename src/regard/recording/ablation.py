"""Heads and single edges switched off while a model runs on its own kernel, and what that does to its output.

The output of a head is a slice of what an attention call returns, so a head is off once its slice is 0: neither the kernel nor
the other heads know. An edge, one key hidden from one query, changes one row of one head, which is computed once more from its
queries and keys; everything else is the kernel's. So both work at any length.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from regard.errors import DtypeError, OptionError, RecordingError
from regard.maps.attention_map import AttentionMap
from regard.recording import torch_modules
from regard.recording.copies import Copies
from regard.recording.kinds import ATTENTION_KINDS
from regard.recording.record import shown
from regard.recording.recorder import Recorder
from regard.recording.recording import Recording
from regard.recording.values import Outcome

Head = tuple[int, int]
Edge = tuple[int, int, int, int]
How = Literal["zero", "mean"]

ROUNDING = 1e-4
"""Rows that sum to 1 less this have lost nothing to a sink."""


@contextmanager
def ablate(
    model: nn.Module,
    heads: Collection[Head] = (),
    *,
    kind: str | None = None,
    edges: Collection[Edge] = (),
    how: How = "zero",
) -> Iterator[None]:
    """Switch heads, or single edges, of a model off for everything that it computes inside the block.

    The model runs on its own kernel, and is left as it was found, also after an error. With nothing to switch off its output is
    the same to the bit. Blocks may be nested, to switch off heads of several kinds, and inside or outside of ``record``.

    Args:
        model: any model that ``record`` can record.
        heads: (layer, head) pairs, counted as ``record`` counts them: from 0, by kind.
        kind: "encoder", "decoder" or "cross" of an encoder-decoder; other models have "self" only, and need none said.
        edges: (layer, head, query, key): this query does not see this key in this head, as if a mask had hidden it: its other
            weights grow in proportion. A row that saw nothing else becomes 0. No gradient goes through such a row.
        how: what becomes of a head's output: "zero", or "mean", its own mean over all positions of the sequence, padding
            included, which keeps what it says always and takes what it says here.

    Raises:
        OptionError: heads or edges that the model does not have, which for layers is known when the block ends.
        RecordingError: attention whose heads are not known, as in an einsum.

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
    switch = HeadSwitch(model, heads, edges, kind, how)
    with shown(model, switch):
        yield
    switch.check_met()


class HeadSwitch(Recorder):
    """Sees every attention call, and changes the output of those it was told to."""

    def __init__(self, model: nn.Module, heads: Collection[Head], edges: Collection[Edge], kind: str | None, how: str) -> None:
        if not isinstance(model, nn.Module):
            raise DtypeError(f"expected a torch module as model, got {type(model).__name__}")
        if how not in get_args(How):
            raise OptionError(f"expected how of {' or '.join(get_args(How))}, got {how!r}")
        super().__init__(model, Recording())
        self.kind, self.how = self._kind(kind), how
        self.heads: dict[int, int] = {}  # how many each layer has, as far as it has run
        self.off: defaultdict[int, list[int]] = defaultdict(list)
        for place in heads:
            layer, head = _places("heads", place, "(layer, head)")
            self.off[layer].append(head)
        self.cut: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)  # (layer, head, query) to keys
        for edge in edges:
            layer, head, query, key = _places("edges", edge, "(layer, head, query, key)")
            self.cut[layer, head, query].append(key)
        self.calls: Counter[int] = Counter()  # of a module, within the outermost call

    def _kind(self, kind: str | None) -> str:
        kinds = {self.kind_of(name) for name in self.names.values() if name}
        both_halves = bool(kinds & {"encoder", "decoder"})
        has = ("encoder", "decoder", "cross") if both_halves else ("self", *sorted(kinds - {"self"}))
        if kind is None and not both_halves:
            return "self"
        if kind not in has or kind not in ATTENTION_KINDS:
            raise OptionError(f"expected kind of {', '.join(has)} for {type(self.modules['']).__name__}, got {kind!r}")
        return kind

    def enter(self, module: nn.Module, _inputs: Any) -> None:
        """A module runs now; the outermost one begins a pass."""
        if not self.stack:
            self.seen.clear()
            self.calls.clear()
            self.last = []
        super().enter(module, _inputs)

    def see(
        self,
        module: nn.Module,
        kept: str,  # noqa: ARG002
        given: tuple[Tensor, ...],
        make_map: Callable[[Copies], AttentionMap],
        outcome: Outcome,
    ) -> None:
        """Changes the output of a call that has something to be switched off."""
        name, kind = self.names[id(module)], self.place(module)[1]
        layer = self._layer(module, name, self.repeats(module, given))
        if kind != self.kind:
            return
        with torch_modules.unseen():
            count = self.heads[layer] = outcome.heads_first(outcome.output).shape[1]
            heads = self.off.get(layer, [])
            rows = [(head, query, keys) for (at, head, query), keys in self.cut.items() if at == layer]
            if not heads and not rows:
                return
            value = outcome.value()
            if value is None:
                raise RecordingError(
                    f"{name} multiplies its values in an einsum, where it is not known which axis holds the heads; "
                    "write the product as a matmul"
                )
            if wrong := [head for head in [*heads, *(row[0] for row in rows)] if head >= count]:
                raise OptionError(f"expected heads from 0 to {count - 1} in {kind} layer {layer}, got {wrong[0]}")
            changed = outcome.output.clone(memory_format=torch.contiguous_format)
            seen = outcome.heads_first(changed)  # (batch, heads, queries, dim), a view
            if rows:
                with torch.no_grad():
                    amap = make_map(Copies())
                for head, query, keys in rows:
                    _check_edge(seen.shape[2], query, kind, layer)
                    seen[:, head, query] = _row_without(amap, value, head, query, keys).to(seen)
            for head in heads:
                seen[:, head] = self._instead(seen[:, head])
            outcome.output = changed

    def _instead(self, output: Tensor) -> Tensor:
        """What stands in place of a head's output, (batch, queries, dim)."""
        if self.how == "zero":
            return torch.zeros_like(output)
        if output.shape[1] < 2:
            raise OptionError(
                "expected several positions to take the mean of, got one, as in generation with a cache; take how='zero', or "
                "run the whole text in one pass"
            )
        return output.mean(dim=1, keepdim=True).expand_as(output)

    def _layer(self, module: nn.Module, name: str, repeated: bool) -> int:
        """The number that ``record`` gives to this call, also where parts of the model are run on their own."""
        pattern = re.sub("[0-9]+", "*", name)
        if pattern == name:  # no numbers in the name: the order of the calls is all there is
            stack = self.place(module)[1]
            self.seen[stack] += not repeated
            return self.seen[stack] - 1
        peers = [
            other
            for other, part in self.modules.items()
            if type(part) is type(module) and re.sub("[0-9]+", "*", other) == pattern
        ]
        self.calls[id(module)] += not repeated
        before = self.calls[id(module)] - 1  # of a module that several layers share
        return peers.index(name) + before * len(peers)

    def check_met(self) -> None:
        """Refuse heads of layers that never ran, where the model did."""
        if missing := {*self.off, *(layer for layer, *_ in self.cut)} - self.heads.keys():
            if not self.heads and not self.recording.passes:
                return  # nothing ran at all
            raise OptionError(
                f"expected {self.kind} layers that ran, {_listed(sorted(self.heads))}, got layer {min(missing)}; "
                "nothing was switched off there"
            )


def _places(name: str, given: Any, axes: str) -> tuple[int, ...]:
    """A head or an edge as whole numbers from 0."""
    size = axes.count(",") + 1
    if not isinstance(given, tuple | list) or len(given) != size or not all(_is_place(one) for one in given):
        raise OptionError(f"expected {name} as {axes} of whole numbers from 0, got {given!r}")
    return tuple(given)


def _is_place(one: Any) -> bool:
    return isinstance(one, int) and not isinstance(one, bool) and one >= 0


def _check_edge(queries: int, query: int, kind: str, layer: int) -> None:
    if query >= queries:
        raise OptionError(
            f"expected edges of queries from 0 to {queries - 1} in {kind} layer {layer}, got {query}; "
            "in generation with a cache each call has one query: switch edges off in one pass over the whole text"
        )


@torch.no_grad()
def _row_without(amap: AttentionMap, value: Tensor, head: int, query: int, keys: list[int]) -> Tensor:
    """The output of one query of one head that does not see these keys, (batch, dim)."""
    if wrong := [key for key in keys if key >= amap.shape[3]]:
        raise OptionError(f"expected edges to keys from 0 to {amap.shape[3] - 1}, got {wrong[0]}")
    weights = amap.select(heads=head, queries=query).dense()[:, 0, 0]  # (batch, keys)
    sunk = 1 - weights.sum(dim=1, keepdim=True)  # what a sink takes; else rounding
    weights[:, keys] = 0
    left = weights.sum(dim=1, keepdim=True) + torch.where(sunk > ROUNDING, sunk, 0)
    weights = weights / left.masked_fill(left == 0, 1)
    v = value[:, head // (amap.shape[1] // value.shape[1])].to(weights)  # (batch, keys, dim)
    return (weights.unsqueeze(1) @ v).squeeze(1)


def _listed(layers: list[int]) -> str:
    return f"{layers[0]} to {layers[-1]}" if layers else "of which there were none"
