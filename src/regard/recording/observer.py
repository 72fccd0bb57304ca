"""One attention call, and what every observer of such calls knows of the model that makes them."""

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import CodeType
from typing import Any, NamedTuple
from weakref import ReferenceType

import torch
from torch import Tensor, nn

from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.recording.changed_rows import ChangedRows
from regard.recording.copies import Copies
from regard.recording.entries import method_of, tensors_in
from regard.recording.kinds import Kinds, is_attention
from regard.recording.layers import Layers
from regard.recording.living import Living
from regard.recording.origins import Running, is_given_heads, keys_from
from regard.recording.owner import Owner
from regard.recording.row_sums import RowSums
from regard.recording.way_out import WayOut

_hooking = threading.RLock()
"""Torch counts its hooks without a lock: two threads could get the same number."""


class Place(NamedTuple):
    """Where in a model an attention call was made.

    Attributes:
        name: qualified name of the module, that of its class where it is the whole model.
        kind: "encoder", "decoder", "cross" or "self".
        layer: the index of the module among its peers.
        call: how many calls of this kind the layer has made before in this pass: other pictures, windows or slices.
        step: how many passes of the model have begun before this one.
    """

    name: str
    kind: str
    layer: int
    call: int
    step: int


class Inputs(NamedTuple):
    """What attention is computed of."""

    query: Tensor
    key: Tensor
    value: Tensor


class NoMapError(RecordingError):
    """Why there is no map of a call: said in ``calls``, and no error of a recording that has others."""


@dataclass(eq=False)
class AttentionCall:
    """An attention call that has just run. An observer may put another output in place of its own.

    Attributes:
        module: the module of the model that made it.
        kept: how a map of it is kept: "factors", or "dense" where the model has computed the weights itself.
        given: queries and keys, or weights: what tells it from another call.
        make_map: its map, with copies of what it was given.
        output: what the model goes on with.
        heads_first: a tensor of the output's shape, seen as (batch, heads, queries, dim); None where it has no
            heads any more.
        value: the values, (batch, kv_heads, keys, dim); None where their axes are not known.
        dropout: the share of weights that were dropped after the map; None where it is not known.
        sizes: how many queries and keys it has, where ``given`` has them not in its last axes but one.
        as_given: the way back from ``heads_first``, where that is no view.
        doubt: what is not known of it.
        under: mask and scale: the same queries and keys have another map under others.
        inputs: queries, keys and values as they were given, (batch, heads or kv_heads, positions, dim); None where the weights
            were computed by the model itself, or the axes are not known.
        again: what the same kernel returns for other ones, in the output's own layout; None likewise.
        sums: what the kernel has said of its rows beside the output, where an observer asks for it; None elsewhere.
        changed: rows that observers have changed.
    """

    module: nn.Module
    kept: str
    given: tuple[Tensor, ...]
    make_map: Callable[[Copies], AttentionMap]
    output: Tensor
    heads_first: Callable[[Tensor], Tensor] | None
    value: Callable[[], Tensor | None]
    dropout: float | None = 0.0
    sizes: tuple[int, int] | None = None
    as_given: Callable[[Tensor], Tensor] | None = None
    doubt: str | None = None
    under: tuple[Any, ...] = ()
    inputs: Callable[[], Inputs] | None = None
    again: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    sums: RowSums | None = None
    changed: ChangedRows = field(default_factory=ChangedRows)

    def row_sums(self) -> Tensor | None:
        """The log-sum-exp of each row, (batch, heads, queries); None where it is not known of the output as it is now."""
        known = self.sums is not None and self.heads_first is not None and self.doubt is None
        return self.sums.of(self.output, self.heads_first) if known else None  # type: ignore[union-attr, arg-type]

    def size(self) -> tuple[int, int, int]:
        """(batch, queries, keys), as far as the model has them in these axes."""
        first = self.given[0]
        if self.sizes is not None:
            return first.shape[0], *self.sizes
        return first.shape[0], first.shape[-2], first.shape[-1] if len(self.given) == 1 else self.given[1].shape[-2]


