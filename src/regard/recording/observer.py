"""One attention call, and what every observer of such calls knows of the model that makes them."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.recording.copies import Copies
from regard.recording.kinds import is_attention, kinds_of_modules


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
        heads_first: a tensor of the output's shape, seen as (batch, heads, queries, dim).
        value: the values, (batch, kv_heads, keys, dim); None where their axes are not known.
        dropout: the share of weights that were dropped after the map; None where it is not known.
    """

    module: nn.Module
    kept: str
    given: tuple[Tensor, ...]
    make_map: Callable[[Copies], AttentionMap]
    output: Tensor
    heads_first: Callable[[Tensor], Tensor]
    value: Callable[[], Tensor | None]
    dropout: float | None = 0.0


class Observer(ABC):
    """Sees the attention calls that one model makes in one thread, and knows which of its modules runs.

    Hooks and Transformers' interface belong to the process: what another thread runs meanwhile is another's.

    Attributes:
        modules: the model's modules by qualified name.
        names: their names by id: what is not among them is not observed.
        kind_of: what kind of attention the module of a name computes.
        passes: how many passes of the whole model have begun.
        stack: the modules that run now, the innermost last.
        ran_elsewhere: whether another thread has run one of the modules.
    """

    def __init__(self, model: nn.Module) -> None:
        self.modules = dict(model.named_modules())
        self.names = {id(part): name for name, part in self.modules.items()}
        self.kind_of = kinds_of_modules(model)
        self.passes = 0
        self.stack: list[nn.Module] = []
        self.ran_elsewhere = False
        self.error: Exception | None = None  #: the first of this block, which is raised when it ends
        self._thread = threading.get_ident()
        self._last: list[ReferenceType[Any]] = []  # module, and queries and keys, of the call before

    @abstractmethod
    def look_at(self, call: AttentionCall) -> None:
        """One attention call has run; the model goes on with ``call.output``."""

    def see(self, call: AttentionCall) -> None:
        """One attention call has run; an error in looking at it is kept for the end of the block: the model goes on."""
        try:
            self.look_at(call)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user's forward is not its place
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Keep an error, unless there is one already."""
        self.error = self.error or error

    def watch(self, model: nn.Module) -> Iterator[RemovableHandle]:
        """Know which module runs, and when a pass of the whole model begins; until the hooks are removed.

        A ScriptModule takes no hooks, and shows nothing of what it does.
        """
        yield model.register_forward_pre_hook(self._own(self.begin_pass), with_kwargs=True)
        for part in model.modules():
            if not isinstance(part, torch.jit.ScriptModule):
                yield part.register_forward_pre_hook(self._own(self.enter), with_kwargs=True)
                yield part.register_forward_hook(self._own(self.leave), always_call=True)

    def _own(self, hook: Callable[[nn.Module, Any, Any], None]) -> Callable[..., None]:
        """A hook that is called for the modules of this model, in this thread."""

        def called(module: nn.Module, *given: Any) -> None:  # another thread may come while the hook is half there
            if self.wants(module):
                try:
                    hook(module, *given)
                except Exception as error:  # noqa: BLE001 - as above
                    self.fail(error)

        return called

    def begin_pass(self, _model: nn.Module, _positional: tuple[Any, ...], _named: dict[str, Any]) -> None:
        """A pass of the whole model begins."""
        self.passes += 1
        self.stack.clear()
        self.forget_last()

    def enter(self, module: nn.Module, _positional: tuple[Any, ...], _named: dict[str, Any]) -> None:
        """This module runs now, its forward is about to be called."""
        self.stack.append(module)

    def leave(self, module: nn.Module, _inputs: Any, _output: Any) -> None:
        """It is done, and so is whatever an error has left inside of it."""
        while self.stack and self.stack.pop() is not module:
            pass  # a module that an error has left without a word

    def running(self) -> nn.Module | None:
        """The innermost module; its parent where that is the attention module, and this one a part of it."""
        if len(self.stack) > 2 and not is_attention(self.stack[-1]) and is_attention(self.stack[-2]):
            return self.stack[-2]
        return self.stack[-1] if self.stack else None

    def wants(self, module: nn.Module) -> bool:
        """Whether this module belongs to the observed model, and runs in the thread that observes it."""
        if id(module) not in self.names:
            return False
        self.ran_elsewhere |= (elsewhere := threading.get_ident() != self._thread)
        return not elsewhere

    def repeats(self, call: AttentionCall) -> bool:
        """Whether the call before this one was made by the same module with the same queries and keys."""
        now = (call.module, *call.given)
        same = len(self._last) == len(now) and all(ref() is one for ref, one in zip(self._last, now, strict=True))
        self._last = [ReferenceType(one) for one in now]
        return same

    def forget_last(self) -> None:
        """The next call repeats no other one."""
        self._last.clear()

    def place(self, module: nn.Module) -> tuple[str, str]:
        """A module's name, that of its class where it is the whole model; and its kind of attention."""
        name = self.names[id(module)]
        shown = name.replace("_orig_mod.", "")  # the wrapper of torch.compile is no module of the model
        return shown or type(module).__name__, self.kind_of(name)
