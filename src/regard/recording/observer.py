"""One attention call, and what every observer of such calls knows of the model that makes them."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType

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
    """Sees the attention calls of one model, and knows which of its modules runs.

    Attributes:
        modules: the model's modules by qualified name.
        names: their names by id: what is not among them is not observed.
        kind_of: what kind of attention the module of a name computes.
        passes: how many passes of the whole model have begun.
        stack: the modules that run now, the innermost last.
    """

    def __init__(self, model: nn.Module) -> None:
        self.modules = dict(model.named_modules())
        self.names = {id(part): name for name, part in self.modules.items()}
        self.kind_of = kinds_of_modules(model)
        self.passes = 0
        self.stack: list[nn.Module] = []
        self._last: list[ReferenceType[Any]] = []  # module, and queries and keys, of the call before

    @abstractmethod
    def see(self, call: AttentionCall) -> None:
        """One attention call has run; the model goes on with ``call.output``."""

    def show(self, call: AttentionCall) -> None:
        """One attention call has run; what goes wrong in looking at it goes to ``fail``."""
        try:
            self.see(call)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no matter of the model
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Something went wrong in looking at what runs: said at once, or when it has run."""
        raise error

    def watch(self, model: nn.Module) -> list[RemovableHandle]:
        """Know which module runs, and when a pass of the whole model begins; until the hooks are removed."""
        hooks = [model.register_forward_pre_hook(self.begin_pass, with_kwargs=True)]
        for part in model.modules():
            hooks.append(part.register_forward_pre_hook(self.enter, with_kwargs=True))
            hooks.append(part.register_forward_hook(self.leave, always_call=True))
        return hooks

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
        """Whether this module belongs to the observed model."""
        return id(module) in self.names

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
