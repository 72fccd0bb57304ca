"""What a file may cost: counted from its header before anything is built, and before a file is written that would cost more.

A small file costs little: to open one, or to refuse it, takes less than a second and 64 MiB beyond its own size, whatever
stands in it. What honest files have in proportion to their tensors may grow with these.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

FREE_BYTES = 48 * 2**20
"""Of memory for texts, numbers and positions, beyond the size of the file."""

FREE_POSITIONS = 2**19
"""Rows and columns of all maps of a file together, beyond one for each of its bytes."""

FREE_MAPS = 2048
"""Maps, sequences of maps, and parts of masks; and one more of each for every 512 bytes of the file."""

BYTES_A_MAP = 512

# What CPython takes: for a list or an object, for an entry with its text or number, and for what belongs to a name.
_CONTAINER, _ENTRY, _NAME = 100, 72, 48
_PLACE = 16  # a place that is kept twice, in 64 bits
_POSITION = 24  # a truth value in a list, and in the tuple that is made of it


class Sized(Protocol):
    """A tensor, as the header tells of it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""


class Budget:
    """What opening a file of this size may take.

    Args:
        size: bytes of the whole file.
        refuse: raises the error of a file that takes more: with what was expected, and what came.
    """

    def __init__(self, size: int, refuse: Callable[[str, str], Exception]) -> None:
        self._refuse, self._left, self._text = refuse, FREE_BYTES + size, 0
        self._positions, self._maps = FREE_POSITIONS + size, FREE_MAPS + size // BYTES_A_MAP

    def pay_for_text(self, text: bytes | str) -> None:
        """Count what JSON becomes in memory: nothing is parsed for it. JSON within JSON is counted with what it stands in."""
        if isinstance(text, bytes):
            lists, entries, names = text.count(b"[") + text.count(b"{"), text.count(b","), text.count(b":")
        else:
            lists, entries, names = text.count("[") + text.count("{"), text.count(","), text.count(":")
        copies = 6 if text.isascii() else 20  # a single letter beyond ASCII may make all of a text four times as large
        cost = _CONTAINER * lists + _ENTRY * entries + _NAME * names + copies * len(text)
        beyond, self._text = max(0, cost - self._text), max(cost, self._text)
        self._pay(beyond, f"{len(text):,} characters, {lists:,} lists and objects, {entries:,} entries")

    def pay_for_header(self, text: Mapping[str, Any], tensors: Mapping[str, Sized]) -> None:
        """Count what the header of a file of maps asks for: positions, sequences of maps, parts of masks, padding."""
        maps = [one for one in _listed(text.get("maps")) if isinstance(one, dict)]
        rows = sequences = parts = 0
        read: dict[str, int] = {}  # numbers that masks are made of; equal parts of masks are made once
        for one in maps:
            found = {name: tensors[one[name]].shape for name in ("weights", "query", "key") if _named(one, name, tensors)}
            across = found.get("weights", found.get("query", ()))
            batch, heads, queries, last = (*across, 1, 1, 1, 1)[:4] if len(across) == 4 else (1, 1, 1, 1)
            key = found.get("key", ())
            keys = last if "weights" in found else key[2] if len(key) == 4 else 1
            # An axis of size 0 leaves nothing to read, but the others are there.
            rows += max(batch, 1) * (max(heads, 1) * max(queries, 1) + max(keys, 1))
            sequences += max(batch, 1)
            for part in _parts_of_mask(one.get("mask")):
                parts += 1
                read[str(part)] = _numbers_of_mask(part, tensors)
        if rows > self._positions:
            raise self._refuse(f"at most {self._positions:,} rows and columns of its maps, as it is small", f"{rows:,}")
        for what, count in (("maps", len(maps)), ("sequences of maps", sequences), ("parts of masks", parts)):
            if count > self._maps:
                raise self._refuse(f"at most {self._maps:,} {what}, as it is small", f"{count:,}")
        self._pay(sum(read.values()), f"masks of {sum(read.values()):,} numbers")
        marked = sum(map(_marked_positions, _listed(text.get("axes"))))
        recording = text.get("recording")
        tokens = recording.get("tokens") if isinstance(recording, dict) else None
        marked += sum(map(_spanned_positions, tokens.values() if isinstance(tokens, dict) else ()))
        self._pay(_POSITION * marked, f"{marked:,} positions that are padding, special or real")

    def _pay(self, cost: int, what: str) -> None:
        if cost > self._left:
            raise self._refuse("a header that takes little memory beside its tensors", what)
        self._left -= cost


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _named(entry: Mapping[str, Any], name: str, tensors: Mapping[str, Sized]) -> bool:
    return isinstance(entry.get(name), str) and entry[name] in tensors


def _parts_of_mask(mask: object) -> Iterator[dict[str, Any]]:
    """A mask and all that it is combined of."""
    waiting = [mask]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()


def _numbers_of_mask(part: Mapping[str, Any], tensors: Mapping[str, Sized]) -> int:
    """Bytes that are read or made of the tensors that one part of a mask names."""
    found = sum(math.prod(tensors[part[name]].shape) for name in part if _named(part, name, tensors))
    return found * (_PLACE if "positions" in part else 1)


def _marked_positions(axis: object) -> int:
    """Positions of an axis of which the file says in runs what they are: few letters, and many of them."""
    found = 0
    while isinstance(axis, dict):
        for line in _listed(axis.get("lines")):
            if isinstance(line, dict) and type(line.get("size")) is int:
                found += max(0, line["size"]) * sum(name in line for name in ("present", "special"))
        axis = axis.get("beside")
    return found


def _spanned_positions(said: object) -> int:
    """Positions of a role's tokens, as files before axes have them: as many as the last span ends at, for each of them."""
    spans = _listed(said.get("spans")) if isinstance(said, dict) else []
    ends = [span[1] for span in spans if isinstance(span, list) and len(span) == 2 and type(span[1]) is int]
    return max([0, *ends]) * len(spans)