class Observer(ABC):
    """Sees the attention calls that one model makes in one thread and task, and knows which of its modules runs.

    Hooks and Transformers' interface belong to the process: what another thread or task runs meanwhile is another's.

    Attributes:
        modules: the model's modules by qualified name.
        names: their names by id: what is not among them is not observed.
        kinds: of their attention.
        layers: how they are counted.
        passes: how many passes have begun: each begins with the outermost module that runs, be it the model or a part of it;
            parts that run one after the other are one pass until one of them runs again, or until another method of the model
            is called with nothing that has come out of them.
        stack: the modules that run now, the innermost last.
        owner: whose calls these are.
        ran_elsewhere: whether another thread or task has run one of the modules.
        settled: classes of modules whose calls say themselves which axes are heads.
        follows_replays: whether one pass over a text that was generated shows what is asked of its generation.
    """

    follows_replays = False

    @property
    def asks_sums(self) -> bool:
        """Whether kernels are asked for the log-sum-exp of their rows, too."""
        return False

    def __init__(self, model: nn.Module) -> None:
        self.modules = dict(model.named_modules())
        self.names = {id(part): name for name, part in self.modules.items()}
        self.kinds = Kinds(model)
        self.layers = Layers(self.modules)
        self.passes = 0
        self.stack: list[nn.Module] = []
        self.ran_elsewhere = False
        self.owner = Owner()
        self._ran: set[int] = set()  # modules, by id
        self._ran_elsewhere_meanwhile: set[int] = set()  # while a module ran here
        self.settled: set[type[nn.Module]] = set()
        self._running: list[Running] = []  # with their arguments
        self._runs: list[Counter[str]] = []  # how often each running module has run each of the modules inside of it
        self._calls: Counter[tuple[str, str, int]] = Counter()  # of each layer in this pass
        self._attended: set[str] = set()  # outermost modules of this pass that have made attention calls
        self._is_due = True  # the next attention call begins a pass
        self._is_whole = False  # this pass is one of the whole model
        self._method: CodeType | None = None  # through which the model was entered last
        self._came_out: Living[bool] = Living()  # of the outermost modules of this pass
        self._last: list[ReferenceType[Any]] = []  # module, and queries, keys and mask, of the call before
        self._last_under: tuple[Any, ...] = ()
        self.error: Exception | None = None  #: the first of this block, which is raised when it ends

    @abstractmethod
    def look_at(self, call: AttentionCall) -> None:
        """One attention call has run; the model goes on with ``call.output``."""

    def see(self, call: AttentionCall) -> None:
        """One attention call has run; an error in looking at it is kept for the end of the block: the model goes on."""
        try:
            self.look_at(call)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user's forward is not its place
            self.fail(error)

    def withdraw(self, call: AttentionCall) -> None:  # noqa: B027 - most observers keep nothing
        """A call that was seen turns out to be no attention over positions: nothing is kept of it."""

    def fail(self, error: Exception) -> None:
        """Keep an error, unless there is one already."""
        self.error = self.error or error

    def watch(self, model: nn.Module, way_out: WayOut) -> None:
        """Know which module runs, and so when a pass begins, until the way out.

        A ScriptModule takes no hooks, and shows nothing of what it does.
        """
        enter, leave = self._own(self.enter), self._own(self.leave)
        parts = [part for part in model.modules() if not isinstance(part, torch.jit.ScriptModule)]
        way_out.then(partial(_remove_hooks, parts, (enter, leave)))
        with _hooking:
            for part in parts:
                part.register_forward_pre_hook(enter, with_kwargs=True)
                part.register_forward_hook(leave, always_call=True)

    def _own(self, hook: Callable[[nn.Module, Any, Any], Any]) -> Callable[..., Any]:
        """A hook that is called for the modules of this model, in this thread and task."""

        def called(module: nn.Module, *given: Any) -> Any:  # another thread may come while the hook is half there
            if self.wants(module):
                try:
                    return hook(module, *given)
                except Exception as error:  # noqa: BLE001 - as above
                    self.fail(error)
            return None

        return called

    def begin_pass(self) -> None:
        """A pass begins."""
        self.passes += 1
        self.forget_last()
        self._calls.clear()
        self._attended.clear()
        self._came_out = Living()
        self._is_due = False

    def enter_outermost(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        """Nothing else of the model runs, or only what an error has left."""
        name = self.names[id(module)]
        before, self._method = self._method, method_of(module, self.names)
        del self.stack[:], self._running[:], self._runs[:]
        if not name:
            self.begin_pass()
        elif self._is_whole or name in self._attended:
            self._is_due = True  # if there is attention in it
        elif None is not self._method is not before and self._attended:
            self._is_due |= not any(self._came_out.get(one) for one in tensors_in(given))
        self._is_whole = not name

    def enter(self, module: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        """This module runs now, its forward is about to be called."""
        name = self.names[id(module)]
        self._ran.add(id(module))
        if not self.stack or not name:
            self.enter_outermost(module, (positional, named))
        else:
            self._runs[-1][name] += 1
        self.stack.append(module)
        self._running.append(Running(module, positional, named))
        self._runs.append(Counter())

    def leave(self, module: nn.Module, _inputs: Any, output: Any) -> Any:
        """It is done, and so is whatever an error has left inside of it.

        Returns:
            None, or what the model goes on with instead of the output.
        """
        while self.stack and self.stack.pop() is not module:
            pass  # a module that an error has left without a word
        del self._running[len(self.stack) :], self._runs[len(self.stack) :]
        if not self.stack:
            for one in tensors_in(output):
                self._came_out.hold(one, True)
        return None

    def running(self) -> nn.Module | None:
        """The innermost module; its parent where that is the attention module, and this one a part of it."""
        if len(self.stack) > 2 and not is_attention(self.stack[-1]) and is_attention(self.stack[-2]):
            return self.stack[-2]
        return self.stack[-1] if self.stack else None

    def running_here(self) -> nn.Module | None:
        """As ``running``; None in another thread or task."""
        return self.running() if self.owner.is_here() else None

    def wants(self, module: nn.Module) -> bool:
        """Whether this module belongs to the observed model, and runs in the thread and task that observe it."""
        if id(module) not in self.names:
            return False
        if self.owner.is_here():
            return True
        self.ran_elsewhere = True
        if self.stack:
            self._ran_elsewhere_meanwhile.add(id(module))
        return False

    def ran_apart(self) -> Iterator[nn.Module]:
        """The outermost modules that ran in another thread only, while the model ran here: what they computed was not seen."""
        apart = self._ran_elsewhere_meanwhile - self._ran
        inside: set[int] = set()
        for module in self.modules.values():
            if id(module) in apart and id(module) not in inside:
                inside.update(map(id, module.modules()))
                yield module

    def placed(self, call: AttentionCall) -> tuple[Place, bool]:
        """Where a call that has just run was made; and whether it repeats the one before, which is no call of its own."""
        if self._is_due:
            self.begin_pass()
        self._attended.add(self.names[id(self.stack[0])] if self.stack else "")
        if call.as_given is None:
            self.settled.add(type(call.module))
        repeated = self._repeats(call)
        name, kind = self.names[id(call.module)], self._kind(call)
        running = [(self.names[id(module)], runs) for module, runs in zip(self.stack, self._runs, strict=True)]
        layer = self.layers.of(name, kind, running)
        counted = name, kind, layer
        self._calls[counted] += not repeated
        return Place(self.shown(call.module), kind, layer, self._calls[counted] - 1, self.passes - 1), repeated

    def forget_last(self) -> None:
        """The next call repeats no other one."""
        self._last.clear()

    def shown(self, module: nn.Module) -> str:
        """A module's name, that of its class where it is the whole model."""
        name = self.names[id(module)].replace("_orig_mod.", "")  # the wrapper of torch.compile is no module of the model
        return name or type(module).__name__

    def _repeats(self, call: AttentionCall) -> bool:
        """Whether the call before this one was made by the same module with the same queries and keys."""
        now = [call.module, *call.given, *(one for one in call.under if isinstance(one, Tensor))]
        under = tuple(one for one in call.under if not isinstance(one, Tensor))
        same = len(self._last) == len(now) and all(ref() is one for ref, one in zip(self._last, now, strict=True))
        same = same and under == self._last_under
        self._last, self._last_under = [ReferenceType(one) for one in now], under
        return same

    def _kind(self, call: AttentionCall) -> str:
        """The kind of a call, by where its keys come from; names of the module are asked where that is not sure."""
        name, origin = self.names[id(call.module)], None
        if not self.kinds.is_declared(name) and (running := self._that_projects(call)) is not None:
            origin = keys_from(running, *call.size())
        if origin is None or not origin.sure:
            said = self.kinds.name_says(name)
            return self.kinds.of(name, said if said is not None or origin is None else origin.kind)
        return self.kinds.of(name, origin.kind)

    def _that_projects(self, call: AttentionCall) -> Running | None:
        """The running module that is given what queries and keys are made of: the innermost one that has parameters."""
        at = next((at for at in range(len(self.stack) - 1, -1, -1) if self.stack[at] is call.module), -1)
        inward_out = (one for one in reversed(self._running[: at + 1]) if next(one.module.parameters(), None) is not None)
        return next((one for one in inward_out if not is_given_heads(one, *call.size()[1:])), None)


def _remove_hooks(parts: Collection[nn.Module], hooks: tuple[Callable[..., None], ...]) -> None:
    """By what they are, as an interrupt may have come before their handles were kept."""
    with _hooking:
        for part in parts:
            flags = part._forward_pre_hooks_with_kwargs, part._forward_hooks_with_kwargs, part._forward_hooks_always_called
            for held in (part._forward_pre_hooks, part._forward_hooks):
                for number in [number for number, hook in tuple(held.items()) if hook in hooks]:
                    for one in (*flags, held):
                        one.pop(number, None)
