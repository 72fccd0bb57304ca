"""Which module makes what a layer adds to the stream, and which hands the stream on."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torch import nn

from regard.interventions.pieces import Spot
from regard.recording.kinds import is_attention
from regard.recording.layers import Layers
from regard.recording.observer import Place


class _Block(NamedTuple):
    """A layer's module that has attended in this pass, and the last linear map in it that is no part of its attention."""

    last: str | None
    places: list[Place]


class Sublayers:
    """Seen as a pass goes on: a layer attends, then it projects, then it is fed forward, then it is done."""

    def __init__(self, modules: Mapping[str, nn.Module], layers: Layers) -> None:
        self._modules, self._layers = modules, layers
        self._projects: Place | None = None  # the call whose output no module has projected yet
        self._blocks: dict[str, _Block] = {}
        self._last: dict[str, str | None] = {}

    def forget(self) -> None:
        """A pass begins."""
        self._projects = None
        self._blocks.clear()

    def attended(self, place: Place, module: str) -> None:
        """A call was seen, of a module of this name."""
        self._projects = place
        blocks = self._layers.blocks(module)
        if blocks is not None:
            block = self._blocks.setdefault(blocks.own, _Block(self._last_of(blocks.own), []))
            block.places.append(place)

    def made(self, module: str) -> Iterator[Spot]:
        """What a module that is done now has made: parts of layers."""
        place = self._projects
        if place is not None and self._is_projection(module):
            self._projects = None
            yield Spot(place.kind, place.layer, place.call, "attention")
        for name, block in self._blocks.items():
            for part, made in (("feed_forward", block.last), ("stream", name)):
                if made == module:
                    for kind, layer in dict.fromkeys((one.kind, one.layer) for one in block.places):
                        yield Spot(kind, layer, 0, part)

    def _is_projection(self, name: str) -> bool:
        """Whether it projects the output of a call: the next linear map, inside of attention; or torch's own layer itself."""
        module = self._modules[name]
        if isinstance(module, nn.MultiheadAttention):
            return True
        return _is_linear(module) and any(is_attention(one) for one in self._around(name))

    def _around(self, name: str) -> Iterator[nn.Module]:
        path = name.split(".")
        return (self._modules[".".join(path[:end])] for end in range(1, len(path)))

    def _last_of(self, block: str) -> str | None:
        """The last linear map of a layer outside of its attention."""
        if block not in self._last:
            inside = [name for name, one in self._modules.items() if name.startswith(f"{block}.") and _is_linear(one)]
            apart = [
                name
                for name in inside
                if not any(is_attention(self._modules[name[:at]]) for at in _ends(name) if at > len(block))
            ]
            self._last[block] = apart[-1] if apart else None
        return self._last[block]


def _ends(name: str) -> list[int]:
    return [at for at, letter in enumerate(name) if letter == "."]


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"  # Transformers' own, as in GPT-2
