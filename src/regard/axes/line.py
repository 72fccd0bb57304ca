"""The positions of one sequence along one side of a map."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import TypeVar

import numpy as np

from regard.arguments import truth, whole_number
from regard.axes.places import Patch, Place, Residue, Seconds
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.positions import Positions, positions_of
from regard.tokens.kinds import checked_kind
from regard.tokens.special import is_special
from regard.tokens.words import Words, WordsAsked, words_of

T = TypeVar("T")
Groups = tuple[tuple[int, ...], ...]

_COLUMNS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "token": (str,),
    "id": (int, np.integer),
    "present": (bool, np.bool_),
    "special": (bool, np.bool_),
    "place": (Patch, Seconds, Residue, type(None)),
}


@dataclass(frozen=True)
class Line:
    """What is known of the positions of one sequence; None where a thing is not known.

    Attributes:
        size: how many positions there are, padding included.
        text: what a person reads.
        token: the tokenizer's own spelling.
        id: the tokenizer's number.
        present: False where a position is padding; None where it is not known, and all count.
        special: True where a token stands for no text.
        place: where a position stands in a picture, a sound or a chain.
        group: how positions combine, by the name of the unit: the positions of each word, sentence or turn.
        kind: how the tokenizer marks words, one of ``regard.tokens.kinds.TOKENIZERS``.
        cut: whether some patches of a picture were left out, but not all of them: the others do not say its grid.
    """

    size: int
    text: tuple[str, ...] | None = None
    token: tuple[str, ...] | None = None
    id: tuple[int, ...] | None = None
    present: tuple[bool, ...] | None = None
    special: tuple[bool, ...] | None = None
    place: tuple[Place | None, ...] | None = None
    group: Mapping[str, Groups] = field(default_factory=dict)
    kind: str | None = None
    cut: bool = False

    def __post_init__(self) -> None:
        size = whole_number("size", self.size, 0)
        if size is not self.size:
            object.__setattr__(self, "size", size)
        for name, types in _COLUMNS.items():
            known = getattr(self, name)
            if known is None:
                continue
            if not isinstance(known, tuple | list):
                raise DtypeError(f"{name}: expected a tuple, one a position, or None, got {in_short(known)}")
            if len(known) != self.size:
                raise ShapeError(f"{name}: expected {self.size}, one a position, got {len(known)}")
            if strange := [one for one in set(map(type, known)) if not issubclass(one, types)]:
                raise DtypeError(f"{name}: expected {' or '.join(one.__name__ for one in types)}, got {strange[0].__name__}")
        _check_groups(self.group, self.size)
        checked_kind(self.kind)
        truth("cut", self.cut)

    @property
    def spelled(self) -> tuple[str, ...] | None:
        """The tokens as their tokenizer spells them, or the texts where there are none: what words are made of."""
        return self.text if self.token is None else self.token

    @property
    def specials(self) -> tuple[bool, ...]:
        """Which positions stand for no text: as the tokenizer says, or by the names of the tokens."""
        if self.special is not None:
            return self.special
        return tuple(map(is_special, self.spelled)) if self.spelled is not None else (False,) * self.size

    @property
    def real(self) -> Positions:
        """The positions that are no padding: a range where they follow one another."""
        if self.present is None or all(self.present):
            return range(self.size)
        return positions_of(tuple(compress(range(self.size), self.present)))

    def units(self, asked: WordsAsked | str | None = None) -> Words:
        """How the positions combine to words, to characters, to a unit of ``group``, or to words that are given.

        Raises:
            OptionError: the positions have no texts, or words of another text.
        """
        if isinstance(asked, str) and asked in self.group:
            groups, text = self.group[asked], self.text or tuple(map(str, range(self.size)))
            return Words(tuple(" ".join(text[at] for at in one) for one in groups), groups)
        if self.spelled is None:
            raise OptionError("expected positions with texts, got none; give labels: amap.queries = amap.keys = tokens")
        named = {token for token, out in zip(self.spelled, self.specials, strict=True) if out}
        return words_of(self.spelled, named, kind=self.kind, words=asked)

    def take(self, places: Positions) -> "Line":
        """Some of the positions, in this order."""
        if places == range(self.size):
            return self
        chosen = {name: _chosen(getattr(self, name), places) for name in _COLUMNS}
        now = {place: at for at, place in enumerate(places)}
        groups = {
            name: tuple(kept for one in groups if (kept := tuple(now[at] for at in one if at in now)))
            for name, groups in self.group.items()
        }
        cut = self.cut or _lost(self.place, chosen["place"])
        return Line(len(places), **chosen, group=groups, kind=self.kind, cut=cut)

    def with_text(self, text: Sequence[str] | None) -> "Line":
        """The same positions under other names; the tokenizer's spelling no longer belongs to them."""
        named = None if text is None else tuple(text)
        return self if named == self.text else replace(self, text=named, token=None, special=None, group={}, kind=None)


def _lost(before: tuple[Place | None, ...] | None, after: tuple[Place | None, ...] | None) -> bool:
    """Whether a picture of which some patches are left had more."""
    whole, left = (Counter(one.image for one in set(places or ()) if isinstance(one, Patch)) for places in (before, after))
    return any(count < whole[image] for image, count in left.items())


def _chosen(values: tuple[T, ...] | None, places: Positions) -> tuple[T, ...] | None:
    if values is None:
        return None
    if isinstance(places, range) and places.step == 1:
        return values[places.start : places.stop]
    return tuple(values[at] for at in places)


def _check_groups(group: Mapping[str, Groups], size: int) -> None:
    if not isinstance(group, Mapping):
        raise DtypeError(f"group: expected units by name, each the positions of its parts, got {in_short(group)}")
    for name, groups in group.items():
        if not isinstance(groups, tuple | list) or not all(isinstance(places, tuple | list | range) for places in groups):
            raise DtypeError(f"{name}: expected tuples of positions, one a unit, got {in_short(groups)}")
        for at in (at for places in groups for at in places):
            if not isinstance(at, int | np.integer) or not 0 <= at < size:
                raise ShapeError(f"{name}: expected groups of positions from 0 to {size - 1}, got {in_short(at)}")
