"""``with regard.record(model) as recording``: every attention call of the block, as lazy maps."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers.utils.output_capturing import OutputRecorder

from regard.errors import DtypeError, OptionError, RecordingError
from regard.maps.attention_map import AttentionMap
from regard.recording import transformers_models

KINDS = ("encoder", "decoder", "cross", "self")


class Tokenizer(Protocol):
    """What a recording needs of a tokenizer: names for ids."""

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        """One token an id."""


@dataclass(frozen=True)
class Tokens:
    """One axis of the maps: for each batch item, which positions are real, and how they are called."""

    spans: tuple[range, ...]
    labels: tuple[tuple[str, ...], ...] | None = None  # of all positions, padding included

    def real(self, item: int) -> tuple[str, ...] | None:
        """Labels of the real positions of one batch item."""
        if self.labels is None:
            return None
        span = self.spans[item]
        return self.labels[item][span.start : span.stop]


class Recording:
    """The attention of one block: maps in call order, with the tokens of their axes.

    Attributes:
        maps: every map, in call order; ``map.name`` is the module's qualified name.
        passes: how many times the model ran inside the block.
        sequences: ids that were generated, (batch, length), where ``regard.generate`` made the recording.
    """

    def __init__(self, maps: Iterable[AttentionMap] = ()) -> None:
        self.maps: list[AttentionMap] = list(maps)
        self.passes = 0
        self.sequences: Tensor | None = None
        self._tokens: dict[str, Tokens] = {}  # "source", "consumed", "produced"

    def __repr__(self) -> str:
        counts = [f"{len(found)} {kind}" for kind in KINDS if (found := [m for m in self.maps if m.kind == kind])]
        size = sum(amap.nbytes for amap in self.maps)
        return f"Recording({', '.join(counts) or 'no'} maps, {self.passes} passes, {size / 2**20:.1f} MiB)"

    @property
    def encoder(self) -> list[AttentionMap]:
        """Self-attention of the encoder, by layer."""
        return self._by_layer("encoder")

    @property
    def decoder(self) -> list[AttentionMap]:
        """Self-attention of the decoder, by layer; row t is the query that produced token t."""
        return self._by_layer("decoder")

    @property
    def cross(self) -> list[AttentionMap]:
        """Attention from the decoder to the encoder's output, by layer: rows are target tokens, columns source tokens."""
        return self._by_layer("cross")

    @property
    def self(self) -> list[AttentionMap]:
        """Self-attention of a model that is not an encoder-decoder, by layer."""
        return self._by_layer("self")

    def _by_layer(self, kind: str) -> list[AttentionMap]:
        found = [amap for amap in self.maps if amap.kind == kind]
        if not found:
            kinds = ", ".join(sorted({str(amap.kind) for amap in self.maps}))
            ran = "none was kept: see layers= and kinds=" if self.passes else "the model has not run in the block yet"
            raise RecordingError(f"expected {kind} maps, got {kinds + ' maps' if kinds else 'none: ' + ran}")
        if self.passes > 1:
            raise RecordingError(
                f"expected one pass of the model for .{kind}, got {self.passes}; recording.maps has every call. "
                "To see generated text, call regard.generate(model, inputs, ...)"
            )
        return found

    @property
    def queries(self) -> tuple[str, ...] | None:
        """Labels of the rows: what the decoder produced, or the tokens of the text; None without a tokenizer."""
        return self._labels("produced") or self._labels("consumed") or self._labels("source")

    @property
    def keys(self) -> tuple[str, ...] | None:
        """Labels of the columns: the source of an encoder-decoder, the tokens of the text otherwise."""
        return self._labels("source") if self._is_encoder_decoder else self._labels("consumed") or self._labels("source")

    @property
    def consumed(self) -> tuple[str, ...] | None:
        """What the decoder read at each row; the token that it produced there stands in ``queries``."""
        return self._labels("consumed")

    @property
    def _is_encoder_decoder(self) -> bool:
        return any(amap.kind == "cross" for amap in self.maps)

    def _labels(self, axis: str) -> tuple[str, ...] | None:
        tokens = self._tokens.get(axis)
        if tokens is None or tokens.labels is None:
            return None
        if len(tokens.spans) > 1:
            raise RecordingError(f"expected one sequence, got {len(tokens.spans)}; ask one of them: recording.sample(0)")
        return tokens.real(0)

    def sample(self, item: int) -> "Recording":
        """The recording of one sequence of the batch, its padding cut off."""
        tokens = next(iter(self._tokens.values()), None)
        count = len(tokens.spans) if tokens else max((amap.shape[0] for amap in self.maps), default=0)
        if not 0 <= item < count:
            raise OptionError(f"expected a sequence from 0 to {count - 1}, got {item}")
        if odd := {amap.shape[0] for amap in self.maps} - {1, count}:
            raise RecordingError(
                f"expected maps of {count} sequences, got maps of {sorted(odd)}: passes of several sizes, as in generate, "
                "do not tell which row is whose; call regard.generate(model, inputs, ...)"
            )
        made = Recording(self._cut(amap, item) for amap in self.maps)
        made.passes = self.passes
        made.sequences = None if self.sequences is None else self.sequences[item : item + 1]
        for axis, axis_tokens in self._tokens.items():
            labels = axis_tokens.real(item)
            length = len(axis_tokens.spans[item])
            made._tokens[axis] = Tokens((range(length),), None if labels is None else (labels,))
        return made

    def _cut(self, amap: AttentionMap, item: int) -> AttentionMap:
        rows, columns = self._axes(amap)
        cut = amap.select(
            batch=item if amap.shape[0] > 1 else 0,
            queries=_slice(rows.spans[item]) if rows else None,
            keys=_slice(columns.spans[item]) if columns else None,
        )
        cut.queries = rows.real(item) if rows else None
        cut.keys = columns.real(item) if columns else None
        return cut

    def _axes(self, amap: AttentionMap) -> tuple[Tokens | None, Tokens | None]:
        """The tokens of a map's rows and columns, where they are known and as long as the axis."""
        source, consumed = self._tokens.get("source"), self._tokens.get("consumed")
        produced = self._tokens.get("produced", consumed)
        rows, columns = {
            "encoder": (source, source),
            "cross": (produced, source),
            "decoder": (produced, consumed),
            "self": (produced or source, consumed or source),
        }.get(str(amap.kind), (None, None))
        fits = self.passes <= 1
        return rows if fits else None, columns if fits else None

    def _label_maps(self) -> None:
        """Write the labels onto the maps of a recording of one sequence."""
        if any(len(tokens.spans) > 1 for tokens in self._tokens.values()):
            return
        for amap in self.maps:
            rows, columns = self._axes(amap)
            if rows and rows.labels and len(rows.labels[0]) == amap.shape[2]:
                amap.queries = rows.labels[0]
            if columns and columns.labels and len(columns.labels[0]) == amap.shape[3]:
                amap.keys = columns.labels[0]


