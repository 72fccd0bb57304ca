"""``with regard.record(model) as recording``: every attention call of the block, as lazy maps."""

import inspect
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from weakref import ReferenceType

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers.utils.output_capturing import OutputRecorder

from regard.errors import DtypeError, OptionError, RecordingError
from regard.maps.attention_map import AttentionMap
from regard.recording import torch_modules, transformers_models
from regard.recording.copies import Copies
from regard.recording.recording import KINDS, Call, Recording, Tokenizer, Tokens, tokens_of
from regard.recording.torch_modules import is_attention
from regard.recording.values import CallValues, Outcome


@contextmanager
def record(
    model: nn.Module,
    layers: Sequence[int] | None = None,
    kinds: Sequence[str] | None = None,
    *,
    tokenizer: Tokenizer | None = None,
    values: bool = False,
) -> Iterator[Recording]:
    """Keep the attention of everything that the model computes inside the block.

    The model runs on its own kernel, and its output is the same to the bit as without recording. For each attention call
    its queries and keys are copied, which is all that a map needs; weights that a model computes itself are copied as they are.
    Two things run otherwise inside the block: a compiled model runs as it was written, and PyTorch's inference path of
    ``nn.TransformerEncoder``, which has no queries to show, gives way to the ordinary one.

    Args:
        model: a Transformers model on SDPA or eager attention, or any torch module that calls fused attention or computes
            softmax by hand.
        layers: keep only these layers, counted from 0 in each stack of layers and kind: two towers have a layer 0 each.
        kinds: keep only these of "encoder", "decoder", "cross" (encoder-decoder models) and "self" (all others).
        tokenizer: names the tokens of ``input_ids`` on the axes.
        values: also keep what each map is multiplied with, and what comes of it, as ``recording.values``: for
            ``norm_weighted`` and ``relevance``. Where gradients are on, the graph of the pass lives as long as the recording.

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
    whole = isinstance(layers, Collection) and all(isinstance(layer, int) and layer >= 0 for layer in layers)
    if layers is not None and not whole:
        raise OptionError(f"expected layers as a list of numbers from 0, got {layers!r}; for example layers=[0, 3]")
    if isinstance(kinds, str) or set(kinds or ()) - set(KINDS):
        raise OptionError(f"expected kinds as a list of {', '.join(KINDS)}, got {kinds!r}; for example kinds=['cross']")
    recording = Recording()
    recording.model = _name_of(model)
    recorder = Recorder(model, recording, layers, kinds, values)
    with shown(model, recorder) as torch_calls:
        yield recording
    torch_calls.close()
    _check_calls(model, recording)
    recording._tokens |= _tokens_of_inputs(recorder.inputs, tokenizer, recording._is_encoder_decoder)
    recording._label_maps()


@contextmanager
def shown(model: nn.Module, recorder: "Recorder") -> Iterator[torch_modules.TorchCalls]:
    """Show a recorder the attention calls of the block; then the model, and Transformers' interface, are as they were found."""
    names = transformers_models.implementations(model)
    torch_calls = torch_modules.TorchCalls(recorder)
    transformers_models.start(recorder, names)
    hooks = recorder.watch(model)
    try:
        with _uncompiled(), torch_calls:
            yield torch_calls
    finally:
        for hook in hooks:
            hook.remove()
        transformers_models.stop(recorder)


def _name_of(model: nn.Module) -> str:
    """The model's class, and its name on the hub; of a folder only the last part, for a file may travel."""
    name = str(getattr(model, "name_or_path", None) or "")
    place = Path(name)
    return f"{type(model).__name__} {place.name if place.is_absolute() or place.exists() else name}".rstrip()


def _uncompiled() -> AbstractContextManager[None]:
    """What was compiled runs as it was written: a compiled graph shows its calls to nobody, and would be compiled anew."""
    dynamo_is_there = "torch._dynamo" in sys.modules  # else nothing was compiled, and importing it takes a second
    return torch.compiler.set_stance("force_eager") if dynamo_is_there else nullcontext()


def _check_calls(model: nn.Module, recording: Recording) -> None:
    """Refuse a recording without maps whose reader would not know why."""
    if not recording.passes or any(call.layer is not None for call in recording.calls):
        return
    name = type(model).__name__
    if recording.calls:
        reasons = sorted({f"{call.name}: {call.kept}" for call in recording.calls})
        raise RecordingError(
            f"{name} ran, and none of its attention is kept: {reasons[0]}"
            f"{f' (and {len(reasons) - 1} more)' if len(reasons) > 1 else ''}; "
            "such a model has no map of queries by keys to read. Its own output_attentions=True may have something else"
        )
    raise RecordingError(
        f"{name} ran and no attention was seen: no call of Transformers' attention interface, none of "
        "F.scaled_dot_product_attention, and no softmax over keys that multiplies values. Is there attention in it, "
        "and did it run in this thread?"
    )


