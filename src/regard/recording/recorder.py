"""Collects the attention calls of one ``with`` block into a recording."""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from regard.errors import DtypeError, OptionError
from regard.maps.attention_map import AttentionMap
from regard.maps.narrowed_factors import alone
from regard.recording.calls import Call
from regard.recording.copies import Copies
from regard.recording.layers import listed
from regard.recording.observer import AttentionCall, NoMapError, Observer, Place
from regard.recording.recording import Recording
from regard.recording.stacks import Stacks
from regard.recording.torch_modules import unseen
from regard.recording.values import CallValues, projection_of

Keep = int | Callable[[AttentionMap], AttentionMap | None] | None
"""Of how many passes the maps are kept, or what is kept of each of them; all of all, for None."""


class Recorder(Observer):
    """Keeps the calls of a model, and the maps of those that are asked for.

    Attributes:
        recording: where they go.
        stacks: what rows and columns are.
        asked: the layers whose maps are kept; all for None.
        asked_kinds: likewise.
        ran: the layers that have made calls.
    """

    follows_replays = True

    def __init__(
        self,
        model: nn.Module,
        recording: Recording,
        layers: Collection[int] | None = None,
        kinds: Collection[str] | None = None,
        *,
        values: bool = False,
        tokenizer: Any = None,
        copies: Copies | None = None,
        keep: Keep = None,
    ) -> None:
        super().__init__(model)
        self.recording, self.asked, self.asked_kinds, self.values = recording, layers, kinds, values
        self.ran: set[int] = set()
        self.stacks = Stacks(tokenizer)
        self.copies = copies or Copies()
        self.keep = keep
        self._made: WeakKeyDictionary[AttentionCall, tuple[AttentionMap | None, Call]] = WeakKeyDictionary()
        self._begun: deque[tuple[int, int]] = deque()  # how many maps and calls there were as each kept pass began
        self._unprojected: CallValues | None = None  # the call whose output has not come to its projection yet

    def begin_pass(self) -> None:
        """A pass begins: nothing in it is shared with the one before."""
        super().begin_pass()
        self._let_go()
        self.copies.forget()

    def enter_outermost(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        """Nothing else of the model runs."""
        super().enter_outermost(module, given)
        self._unprojected = None
        self.stacks.leave_until(0)

    def enter(self, module: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        """This module runs now; it may be what projects the output of the call before."""
        super().enter(module, positional, named)
        self.stacks.enter(module, positional, named)
        self._project(module, positional)

    def _project(self, module: nn.Module, positional: tuple[Any, ...]) -> None:
        if self._unprojected and positional:
            with unseen():
                self._unprojected.projection = projection_of(module, positional[0], self._unprojected)
            if self._unprojected.projection is not None:
                self._unprojected = None

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """It is done; what it has read is what its output stands for."""
        with torch.no_grad(), unseen():
            self.stacks.leave(module, output)
        super().leave(module, inputs, output)
        self.stacks.leave_until(len(self.stack))

    def look_at(self, call: AttentionCall) -> None:
        """Keep the map of a call, unless it is not asked for or is that of the call before."""
        if torch._C._current_graph_task_id() != -1:
            return  # gradient checkpointing computes the layer once more on the way back
        place, repeated = self.placed(call)
        place = place._replace(step=self.recording.passes - 1)  # among the passes that are kept
        self.ran.add(place.layer)
        self.stacks.called(call.module)
        if self._is_left_out(place):
            kept = "left out by layers= or kinds="
        elif repeated:
            kept = "the map of the call before: the same queries and keys, with other values"
        else:
            with torch.no_grad(), unseen():
                try:
                    amap = call.make_map(self.copies)
                except NoMapError as reason:
                    self.miss(call.module, str(reason))
                    return
                amap.queries, amap.keys = self.stacks.axes(
                    call.module, place.kind, amap.shape, call.given[1] if call.kept == "factors" else None
                )
            amap.name, amap.kind, amap.layer, amap.call, amap.step = place
            kept = self._keep(call, amap)
        said = Call(place.name, place.kind, place.layer, kept, place.call, place.step)
        self.recording.calls.append(said)
        if call.kept == "dense":
            self._made[call] = self.recording.maps[-1] if self.recording.maps else None, said

    def _keep(self, call: AttentionCall, amap: AttentionMap) -> str:
        """Put a map into the recording, if it is to be kept; how it was."""
        found = self.keep(amap) if callable(self.keep) else amap
        if found is None:
            return "left out by keep="
        if not isinstance(found, AttentionMap):
            raise DtypeError(f"keep: expected a function that returns a map or None, got {type(found).__name__}")
        with torch.no_grad(), unseen():
            if self.values:
                self.recording.values.append(self._values_of(call))
            else:
                data = found.to_data()
                found = AttentionMap.from_data(replace(data, view=alone(data.view)))
        self.recording.maps.append(found)
        return call.kept if call.doubt is None else f"{call.kept}; {call.doubt}"

    def withdraw(self, call: AttentionCall) -> None:
        """Its map is let go; why there is none is said with those that were missed."""
        amap, said = self._made.pop(call, (None, None))
        recording = self.recording
        if said in recording.calls:
            recording.calls.remove(said)
        at = next((at for at, one in enumerate(recording.maps) if one is amap), None)
        if at is not None:
            del recording.maps[at], recording.values[at : at + bool(self.values)]

    def _let_go(self) -> None:
        """A pass begins: those that were kept before as many as are asked for, are let go."""
        recording = self.recording
        recording.passes += 1
        if self.keep is None or callable(self.keep):
            return
        self._begun.append((len(recording.maps), len(recording.calls)))
        if len(self._begun) > self.keep:
            self._begun.popleft()
            maps, calls = self._begun[0]
            del recording.maps[:maps], recording.calls[:calls], recording.values[: maps if self.values else 0]
            self._begun = deque((one - maps, other - calls) for one, other in self._begun)
            recording.passes -= 1
            for amap in recording.maps:
                amap.step -= 1
            recording.calls[:] = [call._replace(step=call.step - 1) for call in recording.calls]

    def miss(self, module: nn.Module, reason: str) -> None:
        """Note a call of which no map is kept, and why."""
        name = self.names[id(module)]
        self.recording.calls.append(Call(self.shown(module), self.kinds.of(name, self.kinds.name_says(name)), None, reason))

    def check_layers(self) -> None:
        """Refuse layers that were asked for and never ran, where the model did."""
        if missing := sorted(set(self.asked or ()) - self.ran) if self.ran else []:
            raise OptionError(
                f"layers: expected layers that ran, {listed(self.ran)}, got {missing[0]}; a layer is the number that its "
                "module has among its peers"
            )

    def _is_left_out(self, place: Place) -> bool:
        return (self.asked is not None and place.layer not in self.asked) or (
            self.asked_kinds is not None and place.kind not in self.asked_kinds
        )

    def _values_of(self, call: AttentionCall) -> CallValues:
        value = call.value()
        made = CallValues(
            None if value is None else self.copies.own(value), call.output, call.heads_first, dropout=call.dropout
        )
        if isinstance(call.module, nn.MultiheadAttention):
            made.projection = call.module.out_proj.weight.detach().T  # applied without a call of the module
        else:
            self._unprojected = made
        return made