def _slice(span: range) -> slice:
    return slice(span.start, span.stop)


@contextmanager
def record(
    model: nn.Module,
    layers: Sequence[int] | None = None,
    kinds: Sequence[str] | None = None,
    *,
    tokenizer: Tokenizer | None = None,
) -> Iterator[Recording]:
    """Keep the attention of everything that the model computes inside the block.

    The model runs on its own kernel, and its output is the same to the bit as without recording. For each attention call
    its queries and keys are copied, which is all that a map needs.

    Args:
        model: a Transformers model on SDPA or eager attention.
        layers: keep only these layers, counted from 0 within their kind.
        kinds: keep only these of "encoder", "decoder", "cross" (encoder-decoder models) and "self" (all others).
        tokenizer: names the tokens of ``input_ids`` on the axes.

    Yields:
        The Recording; complete when the block ends.

    Raises:
        RecordingError: the model's attention cannot be recorded, or the model ran and no attention call was seen.
        OptionError: layers or kinds that no model has.
        DtypeError: the model is not a torch module.

    Example:
        >>> import torch, regard
        >>> from transformers import BertConfig, BertModel
        >>> config = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)
        >>> model = BertModel(config).eval()
        >>> with regard.record(model) as recording:
        ...     output = model(input_ids=torch.arange(5)[None])
        >>> recording.self[1].shape
        (1, 2, 5, 5)
    """
    if not isinstance(model, nn.Module):
        raise DtypeError(f"expected a torch module as model, got {type(model).__name__}")
    if isinstance(layers, int) or any(layer < 0 for layer in ([] if layers is None else layers)):
        raise OptionError(f"expected layers as a list of numbers from 0, got {layers!r}; for example layers=[0, 3]")
    if isinstance(kinds, str) or set(kinds or ()) - set(KINDS):
        raise OptionError(f"expected kinds as a list of {', '.join(KINDS)}, got {kinds!r}; for example kinds=['cross']")
    recording = Recording()
    recorder = _Recorder(model, recording, layers, kinds)
    names = transformers_models.implementations(model)
    hook = model.register_forward_pre_hook(recorder.begin_pass, with_kwargs=True)
    transformers_models.start(recorder, names)
    try:
        yield recording
    finally:
        transformers_models.stop(recorder)
        hook.remove()
    if recording.passes and not recorder.calls:
        raise RecordingError(
            f"{type(model).__name__} ran and no attention call came through Transformers' interface: it computes attention by "
            "itself. Use a model that follows the interface, or its own output_attentions"
        )
    recording._tokens |= _tokens_of_inputs(recorder.inputs, tokenizer, recording._is_encoder_decoder)
    recording._label_maps()