class Recorder:
    """Collects the calls of one ``with`` block into its recording."""

    def __init__(
        self,
        model: nn.Module,
        recording: Recording,
        layers: Sequence[int] | None = None,
        kinds: Sequence[str] | None = None,
        values: bool = False,
    ) -> None:
        self.recording, self.layers, self.kinds, self.values = recording, layers, kinds, values
        self.modules = dict(model.named_modules())
        self.unprojected: CallValues | None = None  # the call whose output has not come to its projection yet
        self.names = {id(part): name for name, part in model.named_modules()}
        self.kind_of = _kinds_of_modules(model)
        self.seen: Counter[str] = Counter()
        self.last: list[ReferenceType[Any]] = []  # module, and queries and keys, of the call before
        self.copies = Copies()
        self.stack: list[nn.Module] = []
        self.inputs: dict[str, Any] = {}

    def watch(self, model: nn.Module) -> list[RemovableHandle]:
        """Know which module runs, and when a pass of the whole model begins and ends."""
        hooks = [model.register_forward_pre_hook(self.begin_pass, with_kwargs=True)]
        for part in model.modules():
            hooks.append(part.register_forward_pre_hook(self.enter))
            hooks.append(part.register_forward_hook(self.leave, always_call=True))
        return hooks

    def begin_pass(self, model: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        """A pass of the whole model starts: layers count from 0 again."""
        self.recording.passes += 1
        self.seen.clear()
        self.last.clear()
        self.copies.forget()
        self.stack.clear()
        self.unprojected = None
        self.inputs = dict(zip(inspect.signature(model.forward).parameters, positional, strict=False)) | named

    def enter(self, module: nn.Module, inputs: Any) -> None:
        """Notes that this module runs now, before its forward."""
        self.stack.append(module)
        if self.unprojected and inputs:
            with torch_modules.unseen():
                self.unprojected.projection = transformers_models.projection_of(module, inputs[0], self.unprojected)
            if self.unprojected.projection is not None:
                self.unprojected = None

    def leave(self, module: nn.Module, _inputs: Any, _output: Any) -> None:
        """Notes that it is done, and whatever an error has left inside of it."""
        while self.stack and self.stack.pop() is not module:
            pass  # a module that an error has left without a word

    def running(self) -> nn.Module | None:
        """The innermost module; its parent where that is the attention module, and this one a part of it."""
        if len(self.stack) > 2 and not is_attention(self.stack[-1]) and is_attention(self.stack[-2]):
            return self.stack[-2]
        return self.stack[-1] if self.stack else None

    def wants(self, module: nn.Module) -> bool:
        """Whether this is one of the modules that are recorded."""
        return id(module) in self.names

    def see(
        self,
        module: nn.Module,
        kept: str,
        given: tuple[Tensor, ...],
        make_map: Callable[[Copies], AttentionMap],
        outcome: Outcome,
    ) -> None:
        """Keeps the map of a call, unless it is not wanted or is that of the call before; ``kept`` says how, in words."""
        if torch._C._current_graph_task_id() != -1:
            return  # gradient checkpointing computes the layer once more on the way back
        name, kind = self.place(module)
        repeated = self.repeats(module, given)
        # Layers are counted in each stack of a model: text and vision towers have their own.
        stack = f"{kind} {re.sub('[0-9]+', '*', name)}" if re.search("[0-9]", name) else kind
        layer = self.seen[stack] - 1 if repeated else self.seen[stack]
        self.seen[stack] = layer + 1
        if (self.layers is not None and layer not in self.layers) or (self.kinds is not None and kind not in self.kinds):
            kept = "left out by layers= or kinds="
        elif repeated:
            kept = "the map of the call before: the same queries and keys, with other values"
        else:
            with torch.no_grad(), torch_modules.unseen():
                amap = make_map(self.copies)
                if self.values:
                    self.recording.values.append(self.values_of(module, outcome))
            amap.name, amap.kind, amap.layer = name, kind, layer
            self.recording.maps.append(amap)
        self.recording.calls.append(Call(name, kind, layer, kept))

    def repeats(self, module: nn.Module, given: tuple[Tensor, ...]) -> bool:
        """Whether the call before this one was made by the same module with the same queries and keys."""
        now = (module, *given)
        same = len(self.last) == len(now) and all(ref() is one for ref, one in zip(self.last, now, strict=True))
        self.last = [ReferenceType(one) for one in now]
        return same

    def values_of(self, module: nn.Module, outcome: Outcome) -> CallValues:
        """What belongs to a map beside its factors."""
        value = outcome.value()
        call = CallValues(None if value is None else self.copies.own(value), outcome.output, outcome.heads_first)
        if isinstance(module, nn.MultiheadAttention):
            call.projection = module.out_proj.weight.detach().T  # applied without a call of the module
        else:
            self.unprojected = call
        return call

    def miss(self, module: nn.Module, reason: str) -> None:
        """Notes a call of which no map is kept, and why."""
        self.recording.calls.append(Call(*self.place(module), None, reason))

    def place(self, module: nn.Module) -> tuple[str, str]:
        """A module's name, that of its class where it is the whole model; and its kind of attention."""
        name = self.names[id(module)]
        shown = name.replace("_orig_mod.", "")  # torch.compile's wrapper is nobody's module
        return shown or type(module).__name__, self.kind_of(name)


def _kinds_of_modules(model: nn.Module) -> Callable[[str], str]:
    """What kind of attention a module computes, from its qualified name.

    Transformers' models say which modules hold their cross-attention (``_can_record_outputs``): by class or by name. PyTorch's
    decoder layer calls it ``multihead_attn``; elsewhere the name says "cross", or nobody does.
    """
    cross_names = {"encoder_attn", "encoder_attention", "EncDecAttention"}
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
        parents = [modules[".".join(path[:end])] for end in range(1, len(path) + 1)]
        return (
            "cross" in name.lower()
            or any(f".{cross}." in f".{name}." for cross in cross_names)
            or any(type(part) in cross_classes or "CrossAtt" in type(part).__name__ for part in parents)
            or (path[-1] == "multihead_attn" and isinstance(parents[-2], nn.TransformerDecoderLayer))
        )

    config = getattr(model, "config", None)
    halves = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
    both_halves = bool(getattr(config, "is_encoder_decoder", False)) or (
        config is None and all(any(isinstance(part, half) for part in modules.values()) for half in halves)
    )

    def kind(name: str) -> str:
        if name and is_cross(name):
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
