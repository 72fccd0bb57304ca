"""Collects the attention calls of one ``with`` block into a recording."""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ReferenceType

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from regard.maps.attention_map import AttentionMap
from regard.recording import torch_modules, transformers_models
from regard.recording.copies import Copies
from regard.recording.kinds import kinds_of_modules
from regard.recording.recording import Call, Recording
from regard.recording.torch_modules import is_attention
from regard.recording.values import CallValues, Outcome


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
        self.kind_of = kinds_of_modules(model)
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
