"""Layers before a site return what they returned unchanged: they have been given the same, and need not run again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from regard.recording.entries import tensors_in
from regard.recording.owner import Owner
from regard.recording.way_out import WayOut


class Replay:
    """The layers of a model that run once a pass, one after another, and what each of them has returned.

    Their ``forward`` stands aside in the thread and task that asks, and nowhere else.

    Attributes:
        aside: how many of them, from the first, return what was kept.
        keeps: whether what they return is kept.
        ran: how many layers have run, times the sequences of each: what the work is counted by.
    """

    def __init__(self, model: nn.Module, names: Sequence[str], owner: Owner) -> None:
        modules = dict(model.named_modules())
        self._layers = [modules[name] for name in names]
        self._owner = owner
        self._kept: list[Any] = []
        self._versions: list[list[int]] = []
        self._order: list[int] = []  # of the layers, by number among the modules, as they ran in the pass that is kept
        self.aside, self.keeps, self.ran = 0, False, 0

    @property
    def count(self) -> int:
        """How many layers there are."""
        return len(self._layers)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Inside the block the layers may stand aside."""
        way_out = WayOut()
        try:
            for number, layer in enumerate(self._layers):
                own = layer.__dict__.get("forward")
                way_out.then(partial(_give_back, layer, own))
                layer.forward = partial(self._forward, number, layer.forward)
            yield
        finally:
            way_out.leave()

    def keep(self) -> None:
        """The pass that comes is the unchanged one."""
        self.forget()
        self.aside, self.keeps = 0, True

    def kept(self) -> bool:
        """That pass is over: whether each layer has run once in it, in order, and nobody has written into what it returned."""
        self.keeps = False
        once = bool(self._layers) and self._order == list(range(len(self._layers)))
        return once and self._versions == [[one._version for one in tensors_in(made)] for made in self._kept]

    def forget(self) -> None:
        """Let go what was kept."""
        self._kept, self._versions, self._order, self.aside, self.keeps = [], [], [], 0, False

    def _forward(self, number: int, forward: Callable[..., Any], *given: Any, **named: Any) -> Any:
        if not self._owner.is_here():
            return forward(*given, **named)
        if number < self.aside:
            return self._kept[number]
        made = forward(*given, **named)
        first: Tensor | None = next(tensors_in(made), None)
        self.ran += 0 if first is None else len(first)
        if self.keeps:
            self._order.append(number)
            self._kept.append(made)
            self._versions.append([one._version for one in tensors_in(made)])
        return made


def _give_back(layer: nn.Module, own: Any) -> None:
    if own is None:
        layer.__dict__.pop("forward", None)
    else:
        layer.__dict__["forward"] = own
