"""Which layer of a model a module is: its index among its peers, whether or not all of them run or compute attention."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from torch import nn

from regard.recording.kinds import is_attention

LISTS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)


class Blocks(NamedTuple):
    """The numbered parts of a model, in order, of which one holds an attention module."""

    all: tuple[str, ...]
    own: str


class Layers:
    """The layers of a model, counted from 0 in each stack of like modules.

    ``model.layers.3.self_attn`` is layer 3, also where layers before it were skipped or have no attention. Numbers that all
    like modules share are part of their names (T5's ``block.3.layer.0.SelfAttention``); where several differ, as in stages of
    blocks, the blocks are counted through. Where there is nothing to count, modules are numbered as they come.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self._modules = modules
        self._alike: dict[str, list[str]] = {}  # modules by their names with all numbers left out
        self._blocks: dict[str, Blocks | None] = {}
        self._came: dict[str, list[str]] = {}  # modules that are numbered as they come, by what they are counted among

    def of(self, name: str, kind: str, running: Sequence[tuple[str, Mapping[str, int]]]) -> int:
        """The layer of an attention module that runs now.

        Args:
            name: of the module.
            kind: of its attention.
            running: the modules that run, the innermost last: their names, and how often each has run the modules within it.
        """
        name = self._place(name, [one for one, _ in running])
        if name not in self._blocks:
            self._count(name)
        blocks = self._blocks[name]
        if blocks is None:
            known = self._came.setdefault(f"{kind} {_pattern(name)}" if re.search("[0-9]", name) else kind, [])
            if name not in known:
                known.append(name)
            return known.index(name)
        if self._are_shared(blocks, [one for one, _ in running]):  # ALBERT: one module serves as several layers
            for at in range(len(running) - 1, 0, -1):
                if running[at][0] == blocks.own:
                    return sum(running[at - 1][1].get(one, 0) for one in blocks.all) - 1
        return blocks.all.index(blocks.own)

    def blocks(self, name: str) -> Blocks | None:
        """The numbered parts among which a module was counted that has run: its own is its layer; None where there are none."""
        return self._blocks.get(name)

    def _place(self, name: str, running: Sequence[str]) -> str:
        """Where a module stands now: one that stands in several places bears the name of the first of them."""
        for at in range(len(running) - 1, 0, -1):
            outer, inner = running[at - 1], running[at]
            if outer and not f"{inner}.".startswith(f"{outer}.") and f"{name}.".startswith(f"{inner}."):
                return outer
        return name

    def _are_shared(self, blocks: Blocks, running: Sequence[str]) -> bool:
        """Whether there are more layers than modules for them."""
        if len(blocks.all) == 1:
            return True
        configs = (getattr(self._modules[one], "config", None) for one in reversed(running) if one in self._modules)
        said = next((getattr(config, "num_hidden_layers", None) for config in configs if config is not None), None)
        return isinstance(said, int) and said > len(blocks.all)

    def _count(self, name: str) -> None:
        """Find the numbered parts among which the module's own counts, and so those of its peers; None where no number does."""
        path = name.split(".")
        counted = self._counted(path)
        self._blocks[name] = None
        if not counted:
            return
        pattern = _pattern_of(path, counted)
        kind = type(self._modules.get(name))
        alike = [one for one in self._like(name) if type(self._modules[one]) is kind] or [name]
        peers = [other for one in alike if _pattern_of(other := one.split("."), counted) == pattern]
        differ = [at for at in counted if len({peer[at] for peer in peers}) > 1] or counted[:1]
        end = differ[-1] + 1
        known = {at: path[at] for at in range(end) if at not in differ}
        holds = {".".join(peer[: end - 1]) for peer in peers}  # lists without any attention are not counted
        found = {}
        for one in self._like(".".join(path[:end])):
            parts = one.split(".")
            if (
                ".".join(parts[:-1]) in holds
                and _pattern_of(parts, differ) == _pattern_of(path[:end], differ)
                and all(parts[at] == text for at, text in known.items())
            ):
                found[one] = tuple(_number(parts[at]) for at in differ)
        ordered = tuple(sorted(found, key=lambda one: found[one]))
        if self._are_sublayers(ordered):
            return
        for peer in (path, *peers):
            own = ".".join(peer[:end])
            if own in found:
                self._blocks[".".join(peer)] = Blocks(ordered, own)

    def _like(self, name: str) -> list[str]:
        if not self._alike:
            for one in self._modules:
                self._alike.setdefault(_pattern(one), []).append(one)
        return self._alike.get(_pattern(name), [])

    def _counted(self, path: Sequence[str]) -> list[int]:
        """Which parts of a name have a number that may count layers: not that of attn1 beside attn2."""
        stop = len(path)
        while stop and not path[stop - 1].isdigit() and (stop == len(path) or self._attends(path[:stop])):
            stop -= 1
        return [at for at in range(stop) if re.search("[0-9]", path[at])]

    def _attends(self, path: Sequence[str]) -> bool:
        module = self._modules.get(".".join(path))
        return module is not None and is_attention(module)

    def _are_sublayers(self, blocks: Iterable[str]) -> bool:
        """Whether they are bare lists of unlike parts, such as attention in one and a feed-forward layer in the next."""
        modules = [self._modules[one] for one in blocks]
        if not all(type(module) in LISTS for module in modules):
            return False
        return len({tuple(type(part) for part in module.children()) for module in modules}) > 1


def listed(layers: Collection[int]) -> str:
    """Layers in a few words: "0 to 5", or one by one where some are missing between."""
    if not layers:
        return "of which there were none"
    ordered = sorted(layers)
    if ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{ordered[0]} to {ordered[-1]}"
    return f"{', '.join(map(str, ordered[:-1]))} and {ordered[-1]}"


def _pattern(name: str) -> str:
    return re.sub("[0-9]+", "*", name)


def _pattern_of(path: Sequence[str], counted: Sequence[int]) -> str:
    return ".".join(_pattern(part) if at in counted else part for at, part in enumerate(path))


def _number(part: str) -> tuple[int, ...]:
    return tuple(int(found) for found in re.findall("[0-9]+", part))
