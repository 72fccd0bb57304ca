"""Which place in its text each row and each key of a call has: padding has none, and a cache goes on counting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from regard.axes.axis import Axis
from regard.recording.copies import Copies
from regard.recording.means import seen_keys
from regard.recording.observer import AttentionCall, Observer
from regard.recording.stacks import Stacks
from regard.recording.torch_modules import unseen

At = Sequence[int] | None
"""Places in a text, negative ones from its end; None for all positions, padding too."""


@dataclass(frozen=True)
class Places:
    """Where positions stand in their texts.

    Attributes:
        place: (batch, positions), from 0; −1 for padding.
        length: of each text as far as it goes, (batch,).
    """

    place: Tensor
    length: Tensor

    @classmethod
    def of(cls, present: Tensor) -> "Places":
        """Those of positions of which some are padding, (batch, positions).

        Example:
            >>> Places.of(torch.tensor([[False, True, True]])).place
            tensor([[-1,  0,  1]])
        """
        return cls((present.cumsum(1) - 1).masked_fill(~present, -1), present.sum(1))

    def last(self, count: int) -> "Places":
        """Of the last positions, in the same texts."""
        return Places(self.place[:, self.place.shape[1] - count :], self.length)

    def of_sequences(self, chosen: slice) -> "Places":
        """Of some sequences of the batch."""
        return Places(self.place[chosen], self.length[chosen])

    def are(self, at: At) -> Tensor:
        """Whether each position is one of those that are meant, (batch, positions).

        Example:
            >>> Places.of(torch.tensor([[False, True, True]])).are([-1])
            tensor([[False, False,  True]])
        """
        if at is None:
            return torch.ones_like(self.place, dtype=torch.bool)
        found = torch.zeros_like(self.place, dtype=torch.bool)
        for one in at:
            meant = self.length + one if one < 0 else torch.full_like(self.length, one)
            found |= (self.place == meant[:, None]) & (meant >= 0)[:, None]
        return found


class TextObserver(Observer):
    """An observer that knows where the rows and keys of a call stand in their texts.

    Attributes:
        stacks: what rows and columns are.
        unpadded: whether it is known that no position of any call is padding: then nothing is followed.
        goes_on: then, how many positions there are, and how many of them are the text: what comes after it has no place.
    """

    def __init__(self, model: nn.Module, *, unpadded: bool = False) -> None:
        super().__init__(model)
        self.stacks = Stacks()
        self.unpadded = unpadded
        self.goes_on: tuple[int, int] | None = None
        self._read: Places | None = None  # of the rows of self-attention, for cross-attention over the same ones

    def enter_outermost(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        """Nothing else of the model runs."""
        super().enter_outermost(module, given)
        self.stacks.leave_until(0)
        self._read = None

    def enter(self, module: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        """This module runs now."""
        super().enter(module, positional, named)
        if not self.unpadded:
            self.stacks.enter(module, positional, named)

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """It is done; what it has read is what its output stands for."""
        if not self.unpadded:
            with torch.no_grad(), unseen():
                self.stacks.leave(module, output)
        super().leave(module, inputs, output)
        if not self.unpadded:
            self.stacks.leave_until(len(self.stack))

    @torch.no_grad()
    def places(self, call: AttentionCall, kind: str) -> tuple[Places, Places]:
        """Where the rows and the keys of a call stand in their texts."""
        batch, queries, keys = call.size()
        if self.unpadded:
            return self._unpadded(batch, queries, call.output.device), self._unpadded(batch, keys, call.output.device)
        given = call.given[1] if call.kept == "factors" else None
        rows, columns = self.stacks.axes(call.module, kind, (batch, 1, queries, keys), given)
        device = call.output.device
        of_keys = _places(columns, batch, device)
        if of_keys is None:
            of_keys = Places.of(seen_keys(call.make_map(Copies())))
        if kind != "cross":
            self._read = of_keys.last(queries) if keys >= queries else of_keys
            return self._read, of_keys
        if self._read is not None and self._read.place.shape == (batch, queries):
            return self._read, of_keys
        known = _places(rows, batch, device)
        return known or Places.of(torch.ones(batch, queries, dtype=torch.bool, device=device)), of_keys

    def _unpadded(self, batch: int, size: int, device: torch.device) -> Places:
        positions, text = self.goes_on or (size, size)
        real = torch.arange(size, device=device) < (text if size == positions else size)
        return Places.of(real.expand(batch, -1))


def _places(axis: Axis, batch: int, device: torch.device) -> Places | None:
    """As an axis says it; None where it knows nothing of its positions."""
    if all(line.present is None and line.id is None for line in axis.lines):
        return None
    real = [[True] * line.size if line.present is None else list(line.present) for line in axis.lines]
    return Places.of(torch.tensor(real, device=device).expand(batch, -1))