class _Recorder:
    """Collects the calls of one ``with`` block into its recording."""

    def __init__(
        self, model: nn.Module, recording: Recording, layers: Sequence[int] | None, kinds: Sequence[str] | None
    ) -> None:
        self.recording, self.layers, self.kinds = recording, layers, kinds
        self.names = {id(part): name for name, part in model.named_modules()}
        self.kind_of = _kinds_of_modules(model)
        self.seen: dict[str, int] = dict.fromkeys(KINDS, 0)
        self.calls = 0
        self.inputs: dict[str, Any] = {}

    def begin_pass(self, model: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        """A pass of the whole model starts: layers count from 0 again."""
        self.recording.passes += 1
        self.seen = dict.fromkeys(KINDS, 0)
        self.inputs = dict(zip(inspect.signature(model.forward).parameters, positional, strict=False)) | named

    def wants(self, module: nn.Module) -> bool:
        return id(module) in self.names

    def see(self, module: nn.Module, make_map: Callable[[], AttentionMap]) -> None:
        name = self.names[id(module)]
        kind = self.kind_of(name)
        layer = self.seen[kind]
        self.seen[kind] += 1
        self.calls += 1
        if (self.layers is not None and layer not in self.layers) or (self.kinds is not None and kind not in self.kinds):
            return
        amap = make_map()
        amap.name, amap.kind, amap.layer = name, kind, layer
        self.recording.maps.append(amap)


def _kinds_of_modules(model: nn.Module) -> Callable[[str], str]:
    """What kind of attention a module computes, from its qualified name.

    Transformers' models say which modules hold their cross-attention (``_can_record_outputs``): by class or by name.
    """
    cross_names: set[str] = set()
    cross_classes: set[type] = set()
    for part in model.modules():
        for output, said in (getattr(part, "_can_record_outputs", None) or {}).items():
            for recorder in said if isinstance(said, list) else [said]:
                if output != "cross_attentions":
                    continue
                if isinstance(recorder, OutputRecorder) and recorder.layer_name:
                    cross_names.add(recorder.layer_name)
                else:
                    cross_classes.add(recorder.target_class if isinstance(recorder, OutputRecorder) else recorder)
    modules = dict(model.named_modules())

    def is_cross(name: str) -> bool:
        path = name.split(".")
        parents = (modules[".".join(path[:end])] for end in range(1, len(path) + 1))
        return any(cross in path for cross in cross_names) or any(type(part) in cross_classes for part in parents)

    both_halves = bool(getattr(getattr(model, "config", None), "is_encoder_decoder", False))

    def kind(name: str) -> str:
        if is_cross(name):
            return "cross"
        if not both_halves:
            return "self"
        in_decoder = "decoder" in name.split(".") or getattr(modules[name], "is_decoder", False)
        return "decoder" if in_decoder else "encoder"

    return kind


def _tokens_of_inputs(inputs: dict[str, Any], tokenizer: Tokenizer | None, encoder_decoder: bool) -> dict[str, Tokens]:
    """The axes that follow from the arguments of the last pass."""
    found: dict[str, Tokens] = {}
    ids, mask = inputs.get("input_ids"), inputs.get("attention_mask")
    if isinstance(ids, Tensor):
        found["source"] = tokens_of(ids, mask if isinstance(mask, Tensor) and mask.ndim == 2 else None, tokenizer)
    decoder_ids, decoder_mask = inputs.get("decoder_input_ids"), inputs.get("decoder_attention_mask")
    if encoder_decoder and isinstance(decoder_ids, Tensor):
        found["consumed"] = tokens_of(decoder_ids, decoder_mask, tokenizer)
    return found


def tokens_of(ids: Tensor, mask: Tensor | None, tokenizer: Tokenizer | None) -> Tokens:
    """Spans from a (batch, positions) padding mask, 1 = real, and labels from the ids."""
    keep = torch.ones_like(ids) if mask is None or mask.shape != ids.shape else mask
    spans = []
    for row in keep.bool():
        real = row.nonzero().flatten()
        spans.append(range(int(real[0]), int(real[-1]) + 1) if len(real) else range(0))
    labels = None
    if tokenizer is not None:
        labels = tuple(tuple(tokenizer.convert_ids_to_tokens(row)) for row in ids.tolist())
    return Tokens(tuple(spans), labels)
